//! The harness of the end-to-end tests: one real cluster, real terraform and
//! tofu, a fake card, and a namespace and a folder of its own for each test.
//!
//! `cargo xtask test` starts what is needed and says where it is through the
//! environment variables in [`surroundings`].

use std::io::Write as _;

pub mod bucket;
pub mod card;
pub mod example;
pub mod fault;
pub mod kubectl;
pub mod prometheus;
pub mod surroundings;
pub mod terraform;
pub mod wait;

pub use bucket::FakeBucket;
pub use card::FakeCard;
pub use example::Example;
pub use fault::Stopped;
pub use kubectl::{Kubectl, Scratch, Told};
pub use prometheus::FakePrometheus;
pub use surroundings::Surroundings;
pub use terraform::{Binary, Workspace};

/// Prints a line that a person is to see although the test passes: the test runner keeps what a test prints to
/// itself, and not what goes to the error output directly.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
