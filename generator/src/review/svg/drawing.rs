//! The two panels of one day.

use std::fmt::Write as _;

use tenancy::quantity::Mib;

use super::{COLOURS, Width, letters, short, tenants};
use crate::fit::Verdict;
use crate::review::look::signed;
use crate::review::markup::escaped;
use crate::review::model::{CardFacts, CardReview, DayReview, Side, Span};

const PANEL: f64 = 150.0;
const TITLE: f64 = 28.0;
const AXIS: f64 = 22.0;
/// Half of the last hour stands beyond the edge.
const MARGIN_RIGHT: f64 = 20.0;

/// A tenant's block as far as nothing about it changes.
#[derive(Debug, Clone, Copy)]
struct Run {
    from: u32,
    to: u32,
    bottom: f64,
    peak: f64,
    /// It stands within the frame of what does not fit, which would cross its name.
    framed: bool,
}

impl Run {
    fn goes_on_as(&self, next: &Self) -> bool {
        self.to == next.from && self.framed == next.framed && (self.bottom - next.bottom).abs() < 0.5
    }
}

pub(super) struct Drawing<'c> {
    card: &'c CardReview,
    day: &'c DayReview,
    width: Width,
    id: String,
    tenants: Vec<&'c str>,
    /// MiB at the upper edge of a panel.
    top_mib: f64,
    left: f64,
}

impl<'c> Drawing<'c> {
    pub(super) fn of(card: &'c CardReview, day: &'c DayReview, width: Width, id: String) -> Self {
        let sides = [(card.before.as_ref(), false), (card.after.as_ref(), true)];
        let mut top_mib: f64 = 1.0;
        for (facts, after) in sides {
            let size = facts.and_then(|facts| facts.memory_mib).unwrap_or_default();
            let highest = day.spans.iter().map(|span| {
                let side = if after { &span.after } else { &span.before };
                kept(facts) + side.tenants.values().sum::<u64>() + side.headroom_mib
            });
            top_mib = top_mib.max(mib(size.max(highest.max().unwrap_or_default())));
        }
        let left = match width {
            Width::Wide => 62.0,
            Width::Narrow => 46.0,
        };
        Self { card, day, width, id, tenants: tenants(card), top_mib: top_mib * 1.04, left }
    }

    pub(super) fn height(&self) -> f64 {
        2.0 * (TITLE + PANEL) + AXIS + 6.0
    }

    fn x(&self, minute: u32) -> f64 {
        let room = self.width.pixels() - self.left - MARGIN_RIGHT;
        self.left + room * f64::from(minute) / f64::from(self.day.minutes.max(1))
    }

    fn y(&self, amount_mib: f64) -> f64 {
        PANEL * (1.0 - amount_mib / self.top_mib)
    }

    pub(super) fn content(&self) -> String {
        let id = &self.id;
        let mut out = format!(
            "<defs><pattern id=\"{id}h\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern>\
             <pattern id=\"{id}g\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(-45)\"><line class=\"growth\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"7\"/></pattern></defs>\n"
        );
        let panels =
            [("Before", self.card.before.as_ref(), false), ("After", self.card.after.as_ref(), true)];
        for (index, (title, facts, after)) in panels.into_iter().enumerate() {
            let top = (TITLE + PANEL) * if index == 0 { 0.0 } else { 1.0 };
            let _ = writeln!(out, "<g transform=\"translate(0 {top})\">");
            let _ = writeln!(out, "<text class=\"title\" x=\"{}\" y=\"21\">{title}</text>", self.left);
            let _ = writeln!(out, "<g transform=\"translate(0 {TITLE})\">");
            self.panel(&mut out, facts, after);
            out.push_str("</g>\n</g>\n");
        }
        self.hours(&mut out);
        out
    }

    fn panel(&self, out: &mut String, facts: Option<&CardFacts>, after: bool) {
        let (from, to) = (self.x(0), self.x(self.day.minutes));
        let _ = writeln!(
            out,
            "<rect class=\"panel\" x=\"{from:.1}\" y=\"0\" width=\"{:.1}\" height=\"{PANEL}\"/>",
            to - from
        );
        if facts.is_none() && !self.anybody(after) {
            let nothing = if after { "the card is gone" } else { "the card is new" };
            self.words(out, "note", (from + to) / 2.0, PANEL / 2.0, nothing, "middle");
            return;
        }
        let mut base = 0.0;
        let reserved = facts.and_then(|facts| facts.reserved_mib).unwrap_or_default();
        base = self.always(out, "driver", base, mib(reserved), "");
        for (name, resident) in facts.iter().flat_map(|facts| &facts.residents) {
            if resident.protected {
                let peak = resident.peak_mib.unwrap_or_default();
                base = self.always(out, "resident", base, mib(peak), &format!("{name}, always kept"));
            }
        }
        // Words stand above all lines.
        let mut words = String::new();
        for span in &self.day.spans {
            self.span(out, &mut words, span, after, base, facts);
        }
        self.growth(out, &mut words, facts);
        self.size(out, facts);
        self.labels(out, after, base);
        out.push_str(&words);
    }

