//! New files, all of them or none.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// What was made, so that a later failure can take it away again.
#[derive(Default)]
pub(crate) struct Made {
    files: Vec<PathBuf>,
    /// The outer ones first.
    folders: Vec<PathBuf>,
}

/// Writes files that are not there yet, or none of them.
pub(crate) fn put(root: &Path, files: &BTreeMap<String, String>) -> Result<Made, Failure> {
    let mut made = Made::default();
    for (path, text) in files {
        let path = root.join(path);
        if let Err(error) = made.add(&path, text) {
            made.take_back();
            let what = format!("{}: cannot be written: {error}. Nothing was written", path.display());
            return Err(Failure::Asked(what));
        }
    }
    Ok(made)
}

impl Made {
    fn add(&mut self, path: &Path, text: &str) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
            let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
            // Noted before it is tried, since some are made before one fails.
            self.folders.extend(missing.into_iter().rev().map(Path::to_owned));
            std::fs::create_dir_all(folder)?;
        }
        let mut file = File::options().write(true).create_new(true).open(path)?;
        // Noted before it is filled, since half a file is to go too.
        self.files.push(path.to_owned());
        file.write_all(text.as_bytes())
    }

    /// Takes everything away again. What cannot be removed is named by the next run, which finds it there, and a
    /// folder in which others have put something stays.
    pub(crate) fn take_back(&self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
        for folder in self.folders.iter().rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
}
