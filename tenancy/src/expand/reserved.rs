//! Names within the pod that are taken.

use super::{agent, config, server, storage, volumes};

/// The model server's container.
pub(crate) const SERVER: &str = server::CONTAINER;
/// All containers of ours.
pub(crate) const CONTAINERS: [&str; 3] = [agent::ADMIT_CONTAINER, config::COPY_CONTAINER, server::CONTAINER];
/// The volumes that only the gate's containers may see.
pub(crate) const GATE_VOLUMES: [&str; 3] = [agent::CONFIG_VOLUME, agent::TOKEN_VOLUME, agent::SOURCE_VOLUME];
/// The volume of the memory that is shared, where there is one, and where it is mounted.
pub(crate) const SHM: (&str, &str) = (volumes::SHM_VOLUME, volumes::SHM_PATH);
/// All volumes of ours that a pod may have whatever its tenant says.
pub(crate) const VOLUMES: [&str; 6] = [
    agent::CONFIG_VOLUME,
    agent::TOKEN_VOLUME,
    agent::SOURCE_VOLUME,
    config::VOLUME,
    config::COPY_VOLUME,
    storage::VOLUME,
];
