//! The ledger: four bits for every entry that is not forgotten, in blocks of 16,384.
//!
//! It answers "what became of entry n" and counts the open entries of each block, which is what
//! checkpoints and retention go by. Blocks without open entries leave the memory once they are
//! written down; the store reads them from disk when somebody asks.

use std::collections::BTreeMap;

use model::{Seq, limits};

use crate::state::{Reason, State};
use crate::steady::Steady;

/// What the ledger knows of an entry. READY, LEASED and DELAYED are one mark here: they change too
/// often, and the engine knows which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// No such entry (yet).
    None,
    /// READY, LEASED or DELAYED.
    Open,
    /// DONE.
    Done,
    /// DEAD or IGNORED, and why.
    Closed(Reason),
}

impl Mark {
    /// The four bits.
    const fn bits(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Open => 1,
            Self::Done => 2,
            Self::Closed(Reason::SwitchOff) => 3,
            Self::Closed(Reason::NoUrl) => 4,
            Self::Closed(Reason::Exhausted) => 5,
            Self::Closed(Reason::Expired) => 6,
            Self::Closed(Reason::Purged) => 7,
            Self::Closed(Reason::Destroyed) => 8,
        }
    }

    const fn from_bits(bits: u8) -> Self {
        match bits {
            1 => Self::Open,
            2 => Self::Done,
            3 => Self::Closed(Reason::SwitchOff),
            4 => Self::Closed(Reason::NoUrl),
            5 => Self::Closed(Reason::Exhausted),
            6 => Self::Closed(Reason::Expired),
            7 => Self::Closed(Reason::Purged),
            8 => Self::Closed(Reason::Destroyed),
            _ => Self::None,
        }
    }

    /// The number that the store keeps in settlements and entries.
    pub const fn code(self) -> u8 {
        self.bits()
    }

    /// The mark with that stored number.
    pub const fn from_code(code: u8) -> Self {
        Self::from_bits(code)
    }

    /// State and reason, if the entry is no longer open.
    pub const fn closed(self) -> Option<(State, Option<Reason>)> {
        match self {
            Self::None | Self::Open => None,
            Self::Done => Some((State::Done, None)),
            Self::Closed(reason @ (Reason::SwitchOff | Reason::NoUrl)) => {
                Some((State::Ignored, Some(reason)))
            }
            Self::Closed(reason) => Some((State::Dead, Some(reason))),
        }
    }
}

/// Bytes of a block's marks.
pub const BLOCK_BYTES: usize = 8_192;

/// The marks of one block.
#[derive(Clone, Debug)]
pub struct Block {
    marks: Box<[u8; BLOCK_BYTES]>,
    /// Entries of the block that are open.
    pub open: u32,
    /// Birth of its youngest entry.
    pub newest: Steady,
    /// Whether something durable changed since it was written down.
    pub dirty: bool,
}

impl Default for Block {
    fn default() -> Self {
        Self { marks: Box::new([0; BLOCK_BYTES]), open: 0, newest: Steady::default(), dirty: false }
    }
}

impl Block {
    /// A block as it was written down.
    pub fn from_bytes(bytes: &[u8], newest: Steady) -> Option<Self> {
        let marks: Box<[u8; BLOCK_BYTES]> = Box::new(bytes.try_into().ok()?);
        let open = |bits: u8| u32::from(bits == Mark::Open.bits());
        let open = marks.iter().map(|byte| open(byte & 15) + open(byte >> 4)).sum();
        Some(Self { marks, open, newest, dirty: false })
    }

    /// The bytes to write down.
    pub fn bytes(&self) -> &[u8] {
        self.marks.as_slice()
    }

    /// The mark of one entry of this block.
    pub fn mark(&self, seq: Seq) -> Mark {
        let (index, shift) = place(seq);
        self.marks.get(index).map_or(Mark::None, |byte| Mark::from_bits((byte >> shift) & 15))
    }

    /// The place in the block of its first open entry.
    fn first_open(&self) -> Option<u64> {
        let open = Mark::Open.bits();
        let index = self.marks.iter().position(|byte| byte & 15 == open || byte >> 4 == open)?;
        let odd = self.marks.get(index).is_some_and(|byte| byte & 15 != open);
        Some(u64::try_from(index).unwrap_or_default() * 2 + u64::from(odd))
    }

    fn set(&mut self, seq: Seq, mark: Mark) {
        let before = self.mark(seq);
        let (index, shift) = place(seq);
        if let Some(byte) = self.marks.get_mut(index) {
            *byte = (*byte & !(15 << shift)) | (mark.bits() << shift);
        }
        self.open += u32::from(mark == Mark::Open);
        self.open -= u32::from(before == Mark::Open);
        self.dirty = true;
    }
}

