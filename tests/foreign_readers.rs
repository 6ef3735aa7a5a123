//! What we write is read by strangers, and what strangers write is read by us: openssl and gnutls's certtool.
//!
//! A tool that is missing is a failure, with the command that installs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/foreign.rs"]
mod foreign;

use edgecert::names::{Identifier, Presented};
use edgecert::x509::issue::{IssueSpec, Issuer, issue};
use edgecert::x509::{
    Certificate, Csr, CsrSpec, KeyPurpose, KeyType, KeyUsage, Passphrase, PrivateKey,
    PublicKeyKind, Subject, X509Error, container,
};
use foreign::run;
use tempfile::TempDir;
use time::macros::datetime;

/// `openssl` with words divided by spaces.
fn openssl(folder: &TempDir, words: &str) -> String {
    let command: Vec<&str> = std::iter::once("openssl").chain(words.split(' ')).collect();
    run(folder.path(), "openssl", &command)
}

fn write(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(folder.path().join(name), bytes).unwrap();
}

fn read(folder: &TempDir, name: &str) -> Vec<u8> {
    std::fs::read(folder.path().join(name)).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn names(words: &[&str]) -> Vec<Identifier> {
    words
        .iter()
        .map(|word| Identifier::parse_typed(word).unwrap())
        .collect()
}

fn spec() -> CsrSpec {
    CsrSpec {
        subject: Subject {
            country: Some("DE".to_owned()),
            state: Some("Thüringen".to_owned()),
            locality: Some("Jena".to_owned()),
            organization: Some("Contoso".to_owned()),
            organizational_unit: None,
            common_name: Some("edge.contoso.com".to_owned()),
        },
        names: names(&[
            "dns:edge.contoso.com",
            "dns:contoso.com",
            "srv:_xmpp-server.contoso.com",
            "xmpp:xn--bcher-kva.example",
            "sip:contoso.com",
            "ip:192.0.2.10",
        ]),
        key_usage: KeyUsage {
            digital_signature: true,
            key_encipherment: true,
            ..KeyUsage::default()
        },
        key_purposes: vec![
            KeyPurpose::ServerAuth,
            KeyPurpose::ClientAuth,
            KeyPurpose::SipDomain,
        ],
        template: None,
    }
}

fn assert_says(said: &str, wanted: &[&str]) {
    for words in wanted {
        assert!(said.contains(words), "{words:?} is missing in:\n{said}");
    }
}

#[test]
fn requests_of_every_key_type_are_read_by_openssl_and_certtool() {
    let folder = folder();
    for key_type in KeyType::ALL {
        let key = PrivateKey::generate(key_type).unwrap();
        let csr = Csr::build(&spec(), &key).unwrap();
        write(&folder, "csr.pem", csr.to_pem());

        let said = openssl(
            &folder,
            "req -in csr.pem -verify -noout -text -nameopt utf8",
        );
        assert_says(
            &said,
            &[
                "verify OK",
                "C=DE, ST=Thüringen, L=Jena, O=Contoso, CN=edge.contoso.com",
                "X509v3 Key Usage: critical",
                "Digital Signature, Key Encipherment",
                "TLS Web Server Authentication, TLS Web Client Authentication, 1.3.6.1.5.5.7.3.20",
                "DNS:edge.contoso.com, DNS:contoso.com, othername: SRVName::_xmpp-server.contoso.com, othername: XmppAddr::bücher.example, URI:sip:contoso.com, IP Address:192.0.2.10",
            ],
        );

        let said = run(
            folder.path(),
            "gnutls-bin",
            &["certtool", "--crq-info", "--infile", "csr.pem"],
        );
        assert_says(
            &said,
            &[
                "DNSname: edge.contoso.com",
                "DNSname: contoso.com",
                "XMPP Address: bücher.example",
                "URI: sip:contoso.com",
                "Key Usage (critical)",
                "TLS WWW Server",
                "TLS WWW Client",
                "Self signature: verified",
            ],
        );

        let said = openssl(&folder, "asn1parse -in csr.pem");
        let after = |words: &str| {
            let at = said
                .find(words)
                .unwrap_or_else(|| panic!("{words}\n{said}"));
            said[at..].lines().nth(1).unwrap().to_owned()
        };
        assert_says(&after(":countryName"), &["PRINTABLESTRING   :DE"]);
        for field in [
            ":stateOrProvinceName",
            ":localityName",
            ":organizationName",
            ":commonName",
        ] {
            assert_says(&after(field), &["UTF8STRING"]);
        }
    }
}

#[test]
fn names_have_the_string_types_of_their_standards() {
    let folder = folder();
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let csr = Csr::build(&spec(), &key).unwrap();
    write(&folder, "csr.pem", csr.to_pem());
    // The offset of the subjectAltName's OCTET STRING, whose inside is parsed on its own.
    let outer = openssl(&folder, "asn1parse -in csr.pem");
    let line = outer
        .lines()
        .skip_while(|line| !line.contains("X509v3 Subject Alternative Name"))
        .find(|line| line.contains("OCTET STRING"))
        .unwrap();
    let offset = line.split(':').next().unwrap().trim();
    let said = openssl(
        &folder,
        &format!("asn1parse -in csr.pem -strparse {offset}"),
    );
    assert_says(&said, &["IA5STRING         :_xmpp-server.contoso.com"]);
    let xmpp = said
        .lines()
        .find(|line| line.contains("UTF8STRING"))
        .unwrap();
    assert_says(xmpp, &["bücher.example"]);
}

#[test]
fn names_are_critical_where_the_subject_is_empty() {
    let folder = folder();
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let mut spec = spec();
    spec.subject = Subject::default();
    write(
        &folder,
        "csr.pem",
        Csr::build(&spec, &key).unwrap().to_pem(),
    );
    let said = openssl(&folder, "req -in csr.pem -verify -noout -text");
    assert_says(
        &said,
        &["verify OK", "X509v3 Subject Alternative Name: critical"],
    );
}

#[test]
fn our_keys_are_read_by_openssl() {
    let folder = folder();
    for key_type in [
        KeyType::Rsa2048,
        KeyType::Ec256,
        KeyType::Ec384,
        KeyType::Ed25519,
    ] {
        let key = PrivateKey::generate(key_type).unwrap();
        write(&folder, "key.pem", key.to_pem(None).unwrap().as_bytes());
        openssl(&folder, "pkey -in key.pem -check -noout");
        openssl(
            &folder,
            "pkey -in key.pem -pubout -outform DER -out pub.der",
        );
        assert_eq!(read(&folder, "pub.der"), key.spki_der(), "{key_type:?}");
    }
    let passphrase = Passphrase::new("pässword".to_owned());
    for key_type in KeyType::ALL {
        let key = PrivateKey::generate(key_type).unwrap();
        write(
            &folder,
            "sealed.pem",
            key.to_pem(Some(&passphrase)).unwrap().as_bytes(),
        );
        openssl(
            &folder,
            "pkey -in sealed.pem -passin pass:pässword -pubout -outform DER -out pub.der",
        );
        assert_eq!(read(&folder, "pub.der"), key.spki_der(), "{key_type:?}");
    }
    let said = openssl(&folder, "asn1parse -in sealed.pem");
    assert_says(
        &said,
        &["PBES2", "PBKDF2", "0927C0", "hmacWithSHA256", "aes-256-cbc"],
    );
}

#[test]
fn keys_of_every_common_form_are_read() {
    let folder = folder();
    for words in [
        "genrsa -traditional -out key.pem 2048",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out key.pem",
        // SEC1, with the block EC PARAMETERS before it
        "ecparam -name prime256v1 -genkey -out key.pem",
        "ecparam -name secp384r1 -genkey -noout -out key.pem",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out key.pem",
        "genpkey -algorithm ED25519 -out key.pem",
    ] {
        openssl(&folder, words);
        openssl(
            &folder,
            "pkey -in key.pem -pubout -outform DER -out pub.der",
        );
        openssl(
            &folder,
            "pkey -in key.pem -traditional -outform DER -out key.der",
        );
        let pem = PrivateKey::read(&read(&folder, "key.pem"), None).unwrap();
        let der = PrivateKey::read(&read(&folder, "key.der"), None).unwrap();
        assert_eq!(pem.spki_der(), read(&folder, "pub.der"), "{words}");
        assert_eq!(der.spki_der(), pem.spki_der(), "{words}");
        // and what we make of it is good PKCS#8
        write(&folder, "ours.pem", pem.to_pem(None).unwrap().as_bytes());
        openssl(&folder, "pkey -in ours.pem -check -noout");
        // it signs
        assert!(Csr::build(&spec(), &pem).unwrap().signature_ok, "{words}");
    }
}

#[test]
fn encrypted_keys_are_read_or_come_with_the_command_that_converts_them() {
    let folder = folder();
    openssl(
        &folder,
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem",
    );
    let plain = PrivateKey::read(&read(&folder, "key.pem"), None).unwrap();
    let passphrase = Passphrase::new("secret".to_owned());
    for (options, form) in [
        ("", "PEM"),
        ("", "DER"),
        (" -scrypt", "PEM"),
        (" -v2 aes-128-cbc -v2prf hmacWithSHA1", "PEM"),
        (" -v2 des3", "PEM"),
    ] {
        openssl(
            &folder,
            &format!(
                "pkcs8 -topk8 -in key.pem -out sealed -outform {form} -passout pass:secret{options}"
            ),
        );
        let sealed = read(&folder, "sealed");
        let key = PrivateKey::read(&sealed, Some(&passphrase)).unwrap();
        assert_eq!(key.spki_der(), plain.spki_der(), "{options} {form}");
        assert_eq!(
            PrivateKey::read(&sealed, None).unwrap_err(),
            X509Error::PassphraseMissing
        );
    }
    for words in [
        "pkcs8 -topk8 -v1 PBE-SHA1-3DES -in key.pem -out old.pem -passout pass:secret",
        "ec -aes256 -in key.pem -out old.pem -passout pass:secret",
    ] {
        openssl(&folder, words);
        let error = PrivateKey::read(&read(&folder, "old.pem"), Some(&passphrase)).unwrap_err();
        let mend = edgecert::explain::Explain::explain(&error).mend;
        assert_says(&mend, &["openssl pkcs8 -topk8 -in FILE -out FILE.new"]);
        // and the command does what it says
        openssl(
            &folder,
            "pkcs8 -topk8 -in old.pem -out new.pem -passin pass:secret -passout pass:secret",
        );
        let key = PrivateKey::read(&read(&folder, "new.pem"), Some(&passphrase)).unwrap();
        assert_eq!(key.spki_der(), plain.spki_der());
    }
    // more work than a file may ask for
    openssl(
        &folder,
        "pkcs8 -topk8 -in key.pem -out costly.pem -passout pass:secret -iter 10000001",
    );
    assert!(matches!(
        PrivateKey::read(&read(&folder, "costly.pem"), Some(&passphrase)),
        Err(X509Error::KdfTooCostly { .. })
    ));
}

#[test]
fn unusable_keys_are_refused_by_name() {
    let folder = folder();
    for (words, expected) in [
        (
            "genrsa -out key.pem 1024",
            X509Error::RsaTooShort { bits: 1024 },
        ),
        (
            "genpkey -algorithm ED448 -out key.pem",
            X509Error::UnknownKeyAlgorithm {
                algorithm: "Ed448".to_owned(),
            },
        ),
        (
            "genpkey -algorithm RSA-PSS -out key.pem",
            X509Error::UnknownKeyAlgorithm {
                algorithm: "RSA-PSS".to_owned(),
            },
        ),
        (
            "ecparam -name secp256k1 -genkey -out key.pem",
            X509Error::UnknownKeyAlgorithm {
                algorithm: "EC on secp256k1".to_owned(),
            },
        ),
    ] {
        openssl(&folder, words);
        let error = PrivateKey::read(&read(&folder, "key.pem"), None).unwrap_err();
        assert_eq!(error, expected, "{words}");
    }
}

/// A root, made by openssl.
fn foreign_root(folder: &TempDir, key: &str) {
    let subject = "/C=DE/O=Example CA/CN=Example Root";
    run(
        folder.path(),
        "openssl",
        &[
            "openssl",
            "req",
            "-x509",
            "-newkey",
            key,
            "-pkeyopt",
            if key == "rsa" {
                "rsa_keygen_bits:2048"
            } else {
                "ec_paramgen_curve:P-384"
            },
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-days",
            "3650",
            "-subj",
            subject,
        ],
    );
}

#[test]
fn certificates_that_openssl_issues_from_our_requests_are_read() {
    for ca_key in ["rsa", "ec"] {
        let folder = folder();
        foreign_root(&folder, ca_key);
        let root = Certificate::from_der(&only_certificate(&folder, "ca.pem")).unwrap();
        assert!(root.is_ca() && root.is_self_signed());
        for key_type in [KeyType::Ec256, KeyType::Ec384, KeyType::Ed25519] {
            let key = PrivateKey::generate(key_type).unwrap();
            let spec = spec();
            write(
                &folder,
                "csr.pem",
                Csr::build(&spec, &key).unwrap().to_pem(),
            );
            openssl(
                &folder,
                "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -days 90 -set_serial 0x84a1b2 -copy_extensions copy -out leaf.pem",
            );
            let leaf = Certificate::from_der(&only_certificate(&folder, "leaf.pem")).unwrap();
            let facts = leaf.facts();
            assert!(leaf.is_signed_by(&root), "{key_type:?} by {ca_key}");
            assert!(!root.is_signed_by(&leaf) && !leaf.is_self_signed() && !leaf.is_ca());
            assert_eq!(facts.spki_sha256, key.spki_sha256());
            assert_eq!(facts.public_key, key.kind());
            assert_eq!(leaf.serial_hex(), "84:a1:b2");
            assert_eq!(
                facts.subject.text,
                "CN=edge.contoso.com, O=Contoso, L=Jena, ST=Thüringen, C=DE"
            );
            assert_eq!(facts.issuer.text, "CN=Example Root, O=Example CA, C=DE");
            let asked: Vec<Presented> = spec.names.iter().map(Identifier::to_presented).collect();
            assert_eq!(facts.names, Some(asked));
            assert_eq!(facts.key_usage, Some(spec.key_usage));
            assert_eq!(facts.key_purposes, Some(spec.key_purposes));
            assert_eq!(leaf.life_seconds(), 90 * 86_400 + 1);
            assert_eq!(facts.problems, Vec::<String>::new());
            assert_eq!(facts.version, 3);
            // the fingerprint as openssl prints it
            let said = openssl(&folder, "x509 -in leaf.pem -noout -fingerprint -sha256");
            let hex = said.trim().rsplit('=').next().unwrap().replace(':', "");
            assert_eq!(
                facts.sha256.to_string(),
                format!("sha256:{}", hex.to_lowercase())
            );
        }
    }
}

/// DER of the one certificate in a file.
fn only_certificate(folder: &TempDir, name: &str) -> Vec<u8> {
    let contents = container::read(&read(folder, name), None).unwrap();
    assert_eq!(contents.certificates.len(), 1);
    contents.certificates[0].1.der().to_vec()
}

#[test]
fn odd_certificates_still_say_what_they_hold() {
    let folder = folder();
    let make = |words: &str| {
        openssl(&folder, words);
        Certificate::from_der(&only_certificate(&folder, "odd.pem")).unwrap()
    };
    let weak = make(
        "req -x509 -newkey rsa -pkeyopt rsa_keygen_bits:1024 -nodes -keyout odd.key -out odd.pem -sha1 -subj /CN=weak",
    );
    assert!(weak.facts().signature_is_weak && weak.is_self_signed());
    assert!(matches!(
        weak.facts().public_key,
        PublicKeyKind::Rsa {
            bits: 1024,
            exponent: 65537
        }
    ));
    let ed448 = make("req -x509 -newkey ed448 -nodes -keyout odd.key -out odd.pem -subj /CN=ed448");
    assert!(!ed448.is_self_signed());
    assert_eq!(ed448.facts().signature_algorithm, "Ed448");
    let pss = make(
        "req -x509 -newkey rsa -pkeyopt rsa_keygen_bits:2048 -nodes -keyout odd.key -out odd.pem -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1 -subj /CN=pss",
    );
    assert!(pss.is_self_signed() && !pss.facts().signature_is_weak);
    let p521 = make(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-521 -nodes -keyout odd.key -out odd.pem -sha512 -subj /CN=p521",
    );
    assert!(p521.is_self_signed());
    // version 1 has no extensions
    openssl(&folder, "req -new -key odd.key -out odd.csr -subj /CN=v1");
    let v1 = make("x509 -req -in odd.csr -signkey odd.key -out odd.pem");
    assert_eq!((v1.facts().version, v1.facts().names.clone()), (1, None));
    assert!(v1.is_ca());
    // a serial of 24 bytes, a life beyond 2050
    let long = make(
        "req -x509 -key odd.key -out odd.pem -days 40000 -set_serial 0x0102030405060708090a0b0c0d0e0f101112131415161718 -subj /CN=long",
    );
    assert_eq!(long.facts().serial.len(), 24);
    assert!(long.facts().not_after.year() > 2100);
    // an unknown critical extension
    let critical = make(
        "req -x509 -key odd.key -out odd.pem -subj /CN=critical -addext 1.2.3.4=critical,DER:0500",
    );
    assert_eq!(critical.facts().unknown_critical, ["1.2.3.4"]);
    // OpenSSL's own label, with trust settings after the certificate
    openssl(
        &folder,
        "x509 -in odd.pem -addtrust serverAuth -trustout -out trusted.pem",
    );
    assert_eq!(only_certificate(&folder, "trusted.pem"), critical.der());
    // PKCS#7 is read, and PKCS#12 says what it needs
    openssl(&folder, "crl2pkcs7 -nocrl -certfile odd.pem -out odd.p7b");
    let contents = container::read(&read(&folder, "odd.p7b"), None).unwrap();
    assert_eq!(contents.certificates[0].1.der(), critical.der());
    openssl(
        &folder,
        "pkcs12 -export -in odd.pem -inkey odd.key -out odd.pfx -passout pass:x",
    );
    let error = container::read(&read(&folder, "odd.pfx"), None).unwrap_err();
    assert_says(
        &edgecert::explain::Explain::explain(&error).mend,
        &["--passphrase-file"],
    );
}

#[test]
fn requests_that_openssl_makes_are_read() {
    let folder = folder();
    run(
        folder.path(),
        "openssl",
        &[
            "openssl",
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "csr.pem",
            "-subj",
            "/C=US/CN=chat.example.org",
            "-addext",
            "subjectAltName=DNS:chat.example.org,otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_xmpp-server.example.org",
            "-addext",
            "extendedKeyUsage=serverAuth",
        ],
    );
    let csr = Csr::read(&read(&folder, "csr.pem")).unwrap();
    assert!(csr.signature_ok);
    assert_eq!(
        csr.names,
        [
            Presented::Dns("chat.example.org".to_owned()),
            Presented::Srv("_xmpp-server.example.org".to_owned())
        ]
    );
    assert_eq!(csr.key_purposes, [KeyPurpose::ServerAuth]);
    assert_eq!(csr.subject.text, "CN=chat.example.org, C=US");
    let key = PrivateKey::read(&read(&folder, "key.pem"), None).unwrap();
    assert_eq!(csr.spki_sha256, key.spki_sha256());
}

#[test]
fn certificates_of_the_lab_are_verified_by_openssl_and_certtool() {
    let folder = folder();
    let ca_spec = |name: &str, path: Option<u32>| IssueSpec {
        serial: vec![7],
        ca: Some(path),
        key_usage: Some(KeyUsage {
            key_cert_sign: true,
            crl_sign: true,
            ..KeyUsage::default()
        }),
        ..IssueSpec::of(
            Subject::named(name),
            datetime!(2026-01-01 00:00 UTC),
            datetime!(2056-01-01 00:00 UTC),
        )
    };
    for ca_type in [KeyType::Rsa2048, KeyType::Ec384, KeyType::Ed25519] {
        let root_key = PrivateKey::generate(ca_type).unwrap();
        let root = issue(
            &ca_spec("Lab Root", None),
            root_key.spki_der(),
            &Issuer::own(&root_key),
        )
        .unwrap();
        let lower_key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let lower = issue(
            &ca_spec("Lab Intermediate", Some(0)),
            lower_key.spki_der(),
            &Issuer {
                certificate: Some(&root),
                key: &root_key,
            },
        )
        .unwrap();
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let mut leaf_spec = ca_spec("unused", None);
        leaf_spec.subject = Subject::default();
        leaf_spec.names = spec().names;
        leaf_spec.ca = None;
        leaf_spec.key_usage = Some(KeyUsage {
            digital_signature: true,
            ..KeyUsage::default()
        });
        leaf_spec.key_purposes = vec![KeyPurpose::ServerAuth];
        leaf_spec.ca_issuers = Some("http://ca.example/lower.cer".to_owned());
        let leaf = issue(
            &leaf_spec,
            key.spki_der(),
            &Issuer {
                certificate: Some(&lower),
                key: &lower_key,
            },
        )
        .unwrap();
        write(&folder, "root.pem", root.to_pem());
        write(&folder, "lower.pem", lower.to_pem());
        write(&folder, "leaf.pem", leaf.to_pem());
        let said = openssl(
            &folder,
            "verify -x509_strict -attime 1795000000 -purpose sslserver -verify_hostname edge.contoso.com -CAfile root.pem -untrusted lower.pem leaf.pem",
        );
        assert_says(&said, &["leaf.pem: OK"]);
        let said = run(
            folder.path(),
            "gnutls-bin",
            &["certtool", "--certificate-info", "--infile", "leaf.pem"],
        );
        assert_says(
            &said,
            &[
                "Subject Alternative Name (critical)",
                "XMPP Address: bücher.example",
                "Access Location URI: http://ca.example/lower.cer",
                "Basic Constraints (critical)",
            ],
        );
    }
}

#[test]
fn no_changed_byte_makes_a_reader_panic() {
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let csr = Csr::build(&spec(), &key).unwrap();
    let issued = IssueSpec {
        serial: vec![7],
        subject: spec().subject,
        names: spec().names,
        not_before: datetime!(2026-01-01 00:00 UTC),
        not_after: datetime!(2056-01-01 00:00 UTC),
        ca: Some(Some(3)),
        key_usage: Some(spec().key_usage),
        key_purposes: spec().key_purposes,
        ca_issuers: Some("http://ca.example/lower.cer".to_owned()),
    };
    let issuer = Issuer::own(&key);
    let certificate = issue(&issued, key.spki_der(), &issuer).unwrap();
    let pkcs8 = key.pkcs8_der().unwrap().to_vec();
    for der in [certificate.der(), &csr.der, &pkcs8] {
        for at in 0..der.len() {
            for value in [0x00, 0x30, 0x7f, 0x80, 0x84, 0xff, der[at] ^ 1] {
                let mut changed = der.to_vec();
                changed[at] = value;
                if let Ok(contents) = container::read(&changed, None) {
                    for (_, certificate) in &contents.certificates {
                        let _ = (certificate.display_name(), certificate.is_ca());
                    }
                }
                let _ = Certificate::from_der(&changed);
                let _ = Csr::from_der(&changed);
                let _ = PrivateKey::read(&changed, None);
            }
            let _ = container::read(&der[..at], None);
        }
    }
}
