//! Which container a process is in, from `/proc/<pid>/cgroup`. Pure.
//!
//! What is looked for is the container's id, 64 hexadecimal digits. Runtimes
//! write it in their own way, on cgroup v1 and v2, under the cgroupfs and the
//! systemd driver:
//!
//! ```text
//! 0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid>.slice/cri-containerd-<id>.scope
//! 11:memory:/kubepods/burstable/pod<uid>/<id>
//! 0::/kubepods.slice/kubepods-pod<uid>.slice/crio-<id>.scope/container
//! 4:memory:/kubepods.slice/kubepods-pod<uid>.slice/docker-<id>.scope
//! 9:memory:/system.slice/containerd.service/kubepods-burstable-pod<uid>.slice:cri-containerd:<id>
//! 0::/../../kubepods-besteffort-pod<uid>.slice/cri-containerd-<id>.scope
//! 0::/../cri-containerd-<id>.scope
//! ```
//!
//! The last two are what a reader in a cgroup namespace of its own sees, which
//! is every container on cgroup v2: paths relative to its own. The pod's uid
//! may be cut off there, the container's id never is.

/// Length of a container's id in hexadecimal digits, the same with every runtime.
const ID_LENGTH: usize = 64;
/// What runtimes write before the id. `crio-conmon-<id>` is not among them:
/// that is the monitor of a container and not the container.
const PREFIXES: [&str; 4] = ["cri-containerd-", "crio-", "docker-", ""];

/// The container of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its pod's uid, where the path says it. A static pod's is 32 hexadecimal
    /// digits without dashes.
    pub pod_uid: Option<String>,
}

/// Reads the text of `/proc/<pid>/cgroup`. `None` for a process in no container.
pub fn container(text: &str) -> Option<Container> {
    let mut found: Option<Container> = None;
    for line in text.lines() {
        // `hierarchy:controllers:path`; the path may hold colons itself.
        let Some(path) = line.splitn(3, ':').nth(2) else { continue };
        match of_path(path) {
            Some(container) if container.pod_uid.is_some() => return Some(container),
            Some(container) => found = found.or(Some(container)),
            None => {}
        }
    }
    found
}

/// The first container after the pod. A container that runs containers of its
/// own has theirs behind its own.
fn of_path(path: &str) -> Option<Container> {
    let segments: Vec<&str> = path.split(['/', ':']).filter(|segment| !segment.is_empty()).collect();
    let pod = segments.iter().enumerate().find_map(|(at, segment)| Some((at, pod_uid(segment)?)));
    let (after, pod_uid) = match pod {
        Some((at, uid)) => (at + 1, Some(uid)),
        None => (0, None),
    };
    let id = segments[after..].iter().find_map(|segment| container_id(segment))?;
    Some(Container { id: id.to_owned(), pod_uid })
}

