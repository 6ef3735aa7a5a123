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
const MAX_LABEL_BYTES: usize = 63;

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
        let mapped = Uts46::new()
            .to_ascii(
                lower.as_bytes(),
                AsciiDenyList::STD3,
                Hyphens::Check,
                DnsLength::Ignore,
            )
            .map_err(|_| unsound_label(text, &lower))?
            .into_owned();
        if !given.is_ascii() {
            check_idna_2008(text, &mapped)?;
        }
        // Mapping may have made dots (U+3002) or shortened labels, so the rules for ASCII are asked of the outcome.
        let ascii = mapped.strip_suffix('.').unwrap_or(&mapped).to_owned();
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

/// The rules of IDNA 2008 that UTS #46 does not know, asked of the U-labels it was mapped to.
fn check_idna_2008(text: &str, mapped: &str) -> Result<(), NameError> {
    let (letters, _) =
        Uts46::new().to_unicode(mapped.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    match super::idna::offender(&letters) {
        Some(label) => Err(NameError::NotIdna {
            text: text.to_owned(),
            label: label.to_owned(),
        }),
        None => Ok(()),
    }
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
mod tests;
