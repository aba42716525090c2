//! As much of Markdown as the tests need: the fenced code blocks of a page, in order.

use std::path::{Path, PathBuf};

/// A fenced code block.
#[derive(Debug)]
pub(crate) struct Block {
    /// What follows the language on the opening fence; empty: the block is only shown.
    pub(crate) mark: String,
    /// Its lines.
    pub(crate) text: String,
    /// The line of the opening fence, from 1.
    pub(crate) line: usize,
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A page of docs/.
pub(crate) fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The fenced code blocks of a page.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in page.lines().enumerate() {
        let fence = line.strip_prefix("```");
        match (open.take(), fence) {
            (None, Some(info)) => {
                let mark = info.split_once(' ').map_or("", |(_, mark)| mark);
                open = Some(Block { mark: mark.to_owned(), text: String::new(), line: index + 1 });
            }
            (Some(block), Some(_)) => blocks.push(block),
            (Some(mut block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed: {open:?}");
    blocks
}

/// Looks for the lines of `wanted` in `text`, each after the one before; `…` stands for anything.
/// The first line that is not there, if one is not.
pub(crate) fn missing<'w>(wanted: &'w str, text: &str) -> Option<&'w str> {
    let mut lines = text.lines();
    wanted.lines().find(|line| !lines.any(|candidate| matches(line.trim(), candidate.trim())))
}

fn matches(pattern: &str, line: &str) -> bool {
    let mut pieces = pattern.split('…');
    let Some(mut rest) = pieces.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut last = "";
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
        last = piece;
    }
    rest.is_empty() || (pattern.contains('…') && (last.is_empty() || line.ends_with(last)))
}

#[test]
fn an_ellipsis_stands_for_anything() {
    for (pattern, line) in
        [("a", "a"), ("a…", "abc"), ("…c", "abc"), ("a…c", "abc"), ("a…b…", "axbx"), ("…b", "abab")]
    {
        assert!(matches(pattern, line), "{pattern} {line}");
    }
    for (pattern, line) in [("a", "ab"), ("b…", "ab"), ("…a", "ab"), ("a…c…", "ab"), ("", "a")]
    {
        assert!(!matches(pattern, line), "{pattern} {line}");
    }
    assert_eq!(missing("a\nb", "b\na\n"), Some("b"));
    assert_eq!(missing("a\nb", "x\na\nb\n"), None);
}
