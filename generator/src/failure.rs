//! Why a command failed, as a person and as a program is told.

use std::io::Write as _;

use annotate_snippets::Renderer;
use serde_json::json;

use crate::problem::Problem;
use crate::write::WriteError;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    Problems {
        problems: Vec<Problem>,
        /// Whether the command writes when there are none.
        writing: bool,
    },
    Write(WriteError),
    /// What does not fit, as `fit` tells it.
    DoesNotFit(String),
    /// What was asked cannot be done as it was asked; a sentence with its remedy.
    Asked(String),
    Ours(String),
}

impl Failure {
    /// The failure for programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        let problems = match self {
            Failure::Problems { problems, .. } => problems.as_slice(),
            _ => &[],
        };
        let each = problems.iter().map(|problem| {
            let (path, line, column) = problem.position();
            json!({
                "path": path, "line": line, "column": column,
                "reason": problem.reason, "accepted": problem.accepted,
            })
        });
        let mut told = json!({ "version": 1, "problems": each.collect::<Vec<_>>() });
        match self {
            Failure::Problems { .. } => {}
            Failure::Write(error) => told["error"] = error.to_string().into(),
            Failure::DoesNotFit(error) | Failure::Asked(error) | Failure::Ours(error) => {
                told["error"] = error.as_str().into();
            }
        }
        told
    }

    /// Tells a person, on standard error.
    pub(crate) fn print(&self) {
        let text = match self {
            Failure::Problems { problems, writing } => {
                // anstream takes the colours out where nobody would see them.
                let renderer = Renderer::styled();
                let mut text: String =
                    problems.iter().map(|problem| problem.render(&renderer) + "\n\n").collect();
                let plural = if problems.len() == 1 { "problem" } else { "problems" };
                let written = if *writing { "; nothing was written" } else { "" };
                text.push_str(&format!("{} {plural}{written}\n", problems.len()));
                text
            }
            Failure::Write(error) => format!("error: {error}\n"),
            Failure::DoesNotFit(what) => format!(
                "error: not everybody fits, so nothing was written. Move a window, lower a peak, or say \
                 `--allow-overcommit` and let the gate refuse the last to ask\n{what}"
            ),
            Failure::Asked(error) | Failure::Ours(error) => format!("error: {error}\n"),
        };
        // Where standard error is closed there is nobody left to tell.
        let _ = anstream::stderr().write_all(text.as_bytes());
    }
}
