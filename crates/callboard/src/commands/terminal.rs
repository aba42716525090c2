//! Text for a terminal: columns, and nothing in it that could steer the terminal.
//!
//! Colours are deliberately absent: what is printed here is read, searched and pasted.

use std::fmt::Write as _;

use serde_json::Value;

use crate::failure::Failure;
use crate::out;

/// A member as a word; empty if it is absent or null.
pub fn word(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => plain(text),
        Some(other) => plain(&other.to_string()),
    }
}

/// Text on one line, with control characters spelled out: receivers and publishers are strangers,
/// and an escape sequence of theirs must not reach the terminal.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_steering(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// Control characters, and those that turn the direction of the text around them.
fn is_steering(character: char) -> bool {
    let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns
}

/// Writes one line to standard output.
pub fn say(line: &str) -> Result<(), Failure> {
    out::line(line.trim_end()).map_err(|error| Failure::stdout(&error))
}

/// Rows below a head, in columns as wide as their widest cell; the last column is ragged.
pub fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|title| title.chars().count())).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: &[String; N]| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            // writing to a String cannot fail
            let _infallible = write!(line, "{cell:<width$}  ");
        }
        line.trim_end().to_owned()
    };
    std::iter::once(line(&head.map(str::to_owned))).chain(rows.iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\n\u{9b}c\u{202e}"), "a\\u{1b}[2Jb\\r\\n\\u{9b}c\\u{202e}");
        assert_eq!(plain("视频 é"), "视频 é");
    }

    #[test]
    fn columns_are_as_wide_as_needed() {
        let rows = [["1".to_owned(), "long word".to_owned()], ["22".to_owned(), String::new()]];
        assert_eq!(table(["ID", "WHAT"], &rows), ["ID  WHAT", "1   long word", "22"]);
    }
}
