//! What the ledger says of one tenant, and of the card as a whole.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decide::Rule;
use crate::defaults::{GUARD_INTERVAL_S, SILENT_INTERVALS};
use crate::gate::ScaleTarget;
use crate::names::TenantId;
use crate::quantity::Mib;

/// Every moment in an entry that its gate wrote as one that has been: all but those until which it waits.
macro_rules! moments {
    ($entry:ident, $iter:ident, $values:ident $(, $mut:tt)?) => {{
        let since = [
            &$($mut)? $entry.starting_since,
            &$($mut)? $entry.awake_since,
            &$($mut)? $entry.unknown_since,
            &$($mut)? $entry.empty_since,
        ];
        let status = $entry.status.$iter();
        std::iter::once(&$($mut)? $entry.since)
            .chain(since.into_iter().flatten())
            .chain($entry.admission.$iter().map(|admission| &$($mut)? admission.at))
            .chain($entry.paused.$iter().map(|paused| &$($mut)? paused.since))
            .chain($entry.told.$values())
            .chain(status.flat_map(|it| std::iter::once(&$($mut)? it.at).chain(&$($mut)? it.told_at)))
    }};
}

/// One tenant's place in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is doing.
    pub state: State,
    /// Since when it is in that state.
    pub since: Timestamp,
    /// What it was promised, while it is reserved, loading, awake or draining.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admission: Option<Admission>,
    /// Until when it may be awake, by window or by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Since when it is on its way to being ready, while it is reserved or loading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_since: Option<Timestamp>,
    /// When it last became ready, while it is awake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awake_since: Option<Timestamp>,
    /// The pod that holds, or is about to take, the memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodRef>,
    /// The replicas that the gate set last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas_set: Option<u32>,
    /// Whether they were seen since. Until then another figure means that our
    /// own call was lost, afterwards that a hand was at work.
    #[serde(default)]
    pub replicas_confirmed: bool,
    /// Option B: who was scaled down for this tenant and what they had before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paused: Vec<Paused>,
    /// Not before this moment is the tenant admitted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_until: Option<Timestamp>,
    /// Crashes in a row of the model server, and pods that were gone before they were ready.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub crashes: u32,
    /// How many of those were pods that were gone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_pods: u32,
    /// The restart count of `pod` that those crashes were counted from.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts_seen: u32,
    /// Starts in a row that came to nothing; each doubles the pause before the next.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// A person put it to sleep; it stays so until this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by_hand_until: Option<Timestamp>,
    /// The override annotation as the last tick saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_seen: Option<OverrideSeen>,
    /// Since when its gate has no fresh sample of the card. Another gate may see
    /// what this one cannot, so it is not the card's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_since: Option<Timestamp>,
    /// The Deployment that `replicas_set` was said of. One that was made anew
    /// is born at 0, and no hand was at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_uid: Option<String>,
    /// Since when there is no demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_since: Option<Timestamp>,
    /// What must be seen to return, while it drains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Drain>,
    /// When people were told lately, by the Event's reason and what it is about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<String, Timestamp>,
    /// What the last tick decided and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// What its gate has come to so far.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    pub tally: Tally,
}

/// The counters of a tenant's gate, which itself lives for seconds. They only
/// grow, and there is one for each rule at most.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Decisions that were written, by rule.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub decisions: BTreeMap<Rule, u64>,
    /// For how many seconds the card's figures were not known to the gate while
    /// it was asked.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub unknown_s: u64,
}

impl Tally {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Counts a decision. Of the time since the one before it, what was blind is
    /// counted, up to `most_s`: nobody knows what a gate would have seen that was not asked.
    pub fn count(&mut self, rule: Rule, now: Timestamp, before: Option<&Status>, most_s: u32) {
        let count = self.decisions.entry(rule).or_default();
        *count = count.saturating_add(1);
        let Some(before) = before.filter(|status| status.rule.is_blind()) else { return };
        let passed = u64::try_from(now.as_second().saturating_sub(before.at.as_second())).unwrap_or(0);
        self.unknown_s = self.unknown_s.saturating_add(passed.min(u64::from(most_s)));
    }
}

/// What a tenant is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It holds nothing and is owed nothing.
    Asleep,
    /// Room is kept for it; its pod is not admitted yet.
    Reserved,
    /// Its pod takes the memory.
    Loading,
    /// It answers.
    Awake,
    /// It was told to go; its memory has not been seen to return.
    Draining,
}

impl State {
    /// Whether room is kept for it: reserved, loading or awake.
    pub fn is_admitted(self) -> bool {
        matches!(self, State::Reserved | State::Loading | State::Awake)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            State::Asleep => "asleep",
            State::Reserved => "reserved",
            State::Loading => "loading",
            State::Awake => "awake",
            State::Draining => "draining",
        })
    }
}

/// What a tenant was promised, and on which figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// When.
    pub at: Timestamp,
    /// Its peak at that time.
    pub peak_mib: Mib,
    /// Its headroom at that time.
    pub headroom_mib: Mib,
    /// What was free then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_mib: Option<Mib>,
}

/// A pod by name and uid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodRef {
    /// Its name, by which metrics know it.
    pub name: String,
    /// Its uid, which a successor of the same name does not share.
    pub uid: String,
}

