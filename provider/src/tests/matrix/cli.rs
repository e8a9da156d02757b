//! Rows through a real terraform: the same proxy, and the provider as it is installed.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tfplugin::Model as _;
use tfplugin::testing::Instance;
use tokio::process::Command;

use super::circle::Circle;
use super::judge;
use super::rows::{Op, Row};
use super::subject::Subject;
use super::surrounding;

/// A folder in which the provider is installed, for all rows.
pub(super) struct Installed {
    folder: TempDir,
}

impl Installed {
    pub(super) async fn new() -> Installed {
        let installed = Installed { folder: tempfile::tempdir().unwrap() };
        let required = json!({"terraform": {"required_providers": {"gpu": {"source": "gpu-tenancy/gpu"}}}});
        std::fs::write(installed.folder.path().join("main.tf.json"), required.to_string()).unwrap();
        let output = terraform(installed.folder.path(), None, &["init", "-input=false"]).await;
        assert!(output.status.success(), "{}", printed(&output));
        installed
    }
}

/// The proxy answers meanwhile.
async fn terraform(folder: &std::path::Path, data: Option<PathBuf>, arguments: &[&str]) -> Output {
    let tools = PathBuf::from(surrounding("GPU_TENANCY_TOOLS"));
    let config = PathBuf::from(surrounding("GPU_TENANCY_PROVIDER_DIR")).with_file_name("cli.tfrc");
    Command::new(tools.join("terraform"))
        .current_dir(folder)
        .args(arguments)
        .env("TF_CLI_CONFIG_FILE", config)
        .envs(data.map(|data| ("TF_DATA_DIR", data)))
        .env("TF_IN_AUTOMATION", "1")
        .env("CHECKPOINT_DISABLE", "1")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap()
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// One row's folder and state.
struct Workspace<'a> {
    installed: &'a Installed,
    folder: TempDir,
    host: String,
}

const APPLY: [&str; 4] = ["apply", "-auto-approve", "-input=false", "-no-color"];
const DESTROY: [&str; 4] = ["destroy", "-auto-approve", "-input=false", "-no-color"];

impl Workspace<'_> {
    fn new<'a>(installed: &'a Installed, host: &str) -> Workspace<'a> {
        let folder = tempfile::tempdir().unwrap();
        let lock = ".terraform.lock.hcl";
        std::fs::copy(installed.folder.path().join(lock), folder.path().join(lock)).unwrap();
        Workspace { installed, folder, host: host.to_owned() }
    }

    fn write<S: Subject>(&self, model: &S::Model, data: Option<Value>) {
        let state = Instance { state: model.to_value(), private: Vec::new(), identity: None }.to_json();
        let mut arguments: Value = serde_json::from_str(&state).unwrap();
        without_nulls(&mut arguments);
        let mut whole = json!({
            "terraform": {"required_providers": {"gpu": {"source": "gpu-tenancy/gpu"}}},
            "provider": {"gpu": {"host": self.host, "token": "none"}},
            "resource": {S::TYPE: {"it": arguments}},
        });
        if let Some(data) = data {
            whole["data"] = data;
        }
        std::fs::write(self.folder.path().join("main.tf.json"), whole.to_string()).unwrap();
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let data = self.installed.folder.path().join(".terraform");
        terraform(self.folder.path(), Some(data), arguments).await
    }

    async fn ok(&self, arguments: &[&str]) -> Result<(), String> {
        let output = self.run(arguments).await;
        if output.status.success() { Ok(()) } else { Err(format!("{arguments:?}: {}", printed(&output))) }
    }

    /// Nothing in the state is tainted.
    fn is_untainted(&self) -> Result<(), String> {
        let state = std::fs::read_to_string(self.folder.path().join("terraform.tfstate")).unwrap_or_default();
        if state.contains("\"tainted\"") { Err("the state is tainted".to_owned()) } else { Ok(()) }
    }

    async fn plan_is_empty(&self) -> Result<(), String> {
        self.ok(&["plan", "-input=false", "-no-color", "-detailed-exitcode"]).await
    }
}

