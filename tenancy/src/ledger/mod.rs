//! The ledger of a card: the state of each tenant, the moment it began, and the
//! memory it was promised.
//!
//! It is the `data` of one ConfigMap: a key per tenant ([`TenantId::key`]) and
//! the key [`CARD_MEMORY_KEY`] for what concerns the card as a whole. Gates
//! write it with the `resourceVersion` that they read. A 409 means that another
//! gate was faster: observe and decide again, never write the old decision.
//!
//! A gate changes its own key and the card's, nothing else. Every other key is
//! written back byte for byte as it was read, so fields of a newer gate and
//! keys that cannot be read survive an older one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::names::TenantId;

mod entry;

pub use entry::{
    Admission, CardMemory, Drain, Entry, OverrideSeen, Paused, PodRef, State, Status, Tally, Yield,
};

/// The key for what concerns the card as a whole. No tenant has it: tenants'
/// keys contain a dot.
pub const CARD_MEMORY_KEY: &str = "card";

/// The ledger of one card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// The tenants' entries. Shared, because a card has many, and a decision changes one.
    entries: Arc<Entries>,
    /// What concerns the card as a whole.
    pub card: CardMemory,
    /// Keys that could not be read, with the reason as a clause. While there is
    /// one, nobody is admitted: a claim that nobody counts is memory promised twice.
    pub unreadable: BTreeMap<String, String>,
    /// The text of every key as it was read.
    texts: Arc<BTreeMap<String, String>>,
    /// What those texts said, by which an entry that did not change is known.
    as_read: Arc<AsRead>,
}

type Entries = BTreeMap<TenantId, Arc<Entry>>;

/// The meaning of the texts that could be read.
#[derive(Debug, PartialEq, Eq, Default)]
struct AsRead {
    entries: Arc<Entries>,
    card: Option<CardMemory>,
}

impl Ledger {
    /// Reads the `data` of a ledger ConfigMap. Whatever stands there, this
    /// answers: what cannot be read is listed in [`Ledger::unreadable`].
    pub fn parse(data: &BTreeMap<String, String>) -> Self {
        Self::default().parse_next(data)
    }

    /// Reads the `data` of the same ConfigMap at another moment: the same as [`Ledger::parse`], and a key
    /// whose text did not change is not read again.
    pub fn parse_next(&self, data: &BTreeMap<String, String>) -> Self {
        let mut ledger = Self { texts: Arc::new(data.clone()), ..Self::default() };
        let mut entries = Entries::new();
        let mut card = None;
        for (key, text) in data {
            let outcome = if key == CARD_MEMORY_KEY {
                serde_json::from_str(text).map(|read| card = Some(read)).map_err(|why| why.to_string())
            } else {
                TenantId::from_key(key).map_err(|why| why.to_string()).and_then(|tenant| {
                    let known = self.as_read.entries.get(&tenant);
                    let entry = match known.filter(|_| self.texts.get(key) == Some(text)) {
                        Some(known) => Arc::clone(known),
                        None => serde_json::from_str(text).map(Arc::new).map_err(|why| why.to_string())?,
                    };
                    entries.insert(tenant, entry);
                    Ok(())
                })
            };
            if let Err(why) = outcome {
                ledger.unreadable.insert(key.clone(), why);
            }
        }
        ledger.card = card.clone().unwrap_or_default();
        ledger.entries = Arc::new(entries);
        ledger.as_read = Arc::new(AsRead { entries: Arc::clone(&ledger.entries), card });
        ledger
    }

