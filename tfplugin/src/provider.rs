//! How a provider is written.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::data_source::{ErasedDataSource, TypedSource};
use crate::erased::ErasedResource;
use crate::{DataSource, Diagnostics, EphemeralResources, Functions, Model, Resource};

/// A provider: its configuration and its resources.
pub trait Provider: Send + Sync + 'static {
    /// The provider block; [`crate::Nothing`] where it has no arguments.
    type Config: Model;
    /// What resources get of the configuration: clients, settings.
    type Data: Send + Sync + 'static;

    /// The name that users write and that resource types start with: `gpu`.
    const NAME: &'static str;
    /// The source address, with host: `registry.terraform.io/gpu-tenancy/gpu`.
    const ADDRESS: &'static str;

    /// Checks a configuration beyond the rules of its attributes, offline. Any attribute may be unknown.
    fn validate(&self, config: &Self::Config) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Makes what resources need of the configuration, which has its defaults.
    ///
    /// While planning, any attribute may be unknown, because it comes from a
    /// resource that does not exist yet. Plans of new resources should work
    /// then, so answer with data that knows this instead of an error.
    ///
    /// # Errors
    /// Nothing that needs the provider can go on, for these reasons.
    fn configure(
        &self,
        config: Self::Config,
        host: Host,
    ) -> impl Future<Output = Result<Configured<Self::Data>, Diagnostics>> + Send;

    /// The resources, each once.
    fn resources(&self) -> Resources<Self::Data>;

    /// The data sources, each once. None by default.
    fn data_sources(&self) -> DataSources<Self::Data> {
        DataSources::new()
    }

    /// The ephemeral resources, each once. None by default.
    fn ephemeral_resources(&self) -> EphemeralResources<Self::Data> {
        EphemeralResources::new()
    }

    /// The functions, each once. None by default.
    fn functions(&self) -> Functions {
        Functions::new()
    }
}

/// The answer of [`Provider::configure`].
pub struct Configured<D> {
    /// What resources get.
    pub data: Arc<D>,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

impl<D> From<D> for Configured<D> {
    fn from(data: D) -> Configured<D> {
        Configured { data: Arc::new(data), diagnostics: Diagnostics::new() }
    }
}

/// Who called.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The version of Terraform or OpenTofu, `1.11.4`; empty where it did not say.
    pub terraform_version: String,
    /// Cancelled when the user interrupts.
    pub cancel: CancellationToken,
}

/// The resources of a provider.
pub struct Resources<D> {
    pub(crate) all: Vec<Box<dyn ErasedResource<D>>>,
}

impl<D: Send + Sync + 'static> Resources<D> {
    /// No resources.
    pub fn new() -> Resources<D> {
        Resources { all: Vec::new() }
    }

    /// These and one more.
    pub fn with<R: Resource<Data = D>>(mut self, resource: R) -> Resources<D> {
        self.all.push(Box::new(crate::erased::Typed(resource)));
        self
    }
}

impl<D: Send + Sync + 'static> Default for Resources<D> {
    fn default() -> Resources<D> {
        Resources::new()
    }
}

/// The data sources of a provider.
pub struct DataSources<D> {
    pub(crate) all: Vec<Box<dyn ErasedDataSource<D>>>,
}

impl<D: Send + Sync + 'static> DataSources<D> {
    /// No data sources.
    pub fn new() -> DataSources<D> {
        DataSources { all: Vec::new() }
    }

    /// These and one more.
    pub fn with<S: DataSource<Data = D>>(mut self, source: S) -> DataSources<D> {
        self.all.push(Box::new(TypedSource(source)));
        self
    }
}

impl<D: Send + Sync + 'static> Default for DataSources<D> {
    fn default() -> DataSources<D> {
        DataSources::new()
    }
}
