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
    let subject = Subject::named("edge.contoso.com");
    let spec = IssueSpec::of(
        subject.clone(),
        datetime!(2026-01-01 00:00 UTC),
        datetime!(2026-01-02 00:00 UTC),
    );
    let issuer = Issuer::own(&key);
    let csr = CsrSpec {
        subject,
        names: vec![],
        key_usage: KeyUsage::default(),
        key_purposes: vec![],
        template: None,
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
    let sealed = [
        0x30, 0x0f, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03, 0xa0, 0x02,
        0x30, 0x00,
    ];
    let said = crate::explain::Explain::explain(&read(&sealed, None).unwrap_err());
    assert!(said.mend.contains("openssl cms -decrypt"));
    let contents = read(pem::encode("CERTIFICATE", &sealed).as_bytes(), None).unwrap();
    assert_eq!(
        contents.problems,
        [("block 1".to_owned(), foreign(ForeignForm::SealedMessage))]
    );
}

/// A certs-only SignedData, each length definite.
fn pkcs7(certificates: &[&[u8]]) -> Vec<u8> {
    let oid = |last| {
        ber::wrap(
            6,
            &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, last]],
        )
    };
    let inner = ber::wrap(
        tlv::SEQUENCE,
        &[
            &[2, 1, 1, 0x31, 0],
            &ber::wrap(tlv::SEQUENCE, &[&oid(1)]),
            &ber::wrap(tlv::CONTEXT_0, certificates),
            &[0x31, 0],
        ],
    );
    let content = ber::wrap(tlv::CONTEXT_0, &[&inner]);
    ber::wrap(tlv::SEQUENCE, &[&oid(2), &content]).to_vec()
}

/// PKCS#7 data (not signed data) around bytes.
fn data(bytes: &[u8]) -> Vec<u8> {
    let oid = ber::wrap(6, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 1]]);
    let octets = ber::wrap(tlv::OCTET_STRING, &[bytes]);
    let content = ber::wrap(tlv::CONTEXT_0, &[&octets]);
    ber::wrap(tlv::SEQUENCE, &[&oid, &content]).to_vec()
}

#[test]
fn pkcs7_is_taken_under_every_label_and_without_one() {
    let parts = parts();
    let bag = pkcs7(&[parts.certificate.der(), &[0x30, 0x00]]);
    for label in ["PKCS7", "CMS", "CERTIFICATE CHAIN", "CERTIFICATE"] {
        let contents = read(pem::encode(label, &bag).as_bytes(), None).unwrap();
        assert_eq!(contents.packing, Packing::Pkcs7, "{label}");
        let [(place, one)] = contents.certificates.as_slice() else {
            panic!("{label}: {contents:?}");
        };
        assert_eq!(
            (place.as_str(), one),
            ("block 1, certificate 1", &parts.certificate)
        );
        assert_eq!(contents.problems[0].0, "block 1, certificate 2");
    }
    let contents = read(&bag, None).unwrap();
    assert_eq!(contents.certificates[0].0, "certificate 1");
    assert_eq!(contents.packing, Packing::Pkcs7);
}

#[test]
fn utf16_is_read_with_a_word_on_it() {
    let pem = parts().certificate.to_pem();
    let units: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let contents = read(&units, None).unwrap();
    assert_eq!(contents.certificates.len(), 1);
    assert_eq!(contents.notes, [("the file".to_owned(), Note::Utf16)]);
}

#[test]
fn files_within_files_are_opened_so_many_times() {
    let parts = parts();
    let mut file = parts.certificate.to_pem().into_bytes();
    for level in 0..8 {
        let read = read(&file, None);
        if level < MAX_NESTING {
            assert_eq!(read.unwrap().certificates.len(), 1, "{level}");
        } else {
            assert_eq!(
                read.unwrap_err(),
                X509Error::NestedTooDeep { limit: MAX_NESTING }
            );
        }
        file = data(&file);
    }
    // base64 of a PEM file
    let outer = pem::encode("X", parts.certificate.to_pem().as_bytes());
    let bare: String = outer
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let contents = read(bare.as_bytes(), None).unwrap();
    assert_eq!(contents.packing, Packing::Base64);
    assert_eq!(contents.certificates[0].0, "block 1");
}

#[test]
fn no_more_things_are_taken_than_a_file_may_have() {
    let bag = pkcs7(&[&[0x30, 0x00].repeat(MAX_ITEMS / 2 + 1)]);
    let two = pem::encode("PKCS7", &bag).repeat(2);
    let contents = read(two.as_bytes(), None).unwrap();
    assert_eq!(
        contents.problems.last(),
        Some(&(
            "block 2".to_owned(),
            X509Error::TooManyItems { limit: MAX_ITEMS }
        ))
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
    assert!(matches!(
        read(b"\xff\xfe-\0", None),
        Err(X509Error::NothingRecognised { found, .. }) if found == "it is text without a PEM block"
    ));
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
    let key = include_str!("../../../fixtures/fuzz/key/pbes2.pem");
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
