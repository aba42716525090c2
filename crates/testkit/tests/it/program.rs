//! Programs: steps in order, and a failure that says what was printed.

use serde_json::json;
use testkit::program::Program;
use tokio::process::Command;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[tokio::test]
async fn a_program_tells_its_steps_and_waits() {
    let script = r#"read setup; echo noise; echo "{\"step\":\"one\",\"setup\":$setup}"
        read word; test "$word" = '{"go":1}' && echo '{"step":"done"}'"#;
    let mut program = Program::start(shell(script), &json!({"a": 1})).await.unwrap();
    assert_eq!(program.step("one").await.unwrap()["setup"]["a"], 1);
    program.say(&json!({"go": 1})).await.unwrap();
    program.finish().await.unwrap();
}

#[tokio::test]
async fn a_program_that_fails_is_quoted() {
    let script = "read setup; echo what went wrong >&2; exit 3";
    let program = Program::start(shell(script), &json!({})).await.unwrap();
    let error = program.finish().await.unwrap_err().to_string();
    assert!(error.contains("what went wrong"), "{error}");
    let script = r#"read setup; echo '{"step":"done"}'; exit 3"#;
    let program = Program::start(shell(script), &json!({})).await.unwrap();
    assert!(program.finish().await.unwrap_err().to_string().contains("exit status: 3"));
}
