//! What searching a large library costs, and what being searched costs an upload.
//!
//! `cargo bench -p store --bench search`; `-- 100000` for another number of files than 1,000,000. The
//! directory is `CALLBOARD_BENCH_DIR` or `/tmp`; it takes 2 KB a file. The records are those of media:
//! their fields, and bodies of a kilobyte. Each question is asked with changing values and pages of 10
//! as the API does by default. Uploads are timed in turns, with listings and without, in one run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and prints what it found"
)]

mod bed;
#[path = "bed/times.rs"]
mod times;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use queue::listing::{Condition, Field};
use queue::{
    Backend, Commit, Listing, Order, RecordKey, RecordKind, RecordPut, Resolution, SearchQuery,
    Settlement, TallyQuery, Term,
};
use store::Store;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::bed::{APP, PAYLOAD, directory, event, open, pull};
use crate::times::Times;

const FILES: u64 = 1_000_000;
const BATCH: u64 = 1_000;
const BODY: usize = 1_000;
const CALLS: u64 = 200;
/// The fields of media (crate `media`).
const CLASS: Field = 1;
const TAG: Field = 2;
const CATEGORY: Field = 3;
const SOURCE: Field = 4;
const MEDIA_TYPE: Field = 5;
const STATUS: Field = 6;
const REGION: Field = 7;
const NAME: Field = 1;
const DESCRIPTION: Field = 2;
const EXPIRE: Field = 1;
const BYTES: Field = 2;

fn main() {
    let number = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let files = number.unwrap_or(FILES) / BATCH * BATCH;
    let runtime = Runtime::new().unwrap();
    let dir = directory();
    let store = open(&runtime, dir.path());
    let began = Instant::now();
    runtime.block_on(fill(&store, files));
    println!("{files} files in {:.0} s, {}", began.elapsed().as_secs_f64(), sizes(dir.path()));
    std::fs::File::open(dir.path().join("callboard.db")).unwrap().sync_all().unwrap();
    first(&runtime, &store);
    println!("a page of 10 files:                 calls     p50     p99     max (ms)");
    questions(&runtime, &store, files);
    mixtures(&runtime, &store, files);
    uploads(&runtime, &store, files);
    runtime.block_on(store.close()).unwrap();
}

/// Numbers that look drawn and are the same in each run.
fn mixed(number: u64) -> u64 {
    let mixed = (number ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 16
}

fn id(number: u64) -> String {
    (1_000_000_000_000_000_000 + mixed(number) * 7_919 % 8_000_000_000_000_000_000).to_string()
}

fn at(number: u64) -> i64 {
    1_600_000_000_000 + i64::try_from(number).unwrap() * 1_000
}

fn pick<'a>(values: &[&'a str], draw: u64) -> &'a str {
    values.get(usize::try_from(draw).unwrap() % values.len()).unwrap()
}

fn listing(number: u64) -> Listing {
    let draw = mixed(number);
    let subject =
        pick(&["lecture", "match", "动物世界", "trailer", "interview", "電影"], draw >> 3);
    let place = pick(&["berlin", "shenzhen", "lagos", "lima"], draw >> 7);
    let mut words = vec![
        (CLASS, (draw % 1_000).to_string()),
        (SOURCE, pick(&["Upload", "Upload", "Upload", "Record"], draw >> 5).to_owned()),
        (MEDIA_TYPE, pick(&["mp4", "mp4", "m3u8", "mp3", "png"], draw >> 9).to_owned()),
        (CATEGORY, pick(&["Video", "Video", "Video", "Audio", "Image"], draw >> 9).to_owned()),
        (STATUS, if draw.is_multiple_of(100) { "Forbidden" } else { "Normal" }.to_owned()),
        (REGION, pick(&["ap-guangzhou", "ap-shanghai", "ap-hongkong"], draw >> 11).to_owned()),
        (TAG, format!("common {}", draw % 50)),
    ];
    if draw.is_multiple_of(4) {
        words.push((TAG, format!("rare {}", draw % 10_007)));
    }
    let mut texts = vec![(NAME, format!("{subject} {number} from {place}.mp4"))];
    if draw.is_multiple_of(3) {
        texts.push((DESCRIPTION, format!("about {subject}, part {}", draw % 997)));
    }
    let never = 253_402_300_799_000;
    let expire = if draw.is_multiple_of(2) { never } else { at(number) + 31_536_000_000 };
    let bytes = i64::try_from(draw % 100_000_000).unwrap();
    Listing { at: at(number), words, texts, numbers: vec![(EXPIRE, expire), (BYTES, bytes)] }
}

