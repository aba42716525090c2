//! Broken, cut, huge and mutated files: nothing is known about them, and nothing else happens.

use std::env;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::panic;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use media::probe::{Probe, ProbeLimits};
use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{
    assert_unknown, built_in, known, make, picture, plain_mp4, tone, tools, with_ffprobe, write,
};

#[tokio::test]
async fn broken_files_are_unknown_and_no_error() {
    let directory = TempDir::new().unwrap();
    let bytes = fs::read(plain_mp4(&directory)).unwrap();
    assert_unknown(&write(&directory, "empty.mp4", b"")).await;
    assert_unknown(&write(&directory, "cut.mp4", &bytes[..bytes.len() / 2])).await;
    assert_unknown(&write(&directory, "stub.mp4", &bytes[..20])).await;
    assert_unknown(&write(&directory, "zeros.mp4", &vec![0; 100_000])).await;
    let program = directory.path().join("program.mp4");
    fs::copy("/proc/self/exe", &program).unwrap();
    assert_unknown(&program).await;
    let heads: [&[u8]; 8] = [
        b"\x1a\x45\xdf\xa3\xff",
        b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff",
        b"fLaC\x80\xff\xff\xff",
        b"OggS\0\x02",
        b"ID3\x04\0\0\x7f\x7f\x7f\x7f",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0\xff\xff",
        b"RIFF\0\0\0\0WEBPVP8X",
    ];
    for head in heads {
        assert_unknown(&write(&directory, "head", head)).await;
    }
}

#[tokio::test]
async fn five_gigabytes_are_not_read() {
    let directory = TempDir::new().unwrap();
    let bytes = fs::read(plain_mp4(&directory)).unwrap();
    let moov = bytes.windows(4).position(|name| name == b"moov").unwrap() - 4;
    let path = directory.path().join("huge.mp4");
    let mut file = File::create(&path).unwrap();
    let media = 5_u64 << 30;
    file.write_all(b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x01mdat").unwrap();
    file.write_all(&media.to_be_bytes()).unwrap();
    file.seek(SeekFrom::Start(16 + media)).unwrap();
    file.write_all(&bytes[moov..]).unwrap();
    drop(file);
    let meta = known(&built_in(), &path).await;
    assert_eq!((meta.width, meta.video_streams[0].codec.as_str()), (320, "h264"));
    assert!(meta.size > media && (meta.duration - 2.0).abs() < 0.1);
}

#[tokio::test]
async fn tables_that_claim_billions_of_samples_cost_nothing() {
    let directory = TempDir::new().unwrap();
    let mut bytes = fs::read(plain_mp4(&directory)).unwrap();
    let table = |bytes: &[u8], name: &[u8; 4]| bytes.windows(4).position(|n| n == name).unwrap();
    let sizes = table(&bytes, b"stsz") + 8;
    bytes[sizes..sizes + 8].copy_from_slice(&[0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff]);
    let times = table(&bytes, b"stts") + 12;
    bytes[times..times + 4].copy_from_slice(&[0xff; 4]);
    let chunks = table(&bytes, b"stsc") + 16;
    bytes[chunks..chunks + 4].copy_from_slice(&[0xff; 4]);
    let path = write(&directory, "billions.mp4", &bytes);
    assert_eq!(known(&built_in(), &path).await.width, 320);
    // ffprobe may say what it likes, but it must come back.
    with_ffprobe().run(&path).await.unwrap();
}

/// One small file of each format that is known.
fn seeds() -> &'static [Vec<u8>] {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let directory = TempDir::new().unwrap();
        let both = [picture("0.12"), tone("0.12")];
        let h264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -s 64x64 -c:a aac";
        let fragmented = format!("{h264} -movflags frag_keyframe+empty_moov");
        let hevc =
            "-c:v libx265 -preset ultrafast -x265-params log-level=none -s 64x64 -tag:v hvc1";
        let films = [
            ("a.mp4", h264),
            ("b.mp4", fragmented.as_str()),
            ("c.mp4", hevc),
            ("a.mov", "-c:v mpeg4 -s 64x64 -c:a pcm_s16le"),
            ("a.mkv", h264),
            ("a.webm", "-c:v libvpx -s 64x64 -c:a libopus"),
            ("a.ts", h264),
            ("a.avi", "-c:v mpeg4 -s 64x64 -c:a libmp3lame"),
            ("a.flv", h264),
        ]
        .map(|(name, options)| make(&directory, name, &both, options));
        let sounds = [
            ("a.mp3", "-c:a libmp3lame -metadata title=tone"),
            ("a.wav", "-c:a pcm_s16le"),
            ("a.flac", "-c:a flac"),
            ("a.ogg", "-c:a libvorbis"),
            ("b.ogg", "-c:a libopus"),
            ("a.aac", "-c:a aac"),
        ]
        .map(|(name, options)| make(&directory, name, &both[1..], options));
        let images = ["a.png", "a.jpg", "a.gif", "a.bmp", "a.webp", "a.tiff", "a.avif"]
            .map(|name| make(&directory, name, &both[..1], "-frames:v 1 -s 16x16"));
        let paths = films.iter().chain(&sounds).chain(&images);
        paths.map(|path| fs::read(path).unwrap()).collect()
    })
}

