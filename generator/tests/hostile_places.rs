//! Text that means something to a language around, in every place where the published schemas have text: keys of
//! maps too. It comes out of the stacks as it went in, or is refused with its file and a reason.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use gpu_stacks::problem::Problem;
use gpu_stacks::{load, render};
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::Body;
use hcl_edit::template::Element;
use serde_json::{Map, Value, json};

/// Each part of these means something to Terraform, terragrunt, our templates, YAML or a shell.
const HOSTILE: [&str; 3] =
    ["a${path.module}%{ if true }{{llama}}{{{x}}}\"'\\`$(id) 🦙", "a\nEOF\n  }\n", "${"];

/// Keys of maps, and texts, of which one is good for each place.
const KEYS: [&str; 7] = ["a", "A", "/a", "Pod", "cpu", "10.0.0.1", "privileged"];
const GOOD: [&str; 21] = [
    "x",
    "Pod",
    "cpu",
    "1",
    "10.0.0.1",
    "t.yaml",
    "true",
    "30s",
    "2m",
    "GPU-6f2b3a1c-0d4e-4f5a-8b9c-0a1b2c3d4e5f",
    "A",
    "/x",
    "1Gi",
    "http://x",
    "10.0.0.0/8",
    "kokoro",
    "fp16",
    "a/b",
    "Pod/a",
    "spec.replicas",
    "2026-11-20T03:10:00Z",
];

/// What a place needs beside it to be allowed at all, by how its path begins; the first that fits counts.
fn beside(path: &str) -> Value {
    let disk = json!({ "mount_path": "/d", "size": "1Gi" });
    let known = [
        (".affinity", json!({ "affinity": { "nodeAffinity": {} } })),
        (".cards.KEY", json!({ "cards": { "x": { "node": "n", "index": 0 } } })),
        (".config.*|1", json!({})),
        (".defaults.tolerations[].value", json!({ "defaults": { "tolerations": [{ "key": "k" }] } })),
        (".defaults.tolerations[].effect", json!({ "defaults": { "tolerations": [{ "key": "k" }] } })),
        (
            ".defaults.tolerations[].operator",
            json!({ "defaults": { "tolerations": [{ "key": "k", "value": "v" }] } }),
        ),
        (".demand.idle_after", json!({ "demand": { "http": { "url": "http://q", "json_path": "$.a" } } })),
        (".liveness_probe.http.port", json!({ "liveness_probe": { "http": { "path": "/h" } } })),
        (".readiness_probe.http.port", json!({ "readiness_probe": { "http": { "path": "/h" } } })),
        (".startup_probe.http.port", json!({ "startup_probe": { "http": { "path": "/h" } } })),
        (".liveness_probe.http", json!({})),
        (".readiness_probe.http", json!({})),
        (".startup_probe.http", json!({})),
        (".liveness_probe.exec", json!({})),
        (".readiness_probe.exec", json!({})),
        (".startup_probe.exec", json!({})),
        (".liveness_probe", json!({ "liveness_probe": { "tcp": {} } })),
        (".readiness_probe", json!({ "readiness_probe": { "tcp": {} } })),
        (".startup_probe", json!({ "startup_probe": { "tcp": {} } })),
        (".measured.at", json!({ "measured": { "source": "s" } })),
        (".measured.source", json!({ "measured": { "at": "2026-11-20T03:10:00Z" } })),
        (".measured.selector", json!({ "measured": { "prometheus": "http://p:9090", "unit": "mib" } })),
        (".measured.unit", json!({ "measured": { "prometheus": "http://p:9090", "selector": "s" } })),
        (".measured.prometheus", json!({})),
        (".measured.exporter", json!({})),
        (".measured", json!({ "measured": { "prometheus": "http://p:9090" } })),
        (".network.callers.KEY", json!({ "network": { "callers": { "x": { "namespace": "n" } } } })),
        (
            ".network.destinations",
            json!({ "network": { "destinations": { "api": { "range": "10.0.0.0/8" } } } }),
        ),
        (".prefetch.command", json!({ "storage": disk })),
        (".prefetch", json!({ "storage": disk, "prefetch": { "command": ["c"] } })),
        (".quota", json!({ "requests": { "cpu": "1" } })),
        (".service.load_balancer", json!({ "service": { "port": 80, "type": "LoadBalancer" } })),
        (".service.ports", json!({ "service": { "port": null } })),
        (".service", json!({ "service": { "port": 80 } })),
        (".storage.existing_claim", json!({ "storage": { "mount_path": "/d" } })),
        (".storage.mount_path", json!({ "storage": { "size": "1Gi" } })),
        (".storage.size", json!({ "storage": { "mount_path": "/d" } })),
        (
            ".storage.nfs.path",
            json!({ "storage": { "mount_path": "/d", "size": "1Gi", "nfs": { "server": "s" } } }),
        ),
        (
            ".storage.nfs.server",
            json!({ "storage": { "mount_path": "/d", "size": "1Gi", "nfs": { "path": "/x" } } }),
        ),
        (
            ".storage.nfs",
            json!({ "storage": { "mount_path": "/d", "size": "1Gi", "nfs": { "server": "s", "path": "/x" } } }),
        ),
        (".storage", json!({ "storage": disk })),
        (".tolerations[].key", json!({})),
        (".tolerations[].operator", json!({ "tolerations": [{ "key": "k", "value": "v" }] })),
        (".tolerations", json!({ "tolerations": [{ "key": "k" }] })),
        (".unload.path", json!({})),
        (".unload", json!({ "unload": { "path": "/u" } })),
        (".volumes.KEY", json!({})),
        (".volumes.*.mount_path", json!({ "volumes": { "a": { "empty_dir": {} } } })),
        (".volumes.*.sub_path", json!({ "volumes": { "a": { "mount_path": "/v", "claim": "c" } } })),
        (".volumes", json!({ "volumes": { "a": { "mount_path": "/v" } } })),
        (".windows.*.start", json!({ "windows": { "a": { "end": "23:00" } } })),
        (".windows.*.end", json!({ "windows": { "a": { "start": "22:00" } } })),
        (".windows", json!({ "windows": { "a": { "start": "22:00", "end": "23:00" } } })),
    ];
    known.into_iter().find(|(begins, _)| path.starts_with(begins)).map_or(json!({}), |(_, beside)| beside)
}

