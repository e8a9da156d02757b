//! The review as one HTML file: no script, nothing loaded from elsewhere,
//! light and dark, for a desk and a phone, and every part within reach of a keyboard.

use std::fmt::Write as _;

use super::look::clock_change;
use super::markup::escaped;
use super::model::{
    Action, CardReview, ClaimFacts, DayReview, Drift, Field, Flip, Loss, ObjectChange, Remark, RemarkKind,
    ResourceReview, Review, Side, Step, TenantReview,
};
use super::svg::{self, COLOURS, Width};
use super::text;
use crate::fit::Verdict;

const STYLE: &str = include_str!("../../../templates/review/page.css");

/// Beyond this many, details are closed at first.
const OPEN_DETAILS: usize = 3;

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

fn loss(loss: &Loss) -> String {
    let mut out = format!(
        "<article class=\"loss\">\n<h3><span class=\"tag bad\">{}</span> <code>{}</code> <small>in {}</small></h3>\n\
         <p>Because {}.</p>\n",
        loss.action.word(),
        escaped(&loss.address),
        escaped(&loss.stack),
        escaped(&loss.cause)
    );
    out.push_str(&fields(&loss.attributes));
    out.push_str(&list("ul", loss.consequences.iter().map(|it| escaped(it))));
    out.push_str("</article>\n");
    out
}

fn unplanned(review: &Review) -> String {
    let item = |it: &super::model::Unplanned| {
        format!("<code>{}</code>: {}", escaped(&it.stack), escaped(&it.reason))
    };
    list("ul", review.unplanned.iter().map(item))
}

fn cards(review: &Review) -> String {
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
            escaped(&text::capital(&day.days)),
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
                escaped(&text::capital(&day.days))
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

fn tenants(review: &Review) -> String {
    let open = review.tenants.len() <= OPEN_DETAILS;
    each(&review.tenants, |it| tenant(it, open))
}

fn tenant(tenant: &TenantReview, open: bool) -> String {
    let mut tags = String::new();
    let mut tag = |class: &str, words: &str| {
        let _ = write!(tags, " <span class=\"tag {class}\">{words}</span>");
    };
    match tenant.flip {
        Some(Flip::ToCpu) => tag("note", "GPU to CPU"),
        Some(Flip::ToGpu) => tag("bad", "CPU to GPU"),
        None => {}
    }
    match &tenant.restart {
        Some(restart) if restart.certain => tag("note", "restarts"),
        Some(_) => tag("note", "restarts if awake"),
        None => {}
    }
    let mut out = format!(
        "<details{}><summary>{} <code>{}</code>{tags}</summary>\n",
        if open { " open" } else { "" },
        action_tag(tenant.action),
        escaped(&tenant.tenant)
    );
    match (&tenant.before, &tenant.after) {
        (Some(before), Some(after)) if before != after => {
            let _ = writeln!(
                out,
                "<dl class=\"sides\"><dt>Before</dt><dd>{}</dd><dt>After</dt><dd>{}</dd></dl>",
                escaped(before),
                escaped(after)
            );
        }
        (before, after) => {
            if let Some(text) = after.as_ref().or(before.as_ref()) {
                let _ = writeln!(out, "<p>{}</p>", escaped(text));
            }
        }
    }
    out.push_str(&each(&tenant.resources, resource));
    out.push_str("</details>\n");
    out
}

fn action_tag(action: Action) -> String {
    let class = match action {
        Action::Delete | Action::Replace => "bad",
        Action::Create => "good",
        _ => "plain",
    };
    format!("<span class=\"tag {class}\">{}</span>", action.word())
}

fn resource_details(resource: &ResourceReview, open: bool) -> String {
    format!(
        "<details{}><summary>{} <code>{}</code> <small>in {}</small></summary>\n{}</details>\n",
        if open { " open" } else { "" },
        action_tag(resource.action),
        escaped(&resource.address),
        escaped(&resource.stack),
        self::resource(resource)
    )
}

fn resource(resource: &ResourceReview) -> String {
    let mut out = format!(
        "<h4>{} <code>{}</code> <small>in {}</small></h4>\n{}",
        action_tag(resource.action),
        escaped(&resource.address),
        escaped(&resource.stack),
        fields(&resource.fields)
    );
    out.push_str(&objects(&resource.objects));
    if resource.objects_unknown {
        out.push_str("<p>Some of its objects are known after apply only.</p>\n");
    }
    out
}

fn objects(objects: &[ObjectChange]) -> String {
    let mut out = String::new();
    for (action, words) in [(Action::Delete, "Objects that go"), (Action::Create, "Objects that are made")] {
        let names = objects.iter().filter(|object| object.action == action);
        let names: Vec<String> = names.map(|it| format!("<code>{}</code>", escaped(&it.object))).collect();
        if !names.is_empty() {
            let _ = writeln!(out, "<p class=\"objects\"><b>{words}:</b> {}</p>", names.join(" "));
        }
    }
    for object in objects.iter().filter(|object| object.action == Action::Update) {
        let _ = write!(out, "<h5><code>{}</code></h5>\n{}", escaped(&object.object), fields(&object.fields));
    }
    out
}

fn fields(fields: &[Field]) -> String {
    if fields.is_empty() {
        return String::new();
    }
    let mut out = String::from("<dl class=\"fields\">\n");
    for field in fields {
        let change = match text::wordless(field) {
            Some(words) => format!("<span class=\"soft\">{words}</span>"),
            None => format!(
                "<del>{}</del> <span aria-hidden=\"true\">→</span> <ins>{}</ins>",
                escaped(&text::value(&field.before)),
                escaped(&text::value(&field.after))
            ),
        };
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{change}</dd></div>", breakable(&field.path));
    }
    out.push_str("</dl>\n");
    out
}

/// A path that may break after its dots.
fn breakable(path: &str) -> String {
    escaped(path).replace('.', ".<wbr>")
}

fn drift(drift: &Drift) -> String {
    let fate = if drift.put_back { "the apply puts it back" } else { "the apply leaves it" };
    let gone = if drift.gone { "<p>It is gone.</p>\n" } else { "" };
    format!(
        "<details><summary><code>{}</code> <small>in {}</small> <span class=\"tag note\">{fate}</span></summary>\n{gone}{}{}</details>\n",
        escaped(&drift.address),
        escaped(&drift.stack),
        fields(&drift.fields),
        objects(&drift.objects)
    )
}

fn step(step: &Step) -> String {
    let command =
        step.command.as_ref().map(|it| format!("<code>{}</code> ", escaped(it))).unwrap_or_default();
    format!("{command}{}", escaped(&step.text))
}
