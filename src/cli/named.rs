//! A certificate that was named and is not there, or none at all: in the same words for every command.

use super::context::MAX_TOLD;
use super::exit::FailureKind;
use super::output::Failure;
use crate::explain::{Explanation, listed, nearest};
use crate::names::Slug;

/// Who was asked what certificates there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The deployment file alone.
    Deployment,
    /// The deployment file, if there is one, and the state.
    Both,
}

/// There is no certificate of this name among those that are known.
pub fn no_such_certificate(name: &Slug, known: &[&str], asked: Asked) -> Failure {
    let (knows, none) = words(asked);
    let see = "see that --config and --state are the ones you mean";
    told(
        format!("there is no certificate named \"{name}\""),
        match known {
            [] => none.to_owned(),
            known => format!("{knows} {}", listed(known, MAX_TOLD)),
        },
        match (nearest(name.as_str(), known.iter().copied()), known) {
            (Some(near), _) => format!("did you mean {near}?"),
            (None, []) => format!("write a deployment with `edgecert init`, or {see}"),
            (None, _) => format!("name one of these, or {see}"),
        },
    )
}

/// None was named, and there is none.
pub fn no_certificate(asked: Asked) -> Failure {
    let (_, none) = words(asked);
    told(
        "there is no certificate yet".to_owned(),
        none.to_owned(),
        "write a deployment with `edgecert init`, or see that --config and --state are the ones you mean".to_owned(),
    )
}

/// None was named, and there are several.
pub fn which_certificate(known: &[&str], asked: Asked) -> Failure {
    let (knows, _) = words(asked);
    Failure::usage(
        "which certificate is meant is not clear",
        format!("{knows} {}", listed(known, MAX_TOLD)),
        "name one of them",
    )
}

fn words(asked: Asked) -> (&'static str, &'static str) {
    match asked {
        Asked::Deployment => ("the deployment has", "the deployment has none"),
        Asked::Both => (
            "deployment and state know",
            "neither a deployment nor the state knows one",
        ),
    }
}

fn told(what: String, why: String, mend: String) -> Failure {
    Failure::new(
        FailureKind::NoSuchCertificate,
        Explanation {
            code: "usage.no-such-certificate",
            what,
            place: "command line".into(),
            why,
            mend,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_else_all_that_are_known() {
        let name = Slug::parse("external-egde").unwrap();
        for (known, why, mend) in [
            (
                &["external-edge"][..],
                "the deployment has external-edge",
                "did you mean external-edge?",
            ),
            (
                &["sip"],
                "the deployment has sip",
                "name one of these, or see that --config and --state are the ones you mean",
            ),
            (
                &[],
                "the deployment has none",
                "write a deployment with `edgecert init`, or see that --config and --state are the ones you mean",
            ),
        ] {
            let told = no_such_certificate(&name, known, Asked::Deployment);
            assert_eq!(told.kind, FailureKind::NoSuchCertificate);
            assert_eq!(
                (
                    told.explanation.why.as_str(),
                    told.explanation.mend.as_str()
                ),
                (why, mend)
            );
            assert_eq!(told.explanation.place, "command line");
        }
    }
}
