//! The live repository that lies beside the sources, as whoever reads it first would use it.

use anyhow::{Context, Result, ensure};
use e2e::{Binary, Kubectl, Scratch, Surroundings};

use super::{Live, let_the_fake_stand_in};

const FLEET: &str = "fleet.yaml";
const TENANT: &str = "tenants/chatterbox.yaml";
const NAME: &str = "chatterbox-tts";

/// Replaces text that must be there.
fn edit(live: &Live, file: &str, edits: &[(&str, &str)]) -> Result<()> {
    let mut text = live.read(file)?;
    for (from, to) in edits {
        ensure!(text.contains(from), "{file} has no {from:?}");
        text = text.replace(from, to);
    }
    live.write(file, &text)
}

/// As it is, byte for byte, it is planned. Applied it is in a namespace and on a card of the test's own, by images that
/// the test machine has.
#[test]
fn the_committed_stacks_are_planned_by_both_and_applied_with_the_fake_model_s_image() -> Result<()> {
    let scratch = Scratch::reserve("committed");
    let namespace = scratch.namespace.as_str();
    let mut live = Live::copied(Binary::Terraform, "stacks")?;
    live.tools_find_nothing()?;
    for binary in Binary::BOTH {
        live = live.with(binary)?;
        let said = live.terragrunt(4, &["plan"])?;
        let plans = said.matches("Plan: ").count();
        ensure!(plans == 2, "{plans} of 2 stacks have a plan with {}: {said}", binary.name());
    }

    e2e::say("the committed stacks: the fake model's image stands in for chatterbox's, and is never woken");
    let card = format!("card-{namespace}");
    let kubeconfig = Surroundings::get().kubeconfig.display().to_string();
    edit(
        &live,
        FLEET,
        &[
            ("  gpu-1-0:", &format!("  {card}:")),
            ("~/.kube/config", &kubeconfig),
            ("registry.example.org/gpu-tenancy/gpu-agent:0.1.0", "gpu-tenancy.local/gpu-agent:dev"),
        ],
    )?;
    let (start, end) = (e2e::example::in_minutes(360), e2e::example::in_minutes(600));
    let window = format!(r#"{{ start: "{start}", end: "{end}", time_zone: UTC }}"#);
    edit(
        &live,
        TENANT,
        &[
            ("namespace: tts", &format!("namespace: {namespace}")),
            ("card: gpu-1-0", &format!("card: {card}")),
            (r#"{ start: "02:00", end: "06:00" }"#, &window),
        ],
    )?;
    let_the_fake_stand_in(&live, TENANT)?;
    live.stacks_ok(&["generate"])?;
    live.terragrunt(4, &["apply", "-auto-approve"])?;
    ensure!(Kubectl.replicas(namespace, NAME)? == 0, "it was not born asleep");
    for binary in Binary::BOTH {
        live = live.with(binary)?;
        live.terragrunt(4, &["plan", "-detailed-exitcode"])
            .with_context(|| format!("a second plan with {}", binary.name()))?;
    }
    live.terragrunt(4, &["destroy", "-auto-approve"])?;
    let left = Kubectl.names(namespace, "deployments,services,cronjobs")?;
    ensure!(left.is_empty(), "{left:?} are left");
    // Its claim and volume stay, as the tenant's file says, and a volume is in no namespace.
    let volume = format!("{namespace}.{NAME}");
    Kubectl.run(&["delete", "persistentvolume", &volume, "--wait=false"]).map(drop)
}
