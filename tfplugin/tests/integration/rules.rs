//! Providers that break one of Terraform's rules each, and what the framework says of it.

use std::collections::BTreeMap;

use tfplugin::testing::{Driver, Instance};
use tfplugin::{
    Attr, Configured, CreateRequest, DataSource, DataSources, DeleteRequest, Diagnostics, Field, Host,
    ImportBy, ImportRequest, Kind, List, LookUpRequest, Map, Nothing, Outcome, Path, PlanRequest, Planned,
    Provider, ReadRequest, Resource, Resources, Set, UpdateRequest, Value, model,
};

/// Something that says it is text, and is a bool where its text asks for that.
#[derive(Clone, Debug, PartialEq)]
struct Lie(String);

impl Field for Lie {
    fn kind() -> Kind {
        String::kind()
    }

    fn decode(value: Value, path: &Path) -> Result<Lie, Diagnostics> {
        String::decode(value, path).map(Lie)
    }

    fn encode(&self) -> Value {
        if self.0 == "lie" { true.into() } else { self.0.encode() }
    }
}

model! {
    /// A part.
    struct Part {
        /// Set by the user.
        size: Attr<i64> = required().range(1..=1000),
        /// Set by the provider.
        serial: Attr<String> = computed().use_state_for_unknown(),
    }
}

model! {
    /// A thing.
    struct Thing {
        /// Set by the user.
        name: Attr<String> = optional(),
        /// Set by the user, and secret.
        password: Attr<String> = optional().sensitive(),
        /// Set by either.
        colour: Attr<String> = optional_computed(),
        /// Set by the provider.
        id: Attr<String> = computed().use_state_for_unknown(),
        /// In order.
        parts: Attr<List<Part>> = optional(),
        /// By name.
        named: Attr<Map<Part>> = optional(),
        /// Without order.
        loose: Attr<Set<Part>> = optional(),
        /// Of a type that lies.
        lie: Attr<Lie> = optional(),
        /// Words in order.
        words: Attr<List<String>> = computed(),
        /// Words by name.
        labels: Attr<Map<String>> = computed(),
        /// Words without order.
        tags: Attr<Set<String>> = computed(),
    }
}

model! {
    /// What finds a thing.
    struct ThingIdentity {
        /// Its id.
        id: Attr<String> = required(),
    }
}

/// How a provider differs from a good one.
#[derive(Clone, Copy, Default)]
struct Wrong {
    plan: Option<fn(&mut Thing)>,
    replace: Option<&'static str>,
    apply: Option<fn(&mut Thing)>,
    read: Option<fn(&mut Thing)>,
    import: Option<fn(&mut Thing)>,
    look_up: Option<fn(&mut Thing)>,
    no_identity: bool,
    unknown_identity: bool,
}

struct Provides(Wrong);

impl Provider for Provides {
    type Config = Nothing;
    type Data = ();
    const NAME: &'static str = "test";
    const ADDRESS: &'static str = "registry.terraform.io/examples/test";

    async fn configure(&self, _: Nothing, _: Host) -> Result<Configured<()>, Diagnostics> {
        Ok(Configured::from(()))
    }

    fn resources(&self) -> Resources<()> {
        Resources::new().with(ThingResource(self.0))
    }

    fn data_sources(&self) -> DataSources<()> {
        DataSources::new().with(ThingSource(self.0))
    }
}

struct ThingSource(Wrong);

impl DataSource for ThingSource {
    type Data = ();
    type Model = Thing;
    const TYPE_NAME: &'static str = THING;

    async fn look_up(&self, request: LookUpRequest<Self>) -> Outcome<Thing> {
        Outcome::state(changed(done(request.asked), self.0.look_up))
    }
}

struct ThingResource(Wrong);

const THING: &str = "test_thing";

fn changed(mut thing: Thing, change: Option<fn(&mut Thing)>) -> Thing {
    if let Some(change) = change {
        change(&mut thing);
    }
    thing
}

