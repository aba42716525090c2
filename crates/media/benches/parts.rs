//! What it costs to serve a clip that is not kept, of the longest playlist that there may be: 50,000
//! segments.
//!
//! ```text
//!   first │ again │ first │ again │ …      of ten segments, then of all
//! ```
//!
//! "First" is a library that has just been opened, so it reads the playlist; "again" has it in memory. Both
//! look at the records and write the clip. The segments are ranges of one file, because a session has fewer
//! objects than a playlist may have segments. The last lines give the medians; if ten segments are not
//! served at least three times as fast again as first, the benchmark fails.
//!
//! `cargo bench -p media --bench parts`. The directory is `CALLBOARD_BENCH_DIR` or `/tmp`.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and prints what it found"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use media::probe::{Probe, ProbeLimits, ProbeTools};
use media::{Library, LibraryParts, Objects, Settings};
use model::{AppId, Application, Clock, Mono, Now, Timestamp, limits};
use queue::{Backend, Commit, RecordKey, RecordPut, Silent};
use sign::seal::MasterKey;
use store::{Options, Store};
use tokio::time::Instant;
use wire::action::ApplyUpload;

const APP: AppId = AppId(1_250_000_000);
const URL: &str = "http://127.0.0.1:8800";
const NOW: Timestamp = Timestamp(1_795_487_629_000);
const SEGMENTS: usize = limits::PLAYLIST_SEGMENTS_MAX;
/// Requests of each kind.
const ROUNDS: usize = 15;
/// How much faster the second request must be.
const RATIO_MIN: f64 = 3.0;

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Now {
        Now { wall: NOW, mono: Mono(0) }
    }
}

fn library(directory: &Path, backend: &Arc<dyn Backend>) -> Library {
    let mut settings = Settings::new(URL, APP);
    settings.free_bytes_min = 0;
    settings.free_percent_min = 0;
    Library::new(LibraryParts {
        backend: Arc::clone(backend),
        clock: Arc::new(Still),
        master: Arc::new(MasterKey::from_bytes([7; 32])),
        objects: Objects::open(directory).unwrap(),
        probe: Probe::new(ProbeTools::none(), ProbeLimits::default()),
        settings,
    })
    .unwrap()
}

/// The longest playlist there may be, of one file, uploaded; its bucket and key without `.m3u8`.
async fn upload(library: &Arc<Library>, application: &Application) -> (String, String) {
    let request = ApplyUpload {
        sub_app_id: None,
        media_type: "m3u8".to_owned(),
        media_name: String::new(),
        cover_type: String::new(),
        procedure: String::new(),
        expire_time: None,
        storage_region: String::new(),
        class_id: 0,
        source_context: String::new(),
        session_context: String::new(),
        media_storage_path: String::new(),
    };
    let applied = library.apply(application, &request).await.unwrap();
    let session = &applied.session;
    let grant = library.grant(&session.secret_id).await.unwrap().unwrap();
    let mut text = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:1\n".to_owned();
    for nth in 0..SEGMENTS {
        writeln!(text, "#EXTINF:1.0,\n#EXT-X-BYTERANGE:1@{nth}\nall.ts").unwrap();
    }
    text.push_str("#EXT-X-ENDLIST\n");
    let beside = format!("{}/all.ts", session.directory);
    for (key, bytes) in [(&beside, vec![7; SEGMENTS]), (&session.media_key, text.into_bytes())] {
        let mut incoming = library.put(grant.clone(), key, None).await.unwrap();
        incoming.write(&bytes).await.unwrap();
        incoming.finish(None).await.unwrap();
    }
    let done = library.commit_upload(application, &applied.vod_session_key).await.unwrap();
    let place = done.media_url.strip_prefix(URL).unwrap().strip_prefix("/media/").unwrap();
    let (bucket, key) = place.split_once('/').unwrap();
    (bucket.to_owned(), key.strip_suffix(".m3u8").unwrap().to_owned())
}

/// Milliseconds of one request.
async fn ask(library: &Library, (bucket, stem): &(String, String), last: usize) -> f64 {
    let key = format!("{stem}.clip-0-{last}.m3u8");
    let begun = Instant::now();
    let served = library.published(bucket, &key).await.unwrap().unwrap();
    let taken = begun.elapsed();
    assert!(served.text.unwrap().ends_with(b"#EXT-X-ENDLIST\n"));
    taken.as_secs_f64() * 1_000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn measure(directory: &Path) -> ExitCode {
    let options = Options { durable: false, reserve_bytes: 0, ..Options::new(directory.join("s")) };
    let backend: Arc<dyn Backend> =
        Store::open(&options, Arc::new(Still), Arc::new(Silent)).unwrap();
    let application = Application::new(APP, "bench", NOW);
    let key = RecordKey::application(APP);
    let body = serde_json::to_vec(&application).unwrap().into();
    let put = vec![RecordPut { key, body, terms: Vec::new(), listing: None }];
    backend.commit(Commit { put, ..Commit::default() }).await.unwrap();
    let place = upload(&Arc::new(library(directory, &backend)), &application).await;
    let mut least = f64::INFINITY;
    for segments in [10, SEGMENTS] {
        let (mut first, mut again) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let library = library(directory, &backend);
            first.push(ask(&library, &place, segments - 1).await);
            again.push(ask(&library, &place, segments - 1).await);
        }
        let (first, again) = (median(first), median(again));
        let ratio = first / again;
        println!(
            "{segments} of {SEGMENTS}: first {first:.2} ms, again {again:.2} ms, {ratio:.1} times"
        );
        if segments == 10 {
            least = ratio;
        }
    }
    backend.close().await.unwrap();
    if least < RATIO_MIN { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn main() -> ExitCode {
    let base = std::env::var_os("CALLBOARD_BENCH_DIR").map_or_else(|| "/tmp".into(), PathBuf::from);
    let directory = tempfile::tempdir_in(base).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(directory.path()))
}
