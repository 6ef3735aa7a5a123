//! What stands in the files of each form: bytes in memory, with what each of them holds.

use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::explain::{Explain, Explanation, printable};
use crate::names::{DnsId, Presented, Slug};
use crate::store::GenerationRecord;
use crate::x509::pkcs12::{self, Protection};
use crate::x509::{Bundle, Certificate, Passphrase, pem, sealed};
use clap::ValueEnum;
use serde_json::json;
use zeroize::Zeroizing;

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A folder with cert.pem, chain.pem, fullchain.pem and privkey.pem
    Pem,
    /// PKCS#12, for Windows, Lync and Java
    Pfx,
    /// One PEM file: leaf, chain, key
    Haproxy,
    /// A Kubernetes Secret of type kubernetes.io/tls, YAML
    K8s,
    /// A folder as the ACME client lego keeps it
    Lego,
    /// The generation itself, encrypted, for `edgecert import` on another machine
    Sealed,
}

impl Format {
    pub(super) fn word(self) -> &'static str {
        match self {
            Format::Pem => "pem",
            Format::Pfx => "pfx",
            Format::Haproxy => "haproxy",
            Format::K8s => "k8s",
            Format::Lego => "lego",
            Format::Sealed => "sealed",
        }
    }

    /// What follows `CERT-N` in the name of its file or folder.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Format::Pem => "",
            Format::Pfx => ".pfx",
            Format::Haproxy => ".pem",
            Format::K8s => ".yaml",
            Format::Lego => "-lego",
            Format::Sealed => ".sealed",
        }
    }

    pub(super) fn is_folder(self) -> bool {
        match self {
            Format::Pem | Format::Lego => true,
            Format::Pfx | Format::Haproxy | Format::K8s | Format::Sealed => false,
        }
    }
}

/// What is handed out, and how.
pub(super) struct Wanted<'a> {
    pub(super) certificate: &'a Slug,
    pub(super) record: &'a GenerationRecord,
    pub(super) bundle: &'a Bundle,
    pub(super) passphrase: Option<&'a Passphrase>,
    /// Of a pfx.
    pub(super) protection: Protection,
    /// Of a pfx.
    pub(super) friendly_name: String,
    /// Of a Kubernetes Secret.
    pub(super) secret_name: String,
}

/// What a file holds, and how it is compared with one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Certificates and words: the same bytes are the same.
    Public,
    /// A key in clear, perhaps with more: the same bytes are the same.
    PlainKey,
    /// An encrypted key; like the two below it has other bytes each time.
    EncryptedKey,
    /// PKCS#12.
    Pfx,
    /// A sealed bundle.
    Sealed,
}

/// A file to be.
pub(super) struct Piece {
    /// Its name in the folder; empty where the form is one file.
    pub(super) name: String,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) holds: Holds,
}

impl Piece {
    fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>, holds: Holds) -> Self {
        Self {
            name: name.into(),
            bytes: Zeroizing::new(bytes.into()),
            holds,
        }
    }
}

/// The files of a form, the one with the key first.
pub(super) fn pieces(format: Format, wanted: &Wanted<'_>) -> Result<Vec<Piece>, Failure> {
    let chain = wanted.bundle.chain();
    let plain_key = || {
        wanted
            .bundle
            .key()
            .to_pem(None)
            .map_err(|error| failed(&error))
    };
    Ok(match format {
        Format::Pem => {
            let key = wanted.bundle.key().to_pem(wanted.passphrase);
            let key = key.map_err(|error| failed(&error))?;
            let holds = match wanted.passphrase {
                Some(_) => Holds::EncryptedKey,
                None => Holds::PlainKey,
            };
            vec![
                Piece::new("privkey.pem", key.as_bytes(), holds),
                Piece::new("cert.pem", chain.leaf.to_pem(), Holds::Public),
                Piece::new("chain.pem", chain.chain_pem(), Holds::Public),
                Piece::new("fullchain.pem", chain.fullchain_pem(), Holds::Public),
            ]
        }
        Format::Pfx => {
            let bytes = pkcs12::write(
                wanted.bundle,
                &wanted.friendly_name,
                passphrase_of(wanted)?,
                wanted.protection,
            );
            vec![Piece::new(
                "",
                bytes.map_err(|error| failed(&error))?,
                Holds::Pfx,
            )]
        }
        Format::Haproxy => {
            let mut text = Zeroizing::new(chain.fullchain_pem().into_bytes());
            let key = plain_key()?;
            // In one piece, so that no half of the key is left behind by a growing buffer.
            text.reserve_exact(key.len());
            text.extend_from_slice(key.as_bytes());
            vec![Piece {
                name: String::new(),
                bytes: text,
                holds: Holds::PlainKey,
            }]
        }
        Format::K8s => {
            let key = plain_key()?;
            vec![Piece::new("", secret(wanted, &key), Holds::PlainKey)]
        }
        Format::Lego => lego(wanted, &plain_key()?)?,
        Format::Sealed => {
            let facts = facts(wanted.record)?;
            let bytes = sealed::seal(&facts, wanted.bundle, passphrase_of(wanted)?);
            vec![Piece::new(
                "",
                bytes.map_err(|error| failed(&error))?,
                Holds::Sealed,
            )]
        }
    })
}

