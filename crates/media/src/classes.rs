//! Classes: the tree that people file their media in.
//!
//! One record a class. Class 0, "其他", is always there, has no record of its own kind and cannot be
//! changed; in its place (id `0`) stands what all classes of an application share: the next id, and how
//! many there are. Every change of the tree expects and writes that record, so that two changes never
//! overlook each other. Whoever files a media under a class expects the class as it was read, and a
//! class goes only if no media has its term: neither can happen behind the other's back.
//!
//! Deliberately absent: moving a class. The API cannot.

use std::collections::{BTreeMap, HashMap};

use model::{AppId, limits};
use queue::{Commit, Record, RecordKey, RecordKind, RecordPut, RecordQuery, Term};
use serde::{Deserialize, Serialize};
use wire::reply::ClassInfo;

use crate::error::{ClassError, Fault, Refusal};
use crate::library::{Library, ROUNDS};
use crate::record;

/// The class of whatever is filed nowhere.
pub(crate) const UNFILED: i64 = 0;
/// The parent of the first level (documented).
const NO_PARENT: i64 = -1;
/// The name of class 0, and its path (documented).
const UNFILED_NAME: &str = "其他";
/// Classes on a page.
const PAGE: usize = 500;

/// A class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Class {
    /// Its name; no sister has the same.
    pub name: String,
    /// The class above it; -1: none.
    pub parent: i64,
    /// 0 for the first level.
    pub level: u64,
}

/// What all classes of an application share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tree {
    /// The next ClassId; none is used twice.
    next: i64,
    /// How many classes there are.
    count: usize,
}

/// How a class is shown with a media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// ClassName.
    pub name: String,
    /// ClassPath: the names from the first level on, joined by `-`.
    pub path: String,
}

impl Default for Label {
    fn default() -> Self {
        Self { name: UNFILED_NAME.to_owned(), path: UNFILED_NAME.to_owned() }
    }
}

/// A class that a media is about to be filed under.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filing {
    /// How it is shown.
    pub label: Label,
    /// What the commit must expect, so that the class is still there.
    pub expect: Option<(RecordKey, Option<u64>)>,
}

fn class_key(app: AppId, id: i64) -> RecordKey {
    RecordKey { kind: RecordKind::Class, app, id: id.to_string() }
}

fn parent_term(parent: i64) -> Term {
    Term { name: "parent", value: parent.to_string() }
}

impl Class {
    fn put(&self, key: RecordKey) -> RecordPut {
        RecordPut {
            key,
            body: record::body(self),
            terms: vec![parent_term(self.parent)],
            listing: None,
        }
    }
}

impl Tree {
    fn put(self, key: RecordKey) -> RecordPut {
        RecordPut { key, body: record::body(&self), terms: Vec::new(), listing: None }
    }
}

impl Library {
    /// CreateClass; the new ClassId.
    pub async fn create_class(
        &self,
        app: AppId,
        parent: i64,
        name: &str,
    ) -> Result<i64, ClassError> {
        check_name(name)?;
        for _ in 0..ROUNDS {
            let (mut tree, version) = self.tree(app).await?;
            let level = match parent {
                NO_PARENT => 0,
                _ => {
                    self.class(app, parent).await?.ok_or(ClassError::NoParent(parent))?.0.level + 1
                }
            };
            if level >= limits::CLASS_LEVELS_MAX {
                return Err(ClassError::TooDeep(limits::CLASS_LEVELS_MAX));
            }
            let sisters = self.children(app, parent).await?;
            if sisters.len() >= limits::CLASS_CHILDREN_MAX {
                return Err(ClassError::TooManyChildren(limits::CLASS_CHILDREN_MAX));
            }
            check_unlike(name, parent, &sisters, None)?;
            if tree.count >= limits::CLASSES_MAX {
                return Err(ClassError::TooMany(limits::CLASSES_MAX));
            }
            let id = tree.next;
            tree = Tree { next: id + 1, count: tree.count + 1 };
            let class = Class { name: name.to_owned(), parent, level };
            let root = class_key(app, UNFILED);
            let commit = Commit {
                expect: vec![(root.clone(), version), (class_key(app, id), None)],
                put: vec![tree.put(root), class.put(class_key(app, id))],
                ..Commit::default()
            };
            if self.try_commit(commit).await? {
                return Ok(id);
            }
        }
        Err(Fault::Contended.into())
    }

