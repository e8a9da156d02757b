//! A complete provider: one resource, a greeting in a text file, and one data source, its count of lines.
//!
//! `tests/terraform.rs` runs it under real terraform.

use std::path::PathBuf;
use std::process::ExitCode;

use tfplugin::{
    Attr, Configured, CreateRequest, DataSource, DataSources, DeleteRequest, Diagnostic, Diagnostics, Host,
    ImportBy, ImportRequest, LookUpRequest, Map, Outcome, PlanRequest, Planned, Provider, ReadRequest,
    Resource, Resources, UpdateRequest, model,
};

fn main() -> ExitCode {
    tfplugin::serve(Greetings)
}

model! {
    /// Writes greetings to files.
    pub struct Settings {
        /// The directory of the files.
        pub directory: Attr<String> = required(),
    }
}

model! {
    /// A person who is greeted too.
    pub struct Guest {
        /// How the person is called.
        pub title: Attr<String> = optional().default("friend").length(1..=20),
    }
}

model! {
    /// A greeting in a text file.
    pub struct Greeting {
        /// The file's name within the provider's directory.
        pub name: Attr<String> = required().requires_replace().validate(|name| {
            if name.contains('/') { Err(format!("must be a plain name, but {name:?} has a slash")) } else { Ok(()) }
        }),
        /// The first word.
        pub word: Attr<String> = optional().default("hello").same_if(|a, b| a.eq_ignore_ascii_case(b)),
        /// How often the word is said.
        pub times: Attr<i64> = optional().default(1).range(1..=9),
        /// Who is greeted, by name.
        pub guests: Attr<Map<Guest>> = optional(),
        /// Each line of the file.
        pub lines: Attr<Map<String>> = computed(),
        /// The file's path.
        pub id: Attr<String> = computed().use_state_for_unknown(),
    }
}

model! {
    /// Where a greeting is.
    pub struct GreetingIdentity {
        /// The file's name.
        pub name: Attr<String> = required(),
    }
}

struct Greetings;

impl Provider for Greetings {
    type Config = Settings;
    type Data = Attr<PathBuf>;

    const NAME: &'static str = "greeting";
    const ADDRESS: &'static str = "registry.terraform.io/examples/greeting";

    async fn configure(&self, config: Settings, _: Host) -> Result<Configured<Attr<PathBuf>>, Diagnostics> {
        Ok(Configured::from(config.directory.map(PathBuf::from)))
    }

    fn resources(&self) -> Resources<Attr<PathBuf>> {
        Resources::new().with(GreetingFile)
    }

    fn data_sources(&self) -> DataSources<Attr<PathBuf>> {
        DataSources::new().with(GreetingCount)
    }
}

model! {
    /// How many lines a greeting has.
    pub struct Count {
        /// The file's name within the provider's directory.
        pub name: Attr<String> = required(),
        /// The count.
        pub lines: Attr<i64> = computed(),
    }
}

struct GreetingCount;

impl DataSource for GreetingCount {
    type Data = Attr<PathBuf>;
    type Model = Count;

    const TYPE_NAME: &'static str = "greeting_count";

    async fn look_up(&self, request: LookUpRequest<Self>) -> Outcome<Count> {
        match file(&request.asked.name, &request.provider).map(std::fs::read_to_string) {
            Ok(Ok(text)) => {
                let lines = i64::try_from(text.lines().count()).unwrap_or(i64::MAX);
                Outcome::state(Count { lines: lines.into(), ..request.asked })
            }
            Ok(Err(_)) => Outcome::gone(),
            Err(diagnostics) => Outcome::failed(diagnostics),
        }
    }
}

struct GreetingFile;

impl Resource for GreetingFile {
    type Data = Attr<PathBuf>;
    type Model = Greeting;
    type Identity = GreetingIdentity;

    const TYPE_NAME: &'static str = "greeting_file";

