//! The rate limits, and what is reported of each call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use queue::Observer;
use serde_json::json;

use crate::message::{code, message};
use crate::server::{ROOT, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_over_its_limit_is_told_the_numbers() {
    let limit = HashMap::from([("DescribeEventsState".to_owned(), 3)]);
    let server = Server::with(|settings| settings.rates = api::RateLimits(limit)).await;
    let made = server.call("CreateKey", json!({})).await;
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let other = (text("SecretId"), text("SecretKey"));
    let state = || server.call("DescribeEventsState", json!({}));
    let refused = loop {
        let (a, b, c, d) = tokio::join!(state(), state(), state(), state());
        // the four may lie on both sides of a second's end
        let refused = [a, b, c, d].into_iter().find(|answer| code(answer) != "OK");
        if let Some(refused) = refused {
            break refused;
        }
    };
    assert_eq!(code(&refused), "RequestLimitExceeded");
    let told = message(&refused);
    let count = told.split('`').nth(1).unwrap();
    let text = format!(
        "Your current request times equals to `{count}` in a second, which exceeds the frequency \
         limit `3` for a second. Please reduce the frequency of calls."
    );
    assert_eq!(told, text);
    assert!(count.parse::<u64>().unwrap() > 3);
    let others = server.call_as((&other.0, &other.1), "DescribeEventsState", json!({})).await;
    assert_eq!(code(&others), "OK");
    server.stop().await;
}

#[derive(Debug, Default)]
struct Counting(Mutex<Vec<(&'static str, &'static str)>>);

impl Observer for Counting {
    fn request(&self, action: &'static str, code: &'static str, seconds: f64) {
        assert!((0.0..60.0).contains(&seconds));
        self.0.lock().unwrap().push((action, code));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_reported_with_its_code() {
    let counting = Arc::new(Counting::default());
    let server = Server::observed(ROOT, |_| (), counting.clone()).await;
    server.call("DescribeEventConfig", json!({})).await;
    server.call("PullEvents", json!({})).await;
    server.call("Nonsense", json!({})).await;
    let seen = counting.0.lock().unwrap().clone();
    let expected = [
        ("DescribeEventConfig", "OK"),
        ("PullEvents", "FailedOperation"),
        ("unknown", "InvalidAction"),
    ];
    assert_eq!(seen, expected);
    server.stop().await;
}
