//! HAProxy's runtime API: one command a connection, an answer in text, no status.
//!
//! HAProxy Management Guide 2.6, "Statistics and monitoring", `set ssl cert`, `commit ssl cert`, `abort ssl cert`.

use super::on_server::OnServer;
use super::{Hands, Said};
use crate::assign::error::AssignError;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Most bytes of one answer.
const MAX_ANSWER: usize = 256 * 1024;

/// Most bytes of the list of sessions, which has a line for each.
const MAX_SESSIONS: usize = 16 * 1024 * 1024;

/// How often, while waiting, we ask whether to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// Its word for a commit that was taken.
const TAKEN: &str = "Success!";

/// The admin socket of one HAProxy.
pub(super) struct Runtime<'a> {
    own: &'a OnServer,
    socket: &'a Path,
    hands: &'a Hands<'a>,
}

impl<'a> Runtime<'a> {
    pub(super) fn new(own: &'a OnServer, socket: &'a Path, hands: &'a Hands<'_>) -> Self {
        Self { own, socket, hands }
    }

    /// Whether the running server has a certificate of that name.
    pub(super) fn knows(&self, name: &str) -> Result<bool, AssignError> {
        let said = self.ask(&format!("show ssl cert {name}"), "")?;
        if said.text.contains("Permission denied") {
            return Err(self.own.unfit(
                self.socket,
                "the admin socket may not look at certificates",
                "Permission denied".to_owned(),
                "add `level admin` to the `stats socket`, and reload HAProxy".to_owned(),
            ));
        }
        Ok(said.text.lines().any(|line| line.starts_with("Filename:")))
    }

    /// Puts certificate, chain and key in the place of those that a name has; the old ones stay on any failure.
    pub(super) fn replace(&self, name: &str, pem: &str) -> Result<(), AssignError> {
        let said = self.ask(&format!("set ssl cert {name}"), pem)?;
        if !(said.text.contains("Transaction created") || said.text.contains("Transaction updated"))
        {
            return Err(self.fail(name, &said));
        }
        let said = self.ask(&format!("commit ssl cert {name}"), "")?;
        if !said.text.contains(TAKEN) {
            return Err(self.fail(name, &said));
        }
        Ok(())
    }

    /// Ends every session of these frontends that the worker behind the socket has.
    pub(super) fn end_sessions(&self, frontends: &[String]) -> Result<(), AssignError> {
        let said = self.ask_for("show sess", "", MAX_SESSIONS)?;
        if said.text.contains("Permission denied") {
            return Err(self.hands.refused(&said));
        }
        for session in sessions_of(&said.text, frontends) {
            let said = self.ask(&format!("shutdown session {session}"), "")?;
            // One that has ended by itself meanwhile is ended as well.
            let ended = said.text.trim().is_empty() || said.text.contains("No such session");
            if !ended {
                return Err(self.hands.refused(&said));
            }
        }
        Ok(())
    }

    /// Closes the transaction that a refusal leaves open.
    fn fail(&self, name: &str, said: &Said) -> AssignError {
        let _ = self.ask(&format!("abort ssl cert {name}"), "");
        self.hands.refused(said)
    }

    fn ask(&self, command: &str, payload: &str) -> Result<Said, AssignError> {
        self.ask_for(command, payload, MAX_ANSWER)
    }

    /// One command and its answer of at most so many bytes; a payload ends with an empty line, so it has none inside.
    fn ask_for(&self, command: &str, payload: &str, most: usize) -> Result<Said, AssignError> {
        let mut text = Zeroizing::new(String::with_capacity(command.len() + payload.len() + 8));
        text.push_str(command);
        if !payload.is_empty() {
            text.push_str(" <<\n");
            for line in payload.lines().filter(|line| !line.trim().is_empty()) {
                text.push_str(line);
                text.push('\n');
            }
        }
        text.push('\n');
        let failed = |why: String| AssignError::Program {
            gateway: self.own.gateway.clone(),
            command: format!("{} {command}", self.socket.display()),
            why,
            said: String::new(),
        };
        let unreachable = |source: std::io::Error| AssignError::GatewayUnreachable {
            gateway: self.own.gateway.clone(),
            socket: self.socket.to_owned(),
            source,
        };
        let mut stream = UnixStream::connect(self.socket).map_err(unreachable)?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(self.hands.timeout)))
            .map_err(unreachable)?;
        stream
            .write_all(text.as_bytes())
            .map_err(|error| failed(crate::explain::os_words(&error)))?;
        let deadline = Instant::now() + self.hands.timeout;
        let mut answer = Vec::new();
        let mut part = [0; 8192];
        loop {
            match stream.read(&mut part) {
                Ok(0) => break,
                Ok(count) => answer.extend_from_slice(part.get(..count).unwrap_or_default()),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if (self.hands.stop)() {
                        return Err(AssignError::Interrupted);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(crate::explain::os_words(&error))),
            }
            if answer.len() > most {
                return Err(failed(format!("it answered more than {most} bytes")));
            }
            if Instant::now() >= deadline {
                let seconds = self.hands.timeout.as_secs();
                return Err(failed(format!("no answer within {seconds} s")));
            }
        }
        Ok(Said {
            command: format!("{} {command}", self.socket.display()),
            status: Some(0),
            text: String::from_utf8_lossy(&answer).into_owned(),
        })
    }
}

/// The identifiers of the sessions of some frontends: `0x55d0: proto=tcpv4 src=… fe=tls be=echo …`.
fn sessions_of<'a>(text: &'a str, frontends: &[String]) -> Vec<&'a str> {
    text.lines()
        .filter_map(|line| {
            let (id, facts) = line.split_once(": ")?;
            let frontend = facts
                .split_whitespace()
                .find_map(|fact| fact.strip_prefix("fe="))?;
            let is_id = id
                .strip_prefix("0x")
                .is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
            (is_id && frontends.iter().any(|one| one == frontend)).then_some(id)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_sessions_is_read_and_another_long_answer_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("admin.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let line = "0x55d01a: proto=tcpv4 src=127.0.0.1:40000 fe=other be=echo srv=echo\n";
        let long = line.repeat(2 * MAX_ANSWER / line.len());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 64]);
                // Whoever has heard enough hangs up.
                let _ = stream.write_all(long.as_bytes());
            }
        });
        let gateway = crate::names::Slug::parse("front").unwrap();
        let settings = crate::deployment::FileTarget::default();
        let own = OnServer::new(gateway.clone(), settings, super::super::haproxy::KIND);
        let hands = Hands::to_look(&gateway, Duration::from_secs(20), &|| false);
        let runtime = Runtime::new(&own, &socket, &hands);
        runtime.end_sessions(&["tls".to_owned()]).unwrap();
        assert!(runtime.knows("/a.pem").is_err());
    }

    #[test]
    fn sessions_of_other_frontends_and_of_the_socket_are_left() {
        let text = "0x55d01a: proto=tcpv4 src=127.0.0.1:40000 fe=tls be=echo srv=echo ts=00 age=4s\n\
            0x55d01b: proto=tcpv4 src=127.0.0.1:40001 fe=tlsx be=echo srv=echo ts=00 age=4s\n\
            0x55d01c; shutdown: proto=unix_stream src=unix:1 fe=tls be=<NONE>\n\
            0x55d01d: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none>\n\n";
        let ours = ["tls".to_owned()];
        assert_eq!(sessions_of(text, &ours), ["0x55d01a"]);
        assert_eq!(sessions_of("", &ours), [""; 0]);
    }
}
