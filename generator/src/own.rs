//! The file beside the generated ones that belongs to people: written once, so
//! that there is a place for what no key of ours says, and never touched again.

/// Its name in the live repository. Every stack includes it.
pub const NAME: &str = "own.hcl";

/// Whether a path is written where nothing is, and then left alone.
pub(crate) fn is_own(path: &str) -> bool {
    path == NAME
}
