//! ARCHITECTURE.md's crate table against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

type Dependencies = BTreeMap<String, BTreeSet<String>>;

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// Crates of the table in its order, each with what it may depend on; `None`: anything.
fn table() -> Vec<(String, Option<BTreeSet<String>>)> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("Crates\n")).unwrap();
    let mut rows = Vec::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let may = match cells[2] {
            "–" => Some(BTreeSet::new()),
            any if any.starts_with("any") => None,
            list => Some(list.split(',').map(|name| name.trim().to_owned()).collect()),
        };
        rows.push((cells[0].trim_matches('`').to_owned(), may));
    }
    rows
}

/// The workspace's crates, each with the crates of the workspace it is built from.
fn metadata() -> Dependencies {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let output = command.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let built_from = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap();
        let real = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
        real.map(name).filter(|dependency| ours.contains(dependency)).collect()
    };
    packages.iter().map(|package| (name(package), built_from(package))).collect()
}

#[test]
fn the_crate_table_is_true() {
    let (table, metadata) = (table(), metadata());
    let named: BTreeSet<&String> = table.iter().map(|(name, _)| name).collect();
    assert_eq!(named, metadata.keys().collect(), "the table names the workspace's crates");
    let mut above = BTreeSet::new();
    for (name, may) in &table {
        let has = &metadata[name];
        if let Some(may) = may {
            assert_eq!(has, may, "what {name} depends on");
            assert!(has.is_subset(&above), "{name} depends on a crate below it: {has:?}");
        }
        above.insert(name.clone());
    }
}
