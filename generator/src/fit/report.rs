//! What `fit` found, for people.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use tenancy::card::model::with_article;
use tenancy::quantity::Mib;
use tenancy::window::Day;

use super::{CardFit, ClockChange, Stretch, Sum, Verdict};

/// The cards as tables, with times in `zone`.
pub fn text(cards: &[CardFit], zone: &TimeZone, zone_name: &str) -> String {
    let mut out = String::new();
    for card in cards {
        heading(&mut out, card, zone_name);
        if card.week.is_empty() && card.only_on.is_empty() {
            let _ = writeln!(out, "  no tenant lives on it");
        }
        for (when, sum) in times(card, zone) {
            stretch(&mut out, &when, sum, card);
        }
        slices(&mut out, card, zone);
        for tenant in &card.suspended {
            let _ = writeln!(out, "  note: {tenant} is suspended and is not counted");
        }
        doubts(&mut out, card);
        for resident in card.may_grow.iter().filter(|(_, peak)| peak.is_none()).map(|(name, _)| name) {
            let _ = writeln!(out, "  note: {resident} has no declared peak and is not counted");
        }
        if card.memory_mib.is_some() && card.reserved_mib.is_none() {
            let _ = writeln!(
                out,
                "  note: the driver keeps some of the memory; give it as `reserved:` of the card"
            );
        }
        if let Some(model) = card.memory_of_model {
            let _ = writeln!(
                out,
                "  note: that is what {} usually has; the node's label nvidia.com/gpu.memory says what this \
                 one has, and `memory:` of the card is where it belongs",
                with_article(model)
            );
        }
        for change in &card.clock_changes {
            clock_change(&mut out, change);
        }
        out.push('\n');
    }
    out
}

/// Only what is refused, of [`text`].
pub fn refusals(cards: &[CardFit], zone: &TimeZone, zone_name: &str) -> String {
    let mut out = String::new();
    for card in cards {
        let refused: Vec<(String, &Sum)> =
            times(card, zone).into_iter().filter(|(_, sum)| sum.verdict == Verdict::Refuses).collect();
        if refused.is_empty() && card.without_slice.is_empty() {
            continue;
        }
        heading(&mut out, card, zone_name);
        for (when, sum) in refused {
            stretch(&mut out, &when, sum, card);
        }
        slices(&mut out, card, zone);
    }
    out
}

fn heading(out: &mut String, card: &CardFit, zone_name: &str) {
    let size = match (card.memory_mib, card.reserved_mib) {
        (Some(size), Some(reserved)) => format!("{}, the driver keeps {}", Mib(size), Mib(reserved)),
        (Some(size), None) => Mib(size).to_string(),
        (None, _) => "size not declared".to_owned(),
    };
    let _ = writeln!(out, "card {} ({size}), times in {zone_name}", card.card);
}

/// When which tenants may be awake, for people.
fn times<'c>(card: &'c CardFit, zone: &TimeZone) -> Vec<(String, &'c Sum)> {
    let of_year = card.only_on.iter().map(|stretch| {
        let from = stretch.from.to_zoned(zone.clone());
        (format!("only from {} {}", from.date(), from.strftime("%H:%M")), &stretch.sum)
    });
    alike(&card.week, zone).into_iter().chain(of_year).collect()
}

fn slices(out: &mut String, card: &CardFit, zone: &TimeZone) {
    for shortage in &card.without_slice {
        let from = shortage.from.to_zoned(zone.clone());
        let tenants: Vec<&str> = shortage.tenants.iter().map(String::as_str).collect();
        let _ = writeln!(
            out,
            "  {} {}: {} want {} slices and the device plugin offers {}: one of them stays Pending",
            Day::of(from.date()).as_str(),
            from.strftime("%H:%M"),
            tenants.join(", "),
            shortage.wanted,
            card.slices.unwrap_or(0),
        );
    }
}

/// A gate with a source that does not tell whose memory is in use owes more than the peaks.
fn doubts(out: &mut String, card: &CardFit) {
    let Some(doubts) = &card.doubts else { return };
    let short: Vec<String> = doubts
        .short_mib
        .iter()
        .map(|(tenant, short)| format!("{tenant}, up to {} short", Mib(*short)))
        .collect();
    let _ = writeln!(
        out,
        "  note: may be refused all the same: {}. {}; without that, a gate keeps the whole peak of whoever is in free, \
         beside what he holds already. Our `exporter` as the source tells it",
        short.join("; "),
        doubts.because,
    );
}

/// Hours of the day at which the same tenants may be awake, and on which days.
struct Row<'s> {
    hours: String,
    days: Vec<Day>,
    sum: &'s Sum,
}

