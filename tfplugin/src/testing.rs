//! Drives a provider in-process, as Terraform would, for tests without Terraform.
//!
//! Calls go through the same code as those of a host, msgpack included, so a
//! test sees what Terraform would see. Answers are held to Terraform's rules:
//! a provider that breaks one gets a diagnostic "Provider bug", which names the
//! resource, the attribute and the rule.
//!
//! ```
//! # use tfplugin::*;
//! # model! {
//! #     /// Settings.
//! #     pub struct Settings {}
//! # }
//! # model! {
//! #     /// A counter.
//! #     pub struct Counter {
//! #         /// The start.
//! #         pub from: Attr<i64> = required(),
//! #         /// The next.
//! #         pub next: Attr<i64> = computed(),
//! #     }
//! # }
//! # struct Counters;
//! # impl Provider for Counters {
//! #     type Config = Settings;
//! #     type Data = ();
//! #     const NAME: &'static str = "count";
//! #     const ADDRESS: &'static str = "registry.terraform.io/examples/count";
//! #     async fn configure(&self, _: Settings, _: Host) -> Result<Configured<()>, Diagnostics> {
//! #         Ok(Configured::from(()))
//! #     }
//! #     fn resources(&self) -> Resources<()> { Resources::new().with(CounterResource) }
//! # }
//! # struct CounterResource;
//! # impl Resource for CounterResource {
//! #     type Data = ();
//! #     type Model = Counter;
//! #     type Identity = Nothing;
//! #     const TYPE_NAME: &'static str = "count_counter";
//! #     async fn create(&self, r: CreateRequest<Self>) -> Outcome<Counter> {
//! #         Outcome::state(Counter { next: r.planned.from.map(|from| from + 1), ..r.planned })
//! #     }
//! #     async fn read(&self, r: ReadRequest<Self>) -> Outcome<Counter> { Outcome::state(r.state) }
//! #     async fn update(&self, r: UpdateRequest<Self>) -> Outcome<Counter> { Outcome::state(r.planned) }
//! #     async fn delete(&self, _: DeleteRequest<Self>) -> Outcome<Counter> { Outcome::gone() }
//! # }
//! use tfplugin::testing::Driver;
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let driver = Driver::new(Counters);
//! driver.configure(&Settings::default()).await;
//! let config = Counter { from: 4.into(), ..Counter::default() };
//! let made = driver.create("count_counter", &config).await;
//! assert_eq!(made.model::<Counter>().unwrap().next, Attr::Known(5));
//! # });
//! ```

pub(crate) mod propose;

use std::sync::Arc;

use crate::policy::consistency::{self, Judged};
use crate::server::{ApplyInput, PlanInput, Server, TakeOverInput};
use crate::wire::{InProcess, ProviderService};
use crate::{
    Attr, Diagnostics, Field, FunctionError, ImportBy, Lease, Model, Opened, Path, Provider, Schema, Value,
};

/// A provider, driven as a host would drive it.
pub struct Driver<P: Provider> {
    server: Arc<Server<P>>,
    wire: InProcess<P>,
}

/// A resource as a state file keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// The attributes.
    pub state: Value,
    /// The bytes that the provider keeps beside them.
    pub private: Vec<u8>,
    /// What identifies the resource, where the provider says so.
    pub identity: Option<Value>,
}

impl Instance {
    /// The attributes as the resource's model.
    ///
    /// # Errors
    /// The state does not fit this model.
    pub fn model<M: Model>(&self) -> Result<M, Diagnostics> {
        M::from_value(self.state.clone(), &Path::root())
    }

    /// The attributes as a state file holds them; [`Driver::upgrade`] reads such.
    pub fn to_json(&self) -> String {
        crate::codec::json::encode(&self.state)
    }
}

/// What a provider planned. [`Driver::apply`] takes it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The resource type.
    pub type_name: String,
    /// The configuration; nothing for a destroy.
    pub config: Option<Value>,
    /// What was before; nothing for a create.
    pub prior: Option<Instance>,
    /// What shall be; nothing for a destroy, and where the plan failed.
    pub planned: Option<Value>,
    /// The attributes because of which it needs a new resource.
    pub replace: Vec<Path>,
    /// The bytes for the apply.
    pub private: Vec<u8>,
    /// What will identify the resource, as far as it is known.
    pub identity: Option<Value>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

impl Plan {
    /// Whether Terraform would show "No changes".
    pub fn is_empty(&self) -> bool {
        self.planned.as_ref() == self.prior.as_ref().map(|prior| &prior.state)
    }

    /// What shall be, as the resource's model.
    ///
    /// # Errors
    /// The plan's own diagnostics where it failed, or what does not fit this model.
    pub fn model<M: Model>(&self) -> Result<M, Diagnostics> {
        let planned = self.planned.clone().ok_or_else(|| self.diagnostics.clone())?;
        M::from_value(planned, &Path::root())
    }
}

