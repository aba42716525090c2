//! Every built action's answer, as golden text and before the spec.

use serde_json::{Value, json};
use wire::conformance::{check_response, check_type};
use wire::{ActionName, Reply, envelope};

use crate::samples;

#[test]
fn every_answer_conforms_to_the_spec() {
    for &action in ActionName::ALL {
        let body = envelope::success(&samples::reply(action), "id");
        let findings = check_response(action.as_str(), &samples::parsed(&body));
        assert!(findings.is_empty(), "{}: {findings:?}", action.as_str());
    }
}

#[test]
fn every_answer_has_its_bytes() {
    let lines = ActionName::ALL.iter().map(|&action| {
        let body = envelope::success(&samples::reply(action), "id");
        format!("{}\n{}\n", action.as_str(), String::from_utf8(body.to_vec()).unwrap())
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_last_page_has_no_scroll_token() {
    let Reply::History(page) = samples::reply(ActionName::DescribeEvents) else { panic!() };
    let last = wire::reply::HistoryReply { scroll_token: None, ..page };
    let body = samples::parsed(&envelope::success(&Reply::History(last), "id"));
    assert_eq!(body["Response"].get("ScrollToken"), None);
    assert!(check_response("DescribeEvents", &body).is_empty());
}

#[test]
fn secrets_are_not_shown_by_debug() {
    let shown = format!("{:?}", samples::reply(ActionName::ApplyUpload));
    assert!(!shown.contains("\"token\"") && !shown.contains("\"session\""), "{shown}");
}

/// The judge itself must find each sort of fault.
#[test]
fn the_judge_finds_faults() {
    let findings = |body: Value| check_response("CommitUpload", &body);
    let good = json!({"FileId": "1", "MediaUrl": "u", "CoverUrl": "", "RequestId": "r"});
    assert!(findings(good.clone()).is_empty());
    assert!(findings(json!({ "Response": good })).is_empty());
    let faults = [
        (json!({"MediaUrl": "u", "CoverUrl": "", "RequestId": "r"}), "FileId: missing"),
        (
            json!({"FileId": 1, "MediaUrl": "u", "CoverUrl": "", "RequestId": "r"}),
            "FileId: 1 is of the wrong type",
        ),
        (
            json!({"FileId": "1", "MediaUrl": null, "CoverUrl": "", "RequestId": "r"}),
            "MediaUrl: null",
        ),
        (
            json!({"FileId": "1", "MediaUrl": "u", "CoverUrl": "", "RequestId": "r", "X": 1}),
            "X: not in CommitUploadResponse",
        ),
        (json!({"Error": {"Code": "E"}, "RequestId": "r"}), "an error: {\"Code\":\"E\"}"),
        (json!([]), "no object"),
    ];
    for (body, finding) in faults {
        assert_eq!(findings(body), [finding]);
    }
    assert_eq!(
        check_type("FileDeleteTask", &json!({"FileIdSet": [1], "FileDeleteResultInfo": {}})),
        ["FileIdSet.0: 1 is of the wrong type", "FileDeleteResultInfo: not a list"],
    );
    assert_eq!(check_type("MediaDeleteItem", &json!({})), ["Type: missing"]);
    assert_eq!(check_type("Nothing", &json!({})), ["no type Nothing"]);
}
