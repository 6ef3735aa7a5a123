//! Why a listener showed no certificate, or stopped after it, and what to do about it.

use super::Endpoint;
use super::discover::for_servers;
use super::endpoint::Presence;
use crate::explain::Explain;
use crate::findings::{Code, Finding, Severity};
use crate::names::Protocol;
use crate::probe::{Observation, ProbeError, Stage};
use std::net::SocketAddr;

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
pub(super) fn dark(endpoint: &Endpoint, address: SocketAddr, observation: &Observation) -> Finding {
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
        Some(Stage::Connect) | None if endpoint.presence == Presence::Guessed => {
            nobody_said(endpoint, place, &why)
        }
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

/// Nothing listens where no record sends anybody: it may be meant so, and nobody has said it.
fn nobody_said(endpoint: &Endpoint, place: String, why: &str) -> Finding {
    let domain = endpoint.domain.as_ref();
    let (whom, mend) = match (endpoint.protocol, domain) {
        (Protocol::XmppServer | Protocol::XmppsServer, Some(domain)) => {
            ("servers", for_servers(domain))
        }
        (_, Some(domain)) => (
            "clients",
            format!(
                "publish `_xmpp-client._tcp.{domain}. IN SRV 10 0 5222 HOST.`; where it has no clients, \
                 `_xmpp-client._tcp.{domain}. IN SRV 0 0 0 .` says so"
            ),
        ),
        (_, None) => (
            "peers",
            "publish SRV records that say where it is".to_owned(),
        ),
    };
    Finding::new(
        Code::LiveUnreachable,
        place,
        format!("cannot be reached, and no record says where {whom} should go"),
        why,
        mend,
    )
    .with_severity(Severity::Warning)
}

/// Certificates were seen, and something went wrong around them.
pub(super) fn not_completed(
    endpoint: &Endpoint,
    address: SocketAddr,
    observation: &Observation,
) -> Option<Finding> {
    let place = address.to_string();
    // Before any failure: whoever replays a chain without its key ends the handshake as it likes.
    if observation.possession == Some(false) {
        return Some(Finding::new(
            Code::KeyMismatch,
            place,
            "did not prove that it holds the certificate's key",
            "the handshake's signature does not verify with the leaf's key",
            "give the server the key that belongs to this certificate",
        ));
    }
    let failure = observation.failure.as_ref()?;
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
        "shows its certificate, and the handshake fails after it",
        told.why,
        mend,
    );
    // Servers may close on strangers without a trusted client certificate: no fault of the certificate, where its key
    // was proved.
    Some(match observation.asked_for_certificate && observation.possession == Some(true) {
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
