//! Units of systemd for a deployment: what they allow, that systemd reads them, and how exposed it finds them.
//!
//! `systemd-analyze` only reads: nothing is started here.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

#[path = "world/schema.rs"]
mod schema;

use std::path::{Path, PathBuf};
use std::process::Command;
use world::{Ran, World};

/// The exposure that `systemd-analyze security` may find at most, in tenths. Measured with systemd 252 and a server of
/// every kind: 3.2 for the services, 1.9 for the gateway, both below `/tmp`, which costs them `PrivateTmp=`.
const EXPOSED: &[(&str, u32)] = &[
    ("edgecert-assign-due.service", 32),
    ("edgecert-renew.service", 32),
    ("edgecert-gateway@front.service", 19),
];

const ASSIGN: &str = "edgecert-assign-due.service";

fn systemd_analyze(arguments: &[&str], units: &[PathBuf]) -> String {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .args(units)
        .env("SYSTEMD_COLORS", "0")
        .output()
        .expect("systemd-analyze is needed: apt-get install systemd");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

/// A deployment with an embedded gateway, a server of every kind, and files with a blank in their folder.
fn every_kind(world: &World) {
    let here = |name: &str| world.path(name).display().to_string();
    world.run(&["init", "--sip-domain", "contoso.com"]).ended(0);
    world.write(
        "nginx.conf",
        format!(
            "pid {0}/n.pid; error_log {0}/log/e.log; http {{ server {{ listen 443 ssl; }} }}",
            world.folder().display()
        ),
    );
    for (name, text) in [
        ("haproxy.cfg", "global\n"),
        ("turn.conf", "cipher-list=x\n"),
        ("tls.cfg", "[server:default]\n"),
        ("ejabberd.yml", "hosts: [contoso.com]\n"),
        ("prosody.cfg.lua", "VirtualHost \"contoso.com\"\n"),
    ] {
        world.write(&format!("conf/{name}"), text);
    }
    let pair = |name: &str| format!("cert-file = \"{name}/c.pem\"\nkey-file = \"{name}/k.pem\"\n");
    let tables = [
        "[gateway.embedded.front]\ncertificate = \"external-edge\"\nsocket = \"/run/edgecert/front.sock\"\n\
         directory = \"/var/lib/edgecert-gateway/front\"\nconnection-limit = 2000\n\
         [[gateway.embedded.front.listener]]\nprotocol = \"sips\"\nlisten = \"127.0.0.1:5061\"\nbackend = \"127.0.0.1:5060\"\n".to_owned(),
        "[gateway.prosody.chat]\ncertificate = \"external-edge\"\nconfig = \"conf/prosody.cfg.lua\"\ndirectory = \"prosody\"\n".to_owned(),
        "[gateway.ejabberd.chat2]\ncertificate = \"external-edge\"\nconfig = \"conf/ejabberd.yml\"\nfile = \"ejabberd/c.pem\"\n".to_owned(),
        format!("[gateway.kamailio.sip]\ncertificate = \"external-edge\"\nconfig = \"conf/tls.cfg\"\nrpc = \"/run/k.sock\"\n{}", pair("kamailio")),
        format!("[gateway.haproxy.balancer]\ncertificate = \"external-edge\"\nconfig = \"conf/haproxy.cfg\"\nfile = \"{}\"\npid-file = \"/run/h.pid\"\n", here("haproxy/c.pem")),
        format!("[gateway.nginx.web]\ncertificate = \"external-edge\"\nconfig = \"nginx.conf\"\n{}", pair("nginx")),
        format!("[gateway.coturn.relay]\ncertificate = \"external-edge\"\nconfig = \"conf/turn.conf\"\npid-file = \"/run/t.pid\"\n{}", pair("coturn")),
        "[gateway.files.mail]\ncertificate = \"external-edge\"\nreload = [\"/usr/bin/systemctl\", \"reload\", \"postfix\"]\n\
         [[gateway.files.mail.destination]]\ncontent = \"combined\"\npath = \"mail 100%/c.pem\"\n".to_owned(),
    ];
    let text = world.read("edgecert.toml");
    world.write("edgecert.toml", format!("{text}\n{}", tables.join("\n")));
    for name in [
        "prosody",
        "ejabberd",
        "kamailio",
        "haproxy",
        "nginx",
        "coturn",
        "mail 100%",
        "log",
    ] {
        std::fs::create_dir(world.path(name)).unwrap();
    }
}

fn shown(ran: &Ran, name: &str) -> String {
    let document = ran.json();
    let units = document["result"]["units"].as_array().unwrap();
    let unit = units.iter().find(|unit| unit["name"] == name);
    let unit = unit.unwrap_or_else(|| panic!("{name} is not among {document:#}"));
    unit["text"].as_str().unwrap().to_owned()
}

/// The values of a key, in order.
fn values<'u>(unit: &'u str, key: &str) -> Vec<&'u str> {
    let lines = unit.lines();
    lines
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .collect()
}

