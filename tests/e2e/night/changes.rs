//! What Terraform changes of a tenant that is awake.

use anyhow::{Context, Result, ensure};
use e2e::{Surroundings, wait};

use super::{DEPLOYMENT, Night, PATIENCE, awake, needs_pods, pod};

#[test]
fn a_new_image_in_the_window_is_admitted_anew() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("image", |example| example)?;
    let namespace = night.namespace();
    night.wake()?;
    let old = pod(namespace)?["metadata"]["name"].as_str().context("no name")?.to_owned();

    let mut changed = night.example.clone();
    changed.image.clone_from(&Surroundings::get().model_image);
    ensure!(changed.image != night.example.image, "there is no other image: {}", changed.image);
    night.workspace.write(&changed.hcl())?;
    let plan = night.workspace.plan()?;
    ensure!(plan.contains("will be restarted"), "the plan does not say so: {plan}");
    night.workspace.apply()?;
    let new = wait::until("a pod of the new image is ready", PATIENCE, || {
        let pod = pod(namespace)?;
        ensure!(pod["spec"]["containers"][0]["image"] == changed.image.as_str(), "{}", pod["spec"]);
        ensure!(pod["status"]["containerStatuses"][0]["ready"] == true, "{}", pod["status"]);
        Ok(pod["metadata"]["name"].as_str().map(str::to_owned))
    })?;
    ensure!(new != old, "{old} still runs");
    night.told_by(&new, &["PodAdmitted"])?;
    awake(namespace, DEPLOYMENT)?;
    let said = night.tick()?;
    let entry = night.entry()?.context("no entry")?;
    ensure!(entry["state"] == "awake" && entry["pod"]["name"] == new.as_str(), "{said}{entry}");
    let state = night.card.state()?;
    ensure!(state.free_mib == 15360 - 450 - 4096, "two models hold memory: {state:?}");
    ensure!(state.peak_used_mib == 4096, "the new one loaded before the old one was gone: {state:?}");
    night.workspace.plan_is_empty()?;
    night.end()
}
