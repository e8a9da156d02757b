//! The questions to a person at a terminal. Escape at any of them ends it.

use std::fmt;

use inquire::validator::Validation;
use inquire::{Confirm, InquireError, Select, Text};
use tenancy::names::{Namespace, TenantName, WindowName};
use tenancy::quantity::Mib;
use tenancy::window::TimeOfDay;

use super::{Draft, WindowFlag};
use crate::catalogue::{Catalogue, Entry};
use crate::leaf::Device;

/// What came of the questions.
#[derive(Debug)]
pub enum Asked {
    /// Everything is known.
    Answered(Box<Draft>),
    /// The person went away.
    Escaped,
}

/// Asks for everything that the draft does not say.
///
/// # Errors
/// The terminal cannot be read or written.
pub fn ask(draft: Draft, catalogue: &Catalogue, cards: &[String]) -> Result<Asked, InquireError> {
    match answered(draft, catalogue, cards) {
        Ok(Some(draft)) => Ok(Asked::Answered(Box::new(draft))),
        Ok(None) | Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => {
            Ok(Asked::Escaped)
        }
        Err(error) => Err(error),
    }
}

fn answered(
    mut draft: Draft,
    catalogue: &Catalogue,
    cards: &[String],
) -> Result<Option<Draft>, InquireError> {
    let named_image = draft.sets.iter().any(|set| set.top() == "image");
    if draft.server.is_none() && !named_image {
        let servers =
            catalogue.0.values().map(|entry| Choice { word: entry.name.clone(), about: about(entry) });
        draft.server = Some(Select::new("Which model server?", servers.collect()).prompt()?.word);
    }
    let entry = draft.server.as_ref().and_then(|server| catalogue.0.get(server));
    if draft.name.is_none() {
        let usual = draft.server.clone().unwrap_or_default();
        draft.name = Some(parsed::<TenantName>("Its name?", &usual, "also the name of its file and stack")?);
    }
    if draft.namespace.is_none() {
        let usual = entry.map_or("", |entry| entry.raw.class.value.as_str());
        draft.namespace = Some(parsed::<Namespace>("Its namespace?", usual, "made if it is not there")?);
    }
    if draft.device.is_none() && draft.card.is_none() {
        draft.device = Some(device(entry)?);
    }
    if draft.device != Some(Device::Cpu) {
        if draft.card.is_none() {
            let card = Select::new("Which card?", cards.to_vec()).prompt()?;
            draft.card = card.parse().ok();
        }
        if draft.peak.is_none() {
            let figures = entry.iter().flat_map(|entry| entry.raw.figures.iter().flatten());
            let seen: Vec<String> = figures
                .filter_map(|figure| {
                    Some(format!("{} {}", figure.memory.as_ref()?.spelled(), figure.what.value))
                })
                .collect();
            let help = match seen.as_slice() {
                [] => "a guess is marked as one".to_owned(),
                some => format!("seen: {}", some.join("; ")),
            };
            draft.peak = Some(parsed::<Mib>("The most video memory it ever holds?", "4GiB", &help)?);
        }
        if !draft.has_schedule() {
            schedule(&mut draft)?;
        }
    }
    println!("\n{}", draft.text());
    let write = Confirm::new("Write it?").with_default(true).prompt()?;
    Ok(write.then_some(draft))
}

fn device(entry: Option<&std::sync::Arc<Entry>>) -> Result<Device, InquireError> {
    let known = |device| entry.is_none_or(|entry| entry.runs_on(device));
    Ok(match (known(Device::Gpu), known(Device::Cpu)) {
        (true, false) => Device::Gpu,
        (false, _) => Device::Cpu,
        (true, true) => {
            let choices = vec![
                Choice { word: "gpu".into(), about: "a slice of a card, when there is room".into() },
                Choice { word: "cpu".into(), about: "always awake, claims nothing".into() },
            ];
            let chosen = Select::new("On what does it compute?", choices).prompt()?;
            if chosen.word == "cpu" { Device::Cpu } else { Device::Gpu }
        }
    })
}

fn schedule(draft: &mut Draft) -> Result<(), InquireError> {
    let choices = vec![
        Choice { word: "windows".into(), about: "at certain hours, when the card has room".into() },
        Choice { word: "always".into(), about: "at all times, with its memory kept for it".into() },
    ];
    if Select::new("When may it be awake?", choices).prompt()?.word == "always" {
        draft.always = true;
        return Ok(());
    }
    let name = parsed::<WindowName>("The window's name?", "night", "such as night or day")?;
    let start = parsed::<TimeOfDay>("It opens at?", "02:00", "in the fleet's time zone")?;
    let end = parsed::<TimeOfDay>("It closes at?", "06:00", "on the next day, if that is earlier")?;
    draft.windows.push(WindowFlag {
        name: name.to_string(),
        start: start.to_string(),
        end: end.to_string(),
        days: None,
    });
    Ok(())
}

/// Asks until the answer is one.
fn parsed<T>(question: &str, usual: &str, help: &str) -> Result<T, InquireError>
where
    T: std::str::FromStr<Err = tenancy::Invalid>,
{
    let judge = |text: &str| {
        Ok(match text.parse::<T>() {
            Ok(_) => Validation::Valid,
            Err(why) => Validation::Invalid(why.to_string().into()),
        })
    };
    let mut prompt = Text::new(question).with_help_message(help).with_validator(judge);
    if !usual.is_empty() {
        prompt = prompt.with_default(usual);
    }
    prompt
        .prompt()?
        .parse()
        .map_err(|why: tenancy::Invalid| InquireError::InvalidConfiguration(why.to_string()))
}

fn about(entry: &Entry) -> String {
    format!("{}: {}", entry.raw.class.value.as_str(), entry.raw.title.value)
}

/// A word with what it means.
struct Choice {
    word: String,
    about: String,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:12} {}", self.word, self.about)
    }
}
