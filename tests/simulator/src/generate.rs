//! Worlds by chance, as strategies of proptest: the tests shrink what they draw,
//! and the program draws years from a seed by the same strategies.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::script::*;

/// How large a world is and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The fewest and the most tenants.
    pub tenants: (usize, usize),
    /// Whether the device's series attributes memory to pods; `None`: in some worlds.
    pub attributes: Option<bool>,
    /// How many days.
    pub days: u32,
    /// The most troubles.
    pub troubles: usize,
}

/// A script of this shape from a seed: the same for the same seed.
///
/// # Errors
/// A strategy that gives up, which these never do.
pub fn script_of(seed: u64, shape: Shape) -> Result<Script, String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = script(shape).new_tree(&mut runner).map_err(|why| why.to_string())?;
    Ok(tree.current())
}

/// Any script of this shape.
pub fn script(shape: Shape) -> impl Strategy<Value = Script> {
    let day_s = 86_400;
    let span_s = shape.days * day_s;
    card(shape.attributes).prop_flat_map(move |card| {
        let usable = card.total_mib - card.reserved_mib;
        (
            any::<u64>(),
            select(&STARTS_S[..]),
            vec(tenant(usable), shape.tenants.0..=shape.tenants.1),
            vec(resident(usable), 0..=2),
            vec((0..span_s, trouble(usable)), 0..=shape.troubles),
        )
            .prop_map(move |(seed, start_s, tenants, residents, troubles)| Script {
                seed,
                start_s,
                days: shape.days,
                card,
                tenants,
                residents,
                troubles,
            })
    })
}

/// Whom a trouble befalls is drawn from so many and counted round the tenants that there are: many times as many
/// as there ever are, so that each is as likely as another.
const ANYBODY: usize = 10_000;

/// Days before nights in which clocks change, somewhere, and one before which none does.
const STARTS_S: [i64; 6] = [
    1_780_272_000, // 2026-06-01
    1_792_800_000, // 2026-10-24, Europe falls back
    1_793_404_800, // 2026-10-31, New York falls back
    1_791_000_000, // 2026-10-03, Lord Howe goes ahead by half an hour
    1_804_896_000, // 2027-03-13, New York goes ahead
    1_806_105_600, // 2027-03-27, Europe goes ahead
];

/// A T4, an A10, a 4090, an L40S and an A100, as the driver reports them.
fn card(attributes: Option<bool>) -> impl Strategy<Value = CardSpec> {
    let size = select(vec![(15_360, 450), (23_028, 512), (24_564, 420), (46_068, 600), (81_920, 700)]);
    let every = prop_oneof![3 => Just(0_u32), 1 => Just(30)];
    let attributes = any::<bool>().prop_map(move |any| attributes.unwrap_or(any));
    (size, attributes, every).prop_map(|((total_mib, reserved_mib), attributes, collects_every_s)| CardSpec {
        total_mib,
        reserved_mib,
        attributes,
        collects_every_s,
    })
}

fn tenant(usable: u64) -> impl Strategy<Value = TenantSpec> {
    let peak = (usable / 12)..=(usable / 2);
    let windows = prop_oneof![1 => Just(Vec::new()), 9 => vec(window(), 1..=2)];
    let pauses = prop_oneof![3 => Just(Vec::new()), 1 => vec(0..2_usize, 1)];
    let guard = select(vec![60_u32, 300, 300, 600, 1800, 3600]);
    let amounts = peak.prop_flat_map(|peak| (Just(peak), (peak / 2)..=peak));
    (windows, amounts, 256..3_072_u64, 0..3_i32, pauses, guard, 5..240_u32).prop_map(
        |(windows, (peak_mib, loads_mib), headroom_mib, priority, pauses, guard_interval_s, load_s)| {
            TenantSpec {
                windows,
                peak_mib,
                headroom_mib,
                priority,
                pauses,
                guard_interval_s,
                loads_mib,
                load_s,
            }
        },
    )
}

fn window() -> impl Strategy<Value = WindowSpec> {
    let start = prop_oneof![Just(120_u16), (0..48_u16).prop_map(|half| half * 30), 0..1440_u16];
    let minutes = prop_oneof![Just(240_u16), 20..=720_u16];
    let days = prop_oneof![3 => Just(0x7f_u8), 1 => 1..=0x7f_u8];
    (start, minutes, days, 0..ZONES.len()).prop_map(|(start_minute, minutes, days, zone)| WindowSpec {
        start_minute,
        minutes,
        days,
        zone,
    })
}

