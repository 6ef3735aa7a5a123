//! What an issuer will refuse, found before a key is made; and what to know of it, told with the request.
//!
//! What no issuer of the kind grants is refused: names that no public CA can vouch for (BR 4.2.2), a subject without
//! its mandatory fields (BR 7.1.2.7.4), wildcards where it knows none, `sip:` URIs that make other names void
//! (RFC 5922 §7.1). What depends on who reads the certificate is a remark.

use super::profile::SipRule;
use super::{IssuerProfile, RequestError, RequestSpec};
use crate::explain::listed;
use crate::findings::{Code, Finding};
use crate::names::plan::Reason;
use crate::names::{Domain, Identifier, NameForm};
use crate::x509::{KeyPurpose, Subject};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most names told in one line.
const MAX_TOLD: usize = 6;

/// Top-level labels below which nobody owns a name in public, with the document that says so.
const PRIVATE_SUFFIXES: [(&str, &str); 9] = [
    ("local", "RFC 6762 §3"),
    ("internal", "kept by ICANN for private use"),
    ("home.arpa", "RFC 8375"),
    ("alt", "RFC 9476"),
    ("lan", "RFC 6762 appendix G"),
    ("home", "RFC 6762 appendix G"),
    ("corp", "RFC 6762 appendix G"),
    ("private", "RFC 6762 appendix G"),
    ("intranet", "RFC 6762 appendix G"),
];

/// Refuses names that the issuer does not grant, whatever else is asked.
pub(super) fn check_names(spec: &RequestSpec, names: &[Identifier]) -> Result<(), RequestError> {
    let profile = &spec.profile;
    if !profile.wildcards {
        let wildcard = names
            .iter()
            .find(|name| matches!(name, Identifier::Dns(dns) if dns.is_wildcard()));
        if let Some(name) = wildcard {
            return Err(RequestError::WildcardRefused {
                name: name.to_typed(),
                profile: profile.name.clone(),
                cite: profile.cite.clone(),
            });
        }
    }
    if profile.public {
        let private: Vec<(&Identifier, &str)> = names
            .iter()
            .filter_map(|name| Some((name, why_private(name)?)))
            .collect();
        if let Some((_, why)) = private.first() {
            return Err(RequestError::NotPublic {
                names: private.iter().map(|(name, _)| name.to_typed()).collect(),
                why,
                profile: profile.name.clone(),
            });
        }
    }
    let gaps = SipGaps::of(spec, names);
    if profile.sip_rule == SipRule::Strict && !gaps.is_empty() {
        return Err(RequestError::SipUriIncomplete {
            profile: profile.name.clone(),
            no_uri: gaps.no_uri,
            no_dns: gaps.no_dns,
        });
    }
    if spec.template.is_some() && profile.template.is_none() {
        return Err(RequestError::TemplateNotTaken {
            profile: profile.name.clone(),
        });
    }
    Ok(())
}

/// Refuses a subject that lacks what the issuer demands, or whose common name is another than it wants.
pub(super) fn check_subject(spec: &RequestSpec, reduced: &Subject) -> Result<(), RequestError> {
    let profile = &spec.profile;
    if profile.common_name_is_fqdn
        && let (Some(given), Some(fqdn)) = (&reduced.common_name, edge_fqdn(spec))
        && given != fqdn.as_str()
    {
        return Err(RequestError::CommonNameNotFqdn {
            common_name: given.clone(),
            fqdn: fqdn.to_string(),
            profile: profile.name.clone(),
        });
    }
    let present = present_fields(reduced);
    let missing: Vec<Vec<String>> = profile
        .required_subject
        .iter()
        .filter(|one_of| !IssuerProfile::is_met(one_of, &present))
        .cloned()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(RequestError::SubjectMissing {
        missing,
        profile: profile.name.clone(),
        cite: profile.cite.clone(),
    })
}