    /// The `data` to write. A key whose meaning did not change keeps its text,
    /// and a tenant's key that could not be read stays as it is; the card's is
    /// only a recollection and is written anew.
    pub fn to_data(&self) -> BTreeMap<String, String> {
        let mut data: BTreeMap<String, String> = self
            .unreadable
            .keys()
            .filter_map(|key| Some((key.clone(), self.texts.get(key)?.clone())))
            .collect();
        let before = |key: &str| self.texts.get(key);
        for (tenant, entry) in &*self.entries {
            let key = tenant.key();
            let is_as_read = || {
                self.as_read.entries.get(tenant).is_some_and(|read| Arc::ptr_eq(read, entry) || read == entry)
            };
            let text = match before(&key) {
                Some(text) if is_as_read() => text.clone(),
                _ => json(&**entry),
            };
            data.insert(key, text);
        }
        let text = match before(CARD_MEMORY_KEY) {
            Some(text) if self.as_read.card.as_ref() == Some(&self.card) => text.clone(),
            None if self.card == CardMemory::default() => return data,
            _ => json(&self.card),
        };
        data.insert(CARD_MEMORY_KEY.to_owned(), text);
        data
    }

    /// The ledger as it may be believed: nothing has been that is yet to come. While the API server's clock
    /// was ahead, gates wrote moments that would hold back whatever is counted from them until they come.
    ///
    /// It is for judging by. What is written goes out from the ledger as it was read, because the entries of
    /// others are theirs.
    pub(crate) fn believed(&self, now: Timestamp) -> Cow<'_, Self> {
        let mut believed = Cow::Borrowed(self);
        for (tenant, entry) in self.entries().filter(|(_, entry)| entry.past().any(|at| *at > now)) {
            let mut entry = entry.clone();
            bring_back(entry.past_mut(), now);
            believed.to_mut().set(tenant.clone(), entry);
        }
        let mut card = self.card.clone();
        bring_back(card.past_mut(), now);
        if card != self.card {
            believed.to_mut().card = card;
        }
        believed
    }

    /// The tenants' entries. One without an entry is asleep.
    pub fn entries(&self) -> impl Iterator<Item = (&TenantId, &Entry)> {
        self.entries.iter().map(|(tenant, entry)| (tenant, &**entry))
    }

    /// The tenant's entry, if there is one.
    pub fn get(&self, tenant: &TenantId) -> Option<&Entry> {
        self.entries.get(tenant).map(|entry| &**entry)
    }

    /// The tenant's entry; one without is asleep since the epoch.
    pub fn entry(&self, tenant: &TenantId) -> Entry {
        self.get(tenant).cloned().unwrap_or_else(|| Entry::asleep(Timestamp::UNIX_EPOCH))
    }

    /// Puts an entry in the place of the tenant's.
    pub fn set(&mut self, tenant: TenantId, entry: Entry) {
        Arc::make_mut(&mut self.entries).insert(tenant, Arc::new(entry));
    }

    /// Takes the tenant's entry out.
    pub fn take(&mut self, tenant: &TenantId) -> Option<Entry> {
        Arc::make_mut(&mut self.entries).remove(tenant).map(Arc::unwrap_or_clone)
    }

    /// Whether the tenant's own key is there and cannot be read.
    pub fn is_unreadable(&self, tenant: &TenantId) -> bool {
        self.unreadable.contains_key(&tenant.key())
    }
}

/// Puts `now` in the place of every later moment.
fn bring_back<'m>(moments: impl Iterator<Item = &'m mut Timestamp>, now: Timestamp) {
    moments.filter(|at| **at > now).for_each(|at| *at = now);
}

