//! What a tenant says in Kubernetes' own spelling, held against the fields that Kubernetes has.

use k8s_openapi::api::core::v1::{Affinity, PodSecurityContext, PodSpec, SecurityContext};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tfplugin::{Attr, Diagnostic, Diagnostics, Path};

use super::model::ServiceModel;

k8s_openapi::k8s_if_1_33! {
/// The version of Kubernetes whose fields these are. Another feature of `k8s-openapi` leaves it out, and nothing
/// builds until it is written anew here.
const KUBERNETES: &str = "1.33";
}

/// Fields that hold an amount, or amounts by name. The API server takes numbers there too.
const AMOUNTS: [&str; 5] = ["limits", "requests", "overhead", "sizeLimit", "divisor"];

/// An attribute in Kubernetes' spelling: its name, where it is, and what finds in its value what is not Kubernetes'.
type Spelled = (&'static str, fn(&ServiceModel) -> &Attr<String>, fn(Value) -> Vec<String>);

/// Warns of what the API server would refuse at apply: a field that Kubernetes does not have, or a value
/// of another type than the field's. These are no errors, because a newer cluster may have more fields;
/// what was applied before was known there.
pub(super) fn check(prior: Option<&ServiceModel>, planned: &ServiceModel) -> Diagnostics {
    let held: [Spelled; 4] = [
        ("affinity", |it| &it.affinity, strange::<Affinity>),
        ("pod_patch", |it| &it.pod_patch, strange::<PodSpec>),
        ("pod_security_context", |it| &it.pod_security_context, strange::<PodSecurityContext>),
        ("security_context", |it| &it.security_context, strange::<SecurityContext>),
    ];
    let mut told = Diagnostics::new();
    for (name, attribute, finds) in held {
        let text = attribute(planned);
        if prior.is_some_and(|prior| attribute(prior) == text) {
            continue;
        }
        // What is no JSON is an error, and told as one.
        let Some(Ok(said)) = text.as_str().map(serde_json::from_str) else { continue };
        let found = finds(said);
        if !found.is_empty() {
            let detail = format!(
                "{}.\nAn API server refuses what it does not know, at apply. Correct the spelling; where the cluster is \
                 newer than Kubernetes {KUBERNETES} and has it, leave it.",
                found.join("; ")
            );
            let summary = format!("{name} says what Kubernetes does not know");
            told.push(Diagnostic::warning(summary, detail).at(Path::attribute(name)));
        }
    }
    told
}

/// What in `said` is not of `T`.
fn strange<T: DeserializeOwned + Serialize>(mut said: Value) -> Vec<String> {
    amounts_as_text(&mut said);
    let known = match serde_path_to_error::deserialize::<_, T>(&said) {
        Ok(known) => serde_json::to_value(known).unwrap_or_default(),
        Err(error) => return vec![format!("{}: {}", error.path(), error.inner())],
    };
    let mut lost = Vec::new();
    lose("", &said, &known, &mut lost);
    lost
}

/// The paths of `said` that did not come through.
fn lose(path: &str, said: &Value, known: &Value, lost: &mut Vec<String>) {
    match said {
        Value::Object(fields) => {
            let dot = if path.is_empty() { "" } else { "." };
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                let path = format!("{path}{dot}{name}");
                match known.get(name) {
                    Some(known) => lose(&path, value, known, lost),
                    None => lost.push(format!("{path} is no field")),
                }
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                lose(&format!("{path}[{index}]"), element, &known[index], lost);
            }
        }
        _ => {}
    }
}

fn amounts_as_text(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if AMOUNTS.contains(&name.as_str()) {
                    as_text(value);
                    value.as_object_mut().into_iter().flat_map(|it| it.values_mut()).for_each(as_text);
                }
                amounts_as_text(value);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(amounts_as_text),
        _ => {}
    }
}

fn as_text(amount: &mut Value) {
    if amount.is_number() {
        *amount = Value::String(amount.to_string());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_kubernetes_has_is_not_strange() {
        let patch = json!({
            "dnsPolicy": "None", "hostNetwork": null, "nodeSelector": {"a.b/c": "d"},
            "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
            "containers": [{
                "name": "server", "resources": {"limits": {"cpu": 2, "memory": "4Gi"}},
                "env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1"}}}],
                "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
            }],
            "volumes": [{"name": "v", "emptyDir": {"sizeLimit": 1_048_576}}],
        });
        assert_eq!(strange::<PodSpec>(patch), [""; 0]);
        assert_eq!(
            strange::<SecurityContext>(json!({"runAsUser": 0, "capabilities": {"drop": ["ALL"]}})),
            [""; 0]
        );
    }

    #[test]
    fn what_it_has_not_is_named_by_its_path() {
        for (patch, expected) in [
            (json!({"dnsPolcy": "None"}), "dnsPolcy is no field"),
            (
                json!({"containers": [{"name": "server"}, {"name": "b", "resorces": {}}]}),
                "containers[1].resorces is no field",
            ),
            (json!({"hostNetwork": "yes"}), "hostNetwork: invalid type: string \"yes\", expected a boolean"),
        ] {
            assert_eq!(strange::<PodSpec>(patch), [expected]);
        }
    }

    #[test]
    fn a_misspelt_attribute_is_a_warning_there() {
        let config =
            ServiceModel { pod_security_context: r#"{"fsGrup": 1}"#.into(), ..ServiceModel::default() };
        assert_eq!(check(Some(&config), &config).into_iter().count(), 0, "it was applied");
        let told: Vec<Diagnostic> = check(Some(&ServiceModel::default()), &config).into_iter().collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].summary, "pod_security_context says what Kubernetes does not know");
        assert!(told[0].detail.starts_with("fsGrup is no field."), "{}", told[0].detail);
    }
}
