//! What the first provider of all made and remembered goes on under today's.
//!
//! The provider's folder `tests/first_light` holds a state file that terraform kept after an apply with the
//! provider of commit 2fb439a, and every request by which that provider made the same objects, in its order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{Binary, Kubectl, Scratch, Workspace, wait};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const STATE: &str = include_str!("../../provider/src/tests/first_light/state.json");
const REQUESTS: &str = include_str!("../../provider/src/tests/first_light/requests.json");
/// The namespaces of the record: the tenant's, which the card is named after too, and its resident's.
const NAMESPACES: [&str; 2] = ["first-light", "llama-cpp"];
const TENANT: &str = "chatterbox-tts";
/// The time zone of its windows: at two in the night, and at noon.
const ZONE: &str = "Europe/London";
/// What only the provider computes.
const COMPUTED: [&str; 2] = ["id", "objects"];
/// Where one resource of the configuration names another.
const REFERENCES: [(&str, &str); 2] =
    [("card", "gpu_card.t4.id"), ("vram_floor", "gpu_vram_floor.chatterbox.id")];

/// A request that changed something.
#[derive(Debug, Deserialize)]
struct Request {
    /// A plain create; otherwise a server-side apply.
    #[serde(default)]
    create: bool,
    manager: String,
    object: Value,
}

/// The record as a test's own.
struct FirstLight {
    tenant: Scratch,
    resident: Scratch,
    zone: String,
    requests: Vec<Request>,
}

impl FirstLight {
    fn reserve() -> Result<Self> {
        let (tenant, resident) = (Scratch::reserve("upgrade"), Scratch::reserve("resident"));
        // Its windows are far from now: no gate is to look meanwhile.
        let zone = zone_in_the_afternoon(jiff::Timestamp::now());
        let mut reserved = Self { tenant, resident, zone, requests: Vec::new() };
        reserved.requests = serde_json::from_str(&reserved.own(REQUESTS))?;
        Ok(reserved)
    }

    /// A text of the record with names and a time zone of its own.
    fn own(&self, text: &str) -> String {
        let [tenant, resident] = NAMESPACES;
        text.replace(tenant, &self.tenant.namespace)
            .replace(resident, &self.resident.namespace)
            .replace(ZONE, &self.zone)
    }

    fn namespace(&self) -> &str {
        &self.tenant.namespace
    }

    /// Sends what the first provider sent.
    fn make(&self) -> Result<()> {
        Kubectl.run(&["create", "namespace", &self.resident.namespace])?;
        for run in self.requests.chunk_by(|a, b| a.manager == b.manager && !a.create && !b.create) {
            let manager = format!("--field-manager={}", run[0].manager);
            let objects = json!({
                "apiVersion": "v1", "kind": "List",
                "items": run.iter().map(|request| &request.object).collect::<Vec<_>>(),
            });
            // What is given to the manager of birth is no whole object, and kubectl would find fault with it.
            let apply = ["apply", "--server-side", "--validate=false"];
            let verb: &[&str] = if run[0].create { &["create"] } else { &apply };
            let arguments = [verb, &[manager.as_str(), "-f", "-"]].concat();
            Kubectl.run_with_input(&arguments, &objects.to_string())?;
        }
        Ok(())
    }

    /// What is there of what it made, by `Kind/namespace/name`.
    fn objects(&self) -> Result<BTreeMap<String, Value>> {
        let made: BTreeMap<String, &Value> =
            self.requests.iter().map(|request| (key(&request.object), &request.object)).collect();
        let named = json!({"apiVersion": "v1", "kind": "List", "items": made.values().collect::<Vec<_>>()});
        let text = Kubectl.run_with_input(&["get", "-f", "-", "-o", "json"], &named.to_string())?;
        let mut list: Value = serde_json::from_str(&text)?;
        let items = list["items"].as_array_mut().map(std::mem::take).context("no list")?;
        Ok(items.into_iter().map(|object| (key(&object), object)).collect())
    }

    /// The state file, with the identities that its objects have here.
    fn state(&self, objects: &BTreeMap<String, Value>) -> Result<String> {
        let mut state: Value = serde_json::from_str(&self.own(STATE))?;
        for resource in state["resources"].as_array_mut().context("no resources")? {
            let instance = &mut resource["instances"][0];
            let text = instance["private"].as_str().context("no private bytes")?;
            let mut private: Value =
                serde_json::from_str(&self.own(&String::from_utf8(STANDARD.decode(text)?)?))?;
            for (name, kept) in private["objects"].as_object_mut().context("no objects")? {
                let (kind, name) = name.split_once('/').context("no kind")?;
                let here = format!("{kind}/{}/{name}", kept["namespace"].as_str().unwrap_or_default());
                let object =
                    objects.get(&here).with_context(|| format!("{here} is remembered and not there"))?;
                kept["uid"] = object["metadata"]["uid"].clone();
            }
            instance["private"] = json!(STANDARD.encode(private.to_string()));
        }
        Ok(state.to_string())
    }

