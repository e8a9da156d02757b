//! From plans to a [`Review`]. Pure: the time is an argument, and no plan that
//! was read makes it fail.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use tenancy::names::{CardName, TenantId};
use tenancy::window::Zone;

use super::card::{self, Ground};
use super::declared::{Declared, Values};
use super::model::{
    Action, CardReview, Counts, FORMAT_VERSION, ObjectChange, Remark, RemarkKind, ResourceReview, Review,
    Unplanned,
};
use super::plan::{Change, Plan, ResourceChange};
use super::run_report::Run;
use super::veil::Veil;
use super::{advice, beside, fields, look, loss, tenant};
use crate::fleet::Fleet;

/// The plan of one stack.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Its name: its path from where terragrunt ran.
    pub name: String,
    /// Its plan.
    pub plan: Plan,
}

/// What a review rests on.
#[derive(Debug, Default)]
pub struct Input {
    /// The plans.
    pub stacks: Vec<Stack>,
    /// terragrunt's report, which names the stacks that have no plan.
    pub runs: Vec<Run>,
    /// The live repository, which knows what the driver keeps and who was not planned.
    pub fleet: Option<Fleet>,
}

/// How it is shown.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Now, for plans that do not say when they were made.
    pub now: Timestamp,
    /// The first of the seven days that are looked at; the day of the plan unless given.
    pub from: Option<Date>,
    /// Time zone of all times; unless given, that of most windows of a card.
    pub zone: Option<Zone>,
}

/// One resource of one plan, with what it means for the fleet.
pub(super) struct Seen<'i> {
    pub(super) stack: &'i str,
    pub(super) resource: &'i ResourceChange,
    /// Nothing where nothing happens to it.
    pub(super) action: Option<Action>,
    /// Whom it belongs to, if it is a floor or a service that can be read.
    pub(super) tenant: Option<TenantId>,
    /// Its values before, as they may be shown.
    pub(super) before: Cow<'i, Value>,
    /// Its values after, as they may be shown.
    pub(super) after: Cow<'i, Value>,
    pub(super) fields: Vec<super::model::Field>,
    pub(super) objects: Vec<ObjectChange>,
    pub(super) objects_unknown: bool,
}

/// Everything that was read of the plans.
pub(super) struct Read<'i> {
    pub(super) seen: Vec<Seen<'i>>,
    pub(super) before: Declared,
    pub(super) after: Declared,
    pub(super) uncounted: Vec<Remark>,
    pub(super) planned_at: Option<Timestamp>,
    pub(super) now: Timestamp,
}

/// Reviews these plans.
pub fn review(input: &Input, settings: &Settings) -> Review {
    let mut read = read(input, settings);
    let (reserved, models, slices) = match &input.fleet {
        Some(fleet) => {
            complete(&mut read, fleet);
            (fleet.reserved.clone(), fleet.models.clone(), fleet.slices.clone())
        }
        None => (BTreeMap::new(), BTreeMap::new(), BTreeMap::new()),
    };
    let at = read.planned_at.unwrap_or(settings.now);
    let utc = Zone::utc();
    let date = settings
        .from
        .unwrap_or_else(|| at.to_zoned(settings.zone.as_ref().unwrap_or(&utc).rules().clone()).date());
    let ground = Ground {
        before: &read.before,
        after: &read.after,
        reserved: &reserved,
        models: &models,
        slices: &slices,
        from: date,
        zone: settings.zone.as_ref(),
        home: input.fleet.as_ref().and_then(|fleet| fleet.zone.as_ref()),
    };
    let cards = cards(&read, &ground);
    let unplanned = beside::unplanned(input);
    let drift = beside::drift(input);
    let losses = loss::losses(&read, &beside::going(input));
    let tenants = tenant::tenants(&read);
    let mut remarks = look::remarks(&read, &cards, &tenants, &losses, &unplanned, &drift);
    remarks.extend(beside::checks(input));
    remarks.sort_by(|a, b| (a.kind, &a.subject).cmp(&(b.kind, &b.subject)));
    let (look, notes) = remarks.into_iter().partition(|remark| look::needs_a_person(remark.kind));
    Review {
        format_version: FORMAT_VERSION,
        planned_at: read.planned_at,
        counts: counts(input, &read, &unplanned),
        look,
        notes,
        losses,
        unplanned,
        cards,
        will_not: advice::will_not(&read, &tenants),
        rollback: advice::rollback(&read, &tenants),
        tenants,
        others: others(&read),
        drift,
    }
}

