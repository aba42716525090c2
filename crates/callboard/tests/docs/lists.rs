//! What the documentation lists, held to what the program knows: settings, metrics, actions, error
//! codes, event types. A row that is missing fails, and so does one too many.

use std::collections::BTreeSet;

use callboard::config::{Settings, print};
use model::EventKind;
use wire::action::ActionName;
use wire::{Code, event};

use crate::markdown::page;
use crate::stage::Stage;

/// The first cells of the tables below a heading, without their backticks.
fn first_cells(page: &str, heading: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with('#') {
            inside = line.trim_start_matches('#').trim() == heading;
        }
        let cell = line.strip_prefix("| `").and_then(|rest| rest.split_once('`'));
        if let (true, Some((cell, _))) = (inside, cell) {
            assert!(found.insert(cell.to_owned()), "{cell} stands twice below {heading}");
        }
    }
    assert!(!found.is_empty(), "there is no table below {heading}");
    found
}

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn actions_are_those_that_are_built() {
    let built = set(ActionName::ALL.iter().map(|action| action.as_str()));
    assert_eq!(first_cells(&page("compatibility.md"), "Actions"), built);
}

#[test]
fn error_codes_are_those_that_can_be_answered() {
    let codes = set(Code::ALL.iter().map(|code| code.as_str()));
    assert_eq!(first_cells(&page("compatibility.md"), "Errors"), codes);
}

#[test]
fn event_types_stand_with_their_members() {
    let page = page("compatibility.md");
    let kinds = set(EventKind::ALL.iter().map(|kind| kind.name()));
    assert_eq!(first_cells(&page, "Event types"), kinds);
    for &kind in EventKind::ALL {
        let row = format!("| `{}` | `{}` |", kind.name(), event::member(kind));
        assert!(page.contains(&row), "wanted the row {row}");
    }
}

#[test]
fn settings_stand_with_their_defaults() {
    let page = page("operations.md");
    let mut names = BTreeSet::new();
    let mut section = String::new();
    for line in print::render(&Settings::default()).unwrap().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((name, default)) =
            line.split_once(" = ").filter(|_| !line.starts_with('#'))
        {
            let name = format!("{section}{name}");
            let row = format!("| `{name}` | `{default}` |");
            assert!(page.contains(&row), "wanted the row {row}");
            names.insert(name);
        }
    }
    assert_eq!(first_cells(&page, "All settings"), names);
}

/// Compares the metrics of a server that has done everything with the page.
pub(crate) async fn compare_metrics(stage: &Stage) {
    let text = stage.metrics().await;
    let shown = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let shown = set(shown.filter_map(|line| line.split(' ').next()));
    // a counter's samples, and so queries, have this ending
    let suffixed = |name: &String| {
        let total = format!("{name}_total");
        let is_one = ["{", " "].iter().any(|next| text.contains(&format!("\n{total}{next}")));
        if is_one { total } else { name.clone() }
    };
    let shown: BTreeSet<_> = shown.iter().map(suffixed).collect();
    assert_eq!(first_cells(&page("operations.md"), "Metrics"), shown);
}
