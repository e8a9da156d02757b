//! Where a gate learns whether there is work for its tenant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::Invalid;

/// The question that a gate asks before it wakes a tenant, and while it is awake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemandProbe {
    /// Who is asked.
    pub source: DemandSource,
    /// How long there must be no work, without a break, before the tenant is put to sleep.
    pub idle_after_s: u32,
}

/// Who is asked whether there is work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DemandSource {
    /// A GET that is answered with JSON.
    Http {
        /// What is asked for.
        url: HttpUrl,
        /// What of the answer is looked at.
        json_path: JsonPath,
    },
    /// An instant query to a Prometheus.
    Prometheus {
        /// The server, without `/api/v1/query`.
        url: HttpUrl,
        /// The query, in PromQL.
        query: String,
    },
}

impl DemandSource {
    /// The address that is asked.
    pub fn url(&self) -> &HttpUrl {
        let (DemandSource::Http { url, .. } | DemandSource::Prometheus { url, .. }) = self;
        url
    }
}

/// An address that a gate asks: plain HTTP within the cluster, without a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpUrl(String);

impl HttpUrl {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HttpUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |reason: &str| {
            let accepted = "Write an address within the cluster, such as `http://queue.tts:8000/stats`.";
            Err(Invalid::new("address to ask", text, reason, accepted))
        };
        if text.starts_with("https://") {
            return refuse("the gate speaks plain HTTP and no TLS");
        }
        let Some(rest) = text.strip_prefix("http://") else {
            return refuse("it does not begin with `http://`");
        };
        if rest.is_empty() || rest.starts_with(['/', ':', '?', '#']) {
            return refuse("it names no host");
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return refuse("a space stands in it");
        }
        if rest.split(['/', '?']).next().unwrap_or(rest).contains('@') {
            return refuse("it carries a password, and the gate's configuration is not secret");
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for HttpUrl {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<HttpUrl> for String {
    fn from(url: HttpUrl) -> Self {
        url.0
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A JSONPath, RFC 9535.
#[derive(Debug, Clone)]
pub struct JsonPath {
    text: String,
    path: serde_json_path::JsonPath,
}

impl JsonPath {
    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Everything in an answer that the path leads to.
    pub fn find<'v>(&self, answer: &'v Value) -> Vec<&'v Value> {
        self.path.query(answer).all()
    }
}

impl FromStr for JsonPath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let path = serde_json_path::JsonPath::parse(text).map_err(|why| {
            let accepted = "Write one as RFC 9535 has it, such as `$.queue.pending`.";
            let why = why.to_string();
            let reason = if text.starts_with('$') { why } else { "it does not begin with `$`".to_owned() };
            Invalid::new("JSONPath", text, reason.trim_end_matches('.'), accepted)
        })?;
        Ok(Self { text: text.to_owned(), path })
    }
}

impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for JsonPath {}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for JsonPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for JsonPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_is_plain_http_without_a_password() {
        for good in ["http://queue", "http://queue.tts:8000/stats?a=b", "http://[fd00::1]:80/"] {
            assert_eq!(good.parse::<HttpUrl>().unwrap().as_str(), good);
        }
        let bad =
            ["", "queue:80", "https://queue", "http://", "http:///x", "http://a b", "http://me:pw@queue/"];
        let told: Vec<String> =
            bad.iter().map(|bad| bad.parse::<HttpUrl>().unwrap_err().to_string()).collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_path_finds_what_rfc_9535_says() {
        let answer = json!({"queue_running": [], "queue_pending": [1, 2], "stats": {"jobs": 3}});
        let find = |path: &str| json!(path.parse::<JsonPath>().unwrap().find(&answer));
        assert_eq!(find("$.stats.jobs"), json!([3]));
        assert_eq!(find("$['queue_running', 'queue_pending']"), json!([[], [1, 2]]));
        assert_eq!(find("$.absent"), json!([]));
        let bad = ["", "stats.jobs", "$.stats.", "$[", "$..[?@.a ="];
        let told: Vec<String> =
            bad.iter().map(|bad| bad.parse::<JsonPath>().unwrap_err().to_string()).collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_probe_is_read_back() {
        let http = json!({
            "source": {"http": {"url": "http://queue.tts/stats", "json_path": "$.pending"}},
            "idle_after_s": 600,
        });
        let prometheus = json!({
            "source": {"prometheus": {"url": "http://prometheus.monitoring:9090", "query": "sum(jobs)"}},
            "idle_after_s": 60,
        });
        for probe in [http, prometheus] {
            let read: DemandProbe = serde_json::from_value(probe.clone()).unwrap();
            assert_eq!(json!(read), probe);
        }
    }
}
