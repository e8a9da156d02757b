//! How a tenant stands, as its gate wrote it into the ledger.

use jiff::Timestamp;
use tenancy::ledger::State;
use tenancy::names::TenantId;
use tenancy::quantity::Mib;
use tfplugin::{Attr, DataSource, Diagnostic, Diagnostics, LookUpRequest, Outcome, Path, model};

use crate::api::{Api, PATIENCE};
use crate::card::declared_floor;
use crate::ledger::Place;
use crate::provider::Data;

model! {
    /// How a tenant stands on its card, and why: what its gate wrote into the card's ledger at its
    /// last tick.
    ///
    /// It is read at every plan, so whatever depends on it changes when the tenant wakes or sleeps.
    pub(crate) struct StatusModel {
        /// The tenant, as `namespace/name`: the `id` of its `gpu_vram_floor`.
        pub(crate) tenant: Attr<String> = required(),
        /// The card that it is entered on.
        pub(crate) card: Attr<String> = computed(),
        /// `asleep`, `reserved`, `loading`, `awake` or `draining`. A tenant whose gate has never
        /// ticked is `asleep`. Null for one that is `always` awake: no gate writes of it.
        pub(crate) state: Attr<String> = computed(),
        /// Since when, RFC 3339; null while it sleeps and never woke. This and the following are null
        /// before the first tick.
        pub(crate) since: Attr<String> = computed(),
        /// Until when it may be awake, RFC 3339; null while it sleeps.
        pub(crate) until: Attr<String> = computed(),
        /// The rule that decided last, such as `admitted`, `refused` or `outside_window`.
        pub(crate) rule: Attr<String> = computed(),
        /// Why, as one sentence with the figures.
        pub(crate) reason: Attr<String> = computed(),
        /// When that was decided, RFC 3339.
        pub(crate) decided_at: Attr<String> = computed(),
        /// What the device called free then, in MiB.
        pub(crate) free_mib: Attr<i64> = computed(),
        /// What was owed to others then, in MiB.
        pub(crate) owed_mib: Attr<i64> = computed(),
    }
}

/// The data source.
pub(crate) struct StatusSource;

impl DataSource for StatusSource {
    type Data = Data;
    type Model = StatusModel;
    const TYPE_NAME: &'static str = "gpu_windowed_service_status";

    fn validate(&self, config: &StatusModel) -> Diagnostics {
        config.tenant.as_str().map_or_else(Diagnostics::new, |id| match tenant_id(id) {
            Ok(_) => Diagnostics::new(),
            Err(diagnostics) => diagnostics,
        })
    }

    async fn look_up(&self, request: LookUpRequest<Self>) -> Outcome<StatusModel> {
        let api = request.provider.api.within(PATIENCE, &request.cancel);
        match found(&api, request.asked).await {
            Ok(model) => Outcome::state(model),
            Err(diagnostics) => Outcome::failed(diagnostics),
        }
    }
}

fn tenant_id(text: &str) -> Result<TenantId, Diagnostics> {
    text.parse().map_err(|invalid: tenancy::Invalid| {
        Diagnostic::error("Invalid tenant", invalid.to_string()).at(Path::attribute("tenant")).into()
    })
}

async fn found(api: &Api, asked: StatusModel) -> Result<StatusModel, Diagnostics> {
    let at = Path::attribute("tenant");
    let tenant = tenant_id(asked.tenant.as_str().unwrap_or_default())?;
    // Nothing is written, so no manager is named.
    let place = Place::find(api, "", &tenant).await.map_err(|failure| failure.diagnostic(at.clone()))?;
    let Some(place) = place else {
        let detail = format!("{tenant} is entered on no card. Apply its gpu_vram_floor first.");
        return Err(Diagnostic::error("The tenant has no claim on a card", detail).at(at).into());
    };
    let entry = place.entry().await.map_err(|failure| failure.diagnostic(at.clone()))?;
    let card = Attr::from(place.card.as_str());
    let Some(entry) = entry else {
        let floor = declared_floor(api, &place.card, &place.tenant).await;
        let floor = floor.map_err(|failure| failure.diagnostic(at))?;
        let (state, reason) = match floor.is_some_and(|floor| floor.always) {
            true => (None, Some("It is awake at all times, and no gate decides for it.")),
            false => (Some("asleep"), None),
        };
        let (state, reason) = (state.map(str::to_owned).into(), reason.map(str::to_owned).into());
        return Ok(StatusModel { card, state, reason, tenant: asked.tenant, ..StatusModel::default() });
    };
    // What an entry says of a tenant that sleeps is when its window ends, or that it never woke.
    let since = Some(entry.since).filter(|since| *since != Timestamp::UNIX_EPOCH);
    let until = entry.until.filter(|_| entry.state != State::Asleep);
    let mib = |mib: Option<Mib>| mib.and_then(|mib| i64::try_from(mib.0).ok()).into();
    let status = entry.status.as_ref();
    let rule = status.and_then(|it| serde_json::to_value(it.rule).ok());
    Ok(StatusModel {
        card,
        state: entry.state.to_string().into(),
        since: since.map(|since| since.to_string()).into(),
        until: until.map(|until| until.to_string()).into(),
        rule: rule.as_ref().and_then(serde_json::Value::as_str).map(str::to_owned).into(),
        reason: status.map(|it| it.reason.clone()).into(),
        decided_at: status.map(|it| it.at.to_string()).into(),
        free_mib: mib(status.and_then(|it| it.free_mib)),
        owed_mib: mib(status.and_then(|it| it.owed_mib)),
        tenant: asked.tenant,
    })
}
