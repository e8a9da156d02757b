//! The example providers' programs.

use std::path::PathBuf;

/// The provider that has everything.
pub(crate) fn greeting() -> PathBuf {
    program("greeting")
}

/// Where cargo put the example when it built this test.
pub(crate) fn program(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples").join(example);
    assert!(
        built.exists(),
        "{} does not exist: run `cargo build -p tfplugin-rs --examples` first, or test without --test",
        built.display()
    );
    built
}
