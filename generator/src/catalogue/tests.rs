use super::*;
use crate::read::{At, FromNode};

/// Every file is read whole, so that the lazily built catalogue misses none.
#[test]
fn every_entry_is_read_without_a_problem() {
    let mut problems = Problems::default();
    for (name, text) in FILES {
        Entry::read(name, &Source::new(format!("{name}.yaml"), text), &mut problems);
    }
    let told: Vec<String> = problems.sorted().iter().map(Problem::line).collect();
    assert_eq!(told, [""; 0]);
    assert_eq!(Catalogue::built_in().0.len(), FILES.len());
}

#[test]
fn a_fact_for_a_device_goes_over_one_for_both_and_knows_its_source() {
    let catalogue = Catalogue::built_in();
    let entry = &catalogue.0["speaches"];
    for (device, image) in [(Device::Gpu, "latest-cuda"), (Device::Cpu, "latest-cpu")] {
        let implied = entry.implied(device, None).unwrap();
        let node = layer::get(&implied, "image").unwrap();
        let text = At::<String>::from_node(node, &mut Reader { problems: &mut Problems::default() }).unwrap();
        assert!(text.ends_with(image), "{}", text.value);
        assert_eq!(entry.origin(&node.place).unwrap().source, "docs/installation.md");
    }
    let told = entry.implied(Device::Gpu, Some(Precision::Int8)).unwrap();
    let env = layer::get(&told, "env").unwrap();
    assert_eq!(env.json()["WHISPER__COMPUTE_TYPE"], "int8");
    let place = &layer::get(env, "WHISPER__COMPUTE_TYPE").unwrap().place;
    assert_eq!(entry.origin(place).unwrap().source, "src/speaches/config.py");
}

/// A server that answers nothing while it works must not be ended for it.
#[test]
fn no_server_is_kept_alive_by_http_that_its_own_work_may_hold_up() {
    for entry in Catalogue::built_in().0.values() {
        for device in entry.raw.devices.iter().map(|device| device.value) {
            let implied = entry.implied(device, None).unwrap();
            let probe = layer::get(&implied, "liveness_probe").unwrap();
            // A router answers whatever its models do.
            assert!(layer::get(probe, "tcp").is_some() || entry.name == "llama-swap", "{}", entry.name);
        }
    }
}

/// Whoever reads "read there" must find it there.
#[test]
fn no_fact_that_was_checked_rests_on_a_guess() {
    for entry in Catalogue::built_in().0.values() {
        let raw = &entry.raw;
        let facts = raw.facts.iter().map(|fact| (&fact.source, &fact.verified));
        let figures = raw.figures.iter().flatten().map(|figure| (&figure.source, &figure.verified));
        let precisions = raw.precisions.iter().flatten().map(|known| (&known.source, &known.verified));
        for (source, verified) in facts.chain(figures).chain(precisions) {
            let source = source.value.to_lowercase();
            let rests =
                ["guess", "seed", "our choice", "report"].into_iter().find(|word| source.contains(word));
            assert!(verified.is_none() || rests.is_none(), "{}: {source}", entry.name);
        }
    }
}

#[test]
fn each_server_on_a_card_is_asked_for_its_memory_or_says_why_not() {
    for entry in Catalogue::built_in().0.values().filter(|entry| entry.runs_on(Device::Gpu)) {
        let implied = entry.implied(Device::Gpu, None).unwrap();
        let called = layer::get(&implied, "unload").is_some();
        assert_ne!(called, entry.raw.no_unload.is_some(), "{}", entry.name);
    }
}
