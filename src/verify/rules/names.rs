//! Names: is every wanted one covered as its service reads certificates, and is what stands there well formed.

use super::{Case, Ruling};
use crate::explain::printable;
use crate::findings::{Code, Finding, Severity};
use crate::names::matching::{Coverage, Service, covers, wildcard_covers};
use crate::names::{Domain, Identifier, Presented};
use crate::verify::{Profile, Purpose, Wanted, words};
use std::collections::BTreeSet;

/// Where names stand.
pub(crate) const PLACE: &str = "leaf, subjectAltName";

pub(crate) fn judge(case: &Case<'_>) -> Ruling {
    let mut findings = Vec::new();
    let presented = match case.leaf.facts().names.as_deref() {
        None | Some([]) => {
            // A version without extensions is told by its own finding.
            if case.leaf.facts().version == 3 {
                findings.push(no_san(case));
            }
            &[][..]
        }
        Some(names) => names,
    };
    let wanted = &case.expectation.wanted;
    // Without any name, that one fault explains all that is missing.
    if !presented.is_empty() {
        // What cannot be read is a nearer cause than that a name is missing.
        findings.extend(malformed(presented));
        match srv_target_only(wanted, presented) {
            Some(finding) => findings.push(finding),
            None => findings.extend(missing(wanted, presented)),
        }
        findings.extend(sip_uri_incomplete(wanted, presented));
        findings.extend(uppercase(presented));
        // The Baseline Requirements are about servers.
        if case.expectation.profile == Profile::WebPki
            && case.expectation.purpose == Purpose::Server
        {
            findings.extend(common_name(case, presented));
        }
    }
    if wanted.is_empty() {
        return Ruling::NotApplicable {
            why: "no names were asked for, so their coverage is not judged".to_owned(),
            findings,
        };
    }
    findings.extend(surplus(wanted, presented));
    Ruling::Findings(findings)
}

fn no_san(case: &Case<'_>) -> Finding {
    let facts = case.leaf.facts();
    let why = match (&facts.names, facts.subject.common_names.first()) {
        (Some(_), _) => "the subjectAltName extension is empty".to_owned(),
        (None, Some(name)) => format!(
            "there is only the common name \"{}\", which RFC 9525 no longer reads",
            printable(name)
        ),
        (None, None) => "there is no subjectAltName extension, and no common name".to_owned(),
    };
    Finding::new(
        Code::NamesNoSan,
        PLACE,
        "the certificate holds no subjectAltName",
        why,
        "request it again with its names as subjectAltName: `edgecert request`",
    )
}

/// Whether a name is there as it is wanted: in whatever form its service accepts, or as this very entry.
pub fn is_held(wanted: &Wanted, presented: &[Presented]) -> bool {
    match wanted {
        Wanted::Covered {
            service, domain, ..
        } => covers(*service, domain, presented) != Coverage::Missing,
        Wanted::Entry(identifier) => holds(identifier, presented),
    }
}

fn missing(wanted: &[Wanted], presented: &[Presented]) -> Vec<Finding> {
    let held: Vec<String> = presented.iter().map(Presented::to_typed).collect();
    let held = format!("it holds {}", words::list(&held));
    let mut findings = Vec::new();
    for one in wanted {
        match one {
            Wanted::Covered {
                service,
                domain,
                because,
            } => {
                if is_held(one, presented) {
                    continue;
                }
                let because = printable(because);
                let wild = wildcard_covers(domain, presented);
                let misled = wild.first().and_then(|index| presented.get(*index));
                if let (Service::Sip, Some(wildcard)) = (service, misled) {
                    findings.push(Finding::new(
                        Code::NamesWildcardForSip,
                        PLACE,
                        format!(
                            "{domain} is covered by a wildcard alone, which SIP peers do not accept"
                        ),
                        format!(
                            "wanted for {because}; only {} would match",
                            wildcard.to_typed()
                        ),
                        format!("request it again with the name itself: `--san dns:{domain}`"),
                    ));
                } else {
                    findings.push(Finding::new(
                        Code::NamesMissing,
                        PLACE,
                        format!("{domain} is not covered for {}", service_word(*service)),
                        format!("wanted for {because}; {held}"),
                        format!("request it again with `--san dns:{domain}`"),
                    ));
                }
            }
            Wanted::Entry(identifier) => {
                if !holds(identifier, presented) {
                    findings.push(entry_missing(identifier, &held));
                }
            }
        }
    }
    findings
}

