//! What Terraform lets go of (`removed` with `destroy = false`) stays in the cluster and on its card.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use gpu_stacks::review::model::{Action, CardReview};
use gpu_stacks::review::{Input, Review, Settings, Stack, html, markdown, plan, review};
use serde_json::{Value, json};

fn of(stacks: Vec<(&str, Vec<Value>)>) -> Review {
    let stack = |(name, changes): (&str, Vec<Value>)| {
        let text = json!({"format_version": "1.2", "resource_changes": changes}).to_string();
        Stack { name: name.to_owned(), plan: plan::parse(&text).unwrap() }
    };
    let input = Input { stacks: stacks.into_iter().map(stack).collect(), ..Input::default() };
    review(&input, &Settings { now: "2026-11-21T12:00:00Z".parse().unwrap(), from: None, zone: None })
}

fn change(address: &str, action: &str, before: &Value, after: &Value) -> Value {
    let kind = address.split('.').next().unwrap();
    json!({"address": address, "type": kind,
        "change": {"actions": [action], "before": before, "after": after, "after_unknown": {}}})
}

fn forgotten(address: &str, before: &Value) -> Value {
    change(address, "forget", before, &Value::Null)
}

fn card() -> Value {
    json!({"name": "card", "node": "n", "index": 0, "memory": "15360MiB"})
}

fn floor(name: &str, peak: &str) -> Value {
    json!({"card": "card", "tenant": format!("tts/{name}"), "peak": peak, "headroom": "1GiB",
        "objects": {"ConfigMap/card.card.declared": "{}"}})
}

fn service(name: &str) -> Value {
    let leaves = json!({"spec.template.spec.containers[server].resources.limits[nvidia.com/gpu]": "1"});
    json!({"namespace": "tts", "name": name, "image": "i", "vram_floor": format!("tts/{name}"),
        "windows": {"night": {"start": "22:00", "end": "23:00", "time_zone": "UTC"}},
        "storage": {"size": "1Gi", "mount_path": "/d", "deletion_policy": "delete"},
        "objects": {format!("Deployment/{name}"): leaves.to_string(), format!("PersistentVolumeClaim/{name}"): "{}"}})
}

/// `tts/old` is forgotten, and `tts/new` comes beside it.
fn tenant_forgotten() -> Review {
    let nothing = Value::Null;
    of(vec![
        ("fleet", vec![change("gpu_card.card", "no-op", &card(), &card())]),
        (
            "old",
            vec![
                forgotten("gpu_vram_floor.old", &floor("old", "10GiB")),
                forgotten("gpu_windowed_service.old", &service("old")),
            ],
        ),
        (
            "new",
            vec![
                change("gpu_vram_floor.new", "create", &nothing, &floor("new", "6GiB")),
                change("gpu_windowed_service.new", "create", &nothing, &service("new")),
            ],
        ),
    ])
}

fn claims(card: &CardReview, tenant: &str) -> (Option<u64>, Option<u64>) {
    let claim = card.claims.iter().find(|claim| claim.tenant == tenant).unwrap();
    (claim.before.as_ref().map(|it| it.peak_mib), claim.after.as_ref().map(|it| it.peak_mib))
}

#[test]
fn what_is_forgotten_goes_on_counting_on_its_card() {
    let review = tenant_forgotten();
    let card = &review.cards[0];
    assert_eq!(claims(card, "tts/old"), (Some(10 << 10), Some(10 << 10)));
    let night = card.days[0].spans.iter().find(|span| span.from == "22:00").unwrap();
    assert_eq!(night.after.tenants.keys().collect::<Vec<_>>(), ["tts/new", "tts/old"]);
    let told: Vec<&str> = review.look.iter().map(|remark| remark.text.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("tts/new, tts/old would leave -1,024 MiB"), "{told:?}");
}

