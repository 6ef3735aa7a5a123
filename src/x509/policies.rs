//! What a certificate says of certificate policies (RFC 5280 §4.2.1.4, .5, .11, .14), for path validation.

use super::{Certificate, ExtensionKind, tlv};
use std::collections::BTreeSet;

/// anyPolicy (RFC 5280 §4.2.1.4).
pub const ANY_POLICY: &str = "2.5.29.32.0";

/// Most policies, and most mappings, that are read of one certificate.
const MOST: usize = 1_000;

/// The policy extensions of one certificate; object identifiers dotted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policies {
    /// certificatePolicies; `None`: no such extension.
    pub policies: Option<BTreeSet<String>>,
    /// policyMappings: issuer's policy, subject's policy.
    pub mappings: Vec<(String, String)>,
    /// requireExplicitPolicy: certificates that may follow before it binds.
    pub require_explicit: Option<u32>,
    /// inhibitPolicyMapping, alike.
    pub inhibit_mapping: Option<u32>,
    /// inhibitAnyPolicy, alike.
    pub inhibit_any: Option<u32>,
}

impl Certificate {
    /// Its policy extensions. The error says which cannot be read.
    pub fn policies(&self) -> Result<Policies, &'static str> {
        let mut read = Policies::default();
        let sequence = |kind| {
            let value = self.extension(kind)?.value;
            Some(tlv::exactly(value, tlv::SEQUENCE).and_then(|all| tlv::items(all.content)))
        };
        if let Some(entries) = sequence(ExtensionKind::CertificatePolicies) {
            let unreadable = "certificatePolicies cannot be read";
            let entries = entries.filter(|all| (1..=MOST).contains(&all.len()));
            let mut policies = BTreeSet::new();
            for entry in entries.ok_or(unreadable)? {
                let parts = tlv::items(entry.content).ok_or(unreadable)?;
                let kind = parts.first().and_then(policy).ok_or(unreadable)?;
                if !policies.insert(kind) {
                    return Err("certificatePolicies hold a policy twice");
                }
            }
            read.policies = Some(policies);
        }
        if let Some(entries) = sequence(ExtensionKind::PolicyMappings) {
            let unreadable = "policyMappings cannot be read";
            let entries = entries.filter(|all| (1..=MOST).contains(&all.len()));
            for entry in entries.ok_or(unreadable)? {
                let pair = tlv::items(entry.content).ok_or(unreadable)?;
                let [from, to] = pair.as_slice() else {
                    return Err(unreadable);
                };
                let from = policy(from).ok_or(unreadable)?;
                let to = policy(to).ok_or(unreadable)?;
                // RFC 5280 §4.2.1.5
                if from == ANY_POLICY || to == ANY_POLICY {
                    return Err("policyMappings map to or from anyPolicy");
                }
                read.mappings.push((from, to));
            }
        }
        if let Some(fields) = sequence(ExtensionKind::PolicyConstraints) {
            let unreadable = "policyConstraints cannot be read";
            let fields = fields.filter(|all| !all.is_empty()).ok_or(unreadable)?;
            for field in fields {
                let skip = Some(number(field.content).ok_or(unreadable)?);
                match field.tag {
                    0x80 => read.require_explicit = skip,
                    0x81 => read.inhibit_mapping = skip,
                    _ => return Err(unreadable),
                }
            }
        }
        if let Some(extension) = self.extension(ExtensionKind::InhibitAnyPolicy) {
            let skip =
                tlv::exactly(extension.value, tlv::INTEGER).and_then(|value| number(value.content));
            read.inhibit_any = Some(skip.ok_or("inhibitAnyPolicy cannot be read")?);
        }
        Ok(read)
    }
}

fn policy(item: &tlv::Tlv<'_>) -> Option<String> {
    (item.tag == tlv::OBJECT_IDENTIFIER).then(|| tlv::dotted(item.content))
}

/// A count of certificates: not negative; a very large one counts as the largest.
fn number(content: &[u8]) -> Option<u32> {
    let first = content.first()?;
    if first & 0x80 != 0 {
        return None;
    }
    let fold = |sum: u32, byte: &u8| {
        sum.checked_mul(256)
            .and_then(|sum| sum.checked_add(u32::from(*byte)))
            .unwrap_or(u32::MAX)
    };
    Some(content.iter().fold(0, fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_not_negative_and_large_ones_are_the_largest() {
        for (content, expected) in [
            (&[0][..], Some(0)),
            (&[0x7f], Some(127)),
            (&[0, 0xff], Some(255)),
            (&[0x80], None),
            (&[1, 0, 0, 0, 0], Some(u32::MAX)),
            (&[], None),
        ] {
            assert_eq!(number(content), expected, "{content:?}");
        }
    }
}