    /// What its user had written: the arguments in the state.
    fn configuration(&self) -> Result<String> {
        let state: Value = serde_json::from_str(&self.own(STATE))?;
        let mut text = String::new();
        for resource in state["resources"].as_array().context("no resources")? {
            let (of_type, label) = (resource["type"].as_str(), resource["name"].as_str());
            let (of_type, label) = of_type.zip(label).context("a resource without a name")?;
            let attributes = resource["instances"][0]["attributes"].as_object().context("no attributes")?;
            let arguments = attributes
                .iter()
                .filter(|(name, value)| !value.is_null() && !COMPUTED.contains(&name.as_str()))
                .map(|(name, value)| {
                    let reference = REFERENCES.iter().find(|(argument, _)| argument == name);
                    let value = reference.map_or_else(|| value.to_string(), |(_, to)| (*to).to_owned());
                    format!("  {name} = {value}\n")
                });
            text += &format!("resource \"{of_type}\" \"{label}\" {{\n{}}}\n", arguments.collect::<String>());
        }
        Ok(text)
    }

    fn scale(&self, replicas: u64) -> Result<()> {
        let replicas = format!("--replicas={replicas}");
        Kubectl.run(&["-n", self.namespace(), "scale", "deployment", TENANT, &replicas]).map(drop)
    }

    /// The tenant's pods, by their identities.
    fn pods(&self) -> Result<Vec<Value>> {
        let label = format!("app.kubernetes.io/name={TENANT}");
        let text = Kubectl.run(&["-n", self.namespace(), "get", "pods", "-l", &label, "-o", "json"])?;
        let list: Value = serde_json::from_str(&text)?;
        let items = list["items"].as_array().context("no list")?.iter();
        Ok(items.map(|pod| pod["metadata"]["uid"].clone()).collect())
    }

    /// All that is in the cluster under its names, as the kinds and names of a state.
    fn everything(&self) -> Result<BTreeSet<String>> {
        let kinds = "configmap,cronjob,deployment,persistentvolumeclaim,role,rolebinding,service,serviceaccount,secret,networkpolicy,resourcequota,poddisruptionbudget";
        let mut found = BTreeSet::new();
        for namespace in ["gpu-tenancy", self.namespace(), &self.resident.namespace] {
            let text = Kubectl.run(&["-n", namespace, "get", kinds, "-o", "json"])?;
            let list: Value = serde_json::from_str(&text)?;
            for object in list["items"].as_array().context("no list")? {
                let (kind, name) = (&object["kind"], &object["metadata"]["name"]);
                let (kind, name) = kind.as_str().zip(name.as_str()).context("an object without a name")?;
                let is_ours = match namespace {
                    "gpu-tenancy" => name.contains(self.namespace()),
                    // Every namespace has these.
                    _ => !["kube-root-ca.crt", "default"].contains(&name),
                };
                if is_ours {
                    found.insert(format!("{kind}/{name}"));
                }
            }
        }
        Ok(found)
    }
}

/// A time zone in which it is five in the afternoon. Their names count hours behind Greenwich.
fn zone_in_the_afternoon(now: jiff::Timestamp) -> String {
    let behind = i64::from(now.to_zoned(jiff::tz::TimeZone::UTC).hour()) - 17;
    let behind = if behind < -14 { behind + 24 } else { behind };
    if behind == 0 { "Etc/GMT".to_owned() } else { format!("Etc/GMT{behind:+}") }
}

