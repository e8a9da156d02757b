//! The review as markdown, within what a comment may hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::look::clock_change;
use super::model::{
    Action, CardReview, ClaimFacts, DayReview, Drift, Field, Loss, ObjectChange, Remark, RemarkKind,
    ResourceReview, Review, Shown, Side, Step, TenantReview,
};
use super::text;
use crate::fit::Verdict;

/// What GitHub takes as a comment, in characters. Counted in bytes here, which are never fewer.
pub const COMMENT_LIMIT: usize = 65_535;

/// A tenant with more lines than this is cut, so that one of many does not take all the room.
const LINES_PER_TENANT: usize = 120;

/// Kept free for the title, the notices of sections that are cut, and the last line.
const RESERVE: usize = 3_000;

/// One part of the page.
struct Section {
    heading: String,
    /// Stands above the items, such as the head of a table.
    intro: String,
    items: Vec<String>,
    /// What one item is, for the notice of those left out.
    noun: &'static str,
    /// Nothing of it may be left out.
    whole: bool,
}

impl Section {
    fn new(heading: &str, noun: &'static str, items: Vec<String>) -> Self {
        Self { heading: heading.to_owned(), intro: String::new(), items, noun, whole: false }
    }

    fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    fn len(&self) -> usize {
        self.intro.len() + self.items.iter().map(String::len).sum::<usize>()
    }
}

/// The page in at most `limit` bytes. `link` leads to the whole page, for what is left out.
pub fn render(review: &Review, limit: usize, link: Option<&str>) -> String {
    let head = head(review);
    let room = limit.saturating_sub(head.len() + RESERVE);
    let mut sections = vec![
        Section::new("Look at", "remark", look(review)),
        losses(review, room),
        Section::new("Could not be planned", "stack", unplanned(review)),
        Section::new("", "card", review.cards.iter().map(card).collect()),
        Section::new(
            "What an apply will not do",
            "point",
            review.will_not.iter().map(|it| bullet(it)).collect(),
        ),
        Section::new("How to roll back", "step", numbered(&review.rollback)),
        Section::new("Tenants", "tenant", review.tenants.iter().map(tenant).collect()),
        Section::new("Other resources", "resource", review.others.iter().map(resource).collect()),
        Section::new("Changed outside of Terraform", "resource", review.drift.iter().map(drift).collect()),
        Section::new("Good to know", "remark", notes(review)),
    ];
    sections.retain(|section| !section.items.is_empty());
    let whole: usize = sections.iter().filter(|section| section.whole).map(Section::len).sum();
    let mut left = room.saturating_sub(whole);
    let mut out = head;
    for section in &sections {
        let before = out.len();
        put(&mut out, section, left, link);
        if !section.whole {
            left = left.saturating_sub(out.len() - before);
        }
    }
    out
}

/// Writes as much of a section as there is room for, and says what is left out.
fn put(out: &mut String, section: &Section, room: usize, link: Option<&str>) {
    if !section.heading.is_empty() {
        let _ = writeln!(out, "\n### {}\n", section.heading);
    }
    out.push_str(&section.intro);
    let mut used = section.intro.len();
    let mut shown = 0;
    for item in &section.items {
        if !section.whole && used + item.len() > room {
            break;
        }
        used += item.len();
        shown += 1;
        out.push_str(item);
    }
    let left_out = section.items.len() - shown;
    if left_out > 0 {
        let whole = match link {
            Some(link) => format!("[the whole page]({link}) has them"),
            None => "a comment holds no more; `gpu-stacks review --out review.html` writes the whole page"
                .to_owned(),
        };
        let _ = writeln!(out, "\n*{} not shown here: {whole}.*", text::count(left_out, section.noun));
    }
}

fn head(review: &Review) -> String {
    let title = match review.look.len() {
        0 => "nothing that a person must look at".to_owned(),
        number => format!("{} to look at", text::count(number, "thing")),
    };
    let when = review.planned_at.map(|at| format!(" Planned {}.", at.strftime("%Y-%m-%d %H:%M UTC")));
    format!("## GPU tenancy: {title}\n\n{}.{}\n", text::summary(&review.counts), when.unwrap_or_default())
}

/// Losses have the section below; here they are only counted.
fn look(review: &Review) -> Vec<String> {
    let of = |kind: RemarkKind| review.look.iter().filter(|remark| remark.kind == kind).count();
    let mut items = Vec::new();
    for (kind, what) in [(RemarkKind::Deleted, "deleted"), (RemarkKind::Replaced, "replaced")] {
        match of(kind) {
            0 => {}
            number => items.push(format!("- **{} {what}**, see below\n", text::count(number, "resource"))),
        }
    }
    let own_section = [RemarkKind::Deleted, RemarkKind::Replaced, RemarkKind::NotPlanned];
    let mut unplanned = 0;
    for remark in &review.look {
        unplanned += usize::from(remark.kind == RemarkKind::NotPlanned);
        if !own_section.contains(&remark.kind) {
            items.push(format!("- **{}**: {}", text::word(remark.kind), line(&remark.text)));
        }
    }
    if unplanned > 0 {
        items.push(format!("- **{} could not be planned**, see below\n", text::count(unplanned, "stack")));
    }
    items
}

