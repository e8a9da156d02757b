//! The review of real plans: what people see, what programs read, and what is never printed.
//!
//! The plans in `tests/review` were written by terraform and this project's provider under
//! terragrunt; `tests/review/README.md` says how.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use gpu_stacks::fit::Verdict;
use gpu_stacks::review::model::{Action, Span};
use gpu_stacks::review::{Input, Review, Settings, Stack, gather, html, markdown, plan, review, svg};
use serde_json::{Value, json};

fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/review").join(case)
}

fn settings() -> Settings {
    Settings { now: "2026-11-21T12:00:00Z".parse().unwrap(), from: None, zone: None }
}

fn reviewed(case: &str) -> Review {
    let folder = folder(case);
    let live = folder.join("live");
    let fleet = live.is_dir().then(|| gpu_stacks::load(&live).unwrap_or_else(|p| panic!("{}", p[0].line())));
    let report = folder.join("report.json");
    let input = gather(&[folder.join("plans")], Some(&report), fleet).unwrap_or_else(|p| panic!("{p:?}"));
    review(&input, &settings())
}

fn all_renderings(review: &Review) -> [String; 4] {
    [
        markdown::render(review, markdown::COMMENT_LIMIT, None),
        html::render(review),
        svg::render(review),
        format!("{:#}\n", json!(review)),
    ]
}

/// A page without its style and the version of the program.
fn page(text: &str) -> String {
    let (head, rest) = text.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    format!("{head}{body}").replace(concat!("gpu-stacks ", env!("CARGO_PKG_VERSION")), "gpu-stacks VERSION")
}

/// What a page's looks promise: a phone's width, the dark, and a keyboard.
#[test]
fn the_style_has_a_form_for_phones_for_the_dark_and_for_keyboards() {
    let [_, html, svg, _] = all_renderings(&reviewed("pull-request"));
    let style =
        |text: &str| text.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0.to_owned();
    insta::assert_snapshot!("page.css", style(&html));
    insta::assert_snapshot!("picture.css", style(&svg));
}

/// One plan with these changes of resources.
fn stack(name: &str, changes: Value) -> Stack {
    let text = json!({"format_version": "1.2", "resource_changes": changes}).to_string();
    Stack { name: name.to_owned(), plan: plan::parse(&text).unwrap() }
}

fn of(stacks: Vec<Stack>) -> Review {
    review(&Input { stacks, ..Input::default() }, &settings())
}

#[test]
fn a_pull_request_as_people_and_programs_see_it() {
    let [markdown, html, svg, json] = all_renderings(&reviewed("pull-request"));
    insta::assert_snapshot!("pull_request.md", markdown);
    insta::assert_snapshot!("pull_request.html", page(&html));
    insta::assert_snapshot!("pull_request.svg", page(&svg));
    insta::assert_snapshot!("pull_request.json", json);
}

#[test]
fn the_committed_schema_is_that_of_the_json() {
    let committed = std::fs::read_to_string(folder("../../../docs/review.schema.json")).unwrap();
    assert!(committed == gpu_stacks::schema::review(), "gpu-stacks schema review > docs/review.schema.json");
    let schema: Value = serde_json::from_str(&committed).unwrap();
    let properties: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let review = json!(reviewed("losses"));
    assert_eq!(review.as_object().unwrap().keys().collect::<Vec<_>>(), properties);
}

/// The size of a card that declares none: `fit` counts that of its model, and so does a review.
#[test]
fn a_card_that_declares_no_size_has_that_of_its_model() {
    let mut fleet =
        gpu_stacks::load(&folder("pull-request/live")).unwrap_or_else(|p| panic!("{}", p[0].line()));
    let name = fleet.cards.keys().next().unwrap().clone();
    fleet.cards.values_mut().for_each(|card| card.memory_mib = None);
    let plans = [folder("pull-request/plans/whisper")];
    let sizes = |fleet| {
        let review =
            review(&gather(&plans, None, Some(fleet)).unwrap_or_else(|p| panic!("{p:?}")), &settings());
        (review.cards[0].verdict_after, markdown::render(&review, markdown::COMMENT_LIMIT, None))
    };
    let (verdict, page) = sizes(fleet.clone());
    assert_eq!(verdict, Verdict::Unknown);
    assert!(page.contains("\nSize not declared, of which"), "{page}");
    fleet.models.insert(name, "T4".parse().unwrap());
    let (verdict, page) = sizes(fleet);
    assert_ne!(verdict, Verdict::Unknown);
    assert!(page.contains("\n15,360 MiB, as a T4 usually has, of which"), "{page}");
}

