//! The proof: fresh handshakes on the real ports, as a stranger makes them, until only the new leaf is seen.
//!
//! The gateway is never asked what it serves. One good handshake is not enough, as servers with several workers
//! serve the old leaf beside the new one for a moment (nginx does for a tenth of a second): `IN_A_ROW` in a row are.
//! What an XMPP server shows as a client is proved by having it call us.

use super::plan::Proof;
use crate::deployment::Outbound;
use crate::explain::{Explain, printable};
use crate::names::Domain;
use crate::probe::outbound::{OutboundCall, OutboundObservation, observe_blocking};
use crate::probe::{Depth, KeyKind, Limits, Observation, Target, probe_blocking};
use crate::x509::Fingerprint;
use std::time::{Duration, Instant};

/// Handshakes in a row that must show the wanted leaf.
const IN_A_ROW: u32 = 3;

/// Between two handshakes on one listener.
const PAUSE: Duration = Duration::from_millis(5);

/// For one handshake.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    total: Duration::from_secs(5),
};

/// For one call of a server: it may have to ask the DNS first.
const CALL_LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    total: Duration::from_secs(15),
};

/// The `from` of the prover's streams; RFC 2606 keeps it from being anybody's.
const PROVER: &str = "prover.invalid";

/// What a listener shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// This leaf, and the number of intermediates sent with it.
    Leaf(Fingerprint, usize),
    /// No certificate, and why not.
    Dark(String),
}

/// What must be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// This leaf.
    Leaf(Fingerprint),
    /// One of these: the way back of a listener that showed another leaf before.
    Either(Fingerprint, Fingerprint),
    /// Any state but this leaf: nothing was served before it.
    Not(Fingerprint),
}

impl Wanted {
    fn holds(self, seen: &Seen) -> bool {
        match (self, seen) {
            (Wanted::Leaf(wanted), Seen::Leaf(leaf, _)) => wanted == *leaf,
            (Wanted::Either(one, other), Seen::Leaf(leaf, _)) => one == *leaf || other == *leaf,
            (Wanted::Leaf(_) | Wanted::Either(..), Seen::Dark(_)) => false,
            (Wanted::Not(unwanted), Seen::Leaf(leaf, _)) => unwanted != *leaf,
            (Wanted::Not(_), Seen::Dark(_)) => true,
        }
    }
}

/// One look at a listener, with the signature types of another key than the proof's.
pub fn look_with(proof: &Proof, key_kind: KeyKind) -> Seen {
    look(&Proof {
        key_kind,
        ..proof.clone()
    })
}

/// One look at a listener.
pub fn look(proof: &Proof) -> Seen {
    if let Some(outbound) = &proof.outbound {
        return look_outbound(proof, outbound);
    }
    let Ok(from) = Domain::parse(PROVER) else {
        return Seen::Dark("no name to ask with".into());
    };
    let observation = probe_blocking(
        &Target {
            address: proof.address,
            protocol: proof.protocol,
            server_name: proof.name.clone(),
            domain: proof.name.clone(),
            from,
            key_kind: proof.key_kind,
            depth: Depth::Handshake,
        },
        LIMITS,
    );
    seen(&observation)
}

fn seen(observation: &Observation) -> Seen {
    match (
        observation.handshake_completed(),
        observation.chain.first(),
        &observation.failure,
    ) {
        (true, Some(_), _) if observation.possession == Some(false) => {
            Seen::Dark("the listener does not hold its certificate's key".into())
        }
        (true, Some(leaf), _) => Seen::Leaf(Fingerprint::of(leaf), observation.chain.len() - 1),
        (_, _, Some(failure)) => Seen::Dark(printable(&failure.to_string())),
        (_, _, None) => Seen::Dark("no certificate was sent".into()),
    }
}

/// One look at what a server shows as a client: `proof` is one of its own listeners, and it calls `outbound.domain`.
/// Blocks, for at most `CALL_LIMITS`; two looks with one `listen` must not overlap.
fn look_outbound(proof: &Proof, outbound: &Outbound) -> Seen {
    let Some(host) = &proof.name else {
        return Seen::Dark("no name for the server to call as".into());
    };
    seen_outbound(&observe_blocking(
        &OutboundCall {
            server: proof.address,
            protocol: proof.protocol,
            host: host.clone(),
            partner: outbound.domain.clone(),
            listen: outbound.listen,
            key_kind: proof.key_kind,
        },
        CALL_LIMITS,
    ))
}

fn seen_outbound(observation: &OutboundObservation) -> Seen {
    let Some(failure) = &observation.failure else {
        return match (observation.chain.first(), observation.possession) {
            // Nobody who lacks the key can say in the server's name what it shows.
            (_, Some(false)) => Seen::Dark("the caller does not hold its certificate's key".into()),
            (Some(leaf), Some(true) | None) => {
                Seen::Leaf(Fingerprint::of(leaf), observation.chain.len() - 1)
            }
            (None, Some(true) | None) => Seen::Dark("no certificate was sent".into()),
        };
    };
    let told = failure.explain();
    Seen::Dark(printable(&format!("{failure}; {}", told.mend)))
}

