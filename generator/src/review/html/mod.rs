//! The review as one HTML file: no script, nothing loaded from elsewhere,
//! light and dark, for a desk and a phone, and every part within reach of a keyboard.

mod card;
mod changes;

use std::fmt::Write as _;

use card::cards;
use changes::{drift, loss, resource_details, tenants};

use super::markup::escaped;
use super::model::{Remark, RemarkKind, Review, Step};
use super::{svg, text};

const STYLE: &str = include_str!("../../../../templates/review/page.css");

/// The page.
pub fn render(review: &Review) -> String {
    let title = match review.look.len() {
        0 => "Nothing that a person must look at".to_owned(),
        number => format!("{} to look at", text::count(number, "thing")),
    };
    let mut parts = vec![
        Part::new("look", "Look at", look(review)),
        Part::new("losses", "Deletes and replacements", each(&review.losses, loss)),
        Part::new("unplanned", "Could not be planned", unplanned(review)),
        Part::new("cards", "Cards", cards(review)),
        Part::new("tenants", "Tenants", tenants(review)),
        Part::new("others", "Other resources", each(&review.others, |it| resource_details(it, false))),
        Part::new("drift", "Changed outside of Terraform", each(&review.drift, drift)),
        Part::new(
            "not",
            "What an apply will not do",
            list("ul", review.will_not.iter().map(|it| escaped(it))),
        ),
        Part::new("back", "How to roll back", list("ol", review.rollback.iter().map(step))),
        Part::new("notes", "Good to know", notes(review)),
    ];
    parts.retain(|part| !part.body.is_empty());
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>GPU tenancy: {}</title>\n<style>{}{STYLE}</style>\n</head>\n<body>\n",
        escaped(&title),
        svg::STYLE
    );
    header(&mut out, review, &title, &parts);
    out.push_str("<main id=\"main\">\n");
    for part in &parts {
        let _ = writeln!(
            out,
            "<section id=\"{0}\" aria-labelledby=\"{0}-h\">\n<h2 id=\"{0}-h\">{1}</h2>\n{2}</section>",
            part.id, part.heading, part.body
        );
    }
    let _ = write!(
        out,
        "</main>\n<footer>Written by gpu-stacks {} from plans. Values that Terraform marks as sensitive are not in \
         this page.</footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    out
}

struct Part {
    id: &'static str,
    heading: &'static str,
    body: String,
}

impl Part {
    fn new(id: &'static str, heading: &'static str, body: String) -> Self {
        Self { id, heading, body }
    }
}

fn header(out: &mut String, review: &Review, title: &str, parts: &[Part]) {
    let state = if review.look.is_empty() { "calm" } else { "alert" };
    let _ = writeln!(
        out,
        "<a class=\"skip\" href=\"#main\">To the review</a>\n<header>\n<p class=\"over\">GPU tenancy review</p>\n\
         <h1 class=\"{state}\">{}</h1>\n<p class=\"sum\">{}.{}</p>",
        escaped(title),
        escaped(&text::summary(&review.counts)),
        review
            .planned_at
            .map(|at| format!(" Planned {}.", at.strftime("%Y-%m-%d %H:%M UTC")))
            .unwrap_or_default()
    );
    if parts.len() > 1 {
        let links = parts.iter().map(|part| format!("<a href=\"#{}\">{}</a>", part.id, part.heading));
        let _ = writeln!(out, "<nav aria-label=\"Sections\">{}</nav>", links.collect::<Vec<_>>().join("\n"));
    }
    out.push_str("</header>\n");
}

fn each<T>(items: &[T], render: impl Fn(&T) -> String) -> String {
    items.iter().map(render).collect()
}

fn list(tag: &str, items: impl Iterator<Item = String>) -> String {
    let items: String = items.map(|item| format!("<li>{item}</li>\n")).collect();
    if items.is_empty() { items } else { format!("<{tag}>\n{items}</{tag}>\n") }
}

fn look(review: &Review) -> String {
    remarks(review.look.iter(), "bad")
}

fn notes(review: &Review) -> String {
    let told = [RemarkKind::Drifted, RemarkKind::ClockChange];
    remarks(review.notes.iter().filter(|remark| !told.contains(&remark.kind)), "note")
}

fn remarks<'r>(remarks: impl Iterator<Item = &'r Remark>, class: &str) -> String {
    let item = |remark: &Remark| {
        format!(
            "<li><span class=\"tag {class}\">{}</span> <span>{}</span></li>\n",
            text::word(remark.kind),
            escaped(&remark.text)
        )
    };
    let items: String = remarks.map(item).collect();
    if items.is_empty() { items } else { format!("<ul class=\"remarks\">\n{items}</ul>\n") }
}

fn unplanned(review: &Review) -> String {
    let item = |it: &super::model::Unplanned| {
        format!("<code>{}</code>: {}", escaped(&it.stack), escaped(&it.reason))
    };
    list("ul", review.unplanned.iter().map(item))
}

fn step(step: &Step) -> String {
    let command =
        step.command.as_ref().map(|it| format!("<code>{}</code> ", escaped(it))).unwrap_or_default();
    format!("{command}{}", escaped(&step.text))
}