/// What a sealed bundle says of its generation: its record.
pub(super) fn facts(record: &GenerationRecord) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(record).map_err(|error| fault(&error.to_string()))
}

/// The Secret as YAML; names are quoted, since `1e3` and `null` would be no text without.
fn secret(wanted: &Wanted<'_>, key: &str) -> String {
    let name = &wanted.secret_name;
    let certificate = pem::base64(wanted.bundle.chain().fullchain_pem().as_bytes());
    let key = Zeroizing::new(pem::base64(key.as_bytes()));
    let mut text = String::with_capacity(certificate.len() + key.len() + name.len() + 200);
    text.push_str("apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata:\n  name: \"");
    text.push_str(name);
    text.push_str("\"\ndata:\n  tls.crt: ");
    text.push_str(&certificate);
    text.push_str("\n  tls.key: ");
    text.push_str(&key);
    text.push('\n');
    text
}

/// Reads the name of a Secret: a DNS subdomain as RFC 1123 has it.
pub(super) fn secret_name(text: &str) -> Result<String, Failure> {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if text.len() <= 253 && text.split('.').all(is_label) {
        return Ok(text.to_owned());
    }
    Err(Failure::usage(
        format!("\"{}\" is no name of a Secret", printable(text)),
        "Kubernetes takes lower-case letters, digits, hyphens within and dots between, at most 253",
        "write it as edge-tls",
    ))
}

/// The files that lego keeps of a domain, by its own names. Where the CA has them is not known here, so `certUrl` is
/// empty.
fn lego(wanted: &Wanted<'_>, key: &str) -> Result<Vec<Piece>, Failure> {
    let chain = wanted.bundle.chain();
    let domain = main_domain(&chain.leaf).ok_or_else(|| {
        Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "export.no-domain",
                what: "lego has no name for this certificate".into(),
                place: format!("{}/{}", wanted.certificate, wanted.record.number),
                why: "its files are named after a DNS name, and the leaf has none".into(),
                mend: "`--format pem` needs no name".into(),
            },
        )
    })?;
    // A domain that was parsed has no character that a path could mind.
    let name = domain.replace('*', "_");
    let resource = json!({"domain": domain, "certUrl": "", "certStableUrl": ""});
    let mut pieces = vec![
        Piece::new(format!("{name}.key"), key, Holds::PlainKey),
        Piece::new(format!("{name}.crt"), chain.fullchain_pem(), Holds::Public),
    ];
    if !chain.intermediates.is_empty() {
        pieces.push(Piece::new(
            format!("{name}.issuer.crt"),
            chain.chain_pem(),
            Holds::Public,
        ));
    }
    pieces.push(Piece::new(
        format!("{name}.json"),
        format!("{resource:#}\n"),
        Holds::Public,
    ));
    Ok(pieces)
}

/// The DNS name that a certificate is called by: its common name where that is one of its DNS-IDs, else the first.
fn main_domain(leaf: &Certificate) -> Option<String> {
    let facts = leaf.facts();
    let names: Vec<String> = facts
        .names
        .iter()
        .flatten()
        .filter_map(|name| {
            if let Presented::Dns(text) = name {
                DnsId::parse(text).ok().map(|parsed| parsed.to_string())
            } else {
                None
            }
        })
        .collect();
    let common = facts
        .subject
        .common_names
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .find(|name| names.contains(name));
    common.or_else(|| names.first().cloned())
}

fn passphrase_of<'a>(wanted: &Wanted<'a>) -> Result<&'a Passphrase, Failure> {
    wanted
        .passphrase
        .ok_or_else(|| fault("a form that needs a passphrase was asked for without one"))
}

fn failed(error: &dyn Explain) -> Failure {
    Failure::from_error(FailureKind::Failed, error)
}

fn fault(why: &str) -> Failure {
    Failure::new(
        FailureKind::Failed,
        Explanation {
            code: "export.fault",
            what: "the files cannot be made".into(),
            place: String::new(),
            why: why.to_owned(),
            mend: "this is a fault of edgecert: please report it".into(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_those_of_kubernetes() {
        for name in ["edge", "edge-tls", "1", "a.b-c.d", &"a".repeat(253)] {
            assert_eq!(secret_name(name).unwrap(), name);
        }
        for name in [
            "",
            "Edge",
            "-a",
            "a-",
            "a..b",
            "a_b",
            "a\"b",
            &"a".repeat(254),
        ] {
            assert!(secret_name(name).is_err(), "{name}");
        }
    }
}
