//! Name constraints as they lie in a certificate, and the names that they are held against (RFC 5280 §4.2.1.10).
//!
//! Reading only: which name lies within which subtree is decided by the room that judges. What cannot be read is an
//! error here, as a constraint that is not understood must not be passed over. SRVName: RFC 4985 §4.

use super::subject::DistinguishedName;
use super::{Certificate, ExtensionKind, oid, tlv};

/// A GeneralName in the form that constraints are weighed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConstrainedName {
    /// dNSName, each byte that is not ASCII as U+FFFD.
    Dns(String),
    /// rfc822Name, alike.
    Email(String),
    /// uniformResourceIdentifier, alike.
    Uri(String),
    /// iPAddress: 4 or 16 bytes as a name, 8 or 32 (address and mask) as a constraint; other lengths are malformed.
    Ip(Vec<u8>),
    /// directoryName.
    Directory(DistinguishedName),
    /// SRVName.
    Srv(String),
    /// A form whose constraints are not weighed: `otherName 1.2.3`, `x400Address`, `ediPartyName`, `registeredID`.
    Unweighed(String),
    /// A known form whose value cannot be read, described.
    Malformed(String),
}

/// The subtrees of one certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameConstraints {
    /// Names have to lie within one of these, form by form.
    pub permitted: Vec<ConstrainedName>,
    /// Names must lie outside all of these.
    pub excluded: Vec<ConstrainedName>,
}

impl NameConstraints {
    /// Reads the extension's value. The error says what is wrong with it, in words fit to be shown.
    pub fn from_der(value: &[u8]) -> Result<Self, String> {
        let unreadable = || "the extension cannot be read".to_owned();
        let fields = tlv::exactly(value, tlv::SEQUENCE)
            .and_then(|all| tlv::items(all.content))
            .ok_or_else(unreadable)?;
        let mut constraints = Self::default();
        let mut last = 0;
        for field in fields {
            // GeneralSubtrees ::= SEQUENCE SIZE (1..MAX), permitted [0] before excluded [1]
            if field.content.is_empty() {
                return Err("a list of subtrees is empty".to_owned());
            }
            if field.tag <= last {
                return Err(unreadable());
            }
            last = field.tag;
            let list = match field.tag {
                0xa0 => &mut constraints.permitted,
                0xa1 => &mut constraints.excluded,
                _ => return Err(unreadable()),
            };
            for subtree in tlv::items(field.content).ok_or_else(unreadable)? {
                list.push(base_of(subtree).ok_or_else(unreadable)??);
            }
        }
        if constraints.permitted.is_empty() && constraints.excluded.is_empty() {
            return Err("neither permitted nor excluded subtrees are given".to_owned());
        }
        Ok(constraints)
    }

    /// How many subtrees there are.
    pub fn len(&self) -> usize {
        self.permitted.len() + self.excluded.len()
    }

    /// Whether there is none; [`Self::from_der`] never makes such.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// GeneralSubtree: a base; minimum must be zero and maximum absent (RFC 5280 §4.2.1.10). `None`: no DER.
fn base_of(subtree: tlv::Tlv<'_>) -> Option<Result<ConstrainedName, String>> {
    if subtree.tag != tlv::SEQUENCE {
        return None;
    }
    let parts = tlv::items(subtree.content)?;
    let (base, rest) = parts.split_first()?;
    let bounded = rest
        .iter()
        .any(|field| field.tag != 0x80 || field.content != [0]);
    if bounded {
        return Some(Err("a subtree has a minimum or maximum".to_owned()));
    }
    Some(Ok(read_name(*base)))
}

/// A GeneralName by its tag (RFC 5280 §4.2.1.6).
fn read_name(entry: tlv::Tlv<'_>) -> ConstrainedName {
    match entry.tag {
        tlv::CONTEXT_0 => other_name(entry.content),
        0x81 => ConstrainedName::Email(ascii(entry.content)),
        0x82 => ConstrainedName::Dns(ascii(entry.content)),
        0xa3 => ConstrainedName::Unweighed("x400Address".to_owned()),
        0xa4 => match DistinguishedName::from_der(entry.content) {
            Some(name) => ConstrainedName::Directory(name),
            None => ConstrainedName::Malformed("directoryName that cannot be read".to_owned()),
        },
        0xa5 => ConstrainedName::Unweighed("ediPartyName".to_owned()),
        0x86 => ConstrainedName::Uri(ascii(entry.content)),
        0x87 => ConstrainedName::Ip(entry.content.to_vec()),
        0x88 => ConstrainedName::Unweighed("registeredID".to_owned()),
        tag => ConstrainedName::Malformed(format!("name with tag {tag:02x}")),
    }
}

fn other_name(content: &[u8]) -> ConstrainedName {
    let malformed = || ConstrainedName::Malformed("otherName without type and value".to_owned());
    let parts = tlv::items(content).unwrap_or_default();
    let Some(kind) = parts
        .first()
        .filter(|one| one.tag == tlv::OBJECT_IDENTIFIER)
    else {
        return malformed();
    };
    if kind.content != oid::DNS_SRV.as_bytes() {
        return ConstrainedName::Unweighed(format!("otherName {}", tlv::dotted(kind.content)));
    }
    let value = parts.get(1).and_then(|wrapped| {
        tlv::exactly(wrapped.content, tlv::IA5_STRING).map(|value| ascii(value.content))
    });
    match value {
        Some(text) => ConstrainedName::Srv(text),
        None => ConstrainedName::Malformed("SRVName that is no IA5String".to_owned()),
    }
}

fn ascii(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        0x00..=0x7f => char::from(*byte),
        _ => char::REPLACEMENT_CHARACTER,
    };
    bytes.iter().map(one).collect()
}

