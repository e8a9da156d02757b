//! What one value of a file may be: the domain's types, and the few that only
//! files and stacks have.

use std::net::IpAddr;
use std::str::FromStr;

use schemars::Schema;
use tenancy::Invalid;
use tenancy::address::AddressRange;
pub use tenancy::card::Unit as MemoryUnit;
use tenancy::card::model::{CardModel, Precision};
use tenancy::demand::{HttpUrl, JsonPath};
use tenancy::duration::Seconds;
use tenancy::gate::ScaleTarget;
use tenancy::measured::Address;
use tenancy::names::{
    CardName, ConfigKey, ContainerName, EnvName, ExporterName, HostName, LabelKey, LabelValue, Namespace,
    NodeName, ObjectName, PortName, ResidentName, TenantName, VolumeName, WindowName,
};
use tenancy::quantity::{Mib, Quantity};
use tenancy::tenant::AbsolutePath;
use tenancy::window::{Day, TimeOfDay, Zone};

use crate::read::Leaf;

macro_rules! text_leaves {
    ($($type:ty $(as $schema:expr)?; $example:literal),* $(,)?) => {$(
        impl Leaf for $type {
            $(const SCHEMA: &'static [&'static str] = $schema;)?

            fn leaf(text: &str) -> Result<Self, Invalid> {
                text.parse()
            }

            fn refine(schema: &mut Schema) {
                schema.insert("examples".into(), serde_json::json!([$example]));
            }
        }
    )*};
}

/// What YAML has of single values; the text of each is what was typed.
const SCALAR: &[&str] = &["string", "number", "boolean"];

text_leaves! {
    AbsolutePath; "/data",
    Address; "monitoring/prometheus:9090",
    AddressRange; "10.0.0.0/8",
    CardName; "gpu-1-0",
    ConfigKey; "token",
    ContainerName; "fetch-weights",
    EnvName; "HF_HOME",
    ExporterName; "gpu-exporter",
    ExporterPage; "gpu-exporter",
    HostName; "models.example.org",
    HttpUrl; "http://queue.tts:8000/stats",
    JsonPath; "$.queue.pending",
    HandedOver; "image",
    LabelKey; "app.kubernetes.io/part-of",
    LabelValue as SCALAR; "narration",
    Mib; "4GiB",
    Namespace; "tts",
    NodeName; "gpu-1",
    ObjectName; "tier-2-gpu",
    PortName; "http",
    Quantity as &["string", "number"]; "20Gi",
    ResidentName; "llama",
    Seconds; "5m",
    TenantName; "chatterbox-tts",
    TimeOfDay; "02:00",
    Url; "http://dcgm-exporter.gpu-operator:9400/metrics",
    VolumeName; "voices",
    WindowName; "night",
    Zone; "Europe/London",
}

macro_rules! word_leaves {
    ($($type:ty: $what:literal = $($word:literal => $value:expr),+;)*) => {$(
        impl Leaf for $type {
            fn leaf(text: &str) -> Result<Self, Invalid> {
                match text {
                    $($word => Ok($value),)+
                    _ => Err(refused_word(text, $what, &[$($word),+])),
                }
            }

            fn refine(schema: &mut Schema) {
                schema.insert("enum".into(), serde_json::json!([$($word),+]));
            }
        }
    )*};
}

use tenancy::tenant::{
    AccessMode, ConfigMode, DeletionPolicy, HandedOver, ObjectKind, PullPolicy, ServiceType,
};

