//! Tasks in lists, in turn, and in time; SessionIds.

use std::sync::Arc;

use media::PullUploadError;
use model::AppId;
use tokio::task::JoinSet;
use wire::TaskStatus;
use wire::action::{DescribeTasks, Period, PullUpload, TaskSort};

use super::bed::{Bed, request};
use super::source::{Act, Source, file, promise, status};
use crate::world::{APP, OTHER, application};

const DAY_MS: u32 = 24 * 3600 * 1000;

fn all() -> DescribeTasks {
    DescribeTasks {
        sub_app_id: None,
        status: None,
        file_id: None,
        created: Period::default(),
        finished: Period::default(),
        sort: TaskSort { by_finish: false, descending: true },
        limit: 100,
        scroll_token: None,
    }
}

impl Bed {
    async fn listed(&self, request: &DescribeTasks) -> Vec<String> {
        let page = self.world.library.describe_tasks(APP, request).await.unwrap();
        page.task_set.into_iter().map(|task| task.task_id).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_listed_by_filters_in_an_order_and_page_by_page() {
    let source = Source::start(|asked, _| match asked.path.as_str() {
        "/a.mp4" => file(b"media"),
        _ => status("404 Not Found"),
    })
    .await;
    let bed = Bed::new().await;
    let mut tasks = Vec::new();
    for name in ["/a.mp4", "/b.mp4", "/a.mp4", "/c.mp4", "/d.mp4"] {
        tasks.push(bed.ask(&request(source.url(name))).await.unwrap());
        bed.world.pass(1000);
    }
    let first = bed.world.library.now();
    for task in &tasks {
        bed.end(task).await;
    }
    let newest: Vec<String> = tasks.iter().rev().cloned().collect();
    assert_eq!(bed.listed(&all()).await, newest);
    let sort = TaskSort { by_finish: false, descending: false };
    assert_eq!(bed.listed(&DescribeTasks { sort, ..all() }).await, tasks);
    for descending in [true, false] {
        for by_finish in [true, false] {
            let sort = TaskSort { by_finish, descending };
            let whole = bed.listed(&DescribeTasks { sort, ..all() }).await;
            let mut paged = Vec::new();
            let mut token = None;
            loop {
                let ask = DescribeTasks { sort, limit: 2, scroll_token: token.take(), ..all() };
                let page = bed.world.library.describe_tasks(APP, &ask).await.unwrap();
                assert!(page.task_set.len() <= 2);
                paged.extend(page.task_set.into_iter().map(|task| task.task_id));
                if page.scroll_token.is_empty() {
                    break;
                }
                token = Some(page.scroll_token);
            }
            assert_eq!(paged, whole);
            assert_eq!(paged.len(), 5);
        }
    }
    let finish = DescribeTasks { status: Some(TaskStatus::Finish), ..all() };
    assert_eq!(bed.listed(&finish).await.len(), 5);
    let waiting = DescribeTasks { status: Some(TaskStatus::Waiting), ..all() };
    assert_eq!(bed.listed(&waiting).await.len(), 0);
    let file = bed.detail(&tasks[2]).await["PullUploadTask"]["FileId"].as_str().unwrap().to_owned();
    assert_eq!(bed.listed(&DescribeTasks { file_id: Some(file), ..all() }).await, tasks[2..3]);
    let created = Period { after: Some(first.plus_ms(-4000)), before: Some(first.plus_ms(-2000)) };
    assert_eq!(bed.listed(&DescribeTasks { created, ..all() }).await, [&*tasks[2], &*tasks[1]]);
    let finished = Period { after: Some(first), before: None };
    assert_eq!(bed.listed(&DescribeTasks { finished, ..all() }).await.len(), 5);
    let finished = Period { after: None, before: Some(first) };
    assert_eq!(bed.listed(&DescribeTasks { finished, ..all() }).await.len(), 0);
    let bad = DescribeTasks { scroll_token: Some("nonsense".to_owned()), ..all() };
    assert!(bed.world.library.describe_tasks(APP, &bad).await.is_err());
    let theirs = bed.world.library.describe_tasks(OTHER, &all()).await.unwrap();
    assert!(theirs.task_set.is_empty());
    assert!(bed.world.library.describe_task(OTHER, &tasks[0]).await.is_err());
    source.stop().await;
}

/// Places are few: applications take turns, and priority decides within one.
#[tokio::test(flavor = "multi_thread")]
async fn applications_take_turns_and_priority_decides() {
    let source = Source::start(|_, _| file(b"media")).await;
    let bed = Bed::with(|pull| {
        pull.total = 1;
        pull.per_application = 1;
    })
    .await;
    let ask = async |app: AppId, path: &str, tasks_priority| {
        let request = PullUpload { tasks_priority, ..request(source.url(path)) };
        bed.world.library.pull_upload(&application(app), &request).await.unwrap()
    };
    for name in ["/1.mp4", "/2.mp4", "/3.mp4"] {
        ask(APP, name, 0).await;
        bed.world.pass(1);
    }
    ask(APP, "/first.mp4", 10).await;
    ask(APP, "/last.mp4", -10).await;
    ask(OTHER, "/other.mp4", 0).await;
    let done = async |bed: &Bed| {
        bed.puller.tick().await.unwrap();
        bed.told().await.len() == 5
    };
    bed.until("all of one application are done", done).await;
    assert_eq!(
        source.paths(),
        ["/first.mp4", "/other.mp4", "/1.mp4", "/2.mp4", "/3.mp4", "/last.mp4"]
    );
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_are_under_way_than_there_are_places() {
    let source = Source::start(|_, _| Act::Hold(promise(10, &[], b""))).await;
    let bed = Bed::with(|pull| {
        pull.total = 3;
        pull.per_application = 2;
        pull.patience.window = std::time::Duration::from_mins(5);
    })
    .await;
    for app in [APP, APP, APP, OTHER, OTHER, OTHER] {
        let request = request(source.url("/a.mp4"));
        bed.world.library.pull_upload(&application(app), &request).await.unwrap();
    }
    assert_eq!(bed.puller.tick().await.unwrap(), 3);
    assert_eq!(bed.puller.tick().await.unwrap(), 0);
    bed.until("three are asked for", async |_| source.asked().len() == 3).await;
    bed.puller.close().await;
    source.stop().await;
}

/// What operators are told of pulls.
#[tokio::test(flavor = "multi_thread")]
async fn pulls_are_counted() {
    let source = Source::start(|asked, _| match asked.path.as_str() {
        "/a.mp4" => file(b"media"),
        "/none.mp4" => status("404 Not Found"),
        "/bad.mp4" => status("204 No Content"),
        _ => Act::Hold(promise(100, &[], b"")),
    })
    .await;
    let bed = Bed::with(|pull| {
        pull.per_application = 1;
        pull.patience.window = std::time::Duration::from_mins(5);
    })
    .await;
    for path in ["/a.mp4", "/none.mp4", "/bad.mp4"] {
        bed.pull(&request(source.url(path))).await;
    }
    for _ in 0..3 {
        bed.ask(&request(source.url("/held.mp4"))).await.unwrap();
    }
    bed.until("one is under way", async |bed| {
        bed.puller.tick().await.unwrap();
        bed.world.library.pull_counts().running == 1 && source.asked().len() == 4
    })
    .await;
    let counts = bed.world.library.pull_counts();
    let expected = media::PullCounts {
        running: 1,
        waiting: 2,
        fetched_bytes: 5,
        success: 1,
        request: 1,
        source: 1,
        server: 0,
    };
    assert_eq!(counts, expected);
    let bed = bed.restart().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio_util::task::TaskTracker::new();
    running.spawn(Arc::clone(&bed.puller).run(stop.clone()));
    running.close();
    bed.until("they are counted again", async |bed| {
        let counts = bed.world.library.pull_counts();
        (counts.running, counts.waiting) == (1, 2)
    })
    .await;
    stop.cancel();
    running.wait().await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_of_a_destroyed_application_do_not_wait() {
    let bed = Bed::new().await;
    for name in ["a", "b"] {
        bed.ask(&request(format!("http://127.0.0.1:9/{name}.mp4"))).await.unwrap();
    }
    assert_eq!(bed.world.library.pull_counts().waiting, 2);
    let mut gone = application(APP);
    gone.status = model::ApplicationStatus::Destroyed;
    bed.world.put_application(&gone).await;
    bed.world.library.tick().await.unwrap();
    assert_eq!(bed.world.library.pull_counts().waiting, 0);
}

/// However many ask at once, after a restart too; an end makes room.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_are_open_than_may_be() {
    let source = Source::start(|_, _| file(b"media")).await;
    let mut bed = Bed::with(|pull| pull.open = 3).await;
    let mut open = Vec::new();
    for round in 0..3 {
        let asked = eight(&bed, &request(source.url("/a.mp4"))).await;
        let refused = |asked: &&Result<_, _>| matches!(asked, Err(PullUploadError::TooMany(3)));
        let room = 3 - open.len();
        assert_eq!(asked.iter().filter(refused).count(), 8 - room, "{round}: {asked:?}");
        open.extend(asked.into_iter().filter_map(Result::ok));
        assert_eq!(open.len(), 3);
        if round == 0 {
            bed = bed.restart().await;
            continue;
        }
        for task in open.drain(..) {
            bed.end(&task).await;
        }
    }
    source.stop().await;
}

/// The time of a pull is that of the steady timeline: no step of the wall clock ends or prolongs it.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_the_clock_takes_and_gives_no_time() {
    const HOUR: u32 = 3_600_000;
    for (passed, step_h, restarts, code) in [
        (HOUR, 7, false, 0),
        (HOUR, -7, false, 0),
        (6 * HOUR, -7, false, 60_000),
        (6 * HOUR, -7, true, 60_000),
    ] {
        let source = Source::start(|_, before| match before {
            0 => Act::Hold(promise(100, &[], b"the beginning")),
            _ => file(b"media"),
        })
        .await;
        let bed = Bed::with(|pull| pull.patience.window = std::time::Duration::from_mins(5)).await;
        let task = bed.ask(&request(source.url("/a.mp4"))).await.unwrap();
        bed.puller.tick().await.unwrap();
        bed.until("it is asked", async |_| source.asked().len() == 1).await;
        bed.world.pass(passed);
        bed.world.step(step_h * i64::from(HOUR));
        bed.puller.close().await;
        let bed = if restarts { bed.restart().await } else { Bed::over(bed.world) };
        let done = bed.end(&task).await;
        assert_eq!(done["ErrCode"], code, "{step_h} {restarts}: {done}");
        source.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_id_is_known_for_three_days() {
    let source = Source::start(|_, _| file(b"media")).await;
    let bed = Bed::new().await;
    let once = PullUpload { session_id: "once".to_owned(), ..request(source.url("/a.mp4")) };
    let asked = eight(&bed, &once).await;
    assert_eq!(asked.iter().filter(|asked| asked.is_ok()).count(), 1, "{asked:?}");
    let refused =
        |asked: &Result<String, PullUploadError>| matches!(asked, Err(PullUploadError::SessionId));
    assert_eq!(asked.iter().filter(|asked| refused(asked)).count(), 7, "{asked:?}");
    let task = asked.into_iter().find_map(Result::ok).unwrap();
    bed.end(&task).await;
    let bed = bed.restart().await;
    assert!(refused(&bed.ask(&once).await));
    let other = bed.world.library.pull_upload(&application(OTHER), &once).await;
    other.expect("another application's is another one");
    for _ in 0..3 {
        assert!(refused(&bed.ask(&once).await));
        bed.world.pass(DAY_MS);
    }
    let again = bed.ask(&once).await.unwrap();
    assert_ne!(again, task);
    assert!(refused(&bed.ask(&once).await));
    source.stop().await;
}

/// Eight calls at once.
async fn eight(bed: &Bed, request: &PullUpload) -> Vec<Result<String, PullUploadError>> {
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let (library, request) = (Arc::clone(&bed.world.library), request.clone());
        calls.spawn(async move { library.pull_upload(&application(APP), &request).await });
    }
    calls.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_kept_for_three_days_after_their_end() {
    let source = Source::start(|_, _| file(b"media")).await;
    let bed = Bed::new().await;
    let once = PullUpload { session_id: "once".to_owned(), ..request(source.url("/a.mp4")) };
    let task = bed.ask(&once).await.unwrap();
    // while it waits it is kept whatever time passes
    bed.world.pass(4 * DAY_MS);
    bed.world.library.tick().await.unwrap();
    let done = bed.end(&task).await;
    bed.world.pass(3 * DAY_MS - 1);
    bed.world.library.tick().await.unwrap();
    assert_eq!(bed.detail(&task).await["PullUploadTask"], done);
    bed.world.pass(1);
    assert!(bed.world.library.describe_task(APP, &task).await.is_err(), "gone before it is swept");
    assert!(bed.listed(&all()).await.is_empty());
    bed.world.pass(DAY_MS);
    bed.world.library.tick().await.unwrap();
    for kind in [queue::RecordKind::Task, queue::RecordKind::SessionId] {
        let query = queue::RecordQuery { kind, app: None, term: None, after: None, limit: 10 };
        assert_eq!(bed.world.backend.find(query).await.unwrap().records, [], "{kind:?}");
    }
    source.stop().await;
}