/// One step from a file's top to a place in it.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Item,
    Entry,
    Key,
    Alternative(usize),
}

/// A place of text, with a text that belongs there where its schema names one.
struct Place {
    path: Vec<Step>,
    good: Option<String>,
}

/// A published schema.
struct Published {
    whole: Value,
}

impl Published {
    fn of(text: &str) -> Self {
        Self { whole: serde_json::from_str(text).unwrap() }
    }

    /// A schema without its reference, and of one alternative and nothing that alternative.
    fn plain<'s>(&'s self, schema: &'s Value) -> &'s Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.plain(self.whole.pointer(&reference[1..]).unwrap());
        }
        let alternatives = schema["anyOf"].as_array().map(Vec::as_slice).unwrap_or_default();
        let real: Vec<&Value> = alternatives.iter().filter(|it| it["type"] != "null").collect();
        if let [one] = real.as_slice() { self.plain(one) } else { schema }
    }

    fn is(schema: &Value, kind: &str) -> bool {
        schema["type"] == kind
            || schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|it| it == kind))
    }

    /// Every place of text below a schema.
    fn places(&self, schema: &Value, path: &[Step], found: &mut Vec<Place>) {
        let schema = self.plain(schema);
        let mut below = |step: Step, schema: &Value| {
            self.places(schema, &[path, &[step]].concat(), found);
        };
        if let Some(alternatives) = schema["anyOf"].as_array() {
            alternatives.iter().enumerate().for_each(|(at, it)| below(Step::Alternative(at), it));
        } else if Self::is(schema, "string") {
            let known = |of: &str| schema[of][0].as_str().map(str::to_owned);
            found.push(Place { path: path.to_vec(), good: known("enum").or_else(|| known("examples")) });
        } else if Self::is(schema, "array") {
            below(Step::Item, &schema["items"]);
        } else if let Some(fields) = schema["properties"].as_object() {
            // What stands below a device is the same again.
            let fields = fields.iter().filter(|(name, _)| !matches!(name.as_str(), "gpu" | "cpu"));
            fields.for_each(|(name, field)| below(Step::Field(name.clone()), field));
        } else if Self::is(schema, "object") {
            match schema["additionalProperties"].is_object() {
                true => below(Step::Entry, &schema["additionalProperties"]),
                false => found.push(Place { path: [path, &[Step::Entry]].concat(), good: None }),
            }
            found.push(Place { path: [path, &[Step::Key]].concat(), good: None });
        }
    }

    /// The least that a schema takes.
    fn least(&self, schema: &Value) -> Value {
        let schema = self.plain(schema);
        let first = |of: &str| schema[of].as_array().and_then(|all| all.first()).cloned();
        if let Some(known) = first("enum").or_else(|| first("examples")) {
            return known;
        }
        if let Some(first) = first("anyOf") {
            return self.least(&first);
        }
        if let Some(required) = schema["required"].as_array() {
            let names = required.iter().map(|name| name.as_str().unwrap().to_owned());
            return names.map(|name| (name.clone(), self.least(&schema["properties"][&name]))).collect();
        }
        match () {
            () if Self::is(schema, "string") => "x".into(),
            () if Self::is(schema, "integer") => schema["minimum"].as_i64().unwrap_or(1).max(1).into(),
            () if Self::is(schema, "boolean") => true.into(),
            () if Self::is(schema, "array") => json!([]),
            () => json!({}),
        }
    }

    /// The least with a text in one place.
    fn with(&self, schema: &Value, path: &[Step], key: &str, text: &str) -> Value {
        let schema = self.plain(schema);
        let Some((step, rest)) = path.split_first() else { return text.into() };
        match step {
            Step::Alternative(at) => self.with(&schema["anyOf"][at], rest, key, text),
            Step::Item => json!([self.with(&schema["items"], rest, key, text)]),
            Step::Entry if rest.is_empty() => json!({ key: text }),
            Step::Entry => json!({ key: self.with(&schema["additionalProperties"], rest, key, text) }),
            Step::Key => json!({ text: self.least(&schema["additionalProperties"]) }),
            Step::Field(name) => {
                let mut all = self.least(schema);
                all[name] = self.with(&schema["properties"][name], rest, key, text);
                all
            }
        }
    }
}

