//! The files that the components read, as text: pure functions of the cluster's choices.

use std::path::Path;

use serde_json::{Value, json};

use super::network::Network;

/// The node's name; the same as in the committed stacks.
pub(crate) const NODE: &str = "gpu-1";

/// The image that holds a pod's namespaces open.
pub(crate) const PAUSE_IMAGE: &str = "gpu-tenancy.local/pause:dev";

/// The control group that every container is put in, so that `down` finds them all.
pub(crate) const CONTROL_GROUP: &str = "gpu-tenancy";

/// A user of the API server: the name of its token, its user name and its group.
pub(crate) const USERS: [(&str, &str, &str); 6] = [
    ("admin", "admin", "system:masters"),
    ("kube-controller-manager", "system:kube-controller-manager", ""),
    ("kube-scheduler", "system:kube-scheduler", ""),
    ("kubelet", "system:node:gpu-1", "system:nodes"),
    ("kube-proxy", "system:kube-proxy", ""),
    ("coredns", "gpu-tenancy:coredns", ""),
];

/// The API server's static token file.
pub(crate) fn tokens(token_of: impl Fn(&str) -> String) -> String {
    USERS
        .iter()
        .map(|(name, user, group)| match *group {
            "" => format!("{},{user},{name}\n", token_of(name)),
            group => format!("{},{user},{name},\"{group}\"\n", token_of(name)),
        })
        .collect()
}

/// A kubeconfig for one user. JSON is YAML.
pub(crate) fn kubeconfig(server: &str, authority: &Path, token: &str) -> String {
    let name = "gpu-tenancy";
    text(&json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }))
}

/// containerd's configuration.
pub(crate) fn containerd(home: &Path) -> String {
    let home = home.display();
    format!(
        r#"version = 2
root = "{home}/containerd/root"
state = "{home}/containerd/state"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.tracing",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
address = "{home}/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
# Without CAP_SYS_RESOURCE a lower score is refused, and with it the container.
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
Root = "{home}/containerd/runc"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{home}/cni"
"#
    )
}

/// The pods' network. Point-to-point and not a bridge: all traffic is routed, so Services work between pods
/// of the one node without the br_netfilter module.
pub(crate) fn pod_network(home: &Path, network: Network) -> String {
    text(&json!({
        "cniVersion": "0.4.0",
        "name": "gpu-tenancy-pods",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": false,
                "ipam": {
                    "type": "host-local",
                    "dataDir": home.join("cni-addresses"),
                    "ranges": [[{"subnet": network.pods()}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    }))
}

/// The kubelet's configuration.
pub(crate) fn kubelet(home: &Path, network: Network) -> String {
    text(&json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.node(),
        "healthzBindAddress": network.node(),
        // Only this machine and its pods can reach the node's address, and the API server has no client
        // certificate to show.
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": format!("unix://{}", home.join("containerd.sock").display()),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{CONTROL_GROUP}"),
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": [],
        "failSwapOn": false,
        "failCgroupV1": false,
        "localStorageCapacityIsolation": false,
        "clusterDomain": "cluster.local",
        "clusterDNS": [network.node()],
        "resolvConf": home.join("resolv.conf"),
        "podLogsDir": home.join("pod-logs"),
        "volumePluginDir": home.join("volume-plugins"),
        "imageMinimumGCAge": "8760h",
        "imageGCHighThresholdPercent": 100,
        // A disk that is nearly full with other people's files is no reason to evict.
        "evictionHard": {"memory.available": "64Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        "fileCheckFrequency": "5s",
        "syncFrequency": "10s",
        // A model's tests wait for a changed ConfigMap; a minute would be most of their time.
        "configMapAndSecretChangeDetectionStrategy": "Watch",
        "maxPods": 200,
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
    }))
}

/// kube-proxy's configuration.
pub(crate) fn kube_proxy(home: &Path, network: Network) -> String {
    text(&json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": home.join("kube-proxy.kubeconfig")},
        "clusterCIDR": network.pods(),
        "hostnameOverride": NODE,
        "healthzBindAddress": format!("{}:10256", network.node()),
        "metricsBindAddress": format!("{}:10249", network.node()),
        // Zero leaves the machine's connection tracking table as it is.
        "conntrack": {"maxPerCore": 0, "min": 0},
        "iptables": {"minSyncPeriod": "200ms"},
    }))
}

/// CoreDNS's Corefile. It answers for the cluster only: nothing here may depend on the outside.
pub(crate) fn corefile(home: &Path, network: Network) -> String {
    let node = network.node();
    let kubeconfig = home.join("coredns.kubeconfig");
    let kubeconfig = kubeconfig.display();
    format!(
        r#".:53 {{
    bind {node}
    errors
    health {node}:8080
    ready {node}:8181
    cache 5
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 5
    }}
}}
"#
    )
}

/// What pods find beside the cluster's own DNS: no other server.
pub(crate) fn resolv_conf(network: Network) -> String {
    format!("nameserver {}\n", network.node())
}

fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_without_a_group_has_three_columns() {
        let file = tokens(|name| format!("token-of-{name}"));
        assert!(file.contains("token-of-admin,admin,admin,\"system:masters\"\n"), "{file}");
        assert!(file.contains("token-of-kube-proxy,system:kube-proxy,kube-proxy\n"), "{file}");
    }

    #[test]
    fn the_kubelets_user_is_the_nodes() {
        let kubelet = USERS.iter().find(|(name, ..)| *name == "kubelet").unwrap();
        assert_eq!(kubelet.1, format!("system:node:{NODE}"));
    }
}
