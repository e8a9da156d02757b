//! What was changed outside of Terraform, and whether the apply puts it back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use gpu_stacks::review::{Input, Review, Settings, Stack, html, markdown, plan, review};
use serde_json::{Value, json};

const IMAGE: &str = "spec.template.spec.containers[server].image";
const GATE: &str = "data[gate.json]";

/// A tenant whose server's Deployment has these leaves.
fn tenant(image: &str, leaves: Value) -> Value {
    json!({"namespace": "tts", "name": "a", "image": image, "objects": {"Deployment/a": leaves.to_string()}})
}

/// The review of a tenant that somebody changed, or deleted, before this was planned for it.
fn drifted(live: &Value, planned: Value) -> Review {
    let before = tenant("a:1", json!({IMAGE: "a:1", GATE: "{\"start\":\"02:00\",\"end\":\"06:00\"}"}));
    let of = |change: Value| {
        let moved = change["actions"] == json!(["no-op"]);
        json!({"address": "gpu_windowed_service.a", "previous_address": moved.then_some("gpu_windowed_service.b"),
            "type": "gpu_windowed_service", "change": change})
    };
    let text = json!({
        "format_version": "1.2",
        "resource_drift": [of(json!({"actions": ["update"], "before": before, "after": live}))],
        "resource_changes": [of(planned)],
    });
    let plan = plan::parse(&text.to_string()).unwrap();
    let input = Input { stacks: vec![Stack { name: "a".into(), plan }], ..Input::default() };
    review(&input, &Settings { now: "2026-11-21T12:00:00Z".parse().unwrap(), from: None, zone: None })
}

fn update(live: &Value, after: &Value) -> Value {
    json!({"actions": ["update"], "before": live, "after": after})
}

#[test]
fn the_apply_puts_back_what_it_gives_another_value_and_keeps_the_rest() {
    let gate = "{\"start\":\"02:00\",\"end\":\"06:00\"}";
    let with = |image: &str, leaves: Value| {
        let mut all = json!({IMAGE: "a:hotfix", GATE: gate});
        all.as_object_mut().unwrap().extend(leaves.as_object().unwrap().clone());
        tenant(image, all)
    };
    let live = with("a:1", json!({}));
    let mut unknown = update(&live, &json!({"image": "a:1", "objects": {}}));
    unknown["after_unknown"] = json!({"objects": {"Deployment/a": true}});
    let mut all_unknown = update(&live, &json!({"image": "a:1"}));
    all_unknown["after_unknown"] = json!({"objects": true});
    let mut gone = live.clone();
    gone["objects"] = json!({});
    for (name, planned, put_back) in [
        ("what stood there", update(&live, &with("a:1", json!({IMAGE: "a:1"}))), true),
        ("a third image", update(&live, &with("a:2", json!({IMAGE: "a:2"}))), true),
        ("the hotfix written down", update(&live, &with("a:hotfix", json!({}))), false),
        ("another leaf of the object", update(&live, &with("a:1", json!({"spec.replicas": 2}))), false),
        ("the object deleted", update(&live, &gone), false),
        ("an object not known yet", unknown, true),
        ("objects not known yet", all_unknown, true),
        (
            "a replacement with the hotfix",
            json!({"actions": ["delete", "create"], "before": live, "after": with("a:hotfix", json!({}))}),
            false,
        ),
        (
            "a replacement without it",
            json!({"actions": ["delete", "create"], "before": live, "after": with("a:1", json!({IMAGE: "a:1"}))}),
            true,
        ),
        ("deleted", json!({"actions": ["delete"], "before": live, "after": null}), false),
        ("forgotten", json!({"actions": ["forget"], "before": live, "after": null}), false),
        ("only moved", json!({"actions": ["no-op"], "before": live, "after": live}), false),
    ] {
        let review = drifted(&live, planned);
        assert_eq!(review.drift.iter().map(|it| it.put_back).collect::<Vec<_>>(), [put_back], "{name}");
        let fate = if put_back { ": the apply puts it back<" } else { ": the apply does not put it back<" };
        let page = markdown::render(&review, markdown::COMMENT_LIMIT, None);
        assert!(page.contains(fate), "{name}: {page}");
        assert!(html::render(&review).contains(&fate.replace(": ", ">")), "{name}");
        let told = review.notes.iter().any(|remark| remark.text.contains("the apply puts it back"));
        assert_eq!(told, put_back, "{name}: {:?}", review.notes);
    }
}

/// A tenant's gate and a card's claims are documents, of which one line drifts and another is planned.
#[test]
fn a_document_is_put_back_by_what_drifted_in_it() {
    let gate = |start: &str, end: &str| {
        tenant("a:1", json!({IMAGE: "a:1", GATE: json!({"start": start, "end": end}).to_string()}))
    };
    let live = gate("03:00", "06:00");
    for (planned, put_back) in [(gate("03:00", "07:00"), false), (gate("02:00", "07:00"), true)] {
        assert_eq!(drifted(&live, update(&live, &planned)).drift[0].put_back, put_back, "{planned}");
    }
}

#[test]
fn what_is_gone_is_put_back_where_it_is_made_again() {
    let values = tenant("a:1", json!({IMAGE: "a:1"}));
    for (planned, put_back) in [
        (json!({"actions": ["create"], "before": null, "after": values}), true),
        (json!({"actions": ["no-op"], "before": null, "after": null}), false),
    ] {
        let review = drifted(&Value::Null, planned);
        assert_eq!((review.drift[0].gone, review.drift[0].put_back), (true, put_back));
    }
}
