//! One loss, card, tenant or resource as markdown.

use std::fmt::Write as _;

use super::escape::{code, line, longest_run, markup, plain};
use crate::fit::Verdict;
use crate::review::look::clock_change;
use crate::review::model::{
    Action, CardReview, ClaimFacts, DayReview, Drift, Field, Loss, ObjectChange, ResourceReview, Shown, Side,
    TenantReview,
};
use crate::review::text;

/// A tenant with more lines than this is cut, so that one of many does not take all the room.
const LINES_PER_TENANT: usize = 120;

pub(super) fn loss(loss: &Loss) -> String {
    let mut out = format!(
        "- **{}** {} of {}: {}\n",
        loss.action.word(),
        code(&loss.address),
        code(&loss.stack),
        plain(&loss.cause)
    );
    for field in &loss.attributes {
        let _ = writeln!(out, "  - {}", change(field));
    }
    for told in &loss.consequences {
        let _ = write!(out, "  - {}", line(told));
    }
    out
}

/// `path`: `before` → `after`.
fn change(field: &Field) -> String {
    match text::wordless(field) {
        Some(words) => format!("{}: {words}", code(&field.path)),
        None => {
            let (before, after) = (text::value(&field.before), text::value(&field.after));
            format!("{}: {} → {}", code(&field.path), code(&before), code(&after))
        }
    }
}

pub(super) fn card(card: &CardReview) -> String {
    let mut out = format!("\n### Card {}\n\n", code(&card.card));
    let _ = writeln!(out, "{}", plain(&text::size(card)));
    for day in &card.days {
        let _ = write!(out, "\n{}", day_table(day, card));
    }
    if text::size_is_missing(card) {
        let _ = write!(out, "\n{}", line(text::SIZE_MISSING));
    }
    for overlap in card.overlaps.iter().filter(|overlap| !overlap.new) {
        let [a, b] = &overlap.tenants;
        let _ = writeln!(out, "\n{} and {} no longer meet ({}).", code(a), code(b), plain(&overlap.when));
    }
    let _ = write!(out, "\n<details><summary>Claims, residents and clocks</summary>\n\n{}", claims(card));
    if !card.clock_changes.is_empty() {
        out.push('\n');
    }
    for change in &card.clock_changes {
        let _ = write!(out, "- {}", line(&clock_change(change)));
    }
    out.push_str("\n</details>\n");
    out
}

fn day_table(day: &DayReview, card: &CardReview) -> String {
    let length = match day.minutes {
        1440 => String::new(),
        minutes => format!(", {} hours long", f64::from(minutes) / 60.0),
    };
    let mut out =
        format!("**{}** ({}{length}, {})\n\n", text::days(&day.days), day.date, plain(&card.time_zone));
    out.push_str("| hours | before: peaks of those awake, MiB | left | after | left | must stay | |\n");
    out.push_str("|-|-|-:|-|-:|-:|-|\n");
    for span in &day.spans {
        let same = span.before.tenants == span.after.tenants && span.before.left_mib == span.after.left_mib;
        let after = if same { "the same".to_owned() } else { awake(&span.after) };
        let _ = writeln!(
            out,
            "| {}–{} | {} | {} | {after} | {} | {} | {} |",
            span.from,
            span.to,
            awake(&span.before),
            if card.before.is_none() { "–".to_owned() } else { text::amount(span.before.left_mib) },
            text::amount(span.after.left_mib),
            if span.after.headroom_mib == 0 {
                "–".to_owned()
            } else {
                text::number(span.after.headroom_mib)
            },
            match text::verdict(&span.after) {
                Some(words) if span.after.verdict == Verdict::Refuses => format!("**{words}**"),
                words => words.unwrap_or_default(),
            }
        );
    }
    out
}

fn awake(side: &Side) -> String {
    if side.tenants.is_empty() {
        return "nobody".to_owned();
    }
    let each: Vec<String> =
        side.tenants.iter().map(|(name, peak)| format!("{} {}", code(name), text::number(*peak))).collect();
    each.join(", ").replace('|', "\\|")
}

fn claims(card: &CardReview) -> String {
    let mut out = String::from("| who | peak, MiB | headroom | floor | when |\n|-|-:|-:|-:|-|\n");
    for claim in &card.claims {
        let who = code(&claim.tenant);
        match (&claim.before, &claim.after) {
            (Some(before), Some(after)) if before == after => claim_row(&mut out, &who, after),
            (before, after) => {
                if let Some(before) = before {
                    claim_row(&mut out, &format!("{who} before"), before);
                }
                if let Some(after) = after {
                    claim_row(&mut out, &format!("**{who} after**"), after);
                }
            }
        }
    }
    if let Some(facts) = card.after.as_ref().or(card.before.as_ref()) {
        for (name, resident) in &facts.residents {
            let peak = resident.peak_mib.map_or("not declared".to_owned(), text::number);
            let kind = if resident.protected { "always kept for it" } else { "may grow to it at any time" };
            let _ = writeln!(out, "| resident {} | {peak} | – | – | {kind} |", code(name));
        }
    }
    out
}

