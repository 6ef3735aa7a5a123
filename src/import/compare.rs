//! Granted against asked, and against the generation before.
//!
//! CAs change what they are asked: a name is dropped in silence, a purpose taken out, `www.` added. What a peer would
//! miss is an error here; what only some look at (SRVName, XmppAddr) a warning. Whether it lives too long is not judged here.

use super::{Asked, AskedState};
use crate::explain::{listed, printable};
use crate::findings::{Code, Finding, Report, Severity};
use crate::names::{Domain, Identifier, NameForm, Presented, matching};
use crate::x509::{Certificate, Chain, KeyPurpose};
use std::collections::BTreeSet;

/// Most names listed in one finding; the others are counted.
const MAX_LISTED: usize = 20;

/// Granted against asked. Names are compared as A-labels without regard to case. A lost name is an error; it is a
/// warning for the forms that the issuer never grants, for SRVName and XmppAddr (every server reads DNS-IDs as well),
/// and where a wildcard of the certificate covers it.
pub fn compare(leaf: &Certificate, asked: &Asked) -> Report {
    let facts = leaf.facts();
    let granted: &[Presented] = facts.names.as_deref().unwrap_or_default();
    let mut findings = compare_names(granted, asked);
    findings.extend(compare_purposes(facts.key_purposes.as_deref(), asked));
    Report::new(findings)
}

/// A reply to an earlier request while a later one waits: its key is not the one that was asked for last. `asked` is
/// oldest first.
pub fn compare_with_waiting(answers: &Asked, asked: &[Asked]) -> Option<Finding> {
    let waits = asked
        .iter()
        .rfind(|one| one.certificate == answers.certificate && one.state == AskedState::Pending)?;
    let answered = answers.state == AskedState::Answered;
    (answered && waits.spki_sha256 != answers.spki_sha256).then(|| {
        Finding::new(
            Code::GrantedOldKey,
            "leaf, public key",
            format!(
                "the reply is for the old key, and does not answer request {}",
                printable(&waits.request)
            ),
            format!(
                "its key {} is that of request {}, which has its certificate; {} holds {}",
                answers.spki_sha256.short(),
                printable(&answers.request),
                printable(&waits.request),
                waits.spki_sha256.short()
            ),
            again(waits, "for the new key"),
        )
    })
}

fn compare_names(granted: &[Presented], asked: &Asked) -> Vec<Finding> {
    let held: BTreeSet<String> = granted.iter().map(canonical).collect();
    let wanted: Vec<String> = asked
        .names
        .iter()
        .map(|name| canonical_typed(name))
        .collect();
    let lost: Vec<&String> = wanted.iter().filter(|name| !held.contains(*name)).collect();
    let mut findings = Vec::new();
    if !lost.is_empty() && lost.len() == wanted.len() {
        // One cause, one finding: the CA gave a certificate for something else, or without names.
        findings.push(Finding::new(
            Code::GrantedNameLost,
            "leaf, subjectAltName",
            format!("none of the {} names asked for was granted", wanted.len()),
            format!(
                "asked {}; granted {}",
                list(wanted.iter()),
                list(held.iter())
            ),
            again(asked, "for the names it asks"),
        ));
        return findings;
    }
    for name in lost {
        findings.push(lost_name(name, granted, asked));
    }
    let known: BTreeSet<&String> = wanted.iter().collect();
    let added: Vec<&String> = held.iter().filter(|name| !known.contains(name)).collect();
    if !added.is_empty() {
        findings.push(Finding::new(
            Code::GrantedNameAdded,
            "leaf, subjectAltName",
            match added.as_slice() {
                [one] => format!("{one} was granted and not asked for"),
                more => format!("{} names were granted and not asked for", more.len()),
            },
            list(added.into_iter()),
            "nothing to do if the names are yours; else ask the CA why they are in",
        ));
    }
    findings
}

