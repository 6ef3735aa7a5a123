//! What an endpoint was seen to serve, against what is expected of it: reachable, TLS, the leaf assigned, its names.

use super::endpoint::Endpoint;
use super::{CertificateForm, Hold, TargetKind, TargetReport, Yardstick};
use crate::explain::{Explain, printable, span};
use crate::findings::{Code, Finding, Severity};
use crate::names::Protocol;
use crate::probe::{KeyKind, Observation, ProbeError, Stage};
use crate::verify::Wanted;
use crate::x509::{Certificate, Standing};
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
    let stranger = yardstick
        .stranger
        .and_then(|place| yardstick.holds.get(place));
    let hold = match &endpoint.assigned {
        Some(assigned) => assigned.hold.and_then(|place| yardstick.holds.get(place)),
        None => yardstick.hold_for(leaf).or(stranger),
    };
    let forced = yardstick
        .forced
        .and_then(|place| yardstick.holds.get(place));
    // Names that were demanded go before the one that was asked; a deployment's other names are not this listener's.
    let asked = match forced {
        Some(forced) if !forced.wanted.is_empty() && endpoint.assigned.is_none() => None,
        Some(_) | None => endpoint.domain.as_ref().map(|domain| Wanted::Covered {
            service: endpoint.protocol.service(),
            domain: domain.clone(),
            because: format!("{domain}, which was asked for"),
        }),
    };
    let nameless;
    let hold = match (&asked, hold, forced) {
        (None, Some(hold), None) => {
            nameless = Hold {
                wanted: Vec::new(),
                ..hold.clone()
            };
            Some(&nameless)
        }
        (_, hold, _) => hold,
    };
    // Names alone were demanded: whom to trust is a stranger's view all the same.
    let trusting;
    let hold = match hold {
        Some(hold) if hold.trust.is_none() => {
            trusting = Hold {
                trust: stranger.and_then(|stranger| stranger.trust.clone()),
                ..hold.clone()
            };
            Some(&trusting)
        }
        hold => hold,
    };
    yardstick.judge_chain(&mut report, &chain, None, hold, asked);
    for (part, why) in &mut report.not_applicable {
        if *part == "names" {
            *why = "no name was asked for: give --servername, --xmpphost or --name".to_owned();
        }
    }
    report
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

/// What mends a failure here: a gateway of ours is started or given its pair; elsewhere the protocol may be another,
/// and what openssl sees helps whoever looks into it.
fn mend_of(endpoint: &Endpoint, address: SocketAddr, observation: &Observation) -> String {
    let Some(failure) = &observation.failure else {
        return "look into the server's log at this time".to_owned();
    };
    if let Some(assigned) = &endpoint.assigned
        && let Some(gateway) = &assigned.embedded
    {
        if observation
            .reached
            .is_none_or(|reached| reached == Stage::Connect)
        {
            return format!("`edgecert gateway run {gateway}`, or start its unit");
        }
        if observation.chain.is_empty() && (failure.is_access_denied() || failure.is_unknown_host())
        {
            return format!("`edgecert assign {}`", assigned.certificate());
        }
    }
    let told = failure.explain();
    match failure {
        ProbeError::Tls(_) if failure.is_not_tls() && endpoint.protocol == Protocol::Tls => {
            "it may wait for STARTTLS: try --protocol xmpp-server, or xmpp where clients connect"
                .to_owned()
        }
        ProbeError::Tls(_) if failure.is_not_tls() => match endpoint.protocol {
            Protocol::Xmpp | Protocol::XmppServer => {
                "it agreed to TLS and then sent something else: look into the server's log at this time"
                    .to_owned()
            }
            Protocol::XmppsClient | Protocol::XmppsServer | Protocol::Sips | Protocol::Tls => {
                format!(
                    "{} is direct TLS; if the port waits for STARTTLS try --protocol xmpp-server",
                    endpoint.protocol.word()
                )
            }
        },
        ProbeError::Tls(_) => format!(
            "{}, and compare with `{}`",
            told.mend,
            openssl(endpoint, address)
        ),
        ProbeError::Connect(_)
        | ProbeError::Timeout(_)
        | ProbeError::Xmpp(_)
        | ProbeError::Sip(_)
        | ProbeError::Closed
        | ProbeError::Io(_) => told.mend,
    }
}

/// The same handshake by openssl.
fn openssl(endpoint: &Endpoint, address: SocketAddr) -> String {
    let mut command = format!("openssl s_client -connect {address}");
    if let Some(name) = &endpoint.server_name {
        command.push_str(&format!(" -servername {name}"));
    }
    let starttls = match endpoint.protocol {
        Protocol::Xmpp => Some("xmpp"),
        Protocol::XmppServer => Some("xmpp-server"),
        Protocol::XmppsClient | Protocol::XmppsServer | Protocol::Sips | Protocol::Tls => None,
    };
    if let Some(word) = starttls {
        command.push_str(&format!(" -starttls {word}"));
        if let Some(domain) = &endpoint.domain {
            command.push_str(&format!(" -xmpphost {domain}"));
        }
    }
    command
}

