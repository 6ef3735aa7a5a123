//! Watching: files, folders, live endpoints and everything deployed; exit codes, the line for monitoring, the document.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
#[path = "world/served.rs"]
mod served;
mod world;

use edge::Edge;
use edgecert::x509::{KeyType, PrivateKey};
use served::{Ca, Leaf, Server, USUAL};
use std::net::TcpListener;
use std::process::Stdio;
use world::World;

#[test]
fn a_sound_file_is_ok_and_says_what_was_not_judged() {
    let world = World::new();
    Ca::new(&world).leaf(&world, "edge", &USUAL);
    let ran = world
        .run(&["check", "edge.pem"])
        .ended(0)
        .said("OK  1 of 1");
    assert!(
        ran.stdout.contains("names not judged · chain not judged"),
        "{}",
        ran.stdout
    );
    world
        .run(&[
            "check",
            "edge.pem",
            "--roots",
            "root.pem",
            "--name",
            "dns:contoso.com",
        ])
        .ended(0)
        .said("names ✓ · chain ✓");
}

#[test]
fn each_fault_of_a_file_has_its_code_and_its_exit() {
    let world = World::new();
    let ca = Ca::new(&world);
    ca.leaf(&world, "sound", &USUAL);
    ca.leaf(
        &world,
        "expired",
        &Leaf {
            from: -100,
            to: -3,
            ..USUAL
        },
    );
    ca.leaf(&world, "future", &Leaf { from: 5, ..USUAL });
    ca.leaf(
        &world,
        "nosan",
        &Leaf {
            names: &[],
            ..USUAL
        },
    );
    ca.leaf(
        &world,
        "soon",
        &Leaf {
            from: -80,
            to: 20,
            ..USUAL
        },
    );
    ca.leaf(
        &world,
        "now",
        &Leaf {
            from: -95,
            to: 5,
            ..USUAL
        },
    );
    let sound = world.read("sound.pem");
    world.write("truncated.pem", &sound[..300]);
    world.write("text.pem", "no certificate at all\n");
    world.write("mismatch.pem", &sound);
    world.write("mismatch.key", world.read("expired.key"));
    for (file, code, exit) in [
        ("expired.pem", "validity.expired", 2),
        ("future.pem", "validity.not-yet", 2),
        ("nosan.pem", "names.no-san", 2),
        ("soon.pem", "validity.ends-soon", 1),
        ("now.pem", "validity.ends-soon", 2),
        ("truncated.pem", "form.malformed", 2),
        ("text.pem", "form.malformed", 2),
        ("mismatch.pem", "key.mismatch", 2),
    ] {
        let document = world.run(&["check", file, "--json"]).ended(exit).json();
        assert_eq!(document["schema"], "edgecert.check/1");
        assert_eq!(document["exit_code"], exit);
        assert_eq!(document["findings"][0]["code"], code, "{document:#}");
        assert!(!document["findings"][0]["mend"].as_str().unwrap().is_empty());
    }
    world
        .run(&["check", "soon.pem", "-w", "10d", "-c", "5%"])
        .ended(0);
    world.run(&["check", "sound.pem", "-c", "95d"]).ended(2);
    world
        .run(&["check", "sound.pem", "-w", "10d", "-c", "20d"])
        .ended(3)
        .said("let -w be larger");
}

