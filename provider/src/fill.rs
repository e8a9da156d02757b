//! From attributes to the domain's types, also where attributes are not known yet.
//!
//! A plan must show which objects a value that is not known yet will reach. So
//! a model is converted twice, with two different samples in the place of every
//! unknown value: an object that comes out the same twice does not depend on
//! any of them.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde_json::Value as Json;
use tenancy::Invalid;
use tenancy::address::AddressRange;
use tenancy::card::Unit;
use tenancy::check::{Problem, Step};
use tenancy::demand::{HttpUrl, JsonPath};
use tenancy::duration::Seconds;
use tenancy::names::{
    CardName, ConfigKey, ContainerName, EnvName, ExporterName, HostName, LabelKey, LabelValue, Namespace,
    NodeName, ObjectName, PortName, TenantId, TenantName,
};
use tenancy::objects::Key;
use tenancy::quantity::{Mib, Quantity};
use tenancy::tenant::{AbsolutePath, HandedOver};
use tenancy::window::{TimeOfDay, Zone};
use tfplugin::{Attr, Diagnostics, List, Map, Path, Set};

/// Which of the two samples stands in for what is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sample {
    A,
    B,
}

impl Sample {
    pub(crate) fn of<T>(self, a: T, b: T) -> T {
        match self {
            Sample::A => a,
            Sample::B => b,
        }
    }
}

/// A type that is written as text, with two legal examples of it.
pub(crate) trait Text: FromStr<Err = Invalid> {
    /// Texts that parse, and mean different things.
    const SAMPLES: (&'static str, &'static str);
}

macro_rules! text {
    ($($type:ty: $a:literal, $b:literal;)*) => {$(
        impl Text for $type {
            const SAMPLES: (&'static str, &'static str) = ($a, $b);
        }
    )*};
}

text! {
    AbsolutePath: "/unknown-a", "/unknown-b";
    AddressRange: "192.0.2.1/32", "192.0.2.2/32";
    CardName: "unknown-a", "unknown-b";
    ConfigKey: "unknown-a", "unknown-b";
    ContainerName: "unknown-a", "unknown-b";
    ExporterName: "unknown-a", "unknown-b";
    EnvName: "UNKNOWN_A", "UNKNOWN_B";
    HostName: "unknown-a", "unknown-b";
    HttpUrl: "http://unknown-a", "http://unknown-b";
    JsonPath: "$.unknown_a", "$.unknown_b";
    HandedOver: "image", "spec.template.spec.priorityClassName";
    LabelKey: "unknown-a", "unknown-b";
    LabelValue: "unknown-a", "unknown-b";
    Mib: "1MiB", "2MiB";
    Namespace: "unknown-a", "unknown-b";
    NodeName: "unknown-a", "unknown-b";
    ObjectName: "unknown-a", "unknown-b";
    PortName: "unknown-a", "unknown-b";
    Quantity: "1", "2";
    // Far apart, because the longer of two lengths often hides the other.
    Seconds: "1s", "59m";
    TenantId: "unknown-a/unknown-a", "unknown-b/unknown-b";
    TenantName: "unknown-a", "unknown-b";
    TimeOfDay: "00:01", "00:02";
    Unit: "bytes", "mib";
    Zone: "UTC", "Europe/London";
}

/// A conversion under way: what it found wrong, and whether it met unknowns.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) sample: Sample,
    pub(crate) unknown: bool,
    pub(crate) problems: Diagnostics,
}

impl Fill {
    pub(crate) fn new(sample: Sample) -> Self {
        Self { sample, unknown: false, problems: Diagnostics::new() }
    }