/// `pod<uid>`, `kubepods-pod<uid>.slice` or `kubepods-burstable-pod<uid>.slice`;
/// systemd's form has underscores for the dashes.
fn pod_uid(segment: &str) -> Option<String> {
    let segment = segment.strip_suffix(".slice").unwrap_or(segment);
    let uid = match segment.strip_prefix("kubepods-") {
        Some(rest) => {
            rest.split_once("pod").filter(|(class, _)| ["", "burstable-", "besteffort-"].contains(class))?.1
        }
        None => segment.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    let is_uid = (32..=36).contains(&uid.len()) && uid.bytes().all(|byte| is_hex(byte) || byte == b'-');
    is_uid.then_some(uid)
}

fn container_id(segment: &str) -> Option<&str> {
    let segment = segment.strip_suffix(".scope").unwrap_or(segment);
    PREFIXES.iter().filter_map(|prefix| segment.strip_prefix(prefix)).find(|rest| is_id(rest))
}

/// Whether a text is a container's id.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH && text.bytes().all(is_hex)
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const OTHER: &str = "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UID: &str = "6f1d3a52-9c0e-4b7a-8f55-2d8e3b1c7a90";
    const UNDERSCORED: &str = "6f1d3a52_9c0e_4b7a_8f55_2d8e3b1c7a90";
    const STATIC: &str = "9b6f1d3a529c0e4b7a8f552d8e3b1c7a";

    /// Each form that a runtime writes, and whether the pod's uid is in it.
    fn forms() -> Vec<(String, Option<&'static str>)> {
        let v2 = |path: String| format!("0::{path}\n");
        let uid = Some(UID);
        vec![
            (
                v2(format!(
                    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNDERSCORED}.slice/cri-containerd-{ID}.scope"
                )),
                uid,
            ),
            (v2(format!("/kubepods.slice/kubepods-pod{UNDERSCORED}.slice/cri-containerd-{ID}.scope")), uid),
            (v2(format!("/kubepods/burstable/pod{UID}/{ID}")), uid),
            (
                v2(format!(
                    "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UNDERSCORED}.slice/crio-{ID}.scope/container"
                )),
                uid,
            ),
            (v2(format!("/kubepods.slice/kubepods-pod{UNDERSCORED}.slice/docker-{ID}.scope")), uid),
            (v2(format!("/kubepods/pod{STATIC}/{ID}")), Some(STATIC)),
            (v2(format!("/../../kubepods-besteffort-pod{UNDERSCORED}.slice/cri-containerd-{ID}.scope")), uid),
            (v2(format!("/../cri-containerd-{ID}.scope")), None),
            (v2(format!("/../../../../pod{UID}/{ID}")), uid),
            (v2(format!("/kubepods/pod{UID}/{ID}/docker/{OTHER}")), uid),
            (
                v2(format!(
                    "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubepods-besteffort-pod{UNDERSCORED}.slice/cri-containerd-{ID}.scope/init.scope"
                )),
                uid,
            ),
            (
                format!(
                    "12:pids:/kubepods/besteffort/pod{UID}/{ID}\n11:memory:/kubepods/besteffort/pod{UID}/{ID}\n0::/system.slice/containerd.service\n"
                ),
                uid,
            ),
            (
                format!(
                    "9:memory:/system.slice/containerd.service/kubepods-burstable-pod{UNDERSCORED}.slice:cri-containerd:{ID}\n"
                ),
                uid,
            ),
            (
                format!(
                    "1:name=systemd:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNDERSCORED}.slice/docker-{ID}.scope\n0::/\n"
                ),
                uid,
            ),
            (format!("3:cpu,cpuacct:/../cri-containerd-{ID}.scope\n2:memory:/kubepods/pod{UID}/{ID}\n"), uid),
        ]
    }

    #[test]
    fn every_runtime_s_form_names_its_container() {
        for (text, uid) in forms() {
            let expected = Container { id: ID.to_owned(), pod_uid: uid.map(str::to_owned) };
            assert_eq!(container(&text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_in_no_container_has_none() {
        for text in [
            String::new(),
            "0::/\n".to_owned(),
            "0::/user.slice/user-1000.slice/session-3.scope\n".to_owned(),
            "0::/system.slice/gdm.service\n".to_owned(),
            format!("0::/kubepods/pod{UID}\n"),
            format!("0::/kubepods.slice/kubepods-pod{UNDERSCORED}.slice/crio-conmon-{ID}.scope\n"),
            format!("0::/kubepods/pod{UID}/{}\n", &ID[1..]),
            format!("0::/kubepods/pod{UID}/{}\n", ID.to_uppercase()),
            "not a cgroup file".to_owned(),
        ] {
            assert_eq!(container(&text), None, "{text}");
        }
    }

    #[test]
    fn a_container_outside_kubernetes_has_an_id_and_no_pod() {
        let plain = format!("0::/system.slice/docker-{ID}.scope\n");
        assert_eq!(container(&plain), Some(Container { id: ID.to_owned(), pod_uid: None }));
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "(\\PC|[\n:/._-]){0,300}") {
            if let Some(container) = container(&text) {
                prop_assert!(is_id(&container.id) && text.contains(&container.id));
            }
        }

        #[test]
        fn what_surrounds_a_container_s_line_does_not_matter(
            id in "[0-9a-f]{64}",
            uid in "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            class in "(|burstable/|besteffort/)",
            root in "(|/[a-z]{1,8}\\.slice|/\\.\\./\\.\\.)",
            before in prop::collection::vec("[0-9]{1,2}:[a-z,]{0,10}:(/|/[a-z]{1,8}\\.(slice|service))", 0..4),
            inside in "(|/[a-z]{1,9}(\\.scope)?)",
        ) {
            let mut lines = before;
            lines.push(format!("5:memory:{root}/kubepods/{class}pod{uid}/{id}{inside}"));
            let expected = Container { id, pod_uid: Some(uid) };
            prop_assert_eq!(container(&lines.join("\n")), Some(expected));
        }
    }
}
