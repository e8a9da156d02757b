//! The life of one resource, in which each operation meets a row of the matrix.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenancy::declared::SYSTEM_NAMESPACE;
use tenancy::objects::{Key, Kind};
use tfplugin::testing::{After, Driver, Instance};
use tfplugin::{CancellationToken, Diagnostics, Value};

use super::super::{FLOOR, SERVICE, told};
use super::judge;
use super::proxy::{Call, Proxy};
use super::rows::{Op, Row, Rows};
use super::subject::{Card, Floor, Names, Subject};
use crate::api::{Api, ApiServer, Listable, Live, Ref};
use crate::cluster::Cluster;
use crate::connection::{Connection, Target};
use crate::engine::{Kept, MANAGER_PREFIX};
use crate::provider::{Gpu, Settings};

/// How many rows of each operation between create and delete one life takes.
const ROWS_A_LIFE: usize = 4;

/// What the lives of one worker share.
pub(super) struct Bench {
    upstream: Arc<Cluster>,
    pub(super) api: Api,
    run: String,
}

/// What came of rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Rows whose operation failed and came right with the next apply, by operation.
    pub(super) mended: BTreeMap<Op, usize>,
    /// Rows whose operation succeeded all the same: by trying again, or because the call was not needed.
    pub(super) withstood: BTreeMap<Op, usize>,
    /// Rows whose call did not come this time.
    pub(super) not_met: Vec<Row>,
    pub(super) problems: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, other: Tally) {
        for (op, count) in other.mended {
            *self.mended.entry(op).or_default() += count;
        }
        for (op, count) in other.withstood {
            *self.withstood.entry(op).or_default() += count;
        }
        self.not_met.extend(other.not_met);
        self.problems.extend(other.problems);
    }
}

impl Bench {
    /// `run` is in every name.
    pub(super) fn new(run: &str) -> Bench {
        let kubeconfig = super::surrounding("GPU_TENANCY_KUBECONFIG");
        let connection =
            || Connection { config_paths: vec![kubeconfig.clone().into()], ..Connection::default() };
        let cluster = || Cluster::new(Target::Known(Box::new(connection())));
        let whole_run = Duration::from_secs(3600);
        let api = ApiServer::new(cluster()).within(whole_run, &CancellationToken::new());
        Bench { upstream: Arc::new(cluster()), api, run: run.to_owned() }
    }
}

/// One resource, and what it stands on.
pub(super) struct Circle<'a, S> {
    pub(super) bench: &'a Bench,
    pub(super) proxy: Proxy,
    pub(super) names: Names,
    subject: PhantomData<S>,
}

