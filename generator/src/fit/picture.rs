//! What `fit` found, as a picture: each card's week from left to right, its
//! memory from below to above.
//!
//! On what the driver and protected residents keep stand the peaks of the
//! tenants that may be awake, and on them, hatched, the headroom. What rises
//! above the line of the card's size is what a gate would refuse.

use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use tenancy::quantity::Mib;
use tenancy::window::Day;

use super::{CardFit, Stretch, Verdict};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 12.0;
const PANEL: f64 = 150.0;
const HEAD: f64 = 28.0;
const FOOT: f64 = 22.0;
const LEGEND_LINE: f64 = 20.0;
/// Colours repeat after this many tenants; the titles of the blocks do not.
const COLOURS: usize = 8;

const STYLE: &str = "\
svg{font:12px system-ui,sans-serif;background:#fff}text{fill:#24292f}.size{stroke:#24292f;stroke-width:1.5}\
.grid{stroke:#d0d7de}.kept{fill:#8c959f}.over{fill:none;stroke:#cf222e;stroke-width:2}.headroom{fill:url(#hatch)}\
.hatch{stroke:#57606a}.head{font-weight:600}\
.t0{fill:#0969da}.t1{fill:#1a7f37}.t2{fill:#9a6700}.t3{fill:#8250df}.t4{fill:#bf3989}.t5{fill:#0a7ea4}.t6{fill:#bc4c00}.t7{fill:#57606a}\
@media (prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.size{stroke:#e6edf3}.grid{stroke:#30363d}\
.kept{fill:#6e7681}.over{stroke:#ff7b72}.hatch{stroke:#8b949e}\
.t0{fill:#58a6ff}.t1{fill:#3fb950}.t2{fill:#d29922}.t3{fill:#bc8cff}.t4{fill:#ff7bc3}.t5{fill:#39c5cf}.t6{fill:#f0883e}.t7{fill:#8b949e}}";

/// All cards in one picture, the week beginning with `day` in `zone`.
pub fn svg(cards: &[CardFit], day: Date, zone: &TimeZone, zone_name: &str) -> String {
    let mut body = String::new();
    let mut top = 0.0;
    for card in cards {
        let panel = Panel::of(card, day, zone);
        panel.draw(&mut body, top, zone_name);
        top += panel.height();
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" width=\"{WIDTH}\" height=\"{top}\" \
         role=\"img\" aria-label=\"Who may be awake on which card, over a week\">\n<style>{STYLE}</style>\n\
         <defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern></defs>\n\
         {body}</svg>\n"
    )
}

/// One card's part of the picture.
struct Panel<'c> {
    card: &'c CardFit,
    day: Date,
    zone: &'c TimeZone,
    start: Timestamp,
    seconds: f64,
    /// MiB at the upper edge.
    most: f64,
}

impl<'c> Panel<'c> {
    fn of(card: &'c CardFit, day: Date, zone: &'c TimeZone) -> Self {
        let instant = |date: Date| {
            date.to_zoned(zone.clone()).map_or(Timestamp::UNIX_EPOCH, |midnight| midnight.timestamp())
        };
        let (start, end) = (instant(day), instant(day.saturating_add(Span::new().days(7))));
        let below = card.reserved_mib.unwrap_or(0);
        let highest = card.week.iter().map(|stretch| {
            below + stretch.sum.protected_mib + stretch.sum.peaks_mib + stretch.sum.headroom_mib
        });
        let most = highest.chain(card.memory_mib).max().unwrap_or(1).max(1);
        Self {
            card,
            day,
            zone,
            start,
            seconds: seconds_between(start, end).max(1.0),
            most: amount(most) * 1.05,
        }
    }

    fn height(&self) -> f64 {
        let lines = amount(u64::try_from(self.card.peaks_mib.len().div_ceil(4).max(1)).unwrap_or(1));
        HEAD + PANEL + FOOT + lines * LEGEND_LINE + 12.0
    }

    fn x(&self, moment: Timestamp) -> f64 {
        let share = seconds_between(self.start, moment) / self.seconds;
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, mib: f64) -> f64 {
        HEAD + PANEL * (1.0 - mib / self.most)
    }

