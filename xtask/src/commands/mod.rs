//! The subcommands, one file each.

pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod cluster;
pub(crate) mod demo;
pub(crate) mod docs;
pub(crate) mod image;
pub(crate) mod pictures;
pub(crate) mod release;
pub(crate) mod simulate;
pub(crate) mod test;
pub(crate) mod tools;
