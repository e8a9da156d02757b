//! A Terraform provider for tenants that share a GPU. See ARCHITECTURE.md.

mod api;
mod card;
mod cluster;
mod connection;
mod engine;
mod exporter;
mod fill;
mod floor;
mod functions;
mod ledger;
mod lifecycle;
mod metrics;
mod outcome;
mod picture;
mod provider;
mod service;
mod sources;
mod steps;

#[cfg(test)]
mod tests;

fn main() -> std::process::ExitCode {
    tfplugin::serve(provider::Gpu)
}
