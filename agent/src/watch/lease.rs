//! The Lease by which the watchers of a card agree on one of them.
//!
//! It is ours and not a library's because its clock is the API server's, as
//! every clock of a gate is, and its calls are counted and bounded like all
//! others. It saves calls and guards nothing: two watchers at once are two gates
//! at once, and the ledger's compare-and-swap is made for those.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tenancy::defaults::{WATCH_LEASE_S, WATCH_RENEW_S};
use tenancy::names::CardName;

use crate::observe::api::{Api, ApiError};
use crate::observe::object::Object;

/// How often in the time between two renewals one that failed is tried again.
const TRIES_IN_AN_INTERVAL: u32 = 5;

/// A Lease that this watcher holds or would like to.
#[derive(Debug)]
pub struct Lease {
    object: Object,
    holder: String,
    times: Times,
}

/// How long a Lease holds, and how often it is renewed.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// How long it holds without being renewed. Whole seconds are written.
    pub holds: Duration,
    /// Between two renewals, and at most between two tries to take it.
    pub renew: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { holds: Duration::from_secs(WATCH_LEASE_S), renew: Duration::from_secs(WATCH_RENEW_S) }
    }
}

/// Why a watcher is not, or no longer, the one that acts.
#[derive(Debug, thiserror::Error)]
pub enum NotHeld {
    /// Another one is.
    #[error("{0} watches the card")]
    Another(String),
    /// The API server's answer.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The API server's time is not known.
    #[error("the API server's answers have no Date header")]
    NoDate,
}

impl Lease {
    /// The Lease of a card, for a holder whose name no other has: the pod's.
    pub fn of(card: &CardName, holder: &str, times: Times) -> Self {
        Self { object: Object::lease(card), holder: holder.to_owned(), times }
    }

    /// Waits until this watcher holds the Lease. Says why it waits, whenever the reason changes.
    pub async fn acquire(&self, api: &Api, mut say: impl FnMut(&str)) {
        let mut said = String::new();
        loop {
            let Err(why) = self.take(api).await else { return };
            let why = why.to_string();
            if why != said {
                say(&why);
                said = why;
            }
            tokio::time::sleep(self.times.renew.min(Duration::from_secs(2))).await;
        }
    }

    /// Renews the Lease for as long as that succeeds, and answers with why it no
    /// longer does. A try that fails is made again soon, because an API server
    /// that restarts is away for less than a Lease holds. It gives up while the
    /// Lease still holds, so that whoever acts under it has stopped before
    /// another one may take it.
    pub async fn keep(&self, api: &Api) -> NotHeld {
        let soon = self.times.renew / TRIES_IN_AN_INTERVAL;
        let (mut renewed, mut pause) = (Instant::now(), self.times.renew);
        loop {
            tokio::time::sleep(pause).await;
            let asked = Instant::now();
            let patience = (self.times.holds - self.times.renew).saturating_sub(renewed.elapsed());
            let outcome = tokio::time::timeout(patience.max(Duration::from_millis(1)), self.take(api)).await;
            match outcome {
                Ok(Ok(())) => (renewed, pause) = (asked, self.times.renew),
                Ok(Err(lost @ (NotHeld::Another(_) | NotHeld::NoDate))) => return lost,
                Ok(Err(NotHeld::Api(why @ (ApiError::Absent { .. } | ApiError::Forbidden { .. })))) => {
                    return why.into();
                }
                Ok(Err(why)) if renewed.elapsed() + soon + self.times.renew > self.times.holds => return why,
                Ok(Err(_)) => pause = soon,
                Err(_) => {
                    let asked = format!("writing {}", self.object.told());
                    let cause = format!("not renewed for {} s", renewed.elapsed().as_secs());
                    return ApiError::Away { asked, cause }.into();
                }
            }
        }
    }

