//! A state that the first provider of all wrote is read, and becomes today's by an update in place.
//!
//! `first_light/state.json` is the state file that terraform kept after an apply with the provider of commit
//! 2fb439a against a real API server, as it was. `requests.json` beside it holds what that provider sent, from which
//! `tests/e2e/upgrade.rs` makes the objects themselves again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tfplugin::testing::{Driver, Instance, Plan};
use tfplugin::{Attr, Map, Model};

use super::{CARD, FLOOR, SERVICE, told, without_cluster};
use crate::card::CardModel;
use crate::engine::Kept;
use crate::floor::FloorModel;
use crate::provider::Gpu;
use crate::service::ServiceModel;

const STATE: &str = include_str!("first_light/state.json");

/// The resource of that type, carried over to today's form.
async fn carried_over(driver: &Driver<Gpu>, type_name: &str) -> Instance {
    let file: Value = serde_json::from_str(STATE).unwrap();
    let resources = file["resources"].as_array().unwrap();
    let kept = &resources.iter().find(|it| it["type"] == type_name).unwrap()["instances"][0];
    let version = kept["schema_version"].as_i64().unwrap();
    let state = driver.upgrade(type_name, version, &kept["attributes"].to_string()).await;
    let identity = match kept["identity"].is_object() {
        true => {
            let version = kept["identity_schema_version"].as_i64().unwrap();
            let identity = driver.upgrade_identity(type_name, version, &kept["identity"].to_string()).await;
            Some(identity.unwrap())
        }
        false => None,
    };
    let private = STANDARD.decode(kept["private"].as_str().unwrap()).unwrap();
    Instance { state: state.unwrap(), private, identity }
}

/// The plan of the same configuration today.
async fn planned<M: Model>(
    driver: &Driver<Gpu>,
    type_name: &str,
    was: &Instance,
    written: impl Fn(M) -> M,
) -> Plan {
    let config = written(was.model().unwrap());
    let plan = driver.plan(type_name, Some(was), Some(&config)).await;
    assert!(!plan.diagnostics.has_errors(), "{}", told(&plan.diagnostics));
    assert_eq!(plan.replace, [], "{type_name} would be made anew");
    plan
}

/// Every object that was there stays.
fn none_goes(before: &Attr<Map<String>>, after: &Attr<Map<String>>) {
    let (before, after) = (before.known().unwrap(), after.known().unwrap());
    assert!(!before.is_empty());
    let gone: Vec<&String> = before.keys().filter(|key| !after.contains_key(*key)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

#[tokio::test]
async fn a_card_of_first_light_is_planned_in_place() {
    let driver = without_cluster().await;
    let was = carried_over(&driver, CARD).await;
    let plan =
        planned(&driver, CARD, &was, |it: CardModel| CardModel { id: Attr::Null, objects: Attr::Null, ..it })
            .await;
    let (before, after) = (was.model::<CardModel>().unwrap(), plan.model::<CardModel>().unwrap());
    none_goes(&before.objects, &after.objects);
    assert_eq!(CardModel { objects: before.objects.clone(), ..after }, before);
}

#[tokio::test]
async fn a_claim_on_a_card_of_first_light_is_planned_in_place() {
    let driver = without_cluster().await;
    let was = carried_over(&driver, FLOOR).await;
    let plan = planned(&driver, FLOOR, &was, |it: FloorModel| FloorModel {
        id: Attr::Null,
        objects: Attr::Null,
        measurement: Attr::Null,
        reading: Attr::Null,
        ..it
    })
    .await;
    let (before, after) = (was.model::<FloorModel>().unwrap(), plan.model::<FloorModel>().unwrap());
    none_goes(&before.objects, &after.objects);
    assert_eq!((after.peak, after.headroom, after.tenant), (before.peak, before.headroom, before.tenant));
}

#[tokio::test]
async fn a_tenant_of_first_light_is_planned_in_place_with_its_claim_untouched() {
    let driver = without_cluster().await;
    let was = carried_over(&driver, SERVICE).await;
    let plan = planned(&driver, SERVICE, &was, |it: ServiceModel| ServiceModel {
        id: Attr::Null,
        objects: Attr::Null,
        ..it
    })
    .await;
    let (before, after) = (was.model::<ServiceModel>().unwrap(), plan.model::<ServiceModel>().unwrap());
    none_goes(&before.objects, &after.objects);
    let claim = "PersistentVolumeClaim/chatterbox-tts-data";
    let objects = |it: &ServiceModel| it.objects.known().unwrap().clone();
    assert!(objects(&before).contains_key(claim));
    assert_eq!(objects(&after)[claim], objects(&before)[claim]);
    let replicas =
        |it: &ServiceModel| objects(it)["Deployment/chatterbox-tts"].as_str().unwrap().contains("replicas");
    assert!(!replicas(&before) && !replicas(&after), "the replicas are the gate's");
    assert_eq!(ServiceModel { objects: before.objects.clone(), ..after }, before);
}

/// What it remembers of its objects, so that an update knows them again by their uids.
#[tokio::test]
async fn what_first_light_remembered_is_still_read() {
    let driver = without_cluster().await;
    for type_name in [CARD, FLOOR, SERVICE] {
        let kept = Kept::read(&carried_over(&driver, type_name).await.private);
        assert!(!kept.objects.is_empty(), "{type_name} forgot its objects");
        assert!(kept.objects.values().all(|object| object.uid.len() == 36 && object.fields.len() == 16));
    }
    let kept = Kept::read(&carried_over(&driver, SERVICE).await.private);
    assert!(kept.objects["PersistentVolumeClaim/chatterbox-tts-data"].retained);
}
