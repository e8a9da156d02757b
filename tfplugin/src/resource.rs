//! How a resource is written.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{Diagnostic, Diagnostics, Model, Path};

/// A kind of thing that Terraform manages.
///
/// The expected flow of a create is `validate`, `plan` (twice: at plan, and
/// again at apply with more known), `create`; of an update `read`, `plan`,
/// `update`; of a replacement `read`, `plan`, `plan` without prior state,
/// `delete`, `create`.
///
/// Methods other than `plan` get models whose inputs are wholly known.
pub trait Resource: Sized + Send + Sync + 'static {
    /// What [`crate::Provider::configure`] made of the provider's configuration.
    type Data: Send + Sync + 'static;
    /// Configuration, plan and state: one declaration of [`crate::model!`].
    type Model: Model;
    /// What finds the remote object again, for import by identity; [`crate::Nothing`] where there is no identity.
    type Identity: Model;

    /// The name that users write, with the provider's name as prefix: `gpu_card`.
    const TYPE_NAME: &'static str;

    /// The schema version. Raise it when `upgrade` has something to do.
    const VERSION: i64 = 0;

    /// The version of the identity. Raise it when `upgrade_identity` has something to do.
    const IDENTITY_VERSION: i64 = 0;

    /// The version of the private bytes. Raise it when `upgrade_private` has something to do.
    const PRIVATE_VERSION: u32 = 0;

    /// Checks a configuration beyond the rules of its attributes, offline and without provider data.
    /// Any attribute may be unknown.
    fn validate(&self, config: &Self::Model) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Decides what the resource will be.
    ///
    /// `request.proposed` is the configuration merged with the prior state by
    /// Terraform, with defaults and plan rules applied: a computed attribute
    /// holds its prior value, or is unknown on create and where something else
    /// changed. What is known in the answer must come true. An attribute that
    /// the user set must stay as it is (or keep its prior spelling).
    ///
    /// # Errors
    /// The plan is refused with these diagnostics.
    fn plan(
        &self,
        request: PlanRequest<Self>,
    ) -> impl Future<Output = Result<Planned<Self::Model>, Diagnostics>> + Send {
        async move { Ok(Planned::new(request.proposed)) }
    }

    /// Says what a destroy will do or why it is refused. Nothing by default.
    fn plan_destroy(&self, request: DeleteRequest<Self>) -> impl Future<Output = Diagnostics> + Send {
        let _ = request;
        async { Diagnostics::new() }
    }

    /// Makes the resource. After an error, what was made belongs in the state
    /// all the same; note that Terraform then destroys and makes it anew at
    /// the next apply, which a warning instead of the error avoids.
    fn create(&self, request: CreateRequest<Self>) -> impl Future<Output = Outcome<Self::Model>> + Send;

    /// Sees what became of the resource. [`Outcome::gone`] plans its creation.
    fn read(&self, request: ReadRequest<Self>) -> impl Future<Output = Outcome<Self::Model>> + Send;

    /// Changes the resource. After an error without a state the prior state stays.
    fn update(&self, request: UpdateRequest<Self>) -> impl Future<Output = Outcome<Self::Model>> + Send;

    /// Removes the resource: [`Outcome::gone`], or what is left of it with an error.
    fn delete(&self, request: DeleteRequest<Self>) -> impl Future<Output = Outcome<Self::Model>> + Send;

    /// Finds a resource that exists. `read` is called with the answer, so that
    /// it is enough to fill in what `read` needs.
    fn import(&self, request: ImportRequest<Self>) -> impl Future<Output = Outcome<Self::Model>> + Send {
        let _ = request;
        async {
            Outcome::failed(Diagnostic::error(
                "Import is not supported",
                format!("{} has no import. Create it with Terraform instead.", Self::TYPE_NAME),
            ))
        }
    }

    /// What finds this resource again. Asked of planned, applied, read and
    /// imported models; nothing while it is not wholly known.
    fn identity(&self, model: &Self::Model) -> Option<Self::Identity> {
        let _ = model;
        None
    }

    /// The state that an older version of the provider wrote, in today's form.
    /// Afterwards attributes that the schema does not have are dropped, and
    /// attributes that the state does not have are null.
    ///
    /// # Errors
    /// The state cannot be carried over, with the reason.
    fn upgrade(&self, from_version: i64, state: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        let _ = from_version;
        Ok(state)
    }

    /// The identity that an older version of the provider wrote, in today's form, as `upgrade` does for states.
    ///
    /// # Errors
    /// The identity cannot be carried over, with the reason.
    fn upgrade_identity(
        &self,
        from_version: i64,
        identity: serde_json::Value,
    ) -> Result<serde_json::Value, Diagnostics> {
        let _ = from_version;
        Ok(identity)
    }

    /// The private bytes that an older version of the provider wrote, in today's
    /// form. Every method gets them so. Bytes from before [`Resource::PRIVATE_VERSION`]
    /// was declared have version 0.
    ///
    /// # Errors
    /// The bytes cannot be carried over, with the reason.
    fn upgrade_private(&self, from_version: u32, private: Vec<u8>) -> Result<Vec<u8>, Diagnostics> {
        let _ = from_version;
        Ok(private)
    }

    /// The state of another type of this provider in the form of this one, for
    /// `moved` blocks from one type to another; nothing where resources of that
    /// type cannot become this one. Offline; `read` is called with the answer.
    fn move_from(&self, from: MovedFrom) -> Option<Result<Moved<Self::Model>, Diagnostics>> {
        let _ = from;
        None
    }
}

