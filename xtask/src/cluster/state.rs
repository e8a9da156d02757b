//! What a cluster remembers between commands: choices that must stay the same for as long as it lives.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The file, inside the cluster's home.
const FILE: &str = "state.json";

/// A cluster's choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The network block, when pods can run.
    pub(crate) block: Option<u8>,
    /// Why pods cannot run, when they cannot.
    pub(crate) no_pods: Option<String>,
    /// Ports of the components that run in the machine's own network.
    pub(crate) ports: Ports,
    /// A bearer token for each user of the API server.
    pub(crate) tokens: BTreeMap<String, String>,
    /// Kernel settings as they were before the kubelet changed them: the file below /proc/sys and its value.
    pub(crate) kernel: BTreeMap<PathBuf, String>,
}

/// Ports on the machine's own addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    /// etcd, for its clients.
    pub(crate) etcd_client: u16,
    /// etcd, for its peers, of which there are none.
    pub(crate) etcd_peer: u16,
    /// The API server.
    pub(crate) api: u16,
    /// The controller manager's health and metrics.
    pub(crate) controller_manager: u16,
    /// The scheduler's health and metrics.
    pub(crate) scheduler: u16,
}

impl Ports {
    /// Ports that are free now. All are held until the last is chosen, so that no two are the same.
    ///
    /// # Errors
    /// When the machine has no free port.
    pub(crate) fn choose() -> Result<Self> {
        let held: Vec<TcpListener> = (0..5)
            .map(|_| TcpListener::bind("127.0.0.1:0"))
            .collect::<Result<_, _>>()
            .context("no free port")?;
        let mut ports = Vec::new();
        for listener in &held {
            ports.push(listener.local_addr().context("a port without an address")?.port());
        }
        Ok(Self {
            etcd_client: ports[0],
            etcd_peer: ports[1],
            api: ports[2],
            controller_manager: ports[3],
            scheduler: ports[4],
        })
    }
}

impl State {
    /// Reads the state of a cluster, or `None` when there is no cluster.
    ///
    /// # Errors
    /// When the file is there but cannot be understood.
    pub(crate) fn read(home: &Path) -> Result<Option<Self>> {
        let path = home.join(FILE);
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        let state = serde_json::from_str(&text).with_context(|| {
            format!("{} cannot be understood; run `cargo xtask cluster down` to start afresh", path.display())
        })?;
        Ok(Some(state))
    }

    /// Writes the state, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, home: &Path) -> Result<()> {
        let path = home.join(FILE);
        let fresh = home.join("state.json.new");
        let text = serde_json::to_string_pretty(self).context("the state does not become JSON")?;
        fs::write(&fresh, text).with_context(|| format!("cannot write {}", fresh.display()))?;
        fs::rename(&fresh, &path).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// A secret nobody can guess: 128 bits from the kernel.
///
/// # Errors
/// When the kernel gives none.
pub(crate) fn token() -> Result<String> {
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(State::read(home.path()).unwrap(), None);
        let state = State {
            block: Some(187),
            no_pods: None,
            ports: Ports::choose().unwrap(),
            tokens: BTreeMap::from([("admin".to_owned(), token().unwrap())]),
            kernel: BTreeMap::new(),
        };
        state.write(home.path()).unwrap();
        assert_eq!(State::read(home.path()).unwrap(), Some(state));
    }

    #[test]
    fn a_broken_file_says_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(FILE), "{").unwrap();
        let error = State::read(home.path()).unwrap_err().to_string();
        assert!(error.contains("cluster down"), "{error}");
    }
}
