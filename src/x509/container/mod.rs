//! What a file holds, by content and never by suffix or label: certificates, requests and keys in one list.
//!
//! The one way in for foreign files. PEM with anything around it, DER, bare base64, UTF-16, PKCS#7 and PKCS#12, one in
//! the other where need be; each thing keeps its place, and what cannot be read spoils nothing else. What is only worth
//! knowing (an old encryption, lists that were passed over) is a [`Note`]. Standards: RFC 7468, RFC 5652, RFC 7292.

mod note;

pub use note::Note;

use super::effort::Effort;
use super::error::{Expected, ForeignForm};
use super::pem::{self, PemBlock};
use super::pkcs7::{self, Content};
use super::pkcs12::{self, Held};
use super::sniff::{self, Form};
use super::{
    Certificate, Csr, Passphrase, PrivateKey, X509Error, ber, key_format, sealed, tlv, utf16,
};
use crate::explain::printable;

/// How a file was packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// PEM blocks.
    Pem,
    /// One DER value.
    Der,
    /// Base64 without PEM's lines.
    Base64,
    /// PKCS#7 and nothing else, in DER, PEM or base64.
    Pkcs7,
    /// PKCS#12 and nothing else.
    Pkcs12,
}

impl Packing {
    /// Its name: `PKCS#7`.
    pub fn words(self) -> &'static str {
        match self {
            Packing::Pem => "PEM",
            Packing::Der => "DER",
            Packing::Base64 => "base64",
            Packing::Pkcs7 => "PKCS#7",
            Packing::Pkcs12 => "PKCS#12",
        }
    }
}

/// What a PKCS#12 file calls one of its things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BagName {
    /// Where the thing stands; the same text as in the list of certificates or keys.
    pub place: String,
    /// friendlyName, at most [`MAX_NAME`] characters, as foreign as it came.
    pub friendly_name: Option<String>,
    /// localKeyId: a key and the leaf that its writer meant for it have the same.
    pub local_key_id: Option<Vec<u8>>,
}

/// What a file held.
#[derive(Debug)]
pub struct Contents {
    /// How it was packed.
    pub packing: Packing,
    /// Certificates in the order found, with where (`block 2`).
    pub certificates: Vec<(String, Certificate)>,
    /// Private keys, with where.
    pub keys: Vec<(String, PrivateKey)>,
    /// Requests, with where.
    pub requests: Vec<(String, Csr)>,
    /// Certificate revocation lists that came with certificates in PKCS#7 or PKCS#12, DER, with where. One that stands
    /// alone is a problem, as whoever names it means a certificate.
    pub lists: Vec<(String, Vec<u8>)>,
    /// What PKCS#12 calls its things.
    pub bags: Vec<BagName>,
    /// Blocks that could not be read: where, and why.
    pub problems: Vec<(String, X509Error)>,
    /// What is worth knowing and no fault: where, and what.
    pub notes: Vec<(String, Note)>,
}

/// Largest file read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// What is found in a file without a byte.
pub(crate) const EMPTY: &str = "it is empty";

/// What is found in HTML.
pub(crate) const WEB_PAGE: &str = "it is a web page";

/// Most blocks read of one file.
pub const MAX_BLOCKS: usize = 10_000;

/// Most things taken of one file, whatever they are packed in.
pub const MAX_ITEMS: usize = MAX_BLOCKS;

/// Most levels of files within files: base64 of PEM of PKCS#7.
pub const MAX_NESTING: usize = 4;

/// Most characters kept of a friendlyName.
pub const MAX_NAME: usize = 128;

/// Most encrypted keys that are opened in one file: each may cost seconds, and a file has one or two. A PKCS#12 file
/// counts as one.
pub const MAX_ENCRYPTED_KEYS: usize = 8;

/// Where a thing stands that is the whole file.
const WHOLE: &str = "the file";

