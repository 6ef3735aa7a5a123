//! Why a target cannot be understood.

use crate::explain::{Explain, Explanation, nearest, printable};
use crate::names::{NameError, Protocol};

/// A target that makes no sense: wrong usage, nothing was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// `xmpp:` or `sip:` with something that is no domain.
    #[error("{source}")]
    BadDomain {
        /// As written.
        target: String,
        /// Why.
        source: NameError,
    },
    /// Neither a path nor `HOST:PORT`.
    #[error("{target} is no target")]
    NotATarget {
        /// As written.
        target: String,
        /// The known certificate whose name is nearest.
        near: Option<String>,
    },
    /// A host or address without a port, or with one that is none.
    #[error("{target} names no port")]
    NoPort {
        /// As written.
        target: String,
        /// The host, as it stands before a colon.
        host: String,
        /// What was written for the port; empty where nothing was.
        port: String,
    },
    /// A word that is no protocol.
    #[error("{word} is no protocol")]
    UnknownProtocol {
        /// As written.
        word: String,
        /// Line of the list, from 1; none on the command line.
        line: Option<usize>,
    },
    /// Something behind a target that is neither `protocol=` nor `name=`.
    #[error("{word} is no option of a target")]
    UnknownOption {
        /// As written.
        word: String,
        /// Line of the list, from 1.
        line: usize,
    },
    /// `name=` with something that is no domain.
    #[error("{source}")]
    BadName {
        /// Line of the list, from 1.
        line: usize,
        /// Why.
        source: NameError,
    },
    /// Several lines of a list that make no sense; the first of them, and how many more there are.
    #[error("{} lines of the list make no sense", errors.len() + more)]
    Lines {
        /// In the order of their lines.
        errors: Vec<CheckError>,
        /// How many more there are.
        more: usize,
    },
    /// More targets than are taken in one run.
    #[error("the list holds more than {limit} targets")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// `25%` and `30d` that contradict each other.
    #[error("the warning comes after the critical threshold")]
    ThresholdsCrossed {
        /// `-w`.
        warning: String,
        /// `-c`.
        critical: String,
    },
}

impl Explain for CheckError {
    fn explain(&self) -> Explanation {
        let at = |line: usize| format!("line {line} of the targets");
        let (code, place, why, mend) = match self {
            CheckError::BadDomain { target, source } => {
                return Explanation {
                    place: printable(target),
                    ..source.explain()
                };
            }
            CheckError::NotATarget { target, near } => (
                "check.not-a-target",
                printable(target),
                "no file or folder of that name is there, and it is not HOST:PORT either".to_owned(),
                match near {
                    Some(near) => format!("did you mean the certificate {near}?"),
                    None => "name a file, a folder, HOST:PORT, or a certificate of the deployment; `edgecert check` \
                             alone checks all that is deployed"
                        .to_owned(),
                },
            ),
            CheckError::NoPort { target, host, port } => (
                "check.no-port",
                printable(target),
                match port.as_str() {
                    "" => "no file of that name is here, and a host is asked on a port from 1 to 65535".to_owned(),
                    port => format!("{} is no port: ports are numbers from 1 to 65535", printable(port)),
                },
                format!(
                    "write `edgecert check {0}:5269` for XMPP between servers, `{0}:5061` for SIP, `{0}:443` for TLS \
                     alone",
                    printable(host)
                ),
            ),
            CheckError::UnknownProtocol { word, line } => {
                let words = Protocol::ALL.map(Protocol::word);
                (
                    "check.unknown-protocol",
                    line.map(at).unwrap_or_default(),
                    format!("the protocols are {}", words.join(", ")),
                    match nearest(word, words) {
                        Some(near) => format!("did you mean {near}?"),
                        None => "take one of these".to_owned(),
                    },
                )
            }
            CheckError::UnknownOption { word, line } => (
                "check.unknown-option",
                at(*line),
                format!("behind a target stand protocol=… and name=…, not {}", printable(word)),
                "write it as `HOST:PORT protocol=xmpp-server name=contoso.com`".to_owned(),
            ),
            CheckError::BadName { line, source } => {
                let told = source.explain();
                return Explanation {
                    place: at(*line),
                    ..told
                };
            }
            CheckError::Lines { errors, more } => {
                let told: Vec<String> = errors
                    .iter()
                    .map(|error| {
                        let told = error.explain();
                        match told.place.is_empty() {
                            true => format!("{} ({})", told.what, told.why),
                            false => format!("{}: {} ({})", told.place, told.what, told.why),
                        }
                    })
                    .collect();
                let mut why = told.join("; ");
                if *more > 0 {
                    why.push_str(&format!("; and {more} more"));
                }
                (
                    "check.lines",
                    String::new(),
                    why,
                    "mend these lines: TARGET [protocol=…] [name=…], # begins a comment".to_owned(),
                )
            }
            CheckError::TooMany { limit } => (
                "check.too-many",
                String::new(),
                format!("at most {limit} are taken in one run"),
                "split the list".to_owned(),
            ),
            CheckError::ThresholdsCrossed { warning, critical } => (
                "check.thresholds-crossed",
                String::new(),
                format!("warning is {warning}, critical is {critical}: critical would come first"),
                "let -w be larger than -c, as in -w 30d -c 10d".to_owned(),
            ),
        };
        Explanation {
            code,
            what: printable(&self.to_string()),
            place,
            why,
            mend,
        }
    }
}
