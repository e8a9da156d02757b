//! The configuration file: read at the start, and written anew where ordered.

use crate::say;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The last line of a file that a fake model wrote.
const SIGNATURE: &str = "# rewritten by fake-model\n";

/// Why the file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// It cannot be read.
    #[error("{}: {source}; mount the configuration there or unset CONFIG_PATH", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("{}: {source}; a server that rewrites its configuration needs a writable copy of it", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Reads the file, and writes it back with a line of ours when told to.
///
/// # Errors
/// It cannot be read or, when told to, written.
pub fn take_up(path: &Path, rewrite: bool) -> Result<String, ConfigFileError> {
    let read = |source| ConfigFileError::Read { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(read)?;
    say!("fake-model: {} has {} bytes", path.display(), text.len());
    if !rewrite {
        return Ok(text);
    }
    let mut rewritten = text.trim_end_matches(SIGNATURE).to_owned();
    if !rewritten.is_empty() && !rewritten.ends_with('\n') {
        rewritten.push('\n');
    }
    rewritten.push_str(SIGNATURE);
    let write = |source| ConfigFileError::Write { path: path.to_owned(), source };
    // In place and not by renaming: a single mounted file cannot be replaced.
    fs::write(path, &rewritten).map_err(write)?;
    say!("fake-model: rewrote {}", path.display());
    Ok(rewritten)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewriting_twice_changes_nothing_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        fs::write(&path, "port: 8004").unwrap();
        assert_eq!(take_up(&path, false).unwrap(), "port: 8004");
        let once = take_up(&path, true).unwrap();
        assert_eq!(once, "port: 8004\n# rewritten by fake-model\n");
        assert_eq!(take_up(&path, true).unwrap(), once);
        assert_eq!(fs::read_to_string(&path).unwrap(), once);
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = take_up(&dir.path().join("config.yaml"), false).unwrap_err().to_string();
        assert!(error.contains("config.yaml: No such file"), "{error}");
    }
}
