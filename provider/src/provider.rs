//! The provider block: which cluster, and how plans show objects.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use tenancy::card::Card;
use tenancy::names::CardName;
use tfplugin::{
    Attr, Configured, DataSources, Diagnostic, Diagnostics, Functions, Host, List, Map, Path, Provider,
    Resources, model,
};

use crate::api::ApiServer;
use crate::cluster::Cluster;
use crate::connection::{Connection, Exec, Target};
use crate::metrics::Metrics;

model! {
    /// A program that hands out credentials, as kubeconfig files name one under `exec`.
    pub(crate) struct ExecSettings {
        /// Version of the exchange, `client.authentication.k8s.io/v1`.
        pub(crate) api_version: Attr<String> = optional(),
        /// The program.
        pub(crate) command: Attr<String> = required(),
        /// Its arguments.
        pub(crate) args: Attr<List<String>> = optional(),
        /// Its environment, beside the provider's own.
        pub(crate) env: Attr<Map<String>> = optional(),
    }
}

model! {
    /// Tenants that share a GPU: cards, claims on their memory, and model servers that wake in
    /// their windows.
    ///
    /// The cluster is found by a kubeconfig, by `host` and credentials, or by the ServiceAccount of
    /// the pod that Terraform runs in; what is set here overrides what the kubeconfig says. Arguments
    /// that are not set are taken from the environment variable in brackets. `KUBECONFIG` and
    /// `~/.kube/config` are not read.
    pub(crate) struct Settings {
        /// Path of a kubeconfig. [`KUBE_CONFIG_PATH`]
        pub(crate) config_path: Attr<String> = optional().conflicts_with(&["config_paths"]),
        /// Paths of kubeconfigs, merged as kubectl does. [`KUBE_CONFIG_PATHS`, separated by `:`]
        pub(crate) config_paths: Attr<List<String>> = optional(),
        /// Context of the kubeconfig, its current one unless set. [`KUBE_CTX`]
        pub(crate) config_context: Attr<String> = optional(),
        /// Cluster entry of the kubeconfig instead of the context's. [`KUBE_CTX_CLUSTER`]
        pub(crate) config_context_cluster: Attr<String> = optional(),
        /// User entry of the kubeconfig instead of the context's. [`KUBE_CTX_AUTH_INFO`]
        pub(crate) config_context_auth_info: Attr<String> = optional(),
        /// URL of the API server. [`KUBE_HOST`]
        pub(crate) host: Attr<String> = optional(),
        /// Bearer token. [`KUBE_TOKEN`]
        pub(crate) token: Attr<String> = optional().sensitive(),
        /// The API server's certificate authority, PEM. [`KUBE_CLUSTER_CA_CERT_DATA`]
        pub(crate) cluster_ca_certificate: Attr<String> = optional(),
        /// Client certificate, PEM. [`KUBE_CLIENT_CERT_DATA`]
        pub(crate) client_certificate: Attr<String> = optional(),
        /// Key of the client certificate, PEM. [`KUBE_CLIENT_KEY_DATA`]
        pub(crate) client_key: Attr<String> = optional().sensitive(),
        /// Skip the check of the server's certificate. [`KUBE_INSECURE`]
        pub(crate) insecure: Attr<bool> = optional(),
        /// Name to check the server's certificate against. [`KUBE_TLS_SERVER_NAME`]
        pub(crate) tls_server_name: Attr<String> = optional(),
        /// HTTP or HTTPS proxy for all requests. [`KUBE_PROXY_URL`]
        pub(crate) proxy_url: Attr<String> = optional(),
        /// A program that hands out credentials.
        pub(crate) exec: Attr<ExecSettings> = optional(),
        /// What `objects` of every resource shows: `leaves`, every field of every object, or
        /// `digests`, one short hash for each object, for states with hundreds of tenants.
        pub(crate) plan_objects: Attr<String> = optional().one_of(["leaves", "digests"]),
        /// Image of `gpu-agent` for gates and admit checks, unless a tenant names its own.
        pub(crate) agent_image: Attr<String> = optional(),
    }
}

/// What every resource is given.
pub(crate) struct Data {
    pub(crate) api: ApiServer,
    /// Show digests of objects instead of their fields.
    pub(crate) digests: bool,
    /// The provider's `agent_image`.
    pub(crate) agent_image: Attr<String>,
    /// The cards that this run has planned; nothing for one that is not wholly known.
    pub(crate) cards: Mutex<BTreeMap<String, Option<Card>>>,
    /// The cards on which this run has planned new claims, by tenant.
    pub(crate) claimed: Mutex<BTreeMap<String, CardName>>,
    /// A look that no plan needs got no answer, so no other is tried.
    pub(crate) silent: AtomicBool,
    /// Where peaks are measured.
    pub(crate) metrics: Metrics,
}

