//! Copies a tenant's config files from their ConfigMap to a writable place, for
//! servers that rewrite their own config. The image has no shell to do it with.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Whoever the server runs as must be able to rewrite its config, and this
/// program runs as somebody else. The place belongs to the pod alone.
const FILE_MODE: u32 = 0o666;
/// The same for folders.
const DIRECTORY_MODE: u32 = 0o777;

/// Why the files could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The system refused something.
    #[error("{doing} {} failed: {why}. {remedy}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's words.
        why: io::Error,
        /// What helps.
        remedy: &'static str,
    },
    /// A link leads out of the source.
    #[error("{} leads to {}, outside {}; only files of the source are copied", link.display(), target.display(), source_dir.display())]
    Outside {
        /// The link.
        link: PathBuf,
        /// Where it leads.
        target: PathBuf,
        /// The source.
        source_dir: PathBuf,
    },
    /// What is in the way at the destination is no file or folder of its own.
    #[error("{} is a link; a copy through it would land elsewhere. Remove it", .0.display())]
    Link(PathBuf),
    /// The source has something that is neither file nor folder.
    #[error("{} is neither a file nor a folder", .0.display())]
    Special(PathBuf),
}

/// Copies every file below `source` to the same place below `destination`,
/// over what is there, and answers how many.
///
/// Links within the source are followed, since a ConfigMap's files are links;
/// links out of it are refused, and so are links at the destination. Names that
/// begin with `..` are the kubelet's own and are left out.
///
/// # Errors
/// The first file that could not be copied; those before it are copied.
pub fn copy(source: &Path, destination: &Path) -> Result<usize, CopyError> {
    let remedy = "Is the ConfigMap mounted there?";
    let root = source.canonicalize().map_err(io_error("opening", source, remedy))?;
    make_directory(destination)?;
    copy_directory(&root, &root, destination)
}

fn copy_directory(root: &Path, from: &Path, to: &Path) -> Result<usize, CopyError> {
    let reading = || io_error("reading", from, "Is the ConfigMap mounted there?");
    let mut names = Vec::new();
    for entry in fs::read_dir(from).map_err(reading())? {
        names.push(entry.map_err(reading())?.file_name());
    }
    // In a fixed order, so that a failure is the same failure each time.
    names.sort();
    let mut copied = 0;
    for name in names.iter().filter(|name| !name.to_string_lossy().starts_with("..")) {
        let (link, to) = (from.join(name), to.join(name));
        let from = link.canonicalize().map_err(io_error("following", &link, "Is its target there?"))?;
        if !from.starts_with(root) {
            return Err(CopyError::Outside { link, target: from, source_dir: root.to_owned() });
        }
        let kind = fs::metadata(&from).map_err(io_error("reading", &from, "May it be read?"))?.file_type();
        if kind.is_dir() {
            make_directory(&to)?;
            copied += copy_directory(root, &from, &to)?;
        } else if kind.is_file() {
            copy_file(&from, &to)?;
            copied += 1;
        } else {
            return Err(CopyError::Special(link));
        }
    }
    Ok(copied)
}

/// Makes a folder that anybody in the pod may write to; one that is there is taken as it is.
fn make_directory(path: &Path) -> Result<(), CopyError> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => Err(CopyError::Link(path.to_owned())),
        Ok(_) => Ok(()),
        Err(_) => {
            let remedy = "Is the destination a mounted, writable volume?";
            fs::create_dir_all(path).map_err(io_error("making the folder", path, remedy))?;
            fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE)).map_err(io_error(
                "opening up the folder",
                path,
                remedy,
            ))
        }
    }
}

/// Writes beside the target and renames: a reader never sees half a file, and a
/// link at the target is replaced and not followed.
fn copy_file(from: &Path, to: &Path) -> Result<(), CopyError> {
    let remedy = "Is the destination a mounted volume with room, writable for this user?";
    let mut beside = to.as_os_str().to_owned();
    beside.push(".gpu-agent-copy");
    let beside = PathBuf::from(beside);
    let content = fs::read(from).map_err(io_error("reading", from, "May it be read?"))?;
    match fs::remove_file(&beside) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => {
            return Err(io_error("removing", &beside, remedy)(why));
        }
        _ => {}
    }
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
        io::Write::write_all(&mut file, &content)?;
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        fs::rename(&beside, to)
    };
    write().map_err(io_error("writing", to, remedy))
}

fn io_error<'p>(
    doing: &'static str,
    path: &'p Path,
    remedy: &'static str,
) -> impl FnOnce(io::Error) -> CopyError + 'p {
    move |why| CopyError::Io { doing, path: path.to_owned(), why, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A folder as the kubelet mounts a ConfigMap with two files.
    fn config_map(root: &Path) -> PathBuf {
        let source = root.join("source");
        let version = source.join("..2026_11_21_02_00_00.1");
        fs::create_dir_all(version.join("sub")).unwrap();
        fs::write(version.join("config.yaml"), "a: 1\n").unwrap();
        fs::write(version.join("sub/voices.json"), "[]").unwrap();
        symlink("..2026_11_21_02_00_00.1", source.join("..data")).unwrap();
        symlink("..data/config.yaml", source.join("config.yaml")).unwrap();
        symlink("..data/sub", source.join("sub")).unwrap();
        source
    }

    #[test]
    fn a_config_map_s_files_are_copied_over_what_the_server_wrote() {
        let root = tempfile::tempdir().unwrap();
        let (source, destination) = (config_map(root.path()), root.path().join("app"));
        fs::create_dir(&destination).unwrap();
        fs::write(destination.join("config.yaml"), "rewritten by the server, and longer\n").unwrap();
        assert_eq!(copy(&source, &destination).unwrap(), 2);
        assert_eq!(fs::read_to_string(destination.join("config.yaml")).unwrap(), "a: 1\n");
        assert_eq!(fs::read_to_string(destination.join("sub/voices.json")).unwrap(), "[]");
        let mode = fs::metadata(destination.join("config.yaml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, FILE_MODE, "whoever the server runs as may rewrite it");
        let mut names: Vec<_> =
            fs::read_dir(&destination).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["config.yaml", "sub"], "neither the kubelet's names nor our own");
    }

    #[test]
    fn links_out_of_the_source_or_at_the_destination_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let source = config_map(root.path());
        let secret = root.path().join("secret");
        fs::write(&secret, "token").unwrap();

        let destination = root.path().join("linked-file");
        fs::create_dir(&destination).unwrap();
        symlink(&secret, destination.join("config.yaml")).unwrap();
        copy(&source, &destination).unwrap();
        assert_eq!(fs::read_to_string(&secret).unwrap(), "token", "the link is replaced, not followed");

        let destination = root.path().join("linked-folder");
        fs::create_dir(&destination).unwrap();
        symlink(root.path(), destination.join("sub")).unwrap();
        assert!(matches!(copy(&source, &destination).unwrap_err(), CopyError::Link(_)));

        symlink(&secret, source.join("evil")).unwrap();
        let error = copy(&source, &root.path().join("out")).unwrap_err();
        assert!(matches!(error, CopyError::Outside { .. }), "{error}");
    }

    #[test]
    fn an_absent_source_is_named() {
        let error = copy(Path::new("/nowhere/at/all"), Path::new("/nowhere/else")).unwrap_err().to_string();
        assert!(error.starts_with("opening /nowhere/at/all failed"), "{error}");
    }
}
