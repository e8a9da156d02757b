//! What was seen, and what it says. Pure.

use std::fmt::Write as _;

use jiff::Timestamp;
use tenancy::defaults::ATTRIBUTION_TOLERANCE_MIB;
use tenancy::gate::OVERRIDE_ANNOTATION;
use tenancy::ledger::State;
use tenancy::measured::rounded;
use tenancy::names::{Namespace, TenantId};
use tenancy::observation::{PodKey, Sample, Unknown};
use tenancy::quantity::Mib;

use super::{Driven, whole_seconds};

/// One look at the card and the tenant.
#[derive(Debug, Clone)]
pub struct Look {
    /// When.
    pub now: Timestamp,
    /// The card's figures, or why there are none.
    pub device: Result<Sample, Unknown>,
    /// Whether that is only because nobody here can ask the card's source.
    pub out_of_reach: bool,
    /// The tenant's pods.
    pub pods: Vec<String>,
    /// Their namespace.
    pub namespace: Namespace,
    /// How the ledger has the tenant, where it can be read.
    pub state: Option<State>,
    /// The other tenants of the card that are not asleep.
    pub others: Vec<(TenantId, State)>,
    /// What could not be read beside the card's figures.
    pub unseen: Option<String>,
    /// The peak that it claims.
    pub claim: Option<Mib>,
    /// The override that a hand left on the Deployment.
    pub override_annotation: Option<String>,
    /// How long a start may take.
    pub start_limit_s: u64,
}

impl Look {
    /// What the tenant's pods hold, where the source says it of pods. A pod that
    /// is not listed is not known to hold nothing.
    fn own(&self) -> Option<Mib> {
        let pods = self.device.as_ref().ok()?.per_pod.as_ref()?;
        let is_own = |key: &PodKey| key.namespace == self.namespace && self.pods.contains(&key.pod);
        let own = pods.iter().filter(|(key, _)| is_own(key)).map(|(_, mib)| mib.0);
        own.reduce(u64::saturating_add).map(Mib)
    }

    fn tells_pods_apart(&self) -> bool {
        self.device.as_ref().is_ok_and(|sample| sample.per_pod.is_some())
    }

    fn used(&self) -> Option<Mib> {
        self.device.as_ref().ok().map(|sample| sample.used_mib)
    }
}

/// Why a measurement may not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// The card's figures are not known.
    #[error("the card's source is blind: {0}. Mend it first; `gpu-agent explain` shows what it says.")]
    Blind(String),
    /// The card may be known, and not from here.
    #[error(
        "the card's source cannot be asked from here, which says nothing of the card: {0}. Measure from inside the \
         cluster, or as somebody with the rights that `docs/guides/rights.md` lists."
    )]
    OutOfReach(String),
    /// Something else cannot be read.
    #[error("{0}. Nothing is woken on a card that cannot be judged.")]
    Unseen(String),
    /// The tenant claims nothing.
    #[error(
        "no claim of it is entered on its card. Apply its `gpu_vram_floor` first, with a guess as its peak."
    )]
    NoClaim,
    /// It is under way already.
    #[error(
        "it is {0} already, so what it held before is not known. Wait for its window's end, or set the annotation \
         {OVERRIDE_ANNOTATION}=off on its Deployment until it sleeps."
    )]
    Awake(State),
    /// Others hold memory that could be taken for the tenant's.
    #[error("others are not asleep: {0}. Measure when they are, or with --beside.")]
    Others(String),
    /// Others are awake, and the source does not tell pods apart.
    #[error(
        "others are not asleep: {0}, and the card's source does not say what each pod holds. Measure when they are \
         asleep, or give the card a source that tells, such as `gpu-agent exporter`."
    )]
    NotToldApart(String),
}

/// Whether the tenant may be woken for a measurement.
///
/// # Errors
/// What is in the way, with the remedy.
pub fn may_begin(before: &Look, beside: bool) -> Result<(), Obstacle> {
    if let Some(unseen) = &before.unseen {
        return Err(Obstacle::Unseen(unseen.clone()));
    }
    if let Err(unknown) = &before.device {
        let reason = unknown.reason.clone();
        return Err(match before.out_of_reach {
            true => Obstacle::OutOfReach(reason),
            false => Obstacle::Blind(reason),
        });
    }
    if before.claim.is_none() {
        return Err(Obstacle::NoClaim);
    }
    if let Some(state) = before.state.filter(|state| *state != State::Asleep) {
        return Err(Obstacle::Awake(state));
    }
    let others: Vec<String> =
        before.others.iter().map(|(tenant, state)| format!("{tenant} is {state}")).collect();
    match (others.is_empty(), beside, before.tells_pods_apart()) {
        (true, ..) | (false, true, true) => Ok(()),
        (false, true, false) => Err(Obstacle::NotToldApart(others.join(", "))),
        (false, false, _) => Err(Obstacle::Others(others.join(", "))),
    }
}

/// Why looks are no measurement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmeasured {
    /// The source had no figures while the tenant worked.
    #[error("the card's source had no figures while it was awake. Mend the source and measure again.")]
    Blind,
    /// Somebody who is not told apart came or grew.
    #[error(
        "others moved by {0} meanwhile, and the card's source does not say what each pod holds. Measure again when \
         the card is quiet, or give the card a source that tells, such as `gpu-agent exporter`."
    )]
    OthersMoved(Mib),
    /// It held nothing.
    #[error(
        "it held nothing of the card. Does its server run on the CPU, or is this another card than its pod's?"
    )]
    Nothing,
    /// Not one request was answered.
    #[error("not one request was answered, so it did not work: {0}. Correct the requests, or --port.")]
    NoWork(String),
}

