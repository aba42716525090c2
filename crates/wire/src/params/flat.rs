//! Flat parameters, `A.N.B=value`, made into the tree that a JSON body would have given.
//!
//! The spec says what each text is meant to be. What does not fit is left as it is, so that the
//! one check that follows finds it and tells its path; nothing is refused here but a tree that costs
//! far more memory than its text. Rules, as seen from the official SDKs: indexes count from 0 and need not be dense; a boolean is `true`, `True`, `1`
//! or their opposites; a list or object that comes as one text is JSON (their multipart parts).

use std::collections::BTreeMap;

use model::limits::{FLAT_PLACES_MAX, JSON_DEPTH_MAX};
use serde_json::{Map, Number, Value};

use super::json;
use crate::error::{ApiError, Code};
use crate::spec::{Base, Member, Shape, Type, spec};

/// Makes the tree.
///
/// # Errors
/// `RequestSizeLimitExceeded` for more than `FLAT_PLACES_MAX` places in it.
pub(super) fn coerce(
    ty: &Type,
    pairs: Vec<(String, String)>,
) -> Result<Map<String, Value>, ApiError> {
    let mut root = Node::default();
    let mut places = 0_usize;
    for (key, text) in pairs {
        let mut node = &mut root;
        // A key of a million dots must not make a tree of that depth.
        for step in key.splitn(JSON_DEPTH_MAX, '.') {
            node = node.children.entry(step.to_owned()).or_insert_with(|| {
                places += 1;
                Node::default()
            });
        }
        if places > FLAT_PLACES_MAX {
            let text = format!(
                "The request holds more than {FLAT_PLACES_MAX} parameters; send JSON instead."
            );
            return Err(ApiError::new(Code::RequestSizeLimitExceeded, text));
        }
        node.text = Some(text);
    }
    Ok(object(ty, root))
}

/// One place in the tree of keys.
#[derive(Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<String, Node>,
}

impl Node {
    /// The list or object that this place holds as JSON text and in no other way.
    fn whole(&self) -> Option<Value> {
        self.text.as_deref().filter(|_| self.children.is_empty()).and_then(whole)
    }

    /// A value of the wrong type for whatever is expected, for the check to find.
    fn misfit(self) -> Value {
        match self.text {
            Some(text) if self.children.is_empty() => Value::String(text),
            _ => Value::Object(Map::new()),
        }
    }
}

fn object(ty: &Type, node: Node) -> Map<String, Value> {
    let convert = |(name, node): (String, Node)| {
        let value = ty.member(&name).map_or(Value::Bool(true), |known| member(known, node));
        (name, value)
    };
    node.children.into_iter().map(convert).collect()
}

fn member(member: &Member, node: Node) -> Value {
    if !member.list {
        return value(member.shape, node);
    }
    if node.text.is_some() {
        return node.whole().unwrap_or_else(|| node.misfit());
    }
    let mut items = BTreeMap::new();
    for (step, child) in node.children {
        let canonical = step == "0" || !step.starts_with('0');
        let digits = step.bytes().all(|byte| byte.is_ascii_digit());
        let Some(index) = (canonical && digits).then(|| step.parse::<u64>().ok()).flatten() else {
            return Value::Object(Map::new());
        };
        items.insert(index, child);
    }
    items.into_values().map(|item| value(member.shape, item)).collect()
}

fn value(shape: Shape, node: Node) -> Value {
    match (shape, &node.text) {
        (Shape::Object(id), None) => Value::Object(object(spec().get(id), node)),
        (Shape::Object(_), Some(_)) => node.whole().unwrap_or_else(|| node.misfit()),
        (Shape::Base(base), Some(text)) if node.children.is_empty() => {
            scalar(base, text).unwrap_or_else(|| node.misfit())
        }
        (Shape::Base(_), _) => Value::Object(Map::new()),
    }
}

/// A list or object that came as JSON text, under the limits of a JSON body.
fn whole(text: &str) -> Option<Value> {
    let text = text.trim();
    if !text.starts_with(['[', '{']) {
        return None;
    }
    let mut wrapped = json::read(format!("{{\"v\":{text}}}").as_bytes()).ok()?;
    // `1},"w":{2` would close the wrapping object
    if wrapped.len() != 1 {
        return None;
    }
    wrapped.remove("v")
}

fn scalar(base: Base, text: &str) -> Option<Value> {
    match base {
        Base::String | Base::Datetime => Some(text.into()),
        Base::Int64 => text.parse::<i64>().ok().map(Value::from),
        Base::Uint64 => text.parse::<u64>().ok().map(Value::from),
        Base::Float => float(text),
        Base::Bool => match text {
            "1" => Some(true.into()),
            "0" => Some(false.into()),
            _ if text.eq_ignore_ascii_case("true") => Some(true.into()),
            _ if text.eq_ignore_ascii_case("false") => Some(false.into()),
            _ => None,
        },
        Base::Json => whole(text).filter(Value::is_object),
    }
}

/// A JSON number; a whole one stays whole, so that it is written as it came.
fn float(text: &str) -> Option<Value> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(number.into());
    }
    if let Ok(number) = text.parse::<u64>() {
        return Some(number.into());
    }
    text.parse().ok().and_then(Number::from_f64).map(Value::Number)
}