/// The usual mistake of taking SRV targets for the names: the host is certified and no domain is. One fault, told once.
fn srv_target_only(wanted: &[Wanted], presented: &[Presented]) -> Option<Finding> {
    let mut hosts = Vec::new();
    let mut domains = Vec::new();
    for one in wanted {
        match one {
            Wanted::Covered {
                service: service @ Service::Host,
                domain,
                ..
            } => {
                if covers(*service, domain, presented) != Coverage::Missing {
                    hosts.push(domain.to_string());
                }
            }
            Wanted::Covered {
                service, domain, ..
            } => {
                let misled = !wildcard_covers(domain, presented).is_empty();
                if misled || covers(*service, domain, presented) != Coverage::Missing {
                    return None;
                }
                if !domains.contains(&domain.to_string()) {
                    domains.push(domain.to_string());
                }
            }
            Wanted::Entry(_) => {}
        }
    }
    let (host, first) = (hosts.first()?, domains.first()?);
    let names: Vec<String> = domains
        .iter()
        .map(|domain| format!("--san dns:{domain}"))
        .collect();
    Some(Finding::new(
        Code::NamesSrvTargetOnly,
        PLACE,
        format!("the certificate is for the host {host}, and for none of the domains it serves"),
        format!(
            "peers look for the domain they asked for ({}), not for the target of its SRV records; missing: {}",
            first,
            words::list(&domains)
        ),
        format!("request it again with `{}`", names.join(" ")),
    ))
}

fn entry_missing(identifier: &Identifier, held: &str) -> Finding {
    let (code, what) = match identifier {
        Identifier::Srv(_) => (
            Code::NamesSrvIdMissing,
            format!("the SRV-ID {identifier} is not in the certificate"),
        ),
        Identifier::Xmpp(_) => (
            Code::NamesXmppAddrMissing,
            format!("the XmppAddr {identifier} is not in the certificate"),
        ),
        Identifier::Dns(_) | Identifier::Sip(_) | Identifier::Ip(_) | Identifier::Email(_) => (
            Code::NamesMissing,
            format!("{} is not in the certificate", identifier.to_typed()),
        ),
    };
    let mend = match identifier {
        Identifier::Srv(_) | Identifier::Xmpp(_) => {
            "nothing to do with a public CA, which may not issue it; a private CA may".to_owned()
        }
        Identifier::Dns(_) | Identifier::Sip(_) | Identifier::Ip(_) | Identifier::Email(_) => {
            format!(
                "request it again with `--san {}`",
                printable(&identifier.to_typed())
            )
        }
    };
    Finding::new(code, PLACE, printable(&what), held, mend)
}

/// Whether an entry stands there; a DNS name also where a wildcard stands for it (RFC 9525 §6.3).
fn holds(identifier: &Identifier, presented: &[Presented]) -> bool {
    let same = presented
        .iter()
        .any(|one| Identifier::from_presented(one).as_ref() == Some(identifier));
    same || match identifier {
        Identifier::Dns(dns) if !dns.is_wildcard() => {
            covers(Service::Host, dns.domain(), presented) != Coverage::Missing
        }
        Identifier::Dns(_)
        | Identifier::Srv(_)
        | Identifier::Xmpp(_)
        | Identifier::Sip(_)
        | Identifier::Ip(_)
        | Identifier::Email(_) => false,
    }
}

