//! The plan as text for a zone: each record below the reason for it. RFC 1035 §5.1.

use super::{RecordData, RecordPlan};
use crate::explain::printable;

/// The records with their reasons as comments. Every line names owner, TTL and class, so the text can be put into a
/// zone by `$INCLUDE` whatever stands before it. A record whose value is not known is a comment.
pub fn zone(plan: &RecordPlan) -> String {
    let mut text = format!(
        "; DNS records of the edge {}, by `edgecert dns plan`\n",
        plan.fqdn
    );
    let mut before = None;
    for record in &plan.records {
        let reason = (&record.because, &record.without, record.need);
        // Records with one reason stand together below it.
        if before != Some(reason) {
            text.push_str(&format!(
                "\n; {}: {}\n; without it: {}\n",
                record.need.word(),
                printable(&record.because),
                printable(&record.without)
            ));
            before = Some(reason);
        }
        match &record.data {
            RecordData::Address(None) => text.push_str(&format!(
                "; {}\n",
                record.line().replace(" A ", " A (or AAAA) ")
            )),
            RecordData::Srv { .. }
            | RecordData::Address(Some(_))
            | RecordData::Tlsa { .. }
            | RecordData::Caa { .. } => text.push_str(&format!("{}\n", record.line())),
        }
    }
    text
}
