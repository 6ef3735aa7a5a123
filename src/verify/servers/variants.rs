//! A profile with one cell changed, for tests that want every cell to matter.

use super::{
    Case, Cell, CommonName, Compared, Eku, Idn, Keys, Offer, Profile, Srv, Uri, Wildcard, Xmpp,
};

impl Profile {
    /// Every profile that differs from this one in exactly one cell, with the cell's name. Cells that say nothing for
    /// this server are left alone.
    pub fn variants(&self) -> Vec<(&'static str, Profile)> {
        let mut all = Vec::new();
        macro_rules! vary {
            ($field:ident, $values:expr) => {
                for value in $values {
                    if value != self.$field.value {
                        let $field = Cell {
                            value,
                            ..self.$field
                        };
                        all.push((stringify!($field), Profile { $field, ..*self }));
                    }
                }
            };
        }
        vary!(
            compared,
            [Compared::Nothing, Compared::Domain, Compared::SipHost]
                .into_iter()
                // What is looked for over SIP says nothing of a server that does not speak it.
                .filter(|value| *value != Compared::SipHost || self.server.speaks_sip())
        );
        vary!(eku_as_server, [Eku::Any, Eku::ServerAuth, Eku::ClientAuth]);
        vary!(eku_as_client, [Eku::Any, Eku::ServerAuth, Eku::ClientAuth]);
        vary!(keys, [Keys::Any, Keys::Rsa]);
        if self.server.speaks_xmpp() {
            vary!(offer, [Offer::IfAccepted, Offer::Regardless]);
        }
        if self.compared.value == Compared::Nothing {
            return all;
        }
        vary!(case, [Case::Ignored, Case::Exact]);
        vary!(
            wildcard,
            [Wildcard::Nothing, Wildcard::OneLabel, Wildcard::AnyDepth]
        );
        vary!(idn, [Idn::ALabels, Idn::AsOnStream]);
        vary!(srv, every_srv());
        vary!(xmpp, [Xmpp::No, Xmpp::Nameprep, Xmpp::AsDnsName, Xmpp::Raw]);
        vary!(uri, [Uri::No, Uri::Raw]);
        vary!(
            common_name,
            [CommonName::No, CommonName::WithoutSan, CommonName::Always]
        );
        vary!(most_names, [None, Some(1024)]);
        all
    }
}

fn every_srv() -> Vec<Srv> {
    let mut all = vec![Srv::No];
    for service in [Case::Ignored, Case::Exact] {
        for clients_too in [false, true] {
            for wildcards in [false, true] {
                all.push(Srv::Counted {
                    service,
                    clients_too,
                    wildcards,
                });
            }
        }
    }
    all
}
