//! Names that are legal for their kind, and hashing names to fit.
//!
//! The rules are Kubernetes' own: <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>
//! and `k8s.io/apimachinery/pkg/util/validation/validation.go`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Invalid;

/// Longest RFC 1123 or RFC 1035 label, and longest label value.
pub const LABEL_LIMIT: usize = 63;
/// Longest DNS subdomain.
pub const SUBDOMAIN_LIMIT: usize = 253;
/// Longest CronJob name: the controller appends `-` and ten digits for its Jobs.
pub const CRONJOB_LIMIT: usize = 52;
/// Longest name of a container port (IANA service name).
pub const PORT_NAME_LIMIT: usize = 15;

/// Joins `base` and `suffix` to a name of at most `limit` bytes.
///
/// When both fit, the result is simply `base` + `suffix`. When they do not,
/// `base` is cut and eight hexadecimal digits of its SHA-256 take the place of
/// what was cut, so that two long names that begin alike stay apart and the
/// same input always gives the same name.
pub fn fit(base: &str, suffix: &str, limit: usize) -> String {
    if base.len() + suffix.len() <= limit {
        return format!("{base}{suffix}");
    }
    let digest = Sha256::digest(base.as_bytes());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let room = limit.saturating_sub(suffix.len() + hash.len() + 1);
    let kept: String = base.chars().take(room).collect();
    let kept = kept.trim_end_matches(['-', '.']);
    format!("{kept}-{hash}{suffix}")
}

fn is_label_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn is_alnum(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// Why `text` is no RFC 1123 label, if it is none.
fn rfc1123_label(text: &str, limit: usize) -> Result<(), String> {
    if text.is_empty() {
        return Err("it is empty".into());
    }
    if let Some(c) = text.chars().find(|c| !is_label_char(*c)) {
        return Err(format!("{c:?} may not stand in it"));
    }
    if !text.starts_with(is_alnum) || !text.ends_with(is_alnum) {
        return Err("it must begin and end with a letter or a digit".into());
    }
    if text.len() > limit {
        return Err(format!("it has {} characters, {limit} are allowed", text.len()));
    }
    Ok(())
}

fn rfc1035_label(text: &str, limit: usize) -> Result<(), String> {
    rfc1123_label(text, limit)?;
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err("it must begin with a letter".into());
    }
    Ok(())
}

fn rfc1123_subdomain(text: &str, limit: usize) -> Result<(), String> {
    if text.len() > limit {
        return Err(format!("it has {} characters, {limit} are allowed", text.len()));
    }
    text.split('.').try_for_each(|label| rfc1123_label(label, limit))
}

fn port_name(text: &str, limit: usize) -> Result<(), String> {
    rfc1123_label(text, limit)?;
    if text.contains("--") {
        return Err("two hyphens may not stand together".into());
    }
    if !text.contains(|c: char| c.is_ascii_lowercase()) {
        return Err("it must contain a letter".into());
    }
    Ok(())
}

fn env_name(text: &str, _limit: usize) -> Result<(), String> {
    if text.is_empty() {
        return Err("it is empty".into());
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("it begins with a digit".into());
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "_-.".contains(*c))) {
        Some(c) => Err(format!("{c:?} may not stand in it")),
        None => Ok(()),
    }
}

fn qualified_part(text: &str, what: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!("its {what} is empty"));
    }
    if text.len() > LABEL_LIMIT {
        return Err(format!("its {what} has {} characters, {LABEL_LIMIT} are allowed", text.len()));
    }
    if let Some(c) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || "_-.".contains(*c))) {
        return Err(format!("{c:?} may not stand in its {what}"));
    }
    let ends = |c: char| c.is_ascii_alphanumeric();
    if !text.starts_with(ends) || !text.ends_with(ends) {
        return Err(format!("its {what} must begin and end with a letter or a digit"));
    }
    Ok(())
}

fn qualified_name(text: &str, limit: usize) -> Result<(), String> {
    match text.split_once('/') {
        Some((prefix, name)) => {
            rfc1123_subdomain(prefix, limit).map_err(|why| format!("its prefix is not legal: {why}"))?;
            qualified_part(name, "name")
        }
        None => qualified_part(text, "name"),
    }
}

fn label_value(text: &str, _limit: usize) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { qualified_part(text, "value") }
}

