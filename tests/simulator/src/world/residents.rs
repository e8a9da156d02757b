//! Residents: they hold what they want, when they want, if the card has it.

use super::device::Owner;
use super::{Event, World};
use crate::audit::Audit;
use crate::queue::Ms;

/// From a scale to 0 until the process is gone.
const STOP_MS: Ms = 5_000;
/// From a scale to 1 until the process holds its memory.
const START_MS: Ms = 20_000;
/// After it ran out of memory.
const RESTART_MS: Ms = 60_000;

impl World {
    pub(crate) fn set_resident_replicas(&mut self, resident: usize, replicas: u32, by_hand: bool) {
        let one = &mut self.residents[resident];
        if one.replicas == replicas {
            return;
        }
        one.replicas = replicas;
        one.version += 1;
        self.audit.resident_scaled(resident, by_hand, replicas);
        let after = if replicas == 0 { STOP_MS } else { START_MS };
        self.trace.say(self.now, || format!("{} is scaled to {replicas}", self.residents[resident].key.pod));
        self.queue.add(self.now + after, Event::Resident { resident });
    }

    pub(crate) fn resident_uses(&mut self, resident: usize, mib: u64) {
        self.residents[resident].wants_mib = mib;
        self.resident_step(resident);
    }

    /// Brings its process to what its replicas and its wishes say.
    pub(crate) fn resident_step(&mut self, resident: usize) {
        let now = self.now;
        let one = &self.residents[resident];
        let (key, wants) = (one.key.clone(), one.wants_mib);
        match (one.replicas, one.process) {
            (0, Some(process)) => {
                self.device.end(now, process);
                self.residents[resident].process = None;
            }
            (0, None) => {}
            (1.., None) if self.outages.node_away > 0 => {}
            (1.., None) => {
                let process = self.device.start(now, Owner::Resident(resident), key);
                self.residents[resident].process = Some(process);
                self.resident_holds(resident, process, wants);
            }
            (1.., Some(process)) => self.resident_holds(resident, process, wants),
        }
    }

    fn resident_holds(&mut self, resident: usize, process: u64, mib: u64) {
        if self.device.resize(self.now, process, mib) {
            self.trace.say(self.now, || format!("{} holds {mib} MiB", self.residents[resident].key.pod));
            return;
        }
        let free = self.device.free_mib();
        let what = format!("{} wants {mib} MiB, {free} MiB are free", self.residents[resident].key.pod);
        Audit::out_of_memory(self, true, &what);
        self.device.end(self.now, process);
        let rest_mib = self.script.residents[resident].rest_mib;
        let one = &mut self.residents[resident];
        (one.process, one.wants_mib) = (None, rest_mib);
        self.queue.add(self.now + RESTART_MS, Event::Resident { resident });
    }
}
