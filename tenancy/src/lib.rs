//! The domain of GPU tenancy: names, quantities, windows, cards, floors,
//! tenants, the ledger, and the pure functions over them.
//!
//! Nothing here does I/O, reads a clock or is async. Time is an argument.

pub mod address;
pub mod admit;
pub mod arithmetic;
pub mod card;
pub mod check;
pub mod cron;
pub mod decide;
pub mod declared;
pub mod defaults;
pub mod demand;
pub mod duration;
pub mod expand;
pub mod exporter;
pub mod exposition;
pub mod floor;
pub mod gate;
pub mod invalid;
pub mod leaves;
pub mod ledger;
pub mod measured;
pub mod names;
pub mod objects;
pub mod observation;
pub mod quantity;
pub mod spelling;
pub mod tenant;
pub mod window;

pub use invalid::Invalid;