/// What became of a resource.
#[derive(Clone, Debug)]
pub struct After {
    /// The resource; nothing where it is gone.
    pub instance: Option<Instance>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

impl After {
    /// The resource as its model.
    ///
    /// # Errors
    /// The diagnostics where there is no resource, or what does not fit this model.
    pub fn model<M: Model>(&self) -> Result<M, Diagnostics> {
        self.instance.as_ref().ok_or_else(|| self.diagnostics.clone())?.model()
    }

    fn failed(prior: Option<Instance>, diagnostics: Diagnostics) -> After {
        After { instance: prior, diagnostics }
    }
}

impl<P: Provider> Driver<P> {
    /// A provider that no host has configured yet.
    pub fn new(provider: P) -> Driver<P> {
        let server = Arc::new(Server::new(provider, true));
        let wire = InProcess { service: ProviderService { server: Arc::clone(&server) } };
        Driver { server, wire }
    }

    /// Asks for the schemas, then validates and takes the provider's configuration.
    pub async fn configure(&self, config: &P::Config) -> Diagnostics {
        let mut diagnostics = self.wire.schema_problems().await;
        diagnostics.extend(self.wire.validate_provider(&config.to_value()).await);
        if !diagnostics.has_errors() {
            diagnostics.extend(self.wire.configure(&config.to_value()).await);
        }
        diagnostics
    }

    /// Validates a resource's configuration.
    pub async fn validate(&self, type_name: &str, config: &impl Model) -> Diagnostics {
        self.wire.validate_resource(type_name, &config.to_value()).await
    }

    /// Plans a create (nothing prior), an update, or a destroy (no configuration).
    pub async fn plan<M: Model>(
        &self,
        type_name: &str,
        prior: Option<&Instance>,
        config: Option<&M>,
    ) -> Plan {
        let config = config.map(Model::to_value);
        let proposed = config.as_ref().map(|config| {
            propose::proposed(&self.schema(type_name), config, prior.map(|prior| &prior.state))
        });
        let input = PlanInput {
            config: config.clone(),
            prior: prior.map(|prior| prior.state.clone()),
            proposed,
            private: prior.map(|prior| prior.private.clone()).unwrap_or_default(),
            prior_identity: prior.and_then(|prior| prior.identity.clone()),
        };
        let (answer, replace) = self.wire.plan(type_name, input).await;
        Plan {
            type_name: type_name.to_owned(),
            config,
            prior: prior.cloned(),
            planned: answer.state,
            replace,
            private: answer.private,
            identity: answer.identity,
            diagnostics: answer.diagnostics,
        }
    }

    /// Plans once more, as Terraform does at apply when more is known: the same
    /// change with the configuration as it is now. What the first plan knew must
    /// come true in the second.
    pub async fn plan_again<M: Model>(&self, first: &Plan, config: Option<&M>) -> Plan {
        let mut second = self.plan(&first.type_name, first.prior.as_ref(), config).await;
        if let (Some(before), Some(now), Ok(entry)) =
            (&first.planned, &second.planned, self.server.entry(&first.type_name))
        {
            let judged = Judged { type_name: &first.type_name, schema: &entry.schema };
            second.diagnostics.extend(consistency::of_next_plan(judged, before, now));
        }
        second
    }

    /// Brings about a plan. Unknown parts of its configuration must have been replaced.
    pub async fn apply(&self, plan: Plan) -> After {
        if plan.diagnostics.has_errors() {
            return After::failed(plan.prior, plan.diagnostics);
        }
        let input = ApplyInput {
            config: plan.config,
            prior: plan.prior.map(|prior| prior.state),
            planned: plan.planned,
            private: plan.private,
            planned_identity: plan.identity,
        };
        self.wire.apply(&plan.type_name, input).await
    }

    /// Validates, plans and applies a new resource.
    pub async fn create(&self, type_name: &str, config: &impl Model) -> After {
        self.change(type_name, None, config).await
    }

    /// Validates, plans and applies a change. A plan that needs a new resource is an error here:
    /// use [`Driver::plan`] to look at it.
    pub async fn update(&self, type_name: &str, prior: &Instance, config: &impl Model) -> After {
        self.change(type_name, Some(prior), config).await
    }

    /// Plans and applies a destroy.
    pub async fn destroy(&self, type_name: &str, prior: &Instance) -> After {
        let plan = self.plan::<crate::Nothing>(type_name, Some(prior), None).await;
        self.apply(plan).await
    }

    /// Reads what became of a resource.
    pub async fn read(&self, type_name: &str, instance: &Instance) -> After {
        self.wire.read(type_name, instance.clone()).await
    }

