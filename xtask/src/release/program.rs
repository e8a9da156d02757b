//! What a program says of the machine that it needs, and of the one that it was built on.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// The kind of a program header that names the loader.
const LOADER: u32 = 3;

/// # Errors
/// When the program can only start beside a C library.
pub(super) fn needs_no_loader(path: &Path) -> Result<()> {
    ensure!(!names_a_loader(&read(path)?)?, "{} is not static: it names a loader", path.display());
    Ok(())
}

/// # Errors
/// When the program holds the name of a folder of this machine, which another machine's build would not have.
pub(super) fn without_paths(path: &Path, folders: &[(String, String)]) -> Result<()> {
    let bytes = read(path)?;
    for (folder, _) in folders {
        let at = position(&bytes, folder.as_bytes());
        if let Some(at) = at {
            let text: Vec<u8> =
                bytes[at..].iter().copied().take_while(u8::is_ascii_graphic).take(120).collect();
            bail!("{} holds a path of this machine: {}", path.display(), String::from_utf8_lossy(&text));
        }
    }
    Ok(())
}

/// The oldest glibc that has everything that the program asks for.
///
/// # Errors
/// When it cannot be read, or asks for nothing.
pub(super) fn oldest_libc(path: &Path) -> Result<String> {
    const MARK: &[u8] = b"GLIBC_2.";
    let bytes = read(path)?;
    let mut newest = None;
    let mut rest = bytes.as_slice();
    while let Some(at) = position(rest, MARK) {
        rest = &rest[at + MARK.len()..];
        let digits: String =
            rest.iter().take_while(|it| it.is_ascii_digit()).map(|it| char::from(*it)).collect();
        newest = newest.max(digits.parse::<u32>().ok());
    }
    let newest = newest.with_context(|| format!("{} asks for no version of glibc", path.display()))?;
    Ok(format!("2.{newest}"))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Whether a 64-bit little-endian ELF file has a header for the loader.
fn names_a_loader(file: &[u8]) -> Result<bool> {
    ensure!(file.starts_with(b"\x7fELF\x02\x01"), "this is no 64-bit program of Linux");
    let number = |at: usize, size: usize| -> Result<usize> {
        let bytes = file.get(at..at + size).context("the program ends in its headers")?;
        Ok(bytes.iter().rev().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
    };
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for index in 0..count {
        if number(table + index * size, 4)? == LOADER as usize {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_names_a_loader_and_a_c_library() {
        let this = std::env::current_exe().unwrap();
        assert!(needs_no_loader(&this).unwrap_err().to_string().contains("is not static"));
        let oldest = oldest_libc(&this).unwrap();
        assert!(oldest.strip_prefix("2.").unwrap().parse::<u32>().unwrap() >= 17, "{oldest}");
    }

    #[test]
    fn a_path_of_this_machine_is_found_and_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("program");
        fs::write(&file, b"\0/somewhere/deep/lib.rs\0").unwrap();
        let somewhere = |name: &str| [(name.to_owned(), "/source".to_owned())];
        let told = without_paths(&file, &somewhere("/somewhere")).unwrap_err().to_string();
        assert!(told.ends_with("/somewhere/deep/lib.rs"), "{told}");
        without_paths(&file, &somewhere("/elsewhere")).unwrap();
    }

    #[test]
    fn no_program_is_said_to_be_none() {
        assert!(names_a_loader(b"#!/bin/sh").unwrap_err().to_string().contains("no 64-bit program"));
    }
}