fn resident(usable: u64) -> impl Strategy<Value = ResidentSpec> {
    ((usable / 20)..=(usable / 2), 1..=4_u64, any::<bool>(), 1..=2_u32).prop_map(
        |(peak_mib, part, protected, replicas)| ResidentSpec {
            peak_mib,
            rest_mib: peak_mib / part,
            protected,
            replicas,
        },
    )
}

fn trouble(usable: u64) -> impl Strategy<Value = Trouble> {
    let for_s = || prop_oneof![30..600_u32, 600..7_200_u32];
    let who = || 0..ANYBODY;
    let how = select(vec![
        Failure::Away,
        Failure::Empty,
        Failure::Stale,
        Failure::Partial,
        Failure::OtherDevice,
        Failure::Absurd,
    ]);
    let card = prop_oneof![
        (who(), 0..=usable / 2).prop_map(|(resident, mib)| Trouble::ResidentUses { resident, mib }),
        (who(), 0..=usable / 2).prop_map(|(tenant, mib)| Trouble::TenantUses { tenant, mib }),
        (how, for_s()).prop_map(|(how, for_s)| Trouble::SourceFails { how, for_s }),
    ];
    let cluster = prop_oneof![
        for_s().prop_map(|for_s| Trouble::ApiAway { for_s }),
        for_s().prop_map(|for_s| Trouble::ControllerAway { for_s }),
        (for_s(), 5..200_u32).prop_map(|(for_s, by_s)| Trouble::TicksLate { for_s, by_s }),
        for_s().prop_map(|for_s| Trouble::NoNode { for_s }),
        (for_s(), 10..900_u32).prop_map(|(for_s, by_s)| Trouble::SlowPull { for_s, by_s }),
        (for_s(), 5..180_u32).prop_map(|(for_s, by_s)| Trouble::SlowExit { for_s, by_s }),
        for_s().prop_map(|for_s| Trouble::Zombies { for_s }),
        (60..900_u32).prop_map(|for_s| Trouble::NodeReboots { for_s }),
        (leap(), for_s()).prop_map(|(by_s, for_s)| Trouble::ClockLeaps { by_s, for_s }),
    ];
    let server = prop_oneof![
        (who(), for_s()).prop_map(|(tenant, for_s)| Trouble::NeverReady { tenant, for_s }),
        who().prop_map(|tenant| Trouble::Crash { tenant }),
        (who(), for_s()).prop_map(|(tenant, for_s)| Trouble::CrashLoop { tenant, for_s }),
        who().prop_map(|tenant| Trouble::PodDeleted { tenant }),
        (who(), for_s()).prop_map(|(tenant, for_s)| Trouble::OtherCard { tenant, for_s }),
        (who(), for_s()).prop_map(|(tenant, for_s)| Trouble::Work { tenant, for_s }),
    ];
    let gate = prop_oneof![
        for_s().prop_map(|for_s| Trouble::GatesDie { for_s }),
        for_s().prop_map(|for_s| Trouble::WritesUnanswered { for_s }),
        (for_s(), 5..60_u32).prop_map(|(for_s, by_s)| Trouble::WritesLate { for_s, by_s }),
    ];
    prop_oneof![4 => card, 4 => cluster, 3 => server, 2 => gate, 2 => hand()]
}

/// Seconds to minutes, as of two clocks that drift apart; hours, as of a zone that was taken for another; and
/// years, as of a battery that is empty.
fn leap() -> impl Strategy<Value = i32> {
    prop_oneof![-90..=90_i32, -14_400..=14_400_i32, -40_000_000..=40_000_000_i32]
}

fn hand() -> impl Strategy<Value = Trouble> {
    let who = || 0..ANYBODY;
    let text = prop_oneof![
        Just(Annotation::Nothing),
        Just(Annotation::Auto),
        Just(Annotation::Off),
        (1..40_u32).prop_map(Annotation::AwakeFor),
        Just(Annotation::Nonsense),
    ];
    prop_oneof![
        (who(), 0..3_u32).prop_map(|(tenant, replicas)| Trouble::HandScales { tenant, replicas }),
        (who(), 0..3_u32).prop_map(|(resident, replicas)| Trouble::HandScalesResident { resident, replicas }),
        (who(), text).prop_map(|(tenant, text)| Trouble::HandAnnotates { tenant, text }),
        who().prop_map(|tenant| Trouble::HandAsks { tenant }),
        (who(), 60..20_000_u32).prop_map(|(tenant, for_s)| Trouble::Suspended { tenant, for_s }),
    ]
}
