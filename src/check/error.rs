//! Why a target cannot be understood.

use crate::explain::{Explain, Explanation, nearest, printable};
use crate::names::{NameError, Protocol, Slug};

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
    /// A generation by its number.
    #[error("{target} is one generation, and no target")]
    OneGeneration {
        /// As written.
        target: String,
        /// The certificate that it is of.
        certificate: Slug,
    },
    /// A host or address without a port, or with an impossible one.
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
    },
    /// Something after a target that is neither `protocol=` nor `name=`.
    #[error("{word} is no option of a target")]
    UnknownOption {
        /// As written.
        word: String,
    },
    /// `name=` with something that is no domain.
    #[error("{source}")]
    BadName {
        /// Why.
        source: NameError,
    },
    /// An option that stands twice after one target.
    #[error("{option} stands there twice")]
    Twice {
        /// `protocol=` or `name=`.
        option: &'static str,
    },
    /// An option of a listener after something else.
    #[error("{option} says nothing of {target}")]
    OptionElsewhere {
        /// `protocol=` or `name=`.
        option: &'static str,
        /// As written.
        target: String,
        /// What it is: `a file`, `a domain`.
        kind: &'static str,
    },
    /// An option where a target should stand.
    #[error("{word} is no target")]
    LooseOption {
        /// As written.
        word: String,
    },
    /// A URL.
    #[error("{target} is a URL")]
    Url {
        /// As written.
        target: String,
        /// The command that asks what was meant.
        instead: String,
    },
    /// An address of the family that `-4` or `-6` leaves out.
    #[error("{flag} leaves {target} out")]
    OtherFamily {
        /// As written.
        target: String,
        /// `-4` or `-6`.
        flag: &'static str,
    },
    /// Several targets that make no sense; the first of them, and how many more there are.
    #[error("{} targets make no sense", wrong.len() + more)]
    Several {
        /// Those of the command line, then in the order of their lines.
        wrong: Vec<WrongTarget>,
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

/// A target that makes no sense, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongTarget {
    /// Line of a list, from 1; `None`: on the command line.
    pub line: Option<usize>,
    /// Why.
    pub error: CheckError,
}

impl CheckError {
    /// Most targets that are told when they make no sense.
    pub const MAX_TOLD: usize = 20;

    /// All of them as one error, in their order; `more` were not kept. `None` where there is none.
    pub fn of_all(mut wrong: Vec<WrongTarget>, more: usize) -> Option<WrongTarget> {
        wrong.sort_by_key(|one| one.line);
        match (wrong.len(), more) {
            (0, _) => None,
            (1, 0) => wrong.pop(),
            (count, _) => {
                wrong.truncate(Self::MAX_TOLD);
                let more = more + count - wrong.len();
                Some(WrongTarget {
                    line: None,
                    error: CheckError::Several { wrong, more },
                })
            }
        }
    }
}

impl Explain for CheckError {
    fn explain(&self) -> Explanation {
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
            CheckError::OneGeneration {
                target,
                certificate,
            } => (
                "check.one-generation",
                printable(target),
                "a certificate is checked with the generation that is current, and what serves it".to_owned(),
                format!(
                    "`edgecert check {certificate}`, or `edgecert verify {}`",
                    printable(target)
                ),
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
            CheckError::UnknownProtocol { word } => {
                let words = Protocol::ALL.map(Protocol::word);
                (
                    "check.unknown-protocol",
                    String::new(),
                    format!("the protocols are {}", words.join(", ")),
                    match nearest(word, words) {
                        Some(near) => format!("did you mean {near}?"),
                        None => "take one of these".to_owned(),
                    },
                )
            }
            CheckError::UnknownOption { word } => (
                "check.unknown-option",
                String::new(),
                format!("after a target stand protocol=… and name=…, not {}", printable(word)),
                "write it as `HOST:PORT protocol=xmpp-server name=contoso.com`".to_owned(),
            ),
            CheckError::BadName { source } => return source.explain(),
            CheckError::Twice { option } => (
                "check.twice",
                String::new(),
                format!("a listener is asked in one way; for another one write a second line with its own {option}"),
                "leave one of them out".to_owned(),
            ),
            CheckError::OptionElsewhere { option, target, kind } => (
                "check.option-elsewhere",
                printable(target),
                format!("it is {kind}, and {option} says how a listener is asked"),
                format!("leave {option} out, or name the listener as HOST:PORT"),
            ),
            CheckError::LooseOption { word } => (
                "check.loose-option",
                printable(word),
                "it is an option, and stands after a target in a list".to_owned(),
                "in a list write it on the target's line; on the command line say --protocol, --servername or \
                 --xmpphost"
                    .to_owned(),
            ),
            CheckError::Url { target, instead } => (
                "check.url",
                printable(target),
                "a target is a file, a folder, HOST:PORT, xmpp:DOMAIN or sip:DOMAIN".to_owned(),
                format!("write {}", printable(instead)),
            ),
            CheckError::OtherFamily { target, flag } => (
                "check.other-family",
                printable(target),
                format!("{flag} chooses among the addresses of a name, and this is an address of the other kind"),
                format!("leave {flag} out, or name the host"),
            ),
            CheckError::Several { wrong, more } => {
                let told: Vec<String> = wrong
                    .iter()
                    .map(|WrongTarget { line, error }| {
                        let told = error.explain();
                        let said = format!("{} ({}: {})", told.what, told.why, told.mend);
                        match line {
                            Some(line) => format!("line {line}: {said}"),
                            None => said,
                        }
                    })
                    .collect();
                let mut why = told.join("; ");
                if *more > 0 {
                    why.push_str(&format!("; and {more} more"));
                }
                (
                    "check.targets",
                    String::new(),
                    why,
                    "mend these; in a list a line is TARGET [protocol=…] [name=…], and # begins a comment".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_once_in_the_order_of_its_lines() {
        let wrong = |line: Option<usize>| WrongTarget {
            line,
            error: CheckError::UnknownOption {
                word: format!("port={}", line.unwrap_or(0)),
            },
        };
        assert_eq!(CheckError::of_all(Vec::new(), 0), None);
        let one = CheckError::of_all(vec![wrong(Some(7))], 0);
        assert_eq!(one, Some(wrong(Some(7))));
        let three = vec![wrong(Some(9)), wrong(None), wrong(Some(2))];
        let told = CheckError::of_all(three, 0).unwrap().error.explain();
        assert_eq!(told.what, "3 targets make no sense");
        let at = |words: &str| told.why.find(words).unwrap();
        assert!(at("port=0") < at("line 2: port=2") && at("port=2") < at("line 9: port=9"));
        let many = (1..=30).map(|line| wrong(Some(line))).collect();
        let told = CheckError::of_all(many, 5).unwrap().error.explain();
        assert_eq!(told.what, "35 targets make no sense");
        assert!(told.why.ends_with("; and 15 more"), "{}", told.why);
        assert!(!told.why.contains("line 21"), "{}", told.why);
    }
}
