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

/// What the answers are chosen from.
#[derive(Debug)]
pub struct Ground<'g> {
    /// The model servers that are known.
    pub catalogue: &'g Catalogue,
    /// The fleet's cards.
    pub cards: &'g [String],
    /// Names that have a file already.
    pub taken: &'g [String],
    /// Whether the file is only shown, so that nobody need agree to it.
    pub dry_run: bool,
}

/// Asks for everything that the draft does not say.
///
/// # Errors
/// The terminal cannot be read or written.
pub fn ask(draft: Draft, ground: &Ground<'_>) -> Result<Asked, InquireError> {
    match answered(draft, ground) {
        Ok(Some(draft)) => Ok(Asked::Answered(Box::new(draft))),
        Ok(None) | Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => {
            Ok(Asked::Escaped)
        }
        Err(error) => Err(error),
    }
}

fn answered(mut draft: Draft, ground: &Ground<'_>) -> Result<Option<Draft>, InquireError> {
    let Ground { catalogue, cards, .. } = ground;
    let named_image = draft.sets.iter().any(|set| set.top() == "image");
    if draft.server.is_none() && !named_image {
        let servers =
            catalogue.0.values().map(|entry| Choice { word: entry.name.clone(), about: about(entry) });
        draft.server = Some(Select::new("Which model server?", servers.collect()).prompt()?.word);
    }
    let entry = draft.server.as_ref().and_then(|server| catalogue.0.get(server));
    if draft.name.is_none() {
        let usual = free_name(draft.server.as_deref().unwrap_or_default(), ground.taken);
        let help = "also the name of its file and stack";
        draft.name = Some(answer("Its name?", &usual, help, |name: &TenantName| {
            let taken = ground.taken.iter().any(|taken| *taken == name.as_str());
            taken.then(|| format!("tenants/{name}.yaml is there already"))
        })?);
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
            let card = Select::new("Which card?", (*cards).to_vec()).prompt()?;
            draft.card = card.parse().ok();
        }
        if draft.peak.is_none() {
            let figures = entry.iter().flat_map(|entry| entry.raw.figures.iter().flatten());
            let seen: Vec<(Mib, &str)> = figures
                .filter_map(|figure| Some((figure.memory.as_ref()?.value, figure.what.value.as_str())))
                .collect();
            // Less than somebody has seen would be a guess against the evidence.
            let usual = seen.iter().map(|(memory, _)| *memory).max().map_or("4GiB".to_owned(), Mib::spelled);
            let help = match seen.as_slice() {
                [] => "a guess is marked as one".to_owned(),
                some => {
                    let each = some.iter().map(|(memory, what)| format!("{} {what}", memory.spelled()));
                    format!("seen: {}", each.collect::<Vec<_>>().join("; "))
                }
            };
            draft.peak = Some(parsed::<Mib>("The most video memory it ever holds?", &usual, &help)?);
        }
        if !draft.has_schedule() {
            schedule(&mut draft)?;
        }
    }
    if ground.dry_run {
        return Ok(Some(draft));
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
        Choice { word: "on demand".into(), about: "at any hour, when there is work and room".into() },
    ];
    match Select::new("When may it be awake?", choices).prompt()?.word.as_str() {
        "always" => {
            draft.always = true;
            return Ok(());
        }
        "on demand" => return demand(draft),
        _ => {}
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

/// Without a place where its work is seen a tenant on demand never wakes.
fn demand(draft: &mut Draft) -> Result<(), InquireError> {
    draft.on_demand = true;
    if draft.sets.iter().any(|set| set.top() == "demand") {
        return Ok(());
    }
    let choices = vec![
        Choice { word: "prometheus".into(), about: "a query; above 0 means work".into() },
        Choice {
            word: "http".into(),
            about: "a GET that is answered with JSON, and a JSONPath in it".into(),
        },
    ];
    let kind = Select::new("Where does the gate see whether there is work?", choices).prompt()?.word;
    let (key, question, help) = match kind.as_str() {
        "http" => ("json_path", "The JSONPath?", "such as $.depth; above 0, true or not empty means work"),
        _ => ("query", "The query?", "such as sum(queue_depth)"),
    };
    let address =
        said("Its address?", "as a pod of the tenant's namespace reaches it, such as http://queue.llm")?;
    for (key, value) in [("url", address), (key, said(question, help)?)] {
        let set = format!("demand.{kind}.{key}={value}").parse();
        draft
            .sets
            .push(set.map_err(|why: tenancy::Invalid| InquireError::InvalidConfiguration(why.to_string()))?);
    }
    Ok(())
}

/// Asks until something is said.
fn said(question: &str, help: &str) -> Result<String, InquireError> {
    let judge = |text: &str| match text.trim().is_empty() {
        true => Ok(Validation::Invalid("the gate cannot do without it".into())),
        false => Ok(Validation::Valid),
    };
    Text::new(question).with_help_message(help).with_validator(judge).prompt()
}

/// A name that has no file yet: the usual one, or that with the first free number.
fn free_name(usual: &str, taken: &[String]) -> String {
    let is_free = |name: &String| !taken.contains(name);
    let numbered = (2..).map(|number| format!("{usual}-{number}"));
    std::iter::once(usual.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
}

/// Asks until the answer is one.
fn parsed<T>(question: &str, usual: &str, help: &str) -> Result<T, InquireError>
where
    T: std::str::FromStr<Err = tenancy::Invalid>,
{
    answer(question, usual, help, |_| None)
}

/// Asks until the answer is one that nothing speaks against.
fn answer<T>(
    question: &str,
    usual: &str,
    help: &str,
    against: impl Fn(&T) -> Option<String>,
) -> Result<T, InquireError>
where
    T: std::str::FromStr<Err = tenancy::Invalid>,
{
    let judge = |text: &str| {
        let why = match text.parse::<T>() {
            Ok(answer) => against(&answer),
            Err(why) => Some(why.to_string()),
        };
        Ok(why.map_or(Validation::Valid, |why| Validation::Invalid(why.into())))
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
