//! Files, or parts of them, in which no certificate could be read: what they are instead, and the row that says so.

use super::Origin;
use crate::check::{TargetKind, TargetReport};
use crate::explain::{Explain, Explanation};
use crate::findings::{Code, Finding, Severity};
use crate::x509::{About, Csr, PrivateKey, X509Error};

/// Whether the bytes are known to be a thing of another kind: a key, a request, a list of revoked certificates, a
/// container that is sound and closed.
pub(super) fn is_something_else(error: &X509Error) -> bool {
    match error.about() {
        About::Request | About::Key | About::ClosedArchive | About::Other => true,
        About::Certificate | About::Archive | About::Unknown => false,
    }
}

/// Whether the bytes were meant to be a certificate, or begin as one and are cut off.
pub(super) fn is_damaged_certificate(error: &X509Error) -> bool {
    match error.about() {
        About::Certificate | About::Archive => true,
        About::Unknown => matches!(error, X509Error::Truncated { .. }),
        About::Request | About::Key | About::ClosedArchive | About::Other => false,
    }
}

/// Whether certificates may lie in it, unread: PKCS#7, PKCS#12 or a sealed bundle, and not an encrypted key.
pub(super) fn hides_certificates(error: &X509Error) -> bool {
    error.about() == About::ClosedArchive
}

/// A file that nobody can look into without its passphrase, or in no way known here: not known where it was named, and a
/// note in a folder, which may well hold somebody's backup.
pub(super) fn closed(
    name: &str,
    kind: TargetKind,
    block: &str,
    error: &X509Error,
    origin: Origin,
) -> TargetReport {
    let told = error.explain();
    let told = Explanation {
        place: block.to_owned(),
        mend: match error.is_closed() {
            true => "check the certificates that it was made from, or take it in with `edgecert import FILE --passphrase-file PASS --adopt`".to_owned(),
            false => told.mend,
        },
        ..told
    };
    match origin {
        Origin::Named => TargetReport::unknown(name, kind, told),
        Origin::Walked => TargetReport::new(name, kind).with_finding(
            Finding::new(
                Code::CheckUnreadable,
                told.place,
                told.what,
                told.why,
                told.mend,
            )
            .with_severity(Severity::Note),
        ),
    }
}

pub(super) fn malformed(
    name: &str,
    kind: TargetKind,
    block: &str,
    error: &X509Error,
) -> TargetReport {
    TargetReport::new(name, kind).with_finding(malformed_finding(block, error))
}

pub(super) fn malformed_finding(block: &str, error: &X509Error) -> Finding {
    let told = error.explain();
    Finding::new(Code::FormMalformed, block, told.what, told.why, told.mend)
}

pub(super) fn no_certificate(
    name: &str,
    kind: TargetKind,
    keys: &[(String, PrivateKey)],
    requests: &[(String, Csr)],
    problems: &[(String, X509Error)],
) -> TargetReport {
    let holds = match (keys.first(), requests.first(), problems.first()) {
        (Some(_), _, _) => "it holds a private key".to_owned(),
        (None, Some(_), _) => "it holds a certificate request".to_owned(),
        (None, None, Some((block, problem))) => format!("{block}: {}", problem.explain().why),
        (None, None, None) => "its blocks hold other things".to_owned(),
    };
    TargetReport::new(name, kind).with_finding(Finding::new(
        Code::FormMalformed,
        "",
        "no certificate stands in the file",
        holds,
        "name the file with the certificate",
    ))
}
