//! Golden bytes of envelopes and of every error code and wording.

use model::AppId;
use wire::{ApiError, Code, Language, Reply, envelope};

const ID: &str = "6914a902-5d95-43db-974e-bb6d9e4d9ee6";

fn text(body: &[u8]) -> &str {
    std::str::from_utf8(body).unwrap()
}

#[test]
fn request_id_closes_every_answer() {
    insta::assert_snapshot!(text(&envelope::success(&Reply::Done, ID)), @r#"{"Response":{"RequestId":"6914a902-5d95-43db-974e-bb6d9e4d9ee6"}}"#);
    insta::assert_snapshot!(text(&envelope::success(&Reply::Events(Vec::new()), ID)), @r#"{"Response":{"EventSet":[],"RequestId":"6914a902-5d95-43db-974e-bb6d9e4d9ee6"}}"#);
}

#[test]
fn an_error_tells_code_and_message_and_keeps_its_cause() {
    let error = ApiError::signature_expired().because("clock of the caller is 301 s behind");
    insta::assert_snapshot!(text(&envelope::failure(&error, Language::English, ID)), @r#"{"Response":{"Error":{"Code":"AuthFailure.SignatureExpire","Message":"The signature is expired, please request again."},"RequestId":"6914a902-5d95-43db-974e-bb6d9e4d9ee6"}}"#);
}

#[test]
fn chinese_is_for_those_who_ask_and_for_what_has_it() {
    let error = ApiError::request_limit_exceeded(6, 5);
    insta::assert_snapshot!(text(&envelope::failure(&error, Language::Chinese, ID)), @r#"{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"您当前每秒请求 `6` 次，超过了每秒频率上限 `5`，请稍后重试。"},"RequestId":"6914a902-5d95-43db-974e-bb6d9e4d9ee6"}}"#);
    for error in [ApiError::no_event(), ApiError::new(Code::FailedOperation, "Set Mode=PULL.")] {
        let [chinese, english] = [Language::Chinese, Language::English]
            .map(|language| envelope::failure(&error, language, ID));
        assert_eq!(chinese, english);
    }
}

#[test]
fn what_a_caller_sent_is_escaped_and_bounded() {
    let name = format!("a\"\n{}", "中".repeat(100_000));
    let body = envelope::failure(&ApiError::unknown_parameter(&name), Language::English, ID);
    assert!(body.len() < 600);
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let message = told["Response"]["Error"]["Message"].as_str().unwrap();
    assert!(message.starts_with("The parameter `a\"\n中"), "{message}");
}

#[test]
fn the_codes() {
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    insta::assert_snapshot!(codes.join("\n"));
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), codes.len(), "each code has one name");
}

#[test]
fn the_wordings() {
    let app = Some(AppId(1_400_000_001));
    let all = [
        ApiError::internal("disk"),
        ApiError::signature_failure(),
        ApiError::v1_size_exceeded(),
        ApiError::secret_id_not_found(),
        ApiError::signature_expired(),
        ApiError::token_failure(),
        ApiError::invalid_authorization("`Credential` is missing."),
        ApiError::missing_parameter("Timestamp"),
        ApiError::unknown_parameter("$schema"),
        ApiError::invalid_type("Filters.0.Value.0"),
        ApiError::invalid_value("Status", "Gone"),
        ApiError::malformed_json(),
        ApiError::invalid_action("Nonsense"),
        ApiError::no_such_version("2019-07-22"),
        ApiError::unsupported_action("ProcessMedia"),
        ApiError::request_limit_exceeded(21, 20),
        ApiError::not_authorized(ID, "PullEvents", app),
        ApiError::not_authorized(ID, "CreateSubAppId", None),
        ApiError::invalid_vod_user(),
        ApiError::no_event(),
    ];
    let lines: Vec<_> = all.iter().map(|error| format!("{error:#}")).collect();
    insta::assert_snapshot!(lines.join("\n"));
}
