//! Who the service claims to be: identifiers as the standards define them, how they match, and which are wanted.
//!
//! Pure text. Nothing here knows a certificate, a file or a clock. Names from a deployment or a flag are parsed
//! into types that cannot be wrong ([`Identifier`]); names from a certificate stay as they were found
//! ([`Presented`]), since a wrong one is a finding and no error. Standards: RFC 9525 (DNS-ID, wildcards), RFC 4985
//! (SRV-ID), RFC 6120 §13.7.1 (XMPP), RFC 5922 (SIP), RFC 5890–5892 (A-labels).

pub mod domain;
mod error;
mod idna;
pub mod matching;
pub mod offered;
pub mod plan;
pub mod protocol;
pub mod sip_uri;
pub mod slug;
pub mod srv_id;
pub mod uses;
pub mod xmpp_addr;

pub use domain::{DnsId, Domain};
pub use error::NameError;
pub use protocol::Protocol;
pub use sip_uri::SipUri;
pub use slug::Slug;
pub use srv_id::SrvId;
pub use uses::Use;
pub use xmpp_addr::XmppAddr;

use crate::explain::{nearest, printable};
use std::fmt;
use std::net::IpAddr;

/// A name that we want in a certificate, or look for in one: sound by construction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identifier {
    /// A dNSName (RFC 9525 DNS-ID), perhaps with a wildcard as the whole left-most label.
    Dns(DnsId),
    /// An otherName id-on-dnsSRV (RFC 4985), IA5String.
    Srv(SrvId),
    /// An otherName id-on-xmppAddr (RFC 6120 §13.7.1.4), UTF8String.
    Xmpp(XmppAddr),
    /// A uniformResourceIdentifier with scheme `sip` and no user part (RFC 5922 §7.1).
    Sip(SipUri),
    /// An iPAddress.
    Ip(IpAddr),
    /// An rfc822Name, `local@domain`.
    Email(String),
}

/// The form of a subjectAltName entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameForm {
    /// dNSName.
    Dns,
    /// SRVName.
    Srv,
    /// XmppAddr.
    Xmpp,
    /// uniformResourceIdentifier.
    Uri,
    /// iPAddress.
    Ip,
    /// rfc822Name.
    Email,
}

/// A subjectAltName entry as a certificate or CSR presents it: unchecked, in the spelling found there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presented {
    /// dNSName, IA5String bytes read as ASCII (each other byte as U+FFFD).
    Dns(String),
    /// SRVName, as text.
    Srv(String),
    /// XmppAddr, as text.
    Xmpp(String),
    /// uniformResourceIdentifier, as text.
    Uri(String),
    /// iPAddress of 4 or 16 bytes.
    Ip(IpAddr),
    /// rfc822Name, as text.
    Email(String),
    /// A form we do not judge (directoryName, registeredID, another otherName), described.
    Other(String),
    /// A form we know, whose value has the wrong ASN.1 type or length, described.
    Malformed(String),
}

/// The words that may stand before the colon of a typed name.
pub const TYPE_WORDS: [&str; 6] = ["dns", "srv", "xmpp", "sip", "ip", "email"];

/// Longest typed name read, in bytes.
const MAX_TYPED_BYTES: usize = 2048;

impl Presented {
    /// The domain of a dNSName that is one; `None` for wildcards.
    pub fn dns_domain(&self) -> Option<Domain> {
        Domain::parse(self.dns_name()?).ok()
    }

    /// The text of a dNSName, wildcards and what is no domain too.
    pub fn dns_name(&self) -> Option<&str> {
        match self {
            Presented::Dns(text) => Some(text),
            Presented::Srv(_)
            | Presented::Xmpp(_)
            | Presented::Uri(_)
            | Presented::Ip(_)
            | Presented::Email(_)
            | Presented::Other(_)
            | Presented::Malformed(_) => None,
        }
    }
}

