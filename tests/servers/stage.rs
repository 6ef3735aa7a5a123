//! A server in a deployment with harm at hand: assigned a first generation, with a second one to be assigned.

use super::deployed::CERTIFICATE;
use super::harm::{Harm, Lies, failure, lying};
use super::{Files, Lab, Prove, Server, Shows};
use edgecert::x509::{Fingerprint, KeyType};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How long a proof goes on: servers that keep the old pair are found out by its end alone. ejabberd answers its control
/// program before it shows the new one, on busy cores by more than 4 s.
fn prove_within(server: &Server) -> String {
    let within = match server.kind() {
        "ejabberd" => "15s",
        _ => "4s",
    };
    format!("\n[assign]\nprove-within = \"{within}\"\n")
}

/// A server that is assigned a first generation, a second one to be assigned, and harm at hand.
pub struct Stage {
    pub lab: Lab,
    pub server: Server,
    pub harm: Harm,
    pub first: Fingerprint,
    pub second: Fingerprint,
    /// The words of the control program's command line that make the server read its files.
    pub when: &'static str,
}

impl Stage {
    /// With harm before the server's control program.
    pub fn new(lab: Lab, server: Server, when: &'static str) -> Self {
        let harm = Harm::before(&lab, server.control_words());
        let own = format!("control = {:?}", server.control_words());
        let gateway = server.gateway("server", CERTIFICATE, Prove::Found);
        assert!(gateway.contains(&own));
        let gateway = gateway.replace(&own, &format!("control = {:?}", harm.words()));
        Self::of(lab, server, harm, gateway, when)
    }

    pub fn of(lab: Lab, server: Server, harm: Harm, gateway: String, when: &'static str) -> Self {
        lab.deployment(&[gateway, prove_within(&server)]);
        let first = lab.imported(&["--key-type", "ec256"]);
        lab.world.run(&["assign"]).ended(0);
        let second = lab.imported(&["--key-type", "ec256"]);
        let stage = Self {
            lab,
            server,
            harm,
            first,
            second,
            when,
        };
        stage.shows(first);
        stage
    }

    /// Changes the deployment.
    #[track_caller]
    pub fn edit(&self, from: &str, to: &str) {
        let text = self.lab.world.read("edgecert.toml");
        assert!(text.contains(from), "{from}: {text}");
        self.lab
            .world
            .write("edgecert.toml", text.replace(from, to));
    }

    /// What every listener shows.
    #[track_caller]
    pub fn shows(&self, leaf: Fingerprint) {
        for listener in self.server.listeners() {
            let wanted = match listener.shows {
                Shows::Changed => leaf,
                Shows::Kept => self.lab.second.leaf,
            };
            let shown = self.lab.trust.handshake(listener);
            assert_eq!(shown, Ok(wanted), "{listener}\n{}", self.server.log());
        }
    }

    pub fn files(&self) -> Vec<&Path> {
        match self.server.files() {
            Files::Pair(certificate, key) => vec![certificate, key],
            Files::Combined(file) => vec![file],
        }
    }

    /// Everything in their folder, as it lies there.
    fn folder(&self) -> Vec<Lies> {
        let folder = self.written().parent().unwrap();
        let entries = std::fs::read_dir(folder).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        lying(&paths)
    }

    /// The last of the files that is written.
    pub fn written(&self) -> &Path {
        self.files()[0]
    }

    /// Harm at the reload; everything is as before then, proved.
    #[track_caller]
    pub fn undone(&self, name: &str, lines: &str) -> Value {
        let before = self.folder();
        self.harm.arm(self.when, self.written(), lines);
        let document = failure(&self.lab, &["assign"], 3);
        assert!(self.harm.is_spent(), "{name}: {document:#}");
        assert_eq!(self.folder(), before, "{name}");
        assert_eq!(document["changed"], false, "{name}: {document:#}");
        assert_eq!(document["result"]["standings"][0]["proved"], true, "{name}");
        let place = document["error"]["where"].as_str().unwrap();
        assert!(place.contains("gateway \"server\""), "{name}: {place}");
        self.shows(self.first);
        document
    }

    /// The same, refused before anything was touched.
    #[track_caller]
    pub fn refused(&self, words: &[&str], code: &str) -> Value {
        let before = self.folder();
        let state = self.lab.world.files("edgecert.state");
        let document = failure(&self.lab, words, 1);
        let of_finding = document["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["code"] == code);
        assert!(
            of_finding || document["error"]["code"] == code,
            "{document:#}"
        );
        assert_eq!(self.folder(), before);
        assert_eq!(self.lab.world.files("edgecert.state"), state);
        document
    }

    #[track_caller]
    pub fn assigned(&self, words: &[&str], leaf: Fingerprint) {
        self.lab.world.run(words).ended(0);
        self.shows(leaf);
    }

    /// Lines that leave something other than what was written, by name.
    pub fn bad_files(&self) -> Vec<(&'static str, String)> {
        let world = &self.lab.world;
        world.write("other.key", self.lab.generation(KeyType::Ec256).key);
        world.write("other-type.key", self.lab.generation(KeyType::Rsa2048).key);
        let new = world.path(&format!(
            "edgecert.state/archive/{CERTIFICATE}/2/fullchain.pem"
        ));
        let own = world.path(&format!(
            "edgecert.state/archive/{CERTIFICATE}/2/privkey.pem"
        ));
        let (chain, own) = (new.display(), own.display());
        let at = |name: &str| world.path(name).display().to_string();
        let encrypted = at("encrypted.key");
        let encrypt =
            format!("openssl pkcs8 -topk8 -in '{own}' -passout pass:x -out '{encrypted}'");
        match self.server.files() {
            Files::Pair(certificate, key) => {
                let (certificate, key) = (certificate.display(), key.display());
                vec![
                    (
                        "another key",
                        format!("cat '{}' > '{key}'", at("other.key")),
                    ),
                    (
                        "another type",
                        format!("cat '{}' > '{key}'", at("other-type.key")),
                    ),
                    (
                        "cut certificate",
                        format!("truncate -s 300 '{certificate}'"),
                    ),
                    ("empty certificate", format!(": > '{certificate}'")),
                    ("cut key", format!("truncate -s 100 '{key}'")),
                    (
                        "encrypted key",
                        format!("{encrypt}; cat '{encrypted}' > '{key}'"),
                    ),
                    ("missing key", format!("rm '{key}'")),
                    ("missing certificate", format!("rm '{certificate}'")),
                    (
                        "unreadable key",
                        format!("chown 0:0 '{key}'; chmod 0 '{key}'"),
                    ),
                ]
            }
            Files::Combined(file) => {
                let file = file.display();
                vec![
                    (
                        "another key",
                        format!("cat '{chain}' '{}' > '{file}'", at("other.key")),
                    ),
                    (
                        "another type",
                        format!("cat '{chain}' '{}' > '{file}'", at("other-type.key")),
                    ),
                    ("cut certificate", format!("truncate -s 300 '{file}'")),
                    ("cut key", format!("truncate -s -60 '{file}'")),
                    (
                        "encrypted key",
                        format!("{encrypt}; cat '{chain}' '{encrypted}' > '{file}'"),
                    ),
                    ("missing file", format!("rm '{file}'")),
                    (
                        "unreadable file",
                        format!("chown 0:0 '{file}'; chmod 0 '{file}'"),
                    ),
                ]
            }
        }
    }
}

/// A file beside the one of a server.
pub fn beside(stage: &Stage, name: &str) -> PathBuf {
    stage.written().with_file_name(name)
}
