//! A parsed certificate and what is judged of it (RFC 5280 §4).

use super::error::Expected;
use super::subject::DistinguishedName;
use super::window::Window;
use super::{
    Fingerprint, KeyPurpose, KeyUsage, PublicKeyKind, X509Error, general_name, oid, signature, tlv,
};
use crate::explain::printable;
use crate::names::Presented;
use der::oid::ObjectIdentifier;
use time::OffsetDateTime;
use x509_parser::certificate::X509CertificateParser;
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};
use x509_parser::nom::Parser;

/// An X.509 certificate from anywhere: parsed tolerantly, its DER kept as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    facts: Facts,
}

/// What was read. A field that could not be read is told in [`Facts::problems`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// 1, 2 or 3.
    pub version: u32,
    /// Serial number, big-endian two's complement content bytes.
    pub serial: Vec<u8>,
    /// Subject.
    pub subject: DistinguishedName,
    /// Issuer.
    pub issuer: DistinguishedName,
    /// First second of validity, UTC.
    pub not_before: OffsetDateTime,
    /// Last second of validity, UTC; included (RFC 5280 §4.1.2.5).
    pub not_after: OffsetDateTime,
    /// subjectAltName entries; `None`: no such extension.
    pub names: Option<Vec<Presented>>,
    /// keyUsage, if present.
    pub key_usage: Option<KeyUsage>,
    /// extendedKeyUsage, if present.
    pub key_purposes: Option<Vec<KeyPurpose>>,
    /// basicConstraints: cA and pathLen; `None`: absent.
    pub basic_constraints: Option<(bool, Option<u32>)>,
    /// Subject key identifier.
    pub subject_key_id: Option<Vec<u8>>,
    /// Authority key identifier.
    pub authority_key_id: Option<Vec<u8>>,
    /// caIssuers URLs, raw.
    pub ca_issuers: Vec<String>,
    /// Whether a nameConstraints extension is present.
    pub has_name_constraints: bool,
    /// Critical extensions that are not known here, dotted.
    pub unknown_critical: Vec<String>,
    /// Extensions that could not be parsed or stand twice, described.
    pub problems: Vec<String>,
    /// Signature algorithm: `ecdsa-with-SHA256`, `sha1WithRSAEncryption`, or dotted.
    pub signature_algorithm: String,
    /// Whether the signature's hash is MD5 or SHA-1.
    pub signature_is_weak: bool,
    /// Public key.
    pub public_key: PublicKeyKind,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki_sha256: Fingerprint,
    /// SHA-256 of the DER.
    pub sha256: Fingerprint,
}

