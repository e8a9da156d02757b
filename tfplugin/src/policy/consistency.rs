//! Terraform's rules for what a provider may answer.
//!
//! Terraform checks them too, in words that blame the provider and name little.
//! Debug builds check them here, so that a provider's tests find the attribute.

use crate::schema::{Attribute, Kind};
use crate::{Diagnostic, Diagnostics, Path, Schema, Value};

/// A plan must keep what the user set, or its prior value; the provider
/// chooses only what the user left out and the schema calls computed.
pub(crate) fn of_plan(
    schema: &Schema,
    config: &Value,
    prior: Option<&Value>,
    planned: &Value,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    plan_object(schema, config, prior, planned, &Path::root(), &mut diagnostics);
    diagnostics
}

/// Each known part of the plan must have come true.
pub(crate) fn of_apply(planned: &Value, applied: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    apply_value(planned, applied, &Path::root(), &mut diagnostics);
    diagnostics
}

fn bug(path: &Path, detail: String) -> Diagnostic {
    let detail = format!("{detail} Report this to the provider's authors; the values are not to blame.");
    Diagnostic::error("Provider bug", detail).at(path.clone())
}

fn plan_object(
    schema: &Schema,
    config: &Value,
    prior: Option<&Value>,
    planned: &Value,
    path: &Path,
    diagnostics: &mut Diagnostics,
) {
    for attribute in &schema.attributes {
        let of = |value: Option<&Value>| value.and_then(|value| value.get(&attribute.name)).cloned();
        let config = of(Some(config)).unwrap_or_default();
        let planned = of(Some(planned)).unwrap_or_default();
        let prior = of(prior);
        plan_attribute(
            attribute,
            &config,
            prior.as_ref(),
            &planned,
            &path.field(&attribute.name),
            diagnostics,
        );
    }
}

fn plan_attribute(
    attribute: &Attribute,
    config: &Value,
    prior: Option<&Value>,
    planned: &Value,
    path: &Path,
    diagnostics: &mut Diagnostics,
) {
    let kept = planned == config || (!config.is_null() && prior == Some(planned));
    if kept || (config.is_null() && attribute.mode.is_computed()) {
        return;
    }
    match (&attribute.kind, config, planned) {
        (Kind::Single(schema), Value::Object(_), Value::Object(_)) => {
            plan_object(schema, config, prior, planned, path, diagnostics);
        }
        (Kind::List(schema), Value::List(set), Value::List(chosen)) if set.len() == chosen.len() => {
            for (index, (set, chosen)) in set.iter().zip(chosen).enumerate() {
                let path = path.index(index);
                let prior = prior.and_then(|prior| match prior {
                    Value::List(elements) => elements.get(index),
                    _ => None,
                });
                plan_element(schema, set, prior, chosen, &path, diagnostics);
            }
        }
        (Kind::Map(schema), Value::Map(set), Value::Map(chosen)) if set.keys().eq(chosen.keys()) => {
            for (key, set) in set {
                let prior = prior.and_then(|prior| prior.get(key));
                let chosen = chosen.get(key).unwrap_or(&Value::Null);
                plan_element(schema, set, prior, chosen, &path.key(key), diagnostics);
            }
        }
        // The elements of a set cannot be told apart once the provider filled them in.
        (Kind::Set(_), Value::Set(set), Value::Set(chosen)) if set.len() == chosen.len() => {}
        _ if config.is_null() => {
            diagnostics.push(bug(
                path,
                format!("The provider planned a value for {path}, which only the user may set."),
            ));
        }
        _ => diagnostics
            .push(bug(path, format!("The provider planned another value for {path} than the user set."))),
    }
}

fn plan_element(
    schema: &Schema,
    config: &Value,
    prior: Option<&Value>,
    planned: &Value,
    path: &Path,
    diagnostics: &mut Diagnostics,
) {
    if let (Value::Object(_), Value::Object(_)) = (config, planned) {
        plan_object(schema, config, prior, planned, path, diagnostics);
    } else if config != planned {
        diagnostics
            .push(bug(path, format!("The provider planned another value for {path} than the user set.")));
    }
}

