//! A provider that spells amounts in its own way, and a user who spells them in another.

use std::collections::BTreeMap;

use tfplugin::testing::{Driver, Instance};
use tfplugin::{
    Attr, Configured, CreateRequest, DeleteRequest, Diagnostics, Field, Host, Kind, List, Map, Model,
    Nothing, Outcome, Path, Provider, ReadRequest, Resource, Resources, Set, UpdateRequest, Value, model,
};

/// An amount of memory, which users spell in MiB or GiB.
#[derive(Clone, Debug, PartialEq)]
struct Memory(String);

impl Memory {
    fn mib(&self) -> Option<u64> {
        match self.0.strip_suffix("GiB") {
            Some(gib) => gib.parse::<u64>().ok().map(|gib| gib * 1024),
            None => self.0.strip_suffix("MiB")?.parse().ok(),
        }
    }
}

impl Field for Memory {
    fn kind() -> Kind {
        String::kind()
    }

    fn decode(value: Value, path: &Path) -> Result<Memory, Diagnostics> {
        String::decode(value, path).map(Memory)
    }

    fn encode(&self) -> Value {
        self.0.encode()
    }

    const HAS_SPELLINGS: bool = true;

    fn same(&self, other: &Memory) -> bool {
        self.mib().is_some() && self.mib() == other.mib()
    }
}

model! {
    /// What the provider fills in beside what the user set.
    struct Shelf {
        /// Its room.
        room: Attr<Memory> = required(),
        /// Its label.
        label: Attr<String> = optional().same_if(|a, b| a.eq_ignore_ascii_case(b)),
        /// Its number.
        number: Attr<i64> = computed(),
    }
}

model! {
    /// A store.
    struct Store {
        /// Nested.
        shelf: Attr<Shelf> = optional(),
        /// Nested, by name.
        shelves: Attr<Map<Shelf>> = optional(),
        /// Nested, in order.
        rows: Attr<List<Shelf>> = optional(),
        /// Nested, without order.
        heap: Attr<Set<Shelf>> = optional(),
        /// By name.
        named: Attr<Map<Memory>> = optional(),
        /// In order.
        listed: Attr<List<Memory>> = optional(),
        /// Without order.
        loose: Attr<Set<Memory>> = optional(),
    }
}

const STORE: &str = "test_store";

struct Stores;

impl Provider for Stores {
    type Config = Nothing;
    type Data = ();
    const NAME: &'static str = "test";
    const ADDRESS: &'static str = "registry.terraform.io/examples/test";

    async fn configure(&self, _: Nothing, _: Host) -> Result<Configured<()>, Diagnostics> {
        Ok(Configured::from(()))
    }

    fn resources(&self) -> Resources<()> {
        Resources::new().with(StoreResource)
    }
}

struct StoreResource;

/// The store as the provider spells it, in MiB.
fn spelled(store: Store) -> Store {
    let memory =
        |amount: Attr<Memory>| amount.map(|it| it.mib().map_or(it, |mib| Memory(format!("{mib}MiB"))));
    let shelf = |shelf: Attr<Shelf>| {
        shelf.map(|it| Shelf {
            room: memory(it.room),
            label: it.label.map(|label| label.to_lowercase()),
            number: 7.into(),
        })
    };
    Store {
        shelf: shelf(store.shelf),
        shelves: store.shelves.map(|shelves| shelves.into_iter().map(|(key, it)| (key, shelf(it))).collect()),
        rows: store.rows.map(|rows| rows.into_iter().map(shelf).collect()),
        heap: store.heap.map(|heap| Set(heap.0.into_iter().map(shelf).collect())),
        named: store.named.map(|named| named.into_iter().map(|(key, it)| (key, memory(it))).collect()),
        listed: store.listed.map(|listed| listed.into_iter().map(memory).collect()),
        loose: store.loose.map(|loose| Set(loose.0.into_iter().map(memory).collect())),
    }
}

