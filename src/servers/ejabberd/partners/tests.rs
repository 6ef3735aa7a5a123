use super::*;
use crate::federation::{Negotiation, PartnerType, Setting};
use crate::servers::text::given::Given;

const MAIN: &str = "/etc/ejabberd/ejabberd.yml";
const DEBIAN: &str = include_str!("../../../../fixtures/servers/ejabberd.yml");

fn partner(domain: &str, dialback: bool) -> Partner {
    Partner {
        domain: Domain::parse(domain).unwrap(),
        description: Some("our\nfriend: \"x\"".to_owned()),
        additional_domains: vec![Domain::parse(&format!("chat.{domain}")).unwrap()],
        partner_type: PartnerType::Federated,
        negotiation: Negotiation {
            tls: Setting::Required,
            sasl: Setting::Optional,
            dialback,
        },
        connection_limit: None,
        keep_alive: true,
        server: None,
        roots: Vec::new(),
    }
}

fn planned(given: &Given, partners: &[Partner]) -> Result<Planned, ConfigError> {
    let wish = Wish {
        partners,
        others: None,
    };
    with_partners(Path::new(MAIN), given, wish)
}

#[test]
fn debians_file_gets_the_include_and_gives_its_dialback_away() {
    let partners = [partner("p.example", true), partner("q.example", false)];
    let debian = DEBIAN.replacen("\nmodules:\n", "\nmodules:\n  mod_s2s_dialback: {}\n", 1);
    let given = Given::new(&[(MAIN, &debian)]);
    let first = planned(&given, &partners).unwrap();
    let own = &first.files[0].after;
    assert!(
        own.contains(
            "      - \"p.example\" # our\u{fffd}friend: \"x\"\n      - \"chat.p.example\"\n"
        ),
        "{own}"
    );
    assert!(
        own.contains("  edgecert_dialback:\n    - allow: edgecert_uncertified\nhost_config:\n"),
        "{own}"
    );
    let main = &first.files[1].after;
    let gone: Vec<&str> = debian
        .lines()
        .filter(|line| !main.lines().any(|kept| kept == *line))
        .collect();
    assert_eq!(gone, ["  mod_s2s_dialback: {}"]);
    let given = given.changed_by(&first);
    assert_eq!(planned(&given, &partners).unwrap().files, []);
    let config = read_from(Path::new(MAIN), Path::new(SPOOL), &given).unwrap();
    let files: Vec<_> = config.common.files.iter().collect();
    assert_eq!(
        files,
        [
            Path::new(MAIN),
            Path::new("/etc/ejabberd/edgecert-partners.yml")
        ]
    );
    assert_eq!(config.common.remarks, []);
}

#[test]
fn an_include_that_is_there_gets_one_more_entry() {
    let main = "hosts: [a.example]\ninclude_config_file:\n  - /etc/more.yml\nmodules:\n  mod_ping: {}\n  mod_s2s_dialback:\n    access: all\n  mod_muc: {}\n";
    let given = Given::new(&[(MAIN, main), ("/etc/more.yml", "loglevel: info\n")]);
    let plan = planned(&given, &[partner("p.example", false)]).unwrap();
    let after = &plan.files[1].after;
    assert_eq!(
        *after,
        "hosts: [a.example]\ninclude_config_file:\n  - /etc/more.yml\n  - \"/etc/ejabberd/edgecert-partners.yml\"\nmodules:\n  mod_ping: {}\n  # mod_s2s_dialback: in edgecert-partners.yml\n  mod_muc: {}\n"
    );
    assert!(!plan.files[0].after.contains(DIALBACK_MODULE));
}

#[test]
fn what_a_tool_cannot_change_is_left_to_a_person() {
    for main in [
        "hosts: [a.example]\nhost_config:\n  a.example:\n    s2s_access: none\n",
        "hosts: [a.example]\nhost_config:\n  a.example:\n    modules:\n      mod_s2s_dialback: {}\n",
        "hosts: [a.example]\nmodules: {mod_ping: {}, mod_s2s_dialback: {}}\n",
        "hosts: [a.example]\nmodules:\n  mod_s2s_dialback: {}\n",
        "hosts: [a.example]\nacl:\n  edgecert_partners:\n    server: x.example\n",
    ] {
        let given = Given::new(&[(MAIN, main)]);
        let error = planned(&given, &[partner("p.example", true)]).unwrap_err();
        assert!(
            matches!(
                error,
                ConfigError::Undecided { .. } | ConfigError::InTheWay { .. }
            ),
            "{main} {error:?}"
        );
    }
}

#[test]
fn a_list_of_who_may_not_federate_is_never_lifted() {
    let rules = "access_rules:\n  s2s:\n    - deny: bad\n    - allow: all\n";
    for (access, refused) in [
        ("s2s_access: s2s\n", true),
        ("s2s_access: none\n", true),
        ("s2s_access:\n  - deny: bad\n", true),
        ("s2s_access: all\n", false),
        ("", false),
    ] {
        let main = format!("hosts: [a.example]\n{rules}{access}");
        let given = Given::new(&[(MAIN, &main)]);
        match planned(&given, &[partner("p.example", true)]) {
            Ok(_) => assert!(!refused, "{access}"),
            Err(ConfigError::InTheWay { places, mend, .. }) => {
                assert!(refused, "{access}");
                assert_eq!(places[0].line, 6);
                assert!(mend.contains("take `s2s_access` out"));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_encryption_for_everybody_that_no_longer_counts_is_told() {
    for (word, told) in [("required", None), ("optional", Some(Distance::Other))] {
        let main = format!("hosts: [a.example]\ns2s_use_starttls: {word}\n");
        let plan = planned(&Given::new(&[(MAIN, &main)]), &[partner("p.example", true)]).unwrap();
        assert!(plan.files[0].after.contains("s2s_use_starttls: required"));
        let found = plan
            .limits
            .iter()
            .find(|limit| limit.what.contains("no longer counts"));
        assert_eq!(found.map(|limit| limit.distance), told, "{word}");
        assert!(found.is_none_or(|limit| limit.what.contains("ejabberd.yml:2")));
    }
    let loaded = |main: &str| {
        let given = Given::new(&[(MAIN, main)]);
        Loaded::read(Path::new(MAIN), Path::new(SPOOL), &given).unwrap()
    };
    let limits = overridden(&loaded("s2s_use_starttls: required\n"), Encryption::Offered);
    assert_eq!(limits[0].distance, Distance::Weaker);
}
