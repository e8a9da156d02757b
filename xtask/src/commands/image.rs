//! `cargo xtask image`: images of our programs, imported into the cluster when it is up.

use std::process::Command;

use anyhow::Result;

use crate::cluster;
use crate::image;
use crate::places::Places;
use crate::step;

/// Builds the programs and their images; prints each image's names and archive.
///
/// # Errors
/// When a program does not compile, or the cluster does not take an image.
pub(crate) fn run(places: &Places) -> Result<()> {
    step::visible(
        Command::new("cargo")
            .args(["build", "--package", "gpu-agent", "--package", "fake-card", "--bins"])
            .current_dir(&places.repository),
    )?;
    let socket = cluster::running(places)?.and_then(|cluster| cluster.containerd);
    for built in image::build_ours(places)? {
        if let Some(socket) = &socket {
            image::import(&built, socket)?;
        }
        println!("{} {} {}", built.names[0], built.names[1], built.archive.display());
    }
    if socket.is_none() {
        step::say("no cluster of ours runs pods, so the images were not imported anywhere");
    }
    Ok(())
}
