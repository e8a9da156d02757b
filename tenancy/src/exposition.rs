//! The Prometheus text format, version 0.0.4, read strictly.
//!
//! A line that is not of the format spoils the page, as it does for Prometheus
//! itself: a page that was cut off in the middle of a number still looks like a
//! smaller number, and no gate may act on that. For the same reason the last
//! line must end with a line feed, as the format demands.

use std::borrow::Cow;

/// One sample of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'p> {
    /// The metric's name.
    pub name: &'p str,
    /// Its labels in the order of the page, with escapes resolved.
    pub labels: Vec<(&'p str, Cow<'p, str>)>,
    /// The value; exact for whole numbers up to 2^53.
    pub value: f64,
    /// When the exporter took it, in milliseconds since 1970, where it says so.
    pub timestamp_ms: Option<i64>,
}

impl Series<'_> {
    /// The value of a label; an empty one is the same as none, as in Prometheus.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(key, _)| *key == name).map(|(_, value)| &**value).filter(|v| !v.is_empty())
    }
}

/// The first line that is not of the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the page is not of the Prometheus text format: {reason}")]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it, without a full stop.
    pub reason: &'static str,
}

/// Reads all samples of a page; comments and empty lines are skipped.
///
/// # Errors
/// The first line that is not of the format.
pub fn parse(page: &str) -> Result<Vec<Series<'_>>, BadLine> {
    let mut series = Vec::new();
    for (index, line) in page.split_inclusive('\n').enumerate() {
        let bad = |reason| BadLine { line: index + 1, reason };
        let Some(line) = line.strip_suffix('\n') else {
            return Err(bad("it does not end with a line feed, so the page may be cut off"));
        };
        let line = line.strip_suffix('\r').unwrap_or(line).trim_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        series.push(sample(line).map_err(bad)?);
    }
    Ok(series)
}

fn sample(line: &str) -> Result<Series<'_>, &'static str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = line.find(|c| !is_name(c)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("it does not begin with a metric's name");
    }
    let rest = rest.trim_start_matches([' ', '\t']);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (Vec::new(), rest),
    };
    let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
    let value = number(words.next().ok_or("it has no value")?).ok_or("its value is not a number")?;
    let timestamp_ms = match words.next() {
        Some(word) => Some(word.parse().map_err(|_| "its timestamp is not a whole number of milliseconds")?),
        None => None,
    };
    match words.next() {
        Some(_) => Err("something follows its timestamp"),
        None => Ok(Series { name, labels, value, timestamp_ms }),
    }
}

/// Labels, their values with escapes resolved.
type Labels<'p> = Vec<(&'p str, Cow<'p, str>)>;

/// Reads labels up to the closing brace; answers what follows it too.
fn labels(mut rest: &str) -> Result<(Labels<'_>, &str), &'static str> {
    let mut labels: Labels<'_> = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("a label has no legal name");
        }
        if labels.iter().any(|(other, _)| *other == name) {
            return Err("a label stands twice in it");
        }
        let after = after.trim_start_matches([' ', '\t']).strip_prefix('=').ok_or("a label has no `=`")?;
        let after = after.trim_start_matches([' ', '\t']).strip_prefix('"').ok_or("a label has no quotes")?;
        let (value, after) = quoted(after)?;
        labels.push((name, value));
        rest = after.trim_start_matches([' ', '\t']);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err("neither a comma nor a brace follows a label"),
        }
    }
}

/// Reads up to the closing quote; answers what follows it too.
fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let mut owned: Option<String> = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let value = match owned {
                    Some(value) => Cow::Owned(value),
                    None => Cow::Borrowed(&text[..at]),
                };
                return Ok((value, &text[at + 1..]));
            }
            '\\' => {
                let value = owned.get_or_insert_with(|| text[..at].to_owned());
                match chars.next() {
                    Some((_, '\\')) => value.push('\\'),
                    Some((_, '"')) => value.push('"'),
                    Some((_, 'n')) => value.push('\n'),
                    _ => return Err("a label has an escape that the format does not know"),
                }
            }
            c => {
                if let Some(value) = &mut owned {
                    value.push(c);
                }
            }
        }
    }
    Err("a label's quotes are not closed")
}

/// A number as Go's `ParseFloat` and the format read it: with `NaN` and `Inf` of any sign.
fn number(word: &str) -> Option<f64> {
    match word {
        "NaN" => Some(f64::NAN),
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        // Rust also reads `nan`, `inf` and `infinity`, which the format does not have.
        _ if word.contains(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))) => None,
        _ => word.parse().ok(),
    }
}
