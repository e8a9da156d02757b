//! The command line: what was asked, what to print, and with which exit code.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annotate_snippets::Renderer;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;
use tenancy::card::model::CardModel;
use tenancy::names::NodeName;
use tenancy::window::Zone;

use crate::fit::{self, Verdict};
use crate::fleet::Fleet;
use crate::init::Start;
use crate::new::Draft;
use crate::problem::Problem;
use crate::write::{Change, Mode, Origin, WriteError, diff};
use crate::{Farewell, LocalDisk, commands, farewells, load, render, review, schema, write};

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
        /// Write although not all tenants can be awake together.
        #[arg(long)]
        allow_overcommit: bool,
        /// What to print.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Exit with 0 when the stacks are what `generate` would write, 2 when not, 1 on an error.
    Check {
        /// The live repository: the folder of fleet.yaml.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// Show each difference as a diff.
        #[arg(long)]
        diff: bool,
        /// What to print.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Make a live repository with a fleet of one card and a tenant of each class.
    Init {
        /// The folder of the live repository. It is made if absent.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// The node that the card sits in.
        #[arg(long, default_value = "gpu-1")]
        node: NodeName,
        /// The model of the card.
        #[arg(long, default_value = "T4")]
        model: &'static CardModel,
        /// The time zone of windows.
        #[arg(long, default_value = "UTC")]
        time_zone: Zone,
    },
    /// Write a new tenant file. At a terminal it asks for what no flag says; escape writes nothing.
    New {
        #[command(flatten)]
        draft: Box<Draft>,
        /// The live repository: the folder of fleet.yaml.
        #[arg(long, default_value = ".")]
        path: PathBuf,
        /// Print the file and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show every value of a tenant with where it comes from: its file, the catalogue, the fleet, or
    /// a default with its reason.
    Explain {
        /// The tenant's file, and perhaps one of its lines: tenants/voice.yaml:12.
        #[arg(value_name = "FILE[:LINE]")]
        file: String,
        /// What to print.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Write the same objects without Terraform.
    Export {
        /// In which form.
        form: Form,
        /// The folder to write, which must be empty or absent.
        folder: PathBuf,
        /// The live repository: the folder of fleet.yaml.
        #[arg(long, default_value = ".")]
        path: PathBuf,
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
        #[arg(long, value_enum, default_value_t = FitFormat::Text)]
        format: FitFormat,
    },
    /// Show what a pull request does to tenants and cards, from the plans of its stacks. Exit with 2
    /// when a person must look at it, 1 on an error.
    Review(review::Arguments),
    /// Print what a shell needs to complete commands.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
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
enum Form {
    /// A folder for `kubectl apply -k`.
    Kustomize,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    /// A table for people.
    Text,
    /// Everything, for programs.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum FitFormat {
    /// A table for people.
    Text,
    /// Everything, for programs.
    Json,
    /// A picture of the week.
    Svg,
}

impl FitFormat {
    /// In which form a failure is told.
    fn of_failure(self) -> Format {
        match self {
            FitFormat::Json => Format::Json,
            FitFormat::Text | FitFormat::Svg => Format::Text,
        }
    }
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
        Command::Generate { path, dry_run, diff, overwrite, allow_overcommit, format } => {
            let wish = Wish { dry_run, diff, overwrite, allow_overcommit, format };
            generate(&path, &wish).map_err(|failure| (failure, format))
        }
        Command::Check { path, diff, format } => {
            check(&path, diff, format).map_err(|failure| (failure, format))
        }
        Command::Init { path, node, model, time_zone } => {
            commands::init(&path, &Start { node, model, zone: time_zone }).map_err(in_text)
        }
        Command::New { draft, path, dry_run } => commands::new(&path, *draft, dry_run).map_err(in_text),
        Command::Explain { file, format } => {
            commands::explain(&file, format == Format::Json).map_err(|failure| (failure, format))
        }
        Command::Export { form: Form::Kustomize, folder, path } => {
            commands::export(&path, &folder).map_err(in_text)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "gpu-stacks", &mut script);
            print(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
        Command::Fit { path, from, time_zone, format } => {
            fit(&path, from, &time_zone, format).map_err(|failure| (failure, format.of_failure()))
        }
        Command::Review(arguments) => review(&arguments).map_err(in_text),
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
    done.unwrap_or_else(|(failure, format)| {
        match format {
            Format::Text => failure.print(),
            Format::Json => print_json(&failure.json()),
        }
        ExitCode::FAILURE
    })
}

fn in_text(failure: Failure) -> (Failure, Format) {
    (failure, Format::Text)
}

/// Prints help, the version or what is wrong with the command line. clap's own
/// exit code for the last is 2, which here says that something differs.
fn not_run(stopped: &clap::Error) -> ExitCode {
    // Where the output is closed there is nobody left to tell.
    let _ = stopped.print();
    if stopped.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// How a person wants stacks to be generated.
struct Wish {
    dry_run: bool,
    diff: bool,
    overwrite: bool,
    allow_overcommit: bool,
    format: Format,
}

fn generate(root: &Path, wish: &Wish) -> Result<ExitCode, Failure> {
    let mode = if wish.dry_run { Mode::Check } else { Mode::Write { overwrite: wish.overwrite } };
    let fleet = load(root).map_err(|problems| Failure::Problems { problems, writing: !wish.dry_run })?;
    if !wish.allow_overcommit {
        fits(&fleet)?;
    }
    let changes = changes(&fleet, root, mode).inspect_err(|failure| {
        if let (Failure::Write(WriteError::Edited(edited)), Format::Text) = (failure, wish.format) {
            print(&edited.iter().map(diff).collect::<String>());
        }
    })?;
    let farewells = farewells(&changes);
    if wish.format == Format::Json {
        print_json(&told(&changes, wish.diff, &farewells));
        return Ok(ExitCode::SUCCESS);
    }
    report(&changes, if wish.dry_run { "would " } else { "" }, wish.diff);
    if changes.is_empty() {
        print("Everything is as it should be.\n");
    }
    print(&farewells.iter().map(|farewell| format!("note: {farewell}\n")).collect::<String>());
    Ok(ExitCode::SUCCESS)
}

/// Refuses what a gate would refuse every night: tenants that can never all be
/// awake in the windows they were given.
fn fits(fleet: &Fleet) -> Result<(), Failure> {
    let utc = jiff::tz::TimeZone::UTC;
    let today = Timestamp::now().to_zoned(utc.clone()).date();
    let cards = fit::fit(fleet, today, &utc);
    match fit::worst(&cards) {
        Verdict::Refuses => Err(Failure::DoesNotFit(fit::refusals(&cards, &utc, "UTC"))),
        _ => Ok(()),
    }
}

fn check(root: &Path, show_diff: bool, format: Format) -> Result<ExitCode, Failure> {
    let fleet = load(root).map_err(|problems| Failure::Problems { problems, writing: false })?;
    let changes = changes(&fleet, root, Mode::Check)?;
    match format {
        Format::Json => print_json(&told(&changes, show_diff, &farewells(&changes))),
        _ => report(&changes, "`generate` would ", show_diff),
    }
    Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

fn fit(root: &Path, from: Option<Date>, zone: &Zone, format: FitFormat) -> Result<ExitCode, Failure> {
    let fleet = load(root).map_err(|problems| Failure::Problems { problems, writing: false })?;
    let from = from.unwrap_or_else(|| Timestamp::now().to_zoned(zone.rules().clone()).date());
    let cards = fit::fit(&fleet, from, zone.rules());
    match format {
        FitFormat::Text => print(&fit::text(&cards, zone.rules(), zone.name())),
        FitFormat::Svg => print(&fit::svg(&cards, from, zone.rules(), zone.name())),
        FitFormat::Json => {
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

fn changes(fleet: &Fleet, root: &Path, mode: Mode) -> Result<Vec<Change>, Failure> {
    let files = render(fleet).map_err(|error| Failure::Ours(error.to_string()))?;
    write(root, &files, mode, &LocalDisk).map_err(Failure::Write)
}

fn verb(change: &Change) -> &'static str {
    match (&change.before, &change.after) {
        (None, _) => "create",
        (_, None) => "remove",
        _ => "update",
    }
}

/// Changes for programs.
fn told(changes: &[Change], show_diff: bool, farewells: &[Farewell]) -> serde_json::Value {
    let each = changes.iter().map(|change| {
        let origin = match change.origin {
            Origin::Generated => "generated",
            Origin::Edited => "edited",
            Origin::Foreign => "foreign",
        };
        let mut told = json!({ "path": change.path, "change": verb(change), "origin": origin });
        if show_diff {
            told["diff"] = diff(change).into();
        }
        told
    });
    let notes: Vec<String> = farewells.iter().map(ToString::to_string).collect();
    json!({ "version": 1, "changes": each.collect::<Vec<_>>(), "notes": notes })
}

fn report(changes: &[Change], would: &str, show_diff: bool) {
    let mut text = String::new();
    for change in changes {
        let verb = verb(change);
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
    fn json(&self) -> serde_json::Value {
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

fn print_json(value: &serde_json::Value) {
    print(&format!("{value:#}\n"));
}

/// Prints to standard output; a reader that went away, such as `head`, is no error.
pub(crate) fn print(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}
