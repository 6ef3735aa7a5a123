//! OpenSSL and GnuTLS as oracles: chains made by a generator with one oddity each, judged by all three.
//!
//! Root, CA and leaf are made by `openssl` from extension lines, of which a row changes some. Ours is `verify --strict
//! --profile rfc5280`, theirs `openssl verify -x509_strict` (any policy wanted) and `certtool --verify`. Where not all
//! three say the same, the row has the reason; a row that agrees has none. Neither of the two is asked for a list of
//! public suffixes or the Baseline Requirements.

#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "oracles/rows.rs"]
mod rows;

use rows::ROWS;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

/// Which certificate, which extension (or `subject`, `serial`, or a section), its line; an empty one takes it out.
type Change = (&'static str, &'static str, &'static str);

struct Row {
    name: &'static str,
    changes: &'static [Change],
    /// Whether the chain stands: for us, for OpenSSL, for GnuTLS.
    stands: [bool; 3],
    /// Why not all say the same.
    reason: &'static str,
}

const fn row(
    name: &'static str,
    changes: &'static [Change],
    stands: [bool; 3],
    reason: &'static str,
) -> Row {
    Row {
        name,
        changes,
        stands,
        reason,
    }
}

/// A sound chain: the lines that rows change.
const SOUND: &[Change] = &[
    ("root", "subject", "/CN=Oracle Root"),
    ("root", "serial", "11"),
    ("root", "basicConstraints", "critical,CA:TRUE"),
    ("root", "keyUsage", "critical,keyCertSign,cRLSign"),
    ("root", "subjectKeyIdentifier", "hash"),
    ("ca", "subject", "/CN=Oracle CA"),
    ("ca", "serial", "12"),
    ("ca", "basicConstraints", "critical,CA:TRUE,pathlen:0"),
    ("ca", "keyUsage", "critical,keyCertSign,cRLSign"),
    ("ca", "subjectKeyIdentifier", "hash"),
    ("ca", "authorityKeyIdentifier", "keyid"),
    ("leaf", "subject", "/CN=edge.example.com"),
    ("leaf", "serial", "13"),
    ("leaf", "keyUsage", "critical,digitalSignature"),
    ("leaf", "extendedKeyUsage", "serverAuth"),
    ("leaf", "subjectKeyIdentifier", "hash"),
    ("leaf", "authorityKeyIdentifier", "keyid"),
    ("leaf", "subjectAltName", "DNS:edge.example.com"),
];

fn run(folder: &Path, program: &str, args: &[&str]) -> Output {
    Command::new(program)
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn must(folder: &Path, program: &str, args: &[&str]) {
    let output = run(folder, program, args);
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
}

/// Makes `NAME.pem` from its lines; sections (`[dn]`) follow the extensions.
fn make(folder: &Path, name: &str, lines: &BTreeMap<&str, &str>, issuer: Option<&str>) {
    let mut extensions = String::from("[x]\n");
    let mut sections = String::new();
    for (key, line) in lines {
        match *key {
            "subject" | "serial" => {}
            section if section.starts_with('[') => sections.push_str(line),
            key => extensions.push_str(&format!("{key} = {line}\n")),
        }
    }
    std::fs::write(folder.join("x.cnf"), extensions + &sections).unwrap();
    let key = format!("{name}.key");
    let request = format!("{name}.csr");
    let subject = lines["subject"];
    must(
        folder,
        "openssl",
        &[
            "req", "-new", "-config", "req.cnf", "-key", &key, "-subj", subject, "-out", &request,
        ],
    );
    let certificate = format!("{name}.pem");
    let mut args = vec![
        "x509",
        "-req",
        "-days",
        "3650",
        "-extensions",
        "x",
        "-extfile",
        "x.cnf",
        "-in",
        &request,
        "-out",
        &certificate,
        "-set_serial",
        lines["serial"],
    ];
    let by = issuer.map(|issuer| (format!("{issuer}.pem"), format!("{issuer}.key")));
    match &by {
        Some((pem, key)) => args.extend(["-CA", pem.as_str(), "-CAkey", key.as_str()]),
        None => args.extend(["-signkey", key.as_str()]),
    }
    must(folder, "openssl", &args);
}

/// What the three say.
fn judge(folder: &Path) -> ([bool; 3], String) {
    let ours = run(
        folder,
        env!("CARGO_BIN_EXE_edgecert"),
        &[
            "verify",
            "chain.pem",
            "--strict",
            "--profile",
            "rfc5280",
            "--roots",
            "root.pem",
            "--name",
            "dns:edge.example.com",
        ],
    );
    let code = ours.status.code().unwrap();
    assert!((0..=2).contains(&code), "{ours:?}");
    let openssl = run(
        folder,
        "openssl",
        &[
            "verify",
            "-x509_strict",
            "-policy",
            "2.5.29.32.0",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "edge.example.com",
            "-no-CApath",
            "-no-CAstore",
            "-CAfile",
            "root.pem",
            "-untrusted",
            "ca.pem",
            "leaf.pem",
        ],
    );
    let gnutls = run(
        folder,
        "certtool",
        &[
            "--verify",
            "--load-ca-certificate",
            "root.pem",
            "--infile",
            "chain.pem",
            "--verify-hostname",
            "edge.example.com",
            "--verify-purpose",
            "1.3.6.1.5.5.7.3.1",
        ],
    );
    let words = format!(
        "{}\n{}\n{}",
        String::from_utf8_lossy(&ours.stdout),
        String::from_utf8_lossy(&openssl.stderr),
        String::from_utf8_lossy(&gnutls.stdout)
    );
    let stands = [code < 2, openssl.status.success(), gnutls.status.success()];
    (stands, words)
}

#[test]
fn every_disagreement_with_openssl_and_gnutls_has_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(
        folder.join("req.cnf"),
        "[req]\ndistinguished_name = d\n[d]\n",
    )
    .unwrap();
    for name in ["root", "ca", "leaf"] {
        let key = format!("{name}.key");
        must(
            folder,
            "openssl",
            &[
                "ecparam",
                "-name",
                "prime256v1",
                "-genkey",
                "-noout",
                "-out",
                &key,
            ],
        );
    }
    let mut surprises = Vec::new();
    for row in ROWS {
        let mut lines: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for (who, key, line) in SOUND.iter().chain(row.changes) {
            let of = lines.entry(who).or_default();
            match *line {
                "" => of.remove(key),
                line => of.insert(key, line),
            };
        }
        make(folder, "root", &lines["root"], None);
        make(folder, "ca", &lines["ca"], Some("root"));
        make(folder, "leaf", &lines["leaf"], Some("ca"));
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        std::fs::write(folder.join("chain.pem"), read("leaf.pem") + &read("ca.pem")).unwrap();
        let (stands, words) = judge(folder);
        let [ours, openssl, gnutls] = stands;
        if stands != row.stands {
            surprises.push(format!(
                "{}: {stands:?}, not {:?}\n{words}",
                row.name, row.stands
            ));
        }
        assert_eq!(
            row.reason.is_empty(),
            ours == openssl && ours == gnutls,
            "{}: a reason stands where not all say the same",
            row.name
        );
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}
