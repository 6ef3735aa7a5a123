//! Containers as strangers write them are read: PKCS#12 and PKCS#7 of openssl, gnutls's certtool and, where it is on
//! the machine, Java's keytool. And whatever is cut, bent or blown up is refused in good order.
//!
//! A tool that is missing is a failure, with the command that installs it; Java is the exception, as nothing else here
//! needs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/foreign.rs"]
mod foreign;

use edgecert::explain::Explain;
use edgecert::x509::container::{self, Contents, MAX_BYTES, Note, Packing};
use edgecert::x509::{Certificate, Passphrase, PrivateKey, X509Error};
use std::path::Path;
use tempfile::TempDir;

const PASSPHRASE: &str = "pässwörd 1";

/// A folder with a CA, a leaf and its key, made by openssl.
struct Shop {
    folder: TempDir,
}

impl Shop {
    fn new() -> Self {
        let shop = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        shop.write("pass.txt", PASSPHRASE);
        shop.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=Lab -days 30");
        shop.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -out leaf.csr -subj /CN=edge.contoso.com");
        shop.openssl("x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 20 -out leaf.pem");
        shop
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }

    fn run(&self, package: &str, command: &[&str]) -> Vec<u8> {
        foreign::output(self.folder.path(), package, command).stdout
    }

    /// `openssl` with words divided by spaces.
    fn openssl(&self, words: &str) -> Vec<u8> {
        let command: Vec<&str> = std::iter::once("openssl").chain(words.split(' ')).collect();
        self.run("openssl", &command)
    }

    /// PKCS#12 of leaf, key and CA.
    fn export(&self, flags: &str) -> Vec<u8> {
        self.openssl(format!(
            "pkcs12 -export -inkey leaf.key -in leaf.pem -certfile ca.pem -name Käse -passout file:pass.txt -out out.p12 {flags}"
        ).trim_end());
        self.read("out.p12")
    }

    fn leaf(&self) -> Certificate {
        only(&self.read("leaf.pem"))
    }

    fn ca(&self) -> Certificate {
        only(&self.read("ca.pem"))
    }

    fn key(&self) -> PrivateKey {
        PrivateKey::read(&self.read("leaf.key"), None).unwrap()
    }

    /// Insists on leaf, CA and key, and nothing wrong.
    #[track_caller]
    fn insist_on_all(&self, contents: &Contents, what: &str) {
        let found: Vec<&Certificate> = contents.certificates.iter().map(|(_, one)| one).collect();
        assert!(found.contains(&&self.leaf()), "{what}: {contents:?}");
        assert!(found.contains(&&self.ca()), "{what}: {contents:?}");
        let [(_, key)] = contents.keys.as_slice() else {
            panic!("{what}: {contents:?}");
        };
        assert_eq!(key.spki_sha256(), self.key().spki_sha256(), "{what}");
        assert!(contents.problems.is_empty(), "{what}: {contents:?}");
    }
}

fn only(bytes: &[u8]) -> Certificate {
    container::read(bytes, None)
        .unwrap()
        .certificates
        .remove(0)
        .1
}

fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

fn opened(bytes: &[u8]) -> Contents {
    container::read(bytes, Some(&passphrase())).unwrap_or_else(|error| panic!("{error}"))
}

fn notes(contents: &Contents) -> Vec<&Note> {
    contents.notes.iter().map(|(_, note)| note).collect()
}

const OLD: &str = "-legacy";
const TRIPLE: &str = "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1";

