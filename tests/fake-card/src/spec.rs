//! What a card is: its name, identity and size, as a flag or a request gives it.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A card as it is ordered, before anything is allocated on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardSpec {
    /// The name in URLs, unique within one fake-card.
    pub name: String,
    /// The device's UUID with its `GPU-` prefix, as `nvidia-smi -L` prints it.
    pub uuid: String,
    /// The device's index on its node.
    #[serde(default)]
    pub index: u32,
    /// The size that the device reports, in MiB; 15,360 on a T4.
    pub total_mib: u64,
    /// What the driver keeps for itself, in MiB; about 450 on a T4.
    #[serde(default)]
    pub reserved_mib: u64,
    /// The product name; one that says that it is fake unless a test needs another.
    #[serde(default = "default_model")]
    pub model: String,
    /// The node in the `hostname` label.
    #[serde(default = "default_node")]
    pub node: String,
}

/// Why a card cannot be as ordered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A part of the flag is not `key=value`.
    #[error("`{0}` is not key=value; write name=NAME,uuid=GPU-...,index=0,total-mib=15360,reserved-mib=450")]
    NotAPair(String),
    /// The flag has a key that no card has.
    #[error("a card has no `{0}`; it has name, uuid, index, total-mib, reserved-mib, model and node")]
    UnknownKey(String),
    /// The flag lacks a key that every card needs.
    #[error("the card lacks `{0}`; add {0}=...")]
    Missing(&'static str),
    /// A number is not a whole number of its range.
    #[error("{key}=`{value}` is not a whole number")]
    NotANumber {
        /// The key of the flag.
        key: &'static str,
        /// The text as typed.
        value: String,
    },
    /// The name cannot be a segment of a URL or a label value.
    #[error("card name `{0}` is not made of letters, digits, `-`, `_` and `.`")]
    Name(String),
    /// The driver keeps more than there is.
    #[error("card `{name}` keeps {reserved_mib} MiB of only {total_mib}; lower reserved-mib")]
    ReservedOverTotal {
        /// The card's name.
        name: String,
        /// What the driver would keep, in MiB.
        reserved_mib: u64,
        /// The card's size, in MiB.
        total_mib: u64,
    },
}

impl CardSpec {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// A name unfit for a URL, or more reserved than the card has.
    pub fn check(self) -> Result<Self, SpecError> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || !self.name.chars().all(legal) {
            return Err(SpecError::Name(self.name));
        }
        if self.reserved_mib > self.total_mib {
            let CardSpec { name, reserved_mib, total_mib, .. } = self;
            return Err(SpecError::ReservedOverTotal { name, reserved_mib, total_mib });
        }
        Ok(self)
    }

    /// The PCI address that the DCGM labels show: made from the index, so that it
    /// is stable and differs between the cards of one node.
    pub fn pci_bus_id(&self) -> String {
        format!("00000000:{:02X}:00.0", self.index + 1)
    }
}

/// Reads the value of `--card`.
impl FromStr for CardSpec {
    type Err = SpecError;

    fn from_str(flag: &str) -> Result<Self, SpecError> {
        let (mut name, mut uuid, mut total_mib) = (None, None, None);
        let (mut index, mut reserved_mib) = (0, 0);
        let (mut model, mut node) = (default_model(), default_node());
        for part in flag.split(',') {
            let (key, value) = part.split_once('=').ok_or_else(|| SpecError::NotAPair(part.to_owned()))?;
            match key.trim() {
                "name" => name = Some(value.to_owned()),
                "uuid" => uuid = Some(value.to_owned()),
                "index" => index = number("index", value)?,
                "total-mib" => total_mib = Some(number("total-mib", value)?),
                "reserved-mib" => reserved_mib = number("reserved-mib", value)?,
                "model" => model = value.to_owned(),
                "node" => node = value.to_owned(),
                other => return Err(SpecError::UnknownKey(other.to_owned())),
            }
        }
        CardSpec {
            name: name.ok_or(SpecError::Missing("name"))?,
            uuid: uuid.ok_or(SpecError::Missing("uuid"))?,
            index,
            total_mib: total_mib.ok_or(SpecError::Missing("total-mib"))?,
            reserved_mib,
            model,
            node,
        }
        .check()
    }
}

fn number<N: FromStr>(key: &'static str, value: &str) -> Result<N, SpecError> {
    value.parse().map_err(|_| SpecError::NotANumber { key, value: value.to_owned() })
}

fn default_model() -> String {
    "Fake T4".to_owned()
}

fn default_node() -> String {
    "fake-node".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_says_everything_about_a_card() {
        let flag =
            "name=gpu-1-0,uuid=GPU-1,index=2,total-mib=15360,reserved-mib=450,model=Tesla T4,node=gpu-1";
        let card: CardSpec = flag.parse().unwrap();
        assert_eq!((card.name.as_str(), card.uuid.as_str(), card.index), ("gpu-1-0", "GPU-1", 2));
        assert_eq!((card.total_mib, card.reserved_mib), (15_360, 450));
        assert_eq!((card.model.as_str(), card.node.as_str()), ("Tesla T4", "gpu-1"));
        assert_eq!(card.pci_bus_id(), "00000000:03:00.0");
    }

    #[test]
    fn a_wrong_flag_says_what_is_wrong() {
        let wrong = |flag: &str| flag.parse::<CardSpec>().unwrap_err();
        assert_eq!(wrong("gpu-1-0"), SpecError::NotAPair("gpu-1-0".into()));
        assert_eq!(wrong("uuid=GPU-1,total-mib=1"), SpecError::Missing("name"));
        assert_eq!(wrong("name=a,total-mib=1"), SpecError::Missing("uuid"));
        assert_eq!(wrong("name=a,uuid=GPU-1"), SpecError::Missing("total-mib"));
        assert_eq!(wrong("name=a,size=3"), SpecError::UnknownKey("size".into()));
        assert_eq!(wrong("name=a/b,uuid=GPU-1,total-mib=1"), SpecError::Name("a/b".into()));
        let expected = SpecError::NotANumber { key: "total-mib", value: "15GiB".into() };
        assert_eq!(wrong("name=a,uuid=GPU-1,total-mib=15GiB"), expected);
        let expected = SpecError::ReservedOverTotal { name: "a".into(), reserved_mib: 2, total_mib: 1 };
        assert_eq!(wrong("name=a,uuid=GPU-1,total-mib=1,reserved-mib=2"), expected);
    }
}
