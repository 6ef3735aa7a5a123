//! A front that ends TLS for an XMPP server behind it: HAProxy, nginx.
//!
//! It sees our own name in the handshake and never that of the partner, speaks no STARTTLS, and the server behind it
//! gets clear text: so of a partner's settings it can express none, and two of them cannot be kept behind it.

use super::{Distance, Limit, STRANGERS, Wish};
use crate::federation::{Method, Negotiation};

/// A kind of front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// HAProxy.
    Haproxy,
    /// nginx with its stream module.
    Nginx,
}

impl Front {
    /// Its name in sentences.
    pub fn title(self) -> &'static str {
        match self {
            Front::Haproxy => "HAProxy",
            Front::Nginx => "nginx",
        }
    }
}

/// What such a front cannot express of a wish.
pub fn front_limits(wish: Wish<'_>, front: Front) -> Vec<Limit> {
    let title = front.title();
    let mut limits = vec![Limit {
        distance: Distance::Other,
        whom: "every partner".to_owned(),
        what: format!(
            "{title} does not see who the partner is, and speaks no STARTTLS: it carries direct TLS (port 5270) for everybody alike; the server behind it has to tell partners apart"
        ),
    }];
    let partners = wish
        .partners
        .iter()
        .map(|partner| (partner.domain.to_string(), partner.negotiation));
    let others = wish.others.map(|others| (STRANGERS.to_owned(), others));
    for (whom, negotiation) in partners.chain(others) {
        limits.extend(of_one(whom, negotiation, title));
    }
    if wish.others.is_none() {
        limits.push(Limit {
            distance: Distance::Weaker,
            whom: STRANGERS.to_owned(),
            what: format!("{title} cannot keep them out; the server behind it has to"),
        });
    }
    limits.sort();
    limits
}

fn of_one(whom: String, negotiation: Negotiation, title: &str) -> Option<Limit> {
    let methods = negotiation.methods();
    let what = match methods.as_slice() {
        [Method::SaslOverTls] => format!(
            "SASL EXTERNAL is the only method that was asked for, and cannot happen: TLS ends at {title}, and the server behind it never sees the certificate"
        ),
        methods if methods.contains(&Method::SaslOverTls) => {
            format!("SASL EXTERNAL cannot happen, as TLS ends at {title}; dialback is left")
        }
        _ => return None,
    };
    Some(Limit {
        distance: Distance::Missing,
        whom,
        what,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::federation::Setting;

    #[test]
    fn what_ends_with_tls_at_the_front_is_told() {
        let negotiation = |sasl, dialback| Negotiation {
            tls: Setting::Required,
            sasl,
            dialback,
        };
        for (others, told) in [
            (
                Some(negotiation(Setting::Required, false)),
                "the only method that was asked for, and cannot happen",
            ),
            (
                Some(negotiation(Setting::Optional, true)),
                "dialback is left",
            ),
            (None, "cannot keep them out"),
        ] {
            let wish = Wish {
                partners: &[],
                others,
            };
            for front in [Front::Haproxy, Front::Nginx] {
                let limits = front_limits(wish, front);
                assert_eq!(limits.len(), 2, "{limits:?}");
                assert!(limits[0].what.contains(told), "{limits:?}");
                assert!(limits[1].what.contains(front.title()), "{limits:?}");
            }
        }
        let without = Wish {
            partners: &[],
            others: Some(negotiation(Setting::NotSupported, true)),
        };
        assert_eq!(front_limits(without, Front::Nginx).len(), 1);
    }
}
