//! How certificates, places and times are spoken of in findings; everything foreign is made printable here.

use crate::explain::{date, hex, listed, moment, printable};
use crate::x509::{Certificate, PublicKeyKind};
use time::OffsetDateTime;

/// The time, as a date where days tell enough apart, to the second where they do not.
pub(crate) fn beside(time: OffsetDateTime, other: OffsetDateTime) -> String {
    if (time - other).abs() < time::Duration::days(2) {
        moment(time)
    } else {
        date(time)
    }
}

/// `"Example CA E5"`.
pub(crate) fn quoted(certificate: &Certificate) -> String {
    format!("\"{}\"", certificate.display_name())
}

/// The issuer's name as the certificate has it, in quotes: its common name, else all of it.
pub(crate) fn quoted_issuer(certificate: &Certificate) -> String {
    let issuer = &certificate.facts().issuer;
    let name = issuer
        .common_names
        .iter()
        .find(|name| !name.trim().is_empty())
        .unwrap_or(&issuer.text);
    format!("\"{}\"", printable(name))
}

/// The first bytes of a key identifier as hex, or `none`.
pub(crate) fn key_id(id: Option<&[u8]>) -> String {
    match id {
        None => "none".to_owned(),
        Some(bytes) => {
            let (first, more) = bytes.split_at(bytes.len().min(6));
            format!("{}{}", hex(first), if more.is_empty() { "" } else { "…" })
        }
    }
}

/// Where to get the issuer of a certificate: the URL it names, or the CA.
pub(crate) fn where_to_get_issuer(certificate: &Certificate) -> String {
    match certificate.facts().ca_issuers.first() {
        Some(url) => format!("fetch it from {}", printable(url)),
        None => format!(
            "ask the CA for the certificate of {}",
            quoted_issuer(certificate)
        ),
    }
}

/// `RSA with 1024 bits`, `ECDSA on P-256`.
pub(crate) fn key(kind: &PublicKeyKind) -> String {
    match kind {
        PublicKeyKind::Rsa { bits, .. } => format!("RSA with {bits} bits"),
        PublicKeyKind::Ec { curve } => format!("ECDSA on {}", printable(curve)),
        PublicKeyKind::Ed25519 => "Ed25519".to_owned(),
        PublicKeyKind::Other(text) => printable(text),
    }
}

/// Up to eight of the words, then how many more there are.
pub(crate) fn list(words: &[String]) -> String {
    const SHOWN: usize = 8;
    listed(words, SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let noon = datetime!(2026-03-02 12:00 UTC);
        assert_eq!(beside(noon, datetime!(2026-03-05 0:00 UTC)), "2026-03-02");
        assert_eq!(
            beside(noon, datetime!(2026-03-02 12:00:01 UTC)),
            "2026-03-02 12:00:00 UTC"
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let words: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        assert_eq!(list(&words), "0, 1, 2, 3, 4, 5, 6, 7 and 2 more");
        assert_eq!(list(&words[..2]), "0, 1");
    }
}
