//! Checks of JSON parameters: wordings, paths, their order, and arbitrary input.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use wire::params::check;
use wire::spec::spec;
use wire::{ActionName, Code, Params};

fn told(ty: &str, value: &Value) -> String {
    let result = check(spec().type_named(ty).unwrap(), value.as_object().unwrap());
    result.map_or_else(|error| error.to_string(), |()| "fine".to_owned())
}

#[test]
fn wordings_and_paths() {
    let config = "ModifyEventConfigRequest";
    assert_eq!(told(config, &json!({})), "fine");
    assert_eq!(told(config, &json!({"SubAppId": u64::MAX, "Mode": null})), "fine");
    assert_eq!(
        told(config, &json!({"$schema": 1})),
        "UnknownParameter: The parameter `$schema` is not recognized."
    );
    let wrong =
        |path| format!("InvalidParameter: The value type of parameter `{path}` is not valid.");
    for value in
        [json!(-1), json!("1"), json!(1.0), json!(true), json!([1]), json!({}), json!(1e20)]
    {
        assert_eq!(told(config, &json!({ "SubAppId": value })), wrong("SubAppId"));
    }
    for value in [json!(1), json!(["PUSH"]), json!(false)] {
        assert_eq!(told(config, &json!({ "Mode": value })), wrong("Mode"));
    }
    let confirm = "ConfirmEventsRequest";
    let missing = "MissingParameter: The request is missing a required parameter `EventHandles`.";
    assert_eq!(told(confirm, &json!({})), missing);
    assert_eq!(told(confirm, &json!({"EventHandles": null})), missing);
    assert_eq!(told(confirm, &json!({"EventHandles": "h"})), wrong("EventHandles"));
    assert_eq!(told(confirm, &json!({"EventHandles": ["h", 1]})), wrong("EventHandles.1"));
    assert_eq!(told(confirm, &json!({"EventHandles": ["h", null]})), wrong("EventHandles.1"));
    assert_eq!(told(confirm, &json!({"EventHandles": []})), "fine");
    let delete = "DeleteMediaRequest";
    let nested = json!({"FileId": "1", "DeleteParts": [{"Type": "T"}, {"Definition": 1}]});
    assert_eq!(
        told(delete, &nested),
        "MissingParameter: The request is missing a required parameter `DeleteParts.1.Type`."
    );
}

#[test]
fn unknown_wins_over_missing_and_missing_over_wrong() {
    let ty = "DeleteMediaRequest";
    let all = json!({"SubAppId": "1", "DeleteParts": [{"Definition": 1, "Typ": "T"}]});
    assert!(told(ty, &all).contains("`DeleteParts.0.Typ` is not recognized"));
    let two = json!({"SubAppId": "1"});
    assert!(told(ty, &two).contains("missing a required parameter `FileId`"));
    let one = json!({"SubAppId": "1", "FileId": "1"});
    assert!(told(ty, &one).contains("type of parameter `SubAppId`"));
}

#[test]
fn the_kinds_of_numbers() {
    let ty = "MediaMetaData";
    assert_eq!(told(ty, &json!({"Duration": 1, "Size": i64::MIN})), "fine");
    assert_eq!(told(ty, &json!({"Duration": 1.5})), "fine");
    assert_ne!(told(ty, &json!({"Duration": "1.5"})), "fine");
    assert_ne!(told(ty, &json!({"Size": 1.5})), "fine");
    assert_ne!(told(ty, &json!({"Size": u64::MAX})), "fine");
}

#[test]
fn an_empty_body_is_no_json() {
    let error = Params::from_json(b"").unwrap_err();
    assert_eq!(error.code, Code::InvalidRequest);
    assert!(ActionName::PullEvents.parse(Params::from_json(b"{}").unwrap()).is_ok());
}

/// Arbitrary JSON with names from the spec mixed in, so that the walk goes deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("Events".to_owned()),
        Just("EventType".to_owned()),
        Just("FileUploadEvent".to_owned()),
        Just("MediaBasicInfo".to_owned()),
        Just("FileId".to_owned()),
        Just("EventHandles".to_owned()),
        ".{0,6}",
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn no_tree_breaks_the_check(value in any_json()) {
        let body = serde_json::to_vec(&value).unwrap();
        for &action in ActionName::ALL {
            let answer = Params::from_json(&body).and_then(|params| action.parse(params));
            if let Err(error) = answer {
                prop_assert_ne!(error.code, Code::InternalError, "{:?}", error.cause);
            }
        }
    }

    #[test]
    fn no_bytes_break_the_reader(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = Params::from_json(&body) {
            prop_assert_eq!(error.code, Code::InvalidRequest);
        }
    }
}
