//! The framework from outside: through real terraform, through a host of our
//! own that misbehaves, and through the in-process driver.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy allows them in test functions, and here the helpers beside those fail tests too"
)]

mod beside;
mod calls;
mod example;
mod host;
mod hostile;
mod rules;
mod spelling;
mod terraform;