fn sip_uri_incomplete(wanted: &[Wanted], presented: &[Presented]) -> Option<Finding> {
    let without: Vec<String> = wanted
        .iter()
        .filter_map(|one| match one {
            Wanted::Covered {
                service: service @ Service::Sip,
                domain,
                ..
            } => matches!(covers(*service, domain, presented), Coverage::Leniently(_))
                .then(|| domain.to_string()),
            Wanted::Covered { .. } | Wanted::Entry(_) => None,
        })
        .collect();
    let uris: Vec<String> = presented
        .iter()
        .filter(|one| crate::names::matching::is_sip_identity(one))
        .map(Presented::to_typed)
        .collect();
    let first = without.first()?;
    Some(Finding::new(
        Code::NamesSipUriIncomplete,
        PLACE,
        "sip URIs stand for some of the SIP domains only",
        format!(
            "it holds {}; strict peers then ignore the DNS names of {}",
            words::list(&uris),
            words::list(&without)
        ),
        format!("add a URI for each (`--san sip:{first}`), or leave all sip URIs out"),
    ))
}

/// What is wrong with entries: what makes peers drop the certificate is an error, what makes them skip the entry a
/// warning, what only CAs may not do a note.
fn malformed(presented: &[Presented]) -> Vec<Finding> {
    presented
        .iter()
        .filter_map(|one| {
            let (severity, why) = fault(one)?;
            Some(
                Finding::new(
                    Code::NamesMalformed,
                    PLACE,
                    match one {
                        Presented::Malformed(_) => "an entry is malformed".to_owned(),
                        Presented::Dns(_)
                        | Presented::Srv(_)
                        | Presented::Xmpp(_)
                        | Presented::Uri(_)
                        | Presented::Ip(_)
                        | Presented::Email(_)
                        | Presented::Other(_) => format!("the entry {} is malformed", one.to_typed()),
                    },
                    why,
                    "ask the CA to issue it again without the entry, or with the name spelled right (lower-case A-labels, no trailing dot)",
                )
                .with_severity(severity),
            )
        })
        .collect()
}

fn fault(presented: &Presented) -> Option<(Severity, String)> {
    match presented {
        Presented::Malformed(what) => Some((Severity::Error, printable(what))),
        Presented::Dns(text) => dns_fault(text),
        Presented::Srv(_) | Presented::Email(_) | Presented::Xmpp(_) => {
            let user = matches!(presented, Presented::Xmpp(text) if text.contains('@'));
            (!user && Identifier::from_presented(presented).is_none()).then(|| {
                (
                    Severity::Warning,
                    "it is no well-formed name of its kind, so peers skip it".to_owned(),
                )
            })
        }
        Presented::Uri(text) => (!text.is_ascii() || !text.contains(':')).then(|| {
            (
                Severity::Warning,
                "it is no absolute URI in ASCII (RFC 5280 §4.2.1.6)".to_owned(),
            )
        }),
        Presented::Ip(_) | Presented::Other(_) => None,
    }
}

