//! The demo: a tenant file becomes stacks, the stacks become a tenant, and a
//! short night is played at real speed. `cargo xtask demo` brings up what it
//! stands on and starts it.

mod live;
mod night;
mod screen;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            screen::failed(&why);
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.context("usage: demo FOLDER; `cargo xtask demo` starts it with what it needs")?;
    let card = night::card()?;
    let live = live::Live::write(&folder, &card)?;
    live.generate()?;
    live.plan()?;
    live.apply()?;
    night::play(&live, &card)?;
    screen::next(&live);
    Ok(())
}