/// The losses, ever shorter until all of them fit.
fn losses(review: &Review, room: usize) -> Section {
    let section = |items: Vec<String>| Section::new("Deletes and replacements", "resource", items).whole();
    let long = section(review.losses.iter().map(loss).collect());
    if long.len() <= room / 2 {
        return long;
    }
    let short = |loss: &Loss| {
        format!(
            "- **{}** {} of {}: {}\n",
            loss.action.word(),
            code(&loss.address),
            code(&loss.stack),
            plain(&loss.cause)
        )
    };
    let brief = section(review.losses.iter().map(short).collect());
    if brief.len() <= room {
        return brief;
    }
    let mut causes: BTreeMap<(Action, &str), Vec<String>> = BTreeMap::new();
    for loss in &review.losses {
        let name = format!("{}:{}", loss.stack, loss.address);
        causes.entry((loss.action, &loss.cause)).or_default().push(name);
    }
    let group = |((action, cause), names): ((Action, &str), Vec<String>)| {
        format!("- **{}** because {}: {}\n", action.word(), plain(cause), code(&names.join(" ")))
    };
    let dense = section(causes.into_iter().map(group).collect());
    if dense.len() <= room {
        return dense;
    }
    // More than any comment holds. It says so before anything else, and names as many as it can.
    let number = text::count(review.losses.len(), "resource");
    let mut items = vec![format!(
        "**{number} are deleted or replaced, more than a comment can name. Read the whole page before the merge.**\n\n"
    )];
    let mut used = items[0].len();
    items.extend(brief.items.into_iter().take_while(|item| {
        used += item.len();
        used <= room
    }));
    section(items)
}

fn loss(loss: &Loss) -> String {
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

fn unplanned(review: &Review) -> Vec<String> {
    review.unplanned.iter().map(|it| format!("- {}: {}", code(&it.stack), line(&it.reason))).collect()
}

fn card(card: &CardReview) -> String {
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
        format!("**{}** ({}{length}, {})\n\n", text::capital(&day.days), day.date, plain(&card.time_zone));
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

fn tenant(tenant: &TenantReview) -> String {
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

fn resource(resource: &ResourceReview) -> String {
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

fn drift(drift: &Drift) -> String {
    let mut lines = Vec::new();
    if drift.gone {
        lines.push(format!("- {} is gone", text::visible(&drift.address)));
    }
    lines.extend(drift.fields.iter().flat_map(field_lines));
    lines.extend(drift.objects.iter().flat_map(|object| match object.action {
        Action::Update => object_lines(object),
        action => vec![format!("{} {}", mark(action), text::visible(&object.object))],
    }));
    let fate = if drift.put_back { "the apply puts it back" } else { "the apply leaves it" };
    format!(
        "<details><summary><code>{}</code> of <code>{}</code>: {fate}</summary>\n\n{}\n</details>\n",
        markup(&drift.address),
        markup(&drift.stack),
        diff_block(&lines)
    )
}

fn notes(review: &Review) -> Vec<String> {
    // Told in a section of their own.
    let told = [RemarkKind::Drifted, RemarkKind::ClockChange];
    let item = |remark: &Remark| format!("- **{}**: {}", text::word(remark.kind), line(&remark.text));
    review.notes.iter().filter(|remark| !told.contains(&remark.kind)).map(item).collect()
}

fn bullet(text: &str) -> String {
    format!("- {}", line(text))
}

fn numbered(steps: &[Step]) -> Vec<String> {
    let item = |(index, step): (usize, &Step)| {
        let command = step.command.as_ref().map(|command| code(command) + " ").unwrap_or_default();
        format!("{}. {command}{}", index + 1, line(&step.text))
    };
    steps.iter().enumerate().map(item).collect()
}

fn line(text: &str) -> String {
    format!("{}\n", plain(text))
}

/// A code span around any text.
fn code(text: &str) -> String {
    let text = text::visible(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A text of which nothing is markdown, HTML or a mention.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text::visible(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '#' => {
                out.push('\\');
                out.push(c);
            }
            '@' => out.push_str("@\u{200b}"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out
}

/// A text within HTML that stands in markdown.
fn markup(text: &str) -> String {
    text::visible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
