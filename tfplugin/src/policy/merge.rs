//! From Terraform's proposal to what a resource is asked to plan.

use std::collections::BTreeMap;

use super::pairs;
use super::walk::{Beside, nested_mut};
use crate::schema::Kind;
use crate::{Schema, Value};

type Attributes = BTreeMap<String, Value>;

/// The proposal with defaults, prior spellings, and unknown where the provider has yet to say.
///
/// Computed attributes that the user did not set are unknown on create, and on
/// an update that changes anything unless they are declared to stay.
pub(crate) fn proposal(schema: &Schema, config: &Value, prior: Option<&Value>, mut proposed: Value) -> Value {
    let beside = Beside { config: Some(config), prior };
    if let Value::Object(object) = &mut proposed {
        fill_defaults(schema, object, beside);
        keep_spelling(schema, object, beside, &mut false);
    }
    if prior == Some(&proposed) {
        return proposed;
    }
    if let Value::Object(object) = &mut proposed {
        mark_unknown(schema, object, beside);
    }
    proposed
}

/// `value` with the spelling of `prior` wherever the schema says that both mean the same.
pub(crate) fn with_spelling_of(schema: &Schema, prior: &Value, mut value: Value) -> Value {
    respell(schema, None, prior, &mut value);
    value
}

/// Gives `value` the spelling of `prior` wherever the schema says that both
/// mean the same. Says whether that changed anything. With the configuration `value` is a plan of it.
pub(crate) fn respell(schema: &Schema, config: Option<&Value>, prior: &Value, value: &mut Value) -> bool {
    let mut changed = false;
    if let Value::Object(object) = value {
        keep_spelling(schema, object, Beside { config, prior: Some(prior) }, &mut changed);
    }
    changed
}

fn fill_defaults(schema: &Schema, object: &mut Attributes, beside: Beside<'_>) {
    for attribute in &schema.attributes {
        let beside = beside.attribute(&attribute.name);
        let value = object.entry(attribute.name.clone()).or_default();
        if beside.config.is_none_or(Value::is_null) {
            if let Some(default) = &attribute.default {
                *value = default.clone();
            }
        } else {
            nested_mut(&attribute.kind, value, beside, fill_defaults);
        }
    }
}

fn keep_spelling(schema: &Schema, object: &mut Attributes, beside: Beside<'_>, changed: &mut bool) {
    for attribute in &schema.attributes {
        let beside = beside.attribute(&attribute.name);
        let Some(value) = object.get_mut(&attribute.name) else { continue };
        let Some(prior) = beside.prior.filter(|prior| !prior.is_null() && !prior.is_unknown()) else {
            continue;
        };
        if prior == value || value.is_null() || value.is_unknown() {
            continue;
        }
        if let Some(respell) = attribute.rules.respell {
            let respelled = respell(prior, value.clone());
            // Terraform compares the plan of what has no attributes of its own as a whole: it is what the
            // user set or what it was, and no mixture of the two.
            let is_set = beside.config.is_some_and(|config| !config.is_null());
            if respelled == *prior || !is_set || !matches!(attribute.kind, Kind::Plain(_)) {
                *changed |= respelled != *value;
                *value = respelled;
            }
        }
        // Nothing is the same as what is not known.
        let same =
            attribute.rules.same.as_ref().filter(|_| prior.is_wholly_known() && value.is_wholly_known());
        if same.is_some_and(|same| same(prior, value)) {
            *changed |= prior != value;
            *value = prior.clone();
        } else if let (Kind::Set(schema), Value::Set(old), Value::Set(new)) =
            (&attribute.kind, prior, &mut *value)
        {
            let elements = pairs::respelled(old, std::mem::take(new), changed, |old, element| {
                with_spelling_of(schema, old, element)
            });
            *value = Value::set(elements);
        } else {
            nested_mut(&attribute.kind, value, beside, |schema, object, beside| {
                keep_spelling(schema, object, beside, changed);
            });
        }
    }
}

/// `value` without what is only written, which neither a plan nor a state has.
pub(crate) fn without_write_only(schema: &Schema, mut value: Value) -> Value {
    forget_write_only(schema, &mut value);
    value
}

/// Forgets what is only written. Says whether there was any.
pub(crate) fn forget_write_only(schema: &Schema, value: &mut Value) -> bool {
    let mut changed = false;
    if schema.has_write_only()
        && let Value::Object(object) = value
    {
        drop_write_only(schema, object, &mut changed);
    }
    changed
}

