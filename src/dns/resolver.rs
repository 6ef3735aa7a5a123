//! The questions: one client that validates, one that does not, and which of them counts.
//!
//! A resolver that gives no signatures makes every answer look forged to a client that validates. So it is asked once
//! for the keys of the trust anchor: where it has none with signatures, the plain client answers for it. Where it has
//! them, signatures that do not hold are what they seem.

use super::read::{
    address_of, caa_of, nothing, proof_of, proof_of_nothing, shown, srv_of, tlsa_of,
};
use super::setup::{IN_FLIGHT, at_address, options, read_anchors, system};
use super::{Answer, Caa, DnsError, MAX_RECORDS, Outcome, Proof, Srv, Tlsa, in_order};
use crate::explain::printable;
use crate::names::Domain;
use hickory_resolver::TokioResolver;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as Said, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};

/// Aliases followed before they are said to lead nowhere.
const MAX_ALIASES: usize = 8;

/// Somebody to ask.
#[derive(Debug, Clone)]
pub struct Resolver {
    validating: TokioResolver,
    plain: TokioResolver,
    asked: String,
    anchor: Name,
    timeout: Duration,
    signs: Arc<OnceCell<Signs>>,
    permits: Arc<Semaphore>,
}

/// Whether the resolver hands signatures on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signs {
    Yes,
    No,
}

/// What one question came to, before it is turned into records.
struct Raw {
    lookup: Option<Lookup>,
    outcome: Outcome,
    proof: Proof,
}

impl Resolver {
    /// The resolver at an address, else those of `/etc/resolv.conf`. Trust anchors are DNSKEY records of a file, else
    /// the root's, which are built in. The timeout is that of one question, tries and TCP included.
    ///
    /// Errors: [`DnsError::NoResolver`] without `/etc/resolv.conf`, [`DnsError::Anchors`]. Effects: reads these files.
    pub fn new(
        at: Option<SocketAddr>,
        timeout: Duration,
        anchors: Option<&Path>,
    ) -> Result<Self, DnsError> {
        let config = match at {
            Some(address) => at_address(address),
            None => system()?,
        };
        let asked = config
            .name_servers()
            .iter()
            .map(|server| {
                let port = server.connections.first().map_or(53, |one| one.port);
                SocketAddr::new(server.ip, port).to_string()
            })
            .collect::<Vec<_>>()
            .join(", ");
        let (anchor, anchors) = match anchors {
            Some(path) => {
                let (name, keys) = read_anchors(path)?;
                (name, Some(Arc::new(keys)))
            }
            None => (Name::root(), None),
        };
        let build = |validate: bool| {
            let options = options(timeout, validate);
            let mut builder =
                TokioResolver::builder_with_config(config.clone(), TokioRuntimeProvider::default())
                    .with_options(options);
            if let (true, Some(anchors)) = (validate, &anchors) {
                builder = builder.with_trust_anchor(Arc::clone(anchors));
            }
            builder.build().map_err(|error| DnsError::NoResolver {
                resolver: asked.clone(),
                why: error.to_string(),
            })
        };
        Ok(Self {
            validating: build(true)?,
            plain: build(false)?,
            asked,
            anchor,
            timeout,
            signs: Arc::new(OnceCell::new()),
            permits: Arc::new(Semaphore::new(IN_FLIGHT)),
        })
    }

    /// Who is asked: `127.0.0.1:53`, several with commas between.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// How long one question may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// SRV records, [`in_order`] (RFC 2782). The name is `_service._tcp.domain` in A-labels.
    pub async fn srv(&self, name: &str) -> Result<Answer<Srv>, DnsError> {
        let answer = self.ask(name, RecordType::SRV, srv_of).await?;
        Ok(Answer {
            records: in_order(answer.records),
            ..answer
        })
    }

