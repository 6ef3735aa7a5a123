//! The secrets of a whole life, a passphrase and a private key, looked for wherever they must not be: in what is told,
//! with every mistake made; in the state and its journal; in what programs are started with; in a gateway's log.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
mod world;

use edge::Edge;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use world::{Ran, World};

const PASSPHRASE: &str = "correct horse 7Q";
const WRONG: &str = "wrong horse 8R";

/// Notes all that it is started with: its words and environment, and those of the program that starts it.
const NOTE: &str = "#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/cmdline > seen\ntr '\\0' '\\n' < /proc/$$/environ >> seen\n\
                    tr '\\0' '\\n' < /proc/$PPID/cmdline >> seen\necho done >> seen\n";

/// What must not be found, each with what it is.
struct Secrets(Vec<(&'static str, Vec<u8>)>);

impl Secrets {
    /// Lines of the plain key's PEM tell it apart from all else, and so does its DER.
    fn of(world: &World, key: &str) -> Self {
        let openssl = |form: &str| {
            let output = Command::new("openssl")
                .args(["pkey", "-in", key, "-passin", "file:pass", "-outform", form])
                .current_dir(world.folder())
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            output.stdout
        };
        let pem = String::from_utf8(openssl("PEM")).unwrap();
        let lines = pem.lines().filter(|line| !line.starts_with("-----"));
        // The first line of a P-256 key is the same for all of them up to the scalar.
        let mut secrets: Vec<(&str, Vec<u8>)> = lines
            .take(2)
            .map(|line| ("a line of the key", line.as_bytes().to_vec()))
            .collect();
        assert_eq!(secrets.len(), 2, "{pem}");
        secrets.push(("the key's DER", openssl("DER")));
        secrets.push(("the passphrase", PASSPHRASE.into()));
        secrets.push(("a wrong passphrase", WRONG.into()));
        Self(secrets)
    }

    #[track_caller]
    fn are_not_in(&self, what: &str, bytes: &[u8]) {
        for (name, secret) in &self.0 {
            let found = bytes.windows(secret.len()).any(|part| part == secret);
            assert!(!found, "{name} is in {what}");
        }
    }
}

fn run(world: &World, told: &mut Vec<(String, Ran)>, arguments: &[&str]) {
    for form in [&[][..], &["-v"], &["--json"]] {
        let all = [arguments, form].concat();
        told.push((format!("{all:?}"), world.run(&all)));
    }
}

#[test]
fn secrets_of_a_whole_life_stand_where_they_belong_and_nowhere_else() {
    let edge = Edge::new();
    let world = &edge.world;
    world.write("pass", PASSPHRASE);
    world.write("wrong", WRONG);
    world.write("note", NOTE);
    for (name, mode) in [("pass", 0o600), ("wrong", 0o600), ("note", 0o755)] {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(world.path(name), mode).unwrap();
    }
    let text = world.read("edgecert.toml").replacen(
        "# [key]\n",
        "[key]\npassphrase = { file = \"pass\" }\n",
        1,
    );
    let files = format!(
        "\n[gateway.files.site]\ncertificate = \"external-edge\"\nreload = [{:?}]\n\
         prove = [{{ protocol = \"tls\", address = \"{}\", names = [\"edge.contoso.com\"] }}]\n\
         [[gateway.files.site.destination]]\ncontent = \"privkey\"\npath = {:?}\n\
         [[gateway.files.site.destination]]\ncontent = \"fullchain\"\npath = {:?}\n",
        world.path("note"),
        edge.listeners[3],
        world.path("site/key.pem"),
        world.path("site/cert.pem"),
    );
    world.write("edgecert.toml", text + &files);
    std::fs::create_dir(world.path("site")).unwrap();

    edge.generation(&[]);
    let _gateway = edge.start();
    let mut told = Vec::new();
    for arguments in [
        &["assign"][..],
        &["check"],
        &["verify"],
        &["list"],
        &["show", "external-edge"],
        &[
            "export",
            "--format",
            "pfx",
            "--out",
            "out.pfx",
            "--passphrase-file",
            "pass",
        ],
        &[
            "export",
            "--format",
            "pfx",
            "--out",
            "none/out.pfx",
            "--passphrase-file",
            "pass",
        ],
        &[
            "import",
            "--adopt",
            "out.pfx",
            "--passphrase-file",
            "wrong",
            "--cert",
            "other",
        ],
        &[
            "import",
            "--adopt",
            "out.pfx",
            "--passphrase-file",
            "pass",
            "--cert",
            "other",
        ],
        // A key where a certificate belongs, and a passphrase file that is not one.
        &["verify", "site/key.pem"],
        &["import", "site/key.pem"],
        &["check", "site/key.pem", "pass"],
        &["import", "out.pfx", "--passphrase-file", "site/key.pem"],
        &[
            "request",
            "--key",
            "site/key.pem",
            "--fqdn",
            "a.contoso.com",
            "--out",
            "out",
        ],
        &["--config", "site/key.pem", "plan"],
        &["--config", "pass", "plan"],
        &["wizard", "--answers", "pass"],
        &["partner", "import", "pass"],
        &[
            "rekey",
            "external-edge",
            "--compromised",
            "--reason",
            "a test",
        ],
        &["doctor"],
        &["log"],
    ] {
        run(world, &mut told, arguments);
    }
    assert!(world.path("out.pfx").exists(), "{told:#?}");
    assert!(world.read("seen").ends_with("done\n"));

    let secrets = Secrets::of(world, "edgecert.state/live/external-edge/privkey.pem");
    for (arguments, ran) in &told {
        assert!(!ran.stderr.contains("panicked"), "{arguments}: {ran:#?}");
        secrets.are_not_in(arguments, ran.stdout.as_bytes());
        secrets.are_not_in(arguments, ran.stderr.as_bytes());
    }
    let plain = std::fs::read(world.path("site/key.pem")).unwrap();
    assert!(
        plain
            .windows(64)
            .any(|part| part == secrets.0[0].1.as_slice()),
        "the server has its key"
    );
    let mut looked_at = 0;
    for (name, bytes) in world.files("") {
        let belongs = ["pass", "wrong", "site/key.pem"].contains(&name.as_str());
        // The gateway reads its own copy at its start, when nobody is there to say a passphrase.
        if belongs || name.starts_with("edgecert.gateway/") {
            continue;
        }
        looked_at += 1;
        secrets.are_not_in(&name, &bytes);
    }
    assert!(looked_at > 20, "{looked_at}");
}
