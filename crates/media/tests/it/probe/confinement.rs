//! What ffprobe is given, and what it is not: no playlist, no environment, no time without end.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use media::probe::{Probe, ProbeError, ProbeLimits, ProbeTools};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{assert_unknown, built_in, known, make, picture, plain_mp4, tone, write};

/// A directory with a stand-in for ffprobe, linked rather than written: a file that was just
/// written may be "busy" when another test forks.
struct Stub {
    directory: TempDir,
}

impl Stub {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/probe/stub-ffprobe");
        std::os::unix::fs::symlink(script, directory.path().join("ffprobe")).unwrap();
        Self { directory }
    }

    fn tell(&self, name: &str, content: &str) -> &Self {
        fs::write(self.path(name), content).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn probe(&self, limits: ProbeLimits) -> Probe {
        let tools = ProbeTools::detect(Some(self.directory.path().as_os_str()));
        assert_eq!(tools.ffprobe(), Some(self.path("ffprobe").as_path()));
        Probe::new(tools, limits)
    }

    fn words(&self) -> Option<Vec<String>> {
        let text = fs::read_to_string(self.path("called")).ok()?;
        Some(text.lines().map(str::to_owned).collect())
    }
}

#[tokio::test]
async fn ffprobe_gets_one_local_file_and_a_forced_demuxer() {
    let directory = TempDir::new().unwrap();
    let stub = Stub::new();
    stub.tell(
        "answer",
        r#"{"streams":[{"codec_type":"audio","codec_name":"aac","sample_rate":"8000"}],
           "format":{"format_name":"told","duration":"7.0"}}"#,
    );
    let path = plain_mp4(&directory);
    let meta = known(&stub.probe(ProbeLimits::default()), &path).await;
    assert_eq!((meta.container.as_str(), meta.duration.to_string().as_str()), ("told", "7"));
    let words = stub.words().unwrap();
    assert_eq!(words[0], "HOME=unset");
    assert_eq!(words.last().map(String::as_str), Some("file:/dev/stdin"));
    assert_eq!(fs::read(stub.path("input")).unwrap(), fs::read(&path).unwrap());
    for pair in [
        ["-protocol_whitelist", "file"],
        ["-format_whitelist", "mov"],
        ["-f", "mov"],
        ["-of", "json"],
    ] {
        assert!(words.windows(2).any(|two| two == pair), "{pair:?} in {words:?}");
    }
}

