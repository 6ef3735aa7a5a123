//! PKCS#12 (`.pfx`, `.p12`): keys and certificates in bags, under a passphrase (RFC 7292, RFC 9579).
//!
//! The structure is walked here, bag by bag, so that one odd bag does not spoil the others, BER is taken, and no key
//! derivation runs before what it asks for is known to be bounded. PBES2 is opened like any key; the schemes of old
//! Windows (3DES, RC2-40) by the ciphers that this module alone uses. What is handed out is made in [`fn@write`].

mod derive;
mod mac;
mod seal;
#[cfg(test)]
mod tests;
mod walk;
mod write;

pub use write::{Protection, write};

use super::effort::Effort;
use super::error::{Expected, ForeignForm};
use super::key_format;
use super::tlv::{self, TlvError};
use super::{Passphrase, X509Error, ber, oid};
use seal::{OldCipher, Scheme, SealedBytes};
use walk::{BagParts, Safe, bounded, content_info, safes_of, shrouded, typed};
use zeroize::Zeroizing;

/// Most keys that are opened.
const MAX_KEYS: usize = 8;

/// Most levels of bags within bags.
const MAX_LEVELS: usize = 4;

/// `[0] IMPLICIT` content of an EncryptedContentInfo.
const IMPLICIT_0: u8 = 0x80;

/// What a bag holds.
#[derive(Debug)]
pub(crate) enum Held {
    /// A certificate, DER.
    Certificate(Vec<u8>),
    /// A private key, PKCS#8.
    Key(Zeroizing<Vec<u8>>),
    /// A certificate revocation list, DER.
    List(Vec<u8>),
    /// Something else that is not read.
    Other,
}

/// One bag, with what its file calls it.
#[derive(Debug)]
pub(crate) struct Bag {
    /// friendlyName.
    pub friendly_name: Option<String>,
    /// localKeyId: the same on a key and its leaf.
    pub local_key_id: Option<Vec<u8>>,
    /// Its content, or why it cannot be read.
    pub held: Result<Held, X509Error>,
}

/// An opened file.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    /// The bags in their order.
    pub bags: Vec<Bag>,
    /// The old schemes that were met, by name, each once.
    pub old_schemes: Vec<&'static str>,
    /// Whether a MAC was there (and verified).
    pub has_mac: bool,
    /// Whether anything was encrypted.
    pub encrypted: bool,
    /// Whether the empty passphrase opened it.
    pub by_empty: bool,
}

/// Opens a file; without a passphrase, or where it does not fit, the empty one is tried. Of bags, no more than `most`;
/// `effort` is that of the file around it.
///
/// Errors: closed (no passphrase, and it is not empty), a wrong passphrase, too costly (before any derivation), damaged,
/// protected by a public key, or a scheme that is not read.
pub(crate) fn open(
    bytes: &[u8],
    passphrase: Option<&Passphrase>,
    most: usize,
    effort: &mut Effort,
) -> Result<Archive, X509Error> {
    let file = File::read(bytes)?;
    file.check_costs(most, effort.clone())?;
    let empty = Passphrase::new(String::new());
    if let Some(given) = passphrase {
        match file.open(given, most, effort) {
            Err(X509Error::ArchiveWrongPassphrase) => {}
            opened => return opened,
        }
    }
    match file.open(&empty, most, effort) {
        Ok(archive) => Ok(Archive {
            by_empty: archive.encrypted || archive.has_mac,
            ..archive
        }),
        Err(X509Error::ArchiveWrongPassphrase) if passphrase.is_none() => {
            Err(X509Error::ArchivePassphraseMissing)
        }
        // what was given did not open it, and for a second try there is no effort left
        Err(X509Error::ArchiveTooCostly { .. }) if passphrase.is_some() => {
            Err(X509Error::ArchiveWrongPassphrase)
        }
        Err(error) => Err(error),
    }
}

/// The outer structure: PFX with its authenticated safe (RFC 7292 §4).
struct File<'a> {
    /// AuthenticatedSafe, which the MAC is over.
    safes: Zeroizing<Vec<u8>>,
    /// MacData.
    mac: Option<mac::MacData<'a>>,
}