    /// ModifyClass: another name.
    pub async fn rename_class(&self, app: AppId, id: i64, name: &str) -> Result<(), ClassError> {
        check_name(name)?;
        for _ in 0..ROUNDS {
            let (tree, version) = self.tree(app).await?;
            let (class, own) = self.known(app, id).await?;
            check_unlike(name, class.parent, &self.children(app, class.parent).await?, Some(id))?;
            let (root, key) = (class_key(app, UNFILED), class_key(app, id));
            let renamed = Class { name: name.to_owned(), ..class };
            let commit = Commit {
                expect: vec![(root.clone(), version), (key.clone(), Some(own))],
                put: vec![tree.put(root), renamed.put(key)],
                ..Commit::default()
            };
            if self.try_commit(commit).await? {
                return Ok(());
            }
        }
        Err(Fault::Contended.into())
    }

    /// DeleteClass: only of a class without classes and media (documented).
    pub async fn delete_class(&self, app: AppId, id: i64) -> Result<(), ClassError> {
        for _ in 0..ROUNDS {
            let (mut tree, version) = self.tree(app).await?;
            let (_, own) = self.known(app, id).await?;
            if self.has_any(RecordKind::Class, app, parent_term(id)).await?
                || self.has_any(RecordKind::Media, app, record::class_term(id)).await?
            {
                return Err(ClassError::NotEmpty(id));
            }
            tree.count = tree.count.saturating_sub(1);
            let (root, key) = (class_key(app, UNFILED), class_key(app, id));
            let commit = Commit {
                expect: vec![(root.clone(), version), (key.clone(), Some(own))],
                vacant: vec![(RecordKind::Media, app, record::class_term(id))],
                put: vec![tree.put(root)],
                delete: vec![key],
                ..Commit::default()
            };
            if self.try_commit(commit).await? {
                return Ok(());
            }
        }
        Err(Fault::Contended.into())
    }

    /// DescribeAllClass: class 0 and then all others, by id.
    pub async fn classes(&self, app: AppId) -> Result<Vec<ClassInfo>, Fault> {
        let unfiled = Class { name: UNFILED_NAME.to_owned(), parent: NO_PARENT, level: 0 };
        let mut all = BTreeMap::from([(UNFILED, unfiled)]);
        let query = RecordQuery {
            kind: RecordKind::Class,
            app: Some(app),
            term: None,
            after: None,
            limit: PAGE,
        };
        for (id, class) in self.all_classes(query).await? {
            all.insert(id, class);
        }
        let mut below: HashMap<i64, Vec<i64>> = HashMap::new();
        for (id, class) in &all {
            below.entry(class.parent).or_default().push(*id);
        }
        let info = |(id, class): (i64, Class)| ClassInfo {
            class_id: id,
            parent_id: class.parent,
            name: class.name.clone(),
            level: class.level,
            sub_class_id_set: below.get(&id).cloned().unwrap_or_default(),
            class_name: class.name,
        };
        Ok(all.into_iter().map(info).collect())
    }

    /// These classes with everything below them.
    pub(crate) async fn with_subclasses(&self, app: AppId, ids: &[i64]) -> Result<Vec<i64>, Fault> {
        let mut found = ids.to_vec();
        // each is looked below once
        found.sort_unstable();
        found.dedup();
        let mut next = 0;
        while let Some(&id) = found.get(next) {
            next += 1;
            // nothing is below class 0, and what is not there has nothing below it
            if id != UNFILED {
                let below = self.children(app, id).await?;
                found.extend(below.into_iter().map(|(id, _)| id).filter(|id| !ids.contains(id)));
            }
        }
        Ok(found)
    }

    /// A class to file a media under; none: it does not exist.
    pub(crate) async fn filing(&self, app: AppId, id: i64) -> Result<Option<Filing>, Fault> {
        if id == UNFILED {
            return Ok(Some(Filing::default()));
        }
        let Some((_, version)) = self.class(app, id).await? else { return Ok(None) };
        let label = self.labels(app, [id]).await?.remove(&id).unwrap_or_default();
        Ok(Some(Filing { label, expect: Some((class_key(app, id), Some(version))) }))
    }

