//! What a review says, as data: the page's renderers and other programs read it.
//!
//! Everything in it may be printed: what Terraform marks as sensitive was taken
//! out before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tenancy::window::Day;

use crate::fit::{ClockChange, Verdict};

/// Version of the JSON that [`Review`] becomes. The first number changes when a
/// field is taken away or changes its meaning.
pub const FORMAT_VERSION: &str = "1.1";

/// Everything that a page shows.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Review {
    /// Version of this format, `1.1`. A change of the first number breaks readers.
    pub format_version: &'static str,
    /// When the first of the plans was made, if they say so.
    #[schemars(with = "Option<String>")]
    pub planned_at: Option<Timestamp>,
    /// How much there is.
    pub counts: Counts,
    /// What a person must look at, the worst first. Empty means exit code 0.
    pub look: Vec<Remark>,
    /// What is good to know, and needs nobody.
    pub notes: Vec<Remark>,
    /// What is deleted or replaced, with its cause.
    pub losses: Vec<Loss>,
    /// What could not be planned, or not wholly.
    pub unplanned: Vec<Unplanned>,
    /// Cards on which something changes.
    pub cards: Vec<CardReview>,
    /// Tenants that change.
    pub tenants: Vec<TenantReview>,
    /// Other resources that change.
    pub others: Vec<ResourceReview>,
    /// What was changed outside of Terraform.
    pub drift: Vec<Drift>,
    /// What an apply of these plans will not do.
    pub will_not: Vec<String>,
    /// How to go back after an apply.
    pub rollback: Vec<Step>,
}

/// One step back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// What to type, if anything.
    pub command: Option<String>,
    /// What there is to know about it.
    pub text: String,
}

/// How much there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Stacks with a plan.
    pub stacks: usize,
    /// Stacks whose plan changes something.
    pub stacks_changed: usize,
    /// Stacks without a plan, or with half of one.
    pub stacks_unplanned: usize,
    /// Resources by what becomes of them.
    pub resources: BTreeMap<Action, usize>,
}

/// What becomes of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is deleted.
    Delete,
    /// It is deleted and made anew.
    Replace,
    /// It is changed.
    Update,
    /// It is made.
    Create,
    /// It exists and comes under Terraform.
    Import,
    /// Terraform lets go of it, and it stays.
    Forget,
    /// Its address changes and nothing else.
    Move,
    /// It is read at apply.
    Read,
}

impl Action {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Action::Delete => "delete",
            Action::Replace => "replace",
            Action::Update => "update",
            Action::Create => "create",
            Action::Import => "import",
            Action::Forget => "forget",
            Action::Move => "move",
            Action::Read => "read",
        }
    }
}

/// One sentence about one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Remark {
    /// What kind of remark it is, for programs.
    pub kind: RemarkKind,
    /// What it is about: a resource's address, a tenant, a card, a stack.
    pub subject: String,
    /// The sentence.
    pub text: String,
}

/// Kinds of remarks, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemarkKind {
    /// Data goes with a deleted claim.
    DataLost,
    /// Something is deleted.
    Deleted,
    /// Something is deleted and made anew.
    Replaced,
    /// A stack could not be planned.
    NotPlanned,
    /// A tenant does not fit on its card.
    DoesNotFit,
    /// A resident may run out of memory.
    ResidentMayFail,
    /// A tenant is put to sleep at once.
    Suspended,
    /// A tenant moves from the CPU to a card.
    ToGpu,
    /// A check of the configuration fails.
    CheckFailed,
    /// A tenant yields when a resident grows.
    MayYield,
    /// A running server restarts.
    Restarts,
    /// Two tenants may now be awake together.
    Overlap,
    /// A tenant moves from a card to the CPU.
    ToCpu,
    /// A tenant is not counted in its card's day.
    NotCounted,
    /// A figure rests on a guess.
    Guessed,
    /// A window is longer or shorter in a night in which clocks change.
    ClockChange,
    /// Somebody changed something by hand.
    Drifted,
}

/// Something that is deleted or replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Loss {
    /// The stack.
    pub stack: String,
    /// The resource's address.
    pub address: String,
    /// `delete` or `replace`.
    pub action: Action,
    /// The attributes that cause it; empty for a deletion.
    pub attributes: Vec<Field>,
    /// The cause as a sentence.
    pub cause: String,
    /// What becomes of data and of what was asleep or awake.
    pub consequences: Vec<String>,
}

/// A value before or after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// There is none.
    Absent,
    /// Terraform marks it as sensitive.
    Sensitive,
    /// It is known after apply.
    Unknown,
    /// The plan has a digest of it only.
    Hashed,
    /// The value.
    Value(Value),
}

/// One value that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Field {
    /// Its path.
    pub path: String,
    /// Before.
    pub before: Shown,
    /// After.
    pub after: Shown,
}

/// A stack that could not be planned, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unplanned {
    /// The stack.
    pub stack: String,
    /// Why.
    pub reason: String,
}

/// A change of one object in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ObjectChange {
    /// `Kind/name`.
    pub object: String,
    /// What becomes of it.
    pub action: Action,
    /// Which of its fields change; for an update only.
    pub fields: Vec<Field>,
}

/// A resource that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ResourceReview {
    /// The stack.
    pub stack: String,
    /// The resource's address.
    pub address: String,
    /// What becomes of it.
    pub action: Action,
    /// The attributes that change; for an update and a replacement only.
    pub fields: Vec<Field>,
    /// The objects in the cluster that change with it.
    pub objects: Vec<ObjectChange>,
    /// `objects` is not known before apply.
    pub objects_unknown: bool,
}