impl Certificate {
    /// Its name constraints; `None`: there is no such extension. The error says what is wrong with it.
    pub fn name_constraints(&self) -> Option<Result<NameConstraints, String>> {
        self.extension(ExtensionKind::NameConstraints)
            .map(|extension| NameConstraints::from_der(extension.value))
    }

    /// The names that an issuer's constraints are held against: those of the subjectAltName, the subject where it is
    /// not empty, and its e-mail addresses where there is no subjectAltName (RFC 5280 §4.2.1.10).
    pub fn constrained_names(&self) -> Vec<ConstrainedName> {
        let subject = &self.facts().subject;
        let mut names = Vec::new();
        if !subject.is_empty() {
            names.push(ConstrainedName::Directory(subject.clone()));
        }
        match self.extension(ExtensionKind::SubjectAltName) {
            Some(extension) => {
                let entries = tlv::exactly(extension.value, tlv::SEQUENCE)
                    .and_then(|all| tlv::items(all.content));
                match entries {
                    Some(entries) => names.extend(entries.into_iter().map(read_name)),
                    None => names.push(ConstrainedName::Malformed(
                        "subjectAltName that cannot be read".to_owned(),
                    )),
                }
            }
            None => names.extend(
                subject
                    .email_addresses()
                    .into_iter()
                    .map(ConstrainedName::Email),
            ),
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut der = vec![tag, u8::try_from(content.len()).unwrap()];
        der.extend(content);
        der
    }

    fn subtrees(tag: u8, bases: &[Vec<u8>]) -> Vec<u8> {
        let all: Vec<u8> = bases.iter().flat_map(|base| wrap(0x30, base)).collect();
        wrap(tag, &all)
    }

    #[test]
    fn subtrees_are_read_in_their_forms() {
        let permitted = subtrees(
            0xa0,
            &[
                wrap(0x82, b"a.example"),
                wrap(0x87, &[10, 0, 0, 0, 255, 0, 0, 0]),
            ],
        );
        let excluded = subtrees(0xa1, &[wrap(0x81, b".b.example"), wrap(0x88, &[0x2a, 3])]);
        let value = wrap(0x30, &[permitted, excluded].concat());
        let read = NameConstraints::from_der(&value).unwrap();
        assert_eq!(
            read.permitted,
            [
                ConstrainedName::Dns("a.example".to_owned()),
                ConstrainedName::Ip(vec![10, 0, 0, 0, 255, 0, 0, 0]),
            ]
        );
        assert_eq!(
            read.excluded,
            [
                ConstrainedName::Email(".b.example".to_owned()),
                ConstrainedName::Unweighed("registeredID".to_owned()),
            ]
        );
        assert_eq!((read.len(), read.is_empty()), (4, false));
    }

    #[test]
    fn what_constrains_nothing_or_cannot_be_read_is_an_error() {
        let dns = wrap(0x82, b"a");
        let bounded = [dns.clone(), wrap(0x80, &[1])].concat();
        let zero = [dns.clone(), wrap(0x80, &[0])].concat();
        for (value, sound) in [
            (wrap(0x30, &[]), false),
            (wrap(0x30, &wrap(0xa0, &[])), false),
            (wrap(0x30, &subtrees(0xa0, &[bounded])), false),
            (wrap(0x30, &subtrees(0xa0, &[zero])), true),
            (
                wrap(0x30, &subtrees(0xa2, std::slice::from_ref(&dns))),
                false,
            ),
            (
                wrap(
                    0x30,
                    &[
                        subtrees(0xa1, std::slice::from_ref(&dns)),
                        subtrees(0xa0, &[dns]),
                    ]
                    .concat(),
                ),
                false,
            ),
            (b"\x30\x03\xa0\x01\x30".to_vec(), false),
            (Vec::new(), false),
        ] {
            assert_eq!(
                NameConstraints::from_der(&value).is_ok(),
                sound,
                "{value:02x?}"
            );
        }
    }
}
