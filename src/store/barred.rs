//! Keys that must not be used again: those of generations that are marked as compromised, in whatever lineage, and for
//! ever, since the journal remembers them when the generations are pruned.

use super::{Store, StoreError};
use serde_json::Value;

/// What the journal calls a mark.
pub(super) const ACTION: &str = "mark-compromised";

/// Under what it has the key.
pub(super) const KEY: &str = "spki_sha256";

/// A key that is barred, with where it was marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarredKey {
    /// `sha256:…` of the SubjectPublicKeyInfo.
    pub spki_sha256: String,
    /// The lineage.
    pub certificate: String,
    /// The generation that had it.
    pub generation: u64,
}

impl Store {
    /// Whether a key is barred; `spki_sha256` as in the records. Effects: reads the generations' records and, where
    /// none of them tells, the journal.
    pub fn barred_key(&self, spki_sha256: &str) -> Result<Option<BarredKey>, StoreError> {
        for certificate in self.certificates()? {
            for number in self.generation_numbers(&certificate)? {
                // One that cannot be read is a matter of `doctor`, and may be of another lineage.
                if let Ok(one) = self.generation(&certificate, number)
                    && one.compromised
                    && one.leaf.spki_sha256 == spki_sha256
                {
                    return Ok(Some(BarredKey {
                        spki_sha256: one.leaf.spki_sha256,
                        certificate: one.certificate,
                        generation: number.into(),
                    }));
                }
            }
        }
        self.journalled_bar(spki_sha256)
    }

    /// The mark that the journal has of a key. A line that is no longer part of the chain counts as well: a key is
    /// rather barred for nothing than used again.
    pub fn journalled_bar(&self, spki_sha256: &str) -> Result<Option<BarredKey>, StoreError> {
        let mut found = None;
        self.journal_each(|entry| {
            let is_it = entry.action == ACTION
                && entry.detail.get(KEY).and_then(Value::as_str) == Some(spki_sha256);
            if is_it {
                found = Some(BarredKey {
                    spki_sha256: spki_sha256.to_owned(),
                    certificate: entry.certificate.unwrap_or_default(),
                    generation: entry
                        .detail
                        .get("generation")
                        .and_then(Value::as_u64)
                        .unwrap_or_default(),
                });
            }
            !is_it
        })?;
        Ok(found)
    }
}
