//! What a federating peer must prove, by its settings as a partner, on what a TLS front can see.
//!
//! Partners are told apart by the stream's `from`. Their settings decide what is offered before TLS, whether a stream
//! may go on in clear text, and whether it needs a certificate ([`super::proof`]): it does where the closed form of
//! the settings leaves SASL over TLS as the only method.

use super::proof::Anchors;
use crate::explain::printable;
use crate::federation::{Method, Negotiation, Partner, Setting};
use crate::names::Domain;
use crate::wire::xmpp::TlsOffer;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A peer turned away: the stream error that it gets (RFC 6120 §4.9.3), with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The condition.
    pub condition: &'static str,
    /// For the peer and for the log; printable.
    pub text: String,
}

impl Refusal {
    /// With a text that is already fit to be shown.
    pub fn new(condition: &'static str, text: impl Into<String>) -> Self {
        Self {
            condition,
            text: text.into(),
        }
    }
}

/// A peer let in.
#[derive(Debug)]
pub struct Admission {
    /// The domain its certificate proves, if it does.
    pub verified: Option<Domain>,
    /// Its place among the partner's streams.
    pub place: Option<OwnedSemaphorePermit>,
}

/// What is offered before TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// In the stream features.
    pub tls: TlsOffer,
    /// Whether the stream may go on in clear text (dialback over TCP).
    pub clear: bool,
}

/// The partners' settings, made ready.
#[derive(Debug)]
pub struct Rules {
    partners: Vec<Known>,
    others: Option<Negotiation>,
    anchors: Anchors,
}

#[derive(Debug)]
struct Known {
    partner: Partner,
    places: Option<Arc<Semaphore>>,
    anchors: Option<Anchors>,
}

impl Rules {
    /// From the deployment's settings; anchors as DER.
    pub fn new(
        partners: &[Partner],
        others: Option<Negotiation>,
        anchors: &[Vec<u8>],
        partner_anchors: &BTreeMap<Domain, Vec<Vec<u8>>>,
    ) -> Self {
        Self {
            partners: partners
                .iter()
                .map(|partner| Known {
                    partner: partner.clone(),
                    places: partner
                        .connection_limit
                        .map(|limit| Arc::new(Semaphore::new(limit as usize))),
                    anchors: match partner_anchors.get(&partner.domain) {
                        Some(ders) => Some(Anchors::read(ders)),
                        None if partner.roots.is_empty() => None,
                        None => Some(Anchors::default()),
                    },
                })
                .collect(),
            others,
            anchors: Anchors::read(anchors),
        }
    }

    /// The gateway's own anchors.
    pub fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    fn known(&self, from: &Domain) -> Option<&Known> {
        self.partners
            .iter()
            .find(|known| known.partner.has_domain(from))
    }

    fn negotiation(&self, from: &Domain) -> Option<Negotiation> {
        self.known(from)
            .map(|known| known.partner.negotiation)
            .or(self.others)
    }

    /// What to offer a peer before TLS. Whoever says nothing, and whoever is unknown, is led into TLS first and
    /// judged there: so a stranger's probe can still see which certificate is served.
    pub fn offer(&self, from: Option<&Domain>) -> Offer {
        let required = Offer {
            tls: TlsOffer::Required,
            clear: false,
        };
        let Some(negotiation) = from.and_then(|from| self.negotiation(from)) else {
            return required;
        };
        let clear = negotiation.methods().contains(&Method::DialbackOverTcp);
        match negotiation.tls {
            Setting::Required => required,
            Setting::Optional if clear => Offer {
                tls: TlsOffer::Optional,
                clear,
            },
            // SASL over TLS is the only method left (rows 4 and 10), or none is.
            Setting::Optional => required,
            Setting::NotSupported => Offer {
                tls: TlsOffer::None,
                clear,
            },
        }
    }

    /// Lets a stream go on in clear text, or not.
    pub fn admit_clear(&self, from: Option<&Domain>) -> Result<Admission, Refusal> {
        let Some(from) = from else {
            return Err(Refusal::new(
                "policy-violation",
                "TLS is required here; start it, then say who you are",
            ));
        };
        let negotiation = self.negotiation(from).ok_or_else(|| stranger(from))?;
        if !negotiation.methods().contains(&Method::DialbackOverTcp) {
            return Err(Refusal::new(
                "policy-violation",
                match negotiation.tls {
                    Setting::Required => format!("TLS is required for {from}"),
                    Setting::Optional => format!("TLS and a certificate are required for {from}"),
                    Setting::NotSupported => no_method(from),
                },
            ));
        }
        Ok(Admission {
            verified: None,
            place: self.take_place(from)?,
        })
    }

