//! The rules of one tenant file.

use std::collections::BTreeMap;

use tenancy::card::Card;
use tenancy::card::model::CardModel;
use tenancy::floor::Floor;
use tenancy::names::{CardName, TenantId, TenantName};
use tenancy::quantity::Mib;
use tenancy::tenant::{ConfigMode, Gate, Tenant};
use tenancy::window::Schedule;

use super::{TenantFile, bounds, gate, located, metadata, of_domain, peak, pod, server, storage, volumes};
use crate::fleet::{Claim, Lifecycle, Stack};
use crate::layer;
use crate::leaf::{Device, Verified};
use crate::problem::{Place, Problem, Problems};
use crate::raw::{RawDefaults, RawTenant};
use crate::read::At;

/// One file's part of the validation: the file, and where its problems go.
pub(super) struct Check<'c> {
    pub(super) file: &'c TenantFile,
    pub(super) problems: &'c mut Problems,
}

impl Check<'_> {
    pub(super) fn refuse(&mut self, place: Place, reason: impl Into<String>, accepted: &str) {
        self.problems.push(Problem::at(place, reason).accepted(accepted));
    }

    /// Records what the domain found wrong with this tenant.
    fn domain(&mut self, found: Vec<tenancy::check::Problem>) {
        for problem in found {
            self.problems.push(of_domain(&problem, &self.file.node, &[]));
        }
    }

    /// Refuses what stands under a key of the file.
    pub(super) fn refuse_at(&mut self, key: &str, reason: impl Into<String>, accepted: &str) {
        self.refuse(located(&self.file.node, &[key]), reason, accepted);
    }
}

/// What a tenant file is judged by beside itself.
pub(super) struct Surroundings<'f> {
    pub(super) defaults: &'f RawDefaults,
    pub(super) cards: &'f BTreeMap<CardName, Card>,
    pub(super) models: &'f BTreeMap<CardName, &'static CardModel>,
}

/// The tenant with its claim, unless something in its file is wrong.
pub(super) fn stack(file: &TenantFile, fleet: &Surroundings<'_>, problems: &mut Problems) -> Option<Stack> {
    let raw = &file.raw;
    let defaults = fleet.defaults;
    let on_cpu = file.implied.device == Device::Cpu;
    let check = &mut Check { file, problems };
    // Every part is judged before the first that failed ends the file.
    let name = name(check);
    let schedule = gate::schedule(raw, defaults, check);
    let claimed = if on_cpu { None } else { Some(claimed(raw, fleet, check)) };
    let server = server::server(raw, check);
    let storage = storage::storage(raw, check);
    let volumes = volumes::volumes(raw, check);
    let (config, config_files) = storage::config(raw, check);
    let id = TenantId { namespace: raw.namespace.value.clone(), name: name? };
    // Nobody waits for a CPU, so no gate watches it: its schedule is for the way back.
    let schedule = if on_cpu { schedule.map(|_| Schedule::Always) } else { schedule };
    let (schedule, server) = (schedule?, server?);
    let claim = match claimed {
        None => None,
        Some(claimed) => Some(claim(claimed?, &id, &schedule, fleet, check)),
    };
    let card = claim.as_ref().and_then(|claim| fleet.cards.get(&claim.card));
    let sidecars = server::sidecars(raw);
    let service = server::service(raw, &server, &sidecars, check);
    // Without a gate there is nobody to make room or to ask for memory back. A call that the file
    // itself wants is refused below.
    let called = schedule != Schedule::Always || (!on_cpu && layer::get(&file.own, "unload").is_some());
    let unload = if called { gate::unload(raw, &server) } else { None };
    let demand = if on_cpu { None } else { gate::demand(raw, check) };
    let pauses = raw.pauses.iter().flatten().filter(|_| !on_cpu).map(|target| target.value.clone());
    let pod = pod::pod(raw, defaults, card, check);
    let source_secret =
        card.filter(|_| schedule != Schedule::Always).and_then(|card| card.source.secret.clone());
    let tenant = Tenant {
        id,
        schedule,
        suspend: is_suspended(raw),
        service: service?,
        storage: storage?,
        volumes: volumes?,
        shm_size: raw.shm_size.as_ref().map(|size| size.value),
        config: config?,
        config_mode: raw.config_mode.as_ref().map_or_else(ConfigMode::default, |mode| mode.value),
        init_containers: server::init_containers(raw),
        prefetch: server::prefetch(raw),
        sidecars,
        evictable: raw.evictable.as_ref().is_none_or(|flag| flag.value),
        quota: server::values(&raw.quota),
        network: bounds::network(raw),
        pod: pod?,
        metadata: metadata(defaults, raw),
        gate: Gate {
            image: gate::agent_image(raw, defaults),
            timing: gate::timing(raw),
            pauses: pauses.collect(),
            unload,
            demand,
            source_secret,
        },
        pod_patch: raw.pod_patch.as_ref().map(|patch| patch.0.clone()),
        handed_over: raw.hand_over.iter().flatten().map(|field| field.value.clone()).collect(),
        server,
    };
    check.domain(tenant.check());
    Some(Stack { claim, tenant, config_files, lifecycle: lifecycle(raw) })
}

fn is_suspended(raw: &RawTenant) -> bool {
    raw.suspend.as_ref().is_some_and(|suspend| suspend.value)
}

