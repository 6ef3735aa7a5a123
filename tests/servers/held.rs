//! Sessions that were there before a change: used throughout, and asked for a sign of life that only the server's
//! own end of the same connection can give.

use super::client::{Connection, FROM, Trust, greet};
use super::{Listener, Server};
use edgecert::names::Protocol;
use edgecert::wire::sip;
use edgecert::wire::xmpp::{CLOSE, ClientStream, StreamKind};
use std::io::{Read, Write};

/// Most bytes of one answer.
const MAX_ANSWER: usize = 64 * 1024;

/// What is said on a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tongue {
    /// Between servers: whitespace, and a dialback key to verify (XEP-0220 §2.3), which is answered with `invalid`.
    XmppServer,
    /// Of clients: whitespace; only the end is answered.
    XmppClient,
    /// OPTIONS.
    Sip,
    /// What is sent comes back.
    Echo,
    /// Binding requests (RFC 8489 §6).
    Stun,
}

/// A session that stays open.
pub struct Held {
    listener: Listener,
    tongue: Tongue,
    connection: Connection,
    asked: u32,
}

impl Held {
    /// One on each listener of a server.
    #[track_caller]
    pub fn on_all(trust: &Trust, server: &Server) -> Vec<Self> {
        let listeners = server.listeners().iter();
        listeners
            .map(|listener| Self::open(trust, server, listener))
            .collect()
    }

    /// Opens a session and sees it alive.
    #[track_caller]
    pub fn open(trust: &Trust, server: &Server, listener: &Listener) -> Self {
        let tongue = match listener.protocol {
            Protocol::Xmpp | Protocol::XmppsClient => Tongue::XmppClient,
            Protocol::XmppServer | Protocol::XmppsServer => Tongue::XmppServer,
            Protocol::Sips => Tongue::Sip,
            Protocol::Tls if server.kind() == "coturn" => Tongue::Stun,
            Protocol::Tls => Tongue::Echo,
        };
        let connection = trust.connect(listener);
        let mut held = Self {
            listener: listener.clone(),
            tongue,
            connection: connection.unwrap_or_else(|why| panic!("{listener}: {why}")),
            asked: 0,
        };
        let kind = match tongue {
            Tongue::XmppServer => Some(StreamKind::Server),
            Tongue::XmppClient => Some(StreamKind::Client),
            Tongue::Sip | Tongue::Echo | Tongue::Stun => None,
        };
        if let Some(kind) = kind {
            let mut stream = ClientStream::inside_tls(kind, FROM, listener.name);
            greet(&mut stream, &mut held.connection.tls)
                .unwrap_or_else(|why| panic!("{listener}: {why}"));
        }
        held.still_alive();
        held
    }

    /// Uses the session, and insists that it answers.
    #[track_caller]
    pub fn still_alive(&mut self) {
        if let Err(why) = self.ask() {
            panic!("{} after {} answers: {why}", self.listener, self.asked);
        }
        self.asked += 1;
    }

    /// Ends the session; a stream must be closed by the server as well.
    #[track_caller]
    pub fn ends_well(mut self) {
        self.still_alive();
        let closed = match self.tongue {
            Tongue::XmppServer | Tongue::XmppClient => self
                .send(CLOSE)
                .and_then(|()| self.read_until(|text| text.ends_with("</stream:stream>"))),
            Tongue::Sip | Tongue::Echo | Tongue::Stun => Ok(()),
        };
        closed.unwrap_or_else(|why| panic!("{}: {why}", self.listener));
    }

    /// Where it began.
    pub fn listener(&self) -> &Listener {
        &self.listener
    }

    /// Insists that the server ended the session, and not the patience of the reader.
    #[track_caller]
    pub fn was_ended(mut self) {
        let mut rest = Vec::new();
        let why = loop {
            if let Err(why) = self.read_more(&mut rest) {
                break why;
            }
        };
        let waited = why.contains("timed out") || why.contains("temporarily unavailable");
        assert!(!waited, "{}: {why}", self.listener);
    }

    fn ask(&mut self) -> Result<(), String> {
        let name = self.listener.name;
        match self.tongue {
            Tongue::XmppClient => self.send(b" "),
            Tongue::XmppServer => {
                let key = format!(
                    " <db:verify xmlns:db='jabber:server:dialback' from='{FROM}' to='{name}' id='id{}'>00</db:verify>",
                    self.asked
                );
                self.send(key.as_bytes())?;
                let id = format!("id{}", self.asked);
                self.read_until(|text| text.contains(&id) && text.contains("invalid"))
            }
            Tongue::Sip => {
                let token = format!("held{}", self.asked);
                self.send(&sip::options(name, "127.0.0.1:5061", &token))?;
                let mut answer = Vec::new();
                loop {
                    self.read_more(&mut answer)?;
                    let status = sip::read_status(&answer).map_err(|error| error.to_string())?;
                    let text = String::from_utf8_lossy(&answer);
                    if status.is_some() && text.contains("\r\n\r\n") {
                        return if text.contains(&token) {
                            Ok(())
                        } else {
                            Err(format!("another call was answered: {text}"))
                        };
                    }
                }
            }
            Tongue::Echo => {
                let message = format!("still here {}\n", self.asked);
                self.send(message.as_bytes())?;
                self.read_until(|text| text == message)
            }
            Tongue::Stun => {
                let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
                request.extend(format!("held{:08}", self.asked).as_bytes());
                self.send(&request)?;
                let mut answer = Vec::new();
                while answer.len() < request.len() {
                    self.read_more(&mut answer)?;
                }
                let whole = answer.starts_with(&[1, 1]) && answer[4..20] == request[4..];
                whole.then_some(()).ok_or(format!("no success: {answer:?}"))
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        let tls = &mut self.connection.tls;
        let sent = tls.write_all(bytes).and_then(|()| tls.flush());
        sent.map_err(|error| error.to_string())
    }

    /// Reads until an answer is whole.
    fn read_until(&mut self, whole: impl Fn(&str) -> bool) -> Result<(), String> {
        let mut answer = Vec::new();
        while !whole(&String::from_utf8_lossy(&answer)) {
            let read = self.read_more(&mut answer);
            read.map_err(|why| format!("{why} after {:?}", String::from_utf8_lossy(&answer)))?;
        }
        Ok(())
    }

    fn read_more(&mut self, answer: &mut Vec<u8>) -> Result<(), String> {
        let mut chunk = [0; 4096];
        match self.connection.tls.read(&mut chunk) {
            Ok(0) => return Err("the server closed the session".into()),
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) => return Err(error.to_string()),
        }
        if answer.len() > MAX_ANSWER {
            return Err("an answer without end".into());
        }
        Ok(())
    }
}
