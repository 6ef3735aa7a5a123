//! Real servers that federate by the configuration that `edgecert partner apply` wrote into them: which method lets a
//! stream in, and which error keeps it out.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod dns_server;
mod federation;
#[path = "servers/mod.rs"]
mod servers;
mod world;

use federation::rows::{Method, Row};
use federation::{Field, Kind, Trust, Wanted};
use std::collections::BTreeSet;

/// The servers whose partners are looked at.
const PROSODY: &str = "contoso.com";
const EJABBERD: &str = "adatum.com";
/// A partner with a certificate that we believe, and that believes ours.
const PARTNER: &str = "litware.com";
/// One with a CA of its own, that believes nobody else.
const STRANGER: &str = "fabrikam.com";

const fn wanted(domain: &'static str, kind: Kind, trust: Trust) -> Wanted {
    Wanted {
        domain,
        kind,
        trust,
    }
}

fn field(ours: &'static str, kind: Kind) -> Field {
    Field::new(&[
        wanted(ours, kind, Trust::Common),
        wanted(PARTNER, Kind::Prosody, Trust::Common),
        wanted(STRANGER, Kind::Prosody, Trust::Own),
    ])
}

/// How the other side leaves one method alone. That SASL is not supported no server here can express, so dialback over
/// TLS is forced by certificates that neither side believes.
fn forced(method: Method) -> (&'static str, Row) {
    match method {
        Method::Sasl => (PARTNER, Row::of("RRF")),
        Method::TlsDialback => (STRANGER, Row::of("ROT")),
        Method::TcpDialback => (PARTNER, Row::of("NNT")),
    }
}

/// Every method in the cell of every valid row: it happens, in both directions, when the other side leaves no other.
/// Every row without a method, and every one that may not be committed: nothing is written, and the streams are as
/// they were.
fn every_row(ours: &'static str, kind: Kind) {
    let field = field(ours, kind);
    let mut here = field.side(ours).user();
    let mut there = [PARTNER, STRANGER].map(|domain| field.side(domain).user());
    let mut scenarios = 0;
    // The other side's settings change least often.
    for method in [Method::Sasl, Method::TlsDialback, Method::TcpDialback] {
        let (partner, row) = forced(method);
        field.federate(partner, &[(ours, row)], None);
        let other = there
            .iter_mut()
            .find(|user| user.domain() == partner)
            .unwrap();
        for (row, methods) in Row::all() {
            if row.is_refused() || !methods.contains(&method) {
                continue;
            }
            field.federate(ours, &[(partner, row.clone())], None);
            let seen = field.crosses(&mut here, other);
            assert_eq!(seen, BTreeSet::from([method]), "{row:?}");
            scenarios += 1;
        }
    }
    // Of the 11 rows that may be committed and work, 17 cells.
    assert_eq!(scenarios, 17);
    for (row, methods) in Row::all() {
        let (code, what) = match (row.is_refused(), methods.is_empty()) {
            (true, _) => (64, "deployment.invalid"),
            (false, true) => (1, "partner.no-method"),
            (false, false) => continue,
        };
        let document = field.refuses(ours, &[(PARTNER, row.clone())], code);
        assert_eq!(document["error"]["code"], what, "{row:?} {document:#}");
    }
}

#[test]
fn prosody_lets_in_by_every_method_of_every_row() {
    every_row(PROSODY, Kind::Prosody);
}

#[test]
fn ejabberd_lets_in_by_every_method_of_every_row() {
    every_row(EJABBERD, Kind::Ejabberd);
}
