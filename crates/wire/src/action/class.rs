//! Requests about classes. Whether a class exists and what a name may be is judged where the records
//! are.

use serde::Deserialize;

/// Makes a class.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateClass {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// The class to put it under; -1: none.
    pub parent_id: i64,
    /// Its name.
    pub class_name: String,
}

/// Renames a class.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyClass {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// Which class; unsigned in the spec, unlike everywhere else.
    pub class_id: u64,
    /// Its new name.
    pub class_name: String,
}

/// Deletes a class.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteClass {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// Which class.
    pub class_id: i64,
}

/// Lists every class.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeAllClass {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
}

super::plain_requests!(CreateClass ModifyClass DeleteClass DescribeAllClass);
