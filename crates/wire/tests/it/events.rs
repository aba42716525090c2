//! Payloads: the library's own by type, published ones by the spec, and what is put around them.

use model::EventKind;
use model::limits::PAYLOAD_BYTES_MAX;
use serde_json::{Value, json};
use wire::conformance::{check_response, check_type};
use wire::event::task::{FileUploadTask, PullUploadTask};
use wire::event::{self, Sign};
use wire::{Code, Reply, envelope};

use crate::samples::{self, parsed};

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn own_payloads_have_their_bytes() {
    insta::assert_snapshot!(text(&samples::upload().payload()));
    insta::assert_snapshot!(text(&samples::deletion().payload()), @r#"{"FileIdSet":["5285890784273533167"],"FileDeleteResultInfo":[{"FileId":"5285890784273533167","DeleteParts":[{"Type":"TranscodeFiles","Definition":0}]}]}"#);
    insta::assert_snapshot!(text(&samples::persistence().payload()), @r#"{"FileId":"5285890784273533167","PersistenceSource":"SimpleHlsClip"}"#);
}

/// The types must have every member of the spec: rendering by the spec adds nothing and orders
/// nothing anew.
#[test]
fn own_payloads_are_complete_and_in_the_order_of_the_spec() {
    let recorded = FileUploadTask { media_basic_info: samples::recorded(), ..samples::upload() };
    let payloads = [
        (EventKind::NewFileUpload, samples::upload().payload()),
        (EventKind::NewFileUpload, recorded.payload()),
        (EventKind::FileDeleted, samples::deletion().payload()),
        (EventKind::PersistenceComplete, samples::persistence().payload()),
        (EventKind::PullComplete, samples::pull().payload()),
    ];
    for (kind, payload) in payloads {
        let again = event::render(kind, Some(&parsed(&payload))).unwrap();
        assert_eq!(text(&again), text(&payload));
        assert!(check_type(&event::payload_type(kind).name, &parsed(&payload)).is_empty());
    }
    let failed = PullUploadTask {
        err_code: 40_000,
        file_id: None,
        media_basic_info: None,
        meta_data: None,
        ..samples::pull()
    };
    assert!(check_type("PullUploadTask", &parsed(&failed.payload())).is_empty());
    let unprobed = FileUploadTask { meta_data: None, ..samples::upload() };
    assert!(check_type("FileUploadTask", &parsed(&unprobed.payload())).is_empty());
}

#[test]
fn omitted_members_of_every_kind() {
    let lines = EventKind::ALL.iter().map(|&kind| {
        let payload = event::render(kind, None).unwrap();
        let findings = check_type(&event::payload_type(kind).name, &parsed(&payload));
        assert!(findings.iter().all(|finding| finding.ends_with(": missing")), "{findings:?}");
        format!("{}: {}", kind.name(), text(&payload))
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn omissions_are_filled_at_every_depth_and_numbers_stay_exact() {
    let given = r#"{"MetaData":{"Size":9223372036854775807,"Duration":60,"AudioDuration":59.990001678467,
        "VideoDuration":0.1234567890123456789,"VideoStreamSet":[{"Fps":23},null]},
        "Message":"legacy","ErrCode":0,"Status":"FINISH","SessionId":null}"#;
    let mut given: Value = serde_json::from_str(given).unwrap();
    let refused = event::render(EventKind::ProcedureStateChanged, Some(&given)).unwrap_err();
    assert_eq!(refused.message, invalid("ProcedureStateChangeEvent.MetaData.VideoStreamSet.1"));
    given["MetaData"]["VideoStreamSet"].as_array_mut().unwrap().pop();
    let payload = event::render(EventKind::ProcedureStateChanged, Some(&given)).unwrap();
    insta::assert_snapshot!(text(&payload), @r#"{"Status":"FINISH","MetaData":{"Size":9223372036854775807,"Duration":60,"VideoStreamSet":[{"Fps":23}],"AudioStreamSet":[],"VideoDuration":0.12345678901234568,"AudioDuration":59.990001678467},"MediaProcessResultSet":[],"AiContentReviewResultSet":[],"AiAnalysisResultSet":[],"AiRecognitionResultSet":[],"ErrCode":0,"Message":"legacy"}"#);
}

fn invalid(path: &str) -> String {
    format!("The value type of parameter `{path}` is not valid.")
}

#[test]
fn payloads_are_checked_against_their_type() {
    let render = |value: Value| event::render(EventKind::NewFileUpload, Some(&value));
    let error = render(json!({"MediaBasicInfo": {"ClassId": "0"}})).unwrap_err();
    assert_eq!(error.message, invalid("FileUploadEvent.MediaBasicInfo.ClassId"));
    let error = render(json!({"MediaBasicInfo": {"Clas": 0}})).unwrap_err();
    assert_eq!(error.code, Code::UnknownParameter);
    assert_eq!(
        error.message,
        "The parameter `FileUploadEvent.MediaBasicInfo.Clas` is not recognized."
    );
    let error = render(json!("text")).unwrap_err();
    assert_eq!(error.message, invalid("FileUploadEvent"));
    assert!(render(Value::Null).is_ok());
    // a required member of the spec may be omitted in an event
    let deleted = json!({"FileDeleteResultInfo": [{"DeleteParts": [{}]}]});
    assert!(event::render(EventKind::FileDeleted, Some(&deleted)).is_ok());
}

#[test]
fn a_payload_cannot_grow_past_its_limit() {
    let small = json!({"MediaProcessResultSet": vec![json!({}); 100]});
    assert!(event::render(EventKind::ProcedureStateChanged, Some(&small)).is_ok());
    let large = json!({"MediaProcessResultSet": vec![json!({}); PAYLOAD_BYTES_MAX / 32]});
    let error = event::render(EventKind::ProcedureStateChanged, Some(&large)).unwrap_err();
    assert_eq!(error.code, Code::InvalidParameterValue);
    let name = "x".repeat(PAYLOAD_BYTES_MAX);
    let error = event::render(EventKind::ProcedureStateChanged, Some(&json!({"FileName": name})));
    assert_eq!(error.unwrap_err().code, Code::InvalidParameterValue);
}

#[test]
fn files_are_found_at_every_depth() {
    let members = json!({
        "Output": {"FileId": "3"},
        "FileId": "1",
        "Input": {"FileInfoSet": [{"FileId": "2"}, {"FileId": "1"}, {"FileId": "not ours"}]},
        "FileIdSet": ["7", 8],
    });
    let files = event::files(members.as_object().unwrap());
    assert_eq!(files.iter().map(|file| file.0).collect::<Vec<_>>(), [1, 7, 3, 2]);
    let many: Vec<String> = (0..1000).map(|id| id.to_string()).collect();
    assert_eq!(event::files(json!({"FileIdSet": many}).as_object().unwrap()).len(), 100);
}

#[test]
fn push_bodies() {
    let payload = samples::persistence().payload();
    let kind = EventKind::PersistenceComplete;
    insta::assert_snapshot!(text(&event::push_body(kind, &payload, None, false)), @r#"{"EventType":"PersistenceComplete","PersistenceCompleteEvent":{"FileId":"5285890784273533167","PersistenceSource":"SimpleHlsClip"}}"#);
    let sign = Sign { sign: "0123456789abcdef0123456789abcdef", t: 1_767_226_200 };
    insta::assert_snapshot!(text(&event::push_body(kind, &payload, Some(sign), false)), @r#"{"EventType":"PersistenceComplete","PersistenceCompleteEvent":{"FileId":"5285890784273533167","PersistenceSource":"SimpleHlsClip"},"T":1767226200,"Sign":"0123456789abcdef0123456789abcdef"}"#);
    insta::assert_snapshot!(text(&event::push_body(kind, &payload, Some(sign), true)));
}

/// Every kind in every frame is JSON, carries the payload under its own member, and shows the
/// others as null where they are shown.
#[test]
fn frames_of_every_kind() {
    for &kind in EventKind::ALL {
        let payload = event::render(kind, None).unwrap();
        let own = event::member(kind);
        let bare = parsed(&event::push_body(kind, &payload, None, false));
        assert_eq!(bare, json!({"EventType": kind.name(), own: parsed(&payload)}));

        let full = parsed(&event::push_body(kind, &payload, None, true));
        let item = parsed(event::pull_item(&samples::handle(), kind, &payload).as_bytes());
        assert_eq!(item["EventHandle"], samples::handle().to_string());
        for frame in [&full, &item] {
            assert_eq!(frame["EventType"], kind.name());
            for &other in EventKind::ALL {
                let expected = if other == kind { parsed(&payload) } else { Value::Null };
                assert_eq!(frame.get(event::member(other)), Some(&expected));
            }
        }
        let item = event::pull_item(&samples::handle(), kind, &payload);
        let body = parsed(&envelope::success(&Reply::Events(vec![item]), "id"));
        let findings = check_response("PullEvents", &body);
        assert!(findings.is_empty(), "{findings:?}");
    }
}
