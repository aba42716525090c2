//! The captured requests of nine official SDKs and tccli, sent byte by byte to a server that lives
//! in the second in which each was signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::message::Message;
use crate::server::Server;

#[derive(Deserialize)]
struct Capture {
    secret_id: String,
    secret_key: String,
    requests: Vec<Request>,
}

#[derive(Deserialize)]
struct Request {
    client: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body_base64: String,
    scheme: String,
    timestamp: i64,
    verifies: bool,
}

impl Request {
    fn message(&self) -> Message {
        Message {
            method: self.method.clone(),
            target: self.target.clone(),
            headers: self.headers.clone(),
            body: STANDARD.decode(&self.body_base64).unwrap(),
        }
    }

    fn name(&self) -> String {
        format!("{} {} {} {}", self.client, self.scheme, self.method, self.target)
    }
}

fn capture() -> Capture {
    serde_json::from_str(include_str!("../../../sign/tests/data/requests.json")).unwrap()
}

/// What is answered before a signature has been found right.
const BEFORE_THE_SIGNATURE: [&str; 9] = [
    "AuthFailure.InvalidAuthorization",
    "AuthFailure.SecretIdNotFound",
    "AuthFailure.SignatureExpire",
    "AuthFailure.SignatureFailure",
    "AuthFailure.TokenFailure",
    "InvalidAction",
    "NoSuchVersion",
    "UnsupportedOperation",
    "MissingParameter",
];

async fn server(capture: &Capture) -> Server {
    let root = (capture.secret_id.as_str(), capture.secret_key.as_str());
    Server::with_root(root, |settings| settings.rates = api::RateLimits::none()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_is_understood_as_far_as_its_request_makes_sense() {
    let capture = capture();
    let server = server(&capture).await;
    let mut answered = 0;
    for request in &capture.requests {
        server.set_time(request.timestamp);
        let answer = server.send(&request.message()).await;
        let message = request.message();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let everything = request.target.clone() + &text(&message.body);
        let header = |name: &str| {
            message
                .headers
                .iter()
                .find(|(n, _)| n.eq_ignore_ascii_case(name))
                .map(|(_, v)| v.as_str())
        };
        // parameters that the requests hold only to show how they are written
        let foreign = ["Flag=", "&T=True", "&B=true", "Big", "Ext_Ctx"];
        let expected = if request.scheme == "SKIP" {
            // tccli's is for a service that is not served here
            if header("x-tc-version") == Some("2018-07-17") {
                "AuthFailure.InvalidAuthorization"
            } else {
                "NoSuchVersion"
            }
        } else if !request.verifies {
            "AuthFailure.SignatureFailure"
        } else if header("x-tc-token").is_some_and(|token| !token.is_empty())
            || everything.contains("Token=tok")
        {
            "AuthFailure.TokenFailure"
        } else if header("content-type").is_some_and(|kind| kind.contains("octet-stream")) {
            "UnsupportedProtocol"
        } else if foreign.iter().any(|name| everything.contains(name))
            || everything.contains("EventHandles")
                && !everything.contains("ConfirmEvents")
                && header("x-tc-action") != Some("ConfirmEvents")
        {
            "UnknownParameter"
        } else if everything.contains("EventHandles") {
            "InvalidParameterValue"
        } else {
            "OK"
        };
        assert_eq!(answer.code(), expected, "{}: {}", request.name(), answer.message());
        answered += usize::from(expected == "OK");
    }
    assert!(answered >= 25, "{answered}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_is_believed_after_a_byte_has_changed() {
    let capture = capture();
    let server = server(&capture).await;
    for request in capture.requests.iter().filter(|request| request.verifies) {
        server.set_time(request.timestamp);
        let original = request.message();
        let mut mutants = vec![
            original.clone().with("Content-Type", "text/plain"),
            original.clone().with("Host", "127.0.0.2:19301"),
        ];
        let tc3 = request.scheme == "TC3";
        if !tc3 {
            // v1 signs no content type; without a form there are no parameters
            mutants.remove(0);
        }
        if !original.body.is_empty() {
            for at in [0, original.body.len() / 2, original.body.len() - 1] {
                let mut mutant = original.clone();
                mutant.body[at] ^= 1;
                mutants.push(mutant);
            }
        }
        if let Some((path, query)) = original.target.split_once('?').filter(|(_, q)| !q.is_empty())
        {
            mutants.push(Message { target: format!("{path}?{query}1"), ..original.clone() });
            mutants.push(Message { target: format!("{path}?A=1&{query}"), ..original.clone() });
        }
        let unsigned_payload =
            original.headers.iter().any(|(_, value)| value == "UNSIGNED-PAYLOAD");
        for mutant in mutants {
            if unsigned_payload && mutant.body != original.body {
                continue;
            }
            let code = server.send(&mutant).await.code();
            assert!(
                BEFORE_THE_SIGNATURE.contains(&&*code),
                "{}: {code} for {mutant:?}",
                request.name()
            );
        }
    }
    server.stop().await;
}
