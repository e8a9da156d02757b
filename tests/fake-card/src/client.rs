//! A blocking client of fake-card, for fake-model and for tests.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::Response;

use crate::spec::CardSpec;
use crate::wire::{
    Allocated, AllocationRequest, CardState, Fault, FaultRequest, Problem, Refusals, ResidentRequest,
    ResizeRequest, ScriptRequest, Step,
};

/// How long one call may take; holding has no limit.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to one fake-card.
#[derive(Debug, Clone)]
pub struct Client {
    url: String,
    agent: Agent,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The card is full; the text is fake-card's.
    #[error("{error}")]
    OutOfMemory {
        /// Who asked for how much.
        error: String,
        /// How much more was asked for, in MiB.
        requested_mib: u64,
        /// What was free, in MiB.
        free_mib: u64,
    },
    /// fake-card answered with a problem.
    #[error("fake-card answered {status} to {what}: {error}")]
    Refused {
        /// The method and URL.
        what: String,
        /// The HTTP status.
        status: u16,
        /// fake-card's text.
        error: String,
    },
    /// No answer came, or one that cannot be read.
    #[error("{what}: {source}; is fake-card running there?")]
    NoAnswer {
        /// The method and URL.
        what: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
}

impl Client {
    /// A client of the fake-card at `url`, such as `http://127.0.0.1:9400`.
    pub fn new(url: &str) -> Self {
        // A 507 is an answer to read, not an error of the transport.
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(CALL_TIMEOUT)).build();
        Client { url: url.trim_end_matches('/').to_owned(), agent: config.into() }
    }

    /// Whether fake-card answers at all.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn health(&self) -> Result<(), ClientError> {
        self.empty("GET", "/health").map(drop)
    }

    /// Adds a card.
    ///
    /// # Errors
    /// As [`ClientError`] says; 409 when one of that name exists.
    pub fn add_card(&self, card: &CardSpec) -> Result<CardState, ClientError> {
        self.send("POST", "/cards", card).and_then(read)
    }

    /// Removes a card with everything on it.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn remove_card(&self, card: &str) -> Result<(), ClientError> {
        self.empty("DELETE", &format!("/cards/{card}")).map(drop)
    }

    /// The state of a card.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn state(&self, card: &str) -> Result<CardState, ClientError> {
        self.empty("GET", &format!("/cards/{card}/state")).and_then(read)
    }

    /// What was refused, on one card or on all.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn refusals(&self, card: Option<&str>) -> Result<Refusals, ClientError> {
        let query = card.map(|card| format!("?card={card}")).unwrap_or_default();
        self.empty("GET", &format!("/refusals{query}")).and_then(read)
    }

    /// Sets what a resident holds, in MiB.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn set_resident(&self, card: &str, resident: &ResidentRequest) -> Result<CardState, ClientError> {
        self.send("POST", &format!("/cards/{card}/residents"), resident).and_then(read)
    }

    /// Orders timed steps of residents.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn add_script(&self, card: &str, steps: Vec<Step>) -> Result<CardState, ClientError> {
        self.send("POST", &format!("/cards/{card}/script"), &ScriptRequest { steps }).and_then(read)
    }

    /// Orders a fault of a card's metrics.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn set_fault(&self, card: &str, mode: Fault) -> Result<CardState, ClientError> {
        self.send("POST", &format!("/cards/{card}/faults"), &FaultRequest { mode }).and_then(read)
    }

    /// Gives back all memory whose owners are gone.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn clear_leaks(&self, card: &str) -> Result<(), ClientError> {
        self.empty("DELETE", &format!("/cards/{card}/leaks")).map(drop)
    }

    /// The text of a page, such as `/cards/t4/dcgm/metrics`.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn page(&self, path: &str) -> Result<String, ClientError> {
        let (what, mut answer) = self.empty("GET", path)?;
        answer.body_mut().read_to_string().map_err(no_answer(what))
    }

    /// Asks a card for memory.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn allocate(&self, card: &str, request: &AllocationRequest) -> Result<Allocated, ClientError> {
        self.send("POST", &format!("/cards/{card}/allocations"), request).and_then(read)
    }

    /// Changes the size of an allocation, in MiB.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn resize(&self, id: u64, mib: u64, scripted: bool) -> Result<Allocated, ClientError> {
        self.send("PATCH", &format!("/allocations/{id}"), &ResizeRequest { mib, scripted }).and_then(read)
    }

    /// Frees an allocation.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn free(&self, id: u64) -> Result<(), ClientError> {
        self.empty("DELETE", &format!("/allocations/{id}")).map(drop)
    }

    /// Gives a sign of life for an allocation.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub fn keep_alive(&self, id: u64) -> Result<(), ClientError> {
        self.empty("PUT", &format!("/allocations/{id}/alive")).map(drop)
    }

    /// Holds an allocation with an open connection: returns when it is gone.
    /// The allocation is freed when this process ends.
    ///
    /// # Errors
    /// As [`ClientError`] says, when there is nothing to hold.
    pub fn hold(&self, id: u64) -> Result<(), ClientError> {
        let path = format!("/allocations/{id}/hold");
        let request = self.agent.get(format!("{}{path}", self.url)).config().timeout_global(None).build();
        let (_, answer) = checked(format!("GET {}{path}", self.url), request.call())?;
        let lines = BufReader::new(answer.into_body().into_reader()).lines();
        // A broken connection and the end of the allocation are one to the holder.
        lines.map_while(Result::ok).for_each(drop);
        Ok(())
    }

    fn empty(&self, method: &str, path: &str) -> Result<Answer, ClientError> {
        let url = format!("{}{path}", self.url);
        let answer = match method {
            "PUT" => self.agent.put(&url).send_empty(),
            "DELETE" => self.agent.delete(&url).call(),
            _ => self.agent.get(&url).call(),
        };
        checked(format!("{method} {url}"), answer)
    }

    fn send(&self, method: &str, path: &str, body: &impl Serialize) -> Result<Answer, ClientError> {
        let url = format!("{}{path}", self.url);
        let request = if method == "PATCH" { self.agent.patch(&url) } else { self.agent.post(&url) };
        checked(format!("{method} {url}"), request.send_json(body))
    }
}

/// What was asked, and the answer to it.
type Answer = (String, Response<ureq::Body>);

fn checked(what: String, answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<Answer, ClientError> {
    let mut answer = answer.map_err(no_answer(what.clone()))?;
    if answer.status().is_success() {
        return Ok((what, answer));
    }
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().unwrap_or_default();
    let problem = serde_json::from_str(&text).unwrap_or_else(|_| Problem::new(text));
    Err(match problem {
        Problem { error, requested_mib: Some(requested_mib), free_mib: Some(free_mib) } => {
            ClientError::OutOfMemory { error, requested_mib, free_mib }
        }
        Problem { error, .. } => ClientError::Refused { what, status, error },
    })
}

fn read<T: DeserializeOwned>((what, mut answer): Answer) -> Result<T, ClientError> {
    answer.body_mut().read_json().map_err(no_answer(what))
}

fn no_answer(what: String) -> impl FnOnce(ureq::Error) -> ClientError {
    move |source| ClientError::NoAnswer { what, source: Box::new(source) }
}
