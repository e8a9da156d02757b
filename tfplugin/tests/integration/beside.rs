//! What a provider has beside its resources' lives: functions, ephemeral
//! resources, values that are only written, moves, and versions of what is kept.

use std::time::{Duration, SystemTime};

use tfplugin::testing::{Driver, Instance};
use tfplugin::{
    Attr, Configured, CreateRequest, DeleteRequest, Diagnostic, Diagnostics, EphemeralResource,
    EphemeralResources, Function, FunctionError, Functions, Host, Lease, LeaseRequest, List, Moved,
    MovedFrom, Nothing, OpenRequest, Opened, Outcome, Path, PlanRequest, Planned, Provider, ReadRequest,
    Resource, Resources, UpdateRequest, Value, model,
};

struct Town;

impl Provider for Town {
    type Config = Nothing;
    type Data = ();
    const NAME: &'static str = "town";
    const ADDRESS: &'static str = "registry.terraform.io/examples/town";

    async fn configure(&self, _: Nothing, _: Host) -> Result<Configured<()>, Diagnostics> {
        Ok(Configured::from(()))
    }

    fn resources(&self) -> Resources<()> {
        Resources::new().with(Shop).with(Kiosk)
    }

    fn ephemeral_resources(&self) -> EphemeralResources<()> {
        EphemeralResources::new().with(Ticket)
    }

    fn functions(&self) -> Functions {
        Functions::new().with(Join).with(First)
    }
}

model! {
    /// A shop.
    struct ShopModel {
        /// The name.
        name: Attr<String> = required(),
        /// The code of its alarm.
        code: Attr<String> = optional().write_only(),
        /// Raised with the code.
        code_version: Attr<i64> = optional(),
        /// How long the code is.
        code_length: Attr<i64> = computed(),
    }
}

model! {
    /// What finds a shop.
    struct ShopIdentity {
        /// The street.
        street: Attr<String> = required(),
    }
}

struct Shop;

impl Shop {
    fn opened(planned: ShopModel, config: &ShopModel) -> Outcome<ShopModel> {
        assert_eq!(planned.code, Attr::Null, "a plan has nothing that is only written");
        let length = config.code.as_str().map_or(0, |code| i64::try_from(code.len()).unwrap());
        // A careless provider gives the code back; the framework drops it.
        Outcome::state(ShopModel { code_length: length.into(), code: config.code.clone(), ..planned })
    }
}

impl Resource for Shop {
    type Data = ();
    type Model = ShopModel;
    type Identity = ShopIdentity;
    const TYPE_NAME: &'static str = "town_shop";
    const IDENTITY_VERSION: i64 = 2;
    const PRIVATE_VERSION: u32 = 3;

    async fn plan(&self, request: PlanRequest<Self>) -> Result<Planned<ShopModel>, Diagnostics> {
        assert_eq!(request.proposed.code, Attr::Null);
        Ok(Planned::new(ShopModel { code: request.config.code, ..request.proposed }))
    }

