//! Domain names: A-labels, lengths, wildcards (RFC 5890, RFC 1035 §2.3.4, RFC 9525 §6.3).
//!
//! Stricter than DNS on purpose: what passes here can stand in a dNSName of a public certificate (BR 7.1.2.7.12),
//! so no underscore, no reserved hyphens, no single label, no number as the top-level label.

use super::NameError;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use std::fmt;

/// Most bytes of a domain in A-labels, without the root's dot (RFC 1035 §2.3.4: 255 on the wire).
pub const MAX_DOMAIN_BYTES: usize = 253;

/// Most bytes of one label (RFC 1035 §2.3.4).
pub const MAX_LABEL_BYTES: usize = 63;

/// Longest text looked at, in bytes: U-labels are longer than their A-labels by less than this factor of four.
const MAX_TEXT_BYTES: usize = 4 * MAX_DOMAIN_BYTES;

/// A fully qualified domain name: A-labels, lower case, at least two labels, no trailing dot, at most 253 bytes,
/// labels of 1 to 63 letters, digits and inner hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

impl Domain {
    /// Parses a domain written with A- or U-labels; one trailing dot and upper case are taken and dropped.
    ///
    /// U-labels are mapped as UTS #46 does without transitional processing, and have to pass its validity rules
    /// with STD3 and hyphen checks. A-labels have to decode to such a label and encode back to the same bytes.
    ///
    /// Errors: the [`NameError`] of the first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_characters(text)?;
        let given = text.strip_suffix('.').unwrap_or(text);
        check_labels(text, given)?;
        let lower = given.to_ascii_lowercase();
        let ascii = Uts46::new()
            .to_ascii(
                lower.as_bytes(),
                AsciiDenyList::STD3,
                Hyphens::Check,
                DnsLength::Ignore,
            )
            .map_err(|_| unsound_label(text, &lower))?
            .into_owned();
        // Mapping may have made dots (U+3002) or shortened labels, so the rules for ASCII are asked of the outcome.
        let ascii = ascii.strip_suffix('.').unwrap_or(&ascii).to_owned();
        check_labels(text, &ascii)?;
        if ascii.len() > MAX_DOMAIN_BYTES {
            return Err(NameError::TooLong {
                text: text.to_owned(),
                length: ascii.len(),
            });
        }
        let Some((_, top)) = ascii.rsplit_once('.') else {
            return Err(NameError::SingleLabel {
                text: text.to_owned(),
            });
        };
        if top.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NameError::NumericTop {
                text: text.to_owned(),
            });
        }
        if let Some(character) = ascii
            .chars()
            .find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.')))
        {
            return Err(NameError::BadCharacter {
                text: text.to_owned(),
                character,
            });
        }
        Ok(Self(ascii))
    }

    /// A-labels, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// U-labels where every label has a sound one, that is one which parses back to the same domain; else A-labels.
    pub fn to_unicode(&self) -> String {
        let (shown, sound) =
            Uts46::new().to_unicode(self.0.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
        if sound.is_ok() && Self::parse(&shown).as_ref() == Ok(self) {
            shown.into_owned()
        } else {
            self.0.clone()
        }
    }

    /// The domain with one more label in front (`sip` + `contoso.com`).
    pub fn child(&self, label: &str) -> Result<Self, NameError> {
        Self::parse(&format!("{label}.{}", self.0))
    }

    /// Whether this lies under `ancestor` or is it.
    pub fn is_within(&self, ancestor: &Domain) -> bool {
        self.is_within_text(ancestor.as_str())
    }

    /// Whether this lies under a suffix in lower case, perhaps of one label only, or is it.
    fn is_within_text(&self, suffix: &str) -> bool {
        self.0
            .strip_suffix(suffix)
            .is_some_and(|front| front.is_empty() || front.ends_with('.'))
    }

    /// Whether no CA can ever vouch for it, as it is kept for documentation and tests (RFC 2606, RFC 6761).
    pub fn is_for_examples(&self) -> bool {
        [
            "example.com",
            "example.net",
            "example.org",
            "example",
            "test",
            "invalid",
            "localhost",
        ]
        .into_iter()
        .any(|suffix| self.is_within_text(suffix))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A DNS-ID: a domain, or `*.` and a domain of at least two labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsId {
    wildcard: bool,
    domain: Domain,
}

impl DnsId {
    /// Parses `contoso.com` or `*.contoso.com`; any other `*` is an error.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (wildcard, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if rest.contains('*') {
            return Err(NameError::WildcardMisplaced {
                text: text.to_owned(),
            });
        }
        let domain = Domain::parse(rest)?;
        // "*." takes two bytes of the 253 as well.
        if wildcard && domain.0.len() + 2 > MAX_DOMAIN_BYTES {
            return Err(NameError::TooLong {
                text: text.to_owned(),
                length: domain.0.len() + 2,
            });
        }
        Ok(Self { wildcard, domain })
    }

    /// The domain, without `*.`.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Whether it begins with `*.`.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }
}

