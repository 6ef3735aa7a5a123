//! Why a text is no name of the kind asked for, with the mend.

use crate::explain::{Explain, Explanation, printable};

/// Why a text is no name of the kind asked for. Each variant carries the offending text as it was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are the facts that the messages tell
pub enum NameError {
    /// Nothing, or blanks only.
    #[error("the name is empty")]
    Empty,
    /// Two dots in a row, or a dot in front.
    #[error("{text:?} has an empty label")]
    EmptyLabel { text: String },
    /// Over 63 bytes in A-label form.
    #[error("a label of {text:?} is {length} bytes long")]
    LabelTooLong {
        text: String,
        label: String,
        length: usize,
    },
    /// Over 253 bytes in A-label form.
    #[error("{text:?} is {length} bytes long")]
    TooLong { text: String, length: usize },
    /// A character that no domain holds.
    #[error("{text:?} holds {character:?}")]
    BadCharacter { text: String, character: char },
    /// A control character.
    #[error("{text:?} holds the control character {character:?}")]
    Control { text: String, character: char },
    /// A slash or backslash.
    #[error("{text:?} holds {character:?}")]
    PathCharacter { text: String, character: char },
    /// An underscore, which only the service of an SRV-ID has.
    #[error("{text:?} holds an underscore")]
    Underscore { text: String },
    /// A label that begins or ends with a hyphen.
    #[error("a label of {text:?} begins or ends with a hyphen")]
    HyphenEdge { text: String, label: String },
    /// Hyphens in places 3 and 4 of a label that is no A-label.
    #[error("a label of {text:?} has hyphens in places 3 and 4")]
    ReservedHyphens { text: String, label: String },
    /// No dot.
    #[error("{text:?} is a single label")]
    SingleLabel { text: String },
    /// A number as the last label: an IPv4 address, or what some parsers take for one.
    #[error("{text:?} ends with a number")]
    NumericTop { text: String },
    /// A label that IDNA does not allow.
    #[error("{label:?} is no valid international label")]
    NotIdna { text: String, label: String },
    /// An `xn--` label that does not decode to a valid U-label and back.
    #[error("{label:?} is no valid A-label")]
    BadALabel { text: String, label: String },
    /// A `*` anywhere but as the whole first label.
    #[error("the wildcard in {text:?} is misplaced")]
    WildcardMisplaced { text: String },
    /// A `*` where none is allowed.
    #[error("{text:?} is a wildcard")]
    WildcardHere { text: String },
    /// A local part or resource where a bare domain is wanted.
    #[error("{text:?} is an address of a user")]
    LocalPart { text: String },
    /// No `_service.` in front of an SRV-ID.
    #[error("{text:?} has no service in front")]
    SrvService { text: String },
    /// `_tcp` or the like inside an SRV-ID.
    #[error("{text:?} holds a protocol label")]
    SrvProtocol { text: String },
    /// Not `sip:` and a bare domain.
    #[error("{text:?} is no SIP domain identity")]
    SipUri { text: String, part: &'static str },
    /// No type word where one is wanted.
    #[error("{text:?} has no type in front")]
    NoType { text: String },
    /// A type word that is not known.
    #[error("{word:?} is no type of name")]
    UnknownType {
        text: String,
        word: String,
        nearest: Option<&'static str>,
    },
    /// Not an IPv4 or IPv6 address.
    #[error("{text:?} is no IP address")]
    BadIp { text: String },
    /// Not `local@domain`.
    #[error("{text:?} is no e-mail address")]
    BadEmail { text: String },
    /// A slug that is too long.
    #[error("the name {text:?} is {length} characters long")]
    SlugTooLong { text: String, length: usize },
    /// A slug with a character that it may not have.
    #[error("the name {text:?} holds {character:?}")]
    SlugCharacter { text: String, character: char },
    /// A slug that begins or ends with a hyphen.
    #[error("the name {text:?} begins or ends with a hyphen")]
    SlugHyphen { text: String },
    /// A slug that is a command word.
    #[error("the name {text:?} is a command word")]
    SlugReserved { text: String },
}

impl NameError {
    /// The stable code, `names.` and the rule.
    pub fn code(&self) -> &'static str {
        match self {
            NameError::Empty => "names.empty",
            NameError::EmptyLabel { .. } => "names.empty-label",
            NameError::LabelTooLong { .. } => "names.label-too-long",
            NameError::TooLong { .. } => "names.too-long",
            NameError::BadCharacter { .. } => "names.bad-character",
            NameError::Control { .. } => "names.control-character",
            NameError::PathCharacter { .. } => "names.path-character",
            NameError::Underscore { .. } => "names.underscore",
            NameError::HyphenEdge { .. } => "names.hyphen-edge",
            NameError::ReservedHyphens { .. } => "names.reserved-hyphens",
            NameError::SingleLabel { .. } => "names.single-label",
            NameError::NumericTop { .. } => "names.numeric-top",
            NameError::NotIdna { .. } => "names.not-idna",
            NameError::BadALabel { .. } => "names.bad-a-label",
            NameError::WildcardMisplaced { .. } => "names.wildcard-misplaced",
            NameError::WildcardHere { .. } => "names.wildcard-here",
            NameError::LocalPart { .. } => "names.local-part",
            NameError::SrvService { .. } => "names.srv-service",
            NameError::SrvProtocol { .. } => "names.srv-protocol",
            NameError::SipUri { .. } => "names.sip-uri",
            NameError::NoType { .. } => "names.no-type",
            NameError::UnknownType { .. } => "names.unknown-type",
            NameError::BadIp { .. } => "names.bad-ip",
            NameError::BadEmail { .. } => "names.bad-email",
            NameError::SlugTooLong { .. } => "names.slug-too-long",
            NameError::SlugCharacter { .. } => "names.slug-character",
            NameError::SlugHyphen { .. } => "names.slug-hyphen",
            NameError::SlugReserved { .. } => "names.slug-reserved",
        }
    }