/// The provider.
pub(crate) struct Gpu;

impl Provider for Gpu {
    type Config = Settings;
    type Data = Data;

    const NAME: &'static str = "gpu";
    const ADDRESS: &'static str = "registry.terraform.io/gpu-tenancy/gpu";

    fn validate(&self, config: &Settings) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        if !config.client_certificate.is_null() && config.client_key.is_null() {
            diagnostics.error(
                Path::attribute("client_certificate"),
                "A certificate without its key",
                "client_certificate is of no use without client_key. Set both, or neither.",
            );
        }
        for (name, url) in [("host", &config.host), ("proxy_url", &config.proxy_url)] {
            let usable = |url: &str| {
                url.parse::<http::Uri>().is_ok_and(|uri| {
                    matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
                })
            };
            if let Some(url) = url.as_str().filter(|url| !usable(url)) {
                diagnostics.error(
                    Path::attribute(name),
                    "Not a URL",
                    format!(
                        "{name} is {url:?}. Write scheme, name and port, such as `https://10.0.0.1:6443`."
                    ),
                );
            }
        }
        diagnostics
    }

    async fn configure(&self, config: Settings, _host: Host) -> Result<Configured<Data>, Diagnostics> {
        let target = target(&config, &|name| std::env::var(name).ok().filter(|text| !text.is_empty()))?;
        Ok(Configured::from(Data {
            api: ApiServer::new(Cluster::new(target)),
            digests: config.plan_objects.as_str() == Some("digests"),
            agent_image: config.agent_image,
            cards: Mutex::default(),
            claimed: Mutex::default(),
            silent: AtomicBool::new(false),
            metrics: Metrics::default(),
        }))
    }

    fn resources(&self) -> Resources<Data> {
        Resources::new()
            .with(crate::card::CardResource)
            .with(crate::exporter::ExporterResource)
            .with(crate::floor::FloorResource)
            .with(crate::service::ServiceResource)
    }

    fn data_sources(&self) -> DataSources<Data> {
        crate::sources::all()
    }

    fn functions(&self) -> Functions {
        crate::functions::all()
    }
}

/// The target of a provider block, with what is not set taken from the environment.
fn target(config: &Settings, env: &dyn Fn(&str) -> Option<String>) -> Result<Target, Diagnostics> {
    let unknown = unknown_arguments(config);
    if !unknown.is_empty() {
        return Ok(Target::Unknown(unknown));
    }
    let text = |attr: &Attr<String>, name: &str| attr.as_str().map(str::to_owned).or_else(|| env(name));
    let listed: Vec<String> = match (&config.config_path, &config.config_paths) {
        (Attr::Known(path), _) => vec![path.clone()],
        (_, Attr::Known(paths)) => texts(paths),
        _ => match env("KUBE_CONFIG_PATH") {
            Some(path) => vec![path],
            None => env("KUBE_CONFIG_PATHS")
                .map(|all| all.split(':').map(str::to_owned).collect())
                .unwrap_or_default(),
        },
    };
    Ok(Target::Known(Box::new(Connection {
        config_paths: listed.iter().filter(|path| !path.is_empty()).map(|path| at_home(path, env)).collect(),
        context: text(&config.config_context, "KUBE_CTX"),
        cluster: text(&config.config_context_cluster, "KUBE_CTX_CLUSTER"),
        user: text(&config.config_context_auth_info, "KUBE_CTX_AUTH_INFO"),
        host: text(&config.host, "KUBE_HOST"),
        token: text(&config.token, "KUBE_TOKEN"),
        ca_pem: text(&config.cluster_ca_certificate, "KUBE_CLUSTER_CA_CERT_DATA"),
        client_certificate_pem: text(&config.client_certificate, "KUBE_CLIENT_CERT_DATA"),
        client_key_pem: text(&config.client_key, "KUBE_CLIENT_KEY_DATA"),
        insecure: match config.insecure {
            Attr::Known(flag) => Some(flag),
            _ => env("KUBE_INSECURE").map(|text| flag(&text)).transpose()?,
        },
        tls_server_name: text(&config.tls_server_name, "KUBE_TLS_SERVER_NAME"),
        proxy_url: text(&config.proxy_url, "KUBE_PROXY_URL"),
        exec: config.exec.known().map(exec),
    })))
}

