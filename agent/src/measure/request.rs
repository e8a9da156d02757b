//! The work that a tenant is driven with: `POST /tts {"text": "…"}`, one a line.

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// Its body, if it has one.
    pub body: Option<String>,
}

/// A line that is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no request: {reason}. Write it as `POST /tts {{\"text\": \"…\"}}`: method, path and body."
)]
pub struct BadRequest {
    /// The line.
    pub text: String,
    /// What is wrong with it, as a clause.
    pub reason: &'static str,
}

impl std::str::FromStr for Request {
    type Err = BadRequest;

    fn from_str(text: &str) -> Result<Self, BadRequest> {
        let bad = |reason| BadRequest { text: text.to_owned(), reason };
        let (method, rest) = text.trim().split_once(' ').ok_or_else(|| bad("it has no path"))?;
        if !["GET", "POST", "PUT", "DELETE", "PATCH"].contains(&method) {
            return Err(bad("it does not begin with GET, POST, PUT, PATCH or DELETE"));
        }
        let (path, body) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
        if !path.starts_with('/') || path.parse::<http::uri::PathAndQuery>().is_err() {
            return Err(bad("its path is none that begins with `/`"));
        }
        let body = Some(body.trim()).filter(|body| !body.is_empty()).map(str::to_owned);
        Ok(Self { method: method.to_owned(), path: path.to_owned(), body })
    }
}

impl Request {
    /// What the body is, by its looks.
    pub fn content_type(&self) -> &'static str {
        match self.body.as_deref().is_some_and(|body| body.starts_with(['{', '['])) {
            true => "application/json",
            false => "text/plain",
        }
    }
}

/// The requests of a file; empty lines and those that begin with `#` are none.
///
/// # Errors
/// The first line that is no request.
pub fn requests(file: &str) -> Result<Vec<Request>, BadRequest> {
    let lines = file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_method_a_path_and_a_body() {
        let file =
            "# a voice\nPOST /tts?voice=a {\"text\": \"to be or\"}\n\n  GET /health\nPUT /x plain words";
        let read = requests(file).unwrap();
        let parts: Vec<_> = read
            .iter()
            .map(|it| (it.method.as_str(), it.path.as_str(), it.body.as_deref(), it.content_type()))
            .collect();
        assert_eq!(
            parts,
            [
                ("POST", "/tts?voice=a", Some("{\"text\": \"to be or\"}"), "application/json"),
                ("GET", "/health", None, "text/plain"),
                ("PUT", "/x", Some("plain words"), "text/plain"),
            ]
        );
        for bad in ["POST", "tts", "SING /tts", "POST tts", "GET http://x/"] {
            assert!(requests(bad).is_err(), "{bad}");
        }
    }
}
