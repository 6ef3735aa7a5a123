//! A generation leaves in the form that somebody else takes, is read there by strangers, and never leaves unseen.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/schema.rs"]
mod schema;
mod world;

use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use world::{OpensslCa, World};

const PASSPHRASE: &str = "correct horse battery staple";

/// An edge with one generation, whose CA others may know as well.
struct Edge {
    world: World,
    ca: OpensslCa,
}

impl Edge {
    fn with_key(key_type: &str) -> Self {
        let world = World::new();
        let ca = OpensslCa::new(&world, "ca");
        world.deployment(&ca);
        let text = world.read("edgecert.toml");
        world.write(
            "edgecert.toml",
            text.replacen(
                "[certificate.external-edge]\n",
                "[certificate.external-edge]\nfriendly-name = \"Contoso édge\"\n",
                1,
            ),
        );
        let edge = Self { world, ca };
        edge.secret("pass.txt", PASSPHRASE);
        edge.generation(key_type);
        edge
    }

    fn new() -> Self {
        Self::with_key("ec256")
    }

    fn generation(&self, key_type: &str) {
        let made = self
            .world
            .run(&["request", "--new-key", "--key-type", key_type, "--json"])
            .ended(0)
            .json();
        let csr = self.world.path(made["result"]["csr"].as_str().unwrap());
        self.world.write("reply.pem", self.ca.reply(&csr));
        self.world.run(&["import", "reply.pem"]).ended(0);
    }

    fn secret(&self, name: &str, text: &str) {
        secret(&self.world, name, text);
    }

    /// The document of an export that ends well, held against its schema.
    fn exported(&self, arguments: &[&str]) -> Value {
        let all = [&["export", "--json"], arguments].concat();
        let document = self.world.run(&all).ended(0).json();
        schema::insist(&self.world, &document);
        document
    }

    fn openssl(&self, words: &str) -> String {
        openssl(&self.world, words)
    }

    /// The leaf of a file and that of the state are the same, and so are the keys.
    #[track_caller]
    fn insist_on_pair(&self, certificate: &str, key: &str) {
        let live = "edgecert.state/archive/external-edge/1";
        for (ours, theirs) in [
            (
                format!("x509 -in {live}/cert.pem -noout -fingerprint"),
                format!("x509 -in {certificate} -noout -fingerprint"),
            ),
            (
                format!("pkey -in {live}/privkey.pem -pubout"),
                format!("pkey -in {key} -pubout"),
            ),
        ] {
            assert_eq!(self.openssl(&ours), self.openssl(&theirs));
        }
    }

    fn journal(&self) -> Vec<Value> {
        let log = self.world.run(&["log", "--json"]).ended(0).json();
        log["result"]["entries"].as_array().unwrap().clone()
    }

    fn exports(&self) -> usize {
        let is_export = |entry: &&Value| entry["action"] == "export";
        self.journal().iter().filter(is_export).count()
    }
}

fn secret(world: &World, name: &str, text: &str) {
    world.write(name, format!("{text}\n"));
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(world.path(name), mode).unwrap();
}

/// What openssl says, on both outputs; words are divided by spaces.
fn openssl(world: &World, words: &str) -> String {
    let output = Command::new("openssl")
        .args(words.split(' '))
        .current_dir(world.folder())
        .env_remove("OPENSSL_CONF")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed by scripts/test");
    assert!(output.status.success(), "{words}: {output:?}");
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
}

fn mode(world: &World, name: &str) -> u32 {
    let there = std::fs::metadata(world.path(name)).unwrap();
    there.permissions().mode() & 0o7777
}