/// The resource of another type that [`Resource::move_from`] carries over.
#[derive(Clone, Debug, PartialEq)]
pub struct MovedFrom {
    /// The type that it had.
    pub type_name: String,
    /// The schema version of its state.
    pub version: i64,
    /// Its attributes, as the state file has them.
    pub state: serde_json::Value,
    /// The bytes kept with its state.
    pub private: Vec<u8>,
    /// The version of those bytes.
    pub private_version: u32,
    /// What identified it, where its type had an identity.
    pub identity: Option<serde_json::Value>,
}

/// The answer of [`Resource::move_from`].
#[derive(Clone, Debug, PartialEq)]
pub struct Moved<M> {
    /// The state in the form of the new type.
    pub model: M,
    /// The bytes to keep with it.
    pub private: Vec<u8>,
}

impl<M> From<M> for Moved<M> {
    /// A state without private bytes.
    fn from(model: M) -> Moved<M> {
        Moved { model, private: Vec::new() }
    }
}

/// What [`Resource::plan`] decides from.
pub struct PlanRequest<R: Resource> {
    /// What the user wrote.
    pub config: R::Model,
    /// What is, as far as the state knows; nothing for a create.
    pub prior: Option<R::Model>,
    /// What Terraform and the attribute rules propose.
    pub proposed: R::Model,
    /// The bytes kept with the prior state.
    pub private: Vec<u8>,
    /// The configured provider; nothing where Terraform plans without having configured it.
    pub provider: Option<Arc<R::Data>>,
    /// Cancelled when the user interrupts.
    pub cancel: CancellationToken,
}

/// What [`Resource::create`] works from.
pub struct CreateRequest<R: Resource> {
    /// What was planned; every known value in it was promised.
    pub planned: R::Model,
    /// What the user wrote.
    pub config: R::Model,
    /// The bytes that the plan left.
    pub private: Vec<u8>,
    /// The configured provider.
    pub provider: Arc<R::Data>,
    /// Cancelled when the user interrupts: return what there is, soon.
    pub cancel: CancellationToken,
}

/// What [`Resource::update`] works from.
pub struct UpdateRequest<R: Resource> {
    /// What is, as far as the state knows.
    pub prior: R::Model,
    /// What was planned; every known value in it was promised.
    pub planned: R::Model,
    /// What the user wrote.
    pub config: R::Model,
    /// The bytes that the plan left.
    pub private: Vec<u8>,
    /// The configured provider.
    pub provider: Arc<R::Data>,
    /// Cancelled when the user interrupts: return what there is, soon.
    pub cancel: CancellationToken,
}

/// What [`Resource::read`] works from.
pub struct ReadRequest<R: Resource> {
    /// What the state says. After an import, what `import` filled in.
    pub state: R::Model,
    /// The bytes kept with the state.
    pub private: Vec<u8>,
    /// The configured provider.
    pub provider: Arc<R::Data>,
    /// Cancelled when the user interrupts.
    pub cancel: CancellationToken,
}