impl From<Domain> for DnsId {
    fn from(domain: Domain) -> Self {
        Self {
            wildcard: false,
            domain,
        }
    }
}

impl fmt::Display for DnsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            if self.wildcard { "*." } else { "" },
            self.domain
        )
    }
}

/// The rules that can be told from single characters, so that the message can name the one.
fn check_characters(text: &str) -> Result<(), NameError> {
    if text.trim().is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(NameError::TooLong {
            text: text.to_owned(),
            length: text.len(),
        });
    }
    let text_owned = || text.to_owned();
    for character in text.chars() {
        let error = match character {
            c if c.is_control() => NameError::Control {
                text: text_owned(),
                character: c,
            },
            '/' | '\\' => NameError::PathCharacter {
                text: text_owned(),
                character,
            },
            '@' => NameError::LocalPart { text: text_owned() },
            '*' => NameError::WildcardHere { text: text_owned() },
            '_' => NameError::Underscore { text: text_owned() },
            c if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') || !c.is_ascii() => continue,
            c => NameError::BadCharacter {
                text: text_owned(),
                character: c,
            },
        };
        return Err(error);
    }
    Ok(())
}

/// The rules for labels, asked of what was given and again of what it was mapped to.
fn check_labels(text: &str, labels: &str) -> Result<(), NameError> {
    for label in labels.split('.') {
        if label.is_empty() {
            return Err(NameError::EmptyLabel {
                text: text.to_owned(),
            });
        }
        if label.is_ascii() && label.len() > MAX_LABEL_BYTES {
            return Err(NameError::LabelTooLong {
                text: text.to_owned(),
                label: label.to_owned(),
                length: label.len(),
            });
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(NameError::HyphenEdge {
                text: text.to_owned(),
                label: label.to_owned(),
            });
        }
        if is_reserved_label(label) {
            return Err(NameError::ReservedHyphens {
                text: text.to_owned(),
                label: label.to_owned(),
            });
        }
    }
    Ok(())
}

/// Hyphens in places 3 and 4 mark a label as encoded; only `xn--` has a meaning (RFC 5890 §2.3.1).
fn is_reserved_label(label: &str) -> bool {
    let mut characters = label.chars();
    let front: String = characters.by_ref().take(2).collect();
    let marked = characters.by_ref().take(2).eq(['-', '-']);
    marked && !front.eq_ignore_ascii_case("xn")
}

