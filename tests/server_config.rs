//! `edgecert assign` where the servers' own configuration has to change for it, and where one port shows two certificates.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "servers/mod.rs"]
mod servers;
mod world;

use edgecert::assign::plan::Proof;
use edgecert::assign::prove::{Seen, look};
use edgecert::names::{Domain, Protocol};
use edgecert::probe::KeyKind;
use edgecert::x509::KeyType;
use servers::deployed::CERTIFICATE;
use servers::harm::{failure, lying, told};
use servers::stage::{Stage, beside};
use servers::{DOMAIN, Files, Lab, Prove, ejabberd, kamailio, nginx, place};
use std::path::Path;

/// What is refused without `--write-config` is shown, written with it, and taken back on failure.
#[track_caller]
fn config_is_written(stage: &Stage, config: &Path, new: &[&Path], reload: &'static str) {
    let before = lying(&[config]);
    let document = stage.refused(&["assign"], "gateway.config-needed");
    let changes = &document["result"]["plan"]["gateways"][0]["config_changes"][0];
    assert_eq!(
        changes["file"],
        config.display().to_string(),
        "{document:#}"
    );
    let diff = changes["diff"].as_array().unwrap();
    assert!(
        diff.iter().any(|line| line.to_string().contains('+')),
        "{changes:#}"
    );
    assert!(told(&stage.lab, &["assign"], 1).contains("--write-config"));
    stage
        .harm
        .arm(reload, config, "echo 'not today' >&2; exit 1");
    let write = ["assign", "--write-config"];
    failure(&stage.lab, &write, 3);
    assert!(stage.harm.is_spent());
    assert_eq!(lying(&[config]), before);
    assert_eq!(lying(new), []);
    stage.shows(stage.first);
    stage.assigned(&write, stage.second);
    assert_ne!(lying(&[config])[0].bytes(), before[0].bytes());
    stage
        .lab
        .world
        .run(&["assign"])
        .ended(0)
        .said("nothing to do");
}

#[test]
fn c01_kamailio_without_a_profile_for_the_files() {
    let lab = Lab::new();
    let server = kamailio::start(&lab, KeyType::Ec256);
    let stage = Stage::new(lab, server, "tls.reload");
    stage.edit("certs/example.pem", "certs/new.pem");
    stage.edit("certs/example.key", "certs/new.key");
    let (certificate, key) = (beside(&stage, "new.pem"), beside(&stage, "new.key"));
    let config = stage.server.config().with_file_name("tls.cfg");
    config_is_written(&stage, &config, &[&certificate, &key], "tls.reload");
}

#[test]
fn c02_nginx_without_the_pair() {
    let lab = Lab::new();
    let server = nginx::start(&lab, KeyType::Ec256, nginx::Names::Fixed);
    let stage = Stage::new(lab, server, "-s reload");
    stage.edit(&format!("certs/{DOMAIN}.pem"), "certs/new.pem");
    stage.edit(&format!("certs/{DOMAIN}.key"), "certs/new.key");
    let (certificate, key) = (beside(&stage, "new.pem"), beside(&stage, "new.key"));
    let config = stage.server.config().to_owned();
    config_is_written(&stage, &config, &[&certificate, &key], "-s reload");
}

#[test]
fn c03_ejabberd_without_a_pattern_for_the_file() {
    let lab = Lab::new();
    let server = ejabberd::start(&lab, KeyType::Ec256);
    let stage = Stage::new(lab, server, "reload_config");
    let config = stage.server.config().to_owned();
    let text = std::fs::read_to_string(&config).unwrap();
    let pattern = "*.pem\"";
    assert!(text.contains(pattern));
    let folder = beside(&stage, "");
    let named = format!(
        "{DOMAIN}.pem\"\n  - \"{}{}.pem\"",
        folder.display(),
        servers::SECOND
    );
    std::fs::write(&config, text.replace(pattern, &named)).unwrap();
    stage.edit(&format!("certs/{DOMAIN}.pem"), "certs/new.pem");
    let file = beside(&stage, "new.pem");
    config_is_written(&stage, &config, &[&file], "reload_config");
}

