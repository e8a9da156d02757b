//! What calls do to state, through the in-process driver.

use std::sync::Arc;
use std::time::Duration;

use tfplugin::testing::{Driver, Instance};
use tfplugin::{
    Attr, Configured, CreateRequest, DataSource, DataSources, DeleteRequest, Diagnostic, Diagnostics, Host,
    ImportBy, ImportRequest, LookUpRequest, Map, Number, Outcome, Path, PlanRequest, Planned, Provider,
    ReadRequest, Resource, Resources, UpdateRequest, model,
};

model! {
    /// Settings.
    struct Settings {
        /// Where.
        endpoint: Attr<String> = optional(),
        /// How often it is tried.
        tries: Attr<i64> = optional().default(3).range(1..=9),
        /// What is sent.
        headers: Attr<Map<Header>> = optional(),
    }
}

model! {
    /// A header.
    struct Header {
        /// What it says.
        value: Attr<String> = optional().default("yes"),
    }
}

model! {
    /// A thing whose `act` says what its provider does.
    struct Thing {
        /// Its name.
        name: Attr<String> = required().requires_replace(),
        /// What happens to it.
        act: Attr<String> = optional(),
        /// Any number.
        amount: Attr<Number> = optional(),
        /// Whole numbers only.
        number: Attr<i64> = optional(),
        /// What the provider saw.
        seen: Attr<String> = computed(),
    }
}

model! {
    /// What finds a thing.
    struct ThingIdentity {
        /// Its name.
        name: Attr<String> = required(),
    }
}

struct Things;

impl Provider for Things {
    type Config = Settings;
    type Data = Attr<String>;
    const NAME: &'static str = "test";
    const ADDRESS: &'static str = "registry.terraform.io/examples/test";

    async fn configure(&self, config: Settings, host: Host) -> Result<Configured<Attr<String>>, Diagnostics> {
        if config.endpoint.as_str() == Some("slow") {
            host.cancel.cancelled().await;
            return Err(Diagnostic::error("Interrupted", "As asked.").into());
        }
        let detail = format!("Tries {:?}, sends {:?}.", config.tries, config.headers);
        let warning = Diagnostic::warning("Noted", detail).at(Path::attribute("endpoint"));
        Ok(Configured { data: Arc::new(config.endpoint), diagnostics: warning.into() })
    }

    fn resources(&self) -> Resources<Attr<String>> {
        Resources::new().with(ThingResource)
    }

    fn data_sources(&self) -> DataSources<Attr<String>> {
        DataSources::new().with(SeenSource)
    }
}

model! {
    /// What is known of a name.
    struct Seen {
        /// The name.
        name: Attr<String> = required().length(1..),
        /// What kind of name.
        kind: Attr<String> = optional().default("plain"),
        /// How long it is.
        length: Attr<i64> = computed(),
    }
}

struct SeenSource;

impl DataSource for SeenSource {
    type Data = Attr<String>;
    type Model = Seen;
    const TYPE_NAME: &'static str = "test_seen";

    async fn look_up(&self, request: LookUpRequest<Self>) -> Outcome<Seen> {
        match request.asked.name.as_str() {
            Some("nobody") => Outcome::gone(),
            name => {
                let length = name.map(|name| i64::try_from(name.len()).unwrap()).into();
                Outcome::state(Seen { length, ..request.asked }).with(Diagnostic::warning("Short", "Very."))
            }
        }
    }
}

struct ThingResource;

const THING: &str = "test_thing";

fn failure() -> Diagnostic {
    Diagnostic::error("It broke", "Half-way.")
}

impl Resource for ThingResource {
    type Data = Attr<String>;
    type Model = Thing;
    type Identity = ThingIdentity;
    const TYPE_NAME: &'static str = THING;
    const VERSION: i64 = 2;

    async fn plan(&self, request: PlanRequest<Self>) -> Result<Planned<Thing>, Diagnostics> {
        let mut planned = request.proposed;
        match planned.act.as_str() {
            Some("promise") => planned.seen = "promised".into(),
            Some("meddle") => planned.name = "other".into(),
            Some("panic at plan") => panic!("as asked"),
            _ => {}
        }
        Ok(Planned::new(planned).with_private([request.private, b"p".to_vec()].concat()))
    }

