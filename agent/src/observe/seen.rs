//! From the API server's JSON to what `decide` is told. Pure.

use jiff::Timestamp;
use serde_json::Value;
use tenancy::defaults::SLICE_RESOURCE;
use tenancy::expand::{NAME_LABEL, PREFETCH_CONTAINER, PREFETCH_POD_NAME};
use tenancy::gate::OVERRIDE_ANNOTATION;
use tenancy::names::NodeName;
use tenancy::observation::{DeploymentSeen, Phase, PodSeen, Prefetch, PrefetchSeen};

/// Name of the container that the model server runs in.
const SERVER: &str = "server";
/// Name of the init container that admits the pod.
const ADMIT: &str = "admit";

/// A Deployment, with what acting on it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// What `decide` is told of it.
    pub seen: DeploymentSeen,
    /// Its `metadata.resourceVersion`, which is also its scale's.
    pub version: String,
    /// The labels by which it finds its pods.
    pub selector: Vec<(String, String)>,
    /// Whether its annotations could be seen.
    pub annotations_seen: bool,
}

/// Reads a Deployment.
pub fn deployment(object: &Value) -> Deployment {
    let metadata = &object["metadata"];
    let selector = object["spec"]["selector"]["matchLabels"].as_object();
    Deployment {
        seen: DeploymentSeen {
            uid: text(&metadata["uid"]),
            generation: metadata["generation"].as_i64().unwrap_or_default(),
            replicas: replicas(object),
            ready_replicas: count(&object["status"]["readyReplicas"]),
            override_annotation: metadata["annotations"][OVERRIDE_ANNOTATION].as_str().map(str::to_owned),
        },
        version: text(&metadata["resourceVersion"]),
        selector: selector.into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect(),
        annotations_seen: true,
    }
}

/// Reads what a Deployment's scale says of it.
pub fn by_scale(scale: &Value) -> Deployment {
    let selector = scale["status"]["selector"].as_str().unwrap_or_default();
    Deployment {
        seen: DeploymentSeen {
            uid: text(&scale["metadata"]["uid"]),
            generation: 0,
            replicas: scale_replicas(scale),
            ready_replicas: 0,
            override_annotation: None,
        },
        version: text(&scale["metadata"]["resourceVersion"]),
        selector: selector
            .split(',')
            .filter_map(|label| label.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        annotations_seen: false,
    }
}

/// `spec.replicas` of a Deployment, where its absence means one.
fn replicas(deployment: &Value) -> u32 {
    deployment["spec"].get("replicas").map_or(1, count)
}

/// `spec.replicas` of a Scale, where its absence means none: a Scale omits its zero.
pub fn scale_replicas(scale: &Value) -> u32 {
    count(&scale["spec"]["replicas"])
}

/// A pod, with the address that an unload call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// What `decide` is told of it.
    pub seen: PodSeen,
    /// Its address, once it has one.
    pub ip: Option<String>,
    /// Whether it asked for a single slice of a single card.
    pub has_one_slice: bool,
}

/// Reads a list of a tenant's pods: those that serve, and the newest of its prefetch.
pub fn pods(list: &Value) -> (Vec<Pod>, Option<PrefetchSeen>) {
    let items = list["items"].as_array().into_iter().flatten();
    let (fetching, serving): (Vec<&Value>, Vec<&Value>) =
        items.partition(|pod| pod["metadata"]["labels"][NAME_LABEL] == PREFETCH_POD_NAME);
    let newest = fetching.into_iter().max_by_key(|pod| time(&pod["metadata"]["creationTimestamp"]));
    (serving.into_iter().map(pod).collect(), newest.map(prefetch))
}