#[test]
fn pem_is_a_folder_that_openssl_reads_and_twice_is_once() {
    let edge = Edge::new();
    let document = edge.exported(&["--format", "pem"]);
    assert_eq!(document["changed"], true);
    assert_eq!(document["result"]["protection"], "none");
    edge.insist_on_pair("external-edge-1/cert.pem", "external-edge-1/privkey.pem");
    edge.openssl("verify -CAfile ca/root.pem -untrusted external-edge-1/chain.pem external-edge-1/fullchain.pem");
    assert_eq!(mode(&edge.world, "external-edge-1/privkey.pem"), 0o600);
    assert_eq!(mode(&edge.world, "external-edge-1/fullchain.pem"), 0o644);

    let before = edge.world.files("external-edge-1");
    let again = edge.exported(&["external-edge/1", "--format", "pem"]);
    assert_eq!(again["changed"], false);
    assert_eq!(edge.exports(), 1, "nothing left, nothing is journalled");
    // what is missing is written, what is there stays
    std::fs::remove_file(edge.world.path("external-edge-1/chain.pem")).unwrap();
    let mended = edge.exported(&["--format", "pem"]);
    assert_eq!(mended["changed"], true);
    assert_eq!(edge.world.files("external-edge-1"), before);

    edge.world.write("external-edge-1/cert.pem", "mine");
    edge.world
        .run(&["export", "--format", "pem"])
        .ended(1)
        .said("cert.pem")
        .said("it is there already, and such a file is never overwritten")
        .said("move it away, or name another place");
    assert_eq!(edge.world.read("external-edge-1/cert.pem"), "mine");
}

