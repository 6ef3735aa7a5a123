//! The wizard from answers files: a new request in an empty folder, in a deployment that is there, the second half on a
//! real gateway, and everything that can be wrong with answers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
#[path = "world/schema.rs"]
mod schema;
mod world;

use edge::Edge;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use world::{Ran, World};

const NEW: &str = "version = 1
[tasks]
task = \"new-request\"
[request-file]
file = \"send/external-edge.csr\"
[fqdn]
fqdn = \"edge.contoso.com\"
[sip-domains]
sip-domains = [\"contoso.com\", \"fabrikam.com\"]
[components]
components = [\"conference.contoso.com\"]
";

fn wizard(world: &World, answers: &str, more: &[&str]) -> Ran {
    world.write("answers.toml", answers);
    world.run(&[&["wizard", "--answers", "answers.toml"], more].concat())
}

fn done(world: &World, answers: &str) -> Value {
    let document = wizard(world, answers, &["--json"]).ended(0).json();
    schema::insist(world, &document);
    document
}

#[test]
fn answers_make_a_deployment_a_request_and_its_copy() {
    let world = World::new();
    let made = done(&world, NEW);
    assert_eq!(made["changed"], true);
    let result = &made["result"];
    assert_eq!(result["certificate"], "external-edge");
    let names = result["request"]["names"].as_array().unwrap();
    for name in [
        "dns:edge.contoso.com",
        "dns:sip.fabrikam.com",
        "dns:conference.contoso.com",
    ] {
        assert!(names.iter().any(|one| one == name), "{name}: {names:?}");
    }
    let csr = std::fs::read_to_string(result["request"]["csr"].as_str().unwrap()).unwrap();
    assert_eq!(world.read("send/external-edge.csr"), csr);
    // what was written is what every command reads, with its comments
    assert!(world.read("edgecert.toml").starts_with("## edgecert.toml"));
    world.run(&["plan"]).ended(0).said("sip.fabrikam.com");
    assert!(!world.path("edgecert.state/wizard.toml").exists());
    // the one command asks the same: nothing is to do
    let command = result["command"].as_str().unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    world.run(&words).ended(0).said("asks this already");
}

#[test]
fn a_request_that_a_program_has_sent_waits_no_more_and_is_repeated_by_renew() {
    let edge = Edge::new();
    let world = &edge.world;
    let script = format!(
        "#!/bin/sh\ncd '{}'\ncat > asked.csr\nexec '{}' lab sign asked.csr --ca ca\n",
        world.folder().display(),
        env!("CARGO_BIN_EXE_edgecert"),
    );
    world.write("ask-ca", script);
    std::fs::set_permissions(world.path("ask-ca"), PermissionsExt::from_mode(0o755)).unwrap();
    let told = "profile = \"public-dv\"\nsubmit = [\"./ask-ca\"]";
    let text = world.read("edgecert.toml");
    let text = text.replacen("profile = \"public-dv\"", told, 1);
    world.write("edgecert.toml", text);
    let _gateway = edge.start();
    let answers = "version = 1\n[tasks]\ntask = \"new-request\"\n[issuer]\nsend = \"submit\"\n";
    let ran = wizard(world, answers, &[]).ended(0);
    assert!(!ran.stdout.contains("waits"), "{}", ran.stdout);
    ran.said("renewed: external-edge/1")
        .said("the same again: edgecert renew external-edge --config");
    world
        .run(&["request", "list"])
        .ended(0)
        .said("no request waits");
}

#[test]
fn the_same_answers_again_change_nothing() {
    let world = World::new();
    done(&world, NEW);
    let before = (world.read("edgecert.toml"), world.files("edgecert.state"));
    let again = done(&world, NEW);
    assert_eq!(again["changed"], false);
    assert_eq!(again["result"]["config_changed"], false);
    assert_eq!(
        (world.read("edgecert.toml"), world.files("edgecert.state")),
        before
    );
}

#[test]
fn a_deployment_that_is_there_keeps_every_other_byte() {
    let world = World::new();
    world.init_of("--sip-domain contoso.com");
    let old = world.read("edgecert.toml") + "\n# ours: do not lose this\n[check]\njobs   =   7\n";
    world.write("edgecert.toml", &old);
    let answers = "version = 1\n[key]\nkey-type = \"rsa2048\"\nfriendly-name = \"\"\n[sip-domains]\nsip-domains = [\"contoso.com\", \"fabrikam.com\"]\n";
    let made = done(&world, answers);
    assert_eq!(made["result"]["config_changed"], true);
    assert_eq!(made["result"]["request"]["key_type"], "rsa2048");
    let new = world.read("edgecert.toml");
    let mut lines = new.lines();
    let changed: Vec<&str> = old
        .lines()
        .filter(|line| !lines.by_ref().any(|one| one == *line))
        .collect();
    // every old line but one stands there still, in its order
    let gone: Vec<&str> = old
        .lines()
        .filter(|line| !new.lines().any(|one| one == *line))
        .collect();
    assert_eq!(gone, ["sip-domains = [\"contoso.com\"]"], "{changed:?}");
    let came: Vec<&str> = new
        .lines()
        .filter(|line| !old.lines().any(|one| one == *line))
        .collect();
    assert_eq!(came.len(), 2, "{came:?}");
    assert!(new.ends_with("\n# ours: do not lose this\n[check]\njobs   =   7\n"));
}

#[test]
fn the_second_half_imports_judges_assigns_and_proves() {
    let edge = Edge::new();
    let world = &edge.world;
    let made = done(world, "version = 1\n[request-file]\nfile = \"edge.csr\"\n");
    assert_eq!(
        made["result"]["config_changed"], true,
        "the friendly name is new"
    );
    world
        .run(&[
            "lab",
            "sign",
            "edge.csr",
            "--ca",
            "ca",
            "--out",
            "reply.pem",
        ])
        .ended(0);
    let _gateway = edge.start();
    let import = "version = 1\n[tasks]\ntask = \"import\"\n[import]\nfile = \"reply.pem\"\n";
    let later = format!("{import}[verdict]\nassign = false\n");
    let taken = done(world, &later);
    assert_eq!(taken["result"]["generation"], 1);
    assert_eq!(taken["result"]["assigned"], false);
    assert_eq!(edge.live(), None);
    // what is due is offered first
    let assigned = done(world, "version = 1\n");
    assert_eq!(assigned["result"]["task"], "assign");
    assert_eq!(assigned["result"]["assigned"], true);
    assert_eq!(edge.served(), edge.certificate("reply.pem").facts().sha256);
    let again = done(world, import);
    assert_eq!(again["changed"], false, "{again:#}");
    let checked = done(world, "version = 1\n[tasks]\ntask = \"check\"\n");
    assert_eq!(checked["changed"], false);
    let renewed = done(world, "version = 1\n[tasks]\ntask = \"renew\"\n");
    assert_eq!(renewed["changed"], true);
    // and what waits can be given up
    let cancel = "version = 1\n[tasks]\ntask = \"resume\"\n[pending-shown]\naction = \"cancel\"\n";
    assert_eq!(done(world, cancel)["changed"], true);
    world
        .run(&["request", "list"])
        .ended(0)
        .said("no request waits");
}

#[test]
fn a_closed_reply_is_opened_by_the_passphrase_in_a_file() {
    let edge = Edge::new();
    let world = &edge.world;
    let made = done(world, "version = 1\n[request-file]\nfile = \"edge.csr\"\n");
    let sign = [
        "lab",
        "sign",
        "edge.csr",
        "--ca",
        "ca",
        "--out",
        "reply.pem",
    ];
    world.run(&sign).ended(0);
    let csr = made["result"]["request"]["csr"].as_str().unwrap();
    let key = std::path::Path::new(csr).with_file_name("privkey.pem");
    let sealed = std::process::Command::new("openssl")
        .args(["pkcs12", "-export", "-in", "reply.pem", "-inkey"])
        .arg(&key)
        .args(["-passout", "pass:geheim", "-out", "reply.pfx"])
        .current_dir(world.folder())
        .output()
        .unwrap();
    assert!(sealed.status.success(), "{sealed:?}");
    let secret = |text: &str, mode: u32| {
        world.write("pass.txt", text);
        let mode = PermissionsExt::from_mode(mode);
        std::fs::set_permissions(world.path("pass.txt"), mode).unwrap();
    };
    let import = "version = 1\n[tasks]\ntask = \"import\"\n[import]\nfile = \"reply.pfx\"\n";
    let whole = format!(
        "{import}[passphrase]\npassphrase-file = \"pass.txt\"\n[verdict]\nassign = false\n"
    );
    wizard(world, import, &[])
        .ended(64)
        .said("there is no answer for passphrase.passphrase-file");
    secret("geheim\n", 0o644);
    wizard(world, &whole, &[])
        .ended(64)
        .said("answers.toml, [passphrase] passphrase-file")
        .said("0644");
    secret("gemein\n", 0o600);
    wizard(world, &whole, &[])
        .ended(1)
        .said("does not open the PKCS#12 file");
    assert!(world.files("edgecert.state/archive").is_empty());
    secret("geheim\n", 0o600);
    let taken = wizard(world, &whole, &["--json"]).ended(0);
    assert_eq!(taken.json()["result"]["generation"], 1);
    for (place, text) in world.files("edgecert.state") {
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(!text.contains("geheim"), "{place:?}");
    }
    let told = format!("{}{}", taken.stdout, taken.stderr);
    assert!(!told.contains("geheim"), "{told}");
}

#[test]
fn a_reply_that_is_refused_ends_the_run_and_takes_nothing_in() {
    let world = World::new();
    done(&world, NEW);
    let other = World::new();
    done(&other, NEW);
    other.run(&["lab", "ca"]).ended(0);
    other
        .run(&[
            "lab",
            "sign",
            "send/external-edge.csr",
            "--out",
            "reply.pem",
        ])
        .ended(0);
    world.write("reply.pem", other.read("reply.pem"));
    let answers = "version = 1\n[tasks]\ntask = \"import\"\n[import]\nfile = \"reply.pem\"\n";
    let refused = wizard(&world, answers, &["--json"]).ended(1).json();
    schema::insist(&world, &refused);
    assert_eq!(refused["changed"], false);
    assert!(world.files("edgecert.state/archive").is_empty());
}

#[test]
fn more_names_than_the_issuer_takes_are_split_the_way_that_is_told() {
    let world = World::new();
    let domains: Vec<String> = (0..60).map(|number| format!("d{number}.com")).collect();
    let listed: Vec<String> = domains.iter().map(|one| format!("\"{one}\"")).collect();
    let answers = format!(
        "version = 1\n[fqdn]\nfqdn = \"edge.contoso.com\"\n[sip-domains]\nsip-domains = [{}]\n",
        listed.join(", ")
    );
    wizard(&world, &answers, &[])
        .ended(64)
        .said("`edgecert init`")
        .said("`edgecert plan --split`");
    let mut init = vec!["init", "--fqdn", "edge.contoso.com"];
    for domain in &domains {
        init.extend(["--sip-domain", domain]);
    }
    world.run(&init).ended(0);
    world.run(&["plan", "--split"]).ended(0);
    assert!(world.read("edgecert.toml").matches("[certificate.").count() > 1);
}

#[test]
fn wrong_answers_are_told_with_file_page_and_field() {
    for (answers, code, words) in [
        ("version = 1\n", 64, "there is no answer for fqdn.fqdn"),
        (
            "version = 1\n[fqdn]\nfqdn = \"edge\"\n",
            64,
            "answers.toml, [fqdn] fqdn",
        ),
        (
            "version = 1\n[fqdn]\nfdqn = \"edge.contoso.com\"\n",
            64,
            "did you mean \"fqdn\"?",
        ),
        ("version = 1\n[fqdn]\nfqdn = 5\n", 64, "answers.toml:3:8"),
        ("version = 1\n[tasks]\ntask = \"asign\"\n", 64, "assign"),
        (
            "version = 1\n[tasks]\ntask = \"assign\"\n",
            64,
            "import the CA's reply first",
        ),
        (
            "version = 1\n[location]\ncountry = \"KOR\"\n[fqdn]\nfqdn = \"edge.contoso.com\"\n",
            64,
            "two letters",
        ),
        (
            "version = 1\n[request-file]\nfile = \"answers.toml\"\n",
            64,
            "is there already",
        ),
        ("version = 3\n", 64, "answers.toml:1:11"),
        ("no toml", 64, "answers.toml:1:"),
    ] {
        let world = World::new();
        wizard(&world, answers, &[]).ended(code).said(words);
        assert!(!world.path("edgecert.toml").exists(), "{answers:?}");
        assert!(!world.path("edgecert.state").exists(), "{answers:?}");
    }
    let world = World::new();
    wizard(
        &world,
        "version = 1\n[fqdn]\nfqdn = \"edge\"\n",
        &["--lang", "ko"],
    )
    .ended(64)
    .said("레이블이 하나뿐입니다");
    world
        .run(&["wizard", "--answers", "none.toml"])
        .ended(1)
        .said("none.toml");
}

#[test]
fn what_cannot_be_written_leaves_everything_as_it_was() {
    let world = World::new();
    world.write("blocked", "a file, no folder");
    let answers = NEW.replace("send/", "blocked/");
    let before = world.read("blocked");
    wizard(&world, &answers, &[])
        .ended(1)
        .said("blocked exists already");
    assert_eq!(world.read("blocked"), before);
    assert!(!world.path("edgecert.toml").exists());
    world
        .run(&["request", "list"])
        .ended(0)
        .said("no request waits");
}

#[test]
fn without_a_terminal_and_without_answers_the_way_is_shown() {
    let world = World::new();
    for arguments in [&["wizard"][..], &["wizard", "-n"], &["wizard", "--plain"]] {
        let ran = world.run(arguments).ended(64);
        ran.said("--answers").said("edgecert request --fqdn");
    }
    world.run(&["init"]).ended(0);
    world
        .run(&["wizard"])
        .ended(64)
        .said("edgecert request --config edgecert.toml");
    let told = world.run(&["wizard", "--json"]).ended(64).json();
    schema::insist(&world, &told);
    assert_eq!(told["schema"], "edgecert.wizard/1");
}