fn read<'i>(input: &'i Input, settings: &Settings) -> Read<'i> {
    let mut read = Read {
        seen: Vec::new(),
        before: Declared::default(),
        after: Declared::default(),
        uncounted: Vec::new(),
        planned_at: None,
        now: settings.now,
    };
    for stack in &input.stacks {
        let veil = Veil::of(&stack.plan);
        let made_at = stack.plan.timestamp.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
        read.planned_at = [read.planned_at, made_at].into_iter().flatten().min();
        for resource in stack.plan.resource_changes.iter().filter(|resource| resource.mode != "data") {
            let Change { before, after, before_sensitive, after_sensitive, .. } = &resource.change;
            let before = over(&veil, before, before_sensitive);
            let after = over(&veil, after, after_sensitive);
            let tenant = read.declare(resource, &before, &after);
            let action = action(resource);
            let (mut objects, objects_unknown) = match action {
                Some(Action::Replace) => fields::replaced_objects(&resource.change, &veil),
                // What is forgotten has no values after, and its objects stay.
                Some(Action::Forget) | None => (Vec::new(), false),
                Some(_) => fields::objects(&resource.change, &veil),
            };
            objects.iter_mut().for_each(|object| qualify(object, &resource.kind, &before));
            let fields = match action {
                Some(Action::Update | Action::Replace) => fields::attributes(&resource.change, &veil),
                _ => Vec::new(),
            };
            let stack = stack.name.as_str();
            read.seen.push(Seen {
                stack,
                resource,
                action,
                tenant,
                before,
                after,
                fields,
                objects,
                objects_unknown,
            });
        }
    }
    read.keep_what_stays();
    read
}

impl Read<'_> {
    /// Enters on the side after what Terraform lets go of, as it stays; who takes it up in another stack knows better.
    fn keep_what_stays(&mut self) {
        let mut stays = Declared::default();
        let forgotten = self.seen.iter().filter(|seen| seen.action == Some(Action::Forget));
        for seen in forgotten.filter(|seen| declares(seen.resource)) {
            // What cannot be read was told of the side before.
            let _ = enter(&seen.resource.kind, Values::new(&seen.before, &Value::Null), &mut stays);
        }
        self.after.add_missing(stays);
    }

    /// Enters what a resource declares on both sides. Answers whose it is.
    fn declare(&mut self, resource: &ResourceChange, before: &Value, after: &Value) -> Option<TenantId> {
        if !declares(resource) {
            return None;
        }
        let was = Values::new(before, &Value::Null);
        let is = Values::new(after, &resource.change.after_unknown);
        let mut whose = None;
        let mut problems = Vec::new();
        for (values, declared, there) in
            [(was, &mut self.before, !before.is_null()), (is, &mut self.after, !after.is_null())]
        {
            if !there {
                continue;
            }
            let entered = enter(&resource.kind, values, declared);
            match entered {
                Ok(tenant) => whose = tenant.or(whose),
                Err((tenant, why)) => {
                    whose = tenant.or(whose);
                    problems.push(why);
                }
            }
        }
        problems.dedup();
        for why in problems {
            self.uncounted.push(Remark {
                kind: RemarkKind::NotCounted,
                subject: resource.address.clone(),
                text: format!("{} is not counted as it stands: {why}.", resource.address),
            });
        }
        whose
    }
}

/// Whether it is a resource of which a card's days are made.
fn declares(resource: &ResourceChange) -> bool {
    matches!(resource.kind.as_str(), "gpu_card" | "gpu_vram_floor" | "gpu_windowed_service")
}

/// Says of an object's going or coming what its name alone does not.
fn qualify(object: &mut ObjectChange, kind: &str, before: &Value) {
    let (what, name) = object.object.split_once('/').unwrap_or(("", &object.object));
    let storage = before.get("storage").and_then(|storage| storage.get("deletion_policy"));
    let deletes = storage.and_then(Value::as_str) == Some("delete");
    let remark = match (what, object.action) {
        // The card's object is shared: a claim is one key of it.
        ("ConfigMap", Action::Create | Action::Delete)
            if kind == "gpu_vram_floor" && name.starts_with("card.") =>
        {
            "its entry"
        }
        ("Namespace", Action::Delete) => "if nothing else is in it",
        ("Namespace", Action::Create) => "if it is not there yet",
        ("PersistentVolumeClaim" | "PersistentVolume", Action::Delete) if !deletes => "stays with its data",
        _ => return,
    };
    object.object = format!("{} ({remark})", object.object);
}

/// The values as they may be shown; as they are where nothing is marked.
fn over<'v>(veil: &Veil, value: &'v Value, marks: &Value) -> Cow<'v, Value> {
    if veil.covers_nothing() { Cow::Borrowed(value) } else { Cow::Owned(veil.over(value, marks)) }
}

/// Two states that steer the same objects fight over them.
const TWICE: &str = "another resource declares the same, and only one of them can be right";

