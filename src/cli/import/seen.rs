//! What the files of a reply held besides the chain that is kept: for the listing and for the machine contract.

use super::complete::Origin;
use crate::import::Imported;
use crate::x509::Certificate;
use time::OffsetDateTime;

/// What the files held besides the chain.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// What was found where: (`reply.p7b`, `PKCS#7, 3 certificates`).
    pub inventory: Vec<(String, String)>,
    /// What PKCS#12 calls the leaf.
    pub friendly_name: Option<String>,
    /// Roots in the files, not kept.
    pub roots: Vec<String>,
    /// Other certificates that are not kept, each with why: `expired cross-sign`, `belongs to another chain`.
    pub left_out: Vec<(Certificate, &'static str)>,
    /// The issuer that is missing.
    pub missing_issuer: Option<String>,
    /// What was fetched.
    pub fetched: Vec<Origin>,
    /// What is worth knowing: where, and what.
    pub notes: Vec<(String, String)>,
    /// Blocks that could not be read: where, and why.
    pub problems: Vec<(String, String)>,
}

impl Seen {
    pub(super) fn of(imported: &Imported, fetched: Vec<Origin>, now: OffsetDateTime) -> Self {
        Self {
            inventory: imported.inventory.clone(),
            friendly_name: imported.friendly_name.clone(),
            roots: imported
                .roots
                .iter()
                .map(Certificate::display_name)
                .collect(),
            left_out: left_out(imported, now),
            missing_issuer: imported.missing_issuer.clone(),
            fetched,
            notes: imported.notes.clone(),
            problems: imported
                .problems
                .iter()
                .map(|(place, error)| (place.clone(), error.to_string()))
                .collect(),
        }
    }
}

/// Certificates that are not kept, roots aside, each with why.
fn left_out(imported: &Imported, now: OffsetDateTime) -> Vec<(Certificate, &'static str)> {
    let leaf = &imported.bundle.chain().leaf;
    let why = |one: &Certificate| {
        if one.facts().spki_sha256 == leaf.facts().spki_sha256 {
            "an older certificate for the same key"
        } else if one.facts().not_after < now {
            "an expired cross-sign"
        } else {
            "a surplus cross-sign"
        }
    };
    imported
        .strangers
        .iter()
        .map(|one| (one.clone(), "belongs to another chain"))
        .chain(imported.spare.iter().map(|one| (one.clone(), why(one))))
        .chain(
            imported
                .doubles
                .iter()
                .map(|(_, one)| (one.clone(), "stands there twice")),
        )
        .collect()
}
