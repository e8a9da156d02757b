//! The tools and what they are built from. Each is built once for the same sources, flags and Go version.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::content::Content;
use crate::places::Places;
use crate::step;

/// The terraform that is built where none is installed.
const TERRAFORM_VERSION: &str = "1.11.4";

/// A Go program and the module that pins it.
struct GoTool {
    name: &'static str,
    /// The module's folder in the repository.
    module: &'static str,
    package: &'static str,
    /// Assignments for the linker's `-X`.
    stamps: &'static [&'static str],
    /// Build tags, with commas between them.
    tags: &'static str,
}

/// Clients refuse what an unstamped build says of its version.
const CLUSTER: GoTool = GoTool {
    name: "cluster",
    module: "tests/cluster",
    package: ".",
    stamps: &[
        "k8s.io/component-base/version.gitVersion=v1.34.4",
        "k8s.io/component-base/version.gitMajor=1",
        "k8s.io/component-base/version.gitMinor=34",
    ],
    tags: "",
};

const COREDNS: GoTool =
    GoTool { name: "coredns", module: "tests/cluster", package: "./coredns", stamps: &[], tags: "" };

const TERRAGRUNT: GoTool = GoTool {
    name: "terragrunt",
    module: "tests/tools/terragrunt",
    package: "github.com/gruntwork-io/terragrunt",
    stamps: &["github.com/gruntwork-io/terragrunt/internal/version.Version=v1.1.3"],
    tags: "",
};

const OPENTOFU: GoTool = GoTool {
    name: "tofu",
    module: "tests/tools/opentofu",
    package: "github.com/opentofu/opentofu/cmd/tofu",
    // Its version comes from a file in the module.
    stamps: &[],
    tags: "",
};

const TFPLUGINDOCS: GoTool = GoTool {
    name: "tfplugindocs",
    module: "tests/tools/tfplugindocs",
    package: "github.com/hashicorp/terraform-plugin-docs/cmd/tfplugindocs",
    stamps: &["github.com/hashicorp/terraform-plugin-docs/cmd/tfplugindocs/build.version=0.25.0"],
    tags: "",
};

/// A bucket for states. It is a fake of Amazon's service by its own name, and refuses a conditional write as that
/// does, which is what locks a state.
const GOFAKES3: GoTool = GoTool {
    name: "gofakes3",
    module: "tests/tools/s3",
    package: "github.com/johannesboyne/gofakes3/cmd/gofakes3",
    stamps: &[],
    tags: "",
};

const TERRAFORM: GoTool = GoTool {
    name: "terraform",
    module: "tests/tools/terraform",
    package: "github.com/hashicorp/terraform",
    stamps: &["github.com/hashicorp/terraform/version.dev=no"],
    tags: "",
};

/// What stacks that were written by hand are made with, for the test of the guide that moves one over.
const KUBERNETES_PROVIDER: GoTool = GoTool {
    name: "terraform-provider-kubernetes",
    module: "tests/tools/terraform-provider-kubernetes",
    package: "github.com/hashicorp/terraform-provider-kubernetes",
    stamps: &[],
    tags: "",
};

/// Runs the unit tests of alert rules.
const PROMTOOL: GoTool = GoTool {
    name: "promtool",
    module: "tests/tools/promtool",
    package: "github.com/prometheus/prometheus/cmd/promtool",
    stamps: &["github.com/prometheus/common/version.Version=3.13.0"],
    // It looks for no targets here, and without the clouds' clients it is built in half the time.
    tags: "remove_all_sd",
};

/// The binaries that make a cluster.
#[derive(Debug, Clone)]
pub(crate) struct ClusterBinaries {
    /// Every Kubernetes component, etcd and kubectl; its first argument says which to be.
    pub(crate) cluster: PathBuf,
    /// CoreDNS.
    pub(crate) coredns: PathBuf,
}

/// Builds what a cluster needs, unless the cache has it.
///
/// # Errors
/// When Go is missing or a build fails.
pub(crate) fn cluster_binaries(places: &Places) -> Result<ClusterBinaries> {
    let go = Go::find()?;
    let cluster = go.built(places, &CLUSTER)?;
    Ok(ClusterBinaries { cluster, coredns: go.built(places, &COREDNS)? })
}