#[test]
fn units_write_the_state_and_the_folders_of_the_gateways_and_nothing_else() {
    let world = World::new();
    every_kind(&world);
    let ran = world.run(&["units", "--json"]).ended(0);
    schema::insist(&world, &ran.json());
    let unit = shown(&ran, ASSIGN);
    let here = world.folder().canonicalize().unwrap();
    let here = here.display();
    let mut expected: Vec<String> = [
        "coturn",
        "edgecert.state",
        "ejabberd",
        "haproxy",
        "kamailio",
    ]
    .iter()
    .map(|name| format!("{here}/{name}"))
    .collect();
    expected.push(format!("\"{here}/mail 100%%\""));
    expected.extend(["nginx", "prosody"].map(|name| format!("{here}/{name}")));
    // What `nginx -t` opens may be missing.
    expected.extend(["log", "n.pid"].map(|name| format!("-{here}/{name}")));
    assert_eq!(values(&unit, "ReadWritePaths"), expected, "{unit}");
    assert_eq!(
        values(&unit, "CapabilityBoundingSet"),
        [
            "CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER CAP_SETUID CAP_SETGID CAP_KILL CAP_NET_BIND_SERVICE"
        ]
    );
    assert!(
        unit.contains("# KILL: the signal to balancer, the signal to relay"),
        "{unit}"
    );
    // haproxy -c compiles regular expressions; the deployment lies in /tmp.
    assert_eq!(values(&unit, "MemoryDenyWriteExecute"), ["no"]);
    assert_eq!(values(&unit, "PrivateTmp"), ["no"]);
    assert_eq!(values(&unit, "ProtectSystem"), ["strict"]);
    assert!(!unit.contains("StateDirectory"), "{unit}");
    assert!(!unit.contains("--write-config"), "{unit}");
    let gateway = shown(&ran, "edgecert-gateway@front.service");
    assert_eq!(values(&gateway, "ReadWritePaths"), [""; 0], "{gateway}");
    assert_eq!(values(&gateway, "RuntimeDirectory"), ["edgecert"]);
    assert_eq!(
        values(&gateway, "StateDirectory"),
        ["edgecert-gateway edgecert-gateway/front"]
    );
    assert_eq!(values(&gateway, "CapabilityBoundingSet"), [""]);
    assert_eq!(values(&gateway, "LimitNOFILE"), ["4064"]);
    assert!(values(&gateway, "ExecStart")[0].ends_with("--non-interactive gateway run front"));
    assert!(shown(&ran, "edgecert.sysusers").contains("u edgecert-gateway"));
    // Nothing was written by showing.
    assert!(!world.path("edgecert.state").exists());
}

#[test]
fn configurations_are_written_only_where_that_is_asked_for() {
    let world = World::new();
    every_kind(&world);
    let ran = world.run(&["units", "--write-config", "--json"]).ended(0);
    let unit = shown(&ran, ASSIGN);
    let here = world.folder().canonicalize().unwrap();
    let writes = values(&unit, "ReadWritePaths").join("\n");
    assert!(
        writes.lines().any(|path| Path::new(path) == here),
        "{writes}"
    );
    assert!(values(&unit, "ExecStart")[0].ends_with("assign --due --write-config"));
    // `renew` never changes them.
    let renew = shown(&ran, "edgecert-renew.service");
    assert!(!renew.contains("--write-config"), "{renew}");
    let writes = values(&renew, "ReadWritePaths").join("\n");
    assert!(
        !writes.lines().any(|path| Path::new(path) == here),
        "{writes}"
    );
}

