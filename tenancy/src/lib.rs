//! The domain of GPU tenancy: names, quantities, windows, cards, floors,
//! tenants, the ledger, and the pure functions over them.
//!
//! Nothing here does I/O, reads a clock or is async. Time is an argument.

pub mod card;
pub mod declared;
pub mod defaults;
pub mod floor;
pub mod gate;
pub mod invalid;
pub mod names;
pub mod quantity;
pub mod tenant;
pub mod window;

pub use invalid::Invalid;