    async fn create(&self, request: CreateRequest<Self>) -> Outcome<Thing> {
        let CreateRequest { planned, private, cancel, .. } = request;
        let made = Thing { seen: String::from_utf8(private.clone()).unwrap().into(), ..planned };
        match made.act.as_str() {
            Some("fail") => Outcome::failed(failure()),
            Some("half") => Outcome::state(Thing { seen: Attr::Unknown, ..made }).with(failure()),
            Some("forget") => Outcome::gone(),
            Some("panic") => panic!("as asked"),
            Some("wait") => {
                cancel.cancelled().await;
                Outcome::state(made).with(Diagnostic::error("Interrupted", "As asked."))
            }
            _ => Outcome::state(made).with_private([private, b"c".to_vec()].concat()),
        }
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<Thing> {
        match request.state.act.as_str() {
            Some("vanish") => Outcome::gone(),
            _ => Outcome::state(Thing { seen: "read".into(), ..request.state }),
        }
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<Thing> {
        match request.planned.act.as_str() {
            Some("fail") => Outcome::failed(failure()),
            Some("panic") => panic!("as asked"),
            _ => Outcome::state(Thing { seen: "updated".into(), ..request.planned }),
        }
    }

    async fn delete(&self, request: DeleteRequest<Self>) -> Outcome<Thing> {
        match request.prior.act.as_str() {
            Some("stay") => Outcome::failed(failure()),
            _ => Outcome::gone(),
        }
    }

    async fn import(&self, request: ImportRequest<Self>) -> Outcome<Thing> {
        match request.by {
            ImportBy::Id(id) if id == "missing" => Outcome::gone(),
            ImportBy::Id(id) => Outcome::state(Thing { name: id.into(), ..Thing::default() }),
            ImportBy::Identity(it) => Outcome::state(Thing { name: it.name, ..Thing::default() }),
        }
    }

    fn identity(&self, model: &Thing) -> Option<ThingIdentity> {
        Some(ThingIdentity { name: model.name.clone() })
    }

    fn upgrade(&self, from: i64, mut state: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        if from < 1 {
            return Err(Diagnostic::error("Too old", "Version 0 was never released.").into());
        }
        state["name"] = state["title"].take();
        Ok(state)
    }
}

async fn driver() -> Driver<Things> {
    let driver = Driver::new(Things);
    let diagnostics = driver.configure(&Settings::default()).await;
    assert_eq!(diagnostics.iter().map(|one| one.summary.as_str()).collect::<Vec<_>>(), ["Noted"]);
    driver
}

fn thing(act: &str) -> Thing {
    Thing {
        name: "a".into(),
        act: Some(act.to_owned()).filter(|act| !act.is_empty()).into(),
        ..Thing::default()
    }
}

async fn made(driver: &Driver<Things>, act: &str) -> Instance {
    let after = driver.create(THING, &thing(act)).await;
    assert!(after.diagnostics.is_empty(), "{:?}", after.diagnostics);
    after.instance.unwrap()
}

fn summaries(diagnostics: &Diagnostics) -> Vec<&str> {
    diagnostics.iter().map(|one| one.summary.as_str()).collect()
}

#[tokio::test]
async fn a_provider_is_configured_with_its_defaults() {
    let driver = Driver::new(Things);
    let configured =
        async |config: Settings| driver.configure(&config).await.iter().next().unwrap().detail.clone();
    assert_eq!(configured(Settings::default()).await, "Tries Known(3), sends Null.");
    let header = |value| Attr::Known(Map::from([("a".to_owned(), Attr::Known(Header { value }))]));
    let set = Settings { tries: 5.into(), headers: header(Attr::Null), ..Settings::default() };
    let expected = format!("Tries Known(5), sends {:?}.", header("yes".into()));
    assert_eq!(configured(set).await, expected);
    let unknown = Settings { tries: Attr::Unknown, headers: header(Attr::Unknown), ..Settings::default() };
    let expected = format!("Tries Unknown, sends {:?}.", header(Attr::Unknown));
    assert_eq!(configured(unknown).await, expected, "what is not known yet is not the default");
}

#[tokio::test]
async fn private_bytes_and_identity_travel_with_the_resource() {
    let driver = driver().await;
    let instance = made(&driver, "").await;
    assert_eq!(instance.private, b"pc");
    assert_eq!(instance.model::<Thing>().unwrap().seen, "p".into());
    assert_eq!(instance.identity, Some(tfplugin::Model::to_value(&ThingIdentity { name: "a".into() })));
    let plan = driver.plan(THING, Some(&instance), Some(&thing("x"))).await;
    assert_eq!(plan.private, b"pcp");
}

#[tokio::test]
async fn a_create_that_fails_keeps_what_it_made() {
    let driver = driver().await;
    let nothing = driver.create(THING, &thing("fail")).await;
    assert_eq!((nothing.instance, summaries(&nothing.diagnostics)), (None, vec!["It broke"]));
    let half = driver.create(THING, &thing("half")).await;
    assert_eq!(half.model::<Thing>().unwrap().seen, Attr::Null, "a state has no unknown parts");
    assert_eq!(summaries(&half.diagnostics), ["It broke"]);
    let forgotten = driver.create(THING, &thing("forget")).await;
    assert_eq!(summaries(&forgotten.diagnostics), ["Provider bug"]);
}

#[tokio::test]
async fn an_update_or_delete_that_fails_loses_nothing() {
    let driver = driver().await;
    let instance = made(&driver, "stay").await;
    for act in ["fail", "panic"] {
        let after = driver.update(THING, &instance, &thing(act)).await;
        assert!(after.diagnostics.has_errors());
        assert_eq!(after.model::<Thing>().unwrap().act, "stay".into(), "{act}");
    }
    let after = driver.destroy(THING, &instance).await;
    assert_eq!((summaries(&after.diagnostics), after.instance), (vec!["It broke"], Some(instance)));
}

#[tokio::test]
async fn a_panic_is_an_error_of_one_call() {
    let driver = driver().await;
    let plan = driver.plan(THING, None, Some(&thing("panic at plan"))).await;
    assert_eq!(summaries(&plan.diagnostics), ["Provider panicked"]);
    let after = driver.create(THING, &thing("panic")).await;
    assert_eq!((after.instance, summaries(&after.diagnostics)), (None, vec!["Provider panicked"]));
    made(&driver, "").await;
}

#[tokio::test]
async fn an_interrupt_ends_work_and_not_the_provider() {
    let driver = driver().await;
    let config = thing("wait");
    let (after, ()) = tokio::join!(driver.create(THING, &config), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        driver.stop();
    });
    assert_eq!(summaries(&after.diagnostics), ["Interrupted"]);
    assert!(after.instance.is_some());
    made(&driver, "").await;
    driver.configure(&Settings::default()).await;
    let waiting = tokio::time::timeout(Duration::from_millis(50), driver.create(THING, &config)).await;
    assert!(waiting.is_err(), "the interrupt of one run does not reach the next");
}

#[tokio::test]
async fn an_interrupt_ends_configuring_too() {
    let driver = driver().await;
    let slow = Settings { endpoint: "slow".into(), ..Settings::default() };
    let (diagnostics, ()) = tokio::join!(driver.configure(&slow), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        driver.stop();
    });
    assert_eq!(summaries(&diagnostics), ["Interrupted"]);
    driver.configure(&Settings::default()).await;
    made(&driver, "").await;
}

