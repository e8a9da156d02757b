//! A complete provider: a resource (a greeting in a text file), a data source
//! (how many lines it has), an ephemeral resource (a secret that lasts as long
//! as the run) and a function (what a greeting says).
//!
//! `tests/integration/terraform.rs` runs it under real terraform and tofu.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use tfplugin::{
    Attr, CancellationToken, Configured, CreateRequest, DataSource, DataSources, DeleteRequest, Diagnostic,
    Diagnostics, EphemeralResource, EphemeralResources, Function, FunctionError, Functions, Host, ImportBy,
    ImportRequest, Lease, LeaseRequest, List, LookUpRequest, Map, OpenRequest, Opened, Outcome, PlanRequest,
    Planned, Provider, ReadRequest, Resource, Resources, UpdateRequest, model,
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
        /// How long to hesitate before the file is written, in seconds.
        pub pause: Attr<i64> = optional().range(0..=3600),
        /// What is whispered, into a file of its own. It is not kept in the state.
        pub whisper: Attr<String> = optional().write_only().requires(&["whisper_version"]),
        /// Raise it to whisper anew.
        pub whisper_version: Attr<i64> = optional(),
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

    fn ephemeral_resources(&self) -> EphemeralResources<Attr<PathBuf>> {
        EphemeralResources::new().with(GreetingSecret)
    }

    fn functions(&self) -> Functions {
        Functions::new().with(Say)
    }
}

model! {
    /// What a greeting says.
    ///
    /// Each guest is greeted with the word, as often as asked.
    pub struct SayParameters {
        /// The first word.
        pub word: Attr<String> = required(),
        /// How often it is said; once for null.
        pub times: Attr<i64> = optional().default(1).range(1..=9),
        /// Who is greeted.
        pub guests: Attr<List<String>> = required(),
    }
}

struct Say;

impl Function for Say {
    type Parameters = SayParameters;
    type Returns = List<String>;

    const NAME: &'static str = "say";
    const VARIADIC: bool = true;

    fn call(&self, arguments: SayParameters) -> Result<Attr<List<String>>, FunctionError> {
        let words = words(&arguments.word, &arguments.times);
        let guests = arguments.guests.into_known().unwrap_or_default();
        let greet = |(index, guest): (usize, Attr<String>)| match guest.as_str() {
            Some("") | None => {
                let place = tfplugin::Path::attribute("guests").index(index);
                Err(FunctionError::new("must have a name, because nobody is greeted otherwise").at(place))
            }
            Some(guest) => Ok(format!("{words} {guest}").into()),
        };
        guests.into_iter().enumerate().map(greet).collect::<Result<List<String>, _>>().map(Attr::Known)
    }
}

model! {
    /// A secret that lasts as long as the run.
    pub struct Secret {
        /// Whose secret.
        pub name: Attr<String> = required(),
        /// The secret.
        pub secret: Attr<String> = computed().sensitive(),
    }
}

struct GreetingSecret;

/// How long a secret lasts when nobody renews it.
const SECRET_LASTS: Duration = Duration::from_secs(2);

impl GreetingSecret {
    /// A lease on the file, to be renewed before it ends.
    fn lease(file: &Path) -> Lease {
        Lease::new(file.display().to_string()).renew_at(SystemTime::now() + SECRET_LASTS / 2)
    }
}

impl EphemeralResource for GreetingSecret {
    type Data = Attr<PathBuf>;
    type Model = Secret;

    const TYPE_NAME: &'static str = "greeting_secret";

    async fn open(&self, request: OpenRequest<Self>) -> Result<Opened<Secret>, Diagnostics> {
        let file = file(&request.asked.name, &request.provider)?.with_extension("lease");
        std::fs::write(&file, "opened\n")
            .map_err(|error| Diagnostic::error("Not opened", error.to_string()))?;
        let secret = request.asked.name.clone().map(|name| format!("{name} knows it"));
        Ok(Opened::new(Secret { secret, ..request.asked }).with_lease(Self::lease(&file)))
    }

    async fn renew(&self, request: LeaseRequest<Self>) -> Result<Lease, Diagnostics> {
        let file = PathBuf::from(String::from_utf8_lossy(&request.private).into_owned());
        if !file.exists() {
            return Err(Diagnostic::error("No longer open", "The secret was closed by somebody else.").into());
        }
        Ok(Self::lease(&file))
    }

    async fn close(&self, request: LeaseRequest<Self>) -> Diagnostics {
        let file = PathBuf::from(String::from_utf8_lossy(&request.private).into_owned());
        match std::fs::remove_file(&file) {
            Ok(()) => Diagnostics::new(),
            Err(error) => Diagnostic::warning("Not closed", format!("{}: {error}", file.display())).into(),
        }
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
        if let Err(interrupted) = pause(&request.planned, &request.cancel).await {
            return Outcome::failed(interrupted);
        }
        write(request.planned, &request.config.whisper, &request.provider).into()
    }

    async fn update(&self, request: UpdateRequest<Self>) -> Outcome<Greeting> {
        if let Err(interrupted) = pause(&request.planned, &request.cancel).await {
            return Outcome::failed(interrupted);
        }
        write(request.planned, &request.config.whisper, &request.provider).into()
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
    let (Some(guests), false) =
        (greeting.guests.settled(), greeting.word.is_unknown() || greeting.times.is_unknown())
    else {
        return Attr::Unknown;
    };
    let words = words(&greeting.word, &greeting.times);
    let line = |guest: &Attr<Guest>| match guest {
        Attr::Known(guest) => guest.title.clone().map(|title| format!("{words} {title}")),
        Attr::Null => Attr::Known(words.clone()),
        Attr::Unknown => Attr::Unknown,
    };
    Attr::Known(guests.into_iter().flatten().map(|(name, guest)| (name.clone(), line(guest))).collect())
}

/// Hesitates, until the user interrupts.
async fn pause(planned: &Greeting, cancel: &CancellationToken) -> Result<(), Diagnostic> {
    let Some(seconds) = planned.pause.known().and_then(|seconds| u64::try_from(*seconds).ok()) else {
        return Ok(());
    };
    tracing::info!(seconds, "hesitating");
    let pause = cancel.run_until_cancelled(tokio::time::sleep(Duration::from_secs(seconds))).await;
    pause.ok_or_else(|| {
        Diagnostic::error("Interrupted", "The greeting was not written. Apply again to write it.")
    })
}

/// The word as often as it is said.
fn words(word: &Attr<String>, times: &Attr<i64>) -> String {
    let times = times.known().and_then(|times| usize::try_from(*times).ok()).unwrap_or(1);
    vec![word.as_str().unwrap_or_default(); times].join(" ")
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

fn write(
    planned: Greeting,
    whisper: &Attr<String>,
    directory: &Attr<PathBuf>,
) -> Result<Greeting, Diagnostics> {
    let path = file(&planned.name, directory)?;
    let lines = lines(&planned);
    let known = lines.known().into_iter().flatten();
    let text: String =
        known.map(|(who, words)| format!("{who}: {}\n", words.as_str().unwrap_or_default())).collect();
    tracing::debug!(path = %path.display(), "wrote a greeting");
    let put = |path: &Path, text: &str| {
        std::fs::write(path, text).map_err(|error| {
            let detail = format!("{}: {error}. Create its directory.", path.display());
            Diagnostic::error("File not written", detail)
        })
    };
    put(&path, &text)?;
    // It is in the configuration alone: no plan and no state ever has it.
    if let Some(whisper) = whisper.as_str() {
        put(&path.with_extension("whisper"), whisper)?;
    }
    Ok(Greeting { lines, id: path.display().to_string().into(), ..planned })
}
