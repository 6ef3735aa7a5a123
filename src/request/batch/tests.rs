use super::*;

fn read(text: &str) -> Vec<Read> {
    let mut batch = Batch::open(text.as_bytes()).unwrap();
    let mut all = Vec::new();
    while let Some(one) = batch.next_entry().unwrap() {
        all.push(one);
    }
    all
}

fn mistake(text: &str, at: usize) -> BatchMistake {
    read(text)[at].entry.clone().unwrap_err().remove(0)
}

fn texts(read: &Read, key: Key) -> Vec<&str> {
    let entry = read.entry.as_ref().unwrap();
    entry.values(key).iter().map(|w| w.text.as_str()).collect()
}

const TOML: &str = "# edges\n\n[[request]]\nfqdn = \"edge.a.org\"\nxmpp-domains = [\"a.org\", \"b.org\"]\n\n[[request]]\nfqdn = \"edge.c.org\"\nxmpp-domains = \"c.org\"\n";
const JSON: &str = "{\"fqdn\": \"edge.a.org\", \"xmpp-domains\": [\"a.org\", \"b.org\"], \"country\": null}\n\n# one more\n{\"fqdn\": \"edge.c.org\", \"xmpp-domains\": \"c.org\"}\n";
const CSV: &str = "\u{feff}fqdn,xmpp-domains,organization\r\nedge.a.org,a.org; b.org,\r\n\r\nedge.c.org,\"c.org\",\r\n";

#[test]
fn three_forms_say_the_same() {
    for (text, form, lines) in [
        (TOML, Form::Toml, [3, 7]),
        (JSON, Form::JsonLines, [1, 4]),
        (CSV, Form::Csv, [2, 4]),
    ] {
        assert_eq!(Batch::open(text.as_bytes()).unwrap().form(), form);
        let all = read(text);
        assert_eq!(all.len(), 2, "{form:?}: {all:?}");
        for (at, (one, line)) in all.iter().zip(lines).enumerate() {
            assert_eq!((one.number, one.line), (at as u64 + 1, line), "{form:?}");
        }
        assert_eq!(texts(&all[0], Key::Fqdn), ["edge.a.org"]);
        assert_eq!(texts(&all[0], Key::XmppDomains), ["a.org", "b.org"]);
        assert_eq!(texts(&all[1], Key::XmppDomains), ["c.org"]);
        assert!(texts(&all[0], Key::Organization).is_empty());
        assert!(texts(&all[0], Key::Country).is_empty());
    }
}

#[test]
fn quotes_hold_commas_quotes_and_line_ends() {
    let all =
        read("organization,fqdn\n\"Contoso, \"\"the\"\"\nInc.\",edge.a.org\nplain,edge.b.org");
    assert_eq!(
        texts(&all[0], Key::Organization),
        ["Contoso, \"the\"\nInc."]
    );
    assert_eq!(texts(&all[0], Key::Fqdn), ["edge.a.org"]);
    assert_eq!((all[1].number, all[1].line), (2, 4));
    assert_eq!(
        all[0]
            .entry
            .as_ref()
            .unwrap()
            .value(Key::Fqdn)
            .unwrap()
            .line,
        3
    );
}

