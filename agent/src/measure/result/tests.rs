use std::collections::BTreeMap;

use super::*;

const POD: &str = "chatterbox-tts-1-abcde";

fn tenant() -> TenantId {
    "tts/chatterbox-tts".parse().unwrap()
}

/// A look at a second of the night, with what the card and the tenant's pod hold.
fn look(second: i64, state: State, used: u64, own: Option<u64>) -> Look {
    let namespace: Namespace = "tts".parse().unwrap();
    let now = Timestamp::from_second(1_795_000_000 + second).unwrap();
    let pod = PodKey { namespace: namespace.clone(), pod: POD.to_owned() };
    let stranger = PodKey { namespace: "llm".parse().unwrap(), pod: POD.to_owned() };
    let per_pod = own.map(|own| BTreeMap::from([(pod, Mib(own)), (stranger, Mib(used - own))]));
    let device = Sample {
        at: now,
        uuid: None,
        index: Some(0),
        total_mib: Mib(15360),
        free_mib: Mib(15360 - 450 - used),
        used_mib: Mib(used),
        reserved_mib: Mib(450),
        per_pod,
    };
    Look {
        now,
        device: Ok(device),
        out_of_reach: false,
        pods: vec![POD.to_owned()],
        namespace,
        state: Some(state),
        others: Vec::new(),
        unseen: None,
        claim: Some(Mib(4096)),
        override_annotation: None,
        start_limit_s: 1200,
    }
}

fn blind(second: i64, state: State) -> Look {
    let device = Err(Unknown { reason: "the scrape failed".to_owned() });
    Look { device, ..look(second, state, 0, None) }
}

fn with_other(look: Look) -> Look {
    Look { others: vec![("stt/whisper".parse().unwrap(), State::Awake)], ..look }
}

fn worked() -> Driven {
    Driven { answered: 3, failed: Vec::new(), image: Some("tts@sha256:aaaa".to_owned()) }
}

#[test]
fn who_is_alone_may_begin_and_everybody_else_is_told_what_to_do() {
    let alone = || look(0, State::Asleep, 4096, None);
    let apart = || Look { pods: Vec::new(), ..look(0, State::Asleep, 4096, Some(0)) };
    let cases = [
        (alone(), false, Ok(())),
        (with_other(apart()), true, Ok(())),
        (with_other(apart()), false, Err("--beside")),
        (with_other(alone()), true, Err("does not say what each pod holds")),
        (with_other(alone()), false, Err("stt/whisper is awake")),
        (blind(0, State::Asleep), false, Err("blind: the scrape failed")),
        (
            Look { out_of_reach: true, ..blind(0, State::Asleep) },
            false,
            Err("cannot be asked from here, which says nothing of the card: the scrape failed"),
        ),
        (look(0, State::Draining, 4096, None), false, Err("draining already")),
        (look(0, State::Awake, 4096, None), false, Err("gpu-tenancy.dev/gate=off")),
        (Look { claim: None, ..alone() }, false, Err("gpu_vram_floor")),
        (
            Look { unseen: Some("the ledger cannot be read".into()), ..alone() },
            false,
            Err("ledger cannot be read"),
        ),
    ];
    for (look, beside, expected) in cases {
        match (may_begin(&look, beside), expected) {
            (Ok(()), Ok(())) => {}
            (Err(why), Err(words)) => assert!(why.to_string().contains(words), "{words}: {why}"),
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn alone_on_a_card_it_is_what_the_card_held_more() {
    let looks = [
        look(0, State::Asleep, 4096, None),
        look(10, State::Loading, 11_000, None),
        look(20, State::Awake, 8_000, None),
        blind(22, State::Awake),
        look(24, State::Awake, 10_908, None),
        look(60, State::Asleep, 4_100, None),
    ];
    let found = measured(&tenant(), &looks, worked()).unwrap();
    assert_eq!(
        (found.peak, found.samples, found.seconds),
        (Mib(6904), 3, 14),
        "loading counts, a blind look does not"
    );
    assert_eq!(found.at, looks[1].now);
    assert_eq!(found.apart, Apart::ByDifference(Mib(4096)));
}

#[test]
fn others_that_are_told_apart_do_not_count() {
    let looks = [
        with_other(Look { pods: Vec::new(), ..look(0, State::Asleep, 4096, Some(0)) }),
        with_other(look(20, State::Awake, 9_000, Some(4_800))),
        with_other(look(22, State::Awake, 14_000, Some(6_812))),
        with_other(Look { pods: vec!["not-listed".into()], ..look(24, State::Awake, 14_500, Some(7_000)) }),
        with_other(look(60, State::Asleep, 9_000, Some(0))),
    ];
    let found = measured(&tenant(), &looks, worked()).unwrap();
    assert_eq!((found.peak, found.samples, found.apart), (Mib(6812), 2, Apart::ByPods));
    assert_eq!(found.others, ["stt/whisper".parse().unwrap()]);
}

#[test]
fn what_says_nothing_is_no_measurement() {
    let asleep = || look(0, State::Asleep, 4096, None);
    let awake = || look(20, State::Awake, 8_000, None);
    let cases = [
        (vec![asleep(), blind(20, State::Awake)], worked(), "no figures while it was awake"),
        (vec![asleep(), awake(), look(60, State::Asleep, 4_200, None)], worked(), "others moved by 104 MiB"),
        (vec![asleep(), with_other(awake())], worked(), "others moved"),
        (vec![asleep(), look(20, State::Awake, 4_096, None)], worked(), "held nothing"),
        (
            vec![asleep(), awake()],
            Driven { failed: vec!["POST /x: 404".into()], ..Driven::default() },
            "POST /x: 404",
        ),
    ];
    for (looks, driven, words) in cases {
        let why = measured(&tenant(), &looks, driven).unwrap_err().to_string();
        assert!(why.contains(words), "{words}: {why}");
    }
}

#[test]
fn the_report_ends_with_what_to_paste() {
    let looks = [look(0, State::Asleep, 4096, None), look(20, State::Awake, 10_908, None)];
    insta::assert_snapshot!(measured(&tenant(), &looks, worked()).unwrap().render());
}