/// Flags of openssl, what must be told of the file, and how many notes there are.
type Export = (&'static str, fn(&Note) -> bool, usize);

/// Each way of writing PKCS#12 that openssl has.
const EXPORTS: [Export; 8] = [
    ("", |_| false, 0),
    (
        OLD,
        |note| *note == Note::OldEncryption("RC2-40 and 3DES".into()),
        1,
    ),
    (
        TRIPLE,
        |note| *note == Note::OldEncryption("3DES".into()),
        1,
    ),
    ("-nomac", |note| *note == Note::NoMac, 1),
    ("-noiter -nomaciter", |_| false, 0),
    ("-macalg sha512 -iter 4096", |_| false, 0),
    ("-macalg sha384 -keypbe NONE -certpbe NONE", |_| false, 0),
    (
        "-keypbe aes-128-cbc -certpbe aes-192-cbc -macalg sha224",
        |_| false,
        0,
    ),
];

#[test]
fn pkcs12_of_openssl_is_read_in_every_dress() {
    let shop = Shop::new();
    for (flags, told, count) in EXPORTS {
        let bytes = shop.export(flags);
        let contents = opened(&bytes);
        shop.insist_on_all(&contents, flags);
        assert_eq!(contents.packing, Packing::Pkcs12, "{flags}");
        assert_eq!(contents.notes.len(), count, "{flags}: {:?}", contents.notes);
        assert!(
            notes(&contents).into_iter().all(told),
            "{flags}: {:?}",
            contents.notes
        );
        // key and leaf have the same localKeyId, and the name that was given
        let of = |place: &str| contents.bags.iter().find(|bag| bag.place == place);
        let leaf = contents
            .certificates
            .iter()
            .find(|(_, one)| *one == shop.leaf());
        let (leaf, key) = (
            of(&leaf.unwrap().0).unwrap(),
            of(&contents.keys[0].0).unwrap(),
        );
        assert_eq!(leaf.friendly_name.as_deref(), Some("Käse"), "{flags}");
        assert!(
            leaf.local_key_id.is_some() && leaf.local_key_id == key.local_key_id,
            "{flags}"
        );
        // the same door for keys alone, and armour around it
        assert!(
            PrivateKey::read(&bytes, Some(&passphrase())).is_ok(),
            "{flags}"
        );
        let armoured = edgecert::x509::pem::encode("PKCS12", &bytes);
        shop.insist_on_all(&opened(armoured.as_bytes()), flags);
    }
}

#[test]
fn a_wrong_or_missing_passphrase_is_told() {
    let shop = Shop::new();
    let wrong = Passphrase::new("wrong".to_owned());
    for (flags, _, _) in EXPORTS {
        let bytes = shop.export(flags);
        let missing = container::read(&bytes, None).unwrap_err();
        assert_eq!(missing, X509Error::ArchivePassphraseMissing, "{flags}");
        assert!(missing.explain().mend.contains("--passphrase-file"));
        let error = container::read(&bytes, Some(&wrong)).unwrap_err();
        assert_eq!(error, X509Error::ArchiveWrongPassphrase, "{flags}");
        assert!(error.is_closed());
    }
}

#[test]
fn certificates_alone_and_an_empty_passphrase_are_read() {
    let shop = Shop::new();
    for flags in ["", OLD, TRIPLE] {
        shop.openssl(format!("pkcs12 -export -nokeys -in leaf.pem -certfile ca.pem -passout file:pass.txt -out out.p12 {flags}").trim_end());
        let contents = opened(&shop.read("out.p12"));
        assert_eq!(
            (contents.certificates.len(), contents.keys.len()),
            (2, 0),
            "{flags}"
        );
        shop.openssl(format!("pkcs12 -export -inkey leaf.key -in leaf.pem -certfile ca.pem -passout pass: -out out.p12 {flags}").trim_end());
        let bytes = shop.read("out.p12");
        for given in [None, Some(passphrase())] {
            let contents = container::read(&bytes, given.as_ref()).unwrap();
            shop.insist_on_all(&contents, flags);
            assert!(
                notes(&contents).contains(&&Note::EmptyPassphrase),
                "{flags}"
            );
        }
    }
}

/// PBMAC1 (RFC 9579) is younger than the openssl here: its parts are computed by openssl, and put together by hand.
#[test]
fn pbmac1_is_verified() {
    let shop = Shop::new();
    shop.write("pass.txt", "geheim");
    let plain = shop.export("-nomac");
    let (outer, _) = value(&plain);
    let (version, rest) = value(outer);
    let (info, _) = value(rest);
    let (_, content) = value(info);
    let (octets, _) = value(content);
    let (safes, _) = value(octets);
    shop.write("safes.der", safes);
    shop.openssl("kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt pass:geheim -kdfopt hexsalt:0102030405060708 -kdfopt iter:2048 -binary -out mac.key PBKDF2");
    let hex: String = shop
        .read("mac.key")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    shop.openssl(&format!(
        "dgst -sha256 -mac HMAC -macopt hexkey:{hex} -binary -out mac.bin safes.der"
    ));
    let hmac: &[u8] = &[
        0x30, 0x0c, 6, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9, 5, 0,
    ];
    let kdf = wrap(
        0x30,
        &[
            &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12],
            &wrap(
                0x30,
                &[
                    &[4, 8, 1, 2, 3, 4, 5, 6, 7, 8],
                    &[2, 2, 8, 0],
                    &[2, 1, 32],
                    hmac,
                ],
            ),
        ],
    );
    let algorithm = wrap(
        0x30,
        &[
            &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 14],
            &wrap(0x30, &[&kdf, hmac]),
        ],
    );
    let digest = wrap(0x30, &[&algorithm, &wrap(4, &[&shop.read("mac.bin")])]);
    let mac = wrap(0x30, &[&digest, &[4, 1, 0], &[2, 1, 1]]);
    let body = outer.len() - rest.len();
    let file = wrap(0x30, &[&outer[..body], rest, &mac]);
    assert_eq!(version, [3]);
    let given = Passphrase::new("geheim".to_owned());
    let contents = container::read(&file, Some(&given)).unwrap();
    shop.insist_on_all(&contents, "PBMAC1");
    assert!(contents.notes.is_empty(), "{:?}", contents.notes);
    // its last field but one is the digest
    let mut bent = file.clone();
    let at = bent.len() - 7;
    bent[at] ^= 1;
    for (bytes, given) in [(&file, &passphrase()), (&bent, &given)] {
        assert_eq!(
            container::read(bytes, Some(given)).unwrap_err(),
            X509Error::ArchiveWrongPassphrase
        );
    }
}

