//! The grammar of tags that quick-xml leaves to its user (XML 1.0 §2.3, §2.8, §3.1; Namespaces in XML 1.0 §3, §6.3).
//!
//! A header that is let through is read again by the server behind: what one parser takes and another one refuses, or
//! reads otherwise, is not let through. `fuzz/stream_header.rs` compares with a second parser.

use super::XmppError;
use super::read::is_space;
use quick_xml::escape::{EscapeError, unescape};
use quick_xml::events::BytesStart;
use quick_xml::name::{QName, ResolveResult};
use quick_xml::reader::NsReader;
use std::collections::BTreeSet;

/// Namespaces that no declaration may give out.
const RESERVED: [&str; 2] = [
    "http://www.w3.org/XML/1998/namespace",
    "http://www.w3.org/2000/xmlns/",
];

/// The attributes of a tag whose text was decoded: names as written, values as they count.
pub(super) fn attributes(
    reader: &NsReader<&[u8]>,
    start: &BytesStart<'_>,
    tag: &str,
) -> Result<Vec<(String, String)>, XmppError> {
    // The line end of old Macs; some parsers of streams drop it from a value, or refuse it.
    if tag.replace("\r\n", "").contains('\r') {
        return Err(XmppError::not_xmpp("a carriage return alone"));
    }
    let (_, rest) = take_name(tag)?;
    let mut expanded = BTreeSet::new();
    let written = take_attributes(rest)?;
    for (name, value) in &written {
        let Some((prefix, _)) = name.split_once(':') else {
            if *name == "xmlns" && RESERVED.contains(&value.as_str()) {
                return Err(XmppError::not_xmpp("a reserved namespace"));
            }
            continue;
        };
        if prefix == "xmlns" {
            if value.is_empty() {
                return Err(XmppError::not_xmpp(format!("{name} without a namespace")));
            }
            continue;
        }
        let (namespace, local) = reader.resolver().resolve_attribute(QName(name.as_bytes()));
        let ResolveResult::Bound(namespace) = namespace else {
            return Err(XmppError::not_xmpp(format!(
                "{name} with an undeclared prefix"
            )));
        };
        if !expanded.insert((namespace.as_ref().to_vec(), local.as_ref().to_vec())) {
            return Err(XmppError::not_xmpp(format!("{name} stands there twice")));
        }
    }
    // Which names are doubled as they are written, quick-xml knows.
    for attribute in start.attributes() {
        attribute.map_err(|error| XmppError::not_xmpp(error.to_string()))?;
    }
    Ok(written
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect())
}

/// What stands in `<?xml …?>`, `xml` included (XML 1.0 §2.8): version 1.0, then UTF-8, then standalone.
pub(super) fn check_declaration(text: &str) -> Result<(), XmppError> {
    let (_, rest) = take_name(text)?;
    let written = take_attributes(rest)?;
    let mut left = written.as_slice();
    let mut take = |name: &str| match left.split_first() {
        Some(((found, value), rest)) if *found == name => {
            left = rest;
            Some(value.as_str())
        }
        Some(_) | None => None,
    };
    let (version, encoding) = (take("version"), take("encoding"));
    let standalone = take("standalone");
    if encoding.is_some_and(|name| !name.eq_ignore_ascii_case("utf-8")) {
        return Err(XmppError::Encoding);
    }
    match (version, standalone) {
        (Some("1.0"), None | Some("yes" | "no")) if left.is_empty() => Ok(()),
        (Some(_) | None, Some(_) | None) => Err(XmppError::not_xmpp(format!("<?{text}?>"))),
    }
}

/// `(S Name Eq AttValue)* S?`, with what the values stand for.
fn take_attributes(mut rest: &str) -> Result<Vec<(&str, String)>, XmppError> {
    let unsound = |rest: &str| {
        let shown: String = rest.chars().take(40).collect();
        XmppError::not_xmpp(format!("no attribute: {shown}"))
    };
    let mut found = Vec::new();
    loop {
        let tail = rest.trim_start_matches(is_space);
        if tail.is_empty() {
            return Ok(found);
        }
        if tail.len() == rest.len() {
            return Err(unsound(rest));
        }
        let (name, after) = take_name(tail)?;
        let after = after
            .trim_start_matches(is_space)
            .strip_prefix('=')
            .map(|after| after.trim_start_matches(is_space))
            .ok_or_else(|| unsound(tail))?;
        let quote = after
            .chars()
            .next()
            .filter(|quote| matches!(quote, '\'' | '"'));
        let (value, after) = quote
            .and_then(|quote| after.get(1..)?.split_once(quote))
            .ok_or_else(|| unsound(tail))?;
        if value.contains('<') {
            return Err(unsound(tail));
        }
        let value = unescape(&normalized(value))
            .map_err(not_unescaped)?
            .into_owned();
        if !value.chars().all(is_char) {
            return Err(XmppError::not_xmpp(format!(
                "{name} with a character that XML cannot hold"
            )));
        }
        found.push((name, value));
        rest = after;
    }
}

