//! The provider under test, laid out as terraform and tofu install one from a folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::places::{Places, Profile};
use crate::release::{Arch, VERSION};

/// The provider's name below each registry.
const SOURCE: &str = "gpu-tenancy/gpu";

/// The registries that the two CLIs put before a source without a host name.
const REGISTRIES: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

/// A filesystem mirror and a CLI configuration that installs from it.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    /// The mirror's root.
    pub(crate) folder: PathBuf,
    /// For `TF_CLI_CONFIG_FILE`.
    pub(crate) configuration: PathBuf,
}

/// Lays out the provider. Nothing else can be installed with this configuration, so a
/// test that asks for another provider fails at once and not after a minute of network timeouts.
///
/// # Errors
/// When the provider is not built or the folder cannot be written.
pub(crate) fn lay_out(places: &Places, profile: Profile) -> Result<Mirror> {
    let name = match profile {
        Profile::Dev => "provider-dev",
        Profile::Release => "provider-release",
    };
    let folder = places.target.join(name).join("mirror");
    let binary = places.built("terraform-provider-gpu", profile);
    if !binary.is_file() {
        bail!("{} is missing; run `cargo build --package terraform-provider-gpu`", binary.display());
    }
    for place in unpacked(&folder)? {
        place_binary(&binary, &place)?;
    }
    let configuration = configure(&folder)?;
    Ok(Mirror { folder, configuration })
}

/// The folders of a mirror in which archives of the provider lie, one for each registry.
pub(crate) fn packed(mirror: &Path) -> Vec<PathBuf> {
    REGISTRIES.iter().map(|registry| mirror.join(registry).join(SOURCE)).collect()
}

/// The folders of a mirror in which the provider itself lies.
///
/// # Errors
/// When this machine's processor has no name there.
pub(crate) fn unpacked(mirror: &Path) -> Result<Vec<PathBuf>> {
    let platform = platform()?;
    Ok(packed(mirror).into_iter().map(|folder| folder.join(VERSION).join(&platform)).collect())
}

/// Writes a CLI configuration beside a mirror that installs from it.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn configure(mirror: &Path) -> Result<PathBuf> {
    let configuration = mirror.with_file_name("cli.tfrc");
    fs::write(&configuration, configuration_text(mirror))
        .with_context(|| format!("cannot write {}", configuration.display()))?;
    Ok(configuration)
}

/// Lays a provider into one of the folders of [`unpacked`].
///
/// # Errors
/// When it cannot be written.
pub(crate) fn place_binary(binary: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let at = folder.join(format!("terraform-provider-gpu_v{VERSION}"));
    // Moved into place, so that a provider that runs from here meanwhile is not written over.
    let fresh = folder.join(format!(".new-{}", std::process::id()));
    fs::copy(binary, &fresh).with_context(|| format!("cannot write {}", fresh.display()))?;
    fs::rename(&fresh, &at).with_context(|| format!("cannot write {}", at.display()))
}

/// The platform as Go names it, which is how the CLIs look for it.
fn platform() -> Result<String> {
    Arch::here().map(Arch::platform).context("there is no provider for this machine's processor")
}

/// A CLI configuration that installs from a mirror, and from nowhere else.
pub(crate) fn configuration_text(folder: &Path) -> String {
    let include: Vec<String> = REGISTRIES.iter().map(|registry| format!("\"{registry}/{SOURCE}\"")).collect();
    format!(
        "disable_checkpoint = true\n\nprovider_installation {{\n  filesystem_mirror {{\n    path    = \"{}\"\n    \
         include = [{}]\n  }}\n}}\n",
        folder.display(),
        include.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_installs_for_both_clis() {
        let text = configuration_text(Path::new("/mirror"));
        assert!(text.contains("\"registry.terraform.io/gpu-tenancy/gpu\""), "{text}");
        assert!(text.contains("\"registry.opentofu.org/gpu-tenancy/gpu\""), "{text}");
    }

    #[test]
    fn the_binary_lies_where_the_clis_look() {
        let target = tempfile::tempdir().unwrap();
        let places = Places {
            repository: target.path().to_path_buf(),
            cache: target.path().to_path_buf(),
            target: target.path().to_path_buf(),
            cluster_home: target.path().to_path_buf(),
        };
        fs::create_dir(target.path().join("debug")).unwrap();
        fs::write(places.built("terraform-provider-gpu", Profile::Dev), "binary").unwrap();
        let mirror = lay_out(&places, Profile::Dev).unwrap();
        let inside = format!(
            "registry.terraform.io/gpu-tenancy/gpu/{VERSION}/{}/terraform-provider-gpu_v{VERSION}",
            platform().unwrap()
        );
        assert_eq!(fs::read_to_string(mirror.folder.join(inside)).unwrap(), "binary");
        assert!(mirror.configuration.is_file());
    }
}
