//! What a DER value is, told by its shape: no label, no suffix, no guess about what it means.

use super::tlv::{self, Tlv};

/// The forms that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Certificate, RFC 5280 §4.1.
    Certificate,
    /// CertificationRequest, RFC 2986 §4.
    Request,
    /// CertificateList, RFC 5280 §5.1.
    Crl,
    /// PrivateKeyInfo or OneAsymmetricKey, RFC 5958 §2.
    Pkcs8,
    /// EncryptedPrivateKeyInfo, RFC 5958 §3.
    EncryptedPkcs8,
    /// RSAPrivateKey, RFC 8017 appendix A.1.2.
    Pkcs1,
    /// ECPrivateKey, RFC 5915 §3.
    Sec1,
    /// SubjectPublicKeyInfo, RFC 5280 §4.1.
    PublicKey,
    /// ContentInfo, RFC 5652 §3.
    Pkcs7,
    /// PFX, RFC 7292 §4.
    Pkcs12,
    /// None of them.
    Unknown,
}

impl Form {
    /// Whether it is a private key of any form.
    pub(crate) fn is_key(self) -> bool {
        match self {
            Form::Pkcs8 | Form::EncryptedPkcs8 | Form::Pkcs1 | Form::Sec1 => true,
            Form::Certificate
            | Form::Request
            | Form::Crl
            | Form::PublicKey
            | Form::Pkcs7
            | Form::Pkcs12
            | Form::Unknown => false,
        }
    }
}

/// Tells the form of one DER value; bytes after it do not matter, nor does damage after the first few fields.
pub(crate) fn form(der: &[u8]) -> Form {
    let content = match tlv::read(der) {
        Ok((outer, _)) if outer.tag == tlv::SEQUENCE => outer.content,
        // cut off, or BER of indefinite length, as PKCS#7 and PKCS#12 may be
        Ok(_) => return Form::Unknown,
        Err(_) => match skip_header(der) {
            Some(content) => content,
            None => return Form::Unknown,
        },
    };
    let first = first_items(content);
    match first.as_slice() {
        [kind, ..] if kind.tag == tlv::OBJECT_IDENTIFIER && is_pkcs7(kind.content) => Form::Pkcs7,
        [version, second, ..] if version.tag == tlv::INTEGER => {
            match (version.content, second.tag) {
                ([3], tlv::SEQUENCE) => Form::Pkcs12,
                (_, tlv::SEQUENCE) => Form::Pkcs8,
                (_, tlv::INTEGER) => Form::Pkcs1,
                (_, tlv::OCTET_STRING) => Form::Sec1,
                _ => Form::Unknown,
            }
        }
        // PFX of indefinite length: its second field has no end of its own
        [version] if version.tag == tlv::INTEGER && version.content == [3] => Form::Pkcs12,
        [inner, second, ..] if inner.tag == tlv::SEQUENCE => match second.tag {
            tlv::OCTET_STRING => Form::EncryptedPkcs8,
            tlv::BIT_STRING => Form::PublicKey,
            tlv::SEQUENCE => signed_form(inner.content),
            _ => Form::Unknown,
        },
        // a signed value whose end is cut off
        [inner] if inner.tag == tlv::SEQUENCE => signed_form(inner.content),
        [] => skip_header(content).map_or(Form::Unknown, signed_form),
        _ => Form::Unknown,
    }
}

/// Certificate, request or list, by what is signed.
fn signed_form(content: &[u8]) -> Form {
    let tags: Vec<u8> = first_items(content).iter().map(|item| item.tag).collect();
    match tags.as_slice() {
        // [0] version, serial, signature, …
        [tlv::CONTEXT_0, tlv::INTEGER, ..] => Form::Certificate,
        // version 1: serial, signature, issuer, validity, subject; a request: version, subject, key, [0]
        [
            tlv::INTEGER,
            tlv::SEQUENCE,
            tlv::SEQUENCE,
            tlv::SEQUENCE,
            ..,
        ] => Form::Certificate,
        [
            tlv::INTEGER,
            tlv::SEQUENCE,
            tlv::SEQUENCE,
            tlv::CONTEXT_0,
            ..,
        ]
        | [tlv::INTEGER, tlv::SEQUENCE, tlv::SEQUENCE] => Form::Request,
        // [version,] signature, issuer, thisUpdate (UTCTime or GeneralizedTime)
        [tlv::INTEGER, tlv::SEQUENCE, tlv::SEQUENCE, 0x17 | 0x18, ..]
        | [tlv::SEQUENCE, tlv::SEQUENCE, 0x17 | 0x18, ..] => Form::Crl,
        _ => Form::Unknown,
    }
}

/// 1.2.840.113549.1.7.x
fn is_pkcs7(oid: &[u8]) -> bool {
    oid.starts_with(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07])
}

/// The content of a SEQUENCE whose length is wrong or indefinite.
fn skip_header(der: &[u8]) -> Option<&[u8]> {
    match der {
        [tlv::SEQUENCE, 0x80, content @ ..] => Some(content),
        [tlv::SEQUENCE, length, ..] if *length > 0x80 => der.get(2 + usize::from(length & 0x7f)..),
        [tlv::SEQUENCE, _, content @ ..] => Some(content),
        _ => None,
    }
}

/// At most the first five values that can be read.
fn first_items(mut content: &[u8]) -> Vec<Tlv<'_>> {
    let mut found = Vec::new();
    while found.len() < 5 {
        let Ok((value, rest)) = tlv::read(content) else {
            break;
        };
        found.push(value);
        content = rest;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junk_has_no_form() {
        for bytes in [
            &b""[..],
            b"hello",
            &[0x30, 0x00],
            &[0x30, 0x80],
            &[0x30, 0xff, 0x00],
            &[0x02, 0x01, 0x00],
            &[0x30, 0x03, 0x02, 0x01, 0x00],
        ] {
            assert_eq!(form(bytes), Form::Unknown, "{bytes:02x?}");
        }
    }

    #[test]
    fn indefinite_lengths_do_not_hide_pkcs7_and_pkcs12() {
        let signed_data = [
            0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02, 0xa0,
            0x80,
        ];
        assert_eq!(form(&signed_data), Form::Pkcs7);
        let pfx = [0x30, 0x80, 0x02, 0x01, 0x03, 0x30, 0x80];
        assert_eq!(form(&pfx), Form::Pkcs12);
    }
}
