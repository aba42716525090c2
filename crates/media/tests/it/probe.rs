//! Probing real files: what ffprobe says, what the built-in parsers say, and that they agree.
//!
//! The files are made here by ffmpeg, so that no binary is committed. Absent: files of other
//! encoders; the mutations in `probe::hostile` stand in for what those do differently.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use media::probe::{MetaData, Probe, ProbeLimits, ProbeTools};
use tempfile::TempDir;

mod agreement;
mod confinement;
mod elsewhere;
mod hostile;
mod limits;
mod uploaded;

/// A video source of `seconds`, small enough to encode in no time.
fn picture(seconds: &str) -> Vec<String> {
    source(&format!("testsrc=size=320x180:rate=25:duration={seconds}"))
}

/// A sound source of `seconds`.
fn tone(seconds: &str) -> Vec<String> {
    source(&format!("sine=frequency=440:sample_rate=44100:duration={seconds}"))
}

fn source(graph: &str) -> Vec<String> {
    ["-f", "lavfi", "-i", graph].map(str::to_owned).to_vec()
}

/// Makes `name` in `directory` with ffmpeg from `sources` and the words of `options`.
fn make(directory: &TempDir, name: &str, sources: &[Vec<String>], options: &str) -> PathBuf {
    let path = directory.path().join(name);
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(sources.concat())
        .args(options.split_whitespace())
        .arg(&path)
        .stdin(Stdio::null())
        .output()
        .expect("these tests make their files with ffmpeg: ./scripts/test installs it");
    assert!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
    path
}

/// An MP4 with H.264 and AAC, its `moov` at the end.
fn plain_mp4(directory: &TempDir) -> PathBuf {
    make(
        directory,
        "plain.mp4",
        &[picture("2"), tone("2")],
        "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac",
    )
}

/// The programs of this machine, which must have ffprobe.
pub(crate) fn tools() -> ProbeTools {
    let tools = ProbeTools::detect(env::var_os("PATH").as_deref());
    assert!(tools.ffprobe().is_some(), "these tests need ffprobe: ./scripts/test installs it");
    tools
}

fn with_ffprobe() -> Probe {
    Probe::new(tools(), ProbeLimits::default())
}

fn built_in() -> Probe {
    Probe::new(ProbeTools::none(), ProbeLimits::default())
}

async fn known(probe: &Probe, path: &Path) -> MetaData {
    let found = probe.run(path).await.expect("a file that can be read");
    found.unwrap_or_else(|| panic!("{} should be understood by {probe:?}", path.display()))
}

/// Nothing is known about the file, with or without ffprobe, and that is no error.
async fn assert_unknown(path: &Path) {
    for probe in [with_ffprobe(), built_in()] {
        let found = probe.run(path).await.expect("a file that can be read");
        assert_eq!(found, None, "{} with {probe:?}", path.display());
    }
}

fn write(directory: &TempDir, name: impl AsRef<OsStr>, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join(name.as_ref());
    std::fs::write(&path, bytes).expect("a writable temporary directory");
    path
}
