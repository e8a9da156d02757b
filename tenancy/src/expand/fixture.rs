//! The first seed's tenant, its card and its floor, for tests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::card::Card;
use crate::floor::Floor;
use crate::gate::{Timing, UnloadCall};
use crate::tenant::*;
use crate::window::{Schedule, Window};

/// The first seed's tenant: a text-to-speech server that may run at night.
pub(crate) fn chatterbox() -> Tenant {
    let http: crate::names::PortName = "http".parse().unwrap();
    let probe = |period_s, failure_threshold| Probe {
        action: ProbeAction::Tcp { port: http.clone() },
        period_s,
        timeout_s: 5,
        failure_threshold,
        initial_delay_s: 0,
    };
    let night = Window::new(
        "02:00".parse().unwrap(),
        "06:00".parse().unwrap(),
        vec![],
        "Europe/London".parse().unwrap(),
    )
    .unwrap();
    Tenant {
        id: "tts/chatterbox-tts".parse().unwrap(),
        schedule: Schedule::Windows(BTreeMap::from([("night".parse().unwrap(), night)])),
        suspend: false,
        server: Server {
            image: "ghcr.io/example/chatterbox-tts:915ae289".into(),
            image_pull_policy: None,
            command: vec![],
            args: vec![],
            ports: BTreeMap::from([(http.clone(), 8004)]),
            main_port: http.clone(),
            env: BTreeMap::from([
                ("TTS_BF16".parse().unwrap(), "off".into()),
                ("HF_HOME".parse().unwrap(), "/data/hf_cache".into()),
            ]),
            env_from_secrets: BTreeMap::new(),
            requests: BTreeMap::from([
                ("cpu".into(), "500m".parse().unwrap()),
                ("memory".into(), "4096Mi".parse().unwrap()),
            ]),
            limits: BTreeMap::from([("memory".into(), "8Gi".parse().unwrap())]),
            slices: 1,
            slice_resource: "nvidia.com/gpu".into(),
            startup_probe: Some(probe(10, 60)),
            readiness_probe: Some(probe(10, 3)),
            liveness_probe: Some(probe(30, 5)),
            security_context: None,
        },
        service: Some(Service {
            ports: BTreeMap::from([(
                http.clone(),
                ServicePort { port: 8000, target: http, node_port: None },
            )]),
            ..Service::default()
        }),
        storage: Some(Storage {
            mount_path: "/data".parse().unwrap(),
            backing: Backing::Nfs {
                size: "20Gi".parse().unwrap(),
                server: "192.0.2.10".into(),
                path: "/srv/nfs-ssd/chatterbox".parse().unwrap(),
                mount_options: vec![],
            },
            deletion_policy: DeletionPolicy::Retain,
        }),
        volumes: BTreeMap::new(),
        shm_size: None,
        config: BTreeMap::from([("/app/config.yaml".parse().unwrap(), "server:\n  port: 8004\n".into())]),
        config_mode: ConfigMode::Copy,
        init_containers: BTreeMap::new(),
        sidecars: BTreeMap::new(),
        evictable: true,
        quota: BTreeMap::new(),
        network: None,
        pod: Pod {
            tolerations: vec![Toleration {
                key: Some("nvidia.com/gpu".parse().unwrap()),
                operator: Some("Exists".into()),
                value: None,
                effect: Some("NoSchedule".into()),
            }],
            priority_class: Some("tier-2-gpu".parse().unwrap()),
            ..Pod::default()
        },
        metadata: BTreeMap::from([(
            ObjectKind::Namespace,
            Metadata {
                labels: BTreeMap::from([("tier".parse().unwrap(), "2-gpu".parse().unwrap())]),
                ..Metadata::default()
            },
        )]),
        gate: Gate {
            image: "ghcr.io/gpu-tenancy/gpu-agent:0.1.0".into(),
            timing: Timing::default(),
            pauses: vec![],
            unload: Some(UnloadCall {
                method: "POST".into(),
                path: "/api/unload".into(),
                port: 8004,
                body: None,
                timeout_s: 20,
            }),
            source_secret: None,
            demand: None,
        },
        prefetch: None,
        pod_patch: None,
        handed_over: BTreeSet::new(),
    }
}

/// The seed's card: a T4 as it is, with a resident beside the tenants.
pub(crate) fn t4() -> Card {
    serde_json::from_value(json!({
        "name": "gpu-1-0",
        "node": "gpu-1",
        "device": {"index": 0},
        "source": {"device": {"dcgm": "http://dcgm-exporter.gpu-operator:9400/metrics"}},
        "memory_mib": 15360,
        "residents": {"llama": {"namespace": "llama-cpp", "peak_mib": 9216, "protected": true}},
    }))
    .unwrap()
}

/// What the seed's tenant claims of it.
pub(crate) fn chatterbox_floor() -> Floor {
    serde_json::from_value(json!({"tenant": "tts/chatterbox-tts", "peak_mib": 4096, "headroom_mib": 2048}))
        .unwrap()
}

/// An exporter with everything set.
pub(crate) fn exporter() -> crate::exporter::Exporter {
    crate::exporter::Exporter {
        name: "gpu-exporter".parse().unwrap(),
        image: "registry.example.org/gpu-agent:1".into(),
        runtime_class: Some("nvidia".parse().unwrap()),
        node_selector: crate::defaults::exporter_nodes(),
        tolerations: crate::defaults::exporter_tolerations(),
        priority_class: Some("infrastructure".parse().unwrap()),
        image_pull_secrets: BTreeSet::from(["mirror".parse().unwrap()]),
        port: crate::defaults::EXPORTER_PORT,
        interval_s: 2,
        service_monitor: Some(crate::exporter::ServiceMonitor {
            labels: BTreeMap::from([("release".parse().unwrap(), "prometheus".parse().unwrap())]),
            interval_s: 15,
        }),
    }
}