impl Identifier {
    /// Parses `dns:`, `srv:`, `xmpp:`, `sip:`, `ip:` or `email:` and a value, as `--san`, `--name` and `san = []` take it.
    ///
    /// Domains may be written with U-labels; wildcards are allowed in `dns:` only. Errors name the word or the value.
    pub fn parse_typed(text: &str) -> Result<Self, NameError> {
        if text.trim().is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_TYPED_BYTES {
            return Err(NameError::TooLong {
                text: text.to_owned(),
                length: text.len(),
            });
        }
        let Some((word, value)) = text.split_once(':') else {
            return Err(NameError::NoType {
                text: text.to_owned(),
            });
        };
        match word.to_ascii_lowercase().as_str() {
            "dns" => DnsId::parse(value).map(Self::Dns),
            "srv" => SrvId::parse(value).map(Self::Srv),
            "xmpp" => XmppAddr::parse(value).map(Self::Xmpp),
            "sip" => SipUri::parse(text).map(Self::Sip),
            "ip" => value.parse().map(Self::Ip).map_err(|_| NameError::BadIp {
                text: value.to_owned(),
            }),
            "email" => parse_email(value).map(Self::Email),
            other => Err(NameError::UnknownType {
                text: text.to_owned(),
                word: word.to_owned(),
                nearest: nearest(other, TYPE_WORDS),
            }),
        }
    }

    /// Which form this name takes in a subjectAltName.
    pub fn form(&self) -> NameForm {
        match self {
            Identifier::Dns(_) => NameForm::Dns,
            Identifier::Srv(_) => NameForm::Srv,
            Identifier::Xmpp(_) => NameForm::Xmpp,
            Identifier::Sip(_) => NameForm::Uri,
            Identifier::Ip(_) => NameForm::Ip,
            Identifier::Email(_) => NameForm::Email,
        }
    }

    /// The domain that the name speaks of (without a wildcard); `None` for addresses.
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Identifier::Dns(dns) => Some(dns.domain()),
            Identifier::Srv(srv) => Some(srv.domain()),
            Identifier::Xmpp(xmpp) => Some(xmpp.domain()),
            Identifier::Sip(sip) => Some(sip.domain()),
            Identifier::Ip(_) | Identifier::Email(_) => None,
        }
    }

    /// The name as it stands in a certificate when we write it (A-labels, except U-labels in XmppAddr).
    pub fn to_presented(&self) -> Presented {
        match self {
            Identifier::Dns(dns) => Presented::Dns(dns.to_string()),
            Identifier::Srv(srv) => Presented::Srv(srv.to_string()),
            Identifier::Xmpp(xmpp) => Presented::Xmpp(xmpp.to_string()),
            Identifier::Sip(sip) => Presented::Uri(sip.to_string()),
            Identifier::Ip(ip) => Presented::Ip(*ip),
            Identifier::Email(email) => Presented::Email(email.clone()),
        }
    }

    /// The sound name behind a presented one; `None` when it is malformed or of a form we do not judge.
    ///
    /// A dNSName or SRVName with U-labels or a trailing dot is malformed (RFC 5280 §7.2, RFC 4985 §2); upper case
    /// is not.
    pub fn from_presented(presented: &Presented) -> Option<Self> {
        let sound = |text: &str| text.is_ascii() && !text.ends_with('.');
        match presented {
            Presented::Dns(text) if sound(text) => DnsId::parse(text).ok().map(Self::Dns),
            Presented::Srv(text) if sound(text) => SrvId::parse(text).ok().map(Self::Srv),
            Presented::Xmpp(text) => XmppAddr::parse(text).ok().map(Self::Xmpp),
            Presented::Uri(text) if sound(text) => SipUri::parse(text).ok().map(Self::Sip),
            Presented::Ip(ip) => Some(Self::Ip(*ip)),
            Presented::Email(text) => parse_email(text).ok().map(Self::Email),
            Presented::Dns(_)
            | Presented::Srv(_)
            | Presented::Uri(_)
            | Presented::Other(_)
            | Presented::Malformed(_) => None,
        }
    }

    /// The name with its type in front, as `--san` takes it: `dns:contoso.com`, `sip:contoso.com`.
    pub fn to_typed(&self) -> String {
        match self {
            Identifier::Dns(dns) => format!("dns:{dns}"),
            Identifier::Srv(srv) => format!("srv:{srv}"),
            Identifier::Xmpp(xmpp) => format!("xmpp:{xmpp}"),
            Identifier::Sip(sip) => sip.to_string(),
            Identifier::Ip(ip) => format!("ip:{ip}"),
            Identifier::Email(email) => format!("email:{email}"),
        }
    }
}

/// The value alone, as a certificate holds it (`_xmpp-server.contoso.com`, `sip:contoso.com`).
impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identifier::Dns(dns) => dns.fmt(f),
            Identifier::Srv(srv) => srv.fmt(f),
            Identifier::Xmpp(xmpp) => xmpp.fmt(f),
            Identifier::Sip(sip) => sip.fmt(f),
            Identifier::Ip(ip) => ip.fmt(f),
            Identifier::Email(email) => f.write_str(email),
        }
    }
}

