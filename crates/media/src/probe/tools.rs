//! Which programs are there, and within which limits they run.
//!
//! Found once at start and handed on, because a library reads no environment. Absent: versions
//! and features of the programs; whatever fails later falls back to the built-in parsers.

use std::env::split_paths;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::limits;

/// The programs that probing uses where they exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProbeTools {
    ffprobe: Option<PathBuf>,
    prlimit: Option<PathBuf>,
    nice: Option<PathBuf>,
}

impl ProbeTools {
    /// Looks for ffprobe, and for prlimit and nice to confine it, in the directories of
    /// `search_path`, which is written like `PATH`. Relative directories are passed over, since
    /// what they mean would change with the working directory.
    pub fn detect(search_path: Option<&OsStr>) -> Self {
        let find = |name: &str| {
            split_paths(search_path?)
                .filter(|directory| directory.is_absolute())
                .map(|directory| directory.join(name))
                .find(|program| is_executable(program))
        };
        Self { ffprobe: find("ffprobe"), prlimit: find("prlimit"), nice: find("nice") }
    }

    /// No programs: only the built-in parsers.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same with that ffprobe instead of the one that was found.
    #[must_use]
    pub fn with_ffprobe(mut self, program: impl Into<PathBuf>) -> Self {
        self.ffprobe = Some(program.into());
        self
    }

    /// Where ffprobe is, for the log and for `doctor`.
    pub fn ffprobe(&self) -> Option<&Path> {
        self.ffprobe.as_deref()
    }

    /// Whether ffprobe, if there is one, is kept within its limits on memory, processor time and
    /// files by a program that is there. Its time is limited all the same.
    pub fn is_confined(&self) -> bool {
        self.ffprobe.is_none() || self.prlimit.is_some()
    }

    pub(super) fn prlimit(&self) -> Option<&Path> {
        self.prlimit.as_deref()
    }

    pub(super) fn nice(&self) -> Option<&Path> {
        self.nice.as_deref()
    }
}

fn is_executable(program: &Path) -> bool {
    fs::metadata(program)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// What one probe may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeLimits {
    /// How long ffprobe may run.
    pub timeout: Duration,
    /// Processor time of ffprobe in seconds, where prlimit is there.
    pub cpu_s: u64,
    /// Address space of ffprobe in bytes, where prlimit is there.
    pub memory_bytes: u64,
    /// Bytes of ffprobe's answer that are read; a longer one is dropped.
    pub output_bytes: usize,
    /// Bytes of the file that the built-in parsers read.
    pub read_bytes: u64,
    /// Probes at the same time; more wait their turn. At least 1.
    pub concurrency: usize,
}

impl Default for ProbeLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(limits::PROBE_MS),
            cpu_s: limits::PROBE_CPU_S,
            memory_bytes: limits::PROBE_MEMORY_BYTES_MAX,
            output_bytes: limits::PROBE_OUTPUT_BYTES_MAX,
            read_bytes: limits::PROBE_READ_BYTES_MAX,
            concurrency: limits::PROBES_MAX,
        }
    }
}