    /// IPv4 addresses, then IPv6 addresses. An address is its own answer.
    ///
    /// Errors: [`DnsError::TooMany`] for aliases that lead to each other; the first failure where neither type could be
    /// asked for. With one of them the answer is what the other gave.
    pub async fn addresses(&self, host: &str) -> Result<Answer<IpAddr>, DnsError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Answer {
                asked: host.to_owned(),
                records: vec![address],
                left_out: 0,
                proof: Proof::Secure,
                outcome: Outcome::Found,
                alias: None,
            });
        }
        let (four, six) = tokio::join!(
            self.ask(host, RecordType::A, address_of),
            self.ask(host, RecordType::AAAA, address_of)
        );
        let (four, six) = match (four, six) {
            (Ok(four), Ok(six)) => (four, six),
            (Err(DnsError::TooMany { asked, aliases }), _)
            | (_, Err(DnsError::TooMany { asked, aliases })) => {
                return Err(DnsError::TooMany { asked, aliases });
            }
            // One type that fails (some servers have trouble with AAAA alone) does not hide the other.
            (Ok(one), Err(_)) | (Err(_), Ok(one)) if one.outcome == Outcome::Found => {
                return Ok(one);
            }
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        let proof = match (four.outcome, six.outcome) {
            (Outcome::Found, Outcome::NoRecords | Outcome::NoDomain) => four.proof,
            (Outcome::NoRecords | Outcome::NoDomain, Outcome::Found) => six.proof,
            (Outcome::Found, Outcome::Found)
            | (Outcome::NoRecords | Outcome::NoDomain, Outcome::NoRecords | Outcome::NoDomain) => {
                four.proof.and(six.proof)
            }
        };
        let outcome = match (four.outcome, six.outcome) {
            (Outcome::Found, _) | (_, Outcome::Found) => Outcome::Found,
            (Outcome::NoDomain, Outcome::NoDomain) => Outcome::NoDomain,
            (Outcome::NoRecords | Outcome::NoDomain, Outcome::NoRecords | Outcome::NoDomain) => {
                Outcome::NoRecords
            }
        };
        let mut records = four.records;
        records.extend(six.records);
        let beyond = records.len().saturating_sub(MAX_RECORDS);
        records.truncate(MAX_RECORDS);
        Ok(Answer {
            asked: four.asked,
            records,
            left_out: four.left_out + six.left_out + beyond,
            proof,
            outcome,
            alias: four.alias.or(six.alias),
        })
    }

    /// TLSA records (RFC 6698). The name is `_port._tcp.host`.
    pub async fn tlsa(&self, name: &str) -> Result<Answer<Tlsa>, DnsError> {
        self.ask(name, RecordType::TLSA, tlsa_of).await
    }

    /// The CAA records that govern a domain: its own, else those of the nearest domain above that has some
    /// (RFC 8659 §3). `asked` says where they stood, or is the domain itself where there are none.
    pub async fn caa(&self, domain: &Domain) -> Result<Answer<Caa>, DnsError> {
        let mut own: Option<Answer<Caa>> = None;
        let mut at = Some(domain.as_str());
        while let Some(name) = at {
            let answer = self.ask(name, RecordType::CAA, caa_of).await?;
            let so_far = own.as_ref().map_or(answer.proof, |own| own.proof);
            let proof = so_far.and(answer.proof);
            if answer.outcome == Outcome::Found {
                return Ok(Answer { proof, ..answer });
            }
            let first = own.unwrap_or(answer);
            own = Some(Answer { proof, ..first });
            at = name.split_once('.').map(|(_, above)| above);
        }
        own.ok_or_else(|| DnsError::Malformed {
            asked: domain.to_string(),
            why: "it has no label".to_owned(),
        })
    }

    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: fn(&RData) -> Option<T>,
    ) -> Result<Answer<T>, DnsError> {
        let asked = printable(name.strip_suffix('.').unwrap_or(name));
        let mut full = Name::from_ascii(name).map_err(|error| DnsError::Malformed {
            asked: asked.clone(),
            why: error.to_string(),
        })?;
        full.set_fqdn(true);
        // It is never closed.
        let _permit = self.permits.acquire().await;
        let answer = self.records(&full, &asked, kind, read).await?;
        if answer.outcome == Outcome::Found {
            return Ok(answer);
        }
        // Not every server follows an alias into another zone.
        let aliases = self.aliases(&full, &asked, answer.outcome).await?;
        let (Some(first), Some(last)) = (aliases.first(), aliases.last()) else {
            return Ok(answer);
        };
        let alias = answer.alias.unwrap_or_else(|| shown(first));
        let there = self.records(last, &shown(last), kind, read).await?;
        Ok(Answer {
            asked,
            proof: answer.proof.and(there.proof),
            alias: Some(alias),
            ..there
        })
    }

    /// One question, without following what it leads to.
    async fn records<T>(
        &self,
        full: &Name,
        asked: &str,
        kind: RecordType,
        read: fn(&RData) -> Option<T>,
    ) -> Result<Answer<T>, DnsError> {
        let raw = tokio::time::timeout(self.timeout, self.raw(full, kind))
            .await
            .unwrap_or(Err(NetError::Timeout))
            .map_err(|error| self.failed(asked, &error))?;
        let mut records = Vec::new();
        let mut left_out = 0;
        let mut alias = None;
        for record in raw.lookup.iter().flat_map(|lookup| lookup.answers()) {
            match (&record.data, read(&record.data)) {
                (RData::CNAME(target), _) if record.name == *full => {
                    alias = Some(shown(&target.0));
                }
                (_, Some(_)) if records.len() == MAX_RECORDS => left_out += 1,
                (_, Some(one)) => records.push(one),
                (_, None) => {}
            }
        }
        let outcome = match raw.outcome {
            Outcome::Found if records.is_empty() => Outcome::NoRecords,
            Outcome::Found | Outcome::NoRecords | Outcome::NoDomain => raw.outcome,
        };
        Ok(Answer {
            asked: asked.to_owned(),
            records,
            left_out,
            proof: raw.proof,
            outcome,
            alias,
        })
    }

    async fn raw(&self, name: &Name, kind: RecordType) -> Result<Raw, NetError> {
        let signs = match self.signs.get() {
            Some(signs) => *signs,
            None => {
                // Side by side, so that a dead resolver costs one time limit and not two.
                let (signs, plain) = tokio::join!(
                    self.signs
                        .get_or_init(|| self.hands_signatures_on_in_time()),
                    self.plain(name, kind)
                );
                match (signs, plain) {
                    (Signs::Yes, Ok(_)) => Signs::Yes,
                    (Signs::No, plain) | (Signs::Yes, plain @ Err(_)) => return plain,
                }
            }
        };
        if signs == Signs::No {
            return self.plain(name, kind).await;
        }
        match self.validating.lookup(name.clone(), kind).await {
            Ok(lookup) => {
                let proof = proof_of(&lookup, kind);
                Ok(Raw {
                    lookup: Some(lookup),
                    outcome: Outcome::Found,
                    proof,
                })
            }
            Err(NetError::Dns(Said::DnssecBogus)) => Ok(Raw {
                proof: Proof::Bogus,
                // A resolver that validates as well gives nothing at all.
                ..self
                    .plain(name, kind)
                    .await
                    .map_err(|_| NetError::Dns(Said::DnssecBogus))?
            }),
            Err(error) => match (nothing(&error), proof_of_nothing(&error)) {
                (Some(outcome), proof) => Ok(Raw {
                    lookup: None,
                    outcome,
                    proof,
                }),
                (None, _) => self.plain(name, kind).await,
            },
        }
    }

    async fn plain(&self, name: &Name, kind: RecordType) -> Result<Raw, NetError> {
        match self.plain.lookup(name.clone(), kind).await {
            Ok(lookup) => Ok(Raw {
                lookup: Some(lookup),
                outcome: Outcome::Found,
                proof: Proof::Indeterminate,
            }),
            Err(error) => match nothing(&error) {
                Some(outcome) => Ok(Raw {
                    lookup: None,
                    outcome,
                    proof: Proof::Indeterminate,
                }),
                None => Err(error),
            },
        }
    }

    /// A network that swallows large answers is one without signatures.
    async fn hands_signatures_on_in_time(&self) -> Signs {
        tokio::time::timeout(self.timeout / 2, self.hands_signatures_on())
            .await
            .unwrap_or(Signs::No)
    }

    /// Asks for the anchor's keys: with their signatures, or at least that there are signatures which do not hold.
    async fn hands_signatures_on(&self) -> Signs {
        let keys = self
            .validating
            .lookup(self.anchor.clone(), RecordType::DNSKEY)
            .await;
        match keys {
            // Keys that are anchors themselves are believed without a signature; whether it was handed on has to be seen.
            Ok(lookup)
                if proof_of(&lookup, RecordType::DNSKEY) == Proof::Secure
                    && lookup
                        .answers()
                        .iter()
                        .any(|record| record.record_type() == RecordType::RRSIG) =>
            {
                Signs::Yes
            }
            Err(NetError::Dns(Said::DnssecBogus)) => {
                let signatures = self
                    .plain
                    .lookup(self.anchor.clone(), RecordType::RRSIG)
                    .await;
                match signatures {
                    Ok(found) if !found.answers().is_empty() => Signs::Yes,
                    Ok(_) | Err(_) => Signs::No,
                }
            }
            Ok(_) | Err(_) => Signs::No,
        }
    }

    /// Where a name without records leads, step by step; nothing where it is no alias.
    async fn aliases(
        &self,
        name: &Name,
        asked: &str,
        outcome: Outcome,
    ) -> Result<Vec<Name>, DnsError> {
        let mut names = Vec::new();
        let mut aliases = vec![asked.to_owned()];
        let mut at = name.clone();
        while let Some(next) = self.alias_of(&at).await {
            let text = shown(&next);
            let looped = aliases.contains(&text);
            aliases.push(text);
            if looped || (aliases.len() > MAX_ALIASES && outcome == Outcome::NoRecords) {
                return Err(DnsError::TooMany {
                    asked: asked.to_owned(),
                    aliases,
                });
            }
            if aliases.len() > MAX_ALIASES {
                break;
            }
            names.push(next.clone());
            at = next;
        }
        Ok(names)
    }

    // The kinds are the library's and grow with it.
    #[allow(clippy::wildcard_enum_match_arm)]
    async fn alias_of(&self, name: &Name) -> Option<Name> {
        let asked = self.plain.lookup(name.clone(), RecordType::CNAME);
        let lookup = tokio::time::timeout(self.timeout, asked).await.ok()?.ok()?;
        lookup
            .answers()
            .iter()
            .find_map(|record| match &record.data {
                RData::CNAME(target) if record.name == *name => Some(target.0.clone()),
                _ => None,
            })
    }

    // The kinds are the library's and grow with it.
    #[allow(clippy::wildcard_enum_match_arm)]
    fn failed(&self, asked: &str, error: &NetError) -> DnsError {
        let (asked, resolver) = (asked.to_owned(), self.asked.clone());
        match error {
            NetError::Timeout => DnsError::Timeout {
                asked,
                resolver,
                limit: self.timeout,
            },
            NetError::Dns(Said::ResponseCode(ResponseCode::Refused)) => {
                DnsError::Refused { asked, resolver }
            }
            NetError::Dns(Said::ResponseCode(code)) => DnsError::ServFail {
                asked,
                resolver,
                code: code.to_string(),
            },
            NetError::Dns(Said::DnssecBogus | Said::Nsec { .. }) => {
                DnsError::Bogus { asked, resolver }
            }
            NetError::Io(_) | NetError::NoConnections | NetError::Busy => DnsError::NoResolver {
                why: format!("{resolver} cannot be reached: {error}"),
                resolver,
            },
            _ => DnsError::Malformed {
                asked,
                why: format!("{resolver} gave an answer that cannot be read: {error}"),
            },
        }
    }
}

#[cfg(test)]
mod tests;