    /// The text as it was given; empty for [`NameError::Empty`].
    pub fn text(&self) -> &str {
        match self {
            NameError::Empty => "",
            NameError::EmptyLabel { text }
            | NameError::LabelTooLong { text, .. }
            | NameError::TooLong { text, .. }
            | NameError::BadCharacter { text, .. }
            | NameError::Control { text, .. }
            | NameError::PathCharacter { text, .. }
            | NameError::Underscore { text }
            | NameError::HyphenEdge { text, .. }
            | NameError::ReservedHyphens { text, .. }
            | NameError::SingleLabel { text }
            | NameError::NumericTop { text }
            | NameError::NotIdna { text, .. }
            | NameError::BadALabel { text, .. }
            | NameError::WildcardMisplaced { text }
            | NameError::WildcardHere { text }
            | NameError::LocalPart { text }
            | NameError::SrvService { text }
            | NameError::SrvProtocol { text }
            | NameError::SipUri { text, .. }
            | NameError::NoType { text }
            | NameError::UnknownType { text, .. }
            | NameError::BadIp { text }
            | NameError::BadEmail { text }
            | NameError::SlugTooLong { text, .. }
            | NameError::SlugCharacter { text, .. }
            | NameError::SlugHyphen { text }
            | NameError::SlugReserved { text } => text,
        }
    }

