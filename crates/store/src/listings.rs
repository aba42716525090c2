//! Searching what is listed: an index in memory for each application that is searched.
//!
//! The table `listing` is written with the records, in the same transaction. From it an index is
//! loaded when an application is searched for the first time, and dropped when nobody has searched it
//! for a while; until then it follows every commit, before that commit is answered, so that whoever
//! has changed something finds it. Disk indexes were the other way: each condition would have its own
//! order, and a mixture of them, or the number of hits, would need a walk over half the library.

mod bits;
mod index;
mod row;
mod search;
mod segment;
#[cfg(test)]
mod tests;
mod texts;
mod wanted;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{AppId, limits};
use queue::listing::{Condition, SearchPage, SearchQuery, Tally, TallyQuery};
use queue::{BackendError, RecordKind, Steady};

use crate::facts::Fact;
use crate::shared::Shared;
pub(crate) use row::{delete, put, time};

use index::{Change, Index};
use search::Search;

type Name = (RecordKind, AppId);

/// The indexes that are in memory.
#[derive(Debug, Default)]
pub(crate) struct Listings {
    shelves: Mutex<HashMap<Name, Shelf>>,
    /// One index is loaded at a time, because each takes memory meanwhile.
    loading: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
enum Shelf {
    /// It is being read; these changes have come since before that began.
    Loading(Vec<Change>),
    /// It is there, and was last used at that time.
    Loaded(Index, Steady),
}

impl Listings {
    fn shelves(&self) -> MutexGuard<'_, HashMap<Name, Shelf>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies what is on disk, before it is answered.
    pub(crate) fn apply(&self, facts: &[Fact]) {
        let mut shelves = self.shelves();
        if shelves.is_empty() {
            return;
        }
        for fact in facts {
            let (key, change) = match fact {
                Fact::Put { key, was, listing: Some(listing), .. } => {
                    let listing = (**listing).clone();
                    (key, Change::Put { id: key.id.clone(), was: *was, listing })
                }
                Fact::Put { key, was: Some(was), .. } | Fact::Delete { key, was: Some(was) } => {
                    (key, Change::Gone { id: key.id.clone(), was: *was })
                }
                Fact::Append(_)
                | Fact::Close { .. }
                | Fact::Delay { .. }
                | Fact::Attempt { .. }
                | Fact::Put { .. }
                | Fact::Configure { .. }
                | Fact::Hasten(_)
                | Fact::Delete { .. }
                | Fact::Garbage(_)
                | Fact::Swept(_) => continue,
            };
            match shelves.get_mut(&(key.kind, key.app)) {
                Some(Shelf::Loading(changes)) => changes.push(change),
                Some(Shelf::Loaded(index, _)) => index.apply(&change),
                None => {}
            }
        }
    }

    /// Drops the indexes that nobody has used for a while.
    pub(crate) fn forget(&self, now: Steady) {
        let oldest = now.minus_ms(limits::LISTED_IDLE_MS);
        self.shelves().retain(|_, shelf| match shelf {
            Shelf::Loading(_) => true,
            Shelf::Loaded(_, used) => *used >= oldest,
        });
    }

    /// Looks at an index if it is there.
    fn look<T>(&self, name: Name, now: Steady, look: impl FnOnce(&Index) -> T) -> Option<T> {
        match self.shelves().get_mut(&name) {
            Some(Shelf::Loaded(index, used)) => {
                *used = now;
                Some(look(index))
            }
            Some(Shelf::Loading(_)) | None => None,
        }
    }

    /// Puts a loaded index on its shelf, brought up to date, and makes room for it.
    fn finish(&self, name: Name, mut index: Index, now: Steady) {
        let mut shelves = self.shelves();
        if let Some(Shelf::Loading(changes)) = shelves.remove(&name) {
            for change in &changes {
                index.apply(change);
            }
        }
        let mut room = limits::LISTED_MAX.saturating_sub(index.len());
        let mut others: Vec<(Steady, Name, usize)> = shelves
            .iter()
            .filter_map(|(name, shelf)| match shelf {
                Shelf::Loaded(index, used) => Some((*used, *name, index.len())),
                Shelf::Loading(_) => None,
            })
            .collect();
        others.sort_unstable_by(|(a, ..), (b, ..)| b.cmp(a));
        for (_, name, len) in others {
            match room.checked_sub(len) {
                Some(left) => room = left,
                None => {
                    shelves.remove(&name);
                }
            }
        }
        shelves.insert(name, Shelf::Loaded(index, now));
    }
}

/// An index that is being loaded; what is not finished is forgotten.
struct Load<'a> {
    listings: &'a Listings,
    name: Name,
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        let mut shelves = self.listings.shelves();
        if matches!(shelves.get(&self.name), Some(Shelf::Loading(_))) {
            shelves.remove(&self.name);
        }
    }
}

/// Looks at the index of an application, which is loaded first if need be.
async fn with_index<T>(
    shared: &Arc<Shared>,
    name: Name,
    look: impl Fn(&Index) -> T,
) -> Result<T, BackendError> {
    let listings = &shared.listings;
    if let Some(seen) = listings.look(name, shared.steady(), &look) {
        return Ok(seen);
    }
    let _one_at_a_time = listings.loading.lock().await;
    if let Some(seen) = listings.look(name, shared.steady(), &look) {
        return Ok(seen);
    }
    let load = Load { listings, name };
    // from here on changes are noted; what was applied before is in the snapshot that is read
    listings.shelves().insert(name, Shelf::Loading(Vec::new()));
    let index = shared.readers.read(move |db| row::load(db, name.0, name.1)).await?;
    listings.finish(name, index, shared.steady());
    drop(load);
    let seen = listings.look(name, shared.steady(), &look);
    seen.ok_or_else(|| BackendError::Failed("an index vanished while it was loaded".into()))
}

/// A page of the records that meet every condition.
pub(crate) async fn search(
    shared: &Arc<Shared>,
    query: SearchQuery,
) -> Result<SearchPage, BackendError> {
    let (kind, app) = (query.kind, query.app);
    let ids: Vec<String> = query.conditions.iter().flat_map(ids).cloned().collect();
    let times = if ids.is_empty() {
        Vec::new()
    } else {
        shared.readers.read(move |db| row::times(db, kind, app, ids.into_iter())).await?
    };
    let ready = |index: &Index| (Search::new(&query, index, &times), index.segments().to_vec());
    let (search, segments) = with_index(shared, (kind, app), ready).await?;
    // among the reads, so that searches take no more cores than reads may
    shared.readers.read(move |_| Ok(search.run(&segments))).await
}

fn ids(condition: &Condition) -> &[String] {
    match condition {
        Condition::Id(ids) => ids,
        Condition::Word(..)
        | Condition::Prefix(..)
        | Condition::Contains(..)
        | Condition::Number(..)
        | Condition::At(..) => &[],
    }
}

/// Records counted and a number of theirs summed up, by a word of theirs.
pub(crate) async fn tally(
    shared: &Arc<Shared>,
    query: TallyQuery,
) -> Result<Vec<Tally>, BackendError> {
    let name = (query.kind, query.app);
    let ready = |index: &Index| (index.words().of(query.by), index.segments().to_vec());
    let (words, segments) = with_index(shared, name, ready).await?;
    shared.readers.read(move |_| Ok(index::tally(&segments, words, query.sum))).await
}