fn flag(text: &str) -> Result<bool, Diagnostics> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" => Ok(true),
        "0" | "f" | "false" => Ok(false),
        _ => Err(Diagnostic::error(
            "Not a flag",
            format!(
                "The environment variable KUBE_INSECURE is {text:?}. Set it to true or false, or unset it."
            ),
        )
        .at(Path::attribute("insecure"))
        .into()),
    }
}

fn exec(settings: &ExecSettings) -> Exec {
    let args = settings.args.known().map(|args| texts(args)).unwrap_or_default();
    let env = settings.env.known().into_iter().flatten();
    Exec {
        api_version: settings.api_version.as_str().unwrap_or("client.authentication.k8s.io/v1").to_owned(),
        command: settings.command.as_str().unwrap_or_default().to_owned(),
        args,
        env: env.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
    }
}

fn texts(list: &[Attr<String>]) -> Vec<String> {
    list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// `~/…` means the home directory, as it does for the Kubernetes provider.
fn at_home(path: &str, env: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    match (path.strip_prefix("~/"), env("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

/// The arguments of the connection that are not known yet, by name.
fn unknown_arguments(config: &Settings) -> Vec<String> {
    let tfplugin::Value::Object(values) = tfplugin::Model::to_value(config) else { return Vec::new() };
    let shows_only = ["plan_objects", "agent_image"];
    values
        .into_iter()
        .filter(|(name, value)| !value.is_wholly_known() && !shows_only.contains(&name.as_str()))
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_env(_: &str) -> Option<String> {
        None
    }

    fn known(target: Target) -> Connection {
        match target {
            Target::Known(connection) => *connection,
            Target::Unknown(names) => panic!("unknown: {names:?}"),
        }
    }

    #[test]
    fn the_environment_fills_in_what_the_block_leaves_out() {
        let env = |name: &str| match name {
            "KUBE_CONFIG_PATHS" => Some("/a:~/b".to_owned()),
            "HOME" => Some("/home/u".to_owned()),
            "KUBE_CTX" => Some("from-env".to_owned()),
            "KUBE_INSECURE" => Some("true".to_owned()),
            _ => None,
        };
        let config = Settings { config_context: "from-block".into(), ..Settings::default() };
        let connection = known(target(&config, &env).unwrap());
        assert_eq!(connection.config_paths, [PathBuf::from("/a"), PathBuf::from("/home/u/b")]);
        assert_eq!(connection.context.as_deref(), Some("from-block"));
        assert_eq!(connection.insecure, Some(true));
    }

    #[test]
    fn every_variable_has_its_argument() {
        let env = |name: &str| match name {
            "KUBE_CONFIG_PATH" | "KUBE_CONFIG_PATHS" => Some("/k".to_owned()),
            "KUBE_INSECURE" => Some("0".to_owned()),
            name => name.strip_prefix("KUBE_").map(str::to_owned),
        };
        let text = |name: &str| Some(name.to_owned());
        let wanted = Connection {
            config_paths: vec!["/k".into()],
            context: text("CTX"),
            cluster: text("CTX_CLUSTER"),
            user: text("CTX_AUTH_INFO"),
            host: text("HOST"),
            token: text("TOKEN"),
            ca_pem: text("CLUSTER_CA_CERT_DATA"),
            client_certificate_pem: text("CLIENT_CERT_DATA"),
            client_key_pem: text("CLIENT_KEY_DATA"),
            insecure: Some(false),
            tls_server_name: text("TLS_SERVER_NAME"),
            proxy_url: text("PROXY_URL"),
            exec: None,
        };
        assert_eq!(known(target(&Settings::default(), &env).unwrap()), wanted);
    }

    #[test]
    fn an_unknown_argument_is_a_state_of_its_own_and_never_a_host() {
        let config = Settings { host: Attr::Unknown, ..Settings::default() };
        match target(&config, &no_env).unwrap() {
            Target::Unknown(names) => assert_eq!(names, ["host"]),
            Target::Known(connection) => panic!("{connection:?}"),
        }
        let config = Settings { agent_image: Attr::Unknown, ..Settings::default() };
        assert!(matches!(target(&config, &no_env).unwrap(), Target::Known(_)));
    }

    #[test]
    fn a_flag_that_is_none_is_refused_by_the_variable_s_name() {
        let env = |name: &str| (name == "KUBE_INSECURE").then(|| "maybe".to_owned());
        let refused = target(&Settings::default(), &env).unwrap_err();
        assert!(refused.iter().next().unwrap().detail.contains("KUBE_INSECURE"));
    }
}