#[test]
fn one_bad_entry_is_named_by_its_place_and_the_next_is_read() {
    for (text, line, column, what) in [
        (
            "[[request]]\nfqdn = \"a.org\"\nfqnd = 1\n[[request]]\nfqdn=\"b.org\"\n",
            3,
            Some(1),
            "unknown key \"fqnd\"",
        ),
        (
            "[[request]]\nfqdn = 5\n[[request]]\nfqdn=\"b.org\"\n",
            2,
            Some(8),
            "fqdn: expected text, found integer 5",
        ),
        (
            "[[request]]\nfqdn = \"a\nuses = [\n[[request]]\nfqdn=\"b.org\"\n",
            2,
            None,
            "",
        ),
        (
            "{\"fqnd\": \"a.org\"}\n{\"fqdn\":\"b.org\"}\n",
            1,
            Some(2),
            "unknown key \"fqnd\"",
        ),
        (
            "{\"fqdn\": 5}\n{\"fqdn\":\"b.org\"}\n",
            1,
            Some(2),
            "fqdn: expected text, found number 5",
        ),
        (
            "{\"fqdn\": \"a\", \"fqdn\": \"b\"}\n{\"fqdn\":\"b.org\"}\n",
            1,
            None,
            "the key \"fqdn\" stands there twice",
        ),
        (
            "{\"fqdn\": \n{\"fqdn\":\"b.org\"}\n",
            1,
            None,
            "the line is no JSON object",
        ),
        (
            "fqdn,uses\na.org\nb.org,\n",
            2,
            None,
            "the record has 1 values",
        ),
        (
            "fqdn,uses\na.org,x,y\nb.org,\n",
            2,
            Some(9),
            "the record has 3 values",
        ),
        (
            "fqdn,uses\na\"b.org,\"\nb.org,\n",
            2,
            Some(2),
            "a quote within a value",
        ),
        (
            "fqdn,uses\n\"a.org\"x,\nb.org,\n",
            2,
            Some(8),
            "text after a quoted value",
        ),
    ] {
        let told = mistake(text, 0);
        assert_eq!(told.line, line, "{text:?}: {told:?}");
        if column.is_some() {
            assert_eq!(told.column, column, "{text:?}: {told:?}");
        }
        assert!(told.what.contains(what), "{text:?}: {told:?}");
        assert_eq!(texts(&read(text)[1], Key::Fqdn), ["b.org"], "{text:?}");
    }
}

#[test]
fn an_unknown_key_is_told_with_the_nearest() {
    let told = mistake("{\"sip-domain\": \"a.org\"}\n", 0);
    assert_eq!(told.mend, "did you mean \"sip-domains\"?");
}

#[test]
fn what_is_no_list_is_refused_with_the_way_out() {
    for (text, mend) in [
        ("[{\"fqdn\": \"a\"}]", "jq -c"),
        ("[\n{\"fqdn\": \"a\"}]", "jq -c"),
        ("[request]\nfqdn = 1", "[[request]]"),
        ("fqdn = \"a.org\"", "[[request]]"),
        ("name,fqdn\n", "take it out"),
        ("fqdn,fqdn\n", "take one"),
        ("edge.contoso.com\n", "[[request]]"),
    ] {
        match Batch::open(text.as_bytes()).unwrap_err() {
            BatchError::Unknown(told) => assert!(told.mend.contains(mend), "{text:?}: {told:?}"),
            other @ (BatchError::Empty | BatchError::Io(_)) => panic!("{text:?}: {other}"),
        }
    }
    for text in ["", "\n\n", "# nothing\n", "\u{feff}"] {
        assert!(matches!(
            Batch::open(text.as_bytes()),
            Err(BatchError::Empty)
        ));
    }
}

#[test]
fn too_long_an_entry_is_passed_over_to_its_end() {
    let long = "x".repeat(MAX_ENTRY_BYTES);
    for text in [
        format!("{{\"fqdn\": \"{long}\"}}\n{{\"fqdn\": \"b.org\"}}\n"),
        format!("fqdn,uses\n{long},\nb.org,\n"),
        format!("[[request]]\nfqdn = \"{long}\"\nuses = []\n[[request]]\nfqdn = \"b.org\"\n"),
    ] {
        let told = mistake(&text, 0);
        assert_eq!(told.what, "the entry is too long");
        assert_eq!(texts(&read(&text)[1], Key::Fqdn), ["b.org"]);
    }
    let many: Vec<String> = (0..=MAX_VALUES).map(|n| format!("\"{n}\"")).collect();
    let many = format!("{{\"uses\": [{}]}}", many.join(","));
    assert!(mistake(&many, 0).what.contains("values"));
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let mut batch = Batch::open(&b"{\"fqdn\": \"\xff\"}\n{}\n"[..]).unwrap();
    let first = batch.next_entry().unwrap().unwrap();
    assert_eq!(first.entry.unwrap_err()[0].what, "the entry is not UTF-8");
    assert!(batch.next_entry().unwrap().unwrap().entry.is_ok());
}