impl<'a> File<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, X509Error> {
        let outer = match ber::read(bytes) {
            Ok((outer, _)) if outer.tag == tlv::SEQUENCE => outer,
            Ok(_) | Err(TlvError::Unreadable) => return Err(damaged("its outer structure")),
            Err(TlvError::Truncated { expected, found }) => {
                return Err(X509Error::Truncated { expected, found });
            }
        };
        let fields = ber::items(outer.content, 3).ok_or_else(|| damaged("its outer structure"))?;
        let (content, mac) = match fields.as_slice() {
            [version, content] if version.tag == tlv::INTEGER => (content, None),
            [version, content, mac] if version.tag == tlv::INTEGER => (content, Some(mac)),
            _ => return Err(damaged("its outer structure")),
        };
        let (kind, inner) = content_info(content)?;
        if kind == oid::PKCS7_SIGNED_DATA.as_bytes() {
            return Err(sealed_message());
        }
        if kind != oid::PKCS7_DATA.as_bytes() {
            return Err(damaged("its content type"));
        }
        let safes = ber::octets(&inner, tlv::OCTET_STRING)
            .ok_or_else(|| damaged("the authenticated safe"))?;
        let mac = mac
            .map(|mac| mac::MacData::read(mac).ok_or_else(|| damaged("its MAC")))
            .transpose()?;
        Ok(Self { safes, mac })
    }

    /// Adds up what can be seen before anything is opened.
    fn check_costs(&self, most: usize, mut effort: Effort) -> Result<(), X509Error> {
        if let Some(mac) = &self.mac {
            spend(&mut effort, mac.cost()?)?;
        }
        for safe in safes_of(&self.safes, most)? {
            match safe {
                Safe::Sealed(sealed) => spend(&mut effort, sealed.cost()?)?,
                Safe::Plain(bags) => check_bags(&bags, &mut effort, most, MAX_LEVELS)?,
            }
        }
        Ok(())
    }

    fn open(
        &self,
        passphrase: &Passphrase,
        most: usize,
        effort: &mut Effort,
    ) -> Result<Archive, X509Error> {
        if let Some(mac) = &self.mac {
            spend(effort, mac.cost()?)?;
        }
        let mut opening = Opening {
            passphrase,
            proved: false,
            most,
            keys: 0,
            effort,
            archive: Archive::default(),
        };
        if let Some(mac) = &self.mac {
            if !mac.holds(&self.safes, passphrase)? {
                return Err(X509Error::ArchiveWrongPassphrase);
            }
            opening.archive.has_mac = true;
            opening.proved = true;
        }
        for safe in safes_of(&self.safes, most)? {
            match safe {
                Safe::Plain(bags) => opening.take_bags(&bags, MAX_LEVELS)?,
                Safe::Sealed(sealed) => opening.take_sealed(&sealed)?,
            }
        }
        Ok(opening.archive)
    }
}

/// Adds up the costs of the keys that can be seen. What cannot be read costs nothing here and is told later.
fn check_bags(
    contents: &[u8],
    effort: &mut Effort,
    most: usize,
    levels: usize,
) -> Result<(), X509Error> {
    let (outer, _) = ber::read(contents).map_err(|_| damaged("the bags"))?;
    for bag in bounded(outer.content, most)? {
        let Some(parts) = BagParts::read(&bag) else {
            continue;
        };
        if parts.kind == oid::SHROUDED_KEY_BAG.as_bytes() {
            if let Some(sealed) = shrouded(&parts.value) {
                match sealed.cost() {
                    Ok(rounds) => spend(effort, rounds)?,
                    Err(error @ X509Error::ArchiveTooCostly { .. }) => return Err(error),
                    Err(_) => {}
                }
            }
        } else if parts.kind == oid::SAFE_CONTENTS_BAG.as_bytes() && levels > 0 {
            check_bags(parts.value.raw, effort, most, levels - 1)?;
        }
    }
    Ok(())
}

struct Opening<'a> {
    passphrase: &'a Passphrase,
    /// Whether the MAC has proved the passphrase; then what does not decrypt is damaged.
    proved: bool,
    most: usize,
    keys: usize,
    effort: &'a mut Effort,
    archive: Archive,
}

