//! The report that `terragrunt run --all --report-file` writes: which units
//! were planned and which were not.

use serde::Deserialize;

/// What became of one unit.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Run {
    /// Its path from where terragrunt ran.
    pub name: String,
    /// How it ended.
    pub result: Outcome,
    /// Why, in terragrunt's words.
    #[serde(default)]
    pub reason: Option<String>,
    /// The error, or the unit on whose account it was not run.
    #[serde(default)]
    pub cause: Option<String>,
    /// What the CLI was told, or would have been.
    #[serde(default)]
    pub args: Vec<String>,
}

impl Run {
    /// Whether the commits remove the unit: terragrunt would plan its destruction.
    pub fn goes(&self) -> bool {
        self.args.iter().any(|arg| arg == "-destroy")
    }
}

/// How a unit's run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was planned.
    Succeeded,
    /// Planning it failed.
    Failed,
    /// A unit that it depends on failed.
    #[serde(rename = "early exit")]
    EarlyExit,
    /// It was told to be left out.
    Excluded,
    /// A word of a newer terragrunt.
    #[serde(other)]
    Other,
}

/// Reads a report.
///
/// # Errors
/// What is no such report, in words.
pub fn parse(text: &str) -> Result<Vec<Run>, String> {
    serde_json::from_str(text).map_err(|error| {
        format!(
            "it is not a report of terragrunt's in JSON ({error}). Write one with `terragrunt run --all \
             --report-file report.json …`"
        )
    })
}