/// What to know of the issuer and of those who will read the certificate; nothing here keeps the request from being
/// made.
pub fn remarks(spec: &RequestSpec) -> Vec<Finding> {
    let profile = &spec.profile;
    let names = spec.plan.identifiers();
    let mut remarks = Vec::new();
    if profile.public && profile.key_purposes.contains(&KeyPurpose::ClientAuth) {
        remarks.push(Finding::new(
            Code::RequestClientAuthPublic,
            "request, extendedKeyUsage",
            "clientAuth is asked of a public CA",
            "public CAs grant it no longer, or not for long: the root programs end it by 2027-03-15",
            "take clientAuth out of the profile's key-purposes; partners that insist on it need a private CA",
        ));
    }
    let gaps = SipGaps::of(spec, &names);
    if !gaps.is_empty() {
        remarks.push(Finding::new(
            Code::RequestSipUriIncomplete,
            "request, subjectAltName",
            "the sip URIs stand for some SIP names only",
            gaps.why(),
            gaps.mend(),
        ));
    }
    remarks.extend(sip_reading(spec, &names));
    remarks.extend(profile.notes.iter().map(|note| {
        Finding::new(
            Code::RequestIssuerNote,
            format!("issuer profile {}", profile.name),
            note.clone(),
            if profile.cite.is_empty() {
                "the profile says so".to_owned()
            } else {
                format!("the profile says so ({})", profile.cite)
            },
            "nothing to do, if that is known",
        )
    }));
    remarks
}

/// What strict and common SIP peers make of the names, where the issuer grants `sip:` URIs.
fn sip_reading(spec: &RequestSpec, names: &[Identifier]) -> Option<Finding> {
    let uris: Vec<String> = domains_of(names, NameForm::Uri)
        .iter()
        .map(ToString::to_string)
        .collect();
    if uris.is_empty() {
        return None;
    }
    let beside: Vec<String> = domains_of(names, NameForm::Dns)
        .iter()
        .map(ToString::to_string)
        .filter(|name| !uris.contains(name))
        .collect();
    let purposes = &spec.profile.key_purposes;
    let purpose = if purposes.is_empty() {
        "no key purpose is asked for, which leaves it to its policy (RFC 5924 §5)"
    } else if purposes.contains(&KeyPurpose::SipDomain) {
        "it wants the key purpose sipDomain, which is asked for (RFC 5924 §5)"
    } else {
        "it wants the key purpose sipDomain, which is not asked for, and will refuse (RFC 5924 §5)"
    };
    let common = if beside.is_empty() {
        "a common stack takes any name that matches".to_owned()
    } else {
        format!(
            "a common stack takes any name that matches, {} as well",
            listed(&beside, MAX_TOLD)
        )
    };
    Some(Finding::new(
        Code::RequestSipReading,
        "request, subjectAltName",
        "a strict SIP peer takes the sip URIs alone, a common one any name that matches",
        format!(
            "a strict verifier takes {} (RFC 5922 §7.1), and {purpose}; {common}",
            listed(&uris, MAX_TOLD)
        ),
        "nothing to do; look at the import whether the CA granted the URIs and sipDomain",
    ))
}

/// SIP names that lack one of their two forms, once there is any `sip:` URI.
#[derive(Debug, Default)]
struct SipGaps {
    no_uri: Vec<Domain>,
    no_dns: Vec<Domain>,
}

impl SipGaps {
    fn of(spec: &RequestSpec, names: &[Identifier]) -> Self {
        let uris = domains_of(names, NameForm::Uri);
        if uris.is_empty() {
            return Self::default();
        }
        let dns = domains_of(names, NameForm::Dns);
        let claims_sip =
            |reason: &Reason| matches!(reason, Reason::EdgeFqdn | Reason::SipDomain(_));
        let mut no_uri: Vec<Domain> = Vec::new();
        for planned in &spec.plan.names {
            if let Some(domain) = planned.name.domain()
                && planned.reasons.iter().any(claims_sip)
                && !uris.contains(&domain)
                && !no_uri.contains(domain)
            {
                no_uri.push(domain.clone());
            }
        }
        let no_dns = uris
            .into_iter()
            .filter(|domain| !dns.contains(domain))
            .cloned()
            .collect();
        Self { no_uri, no_dns }
    }

    fn is_empty(&self) -> bool {
        self.no_uri.is_empty() && self.no_dns.is_empty()
    }

    fn why(&self) -> String {
        sip_gaps_why(&self.no_uri, &self.no_dns)
    }

