//! Bytes of a stream into its header and its stream-level elements (RFC 6120 §4, §11.1).
//!
//! Incremental by reading a bounded buffer again from its start: what is not whole yet is left out. A fault is kept
//! after the items that came before it, so that a state machine meets things in the peer's order.

use super::element::{Element, Item};
use super::strict::{attributes, check_declaration, is_char, not_unescaped};
use super::{MAX_BYTES, STREAMS, StreamHeader, XmppError};
use quick_xml::errors::IllFormedError;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// Deepest nesting of a stream-level element.
const MAX_DEPTH: usize = 16;

/// What a buffer holds.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub header: Option<(StreamHeader, usize)>,
    pub items: Vec<Item>,
    /// A stream-level element whose end is not there yet: namespace and name.
    pub open: Option<(String, String)>,
    /// What ends the exchange once the items before it are dealt with.
    pub fault: Option<XmppError>,
    /// Whether the buffer ends within a tag: nothing changes before the next `>`.
    pub within_tag: bool,
}

/// What was read from a peer, bounded by [`MAX_BYTES`].
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    within_tag: bool,
}

impl Inbox {
    /// Takes more bytes; `None` when they cannot have changed anything.
    pub fn take(&mut self, more: &[u8]) -> Result<Option<Parsed>, XmppError> {
        if self.bytes.len().saturating_add(more.len()) > MAX_BYTES {
            return Err(XmppError::TooLarge);
        }
        self.bytes.extend_from_slice(more);
        // Within a tag only its end matters, and white space finishes nothing: a slow peer is not read again per byte.
        let idle = (self.within_tag && !more.contains(&b'>'))
            || more.iter().all(|byte| is_space(char::from(*byte)));
        if idle && !more.is_empty() {
            return Ok(None);
        }
        let parsed = parse(&self.bytes);
        self.within_tag = parsed.within_tag;
        Ok(Some(parsed))
    }

    /// What stands after a place.
    pub fn behind(&self, place: usize) -> &[u8] {
        self.bytes.get(place..).unwrap_or_default()
    }
}

/// Reads the header of a stream from bytes that may be incomplete: `None` until it is whole, then the header and
/// how many bytes it took.
///
/// # Errors
/// [`XmppError::NotXmpp`], [`XmppError::Restricted`] or [`XmppError::Encoding`] as soon as it cannot become a header; [`XmppError::TooLarge`] past [`MAX_BYTES`].
pub fn read_header(bytes: &[u8]) -> Result<Option<(StreamHeader, usize)>, XmppError> {
    let bounded = bytes.get(..MAX_BYTES).unwrap_or(bytes);
    let parsed = parse(bounded);
    match (parsed.header, parsed.fault) {
        (Some(header), _) => Ok(Some(header)),
        (None, Some(fault)) => Err(fault),
        (None, None) if bytes.len() > MAX_BYTES => Err(XmppError::TooLarge),
        (None, None) => Ok(None),
    }
}

/// Reads a buffer from its start.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    if let Err(fault) = fill(bytes, &mut parsed) {
        parsed.fault = Some(fault);
    }
    parsed
}

fn fill(bytes: &[u8], parsed: &mut Parsed) -> Result<(), XmppError> {
    let mut reader = NsReader::from_reader(bytes);
    let mut stack: Vec<Element> = Vec::new();
    loop {
        let place = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let rest = bytes.get(place..).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
        // A declaration stands at the very beginning (XML 1.0 §2.8).
        let begun = parsed.header.is_some() || place > 0;
        refuse_restricted(rest, begun, stack.len())?;
        let event = match reader.read_event() {
            Ok(event) => event,
            // The buffer ends within markup or a reference.
            Err(quick_xml::Error::Syntax(_)) => {
                parsed.within_tag = rest.get(1).is_some_and(|byte| !matches!(byte, b'!' | b'?'));
                break;
            }
            Err(quick_xml::Error::IllFormed(IllFormedError::UnclosedReference)) => break,
            Err(error) => return Err(XmppError::not_xmpp(error.to_string())),
        };
        let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let empty = matches!(event, Event::Empty(_));
        match event {
            Event::Decl(decl) => {
                check_declaration(&decode(&decl)?)?;
            }
            Event::Start(start) | Event::Empty(start) => {
                let tag = decode(&start)?;
                let (namespace, name) = resolve(&reader, &start)?;
                let attributes = attributes(&reader, &start, &tag)?;
                if parsed.header.is_none() {
                    if namespace != STREAMS || name != "stream" {
                        return Err(XmppError::not_xmpp(format!("<{name}>")));
                    }
                    parsed.header = Some((to_header(attributes), end));
                    if empty {
                        parsed.items.push(Item::Close);
                        return Ok(());
                    }
                    continue;
                }
                let element = Element {
                    namespace,
                    name,
                    text: String::new(),
                    children: Vec::new(),
                    end,
                };
                if empty {
                    put(element, &mut stack, parsed);
                } else if stack.len() >= MAX_DEPTH {
                    return Err(XmppError::not_xmpp(format!(
                        "elements nested deeper than {MAX_DEPTH}"
                    )));
                } else {
                    if stack.is_empty() {
                        parsed.open = Some((element.namespace.clone(), element.name.clone()));
                    }
                    stack.push(element);
                }
            }
            Event::End(_) => match stack.pop() {
                Some(mut element) => {
                    element.end = end;
                    if stack.is_empty() {
                        parsed.open = None;
                    }
                    put(element, &mut stack, parsed);
                }
                // The reader has matched the names: only the stream itself is left.
                None => {
                    parsed.items.push(Item::Close);
                    return Ok(());
                }
            },
            Event::Text(text) => {
                let text = decode(if end < bytes.len() {
                    &text
                } else {
                    without_cut_character(&text)
                })?;
                match stack.last_mut() {
                    Some(element) => element.text.push_str(&text),
                    None if text.chars().all(is_space) => {}
                    None => return Err(XmppError::not_xmpp(text.trim())),
                }
            }
            Event::CData(data) => {
                let text = decode(&data)?;
                if let Some(element) = stack.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let name = decode(&reference)?;
                let text = unescape(&format!("&{name};"))
                    .map_err(not_unescaped)?
                    .into_owned();
                match stack.last_mut() {
                    Some(element) => element.text.push_str(&text),
                    None => return Err(XmppError::not_xmpp(format!("&{name};"))),
                }
            }
            Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {
                return Err(XmppError::restricted("a comment, DTD or instruction"));
            }
            Event::Eof => break,
        }
    }
    Ok(())
}

