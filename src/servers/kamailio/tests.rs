use super::super::text::given::Given;
use super::*;
use crate::names::Protocol;

const SCRIPT: &str = r#"#!KAMAILIO
#!define WITH_TLS
#!define MYIP 192.0.2.1
#!substdef "!DIR!/etc/kamailio!g"
/* enable_tls=no
 */
#!ifdef WITH_TLS
enable_tls=yes // switched on
#!else
enable_tls=no "
#!endif
children=4
tcp_children=2
listen=udp:192.0.2.1:5060
listen=tls:MYIP:5061 advertise 198.51.100.1:5061
listen=tls:[2001:db8::1]:5071
listen=tls:eth0:5061
listen=192.0.2.9:5060
loadmodule "ctl.so"
loadmodule "tls.so"
#!ifdef MOD_tls
modparam("tls", "config", "DIR/tls.cfg")
#!endif
modparam("ctl", "binrpc", "unix:ctl")
import_file "not-there.cfg"
include_file "more.cfg"
request_route {
    listen = "never";
    xlog("} # { listen=tls:192.0.2.77:1 \n");
}
"#;

const PROFILES: &str = "\
[server:default]
method = TLSv1.2+
verify_certificate = no # for now
certificate = certs/a.pem
private_key = certs/a.key
[server:any]
server_name = chat.example.com
server_name_mode = 1
certificate = \"/other/b\\\"c.pem\"
private_key = /other/b.key
[client:default]
certificate = certs/a.pem
private_key = certs/a.key
";

fn given(profiles: &str) -> Given {
    Given::new(&[
        ("/etc/kamailio/kamailio.cfg", SCRIPT),
        ("/etc/kamailio/more.cfg", "listen=tls:192.0.2.3:5061\n"),
        ("/etc/kamailio/tls.cfg", profiles),
    ])
}

fn domains(names: &[&str]) -> Vec<Domain> {
    names
        .iter()
        .map(|name| Domain::parse(name).unwrap())
        .collect()
}

fn change(given: &Given, names: &[&str]) -> Result<Option<Change>, ConfigError> {
    let config = read(Path::new("/etc/kamailio/kamailio.cfg"), given).unwrap();
    with_profiles(
        &config,
        given,
        Path::new("/etc/kamailio/certs/a.pem"),
        Path::new("/etc/kamailio/certs/a.key"),
        &domains(names),
    )
}

#[test]
fn either_file_leads_to_the_other() {
    let given = given(PROFILES);
    let from_script = read(Path::new("/etc/kamailio/kamailio.cfg"), &given).unwrap();
    let from_profiles = read(Path::new("/etc/kamailio/tls.cfg"), &given).unwrap();
    let sockets: Vec<String> = from_script
        .common
        .listeners
        .iter()
        .map(|listener| listener.address.to_string())
        .collect();
    assert_eq!(
        sockets,
        [
            "192.0.2.1:5061",
            "[2001:db8::1]:5071",
            "192.0.2.9:5061",
            "192.0.2.3:5061"
        ]
    );
    assert!(
        from_script
            .common
            .listeners
            .iter()
            .all(|listener| listener.protocol == Protocol::Sips)
    );
    assert_eq!(
        from_script.common.listeners[0]
            .place
            .as_ref()
            .unwrap()
            .to_string(),
        "/etc/kamailio/kamailio.cfg:15"
    );
    assert_eq!(from_script.common.listeners, from_profiles.common.listeners);
    assert_eq!(from_script.profiles, from_profiles.profiles);
    assert_eq!(from_script.workers, 2);
    assert_eq!(from_script.rpc_sockets[0].address, "unix:/run/kamailio/ctl");
    assert_eq!(from_script.common.remarks.len(), 1);
    assert!(from_script.common.remarks[0].what.contains("`eth0`"));
    assert_eq!(from_script.common.files.len(), 3);
    assert_eq!(
        from_profiles.common.files[0],
        Path::new("/etc/kamailio/tls.cfg")
    );
}

