//! Compiling for people whose machines are not this one.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Arch;
use crate::cargo;
use crate::places::Places;
use crate::step;

/// Whether a program brings its C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linkage {
    /// It does, and runs wherever its processor's Linux does.
    Static,
    /// It does not.
    Dynamic,
}

/// Whether this machine can compile for that processor.
///
/// # Errors
/// With what to install.
pub(super) fn check_target(arch: Arch) -> Result<()> {
    let sysroot = step::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let target = arch.target();
    let standard = Path::new(sysroot.trim()).join("lib/rustlib").join(&target).join("lib");
    let mut lacks = Vec::new();
    if !standard.is_dir() {
        lacks.push(format!("Rust's standard library: rustup target add {target}"));
    }
    if Arch::here() != Some(arch) && !step::succeeds(Command::new(linker(arch)).arg("--version")) {
        lacks.push(format!(
            "a compiler and C library for it: apt-get install gcc-{rust}-linux-gnu libc6-dev-{go}-cross",
            rust = arch.rust().replace('_', "-"),
            go = arch.platform().trim_start_matches("linux_"),
        ));
    }
    if !lacks.is_empty() {
        bail!(
            "a release for {} needs here {}. Or build on such a machine, and pack with --binaries",
            arch.platform(),
            lacks.join(", and ")
        );
    }
    Ok(())
}

fn linker(arch: Arch) -> String {
    format!("{}-linux-gnu-gcc", arch.rust())
}

/// Builds programs and copies them into `folder`; answers with where they lie.
///
/// # Errors
/// When one does not compile.
pub(super) fn build(
    places: &Places,
    arch: Arch,
    linkage: Linkage,
    programs: &[&str],
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    let target = arch.target();
    let mut build =
        cargo::command(places, &["build", "--workspace", "--locked", "--release", "--target", &target]);
    for program in programs {
        build.args(["--bin", program]);
    }
    let prefixes = places_of(places)?;
    let mut rust: Vec<String> =
        prefixes.iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")).collect();
    if linkage == Linkage::Static {
        rust.push("-Ctarget-feature=+crt-static".to_owned());
    }
    let c: Vec<String> = prefixes.iter().map(|(from, to)| format!("-ffile-prefix-map={from}={to}")).collect();
    build.env("CARGO_ENCODED_RUSTFLAGS", rust.join("\x1f")).env("CFLAGS", c.join(" "));
    // Two runs of one commit give the same bytes only without what remembers the one before.
    build.env("CARGO_INCREMENTAL", "0").env("SOURCE_DATE_EPOCH", "0");
    if Arch::here() != Some(arch) {
        let name = target.replace('-', "_");
        build.env(format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()), linker(arch));
        build.env(format!("CC_{name}"), linker(arch));
    }
    step::visible(&mut build)?;
    let built = places.target.join(&target).join("release");
    let copied = programs.iter().map(|program| {
        let at = folder.join(program);
        fs::copy(built.join(program), &at).with_context(|| format!("cannot write {}", at.display()))?;
        Ok(at)
    });
    copied.collect()
}

/// The folders of this machine that a compiler would write into a program, and what it writes instead.
///
/// # Errors
/// When a folder's name is no text, or cargo's home is not known.
pub(super) fn places_of(places: &Places) -> Result<Vec<(String, String)>> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    // The last that fits is taken, so what lies in another comes after it.
    let mut folders = [(&places.repository, "/source"), (&places.target, "/target"), (&home, "/cargo")];
    folders.sort_by_key(|(folder, _)| folder.components().count());
    let named = folders.into_iter().map(|(folder, name)| {
        let text = folder.to_str().with_context(|| format!("{} is no text", folder.display()))?;
        Ok((text.to_owned(), name.to_owned()))
    });
    named.collect()
}
