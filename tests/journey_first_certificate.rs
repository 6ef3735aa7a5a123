//! The first certificate: planned, requested, signed by a stranger (openssl), imported; from flags alone and from a
//! deployment, by people and by scripts.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use world::{OpensslCa, World};

/// Flags that name the edge.
const EDGE: [&str; 6] = [
    "--fqdn",
    "edge.contoso.com",
    "--sip-domain",
    "contoso.com",
    "--xmpp-domain",
    "contoso.com",
];

/// A command's words, then the flags of the edge, then more.
fn with_edge<'a>(words: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [words, &EDGE, more].concat()
}

/// The envelope of the machine contract, checked; gives the result.
#[track_caller]
fn contract(document: &Value, schema: &str, changed: bool) -> Value {
    assert_eq!(document["schema"], schema, "{document:#}");
    assert_eq!(document["ok"], true);
    assert_eq!(document["exit_code"], 0);
    assert_eq!(document["changed"], changed, "{document:#}");
    assert!(document["findings"].is_array());
    document["result"].clone()
}

fn mode(world: &World, name: &str) -> u32 {
    world.path(name).metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn init_writes_a_deployment_that_every_command_reads() {
    let world = World::new();
    let made = world.run(&["init", "--json"]).ended(0).json();
    contract(&made, "edgecert.init/1", true);
    let text = world.read("edgecert.toml");
    assert!(text.contains("edge.example.com"), "{text}");
    world.run(&["plan"]).ended(0).said("next: edgecert request");
    world.run(&["init"]).ended(1).said("exists already");
    assert_eq!(world.read("edgecert.toml"), text);
    world
        .run(&["request"])
        .ended(0)
        .said("request.example-name");
    world
        .run(&["init", "--template", "private-xmp"])
        .ended(64)
        .said("did you mean private-xmpp?");
}

#[test]
fn advice_leads_on_and_never_back_to_itself() {
    let world = World::new();
    let refused = with_edge(
        &["plan", "--issuer-profile", "private-xmpp"],
        &["--san", "sip:contoso.com"],
    );
    let ran = world.run(&refused).ended(64);
    assert!(
        ran.stderr
            .contains("an issuer that grants URI-ID: the profile private-sip")
            && !ran.stderr.contains("private-xmpp"),
        "{}",
        ran.stderr
    );
    world
        .run(&["init", "--config", "sub/dir/x.toml"])
        .ended(3)
        .said("mkdir -p sub/dir");
    let ran = world.run(&["init", "--config", "sub/dir/x.toml"]);
    assert!(!ran.stderr.contains(".edgecert-tmp-"), "{}", ran.stderr);
    world
        .run(&["plan", "--config", "nosuch"])
        .ended(64)
        .said("edgecert init --config nosuch.toml");
    world
        .run(&["lab", "sign", "x.csr"])
        .ended(1)
        .said("edgecert lab ca");
    let deployment = "version = 1\n[edge]\nfqdn = \"edge.contoso.com\"\nsip-domains = [\"contoso.com\"]\n\
        [issuer.internal]\nprofile = \"ad-cs\"\n[certificate.external-edge]\n";
    world.write("ad.toml", deployment);
    world
        .run(&["plan", "--config", "ad.toml"])
        .ended(0)
        .said("issuer ad-cs")
        .said("template WebServer");
}

#[test]
fn a_plan_over_the_limit_does_not_lead_to_request() {
    let world = World::new();
    let components: Vec<String> = (0..30)
        .flat_map(|n| ["--component".to_owned(), format!("c{n}.contoso.com")])
        .collect();
    let components: Vec<&str> = components.iter().map(String::as_str).collect();
    let ran = world.run(&with_edge(&["plan"], &components)).ended(0);
    assert!(
        !ran.stdout.contains("next: edgecert request"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("split into"), "{}", ran.stdout);
    ran.said("contoso.com alone has 33 names of 25");
}

#[test]
fn a_dry_run_shows_what_the_real_run_finds() {
    let world = World::new();
    let more = ["--organization", "Contoso", "--key-type", "ed25519"];
    let arguments = with_edge(&["request", "--dry-run", "--json"], &more);
    let dry = world.run(&arguments).ended(0).json();
    let arguments = with_edge(&["request", "--json"], &more);
    let real = world.run(&arguments).ended(0).json();
    assert_eq!(dry["findings"], real["findings"]);
    assert_eq!(dry["findings"].as_array().unwrap().len(), 3);
    world
        .run(&with_edge(&["request", "--dry-run"], &["--country", "USA"]))
        .ended(64)
        .said("\"USA\" is no country code");
}

#[test]
fn plan_gives_every_name_its_reason() {
    let world = World::new();
    world
        .run(&with_edge(&["plan"], &["--component", "conference.contoso.com"]))
        .ended(0)
        .said("external-edge · issuer public-dv (DNS names only, at most 25) · uses sip-edge, xmpp-s2s")
        .said("component of contoso.com that talks to partners")
        .said("4 names of 25 · left out for this issuer");
    let plan = world
        .run(&with_edge(&["plan", "--json"], &[]))
        .ended(0)
        .json();
    let plan = contract(&plan, "edgecert.plan/1", false);
    let names: Vec<&str> = plan["names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["edge.contoso.com", "sip.contoso.com", "contoso.com"]
    );
    assert_eq!(plan["names"][2]["reasons"].as_array().unwrap().len(), 2);
    assert_eq!(plan["limit"], 25);
    assert!(!plan["left_out"].as_array().unwrap().is_empty());
    let private = with_edge(&["plan", "--json"], &["--issuer-profile", "private-xmpp"]);
    let private = world.run(&private).ended(0).json();
    let text = private["result"]["names"].to_string();
    assert!(
        text.contains("_xmpp-server.contoso.com") && text.contains("XmppAddr"),
        "{text}"
    );
    assert_eq!(world.files(""), [], "plan writes nothing");
}

#[test]
fn flags_alone_make_a_request_that_openssl_reads_and_its_reply_is_imported() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    let made = world
        .run(&with_edge(
            &["request", "--json"],
            &["--organization", "Contoso"],
        ))
        .ended(0)
        .json();
    let made = contract(&made, "edgecert.request/1", true);
    let csr = world.path(made["csr"].as_str().unwrap());
    let seen = ca.openssl(&[
        "req",
        "-verify",
        "-noout",
        "-text",
        "-in",
        csr.to_str().unwrap(),
    ]);
    for words in [
        "DNS:edge.contoso.com",
        "DNS:sip.contoso.com",
        "TLS Web Server Authentication",
    ] {
        assert!(seen.contains(words), "{seen}");
    }
    assert_eq!(mode(&world, made["key"].as_str().unwrap()), 0o600);
    assert_eq!(mode(&world, "edgecert.state"), 0o700);

    world.write("reply.pem", ca.reply(&csr));
    let dry = world.run(&["import", "reply.pem", "--dry-run"]).ended(0);
    dry.said("would be imported as external-edge, generation 1");
    let ran = world
        .run(&["import", "reply.pem"])
        .ended(0)
        .said("asked 3 names, granted 3 · asked serverAuth, granted serverAuth")
        .said("not judged")
        .said("imported as external-edge, generation 1");
    assert!(
        ran.stdout.contains("intermediate  Example CA E5"),
        "{}",
        ran.stdout
    );
    let again = world
        .run(&["import", "reply.pem", "--json"])
        .ended(0)
        .json();
    let again = contract(&again, "edgecert.import/1", false);
    assert_eq!(again["generation"], 1);
    assert_eq!(again["leaf"]["sans"].as_array().unwrap().len(), 3);
    world
        .run(&["request", "list"])
        .ended(0)
        .said("no request waits");
    world.run(&["log"]).ended(0).said("import");

    // A later reply for the same key becomes the next generation.
    world.write("later.pem", ca.reply(&csr));
    let later = world
        .run(&["import", "later.pem", "--json"])
        .ended(0)
        .json();
    assert_eq!(contract(&later, "edgecert.import/1", true)["generation"], 2);
}

#[test]
fn a_deployment_requests_imports_and_judges_by_its_own_roots() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&ca);
    world
        .run(&["needs-renewal"])
        .ended(0)
        .said("no generation yet");
    let dry = world
        .run(&["request", "--dry-run", "--json"])
        .ended(0)
        .json();
    assert_eq!(contract(&dry, "edgecert.request/1", false)["dry_run"], true);
    assert!(!world.path("edgecert.state").exists());
    let made = world.run(&["request", "--json"]).ended(0).json();
    let made = contract(&made, "edgecert.request/1", true);
    let csr = world.path(made["csr"].as_str().unwrap());
    // Leaf, intermediate and root in three files, in no order, one of them DER.
    world.write("leaf.pem", ca.sign(&csr));
    ca.openssl(&[
        "x509",
        "-in",
        "inter.pem",
        "-outform",
        "der",
        "-out",
        "inter.der",
    ]);
    let ran = world
        .run(&["import", "ca/root.pem", "ca/inter.der", "leaf.pem"])
        .ended(0)
        .said("ca/root.pem, not kept)")
        .said("next: edgecert assign");
    assert!(!ran.stdout.contains("not judged"), "{}", ran.stdout);
    let kept = world.read("edgecert.state/archive/external-edge/1/fullchain.pem");
    assert_eq!(
        kept.matches("BEGIN CERTIFICATE").count(),
        2,
        "the root is dropped"
    );
    world.run(&["needs-renewal"]).ended(1).said("not due");
    world.run(&["needs-renewal", "elsewhere"]).ended(2);
    world.run(&["needs-renewal", "--wrong"]).ended(255);
    world
        .run(&["renew", "--due"])
        .ended(0)
        .said("nothing is due");
}

