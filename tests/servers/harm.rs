//! Harm inside a transaction: a program of the test stands in the place of a server's control program or reload command,
//! does once what it was armed with, and then what it stands for. And what must be so afterwards.

use super::Lab;
use super::process::words;
use rustix::fs::{getxattr, listxattr};
use serde_json::Value;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A program that stands before another one.
pub struct Harm {
    script: PathBuf,
}

impl Harm {
    /// Before `real`, which gets all words and has the last say.
    pub fn before(lab: &Lab, real: &[String]) -> Self {
        let real: Vec<String> = real.iter().map(|word| format!("'{word}'")).collect();
        Self::script(lab, &format!("exec {} \"$@\"", real.join(" ")))
    }

    /// Before these lines of a shell.
    pub fn script(lab: &Lab, lines: &str) -> Self {
        let script = lab.world.path("harm");
        let text = format!(
            "#!/bin/sh\nif [ -e '{0}.armed' ]; then . '{0}.armed'; fi\n{lines}\n",
            script.display()
        );
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        Self { script }
    }

    /// The words of the TOML.
    pub fn words(&self) -> Vec<String> {
        words([self.script.as_os_str()])
    }

    /// Harm for the next time that the words hold `when` and the file is another one than now.
    pub fn arm(&self, when: &str, file: &Path, lines: &str) {
        let beside = |end: &str| PathBuf::from(format!("{}.{end}", self.script.display()));
        std::fs::copy(file, beside("was")).unwrap();
        let text = format!(
            "if ! cmp -s '{}' '{}'; then case \"$*\" in *'{when}'*) mv '{2}' '{2}.spent'; {lines}\n;; esac; fi\n",
            file.display(),
            beside("was").display(),
            beside("armed").display(),
        );
        std::fs::write(beside("new"), text).unwrap();
        std::fs::rename(beside("new"), beside("armed")).unwrap();
    }

    /// Whether it did what it was armed with.
    pub fn is_spent(&self) -> bool {
        !PathBuf::from(format!("{}.armed", self.script.display())).exists()
    }
}

/// A file as it lies there: a link is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lies {
    path: PathBuf,
    link: Option<PathBuf>,
    bytes: Vec<u8>,
    mode: u32,
    owner: (u32, u32),
    attributes: Vec<(String, Vec<u8>)>,
}

impl Lies {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn attributes(&self) -> &[(String, Vec<u8>)] {
        &self.attributes
    }
}

/// What lies at these paths, where anything does: bytes, mode, owner, attributes, and where links lead.
#[track_caller]
pub fn lying(paths: &[&Path]) -> Vec<Lies> {
    paths
        .iter()
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| {
            let there = std::fs::metadata(path).unwrap();
            Lies {
                path: path.to_path_buf(),
                link: std::fs::read_link(path).ok(),
                bytes: std::fs::read(path).unwrap(),
                mode: there.mode(),
                owner: (there.uid(), there.gid()),
                attributes: attributes(path),
            }
        })
        .collect()
}

fn attributes(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut names = vec![0; 4096];
    let length = listxattr(path, &mut names).unwrap_or(0);
    String::from_utf8_lossy(&names[..length])
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(|name| {
            let mut value = vec![0; 4096];
            let length = getxattr(path, name, &mut value).unwrap_or(0);
            (name.to_owned(), value[..length].to_vec())
        })
        .collect()
}

/// The error of a run that failed: it says what, where, why and how to mend it, in JSON.
#[track_caller]
pub fn failure(lab: &Lab, words: &[&str], code: i32) -> Value {
    let mut all = words.to_vec();
    all.push("--json");
    let ran = lab.world.run(&all).ended(code);
    let document = ran.json();
    assert_eq!(document["exit_code"], code, "{document:#}");
    assert_eq!(document["ok"], false, "{document:#}");
    for key in ["code", "what", "where", "why", "mend"] {
        let text = document["error"][key].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "error.{key} is empty: {document:#}");
    }
    let shown = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!shown.contains("PRIVATE KEY"), "a key was shown: {shown}");
    document
}

/// The same for people.
#[track_caller]
pub fn told(lab: &Lab, words: &[&str], code: i32) -> String {
    let ran = lab.world.run(words).ended(code);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    for word in ["error: ", "where  ", "why    ", "mend   "] {
        assert!(said.contains(word), "{word:?} was not said: {said}");
    }
    assert!(!said.contains("PRIVATE KEY"), "a key was shown: {said}");
    said
}