fn claim_row(out: &mut String, who: &str, claim: &ClaimFacts) {
    let basis = match &claim.measured {
        Some(_) => "measured",
        None => "a guess",
    };
    let _ = writeln!(
        out,
        "| {who} | {} ({basis}) | {} | {} | {} |",
        text::number(claim.peak_mib),
        text::number(claim.headroom_mib),
        text::number(claim.floor_mib),
        plain(&claim.schedule)
    );
}

pub(super) fn tenant(tenant: &TenantReview) -> String {
    let mut out = format!(
        "<details><summary>{} <code>{}</code>{}</summary>\n\n",
        text::sign(tenant.action),
        markup(&tenant.tenant),
        match &tenant.restart {
            Some(restart) if restart.certain => ": restarts",
            Some(_) => ": restarts if awake",
            None => "",
        }
    );
    match (&tenant.before, &tenant.after) {
        (Some(before), Some(after)) if before != after => {
            let _ = writeln!(out, "- Before: {}- After: {}", line(before), line(after));
        }
        (before, after) => {
            if let Some(text) = after.as_ref().or(before.as_ref()) {
                let _ = writeln!(out, "{}", line(text));
            }
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for resource in &tenant.resources {
        lines.extend(resource_lines(resource));
    }
    let _ = write!(out, "{}\n</details>\n", diff_block(&lines));
    out
}

pub(super) fn resource(resource: &ResourceReview) -> String {
    let lines = resource_lines(resource);
    format!(
        "<details><summary>{} <code>{}</code> of <code>{}</code></summary>\n\n{}\n</details>\n",
        text::sign(resource.action),
        markup(&resource.address),
        markup(&resource.stack),
        diff_block(&lines)
    )
}

/// A resource in the lines of a diff.
fn resource_lines(resource: &ResourceReview) -> Vec<String> {
    let mut lines = vec![format!("{} {}", mark(resource.action), text::visible(&resource.address))];
    if resource.action == Action::Forget {
        lines.push(format!("! it {}", text::FORGOTTEN));
    }
    lines.extend(resource.fields.iter().flat_map(field_lines));
    let alike = |action: Action| resource.objects.iter().filter(move |it| it.action == action);
    for action in [Action::Delete, Action::Create] {
        let names: Vec<&str> = alike(action).map(|object| object.object.as_str()).collect();
        if !names.is_empty() {
            lines.push(format!("{} {}", mark(action), text::visible(&names.join(", "))));
        }
    }
    lines.extend(alike(Action::Update).flat_map(object_lines));
    if resource.objects_unknown {
        lines.push("! some of its objects are known after apply only".to_owned());
    }
    lines
}

fn object_lines(object: &ObjectChange) -> Vec<String> {
    let mut lines = vec![format!("! {}", text::visible(&object.object))];
    lines.extend(object.fields.iter().flat_map(field_lines));
    lines
}

fn field_lines(field: &Field) -> Vec<String> {
    let path = text::visible(&field.path);
    if let Some(words) = text::wordless(field) {
        return vec![format!("!   {path}: {words}")];
    }
    let line = |sign: char, value: &Shown| match value {
        Shown::Absent => None,
        value => Some(format!("{sign}   {path} = {}", text::value(value))),
    };
    [line('-', &field.before), line('+', &field.after)].into_iter().flatten().collect()
}

/// The sign by which a diff is coloured.
fn mark(action: Action) -> &'static str {
    match action {
        Action::Delete => "-",
        Action::Create => "+",
        _ => "!",
    }
}

fn diff_block(lines: &[String]) -> String {
    let more = lines.len().saturating_sub(LINES_PER_TENANT);
    let shown = &lines[..lines.len() - more];
    let longest = shown.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let mut out = format!("{fence}diff\n{}\n{fence}\n", shown.join("\n"));
    if more > 0 {
        let _ = writeln!(out, "\n*{} more, in the plan itself.*", text::count(more, "line"));
    }
    out
}

pub(super) fn drift(drift: &Drift) -> String {
    let mut lines = Vec::new();
    if drift.gone {
        lines.push(format!("- {} is gone", text::visible(&drift.address)));
    }
    lines.extend(drift.fields.iter().flat_map(field_lines));
    lines.extend(drift.objects.iter().flat_map(|object| match object.action {
        Action::Update => object_lines(object),
        action => vec![format!("{} {}", mark(action), text::visible(&object.object))],
    }));
    let fate = text::fate(drift.put_back);
    format!(
        "<details><summary><code>{}</code> of <code>{}</code>: {fate}</summary>\n\n{}\n</details>\n",
        markup(&drift.address),
        markup(&drift.stack),
        diff_block(&lines)
    )
}
