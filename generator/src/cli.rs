//! The command line: what was asked, what to print, and with which exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;
use tenancy::card::model::CardModel;
use tenancy::names::NodeName;
use tenancy::window::Zone;

use crate::failure::Failure;
use crate::init::Start;
use crate::new::Draft;
use crate::say::{print, print_json, unprinted};
use crate::stacks::{self, Wish};
use crate::{commands, review, schema};

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
        /// What to print.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
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
        /// What to print.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Show every value of a tenant or of the fleet with where it comes from: its file, the catalogue,
    /// the fleet, or a default with its reason.
    Explain {
        /// A tenant's file or fleet.yaml, and perhaps one of its lines: tenants/voice.yaml:12.
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
        /// Write although not all tenants can be awake together.
        #[arg(long)]
        allow_overcommit: bool,
        /// What to print.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
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
        /// Time zone of the table. That of the fleet's `defaults`, or else UTC, unless given.
        #[arg(long)]
        time_zone: Option<Zone>,
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
    /// what `fit --format json` writes
    Fit,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// A folder for `kubectl apply -k`.
    Kustomize,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// Words for people.
    Text,
    /// Everything, for programs.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum FitFormat {
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

/// Runs the command line.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(stopped) => return not_run(&stopped),
    };
    let done = match arguments.command {
        Command::Generate { path, dry_run, diff, overwrite, allow_overcommit, format } => {
            let wish = Wish { dry_run, diff, overwrite, allow_overcommit, format };
            stacks::generate(&path, &wish).map_err(|failure| (failure, format))
        }
        Command::Check { path, diff, format } => {
            stacks::check(&path, diff, format).map_err(|failure| (failure, format))
        }
        Command::Init { path, node, model, time_zone, format } => {
            let start = Start { node, model, zone: time_zone };
            commands::init(&path, &start, format).map_err(|failure| (failure, format))
        }
        Command::New { draft, path, dry_run, format } => {
            commands::new(&path, *draft, dry_run, format).map_err(|failure| (failure, format))
        }
        Command::Explain { file, format } => {
            commands::explain(&file, format == Format::Json).map_err(|failure| (failure, format))
        }
        Command::Export { form: Form::Kustomize, folder, path, allow_overcommit, format } => {
            commands::export(&path, &folder, allow_overcommit, format).map_err(|failure| (failure, format))
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "gpu-stacks", &mut script);
            print(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
        Command::Fit { path, from, time_zone, format } => {
            stacks::fit(&path, from, time_zone, format).map_err(|failure| (failure, format.of_failure()))
        }
        Command::Review(arguments) => stacks::review(&arguments)
            .map_err(|failure| (failure, if arguments.for_programs() { Format::Json } else { Format::Text })),
        Command::Schema { file } => {
            let text = match file {
                SchemaOf::Fleet => schema::fleet(),
                SchemaOf::Tenant => schema::tenant(),
                SchemaOf::Catalogue => schema::catalogue(),
                SchemaOf::Review => schema::review(),
                SchemaOf::Fit => schema::fit(),
            };
            print(&text);
            Ok(ExitCode::SUCCESS)
        }
    };
    let code = done.unwrap_or_else(|(failure, format)| {
        match format {
            Format::Text => failure.print(),
            Format::Json => print_json(&failure.json()),
        }
        ExitCode::FAILURE
    });
    let Some(error) = unprinted() else { return code };
    Failure::Asked(format!("standard output cannot be written: {error}")).print();
    ExitCode::FAILURE
}

/// Prints help, the version or what is wrong with the command line. clap's own
/// exit code for the last is 2, which here says that something differs.
fn not_run(stopped: &clap::Error) -> ExitCode {
    // Where the output is closed there is nobody left to tell.
    let _ = stopped.print();
    if stopped.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
