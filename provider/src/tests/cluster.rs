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

/// The objects by path, the calls in order, and the calls that fail.
#[derive(Default)]
pub(crate) struct Inside {
    pub(crate) objects: BTreeMap<String, Value>,
    pub(crate) calls: Vec<String>,
    /// Method, part of the path, status: answered instead of done.
    pub(crate) faults: Vec<(Method, &'static str, u16)>,
    version: u64,
}

#[derive(Clone, Default)]
pub(crate) struct FakeCluster(pub(crate) Arc<Mutex<Inside>>);

impl FakeCluster {
    /// Starts one and a provider that is configured for it.
    pub(crate) async fn start() -> (FakeCluster, Driver<Gpu>) {
        let cluster = FakeCluster::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(cluster.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let driver = Driver::new(Gpu);
        let settings = Settings { host: host.as_str().into(), token: "t".into(), ..Settings::default() };
        assert!(driver.configure(&settings).await.is_empty());
        (cluster, driver)
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

    pub(crate) fn fail(&self, method: Method, path: &'static str, status: u16) {
        self.0.lock().unwrap().faults.push((method, path, status));
    }

    pub(crate) fn heal(&self) {
        self.0.lock().unwrap().faults.clear();
    }

    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }
}

impl Inside {
    fn store(&mut self, path: &str, mut object: Value, manager: &str) -> Value {
        self.version += 1;
        let known = self.objects.get(path).cloned();
        let uid =
            known.as_ref().map_or(json!(format!("uid-{}", self.version)), |it| it["metadata"]["uid"].clone());
        let mut managers: Vec<Value> =
            known.and_then(|it| it["metadata"]["managedFields"].as_array().cloned()).unwrap_or_default();
        managers.retain(|entry| entry["manager"] != manager);
        managers.push(json!({"manager": manager, "operation": "Apply", "fieldsV1": fields(&object)}));
        object["metadata"]["uid"] = uid;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        object["metadata"]["managedFields"] = json!(managers);
        self.objects.insert(path.to_owned(), object.clone());
        object
    }
}

/// `fieldsV1` of a body, with every list as one field.
fn fields(value: &Value) -> Value {
    let Value::Object(object) = value else { return json!({}) };
    let identity = ["apiVersion", "kind", "uid", "managedFields", "resourceVersion", "name", "namespace"];
    let kept = object.iter().filter(|(name, _)| !identity.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (format!("f:{name}"), fields(value))).collect())
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
    let fault = inside.faults.iter().find(|(of, part, _)| *of == method && path.contains(part)).cloned();
    if let Some((_, part, status)) = fault {
        return status_of(status, &format!("{part} cannot be had"));
    }
    let query = uri.query().unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let parts = path.trim_matches('/').split('/').count();
    let is_list = parts % 2 == if path.starts_with("/apis") { 0 } else { 1 };
    match method {
        Method::GET if path == "/apis" => found(Some(&json!({"groups": []}))),
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
            let made = inside.store(&path, body, "ground");
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
            let manager = query.split('&').find_map(|pair| pair.strip_prefix("fieldManager=")).unwrap();
            let manager = manager.replace("%2F", "/");
            let known = inside.objects.get(&path).cloned();
            let wanted = &body["metadata"]["uid"];
            if !wanted.is_null() && known.as_ref().is_none_or(|it| it["metadata"]["uid"] != *wanted) {
                return status_of(409, "uid mismatch");
            }
            let status = if known.is_some() { StatusCode::OK } else { StatusCode::CREATED };
            let mut merged = known.unwrap_or_else(|| body.clone());
            tenancy::leaves::merge(&mut merged, &body);
            let made = inside.store(&path, merged, &manager);
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
        _ => match inside.objects.remove(&path) {
            Some(object) => found(Some(&object)),
            None => found(None),
        },
    }
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
