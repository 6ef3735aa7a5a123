//! Before the swap: what partners and servers will make of a certificate, from `import` and `verify`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/schema.rs"]
mod schema;
mod world;

use serde_json::Value;
use world::World;

/// A deployment with a lab CA, a partner, and a reply that waits to be imported: serverAuth alone, as from a public CA.
fn world_with(partner: &str) -> World {
    let world = World::new();
    world.run(&["lab", "ca", "--out", "ca"]).ended(0);
    world.init();
    let text = world
        .read("edgecert.toml")
        .replacen("[\"system\"]", "[\"ca/root.pem\"]", 1);
    world.write("edgecert.toml", format!("{text}\n{partner}\n"));
    let made = world.run(&["request", "--json"]).ended(0).json();
    let id = made["result"]["id"].as_str().unwrap();
    let csr = format!("edgecert.state/requests/external-edge/{id}/csr.pem");
    let words = ["lab", "sign", &csr, "--ca", "ca", "--out", "reply.pem"];
    world.run(&words).ended(0);
    world
}

const LITWARE: &str = "[[partner]]\ndomain = \"litware.com\"\ntls = \"required\"\nsasl = \"required\"\ndialback = false\nroots = [\"ca/root.pem\"]\n";

fn codes(document: &Value) -> Vec<&str> {
    let findings = document["findings"].as_array().unwrap();
    let codes = findings.iter().map(|one| one["code"].as_str().unwrap());
    codes.filter(|code| code.contains("partner")).collect()
}

#[test]
fn a_partner_that_the_certificate_would_break_refuses_the_import_until_it_is_accepted() {
    let world = world_with(&format!("{LITWARE}server = \"ejabberd-23\""));
    let cause = "the leaf has serverAuth only and ejabberd before 25.08 asks for clientAuth";
    world
        .run(&["import", "reply.pem"])
        .ended(1)
        .said(cause)
        .said("dialback is off, so nothing works")
        .said("--accept usage.partner-fails --reason TEXT");
    let accepted = [
        "import",
        "reply.pem",
        "--accept",
        "usage.partner-fails",
        "--reason",
        "litware updates next week",
        "--json",
    ];
    let document = world.run(&accepted).ended(0).json();
    schema::insist(&world, &document);
    assert_eq!(codes(&document), ["usage.partner-fails"]);
    let partners = document["result"]["partners"].as_array().unwrap();
    let told: Vec<(&Value, &Value)> = partners
        .iter()
        .map(|one| (&one["direction"], &one["outcome"]))
        .collect();
    assert_eq!(
        told,
        [
            (&"we-dial".into(), &"fails".into()),
            (&"it-dials".into(), &"sasl-over-tls".into())
        ]
    );
    world
        .run(&["verify", "external-edge"])
        .ended(2)
        .said("why    served to partner litware.com (ejabberd-23), when we dial: SASL EXTERNAL will fail")
        .said("✓ served to partner litware.com (ejabberd-23), when it dials: SASL EXTERNAL will be accepted, by dns:contoso.com");
}

#[test]
fn a_partner_that_takes_it_is_told_and_nothing_is_found() {
    let world = world_with(&format!("{LITWARE}server = \"prosody\""));
    world.run(&["import", "reply.pem"]).ended(0).said(
        "✓ served to partner litware.com (prosody-13): SASL EXTERNAL will be accepted, by dns:contoso.com",
    );
    let document = world
        .run(&["verify", "external-edge", "--json"])
        .ended(0)
        .json();
    schema::insist(&world, &document);
    assert!(codes(&document).is_empty());
    let rows = document["result"]["servers"].as_array().unwrap();
    let xmpp = rows
        .iter()
        .find(|row| row["service"] == "xmpp-server")
        .unwrap();
    let of = |word: &str| {
        let all = xmpp["servers"].as_array().unwrap();
        all.iter()
            .find(|one| one["server"] == word)
            .unwrap()
            .clone()
    };
    assert_eq!(of("metronome")["names"]["by"], "dns:contoso.com");
    assert_eq!(of("metronome")["it_dials"]["accepted"], true);
    assert_eq!(of("metronome")["we_dial"]["accepted"], false);
    assert_eq!(of("openfire")["we_dial"]["accepted"], true);
}

