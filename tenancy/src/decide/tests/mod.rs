//! Tests of the table at [`super::decide`]: one per row, named after it, on a
//! small model of a card; the design's examples; and whatever may happen, by property.

mod admitting;
mod card;
mod clocks;
mod fetching;
mod hands;
mod holding;
mod life;
mod mended;
mod night;
mod pausing;
mod refusing;
mod rows;
mod sleeping;
mod unreadable;
mod world;

use super::Rule;

const ALL: &str = concat!(
    include_str!("admitting.rs"),
    include_str!("refusing.rs"),
    include_str!("holding.rs"),
    include_str!("life.rs"),
    include_str!("sleeping.rs"),
    include_str!("hands.rs"),
    include_str!("pausing.rs"),
);

/// The table, the enum and the tests cannot drift apart.
#[test]
fn each_row_of_the_table_has_its_rule_and_a_test_named_after_it() {
    let rows: Vec<(u8, String)> = include_str!("../../../../docs/rules.md")
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split('|').map(str::trim);
            let number = cells.next()?.parse().ok()?;
            Some((number, cells.next()?.trim_matches('`').to_owned()))
        })
        .collect();
    assert_eq!(rows.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=33).collect::<Vec<_>>());
    for (number, name) in rows {
        let mut snake = String::new();
        for (index, c) in name.chars().enumerate() {
            if c.is_uppercase() && index > 0 {
                snake.push('_');
            }
            snake.extend(c.to_lowercase());
        }
        let rule: Rule = serde_json::from_str(&format!("{snake:?}")).unwrap();
        assert_eq!((rule.number(), format!("{rule:?}")), (number, name));
        let test = format!("fn row_{number:02}_{snake}()");
        assert!(ALL.contains(&test), "there is no {test}");
    }
}
