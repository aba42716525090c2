//! ExpireTime: a file goes once, at its time, by a clock that can be trusted.

use media::{Applied, ApplyError};
use model::{AppId, Application, ApplicationStatus, EventConfig, EventKind, Timestamp};
use queue::State;
use wire::action::ModifyMediaInfo;

use crate::world::{APP, World, application, apply_request, wav};

const HOUR_MS: u32 = 3_600_000;
const DAY_MS: u32 = 24 * HOUR_MS;

impl World {
    /// A committed file that ends in so many milliseconds.
    async fn ending(&self, app: AppId, in_ms: i64) -> Applied {
        let mut request = apply_request("wav");
        request.expire_time = Some(self.library.now().plus_ms(in_ms));
        let applied = self.library.apply(&application(app), &request).await.unwrap();
        let grant = self.grant(&applied).await;
        self.put(&grant, &applied.session.media_key, &wav(1)).await.unwrap();
        self.library.commit_upload(&application(app), &applied.vod_session_key).await.unwrap();
        applied
    }

    async fn is_there(&self, applied: &Applied) -> bool {
        let (bucket, key) = (&applied.session.bucket, &applied.session.media_key);
        self.library.published(bucket, key).await.unwrap().is_some()
    }

    /// The files that FileDeleted tells of, and the states of these events.
    async fn deletions(&self) -> Vec<(String, State)> {
        let events = self.events().await.into_iter();
        let deletions = events.filter(|(event, _)| event.row.kind == EventKind::FileDeleted);
        deletions
            .map(|(event, payload)| {
                let info = &payload["FileDeleteResultInfo"][0];
                assert_eq!(info["DeleteParts"], serde_json::json!([]));
                assert_eq!(payload["FileIdSet"][0], info["FileId"]);
                (info["FileId"].as_str().unwrap().to_owned(), event.row.state)
            })
            .collect()
    }
}

#[tokio::test]
async fn a_file_goes_an_hour_after_its_end_and_says_so_once() {
    let world = World::new().await;
    let brief = world.ending(APP, i64::from(HOUR_MS)).await;
    let lasting = world.ending(APP, i64::from(DAY_MS)).await;
    let (endless, grant) = world.apply("wav").await;
    world.put(&grant, &endless.session.media_key, &wav(1)).await.unwrap();
    world.library.commit_upload(&application(APP), &endless.vod_session_key).await.unwrap();
    let shown = world.describe(&brief.session.file.to_string()).await;
    assert_eq!(shown["BasicInfo"]["ExpireTime"], brief.session.about.expire.to_string());
    world.library.tick().await.unwrap();
    for _ in 0..2 {
        assert!(world.is_there(&brief).await);
        world.pass(HOUR_MS);
        world.library.tick().await.unwrap();
    }
    assert!(!world.is_there(&brief).await);
    assert!(world.is_there(&lasting).await && world.is_there(&endless).await);
    assert_eq!(world.object_files().len(), 2, "its bytes are gone");
    assert!(world.describe(&brief.session.file.to_string()).await.is_null());
    assert_eq!(world.deletions().await, [(brief.session.file.to_string(), State::Ready)]);
    world.library.tick().await.unwrap();
    let world = world.restart().await;
    world.pass(HOUR_MS);
    world.library.tick().await.unwrap();
    assert_eq!(world.deletions().await.len(), 1);
    assert!(world.is_there(&lasting).await);
}

#[tokio::test]
async fn without_the_switch_the_event_is_ignored() {
    let world = World::new().await;
    let quiet = Application { config: EventConfig::default(), ..application(APP) };
    world.put_application(&quiet).await;
    world.ending(APP, 1_000).await;
    world.library.tick().await.unwrap();
    world.pass(HOUR_MS);
    world.library.tick().await.unwrap();
    world.pass(HOUR_MS);
    world.library.tick().await.unwrap();
    assert!(world.object_files().is_empty());
    assert_eq!(world.deletions().await[0].1, State::Ignored);
}

#[tokio::test]
async fn a_step_of_the_wall_clock_costs_nobody_a_file() {
    let world = World::new().await;
    let file = world.ending(APP, i64::from(DAY_MS)).await;
    world.library.tick().await.unwrap();
    world.step(i64::from(DAY_MS) * 20);
    for _ in 0..59 {
        world.pass(60_000);
        world.library.tick().await.unwrap();
    }
    world.step(-i64::from(DAY_MS) * 20);
    for _ in 0..60 {
        world.pass(60_000);
        world.library.tick().await.unwrap();
    }
    assert!(world.is_there(&file).await);
    // a start begins the hour anew
    world.pass(DAY_MS);
    let world = world.restart().await;
    world.pass(HOUR_MS - 60_000);
    world.library.tick().await.unwrap();
    assert!(world.is_there(&file).await);
    world.pass(60_000);
    world.library.tick().await.unwrap();
    assert!(!world.is_there(&file).await);
}

