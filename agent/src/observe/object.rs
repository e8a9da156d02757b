//! What the agent asks the API server for: each object by its name, and nothing
//! that a tenant's gate has no right to.

use tenancy::declared::{SYSTEM_NAMESPACE, gate_account, watcher_name};
use tenancy::expand::{EXPORTER_LABEL, NAME_LABEL, PREFETCH_POD_NAME, TENANT_LABEL};
use tenancy::gate::ScaleTarget;
use tenancy::names::{CardName, NodeName, TenantId};

/// Something that the API server has, with the words for people and the remedy when it is not to be had.
#[derive(Debug, Clone)]
pub struct Object {
    path: String,
    told: String,
    remedy: &'static str,
}

impl Object {
    /// Path and query below the server's address.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it is, for people.
    pub fn told(&self) -> &str {
        &self.told
    }

    /// What helps where it is missing or not allowed, as a sentence.
    pub fn remedy(&self) -> &'static str {
        self.remedy
    }

    /// A ConfigMap of the system namespace: pointer, declared object or ledger.
    pub fn system_config_map(name: &str) -> Self {
        Self {
            path: format!("/api/v1/namespaces/{SYSTEM_NAMESPACE}/configmaps/{name}"),
            told: format!("ConfigMap {SYSTEM_NAMESPACE}/{name}"),
            remedy: "Apply the tenant's `gpu_vram_floor` and its card's `gpu_card` again; they make it and the rights to it.",
        }
    }

    /// A ConfigMap of the system namespace, to be followed.
    pub fn followed_config_map(name: &str) -> Self {
        let path = format!(
            "/api/v1/namespaces/{SYSTEM_NAMESPACE}/configmaps?watch=true&fieldSelector=metadata.name%3D{name}"
        );
        Self {
            path,
            remedy: "Apply the card's `gpu_card` again; it gives the watcher the right to it.",
            ..Self::system_config_map(name)
        }
    }

    /// The ConfigMap with a tenant's gate configuration, for people; the gate itself has it mounted.
    pub fn gate_config(tenant: &TenantId) -> Self {
        let name = gate_account(tenant);
        Self {
            path: format!("/api/v1/namespaces/{}/configmaps/{name}", tenant.namespace),
            told: format!("ConfigMap {}/{name}", tenant.namespace),
            remedy: "Either no tenant has this name, or it is always awake and has no gate; where it should \
                     have one, apply its `gpu_windowed_service` again.",
        }
    }

    /// The Lease by which the watchers of a card agree on one of them.
    pub fn lease(card: &CardName) -> Self {
        let name = watcher_name(card);
        Self {
            path: format!("/apis/coordination.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}/leases/{name}"),
            told: format!("Lease {SYSTEM_NAMESPACE}/{name}"),
            remedy: "Apply the card's `gpu_card` with `watch = true` again; it makes it and the rights to it.",
        }
    }

    /// A page of a Service by its cluster URL, as the API server's proxy has it,
    /// for whoever is outside the cluster. `None` for a URL that names no Service.
    pub fn proxied(url: &str) -> Option<Self> {
        let uri: http::Uri = url.parse().ok()?;
        // The proxy would take any certificate and pass no token on.
        if uri.scheme_str() == Some("https") {
            return None;
        }
        let mut host = uri.host()?.split('.');
        let (service, namespace) = (host.next()?, host.next()?);
        if host.next().is_some_and(|next| next != "svc") {
            return None;
        }
        let (port, page) = (uri.port_u16().unwrap_or(80), uri.path_and_query()?);
        Some(Self {
            path: format!("/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy{page}"),
            told: format!("{url} through the API server"),
            remedy: "Look from inside the cluster, or as somebody who may get `services/proxy`.",
        })
    }

    /// The pods of our exporter on a node.
    pub fn exporters(namespace: &str, node: &NodeName) -> Self {
        let label = EXPORTER_LABEL;
        Self {
            path: format!(
                "/api/v1/namespaces/{namespace}/pods?labelSelector={label}&fieldSelector=spec.nodeName%3D{node}"
            ),
            told: format!("the exporter's pod on node {node}"),
            remedy: "Look from inside the cluster, or as somebody who may list the pods there.",
        }
    }

    /// A page of a pod, as the API server's proxy has it.
    pub fn proxied_pod(namespace: &str, pod: &str, port: u16, page: &str) -> Self {
        Self {
            path: format!("/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{page}"),
            told: format!("pod {namespace}/{pod} through the API server"),
            remedy: "Look from inside the cluster, or as somebody who may get `pods/proxy`.",
        }
    }

    /// Every Service of the cluster.
    pub fn services() -> Self {
        Self {
            path: "/api/v1/services".to_owned(),
            told: "the Services of the cluster".to_owned(),
            remedy: "Look as somebody who may list them.",
        }
    }

    /// A tenant's Deployment.
    pub fn deployment(tenant: &TenantId) -> Self {
        Self {
            path: format!("/apis/apps/v1/namespaces/{}/deployments/{}", tenant.namespace, tenant.name),
            told: format!("Deployment {tenant}"),
            remedy: TENANT_REMEDY,
        }
    }

    /// The pods of a tenant's namespace that carry some labels.
    pub fn pods(tenant: &TenantId, labels: &[(&str, &str)]) -> Self {
        Self::selected_pods(tenant, labels, |key, value| format!("{key}%3D{value}"))
    }

    /// The pods of a tenant, and with them those of its prefetch where `labels` tell it from other tenants.
    pub fn pods_and_prefetch(tenant: &TenantId, labels: &[(&str, &str)]) -> Self {
        let is_told_apart = labels.iter().any(|(key, _)| *key == TENANT_LABEL);
        Self::selected_pods(tenant, labels, |key, value| match key == NAME_LABEL && is_told_apart {
            true => format!("{key}+in+({value},{PREFETCH_POD_NAME})"),
            false => format!("{key}%3D{value}"),
        })
    }

    fn selected_pods(
        tenant: &TenantId,
        labels: &[(&str, &str)],
        requirement: impl Fn(&str, &str) -> String,
    ) -> Self {
        let selector: Vec<String> = labels.iter().map(|(key, value)| requirement(key, value)).collect();
        Self {
            // Label keys and values hold no character that a query would need escaped but `/`, which may stand.
            path: format!(
                "/api/v1/namespaces/{}/pods?labelSelector={}",
                tenant.namespace,
                selector.join("%2C")
            ),
            told: format!("the pods of {tenant}"),
            remedy: TENANT_REMEDY,
        }
    }

    /// A page of a pod's server, as the API server's proxy has it.
    pub fn of_pod(tenant: &TenantId, pod: &str, port: u16, page: &str) -> Self {
        Self {
            path: format!("/api/v1/namespaces/{}/pods/{pod}:{port}/proxy{page}", tenant.namespace),
            told: format!("a request to {pod}, port {port}, through the API server"),
            remedy: "Do it as somebody who may create `pods/proxy` in the tenant's namespace.",
        }
    }

    /// A tenant's CronJobs.
    pub fn cron_jobs(tenant: &TenantId) -> Self {
        let labels = tenancy::expand::selector(tenant);
        let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}%3D{value}")).collect();
        Self {
            path: format!(
                "/apis/batch/v1/namespaces/{}/cronjobs?labelSelector={}",
                tenant.namespace,
                selector.join("%2C")
            ),
            told: format!("the CronJobs of {tenant}"),
            remedy: TENANT_REMEDY,
        }
    }

    /// The Jobs of a tenant's namespace, to add one.
    pub fn jobs(tenant: &TenantId) -> Self {
        Self {
            path: format!("/apis/batch/v1/namespaces/{}/jobs", tenant.namespace),
            told: format!("a Job in namespace {}", tenant.namespace),
            remedy: "Do it as somebody who may create Jobs in the tenant's namespace.",
        }
    }

    /// One Job of a tenant's namespace.
    pub fn job(tenant: &TenantId, name: &str) -> Self {
        Self {
            path: format!("/apis/batch/v1/namespaces/{}/jobs/{name}", tenant.namespace),
            told: format!("Job {}/{name}", tenant.namespace),
            remedy: "Do it as somebody who may get Jobs in the tenant's namespace.",
        }
    }

    /// The scale of an Option B target.
    pub fn scale(target: &ScaleTarget) -> Self {
        Self::scale_of(target.namespace.as_str(), target.deployment.as_str())
    }

    /// The scale of a tenant's own Deployment, which has the tenant's name.
    pub fn own_scale(tenant: &TenantId) -> Self {
        Self::scale_of(tenant.namespace.as_str(), tenant.name.as_str())
    }

    fn scale_of(namespace: &str, deployment: &str) -> Self {
        Self {
            path: format!("/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}/scale"),
            told: format!("the scale of Deployment {namespace}/{deployment}"),
            remedy: TENANT_REMEDY,
        }
    }

    /// The Events of a tenant's namespace, to add one.
    pub fn events(tenant: &TenantId) -> Self {
        Self {
            path: format!("/apis/events.k8s.io/v1/namespaces/{}/events", tenant.namespace),
            told: format!("an Event in namespace {}", tenant.namespace),
            remedy: TENANT_REMEDY,
        }
    }
}

const TENANT_REMEDY: &str =
    "Apply the tenant's `gpu_windowed_service` again; it makes it and the rights to it.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_reached_through_the_api_server() {
        let path = |url: &str| Object::proxied(url).map(|object| object.path);
        let dcgm = "/api/v1/namespaces/gpu-operator/services/dcgm-exporter:9400/proxy/metrics?a=b";
        for host in ["dcgm-exporter.gpu-operator", "dcgm-exporter.gpu-operator.svc.cluster.local"] {
            assert_eq!(path(&format!("http://{host}:9400/metrics?a=b")).as_deref(), Some(dcgm));
        }
        for elsewhere in [
            "https://thanos.monitoring:9091/",
            "http://exporter:9400/metrics",
            "http://gpu-1.example.org/metrics",
            "not a URL",
        ] {
            assert_eq!(path(elsewhere), None, "{elsewhere}");
        }
    }
}
