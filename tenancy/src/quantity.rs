//! Amounts: video memory in MiB, and Kubernetes' quantities.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// An amount of video memory in whole MiB (2^20 bytes).
///
/// People write `4GiB` or `4096MiB`; Kubernetes' `4Gi` and `4096Mi` mean the
/// same and are accepted. Decimal units are refused, because a card's size is
/// reported in MiB and a `GB` in a plan is a guess about what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mib(pub u64);

impl Mib {
    /// This amount in bytes.
    pub fn bytes(self) -> u64 {
        self.0.saturating_mul(1 << 20)
    }

    /// The amount as people write it: `4GiB` when whole, `1598MiB` otherwise.
    pub fn spelled(self) -> String {
        if self.0 >= 1024 && self.0.is_multiple_of(1024) {
            format!("{}GiB", self.0 / 1024)
        } else {
            format!("{}MiB", self.0)
        }
    }
}

impl fmt::Display for Mib {
    /// Digits in groups of three and the unit: `10,814 MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        f.write_str(" MiB")
    }
}

impl FromStr for Mib {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const ACCEPTED: &str = "Write a whole number of MiB, such as `4GiB`, `1.5GiB` or `4096MiB`.";
        let refuse = |reason: &str| Err(Invalid::new("amount of video memory", text, reason, ACCEPTED));
        let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        if text.starts_with(['-', '+']) {
            return refuse("it has a sign");
        }
        if number.is_empty() {
            return refuse("it does not begin with a number");
        }
        let mib_per_unit: u64 = match unit {
            "MiB" | "Mi" => 1,
            "GiB" | "Gi" => 1024,
            "TiB" | "Ti" => 1024 * 1024,
            "" => return refuse("it has no unit"),
            "GB" | "MB" | "TB" | "G" | "M" | "T" => {
                return refuse("its unit is decimal; cards count in binary units");
            }
            _ if unit.starts_with(char::is_whitespace) => return refuse("a space stands before the unit"),
            _ => return refuse("its unit is not known"),
        };
        match parse_decimal(number).and_then(|d| d.times_exact(mib_per_unit)) {
            Some(mib) => Ok(Self(mib)),
            None => refuse("it is not a whole number of MiB, or too large"),
        }
    }
}

/// A decimal number as digits and how many of them stand after the point.
struct Decimal {
    digits: u128,
    scale: u32,
}

impl Decimal {
    fn times_exact(&self, factor: u64) -> Option<u64> {
        let product = self.digits.checked_mul(u128::from(factor))?;
        let divisor = 10u128.checked_pow(self.scale)?;
        product.is_multiple_of(divisor).then(|| u64::try_from(product / divisor).ok()).flatten()
    }
}

fn parse_decimal(text: &str) -> Option<Decimal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && fraction.is_empty() || text.len() > 30 {
        return None;
    }
    let all = format!("{whole}{fraction}");
    if !all.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    Some(Decimal { digits: all.parse().ok()?, scale: u32::try_from(fraction.len()).ok()? })
}

/// A Kubernetes quantity: `500m`, `1.5Gi`, `2`, `1e3`.
///
/// The whole grammar of `k8s.io/apimachinery/pkg/api/resource/quantity.go`:
/// a signed decimal number and one suffix, binary (`Ki` … `Ei`), decimal
/// (`n u m k M G T P E`) or exponent (`e3`, `E-3`). Two quantities are equal
/// when they mean the same amount. Anything finer than a nano or larger than
/// 2^63-1 is refused here, where the API server would round or cap it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Binary,
    Decimal,
    Exponent,
}