/// Whether the time ran out before anything came that could be kept.
fn is_silent(observation: &Observation) -> bool {
    matches!(observation.failure, Some(ProbeError::Timeout(_)))
        && observation.header.is_none()
        && observation.features_before.is_none()
        && observation.tls_version.is_none()
        && observation.chain.is_empty()
}

/// Nothing was served at all.
fn dark(endpoint: &Endpoint, address: SocketAddr, observation: &Observation) -> Finding {
    let place = address.to_string();
    let (why, mend) = match &observation.failure {
        Some(failure) => (
            failure.explain().why,
            mend_of(endpoint, address, observation),
        ),
        None => (
            "no certificate was sent".to_owned(),
            "look into the server's log at this time".to_owned(),
        ),
    };
    match observation.reached {
        Some(Stage::Connect) | None => {
            Finding::new(Code::LiveUnreachable, place, "cannot be reached", why, mend)
        }
        Some(stage @ (Stage::Greeting | Stage::Handshake | Stage::Inside)) => Finding::new(
            Code::LiveNoTls,
            place,
            match is_silent(observation) {
                true => format!(
                    "accepts connections and says nothing: it stopped while {}",
                    stage.words()
                ),
                false => format!(
                    "answers, but TLS does not come up: it stopped while {}",
                    stage.words()
                ),
            },
            why,
            mend,
        ),
    }
}

/// Certificates were seen, and something went wrong around them.
fn not_completed(
    endpoint: &Endpoint,
    address: SocketAddr,
    observation: &Observation,
) -> Option<Finding> {
    let place = address.to_string();
    let failure = match (&observation.failure, observation.possession) {
        (Some(failure), _) => failure,
        (None, Some(false)) => {
            return Some(Finding::new(
                Code::KeyMismatch,
                place,
                "did not prove that it holds the certificate's key",
                "the handshake's signature does not verify with the leaf's key",
                "give the server the key that belongs to this certificate",
            ));
        }
        (None, Some(true) | None) => return None,
    };
    let told = failure.explain();
    let mend = mend_of(endpoint, address, observation);
    if observation.handshake_completed() {
        let finding = Finding::new(
            Code::LiveInside,
            place,
            "TLS is up, but the service inside does not answer as it should",
            told.why,
            mend,
        );
        return Some(match failure.is_unknown_host() {
            true => finding.with_severity(Severity::Warning),
            false => finding,
        });
    }
    let finding = Finding::new(
        Code::LiveNoTls,
        place,
        "shows its certificate, and the handshake fails behind it",
        told.why,
        mend,
    );
    // Servers may close on strangers without a trusted client certificate: no fault of the certificate.
    Some(match observation.asked_for_certificate {
        true if observation.presented => Finding {
            what: "shows its certificate, and refuses ours".to_owned(),
            mend: "see what the server's log says of our certificate: its issuer, its names, its key purposes"
                .to_owned(),
            ..finding
        }
        .with_severity(Severity::Warning),
        true => finding.with_severity(Severity::Note),
        false => finding,
    })
}

/// What the signatures of a type are called; none: of any.
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
mod tests {
    use super::*;
    use crate::check::endpoint::Assigned;
    use crate::check::{Status, Whose};
    use crate::names::{Domain, Identifier, Slug};
    use crate::probe::Depth;
    use crate::verify::TrustSet;
    use crate::x509::issue::{IssueSpec, Issuer, issue};
    use crate::x509::{KeyPurpose, KeyType, KeyUsage, PrivateKey, Subject};
    use time::Duration;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

    fn leaf(names: &[&str]) -> Certificate {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let spec = IssueSpec {
            serial: vec![7],
            subject: Subject {
                common_name: Some("contoso.com".to_owned()),
                ..Subject::default()
            },
            names: names
                .iter()
                .map(|name| Identifier::parse_typed(name).unwrap())
                .collect(),
            not_before: NOW - Duration::days(10),
            not_after: NOW + Duration::days(90),
            ca: None,
            key_usage: Some(KeyUsage {
                digital_signature: true,
                ..KeyUsage::default()
            }),
            key_purposes: vec![KeyPurpose::ServerAuth, KeyPurpose::ClientAuth],
            ca_issuers: None,
        };
        let own = Issuer {
            certificate: None,
            key: &key,
        };
        issue(&spec, key.spki_der(), &own).unwrap()
    }

