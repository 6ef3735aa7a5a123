//! Partners and policies that are changed.

use super::*;
use crate::federation::{Policy, Scope};

#[test]
fn a_changed_partner_and_policy_keep_every_other_byte() {
    let all = open(EXAMPLE).deployment().unwrap();
    let litware = all.partners[0].clone();
    let mut meant = litware.clone();
    meant.domain = d("litware.net");
    meant.description = None;
    meant.additional_domains = vec![d("it.litware.com"), d("hr.litware.com")];
    meant.negotiation.sasl = Setting::Optional;
    meant.connection_limit = None;
    meant.keep_alive = false;
    let mut sales = all.policies[1].clone();
    sales.members.push("other@contoso.com".into());
    sales.federated_users = false;
    let text = edited(EXAMPLE, |draft| {
        draft
            .set_partner(&litware.domain, &meant)
            .set_policy(&sales);
    });
    let after = Deployment::parse(&text, Path::new("/srv/edgecert.toml")).unwrap();
    assert_eq!(after.partners, [meant.clone()]);
    assert_eq!(after.policies[1], sales);
    assert_eq!(
        changed(EXAMPLE, &text)
            .iter()
            .filter(|line| line.starts_with('+'))
            .count(),
        6,
        "{:#?}",
        changed(EXAMPLE, &text)
    );
    // Said again, nothing is written; said back, it is as it was but for the comments of the lines that went.
    let again = edited(&text, |draft| {
        draft
            .set_partner(&meant.domain, &meant)
            .set_policy(&sales)
            .set_partner(&d("nobody.example"), &meant);
    });
    assert_eq!(again, text);
    let mut mine = sales.clone();
    mine.name = slug("marketing");
    let text = edited(&text, |draft| {
        draft.add_policy(&mine);
    });
    let gone = edited(&text, |draft| {
        draft.remove_policy(&mine.name);
    });
    assert_eq!(gone, again);
    assert!(
        text.contains("[policy.marketing]\nscope = \"user\"\nmembers = [\"someone@contoso.com\", ")
    );
}

#[test]
fn the_first_partner_and_policy_go_behind_the_samples_of_init() {
    let text = crate::deployment::init::annotated(
        &d("edge.contoso.com"),
        &[],
        &[d("contoso.com")],
        crate::deployment::init::InitTemplate::PublicDv,
    );
    let policy = Policy {
        name: slug("sales"),
        scope: Scope::Global,
        description: None,
        members: Vec::new(),
        federated_users: false,
        xmpp_federated_users: true,
    };
    let new = edited(&text, |draft| {
        draft
            .add_partner(&partner("wingtip.com"))
            .add_policy(&policy);
    });
    let at = |words: &str| new.find(words).unwrap_or_else(|| panic!("{words}\n{new}"));
    assert!(at("\n# [[partner]]") < at("\n\n[[partner]]"));
    assert!(at("\n\n[[partner]]") < at("\n# [policy.global]"));
    assert!(at("\n# [policy.sales]") < at("\n\n[policy.sales]"));
    assert!(at("\n\n[policy.sales]") < at("\n## ── deadlines"));
    let gone = edited(&new, |draft| {
        draft
            .remove_partner(&d("wingtip.com"))
            .remove_policy(&slug("sales"));
    });
    assert_eq!(gone, text);
    // A comment between the keys of a table is no place for a header.
    let odd = format!("{LEAST}# [[partner]]\nfriendly-name = \"x\"\n");
    let new = edited(&odd, |draft| {
        draft.add_partner(&partner("wingtip.com"));
    });
    assert!(
        new.contains("friendly-name = \"x\"\n\n[[partner]]"),
        "{new}"
    );
}

#[test]
fn several_partners_in_one_go_stand_as_if_they_came_one_by_one() {
    let new = [
        partner("wingtip.com"),
        partner("litware.com"),
        partner("fabrikam.com"),
    ];
    let inline = "partner = [{ domain = \"tailspin.com\" }]\n";
    for text in [
        LEAST.to_owned(),
        format!("{LEAST}\n[[partner]]\ndomain = \"tailspin.com\" # first\n"),
        LEAST.replacen("version = 1\n", &format!("version = 1\n{inline}"), 1),
    ] {
        let at_once = edited(&text, |draft| {
            draft.add_partners(&new);
        });
        let one_by_one = edited(&text, |draft| {
            for one in &new {
                draft.add_partner(one);
            }
        });
        assert_eq!(at_once, one_by_one);
        let nothing = edited(&text, |draft| {
            draft.add_partners(&[]);
        });
        assert_eq!(nothing, text);
    }
}
