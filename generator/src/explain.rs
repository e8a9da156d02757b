//! Each effective value of a tenant or of the fleet, and where it comes from: a
//! line of its file, the catalogue, the fleet, or a default with its reason.

mod fleet;

use std::fmt::Write as _;

use serde::Serialize;
use tenancy::defaults;
use tenancy::duration::Seconds;

use crate::catalogue::BUILT_IN;
use crate::fleet::Stack;
use crate::layer;
use crate::leaf::{Device, Verified};
use crate::node::{Node, Value};
use crate::problem::{Place, Problem};
use crate::read::At;
use crate::validate::TenantFile;

pub use fleet::explain_fleet;

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Its key in its file, such as `storage.size`.
    pub key: String,
    /// The value, as it would be written.
    pub value: String,
    /// Where it comes from.
    pub from: From,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum From {
    /// A line of the tenant's file or of fleet.yaml.
    File {
        /// The file, relative to the live repository.
        path: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// A fact of the catalogue.
    Catalogue {
        /// The entry's file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// Who says so.
        source: String,
        /// `source` or `run`; nothing when nobody has checked it.
        verified: Option<&'static str>,
    },
    /// A default of ours.
    Default {
        /// Why it is what it is.
        reason: String,
    },
    /// It follows from others.
    Follows {
        /// From which, and how.
        how: String,
    },
}

/// Explains one tenant. `line` keeps what stands on one line of its file.
///
/// # Errors
/// Nothing of the tenant stands on that line.
pub fn explain(
    file: &TenantFile,
    stack: &Stack,
    fleet: &Node,
    line: Option<usize>,
) -> Result<Vec<Explained>, Problem> {
    let mut all = Vec::new();
    let tree = layer::without(&file.node, &["gpu", "cpu"]);
    walk(&tree, "", &|place| origin(place, file), &mut all);
    if let Some(line) = line {
        let key = key_on(&file.own, line).ok_or_else(|| no_key(&file.source.path, line))?;
        let key = ["gpu.", "cpu."].iter().find_map(|section| key.strip_prefix(section)).unwrap_or(&key);
        all.retain(|it| it.key == key || it.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')));
        return Ok(all);
    }
    of_fleet(&tree, fleet, stack, &mut all);
    seen(file, stack, &mut all);
    follows(file, stack, &tree, &mut all);
    of_defaults(stack, &tree, &mut all);
    Ok(all)
}

/// The explained values as a table for people.
pub fn text(all: &[Explained]) -> String {
    let width = |of: fn(&Explained) -> usize, most: usize| all.iter().map(of).max().unwrap_or(0).min(most);
    let keys = width(|it| it.key.chars().count(), 44);
    let values = width(|it| shown(&it.value).chars().count(), 48);
    let mut out = String::new();
    for it in all {
        let _ = writeln!(out, "{:keys$}  {:values$}  {}", it.key, shown(&it.value), it.from);
    }
    out
}

/// A value on one line that fits on a screen.
fn shown(value: &str) -> String {
    let line = value.replace('\n', "\\n");
    if line.chars().count() <= 48 { line } else { line.chars().take(47).collect::<String>() + "…" }
}

impl std::fmt::Display for From {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            From::File { path, line } => write!(f, "{path}:{line}"),
            From::Catalogue { path, line, source, verified } => {
                let path =
                    path.strip_prefix(BUILT_IN).map_or(path.clone(), |rest| format!("catalogue{rest}"));
                let checked = match *verified {
                    Some("run") => Verified::shown(Some(Verified::Run)),
                    Some(_) => Verified::shown(Some(Verified::Source)),
                    None => Verified::shown(None),
                };
                write!(f, "{path}:{line}, {checked}: {source}")
            }
            From::Default { reason } => write!(f, "default: {reason}"),
            From::Follows { how } => f.write_str(how),
        }
    }
}

fn no_key(path: &str, line: usize) -> Problem {
    Problem::with_path(path, format!("no key stands on line {line}"))
        .accepted("Name a line with a key, or leave the line out.")
}

/// Adds every value below a map.
fn walk(node: &Node, path: &str, origin: &dyn Fn(&Place) -> From, all: &mut Vec<Explained>) {
    let Value::Map(entries) = &node.value else {
        all.push(Explained { key: path.to_owned(), value: written(node), from: origin(&node.place) });
        return;
    };
    if entries.is_empty() {
        all.push(Explained { key: path.to_owned(), value: "{}".into(), from: origin(&node.place) });
    }
    for (key, value) in entries.iter().filter(|(_, value)| !matches!(value.value, Value::Null)) {
        let path = if path.is_empty() { key.text.clone() } else { format!("{path}.{}", key.text) };
        walk(value, &path, origin, all);
    }
}

