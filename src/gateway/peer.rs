//! What a federating peer must prove, by its settings as a partner, on what a TLS front can see.
//!
//! Partners are told apart by the stream's `from`. Their settings decide what is offered before TLS, whether a stream
//! may go on in clear text, and whether it needs a certificate ([`super::proof`]): it does where the closed form of
//! the settings leaves SASL over TLS as the only method.

use super::count::{Count, OpenStream, Way};
use super::proof::Anchors;
use crate::explain::printable;
use crate::federation::{Method, Negotiation, Partner, Setting};
use crate::names::Domain;
use crate::wire::xmpp::TlsOffer;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A peer turned away: the stream error that it gets (RFC 6120 §4.9.3), with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The condition.
    pub condition: &'static str,
    /// For the peer; printable.
    pub text: String,
    /// For a line of the log that has the peer's domain already; printable.
    pub beside_domain: String,
}

impl Refusal {
    /// With a text that is already fit to be shown.
    pub fn new(condition: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            condition,
            beside_domain: text.clone(),
            text,
        }
    }

    /// With a text that names the peer's domain: it stands once in a line of the log.
    pub fn of(
        condition: &'static str,
        from: impl fmt::Display,
        text: impl Fn(&str) -> String,
    ) -> Self {
        Self {
            condition,
            text: text(&from.to_string()),
            beside_domain: text("it"),
        }
    }
}

/// A peer let in.
#[derive(Debug)]
pub struct Admission {
    /// The domain that it speaks for.
    pub from: Domain,
    /// The domain its certificate proves, if it does.
    pub verified: Option<Domain>,
    /// How it came in.
    pub way: Way,
    /// Whether a silent stream is kept.
    pub keep_alive: KeepAlive,
    places: Places,
    count: Arc<Count>,
}

impl Admission {
    /// Counts the stream until the guard is dropped, and holds its place.
    pub fn open(self) -> (OpenStream, Places) {
        (self.count.open(self.way), self.places)
    }
}

/// A stream's place among those of its partner, until it is dropped.
#[derive(Debug, Default)]
pub struct Places {
    _of_all: Option<OwnedSemaphorePermit>,
    _of_unproved: Option<OwnedSemaphorePermit>,
}

/// What becomes of a stream on which nothing is said (`keep-alive` of the partner).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepAlive {
    /// The peer's host is asked whether it is still there, and the stream stays.
    Probed,
    /// Nothing is sent for its sake, and it is ended after a while.
    Ended,
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
    /// Every domain of a partner, and the partner's place.
    by_domain: BTreeMap<Domain, usize>,
    others: Option<Negotiation>,
    anchors: Anchors,
    /// Of whoever is no partner.
    count: Arc<Count>,
}

