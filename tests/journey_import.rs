//! What a CA sends, in whatever dress, becomes a generation; what it lacks is fetched where that is asked for; and what
//! is let through is let through knowingly.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use world::{OpensslCa, World};

/// A deployment with a CA whose root it knows, and a request that waits.
struct Waiting {
    world: World,
    ca: OpensslCa,
    csr: PathBuf,
}

impl Waiting {
    fn new() -> Self {
        let world = World::new();
        let ca = OpensslCa::new(&world, "ca");
        world.deployment(&ca);
        let made = world.run(&["request", "--json"]).ended(0).json();
        let csr = world.path(made["result"]["csr"].as_str().unwrap());
        Self { world, ca, csr }
    }

    /// The reply in files: `leaf.pem`, `reply.p7b` with leaf, intermediate and root.
    fn replied() -> Self {
        let waiting = Self::new();
        waiting
            .world
            .write("leaf.pem", waiting.ca.sign(&waiting.csr));
        let inter = waiting.ca.intermediate();
        waiting.ca.openssl(&[
            "crl2pkcs7",
            "-nocrl",
            "-outform",
            "DER",
            "-out",
            "../reply.p7b",
            "-certfile",
            "root.pem",
            "-certfile",
            inter.to_str().unwrap(),
            "-certfile",
            "../leaf.pem",
        ]);
        waiting
    }

    fn secret(&self, name: &str, text: &str) {
        self.world.write(name, text);
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.world.path(name), mode).unwrap();
    }

    fn imported(&self, arguments: &[&str]) -> Value {
        let all = [&["import", "--json"], arguments].concat();
        self.world.run(&all).ended(0).json()["result"].clone()
    }
}

#[test]
fn pkcs7_is_told_and_taken_in() {
    let waiting = Waiting::replied();
    let ran = waiting.world.run(&["import", "reply.p7b"]).ended(0);
    let mut lines = ran.stdout.lines();
    assert_eq!(lines.next(), Some("reply.p7b: PKCS#7, 3 certificates"));
    let leaf = lines.next().unwrap();
    assert!(
        leaf.starts_with("  leaf          edge.contoso.com  serial "),
        "{leaf}"
    );
    let inter = lines.next().unwrap();
    assert!(
        inter.starts_with("  intermediate  Example CA E5 → root Example Root X1 ("),
        "{inter}"
    );
    assert!(inter.ends_with("root.pem, not kept)"), "{inter}");
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("  answers       request ")
    );
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("  asked 3 names, granted 3 · ")
    );
}

fn fingerprints(result: &serde_json::Value) -> Vec<String> {
    let chain = result["chain"].as_array().unwrap();
    assert!(!chain.is_empty());
    chain.iter().map(|one| one["sha256"].to_string()).collect()
}

