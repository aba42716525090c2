//! From parameters to typed requests: what is read, and which values are refused in whose words.

use model::limits::{EVENT_KEY_BYTES_MAX, PUBLISH_EVENTS_MAX};
use model::{AppId, ApplicationStatus, EventId, EventKind, FileId, Mode, Seq, Timestamp};
use serde_json::{Value, json};
use wire::action::{ModifyEventConfig, PublishEvents, ReplaySelection};
use wire::reply::MediaKeyFrameDescItem;
use wire::spec::VERSION;
use wire::{Action, ApiError, Code, EventState, Params};

fn parse(name: &str, params: &Value) -> Result<Action, ApiError> {
    let params = Params::from_json(params.to_string().as_bytes())?;
    Action::parse(name, VERSION, params)
}

fn refused(name: &str, params: &Value) -> (Code, String) {
    let error = parse(name, params).unwrap_err();
    (error.code, error.message)
}

#[test]
fn modify_event_config() {
    let action = parse(
        "ModifyEventConfig",
        &json!({"SubAppId": 7, "Mode": "PULL", "NotificationUrl": "", "SignKey": "Abc123",
            "DeleteMediaCompleteEventSwitch": "ON", "UploadMediaCompleteEventSwitch": null}),
    );
    let action = action.unwrap();
    assert_eq!((action.name(), action.sub_app_id()), ("ModifyEventConfig", Some(7)));
    let Action::ModifyEventConfig(ModifyEventConfig {
        mode,
        notification_url,
        upload,
        delete,
        sign_key,
        ..
    }) = action
    else {
        panic!()
    };
    assert_eq!((mode, upload, delete), (Some(Mode::Pull), None, Some(true)));
    assert_eq!(notification_url.as_deref(), Some(""));
    assert_eq!(sign_key.unwrap().0, "Abc123");

    let told = |params: Value| refused("ModifyEventConfig", &params);
    let invalid = |text: &str| (Code::InvalidParameter, text.to_owned());
    assert_eq!(
        told(json!({"Mode": "Push"})),
        invalid("The parameter `Mode` must be `PUSH` or `PULL`.")
    );
    assert_eq!(
        told(json!({"PersistenceCompleteEventSwitch": "on"})),
        invalid("The parameter `PersistenceCompleteEventSwitch` must be `ON` or `OFF`.")
    );
    for key in ["a b", "ä", "123456789012345678901234567890123"] {
        assert_eq!(
            told(json!({ "SignKey": key })),
            invalid("The parameter `SignKey` must be at most 32 letters and digits.")
        );
    }
}

#[test]
fn applications_and_keys() {
    let status = json!({"SubAppId": 9, "Status": "Destroyed"});
    let Action::ModifySubAppIdStatus(request) = parse("ModifySubAppIdStatus", &status).unwrap()
    else {
        panic!()
    };
    assert_eq!((request.sub_app_id, request.status), (9, ApplicationStatus::Destroyed));
    let told = refused("ModifySubAppIdStatus", &json!({"SubAppId": 9, "Status": "off"}));
    let text = "The value `off` specified in the parameter `Status` is not valid.";
    assert_eq!(told, (Code::InvalidParameterValue, text.to_owned()));
    assert_eq!(parse("DescribeSubAppIds", &json!({})).unwrap().sub_app_id(), None);

    let key = json!({"Actions": ["PullEvents", "PurgeEvents"], "SubAppIds": [1]});
    let Action::CreateKey(request) = parse("CreateKey", &key).unwrap() else { panic!() };
    assert_eq!(request.policy.applications, Some(vec![AppId(1)]));
    assert!(request.policy.allows_action("PurgeEvents"));
    let told = refused("CreateKey", &json!({"Actions": ["PullEvents", "Nonsense"]}));
    assert!(told.1.contains("`Actions.1`"), "{}", told.1);
    let Action::CreateKey(request) = parse("CreateKey", &json!({})).unwrap() else { panic!() };
    assert_eq!(request.policy.actions, None);
}

