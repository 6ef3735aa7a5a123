use super::super::lua::Value;
use super::*;
use crate::federation::{Negotiation, PartnerType, Setting};
use crate::servers::Place;
use crate::servers::text::given::Given;

const MAIN: &str = "/etc/prosody/prosody.cfg.lua";

fn partner(domain: &str, dialback: bool) -> Partner {
    Partner {
        domain: Domain::parse(domain).unwrap(),
        description: Some("[[ bad\n\"]] --".to_owned()),
        additional_domains: Vec::new(),
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

fn planned(given: &Given, partners: &[Partner]) -> Planned {
    let wish = Wish {
        partners,
        others: None,
    };
    with_partners(Path::new(MAIN), given, wish).unwrap()
}

#[test]
fn the_file_and_its_include_are_written_once() {
    let main = "modules_enabled = { \"tls\"; \"dialback\" }\ns2s_secure_auth = false\nVirtualHost \"a.example\"\n";
    let given = Given::new(&[(MAIN, main)]);
    let partners = [partner("bücher.example", true), partner("p.example", false)];
    let first = planned(&given, &partners);
    assert_eq!(first.files.len(), 2);
    let own = &first.files[0].after;
    let (one, other) = (
        "\t\"xn--bcher-kva.example\"; -- [[ bad\u{fffd}\"]] --\n",
        "\t\"bücher.example\"; -- [[ bad\u{fffd}\"]] --\n",
    );
    assert!(
        own.contains(&format!("s2s_insecure_domains = {{\n{one}{other}}}\n")),
        "{own}"
    );
    assert!(own.contains("s2s_secure_auth = true\n"), "{own}");
    assert!(first.files[1].after.starts_with(main));
    let given = given.changed_by(&first);
    assert_eq!(planned(&given, &partners).files, []);
    // Read as Prosody reads it, ours counts.
    let loaded = load(Path::new(MAIN), &given).unwrap();
    let strict = last(&loaded.global, "s2s_secure_auth").unwrap();
    assert_eq!(strict.value, Value::Truth(true));
    // Another table: our file alone changes.
    let second = planned(&given, &partners[1..]);
    assert_eq!(second.files.len(), 1);
}

#[test]
fn dialback_that_nobody_needs_is_taken_out_and_one_that_is_needed_is_missed() {
    for (main, dialback, wanted, told) in [
        (
            "modules_enabled = { \"dialback\" }",
            false,
            Some("modules_disabled = { \"dialback\" }\n"),
            None,
        ),
        (
            "modules_enabled = { \"dialback\" }\nmodules_disabled = { \"offline\" }",
            false,
            Some("modules_disabled = { \"offline\"; \"dialback\" }\n"),
            None,
        ),
        (
            "modules_enabled = { \"dialback\" }\nmodules_disabled = { \"offline\", \"dialback\" }",
            true,
            Some("modules_disabled = { \"offline\" }\n"),
            None,
        ),
        ("modules_enabled = { \"tls\" }", false, None, None),
        (
            "modules_enabled = { \"tls\" }",
            true,
            None,
            Some("write \"dialback\" there"),
        ),
    ] {
        let given = Given::new(&[(MAIN, main)]);
        let plan = planned(&given, &[partner("p.example", dialback)]);
        let own = &plan.files[0].after;
        let line = own
            .lines()
            .find(|line| line.starts_with("modules_disabled"));
        assert_eq!(
            line.map(|line| format!("{line}\n")).as_deref(),
            wanted,
            "{main}"
        );
        let is_told = plan
            .limits
            .iter()
            .any(|limit| told.is_some_and(|told| limit.what.contains(told)));
        assert_eq!(is_told, told.is_some(), "{main} {:?}", plan.limits);
    }
}

#[test]
fn what_a_host_says_of_its_own_is_told() {
    let main = "modules_enabled = { \"dialback\" }\nVirtualHost \"a.example\"\n\ts2s_require_encryption = false\n";
    let plan = planned(&Given::new(&[(MAIN, main)]), &[partner("p.example", true)]);
    let told = plan
        .limits
        .iter()
        .any(|limit| limit.whom == "a.example" && limit.what.contains("prosody.cfg.lua:3"));
    assert!(told, "{:?}", plan.limits);
}

#[test]
fn what_stands_behind_the_include_is_told_in_whatever_file() {
    let include = format!("Include \"{OWN_FILE}\"\n");
    let ahead = "modules_enabled = { \"dialback\" }\ns2s_secure_auth = false\n";
    for (behind, told) in [
        ("", 0),
        ("s2s_secure_auth = false\n", 1),
        ("modules_disabled = { \"offline\" }\n", 1),
        ("Include \"more.cfg.lua\"\n", 1),
        ("VirtualHost \"b.example\"\n\tuse_ipv6 = false\n", 0),
    ] {
        let main = format!("{ahead}{include}{behind}");
        let given = Given::new(&[
            (MAIN, &main),
            ("/etc/prosody/edgecert-partners.cfg.lua", ""),
            ("/etc/prosody/more.cfg.lua", "s2s_insecure_domains = {}\n"),
        ]);
        let plan = planned(&given, &[partner("p.example", false)]);
        let found: Vec<&Limit> = plan
            .limits
            .iter()
            .filter(|limit| limit.what.contains("counts instead"))
            .collect();
        assert_eq!(found.len(), told, "{behind} {:?}", plan.limits);
    }
}

#[test]
fn lists_of_the_administrator_that_ours_replace_are_told() {
    let place = Place {
        file: MAIN.into(),
        line: 1,
    };
    let setting = |name: &str, domain: &str| {
        let main = format!("{name} = {{ \"{domain}\" }}\n");
        load(Path::new(MAIN), &Given::new(&[(MAIN, &main)])).unwrap()
    };
    let p = || vec![Domain::parse("p.example").unwrap()];
    for (name, domain, certified, told) in [
        (
            "s2s_secure_domains",
            "q.example",
            Certified::Only(p()),
            Some(Distance::Weaker),
        ),
        (
            "s2s_secure_domains",
            "P.example",
            Certified::Only(p()),
            None,
        ),
        (
            "s2s_secure_domains",
            "p.example",
            Certified::AllBut(p()),
            Some(Distance::Weaker),
        ),
        (
            "s2s_insecure_domains",
            "q.example",
            Certified::AllBut(p()),
            Some(Distance::Other),
        ),
        (
            "s2s_insecure_domains",
            "p.example",
            Certified::AllBut(p()),
            None,
        ),
    ] {
        let limits = replaced(&setting(name, domain).global, &certified);
        let found = limits.first();
        assert_eq!(found.map(|limit| limit.distance), told, "{name} {domain}");
        assert!(found.is_none_or(|limit| limit.what.contains(&place.to_string())));
    }
}
