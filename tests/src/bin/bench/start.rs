//! What each call of the provider's program costs before it does anything: the
//! time from its start to its handshake line, and its schema as the CLI loads it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Binary, Workspace};

/// How often the provider is started.
const STARTS: usize = 20;
/// What go-plugin's host sets for every plugin of Terraform (terraform, `internal/plugin6/serve.go`).
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// Starts the provider and loads its schema; answers one line of text for each.
pub(crate) fn measure() -> Result<String> {
    let ours = Workspace::new(Binary::Terraform, "")?;
    let provider = installed(&ours)?;
    let mut handshakes = (0..STARTS).map(|_| handshake(&provider)).collect::<Result<Vec<_>>>()?;
    handshakes.sort_unstable();
    let schema = schemas(&ours)?;
    let nothing = Workspace::whole(Binary::Terraform, "resource \"terraform_data\" \"nothing\" {}\n")?;
    let reference = schemas(&nothing)?;
    let milliseconds = |duration: &Duration| format!("{:.1} ms", duration.as_secs_f64() * 1000.0);
    let at = |index: usize| handshakes.get(index).map_or_else(String::new, milliseconds);
    Ok(format!(
        "From exec to the handshake line: {} in the middle of {STARTS}, {} at most.\n\
         `terraform providers schema -json`: {}, without our provider {}.",
        at(STARTS / 2),
        at(STARTS - 1),
        milliseconds(&schema),
        milliseconds(&reference),
    ))
}

/// The provider's program, where `terraform init` put it.
fn installed(workspace: &Workspace) -> Result<PathBuf> {
    let mut folders = vec![workspace.path().join(".terraform/providers")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if name.starts_with("terraform-provider-gpu") {
                return Ok(path);
            }
        }
    }
    anyhow::bail!("`terraform init` installed no provider")
}

fn handshake(provider: &PathBuf) -> Result<Duration> {
    let started = Instant::now();
    let mut child = Command::new(provider)
        .env(COOKIE.0, COOKIE.1)
        .env("PLUGIN_PROTOCOL_VERSIONS", "6")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("start the provider")?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut line)?;
    let took = started.elapsed();
    child.kill()?;
    child.wait()?;
    ensure!(line.starts_with("1|6|unix|"), "the provider answers {line:?}");
    Ok(took)
}

/// The middle one of five.
fn schemas(workspace: &Workspace) -> Result<Duration> {
    let mut times = (0..5)
        .map(|_| crate::timed(|| workspace.ok(&["providers", "schema", "-json"]).map(drop)))
        .collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    times.get(2).copied().context("five times")
}