/// The card, peak and headroom of a tenant that is to live on a card.
struct Claimed<'r> {
    card: &'r At<CardName>,
    peak: &'r At<Mib>,
    headroom: Mib,
}

fn claimed<'r>(raw: &'r RawTenant, fleet: &Surroundings<'_>, check: &mut Check<'_>) -> Option<Claimed<'r>> {
    let start = check.file.node.place.start();
    if raw.card.is_none() {
        let known: Vec<&str> = fleet.cards.keys().map(CardName::as_str).collect();
        let accepted = format!("Give `card:`, one of {}, or say `device: cpu`.", known.join(", "));
        check.refuse(start.clone(), "the tenant names no card", &accepted);
    }
    if raw.peak.is_none() {
        let accepted = format!("Give `peak:`, the most video memory it ever holds.{}", figures(check.file));
        check.refuse(start, "the tenant has no peak", &accepted);
    }
    let headroom = headroom(raw, fleet.defaults, check);
    precision(raw, fleet, check);
    Some(Claimed { card: raw.card.as_ref()?, peak: raw.peak.as_ref()?, headroom: headroom? })
}

/// What the catalogue knows of a server's memory, as sentences behind another.
fn figures(file: &TenantFile) -> String {
    let figures = file.implied.entry.iter().flat_map(|entry| entry.raw.figures.iter().flatten());
    figures
        .filter_map(|figure| {
            let memory = figure.memory.as_ref()?.value;
            let checked = Verified::shown(figure.verified.as_ref().map(|checked| checked.value));
            let (what, source) = (&figure.what.value, &figure.source.value);
            Some(format!(" Seen: {}, {what} ({checked}: {source}).", memory.spelled()))
        })
        .collect()
}

fn claim(
    claimed: Claimed<'_>,
    id: &TenantId,
    schedule: &Schedule,
    fleet: &Surroundings<'_>,
    check: &mut Check<'_>,
) -> Claim {
    let basis = peak::basis(check);
    let read = peak::read(check);
    let raw = &check.file.raw;
    let floor = Floor {
        tenant: id.clone(),
        peak_mib: claimed.peak.value,
        basis,
        headroom_mib: claimed.headroom,
        priority: raw.priority.as_ref().map_or(0, |priority| priority.value),
        // Gates keep the room of whoever is always awake without a look at his pod, and one that is suspended has none.
        always: *schedule == Schedule::Always && !is_suspended(raw),
    };
    check.domain(floor.check());
    let card = fleet.cards.get(&claimed.card.value);
    check.domain(card.map(|card| floor.check_on(card)).unwrap_or_default());
    Claim { card: claimed.card.value.clone(), floor, read }
}

/// A card that cannot compute what the server computes in: it would fail when
/// it loads, or be slower than without a card.
fn precision(raw: &RawTenant, fleet: &Surroundings<'_>, check: &mut Check<'_>) {
    let implied = &check.file.implied;
    let Some(card) = &raw.card else { return };
    let (Some(model), Some(precision)) =
        (fleet.models.get(&card.value), implied.computes_in(&check.file.node))
    else {
        return;
    };
    let Err(why) = model.computes(precision) else { return };
    let common = implied.common(model);
    let accepted = match common.as_slice() {
        [] => "Choose another card.".to_owned(),
        some => format!("Say `precision:` {}, or choose another card.", some.join(" or ")),
    };
    let (place, reason) = match (&implied.precision, &implied.entry) {
        (Some(given), _) => (given.place.clone(), why),
        (None, Some(entry)) => {
            let told = format!("{} computes in {precision} here, and {why}", entry.raw.title.value);
            (card.place.clone(), told)
        }
        (None, None) => return,
    };
    check.refuse(place, reason, &accepted);
}

fn name(check: &mut Check<'_>) -> Option<TenantName> {
    let stem = &check.file.stem;
    if let Some(name) = &check.file.raw.name {
        return Some(name.value.clone());
    }
    match stem.parse() {
        Ok(name) => Some(name),
        Err(why) => {
            let reason = format!("the file's name cannot be the tenant's: {}", why.reason);
            let problem = Problem::with_path(&*check.file.source.path, reason);
            check.problems.push(problem.accepted("Rename the file, or give `name:` in it."));
            None
        }
    }
}

fn headroom(raw: &RawTenant, defaults: &RawDefaults, check: &mut Check<'_>) -> Option<Mib> {
    match raw.headroom.as_ref().or(defaults.headroom.as_ref()) {
        Some(headroom) => Some(headroom.value),
        None => {
            let start = check.file.node.place.start();
            check.refuse(
                raw.peak.as_ref().map_or(start, |peak| peak.place.clone()),
                "the tenant has a peak and no headroom",
                "Give `headroom: 2GiB`, here or for all under `defaults:` in fleet.yaml.",
            );
            None
        }
    }
}

fn lifecycle(raw: &RawTenant) -> Lifecycle {
    let timeouts = raw.timeouts.iter().flat_map(|timeouts| {
        [("create", &timeouts.create), ("update", &timeouts.update), ("delete", &timeouts.delete)]
    });
    Lifecycle {
        wait: raw.wait.as_ref().map(|wait| wait.value),
        adopt: raw.adopt.iter().flatten().map(|object| object.value.clone()).collect(),
        adopt_claim: raw.adopt_claim.iter().flatten().map(|object| object.value.clone()).collect(),
        timeouts: timeouts.filter_map(|(what, length)| Some((what, length.as_ref()?.value))).collect(),
    }
}
