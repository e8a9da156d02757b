//! The program that hands out credentials, as a kubeconfig or `exec` names it, and what is told of it where it
//! hands out none.

use std::error::Error;
use std::process::Output;

use kube::client::AuthError;
use kube::config::AuthInfo;

/// What people know a user's program by, if there is one. Its arguments and its environment may be secrets.
pub(super) fn of(user: &AuthInfo) -> Option<String> {
    let of_exec = user.exec.as_ref().and_then(|exec| exec.command.as_ref());
    let of_provider = || user.auth_provider.as_ref()?.config.get("cmd-path");
    of_exec.or_else(of_provider).map(|command| format!("the credentials' program {command}"))
}

/// Why there are no credentials, where that is the program's fault. The client's own words have the whole
/// command in them, environment included, and what it printed, which may be a token.
pub(super) fn failed(error: &(dyn Error + 'static), program: &str) -> Option<String> {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain.filter_map(|error| error.downcast_ref::<AuthError>()).find_map(|error| match error {
        AuthError::AuthExecStart(why) => Some(format!("{program} cannot be started: {why}")),
        AuthError::AuthExecRun { out, .. } => Some(ended(program, out)),
        AuthError::AuthExecParse(_) => Some(format!("what {program} printed is no ExecCredential in JSON")),
        _ => None,
    })
}

fn ended(program: &str, output: &Output) -> String {
    let words = String::from_utf8_lossy(&output.stderr);
    let words = match words.trim().trim_end_matches('.') {
        "" => "it said nothing of why",
        words => words,
    };
    format!("{program} ended with {}: {words}", output.status)
}
