//! Receivers whose certificate is wrong: nothing is sent to them, the row says what is wrong in words
//! that help, and once they show a right one everything goes out.

use queue::State;
use testkit::certificate::{Authority, Issued};
use testkit::receiver::Receiver;

use crate::bed::{APP, Bed};

/// The first event meets `wrong`; the row of its attempt must hold all of these words.
async fn is_refused(authority: &Authority, wrong: &Issued, words: &[&str]) {
    let bed = Bed::trusting(&authority.pem());
    let receiver = Receiver::start_secure(wrong).await.unwrap();
    bed.point(APP, receiver.url("/")).await;
    let first = bed.publish(APP, 1).await[0];
    bed.drive().await;
    assert_eq!(bed.state(APP, first).await, State::Delayed);
    let row = bed.attempts(APP, first).await.remove(0);
    assert_eq!((row.status, row.body.len()), (None, 0), "{row:?}");
    for word in words {
        assert!(row.error.contains(word), "no `{word}`: {row:?}");
    }
    assert!(receiver.received().is_empty(), "nothing is sent to a stranger");

    receiver.show(&authority.issue("127.0.0.1").unwrap()).unwrap();
    let next = bed.publish(APP, 1).await[0];
    bed.drive().await;
    assert_eq!(bed.state(APP, next).await, State::Done);
    bed.pass(1_000).await;
    bed.drive().await;
    assert_eq!(bed.state(APP, first).await, State::Done);
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn another_hosts_certificate() {
    let authority = Authority::new().unwrap();
    let wrong = authority.issue("hooks.example.com").unwrap();
    let words = "the certificate is not for 127.0.0.1, but for hooks.example.com";
    is_refused(&authority, &wrong, &["TLS failed", words]).await;
    let wrong = authority.issue("10.1.2.3").unwrap();
    is_refused(&authority, &wrong, &["not for 127.0.0.1, but for 10.1.2.3"]).await;
}

#[tokio::test]
async fn a_certificate_whose_time_is_not_now() {
    let authority = Authority::new().unwrap();
    let expired = authority.issue_expired("127.0.0.1").unwrap();
    is_refused(&authority, &expired, &["has expired", "valid until 2021-01-01T00:00:00Z"]).await;
    let early = authority.issue_early("127.0.0.1").unwrap();
    is_refused(&authority, &early, &["not valid yet", "valid from 2090-01-01T00:00:00Z"]).await;
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for() {
    let authority = Authority::new().unwrap();
    let words = ["signed by itself or by an authority that is not trusted", "`push.ca_file`"];
    let strangers = Authority::new().unwrap().issue("127.0.0.1").unwrap();
    is_refused(&authority, &strangers, &words).await;
    is_refused(&authority, &Issued::by_itself("127.0.0.1").unwrap(), &words).await;
    is_refused(&authority, &Issued::as_authority("127.0.0.1").unwrap(), &words).await;
}

/// `push.ca_file` may hold the receiver's own certificate, however it was made.
#[tokio::test]
async fn a_certificate_that_is_listed_itself_is_believed() {
    for own in [Issued::by_itself("127.0.0.1"), Issued::as_authority("127.0.0.1")] {
        let own = own.unwrap();
        let receiver = Receiver::start_secure(&own).await.unwrap();
        let bed = Bed::trusting(own.pem());
        bed.point(APP, receiver.url("/")).await;
        let id = bed.publish(APP, 1).await[0];
        bed.drive().await;
        assert_eq!(bed.state(APP, id).await, State::Done, "{:?}", bed.attempts(APP, id).await);
    }
}
