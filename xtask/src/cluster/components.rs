//! The daemons of a cluster: their arguments, and how one is known to be healthy.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::network::Network;
use super::settings::{self, NODE};
use super::state::State;
use crate::daemon::Daemon;
use crate::step;
use crate::toolbox::ClusterBinaries;

/// The certificate of the authority that client certificates come from, inside the cluster's folder.
pub(crate) const CLIENT_AUTHORITY: &str = "certificates/clients.crt";

/// That authority's key, inside the cluster's folder.
pub(crate) const CLIENT_AUTHORITY_KEY: &str = "certificates/clients.key";

/// How to know that a component works.
#[derive(Debug, Clone)]
pub(crate) enum Health {
    /// It accepts connections.
    Accepts(SocketAddr),
    /// `GET` of that path is answered with 200.
    Answers(SocketAddr, &'static str),
    /// A command succeeds.
    Succeeds(Vec<String>),
}

/// A daemon with its health and with the files it reads.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    /// The daemon itself.
    pub(crate) daemon: Daemon,
    /// How to know that it works.
    pub(crate) health: Health,
    /// Files to write before it starts: path and content.
    pub(crate) files: Vec<(PathBuf, String)>,
}

impl Health {
    /// Whether the component works at this moment.
    pub(crate) fn good(&self) -> bool {
        const PATIENCE: Duration = Duration::from_secs(2);
        match self {
            Self::Accepts(address) => TcpStream::connect_timeout(address, PATIENCE).is_ok(),
            Self::Answers(address, path) => answers(*address, path, PATIENCE).unwrap_or(false),
            Self::Succeeds(words) => match words.split_first() {
                Some((program, arguments)) => step::succeeds(Command::new(program).args(arguments)),
                None => false,
            },
        }
    }
}

fn answers(address: SocketAddr, path: &str, patience: Duration) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut status = [0_u8; 12];
    stream.read_exact(&mut status)?;
    Ok(status.ends_with(b" 200"))
}

/// What the components are made from.
pub(crate) struct Plan<'a> {
    /// The cluster's folder.
    pub(crate) home: &'a Path,
    /// The cluster's choices.
    pub(crate) state: &'a State,
    /// The programs.
    pub(crate) binaries: &'a ClusterBinaries,
    /// The node's network, where pods can run.
    pub(crate) network: Option<Network>,
}