fn put(kind: RecordKind, id: String, listing: Option<Listing>) -> RecordPut {
    let key = RecordKey { kind, app: APP, id };
    let body = Bytes::from(vec![b'x'; BODY]);
    RecordPut { key, body, terms: vec![], listing }
}

async fn fill(store: &Store, files: u64) {
    for batch in 0..files / BATCH {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let media = |number| put(RecordKind::Media, id(number), Some(listing(number)));
        let commit = Commit { put: numbers.map(media).collect(), ..Commit::default() };
        store.commit(commit).await.unwrap();
    }
}

fn sizes(dir: &std::path::Path) -> String {
    let path = dir.join("callboard.db");
    let db = rusqlite::Connection::open(path).unwrap();
    let each = |sql: &str| db.query_row(sql, [], |row| row.get::<_, f64>(0)).unwrap();
    let (row, body) = (
        each("SELECT avg(length(id) + length(row) + 12) FROM listing"),
        each("SELECT avg(length(body)) FROM record WHERE kind = 4"),
    );
    format!("each with a record of {body:.0} bytes and a listing of {row:.0}")
}

/// Bytes that the process holds in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<f64>().unwrap() * 1_024.0
}

/// The first search reads the listings.
fn first(runtime: &Runtime, store: &Store) {
    let (before, began) = (resident(), Instant::now());
    runtime.block_on(store.search(query(vec![], Order::Newest))).unwrap();
    let took = began.elapsed().as_secs_f64();
    println!("the first search: {took:.2} s; {:.0} MB more in memory", (resident() - before) / 1e6);
}

fn query(conditions: Vec<Condition>, order: Order) -> SearchQuery {
    SearchQuery {
        kind: RecordKind::Media,
        app: APP,
        conditions,
        order,
        offset: 0,
        limit: 10,
        count_max: 5_000,
    }
}

fn ask(runtime: &Runtime, store: &Store, what: &str, question: impl Fn(u64) -> SearchQuery) {
    let (mut times, mut total) = (Times::default(), 0);
    for call in 0..CALLS {
        let question = question(call);
        let began = Instant::now();
        let page = runtime.block_on(store.search(question)).unwrap();
        times.0.push(began.elapsed());
        total += page.total;
    }
    times.print(what);
    assert!(total > 0 || what.contains("nothing"), "{what} found nothing");
}

fn word(field: Field, words: &[&str]) -> Condition {
    Condition::Word(field, words.iter().map(|&word| word.to_owned()).collect())
}

fn contains(fields: &[Field], texts: &[String]) -> Vec<Condition> {
    vec![Condition::Contains(fields.to_vec(), texts.to_vec())]
}

