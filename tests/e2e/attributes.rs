//! Each attribute of a tenant reaches its object in the cluster, and a second plan is empty.

use anyhow::{Context, Result, ensure};
use e2e::example::UNSET;
use e2e::{Binary, Example, Kubectl, Scratch, Workspace};
use serde_json::{Value, json};

fn example(scratch: &Scratch) -> Example {
    let card = format!("card-{}", scratch.namespace);
    Example::asleep(scratch, &card, "http://dcgm.example.org:9400/metrics")
        .set("storage", UNSET)
        .set("config", UNSET)
}

/// What a kind's object must have at a JSON pointer.
type Expected<'a> = (&'a str, &'a str, &'a str, Value);

fn apply(example: &Example, expected: &[Expected<'_>]) -> Result<Workspace> {
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    workspace.apply()?;
    for (kind, name, pointer, value) in expected {
        let object = Kubectl.get(&example.namespace, kind, name)?;
        let found =
            object.pointer(pointer).with_context(|| format!("{kind}/{name} has no {pointer}: {object}"))?;
        ensure!(found == value, "{kind}/{name} {pointer} is {found}, not {value}");
    }
    workspace.plan_is_empty()?;
    Ok(workspace)
}

/// One test: attributes as HCL, and where they must be found.
macro_rules! reaches {
    ($name:ident { $($attribute:literal = $expression:expr;)+ } $(
        $kind:literal $object:literal $pointer:literal: $value:tt;
    )+) => {
        #[test]
        fn $name() -> Result<()> {
            let scratch = Scratch::reserve("attribute");
            let example = example(&scratch)$(.set($attribute, $expression))+;
            apply(&example, &[$(($kind, $object, $pointer, json!($value)),)+])?.destroy().map(drop)
        }
    };
}

reaches!(labels_and_annotations_by_kind_of_object {
    "labels" = r#"{ Deployment = { tier = "2-gpu" }, Pod = { "example.org/polite" = "yes" }, Service = { team = "speech" } }"#;
    "annotations" = r#"{ Service = { "prometheus.io/port" = "8000" }, Deployment = { note = "a b" } }"#;
}
    "deployment" "chatterbox-tts" "/metadata/labels/tier": "2-gpu";
    "deployment" "chatterbox-tts" "/spec/template/metadata/labels/example.org~1polite": "yes";
    "service" "chatterbox-tts" "/metadata/labels/team": "speech";
    "service" "chatterbox-tts" "/metadata/annotations/prometheus.io~1port": "8000";
    "deployment" "chatterbox-tts" "/metadata/annotations/note": "a b";
);

reaches!(storage_by_class {
    "storage" = r#"{ size = "1024Mi", class = "local-stand-in", mount_path = "/data" }"#;
}
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/volumeMounts/0/mountPath": "/data";
);

reaches!(environment_from_secrets {
    "env_from_secrets" = r#"{ HF_TOKEN = { secret = "hugging-face", key = "token", optional = true } }"#;
}
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/env/0/valueFrom/secretKeyRef":
        {"name": "hugging-face", "key": "token", "optional": true};
);

reaches!(init_containers {
    "init_containers" = r#"{ warm-up = { image = "gpu-tenancy.local/busybox:dev", command = ["true"] } }"#;
}
    "deployment" "chatterbox-tts" "/spec/template/spec/initContainers/0/name": "admit";
    "deployment" "chatterbox-tts" "/spec/template/spec/initContainers/1/name": "warm-up";
);

reaches!(requests_limits_and_slices {
    "requests" = r#"{ cpu = "0.5", memory = "512Mi" }"#;
    "limits" = r#"{ memory = "6144Mi" }"#;
    "slices" = "2";
}
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/resources/requests/cpu": "500m";
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/resources/limits/memory": "6Gi";
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/resources/limits/nvidia.com~1gpu": "2";
);

reaches!(placement {
    "node_selector" = r#"{ "kubernetes.io/hostname" = "gpu-1" }"#;
    "tolerations" = r#"[{ key = "nvidia.com/gpu", operator = "Exists", effect = "NoSchedule" }]"#;
    "priority_class" = r#""system-cluster-critical""#;
}
    "deployment" "chatterbox-tts" "/spec/template/spec/nodeSelector": {"kubernetes.io/hostname": "gpu-1"};
    "deployment" "chatterbox-tts" "/spec/template/spec/tolerations":
        [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}];
    "deployment" "chatterbox-tts" "/spec/template/spec/priorityClassName": "system-cluster-critical";
);

