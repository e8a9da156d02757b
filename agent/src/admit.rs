//! The check inside the pod: waits until the card has room and the window is
//! open, enters the pod as loading, and lets the model server start.

use std::time::{Duration, Instant};

use tenancy::admit::{Admission, AdmitSituation, admit_pod};
use tenancy::decide::{Event, EventKind};
use tenancy::gate::GateConfig;
use tenancy::ledger::PodRef;

use crate::act::{self, Teller};
use crate::observe::api::{Api, ApiError};
use crate::observe::{self, ObserveError};
use crate::report::{Format, Printer};

/// The figures in a reason move all the time; lines that differ in nothing else
/// come no more often than this.
const REPEAT_LINE: Duration = Duration::from_secs(60);

/// What the check is told.
#[derive(Debug)]
pub struct Admit {
    /// The tenant's configuration.
    pub gate: GateConfig,
    /// This pod.
    pub pod: PodRef,
    /// Between two looks.
    pub poll: Duration,
    /// How its lines are printed.
    pub format: Format,
}

/// What one look at the card came to.
enum Look {
    Admitted(String),
    Overtaken,
    Waiting(String),
}

impl Admit {
    /// Waits until the pod is admitted. It never gives up: the gate ends the pod
    /// by scaling to 0, and whatever keeps it waiting may pass.
    pub async fn run(&self, api: &Api) {
        let printer = Printer { tenant: &self.gate.tenant, format: self.format };
        let mut told = Told::default();
        loop {
            let look = self.look(api).await.unwrap_or_else(|why| Look::Waiting(why.to_string()));
            let now = api.now().unwrap_or_else(jiff::Timestamp::now);
            match look {
                Look::Admitted(reason) => {
                    printer.line(now, "admitted", &reason);
                    self.tell(api, &printer, "PodAdmitted", &reason).await;
                    return;
                }
                Look::Overtaken => {
                    tokio::time::sleep(act::jitter()).await;
                    continue;
                }
                Look::Waiting(reason) => {
                    let news = told.news(&reason, Instant::now());
                    if news != News::Nothing {
                        printer.line(now, "waiting", &reason);
                    }
                    if news == News::Another {
                        self.tell(api, &printer, "PodWaits", &reason).await;
                    }
                }
            }
            tokio::time::sleep(self.poll).await;
        }
    }

    async fn look(&self, api: &Api) -> Result<Look, ObserveError> {
        let card = observe::card(api, &self.gate.tenant).await?;
        let (deployment, pods) = observe::tenant(api, &self.gate.tenant, true).await?;
        let Some(deployment) = deployment else {
            return Ok(Look::Waiting(
                "Its Deployment does not exist, so nobody asks for it any more.".to_owned(),
            ));
        };
        let deployment = observe::remember_override(deployment, card.ledger.as_ref().ok(), &self.gate.tenant);
        let (declared, ledger) = match (card.declared, card.ledger) {
            (Ok(declared), Ok(ledger)) => (declared, ledger),
            (Err(unknown), _) | (_, Err(unknown)) => {
                return Ok(Look::Waiting(format!("The card is not known: {}.", unknown.reason)));
            }
        };
        let situation = AdmitSituation {
            now: api.now().ok_or(ObserveError::NoDate)?,
            gate: self.gate.clone(),
            declared,
            ledger,
            pod: self.pod.clone(),
            pods: pods.map(|(pods, _)| pods.into_iter().map(|pod| pod.seen).collect()),
            override_annotation: deployment.seen.override_annotation,
            device: card.told.map(|told| told.sample),
        };
        Ok(match admit_pod(&situation) {
            Admission::Wait { reason } => Look::Waiting(reason),
            Admission::Go { ledger, reason } => {
                match act::write_ledger(api, &card.ledger_object, &ledger).await {
                    Ok(()) => Look::Admitted(reason),
                    Err(ApiError::Conflict { .. }) => Look::Overtaken,
                    Err(why) => return Err(why.into()),
                }
            }
        })
    }

    async fn tell(&self, api: &Api, printer: &Printer<'_>, reason: &str, note: &str) {
        let event = Event { kind: EventKind::Normal, reason: reason.to_owned(), note: note.to_owned() };
        let told = async {
            let deployment =
                observe::deployment(api, &self.gate.tenant).await.map_err(|why| why.to_string())?;
            let (tenant, uid) = (&self.gate.tenant, deployment.seen.uid.as_str());
            let teller = Teller { tenant, uid, action: "Admit", instance: &self.pod.name };
            let now = api.now().unwrap_or_else(jiff::Timestamp::now);
            act::tell(api, &teller, now, &event).await.map_err(|why| why.to_string())
        };
        if let Err(why) = told.await {
            printer.note(&format!("an Event could not be written, going on: {why}"));
        }
    }
}

/// What was said last, so that a pod that waits for hours says it once and not each time it looks.
#[derive(Debug, Default)]
struct Told {
    reason: String,
    at: Option<Instant>,
}

/// How much of a reason is new.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Nothing,
    Figures,
    Another,
}

impl Told {
    fn news(&mut self, reason: &str, now: Instant) -> News {
        let another = without_figures(reason) != without_figures(&self.reason);
        let due = self.at.is_none_or(|at| now.duration_since(at) >= REPEAT_LINE);
        let news = match (another, due && reason != self.reason) {
            (true, _) => News::Another,
            (false, true) => News::Figures,
            (false, false) => return News::Nothing,
        };
        *self = Self { reason: reason.to_owned(), at: Some(now) };
        news
    }
}

/// A reason with its figures taken out: two that are then equal say the same.
fn without_figures(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_ascii_digit() && *c != ',').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_and_its_figures_once_a_minute() {
        let (mut told, start) = (Told::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(told.news("450 MiB short", start), News::Another);
        assert_eq!(told.news("450 MiB short", after(90)), News::Nothing);
        assert_eq!(told.news("1,450 MiB short", after(30)), News::Nothing);
        assert_eq!(told.news("1,450 MiB short", after(61)), News::Figures);
        assert_eq!(told.news("the window is closed", after(62)), News::Another);
    }
}
