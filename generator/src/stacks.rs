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
use crate::{LocalDisk, farewells, load, render, review, write};

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
    let allowed = fits(&fleet, wish.allow_overcommit)?;
    let changes = changes(&fleet, root, mode).inspect_err(|failure| {
        if let (Failure::Write(WriteError::Edited(edited)), Format::Text) = (failure, wish.format) {
            print(&edited.iter().map(diff).collect::<String>());
        }
    })?;
    let farewells = farewells(&changes);
    let notes: Vec<String> = farewells.iter().map(ToString::to_string).chain(allowed).collect();
    if wish.format == Format::Json {
        print_json(&told(&changes, wish.diff, &notes));
        return Ok(ExitCode::SUCCESS);
    }
    report(&changes, if wish.dry_run { "would " } else { "" }, wish.diff);
    if changes.is_empty() {
        print("Everything is as it should be.\n");
    }
    print(&as_notes(&notes));
    Ok(ExitCode::SUCCESS)
}

fn as_notes(notes: &[String]) -> String {
    notes.iter().map(|note| format!("note: {}\n", note.trim_end())).collect()
}

/// Refuses what a gate would refuse every night: tenants that can never all be
/// awake in the windows they were given. Where that is allowed, says what it is.
pub(crate) fn fits(fleet: &Fleet, allow_overcommit: bool) -> Result<Option<String>, Failure> {
    let zone = fleet.zone_or_utc();
    let today = Timestamp::now().to_zoned(zone.rules().clone()).date();
    let cards = fit::fit(fleet, today, zone.rules());
    if fit::worst(&cards) != Verdict::Refuses {
        return Ok(None);
    }
    let told = fit::refusals(&cards, zone.rules(), zone.name());
    if allow_overcommit {
        return Ok(Some(format!("not everybody fits, and the gate refuses the last to ask:\n{told}")));
    }
    Err(Failure::DoesNotFit { told, cards: fit::refusing(cards) })
}

/// `gpu-stacks check`.
pub(crate) fn check(root: &Path, show_diff: bool, format: Format) -> Result<ExitCode, Failure> {
    let fleet = load(root).map_err(|problems| Failure::Problems { problems, writing: false })?;
    let changes = changes(&fleet, root, Mode::Check)?;
    let notes: Vec<String> = farewells(&changes).iter().map(ToString::to_string).collect();
    match format {
        Format::Json => print_json(&told(&changes, show_diff, &notes)),
        Format::Text => {
            report(&changes, "`generate` would ", show_diff);
            print(&as_notes(&notes));
        }
    }
    Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// `gpu-stacks fit`.
pub(crate) fn fit(
    root: &Path,
    from: Option<Date>,
    zone: Option<Zone>,
    format: FitFormat,
) -> Result<ExitCode, Failure> {
    let fleet = load(root).map_err(|problems| Failure::Problems { problems, writing: false })?;
    let zone = zone.unwrap_or_else(|| fleet.zone_or_utc());
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