#[test]
fn the_matrix_of_any_file_shows_where_servers_differ_from_the_rfcs() {
    let world = World::new();
    let corpus: Value =
        serde_json::from_str(include_str!("../fixtures/identity/corpus.json")).unwrap();
    let all = corpus["certificates"].as_array().unwrap();
    let der = &all
        .iter()
        .find(|one| one["id"] == "dns-upper-case")
        .unwrap()["der"];
    world.write("leaf.pem", der.as_str().unwrap());
    world.write("root.pem", corpus["root"].as_str().unwrap());
    let at = ["--at", "2026-11-21T00:00:00Z", "--roots", "root.pem"];
    let whole = world.run(&[&["verify", "leaf.pem", "--matrix"][..], &at].concat());
    let whole = whole.said("XMPP server").said(
        "contoso.com at ejabberd-23, ejabberd-25.08, openfire: refused, as dns:Contoso.COM does not stand for contoso.com there: it has upper case, and bytes are compared",
    );
    let row = whole
        .stdout
        .lines()
        .find(|line| line.trim_start().starts_with("contoso.com  "))
        .unwrap();
    // the RFCs, then prosody twice, metronome, ejabberd twice, openfire, lync
    let marks: Vec<&str> = row.split_whitespace().skip(1).collect();
    assert_eq!(marks, ["✓", "✓", "✓", "✓", "✗", "✗", "✗", "✓"]);
    // Without being asked, nothing is guessed of a stranger's certificate.
    let plain = world.run(&[&["verify", "leaf.pem"][..], &at].concat());
    assert!(!plain.stdout.contains("openfire"), "{}", plain.stdout);
}

/// The next request, answered for servers alone.
fn next_reply(world: &World) {
    let made = world.run(&["request", "--json"]).ended(0).json();
    let id = made["result"]["id"].as_str().unwrap();
    let csr = format!("edgecert.state/requests/external-edge/{id}/csr.pem");
    let words = ["lab", "sign", &csr, "--ca", "ca", "--out", "next.pem"];
    world.run(&words).ended(0);
}

#[test]
fn a_renewal_is_not_held_up_by_a_partner_that_fails_with_what_is_served_now() {
    let world = world_with("");
    world.run(&["import", "reply.pem"]).ended(0);
    // The partner comes after the import: an assignment makes nothing worse, and warns.
    let text = world.read("edgecert.toml");
    let partner = format!("{text}\n{LITWARE}server = \"ejabberd-23\"\n");
    world.write("edgecert.toml", partner);
    // Generation 1 is not served yet, so the gate is closed for the next one.
    next_reply(&world);
    world
        .run(&["import", "next.pem", "--dry-run"])
        .ended(1)
        .said("usage.partner-fails");
    world.run(&["assign", "external-edge/1"]).ended(0);
    let document = world.run(&["import", "next.pem", "--json"]).ended(0).json();
    schema::insist(&world, &document);
    let findings = document["findings"].as_array().unwrap();
    let partner = findings
        .iter()
        .find(|one| one["code"] == "usage.partner-fails")
        .unwrap();
    assert_eq!(partner["severity"], "warning");
    assert_eq!(
        partner["what"],
        "no stream with the partner litware.com will come about, as with generation 1"
    );
    world.run(&["assign"]).ended(0);
    world.run(&["rollback"]).ended(0);
}

#[test]
fn the_roots_of_partners_and_of_mozilla_are_compared_in_a_word() {
    let world = world_with(&format!("{LITWARE}server = \"prosody\""));
    world.run(&["import", "reply.pem"]).ended(0);
    let all = ["verify", "external-edge", "--compare-roots", "partners"];
    world
        .run(&all)
        .ended(0)
        .said("litware.com trusts it: edge.contoso.com ←")
        .said("Mozilla's list does not trust it: the chain ends below");
    let document = world.run(&[&all[..], &["--json"]].concat()).ended(0).json();
    schema::insist(&world, &document);
    let sets = &document["result"]["compared_roots"];
    assert_eq!(sets[0]["trusts"], false);
    let roots = sets[0]["roots"].as_str().unwrap();
    assert!(roots.starts_with("mozilla (webpki-root-certs "), "{roots}");
    assert_eq!(sets[1]["name"], "litware.com");
    // Without a deployment nobody knows the partners.
    let bare = World::new();
    bare.write("leaf.pem", world.read("reply.pem"));
    bare.write("root.pem", world.read("ca/root.pem"));
    let words = [
        "verify",
        "leaf.pem",
        "--roots",
        "root.pem",
        "--compare-roots",
        "partners",
    ];
    bare.run(&words).ended(3).said("--compare-roots NAME=FILE");
    // Mozilla's list is one that can judge.
    let mozilla = ["verify", "leaf.pem", "--roots", "mozilla"];
    bare.run(&mozilla)
        .ended(2)
        .said("roots: mozilla (webpki-root-certs ");
}

#[test]
fn what_a_warning_tells_of_a_partner_is_not_told_again() {
    let partner = LITWARE.replace("dialback = false", "dialback = true");
    let partner = partner.replace("sasl = \"required\"", "sasl = \"optional\"");
    let world = world_with(&format!("{partner}server = \"metronome\""));
    let sentence =
        "served to partner litware.com (metronome), when we dial: SASL EXTERNAL will fail";
    let told = world.run(&["import", "reply.pem", "--dry-run"]).ended(0);
    let all = format!("{}{}", told.stdout, told.stderr);
    assert_eq!(all.matches(sentence).count(), 1, "{all}");
    // Where nothing but the result is said, it is there all the same.
    let quiet = world
        .run(&["import", "reply.pem", "--dry-run", "-q"])
        .ended(0);
    assert_eq!(quiet.stdout.matches(sentence).count(), 1);
}

