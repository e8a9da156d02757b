//! The provider behind the protocol: calls in the framework's own types.
//!
//! Architecture invariant: nothing here names a type of the wire.

mod apply;
mod call;
mod configure;
mod ephemeral;
mod import;
mod look_up;
mod plan;
mod read;
mod take_over;
mod upgrade;
mod validate;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

pub(crate) use apply::ApplyInput;
pub(crate) use plan::PlanInput;
pub(crate) use read::ReadInput;
pub(crate) use take_over::TakeOverInput;
pub(crate) use validate::Abilities;

use crate::codec::private;
use crate::data_source::ErasedDataSource;
use crate::ephemeral::ErasedEphemeral;
use crate::erased::{Call, ErasedResource, Told};
use crate::function::{ErasedFunction, Signature};
use crate::policy::consistency::Judged;
use crate::policy::merge;
use crate::policy::soundness::{self, Use};
use crate::{Diagnostic, Diagnostics, Model, Provider, Schema, Type, Value};

/// A provider with what the host has told it so far.
pub(crate) struct Server<P: Provider> {
    pub(crate) provider: P,
    pub(crate) config_schema: Schema,
    pub(crate) config_type: Type,
    pub(crate) resources: BTreeMap<&'static str, Entry<P::Data>>,
    pub(crate) data_sources: BTreeMap<&'static str, DataEntry<P::Data>>,
    pub(crate) ephemeral: BTreeMap<&'static str, EphemeralEntry<P::Data>>,
    pub(crate) functions: BTreeMap<&'static str, FunctionEntry>,
    /// Whether answers are held to Terraform's rules before Terraform sees them.
    strict: bool,
    session: Mutex<Session<P::Data>>,
}

/// What changes while the provider runs. Held only to copy in and out, never
/// across an await.
struct Session<D> {
    data: Option<Arc<D>>,
    cancel: CancellationToken,
}

/// A resource with its schema, made once.
pub(crate) struct Entry<D> {
    pub(crate) resource: Box<dyn ErasedResource<D>>,
    pub(crate) schema: Schema,
    pub(crate) value_type: Type,
    pub(crate) identity_schema: Schema,
    pub(crate) identity_type: Type,
}

/// A data source with its schema, made once.
pub(crate) struct DataEntry<D> {
    pub(crate) source: Box<dyn ErasedDataSource<D>>,
    pub(crate) schema: Schema,
    pub(crate) value_type: Type,
}

/// An ephemeral resource with its schema, made once.
pub(crate) struct EphemeralEntry<D> {
    pub(crate) resource: Box<dyn ErasedEphemeral<D>>,
    pub(crate) schema: Schema,
    pub(crate) value_type: Type,
}

/// A function with what its callers are told, made once.
pub(crate) struct FunctionEntry {
    pub(crate) function: Box<dyn ErasedFunction>,
    pub(crate) signature: Signature,
}

impl<D> Entry<D> {
    /// The private bytes that the host kept, in today's form.
    fn opened(&self, sealed: &[u8]) -> Result<Vec<u8>, Diagnostics> {
        let (version, bytes) = private::open(sealed);
        let (bytes, today) = (bytes.to_vec(), self.resource.private_version());
        match version.cmp(&today) {
            Ordering::Equal => Ok(bytes),
            Ordering::Less if bytes.is_empty() => Ok(bytes),
            Ordering::Less => self.resource.upgrade_private(version, bytes),
            Ordering::Greater => {
                let detail = format!(
                    "What was kept with the state of this {} has version {version}, and this provider knows \
                     versions up to {today}. Use the newer version of the provider that wrote it.",
                    self.resource.type_name()
                );
                Err(Diagnostic::error("State is newer than the provider", detail).into())
            }
        }
    }

    /// The private bytes for the host to keep.
    fn sealed(&self, private: Vec<u8>) -> Vec<u8> {
        private::seal(self.resource.private_version(), private)
    }

    /// What a state or plan of the resource is judged by.
    fn judged(&self) -> Judged<'_> {
        Judged { type_name: self.resource.type_name(), schema: &self.schema }
    }

    /// What its identity is judged by.
    fn judged_identity(&self) -> Judged<'_> {
        Judged { type_name: self.resource.type_name(), schema: &self.identity_schema }
    }

    /// Whether the resource says what identifies it.
    pub(crate) fn has_identity(&self) -> bool {
        !self.identity_schema.attributes.is_empty()
    }

    /// What a resource told, as Terraform gets it: without what is only written
    /// and in the prior spelling; and what identifies it so. What a configuration is given with is a plan of it.
    fn settled(
        &self,
        told: Told<Value>,
        config: Option<&Value>,
        prior: Option<&Value>,
    ) -> (Value, Option<Value>) {
        let Told { said: mut value, identity } = told;
        let dropped = merge::forget_write_only(&self.schema, &mut value);
        let respelled = prior.is_some_and(|prior| merge::respell(&self.schema, config, prior, &mut value));
        let identity = if dropped || respelled { self.identity(&value) } else { identity };
        (value, identity.filter(|_| self.has_identity()))
    }

    /// What the resource says that identifies it in this state. Parts of it may be unknown.
    fn identity(&self, state: &Value) -> Option<Value> {
        self.has_identity().then(|| self.resource.identity(state))?
    }
}

