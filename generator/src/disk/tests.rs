use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::write::{Mode, WriteError, write};

/// A disk on which the nth change fails: that one alone, or all from then on,
/// as when the machine dies.
struct Failing {
    fail_at: usize,
    dies: bool,
    changes: AtomicUsize,
}

impl Failing {
    fn tick(&self, path: &Path) -> Result<(), DiskError> {
        let change = self.changes.fetch_add(1, Ordering::Relaxed);
        if change == self.fail_at || (self.dies && change > self.fail_at) {
            return Err(DiskError::new(path, "cannot be written", io::Error::other("pulled out")));
        }
        Ok(())
    }
}

impl Disk for Failing {
    fn read(&self, path: &Path) -> Result<Option<String>, DiskError> {
        LocalDisk.read(path)
    }

    fn create(&self, path: &Path, content: &str) -> Result<(), DiskError> {
        self.tick(path)?;
        LocalDisk.create(path, content)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.tick(to)?;
        LocalDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.tick(path)?;
        LocalDisk.remove(path)
    }
}

const WRITE: Mode = Mode::Write { overwrite: false };

fn files(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// One file to change, one to remove with its folder, one to keep, one to create.
fn before_and_after() -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let before = files(&[("root.hcl", "1"), ("gone/main.tf", "1"), ("kept/main.tf", "1")]);
    let after = files(&[("root.hcl", "2"), ("kept/main.tf", "1"), ("new/config/a", "2")]);
    (before, after)
}

/// Every file below a folder with its text.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// Runs a write in which one change fails; `None` when there were fewer changes.
fn broken_write(fail_at: usize, dies: bool) -> Option<tempfile::TempDir> {
    let (before, after) = before_and_after();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &before, WRITE, &LocalDisk).unwrap();
    let disk = Failing { fail_at, dies, changes: AtomicUsize::new(0) };
    match write(folder.path(), &after, WRITE, &disk) {
        Ok(_) => None,
        Err(error) => {
            assert!(error.to_string().contains("pulled out"), "{error}");
            Some(folder)
        }
    }
}

#[test]
fn a_failed_write_leaves_everything_as_it_was() {
    let whole = tempfile::tempdir().unwrap();
    write(whole.path(), &before_and_after().0, WRITE, &LocalDisk).unwrap();
    let mut steps = 0;
    while let Some(folder) = broken_write(steps, false) {
        assert_eq!(tree(folder.path()), tree(whole.path()), "step {steps}");
        assert!(!folder.path().join("new").exists(), "step {steps}");
        steps += 1;
    }
    assert!(steps > 5, "only {steps} steps can fail");
}

#[test]
fn after_the_machine_died_the_next_run_finishes() {
    let (_, after) = before_and_after();
    let whole = tempfile::tempdir().unwrap();
    write(whole.path(), &after, WRITE, &LocalDisk).unwrap();
    let mut steps = 0;
    while let Some(folder) = broken_write(steps, true) {
        let again = write(folder.path(), &after, WRITE, &LocalDisk);
        assert!(again.is_ok(), "step {steps}: {}", again.unwrap_err());
        assert_eq!(tree(folder.path()), tree(whole.path()), "step {steps}");
        steps += 1;
    }
    assert!(steps > 5, "only {steps} steps can fail");
}

#[test]
fn after_the_machine_died_other_input_is_written_too() {
    // What was before, so that nothing but leftovers may differ, and what nobody wanted before.
    for other in [before_and_after().0, files(&[("root.hcl", "3")])] {
        let whole = tempfile::tempdir().unwrap();
        write(whole.path(), &other, WRITE, &LocalDisk).unwrap();
        let mut steps = 0;
        while let Some(folder) = broken_write(steps, true) {
            let again = write(folder.path(), &other, WRITE, &LocalDisk);
            assert!(again.is_ok(), "step {steps}: {}", again.unwrap_err());
            assert_eq!(tree(folder.path()), tree(whole.path()), "step {steps}");
            assert!(!folder.path().join("new").exists(), "step {steps}");
            steps += 1;
        }
        assert!(steps > 5, "only {steps} steps can fail");
    }
}

#[test]
fn what_a_person_edited_is_found_before_the_first_write() {
    let (before, after) = before_and_after();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &before, WRITE, &LocalDisk).unwrap();
    std::fs::write(folder.path().join("gone/main.tf"), "mine").unwrap();
    let disk = Failing { fail_at: 0, dies: true, changes: AtomicUsize::new(0) };
    match write(folder.path(), &after, WRITE, &disk) {
        Err(WriteError::Edited(edited)) => assert_eq!(edited[0].path, "gone/main.tf"),
        other => panic!("{other:?}"),
    }
    assert_eq!(disk.changes.load(Ordering::Relaxed), 0);
}
