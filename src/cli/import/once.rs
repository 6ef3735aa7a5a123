//! One fault, one finding: the verdict and the comparison with the request find the same gap, each in its words.

use crate::findings::{Code, Finding, Report, Severity};
use std::collections::BTreeSet;

/// Most names that one finding lists.
const MOST_NAMES: usize = 8;

/// What was not granted is missing in the verdict too: one fault, one finding. The more severe of the two stays; what
/// mends it is in the hands of the CA that was asked, so that the comparison's mend stays as well.
pub(super) fn without_doubles(verdict: Report, compared: Report) -> Report {
    // Without any name, each that was asked for is lost.
    let nameless = verdict.errors().any(|one| one.code == Code::NamesNoSan);
    let mut compared: Vec<Finding> = compared
        .into_iter()
        .filter(|one| !(nameless && one.code == Code::GrantedNameLost))
        .collect();
    let mut kept = Vec::new();
    // By place among the compared; one name may be missed for several uses.
    let mut told = BTreeSet::new();
    for mut finding in verdict {
        let twin = missed(&finding).and_then(|missed| {
            let same = |one: &Finding| not_granted(one) == Some(missed.as_str());
            compared.iter().position(same)
        });
        match twin {
            Some(at) if finding.severity == Severity::Error => {
                finding.mend.clone_from(&compared[at].mend);
                told.insert(at);
                kept.push(finding);
            }
            Some(_) => {}
            None => kept.push(finding),
        }
    }
    let mut at = 0..;
    compared.retain(|_| !at.next().is_some_and(|at| told.contains(&at)));
    Report::new(kept).merged(Report::new(together(compared)))
}

/// Names that were dropped for the same reason, in one finding: a CA that leaves out a form leaves out all of it.
fn together(findings: Vec<Finding>) -> Vec<Finding> {
    let mut told: Vec<Finding> = Vec::new();
    let mut groups: Vec<(Finding, Vec<String>)> = Vec::new();
    for finding in findings {
        if finding.code != Code::GrantedNameDropped {
            told.push(finding);
            continue;
        }
        let name = not_granted(&finding).unwrap_or_default().to_owned();
        let alike = |(one, _): &&mut (Finding, Vec<String>)| {
            one.why == finding.why && one.mend == finding.mend
        };
        match groups.iter_mut().find(alike) {
            Some((_, names)) => names.push(name),
            None => groups.push((finding, vec![name])),
        }
    }
    told.extend(groups.into_iter().map(|(mut finding, names)| {
        if let [first, _, ..] = names.as_slice() {
            let kind = first.split(':').next().unwrap_or_default();
            let shown = names.iter().take(MOST_NAMES).map(String::as_str);
            let mut list = shown.collect::<Vec<_>>().join(", ");
            if names.len() > MOST_NAMES {
                list.push_str(&format!(" and {} more", names.len() - MOST_NAMES));
            }
            finding.what = format!(
                "{} {kind}: names were asked for and not granted",
                names.len()
            );
            finding.why = format!("{list}: {}", finding.why);
        }
        finding
    }));
    told
}

/// What the comparison says was asked for and not granted, as it was asked for: the first word of its finding.
fn not_granted(finding: &Finding) -> Option<&str> {
    let lost = [
        Code::GrantedNameLost,
        Code::GrantedNameDropped,
        Code::GrantedUsageLost,
    ];
    lost.contains(&finding.code)
        .then(|| finding.what.split(' ').next())
        .flatten()
}

/// What the verdict misses in the leaf, in the same words.
fn missed(finding: &Finding) -> Option<String> {
    let word = |at| finding.what.split(' ').nth(at);
    // Names stand in the words of the findings alone.
    if finding.code == Code::NamesMissing {
        word(0).map(|domain| format!("dns:{domain}"))
    } else if finding.code == Code::NamesSrvIdMissing {
        word(2).map(|name| format!("srv:{name}"))
    } else if finding.code == Code::NamesXmppAddrMissing {
        word(2).map(|name| format!("xmpp:{name}"))
    } else if finding.code == Code::UsageNoClientAuth {
        Some("clientAuth".to_owned())
    } else if finding.code == Code::UsageNoServerAuth && finding.place.starts_with("leaf") {
        Some("serverAuth".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: Code, what: &str, mend: &str) -> Finding {
        Finding::new(code, "leaf", what, "why", mend)
    }

    fn after(verdict: Vec<Finding>, compared: Vec<Finding>) -> Vec<(Code, String, String)> {
        without_doubles(Report::new(verdict), Report::new(compared))
            .into_iter()
            .map(|one| (one.code, one.what, one.mend))
            .collect()
    }

    #[test]
    fn a_name_that_was_lost_is_told_once_with_the_mend_for_the_ca() {
        let missing = "a.example is not covered for hosts";
        let found = after(
            vec![finding(Code::NamesMissing, missing, "request it")],
            vec![
                finding(
                    Code::GrantedNameLost,
                    "dns:a.example was asked for and not granted",
                    "ask the CA",
                ),
                finding(
                    Code::GrantedNameLost,
                    "dns:b.example was asked for and not granted",
                    "ask the CA",
                ),
            ],
        );
        let codes: Vec<Code> = found.iter().map(|one| one.0).collect();
        assert_eq!(codes, [Code::NamesMissing, Code::GrantedNameLost]);
        assert_eq!(
            (found[0].1.as_str(), found[0].2.as_str()),
            (missing, "ask the CA")
        );
        assert!(found[1].1.starts_with("dns:b.example"));
    }

    #[test]
    fn a_name_that_two_uses_miss_is_mended_by_the_ca_for_both() {
        let missing = |what: &str| finding(Code::NamesMissing, what, "request it");
        let lost = "dns:a.example was asked for and not granted";
        let found = after(
            vec![
                missing("a.example is not covered for SIP"),
                missing("a.example is not covered for XMPP between servers"),
            ],
            vec![finding(Code::GrantedNameLost, lost, "ask the CA")],
        );
        let mends: Vec<&str> = found.iter().map(|one| one.2.as_str()).collect();
        assert_eq!(mends, ["ask the CA", "ask the CA"], "{found:?}");
    }

    #[test]
    fn a_form_that_was_dropped_is_one_finding_and_no_note_beside_it() {
        let names = ["_xmpp-server.a.example", "_xmpp-server.b.example"];
        let note = |name: &str| {
            let what = format!("the SRV-ID {name} is not in the certificate");
            finding(Code::NamesSrvIdMissing, &what, "").with_severity(Severity::Note)
        };
        let dropped = |name: &str| {
            let what = format!("srv:{name} was asked for and not granted");
            finding(Code::GrantedNameDropped, &what, "nothing")
        };
        let found = after(names.map(note).into(), names.map(dropped).into());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].1, "2 srv: names were asked for and not granted");
        // What nobody asked for is the verdict's alone.
        let found = after(names.map(note).into(), vec![dropped(names[1])]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_purpose_that_was_lost_is_told_by_the_more_severe() {
        let lost = |word: &str| {
            let what = format!("{word} was asked for and not granted");
            finding(Code::GrantedUsageLost, &what, "ask the CA")
        };
        let server = finding(Code::UsageNoServerAuth, "may not be used", "profile");
        let found = after(vec![server], vec![lost("serverAuth")]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].0, found[0].2.as_str()),
            (Code::UsageNoServerAuth, "ask the CA")
        );
        let client = finding(Code::UsageNoClientAuth, "is not for clients", "")
            .with_severity(Severity::Note);
        let found = after(vec![client], vec![lost("clientAuth")]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, Code::GrantedUsageLost);
    }
}