    /// Any attribute: nothing where it is null, a sample where it is unknown.
    pub(crate) fn any<'a, T>(&mut self, attr: &'a Attr<T>, a: &'a T, b: &'a T) -> Option<&'a T> {
        match attr {
            Attr::Known(value) => Some(value),
            Attr::Null => None,
            Attr::Unknown => {
                self.unknown = true;
                Some(self.sample.of(a, b))
            }
        }
    }

    /// A map, empty where it is null. One that is unknown as a whole is empty in
    /// one sample; in the other it holds what the caller puts there.
    pub(crate) fn map<'a, T>(&mut self, attr: &'a Attr<Map<T>>) -> Vec<(&'a String, &'a Attr<T>)> {
        match attr {
            Attr::Known(map) => map.iter().collect(),
            Attr::Null => Vec::new(),
            Attr::Unknown => {
                self.unknown = true;
                Vec::new()
            }
        }
    }

    /// Text of a type; what does not parse is a problem at `path`.
    pub(crate) fn parse<T: Text>(&mut self, attr: &Attr<String>, path: &Path) -> Option<T> {
        let text = match attr {
            Attr::Known(text) => text.as_str(),
            Attr::Null => return None,
            Attr::Unknown => {
                self.unknown = true;
                self.sample.of(T::SAMPLES.0, T::SAMPLES.1)
            }
        };
        self.text(text, path)
    }

    /// The same of a text that is at hand, such as a map's key.
    pub(crate) fn text<T: FromStr<Err = Invalid>>(&mut self, text: &str, path: &Path) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(invalid) => {
                self.invalid(path, &invalid);
                None
            }
        }
    }

    pub(crate) fn invalid(&mut self, path: &Path, invalid: &Invalid) {
        self.problems.error(path.clone(), format!("Invalid {}", invalid.what), format!("{path}: {invalid}"));
    }

    pub(crate) fn wrong(&mut self, path: &Path, summary: &str, detail: impl Into<String>) {
        self.problems.error(path.clone(), summary, detail);
    }

    /// Plain text, empty where null.
    pub(crate) fn string(&mut self, attr: &Attr<String>) -> Option<String> {
        match attr {
            Attr::Known(text) => Some(text.clone()),
            Attr::Null => None,
            Attr::Unknown => {
                self.unknown = true;
                Some(self.sample.of("unknown-a", "unknown-b").to_owned())
            }
        }
    }

    pub(crate) fn flag(&mut self, attr: &Attr<bool>) -> Option<bool> {
        self.any(attr, &false, &true).copied()
    }

    /// A whole number of a narrower type; what does not fit is a problem.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self, attr: &Attr<i64>, path: &Path) -> Option<T> {
        let number = *self.any(attr, &1, &2)?;
        let fitting = T::try_from(number).ok();
        if fitting.is_none() {
            self.wrong(
                path,
                "Number out of range",
                format!("{path} is {number}. Write a number from 0 to {}.", u32::MAX),
            );
        }
        fitting
    }

    /// An element for a map that is unknown as a whole: there in one of the samples.
    pub(crate) fn element_of<'a, T>(&mut self, attr: &Attr<Map<T>>, other: &'a T) -> Option<&'a T> {
        if attr.is_unknown() { self.perhaps(other) } else { None }
    }

    /// What may be there or not: there in one of the samples.
    pub(crate) fn perhaps<'a, T>(&mut self, other: &'a T) -> Option<&'a T> {
        self.unknown = true;
        self.sample.of(None, Some(other))
    }

    /// A list of plain texts.
    pub(crate) fn strings(&mut self, attr: &Attr<List<String>>) -> Vec<String> {
        match attr {
            Attr::Known(list) => list.iter().filter_map(|one| self.string(one)).collect(),
            Attr::Null => Vec::new(),
            Attr::Unknown => {
                self.unknown = true;
                vec![self.sample.of("unknown-a", "unknown-b").to_owned()]
            }
        }
    }

    /// A map of plain texts under typed keys.
    pub(crate) fn texts<K: Text + Ord>(
        &mut self,
        attr: &Attr<Map<String>>,
        path: &Path,
    ) -> BTreeMap<K, String> {
        let mut found = BTreeMap::new();
        for (key, value) in self.map(attr) {
            let at = path.key(key);
            if let (Some(key), Some(value)) = (self.text(key, &at), self.string(value)) {
                found.insert(key, value);
            }
        }
        self.stand_in(attr, &mut found, || {
            (K::SAMPLES.1.parse().ok().map(|key| (key, "unknown".to_owned()))).into_iter().collect()
        });
        found
    }

    /// A map of typed values under typed keys.
    pub(crate) fn typed<K: Text + Ord, V: Text>(
        &mut self,
        attr: &Attr<Map<String>>,
        path: &Path,
    ) -> BTreeMap<K, V> {
        let mut found = BTreeMap::new();
        for (key, value) in self.map(attr) {
            let at = path.key(key);
            if let (Some(key), Some(value)) = (self.text(key, &at), self.parse(value, &at)) {
                found.insert(key, value);
            }
        }
        self.stand_in(attr, &mut found, || {
            let pair = K::SAMPLES.1.parse().ok().zip(V::SAMPLES.1.parse().ok());
            pair.into_iter().collect()
        });
        found
    }

    /// An unknown collection is empty once and holds something once.
    fn stand_in<T, C>(&self, attr: &Attr<T>, found: &mut C, other: impl FnOnce() -> C) {
        if attr.is_unknown() && self.sample == Sample::B {
            *found = other();
        }
    }

    /// A JSON object given as text, for what Kubernetes spells in full.
    pub(crate) fn json(&mut self, attr: &Attr<String>, path: &Path) -> Option<serde_json::Map<String, Json>> {
        let text = match attr {
            Attr::Known(text) => text.clone(),
            Attr::Null => return None,
            Attr::Unknown => {
                self.unknown = true;
                let other = [("unknown".to_owned(), Json::Bool(true))].into_iter().collect();
                return self.sample.of(None, Some(other));
            }
        };
        match serde_json::from_str::<Json>(&text) {
            Ok(Json::Object(object)) => Some(object),
            Ok(_) => {
                self.wrong(
                    path,
                    "Not a JSON object",
                    format!("{path} must be an object. Write it with jsonencode({{ … }})."),
                );
                None
            }
            Err(why) => {
                self.wrong(path, "Not JSON", format!("{path}: {why}. Write it with jsonencode({{ … }})."));
                None
            }
        }
    }

    /// The objects that a user adopts, by `Kind/name`.
    pub(crate) fn adopted(&mut self, attr: &Attr<Set<String>>) -> BTreeSet<Key> {
        let Attr::Known(set) = attr else {
            self.unknown |= attr.is_unknown();
            return BTreeSet::new();
        };
        let path = Path::attribute("adopt");
        let known = set.0.iter().filter_map(|one| {
            self.unknown |= one.is_unknown();
            one.as_str()
        });
        let texts: Vec<&str> = known.collect();
        texts.into_iter().filter_map(|text| self.text(text, &path)).collect()
    }

    /// Notes that something was unknown that has no stand-in.
    pub(crate) fn met_unknown(&mut self) {
        self.unknown = true;
    }

    /// Takes over the problems of a check. While something is unknown a check
    /// has judged a sample, and only what it says of both samples counts; the
    /// caller sees to that.
    pub(crate) fn check(&mut self, problems: Vec<Problem>) {
        let mut found = Diagnostics::new();
        for problem in problems {
            let path = path_of(&problem);
            // What does not parse is missing from what was judged: more about the same place would
            // be said of something that nobody wrote.
            if self.problems.iter().any(|told| told.path.steps().starts_with(path.steps())) {
                continue;
            }
            // Terraform has no line for an element that an expression makes, so words name it.
            let detail = match problem.path.len() {
                0 | 1 => problem.message.clone(),
                _ => format!("{path}: {}", problem.message),
            };
            found.error(path, summary_of(&problem), detail);
        }
        self.problems.extend(found);
    }
}

/// The objects that a user adopts, of a model that has been checked.
pub(crate) fn adopted(attr: &Attr<Set<String>>) -> BTreeSet<Key> {
    Fill::new(Sample::A).adopted(attr)
}

/// The attribute path of a problem.
pub(crate) fn path_of(problem: &Problem) -> Path {
    problem.path.iter().fold(Path::root(), |path, step| match step {
        Step::Attribute(name) => path.field(*name),
        Step::Key(key) => path.key(key),
    })
}

fn summary_of(problem: &Problem) -> String {
    match problem.path.first() {
        Some(Step::Attribute(name)) => format!("Invalid {name}"),
        _ => "Invalid configuration".to_owned(),
    }
}
