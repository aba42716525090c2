//! The ffprobe program: how it is confined.
//!
//! It parses bytes that anyone may have made, so it gets one local file, a demuxer it may not
//! choose, no environment, little time, little memory, and nothing that it could write to but its
//! answer. The file is its standard input: the very file that was sniffed, whatever becomes of its
//! name, and one without a name as well. The demuxer is forced to the sniffed container: nothing in
//! the file can turn it into a playlist that names other files. It leads a process group of its own,
//! and all of that group ends with its time.
//! Absent: playlists (parsed by us), decoding, trust in the answer's size or shape, and a limit on
//! processes, which the system counts by user and not by program.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::meta::Finding;
use super::sniff::Container;
use super::tools::{ProbeLimits, ProbeTools};
use answer::Answer;

mod answer;

/// The standard input by name. A pipe could not be searched; a name under which the file itself is
/// reached can, and without "file:" it would be one protocol among many.
const INPUT: &str = "file:/dev/stdin";

/// Why ffprobe gave no answer. The caller falls back to the built-in parsers.
#[derive(Debug, thiserror::Error)]
pub(super) enum FfprobeError {
    #[error("ffprobe could not be run")]
    Run(#[source] io::Error),
    #[error("ffprobe ran longer than {0:?}")]
    Timeout(Duration),
    #[error("ffprobe answered more than {0} bytes")]
    Output(usize),
    #[error("ffprobe refused the file: {0}")]
    Refused(std::process::ExitStatus),
    #[error("ffprobe's answer is not what it should be")]
    Answer(#[source] serde_json::Error),
}

impl FfprobeError {
    /// Whether the machine is to blame and not the file.
    pub(super) const fn is_ours(&self) -> bool {
        matches!(self, Self::Run(_))
    }
}

/// Asks ffprobe at `program` about a file, which is a `container`.
pub(super) async fn read(
    program: &Path,
    tools: &ProbeTools,
    limits: &ProbeLimits,
    mut file: File,
    container: Container,
) -> Result<Finding, FfprobeError> {
    // some systems do not open the standard input anew but share the place in it
    file.rewind().map_err(FfprobeError::Run)?;
    let mut command = confined(program, tools, limits);
    command
        .args(["-v", "error", "-of", "json", "-show_format", "-show_streams"])
        .args(["-protocol_whitelist", "file", "-format_whitelist", container.demuxer()])
        .args(["-f", container.demuxer(), "-threads", "1", "-i", INPUT])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(file))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    let output = timeout(limits.timeout, answer(command, limits.output_bytes))
        .await
        .map_err(|_elapsed| FfprobeError::Timeout(limits.timeout))??;
    let answer: Answer = serde_json::from_slice(&output).map_err(FfprobeError::Answer)?;
    Ok(answer.finding())
}

/// `prlimit … nice … ffprobe`, each replacing itself by the next, so that one process is left.
fn confined(program: &Path, tools: &ProbeTools, limits: &ProbeLimits) -> Command {
    let mut words: Vec<OsString> = Vec::new();
    if let Some(prlimit) = tools.prlimit() {
        words.push(prlimit.into());
        words.push(format!("--cpu={}", limits.cpu_s).into());
        words.push(format!("--as={}", limits.memory_bytes).into());
        words.extend(["--core=0", "--fsize=0", "--nofile=64"].map(OsString::from));
    }
    if let Some(nice) = tools.nice() {
        words.push(nice.into());
        words.extend(["-n", "10"].map(OsString::from));
    }
    words.push(program.into());
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().as_deref().unwrap_or(OsStr::new("")));
    command.args(words);
    command
}

async fn answer(mut command: Command, most: usize) -> Result<Vec<u8>, FfprobeError> {
    let mut child = command.spawn().map_err(FfprobeError::Run)?;
    // declared behind the child, so that it is dropped before it: the group's number is the child's,
    // and is nobody else's only while the child has not been waited for
    let group = Group::of(&child);
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        stdout.take(bound).read_to_end(&mut output).await.map_err(FfprobeError::Run)?;
    }
    if output.len() > most {
        return Err(FfprobeError::Output(most));
    }
    let status = child.wait().await.map_err(FfprobeError::Run)?;
    group.forget();
    if status.success() { Ok(output) } else { Err(FfprobeError::Refused(status)) }
}

/// The process group that ffprobe leads. Dropped, it ends with all that ffprobe has started.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// The child has been waited for: its number may be another's.
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // it has ended by itself if it is not there
            let _gone = kill_process_group(leader, Signal::KILL);
        }
    }
}
