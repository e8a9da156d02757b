//! Objects by name, and objects as they are in the cluster.

use std::fmt;

use serde_json::Value;

/// Which object is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ref {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl Ref {
    pub(crate) fn new(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Self {
        Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    pub(crate) fn config_map(namespace: &str, name: &str) -> Self {
        Self::new("v1", "ConfigMap", Some(namespace), name)
    }

    pub(crate) fn deployment(namespace: &str, name: &str) -> Self {
        Self::new("apps/v1", "Deployment", Some(namespace), name)
    }

    /// Where the API server has it.
    pub(crate) fn path(&self) -> String {
        let root = if self.api_version.contains('/') { "/apis" } else { "/api" };
        let plural = plural(&self.kind);
        let version = &self.api_version;
        let name = &self.name;
        match &self.namespace {
            Some(namespace) => format!("{root}/{version}/namespaces/{namespace}/{plural}/{name}"),
            None => format!("{root}/{version}/{plural}/{name}"),
        }
    }
}

/// The plural of a kind, as English and the API server form it for every kind that we make or look at.
pub(crate) fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    match lower.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{lower}s"),
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// An object as the API server told it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Live(pub(crate) Value);

impl Live {
    pub(crate) fn uid(&self) -> &str {
        self.0["metadata"]["uid"].as_str().unwrap_or_default()
    }

    /// The version of this look at it.
    pub(crate) fn version(&self) -> &str {
        self.0["metadata"]["resourceVersion"].as_str().unwrap_or_default()
    }

    /// Whether it is on its way out.
    pub(crate) fn is_deleting(&self) -> bool {
        !self.0["metadata"]["deletionTimestamp"].is_null()
    }

    /// A condition that holds.
    pub(crate) fn condition(&self, name: &str) -> Option<&Value> {
        let conditions = self.0["status"]["conditions"].as_array()?;
        conditions.iter().find(|it| it["type"] == name && it["status"] == "True")
    }

    /// What it asks for: `spec.replicas` of a Deployment.
    pub(crate) fn replicas(&self) -> Option<u64> {
        self.0["spec"]["replicas"].as_u64()
    }

    /// The entries of managedFields.
    pub(crate) fn entries(&self) -> &[Value] {
        self.0["metadata"]["managedFields"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// What a manager has applied to the object itself, as fieldsV1.
    pub(crate) fn applied_by(&self, manager: &str) -> Option<&Value> {
        let entry = self.entries().iter().find(|entry| {
            entry["manager"] == manager && entry["operation"] == "Apply" && entry["subresource"].is_null()
        });
        entry.map(|entry| &entry["fieldsV1"])
    }

    /// The managers, newest last, without doubles.
    pub(crate) fn managers(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for entry in self.entries() {
            let name = entry["manager"].as_str().unwrap_or_default().to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}