#[test]
fn a_key_in_pem_is_encrypted_where_a_passphrase_is_given() {
    let edge = Edge::new();
    let arguments = [
        "--format",
        "pem",
        "--out",
        "out/deep",
        "--passphrase-file",
        "pass.txt",
    ];
    assert_eq!(edge.exported(&arguments)["changed"], true);
    let key = edge.world.read("out/deep/privkey.pem");
    assert!(key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    edge.openssl("pkey -in out/deep/privkey.pem -passin file:pass.txt -out plain.pem");
    edge.insist_on_pair("out/deep/cert.pem", "plain.pem");
    // other bytes each time, and yet the same
    assert_eq!(edge.exported(&arguments)["changed"], false);
    edge.secret("other.txt", "another");
    let other = [&arguments[..4], &["--passphrase-file", "other.txt"]].concat();
    edge.world.run(&[&["export"], &other[..]].concat()).ended(1);
    edge.world
        .run(&["export", "--format", "pem", "--out", "out/deep"])
        .ended(1);
}

#[test]
fn pfx_is_read_by_openssl_with_name_and_pairing_in_both_schemes() {
    let edge = Edge::with_key("rsa2048");
    for (flags, file, told) in [
        (
            &[][..],
            "external-edge-1.pfx",
            [
                "MAC: sha256, Iteration 100000",
                "PKCS7 Encrypted data: PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256",
                "Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256",
            ],
        ),
        (
            &["--for", "windows-2016", "--out", "old.pfx"],
            "old.pfx",
            [
                "MAC: sha1, Iteration 100000",
                "PKCS7 Encrypted data: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 100000",
                "Shrouded Keybag: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 100000",
            ],
        ),
    ] {
        let arguments = [&["--format", "pfx", "--passphrase-file", "pass.txt"], flags].concat();
        let document = edge.exported(&arguments);
        assert_eq!(document["result"]["friendly_name"], "Contoso édge");
        assert_eq!(mode(&edge.world, file), 0o600);
        let said = edge.openssl(&format!(
            "pkcs12 -in {file} -passin file:pass.txt -nodes -info -out bags.pem"
        ));
        for words in told {
            assert!(said.contains(words), "{words}: {said}");
        }
        // openssl writes a name beyond ASCII as Latin-1
        let bags = std::fs::read(edge.world.path("bags.pem")).unwrap();
        let bags: String = bags.into_iter().map(char::from).collect();
        let named = bags.matches("friendlyName: Contoso édge").count();
        assert_eq!(named, 2, "the key and the leaf: {bags}");
        assert!(bags.contains("friendlyName: Example CA E5"), "{bags}");
        let ids: Vec<&str> = bags
            .lines()
            .filter(|line| line.contains("localKeyID"))
            .collect();
        assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
        edge.insist_on_pair("bags.pem", "bags.pem");
        assert_eq!(edge.exported(&arguments)["changed"], false);
    }
    // one file under the other's scheme is another file
    let modern = ["export", "--format", "pfx", "--passphrase-file", "pass.txt"];
    edge.world
        .run(&[&modern[..], &["--legacy"]].concat())
        .ended(1);
    // and our own reader takes it
    let other = World::new();
    std::fs::copy(edge.world.path("old.pfx"), other.path("old.pfx")).unwrap();
    secret(&other, "pass.txt", PASSPHRASE);
    let taken = other
        .run(&[
            "import",
            "old.pfx",
            "--adopt",
            "--passphrase-file",
            "pass.txt",
            "--json",
        ])
        .ended(0)
        .json();
    assert_eq!(taken["result"]["friendly_name"], "Contoso édge");
}

#[test]
fn lync_gets_rsa_keys_alone_and_is_told_what_to_run() {
    let edge = Edge::new();
    let arguments = [
        "export",
        "--format",
        "pfx",
        "--for",
        "lync",
        "--passphrase-file",
        "pass.txt",
    ];
    edge.world
        .run(&arguments)
        .ended(1)
        .said("Lync and Skype for Business take RSA keys alone, and it is EC P-256")
        .said("`edgecert request external-edge --new-key --key-type rsa2048`");
    assert_eq!(edge.exports(), 0);
    edge.generation("rsa2048");
    let ran = edge.world.run(&arguments).ended(0);
    let print = edge
        .openssl(
            "x509 -in edgecert.state/archive/external-edge/2/cert.pem -noout -fingerprint -sha1",
        )
        .trim()
        .split_once('=')
        .unwrap()
        .1
        .replace(':', "");
    for command in [
        "    certutil -csp \"Microsoft RSA SChannel Cryptographic Provider\" -importpfx external-edge-2.pfx\n",
        "    Import-CsCertificate -Path external-edge-2.pfx -Password (Read-Host) -PrivateKeyExportable $true\n",
        &format!(
            "    Set-CsCertificate -Type AccessEdgeExternal,DataEdgeExternal,AudioVideoAuthentication -Thumbprint {print}\n"
        ),
    ] {
        assert!(ran.stdout.contains(command), "{command}: {}", ran.stdout);
    }
    // Two ways in, of which one is taken.
    let at = |words: &str| {
        ran.stdout
            .find(words)
            .unwrap_or_else(|| panic!("{words}: {}", ran.stdout))
    };
    let order = [
        "  either, by certutil:\n    certutil ",
        "  or, where certutil may not be used:\n    Import-CsCertificate ",
        "  then, whichever it was:\n    Set-CsCertificate ",
    ]
    .map(at);
    assert!(order.is_sorted(), "{order:?}");
    assert!(!ran.stdout.contains(PASSPHRASE));
    assert!(!ran.stdout.contains("made folder"));
    let into = [&arguments[..], &["--out", "usb/stick/e.pfx"]].concat();
    let ran = edge.world.run(&into).ended(0);
    ran.said("made folder usb/stick\n");
    let ran = edge.world.run(&into).ended(0);
    assert!(!ran.stdout.contains("made folder"), "{}", ran.stdout);
    let into = [&arguments[..], &["--out", "j.pfx", "--json"]].concat();
    let document = edge.world.run(&into).ended(0).json();
    schema::insist(&edge.world, &document);
    let commands = &document["result"]["commands"];
    let of = |word: &str| commands[word].as_array().unwrap().len();
    assert_eq!((of("either"), of("or"), of("then")), (1, 1, 3));
    // Windows alone: certutil alone
    let arguments = [
        "--format",
        "pfx",
        "--for",
        "windows",
        "--passphrase-file",
        "pass.txt",
        "--out",
        "w.pfx",
    ];
    let document = edge.exported(&arguments);
    let commands = &document["result"]["commands"];
    let of = |word: &str| commands[word].as_array().unwrap().len();
    assert_eq!((of("either"), of("or"), of("then")), (1, 0, 0));
    assert_eq!(document["result"]["protection"], "passphrase");
    let ec = [&["external-edge/1"], &arguments[..6], &["--out", "ec.pfx"]].concat();
    let document = edge.exported(&ec);
    assert_eq!(
        document["result"]["commands"]["either"][0],
        "certutil -importpfx ec.pfx"
    );
}

#[test]
fn haproxy_gets_leaf_chain_and_key_without_an_empty_line() {
    let edge = Edge::new();
    edge.exported(&["--format", "haproxy", "--out", "edge.pem"]);
    let text = edge.world.read("edge.pem");
    let labels: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("-----BEGIN "))
        .collect();
    assert_eq!(
        labels,
        ["CERTIFICATE-----", "CERTIFICATE-----", "PRIVATE KEY-----"]
    );
    assert!(text.lines().all(|line| !line.is_empty()));
    edge.insist_on_pair("edge.pem", "edge.pem");
    assert_eq!(mode(&edge.world, "edge.pem"), 0o600);
    // a folder that is there takes it under its own name
    std::fs::create_dir(edge.world.path("certs")).unwrap();
    edge.exported(&["--format", "haproxy", "--out", "certs"]);
    assert_eq!(edge.world.read("certs/external-edge-1.pem"), text);
}