impl<'a, S: Subject> Circle<'a, S> {
    /// Names of its own, and a proxy.
    pub(super) async fn begin(bench: &'a Bench, label: &str) -> Circle<'a, S> {
        let run = &bench.run;
        let names = Names {
            namespace: format!("matrix-{run}-{label}"),
            card: format!("c-{run}-{label}"),
            other_card: format!("o-{run}-{label}"),
        };
        let proxy = Proxy::start(bench.upstream.clone()).await;
        proxy.call_by(&names.stands());
        Circle { bench, proxy, names, subject: PhantomData }
    }

    /// A life without a fault: the calls of each operation.
    pub(super) async fn record(&self) -> Result<BTreeMap<Op, Vec<Call>>, String> {
        let (first, second) = (S::first(&self.names), S::second(&self.names));
        let stand = self.stand().await?;
        let mut recorded = BTreeMap::new();
        let mut note = |op: Op| drop(recorded.insert(op, self.proxy.calls()));
        self.proxy.begin(None);
        let made = instance(self.driver().await.create(S::TYPE, &first).await)?;
        note(Op::Create);
        self.proxy.begin(None);
        let read = instance(self.driver().await.read(S::TYPE, &made).await)?;
        note(Op::Read);
        self.proxy.begin(None);
        instance(self.driver().await.import(S::TYPE, &S::id(&self.names)).await)?;
        note(Op::Import);
        self.proxy.begin(None);
        if let Some(said) = S::look_up(&self.driver().await, &self.names).await {
            no_errors(&said)?;
            note(Op::LookUp);
        }
        self.proxy.begin(None);
        let changed = instance(self.driver().await.update(S::TYPE, &read, &second).await)?;
        note(Op::Update);
        self.proxy.begin(None);
        let back = instance(self.driver().await.update(S::TYPE, &changed, &first).await)?;
        note(Op::Back);
        let Some(suspended) = S::suspended(&self.names) else {
            self.proxy.begin(None);
            gone(self.driver().await.destroy(S::TYPE, &back).await)?;
            note(Op::Delete);
            self.leave(stand).await?;
            return Ok(recorded);
        };
        self.wake().await?;
        self.proxy.begin(None);
        let asleep = instance(self.driver().await.update(S::TYPE, &back, &suspended).await)?;
        note(Op::Suspend);
        self.proxy.begin(None);
        gone(self.driver().await.destroy(S::TYPE, &asleep).await)?;
        note(Op::Delete);
        let made = instance(self.driver().await.create(S::TYPE, &first).await)?;
        self.wake().await?;
        self.proxy.begin(None);
        gone(self.driver().await.destroy(S::TYPE, &made).await)?;
        note(Op::DeleteAwake);
        // What it has in common with the one asleep is in the matrix already.
        let asleep: BTreeSet<Call> = recorded[&Op::Delete].iter().cloned().collect();
        recorded.entry(Op::DeleteAwake).or_default().retain(|call| !asleep.contains(call));
        self.leave(stand).await?;
        Ok(recorded)
    }

    /// A life that takes rows until it ends. The first row that does not come right ends it.
    pub(super) async fn live(&self, rows: &Mutex<Rows>, tally: &mut Tally) {
        let mut at = None;
        if let Err(why) = self.live_through(rows, tally, &mut at).await {
            let row = at.map_or("between rows".to_owned(), |row: Row| row.to_string());
            tally.problems.push(format!("{} {row}: {why}", S::TYPE));
            self.sweep().await;
        }
    }

    async fn live_through(
        &self,
        rows: &Mutex<Rows>,
        tally: &mut Tally,
        at: &mut Option<Row>,
    ) -> Result<(), String> {
        let mut next = |op: Op| {
            let row = rows.lock().unwrap().take(op);
            at.clone_from(&row);
            row
        };
        let stand = self.stand().await?;
        let mut made = self.create(next(Op::Create), tally).await?;
        let (first, second) = (S::first(&self.names), S::second(&self.names));
        for _ in 0..ROWS_A_LIFE {
            if let Some(row) = next(Op::Read) {
                made = self.read(row, made, tally).await?;
            }
            let updates = rows.lock().unwrap().has(Op::Update) || rows.lock().unwrap().has(Op::Back);
            if updates {
                made = self.update(next(Op::Update), made, second.clone(), tally).await?;
                made = self.update(next(Op::Back), made, first.clone(), tally).await?;
            }
            if let Some(row) = next(Op::Import) {
                self.import(&row, tally).await?;
            }
            if let Some(row) = next(Op::LookUp) {
                self.look_up(&row, tally).await?;
            }
            if let Some(suspended) = S::suspended(&self.names)
                && let Some(row) = next(Op::Suspend)
            {
                self.wake().await?;
                made = self.update(Some(row.clone()), made, suspended, tally).await?;
                if !row.is_misled() {
                    self.is_at_rest().await?;
                }
                made = self.update(None, made, first.clone(), tally).await?;
            }
        }
        let row = match next(Op::DeleteAwake) {
            Some(row) => {
                self.wake().await?;
                Some(row)
            }
            None => next(Op::Delete),
        };
        self.delete(row, made, tally).await?;
        *at = None;
        self.leave(stand).await
    }

    async fn create(&self, row: Option<Row>, tally: &mut Tally) -> Result<Instance, String> {
        let config = S::first(&self.names);
        let after = self.meet(row.as_ref(), tally, async |driver: Driver<Gpu>, hurried| {
            let config = if hurried { S::hurried(config.clone()) } else { config.clone() };
            driver.create(S::TYPE, &config).await
        });
        let after = after.await?;
        let made = match after.instance {
            Some(_) if after.diagnostics.has_errors() => {
                return Err(format!(
                    "an error beside a state, which taints it: {}",
                    told(&after.diagnostics)
                ));
            }
            Some(made) => made,
            None => {
                let left = self.ours().await?;
                if !left.is_empty() {
                    return Err(format!("{left:?} is left and in no state: {}", told(&after.diagnostics)));
                }
                instance(self.driver().await.create(S::TYPE, &config).await)?
            }
        };
        self.converge(made, &config).await
    }

    async fn read(&self, row: Row, made: Instance, tally: &mut Tally) -> Result<Instance, String> {
        let after =
            self.meet(Some(&row), tally, async |driver: Driver<Gpu>, _| driver.read(S::TYPE, &made).await);
        let after = after.await?;
        let kept = if after.diagnostics.has_errors() { Some(made.clone()) } else { after.instance };
        let config = S::first(&self.names);
        match kept {
            Some(kept) => self.converge(kept, &config).await,
            // It was told that there is nothing, so it makes it again.
            None => {
                let again = instance(self.driver().await.create(S::TYPE, &config).await)?;
                self.converge(again, &config).await
            }
        }
    }

    async fn update(
        &self,
        row: Option<Row>,
        made: Instance,
        config: S::Model,
        tally: &mut Tally,
    ) -> Result<Instance, String> {
        let claims = claims(&made);
        let after = self.meet(row.as_ref(), tally, async |driver: Driver<Gpu>, hurried| {
            let config = if hurried { S::hurried(config.clone()) } else { config.clone() };
            driver.update(S::TYPE, &made, &config).await
        });
        let after = after.await?;
        let Some(kept) = after.instance else { return Err("an update lost the state".to_owned()) };
        let done = self.converge(kept, &config).await?;
        if claims != self::claims(&done) {
            return Err("another claim has taken the place of the one before".to_owned());
        }
        Ok(done)
    }

    async fn delete(&self, row: Option<Row>, made: Instance, tally: &mut Tally) -> Result<(), String> {
        let hurried = with_times_of(&made, &tfplugin::Model::to_value(&S::hurried(S::first(&self.names))));
        let after = self.meet(row.as_ref(), tally, async |driver: Driver<Gpu>, hurry| {
            driver.destroy(S::TYPE, if hurry { &hurried } else { &made }).await
        });
        let after = after.await?;
        match after.instance {
            None if after.diagnostics.has_errors() => return Err("an error, and no state".to_owned()),
            None => {}
            Some(_) if !after.diagnostics.has_errors() => {
                return Err(format!("it stays without an error: {}", told(&after.diagnostics)));
            }
            Some(kept) => {
                let kept = with_times_of(&kept, &made.state);
                let driver = self.driver().await;
                let read = driver.read(S::TYPE, &kept).await;
                if read.diagnostics.has_errors() {
                    return Err(format!("the next refresh fails: {}", told(&read.diagnostics)));
                }
                if let Some(kept) = read.instance {
                    gone(driver.destroy(S::TYPE, &kept).await)?;
                }
            }
        }
        let left = self.ours().await?;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?} is left")) }
    }

