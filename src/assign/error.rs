//! Why nothing was assigned.

use crate::explain::{Explain, Explanation, nearest, os_words, printable};
use crate::names::Slug;
use crate::servers::ConfigError;
use crate::store::StoreError;
use crate::wire::control::ControlError;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a listener showed before anything was touched, where it still shows that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsBefore {
    /// The leaf of something other than the gateway.
    Foreign,
    /// No certificate.
    Dark,
}

/// The tool could not do its work. A fault of the certificate is a finding, and refused before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssignError {
    /// `--gateway` names none of the certificate's.
    #[error("gateway {gateway} does not serve {certificate}")]
    NoSuchGateway {
        /// The certificate.
        certificate: Slug,
        /// The name given.
        gateway: Slug,
        /// The gateways that it has.
        known: Vec<Slug>,
    },
    /// The configuration of a gateway's server.
    #[error("the configuration of gateway {gateway} cannot be read")]
    ServerConfig {
        /// The gateway.
        gateway: Slug,
        /// Why.
        #[source]
        source: ConfigError,
    },
    /// A server's configuration was changed between the plan and the write.
    #[error("{} was changed meanwhile", path.display())]
    ConfigChanged {
        /// The gateway.
        gateway: Slug,
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be written as it should be.
    #[error("{} cannot be a destination: {why}", path.display())]
    Destination {
        /// The gateway.
        gateway: Slug,
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
        /// The way out.
        mend: String,
    },
    /// A user or group that this machine does not know.
    #[error("there is no owner {owner}")]
    UnknownOwner {
        /// The gateway.
        gateway: Slug,
        /// `user:group`.
        owner: String,
    },
    /// Nothing listens where the gateway should.
    #[error("gateway {gateway} does not run")]
    NotRunning {
        /// The gateway.
        gateway: Slug,
        /// Its kind.
        kind: &'static str,
        /// The addresses asked.
        listeners: Vec<String>,
    },
    /// A server's program failed, or its answer says that the server did not take the files.
    #[error("{command}: {why}")]
    Program {
        /// The gateway.
        gateway: Slug,
        /// Its words.
        command: String,
        /// What happened.
        why: String,
        /// Its last lines, cleaned.
        said: String,
    },
    /// A server would take no certificate as it is set up.
    #[error("gateway {gateway}: {what}")]
    ServerUnfit {
        /// The gateway.
        gateway: Slug,
        /// What.
        what: String,
        /// Where.
        place: String,
        /// Why.
        why: String,
        /// The way out.
        mend: String,
    },
    /// Nothing listens on the control socket.
    #[error("gateway {gateway} cannot be reached")]
    GatewayUnreachable {
        /// The gateway.
        gateway: Slug,
        /// Its socket.
        socket: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The process that holds the control socket takes the question and does not answer it.
    #[error("gateway {gateway} did not answer within {within:?}")]
    GatewaySilent {
        /// The gateway.
        gateway: Slug,
        /// Its socket.
        socket: PathBuf,
        /// How long we waited.
        within: Duration,
    },
    /// The exchange on the control socket broke.
    #[error("gateway {gateway} did not answer as it should")]
    ControlFailed {
        /// The gateway.
        gateway: Slug,
        /// Its socket.
        socket: PathBuf,
        /// Why.
        #[source]
        source: ControlError,
    },
    /// The gateway would not take it, and serves what it served.
    #[error("gateway {gateway} refused: {what}")]
    GatewayRefused {
        /// The gateway.
        gateway: Slug,
        /// Its code.
        code: String,
        /// What.
        what: String,
        /// Why.
        why: String,
        /// How to mend it.
        mend: String,
    },
    /// A listener did not come to show what it should.
    #[error("{listener} of gateway {gateway} does not serve the new leaf")]
    NotProved {
        /// The gateway.
        gateway: Slug,
        /// `127.0.0.1:5270 contoso.com`.
        listener: String,
        /// What it showed last.
        seen: String,
        /// Whether it showed that before anything was touched as well.
        as_before: Option<AsBefore>,
        /// How long it was asked, in milliseconds.
        within_ms: u128,
        /// The processes that listen there, in words.
        listens: Vec<String>,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The state.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known of a gateway that did not say how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayStanding {
    /// Nothing runs there.
    Down,
    /// Something holds the socket and does not answer as it should.
    Unwell,
    /// It may run: this user cannot ask it.
    Unseen,
}

impl Explain for AssignError {
    fn explain(&self) -> Explanation {
        let (code, what, place, why, mend) = match self {
            AssignError::NoSuchGateway { certificate, gateway, known } => {
                let words: Vec<&str> = known.iter().map(Slug::as_str).collect();
                let mend = match (nearest(gateway.as_str(), words.iter().copied()), words.is_empty()) {
                    (Some(near), _) => format!("did you mean {near}?"),
                    (None, false) => format!("name one of {}", words.join(", ")),
                    (None, true) => "add a [gateway.KIND.NAME] table to the deployment".to_owned(),
                };
                (
                    "assign.no-such-gateway",
                    format!("{gateway} is no gateway of {certificate}"),
                    format!("--gateway {gateway}"),
                    format!("{certificate} is served by {}", list(&words)),
                    mend,
                )
            }
            AssignError::ServerConfig { gateway, source } => {
                let told = source.explain();
                return Explanation {
                    place: format!("gateway \"{gateway}\", {}", told.place),
                    ..told
                };
            }
            AssignError::ConfigChanged { gateway, path } => (
                "assign.config-changed",
                "the server's configuration was changed while it was worked on".to_owned(),
                format!("gateway \"{gateway}\", {}", path.display()),
                "the file is no longer what the plan was made from".to_owned(),
                "run it again".to_owned(),
            ),
            AssignError::Destination { gateway, path, why, mend } => (
                "assign.destination",
                "a file cannot be written as it should be".to_owned(),
                format!("gateway \"{gateway}\", {}", path.display()),
                printable(why),
                mend.clone(),
            ),
            AssignError::UnknownOwner { gateway, owner } => (
                "assign.unknown-owner",
                format!("this machine knows no owner \"{owner}\""),
                format!("gateway \"{gateway}\", owner"),
                "/etc/passwd and /etc/group do not know the names, and they are not numbers".to_owned(),
                "set `owner` in the gateway's table to the user that the server runs as; numbers are taken as well (\"106:112\")"
                    .to_owned(),
            ),
            AssignError::NotRunning { gateway, kind, listeners } => (
                "assign.gateway-not-running",
                format!("gateway \"{gateway}\" does not run"),
                format!("[gateway.{kind}.{gateway}]"),
                format!("nothing listens on {}", listeners.join(", ")),
                "start it first; or name its right listeners under `prove`".to_owned(),
            ),
            AssignError::Program { gateway, command, why, said } => (
                "assign.program-failed",
                format!("`{}` failed", printable(command)),
                format!("gateway \"{gateway}\""),
                if said.is_empty() { why.clone() } else { format!("{why}:\n{said}") },
                "mend what it says and try again; the server's log has more".to_owned(),
            ),
            AssignError::ServerUnfit { gateway, what, place, why, mend } => (
                "assign.server-unfit",
                what.clone(),
                format!("gateway \"{gateway}\", {place}"),
                why.clone(),
                mend.clone(),
            ),
            AssignError::GatewayUnreachable { gateway, socket, source } => {
                return unreachable(gateway, socket, source);
            }
            AssignError::GatewaySilent { gateway, socket, within } => (
                "assign.gateway-silent",
                format!("gateway \"{gateway}\" does not answer"),
                socket.display().to_string(),
                format!(
                    "no answer within {} s; the process that holds the socket may hang or be stopped",
                    within.as_secs()
                ),
                "look at that process (`ss -xlp` names it), and start the gateway again".to_owned(),
            ),
            AssignError::ControlFailed { gateway, socket, source } => {
                let told = source.explain();
                (
                    "assign.control-failed",
                    format!("gateway \"{gateway}\" did not answer as it should"),
                    socket.display().to_string(),
                    told.why,
                    told.mend,
                )
            }
            AssignError::GatewayRefused { gateway, what, why, mend, .. } => (
                "assign.gateway-refused",
                format!("gateway \"{gateway}\" refused the certificate: {}", printable(what)),
                format!("gateway \"{gateway}\""),
                printable(why),
                printable(mend),
            ),
            AssignError::NotProved { gateway, listener, seen, as_before: Some(AsBefore::Foreign), .. } => (
                "assign.not-proved",
                "a listener is not this gateway's".to_owned(),
                format!("gateway \"{gateway}\", listener {listener}"),
                format!("it shows {}, and did so before the assign: something else serves the address", printable(seen)),
                format!("see which process it is (`ss -ltnp`) and stop it; or take the address out of the table of \"{gateway}\""),
            ),
            AssignError::NotProved { gateway, listener, seen, as_before: Some(AsBefore::Dark), .. } => (
                "assign.not-proved",
                "a listener was dark before, and no other proves the new leaf".to_owned(),
                format!("gateway \"{gateway}\", listener {listener}"),
                format!("it shows {}", printable(seen)),
                format!("start what should listen there, or take the address out of the table of \"{gateway}\""),
            ),
            AssignError::NotProved { gateway, listener, seen, as_before: None, within_ms, listens } => (
                "assign.not-proved",
                "a listener does not show what it should".to_owned(),
                format!("gateway \"{gateway}\", listener {listener}"),
                match listens.as_slice() {
                    [] => format!("after {within_ms} ms it still shows {}", printable(seen)),
                    [one] => format!("after {within_ms} ms it still shows {}; {one} listens there", printable(seen)),
                    more => format!(
                        "after {within_ms} ms it still shows {}; several processes listen there: {}",
                        printable(seen),
                        more.join("; ")
                    ),
                },
                "look whether another process listens there as well (`ss -ltnp`), or the listener is not this gateway's; then `edgecert assign` again"
                    .to_owned(),
            ),
            AssignError::Interrupted => (
                "assign.interrupted",
                "interrupted".to_owned(),
                String::new(),
                "a signal asked to stop".to_owned(),
                "run it again".to_owned(),
            ),
            AssignError::Store(error) => return error.explain(),
        };
        Explanation {
            code,
            what,
            place,
            why,
            mend,
        }
    }
}

impl AssignError {
    /// Whether it was stopped by a signal.
    pub fn is_interrupted(&self) -> bool {
        matches!(self, AssignError::Interrupted)
    }

    /// What it says of an embedded gateway that was asked how it is.
    pub fn standing(&self) -> GatewayStanding {
        match self {
            AssignError::GatewayUnreachable { source, .. }
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                GatewayStanding::Unseen
            }
            AssignError::GatewayUnreachable { .. } | AssignError::NotRunning { .. } => {
                GatewayStanding::Down
            }
            AssignError::GatewaySilent { .. }
            | AssignError::ControlFailed { .. }
            | AssignError::GatewayRefused { .. } => GatewayStanding::Unwell,
            AssignError::NoSuchGateway { .. }
            | AssignError::ServerConfig { .. }
            | AssignError::ConfigChanged { .. }
            | AssignError::Destination { .. }
            | AssignError::UnknownOwner { .. }
            | AssignError::Program { .. }
            | AssignError::ServerUnfit { .. }
            | AssignError::NotProved { .. }
            | AssignError::Interrupted
            | AssignError::Store(_) => GatewayStanding::Unseen,
        }
    }

    /// Whether a gateway is what must be mended: not there, not for this user, silent, or it would not have the
    /// certificate.
    pub fn is_of_a_gateway(&self) -> bool {
        match self {
            AssignError::GatewayUnreachable { .. }
            | AssignError::GatewaySilent { .. }
            | AssignError::ControlFailed { .. }
            | AssignError::GatewayRefused { .. }
            | AssignError::ServerConfig { .. }
            | AssignError::ConfigChanged { .. }
            | AssignError::Destination { .. }
            | AssignError::UnknownOwner { .. }
            | AssignError::NotRunning { .. }
            | AssignError::Program { .. }
            | AssignError::ServerUnfit { .. } => true,
            AssignError::NoSuchGateway { .. }
            | AssignError::NotProved { .. }
            | AssignError::Interrupted
            | AssignError::Store(_) => false,
        }
    }
}

/// Not running, or not for this user: two things with two mends.
fn unreachable(gateway: &Slug, socket: &Path, source: &std::io::Error) -> Explanation {
    let place = socket.display().to_string();
    if source.kind() == std::io::ErrorKind::PermissionDenied {
        let (what, owner) = match owner_of(socket) {
            Some((path, uid)) if path == socket => ("it", user(uid)),
            Some((_, uid)) => ("its folder", user(uid)),
            None => ("it", "another user".to_owned()),
        };
        return Explanation {
            code: "assign.gateway-unreachable",
            what: format!("no permission for the control socket of gateway \"{gateway}\""),
            place,
            why: format!("{what} belongs to {owner}"),
            mend: "run this command as that user, or as root".to_owned(),
        };
    }
    Explanation {
        code: "assign.gateway-unreachable",
        what: format!("gateway \"{gateway}\" is not running"),
        place,
        why: os_words(source),
        mend: format!(
            "start it (an embedded one with `edgecert gateway run {gateway}`), or name its right socket in its table"
        ),
    }
}

fn user(uid: u32) -> String {
    format!("user {}", crate::store::user_name(uid))
}

/// The owner of a path, or of the nearest folder above it that can be looked at.
fn owner_of(path: &Path) -> Option<(&Path, u32)> {
    path.ancestors().find_map(|path| {
        let there = path.symlink_metadata().ok()?;
        Some((path, there.uid()))
    })
}

fn list(words: &[&str]) -> String {
    if words.is_empty() {
        "no gateway".to_owned()
    } else {
        words.join(", ")
    }
}
