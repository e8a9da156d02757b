//! The commands that read or write one thing: what they ask of the core, and
//! what a person is told.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::failure::Failure;
use crate::init::{self, Start};
use crate::load::TENANTS;
use crate::new::{Asked, Draft, ask};
use crate::problem::Problem;
use crate::say::print;
use crate::write::Mode;
use crate::{LocalDisk, explain, export, files, load, render, write};

/// `gpu-stacks init`.
pub(crate) fn init(root: &Path, start: &Start) -> Result<ExitCode, Failure> {
    if let Some(path) = init::taken(root) {
        let what = format!(
            "{} is there already, so nothing was written. `gpu-stacks new` adds a tenant to it; another folder \
             makes another live repository",
            root.join(path).display()
        );
        return Err(Failure::Asked(what));
    }
    let own = init::files(start);
    put(root, &own)?;
    let fleet = load(root).map_err(|problems| Failure::Problems { problems, writing: false })?;
    let generated = render(&fleet).map_err(|error| Failure::Ours(error.to_string()))?;
    write(root, &generated, Mode::Write { overwrite: false }, &LocalDisk).map_err(Failure::Write)?;
    for path in own.keys() {
        print(&format!("create {path}\n"));
    }
    let at = root.display();
    print(&format!(
        "and {} files that follow from them.\n\nNext: name your node and your card in {}, then\n\
         \x20 gpu-stacks generate {at}\n  gpu-stacks fit {at}\n  cd {at} && terragrunt run --all -- plan\n",
        generated.len() + 1,
        root.join("fleet.yaml").display(),
    ));
    Ok(ExitCode::SUCCESS)
}

/// `gpu-stacks new`.
pub(crate) fn new(root: &Path, draft: Draft, dry_run: bool) -> Result<ExitCode, Failure> {
    let mut files =
        files(root).map_err(|problem| Failure::Problems { problems: vec![problem], writing: !dry_run })?;
    let draft = if draft.missing().is_empty() {
        draft
    } else if io::stdin().is_terminal() && io::stderr().is_terminal() {
        let cards = files.fleet_read.iter().flat_map(|(_, raw)| &raw.cards.0);
        let cards: Vec<String> = cards.map(|(name, _)| name.to_string()).collect();
        match ask(draft, &files.catalogue, &cards).map_err(|error| Failure::Asked(error.to_string()))? {
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
        print(&text);
        return Ok(ExitCode::SUCCESS);
    }
    put(root, &BTreeMap::from([(path.clone(), text)]))?;
    print(&format!(
        "create {path}\n\nNext: `gpu-stacks explain {path}` shows what follows from it, `gpu-stacks generate` \
         writes its stack.\n"
    ));
    Ok(ExitCode::SUCCESS)
}

/// `gpu-stacks explain`.
pub(crate) fn explain(asked: &str, in_json: bool) -> Result<ExitCode, Failure> {
    let (path, line) = match asked.rsplit_once(':') {
        Some((path, line)) if line.parse::<usize>().is_ok() => (path, line.parse().ok()),
        _ => (asked, None),
    };
    let path = PathBuf::from(path);
    let refuse = |problems: Vec<Problem>| Failure::Problems { problems, writing: false };
    let folder = path.parent().filter(|folder| folder.file_name().is_some_and(|name| name == TENANTS));
    let (Some(folder), Some(stem)) = (folder, path.file_stem().map(|stem| stem.to_string_lossy())) else {
        let what = format!(
            "{} is not a tenant's file. Name one in the folder `{TENANTS}` of a live repository, as \
             `stacks/{TENANTS}/voice.yaml:12`",
            path.display()
        );
        return Err(Failure::Asked(what));
    };
    let root = folder.parent().filter(|root| !root.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files = files(root).map_err(|problem| refuse(vec![problem]))?;
    let fleet = files.judged();
    let of_file = format!("{TENANTS}/{stem}.yaml");
    let (Some(fleet), true) = (fleet, files.problems.is_empty()) else {
        return Err(refuse(files.problems.sorted()));
    };
    let file = files.tenants.iter().find(|tenant| tenant.stem == stem);
    let (Some(file), Some(stack), Some((node, _))) = (file, fleet.stacks.get(&*stem), &files.fleet_read)
    else {
        return Err(Failure::Asked(format!("there is no {of_file} in {}", root.display())));
    };
    let all = explain::explain(file, stack, node, line).map_err(|problem| refuse(vec![problem]))?;
    if in_json {
        let told = serde_json::json!({ "version": 1, "tenant": stack.tenant.id.to_string(), "values": all });
        print(&format!("{told:#}\n"));
    } else {
        print(&explain::text(&all));
    }
    Ok(ExitCode::SUCCESS)
}

/// `gpu-stacks export kustomize`.
pub(crate) fn export(root: &Path, folder: &Path) -> Result<ExitCode, Failure> {
    let fleet = load(root).map_err(|problems| Failure::Problems { problems, writing: true })?;
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
    print(&format!("{} files; {} says how to apply them.\n", made.len(), folder.join("README.md").display()));
    Ok(ExitCode::SUCCESS)
}

/// Writes files that are not there yet, or none of them.
fn put(root: &Path, files: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut made: Vec<PathBuf> = Vec::new();
    let write_one = |path: &Path, text: &str| -> io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = std::fs::File::options().write(true).create_new(true).open(path)?;
        file.write_all(text.as_bytes())
    };
    for (path, text) in files {
        let path = root.join(path);
        if let Err(error) = write_one(&path, text) {
            for made in &made {
                // What cannot be removed is named by the next run, which finds it there.
                let _ = std::fs::remove_file(made);
            }
            let what = format!("{}: cannot be written: {error}. Nothing was written", path.display());
            return Err(Failure::Asked(what));
        }
        made.push(path);
    }
    Ok(())
}
