//! An API server played in memory, for the order of calls and what follows
//! from their failures. What server-side apply does to fields is tried against
//! a real one in the end-to-end tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};
use tfplugin::testing::Driver;

use crate::provider::{Gpu, Settings};

/// The objects by path, where they are served, the calls in order, and the calls that fail.
#[derive(Default)]
pub(crate) struct Inside {
    pub(crate) objects: BTreeMap<String, Value>,
    host: String,
    pub(crate) calls: Vec<String>,
    /// Method, part of the path, status: answered instead of done.
    pub(crate) faults: Vec<(Method, &'static str, u16)>,
    /// Method, part of the path: done, and answered as by a proxy that lost the answer; once.
    lost: Vec<(Method, &'static str)>,
    /// Method, part of the path, what else happens just before the call is answered.
    hooks: Vec<(Method, &'static str, Hook)>,
    version: u64,
}

type Hook = Box<dyn FnMut(&mut Inside) + Send>;

#[derive(Clone, Default)]
pub(crate) struct FakeCluster(pub(crate) Arc<Mutex<Inside>>);

impl FakeCluster {
    /// Starts one and a provider that is configured for it.
    pub(crate) async fn start() -> (FakeCluster, Driver<Gpu>) {
        Self::start_with(Settings::default()).await
    }

    /// The same with these settings beside host and token.
    pub(crate) async fn start_with(settings: Settings) -> (FakeCluster, Driver<Gpu>) {
        let cluster = FakeCluster::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        cluster.0.lock().unwrap().host = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(cluster.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let driver = cluster.configured(settings).await;
        (cluster, driver)
    }

    /// A provider that knows nothing of what the one before has planned, as in another run of Terraform.
    pub(crate) async fn another_run(&self) -> Driver<Gpu> {
        self.configured(Settings::default()).await
    }

    async fn configured(&self, settings: Settings) -> Driver<Gpu> {
        let driver = Driver::new(Gpu);
        let host = self.0.lock().unwrap().host.clone();
        let settings = Settings { host: host.as_str().into(), token: "t".into(), ..settings };
        assert!(driver.configure(&settings).await.is_empty());
        driver
    }

    pub(crate) fn put(&self, path: &str, object: Value) {
        let mut inside = self.0.lock().unwrap();
        inside.store(path, object, "somebody");
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.0.lock().unwrap().objects.get(path).cloned()
    }

    pub(crate) fn paths(&self, within: &str) -> Vec<String> {
        self.0.lock().unwrap().objects.keys().filter(|path| path.contains(within)).cloned().collect()
    }

    /// Where an object is, given its `Kind/name`: in a tenant's namespace, or else in ours.
    pub(crate) fn url(&self, key: &str) -> String {
        let key: tenancy::objects::Key = key.parse().unwrap();
        let end = format!("/{}/{}", key.kind.plural(), key.name);
        let inside = self.0.lock().unwrap();
        let urls: Vec<&String> = inside.objects.keys().filter(|url| url.ends_with(&end)).collect();
        let of_tenant = urls.iter().find(|url| !url.contains("/namespaces/gpu-tenancy/"));
        (*of_tenant.or(urls.first()).unwrap()).clone()
    }

    /// Somebody changes the leaf at `path` to what it is in `fragment`, or deletes it.
    pub(crate) fn by_hand(&self, url: &str, path: &str, fragment: Option<&Value>) {
        let mut inside = self.0.lock().unwrap();
        let object = inside.objects.get_mut(url).unwrap();
        tenancy::leaves::remove_leaf(object, path).unwrap_or_else(|| panic!("{url} has no {path}"));
        let managers = object["metadata"]["managedFields"].as_array_mut().unwrap();
        for entry in managers.iter_mut() {
            let mut owned = tenancy::leaves::from_fields_v1(&entry["fieldsV1"]);
            if owned.remove(path) {
                entry["fieldsV1"] = super::hand::fields_v1(&owned);
            }
        }
        let mut hand =
            json!({"manager": "kubectl-edit", "operation": "Update", "time": "2026-11-21T12:00:00Z"});
        if let Some(fragment) = fragment {
            hand["fieldsV1"] = super::hand::fields_v1([&path.to_owned()]);
            tenancy::leaves::merge(object, fragment);
        }
        object["metadata"]["managedFields"].as_array_mut().unwrap().push(hand);
    }

    /// Somebody adds what is not there.
    pub(crate) fn add_by_hand(&self, url: &str, more: &Value) {
        let mut inside = self.0.lock().unwrap();
        let object = inside.objects.get_mut(url).unwrap();
        tenancy::leaves::merge(object, more);
        let hand = json!({"manager": "kubectl-edit", "operation": "Update", "fieldsV1": fields(more)});
        object["metadata"]["managedFields"].as_array_mut().unwrap().push(hand);
    }

    pub(crate) fn fail(&self, method: Method, path: &'static str, status: u16) {
        self.0.lock().unwrap().faults.push((method, path, status));
    }

    /// Lets something happen just before each call of that kind is answered.
    pub(crate) fn when(
        &self,
        method: Method,
        path: &'static str,
        hook: impl FnMut(&mut Inside) + Send + 'static,
    ) {
        self.0.lock().unwrap().hooks.push((method, path, Box::new(hook)));
    }

    /// Does the next call of that kind and loses its answer.
    pub(crate) fn lose_an_answer(&self, method: Method, path: &'static str) {
        self.0.lock().unwrap().lost.push((method, path));
    }

    pub(crate) fn heal(&self) {
        self.0.lock().unwrap().faults.clear();
    }

    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }
}

impl Inside {
    pub(crate) fn store(&mut self, path: &str, object: Value, manager: &str) -> Value {
        let owned = fields(&object);
        self.store_owned(path, object, manager, owned)
    }

    /// What server-side apply does: fields that the manager alone had and applies no more go.
    fn apply(&mut self, path: &str, body: &Value, manager: &str) -> Value {
        let owned = fields(body);
        let mut merged = self.objects.get(path).cloned().unwrap_or_else(|| body.clone());
        let paths = |entry: &Value| tenancy::leaves::from_fields_v1(&entry["fieldsV1"]);
        let entries = merged["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let (had, others): (Vec<_>, Vec<_>) = entries.iter().partition(|it| it["manager"] == manager);
        let keeps = tenancy::leaves::from_fields_v1(&owned);
        for lost in had.into_iter().flat_map(paths).filter(|path| !keeps.contains(path)) {
            if !others.iter().any(|entry| paths(entry).contains(&lost)) {
                tenancy::leaves::remove_leaf(&mut merged, &lost);
            }
        }
        tenancy::leaves::merge(&mut merged, body);
        self.store_owned(path, merged, manager, owned)
    }

    fn store_owned(&mut self, path: &str, mut object: Value, manager: &str, owned: Value) -> Value {
        self.version += 1;
        let known = self.objects.get(path).cloned();
        let uid =
            known.as_ref().map_or(json!(format!("uid-{}", self.version)), |it| it["metadata"]["uid"].clone());
        let mut managers: Vec<Value> =
            known.and_then(|it| it["metadata"]["managedFields"].as_array().cloned()).unwrap_or_default();
        managers.retain(|entry| entry["manager"] != manager);
        if owned.as_object().is_some_and(|fields| !fields.is_empty()) {
            managers.push(json!({"manager": manager, "operation": "Apply", "fieldsV1": owned}));
        }
        object["metadata"]["uid"] = uid;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        object["metadata"]["managedFields"] = json!(managers);
        self.objects.insert(path.to_owned(), object.clone());
        object
    }
}

/// `fieldsV1` of what a body sets.
fn fields(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.retain(|name, _| name != "managedFields" && name != "resourceVersion");
    }
    super::hand::fields_v1(tenancy::leaves::leaves(&value).keys())
}

async fn answer(
    State(cluster): State<FakeCluster>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> axum::response::Response {
    let mut inside = cluster.0.lock().unwrap();
    let path = uri.path().to_owned();
    inside.calls.push(format!("{method} {path}"));
    let mut hooks = std::mem::take(&mut inside.hooks);
    for (of, part, hook) in &mut hooks {
        if *of == method && path.contains(*part) {
            hook(&mut inside);
        }
    }
    inside.hooks = hooks;
    let fault = inside.faults.iter().find(|(of, part, _)| *of == method && path.contains(part)).cloned();
    if let Some((_, part, status)) = fault {
        return status_of(status, &format!("{part} cannot be had"));
    }
    let query = uri.query().unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let parts = path.trim_matches('/').split('/').count();
    let is_list = parts % 2 == if path.starts_with("/apis") { 0 } else { 1 };
    let lost = inside.lost.iter().position(|(of, part)| *of == method && path.contains(part));
    let lost = lost.map(|at| inside.lost.remove(at));
    let answer = match method {
        Method::GET if path == "/apis" => found(Some(&json!({"groups": [
            {"name": "resource.k8s.io", "preferredVersion": {"groupVersion": "resource.k8s.io/v1"}},
        ]}))),
        Method::GET if path == "/apis/resource.k8s.io/v1" => found(Some(&json!({"resources": [
            {"name": "resourceclaims", "kind": "ResourceClaim", "namespaced": true, "verbs": ["get", "list"]},
        ]}))),
        Method::GET if is_list => {
            let items: Vec<&Value> = inside
                .objects
                .iter()
                .filter(|(key, _)| key.starts_with(&format!("{path}/")))
                .map(|it| it.1)
                .collect();
            (StatusCode::OK, json!({ "items": items }).to_string()).into_response()
        }
        Method::GET => found(inside.objects.get(&path)),
        Method::POST => {
            let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
            if inside.objects.contains_key(&path) {
                return status_of(409, "already exists");
            }
            let made = inside.store(&path, body, &manager_of(query).unwrap_or("ground".to_owned()));
            (StatusCode::CREATED, made.to_string()).into_response()
        }
        Method::PATCH if path.ends_with("/scale") => {
            let path = path.trim_end_matches("/scale").to_owned();
            let Some(mut object) = inside.objects.get(&path).cloned() else { return found(None) };
            object["spec"]["replicas"] = body["spec"]["replicas"].clone();
            inside.objects.insert(path, object.clone());
            found(Some(&object))
        }
        Method::PATCH => {
            let manager = manager_of(query).unwrap();
            let known = inside.objects.get(&path).cloned();
            let wanted = &body["metadata"]["uid"];
            if !wanted.is_null() && known.as_ref().is_none_or(|it| it["metadata"]["uid"] != *wanted) {
                return status_of(409, "uid mismatch");
            }
            let status = if known.is_some() { StatusCode::OK } else { StatusCode::CREATED };
            let before = query.contains("dryRun=All").then(|| inside.objects.clone());
            let made = inside.apply(&path, &body, &manager);
            if let Some(before) = before {
                inside.objects = before;
            }
            (status, made.to_string()).into_response()
        }
        Method::PUT => {
            let known = inside.objects.get(&path).map(|it| it["metadata"]["resourceVersion"].clone());
            if known != Some(body["metadata"]["resourceVersion"].clone()) {
                return status_of(409, "the object has been modified");
            }
            let made = inside.store(&path, body, "put");
            found(Some(&made))
        }
        _ => {
            let Some(object) = inside.objects.get(&path).cloned() else { return found(None) };
            let conditions = body["preconditions"].as_object().cloned().unwrap_or_default();
            if conditions.iter().any(|(name, value)| object["metadata"][name] != *value) {
                return status_of(409, "the precondition does not hold");
            }
            let is_held = object["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
            if let Some(held) = inside.objects.get_mut(&path).filter(|_| is_held) {
                held["metadata"]["deletionTimestamp"] = json!("2026-11-21T12:00:00Z");
            } else {
                inside.objects.remove(&path);
            }
            found(Some(&object))
        }
    };
    if lost.is_some() { status_of(504, "the answer was lost") } else { answer }
}

fn manager_of(query: &str) -> Option<String> {
    let manager = query.split('&').find_map(|pair| pair.strip_prefix("fieldManager="))?;
    Some(manager.replace("%2F", "/"))
}

fn found(object: Option<&Value>) -> axum::response::Response {
    match object {
        Some(object) => (StatusCode::OK, object.to_string()).into_response(),
        None => status_of(404, "not found"),
    }
}

fn status_of(status: u16, message: &str) -> axum::response::Response {
    let body = json!({"kind": "Status", "message": message, "code": status});
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}
