//! From files as typed to a valid fleet: the rules that span keys and files.
//!
//! What one value may be was settled when it was read; here values meet.

mod bounds;
mod cards;
mod exporters;
mod gate;
mod peak;
mod pod;
mod server;
mod storage;
mod tenant;
mod volumes;

use std::collections::BTreeMap;

use tenancy::check;
use tenancy::names::{CardName, LabelKey, Namespace, TenantId};
use tenancy::tenant::{Backing, Metadata, ObjectKind};

use crate::fleet::{Fleet, Stack};
use crate::implied::Implied;
use crate::node::{Node, Value};
use crate::problem::{Place, Problem, Problems, Source};
use crate::raw::{RawCard, RawDefaults, RawFleet, RawTenant};
use crate::read::{At, Entries};

/// A tenant file that was read.
#[derive(Debug)]
pub struct TenantFile {
    /// The file's name without `.yaml`, which names its stack.
    pub stem: String,
    /// The file.
    pub source: Source,
    /// Its tree as it was written.
    pub own: Node,
    /// What it names that implies more.
    pub implied: Implied,
    /// Its tree with everything implied, by which rules of the domain find their place.
    pub node: Node,
    /// Its record.
    pub raw: RawTenant,
    /// The text of every file that its `config` refers to.
    pub texts: BTreeMap<String, String>,
}

/// The fleet's file that was read.
#[derive(Debug, Clone, Copy)]
pub struct FleetFile<'f> {
    /// The file.
    pub source: &'f Source,
    /// Its tree.
    pub node: &'f Node,
    /// Its record.
    pub raw: &'f RawFleet,
}

/// Folder names of a live repository that no stack may have.
const TAKEN: [&str; 5] = ["catalogue", "fleet", "schema", "tenants", crate::leaf::UNITS];

/// Builds the fleet, recording everything that is wrong.
pub fn fleet(file: FleetFile<'_>, tenants: &[TenantFile], problems: &mut Problems) -> Option<Fleet> {
    let raw = file.raw;
    let cards = cards::cards(&raw.cards, &file, problems);
    let backend = cards::backend(&file, problems);
    let no_defaults = RawDefaults::default();
    let defaults = raw.defaults.as_ref().unwrap_or(&no_defaults);
    let exporters = exporters::exporters(raw, defaults, problems);
    let models = each_card(raw, |card| card.model.as_ref().map(|model| model.value));
    let mut stacks = BTreeMap::new();
    for file in tenants {
        if !names_a_stack(&file.stem) {
            problems.push(
                Problem::with_path(&*file.source.path, "the file's name cannot be its stack's")
                    .accepted("Name it with lower-case letters, digits and hyphens, and end it in `.yaml`."),
            );
        }
        if is_device(&file.stem) {
            let reason = format!("{} is a device on Windows, where no folder can have that name", file.stem);
            problems.push(
                Problem::with_path(&*file.source.path, reason)
                    .accepted("Name the file otherwise; `name:` in it keeps the tenant's name."),
            );
        }
        if TAKEN.contains(&file.stem.as_str()) {
            problems.push(
                Problem::with_path(&*file.source.path, "its stack would lie in a folder that is taken")
                    .accepted("Name the file otherwise; `name:` in it keeps the tenant's name."),
            );
        }
        let card_names: Vec<String> = raw.cards.0.iter().map(|(name, _)| name.to_string()).collect();
        if let Some(named) = file.raw.card.as_ref().filter(|card| !card_names.contains(&card.to_string())) {
            problems.push(unknown_card(named, &card_names));
        }
        let fleet = tenant::Surroundings { defaults, cards: &cards, models: &models };
        if let Some(stack) = tenant::stack(file, &fleet, problems) {
            stacks.insert(file.stem.clone(), stack);
        }
    }
    shared_ground(tenants, &stacks, problems);
    cards::one_way_to_the_cluster(raw, problems);
    let binary = raw.binary.as_ref().map(|binary| binary.value);
    let fleet = Fleet {
        reserved: each_card(raw, |card| card.reserved.as_ref().map(|reserved| reserved.value)),
        adopted: each_card(raw, |card| {
            Some(card.adopt.as_ref()?.iter().map(|object| object.value.clone()).collect())
        }),
        slices: each_card(raw, |card| card.slices.as_ref().map(|slices| slices.value)),
        models,
        exporters,
        measured_by: exporters::of_cards(raw),
        cards,
        stacks,
        provider: cards::provider(raw),
        backend: backend?,
        binary,
        layout: raw.layout.as_ref().map_or_else(Default::default, |layout| layout.value),
        zone: raw.defaults.as_ref().and_then(|defaults| Some(defaults.time_zone.as_ref()?.value.clone())),
    };
    problems.is_empty().then_some(fleet)
}

/// What is said of cards beside what the cluster is told, by card.
fn each_card<T>(raw: &RawFleet, of: impl Fn(&RawCard) -> Option<T>) -> BTreeMap<CardName, T> {
    let each = raw.cards.0.iter();
    each.filter_map(|(name, card)| Some((name.value.clone(), of(card)?))).collect()
}

/// A stack's name is a folder and, with the kubernetes backend, part of a Secret's name.
fn names_a_stack(stem: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !stem.is_empty() && stem.chars().all(legal) && !stem.starts_with('-') && !stem.ends_with('-')
}

