//! How the provider reaches its cluster, as far as that is known.

use std::path::PathBuf;

/// What the provider's configuration and environment say of the cluster.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// Everything is known. Nothing has been read or dialled yet.
    Known(Box<Connection>),
    /// These arguments come from resources that do not exist yet. It is a
    /// state of its own: a plan of new resources works, and nothing ever falls
    /// back to a default host.
    Unknown(Vec<String>),
}

/// The arguments by which a client is made, each absent where the user gave none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Connection {
    /// Kubeconfig files, merged in this order as kubectl does.
    pub(crate) config_paths: Vec<PathBuf>,
    /// Context of the kubeconfig; its current one otherwise.
    pub(crate) context: Option<String>,
    /// Cluster entry of the kubeconfig instead of the context's.
    pub(crate) cluster: Option<String>,
    /// User entry of the kubeconfig instead of the context's.
    pub(crate) user: Option<String>,
    /// URL of the API server.
    pub(crate) host: Option<String>,
    /// Bearer token.
    pub(crate) token: Option<String>,
    /// The API server's certificate authority, PEM.
    pub(crate) ca_pem: Option<String>,
    /// Client certificate, PEM.
    pub(crate) client_certificate_pem: Option<String>,
    /// Its key, PEM.
    pub(crate) client_key_pem: Option<String>,
    /// Skip the check of the server's certificate.
    pub(crate) insecure: Option<bool>,
    /// Name to check the server's certificate against.
    pub(crate) tls_server_name: Option<String>,
    /// Proxy for all requests.
    pub(crate) proxy_url: Option<String>,
    /// Program that hands out credentials.
    pub(crate) exec: Option<Exec>,
}

/// A credential plugin, as `client.authentication.k8s.io` describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Exec {
    pub(crate) api_version: String,
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
}

impl Connection {
    /// Whether anything says where the cluster is. When nothing does, only the
    /// environment of a pod is tried, never localhost.
    pub(crate) fn names_a_cluster(&self) -> bool {
        self.host.is_some() || !self.config_paths.is_empty()
    }
}
