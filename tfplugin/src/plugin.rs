//! The plugin process: how a host starts it, trusts it and ends it.

mod handshake;
mod listener;
mod serve;
mod trust;

pub use serve::serve;
