//! How figures, moments and spans of time are put into a sentence.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::arithmetic::{Balance, Claim};
use crate::gate::GateConfig;
use crate::quantity::Mib;

/// A moment as people near the card read a clock: `Sun 02:00 GMT`, in the zone
/// of the tenant's first window.
pub(super) fn clock(gate: &GateConfig, at: Timestamp) -> String {
    let zone = gate
        .schedule
        .windows()
        .next()
        .map_or(TimeZone::UTC, |(_, window)| window.time_zone().rules().clone());
    at.to_zoned(zone).strftime("%a %H:%M %Z").to_string()
}

/// A span of time to the precision that matters: `35 s`, `4 min`, `3 h 20 min`.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        ..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `10,814 MiB are free, 5,120 MiB of them owed to llama`.
pub(crate) fn free_and_owed(balance: &Balance, claims: &[Claim], owed: impl Fn(&Claim) -> Mib) -> String {
    let holders: Vec<String> =
        claims.iter().filter(|claim| owed(claim) > Mib(0)).map(|claim| claim.holder.to_string()).collect();
    match holders.as_slice() {
        [] => format!("{} are free", balance.free_mib),
        holders => {
            format!("{} are free, {} owed to {}", balance.free_mib, balance.owed_mib, holders.join(" and "))
        }
    }
}

/// At most `limit` bytes of `text`, cut where a character ends.
pub(super) fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

/// A clause as the beginning of a sentence.
pub(super) fn capital(clause: &str) -> String {
    let mut chars = clause.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + chars.as_str())
}
