//! Defects of today's shell gates that lie in what is expanded, not in what is decided.

use serde_json::{Value, json};

use super::fixture::chatterbox;
use super::tenant;
use crate::objects::Kind;

fn everything() -> String {
    tenant(&chatterbox()).iter().map(|(_, object)| object.body.to_string()).collect()
}

fn images(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("image").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| images(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| images(value, found)),
        _ => {}
    }
}

/// 15: the gate ran in an image of somebody else's, by the tag `latest`.
#[test]
fn nothing_runs_but_the_tenant_s_image_and_the_agent_s() {
    let mut found = Vec::new();
    tenant(&chatterbox()).iter().for_each(|(_, object)| images(&object.body, &mut found));
    found.sort();
    found.dedup();
    assert_eq!(found, ["ghcr.io/example/chatterbox-tts:915ae289", crate::defaults::AGENT_IMAGE]);
}

/// 16: the gate could patch whole Deployments.
#[test]
fn a_gate_changes_one_scale_by_name_and_no_deployment() {
    let objects = tenant(&chatterbox());
    let role = objects.of_kind(Kind::Role).next().unwrap();
    let rules = role.body["rules"].as_array().unwrap();
    let changing = rules.iter().filter(|rule| rule["verbs"].as_array().unwrap().contains(&json!("patch")));
    let changing: Vec<&Value> = changing.collect();
    assert_eq!(
        changing,
        [&json!({
            "apiGroups": ["apps"], "resources": ["deployments/scale"],
            "resourceNames": ["chatterbox-tts"], "verbs": ["get", "patch"],
        })]
    );
    for verb in ["update", "delete", "*", "deletecollection", "watch"] {
        assert!(!role.body["rules"].to_string().contains(&format!("{verb:?}")), "{verb}");
    }
}

/// 21: a server sat on the GPU's node outside every budget.
#[test]
fn a_server_asks_for_its_slice_of_the_card() {
    let objects = tenant(&chatterbox());
    let deployment = objects.of_kind(Kind::Deployment).next().unwrap();
    let server = &deployment.body["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(server["resources"]["limits"]["nvidia.com/gpu"], "1");
}

/// 22: a scrape annotation pointed at a route that answers in JSON.
#[test]
fn nobody_is_told_to_scrape_a_model_server() {
    assert!(!everything().contains("prometheus.io"));
}
