//! Flat parameters: what official SDKs send, what nobody should, and the round trip with JSON.

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};
use wire::spec::{Base, Member, Shape, Type, spec};
use wire::{Code, Params};

fn tree(ty: &str, pairs: &[(&str, &str)]) -> Result<Value, wire::ApiError> {
    let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Params::from_pairs(pairs).into_tree(spec().type_named(ty).unwrap()).map(Value::Object)
}

#[test]
fn what_sdks_send() {
    let confirm = [("EventHandles.1", "h2"), ("EventHandles.0", "h1"), ("SubAppId", "1400000001")];
    assert_eq!(
        tree("ConfirmEventsRequest", &confirm).unwrap(),
        json!({"EventHandles": ["h1", "h2"], "SubAppId": 1_400_000_001})
    );
    let delete = [
        ("FileId", "12"),
        ("DeleteParts.0.Type", "A"),
        ("DeleteParts.1.Type", "B"),
        ("DeleteParts.1.Definition", "-3"),
    ];
    assert_eq!(
        tree("DeleteMediaRequest", &delete).unwrap(),
        json!({"FileId": "12", "DeleteParts": [{"Type": "A"}, {"Type": "B", "Definition": -3}]})
    );
    // ten and more come in numeric order
    let many: Vec<(String, String)> =
        (0..12).rev().map(|n| (format!("EventHandles.{n}"), n.to_string())).collect();
    let ty = spec().type_named("ConfirmEventsRequest").unwrap();
    let many = Params::from_pairs(many).into_tree(ty).unwrap();
    let expected: Vec<String> = (0..12).map(|n| n.to_string()).collect();
    assert_eq!(many["EventHandles"], json!(expected));
    // a list as one JSON text, as in multipart parts
    assert_eq!(
        tree("ConfirmEventsRequest", &[("EventHandles", "[\"h1\", \"h2\"]")]).unwrap(),
        json!({"EventHandles": ["h1", "h2"]})
    );
}

#[test]
fn booleans_as_every_client_spells_them() {
    let ty = spec().type_named("StorageRegionInfo").unwrap();
    let name = "IsDefault";
    for (text, value) in [
        ("true", true),
        ("True", true),
        ("1", true),
        ("false", false),
        ("False", false),
        ("0", false),
    ] {
        let pairs = vec![(name.to_owned(), text.to_owned())];
        let tree = Params::from_pairs(pairs).into_tree(ty).unwrap();
        assert_eq!(tree[name], json!(value));
    }
    let pairs = vec![(name.to_owned(), "yes".to_owned())];
    let error = Params::from_pairs(pairs).into_tree(ty).unwrap_err();
    assert_eq!(error.code, Code::InvalidParameter);
}

#[test]
fn what_does_not_fit() {
    let message = |ty: &str, pairs: &[(&str, &str)]| tree(ty, pairs).unwrap_err().message;
    let wrong = |path: &str| format!("The value type of parameter `{path}` is not valid.");
    let confirm = "ConfirmEventsRequest";
    for pairs in [
        &[("EventHandles", "h1")][..],
        &[("EventHandles", "[1")],
        &[("EventHandles.x", "h1")],
        &[("EventHandles.-1", "h1")],
        &[("EventHandles.01", "h1")],
        &[("EventHandles.99999999999999999999", "h1")],
        &[("EventHandles", "[]"), ("EventHandles.0", "h1")],
    ] {
        assert_eq!(message(confirm, pairs), wrong("EventHandles"), "{pairs:?}");
    }
    assert_eq!(message(confirm, &[("EventHandles.0.A", "h1")]), wrong("EventHandles.0"));
    assert_eq!(message(confirm, &[("EventHandles", "[\"a\", 1]")]), wrong("EventHandles.1"));
    for text in ["", "-1", "1.0", "0x1", " 1", "18446744073709551616", "NaN"] {
        let pairs = [("EventHandles.0", "h"), ("SubAppId", text)];
        assert_eq!(message(confirm, &pairs), wrong("SubAppId"), "{text:?}");
    }
    assert_eq!(
        message(confirm, &[("EventHandles[0]", "h1")]),
        "The parameter `EventHandles[0]` is not recognized."
    );
    assert_eq!(
        message("DeleteMediaRequest", &[("FileId", "1"), ("DeleteParts.0.Nope", "1")]),
        "The parameter `DeleteParts.0.Nope` is not recognized."
    );
}

#[test]
fn a_key_of_a_million_dots_or_a_huge_index_costs_nothing() {
    let dots = ".".repeat(1_000_000);
    let error = tree("ConfirmEventsRequest", &[(dots.as_str(), "x")]).unwrap_err();
    assert_eq!(error.code, Code::UnknownParameter);
    let deep = format!("EventHandles{dots}");
    assert!(tree("ConfirmEventsRequest", &[(deep.as_str(), "x")]).is_err());
    let sparse = [("EventHandles.4000000000", "b"), ("EventHandles.7", "a")];
    assert_eq!(tree("ConfirmEventsRequest", &sparse).unwrap(), json!({"EventHandles": ["a", "b"]}));
}