/// Builds the tools that users run, and what stands in for those that cannot run here, unless the cache has them, and returns a folder with all of them.
///
/// # Errors
/// When Go is missing or a build fails.
pub(crate) fn user_tools(places: &Places) -> Result<PathBuf> {
    let go = Go::find()?;
    let tools = [
        ("kubectl", kubectl(places, &go.built(places, &CLUSTER)?)?),
        ("tofu", go.built(places, &OPENTOFU)?),
        ("terragrunt", go.built(places, &TERRAGRUNT)?),
        ("tfplugindocs", go.built(places, &TFPLUGINDOCS)?),
        ("promtool", go.built(places, &PROMTOOL)?),
        ("gofakes3", go.built(places, &GOFAKES3)?),
        ("terraform-provider-kubernetes", go.built(places, &KUBERNETES_PROVIDER)?),
        ("terraform", terraform(places, &go)?),
    ];
    let mut content = Content::default();
    for (name, path) in &tools {
        content = content.bytes(name).bytes(path.as_os_str().as_encoded_bytes());
    }
    let folder = places.cache.join("tools").join(format!("bin-{}", content.hash()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, path) in &tools {
        link(path, &folder.join(name))?;
    }
    Ok(folder)
}

fn link(to: &Path, at: &Path) -> Result<()> {
    if fs::read_link(at).is_ok_and(|target| target == to) {
        return Ok(());
    }
    // A new link is moved over the old one, so that a test that runs meanwhile never finds none.
    let fresh = at.with_extension(format!("new-{}", std::process::id()));
    symlink(to, &fresh).with_context(|| format!("cannot create {}", fresh.display()))?;
    fs::rename(&fresh, at).with_context(|| format!("cannot create {}", at.display()))
}

/// The cluster binary is kubectl too, but wants to be told; this says it.
fn kubectl(places: &Places, cluster: &Path) -> Result<PathBuf> {
    let script = format!("#!/bin/sh\nexec '{}' kubectl \"$@\"\n", cluster.display());
    let folder =
        places.cache.join("tools").join(format!("kubectl-{}", Content::default().bytes(&script).hash()));
    let path = folder.join("kubectl");
    if !path.exists() {
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(&path, script).with_context(|| format!("cannot write {}", path.display()))?;
        make_executable(&path)?;
    }
    Ok(path)
}

fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", path.display()))
}

/// The terraform on PATH when it is of the pinned version, else one built from its Go module.
fn terraform(places: &Places, go: &Go) -> Result<PathBuf> {
    if let Some(path) = on_path("terraform") {
        let version = step::output(Command::new(&path).args(["version", "-json"])).unwrap_or_default();
        if version.contains(&format!("\"terraform_version\": \"{TERRAFORM_VERSION}\"")) {
            step::say(format!("terraform {TERRAFORM_VERSION}: the installed one, {}", path.display()));
            return Ok(path);
        }
    }
    step::say(format!("terraform {TERRAFORM_VERSION}: not installed, so it is built"));
    go.built(places, &TERRAFORM)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

struct Go {
    version: String,
}

impl Go {
    fn find() -> Result<Self> {
        match step::output(Command::new("go").args(["env", "GOVERSION"])) {
            Ok(version) => Ok(Self { version: version.trim().to_owned() }),
            Err(cause) => bail!(
                "Go cannot be run ({cause:#}). The cluster and the tools are Go programs: install Go 1.26 or \
                 later from https://go.dev/dl and put `go` on PATH"
            ),
        }
    }

    fn built(&self, places: &Places, tool: &GoTool) -> Result<PathBuf> {
        let module = places.repository.join(tool.module);
        let flags = tool.stamps.iter().map(|stamp| format!("-X {stamp}")).collect::<Vec<_>>().join(" ");
        let flags = format!("-s -w {flags}");
        let tagged =
            if tool.tags.is_empty() { flags.clone() } else { format!("{flags} -tags {}", tool.tags) };
        let hash = Content::default()
            .bytes(&self.version)
            .bytes(&tagged)
            .bytes(tool.package)
            .folder(&module)
            .with_context(|| format!("{} has no module in {}", tool.name, tool.module))?
            .hash();
        let folder = places.cache.join("tools").join(format!("{}-{hash}", tool.name));
        let binary = folder.join(tool.name);
        if binary.exists() {
            return Ok(binary);
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let lock = folder.join("lock");
        let lock = File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
        lock.lock().with_context(|| format!("cannot lock {}", folder.display()))?;
        if binary.exists() {
            // Another run built it while this one waited.
            return Ok(binary);
        }
        // Go writes to another name first: a build that was killed never looks finished.
        let unfinished = folder.join(format!("{}.unfinished", tool.name));
        step::long(
            &format!("building {} (once; minutes on a cold cache)", tool.name),
            &folder.join("build.log"),
            Command::new("go")
                // Without the commit: the same sources make the same binary, and no git is needed.
                .args(["build", "-trimpath", "-buildvcs=false", "-tags", tool.tags, "-ldflags", &flags, "-o"])
                .arg(&unfinished)
                .arg(tool.package)
                .env("CGO_ENABLED", "0")
                .current_dir(&module),
        )?;
        fs::rename(&unfinished, &binary).with_context(|| format!("cannot create {}", binary.display()))?;
        Ok(binary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamped_kubernetes_version_is_the_pinned_one() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cluster/go.mod");
        let pinned = fs::read_to_string(manifest).unwrap();
        let (_, version) = CLUSTER.stamps[0].split_once('=').unwrap();
        assert!(pinned.contains(&format!("k8s.io/kubernetes {version}\n")), "{version} in {pinned}");
    }
}
