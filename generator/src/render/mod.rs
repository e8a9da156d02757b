//! From a valid fleet to the text of every file. Pure: the same fleet gives the
//! same bytes, and a valid fleet cannot fail.
//!
//! Rust decides what stands where; the templates hold the shape around it.

mod backend;
mod card;
mod exporter;
mod service;

use std::collections::BTreeMap;

use handlebars::Handlebars;
use serde::Serialize;
use tenancy::duration::Seconds;
use tenancy::floor::Basis;
use tenancy::names::CardName;
use tenancy::quantity::Mib;

use crate::fleet::{Claim, Fleet, MeasuredBy, ReadPeak, Stack};
use crate::hcl::{self, Hcl};
use crate::leaf::Layout;
use crate::load::{FLEET, TENANTS};
use crate::own;
use crate::schema;

/// A template that does not give legal text: an error of ours, not of a user.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The template itself.
    #[error("the template {name} is broken: {source}")]
    Template {
        /// The template's name.
        name: &'static str,
        /// What handlebars said.
        source: Box<handlebars::RenderError>,
    },
    /// What came out of it.
    #[error("{path}: the text that was generated is not legal HCL; please report this: {source}")]
    Syntax {
        /// The file that would have been written.
        path: String,
        /// What the parser said.
        source: Box<hcl_edit::parser::Error>,
    },
}

const TEMPLATES: [(&str, &str); 11] = [
    ("header", include_str!("../../../templates/header.hbs")),
    ("root.hcl", include_str!("../../../templates/root.hcl.hbs")),
    ("include", include_str!("../../../templates/include.hbs")),
    ("own.hcl", include_str!("../../../templates/own.hcl.hbs")),
    ("gitignore", include_str!("../../../templates/gitignore.hbs")),
    ("only-in-stack", include_str!("../../../templates/only-in-stack.hbs")),
    ("stack.hcl", include_str!("../../../templates/stack.hcl.hbs")),
    ("fleet/main.tf", include_str!("../../../templates/fleet/main.tf.hbs")),
    ("fleet/terragrunt.hcl", include_str!("../../../templates/fleet/terragrunt.hcl.hbs")),
    ("tenant/main.tf", include_str!("../../../templates/tenant/main.tf.hbs")),
    ("tenant/terragrunt.hcl", include_str!("../../../templates/tenant/terragrunt.hcl.hbs")),
];

/// The path and text of every file of a live repository that is generated.
///
/// # Errors
/// Only a broken template of ours.
pub fn render(fleet: &Fleet) -> Result<BTreeMap<String, String>, RenderError> {
    let mut out = Output { templates: templates()?, files: BTreeMap::new() };
    out.text(".gitignore", "gitignore", &Page { source: FLEET })?;
    out.hcl("root.hcl", "root.hcl", &backend::root(fleet))?;
    out.hcl(own::NAME, "own.hcl", &())?;
    let is_unit = fleet.layout == Layout::Stack;
    let folder = fleet.layout.folder(FLEET_STACK);
    let page = UnitPage { source: FLEET, has_claim: false, is_unit };
    out.hcl(&format!("{folder}/terragrunt.hcl"), "fleet/terragrunt.hcl", &page)?;
    out.hcl(&format!("{folder}/main.tf"), "fleet/main.tf", &card::page(fleet))?;
    if is_unit {
        let names = std::iter::once(FLEET_STACK).chain(fleet.stacks.keys().map(String::as_str));
        let units = names.map(|name| Unit {
            label: hcl::quoted(name),
            source: hcl::quoted(&format!("./{}", fleet.layout.folder(name))),
        });
        let page = StackPage { source: FLEET, units: units.collect() };
        out.hcl("terragrunt.stack.hcl", "stack.hcl", &page)?;
    }
    out.files.insert("schema/catalogue.json".to_owned(), schema::catalogue());
    out.files.insert("schema/fleet.json".to_owned(), schema::fleet());
    out.files.insert("schema/tenant.json".to_owned(), schema::tenant());
    for (name, stack) in &fleet.stacks {
        let source = format!("{TENANTS}/{name}.yaml");
        let folder = fleet.layout.folder(name);
        let page = UnitPage { source: &source, has_claim: stack.claim.is_some(), is_unit };
        out.hcl(&format!("{folder}/terragrunt.hcl"), "tenant/terragrunt.hcl", &page)?;
        out.hcl(&format!("{folder}/main.tf"), "tenant/main.tf", &tenant(&source, stack, fleet))?;
        for (path, text) in &stack.tenant.config {
            if let Some(file) = stack.config_files.get(path) {
                out.files.insert(format!("{folder}/config/{file}"), text.clone());
            }
        }
    }
    Ok(out.files)
}