#[test]
fn requesting_twice_gives_the_same_answer_twice() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&ca);
    let first = world.run(&["request", "--json"]).ended(0).json();
    let second = world.run(&["request", "--json"]).ended(0).json();
    let first = contract(&first, "edgecert.request/1", true);
    let second = contract(&second, "edgecert.request/1", false);
    assert_eq!(first["id"], second["id"]);
    world.run(&["request"]).ended(0).said("nothing to do");
    let other = world
        .run(&["request", "--key-type", "ec384", "--json"])
        .ended(0)
        .json();
    let other = contract(&other, "edgecert.request/1", true);
    assert_ne!(first["id"], other["id"]);
    world.run(&["request", "--another"]).ended(0);
    let listed = world.run(&["request", "list", "--json"]).ended(0).json();
    let listed = contract(&listed, "edgecert.request-list/1", false);
    assert_eq!(listed["requests"].as_array().unwrap().len(), 3);

    let id = other["id"].as_str().unwrap();
    let shown = world
        .run(&["request", "show", id, "--json"])
        .ended(0)
        .json();
    let shown = contract(&shown, "edgecert.request-show/1", false);
    assert_eq!(shown["asked"]["signature_ok"], true);
    let gone = world
        .run(&["request", "cancel", id, "--json"])
        .ended(0)
        .json();
    contract(&gone, "edgecert.request-cancel/1", true);
    world
        .run(&["request", "show", id])
        .ended(64)
        .said("request list");
    world.run(&["request", "cancel", id]).ended(64);
    world.run(&["log"]).ended(0).said("request-cancel");
}

