//! The rules of one tenant file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tenancy::card::Card;
use tenancy::card::model::CardModel;
use tenancy::demand::{DemandProbe, DemandSource};
use tenancy::duration::Seconds;
use tenancy::floor::Floor;
use tenancy::gate::{Timing, UnloadCall};
use tenancy::names::{CardName, HostName, LabelKey, LabelValue, TenantId, TenantName, WindowName};
use tenancy::quantity::Mib;
use tenancy::tenant::{ConfigMode, Gate, Pod, Tenant, Toleration, TopologySpread};
use tenancy::window::{Schedule, Window};
use tenancy::{defaults as d, tenant};

use super::peak;
use super::{TenantFile, bounds, located, metadata, of_domain, server, storage, volumes};
use crate::fleet::{Claim, Lifecycle, Stack};
use crate::layer;
use crate::leaf::Device;
use crate::problem::{Place, Problem, Problems};
use crate::raw::{RawDefaults, RawTenant, RawToleration, RawWindow};
use crate::read::{At, Entries};

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
    let schedule = schedule(raw, defaults, check);
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
    let unload = if called { unload(raw, &server) } else { None };
    let demand = if on_cpu { None } else { demand(raw, check) };
    let pauses = raw.pauses.iter().flatten().filter(|_| !on_cpu).map(|target| target.value.clone());
    let pod = pod(raw, defaults, card, check);
    let tenant = Tenant {
        id,
        schedule,
        suspend: raw.suspend.as_ref().is_some_and(|suspend| suspend.value),
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
            image: agent_image(raw, defaults),
            timing: timing(raw),
            pauses: pauses.collect(),
            unload,
            demand,
        },
        pod_patch: raw.pod_patch.as_ref().map(|patch| patch.0.clone()),
        handed_over: raw.hand_over.iter().flatten().map(|field| field.value.clone()).collect(),
        server,
    };
    check.domain(tenant.check());
    Some(Stack { claim, tenant, config_files, lifecycle: lifecycle(raw) })
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
            Some(format!(" Seen: {}, {} ({}).", memory.spelled(), figure.what.value, figure.source.value))
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
        always: *schedule == Schedule::Always,
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

fn schedule(raw: &RawTenant, defaults: &RawDefaults, check: &mut Check<'_>) -> Option<Schedule> {
    const ACCEPTED: &str = "Give `windows`, or say `always: true`, or `on_demand: true` with `demand`.";
    let said = |flag: &Option<At<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    match (&raw.windows, said(&raw.always), said(&raw.on_demand)) {
        (Some(raw), false, false) => windows(raw, defaults, check).map(Schedule::Windows),
        (None, true, false) => Some(Schedule::Always),
        (None, false, true) => Some(Schedule::OnDemand),
        (None, false, false) => {
            check.refuse(check.file.node.place.start(), "the tenant is never awake", ACCEPTED);
            None
        }
        (_, always, _) => {
            let second = if always { "always" } else { "on_demand" };
            check.refuse_at(second, "the tenant has more than one schedule", ACCEPTED);
            None
        }
    }
}

