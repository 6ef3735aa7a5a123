//! Why a question had no answer.

use crate::explain::{Explain, Explanation, printable};
use std::time::Duration;

/// A question without an answer; that there are no such records is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnsError {
    /// The time limit.
    #[error("the resolver {resolver} gives no answer for {asked}")]
    Timeout {
        /// The name.
        asked: String,
        /// Who was asked.
        resolver: String,
        /// How long.
        limit: Duration,
    },
    /// The time that all questions of a domain may take together.
    #[error("the answers about {asked} come too slowly")]
    TooSlow {
        /// The name that was to be looked up.
        asked: String,
        /// Who was asked.
        resolver: String,
        /// How long.
        limit: Duration,
    },
    /// There is no resolver, or it cannot be reached.
    #[error("there is no resolver to ask")]
    NoResolver {
        /// Who would have been asked; empty: nobody is set.
        resolver: String,
        /// What the system says.
        why: String,
    },
    /// The resolver refuses this question (REFUSED).
    #[error("the resolver {resolver} refuses to look up {asked}")]
    Refused {
        /// The name.
        asked: String,
        /// Who was asked.
        resolver: String,
    },
    /// The resolver failed (SERVFAIL and kin): a broken delegation, servers that are down, signatures that do not hold.
    #[error("the resolver {resolver} fails to look up {asked}")]
    ServFail {
        /// The name.
        asked: String,
        /// Who was asked.
        resolver: String,
        /// Its words for the code.
        code: String,
    },
    /// The signatures do not hold, and no answer can be had without them.
    #[error("the signatures of {asked} do not hold")]
    Bogus {
        /// The name.
        asked: String,
        /// Who was asked.
        resolver: String,
    },
    /// The name cannot be asked for, or the answer makes no sense.
    #[error("the look-up of {asked} makes no sense")]
    Malformed {
        /// The name.
        asked: String,
        /// Why.
        why: String,
    },
    /// Aliases that lead to each other, or on and on.
    #[error("the aliases of {asked} lead nowhere")]
    TooMany {
        /// The name.
        asked: String,
        /// The aliases that were followed, in their order.
        aliases: Vec<String>,
    },
    /// The file of trust anchors cannot be opened or read.
    #[error("the trust anchors cannot be read")]
    AnchorsUnread {
        /// The file.
        path: String,
        /// Why.
        why: String,
        /// The way out.
        mend: String,
    },
    /// The file of trust anchors holds something else.
    #[error("the trust anchors cannot be understood")]
    Anchors {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
}

impl DnsError {
    /// Whether the next question would have no answer either: each would cost its time.
    pub(crate) fn is_for_all(&self) -> bool {
        matches!(
            self,
            DnsError::Timeout { .. } | DnsError::TooSlow { .. } | DnsError::NoResolver { .. }
        )
    }
}

impl Explain for DnsError {
    fn explain(&self) -> Explanation {
        let (code, place, why, mend) = match self {
            DnsError::Timeout {
                asked,
                resolver,
                limit,
            } => (
                "dns.timeout",
                asked.clone(),
                format!("nothing came from {resolver} within {limit:?}"),
                "see that the resolver runs and can be reached, or name another: --resolver ADDRESS:53".to_owned(),
            ),
            DnsError::TooSlow {
                asked,
                resolver,
                limit,
            } => (
                "dns.too-slow",
                asked.clone(),
                format!("the questions of one domain may take {limit:?} together, and {resolver} took longer"),
                "see what is slow (`dig` tells the time of each answer), or allow for it: `--timeout` is for one question"
                    .to_owned(),
            ),
            DnsError::NoResolver { resolver, why } => (
                "dns.no-resolver",
                resolver.clone(),
                why.clone(),
                "see that the resolver runs (/etc/resolv.conf names it), or name another: --resolver ADDRESS:53"
                    .to_owned(),
            ),
            DnsError::Refused { asked, resolver } => (
                "dns.refused",
                asked.clone(),
                format!("{resolver} answered REFUSED: it serves other zones or other clients"),
                "name a resolver that looks up for you: --resolver ADDRESS:53".to_owned(),
            ),
            DnsError::ServFail {
                asked,
                resolver,
                code,
            } => (
                "dns.servfail",
                asked.clone(),
                format!("{resolver} answered \"{code}\""),
                format!(
                    "see whether the zone's own servers answer (`dig +trace {asked}`), and whether its signatures hold \
                     (`dig +cd {asked}`)"
                ),
            ),
            DnsError::Bogus { asked, resolver } => (
                "dns.bogus",
                asked.clone(),
                format!("what {resolver} answers is not signed as the zone above it promises"),
                "sign the zone again, or take its DS record out of the zone above".to_owned(),
            ),
            DnsError::Malformed { asked, why } => (
                "dns.malformed",
                asked.clone(),
                why.clone(),
                "check the spelling, and that a DNS server answers there".to_owned(),
            ),
            DnsError::TooMany { asked, aliases } => (
                "dns.too-many",
                asked.clone(),
                format!("the CNAME records lead {}", aliases.join(" → ")),
                "let one of them end at an A or AAAA record".to_owned(),
            ),
            DnsError::AnchorsUnread { path, why, mend } => (
                "dns.anchors",
                path.clone(),
                why.clone(),
                mend.clone(),
            ),
            DnsError::Anchors { path, why } => (
                "dns.anchors",
                path.clone(),
                why.clone(),
                "write one DNSKEY record a line, as a zone file has them: `. 3600 IN DNSKEY 257 3 13 …`".to_owned(),
            ),
        };
        Explanation {
            code,
            what: printable(&self.to_string()),
            place: printable(&place),
            why: printable(&why),
            mend: printable(&mend),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_says_what_where_why_and_how_to_mend() {
        let asked = || "contoso.com\u{1b}".to_owned();
        let resolver = || "127.0.0.1:53".to_owned();
        let why = || "because".to_owned();
        for error in [
            DnsError::Timeout {
                asked: asked(),
                resolver: resolver(),
                limit: Duration::from_secs(1),
            },
            DnsError::TooSlow {
                asked: asked(),
                resolver: resolver(),
                limit: Duration::from_secs(3),
            },
            DnsError::NoResolver {
                resolver: resolver(),
                why: why(),
            },
            DnsError::Refused {
                asked: asked(),
                resolver: resolver(),
            },
            DnsError::ServFail {
                asked: asked(),
                resolver: resolver(),
                code: why(),
            },
            DnsError::Bogus {
                asked: asked(),
                resolver: resolver(),
            },
            DnsError::Malformed {
                asked: asked(),
                why: why(),
            },
            DnsError::TooMany {
                asked: asked(),
                aliases: vec!["a".to_owned(), "b".to_owned()],
            },
            DnsError::Anchors {
                path: "anchors".to_owned(),
                why: why(),
            },
        ] {
            let told = error.explain();
            assert!(told.code.starts_with("dns."), "{told:?}");
            let texts = [&told.what, &told.place, &told.why, &told.mend];
            assert!(texts.iter().all(|text| !text.is_empty()), "{told:?}");
            assert!(
                texts.iter().all(|text| !text.contains('\u{1b}')),
                "{told:?}"
            );
        }
    }
}
