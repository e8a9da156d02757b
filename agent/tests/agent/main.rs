//! The agent against a fake API server, in one test binary.

// clippy.toml allows these in test functions, and here the helpers are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod admit;
mod demand;
mod explain;
mod exporter;
mod fake_api;
mod fake_nvml;
mod gate;
mod measure;
mod monitoring;
mod program;
mod real_card;
mod scrape;
mod watch;
