//! Lengths of time as people write them.

use std::str::FromStr;
use std::time::Duration;

use tenancy::Invalid;

/// A length of time in whole seconds: `90s`, `5m`, `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seconds(pub(crate) u32);

impl Seconds {
    pub(crate) fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }

    /// The shortest spelling: `5m` and not `300s`.
    pub(crate) fn spelled(self) -> String {
        let Self(total) = self;
        let parts = [(total / 3600, "h"), (total % 3600 / 60, "m"), (total % 60, "s")];
        let text: String = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, unit)| format!("{number}{unit}"))
            .collect();
        if text.is_empty() { "0s".to_owned() } else { text }
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
            let unit = match tail.chars().next() {
                Some('h') => 3600,
                Some('m') => 60,
                Some('s') => 1,
                _ => return Err(refuse("its unit is not h, m or s")),
            };
            if unit >= smallest_unit {
                return Err(refuse("its units are not in the order h, m, s"));
            }
            let number: u32 = number.parse().map_err(|_| refuse("it does not begin with a number"))?;
            let seconds = number.checked_mul(unit).and_then(|seconds| total.checked_add(seconds));
            total = seconds.ok_or_else(|| refuse("it is too long"))?;
            smallest_unit = unit;
            rest = &tail[1..];
        }
        Ok(Self(total))
    }
}

#[cfg(test)]
mod tests {
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
            assert_eq!((read.0, read.spelled().as_str()), (seconds, spelled), "{text}");
        }
        for bad in ["", "5", "m", "5 m", "-5m", "5d", "30s5m", "99999999h", "1.5h", "5mm"] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
    }
}
