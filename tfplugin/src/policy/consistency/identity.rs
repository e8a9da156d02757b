use super::state::unknown_parts;
use super::{Findings, Judged, Rule};
use crate::{Diagnostics, Path, Value};

/// Where the identity of a resource that exists is not one, or another than before.
///
/// An identity that was null as a whole or in all of its parts says nothing:
/// resources from before the provider declared an identity have such.
pub(crate) fn of_identity(judged: Judged<'_>, before: Option<&Value>, now: Option<&Value>) -> Diagnostics {
    let mut findings = Findings::new(judged);
    let Some(now) = now.filter(|now| !is_empty(now)) else {
        findings.broken(Rule::HasIdentity, &Path::root(), &Value::Null, None);
        return findings.diagnostics;
    };
    unknown_parts(now, &Path::root(), &mut |path| {
        findings.broken(Rule::IdentityKnown, path, &Value::Unknown, None);
    });
    if let (Some(Value::Object(before)), Value::Object(now)) = (before.filter(|it| !is_empty(it)), now) {
        for (name, before) in before.iter().filter(|(_, before)| !before.is_null()) {
            let now = now.get(name).unwrap_or(&Value::Null);
            if !now.is_unknown() && now != before {
                findings.broken(Rule::IdentityStays, &Path::attribute(name), now, Some(before));
            }
        }
    }
    findings.diagnostics
}

/// Whether nothing in an identity says anything.
fn is_empty(identity: &Value) -> bool {
    match identity {
        Value::Object(attributes) => attributes.values().all(Value::is_null),
        other => other.is_null(),
    }
}