reaches!(probes_of_every_kind {
    "startup_probe" = r#"{ http = { path = "/health" }, failure_threshold = 60 }"#;
    "readiness_probe" = r#"{ tcp = {}, period = "5s" }"#;
    "liveness_probe" = r#"{ exec = ["true"], timeout = "3s", initial_delay = "1m" }"#;
}
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/startupProbe/httpGet/path": "/health";
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/startupProbe/failureThreshold": 60;
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/readinessProbe/periodSeconds": 5;
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/livenessProbe/exec/command": ["true"];
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/livenessProbe/initialDelaySeconds": 60;
);

reaches!(security_contexts {
    "pod_security_context" = r#"jsonencode({ fsGroup = 1000 })"#;
    "security_context" = r#"jsonencode({ readOnlyRootFilesystem = true, capabilities = { drop = ["ALL"] } })"#;
}
    "deployment" "chatterbox-tts" "/spec/template/spec/securityContext/fsGroup": 1000;
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/securityContext/readOnlyRootFilesystem": true;
);

reaches!(several_ports {
    "port" = UNSET;
    "ports" = "{ api = 8004, metrics = 9090 }";
    "service" = "{ ports = { api = { port = 80 }, scrape = { port = 9100, target = \"metrics\" } } }";
}
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/ports/1/containerPort": 9090;
    "service" "chatterbox-tts" "/spec/ports/0/targetPort": "api";
    "service" "chatterbox-tts" "/spec/ports/1/port": 9100;
);

reaches!(config_that_the_server_rewrites_is_copied {
    "config" = r#"{ "/app/config.yaml" = "a: 1\n" }"#;
    "config_mode" = r#""copy""#;
}
    "deployment" "chatterbox-tts" "/spec/template/spec/initContainers/1/name": "copy-config";
    "configmap" "chatterbox-tts-config" "/data/__app__config.yaml": "a: 1\n";
);

reaches!(how_often_the_guard_looks {
    "guard_interval" = r#""2m""#;
    "windows" = r#"{ night = { start = "02:00", end = "06:00", time_zone = "Europe/London" } }"#;
}
    "cronjob" "chatterbox-tts-guard-night" "/spec/schedule": "*/2 2-6 * * *";
    "cronjob" "chatterbox-tts-guard-night" "/spec/timeZone": "Europe/London";
    "cronjob" "chatterbox-tts-up-night" "/spec/schedule": "0 2 * * *";
);

reaches!(a_suspended_tenant_s_cron_jobs_are_suspended {
    "suspend" = "true";
    "windows" = r#"{ night = { start = "02:00", end = "06:00", time_zone = "UTC" } }"#;
}
    "cronjob" "chatterbox-tts-guard-night" "/spec/suspend": true;
    "deployment" "chatterbox-tts" "/spec/replicas": 0;
);

reaches!(a_pod_patch_for_what_has_no_attribute {
    "pod_patch" = r#"jsonencode({ dnsConfig = { options = [{ name = "ndots", value = "1" }] } })"#;
}
    "deployment" "chatterbox-tts" "/spec/template/spec/dnsConfig/options/0/name": "ndots";
);

reaches!(timeouts_and_a_grace_period {
    "timeouts" = r#"{ create = "3m", update = "3m", delete = "3m" }"#;
    "grace_period" = r#""90s""#;
}
    "deployment" "chatterbox-tts" "/spec/template/spec/terminationGracePeriodSeconds": 90;
);

reaches!(awake_at_all_times {
    "windows" = UNSET;
    "always" = "true";
    "slices" = "1";
}
    "deployment" "chatterbox-tts" "/spec/replicas": 1;
    "deployment" "chatterbox-tts" "/status/readyReplicas": 1;
);

reaches!(volumes_and_shared_memory {
    "volumes" = r#"{
      key     = { mount_path = "/etc/key", secret = "key", optional = true }
      limits  = { mount_path = "/etc/limits/a", config_map = "limits", sub_path = "a", optional = true }
      scratch = { mount_path = "/scratch", empty_dir = { size = "1024Mi" } }
      voices  = { mount_path = "/voices", claim = "voices", read_only = true }
    }"#;
    "shm_size" = r#""1024Mi""#;
}
    "deployment" "chatterbox-tts" "/spec/template/spec/volumes/2/secret/secretName": "key";
    "deployment" "chatterbox-tts" "/spec/template/spec/volumes/3/configMap/optional": true;
    "deployment" "chatterbox-tts" "/spec/template/spec/volumes/4/emptyDir/sizeLimit": "1Gi";
    "deployment" "chatterbox-tts" "/spec/template/spec/volumes/5/persistentVolumeClaim/claimName": "voices";
    "deployment" "chatterbox-tts" "/spec/template/spec/volumes/6/emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"};
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/volumeMounts/3/readOnly": true;
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/0/volumeMounts/4/mountPath": "/dev/shm";
);