/// Indented JSON: people read the ledger with `kubectl get configmap -o yaml`.
/// The types here have no maps with keys that are not text, so this cannot fail.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::ScaleTarget;
    use crate::quantity::Mib;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, text)| (key.to_string(), text.to_string())).collect()
    }

    fn chatterbox() -> TenantId {
        "tts/chatterbox".parse().unwrap()
    }

    #[test]
    fn an_entry_is_readable_by_people() {
        let mut entry = Entry::asleep(at("2026-11-21T06:00:00Z"));
        entry.enter(State::Awake, at("2026-11-22T02:03:00Z"));
        entry.admission = Some(Admission {
            at: at("2026-11-22T02:00:00Z"),
            peak_mib: Mib(4096),
            headroom_mib: Mib(2048),
            free_mib: Some(Mib(10_814)),
        });
        entry.paused.push(Paused {
            target: ScaleTarget { namespace: "llama".parse().unwrap(), deployment: "llama".parse().unwrap() },
            replicas: 2,
            since: at("2026-11-22T02:00:00Z"),
            seen_at_zero: true,
            left_alone: false,
            told_unreadable: false,
        });
        let mut ledger = Ledger::default();
        ledger.set(chatterbox(), entry);
        insta::assert_snapshot!(ledger.to_data()["tts.chatterbox"], @r#"
        {
          "state": "awake",
          "since": "2026-11-22T02:03:00Z",
          "admission": {
            "at": "2026-11-22T02:00:00Z",
            "peak_mib": 4096,
            "headroom_mib": 2048,
            "free_mib": 10814
          },
          "replicas_confirmed": false,
          "paused": [
            {
              "namespace": "llama",
              "deployment": "llama",
              "replicas": 2,
              "since": "2026-11-22T02:00:00Z",
              "seen_at_zero": true,
              "left_alone": false
            }
          ]
        }
        "#);
        assert_eq!(Ledger::parse(&ledger.to_data()).entries, ledger.entries);
    }

    #[test]
    fn what_is_read_next_is_what_would_be_read_first() {
        let asleep = |minute: u32| format!(r#"{{"state":"asleep","since":"2026-11-21T02:{minute:02}:00Z"}}"#);
        let first = data(&[("a.one", &asleep(0)), ("a.two", &asleep(0)), ("a.three", "?"), ("card", "{}")]);
        let next = data(&[("a.one", &asleep(0)), ("a.two", &asleep(1)), ("a.three", &asleep(0))]);
        let mut changed = Ledger::parse(&first);
        // What was decided and not written is no reading.
        changed.set("a/one".parse().unwrap(), Entry::asleep(at("2026-11-21T05:00:00Z")));
        for (before, after) in [(&first, &next), (&next, &first), (&first, &first)] {
            assert_eq!(Ledger::parse(before).parse_next(after), Ledger::parse(after));
            assert_eq!(changed.parse_next(after), Ledger::parse(after));
        }
    }

    #[test]
    fn an_empty_ledger_has_no_keys() {
        assert!(Ledger::parse(&BTreeMap::new()).to_data().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_listed_and_kept() {
        let given = data(&[
            ("tts.chatterbox", "{\"state\":\"dancing\",\"since\":\"2026-11-21T02:00:00Z\"}"),
            ("stt.whisper", ""),
            ("no-tenant", "{}"),
        ]);
        let ledger = Ledger::parse(&given);
        assert_eq!(ledger.unreadable.len(), 3);
        assert!(ledger.unreadable["tts.chatterbox"].contains("dancing"));
        assert_eq!(ledger.to_data(), given);
    }

    /// The card's key is a recollection: what cannot be read of it is written anew.
    #[test]
    fn the_cards_own_key_heals() {
        let ledger = Ledger::parse(&data(&[(CARD_MEMORY_KEY, "?")]));
        assert_eq!(ledger.unreadable.len(), 1);
        assert!(Ledger::parse(&ledger.to_data()).unreadable.is_empty());
    }

    #[test]
    fn fields_of_a_newer_gate_survive_in_the_keys_of_others() {
        let theirs = "{\"state\":\"asleep\",\"since\":\"2026-11-21T02:00:00Z\",\"mood\":\"fine\"}";
        let mut ledger = Ledger::parse(&data(&[("stt.whisper", theirs)]));
        ledger.set(chatterbox(), Entry::asleep(at("2026-11-21T02:00:00Z")));
        let written = ledger.to_data();
        assert_eq!(written["stt.whisper"], theirs);
        assert!(written.contains_key("tts.chatterbox"));
    }
}
