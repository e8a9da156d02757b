//! Ranges of addresses, as networks are written.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::Invalid;

/// A range of IP addresses: `10.0.0.0/8`, `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    first: IpAddr,
    prefix: u8,
}

impl FromStr for AddressRange {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |reason: String| {
            Invalid::new(
                "range of addresses",
                text,
                reason,
                "Write one such as `10.0.0.0/8`; `/32` is a single address.",
            )
        };
        let (first, prefix) = text.split_once('/').ok_or_else(|| refuse("it has no `/`".to_owned()))?;
        let first: IpAddr = first.parse().map_err(|_| refuse(format!("{first:?} is not an IP address")))?;
        let bits: u8 = if first.is_ipv4() { 32 } else { 128 };
        let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let length = prefix.parse().ok().filter(|length| is_number && *length <= bits);
        let prefix: u8 =
            length.ok_or_else(|| refuse(format!("{prefix:?} is not a number from 0 to {bits}")))?;
        let range = Self { first, prefix };
        // Kubernetes takes it and then says something else than what was written.
        match range.start() {
            start if start == first => Ok(range),
            start => Err(refuse(format!("the range of {first} begins at {start}"))),
        }
    }
}

impl AddressRange {
    /// The first address of the range that this one lies in.
    fn start(&self) -> IpAddr {
        match self.first {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4((address.to_bits() & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6((address.to_bits() & mask).into())
            }
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_spelled() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "192.0.2.7/32", "2001:db8::/32", "::/0", "::1/128"] {
            assert_eq!(text.parse::<AddressRange>().unwrap().to_string(), text);
        }
        assert_eq!("2001:DB8:0::/32".parse::<AddressRange>().unwrap().to_string(), "2001:db8::/32");
    }

    #[test]
    fn what_is_none_is_refused_with_its_reason() {
        for (text, reason) in [
            ("10.0.0.0", "it has no `/`"),
            ("10.0.0/8", "\"10.0.0\" is not an IP address"),
            ("10.0.0.0/33", "\"33\" is not a number from 0 to 32"),
            ("10.0.0.0/+8", "\"+8\" is not a number from 0 to 32"),
            ("::/129", "\"129\" is not a number from 0 to 128"),
            ("10.1.0.0/8", "the range of 10.1.0.0 begins at 10.0.0.0"),
            ("2001:db8::1/64", "the range of 2001:db8::1 begins at 2001:db8::"),
        ] {
            assert_eq!(text.parse::<AddressRange>().unwrap_err().reason, reason, "{text}");
        }
    }
}
