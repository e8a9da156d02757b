//! How a provider changes what it keeps without losing anybody's resources: a
//! type that became another one, a state and an identity of older versions.
//!
//! `town_kiosk` was renamed to `town_shop`, whose `title` became `name`. A user
//! moves along with
//!
//! ```hcl
//! moved {
//!   from = town_kiosk.a
//!   to   = town_shop.a
//! }
//! ```
//!
//! `tests/integration/terraform.rs` does so under real terraform and tofu.

use std::process::ExitCode;

use serde_json::Value as Json;
use tfplugin::{
    Attr, Configured, CreateRequest, DeleteRequest, Diagnostic, Diagnostics, Host, Moved, MovedFrom, Nothing,
    Outcome, Provider, ReadRequest, Resource, Resources, UpdateRequest, model,
};

fn main() -> ExitCode {
    tfplugin::serve(Town)
}

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
        Resources::new().with(TownKiosk).with(TownShop)
    }
}

model! {
    /// A shop, as it was called once. Use `town_shop`.
    pub struct Kiosk {
        /// What is written above the door.
        pub title: Attr<String> = required(),
    }
}

struct TownKiosk;

impl Resource for TownKiosk {
    type Data = ();
    type Model = Kiosk;
    type Identity = Nothing;

    const TYPE_NAME: &'static str = "town_kiosk";

    async fn create(&self, request: CreateRequest<Self>) -> Outcome<Kiosk> {
        Outcome::state(request.planned)
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<Kiosk> {
        Outcome::state(request.state)
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<Kiosk> {
        Outcome::state(request.planned)
    }

    async fn delete(&self, _: DeleteRequest<Self>) -> Outcome<Kiosk> {
        Outcome::gone()
    }
}

model! {
    /// A shop.
    pub struct Shop {
        /// What is written above the door.
        pub name: Attr<String> = required(),
        /// How often it was painted.
        pub coats: Attr<i64> = optional().default(1),
    }
}

model! {
    /// Which shop it is.
    pub struct ShopIdentity {
        /// What is written above the door.
        pub name: Attr<String> = required(),
    }
}

struct TownShop;

impl Resource for TownShop {
    type Data = ();
    type Model = Shop;
    type Identity = ShopIdentity;

    const TYPE_NAME: &'static str = "town_shop";
    const VERSION: i64 = 1;
    const IDENTITY_VERSION: i64 = 1;

    async fn create(&self, request: CreateRequest<Self>) -> Outcome<Shop> {
        Outcome::state(request.planned)
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<Shop> {
        Outcome::state(request.state)
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<Shop> {
        Outcome::state(request.planned)
    }

    async fn delete(&self, _: DeleteRequest<Self>) -> Outcome<Shop> {
        Outcome::gone()
    }

    fn identity(&self, model: &Shop) -> Option<ShopIdentity> {
        Some(ShopIdentity { name: model.name.clone() })
    }

    /// Version 0 had `label` for `name`, and did not count.
    fn upgrade(&self, _: i64, mut state: Json) -> Result<Json, Diagnostics> {
        state["name"] = state["label"].take();
        state["coats"] = 1.into();
        Ok(state)
    }

    /// Version 0 had `label` for `name`.
    fn upgrade_identity(&self, _: i64, mut identity: Json) -> Result<Json, Diagnostics> {
        identity["name"] = identity["label"].take();
        Ok(identity)
    }

    fn move_from(&self, from: MovedFrom) -> Option<Result<Moved<Shop>, Diagnostics>> {
        if from.type_name != TownKiosk::TYPE_NAME {
            return None;
        }
        let moved = match from.state["title"].as_str() {
            Some(title) => Ok(Shop { name: title.into(), coats: 1.into() }.into()),
            None => {
                Err(Diagnostic::error("Kiosk without a title", "Apply the kiosk once more first.").into())
            }
        };
        Some(moved)
    }
}