#[tokio::test]
async fn a_clock_that_is_in_doubt_ends_nothing() {
    let world = World::new().await;
    let file = world.ending(APP, i64::from(DAY_MS)).await;
    // a machine that starts years ahead
    world.step(i64::from(DAY_MS) * 400);
    let world = world.restart().await;
    assert!(world.backend.health().clock_in_doubt);
    for _ in 0..5 {
        world.pass(HOUR_MS);
        world.library.tick().await.unwrap();
    }
    assert!(world.is_there(&file).await);
    world.step(-i64::from(DAY_MS) * 400);
    let world = world.restart().await;
    assert!(!world.backend.health().clock_in_doubt);
    assert!(world.is_there(&file).await);
}

#[tokio::test]
async fn an_end_can_be_moved_and_taken_back() {
    let world = World::new().await;
    let files = [world.ending(APP, 1_000).await, world.ending(APP, 2_000).await];
    let [moved, kept] = &files;
    for (applied, end) in
        [(moved, world.library.now().plus_ms(i64::from(DAY_MS))), (kept, Timestamp::NEVER)]
    {
        let request = ModifyMediaInfo {
            file_id: applied.session.file.to_string(),
            expire_time: Some(end),
            ..ModifyMediaInfo::default()
        };
        world.library.modify(&application(APP), &request).await.unwrap();
    }
    world.library.tick().await.unwrap();
    world.pass(3 * HOUR_MS);
    world.library.tick().await.unwrap();
    assert!(world.is_there(moved).await && world.is_there(kept).await);
    world.pass(DAY_MS);
    world.library.tick().await.unwrap();
    world.pass(HOUR_MS);
    world.library.tick().await.unwrap();
    assert!(!world.is_there(moved).await && world.is_there(kept).await);
}

#[tokio::test]
async fn an_end_in_the_past_is_refused_and_the_last_moment_is_never() {
    let world = World::new().await;
    let now = world.library.now();
    for (end, is_taken) in
        [(now.plus_ms(-1), false), (now, false), (now.plus_ms(1), true), (Timestamp::NEVER, true)]
    {
        let mut request = apply_request("wav");
        request.expire_time = Some(end);
        let applied = world.library.apply(&application(APP), &request).await;
        assert_eq!(!matches!(applied, Err(ApplyError::ExpireTime)), is_taken, "{end}");
    }
}

#[tokio::test]
async fn many_ends_at_once_are_taken_in_steps_and_none_twice() {
    let world = World::new().await;
    for _ in 0..520 {
        world.ending(APP, 1_000).await;
    }
    world.library.tick().await.unwrap();
    world.pass(2 * HOUR_MS);
    world.library.tick().await.unwrap();
    assert_eq!(world.object_files().len(), 520, "nobody has seen the hour pass");
    world.pass(HOUR_MS);
    world.library.tick().await.unwrap();
    assert_eq!(world.object_files().len(), 20);
    world.library.tick().await.unwrap();
    assert!(world.object_files().is_empty());
    let agreed = world.agreement().await;
    assert_eq!((agreed.media, agreed.deleted), (0, 520));
}

#[tokio::test]
async fn files_of_an_application_that_is_off_end_as_well_and_of_a_destroyed_one_silently() {
    let world = World::new().await;
    let file = world.ending(APP, 1_000).await;
    let off = Application { status: ApplicationStatus::Off, ..application(APP) };
    world.put_application(&off).await;
    world.library.tick().await.unwrap();
    world.pass(HOUR_MS);
    world.library.tick().await.unwrap();
    world.pass(HOUR_MS);
    world.library.tick().await.unwrap();
    assert_eq!(world.deletions().await.len(), 1);
    assert!(!world.is_there(&file).await);
    let other = world.ending(crate::world::OTHER, 1_000).await;
    let destroyed =
        Application { status: ApplicationStatus::Destroyed, ..application(crate::world::OTHER) };
    world.put_application(&destroyed).await;
    world.pass(2 * HOUR_MS);
    world.library.tick().await.unwrap();
    assert!(!world.is_there(&other).await);
    assert!(world.object_files().is_empty());
}