impl NameForm {
    /// All forms.
    pub const ALL: [NameForm; 6] = [
        NameForm::Dns,
        NameForm::Srv,
        NameForm::Xmpp,
        NameForm::Uri,
        NameForm::Ip,
        NameForm::Email,
    ];

    /// The word before the colon of a typed name, and in a profile's `names`: `dns`, `srv`, `xmpp`, `sip`, `ip`, `email`.
    pub fn word(self) -> &'static str {
        match self {
            NameForm::Dns => "dns",
            NameForm::Srv => "srv",
            NameForm::Xmpp => "xmpp",
            NameForm::Uri => "sip",
            NameForm::Ip => "ip",
            NameForm::Email => "email",
        }
    }
}

impl NameForm {
    /// As it is said in front of a name: `DNS`, `SRV`, `XmppAddr`, `URI`, `IP`, `e-mail`.
    pub fn short(self) -> &'static str {
        match self {
            NameForm::Dns => "DNS",
            NameForm::Srv => "SRV",
            NameForm::Xmpp => "XmppAddr",
            NameForm::Uri => "URI",
            NameForm::Ip => "IP",
            NameForm::Email => "e-mail",
        }
    }
}

impl fmt::Display for NameForm {
    /// `DNS-ID`, `SRV-ID`, `XmppAddr`, `URI-ID`, `IP-ID`, `e-mail`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            NameForm::Dns => "DNS-ID",
            NameForm::Srv => "SRV-ID",
            NameForm::Xmpp => "XmppAddr",
            NameForm::Uri => "URI-ID",
            NameForm::Ip => "IP-ID",
            NameForm::Email => "e-mail",
        })
    }
}

impl Presented {
    /// The form, where it is one of ours.
    pub fn form(&self) -> Option<NameForm> {
        match self {
            Presented::Dns(_) => Some(NameForm::Dns),
            Presented::Srv(_) => Some(NameForm::Srv),
            Presented::Xmpp(_) => Some(NameForm::Xmpp),
            Presented::Uri(_) => Some(NameForm::Uri),
            Presented::Ip(_) => Some(NameForm::Ip),
            Presented::Email(_) => Some(NameForm::Email),
            Presented::Other(_) | Presented::Malformed(_) => None,
        }
    }

    /// With its type in front and fit to be shown: `dns:contoso.com`, `other:directoryName`.
    ///
    /// A `sip:` URI stands as it is, another one after `uri:`.
    pub fn to_typed(&self) -> String {
        let word = match self {
            Presented::Dns(_) => "dns:",
            Presented::Srv(_) => "srv:",
            Presented::Xmpp(_) => "xmpp:",
            Presented::Uri(text) if is_sip_scheme(text) => "",
            Presented::Uri(_) => "uri:",
            Presented::Ip(_) => "ip:",
            Presented::Email(_) => "email:",
            Presented::Other(_) => "other:",
            Presented::Malformed(_) => "malformed:",
        };
        format!("{word}{}", printable(&self.value()))
    }

    /// The value alone, raw: not yet fit to be shown.
    pub fn value(&self) -> String {
        match self {
            Presented::Dns(text)
            | Presented::Srv(text)
            | Presented::Xmpp(text)
            | Presented::Uri(text)
            | Presented::Email(text)
            | Presented::Other(text)
            | Presented::Malformed(text) => text.clone(),
            Presented::Ip(ip) => ip.to_string(),
        }
    }
}

fn is_sip_scheme(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("sip"))
}

