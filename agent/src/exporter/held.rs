//! What each container holds of each card, and the most it ever held. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tenancy::defaults::EXPORTER_REMEMBERS_S;

use super::containers::{Holder, Name};
use super::driver::Process;

const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_secs(EXPORTER_REMEMBERS_S);
/// How many are remembered at most; the longest gone go first.
const REMEMBERED_AT_MOST: usize = 2_000;

/// What the containers of one card hold at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Bytes by container id. A container with a process of which the driver
    /// does not say what it holds is left out: part of a sum is no sum.
    pub containers: BTreeMap<String, (Name, u64)>,
    /// Bytes of processes that belong to no container that is known here.
    pub unattributed_bytes: u64,
    /// How many processes there are.
    pub processes: u64,
}

/// Adds up the processes of a card by their holders.
pub fn add_up(processes: &[Process], holders: &[Holder]) -> Held {
    let mut sums: BTreeMap<String, (Name, Option<u64>)> = BTreeMap::new();
    let mut unattributed = 0u64;
    for (process, holder) in processes.iter().zip(holders) {
        match holder {
            Holder::Container { id, name } => {
                let (_, sum) = sums.entry(id.clone()).or_insert_with(|| (name.clone(), Some(0)));
                *sum = sum.zip(process.bytes).map(|(sum, bytes)| sum.saturating_add(bytes));
            }
            Holder::Unknown => unattributed = unattributed.saturating_add(process.bytes.unwrap_or_default()),
        }
    }
    Held {
        containers: sums.into_iter().filter_map(|(id, (name, sum))| Some((id, (name, sum?)))).collect(),
        unattributed_bytes: unattributed,
        processes: processes.len() as u64,
    }
}

/// The most that a container held of a card since it was first seen there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peak {
    /// Whose it is.
    pub name: Name,
    /// The most, in bytes.
    pub bytes: u64,
    /// In how many readings it held something.
    pub readings: u64,
    /// When it was first seen to hold something.
    pub since: Timestamp,
    /// When it was last seen to hold something.
    pub last: Timestamp,
}

/// The peaks by card UUID and container id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peaks(BTreeMap<(String, String), Peak>);

impl Peaks {
    /// Takes in what the containers of a card hold now.
    pub fn take_in(&mut self, uuid: &str, held: &Held, now: Timestamp) {
        for (id, (name, bytes)) in &held.containers {
            let peak = self.0.entry((uuid.to_owned(), id.clone())).or_insert_with(|| Peak {
                name: name.clone(),
                bytes: 0,
                readings: 0,
                since: now,
                last: now,
            });
            peak.bytes = peak.bytes.max(*bytes);
            peak.readings += 1;
            peak.last = now;
        }
    }

    /// Forgets those that are long gone.
    pub fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, peak| now.duration_since(peak.last) <= REMEMBERED);
        while self.0.len() > REMEMBERED_AT_MOST {
            let longest_gone = self.0.iter().min_by_key(|(_, peak)| peak.last).map(|(key, _)| key.clone());
            longest_gone.and_then(|key| self.0.remove(&key));
        }
    }

    /// The peaks of one card by container id.
    pub fn of_card(&self, uuid: &str) -> impl Iterator<Item = (&str, &Peak)> {
        self.0.iter().filter(move |((card, _), _)| card == uuid).map(|((_, id), peak)| (id.as_str(), peak))
    }

    /// Every card of which a container's peak is remembered.
    pub fn cards(&self) -> Vec<&str> {
        let mut cards: Vec<&str> = self.0.keys().map(|(card, _)| card.as_str()).collect();
        cards.dedup();
        cards
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, bytes: Option<u64>) -> Process {
        Process { pid, gpu_instance: None, compute_instance: None, bytes }
    }

    fn in_container(id: &str) -> Holder {
        let name = Name { namespace: "tts".into(), pod: format!("pod-{id}"), container: "server".into() };
        Holder::Container { id: id.into(), name }
    }

    fn sums(held: &Held) -> Vec<(&str, u64)> {
        held.containers.iter().map(|(id, (_, bytes))| (id.as_str(), *bytes)).collect()
    }

    #[test]
    fn a_container_holds_what_its_processes_hold_together() {
        let held = add_up(
            &[process(1, Some(10)), process(2, Some(20)), process(3, Some(5)), process(4, Some(7))],
            &[in_container("a"), in_container("b"), in_container("a"), Holder::Unknown],
        );
        assert_eq!(sums(&held), [("a", 15), ("b", 20)]);
        assert_eq!((held.unattributed_bytes, held.processes), (7, 4));
    }

    #[test]
    fn a_container_of_which_a_part_is_not_known_is_left_out() {
        let held = add_up(
            &[process(1, Some(10)), process(2, None), process(3, Some(5))],
            &[in_container("a"), in_container("a"), in_container("b")],
        );
        assert_eq!(sums(&held), [("b", 5)]);
        assert_eq!(held.processes, 3);
    }

    #[test]
    fn a_peak_outlives_what_it_measured_and_is_forgotten_after_two_days() {
        let at = |hours: i64| Timestamp::from_second(1_795_000_000 + hours * 3600).unwrap();
        let holds = |bytes| add_up(&[process(1, Some(bytes))], &[in_container("a")]);
        let mut peaks = Peaks::default();
        for (hour, bytes) in [(0, 100), (1, 300), (2, 200)] {
            peaks.take_in("GPU-1", &holds(bytes), at(hour));
        }
        peaks.take_in("GPU-1", &Held::default(), at(3));
        peaks.take_in("GPU-2", &holds(7), at(3));
        peaks.forget(at(40));
        let told: Vec<(&str, u64, u64)> =
            peaks.of_card("GPU-1").map(|(id, peak)| (id, peak.bytes, peak.readings)).collect();
        assert_eq!(told, [("a", 300, 3)]);
        let (_, peak) = peaks.of_card("GPU-1").next().unwrap();
        assert_eq!((peak.since, peak.last), (at(0), at(2)));
        peaks.forget(at(51));
        assert_eq!(peaks.cards(), ["GPU-2"]);
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let mut peaks = Peaks::default();
        for n in 0..REMEMBERED_AT_MOST + 3 {
            let now = Timestamp::from_second(1_795_000_000 + i64::try_from(n).unwrap()).unwrap();
            peaks.take_in("GPU-1", &add_up(&[process(1, Some(1))], &[in_container(&format!("{n:04}"))]), now);
            peaks.forget(now);
        }
        let ids: Vec<&str> = peaks.of_card("GPU-1").map(|(id, _)| id).collect();
        assert_eq!((ids.len(), ids[0]), (REMEMBERED_AT_MOST, "0003"));
    }
}
