//! How an ephemeral resource is written.

use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use crate::erased::{BoxFuture, Call, decode};
use crate::{Diagnostic, Diagnostics, Model, Schema, Value};

/// Something that exists while Terraform runs, and of which nothing is kept: a
/// token, a tunnel. Its values may go into provider blocks and write-only
/// attributes.
///
/// The expected flow is `validate`, `open`, `renew` as often as was asked for,
/// `close`; once for a plan and once for an apply.
pub trait EphemeralResource: Sized + Send + Sync + 'static {
    /// What [`crate::Provider::configure`] made of the provider's configuration.
    type Data: Send + Sync + 'static;
    /// What the user asks and what is opened: one declaration of [`crate::model!`].
    type Model: Model;

    /// The name that users write, with the provider's name as prefix: `greeting_secret`.
    const TYPE_NAME: &'static str;

    /// Checks a configuration beyond the rules of its attributes, offline. Any attribute may be unknown.
    fn validate(&self, config: &Self::Model) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Opens it. Terraform asks once everything in the configuration is known.
    ///
    /// # Errors
    /// Nothing was opened, for these reasons.
    fn open(
        &self,
        request: OpenRequest<Self>,
    ) -> impl Future<Output = Result<Opened<Self::Model>, Diagnostics>> + Send;

    /// Makes it last longer; asked for at the time that `open` or the last `renew` gave.
    ///
    /// # Errors
    /// It cannot be relied on any longer, for these reasons.
    fn renew(&self, request: LeaseRequest<Self>) -> impl Future<Output = Result<Lease, Diagnostics>> + Send {
        let _ = request;
        async {
            let detail = format!("{} cannot be renewed; run Terraform again.", Self::TYPE_NAME);
            Err(Diagnostic::error("No longer open", detail).into())
        }
    }

    /// Closes it. Also after an interrupt, when the token of the request is
    /// cancelled already. Nothing by default.
    fn close(&self, request: LeaseRequest<Self>) -> impl Future<Output = Diagnostics> + Send {
        let _ = request;
        async { Diagnostics::new() }
    }
}

/// What [`EphemeralResource::open`] works from.
pub struct OpenRequest<E: EphemeralResource> {
    /// What the user wrote, with defaults; computed attributes are unknown.
    pub asked: E::Model,
    /// The configured provider.
    pub provider: Arc<E::Data>,
    /// Cancelled when the user interrupts.
    pub cancel: CancellationToken,
}

/// What [`EphemeralResource::renew`] and [`EphemeralResource::close`] work from.
pub struct LeaseRequest<E: EphemeralResource> {
    /// The bytes that `open` or the last `renew` left.
    pub private: Vec<u8>,
    /// The configured provider.
    pub provider: Arc<E::Data>,
    /// Cancelled when the user interrupts.
    pub cancel: CancellationToken,
}

/// What was opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened<M> {
    /// The values. What the user set must stay as it is.
    pub model: M,
    /// How long it lasts, and how it is found again.
    pub lease: Lease,
}

/// How long something that is open lasts, and how it is found again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lease {
    /// When Terraform should ask to renew it; nothing where it lasts until it is closed.
    pub renew_at: Option<SystemTime>,
    /// Bytes for `renew` and `close`, which do not see the values.
    pub private: Vec<u8>,
    /// Warnings. With an error among them the call failed.
    pub diagnostics: Diagnostics,
}

impl<M> Opened<M> {
    /// Something that lasts until it is closed.
    pub fn new(model: M) -> Opened<M> {
        Opened { model, lease: Lease::default() }
    }

    /// The same, with this lease.
    pub fn with_lease(self, lease: Lease) -> Opened<M> {
        Opened { lease, ..self }
    }
}

impl Lease {
    /// A lease with bytes for `renew` and `close`, which lasts until it is closed.
    pub fn new(private: impl Into<Vec<u8>>) -> Lease {
        Lease { private: private.into(), ..Lease::default() }
    }

    /// The same lease, to be renewed at that time.
    pub fn renew_at(self, time: SystemTime) -> Lease {
        Lease { renew_at: Some(time), ..self }
    }

    /// The same lease with more diagnostics.
    pub fn with(mut self, diagnostics: impl Into<Diagnostics>) -> Lease {
        self.diagnostics.extend(diagnostics.into());
        self
    }
}

/// The ephemeral resources of a provider.
pub struct EphemeralResources<D> {
    pub(crate) all: Vec<Box<dyn ErasedEphemeral<D>>>,
}

impl<D: Send + Sync + 'static> EphemeralResources<D> {
    /// No ephemeral resources.
    pub fn new() -> EphemeralResources<D> {
        EphemeralResources { all: Vec::new() }
    }

    /// These and one more.
    pub fn with<E: EphemeralResource<Data = D>>(mut self, resource: E) -> EphemeralResources<D> {
        self.all.push(Box::new(TypedEphemeral(resource)));
        self
    }
}

impl<D: Send + Sync + 'static> Default for EphemeralResources<D> {
    fn default() -> EphemeralResources<D> {
        EphemeralResources::new()
    }
}

/// [`EphemeralResource`] on values.
pub(crate) trait ErasedEphemeral<D>: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: Value) -> Diagnostics;
    fn open(&self, asked: Value, call: Call<D>) -> BoxFuture<'_, Result<Opened<Value>, Diagnostics>>;
    fn renew(&self, call: Call<D>) -> BoxFuture<'_, Result<Lease, Diagnostics>>;
    fn close(&self, call: Call<D>) -> BoxFuture<'_, Diagnostics>;
}

/// A typed ephemeral resource behind [`ErasedEphemeral`].
struct TypedEphemeral<E>(E);

impl<E: EphemeralResource> ErasedEphemeral<E::Data> for TypedEphemeral<E> {
    fn type_name(&self) -> &'static str {
        E::TYPE_NAME
    }

    fn schema(&self) -> Schema {
        E::Model::schema()
    }

    fn validate(&self, config: Value) -> Diagnostics {
        decode(config).map_or_else(|diagnostics| diagnostics, |config| self.0.validate(&config))
    }

    fn open(&self, asked: Value, call: Call<E::Data>) -> BoxFuture<'_, Result<Opened<Value>, Diagnostics>> {
        Box::pin(async move {
            let Call { provider, cancel, .. } = call;
            let asked = decode(asked)?;
            let Opened { model, lease } = self.0.open(OpenRequest { asked, provider, cancel }).await?;
            Ok(Opened { model: model.to_value(), lease })
        })
    }

    fn renew(&self, call: Call<E::Data>) -> BoxFuture<'_, Result<Lease, Diagnostics>> {
        let Call { private, provider, cancel } = call;
        Box::pin(self.0.renew(LeaseRequest { private, provider, cancel }))
    }

    fn close(&self, call: Call<E::Data>) -> BoxFuture<'_, Diagnostics> {
        let Call { private, provider, cancel } = call;
        Box::pin(self.0.close(LeaseRequest { private, provider, cancel }))
    }
}