#[tokio::test]
async fn promises_are_checked_in_debug_builds() {
    let driver = driver().await;
    let meddled = driver.plan(THING, None, Some(&thing("meddle"))).await;
    let bug = meddled.diagnostics.iter().next().unwrap();
    assert_eq!((bug.summary.as_str(), bug.path.to_string()), ("Provider bug", "name".to_owned()));
    let broken = driver.create(THING, &thing("promise")).await;
    let bug = broken.diagnostics.iter().next().unwrap();
    assert_eq!((bug.summary.as_str(), bug.path.to_string()), ("Provider bug", "seen".to_owned()));
}

#[tokio::test]
async fn a_create_is_planned_before_the_provider_is_configured() {
    let driver = Driver::new(Things);
    let config = Thing { act: Attr::Unknown, ..thing("") };
    let plan = driver.plan(THING, None, Some(&config)).await;
    assert!(plan.diagnostics.is_empty(), "{:?}", plan.diagnostics);
    assert_eq!(plan.model::<Thing>().unwrap(), Thing { seen: Attr::Unknown, ..config });
    let after = driver.create(THING, &thing("")).await;
    assert_eq!(summaries(&after.diagnostics), ["Provider not configured"]);
}

#[tokio::test]
async fn a_change_of_name_replaces_and_no_change_is_none() {
    let driver = driver().await;
    let instance = made(&driver, "").await;
    assert!(driver.plan(THING, Some(&instance), Some(&thing(""))).await.is_empty());
    let renamed = driver.plan(THING, Some(&instance), Some(&Thing { name: "b".into(), ..thing("") })).await;
    assert_eq!(renamed.replace, [Path::attribute("name")]);
    assert!(!renamed.is_empty());
}

