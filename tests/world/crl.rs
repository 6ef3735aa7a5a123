//! Revocation lists, made by the openssl command for a CA of the tests' own making.

#![allow(missing_docs, clippy::unwrap_used)]

use crate::world::World;
use edgecert::x509::{Certificate, PrivateKey};
use std::process::Command;

const CONFIG: &str = "[ca]\ndefault_ca = d\n[d]\ndatabase = index.txt\ncrlnumber = number\ndefault_md = sha256\n\
                      crl_extensions = e\n[e]\nauthorityKeyIdentifier = keyid\n";

/// Writes a list into a file of the world. What is revoked is a time, if wished a reason, and a serial number, as
/// openssl keeps them: `260525101112Z,keyCompromise\t0120`. The list's own times are arguments of `openssl ca`.
pub fn write(
    world: &World,
    (certificate, key): (&Certificate, &PrivateKey),
    file: &str,
    revoked: &[&str],
    times: &[&str],
) {
    let rows: String = revoked
        .iter()
        .map(|row| format!("R\t350101000000Z\t{row}\tunknown\t/CN=x\n"))
        .collect();
    world.write("index.txt", rows);
    world.write("index.txt.attr", "");
    world.write("number", "05\n");
    world.write("ca.key", key.to_pem(None).unwrap().as_bytes());
    world.write("ca.pem", certificate.to_pem());
    world.write("ca.cnf", CONFIG);
    let output = Command::new("openssl")
        .current_dir(world.folder())
        .args(["ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "ca.key"])
        .args(["-cert", "ca.pem", "-out", file])
        .args(times)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}
