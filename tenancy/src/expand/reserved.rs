//! Names within the pod that are taken.

use super::{agent, config, server, storage};

/// The model server's container.
pub(crate) const SERVER: &str = server::CONTAINER;
/// All containers of ours.
pub(crate) const CONTAINERS: [&str; 3] = [agent::ADMIT_CONTAINER, config::COPY_CONTAINER, server::CONTAINER];
/// The volumes that only the gate's containers may see.
pub(crate) const GATE_VOLUMES: [&str; 2] = [agent::CONFIG_VOLUME, agent::TOKEN_VOLUME];
/// All volumes of ours.
pub(crate) const VOLUMES: [&str; 5] =
    [agent::CONFIG_VOLUME, agent::TOKEN_VOLUME, config::VOLUME, config::COPY_VOLUME, storage::VOLUME];
