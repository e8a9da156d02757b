//! The files as typed: what a person may write, with its places.

mod catalogue;
mod fleet;
mod tenant;

pub use catalogue::{RawEntry, RawFact, RawFigure, RawPrecision, RawSets};
pub use fleet::{
    RawBackend, RawCard, RawDefaults, RawExec, RawExporter, RawFleet, RawKubernetesBackend, RawLocalBackend,
    RawPrometheus, RawProvider, RawResident, RawS3Backend, RawServiceMonitor, RawSource,
};
pub use tenant::{
    RawConfigFile, RawEmptyDir, RawFileReference, RawHttpProbe, RawInitContainer, RawMeasured, RawNetwork,
    RawNfs, RawPeer, RawPrefetch, RawProbe, RawSecretKey, RawService, RawServicePort, RawSidecar, RawStorage,
    RawTcpProbe, RawTenant, RawTimeouts, RawTiming, RawToleration, RawTopologySpread, RawUnload, RawVolume,
    RawWindow,
};
