//! Whether an answer is what the spec says: a checker for tests, ours and those of other crates.
//!
//! It knows the spec and nothing of how replies are made, so it finds a reply type that has drifted.
//! Accepted beyond the letter of the spec, because the cloud does so: null for an unused member of
//! EventContent, for a filtered-out block of MediaInfo and for the tasks of other types in
//! DescribeTaskDetail, and legacy members. An event's own object
//! may lack any member, because whoever publishes it may omit any. Values are not judged.

use serde_json::{Map, Value};

use crate::params::is_a;
use crate::spec::{Member, Shape, Type, spec};

/// Holds the answer of an action against the spec and tells every difference; none: it conforms.
///
/// `answer` is the whole body or what stands in its `Response`. Every member of the answer's own
/// type must be there, unless it may be null; below that, those marked required.
pub fn check_response(action: &str, answer: &Value) -> Vec<String> {
    let Some(types) = spec().action(action) else { return vec![format!("no action {action}")] };
    let ty = spec().get(types.response);
    let answer = answer.get("Response").unwrap_or(answer);
    let Some(members) = answer.as_object() else { return vec!["no object".to_owned()] };
    if let Some(error) = members.get("Error") {
        return vec![format!("an error: {error}")];
    }
    let mut judge = Judge { demanding: true, findings: Vec::new() };
    for member in ty.members.iter().filter(|member| !member.nullable && !member.legacy) {
        if !members.contains_key(&*member.name) {
            judge.findings.push(format!("{}: missing", member.name));
        }
    }
    object("", ty, members, &mut judge);
    judge.findings
}

/// Holds the object of an event's member, a payload, against the type of that name.
pub fn check_type(name: &str, value: &Value) -> Vec<String> {
    let Some(ty) = spec().type_named(name) else { return vec![format!("no type {name}")] };
    let Some(members) = value.as_object() else { return vec!["no object".to_owned()] };
    let mut judge = Judge { demanding: true, findings: Vec::new() };
    object("", ty, members, &mut judge);
    judge.findings
}

struct Judge {
    /// Whether members marked as required must be there.
    demanding: bool,
    findings: Vec<String>,
}

/// Walks an object. Below EventContent nothing is demanded.
fn object(path: &str, ty: &Type, members: &Map<String, Value>, judge: &mut Judge) {
    let below = |name: &str| {
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    };
    for member in ty.members.iter().filter(|member| member.required) {
        if judge.demanding && !members.contains_key(&*member.name) {
            judge.findings.push(format!("{}: missing", below(&member.name)));
        }
    }
    let demanding = judge.demanding;
    judge.demanding &= &*ty.name != "EventContent";
    for (name, value) in members {
        let path = below(name);
        match ty.member(name) {
            None => judge.findings.push(format!("{path}: not in {}", ty.name)),
            Some(member) if value.is_null() => {
                if !may_be_null(ty, member) {
                    judge.findings.push(format!("{path}: null"));
                }
            }
            Some(member) if member.list => list(&path, member, value, judge),
            Some(member) => single(&path, member.shape, value, judge),
        }
    }
    judge.demanding = demanding;
}

fn may_be_null(ty: &Type, member: &Member) -> bool {
    let block = matches!(member.shape, Shape::Object(_)) && !member.list;
    member.nullable
        || block && matches!(&*ty.name, "EventContent" | "MediaInfo" | "DescribeTaskDetailResponse")
}

fn list(path: &str, member: &Member, value: &Value, judge: &mut Judge) {
    let Some(items) = value.as_array() else {
        judge.findings.push(format!("{path}: not a list"));
        return;
    };
    for (index, item) in items.iter().enumerate() {
        single(&format!("{path}.{index}"), member.shape, item, judge);
    }
}

fn single(path: &str, shape: Shape, value: &Value, judge: &mut Judge) {
    match (shape, value) {
        (Shape::Object(id), Value::Object(members)) => {
            object(path, spec().get(id), members, judge);
        }
        (Shape::Base(base), value) if is_a(base, value) => {}
        (Shape::Object(_) | Shape::Base(_), _) => {
            judge.findings.push(format!("{path}: {value} is of the wrong type"));
        }
    }
}