#[test]
fn units_name_the_program_in_use_and_the_files_of_this_machine() {
    let world = World::new();
    world.run(&["init", "--sip-domain", "contoso.com"]).ended(0);
    let config = world.path("the 1$ deployment.toml");
    std::fs::rename(world.path("edgecert.toml"), &config).unwrap();
    let text = std::fs::read_to_string(&config).unwrap()
        + "\n[key]\npassphrase = { credential = \"keys\" }\n";
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let state = world.path("kept");
    let state = state.to_str().unwrap();
    let ran = world
        .run(&["units", "--config", config, "--state", state, "--json"])
        .ended(0);
    let unit = shown(&ran, ASSIGN);
    let program = Path::new(env!("CARGO_BIN_EXE_edgecert"))
        .canonicalize()
        .unwrap();
    assert_eq!(
        values(&unit, "ExecStart"),
        [format!(
            "{} --config \"{}\" --state {state} --non-interactive assign --due",
            program.display(),
            config.replace('$', "$$")
        )]
    );
    // A condition is not taken apart into words.
    let conditions = [config.to_owned(), format!("{state}/layout.json")];
    assert_eq!(values(&unit, "ConditionPathExists"), conditions);
    assert_eq!(values(&unit, "CapabilityBoundingSet"), [""]);
    assert_eq!(
        values(&unit, "LoadCredentialEncrypted"),
        ["keys:/etc/credstore.encrypted/keys"]
    );
    assert_eq!(ran.json()["result"]["units"].as_array().unwrap().len(), 4);
}

#[test]
fn units_are_written_once_and_drift_is_told() {
    let world = World::new();
    world.run(&["init", "--sip-domain", "contoso.com"]).ended(0);
    let check = ["units", "--out", "system", "--check"];
    world
        .run(&check)
        .ended(1)
        .said("missing or different: edgecert-assign-due.service");
    assert!(!world.path("system").exists());
    let ran = world.run(&["units", "--out", "system", "--json"]).ended(0);
    schema::insist(&world, &ran.json());
    assert_eq!(ran.json()["changed"], true);
    world
        .run(&["units", "--out", "system"])
        .ended(0)
        .said("nothing to do");
    world.run(&check).ended(0);
    // The deployment grows.
    let text = world.read("edgecert.toml")
        + "\n[gateway.files.mail]\ncertificate = \"external-edge\"\n\
           [[gateway.files.mail.destination]]\ncontent = \"combined\"\npath = \"mail/c.pem\"\n";
    world.write("edgecert.toml", text);
    let ran = world.run(&check).ended(1);
    assert!(
        ran.stderr.contains("`edgecert units --out system`"),
        "{ran:#?}"
    );
    world
        .run(&["units", "--out", "system"])
        .ended(0)
        .said("2 of 4 units");
    world.run(&check).ended(0);
    // A unit of somebody else's is left alone, and no other is written.
    world.write("system/edgecert-renew.timer", "[Timer]\nOnCalendar=daily\n");
    std::fs::remove_file(world.path("system").join(ASSIGN)).unwrap();
    world
        .run(&["units", "--out", "system"])
        .ended(1)
        .said("edgecert-renew.timer was not made by this command");
    assert_eq!(
        world.read("system/edgecert-renew.timer"),
        "[Timer]\nOnCalendar=daily\n"
    );
    assert!(!world.path("system").join(ASSIGN).exists());
}

#[test]
fn systemd_reads_every_unit_without_a_complaint() {
    let world = World::new();
    every_kind(&world);
    world.run(&["units", "--out", "system dir"]).ended(0);
    let mut units: Vec<PathBuf> = std::fs::read_dir(world.path("system dir"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind != "sysusers"))
        .collect();
    units.sort();
    assert_eq!(units.len(), 5, "{units:?}");
    let said = systemd_analyze(&["verify", "--man=no"], &units);
    // A complaint that is no failure is told with the unit's name.
    assert!(!said.contains("edgecert"), "{said}");
}

#[test]
fn systemd_finds_the_services_no_more_exposed_than_was_measured() {
    let world = World::new();
    every_kind(&world);
    world.run(&["units", "--out", "system"]).ended(0);
    for (name, most) in EXPOSED {
        let threshold = format!("--threshold={most}");
        let said = systemd_analyze(
            &["security", "--offline=yes", "--no-pager", &threshold],
            &[world.path("system").join(name)],
        );
        assert!(said.contains("Overall exposure level"), "{said}");
    }
    // The threshold is one that systemd keeps: a unit without a fence is beyond it.
    world.write("bare.service", "[Service]\nExecStart=/bin/true\n");
    let bare = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--no-pager", "--threshold=32"])
        .arg(world.path("bare.service"))
        .output()
        .unwrap();
    assert!(!bare.status.success());
}
