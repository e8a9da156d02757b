//! A name server that knows every name: each is this machine.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

/// How long the server sleeps at most before it sees that it is to stop.
const LOOK: Duration = Duration::from_millis(100);
/// The question for an address of four bytes.
const ADDRESS: [u8; 2] = [0, 1];
/// The length of a message's header.
const HEADER: usize = 12;

/// A name server that answers until it is dropped.
pub(super) struct NameServer {
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// Starts one at an address.
    ///
    /// # Errors
    /// When the address is taken, or may not be.
    pub(super) fn start(at: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind(at).with_context(|| format!("cannot answer DNS at {at}"))?;
        socket.set_read_timeout(Some(LOOK)).context("a socket without a timeout")?;
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (names, stopped) = (Arc::clone(&asked), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut message = [0; 1024];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut message) else { continue };
                let Some((name, answer)) = answer(&message[..length]) else { continue };
                if let Ok(mut names) = names.lock() {
                    names.push(name);
                }
                // Who does not get it asks again.
                let _ = socket.send_to(&answer, from);
            }
        });
        Ok(Self { asked, stop, thread: Some(thread) })
    }

    /// The names that were asked for so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().map(|names| names.clone()).unwrap_or_default()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say that matters by now.
            let _ = thread.join();
        }
    }
}

/// The name of a question, and the answer to it (RFC 1035, section 4).
fn answer(question: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut labels = Vec::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + length)?).into_owned());
        at += length;
    }
    let asks_address = *question.get(at..at + 2)? == ADDRESS;
    let end = at + 4;
    let mut answer = question.get(..2)?.to_vec();
    // An answer without error, of a server that asks others; one question, and an answer where there is one.
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(asks_address), 0, 0, 0, 0]);
    answer.extend(question.get(HEADER..end)?);
    if asks_address {
        // The question's name, its type and class, for one second, four bytes.
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        answer.extend(Ipv4Addr::LOCALHOST.octets());
    }
    Some((labels.join("."), answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] =
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03api\x07example\x00\x00\x01\x00\x01";

    #[test]
    fn a_question_for_an_address_is_answered_with_this_machine() {
        let (name, answer) = answer(QUESTION).unwrap();
        assert_eq!(name, "api.example");
        assert_eq!(&answer[..8], b"\x12\x34\x81\x80\x00\x01\x00\x01");
        assert!(answer.ends_with(&[0, 4, 127, 0, 0, 1]), "{answer:?}");
    }

    #[test]
    fn a_question_for_anything_else_has_an_empty_answer() {
        let mut question = QUESTION.to_vec();
        let kind = question.len() - 3;
        question[kind] = 28;
        let (_, answer) = answer(&question).unwrap();
        assert_eq!(answer[7], 0);
    }

    #[test]
    fn half_a_question_is_none() {
        assert!(answer(&QUESTION[..20]).is_none());
    }
}
