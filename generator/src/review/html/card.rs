//! A card's days as pictures and tables.

use std::fmt::Write as _;

use super::list;
use crate::fit::Verdict;
use crate::review::look::clock_change;
use crate::review::markup::escaped;
use crate::review::model::{CardReview, ClaimFacts, DayReview, Review, Side};
use crate::review::svg::{self, COLOURS, Width};
use crate::review::text;

pub(super) fn cards(review: &Review) -> String {
    review.cards.iter().enumerate().map(|(index, it)| card(it, index)).collect()
}

fn card(card: &CardReview, index: usize) -> String {
    let mut out = format!(
        "<article class=\"card\">\n<h3>Card <code>{}</code></h3>\n<p class=\"soft\">{}</p>\n",
        escaped(&card.card),
        escaped(&text::size(card))
    );
    if text::size_is_missing(card) {
        let _ = writeln!(out, "<p>{}</p>", escaped(text::SIZE_MISSING));
    }
    let tenants = svg::tenants(card);
    for (number, day) in card.days.iter().enumerate() {
        let id = format!("c{index}d{number}");
        let length = match day.minutes {
            1440 => String::new(),
            minutes => format!(", {} hours long", f64::from(minutes) / 60.0),
        };
        let _ = writeln!(
            out,
            "<h4>{} <small>{}{length}</small></h4>\n<figure>\n{}{}{}</figure>",
            escaped(&text::days(&day.days)),
            day.date,
            svg::day(card, day, Width::Wide, &id),
            svg::day(card, day, Width::Narrow, &id),
            legend(card, &tenants)
        );
        let table = day_table(card, day, &tenants);
        // The first is the usual day; the others are read where they matter.
        let _ = match number {
            0 => write!(out, "{table}"),
            _ => writeln!(
                out,
                "<details><summary>{} in figures</summary>\n{table}</details>",
                escaped(&text::days(&day.days))
            ),
        };
    }
    let parted: Vec<String> = card
        .overlaps
        .iter()
        .filter(|overlap| !overlap.new)
        .map(|overlap| {
            format!("{} and {} no longer meet ({}).", overlap.tenants[0], overlap.tenants[1], overlap.when)
        })
        .collect();
    let clocks = card.clock_changes.iter().map(clock_change);
    let told = list("ul", parted.into_iter().chain(clocks).map(|it| escaped(&it)));
    let _ = writeln!(
        out,
        "<details><summary>Claims, residents and clocks</summary>\n{}{told}</details>\n</article>",
        claims(card)
    );
    out
}

fn legend(card: &CardReview, tenants: &[&str]) -> String {
    let facts = card.after.as_ref().or(card.before.as_ref());
    let mut items: Vec<String> = tenants
        .iter()
        .enumerate()
        .map(|(colour, tenant)| format!("<li>{}{}</li>", dot(colour), escaped(tenant)))
        .collect();
    items.push("<li><i class=\"sw hatched\"></i>must stay free</li>".to_owned());
    let residents = facts.into_iter().flat_map(|facts| facts.residents.values());
    let (mut protected, mut growing) = (false, false);
    for resident in residents {
        protected |= resident.protected;
        growing |= !resident.protected && resident.peak_mib.is_some();
    }
    if protected {
        items.push("<li><i class=\"sw kept\"></i>protected resident</li>".to_owned());
    }
    if growing {
        items.push("<li><i class=\"sw growing\"></i>resident that may grow</li>".to_owned());
    }
    if facts.is_some_and(|facts| facts.reserved_mib.is_some()) {
        items.push("<li><i class=\"sw driver\"></i>driver</li>".to_owned());
    }
    format!("<figcaption><ul class=\"legend\">{}</ul></figcaption>\n", items.join(""))
}

fn dot(colour: usize) -> String {
    format!("<i class=\"sw c{}\"></i>", colour % COLOURS)
}

