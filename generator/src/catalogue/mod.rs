//! The catalogue: what is known of model servers, so that a tenant file needs
//! to say only which one it is. The entries of `catalogue/` beside fleet.yaml
//! come first, then those that are part of this program.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use tenancy::card::model::Precision;

use crate::layer;
use crate::leaf::Device;
use crate::node::{Key, Node, Value};
use crate::problem::{Place, Problem, Problems, Source};
use crate::raw::{RawEntry, RawFact, RawPrecision};
use crate::read::{FromNode, Reader};

/// What is known of one model server.
#[derive(Debug)]
pub struct Entry {
    /// The word that tenant files call it by, which is its file's name.
    pub name: String,
    /// Its file.
    pub source: Source,
    /// Everything in it.
    pub raw: RawEntry,
}

/// The entries of one live repository and of this program, by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(pub BTreeMap<String, Arc<Entry>>);

const FILES: [(&str, &str); 9] = [
    ("chatterbox", include_str!("../../catalogue/chatterbox.yaml")),
    ("kokoro", include_str!("../../catalogue/kokoro.yaml")),
    ("llama-cpp", include_str!("../../catalogue/llama-cpp.yaml")),
    ("llama-swap", include_str!("../../catalogue/llama-swap.yaml")),
    ("ollama", include_str!("../../catalogue/ollama.yaml")),
    ("piper", include_str!("../../catalogue/piper.yaml")),
    ("speaches", include_str!("../../catalogue/speaches.yaml")),
    ("vllm", include_str!("../../catalogue/vllm.yaml")),
    ("whisper-cpp", include_str!("../../catalogue/whisper-cpp.yaml")),
];

/// Where the paths of this program's own entries begin in messages.
pub const BUILT_IN: &str = "gpu-stacks:catalogue";

/// This program's own entries, read once. A file of it that cannot be read is
/// not there; a test reads every one.
static OWN: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut problems = Problems::default();
    let entries = FILES.iter().filter_map(|(name, text)| {
        let source = Source::new(format!("{BUILT_IN}/{name}.yaml"), *text);
        Entry::read(name, &source, &mut problems)
    });
    Catalogue::of(entries)
});

impl Catalogue {
    /// This program's own entries.
    pub fn built_in() -> Self {
        OWN.clone()
    }

    fn of(entries: impl Iterator<Item = Entry>) -> Self {
        Self(entries.map(|entry| (entry.name.clone(), Arc::new(entry))).collect())
    }

    /// Puts a live repository's entries over these.
    pub fn with(mut self, own: impl Iterator<Item = Entry>) -> Self {
        self.0.extend(Self::of(own).0);
        self
    }

    /// The entry of a name that stands somewhere.
    ///
    /// # Errors
    /// There is none; the nearest is named.
    pub fn find(&self, name: &str, place: Place) -> Result<&Arc<Entry>, Problem> {
        self.0.get(name).ok_or_else(|| {
            let reason = match tenancy::spelling::nearest(name, self.0.keys().cloned()) {
                Some(nearest) => format!("the catalogue has no server {name:?}; `{nearest}` is the nearest"),
                None => format!("the catalogue has no server {name:?}"),
            };
            let known: Vec<String> = self.0.keys().map(|name| format!("`{name}`")).collect();
            Problem::at(place, reason).accepted(format!(
                "Write one of {}, add catalogue/{name}.yaml, or leave `server` out and say all yourself.",
                known.join(", ")
            ))
        })
    }
}

impl Entry {
    /// Reads an entry's file.
    pub fn read(name: &str, source: &Source, problems: &mut Problems) -> Option<Self> {
        let node = Node::parse(source).map_err(|problem| problems.push(problem)).ok()?;
        let raw = RawEntry::from_node(&node, &mut Reader { problems })?;
        Some(Self { name: name.to_owned(), source: source.clone(), raw })
    }

    /// Whether the server runs there.
    pub fn runs_on(&self, device: Device) -> bool {
        self.raw.devices.iter().any(|known| known.value == device)
    }

    /// How it is told to compute in a precision, where that is known.
    pub fn precision(&self, precision: Precision) -> Option<&RawPrecision> {
        self.raw.precisions.iter().flatten().find(|known| known.name.value == precision)
    }

    /// Everything that follows for a tenant of this server, laid under its own file.
    pub fn implied(&self, device: Device, precision: Option<Precision>) -> Option<Node> {
        let for_device = |fact: &&RawFact| fact.on.as_ref().is_none_or(|on| on.value == device);
        let on_both = self.raw.facts.iter().filter(|fact| fact.on.is_none());
        let on_one = self.raw.facts.iter().filter(|fact| fact.on.is_some()).filter(for_device);
        let facts = on_both.chain(on_one).map(|fact| &fact.sets.node);
        let told = precision.and_then(|precision| self.precision(precision)?.sets.as_ref());
        facts.chain(told.map(|sets| &sets.node)).fold(None, |below, sets| match below {
            Some(below) => Some(layer::over(sets, &below)),
            None => Some(sets.clone()),
        })
    }

    /// The fact or precision that a value of this entry belongs to.
    pub fn origin(&self, place: &Place) -> Option<Origin<'_>> {
        if place.source.path != self.source.path {
            return None;
        }
        let within =
            |node: &Node| node.place.span.start <= place.span.start && place.span.end <= end_of(node);
        let fact = self.raw.facts.iter().find(|fact| within(&fact.sets.node));
        let precision = || {
            self.raw.precisions.iter().flatten().find(|precision| {
                let args = precision.args.iter().flatten().any(|arg| arg.place.span == place.span);
                args || precision.sets.as_ref().is_some_and(|sets| within(&sets.node))
            })
        };
        match fact {
            Some(fact) => Some(Origin { source: &fact.source.value, verified: fact.verified.as_ref() }),
            None => precision()
                .map(|found| Origin { source: &found.source.value, verified: found.verified.as_ref() }),
        }
    }
}

/// Who says that a fact is one, and whether anybody looked.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'e> {
    /// Where it is written.
    pub source: &'e str,
    /// How it was checked, if it was.
    pub verified: Option<&'e crate::read::At<crate::leaf::Verified>>,
}

/// Where the last value of a tree ends: a map in blocks has no end of its own.
fn end_of(node: &Node) -> usize {
    let below = match &node.value {
        Value::List(items) => items.iter().map(end_of).max(),
        Value::Map(entries) => entries.iter().map(|(key, value)| key.place.span.end.max(end_of(value))).max(),
        _ => None,
    };
    node.place.span.end.max(below.unwrap_or(0))
}

/// Adds what a precision says by arguments behind those of the tenant.
pub fn with_args(tree: Node, precision: &RawPrecision) -> Node {
    let Some(more) = precision.args.as_ref().filter(|more| !more.is_empty()) else { return tree };
    let more =
        more.iter().map(|arg| Node { value: Value::Text(arg.value.clone()), place: arg.place.clone() });
    let place = precision.name.place.clone();
    let Node { value, place: whole } = tree;
    let mut entries = match value {
        Value::Map(entries) => entries,
        value => return Node { value, place: whole },
    };
    match entries.iter_mut().find(|(key, _)| key.text == "args") {
        Some((_, Node { value: Value::List(items), .. })) => items.extend(more),
        _ => {
            let args = Node { value: Value::List(more.collect()), place: place.clone() };
            entries.retain(|(key, _)| key.text != "args");
            entries.push((Key { text: "args".to_owned(), place }, args));
        }
    }
    Node { value: Value::Map(entries), place: whole }
}

#[cfg(test)]
mod tests;
