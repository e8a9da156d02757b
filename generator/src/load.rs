//! Reading a live repository: the only place that reads what people wrote.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path};

use crate::catalogue::{Catalogue, Entry};
use crate::fleet::Fleet;
use crate::implied::Implied;
use crate::node::{Node, SIZE_LIMIT, too_large};
use crate::problem::{Problem, Problems, Source};
use crate::raw::{RawConfigFile, RawFleet, RawTenant};
use crate::read::{FromNode, Reader};
use crate::validate::{self, FleetFile, TenantFile};

/// The fleet's file in the live repository.
pub(crate) const FLEET: &str = "fleet.yaml";
/// The folder of the tenants' files in it.
pub(crate) const TENANTS: &str = "tenants";
/// The folder of its own entries of the catalogue.
pub(crate) const CATALOGUE: &str = "catalogue";

/// Reads and judges a live repository: `fleet.yaml` and `tenants/*.yaml`.
///
/// # Errors
/// Every problem of every file, ordered by file, line and column.
pub fn load(root: &Path) -> Result<Fleet, Vec<Problem>> {
    files(root).map_err(|problem| vec![problem])?.into_fleet()
}

/// Judges a live repository that is not written yet, from the texts of its files by their paths.
///
/// # Errors
/// As [`load`].
pub(crate) fn unwritten(root: &Path, texts: &BTreeMap<String, String>) -> Result<Fleet, Vec<Problem>> {
    let mut files = Files::of(Source::new(FLEET, texts.get(FLEET).map_or("", String::as_str)));
    for (path, text) in texts.iter().filter(|(path, _)| *path != FLEET) {
        files.add_tenant(root, path, text);
    }
    files.into_fleet()
}

/// The files of a live repository as they were read.
#[derive(Debug)]
pub struct Files {
    /// The fleet's file.
    pub fleet: Source,
    /// Its tree and record, unless they have problems.
    pub fleet_read: Option<(Node, RawFleet)>,
    /// The tenants' files, sorted, without those that have problems.
    pub tenants: Vec<TenantFile>,
    /// The catalogue with the live repository's own entries.
    pub catalogue: Catalogue,
    /// What is wrong so far.
    pub problems: Problems,
}

impl Files {
    /// A fleet's file alone, with the catalogue that is built in.
    fn of(fleet: Source) -> Self {
        let mut problems = Problems::default();
        let fleet_read = record(&fleet, &mut problems);
        Self { fleet, fleet_read, tenants: Vec::new(), catalogue: Catalogue::built_in(), problems }
    }

    /// The fleet that these files describe; what is wrong joins `problems`.
    pub fn judged(&mut self) -> Option<Fleet> {
        let (node, raw) = self.fleet_read.as_ref()?;
        let file = FleetFile { source: &self.fleet, node, raw };
        validate::fleet(file, &self.tenants, &mut self.problems)
    }

    /// The fleet, or everything that is wrong, ordered by file, line and column.
    fn into_fleet(mut self) -> Result<Fleet, Vec<Problem>> {
        match self.judged() {
            Some(fleet) => self.problems.into_result(fleet),
            None => Err(self.problems.sorted()),
        }
    }

    /// Adds a tenant file that is not written yet.
    pub fn add_tenant(&mut self, root: &Path, path: &str, text: &str) {
        let source = Source::new(path, text);
        self.tenants.extend(read_tenant(root, source, &self.catalogue, &mut self.problems));
    }
}

/// Reads the files of a live repository.
///
/// # Errors
/// There is no fleet file, or it cannot be read. Everything else that is wrong
/// is among the problems of the files.
pub fn files(root: &Path) -> Result<Files, Problem> {
    let Files { fleet, fleet_read, catalogue, mut problems, .. } = Files::of(text(root, FLEET)?);
    let names = yaml_names(root, CATALOGUE, &mut problems);
    let entries: Vec<Entry> = names.iter().filter_map(|name| own_entry(root, name, &mut problems)).collect();
    let catalogue = catalogue.with(entries.into_iter());
    let tenants = yaml_names(root, TENANTS, &mut problems)
        .iter()
        .filter_map(|name| tenant_file(root, name, &catalogue, &mut problems))
        .collect();
    Ok(Files { fleet, fleet_read, tenants, catalogue, problems })
}