#[test]
fn the_matrix_and_the_names_keep_to_eighty_columns() {
    let world = world_with(&format!("{LITWARE}server = \"prosody\""));
    world.run(&["import", "reply.pem"]).ended(0);
    let args = ["verify", "external-edge", "--matrix"];
    let ran = world.run_with(&args, &[("COLUMNS", "80")]).ended(0);
    let wide = ran.stdout.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
    for words in [
        "contoso.com       xmpp-server  ✓ dns:contoso.com",
        "✓ RFC, prosody-0.12, prosody-13, metronome,",
        "EKU, key: we dial it   ✓ prosody-0.12, prosody-13, ejabberd-25.08,",
        "✗ metronome, ejabberd-23, lync",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
}

#[test]
fn a_partner_whose_roots_are_missing_holds_up_nothing_and_is_named() {
    let world = world_with("");
    let add = ["partner", "add", "x.org", "--roots", "nope.pem"];
    world.run(&add).ended(0);
    let code = "usage.partner-roots";
    let told = world
        .run(&["import", "reply.pem", "--json"])
        .ended(0)
        .json();
    assert_eq!(codes(&told), [code]);
    let told = world
        .run(&["verify", "external-edge", "--json"])
        .ended(1)
        .json();
    assert_eq!(codes(&told), [code]);
    let told = world.run(&["check", "--json"]).json();
    assert_eq!(told["exit_code"], 1, "{told:#}");
    assert_eq!(codes(&told), [code]);
    let all = told["findings"].as_array().unwrap();
    let finding = all.iter().find(|one| one["code"] == code).unwrap();
    let mend = finding["mend"].as_str().unwrap();
    assert!(mend.contains("`roots` of [[partner]] x.org"), "{mend}");
    let rows = told["result"]["targets"].as_array().unwrap();
    assert_eq!(rows[0]["target"], "external-edge/1", "{rows:#?}");
    assert_eq!(rows[0]["status"], "ok");
    assert_eq!(rows[1]["target"], "partner x.org");
    // A file is held against names and roots, and no partner comes into it.
    let file = world.run(&["check", "reply.pem"]).ended(0);
    assert!(!file.stderr.contains("nope.pem"), "{}", file.stderr);
    let doctor = world.run(&["doctor", "--json"]).json();
    let all = doctor["findings"].as_array().unwrap();
    let roots = all
        .iter()
        .find(|one| one["code"] == "doctor.roots")
        .unwrap();
    let mend = roots["mend"].as_str().unwrap();
    assert!(mend.contains("[[partner]] x.org"), "{mend}");
    world
        .run(&["partner", "explain", "x.org"])
        .ended(0)
        .said("nothing is said of its trust");
    let told = world.run(&["partner", "explain", "x.org"]).ended(0).stdout;
    assert!(!told.contains('✓'), "{told}");
    assert!(told.contains("? it to us"), "{told}");
    assert!(
        told.contains("where it trusts the certificate, SASL EXTERNAL will be accepted"),
        "{told}"
    );
    // Where generations are assigned, it stands in nobody's way either.
    let gateway = "[gateway.files.copy]\ncertificate = \"external-edge\"\nreload = [\"/bin/true\"]";
    let files = "[[gateway.files.copy.destination]]\ncontent = \"combined\"\npath = \"copy.pem\"";
    let text = format!("{}\n{gateway}\n{files}\n", world.read("edgecert.toml"));
    world.write("edgecert.toml", text);
    world.run(&["assign"]).ended(0).said("x.org");
    let made = world.run(&["request", "--json"]).ended(0).json();
    let id = made["result"]["id"].as_str().unwrap();
    let csr = format!("edgecert.state/requests/external-edge/{id}/csr.pem");
    let sign = ["lab", "sign", &csr, "--ca", "ca", "--out", "second.pem"];
    world.run(&sign).ended(0);
    world.run(&["import", "second.pem"]).ended(0);
    world.run(&["assign"]).ended(0);
    world.run(&["rollback"]).ended(0);
}

#[test]
fn roots_of_an_issuer_that_cannot_be_read_are_told_by_the_rows_and_the_rest_is_judged() {
    let world = world_with("");
    world.run(&["import", "reply.pem"]).ended(0);
    std::fs::rename(world.path("ca/root.pem"), world.path("ca/elsewhere.pem")).unwrap();
    for words in [&["check", "--json"][..], &["check", "reply.pem", "--json"]] {
        let told = world.run(words).ended(1).json();
        let row = &told["result"]["targets"][0];
        assert_eq!(row["status"], "warning", "{told:#}");
        assert!(row["certificate"]["days_left"].is_number(), "{told:#}");
        let finding = &told["findings"][0];
        assert_eq!(finding["code"], "check.unreadable");
        let what = finding["what"].as_str().unwrap();
        assert!(what.starts_with("the roots of the issuer public"), "{what}");
        let mend = finding["mend"].as_str().unwrap();
        assert!(mend.contains("`roots` of [issuer.public]"), "{mend}");
    }
}
