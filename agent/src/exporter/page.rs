//! The exporter's page: OpenMetrics text, written from a snapshot.
//!
//! The series are listed in `docs/metrics.md`.
//!
//! Figures older than a minute, or of before a failure, are left out: to
//! Prometheus they would look like new ones. Their age and `up` stay.

use std::fmt::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::driver::CardFigures;
use super::held::{Held, Peak};
use super::sampler::{Snapshot, Taken};

/// What the page is written in.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What every series' name begins with.
const PREFIX: &str = "gpu_tenancy";

/// Writes the page of a node.
pub fn page(node: &str, snapshot: Arc<Snapshot>, now: Instant) -> String {
    let labels = [("node".into(), node.to_owned().into())];
    let mut registry = Registry::with_prefix_and_labels(PREFIX, labels.into_iter());
    registry.register_collector(Box::new(Page { snapshot, now }));
    let mut page = String::new();
    // Writing to a String cannot fail, and neither does anything below.
    let _ = text::encode(&mut page, &registry);
    page
}

/// Whether a reading still says what a card is, and not what it was.
fn is_fresh(taken: &Taken, now: Instant) -> bool {
    let fresh = Duration::from_secs(tenancy::defaults::SAMPLE_FRESH_S.unsigned_abs());
    now.saturating_duration_since(taken.at) <= fresh
}

#[derive(Debug)]
struct Page {
    snapshot: Arc<Snapshot>,
    now: Instant,
}

type Labels = Vec<(&'static str, String)>;

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut families = Families { encoder: &mut encoder };
        self.health(&mut families)?;
        self.cards(&mut families)?;
        self.instances(&mut families)?;
        self.containers(&mut families)?;
        self.peaks(&mut families)
    }
}

impl Page {
    /// The reading, unless it is too old to be shown or a later one failed.
    fn fresh(&self) -> Option<&Taken> {
        let holds = |_: &&Taken| self.snapshot.failure.is_none();
        self.snapshot.last.as_ref().filter(holds).filter(|taken| is_fresh(taken, self.now))
    }

    fn health(&self, families: &mut Families<'_, '_>) -> Result<(), Error> {
        let snapshot = &*self.snapshot;
        let up = u64::from(self.fresh().is_some());
        let plain = |value: u64| std::iter::once((Labels::new(), value));
        let version = snapshot.last.iter().map(|taken| taken.driver_version.clone());
        let info = version.map(|driver| {
            (vec![("driver_version", driver), ("version", env!("CARGO_PKG_VERSION").to_owned())], 1u64)
        });
        families.gauge("exporter_info", "The versions of exporter and driver.", None, info)?;
        families.gauge("exporter_up", "Whether the driver answers.", None, plain(up))?;
        families.counter(
            "exporter_readings",
            "Readings of the driver that succeeded.",
            plain(snapshot.readings),
        )?;
        families.counter(
            "exporter_reading_failures",
            "Readings of the driver or of a card that did not succeed.",
            plain(snapshot.failures),
        )?;
        let age = |taken: &Taken| self.now.saturating_duration_since(taken.at).as_secs_f64();
        let ages = snapshot.last.iter().map(|taken| (Labels::new(), age(taken)));
        families.gauge(
            "exporter_reading_age",
            "Time since the last successful reading; every figure of this page is as old.",
            Some(Unit::Seconds),
            ages,
        )?;
        let took = snapshot.last.iter().map(|taken| (Labels::new(), taken.took.as_secs_f64()));
        families.gauge("exporter_reading_duration", "What the last reading took.", Some(Unit::Seconds), took)
    }

    /// The cards that answered, with their labels.
    fn answered(&self) -> impl Iterator<Item = (Labels, &CardFigures, Option<&Held>)> {
        self.fresh().into_iter().flat_map(|taken| &taken.cards).filter_map(|(card, held)| {
            let figures = card.figures.as_ref().ok()?;
            Some((card_labels(card.index, &figures.uuid), figures, held.as_ref()))
        })
    }