#[test]
fn kubernetes_gets_a_secret_also_through_a_pipe() {
    let edge = Edge::new();
    edge.exported(&["--format", "k8s", "--name", "1e3"]);
    let text = edge.world.read("external-edge-1.yaml");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..6],
        [
            "apiVersion: v1",
            "kind: Secret",
            "type: kubernetes.io/tls",
            "metadata:",
            "  name: \"1e3\"",
            "data:",
        ]
    );
    assert_eq!(lines.len(), 8, "{text}");
    for (line, key, file) in [
        (lines[6], "  tls.crt: ", "fullchain.pem"),
        (lines[7], "  tls.key: ", "privkey.pem"),
    ] {
        edge.world.write("one.b64", line.strip_prefix(key).unwrap());
        assert_eq!(
            edge.openssl("base64 -d -A -in one.b64"),
            edge.world
                .read(&format!("edgecert.state/archive/external-edge/1/{file}"))
        );
    }
    let piped = edge
        .world
        .run(&["export", "--format", "k8s", "--name", "1e3", "--out", "-"])
        .ended(0);
    assert_eq!(piped.stdout, text, "the file and nothing beside it");
    edge.world
        .run(&["export", "--format", "k8s", "--name", "Edge_1"])
        .ended(64)
        .said("\"Edge_1\" is no name of a Secret");
}

#[test]
fn lego_finds_its_files_under_its_own_names() {
    let world = World::new();
    for words in [
        "req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -subj /CN=Lab -days 30",
        "req -new -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem -subj /CN=*.contoso.com",
    ] {
        openssl(&world, words);
    }
    world.write("ext", "subjectAltName=DNS:contoso.com,DNS:*.contoso.com\n");
    openssl(
        &world,
        "x509 -req -in csr.pem -CA root.pem -CAkey root.key -days 20 -extfile ext -out leaf.pem",
    );
    world
        .run(&["import", "--adopt", "leaf.pem", "key.pem"])
        .ended(0);
    let out = ".lego/certificates";
    world
        .run(&["export", "--format", "lego", "--out", out])
        .ended(0);
    let names: Vec<String> = world.files(out).into_iter().map(|(name, _)| name).collect();
    let there = |ending: &str| format!("{out}/_.contoso.com.{ending}");
    // a root alone above it: lego keeps no issuer then
    assert_eq!(names, [there("crt"), there("json"), there("key")]);
    let resource: Value = serde_json::from_str(&world.read(&there("json"))).unwrap();
    assert_eq!(resource["domain"], "*.contoso.com");
    assert!(resource["certUrl"].is_string() && resource["certStableUrl"].is_string());
    assert_eq!(world.read(&there("crt")), world.read("leaf.pem"));

    let edge = Edge::new();
    edge.exported(&["--format", "lego"]);
    let folder = "external-edge-1-lego/edge.contoso.com";
    assert_eq!(
        edge.world.read(&format!("{folder}.issuer.crt")),
        edge.world.read("ca/inter.pem")
    );
    edge.insist_on_pair(&format!("{folder}.crt"), &format!("{folder}.key"));
}

#[test]
fn a_key_that_is_encrypted_at_rest_leaves_as_it_was_asked_for() {
    let edge = Edge::new();
    let next = next_to(&edge);
    let text = next.read("edgecert.toml").replacen(
        "[certificate.external-edge]\n",
        "[certificate.external-edge]\nkey = { passphrase = { file = \"rest.txt\" } }\n",
        1,
    );
    next.write("edgecert.toml", text);
    secret(&next, "rest.txt", "of this machine");
    edge.exported(&["--format", "sealed", "--passphrase-file", "pass.txt"]);
    copy(&edge, &next, "external-edge-1.sealed");
    next.run(&UNSEAL).ended(0);
    let kept = next.read("edgecert.state/archive/external-edge/1/privkey.pem");
    assert!(
        kept.contains("ENCRYPTED"),
        "the passphrase of the bundle is not that of the state"
    );
    next.run(&["export", "--format", "pem"]).ended(0);
    assert_eq!(
        next.read("external-edge-1/privkey.pem"),
        edge.world
            .read("edgecert.state/archive/external-edge/1/privkey.pem")
    );
}