#[test]
fn every_key_type_is_made_and_kept_by_its_own_folder() {
    let world = World::new();
    for key_type in ["rsa2048", "ec256", "ec384", "ed25519"] {
        let out = format!("out/{key_type}");
        let more = [
            "--key-type",
            key_type,
            "--issuer-profile",
            "private-xmpp",
            "--out",
            &out,
            "--json",
        ];
        let made = world.run(&with_edge(&["request"], &more)).ended(0).json();
        assert_eq!(
            contract(&made, "edgecert.request/1", true)["key_type"],
            key_type
        );
        assert_eq!(mode(&world, &out), 0o700);
        assert_eq!(mode(&world, &format!("{out}/privkey.pem")), 0o600);
    }
    assert!(
        !world.path("edgecert.state").exists(),
        "--out leaves the state alone"
    );
    // A public CA takes no Ed25519: a warning from flags alone.
    let more = ["--key-type", "ed25519", "--out", "warned"];
    world
        .run(&with_edge(&["request"], &more))
        .ended(0)
        .said("request.key-refused");
}

#[test]
fn what_was_requested_into_a_folder_is_imported_from_there() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world
        .run(&with_edge(&["request"], &["--out", "./out"]))
        .ended(0)
        .said("--request ./out");
    world.write("reply.pem", ca.reply(&world.path("out/csr.pem")));
    world
        .run(&["import", "reply.pem"])
        .ended(1)
        .said("answers no request");
    assert!(!world.path("edgecert.state").exists());
    world
        .run(&[
            "import",
            "reply.pem",
            "--request",
            "out",
            "--roots",
            "ca/root.pem",
        ])
        .ended(0)
        .said("imported as external-edge, generation 1");
    world
        .run(&["import", "reply.pem", "--key", "out/privkey.pem"])
        .ended(0)
        .said("nothing to do");
    assert!(world.path("out/privkey.pem").exists(), "copied, not moved");
    // Its record is kept as that of every other request, so that the next one asks the same.
    let made: serde_json::Value = serde_json::from_str(&world.read("out/request.json")).unwrap();
    let ledger = world.path("edgecert.state/requests/external-edge");
    let folder = std::fs::read_dir(ledger).unwrap().next().unwrap().unwrap();
    let text = std::fs::read_to_string(folder.path().join("request.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fields = ["issuer_profile", "uses", "names", "subject", "spki_sha256"];
    for field in fields {
        assert_eq!(kept[field], made[field], "{field}");
    }
    assert_eq!(kept["state"], "answered", "{kept:#}");
    assert!(!folder.path().join("privkey.pem").exists());
    world.run(&["renew"]).ended(0);
    let listed = world.run(&["request", "list", "--json"]).ended(0).json();
    let next = &listed["result"]["requests"][0];
    for field in &fields[..4] {
        assert_eq!(next[field], made[field], "{field}: {next:#}");
    }
}

#[test]
fn roots_that_the_import_alone_names_are_told_of_and_so_is_the_generation_that_has_the_key() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&OpensslCa::new(&world, "other"));
    let made = world.run(&["request", "--json"]).ended(0).json();
    let csr = made["result"]["csr"].as_str().unwrap();
    world.write("reply.pem", ca.reply(std::path::Path::new(csr)));
    world
        .run(&["import", "reply.pem"])
        .ended(1)
        .said("name it under `roots` in [issuer.public]; if it is");
    world
        .run(&["import", "reply.pem", "--roots", "ca/root.pem"])
        .ended(0)
        .said("go by `roots` in [issuer.public]");
    world
        .run(&["import", "reply.pem", "--cert", "nope"])
        .ended(1)
        .said("which external-edge/1 has already");
}

