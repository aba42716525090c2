//! Whether a tree of parameters is what its type says.
//!
//! Three things can be wrong, and the documentation does not say which is told first. Here an
//! unknown member wins over a missing one, and that over a wrong type: a misspelt required member
//! is both unknown and missing, and its name as the caller wrote it helps more. Within each, the
//! first in the order of the request (for missing ones, of the spec) is told. Types are strict, as
//! observed: no string for a number, no 1 for true, no 1.0 for an integer; a float takes any number.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::spec::{Base, Member, Shape, Type, spec};

/// Checks request parameters against their type, nested objects and lists included.
///
/// A null member counts as absent (tccli can send one). Paths in the messages are dotted, list
/// indexes included: `Filters.0.Value.0`.
///
/// # Errors
/// `UnknownParameter`, `MissingParameter` or `InvalidParameter`, each in its documented wording.
pub fn check(ty: &Type, members: &Map<String, Value>) -> Result<(), ApiError> {
    let mut walk = Walk::default();
    walk.object(ty, members, false);
    walk.verdict()
}

/// Checks one member's object where nothing is required; paths begin with `root`.
pub(crate) fn check_partial(
    root: &str,
    ty: &Type,
    members: &Map<String, Value>,
) -> Result<(), ApiError> {
    let mut walk = Walk { path: vec![Step::Name(root)], ..Walk::default() };
    walk.object(ty, members, true);
    walk.verdict()
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

/// The walk over a tree: where it is, and the first finding of each sort.
#[derive(Default)]
struct Walk<'a> {
    path: Vec<Step<'a>>,
    unknown: Option<String>,
    missing: Option<String>,
    invalid: Option<String>,
}

impl<'a> Walk<'a> {
    fn verdict(self) -> Result<(), ApiError> {
        if let Some(path) = self.unknown {
            return Err(ApiError::unknown_parameter(&path));
        }
        if let Some(path) = self.missing {
            return Err(ApiError::missing_parameter(&path));
        }
        self.invalid.map_or(Ok(()), |path| Err(ApiError::invalid_type(&path)))
    }

    fn object(&mut self, ty: &'a Type, members: &'a Map<String, Value>, partial: bool) {
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            if self.unknown.is_some() {
                return;
            }
            self.path.push(Step::Name(name));
            match ty.member(name) {
                Some(member) => self.member(member, value, partial),
                None => self.unknown = Some(self.dotted()),
            }
            self.path.pop();
        }
        if partial || self.missing.is_some() {
            return;
        }
        let absent = |member: &&Member| members.get(&*member.name).is_none_or(Value::is_null);
        if let Some(member) = ty.members.iter().filter(|member| member.required).find(absent) {
            self.path.push(Step::Name(&member.name));
            self.missing = Some(self.dotted());
            self.path.pop();
        }
    }

    fn member(&mut self, member: &'a Member, value: &'a Value, partial: bool) {
        let partial = partial || member.partial;
        if !member.list {
            return self.value(member.shape, value, partial);
        }
        let Value::Array(items) = value else { return self.wrong() };
        for (index, item) in items.iter().enumerate() {
            self.path.push(Step::Index(index));
            self.value(member.shape, item, partial);
            self.path.pop();
        }
    }

    fn value(&mut self, shape: Shape, value: &'a Value, partial: bool) {
        match (shape, value) {
            (Shape::Object(id), Value::Object(members)) => {
                self.object(spec().get(id), members, partial);
            }
            (Shape::Base(base), value) if is_a(base, value) => {}
            _ => self.wrong(),
        }
    }

    fn wrong(&mut self) {
        if self.invalid.is_none() {
            self.invalid = Some(self.dotted());
        }
    }

    fn dotted(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            if !text.is_empty() {
                text.push('.');
            }
            match step {
                Step::Name(name) => text.push_str(name),
                // writing to a String cannot fail
                Step::Index(index) => _ = write!(text, "{index}"),
            }
        }
        text
    }
}

/// Whether a JSON value is of that base type, without any coercion.
pub(crate) fn is_a(base: Base, value: &Value) -> bool {
    match base {
        Base::String | Base::Datetime => value.is_string(),
        Base::Int64 => value.is_i64(),
        Base::Uint64 => value.is_u64(),
        Base::Float => value.is_number(),
        Base::Bool => value.is_boolean(),
        Base::Json => value.is_object(),
    }
}
