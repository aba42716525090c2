//! The design's mix, everything durable: 64 tasks append one event of 1.2 KB each time, pull up to 16
//! and confirm them; next to it, in the same run, a bare log that writes the same bytes with one
//! fdatasync a group. The last lines give the ratio.
//!
//! `cargo bench -p store --bench cycle` (`-- --quick` for a shorter run). The directory is
//! `CALLBOARD_BENCH_DIR` or `/tmp`; use a real disk.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and prints what it found"
)]

mod bed;
#[path = "bed/cycles.rs"]
mod cycles;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use criterion::{Criterion, Throughput};
use queue::Backend as _;
use store::Store;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::bed::{PAYLOAD, directory, open};
use crate::cycles::{TASKS, store_cycles};

/// A log that does no more than it must: append what waits, one fdatasync, answer.
struct BareLog(mpsc::Sender<(usize, oneshot::Sender<()>)>);

impl BareLog {
    fn open(dir: &Path) -> Self {
        let mut file = File::create(dir.join("log")).unwrap();
        let (sender, mut commands) = mpsc::channel::<(usize, oneshot::Sender<()>)>(4_096);
        std::thread::spawn(move || {
            let mut buffer = Vec::new();
            while let Some((size, answer)) = commands.blocking_recv() {
                let mut answers = vec![answer];
                buffer.resize(buffer.len() + size, b'x');
                while let Ok((size, answer)) = commands.try_recv() {
                    buffer.resize(buffer.len() + size, b'x');
                    answers.push(answer);
                }
                file.write_all(&buffer).unwrap();
                file.sync_data().unwrap();
                buffer.clear();
                for answer in answers {
                    answer.send(()).unwrap();
                }
            }
        });
        Self(sender)
    }

    async fn append(&self, size: usize) {
        let (answer, done) = oneshot::channel();
        self.0.send((size, answer)).await.unwrap();
        done.await.unwrap();
    }
}

/// The same two waits a cycle: one for the event's bytes, one for the confirmation's.
async fn log_cycles(log: Arc<BareLog>, cycles: u64) {
    let tracker = TaskTracker::new();
    let left = Arc::new(AtomicU64::new(cycles));
    for _ in 0..TASKS {
        let (log, left) = (Arc::clone(&log), Arc::clone(&left));
        tracker.spawn(async move {
            while left
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1))
                .is_ok()
            {
                log.append(PAYLOAD + 32).await;
                log.append(16).await;
            }
        });
    }
    tracker.close();
    tracker.wait().await;
}

fn main() {
    let runtime = Runtime::new().unwrap();
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let (at_store, at_log) = (directory(), directory());
    let store = open(&runtime, at_store.path());
    let log = Arc::new(BareLog::open(at_log.path()));
    let mut group = criterion.benchmark_group("cycle");
    group.throughput(Throughput::Elements(1));
    group.bench_function("store", |bencher| {
        bencher.iter_custom(|cycles| {
            let began = Instant::now();
            runtime.block_on(store_cycles(Arc::clone(&store), cycles));
            began.elapsed()
        });
    });
    group.bench_function("bare log", |bencher| {
        bencher.iter_custom(|cycles| {
            let began = Instant::now();
            runtime.block_on(log_cycles(Arc::clone(&log), cycles));
            began.elapsed()
        });
    });
    group.finish();
    criterion.final_summary();
    ratio(&runtime, &store, &log);
    runtime.block_on(store.close()).unwrap();
}

/// Both again, in turns, and how they compare.
fn ratio(runtime: &Runtime, store: &Arc<Store>, log: &Arc<BareLog>) {
    const ROUNDS: u32 = 10;
    const CYCLES: u64 = 20_000;
    let (mut ours, mut bare) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        runtime.block_on(store_cycles(Arc::clone(store), CYCLES));
        ours += began.elapsed();
        let began = Instant::now();
        runtime.block_on(log_cycles(Arc::clone(log), CYCLES));
        bare += began.elapsed();
    }
    let total = f64::from(ROUNDS) * f64::from(u32::try_from(CYCLES).unwrap());
    let rate = |took: Duration| total / took.as_secs_f64();
    println!("store    {:>8.0} cycles/s", rate(ours));
    println!("bare log {:>8.0} cycles/s", rate(bare));
    println!("ratio    {:>8.2}", bare.as_secs_f64() / ours.as_secs_f64());
}
