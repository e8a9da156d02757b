//! The files as typed: what a person may write, with its places.

mod catalogue;
mod fleet;
mod pod;
mod schedule;
mod server;
mod storage;
mod tenant;

pub use catalogue::{RawEntry, RawFact, RawFigure, RawPrecision};
pub use fleet::{
    RawBackend, RawCard, RawDefaults, RawExec, RawExporter, RawFleet, RawKubernetesBackend, RawLocalBackend,
    RawPrometheus, RawProvider, RawResident, RawS3Backend, RawServiceMonitor, RawSource,
};
pub use pod::{RawNetwork, RawPeer, RawToleration, RawTopologySpread};
pub use schedule::{RawDemand, RawDemandHttp, RawDemandPrometheus, RawTimeouts, RawTiming, RawWindow};
pub use server::{
    RawHttpProbe, RawInitContainer, RawPrefetch, RawProbe, RawSecretKey, RawService, RawServicePort, RawSets,
    RawSidecar, RawTcpProbe, RawUnload,
};
pub use storage::{RawConfigFile, RawEmptyDir, RawFileReference, RawNfs, RawStorage, RawVolume};
pub use tenant::{RawMeasured, RawTenant};