    fn endpoint(protocol: Protocol, domain: Option<&str>) -> Endpoint {
        Endpoint {
            target: "edge.contoso.com:5269".to_owned(),
            host: "192.0.2.1".to_owned(),
            port: 5269,
            protocol,
            server_name: None,
            domain: domain.map(|domain| Domain::parse(domain).unwrap()),
            key_kind: KeyKind::Any,
            depth: Depth::Inside,
            assigned: None,
            addresses: Vec::new(),
            within: None,
        }
    }

    fn shown(leaf: &Certificate) -> Observation {
        Observation {
            chain: vec![leaf.der().to_vec()],
            possession: Some(true),
            reached: Some(Stage::Inside),
            ..Observation::default()
        }
    }

    fn judged(endpoint: &Endpoint, observation: &Observation) -> (Status, Vec<&'static str>) {
        let address = "192.0.2.1:5269".parse().unwrap();
        let row = judge_observation(endpoint, address, observation, &Yardstick::new(NOW));
        let codes = row
            .findings
            .iter()
            .filter(|finding| finding.code != Code::NamesSurplus)
            .map(|finding| finding.code.as_str())
            .collect();
        (row.status(), codes)
    }

    #[test]
    fn what_an_endpoint_serves_is_held_against_the_domain_asked_for() {
        let leaf = leaf(&["dns:contoso.com", "dns:*.contoso.com"]);
        for (protocol, domain, status, code) in [
            (Protocol::XmppServer, Some("contoso.com"), Status::Ok, None),
            (
                Protocol::XmppServer,
                Some("chat.contoso.com"),
                Status::Ok,
                None,
            ),
            (Protocol::Sips, Some("contoso.com"), Status::Ok, None),
            (
                Protocol::Sips,
                Some("sip.contoso.com"),
                Status::Critical,
                Some("names.wildcard-for-sip"),
            ),
            (
                Protocol::Tls,
                Some("fabrikam.com"),
                Status::Critical,
                Some("names.missing"),
            ),
            (Protocol::Tls, None, Status::Ok, None),
        ] {
            let (stands, codes) = judged(&endpoint(protocol, domain), &shown(&leaf));
            assert_eq!(
                (stands, codes.first().copied()),
                (status, code),
                "{protocol:?} {domain:?} {codes:?}"
            );
        }
    }

    #[test]
    fn another_leaf_than_the_assigned_is_the_only_finding() {
        let (ours, other) = (leaf(&["dns:contoso.com"]), leaf(&["dns:fabrikam.com"]));
        let mut endpoint = endpoint(Protocol::XmppServer, Some("contoso.com"));
        endpoint.assigned = Some(Assigned {
            generation: "external-edge/4".to_owned(),
            embedded: None,
            leaf: ours.facts().sha256,
            hold: None,
        });
        assert_eq!(judged(&endpoint, &shown(&ours)), (Status::Ok, vec![]));
        assert_eq!(
            judged(&endpoint, &shown(&other)),
            (Status::Critical, vec!["live.other-leaf"])
        );
    }

    #[test]
    fn names_that_are_demanded_leave_the_trust_to_the_strangers_view() {
        let mut yardstick = Yardstick::new(NOW);
        let hold = |name: &str, trust| Hold {
            name: name.to_owned(),
            trust,
            wanted: Vec::new(),
            public: false,
            whose: Whose::Others,
        };
        yardstick.holds = vec![
            hold("the command line", None),
            hold("system", Some(TrustSet::new("system", Vec::new()))),
        ];
        yardstick.stranger = Some(1);
        yardstick.forced = Some(0);
        let address = "192.0.2.1:5269".parse().unwrap();
        let endpoint = endpoint(Protocol::Tls, Some("contoso.com"));
        let row = judge_observation(
            &endpoint,
            address,
            &shown(&leaf(&["dns:contoso.com"])),
            &yardstick,
        );
        assert_eq!(row.status(), Status::Critical, "{row:#?}");
        assert!(row.not_applicable.iter().all(|(part, _)| *part != "chain"));
        // What ends there is nobody's of ours, so no command of ours is advised.
        yardstick.now = NOW + Duration::days(89);
        let row = judge_observation(
            &endpoint,
            address,
            &shown(&leaf(&["dns:contoso.com"])),
            &yardstick,
        );
        let ends = row
            .findings
            .iter()
            .find(|one| one.code == Code::ValidityEndsSoon);
        assert_eq!(ends.unwrap().mend, "ask whoever runs it to renew it");
    }