#[test]
fn uploads() {
    let params = json!({"MediaType": "mp4", "ExpireTime": "2019-01-10T00:36:22+08:00"});
    let Action::ApplyUpload(request) = parse("ApplyUpload", &params).unwrap() else { panic!() };
    assert_eq!(request.expire_time, Some(Timestamp(1_547_051_782_000)));
    assert_eq!((request.media_name.as_str(), request.class_id), ("", 0));
    let told = refused("ApplyUpload", &json!({"MediaType": "mp4", "ExpireTime": "tomorrow"}));
    assert_eq!(told.0, Code::InvalidParameterValueExpireTime);
    let told = refused("ApplyUpload", &json!({}));
    let text = "The request is missing a required parameter `MediaType`.";
    assert_eq!(told, (Code::MissingParameter, text.to_owned()));
    let delete = json!({"FileId": "nope", "DeleteParts": [{"Type": "TranscodeFiles"}]});
    let Action::DeleteMedia(request) = parse("DeleteMedia", &delete).unwrap() else { panic!() };
    assert_eq!(request.delete_parts[0].definition, 0);
}

#[test]
fn searches() {
    let search = |params: Value| {
        let Action::SearchMedia(request) = parse("SearchMedia", &params).unwrap() else { panic!() };
        *request.search
    };
    let at = Some(Timestamp(1_547_051_782_000));
    let time = "2019-01-09T16:36:22Z";
    let found =
        search(json!({"Names": ["a", ""], "SourceTypes": ["Record"], "SourceType": "Upload",
        "StreamId": "", "StartTime": time, "EndTime": time, "TrtcRoomIds": [""],
        "Sort": {"Field": "CreateTime", "Order": "Asc"}}));
    assert_eq!(
        (found.names, found.source_types),
        (vec!["a".to_owned()], vec!["Record".to_owned(), "Upload".to_owned()])
    );
    assert!(found.stream_ids.is_empty() && !found.beyond && found.ascending);
    assert_eq!((found.create_time.after, found.create_time.before, found.end_time), (at, None, at));
    let found = search(json!({"CreateTime": {"After": time, "Before": time}, "EndTime": time,
        "StartTime": "2018-01-09T16:36:22Z", "TrtcSdkAppIds": [1]}));
    assert_eq!((found.create_time.after, found.create_time.before, found.end_time), (at, at, None));
    assert!(found.beyond && !found.ascending);
    for (bad, code) in [
        (json!({"StartTime": "x"}), Code::InvalidParameterValueStartTime),
        (json!({"EndTime": "x"}), Code::InvalidParameterValueEndTime),
        (json!({"CreateTime": {"After": "x"}}), Code::InvalidParameterValue),
        (json!({"Sort": {"Field": "Name", "Order": "Asc"}}), Code::InvalidParameterValueSort),
        (json!({"Sort": {"Field": "CreateTime", "Order": "Up"}}), Code::InvalidParameterValueSort),
    ] {
        assert_eq!(refused("SearchMedia", &bad).0, code, "{bad}");
    }
    let told = refused("ListFiles", &json!({}));
    assert_eq!(told.0, Code::MissingParameter);
    let told = refused("ForbidMediaDistribution", &json!({"FileIds": [], "Operation": "Forbid"}));
    assert_eq!(told.0, Code::InvalidParameterValueOperation);
    let modify =
        json!({"FileId": "1", "ClearTags": 2, "DeleteKnowledgeBases": ["kb"], "ClearSubtitles": 1});
    let Action::ModifyMediaInfo(request) = parse("ModifyMediaInfo", &modify).unwrap() else {
        panic!()
    };
    assert!(!request.clear_tags && request.clear_subtitles);
    let subtitle = json!({"Name": "n", "Language": "en", "Format": "vtt", "Content": "eA=="});
    let frame = json!({"TimeOffset": 1.5, "Content": "c"});
    let modify = json!({"FileId": "1", "AddSubtitles": [subtitle], "AddKeyFrameDescs": [frame],
        "DeleteKeyFrameDescs": [2], "ClearKeyFrameDescs": 1, "DeleteSubtitleIds": ["a"]});
    let Action::ModifyMediaInfo(request) = parse("ModifyMediaInfo", &modify).unwrap() else {
        panic!()
    };
    let frame = MediaKeyFrameDescItem { time_offset: 1.5, content: "c".to_owned() };
    assert_eq!((request.add_key_frames, request.delete_key_frames), (vec![frame], vec![2.0]));
    assert!(request.clear_key_frames && !request.clear_subtitles);
    let [subtitle] = request.add_subtitles.try_into().unwrap();
    let told = (subtitle.name, subtitle.language, subtitle.format, subtitle.content, subtitle.id);
    assert_eq!(told, ["n", "en", "vtt", "eA==", ""].map(str::to_owned).into());
    assert_eq!(request.delete_subtitles, ["a"]);
    let nameless = json!({"FileId": "1", "AddSubtitles": [{"Language": "en", "Format": "vtt"}]});
    assert_eq!(refused("ModifyMediaInfo", &nameless).0, Code::MissingParameter);
}

