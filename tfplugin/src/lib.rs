//! A framework for Terraform and OpenTofu providers, plugin protocol 6.
//!
//! A provider implements [`Provider`], each of its resources [`Resource`], and
//! declares their attributes with [`model!`]; its `main` calls [`serve`].
//! `examples/greeting.rs` is a complete one: a resource, a data source, an
//! ephemeral resource and a function, which the tests run under real terraform
//! and tofu. The smallest one that does something:
//!
//! ```no_run
//! use tfplugin::*;
//!
//! model! {
//!     /// Keeps notes in files.
//!     pub struct Settings {}
//! }
//!
//! model! {
//!     /// A note in a file.
//!     pub struct Note {
//!         /// The file's path.
//!         pub path: Attr<String> = required().requires_replace(),
//!         /// What the file says.
//!         pub text: Attr<String> = required().length(1..=4096),
//!     }
//! }
//!
//! struct Notes;
//!
//! impl Provider for Notes {
//!     type Config = Settings;
//!     type Data = ();
//!     const NAME: &'static str = "notes";
//!     const ADDRESS: &'static str = "registry.terraform.io/examples/notes";
//!
//!     async fn configure(&self, _: Settings, _: Host) -> Result<Configured<()>, Diagnostics> {
//!         Ok(Configured::from(()))
//!     }
//!
//!     fn resources(&self) -> Resources<()> {
//!         Resources::new().with(NoteResource)
//!     }
//! }
//!
//! struct NoteResource;
//!
//! fn write(note: Note) -> Outcome<Note> {
//!     let (path, text) = (note.path.as_str().unwrap_or_default(), note.text.as_str().unwrap_or_default());
//!     match std::fs::write(path, text) {
//!         Ok(()) => Outcome::state(note),
//!         Err(error) => Outcome::failed(
//!             Diagnostic::error("Note not written", format!("{path}: {error}.")).at(Path::attribute("path")),
//!         ),
//!     }
//! }
//!
//! impl Resource for NoteResource {
//!     type Data = ();
//!     type Model = Note;
//!     type Identity = Nothing;
//!     const TYPE_NAME: &'static str = "notes_note";
//!
//!     async fn create(&self, request: CreateRequest<Self>) -> Outcome<Note> {
//!         write(request.planned)
//!     }
//!
//!     async fn read(&self, request: ReadRequest<Self>) -> Outcome<Note> {
//!         match std::fs::read_to_string(request.state.path.as_str().unwrap_or_default()) {
//!             Ok(text) => Outcome::state(Note { text: text.into(), ..request.state }),
//!             Err(_) => Outcome::gone(),
//!         }
//!     }
//!
//!     async fn update(&self, request: UpdateRequest<Self>) -> Outcome<Note> {
//!         write(request.planned)
//!     }
//!
//!     async fn delete(&self, request: DeleteRequest<Self>) -> Outcome<Note> {
//!         match std::fs::remove_file(request.prior.path.as_str().unwrap_or_default()) {
//!             Ok(()) => Outcome::gone(),
//!             Err(error) => Outcome::failed(Diagnostic::error("Note not removed", error.to_string())),
//!         }
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     tfplugin::serve(Notes)
//! }
//! ```
//!
//! # Values
//!
//! A plan is made before everything is known, so every attribute and every
//! element of a collection is an [`Attr`]: known, null or unknown. Types that
//! an attribute can hold implement [`Field`]; a provider may add its own, and
//! say which spellings of it mean the same. Numbers are [`Number`]s without
//! rounding unless the model says `i64` or `f64`.
//!
//! # Attributes
//!
//! A declaration starts with who sets the attribute and goes on with its
//! [`Rules`]:
//!
//! | word | meaning |
//! |-|-|
//! | `required()`, `optional()`, `computed()`, `optional_computed()` | who sets it |
//! | `default`, `sensitive`, `write_only`, `deprecated` | what Terraform is told of it |
//! | `range`, `length`, `one_of`, `matches`, `each`, `validate`, `validate_deep` | which values are refused |
//! | `conflicts_with`, `requires`, `at_least_one_of`, `exactly_one_of` | which combinations are refused |
//! | `requires_replace`, `requires_replace_if` | which changes need a new resource |
//! | `use_state_for_unknown`, `same_if` | what a plan keeps of the state |
//!
//! # Answers
//!
//! Create, update, read, delete and import answer with an [`Outcome`]: what
//! there is now **and** what is to be said, because after an error both matter.
//! [`Diagnostics`] have a [`Path`], which may lead anywhere: Terraform shows
//! the source line that it can find, and the text names the rest.
//!
//! # Terraform's rules
//!
//! Terraform accepts few answers to a plan and fewer to an apply. Debug builds
//! and [`testing::Driver`] hold a provider to these rules before Terraform
//! does, and name the resource, the attribute and the rule that it broke. The
//! declarations are held to them too, as soon as the schema is asked for.
//!
//! # Interrupts
//!
//! Every request carries a [`CancellationToken`] that an interrupt cancels.
//! Wait with it, and answer with what there is; the provider keeps serving.
//!
//! ```
//! # use tfplugin::CancellationToken;
//! # use std::time::Duration;
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let cancel = CancellationToken::new();
//! # cancel.cancel();
//! let ready = cancel.run_until_cancelled(tokio::time::sleep(Duration::from_secs(600))).await;
//! assert!(ready.is_none(), "the user was faster");
//! # });
//! ```
//!
//! # Logs
//!
//! `tracing` events become log lines of Terraform, at the level of `TF_LOG`,
//! `TF_LOG_PROVIDER` or `TF_LOG_PROVIDER_` and the provider's name.
//!
//! # Inside
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