reaches!(placement_beside_others {
    "labels" = r#"{ Pod = { tier = "speech" } }"#;
    "affinity" = r#"jsonencode({ podAntiAffinity = { preferredDuringSchedulingIgnoredDuringExecution = [{
      weight = 1, podAffinityTerm = { topologyKey = "kubernetes.io/hostname", labelSelector = { matchLabels = { tier = "speech" } } }
    }] } })"#;
    "topology_spread" = r#"{ "kubernetes.io/hostname" = { when_unsatisfiable = "ScheduleAnyway", match_labels = { tier = "speech" } } }"#;
    "runtime_class" = r#""nvidia""#;
    "host_aliases" = r#"{ "192.0.2.1" = ["models.example.org"] }"#;
}
    "deployment" "chatterbox-tts"
        "/spec/template/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/weight": 1;
    "deployment" "chatterbox-tts" "/spec/template/spec/topologySpreadConstraints/0/maxSkew": 1;
    "deployment" "chatterbox-tts" "/spec/template/spec/runtimeClassName": "nvidia";
    "deployment" "chatterbox-tts" "/spec/template/spec/hostAliases/0/hostnames": ["models.example.org"];
);

reaches!(a_service_outside_the_cluster {
    "service" = r#"{ port = 8000, type = "LoadBalancer", load_balancer_class = "example.org/none", load_balancer_source_ranges = ["10.0.0.0/8"] }"#;
}
    "service" "chatterbox-tts" "/spec/type": "LoadBalancer";
    "service" "chatterbox-tts" "/spec/loadBalancerClass": "example.org/none";
    "service" "chatterbox-tts" "/spec/loadBalancerSourceRanges": ["10.0.0.0/8"];
);

reaches!(bounds_of_a_tenant_with_a_gate {
    "quota" = r#"{ pods = "20", "requests.nvidia.com/gpu" = "2" }"#;
    "network" = r#"{
      callers      = { chat = { namespace = "chat", ports = [8004] } }
      destinations = { all = { range = "0.0.0.0/0" } }
    }"#;
}
    "resourcequota" "chatterbox-tts" "/spec/hard": {"pods": "20", "requests.nvidia.com/gpu": "2"};
    "networkpolicy" "chatterbox-tts" "/spec/policyTypes": ["Ingress", "Egress"];
    "networkpolicy" "chatterbox-tts" "/spec/ingress/0/ports/0/port": 8004;
    "networkpolicy" "chatterbox-tts" "/spec/egress/1/ports/0/protocol": "UDP";
);

reaches!(an_awake_tenant_with_a_sidecar_that_no_drain_evicts {
    "windows" = UNSET;
    "always" = "true";
    "evictable" = "false";
    "shm_size" = r#""64Mi""#;
    "volumes" = r#"{ scratch = { mount_path = "/scratch", empty_dir = { size = "64Mi", in_memory = true } } }"#;
    "sidecars" = r#"{ writer = {
      image = "gpu-tenancy.local/busybox:dev", command = ["sh", "-c", "touch /scratch/here && sleep 3600"]
      ports = { side = 9000 }, requests = { memory = "16Mi" }, limits = { memory = "32Mi" }
    } }"#;
    "service" = r#"{ ports = { http = { port = 8000 }, side = { port = 9000 } } }"#;
}
    "deployment" "chatterbox-tts" "/status/readyReplicas": 1;
    "deployment" "chatterbox-tts" "/spec/template/spec/containers/1/name": "writer";
    "service" "chatterbox-tts" "/spec/ports/1/targetPort": "side";
    "poddisruptionbudget" "chatterbox-tts" "/spec/maxUnavailable": 0;
);

