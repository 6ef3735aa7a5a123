use super::*;
use crate::servers::Listening;
use crate::servers::text::given::Given;

const MAIN: &str = "/etc/prosody/prosody.cfg.lua";

fn config(text: &str) -> ProsodyConfig {
    read(Path::new(MAIN), &Given::new(&[(MAIN, text)])).unwrap()
}

fn sockets(config: &ProsodyConfig) -> Vec<String> {
    config
        .common
        .listeners
        .iter()
        .map(
            |Listening {
                 protocol, address, ..
             }| format!("{} {address}", protocol.word()),
        )
        .collect()
}

fn names(config: &ProsodyConfig) -> Vec<(&str, HostKind)> {
    config
        .common
        .hosts
        .iter()
        .map(|host| (host.name.as_str(), host.kind))
        .collect()
}

fn remarks(config: &ProsodyConfig) -> Vec<String> {
    config
        .common
        .remarks
        .iter()
        .map(|remark| format!("{}: {}", remark.place.line, remark.what))
        .collect()
}

#[test]
fn defaults_are_those_of_portmanager() {
    let config = config("modules_enabled = { 'tls' }\nVirtualHost 'a.example'");
    assert_eq!(
        sockets(&config),
        [
            "xmpp-server 0.0.0.0:5269",
            "xmpp-server [::]:5269",
            "xmpp 0.0.0.0:5222",
            "xmpp [::]:5222",
        ]
    );
    assert!(
        config
            .common
            .listeners
            .iter()
            .all(|listening| listening.place.is_none())
    );
    assert_eq!(config.certificates_folder, Path::new("/etc/prosody/certs"));
    assert_eq!(config.shell, Shell::Disabled);
    assert_eq!(remarks(&config), [""; 0]);
}

