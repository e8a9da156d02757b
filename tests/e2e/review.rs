//! The script of `examples/ci` on a branch, with real terragrunt: what the branch adds, moves and removes.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use e2e::terraform::printed;
use e2e::{Binary, Scratch, Surroundings};
use serde_json::Value;

/// A checkout with a live repository in `stacks`. Its states lie beside it: terragrunt plans commits in worktrees.
struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join("repository").join(path)
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().context("a file in no folder")?)?;
        Ok(std::fs::write(path, text)?)
    }

    /// A program in the checkout, with ours and the tools first, which must end with this code.
    fn run(&self, program: &str, arguments: &[&str], code: i32) -> Result<Output> {
        let surroundings = Surroundings::get();
        let ours = surroundings.stacks.parent().context("gpu-stacks lies in no folder")?;
        let old = std::env::var_os("PATH").unwrap_or_default();
        let folders = [ours, surroundings.tools.as_path()].map(Path::to_owned).into_iter();
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.path(""))
            .env("PATH", std::env::join_paths(folders.chain(std::env::split_paths(&old)))?)
            .env("TG_TF_PATH", surroundings.tool(Binary::Terraform.name()))
            .env("TG_NO_AUTO_PROVIDER_CACHE_DIR", "true")
            .env("TG_STRICT_MODE", "true")
            .env("TF_CLI_CONFIG_FILE", &surroundings.cli_config)
            .env("CHECKPOINT_DISABLE", "1")
            .output()
            .with_context(|| format!("start {program}"))?;
        let said = printed(&output);
        ensure!(output.status.code() == Some(code), "{program} {arguments:?}: {:?}: {said}", output.status);
        Ok(output)
    }

    fn commit(&self, message: &str) -> Result<()> {
        self.run("git", &["add", "-A"], 0)?;
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
        self.run("git", &[&who[..], &["commit", "-qm", message]].concat(), 0)?;
        Ok(())
    }

    fn terragrunt(&self, arguments: &[&str]) -> Result<()> {
        let all = ["run", "--all", "--non-interactive", "--working-dir", "stacks", "--"];
        self.run("terragrunt", &[&all[..], arguments].concat(), 0)?;
        Ok(())
    }
}

#[test]
fn a_branch_that_adds_moves_and_removes_a_tenant_is_reviewed_by_the_script() -> Result<()> {
    let scratch = Scratch::reserve("review");
    let namespace = scratch.namespace.as_str();
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("repository"))?;
    let checkout = Checkout { folder };
    let card = |name: &str, index: u32| {
        format!(
            "  {namespace}-{name}:\n    node: gpu-1\n    index: {index}\n    model: A100-80\n    reserved: 600MiB\n    \
             source: {{ dcgm: \"http://dcgm.example.org:9400/metrics\" }}\n"
        )
    };
    let fleet = format!(
        "cards:\n{}{}defaults:\n  headroom: 2GiB\n  time_zone: UTC\n  agent_image: gpu-tenancy.local/gpu-agent:dev\n\
         provider:\n  config_path: {}\nbackend:\n  local: {{ path: {} }}\n",
        card("one", 0),
        card("two", 1),
        Surroundings::get().kubeconfig.display(),
        checkout.folder.path().join("states").display()
    );
    checkout.write("stacks/fleet.yaml", &fleet)?;
    // Hours away, so that nobody is woken.
    let (start, end) = (e2e::example::in_minutes(360), e2e::example::in_minutes(600));
    let tenant = |card: &str| {
        format!(
            "namespace: {namespace}\nserver: kokoro\ncard: {namespace}-{card}\npeak: 4GiB\n\
             windows: {{ night: {{ start: \"{start}\", end: \"{end}\" }} }}\n"
        )
    };
    checkout.write("stacks/tenants/goes.yaml", &tenant("one"))?;
    checkout.write("stacks/tenants/moves.yaml", &tenant("one"))?;
    checkout.run("gpu-stacks", &["generate", "stacks"], 0)?;
    checkout.run("git", &["init", "-q", "-b", "main"], 0)?;
    checkout.commit("begin")?;
    checkout.terragrunt(&["apply", "-auto-approve", "-no-color"])?;

    checkout.run("git", &["switch", "-qc", "work"], 0)?;
    std::fs::remove_file(checkout.path("stacks/tenants/goes.yaml"))?;
    checkout.write("stacks/tenants/moves.yaml", &tenant("two"))?;
    checkout.write("stacks/tenants/comes.yaml", &tenant("two"))?;
    checkout.run("gpu-stacks", &["generate", "stacks"], 0)?;
    checkout.commit("work")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/ci/review.sh");
    let script = script.to_str().context("a path that is no text")?;
    checkout.run("bash", &[script, "stacks", "out", "--since", "main"], 2)?;

    let review: Value = serde_json::from_str(&std::fs::read_to_string(checkout.path("out/review.json"))?)?;
    let tenants = review["tenants"].as_array().context("no tenants")?;
    let found: Vec<(&str, &str)> = tenants
        .iter()
        .filter_map(|it| Some((it["tenant"].as_str()?.rsplit('/').next()?, it["action"].as_str()?)))
        .collect();
    ensure!(found == [("comes", "create"), ("goes", "delete"), ("moves", "update")], "{found:?}");
    let losses = review["losses"].as_array().context("no losses")?;
    let of_goes = losses.iter().filter(|loss| loss["stack"] == "stacks/goes").count();
    ensure!(of_goes == 2, "its claim and its service go: {losses:#?}");
    ensure!(review["unplanned"].as_array().is_some_and(Vec::is_empty), "{}", review["unplanned"]);
    ensure!(review["counts"]["stacks_changed"] == 3, "the fleet's stack changes: {}", review["counts"]);

    checkout.run("git", &["switch", "-q", "main"], 0)?;
    checkout.terragrunt(&["destroy", "-auto-approve", "-no-color"])
}
