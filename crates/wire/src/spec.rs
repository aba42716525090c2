//! The table of the API: every action and type of VOD 2018-07-17, and our own in the same notation.
//!
//! The two JSON files under `spec/` are the only source; this module turns them once into compact
//! tables. Everything that is checked, coerced or rendered by type follows them, so that no rule
//! about a member is written twice. Deliberately absent: documentation texts, value ranges and
//! defaults, which the notation does not carry.
//!
//! Notation, a member's name to its type: `T` a base type or the name of a type, `[T]` a list,
//! then any of `!` required in a request, `?` may be null, `~` every member below may be omitted
//! (only our own PublishEvents uses it). Base types: string, int64, uint64, float, bool, datetime
//! (an ISO 8601 string) and json (any object; only ours).

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The service that answers; it stands in the documented error texts.
pub const SERVICE: &str = "vod";

/// The one version of the API that is spoken.
pub const VERSION: &str = "2018-07-17";

const CLOUD: &str = include_str!("../spec/vod-2018-07-17.json");
const OWN: &str = include_str!("../spec/own.json");

#[expect(clippy::expect_used, reason = "both files are compiled in and a test parses them")]
static SPEC: LazyLock<Spec> = LazyLock::new(|| {
    let files = [CLOUD, OWN].map(serde_json::from_str::<File>);
    files
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())
        .and_then(Spec::build)
        .expect("the committed spec follows its own notation")
});

/// The parsed spec; built at the first call, never changed.
pub fn spec() -> &'static Spec {
    &SPEC
}

/// A scalar as JSON spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// A JSON string.
    String,
    /// An integer that fits a signed 64-bit number.
    Int64,
    /// An integer from 0 to 2^64-1.
    Uint64,
    /// Any JSON number.
    Float,
    /// `true` or `false`.
    Bool,
    /// A string that holds an ISO 8601 time. Only the type is checked here: what a malformed time
    /// means differs by action.
    Datetime,
    /// Any JSON object, given through as it is.
    Json,
}

/// What one value of a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A scalar.
    Base(Base),
    /// An object of that type.
    Object(TypeId),
}

/// A type of [`Spec`], looked up by [`Spec::get`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeId(usize);

/// One member of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one mark of the notation")]
pub struct Member {
    /// Its name on the wire.
    pub name: Box<str>,
    /// What a value is; for a list, what an element is.
    pub shape: Shape,
    /// Whether it is a list of such values.
    pub list: bool,
    /// `!`: a request without it is refused.
    pub required: bool,
    /// `?`: an answer may carry null.
    pub nullable: bool,
    /// `~`: below this member nothing is required.
    pub partial: bool,
    /// Not in the spec any more, yet in documented samples and read by real receivers: accepted,
    /// never added.
    pub legacy: bool,
}

/// An object type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// Its name in the spec.
    pub name: Box<str>,
    /// Its members in the order of the spec, legacy ones last.
    pub members: Vec<Member>,
}

impl Type {
    /// The member of that name. Types have at most 49 members, so a scan is as good as an index.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| &*member.name == name)
    }
}

/// Request and response of one action.
#[derive(Clone, Copy, Debug)]
pub struct ActionSpec {
    /// The type of its parameters.
    pub request: TypeId,
    /// The type of its answer, RequestId included.
    pub response: TypeId,
}

/// All actions and types: the cloud's 241 actions and our own.
#[derive(Debug)]
pub struct Spec {
    actions: HashMap<Box<str>, ActionSpec>,
    types: Vec<Type>,
    by_name: HashMap<Box<str>, TypeId>,
}

#[derive(Deserialize)]
struct File {
    actions: HashMap<Box<str>, FileAction>,
    types: Map<String, Value>,
    #[serde(default)]
    legacy: HashMap<String, Map<String, Value>>,
}

#[derive(Deserialize)]
struct FileAction {
    request: String,
    response: String,
}

impl Spec {
    /// The types of that action; none: no such action is known, built or not.
    pub fn action(&self, name: &str) -> Option<ActionSpec> {
        self.actions.get(name).copied()
    }

