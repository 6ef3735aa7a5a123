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
use servers::pki::{Odd, Signed};
use servers::user::Ended;
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
            // Strangers are treated alike: to keep them out, Prosody would ask everybody for TLS.
            let others = Some(row.clone());
            field.federate(ours, &[(partner, row.clone())], others);
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

/// An error at the sender: on the way out of ours, and on the way in.
struct Kept<'a> {
    ours: &'a str,
    partner: &'static str,
    theirs: &'a str,
    out: &'a str,
    back: &'a str,
}

#[track_caller]
fn kept_out(ours: &'static str, kind: Kind, table: &[Kept<'_>]) {
    let field = field(ours, kind);
    let mut here = field.side(ours).user();
    let mut there = [PARTNER, STRANGER].map(|domain| field.side(domain).user());
    for one in table {
        let other = there
            .iter_mut()
            .find(|user| user.domain() == one.partner)
            .unwrap();
        field.federate(one.partner, &[(ours, Row::of(one.theirs))], None);
        field.federate(ours, &[(one.partner, Row::of(one.ours))], None);
        let told = format!("{} and {} {}", one.ours, one.partner, one.theirs);
        let out = field.refused(&mut here, other);
        assert!(out.contains(one.out), "{told}: {out}");
        let back = field.refused(other, &mut here);
        assert!(back.contains(one.back), "{told}, back: {back}");
    }
}

#[test]
fn prosody_keeps_out_what_its_row_does_not_let_in() {
    kept_out(
        PROSODY,
        Kind::Prosody,
        &[
            Kept {
                ours: "RRF",
                partner: STRANGER,
                theirs: "ROT",
                out: "Remote server&apos;s certificate is not trusted",
                back: "not-authorized (Your server&apos;s certificate is not trusted)",
            },
            Kept {
                // No dialback here, so that a key is not understood.
                ours: "RRT",
                partner: PARTNER,
                theirs: "NNT",
                out: "TLS negotiation failed",
                back: "unsupported-stanza-type",
            },
            // The partner's key is to be verified over TLS, which it has not; it is not told, and waits.
            Kept {
                ours: "ROT",
                partner: PARTNER,
                theirs: "NNT",
                out: "TLS negotiation failed",
                back: "connection-timeout",
            },
            Kept {
                ours: "NNT",
                partner: PARTNER,
                theirs: "ROT",
                out: "connection-timeout",
                back: "TLS negotiation failed",
            },
        ],
    );
}

#[test]
fn ejabberd_keeps_out_what_its_row_does_not_let_in() {
    kept_out(
        EJABBERD,
        Kind::Ejabberd,
        &[
            Kept {
                ours: "RRF",
                partner: STRANGER,
                theirs: "ROT",
                out: "Peer certificate rejected",
                back: "not-authorized",
            },
            Kept {
                ours: "RRT",
                partner: PARTNER,
                theirs: "NNT",
                out: "Use of STARTTLS required",
                back: "policy-violation",
            },
            Kept {
                ours: "NNT",
                partner: PARTNER,
                theirs: "ROT",
                out: "STARTTLS is disabled in local configuration",
                back: "TLS negotiation failed",
            },
        ],
    );
}

#[test]
fn ejabberd_keeps_out_who_is_no_partner_and_prosody_says_that_it_cannot() {
    let field = field(EJABBERD, Kind::Ejabberd);
    field.federate(PARTNER, &[], Some(Row::of("ROT")));
    field.federate(EJABBERD, &[("elsewhere.com", Row::of("ROT"))], None);
    let (mut here, mut other) = (field.side(EJABBERD).user(), field.side(PARTNER).user());
    let out = field.refused(&mut here, &mut other);
    assert!(out.contains("Access denied by service policy"), "{out}");
    // 23.01 lets the stream in by its certificate and ends it at the first stanza: the sender's server takes that for
    // sent, and its user is not told.
    let log = || field.side(PARTNER).log();
    let ended = "Session closed by remote with error: invalid-from";
    other.loses(&mut here, || log().contains(ended));
    let open = field.federate(EJABBERD, &[], Some(Row::of("ROT")));
    assert_eq!(
        open["result"]["gateways"][0]["limits"],
        serde_json::json!([]),
        "{open:#}"
    );
    field.crosses(&mut here, &mut other);
    let closed = field.federate(PARTNER, &[(EJABBERD, Row::of("ROT"))], None);
    let limit = &closed["result"]["gateways"][0]["limits"][0];
    assert_eq!(limit["distance"], "weaker", "{closed:#}");
    assert_eq!(limit["whom"], "those who are no partners", "{closed:#}");
}

