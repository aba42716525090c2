//! The parameters of a call, from bytes to a tree that matches the action's request type.
//!
//! Two roads lead here: a JSON body (TC3 POST) and flat `A.N.B` pairs (GET, forms, multipart,
//! signature v1). `flat` turns the second into the first with the help of the spec; [`check()`]
//! then holds both to the same rules, so that a parameter means the same however it came.
//! Common parameters (Action, Version, Timestamp, ...) are the caller's to take out. Values, as
//! opposed to types, are not judged here: that is each action's business.

mod check;
mod flat;
mod json;

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::spec::Type;

pub use check::check;
pub(crate) use check::{check_partial, is_a};

/// The parameters of one call before they are held against a type.
#[derive(Clone, Debug)]
pub struct Params(Source);

#[derive(Clone, Debug)]
enum Source {
    Json(Map<String, Value>),
    Flat(Vec<(String, String)>),
}

impl Params {
    /// Reads a JSON body.
    ///
    /// Refused with `InvalidRequest`: an empty body (the cloud does so, sdk-nodejs issue 104),
    /// anything but an object, wrong UTF-8, nesting deeper than `JSON_DEPTH_MAX`. Refused with
    /// `RequestSizeLimitExceeded`: more than `JSON_VALUES_MAX` values. Of a member that is given
    /// twice the last one counts, as in the usual JSON readers.
    pub fn from_json(body: &[u8]) -> Result<Self, ApiError> {
        json::read(body).map(|members| Self(Source::Json(members)))
    }

    /// Takes decoded key/value pairs: a query, a form or the parts of a multipart body. Of a key
    /// that is given twice the last one counts.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self(Source::Flat(pairs))
    }

    /// The parameters as a tree that holds what `ty` says: coerced if they came flat, checked,
    /// without nulls.
    ///
    /// # Errors
    /// Those of [`check()`]; `RequestSizeLimitExceeded` for flat keys with more than
    /// `FLAT_PLACES_MAX` different beginnings.
    pub fn into_tree(self, ty: &Type) -> Result<Map<String, Value>, ApiError> {
        let mut tree = match self.0 {
            Source::Json(members) => members,
            Source::Flat(pairs) => flat::coerce(ty, pairs)?,
        };
        check(ty, &tree)?;
        drop_nulls(&mut tree);
        Ok(tree)
    }
}

/// Takes out the members that are null, which count as absent. Lists hold none once checked.
fn drop_nulls(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
    for value in members.values_mut() {
        match value {
            Value::Object(members) => drop_nulls(members),
            Value::Array(items) => {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(drop_nulls);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
