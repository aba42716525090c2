//! Every event type through PublishEvents: under its own member, irregular names included, and with
//! the path of what is wrong, however deep it lies.

use model::EventKind;
use serde_json::{Map, Value, json};

use crate::message::{code, message};
use crate::server::Server;

/// Types and members as the API's documentation has them, written out: the irregular ones are those
/// that somebody would "correct".
const MEMBERS: [(&str, &str); 37] = [
    ("NewFileUpload", "FileUploadEvent"),
    ("PullComplete", "PullCompleteEvent"),
    ("FileDeleted", "FileDeleteEvent"),
    ("RestoreMediaComplete", "RestoreMediaCompleteEvent"),
    ("ProcedureStateChanged", "ProcedureStateChangeEvent"),
    ("EditMediaComplete", "EditMediaCompleteEvent"),
    ("SplitMediaComplete", "SplitMediaCompleteEvent"),
    ("ComposeMediaComplete", "ComposeMediaCompleteEvent"),
    ("WechatPublishComplete", "WechatPublishCompleteEvent"),
    ("WechatMiniProgramPublishComplete", "WechatMiniProgramPublishCompleteEvent"),
    ("RemoveWatermark", "RemoveWatermarkCompleteEvent"),
    ("RebuildMediaComplete", "RebuildMediaCompleteEvent"),
    ("QualityEnhanceComplete", "QualityEnhanceCompleteEvent"),
    ("QualityInspectComplete", "QualityInspectCompleteEvent"),
    ("ReviewAudioVideoComplete", "ReviewAudioVideoCompleteEvent"),
    ("ExtractTraceWatermarkComplete", "ExtractTraceWatermarkCompleteEvent"),
    ("ExtractCopyRightWatermarkComplete", "ExtractCopyRightWatermarkCompleteEvent"),
    ("ExtractBlindWatermarkComplete", "ExtractBlindWatermarkComplete"),
    ("DescribeFileAttributesComplete", "DescribeFileAttributesCompleteEvent"),
    ("ReduceMediaBitrateComplete", "ReduceMediaBitrateCompleteEvent"),
    ("PersistenceComplete", "PersistenceCompleteEvent"),
    ("ComplexAdaptiveDynamicStreamingComplete", "ComplexAdaptiveDynamicStreamingCompleteEvent"),
    ("ProcessMediaByMPSComplete", "ProcessMediaByMPSCompleteEvent"),
    ("MediaCastStatusChanged", "MediaCastStatusChangedEvent"),
    ("AigcImageTaskComplete", "AigcImageCompleteEvent"),
    ("AigcVideoTaskComplete", "AigcVideoCompleteEvent"),
    ("AigcHunyuan3DTaskComplete", "AigcHunyuan3DCompleteEvent"),
    ("SceneAigcImageCompleteEvent", "SceneAigcImageCompleteEvent"),
    ("ProcessImageAsyncCompleteEvent", "ProcessImageAsyncCompleteEvent"),
    (
        "CreateAigcAdvancedCustomElementCompleteEvent",
        "CreateAigcAdvancedCustomElementCompleteEvent",
    ),
    ("CreateAigcCustomVoiceCompleteEvent", "CreateAigcCustomVoiceCompleteEvent"),
    ("DescribeAigcFaceInfoAsyncComplete", "DescribeAigcFaceInfoAsyncCompleteEvent"),
    ("TranscodeComplete", "TranscodeCompleteEvent"),
    ("ConcatComplete", "ConcatCompleteEvent"),
    ("ClipComplete", "ClipCompleteEvent"),
    ("CreateImageSpriteComplete", "CreateImageSpriteCompleteEvent"),
    ("CreateSnapshotByTimeOffsetComplete", "SnapshotByTimeOffsetCompleteEvent"),
];

fn sample(name: &str) -> Value {
    wire::event::sample(EventKind::from_name(name).unwrap()).clone()
}

/// Every place in a value: pointers as of RFC 6901, the empty one for the value itself.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &format!("{at}/{name}"), all);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A value of another type than that one.
fn other_type(value: &Value) -> Value {
    match value {
        Value::Object(_) | Value::Number(_) | Value::Bool(_) => json!("text"),
        Value::Array(_) | Value::String(_) | Value::Null => json!({"a": 1}),
    }
}

async fn publish(server: &Server, name: &str, member: &str, payload: Value) -> Value {
    let mut event = Map::from_iter([("EventType".to_owned(), json!(name))]);
    event.insert(member.to_owned(), payload);
    server.call("PublishEvents", json!({ "Events": [event] })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_comes_under_its_own_member() {
    assert_eq!(MEMBERS.len(), EventKind::ALL.len());
    let server = Server::start().await;
    let all = json!({
        "Mode": "PULL", "UploadMediaCompleteEventSwitch": "ON",
        "DeleteMediaCompleteEventSwitch": "ON", "PersistenceCompleteEventSwitch": "ON"
    });
    server.call("ModifyEventConfig", all).await;
    for (name, member) in MEMBERS {
        let published = publish(&server, name, member, sample(name)).await;
        assert_eq!(published["EventSet"][0]["State"], "READY", "{name}: {published}");
        let pulled = server.call("PullEvents", json!({})).await["EventSet"][0].clone();
        assert_eq!(pulled["EventType"], name);
        let filled: Vec<&String> = pulled
            .as_object()
            .unwrap()
            .iter()
            .filter(|(key, value)| {
                !value.is_null() && !["EventHandle", "EventType"].contains(&key.as_str())
            })
            .map(|(key, _)| key)
            .collect();
        assert_eq!(filled, [member]);
        let handles = json!({"EventHandles": [pulled["EventHandle"]]});
        assert_eq!(code(&server.call("ConfirmEvents", handles).await), "OK");

        let (other, elsewhere) = MEMBERS.into_iter().find(|(other, _)| *other != name).unwrap();
        let refused = publish(&server, name, elsewhere, sample(other)).await;
        let told = format!(
            "`Events.0.{elsewhere}` does not belong to EventType `{name}`, whose member is `{member}`."
        );
        assert_eq!((&*code(&refused), &*message(&refused)), ("InvalidParameterValue", &*told));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_by_its_path() {
    let server = Server::start().await;
    let (mut depth, mut refusals) = (0, 0);
    for (name, member) in MEMBERS {
        let good = sample(name);
        let mut all = Vec::new();
        places(&good, "", &mut all);
        for place in all {
            let path = format!("Events.0.{member}{}", place.replace('/', "."));
            depth = depth.max(path.split('.').count());
            let mut bad = good.clone();
            let there = bad.pointer_mut(&place).unwrap();
            *there = other_type(there);
            let refused = publish(&server, name, member, bad).await;
            let told = format!("The value type of parameter `{path}` is not valid.");
            assert_eq!((&*code(&refused), &*message(&refused)), ("InvalidParameter", &*told));
            refusals += 1;

            let mut bad = good.clone();
            let there = bad.pointer_mut(&place).unwrap();
            let Some(members) = there.as_object_mut() else { continue };
            members.insert("Unheard".to_owned(), json!(1));
            let refused = publish(&server, name, member, bad).await;
            let told = format!("The parameter `{path}.Unheard` is not recognized.");
            assert_eq!((&*code(&refused), &*message(&refused)), ("UnknownParameter", &*told));
            refusals += 1;
        }
    }
    assert!(depth >= 8 && refusals > 1_000, "{depth} deep, {refusals} refusals");
    let listed = server.call("DescribeEvents", json!({})).await;
    assert_eq!(listed["EventSet"], json!([]), "nothing of it was stated");
    server.stop().await;
}