#[test]
fn classes() {
    let Action::CreateClass(request) =
        parse("CreateClass", &json!({"ParentId": -1, "ClassName": "films"})).unwrap()
    else {
        panic!()
    };
    assert_eq!((request.parent_id, request.class_name.as_str()), (-1, "films"));
    let told = refused("CreateClass", &json!({"ClassName": "films"}));
    assert_eq!(told.0, Code::MissingParameter);
    let told = refused("ModifyClass", &json!({"ClassId": -1, "ClassName": "films"}));
    assert_eq!(told.0, Code::InvalidParameter);
}

#[test]
fn history() {
    let params = json!({"States": ["DEAD", "DEAD"], "EventTypes": ["FileDeleted"], "FileId": "12",
        "StartTime": "2019-01-09T16:36:22Z", "Limit": 100, "ScrollToken": ""});
    let Action::DescribeEvents(query) = parse("DescribeEvents", &params).unwrap() else { panic!() };
    assert_eq!(query.states, [EventState::Dead]);
    assert_eq!(query.kinds, [EventKind::FileDeleted]);
    assert_eq!(query.file_id, Some(FileId(12)));
    assert_eq!(query.start, Some(Timestamp(1_547_051_782_000)));
    assert_eq!((query.end, query.limit, query.scroll_token), (None, 100, None));
    for bad in [
        json!({"States": ["dead"]}),
        json!({"EventTypes": ["Nope"]}),
        json!({"FileId": "x"}),
        json!({"EndTime": "x"}),
        json!({"Limit": 0}),
        json!({"Limit": 101}),
    ] {
        assert_eq!(refused("DescribeEvents", &bad).0, Code::InvalidParameterValue, "{bad}");
    }
    assert!(parse("DescribeEventDetail", &json!({"EventId": "9f2c61aa-42"})).is_ok());
    let told = refused("DescribeEventDetail", &json!({"EventId": "42"}));
    assert_eq!(told.0, Code::InvalidParameterValue);
    assert!(parse("PurgeEvents", &json!({"States": ["READY", "LEASED"]})).is_ok());
    let told = refused("PurgeEvents", &json!({"States": ["READY", "DONE"]}));
    assert!(told.1.contains("`States.1`"), "{}", told.1);
}

#[test]
fn replaying() {
    let replay = |params: Value| {
        let Action::ReplayEvents(request) = parse("ReplayEvents", &params).unwrap() else {
            panic!()
        };
        request
    };
    let id = |seq| EventId { origin: 0x9f2c_61aa, first_seq: Seq(seq) };
    let named = replay(json!({"EventIds": ["9f2c61aa-42", "9f2c61aa-7"], "DryRun": true}));
    assert_eq!(named.select, ReplaySelection::Events(vec![id(42), id(7)]));
    assert!(named.dry_run && named.scroll_token.is_none());
    let params = json!({
        "States": ["DEAD", "IGNORED"], "EventTypes": ["FileDeleted"],
        "StartTime": "2019-01-09T16:36:22Z", "EndTime": "", "ScrollToken": "1.2",
    });
    let matching = replay(params);
    let select = ReplaySelection::Matching {
        states: vec![EventState::Dead, EventState::Ignored],
        kinds: vec![EventKind::FileDeleted],
        start: Some(Timestamp(1_547_051_782_000)),
        end: None,
    };
    assert_eq!(matching.select, select);
    assert_eq!((matching.dry_run, matching.scroll_token.as_deref()), (false, Some("1.2")));
    for (bad, code, told) in [
        // everything that ever was is nobody's wish
        (json!({}), Code::MissingParameter, "`EventIds`"),
        (json!({"EventTypes": ["FileDeleted"]}), Code::MissingParameter, "`States`"),
        (json!({"EventIds": [], "States": []}), Code::MissingParameter, "`States`"),
        (json!({"States": ["READY"]}), Code::InvalidParameterValue, "`States.0`"),
        (
            json!({"States": ["DONE"], "EventTypes": ["X"]}),
            Code::InvalidParameterValue,
            "`EventTypes.0`",
        ),
        (json!({"States": ["DONE"], "StartTime": "x"}), Code::InvalidParameterValue, "`StartTime`"),
        (json!({"EventIds": ["9f2c61aa-1", "42"]}), Code::InvalidParameterValue, "`EventIds.1`"),
        (
            json!({"EventIds": ["9f2c61aa-1"], "States": ["DONE"]}),
            Code::InvalidParameter,
            "`EventIds`",
        ),
        (json!({"EventIds": vec!["9f2c61aa-1"; 1_001]}), Code::InvalidParameterValue, "1000"),
    ] {
        let refusal = refused("ReplayEvents", &bad);
        assert_eq!(refusal.0, code, "{bad}");
        assert!(refusal.1.contains(told), "{}", refusal.1);
    }
}