/// What is short from midnight to midnight has room for words at neither side of its block.
#[test]
fn a_shortage_of_a_whole_day_is_told_within_the_picture() {
    let mut review = reviewed("pull-request");
    let days = review.cards.iter_mut().flat_map(|card| &mut card.days);
    let refuses = |span: &Span| span.after.verdict == Verdict::Refuses;
    let day = days.into_iter().find(|day| day.spans.iter().any(refuses)).unwrap();
    day.spans.retain(refuses);
    day.spans.truncate(1);
    (day.spans[0].from_minute, day.spans[0].to_minute) = (0, day.minutes);
    let picture = svg::render(&review);
    // At the upper right, above the panel, whose right edge this is.
    let told = "<text class=\"short\" x=\"840.0\" y=\"-7.0\" text-anchor=\"end\">450 MiB short</text>";
    assert!(picture.contains(told), "{picture}");
}

#[test]
fn losses_stand_first_with_their_cause_and_failures_apart() {
    let review = reviewed("losses");
    insta::assert_snapshot!("losses.md", markdown::render(&review, markdown::COMMENT_LIMIT, None));
    insta::assert_snapshot!("losses.html", page(&html::render(&review)));
}

/// The token stands in a sensitive variable; terraform marks it in `args`, and
/// nobody marks it in the provider's `objects`.
#[test]
fn a_sensitive_value_is_in_the_plan_and_in_no_rendering() {
    let plan = std::fs::read_to_string(folder("losses/plans/kokoro/tfplan.json")).unwrap();
    assert!(plan.matches("hunter2-of-kokoro").count() > 1, "the fixture lost its secret");
    for text in all_renderings(&reviewed("losses")) {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn no_value_of_a_plan_becomes_markup() {
    let evil = "`</code><script>alert(1)</script>|@team ![x](http://x)\n## heading \u{202e}\u{0}";
    let review = of(vec![stack(
        "e<b>vil`|",
        json!([
            {"address": format!("x.{evil}"), "type": "x", "change": {"actions": ["update"],
                "before": {"a": "1", evil: 1}, "after": {"a": evil, evil: 2}}},
            {"address": format!("y[\"{evil}\"]"), "type": "y", "change": {"actions": ["delete", "create"],
                "before": {"a": evil}, "after": {"a": 1}, "replace_paths": [["a", evil]]}},
        ]),
    )]);
    let [markdown, html, svg, _] = all_renderings(&review);
    for markup in [&html, &svg] {
        assert!(!markup.contains("<script") && !markup.contains("<b>vil"), "{markup}");
    }
    assert!(!markdown.contains("\n## heading") && !markdown.contains('\u{202e}'), "{markdown}");
    insta::assert_snapshot!(markdown);
}

#[test]
fn an_html_page_loads_nothing_and_closes_what_it_opens() {
    for case in ["pull-request", "losses"] {
        let page = html::render(&reviewed(case));
        for outside in ["src=", "href=\"http", "url(http", "@import", "<script", "<link"] {
            assert!(!page.contains(outside), "{outside}");
        }
        let mut open: Vec<&str> = Vec::new();
        let body = page.split_once("<body>").unwrap().1.split_once("</body>").unwrap().0;
        for tag in body.split('<').skip(1) {
            let name = tag
                .split(|c: char| c == '>' || c == '/' && !tag.starts_with('/') || c.is_whitespace())
                .next();
            let closed = tag.split('>').next().unwrap().ends_with('/');
            match name.unwrap() {
                "wbr" => {}
                name if name.starts_with('/') => assert_eq!(open.pop(), Some(&name[1..])),
                name if !closed => open.push(name),
                _ => {}
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn an_exporter_that_goes_says_what_becomes_of_its_cards() {
    for actions in [json!(["delete"]), json!(["delete", "create"])] {
        let change =
            json!({"actions": actions, "before": {"name": "gpu-exporter"}, "after": {"name": "other"}});
        let review = of(vec![stack(
            "fleet",
            json!([{"address": "gpu_exporter.gpu-exporter", "type": "gpu_exporter", "change": change}]),
        )]);
        let text = markdown::render(&review, markdown::COMMENT_LIMIT, None);
        assert!(text.contains("its cards' figures are unknown: nobody is admitted"), "{text}");
    }
}

fn deletions(number: usize) -> Vec<Stack> {
    let delete = |index: usize| {
        let change = json!({"actions": ["delete"], "before": {"id": "x"}, "after": null});
        stack(
            &format!("stack-{index}"),
            json!([{"address": format!("x.y{index}"), "type": "x", "change": change,
            "action_reason": "delete_because_no_resource_config"}]),
        )
    };
    (0..number).map(delete).collect()
}

#[test]
fn a_comment_holds_every_deletion_and_never_more_than_its_limit() {
    for (number, more) in [(10, 0), (600, 400), (1_500, 2_000)] {
        let mut stacks = deletions(number);
        for index in 0..more {
            let change = json!({"actions": ["update"], "before": {"a": "b".repeat(100)}, "after": {"a": "c".repeat(100)}});
            stacks.push(stack(
                &format!("more-{index}"),
                json!([{"address": "z.z", "type": "z", "change": change}]),
            ));
        }
        let review = of(stacks);
        assert_eq!(review.losses.len(), number);
        let text = markdown::render(&review, markdown::COMMENT_LIMIT, Some("https://ci.example.org/1"));
        assert!(text.len() <= markdown::COMMENT_LIMIT, "{} bytes", text.len());
        for index in 0..number {
            let compact = format!("stack-{index}:x.y{index}");
            let long = format!("`x.y{index}`");
            assert!(text.contains(&long) || text.contains(&compact), "{number}: {index} is left out");
        }
        assert_eq!(text.contains("[the whole page](https://ci.example.org/1) has them"), more > 0);
    }
}

/// A tenant that is alone on its card and does not fit.
fn misfit() -> Stack {
    let card = json!({"name": "card", "node": "n", "index": 0, "memory": "4GiB"});
    let floor = json!({"card": "card", "tenant": "tts/t", "peak": "4GiB", "headroom": "1GiB"});
    let service = json!({"namespace": "tts", "name": "t", "image": "i", "vram_floor": "tts/t",
        "windows": {"night": {"start": "22:00", "end": "03:00", "time_zone": "Europe/London"}}});
    let create = |kind: &str, after: Value| {
        let change = json!({"actions": ["create"], "before": null, "after": after});
        json!({"address": format!("{kind}.x"), "type": kind, "change": change})
    };
    let resources = [("gpu_card", card), ("gpu_vram_floor", floor), ("gpu_windowed_service", service)];
    stack("s", Value::Array(resources.into_iter().map(|(kind, after)| create(kind, after)).collect()))
}

/// Checks that fail, each with a long message.
fn failing_checks(number: usize) -> Stack {
    let check = |index: usize| {
        json!({"address": {"to_display": format!("check.c{index}")}, "status": "fail",
            "instances": [{"problems": [{"message": "the budget is exceeded ".repeat(8)}]}]})
    };
    let checks: Vec<Value> = (0..number).map(check).collect();
    let plan = plan::parse(&json!({"format_version": "1.2", "checks": checks}).to_string()).unwrap();
    Stack { name: "checked".into(), plan }
}

#[test]
fn a_comment_of_a_thousand_remarks_or_deletions_keeps_its_limit_and_says_what_it_leaves_out() {
    let review = of(vec![failing_checks(1_000)]);
    assert_eq!(review.look.len(), 1_000);
    let text = markdown::render(&review, markdown::COMMENT_LIMIT, None);
    assert!(text.len() <= markdown::COMMENT_LIMIT, "{} bytes", text.len());
    assert!(text.contains("1000 things to look at") && text.contains("remarks not shown here"), "{text}");
    let text = markdown::render(&of(deletions(5_000)), markdown::COMMENT_LIMIT, None);
    assert!(text.len() <= markdown::COMMENT_LIMIT, "{} bytes", text.len());
    assert!(text.contains("**5000 resources are deleted or replaced, more than a comment can name"));
}

/// What the provider refuses at the apply is said before the merge.
#[test]
fn a_tenant_that_moves_to_another_card_is_to_be_asleep() {
    let moved = |schedule: Value, actions: &str| {
        let floor = |card: &str| json!({"card": card, "tenant": "tts/t", "peak": "4GiB", "headroom": "1GiB"});
        let mut service = json!({"namespace": "tts", "name": "t", "image": "i", "vram_floor": "tts/t",
            "storage": {"size": "1Gi", "mount_path": "/d"}});
        service.as_object_mut().unwrap().extend(schedule.as_object().unwrap().clone());
        let change = |kind: &str, before: Value, after: Value| {
            let change = json!({"actions": [actions], "before": before, "after": after});
            json!({"address": format!("{kind}.x"), "type": kind, "change": change})
        };
        let changes = [
            change("gpu_vram_floor", floor("a"), floor(if actions == "update" { "b" } else { "a" })),
            change("gpu_windowed_service", service.clone(), service),
        ];
        of(vec![stack("s", json!(changes))]).will_not.join("\n")
    };
    let night = json!({"windows": {"night": {"start": "22:00", "end": "23:00", "time_zone": "UTC"}}});
    let told = moved(night.clone(), "update");
    assert!(
        told.contains("Move tts/t from card a to b while it is awake: it is refused then. Apply while"),
        "{told}"
    );
    assert!(told.contains("bound to the old node, the pod stays Pending."), "{told}");
    let always = moved(json!({"always": true}), "update");
    assert!(always.contains("Move tts/t from card a to b without a restart. Its claim"), "{always}");
    assert!(!moved(night, "no-op").contains("Move"));
}

/// `--filter-affected` plans the changed stacks alone; the others live on the card all the same.
#[test]
fn who_was_not_planned_is_counted_from_the_live_repository() {
    let folder = folder("pull-request");
    let fleet = gpu_stacks::load(&folder.join("live")).unwrap_or_else(|p| panic!("{}", p[0].line()));
    let whisper = [folder.join("plans/whisper/tfplan.json")];
    let with = review(&gather(&whisper, None, Some(fleet)).unwrap(), &settings());
    let told: Vec<&str> = with.look.iter().map(|remark| remark.text.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("stt/whisper, tts/chatterbox would leave 1,598 MiB"), "{told:?}");
    let alone = review(&gather(&whisper, None, None).unwrap(), &settings());
    assert!(alone.look.is_empty());
    let text = markdown::render(&alone, markdown::COMMENT_LIMIT, None);
    assert!(text.contains("What is left cannot be said"), "{text}");
}

/// The words of terragrunt's report on a branch that removes a stack, planned without `--filter-allow-destroy`.
#[test]
fn a_stack_that_goes_and_is_not_planned_needs_a_person() {
    let report = r#"[{"Reason": "exclude block", "Name": "stacks/b", "Result": "excluded", "Ref": "main",
        "Cmd": "plan", "Args": ["-input=false", "-destroy"]},
        {"Reason": "exclude block", "Name": "stacks/c", "Result": "excluded", "Cmd": "plan", "Args": []}]"#;
    let runs = gpu_stacks::review::run_report::parse(report).unwrap();
    let review = review(&Input { runs, ..Input::default() }, &settings());
    let told: Vec<&str> = review.look.iter().map(|remark| remark.text.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("stacks/b could not be planned: these commits remove it"), "{told:?}");
    assert!(told[0].contains("--filter-allow-destroy"), "{told:?}");
}

/// A plan that destroys a whole stack gives no reason for anything in it; the report does.
#[test]
fn what_goes_with_its_stack_says_so() {
    let delete = json!({"actions": ["delete"], "before": {"id": "x"}, "after": null});
    let gone = || stack("b", json!([{"address": "x.y", "type": "x", "change": delete}]));
    let report = r#"[{"Name": "b", "Result": "succeeded", "Cmd": "plan", "Args": ["-destroy"]}]"#;
    let runs = gpu_stacks::review::run_report::parse(report).unwrap();
    let told = review(&Input { stacks: vec![gone()], runs, ..Input::default() }, &settings());
    assert_eq!(told.losses[0].cause, "these commits remove its stack");
    let untold = of(vec![gone()]);
    assert_eq!(untold.losses[0].cause, "the plan says no reason, as one that destroys the whole stack");
}

/// Where no window says which zone a card's people read, their fleet does.
#[test]
fn a_card_without_windows_is_told_in_the_zone_of_the_fleet() {
    let fleet = gpu_stacks::load(&folder("pull-request/live")).unwrap_or_else(|p| panic!("{}", p[0].line()));
    let card = json!({"actions": ["create"], "before": null,
        "after": {"name": "new", "node": "n", "index": 0, "memory": "4GiB"}});
    let made = || stack("fleet", json!([{"address": "gpu_card.new", "type": "gpu_card", "change": card}]));
    let zone = |fleet| {
        let review = review(&Input { stacks: vec![made()], fleet, ..Input::default() }, &settings());
        review.cards.into_iter().find(|card| card.card == "new").unwrap().time_zone
    };
    assert_eq!((zone(Some(fleet)).as_str(), zone(None).as_str()), ("Europe/London", "UTC"));
}

/// A card of 15,360 MiB with a resident, on which one tenant lives: what of each is asked for, before and after.
fn grown(before: [&str; 4], after: [&str; 4]) -> Review {
    let card = |[memory, resident, ..]: [&str; 4]| {
        json!({"name": "card", "node": "n", "index": 0, "memory": memory,
            "residents": {"llama": {"namespace": "llama", "peak": resident, "protected": true},
                "immich": {"namespace": "immich", "peak": "4GiB"}}})
    };
    let floor = |[_, _, peak, headroom]: [&str; 4]| json!({"card": "card", "tenant": "tts/t", "peak": peak, "headroom": headroom});
    let service = |_: [&str; 4]| {
        json!({"namespace": "tts", "name": "t", "image": "i", "vram_floor": "tts/t",
            "windows": {"night": {"start": "22:00", "end": "23:00", "time_zone": "UTC"}}})
    };
    let change = |kind: &str, of: &dyn Fn([&str; 4]) -> Value| {
        let change = json!({"actions": ["update"], "before": of(before), "after": of(after)});
        json!({"address": format!("{kind}.x"), "type": kind, "change": change})
    };
    let changes = [
        change("gpu_card", &card),
        change("gpu_vram_floor", &floor),
        change("gpu_windowed_service", &service),
    ];
    of(vec![stack("s", json!(changes))])
}

#[test]
fn what_did_not_fit_and_fits_even_less_is_told() {
    use gpu_stacks::review::model::RemarkKind::{DoesNotFit, ResidentMayFail};
    let refused = ["15360MiB", "10GiB", "4GiB", "2GiB"];
    let fails = ["15360MiB", "6GiB", "5GiB", "2GiB"];
    for (before, after, kind) in [
        (refused, ["15360MiB", "10GiB", "4GiB", "3GiB"], Some(DoesNotFit)),
        (refused, ["15360MiB", "11GiB", "4GiB", "2GiB"], Some(DoesNotFit)),
        (refused, ["14GiB", "10GiB", "4GiB", "2GiB"], Some(DoesNotFit)),
        (refused, ["15360MiB", "10GiB", "4GiB", "1500MiB"], None),
        (refused, ["16GiB", "10GiB", "4GiB", "2GiB"], None),
        (fails, ["15GiB", "6656MiB", "5GiB", "2GiB"], Some(ResidentMayFail)),
        (fails, ["15360MiB", "6GiB", "5GiB", "3GiB"], None),
        (fails, ["15360MiB", "5632MiB", "5GiB", "2GiB"], None),
    ] {
        let review = grown(before, after);
        let kinds: Vec<_> = review.look.iter().map(|remark| remark.kind).collect();
        assert_eq!(kinds, Vec::from_iter(kind), "{before:?} to {after:?}: {:?}", review.look);
    }
    // A size that was not known and turns out to be too small.
    let mut unknown = refused;
    unknown[0] = "";
    assert_eq!(grown(unknown, refused).look.len(), 1);
}

/// As `fit` has it: the device plugin offers two slices, and a pull request takes a third.
#[test]
fn more_slices_than_there_are_are_told() {
    let mut fleet =
        gpu_stacks::load(&folder("pull-request/live")).unwrap_or_else(|p| panic!("{}", p[0].line()));
    fleet.slices.insert("t4".parse().unwrap(), 1);
    let plans = [folder("pull-request/plans/whisper")];
    let with = |fleet| review(&gather(&plans, None, Some(fleet)).unwrap(), &settings());
    let told = with(fleet.clone());
    let short = &told.cards[0].without_slice;
    assert_eq!(short.iter().map(|it| (it.wanted, it.offered)).collect::<Vec<_>>(), [(2, 1)]);
    let texts: Vec<&str> = told.look.iter().map(|remark| remark.text.as_str()).collect();
    assert!(
        texts.iter().any(|text| text.contains("want 2 slices together and the device plugin offers 1")),
        "{texts:?}"
    );
    fleet.slices.insert("t4".parse().unwrap(), 2);
    assert!(with(fleet).cards[0].without_slice.is_empty());
}

#[test]
fn a_tenant_that_two_stacks_claim_is_told() {
    let review = of(vec![misfit(), Stack { name: "again".into(), ..misfit() }]);
    assert_eq!(review.look.len(), 1, "{:?}", review.look);
    let told: Vec<&str> = review.notes.iter().map(|remark| remark.text.as_str()).collect();
    assert_eq!(
        told.iter().filter(|text| text.contains("another resource declares the same")).count(),
        3,
        "{told:?}"
    );
}

#[test]
fn nothing_to_do_is_said_and_needs_nobody() {
    let change = json!({"actions": ["no-op"], "before": {"a": 1}, "after": {"a": 1}});
    let review = of(vec![stack("a", json!([{"address": "x.y", "type": "x", "change": change}]))]);
    assert!(review.look.is_empty() && review.rollback.is_empty());
    insta::assert_snapshot!(markdown::render(&review, markdown::COMMENT_LIMIT, None));
}

#[test]
fn drift_stands_on_its_own_and_says_whether_the_apply_puts_it_back() {
    let objects = |image: &str| json!({"Deployment/a": json!({"spec.template.spec.containers[server].image": image}).to_string()});
    let values = |image: &str| json!({"image": "a:1", "objects": objects(image)});
    let drift = json!({"format_version": "1.2",
    "resource_changes": [{"address": "gpu_windowed_service.a", "type": "gpu_windowed_service",
        "change": {"actions": ["update"], "before": values("a:hotfix"), "after": values("a:1")}}],
    "resource_drift": [
        {"address": "gpu_windowed_service.a", "type": "gpu_windowed_service",
         "change": {"actions": ["update"], "before": values("a:1"), "after": values("a:hotfix")}},
        {"address": "x.gone", "type": "x", "change": {"actions": ["delete"], "before": {"a": 1}, "after": null}},
    ]});
    let plan = plan::parse(&drift.to_string()).unwrap();
    let review = of(vec![Stack { name: "a".into(), plan }]);
    assert_eq!(
        review.drift.iter().map(|it| (it.gone, it.put_back)).collect::<Vec<_>>(),
        [(false, true), (true, false)]
    );
    assert!(review.losses.is_empty(), "what is gone already is not deleted by the apply");
    let text = markdown::render(&review, markdown::COMMENT_LIMIT, None);
    let section = text.split_once("### Changed outside of Terraform").unwrap().1;
    insta::assert_snapshot!(section.split_once("### Good").unwrap().0);
}

#[test]
fn a_move_between_cpu_and_gpu_is_told_each_way() {
    let service = |slices: u32, floor: Value| json!({"namespace": "tts", "name": "kokoro", "image": "k:1", "slices": slices, "vram_floor": floor, "always": true});
    let (on_cpu, on_gpu) = (service(0, Value::Null), service(1, json!("tts/kokoro")));
    for (before, after, needs_a_person) in [(&on_gpu, &on_cpu, false), (&on_cpu, &on_gpu, true)] {
        let change = json!({"actions": ["update"], "before": before, "after": after});
        let review = of(vec![stack(
            "k",
            json!([{"address": "gpu_windowed_service.k", "type": "gpu_windowed_service", "change": change}]),
        )]);
        let told = if needs_a_person { &review.look } else { &review.notes };
        let told: Vec<&str> = told.iter().map(|remark| remark.text.as_str()).collect();
        assert!(told.iter().any(|text| text.starts_with("tts/kokoro moves from")), "{told:?}");
        assert_eq!(review.look.is_empty(), !needs_a_person);
    }
}

#[test]
fn checks_that_fail_and_plans_that_are_not_whole_are_told() {
    let text = json!({"format_version": "1.2", "errored": true, "checks": [
        {"address": {"to_display": "check.budget"}, "status": "fail",
         "instances": [{"problems": [{"message": "450 MiB over the budget"}]}]},
        {"address": {"to_display": "check.fine"}, "status": "pass"}],
        "deferred_changes": [{"reason": "provider_config_unknown", "resource_change":
            {"address": "x.later", "type": "x", "change": {"actions": ["create"]}}}]});
    let plan = plan::parse(&text.to_string()).unwrap();
    let review = of(vec![Stack { name: "s".into(), plan }]);
    let told: Vec<&str> = review.look.iter().map(|remark| remark.text.as_str()).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn every_action_of_the_format_has_a_word() {
    let with = |change: Value, previous: Value| {
        let review = of(vec![stack(
            "s",
            json!([{"address": "x.y", "type": "x", "change": change, "previous_address": previous}]),
        )]);
        review.counts.resources.keys().copied().collect::<Vec<Action>>()
    };
    for (actions, action) in [
        (json!(["create"]), Some(Action::Create)),
        (json!(["read"]), Some(Action::Read)),
        (json!(["update"]), Some(Action::Update)),
        (json!(["delete"]), Some(Action::Delete)),
        (json!(["forget"]), Some(Action::Forget)),
        (json!(["delete", "create"]), Some(Action::Replace)),
        (json!(["create", "delete"]), Some(Action::Replace)),
        (json!(["create", "forget"]), Some(Action::Replace)),
        (json!(["no-op"]), None),
        (json!(["a-new-word"]), Some(Action::Update)),
    ] {
        assert_eq!(with(json!({"actions": actions}), Value::Null), Vec::from_iter(action), "{actions}");
    }
    assert_eq!(with(json!({"actions": ["no-op"]}), json!("x.old")), [Action::Move]);
    assert_eq!(with(json!({"actions": ["no-op"], "importing": {"id": "a"}}), Value::Null), [Action::Import]);
}

/// What the binary answers.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gpu-stacks"))
        .arg("review")
        .args(arguments)
        .current_dir(folder(""))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_exit_code_says_whether_a_person_must_look() {
    let empty = tempfile::tempdir().unwrap();
    let calm = empty.path().join("calm.json");
    std::fs::write(&calm, r#"{"format_version":"1.2","resource_changes":[]}"#).unwrap();
    assert_eq!(run(&[calm.to_str().unwrap()]).0, 0);
    let (code, out, _) = run(&["losses/plans", "--report", "losses/report.json"]);
    assert_eq!((code, out.contains("## GPU tenancy: 8 things to look at")), (2, true), "{out}");
}

#[test]
fn what_cannot_be_read_is_named_all_at_once_and_nothing_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("empty")).unwrap();
    let whole = std::fs::read_to_string(self::folder("losses/plans/kokoro/tfplan.json")).unwrap();
    std::fs::write(path("cut.json"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(path("new.json"), whole.replacen("\"1.2\"", "\"2.0\"", 1)).unwrap();
    std::fs::write(path("bytes.json"), [0xff, 0xfe]).unwrap();
    let names = ["empty", "cut.json", "new.json", "bytes.json", "absent.json"].map(path);
    let mut arguments: Vec<&str> = names.iter().map(String::as_str).collect();
    let absent = path("absent-report.json");
    arguments.extend(["--report", &absent]);
    let (code, out, err) = run(&arguments);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(!err.contains("hunter2"), "{err}");
    insta::assert_snapshot!(err.replace(folder.path().to_str().unwrap(), ""));
}

#[test]
fn a_program_is_told_of_failures_as_json() {
    let (code, out, err) = run(&["absent.json", "--format", "json"]);
    assert_eq!((code, err.as_str()), (1, ""));
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["version"], &told["problems"][0]["path"]), (&json!(1), &json!("absent.json")));
    assert!(told["problems"][0]["reason"].as_str().unwrap().starts_with("it cannot be read"), "{told}");
}

#[test]
fn files_are_written_in_the_format_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let outs = ["a.md", "a.html", "a.svg", "a.json"].map(path);
    let mut arguments = vec!["losses/plans"];
    arguments.extend(outs.iter().flat_map(|out| ["--out", out.as_str()]));
    let (code, out, _) = run(&arguments);
    assert_eq!(code, 2);
    assert!(out.starts_with("3 of 4 stacks change: 2 to delete, 2 to replace, 1 to update.\n"), "{out}");
    let starts = ["## GPU", "<!doctype html>", "<svg ", "{"];
    for (path, start) in outs.iter().zip(starts) {
        assert!(std::fs::read_to_string(path).unwrap().starts_with(start), "{path}");
    }
    let (code, _, err) = run(&["losses/plans", "--out", "a.pdf"]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(err);
}