impl Plan<'_> {
    /// The control plane in the order of its start.
    pub(crate) fn control_plane(&self) -> Vec<Component> {
        vec![self.etcd(), self.api_server(), self.controller_manager(), self.scheduler()]
    }

    /// The node in the order of its start; nothing where pods cannot run.
    pub(crate) fn node(&self) -> Vec<Component> {
        match self.network {
            Some(network) => vec![
                self.containerd(network),
                self.coredns(network),
                // Before kube-proxy, which looks for its node once and then only after half a minute.
                self.kubelet(network),
                self.kube_proxy(network),
            ],
            None => Vec::new(),
        }
    }

    /// The API server's address.
    pub(crate) fn api_address(&self) -> SocketAddr {
        let address = self.network.map_or(std::net::Ipv4Addr::LOCALHOST, Network::machine);
        SocketAddr::from((address, self.state.ports.api))
    }

    /// The certificate that the API server made for itself: every client's certificate authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.home.join("certificates/apiserver.crt")
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.home.join("kubeconfig")
    }

    /// Every user's kubeconfig.
    pub(crate) fn kubeconfigs(&self) -> Vec<(PathBuf, String)> {
        let server = format!("https://{}", self.api_address());
        settings::USERS
            .iter()
            .map(|(name, ..)| {
                let path = match *name {
                    "admin" => self.kubeconfig(),
                    name => self.home.join(format!("{name}.kubeconfig")),
                };
                (path, settings::kubeconfig(&server, &self.authority(), &self.token(name)))
            })
            .collect()
    }

    fn token(&self, name: &str) -> String {
        self.state.tokens.get(name).cloned().unwrap_or_default()
    }

    fn component(&self, name: &str, arguments: Vec<String>, health: Health) -> Component {
        let mut all = vec![name.to_owned()];
        all.extend(arguments);
        Component { daemon: self.daemon(name, &self.binaries.cluster, all), health, files: Vec::new() }
    }

    fn daemon(&self, name: &str, program: &Path, arguments: Vec<String>) -> Daemon {
        Daemon {
            component: name.to_owned(),
            program: program.to_path_buf(),
            arguments,
            settings: Vec::new(),
            network: None,
            log: self.home.join("logs").join(format!("{name}.log")),
        }
    }

    fn path(&self, name: &str) -> String {
        self.home.join(name).display().to_string()
    }

    fn etcd(&self) -> Component {
        let client = SocketAddr::from(([127, 0, 0, 1], self.state.ports.etcd_client));
        let peer = format!("http://127.0.0.1:{}", self.state.ports.etcd_peer);
        let arguments = vec![
            format!("--data-dir={}", self.path("etcd")),
            format!("--listen-client-urls=http://{client}"),
            format!("--advertise-client-urls=http://{client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            // The data need not survive a crash of the machine, and a laptop's disk is slow to sync.
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        self.component("etcd", arguments, Health::Answers(client, "/health"))
    }

    fn api_server(&self) -> Component {
        let address = self.api_address();
        let mut arguments = vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.state.ports.etcd_client),
            format!("--cert-dir={}", self.path("certificates")),
            format!("--secure-port={}", address.port()),
            format!("--bind-address={}", address.ip()),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
            format!("--service-account-key-file={}", self.path("service-account.key")),
            format!("--service-account-signing-key-file={}", self.path("service-account.key")),
            format!("--token-auth-file={}", self.path("tokens.csv")),
            format!("--client-ca-file={}", self.path(CLIENT_AUTHORITY)),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--allow-privileged=true".to_owned(),
            // The tests let an outsider change objects at admission, and this is the outsider without a server.
            "--runtime-config=admissionregistration.k8s.io/v1beta1=true".to_owned(),
            "--feature-gates=MutatingAdmissionPolicy=true".to_owned(),
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
        ];
        match self.network {
            Some(network) => {
                arguments.push(format!("--advertise-address={}", network.machine()));
                arguments.push(format!("--service-cluster-ip-range={}", network.services()));
            }
            None => arguments.push("--service-cluster-ip-range=10.188.0.0/16".to_owned()),
        }
        let mut ready = self.kubectl();
        ready.extend(["--request-timeout=5s", "get", "--raw", "/readyz"].map(str::to_owned));
        let mut component = self.component("kube-apiserver", arguments, Health::Succeeds(ready));
        component.files = vec![(self.home.join("tokens.csv"), settings::tokens(|name| self.token(name)))];
        component
    }

    /// The words that start kubectl as the administrator.
    pub(crate) fn kubectl(&self) -> Vec<String> {
        vec![
            self.binaries.cluster.display().to_string(),
            "kubectl".to_owned(),
            format!("--kubeconfig={}", self.kubeconfig().display()),
        ]
    }

    fn controller_manager(&self) -> Component {
        let port = self.state.ports.controller_manager;
        let arguments = vec![
            format!("--kubeconfig={}", self.path("kube-controller-manager.kubeconfig")),
            format!("--service-account-private-key-file={}", self.path("service-account.key")),
            "--use-service-account-credentials=true".to_owned(),
            format!("--root-ca-file={}", self.authority().display()),
            // It signs the certificates that people ask for by a CertificateSigningRequest.
            format!("--cluster-signing-cert-file={}", self.path(CLIENT_AUTHORITY)),
            format!("--cluster-signing-key-file={}", self.path(CLIENT_AUTHORITY_KEY)),
            "--leader-elect=false".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            format!("--cert-dir={}", self.path("certificates/kube-controller-manager")),
        ];
        let health = Health::Accepts(SocketAddr::from(([127, 0, 0, 1], port)));
        self.component("kube-controller-manager", arguments, health)
    }

    fn scheduler(&self) -> Component {
        let port = self.state.ports.scheduler;
        let arguments = vec![
            format!("--kubeconfig={}", self.path("kube-scheduler.kubeconfig")),
            "--leader-elect=false".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            format!("--cert-dir={}", self.path("certificates/kube-scheduler")),
        ];
        let health = Health::Accepts(SocketAddr::from(([127, 0, 0, 1], port)));
        self.component("kube-scheduler", arguments, health)
    }

    fn containerd(&self, network: Network) -> Component {
        let configuration = self.home.join("containerd.toml");
        let socket = self.path("containerd.sock");
        let arguments = vec!["--config".to_owned(), configuration.display().to_string()];
        let version = ["ctr", "--address", &socket, "version"].map(str::to_owned).to_vec();
        in_node(Component {
            daemon: self.daemon("containerd", Path::new("/usr/bin/containerd"), arguments),
            health: Health::Succeeds(version),
            files: vec![
                (configuration, settings::containerd(self.home)),
                (self.home.join("cni/10-pods.conflist"), settings::pod_network(self.home, network)),
            ],
        })
    }

    fn coredns(&self, network: Network) -> Component {
        let corefile = self.home.join("Corefile");
        let arguments = vec!["-conf".to_owned(), corefile.display().to_string()];
        in_node(Component {
            daemon: self.daemon("coredns", &self.binaries.coredns, arguments),
            health: Health::Answers(SocketAddr::from((network.node(), 8181)), "/ready"),
            files: vec![(corefile, settings::corefile(self.home, network))],
        })
    }

    fn kube_proxy(&self, network: Network) -> Component {
        let configuration = self.home.join("kube-proxy.json");
        let arguments = vec![format!("--config={}", configuration.display())];
        let health = Health::Answers(SocketAddr::from((network.node(), 10256)), "/livez");
        let mut component = self.component("kube-proxy", arguments, health);
        component.files = vec![(configuration, settings::kube_proxy(self.home, network))];
        in_node(component)
    }

    fn kubelet(&self, network: Network) -> Component {
        let configuration = self.home.join("kubelet.json");
        let arguments = vec![
            format!("--config={}", configuration.display()),
            format!("--kubeconfig={}", self.path("kubelet.kubeconfig")),
            format!("--root-dir={}", self.path("kubelet")),
            format!("--cert-dir={}", self.path("kubelet/pki")),
            format!("--hostname-override={NODE}"),
            format!("--node-ip={}", network.node()),
            "--node-labels=nvidia.com/gpu.present=true".to_owned(),
        ];
        let health = Health::Answers(SocketAddr::from((network.node(), 10248)), "/healthz");
        let mut component = self.component("kubelet", arguments, health);
        component.files = vec![
            (configuration, settings::kubelet(self.home, network)),
            (self.home.join("resolv.conf"), settings::resolv_conf(network)),
        ];
        in_node(component)
    }
}

fn in_node(mut component: Component) -> Component {
    component.daemon.network = Some(Network::namespace());
    component
}
