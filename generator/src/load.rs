//! Reading a live repository: the only place that reads what people wrote.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};

use crate::fleet::Fleet;
use crate::node::{Node, SIZE_LIMIT};
use crate::problem::{Problem, Problems, Source};
use crate::raw::{RawConfigFile, RawFleet, RawTenant};
use crate::read::{FromNode, Reader};
use crate::validate::{self, FleetFile, TenantFile};

/// The fleet's file in the live repository.
pub(crate) const FLEET: &str = "fleet.yaml";
/// The folder of the tenants' files in it.
pub(crate) const TENANTS: &str = "tenants";

/// Reads and judges a live repository: `fleet.yaml` and `tenants/*.yaml`.
///
/// # Errors
/// Every problem of every file, ordered by file, line and column.
pub fn load(root: &Path) -> Result<Fleet, Vec<Problem>> {
    let mut problems = Problems::default();
    let source = match text(root, FLEET) {
        Ok(source) => source,
        Err(problem) => return Err(vec![problem]),
    };
    let raw = record::<RawFleet>(&source, &mut problems);
    let files: Vec<TenantFile> = tenant_names(root, &mut problems)
        .into_iter()
        .filter_map(|name| tenant_file(root, &name, &mut problems))
        .collect();
    let fleet = raw.and_then(|(node, raw)| {
        let file = FleetFile { source: &source, node: &node, raw: &raw };
        validate::fleet(file, &files, &mut problems)
    });
    match fleet {
        Some(fleet) => problems.into_result(fleet),
        None => Err(problems.sorted()),
    }
}

/// A file as tree and record, unless it has problems.
fn record<T: FromNode>(source: &Source, problems: &mut Problems) -> Option<(Node, T)> {
    match Node::parse(source) {
        Ok(node) => {
            let raw = T::from_node(&node, &mut Reader { problems })?;
            Some((node, raw))
        }
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

/// The tenants' file names, sorted.
fn tenant_names(root: &Path, problems: &mut Problems) -> Vec<String> {
    let folder = root.join(TENANTS);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        // A fleet may have cards before it has tenants.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            problems.push(unreadable(TENANTS, &error));
            return Vec::new();
        }
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort_unstable();
    for name in names.iter().filter(|name| name.ends_with(".yml")) {
        problems.push(
            Problem::with_path(format!("{TENANTS}/{name}"), "a tenant file ends in `.yaml`")
                .accepted("Rename it; a file that is silently left out is a tenant that is missing."),
        );
    }
    names.retain(|name| name.ends_with(".yaml"));
    names
}

fn tenant_file(root: &Path, name: &str, problems: &mut Problems) -> Option<TenantFile> {
    let source = match text(root, &format!("{TENANTS}/{name}")) {
        Ok(source) => source,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let (node, raw) = record::<RawTenant>(&source, problems)?;
    let mut texts = BTreeMap::new();
    for (_, file) in raw.config.iter().flat_map(|config| &config.0) {
        let RawConfigFile::File(path) = file else { continue };
        match config_text(root, path) {
            Ok(text) => {
                texts.insert(path.value.clone(), text);
            }
            Err(reason) => {
                problems.push(Problem::at(path.place.clone(), reason).accepted(
                    "Write the path of a text file beside this one, such as `chatterbox/config.yaml`.",
                ));
            }
        }
    }
    let stem = name.trim_end_matches(".yaml").to_owned();
    Some(TenantFile { stem, source, node, raw, texts })
}

fn config_text(root: &Path, path: &str) -> Result<String, String> {
    let relative = Path::new(path);
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) || path.is_empty() {
        return Err(format!("{path:?} leads out of the tenants' folder"));
    }
    let bytes = std::fs::read(root.join(TENANTS).join(relative))
        .map_err(|error| format!("{path:?} cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| format!("{path:?} is not text in UTF-8"))
}

fn text(root: &Path, path: &str) -> Result<Source, Problem> {
    let full = root.join(path);
    let size = std::fs::metadata(&full).map_err(|error| missing(root, path, &error))?.len();
    if size > SIZE_LIMIT as u64 {
        return Err(Problem::with_path(path, "the file is larger than 10 MiB")
            .accepted("Keep large data out of it; a ConfigMap holds 1 MiB at most."));
    }
    let bytes = std::fs::read(&full).map_err(|error| unreadable(path, &error))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(path, text)),
        Err(error) => {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
            Err(Problem::with_path(path, format!("line {} is not text in UTF-8", line + 1))
                .accepted("Save the file as UTF-8."))
        }
    }
}

fn missing(root: &Path, path: &str, error: &io::Error) -> Problem {
    if path == FLEET && error.kind() == io::ErrorKind::NotFound {
        let reason = format!("there is no {FLEET} in {}", root.display());
        return Problem::with_path(root.join(FLEET).display().to_string(), reason)
            .accepted("Name the folder of a live repository, `gpu-stacks generate PATH`, or write its fleet.yaml first.");
    }
    unreadable(path, error)
}

fn unreadable(path: &str, error: &io::Error) -> Problem {
    Problem::with_path(path, format!("it cannot be read: {error}"))
        .accepted("Check that it exists and that you may read it.")
}
