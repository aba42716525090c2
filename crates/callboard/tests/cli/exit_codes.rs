//! One clear line and the right code, whatever goes wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use testkit::process::Launch;

use crate::{BINARY, Ended, feed, program, run, with_data};

/// One line that begins with the program's name.
#[track_caller]
fn refused(ended: &Ended, code: i32, words: &str) {
    assert_eq!(ended.code, code, "{ended:?}");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    assert!(ended.err.starts_with("callboard: ") && ended.err.contains(words), "{ended:?}");
}

#[test]
fn a_wrong_call_is_64() {
    for arguments in [
        &["serv"][..],
        &["serve", "--bogus"],
        &["serve", "--ephemeral", "--data", "x"],
        &["pull", "--app", "many"],
        &["apps", "configure", "--mode", "FAX"],
        &["keys"],
        &[],
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, 64, "{arguments:?}: {ended:?}");
        assert!(!ended.err.is_empty() && ended.out.is_empty());
    }
    let dir = tempfile::tempdir().unwrap();
    refused(&run(with_data(&["backup", "x.db"], dir.path())), 64, "there is no store");
}

#[test]
fn bad_data_is_65() {
    let publish = |arguments: &[&str], input: &str| {
        let mut all = vec!["publish", "--endpoint", "http://127.0.0.1:1"];
        all.extend(arguments);
        let mut command = program(all);
        command.env("CALLBOARD_SECRET_ID", "a").env("CALLBOARD_SECRET_KEY", "b");
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), input).unwrap();
        Ended::of(command.arg("--file").arg(file.path()).output().unwrap())
    };
    refused(&publish(&[], "{"), 65, "no JSON");
    refused(&publish(&["--type", "FileDeleted"], "[]"), 65, "FileDeleteEvent");
    refused(&publish(&["--type", "FileGone"], "{}"), 64, "NewFileUpload");
}

#[test]
fn input_and_output_are_74() {
    let dir = tempfile::tempdir().unwrap();
    let ended = feed(with_data(&["publish"], dir.path()), "{}");
    refused(&ended, 74, "is `callboard serve` running?");
    let mut command = program(["apps", "--endpoint", "127.0.0.1:1", "list"]);
    command.env("CALLBOARD_SECRET_ID", "a").env("CALLBOARD_SECRET_KEY", "b");
    refused(&Ended::of(command.output().unwrap()), 74, "cannot reach http://127.0.0.1:1");
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_75() {
    let server = Launch::new(BINARY).start().await.unwrap();
    let second = run(with_data(&["serve", "--listen", "127.0.0.1:0"], &server.data()));
    refused(&second, 75, &format!("{} is in use", server.data().display()));
}

#[test]
fn a_configuration_that_cannot_be_used_is_78() {
    let mut command = program(["serve"]);
    command.env("CALLBOARD_PULL_LEASE", "soon");
    let ended = Ended::of(command.output().unwrap());
    refused(&ended, 78, "pull.lease: `soon` is not a duration");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    fs::write(&file, "listen = \"127.0.0.1:0\"\nlissen = 1\n").unwrap();
    let path = file.display().to_string();
    refused(&run(["config", "--config", &path]), 78, "line 2: unknown field `lissen`");
    refused(&run(["config", "--config", "/does/not/exist"]), 78, "/does/not/exist");
    let mut half = program(["serve", "--ephemeral", "--listen", "127.0.0.1:0"]);
    let ended = Ended::of(half.env("CALLBOARD_SECRET_ID", "only").output().unwrap());
    refused(&ended, 78, "must be set together");
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_78() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = dir.path().join("nothing.pem");
    fs::write(&nothing, "no certificate").unwrap();
    let [data, config] = ["data", "callboard.toml"].map(|name| dir.path().join(name));
    let nothing = nothing.display();
    let [data, config] = [data, config].map(|path| path.display().to_string());
    for (settings, words) in [
        (format!("ca_file = '{nothing}'"), "push.ca_file: "),
        ("ca_file = '/does/not/exist.pem'".to_owned(), "push.ca_file: /does/not/exist.pem"),
        (
            format!("client_certificate = '{nothing}'\nclient_key = '{nothing}'"),
            "push.client_certificate, push.client_key: ",
        ),
        ("client_key = 'own.key'".to_owned(), "push.client_certificate"),
        ("proxy = 'socks5://proxy'".to_owned(), "push.proxy"),
    ] {
        fs::write(&config, format!("[push]\n{settings}\n[log]\nlevel = 'error'\n")).unwrap();
        let ended = run(["serve", "--data", &data, "--config", &config, "--listen", "127.0.0.1:0"]);
        refused(&ended, 78, words);
    }
}

#[tokio::test]
async fn a_declared_application_that_cannot_be_is_78() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    let text = "[[application]]\nid = 7\nnotification_url = \"http://169.254.169.254/\"\n";
    fs::write(&file, text).unwrap();
    let path = file.display().to_string();
    let arguments = ["serve", "--ephemeral", "--listen", "127.0.0.1:0", "--config", &path];
    refused(&run(arguments), 78, "application 7: notification_url");
}

#[tokio::test]
async fn a_master_key_that_is_gone_or_open_is_78() {
    let mut server = Launch::new(BINARY).start().await.unwrap();
    assert!(server.stop().await.unwrap().success());
    let key = server.data().join("master.key");
    let data = server.data();
    let serve = || run(with_data(&["serve", "--listen", "127.0.0.1:0"], &data));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&serve(), 78, "chmod 600");
    fs::rename(&key, key.with_extension("away")).unwrap();
    refused(&serve(), 78, "put it back");
    assert!(!key.exists(), "a new key would make every secret unreadable");
    fs::rename(key.with_extension("away"), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    server.restart().await.unwrap();
}
