//! Key and signature: does the pair belong together, and do peers accept its kind, size and hash.

use super::{Case, Ruling, weak_key};
use crate::explain::printable;
use crate::findings::{Code, Finding};
use crate::verify::words;
use crate::x509::{Certificate, PublicKeyKind, RsaFlaw};

/// Largest RSA modulus that common libraries verify, in bits.
const RSA_MOST_BITS: usize = 8_192;

pub(crate) fn judge(case: &Case<'_>) -> Ruling {
    let mut findings = Vec::new();
    let facts = case.leaf.facts();
    if let Some(key) = case.key
        && key.spki_sha256() != facts.spki_sha256
    {
        findings.push(Finding::new(
            Code::KeyMismatch,
            "leaf, public key",
            "the private key does not belong to the certificate",
            format!(
                "the certificate holds {}, the key is {}",
                facts.spki_sha256,
                key.spki_sha256()
            ),
            "use the key whose request the CA answered (`edgecert request list`)",
        ));
    }
    let mend = "request a new certificate with `--key-type ec256` or `--key-type rsa2048`";
    if let Some(finding) = weak_key(case.leaf, "leaf, public key", mend.to_owned()) {
        findings.push(finding);
    } else if let Some(why) = rarity(&facts.public_key) {
        findings.push(Finding::new(
            Code::KeyUncommon,
            "leaf, public key",
            format!(
                "not every peer accepts the key ({})",
                words::key(&facts.public_key)
            ),
            why,
            mend,
        ));
    }
    findings.extend(known_bad(case.leaf, "leaf"));
    findings.extend(weak_signature(case.leaf, "leaf"));
    for issuer in case.issuers() {
        findings.extend(known_bad(issuer, &case.place(issuer)));
        // Nobody checks the signature that a root puts on itself.
        if !case.expectation.trust.is_some_and(|t| t.contains(issuer)) && !issuer.is_self_signed() {
            findings.extend(weak_signature(issuer, &case.place(issuer)));
        }
    }
    Ruling::Findings(findings)
}

/// A key whose private half anybody can compute from the certificate.
fn known_bad(certificate: &Certificate, place: &str) -> Option<Finding> {
    let why = match RsaFlaw::of_spki(certificate.spki_der())? {
        RsaFlaw::Roca => {
            "its modulus has the fingerprint of a smart card library whose primes can be found (ROCA, CVE-2017-15361)"
        }
        RsaFlaw::ClosePrimes => {
            "its two primes lie so close that Fermat's method finds them at once (CVE-2022-26320)"
        }
    };
    let mend = if place == "leaf" {
        "have the certificate revoked, and request one with a new key: `edgecert request --new-key`"
    } else {
        "take another CA: whoever computes this key can sign in its name"
    };
    Some(Finding::new(
        Code::KeyKnownBad,
        format!("{place}, public key"),
        format!(
            "the private key of {} can be computed by anybody",
            words::quoted(certificate)
        ),
        why,
        mend,
    ))
}

/// Why peers will not accept a key; `None` when they do.
pub(crate) fn weakness(kind: &PublicKeyKind) -> Option<String> {
    match kind {
        PublicKeyKind::Rsa { bits, .. } if *bits < 2_048 => {
            Some(format!("RSA with {bits} bits, and 2048 is the least"))
        }
        PublicKeyKind::Rsa { exponent, .. } if *exponent < 3 || exponent % 2 == 0 => Some(format!(
            "the RSA exponent is {exponent}, and has to be odd and at least 3"
        )),
        PublicKeyKind::Ec { curve } if !matches!(curve.as_str(), "P-256" | "P-384" | "P-521") => {
            Some(format!(
                "the curve is {}, and peers know P-256, P-384 and P-521",
                printable(curve)
            ))
        }
        PublicKeyKind::Other(text) => Some(format!(
            "it is {}; peers take RSA from 2048 bits and ECDSA on P-256, P-384 and P-521",
            printable(text)
        )),
        PublicKeyKind::Rsa { .. } | PublicKeyKind::Ec { .. } | PublicKeyKind::Ed25519 => None,
    }
}

fn rarity(kind: &PublicKeyKind) -> Option<String> {
    match kind {
        PublicKeyKind::Ed25519 => Some(
            "public CAs do not sign Ed25519 keys, and peers before OpenSSL 1.1.1 and Java 15 do not know them"
                .to_owned(),
        ),
        PublicKeyKind::Rsa { exponent, .. } if *exponent < 65_537 => Some(format!(
            "the RSA exponent is {exponent}; 65537 or more is expected"
        )),
        PublicKeyKind::Rsa { bits, .. } if bits % 8 != 0 => Some(format!(
            "its length of {bits} bits is not divisible by 8"
        )),
        PublicKeyKind::Rsa { bits, .. } if *bits > RSA_MOST_BITS => Some(format!(
            "its {bits} bits are more than the {RSA_MOST_BITS} that common libraries verify"
        )),
        PublicKeyKind::Rsa { .. } | PublicKeyKind::Ec { .. } | PublicKeyKind::Other(_) => None,
    }
}

fn weak_signature(certificate: &Certificate, place: &str) -> Option<Finding> {
    let facts = certificate.facts();
    facts.signature_is_weak.then(|| {
        Finding::new(
            Code::SignatureWeak,
            format!("{place}, signature"),
            format!(
                "{} is signed with a hash that peers refuse",
                words::quoted(certificate)
            ),
            format!(
                "it is signed with {} by {}",
                printable(&facts.signature_algorithm),
                words::quoted_issuer(certificate)
            ),
            "ask the CA to issue it again, signed with SHA-256 or better",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sound_uncommon_or_weak() {
        let rsa = |bits, exponent| PublicKeyKind::Rsa { bits, exponent };
        let ec = |curve: &str| PublicKeyKind::Ec {
            curve: curve.to_owned(),
        };
        for (kind, weak, rare) in [
            (rsa(2048, 65_537), false, false),
            (rsa(4096, 65_537), false, false),
            (rsa(2048, u64::MAX), false, false),
            (rsa(1024, 65_537), true, false),
            (rsa(2047, 65_537), true, true),
            (rsa(2048, 1), true, true),
            (rsa(2048, 65_536), true, true),
            (rsa(2048, 3), false, true),
            (rsa(2052, 65_537), false, true),
            (rsa(16_384, 65_537), false, true),
            (ec("P-256"), false, false),
            (ec("P-521"), false, false),
            (ec("1.3.132.0.10"), true, false),
            (PublicKeyKind::Ed25519, false, true),
            (PublicKeyKind::Other("DSA".into()), true, false),
        ] {
            assert_eq!(weakness(&kind).is_some(), weak, "{kind:?}");
            assert_eq!(rarity(&kind).is_some(), rare, "{kind:?}");
        }
    }
}
