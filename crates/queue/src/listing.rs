//! Listings: what a record is searched by when its terms do not suffice.
//!
//! A term finds records that have exactly one value, in the order of their ids. A listing is for
//! searching a library as people do: any mixture of conditions, in the order of time, with the number
//! of hits. Conditions are data; to the backend a field is a number. Texts are compared byte by byte:
//! whoever lists and searches folds case first.

use model::AppId;

use crate::record::RecordKind;

/// A field of a listing. Numbers are stored and never change their meaning within a kind of records.
pub type Field = u8;

/// What a record is searched by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Its place in the order: milliseconds since 1970. Of two at the same time the lower id is first.
    pub at: i64,
    /// Values that are compared as a whole; a field may have several.
    pub words: Vec<(Field, String)>,
    /// Texts that are searched for what they begin with or contain; one a field.
    pub texts: Vec<(Field, String)>,
    /// Numbers that are compared and summed up; one a field.
    pub numbers: Vec<(Field, i64)>,
}

/// Asks for the records of an application that meet every condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchQuery {
    /// What they are.
    pub kind: RecordKind,
    /// Whose they are.
    pub app: AppId,
    /// What they must meet.
    pub conditions: Vec<Condition>,
    /// In which order.
    pub order: Order,
    /// How many hits to pass over.
    pub offset: usize,
    /// How many hits to return.
    pub limit: usize,
    /// How many hits to count; `offset` and `limit` together must not exceed it.
    pub count_max: usize,
}

/// One condition of a search. Within a condition one of several values suffices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is one of these records.
    Id(Vec<String>),
    /// It has one of these words in that field.
    Word(Field, Vec<String>),
    /// The text of that field begins with one of these.
    Prefix(Field, Vec<String>),
    /// The text of one of these fields contains one of these, none of which is empty.
    Contains(Vec<Field>, Vec<String>),
    /// The number of that field lies between these, both included.
    Number(Field, i64, i64),
    /// Its time lies between these, both included.
    At(i64, i64),
}

/// The order of hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Latest first.
    Newest,
    /// Earliest first.
    Oldest,
    /// Best match first: by how many values of the [`Condition::Contains`] the texts contain, then
    /// whether one is the whole text, then whether one begins it; among equals the latest first.
    Match,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPage {
    /// The ids of the hits asked for, in order.
    pub ids: Vec<String>,
    /// How many hits there are, or `count_max` if there are more.
    pub total: usize,
}

/// Asks how many records an application has, and what a number of theirs adds up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TallyQuery {
    /// What they are.
    pub kind: RecordKind,
    /// Whose they are.
    pub app: AppId,
    /// They are told apart by their word in that field …
    pub by: Field,
    /// … and this number is summed up.
    pub sum: Field,
}

/// The records with one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The word.
    pub word: String,
    /// How many they are.
    pub count: u64,
    /// The sum of their numbers.
    pub sum: i64,
}
