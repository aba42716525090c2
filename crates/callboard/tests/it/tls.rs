//! TLS on the listener, with the real binary: who is believed, what plain HTTP meets, what SIGHUP
//! does, and that the commands find their way.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use client::{Client, Key, Trust};
use serde_json::json;
use tempfile::TempDir;
use testkit::certificate::{Authority, Issued};
use testkit::process::{SECRET_ID, SECRET_KEY, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::launch;

const DEADLINE: Duration = Duration::from_secs(30);

/// Files of an authority and of a server's certificate from it.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new(name: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.issue(name);
        files
    }

    /// A new authority, and a certificate from it for that name.
    fn issue(&self, name: &str) {
        let authority = Authority::new().unwrap();
        self.write(&authority.pem(), &authority.issue(name).unwrap());
    }

    /// A certificate that is its own authority, as `openssl req -x509` makes it.
    fn issue_to_itself(&self, name: &str) {
        let own = Issued::as_authority(name).unwrap();
        self.write(own.pem(), &own);
    }

    fn write(&self, ca: &str, certificate: &Issued) {
        fs::write(self.ca(), ca).unwrap();
        fs::write(self.path("server.pem"), certificate.pem()).unwrap();
        fs::write(self.path("server.key"), certificate.key_pem()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The authority's certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The section of the configuration.
    pub(crate) fn config(&self) -> String {
        let [certificate, key] = ["server.pem", "server.key"].map(|name| self.path(name));
        format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n")
    }

    async fn serve(&self) -> Server {
        launch(self.config()).start().await.unwrap()
    }

    fn client(&self, server: &Server) -> Client {
        let mut trust = Trust::default();
        trust.add_pem(&fs::read(self.ca()).unwrap()).unwrap();
        Client::trusting(trust, &server.endpoint(), Key::new(SECRET_ID, SECRET_KEY)).unwrap()
    }
}

async fn describe(client: &Client) -> Result<serde_json::Value, client::CallError> {
    client.call("DescribeEventConfig", json!({})).await
}

#[tokio::test]
async fn only_who_trusts_the_authority_calls() {
    let files = Files::new("127.0.0.1");
    let mut server = files.serve().await;
    assert_eq!(server.endpoint(), format!("https://{}", server.address()));
    assert_eq!(describe(&files.client(&server)).await.unwrap()["Mode"], "PUSH");
    let other = server.client().unwrap();
    let refused = describe(&other).await.unwrap_err().to_string();
    assert!(refused.contains("certificate") && refused.contains("--ca-file"), "{refused}");
    assert!(server.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_certificate_can_be_its_own_authority_under_its_name_only() {
    let files = Files::new("127.0.0.1");
    files.issue_to_itself("127.0.0.1");
    let server = files.serve().await;
    assert!(describe(&files.client(&server)).await.is_ok());
    files.issue_to_itself("vod.example.test");
    server.hang_up().unwrap();
    server.logs("the certificate was read again").await.unwrap();
    let refused = describe(&files.client(&server)).await.unwrap_err().to_string();
    let words = "not for 127.0.0.1, but for vod.example.test";
    assert!(refused.contains(words), "{refused}");
}

#[tokio::test]
async fn plain_http_is_told_what_is_wrong() {
    let files = Files::new("127.0.0.1");
    let server = files.serve().await;
    let plain = Client::new(server.address(), SECRET_ID, SECRET_KEY).unwrap();
    let error = describe(&plain).await.unwrap_err();
    assert_eq!(error.code(), Some("UnsupportedProtocol"), "{error}");
    assert!(error.to_string().contains("https only"), "{error}");
    for (sent, begins) in [
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".as_slice(), "HTTP/1.1 400 "),
        (b"\x00\x01\x02\x03\x04\x05\x06\x07", ""),
    ] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut said = Vec::new();
        // a reset is an end too
        let _ended = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut said)).await.unwrap();
        let said = String::from_utf8_lossy(&said);
        assert!(said.starts_with(begins), "{said}");
    }
    assert!(describe(&files.client(&server)).await.is_ok());
}

#[tokio::test]
async fn sighup_brings_a_new_certificate_and_keeps_the_old_one_if_it_is_bad() {
    let files = Files::new("127.0.0.1");
    let mut server = files.serve().await;
    let before = files.client(&server);
    assert!(describe(&before).await.is_ok());

    fs::write(files.path("server.pem"), "not a certificate").unwrap();
    server.hang_up().unwrap();
    server.logs("the certificate was not read again").await.unwrap();
    assert!(describe(&files.client(&server)).await.is_ok(), "the old one is shown");

    files.issue("127.0.0.1");
    server.hang_up().unwrap();
    server.logs("the certificate was read again").await.unwrap();
    assert!(describe(&files.client(&server)).await.is_ok(), "the new one is shown");
    assert!(describe(&before).await.is_ok(), "a connection that stands goes on");
    assert_eq!(show(&server, &[], &[]).await.status.code(), Some(0));
    assert!(server.stop().await.unwrap().success());
}

/// `callboard apps show` with those arguments and variables beside the data directory.
async fn show(server: &Server, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = server.command([&["apps", "show"], arguments].concat());
    command.envs(variables.iter().copied()).output().await.unwrap()
}

#[tokio::test]
async fn commands_find_a_server_with_a_certificate_for_any_name() {
    let files = Files::new("vod.example.test");
    let server = files.serve().await;
    let by_data = show(&server, &[], &[]).await;
    assert_eq!(by_data.status.code(), Some(0), "{by_data:?}");
    let by_endpoint = ["--endpoint", &server.endpoint()];
    let refused = show(&server, &by_endpoint, &[]).await;
    assert_eq!(refused.status.code(), Some(74), "{refused:?}");
}

#[tokio::test]
async fn commands_trust_an_authority_that_they_are_given() {
    let files = Files::new("127.0.0.1");
    let server = files.serve().await;
    let (endpoint, ca) = (server.endpoint(), files.ca().display().to_string());
    let with_flag = ["--endpoint", &endpoint, "--ca-file", &ca];
    let shown = show(&server, &with_flag, &[]).await;
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let variables = [("CALLBOARD_ENDPOINT", &*endpoint), ("CALLBOARD_CA_FILE", &*ca)];
    let shown = show(&server, &[], &variables).await;
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
}

#[tokio::test]
async fn files_that_cannot_be_used_stop_the_start() {
    let files = Files::new("127.0.0.1");
    fs::write(files.path("server.key"), "nothing").unwrap();
    let error = launch(files.config()).start().await.unwrap_err().to_string();
    assert!(error.contains("tls.certificate") && error.contains("no private key"), "{error}");
}
