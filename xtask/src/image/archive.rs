//! The archive format of `docker save`: a layer, its configuration and a manifest, in one tar.

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::rootfs::Entry;

/// An image to be.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// The last part of its name.
    pub(crate) name: &'static str,
    /// Its file tree.
    pub(crate) files: Vec<Entry>,
    /// What it runs.
    pub(crate) entrypoint: Vec<String>,
    /// The user and group id it runs as.
    pub(crate) user: u32,
}

/// The layer: the same tree always makes the same bytes, so no time and no user's name goes in.
///
/// # Errors
/// When a path is too long for the format.
pub(crate) fn layer(files: &[Entry]) -> Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for entry in files {
        let (path, kind, mode, content): (&str, EntryType, u32, &[u8]) = match entry {
            Entry::Folder(path, mode) => (path, EntryType::Directory, *mode, &[]),
            Entry::File(path, mode, content) => (path, EntryType::Regular, *mode, content),
            Entry::Link(path, _) => (path, EntryType::Symlink, 0o777, &[]),
        };
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        let added = match entry {
            Entry::Link(_, target) => builder.append_link(&mut header, path, target),
            Entry::Folder(..) | Entry::File(..) => builder.append_data(&mut header, path, content),
        };
        added.with_context(|| format!("{path} does not fit into a tar archive"))?;
    }
    builder.into_inner().context("the layer cannot be finished")
}

/// The whole archive.
///
/// # Errors
/// When the archive cannot be put together.
pub(crate) fn docker(image: &Image, names: &[String], layer: &[u8]) -> Result<Vec<u8>> {
    let configuration = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": format!("{0}:{0}", image.user),
            "Entrypoint": image.entrypoint,
            "WorkingDir": "/",
            "Env": ["PATH=/usr/local/bin:/bin"],
        },
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(layer))]},
    })
    .to_string();
    let configuration_name = format!("{}.json", sha256(configuration.as_bytes()));
    let manifest =
        json!([{"Config": configuration_name, "RepoTags": names, "Layers": ["layer.tar"]}]).to_string();

    let mut builder = Builder::new(Vec::new());
    for (name, content) in [
        (configuration_name.as_str(), configuration.as_bytes()),
        ("layer.tar", layer),
        ("manifest.json", manifest.as_bytes()),
    ] {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, content).with_context(|| format!("cannot add {name}"))?;
    }
    builder.into_inner().context("the image cannot be finished")
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        Image {
            name: "one",
            files: vec![
                Entry::Folder("tmp".to_owned(), 0o1777),
                Entry::File("bin/one".to_owned(), 0o755, b"one".to_vec()),
                Entry::Link("bin/two".to_owned(), "/bin/one".to_owned()),
            ],
            entrypoint: vec!["/bin/one".to_owned()],
            user: 65_532,
        }
    }

    #[test]
    fn the_same_tree_makes_the_same_layer() {
        assert_eq!(layer(&image().files).unwrap(), layer(&image().files).unwrap());
    }

    #[test]
    fn the_manifest_names_what_the_archive_holds() {
        let image = image();
        let layer = layer(&image.files).unwrap();
        let bytes = docker(&image, &["gpu-tenancy.local/one:dev".to_owned()], &layer).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut names = Vec::new();
        let mut manifest = String::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            if name == "manifest.json" {
                std::io::Read::read_to_string(&mut entry, &mut manifest).unwrap();
            }
            names.push(name);
        }
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        let configuration = manifest[0]["Config"].as_str().unwrap();
        assert!(names.iter().any(|name| name == configuration), "{names:?} lacks {configuration}");
        assert!(names.iter().any(|name| name == "layer.tar"), "{names:?}");
    }
}
