//! A workspace for journeys: a folder of its own, the program run in it, and a CA made with the openssl command.
//!
//! Nothing here judges; the journeys do. Each test has its own world and may run beside all others.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

pub mod ports;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder in which the program is run.
pub struct World {
    folder: tempfile::TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; 128 and the number of the signal that ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The one document of `--json`.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Insists on an exit code.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Insists on words somewhere in what was said.
    #[track_caller]
    pub fn said(self, words: &str) -> Self {
        assert!(
            self.stdout.contains(words) || self.stderr.contains(words),
            "{words:?} was not said\nstdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

impl World {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The program, to be run here, without what the surroundings say to it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_edgecert"));
        command.args(arguments).current_dir(self.folder());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("EDGECERT_") {
                command.env_remove(name);
            }
        }
        // The width of whoever runs the tests.
        command.env_remove("COLUMNS");
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// The same, with variables in its environment.
    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        ran(self
            .command(arguments)
            .envs(environment.iter().copied())
            .output()
            .unwrap())
    }

    /// `openssl` run here, with words divided by spaces; what it printed.
    #[track_caller]
    pub fn openssl(&self, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        openssl_in(self.folder(), &words)
    }

    /// A certificate that nobody signed but itself: `FILE.pem`, with its key in `FILE.key`.
    #[track_caller]
    pub fn self_signed(&self, file: &str, common_name: &str, dns: &str, days: &str) {
        let (certificate, key) = (format!("{file}.pem"), format!("{file}.key"));
        let (subject, names) = (
            format!("/CN={common_name}"),
            format!("subjectAltName=DNS:{dns}"),
        );
        let words = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            &key,
            "-out",
            &certificate,
            "-subj",
            &subject,
            "-days",
            days,
            "-addext",
            &names,
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ];
        openssl_in(self.folder(), &words);
    }

    /// Every file below, with its content, by its path; temporary things and locks as well.
    pub fn files(&self, below: &str) -> Vec<(String, Vec<u8>)> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    walk(&path, found);
                } else {
                    found.push(path);
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.path(below), &mut found);
        found.sort();
        found
            .into_iter()
            .map(|path| {
                let name = path
                    .strip_prefix(self.folder())
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                let bytes = std::fs::read(&path).unwrap_or_default();
                (name, bytes)
            })
            .collect()
    }

    /// A deployment for contoso.com, as `init` writes it.
    #[track_caller]
    pub fn init(&self) {
        self.init_of("--sip-domain contoso.com --xmpp-domain contoso.com");
    }

    /// The same with the domains that flags say, a space between words.
    #[track_caller]
    pub fn init_of(&self, domains: &str) {
        let words = format!("init --fqdn edge.contoso.com {domains}");
        self.run(&words.split(' ').collect::<Vec<_>>()).ended(0);
    }

    /// The same, whose issuer's roots are those of a CA made here.
    pub fn deployment(&self, ca: &OpensslCa) {
        self.init();
        let roots = format!("roots = [\"{}\"]", ca.root().display());
        let text = self.read("edgecert.toml");
        let text = text.replacen("roots = [\"system\"]", &roots, 1);
        self.write("edgecert.toml", text);
    }
}

fn ran(output: std::process::Output) -> Ran {
    use std::os::unix::process::ExitStatusExt;
    let status = output.status;
    Ran {
        code: status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A root and an intermediate, made and used with the openssl command.
pub struct OpensslCa {
    folder: PathBuf,
}

/// From when to when a certificate is to be valid, as openssl takes it: `20260101000000Z`.
pub struct Window<'a>(pub &'a str, pub &'a str);

impl OpensslCa {
    /// Makes one in a folder of the world.
    pub fn new(world: &World, name: &str) -> Self {
        let folder = world.path(name);
        std::fs::create_dir_all(folder.join("new")).unwrap();
        std::fs::write(folder.join("index.txt"), "").unwrap();
        std::fs::write(folder.join("ca.cnf"), CONFIG).unwrap();
        let ca = Self { folder };
        for (file, subject) in [("root", "Example Root X1"), ("inter", "Example CA E5")] {
            ca.openssl(&[
                "ecparam",
                "-name",
                "prime256v1",
                "-genkey",
                "-noout",
                "-out",
                &format!("{file}.key"),
            ]);
            ca.openssl(&[
                "req",
                "-new",
                "-key",
                &format!("{file}.key"),
                "-subj",
                &format!("/O={name}/CN={subject}"),
                "-out",
                &format!("{file}.csr"),
                "-config",
                "ca.cnf",
            ]);
        }
        ca.openssl(&[
            "x509",
            "-req",
            "-in",
            "root.csr",
            "-signkey",
            "root.key",
            "-days",
            "3650",
            "-out",
            "root.pem",
            "-extfile",
            "ca.cnf",
            "-extensions",
            "ca_ext",
        ]);
        ca.openssl(&[
            "x509",
            "-req",
            "-in",
            "inter.csr",
            "-CA",
            "root.pem",
            "-CAkey",
            "root.key",
            "-CAcreateserial",
            "-days",
            "1825",
            "-out",
            "inter.pem",
            "-extfile",
            "ca.cnf",
            "-extensions",
            "ca_ext",
        ]);
        ca
    }

    pub fn root(&self) -> PathBuf {
        self.folder.join("root.pem")
    }

    pub fn intermediate(&self) -> PathBuf {
        self.folder.join("inter.pem")
    }

    /// Signs a CSR for 90 days with the names and usages it asks for; gives the leaf, PEM.
    pub fn sign(&self, csr: &Path) -> String {
        self.sign_with(csr, None, &[])
    }

    /// The same for a window of time, or with other arguments for `openssl ca`.
    pub fn sign_with(&self, csr: &Path, window: Option<Window<'_>>, more: &[&str]) -> String {
        let csr = csr.to_str().unwrap();
        let mut arguments = vec![
            "ca",
            "-batch",
            "-config",
            "ca.cnf",
            "-in",
            csr,
            "-out",
            "leaf.pem",
            "-notext",
            "-cert",
            "inter.pem",
            "-keyfile",
            "inter.key",
            "-create_serial",
        ];
        match &window {
            Some(Window(from, to)) => arguments.extend(["-startdate", from, "-enddate", to]),
            None => arguments.extend(["-days", "90"]),
        }
        arguments.extend(more);
        self.openssl(&arguments);
        std::fs::read_to_string(self.folder.join("leaf.pem")).unwrap()
    }

    /// Leaf and intermediate as a CA sends them.
    pub fn reply(&self, csr: &Path) -> String {
        self.sign(csr) + &std::fs::read_to_string(self.intermediate()).unwrap()
    }

    /// Runs openssl in the CA's folder.
    pub fn openssl(&self, arguments: &[&str]) -> String {
        openssl_in(&self.folder, arguments)
    }
}

#[track_caller]
fn openssl_in(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("openssl is installed by scripts/test");
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const CONFIG: &str = "
[req]
distinguished_name = dn
prompt = no
[dn]
[ca]
default_ca = here
[here]
database = index.txt
serial = serial
new_certs_dir = new
unique_subject = no
default_md = sha256
policy = any
copy_extensions = copy
x509_extensions = leaf_ext
[any]
countryName = optional
stateOrProvinceName = optional
localityName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
[leaf_ext]
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
[ca_ext]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
";
