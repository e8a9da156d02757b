//! What runs in the cluster: the gate of a tenant, the admit check of its pod
//! and the commands that explain them.
//!
//! A run is `observe -> decide -> act`. Deciding is pure and lives in
//! `tenancy`; only `observe` and `act` speak to the world.

pub mod metrics;
