//! How a data source is written.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::erased::{BoxFuture, Call, decode, erase};
use crate::{Diagnostics, Model, Outcome, Schema, Value};

/// Something that Terraform looks up and does not manage.
pub trait DataSource: Sized + Send + Sync + 'static {
    /// What [`crate::Provider::configure`] made of the provider's configuration.
    type Data: Send + Sync + 'static;
    /// What the user asks and what is found: one declaration of [`crate::model!`].
    type Model: Model;

    /// The name that users write, with the provider's name as prefix: `gpu_card`.
    const TYPE_NAME: &'static str;

    /// Checks a configuration beyond the rules of its attributes, offline. Any attribute may be unknown.
    fn validate(&self, config: &Self::Model) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Looks it up. Terraform asks once everything in the configuration is
    /// known. [`Outcome::gone`] is an error here, because a user who asks for
    /// something needs it.
    fn look_up(&self, request: LookUpRequest<Self>) -> impl Future<Output = Outcome<Self::Model>> + Send;
}

/// What [`DataSource::look_up`] works from.
pub struct LookUpRequest<S: DataSource> {
    /// What the user wrote, with defaults; computed attributes are unknown.
    pub asked: S::Model,
    /// The configured provider.
    pub provider: Arc<S::Data>,
    /// Cancelled when the user interrupts.
    pub cancel: CancellationToken,
}

/// [`DataSource`] on values.
pub(crate) trait ErasedDataSource<D>: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: Value) -> Diagnostics;
    fn look_up(&self, asked: Value, call: Call<D>) -> BoxFuture<'_, Outcome<Value>>;
}

/// A typed data source behind [`ErasedDataSource`].
pub(crate) struct TypedSource<S>(pub(crate) S);

impl<S: DataSource> ErasedDataSource<S::Data> for TypedSource<S> {
    fn type_name(&self) -> &'static str {
        S::TYPE_NAME
    }

    fn schema(&self) -> Schema {
        S::Model::schema()
    }

    fn validate(&self, config: Value) -> Diagnostics {
        decode(config).map_or_else(|diagnostics| diagnostics, |config| self.0.validate(&config))
    }

    fn look_up(&self, asked: Value, call: Call<S::Data>) -> BoxFuture<'_, Outcome<Value>> {
        Box::pin(async move {
            let Call { provider, cancel, .. } = call;
            match decode(asked) {
                Ok(asked) => erase(self.0.look_up(LookUpRequest { asked, provider, cancel }).await),
                Err(diagnostics) => Outcome::failed(diagnostics),
            }
        })
    }
}
