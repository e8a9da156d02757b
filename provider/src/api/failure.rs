//! Why a call did not do what it should, in words that a user can act on.

use serde_json::Value;
use tfplugin::{Diagnostic, Path};

use super::Verb;

/// A failed call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// The provider block and the environment say nothing of a cluster.
    Nowhere,
    /// These arguments of the provider block are not known yet.
    Unknown { arguments: Vec<String> },
    /// A kubeconfig cannot be read.
    Kubeconfig { path: String, cause: String },
    /// A kubeconfig has no such entry.
    KubeconfigEntry { what: &'static str, name: String, known: Vec<String> },
    /// The arguments make no client.
    Configuration { cause: String },
    /// No answer to what was asked, where that was one of our calls.
    Unreachable { asked: Option<String>, cause: String },
    /// The API server said no.
    Refused(Box<Refusal>),
    /// An object is there that is not ours.
    Foreign { object: String, managers: Vec<String> },
    /// The user interrupted.
    Cancelled,
    /// A wait ended without what was waited for.
    Waited { summary: String, detail: String },
}

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) object: String,
    pub(crate) verb: Verb,
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) causes: Vec<Cause>,
}

/// One of the reasons in an answer: which field, and what of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cause {
    pub(crate) reason: String,
    pub(crate) field: String,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn of(object: String, verb: Verb, status: u16, body: &Value) -> Self {
        let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let causes = body["details"]["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let message = body["message"].as_str().or_else(|| body.as_str()).unwrap_or("no reason given");
        Self {
            object,
            verb,
            status,
            message: message.trim().to_owned(),
            causes: causes
                .iter()
                .map(|cause| Cause {
                    reason: text(cause, "reason"),
                    field: text(cause, "field"),
                    message: text(cause, "message"),
                })
                .collect(),
        }
    }

    /// Fields that other managers hold, where that is why.
    pub(crate) fn conflicts(&self) -> Vec<&Cause> {
        self.causes.iter().filter(|cause| cause.reason == "FieldManagerConflict").collect()
    }

    fn diagnostic(&self) -> Diagnostic {
        let Self { object, verb, status, message, .. } = self;
        let conflicts = self.conflicts();
        match status {
            401 => Diagnostic::error(
                "The cluster does not know these credentials",
                format!(
                    "It answered with 401 when it was asked to {verb} {object}: {message}. The token or certificate of the provider block is missing, \
                     expired or meant for another cluster. Renew it."
                ),
            ),
            403 if message.contains("cannot") => Diagnostic::error(
                format!("Missing right to {verb} {object}"),
                format!(
                    "{message}. Give the user of the provider block that verb on that resource, then apply again."
                ),
            ),
            403 => Diagnostic::error(
                format!("The cluster forbids to {verb} {object}"),
                format!(
                    "{message}. Where this speaks of granting RBAC permissions, give the user of the provider \
                     block those rights itself, or the verbs `escalate` and `bind` on roles."
                ),
            ),
            404 if *verb == Verb::List => Diagnostic::error(
                "The cluster does not serve such objects",
                format!(
                    "It answered with 404 when it was asked to {verb} {object}: {message}. Use a cluster that \
                     serves this kind, or have its API server serve it."
                ),
            ),
            404 => Diagnostic::error(
                format!("{object} has no place to be"),
                format!("To {verb} it was answered with 404: {message}. Apply what makes it first."),
            ),
            409 if !conflicts.is_empty() => {
                let lines: Vec<String> = conflicts
                    .iter()
                    .map(|it| format!("{}: {}", it.field.trim_start_matches('.'), it.message))
                    .collect();
                Diagnostic::error(
                    format!("Another manager holds fields of {object}"),
                    format!(
                        "To {verb} it would take what others hold. {}.\nIf that manager should keep a field, list it in `hand_over` (or take it out of \
                         the configuration). If not, plan again: the plan shows the field as changed, and its \
                         apply takes it back.",
                        lines.join(";\n")
                    ),
                )
            }
            409 => Diagnostic::error(
                format!("{object} was changed or replaced meanwhile"),
                format!("To {verb} it was answered with 409: {message}. Plan and apply again."),
            ),
            413 => Diagnostic::error(
                format!("{object} is too large"),
                format!(
                    "To {verb} it was answered with 413: {message}. A ConfigMap holds at most 1 MiB: put large files into the storage instead."
                ),
            ),
            422 => {
                let lines: Vec<String> =
                    self.causes.iter().map(|it| format!("{}: {}", it.field, it.message)).collect();
                let why = if lines.is_empty() { message.clone() } else { lines.join(";\n") };
                Diagnostic::error(
                    format!("The cluster refuses to {verb} {object} as it is"),
                    format!(
                        "{why}.\nChange that value; where it says that a field is immutable, the object must be replaced."
                    ),
                )
            }
            429 => Diagnostic::error(
                "The cluster is overloaded",
                format!(
                    "To {verb} {object} was put off again and again: {message}. Apply again later, or with a lower -parallelism."
                ),
            ),
            _ => Diagnostic::error(
                format!("The cluster failed to {verb} {object}"),
                format!(
                    "It answered {status}: {message}. Where this names a webhook, that webhook must answer; \
                     where it names a field, that field is misspelled. Otherwise look at the API server's log."
                ),
            ),
        }
    }
}