fn lost_name(name: &str, granted: &[Presented], asked: &Asked) -> Finding {
    let parsed = Identifier::parse_typed(name).ok();
    let form = parsed.as_ref().map(Identifier::form);
    let never_granted = form.is_some_and(|form| {
        !asked.forms_granted.is_empty() && !asked.forms_granted.contains(&form)
    });
    let extra_only = matches!(form, Some(NameForm::Srv | NameForm::Xmpp));
    let what = format!("{} was asked for and not granted", printable(name));
    if never_granted || extra_only {
        let why = if never_granted {
            "the issuer does not put this form in certificates"
        } else {
            "the issuer left the form out; servers read the DNS name as well"
        };
        return Finding::new(
            Code::GrantedNameDropped,
            "leaf, subjectAltName",
            what,
            why,
            match form {
                Some(form) => format!(
                    "nothing to do while partners take DNS names; else ask a CA that grants {form}"
                ),
                None => "nothing to do while partners take DNS names".to_owned(),
            },
        );
    }
    let wildcard = parsed.as_ref().and_then(|parsed| match parsed {
        Identifier::Dns(dns) if !dns.is_wildcard() => {
            let at = *matching::wildcard_covers(dns.domain(), granted).first()?;
            granted.get(at).map(Presented::to_typed)
        }
        Identifier::Dns(_)
        | Identifier::Srv(_)
        | Identifier::Xmpp(_)
        | Identifier::Sip(_)
        | Identifier::Ip(_)
        | Identifier::Email(_) => None,
    });
    let mend = again(asked, &format!("with {}", printable(name)));
    match wildcard {
        Some(wildcard) => Finding::new(
            Code::GrantedNameLost,
            "leaf, subjectAltName",
            what,
            format!("{wildcard} covers it for XMPP, and never for SIP (RFC 5922 §7.2)"),
            mend,
        )
        .with_severity(Severity::Warning),
        None => Finding::new(
            Code::GrantedNameLost,
            "leaf, subjectAltName",
            what,
            format!(
                "request {} asks for {}, and the certificate holds {}",
                printable(&asked.request),
                match asked.names.len() {
                    1 => "1 name".to_owned(),
                    more => format!("{more} names"),
                },
                granted.len()
            ),
            mend,
        ),
    }
}

/// What to ask of the CA: to issue again, and from which CSR.
pub fn again(asked: &Asked, how: &str) -> String {
    match &asked.csr {
        Some(csr) => format!("ask the CA to issue again {how}, from {}", printable(csr)),
        None => format!(
            "ask the CA to issue again {how}, from the CSR of `edgecert request show {}`",
            printable(&asked.request)
        ),
    }
}

