//! The files of a release. The same programs always give the same bytes: no time, no user and no order of
//! a folder goes into them.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{AGENT, GENERATOR, PROVIDER, VERSION};
use crate::step;

/// Which protocol the provider speaks, as the registries ask it.
const MANIFEST: &str =
    "{\n  \"version\": 1,\n  \"metadata\": {\n    \"protocol_versions\": [\"6.0\"]\n  }\n}\n";

/// The files of a release in a folder of their own.
#[derive(Debug)]
pub(crate) struct Files {
    /// The folder.
    pub(crate) folder: PathBuf,
    platform: String,
}

impl Files {
    /// Packs the programs that lie in `programs` under their names. Archives of other platforms that are in
    /// the folder stay, and the sums are those of all of them.
    ///
    /// # Errors
    /// When a program is missing or a file cannot be written.
    pub(crate) fn pack(programs: &Path, licence: &Path, platform: &str, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let files = Self { folder: folder.to_path_buf(), platform: platform.to_owned() };
        // The CLIs look for a name that ends with the version; the others are called as they are typed.
        let named = [
            (PROVIDER, format!("{PROVIDER}_v{VERSION}")),
            (GENERATOR, GENERATOR.to_owned()),
            (AGENT, AGENT.to_owned()),
        ];
        for (program, name) in named {
            let contents = [("LICENSE", licence, 0o644), (name.as_str(), &programs.join(program), 0o755)];
            archive(&files.archive_of(program), &contents)?;
        }
        write(&folder.join(format!("{PROVIDER}_{VERSION}_manifest.json")), MANIFEST)?;
        for (sums, prefixes) in sums_of() {
            write(&folder.join(sums), &files.sums(prefixes)?)?;
        }
        Ok(files)
    }

    /// The archive with the provider.
    pub(crate) fn provider(&self) -> PathBuf {
        self.archive_of(PROVIDER)
    }

    fn archive_of(&self, program: &str) -> PathBuf {
        self.folder.join(format!("{program}_{VERSION}_{}.zip", self.platform))
    }

    /// SHA-256 of every file of this version whose name begins with one of `prefixes`, as sha256sum writes and
    /// checks it.
    fn sums(&self, prefixes: &[&str]) -> Result<String> {
        let listed =
            fs::read_dir(&self.folder).with_context(|| format!("cannot list {}", self.folder.display()))?;
        let mut names = Vec::new();
        for entry in listed {
            names.extend(entry.context("cannot list the release's folder")?.file_name().into_string());
        }
        names.retain(|name| {
            let ours = prefixes.iter().any(|prefix| name.starts_with(&format!("{prefix}_{VERSION}_")));
            ours && (name.ends_with(".zip") || name.ends_with("_manifest.json"))
        });
        names.sort();
        let mut text = String::new();
        for name in names {
            let path = self.folder.join(&name);
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            text.push_str(&format!("{sum}  {name}\n"));
        }
        Ok(text)
    }

    /// Signs the sums with a key of the user's gpg, apart from them and not as text, as the registries want it.
    ///
    /// # Errors
    /// When gpg is missing or does not sign.
    pub(crate) fn sign(&self, key: &str) -> Result<()> {
        for (sums, _) in sums_of() {
            let sums = self.folder.join(sums);
            let signature = self.folder.join(format!("{}.sig", sums.display()));
            let mut gpg = Command::new("gpg");
            gpg.args(["--batch", "--yes", "--local-user", key, "--detach-sign", "--output"]);
            step::output(gpg.arg(&signature).arg(&sums))?;
        }
        Ok(())
    }

    /// What is there, to be shown.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for path in crate::content::files_below(&self.folder)? {
            names.push(path.display().to_string());
        }
        Ok(names)
    }
}

/// The registries read the provider's sums, and nothing else may stand in them.
fn sums_of() -> [(String, &'static [&'static str]); 2] {
    [
        (format!("{PROVIDER}_{VERSION}_SHA256SUMS"), &[PROVIDER]),
        (format!("gpu-tenancy_{VERSION}_SHA256SUMS"), &[GENERATOR, AGENT]),
    ]
}

