//! The example provider's program.

use std::path::PathBuf;

/// Where cargo put the example when it built this test.
pub(crate) fn greeting() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples/greeting");
    assert!(
        built.exists(),
        "{} does not exist: run `cargo build -p tfplugin-rs --example greeting` first, or test without --test",
        built.display()
    );
    built
}
