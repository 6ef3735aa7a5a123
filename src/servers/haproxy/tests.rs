use super::super::text::given::Given;
use super::*;
use crate::names::Domain;

const MAIN: &str = r#"global
    stats socket /run/haproxy/admin.sock mode 660 level admin
    stats socket ipv4@127.0.0.1:9999 level user
    stats socket /run/plain.sock
    chroot /var/lib/haproxy
    crt-base /etc/ssl/private
defaults
    mode tcp
frontend xmpp # with STARTTLS elsewhere
    bind 192.0.2.1:5223,[2001:db8::1]:5223 name "a ssl b" ssl crt one.pem alpn xmpp-client
    bind :5222
    bind *:5061 ssl crt-list /etc/haproxy/list strict-sni accept-proxy # a ssl crt no.pem
listen more
    bind 192.0.2.1:443-450 ssl crt certs/
    bind edge.example:443 ssl crt "${HOME}/x.pem" crt /abs/two
    server s 127.0.0.1:1 ssl crt /abs/client.pem verify none
backend none
    bind 192.0.2.9:443 ssl crt no.pem
.if defined(X)
frontend never
    bind 192.0.2.7:443 ssl crt no.pem
.endif
"#;

const LIST: &str =
    "# comment\nlisted.pem [alpn h2] a.example !b.a.example\n\n/abs/three.pem *.example\n";

fn given() -> Given {
    Given::new(&[
        ("/etc/haproxy/haproxy.cfg", MAIN),
        ("/etc/haproxy/list", LIST),
        ("/etc/ssl/private/one.pem", ""),
        ("/etc/ssl/private/one.pem.key", ""),
        ("/etc/ssl/private/certs/a.pem", ""),
        ("/etc/ssl/private/certs/a.pem.key", ""),
        ("/etc/ssl/private/certs/b.pem.ocsp", ""),
        ("/etc/ssl/private/certs/.tmp.pem", ""),
        ("/etc/ssl/private/certs/deep/c.pem", ""),
        ("/abs/two.rsa", ""),
        ("/abs/two.ecdsa", ""),
    ])
}

fn read_it(given: &Given) -> HaproxyConfig {
    read(Path::new("/etc/haproxy/haproxy.cfg"), given).unwrap()
}

fn small(text: &str) -> Given {
    Given::new(&[("/h.cfg", text), ("/list", "a.pem\r\n"), ("/other", "")])
}

fn changed(given: &Given, file: &str) -> Result<Option<super::super::Change>, ConfigError> {
    let config = read(Path::new("/h.cfg"), given).unwrap();
    let names = [Domain::parse("a.example").unwrap()];
    with_file(&config, given, Path::new(file), &names)
}

#[test]
fn listeners_are_those_with_tls() {
    let config = read_it(&given());
    let found: Vec<(String, Protocol)> = config
        .common
        .listeners
        .iter()
        .map(|listener| (listener.address.to_string(), listener.protocol))
        .collect();
    assert_eq!(
        found,
        [
            ("192.0.2.1:5223".to_owned(), Protocol::XmppsClient),
            ("[2001:db8::1]:5223".to_owned(), Protocol::XmppsClient),
            ("0.0.0.0:5061".to_owned(), Protocol::Sips),
        ]
    );
    assert_eq!(config.binds.len(), 4);
    assert_eq!(config.binds[1].section, "frontend xmpp");
    assert_eq!(config.binds[1].unknown_name, UnknownName::Refused);
    assert_eq!(config.binds[1].opening, Opening::ProxyProtocol);
    assert_eq!(config.binds[0].place.line, 10);
    assert_eq!(
        config.chroot.as_deref(),
        Some(Path::new("/var/lib/haproxy"))
    );
}

#[test]
fn what_is_not_read_is_told() {
    let remarks = read_it(&given()).common.remarks;
    let told: Vec<(usize, &str)> = remarks
        .iter()
        .map(|remark| (remark.place.line, remark.what.as_str()))
        .collect();
    for (line, what) in [
        (14, "range of ports"),
        (15, "`edge.example` is no address"),
        (15, "variable of the environment"),
        (19, "not worked out"),
    ] {
        assert!(
            told.iter()
                .any(|(at, text)| *at == line && text.contains(what)),
            "{line}: {what}: {told:?}"
        );
    }
    assert_eq!(told.len(), 4, "{told:?}");
}

