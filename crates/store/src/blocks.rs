//! What became of entries, whether their blocks are in memory or on disk.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use model::Seq;
use queue::{Block, Mark, Reason, State, Steady, ledger};
use rusqlite::{Connection, OptionalExtension, Result, Row};

use crate::offsets::Offsets;
use crate::shared::Shared;
use crate::sql;

/// State and reason of an entry, wherever its block is; none if there is no such entry.
pub(crate) fn state(
    db: &Connection,
    shared: &Shared,
    seq: Seq,
) -> Result<Option<(State, Option<Reason>)>> {
    Blocks::default().state(db, shared, seq)
}

/// Blocks read for one question.
#[derive(Default)]
pub(crate) struct Blocks(HashMap<u64, Option<Block>>);

impl Blocks {
    pub(crate) fn state(
        &mut self,
        db: &Connection,
        shared: &Shared,
        seq: Seq,
    ) -> Result<Option<(State, Option<Reason>)>> {
        let engine = shared.engine();
        if engine.ledger.has(ledger::block_of(seq)) {
            return Ok(engine.state(seq));
        }
        drop(engine);
        let block = self.on_disk(db, ledger::block_of(seq))?;
        Ok(block.and_then(|block| block.mark(seq).closed()))
    }

    fn on_disk(&mut self, db: &Connection, number: u64) -> Result<Option<&Block>> {
        let block = match self.0.entry(number) {
            Entry::Occupied(block) => block.into_mut(),
            Entry::Vacant(slot) => slot.insert(read(db, number)?),
        };
        Ok(block.as_ref())
    }

    /// Of a block's entries those whose mark is wanted, and those of which none is known yet.
    pub(crate) fn marked(
        &mut self,
        db: &Connection,
        shared: &Shared,
        number: u64,
        wanted: Marks,
    ) -> Result<Offsets> {
        let engine = shared.engine();
        let known = engine.ledger.block(number).map(|block| wanted.of(block));
        drop(engine);
        if let Some(known) = known {
            return Ok(known);
        }
        let block = self.on_disk(db, number)?;
        Ok(wanted.of(block.unwrap_or(&Block::default())))
    }
}

fn read(db: &Connection, number: u64) -> Result<Option<Block>> {
    let select = "SELECT newest, marks FROM block WHERE no = ?1";
    let read =
        |row: &Row<'_>| Ok(Block::from_bytes(row.get_ref(1)?.as_blob()?, Steady(row.get(0)?)));
    Ok(db.prepare_cached(select)?.query_row([sql(number)], read).optional()?.flatten())
}

/// A set of marks: one bit for each code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks(u16);

impl Marks {
    /// The marks that an entry in one of those states may have, and that of an entry which was
    /// committed this very moment: it is in the table before it is in the engine.
    pub(crate) fn of_states(states: &[State]) -> Self {
        let wanted = |code: &u8| {
            let mark = Mark::from_code(*code);
            let closed = mark.closed().map(|(state, _)| state);
            mark == Mark::None
                || closed.is_some_and(|state| states.contains(&state))
                || (mark == Mark::Open && states.iter().any(|state| state.is_open()))
        };
        Self((0..16).filter(wanted).fold(0, |bits, code| bits | 1 << code))
    }

    /// The open entries.
    pub(crate) const OPEN: Self = Self(1 << Mark::Open.code());

    fn of(self, block: &Block) -> Offsets {
        let bit = |mark: u8| u64::from(self.0 >> mark & 1);
        let (groups, _) = block.bytes().as_chunks::<32>();
        Offsets::from_words(groups.iter().map(|group| {
            let both = |byte: &u8| bit(byte & 15) | bit(byte >> 4) << 1;
            group.iter().rev().fold(0, |word, byte| word << 2 | both(byte))
        }))
    }
}

#[cfg(test)]
mod tests {
    use queue::Ledger;

    use super::*;

    #[test]
    fn marks_are_found_where_they_are() {
        let mut ledger = Ledger::default();
        let marks = [
            (3, Mark::Done),
            (64, Mark::Closed(Reason::Expired)),
            (65, Mark::Open),
            (16_383, Mark::Closed(Reason::Purged)),
        ];
        for seq in 0..16_384 {
            let mark = marks.iter().find(|(place, _)| *place == seq);
            let mark = mark.map_or(Mark::Closed(Reason::NoUrl), |(_, mark)| *mark);
            ledger.enter(Seq(seq), mark, Steady(0));
        }
        let block = ledger.block(0).unwrap();
        let places = |marks: Marks| marks.of(block).iter(0).map(|seq| seq.0).collect::<Vec<_>>();
        assert_eq!(places(Marks::of_states(&[State::Dead])), [64, 16_383]);
        assert_eq!(places(Marks::of_states(&[State::Leased, State::Done])), [3, 65]);
        assert_eq!(places(Marks::OPEN), [65]);
        assert_eq!(places(Marks::of_states(&[State::Ignored])).len(), 16_380);
        assert_eq!(places(Marks::of_states(&[])), [0_u64; 0]);
        assert_eq!(Marks::of_states(&[]).of(&Block::default()).iter(0).count(), 16_384);
    }
}