fn publish(events: &Value) -> Result<PublishEvents, ApiError> {
    let Action::PublishEvents(request) = parse("PublishEvents", &json!({ "Events": events }))?
    else {
        panic!()
    };
    Ok(request)
}

#[test]
fn publishing() {
    let events = publish(&json!([
        {"EventType": "FileDeleted", "EventKey": "k", "FileDeleteEvent": {"FileIdSet": ["5", "6"]},
            "FileUploadEvent": null},
        {"EventType": "RemoveWatermark", "EventKey": ""},
        {"EventType": "RestoreMediaComplete",
            "RestoreMediaCompleteEvent": {"FileId": "7", "Status": 0, "Message": "Restore success!"}},
    ]));
    let events = events.unwrap().events;
    assert_eq!(events[0].key.as_deref(), Some("k"));
    assert_eq!(events[0].files, [FileId(5), FileId(6)]);
    assert_eq!(&events[0].payload[..], br#"{"FileIdSet":["5","6"],"FileDeleteResultInfo":[]}"#);
    assert_eq!((events[1].kind, &events[1].key), (EventKind::RemoveWatermark, &None));
    assert_eq!(
        &events[2].payload[..],
        br#"{"FileId":"7","Status":0,"Message":"Restore success!"}"#
    );
    let event = events[0].clone().into_event(AppId(3));
    assert_eq!((event.app, event.kind), (AppId(3), EventKind::FileDeleted));
}

#[test]
fn publishing_refuses() {
    let told = |events: Value| {
        let error = publish(&events).unwrap_err();
        (error.code, error.message)
    };
    let value = Code::InvalidParameterValue;
    assert_eq!(told(json!([])).0, value);
    let many = vec![json!({"EventType": "FileDeleted"}); PUBLISH_EVENTS_MAX + 1];
    assert_eq!(told(json!(many)).0, value);
    assert_eq!(
        told(json!([{"EventType": "Nope"}])),
        (
            value,
            "The value `Nope` specified in the parameter `Events.0.EventType` is not valid."
                .to_owned()
        )
    );
    assert_eq!(
        told(json!([{"EventType": "NewFileUpload", "FileDeleteEvent": {}}])),
        (
            value,
            "`Events.0.FileDeleteEvent` does not belong to EventType `NewFileUpload`, whose member \
             is `FileUploadEvent`."
                .to_owned()
        )
    );
    assert_eq!(
        told(json!([{"EventType": "NewFileUpload",
            "FileUploadEvent": {"MediaBasicInfo": {"ClassId": "x"}}}])),
        (
            Code::InvalidParameter,
            "The value type of parameter `Events.0.FileUploadEvent.MediaBasicInfo.ClassId` is not valid."
                .to_owned()
        )
    );
    assert_eq!(
        told(json!([{}])).1,
        "The request is missing a required parameter `Events.0.EventType`."
    );
    assert_eq!(
        told(json!([{"EventType": "FileDeleted", "EventHandle": "h"}])).0,
        Code::UnknownParameter
    );
    let key = "k".repeat(EVENT_KEY_BYTES_MAX + 1);
    assert_eq!(told(json!([{"EventType": "FileDeleted", "EventKey": key}])).0, value);
    let name = "x".repeat(200 * 1024);
    let large = json!({"EventType": "ProcedureStateChanged",
        "ProcedureStateChangeEvent": {"FileName": name}});
    assert!(publish(&json!(vec![large.clone(); 20])).is_ok());
    assert!(told(json!(vec![large; 21])).1.starts_with("`Events` are larger"));
}

#[test]
fn other_versions_come_first() {
    let error = Action::parse("Nonsense", "2024-07-18", Params::from_pairs(Vec::new()));
    assert_eq!(error.unwrap_err().code, Code::NoSuchVersion);
}