/// The thing with everything known that was not.
fn done(thing: Thing) -> Thing {
    let known = |value: Attr<String>| if value.is_unknown() { "made".into() } else { value };
    let part = |part: Attr<Part>| part.map(|part| Part { serial: known(part.serial), ..part });
    Thing {
        colour: known(thing.colour),
        id: known(thing.id),
        parts: thing.parts.map(|parts| parts.into_iter().map(part).collect()),
        named: thing.named.map(|named| named.into_iter().map(|(key, it)| (key, part(it))).collect()),
        loose: thing.loose.map(|loose| Set(loose.0.into_iter().map(part).collect())),
        words: Attr::Known(vec!["a".into()]),
        labels: Attr::Known(BTreeMap::from([("a".to_owned(), "b".into())])),
        tags: Attr::Known(Set(vec!["a".into()])),
        ..thing
    }
}

impl Resource for ThingResource {
    type Data = ();
    type Model = Thing;
    type Identity = ThingIdentity;
    const TYPE_NAME: &'static str = THING;

    async fn plan(&self, request: PlanRequest<Self>) -> Result<Planned<Thing>, Diagnostics> {
        let planned = Planned::new(changed(request.proposed, self.0.plan));
        Ok(match self.0.replace {
            Some(name) => planned.replacing(Path::attribute(name)),
            None => planned,
        })
    }