/// A value of that type in which nothing vanishes when it is made flat.
fn value_of(ty: &'static Type, depth: u32) -> BoxedStrategy<Map<String, Value>> {
    let members: Vec<_> = ty
        .members
        .iter()
        .map(|member| {
            let name = member.name.to_string();
            let value = member_value(member, depth);
            (Just(name), prop::option::weighted(0.3, value))
        })
        .collect();
    let given = |members: Vec<(String, Option<Value>)>| {
        members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    };
    members.prop_map(given).boxed()
}

fn member_value(member: &'static Member, depth: u32) -> BoxedStrategy<Value> {
    let one = match member.shape {
        Shape::Base(Base::String | Base::Datetime) => "[^\\[{]{0,12}".prop_map(Value::from).boxed(),
        Shape::Base(Base::Int64) => any::<i64>().prop_map(Value::from).boxed(),
        Shape::Base(Base::Uint64) => any::<u64>().prop_map(Value::from).boxed(),
        Shape::Base(Base::Float) => {
            let finite = any::<f64>().prop_filter_map("finite", Number::from_f64);
            prop_oneof![finite.prop_map(Value::Number), any::<i64>().prop_map(Value::from)].boxed()
        }
        Shape::Base(Base::Bool) => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Base(Base::Json) => Just(json!({"a": [1, "b"]})).boxed(),
        Shape::Object(_) if depth == 0 => return Just(Value::Null).boxed(),
        Shape::Object(id) => value_of(spec().get(id), depth - 1).prop_map(Value::Object).boxed(),
    };
    if member.list { prop::collection::vec(one, 1..3).prop_map(Value::from).boxed() } else { one }
}

fn flatten(key: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    let below = |step: &str| if key.is_empty() { step.to_owned() } else { format!("{key}.{step}") };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| flatten(&below(name), value, pairs));
        }
        Value::Array(items) => {
            let indexed = items.iter().enumerate();
            indexed.for_each(|(index, item)| flatten(&below(&index.to_string()), item, pairs));
        }
        Value::String(text) => pairs.push((key.to_owned(), text.clone())),
        Value::Bool(_) | Value::Number(_) => pairs.push((key.to_owned(), value.to_string())),
    }
}

/// The tree without what flat pairs cannot carry: nulls, empty lists, empty objects.
fn carried(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(members) => {
            let kept = members.iter().filter_map(|(n, v)| Some((n.clone(), carried(v)?)));
            let kept: Map<_, _> = kept.collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) => {
            let kept: Vec<_> = items.iter().filter_map(carried).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        Value::String(_) | Value::Bool(_) | Value::Number(_) => Some(value.clone()),
    }
}

fn round_trip(ty: &'static Type, value: &Map<String, Value>) -> Result<(), TestCaseError> {
    let value = Value::Object(value.clone());
    let mut pairs = Vec::new();
    flatten("", &value, &mut pairs);
    let got = Params::from_pairs(pairs).into_tree(&optional(ty));
    let got = got.map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(Value::Object(got), carried(&value).unwrap_or_else(|| json!({})));
    Ok(())
}

/// The type without its required members: what is generated may omit any.
fn optional(ty: &Type) -> Type {
    let free = |member: &Member| Member { required: false, partial: true, ..member.clone() };
    Type { name: ty.name.clone(), members: ty.members.iter().map(free).collect() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn uploads_come_flat_as_they_come_in_json(
        value in value_of(spec().type_named("FileUploadTask").unwrap(), 4),
    ) {
        round_trip(spec().type_named("FileUploadTask").unwrap(), &value)?;
    }

    #[test]
    fn requests_come_flat_as_they_come_in_json(
        value in value_of(spec().type_named("ProcessMediaRequest").unwrap(), 3),
    ) {
        round_trip(spec().type_named("ProcessMediaRequest").unwrap(), &value)?;
    }

    #[test]
    fn no_pairs_break_the_coercion(
        pairs in prop::collection::vec(("[A-Za-z.0-9]{0,12}", ".{0,8}"), 0..8),
    ) {
        let ty = spec().type_named("PublishEventsRequest").unwrap();
        // any answer will do; it must not panic
        let answer = Params::from_pairs(pairs).into_tree(ty);
        prop_assert!(answer.is_err() || answer.unwrap().contains_key("Events"));
    }
}

#[test]
fn a_key_of_many_dots_costs_no_more_than_a_body_may() {
    // 63 places a key, each of some 800 bytes of memory
    let chain = vec!["a"; 62].join(".");
    let pairs: Vec<(String, String)> =
        (0..5_000).map(|n| (format!("{n}.{chain}"), String::new())).collect();
    let ty = spec().type_named("ConfirmEventsRequest").unwrap();
    let error = Params::from_pairs(pairs).into_tree(ty).unwrap_err();
    assert_eq!(error.code, Code::RequestSizeLimitExceeded);
    let wide = |count: usize| {
        let pairs = (0..count).map(|n| (format!("EventHandles.{n}"), "h".to_owned())).collect();
        Params::from_pairs(pairs).into_tree(ty)
    };
    assert_eq!(wide(50_000).unwrap()["EventHandles"].as_array().unwrap().len(), 50_000);
    assert_eq!(wide(200_000).unwrap_err().code, Code::RequestSizeLimitExceeded);
}