    /// The names of all known actions, in no order.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.actions.keys().map(|name| &**name)
    }

    /// The type with that name.
    pub fn type_named(&self, name: &str) -> Option<&Type> {
        self.by_name.get(name).map(|&id| self.get(id))
    }

    /// The type with that id.
    #[expect(clippy::indexing_slicing, reason = "ids are made for members of `types` only")]
    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[id.0]
    }

    fn build(files: Vec<File>) -> Result<Self, String> {
        let names = files.iter().flat_map(|file| file.types.keys());
        let by_name: HashMap<Box<str>, TypeId> =
            names.enumerate().map(|(at, name)| (name.as_str().into(), TypeId(at))).collect();
        let mut types = Vec::with_capacity(by_name.len());
        for (name, members) in files.iter().flat_map(|file| &file.types) {
            let members = members.as_object().ok_or_else(|| format!("{name} is no object"))?;
            let mut members = read_members(members, &by_name, false)?;
            for file in &files {
                if let Some(legacy) = file.legacy.get(name) {
                    members.extend(read_members(legacy, &by_name, true)?);
                }
            }
            types.push(Type { name: name.as_str().into(), members });
        }
        if types.len() != by_name.len() {
            return Err("a type is defined twice".to_owned());
        }
        let find = |name: &str| by_name.get(name).copied().ok_or_else(|| format!("no type {name}"));
        let mut actions = HashMap::new();
        for (name, action) in files.into_iter().flat_map(|file| file.actions) {
            let types =
                ActionSpec { request: find(&action.request)?, response: find(&action.response)? };
            if actions.insert(name, types).is_some() {
                return Err("an action is defined twice".to_owned());
            }
        }
        Ok(Self { actions, types, by_name })
    }
}

fn read_members(
    members: &Map<String, Value>,
    types: &HashMap<Box<str>, TypeId>,
    legacy: bool,
) -> Result<Vec<Member>, String> {
    let read = |(name, notation): (&String, &Value)| {
        let notation = notation.as_str().ok_or_else(|| format!("{name}: no notation"))?;
        let core = notation.trim_end_matches(['!', '?', '~']);
        let marks = notation.get(core.len()..).unwrap_or_default();
        let element = core.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        Ok(Member {
            name: name.as_str().into(),
            shape: read_shape(element.unwrap_or(core), types)?,
            list: element.is_some(),
            required: marks.contains('!'),
            nullable: marks.contains('?'),
            partial: marks.contains('~'),
            legacy,
        })
    };
    members.iter().map(read).collect()
}

fn read_shape(name: &str, types: &HashMap<Box<str>, TypeId>) -> Result<Shape, String> {
    Ok(Shape::Base(match name {
        "string" => Base::String,
        "int64" => Base::Int64,
        "uint64" => Base::Uint64,
        "float" => Base::Float,
        "bool" => Base::Bool,
        "datetime" => Base::Datetime,
        "json" => Base::Json,
        _ => {
            let id = types.get(name).ok_or_else(|| format!("no type {name}"))?;
            return Ok(Shape::Object(*id));
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_action_is_known() {
        let own = serde_json::from_str::<File>(OWN).unwrap().actions.len();
        assert_eq!(spec().actions().count(), 241 + own);
        let config = spec().get(spec().action("ModifyEventConfig").unwrap().request);
        assert_eq!(config.member("SubAppId").unwrap().shape, Shape::Base(Base::Uint64));
        assert!(spec().action("modifyEventConfig").is_none());
    }

    #[test]
    fn marks_are_read() {
        let confirm = spec().type_named("ConfirmEventsRequest").unwrap();
        let handles = confirm.member("EventHandles").unwrap();
        assert!(handles.list && handles.required && !handles.nullable && !handles.partial);
        let canvas = spec().type_named("ComposeMediaTaskInput").unwrap().member("Canvas").unwrap();
        assert!(canvas.required && canvas.nullable && !canvas.list);
        let procedure = spec().type_named("ProcedureTask").unwrap();
        assert!(procedure.member("ErrCode").unwrap().legacy);
        assert!(!procedure.member("Status").unwrap().legacy);
    }

    #[test]
    fn published_events_follow_event_content() {
        let content = spec().type_named("EventContent").unwrap();
        let published = spec().type_named("PublishedEvent").unwrap();
        let names = |ty: &Type| -> Vec<(String, Shape)> {
            let skip = ["EventHandle", "EventType", "EventKey"];
            let members = ty.members.iter().filter(|m| !skip.contains(&&*m.name));
            members.map(|m| (m.name.to_string(), m.shape)).collect()
        };
        assert_eq!(names(content), names(published));
        assert!(published.members.iter().skip(2).all(|m| m.partial && !m.list));
    }
}