fn day_table(card: &CardReview, day: &DayReview, tenants: &[&str]) -> String {
    let mut out = String::from(
        "<table class=\"hours\">\n<thead><tr><th scope=\"col\">Hours</th><th scope=\"col\">Before</th>\
         <th scope=\"col\">After</th></tr></thead>\n<tbody>\n",
    );
    for span in &day.spans {
        let same = span.before == span.after;
        let class = match span.after.verdict {
            Verdict::Refuses => " class=\"misfit\"",
            _ if same => " class=\"same\"",
            _ => "",
        };
        let before = match &card.before {
            None => "–".to_owned(),
            Some(_) => side(&span.before, tenants),
        };
        let after = match &card.after {
            None if card.before.is_some() => "–".to_owned(),
            _ if same => "the same".to_owned(),
            _ => side(&span.after, tenants),
        };
        let _ = writeln!(
            out,
            "<tr{class}><th scope=\"row\">{}–{}</th><td>{before}</td><td>{after}</td></tr>",
            span.from, span.to
        );
    }
    out.push_str("</tbody>\n</table>\n");
    out
}

fn side(side: &Side, tenants: &[&str]) -> String {
    let mut out = String::new();
    for (colour, tenant) in tenants.iter().enumerate() {
        if let Some(peak) = side.tenants.get(*tenant) {
            let _ = write!(
                out,
                "<span class=\"who\">{}{} <b>{}</b></span>",
                dot(colour),
                escaped(svg::short(tenant, tenants)),
                text::number(*peak)
            );
        }
    }
    if out.is_empty() {
        out.push_str("<span class=\"who soft\">nobody</span>");
    }
    let _ = write!(out, "<span class=\"left\">{} left", text::amount(side.left_mib));
    if side.headroom_mib > 0 {
        let _ = write!(out, ", {} must stay", text::number(side.headroom_mib));
    }
    out.push_str("</span>");
    if let Some(words) = text::verdict(side).filter(|_| side.verdict != Verdict::Fits) {
        let class = if side.verdict == Verdict::Refuses { "bad" } else { "note" };
        let _ = write!(out, "<span class=\"tag {class}\">{}</span>", escaped(&words));
    }
    out
}

fn claims(card: &CardReview) -> String {
    let mut rows = String::new();
    for claim in &card.claims {
        match (&claim.before, &claim.after) {
            (Some(before), Some(after)) if before == after => claim_row(&mut rows, &claim.tenant, "", after),
            (before, after) => {
                if let Some(before) = before {
                    claim_row(
                        &mut rows,
                        &claim.tenant,
                        if after.is_some() { "before" } else { "goes" },
                        before,
                    );
                }
                if let Some(after) = after {
                    claim_row(
                        &mut rows,
                        &claim.tenant,
                        if before.is_some() { "after" } else { "new" },
                        after,
                    );
                }
            }
        }
    }
    if let Some(facts) = card.after.as_ref().or(card.before.as_ref()) {
        for (name, resident) in &facts.residents {
            let peak = resident.peak_mib.map_or("not declared".to_owned(), text::number);
            let kind = if resident.protected { "always kept for it" } else { "may grow to it at any time" };
            let _ = writeln!(
                rows,
                "<tr><th scope=\"row\">{} <small>resident</small></th><td>{peak}</td><td>–</td><td>–</td><td>{kind}</td></tr>",
                escaped(name)
            );
        }
    }
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Claims on {}\"><table>\n<thead><tr>\
         <th scope=\"col\">Who</th><th scope=\"col\">Peak, MiB</th><th scope=\"col\">Headroom</th>\
         <th scope=\"col\">Floor</th><th scope=\"col\">When</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n",
        escaped(&card.card)
    )
}

fn claim_row(out: &mut String, who: &str, state: &str, claim: &ClaimFacts) {
    let basis = match &claim.measured {
        Some(source) => format!("<small title=\"{}\">measured</small>", escaped(source)),
        None => "<small>a guess</small>".to_owned(),
    };
    let _ = writeln!(
        out,
        "<tr><th scope=\"row\">{} <small>{state}</small></th><td>{} {basis}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        escaped(who),
        text::number(claim.peak_mib),
        text::number(claim.headroom_mib),
        text::number(claim.floor_mib),
        escaped(&claim.schedule)
    );
}
