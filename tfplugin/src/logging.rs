//! Log lines in the form that the host reads: JSON on stderr, one object a line.

use std::fmt;
use std::io::Write;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

/// Sends `tracing` events to the host at the level that the user asked for.
/// Without one there is nothing to do for any event.
pub(crate) fn install(provider_name: &str) {
    let Some(level) = level(provider_name, |name| std::env::var(name).ok()) else { return };
    let subscriber = Registry::default().with(HostLog { level });
    // A provider that has set its own subscriber keeps it.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// The level of the most specific variable that is set: that of this provider,
/// of providers, of everything.
fn level(provider_name: &str, variable: impl Fn(&str) -> Option<String>) -> Option<Level> {
    let own = format!("TF_LOG_PROVIDER_{}", provider_name.to_uppercase().replace('-', "_"));
    let asked = [own.as_str(), "TF_LOG_PROVIDER", "TF_LOG"].into_iter().find_map(|name| {
        let asked = variable(name)?;
        (!asked.is_empty()).then_some(asked)
    })?;
    match asked.to_uppercase().as_str() {
        "TRACE" | "JSON" => Some(Level::TRACE),
        "DEBUG" => Some(Level::DEBUG),
        "INFO" => Some(Level::INFO),
        "WARN" => Some(Level::WARN),
        "ERROR" => Some(Level::ERROR),
        "OFF" => None,
        // The host reads any other word as the most talkative level.
        _ => Some(Level::TRACE),
    }
}

/// Whether a module moves bytes. Such ones log every frame, which would drown
/// what a provider says, so their details are shown at the most talkative level alone.
fn is_plumbing(module: &str) -> bool {
    let root = module.split("::").next().unwrap_or(module);
    ["h2", "hyper", "hyper_util", "rustls", "tokio_rustls", "tonic", "tower"].contains(&root)
}

struct HostLog {
    level: Level,
}

impl<S: Subscriber> Layer<S> for HostLog {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        let shown = if self.level < Level::TRACE && is_plumbing(metadata.target()) {
            self.level.min(Level::WARN)
        } else {
            self.level
        };
        *metadata.level() <= shown
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = line(event.metadata().level(), event.metadata().target());
        event.record(&mut Fields(&mut line));
        line.entry("@message").or_insert_with(|| Value::from(""));
        let text = Value::Object(line).to_string();
        // Without stderr there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// The parts of a line beside its message and fields. The host treats a line
/// without microseconds and offset as plain text.
fn line(level: &Level, module: &str) -> Map<String, Value> {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    Map::from_iter([
        ("@level".to_owned(), Value::from(level.as_str().to_lowercase())),
        ("@module".to_owned(), Value::from(module)),
        ("@timestamp".to_owned(), Value::from(now)),
    ])
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        // The host takes text alone for a message.
        let (name, value) = match field.name() {
            "message" => {
                ("@message", Value::from(value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            }
            name => (name, value),
        };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::from(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_variable_decides() {
        let asked = |set: &[(&str, &str)]| {
            level("my-cloud", |name| {
                set.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(asked(&[]), None);
        assert_eq!(asked(&[("TF_LOG", "warn")]), Some(Level::WARN));
        assert_eq!(asked(&[("TF_LOG", "trace"), ("TF_LOG_PROVIDER", "error")]), Some(Level::ERROR));
        assert_eq!(asked(&[("TF_LOG_PROVIDER_MY_CLOUD", "off"), ("TF_LOG", "trace")]), None);
    }

    #[test]
    fn a_line_has_microseconds_and_an_offset() {
        let line = line(&Level::INFO, "here");
        let stamp = line["@timestamp"].as_str().unwrap();
        assert!(stamp.ends_with('Z') && stamp.len() == "2026-01-02T03:04:05.000006Z".len(), "{stamp}");
        assert_eq!(line["@level"], "info");
    }
}