#[test]
fn windows_gets_no_key_that_it_cannot_use() {
    let world = World::new();
    openssl(
        &world,
        "req -x509 -newkey ed25519 -nodes -keyout key.pem -out leaf.pem -subj /CN=edge.contoso.com -addext subjectAltName=DNS:edge.contoso.com -addext basicConstraints=critical,CA:FALSE -days 30",
    );
    world
        .run(&["import", "--adopt", "leaf.pem", "key.pem"])
        .ended(0);
    secret(&world, "pass.txt", PASSPHRASE);
    let arguments = ["export", "--format", "pfx", "--passphrase-file", "pass.txt"];
    world
        .run(&[&arguments[..], &["--for", "windows-2016"]].concat())
        .ended(1)
        .said("Windows takes RSA and EC keys for TLS, and it is Ed25519");
    world.run(&arguments).ended(0);
}

#[test]
fn what_may_not_leave_leaves_in_no_form() {
    let edge = Edge::new();
    let meta = "edgecert.state/archive/external-edge/1/meta.json";
    let (record, deployment) = (edge.world.read(meta), edge.world.read("edgecert.toml"));
    let forms = ["pem", "pfx", "haproxy", "k8s", "lego", "sealed"];
    let refused = |code: &str, mend: &str| {
        for form in forms {
            let mut arguments = vec!["export", "--format", form, "--json"];
            if ["pfx", "sealed"].contains(&form) {
                arguments.extend(["--passphrase-file", "pass.txt"]);
            }
            let document = edge.world.run(&arguments).ended(1).json();
            schema::insist(&edge.world, &document);
            assert_eq!(document["error"]["code"], code, "{form}");
            let told = document["error"]["mend"].as_str().unwrap();
            assert!(told.contains(mend), "{told}");
        }
    };
    let kept = record.replace("\"exportable\": true", "\"exportable\": false");
    assert_ne!(kept, record);
    edge.world.write(meta, kept);
    refused(
        "export.not-exportable",
        "`edgecert request external-edge --new-key`",
    );
    let marked = record.replace("\"compromised\": false", "\"compromised\": true");
    assert_ne!(marked, record);
    edge.world.write(meta, marked);
    refused(
        "export.compromised",
        "`edgecert request external-edge --new-key`",
    );
    edge.world.write(meta, &record);
    let closed = deployment.replacen(
        "[certificate.external-edge]\n",
        "[certificate.external-edge]\nkey = { exportable = false }\n",
        1,
    );
    edge.world.write("edgecert.toml", closed);
    refused("export.not-exportable", "`exportable = true`");
    assert_eq!(edge.exports(), 0);
}

#[test]
fn every_export_is_journalled_and_one_that_failed_as_well() {
    let edge = Edge::new();
    edge.exported(&["--format", "sealed", "--passphrase-file", "pass.txt"]);
    let journal = edge.journal();
    let line = journal.last().unwrap();
    assert_eq!(line["action"], "export");
    assert_eq!(line["certificate"], "external-edge");
    let place = edge.world.path("external-edge-1.sealed");
    for (key, value) in [
        ("generation", Value::from(1)),
        ("format", "sealed".into()),
        ("place", place.to_str().unwrap().into()),
    ] {
        assert_eq!(line["detail"][key], value, "{line:#}");
    }
    let text = edge.world.read("edgecert.state/journal.jsonl");
    assert!(!text.contains(PASSPHRASE) && !text.contains("PRIVATE"));
    edge.world
        .run(&["log"])
        .ended(0)
        .said("generation 1 as sealed to ");
    // a file stands where the folder should be
    edge.world
        .run(&[
            "export",
            "--format",
            "haproxy",
            "--out",
            "reply.pem/edge.pem",
        ])
        .ended(1);
    assert_eq!(edge.journal().last().unwrap()["action"], "export-failed");
    edge.world.run(&["log"]).ended(0);
}

