//! The commands about all stacks of a live repository: write them, compare them, weigh them, review them.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use jiff::civil::Date;
use tenancy::window::Zone;

use crate::cli::{FitFormat, Format};
use crate::failure::Failure;
use crate::fit::{self, Verdict};
use crate::fleet::Fleet;
use crate::say::{print, print_json, report, told};
use crate::write::{Change, Mode, WriteError, diff};
use crate::{Farewell, LocalDisk, farewells, load, render, review, write};

/// The stacks are not what they should be, or the fleet does not fit.
const DIFFERS: u8 = 2;

/// How a person wants stacks to be generated.
pub(crate) struct Wish {
    pub(crate) dry_run: bool,
    pub(crate) diff: bool,
    pub(crate) overwrite: bool,
    pub(crate) allow_overcommit: bool,
    pub(crate) format: Format,
}

/// `gpu-stacks generate`.
pub(crate) fn generate(root: &Path, wish: &Wish) -> Result<ExitCode, Failure> {
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
    print(&notes(&farewells));
    Ok(ExitCode::SUCCESS)
}

fn notes(farewells: &[Farewell]) -> String {
    farewells.iter().map(|farewell| format!("note: {farewell}\n")).collect()
}

/// Refuses what a gate would refuse every night: tenants that can never all be
/// awake in the windows they were given.
pub(crate) fn fits(fleet: &Fleet) -> Result<(), Failure> {
    let utc = jiff::tz::TimeZone::UTC;
    let today = Timestamp::now().to_zoned(utc.clone()).date();
    let cards = fit::fit(fleet, today, &utc);
    match fit::worst(&cards) {
        Verdict::Refuses => {
            let told = fit::refusals(&cards, &utc, "UTC");
            Err(Failure::DoesNotFit { told, cards: fit::refusing(cards) })
        }
        _ => Ok(()),
    }
}

/// `gpu-stacks check`.
pub(crate) fn check(root: &Path, show_diff: bool, format: Format) -> Result<ExitCode, Failure> {
    let fleet = load(root).map_err(|problems| Failure::Problems { problems, writing: false })?;
    let changes = changes(&fleet, root, Mode::Check)?;
    let farewells = farewells(&changes);
    match format {
        Format::Json => print_json(&told(&changes, show_diff, &farewells)),
        Format::Text => {
            report(&changes, "`generate` would ", show_diff);
            print(&notes(&farewells));
        }
    }
    Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// `gpu-stacks fit`.
pub(crate) fn fit(
    root: &Path,
    from: Option<Date>,
    zone: &Zone,
    format: FitFormat,
) -> Result<ExitCode, Failure> {
    let fleet = load(root).map_err(|problems| Failure::Problems { problems, writing: false })?;
    let from = from.unwrap_or_else(|| Timestamp::now().to_zoned(zone.rules().clone()).date());
    let cards = fit::fit(&fleet, from, zone.rules());
    match format {
        FitFormat::Text => print(&fit::text(&cards, zone.rules(), zone.name())),
        FitFormat::Svg => print(&fit::svg(&cards, from, zone.rules(), zone.name())),
        FitFormat::Json => {
            print_json(&serde_json::json!(fit::Fit { version: fit::VERSION, cards: cards.clone() }))
        }
    }
    let refused = fit::worst(&cards) == Verdict::Refuses;
    Ok(if refused { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS })
}

/// `gpu-stacks review`.
pub(crate) fn review(arguments: &review::Arguments) -> Result<ExitCode, Failure> {
    let answer = arguments.run().map_err(|stopped| match stopped {
        review::Stopped::Fleet(problems) => Failure::Problems { problems, writing: false },
        review::Stopped::Files(files) => Failure::Files(files),
    })?;
    print(&answer.text);
    Ok(if answer.needs_a_person { ExitCode::from(DIFFERS) } else { ExitCode::SUCCESS })
}

fn changes(fleet: &Fleet, root: &Path, mode: Mode) -> Result<Vec<Change>, Failure> {
    let files = render(fleet).map_err(|error| Failure::Ours(error.to_string()))?;
    write(root, &files, mode, &LocalDisk).map_err(Failure::Write)
}
