//! A bucket for states, on this machine. gofakes3 serves it: a fake of Amazon's service that says so in its name,
//! and that refuses to write what is there already when it is asked to, as a lock needs it.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{Surroundings, wait};

/// An empty bucket that is gone with its test.
#[derive(Debug)]
pub struct FakeBucket {
    server: Child,
    /// Where it is served.
    pub url: String,
}

impl FakeBucket {
    /// The bucket's name.
    pub const NAME: &str = "states";

    /// Any key opens it, but both CLIs want one.
    pub const CREDENTIALS: [(&str, &str); 2] =
        [("AWS_ACCESS_KEY_ID", "anybody"), ("AWS_SECRET_ACCESS_KEY", "anything")];

    /// Starts it on a port that was free.
    ///
    /// # Errors
    /// When its server does not come up.
    pub fn start() -> Result<Self> {
        // It cannot say which port it was given, so one is found and given back first.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let server = Command::new(Surroundings::get().tool("gofakes3"))
            .args([
                "-backend",
                "memory",
                "-quiet",
                "-initialbucket",
                Self::NAME,
                "-host",
                &address.to_string(),
            ])
            .stdout(Stdio::null())
            .spawn()
            .context("start gofakes3")?;
        let bucket = Self { server, url: format!("http://{address}") };
        wait::until("gofakes3 listens", Duration::from_secs(10), || {
            Ok(Some(TcpStream::connect(address).map(drop)?))
        })?;
        Ok(bucket)
    }

    fn at(&self, key: &str) -> String {
        format!("{}/{}/{key}", self.url, Self::NAME)
    }

    /// An object's text.
    ///
    /// # Errors
    /// When it is not there.
    pub fn get(&self, key: &str) -> Result<String> {
        let mut answer = ureq::get(self.at(key)).call().with_context(|| format!("get {key}"))?;
        Ok(answer.body_mut().read_to_string()?)
    }

    /// Writes an object.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn put(&self, key: &str, text: &str) -> Result<()> {
        ureq::put(self.at(key)).send(text).with_context(|| format!("put {key}"))?;
        Ok(())
    }

    /// Removes an object.
    ///
    /// # Errors
    /// When the server refuses that.
    pub fn remove(&self, key: &str) -> Result<()> {
        ureq::delete(self.at(key)).call().with_context(|| format!("remove {key}"))?;
        Ok(())
    }
}

impl Drop for FakeBucket {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
