//! The subcommands, one file each.

pub(crate) mod cluster;
pub(crate) mod image;
pub(crate) mod tools;