fn own_entry(root: &Path, name: &str, problems: &mut Problems) -> Option<Entry> {
    match text(root, &format!("{CATALOGUE}/{name}")) {
        Ok(source) => Entry::read(name.trim_end_matches(".yaml"), &source, problems),
        Err(problem) => {
            problems.push(problem);
            None
        }
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

/// The names of a folder's YAML files, sorted.
fn yaml_names(root: &Path, inside: &str, problems: &mut Problems) -> Vec<String> {
    let folder = root.join(inside);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        // A fleet may have cards before it has tenants.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            problems.push(unreadable(inside, &error));
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
            Problem::with_path(format!("{inside}/{name}"), "a file here ends in `.yaml`")
                .accepted("Rename it; a file that is silently left out is a tenant that is missing."),
        );
    }
    names.retain(|name| name.ends_with(".yaml"));
    names
}

fn tenant_file(
    root: &Path,
    name: &str,
    catalogue: &Catalogue,
    problems: &mut Problems,
) -> Option<TenantFile> {
    match text(root, &format!("{TENANTS}/{name}")) {
        Ok(source) => read_tenant(root, source, catalogue, problems),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

/// The tenant of a file's text.
fn read_tenant(
    root: &Path,
    source: Source,
    catalogue: &Catalogue,
    problems: &mut Problems,
) -> Option<TenantFile> {
    let own = Node::parse(&source).map_err(|problem| problems.push(problem)).ok()?;
    let implied = Implied::of(&own, catalogue, problems);
    let node = implied.under(&own);
    let raw = RawTenant::from_node(&node, &mut Reader { problems })?;
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
    let name = source.path.rsplit('/').next().unwrap_or_default();
    let stem = name.trim_end_matches(".yaml").to_owned();
    Some(TenantFile { stem, source, own, implied, node, raw, texts })
}

/// A ConfigMap that is larger is refused by the API server.
const CONFIG_LIMIT: usize = 1 << 20;

fn config_text(root: &Path, path: &str) -> Result<String, String> {
    let leaves = || format!("{path:?} leads out of the tenants' folder");
    let relative = Path::new(path);
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) || path.is_empty() {
        return Err(leaves());
    }
    let unreadable = |error: io::Error| format!("{path:?} cannot be read: {error}");
    let folder = root.join(TENANTS);
    // By where links lead, since whoever writes a tenant's file chooses what is read with the rights of CI.
    let full = folder.join(relative).canonicalize().map_err(unreadable)?;
    if !full.starts_with(folder.canonicalize().map_err(unreadable)?) {
        return Err(leaves());
    }
    match bounded(&full, CONFIG_LIMIT).map_err(unreadable)? {
        None => Err(format!(
            "{path:?} is larger than {} MiB, which is all that a ConfigMap holds",
            CONFIG_LIMIT >> 20
        )),
        Some(bytes) => String::from_utf8(bytes).map_err(|_| format!("{path:?} is not text in UTF-8")),
    }
}

/// The bytes of a file; `None` when there are more than `limit`, of which no more are read.
fn bounded(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    // Asked before it is opened: opening a pipe waits for somebody to write into it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= limit).then_some(bytes))
}

fn text(root: &Path, path: &str) -> Result<Source, Problem> {
    let bytes = bounded(&root.join(path), SIZE_LIMIT).map_err(|error| missing(root, path, &error))?;
    let Some(bytes) = bytes else {
        return Err(Problem::with_path(path, too_large())
            .accepted("Keep large data out of it; a ConfigMap holds 1 MiB at most."));
    };
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
            .accepted("Name the folder of a live repository, `gpu-stacks generate PATH`, or make one with `gpu-stacks init`.");
    }
    unreadable(path, error)
}

fn unreadable(path: &str, error: &io::Error) -> Problem {
    Problem::with_path(path, format!("it cannot be read: {error}"))
        .accepted("Check that it exists and that you may read it.")
}