impl Opening<'_> {
    fn take_sealed(&mut self, sealed: &SealedBytes) -> Result<(), X509Error> {
        let plain = self.unsealed(sealed)?;
        // The padding of one wrong passphrase in 256 looks right: what came out must be bags as well.
        match ber::read(&plain) {
            Ok((bags, _)) if bags.tag == tlv::SEQUENCE => self.take_bags(&plain, MAX_LEVELS),
            Ok(_) | Err(_) => Err(self.not_opened(X509Error::WrongPassphrase)),
        }
    }

    /// Opens what is sealed, within the budget.
    fn unsealed(&mut self, sealed: &SealedBytes) -> Result<Zeroizing<Vec<u8>>, X509Error> {
        self.archive.encrypted = true;
        spend(self.effort, sealed.cost()?)?;
        match sealed.kind()? {
            Scheme::Pbes2 => {}
            Scheme::Old(cipher) => self.met_old(cipher),
        }
        sealed
            .open(self.passphrase)
            .map_err(|error| self.not_opened(error))
    }

    /// What a failed decryption means.
    fn not_opened(&self, error: X509Error) -> X509Error {
        match (error == X509Error::WrongPassphrase, self.proved) {
            (true, true) => damaged("what is encrypted in it"),
            (true, false) => X509Error::ArchiveWrongPassphrase,
            (false, _) => of_archive(error),
        }
    }

    fn met_old(&mut self, cipher: OldCipher) {
        let name = cipher.words();
        if !self.archive.old_schemes.contains(&name) {
            self.archive.old_schemes.push(name);
        }
    }

    fn push(&mut self, bag: Bag) -> Result<(), X509Error> {
        if self.archive.bags.len() == self.most {
            return Err(X509Error::TooManyItems { limit: self.most });
        }
        self.archive.bags.push(bag);
        Ok(())
    }

    fn take_bags(&mut self, contents: &[u8], levels: usize) -> Result<(), X509Error> {
        let Some(levels) = levels.checked_sub(1) else {
            return Err(X509Error::NestedTooDeep { limit: MAX_LEVELS });
        };
        let (outer, _) = ber::read(contents).map_err(|_| damaged("the bags"))?;
        for bag in bounded(outer.content, self.most)? {
            let Some(parts) = BagParts::read(&bag) else {
                self.push(Bag {
                    friendly_name: None,
                    local_key_id: None,
                    held: Err(damaged("a bag")),
                })?;
                continue;
            };
            if parts.kind == oid::SAFE_CONTENTS_BAG.as_bytes() {
                self.take_bags(parts.value.raw, levels)?;
                continue;
            }
            let held = match self.held(&parts) {
                // The passphrase of the whole file is wrong, not this bag.
                Err(
                    error
                    @ (X509Error::ArchiveWrongPassphrase | X509Error::ArchiveTooCostly { .. }),
                ) => {
                    return Err(error);
                }
                held => held,
            };
            self.push(Bag {
                friendly_name: parts.friendly_name,
                local_key_id: parts.local_key_id,
                held,
            })?;
        }
        Ok(())
    }

    fn held(&mut self, parts: &BagParts<'_>) -> Result<Held, X509Error> {
        let is = |known: &der::oid::ObjectIdentifier| parts.kind == known.as_bytes();
        if is(&oid::CERT_BAG) {
            Ok(
                match typed(&parts.value, oid::X509_CERTIFICATE_BAG.as_bytes()) {
                    Some(bytes) => Held::Certificate(bytes),
                    None => Held::Other,
                },
            )
        } else if is(&oid::CRL_BAG) {
            Ok(match typed(&parts.value, oid::X509_CRL_BAG.as_bytes()) {
                Some(bytes) => Held::List(bytes),
                None => Held::Other,
            })
        } else if is(&oid::KEY_BAG) {
            self.count_key()?;
            Ok(Held::Key(Zeroizing::new(parts.value.raw.to_vec())))
        } else if is(&oid::SHROUDED_KEY_BAG) {
            self.count_key()?;
            let sealed = shrouded(&parts.value).ok_or_else(|| damaged("a key"))?;
            let plain = self.unsealed(&sealed)?;
            match key_format::open(&plain) {
                Ok(_) => Ok(Held::Key(plain)),
                Err(_) => Err(self.not_opened(X509Error::WrongPassphrase)),
            }
        } else {
            Ok(Held::Other)
        }
    }

    fn count_key(&mut self) -> Result<(), X509Error> {
        self.keys += 1;
        if self.keys > MAX_KEYS {
            return Err(X509Error::TooManyEncryptedKeys { limit: MAX_KEYS });
        }
        Ok(())
    }
}

fn spend(effort: &mut Effort, rounds: u64) -> Result<(), X509Error> {
    effort.spend(rounds).map_err(of_archive)
}

/// The words of a key's encryption, for those of a file.
fn of_archive(error: X509Error) -> X509Error {
    if let X509Error::LegacyEncryption {
        scheme,
        needs_legacy_provider,
    } = error
    {
        X509Error::ArchiveScheme {
            scheme,
            needs_legacy_provider,
        }
    } else if let X509Error::UnsupportedEncryption { reason } = error {
        X509Error::ArchiveScheme {
            scheme: reason,
            needs_legacy_provider: false,
        }
    } else if let X509Error::KdfTooCostly { cost, limit } = error {
        X509Error::ArchiveTooCostly { cost, limit }
    } else if let X509Error::WrongPassphrase = error {
        X509Error::ArchiveWrongPassphrase
    } else if let X509Error::Unreadable { .. } = error {
        damaged("an encryption")
    } else {
        error
    }
}

fn damaged(part: &str) -> X509Error {
    X509Error::Unreadable {
        expected: Expected::Archive,
        reason: format!("{part} cannot be read (PKCS#12)"),
    }
}

fn sealed_message() -> X509Error {
    X509Error::ForeignForm {
        form: ForeignForm::PublicKeyPkcs12,
    }
}
