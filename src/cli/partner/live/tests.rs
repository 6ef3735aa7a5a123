use super::*;
use crate::probe::{ProbeError, Stage};

#[test]
fn a_key_is_held_by_whoever_proved_it() {
    for (possession, failure, held) in [
        (Some(true), None, true),
        (Some(true), Some(ProbeError::Closed), true),
        (Some(false), None, false),
        (Some(false), Some(ProbeError::Closed), false),
        (None, None, true),
        (None, Some(ProbeError::Closed), false),
    ] {
        let observation = Observation {
            possession,
            failure,
            reached: Some(Stage::Handshake),
            ..Observation::default()
        };
        assert_eq!(holds_key(&observation), held, "{observation:?}");
    }
}

#[test]
fn what_was_seen_decides_within_the_settings() {
    use Method::{DialbackOverTcp, DialbackOverTls, SaslOverTls};
    let expired = Proof::Fails("it has expired");
    for negotiation in Negotiation::all() {
        let methods = negotiation.methods();
        let allowed = |one| methods.contains(&one).then_some(one);
        for (tls, proof) in [
            (false, Proof::Unknown),
            (true, Proof::Holds),
            (true, expired),
            (true, Proof::Unknown),
        ] {
            let tls_on = tls && negotiation.tls != Setting::NotSupported;
            let expected = match (tls_on, proof) {
                (false, _) => allowed(DialbackOverTcp),
                (true, Proof::Holds) => allowed(SaslOverTls).or(allowed(DialbackOverTls)),
                (true, Proof::Fails(_) | Proof::Unknown) => allowed(DialbackOverTls),
            };
            let (found, words) = conclude(negotiation, tls, proof, "it");
            assert_eq!(found, expected, "row {} {tls} {proof:?}", negotiation.row());
            assert_eq!(
                found.is_none(),
                !words.contains("dialback") && !words.contains("EXTERNAL"),
                "{words}"
            );
        }
    }
}