/// Puts a whole element into its parent, or among the stream's items.
fn put(element: Element, stack: &mut [Element], parsed: &mut Parsed) {
    match stack.last_mut() {
        Some(parent) => parent.children.push(element),
        None => parsed.items.push(Item::Element(element)),
    }
}

/// Ends the exchange at the first bytes that tell a comment, a DTD, a processing instruction, or text where none
/// may stand (RFC 6120 §11.1), without waiting for their end.
fn refuse_restricted(rest: &[u8], begun: bool, depth: usize) -> Result<(), XmppError> {
    const DATA: &[u8] = b"<![CDATA[";
    const DECLARATION: &[u8] = b"<?xml";
    let agrees = |word: &[u8]| rest.iter().zip(word).all(|(left, right)| left == right);
    match rest {
        [b'<', b'!', ..] if depth > 0 && agrees(DATA) => Ok(()),
        [b'<', b'!', b'-', ..] => Err(XmppError::restricted("a comment")),
        [b'<', b'!', b'D' | b'd', ..] => Err(XmppError::restricted("a DTD")),
        [b'<', b'!'] => Ok(()),
        [b'<', b'!', ..] => Err(XmppError::restricted("a declaration")),
        [b'<', b'?', ..]
            if !begun && agrees(DECLARATION) && rest.get(5).is_none_or(u8::is_ascii_whitespace) =>
        {
            Ok(())
        }
        [b'<', b'?', ..] => Err(XmppError::restricted("a processing instruction")),
        [first, ..] if depth == 0 && *first != b'<' && !is_space(char::from(*first)) => {
            Err(XmppError::not_xmpp(first_line(rest)))
        }
        _ => Ok(()),
    }
}

/// What answered in place of XML: its first line, cut.
fn first_line(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    const BYTES: usize = 8;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if binary(line) {
        let shown: Vec<String> = line
            .iter()
            .take(BYTES)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        return format!("no XML but the bytes {}…", shown.join(" "));
    }
    match line.get(..SHOWN) {
        Some(cut) => format!("{}…", String::from_utf8_lossy(cut)),
        None => String::from_utf8_lossy(line).into_owned(),
    }
}

/// Whether it is nothing that a person could read: a TLS record, say. A banner with an escape sequence is text.
fn binary(line: &[u8]) -> bool {
    let start = line.get(..16).unwrap_or(line);
    let strange = start
        .iter()
        .filter(|byte| !byte.is_ascii_graphic() && !is_space(char::from(**byte)))
        .count();
    strange * 4 > start.len() && std::str::from_utf8(line).map_or(true, has_controls)
}

fn has_controls(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && !is_space(c))
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Text without the beginning of a character whose other bytes were not read yet.
fn without_cut_character(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).unwrap_or(bytes)
        }
        Ok(_) | Err(_) => bytes,
    }
}

/// Text of XML 1.0 (§2.2): UTF-8 without control characters.
fn decode(bytes: &[u8]) -> Result<String, XmppError> {
    let text = std::str::from_utf8(bytes).map_err(|_| XmppError::Encoding)?;
    if text.chars().all(is_char) {
        Ok(text.to_owned())
    } else {
        Err(XmppError::not_xmpp(first_line(bytes)))
    }
}

/// Namespace and local name of an element, its tag being sound.
fn resolve(
    reader: &NsReader<&[u8]>,
    start: &BytesStart<'_>,
) -> Result<(String, String), XmppError> {
    let (namespace, local) = reader.resolver().resolve_element(start.name());
    let namespace = match namespace {
        ResolveResult::Bound(namespace) => decode(namespace.as_ref())?,
        ResolveResult::Unbound => String::new(),
        ResolveResult::Unknown(_) => {
            return Err(XmppError::not_xmpp(format!(
                "<{}> with an undeclared prefix",
                decode(start.name().as_ref())?
            )));
        }
    };
    Ok((namespace, decode(local.as_ref())?))
}

fn to_header(attributes: Vec<(String, String)>) -> StreamHeader {
    let mut header = StreamHeader::default();
    for (name, value) in attributes {
        match name.as_str() {
            "xmlns" => header.namespace = value,
            "to" => header.to = Some(value),
            "from" => header.from = Some(value),
            "id" => header.id = Some(value),
            "version" => header.version = Some(value),
            _ => {}
        }
    }
    header
}

#[cfg(test)]
mod tests;
