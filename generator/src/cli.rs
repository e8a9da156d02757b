//! The command line: what was asked, what to print, and with which exit code.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annotate_snippets::Renderer;
use clap::{Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use tenancy::window::Zone;

use crate::fit::{self, Verdict};
use crate::problem::Problem;
use crate::write::{Change, Mode, Origin, WriteError, diff};
use crate::{LocalDisk, farewells, load, render, review, schema, write};

/// GPU tenancy as code: a fleet file and tenant files become terragrunt stacks.
#[derive(Debug, Parser)]
#[command(name = "gpu-stacks", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the stacks of a live repository.
    Generate {
        /// The live repository: the folder of fleet.yaml.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// Show what would change and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Show each change as a diff.
        #[arg(long)]
        diff: bool,
        /// Replace generated files that were edited by hand.
        #[arg(long)]
        overwrite: bool,
    },
    /// Exit with 0 when the stacks are what `generate` would write, 2 when not, 1 on an error.
    Check {
        /// The live repository: the folder of fleet.yaml.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// Show each difference as a diff.
        #[arg(long)]
        diff: bool,
    },
    /// Tell whether everybody fits on their cards in every minute of a week, and on the days of the
    /// year on which clocks change. Exit with 2 when a tenant would be refused, 1 on an error.
    Fit {
        /// The live repository: the folder of fleet.yaml.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// The first day of the week, as `2026-11-23`. Today unless given.
        #[arg(long)]
        from: Option<Date>,
        /// Time zone of the table.
        #[arg(long, default_value = "UTC")]
        time_zone: Zone,
        /// What to print.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Show what a pull request does to tenants and cards, from the plans of its stacks. Exit with 2
    /// when a person must look at it, 1 on an error.
    Review(review::Arguments),
    /// Print the JSON Schema of a file, for editors.
    Schema {
        /// Which file.
        file: SchemaOf,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaOf {
    /// fleet.yaml
    Fleet,
    /// tenants/<name>.yaml
    Tenant,
    /// catalogue/<name>.yaml
    Catalogue,
    /// what `review --format json` writes
    Review,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A table for people.
    Text,
    /// Everything, for programs.
    Json,
}

/// The stacks are not what they should be, or the fleet does not fit.
const DIFFERS: u8 = 2;

/// Runs the command line.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(stopped) => return not_run(&stopped),
    };
    let done = match arguments.command {
        Command::Generate { path, dry_run, diff, overwrite } => generate(&path, dry_run, diff, overwrite),
        Command::Check { path, diff } => check(&path, diff),
        Command::Fit { path, from, time_zone, format } => fit(&path, from, &time_zone, format),
        Command::Review(arguments) => review(&arguments),
        Command::Schema { file } => {
            let text = match file {
                SchemaOf::Fleet => schema::fleet(),
                SchemaOf::Tenant => schema::tenant(),
                SchemaOf::Catalogue => schema::catalogue(),
                SchemaOf::Review => schema::review(),
            };
            print(&text);
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|failure| {
        failure.print();
        ExitCode::FAILURE
    })
}

/// Prints help, the version or what is wrong with the command line. clap's own
/// exit code for the last is 2, which here says that something differs.
fn not_run(stopped: &clap::Error) -> ExitCode {
    // Where the output is closed there is nobody left to tell.
    let _ = stopped.print();
    if stopped.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn generate(root: &Path, dry_run: bool, show_diff: bool, overwrite: bool) -> Result<ExitCode, Failure> {
    let mode = if dry_run { Mode::Check } else { Mode::Write { overwrite } };
    let changes = changes(root, mode).inspect_err(|failure| {
        if let Failure::Write(WriteError::Edited(edited)) = failure {
            print(&edited.iter().map(diff).collect::<String>());
        }
    })?;
    report(&changes, if dry_run { "would " } else { "" }, show_diff);
    if changes.is_empty() {
        print("Everything is as it should be.\n");
    }
    print(&farewells(&changes).iter().map(|farewell| format!("note: {farewell}\n")).collect::<String>());
    Ok(ExitCode::SUCCESS)
}

fn check(root: &Path, show_diff: bool) -> Result<ExitCode, Failure> {
    let changes = changes(root, Mode::Check)?;
    if changes.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    report(&changes, "`generate` would ", show_diff);
    Ok(ExitCode::from(DIFFERS))
}

fn fit(root: &Path, from: Option<Date>, zone: &Zone, format: Format) -> Result<ExitCode, Failure> {
    let fleet = load(root).map_err(|problems| Failure::Problems { problems, writing: false })?;
    let from = from.unwrap_or_else(|| Timestamp::now().to_zoned(zone.rules().clone()).date());
    let cards = fit::fit(&fleet, from, zone.rules());
    match format {
        Format::Text => print(&fit::text(&cards, zone.rules(), zone.name())),
        Format::Json => {
            let json =
                serde_json::to_string_pretty(&cards).map_err(|error| Failure::Ours(error.to_string()))?;
            print(&(json + "\n"));
        }
    }
    let refused = fit::worst(&cards) == Verdict::Refuses;
    Ok(if refused { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS })
}

fn review(arguments: &review::Arguments) -> Result<ExitCode, Failure> {
    let answer = arguments.run().map_err(|stopped| match stopped {
        review::Stopped::Fleet(problems) => Failure::Problems { problems, writing: false },
        review::Stopped::Files(lines) => Failure::Ours(lines.join("\nerror: ")),
    })?;
    print(&answer.text);
    Ok(if answer.needs_a_person { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS })
}

fn changes(root: &Path, mode: Mode) -> Result<Vec<Change>, Failure> {
    let writing = mode != Mode::Check;
    let fleet = load(root).map_err(|problems| Failure::Problems { problems, writing })?;
    let files = render(&fleet).map_err(|error| Failure::Ours(error.to_string()))?;
    write(root, &files, mode, &LocalDisk).map_err(Failure::Write)
}

fn report(changes: &[Change], would: &str, show_diff: bool) {
    let mut text = String::new();
    for change in changes {
        let verb = match (&change.before, &change.after) {
            (None, _) => "create",
            (_, None) => "remove",
            _ => "update",
        };
        let origin = match change.origin {
            Origin::Generated => "",
            Origin::Edited => " (edited by hand)",
            Origin::Foreign => " (not written by gpu-stacks)",
        };
        text.push_str(&format!("{would}{verb} {}{origin}\n", change.path));
        if show_diff {
            text.push_str(&diff(change));
        }
    }
    print(&text);
}

/// Why a command did not do what was asked.
#[derive(Debug)]
enum Failure {
    Problems {
        problems: Vec<Problem>,
        /// Whether the command writes when there are none.
        writing: bool,
    },
    Write(WriteError),
    Ours(String),
}

impl Failure {
    fn print(&self) {
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
            Failure::Ours(error) => format!("error: {error}\n"),
        };
        // Where standard error is closed there is nobody left to tell.
        let _ = anstream::stderr().write_all(text.as_bytes());
    }
}

/// Prints to standard output; a reader that went away, such as `head`, is no error.
fn print(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}
