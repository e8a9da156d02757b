//! A framework for Terraform and OpenTofu providers, plugin protocol 6.
//!
//! A provider implements [`Provider`], each of its resources [`Resource`], and
//! declares their attributes with [`model!`]; its `main` calls [`serve`].
//! `examples/greeting.rs` is a complete provider.
//!
//! Values arrive in three states, because a plan is made before everything is
//! known: every attribute is an [`Attr`], which is known, null or unknown.
//!
//! Data flows `wire -> Value -> Model -> resource -> Model -> Value -> wire`.
//! Only the module `wire` names the types of the protocol.

mod attr;
mod codec;
mod data_source;
mod diagnostics;
pub mod docs;
mod ephemeral;
mod erased;
mod field;
mod function;
mod logging;
mod model;
mod number;
mod panic_hook;
mod path;
mod plugin;
mod policy;
mod provider;
mod resource;
mod rules;
pub mod schema;
mod server;
pub mod testing;
mod value;
mod wire;

pub use attr::{Attr, List, Map, Set};
pub use data_source::{DataSource, LookUpRequest};
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use ephemeral::{EphemeralResource, EphemeralResources, Lease, LeaseRequest, OpenRequest, Opened};
pub use field::Field;
pub use function::{Function, FunctionError, Functions};
pub use model::{Model, Nothing, macros};
pub use number::{NotANumber, Number};
pub use path::{Path, Step};
pub use plugin::serve;
pub use provider::{Configured, DataSources, Host, Provider, Resources};
pub use resource::{
    CreateRequest, DeleteRequest, ImportBy, ImportRequest, Moved, MovedFrom, Outcome, PlanRequest, Planned,
    ReadRequest, Remains, Resource, UpdateRequest,
};
pub use rules::{Elements, Measured, Rules};
pub use schema::{Kind, Mode, Schema};
pub use tokio_util::sync::CancellationToken;
pub use value::{Type, Value};