#[test]
fn what_makes_no_sense_is_wrong_usage_with_the_way_out() {
    let edge = Edge::new();
    let pass = ["--passphrase-file", "pass.txt"];
    for (arguments, words) in [
        (vec!["--format", "pfx"], "--passphrase-file FILE"),
        (vec!["--format", "sealed"], "--passphrase-file FILE"),
        (
            vec!["--format", "haproxy", pass[0], pass[1]],
            "leave --passphrase-file out",
        ),
        (
            vec!["--format", "pem", "--for", "lync"],
            "write --format pfx",
        ),
        (vec!["--format", "k8s", "--legacy"], "write --format pfx"),
        (
            vec!["--format", "pem", "--name", "x"],
            "--out says where the file goes",
        ),
        (vec!["--format", "pem", "--out", "-"], "--out DIR"),
        (
            vec!["--format", "k8s", "--out", "-", "--json"],
            "leave --json out",
        ),
        (
            vec!["--format", "pem", "external-edge/9"],
            "there is no generation external-edge/9",
        ),
        (
            vec!["--format", "pem", "elsewhere"],
            "there is no certificate named",
        ),
    ] {
        let all = [&["export"], &arguments[..]].concat();
        edge.world.run(&all).ended(64).said(words);
    }
    assert_eq!(edge.exports(), 0);
}

/// Another edge with the same deployment, whose clock and CA are the same.
fn next_to(edge: &Edge) -> World {
    let world = World::new();
    world.write("edgecert.toml", edge.world.read("edgecert.toml"));
    secret(&world, "pass.txt", PASSPHRASE);
    world
}

fn copy(edge: &Edge, world: &World, name: &str) {
    std::fs::copy(edge.world.path(name), world.path(name)).unwrap();
}

const UNSEAL: [&str; 4] = [
    "import",
    "external-edge-1.sealed",
    "--passphrase-file",
    "pass.txt",
];

#[test]
fn a_sealed_generation_is_the_same_on_the_next_edge() {
    let edge = Edge::new();
    let seal = ["--format", "sealed", "--passphrase-file", "pass.txt"];
    assert_eq!(edge.exported(&seal)["changed"], true);
    assert_eq!(
        edge.exported(&seal)["changed"],
        false,
        "it is opened and compared"
    );
    let next = next_to(&edge);
    copy(&edge, &next, "external-edge-1.sealed");

    let told = next.run(&[&UNSEAL[..], &["--dry-run"]].concat()).ended(0);
    assert!(
        told.stdout
            .contains("external-edge-1.sealed: a sealed bundle of external-edge/1, opened")
    );
    let document = next
        .run(&[&UNSEAL[..], &["--json"]].concat())
        .ended(0)
        .json();
    schema::insist(&next, &document);
    assert_eq!(document["changed"], true);
    assert_eq!(document["result"]["source"], "sealed");
    assert_eq!(document["result"]["sealed_as"], "external-edge/1");
    for file in ["cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"] {
        let path = format!("edgecert.state/archive/external-edge/1/{file}");
        assert_eq!(next.read(&path), edge.world.read(&path), "{file}");
    }
    let sha = |world: &World| {
        let list = world.run(&["list", "--json"]).ended(0).json();
        let leaf = &list["result"]["certificates"][0]["certificate"]["sha256"];
        leaf.as_str().unwrap().to_owned()
    };
    assert_eq!(sha(&next), sha(&edge.world));
    let shown = next.run(&["show", "--json"]).ended(0).json();
    schema::insist(&next, &shown);
    assert_eq!(shown["result"]["generation"]["source"], "sealed");
    assert_eq!(
        shown["result"]["generation"]["sealed_as"],
        "external-edge/1"
    );
    assert_eq!(shown["result"]["generation"]["issuer_profile"], "public-dv");
    next.run(&["show"])
        .ended(0)
        .said("from a sealed bundle of external-edge/1");

    let again = next
        .run(&[&UNSEAL[..], &["--json"]].concat())
        .ended(0)
        .json();
    assert_eq!(again["changed"], false);
    assert_eq!(again["result"]["generation"], 1);
    // under another name it is the next generation of that one
    let other = [&UNSEAL[..], &["--cert", "other-edge", "--json"]].concat();
    assert_eq!(
        next.run(&other).ended(0).json()["result"]["certificate"],
        "other-edge"
    );
}