const NANO: i128 = 1_000_000_000;
const BINARY: [(&str, i128); 6] =
    [("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("Ti", 1 << 40), ("Pi", 1 << 50), ("Ei", 1 << 60)];
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

impl Quantity {
    /// A whole number without a suffix, such as a count of slices.
    pub fn whole(number: u32) -> Self {
        Self { nanos: i128::from(number) * NANO, format: Format::Decimal }
    }

    /// So many bytes, spelled with a binary suffix where one fits: 6 * 2^30 is `6Gi`.
    pub fn bytes(number: u64) -> Self {
        Self { nanos: i128::from(number) * NANO, format: Format::Binary }
    }

    /// The amount in thousandths, rounded up as the API server does.
    pub fn millis(self) -> i128 {
        (self.nanos + NANO / 1000 - 1).div_euclid(NANO / 1000)
    }

    /// The amount in whole units (bytes for memory), rounded up.
    pub fn units(self) -> i128 {
        (self.nanos + NANO - 1).div_euclid(NANO)
    }

    /// Whether the amount is greater than zero.
    pub fn is_positive(self) -> bool {
        self.nanos > 0
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl FromStr for Quantity {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const ACCEPTED: &str =
            "Write a number with an optional suffix: `500m`, `2`, `1.5Gi`, `512Mi` or `20G`.";
        let refuse = |reason: &str| Err(Invalid::new("quantity", text, reason, ACCEPTED));
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let split = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(split);
        let Some(decimal) = parse_decimal(number) else {
            return refuse("it does not begin with a number of at most 30 digits");
        };
        let (nanos, format) = if let Some((_, factor)) = BINARY.iter().find(|(name, _)| *name == suffix) {
            (scaled(&decimal, *factor, 0), Format::Binary)
        } else if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
            (scaled(&decimal, 1, *power), Format::Decimal)
        } else if let Some(power) = suffix.strip_prefix(['e', 'E']).and_then(|p| p.parse::<i32>().ok()) {
            (scaled(&decimal, 1, power), Format::Exponent)
        } else if suffix.starts_with(char::is_whitespace) {
            return refuse("a space stands before the suffix");
        } else {
            return refuse("its suffix is not one of Kubernetes'");
        };
        match nanos {
            Some(nanos) if nanos <= i128::from(i64::MAX) * NANO => Ok(Self { nanos: sign * nanos, format }),
            _ => refuse("it is larger than 2^63-1 or finer than a nano"),
        }
    }
}

/// `decimal * factor * 10^power` in nanos, when that is exact and in range.
fn scaled(decimal: &Decimal, factor: i128, power: i32) -> Option<i128> {
    let digits = i128::try_from(decimal.digits).ok()?.checked_mul(factor)?;
    let power = power.checked_add(9)?.checked_sub(i32::try_from(decimal.scale).ok()?)?;
    if digits == 0 {
        return Some(0);
    }
    let step = 10i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 { digits.checked_mul(step) } else { (digits % step == 0).then_some(digits / step) }
}

impl fmt::Display for Quantity {
    /// The canonical spelling, which is what the API server answers:
    /// `6144Mi` is `6Gi`, `1000m` is `1`, `0.5Gi` is `512Mi`, `1.5` is `1500m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.nanos % NANO == 0;
        let units = self.nanos / NANO;
        if self.format == Format::Binary && whole && units.abs() >= 1024 {
            let (suffix, factor) = BINARY
                .iter()
                .rev()
                .find(|(_, factor)| units % factor == 0)
                .map_or(("", 1), |(suffix, factor)| (*suffix, *factor));
            return write!(f, "{}{suffix}", units / factor);
        }
        let steps: &[(&str, i32)] = &DECIMAL;
        let found = steps.iter().rev().find_map(|(suffix, power)| {
            let step = 10i128.pow(u32::try_from(power + 9).unwrap_or(0));
            (self.nanos % step == 0).then_some((self.nanos / step, *suffix, *power))
        });
        match found {
            Some((0, ..)) | None => f.write_str("0"),
            Some((mantissa, _, power)) if self.format == Format::Exponent && power != 0 => {
                write!(f, "{mantissa}e{power}")
            }
            Some((mantissa, suffix, _)) => write!(f, "{mantissa}{suffix}"),
        }
    }
}

impl TryFrom<String> for Quantity {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Quantity> for String {
    fn from(quantity: Quantity) -> String {
        quantity.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn video_memory_is_whole_mib_in_binary_units() {
        for (text, mib) in [("4GiB", 4096), ("1.5GiB", 1536), ("15360MiB", 15360), ("2Gi", 2048), ("0MiB", 0)]
        {
            assert_eq!(text.parse::<Mib>().unwrap(), Mib(mib), "{text}");
        }
        for bad in
            ["6 GB", "6GB", "6g", "-1", "-1GiB", "1e400", "", "GiB", "0.3MiB", "6", "6 GiB", "1.2.3GiB"]
        {
            assert!(bad.parse::<Mib>().is_err(), "{bad}");
        }
        assert_eq!(Mib(10814).to_string(), "10,814 MiB");
        assert_eq!(Mib(450).to_string(), "450 MiB");
        assert_eq!((Mib(4096).spelled(), Mib(1598).spelled()), ("4GiB".into(), "1598MiB".into()));
    }

    #[test]
    fn bytes_are_spelled_in_binary_units() {
        for (bytes, spelled) in
            [(6 << 30, "6Gi"), (1536 << 20, "1536Mi"), (1025, "1025"), (1024, "1Ki"), (0, "0")]
        {
            let quantity = Quantity::bytes(bytes);
            assert_eq!((quantity.to_string().as_str(), quantity.units()), (spelled, i128::from(bytes)));
        }
    }

    #[test]
    fn quantities_are_spelled_as_the_api_server_spells_them() {
        for (given, canonical) in [
            ("1000m", "1"),
            ("6144Mi", "6Gi"),
            ("0.5Gi", "512Mi"),
            ("1.5Gi", "1536Mi"),
            ("1.5", "1500m"),
            ("1e3", "1e3"),
            ("1", "1"),
            ("0", "0"),
            ("0Gi", "0"),
            ("20G", "20G"),
            ("1000k", "1M"),
            ("512Ki", "512Ki"),
            ("100", "100"),
            ("1000", "1k"),
            ("-5", "-5"),
        ] {
            assert_eq!(given.parse::<Quantity>().unwrap().to_string(), canonical, "{given}");
        }
        for bad in ["", "6 GB", "6g", "1e400", "abc", "1.2.3", "1Kib", "--1", "1e", "1mi"] {
            assert!(bad.parse::<Quantity>().is_err(), "{bad}");
        }
        assert_eq!("5k".parse::<Quantity>().unwrap().units(), 5000);
    }

    proptest! {
        #[test]
        fn a_quantity_means_the_same_after_a_round_trip(
            number in 0u64..=9_000_000, suffix in "(|m|u|n|k|M|G|Ki|Mi|Gi|e3|e-3)"
        ) {
            let quantity: Quantity = format!("{number}{suffix}").parse().unwrap();
            let again: Quantity = quantity.to_string().parse().unwrap();
            prop_assert_eq!(quantity, again);
            prop_assert_eq!(quantity.to_string(), again.to_string());
        }

        #[test]
        fn no_text_breaks_the_parsers(text in ".{0,40}") {
            let _ = text.parse::<Quantity>();
            let _ = text.parse::<Mib>();
        }
    }
}
