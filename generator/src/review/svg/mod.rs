//! A card's day as a picture: who holds what of it, before and after.
//!
//! Blocks stand on what is always kept (the driver, protected residents); the
//! hatched block above them is the headroom, which must stay below the line of
//! the card's size. Residents that may grow hang down from that line. What
//! rises above it does not fit.

mod drawing;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use drawing::Drawing;

use super::markup::escaped;
use super::model::{CardReview, DayReview, Review};
use crate::fit::Verdict;

/// How wide the picture is; letters stay as large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// For a desk.
    Wide,
    /// For a phone.
    Narrow,
}

/// Colours by class, light and dark. A picture within a page takes the page's.
pub const STYLE: &str = include_str!("../../../../templates/review/picture.css");

/// How many colours there are for tenants.
pub(super) const COLOURS: usize = 8;

/// Of a letter of the 12-pixel font, on average and rounded up.
const LETTER: f64 = 6.8;

impl Width {
    fn pixels(self) -> f64 {
        match self {
            Width::Wide => 860.0,
            Width::Narrow => 356.0,
        }
    }

    fn hours_between_ticks(self) -> u32 {
        match self {
            Width::Wide => 2,
            Width::Narrow => 6,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Width::Wide => "wide",
            Width::Narrow => "narrow",
        }
    }
}

/// All days of all cards in one picture of its own, with a legend.
pub fn render(review: &Review) -> String {
    let mut body = String::new();
    let mut top = 0.0;
    let width = Width::Wide.pixels();
    for (card_index, card) in review.cards.iter().enumerate() {
        for (day_index, day) in card.days.iter().enumerate() {
            let drawing = Drawing::of(card, day, Width::Wide, format!("c{card_index}d{day_index}"));
            let _ = writeln!(body, "<g transform=\"translate(0 {top})\">");
            let _ = writeln!(
                body,
                "<text class=\"head\" x=\"2\" y=\"18\">Card {}, {} ({}, {})</text>",
                escaped(&card.card),
                escaped(&day.days),
                day.date,
                escaped(&card.time_zone)
            );
            let _ = write!(body, "<g transform=\"translate(0 30)\">{}</g>", drawing.content());
            let legend_top = 30.0 + drawing.height();
            let (legend, legend_height) = legend(card, width);
            let _ = write!(body, "<g transform=\"translate(0 {legend_top})\">{legend}</g>\n</g>\n");
            top += legend_top + legend_height + 24.0;
        }
    }
    if review.cards.is_empty() {
        body.push_str("<text class=\"head\" x=\"2\" y=\"18\">On no card does anything change.</text>\n");
        top = 30.0;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {top}\" width=\"{width}\" height=\"{top}\" \
         role=\"img\" class=\"alone\">\n<title>Cards before and after</title>\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{top}\"/>\n{body}</svg>\n"
    )
}

/// One day for a page, which gives the style and the legend.
pub(super) fn day(card: &CardReview, day: &DayReview, width: Width, id: &str) -> String {
    let id = format!("{id}{}", width.name());
    let drawing = Drawing::of(card, day, width, id.clone());
    format!(
        "<svg class=\"day {}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{id}t\">\n\
         <title id=\"{id}t\">{}</title>\n{}</svg>\n",
        width.name(),
        width.pixels(),
        drawing.height(),
        escaped(&in_words(card, day)),
        drawing.content()
    )
}

/// The picture for those who do not see it; the table beside it has the figures.
fn in_words(card: &CardReview, day: &DayReview) -> String {
    let misfits: Vec<String> = day
        .spans
        .iter()
        .filter(|span| span.after.verdict == Verdict::Refuses)
        .map(|span| format!("{} to {}", span.from, span.to))
        .collect();
    let fits = match misfits.as_slice() {
        [] => "everybody fits after the change".to_owned(),
        some => format!("after the change not everybody fits from {}", some.join(" and from ")),
    };
    format!(
        "Memory of card {} before and after, {}: {fits}. The table below has the figures.",
        card.card, day.days
    )
}

/// The tenants of a card with their colours: those awake for longest first, so
/// that they lie at the bottom and the others do not jump.
pub(super) fn tenants(card: &CardReview) -> Vec<&str> {
    let mut minutes: BTreeMap<&str, u32> = BTreeMap::new();
    for span in card.days.iter().flat_map(|day| &day.spans) {
        for side in [&span.before, &span.after] {
            for tenant in side.tenants.keys() {
                *minutes.entry(tenant).or_default() += span.to_minute - span.from_minute;
            }
        }
    }
    let mut tenants: Vec<(&str, u32)> = minutes.into_iter().collect();
    tenants.sort_by_key(|(name, minutes)| (std::cmp::Reverse(*minutes), *name));
    tenants.into_iter().map(|(name, _)| name).collect()
}

/// A tenant's name without its namespace, where that tells it from the others.
pub(super) fn short<'n>(name: &'n str, all: &[&str]) -> &'n str {
    let last = |name: &'n str| name.rsplit('/').next().unwrap_or(name);
    let alone = all.iter().filter(|other| other.rsplit('/').next() == Some(last(name))).count() < 2;
    if alone { last(name) } else { name }
}

/// The names of the colours, in rows. Answers the height too.
fn legend(card: &CardReview, width: f64) -> (String, f64) {
    let mut out = String::new();
    let (mut x, mut y) = (2.0, 16.0);
    for (colour, tenant) in tenants(card).into_iter().enumerate() {
        let words = escaped(tenant);
        let room = 18.0 + letters(tenant) + 18.0;
        if x + room > width {
            (x, y) = (2.0, y + 20.0);
        }
        let _ = writeln!(
            out,
            "<rect class=\"t{}\" x=\"{x}\" y=\"{}\" width=\"12\" height=\"12\"/><text class=\"scale\" x=\"{}\" y=\"{y}\">{words}</text>",
            colour % COLOURS,
            y - 10.0,
            x + 17.0
        );
        x += room;
    }
    let hatched = "hatched: must stay free";
    if x + letters(hatched) > width {
        (x, y) = (2.0, y + 20.0);
    }
    let _ = writeln!(out, "<text class=\"scale\" x=\"{x}\" y=\"{y}\">{hatched}</text>");
    (out, y + 6.0)
}

/// How wide a text is, nearly.
fn letters(text: &str) -> f64 {
    LETTER * f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX))
}
