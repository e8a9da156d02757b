//! Which kinds of object the cluster has beside Kubernetes' own.

use http::Method;
use serde_json::Value;

use super::{Api, Failure, Verb};
use crate::cluster::Ask;

/// Groups of Kubernetes itself whose names look like those of extensions.
/// Their kinds that matter to us are named where they are used.
const BUILT_IN: [&str; 18] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "metrics.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// A kind of object as lists name it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listable {
    pub(crate) api_version: String,
    pub(crate) plural: String,
    pub(crate) kind: String,
}

impl Api {
    /// The namespaced kinds of extensions that can be listed; asked once.
    ///
    /// # Errors
    /// Everything but success, save for a single group that does not answer:
    /// an extension server that is down must not keep namespaces for ever.
    pub(crate) async fn extensions(&self) -> Result<&[Listable], Failure> {
        let kinds = self.server.extensions.get_or_try_init(|| self.discover()).await?;
        Ok(kinds)
    }

    async fn discover(&self) -> Result<Vec<Listable>, Failure> {
        let groups = self.document("/apis").await?;
        let versions = items(&groups, "groups").filter_map(|group| {
            let name = group["name"].as_str()?;
            let is_extension = name.contains('.') && !BUILT_IN.contains(&name);
            group["preferredVersion"]["groupVersion"].as_str().filter(|_| is_extension)
        });
        let mut found = Vec::new();
        for version in versions {
            let Ok(resources) = self.document(&format!("/apis/{version}")).await else { continue };
            let listable = items(&resources, "resources").filter_map(|resource| {
                let plural = resource["name"].as_str().filter(|name| !name.contains('/'))?;
                let lists = items(resource, "verbs").any(|verb| verb == "list");
                (lists && resource["namespaced"] == true).then(|| Listable {
                    api_version: version.to_owned(),
                    plural: plural.to_owned(),
                    kind: resource["kind"].as_str().unwrap_or(plural).to_owned(),
                })
            });
            found.extend(listable);
        }
        Ok(found)
    }

    async fn document(&self, path: &str) -> Result<Value, Failure> {
        let ask = Ask { method: Method::GET, path: path.to_owned(), content_type: None, body: None };
        Ok(self.call(format!("kinds of {path}"), Verb::Get, &ask).await?.body)
    }
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}
