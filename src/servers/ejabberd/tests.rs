use super::*;
use crate::servers::text::given::Given;

const MAIN: &str = "/etc/ejabberd/ejabberd.yml";

const DEBIAN: &str = include_str!("../../../fixtures/servers/ejabberd.yml");

fn config_of(files: &[(&str, &str)]) -> EjabberdConfig {
    read(Path::new(MAIN), &Given::new(files)).unwrap()
}

fn config(text: &str) -> EjabberdConfig {
    config_of(&[(MAIN, text)])
}

fn sockets(config: &EjabberdConfig) -> Vec<String> {
    let listeners = config.common.listeners.iter();
    listeners
        .map(|listening| format!("{} {}", listening.protocol.word(), listening.address))
        .collect()
}

fn names(config: &EjabberdConfig) -> Vec<String> {
    let hosts = config.common.hosts.iter();
    hosts
        .map(|host| match host.kind {
            HostKind::Domain => format!("{}:{}", host.place.line, host.name.as_str()),
            HostKind::Component => {
                format!("{}:{} (component)", host.place.line, host.name.as_str())
            }
        })
        .collect()
}

fn patterns(config: &EjabberdConfig) -> Vec<&str> {
    let certfiles = config.certfiles.iter();
    certfiles
        .filter_map(|certfile| certfile.pattern.to_str())
        .collect()
}

fn remarks(config: &EjabberdConfig) -> Vec<String> {
    let remarks = config.common.remarks.iter();
    remarks
        .map(|remark| format!("{}: {}", remark.place.line, remark.what))
        .collect()
}

#[test]
fn a_distributions_configuration_is_read_without_a_remark() {
    let config = config(DEBIAN);
    assert_eq!(
        sockets(&config),
        [
            "xmpp [::]:5222",
            "xmpps-client [::]:5223",
            "xmpp-server [::]:5269",
            "tls [::]:5443"
        ]
    );
    assert_eq!(
        names(&config),
        [
            "7:example.test",
            "8:second.test",
            "70:upload.example.test (component)",
            "71:conference.example.test (component)",
            "70:upload.second.test (component)",
            "71:conference.second.test (component)",
        ]
    );
    assert_eq!(patterns(&config), ["/etc/ejabberd/ejabberd.pem"]);
    assert_eq!(config.certfiles[0].place.line, 11);
    assert_eq!(
        config
            .s2s_use_starttls
            .as_ref()
            .map(|written| (written.text.as_str(), written.place.line)),
        Some(("required", 53))
    );
    assert_eq!(remarks(&config), [""; 0]);
}

#[test]
fn listeners_are_those_that_speak_tls() {
    for (entry, wanted) in [
        (
            "{ port: 1, module: ejabberd_s2s_in, tls: yes }",
            vec!["xmpps-server 0.0.0.0:1"],
        ),
        (
            "{ port: 1, ip: '127.0.0.1', module: ejabberd_c2s, starttls: on }",
            vec!["xmpp 127.0.0.1:1"],
        ),
        ("{ port: 1, module: ejabberd_c2s, starttls: false }", vec![]),
        ("{ port: 1, module: ejabberd_http }", vec![]),
        (
            "{ port: 1, module: ejabberd_sip, tls: true }",
            vec!["sips 0.0.0.0:1"],
        ),
        (
            "{ port: 1, module: ejabberd_stun, tls: true, transport: udp }",
            vec![],
        ),
        (
            "{ port: 1, module: mod_mqtt, tls: true }",
            vec!["tls 0.0.0.0:1"],
        ),
        (
            "{ port: 'unix:/run/x', module: ejabberd_http, tls: true }",
            vec![],
        ),
        ("{ port: 70000, module: ejabberd_http, tls: true }", vec![]),
        ("{ port: 1, module: ejabberd_s2s_in }", vec![]),
        ("{ tls: true }", vec![]),
    ] {
        assert_eq!(
            sockets(&config(&format!("listen:\n  - {entry}\n"))),
            wanted,
            "{entry}"
        );
    }
    let s2s = |value: &str| {
        let text = format!(
            "s2s_use_starttls: {value}\nlisten: [ {{ port: 1, module: ejabberd_s2s_in }} ]"
        );
        sockets(&config(&text)).len()
    };
    assert_eq!(
        ["optional", "true", "required_trusted", "false"].map(s2s),
        [1, 1, 1, 0]
    );
}