#[test]
fn every_file_is_known_by_its_string() {
    let config = read_it(&given());
    let found: Vec<(&str, &Path)> = config
        .names
        .iter()
        .map(|named| (named.name.as_str(), named.file.as_path()))
        .collect();
    for (name, file) in [
        ("/etc/ssl/private/one.pem", "/etc/ssl/private/one.pem"),
        ("/etc/ssl/private/listed.pem", "/etc/ssl/private/listed.pem"),
        ("/abs/three.pem", "/abs/three.pem"),
        (
            "/etc/ssl/private/certs/a.pem",
            "/etc/ssl/private/certs/a.pem",
        ),
        ("/abs/two.rsa", "/abs/two.rsa"),
        ("/abs/two.ecdsa", "/abs/two.ecdsa"),
        ("/abs/client.pem", "/abs/client.pem"),
    ] {
        assert!(
            found.contains(&(name, Path::new(file))),
            "{name}: {found:?}"
        );
    }
    assert_eq!(found.len(), 7, "{found:?}");
}

#[test]
fn a_relative_string_stays_as_it_is_written() {
    let given = small("frontend f\n bind :443 ssl crt certs/\n");
    let mut given = given;
    given.0.insert("/certs/x.pem".into(), String::new());
    let config = read(Path::new("/h.cfg"), &given).unwrap();
    assert_eq!(config.names[0].name, "certs/x.pem");
    assert_eq!(config.names[0].file, Path::new("/certs/x.pem"));
    assert!(config.common.remarks[0].what.contains("started in"));
    let origin = small("global\n default-path origin /srv\nfrontend f\n bind :443 ssl crt a.pem\n");
    let config = read(Path::new("/h.cfg"), &origin).unwrap();
    assert_eq!(config.names[0].file, Path::new("/srv/a.pem"));
    assert_eq!(config.common.remarks, []);
}

#[test]
fn keys_lie_beside_or_within() {
    let config = read_it(&given());
    let key_of = |file: &str| {
        config
            .common
            .certificates
            .iter()
            .find(|used| used.certificate == Path::new(file))
            .map(|used| used.key.clone())
            .unwrap()
    };
    assert_eq!(
        key_of("/etc/ssl/private/one.pem"),
        Path::new("/etc/ssl/private/one.pem.key")
    );
    assert_eq!(key_of("/abs/three.pem"), Path::new("/abs/three.pem"));
}

#[test]
fn lists_give_filters_and_servers_are_clients() {
    let config = read_it(&given());
    let by_file = |file: &str| {
        config
            .common
            .certificates
            .iter()
            .find(|used| used.certificate == Path::new(file))
            .unwrap()
    };
    assert_eq!(
        by_file("/etc/ssl/private/listed.pem").names,
        ["a.example", "!b.a.example"]
    );
    assert_eq!(by_file("/abs/client.pem").side, Side::Client);
    assert_eq!(
        by_file("/abs/three.pem").place.to_string(),
        "/etc/haproxy/list:4"
    );
    assert_eq!(config.common.files.len(), 2);
}

#[test]
fn sockets_have_levels() {
    let found = read_it(&given()).sockets;
    let levels: Vec<Level> = found.iter().map(|socket| socket.level).collect();
    assert_eq!(levels, [Level::Admin, Level::User, Level::Operator]);
    assert_eq!(
        found[0].at,
        SocketAt::File(PathBuf::from("/run/haproxy/admin.sock"))
    );
    assert_eq!(
        found[1].at,
        SocketAt::Address("127.0.0.1:9999".parse().unwrap())
    );
}

#[test]
fn a_file_in_use_needs_nothing() {
    let mut given = small("frontend f\n bind :443 ssl crt /a.pem crt /d/\n");
    given.0.insert("/d/x.pem".into(), String::new());
    assert_eq!(changed(&given, "/a.pem"), Ok(None));
    assert_eq!(changed(&given, "/d/x.pem"), Ok(None));
    // It would be read as soon as it is there.
    assert_eq!(changed(&given, "/d/new.pem"), Ok(None));
    assert!(changed(&given, "/d/.new.pem").unwrap().is_some());
}

