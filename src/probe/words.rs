//! TLS errors in plain words: alerts by their names of RFC 8446 §6, and what they usually mean at an edge.

use super::KeyKind;
use crate::explain::printable;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// What is said of an answer in another protocol.
pub(super) const NOT_TLS: &str = "the peer's answer is not TLS";

/// What is known around a TLS error when it happens.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Circumstances {
    /// The peer's chain was seen.
    pub chain_seen: bool,
    /// The peer asked for a client certificate.
    pub asked_for_certificate: bool,
    /// The signature types that were offered.
    pub key_kind: KeyKind,
}

/// What a TLS error says, in plain words: one line, no names of types, nothing of the peer's own text.
// The enums are rustls's and grow with it; a variant without words of its own gets its name in words.
#[allow(clippy::wildcard_enum_match_arm)]
pub fn words_for_tls_error(error: &Error) -> String {
    match error {
        Error::AlertReceived(alert) => {
            let name = alert_name(*alert);
            match alert_meaning(*alert) {
                Some(meaning) => format!("the peer sent the alert {name}: {meaning}"),
                None => format!("the peer sent the alert {name}"),
            }
        }
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "the peer offers only legacy TLS (1.1 or older)".to_owned(),
        Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon) => {
            "no cipher suite in common; the peer offers only legacy TLS".to_owned()
        }
        Error::PeerIncompatible(PeerIncompatible::ExtendedMasterSecretExtensionRequired) => {
            "the peer's TLS 1.2 lacks the extended master secret; it offers only legacy TLS"
                .to_owned()
        }
        Error::PeerIncompatible(reason) => format!(
            "the peer's TLS does not fit ours ({})",
            spaced(&format!("{reason:?}"))
        ),
        Error::PeerMisbehaved(reason) => format!(
            "the peer broke the rules of TLS ({})",
            spaced(&format!("{reason:?}"))
        ),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge,
        ) => NOT_TLS.to_owned(),
        Error::InvalidMessage(reason) => format!(
            "the peer sent a TLS message that cannot be read ({})",
            spaced(&format!("{reason:?}"))
        ),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the peer sent a TLS message that has no place here".to_owned()
        }
        Error::NoCertificatesPresented => "the peer presented no certificate".to_owned(),
        Error::InvalidCertificate(reason) => certificate_words(reason),
        Error::DecryptError => {
            "what the peer sent cannot be decrypted: it was damaged or changed on its way"
                .to_owned()
        }
        Error::PeerSentOversizedRecord => "the peer sent a record that is too long".to_owned(),
        Error::NoApplicationProtocol => {
            "no application protocol (ALPN) in common with the peer".to_owned()
        }
        Error::General(text) => printable(text),
        other => spaced(&format!("{other:?}")),
    }
}

/// What the error most likely means, given what happened before it.
pub(super) fn hint(error: &Error, around: &Circumstances) -> Option<String> {
    let Error::AlertReceived(alert) = error else {
        return None;
    };
    let refused = matches!(
        alert,
        AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateRequired
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
    );
    if around.chain_seen && around.asked_for_certificate && refused {
        return Some("it demands a client certificate, and none was presented".to_owned());
    }
    let nothing_common = matches!(
        alert,
        AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity
    );
    if around.chain_seen || !nothing_common {
        return None;
    }
    Some(match around.key_kind {
        KeyKind::Any => "perhaps the peer offers only legacy TLS".to_owned(),
        KeyKind::Rsa => "perhaps the peer has no certificate with an RSA key".to_owned(),
        KeyKind::Ecdsa => "perhaps the peer has no certificate with an ECDSA key".to_owned(),
        KeyKind::Ed25519 => "perhaps the peer has no certificate with an Ed25519 key".to_owned(),
    })
}

/// The alert's name as RFC 8446 §6 spells it, with hyphens: `handshake-failure`.
// The kinds are the library's and grow with it.
#[allow(clippy::wildcard_enum_match_arm)]
fn alert_name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnrecognisedName => "unrecognized-name".to_owned(),
        AlertDescription::Unknown(number) => number.to_string(),
        known => spaced(&format!("{known:?}")).replace(' ', "-"),
    }
}