#[test]
fn profiles_are_read_with_their_files() {
    let config = read(Path::new("/etc/kamailio/tls.cfg"), &given(PROFILES)).unwrap();
    let uses = &config.common.certificates;
    assert_eq!(uses.len(), 3);
    assert_eq!(uses[0].certificate, Path::new("/etc/kamailio/certs/a.pem"));
    assert_eq!((&uses[0].names, uses[0].side), (&Vec::new(), Side::Server));
    assert_eq!(uses[1].certificate, Path::new("/other/b\"c.pem"));
    assert_eq!(uses[1].names, [".chat.example.com"]);
    assert_eq!(uses[2].side, Side::Client);
    assert_eq!(
        config
            .client_uses(
                Path::new("/etc/kamailio/certs/a.pem"),
                Path::new("/etc/kamailio/certs/a.key")
            )
            .len(),
        1
    );
}

#[test]
fn without_the_main_file_listeners_are_not_known() {
    let alone = Given::new(&[("/x/tls.cfg", PROFILES)]);
    let config = read(Path::new("/x/tls.cfg"), &alone).unwrap();
    assert_eq!(config.common.listeners, []);
    assert!(
        config.common.remarks[0]
            .what
            .contains("there is no /x/kamailio.cfg")
    );
}

#[test]
fn a_pair_in_the_main_file_is_one_for_all_names() {
    let text = "enable_tls=1\nloadmodule \"tls\"\nmodparam(\"tls\",\"certificate\",\"a.pem\")\n\
                modparam(\"tls\",\"private_key\",\"/k/a.key\")\n";
    let alone = Given::new(&[("/x/kamailio.cfg", text)]);
    let config = read(Path::new("/x/kamailio.cfg"), &alone).unwrap();
    assert_eq!(config.common.certificates.len(), 1);
    assert_eq!(
        config.common.certificates[0].certificate,
        Path::new("/x/a.pem")
    );
    assert_eq!(config.common.certificates[0].key, Path::new("/k/a.key"));
    assert_eq!(config.common.certificates[0].place.line, 3);
    assert_eq!(
        config.common.listeners[0].address.to_string(),
        "0.0.0.0:5061"
    );
    let names = domains(&["a.example"]);
    let pair = (Path::new("/x/a.pem"), Path::new("/k/a.key"));
    assert_eq!(
        with_profiles(&config, &alone, pair.0, pair.1, &names),
        Ok(None)
    );
    let error = with_profiles(&config, &alone, Path::new("/n.pem"), pair.1, &names).unwrap_err();
    assert!(error.to_string().contains("no file of TLS profiles"));
}

#[test]
fn what_is_shown_our_pair_by_default_needs_nothing() {
    assert_eq!(change(&given(PROFILES), &["one.example.com"]), Ok(None));
}

#[test]
fn a_name_that_another_profile_catches_gets_one_of_its_own() {
    let given = given(PROFILES);
    let names = ["chat.example.com", "a.chat.example.com", "one.example.com"];
    let change = change(&given, &names).unwrap().unwrap();
    assert_eq!(change.file, Path::new("/etc/kamailio/tls.cfg"));
    assert_eq!(
        change.why,
        "a profile for chat.example.com, a.chat.example.com"
    );
    assert!(change.after.starts_with(&change.before));
    let added = &change.after[change.before.len()..];
    assert!(
        added.starts_with(
            "\n[server:any]\nserver_name = chat.example.com\nserver_name_mode = 0\n\
             method = TLSv1.2+\nverify_certificate = no\n\
             certificate = /etc/kamailio/certs/a.pem\nprivate_key = /etc/kamailio/certs/a.key\n\n"
        ),
        "{added}"
    );
    let changed = given.with(&change);
    let config = read(Path::new("/etc/kamailio/kamailio.cfg"), &changed).unwrap();
    assert_eq!(config.profiles.len(), 5);
    assert_eq!(
        with_profiles(
            &config,
            &changed,
            Path::new("/etc/kamailio/certs/a.pem"),
            Path::new("/etc/kamailio/certs/a.key"),
            &domains(&names),
        ),
        Ok(None)
    );
}

