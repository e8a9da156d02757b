use super::{Findings, Judged, Rule};
use crate::schema::{Attribute, Kind};
use crate::{Diagnostics, Path, Schema, Value};

/// Where a plan does not conform to the configuration, or to the prior state in its stead.
pub(crate) fn of_plan(
    judged: Judged<'_>,
    config: &Value,
    prior: Option<&Value>,
    planned: &Value,
) -> Diagnostics {
    let mut findings = Findings::new(judged);
    object(judged.schema, Sides { config, prior, planned }, &Path::root(), &mut findings);
    findings.diagnostics
}

/// Where a plan replaces the resource because of what is neither in the state nor in the plan.
pub(crate) fn of_replacement(
    judged: Judged<'_>,
    prior: &Value,
    planned: &Value,
    replace: &[Path],
) -> Diagnostics {
    let mut findings = Findings::new(judged);
    for path in replace.iter().filter(|path| prior.at(path).or(planned.at(path)).is_none()) {
        findings.broken(Rule::ReplacesWhatExists, path, &Value::Null, None);
    }
    findings.diagnostics
}

/// What stands at one place of the three values that are compared.
#[derive(Clone, Copy)]
struct Sides<'a> {
    config: &'a Value,
    prior: Option<&'a Value>,
    planned: &'a Value,
}

fn object(schema: &Schema, sides: Sides<'_>, path: &Path, findings: &mut Findings<'_>) {
    for attribute in &schema.attributes {
        let of = |value: &Value| value.get(&attribute.name).cloned().unwrap_or_default();
        let (config, planned, prior) = (of(sides.config), of(sides.planned), sides.prior.map(of));
        let sides = Sides { config: &config, prior: prior.as_ref(), planned: &planned };
        self::attribute(attribute, sides, &path.field(&attribute.name), findings);
    }
}

fn attribute(attribute: &Attribute, sides: Sides<'_>, path: &Path, findings: &mut Findings<'_>) {
    let Sides { config, prior, planned } = sides;
    // A value that is only written is in the configuration alone.
    if planned == config || attribute.write_only {
        return;
    }
    let kept = !config.is_null() && !planned.is_null() && prior == Some(planned);
    if kept || (config.is_null() && attribute.mode.is_computed()) {
        return;
    }
    match (&attribute.kind, config, planned) {
        (_, Value::Null, Value::Unknown) => {
            findings.broken(Rule::UnknownOnlyComputed, path, planned, Some(config));
        }
        (_, Value::Null, _) => findings.broken(Rule::OnlyComputed, path, planned, Some(config)),
        (_, _, Value::Unknown) => findings.broken(Rule::UnknownOnlyComputed, path, planned, Some(config)),
        (Kind::Single(schema), Value::Object(_), Value::Object(_)) => object(schema, sides, path, findings),
        (Kind::List(schema), Value::List(set), Value::List(chosen)) if set.len() == chosen.len() => {
            for (index, (config, planned)) in set.iter().zip(chosen).enumerate() {
                let path = path.index(index);
                let prior = prior.and_then(|prior| prior.at(&Path::root().index(index)));
                element(schema, Sides { config, prior, planned }, &path, findings);
            }
        }
        (Kind::Map(schema), Value::Map(set), Value::Map(chosen)) if set.keys().eq(chosen.keys()) => {
            for (key, config) in set {
                let prior = prior.and_then(|prior| prior.get(key));
                let planned = chosen.get(key).unwrap_or(&Value::Null);
                element(schema, Sides { config, prior, planned }, &path.key(key), findings);
            }
        }
        // The elements of a set cannot be told apart once the provider filled
        // them in, and unknown ones may turn out to be the same.
        (Kind::Set(_), Value::Set(set), Value::Set(chosen))
            if set.len() == chosen.len() || !planned.is_wholly_known() => {}
        (Kind::List(_), Value::List(_), Value::List(_))
        | (Kind::Map(_), Value::Map(_), Value::Map(_))
        | (Kind::Set(_), Value::Set(_), Value::Set(_)) => {
            findings.broken(Rule::SameElements, path, planned, Some(config));
        }
        _ => findings.broken(Rule::KeepsConfiguration, path, planned, Some(config)),
    }
}

fn element(schema: &Schema, sides: Sides<'_>, path: &Path, findings: &mut Findings<'_>) {
    if let (Value::Object(_), Value::Object(_)) = (sides.config, sides.planned) {
        object(schema, sides, path, findings);
    } else if sides.config != sides.planned {
        findings.broken(Rule::KeepsConfiguration, path, sides.planned, Some(sides.config));
    }
}
