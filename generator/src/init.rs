//! A live repository to begin with: a fleet of one card and a tenant of each
//! class, with the stacks that follow.

use std::collections::BTreeMap;
use std::path::Path;

use tenancy::card::model::CardModel;
use tenancy::names::NodeName;
use tenancy::window::Zone;

use crate::load::{CATALOGUE, FLEET, TENANTS};

const FILES: [(&str, &str); 4] = [
    (FLEET, include_str!("../init/fleet.yaml")),
    ("tenants/narrator.yaml", include_str!("../init/tenants/narrator.yaml")),
    ("tenants/transcriber.yaml", include_str!("../init/tenants/transcriber.yaml")),
    ("tenants/writer.yaml", include_str!("../init/tenants/writer.yaml")),
];

/// What a new live repository is about.
#[derive(Debug, Clone)]
pub struct Start {
    /// The node of its card.
    pub node: NodeName,
    /// The card.
    pub model: &'static CardModel,
    /// The zone of its windows.
    pub zone: Zone,
}

/// The files that a person goes on with.
pub fn files(start: &Start) -> BTreeMap<String, String> {
    // A node's name may have dots, a card's may not.
    let card = format!("{}-0", start.node.as_str().split('.').next().unwrap_or("gpu"));
    let filled = |text: &str| {
        text.replace("CARD", &card)
            .replace("NODE", start.node.as_str())
            .replace("    # RESERVED\n", reserved(start.model))
            .replace("MODEL", start.model.name)
            .replace("ZONE", start.zone.name())
    };
    FILES.iter().map(|(path, text)| ((*path).to_owned(), filled(text))).collect()
}

/// What the driver keeps of a card, which was read of a T4 alone.
fn reserved(model: &CardModel) -> &'static str {
    match model.name {
        "T4" => {
            "    # How much of it the driver keeps, as DCGM_FI_DEV_FB_RESERVED of a T4 says.\n    reserved: 450MiB\n"
        }
        _ => {
            "    # How much of it the driver keeps: DCGM_FI_DEV_FB_RESERVED of yours. Nobody has read it of this model here, and\n    \
             # until it is given all of the card counts as usable.\n    # reserved: 450MiB\n"
        }
    }
}

/// What of a live repository is there already.
pub fn taken(root: &Path) -> Option<&'static str> {
    [FLEET, TENANTS, CATALOGUE].into_iter().find(|path| root.join(path).exists())
}
