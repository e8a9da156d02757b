//! What goes into an image: the least that a program needs to run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// One entry of an image's file tree. Paths have no leading slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A folder and its mode.
    Folder(String, u32),
    /// A file, its mode and content.
    File(String, u32, Vec<u8>),
    /// A symbolic link and where it points.
    Link(String, String),
}

/// The tree of a program: itself, its loader and every library it names, and the little of /etc that the C
/// library asks for. No shell, no package manager, nothing to write to but /tmp.
///
/// # Errors
/// When the program is missing or a library cannot be found.
pub(crate) fn program(binary: &Path) -> Result<Vec<Entry>> {
    if !binary.is_file() {
        bail!("{} is not built; run `cargo xtask image`, which builds it", binary.display());
    }
    let name = binary.file_name().and_then(|name| name.to_str()).context("a program without a name")?;
    tree(binary, &format!("usr/local/bin/{name}"))
}

/// The tree of busybox, with a link for each applet.
///
/// # Errors
/// When the program or a library cannot be read.
pub(crate) fn busybox(binary: &Path, applets: &str) -> Result<Vec<Entry>> {
    let mut entries = tree(binary, "bin/busybox")?;
    for applet in applets.lines().filter(|applet| *applet != "busybox") {
        entries.push(Entry::Link(format!("bin/{applet}"), "/bin/busybox".to_owned()));
    }
    Ok(entries)
}

fn tree(binary: &Path, at: &str) -> Result<Vec<Entry>> {
    let mut entries = base();
    for library in libraries(binary)? {
        entries.push(file(&inside(&library)?, 0o755, &library)?);
    }
    entries.push(file(at, 0o755, binary)?);
    Ok(entries)
}

fn base() -> Vec<Entry> {
    let text = |path: &str, text: &str| Entry::File(path.to_owned(), 0o644, text.as_bytes().to_vec());
    vec![
        Entry::Folder("tmp".to_owned(), 0o1777),
        text(
            "etc/passwd",
            "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n",
        ),
        text("etc/group", "root:x:0:\nnonroot:x:65532:\n"),
        // Without it the C library's resolver does not look into /etc/hosts first.
        text("etc/nsswitch.conf", "hosts: files dns\n"),
    ]
}

fn file(inside: &str, mode: u32, path: &Path) -> Result<Entry> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Entry::File(inside.to_owned(), mode, bytes))
}

fn inside(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(text.trim_start_matches('/').to_owned())
}

/// The loader and every library, as the loader itself would find them; none for a static program.
fn libraries(binary: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(binary).output().context("cannot start ldd (package libc-bin)")?;
    if String::from_utf8_lossy(&output.stderr).contains("not a dynamic executable") {
        return Ok(Vec::new());
    }
    if !output.status.success() {
        bail!("ldd {} failed: {}", binary.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    parse_ldd(&String::from_utf8_lossy(&output.stdout))
        .with_context(|| format!("the libraries of {}", binary.display()))
}

fn parse_ldd(listed: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for line in listed.lines().map(str::trim) {
        if line.ends_with("=> not found") {
            bail!("{line}; install the package that has it");
        }
        let path = line.split_once("=> ").map_or(line, |(_, path)| path);
        let path = path.split(" (").next().unwrap_or_default();
        // The kernel's own virtual library has no path.
        if path.starts_with('/') {
            found.push(PathBuf::from(path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "\tlinux-vdso.so.1 (0x00007ffd)\n\
        \tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f1)\n\
        \t/lib64/ld-linux-x86-64.so.2 (0x00007f2)\n";

    #[test]
    fn the_loader_and_the_libraries_are_found_and_the_kernels_own_is_not() {
        let found = parse_ldd(LISTED).unwrap();
        assert_eq!(
            found,
            [
                PathBuf::from("/lib/x86_64-linux-gnu/libgcc_s.so.1"),
                PathBuf::from("/lib64/ld-linux-x86-64.so.2")
            ]
        );
    }

    #[test]
    fn a_missing_library_is_named() {
        let error = parse_ldd("\tlibfoo.so => not found\n").unwrap_err().to_string();
        assert!(error.contains("libfoo.so"), "{error}");
    }

    #[test]
    fn a_program_comes_with_its_loader() {
        let entries = program(&std::env::current_exe().unwrap()).unwrap();
        let has_loader =
            entries.iter().any(|entry| matches!(entry, Entry::File(path, ..) if path.contains("ld-linux")));
        assert!(has_loader, "no loader");
    }
}
