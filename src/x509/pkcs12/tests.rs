use super::*;
use crate::x509::tlv::{INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};

const MOST: usize = 100;

fn oid_of(kind: &der::oid::ObjectIdentifier) -> Zeroizing<Vec<u8>> {
    ber::wrap(OBJECT_IDENTIFIER, &[kind.as_bytes()])
}

fn number(value: u32) -> Zeroizing<Vec<u8>> {
    ber::wrap(INTEGER, &[&[&[0][..], &value.to_be_bytes()].concat()])
}

/// A file around an authenticated safe, with a MAC of so many rounds.
fn file(safes: &[&[u8]], rounds: Option<u32>) -> Vec<u8> {
    let safes = ber::wrap(SEQUENCE, safes);
    let content = ber::wrap(tlv::CONTEXT_0, &[&ber::wrap(OCTET_STRING, &[&safes])]);
    let content = ber::wrap(SEQUENCE, &[&oid_of(&oid::PKCS7_DATA), &content]);
    let mac = rounds.map(|rounds| {
        let hash = ber::wrap(SEQUENCE, &[&oid_of(&oid::SHA256)]);
        let digest = ber::wrap(SEQUENCE, &[&hash, &ber::wrap(OCTET_STRING, &[&[7; 32]])]);
        ber::wrap(SEQUENCE, &[&digest, &[4, 2, 1, 2], &number(rounds)])
    });
    let mac: &[u8] = mac.as_deref().map_or(&[], |mac| mac);
    ber::wrap(SEQUENCE, &[&[INTEGER, 1, 3], &content, mac]).to_vec()
}

fn plain_safe(bags: &[&[u8]]) -> Vec<u8> {
    let bags = ber::wrap(OCTET_STRING, &[&ber::wrap(SEQUENCE, bags)]);
    let content = ber::wrap(tlv::CONTEXT_0, &[&bags]);
    ber::wrap(SEQUENCE, &[&oid_of(&oid::PKCS7_DATA), &content]).to_vec()
}

fn bag(kind: &der::oid::ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    let value = ber::wrap(tlv::CONTEXT_0, &[value]);
    ber::wrap(SEQUENCE, &[&oid_of(kind), &value]).to_vec()
}

/// A key under an old scheme of so many rounds.
fn old_key(rounds: u32) -> Vec<u8> {
    let parameters = ber::wrap(SEQUENCE, &[&[4, 1, 9], &number(rounds)]);
    let scheme = ber::wrap(SEQUENCE, &[&oid_of(&oid::PBE_SHA1_3DES), &parameters]);
    let info = ber::wrap(SEQUENCE, &[&scheme, &ber::wrap(OCTET_STRING, &[&[1; 16]])]);
    bag(&oid::SHROUDED_KEY_BAG, &info)
}

fn tried(file: &[u8], passphrase: Option<&str>) -> Result<Archive, X509Error> {
    let passphrase = passphrase.map(|text| Passphrase::new(text.into()));
    open(file, passphrase.as_ref(), MOST, &mut Effort::default())
}

fn refusal(file: &[u8]) -> X509Error {
    tried(file, Some("x")).unwrap_err()
}

#[test]
fn what_asks_for_too_many_rounds_is_refused_before_any_is_done() {
    // 2^31 rounds would be a quarter of an hour: that this test ends says that none was done.
    for bytes in [
        file(&[], Some(1 << 31)),
        file(&[], Some(u32::MAX)),
        file(&[&plain_safe(&[&old_key(1 << 31)])], Some(1)),
        file(
            &[&plain_safe(&[&bag(
                &oid::SAFE_CONTENTS_BAG,
                &ber::wrap(SEQUENCE, &[&old_key(1 << 31)]),
            )])],
            None,
        ),
        // each within the bound, and too many together
        file(
            &[&plain_safe(
                &vec![old_key(900_000); 50]
                    .iter()
                    .map(Vec::as_slice)
                    .collect::<Vec<_>>(),
            )],
            Some(1),
        ),
    ] {
        assert!(
            matches!(refusal(&bytes), X509Error::ArchiveTooCostly { .. }),
            "{:?}",
            refusal(&bytes)
        );
    }
}

#[test]
fn bags_within_bags_and_bags_by_the_thousand_are_bounded() {
    let mut inner = bag(&oid::CERT_BAG, &[0x30, 0]);
    for _ in 0..20 {
        inner = bag(&oid::SAFE_CONTENTS_BAG, &ber::wrap(SEQUENCE, &[&inner]));
    }
    let bytes = file(&[&plain_safe(&[&inner])], None);
    assert_eq!(
        refusal(&bytes),
        X509Error::NestedTooDeep { limit: MAX_LEVELS }
    );
    let many = vec![bag(&oid::CERT_BAG, &[0x30, 0]); MOST + 1];
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    assert!(tried(&file(&[&plain_safe(&many)], None), None).is_err());
}

#[test]
fn one_odd_bag_spoils_nothing() {
    let odd = [0x30, 2, 5, 0];
    let content = ber::wrap(OCTET_STRING, &[b"a certificate"]);
    let content = ber::wrap(tlv::CONTEXT_0, &[&content]);
    let certificate = ber::wrap(SEQUENCE, &[&oid_of(&oid::X509_CERTIFICATE_BAG), &content]);
    let secret = der::oid::ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.5");
    let safe = plain_safe(&[
        &odd,
        &bag(&oid::CERT_BAG, &certificate),
        &bag(&secret, &[0x30, 0]),
    ]);
    let archive = tried(&file(&[&safe], None), None).unwrap();
    assert!(!archive.has_mac && !archive.encrypted && !archive.by_empty);
    let [first, second, third] = archive.bags.as_slice() else {
        panic!("{archive:?}");
    };
    assert!(first.held.is_err());
    assert!(matches!(&second.held, Ok(Held::Certificate(der)) if der == b"a certificate"));
    assert!(matches!(third.held, Ok(Held::Other)));
}

