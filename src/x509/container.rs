//! What a file holds, by content and never by suffix or label: certificates, requests and keys in one list.

use super::error::{Expected, ForeignForm};
use super::pem::{self, PemBlock};
use super::sniff::{self, Form};
use super::{Certificate, Csr, Passphrase, PrivateKey, X509Error, key_format, tlv};

/// How a text was packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// PEM blocks.
    Pem,
    /// One DER value.
    Der,
}

/// What a file held.
#[derive(Debug)]
pub struct Contents {
    /// How it was packed.
    pub packing: Packing,
    /// Certificates in the order found, with where (`block 2`).
    pub certificates: Vec<(String, Certificate)>,
    /// Private keys, with where.
    pub keys: Vec<(String, PrivateKey)>,
    /// Requests, with where.
    pub requests: Vec<(String, Csr)>,
    /// Blocks that could not be read: where, and why.
    pub problems: Vec<(String, X509Error)>,
}

/// Largest file read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// What is found in a file without a byte.
pub(crate) const EMPTY: &str = "it is empty";

/// What is found in HTML.
pub(crate) const WEB_PAGE: &str = "it is a web page";

/// Most blocks read of one file.
pub const MAX_BLOCKS: usize = 10_000;

/// Most encrypted keys that are opened in one file: each may cost seconds, and a file has one or two.
pub const MAX_ENCRYPTED_KEYS: usize = 8;

impl Contents {
    fn new(packing: Packing) -> Self {
        Self {
            packing,
            certificates: Vec::new(),
            keys: Vec::new(),
            requests: Vec::new(),
            problems: Vec::new(),
        }
    }
}

/// Reads PEM (several blocks) or DER (certificate, request or key). Errors only where nothing at all was
/// recognised, the text is too large, or has too many blocks; a single bad block is a problem in the list.
pub fn read(bytes: &[u8], passphrase: Option<&Passphrase>) -> Result<Contents, X509Error> {
    if bytes.len() > MAX_BYTES {
        return Err(X509Error::TooLarge {
            limit: MAX_BYTES,
            size: bytes.len(),
        });
    }
    // DER comes first: base64 text or a comment inside it is no PEM.
    if is_whole_der(bytes) {
        return read_der(bytes, passphrase);
    }
    let blocks = pem::scan(bytes);
    if blocks.is_empty() {
        return read_unarmoured(bytes, passphrase);
    }
    if blocks.len() > MAX_BLOCKS {
        return Err(X509Error::TooManyBlocks {
            limit: MAX_BLOCKS,
            count: blocks.len(),
        });
    }
    let mut contents = Contents::new(Packing::Pem);
    let mut encrypted = 0;
    for block in &blocks {
        let place = format!("block {}", block.number);
        if passphrase.is_some() && is_encrypted(block) {
            encrypted += 1;
            if encrypted > MAX_ENCRYPTED_KEYS {
                let problem = X509Error::TooManyEncryptedKeys {
                    limit: MAX_ENCRYPTED_KEYS,
                };
                contents.problems.push((place, problem));
                continue;
            }
        }
        if let Err(problem) = take_block(&mut contents, block, &place, passphrase) {
            contents.problems.push((place, problem));
        }
    }
    Ok(contents)
}

fn is_encrypted(block: &PemBlock) -> bool {
    block
        .content
        .as_ref()
        .is_ok_and(|der| sniff::form(der) == Form::EncryptedPkcs8)
}

fn is_whole_der(bytes: &[u8]) -> bool {
    matches!(tlv::read(bytes), Ok((outer, [])) if outer.tag == tlv::SEQUENCE)
}

fn read_der(bytes: &[u8], passphrase: Option<&Passphrase>) -> Result<Contents, X509Error> {
    let mut contents = Contents::new(Packing::Der);
    take_der(&mut contents, bytes, "the file", passphrase)?;
    Ok(contents)
}