/// Nulls are arguments that are not set, and computed ones must not be.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

const IMPORT: [&str; 3] = ["import", "-input=false", "-no-color"];

/// Runs a row. Answers whether its call came at all.
pub(super) async fn run<S: Subject>(
    circle: &Circle<'_, S>,
    installed: &Installed,
    row: &Row,
) -> Result<bool, String> {
    let stand = circle.stand().await?;
    let workspace = Workspace::new(installed, &circle.proxy.host);
    let names = &circle.names;
    let (first, second) = (S::first(names), S::second(names));
    let (before, after) = match row.op {
        Op::Update => (first, second),
        Op::Back => (second, first),
        Op::Suspend => (first, S::suspended(names).ok_or("it cannot sleep")?),
        _ => (first.clone(), first),
    };
    let address = format!("{}.it", S::TYPE);
    let id = S::id(names);
    let import = [&IMPORT[..], &[&address, &id]].concat();
    if row.op != Op::Create {
        workspace.write::<S>(&before, None);
        workspace.ok(&APPLY).await?;
    }
    let claims = circle.claims().await?;
    match row.op {
        Op::Suspend | Op::DeleteAwake => circle.wake().await?,
        Op::Import => workspace.ok(&["state", "rm", &address]).await?,
        _ => {}
    }
    let data = if row.op == Op::LookUp { S::data(names) } else { None };
    let hurried = if row.fault.hangs() { S::hurried(after.clone()) } else { after.clone() };
    workspace.write::<S>(&hurried, data.clone());
    circle.proxy.begin(Some((row.call.clone(), row.fault)));
    let output = match row.op {
        Op::Create => workspace.run(&APPLY).await,
        Op::Read => workspace.run(&["plan", "-input=false", "-no-color"]).await,
        // A refresh before it would make other calls than the operation itself.
        Op::LookUp => workspace.run(&["plan", "-input=false", "-no-color", "-refresh=false"]).await,
        Op::Update | Op::Back | Op::Suspend => {
            workspace.run(&[&APPLY[..], &["-refresh=false"]].concat()).await
        }
        Op::Import => workspace.run(&import).await,
        Op::Delete | Op::DeleteAwake => workspace.run(&[&DESTROY[..], &["-refresh=false"]].concat()).await,
    };
    let met = circle.proxy.heal();
    let text = printed(&output);
    workspace.is_untainted().map_err(|why| format!("{why}: {text}"))?;
    if met > 0 {
        judge::of_print(&text, !output.status.success(), row, names)?;
    }
    workspace.write::<S>(&after, data);
    if row.op == Op::Import && !output.status.success() {
        workspace.ok(&import).await?;
    }
    if !matches!(row.op, Op::Delete | Op::DeleteAwake) {
        if !matches!(row.op, Op::Read | Op::LookUp) {
            workspace.ok(&APPLY).await?;
        }
        workspace.plan_is_empty().await?;
        if row.op != Op::Create && circle.claims().await? != claims {
            return Err("another claim has taken the place of the one before".to_owned());
        }
    }
    if row.op == Op::Suspend && !row.is_misled() {
        circle.is_at_rest().await?;
    }
    workspace.ok(&DESTROY).await?;
    let left = circle.ours().await?;
    if !left.is_empty() {
        return Err(format!("{left:?} is left"));
    }
    circle.leave(stand).await?;
    Ok(met > 0)
}

impl<S: Subject> Circle<'_, S> {
    /// The uids of the claims in the tenant's namespace.
    async fn claims(&self) -> Result<Vec<String>, String> {
        let listed = self.bench.api.list("v1", "PersistentVolumeClaim", &self.names.namespace, "").await;
        let listed = listed.map_err(|failure| format!("{failure:?}"))?;
        Ok(listed.iter().filter_map(|it| it["metadata"]["uid"].as_str().map(str::to_owned)).collect())
    }
}