    /// Lets an operation meet a row, and judges what it says.
    pub(super) async fn meet(
        &self,
        row: Option<&Row>,
        tally: &mut Tally,
        operation: impl AsyncFnOnce(Driver<Gpu>, bool) -> After,
    ) -> Result<After, String> {
        let hurried = row.is_some_and(|row| row.fault.hangs());
        let driver = self.driver().await;
        self.proxy.begin(row.map(|row| (row.call.clone(), row.fault)));
        let after = operation(driver, hurried).await;
        let met = self.proxy.heal();
        let Some(row) = row else {
            no_errors(&after.diagnostics)?;
            return Ok(after);
        };
        judge::of_messages(&after.diagnostics, row, &self.names)?;
        let of_op = match (met, after.diagnostics.is_empty()) {
            (0, _) => {
                tally.not_met.push(row.clone());
                return Ok(after);
            }
            (_, true) => &mut tally.withstood,
            (_, false) => &mut tally.mended,
        };
        *of_op.entry(row.op).or_default() += 1;
        Ok(after)
    }

    /// The next apply, after which a plan is empty and nothing is there twice.
    async fn converge(&self, kept: Instance, config: &S::Model) -> Result<Instance, String> {
        let driver = self.driver().await;
        let read = driver.read(S::TYPE, &kept).await;
        no_errors(&read.diagnostics)?;
        let plan = driver.plan(S::TYPE, read.instance.as_ref(), Some(config)).await;
        if !plan.replace.is_empty() {
            return Err(format!("the next plan replaces it because of {:?}", plan.replace));
        }
        let made = match read.instance {
            Some(read) if plan.is_empty() => read,
            _ => instance(driver.apply(plan).await)?,
        };
        let driver = self.driver().await;
        let again = instance(driver.read(S::TYPE, &made).await)?;
        let plan = driver.plan(S::TYPE, Some(&again), Some(config)).await;
        if again.state != made.state || !plan.is_empty() {
            return Err(format!(
                "the plan after the next apply is not empty: {:?}",
                differing(&again, &plan.planned)
            ));
        }
        let (ours, wanted) = (self.ours().await?, objects(&again));
        if ours != wanted {
            let odd: Vec<&String> = ours.symmetric_difference(&wanted).collect();
            return Err(format!("{odd:?} is in the cluster or in the state alone"));
        }
        Ok(again)
    }