/// A Deployment that was scaled down for the tenant's window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Which one.
    #[serde(flatten)]
    pub target: ScaleTarget,
    /// The replicas it had and gets back.
    pub replicas: u32,
    /// When they were written down, which is before it was scaled.
    pub since: Timestamp,
    /// Whether it was seen at 0 since.
    #[serde(default)]
    pub seen_at_zero: bool,
    /// Somebody changed it meanwhile, so it is theirs until the window is over.
    #[serde(default)]
    pub left_alone: bool,
    /// People were told that it cannot be restored, and what they must do.
    #[serde(default, skip_serializing_if = "is_false")]
    pub told_unreadable: bool,
}

/// The override annotation as it was when it was first seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideSeen {
    /// Its text.
    pub text: String,
    /// Whether it was legal when first seen. A time too far away does not become
    /// legal by waiting.
    pub accepted: bool,
}

/// What a draining tenant held, and why it had to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// What was free when it was told to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_mib: Option<Mib>,
    /// What it held then: as attributed, or else, of an awake tenant, estimated
    /// from what was free when it was admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_mib: Option<Mib>,
    /// Whether that is only an estimate.
    #[serde(default, skip_serializing_if = "is_false")]
    pub estimated: bool,
    /// What was used then by nobody that the series named, where it attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unattributed_mib: Option<Mib>,
    /// Whether its server was asked to unload first, and the scale call comes after that.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unloads: bool,
    /// The rule that sent it away.
    pub cause: Rule,
    /// Whether people were told that the memory does not come back.
    #[serde(default)]
    pub reported: bool,
}

/// What concerns the card as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CardMemory {
    /// Since when the card is short without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_since: Option<Timestamp>,
    /// When memory was last seen to return: samples before it prove no shortage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
    /// Who yielded last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_yield: Option<Yield>,
}

/// A yield, kept for people and for whoever would be next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yield {
    /// Who yielded.
    pub tenant: TenantId,
    /// When.
    pub at: Timestamp,
    /// The rule that made it.
    pub rule: Rule,
    /// What was free then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_mib: Option<Mib>,
}

/// What the last tick decided: read by people and by Terraform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The rule that decided.
    pub rule: Rule,
    /// Why, as one sentence with the figures.
    pub reason: String,
    /// When, in the API server's time.
    pub at: Timestamp,
    /// What the device called free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_mib: Option<Mib>,
    /// What was owed to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owed_mib: Option<Mib>,
    /// How long it has been awake after its window closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrun_seconds: Option<i64>,
    /// Clock of the gate's machine minus the API server's, when that is more
    /// than [`crate::defaults::CLOCK_SKEW_LIMIT_S`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew_s: Option<i64>,
    /// When people were last told of this rule by an Event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Timestamp>,
    /// Within how many seconds its gate looks again if all goes well. Gates of an older version do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks_every_s: Option<u32>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_none_yet(seconds: &u64) -> bool {
    *seconds == 0
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Entry {
    /// The entry of a tenant that sleeps.
    pub fn asleep(since: Timestamp) -> Self {
        Self {
            state: State::Asleep,
            since,
            admission: None,
            until: None,
            starting_since: None,
            awake_since: None,
            pod: None,
            replicas_set: None,
            replicas_confirmed: false,
            paused: Vec::new(),
            backoff_until: None,
            crashes: 0,
            lost_pods: 0,
            restarts_seen: 0,
            failures: 0,
            held_by_hand_until: None,
            override_seen: None,
            unknown_since: None,
            deployment_uid: None,
            empty_since: None,
            drain: None,
            told: BTreeMap::new(),
            status: None,
            tally: Tally::default(),
        }
    }

    /// Moves to `state`; `since` changes only if the state does.
    pub fn enter(&mut self, state: State, now: Timestamp) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }

    /// The moments that it says have been.
    pub(super) fn past(&self) -> impl Iterator<Item = &Timestamp> {
        moments!(self, iter, values)
    }

    /// The same, to be put right.
    pub(super) fn past_mut(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        moments!(self, iter_mut, values_mut, mut)
    }

    /// The record of an Option B target, if it is paused for this tenant.
    pub fn paused(&self, target: &ScaleTarget) -> Option<&Paused> {
        self.paused.iter().find(|paused| paused.target == *target)
    }

    /// For how long nothing was heard of the tenant's gate at `now`, in seconds, if that is so long that it does
    /// not tick: its floor is gone, or its CronJobs are. How often it ticks it has said itself; one of an older
    /// version is assumed to tick each `assumed_interval_s`.
    pub fn silent_for_s(&self, now: Timestamp, assumed_interval_s: u32) -> Option<i64> {
        let heard = self.status.as_ref().map_or(self.since, |status| status.at.max(self.since));
        let silence = now.as_second().saturating_sub(heard.as_second());
        let told = self.status.as_ref().and_then(|status| status.looks_every_s);
        let interval =
            told.unwrap_or(assumed_interval_s).max(GUARD_INTERVAL_S).saturating_mul(SILENT_INTERVALS);
        Some(silence).filter(|silence| *silence > i64::from(interval))
    }
}

impl CardMemory {
    /// The moments that it says have been.
    pub(super) fn past_mut(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        let last = self.last_yield.iter_mut().map(|last| &mut last.at);
        self.short_since.iter_mut().chain(&mut self.settled_at).chain(last)
    }
}