/// A name with at most one colon, and what follows it (Namespaces in XML 1.0 §4).
fn take_name(text: &str) -> Result<(&str, &str), XmppError> {
    let end = text.find(|c| !is_name(c) && c != ':').unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let sound = |part: &str| part.chars().next().is_some_and(is_name_start);
    let is_sound = match name.split_once(':') {
        Some((prefix, local)) => sound(prefix) && sound(local) && !local.contains(':'),
        None => sound(name),
    };
    if is_sound {
        Ok((name, rest))
    } else {
        let shown: String = text.chars().take(40).collect();
        Err(XmppError::not_xmpp(format!("no name: {shown}")))
    }
}

/// `NameStartChar` without the colon (XML 1.0 §2.3).
fn is_name_start(c: char) -> bool {
    matches!(
        c,
        'A'..='Z' | '_' | 'a'..='z'
            | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
            | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}'
            | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}'
            | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}'
    )
}

/// `NameChar` without the colon.
fn is_name(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// `Char` (XML 1.0 §2.2).
pub(super) fn is_char(c: char) -> bool {
    (c >= ' ' || is_space(c)) && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// White space in a value counts as spaces, and an end of line as one (XML 1.0 §2.11, §3.3.3); what references stand for
/// does not.
fn normalized(value: &str) -> String {
    value.replace("\r\n", " ").replace(['\t', '\n'], " ")
}

/// A reference that stands for nothing: an entity of the peer's own is restricted XML, the rest is not well-formed.
pub(super) fn not_unescaped(error: EscapeError) -> XmppError {
    match error {
        EscapeError::UnrecognizedEntity(_, name) => {
            XmppError::restricted(format!("a reference to the entity {name}"))
        }
        EscapeError::UnterminatedEntity(_)
        | EscapeError::InvalidCharRef(_)
        | EscapeError::TooManyNestedEntities => XmppError::not_xmpp(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::read_header;
    use super::*;

    #[test]
    fn a_tag_declares_no_more_prefixes_than_a_person_would() {
        let header = |count: usize| {
            let declared: String = (0..count).map(|n| format!(" xmlns:p{n}='u'")).collect();
            let text = format!("<stream xmlns='http://etherx.jabber.org/streams'{declared}>");
            read_header(text.as_bytes())
        };
        assert!(matches!(header(100), Ok(Some(_))));
        // RUSTSEC-2026-0195.
        assert!(matches!(header(300), Err(XmppError::NotXmpp { .. })));
    }

    #[test]
    fn tags_that_another_parser_would_refuse_are_refused() {
        let header = |inner: &str| {
            let text = format!("<stream xmlns='http://etherx.jabber.org/streams'{inner}>");
            read_header(text.as_bytes())
        };
        for sound in [
            "",
            "\n a='' b=\"'\"\t",
            " a='>' ü-1.·='x'",
            " xmlns:a='u' xmlns:b='v' a:x='' b:x='' x=''",
            " xml:lang='en'",
        ] {
            assert!(matches!(header(sound), Ok(Some(_))), "{sound}");
        }
        for unsound in [
            "a='b'",
            " a='b'c='d'",
            " a",
            " a=b",
            " 1='b'",
            " -='b'",
            " a\u{7f}='b'",
            " a:='b'",
            " :a='b'",
            " x:a='b'",
            " xmlns:a='u' a:b:c=''",
            " xmlns:a=''",
            " xmlns:a='u' xmlns:b='u' a:x='' b:x=''",
            " a='&#1;'",
            " a='&#xfffe;'",
            " a='&#0;'",
            " a='&amp'",
            " a='\u{1}'",
            " a='\rb'",
            "\ra='b'",
        ] {
            assert!(
                matches!(header(unsound), Err(XmppError::NotXmpp(_))),
                "{unsound}"
            );
        }
        let value = |inner: &str| header(inner).unwrap().unwrap().0.to.unwrap();
        assert_eq!(value(" to='a\r\nb\tc&#10;d'"), "a b c\nd");
    }

    #[test]
    fn declarations_are_those_of_xml_in_utf_8() {
        for (text, sound) in [
            ("xml version='1.0'", true),
            (
                "xml version=\"1.0\" encoding='utf-8' standalone='no' ",
                true,
            ),
            ("xml", false),
            ("xml encoding='utf-8'", false),
            ("xml encoding='utf-8' version='1.0'", false),
            ("xml version='1.1'", false),
            ("xml version='1.0' standalone='maybe'", false),
            ("xml version='1.0' version='1.0'", false),
            ("xml version='1.0'encoding='utf-8'", false),
        ] {
            assert_eq!(check_declaration(text).is_ok(), sound, "{text}");
        }
        let foreign = check_declaration("xml version='1.0' encoding='latin1'");
        assert_eq!(foreign, Err(XmppError::Encoding));
    }
}
