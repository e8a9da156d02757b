//! What the framework does with values before and after a resource sees them.
//!
//! Architecture invariant: pure functions of schemas and values; no RPC, no I/O.

pub(crate) mod check;
pub(crate) mod consistency;
pub(crate) mod merge;
pub(crate) mod pairs;
pub(crate) mod replace;
pub(crate) mod soundness;
mod walk;

#[cfg(test)]
mod tests;
