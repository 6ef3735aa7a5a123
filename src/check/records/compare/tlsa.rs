//! TLSA: the keys that DANE peers are told to expect (RFC 6698, RFC 7673). Whether to use DANE is the owner's choice,
//! so nothing is missing where nothing is published.

use super::{Place, Row, answered, publish};
use crate::check::records::plan::PinnedKey;
use crate::check::records::replies::{Found, Reply};
use crate::check::records::{PlannedRecord, RecordData};
use crate::dns::Proof;
use crate::explain::printable;
use crate::findings::{Code, Severity};
use crate::x509::Fingerprint;

pub(super) fn judge(
    mut row: Row,
    planned: &[&PlannedRecord],
    reply: Option<&Reply>,
    place: &Place<'_>,
) -> Row {
    let Some(records) = row.take(reply, place) else {
        return row;
    };
    if records.is_empty() {
        return row;
    }
    let owner = printable(place.name);
    if row.proof == Some(Proof::Insecure) {
        row.findings.push(place.finding(
            Code::DnsTlsaUnsigned,
            format!("TLSA records of {owner} are published in a zone that is not signed"),
            format!(
                "{}; without DNSSEC no peer may believe them",
                answered(&row)
            ),
            "sign the zone and its DS record at the parent, or take the TLSA records out",
        ));
    }
    let (current, next): (Vec<&PlannedRecord>, Vec<&PlannedRecord>) = planned
        .iter()
        .partition(|one| key(one) == Some(PinnedKey::Current));
    let missing = |wanted: &[&PlannedRecord]| -> Vec<PlannedRecord> {
        wanted
            .iter()
            .filter(|one| {
                !spki(one).is_some_and(|key| records.iter().any(|record| pins(record, &key)))
            })
            .map(|one| PlannedRecord::clone(one))
            .collect()
    };
    // What other usages and selectors pin (a CA, the whole certificate) cannot be judged by the key alone.
    let only_ours = records.iter().all(is_spki_pin);
    let stale = missing(&current);
    if let (Some(first), true) = (stale.first(), only_ours) {
        row.findings.push(place.finding(
            Code::DnsTlsaStale,
            format!("TLSA records of {owner} do not name the key that is served"),
            format!(
                "{}; served is {}: peers that use DANE refuse it",
                answered(&row),
                first.data_text().unwrap_or_default()
            ),
            publish(&stale.iter().collect::<Vec<_>>()),
        ));
    }
    let lacking = missing(&next);
    if !lacking.is_empty() {
        let finding = place.finding(
            Code::DnsTlsaMissing,
            format!("TLSA records of {owner} do not name the next key"),
            format!(
                "{}; once it is assigned, peers that use DANE refuse it until the record is seen",
                answered(&row)
            ),
            publish(&lacking.iter().collect::<Vec<_>>()),
        );
        // The current key is what counts today.
        row.findings.push(finding.with_severity(Severity::Warning));
    }
    row
}

fn key(record: &PlannedRecord) -> Option<PinnedKey> {
    match &record.data {
        RecordData::Tlsa { key, .. } => Some(*key),
        RecordData::Srv { .. } | RecordData::Address(_) | RecordData::Caa { .. } => None,
    }
}

fn spki(record: &PlannedRecord) -> Option<Fingerprint> {
    match &record.data {
        RecordData::Tlsa { spki_sha256, .. } => Some(*spki_sha256),
        RecordData::Srv { .. } | RecordData::Address(_) | RecordData::Caa { .. } => None,
    }
}

/// 3 1 1 or 1 1 1 with this key.
fn pins(record: &Found, spki: &Fingerprint) -> bool {
    match record {
        Found::Tlsa { data, .. } => is_spki_pin(record) && data.as_slice() == spki.as_bytes(),
        Found::Srv { .. } | Found::Address(_) | Found::Caa { .. } => false,
    }
}

/// Whether it pins the leaf's key by SHA-256.
fn is_spki_pin(record: &Found) -> bool {
    matches!(
        record,
        Found::Tlsa {
            usage: 1 | 3,
            selector: 1,
            matching: 1,
            ..
        }
    )
}
