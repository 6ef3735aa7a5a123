//! Whether the issuer takes a key, by type or by size, and what is told of one that is used again.

use super::{KeyPolicy, RequestSpec};
use crate::explain::{Explain, printable};
use crate::findings::{Code, Finding};
use crate::request::{IssuerProfile, RequestError};
use crate::x509::{KeyType, PrivateKey, PublicKeyKind};

pub(super) fn judge_key(
    spec: &RequestSpec,
    key: Option<&PrivateKey>,
    policy: KeyPolicy,
) -> Result<Vec<Finding>, RequestError> {
    let mut notes = Vec::new();
    let own_type = key.map_or(Some(spec.key_type), PrivateKey::key_type);
    let described = match (own_type, key) {
        (Some(known), _) => known.word().into(),
        (None, Some(key)) => describe(&key.kind()),
        (None, None) => spec.key_type.word().into(),
    };
    if own_type != Some(spec.key_type) {
        notes.push(Finding::new(
            Code::RequestKeyKept,
            "request, key",
            format!("the key that is used again is {described}"),
            format!("{} is asked for new keys", spec.key_type.word()),
            "`edgecert request --new-key` makes a new one",
        ));
    }
    let taken = match (own_type, key) {
        (Some(known), _) => spec.profile.key_types.contains(&known),
        (None, Some(key)) => takes_odd_size(&spec.profile, &key.kind()),
        (None, None) => false,
    };
    if !taken {
        let refusal = key_refused(&spec.profile, described, key.map(PrivateKey::kind).as_ref());
        match policy {
            KeyPolicy::Refuse => return Err(refusal),
            KeyPolicy::Warn => {
                let said = refusal.explain();
                notes.push(Finding::new(
                    Code::RequestKeyRefused,
                    "request, key",
                    said.what,
                    said.why,
                    said.mend,
                ));
            }
        }
    }
    Ok(notes)
}

/// Whether an RSA key of a size between ours will do: 2048 bits or more, divisible by 8 (BR 6.1.5), for an issuer that
/// takes one at least as large.
fn takes_odd_size(profile: &IssuerProfile, kind: &PublicKeyKind) -> bool {
    let PublicKeyKind::Rsa { bits, .. } = kind else {
        return false;
    };
    let largest = profile.key_types.iter().filter_map(|known| match known {
        KeyType::Rsa2048 => Some(2048),
        KeyType::Rsa3072 => Some(3072),
        KeyType::Rsa4096 => Some(4096),
        KeyType::Ec256 | KeyType::Ec384 | KeyType::Ed25519 => None,
    });
    let in_bounds = largest
        .max()
        .is_some_and(|largest| (2048..=largest).contains(bits));
    in_bounds && (!profile.public || bits % 8 == 0)
}

pub(super) fn key_refused(
    profile: &IssuerProfile,
    key: String,
    kind: Option<&PublicKeyKind>,
) -> RequestError {
    let rule = match kind {
        Some(PublicKeyKind::Rsa { bits, .. }) if *bits < 2048 => {
            "an RSA key has 2048 bits at least (BR 6.1.5)".to_owned()
        }
        Some(PublicKeyKind::Rsa { bits, .. }) if profile.public && bits % 8 != 0 => {
            "the bits of an RSA key are divisible by 8 (BR 6.1.5)".to_owned()
        }
        _ if profile.public && key == KeyType::Ed25519.word() => {
            "public CAs sign RSA keys and those on P-256, P-384 and P-521 (BR 6.1.5)".to_owned()
        }
        _ if profile.key_types.iter().all(|known| known.is_rsa()) && !profile.cite.is_empty() => {
            format!("RSA alone by {}", profile.cite)
        }
        _ => String::new(),
    };
    RequestError::KeyRefused {
        key,
        profile: profile.name.clone(),
        allowed: profile.key_types.clone(),
        rule,
    }
}

fn describe(kind: &PublicKeyKind) -> String {
    match kind {
        PublicKeyKind::Rsa { bits, .. } => format!("RSA of {bits} bits"),
        PublicKeyKind::Ec { curve } => format!("EC on {}", printable(curve)),
        PublicKeyKind::Ed25519 => "ed25519".into(),
        PublicKeyKind::Other(other) => printable(other),
    }
}