    fn anybody(&self, after: bool) -> bool {
        self.day.spans.iter().any(|span| !side(span, after).tenants.is_empty())
    }

    /// A block that is there all day. Answers what the next one stands on.
    fn always(&self, out: &mut String, class: &str, base: f64, amount: f64, label: &str) -> f64 {
        if amount <= 0.0 {
            return base;
        }
        let (x, width) = (self.x(0), self.x(self.day.minutes) - self.x(0));
        let (y, height) = (self.y(base + amount), self.y(base) - self.y(base + amount));
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        );
        if height > 14.0 && !label.is_empty() {
            self.words(out, "in", x + 6.0, y + height / 2.0 + 4.0, label, "start");
        }
        base + amount
    }

    fn span(
        &self,
        out: &mut String,
        words: &mut String,
        span: &Span,
        after: bool,
        base: f64,
        facts: Option<&CardFacts>,
    ) {
        let (side, foot) = (side(span, after), self.y(base));
        if side.tenants.is_empty() {
            return;
        }
        let (x, width) = (self.x(span.from_minute), self.x(span.to_minute) - self.x(span.from_minute));
        let mut base = base;
        for (colour, tenant) in self.tenants.iter().enumerate() {
            let Some(peak) = side.tenants.get(*tenant) else { continue };
            let (y, height) = (self.y(base + mib(*peak)), self.y(base) - self.y(base + mib(*peak)));
            let _ = writeln!(
                out,
                "<rect class=\"t{}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
                colour % COLOURS
            );
            base += mib(*peak);
        }
        let top = base + mib(side.headroom_mib);
        let (y, height) = (self.y(top), self.y(base) - self.y(top));
        let _ = writeln!(
            out,
            "<rect fill=\"url(#{}h)\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
            self.id
        );
        let size = facts.and_then(|facts| facts.memory_mib).map(mib);
        if let Some(size) = size.filter(|size| top > *size) {
            let (y, height) = (self.y(top), self.y(size) - self.y(top));
            let _ = writeln!(
                out,
                "<rect class=\"over\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>\n\
                 <rect class=\"misfit\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
                foot - y
            );
            let short =
                i64::try_from(side.headroom_mib).unwrap_or(i64::MAX) - side.left_mib.unwrap_or_default();
            let short = format!("{} short", signed(short));
            let end = x + width + 5.0;
            let last = self.x(self.day.minutes);
            // Below the line that it is about, which would run through it. What is short all day has no room at
            // either side, and says so beside the panel's title.
            let below = self.y(size) + 14.0;
            let (at, y, anchor) = if end + letters(&short) < last {
                (end, below, "start")
            } else if x - 5.0 - letters(&short) > self.left {
                (x - 5.0, below, "end")
            } else {
                (last, -7.0, "end")
            };
            self.words(words, "short", at, y, &short, anchor);
        }
    }

    /// Each tenant's name once, in its longest block, where it has room.
    fn labels(&self, out: &mut String, after: bool, base: f64) {
        for tenant in &self.tenants {
            let mut best: Option<Run> = None;
            let mut run: Option<Run> = None;
            for span in &self.day.spans {
                let side = side(span, after);
                let below: u64 = self
                    .tenants
                    .iter()
                    .take_while(|other| *other != tenant)
                    .filter_map(|other| side.tenants.get(*other))
                    .sum();
                run = side.tenants.get(*tenant).map(|peak| {
                    let here = Run {
                        from: span.from_minute,
                        to: span.to_minute,
                        bottom: base + mib(below),
                        peak: mib(*peak),
                        framed: side.verdict == Verdict::Refuses,
                    };
                    match run.filter(|run| run.goes_on_as(&here)) {
                        Some(run) => Run { from: run.from, ..here },
                        None => here,
                    }
                });
                if let Some(run) = run
                    && best.is_none_or(|best| run.to - run.from > best.to - best.from)
                {
                    best = Some(run);
                }
            }
            let Some(Run { from, to, bottom, peak, .. }) = best else { continue };
            let (x, width) = (self.x(from), self.x(to) - self.x(from));
            let height = self.y(bottom) - self.y(bottom + peak);
            let name = short(tenant, &self.tenants);
            if width > letters(name) + 6.0 && height > 13.0 {
                let middle = self.y(bottom + peak) + height / 2.0 + 4.0;
                self.words(out, "in", x + width / 2.0, middle, name, "middle");
            }
        }
    }

    /// What residents that are not protected may yet take hangs from above.
    fn growth(&self, out: &mut String, words: &mut String, facts: Option<&CardFacts>) {
        let Some(size) = facts.and_then(|facts| facts.memory_mib).map(mib) else { return };
        let mut top = size;
        for (name, resident) in facts.iter().flat_map(|facts| &facts.residents) {
            let Some(peak) = resident.peak_mib.filter(|_| !resident.protected) else { continue };
            let (x, width) = (self.x(0), self.x(self.day.minutes) - self.x(0));
            let (y, height) = (self.y(top), self.y(top - mib(peak)) - self.y(top));
            let _ = writeln!(
                out,
                "<rect class=\"grown\" fill=\"url(#{}g)\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
                self.id
            );
            if height > 13.0 {
                let told = match self.width {
                    Width::Wide => format!("{name} may grow to this"),
                    Width::Narrow => format!("{name} may grow"),
                };
                self.words(words, "free", x + width - 6.0, y + 13.0, &told, "end");
            }
            top -= mib(peak);
        }
    }

    /// The line that nothing may rise above.
    fn size(&self, out: &mut String, facts: Option<&CardFacts>) {
        let (from, to) = (self.x(0), self.x(self.day.minutes));
        let _ = writeln!(
            out,
            "<line class=\"ground\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{PANEL}\" y2=\"{PANEL}\"/>"
        );
        match facts.and_then(|facts| facts.memory_mib) {
            Some(memory) => {
                let y = self.y(mib(memory));
                let _ = writeln!(
                    out,
                    "<line class=\"size\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
                );
                let number = Mib(memory).to_string();
                let number = number.trim_end_matches(" MiB");
                self.words(out, "scale", from - 5.0, y + 4.0, number, "end");
                self.words(out, "scale", from - 5.0, y + 17.0, "MiB", "end");
            }
            None => self.words(out, "scale", from - 5.0, 12.0, "size?", "end"),
        }
    }

    fn hours(&self, out: &mut String) {
        let y = 2.0 * (TITLE + PANEL) + 15.0;
        let mut hour = 0;
        while hour * 60 <= self.day.minutes {
            let x = self.x(hour * 60);
            for top in [TITLE, 2.0 * TITLE + PANEL] {
                let _ = writeln!(
                    out,
                    "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{}\"/>",
                    top + PANEL
                );
            }
            self.words(out, "scale", x, y, &self.hour(hour), "middle");
            hour += self.width.hours_between_ticks();
        }
    }

    /// The time of day so many hours after midnight, which is another where clocks change.
    fn hour(&self, hour: u32) -> String {
        let minute = hour * 60;
        let span = self.day.spans.iter().find(|span| span.from_minute <= minute && minute < span.to_minute);
        let plain = format!("{hour:02}:00");
        if self.day.minutes == 1440 {
            return plain;
        }
        let from = span.and_then(|span| {
            let (hours, minutes) = span.from.split_once(':')?;
            let began: u32 = hours.parse::<u32>().ok()? * 60 + minutes.parse::<u32>().ok()?;
            let now = began + minute - span.from_minute;
            Some(format!("{:02}:{:02}", now / 60, now % 60))
        });
        from.unwrap_or(plain)
    }

    fn words(&self, out: &mut String, class: &str, x: f64, y: f64, words: &str, anchor: &str) {
        let _ = writeln!(
            out,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            escaped(words)
        );
    }
}

fn side(span: &Span, after: bool) -> &Side {
    if after { &span.after } else { &span.before }
}

/// What is always kept: the driver's part and protected residents.
fn kept(facts: Option<&CardFacts>) -> u64 {
    facts.map_or(0, |facts| {
        let residents = facts.residents.values().filter(|resident| resident.protected);
        facts.reserved_mib.unwrap_or_default() + residents.filter_map(|it| it.peak_mib).sum::<u64>()
    })
}

/// MiB as a length. A card of 2^32 MiB is beyond any.
fn mib(amount: u64) -> f64 {
    f64::from(u32::try_from(amount).unwrap_or(u32::MAX))
}