/// Certificates of the partner, with what ours says of each when it wants SASL alone; none: it is let in.
#[track_caller]
fn certificates(ours: &'static str, kind: Kind, table: &[(Odd, Option<&str>)]) {
    let field = field(ours, kind);
    let (mut here, mut other) = (field.side(ours).user(), field.side(PARTNER).user());
    field.federate(PARTNER, &[(ours, Row::of("ROT"))], None);
    let strict = Row::of("RRF");
    field.federate(ours, &[(PARTNER, strict)], None);
    for (odd, refused) in table {
        let pair = field.certificate(PARTNER, Trust::Common, odd);
        field.side(PARTNER).serve(&pair);
        field.side(ours).end_streams();
        match refused {
            None => {
                let seen = field.crosses(&mut here, &mut other);
                assert_eq!(seen, BTreeSet::from([Method::Sasl]), "{odd:?}");
            }
            Some(words) => {
                let back = field.refused(&mut other, &mut here);
                let side = field.side(ours);
                assert!(
                    back.contains(words) || side.logs(words),
                    "{odd:?}: {back} {}",
                    side.log()
                );
            }
        }
    }
}

fn server_auth() -> Odd {
    Odd {
        usage: "serverAuth",
        ..Odd::default()
    }
}

fn wrong_name() -> Odd {
    Odd {
        name: Some("edge.litware.com"),
        ..Odd::default()
    }
}

fn signed(signed: Signed) -> Odd {
    Odd {
        signed,
        ..Odd::default()
    }
}

#[test]
fn prosody_reads_a_partners_certificate_as_it_is() {
    certificates(
        PROSODY,
        Kind::Prosody,
        &[
            (Odd::default(), None),
            (server_auth(), None),
            (
                wrong_name(),
                Some("Your server&apos;s certificate is not valid for this name"),
            ),
            (
                signed(Signed::LongAgo),
                Some("Your server&apos;s certificate has expired"),
            ),
            (
                signed(Signed::ByItself),
                Some("Your server&apos;s certificate is not trusted"),
            ),
            (Odd::default(), None),
        ],
    );
}

#[test]
fn ejabberd_wants_a_client_certificate_of_a_partner() {
    certificates(
        EJABBERD,
        Kind::Ejabberd,
        &[
            (Odd::default(), None),
            (server_auth(), Some("certificate purpose")),
            (wrong_name(), Some("Certificate host name mismatch")),
            (signed(Signed::LongAgo), Some("certificate has expired")),
            (signed(Signed::ByItself), Some("self signed certificate")),
            (Odd::default(), None),
        ],
    );
}