#[test]
fn what_cannot_be_looked_at_is_unknown_and_hides_nothing_worse() {
    let world = World::new();
    let ca = Ca::new(&world);
    ca.leaf(
        &world,
        "soon",
        &Leaf {
            from: -80,
            to: 20,
            ..USUAL
        },
    );
    ca.leaf(
        &world,
        "expired",
        &Leaf {
            from: -100,
            to: -3,
            ..USUAL
        },
    );
    world.run(&["check", "none.pem"]).ended(3).said("UNKNOWN");
    world.run(&["check", "none.pem", "soon.pem"]).ended(1);
    world
        .run(&["check", "none.pem", "soon.pem", "expired.pem"])
        .ended(2);
    let huge = std::fs::File::create(world.path("huge.pem")).unwrap();
    huge.set_len(1 << 30).unwrap();
    world
        .run(&["check", "huge.pem"])
        .ended(3)
        .said("larger than");
    world
        .run(&["check", "xmpp:contoso .com"])
        .ended(3)
        .said("give the bare host name");
    world
        .run(&["check"])
        .ended(3)
        .said("there is nothing to check");
    world
        .run(&["check", "nothing"])
        .ended(3)
        .said("it is not HOST:PORT either");
    world
        .run(&["check", "edge.pem", "--protocol", "xmmp"])
        .ended(3)
        .said("xmpp");
}

