//! A stand-in for graphics cards and for the model servers that use them.
//!
//! Nothing here computes anything: **fake-card** is an allocator that refuses
//! what does not fit and shows its state in the formats of three real metrics
//! exporters, and **fake-model** is a server that allocates while it loads. Both
//! say "fake" in their names, in every log line and in a header of every answer.
//!
//! What is pure ([`card`], [`board`], [`metrics`], [`spec`]) takes the time as
//! an argument; what speaks HTTP ([`service`], [`client`], [`model`]) is thin.

pub mod board;
pub mod card;
pub mod client;
pub mod log;
pub mod metrics;
pub mod model;
pub mod service;
pub mod spec;
pub mod wire;