/// What a call leaves behind: a state (nothing where there is none), and what is to be said.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) state: Option<Value>,
    pub(crate) private: Vec<u8>,
    pub(crate) identity: Option<Value>,
    pub(crate) diagnostics: Diagnostics,
}

impl<P: Provider> Server<P> {
    /// A server that nobody has configured yet. A strict one holds the
    /// provider's answers to Terraform's rules.
    pub(crate) fn new(provider: P, strict: bool) -> Server<P> {
        let resources = provider.resources().all.into_iter().map(|resource| {
            let (schema, identity_schema) = (resource.schema(), resource.identity_schema());
            let (value_type, identity_type) = (schema.value_type(), identity_schema.value_type());
            (resource.type_name(), Entry { resource, schema, value_type, identity_schema, identity_type })
        });
        let data_sources = provider.data_sources().all.into_iter().map(|source| {
            let schema = source.schema();
            let value_type = schema.value_type();
            (source.type_name(), DataEntry { source, schema, value_type })
        });
        let ephemeral = provider.ephemeral_resources().all.into_iter().map(|resource| {
            let schema = resource.schema();
            let value_type = schema.value_type();
            (resource.type_name(), EphemeralEntry { resource, schema, value_type })
        });
        let functions = provider.functions().all.into_iter().map(|function| {
            let signature = function.signature();
            (signature.name, FunctionEntry { function, signature })
        });
        let session = Session { data: None, cancel: CancellationToken::new() };
        let config_schema = P::Config::schema();
        Server {
            resources: resources.collect(),
            data_sources: data_sources.collect(),
            ephemeral: ephemeral.collect(),
            functions: functions.collect(),
            config_type: config_schema.value_type(),
            config_schema,
            provider,
            strict,
            session: Mutex::new(session),
        }
    }

    /// The resource of that name.
    pub(crate) fn entry(&self, type_name: &str) -> Result<&Entry<P::Data>, Diagnostics> {
        self.resources.get(type_name).ok_or_else(|| {
            let detail = format!("The provider {} has no resource {type_name}.", P::NAME);
            Diagnostic::error("Unknown resource type", detail).into()
        })
    }

    /// What is wrong with the declarations of the provider, whatever is asked of it.
    pub(crate) fn schema_problems(&self) -> Diagnostics {
        if !self.strict {
            return Diagnostics::new();
        }
        let mut problems = soundness::problems("provider", &self.config_schema, Use::Provider);
        for (name, entry) in &self.resources {
            problems.extend(soundness::name_problems(P::NAME, name));
            problems.extend(soundness::problems(name, &entry.schema, Use::Resource));
            problems.extend(soundness::problems(name, &entry.identity_schema, Use::Identity));
        }
        for (name, entry) in &self.data_sources {
            problems.extend(soundness::name_problems(P::NAME, name));
            problems.extend(soundness::problems(name, &entry.schema, Use::Data));
        }
        for (name, entry) in &self.ephemeral {
            problems.extend(soundness::name_problems(P::NAME, name));
            problems.extend(soundness::problems(name, &entry.schema, Use::Data));
        }
        for (name, entry) in &self.functions {
            let signature = &entry.signature;
            problems.extend(soundness::problems(name, &signature.parameters, Use::Parameters));
            problems.extend(soundness::call_problems(name, signature.problems()));
        }
        problems
    }

    /// Asks running calls to end soon. The provider keeps serving.
    pub(crate) fn stop(&self) {
        self.with_session(|session| session.cancel.cancel());
    }

    /// The token of what is asked from now on.
    fn begin_session(&self) -> CancellationToken {
        self.with_session(|session| {
            session.cancel = CancellationToken::new();
            session.cancel.clone()
        })
    }

    fn set_data(&self, data: Arc<P::Data>) {
        self.with_session(|session| session.data = Some(data));
    }

    fn cancel(&self) -> CancellationToken {
        self.with_session(|session| session.cancel.clone())
    }

    fn data(&self) -> Option<Arc<P::Data>> {
        self.with_session(|session| session.data.clone())
    }

    /// What a call that needs the configured provider goes with.
    fn call(&self, private: Vec<u8>) -> Result<Call<P::Data>, Diagnostics> {
        let provider = self.data().ok_or_else(|| {
            let detail = "Terraform asked for a resource before it configured the provider, or configuring it \
                          failed. The earlier errors say why.";
            Diagnostic::error("Provider not configured", detail)
        })?;
        Ok(Call { private, provider, cancel: self.cancel() })
    }

    fn with_session<T>(&self, change: impl FnOnce(&mut Session<P::Data>) -> T) -> T {
        // A panic in between cannot leave the session half changed.
        change(&mut self.session.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
