//! Which files of the certificates' folder Prosody looks at, and which it passes over without a word.
//!
//! As `core/certmanager.lua` of Prosody 0.12.3 does: `index_certs`, `find_matching_key`.

use crate::explain::printable;
use crate::servers::{ConfigError, PathKind, Source};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// How many levels of folders are looked at, that of the certificates included; those with a leading dot never are.
const INDEX_DEEP: usize = 3;

/// Most entries of these folders that are looked at.
const MAX_ENTRIES: usize = 100_000;

/// The only first line that is taken, byte for byte.
const FIRST_LINE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The files that Prosody looks at by itself in its folder and those below: by their names, and with a key beside
/// them; sorted. What is in them is not read here.
///
/// Errors: those of [`Source::list`] for any of the folders.
pub fn index(folder: &Path, source: &dyn Source) -> Result<Vec<PathBuf>, ConfigError> {
    let is_file = |path: &Path| source.look(path) == Some(PathKind::File);
    let mut found = Vec::new();
    let mut looked_at = 0;
    let mut folders = vec![(folder.to_owned(), 1)];
    while looked_at < MAX_ENTRIES
        && let Some((folder, level)) = folders.pop()
    {
        for path in source
            .list(&folder)?
            .into_iter()
            .take(MAX_ENTRIES - looked_at)
        {
            looked_at += 1;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match source.look(&path) {
                Some(PathKind::Folder) if level < INDEX_DEEP => folders.push((path, level + 1)),
                Some(PathKind::File) if indexed(&name) && is_file(&key_beside(&path)) => {
                    found.push(path);
                }
                Some(PathKind::Folder | PathKind::File) | None => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether Prosody would look at a file of that name: it ends with `.crt`, or has `fullchain` in it.
fn indexed(name: &str) -> bool {
    name.ends_with(".crt") || name.contains("fullchain")
}

/// Where Prosody looks for the key of an indexed file: `.crt` at the end becomes `.key`, and every `fullchain`
/// becomes `privkey`, in the names of the folders too.
pub fn key_beside(certificate: &Path) -> PathBuf {
    const FULLCHAIN: &[u8] = b"fullchain";
    let bytes = certificate.as_os_str().as_bytes();
    let (stem, end): (&[u8], &[u8]) = match bytes.strip_suffix(b".crt") {
        Some(stem) => (stem, b".key"),
        None => (bytes, b""),
    };
    let mut key = Vec::with_capacity(bytes.len());
    let mut rest = stem;
    while let Some(first) = rest.first() {
        if let Some(behind) = rest.strip_prefix(FULLCHAIN) {
            key.extend(b"privkey");
            rest = behind;
        } else {
            key.push(*first);
            rest = &rest[1..];
        }
    }
    key.extend(end);
    PathBuf::from(OsString::from_vec(key))
}

/// What the first line of a file makes of it in Prosody's index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstLine {
    /// `-----BEGIN CERTIFICATE-----`: the file is seen.
    Fits,
    /// The same, but with the line end of Windows or an old Mac.
    CarriageReturn,
    /// The same after a byte order mark.
    ByteOrderMark,
    /// A PEM block with another label, or `TRUSTED CERTIFICATE` and its kind.
    OtherLabel(String),
    /// Something else, and the certificate further down: the text that `openssl x509 -text` puts first, a blank line.
    TextBefore,
    /// No certificate in PEM at all.
    NoCertificate,
}

/// Whether Prosody's index sees a file that begins with these bytes, and if not, why.
pub fn first_line_fits(bytes: &[u8]) -> FirstLine {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    if line == FIRST_LINE {
        return FirstLine::Fits;
    }
    if line
        .strip_prefix(FIRST_LINE)
        .is_some_and(|rest| rest.starts_with(b"\r"))
    {
        return FirstLine::CarriageReturn;
    }
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf")
        && rest.starts_with(FIRST_LINE)
    {
        return FirstLine::ByteOrderMark;
    }
    let label = line
        .trim_ascii_end()
        .strip_prefix(b"-----BEGIN ")
        .and_then(|rest| rest.strip_suffix(b"-----"));
    match label {
        Some(label) if label != b"CERTIFICATE" => {
            FirstLine::OtherLabel(printable(&String::from_utf8_lossy(label)))
        }
        Some(_) => FirstLine::TextBefore,
        None if bytes
            .windows(FIRST_LINE.len())
            .any(|window| window == FIRST_LINE) =>
        {
            FirstLine::TextBefore
        }
        None => FirstLine::NoCertificate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_at_as_certmanager_does() {
        for (name, wanted) in [
            ("a.example.crt", true),
            ("fullchain.pem", true),
            ("old-fullchain-7", true),
            ("a.example.crt.bak", false),
            ("a.example.CRT", false),
            ("a.example.pem", false),
            ("chain.pem", false),
        ] {
            assert_eq!(indexed(name), wanted, "{name}");
        }
    }

    #[test]
    fn keys_are_looked_for_as_certmanager_does() {
        for (certificate, key) in [
            ("/c/a.example.crt", "/c/a.example.key"),
            ("/c/live/fullchain.pem", "/c/live/privkey.pem"),
            ("/c/fullchain.crt", "/c/privkey.key"),
            // Both substitutions run over the whole path.
            ("/fullchain/fullchain1.pem", "/privkey/privkey1.pem"),
            ("/c.crt/a.pem", "/c.crt/a.pem"),
        ] {
            assert_eq!(
                key_beside(Path::new(certificate)),
                Path::new(key),
                "{certificate}"
            );
        }
    }

    #[test]
    fn first_lines_that_hide_a_file_are_told_apart() {
        let other = |label: &str| FirstLine::OtherLabel(label.to_owned());
        for (bytes, wanted) in [
            ("-----BEGIN CERTIFICATE-----\nMII", FirstLine::Fits),
            ("-----BEGIN CERTIFICATE-----", FirstLine::Fits),
            (
                "-----BEGIN CERTIFICATE-----\r\nMII",
                FirstLine::CarriageReturn,
            ),
            (
                "-----BEGIN CERTIFICATE-----\rMII",
                FirstLine::CarriageReturn,
            ),
            (
                "\u{feff}-----BEGIN CERTIFICATE-----\n",
                FirstLine::ByteOrderMark,
            ),
            (
                "-----BEGIN TRUSTED CERTIFICATE-----\n",
                other("TRUSTED CERTIFICATE"),
            ),
            ("-----BEGIN PKCS7-----\r\n", other("PKCS7")),
            (
                "-----BEGIN PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n",
                other("PRIVATE KEY"),
            ),
            (
                "subject=CN = a\n-----BEGIN CERTIFICATE-----\n",
                FirstLine::TextBefore,
            ),
            ("\n-----BEGIN CERTIFICATE-----\n", FirstLine::TextBefore),
            ("-----BEGIN CERTIFICATE----- \n", FirstLine::TextBefore),
            ("", FirstLine::NoCertificate),
            ("0\u{82}", FirstLine::NoCertificate),
        ] {
            assert_eq!(first_line_fits(bytes.as_bytes()), wanted, "{bytes:?}");
        }
    }
}
