//! Every kind of mistake at its place, and no text that makes the parser fall over.

use super::*;
use crate::explain::Explain;
use proptest::prelude::*;

fn mistakes(text: &str) -> Vec<Mistake> {
    Deployment::parse(text, Path::new("/srv/edgecert.toml"))
        .map(|_| panic!("parsed:\n{text}"))
        .unwrap_or_else(|error| error.mistakes)
}

#[test]
fn each_mistake_is_told_with_line_column_key_and_mend() {
    // (added to LEAST, which has five lines; line, column, key, what, part of the mend)
    #[rustfmt::skip]
    let table: &[(&str, usize, usize, &str, &str, &str)] = &[
        ("issuer = 5", 6, 10, "certificate.external-edge.issuer", "expected text, found integer 5", "double quotes"),
        ("isuer = \"x\"", 6, 1, "certificate.external-edge", "unknown key \"isuer\"", "\"issuer\""),
        ("issuer = \"x\"", 6, 10, "certificate.external-edge.issuer", "there is no issuer \"x\"", "[issuer.x]"),
        ("uses = [\"sip-egde\"]", 6, 9, "certificate.external-edge.uses", "\"sip-egde\" is not known here", "did you mean \"sip-edge\"?"),
        ("uses = []", 6, 8, "certificate.external-edge.uses", "the list is empty", "at least one"),
        ("uses = \"sip-edge\"", 6, 8, "certificate.external-edge.uses", "expected a list, found text \"sip-edge\"", "[\"sip-edge\"]"),
        ("domains = [\"fabrikam.com\"]", 6, 12, "certificate.external-edge.domains", "\"fabrikam.com\" is not known here", "contoso.com"),
        ("domains = [\"contoso.com\", \"contoso.com\"]", 6, 27, "certificate.external-edge.domains", "\"contoso.com\" stands here twice", "once"),
        ("san = [\"contoso.com\"]", 6, 8, "certificate.external-edge.san", "\"contoso.com\" is no name with a known type", "dns:contoso.com"),
        ("san = [\"dsn:contoso.com\"]", 6, 8, "certificate.external-edge.san", "\"dsn:contoso.com\" is no name with a known type", "dns:"),
        ("friendly-name = \"ä\\u0007\"", 6, 17, "certificate.external-edge.friendly-name", "the text holds the control character U+0007", "control"),
        ("key = { type = \"rsa1024\" }", 6, 16, "certificate.external-edge.key.type", "\"rsa1024\" is not known here", "rsa2048"),
        ("key = { passphrase = \"hunter2\" }", 6, 22, "certificate.external-edge.key.passphrase", "a passphrase does not stand in this file", "credential"),
        ("[key]\npassphrase = { file = \"a\", env = \"B\" }", 7, 14, "key.passphrase", "the passphrase has more than one source", "file"),
        ("[key]\nexportable = \"no\"", 7, 14, "key.exportable", "expected true or false, found text \"no\"", "without quotes"),
        ("[certificate.list]", 6, 14, "certificate.list", "\"list\" cannot be a name here", "another name"),
        ("[certificate.\"A/b\"]", 6, 14, "certificate.\"A/b\"", "\"A/b\" cannot be a name here", "lower-case"),
        ("[isuer.public]", 6, 2, "", "unknown key \"isuer\"", "\"issuer\""),
        ("[issuer.public]", 6, 1, "issuer.public", "the key \"profile\" is missing", "public-dv"),
        ("[issuer.public]\nprofile = \"public-vd\"", 7, 11, "issuer.public.profile", "there is no profile \"public-vd\"", "\"public-dv\""),
        ("[issuer.public]\nprofile = \"public-dv\"\ntemplate = \"x\"", 8, 12, "issuer.public.template", "the profile public-dv takes no template", "leave it out"),
        ("[issuer.in]\nprofile = \"ad-cs\"\ntemplate = { oid = \"1.2.3\", mayor = 1 }", 8, 29, "issuer.in.template", "unknown key \"mayor\"", "did you mean \"major\"?"),
        ("[issuer.in]\nprofile = \"ad-cs\"\ntemplate = { oid = \"1.2.3\", minor = 1 }", 8, 12, "issuer.in.template", "this is no certificate template", "not its display name"),
        ("[issuer.public]\nprofile = \"public-dv\"\nrenew-at = \"30d\"", 8, 12, "issuer.public.renew-at", "\"30d\" is no share of a life", "33%"),
        ("[issuer.public]\nprofile = \"public-dv\"\nroots = [\"sytem\"]", 8, 10, "issuer.public.roots", "\"sytem\" is not known here", "\"system\""),
        ("[issuer.public]\nprofile = \"public-dv\"\nsubmit = \"ask ca\"", 8, 10, "issuer.public.submit", "expected a list, found text \"ask ca\"", "[\"ask\", \"ca\"]"),
        ("[subject]\ncountry = \"Germany\"", 7, 11, "subject.country", "\"Germany\" is no country code", "two letters"),
        ("[gateway.prosdy.chat]", 6, 10, "gateway.prosdy", "unknown kind of gateway \"prosdy\"", "\"prosody\""),
        ("[gateway.ejabberd.a]\ncertificate = \"external-egde\"\nfile = \"x\"", 7, 15, "gateway.ejabberd.a.certificate", "\"external-egde\" is not known here", "\"external-edge\""),
        ("[gateway.ejabberd.a]\ncertificate = \"external-edge\"", 6, 1, "gateway.ejabberd.a", "the key \"file\" is missing", "file ="),
        ("[gateway.ejabberd.a]\ncertificate = [\"external-edge\"]\nfile = \"x\"", 7, 15, "gateway.ejabberd.a.certificate", "expected text, found a list", "second table"),
        ("[gateway.ejabberd.a]\ncertificate = \"external-edge\"\nfile = \"x\"\nmode = 640", 9, 8, "gateway.ejabberd.a.mode", "expected text, found integer 640", "\"0640\""),
        ("[gateway.ejabberd.a]\ncertificate = \"external-edge\"\nfile = \"x\"\nmode = \"0644\"", 9, 8, "gateway.ejabberd.a.mode", "the mode 0644 opens a private key to everybody", "0640"),
        ("[gateway.ejabberd.a]\ncertificate = \"external-edge\"\nfile = \"x\"\nowner = \"ejabberd\"", 9, 9, "gateway.ejabberd.a.owner", "\"ejabberd\" is no owner", "ejabberd:ejabberd"),
        ("[gateway.ejabberd.a]\ncertificate = \"external-edge\"\nfile = \"x\"\nrpc = \"y\"", 9, 1, "gateway.ejabberd.a", "unknown key \"rpc\"", "known here"),
        ("[gateway.ejabberd.a]\ncertificate = \"external-edge\"\nfile = \"x\"\n[gateway.haproxy.a]\ncertificate = \"external-edge\"\nfile = \"y\"", 9, 18, "gateway.haproxy.a", "there is a gateway \"a\" of kind ejabberd already", "another name"),
        ("[gateway.ejabberd.a]\ncertificate = \"external-edge\"\nfile = \"x\"\n[gateway.haproxy.b]\ncertificate = \"external-edge\"\nfile = \"/srv/x\"", 11, 8, "gateway.haproxy.b.file", "gateway.ejabberd.a.file has this path already", "its own path"),
        ("[gateway.ejabberd.a]\ncertificate = \"external-edge\"\nfile = \"x\"\nprove = [{ protocol = \"xmpp-sever\", address = \"127.0.0.1:5269\" }]", 9, 23, "gateway.ejabberd.a.prove.protocol", "\"xmpp-sever\" is not known here", "\"xmpp-server\""),
        ("[gateway.ejabberd.a]\ncertificate = \"external-edge\"\nfile = \"x\"\nprove = [{ protocol = \"tls\", address = \"localhost:5269\" }]", 9, 40, "gateway.ejabberd.a.prove.address", "\"localhost:5269\" is no address with a port", "not a name"),
        ("[gateway.ejabberd.a]\ncertificate = \"external-edge\"\nfile = \"x\"\nprove = [{ protocol = \"tls\", address = \"127.0.0.1\" }]", 9, 40, "gateway.ejabberd.a.prove.address", "\"127.0.0.1\" has no port", "127.0.0.1:5269"),
        ("[gateway.embedded.f]\ncertificate = \"external-edge\"\nlistener = []", 6, 1, "gateway.embedded.f.listener", "the gateway has no listener", "[[gateway.embedded.NAME.listener]]"),
        ("[gateway.embedded.f]\ncertificate = \"external-edge\"\n[[gateway.embedded.f.listener]]\nprotocol = \"xmpp\"\nlisten = \"[::]:5222\"\nbackend = \"127.0.0.1:1\"", 9, 12, "gateway.embedded.f.listener.protocol", "\"xmpp\" is not known here", "xmpp-server"),
        ("[gateway.embedded.f]\ncertificate = \"external-edge\"\n[[gateway.embedded.f.listener]]\nprotocol = \"tls\"\nlisten = \"[::]:0\"\nbackend = \"127.0.0.1:1\"", 10, 10, "gateway.embedded.f.listener.listen", "\"[::]:0\" has port 0", "port"),
        ("[gateway.embedded.f]\ncertificate = \"external-edge\"\n[[gateway.embedded.f.listener]]\nprotocol = \"tls\"\nlisten = \"127.0.0.1:1\"\nbackend = \"127.0.0.1:1\"", 11, 11, "gateway.embedded.f.listener.backend", "the listener would forward to itself", "behind it"),
        ("[gateway.files.f]\ncertificate = \"external-edge\"\n[[gateway.files.f.destination]]\ncontent = \"fullchian\"\npath = \"x\"", 9, 11, "gateway.files.f.destination.content", "\"fullchian\" is not known here", "\"fullchain\""),
        ("[gateway.files.f]\ncertificate = \"external-edge\"\ntimeout = \"30\"\n[[gateway.files.f.destination]]\ncontent = \"cert\"\npath = \"x\"", 8, 11, "gateway.files.f.timeout", "\"30\" is no length of time", "\"30s\""),
        ("[[partner]]\ndomain = \"litware.com\"\ntls = \"not-supported\"\nsasl = \"optional\"", 9, 8, "partner.sasl", "sasl = \"optional\" cannot be had with tls = \"not-supported\"", "sasl to \"not-supported\""),
        ("[[partner]]\ndomain = \"litware.com\"\n[[partner]]\ndomain = \"LITWARE.com\"", 9, 10, "partner.domain", "litware.com belongs to the partner litware.com already", "one partner"),
        ("[partner]\ndomain = \"litware.com\"", 6, 1, "partner", "expected a list, found a table", "[[partner]]"),
        ("[[partner]]\ndomain = \"litware.com\"\nserver = \"ejaberd-23\"", 8, 10, "partner.server", "\"ejaberd-23\" is not known here", "did you mean \"ejabberd-23\"?"),
        ("[policy.a]\nscope = \"global\"\n[policy.b]\nscope = \"global\"", 9, 9, "policy.b.scope", "the policy \"a\" is the global one already", "one policy"),
        ("[policy.a]\nscope = \"user\"", 6, 1, "policy.a", "the policy is for nobody", "members"),
        ("[policy.a]\nscope = \"user\"\nmembers = [\"someone\"]", 8, 12, "policy.a.members", "\"someone\" is no address of a user", "user@domain"),
        ("[assign]\nprove-within = \"0s\"", 7, 16, "assign.prove-within", "\"0s\" is out of range", "1s to 1h"),
        ("[check]\nleaf = { warning = \"10%\", critical = \"25%\" }", 7, 38, "check.leaf.critical", "critical 25% is not below warning 10%", "smaller"),
        ("[check]\njobs = 0", 7, 8, "check.jobs", "0 is out of range", "1 to 16384"),
        ("[check]\njobs = -99999999999999999999", 7, 8, "check.jobs", "-99999999999999999999 is out of range", "1 to"),
        ("[check]\ntimeout = 10", 7, 11, "check.timeout", "expected text, found integer 10", "quotes"),
        ("[store]\ndirectory = \"\"", 7, 13, "store.directory", "the path is empty", "leave the key out"),
        ("[store]\n\"ü\" = 1; x", 7, 7, "", "", ""),
        ("[edge]", 6, 2, "", "duplicate table [edge]", "keep one"),
        ("domains = [\"contoso.com\"]\ndomains = [\"contoso.com\"]", 7, 1, "", "duplicate key \"domains\"", "keep one"),
    ];
    for (added, line, column, key, what, mend) in table {
        let text = format!("{LEAST}{added}\n");
        let all = mistakes(&text);
        let first = &all[0];
        let place = (first.line, first.column, first.key.as_str());
        assert_eq!(place, (*line, *column, *key), "{added}\n{all:#?}");
        assert!(what.is_empty() || first.what == *what, "{added}\n{all:#?}");
        assert!(first.mend.contains(mend), "{added}\n{all:#?}");
        assert_eq!(all.len(), 1, "only the cause is told: {added}\n{all:#?}");
    }
}

