//! What the gate would decide for a tenant, and on what grounds: for people, changing nothing.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};
use tenancy::decide::{Decision, Rule, Situation, decide, used_by_resident};
use tenancy::declared::floor_key;
use tenancy::floor::{Basis, Floor};
use tenancy::gate::{GATE_CONFIG_KEY, GateConfig, OVERRIDE_ANNOTATION};
use tenancy::names::TenantId;
use tenancy::observation::{Demand, Sample, Trigger, Unknown};
use tenancy::quantity::Mib;
use tenancy::window::Schedule;

use crate::observe::api::{Api, ApiError};
use crate::observe::object::Object;
use crate::observe::{self, ObserveError, Scene, scrape};
use crate::report::{deeds, rule_name};
use sources::Through;

mod pods;
mod sources;

/// How many characters the picture of a card has.
const BAR: u64 = 40;

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// Nothing could be observed.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The gate's configuration could not be had.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// It is there and cannot be read.
    #[error(
        "the gate's configuration of {tenant} cannot be read: {why}. Apply its `gpu_windowed_service` again."
    )]
    Config {
        /// The tenant.
        tenant: TenantId,
        /// What is wrong in it.
        why: serde_json::Error,
    },
}

/// A decision with its grounds.
#[derive(Debug)]
pub struct Explanation {
    gate: GateConfig,
    scene: Scene,
    at: Timestamp,
    decision: Decision,
    /// What else the card's source could be, where its own does not answer.
    suggestions: Vec<String>,
    /// Whether the card's source can be asked by nobody here, so that its gate may well know the card.
    out_of_reach: bool,
    /// What the card's per-pod gauge says, where there is one and the device's source tells no pods apart.
    gauge: Option<pods::Gauge>,
}

/// Observes everything that a gate observes and decides as it would at a time,
/// which is now unless given. At another time the card is taken as it is now.
///
/// # Errors
/// Something that the decision rests on cannot be read.
pub async fn explain(
    api: &Api,
    tenant: &TenantId,
    at: Option<Timestamp>,
) -> Result<Explanation, ExplainError> {
    let config = observe::data(&api.get(&Object::gate_config(tenant)).await?);
    let config = config.get(GATE_CONFIG_KEY).map_or("", String::as_str);
    let gate: GateConfig =
        serde_json::from_str(config).map_err(|why| ExplainError::Config { tenant: tenant.clone(), why })?;
    let mut scene = observe::scene(api, &gate).await?;
    let (mut suggestions, mut out_of_reach) = (Vec::new(), false);
    if let (Err(direct), Ok(declared)) = (&scene.observation.device, &scene.card.declared) {
        let told = sources::through_the_api_server(api, &declared.card, scene.now, direct);
        let (told, others) = tokio::join!(told, sources::suggestions(api, &declared.card));
        let told = match told {
            Through::Asked(told) => {
                if told.is_err() {
                    suggestions = others;
                }
                told
            }
            Through::NoWay(unknown) => {
                out_of_reach = true;
                Err(unknown)
            }
        };
        scene.tell(tenant, told);
    }
    if matches!(scene.observation.demand, Demand::Unknown(_))
        && let Some(asked) = observe::demand::ask_through(api, &gate).await
    {
        (scene.observation.demand, scene.demand_said) = (asked.verdict, asked.said);
    }
    let tells_pods = scene.observation.device.as_ref().is_ok_and(|sample| sample.per_pod.is_some());
    let url = scene.card.declared.as_ref().ok().and_then(|declared| declared.card.source.pods.as_deref());
    let gauge = match url.filter(|_| !tells_pods) {
        Some(url) => Some(pods::ask(api, url).await),
        None => None,
    };
    let at = at.unwrap_or(scene.now);
    if let Ok(sample) = &mut scene.observation.device {
        sample.at = sample.at.checked_add(at.duration_since(scene.now)).unwrap_or(at);
    }
    let decision = decide(&Situation {
        now: at,
        trigger: Trigger::Guard,
        gate: gate.clone(),
        declared: scene.card.declared.clone(),
        ledger: scene.card.ledger.clone(),
        observation: scene.observation.clone(),
    });
    Ok(Explanation { gate, scene, at, decision, suggestions, out_of_reach, gauge })
}

impl Explanation {
    /// The gate's configuration.
    pub fn gate(&self) -> &GateConfig {
        &self.gate
    }