    fn draw(&self, out: &mut String, top: f64, zone_name: &str) {
        let card = self.card;
        let size = card.memory_mib.map_or("size not declared".to_owned(), |size| Mib(size).to_string());
        let _ = writeln!(out, "<g transform=\"translate(0 {top})\">");
        let _ = writeln!(
            out,
            "<text class=\"head\" x=\"2\" y=\"18\">{} ({size}), times in {}</text>",
            escaped(card.card.as_str()),
            escaped(zone_name)
        );
        self.days(out);
        for stretch in &card.week {
            self.stretch(out, stretch);
            // What goes on when the week ends is one stretch with what it begins with.
            let week = Span::new().hours(7 * 24);
            if self.x(stretch.to) >= WIDTH - RIGHT && seconds_between(self.start, stretch.to) > self.seconds {
                let earlier = Stretch {
                    from: self.start,
                    to: stretch.to.checked_sub(week).unwrap_or(stretch.to),
                    sum: stretch.sum.clone(),
                };
                self.stretch(out, &earlier);
            }
        }
        if let Some(memory) = card.memory_mib {
            let y = self.y(amount(memory));
            let _ = writeln!(
                out,
                "<line class=\"size\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 4.0,
                y + 4.0,
                Mib(memory)
            );
        }
        self.legend(out);
        out.push_str("</g>\n");
    }

    fn days(&self, out: &mut String) {
        for offset in 0..=7 {
            let date = self.day.saturating_add(Span::new().days(offset));
            let Ok(midnight) = date.to_zoned(self.zone.clone()) else { continue };
            let x = self.x(midnight.timestamp());
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{HEAD}\" y2=\"{:.1}\"/>",
                HEAD + PANEL
            );
            if offset < 7 {
                let _ = writeln!(
                    out,
                    "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                    x + 4.0,
                    HEAD + PANEL + 15.0,
                    Day::of(date).as_str()
                );
            }
        }
    }

    fn stretch(&self, out: &mut String, stretch: &Stretch) {
        let sum = &stretch.sum;
        let (left, right) = (self.x(stretch.from), self.x(stretch.to));
        if right <= left {
            return;
        }
        let mut level = 0.0;
        let mut block = |class: &str, mib: u64, title: &str| {
            if mib == 0 {
                return;
            }
            let (upper, lower) = (self.y(level + amount(mib)), self.y(level));
            let _ = writeln!(
                out,
                "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{upper:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
                 <title>{}</title></rect>",
                right - left,
                lower - upper,
                escaped(title)
            );
            level += amount(mib);
        };
        let reserved = self.card.reserved_mib.unwrap_or(0);
        block("kept", reserved, &format!("the driver keeps {}", Mib(reserved)));
        block("kept", sum.protected_mib, &format!("protected residents {}", Mib(sum.protected_mib)));
        for (index, (tenant, peak)) in self.card.peaks_mib.iter().enumerate() {
            if sum.tenants.contains(tenant) {
                let guess = if self.card.guessed.contains(tenant) { ", a guess" } else { "" };
                block(&format!("t{}", index % COLOURS), *peak, &format!("{tenant} {}{guess}", Mib(*peak)));
            }
        }
        block("headroom", sum.headroom_mib, &format!("headroom {}", Mib(sum.headroom_mib)));
        if sum.verdict == Verdict::Refuses {
            let upper = self.y(level);
            let _ = writeln!(
                out,
                "<rect class=\"over\" x=\"{left:.1}\" y=\"{upper:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
                 <title>this does not fit</title></rect>",
                right - left,
                self.y(0.0) - upper
            );
        }
    }

    fn legend(&self, out: &mut String) {
        for (index, (tenant, peak)) in self.card.peaks_mib.iter().enumerate() {
            let column = u32::try_from(index % 4).map_or(0.0, f64::from);
            let line = u32::try_from(index / 4).map_or(0.0, f64::from);
            let (x, y) = (LEFT + column * 190.0, HEAD + PANEL + FOOT + 14.0 + line * LEGEND_LINE);
            let _ = writeln!(
                out,
                "<rect class=\"t{}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\"/>\
                 <text x=\"{:.1}\" y=\"{y:.1}\">{} {}</text>",
                index % COLOURS,
                y - 9.0,
                x + 15.0,
                escaped(tenant),
                Mib(*peak)
            );
        }
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    // A picture of weeks needs no more than a double holds.
    (to.duration_since(from)).as_secs_f64()
}

/// MiB as a length; what a double cannot hold no card has.
fn amount(mib: u64) -> f64 {
    u32::try_from(mib).map_or(f64::from(u32::MAX), f64::from)
}

/// Text in which nothing is markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
