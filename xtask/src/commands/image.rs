//! `cargo xtask image`: images of our programs, imported into the cluster when it is up.

use anyhow::Result;

use crate::cargo;
use crate::cluster::{self, Cluster};
use crate::image::{self, Built};
use crate::places::{Places, Profile};
use crate::step;

/// Builds the programs and their images; prints each image's names and archive.
///
/// # Errors
/// When a program does not compile, or the cluster does not take an image.
pub(crate) fn run(places: &Places) -> Result<()> {
    cargo::build(places, &image::PROGRAMS, Profile::Dev)?;
    for built in image::build_ours(places)? {
        println!("{} {} {}", built.names[0], built.names[1], built.archive.display());
    }
    match cluster::running(places)? {
        Some(cluster) => import_ours(places, &cluster).map(drop),
        None => {
            step::say("no cluster is up, so the images were imported nowhere");
            Ok(())
        }
    }
}

/// Brings the images of programs that are built already into a cluster that runs pods; answers with those images.
///
/// # Errors
/// When a program is not built, or the cluster does not take an image.
pub(crate) fn import_ours(places: &Places, cluster: &Cluster) -> Result<Vec<Built>> {
    let Some(socket) = &cluster.containerd else {
        step::say("this cluster runs no pods, so it needs no images");
        return Ok(Vec::new());
    };
    let images = image::build_ours(places)?;
    for built in &images {
        image::import(built, socket)?;
    }
    Ok(images)
}