    /// How these classes are shown; those that do not exist are shown as class 0.
    pub(crate) async fn labels(
        &self,
        app: AppId,
        ids: impl IntoIterator<Item = i64>,
    ) -> Result<HashMap<i64, Label>, Fault> {
        let ids: Vec<i64> = ids.into_iter().collect();
        let mut known: HashMap<i64, Class> = HashMap::new();
        let mut wanted: Vec<i64> = ids.clone();
        for _ in 0..limits::CLASS_LEVELS_MAX {
            wanted.retain(|id| !matches!(*id, UNFILED | NO_PARENT) && !known.contains_key(id));
            wanted.sort_unstable();
            wanted.dedup();
            if wanted.is_empty() {
                break;
            }
            let keys = wanted.iter().map(|id| class_key(app, *id)).collect();
            let found = self.backend.get(keys).await?;
            let mut above = Vec::new();
            for (id, found) in wanted.iter().zip(found) {
                if let Some(found) = found {
                    let class: Class = record::read(&found)?;
                    above.push(class.parent);
                    known.insert(*id, class);
                }
            }
            wanted = above;
        }
        Ok(ids.into_iter().map(|id| (id, label(&known, id))).collect())
    }

    /// A class with the version of its record. Class 0 is none.
    async fn class(&self, app: AppId, id: i64) -> Result<Option<(Class, u64)>, Fault> {
        if id == UNFILED { Ok(None) } else { self.one(class_key(app, id)).await }
    }

    /// A class that may be changed.
    async fn known(&self, app: AppId, id: i64) -> Result<(Class, u64), ClassError> {
        self.class(app, id).await?.ok_or(ClassError::NotFound(id))
    }

    async fn tree(&self, app: AppId) -> Result<(Tree, Option<u64>), Fault> {
        let found = self.one(class_key(app, UNFILED)).await?;
        let (tree, version) = found.unzip();
        Ok((tree.unwrap_or(Tree { next: 1, count: 0 }), version))
    }

    async fn children(&self, app: AppId, parent: i64) -> Result<Vec<(i64, Class)>, Fault> {
        let query = RecordQuery {
            kind: RecordKind::Class,
            app: Some(app),
            term: Some(parent_term(parent)),
            after: None,
            limit: PAGE,
        };
        self.all_classes(query).await
    }

    /// Every page of a query for classes.
    async fn all_classes(&self, mut query: RecordQuery) -> Result<Vec<(i64, Class)>, Fault> {
        let mut classes = Vec::new();
        loop {
            let page = self.backend.find(query.clone()).await?;
            query.after = page.records.last().map(|record| record.key.clone());
            for found in &page.records {
                if let Some(id) = id_of(found) {
                    classes.push((id, record::read(found)?));
                }
            }
            if !page.more {
                return Ok(classes);
            }
        }
    }

    async fn has_any(&self, kind: RecordKind, app: AppId, term: Term) -> Result<bool, Fault> {
        let query = RecordQuery { kind, app: Some(app), term: Some(term), after: None, limit: 1 };
        Ok(!self.backend.find(query).await?.records.is_empty())
    }

    /// Whether a commit stands; false: something has changed meanwhile.
    async fn try_commit(&self, commit: Commit) -> Result<bool, Fault> {
        match self.commit(commit).await {
            Ok(()) => Ok(true),
            Err(Refusal::Conflict) => Ok(false),
            Err(Refusal::Fault(fault)) => Err(fault),
        }
    }
}

/// The id of a class; none: the record is the one that all share.
fn id_of(record: &Record) -> Option<i64> {
    record.key.id.parse().ok().filter(|id| *id != UNFILED)
}

/// Follows a class up to the first level; a class above that is not there ends the path.
fn label(known: &HashMap<i64, Class>, id: i64) -> Label {
    let Some(class) = known.get(&id) else { return Label::default() };
    let mut names = vec![class.name.as_str()];
    let mut above = class.parent;
    while let Some(class) = known.get(&above) {
        names.push(&class.name);
        above = class.parent;
    }
    names.reverse();
    Label { name: class.name.clone(), path: names.join("-") }
}

fn check_name(name: &str) -> Result<(), ClassError> {
    let max = limits::CLASS_NAME_CHARS_MAX;
    if (1..=max).contains(&name.chars().count()) { Ok(()) } else { Err(ClassError::Name(max)) }
}

/// Refuses a name that a sister has; `own`: the class that is to be renamed.
fn check_unlike(
    name: &str,
    parent: i64,
    sisters: &[(i64, Class)],
    own: Option<i64>,
) -> Result<(), ClassError> {
    let taken = sisters.iter().any(|(id, class)| Some(*id) != own && class.name == name);
    if taken || (parent == NO_PARENT && name == UNFILED_NAME) {
        return Err(ClassError::Duplicate(name.to_owned()));
    }
    Ok(())
}