fn templates() -> Result<Handlebars<'static>, RenderError> {
    let mut templates = Handlebars::new();
    templates.set_strict_mode(true);
    templates.register_escape_fn(handlebars::no_escape);
    for (name, text) in TEMPLATES {
        templates.register_template_string(name, text).map_err(|source| {
            let source = Box::new(handlebars::RenderError::from(source));
            RenderError::Template { name, source }
        })?;
    }
    Ok(templates)
}

struct Output {
    templates: Handlebars<'static>,
    files: BTreeMap<String, String>,
}

impl Output {
    fn text(&mut self, path: &str, name: &'static str, page: &impl Serialize) -> Result<(), RenderError> {
        let rendered = self.templates.render(name, page);
        let text = rendered.map_err(|source| RenderError::Template { name, source: Box::new(source) })?;
        self.files.insert(path.to_owned(), text);
        Ok(())
    }

    /// Text of Terraform's language, aligned, and read back before anybody relies on it.
    fn hcl(&mut self, path: &str, name: &'static str, page: &impl Serialize) -> Result<(), RenderError> {
        self.text(path, name, page)?;
        if let Some(text) = self.files.get_mut(path) {
            *text = hcl::align(text);
            text.parse::<hcl_edit::structure::Body>()
                .map_err(|source| RenderError::Syntax { path: path.to_owned(), source: Box::new(source) })?;
        }
        Ok(())
    }
}

/// What every page needs.
#[derive(Serialize)]
struct Page<'p> {
    source: &'p str,
}

/// What the page of a tenant's unit needs.
#[derive(Serialize)]
struct UnitPage<'p> {
    source: &'p str,
    /// Whether it claims memory of a card, which must be there first.
    has_claim: bool,
    /// Whether it is a unit of a `terragrunt.stack.hcl`.
    is_unit: bool,
}

/// What `terragrunt.stack.hcl` needs.
#[derive(Serialize)]
struct StackPage {
    source: &'static str,
    units: Vec<Unit>,
}

/// One unit of it; its path is its name.
#[derive(Serialize)]
struct Unit {
    label: String,
    source: String,
}

/// The stack of the cards.
const FLEET_STACK: &str = "fleet";

/// One line of a block: an attribute with the text of its value.
#[derive(Debug, Serialize)]
struct Attribute {
    name: &'static str,
    value: String,
}

