//! Settings that name certificates outside the folder, or one file of it (`core/certmanager.lua`).

use super::load::{Loaded, Setting};
use super::lua::{Entry, Value};
use super::resolved;
use crate::servers::{CertificateUse, PathKind, Place, Remark, Side, Source};
use std::path::{Path, PathBuf};

/// One setting that names files of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The host whose section it stands in; `None`: it is global.
    pub host: Option<String>,
    /// Its name: `ssl`, `certificate`, `key`, or with the service in front (`https_certificate`, `s2s_direct_tls_ssl`).
    pub option: String,
    /// The certificate's file as Prosody would open it; `None`: the setting names none, or none is there.
    pub certificate: Option<PathBuf>,
    /// The key's file; `None`: as above.
    pub key: Option<PathBuf>,
    /// Where the setting stands.
    pub place: Place,
}

impl Override {
    /// The pair of files, where the setting makes one.
    pub(super) fn to_use(&self) -> Option<CertificateUse> {
        Some(CertificateUse {
            certificate: self.certificate.clone()?,
            key: self.key.clone()?,
            names: self.host.iter().cloned().collect(),
            side: if self.option.ends_with("_ssl") || self.option.ends_with("_certificate") {
                // Of one service alone, and services listen.
                Side::Server
            } else {
                Side::Both
            },
            place: self.place.clone(),
        })
    }
}

/// All of them, the global ones first.
pub(super) fn overrides(loaded: &mut Loaded, folder: &Path, source: &dyn Source) -> Vec<Override> {
    let mut reader = Reader {
        folder,
        source,
        overrides: Vec::new(),
        remarks: Vec::new(),
    };
    for setting in &loaded.global {
        reader.setting(None, setting);
    }
    for section in &loaded.sections {
        for setting in &section.settings {
            reader.setting(Some(&section.name), setting);
        }
    }
    loaded.remarks.extend(reader.remarks);
    reader.overrides
}

struct Reader<'a> {
    folder: &'a Path,
    source: &'a dyn Source,
    overrides: Vec<Override>,
    remarks: Vec<Remark>,
}

impl Reader<'_> {
    fn setting(&mut self, host: Option<&str>, setting: &Setting) {
        let option = setting.name.as_str();
        let mut found = Override {
            host: host.map(str::to_owned),
            option: option.to_owned(),
            certificate: None,
            key: None,
            place: setting.place.clone(),
        };
        if option == "ssl" || option.ends_with("_ssl") {
            if let Value::Table(entries) = &setting.value {
                self.ssl(&found, entries);
            }
        } else if option == "certificate" || option.ends_with("_certificate") {
            let service = option.strip_suffix("_certificate");
            let name = service.or(host);
            for path in paths(&setting.value) {
                (found.certificate, found.key) = self.find(path, name);
                if found.certificate.is_none() {
                    self.remarks.push(Remark {
                        place: setting.place.clone(),
                        what: format!("`{option}` names no certificate with its key"),
                    });
                }
                self.overrides.push(found.clone());
            }
        } else if option == "key"
            && let Value::Text(path) = &setting.value
        {
            // Read by no version of the certificate manager by itself, but written as if it were.
            found.key = Some(resolved(self.folder, path));
            self.overrides.push(found);
        }
    }

    /// `ssl = { certificate = …, key = … }`, and the same once more below an interface or a port.
    fn ssl(&mut self, found: &Override, entries: &[Entry]) {
        let mut one = found.clone();
        for entry in entries {
            match (entry.key.as_deref(), &entry.value) {
                (Some("certificate"), Value::Text(path)) => {
                    one.certificate = Some(resolved(self.folder, path))
                }
                (Some("key"), Value::Text(path)) => one.key = Some(resolved(self.folder, path)),
                (Some(name @ ("certificate" | "key")), Value::Computed) => {
                    self.remarks.push(Remark {
                        place: Place {
                            file: found.place.file.clone(),
                            line: entry.line,
                        },
                        what: format!(
                            "the value of `{}.{name}` is computed; it is not known here",
                            found.option
                        ),
                    })
                }
                (Some(_), Value::Table(inner)) if names_files(inner) => {
                    let mut inner_one = found.clone();
                    inner_one.place.line = entry.line;
                    self.ssl(&inner_one, inner);
                }
                _ => {}
            }
        }
        if one.certificate.is_some() || one.key.is_some() {
            self.overrides.push(one);
        }
    }

    /// `find_cert`: the path itself, or below it by the host's name.
    fn find(&self, path: &str, name: Option<&str>) -> (Option<PathBuf>, Option<PathBuf>) {
        let base = resolved(self.folder, path);
        let below = |certificate: &str, key: &str| {
            name.map(|name| {
                (
                    base.join(certificate.replace("%s", name)),
                    base.join(key.replace("%s", name)),
                )
            })
        };
        let is_file = |path: &Path| self.source.look(path) == Some(PathKind::File);
        [
            Some((base.clone(), beside(&base))),
            below("%s.crt", "%s.key"),
            below("%s/fullchain.pem", "%s/privkey.pem"),
            below("%s.pem", "%s.pem"),
        ]
        .into_iter()
        .flatten()
        .find(|(certificate, key)| is_file(certificate) && is_file(key))
        .map_or((None, None), |(certificate, key)| {
            (Some(certificate), Some(key))
        })
    }
}

/// The key of a file that is named itself: `.crt` → `.key`, `/fullchain.pem` → `/privkey.pem`, else the same file.
fn beside(certificate: &Path) -> PathBuf {
    let is_fullchain = certificate
        .file_name()
        .is_some_and(|name| name == "fullchain.pem");
    if is_fullchain {
        return certificate.with_file_name("privkey.pem");
    }
    if certificate.extension().is_some_and(|end| end == "crt") {
        return certificate.with_extension("key");
    }
    certificate.to_path_buf()
}

fn names_files(entries: &[Entry]) -> bool {
    let is_file = |entry: &Entry| matches!(entry.key.as_deref(), Some("certificate" | "key"));
    entries.iter().any(is_file)
}

/// A path, or a table of paths by port and `default`.
fn paths(value: &Value) -> Vec<&str> {
    match value {
        Value::Text(path) => vec![path],
        Value::Table(entries) => entries
            .iter()
            .filter_map(|entry| match &entry.value {
                Value::Text(path) => Some(path.as_str()),
                Value::Number(_)
                | Value::Truth(_)
                | Value::Nil
                | Value::Table(_)
                | Value::Computed => None,
            })
            .collect(),
        Value::Number(_) | Value::Truth(_) | Value::Nil | Value::Computed => Vec::new(),
    }
}