#[test]
fn a_bundle_that_is_not_whole_leaves_nothing() {
    let edge = Edge::new();
    edge.exported(&["--format", "sealed", "--passphrase-file", "pass.txt"]);
    let next = next_to(&edge);
    let bytes = std::fs::read(edge.world.path("external-edge-1.sealed")).unwrap();
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (bytes, words, mend) in [
        (
            &changed[..],
            "the passphrase does not open the sealed bundle",
            "compare the passphrase files",
        ),
        (
            &bytes[..bytes.len() / 2],
            "the sealed bundle is truncated",
            "copy the file again",
        ),
        (
            &[&bytes[..], b"x"].concat(),
            "something follows it",
            "copy the file again",
        ),
    ] {
        next.write("external-edge-1.sealed", bytes);
        next.run(&UNSEAL).ended(1).said(words).said(mend);
    }
    next.write("external-edge-1.sealed", &bytes);
    secret(&next, "wrong.txt", "another");
    next.run(&[
        "import",
        "external-edge-1.sealed",
        "--passphrase-file",
        "wrong.txt",
    ])
    .ended(1)
    .said("another passphrase, or a byte of the file was changed");
    next.run(&["import", "external-edge-1.sealed"])
        .ended(1)
        .said("--passphrase-file PASS");
    next.write("more.pem", "x");
    next.run(&[&UNSEAL[..], &["more.pem"]].concat())
        .ended(64)
        .said("give it alone");
    next.run(&[&UNSEAL[..], &["--adopt"]].concat())
        .ended(64)
        .said("give the bundle alone");
    assert!(!next.path("edgecert.state").exists(), "nothing was taken");
    // and elsewhere it is known for what it is
    next.run(&["verify", "external-edge-1.sealed"])
        .said("a sealed bundle, which is not read here");
}

#[test]
fn what_import_judges_is_judged_and_what_was_accepted_stays_accepted() {
    let edge = Edge::new();
    edge.exported(&["--format", "sealed", "--passphrase-file", "pass.txt"]);
    let next = next_to(&edge);
    copy(&edge, &next, "external-edge-1.sealed");
    // this edge serves one domain more
    let text = next.read("edgecert.toml");
    let wider = text.replace("\"contoso.com\"]", "\"contoso.com\", \"fabrikam.com\"]");
    assert_ne!(wider, text);
    next.write("edgecert.toml", &wider);
    next.run(&UNSEAL).ended(1).said("--accept names.missing");
    assert!(!next.path("edgecert.state").exists());
    let accept = [
        "--accept",
        "names.missing",
        "--reason",
        "it follows",
        "--json",
    ];
    let taken = next.run(&[&UNSEAL[..], &accept].concat()).ended(0).json();
    assert_eq!(taken["result"]["accepted"][0]["code"], "names.missing");

    // sealed again, it carries that along
    next.run(&[
        "export",
        "--format",
        "sealed",
        "--passphrase-file",
        "pass.txt",
        "--out",
        "on.sealed",
    ])
    .ended(0);
    let third = next_to(&edge);
    third.write("edgecert.toml", &wider);
    std::fs::copy(next.path("on.sealed"), third.path("external-edge-1.sealed")).unwrap();
    let taken = third
        .run(&[&UNSEAL[..], &["--json"]].concat())
        .ended(0)
        .json();
    assert_eq!(taken["result"]["accepted"][0]["reason"], "it follows");
    assert_eq!(taken["result"]["not_needed"], Value::Array(vec![]));
    // where it is no error, nothing is said of it
    let fourth = next_to(&edge);
    std::fs::copy(
        next.path("on.sealed"),
        fourth.path("external-edge-1.sealed"),
    )
    .unwrap();
    let taken = fourth
        .run(&[&UNSEAL[..], &["--json"]].concat())
        .ended(0)
        .json();
    assert_eq!(taken["result"]["accepted"], Value::Array(vec![]));
    assert_eq!(taken["result"]["not_needed"], Value::Array(vec![]));
}
