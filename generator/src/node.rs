//! A YAML document as typed: every value with the place where it stands.
//!
//! Reading into a tree first, and into types second, is what lets one run
//! report every error of every file: a deserializer stops at its first.

use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Spanned, options};

use crate::problem::{Place, Problem, Source};

/// Larger files are refused: no tenant needs them, and a reader must not be
/// made to hold what somebody pasted by mistake.
pub const SIZE_LIMIT: usize = 10 << 20;

/// A map with more entries is refused: an object of Kubernetes holds 1.5 MiB, which is fewer environment
/// variables than this, and what reads the stacks back compares the keys of a map with each other.
const ENTRIES_LIMIT: usize = 5_000;

/// More levels are refused. Kubernetes' own objects have a third of them, and reading takes 40 KiB of stack
/// for each in a build without optimisation, of which a thread has 2 MiB.
const DEPTH_LIMIT: usize = 32;

/// A file with more values is refused, each alias counted as what it stands for: a ConfigMap of the largest
/// size holds fewer.
const VALUES_LIMIT: usize = 250_000;

/// Why a file of more than [`SIZE_LIMIT`] is refused.
pub(crate) fn too_large() -> String {
    format!("the file is larger than {} MiB", SIZE_LIMIT >> 20)
}

/// One value of a YAML file and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub place: Place,
}

/// A YAML value by the rules of YAML 1.2.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`. `yes`, `no`, `on` and `off` are text.
    Bool(bool),
    /// A number without quotes.
    Number(serde_json::Number),
    /// A number that no machine type holds, such as `1e400`: only its text means anything.
    Unbounded,
    /// Anything else that is one value.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key of a map and where it stands.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

impl Value {
    /// What the value is, for an error that expected something else.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) | Value::Unbounded => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl Node {
    /// Reads a whole file.
    ///
    /// # Errors
    /// What YAML itself forbids: bad syntax, a key given twice, too many or too
    /// deep aliases, several documents, more than [`SIZE_LIMIT`].
    pub fn parse(source: &Source) -> Result<Node, Problem> {
        if source.text.len() > SIZE_LIMIT {
            return Err(Problem::at(source.at(0..0), too_large())
                .accepted("Keep large data out of tenant files; a ConfigMap holds 1 MiB at most."));
        }
        let options = options! {
            budget: serde_saphyr::budget! { max_depth: DEPTH_LIMIT, max_nodes: VALUES_LIMIT },
            strict_booleans: true,
            with_snippet: false,
            reject_unsupported_tags: true,
            merge_keys: serde_saphyr::MergeKeyPolicy::Merge,
            non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::PassThrough,
            duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        };
        match serde_saphyr::from_str_with_options::<Spanned<Tree>>(&source.text, options) {
            Ok(tree) => {
                let node = placed(tree, source);
                crowded(&node).map_or(Ok(()), Err)?;
                Ok(node)
            }
            Err(error) => Err(refused(source, &error)),
        }
    }

    /// The text of a scalar exactly as it was typed, so that `1.10` given as an
    /// environment variable stays `1.10`.
    pub fn typed(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Bool(_) | Value::Number(_) | Value::Unbounded => self.place.text().map(str::trim),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The value as JSON, for the parts of a file that are Kubernetes' own.
    pub fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null | Value::Unbounded => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => serde_json::Value::Number(number.clone()),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Node::json).collect(),
            Value::Map(entries) => {
                let fields = entries.iter().map(|(key, value)| (key.text.clone(), value.json()));
                serde_json::Value::Object(fields.collect())
            }
        }
    }
}

/// A document as its reader gives it, whose values do not know their file yet.
enum Tree {
    Scalar(Value),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
}

fn placed(tree: Spanned<Tree>, source: &Source) -> Node {
    let place = source.at(range(tree.defined.span()));
    let value = match tree.value {
        Tree::Scalar(value) => value,
        Tree::List(items) => Value::List(items.into_iter().map(|item| placed(item, source)).collect()),
        Tree::Map(entries) => {
            let entry = |(key, value): (Spanned<String>, Spanned<Tree>)| {
                let place = source.at(range(key.defined.span()));
                (Key { text: key.value, place }, placed(value, source))
            };
            Value::Map(entries.into_iter().map(entry).collect())
        }
    };
    Node { value, place }
}