#[test]
fn folders_are_walked_and_other_files_are_counted_only() {
    let world = World::new();
    let ca = Ca::new(&world);
    ca.leaf(&world, "certs/a/edge", &USUAL);
    ca.leaf(
        &world,
        "certs/b/old",
        &Leaf {
            from: -100,
            to: -3,
            ..USUAL
        },
    );
    world.write("certs/README", "words");
    world.write("certs/ca.der", ca.root.der());
    std::os::unix::fs::symlink("../a/edge.pem", world.path("certs/b/link.pem")).unwrap();
    std::os::unix::fs::symlink("..", world.path("certs/b/loop")).unwrap();
    let document = world.run(&["check", "certs", "--json"]).ended(2).json();
    let summary = &document["result"]["summary"];
    assert_eq!(
        (&summary["ok"], &summary["critical"]),
        (&2.into(), &1.into()),
        "{document:#}"
    );
    assert_eq!(summary["skipped"], 3, "{document:#}");
    let targets: Vec<&str> = document["result"]["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["target"].as_str().unwrap())
        .collect();
    assert_eq!(
        targets,
        ["certs/a/edge.pem", "certs/b/old.pem", "certs/ca.der"]
    );
    let certificate = &document["result"]["targets"][0]["certificate"];
    for key in [
        "subject",
        "issuer",
        "sans",
        "not_before",
        "not_after",
        "days_left",
        "life_left_percent",
        "sha256",
        "spki_sha256",
        "serial",
    ] {
        assert!(!certificate[key].is_null(), "{key}: {certificate:#}");
    }
    assert_eq!(certificate["sans"][0], "dns:edge.contoso.com");
    // One row a target, the bad one first to be read.
    let nagios = world
        .run(&["check", "certs", "--format", "nagios"])
        .ended(2);
    let first = nagios.stdout.lines().next().unwrap();
    assert!(
        first.starts_with("CERTIFICATES CRITICAL - 1 of 3: certs/b/old.pem"),
        "{first}"
    );
    assert!(
        first.contains(
            " | ok=2;;;0;3 warning=0;0;;0;3 critical=1;;0;0;3 unknown=0;;;0;3 days_left_min=-"
        ),
        "{first}"
    );
}

#[test]
fn the_layout_of_certbot_and_of_the_state_is_no_fault() {
    let edge = Edge::new();
    edge.generation(&[]);
    let check = |folder: &str, targets: &[&str]| {
        let arguments = ["check", folder, "--roots", "ca/root.pem", "--json"];
        let document = edge.world.run(&arguments).ended(0).json();
        let seen: Vec<&str> = document["result"]["targets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["target"].as_str().unwrap())
            .collect();
        assert_eq!(seen, targets, "{document:#}");
    };
    // Leaf and chain are parts of fullchain.pem, and are judged there.
    let archive = "edgecert.state/archive/external-edge/1";
    check(archive, &[&format!("{archive}/fullchain.pem")]);
    let file = |name: &str| edge.world.read(&format!("{archive}/{name}.pem"));
    let (cert, chain) = (file("cert"), file("chain"));
    edge.world.write("split/cert3.pem", &cert);
    edge.world.write("split/chain3.pem", &chain);
    check("split", &["split/cert3.pem", "split/chain3.pem"]);
    edge.world.write("lone/chain.pem", &chain);
    check("lone", &["lone/chain.pem"]);
    edge.world.write("alone/cert.pem", &cert);
    edge.world
        .run(&["check", "alone", "--roots", "ca/root.pem"])
        .ended(2)
        .said("is missing");
}

#[test]
fn a_host_without_a_port_and_a_mistyped_certificate_are_told_what_to_write() {
    let edge = Edge::new();
    for (target, why, mend) in [
        ("127.0.0.1", "a port from 1 to 65535", "127.0.0.1:5269"),
        ("contoso.com", "a port from 1 to 65535", "contoso.com:5061"),
        ("127.0.0.1:99999", "99999 is no port", "127.0.0.1:5269"),
        (
            "external-egde",
            "no file or folder",
            "did you mean the certificate external-edge?",
        ),
    ] {
        edge.world
            .run(&["check", target])
            .ended(3)
            .said(why)
            .said(mend);
    }
}

#[test]
fn a_stopped_gateway_is_told_once_with_the_command_that_starts_it() {
    let (edge, gateway) = Edge::assigned();
    drop(gateway);
    let ran = edge
        .world
        .run(&["check"])
        .ended(2)
        .said("`edgecert gateway run front`");
    assert_eq!(
        ran.stdout.matches("live.unreachable").count(),
        1,
        "{}",
        ran.stdout
    );
    let rows = ran
        .stdout
        .lines()
        .filter(|line| line.starts_with("  front 127.0.0.1:"))
        .count();
    assert_eq!(rows, edge.listeners.len(), "{}", ran.stdout);
    // One that runs with nothing in its folder has to be given its pair.
    std::fs::remove_dir_all(edge.world.path("edgecert.gateway")).unwrap();
    let _gateway = edge.start();
    edge.world
        .run(&["check"])
        .ended(2)
        .said("`edgecert assign external-edge`");
}

#[test]
fn on_a_narrow_terminal_no_line_of_words_is_longer_than_it() {
    let (edge, _gateway) = Edge::assigned();
    let commands: [&[&str]; 4] = [
        &["check"],
        &["verify", "external-edge"],
        &["plan"],
        &["list"],
    ];
    for arguments in commands {
        for columns in ["60", "80", "120"] {
            let ran = edge.world.run_with(arguments, &[("COLUMNS", columns)]);
            let limit: usize = columns.parse().unwrap();
            for line in ran.stdout.lines() {
                assert!(
                    line.chars().count() <= limit,
                    "{arguments:?} {columns}: {line}"
                );
            }
        }
    }
}

#[test]
fn days_are_the_same_in_the_table_the_line_and_the_document() {
    let world = World::new();
    let ca = Ca::new(&world);
    ca.leaf(&world, "edge", &USUAL);
    ca.leaf(
        &world,
        "old",
        &Leaf {
            from: -100,
            to: -3,
            ..USUAL
        },
    );
    ca.leaf(&world, "future", &Leaf { from: 5, ..USUAL });
    let document = world.run(&["check", "edge.pem", "--json"]).ended(0).json();
    let days = &document["result"]["targets"][0]["certificate"]["days_left"];
    assert!(days.is_i64(), "{days}");
    world
        .run(&["check", "edge.pem"])
        .said(&format!("{days} days left (90%)"));
    world
        .run(&["verify", "edge.pem", "--roots", "root.pem"])
        .said(&format!("{days} days left"));
    world
        .run(&["check", "edge.pem", "--format", "nagios"])
        .said(&format!("ends first, in {days} days"))
        .said(&format!(
            "days_left_min={days};25:;10: 'edge.pem'={days};25:;10:"
        ));
    world
        .run(&["check", "old.pem", "--format", "nagios"])
        .ended(2)
        .said("(3 days ago)")
        .said("days_left_min=-");
    let ran = world
        .run(&["check", "future.pem"])
        .ended(2)
        .said("begins 20");
    assert!(!ran.stdout.contains("of its life"), "{}", ran.stdout);
}

#[test]
fn a_key_whose_passphrase_is_missing_is_not_passed_over_in_silence() {
    let edge = Edge::new();
    let text = edge.world.read("edgecert.toml");
    edge.world.write(
        "edgecert.toml",
        format!("{text}\n[key]\npassphrase = {{ env = \"EDGE_KEY_PASS\" }}\n"),
    );
    let with = &[("EDGE_KEY_PASS", "a long enough passphrase")];
    edge.world
        .run_with(&["request", "external-edge", "--new-key"], with)
        .ended(0);
    let requests = edge.world.path("edgecert.state/requests/external-edge");
    let id = std::fs::read_dir(requests)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| !name.starts_with('.'))
        .unwrap();
    let csr = format!("edgecert.state/requests/external-edge/{id}/csr.pem");
    edge.world
        .run(&["lab", "sign", &csr, "--ca", "ca", "--out", "reply.pem"])
        .ended(0);
    edge.world.run_with(&["import", "reply.pem"], with).ended(0);
    edge.world
        .run_with(&["verify"], with)
        .ended(0)
        .said("the private key is its own");
    edge.world
        .run(&["verify"])
        .ended(1)
        .said("environment variable EDGE_KEY_PASS")
        .said("set EDGE_KEY_PASS")
        .said("WARNING");
    edge.world
        .run(&["check", "-v"])
        .said("environment variable EDGE_KEY_PASS");
}

#[test]
fn an_xmpp_port_asked_for_direct_tls_says_which_protocol_to_try() {
    let (edge, _gateway) = Edge::assigned();
    let target = edge.listeners[0].to_string();
    edge.world
        .run(&["check", &target, "--protocol", "tls"])
        .ended(2)
        .said("try --protocol xmpp-server");
}

#[test]
fn monitoring_gets_its_line_even_when_nothing_can_be_checked() {
    let world = World::new();
    let ran = world.run(&["check", "--format", "nagios"]).ended(3);
    assert!(ran.stdout.starts_with("UNKNOWN - "), "{}", ran.stdout);
    world.write("edgecert.toml", "version = 1\nnonsense = 2\n");
    let ran = world.run(&["check", "--format", "nagios"]).ended(3);
    assert!(ran.stdout.starts_with("UNKNOWN - "), "{}", ran.stdout);
}

#[test]
fn lists_name_targets_with_their_protocol_and_name() {
    let world = World::new();
    Ca::new(&world).leaf(&world, "edge", &USUAL);
    let server = Server::start(&world, "edge", &[]);
    let Server(_, port) = &server;
    world.write(
        "targets.txt",
        format!("# ours\nedge.pem # at rest\n127.0.0.1:{port} protocol=tls name=contoso.com\n"),
    );
    let document = world
        .run(&[
            "check",
            "--targets",
            "targets.txt",
            "--roots",
            "root.pem",
            "--json",
        ])
        .ended(0)
        .json();
    let rows = document["result"]["targets"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["name"], "contoso.com");
    assert_eq!(rows[1]["kind"], "endpoint");
    world.write("targets.txt", "edge.pem\n127.0.0.1:1 protocol=smtp\n");
    world
        .run(&["check", "--targets", "targets.txt"])
        .ended(3)
        .said("line 2");
}

#[test]
fn live_endpoints_are_judged_by_what_they_serve() {
    let world = World::new();
    let ca = Ca::new(&world);
    ca.leaf(&world, "edge", &USUAL);
    ca.leaf(
        &world,
        "old",
        &Leaf {
            from: -100,
            to: -3,
            ..USUAL
        },
    );
    let (sound, old) = (
        Server::start(&world, "edge", &[]),
        Server::start(&world, "old", &[]),
    );
    let at = |server: &Server| format!("127.0.0.1:{}", server.1);
    let check = |target: &str, more: &[&str]| {
        world.run(&[&["check", target, "--roots", "root.pem"], more].concat())
    };
    check(&at(&sound), &["--servername", "edge.contoso.com"])
        .ended(0)
        .said("names ✓ · chain ✓");
    check(&at(&sound), &["--servername", "other.contoso.com"])
        .ended(2)
        .said("names.missing");
    check(&at(&old), &["--servername", "edge.contoso.com"])
        .ended(2)
        .said("validity.expired");
    check(
        "edge.contoso.com:5269",
        &["--connect", &at(&sound), "--protocol", "tls"],
    )
    .ended(0);
    // A port that waits for TLS says nothing to a stream header; one that is closed answers nobody.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = free.local_addr().unwrap().to_string();
    drop(free);
    check(&closed, &[]).ended(2).said("live.unreachable");
    world
        .run(&["check", &at(&sound), "--servername", "edge.contoso.com"])
        .ended(2)
        .said("chain.");
}

#[test]
fn a_file_without_a_key_of_ours_is_held_against_a_certificate_only_when_that_is_said() {
    let world = World::new();
    let ca = Ca::new(&world);
    ca.leaf(
        &world,
        "edge",
        &Leaf {
            names: &["dns:edge.contoso.com"],
            ..USUAL
        },
    );
    world.write(
        "edgecert.toml",
        "version = 1\n[edge]\nfqdn = \"edge.contoso.com\"\nxmpp-domains = [\"contoso.com\"]\n[issuer.public]\n\
         profile = \"public-dv\"\nroots = [\"root.pem\"]\n[certificate.external-edge]\nissuer = \"public\"\n\
         uses = [\"xmpp-s2s\"]\n",
    );
    world.run(&["check", "edge.pem"]).ended(0);
    world
        .run(&["check", "edge.pem", "--for", "external-edge"])
        .ended(2)
        .said("for none of the domains it serves");
    world.run(&["check"]).ended(1).said("has no generation yet");
    world
        .run(&["check", "edge.pem", "--for", "external-ege"])
        .ended(3)
        .said("external-edge");
}

#[test]
fn all_that_is_deployed_is_checked_at_rest_and_live() {
    let (edge, gateway) = Edge::assigned();
    let document = edge.world.run(&["check", "--json"]).ended(0).json();
    let rows = document["result"]["targets"].as_array().unwrap();
    assert_eq!(rows[0]["target"], "external-edge/1", "{document:#}");
    assert_eq!(rows[0]["held_against"], "external-edge");
    let live = rows.iter().filter(|row| row["kind"] == "endpoint").count();
    assert!(live >= edge.listeners.len(), "{document:#}");
    // A generation that lies ready is no fault; a gateway that stopped is one on every listener.
    edge.generation(&[]);
    edge.world.run(&["check"]).ended(0);
    edge.world
        .run(&["check", "external-edge", "--format", "nagios"])
        .ended(0);
    drop(gateway);
    edge.world
        .run(&["check"])
        .ended(2)
        .said("cannot be reached")
        .said("live.unreachable");
}

/// A foreign server on a listener of the edge, with `NAME.pem` and `NAME.key`.
fn answering(edge: &Edge, name: &str) -> Server {
    let address = edge.listeners[3];
    let child = std::process::Command::new("openssl")
        .current_dir(edge.world.folder())
        .args(["s_server", "-quiet", "-accept", &address.to_string()])
        .args(["-cert", &format!("{name}.pem")])
        .args(["-key", &format!("{name}.key")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child, address.port());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while std::net::TcpStream::connect(address).is_err() {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    server
}

#[test]
fn another_leaf_on_the_port_is_told_with_both_fingerprints() {
    let (edge, gateway) = Edge::assigned();
    drop(gateway);
    let ca = Ca::new(&edge.world);
    ca.leaf(&edge.world, "stranger", &USUAL);
    let _server = answering(&edge, "stranger");
    edge.world
        .run(&["check"])
        .ended(2)
        .said("serves another leaf than external-edge/1")
        .said("edgecert assign external-edge");
}

/// One type of signature is offered first, and a server with a key of another type ends that handshake.
#[test]
fn a_leaf_with_a_key_of_another_type_is_told_as_another_leaf() {
    let (edge, gateway) = Edge::assigned();
    drop(gateway);
    let made = std::process::Command::new("openssl")
        .current_dir(edge.world.folder())
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9",
        ])
        .args(["-subj", "/CN=rsa.example", "-keyout", "rsa.key", "-out"])
        .arg("rsa.pem")
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let _server = answering(&edge, "rsa");
    let document = edge.world.run(&["check", "--json"]).ended(2).json();
    let findings = document["findings"].as_array().unwrap();
    let address = edge.listeners[3].to_string();
    let there: Vec<_> = findings
        .iter()
        .filter(|one| one["place"].as_str().unwrap().contains(&address))
        .map(|one| (one["code"].as_str().unwrap(), one["why"].as_str().unwrap()))
        .collect();
    let (code, why) = there[0];
    assert_eq!(code, "live.other-leaf", "{there:?}");
    assert!(why.contains("rsa.example, RSA 2048"), "{why}");
    assert!(why.ends_with("with a key for ECDSA"), "{why}");
}

#[test]
fn an_assignment_that_was_killed_is_a_warning() {
    let (edge, _gateway) = Edge::assigned();
    edge.world.run(&["check"]).ended(0);
    let folder = edge.world.path("edgecert.state/transactions/external-edge");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let intent = r#"{"id":"external-edge","certificate":"external-edge","from":1,"to":2,"started":"2026-11-01T12:00:00Z","gateways":["front"],"kind":"assign"}"#;
    std::fs::write(folder.join("intent.json"), intent).unwrap();
    let document = edge.world.run(&["check", "--json"]).ended(1).json();
    assert_eq!(document["findings"][0]["code"], "doctor.unfinished");
    edge.world
        .run(&["check"])
        .ended(1)
        .said("begun at 2026-11-01 12:00:00 UTC")
        .said("`edgecert assign external-edge` finishes it");
}

#[test]
fn a_check_that_looked_at_nothing_is_never_green() {
    let world = World::new();
    Ca::new(&world).leaf(&world, "edge", &USUAL);
    std::fs::create_dir(world.path("none")).unwrap();
    world.write("list.txt", "# nothing yet\n");
    world.write("words/README", "words");
    for arguments in [
        &["check", "none"][..],
        &["check", "words"],
        &["check", "edge.pem", "none"],
        &["check", "--targets", "list.txt"],
        &["check", "--targets", "-"],
    ] {
        world
            .run(arguments)
            .ended(3)
            .said("there is nothing to check in");
    }
    world.write("empty/cert.pem", "");
    world.run(&["check", "empty"]).ended(2);
}

#[test]
fn broken_certificate_files_of_a_folder_are_judged_as_if_named() {
    let world = World::new();
    let ca = Ca::new(&world);
    ca.leaf(&world, "certs/edge", &USUAL);
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    world.write("certs/alone.pem", key.to_pem(None).unwrap().as_bytes());
    world.write("certs/zero.txt", "");
    world.write(
        "certs/params.pem",
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
    );
    world.run(&["check", "certs"]).ended(0).said("OK  1 of 1");
    for (file, bytes) in [
        ("zero.pem", &b""[..]),
        ("rnd.CRT", &b"\x93\x01\xfe\x77\x00\x81\x22"[..]),
        ("text.cer", b"words\n"),
        ("cut.der", &ca.root.der()[..100]),
    ] {
        let path = format!("certs/{file}");
        world.write(&path, bytes);
        for target in ["certs", path.as_str()] {
            let document = world.run(&["check", target, "--json"]).ended(2).json();
            assert_eq!(document["findings"][0]["code"], "form.malformed", "{file}");
        }
        std::fs::remove_file(world.path(&path)).unwrap();
    }
    let big = std::fs::File::create(world.path("certs/big.crt")).unwrap();
    big.set_len(20 << 20).unwrap();
    world.run(&["check", "certs"]).ended(3).said("larger than");
    world
        .run(&["check", "certs/big.crt"])
        .ended(3)
        .said("larger than");
}

#[test]
fn what_cannot_be_looked_at_is_a_finding_of_the_document() {
    let world = World::new();
    std::os::unix::fs::symlink("nowhere", world.path("dangling.pem")).unwrap();
    let huge = std::fs::File::create(world.path("huge.pem")).unwrap();
    huge.set_len(1 << 30).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(world.path("pipe.pem"))
        .status();
    assert!(made.unwrap().success());
    std::fs::create_dir(world.path("none")).unwrap();
    for target in ["dangling.pem", "huge.pem", "pipe.pem", "none"] {
        let document = world.run(&["check", target, "--json"]).ended(3).json();
        for findings in [
            &document["findings"],
            &document["result"]["targets"][0]["findings"],
        ] {
            assert_eq!(findings[0]["code"], "check.unreadable", "{document:#}");
            assert_eq!(findings.as_array().unwrap().len(), 1, "{document:#}");
        }
    }
    let nagios = world
        .run(&[
            "check", "edge.pem", "-w", "1d", "-c", "2d", "--format", "nagios",
        ])
        .ended(3)
        .stdout;
    assert!(nagios.starts_with("UNKNOWN - "), "{nagios}");
    assert_eq!(nagios.lines().count(), 1, "{nagios}");
}

#[test]
fn a_live_link_that_is_not_the_assignment_is_critical() {
    let (edge, _gateway) = Edge::assigned();
    edge.world.run(&["check"]).ended(0);
    let link = edge.world.path("edgecert.state/live/external-edge");
    let told = |why: &str| {
        let document = edge.world.run(&["check", "--json"]).ended(2).json();
        let finding = &document["findings"][0];
        assert_eq!(finding["code"], "live.link", "{document:#}");
        assert!(finding["why"].as_str().unwrap().contains(why), "{finding}");
        let mend = finding["mend"].as_str().unwrap();
        assert!(mend.ends_with("`edgecert assign external-edge`"), "{mend}");
        assert_eq!(mend.starts_with("move "), why != "is missing", "{mend}");
    };
    std::fs::remove_file(&link).unwrap();
    told("is missing");
    edge.world.run(&["assign", "external-edge"]).ended(0);
    edge.world.run(&["check"]).ended(0);
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("/etc", &link).unwrap();
    told("somewhere else");
    std::fs::remove_file(&link).unwrap();
    edge.world.run(&["assign", "external-edge"]).ended(0);
    edge.world.run(&["check"]).ended(0);
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("../archive/external-edge/9", &link).unwrap();
    told("generation 9");
    std::fs::remove_file(&link).unwrap();
    edge.world.run(&["assign", "external-edge"]).ended(0);
    edge.world.run(&["check"]).ended(0);
    let assignment = edge
        .world
        .files("edgecert.state")
        .into_iter()
        .find(|(name, _)| name.contains("assign") && name.ends_with(".json"))
        .map(|(name, _)| name)
        .unwrap();
    let assignment = match edge.world.path(&assignment) {
        path if path.exists() => path,
        _ => edge.world.path(&format!("edgecert.state/{assignment}")),
    };
    std::fs::write(assignment, "{").unwrap();
    let document = edge.world.run(&["check", "--json"]).ended(3).json();
    assert_eq!(document["findings"][0]["code"], "check.unreadable");
}

#[test]
fn monitoring_is_told_the_address_once() {
    let (edge, gateway) = Edge::assigned();
    drop(gateway);
    let ran = edge.world.run(&["check", "--format", "nagios"]).ended(2);
    let first = ran.stdout.lines().next().unwrap();
    let address = edge.listeners[0].to_string();
    assert_eq!(first.matches(&address).count(), 1, "{first}");
    assert!(
        first.contains(&format!("front {address}: cannot be reached")),
        "{first}"
    );
}