#[test]
fn every_dress_gives_the_same_generation() {
    let waiting = Waiting::replied();
    let first = waiting.imported(&["reply.p7b"]);
    assert_eq!(first["generation"], 1);
    let der = std::fs::read(waiting.world.path("reply.p7b")).unwrap();
    let pem = waiting
        .ca
        .openssl(&["pkcs7", "-inform", "DER", "-in", "../reply.p7b"]);
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(pem.replace("PKCS7", "CERTIFICATE").encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let bare: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    waiting.world.write("utf16.cer", utf16);
    waiting.world.write("bare.txt", bare);
    waiting.world.write(
        "mail/reply.txt",
        format!("Dear customer,\r\n{}bye", pem.replace('\n', "\r")),
    );
    waiting.world.write("mail/read.me", "nothing of interest");
    for file in ["utf16.cer", "bare.txt", "mail"] {
        let again = waiting.imported(&[file]);
        assert_eq!(again["generation"], 1, "{file}");
        // By fingerprint: the days that are left may turn over between two runs.
        assert_eq!(fingerprints(&again), fingerprints(&first), "{file}");
    }
    let mut child = waiting
        .world
        .command(&["import", "-", "--json"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&der).unwrap();
    let output = child.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["result"]["generation"], 1);
    assert_eq!(
        told["result"]["files"][0]["holds"],
        "PKCS#7, 3 certificates"
    );
}

#[test]
fn pkcs12_is_adopted_with_its_passphrase_and_told_what_it_is() {
    let waiting = Waiting::new();
    let id = waiting.csr.parent().unwrap().to_path_buf();
    let key = id.join("privkey.pem");
    waiting
        .world
        .write("leaf.pem", waiting.ca.sign(&waiting.csr));
    waiting.secret("pass.txt", "geheim");
    waiting.secret("wrong.txt", "gemein");
    let inter = waiting.ca.intermediate();
    waiting.ca.openssl(&[
        "pkcs12",
        "-export",
        "-legacy",
        "-inkey",
        key.to_str().unwrap(),
        "-in",
        "../leaf.pem",
        "-certfile",
        inter.to_str().unwrap(),
        "-name",
        "edge 2026",
        "-passout",
        "pass:geheim",
        "-out",
        "../edge.pfx",
    ]);
    let adopt = ["import", "edge.pfx", "--adopt"];
    let before = waiting.world.files("edgecert.state");
    waiting
        .world
        .run(&adopt)
        .ended(1)
        .said("the PKCS#12 file is encrypted")
        .said("--passphrase-file");
    let wrong = [&adopt[..], &["--passphrase-file", "wrong.txt"]].concat();
    waiting
        .world
        .run(&wrong)
        .ended(1)
        .said("does not open the PKCS#12 file");
    assert_eq!(before, waiting.world.files("edgecert.state"));
    let right = [&adopt[..], &["--passphrase-file", "pass.txt"]].concat();
    let ran = waiting.world.run(&right).ended(0);
    assert!(!ran.stdout.contains("geheim") && !ran.stderr.contains("geheim"));
    ran.said("edge.pfx: PKCS#12, 2 certificates, 1 private key")
        .said("\"edge 2026\" in the file")
        .said("RC2-40 and 3DES")
        .said("adopted as external-edge, generation 1");
    // without the key: verify and check read it through the same door
    let verify = [
        "verify",
        "edge.pfx",
        "--passphrase-file",
        "pass.txt",
        "--roots",
        "ca/root.pem",
    ];
    waiting.world.run(&verify).ended(0);
    waiting.world.run(&["verify", "edge.pfx"]).ended(3);
    waiting
        .world
        .run(&["check", "edge.pfx"])
        .ended(3)
        .said("encrypted");
    waiting.world.write(
        "folder/edge.pfx",
        std::fs::read(waiting.world.path("edge.pfx")).unwrap(),
    );
    waiting
        .world
        .write("folder/leaf.pem", waiting.world.read("leaf.pem"));
    let told = waiting.world.run(&["check", "folder", "--json"]).json();
    let codes: Vec<_> = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["code"].as_str().unwrap(),
                one["severity"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(codes.contains(&("check.unreadable", "note")), "{told:#}");
    assert_ne!(told["exit_code"], 3, "{told:#}");
}

#[test]
fn a_key_in_pkcs12_answers_a_request_made_elsewhere() {
    let waiting = Waiting::replied();
    let key = waiting.csr.parent().unwrap().join("privkey.pem");
    waiting.secret("pass.txt", "geheim");
    waiting.ca.openssl(&[
        "pkcs12",
        "-export",
        "-nocerts",
        "-inkey",
        key.to_str().unwrap(),
        "-passout",
        "pass:geheim",
        "-out",
        "../key.p12",
    ]);
    let told = waiting.imported(&[
        "reply.p7b",
        "--key",
        "key.p12",
        "--passphrase-file",
        "pass.txt",
    ]);
    assert_eq!(told["generation"], 1);
}

/// Serves answers by path on loopback until the test ends.
fn serve(answers: Vec<(&'static str, Vec<u8>)>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default();
            let answer = answers.iter().find(|(known, _)| *known == path);
            let answer = answer.map_or(&b"HTTP/1.1 404 Not Found\r\n\r\n"[..], |(_, bytes)| bytes);
            let _ = stream.write_all(answer);
        }
    });
    port
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn moved(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

impl Waiting {
    /// A leaf whose issuer lies at that URL.
    fn leaf_with_aia(&self, url: &str) -> String {
        let config = std::fs::read_to_string(self.world.path("ca/ca.cnf")).unwrap();
        self.world.write(
            "ca/aia.ext",
            format!("authorityInfoAccess=caIssuers;URI:{url}\nbasicConstraints=CA:FALSE\n"),
        );
        assert!(
            config.contains("copy_extensions"),
            "the CA takes the CSR's names"
        );
        let leaf = self.ca.sign_with(&self.csr, None, &["-extfile", "aia.ext"]);
        self.world.write("leaf.pem", &leaf);
        leaf
    }
}

#[test]
fn missing_intermediates_are_fetched_only_when_asked() {
    let waiting = Waiting::new();
    let der = |name: &str| {
        waiting
            .ca
            .openssl(&["x509", "-in", name, "-outform", "DER", "-out", "out.der"]);
        std::fs::read(waiting.world.path("ca/out.der")).unwrap()
    };
    let (inter, root) = (der("inter.pem"), der("root.pem"));
    waiting.ca.openssl(&[
        "crl2pkcs7",
        "-nocrl",
        "-certfile",
        "inter.pem",
        "-outform",
        "DER",
        "-out",
        "out.p7c",
    ]);
    let p7c = std::fs::read(waiting.world.path("ca/out.p7c")).unwrap();
    let chunked = [
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            p7c.len()
        )
        .into_bytes(),
        p7c,
        b"\r\n0\r\n\r\n".to_vec(),
    ]
    .concat();
    let port = serve(vec![
        ("/inter.cer", ok(&inter)),
        ("/inter.p7c", chunked),
        ("/other.cer", ok(&root)),
        ("/page.cer", ok(b"<html>sign in</html>")),
        ("/moved.cer", moved("/inter.cer")),
        ("/away.cer", moved("https://127.0.0.1/inter.cer")),
        ("/round.cer", moved("/round.cer")),
        (
            "/huge.cer",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n".to_vec(),
        ),
    ]);
    let url = |path: &str| format!("http://127.0.0.1:{port}/{path}");
    for (path, why) in [
        ("other.cer", "is not the issuer"),
        ("page.cer", "web page"),
        ("away.cer", "only http is asked"),
        ("round.cer", "redirects more than"),
        ("huge.cer", "99999999 bytes"),
        ("none.cer", "404"),
    ] {
        waiting.leaf_with_aia(&url(path));
        waiting
            .world
            .run(&["import", "leaf.pem", "--fetch-intermediates"])
            .ended(1)
            .said(why);
    }
    waiting.leaf_with_aia(&url("inter.cer"));
    waiting
        .world
        .run(&["import", "leaf.pem"])
        .ended(1)
        .said("Example CA E5")
        .said("--fetch-intermediates");
    for (path, generation) in [("inter.cer", 1), ("inter.p7c", 2), ("moved.cer", 3)] {
        waiting.leaf_with_aia(&url(path));
        let told = waiting.imported(&["leaf.pem", "--fetch-intermediates"]);
        assert_eq!(told["generation"], generation, "{path}");
        assert_eq!(told["fetched"][0]["url"], url(path), "{path}");
        assert_eq!(told["fetched"][0]["address"], format!("127.0.0.1:{port}"));
        assert_eq!(told["chain"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn findings_are_let_through_knowingly_and_some_never() {
    let waiting = Waiting::replied();
    waiting
        .world
        .run(&[
            "import",
            "reply.p7b",
            "--accept",
            "key.mismatch",
            "--reason",
            "x",
        ])
        .ended(64)
        .said("it can never be let through");
    waiting
        .world
        .run(&[
            "import",
            "reply.p7b",
            "--accept",
            "names.mising",
            "--reason",
            "x",
        ])
        .ended(64)
        .said("names.missing");
    let three = [
        "--accept",
        "names.missing",
        "--reason",
        "a",
        "--reason",
        "b",
    ];
    waiting
        .world
        .run(&[&["import", "reply.p7b"], &three[..]].concat())
        .ended(64);
    // the leaf alone has no way to the root
    let path = [
        "--accept",
        "chain.intermediate-missing",
        "--reason",
        "the gateway adds it",
    ];
    let more = ["--accept", "validity.expired", "--reason", "none"];
    let told = waiting.imported(&[&["leaf.pem"], &path[..], &more[..]].concat());
    assert_eq!(told["accepted"][0]["code"], "chain.intermediate-missing");
    assert_eq!(told["accepted"][0]["reason"], "the gateway adds it");
    assert_eq!(told["not_needed"][0], "validity.expired");
    waiting
        .world
        .run(&["show", "external-edge/1"])
        .ended(0)
        .said("the gateway adds it");
    waiting
        .world
        .run(&["log"])
        .ended(0)
        .said("the gateway adds it");
}

#[test]
fn what_is_left_out_is_listed() {
    let waiting = Waiting::replied();
    let other = OpensslCa::new(&waiting.world, "other");
    let all = [
        waiting.world.read("leaf.pem"),
        std::fs::read_to_string(waiting.ca.intermediate()).unwrap(),
        std::fs::read_to_string(waiting.ca.intermediate()).unwrap(),
        std::fs::read_to_string(other.intermediate()).unwrap(),
    ];
    waiting.world.write("all.pem", all.concat());
    let told = waiting.imported(&["all.pem"]);
    let because: Vec<&str> = told["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["because"].as_str().unwrap())
        .collect();
    assert_eq!(because, ["belongs to another chain", "stands there twice"]);
}

#[test]
fn another_root_names_the_partners_that_lack_it() {
    let waiting = Waiting::replied();
    waiting.imported(&["reply.p7b"]);
    let other = OpensslCa::new(&waiting.world, "other");
    let text = waiting.world.read("edgecert.toml").replace(
        &format!("roots = [\"{}\"]", waiting.ca.root().display()),
        &format!(
            "roots = [\"{}\", \"{}\"]",
            waiting.ca.root().display(),
            other.root().display()
        ),
    );
    let partner = |domain: &str, root: &str| {
        format!(
            "\n[[partner]]\ndomain = \"{domain}\"\ntype = \"federated\"\ntls = \"required\"\nsasl = \"optional\"\ndialback = true\nroots = [\"{root}\"]\n"
        )
    };
    waiting.world.write(
        "edgecert.toml",
        text + &partner("old.example", "ca/root.pem") + &partner("new.example", "other/root.pem"),
    );
    waiting.world.write("reply.pem", other.reply(&waiting.csr));
    // the request's key has moved into its generation; a later reply for it is the next one
    let told = waiting
        .world
        .run(&["import", "reply.pem", "--json"])
        .ended(0)
        .json();
    let found = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["code"] == "chain.root-changed")
        .unwrap_or_else(|| panic!("{told:#}"));
    let why = found["why"].as_str().unwrap();
    assert!(
        why.contains("old.example") && !why.contains("new.example"),
        "{why}"
    );
    assert_eq!(found["severity"], "warning");
}
