//! Losses, tenants, resources and drift, field by field.

use std::fmt::Write as _;

use super::{each, list};
use crate::review::markup::escaped;
use crate::review::model::{
    Action, Drift, Field, Flip, Loss, ObjectChange, ResourceReview, Review, TenantReview,
};
use crate::review::text;

/// Beyond this many, details are closed at first.
const OPEN_DETAILS: usize = 3;

pub(super) fn loss(loss: &Loss) -> String {
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

pub(super) fn tenants(review: &Review) -> String {
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

pub(super) fn resource_details(resource: &ResourceReview, open: bool) -> String {
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
    if resource.action == Action::Forget {
        let _ = writeln!(out, "<p>It {}.</p>", text::FORGOTTEN);
    }
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

pub(super) fn drift(drift: &Drift) -> String {
    let fate = text::fate(drift.put_back);
    let gone = if drift.gone { "<p>It is gone.</p>\n" } else { "" };
    format!(
        "<details><summary><code>{}</code> <small>in {}</small> <span class=\"tag note\">{fate}</span></summary>\n{gone}{}{}</details>\n",
        escaped(&drift.address),
        escaped(&drift.stack),
        fields(&drift.fields),
        objects(&drift.objects)
    )
}
