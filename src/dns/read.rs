//! From the crate's records and failures to the values of this room.

use super::{Caa, Outcome, Proof, Srv, Tlsa};
use crate::explain::printable;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::{DnsError as Said, NetError};
use hickory_resolver::proto::dnssec::Proof as Proved;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::net::IpAddr;

/// A name as it is shown and compared: lower case, printable, without the root's dot.
pub(super) fn shown(name: &Name) -> String {
    let text = printable(&name.to_ascii().to_ascii_lowercase());
    match text.strip_suffix('.') {
        Some(inner) if !inner.is_empty() => inner.to_owned(),
        Some(_) | None => text,
    }
}

pub(super) fn proof_of(lookup: &Lookup, kind: RecordType) -> Proof {
    lookup
        .answers()
        .iter()
        .filter(|record| record.record_type() == kind || record.record_type() == RecordType::CNAME)
        .map(|record| own_proof(record.proof))
        .reduce(Proof::and)
        .unwrap_or(Proof::Indeterminate)
}

fn own_proof(proof: Proved) -> Proof {
    match proof {
        Proved::Secure => Proof::Secure,
        Proved::Insecure => Proof::Insecure,
        Proved::Bogus => Proof::Bogus,
        Proved::Indeterminate => Proof::Indeterminate,
    }
}

/// Whether a failure says that there is nothing.
// The kinds are the library's and grow with it.
#[allow(clippy::wildcard_enum_match_arm)]
pub(super) fn nothing(error: &NetError) -> Option<Outcome> {
    let code = match error {
        NetError::Dns(Said::NoRecordsFound(none)) => none.response_code,
        NetError::Dns(Said::Nsec { response, .. }) => response.response_code,
        _ => return None,
    };
    match code {
        ResponseCode::NXDomain => Some(Outcome::NoDomain),
        ResponseCode::NoError => Some(Outcome::NoRecords),
        _ => None,
    }
}

/// That there is nothing is proved by what stands beside it (RFC 4035 §5.4).
// The kinds are the library's and grow with it.
#[allow(clippy::wildcard_enum_match_arm)]
pub(super) fn proof_of_nothing(error: &NetError) -> Proof {
    match error {
        NetError::Dns(Said::NoRecordsFound(none)) => none
            .authorities
            .iter()
            .flat_map(|records| records.iter())
            .map(|record| own_proof(record.proof))
            .reduce(Proof::and)
            .unwrap_or(Proof::Indeterminate),
        NetError::Dns(Said::Nsec { proof, .. }) => own_proof(*proof),
        _ => Proof::Indeterminate,
    }
}

// The kinds are the library's and grow with it.
#[allow(clippy::wildcard_enum_match_arm)]
pub(super) fn srv_of(data: &RData) -> Option<Srv> {
    match data {
        RData::SRV(srv) => Some(Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: shown(&srv.target),
        }),
        _ => None,
    }
}

// The kinds are the library's and grow with it.
#[allow(clippy::wildcard_enum_match_arm)]
pub(super) fn address_of(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    }
}

// The kinds are the library's and grow with it.
#[allow(clippy::wildcard_enum_match_arm)]
pub(super) fn tlsa_of(data: &RData) -> Option<Tlsa> {
    match data {
        RData::TLSA(tlsa) => Some(Tlsa {
            usage: tlsa.cert_usage.into(),
            selector: tlsa.selector.into(),
            matching: tlsa.matching.into(),
            data: tlsa.cert_data.clone(),
        }),
        _ => None,
    }
}

// The kinds are the library's and grow with it.
#[allow(clippy::wildcard_enum_match_arm)]
pub(super) fn caa_of(data: &RData) -> Option<Caa> {
    match data {
        RData::CAA(caa) => Some(Caa {
            critical: caa.issuer_critical,
            tag: printable(&caa.tag.to_ascii_lowercase()),
            value: printable(&String::from_utf8_lossy(&caa.value)),
        }),
        _ => None,
    }
}