#[tokio::test]
async fn what_is_not_media_never_reaches_ffprobe() {
    let directory = TempDir::new().unwrap();
    let stub = Stub::new();
    let probe = stub.probe(ProbeLimits::default());
    let image = make(&directory, "a.png", &[picture("0.04")], "-frames:v 1");
    known(&probe, &image).await;
    let program = directory.path().join("program.mp4");
    fs::copy("/proc/self/exe", &program).unwrap();
    let unknown = [
        program,
        write(&directory, "empty.mp4", b""),
        write(&directory, "list.mp4", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n"),
        write(&directory, "concat.mp4", b"ffconcat version 1.0\nfile '/etc/passwd'\n"),
        write(
            &directory,
            "dash.mp4",
            b"<?xml version=\"1.0\"?><MPD><BaseURL>file:///</BaseURL></MPD>",
        ),
        write(&directory, "sdp.mp4", b"v=0\no=- 0 0 IN IP4 127.0.0.1\n"),
        write(&directory, "text.mp4", b"only words\n"),
    ];
    for path in unknown {
        assert_eq!(probe.run(&path).await.unwrap(), None, "{}", path.display());
    }
    assert_eq!(stub.words(), None, "ffprobe was called");
}

#[tokio::test]
async fn a_playlist_named_mp4_reads_nothing() {
    let directory = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let h264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac";
    let segment = make(&directory, "segment.ts", &[picture("1"), tone("1")], h264);
    for target in [
        segment.display().to_string(),
        format!("file://{}", segment.display()),
        format!("http://{address}/segment.ts"),
    ] {
        let list =
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{target}\n#EXT-X-ENDLIST\n");
        assert_unknown(&write(&directory, "list.mp4", list.as_bytes())).await;
        let concat = format!("ffconcat version 1.0\nfile '{target}'\n");
        assert_unknown(&write(&directory, "concat.mp4", concat.as_bytes())).await;
    }
    let nobody = listener.accept().map(|(_, from)| from).map_err(|error| error.kind());
    assert_eq!(nobody, Err(ErrorKind::WouldBlock));
}

#[tokio::test]
async fn a_hanging_ffprobe_is_ended_and_replaced() {
    let directory = TempDir::new().unwrap();
    let stub = Stub::new();
    stub.tell("hang", "");
    let limits = ProbeLimits { timeout: Duration::from_secs(1), ..ProbeLimits::default() };
    let path = plain_mp4(&directory);
    assert_eq!(known(&stub.probe(limits), &path).await, known(&built_in(), &path).await);

    let pid = fs::read_to_string(stub.path("pid")).unwrap();
    let status = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
    let alive = || fs::read_to_string(&status).is_ok_and(|stat| !stat.contains(") Z "));
    let deadline = Instant::now() + Duration::from_secs(10);
    while alive() {
        assert!(Instant::now() < deadline, "ffprobe {pid} still runs");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off_and_replaced() {
    let directory = TempDir::new().unwrap();
    let stub = Stub::new();
    stub.tell("flood", "");
    let path = plain_mp4(&directory);
    let meta = known(&stub.probe(ProbeLimits::default()), &path).await;
    assert_eq!(meta, known(&built_in(), &path).await);
}

#[tokio::test]
async fn a_senseless_or_missing_answer_is_replaced() {
    let directory = TempDir::new().unwrap();
    let path = plain_mp4(&directory);
    let expected = known(&built_in(), &path).await;
    for answer in [None, Some("no JSON"), Some(r#"{"streams": 7}"#)] {
        let stub = Stub::new();
        if let Some(answer) = answer {
            stub.tell("answer", answer);
        }
        assert_eq!(known(&stub.probe(ProbeLimits::default()), &path).await, expected);
    }
}

#[tokio::test]
async fn odd_names_are_names_all_the_same() {
    let directory = TempDir::new().unwrap();
    let bytes = fs::read(plain_mp4(&directory)).unwrap();
    for name in ["-i", "a b%d.mp4", "http:x.mp4", "data:,x", "\u{4e2d}\u{6587}.mp4"] {
        let path = write(&directory, name, &bytes);
        assert_eq!(known(&super::with_ffprobe(), &path).await.width, 320, "{name}");
    }
}

#[tokio::test]
async fn only_the_file_itself_can_be_an_error() {
    let directory = TempDir::new().unwrap();
    let missing = built_in().run(&directory.path().join("missing")).await;
    assert!(matches!(missing, Err(ProbeError::Read { .. })), "{missing:?}");
    let not_a_file = built_in().run(directory.path()).await;
    assert!(matches!(not_a_file, Err(ProbeError::NotAFile { .. })), "{not_a_file:?}");
}

#[test]
fn tools_are_found_in_absolute_directories_only() {
    let stub = Stub::new();
    assert_eq!(ProbeTools::detect(None), ProbeTools::none());
    assert_eq!(ProbeTools::detect(Some("relative:.:".as_ref())), ProbeTools::none());
    stub.tell("nice", "not executable");
    let found = ProbeTools::detect(Some(stub.directory.path().as_os_str()));
    assert!(found.ffprobe().is_some());
    assert!(!found.is_confined() && super::tools().is_confined());
    assert!(ProbeTools::none().is_confined(), "there is nothing to confine");
    fs::remove_file(stub.path("nice")).unwrap();
    assert_eq!(found, ProbeTools::detect(Some(stub.directory.path().as_os_str())));
}

/// A film whose track says that its samples are in another file: an alias with an absolute path.
fn film_with_samples_elsewhere(film: &[u8], other: &Path) -> Vec<u8> {
    let path = other.to_str().unwrap();
    // names of volume and file, which are empty, and no levels up
    let mut alias = vec![0; 150];
    let mut entry = |kind: u16, bytes: &[u8]| {
        alias.extend(kind.to_be_bytes());
        alias.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
        alias.extend(bytes);
        if bytes.len() % 2 == 1 {
            alias.push(0);
        }
    };
    entry(2, path.as_bytes());
    entry(18, path.as_bytes());
    alias.extend([0xff, 0xff, 0, 0]);
    let place = |name: &[u8; 4]| film.windows(4).position(|n| n == name).unwrap() - 4;
    let dref = place(b"dref");
    let old =
        usize::try_from(u32::from_be_bytes(film[dref..dref + 4].try_into().unwrap())).unwrap();
    let mut made = Vec::new();
    made.extend((8 + 8 + 12 + u32::try_from(alias.len()).unwrap()).to_be_bytes());
    made.extend(b"dref\0\0\0\0\0\0\0\x01");
    made.extend((12 + u32::try_from(alias.len()).unwrap()).to_be_bytes());
    made.extend(b"alis\0\0\0\0");
    made.extend(alias);
    let more = u32::try_from(made.len() - old).unwrap();
    let mut bytes = [&film[..dref], &made, &film[dref + old..]].concat();
    // every box around it has grown
    for name in [b"moov", b"trak", b"mdia", b"minf", b"dinf"] {
        let at = place(name);
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) + more;
        bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    bytes
}

#[tokio::test]
async fn samples_in_another_file_are_not_looked_at() {
    let directory = TempDir::new().unwrap();
    let film = fs::read(plain_mp4(&directory)).unwrap();
    let other = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&other).status().unwrap().success());
    let bytes = film_with_samples_elsewhere(&film, &other);
    let path = write(&directory, "elsewhere.mp4", &bytes);

    let (opened, seen) = std::sync::mpsc::channel();
    let pipe = other.clone();
    let watcher = std::thread::spawn(move || {
        // returns when someone reads
        let writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        opened.send(()).ok();
        drop(writer);
    });
    assert_eq!(known(&super::with_ffprobe(), &path).await.width, 320);
    assert!(seen.try_recv().is_err(), "the other file was opened");

    // the same file does lead there if ffprobe is allowed to
    let followed = Command::new("ffprobe")
        .args("-v error -enable_drefs 1 -use_absolute_path 1 -show_packets -i".split(' '))
        .arg(&path)
        .output();
    followed.expect("these tests need ffprobe: ./scripts/test installs it");
    seen.recv_timeout(Duration::from_secs(20)).expect("ffprobe should follow the alias");
    watcher.join().unwrap();
}
