//! Why a command failed, as a person and as a program is told.

use std::io::Write as _;

use annotate_snippets::Renderer;
use serde_json::{Value, json};

use crate::fit::CardFit;
use crate::problem::Problem;
use crate::review::Unreadable;
use crate::say::change_told;
use crate::write::WriteError;

const NOT_EVERYBODY_FITS: &str = "not everybody fits, so nothing was written. Move a window, lower a peak, or \
    say `--allow-overcommit` and let the gate refuse the last to ask";

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    Problems {
        problems: Vec<Problem>,
        /// Whether the command writes when there are none.
        writing: bool,
    },
    Write(WriteError),
    /// What does not fit, as `fit` tells it to a person and to a program.
    DoesNotFit {
        told: String,
        cards: Vec<CardFit>,
    },
    /// Files that cannot be read or written.
    Files(Vec<Unreadable>),
    /// What was asked cannot be done as it was asked; a sentence with its remedy.
    Asked(String),
    Ours(String),
}

impl Failure {
    /// The failure for programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        let problems: Vec<Value> = match self {
            Failure::Problems { problems, .. } => problems.iter().map(problem).collect(),
            Failure::Files(files) => files.iter().map(unreadable).collect(),
            _ => Vec::new(),
        };
        let mut told = json!({ "version": 1, "problems": problems });
        match self {
            Failure::Problems { .. } | Failure::Files(_) => {}
            Failure::Write(error) => {
                told["error"] = error.to_string().into();
                if let WriteError::Edited(changes) = error {
                    told["changes"] = changes.iter().map(|change| change_told(change, true)).collect();
                }
            }
            Failure::DoesNotFit { cards, .. } => {
                told["error"] = NOT_EVERYBODY_FITS.into();
                told["cards"] = json!(cards);
            }
            Failure::Asked(error) | Failure::Ours(error) => told["error"] = error.as_str().into(),
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
            Failure::DoesNotFit { told, .. } => format!("error: {NOT_EVERYBODY_FITS}\n{told}"),
            Failure::Files(files) => files.iter().map(|file| format!("error: {file}\n")).collect(),
            Failure::Asked(error) | Failure::Ours(error) => format!("error: {error}\n"),
        };
        // Where standard error is closed there is nobody left to tell.
        let _ = anstream::stderr().write_all(text.as_bytes());
    }
}

fn problem(of: &Problem) -> Value {
    let (path, line, column) = of.position();
    json!({ "path": path, "line": line, "column": column, "reason": of.reason, "accepted": of.accepted })
}

fn unreadable(of: &Unreadable) -> Value {
    json!({ "path": of.path.display().to_string(), "reason": of.reason })
}
