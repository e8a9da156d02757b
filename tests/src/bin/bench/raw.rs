//! The provider's API calls, sent by a program that does nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use e2e::{Example, Surroundings};
use futures::{StreamExt, TryStreamExt};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tenancy::declared;
use tenancy::names::TenantId;
use tenancy::objects::{Kind, rest_path};

/// Over how many connections.
const CONNECTIONS: usize = 10;
/// The cluster comes to a namespace five seconds after its delete (`namespaceDeletionGracePeriod` of Kubernetes'
/// namespace controller), and by name: so long after one of that name, another would be gone too soon.
const FORGOTTEN: Duration = Duration::from_secs(6);

/// One object: where it lives, what is applied, and as which wave.
struct Call {
    path: String,
    manager: String,
    body: Value,
    kind: Kind,
    /// A second apply under another manager, as a Deployment's birth needs.
    birth: Option<Value>,
    /// Whether the object itself goes when it is deleted, and not only our part of it.
    whole: bool,
}

/// The calls, and a client.
pub(crate) struct Raw {
    runtime: tokio::runtime::Runtime,
    client: Client,
    calls: Vec<Call>,
}

impl Raw {
    /// A client for the run's cluster.
    pub(crate) fn connect() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let client = runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(&Surroundings::get().kubeconfig)?;
            let config =
                kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
            anyhow::Ok(Client::try_from(config)?)
        })?;
        Ok(Self { runtime, client, calls: Vec::new() })
    }

    /// Reads what the provider made, so that the same objects can be sent again.
    pub(crate) fn learn(&mut self, examples: &[Example]) -> Result<()> {
        for example in examples {
            let tenant: TenantId = format!("{}/{}", example.namespace, example.name).parse()?;
            for kind in Kind::ALL {
                for (path, body) in self.runtime.block_on(self.ours(kind, &tenant))? {
                    self.calls.push(call(path, kind, body, &tenant));
                }
            }
            for kind in [Kind::ConfigMap, Kind::Role, Kind::RoleBinding] {
                let path = rest_path(
                    kind,
                    Some(&declared::SYSTEM_NAMESPACE.parse()?),
                    &declared::pointer_name(&tenant),
                );
                let body =
                    self.runtime.block_on(self.get(&path))?.with_context(|| format!("{path} is absent"))?;
                self.calls.push(call(path, kind, stripped(body), &tenant));
            }
            self.calls.push(self.entry(example, &tenant)?);
        }
        Ok(())
    }

    /// The tenant's objects of one kind, by label.
    async fn ours(&self, kind: Kind, tenant: &TenantId) -> Result<Vec<(String, Value)>> {
        let namespace = kind.is_namespaced().then_some(&tenant.namespace);
        let list = rest_path(kind, namespace, "");
        let selector = if kind == Kind::Namespace {
            format!("kubernetes.io/metadata.name={}", tenant.namespace)
        } else {
            "app.kubernetes.io/managed-by=gpu-tenancy".to_owned()
        };
        let list = format!("{}?labelSelector={selector}", list.trim_end_matches('/'));
        // Of a kind that the cluster does not know, such as ServiceMonitors, there is nothing.
        let Some(found) = self.get(&list).await? else { return Ok(Vec::new()) };
        let items = found["items"].as_array().cloned().unwrap_or_default();
        let of_tenant = items.into_iter().filter(|item| {
            // The Job of a tick that came meanwhile is its CronJob's.
            item["metadata"]["ownerReferences"].is_null()
                && (kind.is_namespaced()
                    || kind == Kind::Namespace
                    || item["spec"]["claimRef"]["namespace"] == tenant.namespace.as_str())
        });
        Ok(of_tenant
            .map(|mut item| {
                let name = item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                item["apiVersion"] = json!(kind.api_version());
                item["kind"] = json!(kind.as_str());
                (rest_path(kind, namespace, &name), stripped(item))
            })
            .collect())
    }

    fn entry(&self, example: &Example, tenant: &TenantId) -> Result<Call> {
        let name = declared::declared_name(&example.card.parse()?);
        let path = rest_path(Kind::ConfigMap, Some(&declared::SYSTEM_NAMESPACE.parse()?), &name);
        let live = self.runtime.block_on(self.get(&path))?.with_context(|| format!("{path} is absent"))?;
        let key = declared::floor_key(tenant);
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": declared::SYSTEM_NAMESPACE},
            "data": {key.clone(): live["data"][&key]},
        });
        Ok(Call { whole: false, ..call(path, Kind::ConfigMap, body, tenant) })
    }

    /// How many objects there are.
    pub(crate) fn count(&self) -> usize {
        self.calls.len()
    }

    /// Removes what the provider retained, and waits until it is gone and nobody remembers it.
    pub(crate) fn clear(&self) -> Result<()> {
        self.runtime.block_on(async {
            self.each(|call| call.whole, |call| self.remove(call)).await?;
            self.absent().await?;
            tokio::time::sleep(FORGOTTEN).await;
            Ok(())
        })
    }

    /// How many calls [`Raw::apply`], [`Raw::read`] and [`Raw::delete`] send, without the looks of a wait.
    pub(crate) fn calls(&self) -> [usize; 3] {
        let births = self.calls.iter().filter(|call| call.birth.is_some()).count();
        let whole = self.calls.iter().filter(|call| call.whole).count();
        [self.calls.len() + births, self.calls.len(), whole]
    }

    /// Namespaces first, then everything: an apply, and a Deployment's birth. No look comes before: this is
    /// the least that makes the objects.
    pub(crate) fn apply(&self) -> Result<()> {
        self.runtime.block_on(async {
            self.each(|call| call.kind == Kind::Namespace, |call| self.create(call)).await?;
            self.each(|call| call.kind != Kind::Namespace, |call| self.create(call)).await
        })
    }

    /// One read each.
    pub(crate) fn read(&self) -> Result<()> {
        self.runtime.block_on(self.each(|_| true, |call| async { self.get(&call.path).await.map(drop) }))
    }

    /// One delete each, then reads until all answer 404.
    pub(crate) fn delete(&self) -> Result<()> {
        self.runtime.block_on(async {
            self.each(|call| call.whole, |call| self.remove(call)).await?;
            self.absent().await
        })
    }

    async fn each<'a, F>(&'a self, which: impl Fn(&Call) -> bool, work: impl Fn(&'a Call) -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let chosen = self.calls.iter().filter(|call| which(call));
        futures::stream::iter(chosen.map(work))
            .buffer_unordered(CONNECTIONS)
            .try_collect::<Vec<()>>()
            .await
            .map(drop)
    }

    async fn create(&self, call: &Call) -> Result<()> {
        self.patch(&call.path, &call.manager, &call.body).await?;
        match &call.birth {
            Some(birth) => self.patch(&call.path, "gpu-bench-birth", birth).await,
            None => Ok(()),
        }
    }

    async fn remove(&self, call: &Call) -> Result<()> {
        self.send(Method::DELETE, &call.path, None).await.map(drop)
    }

    async fn absent(&self) -> Result<()> {
        for call in self.calls.iter().filter(|call| call.whole) {
            while self.get(&call.path).await?.is_some() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    async fn patch(&self, path: &str, manager: &str, body: &Value) -> Result<()> {
        self.send(Method::PATCH, &format!("{path}?fieldManager={manager}"), Some(body)).await.map(drop)
    }

    async fn get(&self, path: &str) -> Result<Option<Value>> {
        self.send(Method::GET, path, None).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Option<Value>> {
        let bytes = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header("content-type", "application/apply-patch+yaml")
            .body(Body::from(bytes))?;
        let answer = self.client.send(request).await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await?.to_bytes();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            bail!("{method} {path}: {status} {}", String::from_utf8_lossy(&bytes));
        }
        Ok(Some(serde_json::from_slice(&bytes)?))
    }
}

fn call(path: String, kind: Kind, mut body: Value, tenant: &TenantId) -> Call {
    let mut birth = None;
    if kind == Kind::Deployment {
        birth = Some(json!({
            "apiVersion": body["apiVersion"], "kind": body["kind"],
            "metadata": {"name": body["metadata"]["name"], "namespace": body["metadata"]["namespace"]},
            "spec": {"replicas": 0},
        }));
        body["spec"]["replicas"] = json!(0);
    }
    Call { path, manager: format!("gpu-bench.{}", tenant.key()), body, kind, birth, whole: true }
}

/// A live object as a person would have written it.
fn stripped(mut object: Value) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object().cloned() {
        let kept: BTreeMap<String, Value> = metadata
            .into_iter()
            .filter(|(key, _)| ["name", "namespace", "labels", "annotations"].contains(&key.as_str()))
            .collect();
        object["metadata"] = json!(kept);
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        for key in ["clusterIP", "clusterIPs", "finalizers", "volumeName"] {
            spec.remove(key);
        }
    }
    object
}