/// Content of the first DER value, and what follows it.
fn value(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (header, length) = match bytes[1] {
        short @ 0..0x80 => (2, usize::from(short)),
        long => {
            let count = usize::from(long & 0x7f);
            let digits = &bytes[2..2 + count];
            (
                2 + count,
                digits
                    .iter()
                    .fold(0, |sum, digit| sum << 8 | usize::from(*digit)),
            )
        }
    };
    (&bytes[header..header + length], &bytes[header + length..])
}

fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = vec![tag, 0x83];
    bytes.extend(&u32::try_from(content.len()).unwrap().to_be_bytes()[1..]);
    bytes.extend(content);
    bytes
}

#[test]
fn pkcs7_of_openssl_is_read_in_der_pem_and_ber() {
    let shop = Shop::new();
    shop.openssl(
        "crl2pkcs7 -nocrl -certfile leaf.pem -certfile ca.pem -outform DER -out chain.p7b",
    );
    shop.openssl("crl2pkcs7 -nocrl -certfile leaf.pem -certfile ca.pem -out chain.pem");
    shop.write("text.txt", "hello");
    shop.openssl("cms -sign -stream -binary -nodetach -in text.txt -signer leaf.pem -inkey leaf.key -certfile ca.pem -outform DER -out cms.der");
    shop.openssl("smime -sign -stream -nodetach -in text.txt -signer leaf.pem -inkey leaf.key -certfile ca.pem -outform DER -out smime.der");
    shop.openssl("cms -sign -stream -nodetach -in text.txt -signer leaf.pem -inkey leaf.key -certfile ca.pem -outform PEM -out cms.pem");
    for (file, is_ber) in [
        ("chain.p7b", false),
        ("chain.pem", false),
        ("cms.der", true),
        ("smime.der", true),
        ("cms.pem", false),
    ] {
        let bytes = shop.read(file);
        assert_eq!(bytes[1] == 0x80, is_ber, "{file}");
        let contents = container::read(&bytes, None).unwrap();
        let found: Vec<&Certificate> = contents.certificates.iter().map(|(_, one)| one).collect();
        assert_eq!(found.len(), 2, "{file}");
        assert!(
            found.contains(&&shop.leaf()) && found.contains(&&shop.ca()),
            "{file}"
        );
        assert_eq!(contents.packing, Packing::Pkcs7, "{file}");
        // as some Windows exports label it, and as Windows saves it
        let text = match file.ends_with(".pem") {
            true => String::from_utf8(bytes)
                .unwrap()
                .replace("PKCS7", "CERTIFICATE"),
            false => edgecert::x509::pem::encode("CERTIFICATE", &bytes),
        };
        let text = text.replace('\n', "\r\n");
        let mark = std::iter::once(0xfeff).chain(text.encode_utf16());
        for utf16 in [
            text.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>(),
            mark.clone().flat_map(u16::to_be_bytes).collect(),
            mark.flat_map(u16::to_le_bytes).collect(),
        ] {
            let contents = container::read(&utf16, None).unwrap();
            assert_eq!(contents.certificates.len(), 2, "{file}");
        }
    }
}

