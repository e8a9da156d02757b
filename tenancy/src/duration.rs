//! Lengths of time as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::Invalid;

/// A length of time in whole seconds, written as Go does: `90s`, `5m`, `1h30m`.
///
/// `0s` is one too: a probe may begin at once. Where nothing makes no sense,
/// [`crate::check`] says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(
    /// How many.
    pub u32,
);

impl From<Seconds> for Duration {
    fn from(Seconds(seconds): Seconds) -> Self {
        Duration::from_secs(seconds.into())
    }
}

impl fmt::Display for Seconds {
    /// The shortest spelling: `5m` and not `300s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(total) = *self;
        if total == 0 {
            return f.write_str("0s");
        }
        for (number, unit) in [(total / 3600, 'h'), (total / 60 % 60, 'm'), (total % 60, 's')] {
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Seconds {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse =
            |reason: &str| Invalid::new("duration", text, reason, "Write `90s`, `5m`, `1h` or `1h30m`.");
        let mut total: u32 = 0;
        let mut smallest_unit = u32::MAX;
        let mut rest = text;
        if text.is_empty() {
            return Err(refuse("it is empty"));
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(|| refuse("it has no unit"))?;
            let (number, tail) = rest.split_at(digits);
            if number.is_empty() {
                return Err(refuse("a number is missing before a unit"));
            }
            let unit = match tail.chars().next() {
                Some('h') => 3600,
                Some('m') => 60,
                Some('s') => 1,
                _ => return Err(refuse("its unit is not h, m or s")),
            };
            if unit >= smallest_unit {
                return Err(refuse("its units are not in the order h, m, s"));
            }
            let seconds = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
            let seconds = seconds.and_then(|seconds| total.checked_add(seconds));
            total = seconds.ok_or_else(|| refuse("it is too long"))?;
            smallest_unit = unit;
            rest = &tail[1..];
        }
        Ok(Self(total))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_read_and_spelled() {
        for (text, seconds, spelled) in [
            ("90s", 90, "1m30s"),
            ("5m", 300, "5m"),
            ("1h30m", 5400, "1h30m"),
            ("300s", 300, "5m"),
            ("0s", 0, "0s"),
        ] {
            let read: Seconds = text.parse().unwrap();
            assert_eq!((read.0, read.to_string().as_str()), (seconds, spelled), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "it is empty"),
            ("5", "it has no unit"),
            ("m", "a number is missing before a unit"),
            ("5 m", "its unit is not h, m or s"),
            ("-5m", "a number is missing before a unit"),
            ("5d", "its unit is not h, m or s"),
            ("1.5h", "its unit is not h, m or s"),
            ("30s5m", "its units are not in the order h, m, s"),
            ("5m5m", "its units are not in the order h, m, s"),
            ("5mm", "a number is missing before a unit"),
            ("99999999h", "it is too long"),
            ("99999999999s", "it is too long"),
        ] {
            assert_eq!(text.parse::<Seconds>().unwrap_err().reason, reason, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_length_is_read_as_it_is_spelled(seconds: u32) {
            prop_assert_eq!(Seconds(seconds).to_string().parse(), Ok(Seconds(seconds)));
        }
    }
}
