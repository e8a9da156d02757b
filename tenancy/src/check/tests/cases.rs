//! What a person can get wrong, one thing at a time.

use super::*;

/// A name for people, and how the seed's tenant is spoilt.
type Case = (&'static str, fn(&mut Tenant));

/// All of them, each with one thing wrong.
pub(super) const CASES: &[Case] = &[
    ("no image", |t| t.server.image.clear()),
    ("agent image with a space", |t| t.gate.image = "gpu agent".into()),
    ("prefetch without storage", |t| {
        t.storage = None;
        t.prefetch = Some(prefetch());
    }),
    ("prefetch into a claim for one pod", |t| {
        let size = Quantity::whole(1);
        let backing = Backing::Class { size, class: None, access_mode: AccessMode::ReadWriteOncePod };
        t.storage.as_mut().unwrap().backing = backing;
        t.prefetch = Some(prefetch());
    }),
    ("no port", |t| t.server.ports.clear()),
    ("main port unknown", |t| t.server.main_port = "web".parse().unwrap()),
    ("port 0", |t| {
        t.server.ports.insert("admin".parse().unwrap(), 0);
    }),
    ("two ports, one number", |t| {
        t.server.ports.insert("admin".parse().unwrap(), 8004);
    }),
    ("service leads nowhere", |t| {
        let target = "web".parse().unwrap();
        t.service.as_mut().unwrap().ports.insert("web".parse().unwrap(), port(80, target));
    }),
    ("service port twice", |t| {
        let target = "http".parse().unwrap();
        t.service.as_mut().unwrap().ports.insert("web".parse().unwrap(), port(8000, target));
    }),
    ("service without ports", |t| t.service.as_mut().unwrap().ports.clear()),
    ("probe of an unknown port", |t| {
        t.server.liveness_probe.as_mut().unwrap().action = ProbeAction::Tcp { port: "web".parse().unwrap() };
    }),
    ("probe without a path, period or tries", |t| {
        let port = "http".parse().unwrap();
        let action = ProbeAction::Http { port, path: "health".into() };
        t.server.startup_probe =
            Some(Probe { action, period_s: 0, timeout_s: 1, failure_threshold: 0, initial_delay_s: 0 });
    }),
    ("probe without a command", |t| {
        t.server.readiness_probe.as_mut().unwrap().action = ProbeAction::Exec { command: vec![] };
    }),
    ("variable set twice", |t| {
        let key = SecretKey { secret: "s".parse().unwrap(), key: "k".parse().unwrap(), optional: false };
        t.server.env_from_secrets.insert("HF_HOME".parse().unwrap(), key);
    }),
    ("secret in the open", |t| {
        t.server.env.insert("HF_TOKEN".parse().unwrap(), "hf_x".into());
    }),
    ("limit below request", |t| {
        t.server.limits.insert("memory".into(), "2Gi".parse().unwrap());
    }),
    ("negative amount", |t| {
        t.server.requests.insert("cpu".into(), "-1".parse().unwrap());
    }),
    ("unknown resource", |t| {
        t.server.limits.insert("gpu".into(), Quantity::whole(1));
    }),
    ("slices by another name", |t| {
        t.server.limits.insert("nvidia.com/gpu".into(), Quantity::whole(1));
    }),
    ("device divided, and requested only", |t| {
        t.server.requests.insert("example.com/fpga".into(), "500m".parse().unwrap());
    }),
    ("device with unequal amounts", |t| {
        t.server.requests.insert("example.com/fpga".into(), Quantity::whole(1));
        t.server.limits.insert("example.com/fpga".into(), Quantity::whole(2));
    }),
    ("no slice", |t| t.server.slices = 0),
    ("slice of nothing", |t| t.server.slice_resource = "gpu".into()),
    ("pod's field on the container, and a slip", |t| {
        t.server.security_context = map(json!({"fsGroup": 1, "runAsuser": 1}));
    }),
    ("container's field on the pod", |t| {
        t.pod.security_context = map(json!({"capabilities": {}}));
    }),
    ("tolerations of no sense", |t| {
        let toleration = |operator: &str, value: Option<&str>, effect: &str| Toleration {
            key: None,
            operator: Some(operator.into()),
            value: value.map(str::to_owned),
            effect: Some(effect.into()),
        };
        t.pod.tolerations = vec![
            toleration("In", None, "NoSchedule"),
            toleration("Exists", None, "Never"),
            toleration("Exists", Some("x"), "NoSchedule"),
            toleration("Equal", Some("x"), "NoSchedule"),
        ];
    }),
    ("init container named as ours, without image, with a secret", |t| {
        let env = BTreeMap::from([("API_KEY".parse().unwrap(), "x".to_owned())]);
        let init = InitContainer { image: String::new(), command: vec![], args: vec![], env };
        t.init_containers.insert("admit".parse().unwrap(), init);
    }),
    ("labels and annotations of ours", |t| {
        let metadata = Metadata {
            labels: BTreeMap::from([("app.kubernetes.io/name".parse().unwrap(), "x".parse().unwrap())]),
            annotations: BTreeMap::from([
                ("gpu-tenancy.dev/gate".parse().unwrap(), "off".into()),
                ("gpu-tenancy.dev/other".parse().unwrap(), "x".into()),
            ]),
        };
        t.metadata.insert(ObjectKind::Deployment, metadata);
    }),
    ("config over 1 MiB", |t| {
        t.config.insert("/app/big.yaml".parse().unwrap(), "x".repeat(1_048_577));
    }),
    ("file below a file", |t| {
        t.config.insert("/app/config.yaml/more".parse().unwrap(), String::new());
    }),
    ("file on the storage", |t| {
        t.config.insert("/data/config.yaml".parse().unwrap(), String::new());
    }),
    ("storage below a file", |t| {
        t.storage.as_mut().unwrap().mount_path = "/app/config.yaml/data".parse().unwrap();
    }),
    ("storage over the image", |t| t.storage.as_mut().unwrap().mount_path = "/".parse().unwrap()),
    ("file of the kernel", |t| {
        t.config.insert("/proc/version".parse().unwrap(), String::new());
    }),
    ("storage of no size, from an address with a path", |t| {
        t.storage.as_mut().unwrap().backing = Backing::Nfs {
            size: Quantity::whole(0),
            server: "nas/export".into(),
            path: "/export".parse().unwrap(),
            mount_options: vec![],
        };
    }),
    ("volumes named as ours, outside themselves, of no size, over the image", |t| {
        let empty = VolumeSource::EmptyDir { size: Quantity::whole(0), in_memory: false };
        t.volumes.insert("storage".parse().unwrap(), volume("/proc/x", empty));
        let secret = VolumeSource::Secret { name: "s".parse().unwrap(), optional: false };
        let outside = Volume { sub_path: Some("../x".into()), ..volume("/", secret) };
        t.volumes.insert("outside".parse().unwrap(), outside);
    }),
    ("volumes that cover storage, a file and each other", |t| {
        let claim = |name: &str| VolumeSource::Claim(name.parse().unwrap());
        t.volumes.insert("a".parse().unwrap(), volume("/data/voices", claim("voices")));
        t.volumes.insert("b".parse().unwrap(), volume("/app", claim("app")));
        t.volumes.insert("c".parse().unwrap(), volume("/app", claim("other")));
    }),
    ("shared memory twice, more than there is", |t| {
        t.shm_size = Some("9Gi".parse().unwrap());
        let size = "1Gi".parse().unwrap();
        let source = VolumeSource::EmptyDir { size, in_memory: true };
        t.volumes.insert("shm".parse().unwrap(), volume("/dev/shm", source));
    }),
    ("shared memory of nothing", |t| t.shm_size = Some(Quantity::whole(0))),
    ("scratch space beyond the limit of it", |t| {
        let source = VolumeSource::EmptyDir { size: "21Gi".parse().unwrap(), in_memory: false };
        t.volumes.insert("scratch".parse().unwrap(), volume("/scratch", source));
    }),
    ("patch of a volume that has attributes", |t| {
        t.shm_size = Some("1Gi".parse().unwrap());
        let source = VolumeSource::Claim("voices".parse().unwrap());
        t.volumes.insert("voices".parse().unwrap(), volume("/voices", source));
        t.pod_patch = map(json!({
            "volumes": [{"name": "shm", "emptyDir": {}}, {"name": "voices", "emptyDir": {}}],
            "containers": [{"name": "server", "volumeMounts": [
                {"mountPath": "/dev/shm", "name": "x"}, {"mountPath": "/voices", "name": "x"},
            ]}],
        }));
    }),
    ("affinity of slips", |t| {
        let rules = json!({"nodeaffinity": {}, "podAffinity": {"required": []}});
        t.pod.affinity = map(rules);
    }),
    ("spread of others only, and of nothing", |t| {
        let spread = |max_skew, labels: &[(&str, &str)]| TopologySpread {
            max_skew,
            required: true,
            match_labels: labels.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect(),
        };
        t.pod.topology_spread = BTreeMap::from([
            ("kubernetes.io/hostname".parse().unwrap(), spread(1, &[("tier", "speech")])),
            ("zone".parse().unwrap(), spread(0, &[])),
        ]);
    }),
    ("address without a name", |t| {
        t.pod.host_aliases.insert("192.0.2.1".parse().unwrap(), BTreeSet::new());
    }),
    ("ports of nodes without a Service on them, twice", |t| {
        let target: PortName = "http".parse().unwrap();
        let service = t.service.as_mut().unwrap();
        for (name, port) in [("a", 1), ("b", 2)] {
            let port = ServicePort { port, target: target.clone(), node_port: Some(30_080) };
            service.ports.insert(name.parse().unwrap(), port);
        }
    }),
    ("load balancer of a Service without one", |t| {
        let service = t.service.as_mut().unwrap();
        service.service_type = ServiceType::NodePort;
        service.load_balancer_source_ranges.insert("10.0.0.0/8".parse().unwrap());
    }),
    ("sidecar named as ours, without image, with a secret, two of a port and a slice", |t| {
        let one = |name: &str| BTreeMap::from([(name.to_owned(), Quantity::whole(1))]);
        let secret = SecretKey { secret: "s".parse().unwrap(), key: "k".parse().unwrap(), optional: false };
        let sidecar = Sidecar {
            image: "a b".into(),
            command: vec![],
            args: vec![],
            env: BTreeMap::from([("API_KEY".parse().unwrap(), "x".to_owned())]),
            env_from_secrets: BTreeMap::from([("API_KEY".parse().unwrap(), secret)]),
            ports: BTreeMap::from([("http".parse().unwrap(), 0), ("api".parse().unwrap(), 8004)]),
            requests: one("example.com/fpga"),
            limits: one("nvidia.com/gpu"),
        };
        t.sidecars.insert("server".parse().unwrap(), sidecar);
    }),
    ("quota of what is not bounded, of slips, and too small", |t| {
        let amount = |text: &str| text.parse().unwrap();
        t.quota = BTreeMap::from([
            ("limits.nvidia.com/gpu".into(), amount("2")),
            ("nvidia.com/gpu".into(), amount("2")),
            ("memroy".into(), amount("2")),
            ("pods".into(), amount("-1")),
            ("requests.nvidia.com/gpu".into(), amount("0")),
            ("requests.memory".into(), amount("1Gi")),
            ("limits.cpu".into(), amount("4")),
        ]);
    }),
    ("quota with a prefetch that gets nothing from a patch", |t| {
        t.prefetch = Some(prefetch());
        t.server.requests.remove("cpu");
        let server = json!({"name": "server", "resources": {"requests": {"cpu": "1"}}});
        t.pod_patch = map(json!({"containers": [server]}));
        t.quota = BTreeMap::from([("requests.cpu".into(), "4".parse().unwrap())]);
    }),
    ("quota without room for a prefetch beside a server that never sleeps", |t| {
        t.prefetch = Some(prefetch());
        (t.schedule, t.gate.unload) = (Schedule::Always, None);
        t.quota = BTreeMap::from([("requests.memory".into(), "6Gi".parse().unwrap())]);
    }),
    ("a gated tenant that is not to be evicted", |t| t.evictable = false),
    ("network that bounds nothing", |t| t.network = Some(Network::default())),
    ("peers that are nobody, two things, and without the API server", |t| {
        let nobody = Peer { ports: BTreeSet::from([0]), ..Peer::default() };
        let both = Peer {
            namespace: Some("chat".parse().unwrap()),
            range: Some("10.0.0.0/8".parse().unwrap()),
            ..Peer::default()
        };
        let monitoring = Peer { namespace: Some("gpu-operator".parse().unwrap()), ..Peer::default() };
        let named = |peers: [(&str, Peer); 1]| {
            Some(peers.into_iter().map(|(name, peer)| (name.parse().unwrap(), peer)).collect())
        };
        let mut callers: BTreeMap<_, _> = named([("nobody", nobody)]).unwrap_or_default();
        callers.insert("both".parse().unwrap(), both);
        let destinations = named([("metrics", monitoring)]);
        t.network = Some(Network { callers: Some(callers), destinations });
    }),
    ("the system's namespace", |t| t.id.namespace = "gpu-tenancy".parse().unwrap()),
    ("no window", |t| t.schedule = Schedule::Windows(BTreeMap::new())),
    ("window too short", |t| {
        let zone = "UTC".parse().unwrap();
        let window = Window::new("23:55".parse().unwrap(), "00:05".parse().unwrap(), vec![], zone).unwrap();
        t.schedule = Schedule::Windows(BTreeMap::from([("blink".parse().unwrap(), window)]));
    }),
    ("windows that share a CronJob", |t| {
        let window = |start: &str, end: &str| {
            let zone = "UTC".parse().unwrap();
            Window::new(start.parse().unwrap(), end.parse().unwrap(), vec![], zone).unwrap()
        };
        t.schedule = Schedule::Windows(BTreeMap::from([
            ("night".parse().unwrap(), window("01:30", "05:45")),
            ("night-2".parse().unwrap(), window("12:00", "13:00")),
        ]));
    }),
    ("on demand without demand", |t| t.schedule = Schedule::OnDemand),
    ("always awake with demand", |t| {
        (t.schedule, t.gate.unload) = (Schedule::Always, None);
        t.gate.demand = demand("http://prometheus:9090", "sum(jobs)", 600);
    }),
    ("demand of no sense", |t| t.gate.demand = demand("http://prometheus/api/v1/query", " ", 1)),
    ("guard between minutes", |t| t.gate.timing.guard_interval_s = 90),
    ("guard every two hours", |t| t.gate.timing.guard_interval_s = 7200),
    ("no grace", |t| {
        t.gate.timing.grace_period_s = 0;
        t.gate.unload = None;
    }),
    ("pauses itself, and another twice", |t| {
        let target = |namespace: &str, deployment: &str| ScaleTarget {
            namespace: namespace.parse().unwrap(),
            deployment: deployment.parse().unwrap(),
        };
        t.gate.pauses = vec![target("tts", "chatterbox-tts"), target("immich", "ml"), target("immich", "ml")];
    }),
    ("always awake with what only a gate does", |t| {
        t.schedule = Schedule::Always;
        t.gate.pauses =
            vec![ScaleTarget { namespace: "immich".parse().unwrap(), deployment: "ml".parse().unwrap() }];
    }),
    ("unload call of no sense", |t| {
        let call = t.gate.unload.as_mut().unwrap();
        (call.method, call.path, call.port, call.timeout_s) = ("GET".into(), "unload".into(), 1, 61);
    }),
    ("patch with directives", |t| {
        t.pod_patch =
            map(json!({"containers": [{"name": "server", "$patch": "replace"}], "$retainKeys": ["a"]}));
    }),
    ("patch of what is the gate's", |t| {
        t.pod_patch = map(json!({
            "serviceAccountName": "x",
            "automountServiceAccountToken": true,
            "terminationGracePeriodSeconds": 1,
            "initContainers": [{"name": "admit", "image": "x"}],
            "volumes": [{"name": "gate-token", "emptyDir": {"medium": "Memory"}}],
            "containers": [{
                "name": "server",
                "image": "x",
                "resources": {"limits": {"nvidia.com/gpu": "2"}},
                "volumeMounts": [{"mountPath": "/token", "name": "gate-token"}, {"mountPath": "/data", "name": "shm"}],
                "env": [{"name": "API_KEY", "value": "x"}],
            }],
        }));
    }),
    ("patch that deletes or misses", |t| {
        t.pod_patch = map(json!({
            "containers": null,
            "initContainers": [{"image": "x"}, {"name": "new"}],
            "volumes": [{"emptyDir": {"medium": "Memory"}}],
        }));
    }),
    ("hand-over of what is not there or not free", |t| {
        let leaf = |path: &str| HandedOver::Leaf(path.into());
        t.handed_over = BTreeSet::from([
            leaf("spec.replicas"),
            leaf("spec.selector"),
            leaf("spec.template.spec.containers"),
            leaf("spec.template.spec.initContainers[admit].image"),
            leaf("spec.template.spec.containers[server].resources.limits[nvidia.com/gpu]"),
            leaf("spec.template.spec.containers[server].resources.limits.cpu"),
        ]);
    }),
];
