//! Numbers as Terraform has them: decimal, exact and wider than 64 bits.

use std::fmt;
use std::str::FromStr;

/// A decimal number without rounding: `(-1)^negative * digits * 10^exponent`.
///
/// Terraform computes with 512-bit floats and sends what does not fit a 64-bit
/// integer or float as decimal text, so a provider that stored `i64` or `f64`
/// would answer with another number than it was given.
///
/// The form is canonical (no leading or trailing zero digits), so equality is
/// equality of numbers. The order is total, but is not the numeric one.
///
/// ```
/// use tfplugin::Number;
/// let wide: Number = "340282366920938463463374607431768211456".parse().unwrap();
/// assert_eq!(wide.to_string(), "340282366920938463463374607431768211456");
/// assert_eq!("1.50".parse::<Number>().unwrap(), "15e-1".parse().unwrap());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    negative: bool,
    digits: String,
    exponent: i64,
}

/// Text that is not a decimal number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a decimal number")]
pub struct NotANumber {
    /// The refused text, cut to its first 64 characters.
    pub text: String,
}

/// Digits that are written out before [`Number`] changes to the `1e400` form.
const PLAIN_DIGITS_MAX: i64 = 400;

impl Number {
    /// The exact value of a float, or nothing for infinities and NaN.
    pub fn from_f64(float: f64) -> Option<Number> {
        if !float.is_finite() {
            return None;
        }
        // A binary fraction ends after at most 1,074 decimal places.
        format!("{float:.1074}").parse().ok()
    }

    /// The number as `i64`, or nothing where it has a fraction or is too large.
    pub fn to_i64(&self) -> Option<i64> {
        self.to_integer().and_then(|wide| i64::try_from(wide).ok())
    }

    /// The number as `u64`, or nothing where it is negative, has a fraction or is too large.
    pub fn to_u64(&self) -> Option<u64> {
        self.to_integer().and_then(|wide| u64::try_from(wide).ok())
    }

    /// The nearest float; infinite where the number is beyond what a float holds.
    pub fn to_f64(&self) -> f64 {
        self.scientific().parse().unwrap_or(f64::NAN)
    }

    /// Whether the number has no fraction.
    pub(crate) fn is_whole(&self) -> bool {
        self.exponent >= 0
    }

    /// The number as a float, where that loses nothing.
    pub(crate) fn to_exact_f64(&self) -> Option<f64> {
        // Outside of these a float is infinite, zero, or has lost digits.
        if self.digits.len() > 800 || self.exponent.abs() > 1_100 {
            return None;
        }
        let float = self.to_f64();
        (Number::from_f64(float).as_ref() == Some(self)).then_some(float)
    }

    fn to_integer(&self) -> Option<i128> {
        if self.exponent < 0 || self.exponent > 38 || self.digits.len() > 39 {
            return None;
        }
        let magnitude: i128 = self.digits.parse().ok()?;
        let magnitude = magnitude.checked_mul(10_i128.checked_pow(u32::try_from(self.exponent).ok()?)?)?;
        Some(if self.negative { -magnitude } else { magnitude })
    }

    fn scientific(&self) -> String {
        format!("{}{}e{}", if self.negative { "-" } else { "" }, self.digits, self.exponent)
    }

    fn canonical(negative: bool, digits: &str, exponent: i64) -> Number {
        let digits = digits.trim_start_matches('0');
        let kept = digits.trim_end_matches('0');
        if kept.is_empty() {
            return Number { negative: false, digits: "0".to_owned(), exponent: 0 };
        }
        let dropped = i64::try_from(digits.len() - kept.len()).unwrap_or(i64::MAX);
        Number { negative, digits: kept.to_owned(), exponent: exponent.saturating_add(dropped) }
    }
}

impl FromStr for Number {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Number, NotANumber> {
        let refuse = || NotANumber { text: text.chars().take(64).collect() };
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            // An i32 is far beyond any number that Terraform can hold.
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| refuse())?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refuse());
        }
        let places = i64::try_from(fraction.len()).map_err(|_| refuse())?;
        Ok(Number::canonical(negative, &digits, i64::from(exponent) - places))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        let point = length.saturating_add(self.exponent);
        if !(-PLAIN_DIGITS_MAX..=PLAIN_DIGITS_MAX).contains(&point) {
            return out.write_str(&self.scientific());
        }
        if self.negative {
            out.write_str("-")?;
        }
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        match usize::try_from(point) {
            Ok(_) if self.exponent >= 0 => write!(out, "{}{}", self.digits, zeros(self.exponent)),
            Ok(point) if point > 0 => write!(out, "{}.{}", &self.digits[..point], &self.digits[point..]),
            _ => write!(out, "0.{}{}", zeros(-point), self.digits),
        }
    }
}

macro_rules! from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Number {
            fn from(integer: $integer) -> Number {
                let text = integer.to_string();
                let (negative, digits) = match text.strip_prefix('-') {
                    Some(digits) => (true, digits),
                    None => (false, text.as_str()),
                };
                Number::canonical(negative, digits, 0)
            }
        }
    )*};
}
from_integer!(i32, u32, i64, u64, i128, u128);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_change_the_number() {
        for (text, shown) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("0010", "10"),
            ("1.50", "1.5"),
            ("15e-1", "1.5"),
            ("-.5", "-0.5"),
            ("1e3", "1000"),
            ("0.001", "0.001"),
            ("1e400", "1e400"),
            ("18446744073709551616", "18446744073709551616"),
        ] {
            assert_eq!(text.parse::<Number>().unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", "-", ".", "e5", "1e", "NaN", "inf", "0x10", "1_000", "1e99999999999", "١"] {
            assert!(text.parse::<Number>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_float_is_taken_exactly() {
        let tenth = Number::from_f64(0.1).unwrap();
        assert_ne!(tenth, "0.1".parse().unwrap());
        assert_eq!(tenth.to_exact_f64(), Some(0.1));
        assert_eq!("0.1".parse::<Number>().unwrap().to_exact_f64(), None);
        assert_eq!(Number::from_f64(f64::INFINITY), None);
    }

    #[test]
    fn integers_keep_their_width() {
        assert_eq!(Number::from(i64::MIN).to_i64(), Some(i64::MIN));
        assert_eq!(Number::from(u64::MAX).to_u64(), Some(u64::MAX));
        assert_eq!(Number::from(u64::MAX).to_i64(), None);
        assert_eq!("1.5".parse::<Number>().unwrap().to_i64(), None);
    }
}