fn questions(runtime: &Runtime, store: &Store, files: u64) {
    let ask =
        |what: &str, question: &dyn Fn(u64) -> SearchQuery| ask(runtime, store, what, question);
    let newest = |condition| query(vec![condition], Order::Newest);
    let number = |call: u64| mixed(call) % files;
    ask("no condition", &|_| query(vec![], Order::Newest));
    ask("no condition, oldest first", &|_| query(vec![], Order::Oldest));
    ask("no condition, the last page", &|_| SearchQuery {
        offset: 4_990,
        ..query(vec![], Order::Newest)
    });
    ask("10 ids", &|call| {
        newest(Condition::Id((0..10).map(|n| id(number(call * 10 + n))).collect()))
    });
    ask("a class of 1,000", &|call| newest(word(CLASS, &[&(call % 1_000).to_string()])));
    ask("10 common tags", &|call| {
        let tags: Vec<String> = (0..10).map(|n| format!("common {}", (call + n) % 50)).collect();
        newest(Condition::Word(TAG, tags))
    });
    ask("a rare tag", &|call| {
        newest(word(TAG, &[&format!("rare {}", mixed(call) % 10_007 / 4 * 4)]))
    });
    ask("a category", &|call| newest(word(CATEGORY, &[pick(&["Video", "Audio", "Image"], call)])));
    ask("a status of 1 in 100", &|_| newest(word(STATUS, &["Forbidden"])));
    ask("a day in the middle", &|call| {
        let from = at(number(call));
        newest(Condition::At(from, from + 86_400_000))
    });
    ask("a day's end of life", &|call| {
        let from = at(number(call)) + 31_536_000_000;
        newest(Condition::Number(EXPIRE, from, from + 86_400_000))
    });
    ask("a beginning of few names", &|call| {
        newest(Condition::Prefix(NAME, vec![format!("match {}", number(call) / 10)]))
    });
    ask("a beginning of nothing", &|_| newest(Condition::Prefix(NAME, vec!["no such".to_owned()])));
    let name = |texts: &[String]| query(contains(&[NAME], texts), Order::Match);
    ask("a part of few names", &|call| name(&[format!(" {} ", number(call))]));
    ask("a part of many names", &|call| {
        name(&[pick(&["世界", "berlin", "interview"], call).to_owned()])
    });
    ask("a part of nothing", &|call| name(&[format!("no such {call}")]));
    ask("a part of every name", &|_| name(&["from".to_owned()]));
    ask("a letter of every name", &|_| name(&["m".to_owned()]));
    ask("a part of nothing, two fields", &|call| {
        query(contains(&[NAME, DESCRIPTION], &[format!("no such {call}")]), Order::Match)
    });
    let parts: Vec<String> =
        ["from", ".mp4", "a", "e", "1", "2", "i", "m", "r", "l"].map(str::to_owned).to_vec();
    ask("10 parts of most names", &|_| name(&parts));
    let mut times = Times::default();
    for _ in 0..CALLS {
        let tally = TallyQuery { kind: RecordKind::Media, app: APP, by: REGION, sum: BYTES };
        let began = Instant::now();
        let tallies = runtime.block_on(store.tally(tally)).unwrap();
        times.0.push(began.elapsed());
        assert_eq!(tallies.iter().map(|tally| tally.count).sum::<u64>(), files);
    }
    times.print("all bytes by region");
}

fn mixtures(runtime: &Runtime, store: &Store, files: u64) {
    let ask =
        |what: &str, question: &dyn Fn(u64) -> SearchQuery| ask(runtime, store, what, question);
    ask("class, tag, category, month", &|call| {
        let from = at(mixed(call) % files);
        let conditions = vec![
            word(CLASS, &["1", "101", "201", "301", "401", "501"]),
            word(TAG, &["common 1"]),
            word(CATEGORY, &["Video", "Audio"]),
            Condition::At(from - 2_592_000_000, from + 2_592_000_000),
        ];
        query(conditions, Order::Newest)
    });
    ask("two halves that meet in nothing", &|_| {
        let conditions = vec![word(MEDIA_TYPE, &["mp3"]), word(CATEGORY, &["Image", "Video"])];
        query(conditions, Order::Newest)
    });
    ask("all others, a part of nothing", &|call| {
        let mut conditions = contains(&[NAME], &[format!("no such {call}")]);
        conditions.extend([
            word(CATEGORY, &["Video", "Audio", "Image"]),
            word(STATUS, &["Normal", "Forbidden"]),
            word(REGION, &["ap-guangzhou", "ap-shanghai", "ap-hongkong"]),
            Condition::At(0, i64::MAX),
            Condition::Number(EXPIRE, 0, i64::MAX),
        ]);
        query(conditions, Order::Match)
    });
    ask("a status and a common text", &|_| {
        let mut conditions = contains(&[NAME], &["from".to_owned()]);
        conditions.push(word(STATUS, &["Forbidden"]));
        query(conditions, Order::Match)
    });
    let mut times = Times::default();
    for call in 0..CALLS {
        let offset = usize::try_from(mixed(call) % 4_000).unwrap();
        let page = SearchQuery { offset, limit: 1_000, ..query(vec![], Order::Newest) };
        let began = Instant::now();
        let found = runtime.block_on(store.search(page)).unwrap();
        let keys =
            found.ids.into_iter().map(|id| RecordKey { kind: RecordKind::Media, app: APP, id });
        let records = runtime.block_on(store.get(keys.collect())).unwrap();
        times.0.push(began.elapsed());
        assert_eq!(records.iter().flatten().count(), 1_000);
    }
    times.print("a page of 1,000, with records");
}