#[derive(Debug)]
struct Known {
    partner: Partner,
    count: Arc<Count>,
    places: Option<Arc<Semaphore>>,
    /// Those of them that a stream without proof may take: anybody can say a partner's `from`, and must not keep the
    /// partner out by that. `None`: all of them, as nothing proves this partner, or as there is no limit.
    unproved: Option<Arc<Semaphore>>,
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
        // Two partners never have one domain: the deployment sees to it.
        let by_domain = partners
            .iter()
            .enumerate()
            .flat_map(|(at, partner)| {
                let domains = std::iter::once(&partner.domain).chain(&partner.additional_domains);
                domains.map(move |domain| (domain.clone(), at))
            })
            .collect();
        Self {
            by_domain,
            partners: partners
                .iter()
                .map(|partner| Known {
                    partner: partner.clone(),
                    count: Arc::default(),
                    places: partner
                        .connection_limit
                        .map(|limit| Arc::new(Semaphore::new(limit as usize))),
                    unproved: partner
                        .connection_limit
                        .filter(|_| partner.negotiation.methods().contains(&Method::SaslOverTls))
                        .map(|limit| Arc::new(Semaphore::new((limit / 2).max(1) as usize))),
                    anchors: match partner_anchors.get(&partner.domain) {
                        Some(ders) => Some(Anchors::read(ders)),
                        None if partner.roots.is_empty() => None,
                        None => Some(Anchors::default()),
                    },
                })
                .collect(),
            others,
            anchors: Anchors::read(anchors),
            count: Arc::default(),
        }
    }

    /// Each partner with its counts, in the order of the deployment.
    pub fn counts(&self) -> impl Iterator<Item = (&Partner, &Count)> {
        let known = self.partners.iter();
        known.map(|known| (&known.partner, known.count.as_ref()))
    }

    /// The counts of whoever is no partner, or said no domain.
    pub fn count_of_others(&self) -> &Count {
        &self.count
    }

    /// The counts that a domain belongs to, as it was said.
    pub fn count(&self, from: Option<&str>) -> &Arc<Count> {
        let domain = parse_from(from).ok().flatten();
        let known = domain.and_then(|domain| self.known(&domain));
        known.map_or(&self.count, |known| &known.count)
    }

    /// The gateway's own anchors.
    pub fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    fn known(&self, from: &Domain) -> Option<&Known> {
        self.partners.get(*self.by_domain.get(from)?)
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
        if negotiation.needs_peer_certificate() {
            return Err(Refusal::of("not-authorized", from, |it| {
                format!(
                    "{it} must prove itself with a certificate: start TLS, and present your server's"
                )
            }));
        }
        if !negotiation.methods().contains(&Method::DialbackOverTcp) {
            return Err(if negotiation.methods().is_empty() {
                no_method(from)
            } else {
                Refusal::of("policy-violation", from, |it| {
                    format!("TLS is required for {it}")
                })
            });
        }
        self.admit(from.clone(), None, Way::InClear)
    }

    /// Lets a stream inside TLS go on, or not. `from` is the header's, `chain` is what the peer presented.
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
            return Err(no_method(&from));
        }
        let anchors = self
            .known(&from)
            .and_then(|known| known.anchors.as_ref())
            .unwrap_or(&self.anchors);
        let proof = anchors.prove(chain, &from, now);
        let verified = match proof {
            Ok(()) => Some(from.clone()),
            Err(why) if negotiation.needs_peer_certificate() => {
                return Err(Refusal::of("not-authorized", &from, |it| {
                    let why = why.of(it);
                    format!("{it} must prove itself with a certificate: {why}")
                }));
            }
            Err(_) => None,
        };
        let way = match verified {
            Some(_) => Way::Proved,
            None => Way::InTls,
        };
        self.admit(from, verified, way)
    }

    fn admit(
        &self,
        from: Domain,
        verified: Option<Domain>,
        way: Way,
    ) -> Result<Admission, Refusal> {
        let known = self.known(&from);
        Ok(Admission {
            verified,
            way,
            keep_alive: match known {
                Some(known) if !known.partner.keep_alive => KeepAlive::Ended,
                Some(_) | None => KeepAlive::Probed,
            },
            places: self.take_places(&from, way)?,
            count: Arc::clone(known.map_or(&self.count, |known| &known.count)),
            from,
        })
    }

    fn take_places(&self, from: &Domain, way: Way) -> Result<Places, Refusal> {
        let take = |places: Option<&Arc<Semaphore>>, whose: &str| {
            let taken = places.map(|places| Arc::clone(places).try_acquire_owned());
            taken.transpose().map_err(|_| {
                Refusal::of("resource-constraint", from, |it| {
                    format!("all streams allowed for {it}{whose} are in use")
                })
            })
        };
        let known = self.known(from);
        let unproved = match way {
            Way::Proved => None,
            Way::InTls | Way::InClear => known.and_then(|known| known.unproved.as_ref()),
        };
        Ok(Places {
            _of_unproved: take(unproved, " without a certificate that proves it")?,
            _of_all: take(known.and_then(|known| known.places.as_ref()), "")?,
        })
    }
}

/// A stream is from one domain: the `from` inside TLS is the one of before it, where one was said (RFC 6120 §4.7.1).
pub fn check_same_from(before: Option<&str>, inside: Option<&str>) -> Result<(), Refusal> {
    match (parse_from(before)?, parse_from(inside)?) {
        (Some(before), Some(inside)) if before != inside => {
            Err(Refusal::of("invalid-from", inside, |it| {
                format!(
                    "this stream was from {before} before TLS and is from {it} inside TLS; open one for each domain"
                )
            }))
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// The domain in a `from`, checked; `None`: there was no `from`.
pub fn parse_from(from: Option<&str>) -> Result<Option<Domain>, Refusal> {
    from.map(Domain::parse).transpose().map_err(|_| {
        let from = printable(from.unwrap_or_default());
        Refusal::of("invalid-from", from, |it| {
            format!("`from` is no domain: {it}")
        })
    })
}

fn stranger(from: &Domain) -> Refusal {
    Refusal::of("policy-violation", from, |it| {
        format!("{it} is not among the partners of this server")
    })
}

fn no_method(from: &Domain) -> Refusal {
    Refusal::of("policy-violation", from, |it| {
        format!("the settings for {it} leave no way to authenticate")
    })
}

#[cfg(test)]
mod tests;
