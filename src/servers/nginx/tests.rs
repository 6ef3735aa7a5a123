use super::super::Change;
use super::super::text::given::Given;
use super::*;

const MAIN: &str = r#"user www-data;
pid /run/nginx.pid;
include modules/*.conf;
http {
    ssl_certificate certs/outer.pem; # for those without
    ssl_certificate_key certs/outer.key;
    server {
        listen 80;
        server_name plain.example;
    }
    server {
        listen 192.0.2.1:443 ssl proxy_protocol;
        listen [2001:db8::1]:443 ssl;
        server_name first.example "*.first.example" .dot.example;
    }
    include sites/*;
    map $http_host $x { default "a;b}"; ~^(?<n>.+)$ ${n}; }
    upstream u { server 127.0.0.1:1; }
}
stream {
    server {
        listen 5223 ssl;
        listen unix:/run/x.sock ssl;
        ssl_certificate certs/rsa.pem;
        ssl_certificate_key certs/rsa.key;
        ssl_certificate /abs/ec.pem;
        ssl_certificate_key "/abs/ec key.pem";
        proxy_pass 127.0.0.1:5222;
    }
    server {
        listen 5270 ssl;
        ssl_certificate var/$ssl_server_name.pem;
        ssl_certificate_key var/$ssl_server_name.key;
        proxy_pass 127.0.0.1:5269;
    }
}
"#;

fn given() -> Given {
    Given::new(&[
        ("/etc/nginx/nginx.conf", MAIN),
        ("/etc/nginx/modules/stream.conf", "load_module x.so;\n"),
        (
            "/etc/nginx/sites/second",
            "server { listen 192.0.2.1:443; server_name second.example ~^x; include snippets/tls.conf; }\n",
        ),
        (
            "/etc/nginx/snippets/tls.conf",
            "ssl_certificate /s.pem; ssl_certificate_key /s.key;\n",
        ),
    ])
}

fn read_it(given: &Given) -> NginxConfig {
    read(Path::new("/etc/nginx/nginx.conf"), given).unwrap()
}

fn small(text: &str) -> Given {
    Given::new(&[("/n/nginx.conf", text)])
}

fn changed_with(given: &Given, names: &[&str]) -> Result<Option<Change>, ConfigError> {
    let config = read(Path::new("/n/nginx.conf"), given).unwrap();
    let names: Vec<Domain> = names
        .iter()
        .map(|name| Domain::parse(name).unwrap())
        .collect();
    with_pair(
        &config,
        given,
        Path::new("/n/c.pem"),
        Path::new("/n/c.key"),
        &names,
    )
}

#[test]
fn blocks_with_tls_are_found_in_both_contexts() {
    let config = read_it(&given());
    let sockets: Vec<(String, Protocol)> = config
        .common
        .listeners
        .iter()
        .map(|listener| (listener.address.to_string(), listener.protocol))
        .collect();
    assert_eq!(
        sockets,
        [
            ("192.0.2.1:443".to_owned(), Protocol::Tls),
            ("[2001:db8::1]:443".to_owned(), Protocol::Tls),
            ("0.0.0.0:5223".to_owned(), Protocol::XmppsClient),
            ("0.0.0.0:5270".to_owned(), Protocol::XmppsServer),
        ]
    );
    assert_eq!(config.pid.as_deref(), Some(Path::new("/run/nginx.pid")));
    assert_eq!(config.user.as_deref(), Some("www-data"));
    assert_eq!(config.blocks.len(), 4);
    assert_eq!(config.blocks[0].proxied.len(), 1);
    assert_eq!(config.blocks[0].default_on.len(), 2);
    // `ssl` of the other block holds for this socket as well.
    assert_eq!(config.blocks[1].sockets.len(), 1);
    assert_eq!(config.blocks[1].default_on, []);
    assert_eq!(config.common.files.len(), 4);
    assert_eq!(
        config.common.remarks.len(),
        1,
        "{:?}",
        config.common.remarks
    );
    assert!(config.common.remarks[0].what.contains("`~^x`"));
}

#[test]
fn pairs_are_inherited_whole_and_counted_from_the_main_folder() {
    let config = read_it(&given());
    let uses: Vec<(&Path, &Path, String)> = config
        .common
        .certificates
        .iter()
        .map(|used| {
            (
                used.certificate.as_path(),
                used.key.as_path(),
                used.place.to_string(),
            )
        })
        .collect();
    let pair =
        |certificate, key, place: &str| (Path::new(certificate), Path::new(key), place.to_owned());
    assert_eq!(
        uses,
        [
            pair(
                "/etc/nginx/certs/outer.pem",
                "/etc/nginx/certs/outer.key",
                "/etc/nginx/nginx.conf:5"
            ),
            pair("/s.pem", "/s.key", "/etc/nginx/snippets/tls.conf:1"),
            pair(
                "/etc/nginx/certs/rsa.pem",
                "/etc/nginx/certs/rsa.key",
                "/etc/nginx/nginx.conf:24"
            ),
            pair("/abs/ec.pem", "/abs/ec key.pem", "/etc/nginx/nginx.conf:26"),
        ]
    );
    assert_eq!(config.common.certificates[0].names, [""; 0]);
    assert_eq!(
        config.common.certificates[1].names,
        ["second.example", "~^x"]
    );
    assert_eq!(
        config.by_variable,
        [VariablePair {
            certificate: "var/$ssl_server_name.pem".to_owned(),
            key: "var/$ssl_server_name.key".to_owned(),
            place: Place {
                file: "/etc/nginx/nginx.conf".into(),
                line: 32
            },
        }]
    );
}

#[test]
fn listens_are_read_in_every_form() {
    for (listen, wanted) in [
        ("443 ssl", Some("0.0.0.0:443")),
        ("*:443 ssl", Some("0.0.0.0:443")),
        ("192.0.2.1:443 ssl", Some("192.0.2.1:443")),
        ("192.0.2.1 ssl", Some("192.0.2.1:80")),
        ("[::]:443 ipv6only=on ssl", Some("[::]:443")),
        ("[::1] ssl", Some("[::1]:80")),
        ("unix:/x ssl", None),
        ("443 quic", None),
        ("443-445 ssl", None),
        ("name.example:443 ssl", None),
        ("80", None),
    ] {
        let text = format!("http {{ server {{ listen {listen}; }} }}");
        let config = read(Path::new("/n/nginx.conf"), &small(&text)).unwrap();
        let found = config
            .common
            .listeners
            .first()
            .map(|listener| listener.address.to_string());
        assert_eq!(found.as_deref(), wanted, "{listen}");
    }
}

#[test]
fn what_nginx_would_not_take_is_refused_with_its_place() {
    for (text, line) in [
        ("http {\n server {\n}", 3),
        ("}\n", 1),
        ("a\n", 2),
        (";\n", 1),
        ("a \"b", 1),
        ("a \"b\"c;", 1),
        ("\n{ }", 2),
        ("http { a }", 1),
    ] {
        let error = read(Path::new("/n/nginx.conf"), &small(text)).unwrap_err();
        assert!(
            matches!(&error, ConfigError::Malformed { place, .. } if place.line == line),
            "{text}: {error:?}"
        );
    }
    let deep = "a {".repeat(100_000);
    assert!(read(Path::new("/n/nginx.conf"), &small(&deep)).is_err());
    let circle = small("include nginx.conf;");
    assert!(matches!(
        read(Path::new("/n/nginx.conf"), &circle),
        Err(ConfigError::TooMany { .. })
    ));
}

#[test]
fn foreign_blocks_are_passed_over() {
    for lua in [
        "if x then y = { \"\" } end",
        "ngx.say(\"}\")",
        "ngx.say('{') -- }",
        "ngx.say('it\\'s }', \"\\\\\")",
        "--[[ }\n} ]] x = [==[ ]] } ]==]",
        "x = a[b[1]] - -1",
        "-- it's",
    ] {
        let text =
            format!("http {{ content_by_lua_block {{ {lua}\n }} server {{ listen 1 ssl; }} }}");
        let config = read(Path::new("/n/nginx.conf"), &small(&text)).unwrap();
        assert_eq!(config.common.listeners.len(), 1, "{lua}");
        let place = config.common.listeners[0].place.as_ref().unwrap();
        assert_eq!(place.line, 2 + lua.matches('\n').count(), "{lua}");
    }
    for open in [
        "init_by_lua_block { x = \"}",
        "init_by_lua_block { {} --[[ }",
    ] {
        let error = read(Path::new("/n/nginx.conf"), &small(open)).unwrap_err();
        assert!(error.to_string().contains("does not end"), "{error}");
    }
}

#[test]
fn a_pair_that_is_shown_needs_nothing() {
    for text in [
        "stream { server { listen 1 ssl; ssl_certificate c.pem; ssl_certificate_key c.key; } server { listen 2 ssl; } }",
        "http { server { listen 1 ssl; ssl_certificate /n/c.pem; ssl_certificate_key c.key; server_name b.example; } }",
        "http { ssl_certificate c.pem; ssl_certificate_key c.key; server { listen 1 ssl; } server { listen 1 ssl; server_name x.example; ssl_certificate y; ssl_certificate_key y; } }",
        "http { server { listen 1 ssl; ssl_certificate y; ssl_certificate_key y; } server { listen 1 ssl; server_name *.example; ssl_certificate c.pem; ssl_certificate_key c.key; } }",
    ] {
        assert_eq!(
            changed_with(&small(text), &["a.example"]),
            Ok(None),
            "{text}"
        );
    }
}

#[test]
fn names_are_added_to_the_one_block_with_the_pair() {
    let ours = "ssl_certificate c.pem; ssl_certificate_key c.key;";
    for (text, wanted) in [
        (
            format!(
                "http {{\r\n server {{ listen 1 ssl default_server; }}\r\n server {{\r\n  listen 1 ssl; # x\r\n  server_name b.example # y\r\n   c.example ;\r\n  {ours} }} }}"
            ),
            "  server_name b.example # y\r\n   c.example a.example d.example ;\r\n",
        ),
        (
            format!(
                "http {{\n server {{ listen 1 ssl default_server; }}\n server {{\n\tlisten 1 ssl; # x\n\t{ours}\n }}\n}}"
            ),
            "\tlisten 1 ssl; # x\n\tserver_name a.example d.example;\n\tssl_",
        ),
        (
            format!(
                "http {{ server {{ listen 1 ssl default_server; }} server {{ listen 1 ssl; {ours} }} }}"
            ),
            "listen 1 ssl;\n    server_name a.example d.example;\n     ssl_",
        ),
        // A pattern elsewhere could catch the name before the default does.
        (
            format!(
                "http {{ server {{ listen 1 ssl; {ours} }} server {{ listen 1 ssl; server_name ~x; }} }}"
            ),
            "server_name a.example d.example;",
        ),
    ] {
        let given = small(&text);
        let names = ["a.example", "d.example"];
        let change = changed_with(&given, &names).unwrap().unwrap();
        assert!(change.after.contains(wanted), "{}", change.after);
        let without: String = change.after.replace(" a.example d.example", "");
        assert!(without.len() >= text.len() && change.before == text);
        assert_eq!(
            changed_with(&given.with(&change), &names),
            Ok(None),
            "{text}"
        );
    }
}

#[test]
fn the_only_block_gets_the_pair() {
    for (text, wanted) in [
        (
            "stream { server { listen 1 ssl; ssl_certificate \"old.pem\"; ssl_certificate_key   old.key ; } }",
            "stream { server { listen 1 ssl; ssl_certificate /n/c.pem; ssl_certificate_key   /n/c.key ; } }",
        ),
        (
            "http {\n ssl_certificate o;\n ssl_certificate_key o;\n server {\n  listen 1 ssl;\n }\n}\n",
            "http {\n ssl_certificate o;\n ssl_certificate_key o;\n server {\n  listen 1 ssl;\n  ssl_certificate /n/c.pem;\n  ssl_certificate_key /n/c.key;\n }\n}\n",
        ),
    ] {
        let given = small(text);
        let change = changed_with(&given, &["a.example"]).unwrap().unwrap();
        assert_eq!(change.after, wanted);
        assert_eq!(
            changed_with(&given.with(&change), &["a.example"]),
            Ok(None),
            "{text}"
        );
    }
}

#[test]
fn of_several_ways_none_is_chosen() {
    let ours = "ssl_certificate c.pem; ssl_certificate_key c.key;";
    for (text, what) in [
        ("http { }".to_owned(), "no `server` block listens"),
        (
            "stream { server { listen 1 ssl; } server { listen 2 ssl; } }".to_owned(),
            "more than one listens",
        ),
        (
            "stream { server { listen 1 ssl; ssl_certificate a; ssl_certificate_key a; ssl_certificate b; ssl_certificate_key b; } }".to_owned(),
            "more certificates than one",
        ),
        (
            "stream { server { listen 1 ssl; ssl_certificate $a; ssl_certificate_key $a; } }".to_owned(),
            "by a variable",
        ),
        (
            format!("http {{ server {{ listen 1 ssl; server_name a.example; }} server {{ listen 1 ssl; {ours} }} }}"),
            "another `server` block has the name",
        ),
        (
            format!("http {{ server {{ listen 1 ssl; }} server {{ listen 1 ssl; server_name x.example; {ours} }} server {{ listen 1 ssl; server_name y.example; {ours} }} }}"),
            "more than one `server` block has this",
        ),
    ] {
        let error = changed_with(&small(&text), &["a.example"]).unwrap_err();
        assert!(error.to_string().contains(what), "{text}: {error}");
    }
}

#[test]
fn a_file_that_is_included_twice_is_not_changed() {
    let given = Given::new(&[
        (
            "/n/nginx.conf",
            "http { server { listen 80; include s; } server { listen 1 ssl; include s; } }",
        ),
        ("/n/s", "ssl_certificate a; ssl_certificate_key a;"),
    ]);
    let error = changed_with(&given, &[]).unwrap_err();
    assert!(error.to_string().contains("included 2 times"), "{error}");
}

#[test]
fn names_fit_as_nginx_has_it() {
    for (written, name, wanted) in [
        ("a.example", "a.example", Some((2, 0))),
        ("A.Example", "a.example", Some((2, 0))),
        (".a.example", "a.example", Some((2, 0))),
        (".a.example", "b.a.example", Some((1, 9))),
        ("*.a.example", "c.b.a.example", Some((1, 9))),
        ("*.a.example", "a.example", None),
        ("www.*", "www.a.example", Some((0, 3))),
        ("~^a", "a.example", None),
        ("_", "a.example", None),
        ("", "a.example", None),
    ] {
        let name = Domain::parse(name).unwrap();
        assert_eq!(fit(written, &name), wanted, "{written} {name}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in "(http|stream|server|listen|ssl_certificate|server_name|include| |\\{|\\}|;|\"|'|\\\\|#|\\$|\n|1 ssl|\\PC)*",
    ) {
        let _ = read(Path::new("/n/nginx.conf"), &small(&text));
    }

    #[test]
    fn what_is_quoted_reads_back(text in "[^$\\p{Cc}]{1,20}") {
        let word = tree::quoted(&text).unwrap();
        let given = small(&format!("user {word};"));
        let config = read(Path::new("/n/nginx.conf"), &given).unwrap();
        proptest::prop_assert_eq!(config.user.as_deref(), Some(text.as_str()));
    }
}
