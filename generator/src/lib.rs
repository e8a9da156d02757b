//! Turns a fleet file and tenant files into terragrunt stacks.
//!
//! The flow is [`load()`] (reads and judges), [`render()`] (pure) and [`write()`]
//! (compares, and replaces all files or none):
//!
//! ```no_run
//! use gpu_stacks::{LocalDisk, Mode, load, render, write};
//!
//! let root = std::path::Path::new("stacks");
//! let fleet = load(root).map_err(|problems| problems[0].line())?;
//! let files = render(&fleet).map_err(|error| error.to_string())?;
//! let mode = Mode::Write { overwrite: false };
//! let changes = write(root, &files, mode, &LocalDisk).map_err(|error| error.to_string())?;
//! println!("{} files changed", changes.len());
//! # Ok::<(), String>(())
//! ```

pub mod catalogue;
pub mod cli;
mod commands;
pub mod disk;
pub mod explain;
pub mod export;
mod failure;
mod farewell;
pub mod fit;
pub mod fleet;
pub mod hcl;
pub mod implied;
pub mod init;
pub mod layer;
pub mod leaf;
mod load;
pub mod manifest;
pub mod new;
pub mod node;
pub mod own;
pub mod problem;
mod put;
pub mod raw;
pub mod read;
mod render;
pub mod review;
mod say;
pub mod schema;
mod stacks;
pub mod validate;
mod write;

pub use disk::LocalDisk;
pub use farewell::{Claim, Farewell, Fate, farewells};
pub use load::{Files, files, load};
pub use render::{RenderError, render};
pub use write::{Change, Mode, Origin, WriteError, diff, write};
