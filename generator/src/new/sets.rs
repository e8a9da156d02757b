//! `--set key.path=value` as YAML.

use std::fmt::Write as _;
use std::str::FromStr;

use tenancy::Invalid;

/// One key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    path: Vec<String>,
    /// The value as YAML that stands on one line.
    value: String,
}

impl Set {
    /// The key of the tenant file that it is part of.
    pub fn top(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }
}

impl FromStr for Set {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const ACCEPTED: &str = "Write `env.LOG_LEVEL=debug`; a dot in a name is `\\.`.";
        let refuse = |reason: &str| Invalid::new("setting", text, reason, ACCEPTED);
        let (path, value) = text.split_once('=').ok_or_else(|| refuse("it has no `=`"))?;
        let path: Vec<String> =
            path.replace("\\.", "\0").split('.').map(|part| part.replace('\0', ".")).collect();
        if path.iter().any(String::is_empty) {
            return Err(refuse("a part of its key is empty"));
        }
        Ok(Self { path, value: scalar_or_flow(value).ok_or_else(|| refuse("its value is not YAML"))? })
    }
}

/// The value as it was typed where YAML reads it as one value, and quoted where
/// YAML would read something else into it.
fn scalar_or_flow(text: &str) -> Option<String> {
    let read = |text: &str| serde_saphyr::from_str::<serde_json::Value>(&format!("x: {text}\n")).ok();
    let flow = text.starts_with(['[', '{', '"', '\'']);
    match read(text).map(|read| read["x"].clone()) {
        Some(serde_json::Value::String(read)) if flow || read == text => Some(text.to_owned()),
        Some(serde_json::Value::Array(_) | serde_json::Value::Object(_)) if flow => Some(text.to_owned()),
        Some(serde_json::Value::Bool(_) | serde_json::Value::Number(_)) if !text.contains(['#', '\n']) => {
            Some(text.to_owned())
        }
        _ if flow => None,
        _ => Some(serde_json::Value::from(text).to_string()),
    }
}

/// A map of settings while they are put together, in the order they came.
#[derive(Default)]
struct Branch(Vec<(String, Result<String, Branch>)>);

impl Branch {
    fn put(&mut self, path: &[String], value: &str) {
        let [name, rest @ ..] = path else { return };
        let place = match self.0.iter().position(|(known, _)| known == name) {
            Some(place) => place,
            None => {
                self.0.push((name.clone(), Err(Branch::default())));
                self.0.len() - 1
            }
        };
        let (_, entry) = &mut self.0[place];
        match (rest, &mut *entry) {
            ([], _) => *entry = Ok(value.to_owned()),
            (_, Err(branch)) => branch.put(rest, value),
            (_, Ok(_)) => {
                let mut branch = Branch::default();
                branch.put(rest, value);
                *entry = Err(branch);
            }
        }
    }

    fn write(&self, out: &mut String, depth: usize) {
        for (name, entry) in &self.0 {
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
            let name = if plain { name.clone() } else { serde_json::Value::from(name.as_str()).to_string() };
            let _ = match entry {
                Ok(value) => writeln!(out, "{:depth$}{name}: {value}", ""),
                Err(_) => writeln!(out, "{:depth$}{name}:", ""),
            };
            if let Err(branch) = entry {
                branch.write(out, depth + 2);
            }
        }
    }
}

/// The settings as YAML.
pub(super) fn text(sets: &[Set]) -> String {
    let mut all = Branch::default();
    for set in sets {
        all.put(&set.path, &set.value);
    }
    let mut out = String::new();
    all.write(&mut out, 0);
    out
}