fn config_key(text: &str, limit: usize) -> Result<(), String> {
    if text.is_empty() || text == "." || text.starts_with("..") {
        return Err("it is empty or only dots".into());
    }
    if text.len() > limit {
        return Err(format!("it has {} characters, {limit} are allowed", text.len()));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "_-.".contains(*c))) {
        Some(c) => Err(format!("{c:?} may not stand in it")),
        None => Ok(()),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:ident, $limit:expr, $accepted:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                match $rule(text, $limit) {
                    Ok(()) => Ok(Self(text.to_owned())),
                    Err(reason) => Err(Invalid::new($what, text, reason, $accepted)),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// A Kubernetes namespace: an RFC 1123 label such as `tts`.
    Namespace, "namespace", rfc1123_label, LABEL_LIMIT,
    "Use at most 63 lower-case letters, digits and hyphens."
);
name_type!(
    /// A tenant's own name. It becomes the Deployment's and the Service's name
    /// and a label value, so it is an RFC 1035 label such as `chatterbox-tts`.
    TenantName, "tenant name", rfc1035_label, LABEL_LIMIT,
    "Use at most 63 lower-case letters, digits and hyphens, beginning with a letter."
);
name_type!(
    /// A card's name in the fleet: an RFC 1123 label such as `gpu-1-0`.
    CardName, "card name", rfc1123_label, LABEL_LIMIT,
    "Use at most 63 lower-case letters, digits and hyphens."
);
name_type!(
    /// A resident's name on its card: an RFC 1123 label such as `llama`.
    ResidentName, "resident name", rfc1123_label, LABEL_LIMIT,
    "Use at most 63 lower-case letters, digits and hyphens."
);
name_type!(
    /// A window's name within its tenant: an RFC 1123 label such as `night`.
    WindowName, "window name", rfc1123_label, LABEL_LIMIT,
    "Use at most 63 lower-case letters, digits and hyphens."
);
name_type!(
    /// The name of a container or an init container: an RFC 1123 label.
    ContainerName, "container name", rfc1123_label, LABEL_LIMIT,
    "Use at most 63 lower-case letters, digits and hyphens."
);
name_type!(
    /// An exporter's name. Its DaemonSet puts it into a label of its pods with a
    /// hash behind it, and its Service into DNS, so it is an RFC 1035 label of at
    /// most 52 characters.
    ExporterName, "exporter name", rfc1035_label, 52,
    "Use at most 52 lower-case letters, digits and hyphens, beginning with a letter."
);
name_type!(
    /// The name of a volume of a pod: an RFC 1123 label such as `voices`.
    VolumeName, "volume name", rfc1123_label, LABEL_LIMIT,
    "Use at most 63 lower-case letters, digits and hyphens."
);
name_type!(
    /// A node's name: a DNS subdomain such as `gpu-1` or `gpu-1.example.org`.
    NodeName, "node name", rfc1123_subdomain, SUBDOMAIN_LIMIT,
    "Use a DNS name of at most 253 lower-case letters, digits, hyphens and dots."
);
name_type!(
    /// A host's name: a DNS subdomain such as `models.example.org`.
    HostName, "host name", rfc1123_subdomain, SUBDOMAIN_LIMIT,
    "Use a DNS name of at most 253 lower-case letters, digits, hyphens and dots."
);
name_type!(
    /// The name of an object that others made: a claim, Secret, StorageClass, PriorityClass.
    ObjectName, "object name", rfc1123_subdomain, SUBDOMAIN_LIMIT,
    "Use a DNS name of at most 253 lower-case letters, digits, hyphens and dots."
);
name_type!(
    /// A port's name, an IANA service name such as `http`.
    PortName, "port name", port_name, PORT_NAME_LIMIT,
    "Use at most 15 lower-case letters, digits and single hyphens, with at least one letter."
);
name_type!(
    /// An environment variable's name.
    EnvName, "environment variable name", env_name, usize::MAX,
    "Use letters, digits, `_`, `-` and `.`, not beginning with a digit."
);
name_type!(
    /// A label's or annotation's key: an optional DNS prefix, `/`, and a name.
    LabelKey, "label key", qualified_name, SUBDOMAIN_LIMIT,
    "Use a name of at most 63 letters, digits, `-`, `_` and `.`, with an optional DNS prefix and `/` before it."
);
name_type!(
    /// A label's value; it may be empty.
    LabelValue, "label value", label_value, LABEL_LIMIT,
    "Use at most 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter or a digit."
);
name_type!(
    /// A key of a ConfigMap or a Secret.
    ConfigKey, "ConfigMap key", config_key, SUBDOMAIN_LIMIT,
    "Use at most 253 letters, digits, `-`, `_` and `.`."
);

impl Namespace {
    /// The namespace of all cards' objects, [`crate::declared::SYSTEM_NAMESPACE`].
    pub fn system() -> Self {
        Self(crate::declared::SYSTEM_NAMESPACE.to_owned())
    }
}

/// Who a tenant is in the whole cluster: `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId {
    /// The tenant's namespace.
    pub namespace: Namespace,
    /// The tenant's name within it.
    pub name: TenantName,
}