/// Reads a file of any form that is known. Errors only where nothing at all was recognised, it is too large, or has
/// too many blocks; a single bad block is a problem in the list. PKCS#12 is tried with the empty passphrase too.
pub fn read(bytes: &[u8], passphrase: Option<&Passphrase>) -> Result<Contents, X509Error> {
    if bytes.len() > MAX_BYTES {
        return Err(X509Error::TooLarge {
            limit: MAX_BYTES,
            size: bytes.len(),
        });
    }
    let mut reader = Reader {
        contents: Contents {
            packing: Packing::Pem,
            certificates: Vec::new(),
            keys: Vec::new(),
            requests: Vec::new(),
            lists: Vec::new(),
            bags: Vec::new(),
            problems: Vec::new(),
            notes: Vec::new(),
        },
        passphrase,
        encrypted: 0,
        effort: Effort::default(),
        taken: 0,
    };
    let (armour, forms) = reader.take_file(bytes, WHOLE, 0)?;
    reader.contents.packing = match forms.as_slice() {
        [Form::Pkcs7, rest @ ..] if rest.iter().all(|form| *form == Form::Pkcs7) => Packing::Pkcs7,
        [Form::Pkcs12, rest @ ..] if rest.iter().all(|form| *form == Form::Pkcs12) => {
            Packing::Pkcs12
        }
        _ => armour,
    };
    Ok(reader.contents)
}

/// One DER or BER value and nothing after it.
fn is_whole_value(bytes: &[u8]) -> bool {
    matches!(ber::read(bytes), Ok((outer, [])) if outer.tag == tlv::SEQUENCE)
}

/// HTML begins with its doctype or its first element, after blanks and a byte order mark at most.
fn is_web_page(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let begin = bytes.trim_ascii_start();
    ["<!doctype html", "<html", "<head", "<body"]
        .iter()
        .any(|tag| {
            begin
                .get(..tag.len())
                .is_some_and(|found| found.eq_ignore_ascii_case(tag.as_bytes()))
        })
}

/// Gathers while it goes.
struct Reader<'a> {
    contents: Contents,
    passphrase: Option<&'a Passphrase>,
    /// Encrypted things that were opened, or tried.
    encrypted: usize,
    /// What they cost.
    effort: Effort,
    /// Things taken so far.
    taken: usize,
}

/// How a file was armoured, and what stood in it.
type Seen = (Packing, Vec<Form>);