impl Failure {
    /// The conflict that a forced apply would override.
    pub(crate) fn as_conflict(&self) -> Option<&Refusal> {
        match self {
            Failure::Refused(it) if it.status == 409 && !it.conflicts().is_empty() => Some(it),
            _ => None,
        }
    }

    /// Whether the call may have done its work all the same.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Failure::Unreachable { .. } => true,
            Failure::Refused(it) => it.status >= 500,
            _ => false,
        }
    }

    /// Whether every other call fails for the same reason, so that one of them says it all.
    pub(crate) fn is_of_all_calls(&self) -> bool {
        match self {
            Failure::Refused(it) => it.status == 401,
            Failure::Foreign { .. } | Failure::Waited { .. } => false,
            _ => true,
        }
    }

    /// The status of the answer, where there was one.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Failure::Refused(it) => Some(it.status),
            _ => None,
        }
    }

    /// What a user is told; `path` is the attribute that brought the call about.
    pub(crate) fn diagnostic(&self, path: Path) -> Diagnostic {
        let diagnostic = match self {
            Failure::Nowhere => Diagnostic::error(
                "No cluster is configured",
                "The provider block names no `config_path` and no `host`, the environment neither \
                 (KUBE_CONFIG_PATH, KUBE_HOST), and this is not a pod. Set one of them. KUBECONFIG and \
                 ~/.kube/config are not read, so that no plan meets a cluster by accident.",
            ),
            Failure::Unknown { arguments } => Diagnostic::error(
                "The cluster is not known yet",
                format!(
                    "The provider's {} comes from a resource that does not exist yet, and this step needs the \
                     cluster. Apply that resource first (with -target), or split the configuration: the \
                     cluster in one, what runs in it in another.",
                    arguments.join(", ")
                ),
            ),
            Failure::Kubeconfig { path, cause } => Diagnostic::error(
                "The kubeconfig cannot be used",
                format!("{path}: {cause}. Correct the file, or name another with `config_path`."),
            ),
            Failure::KubeconfigEntry { what, name, known } => {
                let has = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let name = if name.is_empty() { String::new() } else { format!(" {name:?}") };
                Diagnostic::error(
                    "The kubeconfig has no such entry",
                    format!(
                        "It has no {what}{name}; it has: {has}. Set `config_context` to one that it has."
                    ),
                )
            }
            Failure::Configuration { cause } => Diagnostic::error(
                "No connection can be made from the provider's configuration",
                format!("{cause}. Correct the provider block or the KUBE_… variables."),
            ),
            Failure::Unreachable { asked, cause } => {
                let asked =
                    asked.as_ref().map(|asked| format!("It was asked to {asked}. ")).unwrap_or_default();
                // Somebody answered there, and is not believed.
                let remedy = if cause.contains("peer certificate") {
                    "Check `cluster_ca_certificate`, or the kubeconfig's, and that `host` or its server is the \
                     cluster that is meant."
                } else {
                    "Check that it runs and that `host` or the kubeconfig's server leads to it."
                };
                Diagnostic::error("The cluster does not answer", format!("{asked}{cause}. {remedy}"))
            }
            Failure::Refused(refusal) => refusal.diagnostic(),
            Failure::Foreign { object, managers } => Diagnostic::error(
                format!("{object} exists already and is not ours"),
                format!(
                    "It is managed by {}. Choose another name, remove it, or list it in `adopt` (as the plan's \
                     `objects` names it) to take it over: the fields that we set are then ours, everything else \
                     of it stays as it is.",
                    if managers.is_empty() { "nobody known".to_owned() } else { managers.join(", ") }
                ),
            ),
            Failure::Cancelled => Diagnostic::error(
                "Interrupted",
                "The run was interrupted before this was done. Apply again to finish it.",
            ),
            Failure::Waited { summary, detail } => Diagnostic::error(summary.clone(), detail.clone()),
        };
        diagnostic.at(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_not_believed_is_no_server_that_is_down() {
        let told = |cause: &str| {
            let failure = Failure::Unreachable { asked: None, cause: cause.to_owned() };
            failure.diagnostic(Path::root()).detail
        };
        assert!(told("invalid peer certificate: UnknownIssuer").contains("`cluster_ca_certificate`"));
        assert!(told("tcp connect error: Connection refused").contains("that it runs"));
    }
}
