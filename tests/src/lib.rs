//! The harness of the end-to-end tests: one real cluster, real terraform and
//! tofu, a fake card, and a namespace and a folder of its own for each test.
//!
//! `cargo xtask test` starts what is needed and says where it is through the
//! environment variables in [`surroundings`].

pub mod card;
pub mod example;
pub mod fault;
pub mod kubectl;
pub mod prometheus;
pub mod surroundings;
pub mod terraform;
pub mod wait;

pub use card::FakeCard;
pub use example::Example;
pub use fault::Stopped;
pub use kubectl::{Kubectl, Scratch, Told};
pub use prometheus::FakePrometheus;
pub use surroundings::Surroundings;
pub use terraform::{Binary, Workspace};