    async fn create(&self, request: CreateRequest<Self>) -> Outcome<Thing> {
        Outcome::state(changed(done(request.planned), self.0.apply))
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<Thing> {
        Outcome::state(changed(done(request.planned), self.0.apply))
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<Thing> {
        Outcome::state(changed(done(request.state), self.0.read))
    }

    async fn delete(&self, _: DeleteRequest<Self>) -> Outcome<Thing> {
        Outcome::gone()
    }

    async fn import(&self, request: ImportRequest<Self>) -> Outcome<Thing> {
        let id = match request.by {
            ImportBy::Id(id) => id.into(),
            ImportBy::Identity(identity) => identity.id,
        };
        Outcome::state(changed(Thing { id, ..Thing::default() }, self.0.import))
    }

    fn identity(&self, model: &Thing) -> Option<ThingIdentity> {
        let id = if self.0.unknown_identity { Attr::Unknown } else { model.id.clone() };
        (!self.0.no_identity).then_some(ThingIdentity { id })
    }
}

async fn driver(wrong: Wrong) -> Driver<Provides> {
    let driver = Driver::new(Provides(wrong));
    assert!(driver.configure(&Nothing::default()).await.is_empty());
    driver
}

fn part() -> Attr<Part> {
    Part { size: 1.into(), serial: Attr::Null }.into()
}

fn config() -> Thing {
    Thing {
        name: "a".into(),
        password: "hunter2".into(),
        parts: Attr::Known(vec![part()]),
        named: Attr::Known(BTreeMap::from([("x".to_owned(), part())])),
        loose: Attr::Known(Set(vec![part()])),
        ..Thing::default()
    }
}

/// The paths and the rules of the bugs that were found.
fn bugs(diagnostics: &Diagnostics) -> Vec<(String, String)> {
    let bug = |one: &tfplugin::Diagnostic| {
        assert_eq!(one.summary, "Provider bug", "{one:?}");
        assert!(one.detail.contains(THING), "{one:?} names the resource");
        let (_, rule) = one.detail.split_once("The rule: ").unwrap();
        (one.path.to_string(), rule.split_once(". ").unwrap().0.to_owned())
    };
    diagnostics.iter().map(bug).collect()
}

#[track_caller]
fn assert_bug(diagnostics: &Diagnostics, path: &str, rule: &str) {
    assert_eq!(bugs(diagnostics), [(path.to_owned(), rule.to_owned())], "{diagnostics:?}");
}

async fn a_plan(plan: fn(&mut Thing)) -> Diagnostics {
    let wrong = Wrong { plan: Some(plan), ..Wrong::default() };
    driver(wrong).await.plan(THING, None, Some(&config())).await.diagnostics
}

async fn an_apply(apply: fn(&mut Thing)) -> Diagnostics {
    let wrong = Wrong { apply: Some(apply), ..Wrong::default() };
    driver(wrong).await.create(THING, &config()).await.diagnostics
}

/// What a provider without fault makes.
async fn made() -> Instance {
    let after = driver(Wrong::default()).await.create(THING, &config()).await;
    assert!(after.diagnostics.is_empty(), "{:?}", after.diagnostics);
    after.instance.unwrap()
}

const KEEPS: &str = "a plan keeps what the user set, or the spelling that it had before";
const ELEMENTS: &str = "a plan has the elements that the configuration has";
const COMES_TRUE: &str = "what a plan says comes true";
const KNOWN: &str = "everything in a state is known";

#[tokio::test]
async fn a_good_provider_breaks_no_rule() {
    let (driver, made) = (driver(Wrong::default()).await, made().await);
    assert!(driver.plan(THING, Some(&made), Some(&config())).await.is_empty());
    let change = Thing { name: "b".into(), colour: "red".into(), ..config() };
    assert!(driver.update(THING, &made, &change).await.diagnostics.is_empty());
    assert!(driver.read(THING, &made).await.diagnostics.is_empty());
    assert!(driver.import(THING, "made").await.diagnostics.is_empty());
    assert!(driver.look_up(THING, &config()).await.is_ok());
}

#[tokio::test]
async fn a_plan_keeps_what_the_user_set() {
    assert_bug(&a_plan(|it| it.name = "b".into()).await, "name", KEEPS);
    assert_bug(&a_plan(|it| it.name = Attr::Null).await, "name", KEEPS);
    let deep = a_plan(|it| it.parts = Attr::Known(vec![Part { size: 2.into(), ..Part::default() }.into()]));
    assert_bug(&deep.await, "parts[0]", KEEPS);
    let element = a_plan(|it| it.named = Attr::Known(BTreeMap::from([("x".to_owned(), Attr::Null)])));
    assert_bug(&element.await, r#"named["x"]"#, KEEPS);
}

#[tokio::test]
async fn a_plan_may_keep_the_prior_spelling_and_no_other() {
    let wrong = |plan: fn(&mut Thing)| Wrong { plan: Some(plan), ..Wrong::default() };
    let made = made().await;
    let change = Thing { name: "A".into(), ..config() };
    let kept = driver(wrong(|it| it.name = "a".into())).await.plan(THING, Some(&made), Some(&change)).await;
    assert!(kept.diagnostics.is_empty(), "{:?}", kept.diagnostics);
    let other = driver(wrong(|it| it.name = "o".into())).await.plan(THING, Some(&made), Some(&change)).await;
    assert_bug(&other.diagnostics, "name", KEEPS);
}

#[tokio::test]
async fn a_plan_sets_only_what_is_computed_and_left_out() {
    let rule = "a plan sets only what the user left out and the schema calls computed";
    let wrong = Wrong { plan: Some(|it| it.name = "b".into()), ..Wrong::default() };
    let plan = driver(wrong).await.plan(THING, None, Some(&Thing::default())).await;
    assert_bug(&plan.diagnostics, "name", rule);
    assert!(a_plan(|it| it.colour = "red".into()).await.is_empty());
}

#[tokio::test]
async fn a_plan_leaves_unknown_only_what_is_computed_and_left_out() {
    let rule = "a plan leaves unknown only what the user left out and the schema calls computed";
    assert_bug(&a_plan(|it| it.name = Attr::Unknown).await, "name", rule);
    assert_bug(&a_plan(|it| it.parts = Attr::Unknown).await, "parts", rule);
}

#[tokio::test]
async fn a_plan_has_the_elements_of_the_configuration() {
    assert_bug(&a_plan(|it| it.parts = Attr::Known(vec![])).await, "parts", ELEMENTS);
    assert_bug(&a_plan(|it| it.named = Attr::Known(BTreeMap::new())).await, "named", ELEMENTS);
    let more = |it: &mut Thing| {
        let part = |size: i64| Attr::Known(Part { size: size.into(), serial: "s".into() });
        it.loose = Attr::Known(Set(vec![part(1), part(2)]));
    };
    assert_bug(&a_plan(more).await, "loose", ELEMENTS);
}

#[tokio::test]
async fn a_plan_replaces_because_of_what_exists() {
    let wrong = Wrong { replace: Some("nose"), ..Wrong::default() };
    let plan = driver(wrong).await.plan(THING, Some(&made().await), Some(&config())).await;
    assert_bug(&plan.diagnostics, "nose", "a plan replaces because of attributes that exist");
}

#[tokio::test]
async fn a_second_plan_says_what_the_first_said() {
    let wrong = Wrong {
        // What is not known yet is guessed; what is known is made of it.
        plan: Some(|it| it.colour = it.name.as_str().map_or("grey".into(), Into::into)),
        ..Wrong::default()
    };
    let driver = driver(wrong).await;
    let unknown = Thing { name: Attr::Unknown, ..config() };
    let first = driver.plan(THING, None, Some(&unknown)).await;
    assert!(first.diagnostics.is_empty(), "{:?}", first.diagnostics);
    let second = driver.plan_again(&first, Some(&config())).await;
    assert_bug(&second.diagnostics, "colour", COMES_TRUE);
    let honest = Wrong { plan: Some(|it| it.colour = it.name.clone()), ..Wrong::default() };
    let driver = self::driver(honest).await;
    let first = driver.plan(THING, None, Some(&unknown)).await;
    assert!(driver.plan_again(&first, Some(&config())).await.diagnostics.is_empty());
}

#[tokio::test]
async fn an_apply_brings_what_was_planned() {
    assert_bug(&an_apply(|it| it.name = "b".into()).await, "name", COMES_TRUE);
    assert_bug(&an_apply(|it| it.name = Attr::Null).await, "name", COMES_TRUE);
    assert_bug(&an_apply(|it| it.named = Attr::Null).await, "named", COMES_TRUE);
    assert_bug(&an_apply(|it| it.parts = Attr::Known(vec![])).await, "parts", COMES_TRUE);
    let appeared = an_apply(|it| {
        let named = it.named.known().cloned().unwrap_or_default();
        let more = ("y".to_owned(), Part { size: 1.into(), serial: "s".into() }.into());
        it.named = Attr::Known(named.into_iter().chain([more]).collect());
    });
    assert_bug(&appeared.await, r#"named["y"]"#, COMES_TRUE);
    let other = an_apply(|it| {
        it.loose = Attr::Known(Set(vec![Part { size: 2.into(), serial: "s".into() }.into()]));
    });
    assert_bug(&other.await, "loose", COMES_TRUE);
}

#[tokio::test]
async fn a_set_does_not_grow_at_apply() {
    let grown = an_apply(|it| {
        let part = |serial: &str| Attr::Known(Part { size: 1.into(), serial: serial.into() });
        it.loose = Attr::Known(Set(vec![part("a"), part("b")]));
    });
    assert_bug(&grown.await, "loose", "a set has at most as many elements as were planned");
}

#[tokio::test]
async fn nothing_is_unknown_after_an_apply() {
    assert_bug(&an_apply(|it| it.colour = Attr::Unknown).await, "colour", KNOWN);
    let element = an_apply(|it| it.words = Attr::Known(vec!["a".into(), Attr::Unknown]));
    assert_bug(&element.await, "words[1]", KNOWN);
    let element = an_apply(|it| it.labels = Attr::Known([("l".to_owned(), Attr::Unknown)].into()));
    assert_bug(&element.await, r#"labels["l"]"#, KNOWN);
    assert_bug(&an_apply(|it| it.tags = Attr::Known(Set(vec![Attr::Unknown]))).await, "tags", KNOWN);
}

#[tokio::test]
async fn nothing_is_unknown_after_a_read_an_import_or_a_look_up() {
    let wrong = Wrong { read: Some(|it| it.colour = Attr::Unknown), ..Wrong::default() };
    let read = driver(wrong).await.read(THING, &made().await).await;
    assert_bug(&read.diagnostics, "colour", KNOWN);
    assert_eq!(read.model::<Thing>().unwrap().colour, Attr::Null);
    let wrong = Wrong { import: Some(|it| it.colour = Attr::Unknown), ..Wrong::default() };
    assert_bug(&driver(wrong).await.import(THING, "a").await.diagnostics, "colour", KNOWN);
    let wrong = Wrong { look_up: Some(|it| it.colour = Attr::Unknown), ..Wrong::default() };
    assert_bug(&driver(wrong).await.look_up(THING, &config()).await.unwrap_err(), "colour", KNOWN);
}

#[tokio::test]
async fn a_data_source_keeps_what_the_user_set() {
    let wrong = Wrong { look_up: Some(|it| it.name = "b".into()), ..Wrong::default() };
    assert_bug(&driver(wrong).await.look_up(THING, &config()).await.unwrap_err(), "name", KEEPS);
}

#[tokio::test]
async fn an_identity_is_there_is_known_and_stays() {
    let missing = driver(Wrong { no_identity: true, ..Wrong::default() }).await;
    assert_bug(
        &missing.create(THING, &config()).await.diagnostics,
        "",
        "a resource that declares an identity has one as soon as it exists",
    );
    let unknown = driver(Wrong { unknown_identity: true, ..Wrong::default() }).await;
    assert_bug(
        &unknown.create(THING, &config()).await.diagnostics,
        "id",
        "everything in an identity is known as soon as the resource exists",
    );
    let stays = "an identity stays the same for as long as the resource lives";
    let made = made().await;
    let read = Wrong { read: Some(|it| it.id = "other".into()), ..Wrong::default() };
    assert_bug(&driver(read).await.read(THING, &made).await.diagnostics, "id", stays);
    let plan = Wrong { plan: Some(|it| it.id = "other".into()), ..Wrong::default() };
    let planned = driver(plan).await.plan(THING, Some(&made), Some(&config())).await;
    assert_bug(&planned.diagnostics, "id", stays);
    let import = Wrong { import: Some(|it| it.id = "other".into()), ..Wrong::default() };
    let by = ThingIdentity { id: "a".into() };
    assert_bug(&driver(import).await.import_identity(THING, &by).await.diagnostics, "id", stays);
    // Resources from before the provider declared an identity have none.
    let old = Instance { identity: None, ..made };
    assert!(driver(Wrong::default()).await.read(THING, &old).await.diagnostics.is_empty());
}

#[tokio::test]
async fn an_answer_fits_the_schema() {
    fn lies(it: &mut Thing) {
        it.lie = Lie("lie".to_owned()).into();
    }
    let (made, change) = (made().await, Thing { lie: Lie("truth".to_owned()).into(), ..config() });
    let assert_misfit = |diagnostics: &Diagnostics| {
        let bug = diagnostics.iter().find(|one| one.detail.contains("does not fit its schema")).unwrap();
        assert!(
            bug.detail.starts_with("test_thing: ") && bug.detail.contains("lie must be a string"),
            "{bug:?}"
        );
    };
    let plan = Wrong { plan: Some(lies), ..Wrong::default() };
    assert_misfit(&driver(plan).await.plan(THING, Some(&made), Some(&change)).await.diagnostics);
    let read = Wrong { read: Some(lies), ..Wrong::default() };
    assert_misfit(&driver(read).await.read(THING, &made).await.diagnostics);
    let import = Wrong { import: Some(lies), ..Wrong::default() };
    assert_misfit(&driver(import).await.import(THING, "a").await.diagnostics);
    let apply = Wrong { apply: Some(lies), ..Wrong::default() };
    let after = driver(apply).await.update(THING, &made, &change).await;
    assert_misfit(&after.diagnostics);
    assert_eq!(after.instance, Some(made), "what was there is not forgotten");
}

#[tokio::test]
async fn a_message_shows_values_but_no_sensitive_ones() {
    let open = an_apply(|it| it.name = "b".into()).await;
    assert!(
        open.iter().next().unwrap().detail.starts_with(r#"test_thing: name is "b", not "a"."#),
        "{open:?}"
    );
    let secret = an_apply(|it| it.password = "hunter3".into()).await;
    let detail = &secret.iter().next().unwrap().detail;
    assert!(detail.contains("a sensitive value") && !detail.contains("hunter"), "{detail}");
}

#[tokio::test]
async fn an_element_of_a_set_is_told_by_what_is_in_it() {
    let part = |size: i64| Part { size: size.into(), serial: Attr::Null }.into();
    let config = Thing { loose: Attr::Known(Set(vec![part(7), part(0)])), ..Thing::default() };
    let said = Driver::new(Provides(Wrong::default())).validate("test_thing", &config).await;
    let details: Vec<&str> = said.iter().map(|one| one.detail.as_str()).collect();
    assert_eq!(
        details,
        ["loose.size must be from 1 to 1000, but is 0. The element of loose is { size = 0 }."],
        "the other element is not meant"
    );
}