#[test]
fn a_missing_pull_secret_is_a_warning_that_names_it() -> Result<()> {
    let scratch = Scratch::reserve("pull");
    let example = example(&scratch).set("image_pull_secrets", r#"["registry-credentials"]"#);
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    let said = workspace.apply()?;
    ensure!(said.contains("Warning") && said.contains("registry-credentials"), "{said}");
    let deployment = Kubectl.get(&example.namespace, "deployment", "chatterbox-tts")?;
    ensure!(
        deployment["spec"]["template"]["spec"]["imagePullSecrets"]
            == json!([{"name": "registry-credentials"}])
    );
    workspace.destroy().map(drop)
}

#[test]
fn storage_on_nfs_is_a_volume_reserved_for_its_claim() -> Result<()> {
    let scratch = Scratch::reserve("nfs");
    let nfs = r#"{ size = "20Gi", mount_path = "/data", deletion_policy = "delete", nfs = { server = "nfs.example.org", path = "/srv/voices" } }"#;
    let example = example(&scratch).set("storage", nfs);
    let workspace = apply(&example, &[])?;
    let claims = Kubectl.names(&example.namespace, "pvc")?;
    let claim = claims.first().context("no claim")?.trim_start_matches("persistentvolumeclaim/").to_owned();
    let claim = Kubectl.get(&example.namespace, "pvc", &claim)?;
    let volume = claim["spec"]["volumeName"].as_str().context("the claim names no volume")?.to_owned();
    let volume = Kubectl.get("default", "pv", &volume)?;
    ensure!(volume["spec"]["nfs"] == json!({"server": "nfs.example.org", "path": "/srv/voices"}), "{volume}");
    ensure!(volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain", "{volume}");
    ensure!(volume["spec"]["claimRef"]["namespace"] == example.namespace.as_str(), "{volume}");
    workspace.destroy()?;
    let left = Kubectl.exists("default", "pv", volume["metadata"]["name"].as_str().unwrap_or_default())?;
    ensure!(!left, "deletion_policy = delete left the volume");
    Ok(())
}

#[test]
fn an_existing_claim_is_used_and_never_changed() -> Result<()> {
    let scratch = Scratch::reserve("claim");
    let namespace = scratch.namespace.as_str();
    Kubectl.run(&["create", "namespace", namespace])?;
    Kubectl.apply(&json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "voices", "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "3Gi"}}},
    }))?;
    let before = Kubectl.get(namespace, "pvc", "voices")?["metadata"]["resourceVersion"].clone();
    let example = example(&scratch).set("storage", r#"{ existing_claim = "voices", mount_path = "/data" }"#);
    let workspace = apply(&example, &[])?;
    workspace.destroy()?;
    ensure!(
        Kubectl.get(namespace, "pvc", "voices")?["metadata"]["resourceVersion"] == before,
        "the claim was changed"
    );
    Ok(())
}

#[test]
fn deployments_that_make_room_are_given_to_the_gate_by_name() -> Result<()> {
    let scratch = Scratch::reserve("pauses");
    let residents = Scratch::reserve("residents");
    Kubectl.run(&["create", "namespace", &residents.namespace])?;
    let example = example(&scratch).set("pauses", &format!(r#"["{}/immich"]"#, residents.namespace));
    let workspace = apply(&example, &[])?;
    let account = format!("system:serviceaccount:{}:chatterbox-tts-gate", scratch.namespace);
    let may = |name: &str| {
        let asked = [
            "auth",
            "can-i",
            "patch",
            &format!("deployments/{name}"),
            "--subresource=scale",
            "-n",
            &residents.namespace,
            "--as",
            &account,
        ];
        Kubectl.run(&asked).is_ok_and(|answer| answer.trim() == "yes")
    };
    ensure!(may("immich") && !may("other"), "the gate's rights are not those of one Deployment");
    workspace.destroy().map(drop)
}

#[test]
fn a_field_that_is_handed_over_may_change_without_a_diff() -> Result<()> {
    let scratch = Scratch::reserve("hand-over");
    let example = example(&scratch).set("hand_over", r#"["image"]"#);
    let workspace = apply(&example, &[])?;
    let image = "server=gpu-tenancy.local/fake-model:keel";
    Kubectl.run(&["-n", &example.namespace, "set", "image", "deployment/chatterbox-tts", image])?;
    workspace.plan_is_empty()?;
    workspace.destroy().map(drop)
}

#[test]
fn an_object_is_adopted_when_that_is_asked() -> Result<()> {
    let scratch = Scratch::reserve("adopt");
    let namespace = scratch.namespace.as_str();
    Kubectl.run(&["create", "namespace", namespace])?;
    Kubectl.run(&["-n", namespace, "create", "service", "clusterip", "chatterbox-tts", "--tcp=8000:8004"])?;
    let uid = Kubectl.get(namespace, "service", "chatterbox-tts")?["metadata"]["uid"].clone();
    let example = example(&scratch).set("adopt", r#"["Service/chatterbox-tts"]"#);
    let workspace = apply(&example, &[])?;
    ensure!(
        Kubectl.get(namespace, "service", "chatterbox-tts")?["metadata"]["uid"] == uid,
        "it was made anew"
    );
    workspace.destroy().map(drop)
}

#[test]
fn a_claim_goes_with_its_tenant_where_that_is_asked() -> Result<()> {
    let scratch = Scratch::reserve("deletion");
    let storage =
        r#"{ size = "1Gi", class = "local-stand-in", mount_path = "/data", deletion_policy = "delete" }"#;
    let example = example(&scratch).set("storage", storage);
    let workspace = apply(&example, &[])?;
    ensure!(Kubectl.names(&example.namespace, "pvc")?.len() == 1);
    workspace.destroy()?;
    ensure!(
        !Kubectl.exists("default", "namespace", &example.namespace)?
            || Kubectl.names(&example.namespace, "pvc")?.is_empty()
    );
    Ok(())
}
