//! subjectAltName both ways (RFC 5280 §4.2.1.6); own otherName codec, as rcgen's is UTF-8 only and SRVName is IA5.

use super::{X509Error, oid, tlv};
use crate::names::{Identifier, Presented};
use der::Encode;
use der::asn1::{Any, Ia5String, Ia5StringRef, OctetString, Utf8StringRef};
use std::net::IpAddr;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{GeneralName, OtherName};

/// The SubjectAltName extension's value, DER, in the order given.
pub(crate) fn encode(names: &[Identifier]) -> Result<Vec<u8>, X509Error> {
    let failed = |cause: der::Error| X509Error::unwritable("subjectAltName", cause);
    let ia5 = |text: &str| Ia5String::new(text);
    let mut entries = Vec::with_capacity(names.len());
    for name in names {
        let entry = match name {
            Identifier::Dns(dns) => ia5(&dns.to_string()).map(GeneralName::DnsName),
            // RFC 4985 §2: SRVName ::= IA5String
            Identifier::Srv(srv) => Ia5StringRef::new(&srv.to_string())
                .and_then(|text| Any::encode_from(&text))
                .map(|value| other_name(oid::DNS_SRV, value)),
            // RFC 6120 §13.7.1.4: XmppAddr ::= UTF8String, with U-labels
            Identifier::Xmpp(xmpp) => Utf8StringRef::new(&xmpp.to_string())
                .and_then(|text| Any::encode_from(&text))
                .map(|value| other_name(oid::XMPP_ADDR, value)),
            Identifier::Sip(sip) => {
                ia5(&sip.to_string()).map(GeneralName::UniformResourceIdentifier)
            }
            Identifier::Ip(IpAddr::V4(address)) => {
                OctetString::new(address.octets()).map(GeneralName::IpAddress)
            }
            Identifier::Ip(IpAddr::V6(address)) => {
                OctetString::new(address.octets()).map(GeneralName::IpAddress)
            }
            Identifier::Email(email) => ia5(email).map(GeneralName::Rfc822Name),
        };
        entries.push(entry.map_err(failed)?);
    }
    SubjectAltName(entries).to_der().map_err(failed)
}

fn other_name(type_id: der::oid::ObjectIdentifier, value: Any) -> GeneralName {
    GeneralName::OtherName(OtherName { type_id, value })
}

/// The entries of a SubjectAltName value. Never fails: what cannot be read becomes [`Presented::Malformed`].
pub(crate) fn decode(der: &[u8]) -> Vec<Presented> {
    let Some(sequence) = tlv::exactly(der, tlv::SEQUENCE) else {
        return vec![Presented::Malformed(
            "subjectAltName that is no sequence of names".to_owned(),
        )];
    };
    let mut names = Vec::new();
    let mut rest = sequence.content;
    while !rest.is_empty() {
        match tlv::read(rest) {
            Ok((entry, left)) => {
                names.push(decode_entry(entry));
                rest = left;
            }
            Err(_) => {
                names.push(Presented::Malformed(
                    "entry whose end cannot be found".to_owned(),
                ));
                break;
            }
        }
    }
    names
}

/// RFC 5280 §4.2.1.6: GeneralName, by its tag; `[0]`, `[3]`, `[4]` and `[5]` are constructed.
fn decode_entry(entry: tlv::Tlv<'_>) -> Presented {
    match entry.tag {
        tlv::CONTEXT_0 => decode_other_name(entry.content),
        0x81 => Presented::Email(ascii(entry.content)),
        0x82 => Presented::Dns(ascii(entry.content)),
        0xa3 => Presented::Other("x400Address".to_owned()),
        0xa4 => Presented::Other("directoryName".to_owned()),
        0xa5 => Presented::Other("ediPartyName".to_owned()),
        0x86 => Presented::Uri(ascii(entry.content)),
        0x87 => {
            if let Ok(four) = <[u8; 4]>::try_from(entry.content) {
                Presented::Ip(IpAddr::from(four))
            } else if let Ok(sixteen) = <[u8; 16]>::try_from(entry.content) {
                Presented::Ip(IpAddr::from(sixteen))
            } else {
                Presented::Malformed(format!("iPAddress of {} bytes", entry.content.len()))
            }
        }
        0x88 => Presented::Other(format!("registeredID {}", tlv::dotted(entry.content))),
        tag => Presented::Malformed(format!("entry with tag {tag:02x}")),
    }
}

/// `SEQUENCE { type-id, value [0] EXPLICIT }`, the outer tag already taken off.
fn decode_other_name(content: &[u8]) -> Presented {
    let parts = tlv::items(content).unwrap_or_default();
    let [kind, wrapped] = parts.as_slice() else {
        return Presented::Malformed("otherName without type and value".to_owned());
    };
    if kind.tag != tlv::OBJECT_IDENTIFIER || wrapped.tag != tlv::CONTEXT_0 {
        return Presented::Malformed("otherName without type and value".to_owned());
    }
    let value = tlv::read(wrapped.content)
        .ok()
        .filter(|(_, rest)| rest.is_empty())
        .map(|(value, _)| value);
    if kind.content == oid::DNS_SRV.as_bytes() {
        match value {
            Some(value) if value.tag == tlv::IA5_STRING => Presented::Srv(ascii(value.content)),
            found => Presented::Malformed(format!("SRVName as {}", type_name(found))),
        }
    } else if kind.content == oid::XMPP_ADDR.as_bytes() {
        match value {
            Some(value) if value.tag == tlv::UTF8_STRING => match str::from_utf8(value.content) {
                Ok(text) => Presented::Xmpp(text.to_owned()),
                Err(_) => Presented::Malformed("XmppAddr that is not UTF-8".to_owned()),
            },
            found => Presented::Malformed(format!("XmppAddr as {}", type_name(found))),
        }
    } else {
        Presented::Other(format!("otherName {}", tlv::dotted(kind.content)))
    }
}

