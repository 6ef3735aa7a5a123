//! `[[partner]]`: further ones, and those that go.

use super::sheet::{Step, path};
use super::{Draft, Literal};
use crate::federation::Partner;
use crate::names::Domain;

impl Draft {
    /// A further `[[partner]]`, behind the last one; what is as it is by default is not written.
    pub fn add_partner(&mut self, partner: &Partner) -> &mut Self {
        let Partner {
            domain,
            description,
            additional_domains,
            partner_type,
            negotiation,
            connection_limit,
            keep_alive,
            server,
            roots,
        } = partner;
        let text = |word: &str| Literal::Text(word.to_owned());
        let mut entries = vec![("domain", text(domain.as_str()))];
        if let Some(description) = description {
            entries.push(("description", text(description)));
        }
        if !additional_domains.is_empty() {
            entries.push(("additional-domains", Literal::texts(additional_domains)));
        }
        entries.push(("type", text(partner_type.word())));
        entries.push(("tls", text(negotiation.tls.word())));
        entries.push(("sasl", text(negotiation.sasl.word())));
        entries.push(("dialback", Literal::Boolean(negotiation.dialback)));
        if let Some(limit) = connection_limit {
            entries.push(("connection-limit", Literal::Integer(i64::from(*limit))));
        }
        if !keep_alive {
            entries.push(("keep-alive", Literal::Boolean(false)));
        }
        if let Some(server) = server {
            entries.push(("server", text(server.word())));
        }
        if !roots.is_empty() {
            let files = roots.iter().map(|one| one.display().to_string());
            entries.push(("roots", Literal::texts(files)));
        }
        let done = self.sheet.append(&path(["partner"]), &entries);
        self.note(done)
    }

    /// Takes the partner of this primary domain away; where there is none, nothing.
    pub fn remove_partner(&mut self, domain: &Domain) -> &mut Self {
        let place = |at: usize| vec![Step::from("partner"), Step::At(at)];
        let count = self.sheet.count(&path(["partner"]));
        let found = (0..count).find(|at| {
            let mut key = place(*at);
            key.push(Step::from("domain"));
            let text = self.sheet.text_at(&key);
            text.and_then(|text| Domain::parse(&text).ok()).as_ref() == Some(domain)
        });
        match found {
            Some(at) => self.remove(&place(at)),
            None => self,
        }
    }
}