/// The configuration goes back whole when the server does not take it, and a second run changes nothing.
#[test]
fn what_a_server_does_not_take_goes_back_and_a_second_run_changes_nothing() {
    let field = Field::new(&[
        wanted(PROSODY, Kind::Prosody, Trust::Common),
        wanted(EJABBERD, Kind::Ejabberd, Trust::Common),
    ]);
    for ours in [PROSODY, EJABBERD] {
        let side = field.side(ours);
        let partners = [(PARTNER, Row::of("ROT"))];
        let shown = field.apply(ours, &partners, &[]).ended(0).json();
        let files = shown["result"]["gateways"][0]["files"].as_array().unwrap();
        assert_eq!(files.len(), 2, "{shown:#}");
        assert_eq!(shown["changed"], false);
        assert_eq!(side.configuration().len(), 1);
        let before = side.configuration();
        // The reload fails once the files are there.
        let text = field.lab.world.read(&format!("{ours}.toml"));
        let failing = text.replace(
            "\nconfig =",
            "\nreload = [\"/bin/sh\", \"-c\", \"exit 1\"]\nconfig =",
        );
        field.lab.world.write("failing.toml", &failing);
        let words = [
            "--config",
            "failing.toml",
            "partner",
            "apply",
            "--write-config",
        ];
        let once = field.lab.world.path("once");
        let failed = field.lab.world.run(&words).ended(4);
        assert!(
            failed.stderr.contains("it ended with status 1"),
            "{}",
            failed.stderr
        );
        assert_eq!(side.configuration(), before);
        // It works again by the time everything goes back.
        let failing = text.replace(
            "\nconfig =",
            &format!("\nreload = [\"/bin/sh\", \"-c\", \"test -e {0} || {{ touch {0}; exit 1; }}\"]\nconfig =", once.display()),
        );
        field.lab.world.write("failing.toml", &failing);
        let failed = field.lab.world.run(&words).ended(3);
        assert!(
            failed.stderr.contains("every file is as it was"),
            "{}",
            failed.stderr
        );
        assert_eq!(side.configuration(), before);
        std::fs::remove_file(once).unwrap();

        let done = field
            .apply(ours, &partners, &["--write-config"])
            .ended(0)
            .json();
        assert_eq!(done["changed"], true, "{done:#}");
        let after = side.configuration();
        assert_eq!(after.len(), 2);
        let again = field
            .apply(ours, &partners, &["--write-config"])
            .ended(0)
            .json();
        assert_eq!(again["changed"], false, "{again:#}");
        assert_eq!(side.configuration(), after);
        // A mark says that a killed command did not come to the reload.
        let mark = side.config().with_file_name(".edgecert-partners.pending");
        std::fs::write(&mark, "").unwrap();
        let finished = field
            .apply(ours, &partners, &["--write-config"])
            .ended(0)
            .json();
        assert_eq!(finished["changed"], true, "{finished:#}");
        assert!(!mark.exists());
    }
    // Text that the server cannot read is refused by its own checker.
    let side = field.side(PROSODY);
    let sound = std::fs::read_to_string(side.config()).unwrap();
    std::fs::write(side.config(), format!("{sound}x = {{\n")).unwrap();
    let changed = [(PARTNER, Row::of("RRF"))];
    field.apply(PROSODY, &changed, &["--write-config"]).ended(1);
    // A server that does not run cannot be told.
    std::fs::write(side.config(), sound).unwrap();
    side.stop();
    let before = side.configuration();
    field.apply(PROSODY, &changed, &["--write-config"]).ended(1);
    assert_eq!(side.configuration(), before);
}

/// Another certificate is assigned while streams stand: they carry on, and the next ones begin with it.
#[test]
fn a_certificate_is_assigned_under_streams_that_live_on() {
    let field = field(PROSODY, Kind::Prosody);
    let strict = || Row::of("RRF");
    field.federate(PARTNER, &[(PROSODY, strict())], None);
    field.federate(PROSODY, &[(PARTNER, strict())], None);
    let (mut here, mut other) = (field.side(PROSODY).user(), field.side(PARTNER).user());
    field.crosses(&mut here, &mut other);
    let begun = || {
        let log = field.side(PARTNER).log();
        log.matches("s2s connection").count()
    };
    let before = begun();
    field.assign(PROSODY);
    for _ in 0..2 {
        assert_eq!(here.tell(&mut other), Ended::Arrived);
        assert_eq!(other.tell(&mut here), Ended::Arrived);
    }
    assert_eq!(begun(), before);
    field.side(PROSODY).end_streams();
    field.side(PARTNER).end_streams();
    let seen = field.crosses(&mut here, &mut other);
    assert_eq!(seen, BTreeSet::from([Method::Sasl]));
}
