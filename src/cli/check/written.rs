//! Files that an assignment wrote, against what lies there now: a server that runs does not read them again until it is
//! restarted, so nothing of it shows at the listeners.

use crate::assign::destination::digest_of;
use crate::explain::printable;
use crate::findings::{Code, Finding, Severity};
use crate::names::Slug;
use crate::store::{MAX_PEM_BYTES, Proved, StoreError, atomic};
use crate::x509::container;
use std::path::Path;

/// What is known of the gateway's listeners: they are rows of their own, or nobody looks at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listeners {
    Looked,
    Unknown,
}

/// What was found of the files of one gateway.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub findings: Vec<Finding>,
    /// Why a file was not looked at.
    pub not_looked: Vec<String>,
}

/// Compares each file with the digest that was recorded when it was written. Effects: reads the files.
pub(super) fn look(
    certificate: &Slug,
    gateway: &str,
    proved: &Proved,
    listeners: Listeners,
) -> Written {
    let mut found = Written::default();
    for (path, ours) in &proved.written {
        let shown = printable(&path.display().to_string());
        let why = match lies_there(path) {
            Ok(there) if there.digest == *ours => continue,
            Ok(there) => format!(
                "written was {}, there is {}, which {}",
                short(ours),
                short(&there.digest),
                there.holds
            ),
            Err(error) if error.is_not_found() => "it is not there any more".to_owned(),
            Err(error @ (StoreError::WrongKind { .. } | StoreError::TooLarge { .. })) => {
                printable(&error.to_string())
            }
            // Whoever watches need not be able to read keys.
            Err(error) => {
                let why = printable(&error.to_string());
                found
                    .not_looked
                    .push(format!("{shown} of gateway {gateway}: {why}"));
                continue;
            }
        };
        let finding = Finding::new(
            Code::GatewayDestinationChanged,
            format!("gateway \"{}\", {shown}", printable(gateway)),
            "a file is no longer what was written there",
            format!("{why}; the server reads it at its next restart"),
            format!(
                "see who changes it (certbot, a playbook, a package) and end that; then `edgecert assign {certificate} --accept gateway.destination-changed --reason TEXT` writes it anew"
            ),
        );
        found.findings.push(match listeners {
            // What they serve is judged where they are asked.
            Listeners::Looked => finding.with_severity(Severity::Warning),
            Listeners::Unknown => finding,
        });
    }
    found
}

struct There {
    digest: String,
    holds: String,
}

fn lies_there(path: &Path) -> Result<There, StoreError> {
    let bytes = atomic::read_secret(path, MAX_PEM_BYTES)?;
    let leaf = container::read(&bytes, None)
        .ok()
        .and_then(|contents| contents.certificates.into_iter().next());
    Ok(There {
        digest: digest_of(&bytes),
        holds: match leaf {
            Some((_, leaf)) => format!(
                "holds {} ({})",
                leaf.display_name(),
                leaf.facts().sha256.short()
            ),
            None => "holds no certificate".to_owned(),
        },
    })
}

/// `sha256:3f9a…`, as fingerprints are shown.
fn short(digest: &str) -> String {
    crate::x509::Fingerprint::parse(digest)
        .map_or_else(|| printable(digest), |digest| digest.short().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use time::macros::datetime;

    #[test]
    fn a_file_that_changed_or_went_is_told_and_one_as_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("same"), "one").unwrap();
        std::fs::write(at("other"), "another").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        let names = ["same", "other", "gone", "folder"];
        let written: BTreeMap<_, _> = names.map(|name| (at(name), digest_of(b"one"))).into();
        let proved = Proved {
            generation: 1,
            proved: Some(datetime!(2026-11-20 12:00 UTC)),
            placed: None,
            sha256: String::new(),
            written,
        };
        let name = Slug::parse("edge").unwrap();
        for (listeners, severity) in [
            (Listeners::Looked, Severity::Warning),
            (Listeners::Unknown, Severity::Error),
        ] {
            let found = look(&name, "chat", &proved, listeners);
            assert_eq!(found.not_looked, [""; 0]);
            let told: Vec<_> = found
                .findings
                .iter()
                .map(|one| one.place.rsplit('/').next().unwrap_or_default())
                .collect();
            assert_eq!(told, ["folder", "gone", "other"]);
            assert!(found.findings.iter().all(|one| one.severity == severity));
            let why = |number: usize| found.findings[number].why.as_str();
            assert!(why(1).starts_with("it is not there any more"), "{}", why(1));
            assert!(why(2).contains("which holds no certificate"), "{}", why(2));
        }
    }

    #[test]
    fn a_file_that_may_not_be_read_is_no_finding() {
        let folder = tempfile::tempdir().unwrap();
        // A loop of links cannot be read by anybody, root included.
        let path = folder.path().join("loop");
        std::os::unix::fs::symlink(&path, &path).unwrap();
        let proved = Proved {
            generation: 1,
            proved: Some(datetime!(2026-11-20 12:00 UTC)),
            placed: None,
            sha256: String::new(),
            written: [(path, digest_of(b"one"))].into(),
        };
        let name = Slug::parse("edge").unwrap();
        let found = look(&name, "chat", &proved, Listeners::Looked);
        assert_eq!((found.findings.len(), found.not_looked.len()), (0, 1));
    }
}