word_leaves! {
    AccessMode: "access mode" =
        "ReadWriteOnce" => AccessMode::ReadWriteOnce, "ReadWriteMany" => AccessMode::ReadWriteMany,
        "ReadOnlyMany" => AccessMode::ReadOnlyMany, "ReadWriteOncePod" => AccessMode::ReadWriteOncePod;
    Binary: "Terraform binary" = "terraform" => Binary::Terraform, "tofu" => Binary::Tofu;
    Class: "class of server" = "tts" => Class::Tts, "stt" => Class::Stt, "llm" => Class::Llm;
    ConfigMode: "config mode" = "mount" => ConfigMode::Mount, "copy" => ConfigMode::Copy;
    Day: "day" = "mon" => Day::Mon, "tue" => Day::Tue, "wed" => Day::Wed, "thu" => Day::Thu,
        "fri" => Day::Fri, "sat" => Day::Sat, "sun" => Day::Sun;
    Device: "device" = "gpu" => Device::Gpu, "cpu" => Device::Cpu;
    DeletionPolicy: "deletion policy" = "retain" => DeletionPolicy::Retain, "delete" => DeletionPolicy::Delete;
    HttpMethod: "method" = "POST" => HttpMethod("POST"), "DELETE" => HttpMethod("DELETE");
    Layout: "layout" = "root" => Layout::Root, "stack" => Layout::Stack;
    ObjectKind: "kind of object" =
        "Namespace" => ObjectKind::Namespace, "ResourceQuota" => ObjectKind::ResourceQuota,
        "NetworkPolicy" => ObjectKind::NetworkPolicy, "PersistentVolume" => ObjectKind::PersistentVolume,
        "PersistentVolumeClaim" => ObjectKind::PersistentVolumeClaim, "ConfigMap" => ObjectKind::ConfigMap,
        "ServiceAccount" => ObjectKind::ServiceAccount, "Role" => ObjectKind::Role,
        "RoleBinding" => ObjectKind::RoleBinding, "Deployment" => ObjectKind::Deployment,
        "Pod" => ObjectKind::Pod, "PodDisruptionBudget" => ObjectKind::PodDisruptionBudget, "Service" => ObjectKind::Service, "CronJob" => ObjectKind::CronJob,
        "Job" => ObjectKind::Job;
    TaintEffect: "effect" = "NoSchedule" => TaintEffect("NoSchedule"),
        "PreferNoSchedule" => TaintEffect("PreferNoSchedule"), "NoExecute" => TaintEffect("NoExecute");
    TolerationOperator: "operator" = "Equal" => TolerationOperator("Equal"),
        "Exists" => TolerationOperator("Exists");
    MemoryUnit: "unit" = "bytes" => MemoryUnit::Bytes, "mib" => MemoryUnit::Mib;
    Precision: "precision" = "fp32" => Precision::Fp32, "fp16" => Precision::Fp16, "bf16" => Precision::Bf16,
        "fp8" => Precision::Fp8, "int8" => Precision::Int8, "int4" => Precision::Int4;
    PlanObjects: "way to show objects" = "leaves" => PlanObjects("leaves"), "digests" => PlanObjects("digests");
    PullPolicy: "pull policy" = "Always" => PullPolicy::Always,
        "IfNotPresent" => PullPolicy::IfNotPresent, "Never" => PullPolicy::Never;
    WhenUnsatisfiable: "answer to a constraint that cannot be met" =
        "DoNotSchedule" => WhenUnsatisfiable { required: true },
        "ScheduleAnyway" => WhenUnsatisfiable { required: false };
    ServiceType: "type of Service" = "ClusterIP" => ServiceType::ClusterIP, "NodePort" => ServiceType::NodePort,
        "LoadBalancer" => ServiceType::LoadBalancer;
    Verified: "way to verify" = "source" => Verified::Source, "run" => Verified::Run;
}

/// A word that is not one of those there are. The nearest is the one that the
/// text begins with or that begins with it, such as `fri` of `Friday`, or else
/// the one with the fewest letters to change.
fn refused_word(text: &str, what: &'static str, words: &[&str]) -> Invalid {
    let lower = text.to_lowercase();
    let alike = |word: &&&str| {
        let word = word.to_lowercase();
        !lower.is_empty() && (lower.starts_with(&word) || word.starts_with(&lower))
    };
    let nearest = words
        .iter()
        .find(alike)
        .map(|word| (*word).to_owned())
        .or_else(|| tenancy::spelling::nearest(&lower, words.iter().map(|word| (*word).to_owned())));
    let reason = match nearest {
        Some(word) => format!("it is none of the words for it; `{word}` is the nearest"),
        None => "it is none of the words for it".to_owned(),
    };
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    Invalid::new(what, text, reason, format!("Write one of {}.", words.join(", ")))
}

impl Leaf for bool {
    const TYPE: &'static str = "boolean";

    fn leaf(text: &str) -> Result<Self, Invalid> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Invalid::new(
                "truth value",
                text,
                "YAML has two words for it",
                "Write `true` or `false`, without quotes.",
            )),
        }
    }

    fn refine(_: &mut Schema) {}
}

impl Leaf for &'static CardModel {
    fn leaf(text: &str) -> Result<Self, Invalid> {
        text.parse()
    }

    fn refine(schema: &mut Schema) {
        let names: Vec<&str> = tenancy::card::model::MODELS.iter().map(|model| model.name).collect();
        schema.insert("examples".into(), serde_json::json!(names));
    }
}

/// What a model server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It speaks.
    Tts,
    /// It listens.
    Stt,
    /// It writes.
    Llm,
}

impl Class {
    /// As it is written, such as `tts`.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Tts => "tts",
            Class::Stt => "stt",
            Class::Llm => "llm",
        }
    }
}

/// What a model server computes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, clap::ValueEnum)]
pub enum Device {
    /// A slice of a card.
    #[default]
    Gpu,
    /// The node's own processors, without a card.
    Cpu,
}

/// How a fact of the catalogue was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// Read where its source says.
    Source,
    /// Seen in use.
    Run,
}

impl Verified {
    /// How much a fact is worth, in words.
    pub fn shown(checked: Option<Self>) -> &'static str {
        match checked {
            Some(Self::Run) => "seen in use",
            Some(Self::Source) => "read there",
            None => "NOT VERIFIED",
        }
    }
}