/// What [`Resource::delete`] works from.
pub struct DeleteRequest<R: Resource> {
    /// What the state says.
    pub prior: R::Model,
    /// The bytes kept with the state.
    pub private: Vec<u8>,
    /// The configured provider.
    pub provider: Arc<R::Data>,
    /// Cancelled when the user interrupts: return what is left, soon.
    pub cancel: CancellationToken,
}

/// What [`Resource::import`] works from.
pub struct ImportRequest<R: Resource> {
    /// What the user named.
    pub by: ImportBy<R::Identity>,
    /// The configured provider.
    pub provider: Arc<R::Data>,
    /// Cancelled when the user interrupts.
    pub cancel: CancellationToken,
}

/// How a user names what to import.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportBy<I> {
    /// The text after `terraform import ADDRESS`, or `id` of an import block.
    Id(String),
    /// `identity` of an import block.
    Identity(I),
}

/// The answer of [`Resource::plan`].
#[derive(Clone, Debug, PartialEq)]
pub struct Planned<M> {
    /// What the resource will be.
    pub model: M,
    /// Attributes whose change needs a new resource, beside those declared so.
    pub replace: Vec<Path>,
    /// Bytes for `create` or `update`; nothing keeps those of the prior state.
    pub private: Option<Vec<u8>>,
    /// Warnings. With an error among them the plan is refused.
    pub diagnostics: Diagnostics,
}

impl<M> Planned<M> {
    /// A plan without further remarks.
    pub fn new(model: M) -> Planned<M> {
        Planned { model, replace: Vec::new(), private: None, diagnostics: Diagnostics::new() }
    }

    /// The same plan, which needs a new resource because of the attribute at `path`.
    pub fn replacing(mut self, path: Path) -> Planned<M> {
        self.replace.push(path);
        self
    }

    /// The same plan with bytes for `create` or `update`.
    pub fn with_private(self, private: Vec<u8>) -> Planned<M> {
        Planned { private: Some(private), ..self }
    }

    /// The same plan with more diagnostics.
    pub fn with(mut self, diagnostics: impl Into<Diagnostics>) -> Planned<M> {
        self.diagnostics.extend(diagnostics.into());
        self
    }
}

/// What a state becomes.
#[derive(Clone, Debug, PartialEq)]
pub enum Remains<M> {
    /// This.
    State(M),
    /// Nothing: there is no such resource (any more).
    Gone,
    /// What it was before the call: nothing for a create or an import.
    AsBefore,
}

/// The answer of create, read, update, delete and import: what there is now
/// **and** what is to be said. Both matter, also after an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<M> {
    /// What the state becomes.
    pub remains: Remains<M>,
    /// Bytes to keep with the state; nothing keeps those of the request.
    pub private: Option<Vec<u8>>,
    /// Warnings and errors. With an error among them the operation failed.
    pub diagnostics: Diagnostics,
}

impl<M> Outcome<M> {
    /// The resource is now this.
    pub fn state(model: M) -> Outcome<M> {
        Outcome { remains: Remains::State(model), private: None, diagnostics: Diagnostics::new() }
    }

    /// There is no such resource (any more).
    pub fn gone() -> Outcome<M> {
        Outcome { remains: Remains::Gone, private: None, diagnostics: Diagnostics::new() }
    }

    /// Nothing changed, for these reasons.
    pub fn failed(diagnostics: impl Into<Diagnostics>) -> Outcome<M> {
        Outcome { remains: Remains::AsBefore, private: None, diagnostics: diagnostics.into() }
    }

    /// The same outcome with more diagnostics; with an error among them, it is a partial one.
    pub fn with(mut self, diagnostics: impl Into<Diagnostics>) -> Outcome<M> {
        self.diagnostics.extend(diagnostics.into());
        self
    }

    /// The same outcome with bytes to keep beside the state.
    pub fn with_private(self, private: Vec<u8>) -> Outcome<M> {
        Outcome { private: Some(private), ..self }
    }
}

impl<M> From<Result<M, Diagnostics>> for Outcome<M> {
    fn from(result: Result<M, Diagnostics>) -> Outcome<M> {
        result.map_or_else(Outcome::failed, Outcome::state)
    }
}