/// A dot-atom of at most 64 bytes, `@` and a domain (RFC 5321 §4.1.2); the domain in lower case, A-labels.
fn parse_email(text: &str) -> Result<String, NameError> {
    let refuse = || NameError::BadEmail {
        text: text.to_owned(),
    };
    let (local, domain) = text.rsplit_once('@').ok_or_else(refuse)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    if local.is_empty()
        || local.len() > 64
        || !local.bytes().all(plain)
        || local.split('.').any(str::is_empty)
    {
        return Err(refuse());
    }
    Ok(format!("{local}@{}", Domain::parse(domain)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn typed_names_parse_and_print_back() {
        for (text, form) in [
            ("dns:*.contoso.com", NameForm::Dns),
            ("dns:webcon.contoso.com", NameForm::Dns),
            ("srv:_xmpp-server.contoso.com", NameForm::Srv),
            ("xmpp:bücher.example", NameForm::Xmpp),
            ("sip:contoso.com", NameForm::Uri),
            ("ip:192.0.2.1", NameForm::Ip),
            ("ip:2001:db8::1", NameForm::Ip),
            ("email:hostmaster@contoso.com", NameForm::Email),
        ] {
            let name = Identifier::parse_typed(text).unwrap();
            assert_eq!(name.form(), form, "{text}");
            assert_eq!(name.to_typed(), text);
            let presented = name.to_presented();
            assert_eq!(presented.form(), Some(form));
            assert_eq!(Identifier::from_presented(&presented).as_ref(), Some(&name));
            assert_eq!(presented.value(), name.to_string());
            assert_eq!(presented.to_typed(), text);
        }
    }

    /// A-labels in lower case wherever DNS is asked, U-labels in XmppAddr; no trailing dot anywhere.
    #[test]
    fn every_form_is_written_in_the_labels_of_its_standard() {
        for (typed, written) in [
            ("dns:Bücher.Example.", "xn--bcher-kva.example"),
            ("dns:*.BÜCHER.example", "*.xn--bcher-kva.example"),
            (
                "srv:_XMPP-Server.Bücher.Example.",
                "_xmpp-server.xn--bcher-kva.example",
            ),
            ("xmpp:XN--BCHER-KVA.Example.", "bücher.example"),
            ("sip:Bücher.example.", "sip:xn--bcher-kva.example"),
            (
                "email:Post.Master@Bücher.Example",
                "Post.Master@xn--bcher-kva.example",
            ),
        ] {
            let name = Identifier::parse_typed(typed).unwrap();
            assert_eq!(name.to_presented().value(), written, "{typed}");
            let is_ascii_form = name.form() != NameForm::Xmpp;
            assert_eq!(written.is_ascii(), is_ascii_form, "{typed}");
        }
        for (typed, code) in [
            ("dns:a_b.contoso.com", "names.underscore"),
            ("srv:_sip.a_b.contoso.com", "names.underscore"),
            ("xmpp:_xmpp.contoso.com", "names.underscore"),
            ("sip:a_b.contoso.com", "names.underscore"),
            ("dns:a..contoso.com", "names.empty-label"),
            ("srv:_sip..contoso.com", "names.empty-label"),
            ("xmpp:.contoso.com", "names.empty-label"),
            ("sip:contoso.com..", "names.empty-label"),
            ("dns:edge", "names.single-label"),
            ("xmpp:☃.example", "names.not-idna"),
        ] {
            assert_eq!(
                Identifier::parse_typed(typed).unwrap_err().code(),
                code,
                "{typed}"
            );
        }
    }

    #[test]
    fn wrong_typed_names_say_which_part_is_wrong() {
        for (text, code) in [
            ("contoso.com", "names.no-type"),
            ("", "names.empty"),
            ("uri:sip:contoso.com", "names.unknown-type"),
            ("ip:contoso.com", "names.bad-ip"),
            ("ip:[::1]", "names.bad-ip"),
            ("email:contoso.com", "names.bad-email"),
            ("email:a b@contoso.com", "names.bad-email"),
            ("sip:me@contoso.com", "names.sip-uri"),
            ("xmpp:*.contoso.com", "names.wildcard-here"),
        ] {
            let error = Identifier::parse_typed(text).unwrap_err();
            assert_eq!(error.code(), code, "{text}");
        }
    }

    #[test]
    fn names_from_certificates_are_sound_or_nothing() {
        let dns = |text: &str| Identifier::from_presented(&Presented::Dns(text.to_owned()));
        assert_eq!(
            dns("EDGE.contoso.com"),
            Identifier::parse_typed("dns:edge.contoso.com").ok()
        );
        for text in ["contoso.com.", "bücher.example", "a b.com", "localhost", ""] {
            assert_eq!(dns(text), None, "{text}");
        }
        assert_eq!(
            Presented::Uri("https://a\u{1b}b".to_owned()).to_typed(),
            "uri:https://a\u{fffd}b"
        );
    }

    proptest! {
        #[test]
        fn any_typed_text_is_parsed_or_refused(text in "(dns:|srv:|xmpp:|sip:|ip:|email:|)\\PC{0,60}") {
            if let Ok(name) = Identifier::parse_typed(&text) {
                prop_assert_eq!(Identifier::parse_typed(&name.to_typed()).unwrap(), name.clone());
                prop_assert_eq!(Identifier::from_presented(&name.to_presented()), Some(name));
            }
        }
    }
}
