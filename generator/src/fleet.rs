//! A live repository, valid: everything `render` needs, with no text left to judge.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tenancy::card::model::CardModel;
use tenancy::card::{Card, Unit};
use tenancy::duration::Seconds;
use tenancy::exporter::Exporter;
use tenancy::floor::Floor;
use tenancy::measured::Address;
use tenancy::names::{CardName, EnvName, ExporterName, Namespace};
use tenancy::quantity::Mib;
use tenancy::tenant::{AbsolutePath, Tenant};
use tenancy::window::Zone;

use crate::leaf::{Binary, Layout, PlanObjects};

/// All cards and tenants of one live repository.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The cards by name.
    pub cards: BTreeMap<CardName, Card>,
    /// Our exporters by name.
    pub exporters: BTreeMap<ExporterName, OwnExporter>,
    /// Which of them measures a card, where it is one of them.
    pub measured_by: BTreeMap<CardName, ExporterName>,
    /// What the driver keeps of them, where that was said.
    pub reserved: BTreeMap<CardName, Mib>,
    /// Which models they are, where that was said.
    pub models: BTreeMap<CardName, &'static CardModel>,
    /// Objects of theirs that are taken over, as `Kind/name`.
    pub adopted: BTreeMap<CardName, Vec<String>>,
    /// How many slices the device plugin offers of each.
    pub slices: BTreeMap<CardName, u32>,
    /// The tenants by the name of their stack's folder, which is their file's name.
    pub stacks: BTreeMap<String, Stack>,
    /// How the provider reaches the cluster.
    pub provider: Provider,
    /// Where states are kept.
    pub backend: Backend,
    /// Which program terragrunt runs, if that was said.
    pub binary: Option<Binary>,
    /// How the stacks are laid out.
    pub layout: Layout,
    /// The zone of windows that name none, in which people are told times.
    pub zone: Option<Zone>,
}

impl Fleet {
    /// The zone in which people are told times: the fleet's, or UTC.
    pub fn zone_or_utc(&self) -> Zone {
        self.zone.clone().unwrap_or_else(Zone::utc)
    }
}

/// One of our exporters and what only its stack knows.
#[derive(Debug, Clone)]
pub struct OwnExporter {
    /// The exporter itself.
    pub exporter: Exporter,
    /// Objects of it that are taken over, as `Kind/name`.
    pub adopted: Vec<String>,
}

/// One tenant and what only its stack knows.
#[derive(Debug, Clone)]
pub struct Stack {
    /// What it claims of a card; nothing while it runs on the CPU.
    pub claim: Option<Claim>,
    /// The tenant itself.
    pub tenant: Tenant,
    /// The names under which its config files lie in the stack's `config` folder.
    pub config_files: BTreeMap<AbsolutePath, String>,
    /// Terraform's own part of it.
    pub lifecycle: Lifecycle,
}

/// What a tenant claims of a card.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The card.
    pub card: CardName,
    /// How much of it.
    pub floor: Floor,
    /// Where its peak is read, if it is; the floor's peak is what counts until then.
    pub read: Option<ReadPeak>,
}

/// Where a peak is read at every plan.
#[derive(Debug, Clone)]
pub struct ReadPeak {
    /// Who is asked.
    pub from: MeasuredBy,
    /// How far back the most is looked for, in seconds, if that was said.
    pub look_back_s: Option<u32>,
    /// The image that the tenant runs.
    pub image: String,
    /// The model that it serves.
    pub model: Option<String>,
    /// Since when both run.
    pub since: Option<Timestamp>,
}

/// Who is asked for a peak.
#[derive(Debug, Clone)]
pub enum MeasuredBy {
    /// A Prometheus, for a series of its own where one is named, with its unit.
    Prometheus(Address, Option<(String, Option<Unit>)>),
    /// The page of our exporter.
    Exporter(Address),
}

/// What a tenant says to Terraform and not to the cluster.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// Objects that are taken over, as `Kind/name`.
    pub adopt: Vec<String>,
    /// Objects of its claim that are taken over.
    pub adopt_claim: Vec<String>,
    /// Whether an apply waits until an `always` tenant is ready, if that was said.
    pub wait: Option<bool>,
    /// How long to wait, by `create`, `update` and `delete`.
    pub timeouts: BTreeMap<&'static str, Seconds>,
}

/// How the provider reaches the cluster; nothing means where kubectl looks.
#[derive(Debug, Clone, Default)]
pub struct Provider {
    /// The kubeconfig.
    pub config_path: Option<String>,
    /// Several kubeconfigs.
    pub config_paths: Vec<String>,
    /// Its context.
    pub config_context: Option<String>,
    /// Cluster entry instead of the context's.
    pub config_context_cluster: Option<String>,
    /// User entry instead of the context's.
    pub config_context_auth_info: Option<String>,
    /// Address of the API server.
    pub host: Option<String>,
    /// Its certificate authority, PEM.
    pub cluster_ca_certificate: Option<String>,
    /// Name to check its certificate against.
    pub tls_server_name: Option<String>,
    /// Whether its certificate is not checked, if that was said.
    pub insecure: Option<bool>,
    /// Proxy of all requests.
    pub proxy_url: Option<String>,
    /// A plugin that hands out credentials.
    pub exec: Option<Exec>,
    /// What plans show of objects, if that was said.
    pub plan_objects: Option<PlanObjects>,
    /// Image of gpu-agent for tenants that name none.
    pub agent_image: Option<String>,
}

/// A plugin that hands out credentials, as in a kubeconfig.
#[derive(Debug, Clone)]
pub struct Exec {
    /// Its API version.
    pub api_version: String,
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment.
    pub env: BTreeMap<EnvName, String>,
}

/// Where states are kept.
#[derive(Debug, Clone)]
pub enum Backend {
    /// In files: in one folder, or each in its stack.
    Local {
        /// The folder, absolute or relative to the live repository.
        path: Option<String>,
    },
    /// In a bucket.
    S3 {
        /// The bucket.
        bucket: String,
        /// Its region.
        region: String,
        /// What all keys begin with.
        key_prefix: Option<String>,
        /// Address of an S3 service that is not Amazon's.
        endpoint: Option<String>,
    },
    /// In Secrets of a cluster.
    Kubernetes {
        /// The namespace of the Secrets.
        namespace: Namespace,
        /// The kubeconfig.
        config_path: Option<String>,
        /// Its context.
        config_context: Option<String>,
    },
}