// The kinds are the library's and grow with it.
#[allow(clippy::wildcard_enum_match_arm)]
fn alert_meaning(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::HandshakeFailure => {
            "it found no version, cipher suite or signature type in common, or lacks a certificate"
        }
        AlertDescription::ProtocolVersion => "it speaks neither TLS 1.2 nor TLS 1.3",
        AlertDescription::InsufficientSecurity => "it wants other cipher suites",
        AlertDescription::UnrecognisedName => {
            "it serves no certificate for the name that was asked for (SNI)"
        }
        AlertDescription::NoApplicationProtocol => {
            "it does not know the application protocol (ALPN)"
        }
        AlertDescription::CertificateRequired => "it demands a client certificate",
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            "it does not accept the client's certificate"
        }
        AlertDescription::UnknownCA => "it does not know the CA of the client's certificate",
        AlertDescription::InternalError => {
            "it failed within itself, often for want of a usable certificate or key"
        }
        AlertDescription::AccessDenied => "its rules refuse us",
        AlertDescription::UnexpectedMessage => {
            "it got something it did not expect; the port may speak another protocol"
        }
        AlertDescription::DecodeError => "it could not read our message",
        AlertDescription::CloseNotify => "it ended the connection",
        _ => return None,
    })
}

// The kinds are the library's and grow with it.
#[allow(clippy::wildcard_enum_match_arm)]
fn certificate_words(reason: &CertificateError) -> String {
    match reason {
        CertificateError::BadEncoding => "a certificate of the peer cannot be read".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "a certificate of the peer is expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "a certificate of the peer is not valid yet".to_owned()
        }
        CertificateError::Revoked => "a certificate of the peer is revoked".to_owned(),
        CertificateError::UnknownIssuer => {
            "the peer's certificate has an unknown issuer".to_owned()
        }
        CertificateError::BadSignature => "a signature of the peer is wrong".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the peer's certificate is for another name".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the peer's certificate is not for this purpose (extended key usage)".to_owned()
        }
        other => format!(
            "the peer's certificate is not accepted ({})",
            spaced(&format!("{other:?}"))
        ),
    }
}

/// The name of a variant in lower-case words: `UnknownPSKIdentity` → `unknown psk identity`. What follows the name
/// is left out.
fn spaced(name: &str) -> String {
    let letters: Vec<char> = name
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    let mut words = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|place| letters.get(place));
        let next_is_lower = letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| !before.is_ascii_uppercase() || next_is_lower);
        if begins {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::PeerMisbehaved;

    #[test]
    fn errors_are_told_in_plain_words() {
        for (error, words) in [
            (
                Error::AlertReceived(AlertDescription::HandshakeFailure),
                "alert handshake-failure: it found no",
            ),
            (
                Error::AlertReceived(AlertDescription::UnknownCA),
                "alert unknown-ca: it does not know the CA",
            ),
            (
                Error::AlertReceived(AlertDescription::UnknownPSKIdentity),
                "alert unknown-psk-identity",
            ),
            (
                Error::AlertReceived(AlertDescription::UnrecognisedName),
                "alert unrecognized-name: it serves no",
            ),
            (
                Error::AlertReceived(AlertDescription::Unknown(200)),
                "alert 200",
            ),
            (
                Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
                "the peer offers only legacy TLS",
            ),
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "the peer's answer is not TLS",
            ),
            (
                Error::InvalidMessage(InvalidMessage::MissingData("x")),
                "cannot be read (missing data)",
            ),
            (
                Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedKxGroup),
                "the rules of TLS (selected unoffered kx group)",
            ),
            (
                Error::InvalidCertificate(CertificateError::Expired),
                "is expired",
            ),
            (Error::NoCertificatesPresented, "no certificate"),
            (Error::General("a\u{1b}b".into()), "a\u{fffd}b"),
            (Error::FailedToGetRandomBytes, "failed to get random bytes"),
        ] {
            let told = words_for_tls_error(&error);
            assert!(told.contains(words), "{told}");
            assert!(!told.contains('{') && !told.contains("::"), "{told}");
        }
    }

    #[test]
    fn hints_follow_what_was_seen() {
        let refusal = Error::AlertReceived(AlertDescription::HandshakeFailure);
        for (chain_seen, asked_for_certificate, key_kind, word) in [
            (false, false, KeyKind::Any, Some("legacy TLS")),
            (false, false, KeyKind::Rsa, Some("RSA")),
            (false, false, KeyKind::Ecdsa, Some("ECDSA")),
            (false, false, KeyKind::Ed25519, Some("Ed25519")),
            (true, true, KeyKind::Rsa, Some("client certificate")),
            (true, false, KeyKind::Any, None),
        ] {
            let around = Circumstances {
                chain_seen,
                asked_for_certificate,
                key_kind,
            };
            let told = hint(&refusal, &around);
            assert_eq!(told.is_some(), word.is_some(), "{told:?}");
            assert!(told.unwrap_or_default().contains(word.unwrap_or_default()));
        }
    }
}
