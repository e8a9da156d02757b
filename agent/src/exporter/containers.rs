//! Which pod's container a process belongs to, without asking the API server.
//!
//! `/proc/<pid>/cgroup` gives a container's id; the kubelet keeps a link
//! `<pod>_<namespace>_<container>-<id>.log` in `/var/log/containers` for every
//! container of its node, whatever the runtime. The names of these links are
//! all that is read: with that folder alone mounted, the logs they point to are
//! not there. Other ways need more: a list of pods is a right to read every pod
//! of the cluster, since RBAC knows no node; the kubelet's pod-resources socket
//! belongs to root and does not know pods that asked for no GPU.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::cgroup;

/// Where the kubelet keeps its links.
pub const LINKS: &str = "/var/log/containers";

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container's name in the pod.
    pub container: String,
}

/// Who holds something on a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A container of a pod.
    Container {
        /// The container's id.
        id: String,
        /// Its name.
        name: Name,
    },
    /// A process of the node, of another container, or of a pod whose names
    /// are so long that the kubelet cut them off.
    Unknown,
}

/// The containers of this node, as far as they were met.
#[derive(Debug)]
pub struct Containers {
    proc: PathBuf,
    links: PathBuf,
    known: BTreeMap<String, Name>,
}

impl Containers {
    /// Looks into a `/proc` and a folder of the kubelet's links.
    pub fn new(proc: &Path, links: &Path) -> Self {
        Self { proc: proc.to_owned(), links: links.to_owned(), known: BTreeMap::new() }
    }

    /// Whose processes these are, in their order.
    ///
    /// # Errors
    /// The folder of links cannot be listed although a process is in a
    /// container that was not met before; its holder is unknown then.
    pub fn holders(&mut self, pids: &[u32]) -> (Vec<Holder>, Option<io::Error>) {
        let ids: Vec<Option<String>> = pids.iter().map(|pid| self.container_id(*pid)).collect();
        let mut trouble = None;
        if ids.iter().flatten().any(|id| !self.known.contains_key(id)) {
            trouble = self.list().err();
        }
        let holder = |id: Option<String>| {
            let known = id.and_then(|id| self.known.get(&id).cloned().map(|name| (id, name)));
            known.map_or(Holder::Unknown, |(id, name)| Holder::Container { id, name })
        };
        (ids.into_iter().map(holder).collect(), trouble)
    }

    /// A process that has gone meanwhile is in no container.
    fn container_id(&self, pid: u32) -> Option<String> {
        let text = std::fs::read_to_string(self.proc.join(pid.to_string()).join("cgroup")).ok()?;
        cgroup::container(&text).map(|container| container.id)
    }

    /// Lists the links. Containers whose link is gone are forgotten: the
    /// kubelet removes it after the container, and ids are never used again.
    fn list(&mut self) -> io::Result<()> {
        let mut known = BTreeMap::new();
        for link in std::fs::read_dir(&self.links)? {
            let file_name = link?.file_name();
            known.extend(file_name.to_str().and_then(link_name));
        }
        self.known = known;
        Ok(())
    }
}

/// Reads `<pod>_<namespace>_<container>-<id>.log`. None of the names has an
/// underscore, and container names may have dashes.
fn link_name(file: &str) -> Option<(String, Name)> {
    let (names, id) = file.strip_suffix(".log")?.rsplit_once('-')?;
    let mut names = names.split('_').map(str::to_owned);
    let (pod, namespace, container) = (names.next()?, names.next()?, names.next()?);
    let whole = cgroup::is_id(id) && names.next().is_none() && !container.is_empty();
    whole.then(|| (id.to_owned(), Name { namespace, pod, container }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_link_names_its_container() {
        let name = |file: String| link_name(&file).map(|(id, it)| format!("{id} {it:?}"));
        let expected = Name {
            namespace: "tts".into(),
            pod: "chatterbox-tts-7d9f-x2".into(),
            container: "copy-config".into(),
        };
        assert_eq!(
            name(format!("chatterbox-tts-7d9f-x2_tts_copy-config-{ID}.log")),
            Some(format!("{ID} {expected:?}"))
        );
        for other in [
            format!("a_b_c-{}.log", &ID[..40]),
            format!("a_b-{ID}.log"),
            format!("a_b_c_d-{ID}.log"),
            format!("a_b_c-{ID}"),
            "dmesg".to_owned(),
        ] {
            assert_eq!(link_name(&other), None, "{other}");
        }
    }

    #[test]
    fn a_container_is_found_once_its_link_is_there_and_a_host_s_process_is_nobody_s() {
        let (proc, links) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let cgroup = |pid: u32, path: &str| {
            std::fs::create_dir_all(proc.path().join(pid.to_string())).unwrap();
            std::fs::write(proc.path().join(format!("{pid}/cgroup")), format!("0::{path}\n")).unwrap();
        };
        cgroup(7, &format!("/../cri-containerd-{ID}.scope"));
        cgroup(8, "/system.slice/gdm.service");
        let mut containers = Containers::new(proc.path(), links.path());
        assert_eq!(containers.holders(&[7, 8, 9]).0, [Holder::Unknown, Holder::Unknown, Holder::Unknown]);

        // The link points into a folder that is not mounted.
        std::os::unix::fs::symlink("/nowhere", links.path().join(format!("p_n_server-{ID}.log"))).unwrap();
        let (holders, trouble) = containers.holders(&[8, 7]);
        assert!(trouble.is_none());
        let name = Name { namespace: "n".into(), pod: "p".into(), container: "server".into() };
        assert_eq!(holders, [Holder::Unknown, Holder::Container { id: ID.into(), name }]);
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_told_and_attributes_nothing() {
        let proc = tempfile::tempdir().unwrap();
        std::fs::create_dir(proc.path().join("7")).unwrap();
        std::fs::write(proc.path().join("7/cgroup"), format!("0::/kubepods/{ID}\n")).unwrap();
        let mut containers = Containers::new(proc.path(), &proc.path().join("absent"));
        let (holders, trouble) = containers.holders(&[7]);
        assert_eq!(
            (holders, trouble.map(|it| it.kind())),
            (vec![Holder::Unknown], Some(io::ErrorKind::NotFound))
        );
    }
}
