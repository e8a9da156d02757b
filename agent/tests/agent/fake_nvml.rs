//! Builds the fake NVML and writes its state and the files of a node around it.

use std::path::{Path, PathBuf};
use std::process::Command;

use gpu_agent::exporter::sampler::Settings;

/// A node with a fake driver: its library, `/proc` and the kubelet's links.
pub(crate) struct FakeNode {
    folder: tempfile::TempDir,
}

pub(crate) const LLAMA: &str = "1111111111111111111111111111111111111111111111111111111111111111";
pub(crate) const SPEECH: &str = "2222222222222222222222222222222222222222222222222222222222222222";

/// A T4 as it is, llama on it.
pub(crate) const T4: &str = "\
driver 570.124.06
card 0 0 GPU-6d5c 16106127360 471859200 4294967296 37 Tesla T4
process 0 c 100 4294967296
";

impl FakeNode {
    /// A node whose driver is in a state, with llama's and speech's containers,
    /// processes 100 and 200, and a process of the host, 300.
    pub(crate) fn new(state: &str) -> Self {
        let node = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(node.path("links")).unwrap();
        node.install();
        node.state(state);
        node.container(LLAMA, "llama-0_llm_server", &[100, 101]);
        node.container(SPEECH, "speech-7d9f-x2_tts_server", &[200]);
        node.process(300, "/system.slice/gdm.service");
        node
    }

    /// Compiles the library into the node.
    pub(crate) fn install(&self) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-nvml/fake_nvml.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]);
        let status = compiler.arg(self.library()).arg(source).arg("-ldl").status();
        assert!(status.expect("cc is there, as for every Rust program").success());
    }

    /// Says what the driver answers from now on.
    pub(crate) fn state(&self, state: &str) {
        std::fs::write(self.path("fake-nvml.state"), state).unwrap();
    }

    /// Puts processes into a container of a pod.
    pub(crate) fn container(&self, id: &str, names: &str, pids: &[u32]) {
        std::os::unix::fs::symlink("/nowhere", self.path("links").join(format!("{names}-{id}.log"))).unwrap();
        for pid in pids {
            self.process(*pid, &format!("/kubepods/burstable/pod6f1d3a52-9c0e-4b7a-8f55-2d8e3b1c7a90/{id}"));
        }
    }

    fn process(&self, pid: u32, cgroup: &str) {
        let folder = self.path("proc").join(pid.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("cgroup"), format!("0::{cgroup}\n")).unwrap();
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.path("libnvidia-ml.so.1")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            library: Some(self.library()),
            proc: self.path("proc"),
            links: self.path("links"),
            interval: std::time::Duration::from_secs(1),
        }
    }
}