fn key(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    format!("{}/{}/{}", text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"]))
}

/// The names in `objects` of all resources of a state, its namespaces aside.
fn wanted(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let state: Value =
        serde_json::from_str(&std::fs::read_to_string(workspace.path().join("terraform.tfstate"))?)?;
    let mut names = BTreeSet::new();
    for resource in state["resources"].as_array().context("no resources")? {
        let objects = resource["instances"][0]["attributes"]["objects"].as_object().context("no objects")?;
        names.extend(objects.keys().filter(|name| !name.starts_with("Namespace/")).cloned());
    }
    Ok(names)
}

/// What a provider made of an object: without what the cluster and the gate write in it, and with those of our
/// managers that own something of it.
fn substance(object: &Value) -> (BTreeSet<String>, Value) {
    let mut object = object.clone();
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let managers = entries.filter_map(|entry| entry["manager"].as_str());
    let ours = managers.filter(|it| it.starts_with("gpu-tenancy/")).map(str::to_owned).collect();
    let retain = |part: &mut Value, stays: &dyn Fn(&str) -> bool| {
        if let Some(part) = part.as_object_mut() {
            part.retain(|name, _| stays(name));
        }
    };
    retain(&mut object, &|name| name != "status");
    retain(&mut object["metadata"]["annotations"], &|name| !name.contains("kubernetes.io/"));
    let own = ["name", "namespace", "labels", "annotations"];
    retain(&mut object["metadata"], &|name| own.contains(&name));
    if object["metadata"]["annotations"].as_object().is_some_and(Map::is_empty) {
        retain(&mut object["metadata"], &|name| name != "annotations");
    }
    let written: &[&str] = match object["kind"].as_str() {
        Some("Deployment") => &["replicas"],
        Some("PersistentVolumeClaim") => &["volumeName"],
        Some("Service") => &["clusterIP", "clusterIPs"],
        _ => &[],
    };
    retain(&mut object["spec"], &|name| !written.contains(&name));
    if object["metadata"]["name"].as_str().is_some_and(|name| name.ends_with(".ledger")) {
        retain(&mut object, &|name| name != "data");
    }
    (ours, object)
}

fn goes_on(binary: Binary) -> Result<()> {
    let first_light = FirstLight::reserve()?;
    let namespace = first_light.namespace();
    first_light.make()?;
    // Awake, as a change of its pod would restart it. The pod itself waits for a slice that nobody has.
    first_light.scale(1)?;
    let pods = wait::until("the tenant has a pod", Duration::from_secs(20), || {
        Ok(Some(first_light.pods()?).filter(|pods| !pods.is_empty()))
    })?;
    let before = first_light.objects()?;
    let workspace = Workspace::new(binary, &first_light.configuration()?)?;
    std::fs::write(workspace.path().join("terraform.tfstate"), first_light.state(&before)?)?;

    let plan = workspace.plan()?;
    ensure!(plan.contains("Plan: 0 to add, ") && plan.contains(" to change, 0 to destroy"), "{plan}");
    ensure!(!plan.contains("Warning:"), "{plan}");
    workspace.apply()?;
    let after = first_light.objects()?;
    for (name, was) in &before {
        ensure!(after[name]["metadata"]["uid"] == was["metadata"]["uid"], "{name} was made anew");
    }
    ensure!(first_light.pods()? == pods, "the pod is not as it was: {:?}", first_light.pods()?);
    for object in [
        format!("Deployment/{namespace}/{TENANT}"),
        format!("PersistentVolumeClaim/{namespace}/{TENANT}-data"),
    ] {
        let (was, is) = (&before[&object], &after[&object]);
        ensure!(substance(is) == substance(was), "{object} was {was} and is {is}");
        ensure!(is["metadata"]["generation"] == was["metadata"]["generation"], "{object} was written");
    }
    ensure!(Kubectl.replicas(namespace, TENANT)? == 1, "the apply put it to sleep");
    first_light.scale(0)?;
    workspace.plan_is_empty()?;
    let (found, wanted) = (first_light.everything()?, wanted(&workspace)?);
    ensure!(found == wanted, "there is {found:?}, and the state has {wanted:?}");

    workspace.destroy()?;
    let left = first_light.everything()?;
    ensure!(left.iter().eq([&format!("PersistentVolumeClaim/{TENANT}-data")]), "left behind: {left:?}");

    workspace.apply()?;
    let anew = first_light.objects()?;
    for (name, taken_over) in &after {
        let anew = &anew[name];
        ensure!(substance(taken_over) == substance(anew), "{name} is {taken_over} and made anew {anew}");
    }
    workspace.destroy().map(drop)
}

#[test]
fn what_first_light_made_goes_on_under_terraform() -> Result<()> {
    goes_on(Binary::Terraform)
}

#[test]
fn what_first_light_made_goes_on_under_tofu() -> Result<()> {
    goes_on(Binary::Tofu)
}

#[test]
fn it_is_afternoon_somewhere_at_every_hour() -> Result<()> {
    for hour in 0..24 {
        let now: jiff::Timestamp = format!("2026-11-22T{hour:02}:59:00Z").parse()?;
        let zone = zone_in_the_afternoon(now);
        ensure!(now.in_tz(&zone)?.hour() == 17, "{zone} at {now}");
    }
    Ok(())
}
