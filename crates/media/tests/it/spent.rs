//! Signatures for one use: used once, whatever happens in between, and forgotten when they would have
//! ended anyway.

use model::Timestamp;

use crate::world::{APP, OTHER, World};

const HOUR_MS: u32 = 3_600_000;
const YEAR_MS: i64 = 365 * 24 * 3_600_000;

async fn spends(world: &World, digest: &str) -> bool {
    let expires = Timestamp(world.library.now().0 + i64::from(HOUR_MS));
    world.library.spend(APP, digest, expires).await.unwrap()
}

#[tokio::test]
async fn a_signature_is_used_once_also_across_a_restart() {
    let world = World::new().await;
    assert!(spends(&world, "a").await && spends(&world, "b").await);
    assert!(!spends(&world, "a").await);
    world.library.spent_on(APP, "a", "session").await.unwrap();
    let world = world.restart().await;
    assert!(!spends(&world, "a").await && !spends(&world, "b").await);
    let library = &world.library;
    assert!(library.was_spent_on(APP, "a", "session").await.unwrap());
    for (app, digest, session) in
        [(APP, "a", "another"), (APP, "b", "session"), (OTHER, "a", "session")]
    {
        assert!(!library.was_spent_on(app, digest, session).await.unwrap(), "{digest} {session}");
    }
    assert!(library.spend(OTHER, "a", library.now()).await.unwrap(), "of another application");
}

#[tokio::test]
async fn of_two_at_once_one_uses_it() {
    let world = World::new().await;
    let (a, b) = tokio::join!(spends(&world, "a"), spends(&world, "a"));
    assert_ne!(a, b);
}

#[tokio::test]
async fn it_is_forgotten_when_it_has_ended_and_not_before() {
    let world = World::new().await;
    assert!(spends(&world, "a").await);
    for _ in 0..4 {
        world.library.tick().await.unwrap();
        world.pass(HOUR_MS / 4);
    }
    world.library.tick().await.unwrap();
    assert!(!spends(&world, "a").await, "it ends only now");
    for _ in 0..9 {
        world.pass(HOUR_MS / 4);
        world.library.tick().await.unwrap();
    }
    assert!(spends(&world, "a").await, "it was forgotten long after its end");
}

#[tokio::test]
async fn a_step_of_the_clock_forgets_nothing() {
    let world = World::new().await;
    assert!(spends(&world, "a").await);
    world.library.tick().await.unwrap();
    world.step(YEAR_MS);
    for _ in 0..3 {
        world.library.tick().await.unwrap();
        world.pass(HOUR_MS / 6);
    }
    world.step(-YEAR_MS);
    world.library.tick().await.unwrap();
    assert!(!spends(&world, "a").await);
}
