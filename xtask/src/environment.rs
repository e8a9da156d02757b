//! Every environment variable that xtask reads, or that it sets for the end-to-end tests, the demo and the
//! bench, in one place.

/// Read: where built tools are kept; the default is `.cache` in the repository.
pub(crate) const CACHE: &str = "GPU_TENANCY_CACHE";

/// Read: where the cluster keeps its files; see [`crate::places::Places::cluster_home`] for the default.
pub(crate) const CLUSTER_HOME: &str = "GPU_TENANCY_CLUSTER_HOME";

/// Read only with `--use-kubeconfig`: the user's own cluster, as kubectl knows it.
pub(crate) const USER_KUBECONFIG: &str = "KUBECONFIG";

/// Set: path of the kubeconfig of the cluster to test against, with an administrator's rights.
pub(crate) const KUBECONFIG: &str = "GPU_TENANCY_KUBECONFIG";

/// Set: a folder that holds `terraform`, `tofu`, `terragrunt`, `tfplugindocs`, `promtool` and `kubectl`.
pub(crate) const TOOLS: &str = "GPU_TENANCY_TOOLS";

/// Set: a filesystem mirror with the provider under test, for both registries' host names.
/// `cli.tfrc` beside it, for `TF_CLI_CONFIG_FILE`, installs from it.
pub(crate) const PROVIDER_DIR: &str = "GPU_TENANCY_PROVIDER_DIR";

/// Set: `true` where pods can run, `false` where only the control plane is up.
pub(crate) const PODS: &str = "GPU_TENANCY_PODS";

/// Set: path of the `gpu-stacks` binary.
pub(crate) const STACKS_BIN: &str = "GPU_TENANCY_STACKS_BIN";

/// Set: path of the `gpu-agent` binary, for a gate that is asked from outside the cluster.
pub(crate) const AGENT_BIN: &str = "GPU_TENANCY_AGENT_BIN";

/// Set: the fake model's image by the name that its content gives. To the kubelet it is another image than `:dev`.
pub(crate) const MODEL_IMAGE: &str = "GPU_TENANCY_MODEL_IMAGE";

/// Set where the cluster is ours to break: this program, for its `cluster stop` and `cluster up`.
pub(crate) const XTASK_BIN: &str = "GPU_TENANCY_XTASK_BIN";

/// Set on every daemon that xtask starts: `component digest home`. It is how a later run, even after one that
/// was killed, knows which processes are its own and whether they run with the present settings.
pub(crate) const MARK: &str = "GPU_TENANCY_DAEMON";