#[test]
fn known_words_are_listed_once() {
    for added in ["[edges]", "[key]\ntype = \"x\"", "[zzzzzzzz]"] {
        let all = mistakes(&format!("{LEAST}{added}\n"));
        let told = format!("{}\n{}", all[0].why, all[0].mend);
        for word in ["issuer", "certificate", "gateway", "ec384"] {
            assert!(
                told.split([',', ' ', ';', '\n'])
                    .filter(|one| *one == word)
                    .count()
                    <= 1,
                "{told}"
            );
        }
        assert_eq!(told.matches("known").count(), 1, "{told}");
    }
}

#[test]
fn a_duplicate_is_told_with_the_line_of_the_first() {
    let all = mistakes(&format!(
        "{LEAST}[key]\ntype = \"ec256\"\ntype = \"ec384\"\n"
    ));
    assert_eq!(
        (all[0].line, all[0].what.as_str(), all[0].why.as_str()),
        (8, "duplicate key \"type\"", "it stands in line 7 already")
    );
}

#[test]
fn the_edge_and_the_version_are_needed() {
    for (text, line, key, what) in [
        ("", 1, "", "the key \"version\" is missing"),
        (
            "version = 2\n",
            1,
            "version",
            "version 2 of the format is not known",
        ),
        (
            "version = \"1\"\n",
            1,
            "version",
            "expected a whole number, found text \"1\"",
        ),
        ("version = 1\n", 1, "", "the key \"edge\" is missing"),
        (
            "version = 1\n[edge]\n",
            2,
            "edge",
            "the key \"fqdn\" is missing",
        ),
        (
            "version = 1\n[edge]\nfqdn = \"edge\"\n",
            3,
            "edge.fqdn",
            "\"edge\" is no domain name",
        ),
        (
            "version = 1\n[edge]\nfqdn = \"a.b.c\"\n",
            2,
            "edge",
            "there is no domain",
        ),
    ] {
        let all = mistakes(text);
        assert!(
            all.iter()
                .any(|m| (m.line, m.key.as_str(), m.what.as_str()) == (line, key, what)),
            "{text}: {all:#?}"
        );
    }
    let all = mistakes("version = 1\n[edge]\nfqdn = \"a.b.c\"\nsip-domains = [\"b.c\"]\n");
    assert_eq!(all[0].what, "the key \"certificate\" is missing");
}