/// Names that Windows keeps for devices. A repository with such a folder cannot
/// be checked out there.
fn is_device(stem: &str) -> bool {
    let numbered = |kind: &str| {
        stem.strip_prefix(kind)
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    ["con", "prn", "aux", "nul"].contains(&stem) || numbered("com") || numbered("lpt")
}

fn unknown_card(named: &At<CardName>, known: &[String]) -> Problem {
    let name = named.as_str();
    let nearest = tenancy::spelling::nearest(name, known.iter().cloned());
    let reason = match nearest {
        Some(nearest) => format!("the fleet has no card {name:?}; {nearest:?} is the nearest"),
        None => format!("the fleet has no card {name:?}"),
    };
    Problem::at(named.place.clone(), reason)
        .accepted(format!("Cards in fleet.yaml are {}.", known.join(", ")))
}

/// What two tenants must not share: their id, an NFS export, whose files both
/// would write, and a namespace of which they say different things.
fn shared_ground(files: &[TenantFile], stacks: &BTreeMap<String, Stack>, problems: &mut Problems) {
    let mut ids: BTreeMap<&TenantId, &TenantFile> = BTreeMap::new();
    let mut exports: BTreeMap<(&str, &str), &TenantFile> = BTreeMap::new();
    let mut described: BTreeMap<(&Namespace, &LabelKey), (&str, &TenantFile)> = BTreeMap::new();
    for file in files {
        let Some(stack) = stacks.get(&file.stem) else { continue };
        let namespace = stack.tenant.namespace();
        let on_namespace = stack.tenant.metadata.get(&ObjectKind::Namespace);
        let labels = on_namespace.iter().flat_map(|it| &it.labels).map(|(key, value)| (key, value.as_str()));
        let notes =
            on_namespace.iter().flat_map(|it| &it.annotations).map(|(key, value)| (key, value.as_str()));
        for (key, value) in labels.chain(notes) {
            let Some((other, first)) = described.insert((namespace, key), (value, file)) else { continue };
            if other != value {
                let reason = format!(
                    "namespace {namespace} is given {key} = {value:?} here and {other:?} by {}",
                    first.source.path
                );
                let kind = ["labels", "annotations"].iter().find_map(|kind| {
                    let path = [kind, "Namespace", key.as_str()];
                    path.iter().try_fold(&file.node, |node, part| crate::layer::get(node, part)).map(|_| path)
                });
                let place = kind.map_or(file.raw.namespace.place.clone(), |path| located(&file.node, &path));
                problems.push(
                    Problem::at(place, reason)
                        .accepted("Tenants of one namespace say the same of it, or each has its own."),
                );
            }
        }
        let id = &stack.tenant.id;
        if let Some(first) = ids.insert(id, file) {
            let place =
                file.raw.name.as_ref().map_or(file.raw.namespace.place.clone(), |name| name.place.clone());
            problems.push(
                Problem::at(place, format!("{id} is the tenant of {} too", first.source.path))
                    .accepted("Give one of them another `name`."),
            );
        }
        let Some(Backing::Nfs { server, path, .. }) = stack.tenant.storage.as_ref().map(|s| &s.backing)
        else {
            continue;
        };
        if let Some(first) = exports.insert((server, path.as_str()), file) {
            let reason = format!("{server}:{path} is the storage of {} too", first.source.path);
            let place = located(&file.node, &["storage", "nfs", "path"]);
            problems.push(
                Problem::at(place, reason)
                    .accepted("Give each tenant a folder of its own; a volume is reserved for one claim."),
            );
        }
    }
}

/// What the domain found wrong, at the place of the file where it stands: a
/// path of the domain is one of the file, below `above`.
fn of_domain(problem: &check::Problem, node: &Node, above: &[&str]) -> Problem {
    let steps = problem.path.iter().map(|step| match step {
        check::Step::Attribute(name) => name,
        check::Step::Key(key) => key.as_str(),
    });
    let path: Vec<&str> = above.iter().copied().chain(steps).collect();
    Problem::at(located(node, &path), problem.message.clone())
}

/// The bytes of the deepest part of a path of keys that the file has.
pub(crate) fn located(root: &Node, path: &[&str]) -> Place {
    let mut found = root.place.start();
    let mut node = root;
    for part in path {
        let next = match &node.value {
            Value::Map(entries) => entries.iter().find(|(key, _)| key.text == *part),
            _ => None,
        };
        let Some((key, value)) = next else { break };
        let scalar = !matches!(value.value, Value::Null | Value::Map(_) | Value::List(_));
        found = if scalar { value.place.clone() } else { key.place.clone() };
        node = value;
    }
    found
}

type Labels<V> = Option<Entries<ObjectKind, Entries<LabelKey, At<V>>>>;

/// The fleet's labels and annotations with the tenant's own on top.
fn metadata(defaults: &RawDefaults, tenant: &RawTenant) -> BTreeMap<ObjectKind, Metadata> {
    fn each<V>(labels: &Labels<V>) -> impl Iterator<Item = (ObjectKind, &LabelKey, &V)> {
        labels.iter().flat_map(|kinds| &kinds.0).flat_map(|(kind, entries)| {
            entries.0.iter().map(|(key, value)| (kind.value, &key.value, &value.value))
        })
    }
    let mut all: BTreeMap<ObjectKind, Metadata> = BTreeMap::new();
    for (kind, key, value) in each(&defaults.labels).chain(each(&tenant.labels)) {
        all.entry(kind).or_default().labels.insert(key.clone(), value.clone());
    }
    for (kind, key, value) in each(&defaults.annotations).chain(each(&tenant.annotations)) {
        all.entry(kind).or_default().annotations.insert(key.clone(), value.clone());
    }
    all
}
