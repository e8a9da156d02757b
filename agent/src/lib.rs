//! What runs in the cluster: the gate of a tenant, the admit check of its pod,
//! the watcher of a card and the commands beside them.
//!
//! A run is `observe -> decide -> act`. Deciding is pure and lives in
//! `tenancy`; only [`observe`] and [`act`] speak to the world, and what a page
//! of figures means is for [`metrics`] to say.

pub mod act;
pub mod admit;
mod cause;
pub mod cli;
pub mod copy;
pub mod explain;
pub mod exporter;
pub mod gate;
pub mod measure;
pub mod metrics;
pub mod observe;
pub mod report;
pub mod status;
pub mod watch;