fn archive(at: &Path, contents: &[(&str, &Path, u32)]) -> Result<()> {
    let cannot = || format!("cannot write {}", at.display());
    let mut zip = ZipWriter::new(BufWriter::new(File::create(at).with_context(cannot)?));
    for (name, path, mode) in contents {
        if !path.is_file() {
            bail!("{} is missing", path.display());
        }
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(*mode);
        zip.start_file(*name, options).with_context(cannot)?;
        let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        std::io::copy(&mut file, &mut zip).with_context(cannot)?;
    }
    zip.finish().with_context(cannot)?.flush().with_context(cannot)?;
    let size = fs::metadata(at).with_context(cannot)?.len();
    ensure!(size > 0, "{} is empty", at.display());
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(folder: &Path) -> PathBuf {
        let programs = folder.join("programs");
        fs::create_dir_all(&programs).unwrap();
        for name in [PROVIDER, GENERATOR, AGENT] {
            fs::write(programs.join(name), name.repeat(1000)).unwrap();
        }
        fs::write(folder.join("LICENSE"), "free").unwrap();
        programs
    }

    fn packed(folder: &Path, platform: &str, out: &str) -> Files {
        Files::pack(&programs(folder), &folder.join("LICENSE"), platform, &folder.join(out)).unwrap()
    }

    #[test]
    fn two_runs_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let one = packed(folder.path(), "linux_amd64", "one");
        std::thread::sleep(std::time::Duration::from_millis(2100));
        let two = packed(folder.path(), "linux_amd64", "two");
        let names = one.names().unwrap();
        assert_eq!(names.len(), 6, "{names:?}");
        for name in names {
            let name = Path::new(&name).file_name().unwrap();
            assert_eq!(fs::read(one.folder.join(name)).unwrap(), fs::read(two.folder.join(name)).unwrap());
        }
    }

    #[test]
    fn the_sums_are_of_every_platform_and_the_manifest_and_can_be_checked() {
        let folder = tempfile::tempdir().unwrap();
        packed(folder.path(), "linux_arm64", "out");
        let files = packed(folder.path(), "linux_amd64", "out");
        let sums = format!("{PROVIDER}_{VERSION}_SHA256SUMS");
        let text = fs::read_to_string(files.folder.join(&sums)).unwrap();
        let names: Vec<&str> = text.lines().map(|line| line.split_once("  ").unwrap().1).collect();
        let of = |end: &str| format!("{PROVIDER}_{VERSION}_{end}");
        assert_eq!(names, [of("linux_amd64.zip"), of("linux_arm64.zip"), of("manifest.json")]);
        for sums in [sums, format!("gpu-tenancy_{VERSION}_SHA256SUMS")] {
            let mut check = Command::new("sha256sum");
            step::output(check.args(["--check", "--strict", &sums]).current_dir(&files.folder)).unwrap();
        }
    }

    #[test]
    fn a_program_keeps_its_name_and_may_be_run() {
        let folder = tempfile::tempdir().unwrap();
        let files = packed(folder.path(), "linux_amd64", "out");
        let mut zip = zip::ZipArchive::new(File::open(files.provider()).unwrap()).unwrap();
        let program = zip.by_name(&format!("{PROVIDER}_v{VERSION}")).unwrap();
        assert_eq!(program.unix_mode().map(|mode| mode & 0o777), Some(0o755));
    }

    #[test]
    fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let programs = programs(folder.path());
        fs::remove_file(programs.join(AGENT)).unwrap();
        let licence = folder.path().join("LICENSE");
        let told = Files::pack(&programs, &licence, "linux_amd64", &folder.path().join("out")).unwrap_err();
        assert!(told.to_string().ends_with("gpu-agent is missing"), "{told}");
    }

    #[test]
    fn the_manifest_is_what_the_registries_read() {
        let manifest: serde_json::Value = serde_json::from_str(MANIFEST).unwrap();
        assert_eq!(manifest, serde_json::json!({"version": 1, "metadata": {"protocol_versions": ["6.0"]}}));
    }
}