impl Reader<'_> {
    /// A whole file, at some level of nesting; `place` is its own.
    fn take_file(&mut self, bytes: &[u8], place: &str, level: usize) -> Result<Seen, X509Error> {
        if level >= MAX_NESTING {
            return Err(X509Error::NestedTooDeep { limit: MAX_NESTING });
        }
        // DER comes first: base64 text or a comment inside it is no PEM.
        if is_whole_value(bytes) {
            return self.take_alone(bytes, place, level, Packing::Der);
        }
        if level == 0 && utf16::to_utf8(bytes).is_some() {
            self.note(place, Note::Utf16);
        }
        let blocks = pem::scan(bytes);
        if blocks.is_empty() {
            return self.take_unarmoured(bytes, place, level);
        }
        if blocks.len() > MAX_BLOCKS {
            return Err(X509Error::TooManyBlocks {
                limit: MAX_BLOCKS,
                count: blocks.len(),
            });
        }
        let mut forms = Vec::new();
        for block in &blocks {
            let inner = within(place, &format!("block {}", block.number));
            match self.take_block(block, &inner, level) {
                Ok(form) => forms.extend(form),
                Err(error @ X509Error::TooManyItems { .. }) => {
                    self.problem(&inner, error);
                    break;
                }
                Err(error) => self.problem(&inner, error),
            }
        }
        Ok((Packing::Pem, forms))
    }

    fn take_alone(
        &mut self,
        der: &[u8],
        place: &str,
        level: usize,
        armour: Packing,
    ) -> Result<Seen, X509Error> {
        self.take_der(der, place, level)
            .map(|form| (armour, vec![form]))
    }

    /// Neither PEM nor one whole value: damaged DER, base64 without its lines, or something else.
    fn take_unarmoured(
        &mut self,
        bytes: &[u8],
        place: &str,
        level: usize,
    ) -> Result<Seen, X509Error> {
        if sniff::form(bytes) != Form::Unknown {
            return self.take_alone(bytes, place, level, Packing::Der);
        }
        if let Some(inner) = pem::decode_bare(bytes).filter(|inner| !inner.is_empty()) {
            if is_whole_value(&inner) {
                return self.take_alone(&inner, place, level, Packing::Base64);
            }
            // base64 of a whole PEM file, as Kubernetes and some mail programs have it
            if !pem::scan(&inner).is_empty() {
                let (_, forms) = self.take_file(&inner, place, level + 1)?;
                return Ok((Packing::Base64, forms));
            }
        }
        if sealed::is_sealed(bytes) {
            return Err(foreign(ForeignForm::SealedBundle));
        }
        let found = if bytes.is_empty() {
            EMPTY
        } else if is_web_page(bytes) {
            WEB_PAGE
        } else if std::str::from_utf8(bytes).is_ok() || utf16::to_utf8(bytes).is_some() {
            "it is text without a PEM block"
        } else {
            "it is neither text nor DER of a known form"
        };
        Err(X509Error::NothingRecognised {
            expected: Expected::Anything,
            found: found.to_owned(),
        })
    }

    /// The label is a hint in three cases alone: parameters that mean nothing by themselves, OpenSSL's trusted
    /// certificates with data after them, and what to call a block that is of no known form.
    fn take_block(
        &mut self,
        block: &PemBlock,
        place: &str,
        level: usize,
    ) -> Result<Option<Form>, X509Error> {
        if matches!(block.label.as_str(), "EC PARAMETERS" | "DH PARAMETERS") {
            return Ok(None);
        }
        if let Some(legacy) = key_format::encryption_headers(&block.headers) {
            return Err(legacy);
        }
        let der = block
            .content
            .as_ref()
            .map_err(|reason| X509Error::BadBlock {
                label: block.label.clone(),
                line: block.line,
                reason: reason.clone(),
            })?;
        let der = match tlv::read(der) {
            Ok((certificate, rest)) if block.label == "TRUSTED CERTIFICATE" => {
                if !rest.is_empty() {
                    self.note(place, Note::TrustSettings);
                }
                certificate.raw
            }
            Ok(_) | Err(_) => der.as_slice(),
        };
        match sniff::form(der) {
            Form::Unknown => Err(X509Error::Unreadable {
                expected: Expected::of_label(&block.label),
                reason: format!(
                    "the block {} holds no structure that is known here",
                    printable(&block.label)
                ),
            }),
            Form::Certificate
            | Form::Request
            | Form::Crl
            | Form::Pkcs8
            | Form::EncryptedPkcs8
            | Form::Pkcs1
            | Form::Sec1
            | Form::PublicKey
            | Form::Pkcs7
            | Form::Pkcs12 => self.take_der(der, place, level).map(Some),
        }
    }

    fn take_der(&mut self, der: &[u8], place: &str, level: usize) -> Result<Form, X509Error> {
        let form = sniff::form(der);
        match form {
            Form::Certificate => {
                let one = Certificate::from_der(der)?;
                self.count()?;
                self.contents.certificates.push((place.to_owned(), one));
            }
            Form::Request => {
                let one = Csr::from_der(der)?;
                self.count()?;
                self.contents.requests.push((place.to_owned(), one));
            }
            Form::Pkcs8 | Form::EncryptedPkcs8 | Form::Pkcs1 | Form::Sec1 => {
                if form == Form::EncryptedPkcs8 && self.passphrase.is_some() {
                    self.count_encrypted()?;
                    self.effort.spend(key_format::cost(der)?)?;
                }
                let key = PrivateKey::from_der(der, self.passphrase)?;
                self.count()?;
                self.contents.keys.push((place.to_owned(), key));
            }
            Form::Pkcs7 => self.take_pkcs7(der, place, level)?,
            Form::Pkcs12 => self.take_pkcs12(der, place)?,
            Form::Crl => return Err(foreign(ForeignForm::Crl)),
            Form::PublicKey => return Err(foreign(ForeignForm::PublicKey)),
            Form::Unknown => {
                return Err(X509Error::NothingRecognised {
                    expected: Expected::Anything,
                    found: "it is DER of no known form".to_owned(),
                });
            }
        }
        Ok(form)
    }

    fn take_pkcs7(&mut self, bytes: &[u8], place: &str, level: usize) -> Result<(), X509Error> {
        match pkcs7::read(bytes, MAX_ITEMS)? {
            Content::Data(inner) => self.take_file(&inner, place, level + 1).map(|_| ()),
            Content::Signed {
                certificates,
                lists,
                others,
                trailing,
            } => {
                for (at, der) in certificates.iter().enumerate() {
                    self.count()?;
                    let place = within(place, &format!("certificate {}", at + 1));
                    match Certificate::from_der(der) {
                        Ok(one) => self.contents.certificates.push((place, one)),
                        Err(error) => self.problem(&place, error),
                    }
                }
                if !lists.is_empty() {
                    self.note(place, Note::Lists(lists.len()));
                }
                for (at, der) in lists.iter().enumerate() {
                    self.count()?;
                    let place = within(place, &format!("list {}", at + 1));
                    self.contents.lists.push((place, der.to_vec()));
                }
                if others > 0 {
                    self.note(place, Note::Others(others));
                }
                if trailing > 0 {
                    let error = X509Error::TrailingBytes {
                        after: Expected::Archive,
                        count: trailing,
                    };
                    self.problem(place, error);
                }
                Ok(())
            }
        }
    }

    fn take_pkcs12(&mut self, bytes: &[u8], place: &str) -> Result<(), X509Error> {
        self.count_encrypted()?;
        let archive = pkcs12::open(bytes, self.passphrase, MAX_ITEMS, &mut self.effort)?;
        if !archive.old_schemes.is_empty() {
            self.note(
                place,
                Note::OldEncryption(archive.old_schemes.join(" and ")),
            );
        }
        if !archive.has_mac {
            self.note(place, Note::NoMac);
        }
        if archive.by_empty {
            self.note(place, Note::EmptyPassphrase);
        }
        let (mut lists, mut others) = (0, 0);
        for (at, bag) in archive.bags.into_iter().enumerate() {
            self.count()?;
            let place = within(place, &format!("bag {}", at + 1));
            match bag.held.and_then(|held| self.take_bag(held, &place)) {
                Ok(Took::Thing) => {}
                Ok(Took::List) => lists += 1,
                Ok(Took::Nothing) => others += 1,
                Err(error) => self.problem(&place, error),
            }
            if bag.friendly_name.is_some() || bag.local_key_id.is_some() {
                self.contents.bags.push(BagName {
                    place,
                    friendly_name: bag.friendly_name,
                    local_key_id: bag.local_key_id,
                });
            }
        }
        for (count, note) in [(lists, Note::Lists(lists)), (others, Note::Others(others))] {
            if count > 0 {
                self.note(place, note);
            }
        }
        Ok(())
    }

    fn take_bag(&mut self, held: Held, place: &str) -> Result<Took, X509Error> {
        let place = place.to_owned();
        match held {
            Held::Certificate(der) => {
                let one = Certificate::from_der(&der)?;
                self.contents.certificates.push((place, one));
            }
            Held::Key(pkcs8) => {
                let key = PrivateKey::from_der(&pkcs8, None)?;
                self.contents.keys.push((place, key));
            }
            Held::List(der) => {
                self.contents.lists.push((place, der));
                return Ok(Took::List);
            }
            Held::Other => return Ok(Took::Nothing),
        }
        Ok(Took::Thing)
    }

    fn count(&mut self) -> Result<(), X509Error> {
        if self.taken == MAX_ITEMS {
            return Err(X509Error::TooManyItems { limit: MAX_ITEMS });
        }
        self.taken += 1;
        Ok(())
    }

    fn count_encrypted(&mut self) -> Result<(), X509Error> {
        self.encrypted += 1;
        if self.encrypted > MAX_ENCRYPTED_KEYS {
            return Err(X509Error::TooManyEncryptedKeys {
                limit: MAX_ENCRYPTED_KEYS,
            });
        }
        Ok(())
    }

    fn problem(&mut self, place: &str, error: X509Error) {
        self.contents.problems.push((place.to_owned(), error));
    }

    fn note(&mut self, place: &str, note: Note) {
        self.contents.notes.push((place.to_owned(), note));
    }
}

/// What a bag was.
enum Took {
    Thing,
    List,
    Nothing,
}

/// A place within another.
fn within(place: &str, inner: &str) -> String {
    if place == WHOLE {
        inner.to_owned()
    } else {
        format!("{place}, {inner}")
    }
}

fn foreign(form: ForeignForm) -> X509Error {
    X509Error::ForeignForm { form }
}

#[cfg(test)]
mod tests;