/// Which program terragrunt runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// HashiCorp's.
    Terraform,
    /// OpenTofu's.
    Tofu,
}

/// What becomes of a pod that cannot be spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhenUnsatisfiable {
    /// It waits.
    pub required: bool,
}

impl Leaf for IpAddr {
    fn leaf(text: &str) -> Result<Self, Invalid> {
        text.parse().map_err(|_| {
            let accepted = "Write one such as `192.0.2.10` or `2001:db8::10`.";
            Invalid::new("IP address", text, "it is neither of version 4 nor of 6", accepted)
        })
    }

    fn refine(schema: &mut Schema) {
        schema.insert("examples".into(), serde_json::json!(["192.0.2.10"]));
    }
}

/// How the stacks of a live repository are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// A folder for each, beside fleet.yaml.
    #[default]
    Root,
    /// Units of one `terragrunt.stack.hcl`.
    Stack,
}

impl Layout {
    /// Where the folder of a stack lies, below the live repository.
    pub fn folder(self, stack: &str) -> String {
        match self {
            Layout::Root => stack.to_owned(),
            Layout::Stack => format!("{UNITS}/{stack}"),
        }
    }
}

/// The folder of the units that a `terragrunt.stack.hcl` is made of.
pub const UNITS: &str = "units";

/// The folder into which terragrunt copies them, and in which they run.
pub const MADE_UNITS: &str = ".terragrunt-stack";

/// What plans show of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanObjects(pub &'static str);

/// What a tainted node does to pods that do not bear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaintEffect(pub &'static str);

/// How a toleration compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TolerationOperator(pub &'static str);

/// The method of the call that unloads a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpMethod(pub &'static str);

impl Leaf for String {
    const SCHEMA: &'static [&'static str] = SCALAR;

    fn leaf(text: &str) -> Result<Self, Invalid> {
        Ok(text.to_owned())
    }

    fn refine(_: &mut Schema) {}
}

macro_rules! integer_leaves {
    ($($type:ty: $what:literal, $min:expr, $max:expr;)*) => {$(
        impl Leaf for $type {
            const TYPE: &'static str = "integer";

            fn leaf(text: &str) -> Result<Self, Invalid> {
                match text.parse::<i64>().ok().filter(|number| ($min..=$max).contains(number)) {
                    Some(number) => <$type>::try_from(number).map_err(|_| refused_number(text, $what, $min, $max)),
                    None => Err(refused_number(text, $what, $min, $max)),
                }
            }

            fn refine(schema: &mut Schema) {
                schema.insert("minimum".into(), ($min).into());
                schema.insert("maximum".into(), ($max).into());
            }
        }
    )*};
}

fn refused_number(text: &str, what: &'static str, min: i64, max: i64) -> Invalid {
    Invalid::new(
        what,
        text,
        "it is not a whole number in range",
        format!("Write a number from {min} to {max}."),
    )
}

integer_leaves! {
    Port: "port", 1i64, 65535i64;
    u32: "count", 0i64, i64::from(u32::MAX);
    i32: "rank", i64::from(i32::MIN), i64::from(i32::MAX);
}

/// A TCP port, 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port(pub u16);

impl TryFrom<i64> for Port {
    type Error = std::num::TryFromIntError;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        u16::try_from(number).map(Port)
    }
}

/// The address of a metrics page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(pub String);

impl FromStr for Url {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |reason: &str| {
            let accepted = "Write an address such as `http://dcgm-exporter.gpu-operator:9400/metrics`.";
            Err(Invalid::new("URL", text, reason, accepted))
        };
        let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
            return refuse("it begins neither with `http://` nor with `https://`");
        };
        if rest.starts_with(['/', ':', '?']) || rest.is_empty() {
            return refuse("it names no host");
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return refuse("a space stands in it");
        }
        if rest.split('/').next().unwrap_or(rest).contains('@') {
            return refuse("it carries a password, and stacks are committed");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Our exporter as a card's source names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExporterPage {
    /// One of the fleet's, by its name.
    Ours(ExporterName),
    /// The page of one that is made elsewhere.
    At(Url),
}

impl FromStr for ExporterPage {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // No name has a slash or a colon, and no address is without.
        if text.contains(['/', ':']) { text.parse().map(Self::At) } else { text.parse().map(Self::Ours) }
    }
}

/// A Deployment, written `namespace/name`.
impl Leaf for ScaleTarget {
    fn leaf(text: &str) -> Result<Self, Invalid> {
        match text.split_once('/') {
            Some((namespace, deployment)) => {
                Ok(Self { namespace: namespace.parse()?, deployment: deployment.parse()? })
            }
            None => Err(Invalid::new("Deployment", text, "it has no `/`", "Write `namespace/name`.")),
        }
    }

    fn refine(schema: &mut Schema) {
        schema.insert("examples".into(), serde_json::json!(["immich/immich-machine-learning"]));
    }
}