/// How a proof ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// Whether it holds.
    pub holds: bool,
    /// What was seen last.
    pub last: Seen,
    /// From the start of the proof to its end.
    pub took: Duration,
}

/// Looks until what is wanted was seen `IN_A_ROW` times in a row, or is not seen after the deadline: a row that has
/// begun is ended, as a listener that had to wait for others is looked at late.
pub fn prove(proof: &Proof, wanted: Wanted, deadline: Instant, stop: &dyn Fn() -> bool) -> Proved {
    look_until(&|| look(proof), wanted, deadline, stop)
}

fn look_until(
    look: &dyn Fn() -> Seen,
    wanted: Wanted,
    deadline: Instant,
    stop: &dyn Fn() -> bool,
) -> Proved {
    let start = Instant::now();
    let mut row = 0;
    loop {
        let last = look();
        row = if wanted.holds(&last) { row + 1 } else { 0 };
        if row == IN_A_ROW {
            return Proved {
                holds: true,
                last,
                took: start.elapsed(),
            };
        }
        if (row == 0 && Instant::now() >= deadline) || stop() {
            return Proved {
                holds: false,
                last,
                took: start.elapsed(),
            };
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::outbound::OutboundError;

    #[test]
    fn a_row_that_has_begun_is_ended_after_the_deadline() {
        let (right, wrong) = (Fingerprint::of(b"new"), Fingerprint::of(b"old"));
        for (shown, expected, looks) in [
            ([right, right, right], true, 3),
            ([right, wrong, right], false, 2),
            ([wrong, right, right], false, 1),
        ] {
            let count = std::cell::Cell::new(0);
            let look = || {
                let number: usize = count.get();
                count.set(number + 1);
                Seen::Leaf(shown[number], 1)
            };
            let proved = look_until(&look, Wanted::Leaf(right), Instant::now(), &|| false);
            assert_eq!((proved.holds, count.get()), (expected, looks), "{shown:?}");
        }
        let look = || Seen::Leaf(right, 1);
        let stopped = look_until(&look, Wanted::Leaf(right), Instant::now(), &|| true);
        assert!(!stopped.holds);
    }

    #[test]
    fn a_listener_counts_only_with_a_leaf_whose_key_is_held() {
        use crate::probe::{ProbeError, Stage};
        let leaf = Seen::Leaf(Fingerprint::of(b"leaf"), 1);
        for (possession, failure, expected) in [
            (Some(true), None, Ok(&leaf)),
            // A leaf of a form that the TLS library cannot read.
            (None, None, Ok(&leaf)),
            (Some(false), None, Err("does not hold")),
            (Some(true), Some(ProbeError::Closed), Err("closed")),
            (None, Some(ProbeError::Closed), Err("closed")),
        ] {
            let observation = Observation {
                chain: vec![b"leaf".to_vec(), b"ca".to_vec()],
                possession,
                reached: Some(Stage::Handshake),
                failure,
                ..Observation::default()
            };
            match (seen(&observation), expected) {
                (seen @ Seen::Leaf(..), expected) => assert_eq!(Ok(&seen), expected),
                (Seen::Dark(words), Err(part)) => assert!(words.contains(part), "{words}"),
                (Seen::Dark(words), Ok(_)) => panic!("{words}"),
            }
        }
    }

    #[test]
    fn a_call_counts_only_with_a_leaf_whose_key_is_held() {
        let call = |chain: &[&[u8]], possession, failure| OutboundObservation {
            chain: chain.iter().map(|der| der.to_vec()).collect(),
            possession,
            failure,
            took: Duration::ZERO,
        };
        let leaf = Seen::Leaf(Fingerprint::of(b"leaf"), 1);
        for (observation, expected) in [
            (call(&[b"leaf", b"ca"], Some(true), None), Ok(&leaf)),
            (call(&[b"leaf", b"ca"], None, None), Ok(&leaf)),
            (call(&[b"leaf"], Some(false), None), Err("does not hold")),
            (call(&[], None, None), Err("no certificate was sent")),
            (
                call(
                    &[b"leaf"],
                    Some(true),
                    Some(OutboundError::NoDialback {
                        server: std::net::SocketAddr::from(([127, 0, 0, 1], 5269)),
                    }),
                ),
                Err("offers no dialback; switch it on"),
            ),
        ] {
            match (seen_outbound(&observation), expected) {
                (seen @ Seen::Leaf(..), expected) => assert_eq!(Ok(&seen), expected),
                (Seen::Dark(words), Err(part)) => assert!(words.contains(part), "{words}"),
                (Seen::Dark(words), Ok(_)) => panic!("{words}"),
            }
        }
    }
}