    fn why_and_mend(&self) -> (String, String) {
        let (why, mend) = match self {
            NameError::Empty => (
                "nothing was given".to_owned(),
                "give a name such as contoso.com",
            ),
            NameError::EmptyLabel { .. } => (
                "there is nothing between two dots, or before the first".to_owned(),
                "write single dots between labels, as in sip.contoso.com",
            ),
            NameError::LabelTooLong { label, length, .. } => (
                format!(
                    "the label \"{}\" has {length} bytes, 63 are allowed (RFC 1035 §2.3.4)",
                    printable(label)
                ),
                "use a shorter label; U-labels are counted in their encoded form (xn--)",
            ),
            NameError::TooLong { length, .. } => (
                format!("it has {length} bytes, 253 are allowed (RFC 1035 §2.3.4)"),
                "use a shorter name",
            ),
            NameError::BadCharacter { character, .. } => (
                format!(
                    "{} cannot stand in a domain name",
                    quoted_character(*character)
                ),
                "give the bare host name: letters, digits, hyphens and dots; no port, scheme or blank",
            ),
            NameError::Control { character, .. } => (
                format!("it holds the control character U+{:04X}", u32::from(*character)),
                "type the name again instead of pasting it",
            ),
            NameError::PathCharacter { character, .. } => (
                format!(
                    "{} belongs to a path or URL, not to a name",
                    quoted_character(*character)
                ),
                "give the bare host name, without https:// and without a path",
            ),
            NameError::Underscore { .. } => (
                "an underscore cannot stand in a host name, and CAs refuse it (BR 7.1.2.7.12)".to_owned(),
                "use a hyphen; a service such as _xmpp-server is written srv:_xmpp-server.contoso.com",
            ),
            NameError::HyphenEdge { label, .. } => (
                format!("the label \"{}\" begins or ends with a hyphen", printable(label)),
                "hyphens stand only inside a label",
            ),
            NameError::ReservedHyphens { label, .. } => (
                format!(
                    "the label \"{}\" has hyphens in places 3 and 4, which mark encoded labels (RFC 5890 §2.3.1)",
                    printable(label)
                ),
                "write international names with their own letters, or as xn-- labels",
            ),
            NameError::SingleLabel { .. } => (
                "it has one label, and a certificate needs the full name".to_owned(),
                "give the fully qualified name, such as edge.contoso.com",
            ),
            NameError::NumericTop { .. } => (
                "its last label is a number, as in an IP address".to_owned(),
                "give a domain name; an address goes into the certificate as ip:192.0.2.1",
            ),
            NameError::NotIdna { label, .. } => (
                format!(
                    "the label \"{}\" breaks a rule of international names (UTS #46, RFC 5892, RFC 5893)",
                    printable(label)
                ),
                "look for symbols, marks, invisible characters or mixed writing directions in it, and type it again",
            ),
            NameError::BadALabel { label, .. } => (
                format!(
                    "the label \"{}\" does not decode to an international name and back",
                    printable(label)
                ),
                "write the name with its own letters; edgecert encodes it",
            ),
            NameError::WildcardMisplaced { .. } => (
                "a wildcard is the whole first label, once, before at least two more labels (RFC 9525 §6.3)".to_owned(),
                "write *.contoso.com, or name each host",
            ),
            NameError::WildcardHere { .. } => (
                "a wildcard cannot stand here".to_owned(),
                "name the domain itself; wildcards are allowed as dns:*.contoso.com only",
            ),
            NameError::LocalPart { .. } => (
                "there is a user or a resource besides the domain".to_owned(),
                "give the domain alone, such as contoso.com",
            ),
            NameError::SrvService { .. } => (
                "an SRV-ID is a service with an underscore, a dot and a domain (RFC 4985 §2)".to_owned(),
                "write srv:_xmpp-server.contoso.com",
            ),
            NameError::SrvProtocol { .. } => (
                "an SRV-ID has no protocol label, unlike the DNS record (RFC 4985 §2)".to_owned(),
                "leave ._tcp out: srv:_xmpp-server.contoso.com",
            ),
            NameError::SipUri { part, .. } => (
                format!("it has {part}, and a SIP domain identity is sip: and a domain alone (RFC 5922 §7.1)"),
                "write sip:contoso.com",
            ),
            NameError::NoType { .. } => (
                "there is no type word before a colon".to_owned(),
                "put one of dns: srv: xmpp: sip: ip: email: in front, as in dns:contoso.com",
            ),
            NameError::UnknownType { word, nearest, .. } => {
                return (
                    format!("\"{}\" is none of dns, srv, xmpp, sip, ip, email", printable(word)),
                    match nearest {
                        Some(nearest) => format!("did you mean {nearest}: ?"),
                        None => "put one of dns: srv: xmpp: sip: ip: email: in front".to_owned(),
                    },
                );
            }
            NameError::BadIp { .. } => (
                "it is neither an IPv4 nor an IPv6 address".to_owned(),
                "write ip:192.0.2.1 or ip:2001:db8::1, without brackets, port or prefix length",
            ),
            NameError::BadEmail { .. } => (
                "it is not a local part of 1 to 64 plain characters, an @ and a domain".to_owned(),
                "write email:hostmaster@contoso.com",
            ),
            NameError::SlugTooLong { length, .. } => (
                format!("it has {length} characters, 63 are allowed"),
                "use a shorter name",
            ),
            NameError::SlugCharacter { character, .. } => (
                format!(
                    "{} is none of a-z, 0-9 and hyphen",
                    quoted_character(*character)
                ),
                "use lower-case letters, digits and hyphens, such as external-edge",
            ),
            NameError::SlugHyphen { .. } => (
                "hyphens stand only inside a name".to_owned(),
                "begin and end with a letter or a digit",
            ),
            NameError::SlugReserved { .. } => (
                "where a name may stand, this word is a command".to_owned(),
                "choose another name, such as external-edge",
            ),
        };
        (why, mend.to_owned())
    }
}