    async fn plan(&self, request: PlanRequest<Self>) -> Result<Planned<Greeting>, Diagnostics> {
        // The lines are known at plan, except those that say something unknown.
        let mut planned = request.proposed;
        planned.lines = lines(&planned);
        Ok(Planned::new(planned))
    }

    async fn create(&self, request: CreateRequest<Self>) -> Outcome<Greeting> {
        write(request.planned, &request.provider).into()
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<Greeting> {
        write(request.planned, &request.provider).into()
    }

    async fn read(&self, request: ReadRequest<Self>) -> Outcome<Greeting> {
        let path = match file(&request.state.name, &request.provider) {
            Ok(path) => path,
            Err(diagnostics) => return Outcome::failed(diagnostics),
        };
        let Ok(text) = std::fs::read_to_string(&path) else { return Outcome::gone() };
        let found = text.lines().filter_map(|line| line.split_once(": "));
        let lines = found.map(|(who, words)| (who.to_owned(), words.into())).collect();
        let id = path.display().to_string().into();
        Outcome::state(Greeting { lines: Attr::Known(lines), id, ..request.state })
    }

    async fn delete(&self, request: DeleteRequest<Self>) -> Outcome<Greeting> {
        match file(&request.prior.name, &request.provider).map(std::fs::remove_file) {
            Ok(Ok(())) => Outcome::gone(),
            Ok(Err(gone)) if gone.kind() == std::io::ErrorKind::NotFound => Outcome::gone(),
            Ok(Err(error)) => Outcome::failed(Diagnostic::error("File not removed", error.to_string())),
            Err(diagnostics) => Outcome::failed(diagnostics),
        }
    }

    async fn import(&self, request: ImportRequest<Self>) -> Outcome<Greeting> {
        let name = match request.by {
            ImportBy::Id(name) => name.into(),
            ImportBy::Identity(identity) => identity.name,
        };
        Outcome::state(Greeting { name, ..Greeting::default() })
    }

    fn identity(&self, model: &Greeting) -> Option<GreetingIdentity> {
        Some(GreetingIdentity { name: model.name.known()?.clone().into() })
    }
}

/// The line for each guest; unknown as a whole where the guests are, else one by one.
fn lines(greeting: &Greeting) -> Attr<Map<String>> {
    let (Some(guests), Some(word), Some(times)) =
        (greeting.guests.settled(), greeting.word.known(), greeting.times.known())
    else {
        return Attr::Unknown;
    };
    let words = vec![word.as_str(); usize::try_from(*times).unwrap_or(1)].join(" ");
    let line = |guest: &Attr<Guest>| match guest {
        Attr::Known(guest) => guest.title.clone().map(|title| format!("{words} {title}")),
        Attr::Null => Attr::Known(words.clone()),
        Attr::Unknown => Attr::Unknown,
    };
    Attr::Known(guests.into_iter().flatten().map(|(name, guest)| (name.clone(), line(guest))).collect())
}

fn file(name: &Attr<String>, directory: &Attr<PathBuf>) -> Result<PathBuf, Diagnostics> {
    match (directory.known(), name.known()) {
        (Some(directory), Some(name)) => Ok(directory.join(name)),
        _ => Err(Diagnostic::error(
            "Directory not known",
            "The provider's directory comes from a resource that does not exist yet. Create that one first.",
        )
        .into()),
    }
}

fn write(planned: Greeting, directory: &Attr<PathBuf>) -> Result<Greeting, Diagnostics> {
    let path = file(&planned.name, directory)?;
    let lines = lines(&planned);
    let known = lines.known().into_iter().flatten();
    let text: String =
        known.map(|(who, words)| format!("{who}: {}\n", words.as_str().unwrap_or_default())).collect();
    tracing::debug!(path = %path.display(), "wrote a greeting");
    std::fs::write(&path, text).map_err(|error| {
        Diagnostic::error("File not written", format!("{}: {error}. Create its directory.", path.display()))
    })?;
    Ok(Greeting { lines, id: path.display().to_string().into(), ..planned })
}