    pub(super) async fn driver(&self) -> Driver<Gpu> {
        let driver = Driver::new(Gpu);
        let settings = Settings {
            host: self.proxy.host.as_str().into(),
            token: "none".into(),
            agent_image: "gpu-tenancy.local/gpu-agent:dev".into(),
            ..Settings::default()
        };
        let said = driver.configure(&settings).await;
        assert!(said.is_empty(), "{}", told(&said));
        driver
    }

    /// The objects in which the resource's own field manager has an entry.
    pub(super) async fn ours(&self) -> Result<BTreeSet<String>, String> {
        let manager = format!("{MANAGER_PREFIX}{}/{}", S::TYPE, S::id(&self.names));
        let mut found = BTreeSet::new();
        let namespace = if S::TYPE == SERVICE { &self.names.namespace } else { SYSTEM_NAMESPACE };
        let ground = self.bench.api.get(&Ref::new("v1", "Namespace", None, namespace)).await;
        let ground = ground.map_err(|failure| format!("{failure:?}"))?;
        if ground.is_some_and(|live| !live.is_deleting() && live.managers().contains(&manager)) {
            found.insert(format!("Namespace/{namespace}"));
        }
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is_namespaced() && *kind != Kind::ServiceMonitor)
        {
            let what = Listable {
                api_version: kind.api_version().to_owned(),
                plural: kind.plural().to_owned(),
                kind: kind.as_str().to_owned(),
            };
            let listed = self.bench.api.list_of(&what, namespace, "").await;
            let listed = listed.map_err(|failure| format!("{failure:?}"))?.into_iter().map(Live);
            let ours = listed.filter(|live| !live.is_deleting() && live.managers().contains(&manager));
            found.extend(ours.map(|live| {
                let name = live.0["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                Key { kind, name }.to_string()
            }));
        }
        Ok(found)
    }

    /// The cards and the claim that the resource stands on.
    pub(super) async fn stand(&self) -> Result<Vec<(&'static str, Instance)>, String> {
        self.proxy.begin(None);
        let driver = self.driver().await;
        let mut stand = Vec::new();
        let others = Names { card: self.names.other_card.clone(), ..self.names.clone() };
        let cards: &[&Names] = match S::TYPE {
            SERVICE => &[&self.names],
            FLOOR => &[&self.names, &others],
            _ => &[],
        };
        for names in cards {
            stand.push((Card::TYPE, instance(driver.create(Card::TYPE, &Card::first(names)).await)?));
        }
        if S::TYPE == SERVICE {
            stand
                .push((Floor::TYPE, instance(driver.create(Floor::TYPE, &Floor::first(&self.names)).await)?));
        }
        Ok(stand)
    }

