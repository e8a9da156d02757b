//! A plan as `terraform show -json` and `tofu show -json` write it, as far as a
//! review reads it. Keys that are not named here are ignored, as the format's
//! own documentation asks: <https://developer.hashicorp.com/terraform/internals/json-format>.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// The major version of the format that is understood.
const MAJOR: &str = "1";

/// One plan.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Plan {
    /// Version of the format, such as `1.2`.
    pub format_version: String,
    /// What every resource becomes, also where nothing changes.
    #[serde(default)]
    pub resource_changes: Vec<ResourceChange>,
    /// What was changed outside of Terraform: before is the state, after the live object.
    #[serde(default)]
    pub resource_drift: Vec<ResourceChange>,
    /// What could only be planned after an apply of the rest.
    #[serde(default)]
    pub deferred_changes: Vec<Deferred>,
    /// Results of `check` blocks and conditions.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// When it was made, RFC 3339.
    #[serde(default)]
    pub timestamp: Option<String>,
    /// The plan holds all that is needed to reach the configuration. OpenTofu says nothing of it.
    #[serde(default)]
    pub complete: Option<bool>,
    /// Planning ended with an error and this is what there was until then.
    #[serde(default)]
    pub errored: Option<bool>,
}

/// What becomes of one resource.
#[derive(Debug, Clone, Deserialize)]
pub struct ResourceChange {
    /// Its address, such as `module.a.gpu_card.t4`.
    pub address: String,
    /// Where it was before a move.
    #[serde(default)]
    pub previous_address: Option<String>,
    /// `managed` or `data`.
    #[serde(default)]
    pub mode: String,
    /// Its type, such as `gpu_card`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The change itself.
    pub change: Change,
    /// Why this action and no other, such as `replace_because_cannot_update`.
    #[serde(default)]
    pub action_reason: Option<String>,
}

/// One change.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Change {
    /// `no-op`, `create`, `read`, `update`, `delete`, `forget`; two of them for a replacement.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Values before; null where there is nothing.
    #[serde(default)]
    pub before: Value,
    /// Values after, without those that are not known yet.
    #[serde(default)]
    pub after: Value,
    /// `true` in the place of what is not known yet.
    #[serde(default)]
    pub after_unknown: Value,
    /// `true` in the place of what is sensitive in `before`.
    #[serde(default)]
    pub before_sensitive: Value,
    /// `true` in the place of what is sensitive in `after`.
    #[serde(default)]
    pub after_sensitive: Value,
    /// The attributes that make a replacement of it.
    #[serde(default)]
    pub replace_paths: Vec<Vec<Value>>,
    /// Present where the resource is imported.
    #[serde(default)]
    pub importing: Option<Value>,
}

/// A change that was put off.
#[derive(Debug, Clone, Deserialize)]
pub struct Deferred {
    /// Why, such as `resource_config_unknown`.
    #[serde(default)]
    pub reason: String,
    /// What.
    pub resource_change: ResourceChange,
}

/// A `check` block, or the conditions of one resource or output.
#[derive(Debug, Clone, Deserialize)]
pub struct Check {
    /// Where it stands.
    #[serde(default)]
    pub address: CheckAddress,
    /// `pass`, `fail`, `error` or `unknown`.
    #[serde(default)]
    pub status: String,
    /// Its instances.
    #[serde(default)]
    pub instances: Vec<CheckInstance>,
}

/// Where a check stands.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct CheckAddress {
    /// The address for people.
    #[serde(default)]
    pub to_display: String,
}

/// One instance of a check.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct CheckInstance {
    /// What it said.
    #[serde(default)]
    pub problems: Vec<CheckProblem>,
}

/// What a check said.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct CheckProblem {
    /// The message.
    #[serde(default)]
    pub message: String,
}