/// Enters one resource on one side. Answers whose it is, also with the reason
/// why it could not be entered.
fn enter(
    kind: &str,
    values: Values<'_>,
    declared: &mut Declared,
) -> Result<Option<TenantId>, (Option<TenantId>, String)> {
    match kind {
        "gpu_card" => {
            let card = values.card().map_err(|why| (None, why))?;
            match declared.cards.insert(card.name.clone(), card) {
                Some(_) => Err((None, TWICE.to_owned())),
                None => Ok(None),
            }
        }
        "gpu_vram_floor" => {
            let tenant = values.floor_id().map_err(|why| (None, why))?;
            let claimed = values.floor().map_err(|why| (Some(tenant.clone()), why))?;
            match declared.floors.insert(tenant.clone(), claimed) {
                Some(_) => Err((Some(tenant), TWICE.to_owned())),
                None => Ok(Some(tenant)),
            }
        }
        _ => {
            let tenant = values.service_id().map_err(|why| (None, why))?;
            let service = values.service().map_err(|why| (Some(tenant.clone()), why))?;
            match declared.services.insert(tenant.clone(), service) {
                Some(_) => Err((Some(tenant), TWICE.to_owned())),
                None => Ok(Some(tenant)),
            }
        }
    }
}

/// Adds what the plans do not speak of from the files: it stays as it is.
fn complete(read: &mut Read<'_>, fleet: &Fleet) {
    let mut tenants: BTreeSet<TenantId> = read.seen.iter().filter_map(|seen| seen.tenant.clone()).collect();
    for side in [&read.before, &read.after] {
        tenants.extend(side.floors.keys().chain(side.services.keys()).cloned());
    }
    let cards: BTreeSet<CardName> =
        read.before.cards.keys().chain(read.after.cards.keys()).cloned().collect();
    for side in [&mut read.before, &mut read.after] {
        side.fill_from(fleet, &|tenant| tenants.contains(tenant), &|card| cards.contains(card));
    }
}

/// What becomes of a resource; nothing where nothing does.
pub(super) fn action(resource: &ResourceChange) -> Option<Action> {
    let actions: Vec<&str> = resource.change.actions.iter().map(String::as_str).collect();
    match actions.as_slice() {
        ["create"] => Some(Action::Create),
        ["update"] => Some(Action::Update),
        ["delete"] => Some(Action::Delete),
        ["read"] => Some(Action::Read),
        ["forget"] => Some(Action::Forget),
        // `create, forget` replaces and leaves the old one where it is.
        [first, second] if *first != *second => Some(Action::Replace),
        _ if resource.change.importing.is_some() => Some(Action::Import),
        _ if resource.previous_address.is_some() => Some(Action::Move),
        ["no-op"] | [] => None,
        // A word of a newer Terraform: it is at least a change.
        _ => Some(Action::Update),
    }
}

fn cards(read: &Read<'_>, ground: &Ground<'_>) -> Vec<CardReview> {
    let actions: BTreeMap<&str, Action> = read
        .seen
        .iter()
        .filter(|seen| seen.resource.kind == "gpu_card")
        .filter_map(|seen| {
            let name = [&seen.after, &seen.before].into_iter().find_map(|side| side.get("name")?.as_str());
            Some((name?, seen.action?))
        })
        .collect();
    let review = |name: &CardName| CardReview {
        action: actions.get(name.as_str()).copied(),
        ..card::review(name, ground)
    };
    card::changed(ground).iter().map(review).collect()
}

fn counts(input: &Input, read: &Read<'_>, unplanned: &[Unplanned]) -> Counts {
    let mut resources = BTreeMap::new();
    let mut changed = BTreeSet::new();
    for seen in &read.seen {
        if let Some(action) = seen.action {
            *resources.entry(action).or_default() += 1;
            changed.insert(seen.stack);
        }
    }
    let stacks_unplanned = unplanned.iter().map(|it| it.stack.as_str()).collect::<BTreeSet<_>>().len();
    Counts { stacks: input.stacks.len(), stacks_changed: changed.len(), stacks_unplanned, resources }
}

/// Resources that change and belong to no tenant.
fn others(read: &Read<'_>) -> Vec<ResourceReview> {
    let lone = read.seen.iter().filter(|seen| seen.tenant.is_none());
    lone.filter_map(Seen::review).collect()
}

impl Seen<'_> {
    /// The resource as a page shows it, if anything becomes of it.
    pub(super) fn review(&self) -> Option<ResourceReview> {
        Some(ResourceReview {
            stack: self.stack.to_owned(),
            address: self.resource.address.clone(),
            action: self.action?,
            fields: self.fields.clone(),
            objects: self.objects.clone(),
            objects_unknown: self.objects_unknown,
        })
    }
}
