//! The rules that a configuration must keep.

use super::consistency::is_sensitive;
use super::walk::{Place, objects};
use crate::{Diagnostic, Diagnostics, Path, Schema, Value};

/// What is wrong with a configuration by the rules of its attributes.
pub(crate) fn configuration(schema: &Schema, config: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let Value::Object(object) = config else { return diagnostics };
    objects(schema, object, &Place::root(), &mut |schema, object, place| {
        for attribute in &schema.attributes {
            let path = place.path.field(&attribute.name);
            let value = object.get(&attribute.name).unwrap_or(&Value::Null);
            for check in &attribute.rules.sibling_checks {
                diagnostics.extend(place.named(check(object, &path, &attribute.name).into_iter().collect()));
            }
            if value.is_null() {
                continue;
            }
            if let Some(instead) = &attribute.deprecation {
                let warning = Diagnostic::warning("Deprecated attribute", instead).at(path.clone());
                diagnostics.extend(place.named(warning.into()));
            }
            if !value.is_unknown() {
                let hidden = place.hidden || is_sensitive(schema, &Path::attribute(&attribute.name));
                let refused = attribute.rules.checks.iter().flat_map(|check| check(value, &path, hidden));
                diagnostics.extend(place.named(refused.collect()));
            }
        }
    });
    diagnostics
}

