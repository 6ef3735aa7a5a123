//! Names of `--name`: those that a deployment could plan, and host names that it could not.
//!
//! Any certificate in the world can be judged, so a host of one label (`localhost`) and a label that is no valid
//! A-label can be asked for here, though no service of ours has such a name. They are compared letter by letter.

use super::shown::Covered;
use crate::cli::expectation;
use crate::cli::not_taken::NotTaken;
use crate::findings::{Code, Finding};
use crate::names::{Identifier, Presented};
use crate::verify::rules::names::PLACE;
use crate::x509::Certificate;

/// A name that must hold.
#[derive(Debug, Clone)]
pub(super) enum AskedName {
    /// One of our own kinds.
    Known(Identifier),
    /// A host name that is no full domain name, as it was typed.
    Host(String),
}

impl AskedName {
    pub(super) fn identifier(&self) -> Option<Identifier> {
        match self {
            AskedName::Known(identifier) => Some(identifier.clone()),
            AskedName::Host(_) => None,
        }
    }
}

/// Reads `--name TYPE:VALUE`.
pub(super) fn asked_name(text: &str) -> Result<AskedName, NotTaken> {
    expectation::typed_name(text)
        .map(AskedName::Known)
        .or_else(|why| match text.strip_prefix("dns:") {
            Some(host) if is_host(host) => Ok(AskedName::Host(host.to_owned())),
            Some(_) | None => Err(why),
        })
}

/// One label, or labels of which one begins as an A-label does: what else is refused is a mistake.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let odd = !text.contains('.')
        || text.split('.').any(|one| {
            one.get(..4)
                .is_some_and(|start| start.eq_ignore_ascii_case("xn--"))
                || one.contains('_')
        });
    text.len() <= 253 && odd && text.split('.').all(label)
}

/// The dNSName entries that stand for a host: itself, or a wildcard for its first label (RFC 9525 §6.3).
fn standing_for(leaf: &Certificate, host: &str) -> Vec<String> {
    let names = leaf.facts().names.iter().flatten();
    names
        .filter(|one| {
            one.dns_name().is_some_and(|held| {
                let wild = held.strip_prefix("*.").zip(host.split_once('.'));
                held.eq_ignore_ascii_case(host)
                    || wild.is_some_and(|(parent, (_, rest))| {
                        rest.contains('.') && parent.eq_ignore_ascii_case(rest)
                    })
            })
        })
        .map(Presented::to_typed)
        .collect()
}

fn hosts(names: &[AskedName]) -> impl Iterator<Item = &String> {
    names.iter().filter_map(|name| match name {
        AskedName::Known(_) => None,
        AskedName::Host(host) => Some(host),
    })
}

/// What is missing of the hosts asked for.
pub(super) fn missing(leaf: &Certificate, names: &[AskedName]) -> Vec<Finding> {
    hosts(names)
        .filter(|host| standing_for(leaf, host).is_empty())
        .map(|host| {
            Finding::new(
                Code::NamesMissing,
                PLACE,
                format!("{host} is not covered for hosts"),
                format!("wanted for --name dns:{host}; no dNSName entry is it, letter by letter"),
                "use a certificate that holds the name",
            )
        })
        .collect()
}

/// The rows of the table of names.
pub(super) fn coverage(leaf: &Certificate, names: &[AskedName]) -> Vec<Covered> {
    hosts(names)
        .map(|host| Covered {
            name: host.clone(),
            service: "host",
            because: format!("--name dns:{host}"),
            by: standing_for(leaf, host),
            leniently: false,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_no_service_of_ours_has_can_be_asked_for() {
        for (text, known) in [
            ("dns:edge.contoso.com", Some(true)),
            ("dns:localhost", Some(false)),
            ("dns:com", Some(false)),
            ("dns:xn--test--wg5h0h.com", Some(false)),
            ("dns:under_score.example.com", Some(false)),
            ("dns:a..example.com", None),
            ("dns:-a.example.com", None),
            ("dns:", None),
            ("host:localhost", None),
        ] {
            let found = asked_name(text).ok();
            let known_now = found.map(|name| name.identifier().is_some());
            assert_eq!(known_now, known, "{text}");
        }
    }
}