fn windows(
    raw: &Entries<WindowName, RawWindow>,
    defaults: &RawDefaults,
    check: &mut Check<'_>,
) -> Option<BTreeMap<WindowName, Window>> {
    if raw.0.is_empty() {
        check.refuse_at("windows", "the tenant has no window", "Give at least one, by name.");
        return None;
    }
    let read: Vec<Option<(WindowName, Window)>> = raw
        .0
        .iter()
        .map(|(name, raw)| {
            let Some(zone) = raw.time_zone.as_ref().or(defaults.time_zone.as_ref()) else {
                check.refuse(
                    name.place.clone(),
                    "the window has no time zone",
                    "Give `time_zone: Europe/London`, here or for all under `defaults:` in fleet.yaml.",
                );
                return None;
            };
            let days = raw.days.iter().flatten().map(|day| day.value).collect();
            match Window::new(raw.start.value, raw.end.value, days, zone.value.clone()) {
                Ok(window) => Some((name.value.clone(), window)),
                Err(why) => {
                    check.refuse(
                        raw.end.place.clone(),
                        format!("{:?} is not a window: {}", why.value, why.reason),
                        &why.accepted,
                    );
                    None
                }
            }
        })
        .collect();
    read.into_iter().collect()
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

/// The tenant's own image of gpu-agent, the fleet's, or that of this release,
/// which is the provider's too.
fn agent_image(raw: &RawTenant, defaults: &RawDefaults) -> String {
    let named = raw.agent_image.as_ref().or(defaults.agent_image.as_ref());
    named.map_or_else(|| d::AGENT_IMAGE.to_owned(), |image| image.value.clone())
}

fn unload(raw: &RawTenant, server: &tenant::Server) -> Option<UnloadCall> {
    let unload = raw.unload.as_ref()?;
    let port = match &unload.port {
        Some(port) => port.0,
        None => *server.ports.get(&server.main_port)?,
    };
    Some(UnloadCall {
        method: unload.method.as_ref().map_or(d::UNLOAD_METHOD, |method| method.0).to_owned(),
        path: unload.path.value.clone(),
        port,
        body: unload.body.as_ref().map(|body| body.0.clone()),
        timeout_s: unload.timeout.as_ref().map_or(d::UNLOAD_TIMEOUT_S, |timeout| timeout.0),
    })
}

fn demand(raw: &RawTenant, check: &mut Check<'_>) -> Option<DemandProbe> {
    let demand = raw.demand.as_ref()?;
    let source = match (&demand.http, &demand.prometheus) {
        (Some(http), None) => {
            DemandSource::Http { url: http.url.value.clone(), json_path: http.json_path.value.clone() }
        }
        (None, Some(prometheus)) => DemandSource::Prometheus {
            url: prometheus.url.value.clone(),
            query: prometheus.query.value.clone(),
        },
        (None, None) => {
            check.refuse_at("demand", "it does not say whom to ask", "Give `http` or `prometheus`.");
            return None;
        }
        (Some(_), Some(_)) => {
            check.refuse_at("demand", "it asks twice", "Give one of `http` and `prometheus`.");
            return None;
        }
    };
    let idle_after_s = demand.idle_after.as_ref().map_or(d::IDLE_AFTER_S, |length| length.0);
    Some(DemandProbe { source, idle_after_s })
}

fn timing(raw: &RawTenant) -> Timing {
    let mut timing = Timing::default();
    let own = raw.timing.as_ref();
    let bounds: [(&mut u32, Option<&At<Seconds>>); 9] = [
        (&mut timing.guard_interval_s, raw.guard_interval.as_ref()),
        (&mut timing.grace_period_s, raw.grace_period.as_ref()),
        (&mut timing.start_estimate_s, own.and_then(|own| own.start_estimate.as_ref())),
        (&mut timing.useful_minimum_s, own.and_then(|own| own.useful_minimum.as_ref())),
        (&mut timing.shortage_grace_s, own.and_then(|own| own.shortage_grace.as_ref())),
        (&mut timing.unknown_hold_s, own.and_then(|own| own.unknown_hold.as_ref())),
        (&mut timing.pending_limit_s, own.and_then(|own| own.pending_limit.as_ref())),
        (&mut timing.loading_limit_s, own.and_then(|own| own.loading_limit.as_ref())),
        (&mut timing.backoff_s, own.and_then(|own| own.backoff.as_ref())),
    ];
    for (bound, given) in bounds {
        if let Some(given) = given {
            *bound = given.0;
        }
    }
    timing
}

fn pod(raw: &RawTenant, defaults: &RawDefaults, card: Option<&Card>, check: &mut Check<'_>) -> Option<Pod> {
    // The fleet's tolerations are for the nodes of its cards.
    let of_fleet = card.and(defaults.tolerations.as_deref());
    let tolerations: &[RawToleration] = raw.tolerations.as_deref().or(of_fleet).unwrap_or_default();
    let secrets = raw.image_pull_secrets.as_ref().or(defaults.image_pull_secrets.as_ref());
    let class = raw.priority_class.as_ref().or(defaults.priority_class.as_ref());
    Some(Pod {
        node_selector: node_selector(raw, card, check)?,
        tolerations: tolerations.iter().map(toleration).collect(),
        affinity: raw.affinity.as_ref().map(|affinity| affinity.0.clone()),
        topology_spread: topology_spread(raw),
        runtime_class: raw.runtime_class.as_ref().map(|class| class.value.clone()),
        host_aliases: host_aliases(raw),
        priority_class: class.map(|class| class.value.clone()),
        image_pull_secrets: secrets
            .iter()
            .flat_map(|all| all.iter())
            .map(|secret| secret.value.clone())
            .collect(),
        security_context: raw.pod_security_context.as_ref().map(|context| context.0.clone()),
    })
}

fn topology_spread(raw: &RawTenant) -> BTreeMap<LabelKey, TopologySpread> {
    let each = raw.topology_spread.iter().flat_map(|all| &all.0);
    each.map(|(key, raw)| {
        let labels = raw.match_labels.0.iter().map(|(key, value)| (key.value.clone(), value.value.clone()));
        let spread = TopologySpread {
            max_skew: raw.max_skew.as_ref().map_or(d::MAX_SKEW, |skew| skew.value),
            required: raw.when_unsatisfiable.as_ref().is_none_or(|when| when.required),
            match_labels: labels.collect(),
        };
        (key.value.clone(), spread)
    })
    .collect()
}

fn host_aliases(raw: &RawTenant) -> BTreeMap<IpAddr, BTreeSet<HostName>> {
    let each = raw.host_aliases.iter().flat_map(|all| &all.0);
    each.map(|(address, names)| (address.value, names.iter().map(|name| name.value.clone()).collect()))
        .collect()
}

/// The tenant's own selector, or the card's node: a slice of another card
/// would be accepted by the scheduler and watched by nobody.
fn node_selector(
    raw: &RawTenant,
    card: Option<&Card>,
    check: &mut Check<'_>,
) -> Option<BTreeMap<LabelKey, LabelValue>> {
    if let Some(selector) = &raw.node_selector {
        let entries = selector.0.iter();
        return Some(entries.map(|(key, value)| (key.value.clone(), value.value.clone())).collect());
    }
    let Some(card) = card else {
        // On the CPU any node will do; with a card that there is not, the file is refused anyway.
        return Some(BTreeMap::new());
    };
    let (key, node) = ("kubernetes.io/hostname".parse().ok()?, &card.node);
    match node.as_str().parse() {
        Ok(value) => Some(BTreeMap::from([(key, value)])),
        Err(_) => {
            let reason = format!("the node's name {node} is too long for the label kubernetes.io/hostname");
            let place = located(&check.file.node, &["card"]);
            check.refuse(place, reason, "Give `node_selector` with a label that the node has.");
            None
        }
    }
}

pub(super) fn toleration(raw: &RawToleration) -> Toleration {
    Toleration {
        key: raw.key.as_ref().map(|key| key.value.clone()),
        operator: raw.operator.as_ref().map(|operator| operator.0.to_owned()),
        value: raw.value.as_ref().map(|value| value.value.clone()),
        effect: raw.effect.as_ref().map(|effect| effect.0.to_owned()),
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