/// The refusal of the first map with too many entries.
fn crowded(node: &Node) -> Option<Problem> {
    match &node.value {
        Value::Map(entries) if entries.len() > ENTRIES_LIMIT => {
            let reason = format!("a map of {} entries stands here", entries.len());
            Some(Problem::at(node.place.start(), reason).accepted(format!(
                "Keep a map to {ENTRIES_LIMIT} entries; an object of Kubernetes holds 1.5 MiB at most."
            )))
        }
        Value::Map(entries) => entries.iter().find_map(|(_, value)| crowded(value)),
        Value::List(items) => items.iter().find_map(crowded),
        _ => None,
    }
}

fn range(span: serde_saphyr::Span) -> Range<usize> {
    let place = |at: Option<u64>| at.and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
    let start = place(span.byte_offset());
    start..start + place(span.byte_len())
}

fn refused(source: &Source, error: &serde_saphyr::Error) -> Problem {
    let span = error.location().map_or(0..0, |location| place(&source.text, &location));
    // The reader appends the place to its message; ours stands before it.
    let message = error.without_snippet().to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    if let Some(key) = message.strip_prefix("duplicate mapping key: ") {
        let key = key.split(',').next().unwrap_or(key);
        return Problem::at(source.at(span), format!("the key `{key}` is given twice"))
            .accepted("Keep one of them; YAML does not say which would win.");
    }
    if let Some(tab) = message.contains("tab").then(|| indenting_tab(&source.text)).flatten() {
        return Problem::at(source.at(tab..tab + 1), "a tab stands in the indentation")
            .accepted("YAML indents with spaces only.");
    }
    if matches!(error.without_snippet(), serde_saphyr::Error::MultipleDocuments { .. }) {
        return Problem::at(source.at(span), "the file holds more than one document")
            .accepted("Write one file for each tenant.");
    }
    if let Some((reason, accepted)) = excess(error.without_snippet(), message) {
        return Problem::at(source.at(span), reason).accepted(accepted);
    }
    Problem::at(source.at(span), message)
}

/// Why there is too much of something, and what would be accepted.
fn excess(error: &serde_saphyr::Error, message: &str) -> Option<(String, String)> {
    let deep = || {
        let accepted = format!("Nothing in a live repository is {DEPTH_LIMIT} levels deep.");
        ("maps and lists lie too deep in each other".to_owned(), accepted)
    };
    let unfolds = || {
        let reason = "the file unfolds to far more than is written in it";
        (reason.to_owned(), "Use fewer aliases (`*name`), and none of aliases.".to_owned())
    };
    match error {
        serde_saphyr::Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => Some(deep()),
        serde_saphyr::Error::Budget {
            breach: BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. },
            ..
        } => {
            let reason = format!(
                "the file holds more than {},000 values, each alias counted as what it stands for",
                VALUES_LIMIT / 1000
            );
            Some((reason, "Keep large data out of it; a ConfigMap holds 1 MiB at most.".to_owned()))
        }
        serde_saphyr::Error::Budget { .. } => Some(unfolds()),
        _ if message.contains("recursion limit") => Some(deep()),
        _ if message.contains("alias") || message.starts_with("budget breached") => Some(unfolds()),
        _ => None,
    }
}

/// The bytes of a location, which has bytes only where a value was read.
fn place(text: &str, location: &serde_saphyr::Location) -> Range<usize> {
    let span = location.span();
    if span.byte_offset().is_some() {
        let span = range(span);
        return span.start.min(text.len())..span.end.min(text.len());
    }
    let number = |count: u64| usize::try_from(count.saturating_sub(1)).unwrap_or(0);
    let line_start: usize = text.split_inclusive('\n').take(number(location.line())).map(str::len).sum();
    let line = text[line_start..].lines().next().unwrap_or_default();
    let column = line.char_indices().nth(number(location.column())).map_or(line.len(), |(at, _)| at);
    line_start + column..line_start + column
}

/// The first tab with only white space before it on its line.
fn indenting_tab(text: &str) -> Option<usize> {
    let mut start = 0;
    text.split_inclusive('\n').find_map(|line| {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        let tab = line[..indentation].find('\t').map(|at| start + at);
        start += line.len();
        tab
    })
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Number(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Number(value.into())))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Unbounded))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Unbounded))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(serde_json::Number::from_f64(value).map_or(Value::Unbounded, Value::Number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Text(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}
