//! A fake API server with a fake exporter beside it. It knows one tenant on one
//! card and plays one scenario; what it was asked is recorded in order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// What goes wrong, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Nothing.
    Fine,
    /// Another gate enters a tenant that fills the card between our read and our first write.
    RivalTakesTheCard,
    /// Another gate is always faster.
    AlwaysOvertaken,
    /// The ledger may be read and not written.
    LedgerReadOnly,
    /// Somebody touches the Deployment between our read and our first scale.
    DeploymentTouchedOnce,
    /// Events may not be created.
    NoEvents,
    /// Pods may not be listed.
    NoPods,
    /// The tenant's pointer may not be read.
    NoPointer,
    /// The card's declared object may not be read.
    NoDeclared,
    /// The ledger may not be read.
    NoLedger,
    /// The Deployment may not be read; its scale may.
    NoDeployment,
    /// The Deployment does not exist.
    DeploymentDeleted,
    /// Another tenant's floor is no floor.
    BrokenFloor,
    /// The scale of `llm/stuck` may be read and not patched.
    OneStuck,
    /// Every call is answered with 503.
    Away,
    /// A proxy drops the Date header.
    NoDate,
    /// The Lease can be read and not written.
    LeaseAway,
    /// Jobs may not be made.
    NoJobs,
}

/// What the fake cluster has.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    /// The time in the Date header.
    pub(crate) now: jiff::Timestamp,
    pub(crate) page: String,
    /// The page of the card's per-pod gauge, where it has one.
    pub(crate) gauge: Option<String>,
    /// What the tenant's queue answers.
    pub(crate) queue: String,
    /// The card's device source, where it is not the fake's own page.
    pub(crate) source: Option<Value>,
    /// More of the gate's configuration, for who reads it from the cluster.
    pub(crate) gate: Value,
    /// The card's declared residents.
    pub(crate) residents: Value,
    pub(crate) ledger: BTreeMap<String, String>,
    pub(crate) replicas: u32,
    pub(crate) pods: Vec<Value>,
    /// Replicas of other Deployments, by `namespace/name`.
    pub(crate) others: BTreeMap<String, u32>,
    pub(crate) events: Vec<Value>,
    /// The `spec` of the card's Lease, and its version.
    pub(crate) lease: (Value, u64),
    /// The override annotation of the Deployment.
    pub(crate) annotation: Option<String>,
    /// Whether a Job of the gate does what the annotation says.
    pub(crate) gate_obeys: bool,
    /// Whether such a Job ends.
    pub(crate) jobs_end: bool,
    /// How many turns of the gate find the tenant still loading.
    pub(crate) turns_of_loading: u32,
    /// Every call as `VERB what`, with what it changed.
    pub(crate) calls: Vec<String>,
    /// Whether our tenant's floor is entered.
    pub(crate) has_floor: bool,
    /// Whether our tenant's gate has its configuration.
    pub(crate) has_gate: bool,
    version: u64,
}

/// The running fake; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct FakeApi {
    pub(crate) address: SocketAddr,
    world: Arc<Mutex<World>>,
}

/// The page of a T4 on which other processes hold `used` MiB.
pub(crate) fn page(used: u64) -> String {
    let series = |name: &str, value: u64| {
        format!("DCGM_FI_DEV_FB_{name}{{gpu=\"0\",UUID=\"GPU-1\",hostname=\"gpu-1\"}} {value}\n")
    };
    series("FREE", 14_910 - used) + &series("USED", used) + &series("RESERVED", 450)
}

