//! The answers about classes.

use serde::Serialize;

/// A new class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClassReply {
    /// Its id.
    pub class_id: i64,
}

/// Every class of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClassesReply {
    /// The classes, class 0 among them.
    pub class_info_set: Vec<ClassInfo>,
}

/// One class (MediaClassInfo).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClassInfo {
    /// Its id.
    pub class_id: i64,
    /// The class above it; -1: none.
    pub parent_id: i64,
    /// Its name.
    pub name: String,
    /// 0 for the first level.
    pub level: u64,
    /// The classes directly below it.
    pub sub_class_id_set: Vec<i64>,
    /// The name once more, under the name that the member had before.
    pub class_name: String,
}
