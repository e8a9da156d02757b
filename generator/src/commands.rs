//! The commands that read or write one thing: what they ask of the core, and
//! what a person is told.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use crate::cli::Format;
use crate::explain::Explained;
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::init::{self, Start};
use crate::load::{FLEET, Files, TENANTS, unwritten};
use crate::new::{Asked, Draft, Ground, ask};
use crate::own::NAME as OWN;
use crate::problem::Problem;
use crate::put::put;
use crate::say::{created, print, print_json};
use crate::stacks::fits;
use crate::write::{Mode, Origin};
use crate::{LocalDisk, explain, export, files, load, manifest, render, write};

/// `gpu-stacks init`.
pub(crate) fn init(root: &Path, start: &Start, format: Format) -> Result<ExitCode, Failure> {
    if let Some(path) = init::taken(root) {
        let what = format!(
            "{} is there already, so nothing was written. `gpu-stacks new` adds a tenant to it; another folder \
             makes another live repository",
            root.join(path).display()
        );
        return Err(Failure::Asked(what));
    }
    let own = init::files(start);
    let fleet = unwritten(root, &own).map_err(|problems| Failure::Problems { problems, writing: true })?;
    let generated = render(&fleet).map_err(|error| Failure::Ours(error.to_string()))?;
    nothing_in_the_way(root, &generated)?;
    let made = put(root, &own)?;
    write(root, &generated, Mode::Write { overwrite: false }, &LocalDisk)
        .inspect_err(|_| made.take_back())
        .map_err(Failure::Write)?;
    if format == Format::Json {
        let generated = generated.keys().map(String::as_str).chain([manifest::NAME]);
        print_json(&created(own.keys().map(String::as_str).chain(generated)));
        return Ok(ExitCode::SUCCESS);
    }
    for path in own.keys() {
        print(&format!("create {path}\n"));
    }
    // As somebody types it where this was typed.
    let at = root.display().to_string();
    let (on, go) = match at.as_str() {
        "." => (String::new(), String::new()),
        at => (format!(" {at}"), format!("cd {at} && ")),
    };
    print(&format!(
        "and {} files that follow from them. Of these only {OWN} is yours too: terragrunt's hooks, arguments and \
         retries of all stacks go there.\n\nNext: name your node and your card in {}, then\n\
         \x20 gpu-stacks generate{on}\n  gpu-stacks fit{on}\n  {go}terragrunt run --all -- plan\n\n\
         The plan wants the provider gpu-tenancy/gpu installed, and no cluster.\n",
        generated.len() + 1,
        if on.is_empty() { "fleet.yaml".to_owned() } else { root.join("fleet.yaml").display().to_string() },
    ));
    Ok(ExitCode::SUCCESS)
}

/// Refuses a folder in which somebody has files where the stacks of a new live repository would lie.
fn nothing_in_the_way(root: &Path, generated: &BTreeMap<String, String>) -> Result<(), Failure> {
    let changes = write(root, generated, Mode::Check, &LocalDisk).map_err(Failure::Write)?;
    let foreign = changes.iter().filter(|change| change.origin != Origin::Generated);
    let paths: Vec<String> = foreign.map(|change| root.join(&change.path).display().to_string()).collect();
    if paths.is_empty() {
        return Ok(());
    }
    let inside = root.join("live");
    // As somebody types it where this was typed.
    let inside = inside.strip_prefix(".").unwrap_or(&inside);
    Err(Failure::Asked(format!(
        "{}: in the place of a generated file, so nothing was written. Move what stands there away, or make the live \
         repository in a folder of its own: `gpu-stacks init {}`",
        paths.join(", "),
        inside.display()
    )))
}

/// `gpu-stacks new`.
pub(crate) fn new(root: &Path, draft: Draft, dry_run: bool, format: Format) -> Result<ExitCode, Failure> {
    let mut files =
        files(root).map_err(|problem| Failure::Problems { problems: vec![problem], writing: !dry_run })?;
    let draft = if draft.missing().is_empty() {
        draft
    } else if io::stdin().is_terminal() && io::stderr().is_terminal() {
        let cards = files.fleet_read.iter().flat_map(|(_, raw)| &raw.cards.0);
        let cards: Vec<String> = cards.map(|(name, _)| name.to_string()).collect();
        let taken: Vec<String> = files.tenants.iter().map(|tenant| tenant.stem.clone()).collect();
        let ground = Ground { catalogue: &files.catalogue, cards: &cards, taken: &taken, dry_run };
        match ask(draft, &ground).map_err(|error| Failure::Asked(error.to_string()))? {
            Asked::Answered(draft) => *draft,
            Asked::Escaped => {
                print("Nothing was written.\n");
                return Ok(ExitCode::FAILURE);
            }
        }
    } else {
        let missing = draft.missing().join(", ");
        let what = format!("there is no terminal to ask at, and no flag says {missing}. Nothing was written");
        return Err(Failure::Asked(what));
    };
    let Some(name) = &draft.name else { return Err(Failure::Asked("the tenant has no name".to_owned())) };
    let path = format!("{TENANTS}/{name}.yaml");
    let text = draft.text();
    if files.tenants.iter().any(|tenant| *tenant.source.path == *path) || root.join(&path).exists() {
        let what =
            format!("{path} is there already, so nothing was written. Edit it, or choose another name");
        return Err(Failure::Asked(what));
    }
    files.add_tenant(root, &path, &text);
    let judged = files.judged();
    if judged.is_none() || !files.problems.is_empty() {
        return Err(Failure::Problems { problems: files.problems.sorted(), writing: !dry_run });
    }
    if dry_run {
        match format {
            Format::Text => print(&text),
            Format::Json => print_json(&json!({ "version": 1, "path": path, "text": text })),
        }
        return Ok(ExitCode::SUCCESS);
    }
    put(root, &BTreeMap::from([(path.clone(), text)]))?;
    if format == Format::Json {
        print_json(&created([path.as_str()]));
        return Ok(ExitCode::SUCCESS);
    }
    // As somebody types it where this was typed.
    let here = root == Path::new(".");
    let (file, stacks) = match here {
        true => (path.clone(), "gpu-stacks generate".to_owned()),
        false => (root.join(&path).display().to_string(), format!("gpu-stacks generate {}", root.display())),
    };
    print(&format!(
        "create {path}\n\nNext: `gpu-stacks explain {file}` shows what follows from it, `{stacks}` writes its \
         stack.\n"
    ));
    Ok(ExitCode::SUCCESS)
}

