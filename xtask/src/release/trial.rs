//! A release used as people will use it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::dns::NameServer;
use super::{Files, GENERATOR, PROVIDER, VERSION};
use crate::mirror;
use crate::step;

/// A configuration that asks the provider for its schema and to judge an attribute.
const CONFIGURATION: &str = r#"
terraform {
  required_providers {
    gpu = { source = "gpu-tenancy/gpu" }
  }
}

provider "gpu" {
  host  = "https://api.cluster.example:1"
  token = "none"

  # An empty root trusts nobody. This one's key was thrown away.
  cluster_ca_certificate = <<-EOT
    -----BEGIN CERTIFICATE-----
    MIIBqzCCAVGgAwIBAgIUCX87EZX8qEYjjNRNa+yCqqRBlrMwCgYIKoZIzj0EAwIw
    KjEoMCYGA1UEAwwfYW4gYXV0aG9yaXR5IHRoYXQgc2lnbnMgbm90aGluZzAgFw0y
    NjExMjExODE4MTdaGA8yMTI2MTAyODE4MTgxN1owKjEoMCYGA1UEAwwfYW4gYXV0
    aG9yaXR5IHRoYXQgc2lnbnMgbm90aGluZzBZMBMGByqGSM49AgEGCCqGSM49AwEH
    A0IABMXN6AVnpVIuvI7bes8KhmAsv2UmKR/79A4ArVFPZg5VjNZ7IClDNhJt7alW
    pJzK4saTsWssX8FZ4XU3JhVf+UKjUzBRMB0GA1UdDgQWBBS/HKbxCTqnUrMgb+KN
    6ftSvnZ8EjAfBgNVHSMEGDAWgBS/HKbxCTqnUrMgb+KN6ftSvnZ8EjAPBgNVHRMB
    Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQC2zsuw4Vzvy3LHSvK8ERRw43Fw
    iIKYPZPcrL8ezbopZAIgb73lq+ahtgjZmSI0a0/GSrSsAzHZhhkvLAmZZz08FHs=
    -----END CERTIFICATE-----
  EOT
}

data "gpu_card" "t4" {
  name = "gpu-1-0"
}
"#;
/// The name in it, which no machine has.
const HOST: &str = "api.cluster.example";
/// A name server of this machine's own, where nobody else answers.
const SERVER: &str = "127.0.0.77:53";

/// Installs the provider with both CLIs from its archive, packed as it is.
///
/// # Errors
/// When one does not take it.
pub(super) fn install(tools: &Path, files: &Files) -> Result<()> {
    for cli in ["terraform", "tofu"] {
        let folder = scratch(&files.folder, cli)?;
        let mirror = folder.join("mirror");
        for place in mirror::packed(&mirror) {
            fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
            let archive = files.provider();
            let name = archive.file_name().context("an archive without a name")?;
            fs::copy(&archive, place.join(name))
                .with_context(|| format!("cannot write to {}", place.display()))?;
        }
        let configuration = mirror::configure(&mirror)?;
        let work = folder.join("work");
        fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
        fs::write(work.join("main.tf"), CONFIGURATION).context("cannot write a configuration")?;
        for arguments in [["init", "-input=false", "-no-color"].as_slice(), &["validate", "-no-color"]] {
            let mut command = Command::new(tools.join(cli));
            command.args(arguments).env("TF_CLI_CONFIG_FILE", &configuration).current_dir(&work);
            step::output(command)?;
        }
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        step::say(format!("{cli} installs {PROVIDER} {VERSION} from its archive and validates with it"));
    }
    Ok(())
}

/// Runs provider and generator in root folders with nothing in them but what they are about: no C library, and
/// none of what that loads to find names or time zones.
///
/// # Errors
/// As [`finds_a_cluster`] and [`checks_stacks`].
pub(super) fn in_an_empty_root(tools: &Path, programs: &Path, live: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        step::say(format!(
            "{PROVIDER} AND {GENERATOR} ARE NOT TRIED IN AN EMPTY ROOT: only root may change the root. Run this \
             as root before you publish"
        ));
        return Ok(());
    }
    finds_a_cluster(tools, &programs.join(PROVIDER))?;
    checks_stacks(&programs.join(GENERATOR), live)
}

