use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::load;

fn whole() -> Fleet {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole")).unwrap()
}

/// What an object is, by its own words.
fn identity(body: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &body["metadata"];
    [text(&body["kind"]), text(&metadata["namespace"]), text(&metadata["name"])].join("/")
}

fn put_whole(all: &mut BTreeMap<String, Value>, body: Value) {
    merge(all.entry(identity(&body)).or_insert_with(|| body.clone()), &body);
}

/// Every object that a fleet comes to, and those that are born, by what they are.
fn expected(fleet: &Fleet) -> (BTreeMap<String, Value>, BTreeMap<String, Value>) {
    let (mut all, mut born) = (BTreeMap::new(), BTreeMap::new());
    let exporters = fleet.exporters.values().map(|own| expand::exporter(&own.exporter));
    let cards = fleet.cards.values().map(expand::card);
    let claims = fleet.stacks.values().filter_map(|stack| stack.claim.as_ref());
    let floors = claims.map(|claim| expand::floor(&claim.floor, &claim.card));
    let tenants = fleet.stacks.values().map(|stack| expand::tenant(&stack.tenant));
    for objects in exporters.chain(cards).chain(floors).chain(tenants) {
        for (_, object) in objects.iter() {
            put_whole(&mut all, object.body.clone());
            if object.birth.is_some() {
                put_whole(&mut born, object.body_at_birth());
            }
        }
    }
    (all, born)
}

/// The objects of the files in or outside of `once/`, read back, by what they are.
fn read_back(files: &BTreeMap<String, String>, once: bool) -> BTreeMap<String, Value> {
    let is_object = |path: &str| path.ends_with(".yaml") && !path.ends_with("kustomization.yaml");
    let chosen = files.iter().filter(|(path, _)| is_object(path) && path.starts_with("once/") == once);
    let mut found = BTreeMap::new();
    for (path, text) in chosen {
        let body: Value = serde_saphyr::from_str(text).unwrap();
        let identity = identity(&body);
        assert!(found.insert(identity.clone(), body).is_none(), "{identity} is also in {path}");
    }
    found
}

fn assert_same(found: &BTreeMap<String, Value>, expected: &BTreeMap<String, Value>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (identity, body) in expected {
        assert_eq!(found[identity], *body, "{identity}");
    }
}

#[test]
fn the_files_read_back_are_the_objects_that_the_provider_makes() {
    let fleet = whole();
    let files = kustomize(&fleet).unwrap();
    let (all, born) = expected(&fleet);
    assert!(all.len() > 50 && !born.is_empty(), "{} objects, {} born", all.len(), born.len());
    assert_same(&read_back(&files, false), &all);
    assert_same(&read_back(&files, true), &born);
}

/// Every file of an object is named by its folder's kustomization, and every folder by the first.
#[test]
fn kustomizations_name_what_is_there_and_nothing_else() {
    let files = kustomize(&whole()).unwrap();
    let listed = |path: &str| -> BTreeSet<String> {
        let body: Value = serde_saphyr::from_str(&files[path]).unwrap();
        body["resources"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let folders: BTreeSet<String> =
        files.keys().filter_map(|path| Some(path.rsplit_once('/')?.0.to_owned())).collect();
    let applied: BTreeSet<String> = folders.iter().filter(|folder| *folder != ONCE).cloned().collect();
    assert_eq!(listed("kustomization.yaml"), applied);
    for folder in &folders {
        let inside = files.keys().filter_map(|path| path.strip_prefix(&format!("{folder}/")));
        let inside: BTreeSet<String> =
            inside.filter(|name| *name != "kustomization.yaml").map(str::to_owned).collect();
        assert!(!inside.is_empty(), "{folder}");
        assert_eq!(listed(&format!("{folder}/kustomization.yaml")), inside);
    }
}

fn live(tenants: &[(&str, &str)]) -> Fleet {
    let folder = tempfile::tempdir().unwrap();
    let card = "cards: { t4: { node: n, index: 0, model: T4, source: { dcgm: \"http://d\" } } }\n";
    let defaults = "defaults: { headroom: 1GiB, time_zone: UTC, agent_image: a:1 }\n";
    std::fs::write(folder.path().join("fleet.yaml"), [card, defaults].concat()).unwrap();
    std::fs::create_dir(folder.path().join("tenants")).unwrap();
    for (name, text) in tenants {
        let text = format!("card: t4\npeak: 1GiB\nimage: x:1\nport: 80\n{text}");
        std::fs::write(folder.path().join(format!("tenants/{name}.yaml")), text).unwrap();
    }
    load(folder.path()).unwrap_or_else(|problems| panic!("{:?}", problems.first().map(|it| it.line())))
}

#[test]
fn two_tenants_whose_names_run_into_each_other_are_both_born() {
    let windows = "windows: { n: { start: \"01:00\", end: \"02:00\" } }\n";
    let fleet = live(&[
        ("a", &format!("namespace: tts\nname: eu-voice\n{windows}")),
        ("b", &format!("namespace: tts-eu\nname: voice\n{windows}")),
    ]);
    let born = read_back(&kustomize(&fleet).unwrap(), true);
    assert_eq!(born.keys().collect::<Vec<_>>(), ["Deployment/tts-eu/voice", "Deployment/tts/eu-voice"]);
}

/// What the page says to type, which stands apart from its sentences.
fn commands(files: &BTreeMap<String, String>) -> Vec<&str> {
    let typed = files["README.md"].lines().filter_map(|line| line.strip_prefix("    kubectl "));
    typed.map(|line| line.split('#').next().unwrap_or_default().trim()).collect()
}

#[test]
fn the_page_says_in_which_order_to_make_what() {
    let files = kustomize(&whole()).unwrap();
    let order = ["apply --server-side -k namespaces", "create -k once", "apply --server-side -k ."];
    assert_eq!(commands(&files), order);
}

#[test]
fn where_everybody_is_always_awake_nothing_is_made_once() {
    let files = kustomize(&live(&[("a", "namespace: tts\nalways: true\n")])).unwrap();
    assert!(!files.keys().any(|path| path.starts_with("once/")), "{:?}", files.keys());
    assert_eq!(commands(&files), ["apply --server-side -k namespaces", "apply --server-side -k ."]);
}

/// Under Terraform each applies its own labels and annotations, and all of them are there.
#[test]
fn a_namespace_that_tenants_share_has_what_each_of_them_says_of_it() {
    let decorated = |name: &str| {
        let said = format!("{{ Namespace: {{ by-{name}: x }} }}");
        format!("namespace: tts\nalways: true\nlabels: {said}\nannotations: {said}\n")
    };
    let fleet = live(&[("a", &decorated("a")), ("b", &decorated("b"))]);
    let found = read_back(&kustomize(&fleet).unwrap(), false);
    let metadata = &found["Namespace//tts"]["metadata"];
    for name in ["by-a", "by-b"] {
        assert_eq!((&metadata["labels"][name], &metadata["annotations"][name]), (&json!("x"), &json!("x")));
    }
    assert_same(&found, &expected(&fleet).0);
}
