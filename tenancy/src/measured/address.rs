//! Where somebody who measures is asked.

use std::fmt;
use std::str::FromStr;

use crate::Invalid;
use crate::names::{Namespace, ObjectName};

/// Where somebody who measures is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Directly.
    Url(String),
    /// A Service, through the API server.
    Service {
        /// Its namespace.
        namespace: Namespace,
        /// Its name.
        service: ObjectName,
        /// The number or the name of its port.
        port: String,
    },
}

impl Address {
    /// The path of a metrics page there: a URL names its own.
    pub fn page(&self) -> &'static str {
        match self {
            Address::Url(_) => "",
            Address::Service { .. } => "/metrics",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Url(url) => f.write_str(url),
            Address::Service { namespace, service, port } => write!(f, "{namespace}/{service}:{port}"),
        }
    }
}

impl FromStr for Address {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |reason: String| {
            let accepted = "Write a URL such as `https://prometheus.example.org`, or `namespace/service:port` such as \
                            `monitoring/prometheus:9090`.";
            Invalid::new("address", text, reason, accepted)
        };
        if text.contains("://") {
            let rest = ["http://", "https://"].into_iter().find_map(|scheme| text.strip_prefix(scheme));
            let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
            let is_plain = !text.contains(['?', '#', '@', '"', '\\']) && !text.contains(char::is_whitespace);
            return match is_plain && !host.is_empty() && !host.starts_with(':') {
                true => Ok(Address::Url(text.trim_end_matches('/').to_owned())),
                false => {
                    Err(refuse("it is no URL of http or https without a query and credentials".to_owned()))
                }
            };
        }
        let (namespace, rest) = text.split_once('/').ok_or_else(|| refuse("it has no `/`".to_owned()))?;
        let (service, port) = rest.split_once(':').ok_or_else(|| refuse("it names no port".to_owned()))?;
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if port.is_empty() || !port.bytes().all(legal) {
            return Err(refuse("its port is neither a number nor a name".to_owned()));
        }
        let part = |invalid: Invalid| refuse(invalid.finding());
        Ok(Address::Service {
            namespace: namespace.parse().map_err(part)?,
            service: service.parse().map_err(part)?,
            port: port.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_urls_or_services() {
        for text in [
            "http://10.0.0.1:9090",
            "https://prometheus.example.org/prefix",
            "monitoring/prometheus:9090",
            "a/b:web",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("http://p/".parse::<Address>().unwrap().to_string(), "http://p");
        for text in [
            "",
            "prometheus",
            "monitoring/prometheus",
            "ftp://p",
            "http://",
            "a/b:",
            "A/b:1",
            "http://p?x=1",
            "http://u:p@h",
            "https://:9090",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
