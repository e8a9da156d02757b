//! Everything that only a real API server, a real kubelet and the real CLIs can show.

mod account;
mod admission;
mod attributes;
mod connection;
mod drift;
mod examples;
mod exporter;
mod failure;
mod guides;
mod import;
mod life;
mod looking;
mod moving;
mod night;
mod peak;
mod review;
mod stacks;
mod upgrade;
mod waiting;
