//! Resources without their Rust types, for the RPC layer: values in, values out.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{
    CreateRequest, DeleteRequest, Diagnostics, ImportBy, ImportRequest, Model, Moved, MovedFrom, Outcome,
    Path, PlanRequest, Planned, ReadRequest, Remains, Resource, Schema, UpdateRequest, Value,
};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What every call into a resource has beside its values.
pub(crate) struct Call<D> {
    pub(crate) private: Vec<u8>,
    pub(crate) provider: Arc<D>,
    pub(crate) cancel: CancellationToken,
}

/// The values of a plan.
pub(crate) struct PlanValues {
    pub(crate) config: Value,
    pub(crate) prior: Option<Value>,
    pub(crate) proposed: Value,
}

/// What a resource said, and what identifies the resource by it.
pub(crate) struct Told<T> {
    pub(crate) said: T,
    pub(crate) identity: Option<Value>,
}

impl Told<Outcome<Value>> {
    fn failed(diagnostics: Diagnostics) -> Told<Outcome<Value>> {
        Told { said: Outcome::failed(diagnostics), identity: None }
    }
}

/// [`Resource`] on values.
pub(crate) trait ErasedResource<D>: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn version(&self) -> i64;
    fn schema(&self) -> Schema;
    fn identity_schema(&self) -> Schema;
    fn validate(&self, config: Value) -> Diagnostics;
    fn plan(
        &self,
        values: PlanValues,
        private: Vec<u8>,
        provider: Option<Arc<D>>,
        cancel: CancellationToken,
    ) -> BoxFuture<'_, Result<Told<Planned<Value>>, Diagnostics>>;
    fn plan_destroy(&self, prior: Value, call: Call<D>) -> BoxFuture<'_, Diagnostics>;
    fn create(&self, planned: Value, config: Value, call: Call<D>) -> BoxFuture<'_, Told<Outcome<Value>>>;
    fn update(
        &self,
        prior: Value,
        planned: Value,
        config: Value,
        call: Call<D>,
    ) -> BoxFuture<'_, Told<Outcome<Value>>>;
    fn delete(&self, prior: Value, call: Call<D>) -> BoxFuture<'_, Outcome<Value>>;
    fn read(&self, state: Value, call: Call<D>) -> BoxFuture<'_, Told<Outcome<Value>>>;
    fn import(&self, by: ImportBy<Value>, call: Call<D>) -> BoxFuture<'_, Told<Outcome<Value>>>;
    fn identity(&self, model: &Value) -> Option<Value>;
    fn upgrade(&self, from_version: i64, state: serde_json::Value) -> Result<serde_json::Value, Diagnostics>;
    fn identity_version(&self) -> i64;
    fn upgrade_identity(
        &self,
        from_version: i64,
        identity: serde_json::Value,
    ) -> Result<serde_json::Value, Diagnostics>;
    fn private_version(&self) -> u32;
    fn upgrade_private(&self, from_version: u32, private: Vec<u8>) -> Result<Vec<u8>, Diagnostics>;
    fn move_from(&self, from: MovedFrom) -> Option<Result<Moved<Value>, Diagnostics>>;
}

/// A typed resource behind [`ErasedResource`].
pub(crate) struct Typed<R>(pub(crate) R);

pub(crate) fn decode<M: Model>(value: Value) -> Result<M, Diagnostics> {
    M::from_value(value, &Path::root())
}

pub(crate) fn erase<M: Model>(outcome: Outcome<M>) -> Outcome<Value> {
    let remains = match outcome.remains {
        Remains::State(model) => Remains::State(model.to_value()),
        Remains::Gone => Remains::Gone,
        Remains::AsBefore => Remains::AsBefore,
    };
    Outcome { remains, private: outcome.private, diagnostics: outcome.diagnostics }
}

/// Decodes, and on failure answers with why.
macro_rules! decoded {
    ($value:expr) => {
        match decode($value) {
            Ok(model) => model,
            Err(diagnostics) => return Told::failed(diagnostics),
        }
    };
}

impl<R: Resource> Typed<R> {
    /// The outcome on values, with what identifies the resource in it.
    fn told(&self, outcome: Outcome<R::Model>) -> Told<Outcome<Value>> {
        let identity = match &outcome.remains {
            Remains::State(model) => self.0.identity(model).map(|identity| identity.to_value()),
            Remains::Gone | Remains::AsBefore => None,
        };
        Told { said: erase(outcome), identity }
    }
}

