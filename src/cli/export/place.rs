//! Where an export goes: a file, a folder, standard output; what is there already; and the writing, whole or not at all.

use super::forms::{Format, Holds, Piece, Wanted, facts};
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::cli::request::make::make_folders;
use crate::names::Slug;
use crate::store::StoreError;
use crate::store::atomic::{self, Overwrite, Placement};
use crate::x509::container::{self, Note, Packing};
use crate::x509::pkcs12::Protection;
use crate::x509::{PrivateKey, sealed};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Mode of a file without a key: it is for everybody.
const PUBLIC: Placement = Placement::mode(0o644);

/// Where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    StandardOutput,
    File(PathBuf),
    Folder(PathBuf),
}

impl Destination {
    /// `--out`, else `CERT-N` with the ending of the form, here. A folder that is there takes a file of that name.
    pub(super) fn of(out: Option<&Path>, format: Format, name: &Slug, number: u32) -> Self {
        let own_name = format!("{name}-{number}{}", format.ending());
        match (out, format.is_folder()) {
            (Some(out), false) if out == Path::new("-") => Destination::StandardOutput,
            (Some(out), false) if out.is_dir() => Destination::File(out.join(own_name)),
            (Some(out), false) => Destination::File(out.to_path_buf()),
            (None, false) => Destination::File(PathBuf::from(own_name)),
            (Some(out), true) => Destination::Folder(out.to_path_buf()),
            (None, true) => Destination::Folder(PathBuf::from(own_name)),
        }
    }

    /// The path, absolute, or words.
    pub(super) fn told(&self) -> String {
        match self {
            Destination::StandardOutput => "standard output".to_owned(),
            Destination::File(path) | Destination::Folder(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                path.display().to_string()
            }
        }
    }

    pub(super) fn path_of(&self, piece: &Piece) -> Option<PathBuf> {
        match self {
            Destination::StandardOutput => None,
            Destination::File(path) => Some(path.clone()),
            Destination::Folder(folder) => Some(folder.join(&piece.name)),
        }
    }
}

/// The files, each with whether it has to be written.
pub(super) struct Ready {
    pub(super) pieces: Vec<(Piece, bool)>,
    /// The folder of a single file, where it has to be made: perhaps a file was meant to go into it.
    pub(super) made: Option<PathBuf>,
}

impl Ready {
    /// Whether anything is to be written.
    pub(super) fn writes(&self) -> bool {
        self.pieces.iter().any(|(_, is_missing)| *is_missing)
    }
}

/// Looks at what is there.
///
/// Errors: refused where a file is there with another content.
pub(super) fn look(
    destination: &Destination,
    pieces: Vec<Piece>,
    wanted: &Wanted<'_>,
) -> Result<Ready, Failure> {
    let mut ready = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let is_missing = match destination.path_of(&piece) {
            Some(path) if path.symlink_metadata().is_ok() => {
                // What cannot be read is another content for sure.
                let there = atomic::read_secret(&path, container::MAX_BYTES as u64);
                if !there.is_ok_and(|there| is_same(&piece, &there, wanted)) {
                    let error = StoreError::Exists { path };
                    return Err(Failure::from_error(FailureKind::Refused, &error));
                }
                false
            }
            Some(_) | None => true,
        };
        ready.push((piece, is_missing));
    }
    let made = match destination {
        Destination::File(path) => path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
            .map(Path::to_path_buf),
        // It is named with its files.
        Destination::StandardOutput | Destination::Folder(_) => None,
    };
    Ok(Ready {
        pieces: ready,
        made,
    })
}