    fn mend(&self) -> String {
        sip_gaps_mend(&self.no_uri, &self.no_dns)
    }
}

/// What is missing, and who minds.
pub(super) fn sip_gaps_why(no_uri: &[Domain], no_dns: &[Domain]) -> String {
    let words = |domains: &[Domain]| listed(domains, MAX_TOLD);
    let mut parts = Vec::new();
    if !no_uri.is_empty() {
        parts.push(format!(
            "{} has no sip URI, and a strict verifier takes no DNS name once there is one (RFC 5922 §7.1)",
            words(no_uri)
        ));
    }
    if !no_dns.is_empty() {
        parts.push(format!(
            "{} has no DNS name, and Lync and many others read nothing else",
            words(no_dns)
        ));
    }
    parts.join("; ")
}

/// The flags that close the gaps.
pub(super) fn sip_gaps_mend(no_uri: &[Domain], no_dns: &[Domain]) -> String {
    let flags: Vec<String> = no_uri
        .iter()
        .map(|domain| format!("--san sip:{domain}"))
        .chain(no_dns.iter().map(|domain| format!("--san dns:{domain}")))
        .take(MAX_TOLD)
        .collect();
    format!("add {}; or ask for no sip URI at all", flags.join(" "))
}

/// The domains of the names of one form, in their order; those of wildcards left out.
fn domains_of(names: &[Identifier], form: NameForm) -> Vec<&Domain> {
    names
        .iter()
        .filter(|name| name.form() == form)
        .filter(|name| !matches!(name, Identifier::Dns(dns) if dns.is_wildcard()))
        .filter_map(Identifier::domain)
        .collect()
}

/// The Access Edge FQDN as planned; `None` in a plan that does not know it.
fn edge_fqdn(spec: &RequestSpec) -> Option<&Domain> {
    spec.plan
        .names
        .iter()
        .find(|one| one.name.form() == NameForm::Dns && one.reasons.contains(&Reason::EdgeFqdn))
        .and_then(|one| one.name.domain())
}

fn present_fields(subject: &Subject) -> Vec<&'static str> {
    // Unpacked, so that a new field is not forgotten.
    let Subject {
        country,
        state,
        locality,
        organization,
        organizational_unit,
        common_name,
    } = subject;
    [
        ("C", country),
        ("ST", state),
        ("L", locality),
        ("O", organization),
        ("OU", organizational_unit),
        ("CN", common_name),
    ]
    .into_iter()
    .filter(|(_, value)| value.is_some())
    .map(|(field, _)| field)
    .collect()
}

/// Why no public CA can vouch for a name; `None` where one may. Names for examples are warned of elsewhere.
fn why_private(name: &Identifier) -> Option<&'static str> {
    if let Identifier::Ip(address) = name {
        return is_reserved(address).then_some("the IANA registries of special addresses");
    }
    let domain = name.domain()?;
    PRIVATE_SUFFIXES
        .iter()
        .find(|(suffix, _)| {
            domain
                .as_str()
                .strip_suffix(suffix)
                .is_some_and(|front| front.ends_with('.'))
        })
        .map(|(_, why)| *why)
}

/// Whether an address lies in a block of IANA's registries of special-purpose addresses (RFC 6890), as of 2026.
fn is_reserved(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            a == 0
                || a >= 224
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && (c == 0 || c == 2))
                || (a == 192 && b == 88 && c == 99)
                || (a == 198 && (b == 18 || b == 19))
                || (a, b, c) == (198, 51, 100)
                || (a, b, c) == (203, 0, 113)
                || Ipv4Addr::is_private(address)
                || Ipv4Addr::is_loopback(address)
                || Ipv4Addr::is_link_local(address)
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            // Only 2000::/3 is given out for global use; below it the protocol and documentation blocks.
            a & 0xe000 != 0x2000
                || (a == 0x2001 && b < 0x0200)
                || (a == 0x2001 && b == 0x0db8)
                || a == 0x2002
                || (a == 0x3fff && b < 0x1000)
                || (a == 0x2620 && b == 0x004f && c == 0x8000)
                || Ipv6Addr::is_loopback(address)
        }
    }
}

#[cfg(test)]
mod tests;
