//! Everything that files can say, in one fleet: what is generated from it is
//! pinned, repeatable, and formatted as the tools themselves format.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use gpu_stacks::{LocalDisk, Mode, load, render, write};

fn whole() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole");
    let fleet = load(&root)
        .unwrap_or_else(|problems| panic!("{:#?}", problems.iter().map(|p| p.line()).collect::<Vec<_>>()));
    render(&fleet).unwrap()
}

#[test]
fn all_files_of_a_whole_fleet() {
    for (path, text) in whole() {
        if !path.starts_with("schema/") {
            insta::assert_snapshot!(path.replace(['/', '.'], "_"), text);
        }
    }
}

#[test]
fn a_peak_that_is_read_in_the_cluster_is_a_guess_here_and_marked_so() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole");
    let fleet = load(&root).unwrap_or_else(|_| panic!("the test above reads it"));
    let cards = gpu_stacks::fit::fit(&fleet, "2026-11-23".parse().unwrap(), &jiff::tz::TimeZone::UTC);
    let read: Vec<&String> = cards.iter().flat_map(|card| &card.measured_there).collect();
    assert!(read.iter().any(|tenant| *tenant == "llm/llm") && !read.iter().any(|it| it.starts_with("tts/")));
    assert!(
        gpu_stacks::fit::text(&cards, &jiff::tz::TimeZone::UTC, "UTC")
            .contains("llm/llm (peak guessed until it is measured)")
    );
}

#[test]
fn a_config_file_is_copied_byte_for_byte() {
    let files = whole();
    assert_eq!(files["full/config/d1d92839-config.yaml"], "server:\r\n  port: 8004 # ${kept} as it is\r\n");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert_eq!(whole(), whole());
}

#[test]
#[ignore = "needs terraform and terragrunt on PATH"]
fn the_tools_find_nothing_to_format() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &whole(), Mode::Write { overwrite: false }, &LocalDisk).unwrap();
    for (program, arguments) in [
        ("terraform", &["fmt", "-check", "-diff", "-recursive"][..]),
        ("terragrunt", &["hcl", "fmt", "--check", "--diff"][..]),
    ] {
        let output = Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
    }
}
