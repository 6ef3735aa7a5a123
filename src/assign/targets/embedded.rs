//! The embedded gateway: prepare and commit on its control socket.

use super::{EndSessions, Job, Keeper, Stop, Target};
use crate::assign::error::AssignError;
use crate::deployment::Embedded;
use crate::findings::Finding;
use crate::names::Slug;
use crate::wire::control::{self, Answer, Pair, Request, SecretPem, Status};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// For one exchange on the control socket; a commit writes and syncs a file.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// For taking back what was prepared: best effort, and nobody should wait for it.
const ABORT_LIMIT: Duration = Duration::from_secs(1);

/// How often, while waiting, we ask whether to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// The socket, waited for in small steps: until the deadline, or until somebody says stop.
struct Talk<'a> {
    stream: UnixStream,
    deadline: Instant,
    stop: Stop<'a>,
    ended: Option<Ended>,
}

/// Why a talk was broken off.
#[derive(Debug, Clone, Copy)]
enum Ended {
    TooLate,
    Stopped,
}

impl Talk<'_> {
    /// Does it again while the socket only says "not yet".
    fn wait(
        &mut self,
        mut step: impl FnMut(&mut UnixStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            match step(&mut self.stream) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if (self.stop)() {
                        self.ended = Some(Ended::Stopped);
                    } else if Instant::now() >= self.deadline {
                        self.ended = Some(Ended::TooLate);
                    } else {
                        continue;
                    }
                    return Err(error);
                }
                other => return other,
            }
        }
    }
}

impl Read for Talk<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait(|stream| stream.read(buffer))
    }
}

