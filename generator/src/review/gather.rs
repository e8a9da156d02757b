//! Reads what a review rests on from the disk: plans in the layout of
//! terragrunt's `--json-out-dir`, or single files.

use std::fmt;
use std::path::{Path, PathBuf};

use super::assemble::{Input, Stack};
use super::{plan, run_report};
use crate::fleet::Fleet;

/// What terragrunt calls the plan of a unit.
const PLAN: &str = "tfplan.json";

/// A file or folder that cannot be reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its path, as it was given.
    pub path: PathBuf,
    /// Why, and what to do.
    pub reason: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}.", self.path.display(), self.reason)
    }
}

/// Reads plans from folders and files, and terragrunt's report where there is one.
///
/// # Errors
/// Every file that cannot be read, and every folder without a plan.
pub fn gather(
    paths: &[PathBuf],
    report: Option<&Path>,
    fleet: Option<Fleet>,
) -> Result<Input, Vec<Unreadable>> {
    let mut problems = Vec::new();
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for path in paths {
        match plans_in(path) {
            Ok(found) => files.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    files.sort();
    files.dedup();
    let mut stacks = Vec::with_capacity(files.len());
    for result in parsed(&files) {
        match result {
            Ok(stack) => stacks.push(stack),
            Err(problem) => problems.push(problem),
        }
    }
    let runs = report.map(|path| {
        let refuse = |reason| Unreadable { path: path.to_owned(), reason };
        let text =
            std::fs::read_to_string(path).map_err(|error| refuse(format!("it cannot be read: {error}")))?;
        run_report::parse(&text).map_err(refuse)
    });
    let runs = runs.transpose().unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Input { stacks, runs: runs.unwrap_or_default(), fleet })
}

/// The plans at a path, by the name of their stack.
fn plans_in(path: &Path) -> Result<Vec<(String, PathBuf)>, Unreadable> {
    let refuse = |reason: String| Unreadable { path: path.to_owned(), reason };
    let kind = std::fs::metadata(path).map_err(|error| refuse(format!("it cannot be read: {error}")))?;
    if !kind.is_dir() {
        return Ok(vec![(name_of(path), path.to_owned())]);
    }
    let mut found = Vec::new();
    walk(path, &mut found)?;
    let of_units = found.iter().any(|file| file.ends_with(PLAN));
    let plans: Vec<(String, PathBuf)> = found
        .into_iter()
        .filter(|file| !of_units || file.ends_with(PLAN))
        .map(|file| {
            let below = file.strip_prefix(path).unwrap_or(&file).to_owned();
            // The plan of the folder itself has no path below it.
            (if below == Path::new(PLAN) { name_of(&file) } else { name_of(&below) }, file)
        })
        .collect();
    if plans.is_empty() {
        return Err(refuse(format!(
            "there is no plan in it. `terragrunt run --all --json-out-dir {} -- plan` writes one {PLAN} for each \
             stack; where every stack failed it writes none",
            path.display()
        )));
    }
    Ok(plans)
}

/// Adds all JSON files below a folder. Links to folders are not followed.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Unreadable> {
    let refuse = |error: std::io::Error| Unreadable {
        path: folder.to_owned(),
        reason: format!("it cannot be read: {error}"),
    };
    for entry in std::fs::read_dir(folder).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        let path = entry.path();
        if entry.file_type().map_err(refuse)?.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    Ok(())
}

/// A stack's name from the path of its plan: the folder of a `tfplan.json`, the stem of another file.
fn name_of(path: &Path) -> String {
    let named =
        if path.ends_with(PLAN) { path.parent().map(Path::to_owned) } else { Some(path.with_extension("")) };
    let named = named.filter(|path| !path.as_os_str().is_empty() && path != Path::new("."));
    let named = named.unwrap_or_else(|| PathBuf::from("stack"));
    let relative = named.is_relative() && !named.starts_with("..");
    let shown =
        if relative { named.as_path() } else { Path::new(named.file_name().unwrap_or(named.as_os_str())) };
    shown.strip_prefix(".").unwrap_or(shown).to_string_lossy().into_owned()
}

/// All plans, read and parsed on as many processors as there are.
fn parsed(files: &[(String, PathBuf)]) -> Vec<Result<Stack, Unreadable>> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = files.len().div_ceil(workers).max(1);
    std::thread::scope(|scope| {
        let running: Vec<_> = files
            .chunks(share)
            .map(|files| scope.spawn(move || files.iter().map(parse).collect::<Vec<_>>()))
            .collect();
        // A worker that panicked has told so; its plans are missing, which must not pass for success.
        running
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn parse((name, path): &(String, PathBuf)) -> Result<Stack, Unreadable> {
    let refuse = |reason: String| Unreadable { path: path.clone(), reason };
    let text =
        std::fs::read_to_string(path).map_err(|error| refuse(format!("it cannot be read: {error}")))?;
    let plan = plan::parse(&text).map_err(|error| refuse(error.to_string()))?;
    Ok(Stack { name: name.clone(), plan })
}
