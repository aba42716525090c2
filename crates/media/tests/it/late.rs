//! A bucket that carries out later what it never answered: nothing of it may stay for ever.

use model::limits;
use testkit::bucket::Bucket;

use crate::world::{MIB, World, noise};

/// Puts an object that the bucket takes and does not answer.
async fn put_unanswered(world: &World, bucket: &Bucket, bytes: &[u8]) {
    let (applied, grant) = world.apply("mp4").await;
    bucket.hold();
    world.put(&grant, &applied.session.media_key, bytes).await.unwrap_err();
    bucket.mend();
}

fn late() -> u32 {
    u32::try_from(limits::S3_LATE_MS).unwrap()
}

#[tokio::test]
async fn an_object_that_comes_after_its_answer_was_due_goes() {
    let bucket = Bucket::start().await.unwrap();
    let world = World::in_bucket(&bucket).await;
    for (size, late_keys) in [(10, 1), (6 * MIB, 0)] {
        put_unanswered(&world, &bucket, &noise(size, 1)).await;
        // a sweep that finds nothing yet
        world.library.tick().await.unwrap();
        assert!(bucket.deliver().await.unwrap() > 0);
        assert_eq!(bucket.keys().await.unwrap().len(), late_keys, "{size}");
        assert_eq!(bucket.incomplete().await.unwrap().is_empty(), late_keys == 1, "{size}");
        world.pass(late() - 1);
        world.library.tick().await.unwrap();
        world.pass(2);
        world.library.tick().await.unwrap();
        assert!(bucket.keys().await.unwrap().is_empty(), "{size}");
        assert!(bucket.incomplete().await.unwrap().is_empty(), "{size}");
        assert!(world.garbage().await.is_empty(), "{size}");
    }
}

#[tokio::test]
async fn an_object_that_comes_after_a_crash_goes() {
    let bucket = Bucket::start().await.unwrap();
    let world = World::in_bucket(&bucket).await;
    put_unanswered(&world, &bucket, b"late").await;
    let world = world.restart().await;
    assert!(bucket.deliver().await.unwrap() > 0);
    assert_eq!(bucket.keys().await.unwrap().len(), 1);
    world.library.tick().await.unwrap();
    world.pass(late());
    world.library.tick().await.unwrap();
    assert!(bucket.keys().await.unwrap().is_empty());
    assert!(world.garbage().await.is_empty());
}

#[tokio::test]
async fn what_a_start_tries_the_bucket_out_with_goes() {
    let bucket = Bucket::start().await.unwrap();
    bucket.hold();
    let world = World::around(&bucket).await;
    world.library.tick().await.unwrap_err();
    bucket.mend();
    world.library.tick().await.unwrap();
    assert!(bucket.deliver().await.unwrap() > 0);
    assert_eq!(bucket.keys().await.unwrap().len(), 1);
    world.pass(late());
    world.library.tick().await.unwrap();
    world.pass(late());
    world.library.tick().await.unwrap();
    assert!(bucket.keys().await.unwrap().is_empty());
    assert!(world.garbage().await.is_empty());
}

#[tokio::test]
async fn what_was_answered_goes_at_once() {
    let bucket = Bucket::start().await.unwrap();
    let world = World::in_bucket(&bucket).await;
    let (applied, grant) = world.apply("mp4").await;
    let key = &applied.session.media_key;
    world.put(&grant, key, &noise(6 * MIB, 1)).await.unwrap();
    world.put(&grant, key, b"over it").await.unwrap();
    world.library.tick().await.unwrap();
    assert_eq!(bucket.keys().await.unwrap().len(), 1);
    let trial = |name: &String| name.starts_with("check/");
    assert!(world.garbage().await.iter().all(trial));
}
