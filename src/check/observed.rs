//! What an endpoint was seen to serve, against what is expected of it: reachable, TLS, the leaf assigned, its names.

use super::dark::{dark, not_completed};
use super::endpoint::Endpoint;
use super::{CertificateForm, Hold, TargetKind, TargetReport, Yardstick};
use crate::explain::{Explain, printable, span};
use crate::findings::{Code, Finding};
use crate::probe::{KeyKind, Observation};
use crate::verify::Wanted;
use crate::x509::{Certificate, Standing};
use std::borrow::Cow;
use std::net::SocketAddr;
use time::OffsetDateTime;

/// What an endpoint shows, against what is expected of it.
pub(super) fn judge_observation(
    endpoint: &Endpoint,
    address: SocketAddr,
    observation: &Observation,
    yardstick: &Yardstick,
) -> TargetReport {
    let mut report = TargetReport {
        address: Some(address),
        protocol: Some(endpoint.protocol),
        asked: endpoint.domain.clone(),
        took: Some(observation.took),
        seen: seen(observation),
        within: endpoint.within.clone(),
        ..TargetReport::new(endpoint.target.clone(), TargetKind::Endpoint)
    };
    let place = address.to_string();
    let mut chain = Vec::new();
    for (number, der) in observation.chain.iter().enumerate() {
        match Certificate::from_der(der) {
            Ok(certificate) => chain.push(certificate),
            Err(error) => {
                let told = error.explain();
                report.findings.push(Finding::new(
                    Code::FormMalformed,
                    format!("{place}, certificate {}", number + 1),
                    "serves a certificate that cannot be read",
                    told.why,
                    "look at the file that the server reads its chain from",
                ));
                if number == 0 {
                    return report;
                }
            }
        }
    }
    let Some(leaf) = chain.first() else {
        report.findings.push(dark(endpoint, address, observation));
        return report;
    };
    if let Some(finding) = other_leaf(endpoint, &place, leaf, yardstick.now) {
        report.certificate = Some(CertificateForm::of(leaf));
        report.findings.push(finding);
        return report;
    }
    report
        .findings
        .extend(not_completed(endpoint, address, observation));
    let (hold, asked) = hold_of(endpoint, leaf, yardstick);
    yardstick.judge_chain(&mut report, &chain, None, hold.as_deref(), asked);
    let own = endpoint.assigned.as_ref().and_then(|one| one.hold);
    if let Some(own) = own.and_then(|place| yardstick.holds.get(place)) {
        // The row of its generation says it.
        report.findings.retain(|one| !own.unread.contains(one));
    }
    for (part, why) in &mut report.not_applicable {
        if *part == "names" {
            *why = "no name was asked for: give --servername, --xmpphost or --name".to_owned();
        }
    }
    report
}

/// What a leaf is held against here, and the name that was asked for.
fn hold_of<'a>(
    endpoint: &Endpoint,
    leaf: &Certificate,
    yardstick: &'a Yardstick,
) -> (Option<Cow<'a, Hold>>, Option<Wanted>) {
    let at = |place: Option<usize>| place.and_then(|place| yardstick.holds.get(place));
    let stranger = at(yardstick.stranger);
    let demands = at(yardstick.forced).is_some_and(|forced| !forced.wanted.is_empty());
    // Names that were demanded go before the one that was asked; a deployment's other names are not this listener's.
    let asked = match &endpoint.domain {
        Some(domain) if endpoint.assigned.is_some() || !demands => Some(Wanted::Covered {
            service: endpoint.protocol.service(),
            domain: domain.clone(),
            because: format!("{domain}, which was asked for"),
        }),
        Some(_) | None => None,
    };
    let hold = match &endpoint.assigned {
        Some(assigned) => yardstick.under_force(at(assigned.hold)),
        None => yardstick.hold_for(leaf),
    };
    let mut hold = hold.or(stranger.map(Cow::Borrowed));
    if let Some(hold) = &mut hold {
        if asked.is_none() && !demands {
            hold.to_mut().wanted.clear();
        }
        // Names alone were demanded: whom to trust is a stranger's view all the same.
        if let (None, true, Some(stranger)) = (&hold.trust, hold.unread.is_empty(), stranger) {
            let hold = hold.to_mut();
            hold.trust.clone_from(&stranger.trust);
            hold.unread.clone_from(&stranger.unread);
        }
    }
    (hold, asked)
}

fn seen(observation: &Observation) -> Vec<String> {
    let mut seen: Vec<String> = [&observation.tls_version, &observation.cipher]
        .into_iter()
        .flatten()
        .map(|word| printable(word))
        .collect();
    if let Some(alpn) = &observation.alpn {
        seen.push(format!("ALPN {}", printable(alpn)));
    }
    if observation.asked_for_certificate {
        seen.push(
            match observation.presented {
                true => "asks for a client certificate, ours was presented",
                false => "asks for a client certificate",
            }
            .to_owned(),
        );
    }
    if observation
        .features_before
        .as_ref()
        .is_some_and(|features| features.starttls.is_none())
    {
        seen.push("STARTTLS not offered".to_owned());
    }
    if let Some(features) = &observation.features {
        let external = features.mechanisms.iter().any(|word| word == "EXTERNAL");
        let offered: Vec<&str> = [(external, "EXTERNAL"), (features.dialback, "dialback")]
            .into_iter()
            .filter_map(|(there, word)| there.then_some(word))
            .collect();
        if !offered.is_empty() {
            seen.push(format!("{} offered", offered.join(", ")));
        }
    }
    if let Some(status) = &observation.sip_status {
        seen.push(format!("SIP {} {}", status.code, printable(&status.reason)));
    }
    seen
}

/// What the signatures of a type are called; `None`: of any.
fn kind_word(kind: KeyKind) -> Option<&'static str> {
    match kind {
        KeyKind::Any => None,
        KeyKind::Rsa => Some("RSA"),
        KeyKind::Ecdsa => Some("ECDSA"),
        KeyKind::Ed25519 => Some("Ed25519"),
    }
}

fn other_leaf(
    endpoint: &Endpoint,
    place: &str,
    leaf: &Certificate,
    now: OffsetDateTime,
) -> Option<Finding> {
    let assigned = endpoint.assigned.as_ref()?;
    if leaf.facts().sha256 == assigned.leaf {
        return None;
    }
    let until = leaf.facts().not_after - now;
    let end = match leaf.window().standing(now) {
        Standing::Ahead | Standing::Within => format!("ends in {}", span(until)),
        Standing::Over => format!("ended {} ago", span(until)),
    };
    let certificate = assigned.certificate();
    let key = &leaf.facts().public_key;
    let (shown, wanted) = match kind_word(endpoint.key_kind) {
        Some(word) if KeyKind::from(key) != endpoint.key_kind => {
            (format!(", {key}"), format!(", with a key for {word}"))
        }
        Some(_) | None => (String::new(), String::new()),
    };
    Some(Finding::new(
        Code::LiveOtherLeaf,
        place,
        format!("serves another leaf than {}", assigned.generation),
        format!(
            "served is {} ({}{shown}, {end}), assigned is {}{wanted}",
            leaf.facts().sha256.short(),
            leaf.display_name(),
            assigned.leaf.short()
        ),
        format!(
            "`edgecert assign {certificate}` again; if it persists another process listens there (`ss -ltnp`)"
        ),
    ))
}

#[cfg(test)]
mod tests;
