//! `callboard config`, and that file, environment and flags are heard in that order.

use std::fs;

use crate::{Ended, program, run};

#[test]
fn prints_the_effective_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("callboard.toml");
    fs::write(&file, "[pull]\nlease = \"1s\"\nwait = \"2s\"\n").unwrap();
    let mut command = program(["config", "--print", "--config"]);
    command.arg(&file).env("CALLBOARD_PULL_WAIT", "3s").env("CALLBOARD_DATA", "/from/environment");
    let text = Ended::of(command.args(["--data", "/from/flag"]).output().unwrap()).good();
    for line in ["lease = \"1s\"", "wait = \"3s\"", "data = \"/from/flag\"", "app_id = 1250000000"]
    {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(text.contains("listen = \"127.0.0.1:8801\""), "the address of ops is filled in");
}

#[test]
fn what_it_prints_can_be_used_as_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("callboard.toml");
    fs::write(&file, run(["config", "--example"]).good()).unwrap();
    let mut check = program(["config", "--check", "--config"]);
    assert_eq!(Ended::of(check.arg(&file).output().unwrap()).code, 0);
    let mut from_environment = program(["config"]);
    from_environment.env("CALLBOARD_CONFIG", &file);
    let again = Ended::of(from_environment.output().unwrap()).good();
    assert_eq!(again, run(["config"]).good());
}

#[test]
fn says_which_variable_is_no_setting() {
    let mut command = program(["config", "--check"]);
    let ended = Ended::of(command.env("CALLBOARD_PULL_LEESE", "1s").output().unwrap());
    assert_eq!(ended.code, 0);
    assert!(ended.err.contains("CALLBOARD_PULL_LEESE is no setting"), "{ended:?}");
}

#[test]
fn every_command_teaches() {
    let help = run(["--help"]).good();
    for command in ["serve", "demo", "publish", "pull", "keys", "apps", "live", "config", "backup"]
    {
        assert!(help.contains(command));
        let text = run([command, "--help"]).good();
        assert!(text.contains("Usage:"), "{text}");
        assert!(command == "demo" || text.contains("Example"), "{text}");
    }
    assert!(run(["--version"]).good().starts_with("callboard "));
}