#[test]
fn nothing_of_what_is_forgotten_is_deleted_and_the_page_says_that_it_stays() {
    let review = tenant_forgotten();
    assert!(review.losses.is_empty(), "{:?}", review.losses);
    let old = review.tenants.iter().find(|tenant| tenant.tenant == "tts/old").unwrap();
    assert_eq!((old.action, &old.before), (Action::Forget, &old.after));
    for resource in &old.resources {
        assert_eq!((resource.action, resource.objects.len()), (Action::Forget, 0), "{resource:?}");
    }
    let (markdown, html) = (markdown::render(&review, markdown::COMMENT_LIMIT, None), html::render(&review));
    for page in [&markdown, &html] {
        assert!(!page.contains("Deployment/old") && !page.contains("Claim/old"), "{page}");
    }
    let tenant = |page: &str, from: &str, to: &str| {
        let (_, rest) = page.split_once(from).unwrap();
        let (_, tenant) = rest.split_once("<code>tts/old</code>").unwrap();
        tenant.split_once(to).unwrap().0.to_owned()
    };
    insta::assert_snapshot!(tenant(&markdown, "### Tenants", "</details>"), @r"
    </summary>

    on a card, 22:00-23:00 UTC, 10,240 MiB peak (guessed) + 1,024 MiB headroom on card

    ```diff
    ! gpu_vram_floor.old
    ! it stays in the cluster, and this stack no longer looks after it
    ! gpu_windowed_service.old
    ! it stays in the cluster, and this stack no longer looks after it
    ```
    ");
    insta::assert_snapshot!(tenant(&html, "<h2 id=\"tenants-h\">", "</details>"), @r#"
    </summary>
    <p>on a card, 22:00-23:00 UTC, 10,240 MiB peak (guessed) + 1,024 MiB headroom on card</p>
    <h4><span class="tag plain">forget</span> <code>gpu_vram_floor.old</code> <small>in old</small></h4>
    <p>It stays in the cluster, and this stack no longer looks after it.</p>
    <h4><span class="tag plain">forget</span> <code>gpu_windowed_service.old</code> <small>in old</small></h4>
    <p>It stays in the cluster, and this stack no longer looks after it.</p>
    "#);
    let told = "Delete what Terraform forgets (gpu_vram_floor.old of old, gpu_windowed_service.old of old): it stays in \
                the cluster, and Terraform no longer looks after it, unless another stack takes it up.";
    assert!(review.will_not.iter().any(|it| it == told), "{:?}", review.will_not);
    for said in [&markdown.replace('\\', ""), &html, &json!(review).to_string()] {
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn a_card_that_is_forgotten_stays_and_so_does_what_is_no_tenant_s() {
    let review = of(vec![(
        "fleet",
        vec![forgotten("gpu_card.card", &card()), forgotten("x.y", &json!({"objects": {"Secret/x": "{}"}}))],
    )]);
    assert!(review.cards.is_empty() && review.look.is_empty(), "{:?}", review.cards);
    assert!(review.others.iter().all(|it| it.objects.is_empty()), "{:?}", review.others);
    assert_eq!(review.counts.resources[&Action::Forget], 2);
}

/// A tenant that leaves one stack for another is forgotten there and imported here.
#[test]
fn what_another_stack_takes_up_counts_as_it_is_there() {
    let lets_go = || ("a", vec![forgotten("gpu_vram_floor.x", &floor("x", "4GiB"))]);
    let takes_up = |name| {
        let mut taken = change("gpu_vram_floor.x", "update", &floor("x", "4GiB"), &floor("x", "6GiB"));
        taken["change"]["importing"] = json!({"id": "tts/x"});
        (name, vec![taken])
    };
    for stacks in [vec![lets_go(), takes_up("b")], vec![takes_up("b"), lets_go()]] {
        let review = of(stacks);
        assert_eq!(claims(&review.cards[0], "tts/x"), (Some(4 << 10), Some(6 << 10)));
    }
}
