//! SPKI and certificate digests, in one printed form.

use crate::explain::hex;
use aws_lc_rs::digest;
use std::fmt;

/// A SHA-256 digest, of a certificate's DER or of a SubjectPublicKeyInfo's DER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// SHA-256 of the bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut sum = [0; 32];
        sum.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(sum)
    }

    /// Parses `sha256:` and 64 hex digits of either case.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha256:")?.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut sum = [0; 32];
        for (byte, pair) in sum.iter_mut().zip(digits.chunks(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16)?;
                *byte = (*byte << 4) | u8::try_from(value).ok()?;
            }
        }
        Some(Self(sum))
    }

    /// The digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hex digits and nothing else, as TLSA records have them.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// `sha256:` and the first eight hex digits and an ellipsis, for people.
    pub fn short(&self) -> String {
        let full = self.to_string();
        format!("{}…", &full[..15])
    }
}

/// SHA-1 of a certificate's DER, 40 upper-case hex digits: what Windows calls its thumbprint and selects it by. It
/// proves nothing.
pub fn thumbprint(der: &[u8]) -> String {
    let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der);
    hex(sum.as_ref()).to_ascii_uppercase()
}

/// `sha256:` and 64 lower-case hex digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_form_is_parsed_back() {
        let abc = Fingerprint::of(b"abc");
        assert_eq!(
            abc.to_string(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(Fingerprint::parse(&abc.to_string()), Some(abc));
        assert_eq!(
            Fingerprint::parse(&abc.to_string().to_uppercase().replace("SHA", "sha")),
            Some(abc)
        );
        assert_eq!(abc.short(), "sha256:ba7816bf…");
    }

    #[test]
    fn a_thumbprint_is_that_of_windows() {
        assert_eq!(
            thumbprint(b"abc"),
            "A9993E364706816ABA3E25717850C26C9CD0D89D"
        );
    }

    #[test]
    fn anything_else_is_no_fingerprint() {
        let hex = "a".repeat(64);
        for text in [
            String::new(),
            hex.clone(),
            format!("sha1:{hex}"),
            format!("sha256:{hex}a"),
            format!("sha256:{}", "é".repeat(32)),
            format!("sha256:{}g", "a".repeat(63)),
        ] {
            assert_eq!(Fingerprint::parse(&text), None, "{text}");
        }
    }
}
