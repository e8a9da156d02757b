//! The end of a window, and the end of a tenant's nights by `suspend`.

use anyhow::{Result, ensure};
use e2e::Kubectl;

use super::{DEPLOYMENT, Night, asleep, awake, needs_pods};

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