impl FakeApi {
    /// Starts at 03:00 in the window of 02:00 to 06:00, the card idle and the tenant asleep.
    pub(crate) async fn start(scenario: Scenario) -> Self {
        let world = World {
            scenario,
            now: "2026-11-21T03:00:00Z".parse().unwrap(),
            page: page(0),
            gauge: None,
            queue: String::new(),
            source: None,
            gate: json!({}),
            residents: json!({}),
            ledger: BTreeMap::new(),
            replicas: 0,
            pods: vec![],
            others: BTreeMap::new(),
            events: vec![],
            lease: (Value::Null, 1),
            annotation: None,
            gate_obeys: true,
            jobs_end: true,
            turns_of_loading: 0,
            calls: vec![],
            has_floor: true,
            has_gate: true,
            version: 100,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self { address: listener.local_addr().unwrap(), world: Arc::new(Mutex::new(world)) };
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        fake
    }

    /// Looks at the world or changes it.
    pub(crate) fn world<T>(&self, with: impl FnOnce(&mut World) -> T) -> T {
        with(&mut self.world.lock().unwrap())
    }

    /// What was asked so far, without the reads and the Lease.
    pub(crate) fn deeds(&self) -> Vec<String> {
        let is_deed = |call: &&String| !call.starts_with("GET") && !call.ends_with(" lease");
        self.world(|world| world.calls.iter().filter(is_deed).cloned().collect())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn answer(State(fake): State<FakeApi>, method: Method, uri: Uri, body: Bytes) -> Response {
    if uri.query().is_some_and(|query| query.starts_with("watch=true&fieldSelector=metadata.name%3Dcard.t4"))
    {
        return followed(fake);
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    fake.world(|world| {
        if uri.path() == "/metrics" {
            return world.page.clone().into_response();
        }
        if uri.path() == "/pods" {
            return match &world.gauge {
                Some(page) if !page.is_empty() => page.clone().into_response(),
                _ => (StatusCode::INTERNAL_SERVER_ERROR, "no nvidia-smi").into_response(),
            };
        }
        if uri.path() == "/queue" || uri.path().contains("/services/queue:80/") {
            world.calls.push(format!("GET queue {}", uri.path()));
            return world.queue.clone().into_response();
        }
        if uri.path() == "/api/unload" {
            world.calls.push(format!("{method} unload {body}"));
            return StatusCode::OK.into_response();
        }
        let (status, answer) = match world.scenario {
            Scenario::Away => refusal(503, "etcd is leaderless"),
            _ => world.kubernetes(&method, &uri, &body, &fake.url()),
        };
        let date = world.now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let mut response = (StatusCode::from_u16(status).unwrap(), answer.to_string()).into_response();
        if world.scenario == Scenario::NoDate {
            response.headers_mut().insert(header::DATE, "unknown".parse().unwrap());
        } else {
            response.headers_mut().insert(header::DATE, date.parse().unwrap());
        }
        response
    })
}

/// The card's declared object as it is, and again whenever it is another.
fn followed(fake: FakeApi) -> Response {
    fake.world(|world| world.calls.push("GET card.t4.declared, followed".into()));
    let changes = futures::stream::unfold((fake, Value::Null), |(fake, before)| async move {
        loop {
            let (_, now) = fake.world(|world| world.config_map("card.t4.declared", &fake.url()));
            if now["data"] != before["data"] {
                let event = json!({ "type": "MODIFIED", "object": now });
                return Some((Ok::<_, std::convert::Infallible>(format!("{event}\n")), (fake, now)));
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    Body::from_stream(changes).into_response()
}

fn refusal(status: u16, message: &str) -> (u16, Value) {
    (status, json!({ "kind": "Status", "status": "Failure", "message": message, "code": status }))
}

impl World {
    fn kubernetes(&mut self, method: &Method, uri: &Uri, body: &Value, url: &str) -> (u16, Value) {
        let path = uri.path();
        match (method.as_str(), path.trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice()) {
            ("GET", ["api", "v1", "namespaces", "gpu-tenancy", "configmaps", name]) => {
                self.calls.push(format!("GET configmap {name}"));
                self.config_map(name, url)
            }
            ("PUT", ["api", "v1", "namespaces", "gpu-tenancy", "configmaps", "card.t4.ledger"]) => {
                self.write_ledger(body)
            }
            ("GET", ["api", "v1", "namespaces", "tts", "pods"]) => {
                self.calls.push(format!("GET pods {}", uri.query().unwrap_or_default()));
                match self.scenario {
                    Scenario::NoPods => refusal(403, "pods is forbidden: cannot list resource \"pods\""),
                    _ => (200, json!({ "items": self.pods })),
                }
            }
            ("GET", ["api", "v1", "namespaces", "tts", "configmaps", "speech-gate"]) => {
                self.calls.push("GET configmap speech-gate".into());
                if !self.has_gate {
                    return refusal(404, "not found");
                }
                let config = serde_json::to_string(&crate::gate::config(self.gate.clone())).unwrap();
                (200, json!({ "data": { "gate.json": config } }))
            }
            ("GET", ["apis", "apps", "v1", "namespaces", "tts", "deployments", "speech"]) => {
                self.calls.push("GET deployment".into());
                match self.scenario {
                    Scenario::NoDeployment => refusal(403, "deployments.apps \"speech\" is forbidden"),
                    Scenario::DeploymentDeleted => refusal(404, "deployments.apps \"speech\" not found"),
                    _ => (200, self.deployment()),
                }
            }
            ("PATCH", ["apis", "apps", "v1", "namespaces", "tts", "deployments", "speech"]) => {
                let value = body["metadata"]["annotations"]["gpu-tenancy.dev/gate"].as_str();
                self.calls.push(format!("PATCH annotation {}", value.unwrap_or("away")));
                self.annotation = value.map(str::to_owned);
                (200, self.deployment())
            }
            ("GET", ["apis", "batch", "v1", "namespaces", "tts", "cronjobs"]) => {
                self.calls.push("GET cronjobs".into());
                let job = |trigger: &str| {
                    let container = json!({ "args": ["gate", "--trigger", trigger] });
                    let pod = json!({ "metadata": {}, "spec": { "containers": [container] } });
                    json!({ "spec": { "jobTemplate": { "spec": { "template": pod } } } })
                };
                (200, json!({ "items": [job("up"), job("guard")] }))
            }
            ("POST", ["apis", "batch", "v1", "namespaces", "tts", "jobs"]) => {
                let args = &body["spec"]["template"]["spec"]["containers"][0]["args"];
                assert_eq!(body["metadata"]["ownerReferences"][0]["uid"], "d-1", "it goes with the tenant");
                self.calls.push(format!("POST job {}", args[2].as_str().unwrap()));
                if self.scenario == Scenario::NoJobs {
                    return refusal(403, "jobs.batch is forbidden: cannot create resource");
                }
                if self.gate_obeys {
                    self.obey();
                }
                (201, json!({ "metadata": { "name": "measure-1" } }))
            }
            ("GET", ["apis", "batch", "v1", "namespaces", "tts", "jobs", "measure-1"]) => {
                self.calls.push("GET job".into());
                let status = if self.jobs_end { "True" } else { "False" };
                (200, json!({ "status": { "conditions": [{ "type": "Complete", "status": status }] } }))
            }
            (
                "GET",
                ["api", "v1", "namespaces", "monitoring", "services", "prometheus:9090", "proxy", ..],
            ) => {
                assert!(path.ends_with("/proxy/api/v1/query"), "{path}");
                let mib = match uri.query() {
                    Some("query=free%5B5m%5D") => "10000",
                    Some("query=used%5B5m%5D") => "4910",
                    _ => "15360",
                };
                let sample = json!([self.now.as_second(), mib]);
                let result = json!([{ "metric": {}, "values": [sample] }]);
                (200, json!({ "status": "success", "data": { "resultType": "matrix", "result": result } }))
            }
            (verb, ["api", "v1", "namespaces", "tts", "pods", "speech-1-abcde:8004", "proxy", work]) => {
                self.calls.push(format!("{verb} {work} {body}"));
                self.page = page(6_812);
                if *work == "broken" { refusal(500, "out of ideas") } else { (200, json!({})) }
            }
            (verb, ["apis", "coordination.k8s.io", "v1", "namespaces", "gpu-tenancy", "leases", name]) => {
                assert_eq!(*name, "card.t4.watcher");
                self.lease(verb, body)
            }
            (verb, ["apis", "apps", "v1", "namespaces", namespace, "deployments", name, "scale"]) => {
                self.scale(verb, &format!("{namespace}/{name}"), body)
            }
            ("POST", ["apis", "events.k8s.io", "v1", "namespaces", "tts", "events"]) => {
                self.calls.push(format!("POST event {}", body["reason"].as_str().unwrap()));
                if self.scenario == Scenario::NoEvents {
                    return refusal(403, "events.events.k8s.io is forbidden");
                }
                self.events.push(body.clone());
                (201, body.clone())
            }
            _ => {
                self.calls.push(format!("{method} {path}"));
                refusal(403, "no gate has a right to this")
            }
        }
    }

    fn config_map(&self, name: &str, url: &str) -> (u16, Value) {
        let floor = |tenant: &str, peak: u64| {
            json!({ "tenant": tenant, "peak_mib": peak, "headroom_mib": 2048 }).to_string()
        };
        let forbidden = match self.scenario {
            Scenario::NoPointer => "tenant.tts.speech",
            Scenario::NoDeclared => "card.t4.declared",
            Scenario::NoLedger => "card.t4.ledger",
            _ => "",
        };
        if name == forbidden {
            return refusal(403, &format!("configmaps \"{name}\" is forbidden: cannot get resource"));
        }
        let rival = match self.scenario {
            Scenario::BrokenFloor => "{\"peak\":1}".to_owned(),
            _ => floor("llm/rival", 10_000),
        };
        let data = match name {
            "tenant.tts.speech" => json!({ "card": "t4" }),
            "card.t4.ledger" => json!(self.ledger),
            "card.t4.declared" => {
                let mut card = json!({
                    "name": "t4", "node": "gpu-1", "device": { "uuid": "GPU-1" },
                    "source": { "device": { "dcgm": format!("{url}/metrics") } },
                    "residents": self.residents,
                });
                if let Some(source) = &self.source {
                    card["source"]["device"] = source.clone();
                }
                if self.gauge.is_some() {
                    card["source"]["pods"] = json!(format!("{url}/pods"));
                }
                let mut data = json!({ "card": card.to_string(), "floor.llm.rival": rival });
                if self.has_floor {
                    data["floor.tts.speech"] = json!(floor("tts/speech", 4096));
                }
                data
            }
            _ => return refusal(404, "not found"),
        };
        let version = self.version.to_string();
        let metadata = json!({ "name": name, "namespace": "gpu-tenancy", "resourceVersion": version });
        (200, json!({ "metadata": metadata, "data": data }))
    }

    /// What the gate would do of the annotation: wake the tenant, which loads 4,800 MiB, or put it to sleep.
    fn obey(&mut self) {
        let is_awake = self.annotation.as_ref().is_some_and(|text| text.starts_with("awake-until"));
        let (state, used) = match (is_awake, self.turns_of_loading) {
            (false, _) => ("asleep", 0),
            (true, 0) => ("awake", 4_800),
            (true, _) => ("loading", 4_800),
        };
        self.turns_of_loading = self.turns_of_loading.saturating_sub(1);
        self.ledger
            .insert("tts.speech".into(), format!(r#"{{ "state": "{state}", "since": "{}" }}"#, self.now));
        self.page = page(used);
        let pod = json!({
            "metadata": { "name": "speech-1-abcde", "uid": "p-1" },
            "spec": { "containers": [{ "name": "server", "ports": [{ "containerPort": 8004 }] }] },
            "status": {
                "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }],
                "containerStatuses": [{ "name": "server", "imageID": "speech@sha256:aaaa" }],
            },
        });
        // What failed stays, until somebody sweeps it away.
        self.pods.retain(|pod| pod["status"]["phase"] == "Failed");
        self.pods.extend(is_awake.then_some(pod));
    }

    fn lease(&mut self, verb: &str, body: &Value) -> (u16, Value) {
        self.calls.push(format!("{verb} lease"));
        let version = self.lease.1.to_string();
        if verb == "PUT" {
            if self.scenario == Scenario::LeaseAway {
                return refusal(503, "etcd is leaderless");
            }
            if body["metadata"]["resourceVersion"] != version {
                return refusal(409, "the object has been modified");
            }
            self.lease = (body["spec"].clone(), self.lease.1 + 1);
        }
        let metadata = json!({ "name": "card.t4.watcher", "resourceVersion": self.lease.1.to_string() });
        (200, json!({ "metadata": metadata, "spec": self.lease.0 }))
    }

    fn write_ledger(&mut self, body: &Value) -> (u16, Value) {
        if self.scenario == Scenario::LedgerReadOnly {
            self.calls.push("PUT ledger, refused".into());
            return refusal(403, "configmaps \"card.t4.ledger\" is forbidden: cannot update resource");
        }
        let overtaken = match self.scenario {
            Scenario::RivalTakesTheCard => {
                self.scenario = Scenario::Fine;
                let now = self.now;
                let rival = json!({
                    "state": "reserved", "since": now,
                    "admission": { "at": now, "peak_mib": 10_000, "headroom_mib": 2048 },
                });
                self.ledger.insert("llm.rival".into(), rival.to_string());
                self.version += 1;
                true
            }
            Scenario::AlwaysOvertaken => true,
            _ => body["metadata"]["resourceVersion"].as_str() != Some(&self.version.to_string()),
        };
        if overtaken {
            self.calls.push("PUT ledger, 409".into());
            return refusal(409, "the object has been modified");
        }
        self.ledger = serde_json::from_value(body["data"].clone()).unwrap();
        self.version += 1;
        self.calls.push(format!("PUT ledger: {}", self.state()));
        (200, body.clone())
    }

    /// What the ledger has of our tenant: its state, and whom it paused.
    pub(crate) fn state(&self) -> String {
        let entry: Value =
            self.ledger.get("tts.speech").map(|text| serde_json::from_str(text).unwrap()).unwrap_or_default();
        let paused = entry["paused"].as_array().map(|paused| {
            let one = |paused: &Value| {
                format!("{} had {}", paused["deployment"].as_str().unwrap(), paused["replicas"])
            };
            format!(", {}", paused.iter().map(one).collect::<Vec<_>>().join(", "))
        });
        format!("{}{}", entry["state"].as_str().unwrap_or("absent"), paused.unwrap_or_default())
    }

    fn deployment(&self) -> Value {
        json!({
            "metadata": {
                "name": "speech", "uid": "d-1", "generation": 1, "resourceVersion": self.version.to_string(),
                "annotations": { "gpu-tenancy.dev/gate": self.annotation },
            },
            "spec": { "replicas": self.replicas, "selector": { "matchLabels": { "app.kubernetes.io/name": "speech" } } },
            "status": {},
        })
    }

    fn scale(&mut self, verb: &str, who: &str, body: &Value) -> (u16, Value) {
        let replicas = if who == "tts/speech" { Some(self.replicas) } else { self.others.get(who).copied() };
        let Some(replicas) = replicas else {
            self.calls.push(format!("{verb} scale {who}"));
            return refusal(404, "deployments.apps not found");
        };
        let scale = |replicas: u32, version: u64| {
            let spec = if replicas == 0 { json!({}) } else { json!({ "replicas": replicas }) };
            let status = json!({ "selector": "app.kubernetes.io/name=speech" });
            let metadata = json!({ "uid": "d-1", "resourceVersion": version.to_string() });
            (200, json!({ "metadata": metadata, "spec": spec, "status": status }))
        };
        if verb == "GET" {
            self.calls.push(format!("GET scale {who}"));
            return scale(replicas, self.version);
        }
        if self.scenario == Scenario::DeploymentTouchedOnce && !body["metadata"]["resourceVersion"].is_null()
        {
            self.scenario = Scenario::Fine;
            self.calls.push(format!("PATCH scale {who}, 409"));
            return refusal(409, "the object has been modified");
        }
        if self.scenario == Scenario::OneStuck && who == "llm/stuck" {
            self.calls.push(format!("PATCH scale {who}, refused"));
            return refusal(422, "a webhook denied it");
        }
        let wanted = u32::try_from(body["spec"]["replicas"].as_u64().unwrap()).unwrap();
        self.calls.push(format!("PATCH scale {who}: {wanted}"));
        match who {
            "tts/speech" => self.replicas = wanted,
            other => *self.others.entry(other.to_owned()).or_default() = wanted,
        }
        scale(wanted, self.version)
    }
}