fn prefetch(object: &Value) -> PrefetchSeen {
    let seen = pod(object).seen;
    // Admission may have put others beside it.
    let containers = object["status"]["containerStatuses"].as_array().into_iter().flatten();
    let ours = containers.clone().find(|container| container["name"] == PREFETCH_CONTAINER);
    let ended = ours.map_or(&Value::Null, |container| &container["state"]["terminated"]);
    let state = match seen.phase {
        Phase::Succeeded => Prefetch::Done,
        Phase::Failed => {
            let reason = ended["reason"].as_str().or_else(|| object["status"]["reason"].as_str());
            let status = ended["exitCode"].as_i64().map(|code| format!("exit status {code}"));
            let why: Vec<&str> = reason.into_iter().chain(status.as_deref()).collect();
            let when = at(&ended["finishedAt"]).or_else(|| left(&object["status"])).unwrap_or(seen.created);
            Prefetch::Failed { at: when, why: why.join(", ") }
        }
        Phase::Pending | Phase::Running | Phase::Unknown => Prefetch::UnderWay(seen.waiting),
    };
    PrefetchSeen { pod: seen.name, created: seen.created, state }
}

/// When a pod that failed without a word of its container, as an evicted one does, was told to go or was no
/// longer ready.
fn left(status: &Value) -> Option<Timestamp> {
    let conditions = || status["conditions"].as_array().into_iter().flatten();
    let since = |kind: &str, holds: &str| {
        let found = conditions().find(|it| it["type"] == kind && it["status"] == holds)?;
        at(&found["lastTransitionTime"])
    };
    since("DisruptionTarget", "True").or_else(|| since("Ready", "False"))
}

/// Reads a pod.
pub fn pod(object: &Value) -> Pod {
    let (metadata, status) = (&object["metadata"], &object["status"]);
    let container = |name: &str, list: &str| {
        status[list].as_array().into_iter().flatten().find(|status| status["name"] == name).cloned()
    };
    let server = container(SERVER, "containerStatuses").unwrap_or_default();
    let admit = container(ADMIT, "initContainerStatuses").unwrap_or_default();
    let condition = |kind: &str| {
        status["conditions"].as_array().into_iter().flatten().find(|condition| condition["type"] == kind)
    };
    Pod {
        seen: PodSeen {
            name: text(&metadata["name"]),
            uid: text(&metadata["uid"]),
            created: time(&metadata["creationTimestamp"]),
            deleting: metadata["deletionTimestamp"].is_string(),
            node: object["spec"]["nodeName"].as_str().and_then(|node| node.parse::<NodeName>().ok()),
            // No API object says it; the card's source may.
            device_uuid: None,
            phase: phase(status["phase"].as_str().unwrap_or_default()),
            ready: condition("Ready").is_some_and(|ready| ready["status"] == "True"),
            admitted: admit["state"]["terminated"]["exitCode"] == 0,
            restarts: count(&server["restartCount"]),
            waiting: condition("PodScheduled")
                .filter(|scheduled| scheduled["status"] == "False")
                .and_then(|scheduled| scheduled["message"].as_str().map(str::to_owned))
                .or_else(|| waiting(status)),
        },
        ip: status["podIP"].as_str().map(str::to_owned),
        has_one_slice: slices(&object["spec"]) == Some(1),
    }
}

/// How many slices the containers of a pod ask for, of whatever name: slices
/// may be renamed, and MIG instances are other resources of the same vendor.
fn slices(spec: &Value) -> Option<u64> {
    let vendor = format!("{}/", SLICE_RESOURCE.split('/').next()?);
    let containers = ["containers", "initContainers"].into_iter().flat_map(|list| spec[list].as_array());
    let limits = containers.flatten().filter_map(|container| container["resources"]["limits"].as_object());
    let asked = limits.flatten().filter(|(name, _)| name.starts_with(&vendor));
    asked.map(|(_, count)| count.as_str().and_then(|count| count.parse::<u64>().ok())).sum()
}

/// Why the first container that waits does so. The two reasons that every start
/// passes through say nothing and are left out.
fn waiting(status: &Value) -> Option<String> {
    ["initContainerStatuses", "containerStatuses"]
        .iter()
        .flat_map(|list| status[*list].as_array().into_iter().flatten())
        .filter_map(|container| container["state"]["waiting"]["reason"].as_str())
        .find(|reason| !["PodInitializing", "ContainerCreating"].contains(reason))
        .map(str::to_owned)
}

