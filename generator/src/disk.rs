//! Replacing many files as if they were one.
//!
//! First the manifest says that both the old and the new contents are ours.
//! Every new content is then written beside its place; what can fail for lack
//! of room or rights fails there. The files are renamed into place, and the
//! manifest is settled. An error undoes what was done; a machine that dies
//! in between leaves files that the next run recognises, and sweeps away where
//! nobody wants them any more.

use std::io;
use std::path::{Path, PathBuf};

use crate::manifest;
use crate::write::Change;

/// What the file system refused.
#[derive(Debug, thiserror::Error)]
#[error("{}: {step}: {source}. Nothing was changed; {remedy}", path.display())]
pub struct DiskError {
    /// The file or folder.
    pub path: PathBuf,
    /// What was tried, such as `cannot be written`.
    pub step: &'static str,
    /// What the system said.
    pub source: io::Error,
    /// What to do.
    pub remedy: &'static str,
}

impl DiskError {
    fn new(path: &Path, step: &'static str, source: io::Error) -> Self {
        let remedy = match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "run as a user who may write there, or generate in a copy"
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space and run again",
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists => {
                "move what stands in its place away and run again"
            }
            _ => "correct that and run again",
        };
        Self { path: path.to_owned(), step, source, remedy }
    }
}

/// The file system as far as it is needed, so that tests can let it fail.
pub trait Disk: Sync {
    /// The text of a file; `None` when there is none.
    ///
    /// # Errors
    /// Anything but its absence.
    fn read(&self, path: &Path) -> Result<Option<String>, DiskError>;

    /// Writes a file and the folders it needs.
    ///
    /// # Errors
    /// As the system says.
    fn create(&self, path: &Path, content: &str) -> Result<(), DiskError>;

    /// Renames a file over another.
    ///
    /// # Errors
    /// As the system says.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError>;

    /// Removes a file.
    ///
    /// # Errors
    /// As the system says.
    fn remove(&self, path: &Path) -> Result<(), DiskError>;
}

/// The machine's own file system.
#[derive(Debug, Clone, Copy)]
pub struct LocalDisk;

impl Disk for LocalDisk {
    fn read(&self, path: &Path) -> Result<Option<String>, DiskError> {
        match std::fs::read(path) {
            // Kept whole, since a failed run puts it back: what is not text is not ours to touch.
            Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|error| {
                DiskError::new(
                    path,
                    "cannot be read as text",
                    io::Error::new(io::ErrorKind::InvalidData, error),
                )
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DiskError::new(path, "cannot be read", error)),
        }
    }

    fn create(&self, path: &Path, content: &str) -> Result<(), DiskError> {
        let write = || -> io::Result<()> {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(path, content)
        };
        write().map_err(|error| DiskError::new(path, "cannot be written", error))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        std::fs::rename(from, to).map_err(|error| DiskError::new(to, "cannot be replaced", error))
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        std::fs::remove_file(path).map_err(|error| DiskError::new(path, "cannot be removed", error))
    }
}

/// The manifest's text before, while and after files are replaced.
#[derive(Debug)]
pub struct Manifests {
    /// What is there, if anything.
    pub before: Option<String>,
    /// Old and new contents are ours.
    pub during: String,
    /// Only the new ones are.
    pub after: String,
}

/// Replaces all files, or none.
///
/// # Errors
/// What failed first; everything is as it was before, as far as the disk still
/// lets itself be written.
pub fn replace(
    root: &Path,
    changes: &[Change],
    manifests: &Manifests,
    disk: &impl Disk,
) -> Result<(), DiskError> {
    let mut undo = Undo { root, disk, staged: Vec::new(), done: Vec::new() };
    match replace_all(root, changes, manifests, disk, &mut undo) {
        Ok(()) => {
            for change in changes.iter().filter(|change| change.after.is_none()) {
                if let Some(stack) = change.path.strip_suffix("/terragrunt.hcl") {
                    // Made for the stack by what ran in it, and of no use to anybody else. One that stays is seen by git.
                    let _ = disk.remove(&root.join(stack).join(".terraform.lock.hcl"));
                }
                remove_empty_folders(root, &change.path);
            }
            Ok(())
        }
        Err(error) => {
            undo.run();
            Err(error)
        }
    }
}