#[test]
fn c05_nginx_whose_site_is_a_link_as_debian_has_it() {
    use std::os::unix::fs::{MetadataExt, chown, symlink};
    let lab = Lab::new();
    let server = nginx::start(&lab, KeyType::Ec256, nginx::Names::Fixed);
    let main = server.config().to_owned();
    let folder = main.parent().unwrap().to_owned();
    let (available, enabled) = (folder.join("sites-available"), folder.join("sites-enabled"));
    for folder in [&available, &enabled] {
        std::fs::create_dir(folder).unwrap();
    }
    let (site, link) = (available.join("default"), enabled.join("default"));
    symlink("../sites-available/default", &link).unwrap();
    let text = std::fs::read_to_string(&main).unwrap();
    let (head, tail) = text.split_once("    server {").unwrap();
    let tail = tail.strip_suffix("}\n").unwrap();
    std::fs::write(&site, format!("    server {{{tail}")).unwrap();
    let include = format!("{head}    include {}/*;\n}}\n", enabled.display());
    std::fs::write(&main, include).unwrap();
    assert!(server.control(&["-s", "reload"]).status.success());
    let stage = Stage::new(lab, server, "-s reload");
    stage.edit(&format!("certs/{DOMAIN}.pem"), "certs/new.pem");
    stage.edit(&format!("certs/{DOMAIN}.key"), "certs/new.key");
    let (certificate, key) = (beside(&stage, "new.pem"), beside(&stage, "new.key"));
    let owner = folder.metadata().unwrap().uid();
    if servers::process::is_root() && owner != 0 {
        chown(&enabled, Some(owner), None).unwrap();
        // Who owns the folder above can put another folder of root in its place.
        for flags in [&["assign"][..], &["assign", "--dry-run", "--write-config"]] {
            stage.refused(flags, "assign.destination");
        }
        chown(&available, Some(owner), None).unwrap();
    }
    config_is_written(&stage, &site, &[&certificate, &key], "-s reload");
    let leads = std::fs::read_link(&link).unwrap();
    assert_eq!(leads, Path::new("../sites-available/default"));
}

/// Another certificate for the same names.
const RSA_EDGE: &str = "rsa-edge";

#[test]
fn c04_nginx_with_rsa_and_ecdsa_side_by_side() {
    let lab = Lab::new();
    let server = nginx::start(&lab, KeyType::Ec256, nginx::Names::Fixed);
    let Files::Pair(certificate, key) = server.files() else {
        panic!("nginx has a pair")
    };
    let (rsa_certificate, rsa_key) = (
        certificate.with_file_name("rsa.pem"),
        certificate.with_file_name("rsa.key"),
    );
    let pair = Files::Pair(rsa_certificate.clone(), rsa_key.clone());
    place(&pair, server.owner(), &lab.generation(KeyType::Rsa2048));
    let text = std::fs::read_to_string(server.config()).unwrap();
    let second = format!(
        "ssl_certificate {};\n        ssl_certificate_key {};\n        proxy_pass",
        rsa_certificate.display(),
        rsa_key.display()
    );
    std::fs::write(server.config(), text.replace("proxy_pass", &second)).unwrap();
    assert!(server.control(&["-s", "reload"]).status.success());

    let of_rsa = server
        .gateway("rsa", RSA_EDGE, Prove::Found)
        .replace(&format!("{certificate:?}"), &format!("{rsa_certificate:?}"))
        .replace(&format!("{key:?}"), &format!("{rsa_key:?}"));
    lab.deployment(&[
        format!(
            "\n[certificate.{RSA_EDGE}]\nissuer = \"public\"\nuses = [\"sip-edge\", \"xmpp-s2s\"]\n"
        ),
        server.gateway("ec", CERTIFICATE, Prove::Found),
        of_rsa,
    ]);
    let address = server.listeners()[0].address;
    let shows = |key_kind| {
        look(&Proof {
            protocol: Protocol::Tls,
            address,
            name: Some(Domain::parse(DOMAIN).unwrap()),
            key_kind,
            outbound: None,
        })
    };
    let of = |seen: Seen| match seen {
        Seen::Leaf(leaf, _) => leaf,
        Seen::Dark(why) => panic!("{why}"),
    };
    let ec = lab.imported(&["--key-type", "ec256"]);
    lab.world.run(&["assign", CERTIFICATE]).ended(0);
    assert_eq!(of(shows(KeyKind::Ecdsa)), ec);
    for _ in 0..2 {
        let rsa = lab.imported_as(RSA_EDGE, &["--key-type", "rsa2048"]);
        let done = lab
            .world
            .run(&["assign", RSA_EDGE, "--json"])
            .ended(0)
            .json();
        let listener = &done["result"]["standings"][0]["listeners"][0];
        assert_eq!(listener["sha256"], rsa.to_string(), "{done:#}");
        assert_eq!(of(shows(KeyKind::Rsa)), rsa);
        assert_eq!(of(shows(KeyKind::Ecdsa)), ec);
    }
}