/// A tenant that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TenantReview {
    /// `namespace/name`.
    pub tenant: String,
    /// What becomes of it as a whole.
    pub action: Action,
    /// What it is before, in a line; nothing for a new one.
    pub before: Option<String>,
    /// What it is after, in a line; nothing for one that goes.
    pub after: Option<String>,
    /// Where it computes, before and after, when that changes.
    pub flip: Option<Flip>,
    /// What a restart of its server comes from, when there is one.
    pub restart: Option<Restart>,
    /// Its resources.
    pub resources: Vec<ResourceReview>,
}

/// A change of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flip {
    /// From the CPU to a card.
    ToGpu,
    /// From a card to the CPU.
    ToCpu,
}

/// A restart of a tenant's server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Restart {
    /// It runs at all times, so it restarts for sure. Otherwise it restarts if it is awake at apply.
    pub certain: bool,
    /// The fields of its pod that change.
    pub fields: Vec<String>,
}

/// A resource that was changed outside of Terraform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Drift {
    /// The stack.
    pub stack: String,
    /// The resource's address.
    pub address: String,
    /// It is gone altogether.
    pub gone: bool,
    /// From what the state says to what is there.
    pub fields: Vec<Field>,
    /// The same of its objects.
    pub objects: Vec<ObjectChange>,
    /// The apply puts it back, or some of it. Otherwise it keeps what is there, or deletes it.
    pub put_back: bool,
}

/// A card on which something changes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CardReview {
    /// Its name.
    pub card: String,
    /// What becomes of its own resource, if anything.
    pub action: Option<Action>,
    /// The worst that may happen on it before.
    pub verdict_before: Verdict,
    /// The worst that may happen on it after.
    pub verdict_after: Verdict,
    /// The card before; nothing where it is new or not known.
    pub before: Option<CardFacts>,
    /// The card after; nothing where it goes or is not known.
    pub after: Option<CardFacts>,
    /// Time zone of all its times.
    pub time_zone: String,
    /// Claims on it, by tenant.
    pub claims: Vec<ClaimReview>,
    /// Its days, each kind once.
    pub days: Vec<DayReview>,
    /// Tenants that want more slices of it than the device plugin offers, and did not before.
    pub without_slice: Vec<Shortage>,
    /// Tenants that may be awake together, and were not before or are not after.
    pub overlaps: Vec<Overlap>,
    /// Windows of changed tenants in nights in which clocks change.
    pub clock_changes: Vec<ClockChange>,
    /// What is not counted, and why.
    pub not_counted: Vec<Remark>,
}

/// A card's memory, in MiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CardFacts {
    /// Its size, as declared or as its model usually has.
    pub memory_mib: Option<u64>,
    /// The model whose usual size that is, where none was declared.
    pub memory_of_model: Option<&'static str>,
    /// What the driver keeps of it, where the live repository says so.
    pub reserved_mib: Option<u64>,
    /// Who else lives on it, by name.
    pub residents: BTreeMap<String, ResidentFacts>,
}

/// A resident, in MiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ResidentFacts {
    /// The most it holds, where that is declared.
    pub peak_mib: Option<u64>,
    /// Admission keeps room for it.
    pub protected: bool,
}

/// A tenant's claim before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClaimReview {
    /// The tenant.
    pub tenant: String,
    /// Before; nothing for a new claim.
    pub before: Option<ClaimFacts>,
    /// After; nothing for one that goes.
    pub after: Option<ClaimFacts>,
}

/// A claim, in MiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClaimFacts {
    /// The most it holds.
    pub peak_mib: u64,
    /// What must stay free beside it.
    pub headroom_mib: u64,
    /// Both together.
    pub floor_mib: u64,
    /// Where the peak was measured; nothing for a guess.
    pub measured: Option<String>,
    /// When it may be awake.
    pub schedule: String,
}

/// One kind of day of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DayReview {
    /// On which days of the week it is like this: `daily`, `mon-fri`.
    pub days: String,
    /// The same as days.
    #[serde(skip)]
    pub on: Vec<Day>,
    /// The day that is shown.
    #[schemars(with = "String")]
    pub date: Date,
    /// Its length in minutes, which is not 1,440 when clocks change.
    pub minutes: u32,
    /// From midnight to midnight, without gaps.
    pub spans: Vec<Span>,
}

/// A part of a day in which nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Span {
    /// Minutes since midnight at which it begins.
    pub from_minute: u32,
    /// Minutes since midnight at which it ends.
    pub to_minute: u32,
    /// The time of day at which it begins, `HH:MM`.
    pub from: String,
    /// The time of day at which it ends, `HH:MM`; midnight is `24:00`.
    pub to: String,
    /// Before.
    pub before: Side,
    /// After.
    pub after: Side,
}

/// Who may be awake, and what is left, in MiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Side {
    /// The tenants with their peaks.
    pub tenants: BTreeMap<String, u64>,
    /// What must stay free.
    pub headroom_mib: u64,
    /// What is left of the card; negative when it is overbooked.
    pub left_mib: Option<i64>,
    /// What is left once every resident that is not protected holds its peak.
    pub left_when_grown_mib: Option<i64>,
    /// What may happen.
    pub verdict: Verdict,
}

/// Tenants that want more slices than the device plugin offers: one of them stays Pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Shortage {
    /// The first time of it.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// Those that may be awake then.
    pub tenants: BTreeSet<String>,
    /// How many slices they want together.
    pub wanted: u32,
    /// How many there are.
    pub offered: u32,
}

/// Two tenants that may be awake together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Overlap {
    /// The tenants.
    pub tenants: [String; 2],
    /// They did not meet before, and do after; otherwise the other way round.
    pub new: bool,
    /// When they first meet, in words.
    pub when: String,
}
