//! What configurations look up: a card as the cluster has it, and how a tenant stands.

pub(crate) mod card;
pub(crate) mod status;

use tfplugin::DataSources;

use crate::provider::Data;

/// All of them.
pub(crate) fn all() -> DataSources<Data> {
    DataSources::new().with(card::CardSource).with(status::StatusSource)
}