#[test]
fn an_existing_pair_is_adopted_as_it_is() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world
        .run(&with_edge(&["request"], &["--out", "old"]))
        .ended(0);
    world.write("full.pem", ca.reply(&world.path("old/csr.pem")));
    world.deployment(&ca);
    world
        .run(&["import", "full.pem", "old/privkey.pem", "--adopt"])
        .ended(0)
        .said("adopted as external-edge, generation 1");
    world
        .run(&["assign", "--gateway", "nope"])
        .ended(64)
        .said("nope is no gateway of external-edge");
    // The next request may use its key again.
    let made = world
        .run(&["request", "--reuse-key", "--json"])
        .ended(0)
        .json();
    let made = contract(&made, "edgecert.request/1", true);
    assert_eq!(made["key_reused"], true);
    let again = world
        .run(&["request", "--reuse-key", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        contract(&again, "edgecert.request/1", false)["id"],
        made["id"]
    );
    let new = world.run(&["request", "--json"]).ended(0).json();
    assert_ne!(
        contract(&new, "edgecert.request/1", true)["spki_sha256"],
        made["spki_sha256"]
    );
}

#[test]
fn keys_at_rest_are_encrypted_where_a_passphrase_is_set() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&ca);
    let text = world.read("edgecert.toml");
    world.write(
        "edgecert.toml",
        format!("{text}\n[key]\npassphrase = {{ env = \"PASS\" }}\n"),
    );
    world.run(&["request"]).ended(3).said("PASS");
    let pass = [("PASS", "correct horse")];
    let made = world
        .run_with(&["request", "--json"], &pass)
        .ended(0)
        .json();
    let made = contract(&made, "edgecert.request/1", true);
    assert!(
        world
            .read(made["key"].as_str().unwrap())
            .contains("BEGIN ENCRYPTED PRIVATE KEY")
    );
    world.write(
        "reply.pem",
        ca.reply(&world.path(made["csr"].as_str().unwrap())),
    );
    world.run_with(&["import", "reply.pem"], &pass).ended(0);
    let kept = world.read("edgecert.state/archive/external-edge/1/privkey.pem");
    assert!(kept.contains("BEGIN ENCRYPTED PRIVATE KEY"));
}

