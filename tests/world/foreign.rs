//! Tools of others, which have to be there and to succeed.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs a tool in a folder; `package` is what it is installed from.
#[track_caller]
pub fn output(folder: &Path, package: &str, command: &[&str]) -> Output {
    let output = Command::new(command[0])
        .args(&command[1..])
        .current_dir(folder)
        .env_remove("OPENSSL_CONF")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{} does not run ({error}); install it: apt-get install -y {package}",
                command[0]
            )
        });
    assert!(
        output.status.success(),
        "{}\n{}",
        command.join(" "),
        said(&output)
    );
    output
}

/// The same; its standard output and error.
#[track_caller]
pub fn run(folder: &Path, package: &str, command: &[&str]) -> String {
    said(&output(folder, package, command))
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