/// Whether a file says what a piece would say: what is encrypted has other bytes each time, and is opened.
fn is_same(piece: &Piece, there: &[u8], wanted: &Wanted<'_>) -> bool {
    let is_key = |key: &PrivateKey| key.spki_sha256() == wanted.bundle.key().spki_sha256();
    match piece.holds {
        Holds::Public | Holds::PlainKey => there == piece.bytes.as_slice(),
        Holds::EncryptedKey => {
            // Without its passphrase it must not open.
            PrivateKey::read(there, None).is_err()
                && PrivateKey::read(there, wanted.passphrase).is_ok_and(|key| is_key(&key))
        }
        Holds::Pfx => container::read(there, wanted.passphrase).is_ok_and(|found| {
            let certificates = found.certificates.iter().map(|(_, one)| one);
            let is_old = found
                .notes
                .iter()
                .any(|(_, note)| matches!(note, Note::OldEncryption(_)));
            let is_open = found
                .notes
                .iter()
                .any(|(_, note)| matches!(note, Note::EmptyPassphrase | Note::NoMac));
            let called = found
                .bags
                .first()
                .and_then(|bag| bag.friendly_name.as_ref());
            found.packing == Packing::Pkcs12
                && certificates.eq(wanted.bundle.chain().certificates())
                && matches!(found.keys.as_slice(), [(_, key)] if is_key(key))
                && called == Some(&wanted.friendly_name)
                && is_old == (wanted.protection == Protection::Old)
                && !is_open
        }),
        Holds::Sealed => sealed::open(there, wanted.passphrase).is_ok_and(|found| {
            facts(wanted.record).is_ok_and(|facts| facts == found.facts)
                && found.fullchain == wanted.bundle.chain().fullchain_pem().as_bytes()
                && is_key(&found.key)
        }),
    }
}

/// Writes what is missing; for standard output, gives the bytes that go there.
///
/// Errors: those of the file system, and then nothing is there that was not before.
pub(super) fn write(
    destination: &Destination,
    ready: &Ready,
) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let missing = ready
        .pieces
        .iter()
        .filter(|(_, is_missing)| *is_missing)
        .map(|(piece, _)| piece);
    let placement = |piece: &Piece| match piece.holds {
        Holds::Public => PUBLIC,
        Holds::PlainKey | Holds::EncryptedKey | Holds::Pfx | Holds::Sealed => Placement::PRIVATE,
    };
    let folder = match destination {
        Destination::StandardOutput => {
            return Ok(missing.map(|piece| piece.bytes.clone()).next());
        }
        Destination::File(path) => path.parent().unwrap_or(Path::new("")),
        Destination::Folder(folder) => folder,
    };
    let made = make_folders(folder)?;
    let written = match destination {
        Destination::File(path) => missing.into_iter().try_for_each(|piece| {
            atomic::write_whole(path, &piece.bytes, placement(piece), Overwrite::Refuse)
        }),
        Destination::StandardOutput | Destination::Folder(_) => {
            let files: Vec<(&str, &[u8], Placement)> = missing
                .map(|piece| {
                    (
                        piece.name.as_str(),
                        piece.bytes.as_slice(),
                        placement(piece),
                    )
                })
                .collect();
            atomic::write_together(folder, &files)
        }
    };
    if written.is_err() {
        for folder in made.iter().rev() {
            // Only those made here, and only while they are empty.
            let _ = std::fs::remove_dir(folder);
        }
    }
    written.map(|()| None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_a_file_of_the_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let name = Slug::parse("edge").unwrap();
        let of = |out: Option<&Path>, format| Destination::of(out, format, &name, 4);
        assert_eq!(
            of(None, Format::Pfx),
            Destination::File("edge-4.pfx".into())
        );
        assert_eq!(
            of(Some(folder.path()), Format::Sealed),
            Destination::File(folder.path().join("edge-4.sealed"))
        );
        let new = folder.path().join("new");
        assert_eq!(of(Some(&new), Format::K8s), Destination::File(new.clone()));
        assert_eq!(of(None, Format::Pem), Destination::Folder("edge-4".into()));
        assert_eq!(of(Some(&new), Format::Lego), Destination::Folder(new));
        let out = Some(Path::new("-"));
        assert_eq!(of(out, Format::Haproxy), Destination::StandardOutput);
    }
}
