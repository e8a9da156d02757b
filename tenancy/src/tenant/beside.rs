//! The containers before and beside the server.

use std::collections::BTreeMap;

use super::SecretKey;
use crate::names::{EnvName, PortName};
use crate::quantity::Quantity;

/// A container that runs before the server.
#[derive(Debug, Clone, PartialEq)]
pub struct InitContainer {
    /// Image reference.
    pub image: String,
    /// Entry point; empty means the image's own.
    pub command: Vec<String>,
    /// Arguments; empty means the image's own.
    pub args: Vec<String>,
    /// Plain environment.
    pub env: BTreeMap<EnvName, String>,
}

/// A container that runs beside the server for as long as it does: an adapter
/// of another protocol, an exporter, a proxy. It is given nothing of the card.
#[derive(Debug, Clone, PartialEq)]
pub struct Sidecar {
    /// Image reference.
    pub image: String,
    /// Entry point; empty means the image's own.
    pub command: Vec<String>,
    /// Arguments; empty means the image's own.
    pub args: Vec<String>,
    /// Plain environment.
    pub env: BTreeMap<EnvName, String>,
    /// Environment from Secrets, by reference.
    pub env_from_secrets: BTreeMap<EnvName, SecretKey>,
    /// The ports it listens on, by name, to which the Service may lead too.
    pub ports: BTreeMap<PortName, u16>,
    /// Requests by resource name.
    pub requests: BTreeMap<String, Quantity>,
    /// Limits by resource name.
    pub limits: BTreeMap<String, Quantity>,
}

/// Work on the CPU that fills a tenant's claim, once, whether it is awake or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Prefetch {
    /// Image reference; `None` is the server's own image.
    pub image: Option<String>,
    /// Entry point; empty means the image's own.
    pub command: Vec<String>,
    /// Arguments; empty means the image's own.
    pub args: Vec<String>,
    /// Plain environment.
    pub env: BTreeMap<EnvName, String>,
    /// Environment from Secrets, by reference, such as a token of who has the weights.
    pub env_from_secrets: BTreeMap<EnvName, SecretKey>,
}