impl TenantId {
    /// The tenant as one key of a ConfigMap: `namespace.name`. Neither part may
    /// contain a dot, so two tenants never share a key.
    pub fn key(&self) -> String {
        format!("{}.{}", self.namespace, self.name)
    }

    /// Reads [`TenantId::key`] back.
    pub fn from_key(key: &str) -> Result<Self, Invalid> {
        match key.split_once('.') {
            Some((namespace, name)) => Ok(Self { namespace: namespace.parse()?, name: name.parse()? }),
            None => Err(Invalid::new("tenant key", key, "it has no dot", "Expected `namespace.name`.")),
        }
    }
}

impl FromStr for TenantId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.split_once('/') {
            Some((namespace, name)) => Ok(Self { namespace: namespace.parse()?, name: name.parse()? }),
            None => Err(Invalid::new("tenant", text, "it has no `/`", "Write `namespace/name`.")),
        }
    }
}

impl TryFrom<String> for TenantId {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> String {
        id.to_string()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_follow_the_rules_of_their_kind() {
        for good in ["tts", "a", "0", "a-b", &"x".repeat(63)] {
            assert!(good.parse::<Namespace>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a_b", "ä", &"x".repeat(64), "../x"] {
            assert!(bad.parse::<Namespace>().is_err(), "{bad}");
        }
        assert!("0tts".parse::<TenantName>().is_err());
        assert!("http".parse::<PortName>().is_ok());
        assert!("8000".parse::<PortName>().is_err());
        assert!("a-name-of-16-xxx".parse::<PortName>().is_err());
        assert!("app.kubernetes.io/name".parse::<LabelKey>().is_ok());
        assert!("App_1".parse::<LabelKey>().is_ok());
        assert!("-x/name".parse::<LabelKey>().is_err());
        assert!("config.yaml".parse::<ConfigKey>().is_ok());
        assert!("..data".parse::<ConfigKey>().is_err());
    }

    #[test]
    fn a_refused_name_says_what_would_be_accepted() {
        let error = "TTS".parse::<Namespace>().unwrap_err();
        insta::assert_snapshot!(error, @r#""TTS" is not a namespace: 'T' may not stand in it. Use at most 63 lower-case letters, digits and hyphens."#);
    }

    proptest! {
        #[test]
        fn fitted_names_fit_are_legal_and_stable(base in "[a-z][a-z0-9-]{0,80}[a-z0-9]", limit in 40usize..=63) {
            let name = fit(&base, "-window-down", limit);
            prop_assert!(name.len() <= limit);
            prop_assert!(rfc1123_label(&name, limit).is_ok());
            prop_assert_eq!(&name, &fit(&base, "-window-down", limit));
        }

        #[test]
        fn long_names_that_begin_alike_stay_apart(a in "[a-z]{1,9}", b in "[a-z]{1,9}") {
            prop_assume!(a != b);
            let long = "x".repeat(60);
            prop_assert_ne!(fit(&format!("{long}{a}"), "-guard", 52), fit(&format!("{long}{b}"), "-guard", 52));
        }

        #[test]
        fn a_tenant_is_read_back_from_its_key(ns in "[a-z0-9]{1,20}", name in "[a-z][a-z0-9]{0,20}") {
            let id: TenantId = format!("{ns}/{name}").parse().unwrap();
            prop_assert_eq!(TenantId::from_key(&id.key()).unwrap(), id);
        }
    }
}
