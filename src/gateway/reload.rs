//! Pairs in and out of the gateway's own folder: verified before they are served, kept for the next start.
//!
//! One file a certificate, `<directory>/<certificate>.pem`: a first line `edgecert-generation: N`, the chain (leaf
//! first), the key; mode 0600, replaced by one rename. A pair that somebody wants to bring in is refused for what
//! would break it in front of a peer; one that lies here already is served if it belongs together, and what is wrong
//! with it is told.

use super::choose::ServedPair;
use crate::explain::{Explain, moment, printable};
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::store::atomic::{self, Overwrite, Placement};
use crate::store::{Disk, StoreError};
use crate::wire::control::Pair;
use crate::x509::{Bundle, Certificate, Chain, PrivateKey, container};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// Largest pair file read, in bytes.
pub const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Begins the first line of a pair file.
const GENERATION: &str = "edgecert-generation: ";
/// Most certificates sent to a peer; more is a mistake and slows every handshake.
const MAX_CHAIN: usize = 10;

/// A pair that may be committed.
pub struct ReadyPair {
    /// As it will be served.
    pub pair: ServedPair,
    /// As it will lie in the folder.
    pub file: Zeroizing<Vec<u8>>,
}

/// Why a pair is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairRefusal {
    /// Stable code: a finding's, or `gateway.…`.
    pub code: &'static str,
    /// What is wrong; printable.
    pub what: String,
    /// The values that disagree; printable.
    pub why: String,
    /// How to mend it.
    pub mend: String,
}

/// Where the pair of a certificate lies.
pub fn path_of(directory: &Path, certificate: &Slug) -> PathBuf {
    // A Slug holds letters, digits and hyphens alone: it stays inside the folder.
    directory.join(format!("{certificate}.pem"))
}

/// Makes the folder, 0700, with its parents.
pub fn make_folder(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

/// Judges a pair that somebody wants to be served at `now`; findings in `pair.accepted` are let through.
pub fn judge(
    certificate: &Slug,
    pair: &Pair,
    now: OffsetDateTime,
    provider: &CryptoProvider,
) -> Result<ReadyPair, PairRefusal> {
    let unreadable = |what: &str, why: String| PairRefusal {
        code: "form.malformed",
        what: format!("the {what} for {certificate} cannot be read"),
        why: printable(&why),
        mend:
            "hand over PEM: the leaf, then its intermediates, and a PKCS#8 key without passphrase"
                .to_owned(),
    };
    let contents = container::read(pair.fullchain_pem.as_bytes(), None)
        .map_err(|error| unreadable("chain", error.to_string()))?;
    if let Some((place, error)) = contents.problems.first() {
        return Err(unreadable("chain", format!("{place}: {error}")));
    }
    let chain = chain_of(contents.certificates)
        .ok_or_else(|| unreadable("chain", "it holds no certificate".to_owned()))?;
    let key = PrivateKey::read(pair.key_pem.0.as_bytes(), None)
        .map_err(|error| unreadable("key", error.to_string()))?;
    let bundle = Bundle::new(chain, key).map_err(|mismatch| PairRefusal {
        code: Code::KeyMismatch.as_str(),
        what: format!("leaf and key for {certificate} do not belong together"),
        why: format!(
            "the leaf holds the public key {}, the key is {}",
            mismatch.leaf, mismatch.key
        ),
        mend: "hand over the key that the certificate was requested with".to_owned(),
    })?;
    check_order(certificate, bundle.chain(), &pair.accepted)?;
    for finding in look_at(&bundle.chain().leaf, now) {
        let accepted = pair
            .accepted
            .iter()
            .any(|code| code == finding.code.as_str());
        if !accepted {
            return Err(PairRefusal {
                code: finding.code.as_str(),
                what: format!("{certificate}: {}", finding.what),
                why: finding.why,
                mend: finding.mend,
            });
        }
    }
    let file = write_file(&bundle, pair.generation).map_err(|why| unreadable("key", why))?;
    let pair = certify(certificate, pair.generation, &bundle, now, provider)
        .map_err(|why| unreadable("pair", why))?;
    Ok(ReadyPair { pair, file })
}

/// Reads the pair of a certificate from the folder: `None` where there is none.
///
/// Errors: why it cannot be served, in printable words.
pub fn load(
    certificate: &Slug,
    path: &Path,
    now: OffsetDateTime,
    provider: &CryptoProvider,
) -> Result<Option<(ServedPair, Vec<Finding>)>, String> {
    let Some(bytes) = read_file(path).map_err(|error| error.explain().why)? else {
        return Ok(None);
    };
    let generation = generation_of(&bytes);
    let contents = container::read(&bytes, None).map_err(|error| printable(&error.to_string()))?;
    if let Some((place, error)) = contents.problems.first() {
        return Err(printable(&format!("{place}: {error}")));
    }
    let chain = chain_of(contents.certificates).ok_or("it holds no certificate")?;
    let (_, key) = contents
        .keys
        .into_iter()
        .next()
        .ok_or("it holds no private key")?;
    let bundle = Bundle::new(chain, key).map_err(|mismatch| mismatch.to_string())?;
    let pair = certify(certificate, generation, &bundle, now, provider)?;
    let findings = look_at(&bundle.chain().leaf, now);
    Ok(Some((pair, findings)))
}

/// The bytes of a pair file as they are, to be put back if need be; `None` where there is none.
pub fn read_file(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Ok(_) | Err(_) => atomic::read_secret(path, MAX_BYTES).map(Some),
    }
}