/// The attributes of a block, in the order in which they were set.
#[derive(Debug, Default)]
struct Attributes(Vec<(&'static str, Hcl)>);

impl Attributes {
    fn set(&mut self, name: &'static str, value: impl Into<Hcl>) {
        self.0.push((name, value.into()));
    }

    fn set_some<T: Into<Hcl>>(&mut self, name: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// Sets a list or map unless it is empty: an empty one and none are the same.
    fn set_filled(&mut self, name: &'static str, value: Hcl) {
        let empty = match &value {
            Hcl::List(items) => items.is_empty(),
            Hcl::Map(entries) => entries.is_empty(),
            _ => false,
        };
        if !empty {
            self.set(name, value);
        }
    }

    /// The attributes as the value of another.
    fn object(self) -> Hcl {
        Hcl::Map(self.0.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The attributes as lines of a heredoc that is Terraform's language again.
    fn in_heredoc(self, depth: usize) -> Vec<Attribute> {
        let mut lines = self.lines(depth);
        for line in &mut lines {
            line.value = hcl::for_heredoc(&line.value);
        }
        lines
    }

    /// The attributes as lines at a depth of indentation.
    fn lines(self, depth: usize) -> Vec<Attribute> {
        let line = |(name, value): (&'static str, Hcl)| {
            let mut text = String::new();
            value.write(&mut text, depth);
            Attribute { name, value: text }
        };
        self.0.into_iter().map(line).collect()
    }
}

/// A map whose keys are names of the domain.
fn map<K: ToString, V>(entries: impl IntoIterator<Item = (K, V)>, value: impl Fn(V) -> Hcl) -> Hcl {
    Hcl::Map(entries.into_iter().map(|(key, entry)| (key.to_string(), value(entry))).collect())
}

/// A list of texts.
fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Hcl {
    Hcl::List(items.into_iter().map(|item| Hcl::Text(item.to_string())).collect())
}

/// The resource's own name for a card, whose name may begin with a digit where
/// Terraform's may not. No card's name has an underscore.
fn label(card: &CardName) -> String {
    let name = card.as_str();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name.to_owned() }
}

#[derive(Serialize)]
struct TenantPage<'p> {
    source: &'p str,
    label: String,
    /// The floor of the claim and its attributes; none on the CPU.
    floor: Option<String>,
    claim: Vec<Attribute>,
    groups: Vec<Vec<Attribute>>,
}

fn tenant<'p>(source: &'p str, stack: &Stack, fleet: &Fleet) -> TenantPage<'p> {
    let label = stack.tenant.id.name.as_str();
    let groups = service::groups(stack, fleet, label);
    TenantPage {
        source,
        label: hcl::quoted(label),
        floor: stack.claim.as_ref().map(|claim| claim.floor.floor_mib().spelled()),
        claim: stack
            .claim
            .as_ref()
            .map(|it| claim(it, &stack.lifecycle.adopt_claim).lines(1))
            .unwrap_or_default(),
        groups: groups.into_iter().map(|group| group.lines(1)).filter(|lines| !lines.is_empty()).collect(),
    }
}

fn claim(of: &Claim, adopted: &[String]) -> Attributes {
    let floor = &of.floor;
    let mut claim = Attributes::default();
    claim.set("card", of.card.to_string());
    claim.set("tenant", floor.tenant.to_string());
    if of.read.is_none() {
        claim.set("peak", floor.peak_mib.spelled());
    }
    claim.set("headroom", floor.headroom_mib.spelled());
    if floor.priority != 0 {
        claim.set("priority", Hcl::Number(floor.priority.into()));
    }
    if floor.always {
        claim.set("always", Hcl::Bool(true));
    }
    if let Basis::Measured { source, at } = &floor.basis {
        let mut measured = Attributes::default();
        measured.set("source", source.as_str());
        measured.set("at", at.to_string());
        claim.set("measured", measured.object());
    }
    if let Some(read) = &of.read {
        claim.set("measured", measured(read, floor.peak_mib).object());
    }
    claim.set_filled("adopt", texts(adopted));
    claim
}

/// Where a peak is read, with the guess that counts until then.
fn measured(read: &ReadPeak, guess: Mib) -> Attributes {
    let mut measured = Attributes::default();
    match &read.from {
        MeasuredBy::Exporter(address) => measured.set("exporter", address.to_string()),
        MeasuredBy::Prometheus(address, selector) => {
            measured.set("prometheus", address.to_string());
            if let Some((selector, unit)) = selector {
                measured.set("selector", selector.as_str());
                if let Some(unit) = unit {
                    measured.set("unit", unit.as_str());
                }
            }
        }
    }
    if let Some(seconds) = read.look_back_s {
        measured.set("look_back", Seconds(seconds).to_string());
    }
    measured.set("guess", guess.spelled());
    measured.set("image", read.image.as_str());
    if let Some(model) = &read.model {
        measured.set("model", model.as_str());
    }
    if let Some(since) = &read.since {
        measured.set("since", since.to_string());
    }
    measured
}