/// A value as it would be written on one line.
fn written(node: &Node) -> String {
    match &node.value {
        Value::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Map(_) => node.json().to_string(),
        _ => node.typed().unwrap_or_default().to_owned(),
    }
}

fn origin(place: &Place, file: &TenantFile) -> From {
    let (path, line) = (place.source.path.to_string(), place.line());
    match file.implied.entry.as_ref().and_then(|entry| entry.origin(place)) {
        Some(origin) => From::Catalogue {
            path,
            line,
            source: origin.source.to_owned(),
            verified: verified(origin.verified),
        },
        None => From::File { path, line },
    }
}

/// The path of the deepest key that stands on a line.
fn key_on(node: &Node, line: usize) -> Option<String> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find_map(|(key, value)| {
        let below = key_on(value, line).map(|below| format!("{}.{below}", key.text));
        // A value in block style begins on the next line; keys of one line stand together.
        match below {
            Some(_) if key.place.line() == line => Some(key.text.clone()),
            Some(below) => Some(below),
            None => {
                let spans = key.place.line()..=last_line(value).max(key.place.line());
                let is_leaf = !matches!(value.value, Value::Map(_));
                (key.place.line() == line || (is_leaf && spans.contains(&line))).then(|| key.text.clone())
            }
        }
    })
}

fn last_line(node: &Node) -> usize {
    node.place.source.position(node.place.span.end.saturating_sub(1).max(node.place.span.start)).0
}

/// What `defaults:` in fleet.yaml adds.
fn of_fleet(tree: &Node, fleet: &Node, stack: &Stack, all: &mut Vec<Explained>) {
    let Some(defaults) = layer::get(fleet, "defaults") else { return };
    let on_cpu = stack.tenant.is_on_cpu();
    let missing = |key: &str| layer::get(tree, key).is_none_or(|node| matches!(node.value, Value::Null));
    let mut take = |key: String, node: &Node| {
        let from = From::File { path: node.place.source.path.to_string(), line: node.place.line() };
        all.push(Explained { key, value: written(node), from });
    };
    for key in ["headroom", "priority_class", "image_pull_secrets", "tolerations", "agent_image"] {
        let of_card = ["headroom", "tolerations", "agent_image"].contains(&key);
        if let Some(node) = layer::get(defaults, key).filter(|_| missing(key) && !(on_cpu && of_card)) {
            take(key.to_owned(), node);
        }
    }
    if let (Some(zone), Some(Node { value: Value::Map(windows), .. })) =
        (layer::get(defaults, "time_zone"), layer::get(tree, "windows"))
    {
        for (name, window) in windows.iter().filter(|(_, window)| layer::get(window, "time_zone").is_none()) {
            let _ = window;
            take(format!("windows.{}.time_zone", name.text), zone);
        }
    }
    for what in ["labels", "annotations"] {
        let Some(Node { value: Value::Map(kinds), .. }) = layer::get(defaults, what) else { continue };
        for (kind, entries) in kinds {
            let Value::Map(entries) = &entries.value else { continue };
            for (key, node) in entries {
                let own = layer::get(tree, what).and_then(|own| layer::get(own, &kind.text));
                if own.and_then(|own| layer::get(own, &key.text)).is_none() {
                    take(format!("{what}.{}.{}", kind.text, key.text), node);
                }
            }
        }
    }
}

/// What others saw the server take of a card.
fn seen(file: &TenantFile, stack: &Stack, all: &mut Vec<Explained>) {
    let Some(entry) = file.implied.entry.as_ref().filter(|_| stack.claim.is_some()) else { return };
    for figure in entry.raw.figures.iter().flatten() {
        let place = figure.memory.as_ref().map_or(&figure.what.place, |memory| &memory.place);
        all.push(Explained {
            key: "peak.seen".to_owned(),
            value: figure.memory.as_ref().map_or_else(|| "no figure".to_owned(), |it| it.value.spelled()),
            from: From::Catalogue {
                path: place.source.path.to_string(),
                line: place.line(),
                source: format!("{}, by {}", figure.what.value, figure.source.value),
                verified: verified(figure.verified.as_ref()),
            },
        });
    }
}

/// The word of a check, for programs.
fn verified(checked: Option<&At<Verified>>) -> Option<&'static str> {
    checked.map(|checked| match checked.value {
        Verified::Source => "source",
        Verified::Run => "run",
    })
}