/// The number of the block that an entry is in.
pub const fn block_of(seq: Seq) -> u64 {
    seq.0 / limits::BLOCK_ENTRIES
}

/// Byte and shift of an entry within its block.
fn place(seq: Seq) -> (usize, u32) {
    let offset = seq.0 % limits::BLOCK_ENTRIES;
    let index = usize::try_from(offset / 2).unwrap_or_default();
    (index, if offset.is_multiple_of(2) { 0 } else { 4 })
}

/// The blocks in memory: all that have open entries, and the youngest.
#[derive(Debug, Default)]
pub struct Ledger {
    blocks: BTreeMap<u64, Block>,
}

impl Ledger {
    /// Puts a block as it was written down.
    pub fn load(&mut self, number: u64, block: Block) {
        self.blocks.insert(number, block);
    }

    /// Whether that block is in memory.
    pub fn has(&self, number: u64) -> bool {
        self.blocks.contains_key(&number)
    }

    /// The mark of an entry; none if its block is not in memory.
    pub fn mark(&self, seq: Seq) -> Option<Mark> {
        self.blocks.get(&block_of(seq)).map(|block| block.mark(seq))
    }

    /// Enters a new entry.
    pub fn enter(&mut self, seq: Seq, mark: Mark, born: Steady) {
        let block = self.blocks.entry(block_of(seq)).or_default();
        block.newest = block.newest.max(born);
        block.set(seq, mark);
    }

    /// Changes the mark of an entry whose block is in memory.
    pub fn change(&mut self, seq: Seq, mark: Mark) {
        if let Some(block) = self.blocks.get_mut(&block_of(seq)) {
            block.set(seq, mark);
        }
    }

    /// Notes that an open entry changed in a way that the marks do not show.
    pub fn touch(&mut self, seq: Seq) {
        if let Some(block) = self.blocks.get_mut(&block_of(seq)) {
            block.dirty = true;
        }
    }

    /// The blocks to write down, oldest first.
    pub fn dirty(&self) -> impl Iterator<Item = (u64, &Block)> {
        self.blocks.iter().filter(|(_, block)| block.dirty).map(|(number, block)| (*number, block))
    }

    /// A block that is in memory.
    pub fn block(&self, number: u64) -> Option<&Block> {
        self.blocks.get(&number)
    }

    /// Notes that every block was written down as it is, and forgets those that are settled, except
    /// the youngest `keep`; how many were forgotten.
    pub fn clean(&mut self, keep: usize) -> usize {
        for block in self.blocks.values_mut() {
            block.dirty = false;
        }
        let settled = self.blocks.len().saturating_sub(keep);
        let forget: Vec<u64> = self
            .blocks
            .iter()
            .take(settled)
            .filter(|(_, b)| b.open == 0)
            .map(|(n, _)| *n)
            .collect();
        for number in &forget {
            self.blocks.remove(number);
        }
        forget.len()
    }

    /// The first entry that is open.
    pub fn first_open(&self) -> Option<Seq> {
        let (number, block) = self.blocks.iter().find(|(_, block)| block.open > 0)?;
        Some(Seq(number * limits::BLOCK_ENTRIES + block.first_open()?))
    }

    /// Whether retention may drop that block: nothing in it is open, and so it was written down.
    pub fn is_settled(&self, number: u64) -> bool {
        self.blocks.get(&number).is_none_or(|block| block.open == 0 && !block.dirty)
    }

    /// Forgets a block that retention has dropped.
    pub fn drop_block(&mut self, number: u64) {
        self.blocks.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_beside_each_other() {
        let mut ledger = Ledger::default();
        let marks = [Mark::Open, Mark::Done, Mark::Closed(Reason::Destroyed), Mark::Open];
        for (seq, mark) in (16_382..).map(Seq).zip(marks) {
            ledger.enter(seq, mark, Steady(7));
        }
        for (seq, mark) in (16_382..).map(Seq).zip(marks) {
            assert_eq!(ledger.mark(seq), Some(mark));
        }
        assert_eq!(ledger.mark(Seq(16_380)), Some(Mark::None));
        assert_eq!(ledger.mark(Seq(99_999)), None);
        let open: Vec<u32> = ledger.dirty().map(|(_, block)| block.open).collect();
        assert_eq!(open, [1, 1]);
        let copy = Block::from_bytes(ledger.blocks[&1].bytes(), Steady(7)).unwrap();
        assert_eq!((copy.open, copy.mark(Seq(16_385))), (1, Mark::Open));
        ledger.change(Seq(16_382), Mark::Done);
        ledger.clean(1);
        assert!(!ledger.has(0) && ledger.has(1));
    }

    #[test]
    fn codes_round_trip() {
        for code in 0..=8 {
            assert_eq!(Mark::from_code(code).code(), code);
        }
    }
}
