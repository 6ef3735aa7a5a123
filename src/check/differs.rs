//! Targets of one domain that serve different leaves: a peer gets one or the other by chance.

use super::{CertificateForm, TargetReport};
use crate::findings::{Code, Finding};
use crate::names::Protocol;
use std::collections::BTreeMap;

/// Adds a finding to each row that serves another leaf than most rows of its domain and service. Of as many on both
/// sides, the leaf that ends last counts: the other was left behind.
pub fn tell_leaves_apart(rows: &mut [TargetReport]) {
    let mut groups: BTreeMap<(String, Option<&'static str>), Vec<usize>> = BTreeMap::new();
    for (number, row) in rows.iter().enumerate() {
        if let (Some(within), Some(_)) = (&row.within, &row.certificate) {
            let service = row.protocol.map(service);
            groups
                .entry((within.clone(), service))
                .or_default()
                .push(number);
        }
    }
    for ((within, _), numbers) in groups {
        let mut leaves: BTreeMap<_, (usize, &CertificateForm)> = BTreeMap::new();
        for leaf in numbers
            .iter()
            .filter_map(|number| rows.get(*number)?.certificate.as_ref())
        {
            leaves.entry(leaf.sha256).or_insert((0, leaf)).0 += 1;
        }
        let most = leaves
            .values()
            .max_by_key(|(count, leaf)| (*count, leaf.not_after))
            .map(|(count, leaf)| (*count, (*leaf).clone()));
        let (Some((count, most)), true) = (most, leaves.len() > 1) else {
            continue;
        };
        for number in &numbers {
            let Some(row) = rows.get_mut(*number) else {
                continue;
            };
            let Some(leaf) = row
                .certificate
                .as_ref()
                .filter(|leaf| leaf.sha256 != most.sha256)
            else {
                continue;
            };
            let place = row.address.map(|address| address.to_string());
            let finding = Finding::new(
                Code::LiveLeafDiffers,
                place.unwrap_or_default(),
                "serves another leaf than the other targets of the domain",
                format!(
                    "sha256:{} here, sha256:{} on {count} of {} of {within}",
                    leaf.sha256.short(),
                    most.sha256.short(),
                    numbers.len()
                ),
                "assign the certificate on this machine too, or take its record out of the zone",
            );
            row.findings.push(finding);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::TargetKind;
    use crate::x509::Fingerprint;
    use time::macros::datetime;

    fn row(within: Option<&str>, protocol: Protocol, leaf: u8) -> TargetReport {
        let digest = Fingerprint::of(&[leaf]);
        TargetReport {
            within: within.map(str::to_owned),
            protocol: Some(protocol),
            certificate: Some(CertificateForm {
                name: String::new(),
                subject: String::new(),
                issuer: String::new(),
                sans: Vec::new(),
                not_before: datetime!(2026-01-01 0:00 UTC),
                not_after: datetime!(2026-02-01 0:00 UTC) + time::Duration::days(leaf.into()),
                sha256: digest,
                spki_sha256: digest,
                serial: String::new(),
            }),
            ..TargetReport::new("edge:5269", TargetKind::Endpoint)
        }
    }

    #[test]
    fn rows_beside_the_majority_are_told_within_one_domain_and_service() {
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
                vec![1],
            ),
            // As many on both sides: the one that ends first was left behind.
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
                rows.into_iter().map(|(w, p, l)| row(w, p, l)).collect();
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
