//! Each of the twelve pains in `ARCHITECTURE.md` names tests, and all of them are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ARCHITECTURE: &str = include_str!("../../../ARCHITECTURE.md");

/// The names of functions in the Rust files below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let named = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(named.map(str::to_owned));
        }
    }
}

#[test]
fn every_pain_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut known = BTreeSet::new();
    for folder in ["provider/src", "tfplugin/src", "tfplugin/tests", "tests/e2e"] {
        functions(&root.join(folder), &mut known);
    }
    let (_, section) = ARCHITECTURE.split_once("## Where twelve pains").unwrap();
    for number in 1..=12 {
        let row = section.lines().find(|line| line.starts_with(&format!("| {number}. "))).unwrap();
        let tests: Vec<&str> = row.split('`').skip(1).step_by(2).filter(|name| name.contains('_')).collect();
        assert!(!tests.is_empty(), "{row}");
        for test in tests {
            assert!(known.contains(test), "there is no test {test}: {row}");
        }
    }
}
