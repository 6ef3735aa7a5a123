use super::*;
use proptest::prelude::*;

const OPEN: &str = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

fn header(bytes: &str) -> StreamHeader {
    read_header(bytes.as_bytes()).unwrap().unwrap().0
}

#[test]
fn headers_are_read_in_every_spelling() {
    for text in [
        "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' from='b.example' version='1.0'>",
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone='yes'?>\r\n <stream:stream\n  version=\"1.0\" from='b.example'\tto=\"a.example\" xmlns:stream='http://etherx.jabber.org/streams' xmlns=\"jabber:server\" >",
        "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' xml:lang='en' xmlns='jabber:server' to='a.exampl&#101;' from='b.example' version='1.0'>",
        "<stream xmlns='http://etherx.jabber.org/streams' to='a.example' from='b.example' version='1.0'>",
    ] {
        let header = header(text);
        assert_eq!(header.to.as_deref(), Some("a.example"), "{text}");
        assert_eq!(header.from.as_deref(), Some("b.example"), "{text}");
        assert_eq!(header.version.as_deref(), Some("1.0"), "{text}");
    }
}

#[test]
fn header_is_none_at_every_cut_and_whole_at_its_end() {
    let text = "<?xml version='1.0'?>\n<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='ü.example' id='&lt;1&gt;'>";
    for cut in 0..text.len() {
        assert_eq!(read_header(&text.as_bytes()[..cut]), Ok(None), "{cut}");
    }
    let (header, taken) = read_header(format!("{text}  <a/>").as_bytes())
        .unwrap()
        .unwrap();
    assert_eq!(taken, text.len());
    assert_eq!(header.id.as_deref(), Some("<1>"));
    assert_eq!(header.to.as_deref(), Some("ü.example"));
}

#[test]
fn what_is_no_stream_is_refused_at_once() {
    for (text, found) in [
        ("HTTP/1.1 400 Bad Request\r\n", "HTTP/1.1 400 Bad Request"),
        ("220 mail.example ESMTP", "220 mail.example ESMTP"),
        ("\x16\x03\x01", "\u{fffd}\u{3}\u{1}"),
        ("<html>", "<html>"),
        ("<stream:stream>", "prefix"),
        ("<stream>", "<stream>"),
        ("<!DOCTYPE", "DTD"),
        ("<!--", "comment"),
        ("<?php", "processing instruction"),
        ("<?xml-stylesheet", "processing instruction"),
        (
            "<?xml version='1.0'?><?xml version='1.0'?>",
            "processing instruction",
        ),
        ("<?xml version='1.0' encoding='UTF-16'?>", "UTF-8"),
        (
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}",
            "no XML but the bytes",
        ),
        ("\n<?xml version='1.0'?>", "processing instruction"),
        ("</stream:stream>", ""),
        ("\u{feff}<stream", ""),
        (
            "<stream xmlns='http://etherx.jabber.org/streams' to='a' to='b'>",
            "",
        ),
        ("<stream xmlns='http://etherx.jabber.org/streams' to=a>", ""),
        (
            "<stream xmlns='http://etherx.jabber.org/streams' to='&e;'>",
            "the entity e",
        ),
        (
            "<stream xmlns='http://etherx.jabber.org/streams' to='a<b'>",
            "",
        ),
        (
            "<stream xmlns='http://etherx.jabber.org/streams' to='a\u{0}b'>",
            "",
        ),
    ] {
        match read_header(text.as_bytes()) {
            Err(error) => {
                let what = error.meaning();
                let condition = match found {
                    "DTD" | "comment" | "processing instruction" | "the entity e" => {
                        "restricted-xml"
                    }
                    "UTF-8" => "unsupported-encoding",
                    _ => "not-well-formed",
                };
                assert!(
                    what.contains(found) || found.contains('\u{fffd}'),
                    "{text:?}: {what}"
                );
                assert!(!what.chars().any(char::is_control), "{text:?}: {what:?}");
                assert_eq!(
                    error.answer_condition(),
                    Some(condition),
                    "{text:?}: {error:?}"
                );
                assert!(
                    !text.starts_with('\u{16}') || what.contains("bytes 16 03"),
                    "{what}"
                );
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
    assert_eq!(
        read_header(&vec![b' '; MAX_BYTES + 1]),
        Err(XmppError::TooLarge)
    );
}

#[test]
fn restricted_xml_behind_the_header_is_a_fault() {
    for text in [
        "<!-- a -->",
        "<!-",
        "<!DOCTYPE a>",
        "<?a b?>",
        "<![CDATA[a]]>",
        "text",
        "&amp;",
        "&lt;",
        "<a>&own;</a>",
        "<a><!-- --></a>",
        "<a></b>",
        "<x:a/>",
        "<a b='1' b='2'/>",
        "<a>\u{1}</a>",
    ] {
        let parsed = parse(format!("{OPEN}{text}").as_bytes());
        assert!(parsed.header.is_some(), "{text}");
        assert!(
            matches!(
                parsed.fault,
                Some(XmppError::NotXmpp(_) | XmppError::Restricted(_))
            ),
            "{text}: {parsed:?}"
        );
    }
    let deep = "<a>".repeat(MAX_DEPTH + 1);
    assert!(parse(format!("{OPEN}{deep}").as_bytes()).fault.is_some());
}

#[test]
fn what_is_sound_behind_the_header_is_kept_whole_or_open() {
    let parsed = parse(format!("{OPEN} \n<a>x&amp;<![CDATA[<y>]]>&#33;</a> <b><c>").as_bytes());
    assert_eq!(parsed.fault, None);
    assert_eq!(parsed.open, Some(("jabber:server".into(), "b".into())));
    let [Item::Element(a)] = parsed.items.as_slice() else {
        panic!("{parsed:?}");
    };
    assert_eq!(a.text, "x&<y>!");
}

#[test]
fn an_element_is_whole_only_at_its_last_byte() {
    let text = "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>für &amp; wider<![CDATA[ü]]></text></stream:error>";
    let all = format!("{OPEN}{text}");
    for cut in OPEN.len()..all.len() {
        let parsed = parse(&all.as_bytes()[..cut]);
        assert_eq!(parsed.fault, None, "{cut}");
        assert!(parsed.items.is_empty(), "{cut}");
    }
    let parsed = parse(all.as_bytes());
    let Some(Item::Element(element)) = parsed.items.first() else {
        panic!("{parsed:?}");
    };
    assert_eq!(
        element.to_error(),
        Some(XmppError::Stream {
            condition: "reset".into(),
            text: Some("für & widerü".into())
        })
    );
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_header(&bytes);
        let mut stream = OPEN.as_bytes().to_vec();
        stream.extend_from_slice(&bytes);
        let _ = parse(&stream);
    }

    #[test]
    fn scraps_of_xml_never_panic(
        scraps in proptest::collection::vec(
            proptest::sample::select(vec![
                "<", ">", "/", "a", ":", "=", "'", "\"", "&", ";", "!", "?", "[CDATA[", "]]>", "--", " ", "xmlns",
                "stream", "ü", "#x", "&amp;", "</", "/>", "\0", "<a>", "</a>",
            ]),
            0..60,
        )
    ) {
        let text: String = scraps.concat();
        let _ = read_header(text.as_bytes());
        let _ = parse(format!("{OPEN}{text}").as_bytes());
    }
}