fn replace_all<D: Disk>(
    root: &Path,
    changes: &[Change],
    manifests: &Manifests,
    disk: &D,
    undo: &mut Undo<'_, D>,
) -> Result<(), DiskError> {
    let new: Vec<(&str, &str)> =
        changes.iter().filter_map(|change| Some((&*change.path, change.after.as_deref()?))).collect();
    // Before anything lies beside its place, since only the manifest tells the next run where to look for it.
    undo.done.push((manifest::NAME.to_owned(), manifests.before.clone()));
    put(root, manifest::NAME, &manifests.during, disk)?;
    undo.staged = new.iter().map(|(path, _)| (*path).to_owned()).collect();
    stage(root, &new, disk)?;
    for change in changes {
        let path = root.join(&change.path);
        undo.done.push((change.path.clone(), change.before.clone()));
        match change.after {
            Some(_) => disk.rename(&staged(root, &change.path), &path)?,
            None => disk.remove(&path)?,
        }
    }
    put(root, manifest::NAME, &manifests.after, disk)
}

/// Removes what a run that was cut short wrote beside the places of these paths, and beside the manifest's.
///
/// # Errors
/// What is there and cannot be removed.
pub fn sweep<'p>(
    root: &Path,
    paths: impl Iterator<Item = &'p str>,
    disk: &impl Disk,
) -> Result<(), DiskError> {
    for path in paths.chain([manifest::NAME]) {
        let left = staged(root, path);
        if left.exists() {
            disk.remove(&left)?;
        }
        remove_empty_folders(root, path);
    }
    Ok(())
}

/// Writes contents beside their places, on all cores: nothing takes as long, and no file waits for another.
fn stage(root: &Path, new: &[(&str, &str)], disk: &impl Disk) -> Result<(), DiskError> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = new.len().div_ceil(threads).max(1);
    let write = |part: &[(&str, &str)]| {
        part.iter().try_for_each(|(path, content)| disk.create(&staged(root, path), content))
    };
    std::thread::scope(|scope| {
        let writers: Vec<_> = new.chunks(share).map(|part| scope.spawn(move || write(part))).collect();
        // All are waited for, and the first that failed is told; a writer that panics takes this thread along.
        let done: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.into_iter().try_for_each(|one| one.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Writes one file in a way that nobody ever sees half of it.
fn put(root: &Path, path: &str, content: &str, disk: &impl Disk) -> Result<(), DiskError> {
    disk.create(&staged(root, path), content)?;
    disk.rename(&staged(root, path), &root.join(path))
}

/// Where a file's new content waits, in the folder of the file itself, since a
/// rename is only atomic within one file system.
fn staged(root: &Path, path: &str) -> PathBuf {
    let full = root.join(path);
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    full.with_file_name(format!(".{name}.gpu-stacks.tmp"))
}

/// What to put back when a later step fails, newest first.
struct Undo<'u, D: Disk> {
    root: &'u Path,
    disk: &'u D,
    staged: Vec<String>,
    done: Vec<(String, Option<String>)>,
}

impl<D: Disk> Undo<'_, D> {
    /// Puts everything back. What cannot be put back is left for the next run,
    /// which knows it by the manifest; the first error is the one to report.
    fn run(self) {
        for (path, before) in self.done.iter().rev() {
            let _ = match before {
                Some(content) => put(self.root, path, content, self.disk),
                None => self.disk.remove(&self.root.join(path)),
            };
        }
        let manifest = manifest::NAME.to_owned();
        for path in self.staged.iter().chain([&manifest]) {
            let _ = self.disk.remove(&staged(self.root, path));
        }
        for path in &self.staged {
            remove_empty_folders(self.root, path);
        }
    }
}

/// Removes the folders of a path that nothing is left in, up to the root. A
/// folder in which a state still lies stays.
fn remove_empty_folders(root: &Path, path: &str) {
    let folders = Path::new(path).ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    for folder in folders {
        if std::fs::remove_dir(root.join(folder)).is_err() {
            break;
        }
    }
}

#[cfg(test)]
mod tests;