/// What follows from other values.
fn follows(file: &TenantFile, stack: &Stack, tree: &Node, all: &mut Vec<Explained>) {
    let mut add = |key: &str, value: String, how: String| {
        all.push(Explained { key: key.to_owned(), value, from: From::Follows { how } });
    };
    let given = |key: &str| layer::get(tree, key).is_some_and(|node| !matches!(node.value, Value::Null));
    if !given("name") {
        add("name", stack.tenant.id.name.to_string(), format!("the name of {}", file.source.path));
    }
    if file.implied.device == Device::Cpu {
        add("always", "true".into(), "device: cpu; nobody waits for a CPU, so no gate runs".into());
        add("slices", "0".into(), "device: cpu; it is given nothing of a card".into());
        return;
    }
    let Some(claim) = &stack.claim else { return };
    add("floor", claim.floor.floor_mib().spelled(), "peak + headroom".into());
    if claim.read.is_some() {
        let how = "`measured` reads it in the cluster, and until then `peak` counts, as a guess";
        add("measured", "guessed".into(), how.into());
    } else if !given("measured") {
        add("measured", "guessed".into(), "no `measured` says where the peak was seen".into());
    }
    if !given("node_selector") {
        let labels = stack.tenant.pod.node_selector.iter();
        let labels: Vec<String> = labels.map(|(key, value)| format!("{key}: {value}")).collect();
        add("node_selector", labels.join(", "), format!("the node of card {}", claim.card));
    }
    let tells = stack.tenant.schedule != tenancy::window::Schedule::Always && !given("unload");
    if let Some(why) =
        file.implied.entry.iter().find_map(|entry| entry.raw.no_unload.as_ref()).filter(|_| tells)
    {
        add("unload", "none".into(), format!("not set: {}", why.value));
    }
    if file.implied.entry.as_ref().is_some_and(|entry| entry.raw.figures.is_none()) {
        let how = "the catalogue knows nobody who published what it takes of a card: measure it";
        add("peak.seen", "nothing".into(), how.into());
    }
    if let Some(precision) = file.implied.computes_in(tree).filter(|_| !given("precision")) {
        add("precision", precision.to_string(), "what the server computes in when nobody tells it".into());
    }
}

/// What nobody says, with the reasons of our defaults.
fn of_defaults(stack: &Stack, tree: &Node, all: &mut Vec<Explained>) {
    let seconds = |seconds: u32| Seconds(seconds).to_string();
    let gated = stack.tenant.schedule != tenancy::window::Schedule::Always;
    let gate = [
        ("guard_interval", seconds(defaults::GUARD_INTERVAL_S), "GUARD_INTERVAL_S"),
        ("timing.start_estimate", seconds(defaults::START_ESTIMATE_S), "START_ESTIMATE_S"),
        ("timing.useful_minimum", seconds(defaults::USEFUL_MINIMUM_S), "USEFUL_MINIMUM_S"),
        ("timing.shortage_grace", seconds(defaults::SHORTAGE_GRACE_S), "SHORTAGE_GRACE_S"),
        ("timing.unknown_hold", seconds(defaults::UNKNOWN_HOLD_S), "UNKNOWN_HOLD_S"),
        ("timing.pending_limit", seconds(defaults::PENDING_LIMIT_S), "PENDING_LIMIT_S"),
        ("timing.loading_limit", seconds(defaults::LOADING_LIMIT_S), "LOADING_LIMIT_S"),
        ("timing.backoff", seconds(defaults::BACKOFF_S), "BACKOFF_S"),
        ("agent_image", defaults::AGENT_IMAGE.to_owned(), "AGENT_IMAGE"),
    ];
    let server = [
        ("grace_period", seconds(defaults::GRACE_PERIOD_S), "GRACE_PERIOD_S"),
        ("slices", defaults::SLICES.to_string(), "SLICES"),
        ("slice_resource", defaults::SLICE_RESOURCE.to_owned(), "SLICE_RESOURCE"),
        ("limits.ephemeral-storage", defaults::EPHEMERAL_STORAGE_LIMIT.to_owned(), "EPHEMERAL_STORAGE_LIMIT"),
    ];
    let said = |key: &str| {
        let found = key.split('.').try_fold(tree, |node, part| layer::get(node, part));
        found.is_some_and(|node| !matches!(node.value, Value::Null))
    };
    let on_cpu = stack.tenant.is_on_cpu();
    for (key, value, constant) in gate.into_iter().filter(|_| gated).chain(server) {
        let known = said(key) || all.iter().any(|it| it.key == key);
        if known || (on_cpu && key.starts_with("slice")) {
            continue;
        }
        let reason = defaults::reason(constant).unwrap_or_default().to_owned();
        all.push(Explained { key: key.to_owned(), value, from: From::Default { reason } });
    }
}
