//! An entry of the catalogue as typed: what is known of one model server.

use tenancy::card::model::Precision;
use tenancy::quantity::Mib;

use super::RawSets;
use crate::leaf::{Class, Device, Url, Verified};
use crate::read::{At, Tree};
use crate::record;

record! {
    /// What is known of one model server, fact by fact, each with its source.
    pub struct RawEntry {
        /// What it does: `tts` speaks, `stt` listens, `llm` writes.
        pub class: At<Class>,
        /// Its name as its authors write it.
        pub title: At<String>,
        /// Where it comes from.
        pub home: At<Url>,
        /// Where it runs.
        pub devices: Vec<At<Device>>,
        /// What it needs. A later fact goes over an earlier one, one for a device over one for both.
        pub facts: Vec<RawFact>,
        /// Why no fact sets `unload` for a card, where none does.
        pub no_unload: Option<At<String>>,
        /// How much memory of a card was seen in use.
        pub figures: Option<Vec<RawFigure>>,
        /// The precision it computes in when nobody says otherwise, where that is known.
        pub usual_precision: Option<At<Precision>>,
        /// The precisions it can be told to compute in.
        pub precisions: Option<Vec<RawPrecision>>,
    }
}

record! {
    /// One thing that is known: keys of a tenant file with their values.
    pub struct RawFact {
        /// The keys.
        pub sets: Tree<RawSets>,
        /// The device that it is about. Both unless given.
        pub on: Option<At<Device>>,
        /// Where that is written, or what makes us believe it.
        pub source: At<String>,
        /// `source`: read there. `run`: seen in use. Left out, nobody has checked it.
        pub verified: Option<At<Verified>>,
    }
}

record! {
    /// How much memory of a card was seen in use.
    pub struct RawFigure {
        /// With which model, after what.
        pub what: At<String>,
        /// How much.
        pub memory: Option<At<Mib>>,
        /// Who saw it.
        pub source: At<String>,
        /// `source`: read there. `run`: seen in use. Left out, nobody has checked it.
        pub verified: Option<At<Verified>>,
    }
}

record! {
    /// A precision that a server can be told to compute in.
    pub struct RawPrecision {
        /// Which.
        pub name: At<Precision>,
        /// Keys of a tenant file that tell it so.
        pub sets: Option<Tree<RawSets>>,
        /// Arguments that tell it so, behind those it has.
        pub args: Option<Vec<At<String>>>,
        /// Where that is written.
        pub source: At<String>,
        /// `source`: read there. `run`: seen in use. Left out, nobody has checked it.
        pub verified: Option<At<Verified>>,
    }
}