#[test]
fn a_slip_in_a_needed_key_is_not_told_as_its_absence_too() {
    for (from, to, what) in [
        ("fqdn", "fdqn", "unknown key \"fdqn\""),
        ("[edge]", "[egde]", "unknown key \"egde\""),
        ("sip-domains", "sip-domain", "unknown key \"sip-domain\""),
        ("version", "verson", "unknown key \"verson\""),
        (
            "[certificate.",
            "[certificat.",
            "unknown key \"certificat\"",
        ),
    ] {
        let all = mistakes(&LEAST.replace(from, to));
        assert_eq!(all.len(), 1, "{all:#?}");
        assert_eq!(all[0].what, what);
        let right = from.trim_matches(['[', ']', '.']);
        assert_eq!(all[0].mend, format!("did you mean \"{right}\"?"));
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_file_order() {
    let text = "verson = 1\n[edge]\nfqdn = \"ünder_score.com\"\nsip-domain = [\"a.b\"]\n[check]\njobs = \"x\"\n";
    let error = Deployment::parse(text, Path::new("edgecert.toml")).unwrap_err();
    let lines: Vec<usize> = error.mistakes.iter().map(|m| m.line).collect();
    assert!(lines.is_sorted(), "{lines:?}");
    let told = error.explain();
    assert_eq!(told.code, "deployment.invalid");
    assert!(
        told.place.starts_with("edgecert.toml:1:1"),
        "{}",
        told.place
    );
    assert!(
        told.why.contains(
            "edgecert.toml:4:1 edge: unknown key \"sip-domain\" (did you mean \"sip-domains\"?)"
        ),
        "{}",
        told.why
    );
    let many: String = (0..50).map(|n| format!("unknown{n} = 1\n")).collect();
    let told = Deployment::parse(&many, Path::new("e.toml"))
        .unwrap_err()
        .explain();
    assert!(
        told.why.lines().count() <= 24 && told.why.contains("more"),
        "{}",
        told.why
    );
}

#[test]
fn columns_count_characters_and_a_byte_order_mark_is_none() {
    let text = "\u{feff}version = 1\nedge = { fqdn = \"äöü.contoso.com\", x = 1 }\n";
    let all = mistakes(text);
    let unknown = all.iter().find(|m| m.what.contains("\"x\"")).unwrap();
    assert_eq!((unknown.line, unknown.column), (2, 36));
    let all = mistakes("\u{feff}verzion = 1\n");
    assert!(all.iter().any(|m| (m.line, m.column) == (1, 1)));
}

#[test]
fn no_passphrase_is_ever_shown() {
    for text in [
        format!("{LEAST}[key]\npassphrase = \"hunter2\"\n"),
        format!("{LEAST}[key]\npassphrase = {{ env = \"hunter2 !\" }}\n"),
        format!("{LEAST}[key]\npassphrase = [\"hunter2\"]\n"),
    ] {
        assert!(
            !format!("{:?}", mistakes(&text)).contains("hunter2"),
            "{text}"
        );
    }
}

#[test]
fn hostile_text_is_made_fit_to_be_shown() {
    let text = format!("{LEAST}\"\\u001b[31m\\u202e\" = \"x\"\nissuer = \"\\u001b]0;\"\n");
    let told = format!("{:?}", mistakes(&text));
    assert!(
        !told.contains("\\u{1b}") && !told.contains("\\u{202e}"),
        "{told}"
    );
    let told = mistakes(&"x".repeat(Deployment::MAX_BYTES + 1));
    assert!(told[0].what.contains("bytes") && told.len() == 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_makes_the_parser_panic(text in "(\\PC|[\\[\\]{}=\"'.,\n#]){0,200}") {
        let _ = Deployment::parse(&text, Path::new("/srv/edgecert.toml"));
    }

    #[test]
    fn no_change_of_the_example_makes_the_parser_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, "(\\PC|[\\[\\]{}=\"'.,\n#]){0,6}"), 1..6),
    ) {
        let mut characters: Vec<char> = EXAMPLE.chars().collect();
        for (at, cut, put) in changes {
            let from = at.index(characters.len());
            let to = (from + cut).min(characters.len());
            characters.splice(from..to, put.chars());
        }
        let text: String = characters.into_iter().collect();
        if let Err(error) = Deployment::parse(&text, Path::new("/srv/edgecert.toml")) {
            prop_assert!(!error.mistakes.is_empty());
            let lines = text.lines().count() + 1;
            prop_assert!(error.mistakes.iter().all(|m| m.line >= 1 && m.line <= lines && m.column >= 1));
            let _ = error.explain();
        }
    }

    #[test]
    fn no_swapped_value_makes_the_parser_panic(at in any::<prop::sample::Index>(), value in "(-?[0-9]{1,25}|true|\"\\PC{0,9}\"|\\[\\]|\\{\\}|1979-05-27|\\[\\[1\\]\\]|inf|0x1F)") {
        let value = value.replace('\\', "/");
        let lines: Vec<&str> = EXAMPLE.lines().collect();
        let settings: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].contains(" = ")).collect();
        let chosen = settings[at.index(settings.len())];
        let text: Vec<String> = lines.iter().enumerate().map(|(n, line)| match line.split_once(" = ") {
            Some((key, _)) if n == chosen => format!("{key} = {value}"),
            _ => (*line).to_owned(),
        }).collect();
        let _ = Deployment::parse(&text.join("\n"), Path::new("/etc/edgecert/edgecert.toml"));
    }
}
