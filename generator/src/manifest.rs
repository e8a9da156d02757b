//! The list of what was generated: each file with the SHA-256 of its content.
//!
//! Its format is that of `sha256sum --check`, so that anybody can verify it. A
//! file that has neither the digest listed here nor the content about to be
//! written was edited by a person.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Its name in the live repository.
pub const NAME: &str = ".gpu-stacks.manifest";

/// What a manifest says while files are being replaced. Whoever finds it knows
/// that a run was cut short and that contents may lie about beside their places.
const UNFINISHED: &str =
    "# Files are being replaced. Where this stays, a run was cut short: run `gpu-stacks generate`.\n";

/// Whether a run that wrote this manifest was cut short.
pub fn is_unfinished(text: &str) -> bool {
    text.contains(UNFINISHED)
}

/// The digest of a content in hexadecimal.
pub fn digest(content: &str) -> String {
    Sha256::digest(content.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Which contents of which files are ours. A file has two digests only while
/// files are being replaced, so that a run cut short leaves nothing unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest(pub BTreeMap<String, BTreeSet<String>>);

impl Manifest {
    /// The manifest of these contents.
    pub fn of<'f>(files: impl IntoIterator<Item = (&'f String, &'f String)>) -> Self {
        Self(
            files
                .into_iter()
                .map(|(path, content)| (path.clone(), BTreeSet::from([digest(content)])))
                .collect(),
        )
    }

    /// Both at once.
    pub fn union(&self, other: &Manifest) -> Manifest {
        let mut all = self.clone();
        for (path, digests) in &other.0 {
            all.0.entry(path.clone()).or_default().extend(digests.iter().cloned());
        }
        all
    }

    /// Whether this content of this file is ours.
    pub fn has(&self, path: &str, content: &str) -> bool {
        self.0.get(path).is_some_and(|digests| digests.contains(&digest(content)))
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// The first line, counted from 1, that is not `<digest>  <path>` with a
    /// path inside the live repository.
    pub fn parse(text: &str) -> Result<Self, usize> {
        let mut manifest = Manifest::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let (digest, path) = line.split_once("  ").ok_or(index + 1)?;
            let digest_is_one = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            let inside = !path.is_empty()
                && path.split('/').all(|part| !part.is_empty() && part != ".." && part != ".");
            if !digest_is_one || !inside {
                return Err(index + 1);
            }
            manifest.0.entry(path.to_owned()).or_default().insert(digest.to_owned());
        }
        Ok(manifest)
    }

    /// Its text while files are being replaced.
    pub fn to_unfinished_text(&self) -> String {
        UNFINISHED.to_owned() + &self.to_text()
    }

    /// Its text, sorted by path.
    pub fn to_text(&self) -> String {
        let mut text = String::from(
            "# What gpu-stacks generated. Verify with `sha256sum --check`. Do not edit: run `gpu-stacks generate`.\n",
        );
        for (path, digests) in &self.0 {
            for digest in digests {
                let _ = writeln!(text, "{digest}  {path}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_survives_its_text_and_refuses_what_leads_outside() {
        let manifest = Manifest::of(&BTreeMap::from([("a/b.tf".to_owned(), "x".to_owned())]));
        assert_eq!(Manifest::parse(&manifest.to_text()), Ok(manifest.clone()));
        assert!(manifest.has("a/b.tf", "x") && !manifest.has("a/b.tf", "y") && !manifest.has("b.tf", "x"));
        let d = digest("x");
        for bad in [format!("{d}  ../x"), format!("{d}  /etc/x"), format!("{d} x"), "<<<<<<< HEAD".into()] {
            assert_eq!(Manifest::parse(&format!("# head\n{bad}\n")), Err(2), "{bad}");
        }
    }
}
