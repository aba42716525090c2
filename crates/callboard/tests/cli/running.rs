//! `callboard run`: a program behind the proxy, its end passed on, and nothing left behind.

use std::fs;
use std::path::Path;

use testkit::background::Background;
use testkit::certificate::Issued;
use testkit::process::{Launch, Server};
use tokio::process::Command;

use crate::{BINARY, Ended, program, run, with_data};

async fn server() -> Server {
    Launch::new(BINARY).start().await.unwrap()
}

/// Runs a shell script behind the proxy, with a directory of its own for temporary files.
fn behind(server: &Server, temporary: &Path, script: &str) -> Ended {
    let data = server.data();
    let mut command = program(["run", "--data", data.to_str().unwrap(), "--", "sh", "-c", script]);
    command.env("TMPDIR", temporary).env("PATH", std::env::var_os("PATH").unwrap());
    Ended::of(command.output().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_reaches_the_server_by_tencents_name_and_by_no_other() {
    let server = server().await;
    let temporary = tempfile::tempdir().unwrap();
    let api = behind(&server, temporary.path(), "curl -sSf https://vod.tencentcloudapi.com/");
    assert!(api.good().contains("MissingParameter"));
    let plain = behind(&server, temporary.path(), "curl -sSf http://vod.tencentcloudapi.com/");
    assert!(plain.good().contains("MissingParameter"));
    let other = behind(&server, temporary.path(), "curl -sS https://example.invalid/");
    assert_ne!(other.code, 0);
    assert!(other.err.contains("example.invalid is not one of Tencent's"), "{other:?}");
    assert!(other.err.contains("--pass-through"), "{other:?}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_program_is_that_of_run() {
    let server = server().await;
    let temporary = tempfile::tempdir().unwrap();
    assert_eq!(behind(&server, temporary.path(), "exit 7").code, 7);
    assert_eq!(behind(&server, temporary.path(), "kill -9 $$").code, 128 + 9);
    let nowhere = ["run", "--", "/nonexistent/program"];
    let absent = run(with_data_first(&nowhere, &server));
    assert!(absent.code == 127 && absent.err.contains("/nonexistent/program"), "{absent:?}");
    let directory = ["run", "--", "/"];
    assert_eq!(run(with_data_first(&directory, &server)).code, 126);
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "nothing is left");
}

/// `--data` before `--`, because what follows is the program's.
fn with_data_first(arguments: &[&str], server: &Server) -> Vec<String> {
    let mut all: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    all.splice(1..1, ["--data".to_owned(), server.data().to_str().unwrap().to_owned()]);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_reaches_the_program() {
    let server = server().await;
    let mut command = Command::new(BINARY);
    command.arg("run").arg("--data").arg(server.data()).args(["--", "sh", "-c"]);
    command.arg("trap 'echo told; exit 5' INT; echo ready; while :; do sleep 0.1; done");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    let running = Background::start(command).unwrap();
    running.says(&["ready"]).await.unwrap();
    running.interrupt().unwrap();
    running.says(&["told"]).await.unwrap();
    assert_eq!(running.end().await.unwrap().0, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_told() {
    let mut server = server().await;
    let temporary = tempfile::tempdir().unwrap();
    let endpoint = server.endpoint();
    server.stop().await.unwrap();
    let mut command = program(["run", "--endpoint", &endpoint, "--data", "/nonexistent", "--"]);
    command.args(["curl", "-sS", "-m", "20", "https://vod.tencentcloudapi.com/"]);
    command.env("TMPDIR", temporary.path()).env("PATH", std::env::var_os("PATH").unwrap());
    let ended = Ended::of(command.output().unwrap());
    assert!(ended.out.contains("cannot reach"), "{ended:?}");
    assert!(ended.err.contains("is `callboard serve` running?"), "{ended:?}");
}

/// A server with a certificate of its own for 127.0.0.1, and where that is.
async fn secure() -> (Server, tempfile::TempDir) {
    let made = Issued::by_itself("127.0.0.1").unwrap();
    let files = tempfile::tempdir().unwrap();
    let (certificate, key) = (files.path().join("own.pem"), files.path().join("own.key"));
    fs::write(&certificate, made.pem()).unwrap();
    fs::write(&key, made.key_pem()).unwrap();
    let (certificate, key) = (certificate.display(), key.display());
    let config = format!("[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n");
    (Launch::new(BINARY).config(config).start().await.unwrap(), files)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_is_reached_and_so_is_its_own_address() {
    let (server, files) = secure().await;
    let temporary = tempfile::tempdir().unwrap();
    for url in
        ["https://vod.tencentcloudapi.com/", "http://vod.tencentcloudapi.com/", &server.endpoint()]
    {
        let ended = behind(&server, temporary.path(), &format!("curl -sSf {url}"));
        assert!(ended.good().contains("MissingParameter"), "{url}");
    }
    // from elsewhere, by its address alone, it must be believed
    let away = |more: &[&str]| {
        let endpoint = server.endpoint();
        let mut all = vec!["run", "--endpoint", &endpoint, "--data", "/nonexistent"];
        all.extend(more);
        all.extend(["--", "curl", "-sS", "-m", "20", "https://vod.tencentcloudapi.com/"]);
        let mut command = program(all);
        command.env("PATH", std::env::var_os("PATH").unwrap());
        Ended::of(command.output().unwrap())
    };
    let stranger = away(&[]);
    assert!(stranger.out.contains("cannot reach"), "{stranger:?}");
    let own = files.path().join("own.pem");
    assert!(away(&["--ca-file", own.to_str().unwrap()]).good().contains("MissingParameter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_elsewhere_is_found() {
    let (mut server, _files) = secure().await;
    let temporary = tempfile::tempdir().unwrap();
    let go = temporary.path().join("go");
    let curl = "curl -sSf -m 20 https://vod.tencentcloudapi.com/ && echo";
    let script = format!(
        "{curl} && echo before; while [ ! -e {} ]; do sleep 0.1; done; {curl} && echo after",
        go.display()
    );
    let mut command = Command::new(BINARY);
    command.arg("run").arg("--data").arg(server.data()).args(["--", "sh", "-c", &script]);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    let running = Background::start(command).unwrap();
    running.says(&["before"]).await.unwrap();
    let was = server.endpoint();
    server.kill9().await.unwrap();
    server.restart().await.unwrap();
    assert_ne!(server.endpoint(), was);
    fs::write(&go, "").unwrap();
    running.says(&["after"]).await.unwrap();
    assert_eq!(running.end().await.unwrap().0, 0);
}

#[tokio::test]
async fn a_wrong_call_says_why() {
    let server = server().await;
    let open = ["run", "--proxy", "0.0.0.0:0", "--", "true"];
    let open = run(with_data_first(&open, &server));
    assert!(open.code == 64 && open.err.contains("loopback"), "{open:?}");
    let word = ["run", "--proxy", "here", "--", "true"];
    assert_eq!(run(with_data_first(&word, &server)).code, 64);
    assert_eq!(run(["run", "--endpoint", "http://127.0.0.1:1"]).code, 64);
}

#[tokio::test]
async fn trust_names_the_certificate() {
    let server = server().await;
    let words = run(with_data(&["trust"], &server.data())).good();
    let certificate = server.data().join("intercept-ca.pem");
    assert!(words.contains(certificate.to_str().unwrap()), "{words}");
    assert!(fs::read_to_string(certificate).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    let nowhere = run(["trust", "--data", "/nonexistent"]);
    assert_eq!(nowhere.code, 74, "{nowhere:?}");
}