/// Stretches with the same tenants at the same hours, with their days put together.
fn alike<'s>(week: &'s [Stretch], zone: &TimeZone) -> Vec<(String, &'s Sum)> {
    let mut rows: Vec<Row<'s>> = Vec::new();
    for stretch in week {
        let (from, to) = (stretch.from.to_zoned(zone.clone()), stretch.to.to_zoned(zone.clone()));
        let days_apart = from.date().until(to.date()).map_or(0, |apart| apart.get_days());
        if days_apart == 7 && from.time() == to.time() {
            return vec![("at all times".to_owned(), &stretch.sum)];
        }
        let end = match days_apart {
            0 => to.strftime("%H:%M").to_string(),
            // What ends on the morrow at an hour that is yet to come today would read as ending today.
            1 if to.time() < from.time() => to.strftime("%H:%M").to_string(),
            _ => format!("{} {}", Day::of(to.date()).as_str(), to.strftime("%H:%M")),
        };
        let hours = format!("{}-{end}", from.strftime("%H:%M"));
        let day = Day::of(from.date());
        match rows.iter_mut().find(|row| row.hours == hours && row.sum == &stretch.sum) {
            Some(row) => row.days.push(day),
            None => rows.push(Row { hours, days: vec![day], sum: &stretch.sum }),
        }
    }
    for row in &mut rows {
        row.days.sort_unstable();
    }
    // By the days too, so that the order is the same whichever day the week starts on.
    rows.sort_by(|a, b| (&a.hours, &a.days).cmp(&(&b.hours, &b.days)));
    rows.into_iter().map(|row| (format!("{} {}", spelled(row.days), row.hours), row.sum)).collect()
}

/// `daily`, `mon-fri`, `sat,sun` of sorted days.
pub(crate) fn spelled(mut days: Vec<Day>) -> String {
    days.dedup();
    let adjacent = days.windows(2).all(|pair| pair[0].next() == pair[1]);
    match days.as_slice() {
        all if all.len() == 7 => "daily".to_owned(),
        [first, .., last] if adjacent && days.len() > 2 => format!("{}-{}", first.as_str(), last.as_str()),
        some => some.iter().map(|day| day.as_str()).collect::<Vec<_>>().join(","),
    }
}

fn stretch(out: &mut String, when: &str, sum: &Sum, card: &CardFit) {
    let marked = |tenant: &String| {
        let guess = match card.guessed.contains(tenant) {
            true if card.measured_there.contains(tenant) => " (peak guessed until it is measured)",
            true => " (peak guessed)",
            false => "",
        };
        format!("{tenant}{guess}")
    };
    let tenants: Vec<String> = sum.tenants.iter().map(marked).collect();
    let _ = writeln!(out, "  {when}: {}", tenants.join(", "));
    let mut parts = vec![format!("peaks {}", Mib(sum.peaks_mib))];
    if sum.protected_mib > 0 {
        parts.push(format!("protected residents {}", Mib(sum.protected_mib)));
    }
    if let Some(left) = sum.left_mib {
        parts.push(format!("left {}", signed(left)));
    }
    parts.push(format!("headroom {}", Mib(sum.headroom_mib)));
    let _ = writeln!(out, "    {}: {}", parts.join(", "), verdict(sum));
}

fn verdict(sum: &Sum) -> String {
    let needed = i64::try_from(sum.headroom_mib).unwrap_or(i64::MAX);
    let (left, grown) = (sum.left_mib.unwrap_or(0), sum.left_when_grown_mib.unwrap_or(0));
    let short = |amount: i64| Mib(u64::try_from(needed.saturating_sub(amount)).unwrap_or(0));
    match sum.verdict {
        Verdict::Fits => "fits".to_owned(),
        Verdict::MayYield => {
            format!(
                "fits until a resident grows; grown to their peaks {} are missing and a tenant yields",
                short(grown)
            )
        }
        Verdict::ResidentMayFail => format!(
            "fits until a resident grows; residents may grow by {}, {} would be free, so one may run out of memory",
            signed(left.saturating_sub(grown)),
            signed(left)
        ),
        Verdict::Refuses if sum.tenants.len() > 1 => {
            format!("{} short: not all of them can be awake, the last to ask is refused", short(left))
        }
        Verdict::Refuses => format!("{} short: it is never admitted", short(left)),
        Verdict::Unknown => "nobody can say without `memory:` of the card".to_owned(),
    }
}

fn signed(amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{}", Mib(amount.unsigned_abs()))
}

fn clock_change(out: &mut String, change: &ClockChange) {
    let length = |minutes: i64| format!("{}h{:02}", minutes / 60, minutes % 60);
    let usual = length(change.usual_minutes);
    let is = match change.minutes {
        0 => format!("does not open, on other days it lasts {usual}"),
        minutes => format!("lasts {} instead of {usual}", length(minutes)),
    };
    let _ = writeln!(
        out,
        "  note: clocks change in the {} of {} that starts on {}: it {is}",
        change.window, change.tenant, change.date,
    );
}
