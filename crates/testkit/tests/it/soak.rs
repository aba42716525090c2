//! The counts that `./scripts/soak` tells its readers, against those in the tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::architecture::root;

/// Every Rust file below that directory.
fn sources(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// `name short -> long` of every call of `testkit::soak::count`.
fn counts() -> BTreeSet<String> {
    let mut found = Vec::new();
    for package in fs::read_dir(root().join("crates")).unwrap() {
        let tests = package.unwrap().path().join("tests");
        if tests.is_dir() {
            sources(&tests, &mut found);
        }
    }
    let call = concat!("testkit::soak::", "count(");
    let calls = found.iter().flat_map(|text| text.split(call).skip(1));
    let told = calls.map(|rest| {
        let arguments = rest.split(')').next().unwrap().replace(['"', '_'], "").replace('\n', " ");
        let name = rest.split('"').nth(1).unwrap();
        let numbers: Vec<&str> = arguments.split(',').skip(1).map(str::trim).collect();
        format!("{name} {} -> {}", numbers[0], numbers[1])
    });
    told.collect()
}

#[test]
fn the_script_tells_every_count() {
    let script = fs::read_to_string(root().join("scripts/soak")).unwrap();
    let words = script.replace("\n# ", " ");
    let list = words.split("Counts (in the tests -> here): ").nth(1).unwrap();
    let list = list.split(". ").next().unwrap();
    let told: BTreeSet<String> = list.split(", ").map(str::to_owned).collect();
    assert_eq!(told, counts());
}