/// Why a text is no plan that can be reviewed: what it is, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The text ends in the middle.
    #[error(
        "the JSON ends too early, at line {line}, column {column}. Write it again with `terraform show -json \
         tfplan`, and let nothing cut it off"
    )]
    Truncated {
        /// Line, counted from 1.
        line: usize,
        /// Column, counted from 1.
        column: usize,
    },
    /// A newer or older format.
    #[error(
        "its format_version is {0:?}, and only {MAJOR}.x is understood. Use a gpu-stacks that knows this format, \
         or a terraform or tofu that writes {MAJOR}.x"
    )]
    Version(String),
    /// JSON, and not a plan.
    #[error(
        "it is not a plan: {0}. Write one with `terraform plan -out tfplan` and `terraform show -json tfplan`"
    )]
    NotAPlan(String),
}

/// Only what tells a plan from other JSON.
#[derive(Deserialize)]
struct Head {
    format_version: Option<String>,
    #[serde(rename = "@level")]
    level: Option<IgnoredAny>,
    values: Option<IgnoredAny>,
    planned_values: Option<IgnoredAny>,
}

/// Reads a plan.
///
/// # Errors
/// A text that is cut off, of another major version of the format, or no plan.
pub fn parse(text: &str) -> Result<Plan, PlanError> {
    let plan = match serde_json::from_str::<Plan>(text) {
        Ok(plan) if major(&plan.format_version) == MAJOR => plan,
        Ok(plan) => return Err(PlanError::Version(plan.format_version)),
        Err(error) => return Err(refused(text, &error)),
    };
    // A state has the same versions and none of a plan's lists.
    if plan.resource_changes.is_empty()
        && plan.errored.is_none()
        && let Ok(Head { values: Some(_), planned_values: None, .. }) = serde_json::from_str(text)
    {
        return Err(PlanError::NotAPlan("it looks like a state".to_owned()));
    }
    Ok(plan)
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

fn refused(text: &str, error: &serde_json::Error) -> PlanError {
    if text.trim().is_empty() {
        return PlanError::NotAPlan("it is empty".to_owned());
    }
    if error.is_eof() {
        return PlanError::Truncated { line: error.line(), column: error.column() };
    }
    // The head of a stream of events is its first line.
    let first_line = text.lines().next().unwrap_or_default();
    let head = serde_json::from_str::<Head>(text).or_else(|_| serde_json::from_str(first_line));
    match head {
        Ok(Head { level: Some(_), .. }) => PlanError::NotAPlan(
            "it is the log that `plan -json` writes while it runs, which has no values".to_owned(),
        ),
        Ok(Head { format_version: Some(version), .. }) if major(&version) != MAJOR => {
            PlanError::Version(version)
        }
        Ok(Head { format_version: None, .. }) => PlanError::NotAPlan("it has no format_version".to_owned()),
        // The message of serde_json may quote a value, which may be a secret.
        _ => PlanError::NotAPlan(format!(
            "line {}, column {} is not what this format has there",
            error.line(),
            error.column()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_plan_is_refused_with_a_reason_and_a_remedy() {
        insta::assert_snapshot!(
            [
                "",
                r#"{"format_version":"1.2","resource_changes":[{"address":"a"#,
                r#"{"format_version":"2.0","resource_changes":[]}"#,
                r#"{"format_version":"2.0","resource_changes":"changed shape"}"#,
                r#"{"format_version":"1.0","terraform_version":"1.11.4","values":{}}"#,
                "{\"@level\":\"info\",\"type\":\"version\"}\n{\"@level\":\"info\"}\n",
                r#"{"resource_changes":[]}"#,
                r#"{"format_version":"1.2","resource_changes":"hunter2"}"#,
                "[1, 2]",
                "not json",
            ]
            .map(refusal)
            .join("\n")
        );
    }

    #[test]
    fn a_plan_of_nothing_and_unknown_keys_are_read() {
        let plan = parse(r#"{"format_version":"1.99","errored":false,"brand_new":{"x":1}}"#).unwrap();
        assert_eq!((plan.resource_changes.len(), plan.errored), (0, Some(false)));
    }
}
