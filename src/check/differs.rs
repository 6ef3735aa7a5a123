//! Places that stand for one another and do not serve the same leaf: a peer gets one or the other by chance.

use super::TargetReport;
use crate::explain::listed;
use crate::findings::{Code, Finding};
use crate::names::Protocol;
use crate::x509::Fingerprint;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// Most places that one finding names.
const MAX_TOLD: usize = 4;

/// Compares the targets and addresses of each domain, service by service.
pub fn tell_leaves_apart(rows: &mut [TargetReport]) {
    let mut groups: BTreeMap<(String, Option<&'static str>), Vec<&mut TargetReport>> =
        BTreeMap::new();
    for row in rows {
        if let (Some(within), Some(_)) = (&row.within, &row.certificate) {
            let group = (within.clone(), row.protocol.map(service));
            groups.entry(group).or_default().push(row);
        }
    }
    for ((within, _), mut together) in groups {
        leaf_differs(&format!("the targets of {within}"), &mut together);
    }
}

/// What is reached by one kind of peer, and so should be one leaf.
fn service(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Xmpp | Protocol::XmppsClient => "client",
        Protocol::XmppServer | Protocol::XmppsServer => "server",
        Protocol::Sips => "sip",
        Protocol::Tls => "tls",
    }
}

/// Adds `live.leaf-differs` to each row that serves another leaf than the best of them: the one that ends last.
///
/// `together` says what they have in common, as in `the addresses of edge.contoso.com:5061`. Rows without a
/// certificate say nothing here; their own finding stands.
pub(super) fn leaf_differs(together: &str, rows: &mut [&mut TargetReport]) {
    let mut leaves: BTreeMap<(OffsetDateTime, String), (Fingerprint, Vec<String>)> =
        BTreeMap::new();
    for row in rows.iter() {
        if let Some(leaf) = &row.certificate {
            let by_end = (leaf.not_after, leaf.sha256.to_string());
            let places = &mut leaves
                .entry(by_end)
                .or_insert_with(|| (leaf.sha256, Vec::new()))
                .1;
            places.push(place(row));
        }
    }
    let Some(((end, _), (best, at))) = leaves.pop_last() else {
        return;
    };
    if leaves.is_empty() {
        return;
    }
    let (end, best_words) = (end.date(), best.short());
    let at = listed(&at, MAX_TOLD);
    for row in rows.iter_mut() {
        let Some(leaf) = &row.certificate else {
            continue;
        };
        if leaf.sha256 == best {
            continue;
        }
        let why = format!(
            "it serves {} until {}, {at} serves {best_words} until {end}",
            leaf.sha256.short(),
            leaf.not_after.date()
        );
        let finding = Finding::new(
            Code::LiveLeafDiffers,
            place(row),
            format!("serves another leaf than others of {together}"),
            why,
            "put the newest certificate there as well, and reload the server",
        );
        row.findings.push(finding);
    }
}

fn place(row: &TargetReport) -> String {
    row.address
        .map_or_else(|| row.target.clone(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{CertificateForm, Status, TargetKind};
    use time::macros::datetime;

    fn row(address: &str, leaf: Option<(&[u8], OffsetDateTime)>) -> TargetReport {
        TargetReport {
            address: address.parse().ok(),
            certificate: leaf.map(|(bytes, not_after)| CertificateForm {
                name: "edge.contoso.com".to_owned(),
                subject: String::new(),
                issuer: String::new(),
                sans: Vec::new(),
                not_before: datetime!(2026-01-01 00:00 UTC),
                not_after,
                sha256: Fingerprint::of(bytes),
                spki_sha256: Fingerprint::of(b"key"),
                serial: String::new(),
            }),
            ..TargetReport::new("edge.contoso.com:5061", TargetKind::Endpoint)
        }
    }

    #[test]
    fn who_was_left_out_at_the_renewal_is_named_and_the_newest_is_not() {
        let (old, new) = (
            datetime!(2026-03-01 00:00 UTC),
            datetime!(2026-06-01 00:00 UTC),
        );
        for (first, second, told) in [
            (Some((&b"a"[..], old)), Some((&b"b"[..], new)), [1, 0]),
            (Some((&b"b"[..], new)), Some((&b"a"[..], old)), [0, 1]),
            (Some((&b"a"[..], new)), Some((&b"a"[..], new)), [0, 0]),
            (Some((&b"a"[..], old)), None, [0, 0]),
            (None, None, [0, 0]),
        ] {
            let mut one = row("192.0.2.1:5061", first);
            let mut two = row("192.0.2.2:5061", second);
            leaf_differs("one pool", &mut [&mut one, &mut two]);
            assert_eq!([one.findings.len(), two.findings.len()], told);
            for row in [one, two].iter().filter(|row| !row.findings.is_empty()) {
                assert_eq!(row.status(), Status::Warning);
                let finding = &row.findings[0];
                assert_eq!(finding.code, Code::LiveLeafDiffers);
                assert!(finding.why.contains("until 2026-03-01"), "{finding:?}");
                assert!(finding.why.contains("until 2026-06-01"), "{finding:?}");
            }
        }
        // One end, two leaves: one of them is told.
        let mut one = row("192.0.2.1:5061", Some((b"a", new)));
        let mut two = row("192.0.2.2:5061", Some((b"b", new)));
        leaf_differs("one pool", &mut [&mut one, &mut two]);
        assert_eq!(one.findings.len() + two.findings.len(), 1);
    }

    fn of(within: Option<&str>, protocol: Protocol, leaf: u8) -> TargetReport {
        let end = datetime!(2026-02-01 0:00 UTC) + time::Duration::days(leaf.into());
        TargetReport {
            within: within.map(str::to_owned),
            protocol: Some(protocol),
            ..row("192.0.2.1:5269", Some((&[leaf], end)))
        }
    }

    #[test]
    fn leaves_are_compared_within_one_domain_and_service() {
        use Protocol::{Xmpp, XmppServer, XmppsServer};
        let contoso = Some("xmpp:contoso.com");
        for (rows, differ) in [
            (
                vec![(contoso, XmppServer, 1), (contoso, XmppsServer, 1)],
                vec![],
            ),
            (
                vec![
                    (contoso, XmppServer, 1),
                    (contoso, XmppsServer, 2),
                    (contoso, XmppServer, 1),
                ],
                vec![0, 2],
            ),
            (
                vec![(contoso, XmppServer, 1), (contoso, XmppServer, 2)],
                vec![0],
            ),
            (vec![(contoso, XmppServer, 1), (contoso, Xmpp, 2)], vec![]),
            (
                vec![
                    (contoso, XmppServer, 1),
                    (Some("xmpp:b.com"), XmppServer, 2),
                ],
                vec![],
            ),
            (vec![(None, XmppServer, 1), (None, XmppServer, 2)], vec![]),
        ] {
            let mut rows: Vec<TargetReport> =
                rows.into_iter().map(|(w, p, l)| of(w, p, l)).collect();
            tell_leaves_apart(&mut rows);
            let told: Vec<usize> = (0..rows.len())
                .filter(|n| {
                    rows[*n]
                        .findings
                        .iter()
                        .any(|one| one.code == Code::LiveLeafDiffers)
                })
                .collect();
            assert_eq!(told, differ);
        }
    }
}