#[test]
fn lists_in_pkcs7_are_noted() {
    let shop = Shop::new();
    shop.write("index.txt", "");
    shop.write(
        "ca.cnf",
        "[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=30\n",
    );
    shop.openssl("ca -config ca.cnf -gencrl -cert ca.pem -keyfile ca.key -out crl.pem");
    shop.openssl("crl2pkcs7 -in crl.pem -certfile leaf.pem -outform DER -out with.p7b");
    let contents = container::read(&shop.read("with.p7b"), None).unwrap();
    assert_eq!((contents.certificates.len(), contents.lists.len()), (1, 1));
    assert_eq!(notes(&contents), [&Note::Lists(1)]);
}

#[test]
fn openssl_s_trusted_certificates_lose_their_settings() {
    let shop = Shop::new();
    shop.openssl("x509 -in ca.pem -trustout -addtrust serverAuth -setalias Lab -out trusted.pem");
    let bytes = shop.read("trusted.pem");
    assert!(bytes.starts_with(b"-----BEGIN TRUSTED CERTIFICATE-----"));
    let contents = container::read(&bytes, None).unwrap();
    assert_eq!(contents.certificates[0].1, shop.ca());
    assert_eq!(notes(&contents), [&Note::TrustSettings]);
}

#[test]
fn gnutls_is_read() {
    let shop = Shop::new();
    shop.run(
        "gnutls-bin",
        &[
            "certtool",
            "--p7-generate",
            "--load-certificate",
            "leaf.pem",
            "--outder",
            "--outfile",
            "gnutls.p7b",
        ],
    );
    // certtool signs nothing here that is looked at; older ones write no certs-only bag
    let p7 = container::read(&shop.read("gnutls.p7b"), None).unwrap();
    assert_eq!(p7.certificates[0].1, shop.leaf());
    for cipher in ["aes-256", "3des-pkcs12", "rc2-40"] {
        shop.run(
            "gnutls-bin",
            &[
                "certtool",
                "--to-p12",
                "--load-privkey",
                "leaf.key",
                "--load-certificate",
                "leaf.pem",
                "--load-ca-certificate",
                "ca.pem",
                "--password",
                PASSPHRASE,
                "--p12-name",
                "edge 2026",
                "--pkcs-cipher",
                cipher,
                "--outder",
                "--outfile",
                "gnutls.p12",
            ],
        );
        let contents = opened(&shop.read("gnutls.p12"));
        shop.insist_on_all(&contents, cipher);
        assert!(
            contents
                .bags
                .iter()
                .any(|bag| bag.friendly_name.as_deref() == Some("edge 2026")),
            "{cipher}: {contents:?}"
        );
    }
}

/// Only where Java is: nothing else of the product or its tests needs it.
#[test]
fn keytool_is_read_where_it_is() {
    let there = |folder: &Path| folder.join("keytool").is_file();
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| there(&folder)) {
        println!("keytool is not on this machine");
        return;
    }
    let shop = Shop::new();
    shop.run(
        "default-jre-headless",
        &[
            "keytool",
            "-genkeypair",
            "-alias",
            "edge",
            "-keyalg",
            "EC",
            "-groupname",
            "secp256r1",
            "-dname",
            "CN=edge.contoso.com",
            "-storetype",
            "PKCS12",
            "-keystore",
            "java.p12",
            "-storepass",
            "changeit",
        ],
    );
    shop.run(
        "default-jre-headless",
        &[
            "keytool",
            "-importcert",
            "-noprompt",
            "-alias",
            "lab",
            "-file",
            "ca.pem",
            "-storetype",
            "PKCS12",
            "-keystore",
            "java.p12",
            "-storepass",
            "changeit",
        ],
    );
    let passphrase = Passphrase::new("changeit".to_owned());
    let contents = container::read(&shop.read("java.p12"), Some(&passphrase)).unwrap();
    assert_eq!((contents.certificates.len(), contents.keys.len()), (2, 1));
    let key = contents.keys[0].1.spki_sha256();
    assert!(
        contents
            .certificates
            .iter()
            .any(|(_, one)| one.facts().spki_sha256 == key)
    );
    assert!(
        contents
            .certificates
            .iter()
            .any(|(_, one)| *one == shop.ca())
    );
    assert!(
        contents
            .bags
            .iter()
            .any(|bag| bag.friendly_name.as_deref() == Some("edge"))
    );
}

