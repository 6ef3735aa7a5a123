//! `[policy.NAME]`: further ones, changed ones, and those that go.

use super::literal::Meaning;
use super::sheet::path;
use super::{Draft, Literal, below, is_nothing};
use crate::federation::Policy;
use crate::names::Slug;

impl Draft {
    /// A further `[policy.NAME]`, after the last one.
    pub fn add_policy(&mut self, policy: &Policy) -> &mut Self {
        let mut entries = entries_of(policy);
        entries.retain(|(_, literal)| !is_nothing(literal));
        let own = path(["policy", policy.name.as_str()]);
        let done = self.sheet.insert(&own, &entries);
        self.note(done)
    }

    /// Makes a policy say what `policy` says, under its name; what it says already stays as it is written.
    pub fn set_policy(&mut self, policy: &Policy) -> &mut Self {
        let own = path(["policy", policy.name.as_str()]);
        let before = self.deployment().and_then(|all| {
            let mut policies = all.policies.into_iter();
            policies.find(|one| one.name == policy.name)
        });
        let before = before.as_ref().map(entries_of).unwrap_or_default();
        for (key, literal) in entries_of(policy) {
            if before
                .iter()
                .any(|(same, there)| *same == key && *there == literal)
            {
                continue;
            }
            let place = below(&own, key);
            if is_nothing(&literal) {
                self.remove(&place);
            } else {
                self.set(&place, &literal, Meaning::Exact);
            }
        }
        self
    }

    /// Takes a policy away; where there is none, nothing.
    pub fn remove_policy(&mut self, name: &Slug) -> &mut Self {
        self.remove(&path(["policy", name.as_str()]))
    }
}

/// Every key of a policy; what is not set is nothing.
fn entries_of(policy: &Policy) -> Vec<(&'static str, Literal)> {
    let Policy {
        name: _,
        scope,
        description,
        members,
        federated_users,
        xmpp_federated_users,
    } = policy;
    let text = |word: &str| Literal::Text(word.to_owned());
    vec![
        ("scope", text(scope.word())),
        ("description", text(description.as_deref().unwrap_or(""))),
        ("members", Literal::texts(members)),
        ("federated-users", Literal::Boolean(*federated_users)),
        (
            "xmpp-federated-users",
            Literal::Boolean(*xmpp_federated_users),
        ),
    ]
}
