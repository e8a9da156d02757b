//! The node's own network: a namespace joined to the machine by one cable.
//!
//! The kubelet, kube-proxy, containerd and every pod live in it. So their routes, bridges and iptables
//! chains never touch the machine's own, a firewall on the machine (Docker's, say) does not get between
//! pods, and taking the namespace away takes all of it away. The machine has routes to pods and Services, so
//! a test can call them directly.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step;

/// Name of the network namespace.
const NAMESPACE: &str = "gpu-tenancy";

/// Name of the machine's end of the cable; at most 15 characters.
pub(crate) const CABLE: &str = "gpu-tenancy0";

/// The addresses of one cluster: pods in 10.N.0.0/24, the cable in 10.N.255.0/30, Services in 10.(N+1).0.0/16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    block: u8,
}

impl Network {
    /// The network of that block.
    pub(crate) fn of(block: u8) -> Self {
        Self { block }
    }

    /// A block that the machine has no route or address in.
    ///
    /// # Errors
    /// When `ip` fails or all blocks are taken.
    pub(crate) fn choose() -> Result<Self> {
        let routes = step::output(Command::new("ip").args(["-4", "route", "show", "table", "all"]))?;
        match (187..=251).step_by(2).find(|block| is_free(*block, &routes)) {
            Some(block) => Ok(Self { block }),
            None => bail!("every network from 10.187.0.0/16 to 10.252.0.0/16 is in use on this machine"),
        }
    }

    /// The block's number.
    pub(crate) fn block(self) -> u8 {
        self.block
    }

    /// The machine's address on the cable; the API server listens on it.
    pub(crate) fn machine(self) -> Ipv4Addr {
        Ipv4Addr::new(10, self.block, 255, 1)
    }

    /// The node's address.
    pub(crate) fn node(self) -> Ipv4Addr {
        Ipv4Addr::new(10, self.block, 255, 2)
    }

    /// The pods' range.
    pub(crate) fn pods(self) -> String {
        format!("10.{}.0.0/24", self.block)
    }

    /// The Services' range. A /24 would be full at about 250 Services.
    pub(crate) fn services(self) -> String {
        format!("10.{}.0.0/16", self.block + 1)
    }

    /// The namespace, as nsenter takes it.
    pub(crate) fn namespace() -> PathBuf {
        PathBuf::from("/run/netns").join(NAMESPACE)
    }

    /// Makes the namespace, the cable and the routes, or what of them is missing.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn up(self) -> Result<()> {
        if !step::succeeds(ip(&["netns", "exec", NAMESPACE, "true"])) {
            remove_namespace();
            step::output(ip(&["netns", "add", NAMESPACE]))?;
        }
        if !step::succeeds(ip(&["link", "show", CABLE])) {
            step::output(ip(&[
                "link", "add", CABLE, "type", "veth", "peer", "name", "eth0", "netns", NAMESPACE,
            ]))?;
        }
        let machine = format!("{}/30", self.machine());
        let node = format!("{}/30", self.node());
        let via = self.node().to_string();
        step::output(ip(&["address", "replace", &machine, "dev", CABLE]))?;
        step::output(ip(&["link", "set", CABLE, "up"]))?;
        for arguments in [
            ["link", "set", "lo", "up"].as_slice(),
            &["address", "replace", &node, "dev", "eth0"],
            &["link", "set", "eth0", "up"],
            &["route", "replace", "default", "via", &self.machine().to_string()],
        ] {
            step::output(ip(&["-n", NAMESPACE]).args(arguments))?;
        }
        step::output(ip(&["route", "replace", &self.pods(), "via", &via]))?;
        step::output(ip(&["route", "replace", &self.services(), "via", &via]))?;
        let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        step::output(
            Command::new("nsenter")
                .arg(format!("--net={}", Self::namespace().display()))
                .args(["sh", "-c", forward]),
        )
        .context("the node cannot be made to forward packets")?;
        Ok(())
    }

    /// Takes all of it away. The routes go with the cable, the iptables chains with the namespace.
    pub(crate) fn down() {
        step::succeeds(ip(&["link", "delete", CABLE]));
        remove_namespace();
    }
}

fn remove_namespace() {
    step::succeeds(ip(&["netns", "delete", NAMESPACE]));
}

fn ip(arguments: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command.args(arguments);
    command
}

fn is_free(block: u8, routes: &str) -> bool {
    let taken = [format!("10.{block}."), format!("10.{}.", block + 1)];
    !routes.split_whitespace().any(|word| taken.iter().any(|prefix| word.starts_with(prefix.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_with_a_route_is_not_chosen() {
        let routes = "default via 192.0.2.1 dev eth0\n10.188.4.0/24 dev wg0\nlocal 10.190.0.7 dev lo\n";
        assert!(!is_free(187, routes), "its Services would cover the route");
        assert!(!is_free(189, routes), "its Services would cover the address");
        assert!(is_free(191, routes));
    }

    #[test]
    fn ranges_do_not_overlap() {
        let network = Network::of(187);
        assert_eq!(network.pods(), "10.187.0.0/24");
        assert_eq!(network.services(), "10.188.0.0/16");
        assert_eq!(network.node().to_string(), "10.187.255.2");
    }
}
