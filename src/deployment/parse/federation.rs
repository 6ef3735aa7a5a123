//! `[[partner]]`, `[policy.NAME]`, and the three settings that partners and gateways share.

use super::super::Edge;
use super::super::description_fault;
use super::super::read::{Table, Value};
use super::{header_name, optional_table};
use crate::federation::{Negotiation, Partner, PartnerType, Policy, Scope, Server, Setting};
use crate::names::Domain;
use std::collections::BTreeMap;

/// Most streams to one partner.
pub(in crate::deployment) const MAX_CONNECTIONS: u32 = 1_000_000;

/// Which domains are spoken for.
#[derive(Debug, Default)]
pub(in crate::deployment) struct Claims {
    ours: Vec<Domain>,
    taken: BTreeMap<Domain, Domain>,
}

impl Claims {
    /// With the edge's own domains.
    pub(in crate::deployment) fn of(edge: Option<&Edge>) -> Self {
        Self {
            ours: edge.map(Edge::own_domains).unwrap_or_default(),
            taken: BTreeMap::new(),
        }
    }

    /// Lets a partner have a domain; else what stands against it, and what to do.
    pub(in crate::deployment) fn claim(
        &mut self,
        domain: &Domain,
        partner: &Domain,
    ) -> Result<(), (String, &'static str)> {
        if self.ours.contains(domain) {
            return Err((
                format!("{domain} is a domain of this edge itself"),
                "name domains of the partner; whoever shares our own domain is no partner",
            ));
        }
        match self.taken.insert(domain.clone(), partner.clone()) {
            Some(owner) => Err((
                format!("{domain} belongs to the partner {owner} already"),
                "let each domain stand with one partner, once",
            )),
            None => Ok(()),
        }
    }
}

/// All partners in file order.
pub(super) fn partners(root: &Table<'_, '_>, edge: Option<&Edge>) -> Vec<Partner> {
    let mut claims = Claims::of(edge);
    tables(root)
        .into_iter()
        .filter_map(|table| read_partner(table, &mut claims))
        .collect()
}

/// The `[[partner]]` tables.
pub(in crate::deployment) fn tables<'s, 't>(root: &Table<'s, 't>) -> Vec<Table<'s, 't>> {
    let list = root.get("partner").and_then(|value| value.list());
    let list = list.unwrap_or_default();
    list.iter().filter_map(Value::table).collect()
}

/// One of them.
pub(in crate::deployment) fn read_partner(
    table: Table<'_, '_>,
    claimed: &mut Claims,
) -> Option<Partner> {
    let domain_value = table.need("domain", "\"litware.com\"");
    let domain = domain_value.as_ref().and_then(Value::domain);
    let description = table
        .get("description")
        .and_then(|value| read_description(&value));
    let mut claims: Vec<(Domain, Value<'_, '_>)> = Vec::new();
    claims.extend(domain.clone().zip(domain_value));
    let additional_value = table.get("additional-domains");
    let additional = additional_value
        .as_ref()
        .map_or_else(|| Some(Vec::new()), |value| value.unique(Value::domain));
    if let (Some(value), Some(domains)) = (&additional_value, &additional) {
        let elements = value.list().unwrap_or_default();
        claims.extend(domains.iter().cloned().zip(elements));
    }
    let partner_type = table
        .get("type")
        .map_or(Some(PartnerType::PublicUnverified), |value| {
            value.word(&PartnerType::ALL.map(|one| (one.word(), one)))
        });
    let negotiation = negotiation(&table);
    let connection_limit = table
        .get("connection-limit")
        .and_then(|value| value.integer(1..=MAX_CONNECTIONS));
    let keep_alive = table
        .get("keep-alive")
        .map_or(Some(true), |value| value.boolean());
    let server = table.get("server").map_or(Some(None), |value| {
        let server = value.word(&Server::WORDS)?;
        if !server.speaks_xmpp() {
            value.fail(
                format!("{} does not speak XMPP", server.title()),
                "name the partner's XMPP server, or leave server out",
            );
            return None;
        }
        Some(Some(server))
    });
    let roots = table.get("roots").map_or_else(
        || Some(Vec::new()),
        |value| {
            value.unique_some(|root| {
                if let "system" | "mozilla" = root.text()? {
                    root.fail(
                        "a partner's roots are files of its own",
                        "name a file, or leave roots out: then the gateway's count",
                    );
                    return None;
                }
                root.path()
            })
        },
    );
    table.finish();
    let domain = domain?;
    for (one, value) in claims {
        if let Err((what, mend)) = claimed.claim(&one, &domain) {
            value.fail(what, mend);
        }
    }
    Some(Partner {
        domain,
        description,
        additional_domains: additional?,
        partner_type: partner_type?,
        negotiation: negotiation?,
        connection_limit,
        keep_alive: keep_alive?,
        server: server?,
        roots: roots?,
    })
}

