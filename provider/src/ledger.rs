//! A tenant's place in its card's ledger, from Terraform's side: read, and
//! changed by compare-and-swap as gates do it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;
use tenancy::declared::{POINTER_KEY, SYSTEM_NAMESPACE, ledger_name, pointer_name};
use tenancy::defaults::GUARD_INTERVAL_S;
use tenancy::ledger::{Entry, Ledger, Paused, State};
use tenancy::names::{CardName, TenantId};

use crate::api::{Api, Failure, Live, Ref};

/// How often the compare-and-swap is tried against gates that write it too.
const SWAPS: u32 = 10;

/// One tenant on one card.
pub(crate) struct Place<'a> {
    pub(crate) api: &'a Api,
    pub(crate) manager: &'a str,
    pub(crate) tenant: TenantId,
    pub(crate) card: CardName,
}

/// What a tenant's floor left in the system namespace: on which card the tenant is entered.
pub(crate) struct Pointer {
    /// Its name, whether it is there or not.
    pub(crate) object: Ref,
    live: Option<Live>,
}

impl Pointer {
    /// # Errors
    /// The call failed.
    pub(crate) async fn of(api: &Api, tenant: &TenantId) -> Result<Self, Failure> {
        let object = Ref::config_map(SYSTEM_NAMESPACE, &pointer_name(tenant));
        let live = api.get(&object).await?;
        Ok(Self { object, live })
    }

    pub(crate) fn is_there(&self) -> bool {
        self.live.is_some()
    }

    /// The card that it names, as it is written there.
    pub(crate) fn card(&self) -> Option<&str> {
        self.live.as_ref()?.0["data"][POINTER_KEY].as_str()
    }
}

/// A ledger as it was read.
pub(crate) struct Read {
    pub(crate) ledger: Ledger,
    live: Live,
}

impl<'a> Place<'a> {
    /// Where the tenant's floor says that its card is; nothing without a floor.
    ///
    /// # Errors
    /// The call failed.
    pub(crate) async fn find(
        api: &'a Api,
        manager: &'a str,
        tenant: &TenantId,
    ) -> Result<Option<Place<'a>>, Failure> {
        let card = Pointer::of(api, tenant).await?.card().and_then(|card| card.parse().ok());
        Ok(card.map(|card| Place { api, manager, tenant: tenant.clone(), card }))
    }

    /// The ConfigMap that holds the ledger.
    pub(crate) fn object(&self) -> Ref {
        Ref::config_map(SYSTEM_NAMESPACE, &ledger_name(&self.card))
    }

    /// The ledger; nothing where the card has none.
    ///
    /// # Errors
    /// The call failed, or the tenant's own entry cannot be read.
    pub(crate) async fn read(&self) -> Result<Option<Read>, Failure> {
        let Some(live) = self.api.get(&self.object()).await? else { return Ok(None) };
        let data: BTreeMap<String, String> =
            serde_json::from_value(live.0["data"].clone()).unwrap_or_default();
        let ledger = Ledger::parse(&data);
        if ledger.is_unreadable(&self.tenant) {
            return Err(Failure::Waited {
                summary: format!("The entry of {} cannot be read", self.tenant),
                detail: format!(
                    "Its key {} in {} says what it holds and whom it paused, and is not to be lost. Look at it \
                     with kubectl, correct or delete it, then apply again.",
                    self.tenant.key(),
                    self.object()
                ),
            });
        }
        Ok(Some(Read { ledger, live }))
    }

    /// The tenant's entry, where it has one.
    ///
    /// # Errors
    /// As [`Place::read`].
    pub(crate) async fn entry(&self) -> Result<Option<Entry>, Failure> {
        Ok(self.read().await?.and_then(|mut read| read.ledger.take(&self.tenant)))
    }

    /// Changes the tenant's entry; `change` sees it as it is and is called again
    /// after a lost swap. `None` takes it away.
    ///
    /// # Errors
    /// As [`Place::read`]; or gates were faster every time.
    pub(crate) async fn change(&self, change: impl Fn(Entry) -> Option<Entry>) -> Result<(), Failure> {
        for _ in 0..SWAPS {
            let Some(Read { mut ledger, live }) = self.read().await? else { return Ok(()) };
            let Some(entry) = ledger.take(&self.tenant) else { return Ok(()) };
            if let Some(entry) = change(entry) {
                ledger.set(self.tenant.clone(), entry);
            }
            let mut body = live.0.clone();
            body["data"] = json!(ledger.to_data());
            match self.api.replace(&self.object(), self.manager, body).await {
                Ok(_) => return Ok(()),
                Err(failure) if failure.status() == Some(409) => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Waited {
            summary: format!("The ledger of card {} is busy", self.card),
            detail: format!(
                "Gates wrote it at every one of {SWAPS} tries to change the entry of {}. Apply again.",
                self.tenant
            ),
        })
    }

    /// Gives residents the replicas that they had, save those that another
    /// tenant of the card still keeps at 0, and those that were changed
    /// meanwhile. Answers with those that could not be given theirs, and why.
    ///
    /// # Errors
    /// As [`Place::read`].
    pub(crate) async fn restore(&self, paused: &[Paused]) -> Result<Vec<(Paused, String)>, Failure> {
        let Some(Read { ledger, .. }) = self.read().await? else { return Ok(Vec::new()) };
        // As gates see it: who may not give it back keeps nobody down, and neither does one on its way out whose
        // gate does not tick.
        let now = Timestamp::now();
        let lets_go = |entry: &Entry| {
            let ticks = entry.silent_for_s(now, GUARD_INTERVAL_S).is_none();
            entry.state.is_admitted() || (entry.state != State::Asleep && ticks)
        };
        let shared = |one: &Paused| {
            let mut others = ledger.entries().filter(|(tenant, _)| **tenant != self.tenant);
            others.any(|(_, entry)| {
                let theirs = entry.paused(&one.target);
                lets_go(entry) && theirs.is_some_and(|it| !it.left_alone && !it.told_unreadable)
            })
        };
        let mut left = Vec::new();
        for one in paused.iter().filter(|one| !one.left_alone && !shared(one)) {
            let name = Ref::deployment(one.target.namespace.as_str(), one.target.deployment.as_str());
            let outcome = match self.api.get(&name).await {
                Ok(Some(live)) if live.replicas() == Some(0) => {
                    let patch = json!({"spec": {"replicas": one.replicas}});
                    self.api.merge(&name, Some("scale"), self.manager, patch).await.map(drop)
                }
                Ok(_) => Ok(()),
                Err(failure) => Err(failure),
            };
            if let Err(failure) = outcome {
                let why = failure.diagnostic(tfplugin::Path::root());
                left.push((
                    one.clone(),
                    format!(
                        "{name} was paused for {} and could not be given its {} replicas back: {} Scale it by hand.",
                        self.tenant, one.replicas, why.detail
                    ),
                ));
            }
        }
        Ok(left)
    }
}