#[tokio::test]
async fn numbers_keep_their_digits() {
    let driver = driver().await;
    let wide: Number = "340282366920938463463374607431768211457.125".parse().unwrap();
    let after = driver.create(THING, &Thing { amount: wide.clone().into(), ..thing("") }).await;
    assert_eq!(after.model::<Thing>().unwrap().amount, wide.into());
}

#[tokio::test]
async fn reading_sees_change_and_absence() {
    let driver = driver().await;
    let there = driver.read(THING, &made(&driver, "").await).await;
    assert_eq!(there.model::<Thing>().unwrap().seen, "read".into());
    let gone = driver.read(THING, &made(&driver, "vanish").await).await;
    assert_eq!((gone.instance, gone.diagnostics.is_empty()), (None, true));
}

#[tokio::test]
async fn a_data_source_answers_or_says_why_not() {
    let driver = driver().await;
    let asked = |name: &str| Seen { name: name.into(), ..Seen::default() };
    let (found, warnings) = driver.look_up("test_seen", &asked("a")).await.unwrap();
    assert_eq!((found.kind, found.length), ("plain".into(), 1.into()));
    assert_eq!(summaries(&warnings), ["Short"]);
    assert_eq!(summaries(&driver.look_up("test_seen", &asked("nobody")).await.unwrap_err()), ["Not found"]);
    assert_eq!(summaries(&driver.look_up("test_seen", &asked("")).await.unwrap_err()), ["Invalid value"]);
}

#[tokio::test]
async fn import_takes_an_id_or_an_identity() {
    let driver = driver().await;
    let by_id = driver.import(THING, "a").await.model::<Thing>().unwrap();
    let by_identity = driver.import_identity(THING, &ThingIdentity { name: "a".into() }).await;
    assert_eq!(by_identity.model::<Thing>().unwrap(), by_id);
    assert_eq!((by_id.name, by_id.seen), ("a".into(), "read".into()));
    let missing = driver.import(THING, "missing").await;
    assert_eq!(summaries(&missing.diagnostics), ["Nothing to import"]);
}

#[tokio::test]
async fn states_of_older_versions_are_carried_over() {
    let driver = driver().await;
    let today = made(&driver, "").await;
    assert_eq!(driver.upgrade(THING, 2, &today.to_json()).await, Ok(today.state));
    let old = driver.upgrade(THING, 1, r#"{"title": "a", "dropped": [1]}"#).await.unwrap();
    assert_eq!(old.get("name"), Some(&"a".into()));
    assert_eq!(summaries(&driver.upgrade(THING, 0, "{}").await.unwrap_err()), ["Too old"]);
    assert_eq!(
        summaries(&driver.upgrade(THING, 3, "{}").await.unwrap_err()),
        ["State is newer than the provider"]
    );
    assert_eq!(summaries(&driver.upgrade(THING, 2, "{").await.unwrap_err()), ["Unreadable state"]);
}

#[test]
fn a_fraction_is_no_whole_number() {
    let mut config = tfplugin::Model::to_value(&thing(""));
    if let tfplugin::Value::Object(attributes) = &mut config {
        attributes.insert("number".to_owned(), tfplugin::Value::Number("1.5".parse().unwrap()));
    }
    let errors = <Thing as tfplugin::Model>::from_value(config, &Path::root()).unwrap_err();
    assert_eq!(
        errors.iter().next().unwrap().detail,
        "number must be a whole number of at most 64 bits, but is 1.5."
    );
}
