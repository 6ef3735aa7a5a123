//! What a certificate of an XMPP or SIP edge had better not hold, although it verifies.
//!
//! Each rule looks at the leaf alone. What breaks a chain or leaves a name uncovered is told by the other parts.

use super::{Case, Ruling};
use crate::explain::printable;
use crate::findings::{Code, Finding};
use crate::names::Presented;
use crate::verify::words;
use crate::x509::{ExtensionKind, PublicKeyKind, Subject};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Top-level domains that the public DNS does not have and will not get (RFC 6761, RFC 6762, RFC 8375, RFC 7686; ICANN
/// resolution 2024.07.29.06 for `internal`; RFC 6762 appendix G for the others).
const PRIVATE_SUFFIXES: [&str; 12] = [
    "alt",
    "corp",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localhost",
    "private",
    "test",
];

pub(crate) fn judge(case: &Case<'_>) -> Ruling {
    Ruling::Findings(
        [
            must_staple(case),
            organizational_unit(case),
            long_common_name(case),
            private_names(case),
            key_usage_for_key(case),
        ]
        .into_iter()
        .flatten()
        .collect(),
    )
}

/// RFC 7633: peers that obey it refuse a handshake without a stapled OCSP response.
fn must_staple(case: &Case<'_>) -> Option<Finding> {
    case.leaf.extension(ExtensionKind::TlsFeature).map(|_| {
        Finding::new(
            Code::FormMustStaple,
            "leaf, tlsFeature",
            "the certificate demands a stapled OCSP response (Must-Staple)",
            "XMPP and SIP servers staple none, and public CAs have given up OCSP, so peers that obey it will refuse every handshake",
            "request it again without Must-Staple; `edgecert request` never asks for it",
        )
    })
}

/// BR 7.1.2.7.2 to 7.1.2.7.5 leave no room for OU since 2022-09-01.
fn organizational_unit(case: &Case<'_>) -> Option<Finding> {
    let units = &case.leaf.facts().subject.organizational_units;
    if !case.expectation.public || units.is_empty() {
        return None;
    }
    let shown: Vec<String> = units.iter().map(|unit| printable(unit)).collect();
    Some(Finding::new(
        Code::FormSubjectField,
        "leaf, subject",
        "the subject holds an organizational unit, which public CAs may not issue",
        format!("OU is {}", words::list(&shown)),
        "leave the organizational unit out of the next request",
    ))
}

fn long_common_name(case: &Case<'_>) -> Option<Finding> {
    let names = &case.leaf.facts().subject.common_names;
    let (name, count) = names
        .iter()
        .map(|name| (name, name.chars().count()))
        .find(|(_, count)| *count > Subject::MAX_COMMON_NAME)?;
    Some(Finding::new(
        Code::FormCommonNameLong,
        "leaf, subject",
        format!(
            "the common name is longer than {} characters",
            Subject::MAX_COMMON_NAME
        ),
        format!(
            "\"{}\" has {count}; libraries that keep to the bound cannot read the certificate",
            printable(name)
        ),
        "request it again without a common name: its names stand in the subjectAltName",
    ))
}

/// BR 4.2.2 and 7.1.4.2.1: no internal names, no reserved addresses.
fn private_names(case: &Case<'_>) -> Option<Finding> {
    if !case.expectation.public {
        return None;
    }
    let names: Vec<String> = case
        .leaf
        .facts()
        .names
        .as_deref()
        .unwrap_or_default()
        .iter()
        .filter(|name| is_private(name))
        .map(Presented::to_typed)
        .collect();
    let first = names.first()?;
    Some(Finding::new(
        Code::NamesPrivate,
        "leaf, subjectAltName",
        format!("{} cannot be vouched for by a public CA", printable(first)),
        format!(
            "{}: internal names and reserved addresses belong to nobody in particular",
            words::list(&names)
        ),
        "put such names into a certificate of a private CA",
    ))
}

fn is_private(name: &Presented) -> bool {
    match name {
        Presented::Dns(text) => {
            let host = text.strip_prefix("*.").unwrap_or(text).to_ascii_lowercase();
            // What is no host name at all is told as malformed.
            let named = !host.is_empty() && host.is_ascii() && !host.contains(['*', ' ']);
            named
                && (!host.contains('.')
                    || PRIVATE_SUFFIXES.iter().any(|suffix| {
                        host.strip_suffix(suffix)
                            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                    }))
        }
        Presented::Ip(address) => match address {
            IpAddr::V4(address) => is_reserved_v4(*address),
            IpAddr::V6(address) => is_reserved_v6(*address),
        },
        Presented::Srv(_)
        | Presented::Xmpp(_)
        | Presented::Uri(_)
        | Presented::Email(_)
        | Presented::Other(_)
        | Presented::Malformed(_) => false,
    }
}

/// RFC 1918, RFC 3927, RFC 6598, RFC 5737, loopback and the rest that nobody owns.
fn is_reserved_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_documentation()
        || (first == 100 && (64..128).contains(&second))
}

/// RFC 4193, RFC 4291, RFC 3849.
fn is_reserved_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || (first == 0x2001 && second == 0x0db8)
}

/// BR 7.1.2.7.11: keyEncipherment is for RSA, keyAgreement for elliptic curves.
fn key_usage_for_key(case: &Case<'_>) -> Option<Finding> {
    let facts = case.leaf.facts();
    let usage = facts.key_usage?;
    let (bit, kind) = match &facts.public_key {
        PublicKeyKind::Rsa { .. } if usage.key_agreement => ("keyAgreement", "an RSA key"),
        PublicKeyKind::Ec { .. } if usage.key_encipherment => {
            ("keyEncipherment", "an elliptic-curve key")
        }
        PublicKeyKind::Ed25519 if usage.key_encipherment || usage.key_agreement => {
            ("more than signatures", "an Ed25519 key")
        }
        PublicKeyKind::Rsa { .. }
        | PublicKeyKind::Ec { .. }
        | PublicKeyKind::Ed25519
        | PublicKeyKind::Other(_) => return None,
    };
    Some(Finding::new(
        Code::UsageKeyUsage,
        "leaf, keyUsage",
        format!("the key usage allows {bit}, which {kind} cannot do"),
        "peers do not mind; it is a sign of a CA that copies one setting into all certificates",
        "nothing breaks; ask the CA for digitalSignature alone",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_names_are_known() {
        let dns = |text: &str| is_private(&Presented::Dns(text.to_owned()));
        for text in [
            "edge",
            "edge.local",
            "EDGE.Corp",
            "*.lan",
            "a.home.arpa",
            "edge.contoso.internal",
        ] {
            assert!(dns(text), "{text}");
        }
        for text in [
            "contoso.com",
            "local.contoso.com",
            "mylocal.de",
            "contoso.arpa",
            "",
        ] {
            assert!(!dns(text), "{text}");
        }
        let ip = |text: &str| is_private(&Presented::Ip(text.parse().unwrap()));
        for text in [
            "10.0.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "127.0.0.1",
            "fd00::1",
            "fe80::1",
        ] {
            assert!(ip(text), "{text}");
        }
        for text in ["8.8.8.8", "100.128.0.1", "2606:4700::1111"] {
            assert!(!ip(text), "{text}");
        }
    }
}