fn shown(path: &[Step]) -> String {
    path.iter().fold(String::new(), |mut shown, step| {
        let _ = match step {
            Step::Field(name) => write!(shown, ".{name}"),
            Step::Item => write!(shown, "[]"),
            Step::Entry => write!(shown, ".*"),
            Step::Key => write!(shown, ".KEY"),
            Step::Alternative(at) => write!(shown, "|{at}"),
        };
        shown
    })
}

/// Lays one tree over another.
fn over(below: &mut Value, top: Value) {
    match (below, top) {
        (Value::Object(below), Value::Object(top)) => {
            for (name, value) in top {
                over(below.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(below), Value::Array(mut top)) if below.len() == 1 && top.len() == 1 => {
            over(&mut below[0], top.remove(0));
        }
        (below, top) => *below = top,
    }
}

/// A live repository of these two files: all texts of its stacks, or what is wrong with it.
fn generated(fleet: &Value, tenant: &Value) -> Result<Vec<String>, Vec<Problem>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tenants")).unwrap();
    std::fs::write(folder.path().join("fleet.yaml"), fleet.to_string()).unwrap();
    std::fs::write(folder.path().join("tenants/t.yaml"), tenant.to_string()).unwrap();
    let fleet = load(folder.path())?;
    let mut found = Vec::new();
    for (path, text) in render(&fleet).unwrap() {
        if path.ends_with(".tf") || path.ends_with(".hcl") {
            let body = text.parse().unwrap_or_else(|why| panic!("{path}: {why}\n{text}"));
            texts(&body, &mut found);
        } else if !path.starts_with("schema/") {
            found.push(text);
        }
    }
    Ok(found)
}

/// Every text of a body with the keys of its maps, the provider's heredoc read as the language that it is.
fn texts(body: &Body, found: &mut Vec<String>) {
    body.attributes().for_each(|attribute| texts_in(&attribute.value, found));
    body.blocks().for_each(|block| texts(&block.body, found));
}

fn texts_in(expression: &Expression, found: &mut Vec<String>) {
    let literals = |elements: &mut dyn Iterator<Item = &Element>| -> String {
        let literal = |element: &Element| match element {
            Element::Literal(literal) => Some(literal.to_string()),
            _ => None,
        };
        elements.filter_map(literal).collect()
    };
    match expression {
        Expression::Array(items) => items.iter().for_each(|item| texts_in(item, found)),
        Expression::FuncCall(call) => call.args.iter().for_each(|argument| texts_in(argument, found)),
        Expression::String(text) => found.push(text.to_string()),
        Expression::StringTemplate(template) => found.push(literals(&mut template.iter())),
        Expression::HeredocTemplate(heredoc) => {
            texts(&literals(&mut heredoc.template.iter()).parse().unwrap(), found);
        }
        Expression::Object(object) => {
            for (key, value) in object {
                match key {
                    ObjectKey::Ident(key) => found.push(key.to_string()),
                    ObjectKey::Expression(key) => texts_in(key, found),
                }
                texts_in(value.expr(), found);
            }
        }
        _ => {}
    }
}

/// Whether each problem says where and why. What a default makes of every tenant is told of its tenants.
fn told(problems: &[Problem]) -> bool {
    problems.iter().all(|it| it.position().0.ends_with(".yaml") && !it.reason.is_empty())
}

/// Tries each place of a file. Answers those for which we have no good text: what is refused there may be refused
/// for another reason.
fn unreached(file: &str, schema: &str, whole: &dyn Fn(Value) -> (Value, Value)) -> Vec<String> {
    let schema = Published::of(schema);
    let mut places = Vec::new();
    schema.places(&schema.whole, &[], &mut places);
    assert!(places.len() > 30, "{file} has {} places of text", places.len());
    let mut unreached = Vec::new();
    for Place { path, good } in places {
        let with = |key: &str, text: &str| {
            // The rest of the file comes from `whole`, so nothing that the top requires is made up.
            let Some((Step::Field(name), rest)) = path.split_first() else { panic!("{path:?}") };
            let value = schema.with(&schema.whole["properties"][name], rest, key, text);
            let mut part = Value::Object(Map::from_iter([(name.clone(), value)]));
            over(&mut part, beside(&shown(&path)));
            let (fleet, tenant) = whole(part);
            generated(&fleet, &tenant)
        };
        let texts: Vec<&str> = good.iter().map(String::as_str).chain(GOOD).collect();
        let is_good = |key: &str| texts.iter().any(|text| with(key, text).is_ok());
        // A path without a map has no key to choose.
        let keys = if path.contains(&Step::Entry) { &KEYS[..] } else { &KEYS[..1] };
        let key = keys.iter().find(|key| is_good(key)).unwrap_or_else(|| {
            unreached.push(shown(&path));
            &KEYS[0]
        });
        for text in HOSTILE {
            match with(key, text) {
                Ok(found) => {
                    assert!(found.iter().any(|it| it.contains(text)), "{}: {text:?} is lost", shown(&path));
                }
                Err(problems) => {
                    assert!(told(&problems), "{}: {text:?}: {problems:?}", shown(&path));
                }
            }
        }
    }
    unreached
}

fn fleet() -> Value {
    let card = json!({ "node": "n", "index": 0, "source": { "dcgm": "http://x" } });
    json!({ "cards": { "a": card }, "defaults": { "headroom": "1GiB", "time_zone": "UTC" } })
}

fn tenant() -> Value {
    json!({ "namespace": "t", "card": "a", "peak": "1GiB", "image": "i", "port": 80,
        "windows": { "n": { "start": "02:00", "end": "06:00" } } })
}

#[test]
fn every_text_of_a_tenant_file_comes_out_as_it_went_in_or_is_refused() {
    let unreached = unreached("tenants/t.yaml", &gpu_stacks::schema::tenant(), &|part| {
        let mut tenant = tenant();
        over(&mut tenant, part);
        (fleet(), tenant)
    });
    // Names that Kubernetes, the fleet or another key of the file gives, and entries that need more beside them.
    insta::assert_snapshot!(unreached.join("\n"), @"
    .affinity.*
    .affinity.KEY
    .card
    .host_aliases.KEY
    .network.destinations.KEY
    .pod_security_context.*
    .pod_security_context.KEY
    .ports.KEY
    .security_context.KEY
    .service.ports.KEY
    .topology_spread.*.match_labels.*
    .topology_spread.*.match_labels.KEY
    .topology_spread.*.when_unsatisfiable
    .topology_spread.KEY
    .volumes.*.mount_path
    .volumes.KEY
    .windows.KEY
    ");
}

#[test]
fn every_text_of_a_fleet_file_comes_out_as_it_went_in_or_is_refused() {
    let unreached = unreached("fleet.yaml", &gpu_stacks::schema::fleet(), &|part| {
        let mut fleet = fleet();
        over(&mut fleet, part);
        (fleet, tenant())
    });
    insta::assert_snapshot!(unreached.join("\n"), @"
    .cards.*.uuid
    .cards.KEY
    ");
}