fn phase(text: &str) -> Phase {
    match text {
        "Pending" => Phase::Pending,
        "Running" => Phase::Running,
        "Succeeded" => Phase::Succeeded,
        "Failed" => Phase::Failed,
        _ => Phase::Unknown,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn count(value: &Value) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}

fn time(value: &Value) -> Timestamp {
    at(value).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn at(value: &Value) -> Option<Timestamp> {
    value.as_str().and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_deployment_without_replicas_has_one_and_a_scale_without_has_none() {
        let object = json!({
            "metadata": { "uid": "u", "generation": 3, "resourceVersion": "77",
                          "annotations": { "gpu-tenancy.dev/gate": "off" } },
            "spec": { "selector": { "matchLabels": { "a": "b" } } },
            "status": { "readyReplicas": 1 },
        });
        let seen = deployment(&object);
        assert_eq!((seen.seen.replicas, seen.seen.ready_replicas, seen.seen.generation), (1, 1, 3));
        assert_eq!(seen.seen.override_annotation.as_deref(), Some("off"));
        assert_eq!((seen.version.as_str(), seen.selector), ("77", vec![("a".into(), "b".into())]));
        assert_eq!(scale_replicas(&json!({ "spec": {} })), 0);
        assert_eq!(scale_replicas(&json!({ "spec": { "replicas": 2 } })), 2);
    }

    #[test]
    fn a_scale_says_as_much_of_a_deployment_as_closing_needs() {
        let seen = by_scale(&json!({
            "metadata": { "uid": "u", "resourceVersion": "78" },
            "spec": { "replicas": 1 },
            "status": { "replicas": 1, "selector": "a=b,c/d=e" },
        }));
        assert_eq!((seen.seen.uid.as_str(), seen.seen.replicas, seen.version.as_str()), ("u", 1, "78"));
        assert_eq!(seen.selector, [("a".into(), "b".into()), ("c/d".into(), "e".into())]);
        assert!(!seen.annotations_seen);
    }

    #[test]
    fn a_pod_is_told_with_the_scheduler_s_words_or_its_container_s() {
        let waits = json!({ "items": [{
            "metadata": { "name": "p", "uid": "1", "creationTimestamp": "2026-11-21T02:00:00Z" },
            "status": { "phase": "Pending", "conditions": [
                { "type": "PodScheduled", "status": "False", "message": "0/1 nodes are available" }] },
        }, {
            "metadata": { "name": "q", "uid": "2", "deletionTimestamp": "2026-11-21T02:00:00Z" },
            "spec": { "nodeName": "gpu-1", "containers": [
                { "name": "server", "resources": { "limits": { "nvidia.com/gpu.shared": "1", "cpu": "2" } } }] },
            "status": { "phase": "Running", "podIP": "10.0.0.9", "conditions": [
                { "type": "PodScheduled", "status": "True" }, { "type": "Ready", "status": "True" }],
              "initContainerStatuses": [{ "name": "admit", "state": { "terminated": { "exitCode": 0 } } }],
              "containerStatuses": [{ "name": "server", "restartCount": 4,
                                      "state": { "waiting": { "reason": "CrashLoopBackOff" } } }] },
        }] });
        let (pods, prefetch) = pods(&waits);
        let [p, q] = &pods[..] else { panic!() };
        assert_eq!(prefetch, None);
        assert_eq!(p.seen.waiting.as_deref(), Some("0/1 nodes are available"));
        assert_eq!(
            (p.seen.phase, p.seen.admitted, p.seen.deleting, &p.seen.node),
            (Phase::Pending, false, false, &None)
        );
        assert_eq!(p.seen.created, "2026-11-21T02:00:00Z".parse().unwrap());
        assert_eq!(q.seen.waiting.as_deref(), Some("CrashLoopBackOff"));
        assert!(q.seen.admitted && q.seen.ready && q.seen.deleting);
        assert_eq!((q.seen.restarts, q.ip.as_deref()), (4, Some("10.0.0.9")));
        assert!(q.has_one_slice && !p.has_one_slice);
    }

    #[test]
    fn the_newest_pod_of_a_prefetch_is_told_apart_from_those_that_serve() {
        let fetching = |name: &str, minute: u32, status: Value| {
            json!({
                "metadata": {
                    "name": name, "creationTimestamp": format!("2026-11-21T02:{minute:02}:00Z"),
                    "labels": { "app.kubernetes.io/name": "gpu-tenancy.prefetch" },
                },
                "status": status,
            })
        };
        let told = |last: Value| {
            let first = fetching("first", 0, json!({ "phase": "Failed" }));
            let server =
                json!({ "metadata": { "name": "speech-1-abcde" }, "status": { "phase": "Running" } });
            let (pods, newest) = pods(&json!({ "items": [server, fetching("last", 5, last), first] }));
            assert_eq!(pods.len(), 1, "who fetches serves nobody");
            newest.filter(|newest| newest.pod == "last").unwrap().state
        };
        assert_eq!(told(json!({ "phase": "Running" })), Prefetch::UnderWay(None));
        let pulls = json!({ "phase": "Pending",
            "containerStatuses": [{ "name": "prefetch", "state": { "waiting": { "reason": "ImagePullBackOff" } } }] });
        assert_eq!(told(pulls), Prefetch::UnderWay(Some("ImagePullBackOff".to_owned())));
        assert_eq!(told(json!({ "phase": "Succeeded" })), Prefetch::Done);
        let ended = json!({ "reason": "Error", "exitCode": 3, "finishedAt": "2026-11-21T02:06:00Z" });
        let sidecar = json!({ "name": "istio-proxy", "state": { "terminated": { "exitCode": 0 } } });
        let ours = json!({ "name": "prefetch", "state": { "terminated": ended } });
        let failed = json!({ "phase": "Failed", "containerStatuses": [sidecar, ours] });
        let at = |minute: u32| format!("2026-11-21T02:{minute:02}:00Z").parse::<Timestamp>().unwrap();
        assert_eq!(told(failed), Prefetch::Failed { at: at(6), why: "Error, exit status 3".to_owned() });
        // The kubelet has no word of the container of a pod that it evicted.
        let condition = |kind: &str, holds: &str, minute: u32| json!({ "type": kind, "status": holds, "lastTransitionTime": at(minute) });
        let evicted = |conditions: Vec<Value>| {
            told(json!({ "phase": "Failed", "reason": "Evicted", "conditions": conditions }))
        };
        let why = || "Evicted".to_owned();
        let (ready, target) = (condition("Ready", "False", 8), condition("DisruptionTarget", "True", 7));
        assert_eq!(evicted(vec![ready.clone(), target]), Prefetch::Failed { at: at(7), why: why() });
        assert_eq!(evicted(vec![ready]), Prefetch::Failed { at: at(8), why: why() });
        assert_eq!(evicted(vec![]), Prefetch::Failed { at: at(5), why: why() }, "when it was made");
    }

    #[test]
    fn slices_are_those_of_all_containers_and_of_every_name() {
        let asked = |limits: &[Value]| {
            let containers: Vec<Value> =
                limits.iter().map(|limits| json!({ "resources": { "limits": limits } })).collect();
            slices(&json!({ "containers": containers, "initContainers": [{ "name": "admit" }] }))
        };
        assert_eq!(asked(&[json!({ "memory": "1Gi" })]), Some(0));
        assert_eq!(
            asked(&[json!({ "nvidia.com/gpu": "1" }), json!({ "nvidia.com/mig-1g.5gb": "1" })]),
            Some(2)
        );
        assert_eq!(asked(&[json!({ "nvidia.com/gpu": "1k" })]), None, "a count that is not read is not one");
    }
}