fn type_name(value: Option<tlv::Tlv<'_>>) -> String {
    match value.map(|value| value.tag) {
        None => "something unreadable".to_owned(),
        Some(tlv::UTF8_STRING) => "UTF8String".to_owned(),
        Some(tlv::IA5_STRING) => "IA5String".to_owned(),
        Some(0x13) => "PrintableString".to_owned(),
        Some(0x1e) => "BMPString".to_owned(),
        Some(tag) => format!("tag {tag:02x}"),
    }
}

fn ascii(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            0x00..=0x7f => char::from(*byte),
            _ => char::REPLACEMENT_CHARACTER,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut der = vec![tag, u8::try_from(content.len()).unwrap()];
        der.extend(content);
        der
    }

    fn other(kind: der::oid::ObjectIdentifier, value: &[u8]) -> Vec<u8> {
        let mut content = kind.to_der().unwrap();
        content.extend(wrap(0xa0, value));
        wrap(0xa0, &content)
    }

    #[test]
    fn every_form_is_read() {
        for (entry, expected) in [
            (
                wrap(0x82, b"contoso.com"),
                Presented::Dns("contoso.com".to_owned()),
            ),
            (
                wrap(0x82, b"b\xc3\xbc.de"),
                Presented::Dns("b\u{fffd}\u{fffd}.de".to_owned()),
            ),
            (
                other(oid::DNS_SRV, &wrap(0x16, b"_xmpp-server.contoso.com")),
                Presented::Srv("_xmpp-server.contoso.com".to_owned()),
            ),
            (
                other(oid::DNS_SRV, &wrap(0x0c, b"_xmpp-server.contoso.com")),
                Presented::Malformed("SRVName as UTF8String".to_owned()),
            ),
            (
                other(oid::XMPP_ADDR, &wrap(0x0c, "bücher.de".as_bytes())),
                Presented::Xmpp("bücher.de".to_owned()),
            ),
            (
                other(oid::XMPP_ADDR, &wrap(0x16, b"a.de")),
                Presented::Malformed("XmppAddr as IA5String".to_owned()),
            ),
            (
                other(oid::XMPP_ADDR, b"\x0c\x7fa"),
                Presented::Malformed("XmppAddr as something unreadable".to_owned()),
            ),
            (
                other(oid::COUNTRY, &wrap(0x0c, b"a")),
                Presented::Other("otherName 2.5.4.6".to_owned()),
            ),
            (
                wrap(0xa0, b""),
                Presented::Malformed("otherName without type and value".to_owned()),
            ),
            (
                wrap(0x86, b"sip:a.de"),
                Presented::Uri("sip:a.de".to_owned()),
            ),
            (wrap(0x81, b"a@b.de"), Presented::Email("a@b.de".to_owned())),
            (
                wrap(0x87, &[127, 0, 0, 1]),
                Presented::Ip("127.0.0.1".parse().unwrap()),
            ),
            (
                wrap(0x87, &[0; 8]),
                Presented::Malformed("iPAddress of 8 bytes".to_owned()),
            ),
            (
                wrap(0xa4, &[0x30, 0]),
                Presented::Other("directoryName".to_owned()),
            ),
            (
                wrap(0x88, &[0x2a, 3]),
                Presented::Other("registeredID 1.2.3".to_owned()),
            ),
            (
                wrap(0xa2, b""),
                Presented::Malformed("entry with tag a2".to_owned()),
            ),
        ] {
            assert_eq!(decode(&wrap(0x30, &entry)), [expected], "{entry:02x?}");
        }
    }

    #[test]
    fn what_can_be_read_before_the_damage_is_kept() {
        let mut content = wrap(0x82, b"a.de");
        content.extend([0x82, 0x20, 0x61]);
        let names = decode(&wrap(0x30, &content));
        assert_eq!(names[0], Presented::Dns("a.de".to_owned()));
        assert!(matches!(names[1], Presented::Malformed(_)));
        assert!(matches!(
            decode(b"junk").as_slice(),
            [Presented::Malformed(_)]
        ));
        assert!(decode(&[0x30, 0]).is_empty());
    }

    #[test]
    fn names_are_written_in_their_string_types_and_read_back() {
        let words = [
            "dns:contoso.com",
            "dns:*.contoso.com",
            "srv:_xmpp-server.contoso.com",
            "xmpp:xn--bcher-kva.example",
            "sip:contoso.com",
            "ip:192.0.2.1",
            "ip:2001:db8::1",
            "email:hostmaster@contoso.com",
        ];
        let names: Vec<Identifier> = words
            .iter()
            .map(|word| Identifier::parse_typed(word).unwrap())
            .collect();
        let der = encode(&names).unwrap();
        let expected: Vec<Presented> = names.iter().map(Identifier::to_presented).collect();
        assert_eq!(decode(&der), expected);
        let has = |wanted: &[u8]| der.windows(wanted.len()).any(|window| window == wanted);
        // IA5String is tag 16, UTF8String is tag 0c; XmppAddr holds U-labels
        assert!(has(b"\x16\x18_xmpp-server.contoso.com"));
        assert!(has("\x0c\x0fbücher.example".as_bytes()));
        assert!(has(b"\x86\x0fsip:contoso.com"));
    }
}
