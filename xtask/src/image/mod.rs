//! Container images made without a Docker daemon, and brought into the cluster's containerd.

mod archive;
mod rootfs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use self::archive::Image;
use crate::content::Content;
use crate::places::{Places, Profile};
use crate::step;

/// The user that images run as: the number that "nonroot" has in distroless images, which users know.
const NONROOT: u32 = 65_532;

/// Our own programs that run in a cluster. Each has an image of its name.
pub(crate) const PROGRAMS: [&str; 3] = ["gpu-agent", "fake-card", "fake-model"];

/// Imports what the node itself needs: the pause image, and busybox for whoever wants a shell in a pod.
///
/// # Errors
/// When busybox is missing or containerd refuses the image.
pub(crate) fn import_base(places: &Places, socket: &Path) -> Result<()> {
    let busybox = Path::new("/bin/busybox");
    let applets = step::output(Command::new(busybox).arg("--list"))?;
    let shell = Image {
        name: "busybox",
        files: rootfs::busybox(busybox, &applets)?,
        entrypoint: vec!["/bin/sh".to_owned()],
        user: 0,
    };
    let pause = Image {
        name: "pause",
        files: rootfs::busybox(busybox, "")?,
        entrypoint: ["/bin/busybox", "tail", "-f", "/dev/null"].map(str::to_owned).to_vec(),
        user: NONROOT,
    };
    for image in [shell, pause] {
        import(&build(places, &image)?, socket)?;
    }
    Ok(())
}

/// Makes the images of our own programs from cargo's dev profile.
///
/// # Errors
/// When a program is not built or one of its libraries cannot be found.
pub(crate) fn build_ours(places: &Places) -> Result<Vec<Built>> {
    PROGRAMS
        .into_iter()
        .map(|name| {
            let image = Image {
                name,
                files: rootfs::program(&places.built(name, Profile::Dev))?,
                entrypoint: vec![format!("/usr/local/bin/{name}")],
                user: NONROOT,
            };
            build(places, &image)
        })
        .collect()
}

/// How large the layer of a program's image is, in bytes.
///
/// # Errors
/// When the program is not built or one of its libraries cannot be found.
pub(crate) fn size(program: &Path) -> Result<usize> {
    Ok(archive::layer(&rootfs::program(program)?)?.len())
}

/// An image archive in the cache.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    /// The tar file, as `docker load` and `ctr images import` take it.
    pub(crate) archive: PathBuf,
    /// Its names: `:dev`, and one that changes with its content.
    pub(crate) names: [String; 2],
}

fn build(places: &Places, image: &Image) -> Result<Built> {
    let layer = archive::layer(&image.files)?;
    let hash =
        Content::default().bytes(&layer).bytes(format!("{:?} {}", image.entrypoint, image.user)).hash();
    let repository = format!("gpu-tenancy.local/{}", image.name);
    let names = [format!("{repository}:dev"), format!("{repository}:{hash}")];
    let archive = places.cache.join("images").join(format!("{}-{hash}.tar", image.name));
    if !archive.exists() {
        let folder = places.cache.join("images");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let unfinished = archive.with_extension("unfinished");
        fs::write(&unfinished, archive::docker(image, &names, &layer)?)
            .with_context(|| format!("cannot write {}", unfinished.display()))?;
        fs::rename(&unfinished, &archive).with_context(|| format!("cannot write {}", archive.display()))?;
    }
    Ok(Built { archive, names })
}

/// Imports an image unless containerd has it under the name that its content gives.
///
/// # Errors
/// When containerd refuses it.
pub(crate) fn import(built: &Built, socket: &Path) -> Result<()> {
    let mut present = ctr(socket);
    present.args(["images", "list", "--quiet", &format!("name=={}", built.names[1])]);
    if step::output(present)?.lines().any(|name| name == built.names[1]) {
        let mut tag = ctr(socket);
        tag.args(["images", "tag", "--force", &built.names[1], &built.names[0]]);
        step::output(tag)?;
        return Ok(());
    }
    let mut import = ctr(socket);
    import.args(["images", "import"]).arg(&built.archive);
    step::output(import).with_context(|| format!("containerd does not take {}", built.archive.display()))?;
    step::say(format!("image {}", built.names[0]));
    Ok(())
}

fn ctr(socket: &Path) -> Command {
    let mut command = Command::new("ctr");
    command.arg("--address").arg(socket).args(["--namespace", "k8s.io"]);
    command
}
