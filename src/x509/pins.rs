//! What partners may have pinned of a certificate: TLSA records and POSH files, in the form in which they are published.
//!
//! Both must be published before the server shows another key (TLSA 3 1 1) or another certificate (POSH). Nothing here
//! asks the DNS. Standards: RFC 6698 §2.1, RFC 7673 §3, RFC 7711 §3, RFC 7712 §5.

use super::Fingerprint;
use super::pem;
use crate::names::Domain;

/// Seconds for which a partner may keep a POSH file: a day, so that the next key is not held up by it (RFC 7711 §3.1).
const POSH_EXPIRES: u32 = 86_400;

/// The data of a TLSA record: usage 3 (DANE-EE), selector 1 (the key), SHA-256, in lower-case hex.
pub fn tlsa(spki_sha256: &Fingerprint) -> String {
    format!("3 1 1 {}", spki_sha256.hex())
}

/// The owner of a TLSA record: `_5269._tcp.edge.contoso.com.`, the host being the target of the SRV record.
pub fn tlsa_owner(port: u16, host: &Domain) -> String {
    format!("_{port}._tcp.{}.", host.as_str())
}

/// The digest of a certificate as POSH has it: base64.
pub fn posh_digest(sha256: &Fingerprint) -> String {
    pem::base64(sha256.as_bytes())
}

/// The POSH file for these certificates, one line.
pub fn posh_file(certificates: &[Fingerprint]) -> String {
    let digests: Vec<String> = certificates
        .iter()
        .map(|one| format!("{{\"sha-256\":\"{}\"}}", posh_digest(one)))
        .collect();
    format!(
        "{{\"fingerprints\":[{}],\"expires\":{POSH_EXPIRES}}}",
        digests.join(",")
    )
}

/// Where the POSH file of an XMPP domain lies; `service` is `xmpp-server` or `xmpp-client`.
pub fn posh_url(domain: &Domain, service: &str) -> String {
    format!(
        "https://{}/.well-known/posh/{service}.json",
        domain.as_str()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_have_the_forms_of_their_standards() {
        let digest = Fingerprint::of(b"");
        assert_eq!(
            tlsa(&digest),
            "3 1 1 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        // `openssl dgst -sha256 -binary </dev/null | base64`
        let base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(posh_digest(&digest), base64);
        let host = Domain::parse("edge.contoso.com").unwrap();
        assert_eq!(tlsa_owner(5269, &host), "_5269._tcp.edge.contoso.com.");
        assert_eq!(
            posh_url(&host, "xmpp-server"),
            "https://edge.contoso.com/.well-known/posh/xmpp-server.json"
        );
        let file: serde_json::Value = serde_json::from_str(&posh_file(&[digest, digest])).unwrap();
        assert_eq!(file["fingerprints"][1]["sha-256"], base64);
        assert_eq!(file["expires"], 86_400);
    }
}