impl Resource for StoreResource {
    type Data = ();
    type Model = Store;
    type Identity = Nothing;
    const TYPE_NAME: &'static str = STORE;

    async fn create(&self, request: CreateRequest<Self>) -> Outcome<Store> {
        Outcome::state(spelled(request.planned))
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<Store> {
        Outcome::state(spelled(request.state))
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<Store> {
        Outcome::state(spelled(request.planned))
    }

    async fn delete(&self, _: DeleteRequest<Self>) -> Outcome<Store> {
        Outcome::gone()
    }
}

async fn driver() -> Driver<Stores> {
    let driver = Driver::new(Stores);
    let diagnostics = driver.configure(&Nothing::default()).await;
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    driver
}

async fn made(driver: &Driver<Stores>, config: &Store) -> Instance {
    let after = driver.create(STORE, config).await;
    assert!(after.diagnostics.is_empty(), "{:?}", after.diagnostics);
    after.instance.unwrap()
}

/// A store with these two amounts in each of its collections; nothing stands for one that is not known.
fn store(one: &str, other: Option<&str>) -> Store {
    let one = Attr::Known(Memory(one.to_owned()));
    let other = other.map_or(Attr::Unknown, |other| Attr::Known(Memory(other.to_owned())));
    Store {
        named: Attr::Known(BTreeMap::from([("a".to_owned(), one.clone()), ("b".to_owned(), other.clone())])),
        listed: Attr::Known(vec![one.clone(), other.clone()]),
        loose: Attr::Known(Set(vec![one, other])),
        ..Store::default()
    }
}

#[tokio::test]
async fn a_collection_is_planned_as_it_was_or_as_the_user_wrote_it() {
    let driver = driver().await;
    let made = made(&driver, &store("6GiB", Some("1GiB"))).await;
    assert_eq!(made.state, store("6GiB", Some("1GiB")).to_value(), "as the user spelled it");
    let respelled = driver.plan(STORE, Some(&made), Some(&store("6144MiB", Some("1GiB")))).await;
    assert!(respelled.is_empty() && respelled.diagnostics.is_empty(), "{:?}", respelled.diagnostics);
    // Terraform compares such a collection as a whole, so that one half of each would be neither.
    let changed = store("6144MiB", Some("2GiB"));
    let after = driver.update(STORE, &made, &changed).await;
    assert!(after.diagnostics.is_empty(), "{:?}", after.diagnostics);
    assert_eq!(after.instance.unwrap().state, changed.to_value());
    let beside_unknown = store("6144MiB", None);
    let plan = driver.plan(STORE, Some(&made), Some(&beside_unknown)).await;
    assert!(plan.diagnostics.is_empty(), "{:?}", plan.diagnostics);
    assert_eq!(plan.planned, Some(beside_unknown.to_value()));
}

#[tokio::test]
async fn what_the_user_set_keeps_its_spelling_beside_what_the_provider_fills_in() {
    let driver = driver().await;
    let shelf = |room: &str, label: &str, number| {
        Attr::Known(Shelf { room: Memory(room.to_owned()).into(), label: label.into(), number })
    };
    let store = |number: Attr<i64>| {
        let shelf = |room: &str, label: &str| shelf(room, label, number);
        Store {
            shelf: shelf("6GiB", "Top"),
            shelves: Attr::Known([("a".to_owned(), shelf("6GiB", "Top"))].into()),
            rows: Attr::Known(vec![shelf("6GiB", "Top"), shelf("1024MiB", "low")]),
            heap: Attr::Known(Set(vec![shelf("6GiB", "Top"), shelf("6GiB", "low"), shelf("1024MiB", "low")])),
            ..Store::default()
        }
    };
    let made = made(&driver, &store(Attr::Null)).await;
    assert_eq!(made.state, store(7.into()).to_value());
    assert!(driver.plan(STORE, Some(&made), Some(&store(Attr::Null))).await.is_empty());
}
