//! Every limit on ffprobe holds: time, processor, memory, files, children, priority, and what it may
//! say. A program of our own stands in for it and tries.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use media::probe::{MetaData, Probe, ProbeLimits, ProbeTools};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::{built_in, known, plain_mp4, tools};

/// Far longer than any test here takes if the limit holds, far shorter than what is tried.
const PATIENCE: Duration = Duration::from_mins(1);

/// A stand-in for ffprobe that does what `mode` says, with prlimit and nice of this machine.
struct Trying {
    directory: TempDir,
    film: PathBuf,
}

impl Trying {
    fn new(mode: &str) -> Self {
        let directory = TempDir::new().unwrap();
        // linked rather than written: a file that was just written may be "busy" while others fork
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/probe/trying-ffprobe");
        symlink(script, directory.path().join("ffprobe")).unwrap();
        fs::write(directory.path().join("mode"), mode).unwrap();
        let film = plain_mp4(&directory);
        Self { directory, film }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn meta_data(&self, limits: ProbeLimits) -> MetaData {
        let tools = tools().with_ffprobe(self.path("ffprobe"));
        let probe = Probe::new(tools, limits);
        timeout(PATIENCE, known(&probe, &self.film)).await.expect("the limit should end it")
    }

    /// ffprobe's answer was not used.
    async fn assert_replaced(&self, limits: ProbeLimits) {
        assert_eq!(self.meta_data(limits).await, known(&built_in(), &self.film).await);
    }
}

/// Limits that end nothing while a test runs.
fn patient() -> ProbeLimits {
    ProbeLimits { timeout: 10 * PATIENCE, cpu_s: 600, ..ProbeLimits::default() }
}

/// Every running process whose command line holds `words`.
fn running(words: &str) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    processes
        .filter(|process| {
            let line = fs::read(process.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ").contains(words)
        })
        .collect()
}

/// The priority of the tests themselves, from which that of a child is counted.
fn own_nice() -> i32 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // behind the name, which may hold anything, it is the 17th field: proc_pid_stat(5)
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').nth(16).unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_obedient_program_is_asked_within_its_limits() {
    let limits = ProbeLimits { memory_bytes: 1 << 30, cpu_s: 7, ..ProbeLimits::default() };
    let told = Trying::new("tell").meta_data(limits).await.container;
    // open files, address space in KiB, seconds, bytes of files, of a core file, priority
    let nice = (own_nice() + 10).min(19);
    assert_eq!(told, format!("nofile=64 as=1048576 cpu=7 fsize=0 core=0 nice={nice}"));
}

#[tokio::test]
async fn the_real_one_is_held_too() {
    let directory = TempDir::new().unwrap();
    let film = plain_mp4(&directory);
    let replaced = known(&built_in(), &film).await;
    let told = known(&Probe::new(tools(), patient()), &film).await;
    assert_ne!(told, replaced, "they should differ in something that shows who answered");
    for limits in [
        ProbeLimits { timeout: Duration::from_millis(1), ..patient() },
        ProbeLimits { memory_bytes: 16 << 20, ..patient() },
        ProbeLimits { output_bytes: 100, ..patient() },
    ] {
        assert_eq!(known(&Probe::new(tools(), limits), &film).await, replaced, "{limits:?}");
    }
}

#[tokio::test]
async fn a_spinning_program_uses_up_its_processor_time() {
    let trying = Trying::new("spin");
    trying.assert_replaced(ProbeLimits { cpu_s: 1, ..patient() }).await;
    assert_eq!(running(&trying.path("ffprobe").display().to_string()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_greedy_program_gets_no_more_memory() {
    let trying = Trying::new("take 400 MB");
    let enough = trying.meta_data(ProbeLimits { memory_bytes: 1 << 30, ..patient() }).await;
    assert_eq!(enough.container, "400 MB taken");
    trying.assert_replaced(ProbeLimits { memory_bytes: 256 << 20, ..patient() }).await;
}

#[tokio::test]
async fn a_writing_program_leaves_nothing() {
    let trying = Trying::new("write");
    trying.assert_replaced(patient()).await;
    let written = fs::read(trying.path("written")).unwrap_or_default();
    assert_eq!(written, b"");
}

#[tokio::test]
async fn a_talking_program_is_cut_off() {
    let trying = Trying::new("talk");
    trying.assert_replaced(patient()).await;
    let deadline = Instant::now() + PATIENCE;
    while !running(&trying.path("ffprobe").display().to_string()).is_empty() {
        assert!(Instant::now() < deadline, "it still talks");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_children_of_a_program_end_with_its_time() {
    // hanging with its children, and gone before them with its answer unfinished
    for mode in ["fork", "fork and leave"] {
        let trying = Trying::new(mode);
        let mark = trying.path("child").display().to_string();
        let limits = ProbeLimits { timeout: Duration::from_secs(2), ..patient() };
        trying.assert_replaced(limits).await;
        assert!(trying.path("mode").exists());
        let deadline = Instant::now() + PATIENCE;
        while !running(&mark).is_empty() {
            assert!(Instant::now() < deadline, "{mode}: children still run");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_program() {
    let trying = Trying::new("fork");
    let mark = trying.path("child").display().to_string();
    let tools: ProbeTools = tools().with_ffprobe(trying.path("ffprobe"));
    let probe = Probe::new(tools, patient());
    let deadline = Instant::now() + PATIENCE;
    {
        let mut probing = std::pin::pin!(probe.run(&trying.film));
        while running(&mark).len() < 2 {
            assert!(Instant::now() < deadline, "it never began");
            // what is under way goes on only while someone waits for it
            timeout(Duration::from_millis(10), &mut probing).await.unwrap_err();
        }
    }
    while !running(&mark).is_empty() {
        assert!(Instant::now() < deadline, "it still runs");
        sleep(Duration::from_millis(10)).await;
    }
}