/// What is wrong with a configuration for a host that would keep values that are only written.
pub(crate) fn without_write_only(schema: &Schema, config: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let Value::Object(object) = config else { return diagnostics };
    objects(schema, object, &Place::root(), &mut |schema, object, place| {
        for attribute in schema.attributes.iter().filter(|attribute| attribute.write_only) {
            if object.get(&attribute.name).is_some_and(|value| !value.is_null()) {
                let path = place.path.field(&attribute.name);
                let detail = format!(
                    "{path} is only written and never kept, which needs Terraform 1.11 or OpenTofu 1.11. Use a \
                     newer version, or leave {path} out."
                );
                diagnostics.push(Diagnostic::error("Terraform is too old", detail).at(path));
            }
        }
    });
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attr, List, Map, Model, Set, Severity, model};

    model! {
        /// An inner object.
        struct Inner {
            /// A port.
            port: Attr<i64> = required().range(1..=65535),
        }
    }

    model! {
        /// An outer object.
        struct Outer {
            /// A choice.
            mode: Attr<String> = optional().one_of(["copy", "mount"]),
            /// Another.
            inline: Attr<String> = optional().exactly_one_of(&["file"]).length(1..=3),
            /// The other.
            file: Attr<String> = optional().deprecated("Use inline."),
            /// Inner objects.
            inner: Attr<Map<Inner>> = optional().length(..=1),
            /// Words.
            words: Attr<List<String>> = optional().requires(&["mode"]),
        }
    }

    fn found(config: Outer) -> Vec<(String, String)> {
        let diagnostics = configuration(&Outer::schema(), &Model::to_value(&config));
        diagnostics.into_iter().map(|one| (one.path.to_string(), one.detail)).collect()
    }

    #[test]
    fn each_rule_names_the_attribute_and_the_reason() {
        let inner = ["a", "b"].map(|name| (name.to_owned(), Attr::Known(Inner { port: 0.into() }))).into();
        let config = Outer {
            mode: "move".into(),
            inline: "long".into(),
            inner: Attr::Known(inner),
            ..Outer::default()
        };
        assert_eq!(
            found(config),
            [
                ("mode", r#"mode must be one of "copy", "mount", but is "move"."#),
                ("inline", "inline must have a length from 1 to 3, but has 4 characters."),
                ("inner", "inner must have a length up to 1, but has 2 elements."),
                (r#"inner["a"].port"#, r#"inner["a"].port must be from 1 to 65535, but is 0."#),
                (r#"inner["b"].port"#, r#"inner["b"].port must be from 1 to 65535, but is 0."#),
            ]
            .map(|(path, detail)| (path.to_owned(), detail.to_owned()))
        );
    }

    model! {
        /// One way of three.
        struct Way {
            /// By land.
            land: Attr<String> = optional().exactly_one_of(&["sea", "air"]),
            /// By sea.
            sea: Attr<String> = optional(),
            /// By air.
            air: Attr<String> = optional(),
        }
    }

    #[test]
    fn of_three_exactly_one_is_one_whichever_has_the_rule() {
        let said = |land: bool, sea: bool, air: bool| -> Vec<String> {
            let given = |is: bool| if is { "x".into() } else { Attr::Null };
            let config = Way { land: given(land), sea: given(sea), air: given(air) };
            let diagnostics = configuration(&Way::schema(), &Model::to_value(&config));
            diagnostics.into_iter().map(|one| one.detail).collect()
        };
        let together =
            |one, other| [format!("{one} and {other} cannot be set together. Remove one of them.")];
        assert_eq!(said(false, true, true), together("sea", "air"));
        assert_eq!(said(true, false, true), together("land", "air"));
        assert_eq!(said(true, true, true), together("land", "sea"));
        assert_eq!(said(false, false, false), ["One of land, sea, air must be set, and none is."]);
        for (land, sea, air) in [(true, false, false), (false, true, false), (false, false, true)] {
            assert!(said(land, sea, air).is_empty());
        }
    }

    model! {
        /// Text of a form.
        struct Formed {
            /// A code.
            code: Attr<String> = optional().matches("^[a-z]{2}-[0-9]+$", "must look like ab-12"),
            /// Codes in order.
            listed: Attr<List<i64>> = optional().each(|it| small(*it)),
            /// Codes by name.
            named: Attr<Map<i64>> = optional().each(|it| small(*it)),
            /// Codes without order.
            loose: Attr<Set<i64>> = optional().each(|it| small(*it)),
        }
    }

    fn small(number: i64) -> Result<(), String> {
        if number < 10 { Ok(()) } else { Err(format!("must be below 10, but is {number}")) }
    }

    #[test]
    fn patterns_and_elements_are_checked() {
        let formed = |code: &str, number: i64| {
            let numbers = || vec![1.into(), Attr::Unknown, number.into()];
            let named = Attr::Known([("a".to_owned(), number.into())].into());
            let (listed, loose) = (Attr::Known(numbers()), Attr::Known(Set(numbers())));
            configuration(&Formed::schema(), &Formed { code: code.into(), listed, named, loose }.to_value())
        };
        assert!(formed("ab-12", 9).is_empty());
        let found: Vec<String> = formed("ab-12x", 10).into_iter().map(|one| one.detail).collect();
        assert_eq!(
            found,
            [
                r#"code must look like ab-12, but is "ab-12x"."#,
                "listed[2] must be below 10, but is 10.",
                r#"named["a"] must be below 10, but is 10."#,
                "loose must be below 10, but is 10.",
            ]
        );
    }

    model! {
        /// A rack.
        struct Rack {
            /// Shelves without order.
            shelves: Attr<Set<Shelf>> = optional(),
        }
    }

    model! {
        /// A shelf.
        struct Shelf {
            /// Its label.
            label: Attr<String> = required(),
            /// Its lock's code.
            code: Attr<String> = optional().sensitive(),
            /// How many fit.
            room: Attr<i64> = optional().range(1..=9),
            /// What stands on it.
            boxes: Attr<List<Inner>> = optional(),
        }
    }

    #[test]
    fn an_element_of_a_set_is_told_by_what_is_in_it() {
        let boxes = Attr::Known(vec![Attr::Known(Inner { port: 0.into() })]);
        let shelf = |label: &str, room: i64, boxes| {
            Attr::Known(Shelf { label: label.into(), code: "1234".into(), room: room.into(), boxes })
        };
        let long = "x".repeat(60);
        let shelves = vec![shelf("a", 5, Attr::Null), shelf("b", 0, Attr::Null), shelf(&long, 5, boxes)];
        let rack = Rack { shelves: Attr::Known(Set(shelves)) };
        let found = configuration(&Rack::schema(), &rack.to_value());
        let found: Vec<String> = found.into_iter().map(|one| one.detail).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            found[0],
            "shelves.room must be from 1 to 9, but is 0. The element of shelves is { label = \"b\", code = (sensitive), room = 0 }."
        );
        let cut = format!("label = \"{}…", "x".repeat(39));
        assert!(
            found[1].starts_with("shelves.boxes[0].port must be") && found[1].contains(&cut),
            "{}",
            found[1]
        );
    }

    model! {
        /// What opens something.
        struct Credentials {
            /// Who.
            user: Attr<String> = optional(),
            /// A secret.
            pin: Attr<i64> = optional().range(1000..=9999).sensitive(),
        }
    }

    model! {
        /// A door.
        struct Door {
            /// Its name.
            name: Attr<String> = required().matches("^[a-z]+$", "must be of small letters"),
            /// What opens it.
            credentials: Attr<Credentials> = optional(),
        }
    }

    model! {
        /// A house.
        struct House {
            /// Its doors.
            doors: Attr<Set<Door>> = optional(),
            /// Doors that nobody must know.
            secret_doors: Attr<Set<Door>> = optional().sensitive(),
            /// A secret word.
            word: Attr<String> = optional().one_of(["open", "sesame"]).write_only(),
            /// A secret form.
            form: Attr<String> = optional().matches("^[a-z]+$", "must be of small letters").sensitive(),
        }
    }

    #[test]
    fn what_is_hidden_is_in_no_message() {
        let doors = |name: &str| {
            let credentials = Attr::Known(Credentials { user: "ann".into(), pin: 123.into() });
            Attr::Known(Set(vec![Attr::Known(Door { name: name.into(), credentials })]))
        };
        let house = House {
            doors: doors("FRONT"),
            secret_doors: doors("HATCH"),
            word: "hunter2".into(),
            form: "HUNTER3".into(),
        };
        let found = configuration(&House::schema(), &house.to_value());
        let found: Vec<String> = found.into_iter().map(|one| one.detail).collect();
        let element = |set: &str, name: &str| {
            format!("The element of {set} is {{ name = {name}, credentials = (sensitive) }}.")
        };
        let (front, hatch) = (element("doors", "\"FRONT\""), element("secret_doors", "(sensitive)"));
        assert_eq!(
            found,
            [
                "word must be one of \"open\", \"sesame\".".to_owned(),
                "form must be of small letters.".to_owned(),
                format!("doors.name must be of small letters, but is \"FRONT\". {front}"),
                format!("doors.credentials.pin must be from 1000 to 9999. {front}"),
                format!("secret_doors.name must be of small letters. {hatch}"),
                format!("secret_doors.credentials.pin must be from 1000 to 9999. {hatch}"),
            ]
        );
    }

    #[test]
    fn siblings_are_told_apart() {
        let none = found(Outer::default());
        assert_eq!(none[0].1, "One of inline, file must be set, and none is.");
        let both = Outer { inline: "a".into(), file: "b".into(), ..Outer::default() };
        let both = configuration(&Outer::schema(), &Model::to_value(&both));
        assert!(both.iter().any(|one| one.detail.starts_with("inline and file cannot be set together")));
        assert!(both.iter().any(|one| one.severity == Severity::Warning && one.detail == "Use inline."));
        let alone = Outer { inline: "a".into(), words: Attr::Known(vec![]), ..Outer::default() };
        assert!(found(alone)[0].1.starts_with("words has no meaning without mode"));
    }

    model! {
        /// Something with a secret.
        struct Keeper {
            /// Its secret.
            secret: Attr<String> = optional().write_only(),
            /// Others.
            others: Attr<Map<Deep>> = optional(),
        }
    }

    model! {
        /// Another secret.
        struct Deep {
            /// Its secret.
            secret: Attr<String> = optional().write_only(),
        }
    }

    #[test]
    fn an_old_host_would_keep_what_is_only_written() {
        let deep = Deep { secret: Attr::Unknown };
        let keeper =
            Keeper { secret: "x".into(), others: Attr::Known([("a".to_owned(), Attr::Known(deep))].into()) };
        let refused = without_write_only(&Keeper::schema(), &keeper.to_value());
        let paths: Vec<String> = refused.iter().map(|one| one.path.to_string()).collect();
        assert_eq!(paths, ["secret", r#"others["a"].secret"#]);
        assert!(refused.iter().all(|one| one.detail.contains("Terraform 1.11")));
        assert!(without_write_only(&Keeper::schema(), &Keeper::default().to_value()).is_empty());
    }

    #[test]
    fn what_is_unknown_is_not_judged() {
        let config = Outer {
            mode: Attr::Unknown,
            inline: Attr::Unknown,
            file: Attr::Null,
            inner: Attr::Known([("a".to_owned(), Attr::Known(Inner { port: Attr::Unknown }))].into()),
            words: Attr::Unknown,
        };
        assert_eq!(found(config), []);
    }
}