#[test]
fn renewal_through_a_program_is_one_run_and_twice_changes_nothing() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&ca);
    let text = world.read("edgecert.toml").replacen(
        "profile = \"public-dv\"",
        "profile = \"public-dv\"\nsubmit = [\"./ask-ca\"]",
        1,
    );
    world.write("edgecert.toml", text);
    world.write(
        "ask-ca",
        "#!/bin/sh\nset -e\ncat > ca/asked.csr\ntest -e ca/open || { echo 'the CA is closed' >&2; exit 7; }\n\
         now=$(date +%s)\nuntil test $(date +%s) -gt $now; do :; done\ncd ca\nopenssl ca -batch -config ca.cnf -in asked.csr -out leaf.pem -notext -cert inter.pem -keyfile inter.key \
         -create_serial -days 90 2>/dev/null\ncat leaf.pem inter.pem\n",
    );
    let script = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.path("ask-ca"), script).unwrap();

    world
        .run(&["renew", "--due", "--dry-run"])
        .ended(0)
        .said("would ask public-dv");
    assert!(!world.path("edgecert.state").exists());
    world
        .run(&["renew", "--due"])
        .ended(3)
        .said("the CA is closed")
        .said("exit status: 7");
    world.write("ca/open", "");
    let done = world.run(&["renew", "--due", "--json"]).ended(0).json();
    let done = contract(&done, "edgecert.renew/1", true);
    assert_eq!(done["certificates"][0]["action"], "renewed");
    assert_eq!(done["certificates"][0]["result"]["generation"], 1);
    let requests = world
        .run(&["request", "list", "--all", "--json"])
        .ended(0)
        .json();
    let requests = requests["result"]["requests"].as_array().unwrap().clone();
    assert_eq!(requests.len(), 1, "the request that waited was sent again");
    assert_eq!(requests[0]["state"], "answered");
    let link = std::fs::read_link(world.path("edgecert.state/live/external-edge")).unwrap();
    assert_eq!(link.to_str(), Some("../archive/external-edge/1"));
    let again = world.run(&["renew", "--due", "--json"]).ended(0).json();
    contract(&again, "edgecert.renew/1", false);
    world
        .run(&["renew", "--due"])
        .ended(0)
        .said("nothing is due");
}

#[test]
fn renewal_by_hand_says_where_the_csr_lies_and_is_never_doubled() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    let made = world
        .run(&with_edge(&["request", "--json"], &[]))
        .ended(0)
        .json();
    world.write(
        "reply.pem",
        ca.reply(&world.path(made["result"]["csr"].as_str().unwrap())),
    );
    world.run(&["import", "reply.pem"]).ended(0);
    world
        .run(&["renew", "--due"])
        .ended(0)
        .said("nothing is due");
    let first = world.run(&["renew", "--json"]).ended(0).json();
    let first = contract(&first, "edgecert.renew/1", true);
    assert_eq!(first["certificates"][0]["action"], "requested");
    let second = world.run(&["renew", "--json"]).ended(0).json();
    let second = contract(&second, "edgecert.renew/1", false);
    assert_eq!(second["certificates"][0]["action"], "waits");
    let asked = &first["certificates"][0]["result"]["names"];
    assert_eq!(asked, &made["result"]["names"], "what the last one asked");
}

#[test]
fn a_request_that_the_plan_has_left_behind_is_not_sent_again() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&ca);
    world.run(&["request"]).ended(0);
    let text = world.read("edgecert.toml").replacen(
        "sip-domains = [\"contoso.com\"]",
        "sip-domains = [\"contoso.com\", \"fabrikam.com\"]",
        1,
    );
    world.write("edgecert.toml", text);
    world
        .run(&["renew", "--due", "--dry-run"])
        .ended(0)
        .said("+ dns:sip.fabrikam.com");
    let renewed = world.run(&["renew", "--due"]).ended(0);
    renewed.said("asks for other names").said("was made");
    let again = world.run(&["renew", "--due", "--json"]).ended(0).json();
    contract(&again, "edgecert.renew/1", false);
}

#[test]
fn one_certificate_that_fails_does_not_stop_the_others() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&ca);
    let text = world.read("edgecert.toml")
        + "\n[issuer.broken]\nprofile = \"private-xmpp\"\nsubmit = [\"/bin/false\"]\n\
           [certificate.internal]\nissuer = \"broken\"\nuses = [\"internal-edge\"]\n";
    world.write("edgecert.toml", text);
    world.run(&["renew"]).ended(64).said("--due");
    let ran = world.run(&["renew", "--due", "--json"]).ended(3).json();
    assert_eq!(ran["ok"], false);
    assert_eq!(ran["changed"], true);
    let all = ran["result"]["certificates"].as_array().unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|one| (&one["certificate"], &one["action"]))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(all[0]["action"], "requested");
    assert_eq!(all[1]["error"]["code"], "renew.submit-failed");
    world
        .run(&["renew", "--due"])
        .ended(3)
        .said("waits for its reply already")
        .said("exit status: 1");
}