fn apply_value(planned: &Value, applied: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    match (planned, applied) {
        (_, applied) if applied.is_unknown() => {
            diagnostics.push(bug(path, format!("The provider left {path} unknown after apply.")));
        }
        (Value::Unknown, applied) if applied.is_wholly_known() => {}
        (Value::Unknown, _) => {
            diagnostics.push(bug(path, format!("The provider left a part of {path} unknown after apply.")));
        }
        (Value::Object(planned), Value::Object(applied)) => {
            for (name, planned) in planned {
                let applied = applied.get(name).unwrap_or(&Value::Null);
                apply_value(planned, applied, &path.field(name), diagnostics);
            }
        }
        (Value::Map(planned), Value::Map(applied)) if planned.keys().eq(applied.keys()) => {
            for (key, planned) in planned {
                let applied = applied.get(key).unwrap_or(&Value::Null);
                apply_value(planned, applied, &path.key(key), diagnostics);
            }
        }
        (Value::List(planned), Value::List(applied)) if planned.len() == applied.len() => {
            for (index, (planned, applied)) in planned.iter().zip(applied).enumerate() {
                apply_value(planned, applied, &path.index(index), diagnostics);
            }
        }
        (Value::Set(planned), Value::Set(applied))
            if planned.len() == applied.len() && !planned.iter().all(Value::is_wholly_known) => {}
        (planned, applied) if planned == applied => {}
        _ => diagnostics.push(bug(path, format!("{path} is not what the plan said."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attr, Map, Model, model};

    model! {
        /// A thing.
        struct Thing {
            /// Set by the user.
            name: Attr<String> = optional(),
            /// Set by the provider.
            id: Attr<String> = computed(),
            /// Texts.
            texts: Attr<Map<String>> = computed(),
        }
    }

    fn plan(config: &Thing, prior: Option<&Thing>, planned: &Thing) -> Vec<String> {
        let prior = prior.map(Model::to_value);
        let diagnostics =
            of_plan(&Thing::schema(), &Model::to_value(config), prior.as_ref(), &Model::to_value(planned));
        diagnostics.iter().map(|one| one.path.to_string()).collect()
    }

    #[test]
    fn a_plan_keeps_what_the_user_set() {
        let config = Thing { name: "a".into(), ..Thing::default() };
        let chosen = Thing { id: Attr::Unknown, ..config.clone() };
        assert!(plan(&config, None, &chosen).is_empty());
        let other = Thing { name: "b".into(), ..Thing::default() };
        assert_eq!(plan(&config, None, &other), ["name"]);
        assert!(plan(&config, Some(&other), &other).is_empty());
        assert_eq!(plan(&Thing::default(), None, &other), ["name"]);
    }

    #[test]
    fn an_apply_brings_what_was_planned() {
        let texts = |b: Attr<String>| Attr::Known([("a".to_owned(), "1".into()), ("b".to_owned(), b)].into());
        let planned = Thing { id: Attr::Unknown, texts: texts(Attr::Unknown), ..Thing::default() };
        let applied = Thing { id: "x".into(), texts: texts("2".into()), ..Thing::default() };
        let found = |applied: &Thing| -> Vec<String> {
            let diagnostics = of_apply(&Model::to_value(&planned), &Model::to_value(applied));
            diagnostics.iter().map(|one| one.path.to_string()).collect()
        };
        assert!(found(&applied).is_empty());
        assert_eq!(found(&Thing { texts: texts(Attr::Unknown), ..applied.clone() }), [r#"texts["b"]"#]);
        assert_eq!(found(&Thing { texts: Attr::Null, ..applied.clone() }), ["texts"]);
        assert_eq!(found(&Thing { name: "n".into(), ..applied }), ["name"]);
    }
}