fn dns_fault(text: &str) -> Option<(Severity, String)> {
    let error = |why: &str| Some((Severity::Error, why.to_owned()));
    let warning = |why: &str| Some((Severity::Warning, why.to_owned()));
    if text.trim().is_empty() {
        return error("it is empty");
    }
    if !text.is_ascii() || text.contains('\u{fffd}') {
        return error("it holds bytes that are not ASCII; names are written as A-labels (xn--…)");
    }
    if text.chars().any(|c| c.is_ascii_control() || c == ' ') {
        return error("it holds a control character or a space");
    }
    let host = text.strip_prefix("*.").unwrap_or(text);
    if host.contains('*') {
        return warning("a wildcard has to be the whole left-most label (RFC 9525 §6.3)");
    }
    if text.starts_with("*.") && !host.contains('.') {
        return warning("a wildcard for a whole top-level domain matches nothing");
    }
    if text.ends_with('.') {
        return warning("it ends in a dot, so no peer matches it");
    }
    if text.parse::<std::net::IpAddr>().is_ok() {
        return warning("it is an address, which belongs in an iPAddress entry");
    }
    if host
        .split('.')
        .any(|label| label.is_empty() || label.len() > 63)
        || text.len() > 253
    {
        return warning("a label is empty or longer than 63 bytes, or the whole longer than 253");
    }
    let ldh = |label: &str| {
        label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (!host.split('.').all(ldh)).then(|| {
        (
            Severity::Note,
            "a label holds something other than letters, digits and inner hyphens (BR 7.1.2.7.12)"
                .to_owned(),
        )
    })
}

fn uppercase(presented: &[Presented]) -> Option<Finding> {
    let names: Vec<String> = presented
        .iter()
        .filter_map(Presented::dns_name)
        .filter(|text| text.bytes().any(|byte| byte.is_ascii_uppercase()))
        // what is no domain is malformed, and never stands in a command that somebody pastes
        .filter(|text| Domain::parse(text.strip_prefix("*.").unwrap_or(text)).is_ok())
        .map(printable)
        .collect();
    let first = names.first()?;
    Some(Finding::new(
        Code::NamesUppercase,
        PLACE,
        format!("{} is written with upper-case letters", words::list(&names)),
        "ejabberd compares DNS names byte by byte, Openfire with regard to case",
        format!(
            "request it again in lower case: `--san dns:{}`",
            first.to_ascii_lowercase()
        ),
    ))
}

/// BR 7.1.4.3: one of the entries, character for character; an address as RFC 5952 writes it.
fn common_name(case: &Case<'_>, presented: &[Presented]) -> Option<Finding> {
    let subject = &case.leaf.facts().subject;
    let name = subject
        .common_names
        .iter()
        .find(|name| !presented.iter().any(|one| one.value() == **name))?;
    Some(Finding::new(
        Code::NamesCommonName,
        "leaf, subject",
        format!(
            "the common name \"{}\" is not one of the subjectAltName entries",
            printable(name)
        ),
        "public CAs have to copy it from an entry letter for letter; peers do not read it",
        "nothing breaks; leave the common name out, or repeat it as a name, at the next request",
    ))
}

fn surplus(wanted: &[Wanted], presented: &[Presented]) -> Option<Finding> {
    let mut needed: BTreeSet<usize> = BTreeSet::new();
    for one in wanted {
        match one {
            Wanted::Covered {
                service, domain, ..
            } => match covers(*service, domain, presented) {
                Coverage::By(indices) | Coverage::Leniently(indices) => needed.extend(indices),
                Coverage::Missing => {}
            },
            Wanted::Entry(identifier) => {
                needed.extend(
                    presented
                        .iter()
                        .enumerate()
                        .filter(|(_, held)| holds(identifier, std::slice::from_ref(held)))
                        .map(|(index, _)| index),
                );
            }
        }
    }
    let names: Vec<String> = presented
        .iter()
        .enumerate()
        .filter(|(index, _)| !needed.contains(index))
        .map(|(_, one)| one.to_typed())
        .collect();
    (!names.is_empty()).then(|| {
        Finding::new(
            Code::NamesSurplus,
            PLACE,
            "the certificate holds names that were not asked for here",
            words::list(&names),
            "nothing, if they are meant; else leave them out of the next request",
        )
    })
}

fn service_word(service: Service) -> &'static str {
    match service {
        Service::XmppServer => "XMPP between servers",
        Service::XmppClient => "XMPP clients",
        Service::Sip => "SIP",
        Service::Host => "hosts",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_graded_by_what_peers_do() {
        use Severity::{Error, Note, Warning};
        for (text, expected) in [
            ("contoso.com", None),
            ("*.contoso.com", None),
            ("localhost", None),
            ("EDGE.contoso.com", None),
            ("xn--bcher-kva.example", None),
            ("", Some(Error)),
            ("b\u{fffd}\u{fffd}.example", Some(Error)),
            ("contoso.com\0.evil.example", Some(Error)),
            ("a b.example", Some(Error)),
            ("contoso.com.", Some(Warning)),
            (".contoso.com", Some(Warning)),
            ("a.*.contoso.com", Some(Warning)),
            ("*", Some(Warning)),
            ("*.com", Some(Warning)),
            ("192.0.2.1", Some(Warning)),
            ("_dmarc.contoso.com", Some(Note)),
            ("-a.contoso.com", Some(Note)),
        ] {
            let found = dns_fault(text).map(|(severity, _)| severity);
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