/// Neither PEM nor one whole DER value: damaged DER, base64 without its lines, or something else.
fn read_unarmoured(bytes: &[u8], passphrase: Option<&Passphrase>) -> Result<Contents, X509Error> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(X509Error::Utf16);
    }
    if sniff::form(bytes) != Form::Unknown {
        return read_der(bytes, passphrase);
    }
    if let Some(der) = pem::decode_bare(bytes).filter(|der| is_whole_der(der)) {
        return read_der(&der, passphrase);
    }
    let found = if bytes.is_empty() {
        EMPTY
    } else if is_web_page(bytes) {
        WEB_PAGE
    } else if std::str::from_utf8(bytes).is_ok() {
        "it is text without a PEM block"
    } else {
        "it is neither text nor DER of a known form"
    };
    Err(X509Error::NothingRecognised {
        expected: Expected::Anything,
        found: found.to_owned(),
    })
}

/// HTML begins with its doctype or its first element, behind blanks and a byte order mark at most.
fn is_web_page(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let begin = bytes.trim_ascii_start();
    ["<!doctype html", "<html", "<head", "<body"]
        .iter()
        .any(|tag| {
            begin
                .get(..tag.len())
                .is_some_and(|found| found.eq_ignore_ascii_case(tag.as_bytes()))
        })
}

/// The label is a hint in three cases alone: parameters that mean nothing by themselves, OpenSSL's trusted
/// certificates with data behind them, and what to call a block that is of no known form.
fn take_block(
    contents: &mut Contents,
    block: &PemBlock,
    place: &str,
    passphrase: Option<&Passphrase>,
) -> Result<(), X509Error> {
    if matches!(block.label.as_str(), "EC PARAMETERS" | "DH PARAMETERS") {
        return Ok(());
    }
    if let Some(legacy) = key_format::encryption_headers(&block.headers) {
        return Err(legacy);
    }
    let der = block
        .content
        .as_ref()
        .map_err(|reason| X509Error::BadBlock {
            label: block.label.clone(),
            line: block.line,
            reason: reason.clone(),
        })?;
    let der = match tlv::read(der) {
        Ok((certificate, _)) if block.label == "TRUSTED CERTIFICATE" => certificate.raw,
        Ok(_) | Err(_) => der.as_slice(),
    };
    match sniff::form(der) {
        Form::Unknown => Err(match block.label.as_str() {
            "PKCS7" | "CMS" | "CERTIFICATE CHAIN" => foreign(ForeignForm::Pkcs7, true),
            label => X509Error::Unreadable {
                expected: expected_of(label),
                reason: format!("the block {label} holds no structure that is known here"),
            },
        }),
        Form::Pkcs7 => Err(foreign(ForeignForm::Pkcs7, true)),
        Form::Certificate
        | Form::Request
        | Form::Crl
        | Form::Pkcs8
        | Form::EncryptedPkcs8
        | Form::Pkcs1
        | Form::Sec1
        | Form::PublicKey
        | Form::Pkcs12 => take_der(contents, der, place, passphrase),
    }
}

fn expected_of(label: &str) -> Expected {
    match label {
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Expected::Certificate,
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Expected::Request,
        key if key.ends_with("PRIVATE KEY") => Expected::Key,
        _ => Expected::Anything,
    }
}

fn foreign(form: ForeignForm, is_pem: bool) -> X509Error {
    X509Error::ForeignForm { form, is_pem }
}

