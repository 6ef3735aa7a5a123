//! Names that services of an edge often need, offered beside the plan and never asked for by themselves.

use super::plan::{Reason, SanPlan};
use super::{Domain, Identifier};

/// A name that may be wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The name.
    pub name: Domain,
    /// What it is for, in words.
    pub because: String,
}

impl Offered {
    /// The flag that asks for it: `--san dns:webcon.contoso.com`.
    pub fn flag(&self) -> String {
        format!("--san dns:{}", self.name)
    }
}

/// `<label>.<d>` for each label, below the primary SIP domain of the plan; those that are planned are left out.
pub fn offered_names(plan: &SanPlan, labels: &[String]) -> Vec<Offered> {
    let primary = plan.names.iter().find_map(|one| {
        one.reasons.iter().find_map(|reason| match reason {
            Reason::SipHost(domain) | Reason::SipDomain(domain) => Some(domain),
            Reason::EdgeFqdn | Reason::XmppDomain(_) | Reason::Component(..) | Reason::Extra => {
                None
            }
        })
    });
    let Some(primary) = primary else {
        return Vec::new();
    };
    labels
        .iter()
        .filter_map(|label| {
            // A name that would be too long is not one that anybody could ask for.
            let name = primary.child(label).ok()?;
            let is_planned = plan.names.iter().any(|one| {
                matches!(&one.name, Identifier::Dns(dns) if !dns.is_wildcard() && *dns.domain() == name)
            });
            let because = match label.as_str() {
                "webcon" => "the web conferencing edge service, if it has a name of its own".to_owned(),
                other => format!("the service {other} of {primary}, if there is one"),
            };
            (!is_planned).then_some(Offered { name, because })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::plan::{PlanInput, plan_names};
    use super::super::{NameForm, Use};
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_name_is_offered_below_the_primary_sip_domain_until_it_is_asked_for() {
        let offered = |uses: &[Use], extra: &[&str], labels: &[&str]| {
            let domains: Vec<Domain> = ["contoso.com", "fabrikam.com"]
                .map(|one| Domain::parse(one).unwrap())
                .to_vec();
            let plan = plan_names(&PlanInput {
                fqdn: Domain::parse("edge.contoso.com").unwrap(),
                sip_domains: domains.clone(),
                xmpp_domains: domains,
                components: vec![],
                uses: uses.iter().copied().collect(),
                extra: extra
                    .iter()
                    .map(|one| Identifier::parse_typed(one).unwrap())
                    .collect(),
                forms: BTreeSet::from([NameForm::Dns]),
                limit: None,
            })
            .unwrap();
            let labels: Vec<String> = labels.iter().map(|one| (*one).to_owned()).collect();
            offered_names(&plan, &labels)
                .iter()
                .map(Offered::flag)
                .collect::<Vec<_>>()
        };
        let webcon = ["--san dns:webcon.contoso.com"];
        assert_eq!(offered(&[Use::SipEdge], &[], &["webcon"]), webcon);
        assert_eq!(
            offered(&[Use::SipEdge], &["dns:webcon.fabrikam.com"], &["webcon"]),
            webcon
        );
        assert!(offered(&[Use::SipEdge], &["dns:webcon.contoso.com"], &["webcon"]).is_empty());
        assert!(offered(&[Use::XmppS2s], &[], &["webcon"]).is_empty());
        assert!(offered(&[Use::SipEdge], &[], &[]).is_empty());
        // sip.contoso.com is planned already
        assert!(offered(&[Use::SipEdge], &[], &["sip"]).is_empty());
    }
}