    /// Everything that was seen.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Whether the card's source cannot be asked from here, which says nothing of the card.
    pub fn out_of_reach(&self) -> bool {
        self.out_of_reach
    }

    /// The decision and its reason, in one sentence or two.
    pub fn verdict(&self) -> String {
        format!(
            "rule {} ({}): {}",
            self.decision.rule.number(),
            rule_name(self.decision.rule),
            self.decision.reason
        )
    }

    /// The explanation as a small table, with colours where wanted.
    pub fn render(&self, colours: bool) -> String {
        let paint = |code: &str, text: &str| match colours {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        };
        let place = match &self.scene.card.declared {
            Ok(declared) => format!("card {} (node {})", declared.card.name, declared.card.node),
            Err(_) => "a card that cannot be read".to_owned(),
        };
        let mut text = format!(
            "{} on {place} at {}\n\n",
            paint("1", &self.gate.tenant.to_string()),
            self.at.strftime("%a %Y-%m-%d %H:%M:%S UTC")
        );
        for (name, value) in self.rows() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {}  {value}", paint("2", &format!("{name:<9}")));
        }
        let verdict = format!("rule {} ({})", self.decision.rule.number(), rule_name(self.decision.rule));
        let _ = writeln!(text, "\n  {}: {}", paint("1", &verdict), self.decision.reason);
        let deeds = deeds(&self.decision);
        if !deeds.is_empty() {
            let _ = writeln!(text, "  It would: {}.", deeds.join(", "));
        }
        text
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        if self.at != self.scene.now {
            let now = self.scene.now.strftime("%a %H:%M:%S UTC");
            rows.push(("note", format!("only the clock is another: all below is as it is now, {now}")));
        }
        match &self.scene.observation.device {
            Ok(sample) => rows.extend(self.device(sample)),
            Err(unknown) if self.out_of_reach => {
                rows.push(("card", format!("not known from here: {}", unknown.reason)));
                rows.push(("", "its gate asks from inside the cluster, and may well know it".to_owned()));
            }
            Err(unknown) => rows.push(("card", format!("unknown: {}", unknown.reason))),
        }
        rows.extend(self.gauge.iter().flat_map(pods::Gauge::rows));
        rows.extend(self.suggestions.iter().map(|source| ("try", source.clone())));
        rows.push(("floor", self.floor()));
        rows.extend(self.schedule());
        rows.extend(self.demand());
        rows.push(("ledger", self.ledger()));
        rows.extend(self.last_look());
        rows.extend(self.others());
        rows.extend(self.residents());
        rows.push(("pods", self.pods()));
        if let Some(annotation) = self.scene.observation.override_annotation() {
            rows.push(("by hand", format!("{OVERRIDE_ANNOTATION}={annotation}")));
        }
        rows
    }

    fn device(&self, sample: &Sample) -> Vec<(&'static str, String)> {
        let own = self.own_mib(sample);
        let figures = format!(
            "{} free of {}; {} used, {} kept by the driver",
            sample.free_mib, sample.total_mib, sample.used_mib, sample.reserved_mib
        );
        let mut rows = vec![("card", bar(sample, own)), ("", figures)];
        if let Ok(declared) = &self.scene.card.declared {
            let age = span(self.at.duration_since(sample.at));
            rows.push(("", format!("seen {age} ago at {}", scrape::url(&declared.card))));
        }
        for (pod, mib) in sample.per_pod.iter().flatten() {
            rows.push(("", format!("{mib} held by {}/{}", pod.namespace, pod.pod)));
        }
        rows
    }

    /// What the tenant's own pods hold, as far as the page says.
    fn own_mib(&self, sample: &Sample) -> Mib {
        let is_own = |name: &str| self.scene.observation.pods.iter().flatten().any(|pod| pod.name == name);
        let held = sample.per_pod.iter().flatten();
        let own = held.filter(|(pod, _)| pod.namespace == self.gate.tenant.namespace && is_own(&pod.pod));
        Mib(own.map(|(_, mib)| mib.0).sum())
    }

    fn floor(&self) -> String {
        let declared = match &self.scene.card.declared {
            Ok(declared) => declared,
            Err(unknown) => return format!("unknown: {}", unknown.reason),
        };
        let Some(floor) = declared.floors.get(&self.gate.tenant) else {
            return match declared.unreadable.get(&floor_key(&self.gate.tenant)) {
                Some(why) => format!("cannot be read: {why}"),
                None => "none is entered on this card".to_owned(),
            };
        };
        let Floor { peak_mib, headroom_mib, .. } = floor;
        let basis = match &floor.basis {
            Basis::Guessed => "guessed",
            Basis::Measured { .. } => "measured",
        };
        format!("{} = peak {peak_mib} ({basis}) + headroom {headroom_mib}", floor.floor_mib())
    }

    fn schedule(&self) -> Vec<(&'static str, String)> {
        let windows = match &self.gate.schedule {
            Schedule::Always => return vec![("schedule", "always".to_owned())],
            Schedule::OnDemand => return vec![("schedule", "on demand".to_owned())],
            Schedule::Windows(windows) => windows,
        };
        windows
            .iter()
            .map(|(name, window)| {
                let when = match (window.open_at(self.at), window.next_after(self.at)) {
                    (Some(open), _) => {
                        format!("open, closes in {}", span(open.closes.duration_since(self.at)))
                    }
                    (None, Some(next)) => format!("opens in {}", span(next.opens.duration_since(self.at))),
                    (None, None) => "does not open within nine days".to_owned(),
                };
                ("window", format!("{name} {window}: {when}"))
            })
            .collect()
    }

    /// Whether there is work, where anybody is asked.
    fn demand(&self) -> Option<(&'static str, String)> {
        let said = self.scene.demand_said.as_deref().unwrap_or_default();
        let told = match &self.scene.observation.demand {
            Demand::NotAsked => return None,
            Demand::Yes => format!("work: {said}"),
            Demand::No => format!("no work: {said}"),
            Demand::Unknown(Unknown { reason }) => format!("unknown: {reason}"),
        };
        Some(("demand", told))
    }

    fn ledger(&self) -> String {
        let tenant = &self.gate.tenant;
        let ledger = match &self.scene.card.ledger {
            Ok(ledger) => ledger,
            Err(unknown) => return format!("cannot be read: {}", unknown.reason),
        };
        if let Some(why) = ledger.unreadable.get(&tenant.key()) {
            return format!("its key cannot be read: {why}");
        }
        match ledger.get(tenant) {
            None => "no entry: asleep".to_owned(),
            Some(entry) if entry.since == Timestamp::UNIX_EPOCH => entry.state.to_string(),
            Some(entry) => {
                format!("{} for {}", entry.state, span(self.scene.now.duration_since(entry.since)))
            }
        }
    }

    /// When the gate itself looked last: an explanation says what it would do, and not that it comes to it.
    fn last_look(&self) -> Option<(&'static str, String)> {
        let tenant = &self.gate.tenant;
        let ledger = self.scene.card.ledger.as_ref().ok()?;
        if self.gate.suspend || ledger.is_unreadable(tenant) {
            return None;
        }
        let look = format!("kubectl -n {} get cronjobs,jobs,pods", tenant.namespace);
        let entry = ledger.get(tenant);
        let Some((entry, status)) = entry.and_then(|entry| Some((entry, entry.status.as_ref()?))) else {
            return Some((
                "gate",
                format!("has not looked yet, and does so each half hour at the least: {look}"),
            ));
        };
        let age = self.scene.now.duration_since(status.at);
        let assumed_s = self.gate.timing.guard_interval_s;
        let said = if entry.silent_for_s(self.scene.now, assumed_s).is_some() {
            let every = SignedDuration::from_secs(status.looks_every_s.unwrap_or(assumed_s).into());
            format!("looked {} ago, and should every {}: {look}", span(age), span(every))
        } else {
            format!("looked {} ago: {}", span(age), rule_name(status.rule))
        };
        Some(("gate", said))
    }

    /// Who else is entered on the card.
    fn others(&self) -> Vec<(&'static str, String)> {
        let floors = self.scene.card.declared.as_ref().ok().map(|declared| &declared.floors);
        let entries = self.scene.card.ledger.iter().flat_map(|ledger| ledger.entries());
        entries
            .filter(|(tenant, _)| **tenant != self.gate.tenant)
            .map(|(tenant, entry)| {
                let peak = floors
                    .and_then(|floors| floors.get(tenant))
                    .map(|floor| format!(", peak {}", floor.peak_mib));
                ("beside it", format!("{tenant} {}{}", entry.state, peak.unwrap_or_default()))
            })
            .collect()
    }

    /// What would be free once everybody whose room is kept had taken it, this tenant too where it is let in now.
    fn would_be_free(&self) -> Option<Mib> {
        let sample = self.scene.observation.device.as_ref().ok()?;
        let owed = self.decision.status.as_ref()?.owed_mib?;
        let floors = &self.scene.card.declared.as_ref().ok()?.floors;
        let own = match self.decision.rule {
            Rule::Admitted => floors.get(&self.gate.tenant)?.peak_mib,
            _ => Mib(0),
        };
        Some(Mib(sample.free_mib.0.saturating_sub(owed.0.saturating_add(own.0))))
    }

    /// The declared residents, and what each may still take. What nobody keeps for one it takes
    /// from what is free, and runs out of memory where that is less.
    fn residents(&self) -> Vec<(&'static str, String)> {
        let Ok(declared) = &self.scene.card.declared else { return Vec::new() };
        let sample = self.scene.observation.device.as_ref().ok();
        let room = self.would_be_free();
        let residents = declared.card.residents.iter().map(|(name, resident)| {
            let held = sample.and_then(|sample| used_by_resident(sample, resident, declared));
            let holds = held.map_or("holds what is not known".to_owned(), |held| format!("holds {held}"));
            let may = match (resident.peak_mib, held) {
                (None, _) => "may take any amount, as it has no peak".to_owned(),
                (Some(peak), None) => format!("may take up to its peak of {peak}"),
                (Some(peak), Some(held)) => {
                    format!("may take {} more", Mib(peak.0.saturating_sub(held.0)))
                }
            };
            let wants = resident.peak_mib.map(|peak| Mib(peak.0.saturating_sub(held.map_or(0, |it| it.0))));
            let kept = match (resident.protected, room, wants) {
                (true, ..) => "kept for it".to_owned(),
                (false, Some(room), Some(wants)) if wants > room => {
                    format!("not protected; {room} would be free for it, so it may run out of memory")
                }
                (false, Some(room), _) => format!("not protected; {room} would be free for it"),
                (false, None, _) => "not protected".to_owned(),
            };
            ("resident", format!("{name} {holds}, {may} ({kept})"))
        });
        residents.collect()
    }

    fn pods(&self) -> String {
        let seen = match &self.scene.observation.pods {
            Ok(pods) => pods,
            Err(unknown) => return format!("unknown: {}", unknown.reason),
        };
        let pods: Vec<String> = seen
            .iter()
            .map(|pod| {
                let state = match (&pod.waiting, pod.deleting, pod.ready, pod.admitted) {
                    (_, true, _, _) => "going",
                    (_, _, true, _) => "ready",
                    (Some(why), ..) => why,
                    (None, _, _, true) => "loading",
                    (None, _, _, false) => "not admitted",
                };
                format!("{}: {state}", pod.name)
            })
            .collect();
        match (pods.is_empty(), &self.scene.observation.deployment) {
            (true, Some(deployment)) => format!("none; replicas {}", deployment.replicas),
            (true, None) => "none; no Deployment".to_owned(),
            (false, _) => pods.join("; "),
        }
    }
}

/// A card as a bar: `█` the tenant, `▓` others, `▒` the driver, `░` free. Where
/// the page does not say who holds what, `▓` is everybody.
fn bar(sample: &Sample, own: Mib) -> String {
    let cells =
        |mib: u64| usize::try_from((mib * BAR).div_ceil(sample.total_mib.0.max(1)).min(BAR)).unwrap_or(0);
    let others = sample.used_mib.0.saturating_sub(own.0);
    let mut bar = String::new();
    for (mib, mark) in [(own.0, "█"), (others, "▓"), (sample.reserved_mib.0, "▒")] {
        bar.push_str(&mark.repeat(cells(mib)));
    }
    let room = usize::try_from(BAR).unwrap_or(0);
    let bar: String = bar.chars().chain("░".repeat(room).chars()).take(room).collect();
    match sample.per_pod {
        Some(_) => format!("{bar}  █ it, ▓ others, ▒ driver, ░ free"),
        None => format!("{bar}  ▓ used (the page does not say by whom), ▒ driver, ░ free"),
    }
}

/// A length of time in its two largest units.
fn span(duration: SignedDuration) -> String {
    // To the nearest second: an hour less a millisecond is an hour to people.
    let seconds = (duration.as_millis().max(0) + 500) / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
