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
    RawConfigFile, RawFileReference, RawHttpProbe, RawInitContainer, RawMeasured, RawNfs, RawPrefetch,
    RawProbe, RawSecretKey, RawService, RawServicePort, RawStorage, RawTcpProbe, RawTenant, RawTimeouts,
    RawTiming, RawToleration, RawUnload, RawWindow,
};