    async fn create(&self, request: CreateRequest<Self>) -> Outcome<ShopModel> {
        Shop::opened(request.planned, &request.config).with_private(b"three".to_vec())
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<ShopModel> {
        let seen = String::from_utf8(request.private.clone()).unwrap();
        Outcome::state(request.state).with(Diagnostic::warning("Private", seen))
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<ShopModel> {
        Shop::opened(request.planned, &request.config)
    }

    async fn delete(&self, _: DeleteRequest<Self>) -> Outcome<ShopModel> {
        Outcome::gone()
    }

    fn identity(&self, model: &ShopModel) -> Option<ShopIdentity> {
        Some(ShopIdentity { street: model.name.clone() })
    }

    fn upgrade_identity(
        &self,
        from: i64,
        mut identity: serde_json::Value,
    ) -> Result<serde_json::Value, Diagnostics> {
        if from == 0 {
            return Err(Diagnostic::error("Too old", "Version 0 was never released.").into());
        }
        identity["street"] = identity["road"].take();
        Ok(identity)
    }

    fn upgrade_private(&self, from: u32, private: Vec<u8>) -> Result<Vec<u8>, Diagnostics> {
        Ok([private, format!(" from {from}").into_bytes()].concat())
    }

    fn move_from(&self, from: MovedFrom) -> Option<Result<Moved<ShopModel>, Diagnostics>> {
        if from.type_name != Kiosk::TYPE_NAME {
            return None;
        }
        let Some(title) = from.state["title"].as_str() else {
            return Some(Err(Diagnostic::error("No title", "A kiosk has one.").into()));
        };
        let model = ShopModel { name: title.into(), code_length: 0.into(), ..ShopModel::default() };
        Some(Ok(Moved { model, private: from.private }))
    }
}

model! {
    /// A kiosk, which may become a shop.
    struct KioskModel {
        /// The name.
        title: Attr<String> = optional(),
    }
}

struct Kiosk;

impl Resource for Kiosk {
    type Data = ();
    type Model = KioskModel;
    type Identity = Nothing;
    const TYPE_NAME: &'static str = "town_kiosk";

    async fn create(&self, request: CreateRequest<Self>) -> Outcome<KioskModel> {
        Outcome::state(request.planned).with_private(b"kiosk".to_vec())
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<KioskModel> {
        Outcome::state(request.state)
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<KioskModel> {
        Outcome::state(request.planned)
    }

    async fn delete(&self, _: DeleteRequest<Self>) -> Outcome<KioskModel> {
        Outcome::gone()
    }
}

model! {
    /// A ticket.
    struct TicketModel {
        /// Where to.
        to: Attr<String> = required().length(1..),
        /// The fare.
        fare: Attr<i64> = optional().default(3),
        /// The number.
        number: Attr<String> = computed(),
    }
}

struct Ticket;

impl EphemeralResource for Ticket {
    type Data = ();
    type Model = TicketModel;
    const TYPE_NAME: &'static str = "town_ticket";

    async fn open(&self, request: OpenRequest<Self>) -> Result<Opened<TicketModel>, Diagnostics> {
        let model = match request.asked.to.as_str() {
            Some("nowhere") => return Err(Diagnostic::error("No such place", "Go elsewhere.").into()),
            Some("elsewhere") => TicketModel { to: "here".into(), number: "1".into(), ..request.asked },
            _ => TicketModel { number: "1".into(), ..request.asked },
        };
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
        Ok(Opened::new(model).with_lease(Lease::new("1").renew_at(time)))
    }

    async fn renew(&self, request: LeaseRequest<Self>) -> Result<Lease, Diagnostics> {
        Ok(Lease::new([request.private, b"+".to_vec()].concat()).with(Diagnostic::warning("Late", "Hurry.")))
    }

    async fn close(&self, request: LeaseRequest<Self>) -> Diagnostics {
        Diagnostic::warning("Closed", String::from_utf8(request.private).unwrap()).into()
    }
}

model! {
    /// Joins words.
    ///
    /// With something between them.
    struct JoinParameters {
        /// What stands between them.
        separator: Attr<String> = optional().default(", ").length(..=3),
        /// The words.
        words: Attr<List<String>> = required(),
    }
}

struct Join;

impl Function for Join {
    type Parameters = JoinParameters;
    type Returns = String;
    const NAME: &'static str = "join";
    const VARIADIC: bool = true;

    fn call(&self, arguments: JoinParameters) -> Result<Attr<String>, FunctionError> {
        let words = arguments.words.into_known().unwrap_or_default();
        if words.iter().any(|word| word.as_str() == Some("panic")) {
            panic!("as asked");
        }
        if let Some(index) = words.iter().position(|word| word.as_str() == Some("")) {
            let place = Path::attribute("words").index(index);
            return Err(FunctionError::new("must not be empty").at(place));
        }
        let words: Vec<String> = words.into_iter().filter_map(Attr::into_known).collect();
        Ok(words.join(arguments.separator.as_str().unwrap_or_default()).into())
    }
}

model! {
    /// The first that is not null.
    struct FirstParameters {
        /// One.
        one: Attr<i64> = optional(),
        /// Another.
        other: Attr<i64> = optional(),
    }
}

struct First;

impl Function for First {
    type Parameters = FirstParameters;
    type Returns = i64;
    const NAME: &'static str = "first";
    const TAKES_UNKNOWN: bool = true;

    fn call(&self, arguments: FirstParameters) -> Result<Attr<i64>, FunctionError> {
        Ok(if arguments.one.is_null() { arguments.other } else { arguments.one })
    }
}

async fn driver() -> Driver<Town> {
    let driver = Driver::new(Town);
    let diagnostics = driver.configure(&Nothing::default()).await;
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    driver
}

fn details(diagnostics: &Diagnostics) -> Vec<&str> {
    diagnostics.iter().map(|one| one.detail.as_str()).collect()
}

#[tokio::test]
async fn a_function_takes_arguments_in_order_and_any_number_of_the_last() {
    let driver = driver().await;
    let join = async |arguments: &[&str]| {
        driver.call::<String>("join", arguments.iter().map(|&it| Value::from(it))).await
    };
    assert_eq!(join(&["-", "a", "b"]).await, Ok("a-b".into()));
    assert_eq!(join(&["-"]).await, Ok("".into()));
    let with_null = [Value::Null, "a".into(), "b".into()];
    assert_eq!(driver.call::<String>("join", with_null).await, Ok("a, b".into()));
}

#[tokio::test]
async fn a_functions_error_names_the_argument() {
    let driver = driver().await;
    let refused = async |arguments: Vec<Value>| {
        let error = driver.call::<String>("join", arguments).await.unwrap_err();
        (error.path.to_string(), error.text)
    };
    let (path, text) = refused(vec!["-".into(), "a".into(), "".into()]).await;
    assert_eq!((path.as_str(), text.as_str()), ("words[1]", "words[1]: must not be empty"));
    let (path, text) = refused(vec!["long".into()]).await;
    assert_eq!(path, "separator");
    assert!(text.contains("must have a length up to 3"), "{text}");
    assert!(!text.ends_with('.'), "Terraform adds a full stop: {text}");
    let (path, text) = refused(vec![]).await;
    assert_eq!((path.as_str(), text.as_str()), ("", "join takes 1 arguments and was given 0"));
    assert!(refused(vec!["-".into(), "panic".into()]).await.1.starts_with("Provider panicked"));
    let unknown = driver.call::<String>("leave", []).await.unwrap_err();
    assert_eq!(unknown.text, "The provider town has no function leave.");
}

#[tokio::test]
async fn a_function_may_take_what_is_unknown() {
    let driver = driver().await;
    let first = async |one: Value, other: Value| driver.call::<i64>("first", [one, other]).await;
    assert_eq!(first(Value::Null, 2.into()).await, Ok(2.into()));
    assert_eq!(first(Value::Unknown, 2.into()).await, Ok(Attr::Unknown));
    assert_eq!(first(Value::Null, Value::Null).await, Ok(Attr::Null));
}

#[tokio::test]
async fn an_ephemeral_resource_is_opened_renewed_and_closed() {
    let driver = driver().await;
    let asked = |to: &str| TicketModel { to: to.into(), ..TicketModel::default() };
    let opened = driver.open("town_ticket", &asked("rome")).await.unwrap();
    assert_eq!((opened.model.fare, opened.model.number), (3.into(), "1".into()));
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
    assert_eq!(opened.lease.renew_at, Some(time));
    let renewed = driver.renew("town_ticket", &opened.lease).await.unwrap();
    assert_eq!((renewed.renew_at, renewed.private.as_slice()), (None, &b"1+"[..]));
    assert_eq!(details(&renewed.diagnostics), ["Hurry."]);
    assert_eq!(details(&driver.close("town_ticket", &renewed).await), ["1+"]);
    let refused = driver.open("town_ticket", &asked("nowhere")).await.unwrap_err();
    assert_eq!(details(&refused), ["Go elsewhere."]);
    let invalid = driver.open("town_ticket", &asked("")).await.unwrap_err();
    assert!(details(&invalid)[0].starts_with("to must have a length"));
    let meddled = driver.open("town_ticket", &asked("elsewhere")).await.unwrap_err();
    assert!(details(&meddled)[0].starts_with(r#"town_ticket: to is "here", not "elsewhere"."#));
}

#[tokio::test]
async fn what_is_only_written_is_in_the_configuration_alone() {
    let driver = driver().await;
    let config = |code: &str, version: i64| ShopModel {
        name: "a".into(),
        code: code.into(),
        code_version: version.into(),
        ..ShopModel::default()
    };
    let made = driver.create("town_shop", &config("1234", 1)).await;
    assert!(made.diagnostics.is_empty(), "{:?}", made.diagnostics);
    let made = made.instance.unwrap();
    let state = made.model::<ShopModel>().unwrap();
    assert_eq!((state.code, state.code_length), (Attr::Null, 4.into()));
    assert!(driver.plan("town_shop", Some(&made), Some(&config("12", 1))).await.is_empty());
    let changed = driver.update("town_shop", &made, &config("12", 2)).await;
    assert_eq!(changed.model::<ShopModel>().unwrap().code_length, 2.into());
}

#[tokio::test]
async fn private_bytes_have_a_version() {
    let driver = driver().await;
    let config = ShopModel { name: "a".into(), ..ShopModel::default() };
    let made = driver.create("town_shop", &config).await.instance.unwrap();
    let read = driver.read("town_shop", &made).await;
    assert_eq!(details(&read.diagnostics), ["three"]);
    assert_eq!(read.instance.unwrap().private, made.private);
    let old = Instance { private: b"zero".to_vec(), ..made.clone() };
    let read = driver.read("town_shop", &old).await;
    assert_eq!(details(&read.diagnostics), ["zero from 0"], "bytes without a version are from before it");
    let again = driver.read("town_shop", &read.instance.unwrap()).await;
    assert_eq!(details(&again.diagnostics), ["zero from 0"], "they are carried over once");
    let mut newer = made;
    newer.private[7] = 4;
    let refused = driver.read("town_shop", &newer).await;
    assert!(
        details(&refused.diagnostics)[0].contains("has version 4, and this provider knows versions up to 3")
    );
}

#[tokio::test]
async fn identities_of_older_versions_are_carried_over() {
    let driver = driver().await;
    let upgrade = async |version: i64, json: &str| driver.upgrade_identity("town_shop", version, json).await;
    let today = Value::object([("street", Value::from("a"))]);
    assert_eq!(upgrade(2, r#"{"street": "a"}"#).await, Ok(today.clone()));
    assert_eq!(upgrade(1, r#"{"road": "a"}"#).await, Ok(today));
    let refused = async |version: i64, json: &str| {
        let diagnostics = upgrade(version, json).await.unwrap_err();
        diagnostics.iter().next().unwrap().summary.clone()
    };
    assert_eq!(refused(0, "{}").await, "Too old");
    assert_eq!(refused(3, "{}").await, "State is newer than the provider");
    assert_eq!(refused(2, "{").await, "Unreadable state");
    assert_eq!(refused(1, r#"{"road": ["a"]}"#).await, "Provider bug");
}

#[tokio::test]
async fn a_kiosk_becomes_a_shop_and_not_the_other_way_round() {
    let driver = driver().await;
    let kiosk = driver.create("town_kiosk", &KioskModel { title: "a".into() }).await.instance.unwrap();
    let shop = driver.move_from("town_shop", "town_kiosk", 0, &kiosk).await;
    assert_eq!(details(&shop.diagnostics), ["kiosk"], "the private bytes came along, and the shop was read");
    let state = shop.model::<ShopModel>().unwrap();
    assert_eq!(state.name, "a".into());
    let shop = shop.instance.unwrap();
    assert_eq!(shop.identity, Some(Value::object([("street", Value::from("a"))])));
    let config = ShopModel { name: "a".into(), ..ShopModel::default() };
    assert!(driver.plan("town_shop", Some(&shop), Some(&config)).await.is_empty());

    let back = driver.move_from("town_kiosk", "town_shop", 0, &shop).await;
    assert!(back.instance.is_none());
    assert!(details(&back.diagnostics)[0].contains("town_kiosk cannot take over the state of town_shop"));
    let untitled = driver.create("town_kiosk", &KioskModel::default()).await.instance.unwrap();
    let refused = driver.move_from("town_shop", "town_kiosk", 0, &untitled).await;
    assert_eq!(details(&refused.diagnostics), ["A kiosk has one."]);
}