    /// Lets go of the Lease, so that a successor need not wait until it runs out.
    ///
    /// # Errors
    /// It was another's, or could not be written; then it runs out by itself.
    pub async fn release(&self, api: &Api) -> Result<(), NotHeld> {
        let mut lease = api.get(&self.object).await?;
        let now = api.now().ok_or(NotHeld::NoDate)?;
        match holder(&lease["spec"]) {
            Some(holder) if holder == self.holder => {
                lease["spec"] = released(&lease["spec"], now);
                api.put(&self.object, &lease).await?;
                Ok(())
            }
            other => Err(NotHeld::Another(other.unwrap_or("nobody").to_owned())),
        }
    }

    /// Takes or renews it by compare-and-swap.
    async fn take(&self, api: &Api) -> Result<(), NotHeld> {
        let mut lease = api.get(&self.object).await?;
        let now = api.now().ok_or(NotHeld::NoDate)?;
        lease["spec"] = taken(&lease["spec"], &self.holder, self.times.holds, now)
            .map_err(|holder| NotHeld::Another(holder.to_owned()))?;
        match api.put(&self.object, &lease).await {
            Ok(_) => Ok(()),
            Err(ApiError::Conflict { .. }) => Err(NotHeld::Another("another watcher".to_owned())),
            Err(why) => Err(why.into()),
        }
    }
}

fn holder(spec: &Value) -> Option<&str> {
    spec["holderIdentity"].as_str().filter(|holder| !holder.is_empty())
}

/// A Lease's `spec` once `me` has taken or renewed it, or who holds it.
fn taken<'a>(spec: &'a Value, me: &str, holds: Duration, now: Timestamp) -> Result<Value, &'a str> {
    let time = |name: &str| spec[name].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let held_for = SignedDuration::from_secs(spec["leaseDurationSeconds"].as_i64().unwrap_or(0));
    let runs = time("renewTime").is_some_and(|renewed| now.duration_since(renewed) <= held_for);
    let before = holder(spec);
    if let Some(other) = before.filter(|holder| *holder != me && runs) {
        return Err(other);
    }
    let changes = spec["leaseTransitions"].as_i64().unwrap_or(0);
    let renews = before == Some(me);
    let acquired = time("acquireTime").filter(|_| renews).unwrap_or(now);
    Ok(json!({
        "holderIdentity": me,
        // The API server wants at least one second.
        "leaseDurationSeconds": holds.as_secs().max(1),
        "acquireTime": micro(acquired),
        "renewTime": micro(now),
        "leaseTransitions": if renews { changes } else { changes + 1 },
    }))
}

/// A Lease's `spec` without a holder.
fn released(spec: &Value, now: Timestamp) -> Value {
    json!({
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "renewTime": micro(now),
        "leaseTransitions": spec["leaseTransitions"].as_i64().unwrap_or(0),
    })
}

/// A MicroTime has exactly six decimals.
fn micro(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_lease_is_taken_when_it_is_free_ours_or_run_out() {
        let holds = Duration::from_secs(30);
        let first = taken(&Value::Null, "a", holds, at(0)).unwrap();
        assert_eq!(
            (first["holderIdentity"].as_str(), first["leaseTransitions"].as_i64()),
            (Some("a"), Some(1))
        );
        let renewed = taken(&first, "a", holds, at(10)).unwrap();
        assert_eq!(
            (&renewed["acquireTime"], &renewed["leaseTransitions"]),
            (&first["acquireTime"], &json!(1))
        );
        assert_eq!(taken(&renewed, "b", holds, at(40)), Err("a"));
        let stolen = taken(&renewed, "b", holds, at(41)).unwrap();
        assert_eq!(
            (stolen["holderIdentity"].as_str(), stolen["leaseTransitions"].as_i64()),
            (Some("b"), Some(2))
        );
        let free = released(&stolen, at(42));
        assert_eq!(taken(&free, "c", holds, at(42)).unwrap()["leaseTransitions"], 3);
    }
}