/// What a CommitUpload commits.
fn upload(number: u64, listed: bool) -> Commit {
    let name = id(number);
    let session = RecordKey { kind: RecordKind::Session, app: APP, id: format!("session {name}") };
    let term = Term { name: "secret_id", value: format!("AKID{name}") };
    let session = RecordPut { terms: vec![term], ..put(RecordKind::Session, session.id, None) };
    let media = put(RecordKind::Media, name, listed.then(|| listing(number)));
    Commit {
        expect: vec![(session.key.clone(), None), (media.key.clone(), None)],
        put: vec![session, media],
        events: vec![event(Bytes::from(vec![b'x'; PAYLOAD]))],
        ..Commit::default()
    }
}

/// Uploads in turns: with a listing, and without.
fn uploads(runtime: &Runtime, store: &Arc<Store>, files: u64) {
    const ROUNDS: u64 = 20;
    const EACH: u64 = 2_000;
    let mut next = files;
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS * 2 {
        let listed = round % 2 == 0;
        let began = Instant::now();
        runtime.block_on(at_once(store, next..next + EACH, listed));
        next += EACH;
        let count = f64::from(u32::try_from(EACH).unwrap());
        let side = rates.get_mut(usize::from(listed)).unwrap();
        side.push(count / began.elapsed().as_secs_f64());
        runtime.block_on(drain(store));
    }
    let median = |rates: &[f64]| {
        let mut sorted = rates.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        *sorted.get(sorted.len() / 2).unwrap()
    };
    let [without, with] = &rates;
    let (without, with) = (median(without), median(with));
    println!(
        "commits of an upload beside {files} files, 64 at once, medians of {ROUNDS} rounds each:"
    );
    println!("  with a listing {with:.0}/s, without {without:.0}/s, ratio {:.2}", with / without);
    let searched = runtime.block_on(store.search(query(vec![], Order::Newest))).unwrap();
    assert_eq!(searched.ids.first().unwrap(), &id(next - 1 - EACH));
}

/// Confirms what the uploads have raised, so that no round finds more of it than another.
async fn drain(store: &Store) {
    loop {
        let leased = store.lease(pull(1_000)).await.unwrap();
        if leased.is_empty() {
            return store.tick().await.unwrap();
        }
        let done = leased.iter().map(|leased| Settlement {
            handle: leased.handle,
            app: APP,
            resolution: Resolution::Done,
            attempt: None,
        });
        store.settle(done.collect()).await.unwrap();
    }
}

async fn at_once(store: &Arc<Store>, numbers: std::ops::Range<u64>, listed: bool) {
    let (tracker, next) = (TaskTracker::new(), Arc::new(AtomicU64::new(numbers.start)));
    for _ in 0..64 {
        let (store, next, end) = (Arc::clone(store), Arc::clone(&next), numbers.end);
        tracker.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::AcqRel);
                if number >= end {
                    return;
                }
                store.commit(upload(number, listed)).await.unwrap();
            }
        });
    }
    tracker.close();
    tracker.wait().await;
}
