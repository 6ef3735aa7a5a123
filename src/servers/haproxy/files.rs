//! Which files a `crt` stands for, and what HAProxy calls them.

use super::super::text::folder_of;
use super::super::{CertificateUse, PathKind, Place, Side};
use super::{Bind, NamedFile, Reader};
use std::path::{Path, PathBuf};

/// Endings of files in a folder that are no certificates of their own.
const NOT_CERTIFICATES: [&str; 4] = [".key", ".ocsp", ".sctl", ".issuer"];

impl Reader<'_> {
    /// The string that a certificate is known by: with `crt-base` before it where it is relative.
    pub(super) fn based(&self, written: &str) -> String {
        match &self.crt_base {
            Some(base) if !written.starts_with('/') => format!("{base}/{written}"),
            Some(_) | None => written.to_owned(),
        }
    }

    /// The file that is opened for a string.
    pub(super) fn opened(&mut self, name: &str, place: &Place) -> PathBuf {
        if name.starts_with('/') {
            return PathBuf::from(name);
        }
        match &self.counts_from {
            Some(folder) => folder.join(name),
            None => {
                let what = format!(
                    "`{name}` is relative: it counts from the folder that the server is started in, \
                     taken as that of the configuration"
                );
                self.remark(place, what);
                folder_of(&place.file).join(name)
            }
        }
    }

    /// `crt`: a file, a folder of them, or the stem of `.rsa`, `.dsa` and `.ecdsa`.
    pub(super) fn certificate(
        &mut self,
        name: &str,
        side: Side,
        bind: Option<&mut Bind>,
        place: &Place,
    ) {
        let source = self.reading.source();
        let path = self.opened(name, place);
        if side == Side::Server && source.look(&path) == Some(PathKind::Folder) {
            let stem = name.trim_end_matches('/');
            for file in source.expand(&path.join("*")) {
                let Some(base) = file.file_name().and_then(|base| base.to_str()) else {
                    continue;
                };
                if is_certificate_in_folder(base) && source.look(&file) == Some(PathKind::File) {
                    let name = format!("{stem}/{base}");
                    self.uses(&name, file.clone(), side, Vec::new(), place);
                }
            }
            if let Some(bind) = bind {
                bind.folders.push(path);
            }
            return;
        }
        if source.look(&path).is_none() {
            let mut any = false;
            for kind in [".rsa", ".dsa", ".ecdsa"] {
                let file = with_ending(&path, kind);
                if source.look(&file) == Some(PathKind::File) {
                    any = true;
                    self.uses(&format!("{name}{kind}"), file, side, Vec::new(), place);
                }
            }
            if any {
                return;
            }
        }
        self.uses(name, path, side, Vec::new(), place);
    }

    /// A file in use; its key lies beside it where there is a `FILE.key`.
    pub(super) fn uses(
        &mut self,
        name: &str,
        file: PathBuf,
        side: Side,
        names: Vec<String>,
        place: &Place,
    ) {
        let beside = with_ending(&file, ".key");
        let key = match self.reading.source().look(&beside) {
            Some(PathKind::File) => beside,
            Some(PathKind::Folder) | None => file.clone(),
        };
        if self.named.insert((name.to_owned(), file.clone())) {
            self.config.names.push(NamedFile {
                file: file.clone(),
                name: name.to_owned(),
                place: place.clone(),
            });
        }
        self.config.common.certificates.push(CertificateUse {
            certificate: file,
            key,
            names,
            side,
            place: place.clone(),
        });
    }
}

/// Whether HAProxy takes a file of a folder as a certificate.
pub(super) fn is_certificate_in_folder(name: &str) -> bool {
    !name.starts_with('.') && !NOT_CERTIFICATES.iter().any(|ending| name.ends_with(ending))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut whole = path.as_os_str().to_owned();
    whole.push(ending);
    PathBuf::from(whole)
}