fn drop_write_only(schema: &Schema, object: &mut Attributes, changed: &mut bool) {
    for attribute in &schema.attributes {
        let Some(value) = object.get_mut(&attribute.name) else { continue };
        if attribute.write_only {
            *changed |= !value.is_null();
            *value = Value::Null;
        } else {
            let beside = Beside { config: None, prior: None };
            nested_mut(&attribute.kind, value, beside, |schema, object, _| {
                drop_write_only(schema, object, changed);
            });
        }
    }
}

fn mark_unknown(schema: &Schema, object: &mut Attributes, beside: Beside<'_>) {
    for attribute in &schema.attributes {
        let beside = beside.attribute(&attribute.name);
        let value = object.entry(attribute.name.clone()).or_default();
        if beside.config.is_some_and(|config| !config.is_null()) {
            nested_mut(&attribute.kind, value, beside, mark_unknown);
            continue;
        }

        let stays = attribute.rules.keeps && beside.prior.is_some_and(|prior| !prior.is_null());
        if attribute.mode.is_computed() && attribute.default.is_none() && !stays {
            *value = Value::Unknown;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attr, Diagnostics, Field, Map, Model, Path, Set, Type, model};

    /// An amount of memory, spelled in MiB or GiB.
    #[derive(Clone, Debug, PartialEq)]
    struct Memory(String);

    impl Field for Memory {
        fn kind() -> Kind {
            Kind::Plain(Type::String)
        }

        fn decode(value: Value, path: &Path) -> Result<Memory, Diagnostics> {
            String::decode(value, path).map(Memory)
        }

        fn encode(&self) -> Value {
            self.0.encode()
        }

        const HAS_SPELLINGS: bool = true;

        fn same(&self, other: &Memory) -> bool {
            self.mib().is_some() && self.mib() == other.mib()
        }
    }

    impl Memory {
        fn mib(&self) -> Option<u64> {
            match self.0.strip_suffix("GiB") {
                Some(gib) => gib.parse::<u64>().ok().map(|gib| gib * 1024),
                None => self.0.strip_suffix("MiB")?.parse().ok(),
            }
        }
    }

    model! {
        /// A shelf.
        struct Shelf {
            /// Its room.
            room: Attr<Memory> = required(),
            /// Its label.
            label: Attr<String> = optional(),
        }
    }

    model! {
        /// A store.
        struct Store {
            /// One.
            one: Attr<Memory> = optional(),
            /// By name.
            named: Attr<Map<Memory>> = optional(),
            /// In order.
            listed: Attr<Vec<Attr<Memory>>> = optional(),
            /// Without order.
            loose: Attr<Set<Memory>> = optional(),
            /// Nested, without order.
            shelves: Attr<Set<Shelf>> = optional(),
        }
    }

    /// The same store, with that spelling of 6 GiB everywhere; other amounts are spelled in one way.
    fn store(six: &str) -> Store {
        let memory = |text: &str| Attr::Known(Memory(text.to_owned()));
        let shelf = |text: &str, label: &str| Attr::Known(Shelf { room: memory(text), label: label.into() });
        Store {
            one: memory(six),
            named: Attr::Known([("a".to_owned(), memory(six)), ("b".to_owned(), memory("1GiB"))].into()),
            listed: Attr::Known(vec![memory("1GiB"), memory(six)]),
            loose: Attr::Known(Set(vec![memory("8GiB"), memory(six)])),
            shelves: Attr::Known(Set(vec![shelf(six, "x"), shelf(six, "y")])),
        }
    }

    #[test]
    fn a_type_keeps_its_spelling_at_every_depth() {
        let schema = Store::schema();
        let (old, new) = (store("6GiB").to_value(), store("6144MiB").to_value());
        assert_ne!(old, new);
        assert_eq!(with_spelling_of(&schema, &old, new.clone()), old);
        // What is another amount is another spelling too.
        let other = store("7GiB").to_value();
        assert_eq!(with_spelling_of(&schema, &old, other.clone()), other);
        // Nothing is known of an unknown amount.
        let unknown = Store { one: Attr::Unknown, ..store("6144MiB") }.to_value();
        assert_eq!(with_spelling_of(&schema, &old, unknown).get("one"), Some(&Value::Unknown));
        assert_eq!(proposal(&schema, &new, Some(&old), new.clone()), old, "so that the plan is empty");
    }

    #[test]
    fn what_is_found_keeps_the_spelling_of_each_element_and_a_plan_that_of_all_or_none() {
        let named = |a: &str, b: &str| {
            let memory = |text: &str| Attr::Known(Memory(text.to_owned()));
            let named = Attr::Known([("a".to_owned(), memory(a)), ("b".to_owned(), memory(b))].into());
            Store { named, ..Store::default() }.to_value()
        };
        let (old, new) = (named("6GiB", "1GiB"), named("6144MiB", "2GiB"));
        assert_eq!(with_spelling_of(&Store::schema(), &old, new.clone()), named("6GiB", "2GiB"));
        assert_eq!(proposal(&Store::schema(), &new, Some(&old), new.clone()), new);
        let respelled = named("6144MiB", "1024MiB");
        assert_eq!(proposal(&Store::schema(), &respelled, Some(&old), respelled.clone()), old);
    }

    #[test]
    fn a_set_with_two_spellings_of_one_amount_keeps_both() {
        let loose = |amounts: &[&str]| {
            let amounts = amounts.iter().map(|it| Attr::Known(Memory((*it).to_owned())));
            Store { loose: Attr::Known(Set(amounts.collect())), ..Store::default() }.to_value()
        };
        let (old, new) = (loose(&["6GiB"]), loose(&["6GiB", "6144MiB"]));
        assert_eq!(with_spelling_of(&Store::schema(), &old, new.clone()), new);
    }

    model! {
        /// A part.
        struct Part {
            /// Its size.
            size: Attr<String> = optional().default("1").same_if(|a, b| a.trim() == b.trim()),
            /// Its number.
            number: Attr<i64> = computed().use_state_for_unknown(),
        }
    }

    model! {
        /// A whole.
        struct Whole {
            /// Its name.
            name: Attr<String> = required(),
            /// Its parts.
            parts: Attr<Map<Part>> = optional(),
            /// Its weight.
            weight: Attr<i64> = computed(),
        }
    }

    fn whole(name: &str, part: Part, weight: Attr<i64>) -> Whole {
        Whole { name: name.into(), parts: Attr::Known([("a".to_owned(), part.into())].into()), weight }
    }

    fn proposed(config: &Whole, prior: Option<&Whole>, proposed: &Whole) -> Whole {
        let prior = prior.map(Model::to_value);
        let schema = Whole::schema();
        let value = proposal(&schema, &Model::to_value(config), prior.as_ref(), Model::to_value(proposed));
        <Whole as Model>::from_value(value, &Path::root()).unwrap()
    }

    #[test]
    fn a_create_has_defaults_and_does_not_know_what_is_computed() {
        let config = whole("x", Part::default(), Attr::Null);
        let part = Part { size: "1".into(), number: Attr::Unknown };
        assert_eq!(proposed(&config, None, &config), whole("x", part, Attr::Unknown));
    }

    #[test]
    fn an_update_keeps_what_stays_and_forgets_the_rest() {
        let prior = whole("x", Part { size: "1".into(), number: 7.into() }, 10.into());
        let config = whole("y", Part::default(), Attr::Null);
        let given = Whole { name: "y".into(), ..prior.clone() };
        let expected = Whole { weight: Attr::Unknown, ..given.clone() };
        assert_eq!(proposed(&config, Some(&prior), &given), expected);
    }

    #[test]
    fn another_spelling_of_the_same_is_no_change() {
        let prior = whole("x", Part { size: "1".into(), number: 7.into() }, 10.into());
        let config = whole("x", Part { size: " 1 ".into(), number: Attr::Null }, Attr::Null);
        let given = whole("x", Part { size: " 1 ".into(), number: 7.into() }, 10.into());
        assert_eq!(proposed(&config, Some(&prior), &given), prior);
    }

    #[test]
    fn removing_a_value_brings_the_default_back() {
        let prior = whole("x", Part { size: "5".into(), number: 7.into() }, 10.into());
        let config = whole("x", Part::default(), Attr::Null);
        let expected = whole("x", Part { size: "1".into(), number: 7.into() }, Attr::Unknown);
        assert_eq!(proposed(&config, Some(&prior), &prior), expected);
    }
}
