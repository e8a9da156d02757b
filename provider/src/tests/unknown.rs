//! Values of other resources that do not exist yet.

use tfplugin::Attr;

use super::{CARD, FLOOR, SERVICE, chatterbox, claim, t4, texts, told, without_cluster};
use crate::card::CardModel;
use crate::floor::FloorModel;
use crate::service::ServiceModel;

fn unknown_objects(model: &ServiceModel) -> Vec<&str> {
    let objects = model.objects.known().expect("objects must be known as a whole");
    objects.iter().filter(|(_, text)| text.is_unknown()).map(|(key, _)| key.as_str()).collect()
}

#[tokio::test]
async fn an_unknown_variable_hides_only_the_deployment() {
    let driver = without_cluster().await;
    let mut config = chatterbox();
    config.env = Attr::Known([("URL".to_owned(), Attr::Unknown)].into());
    let plan = driver.plan(SERVICE, None, Some(&config)).await;
    assert!(plan.diagnostics.is_empty(), "{}", told(&plan.diagnostics));
    let planned: ServiceModel = plan.model().unwrap();
    assert_eq!(unknown_objects(&planned), ["Deployment/chatterbox-tts"]);
    assert_eq!(planned.id, "tts/chatterbox-tts".into());
}

#[tokio::test]
async fn unknown_maps_and_claims_reach_what_they_may_reach() {
    let driver = without_cluster().await;
    let config = ServiceModel { env: Attr::Unknown, vram_floor: Attr::Unknown, ..chatterbox() };
    let planned: ServiceModel = driver.plan(SERVICE, None, Some(&config)).await.model().unwrap();
    assert_eq!(unknown_objects(&planned), ["Deployment/chatterbox-tts"]);
}

#[tokio::test]
async fn unknown_windows_or_names_hide_the_set_of_objects() {
    let driver = without_cluster().await;
    for config in [
        ServiceModel { windows: Attr::Unknown, ..chatterbox() },
        ServiceModel { namespace: Attr::Unknown, vram_floor: Attr::Unknown, ..chatterbox() },
        ServiceModel { storage: Attr::Unknown, ..chatterbox() },
    ] {
        let plan = driver.plan(SERVICE, None, Some(&config)).await;
        assert!(plan.diagnostics.is_empty(), "{}", told(&plan.diagnostics));
        let planned: ServiceModel = plan.model().unwrap();
        assert_eq!(planned.objects, Attr::Unknown);
    }
}

#[tokio::test]
async fn what_is_known_is_checked_beside_what_is_not() {
    let driver = without_cluster().await;
    let config =
        ServiceModel { image: Attr::Unknown, requests: texts(&[("memory", "6 GB")]), ..chatterbox() };
    let said = driver.validate(SERVICE, &config).await;
    assert_eq!(said.iter().count(), 1, "{}", told(&said));
    assert!(told(&said).starts_with("requests[\"memory\"]"), "{}", told(&said));
}

#[tokio::test]
async fn every_single_attribute_may_be_unknown() {
    use tfplugin::{Model, Path, Value};
    let driver = without_cluster().await;
    let models = [(CARD, t4().to_value()), (FLOOR, claim().to_value()), (SERVICE, chatterbox().to_value())];
    for (type_name, value) in models {
        let Value::Object(attributes) = &value else { panic!("{value:?}") };
        let set = attributes.iter().filter(|(_, value)| !value.is_null());
        for (name, _) in set {
            let mut attributes = attributes.clone();
            attributes.insert(name.clone(), Value::Unknown);
            let value = Value::Object(attributes);
            let plan = match type_name {
                CARD => {
                    driver
                        .plan(type_name, None, CardModel::from_value(value, &Path::root()).ok().as_ref())
                        .await
                }
                FLOOR => {
                    driver
                        .plan(type_name, None, FloorModel::from_value(value, &Path::root()).ok().as_ref())
                        .await
                }
                _ => {
                    driver
                        .plan(type_name, None, ServiceModel::from_value(value, &Path::root()).ok().as_ref())
                        .await
                }
            };
            assert!(plan.diagnostics.is_empty(), "{type_name}.{name}: {}", told(&plan.diagnostics));
        }
    }
}