/// Reads what it is given, whatever it is; what is refused is explained without anything that could steer a terminal.
fn look_at(bytes: &[u8], passphrase: Option<&Passphrase>) {
    let explained = |error: &X509Error| {
        let told = error.explain();
        for text in [&told.what, &told.place, &told.why, &told.mend] {
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    };
    match container::read(bytes, passphrase) {
        Ok(contents) => contents
            .problems
            .iter()
            .for_each(|(_, error)| explained(error)),
        Err(error) => explained(&error),
    }
}

#[test]
fn a_container_cut_at_any_byte_is_refused_or_read_in_part() {
    let shop = Shop::new();
    shop.write("text.txt", "hello");
    shop.openssl(
        "crl2pkcs7 -nocrl -certfile leaf.pem -certfile ca.pem -outform DER -out chain.p7b",
    );
    shop.openssl("cms -sign -stream -nodetach -in text.txt -signer leaf.pem -inkey leaf.key -outform DER -out cms.der");
    let mut all = vec![shop.read("chain.p7b"), shop.read("cms.der")];
    all.extend(["", OLD, "-nomac -keypbe NONE -certpbe NONE"].map(|flags| shop.export(flags)));
    for folder in ["container", "pkcs7", "pkcs12", "certificate", "csr", "key"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/fuzz")
            .join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            all.push(std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
    for bytes in &all {
        // with a passphrase where the cut shows before a key is derived: in all but PEM
        let text = std::str::from_utf8(bytes).is_ok();
        let passphrase = (!text).then(passphrase);
        for end in 0..bytes.len() {
            look_at(&bytes[..end], passphrase.as_ref());
        }
    }
}

/// A bit turned anywhere: the MAC says so, or the bag does.
#[test]
fn a_container_with_a_turned_bit_is_refused_or_read_in_part() {
    let shop = Shop::new();
    shop.openssl("crl2pkcs7 -nocrl -certfile leaf.pem -outform DER -out chain.p7b");
    let plain = shop.export("-noiter -nomaciter -nomac -keypbe NONE -certpbe NONE");
    for bytes in [shop.read("chain.p7b"), plain] {
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 1 << (at % 8);
            look_at(&bent, None);
        }
    }
}

#[test]
fn what_is_blown_up_is_refused() {
    let shop = Shop::new();
    // rounds beyond the bound, in the MAC and in the bags
    let bytes = shop.export("-iter 1000001 -macalg sha256");
    let error = container::read(&bytes, Some(&passphrase())).unwrap_err();
    assert!(
        matches!(&error, X509Error::ArchiveTooCostly { cost, .. } if cost.contains("1000001")),
        "{error:?}"
    );
    // ten megabytes of blocks
    let leaf = String::from_utf8(shop.read("leaf.pem")).unwrap();
    let many = leaf.repeat(10 * 1024 * 1024 / leaf.len());
    assert!(matches!(
        container::read(many.as_bytes(), None),
        Err(X509Error::TooManyBlocks { .. })
    ));
    // values within values, each of them open
    for unit in [
        &[0x30, 0x80][..],
        &[0x24, 0x80],
        &[0x30, 0x83, 0xff, 0xff, 0xff],
    ] {
        let deep = unit.repeat(MAX_BYTES / 16 / unit.len());
        assert!(container::read(&deep, None).is_err());
        let signed = [
            &[
                0x30, 0x80, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2,
            ][..],
            &deep,
        ]
        .concat();
        assert!(container::read(&signed, None).is_err());
        let store = [&[0x30, 0x80, 2, 1, 3][..], &deep].concat();
        assert!(container::read(&store, Some(&passphrase())).is_err());
    }
}
