//! A Terraform provider for tenants that share a GPU. See ARCHITECTURE.md.

mod api;
mod cluster;
mod connection;
mod engine;

fn main() {}