/// `gpu-stacks explain`.
pub(crate) fn explain(asked: &str, in_json: bool) -> Result<ExitCode, Failure> {
    let (path, line) = match asked.rsplit_once(':') {
        Some((path, line)) if line.parse::<usize>().is_ok() => (path, line.parse().ok()),
        _ => (asked, None),
    };
    let path = Path::new(path);
    let (mut told, all) = match Explainable::of(path)? {
        Explainable::Fleet { root } => (json!({}), explained_fleet(&root, line)?),
        Explainable::Tenant { root, stem } => {
            let (id, all) = explained_tenant(&root, &stem, line)?;
            (json!({ "tenant": id }), all)
        }
    };
    if in_json {
        told["version"] = 1.into();
        told["values"] = json!(all);
        print(&format!("{told:#}\n"));
    } else {
        print(&explain::text(&all));
    }
    Ok(ExitCode::SUCCESS)
}

/// What a file describes, by its place in a live repository.
enum Explainable {
    Fleet { root: PathBuf },
    Tenant { root: PathBuf, stem: String },
}

impl Explainable {
    fn of(path: &Path) -> Result<Self, Failure> {
        let refused = || {
            let what = format!(
                "{} is neither {FLEET} nor a tenant's file. Name one in a live repository, as \
                 `stacks/{TENANTS}/voice.yaml:12`",
                path.display()
            );
            Failure::Asked(what)
        };
        // A file named from within its own folder has no folder in its path.
        let whole = std::path::absolute(path).map_err(|_| refused())?;
        let folder = |path: &Path| {
            let named = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            named.map(Path::to_owned)
        };
        let is = |path: &Path, name: &str| path.file_name().is_some_and(|its| its == name);
        if is(&whole, FLEET) {
            return Ok(Self::Fleet { root: folder(path).unwrap_or_else(|| ".".into()) });
        }
        let inside = whole.parent().filter(|folder| is(folder, TENANTS)).ok_or_else(refused)?;
        let root = match folder(path) {
            Some(named) if is(&named, TENANTS) => folder(&named).unwrap_or_else(|| ".".into()),
            _ => inside.parent().ok_or_else(refused)?.to_owned(),
        };
        let stem = whole.file_stem().ok_or_else(refused)?.to_string_lossy().into_owned();
        Ok(Self::Tenant { root, stem })
    }
}

fn refuse(problems: Vec<Problem>) -> Failure {
    Failure::Problems { problems, writing: false }
}

/// The files of a live repository and the fleet that they are, unless something is wrong with them.
fn judged(root: &Path) -> Result<(Files, Fleet), Failure> {
    let mut files = files(root).map_err(|problem| refuse(vec![problem]))?;
    match files.judged() {
        Some(fleet) if files.problems.is_empty() => Ok((files, fleet)),
        _ => Err(refuse(files.problems.sorted())),
    }
}

fn explained_fleet(root: &Path, line: Option<usize>) -> Result<Vec<Explained>, Failure> {
    let (files, fleet) = judged(root)?;
    let Some((node, _)) = &files.fleet_read else { return Ok(Vec::new()) };
    explain::explain_fleet(&fleet, node, line).map_err(|problem| refuse(vec![problem]))
}

fn explained_tenant(
    root: &Path,
    stem: &str,
    line: Option<usize>,
) -> Result<(String, Vec<Explained>), Failure> {
    let (files, fleet) = judged(root)?;
    let file = files.tenants.iter().find(|tenant| tenant.stem == stem);
    let (Some(file), Some(stack), Some((node, _))) = (file, fleet.stacks.get(stem), &files.fleet_read) else {
        let what = format!("there is no {TENANTS}/{stem}.yaml in {}", root.display());
        return Err(Failure::Asked(what));
    };
    let all = explain::explain(file, stack, node, line).map_err(|problem| refuse(vec![problem]))?;
    Ok((stack.tenant.id.to_string(), all))
}

/// `gpu-stacks export kustomize`.
pub(crate) fn export(
    root: &Path,
    folder: &Path,
    allow_overcommit: bool,
    format: Format,
) -> Result<ExitCode, Failure> {
    let fleet = load(root).map_err(|problems| Failure::Problems { problems, writing: true })?;
    let allowed = fits(&fleet, allow_overcommit)?;
    let made = export::kustomize(&fleet).map_err(|error| Failure::Ours(error.to_string()))?;
    let is_empty = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !is_empty {
        let what = format!(
            "{} is not an empty folder, so nothing was written. Name one that is not there yet",
            folder.display()
        );
        return Err(Failure::Asked(what));
    }
    put(folder, &made)?;
    if format == Format::Json {
        print_json(&created(made.keys().map(String::as_str)));
        return Ok(ExitCode::SUCCESS);
    }
    print(&format!("{} files; {} says how to apply them.\n", made.len(), folder.join("README.md").display()));
    if let Some(allowed) = allowed {
        print(&format!("note: {}\n", allowed.trim_end()));
    }
    Ok(ExitCode::SUCCESS)
}
