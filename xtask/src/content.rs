//! The content of folders, and the hash that keys what is built: the same sources are never built twice.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// How many hexadecimal digits of a hash go into a name: 48 bits are plenty for a handful of builds.
const DIGITS: usize = 12;

/// Adds up parts, each with its length, so that no two lists of parts look alike.
#[derive(Default)]
pub(crate) struct Content(Sha256);

impl Content {
    /// Adds bytes.
    pub(crate) fn bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a file's content, but not its path.
    pub(crate) fn file(self, path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(self.bytes(bytes))
    }

    /// Adds every file below a folder with its path inside it, in a stable order.
    pub(crate) fn folder(mut self, folder: &Path) -> Result<Self> {
        for path in files_below(folder)? {
            let inside = path.strip_prefix(folder).unwrap_or(&path);
            self = self.bytes(inside.as_os_str().as_encoded_bytes()).file(&path)?;
        }
        Ok(self)
    }

    /// The short hash.
    pub(crate) fn hash(self) -> String {
        let mut text: String = self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        text.truncate(DIGITS);
        text
    }
}

/// Every file below a folder, in a stable order.
///
/// # Errors
/// When a folder cannot be listed.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => files.push(entry.path()),
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let one = Content::default().bytes("ab").bytes("c").hash();
        let other = Content::default().bytes("a").bytes("bc").hash();
        assert_ne!(one, other);
        assert_eq!(one.len(), DIGITS);
    }

    #[test]
    fn a_moved_file_changes_the_hash_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("deep/a"), "same").unwrap();
        let before = Content::default().folder(folder.path()).unwrap().hash();
        fs::rename(folder.path().join("deep/a"), folder.path().join("a")).unwrap();
        assert_ne!(before, Content::default().folder(folder.path()).unwrap().hash());
    }
}
