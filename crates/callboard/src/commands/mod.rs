//! The commands other than `serve` and `demo`: each one function over its arguments and the
//! environment.
//!
//! They can do nothing that an API action cannot, apart from what concerns a machine (`config`,
//! `backup`) or a receiver (`drill`, which talks to no server). Answers go to standard output as
//! JSON lines, words for people to standard error; what people watch in a terminal (`events`,
//! `tail`, `listen`, `drill`) is text unless `--json` is given.

pub mod apps;
pub mod backup;
pub mod config;
pub mod drill;
pub mod events;
pub mod find;
pub mod keys;
pub mod link;
pub mod listen;
pub mod live;
pub mod moment;
pub mod outward;
pub mod printer;
pub mod publish;
pub mod pull;
pub mod replay;
pub mod run;
pub mod tail;
pub mod terminal;
pub mod trust;

use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::out;

/// Writes one JSON object on one line.
pub fn print(value: &Value) -> Result<(), Failure> {
    out::line(value).map_err(|error| Failure::stdout(&error))
}

/// The members of a list in an answer; none if it is absent or null.
pub fn items<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Parameters with one more member, if there is a value for it.
pub fn with(mut params: Value, name: &str, value: Option<impl Serialize>) -> Value {
    if let (Some(members), Some(value)) = (params.as_object_mut(), value) {
        members.insert(name.to_owned(), json!(value));
    }
    params
}

/// Parameters with the SubAppId, if one is meant.
pub fn with_app(params: Value, app: Option<u64>) -> Value {
    with(params, "SubAppId", app)
}

/// Removes what is of no use outside the API.
pub fn without_request_id(answer: &mut Value) {
    if let Some(members) = answer.as_object_mut() {
        members.shift_remove("RequestId");
    }
}
