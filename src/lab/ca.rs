//! Root and intermediate of the throw-away CA.

use crate::explain::{Explain, Explanation, hex, printable};
use crate::x509::issue::{IssueSpec, Issuer, issue};
use crate::x509::{
    Certificate, Fingerprint, KeyType, KeyUsage, PrivateKey, Subject, X509Error, container,
};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// Life of the root, in days: ten years.
const ROOT_DAYS: i64 = 3650;

/// Life of the intermediate, in days: five years.
const INTERMEDIATE_DAYS: i64 = 1825;

/// Everything begins an hour early, for clocks that are behind.
pub(super) const BACKDATE: Duration = Duration::hours(1);

/// A throw-away CA: a root, and the intermediate that signs.
#[derive(Debug)]
pub struct LabCa {
    /// Self-signed.
    pub root: Certificate,
    /// Its key; none after [`LabCa::load`], as it is not needed to sign.
    pub root_key: Option<PrivateKey>,
    /// Signed by the root; may sign leaves alone (pathLen 0).
    pub intermediate: Certificate,
    /// Its key.
    pub intermediate_key: PrivateKey,
}

/// A file of the CA, to be written by the caller.
#[derive(Debug)]
pub struct LabFile {
    /// Name without a folder.
    pub name: &'static str,
    /// PEM.
    pub text: Zeroizing<String>,
    /// Whether it holds a key, and is written 0600.
    pub secrecy: Secrecy,
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// Anybody.
    Public,
    /// Its owner alone.
    Secret,
}

/// Why the lab's CA did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// A certificate or key could not be made or read.
    #[error("{what}")]
    X509 {
        /// Which: `the root`, `intermediate-key.pem`.
        what: &'static str,
        /// Why.
        #[source]
        source: X509Error,
    },
    /// A file of the CA holds no certificate.
    #[error("{file} holds no certificate")]
    NoCertificate {
        /// The file.
        file: &'static str,
    },
    /// The files of the CA do not belong together.
    #[error("{lower} does not belong to {upper}")]
    NotTogether {
        /// The certificate or key below.
        lower: &'static str,
        /// What it should belong to.
        upper: &'static str,
    },
    /// The CSR's signature does not verify: whoever made it does not hold the key.
    #[error("the request's signature is wrong")]
    BadSignature {
        /// Digest of the key in the CSR.
        key: Fingerprint,
    },
    /// Public CAs do not take the key.
    #[error("the key is refused: {key}")]
    KeyRefused {
        /// Described.
        key: String,
    },
    /// Nothing is left to put into the certificate.
    #[error("no name is left")]
    NoNames {
        /// Names in the CSR that were dropped, typed.
        dropped: Vec<String>,
    },
}

impl LabCa {
    /// File of the root.
    pub const ROOT: &'static str = "root.pem";
    /// File of the root's key.
    const ROOT_KEY: &'static str = "root-key.pem";
    /// File of the intermediate.
    pub const INTERMEDIATE: &'static str = "intermediate.pem";
    /// File of the intermediate's key.
    pub const INTERMEDIATE_KEY: &'static str = "intermediate-key.pem";

    /// Makes root and intermediate, both with keys of the type given; they begin an hour before `now`.
    pub fn create(now: OffsetDateTime, key_type: KeyType) -> Result<Self, LabError> {
        let root_key = PrivateKey::generate(key_type).map_err(trouble("the root's key"))?;
        let root = issue(
            &authority("root", now, ROOT_DAYS, None, &root_key),
            root_key.spki_der(),
            &Issuer::own(&root_key),
        )
        .map_err(trouble("the root"))?;
        let intermediate_key =
            PrivateKey::generate(key_type).map_err(trouble("the intermediate's key"))?;
        let intermediate = issue(
            &authority(
                "intermediate",
                now,
                INTERMEDIATE_DAYS,
                Some(0),
                &intermediate_key,
            ),
            intermediate_key.spki_der(),
            &Issuer {
                certificate: Some(&root),
                key: &root_key,
            },
        )
        .map_err(trouble("the intermediate"))?;
        Ok(Self {
            root,
            root_key: Some(root_key),
            intermediate,
            intermediate_key,
        })
    }

    /// Reads a CA that was written before, and proves that its parts belong together.
    pub fn load(
        root_pem: &[u8],
        intermediate_pem: &[u8],
        intermediate_key_pem: &[u8],
    ) -> Result<Self, LabError> {
        let root = only_certificate(root_pem, Self::ROOT)?;
        let intermediate = only_certificate(intermediate_pem, Self::INTERMEDIATE)?;
        let intermediate_key = PrivateKey::read(intermediate_key_pem, None)
            .map_err(trouble(Self::INTERMEDIATE_KEY))?;
        if !intermediate.is_signed_by(&root) {
            return Err(LabError::NotTogether {
                lower: Self::INTERMEDIATE,
                upper: Self::ROOT,
            });
        }
        if intermediate_key.spki_sha256() != intermediate.facts().spki_sha256 {
            return Err(LabError::NotTogether {
                lower: Self::INTERMEDIATE_KEY,
                upper: Self::INTERMEDIATE,
            });
        }
        Ok(Self {
            root,
            root_key: None,
            intermediate,
            intermediate_key,
        })
    }

