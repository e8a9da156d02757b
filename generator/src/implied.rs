//! What follows from the server, the device and the precision that a tenant
//! file names.

use std::sync::Arc;

use tenancy::card::model::{CardModel, Precision};

use crate::catalogue::{self, Catalogue, Entry};
use crate::layer;
use crate::leaf::Device;
use crate::node::{Node, Value};
use crate::problem::{Problem, Problems};
use crate::raw::RawPrecision;
use crate::read::{At, FromNode, Leaf, Reader};

/// The words of a tenant file from which the rest follows.
#[derive(Debug, Clone, Default)]
pub struct Implied {
    /// The catalogue's entry, where a server is named.
    pub entry: Option<Arc<Entry>>,
    /// What it computes on.
    pub device: Device,
    /// What it is told to compute in.
    pub precision: Option<At<Precision>>,
    /// Whether a server was named that there is none of.
    pub is_unknown: bool,
}

impl Implied {
    /// Reads the words; the catalogue is the only one asked here, and the other
    /// rules speak when the whole file is read.
    pub fn of(own: &Node, catalogue: &Catalogue, problems: &mut Problems) -> Self {
        let named = word::<String>(own, "server");
        let found = named.as_ref().map(|name| catalogue.find(name, name.place.clone()).cloned());
        let is_unknown = matches!(found, Some(Err(_)));
        let entry = found.and_then(|found| found.map_err(|problem| problems.push(problem)).ok());
        let device = word::<Device>(own, "device").map(|device| device.value).unwrap_or_default();
        let precision = word::<Precision>(own, "precision");
        let implied = Self { entry, device, precision, is_unknown };
        implied.check(named.as_ref(), own, problems);
        implied
    }

    fn check(&self, named: Option<&At<String>>, own: &Node, problems: &mut Problems) {
        let (Some(entry), Some(named)) = (&self.entry, named) else { return };
        if !entry.runs_on(self.device) {
            let (here, accepted) = match self.device {
                Device::Gpu => ("a card", "Say `device: cpu`."),
                Device::Cpu => ("the CPU", "Leave `device: cpu` out."),
            };
            let reason =
                format!("{} does not run on {here}, as far as the catalogue knows", entry.raw.title.value);
            problems.push(Problem::at(named.place.clone(), reason).accepted(accepted));
        }
        let Some(precision) = &self.precision else { return };
        let mut known: Vec<&str> =
            entry.raw.precisions.iter().flatten().map(|known| known.name.value.as_str()).collect();
        known.dedup();
        if !known.is_empty() && entry.precision(precision.value).is_none() {
            let reason = format!(
                "the catalogue does not know how {} is told to compute in {}",
                entry.raw.title.value, precision.value
            );
            let accepted = format!(
                "Write one of {}, or leave `precision` out and tell the server by `env` or `args`.",
                known.join(", ")
            );
            problems.push(Problem::at(precision.place.clone(), reason).accepted(accepted));
        }
        let said_itself = told_by(entry, &self.with_section(own)).filter(|told| *told != precision.value);
        if let Some(told) = said_itself {
            let reason = format!(
                "the file's own `env` or `args` tell {} to compute in {told}, which is not {}",
                entry.raw.title.value, precision.value
            );
            problems.push(Problem::at(precision.place.clone(), reason).accepted("Leave one of the two out."));
        }
    }

    /// The tenant file's tree with what it says of its device.
    fn with_section(&self, own: &Node) -> Node {
        let section = match self.device {
            Device::Gpu => "gpu",
            Device::Cpu => "cpu",
        };
        match layer::get(own, section).filter(|section| matches!(section.value, Value::Map(_))) {
            Some(section) => Node { place: own.place.clone(), ..layer::over(section, own) },
            None => own.clone(),
        }
    }

    /// The tenant file's tree with everything that follows laid under it.
    pub fn under(&self, own: &Node) -> Node {
        let mut tree = self.with_section(own);
        let Some(entry) = &self.entry else { return tree };
        let precision = self.precision.as_ref().map(|precision| precision.value);
        if let Some(below) = entry.implied(self.device, precision) {
            tree = layer::over(&tree, &below);
        }
        match precision.and_then(|precision| entry.precision(precision)) {
            Some(precision) => catalogue::with_args(tree, precision),
            None => tree,
        }
    }

    /// What the server computes in on a card: what it is told to, or what it
    /// does when nobody tells it.
    pub fn computes_in(&self, tree: &Node) -> Option<Precision> {
        if let Some(precision) = &self.precision {
            return Some(precision.value);
        }
        let entry = self.entry.as_ref()?;
        told_by(entry, tree).or(entry.raw.usual_precision.as_ref().map(|usual| usual.value))
    }

    /// The precisions that both the server can be told and the card can do.
    pub fn common(&self, model: &CardModel) -> Vec<&'static str> {
        let told = self.entry.iter().flat_map(|entry| entry.raw.precisions.iter().flatten());
        let both = told.map(|known| known.name.value).filter(|precision| model.computes(*precision).is_ok());
        let mut names: Vec<&str> = both.map(Precision::as_str).collect();
        names.dedup();
        names
    }
}

/// What the variables and arguments of a tree tell a server to compute in. Of several arguments the last
/// counts, as it does for the servers, and arguments count before variables.
fn told_by(entry: &Entry, tree: &Node) -> Option<Precision> {
    let env = layer::get(tree, "env").map(Node::json).unwrap_or_default();
    let args = match layer::get(tree, "args").map(|args| &args.value) {
        Some(Value::List(items)) => items.iter().filter_map(Node::typed).collect(),
        _ => Vec::new(),
    };
    let told = entry.raw.precisions.iter().flatten().filter_map(|precision| {
        let by_args = last_of(precision, &args).map(|at| at + 1);
        Some((by_args.or_else(|| told_by_env(precision, &env).then_some(0))?, precision.name.value))
    });
    told.max_by_key(|(at, _)| *at).map(|(_, precision)| precision)
}

fn told_by_env(precision: &RawPrecision, env: &serde_json::Value) -> bool {
    let wanted = precision.sets.as_ref().and_then(|sets| layer::get(&sets.node, "env")).map(Node::json);
    let wanted = wanted.as_ref().and_then(serde_json::Value::as_object);
    wanted.is_some_and(|wanted| {
        !wanted.is_empty() && wanted.iter().all(|(name, value)| env.get(name) == Some(value))
    })
}

/// Where the arguments of a precision stand for the last time, apart or as `--dtype=half`.
fn last_of(precision: &RawPrecision, args: &[&str]) -> Option<usize> {
    let wanted: Vec<&str> = precision.args.iter().flatten().map(|arg| arg.value.as_str()).collect();
    if wanted.is_empty() {
        return None;
    }
    let apart = args.windows(wanted.len()).rposition(|window| window == wanted);
    let joined = args.iter().rposition(|arg| *arg == wanted.join("="));
    apart.max(joined)
}

/// One word of a file, silently: what is wrong with it is said when the file is read.
fn word<T: Leaf>(own: &Node, name: &str) -> Option<At<T>> {
    let mut unheard = Problems::default();
    let node = layer::get(own, name)?;
    Option::<At<T>>::from_node(node, &mut Reader { problems: &mut unheard }).flatten()
}
