use super::*;
use crate::x509::{Csr, KeyType, KeyUsage, PrivateKey, PublicKeyKind};
use der::asn1::{Any, BitString, SetOfVec};
use der::{Decode, Encode};
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::attr::{Attribute, Attributes};
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

const LONG_OID: &str =
    "1.3.6.1.4.1.311.21.8.16735922.7437492.10570883.2539024.15756463.185.268435456.4294967295";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_name_is_a_bare_bmp_string_byte_for_byte() {
    for (name, der) in [
        // As FreeIPA's test has it, and as Windows writes it.
        ("MySubCA", "1e0e004d007900530075006200430041"),
        ("WebServer", "1e12005700650062005300650072007600650072"),
        ("Büro", "1e080042 00fc 0072 006f"),
    ] {
        let template = CertificateTemplate::named(name).unwrap();
        assert_eq!(hex(&template.to_der().unwrap()), der.replace(' ', ""));
    }
    let long = CertificateTemplate::named(&"x".repeat(MAX_NAME)).unwrap();
    assert_eq!(hex(&long.to_der().unwrap()[..4]), "1e820200");
}

#[test]
fn an_identifier_stands_with_its_versions() {
    let id = |text: &str| CertificateTemplate::parse(text).unwrap().to_der().unwrap();
    assert_eq!(
        hex(&id("1.3.6.1.4.1.311.21.8.1.2:100.3")),
        "3013060b2b06010401823715080102020164020103"
    );
    assert_eq!(hex(&id("1.3.6.1.4.1.311.21.8.1.2:200")[15..]), "020200c8");
    assert_eq!(id("1.3.6.1.4.1.311.21.8.1.2").len(), 15);
    assert_eq!(hex(&unsigned(0)), "00");
}

#[test]
fn what_is_written_is_read_back() {
    for text in [
        "WebServer",
        "Büro",
        "Edge 2026: external",
        "1.3.6.1.4.1.311.21.8.1.2",
        "1.3.6.1.4.1.311.21.8.1.2:100",
        "1.3.6.1.4.1.311.21.8.1.2:100.3",
        "1.3.6.1.4.1.311.21.8.1.2:4294967295.0",
        "2.999.3",
        LONG_OID,
    ] {
        let template = CertificateTemplate::parse(text).unwrap();
        assert_eq!(template.to_string(), text);
        let der = template.to_der().unwrap();
        let kind = template.kind();
        assert_eq!(
            CertificateTemplate::from_extension(kind.as_bytes(), &der),
            Some(template),
            "{text}"
        );
    }
    // The syntax of the specification, and a foreign extension.
    let name = oid::MS_TEMPLATE_NAME;
    assert_eq!(
        CertificateTemplate::from_extension(name.as_bytes(), b"\x30\x05\x0c\x03abc"),
        Some(CertificateTemplate::Name("abc".into()))
    );
    for value in [
        &b""[..],
        b"\x1e\x03\0a\0",
        b"\x1e\x02\xd8\x00",
        b"\x04\x01a",
        b"\x1e\x02\0ab",
    ] {
        assert_eq!(
            CertificateTemplate::from_extension(name.as_bytes(), value),
            None
        );
    }
    for value in [
        &b"\x30\x00"[..],
        b"\x30\x03\x02\x01\x01",
        b"\x06\x02\x2a\x03",
    ] {
        let kind = oid::MS_TEMPLATE_ID;
        assert_eq!(
            CertificateTemplate::from_extension(kind.as_bytes(), value),
            None
        );
    }
    let other = oid::KEY_USAGE;
    assert_eq!(
        CertificateTemplate::from_extension(other.as_bytes(), b"\x1e\x02\0a"),
        None
    );
}

#[test]
fn what_cannot_be_written_is_refused() {
    for text in [
        "",
        " ",
        "a\u{7}",
        "\u{1f512}",
        "1.3.6.1.4.1.311.21.8.1.2:x",
        "1.3.6.1.4.1.311.21.8.1.2:1.2.3",
        "1.3.6..1",
        "3.1.1",
        "1.40.1",
        "1.3.06",
        "1.3.4294967296",
    ] {
        assert!(CertificateTemplate::parse(text).is_err(), "{text}");
    }
    assert!(CertificateTemplate::named(&"x".repeat(MAX_NAME + 1)).is_err());
    assert!(CertificateTemplate::identified("1.2.3", None, Some(1)).is_err());
}

/// A request whose extensions stand in an attribute of this kind.
fn request(attribute: ObjectIdentifier, templates: &[CertificateTemplate]) -> Csr {
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let mut wanted: Vec<Extension> = templates
        .iter()
        .map(|one| one.to_extension().unwrap())
        .collect();
    let usage = KeyUsage {
        digital_signature: true,
        ..KeyUsage::default()
    };
    wanted.push(
        crate::x509::csr::extension(oid::KEY_USAGE, true, &usage.to_bits().unwrap()).unwrap(),
    );
    let mut values = SetOfVec::new();
    values
        .insert(Any::encode_from(&ExtensionReq(wanted)).unwrap())
        .unwrap();
    let mut attributes = Attributes::default();
    attributes
        .insert(Attribute {
            oid: attribute,
            values,
        })
        .unwrap();
    let info = CertReqInfo {
        version: Version::V1,
        subject: crate::x509::Subject::default().to_name().unwrap(),
        public_key: SubjectPublicKeyInfoOwned::from_der(key.spki_der()).unwrap(),
        attributes,
    };
    let signature = key.sign(&info.to_der().unwrap()).unwrap();
    let request = CertReq {
        info,
        algorithm: key.signature_algorithm().unwrap(),
        signature: BitString::from_bytes(&signature).unwrap(),
    };
    Csr::from_der(&request.to_der().unwrap()).unwrap()
}

#[test]
fn templates_are_read_from_either_attribute() {
    let templates = ["WebServer", LONG_OID]
        .map(|text| CertificateTemplate::parse(text).unwrap())
        .to_vec();
    for attribute in [oid::EXTENSION_REQUEST, oid::MS_CERT_EXTENSIONS] {
        let csr = request(attribute, &templates);
        assert!(csr.signature_ok && matches!(csr.public_key, PublicKeyKind::Ec { .. }));
        assert_eq!(csr.templates, templates);
        assert!(csr.key_usage.is_some_and(|usage| usage.digital_signature));
    }
}
