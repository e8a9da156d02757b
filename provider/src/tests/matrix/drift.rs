//! The fields that an apply sets, changed by a hand on the real API server: all of an object at once.

use tenancy::leaves::{leaves, merge};
use tenancy::objects::{Key, identity};
use tfplugin::Attr;

use super::super::drifting::{differing, is_accepted, shown, tenants};
use super::super::{SERVICE, hand};
use super::circle::{Bench, Circle, instance};
use super::subject::{Names, Subject as _, Tenant};
use crate::api::{Api, Failure, Manner, Ref};
use crate::engine::Kept;
use crate::service::ServiceModel;
use crate::service::parts::StorageModel;

const HAND: &str = "matrix-hand";

/// The tenant in a namespace of its own, without what would reach beyond it.
fn alone(config: ServiceModel, names: &Names) -> ServiceModel {
    let mut config = config;
    config.namespace = names.namespace.as_str().into();
    config.vram_floor = Tenant::id(names).as_str().into();
    (config.adopt, config.pauses, config.wait) = (Attr::Null, Attr::Null, Attr::Known(false));
    if let Attr::Known(front) = &mut config.service {
        front.node_port = Attr::Null;
        if let Attr::Known(ports) = &mut front.ports {
            for port in ports.values_mut() {
                if let Attr::Known(port) = port {
                    port.node_port = Attr::Null;
                }
            }
        }
    }
    if let Attr::Known(storage) = config.storage {
        config.storage = Attr::Known(StorageModel { deletion_policy: "delete".into(), ..storage });
    }
    config
}

/// What a hand changed of an object, and what nobody can change.
struct Changed {
    paths: Vec<String>,
    refused: Vec<String>,
}

/// Changes every leaf that the API server lets change, in one apply.
async fn change_by_hand(api: &Api, name: &Ref, key: &str, paths: Vec<String>) -> Result<Changed, Failure> {
    let live = api.get(name).await?.expect("the object is there").0;
    let before = leaves(&live);
    let parsed: Key = key.parse().expect("a key of ours");
    let namespace = name.namespace.as_ref().map(|it| it.parse().expect("a namespace"));
    let bare = identity(parsed.kind, namespace.as_ref(), &parsed.name);
    let manner = |dry_run| Manner { manager: HAND, force: true, dry_run };
    let mut whole = bare.clone();
    let mut changed = Changed { paths: Vec::new(), refused: Vec::new() };
    for path in paths {
        let mut taken = false;
        for fragment in hand::changed(&live, &path) {
            let mut body = bare.clone();
            merge(&mut body, &fragment);
            match api.apply(name, body, manner(true)).await {
                Ok(would) if leaves(&would.live.0).get(&path) != before.get(&path) => {
                    merge(&mut whole, &fragment);
                    taken = true;
                    break;
                }
                Err(Failure::Refused(it)) if it.message.contains("immutable") => break,
                _ => {}
            }
        }
        if taken {
            changed.paths.push(format!("{key} {path}"))
        } else {
            changed.refused.push(format!("{key} {path}"))
        }
    }
    if !changed.paths.is_empty() {
        api.apply(name, whole, manner(false)).await?;
    }
    Ok(changed)
}

#[test]
#[ignore = "needs a real API server: `cargo xtask test` runs it"]
fn all_fields_of_every_object_that_a_hand_changes_are_named_and_put_back() {
    super::block(async {
        let run = super::run_name();
        let bench = Bench::new(&run);
        let (mut tried, mut refused) = (0, Vec::<String>::new());
        for (number, config) in tenants().into_iter().enumerate() {
            let circle = Circle::<Tenant>::begin(&bench, &format!("d{number}")).await;
            let stand = circle.stand().await.unwrap();
            let config = alone(config, &circle.names);
            let driver = circle.driver().await;
            let made = instance(driver.create(SERVICE, &config).await).unwrap();
            let before = shown(&made);
            let mut wanted = Vec::new();
            let kept = Kept::read(&made.private).objects;
            for (key, object) in &kept {
                let name = object.reference(&key.parse().unwrap());
                let paths = before[key].keys().filter(|path| !is_accepted(key, path)).cloned().collect();
                let changed = change_by_hand(&bench.api, &name, key, paths).await;
                let changed = changed.unwrap_or_else(|failure| panic!("{key}: {failure:?}"));
                wanted.extend(changed.paths);
                refused.extend(changed.refused);
            }
            let read = instance(driver.read(SERVICE, &made).await).unwrap();
            // What a controller has put back by itself, as the binder of volumes does, is as it was.
            for (key, object) in &kept {
                let live = bench.api.get(&object.reference(&key.parse().unwrap())).await.unwrap().unwrap();
                let live = leaves(&live.0);
                let is_back =
                    |path: &str| before[key].get(path).is_some_and(|ours| live.get(path) == Some(ours));
                wanted.retain(|it| it.strip_prefix(&format!("{key} ")).is_none_or(|path| !is_back(path)));
            }
            tried += wanted.len();
            let mut named = differing(&before, &shown(&read));
            named.sort();
            wanted.sort();
            assert_eq!(named, wanted);
            let plan = driver.plan(SERVICE, Some(&read), Some(&config)).await;
            assert!(!plan.is_empty() && plan.replace.is_empty());
            let mended = instance(driver.apply(plan).await).unwrap();
            let again = instance(driver.read(SERVICE, &mended).await).unwrap();
            assert_eq!(differing(&before, &shown(&again)), Vec::<String>::new());
            assert!(driver.plan(SERVICE, Some(&again), Some(&config)).await.is_empty());
            super::circle::gone(driver.destroy(SERVICE, &again).await).unwrap();
            circle.leave(stand).await.unwrap();
        }
        println!("{tried} fields changed by hand, named and put back");
        refused.sort();
        refused.dedup();
        println!("left out, because the API server lets nobody change them so:");
        for field in refused {
            println!("  {field}");
        }
        assert!(tried > 300, "{tried}");
    });
}