/// Lets the generator check a live repository that lies alone with it.
///
/// # Errors
/// When it does not run there, or finds another result than here.
fn checks_stacks(generator: &Path, live: &Path) -> Result<()> {
    let root = scratch(generator.parent().context("a program without a folder")?, "generator")?;
    fs::copy(generator, root.join(GENERATOR)).context("cannot copy the generator")?;
    step::output(Command::new("cp").arg("-r").arg(live).arg(root.join("live")))?;
    let run = |arguments: &[&str]| {
        let mut command = Command::new("chroot");
        command.arg(&root).arg(format!("/{GENERATOR}")).args(arguments).env_clear().env("PATH", env_path());
        step::output(command)
    };
    let version = run(&["--version"])?;
    ensure!(version.contains(VERSION), "in an empty root: {version}");
    run(&["check", "/live"])?;
    fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    step::say(format!("{GENERATOR} checks a live repository in an empty root"));
    Ok(())
}

/// Lets the provider look a cluster's name up where there is nothing but terraform, the provider and the address
/// of a name server.
///
/// # Errors
/// When the name is not asked for, or not found.
fn finds_a_cluster(tools: &Path, provider: &Path) -> Result<()> {
    let server: SocketAddr = SERVER.parse().context("no address")?;
    let names = NameServer::start(server)?;
    let root = scratch(provider.parent().context("a program without a folder")?, "root")?;
    for folder in ["etc", "tmp", "work", "mirror"] {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let put = |to: &str, text: &str| {
        fs::write(root.join(to), text).with_context(|| format!("cannot write {to} of the empty root"))
    };
    put("etc/resolv.conf", &format!("nameserver {}\n", server.ip()))?;
    put("etc/hosts", "127.0.0.1 localhost\n")?;
    put("work/main.tf", CONFIGURATION)?;
    for place in mirror::unpacked(&root.join("mirror"))? {
        mirror::place_binary(provider, &place)?;
    }
    put("cli.tfrc", &mirror::configuration_text(Path::new("/mirror")))?;
    let terraform = fs::canonicalize(tools.join("terraform")).context("there is no terraform")?;
    fs::copy(terraform, root.join("terraform")).context("cannot copy terraform")?;
    let run = |arguments: &[&str]| {
        let mut command = Command::new("chroot");
        command.arg(&root).args(["/terraform", "-chdir=/work"]).args(arguments).env_clear();
        command.env("TF_CLI_CONFIG_FILE", "/cli.tfrc").env("HOME", "/tmp").env("PATH", env_path());
        command.output().context("cannot start chroot")
    };
    let init = run(&["init", "-input=false", "-no-color"])?;
    ensure!(init.status.success(), "in an empty root: {}", String::from_utf8_lossy(&init.stderr));
    let plan = run(&["plan", "-input=false", "-no-color"])?;
    let told = String::from_utf8_lossy(&plan.stderr).into_owned();
    fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    ensure!(names.asked().iter().any(|name| name == HOST), "no name server was asked for {HOST}: {told}");
    // The name is this machine's, and nobody listens on that port of it.
    if !told.contains("Connection refused") {
        bail!("{HOST} was not found in an empty root: {told}");
    }
    step::say(format!("{PROVIDER} finds a cluster by its name in an empty root"));
    Ok(())
}

/// `chroot` itself is found by it.
fn env_path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// An empty folder beside the release's own files.
fn scratch(beside: &Path, name: &str) -> Result<std::path::PathBuf> {
    let folder = beside.with_file_name(format!("trial-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::places::{Places, Profile};
    use crate::release::{AGENT, Arch};

    #[test]
    #[ignore = "needs the tools and a built workspace, which `cargo xtask test` has"]
    fn both_clis_install_a_release_from_its_archive() {
        let tools = std::env::var_os(crate::environment::TOOLS).unwrap();
        let places = Places::find().unwrap();
        let out = tempfile::tempdir().unwrap();
        let programs = out.path().join("programs");
        fs::create_dir(&programs).unwrap();
        symlink(places.built(PROVIDER, Profile::Dev), programs.join(PROVIDER)).unwrap();
        for name in [GENERATOR, AGENT] {
            fs::write(programs.join(name), "not installed here").unwrap();
        }
        let platform = Arch::here().unwrap().platform();
        let licence = places.repository.join("LICENSE");
        let files = Files::pack(&programs, &licence, &platform, &out.path().join("files")).unwrap();
        install(Path::new(&tools), &files).unwrap();
    }
}
