//! Time zones by their exact names.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::Invalid;
use crate::spelling::nearest;

/// An IANA time zone, by the exact name that the Kubernetes CronJob controller
/// accepts (it looks the name up as a file, so case counts).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// Universal time.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// The zone's name, such as `Europe/London`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The zone's rules.
    pub fn rules(&self) -> &TimeZone {
        &self.zone
    }
}

impl FromStr for Zone {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const ACCEPTED: &str = "Write an IANA name such as `Europe/London` or `UTC`.";
        let database = jiff::tz::db();
        let known = database.get(text).ok().and_then(|zone| {
            let name = zone.iana_name().map(str::to_owned);
            name.map(|name| (zone, name))
        });
        match known {
            Some((zone, name)) if name == text => Ok(Self { name, zone }),
            Some((_, name)) => {
                Err(Invalid::new("time zone", text, format!("its name is spelled {name:?}"), ACCEPTED))
            }
            None => {
                let nearest = nearest(text, database.available().map(|name| name.to_string()));
                let reason = match nearest {
                    Some(name) => format!("no zone has this name; {name:?} is the nearest"),
                    None => "no zone has this name".to_owned(),
                };
                Err(Invalid::new("time zone", text, reason, ACCEPTED))
            }
        }
    }
}

impl TryFrom<String> for Zone {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
