//! A card that somebody else declared, and what its node's labels say of it.

use tenancy::card::Device;
use tenancy::declared::{Declared, SYSTEM_NAMESPACE, ledger_name};
use tenancy::floor::Floor;
use tenancy::ledger::{Entry, Ledger};
use tenancy::names::CardName;
use tenancy::quantity::Mib;
use tfplugin::{Attr, DataSource, Diagnostic, Diagnostics, LookUpRequest, Map, Outcome, Path, model};

use crate::api::{Api, Failure, PATIENCE, Ref};
use crate::card::declared_data;
use crate::provider::Data;

/// The labels that NVIDIA's GPU feature discovery sets on a node.
const PRODUCT: &str = "nvidia.com/gpu.product";
const MEMORY_MIB: &str = "nvidia.com/gpu.memory";
const REPLICAS: &str = "nvidia.com/gpu.replicas";
const SHARING: &str = "nvidia.com/gpu.sharing-strategy";

model! {
    /// A tenant's claim on the card.
    pub(crate) struct ClaimModel {
        /// The most it ever holds, in MiB.
        pub(crate) peak_mib: Attr<i64> = computed(),
        /// What must stay free beside everything, in MiB.
        pub(crate) headroom_mib: Attr<i64> = computed(),
        /// Who yields first: the lowest.
        pub(crate) priority: Attr<i64> = computed(),
        /// It is awake at all times.
        pub(crate) always: Attr<bool> = computed(),
        /// What it is doing, as its gate last wrote: `asleep`, `reserved`, `loading`, `awake` or
        /// `draining`. Null where no gate has written yet, as of a tenant that is awake at all times.
        pub(crate) state: Attr<String> = computed(),
    }
}

model! {
    /// A card that exists: what its `gpu_card` declares, who is entered on it, what NVIDIA's feature
    /// discovery says of its node, and what gates last read in its metrics.
    ///
    /// Terraform does not reach a card's metrics page itself: what is free is what the ledger says
    /// that a gate saw, and `free_at` says when.
    pub(crate) struct CardSourceModel {
        /// Name of the card in the fleet.
        pub(crate) name: Attr<String> = required(),
        /// The node that it sits in.
        pub(crate) node: Attr<String> = computed(),
        /// Which of the node's devices it is; null where the card is named by its UUID.
        pub(crate) index: Attr<i64> = computed(),
        /// The device's UUID; null where the card is named by its index.
        pub(crate) uuid: Attr<String> = computed(),
        /// The model, by the node's label `nvidia.com/gpu.product`: `Tesla-T4`, or `Tesla-T4-SHARED`
        /// where slices keep the name of the whole. Null without the label.
        pub(crate) product: Attr<String> = computed(),
        /// The size of one device in MiB, by the label `nvidia.com/gpu.memory`; else the `memory` that
        /// the `gpu_card` declares; else null.
        pub(crate) memory_mib: Attr<i64> = computed(),
        /// Into how many slices one device is shared, by the label `nvidia.com/gpu.replicas`.
        pub(crate) replicas: Attr<i64> = computed(),
        /// How it is shared, by the label `nvidia.com/gpu.sharing-strategy`: `time-slicing`, `mps` or `none`.
        pub(crate) sharing_strategy: Attr<String> = computed(),
        /// What the device called free when a gate last saw it, in MiB. Null before any gate did.
        pub(crate) free_mib: Attr<i64> = computed(),
        /// When that was, RFC 3339.
        pub(crate) free_at: Attr<String> = computed(),
        /// The tenants that are entered on it, by `namespace/name`.
        pub(crate) tenants: Attr<Map<ClaimModel>> = computed(),
    }
}

/// The data source.
pub(crate) struct CardSource;

impl DataSource for CardSource {
    type Data = Data;
    type Model = CardSourceModel;
    const TYPE_NAME: &'static str = "gpu_card";

    fn validate(&self, config: &CardSourceModel) -> Diagnostics {
        config.name.as_str().map_or_else(Diagnostics::new, |name| match card_name(name) {
            Ok(_) => Diagnostics::new(),
            Err(diagnostics) => diagnostics,
        })
    }

    async fn look_up(&self, request: LookUpRequest<Self>) -> Outcome<CardSourceModel> {
        let api = request.provider.api.within(PATIENCE, &request.cancel);
        match found(&api, request.asked).await {
            Ok((model, remarks)) => Outcome::state(model).with(remarks),
            Err(diagnostics) => Outcome::failed(diagnostics),
        }
    }
}

