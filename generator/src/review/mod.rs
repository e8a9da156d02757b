//! What a pull request does to the cards, from the plans of its stacks.
//!
//! [`gather()`] reads the files, [`review()`] is pure, and each renderer turns a
//! [`Review`] into text: [`markdown`] for a comment, [`html`] for a page,
//! [`svg`] for a picture; as JSON it is itself.

mod advice;
mod assemble;
mod beside;
mod card;
mod command;
mod declared;
mod fields;
mod gather;
pub mod html;
mod look;
mod loss;
pub mod markdown;
mod markup;
pub mod model;
pub mod plan;
pub mod run_report;
pub mod svg;
mod tenant;
mod text;
mod veil;

pub use assemble::{Input, Settings, Stack, review};
pub use command::{Answer, Arguments, Stopped};
pub use gather::{Unreadable, gather};
pub use model::Review;