    #[test]
    fn where_a_probe_stopped_decides_the_finding() {
        let leaf = leaf(&["dns:contoso.com"]);
        let stopped = |stage, chain: bool, asked: bool, failure: ProbeError| Observation {
            chain: if chain {
                vec![leaf.der().to_vec()]
            } else {
                vec![]
            },
            reached: Some(stage),
            asked_for_certificate: asked,
            failure: Some(failure),
            ..Observation::default()
        };
        let unknown_host = || {
            ProbeError::Xmpp(crate::wire::xmpp::XmppError::Stream {
                condition: "host-unknown".to_owned(),
                text: None,
            })
        };
        let refused = || ProbeError::Connect("connection refused".to_owned());
        let alert = || ProbeError::Tls("handshake-failure".to_owned());
        for (observation, status, code) in [
            (
                stopped(Stage::Connect, false, false, refused()),
                Status::Critical,
                "live.unreachable",
            ),
            (
                stopped(Stage::Greeting, false, false, unknown_host()),
                Status::Critical,
                "live.no-tls",
            ),
            (
                stopped(Stage::Handshake, false, false, alert()),
                Status::Critical,
                "live.no-tls",
            ),
            (
                stopped(Stage::Handshake, true, false, alert()),
                Status::Critical,
                "live.no-tls",
            ),
            (
                stopped(Stage::Handshake, true, true, alert()),
                Status::Ok,
                "live.no-tls",
            ),
            (
                stopped(Stage::Inside, true, false, unknown_host()),
                Status::Warning,
                "live.inside",
            ),
            (
                stopped(Stage::Inside, true, false, ProbeError::Closed),
                Status::Ok,
                "live.inside",
            ),
        ] {
            let endpoint = endpoint(Protocol::XmppServer, Some("contoso.com"));
            let (stands, codes) = judged(&endpoint, &observation);
            assert_eq!(
                (stands, codes.as_slice()),
                (status, [code].as_slice()),
                "{observation:?}"
            );
        }
        // Each failure with the mend that fits where it happened.
        let failed = |stage, failure| stopped(stage, false, false, failure);
        let not_tls = || ProbeError::Tls("the peer's answer is not TLS".to_owned());
        let denied =
            || ProbeError::Tls("the peer sent the alert access-denied: its rules refuse us".into());
        let ours = || Assigned {
            generation: "external-edge/4".to_owned(),
            embedded: Slug::parse("front").ok(),
            leaf: leaf.facts().sha256,
            hold: None,
        };
        for (protocol, assigned, observation, mend) in [
            (
                Protocol::XmppServer,
                Some(ours()),
                failed(Stage::Connect, refused()),
                "`edgecert gateway run front`",
            ),
            (
                Protocol::Sips,
                Some(ours()),
                failed(Stage::Handshake, denied()),
                "`edgecert assign external-edge`",
            ),
            (
                Protocol::Tls,
                None,
                failed(Stage::Handshake, not_tls()),
                "try --protocol xmpp-server",
            ),
            (
                Protocol::XmppServer,
                None,
                failed(Stage::Handshake, not_tls()),
                "it agreed to TLS and then sent something else",
            ),
            (
                Protocol::Sips,
                None,
                failed(Stage::Handshake, not_tls()),
                "sips is direct TLS",
            ),
            (
                Protocol::Sips,
                None,
                failed(Stage::Handshake, alert()),
                "`openssl s_client -connect 192.0.2.1:5269`",
            ),
            (
                Protocol::XmppServer,
                None,
                failed(Stage::Handshake, alert()),
                "-connect 192.0.2.1:5269 -starttls xmpp-server -xmpphost contoso.com`",
            ),
        ] {
            let endpoint = Endpoint {
                assigned,
                ..endpoint(protocol, Some("contoso.com"))
            };
            let address = "192.0.2.1:5269".parse().unwrap();
            let told = dark(&endpoint, address, &observation).mend;
            assert!(told.contains(mend), "{told}");
            assert!(!told.contains("HOST:PORT"), "{told}");
        }
        let address = "192.0.2.1:5269".parse().unwrap();
        let silent = failed(
            Stage::Handshake,
            ProbeError::Timeout(std::time::Duration::from_secs(1)),
        );
        for (observation, what) in [
            (silent, "accepts connections and says nothing"),
            (
                failed(Stage::Handshake, alert()),
                "answers, but TLS does not come up",
            ),
        ] {
            let told = dark(&endpoint(Protocol::Tls, None), address, &observation).what;
            assert!(told.starts_with(what), "{told}");
        }
        let unproved = Observation {
            possession: Some(false),
            ..shown(&leaf)
        };
        let (stands, codes) = judged(&endpoint(Protocol::Tls, None), &unproved);
        assert_eq!((stands, codes), (Status::Critical, vec!["key.mismatch"]));
    }
}
