//! `[[partner]]`: further ones, changed ones, and those that go.

use super::literal::Meaning;
use super::sheet::{Step, path};
use super::{Draft, Literal, below, is_nothing};
use crate::federation::Partner;
use crate::names::Domain;

impl Draft {
    /// A further `[[partner]]`, after the last one; what is as it is by default is not written.
    pub fn add_partner(&mut self, partner: &Partner) -> &mut Self {
        self.add_partners(std::slice::from_ref(partner))
    }

    /// Further ones in one go and in this order.
    pub fn add_partners(&mut self, all: &[Partner]) -> &mut Self {
        if all.is_empty() {
            return self;
        }
        let new = all.iter().map(|partner| {
            let mut entries = entries_of(partner);
            entries.retain(|(key, literal)| {
                !is_nothing(literal)
                    && (*key, literal) != ("keep-alive", &Literal::Boolean(true))
                    && (*key, literal) != ("connection-limit", &NO_LIMIT)
            });
            entries
        });
        let done = self
            .sheet
            .append(&path(["partner"]), &new.collect::<Vec<_>>());
        self.note(done)
    }

    /// Makes the partner of this primary domain say what `partner` says; what it says already stays as it is written.
    /// Where there is none, nothing.
    pub fn set_partner(&mut self, domain: &Domain, partner: &Partner) -> &mut Self {
        let Some(place) = self.partner_at(domain) else {
            return self;
        };
        let before = self.deployment().and_then(|all| {
            let mut partners = all.partners.into_iter();
            partners.find(|one| one.domain == *domain)
        });
        let before = before.as_ref().map(entries_of).unwrap_or_default();
        for (key, literal) in entries_of(partner) {
            if before
                .iter()
                .any(|(same, there)| *same == key && *there == literal)
            {
                continue;
            }
            let key_place = below(&place, key);
            if is_nothing(&literal) || (key, &literal) == ("connection-limit", &NO_LIMIT) {
                self.remove(&key_place);
            } else {
                let meaning = match key {
                    "domain" | "additional-domains" => Meaning::Domain,
                    _ => Meaning::Exact,
                };
                self.set(&key_place, &literal, meaning);
            }
        }
        self
    }

    /// Takes the partner of this primary domain away; where there is none, nothing.
    pub fn remove_partner(&mut self, domain: &Domain) -> &mut Self {
        match self.partner_at(domain) {
            Some(place) => self.remove(&place),
            None => self,
        }
    }

    fn partner_at(&self, domain: &Domain) -> Option<Vec<Step>> {
        let place = |at: usize| vec![Step::from("partner"), Step::At(at)];
        let count = self.sheet.count(&path(["partner"]));
        let found = (0..count).find(|at| {
            let text = self.sheet.text_at(&below(&place(*at), "domain"));
            text.and_then(|text| Domain::parse(&text).ok()).as_ref() == Some(domain)
        });
        found.map(place)
    }
}

/// Stands for a limit that is not set.
const NO_LIMIT: Literal = Literal::Integer(0);

/// Every key of a partner, in the order in which a new one has them; what is not set is nothing.
fn entries_of(partner: &Partner) -> Vec<(&'static str, Literal)> {
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
    let files = roots.iter().map(|one| one.display().to_string());
    vec![
        ("domain", text(domain.as_str())),
        ("description", text(description.as_deref().unwrap_or(""))),
        ("additional-domains", Literal::texts(additional_domains)),
        ("type", text(partner_type.word())),
        ("tls", text(negotiation.tls.word())),
        ("sasl", text(negotiation.sasl.word())),
        ("dialback", Literal::Boolean(negotiation.dialback)),
        (
            "connection-limit",
            connection_limit.map_or(NO_LIMIT, |limit| Literal::Integer(i64::from(limit))),
        ),
        ("keep-alive", Literal::Boolean(*keep_alive)),
        ("server", text(server.map_or("", |one| one.word()))),
        ("roots", Literal::texts(files)),
    ]
}