/// `tls`, `sasl` and `dialback` of a partner or of `others`; left out they are as `New-CsXmppAllowedPartner` has
/// them: required, required, true.
pub(super) fn negotiation(table: &Table<'_, '_>) -> Option<Negotiation> {
    let words = Setting::ALL.map(|setting| (setting.word(), setting));
    let setting = |key| {
        let value = table.get(key);
        let setting = value
            .as_ref()
            .map_or(Some(Setting::Required), |value| value.word(&words));
        (setting, value)
    };
    let (tls, tls_value) = setting("tls");
    let (sasl, sasl_value) = setting("sasl");
    let dialback = table
        .get("dialback")
        .map_or(Some(true), |value| value.boolean());
    let negotiation = Negotiation {
        tls: tls?,
        sasl: sasl?,
        dialback: dialback?,
    };
    if !negotiation.may_be_committed() {
        let place = sasl_value
            .or(tls_value)
            .map_or_else(|| table.place(), |value| value.place());
        place.fail_because(
            format!(
                "sasl = \"{}\" cannot be had with tls = \"not-supported\"",
                negotiation.sasl.word()
            ),
            "SASL EXTERNAL proves who the peer is by its certificate, which needs TLS",
            "set tls to \"required\" or \"optional\", or sasl to \"not-supported\"",
        );
        return None;
    }
    Some(negotiation)
}

/// All policies in file order.
pub(super) fn policies(root: &Table<'_, '_>) -> Vec<Policy> {
    let Some(table) = optional_table(root, "policy") else {
        return Vec::new();
    };
    let mut global: Option<String> = None;
    table
        .names()
        .iter()
        .filter_map(|named| {
            let name = header_name(named);
            let table = named.value.table()?;
            let place = table.place();
            let scope_value = table.need("scope", "\"user\"");
            let scope = scope_value
                .as_ref()
                .and_then(|value| value.word(&Scope::ALL.map(|one| (one.word(), one))));
            let description = table
                .get("description")
                .and_then(|value| read_description(&value));
            let members_value = table.get("members");
            let members = members_value.as_ref().map_or_else(
                || Some(Vec::new()),
                |value| value.unique(|member| read_member(member, scope)),
            );
            let flag = |key| table.get(key).map_or(Some(false), |value| value.boolean());
            let federated_users = flag("federated-users");
            let xmpp_federated_users = flag("xmpp-federated-users");
            table.finish();
            let (scope, members) = (scope?, members?);
            match (scope, members.is_empty()) {
                (Scope::Global, false) => {
                    if let Some(value) = members_value {
                        value.fail(
                            "the global policy has no members: it is for everybody",
                            "leave members out, or use scope = \"user\"",
                        );
                    }
                }
                (Scope::Site | Scope::User, true) => place.fail(
                    "the policy is for nobody",
                    "write members = [\"someone@contoso.com\"], or the site's name",
                ),
                (Scope::Global, true) | (Scope::Site | Scope::User, false) => {}
            }
            if scope == Scope::Global {
                if let (Some(first), Some(value)) = (&global, &scope_value) {
                    value.fail(
                        format!("the policy \"{first}\" is the global one already"),
                        "let one policy have scope = \"global\"",
                    );
                }
                global.get_or_insert(named.name.clone());
            }
            Some(Policy {
                name: name?,
                scope,
                description,
                members,
                federated_users: federated_users?,
                xmpp_federated_users: xmpp_federated_users?,
            })
        })
        .collect()
}

fn read_description(value: &Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    match description_fault(text) {
        Some((what, mend)) => {
            value.fail(what, mend);
            None
        }
        None => Some(text.to_owned()),
    }
}

/// A user is an address; a site is any text.
fn read_member(value: &Value<'_, '_>, scope: Option<Scope>) -> Option<String> {
    let text = value.line(1023)?;
    if scope == Some(Scope::User) {
        let sound = text
            .split_once('@')
            .is_some_and(|(user, domain)| !user.is_empty() && Domain::parse(domain).is_ok());
        if !sound {
            value.fail(
                format!(
                    "\"{}\" is no address of a user",
                    crate::explain::printable(&text)
                ),
                "write user@domain: \"someone@contoso.com\"",
            );
            return None;
        }
    }
    Some(text)
}
