//! Access policies: who may talk to partners.

/// Whom a policy is for; a user's stands before a site's, that before the global one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everybody.
    Global,
    /// The users of a site.
    Site,
    /// Named users.
    User,
}

impl Scope {
    /// All three, the widest first.
    pub const ALL: [Scope; 3] = [Scope::Global, Scope::Site, Scope::User];

    /// The word in files and flags.
    pub fn word(self) -> &'static str {
        match self {
            Scope::Global => "global",
            Scope::Site => "site",
            Scope::User => "user",
        }
    }
}

/// One access policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: crate::names::Slug,
    /// Whom it is for.
    pub scope: Scope,
    /// Free text.
    pub description: Option<String>,
    /// The users, or the site's name; empty for the global policy.
    pub members: Vec<String>,
    /// Whether they may talk to federated users (SIP).
    pub federated_users: bool,
    /// Whether they may talk to XMPP federated users.
    pub xmpp_federated_users: bool,
}

impl Policy {
    /// Whether it is for a user of a site; addresses are compared without regard to case.
    pub fn is_for(&self, user: &str, site: Option<&str>) -> bool {
        let any = |wanted: &str| {
            let mut members = self.members.iter();
            members.any(|one| one.eq_ignore_ascii_case(wanted))
        };
        match self.scope {
            Scope::Global => true,
            Scope::Site => site.is_some_and(any),
            Scope::User => any(user),
        }
    }
}

/// The policies that are for a user, the one that decides first: a user's before a site's, that before the global one;
/// of two alike the first in the file.
pub fn policies_for<'a>(policies: &'a [Policy], user: &str, site: Option<&str>) -> Vec<&'a Policy> {
    let mut found: Vec<&Policy> = policies
        .iter()
        .filter(|policy| policy.is_for(user, site))
        .collect();
    found.sort_by_key(|policy| std::cmp::Reverse(policy.scope));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Slug;

    fn policy(name: &str, scope: Scope, members: &[&str]) -> Policy {
        Policy {
            name: Slug::parse(name).unwrap(),
            scope,
            description: None,
            members: members.iter().map(|one| (*one).to_owned()).collect(),
            federated_users: false,
            xmpp_federated_users: true,
        }
    }

    #[test]
    fn a_users_policy_stands_before_a_sites_and_that_before_the_global_one() {
        let all = [
            policy("everybody", Scope::Global, &[]),
            policy("seoul", Scope::Site, &["Seoul"]),
            policy("sales", Scope::User, &["someone@contoso.com"]),
            policy("more", Scope::User, &["someone@contoso.com"]),
        ];
        for (user, site, expected) in [
            (
                "Someone@Contoso.com",
                Some("seoul"),
                "sales more seoul everybody",
            ),
            ("someone@contoso.com", None, "sales more everybody"),
            ("other@contoso.com", Some("Seoul"), "seoul everybody"),
            ("other@contoso.com", Some("Busan"), "everybody"),
        ] {
            let found = policies_for(&all, user, site);
            let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
            assert_eq!(names.join(" "), expected, "{user} {site:?}");
        }
        assert!(policies_for(&all[1..], "other@contoso.com", None).is_empty());
    }
}
