//! `init` makes a whole live repository or leaves everything as it was.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

/// What `gpu-stacks` answers in a folder: its exit code and what it says of an error.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_gpu-stacks")).args(arguments).current_dir(folder).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// A folder in which somebody has these files.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "theirs\n").unwrap();
    }
    folder
}

/// Every file and folder below one, with the text of a file.
fn below(folder: &Path) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.push((path.display().to_string(), std::fs::read_to_string(&path).ok()));
        if path.is_dir() {
            found.extend(below(&path));
        }
    }
    found.sort();
    found
}

/// A repository that a Git host made has a `.gitignore` already.
#[test]
fn what_is_in_the_way_is_named_and_nothing_is_written() {
    let folder = folder(&[".gitignore", "root.hcl", "narrator/main.tf", "own.hcl", "README.md"]);
    let before = below(folder.path());
    let (code, told) = run(folder.path(), &["init"]);
    assert_eq!((code, below(folder.path())), (1, before));
    insta::assert_snapshot!(told, @"error: ./.gitignore, ./narrator/main.tf, ./root.hcl: in the place of a generated file, so nothing was written. Move what stands there away, or make the live repository in a folder of its own: `gpu-stacks init live`");
    // As it is told to.
    assert_eq!(run(folder.path(), &["init", "live"]), (0, String::new()));
    assert_eq!(run(folder.path(), &["check", "live"]), (0, String::new()));
    assert_eq!(std::fs::read_to_string(folder.path().join(".gitignore")).unwrap(), "theirs\n");
}

#[test]
fn what_is_in_the_way_in_another_folder_is_named_with_that_folder() {
    let folder = folder(&["stacks/.gitignore"]);
    let (code, told) = run(folder.path(), &["init", "stacks"]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(told, @"error: stacks/.gitignore: in the place of a generated file, so nothing was written. Move what stands there away, or make the live repository in a folder of its own: `gpu-stacks init stacks/live`");
}

#[test]
fn a_failure_leaves_everything_as_it_was() {
    // The card is named by its node, and its name would be too long.
    let long = "n".repeat(62);
    // Where a content waits beside its place, which only the last step finds out.
    let last = "live/.root.hcl.gpu-stacks.tmp/theirs";
    for (files, arguments) in [
        (&[][..], &["init", "live", "--node", &long][..]),
        (&[last], &["init", "live"]),
        (&["live/schema"], &["init", "live"]),
        (&["live"], &["init", "live"]),
    ] {
        let folder = folder(files);
        let before = below(folder.path());
        let (code, told) = run(folder.path(), arguments);
        assert_eq!((code, below(folder.path())), (1, before), "{files:?}: {told}");
        assert!(told.to_lowercase().contains("nothing was "), "{files:?}: {told}");
    }
}