#[test]
fn a_file_goes_to_the_only_place_for_it() {
    for (text, file, wanted) in [
        (
            "frontend f\r\n  bind :443 ssl  # tls\r\n",
            "/n.pem",
            "frontend f\r\n  bind :443 ssl crt /n.pem  # tls\r\n",
        ),
        (
            "frontend f\n bind :443 ssl crt '/a b.pem'",
            "/it's.pem",
            "frontend f\n bind :443 ssl crt '/a b.pem' crt '/it'\\''s.pem'",
        ),
        (
            "frontend f\n bind :443 ssl crt /a.pem alpn h2\n bind :80\n",
            "/n.pem",
            "frontend f\n bind :443 ssl crt /a.pem alpn h2 crt /n.pem\n bind :80\n",
        ),
    ] {
        let given = small(text);
        let change = changed(&given, file).unwrap().unwrap();
        assert_eq!(change.after, wanted);
        assert_eq!(changed(&given.with(&change), file), Ok(None), "{text}");
    }
}

#[test]
fn a_list_gets_a_line_without_filters() {
    let given =
        small("frontend f\n bind :443 ssl crt-list /list\n bind :5061 ssl crt-list /list\n");
    let change = changed(&given, "/n.pem").unwrap().unwrap();
    assert_eq!(change.file, Path::new("/list"));
    assert_eq!(change.after, "a.pem\r\n/n.pem\r\n");
    assert_eq!(change.why, "/n.pem for a.example");
    assert_eq!(changed(&given.with(&change), "/n.pem"), Ok(None));
    let error = changed(&given, "/a b.pem").unwrap_err();
    assert!(error.to_string().contains("knows no quotes"), "{error}");
}

#[test]
fn of_several_places_none_is_chosen() {
    for (text, candidates) in [
        ("frontend f\n bind :443 ssl\n bind :444 ssl\n", 2),
        (
            "frontend f\n bind :443 ssl crt-list /list\n bind :444 ssl crt-list /other\n",
            2,
        ),
        (
            "frontend f\n bind :443 ssl crt-list /list\n bind :444 ssl\n",
            2,
        ),
        ("frontend f\n bind :443\n", 1),
    ] {
        let error = changed(&small(text), "/n.pem").unwrap_err();
        assert!(
            matches!(&error, ConfigError::Undecided { candidates: found, .. } if found.len() == candidates),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn a_line_that_does_not_end_well_is_refused() {
    for line in [" bind :443 ssl crt \"/a.pem", " bind :443 ssl x\\"] {
        let error = changed(&small(&format!("frontend f\n{line}\n")), "/n.pem").unwrap_err();
        assert!(
            matches!(&error, ConfigError::Malformed { place, .. } if place.line == 2),
            "{line}: {error:?}"
        );
    }
    for line in [" bind :443 ssl crt", " bind :443 ssl alpn"] {
        let given = small(&format!("frontend f\n{line}\n"));
        let error = read(Path::new("/h.cfg"), &given).unwrap_err();
        assert!(error.to_string().contains("without a value"), "{error}");
    }
}

#[test]
fn conditions_that_are_plain_are_followed() {
    let text = "frontend f\n.if 0\n bind :1 ssl\n.elif true\n bind :2 ssl\n.else\n bind :3 ssl\n.endif\n.if 1\n bind :4 ssl\n.else\n bind :5 ssl\n.endif\n";
    let config = read(Path::new("/h.cfg"), &small(text)).unwrap();
    let ports: Vec<u16> = config
        .common
        .listeners
        .iter()
        .map(|listener| listener.address.port())
        .collect();
    assert_eq!(ports, [2, 4]);
}

#[test]
fn a_folder_is_its_files_in_order() {
    let given = Given::new(&[
        ("/d/b.cfg", " bind :2 ssl\n"),
        ("/d/a.cfg", "frontend f\n bind :1 ssl\n"),
        ("/d/c.txt", "bind :3 ssl\n"),
    ]);
    let config = read(Path::new("/d"), &given).unwrap();
    assert_eq!(config.common.listeners.len(), 2);
    assert_eq!(config.common.files.len(), 2);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in "((global|frontend x|listen y| bind| crt| ssl| crt-list /list| stats socket| server|\\.if|\\.else|\\.endif)[ \\PC]*\n)*",
        list in "\\PC*",
    ) {
        let given = Given::new(&[("/h.cfg", &text), ("/list", &list)]);
        if let Ok(config) = read(Path::new("/h.cfg"), &given) {
            let file = Path::new("/n.pem");
            if let Ok(Some(change)) = with_file(&config, &given, file, &[]) {
                let given = given.with(&change);
                let config = read(Path::new("/h.cfg"), &given).unwrap();
                proptest::prop_assert_eq!(with_file(&config, &given, file, &[]), Ok(None));
            }
        }
    }
}