    fn cards(&self, families: &mut Families<'_, '_>) -> Result<(), Error> {
        let answers = |index: &u32| {
            let mut cards = self.fresh().into_iter().flat_map(|taken| &taken.cards);
            cards.any(|(card, _)| card.index == *index && card.figures.is_ok())
        };
        let up = self
            .snapshot
            .uuids
            .iter()
            .map(|(index, uuid)| (card_labels(*index, uuid), u64::from(answers(index))));
        families.gauge("card_up", "Whether the card answers.", None, up)?;
        let info = self.answered().map(|(mut labels, card, _)| {
            labels.push(("model", card.model.clone()));
            labels.push(("mig", if card.instances.is_some() { "on" } else { "off" }.to_owned()));
            (labels, 1u64)
        });
        families.gauge("card_info", "What the card is.", None, info)?;
        type Figure = (&'static str, &'static str, fn(&CardFigures) -> u64);
        let memory: [Figure; 4] = [
            ("card_memory_total", "The card's memory.", |card| card.total_bytes),
            ("card_memory_used", "What processes hold.", |card| card.used_bytes),
            ("card_memory_free", "What can be allocated.", |card| card.free_bytes),
            ("card_memory_reserved", "What driver and firmware keep.", |card| card.reserved_bytes),
        ];
        for (name, help, value) in memory {
            let rows = self.answered().map(|(labels, card, _)| (labels, value(card)));
            families.gauge(name, help, Some(Unit::Bytes), rows)?;
        }
        let busy = self
            .answered()
            .filter_map(|(labels, card, _)| Some((labels, f64::from(card.utilisation_percent?) / 100.0)));
        let help = "Share of the last moments in which a kernel ran.";
        families.gauge("card_utilisation", help, Some(Unit::Other("ratio".to_owned())), busy)?;
        let processes = self.answered().filter_map(|(labels, _, held)| Some((labels, held?.processes)));
        families.gauge("card_processes", "Processes on the card.", None, processes)?;
        let unattributed =
            self.answered().filter_map(|(labels, _, held)| Some((labels, held?.unattributed_bytes)));
        let help = "What processes hold that are in no container of a pod.";
        families.gauge("card_memory_unattributed", help, Some(Unit::Bytes), unattributed)
    }

    fn instances(&self, families: &mut Families<'_, '_>) -> Result<(), Error> {
        type Figure = (&'static str, &'static str, fn(&super::driver::Instance) -> u64);
        let memory: [Figure; 3] = [
            ("mig_instance_memory_total", "The MIG instance's memory.", |it| it.total_bytes),
            ("mig_instance_memory_used", "What processes hold of it.", |it| it.used_bytes),
            ("mig_instance_memory_free", "What can be allocated in it.", |it| it.free_bytes),
        ];
        for (name, help, value) in memory {
            let rows = self.answered().flat_map(|(labels, card, _)| {
                card.instances.iter().flatten().map(move |instance| {
                    let mut labels = labels.clone();
                    labels.push(("instance_uuid", instance.uuid.clone()));
                    (labels, value(instance))
                })
            });
            families.gauge(name, help, Some(Unit::Bytes), rows)?;
        }
        Ok(())
    }

    fn containers(&self, families: &mut Families<'_, '_>) -> Result<(), Error> {
        let rows = self.answered().flat_map(|(labels, _, held)| {
            let containers = held.into_iter().flat_map(|held| &held.containers);
            containers.map(move |(id, (name, bytes))| {
                let mut labels = labels.clone();
                labels.extend(container_labels(id, name));
                (labels, *bytes)
            })
        });
        families.gauge("container_memory_used", "What a container holds of a card.", Some(Unit::Bytes), rows)
    }

    /// The peaks stay on the page when their card does not answer: they are of the past anyway.
    fn peaks(&self, families: &mut Families<'_, '_>) -> Result<(), Error> {
        let rows = || {
            self.snapshot.uuids.iter().flat_map(|(index, uuid)| {
                self.snapshot.peaks.of_card(uuid).map(|(id, peak)| {
                    let mut labels = card_labels(*index, uuid);
                    labels.extend(container_labels(id, &peak.name));
                    (labels, peak)
                })
            })
        };
        let help = "The most that a container held of a card since it was first seen there.";
        families.gauge(
            "container_memory_peak",
            help,
            Some(Unit::Bytes),
            rows().map(|(l, peak)| (l, peak.bytes)),
        )?;
        let help = "Readings in which the container held something.";
        families.counter("container_readings", help, rows().map(|(labels, peak)| (labels, peak.readings)))?;
        type Moment = (&'static str, &'static str, fn(&Peak) -> i64);
        let moments: [Moment; 2] = [
            ("container_first_seen_timestamp", "When it first held something.", |it| it.since.as_second()),
            ("container_last_seen_timestamp", "When it last held something.", |it| it.last.as_second()),
        ];
        for (name, help, at) in moments {
            families.gauge(
                name,
                help,
                Some(Unit::Seconds),
                rows().map(|(labels, peak)| (labels, at(peak))),
            )?;
        }
        Ok(())
    }
}

fn card_labels(index: u32, uuid: &str) -> Labels {
    vec![("index", index.to_string()), ("uuid", uuid.to_owned())]
}

/// The id tells a container from the one that it replaced after a crash.
fn container_labels(id: &str, name: &super::containers::Name) -> Labels {
    vec![
        ("namespace", name.namespace.clone()),
        ("pod", name.pod.clone()),
        ("container", name.container.clone()),
        ("container_id", id.chars().take(13).collect()),
    ]
}

struct Families<'e, 'w> {
    encoder: &'e mut DescriptorEncoder<'w>,
}

impl Families<'_, '_> {
    /// A family without a row is left out.
    fn gauge<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        rows: impl Iterator<Item = (Labels, V)>,
    ) -> Result<(), Error> {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut family = self.encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        rows.try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_gauge(&value))
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        rows: impl Iterator<Item = (Labels, u64)>,
    ) -> Result<(), Error> {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        rows.try_for_each(|(labels, value)| {
            family.encode_family(&labels)?.encode_counter::<Labels, u64, u64>(&value, None)
        })
    }
}