fn take_der(
    contents: &mut Contents,
    der: &[u8],
    place: &str,
    passphrase: Option<&Passphrase>,
) -> Result<(), X509Error> {
    let place = place.to_owned();
    match sniff::form(der) {
        Form::Certificate => contents
            .certificates
            .push((place, Certificate::from_der(der)?)),
        Form::Request => contents.requests.push((place, Csr::from_der(der)?)),
        Form::Pkcs8 | Form::EncryptedPkcs8 | Form::Pkcs1 | Form::Sec1 => {
            contents
                .keys
                .push((place, PrivateKey::from_der(der, passphrase)?));
        }
        Form::Pkcs7 => return Err(foreign(ForeignForm::Pkcs7, false)),
        Form::Pkcs12 => return Err(foreign(ForeignForm::Pkcs12, false)),
        Form::Crl => return Err(foreign(ForeignForm::Crl, false)),
        Form::PublicKey => return Err(foreign(ForeignForm::PublicKey, false)),
        Form::Unknown => {
            return Err(X509Error::NothingRecognised {
                expected: Expected::Anything,
                found: "it is DER of no known form".to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::issue::{IssueSpec, Issuer, issue};
    use crate::x509::{CsrSpec, KeyType, KeyUsage, Subject};
    use time::macros::datetime;

    struct Parts {
        key: PrivateKey,
        certificate: Certificate,
        csr: Csr,
    }

    fn parts() -> Parts {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let subject = Subject {
            common_name: Some("edge.contoso.com".to_owned()),
            ..Subject::default()
        };
        let spec = IssueSpec {
            serial: vec![1],
            subject: subject.clone(),
            names: vec![],
            not_before: datetime!(2026-01-01 00:00 UTC),
            not_after: datetime!(2026-01-02 00:00 UTC),
            ca: None,
            key_usage: None,
            key_purposes: vec![],
            ca_issuers: None,
        };
        let issuer = Issuer {
            certificate: None,
            key: &key,
        };
        let csr = CsrSpec {
            subject,
            names: vec![],
            key_usage: KeyUsage::default(),
            key_purposes: vec![],
        };
        Parts {
            certificate: issue(&spec, key.spki_der(), &issuer).unwrap(),
            csr: Csr::build(&csr, &key).unwrap(),
            key,
        }
    }

    #[test]
    fn everything_in_a_file_is_found_with_its_place() {
        let parts = parts();
        let text = format!(
            "\u{feff}some words\r\n{}-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{}-----BEGIN CERTIFICATE-----\nMIIB\n{}{}",
            parts.certificate.to_pem().replace('\n', "\r\n"),
            parts.key.to_pem(None).unwrap().as_str(),
            parts.csr.to_pem().replace(" CERT", " NEW CERT"),
            pem::encode("X509 CERTIFICATE", parts.certificate.der()),
        );
        let contents = read(text.as_bytes(), None).unwrap();
        assert_eq!(contents.packing, Packing::Pem);
        let places: Vec<&str> = contents
            .certificates
            .iter()
            .map(|(place, _)| place.as_str())
            .collect();
        assert_eq!(places, ["block 1", "block 6"]);
        assert_eq!(contents.keys[0].0, "block 3");
        assert_eq!(contents.keys[0].1.spki_der(), parts.key.spki_der());
        assert_eq!(contents.requests, [("block 5".to_owned(), parts.csr)]);
        let [(place, problem)] = contents.problems.as_slice() else {
            panic!("{:?}", contents.problems);
        };
        assert_eq!(place, "block 4");
        assert!(matches!(problem, X509Error::BadBlock { reason, .. } if reason == "no END line"));
    }

    #[test]
    fn der_is_told_by_its_content() {
        let parts = parts();
        let certificate = read(parts.certificate.der(), None).unwrap();
        assert_eq!(certificate.packing, Packing::Der);
        assert_eq!(certificate.certificates[0].1, parts.certificate);
        assert_eq!(read(&parts.csr.der, None).unwrap().requests.len(), 1);
        let pkcs8 = parts.key.pkcs8_der().unwrap();
        assert_eq!(read(&pkcs8, None).unwrap().keys.len(), 1);
        // base64 without its lines
        let bare: String = parts
            .certificate
            .to_pem()
            .lines()
            .filter(|line| !line.starts_with('-'))
            .map(|line| format!("{line}\r\n"))
            .collect();
        assert_eq!(read(bare.as_bytes(), None).unwrap().certificates.len(), 1);
    }

    #[test]
    fn labels_are_hints_only() {
        let parts = parts();
        let mut trusted = parts.certificate.der().to_vec();
        trusted.extend([0x30, 0x00]);
        for (label, der) in [
            ("TRUSTED CERTIFICATE", &trusted),
            ("PRIVATE KEY", &parts.certificate.der().to_vec()),
            ("ANYTHING", &parts.certificate.der().to_vec()),
        ] {
            let contents = read(pem::encode(label, der).as_bytes(), None).unwrap();
            assert_eq!(contents.certificates.len(), 1, "{label}");
        }
        let contents = read(pem::encode("CERTIFICATE", &trusted).as_bytes(), None).unwrap();
        assert!(matches!(
            contents.problems[0].1,
            X509Error::TrailingBytes { count: 2, .. }
        ));
    }

    #[test]
    fn other_forms_are_named_with_the_way_out() {
        let p7 = [
            0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02,
        ];
        let said = crate::explain::Explain::explain(&read(&p7, None).unwrap_err());
        assert!(said.mend.contains("openssl pkcs7 -inform DER -print_certs"));
        // Windows labels a PKCS#7 as a certificate
        let contents = read(pem::encode("CERTIFICATE", &p7).as_bytes(), None).unwrap();
        assert_eq!(
            contents.problems,
            [("block 1".to_owned(), foreign(ForeignForm::Pkcs7, true))]
        );
    }

    #[test]
    fn nothing_recognised_says_what_was_seen() {
        for (bytes, expected) in [
            (&b""[..], "it is empty"),
            (b"hello world", "it is text without a PEM block"),
            (&[0xff; 9], "it is neither text nor DER of a known form"),
        ] {
            let Err(X509Error::NothingRecognised { found, .. }) = read(bytes, None) else {
                panic!("{bytes:?}");
            };
            assert_eq!(found, expected);
        }
        assert_eq!(read(b"\xff\xfe-\0", None).unwrap_err(), X509Error::Utf16);
        let der = parts().certificate.der().to_vec();
        assert!(matches!(
            read(&der[..der.len() - 3], None),
            Err(X509Error::Truncated { .. })
        ));
    }

    #[test]
    fn limits_are_kept() {
        assert!(matches!(
            read(&vec![b'a'; MAX_BYTES + 1], None),
            Err(X509Error::TooLarge { .. })
        ));
        let many = "-----BEGIN A-----\n-----END A-----\n".repeat(MAX_BLOCKS + 1);
        assert!(matches!(
            read(many.as_bytes(), None),
            Err(X509Error::TooManyBlocks { .. })
        ));
    }
    /// Each of them may ask for seconds of key derivation.
    #[test]
    fn no_more_encrypted_keys_are_opened_than_a_file_may_have() {
        let key = include_str!("../../fixtures/fuzz/key/pbes2.pem");
        let many = key.repeat(MAX_ENCRYPTED_KEYS + 2);
        let passphrase = Passphrase::new("fuzz".to_owned());
        let contents = read(many.as_bytes(), Some(&passphrase)).unwrap();
        assert_eq!(contents.keys.len(), MAX_ENCRYPTED_KEYS);
        let problems: Vec<_> = contents
            .problems
            .iter()
            .map(|(place, problem)| (place.as_str(), problem.clone()))
            .collect();
        let refused = X509Error::TooManyEncryptedKeys {
            limit: MAX_ENCRYPTED_KEYS,
        };
        assert_eq!(
            problems,
            [("block 9", refused.clone()), ("block 10", refused)]
        );
        let contents = read(many.as_bytes(), None).unwrap();
        assert!(
            contents
                .problems
                .iter()
                .all(|(_, problem)| *problem == X509Error::PassphraseMissing)
        );
    }
}
