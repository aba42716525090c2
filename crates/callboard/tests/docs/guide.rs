//! Does what a page of docs/ says, from its first line to its last, against the real server.
//!
//! The opening fence of a block says what it is, after the language:
//!
//! | mark | meaning |
//! |---|---|
//! | `file=NAME` | the content of a file |
//! | `run` | commands that must succeed |
//! | `output` | lines that the last `run` printed, `…` standing for anything |
//! | `start=NAME` | a command that goes on, as if in a terminal of its own |
//! | `output=NAME` | lines that this command prints, now or soon |
//! | `settings` | settings of the server, which has all of them from its start |
//!
//! A block without a mark is only shown.

use std::collections::HashMap;

use crate::lists;
use crate::markdown::{self, blocks, missing};
use crate::stage::{Running, Stage};

/// Does what the page says, but for the blocks whose mark `skip` names. What it started, by name, and
/// how many blocks were done.
pub(crate) async fn follow(
    page: &str,
    stage: &Stage,
    skip: impl Fn(&str) -> bool,
) -> (HashMap<String, Running>, usize) {
    let mut started = HashMap::new();
    let mut printed = String::new();
    let mut done = 0;
    for block in blocks(&markdown::page(page)) {
        let (verb, name) = block.mark.split_once('=').unwrap_or((&block.mark, ""));
        if skip(&block.mark) {
            continue;
        }
        match (verb, name) {
            ("" | "settings", "") => continue,
            ("file", name) => stage.write(name, &block.text),
            ("run", "") => printed = stage.run(&block.text).await,
            ("output", "") => {
                let wanted = stage.meant(&block.text);
                let lost = missing(&wanted, &printed);
                assert_eq!(lost, None, "{page}:{}: it printed\n{printed}", block.line);
            }
            ("start", name) => {
                started.insert(name.to_owned(), stage.start(&block.text));
            }
            ("output", name) => {
                let running = started.get_mut(name).unwrap();
                running.prints(&stage.meant(&block.text)).await;
            }
            _ => panic!("{page}:{}: what is `{}`?", block.line, block.mark),
        }
        done += 1;
    }
    (started, done)
}

#[tokio::test]
async fn what_the_guide_shows_works() {
    let settings = blocks(&markdown::page("guide.md")).into_iter();
    let settings = settings.filter(|block| block.mark == "settings").map(|block| block.text);
    let stage = Stage::set_with(&settings.collect::<String>()).await;
    let (_running, done) = follow("guide.md", &stage, |_| false).await;
    assert!(done > 40, "only {done} blocks of the guide are marked");
    // by now everything has happened that is measured
    lists::compare_metrics(&stage).await;
}