    pub(super) async fn leave(&self, stand: Vec<(&'static str, Instance)>) -> Result<(), String> {
        self.proxy.begin(None);
        let driver = self.driver().await;
        for (type_name, made) in stand.into_iter().rev() {
            gone(driver.destroy(type_name, &made).await)?;
        }
        // One that a failed call was told to leave.
        let left = Ref::new("v1", "Namespace", None, &self.names.namespace);
        self.bench.api.delete(&left, None).await.map(drop).map_err(|failure| format!("{failure:?}"))
    }

    /// Everything of a life that went wrong, so that it is in nobody's way.
    pub(super) async fn sweep(&self) {
        let namespace = Ref::new("v1", "Namespace", None, &self.names.namespace);
        let _ = self.bench.api.delete(&namespace, None).await;
        for kind in [
            Kind::ConfigMap,
            Kind::Role,
            Kind::RoleBinding,
            Kind::DaemonSet,
            Kind::Service,
            Kind::ServiceAccount,
        ] {
            let system = SYSTEM_NAMESPACE;
            let listed =
                self.bench.api.list(kind.api_version(), kind.as_str(), system, "").await.unwrap_or_default();
            let names = listed.iter().filter_map(|it| it["metadata"]["name"].as_str());
            // A part of the name, whole: the names of another life begin with ours.
            let is_ours = |part: &str| self.names.stands().iter().any(|(own, _)| part == *own);
            let ours = |name: &&str| name.split('.').any(is_ours);
            for name in names.filter(ours) {
                let name = Ref::new(kind.api_version(), kind.as_str(), Some(system), name);
                let _ = self.bench.api.delete(&name, None).await;
            }
        }
    }
}

pub(super) fn no_errors(said: &Diagnostics) -> Result<(), String> {
    if said.has_errors() { Err(format!("an error where nothing fails: {}", told(said))) } else { Ok(()) }
}

/// The resource after an operation that must succeed.
pub(super) fn instance(after: After) -> Result<Instance, String> {
    no_errors(&after.diagnostics)?;
    after.instance.ok_or_else(|| "it is gone where nothing fails".to_owned())
}

pub(super) fn gone(after: After) -> Result<(), String> {
    no_errors(&after.diagnostics)?;
    if after.instance.is_none() { Ok(()) } else { Err("it stays where nothing fails".to_owned()) }
}

/// What the state says that there is.
fn objects(made: &Instance) -> BTreeSet<String> {
    let Value::Object(state) = &made.state else { return BTreeSet::new() };
    let Some(Value::Map(objects)) = state.get("objects") else { return BTreeSet::new() };
    objects.keys().cloned().collect()
}

/// The claims of a resource, by their uids.
fn claims(made: &Instance) -> Vec<String> {
    let kept = Kept::read(&made.private).objects.into_iter();
    kept.filter(|(key, _)| key.starts_with("PersistentVolumeClaim/")).map(|(_, object)| object.uid).collect()
}

/// The resource with the `timeouts` of another state.
fn with_times_of(made: &Instance, other: &Value) -> Instance {
    let mut made = made.clone();
    if let (Value::Object(state), Value::Object(other)) = (&mut made.state, other)
        && let (Some(times), Some(others)) = (state.get_mut("timeouts"), other.get("timeouts"))
    {
        times.clone_from(others);
    }
    made
}

/// The attributes that a plan changes.
fn differing(made: &Instance, planned: &Option<Value>) -> Vec<String> {
    let (Value::Object(state), Some(Value::Object(planned))) = (&made.state, planned) else {
        return Vec::new();
    };
    planned
        .iter()
        .filter(|(name, value)| state.get(*name) != Some(value))
        .map(|(name, value)| format!("{name}: {:?} -> {value:?}", state.get(name)))
        .collect()
}