/// No extension at all means every purpose (RFC 5280 §4.2.1.12), as does anyExtendedKeyUsage.
fn compare_purposes(granted: Option<&[KeyPurpose]>, asked: &Asked) -> Vec<Finding> {
    let Some(granted) = granted else {
        return Vec::new();
    };
    let words = |all: &[KeyPurpose]| -> String {
        all.iter()
            .map(|one| printable(one.word()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let both = format!(
        "asked {}, granted {}",
        words(&asked.key_purposes),
        words(granted)
    );
    let mut findings = Vec::new();
    for lost in asked
        .key_purposes
        .iter()
        .filter(|purpose| !granted.contains(purpose) && !granted.contains(&KeyPurpose::Any))
    {
        let mend = match lost {
            KeyPurpose::ClientAuth => {
                "partners that insist on clientAuth need a private CA (profile private-xmpp); most take serverAuth".to_owned()
            }
            KeyPurpose::ServerAuth
            | KeyPurpose::SipDomain
            | KeyPurpose::Any
            | KeyPurpose::Other(_) => again(asked, &format!("with {}", printable(lost.word()))),
        };
        findings.push(Finding::new(
            Code::GrantedUsageLost,
            "leaf, extendedKeyUsage",
            format!("{} was asked for and not granted", printable(lost.word())),
            both.clone(),
            mend,
        ));
    }
    // A request without purposes leaves them to the CA.
    if !asked.key_purposes.is_empty() {
        for added in granted
            .iter()
            .filter(|purpose| !asked.key_purposes.contains(purpose))
        {
            findings.push(Finding::new(
                Code::GrantedUsageAdded,
                "leaf, extendedKeyUsage",
                format!("{} was granted and not asked for", printable(added.word())),
                both.clone(),
                "nothing to do",
            ));
        }
    }
    findings
}

/// A partner that has roots of its own.
#[derive(Debug, Clone)]
pub struct PartnerRoots {
    /// Its domain.
    pub domain: Domain,
    /// Its roots.
    pub roots: Vec<Certificate>,
}

impl PartnerRoots {
    /// Whether one of its roots is in the chain, or signed one of it.
    fn reach(&self, chain: &Chain) -> bool {
        chain.certificates().any(|one| {
            self.roots.iter().any(|root| {
                one == root
                    || (root.facts().subject.der == one.facts().issuer.der
                        && one.is_signed_by(root))
            })
        })
    }
}

/// The new chain against that of the generation before: another root (with the partners whose own roots do not reach
/// it), another intermediate, a shorter life. The issuer name of the last certificate stands for the root, as the root
/// itself is not kept.
pub fn compare_with_previous(new: &Chain, previous: &Chain, partners: &[PartnerRoots]) -> Report {
    let mut findings = Vec::new();
    findings.extend(compare_issuers(new, previous, partners));
    findings.extend(compare_lives(&new.leaf, &previous.leaf));
    Report::new(findings)
}

fn compare_issuers(new: &Chain, previous: &Chain, partners: &[PartnerRoots]) -> Option<Finding> {
    let root = |chain: &Chain| {
        let top = chain.intermediates.last().unwrap_or(&chain.leaf);
        top.facts().issuer.clone()
    };
    let (new_root, old_root) = (root(new), root(previous));
    if new_root.der != old_root.der {
        let change = format!(
            "before {}, now {}",
            printable(&old_root.text),
            printable(&new_root.text)
        );
        let lacking: Vec<String> = partners
            .iter()
            .filter(|partner| !partner.reach(new))
            .map(|partner| partner.domain.to_string())
            .collect();
        let (why, mend) = match lacking.as_slice() {
            [] => (
                change,
                "tell partners who pin your CA or keep roots of their own for your domain before you assign it".to_owned(),
            ),
            some => (
                format!("{change}; the roots kept for {} do not reach it", list(some.iter())),
                format!(
                    "ask {} whether they take the new root before you assign it, and add it to their roots in the deployment",
                    list(some.iter())
                ),
            ),
        };
        return Some(Finding::new(
            Code::ChainRootChanged,
            "chain",
            "the certificate leads to another root than the generation before",
            why,
            mend,
        ));
    }
    let (new_issuer, old_issuer) = (&new.leaf.facts().issuer, &previous.leaf.facts().issuer);
    (new_issuer.der != old_issuer.der).then(|| {
        Finding::new(
            Code::ChainIntermediateChanged,
            "chain",
            "the certificate comes from another intermediate than the generation before",
            format!(
                "before {}, now {}",
                printable(&old_issuer.text),
                printable(&new_issuer.text)
            ),
            "nothing to do, as the intermediate is sent along; tell partners who pin the old one",
        )
    })
}

/// A tenth less is told: CAs shorten lives in steps (398, 200, 100, 47 days), and clocks differ by hours.
fn compare_lives(new: &Certificate, previous: &Certificate) -> Option<Finding> {
    let life = |one: &Certificate| {
        let facts = one.facts();
        (facts.not_after - facts.not_before).whole_days().max(0)
    };
    let (now, before) = (life(new), life(previous));
    (now * 10 < before * 9).then(|| {
        Finding::new(
            Code::GrantedLifeShorter,
            "leaf, validity",
            "the certificate has a shorter life than the generation before",
            format!("{before} days before, {now} days now"),
            "nothing to do, if the CA announced it; renewal comes due earlier, so see that its timer runs often enough",
        )
    })
}

/// A granted name in the spelling that names are compared in.
fn canonical(name: &Presented) -> String {
    match Identifier::from_presented(name) {
        Some(sound) => sound.to_typed(),
        None => name.to_typed().to_lowercase(),
    }
}

fn canonical_typed(name: &str) -> String {
    match Identifier::parse_typed(name) {
        Ok(sound) => sound.to_typed(),
        Err(_) => name.to_lowercase(),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let all: Vec<String> = names.map(|name| printable(name)).collect();
    match all.is_empty() {
        true => "none".to_owned(),
        false => listed(&all, MAX_LISTED),
    }
}
