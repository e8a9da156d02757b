//! Writing, checking and showing are one function: what `check` accepts is
//! what `generate` would leave as it is.

use std::collections::BTreeMap;
use std::path::Path;

use crate::disk::{self, Disk};
use crate::leaf::{MADE_UNITS, UNITS};
use crate::manifest::{self, Manifest};
use crate::own::is_own;

/// What to do about differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Replace the files.
    Write {
        /// Also those that a person edited.
        overwrite: bool,
    },
    /// Report only.
    Check,
}

/// One file that differs from what would be generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its path in the live repository.
    pub path: String,
    /// What is there.
    pub before: Option<String>,
    /// What belongs there; `None` for a file of a tenant that is gone.
    pub after: Option<String>,
    /// Whose text it is that is there.
    pub origin: Origin,
}

/// Whose text it is that a change replaces or removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The generator's, or nothing is there.
    Generated,
    /// The generator's, with the edit of a person.
    Edited,
    /// Somebody's who wrote the file before a tenant needed its place.
    Foreign,
}

impl Origin {
    fn of(path: &str, before: Option<&String>, old: &Manifest) -> Self {
        match before {
            Some(_) if !old.0.contains_key(path) => Self::Foreign,
            Some(before) if !old.has(path, before) => Self::Edited,
            _ => Self::Generated,
        }
    }
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The manifest is not one, most likely after a merge.
    #[error(
        "{}:{line}: this is not a line of a manifest. If it is a merge conflict, take either side \
         (`git checkout --theirs {}`) and run `gpu-stacks generate`",
        manifest::NAME,
        manifest::NAME
    )]
    Manifest {
        /// The line, counted from 1.
        line: usize,
    },
    /// People edited generated files, or wrote files where generated ones belong.
    #[error("nothing was changed, as some files are not as gpu-stacks wrote them{}", remedies(.0))]
    Edited(Vec<Change>),
    /// The file system refused something; everything is as it was before.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
}

/// The files by what happened to them, a line for each such thing, with what to do.
fn remedies(changes: &[Change]) -> String {
    let remedy = |change: &Change| match (change.origin, &change.after) {
        (Origin::Foreign, _) => {
            "not written by gpu-stacks. Move it away, or let `gpu-stacks generate --overwrite` replace it"
        }
        (_, Some(_)) => {
            "edited since it was generated. Move the edit into fleet.yaml or the tenant's file, then run \
             `gpu-stacks generate --overwrite`"
        }
        (_, None) => {
            "edited since it was generated, and no tenant needs it any more. Keep elsewhere what you need of \
             it, then let `gpu-stacks generate --overwrite` remove it"
        }
    };
    let mut paths: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for change in changes {
        paths.entry(remedy(change)).or_default().push(&change.path);
    }
    paths.into_iter().map(|(remedy, paths)| format!("\n  {}: {remedy}", paths.join(", "))).collect()
}

/// Compares a live repository with what belongs there and, in write mode,
/// replaces what differs, as a whole or not at all. A file of people's own is
/// written where it is missing and is otherwise no difference.
///
/// # Errors
/// Nothing has changed after an error: edited files are found before the first
/// write, and a failed write is undone.
pub fn write(
    root: &Path,
    files: &BTreeMap<String, String>,
    mode: Mode,
    disk: &impl Disk,
) -> Result<Vec<Change>, WriteError> {
    let old_text = disk.read(&root.join(manifest::NAME))?;
    let old = Manifest::parse(old_text.as_deref().unwrap_or_default())
        .map_err(|line| WriteError::Manifest { line })?;
    let new = Manifest::of(files.iter().filter(|(path, _)| !is_own(path)));
    let mut changes = compare(root, files, &old, disk)?;
    let manifest_change = manifest_change(old_text.clone(), &new);
    let Mode::Write { overwrite } = mode else {
        changes.extend(manifest_change);
        return Ok(changes);
    };
    let edited: Vec<Change> =
        changes.iter().filter(|change| change.origin != Origin::Generated).cloned().collect();
    if !edited.is_empty() && !overwrite {
        return Err(WriteError::Edited(edited));
    }
    let cut_short = old_text.as_deref().is_some_and(manifest::is_unfinished);
    let begun = old.0.keys().filter(|_| cut_short).map(String::as_str);
    disk::sweep(root, begun, disk)?;
    if changes.is_empty() && manifest_change.is_none() {
        return Ok(changes);
    }
    leave_the_stack(root, &changes, disk)?;
    let during = old.union(&new).to_unfinished_text();
    let manifest = disk::Manifests { before: old_text, during, after: new.to_text() };
    disk::replace(root, &changes, &manifest, disk)?;
    changes.extend(manifest_change);
    Ok(changes)
}

/// Takes the units that go out of the folder that terragrunt made of them. It makes units and removes none, so the
/// next run of all would make anew what was just destroyed.
fn leave_the_stack(root: &Path, changes: &[Change], disk: &impl Disk) -> Result<(), disk::DiskError> {
    for change in changes.iter().filter(|change| change.after.is_none()) {
        let Some(file) = change.path.strip_prefix(UNITS).filter(|file| file.ends_with("/terragrunt.hcl"))
        else {
            continue;
        };
        let copy = root.join(format!("{MADE_UNITS}{file}"));
        if copy.exists() {
            disk.remove(&copy)?;
        }
    }
    Ok(())
}

/// The manifest as one more file that may differ.
fn manifest_change(before: Option<String>, new: &Manifest) -> Option<Change> {
    let after = new.to_text();
    (before.as_ref() != Some(&after)).then(|| Change {
        path: manifest::NAME.to_owned(),
        before,
        after: Some(after),
        origin: Origin::Generated,
    })
}

/// Every file that differs, in the order of their paths.
fn compare(
    root: &Path,
    files: &BTreeMap<String, String>,
    old: &Manifest,
    disk: &impl Disk,
) -> Result<Vec<Change>, disk::DiskError> {
    let mut changes = BTreeMap::new();
    for (path, content) in files {
        let before = disk.read(&root.join(path))?;
        if before.as_ref() == Some(content) || (before.is_some() && is_own(path)) {
            continue;
        }
        let origin = Origin::of(path, before.as_ref(), old);
        let change = Change { path: path.clone(), before, after: Some(content.clone()), origin };
        changes.insert(path.clone(), change);
    }
    for path in old.0.keys().filter(|path| !files.contains_key(*path)) {
        if let Some(before) = disk.read(&root.join(path))? {
            let origin = Origin::of(path, Some(&before), old);
            let change = Change { path: path.clone(), before: Some(before), after: None, origin };
            changes.insert(path.clone(), change);
        }
    }
    Ok(changes.into_values().collect())
}

/// A change as a unified diff with three lines around it.
pub fn diff(change: &Change) -> String {
    let text = |side: &Option<String>| side.clone().unwrap_or_default();
    let (before, after) = (text(&change.before), text(&change.after));
    similar::TextDiff::from_lines(&before, &after)
        .unified_diff()
        .header(&format!("a/{}", change.path), &format!("b/{}", change.path))
        .to_string()
}