#[test]
fn what_is_left_out_is_told_with_its_line() {
    let config = config(
        "hosts: [localhost]
listen:
  - { port: 1, module: ejabberd_s2s_in }
  - { port: 'unix:/x', module: ejabberd_http, tls: true }
  - { port: PORT, module: ejabberd_http, tls: true }
certfiles: [certs/*.pem]",
    );
    assert_eq!(
        remarks(&config),
        [
            "6: `certs/*.pem` is relative: it starts from the folder that ejabberd runs in, taken to be /var/lib/ejabberd",
            "1: localhost is no name for a certificate; the host is left out",
            "3: no STARTTLS there: `s2s_use_starttls` is not set",
            "4: a socket in the file system: it is not among the listeners",
            "5: neither port nor address is known here: `PORT`, ``",
        ]
    );
    assert_eq!(patterns(&config), ["/var/lib/ejabberd/certs/*.pem"]);
}

#[test]
fn components_are_those_of_each_hosts_modules() {
    let config = config(
        "hosts: [a.example, b.example, c.example]
modules: { mod_muc: {}, mod_pubsub: {} }
host_config:
  B.example:
    modules:
      mod_muc: { hosts: ['rooms.@HOST@', talk.example] }
append_host_config:
  c.example:
    modules:
      mod_pubsub: { host: 'pubsub.@HOST@' }
listen:
  - { port: 5347, module: ejabberd_service, hosts: { gateway.example: { password: x } } }",
    );
    assert_eq!(
        names(&config),
        [
            "1:a.example",
            "1:b.example",
            "1:c.example",
            "2:conference.a.example (component)",
            "6:rooms.b.example (component)",
            "6:talk.example (component)",
            "2:conference.c.example (component)",
            "10:pubsub.c.example (component)",
            "12:gateway.example (component)",
        ]
    );
}

#[test]
fn macros_stand_for_values_wherever_they_are_defined() {
    let config = config(
        "hosts: HOSTS
certfiles: 'CERTS'
listen: [ { port: PORT, module: ejabberd_http, tls: ON } ]
define_macro:
  HOSTS: [a.example]
  CERTS: MORE
  MORE: [/a.pem, ONE]
  ONE: /b.pem
  PORT: 5443
  ON: true
  LOOP: LOOP",
    );
    assert_eq!(names(&config), ["5:a.example"]);
    assert_eq!(patterns(&config), ["/a.pem", "/b.pem"]);
    assert_eq!(sockets(&config), ["tls 0.0.0.0:5443"]);
}

#[test]
fn includes_are_joined_and_let_through_what_they_may() {
    let files = [
        (
            MAIN,
            "hosts: [a.example]
certfiles: [/a.pem]
include_config_file:
  /etc/ejabberd/one.yml: {}
  /etc/ejabberd/two.yml: { allow_only: [hosts] }
  /etc/ejabberd/three.yml:
    disallow: [hosts]",
        ),
        (
            "/etc/ejabberd/one.yml",
            "certfiles: [/b.pem]\ninclude_config_file: [/etc/ejabberd/deep.yml]",
        ),
        ("/etc/ejabberd/deep.yml", "certfiles: [/c.pem]"),
        (
            "/etc/ejabberd/two.yml",
            "hosts: [two.example]\ncertfiles: [/no.pem]",
        ),
        (
            "/etc/ejabberd/three.yml",
            "hosts: [no.example]\ncertfiles: [/d.pem]",
        ),
    ];
    let config = config_of(&files);
    assert_eq!(patterns(&config), ["/a.pem", "/b.pem", "/c.pem", "/d.pem"]);
    assert_eq!(names(&config), ["1:a.example", "1:two.example"]);
    assert_eq!(
        remarks(&config),
        [
            "2: `certfiles` is not let through by the include",
            "1: `hosts` is not let through by the include"
        ]
    );
    assert_eq!(config.common.files.len(), 5);
    let relative = config_of(&[
        (MAIN, "include_config_file: x.yml"),
        ("/var/lib/ejabberd/x.yml", "hosts: [a.example]"),
    ]);
    assert_eq!((names(&relative).len(), remarks(&relative).len()), (1, 1));
}

#[test]
fn older_settings_count_as_certfiles() {
    let config = config(
        "domain_certfile: /a.pem
host_config: { a.example: { domain_certfile: /b.pem } }
listen: [ { port: 1, module: ejabberd_c2s, tls: true, certfile: /c.pem } ]",
    );
    assert_eq!(patterns(&config), ["/a.pem", "/b.pem", "/c.pem"]);
}

#[test]
fn files_that_include_themselves_or_are_missing_or_no_yaml_are_refused() {
    let refused = |text: &str| read(Path::new(MAIN), &Given::new(&[(MAIN, text)])).unwrap_err();
    assert!(matches!(
        refused("\ninclude_config_file: /etc/ejabberd/ejabberd.yml"),
        ConfigError::TooMany { place } if place.line == 2
    ));
    assert!(matches!(
        refused("include_config_file: /gone.yml"),
        ConfigError::Unreadable { .. }
    ));
    assert!(matches!(
        refused("a:\n  - b\n c: d"),
        ConfigError::Malformed { .. }
    ));
}

fn added(text: &str, file: &str) -> Option<crate::servers::Change> {
    let source = Given::new(&[(MAIN, text)]);
    let config = read(Path::new(MAIN), &source).unwrap();
    let change = with_certfile(&config, &source, Path::new(file)).unwrap()?;
    assert_eq!(change.before, text);
    // Every byte of before is there, in its order, and the new ones are in one piece.
    let front = text
        .bytes()
        .zip(change.after.bytes())
        .take_while(|(old, new)| old == new)
        .count();
    let new = change.after.len() - text.len();
    assert_eq!(
        &text.as_bytes()[front..],
        &change.after.as_bytes()[front + new..]
    );
    let again = read(Path::new(MAIN), &Given::new(&[(MAIN, &change.after)])).unwrap();
    assert!(
        again
            .certfiles
            .iter()
            .any(|certfile| certfile.pattern == Path::new(file))
    );
    assert_eq!(again.certfiles.len(), config.certfiles.len() + 1);
    Some(change)
}

#[test]
fn a_file_is_added_where_the_list_stands() {
    for (before, after) in [
        (
            "certfiles:\n  - /a.pem\nhosts: []\n",
            "certfiles:\n  - /a.pem\n  - \"/n.pem\"\nhosts: []\n",
        ),
        (
            "certfiles:\n- /a.pem # c\n# d\nx: 1",
            "certfiles:\n- /a.pem # c\n- \"/n.pem\"\n# d\nx: 1",
        ),
        (
            "certfiles:\n    - /a.pem",
            "certfiles:\n    - /a.pem\n    - \"/n.pem\"",
        ),
        (
            "certfiles:\r\n  - 'a'\r\nx: 1\r\n",
            "certfiles:\r\n  - 'a'\r\n  - \"/n.pem\"\r\nx: 1\r\n",
        ),
        ("certfiles: [/a.pem]\n", "certfiles: [/a.pem, \"/n.pem\"]\n"),
        (
            "certfiles: [\n  /ü.pem, # c\n]\n",
            "certfiles: [\n  /ü.pem, \"/n.pem\", # c\n]\n",
        ),
        (
            "certfiles: ['/a.pem' # c, d\n ]\n",
            "certfiles: [\"/n.pem\", '/a.pem' # c, d\n ]\n",
        ),
        (
            "certfiles:\n- '/a.pem'  # c\n-  /b.pem  # d\n",
            "certfiles:\n- '/a.pem'  # c\n-  /b.pem  # d\n- \"/n.pem\"\n",
        ),
        ("certfiles: []\n", "certfiles: [\"/n.pem\"]\n"),
        ("certfiles:\nx: 1\n", "certfiles:\n  - \"/n.pem\"\nx: 1\n"),
        ("certfiles: # none\n", "certfiles: # none\n  - \"/n.pem\"\n"),
        ("certfiles:", "certfiles:\n  - \"/n.pem\""),
        (
            "{ certfiles: [/a.pem], x: 1 }",
            "{ certfiles: [/a.pem, \"/n.pem\"], x: 1 }",
        ),
        (
            "certfiles: C\ndefine_macro:\n  C:\n    - /a.pem\n",
            "certfiles: C\ndefine_macro:\n  C:\n    - /a.pem\n    - \"/n.pem\"\n",
        ),
        (
            "hosts:\n  - a.example\n\nx: 1\n",
            "hosts:\n  - a.example\ncertfiles:\n  - \"/n.pem\"\n\nx: 1\n",
        ),
        (
            "hosts: [\n a.example\n]\nx: 1\n",
            "hosts: [\n a.example\n]\ncertfiles:\n  - \"/n.pem\"\nx: 1\n",
        ),
        (
            "---\n  x: 1\n",
            "---\n  certfiles:\n    - \"/n.pem\"\n  x: 1\n",
        ),
        ("# nothing\n", "# nothing\ncertfiles:\n  - \"/n.pem\"\n"),
        (
            "\u{feff}certfiles: [/a]\n",
            "\u{feff}certfiles: [/a, \"/n.pem\"]\n",
        ),
        (
            "certfiles:\n  - |\n    /a.pem\nx: 1\n",
            "certfiles:\n  - |\n    /a.pem\n  - \"/n.pem\"\nx: 1\n",
        ),
    ] {
        assert_eq!(
            added(before, "/n.pem")
                .map(|change| change.after)
                .as_deref(),
            Some(after),
            "{before:?}"
        );
    }
    assert!(added(DEBIAN, "/etc/ejabberd/a b\"c.pem").is_some());
}

#[test]
fn a_file_that_a_pattern_names_needs_no_change() {
    assert_eq!(
        added(
            "certfiles: [/etc/ejabberd/certs/*.pem]",
            "/etc/ejabberd/certs/a.pem"
        ),
        None
    );
    assert!(
        added(
            "certfiles: [/etc/ejabberd/certs/*.pem]",
            "/etc/ejabberd/certs/deep/a.pem"
        )
        .is_some()
    );
}

#[test]
fn a_list_in_an_included_file_is_changed_there() {
    let source = Given::new(&[
        (
            MAIN,
            "hosts: [a.example]\ninclude_config_file: /etc/ejabberd/tls.yml\n",
        ),
        ("/etc/ejabberd/tls.yml", "certfiles:\n  - /a.pem\n"),
    ]);
    let config = read(Path::new(MAIN), &source).unwrap();
    let change = with_certfile(&config, &source, Path::new("/n.pem"))
        .unwrap()
        .unwrap();
    assert_eq!(change.file, Path::new("/etc/ejabberd/tls.yml"));
    assert_eq!(change.after, "certfiles:\n  - /a.pem\n  - \"/n.pem\"\n");
}

#[test]
fn what_cannot_be_added_is_refused() {
    for (text, file) in [
        ("certfiles: []", "relative.pem"),
        ("certfiles: []", "/a*.pem"),
        ("certfiles: []", "/a\nb.pem"),
        ("{ x: 1 }", "/n.pem"),
        ("certfiles: /a.pem", "/n.pem"),
        // Text that was no UTF-8 would be written back as something else.
        ("# \u{fffd}\ncertfiles: []", "/n.pem"),
        // A second document would begin, and what is in brackets be lost.
        ("{ hosts: [a.example] }", "/n.pem"),
        // The same list twice: one more element would be two.
        (
            "x: &l [/a.pem]\ncertfiles: *l\ndomain_certfile: *l",
            "/n.pem",
        ),
    ] {
        let source = Given::new(&[(MAIN, text)]);
        let config = read(Path::new(MAIN), &source).unwrap();
        let outcome = with_certfile(&config, &source, Path::new(file));
        assert!(
            matches!(outcome, Err(ConfigError::Malformed { .. })),
            "{text} {file}: {outcome:?}"
        );
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = String::from_utf8_lossy(&bytes);
            let source = Given::new(&[(MAIN, &text)]);
            if let Ok(config) = read(Path::new(MAIN), &source) {
                let _ = with_certfile(&config, &source, Path::new("/n.pem"));
            }
            covers(Path::new(&*text), Path::new("/etc/ejabberd/a.pem"));
        }

        #[test]
        fn no_words_of_yaml_make_it_panic(words in proptest::collection::vec(
            proptest::sample::select(vec![
                "hosts:", "certfiles:", "listen:", "- ", "\n", "\n  ", "[", "]", "{", "}", ", ", "&a ", "*a", "port: 1",
                "module: ejabberd_c2s", "tls: true", "modules:", "mod_muc:", "host:", "@HOST@", "a.example", "'", "\"",
                "|", "# ", ": ", "define_macro:", "include_config_file:", "\r\n", "? ", "---\n", "/a.pem",
            ]), 0..60,
        )) {
            let text = words.concat();
            let source = Given::new(&[(MAIN, &text)]);
            if let Ok(config) = read(Path::new(MAIN), &source)
                && let Ok(Some(change)) = with_certfile(&config, &source, Path::new("/n.pem"))
            {
                prop_assert!(change.after.contains("/n.pem"));
            }
        }
    }
}
