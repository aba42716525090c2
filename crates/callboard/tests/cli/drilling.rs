//! `drill` against receivers with https: whom it believes, and what it says of the others.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use testkit::certificate::{Authority, Issued};
use testkit::receiver::Receiver;

use crate::{Ended, run};

/// Drills with one case, trusting the file if there is one.
fn drill(receiver: &Receiver, trusted: Option<&Path>) -> Ended {
    let url = receiver.url("/vod");
    let mut arguments = vec!["drill", &url, "--only", "type/NewFileUpload", "--json"];
    arguments.extend(trusted.map(|_| "--ca-file"));
    arguments.extend(trusted.map(|path| path.to_str().unwrap()));
    run(arguments)
}

fn write(directory: &TempDir, pem: &str) -> std::path::PathBuf {
    let path = directory.path().join("ca.pem");
    fs::write(&path, pem).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_the_ca_file_is_drilled() {
    let (directory, authority) = (TempDir::new().unwrap(), Authority::new().unwrap());
    let issued = authority.issue("127.0.0.1").unwrap();
    let own = Issued::as_authority("127.0.0.1").unwrap();
    for (shown, listed) in [(&issued, authority.pem()), (&own, own.pem().to_owned())] {
        let receiver = Receiver::start_secure(shown).await.unwrap();
        let path = write(&directory, &listed);
        let report: Value = drill(&receiver, Some(&path)).json();
        assert_eq!(report["Verdict"], "pass", "{report:#}");
        assert!(receiver.received().len() >= 2, "the ground, and the case");

        let refused = drill(&receiver, None);
        assert_eq!((refused.code, refused.out.as_str()), (74, ""), "{refused:?}");
        let words = ["cannot reach https://127.0.0.1:", "not trusted; --ca-file can name"];
        assert!(words.iter().all(|words| refused.err.contains(words)), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_wrong_is_said_to_be() {
    let (directory, authority) = (TempDir::new().unwrap(), Authority::new().unwrap());
    let path = write(&directory, &authority.pem());
    for (shown, words) in [
        (authority.issue("hooks.example.com"), "not for 127.0.0.1, but for hooks.example.com"),
        (authority.issue_expired("127.0.0.1"), "has expired: it was valid until 2021-01-01"),
    ] {
        let receiver = Receiver::start_secure(&shown.unwrap()).await.unwrap();
        let refused = drill(&receiver, Some(&path));
        assert_eq!(refused.code, 74, "{refused:?}");
        assert!(refused.err.contains(words), "{refused:?}");
        assert!(receiver.received().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_file_must_be_one() {
    let directory = TempDir::new().unwrap();
    let receiver = Receiver::start_secure(&Issued::by_itself("127.0.0.1").unwrap()).await.unwrap();
    let missing = drill(&receiver, Some(&directory.path().join("none.pem")));
    assert!(missing.code == 74 && missing.err.contains("none.pem"), "{missing:?}");
    let path = write(&directory, "nothing");
    let nothing = drill(&receiver, Some(&path));
    assert!(nothing.code == 65 && nothing.err.contains("no certificate in it"), "{nothing:?}");
}
