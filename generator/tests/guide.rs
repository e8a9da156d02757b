//! The page about the files: what it shows is what the program takes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

const PAGE: &str = include_str!("../../docs/stacks.md");

/// The blocks of a language, in their order.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    PAGE.split(begin.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn gpu_stacks(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gpu-stacks")).args(arguments).current_dir(folder).output().unwrap()
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let done = gpu_stacks(folder, arguments);
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{arguments:?}: {out}{err}");
    out.into_owned()
}

#[test]
fn the_files_of_the_page_are_a_fleet_that_fits() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tenants")).unwrap();
    for block in blocks("yaml") {
        let name = block.strip_prefix("# ").unwrap().split([':', '\n']).next().unwrap();
        std::fs::write(folder.path().join(name), block).unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path().join("tenants")).unwrap().count(), 3);
    succeeds(folder.path(), &["generate"]);
    succeeds(folder.path(), &["check"]);
    let fit = succeeds(folder.path(), &["fit"]);
    assert!(fit.contains("card l4") && fit.contains("card a100-slice (19,968 MiB)"), "{fit}");
    succeeds(folder.path(), &["explain", "tenants/writer.yaml"]);
    succeeds(folder.path(), &["export", "kustomize", "out"]);
}

#[test]
fn the_commands_of_the_page_run_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut at = folder.path().to_owned();
    let [session] = blocks("sh")[..] else { panic!("another number of sessions") };
    let mut run = 0;
    for line in session.lines() {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["cd", to] => at = at.join(to),
            ["gpu-stacks", arguments @ ..] => {
                succeeds(&at, arguments);
                run += 1;
            }
            // Real terragrunt plans every example in the tests that have a cluster.
            ["terragrunt", ..] => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(run, 4);
}
