//! What others do to our objects: our fields are named, theirs never show.

use anyhow::{Result, ensure};
use e2e::{Binary, Example, Kubectl, Scratch, Workspace};

fn applied(scratch: &Scratch) -> Result<(Workspace, Example)> {
    let card = format!("card-{}", scratch.namespace);
    let example = Example::asleep(scratch, &card, "http://dcgm.example.org:9400/metrics");
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    workspace.apply()?;
    Ok((workspace, example))
}

#[test]
fn a_field_changed_by_hand_is_named_and_put_back() -> Result<()> {
    let scratch = Scratch::reserve("drift");
    let (workspace, example) = applied(&scratch)?;
    let namespace = scratch.namespace.as_str();
    Kubectl.run(&[
        "-n",
        namespace,
        "set",
        "image",
        "deployment/chatterbox-tts",
        "server=gpu-tenancy.local/fake-model:hotfix",
    ])?;
    let plan = workspace.plan()?;
    ensure!(
        plan.contains(r#""spec.template.spec.containers[server].image" = "gpu-tenancy.local/fake-model:hotfix" -> "gpu-tenancy.local/fake-model:dev""#),
        "{plan}"
    );
    ensure!(plan.contains("kubectl-set"), "the plan does not say whose hand it was: {plan}");
    workspace.apply()?;
    workspace.plan_is_empty()?;
    let deployment = Kubectl.get(namespace, "deployment", "chatterbox-tts")?;
    ensure!(deployment["spec"]["template"]["spec"]["containers"][0]["image"] == example.image.as_str());
    workspace.destroy().map(drop)
}

#[test]
fn a_field_deleted_by_hand_and_an_object_deleted_by_hand_come_back() -> Result<()> {
    let scratch = Scratch::reserve("deleted");
    let (workspace, _) = applied(&scratch)?;
    let namespace = scratch.namespace.as_str();
    Kubectl.run(&["-n", namespace, "delete", "service", "chatterbox-tts"])?;
    Kubectl.run(&["-n", namespace, "set", "env", "deployment/chatterbox-tts", "TTS_BF16-"])?;
    let plan = workspace.plan()?;
    ensure!(plan.contains(r#"+ "Service/chatterbox-tts""#), "{plan}");
    ensure!(plan.contains("env[TTS_BF16]"), "{plan}");
    workspace.apply()?;
    workspace.plan_is_empty()?;
    ensure!(Kubectl.exists(namespace, "service", "chatterbox-tts")?);
    workspace.destroy().map(drop)
}

#[test]
fn what_others_add_makes_no_diff() -> Result<()> {
    let scratch = Scratch::reserve("others");
    let (workspace, _) = applied(&scratch)?;
    let namespace = scratch.namespace.as_str();
    Kubectl.run(&["-n", namespace, "label", "deployment/chatterbox-tts", "team=speech"])?;
    Kubectl.run(&["-n", namespace, "annotate", "service/chatterbox-tts", "prometheus.io/scrape=true"])?;
    let patch = r#"{"spec":{"template":{"spec":{"dnsConfig":{"options":[{"name":"ndots","value":"2"}]},"containers":[{"name":"sidecar","image":"gpu-tenancy.local/fake-model:dev"}]}}}}"#;
    Kubectl.run(&["-n", namespace, "patch", "deployment/chatterbox-tts", "--type=strategic", "-p", patch])?;
    Kubectl.run(&["-n", namespace, "scale", "deployment/chatterbox-tts", "--replicas=1"])?;
    workspace.plan_is_empty()?;
    workspace.apply()?;
    ensure!(Kubectl.replicas(namespace, "chatterbox-tts")? == 1, "an apply put a working tenant to sleep");
    workspace.destroy().map(drop)
}

#[test]
fn an_object_that_is_not_ours_is_not_taken() -> Result<()> {
    let service = ["create", "service", "clusterip", "chatterbox-tts", "--tcp=8000:8004"];
    not_taken("service", &service, &["Service/chatterbox-tts", "adopt"])
}

#[test]
fn a_deployment_that_is_not_ours_is_not_taken() -> Result<()> {
    let image = "--image=gpu-tenancy.local/fake-model:dev";
    let deployment = ["create", "deployment", "chatterbox-tts", image, "--replicas=0"];
    not_taken("deployment", &deployment, &["Deployment/chatterbox-tts", "adopt"])
}

fn not_taken(kind: &str, create: &[&str], told: &[&str]) -> Result<()> {
    let scratch = Scratch::reserve("foreign");
    let namespace = scratch.namespace.as_str();
    Kubectl.run(&["create", "namespace", namespace])?;
    Kubectl.run(&[&["-n", namespace], create].concat())?;
    let uid = Kubectl.get(namespace, kind, "chatterbox-tts")?["metadata"]["uid"].clone();
    let example =
        Example::asleep(&scratch, &format!("card-{namespace}"), "http://dcgm.example.org:9400/metrics");
    let workspace = Workspace::new(Binary::Terraform, &example.hcl())?;
    let refused = workspace.fails(&["apply", "-auto-approve", "-input=false", "-no-color"])?;
    for word in told {
        ensure!(refused.contains(word), "{word:?} is not said: {refused}");
    }
    ensure!(Kubectl.get(namespace, kind, "chatterbox-tts")?["metadata"]["uid"] == uid);
    workspace.destroy().map(drop)
}
