//! Partners and access policies from the first to the last: added, changed, said twice, refused, taken in from a list,
//! explained, and looked at where they live.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod dns_server;
#[path = "world/schema.rs"]
mod schema;
#[path = "servers/mod.rs"]
mod servers;
mod world;

use dns_server::{DnsServer, Zone};
use serde_json::Value;
use servers::process::{Account, Started};
use std::io::Write;
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use world::World;
use world::ports::free_addresses;

/// A deployment with comments around it, and a lab CA whose root judges the partner.
fn world() -> World {
    let world = World::new();
    world.init();
    let text = world.read("edgecert.toml");
    world.write("edgecert.toml", format!("{text}\n# the end, mine\n"));
    world
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn a_partner_is_added_changed_and_removed_and_every_other_byte_is_kept() {
    let world = world();
    let before = world.read("edgecert.toml");
    world
        .run(&["partner", "list"])
        .ended(0)
        .said("nobody federates");
    let add = ["partner", "add", "litware.com", "--type", "federated"];
    world
        .run(&[&add[..], &["--dry-run"]].concat())
        .ended(0)
        .said("nothing was written");
    assert_eq!(world.read("edgecert.toml"), before);
    let document = world.run(&[&add[..], &["--json"]].concat()).ended(0).json();
    schema::insist(&world, &document);
    assert_eq!(document["changed"], true);
    let partner = &document["result"]["partner"];
    // Safe by default: row 7, nothing in clear text.
    assert_eq!(partner["judgement"]["row"], 7);
    assert_eq!(partner["judgement"]["severity"], "none");
    let after = world.read("edgecert.toml");
    for line in lines(&before) {
        assert!(lines(&after).contains(&line), "{line} is gone");
    }
    // The same again changes nothing; something else under the same name is refused.
    let again = world.run(&[&add[..], &["--json"]].concat()).ended(0).json();
    assert_eq!(again["changed"], false);
    world.run(&add).ended(0).said("nothing changed");
    world
        .run(&["partner", "add", "LITWARE.com"])
        .ended(1)
        .said("type is \"federated\", not \"public-unverified\"")
        .said("`edgecert partner edit litware.com`");
    assert_eq!(world.read("edgecert.toml"), after);

    let edit = [
        "partner",
        "edit",
        "litware.com",
        "--sasl",
        "required",
        "--no-dialback",
        "--additional-domain",
        "it.litware.com",
        "--description",
        "since the \"merger\"",
        "--connection-limit",
        "10",
    ];
    let document = world
        .run(&[&edit[..], &["--json"]].concat())
        .ended(0)
        .json();
    schema::insist(&world, &document);
    assert_eq!(document["result"]["partner"]["judgement"]["row"], 2);
    world.run(&edit).ended(0).said("nothing changed");
    // A comment that the administrator puts there stays.
    let commented = world.read("edgecert.toml").replace(
        "\ndialback = false",
        "\ndialback = false  # agreed with Ann",
    );
    world.write("edgecert.toml", &commented);
    world
        .run(&["partner", "edit", "litware.com", "--no-connection-limit"])
        .ended(0);
    assert!(
        world
            .read("edgecert.toml")
            .contains("dialback = false  # agreed with Ann")
    );
    let shown = world.run(&["partner", "show", "it.litware.com", "--json"]);
    let shown = shown.ended(0).json();
    schema::insist(&world, &shown);
    assert_eq!(shown["result"]["partner"]["connection_limit"], Value::Null);
    assert_eq!(
        shown["result"]["partner"]["additional_domains"][0],
        "it.litware.com"
    );
    world
        .run(&["partner", "show", "litwear.com"])
        .ended(64)
        .said("did you mean litware.com?");

    let listed = world.run(&["partner", "list", "--json"]).ended(0).json();
    schema::insist(&world, &listed);
    let renamed = ["partner", "edit", "litware.com", "--domain", "litware.net"];
    world.run(&renamed).ended(0).said("litware.net changed");
    world.run(&renamed).ended(0).said("nothing changed");
    for (gone, note) in [
        ("litware.nett", "there is a partner litware.net"),
        (
            "it.litware.com",
            "a further domain of the partner litware.net",
        ),
        ("far-away.example", "is no partner: nothing changed"),
    ] {
        world
            .run(&["partner", "remove", gone])
            .ended(0)
            .said(note)
            .said("nothing changed");
    }
    world
        .run(&["partner", "show", "it.litware.com"])
        .ended(0)
        .said("a further domain of the partner litware.net");
    let removed = world.run(&["partner", "remove", "litware.net", "--json"]);
    schema::insist(&world, &removed.ended(0).json());
    let again = world.run(&["partner", "remove", "litware.net", "--json"]);
    assert_eq!(again.ended(0).json()["changed"], false);
    assert_eq!(world.read("edgecert.toml"), before);
}

#[test]
fn what_cannot_work_and_domains_that_are_taken_are_refused_and_nothing_is_saved() {
    let world = world();
    world
        .run(&[
            "partner",
            "add",
            "litware.com",
            "--additional-domain",
            "it.litware.com",
        ])
        .ended(0);
    let before = world.files(".");
    let edit = ["partner", "edit", "litware.com"];
    let add = ["partner", "add", "fabrikam.com"];
    for (words, code, said) in [
        (
            [&add[..], &["--tls", "not-supported"]].concat(),
            "partner.sasl-without-tls",
            "--sasl not-supported",
        ),
        (
            [
                &add[..],
                &["--tls", "not-supported", "--compat", "lync-2013"],
            ]
            .concat(),
            "partner.sasl-without-tls",
            "--tls required",
        ),
        (
            [&edit[..], &["--sasl", "not-supported", "--no-dialback"]].concat(),
            "partner.no-method",
            "--dialback",
        ),
        (
            vec!["partner", "add", "contoso.com"],
            "partner.domain-taken",
            "this edge itself",
        ),
        (
            [&add[..], &["--additional-domain", "it.litware.com"]].concat(),
            "partner.domain-taken",
            "the partner litware.com has it",
        ),
        (
            vec!["partner", "add", "it.litware.com"],
            "partner.domain-taken",
            "the partner litware.com has it",
        ),
        (
            [&edit[..], &["--domain", "it.litware.com"]].concat(),
            "partner.domain-taken",
            "named twice",
        ),
    ] {
        let document = world
            .run(&[&words[..], &["--json"]].concat())
            .ended(1)
            .json();
        assert_eq!(document["error"]["code"], code, "{words:?}");
        assert_eq!(document["changed"], false);
        world
            .run(&words)
            .ended(1)
            .said(said)
            .said("nothing is saved");
    }
    // A line break in a value that is refused does not break the message apart.
    world
        .run(&["partner", "add", "fabrikam.com", "--description", "a\n\nb"])
        .ended(64)
        .said("write it in one line");
    assert_eq!(world.files("."), before);
    world
        .run(&["partner", "add", "fabrikam.com", "--roots", "nope.pem"])
        .ended(0)
        .said("the root nope.pem of fabrikam.com cannot be used yet");
}

#[test]
fn lyncs_judgement_is_shown_with_its_inconsistencies() {
    let world = world();
    let words = [
        "partner",
        "add",
        "fabrikam.com",
        "--seed-defaults",
        "--compat",
        "lync-2013",
    ];
    let document = world
        .run(&[&words[..], &["--json"]].concat())
        .ended(0)
        .json();
    schema::insist(&world, &document);
    let (ours, seed) = (
        &document["result"]["partner"]["judgement"],
        &document["result"]["lync_2013"],
    );
    assert_eq!((&ours["row"], &seed["row"]), (&1.into(), &1.into()));
    assert!(
        seed["inconsistent"]
            .as_str()
            .unwrap()
            .contains("New-CsXmppAllowedPartner")
    );
    world
        .run(&["partner", "edit", "fabrikam.com", "--sasl", "optional"])
        .ended(0);
    world
        .run(&["partner", "show", "fabrikam.com", "--compat", "lync-2013"])
        .ended(0)
        .said("which required TLS rules out");
}

#[test]
fn a_list_with_errors_is_refused_whole_and_each_is_told_with_its_line() {
    let world = world();
    let before = world.read("edgecert.toml");
    world.write(
        "partners.csv",
        "Domain,PartnerType,TlsNegotiation,SaslNegotiation,SupportDialbackNegotiation\n\
         litware.com,Federated,Required,Required,False\n\
         fabrikam.com,Federated,NotSupported,Required,True\n\
         contoso.com,Federated,Required,Required,True\n\
         wingtip.com,Freind,Required,Required,True\n",
    );
    let ran = world.run(&["partner", "import", "partners.csv"]).ended(1);
    for (line, words) in [
        (
            3,
            "sasl \"required\" cannot be had with tls \"not-supported\"",
        ),
        (4, "contoso.com is a domain of this edge itself"),
        (5, "\"Freind\" is not known here"),
    ] {
        assert!(
            ran.stderr.contains(&format!("partners.csv:{line}:1")) && ran.stderr.contains(words),
            "{line}: {words}\n{}",
            ran.stderr
        );
    }
    let document = world.run(&["partner", "import", "partners.csv", "--json"]);
    let document = document.ended(1).json();
    schema::insist(&world, &document);
    let mistakes = document["result"]["mistakes"].as_array().unwrap();
    let at: Vec<&Value> = mistakes.iter().map(|one| &one["line"]).collect();
    assert_eq!(at, [3, 4, 5]);
    assert_eq!(world.read("edgecert.toml"), before);

    let good = "[[partner]]\ndomain = \"litware.com\"\nsasl = \"optional\"\n\n[[partner]]\ndomain = \"fabrikam.com\"\ndialback = false\n";
    let import = |words: &[&str]| {
        let mut child = world
            .command(&[&["partner", "import", "-", "--json"], words].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(good.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    assert_eq!(import(&["--dry-run"])["changed"], false);
    assert_eq!(world.read("edgecert.toml"), before);
    let document = import(&[]);
    schema::insist(&world, &document);
    assert_eq!(document["result"]["added"].as_array().unwrap().len(), 2);
    let again = import(&[]);
    assert_eq!(again["changed"], false);
    assert_eq!(again["result"]["known"].as_array().unwrap().len(), 2);
    let (one, _) = good.split_once("\n\n").unwrap();
    for (list, words) in [
        (good, "2 partners of the list are"),
        (one, "1 partner of the list is"),
    ] {
        world.write("known.toml", list);
        world
            .run(&["partner", "import", "known.toml"])
            .ended(0)
            .said(&format!("{words} there already"));
    }
    world.write("big.csv", vec![b'x'; 3 * 1024 * 1024 + 1]);
    world.run(&["partner", "import", "big.csv"]).ended(1);
}

#[test]
fn edits_are_journalled_and_a_killed_one_leaves_the_old_file_or_the_new() {
    let world = world();
    world.run(&["request"]).ended(0);
    let bare = world.read("edgecert.toml");
    world.run(&["partner", "add", "litware.com"]).ended(0);
    let with = world.read("edgecert.toml");
    let journal = world.run(&["log", "--json"]).ended(0).json();
    let entries = journal["result"]["entries"].as_array().unwrap();
    let last = entries
        .iter()
        .find(|one| one["action"] == "partner-add")
        .unwrap();
    assert_eq!(last["detail"]["partner"], "litware.com");
    assert_ne!(last["detail"]["before"], last["detail"]["after"]);
    let mut killed = 0;
    for round in 0..30 {
        let word = if round % 2 == 0 { "remove" } else { "add" };
        let mut child = world
            .command(&["partner", word, "litware.com"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(400 * round));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let now = world.read("edgecert.toml");
        assert!(now == bare || now == with, "round {round}:\n{now}");
    }
    assert!(killed > 5, "only {killed} were still running");
    world.run(&["partner", "add", "litware.com"]).ended(0);
    assert_eq!(world.read("edgecert.toml"), with);
    world.run(&["log"]).ended(0);
    let children: Vec<Child> = ["a.example", "b.example", "c.example", "d.example"]
        .iter()
        .map(|domain| {
            let mut command = world.command(&["partner", "add", domain]);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let listed = world.run(&["partner", "list", "--json"]).ended(0).json();
    assert_eq!(listed["result"]["partners"].as_array().unwrap().len(), 5);
}

#[test]
fn without_a_state_eight_at_once_wait_for_each_other_and_none_is_lost() {
    let world = world();
    let before = world.files(".");
    let domains: Vec<String> = (0..8).map(|n| format!("p{n}.example")).collect();
    let children: Vec<Child> = domains
        .iter()
        .map(|domain| {
            let mut command = world.command(&["partner", "add", domain]);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let text = world.read("edgecert.toml");
    for domain in &domains {
        assert!(text.contains(domain.as_str()), "{domain} is lost:\n{text}");
    }
    // No lock file, no temporary one.
    assert_eq!(world.files(".").len(), before.len());
}

#[test]
fn a_policy_decides_by_user_then_site_then_everybody() {
    let world = world();
    let before = world.read("edgecert.toml");
    world.run(&["partner", "add", "litware.com"]).ended(0);
    let with_partner = world.read("edgecert.toml");
    let explain = |words: &[&str]| {
        let all = [
            &[
                "policy",
                "explain",
                "someone@contoso.com",
                "litware.com",
                "--json",
            ],
            words,
        ];
        let document = world.run(&all.concat()).ended(0).json();
        schema::insist(&world, &document);
        document["result"].clone()
    };
    let none = explain(&[]);
    assert_eq!(none["policy"], Value::Null);
    assert_eq!(none["partner_may"]["send_im"], "never");
    let everybody = ["policy", "add", "global", "--scope", "global"];
    world.run(&everybody).ended(0);
    world.run(&everybody).ended(0).said("nothing changed");
    assert!(
        explain(&[])["why_not"]
            .as_str()
            .unwrap()
            .contains("policy global")
    );
    world
        .run(&[
            "policy",
            "add",
            "seoul",
            "--scope",
            "site",
            "--member",
            "Seoul",
            "--federated-users",
        ])
        .ended(0);
    assert_eq!(explain(&["--site", "seoul"])["sip_allowed"], true);
    let document = world
        .run(&[
            "policy",
            "add",
            "sales",
            "--member",
            "someone@contoso.com",
            "--xmpp-federated-users",
            "--json",
        ])
        .ended(0)
        .json();
    schema::insist(&world, &document);
    let decided = explain(&["--site", "Seoul"]);
    assert_eq!(decided["policy"]["policy"], "sales");
    assert_eq!(decided["overruled"], serde_json::json!(["seoul", "global"]));
    let expected = [
        ("public-unverified", "once-added", "once-added", "never"),
        ("public-verified", "always", "always", "never"),
        ("federated", "always", "always", "always"),
    ];
    for (partner_type, add, send, notes) in expected {
        world
            .run(&["partner", "edit", "litware.com", "--type", partner_type])
            .ended(0);
        let may = &explain(&[])["partner_may"];
        assert_eq!(
            (&may["add_contact"], &may["send_im"], &may["see_notes"]),
            (&add.into(), &send.into(), &notes.into()),
            "{partner_type}"
        );
        assert_eq!(may["see_presence"], add);
    }
    world
        .run(&["policy", "explain", "someone@contoso.com", "wingtip.com"])
        .ended(0)
        .said("wingtip.com is no partner of the deployment");
    for (words, code) in [
        (
            &["policy", "add", "second", "--scope", "global"][..],
            "policy.second-global",
        ),
        (&["policy", "add", "nobody"], "policy.members"),
        (
            &["policy", "add", "wrong", "--member", "Seoul"],
            "policy.members",
        ),
        (
            &["policy", "edit", "global", "--member", "a@contoso.com"],
            "policy.members",
        ),
        (
            &["policy", "add", "sales", "--member", "a@contoso.com"],
            "policy.exists",
        ),
    ] {
        let document = world.run(&[words, &["--json"]].concat()).ended(1).json();
        assert_eq!(document["error"]["code"], code, "{words:?}");
        if code == "policy.exists" {
            let why = document["error"]["why"].as_str().unwrap();
            assert!(why.contains("members is "), "{why}");
        }
    }
    world
        .run(&["policy", "remove", "salez"])
        .ended(0)
        .said("there is a policy sales")
        .said("nothing changed");
    let listed = world.run(&["policy", "list", "--json"]).ended(0).json();
    schema::insist(&world, &listed);
    let names: Vec<&Value> = listed["result"]["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["policy"])
        .collect();
    assert_eq!(names, ["sales", "seoul", "global"]);
    schema::insist(
        &world,
        &world
            .run(&["policy", "show", "sales", "--json"])
            .ended(0)
            .json(),
    );
    world
        .run(&["policy", "edit", "sales", "--no-xmpp-federated-users"])
        .ended(0);
    assert_eq!(explain(&[])["xmpp_allowed"], false);
    for name in ["sales", "seoul", "global"] {
        world.run(&["policy", "remove", name]).ended(0);
        world
            .run(&["policy", "remove", name])
            .ended(0)
            .said("nothing changed");
    }
    world
        .run(&[
            "partner",
            "edit",
            "litware.com",
            "--type",
            "public-unverified",
        ])
        .ended(0);
    assert_eq!(world.read("edgecert.toml"), with_partner);
    world.run(&["partner", "remove", "litware.com"]).ended(0);
    assert_eq!(world.read("edgecert.toml"), before);
}

/// Prosody for litware.com with a certificate of the lab CA, listening for servers.
fn prosody(world: &World) -> (Started, u16) {
    let at = world.path("partner");
    std::fs::create_dir_all(&at).unwrap();
    let folder = at.display().to_string();
    let theirs = World::new();
    let words = "request --fqdn xmpp.litware.com --xmpp-domain litware.com --out made";
    theirs.run(&words.split(' ').collect::<Vec<_>>()).ended(0);
    let csr = theirs.path("made/csr.pem").display().to_string();
    let leaf = "partner/litware.com.crt";
    world
        .run(&["lab", "sign", &csr, "--ca", "ca", "--out", leaf])
        .ended(0);
    world.write("partner/litware.com.key", theirs.read("made/privkey.pem"));
    let port = free_addresses(1)[0].port();
    let config = format!(
        "run_as_root = true\npidfile = \"{folder}/prosody.pid\"\ndata_path = \"{folder}\"\n\
         log = {{ info = \"{folder}/prosody.log\" }}\ninterfaces = {{ \"127.0.0.1\" }}\n\
         certificates = \"{folder}\"\nc2s_ports = {{}}\nc2s_direct_tls_ports = {{}}\ns2s_direct_tls_ports = {{}}\ns2s_ports = {{ {port} }}\n\
         modules_enabled = {{ \"saslauth\"; \"tls\"; \"dialback\" }}\ns2s_require_encryption = true\n\
         VirtualHost \"litware.com\"\n"
    );
    // The folder of a world is for its user alone.
    let user = Account::of("root");
    let server = servers::prosody::run(&user, &at, &config, &at.join("console.log"));
    let until = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "prosody does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    (server, port)
}

#[test]
fn a_partner_is_explained_by_the_certificate_and_by_what_its_own_server_shows() {
    let world = world();
    world.run(&["lab", "ca", "--out", "ca"]).ended(0);
    let text = world
        .read("edgecert.toml")
        .replacen("[\"system\"]", "[\"ca/root.pem\"]", 1);
    world.write("edgecert.toml", text);
    world
        .run(&[
            "partner",
            "add",
            "litware.com",
            "--server",
            "ejabberd-23",
            "--roots",
            "ca/root.pem",
        ])
        .ended(0);
    world
        .run(&["partner", "explain", "litware.com"])
        .ended(0)
        .said("there is no generation yet");
    let made = world.run(&["request", "--json"]).ended(0).json();
    let id = made["result"]["id"].as_str().unwrap();
    let csr = format!("edgecert.state/requests/external-edge/{id}/csr.pem");
    world
        .run(&["lab", "sign", &csr, "--ca", "ca", "--out", "reply.pem"])
        .ended(0);
    world.run(&["import", "reply.pem"]).ended(0);
    let words = ["partner", "explain", "litware.com", "--json"];
    let document = world.run(&words).ended(0).json();
    schema::insist(&world, &document);
    let forecasts = document["result"]["certificates"][0]["forecasts"]
        .as_array()
        .unwrap();
    let told: Vec<(&str, &str)> = forecasts
        .iter()
        .map(|one| {
            (
                one["direction"].as_str().unwrap(),
                one["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("we-dial", "dialback-over-tls"),
            ("it-dials", "sasl-over-tls")
        ]
    );
    world
        .run(&["partner", "explain", "litware.com"])
        .ended(0)
        .said("! we to it")
        .said("the leaf has serverAuth only and ejabberd before 25.08 asks for clientAuth");

    let (_server, port) = prosody(&world);
    let dns = DnsServer::start(
        Zone::Plain,
        &format!(
            "_xmpp-server._tcp.litware.com. SRV 0 0 {port} xmpp.litware.com.\nxmpp.litware.com. A 127.0.0.1"
        ),
    );
    let address = dns.address.to_string();
    let live = [&words[..], &["--live", "--resolver", &address]].concat();
    let document = world.run(&live).ended(0).json();
    schema::insist(&world, &document);
    let seen = &document["result"]["live"];
    let server = &seen["endpoints"][0];
    assert_eq!(server["starttls"], "required", "{document:#}");
    assert_eq!(server["dialback"], true);
    assert_eq!(server["proves_domain"], true);
    assert_eq!(seen["we_dial"]["outcome"], "sasl-over-tls");
    assert_eq!(seen["it_dials"]["outcome"], "sasl-over-tls");
    // By other roots it proves nothing, and where only the certificate counts, nothing works.
    world.run(&["lab", "ca", "--out", "other"]).ended(0);
    world
        .run(&[
            "partner",
            "edit",
            "litware.com",
            "--roots",
            "other/root.pem",
            "--sasl",
            "required",
            "--no-dialback",
        ])
        .ended(0);
    let document = world.run(&live).ended(0).json();
    let seen = &document["result"]["live"];
    assert_eq!(seen["endpoints"][0]["proves_domain"], false);
    assert_eq!(seen["it_dials"]["outcome"], "fails");
    world
        .run(&[
            "partner",
            "explain",
            "litware.com",
            "--live",
            "--resolver",
            &address,
        ])
        .ended(0)
        .said("✗ it to us")
        .said("nothing works, since its certificate");
}

const WALK: &str = "version = 1
[tasks]
task = \"federation\"
[access-policy]
policy = \"users\"
users = [\"someone@contoso.com\"]
[partners]
partners = [\"litware.com\", \"fabrikam.com\"]
[partner-settings]
type = \"federated\"
sasl = \"required\"
dialback = false
";

#[test]
fn the_wizard_walks_from_the_policy_to_the_records() {
    let world = world();
    let wizard = |answers: &str, code: i32| {
        world.write("answers.toml", answers);
        let words = ["wizard", "--answers", "answers.toml", "--json"];
        let document = world.run(&words).ended(code).json();
        schema::insist(&world, &document);
        document
    };
    let before = world.read("edgecert.toml");
    for (from, to, said) in [
        (
            "dialback = false",
            "tls = \"not-supported\"",
            "SASL needs TLS",
        ),
        (
            "sasl = \"required\"",
            "sasl = \"not-supported\"",
            "nothing is left",
        ),
        ("\"fabrikam.com\"", "\"contoso.com\"", "this edge itself"),
        ("someone@contoso.com", "someone", "no address of a user"),
    ] {
        let document = wizard(&WALK.replace(from, to), 64);
        assert_eq!(document["error"]["code"], "wizard.answer-wrong");
        assert!(
            document["error"]["why"].as_str().unwrap().contains(said),
            "{document:#}"
        );
    }
    assert_eq!(world.read("edgecert.toml"), before);
    let document = wizard(WALK, 0);
    assert_eq!(document["changed"], true);
    let commands = document["result"]["command"].as_str().unwrap();
    assert!(commands.contains("edgecert partner add fabrikam.com --type federated --tls required --sasl required --no-dialback"), "{commands}");
    let after = world.read("edgecert.toml");
    assert_eq!(wizard(WALK, 0)["changed"], false);
    assert_eq!(world.read("edgecert.toml"), after);
    let listed = world.run(&["partner", "list", "--json"]).ended(0).json();
    let partners = listed["result"]["partners"].as_array().unwrap();
    assert_eq!(partners.len(), 2);
    assert_eq!(partners[1]["judgement"]["row"], 2);
    world
        .run(&["policy", "explain", "someone@contoso.com", "litware.com"])
        .ended(0)
        .said("policy xmpp-users (scope user)");
    // The commands that it names do the same, from the beginning.
    world.write("edgecert.toml", &before);
    for command in commands.split(" && ") {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        world.run(&words).ended(0);
    }
    assert_eq!(world.read("edgecert.toml"), after);
    // Unticked, a partner goes.
    wizard(&WALK.replace("\"litware.com\", ", ""), 0);
    world.run(&["partner", "show", "litware.com"]).ended(64);
}