    /// Imports by id, and reads what was found.
    pub async fn import(&self, type_name: &str, id: &str) -> After {
        self.import_by(type_name, ImportBy::Id(id.to_owned())).await
    }

    /// Imports by identity, and reads what was found.
    pub async fn import_identity(&self, type_name: &str, identity: &impl Model) -> After {
        self.import_by(type_name, ImportBy::Identity(identity.to_value())).await
    }

    /// Validates and looks up a data source; answers with what was found and warnings.
    ///
    /// # Errors
    /// The configuration is refused, or the look-up failed.
    pub async fn look_up<M: Model>(
        &self,
        type_name: &str,
        config: &M,
    ) -> Result<(M, Diagnostics), Diagnostics> {
        let (found, warnings) = self.wire.look_up(type_name, &config.to_value()).await?;
        Ok((M::from_value(found, &Path::root())?, warnings))
    }

    /// The state in today's form of a JSON state that `version` of the schema wrote.
    ///
    /// # Errors
    /// The state cannot be carried over.
    pub async fn upgrade(&self, type_name: &str, version: i64, state: &str) -> Result<Value, Diagnostics> {
        self.wire.upgrade(type_name, version, state).await
    }

    /// The identity in today's form of a JSON identity that `version` of it wrote.
    ///
    /// # Errors
    /// The identity cannot be carried over.
    pub async fn upgrade_identity(
        &self,
        type_name: &str,
        version: i64,
        identity: &str,
    ) -> Result<Value, Diagnostics> {
        self.wire.upgrade_identity(type_name, version, identity).await
    }

    /// What a `moved` block to `type_name` makes of a resource of another type
    /// of this provider, whose state has that version; and reads it, as
    /// Terraform does before it plans.
    pub async fn move_from(&self, type_name: &str, from: &str, version: i64, instance: &Instance) -> After {
        let moved = TakeOverInput {
            provider_address: P::ADDRESS.to_owned(),
            type_name: from.to_owned(),
            version,
            state: instance.to_json(),
            private: instance.private.clone(),
            identity: instance.identity.as_ref().map(crate::codec::json::encode),
        };
        self.then_read(type_name, self.wire.take_over(type_name, moved).await).await
    }

    /// Validates and opens an ephemeral resource.
    ///
    /// # Errors
    /// The configuration is refused, or nothing was opened.
    pub async fn open<M: Model>(&self, type_name: &str, config: &M) -> Result<Opened<M>, Diagnostics> {
        let Opened { model, lease } = self.wire.open(type_name, &config.to_value()).await?;
        Ok(Opened { model: M::from_value(model, &Path::root())?, lease })
    }

    /// Renews what was opened.
    ///
    /// # Errors
    /// It cannot be relied on any longer.
    pub async fn renew(&self, type_name: &str, lease: &Lease) -> Result<Lease, Diagnostics> {
        self.wire.renew(type_name, lease.private.clone()).await
    }

    /// Closes what was opened.
    pub async fn close(&self, type_name: &str, lease: &Lease) -> Diagnostics {
        self.wire.close(type_name, lease.private.clone()).await
    }

    /// Calls a function. Its result is a `T`.
    ///
    /// # Errors
    /// The call is refused; the path names the argument.
    pub async fn call<T: Field>(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = Value>,
    ) -> Result<Attr<T>, FunctionError> {
        self.wire.call(name, arguments.into_iter().collect()).await
    }

    /// What an interrupt does: cancels what runs.
    pub fn stop(&self) {
        self.server.stop();
    }

    async fn import_by(&self, type_name: &str, by: ImportBy<Value>) -> After {
        self.then_read(type_name, self.wire.import(type_name, by).await).await
    }

    async fn then_read(&self, type_name: &str, after: After) -> After {
        let Some(instance) = after.instance else { return after };
        let mut read = self.read(type_name, &instance).await;
        read.diagnostics = after.diagnostics.into_iter().chain(read.diagnostics).collect();
        read
    }

    async fn change(&self, type_name: &str, prior: Option<&Instance>, config: &impl Model) -> After {
        let diagnostics = self.validate(type_name, config).await;
        if diagnostics.has_errors() {
            return After::failed(prior.cloned(), diagnostics);
        }
        let plan = self.plan(type_name, prior, Some(config)).await;
        if let Some(path) = plan.replace.first() {
            let detail =
                format!("The change of {path} needs a new resource; Driver::update does not replace.");
            let error = crate::Diagnostic::error("Needs a new resource", detail).at(path.clone());
            return After::failed(prior.cloned(), error.into());
        }
        self.apply(plan).await
    }

    fn schema(&self, type_name: &str) -> Schema {
        self.server.entry(type_name).map(|entry| entry.schema.clone()).unwrap_or_default()
    }
}
