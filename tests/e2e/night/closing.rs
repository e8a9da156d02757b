//! The end of a window, and the end of a tenant's nights by `suspend`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Kubectl, wait};

use super::{DEPLOYMENT, Night, PATIENCE, asleep, awake, needs_pods, pod};

#[test]
fn a_window_that_closes_puts_a_running_tenant_to_sleep() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("close", |mut example| {
        example.window.1 = super::in_seconds(120);
        example
    })?;
    night.wake()?;
    // Nobody fires the tick that closes the window: the CronJob does.
    night.sleeps()?;
    night.told(&["OutsideWindow", "It was awake and is sent to sleep"])?;
    let said = night.tick()?;
    ensure!(said.contains("No window is open"), "{said}");
    ensure!(night.replicas()? == 0, "it was woken outside its window: {said}");
    night.workspace.plan_is_empty()?;
    night.end()
}

#[test]
fn a_window_with_too_little_left_admits_nobody() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("late", |mut example| {
        example.window.1 = e2e::example::in_minutes(10);
        let late = r#"start_estimate = "10m""#;
        example.more = example.more.replace(r#"start_estimate = "10s""#, late);
        example
    })?;
    night.tick_sleeps("of the window are left; it takes 10 min to start and 10 s to be of use")?;
    night.told(&["TooLate"])?;
    night.end()
}

#[test]
fn suspend_in_mid_window_puts_to_sleep_and_lets_go_of_the_ledger() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("suspend", |example| example)?;
    night.wake()?;
    let suspended = night.example.with("  suspend = true");
    night.workspace.write(&suspended.hcl())?;
    let plan = night.workspace.plan()?;
    ensure!(plan.contains("+ suspend = true"), "the plan does not say so: {plan}");
    ensure!(plan.contains("\"spec.suspend\""), "the plan does not show the CronJobs: {plan}");
    night.workspace.apply()?;
    asleep(night.namespace(), DEPLOYMENT)?;
    ensure!(night.entry()?.is_none(), "its place on the card is not released: {:?}", night.entry()?);
    let state = night.card.state()?;
    ensure!(state.free_mib == 15360 - 450, "it was suspended and holds memory: {state:?}");
    let jobs = Kubectl.run(&[
        "-n",
        night.namespace(),
        "get",
        "cronjobs",
        "-o",
        "jsonpath={.items[*].spec.suspend}",
    ])?;
    ensure!(jobs.split(' ').all(|suspend| suspend == "true"), "CronJobs go on: {jobs}");
    night.workspace.plan_is_empty()?;

    // A tick that somebody fires all the same finds it suspended.
    night.tick_sleeps("The tenant is suspended.")?;

    night.workspace.write(&night.example.hcl())?;
    night.workspace.apply()?;
    ensure!(night.replicas()? == 0, "the end of a suspension woke it past its gate");
    night.tick()?;
    awake(night.namespace(), DEPLOYMENT)?;
    night.end()
}

#[test]
fn destroy_in_mid_window_unloads_before_the_pod_is_told_to_go_and_leaves_nothing() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("bedtime", |mut example| {
        // It would hold its memory for half a minute after it was told to go.
        example.more = example.more.replace("\"--port\"", "\"--grace-s\", \"30\", \"--port\"");
        example.with("  unload = { path = \"/api/unload\" }")
    })?;
    night.wake()?;
    let namespace = night.namespace();
    std::thread::scope(|scope| {
        let destroying = scope.spawn(|| night.workspace.destroy());
        let unloaded = wait::until("the memory is free while the pod still goes", PATIENCE, || {
            let state = night.card.state()?;
            ensure!(state.free_mib == 15360 - 450, "{state:?}");
            let pod = pod(namespace)?["metadata"].clone();
            ensure!(pod["deletionTimestamp"].is_string(), "{pod}");
            let job = format!("{DEPLOYMENT}-bedtime");
            ensure!(Kubectl.exists(namespace, "job", &job)?, "the gate was not asked: there is no Job {job}");
            Ok(Some(()))
        });
        let said = destroying.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the destroy panicked")))?;
        unloaded.with_context(|| format!("the destroy said: {said}"))?;
        ensure!(!said.contains("not seen to return"), "its memory was not seen to return: {said}");
        anyhow::Ok(())
    })?;
    // The claim is retained, and with it the namespace and its Events.
    let by = format!("{DEPLOYMENT}-bedtime-");
    night.told_by(&by, &["Suspended", "It was awake and is sent to sleep"])?;
    night.told_by(&by, &["MemoryReturned", "14,910 MiB are free"])?;
    night.card.never_refused()?;
    night.leaves_nothing()
}

#[test]
fn ticks_that_were_missed_are_made_good_by_the_next() -> Result<()> {
    if !needs_pods() {
        return Ok(());
    }
    let night = Night::begin("missed", |mut example| {
        example.window.1 = super::in_seconds(120);
        example.with("  guard_interval = \"1m\"")
    })?;
    night.wake()?;
    // As when the controller that fires them is down: the window ends and nobody closes it.
    night.suspend_cron_jobs(true)?;
    let until = night.entry()?.context("no entry")?["until"].as_str().context("no end")?.parse()?;
    let left = jiff::Timestamp::now().duration_until(until) + jiff::SignedDuration::from_secs(10);
    std::thread::sleep(Duration::try_from(left).unwrap_or_default());
    ensure!(night.replicas()? == 1, "somebody put it to sleep although no tick was fired");
    night.suspend_cron_jobs(false)?;
    // Nobody fires the tick that closes the window: a CronJob does.
    night.sleeps()?;
    night.told(&["OutsideWindow", "It was awake and is sent to sleep"])?;
    night.workspace.plan_is_empty()?;
    night.end()
}