impl Write for Talk<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(|stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A gateway reached through its control socket.
#[derive(Debug)]
pub struct EmbeddedTarget {
    gateway: Slug,
    settings: Embedded,
}

impl EmbeddedTarget {
    /// For a gateway of the deployment.
    pub fn new(gateway: Slug, settings: Embedded) -> Self {
        Self { gateway, settings }
    }

    /// What the gateway says of itself.
    pub fn status(&self) -> Result<Status, AssignError> {
        self.status_unless(&|| false)
    }

    fn ask(
        &self,
        request: &Request,
        within: Duration,
        stop: Stop<'_>,
    ) -> Result<Answer, AssignError> {
        let unreachable = |source: std::io::Error| AssignError::GatewayUnreachable {
            gateway: self.gateway.clone(),
            socket: self.settings.socket.clone(),
            source,
        };
        let stream = UnixStream::connect(&self.settings.socket).map_err(unreachable)?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .map_err(unreachable)?;
        stream
            .set_write_timeout(Some(PATIENCE))
            .map_err(unreachable)?;
        let mut talk = Talk {
            stream,
            deadline: Instant::now() + within,
            stop,
            ended: None,
        };
        let answer = control::ask(&mut talk, request);
        match (answer, talk.ended) {
            (Ok(answer), _) => Ok(answer),
            (Err(_), Some(Ended::Stopped)) => Err(AssignError::Interrupted),
            (Err(_), Some(Ended::TooLate)) => Err(AssignError::GatewaySilent {
                gateway: self.gateway.clone(),
                socket: self.settings.socket.clone(),
                within,
            }),
            (Err(source), None) => Err(AssignError::ControlFailed {
                gateway: self.gateway.clone(),
                socket: self.settings.socket.clone(),
                source,
            }),
        }
    }

    fn status_unless(&self, stop: Stop<'_>) -> Result<Status, AssignError> {
        match self.ask(&Request::Status, TIME_LIMIT, stop)? {
            Answer::Status(status) if status.gateway == self.gateway.as_str() => Ok(status),
            Answer::Status(status) => {
                Err(self.unexpected(format!("gateway \"{}\"", status.gateway)))
            }
            Answer::Done => Err(self.unexpected("an answer without a status")),
            refused @ Answer::Refused { .. } => Err(self.refused(refused)),
        }
    }

    fn done(&self, request: &Request, stop: Stop<'_>) -> Result<(), AssignError> {
        match self.ask(request, TIME_LIMIT, stop)? {
            Answer::Done => Ok(()),
            Answer::Status(_) => Err(self.unexpected("a status that was not asked for")),
            refused @ Answer::Refused { .. } => Err(self.refused(refused)),
        }
    }

    fn refused(&self, answer: Answer) -> AssignError {
        match answer {
            Answer::Refused {
                code,
                what,
                why,
                mend,
            } => AssignError::GatewayRefused {
                gateway: self.gateway.clone(),
                code,
                what,
                why,
                mend,
            },
            Answer::Done | Answer::Status(_) => self.unexpected("an answer other than a refusal"),
        }
    }

    fn unexpected(&self, what: impl Into<String>) -> AssignError {
        AssignError::ControlFailed {
            gateway: self.gateway.clone(),
            socket: self.settings.socket.clone(),
            source: control::ControlError::Malformed(what.into()),
        }
    }
}

impl Target for EmbeddedTarget {
    fn actions(&self) -> Vec<String> {
        let socket = self.settings.socket.file_name().unwrap_or_default();
        vec![format!("prepare and commit on {}", socket.display())]
    }

    fn pre_check(&self, stop: Stop<'_>) -> Result<Vec<Finding>, AssignError> {
        self.status_unless(stop).map(|_| Vec::new())
    }

    fn prepare(&self, job: &Job<'_>) -> Result<(), AssignError> {
        let pair = job.material.map(|material| Pair {
            fullchain_pem: material.fullchain_pem.clone(),
            key_pem: SecretPem(material.key_pem.0.clone()),
            generation: material.generation,
            accepted: material.accepted.clone(),
        });
        let request = Request::Prepare {
            transaction: job.transaction.to_owned(),
            pairs: BTreeMap::from([(job.certificate.to_string(), pair)]),
        };
        self.done(&request, job.stop)
    }

    fn commit(&self, job: &Job<'_>, _keeper: &mut dyn Keeper) -> Result<(), AssignError> {
        let request = Request::Commit {
            transaction: job.transaction.to_owned(),
        };
        self.done(&request, job.stop)
    }

    fn restore(&self, job: &Job<'_>, keeper: &mut dyn Keeper) -> Result<(), AssignError> {
        self.prepare(job)?;
        self.commit(job, keeper)
    }

    fn end_sessions(&self) -> Vec<EndSessions> {
        // Its control socket knows no such request; a drained stop would keep them as well.
        vec![EndSessions::by_hand(
            "every connection of the gateway",
            format!(
                "restart `edgecert gateway run {}`: it has no command that ends connections alone",
                self.gateway
            ),
        )]
    }

    fn abort(&self, transaction: &str) {
        // What was prepared is forgotten by the gateway itself when this cannot be said.
        let request = Request::Abort {
            transaction: transaction.to_owned(),
        };
        let _ = self.ask(&request, ABORT_LIMIT, &|| false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Explain;
    use std::os::unix::net::UnixListener;

    fn target(socket: &std::path::Path) -> EmbeddedTarget {
        EmbeddedTarget::new(
            Slug::parse("front").unwrap(),
            Embedded {
                socket: socket.to_owned(),
                directory: socket.parent().unwrap().to_owned(),
                listeners: Vec::new(),
                others: None,
                roots: Vec::new(),
                connection_limit: 1,
            },
        )
    }

    #[test]
    fn socket_that_is_held_and_not_answered_is_silent_or_left_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("front.sock");
        let _held = UnixListener::bind(&path).unwrap();
        let target = target(&path);
        let short = Duration::from_millis(120);
        let silent = target.ask(&Request::Status, short, &|| false).unwrap_err();
        assert!(
            matches!(silent, AssignError::GatewaySilent { within, .. } if within == short),
            "{silent:?}"
        );
        let told = AssignError::GatewaySilent {
            gateway: Slug::parse("front").unwrap(),
            socket: path,
            within: TIME_LIMIT,
        };
        assert!(
            told.explain()
                .why
                .starts_with("no answer within 15 s; the process that holds the socket may hang"),
        );
        let start = Instant::now();
        let stopped = target.pre_check(&|| true).unwrap_err();
        assert!(stopped.is_interrupted(), "{stopped:?}");
        assert!(start.elapsed() < TIME_LIMIT);
    }

    #[test]
    fn missing_rights_are_not_called_not_running() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("front.sock");
        let unreachable = |kind: ErrorKind| {
            AssignError::GatewayUnreachable {
                gateway: Slug::parse("front").unwrap(),
                socket: socket.clone(),
                source: io::Error::from(kind),
            }
            .explain()
        };
        let told = unreachable(ErrorKind::NotFound);
        assert_eq!(told.what, "gateway \"front\" is not running");
        let told = unreachable(ErrorKind::PermissionDenied);
        assert!(
            told.what
                .starts_with("no permission for the control socket")
        );
        assert!(
            told.why.starts_with("its folder belongs to user "),
            "{told:?}"
        );
        let _held = UnixListener::bind(&socket).unwrap();
        let told = unreachable(ErrorKind::PermissionDenied);
        assert!(told.why.starts_with("it belongs to user "), "{told:?}");
    }
}