    /// Lets a stream inside TLS go on, or not. `from` and `to` are the header's, `chain` is what the peer presented.
    pub fn admit_tls(
        &self,
        from: Option<&str>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Admission, Refusal> {
        let from = parse_from(from)?.ok_or_else(|| {
            Refusal::new(
                "improper-addressing",
                "a stream between servers needs a `from` (RFC 6120 §4.7.1)",
            )
        })?;
        let negotiation = self.negotiation(&from).ok_or_else(|| stranger(&from))?;
        if negotiation.methods().is_empty() {
            return Err(Refusal::new("policy-violation", no_method(&from)));
        }
        let anchors = self
            .known(&from)
            .and_then(|known| known.anchors.as_ref())
            .unwrap_or(&self.anchors);
        let proof = anchors.prove(chain, &from, now);
        let verified = match proof {
            Ok(()) => Some(from.clone()),
            Err(why) if negotiation.needs_peer_certificate() => {
                return Err(Refusal::new(
                    "not-authorized",
                    format!("{from} must prove itself with a certificate: {why}"),
                ));
            }
            Err(_) => None,
        };
        Ok(Admission {
            verified,
            place: self.take_place(&from)?,
        })
    }

    fn take_place(&self, from: &Domain) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        match self.known(from).and_then(|known| known.places.as_ref()) {
            None => Ok(None),
            Some(places) => match Arc::clone(places).try_acquire_owned() {
                Ok(place) => Ok(Some(place)),
                Err(_) => Err(Refusal::new(
                    "resource-constraint",
                    format!("all streams allowed for {from} are in use"),
                )),
            },
        }
    }
}

/// The domain in a `from`, checked; none: there was no `from`.
pub fn parse_from(from: Option<&str>) -> Result<Option<Domain>, Refusal> {
    from.map(Domain::parse).transpose().map_err(|_| {
        Refusal::new(
            "invalid-from",
            format!(
                "`from` is no domain: {}",
                printable(from.unwrap_or_default())
            ),
        )
    })
}

fn stranger(from: &Domain) -> Refusal {
    Refusal::new(
        "policy-violation",
        format!("{from} is not among the partners of this server"),
    )
}

fn no_method(from: &Domain) -> String {
    format!("the settings for {from} leave no way to authenticate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::federation::PartnerType;

    fn partner(domain: &str, tls: Setting, sasl: Setting, dialback: bool) -> Partner {
        Partner {
            domain: Domain::parse(domain).unwrap(),
            description: None,
            additional_domains: Vec::new(),
            partner_type: PartnerType::Federated,
            negotiation: Negotiation {
                tls,
                sasl,
                dialback,
            },
            connection_limit: None,
            keep_alive: true,
            server: None,
            roots: Vec::new(),
        }
    }

    #[test]
    fn offer_follows_the_rows_of_the_matrix() {
        use Setting::{NotSupported, Optional, Required};
        let cases = [
            (Required, Required, false, TlsOffer::Required, false),
            (Required, Optional, true, TlsOffer::Required, false),
            (Optional, Required, false, TlsOffer::Required, false), // row 4
            (Optional, Optional, false, TlsOffer::Required, false), // row 10
            (Optional, Optional, true, TlsOffer::Optional, true),
            (NotSupported, NotSupported, true, TlsOffer::None, true),
            (NotSupported, NotSupported, false, TlsOffer::None, false),
        ];
        for (tls, sasl, dialback, offered, clear) in cases {
            let rules = Rules::new(
                &[partner("partner.example", tls, sasl, dialback)],
                None,
                &[],
                &BTreeMap::new(),
            );
            let from = Domain::parse("partner.example").unwrap();
            let offer = rules.offer(Some(&from));
            assert_eq!(
                (offer.tls, offer.clear),
                (offered, clear),
                "{tls:?} {sasl:?} {dialback}"
            );
            assert_eq!(rules.admit_clear(Some(&from)).is_ok(), clear);
        }
    }

    #[test]
    fn strangers_are_led_into_tls_and_refused_there() {
        let rules = Rules::new(&[], None, &[], &BTreeMap::new());
        let from = Domain::parse("stranger.example").unwrap();
        assert_eq!(rules.offer(Some(&from)).tls, TlsOffer::Required);
        assert_eq!(rules.offer(None).tls, TlsOffer::Required);
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_800_000_000));
        let refusal = rules
            .admit_tls(Some("stranger.example"), &[], now)
            .unwrap_err();
        assert_eq!(refusal.condition, "policy-violation");
        assert!(refusal.text.contains("not among the partners"));
        let refusal = rules.admit_tls(None, &[], now).unwrap_err();
        assert_eq!(refusal.condition, "improper-addressing");
        let refusal = rules.admit_tls(Some("a\x1bb"), &[], now).unwrap_err();
        assert_eq!(refusal.condition, "invalid-from");
        assert!(!refusal.text.contains('\x1b'));
    }

    #[test]
    fn partner_with_unread_roots_is_believed_by_no_anchor() {
        let mut listed = partner(
            "partner.example",
            Setting::Required,
            Setting::Required,
            false,
        );
        listed.roots = vec!["roots.pem".into()];
        let rules = Rules::new(&[listed], None, &[], &BTreeMap::new());
        assert!(rules.partners[0].anchors.as_ref().unwrap().is_empty());
    }
}
