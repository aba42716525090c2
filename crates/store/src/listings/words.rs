//! The words that records of an index have, each with a number that stands for it in the segments.
//!
//! Every use is counted, so a word that the last record has lost is forgotten and its number given to
//! the next new one: a library whose tags come and go does not grow by them. A search holds segments and
//! numbers of the same moment, so a number that has another word since then does not mislead it.

use std::collections::HashMap;
use std::sync::Arc;

use queue::listing::Field;

/// The words of an index.
#[derive(Debug, Default)]
pub(super) struct Words {
    numbers: HashMap<Field, HashMap<Arc<str>, u32>>,
    /// By number: the word, and how many records have it.
    known: Vec<Option<Word>>,
    /// Numbers without a word.
    free: Vec<u32>,
}

#[derive(Debug)]
struct Word {
    field: Field,
    text: Arc<str>,
    uses: u64,
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Words {
    /// The number of a word; none: no record has it.
    pub(super) fn number(&self, field: Field, word: &str) -> Option<u32> {
        self.numbers.get(&field)?.get(word).copied()
    }

    /// The words of a field, with their numbers.
    pub(super) fn of(&self, field: Field) -> Vec<(String, u32)> {
        let words = self.numbers.get(&field).into_iter().flatten();
        words.map(|(word, number)| (word.to_string(), *number)).collect()
    }

    /// The numbers of a record's words, each once; the record uses them until they are
    /// [let go](Self::let_go).
    pub(super) fn take(&mut self, words: &[(Field, String)]) -> Vec<u32> {
        let mut taken = Vec::with_capacity(words.len());
        for (field, word) in words {
            let number = self.number(*field, word).unwrap_or_else(|| self.learn(*field, word));
            if !taken.contains(&number) {
                taken.push(number);
                if let Some(Some(word)) = self.known.get_mut(place(number)) {
                    word.uses += 1;
                }
            }
        }
        taken
    }

    fn learn(&mut self, field: Field, word: &str) -> u32 {
        let text: Arc<str> = word.into();
        let number = self.free.pop().unwrap_or_else(|| {
            self.known.push(None);
            // 4 billion words would not fit in memory
            u32::try_from(self.known.len() - 1).unwrap_or(u32::MAX)
        });
        self.numbers.entry(field).or_default().insert(Arc::clone(&text), number);
        if let Some(known) = self.known.get_mut(place(number)) {
            *known = Some(Word { field, text, uses: 0 });
        }
        number
    }

    /// Forgets what no record uses any more now that one with these numbers is gone.
    pub(super) fn let_go(&mut self, numbers: &[u32]) {
        for number in numbers {
            let Some(known) = self.known.get_mut(place(*number)) else { continue };
            if let Some(word) = known {
                word.uses = word.uses.saturating_sub(1);
            }
            if let Some(word) = known.take_if(|word| word.uses == 0) {
                if let Some(numbers) = self.numbers.get_mut(&word.field) {
                    numbers.remove(&word.text);
                }
                self.free.push(*number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again() {
        let mut words = Words::default();
        let named = |names: &[&str]| -> Vec<(Field, String)> {
            names.iter().map(|name| (1, (*name).to_owned())).collect()
        };
        let first = words.take(&named(&["a", "b", "a"]));
        assert_eq!(first.len(), 2);
        let second = words.take(&named(&["b"]));
        words.let_go(&first);
        assert_eq!(words.number(1, "a"), None);
        assert_eq!(words.number(1, "b"), second.first().copied());
        assert_eq!(words.number(2, "b"), None);
        words.let_go(&second);
        for round in 0..1_000 {
            let taken = words.take(&named(&[&format!("{round}"), "same"]));
            words.let_go(&taken);
        }
        assert_eq!(words.known.len(), 2);
        assert!(words.of(1).is_empty());
    }
}