impl Certificate {
    /// Largest certificate read, in bytes.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// Parses DER; trailing bytes are an error.
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        if der.len() > Self::MAX_BYTES {
            return Err(X509Error::TooLarge {
                limit: Self::MAX_BYTES,
                size: der.len(),
            });
        }
        check_outer(der, Expected::Certificate)?;
        let (_, parsed) =
            X509CertificateParser::new()
                .parse(der)
                .map_err(|cause| X509Error::Unreadable {
                    expected: Expected::Certificate,
                    reason: parser_words(&cause),
                })?;
        let key = parsed.public_key().raw;
        check_public_key(key, find_spki(der), Expected::Certificate)?;
        Ok(Self {
            der: der.to_vec(),
            facts: Facts::read(der, &parsed),
        })
    }

    /// The DER as it came.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// PEM, label CERTIFICATE, LF.
    pub fn to_pem(&self) -> String {
        super::pem::encode("CERTIFICATE", &self.der)
    }

    /// What was read.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether issuer and subject are the same name and the signature verifies with its own key.
    pub fn is_self_signed(&self) -> bool {
        self.is_signed_by(self)
    }

    /// Whether `issuer`'s name is this one's issuer name and `issuer`'s key verifies this signature. Says nothing about CA flags or time.
    pub fn is_signed_by(&self, issuer: &Certificate) -> bool {
        self.facts.issuer.is_same(&issuer.facts.subject)
            && signature::verifies(&self.der, issuer.spki_der())
    }

    /// SubjectPublicKeyInfo, DER as it came; empty where it cannot be found.
    pub fn spki_der(&self) -> &[u8] {
        find_spki(&self.der).unwrap_or_default()
    }

    /// Whether it is one that may issue others: cA TRUE (or a v1 self-signed root).
    pub fn is_ca(&self) -> bool {
        match self.facts.basic_constraints {
            Some((ca, _)) => ca,
            None => self.facts.version == 1 && self.is_self_signed(),
        }
    }

    /// A short name for people, fit to be shown: the first common name, else the first DNS name, else the subject.
    pub fn display_name(&self) -> String {
        let common_name = self
            .facts
            .subject
            .common_names
            .iter()
            .find(|name| !name.trim().is_empty());
        if let Some(name) = common_name {
            return printable(name);
        }
        let dns_name = self.facts.names.iter().flatten().find_map(|name| {
            if let Presented::Dns(dns) = name {
                Some(printable(dns))
            } else {
                None
            }
        });
        match dns_name {
            Some(name) => name,
            None if self.facts.subject.is_empty() => format!("serial {}", self.serial_hex()),
            None => self.facts.subject.text.clone(),
        }
    }

    /// Serial as `04:a1:…`, lower-case hex, without the zero byte that keeps it positive.
    pub fn serial_hex(&self) -> String {
        let bytes = match self.facts.serial.as_slice() {
            [0, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        let words: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        words.join(":")
    }

    /// Whole life in seconds: notAfter − notBefore + 1 (RFC 5280: the window includes notAfter).
    pub fn life_seconds(&self) -> i64 {
        self.window().life_seconds()
    }

    /// When it is valid.
    pub fn window(&self) -> Window {
        Window {
            not_before: self.facts.not_before,
            not_after: self.facts.not_after,
        }
    }

    /// Days of 86 400 s left at `now`, negative after the end.
    pub fn days_left(&self, now: OffsetDateTime) -> f64 {
        self.window().days_left(now)
    }

    /// Share of the life left at `now`, 0.0 to 1.0.
    pub fn life_left(&self, now: OffsetDateTime) -> f64 {
        self.window().life_left(now)
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({})", self.facts.sha256)
    }
}

/// Whether the bytes are one SEQUENCE, all of it and nothing after it.
pub(crate) fn check_outer(der: &[u8], expected: Expected) -> Result<(), X509Error> {
    let reason = match tlv::read(der) {
        Ok((outer, _)) if outer.tag != tlv::SEQUENCE => {
            format!("it begins with tag {:02x}, not with a SEQUENCE", outer.tag)
        }
        Ok((_, [])) => return Ok(()),
        Ok((_, rest)) => {
            return Err(X509Error::TrailingBytes {
                after: expected,
                count: rest.len(),
            });
        }
        Err(tlv::TlvError::Truncated { expected, found })
            if der.first() == Some(&tlv::SEQUENCE) =>
        {
            return Err(X509Error::Truncated { expected, found });
        }
        Err(tlv::TlvError::Truncated { .. } | tlv::TlvError::Unreadable) => {
            "it is not DER".to_owned()
        }
    };
    Err(X509Error::Unreadable { expected, reason })
}

/// Whether all readers see the same public key: the parser stops after the key, whatever else its SEQUENCE holds, and it
/// takes a version with the wrong tag, so that the key is not where its place in the SEQUENCE says.
pub(crate) fn check_public_key(
    spki: &[u8],
    in_its_place: Option<&[u8]>,
    expected: Expected,
) -> Result<(), X509Error> {
    let reason = if tlv::exactly(spki, tlv::SEQUENCE).is_none() {
        "more stands behind the public key"
    } else if in_its_place != Some(spki) {
        "the public key does not stand in its place"
    } else {
        return Ok(());
    };
    Err(X509Error::Unreadable {
        expected,
        reason: reason.to_owned(),
    })
}

/// What the parser met, without the bytes that it met.
pub(crate) fn parser_words(cause: &x509_parser::nom::Err<x509_parser::error::X509Error>) -> String {
    match cause {
        x509_parser::nom::Err::Incomplete(_) => "it ends too early".to_owned(),
        x509_parser::nom::Err::Error(inner) | x509_parser::nom::Err::Failure(inner) => {
            printable(&inner.to_string())
        }
    }
}

/// SubjectPublicKeyInfo of a certificate: the last SEQUENCE before extensions and unique identifiers.
fn find_spki(der: &[u8]) -> Option<&[u8]> {
    let signed = tlv::signed(der)?;
    let body = tlv::items(tlv::exactly(signed.message, tlv::SEQUENCE)?.content)?;
    // version [0] OPTIONAL, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
    let at = if body.first()?.tag == tlv::CONTEXT_0 {
        6
    } else {
        5
    };
    body.get(at).map(|key| key.raw)
}

impl Facts {
    fn read(der: &[u8], parsed: &x509_parser::certificate::X509Certificate<'_>) -> Self {
        let body = &parsed.tbs_certificate;
        let algorithm = tlv::dotted(parsed.signature_algorithm.algorithm.as_bytes());
        let algorithm_content = tlv::signed(der)
            .map(|signed| signed.algorithm.content)
            .unwrap_or_default();
        let mut facts = Facts {
            version: body.version.0.saturating_add(1),
            serial: body.raw_serial().to_vec(),
            subject: DistinguishedName::read(&body.subject),
            issuer: DistinguishedName::read(&body.issuer),
            not_before: body.validity.not_before.to_datetime(),
            not_after: body.validity.not_after.to_datetime(),
            names: None,
            key_usage: None,
            key_purposes: None,
            basic_constraints: None,
            subject_key_id: None,
            authority_key_id: None,
            ca_issuers: Vec::new(),
            has_name_constraints: false,
            unknown_critical: Vec::new(),
            problems: Vec::new(),
            signature_algorithm: oid::signature_name(&algorithm).to_owned(),
            signature_is_weak: signature::is_weak(algorithm_content),
            public_key: PublicKeyKind::of_spki(body.subject_pki.raw),
            spki_sha256: Fingerprint::of(body.subject_pki.raw),
            sha256: Fingerprint::of(der),
        };
        if parsed.signature_algorithm != body.signature {
            facts
                .problems
                .push("the signature algorithm inside differs from the one outside".to_owned());
        }
        let mut seen = Vec::new();
        for extension in body.extensions() {
            let kind = tlv::dotted(extension.oid.as_bytes());
            if seen.contains(&kind) {
                let name = oid::extension_name(&kind);
                facts.problems.push(format!("{name} stands twice"));
                continue;
            }
            facts.read_extension(&kind, extension);
            seen.push(kind);
        }
        facts
    }

    /// Takes one extension in; the first of a kind counts.
    fn read_extension(&mut self, kind: &str, extension: &X509Extension<'_>) {
        if extension.critical && !oid::is_understood(kind) {
            self.unknown_critical.push(kind.to_owned());
        }
        let is = |known: &ObjectIdentifier| extension.oid.as_bytes() == known.as_bytes();
        let mut sound = true;
        // What is judged entry by entry is decoded here, and only the rest is left to the parser.
        if is(&oid::SUBJECT_ALT_NAME) {
            let names = general_name::decode(extension.value);
            for name in &names {
                if let Presented::Malformed(what) = name {
                    self.problems
                        .push(format!("subjectAltName holds a malformed entry: {what}"));
                }
            }
            self.names = Some(names);
        } else if is(&oid::EXT_KEY_USAGE) {
            self.key_purposes = KeyPurpose::list_from_der(extension.value);
            sound = self.key_purposes.is_some();
        } else if is(&oid::KEY_USAGE) {
            self.key_usage = KeyUsage::from_der(extension.value);
            sound = self.key_usage.is_some();
        } else if is(&oid::SUBJECT_KEY_ID) {
            self.subject_key_id = tlv::exactly(extension.value, tlv::OCTET_STRING)
                .map(|value| value.content.to_vec());
            sound = self.subject_key_id.is_some();
        } else {
            if is(&oid::NAME_CONSTRAINTS) {
                self.has_name_constraints = true;
            }
            let parsed = extension.parsed_extension();
            if let ParsedExtension::BasicConstraints(constraints) = parsed {
                self.basic_constraints = Some((constraints.ca, constraints.path_len_constraint));
            } else if let ParsedExtension::AuthorityKeyIdentifier(identifier) = parsed {
                self.authority_key_id = identifier.key_identifier.as_ref().map(|id| id.0.to_vec());
            } else if let ParsedExtension::AuthorityInfoAccess(access) = parsed {
                self.ca_issuers = access
                    .iter()
                    .filter(|entry| entry.access_method.as_bytes() == oid::CA_ISSUERS.as_bytes())
                    .filter_map(|entry| {
                        if let GeneralName::URI(url) = &entry.access_location {
                            Some((*url).to_owned())
                        } else {
                            None
                        }
                    })
                    .collect();
            }
            sound = parsed.error().is_none();
        }
        if !sound {
            let name = oid::extension_name(kind);
            self.problems.push(format!("{name} cannot be read"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::issue::{IssueSpec, Issuer, issue};
    use crate::x509::{KeyType, PrivateKey, Subject};
    use time::macros::datetime;

    pub(crate) fn spec(common_name: &str) -> IssueSpec {
        IssueSpec {
            serial: vec![0x84, 0xa1],
            ..IssueSpec::of(
                Subject::named(common_name),
                datetime!(2026-11-21 00:00 UTC),
                datetime!(2026-11-30 23:59:59 UTC),
            )
        }
    }

    fn make(spec: &IssueSpec) -> Certificate {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let issuer = Issuer::own(&key);
        issue(spec, key.spki_der(), &issuer).unwrap()
    }

    #[test]
    fn life_counts_both_ends() {
        let certificate = make(&spec("a"));
        assert_eq!(certificate.life_seconds(), 10 * 86_400);
        assert_eq!(certificate.days_left(datetime!(2026-11-30 00:00 UTC)), 1.0);
        assert_eq!(certificate.days_left(datetime!(2026-12-02 00:00 UTC)), -1.0);
        assert_eq!(certificate.life_left(datetime!(2026-11-26 00:00 UTC)), 0.5);
        assert_eq!(certificate.life_left(datetime!(2027-01-01 00:00 UTC)), 0.0);
    }

    /// The parser took a version in a primitive tag, so that the key that was judged was not the key that verifies.
    #[test]
    fn a_public_key_out_of_its_place_is_refused() {
        let der = include_bytes!("../../fixtures/fuzz/certificate/version-in-a-primitive-tag.der");
        assert_eq!(
            Certificate::from_der(der),
            Err(X509Error::Unreadable {
                expected: Expected::Certificate,
                reason: "the public key does not stand in its place".to_owned(),
            })
        );
    }

    #[test]
    fn damaged_outer_bytes_are_told_apart() {
        let der = make(&spec("a")).der().to_vec();
        let mut longer = der.clone();
        longer.extend([0, 0, 0]);
        for (bytes, expected) in [
            (
                longer.as_slice(),
                X509Error::TrailingBytes {
                    after: Expected::Certificate,
                    count: 3,
                },
            ),
            (
                &der[..der.len() - 7],
                X509Error::Truncated {
                    expected: der.len(),
                    found: der.len() - 7,
                },
            ),
            (
                b"hello",
                X509Error::Unreadable {
                    expected: Expected::Certificate,
                    reason: "it is not DER".to_owned(),
                },
            ),
            (
                &vec![0x30; Certificate::MAX_BYTES + 1],
                X509Error::TooLarge {
                    limit: Certificate::MAX_BYTES,
                    size: Certificate::MAX_BYTES + 1,
                },
            ),
        ] {
            assert_eq!(Certificate::from_der(bytes), Err(expected));
        }
        assert!(matches!(
            Certificate::from_der(&[0x30, 0x02, 0x05, 0x00]),
            Err(X509Error::Unreadable { .. })
        ));
    }

    /// Replaces bytes of the same length in the DER; the signature is wrong afterwards, the structure is not.
    fn patched(certificate: &Certificate, from: &[u8], to: &[u8]) -> Certificate {
        assert_eq!(from.len(), to.len());
        let mut der = certificate.der().to_vec();
        let at = der
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        der[at..at + to.len()].copy_from_slice(to);
        Certificate::from_der(&der).unwrap()
    }

    #[test]
    fn one_odd_extension_does_not_spoil_the_certificate() {
        let mut spec = spec("odd");
        spec.key_usage = Some(KeyUsage {
            digital_signature: true,
            ..KeyUsage::default()
        });
        spec.key_purposes = vec![KeyPurpose::ServerAuth];
        let certificate = make(&spec);
        assert!(certificate.facts().problems.is_empty());

        // keyUsage as an OCTET STRING
        let odd = patched(
            &certificate,
            &[0x03, 0x02, 0x07, 0x80],
            &[0x04, 0x02, 0x07, 0x80],
        );
        assert_eq!(odd.facts().problems, ["keyUsage cannot be read"]);
        assert_eq!(odd.facts().key_usage, None);
        assert_eq!(odd.facts().key_purposes, Some(vec![KeyPurpose::ServerAuth]));
        assert!(!odd.is_self_signed() && certificate.is_self_signed());

        // extKeyUsage (2.5.29.37) becomes a second keyUsage (2.5.29.15)
        let twice = patched(&certificate, &[0x55, 0x1d, 0x25], &[0x55, 0x1d, 0x0f]);
        assert_eq!(twice.facts().problems, ["keyUsage stands twice"]);

        // the critical keyUsage becomes 2.5.29.99
        let unknown = patched(&certificate, &[0x55, 0x1d, 0x0f], &[0x55, 0x1d, 0x63]);
        assert_eq!(unknown.facts().unknown_critical, ["2.5.29.99"]);
    }

    #[test]
    fn a_certificate_has_a_name_for_people() {
        let named = make(&spec("edge\u{202e}.contoso.com"));
        assert_eq!(named.display_name(), "edge\u{fffd}.contoso.com");
        assert_eq!(named.serial_hex(), "84:a1");
        let mut bare = spec("x");
        bare.subject = Subject::default();
        assert_eq!(make(&bare).display_name(), "serial 84:a1");
        bare.names = vec![crate::names::Identifier::parse_typed("dns:contoso.com").unwrap()];
        assert_eq!(make(&bare).display_name(), "contoso.com");
        bare.names = vec![];
        bare.subject.organization = Some("Contoso".to_owned());
        assert_eq!(make(&bare).display_name(), "O=Contoso");
    }
}