fn card_name(text: &str) -> Result<CardName, Diagnostics> {
    text.parse().map_err(|invalid: tenancy::Invalid| {
        Diagnostic::error("Invalid card name", invalid.to_string()).at(Path::attribute("name")).into()
    })
}

async fn found(api: &Api, asked: CardSourceModel) -> Result<(CardSourceModel, Diagnostics), Diagnostics> {
    let at = Path::attribute("name");
    let name = card_name(asked.name.as_str().unwrap_or_default())?;
    let data = declared_data(api, &name).await.map_err(|failure| failure.diagnostic(at.clone()))?;
    let Some(data) = data else {
        let detail = format!("No card of this cluster has the name {name}. Apply its gpu_card first.");
        return Err(Diagnostic::error(format!("Card {name} does not exist"), detail).at(at).into());
    };
    let declared = Declared::from_data(&data).map_err(|invalid| {
        let summary = format!("Card {name} cannot be read");
        Diagnostics::from(Diagnostic::error(summary, invalid.to_string()).at(at.clone()))
    })?;
    let mut remarks = Diagnostics::new();
    for (key, why) in &declared.unreadable {
        let detail =
            format!("Its key {key} is left out: {why}. Apply the gpu_vram_floor that wrote it again.");
        remarks.warn(at.clone(), format!("A claim on card {name} cannot be read"), detail);
    }
    let card = &declared.card;
    let node = Ref::new("v1", "Node", None, card.node.as_str());
    let labels = match api.get(&node).await {
        Ok(Some(live)) => live.0["metadata"]["labels"].clone(),
        Ok(None) => {
            let detail = format!("The card is declared on {node}, so what labels say of it is null.");
            remarks.warn(at.clone(), format!("{node} does not exist"), detail);
            serde_json::Value::Null
        }
        // Rights on nodes are more than a tenant's owner may have.
        Err(failure) if failure.status() == Some(403) => {
            let detail = "product, replicas and sharing_strategy are null: they stand in the node's labels, and \
                          the right to get nodes is missing.";
            remarks.warn(at.clone(), format!("{node} may not be read"), detail);
            serde_json::Value::Null
        }
        Err(failure) => return Err(failure.diagnostic(at).into()),
    };
    let label = |name: &str| labels[name].as_str();
    let number = |name: &str| label(name).and_then(|text| text.parse::<i64>().ok());
    let (index, uuid) = match &card.device {
        Device::Index(index) => (Some(i64::from(*index)), None),
        Device::Uuid(uuid) => (None, Some(uuid.clone())),
    };
    let ledger = ledger(api, &name).await.map_err(|failure| failure.diagnostic(at))?;
    let statuses = ledger.entries().filter_map(|(_, entry)| entry.status.as_ref());
    let last = statuses.filter(|status| status.free_mib.is_some()).max_by_key(|status| status.at);
    let tenants = declared
        .floors
        .iter()
        .map(|(tenant, floor)| (tenant.to_string(), Attr::Known(claim(floor, ledger.get(tenant)))));
    let model = CardSourceModel {
        node: card.node.as_str().into(),
        index: index.into(),
        uuid: uuid.into(),
        product: label(PRODUCT).map(str::to_owned).into(),
        memory_mib: number(MEMORY_MIB).or(card.memory_mib.and_then(mib)).into(),
        replicas: number(REPLICAS).into(),
        sharing_strategy: label(SHARING).map(str::to_owned).into(),
        free_mib: last.and_then(|status| status.free_mib).and_then(mib).into(),
        free_at: last.map(|status| status.at.to_string()).into(),
        tenants: Attr::Known(tenants.collect()),
        name: asked.name,
    };
    Ok((model, remarks))
}

/// What gates wrote of the card; empty where the card has no ledger yet.
async fn ledger(api: &Api, card: &CardName) -> Result<Ledger, Failure> {
    let live = api.get(&Ref::config_map(SYSTEM_NAMESPACE, &ledger_name(card))).await?;
    let data = live.and_then(|live| serde_json::from_value(live.0["data"].clone()).ok());
    Ok(Ledger::parse(&data.unwrap_or_default()))
}

fn claim(floor: &Floor, entry: Option<&Entry>) -> ClaimModel {
    ClaimModel {
        peak_mib: mib(floor.peak_mib).into(),
        headroom_mib: mib(floor.headroom_mib).into(),
        priority: Attr::Known(floor.priority.into()),
        always: Attr::Known(floor.always),
        state: entry.map(|entry| entry.state.to_string()).into(),
    }
}

fn mib(amount: Mib) -> Option<i64> {
    i64::try_from(amount.0).ok()
}
