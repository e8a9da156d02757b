//! `root.hcl`: where states are kept, and the provider of all stacks.

use serde::Serialize;

use super::{Attribute, Attributes, map, texts};
use crate::fleet::{Backend, Fleet, Provider};
use crate::hcl::{self, Hcl};
use crate::leaf::{Binary, Layout};
use crate::load::FLEET;

/// The oldest Terraform and the oldest OpenTofu that lock a state in a bucket by a file beside it.
const TERRAFORM: &str = ">= 1.10";

#[derive(Serialize)]
pub(super) struct RootPage {
    source: &'static str,
    binary: Option<String>,
    backend: BackendPage,
    provider: Vec<Attribute>,
    terraform: String,
    version: String,
}

#[derive(Serialize)]
struct BackendPage {
    name: String,
    config: Vec<Attribute>,
}

pub(super) fn root(fleet: &Fleet) -> RootPage {
    let binary = fleet.binary.map(|binary| match binary {
        Binary::Terraform => hcl::quoted("terraform"),
        Binary::Tofu => hcl::quoted("tofu"),
    });
    let (name, config) = backend(&fleet.backend, fleet.layout);
    RootPage {
        source: FLEET,
        binary,
        backend: BackendPage { name: hcl::quoted(name), config: config.lines(2) },
        provider: provider(&fleet.provider),
        terraform: hcl::quoted(TERRAFORM),
        // Before 1.0 a minor version may change what a stack means.
        version: hcl::quoted(concat!("~> ", env!("CARGO_PKG_VERSION"))),
    }
}

fn backend(backend: &Backend, layout: Layout) -> (&'static str, Attributes) {
    let mut config = Attributes::default();
    // The same in both layouts, so that a change of layout moves no state.
    let unit = match layout {
        Layout::Root => "path_relative_to_include()",
        Layout::Stack => r#"replace(path_relative_to_include(), ".terragrunt-stack/", "")"#,
    };
    match backend {
        Backend::Local { path: None } => {
            config.set("path", Hcl::Expression(r#""${get_terragrunt_dir()}/terraform.tfstate""#.into()));
            ("local", config)
        }
        Backend::Local { path: Some(path) } => {
            let folder = hcl::escaped(path.trim_end_matches('/'));
            let base = if path.starts_with('/') { "" } else { "${get_parent_terragrunt_dir()}/" };
            let text = format!("\"{base}{folder}/${{{unit}}}/terraform.tfstate\"");
            config.set("path", Hcl::Expression(text));
            ("local", config)
        }
        Backend::S3 { bucket, region, key_prefix, endpoint } => {
            let prefix = key_prefix.as_deref().map(|prefix| prefix.trim_matches('/')).unwrap_or_default();
            let prefix = if prefix.is_empty() { String::new() } else { hcl::escaped(prefix) + "/" };
            let key = format!("\"{prefix}${{{unit}}}/terraform.tfstate\"");
            config.set("bucket", bucket.as_str());
            config.set("key", Hcl::Expression(key));
            config.set("region", region.as_str());
            config.set("use_lockfile", Hcl::Bool(true));
            match endpoint {
                None => config.set("encrypt", Hcl::Bool(true)),
                Some(endpoint) => elsewhere(&mut config, endpoint),
            }
            ("s3", config)
        }
        Backend::Kubernetes { namespace, config_path, config_context } => {
            let suffix = format!("\"${{replace({unit}, \"/\", \"-\")}}\"");
            config.set("secret_suffix", Hcl::Expression(suffix));
            config.set("namespace", namespace.to_string());
            config.set_some("config_path", config_path.as_deref());
            config.set_some("config_context", config_context.as_deref());
            ("kubernetes", config)
        }
    }
}

/// What a bucket needs that is not Amazon's. Nobody there answers for accounts, instances and regions, and
/// `init` would ask Amazon; many refuse checksums and encryption that only Amazon's service has.
fn elsewhere(config: &mut Attributes, endpoint: &str) {
    config.set("endpoints", Hcl::Map(vec![("s3".to_owned(), endpoint.into())]));
    for name in [
        "use_path_style",
        "skip_credentials_validation",
        "skip_metadata_api_check",
        "skip_region_validation",
        "skip_requesting_account_id",
        "skip_s3_checksum",
    ] {
        config.set(name, Hcl::Bool(true));
    }
}

fn provider(provider: &Provider) -> Vec<Attribute> {
    let mut block = Attributes::default();
    block.set_some("config_path", provider.config_path.as_deref());
    block.set_filled("config_paths", texts(&provider.config_paths));
    block.set_some("config_context", provider.config_context.as_deref());
    block.set_some("config_context_cluster", provider.config_context_cluster.as_deref());
    block.set_some("config_context_auth_info", provider.config_context_auth_info.as_deref());
    block.set_some("host", provider.host.as_deref());
    block.set_some("cluster_ca_certificate", provider.cluster_ca_certificate.as_deref());
    block.set_some("tls_server_name", provider.tls_server_name.as_deref());
    block.set_some("insecure", provider.insecure.map(Hcl::Bool));
    block.set_some("proxy_url", provider.proxy_url.as_deref());
    block.set_some("plan_objects", provider.plan_objects.map(|shown| shown.0));
    block.set_some("agent_image", provider.agent_image.as_deref());
    if let Some(exec) = &provider.exec {
        let mut object = Attributes::default();
        object.set("api_version", exec.api_version.as_str());
        object.set("command", exec.command.as_str());
        object.set_filled("args", texts(&exec.args));
        object.set_filled("env", map(&exec.env, |value| value.as_str().into()));
        block.set("exec", object.object());
    }
    block.in_heredoc(3)
}