#[test]
fn ports_and_interfaces_are_those_of_each_service() {
    let config = config(
        "modules_enabled = { 'tls'; 'admin_shell' }
         s2s_ports = { 15269, \"15270\" }
         s2s_direct_tls_ports = 15271
         c2s_ports = {}
         c2s_direct_tls_ports = { 5223 }
         legacy_ssl_ports = { 5224 }
         interfaces = { '127.0.0.1' }
         s2s_direct_tls_interfaces = { '*', '::' }
         legacy_ssl_interface = '::1'
         VirtualHost 'a.example'",
    );
    assert_eq!(
        sockets(&config),
        [
            "xmpp-server 127.0.0.1:15269",
            "xmpp-server 127.0.0.1:15270",
            "xmpps-server 0.0.0.0:15271",
            "xmpps-server [::]:15271",
            "xmpps-client 127.0.0.1:5223",
            "xmpps-client [::1]:5224",
        ]
    );
    let lines: Vec<usize> = config
        .common
        .listeners
        .iter()
        .filter_map(|listening| listening.place.as_ref())
        .map(|place| place.line)
        .collect();
    assert_eq!(lines, [2, 2, 3, 3, 5, 6]);
    assert_eq!(config.shell, Shell::Enabled);
}

#[test]
fn services_follow_their_modules() {
    for (text, wanted) in [
        // STARTTLS needs `tls`.
        ("use_ipv6 = false VirtualHost 'a.example'", vec![]),
        (
            "use_ipv6 = false modules_enabled = {'tls'} modules_disabled = {'c2s'} VirtualHost 'a.example'",
            vec!["xmpp-server 0.0.0.0:5269"],
        ),
        (
            "use_ipv4 = false VirtualHost 'a.example' modules_enabled = {'tls'} modules_disabled = {'s2s'}",
            vec!["xmpp [::]:5222"],
        ),
        // One host that keeps it is enough; a host that is off does not count.
        (
            "use_ipv6 = false modules_enabled = {'tls'}
             VirtualHost 'a.example' modules_disabled = {'s2s'}
             VirtualHost 'off.example' enabled = false
             Component 'c.example' 'muc'",
            vec!["xmpp-server 0.0.0.0:5269", "xmpp 0.0.0.0:5222"],
        ),
        // A component has no clients.
        (
            "use_ipv6 = false modules_enabled = {'tls'} Component 'c.example' 'muc'",
            vec!["xmpp-server 0.0.0.0:5269"],
        ),
        (
            "use_ipv6 = false VirtualHost 'a.example' Component 'u.example' 'http_file_share'",
            vec!["tls 0.0.0.0:5281"],
        ),
        ("https_ports = { 443 } VirtualHost 'a.example'", vec![]),
        (
            "use_ipv6 = false modules_enabled = { unknown() } c2s_ports = {} VirtualHost 'a.example'",
            vec!["xmpp-server 0.0.0.0:5269", "tls 0.0.0.0:5281"],
        ),
    ] {
        assert_eq!(sockets(&config(text)), wanted, "{text}");
    }
}

#[test]
fn hosts_are_found_and_those_switched_off_left_out() {
    let config = config(
        "VirtualHost 'A.Example'
         VirtualHost 'off.example'
           enabled = false
         Component('rooms.a.example')('muc')
         VirtualHost 'b.example' { enabled = false }
         enabled = true
         VirtualHost 'localhost'
         VirtualHost(name)
           enabled = false
         VirtualHost 'a.example'",
    );
    assert_eq!(
        names(&config),
        [
            ("a.example", HostKind::Domain),
            ("rooms.a.example", HostKind::Component)
        ]
    );
    assert_eq!(
        remarks(&config),
        [
            "8: the name of this host is computed; its settings are left out",
            "7: localhost is no name for a certificate; the host is left out",
        ]
    );
}

#[test]
fn includes_are_read_in_their_place_and_leave_the_section_as_it_was() {
    let source = Given::new(&[
        (
            MAIN,
            "certificates = './keys'\nVirtualHost 'a.example'\nInclude 'conf.d/*.cfg.lua'\ncertificate = 'a.crt'",
        ),
        (
            "/etc/prosody/conf.d/1.cfg.lua",
            "s2s_direct_tls_ports = { 5270 }\nInclude 'deep/x.lua'",
        ),
        ("/etc/prosody/conf.d/2.cfg.lua", "VirtualHost 'c.example'"),
        (
            "/etc/prosody/conf.d/.hidden.cfg.lua",
            "VirtualHost 'hidden.example'",
        ),
        (
            "/etc/prosody/conf.d/2.cfg.lua.bak",
            "VirtualHost 'old.example'",
        ),
        // Beside the file that includes it, and not beside the main one.
        ("/etc/prosody/conf.d/deep/x.lua", "VirtualHost 'b.example'"),
        ("/etc/prosody/a.crt", ""),
        ("/etc/prosody/a.key", ""),
    ]);
    let config = read(Path::new(MAIN), &source).unwrap();
    assert_eq!(
        names(&config)
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>(),
        ["a.example", "b.example", "c.example"]
    );
    assert_eq!(config.certificates_folder, Path::new("/etc/prosody/keys"));
    assert_eq!(config.overrides[0].host.as_deref(), Some("a.example"));
    let files: Vec<&str> = config
        .common
        .files
        .iter()
        .filter_map(|path| path.to_str())
        .collect();
    assert_eq!(
        files,
        [
            MAIN,
            "/etc/prosody/conf.d/1.cfg.lua",
            "/etc/prosody/conf.d/deep/x.lua",
            "/etc/prosody/conf.d/2.cfg.lua"
        ]
    );
    // The port was set globally, by the included file.
    assert!(sockets(&config).contains(&"xmpps-server 0.0.0.0:5270".to_owned()));
}

#[test]
fn files_that_include_themselves_or_are_missing_are_refused() {
    let source = Given::new(&[(MAIN, "\nInclude 'prosody.cfg.lua'")]);
    match read(Path::new(MAIN), &source) {
        Err(ConfigError::TooMany { place }) => assert_eq!(place.line, 2),
        other => panic!("{other:?}"),
    }
    let source = Given::new(&[(MAIN, "Include 'conf.d/none*.lua'\nInclude 'gone.lua'")]);
    match read(Path::new(MAIN), &source) {
        Err(ConfigError::Unreadable { path, .. }) => {
            assert_eq!(path, Path::new("/etc/prosody/gone.lua"))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_that_name_their_own_files_are_found() {
    let source = Given::new(&[
        (
            MAIN,
            "ssl = { certificate = '/tls/g.crt'; key = 'g.key'; [5223] = { certificate = 'p.crt', key = 'p.key' } }
https_certificate = { [5281] = '/tls/web.crt', default = 'gone' }
VirtualHost 'a.example'
  certificate = '/tls/a.example/fullchain.pem'
  key = '/tls/a.example/ignored.pem'
VirtualHost 'b.example'
  certificate = '/tls'
  s2s_direct_tls_ssl = { certificate = os.getenv('X'), key = '/tls/d.key' }
  ssl = { protocol = 'tlsv1_2+' }",
        ),
        ("/tls/a.example/fullchain.pem", ""),
        ("/tls/a.example/privkey.pem", ""),
        ("/tls/web.crt", ""),
        ("/tls/web.key", ""),
        ("/tls/b.example.pem", ""),
    ]);
    let config = read(Path::new(MAIN), &source).unwrap();
    let shown: Vec<String> = config
        .overrides
        .iter()
        .map(|found| {
            let path = |path: &Option<PathBuf>| {
                path.as_ref()
                    .map_or("-".into(), |path| path.display().to_string())
            };
            format!(
                "{} {} {} {} {}",
                found.place.line,
                found.host.as_deref().unwrap_or("*"),
                found.option,
                path(&found.certificate),
                path(&found.key)
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "1 * ssl /etc/prosody/p.crt /etc/prosody/p.key",
            "1 * ssl /tls/g.crt /etc/prosody/g.key",
            "2 * https_certificate /tls/web.crt /tls/web.key",
            "2 * https_certificate - -",
            "4 a.example certificate /tls/a.example/fullchain.pem /tls/a.example/privkey.pem",
            "5 a.example key - /tls/a.example/ignored.pem",
            "7 b.example certificate /tls/b.example.pem /tls/b.example.pem",
            "8 b.example s2s_direct_tls_ssl - /tls/d.key",
        ]
    );
    let uses: Vec<(&str, Vec<String>)> = config
        .common
        .certificates
        .iter()
        .map(|used| (used.certificate.to_str().unwrap(), used.names.clone()))
        .collect();
    assert_eq!(uses.len(), 5);
    assert_eq!(
        uses[4],
        ("/tls/b.example.pem", vec!["b.example".to_owned()])
    );
    assert_eq!(
        remarks(&config),
        [
            "2: `https_certificate` names no certificate with its key",
            "8: the value of `s2s_direct_tls_ssl.certificate` is computed; it is not known here",
        ]
    );
}

#[test]
fn what_cannot_be_known_is_told_with_its_line() {
    let config = config(
        "modules_enabled = { 'tls' }
c2s_ports = tonumber(os.getenv 'PORT')
s2s_ports = { 5269, 'x', 70000 }
if ENV_X then interfaces = { '127.0.0.1' } end
s2s_interfaces = { 'eth0.example' }
VirtualHost 'a.example'
c2s_direct_tls_ports = { 5223 }
Include(dir)",
    );
    assert_eq!(
        remarks(&config),
        [
            "2: the value of `c2s_ports` is computed; it is not known here",
            "4: a condition: not followed",
            "8: the path of this include is computed; it is not followed",
            "3: `s2s_ports` holds something that is no port",
            "3: `s2s_ports` holds something that is no port",
            "5: `s2s_interfaces` holds `eth0.example`, which is no address",
            "7: `c2s_direct_tls_ports` has no effect below a host; it counts among the global settings",
        ]
    );
    assert_eq!(sockets(&config), [""; 0]);
}

#[test]
fn the_configuration_of_a_debian_package_is_read_without_a_remark_but_for_localhost() {
    let text = include_str!("../../../fixtures/servers/prosody.cfg.lua");
    let source = Given::new(&[
        (MAIN, text),
        (
            "/etc/prosody/conf.d/example.com.cfg.lua",
            include_str!("../../../fixtures/servers/example.com.cfg.lua"),
        ),
    ]);
    let config = read(Path::new(MAIN), &source).unwrap();
    assert_eq!(config.shell, Shell::Enabled);
    // `example.com` is `enabled = false` there.
    assert_eq!(
        names(&config),
        [("conference.example.com", HostKind::Component)]
    );
    assert_eq!(
        config.overrides[0].certificate.as_deref(),
        Some(Path::new("/etc/prosody/certs/example.com.crt"))
    );
    assert_eq!(config.common.listeners.len(), 4);
    assert_eq!(config.common.remarks.len(), 1, "{:?}", remarks(&config));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = String::from_utf8_lossy(&bytes);
            let _ = read(Path::new(MAIN), &Given::new(&[(MAIN, &text)]));
            first_line_fits(&bytes);
        }

        #[test]
        fn no_words_of_lua_make_it_panic(words in proptest::collection::vec(
            proptest::sample::select(vec![
                "a", "ssl", "=", "{", "}", "(", ")", "[", "]", "'x.example'", "5222", "-", "..", ",", ";", "VirtualHost",
                "Component", "Include", "function", "end", "if", "repeat", "until", "local", "nil", "[[", "]]", "--", "\n",
                "s2s_ports", "interfaces", "certificate", "modules_enabled", "::", ":", ".", "not",
            ]), 0..60,
        )) {
            let _ = read(Path::new(MAIN), &Given::new(&[(MAIN, &words.join(" "))]));
        }
    }
}