/// How the tenant's share was told from that of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apart {
    /// The source says what each pod holds.
    ByPods,
    /// Nobody else moved, so it is what the card held more than this before.
    ByDifference(Mib),
}

/// What a tenant held at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Whose.
    pub tenant: TenantId,
    /// The most.
    pub peak: Mib,
    /// When it held that.
    pub at: Timestamp,
    /// In how many looks.
    pub samples: usize,
    /// Over how long, in seconds.
    pub seconds: i64,
    /// How it was told apart.
    pub apart: Apart,
    /// The others that were awake meanwhile.
    pub others: Vec<TenantId>,
    /// What it claims.
    pub claim: Option<Mib>,
    /// What became of the work.
    pub driven: Driven,
}

/// The measurement of these looks: the first was before the tenant woke, the
/// last perhaps when it slept again.
///
/// # Errors
/// Why they are none.
pub fn measured(tenant: &TenantId, looks: &[Look], driven: Driven) -> Result<Measured, Unmeasured> {
    if driven.answered == 0 {
        return Err(Unmeasured::NoWork(
            driven.failed.first().cloned().unwrap_or_else(|| "none was sent".into()),
        ));
    }
    let before = looks.first().and_then(Look::used).ok_or(Unmeasured::Blind)?;
    let holds =
        |look: &&Look| matches!(look.state, Some(State::Loading | State::Awake)) && look.device.is_ok();
    let mut awake: Vec<&Look> = looks.iter().filter(holds).collect();
    let by_pods = awake.iter().any(|look| look.own().is_some());
    awake.retain(|look| !by_pods || look.own().is_some());
    let held = |look: &&Look| match by_pods {
        true => look.own().unwrap_or_default(),
        false => Mib(look.used().unwrap_or_default().0.saturating_sub(before.0)),
    };
    let most = awake.iter().max_by_key(|look| (held(look), std::cmp::Reverse(look.now)));
    let most = most.ok_or(Unmeasured::Blind)?;
    let after = looks.last().filter(|look| look.state == Some(State::Asleep) && looks.len() > 1);
    let moved = after.and_then(Look::used).map_or(0, |after| after.0.abs_diff(before.0));
    let mut others: Vec<TenantId> =
        looks.iter().flat_map(|look| look.others.iter().map(|(tenant, _)| tenant.clone())).collect();
    others.sort();
    others.dedup();
    if !by_pods && (moved > ATTRIBUTION_TOLERANCE_MIB || !others.is_empty()) {
        return Err(Unmeasured::OthersMoved(Mib(moved)));
    }
    let peak = held(most);
    if peak == Mib(0) {
        return Err(Unmeasured::Nothing);
    }
    let (first, last) =
        (awake.first().map_or(most.now, |it| it.now), awake.last().map_or(most.now, |it| it.now));
    Ok(Measured {
        tenant: tenant.clone(),
        peak,
        at: most.now,
        samples: awake.len(),
        seconds: last.duration_since(first).as_secs(),
        apart: if by_pods { Apart::ByPods } else { Apart::ByDifference(before) },
        others,
        claim: looks.first().and_then(|look| look.claim),
        driven,
    })
}

impl Measured {
    /// The report for people, with the blocks to paste.
    pub fn render(&self) -> String {
        let claimed = rounded(self.peak);
        let mut text =
            format!("{} held {} at most, at {}\n\n", self.tenant, self.peak, whole_seconds(self.at));
        let mut row = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<9} {value}");
        };
        row("samples", format!("{} in {} s", self.samples, self.seconds));
        row(
            "apart",
            match self.apart {
                Apart::ByPods => "by the source's own figures of each pod".to_owned(),
                Apart::ByDifference(before) => format!("by what the card held more than the {before} before"),
            },
        );
        let others: Vec<String> = self.others.iter().map(ToString::to_string).collect();
        row("others", if others.is_empty() { "nobody else was awake".to_owned() } else { others.join(", ") });
        row(
            "requests",
            match self.driven.failed.len() {
                0 => format!("{} answered", self.driven.answered),
                failed => {
                    format!("{} answered, {failed} not: {}", self.driven.answered, self.driven.failed[0])
                }
            },
        );
        if let Some(image) = &self.driven.image {
            row("image", image.clone());
        }
        if let Some(claim) = self.claim {
            row(
                "claim",
                match claim < claimed {
                    true => format!("{claim}, which is too little"),
                    false => format!("{claim}, {} more than it held", Mib(claim.0 - claimed.0)),
                },
            );
        }
        let (source, at) = (self.source(), whole_seconds(self.at));
        let peak = claimed.spelled();
        let _ = write!(
            text,
            "\nIn its gpu_vram_floor:\n\n  peak = \"{peak}\"\n  measured = {{\n    source = \"{source}\"\n    at     = \"{at}\"\n  }}\n\n\
             In its tenant file:\n\npeak: {peak}\nmeasured:\n  source: \"{source}\"\n  at: \"{at}\"\n"
        );
        text
    }

    /// What reported it. It holds nothing that HCL or YAML would read otherwise.
    fn source(&self) -> String {
        let image = self.driven.image.as_deref().unwrap_or("an image without a digest");
        let requests = self.driven.answered;
        format!("gpu-agent measure, {} samples, {requests} requests, {image}", self.samples)
    }
}

#[cfg(test)]
mod tests;