/// Puts bytes at a path (0600, flushed, one rename), or takes the file away; the folder is flushed.
pub fn put(path: &Path, bytes: Option<&[u8]>) -> Result<(), StoreError> {
    match bytes {
        Some(bytes) => atomic::write_whole(path, bytes, Placement::PRIVATE, Overwrite::Replace),
        None if path.symlink_metadata().is_err() => Ok(()),
        None => {
            let disk = Disk::new();
            disk.remove_file(path)?;
            path.parent()
                .map_or(Ok(()), |folder| disk.sync_folder(folder))
        }
    }
}

fn chain_of(certificates: Vec<(String, Certificate)>) -> Option<Chain> {
    let mut certificates = certificates.into_iter().map(|(_, certificate)| certificate);
    let leaf = certificates.next()?;
    Some(Chain {
        leaf,
        intermediates: certificates.collect(),
    })
}

/// Each certificate certifies the one before it.
fn check_order(certificate: &Slug, chain: &Chain, accepted: &[String]) -> Result<(), PairRefusal> {
    let code = Code::ChainMisordered.as_str();
    let refusal = |why: String| PairRefusal {
        code,
        what: format!("the chain for {certificate} is not in order"),
        why: printable(&why),
        mend: "hand over the leaf first, then each issuer after what it signed".to_owned(),
    };
    let all: Vec<&Certificate> = chain.certificates().collect();
    if all.len() > MAX_CHAIN {
        return Err(refusal(format!(
            "it holds {} certificates, and at most {MAX_CHAIN} are sent",
            all.len()
        )));
    }
    let broken = all
        .iter()
        .zip(all.iter().skip(1))
        .find(|(lower, upper)| !lower.is_signed_by(upper));
    match broken {
        Some((lower, upper)) if !accepted.iter().any(|known| known == code) => {
            Err(refusal(format!(
                "{} did not sign {}",
                upper.display_name(),
                lower.display_name()
            )))
        }
        Some(_) | None => Ok(()),
    }
}

/// What would make peers refuse this leaf at once.
fn look_at(leaf: &Certificate, now: OffsetDateTime) -> Vec<Finding> {
    let facts = leaf.facts();
    let mut findings = Vec::new();
    if leaf.is_ca() {
        findings.push(Finding::new(
            Code::UsageLeafIsCa,
            "leaf",
            "the leaf is a CA certificate",
            "its basicConstraints say cA",
            "assign the certificate that was issued for the edge, not its issuer's",
        ));
    }
    if now > facts.not_after {
        findings.push(Finding::new(
            Code::ValidityExpired,
            "leaf",
            "the certificate has expired",
            format!(
                "it ended on {}, and now is {}",
                moment(facts.not_after),
                moment(now)
            ),
            "request and assign a new one (`edgecert renew`)",
        ));
    }
    if now < facts.not_before {
        findings.push(Finding::new(
            Code::ValidityNotYet,
            "leaf",
            "the certificate is not valid yet",
            format!(
                "it begins on {}, and now is {}",
                moment(facts.not_before),
                moment(now)
            ),
            "wait (`edgecert assign --effective-date`), or set this machine's clock right",
        ));
    }
    findings
}

fn certify(
    certificate: &Slug,
    generation: u32,
    bundle: &Bundle,
    since: OffsetDateTime,
    provider: &CryptoProvider,
) -> Result<ServedPair, String> {
    let chain = bundle
        .chain()
        .certificates()
        .map(|one| CertificateDer::from(one.der().to_vec()))
        .collect();
    let der = bundle
        .key()
        .pkcs8_der()
        .ok_or("the bytes of the key cannot be read")?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.as_slice())).clone_key();
    // Looks a second time whether key and leaf match, as rustls sees them.
    let key = CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| printable(&error.to_string()))?;
    Ok(ServedPair {
        certificate: certificate.clone(),
        generation,
        leaf: bundle.chain().leaf.clone(),
        key: Arc::new(key),
        since,
    })
}

fn write_file(bundle: &Bundle, generation: u32) -> Result<Zeroizing<Vec<u8>>, String> {
    let key = bundle
        .key()
        .to_pem(None)
        .map_err(|error| error.to_string())?;
    let chain = bundle.chain().fullchain_pem();
    let head = format!("{GENERATION}{generation}\n");
    // Reserved at once, so that no copy of the key is left by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + chain.len() + key.len()));
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(chain.as_bytes());
    bytes.extend_from_slice(key.as_bytes());
    Ok(bytes)
}

fn generation_of(bytes: &[u8]) -> u32 {
    bytes
        .split(|&byte| byte == b'\n')
        .next()
        .and_then(|line| std::str::from_utf8(line).ok())
        .and_then(|line| line.strip_prefix(GENERATION))
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_is_read_from_the_first_line_alone() {
        for (text, generation) in [
            ("edgecert-generation: 7\n-----BEGIN", 7),
            ("-----BEGIN\nedgecert-generation: 7\n", 0),
            ("edgecert-generation: x\n", 0),
            ("", 0),
        ] {
            assert_eq!(generation_of(text.as_bytes()), generation, "{text}");
        }
    }

    #[test]
    fn pair_files_are_private_and_replaced_whole() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge.pem");
        for bytes in [&b"one"[..], b"two"] {
            put(&path, Some(bytes)).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
        put(&path, None).unwrap();
        put(&path, None).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
