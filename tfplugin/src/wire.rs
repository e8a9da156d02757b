//! The boundary to the protocol: only this module and those below it name its types.

mod calls;
mod host;
mod in_process;
mod message;
mod provider;

pub(crate) use host::HostServices;
pub(crate) use in_process::InProcess;
pub(crate) use provider::ProviderService;

/// What the build makes of `proto/tfplugin6.proto`.
#[allow(clippy::all, dead_code, missing_docs, unreachable_pub)]
pub(crate) mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}

/// What the build makes of `proto/plugin.proto`.
#[allow(clippy::all, dead_code, missing_docs, unreachable_pub)]
pub(crate) mod goplugin {
    tonic::include_proto!("plugin");
}