    /// The CA as files; keys plain.
    pub fn files(&self) -> Result<Vec<LabFile>, LabError> {
        let mut files = vec![
            public(Self::ROOT, &self.root),
            public(Self::INTERMEDIATE, &self.intermediate),
            secret(Self::INTERMEDIATE_KEY, &self.intermediate_key)?,
        ];
        if let Some(key) = &self.root_key {
            files.push(secret(Self::ROOT_KEY, key)?);
        }
        Ok(files)
    }
}

/// keyCertSign and cRLSign, and a name that no other lab has: eight digits of the key's digest.
fn authority(
    role: &str,
    now: OffsetDateTime,
    days: i64,
    path_length: Option<u32>,
    key: &PrivateKey,
) -> IssueSpec {
    let digest = key.spki_sha256();
    let (first, _) = digest.as_bytes().split_at(4);
    let mark = hex(first);
    let not_before = whole_second(now - BACKDATE);
    IssueSpec {
        serial: serial(&[digest.as_bytes(), role.as_bytes()]),
        ca: Some(path_length),
        key_usage: Some(KeyUsage {
            key_cert_sign: true,
            crl_sign: true,
            ..KeyUsage::default()
        }),
        ..IssueSpec::of(
            Subject {
                organization: Some("edgecert lab, not for production".into()),
                common_name: Some(format!("edgecert lab {role} {mark}")),
                ..Subject::default()
            },
            not_before,
            not_before + Duration::days(days) - Duration::SECOND,
        )
    }
}

/// Certificates know whole seconds alone.
pub(super) fn whole_second(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_nanosecond(0).unwrap_or(time)
}

/// 16 bytes from what makes the certificate unique: positive, never zero. Not random, as nobody trusts this CA.
pub(super) fn serial(parts: &[&[u8]]) -> Vec<u8> {
    let digest = Fingerprint::of(&parts.concat());
    let mut serial: Vec<u8> = digest.as_bytes().iter().take(16).copied().collect();
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    serial
}

pub(super) fn trouble(what: &'static str) -> impl Fn(X509Error) -> LabError {
    move |source| LabError::X509 { what, source }
}

fn only_certificate(pem: &[u8], file: &'static str) -> Result<Certificate, LabError> {
    container::read(pem, None)
        .map_err(trouble(file))?
        .certificates
        .into_iter()
        .map(|(_, certificate)| certificate)
        .next()
        .ok_or(LabError::NoCertificate { file })
}

fn public(name: &'static str, certificate: &Certificate) -> LabFile {
    LabFile {
        name,
        text: Zeroizing::new(certificate.to_pem()),
        secrecy: Secrecy::Public,
    }
}

fn secret(name: &'static str, key: &PrivateKey) -> Result<LabFile, LabError> {
    Ok(LabFile {
        name,
        text: key.to_pem(None).map_err(trouble(name))?,
        secrecy: Secrecy::Secret,
    })
}

impl Explain for LabError {
    fn explain(&self) -> Explanation {
        match self {
            LabError::X509 { what, source } => {
                let said = source.explain();
                Explanation {
                    place: if said.place.is_empty() {
                        (*what).to_owned()
                    } else {
                        format!("{what}, {}", said.place)
                    },
                    ..said
                }
            }
            LabError::NoCertificate { file } => Explanation {
                code: "lab.no-certificate",
                what: "the lab's CA is not whole".into(),
                place: (*file).to_owned(),
                why: "the file holds no certificate".into(),
                mend: "make a new one: `edgecert lab ca --out DIR`".into(),
            },
            LabError::NotTogether { lower, upper } => Explanation {
                code: "lab.not-together",
                what: "the files of the lab's CA do not belong together".into(),
                place: format!("{lower} and {upper}"),
                why: "one was not made with the other".into(),
                mend: "make a new one: `edgecert lab ca --out DIR`".into(),
            },
            LabError::BadSignature { key } => Explanation {
                code: "lab.bad-signature",
                what: "the request's signature is wrong".into(),
                place: "request".into(),
                why: format!(
                    "it does not verify with the request's own key {}",
                    key.short()
                ),
                mend:
                    "send the CSR as it was made; `openssl req -in FILE -noout -verify` must say OK"
                        .into(),
            },
            LabError::KeyRefused { key } => Explanation {
                code: "lab.key-refused",
                what: "public CAs do not take this key".into(),
                place: "request, public key".into(),
                why: format!(
                    "it is {}; RSA of 2048 bits or more, P-256 and P-384 are taken (BR 6.1.5)",
                    printable(key)
                ),
                mend: "make the request with --key-type ec256, or sign as a private CA".into(),
            },
            LabError::NoNames { dropped } => Explanation {
                code: "lab.no-names",
                what: "there is no name to put into the certificate".into(),
                place: "request, subjectAltName".into(),
                why: if dropped.is_empty() {
                    "the request holds none".into()
                } else {
                    format!(
                        "dropped as public CAs do: {}",
                        printable(&dropped.join(", "))
                    )
                },
                mend: "ask for a DNS name: `edgecert request -d NAME`".into(),
            },
        }
    }
}