#[test]
fn line_ends_stay_as_they_are() {
    let profiles = PROFILES.trim_end().replace('\n', "\r\n");
    let change = change(&given(&profiles), &["chat.example.com"])
        .unwrap()
        .unwrap();
    assert!(change.after.starts_with(&profiles));
    assert_eq!(
        change.after.matches('\n').count(),
        change.after.matches("\r\n").count()
    );
}

#[test]
fn a_profile_for_a_whole_socket_cannot_be_passed() {
    let profiles = format!("{PROFILES}[server:192.0.2.1:5061]\ncertificate = /s.pem\n");
    let error = change(&given(&profiles), &["one.example.com"]).unwrap_err();
    assert!(
        matches!(&error, ConfigError::Undecided { candidates, .. } if candidates[0].line == 14),
        "{error:?}"
    );
    // On a socket that nobody listens on it stands in nobody's way.
    let profiles = format!("{PROFILES}[server:192.0.2.66:5061]\ncertificate = /s.pem\n");
    assert_eq!(change(&given(&profiles), &["one.example.com"]), Ok(None));
}

#[test]
fn the_later_of_two_profiles_is_used() {
    let ours = "[server:any]\nserver_name = x.example.com\ncertificate = certs/a.pem\nprivate_key = certs/a.key\n";
    let other =
        "[server:any]\nserver_name = x.example.com\ncertificate = /b.pem\nprivate_key = /b.key\n";
    for (profiles, missing) in [
        (format!("{ours}{other}"), true),
        (format!("{other}{ours}"), false),
    ] {
        let found = change(&given(&profiles), &["x.example.com"]).unwrap();
        assert_eq!(found.is_some(), missing, "{profiles}");
    }
}

#[test]
fn what_kamailio_would_not_take_is_refused_with_its_place() {
    for (profiles, line) in [
        ("[server]\n", 1),
        ("[proxy:any]\n", 1),
        ("[server:any]\n\nno setting\n", 3),
        ("[server:example.com:5061]\n", 1),
        ("[server:any]\ncertificate = \"open\n", 2),
        ("[server:any]\ncertificate = a\\x\n", 2),
    ] {
        let error = read(Path::new("/etc/kamailio/tls.cfg"), &given(profiles)).unwrap_err();
        assert!(
            matches!(&error, ConfigError::Malformed { place, .. } if place.line == line),
            "{profiles}: {error:?}"
        );
    }
}

#[test]
fn files_that_include_one_another_come_to_an_end() {
    let circle = Given::new(&[("/x/kamailio.cfg", "include_file \"kamailio.cfg\"\n")]);
    assert!(matches!(
        read(Path::new("/x/kamailio.cfg"), &circle),
        Err(ConfigError::TooMany { .. })
    ));
}

#[test]
fn substitutions_do_not_grow_without_end() {
    let mut text = String::new();
    for _ in 0..64 {
        text.push_str("#!subst \"!a!aaaaaaaaaaaaaaaa!\"\n");
    }
    text.push_str("include_file \"a\"\n");
    let given = Given::new(&[("/x/kamailio.cfg", &text)]);
    assert!(matches!(
        read(Path::new("/x/kamailio.cfg"), &given),
        Err(ConfigError::Unreadable { path, .. }) if path.as_os_str().len() < 2 * 65_536
    ));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(script in "\\PC*", profiles in "(\\[(server|client):[a-z0-9.:]*\\]\n|[a-z_]* ?= ?\\PC*\n)*") {
        let given = Given::new(&[
            ("/x/kamailio.cfg", &script),
            ("/x/tls.cfg", &profiles),
        ]);
        let _ = read(Path::new("/x/kamailio.cfg"), &given);
        let _ = read(Path::new("/x/tls.cfg"), &given);
    }
}