impl Explain for NameError {
    fn explain(&self) -> Explanation {
        let shown = printable(self.text());
        let what = match self {
            NameError::Empty => "the name is empty".to_owned(),
            NameError::BadIp { .. } => format!("\"{shown}\" is no IP address"),
            NameError::BadEmail { .. } => format!("\"{shown}\" is no e-mail address"),
            NameError::NoType { .. } | NameError::UnknownType { .. } => {
                format!("\"{shown}\" is no name with a known type")
            }
            NameError::SrvService { .. } | NameError::SrvProtocol { .. } => {
                format!("\"{shown}\" is no SRV-ID")
            }
            NameError::SipUri { .. } => format!("\"{shown}\" is no SIP domain identity"),
            NameError::SlugTooLong { .. }
            | NameError::SlugCharacter { .. }
            | NameError::SlugHyphen { .. }
            | NameError::SlugReserved { .. } => format!("\"{shown}\" cannot be a name here"),
            NameError::EmptyLabel { .. }
            | NameError::LabelTooLong { .. }
            | NameError::TooLong { .. }
            | NameError::BadCharacter { .. }
            | NameError::Control { .. }
            | NameError::PathCharacter { .. }
            | NameError::Underscore { .. }
            | NameError::HyphenEdge { .. }
            | NameError::ReservedHyphens { .. }
            | NameError::SingleLabel { .. }
            | NameError::NumericTop { .. }
            | NameError::NotIdna { .. }
            | NameError::BadALabel { .. }
            | NameError::WildcardMisplaced { .. }
            | NameError::WildcardHere { .. }
            | NameError::LocalPart { .. } => format!("\"{shown}\" is no domain name"),
        };
        let (why, mend) = self.why_and_mend();
        Explanation {
            code: self.code(),
            what,
            place: String::new(),
            why,
            mend,
        }
    }
}

/// A character in quotes, or its number where it cannot be seen.
fn quoted_character(character: char) -> String {
    if character == ' ' {
        "a blank".to_owned()
    } else if printable(&character.to_string()) == character.to_string()
        && !character.is_whitespace()
    {
        format!("\"{character}\"")
    } else {
        format!("U+{:04X}", u32::from(character))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Domain, Identifier, Slug};
    use super::*;

    #[test]
    fn every_refusal_says_what_why_and_how_to_mend() {
        for text in [
            "", "a..b", "a b.c", "x", "1.2.3.4", "*.a.b", "u@a.b", "_x.a.b",
        ] {
            let told = Domain::parse(text).unwrap_err().explain();
            assert!(told.code.starts_with("names."), "{text}");
            assert!(!told.what.is_empty() && !told.why.is_empty() && !told.mend.is_empty());
        }
        let told = Identifier::parse_typed("dsn:contoso.com")
            .unwrap_err()
            .explain();
        assert_eq!(told.mend, "did you mean dns: ?");
        let told = Slug::parse("list").unwrap_err().explain();
        assert_eq!(told.what, "\"list\" cannot be a name here");
    }

    #[test]
    fn control_characters_never_reach_the_message() {
        let told = Domain::parse("a\u{1b}[31m.com").unwrap_err().explain();
        assert!(!told.what.contains('\u{1b}'));
        assert!(told.why.contains("U+001B"));
        let told = Domain::parse("a\tb.com").unwrap_err().explain();
        assert!(told.why.contains("U+0009"), "{}", told.why);
    }
}
