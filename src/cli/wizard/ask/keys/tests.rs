use super::*;
use proptest::prelude::*;

fn keys(bytes: &[u8]) -> Vec<Key> {
    let mut decoder = Decoder::new();
    let mut keys = decoder.feed(bytes);
    keys.extend(decoder.idle());
    keys
}

fn typed(text: &str) -> Vec<Key> {
    text.chars().map(Key::Char).collect()
}

#[test]
fn keys_of_common_terminals_are_known() {
    for (bytes, key) in [
        (&b"\r"[..], Key::Enter),
        (b"\n", Key::Enter),
        (b"\t", Key::Tab),
        (b"\x7f", Key::Backspace),
        (b"\x08", Key::Backspace),
        (b"\x03", Key::Leave),
        (b"\x04", Key::Leave),
        (b"\x1b", Key::Escape),
        (b"\x1b[A", Key::Up),
        (b"\x1bOB", Key::Down),
        (b"\x1b[1;5C", Key::Right),
        (b"\x1b[D", Key::Left),
        (b"\x1b[H", Key::Home),
        (b"\x1b[1~", Key::Home),
        (b"\x1bOF", Key::End),
        (b"\x1b[4~", Key::End),
        (b"\x1b[3~", Key::Delete),
        (b"\x1b[5~", Key::PageUp),
        (b"\x1b[6~", Key::PageDown),
        (b"\x1b[Z", Key::BackTab),
        (b"\x1bOP", Key::Help),
        (b"\x1b[11~", Key::Help),
        (b"\x1b[[A", Key::Help),
        (b"\x15", Key::Clear),
        (b"\x17", Key::EraseWord),
        (b"a", Key::Char('a')),
        ("인".as_bytes(), Key::Char('인')),
    ] {
        assert_eq!(keys(bytes), [key], "{bytes:?}");
    }
}

#[test]
fn foreign_sequences_leave_nothing_behind() {
    for bytes in [
        &b"\x1b[31m"[..],
        b"\x1b[38;2;1;2;3m",
        b"\x1b[?1049h",
        b"\x1b[2J\x1b[200;1H",
        b"\x1b]0;title\x07",
        b"\x1b]52;c;aGVsbG8=\x1b\\",
        b"\x1bP1$r0m\x1b\\",
        b"\x1b(B",
        b"\x1bx",
        b"\x00",
        b"\x1bO\x1b[I",
        "\u{202e}\u{200b}\u{feff}\u{9b}".as_bytes(),
        b"\xff\xfe\xc0\xaf\xed\xa0\x80",
        b"\x1b[<0;1;1M",
    ] {
        assert_eq!(keys(bytes), [], "{bytes:?}");
        let mut followed = bytes.to_vec();
        followed.extend_from_slice(b"ok");
        assert_eq!(keys(&followed), typed("ok"), "{followed:?}");
    }
}

#[test]
fn what_is_pasted_is_text_and_no_key() {
    for (bytes, text) in [
        ("\x1b[200~contoso.com\x1b[201~", "contoso.com"),
        ("\x1b[200~one\r\ntwo\tthree\x1b[201~", "one two three"),
        ("\x1b[200~a\x1b[31mb\x1b[Ac\x1bOPd\x1b[201~", "abcd"),
        ("\x1b[200~\x03\x04q\x1b]0;x\x07\u{202e}w\0\x1b[201~", "qw"),
        ("\x1b[200~never ended", "never ended"),
        ("\x1b[200~x\x1b[200~y\x1b[201~", "xy"),
    ] {
        assert_eq!(
            keys(bytes.as_bytes()),
            [Key::Pasted(text.to_owned())],
            "{bytes:?}"
        );
    }
    assert_eq!(keys(b"\x1b[200~ \r\n\x1b[201~"), []);
    assert_eq!(keys(b"\x1b[201~x"), typed("x"));
}

#[test]
fn a_paste_has_a_limit() {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.feed(b"\x1b[200~"), []);
    assert_eq!(decoder.waiting(), Waiting::Paste);
    assert_eq!(decoder.feed(&vec![b'x'; 2 * MAX_PASTE]), []);
    match decoder.feed(b"\x1b[201~").as_slice() {
        [Key::Pasted(text)] => assert_eq!(text.len(), MAX_PASTE),
        other => panic!("{} keys", other.len()),
    }
    assert_eq!(decoder.waiting(), Waiting::Nothing);
}

#[test]
fn a_lone_escape_waits_for_what_may_follow() {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.feed(b"\x1b"), []);
    assert_eq!(decoder.waiting(), Waiting::Sequence);
    assert_eq!(decoder.feed(b"["), []);
    assert_eq!(decoder.feed(b"A"), [Key::Up]);
    assert_eq!(decoder.feed(b"\x1b\x1b"), [Key::Escape]);
    assert_eq!(decoder.idle(), [Key::Escape]);
    assert_eq!(decoder.idle(), []);
    assert_eq!(decoder.feed(b"\x1b\x03"), [Key::Leave]);
}

proptest! {
    #[test]
    fn no_bytes_yield_anything_that_could_steer_a_terminal(
        bytes in proptest::collection::vec(
            prop_oneof![4 => any::<u8>(), 2 => Just(0x1b), 1 => Just(b'['), 1 => Just(b'~'), 1 => b'0'..=b'9'],
            0..400,
        ),
        cut in 0usize..400,
    ) {
        let whole = keys(&bytes);
        for key in &whole {
            if let Some(text) = key.text() {
                prop_assert!(!text.is_empty() && text.len() <= MAX_PASTE);
                prop_assert!(!text.chars().any(is_harmful));
            }
        }
        let (head, tail) = bytes.split_at(cut.min(bytes.len()));
        let mut decoder = Decoder::new();
        let mut parts = decoder.feed(head);
        parts.extend(decoder.feed(tail));
        parts.extend(decoder.idle());
        prop_assert_eq!(parts, whole);
    }
}
