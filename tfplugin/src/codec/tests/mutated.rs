//! The vectors of `cty.json`, damaged: bits flipped, ends cut off, pieces of one in another, brackets without
//! end. Each is an error or another value, and never a panic, an endless loop or an overflowing stack.
//!
//! This is no coverage-guided fuzzer: it is a bounded number of random cases, run with every other test.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::{json, msgpack, private};
use super::cty::{bytes, ty, vectors};
use crate::Type;

/// How many damaged inputs of each kind a run tries.
const CASES: u32 = 2048;

/// One thing that happens to the bytes on their way.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Set(Index, u8),
    Cut(Index),
    Drop(Index, usize),
    /// A piece of another vector.
    Splice(Index, Index, Index),
    /// An opening that is repeated: lists, maps, long lengths, extensions.
    Nest(Index, Vec<u8>, usize),
}

fn damage(openings: &'static [&'static [u8]]) -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        at().prop_map(Damage::Cut),
        (at(), 1_usize..9).prop_map(|(at, length)| Damage::Drop(at, length)),
        (at(), at(), at()).prop_map(|(at, of, from)| Damage::Splice(at, of, from)),
        (at(), prop::sample::select(openings), 1_usize..400).prop_map(|(at, opening, times)| Damage::Nest(
            at,
            opening.to_vec(),
            times
        )),
    ]
}

fn damaged(mut input: Vec<u8>, damages: &[Damage], others: &[(Type, Vec<u8>)]) -> Vec<u8> {
    for damage in damages {
        let place = |at: &Index, length: usize| if length == 0 { 0 } else { at.index(length) };
        let length = input.len();
        match damage {
            Damage::Flip(at, bit) => {
                if let Some(byte) = input.get_mut(place(at, length)) {
                    *byte ^= 1 << bit;
                }
            }
            Damage::Set(at, byte) => {
                if let Some(here) = input.get_mut(place(at, length)) {
                    *here = *byte;
                }
            }
            Damage::Cut(at) => input.truncate(place(at, length)),
            Damage::Drop(at, many) => {
                let from = place(at, length);
                drop(input.drain(from..(from + many).min(length)));
            }
            Damage::Splice(at, of, from) => {
                let other = &others[of.index(others.len())].1;
                let piece = other[place(from, other.len())..].to_vec();
                let at = place(at, length);
                input.splice(at..at, piece);
            }
            Damage::Nest(at, opening, times) => {
                let at = place(at, length);
                input.splice(at..at, opening.repeat(*times));
            }
        }
    }
    input
}

const OPENINGS: &[&[u8]] = &[
    &[0x91],
    &[0x81, 0xa1, b'a'],
    &[0xdd, 0xff, 0xff, 0xff, 0xff],
    &[0xdf, 0xff, 0xff, 0xff, 0xff],
    &[0xc7, 0x03, 0x0c],
];
const OPENINGS_OF_TEXT: &[&[u8]] = &[b"[", b"{\"a\":", b"[[", b"\\u", b"-0", b"1e"];

/// The vectors of one encoding, each with its type.
fn inputs(list: &str, field: &str, read: fn(&str) -> Vec<u8>) -> Vec<(Type, Vec<u8>)> {
    let all = vectors(list).into_iter();
    all.filter_map(|vector| Some((ty(&vector["type"]), read(vector[field].as_str()?)))).collect()
}

static PACKED: LazyLock<Vec<(Type, Vec<u8>)>> =
    LazyLock::new(|| [inputs("values", "msgpack", bytes), inputs("msgpack_inputs", "input", bytes)].concat());
static WRITTEN: LazyLock<Vec<(Type, Vec<u8>)>> = LazyLock::new(|| {
    let read = |text: &str| text.as_bytes().to_vec();
    [inputs("values", "json", read), inputs("json_inputs", "input", read)].concat()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn damaged_msgpack_is_an_error_or_another_value(
        which: Index, damages in prop::collection::vec(damage(OPENINGS), 1..6),
    ) {
        let all = &*PACKED;
        let (ty, input) = &all[which.index(all.len())];
        let input = damaged(input.clone(), &damages, all);
        if let Ok(value) = msgpack::decode(&input, ty) {
            let again = msgpack::encode(&value, ty).unwrap();
            prop_assert_eq!(msgpack::decode(&again, ty).unwrap(), value);
        }
    }

    #[test]
    fn damaged_json_is_an_error_or_another_value(
        which: Index, damages in prop::collection::vec(damage(OPENINGS_OF_TEXT), 1..6),
    ) {
        let all = &*WRITTEN;
        let (ty, input) = &all[which.index(all.len())];
        let input = damaged(input.clone(), &damages, all);
        if let Ok(value) = json::decode(&String::from_utf8_lossy(&input), ty) {
            prop_assert_eq!(json::decode(&json::encode(&value), ty).unwrap(), value);
        }
    }

    #[test]
    fn damaged_private_bytes_are_opened_or_left_alone(
        version in 1_u32.., damages in prop::collection::vec(damage(OPENINGS), 1..4),
    ) {
        let all = &*PACKED;
        let sealed = damaged(private::seal(version, b"{\"objects\":{}}".to_vec()), &damages, all);
        let (found, opened) = private::open(&sealed);
        prop_assert!(sealed.ends_with(opened) && (found != 0 || opened == sealed));
    }
}

#[test]
fn a_hundred_thousand_brackets_end_in_an_error() {
    for (ty, _) in &*PACKED {
        for opening in OPENINGS {
            assert!(msgpack::decode(&opening.repeat(100_000), ty).is_err(), "{ty:?}");
        }
        for opening in ["[", "{\"a\":", "{\"stray\":["] {
            assert!(json::decode(&opening.repeat(100_000), ty).is_err(), "{ty:?}");
        }
    }
}