impl<R: Resource> ErasedResource<R::Data> for Typed<R> {
    fn type_name(&self) -> &'static str {
        R::TYPE_NAME
    }

    fn version(&self) -> i64 {
        R::VERSION
    }

    fn schema(&self) -> Schema {
        R::Model::schema()
    }

    fn identity_schema(&self) -> Schema {
        R::Identity::schema()
    }

    fn validate(&self, config: Value) -> Diagnostics {
        decode(config).map_or_else(|diagnostics| diagnostics, |config| self.0.validate(&config))
    }

    fn plan(
        &self,
        values: PlanValues,
        private: Vec<u8>,
        provider: Option<Arc<R::Data>>,
        cancel: CancellationToken,
    ) -> BoxFuture<'_, Result<Told<Planned<Value>>, Diagnostics>> {
        Box::pin(async move {
            let request = PlanRequest {
                config: decode(values.config)?,
                prior: values.prior.map(decode).transpose()?,
                proposed: decode(values.proposed)?,
                private,
                provider,
                cancel,
            };
            let Planned { model, replace, private, diagnostics } = self.0.plan(request).await?;
            let identity = self.0.identity(&model).map(|identity| identity.to_value());
            let said = Planned { model: model.to_value(), replace, private, diagnostics };
            Ok(Told { said, identity })
        })
    }

    fn plan_destroy(&self, prior: Value, call: Call<R::Data>) -> BoxFuture<'_, Diagnostics> {
        Box::pin(async move {
            let prior = match decode(prior) {
                Ok(prior) => prior,
                Err(diagnostics) => return diagnostics,
            };
            let Call { private, provider, cancel } = call;
            self.0.plan_destroy(DeleteRequest { prior, private, provider, cancel }).await
        })
    }

    fn create(
        &self,
        planned: Value,
        config: Value,
        call: Call<R::Data>,
    ) -> BoxFuture<'_, Told<Outcome<Value>>> {
        Box::pin(async move {
            let (planned, config) = (decoded!(planned), decoded!(config));
            let Call { private, provider, cancel } = call;
            self.told(self.0.create(CreateRequest { planned, config, private, provider, cancel }).await)
        })
    }

    fn update(
        &self,
        prior: Value,
        planned: Value,
        config: Value,
        call: Call<R::Data>,
    ) -> BoxFuture<'_, Told<Outcome<Value>>> {
        Box::pin(async move {
            let (prior, planned, config) = (decoded!(prior), decoded!(planned), decoded!(config));
            let Call { private, provider, cancel } = call;
            self.told(
                self.0.update(UpdateRequest { prior, planned, config, private, provider, cancel }).await,
            )
        })
    }

    fn delete(&self, prior: Value, call: Call<R::Data>) -> BoxFuture<'_, Outcome<Value>> {
        Box::pin(async move {
            let prior = match decode(prior) {
                Ok(prior) => prior,
                Err(diagnostics) => return Outcome::failed(diagnostics),
            };
            let Call { private, provider, cancel } = call;
            erase(self.0.delete(DeleteRequest { prior, private, provider, cancel }).await)
        })
    }

    fn read(&self, state: Value, call: Call<R::Data>) -> BoxFuture<'_, Told<Outcome<Value>>> {
        Box::pin(async move {
            let state = decoded!(state);
            let Call { private, provider, cancel } = call;
            self.told(self.0.read(ReadRequest { state, private, provider, cancel }).await)
        })
    }

    fn import(&self, by: ImportBy<Value>, call: Call<R::Data>) -> BoxFuture<'_, Told<Outcome<Value>>> {
        Box::pin(async move {
            let by = match by {
                ImportBy::Id(id) => ImportBy::Id(id),
                ImportBy::Identity(identity) => ImportBy::Identity(decoded!(identity)),
            };
            let Call { provider, cancel, .. } = call;
            self.told(self.0.import(ImportRequest { by, provider, cancel }).await)
        })
    }

    fn identity(&self, model: &Value) -> Option<Value> {
        let model = decode(model.clone()).ok()?;
        self.0.identity(&model).map(|identity| identity.to_value())
    }

    fn upgrade(&self, from_version: i64, state: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        self.0.upgrade(from_version, state)
    }

    fn identity_version(&self) -> i64 {
        R::IDENTITY_VERSION
    }

    fn upgrade_identity(
        &self,
        from_version: i64,
        identity: serde_json::Value,
    ) -> Result<serde_json::Value, Diagnostics> {
        self.0.upgrade_identity(from_version, identity)
    }

    fn private_version(&self) -> u32 {
        R::PRIVATE_VERSION
    }

    fn upgrade_private(&self, from_version: u32, private: Vec<u8>) -> Result<Vec<u8>, Diagnostics> {
        self.0.upgrade_private(from_version, private)
    }

    fn move_from(&self, from: MovedFrom) -> Option<Result<Moved<Value>, Diagnostics>> {
        let moved = self.0.move_from(from)?;
        Some(moved.map(|moved| Moved { model: moved.model.to_value(), private: moved.private }))
    }
}
