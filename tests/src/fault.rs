//! Parts of the cluster that fail: stopped, and brought up again whatever becomes of the test.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::Surroundings;

/// A component of the cluster that does not run.
#[derive(Debug)]
pub struct Stopped {
    component: String,
    mended: bool,
}

impl Stopped {
    /// Stops a component, such as `kubelet`.
    ///
    /// # Errors
    /// When the cluster is not ours to break, or the component resists.
    pub fn stop(component: &str) -> Result<Self> {
        // Before it is stopped: half a stop is to be mended too.
        let stopped = Self { component: component.to_owned(), mended: false };
        cluster(&["stop", component])?;
        Ok(stopped)
    }

    /// Starts what is missing, and waits until the cluster works.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(mut self) -> Result<()> {
        self.mended = true;
        cluster(&["up"])
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if self.mended {
            return;
        }
        if let Err(why) = cluster(&["up"]) {
            eprintln!("{} is stopped and does not come up again: {why:#}", self.component);
        }
    }
}

fn cluster(arguments: &[&str]) -> Result<()> {
    let program = Surroundings::get().xtask.as_ref().context(
        "GPU_TENANCY_XTASK_BIN is not set: this cluster is not ours to break. Run this test with `cargo xtask test`.",
    )?;
    let output = Command::new(program).arg("cluster").args(arguments).output().context("start xtask")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cluster {}: {said}", arguments.join(" "));
    Ok(())
}
