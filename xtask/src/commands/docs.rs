//! `cargo xtask docs`: the registry's pages, rendered from the provider's own schema.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::cargo;
use crate::content;
use crate::mirror;
use crate::places::{Places, Profile};
use crate::step;
use crate::toolbox;

/// The provider's short name, by which tfplugindocs looks for its schema.
const PROVIDER: &str = "gpu";

/// What a configuration needs for tofu to ask the provider for its schema.
const CONFIGURATION: &str =
    "terraform {\n  required_providers {\n    gpu = { source = \"gpu-tenancy/gpu\" }\n  }\n}\n";

/// Folders of docs/ that are rendered; anything else in docs/ is written by people.
const RENDERED: [&str; 5] =
    ["data-sources", "ephemeral-resources", "functions", "list-resources", "resources"];

/// Whether to write or to compare.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Change nothing; fail when a page is not what would be written.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Renders the pages, then writes what differs, or fails for it. Both look at the same differences, so they
/// cannot disagree.
///
/// # Errors
/// When the provider cannot be asked, a page cannot be rendered, the registry would not take one, or, with
/// `--check`, one differs.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let work = places.target.join("docs");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("cannot empty {}", work.display()))?;
    }
    fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
    let tools = toolbox::user_tools(places)?;
    let wanted = render(places, &tools, &work)?;
    let docs = places.repository.join("docs");
    let changes = differences(&pages(&docs)?, &wanted);
    if changes.is_empty() {
        step::say("docs/ is what the schema says");
        return validate(places, &tools, &work);
    }
    if options.check {
        let names: Vec<String> = changes.keys().map(|page| format!("docs/{}", page.display())).collect();
        bail!("these pages are not what the schema says: {}; run `cargo xtask docs`", names.join(", "));
    }
    for (page, text) in changes {
        let path = docs.join(&page);
        match text {
            Some(text) => write(&path, &text)?,
            None => fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?,
        }
        step::say(format!("docs/{}", page.display()));
    }
    validate(places, &tools, &work)
}

/// Lets the registry's own tool look at every page, those that people wrote too.
fn validate(places: &Places, tools: &Path, work: &Path) -> Result<()> {
    let mut validate = Command::new(tools.join("tfplugindocs"));
    validate.args(["validate", "--provider-name", PROVIDER, "--providers-schema"]).arg(schema_file(work));
    step::output(validate.arg("--provider-dir").arg(&places.repository)).map(drop)
}

fn schema_file(work: &Path) -> PathBuf {
    work.join("schema.json")
}

/// What the pages should be, by their path inside docs/.
fn render(places: &Places, tools: &Path, work: &Path) -> Result<BTreeMap<PathBuf, String>> {
    cargo::build(places, &["terraform-provider-gpu"], Profile::Dev)?;
    let mirror = mirror::lay_out(places, Profile::Dev)?;
    write(&work.join("main.tf"), CONFIGURATION)?;
    // Of the two, only this one's version tells of identities, and a page shows how one is imported by it.
    let tofu = |arguments: &[&str]| {
        let mut command = Command::new(tools.join("tofu"));
        command.args(arguments).env("TF_CLI_CONFIG_FILE", &mirror.configuration).current_dir(work);
        step::output(command)
    };
    tofu(&["init", "-no-color", "-input=false"])?;
    let schema = renamed(&tofu(&["providers", "schema", "-json"])?)?;
    let schema_file = schema_file(work);
    write(&schema_file, &schema)?;
    let site = work.join("site");
    copy(&places.repository.join("examples"), &site.join("examples"))?;
    step::output(
        Command::new(tools.join("tfplugindocs"))
            .args(["generate", "--provider-name", PROVIDER, "--rendered-provider-name", "GPU tenancy"])
            // The default, templates/, holds the generator's templates here.
            .args(["--website-source-dir", "docs-templates"])
            .arg("--providers-schema")
            .arg(&schema_file)
            .arg("--provider-dir")
            .arg(&site),
    )?;
    pages(&site.join("docs"))
}

/// The schema under the name that tfplugindocs looks for; it knows no organisations but one.
fn renamed(json: &str) -> Result<String> {
    let mut all: Value = serde_json::from_str(json).context("tofu's schema is not JSON")?;
    let schemas = all.get_mut("provider_schemas").and_then(Value::as_object_mut);
    let schemas = schemas.context("tofu's schema names no provider")?;
    let (_, schema) = std::mem::take(schemas).into_iter().next().context("no provider has a schema")?;
    schemas.insert(PROVIDER.to_owned(), schema);
    Ok(all.to_string())
}

/// The rendered pages below a docs folder.
fn pages(docs: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut found = BTreeMap::new();
    if !docs.is_dir() {
        return Ok(found);
    }
    for path in content::files_below(docs)? {
        let inside = path.strip_prefix(docs).unwrap_or(&path).to_path_buf();
        let is_rendered =
            inside == Path::new("index.md") || RENDERED.iter().any(|folder| inside.starts_with(folder));
        if is_rendered {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            found.insert(inside, text);
        }
    }
    Ok(found)
}

/// What to write, or with `None` to remove, to get from one set of pages to the other.
fn differences(
    present: &BTreeMap<PathBuf, String>,
    wanted: &BTreeMap<PathBuf, String>,
) -> BTreeMap<PathBuf, Option<String>> {
    let changed = wanted
        .iter()
        .filter(|(page, text)| present.get(*page) != Some(*text))
        .map(|(page, text)| (page.clone(), Some(text.clone())));
    let gone = present.keys().filter(|page| !wanted.contains_key(*page)).map(|page| (page.clone(), None));
    changed.chain(gone).collect()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    if !from.is_dir() {
        return Ok(());
    }
    for path in content::files_below(from)? {
        let inside = path.strip_prefix(from).unwrap_or(&path);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        write(&to.join(inside), &text)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pages: &[(&str, &str)]) -> BTreeMap<PathBuf, String> {
        pages.iter().map(|(page, text)| (PathBuf::from(page), (*text).to_owned())).collect()
    }

    #[test]
    fn a_page_of_a_removed_resource_goes() {
        let present = set(&[("index.md", "same"), ("resources/old.md", "old")]);
        let wanted = set(&[("index.md", "same"), ("resources/new.md", "new")]);
        let changes = differences(&present, &wanted);
        assert_eq!(changes.get(Path::new("resources/old.md")), Some(&None));
        assert_eq!(changes.get(Path::new("resources/new.md")), Some(&Some("new".to_owned())));
        assert_eq!(changes.len(), 2);
    }

    #[test]
    fn pages_that_people_wrote_are_not_looked_at() {
        let docs = tempfile::tempdir().unwrap();
        write(&docs.path().join("flow.svg"), "<svg/>").unwrap();
        write(&docs.path().join("index.md"), "rendered").unwrap();
        assert_eq!(pages(docs.path()).unwrap(), set(&[("index.md", "rendered")]));
    }

    #[test]
    fn the_schema_gets_the_short_name() {
        let text = renamed(r#"{"provider_schemas": {"registry.terraform.io/gpu-tenancy/gpu": {"a": 1}}}"#);
        assert_eq!(text.unwrap(), r#"{"provider_schemas":{"gpu":{"a":1}}}"#);
    }
}