/// Which label UTS #46 refuses; the whole text when only the labels together break a rule (RFC 5893).
fn unsound_label(text: &str, lower: &str) -> NameError {
    let refused = lower
        .split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'])
        .find(|label| {
            Uts46::new()
                .to_ascii(
                    label.as_bytes(),
                    AsciiDenyList::STD3,
                    Hyphens::Check,
                    DnsLength::Ignore,
                )
                .is_err()
        });
    let label = refused.unwrap_or(lower).to_owned();
    if label.starts_with("xn--") {
        NameError::BadALabel {
            text: text.to_owned(),
            label,
        }
    } else {
        NameError::NotIdna {
            text: text.to_owned(),
            label,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn domains_are_kept_as_lower_case_a_labels() {
        let long = format!("{}.example", "a".repeat(63));
        for (given, kept) in [
            ("contoso.com", "contoso.com"),
            ("Contoso.COM.", "contoso.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("XN--bcher-kva.example", "xn--bcher-kva.example"),
            ("faß.de", "xn--fa-hia.de"),
            ("예시.한국", "xn--vv4b11d.xn--3e0b707e"),
            ("1und1.de", "1und1.de"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
            (long.as_str(), long.as_str()),
        ] {
            let domain = Domain::parse(given).unwrap_or_else(|e| panic!("{given}: {e}"));
            assert_eq!(domain.as_str(), kept, "{given}");
            assert_eq!(Domain::parse(&domain.to_unicode()), Ok(domain), "{given}");
        }
        assert_eq!(
            Domain::parse("xn--bcher-kva.example").unwrap().to_unicode(),
            "bücher.example"
        );
    }

    #[test]
    fn what_is_no_domain_is_refused_for_its_own_reason() {
        let code = |text: &str| Domain::parse(text).map(|d| d.0).unwrap_err().code();
        let long_label = format!("{}.com", "a".repeat(64));
        let long_name = format!("{}com", "abcdefg.".repeat(32));
        let long_u_label = format!("{}.de", "ü".repeat(60));
        for (text, expected) in [
            ("", "names.empty"),
            ("  ", "names.empty"),
            ("a..com", "names.empty-label"),
            ("..", "names.empty-label"),
            (".contoso.com", "names.empty-label"),
            ("contoso.com..", "names.empty-label"),
            (long_label.as_str(), "names.label-too-long"),
            (long_u_label.as_str(), "names.label-too-long"),
            (long_name.as_str(), "names.too-long"),
            ("con toso.com", "names.bad-character"),
            ("contoso.com:5061", "names.bad-character"),
            ("a/b.com", "names.path-character"),
            ("../../etc", "names.path-character"),
            ("a\\b.com", "names.path-character"),
            ("con\u{1b}[31m.com", "names.control-character"),
            ("contoso.com\n", "names.control-character"),
            ("con\0.com", "names.control-character"),
            ("my_host.com", "names.underscore"),
            ("-a.com", "names.hyphen-edge"),
            ("a-.com", "names.hyphen-edge"),
            ("ab--cd.com", "names.reserved-hyphens"),
            ("localhost", "names.single-label"),
            ("192.0.2.1", "names.numeric-top"),
            ("contoso.123", "names.numeric-top"),
            ("me@contoso.com", "names.local-part"),
            ("*.contoso.com", "names.wildcard-here"),
            ("xn--a.com", "names.bad-a-label"),
            ("xn--contoso-.com", "names.hyphen-edge"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
        assert_eq!(code("\u{301}a.com"), "names.not-idna");
        assert_eq!(code("a\u{202e}b.com"), "names.not-idna");
    }

    #[test]
    fn wildcards_stand_alone_in_front() {
        assert!(DnsId::parse("*.contoso.com").unwrap().is_wildcard());
        for text in [
            "*.com",
            "*",
            "a*.contoso.com",
            "*.*.contoso.com",
            "a.*.contoso.com",
            "**.contoso.com",
        ] {
            assert!(DnsId::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn example_names_are_known() {
        let is = |text: &str| Domain::parse(text).unwrap().is_for_examples();
        assert!(is("edge.example.com") && is("example.org") && is("a.test") && is("x.localhost"));
        assert!(!is("myexample.com") && !is("contoso.com") && !is("test.de"));
    }

    #[test]
    fn within_counts_whole_labels() {
        let d = |text: &str| Domain::parse(text).unwrap();
        assert!(d("a.contoso.com").is_within(&d("contoso.com")));
        assert!(d("contoso.com").is_within(&d("contoso.com")));
        assert!(!d("notcontoso.com").is_within(&d("contoso.com")));
        assert!(!d("contoso.com").is_within(&d("a.contoso.com")));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_and_printing_parses_back(text in "\\PC{0,40}(\\.\\PC{1,10}){0,3}") {
            if let Ok(domain) = Domain::parse(&text) {
                prop_assert_eq!(&Domain::parse(domain.as_str()).unwrap(), &domain);
                prop_assert_eq!(&Domain::parse(&domain.to_unicode()).unwrap(), &domain);
                prop_assert!(domain.as_str().len() <= MAX_DOMAIN_BYTES && domain.as_str().contains('.'));
            }
        }

        #[test]
        fn plain_names_print_as_they_are(text in "[a-z0-9]{1,20}(\\.[a-z][a-z0-9]{0,10}){1,4}") {
            prop_assert_eq!(Domain::parse(&text).unwrap().to_string(), text.clone());
            let wild = format!("*.{text}");
            prop_assert_eq!(DnsId::parse(&wild).unwrap().to_string(), wild);
        }
    }
}
