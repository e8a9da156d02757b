//! `cargo xtask tools`: builds what is missing and says where it is.

use anyhow::Result;

use crate::places::Places;
use crate::toolbox;

/// Builds the cluster's binaries and the users' tools; prints the folder of the latter.
///
/// # Errors
/// When Go is missing or a build fails.
pub(crate) fn run(places: &Places) -> Result<()> {
    let binaries = toolbox::cluster_binaries(places)?;
    let tools = toolbox::user_tools(places)?;
    println!("cluster   {}", binaries.cluster.display());
    println!("coredns   {}", binaries.coredns.display());
    println!("tools     {}", tools.display());
    Ok(())
}
