//! `gpu-stacks review`: its arguments, and what it prints.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use tenancy::window::Zone;

use super::{Review, Settings, Unreadable, gather, html, markdown, review, svg, text};
use crate::load;
use crate::problem::Problem;

/// What to review and how to show it.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Folders that `terragrunt run --all --json-out-dir` wrote, or files of `terraform show -json`.
    #[arg(required = true)]
    plans: Vec<PathBuf>,
    /// terragrunt's report (`--report-file`), which names the stacks that have no plan.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The live repository: the folder of fleet.yaml. It says what drivers keep, and who lives on
    /// the cards beside those that are planned.
    #[arg(long, value_name = "DIR")]
    stacks: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    format: Format,
    /// Write to this file instead, in the format of its name: .md, .html, .svg or .json. May be repeated.
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    out: Vec<PathBuf>,
    /// Where people find the whole page, for what a comment has no room for.
    #[arg(long, value_name = "URL")]
    link: Option<String>,
    /// How many characters of markdown there may be.
    #[arg(long, default_value_t = markdown::COMMENT_LIMIT)]
    limit: usize,
    /// The first of the seven days that are looked at, as `2026-11-23`. The day of the plan unless given.
    #[arg(long)]
    from: Option<Date>,
    /// Time zone of all times. That of most windows of a card unless given.
    #[arg(long)]
    time_zone: Option<Zone>,
}

/// The forms of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a comment.
    Markdown,
    /// A page in one file.
    Html,
    /// The cards' days as a picture.
    Svg,
    /// Everything, for programs.
    Json,
}

/// What there is to print, and whether a person must look at it.
#[derive(Debug)]
pub struct Answer {
    /// For standard output.
    pub text: String,
    /// Something is deleted or replaced, does not fit, or could not be planned.
    pub needs_a_person: bool,
}

/// Why there is no review.
#[derive(Debug)]
pub enum Stopped {
    /// The live repository has problems.
    Fleet(Vec<Problem>),
    /// Files that cannot be read or written.
    Files(Vec<Unreadable>),
}

impl Arguments {
    /// Whether a program reads what is printed.
    pub fn for_programs(&self) -> bool {
        self.format == Format::Json
    }

    /// Reads, reviews, and writes what was asked for.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn run(&self) -> Result<Answer, Stopped> {
        let outs = self.outs()?;
        let fleet = self.stacks.as_deref().map(load).transpose().map_err(Stopped::Fleet)?;
        let input = gather(&self.plans, self.report.as_deref(), fleet).map_err(Stopped::Files)?;
        let settings = Settings { now: Timestamp::now(), from: self.from, zone: self.time_zone.clone() };
        let review = review(&input, &settings);
        let needs_a_person = !review.look.is_empty();
        if outs.is_empty() {
            return Ok(Answer { text: self.render(&review, self.format), needs_a_person });
        }
        for (path, format) in outs {
            std::fs::write(path, self.render(&review, format)).map_err(|error| {
                let reason = format!("it cannot be written: {error}");
                Stopped::Files(vec![Unreadable { path: path.to_owned(), reason }])
            })?;
        }
        let mut text = format!("{}.\n", text::summary(&review.counts));
        for remark in &review.look {
            text.push_str(&format!("{}\n", remark.text));
        }
        Ok(Answer { text, needs_a_person })
    }

    /// The files to write with their formats, before anything is read.
    fn outs(&self) -> Result<Vec<(&Path, Format)>, Stopped> {
        let format = |path: &PathBuf| match path.extension().and_then(|extension| extension.to_str()) {
            Some("md" | "markdown") => Some(Format::Markdown),
            Some("html" | "htm") => Some(Format::Html),
            Some("svg") => Some(Format::Svg),
            Some("json") => Some(Format::Json),
            _ => None,
        };
        let refused = |path: &PathBuf| Unreadable {
            path: path.clone(),
            reason: "no format is known by this name. Write .md, .html, .svg or .json".to_owned(),
        };
        let unknown: Vec<Unreadable> =
            self.out.iter().filter(|path| format(path).is_none()).map(refused).collect();
        if !unknown.is_empty() {
            return Err(Stopped::Files(unknown));
        }
        Ok(self.out.iter().filter_map(|path| Some((path.as_path(), format(path)?))).collect())
    }

    fn render(&self, review: &Review, format: Format) -> String {
        match format {
            Format::Markdown => markdown::render(review, self.limit, self.link.as_deref()),
            Format::Html => html::render(review),
            Format::Svg => svg::render(review),
            Format::Json => format!("{:#}\n", serde_json::json!(review)),
        }
    }
}