#[test]
fn what_is_not_read_is_named() {
    let content = ber::wrap(tlv::CONTEXT_0, &[&[0x30, 0]]);
    let signed = ber::wrap(SEQUENCE, &[&oid_of(&oid::PKCS7_SIGNED_DATA), &content]);
    let bytes = ber::wrap(SEQUENCE, &[&[INTEGER, 1, 3], &signed]);
    assert_eq!(refusal(&bytes), sealed_message());
    let rc4 = der::oid::ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.1");
    let parameters = ber::wrap(SEQUENCE, &[&[4, 1, 9], &[2, 1, 1]]);
    let scheme = ber::wrap(SEQUENCE, &[&oid_of(&rc4), &parameters]);
    let inner = ber::wrap(
        SEQUENCE,
        &[&oid_of(&oid::PKCS7_DATA), &scheme, &[0x80, 1, 0]],
    );
    let inner = ber::wrap(SEQUENCE, &[&[INTEGER, 1, 0], &inner]);
    let inner = ber::wrap(tlv::CONTEXT_0, &[&inner]);
    let safe = ber::wrap(SEQUENCE, &[&oid_of(&oid::PKCS7_ENCRYPTED_DATA), &inner]);
    assert_eq!(
        refusal(&file(&[&safe], None)),
        X509Error::ArchiveScheme {
            scheme: "PBE-SHA1-RC4-128".into(),
            needs_legacy_provider: true
        }
    );
}

/// A safe under 3DES and the empty passphrase, as old Windows writes it, with any bags in it.
fn old_safe(bags: &[&[u8]]) -> Vec<u8> {
    use cbc::cipher::{BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};
    use derive::{Purpose, derive, secret_of};
    let secret = secret_of(&Passphrase::new(String::new()));
    let made = |purpose, length| {
        let hash = &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
        derive(hash, purpose, &secret, &[9], 1, length)
    };
    let key = made(Purpose::Cipher, 24);
    let cipher =
        cbc::Encryptor::<des::TdesEde3>::new_from_slices(&key, &made(Purpose::InitialVector, 8));
    let sealed = cipher
        .unwrap()
        .encrypt_padded_vec::<Pkcs7>(&ber::wrap(SEQUENCE, bags));
    let parameters = ber::wrap(SEQUENCE, &[&[4, 1, 9], &number(1)]);
    let scheme = ber::wrap(SEQUENCE, &[&oid_of(&oid::PBE_SHA1_3DES), &parameters]);
    let inner = ber::wrap(
        SEQUENCE,
        &[
            &oid_of(&oid::PKCS7_DATA),
            &scheme,
            &ber::wrap(0x80, &[&sealed]),
        ],
    );
    let inner = ber::wrap(SEQUENCE, &[&[INTEGER, 1, 0], &inner]);
    let inner = ber::wrap(tlv::CONTEXT_0, &[&inner]);
    ber::wrap(SEQUENCE, &[&oid_of(&oid::PKCS7_ENCRYPTED_DATA), &inner]).to_vec()
}

#[test]
fn keys_within_an_old_safe_cost_what_they_cost_anywhere() {
    // nobody sees them before the safe is opened, which here needs no passphrase
    for keys in [
        vec![old_key(1 << 31)],
        vec![old_key(900_000); 3],
        vec![bag(
            &oid::SAFE_CONTENTS_BAG,
            &ber::wrap(SEQUENCE, &[&old_key(u32::MAX)]),
        )],
    ] {
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let found = tried(&file(&[&old_safe(&keys)], None), None);
        assert!(
            matches!(
                found,
                Err(X509Error::ArchiveTooCostly { .. } | X509Error::ArchivePassphraseMissing)
            ),
            "{found:?}"
        );
    }
    let one = old_key(1 << 31);
    assert!(matches!(
        tried(&file(&[&old_safe(&[&one])], None), None),
        Err(X509Error::ArchiveTooCostly { .. })
    ));
}

#[test]
fn the_files_within_a_file_share_one_effort() {
    let mut effort = Effort::default();
    let mac = |rounds| file(&[&plain_safe(&[])], Some(rounds));
    for _ in 0..4 {
        let error = open(&mac(900_000), None, MOST, &mut effort).unwrap_err();
        assert_eq!(error, X509Error::ArchivePassphraseMissing);
    }
    let error = open(&mac(900_000), None, MOST, &mut effort).unwrap_err();
    assert_eq!(error, X509Error::ArchivePassphraseMissing);
    let error = open(&mac(900_000), None, MOST, &mut effort).unwrap_err();
    assert!(
        matches!(error, X509Error::ArchiveTooCostly { .. }),
        "{error:?}"
    );
}

#[test]
fn an_old_safe_gives_its_bags_with_their_names() {
    let content = ber::wrap(OCTET_STRING, &[b"a certificate"]);
    let content = ber::wrap(tlv::CONTEXT_0, &[&content]);
    let certificate = ber::wrap(SEQUENCE, &[&oid_of(&oid::X509_CERTIFICATE_BAG), &content]);
    let safe = old_safe(&[&bag(&oid::CERT_BAG, &certificate), &[0x30, 2, 5, 0]]);
    let archive = tried(&file(&[&safe], None), None).unwrap();
    assert_eq!(archive.old_schemes, ["3DES"]);
    assert!(archive.by_empty);
    let [first, second] = archive.bags.as_slice() else {
        panic!("{archive:?}");
    };
    assert!(matches!(&first.held, Ok(Held::Certificate(der)) if der == b"a certificate"));
    // one odd bag spoils nothing here either
    assert!(second.held.is_err());
}
