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
const MAX_ANSWER: u64 = 256 * 1024;

/// How often, while it is waited, it is asked whether to stop.
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
        let said = self.ask("show sess", "")?;
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
        self.hands.refused(&Said {
            status: Some(0),
            ..said.clone()
        })
    }

    /// One command and its answer; a payload ends with an empty line, so it has none inside.
    fn ask(&self, command: &str, payload: &str) -> Result<Said, AssignError> {
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
            .map_err(|error| failed(error.to_string()))?;
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
                Err(error) => return Err(failed(error.to_string())),
            }
            if answer.len() as u64 > MAX_ANSWER {
                return Err(failed(format!("it answered more than {MAX_ANSWER} bytes")));
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