/// How to damage a file: bytes to overwrite, and where to cut it off, in parts of its length.
fn damage() -> impl Strategy<Value = (Vec<(f64, u8)>, f64)> {
    let byte = prop_oneof![Just(0), Just(1), Just(0x7f), Just(0xff), any::<u8>()];
    let cut = prop_oneof![4 => Just(1.0), 1 => 0.0..1.0];
    (prop::collection::vec((0.0..1.0, byte), 1..40), cut)
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a place in a small file, as a part of its length"
)]
fn place(bytes: &[u8], part: f64) -> usize {
    (bytes.len() as f64 * part) as usize
}

/// Counts the panics of our own parsers; `Probe::run` would hide them.
fn count_panics() -> Arc<AtomicUsize> {
    static COUNT: OnceLock<Arc<AtomicUsize>> = OnceLock::new();
    let count = COUNT.get_or_init(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&count);
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.location().is_some_and(|place| place.file().contains("src/probe/")) {
                counting.fetch_add(1, Ordering::SeqCst);
            }
            before(info);
        }));
        count
    });
    Arc::clone(count)
}

/// A probe looks at a file of these bytes, and comes back.
fn looks_without_panic(probe: &Probe, bytes: &[u8]) -> Result<(), TestCaseError> {
    static RUNTIME: OnceLock<(Runtime, TempDir)> = OnceLock::new();
    let (runtime, directory) =
        RUNTIME.get_or_init(|| (Runtime::new().unwrap(), TempDir::new().unwrap()));
    let panics = count_panics();
    // two tests may look at once
    let file = tempfile::NamedTempFile::new_in(directory).unwrap();
    fs::write(file.path(), bytes).unwrap();
    let found = runtime.block_on(probe.run(file.path()));
    prop_assert!(found.is_ok(), "{found:?}");
    prop_assert_eq!(panics.load(Ordering::SeqCst), 0);
    Ok(())
}

/// Says to a copy of this program that it is the one with little memory.
const LITTLE_MEMORY: &str = "PROBE_TEST_LITTLE_MEMORY";

/// Every place in the beginning of every file may declare any size: none is believed. Tried in a
/// process that has too little memory for it, since a failed allocation ends the process.
#[test]
fn declared_sizes_cost_no_memory() {
    if env::var_os(LITTLE_MEMORY).is_some() {
        let probe = built_in();
        for seed in seeds() {
            for at in (0..seed.len().min(1_000)).step_by(4) {
                for size in [[0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0x7f], [0x40, 0, 0, 0]] {
                    let mut bytes = seed.clone();
                    let end = bytes.len().min(at + 4);
                    bytes[at..end].copy_from_slice(&size[..end - at]);
                    looks_without_panic(&probe, &bytes).unwrap();
                }
            }
        }
        return;
    }
    let output = Command::new("prlimit")
        .arg(format!("--as={}", 640 << 20))
        .arg(env::current_exe().unwrap())
        .args(["--exact", "probe::hostile::declared_sizes_cost_no_memory"])
        .env(LITTLE_MEMORY, "1")
        // by default each thread may reserve 64 MiB of addresses
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .expect("this test needs prlimit, which every Linux has");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{} {told}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("1 passed"), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_end_in_a_panic(seed in any::<Index>(), (bytes, cut) in damage()) {
        looks_without_panic(&built_in(), &damaged(seed, bytes, cut))?;
    }

    #[test]
    fn a_known_beginning_and_anything_behind_it(
        seed in any::<Index>(),
        kept in 0..64_usize,
        rest in prop::collection::vec(any::<u8>(), 0..3_000),
    ) {
        let seed = seed.get(seeds());
        looks_without_panic(&built_in(), &[&seed[..kept.min(seed.len())], &rest].concat())?;
    }
}

/// A damaged file: the seed, what is overwritten, and where it is cut off.
fn damaged(seed: Index, bytes: Vec<(f64, u8)>, cut: f64) -> Vec<u8> {
    let mut file = seed.get(seeds()).clone();
    for (part, byte) in bytes {
        let at = place(&file, part);
        file[at] = byte;
    }
    file.truncate(place(&file, cut));
    file
}

proptest! {
    // each takes a run of the program
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ffprobe_comes_back_from_damaged_files(seed in any::<Index>(), (bytes, cut) in damage()) {
        let limits = ProbeLimits { timeout: Duration::from_secs(5), ..ProbeLimits::default() };
        looks_without_panic(&Probe::new(tools(), limits), &damaged(seed, bytes, cut))?;
    }
}
