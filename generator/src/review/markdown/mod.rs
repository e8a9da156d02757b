//! The review as markdown, within what a comment may hold.

mod escape;
mod parts;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use escape::{code, line, plain};
use parts::{card, drift, loss, resource, tenant};

use super::model::{Action, Loss, Remark, RemarkKind, Review, Step};
use super::text;

/// What GitHub takes as a comment, in characters. Counted in bytes here, which are never fewer.
pub const COMMENT_LIMIT: usize = 65_535;

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

fn unplanned(review: &Review) -> Vec<String> {
    review.unplanned.iter().map(|it| format!("- {}: {}", code(&it.stack), line(&it.reason))).collect()
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
