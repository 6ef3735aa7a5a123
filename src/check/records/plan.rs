//! From a deployment to the records it needs. Sources: DOMAIN rules of a mixed edge, RFC 6120 §3.2.1, XEP-0368,
//! RFC 3263 §4.1, RFC 7673 §4.2, RFC 8659 §3.

use super::{Issuance, Need, PlannedRecord, RecordData, RecordPlan};
use crate::deployment::Deployment;
use crate::names::plan::plan_names;
use crate::names::{Domain, Identifier, NameForm, Protocol, Slug, Use};
use crate::x509::Fingerprint;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Whether a key is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinnedKey {
    /// It is served now.
    Current,
    /// It is to be served next: published before, so that no peer meets a key it cannot know.
    Next,
}

impl PinnedKey {
    /// `current`, `next`.
    pub fn word(self) -> &'static str {
        match self {
            PinnedKey::Current => "current",
            PinnedKey::Next => "next",
        }
    }
}

/// A key of a certificate, as the state has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPin {
    /// The certificate.
    pub certificate: Slug,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki_sha256: Fingerprint,
    /// Whether it is served.
    pub key: PinnedKey,
}

/// What the deployment file does not say.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Keys, current ones first.
    pub pins: Vec<KeyPin>,
    /// For each certificate the domains by which CAA knows its issuer.
    pub issuers: BTreeMap<Slug, Vec<String>>,
    /// Addresses of the edge; none: they are the owner's to fill in.
    pub addresses: Vec<IpAddr>,
}

/// Which duty a record serves: whose keys TLSA names at its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    S2s,
    C2s,
    Sip,
    /// Sign-in of clients that know no TLSA.
    SignIn,
}

impl Duty {
    fn is_of(self, uses: &BTreeSet<Use>) -> bool {
        match self {
            Duty::S2s => uses.contains(&Use::XmppS2s),
            Duty::C2s => uses.contains(&Use::XmppC2s),
            Duty::Sip => uses.contains(&Use::SipEdge),
            Duty::SignIn => false,
        }
    }
}

/// A service: its SRV label, where it listens, and how much it is needed.
struct Service {
    label: &'static str,
    duty: Duty,
    ports: Vec<u16>,
    need: Need,
    because: &'static str,
    without: &'static str,
}

/// Plans the records: SRV domain by domain, then the addresses of their targets, TLSA, CAA.
///
/// A record stands once. Direct TLS is planned only where a listener of it is known; ports that are not the standard
/// ones are taken from the listeners. SIP records of a domain that the FQDN does not lie under lead to `sip.<domain>`.
pub fn plan(deployment: &Deployment, given: &Given) -> RecordPlan {
    let mut draft = Draft {
        deployment,
        records: Vec::new(),
        endpoints: Vec::new(),
    };
    draft.services();
    draft.addresses(&given.addresses);
    draft.pins(&given.pins);
    let issuances = issuances(deployment, given);
    draft.caa(&issuances);
    RecordPlan {
        fqdn: deployment.edge.fqdn.clone(),
        records: draft.records,
        issuances,
    }
}

struct Draft<'a> {
    deployment: &'a Deployment,
    records: Vec<PlannedRecord>,
    /// Targets in order, with ports and the domain and duty they serve.
    endpoints: Vec<(Domain, u16, Domain, Duty)>,
}

impl Draft<'_> {
    fn want(&mut self, record: PlannedRecord) {
        let is_there = self.records.iter().any(|one| {
            one.owner == record.owner && one.data_text() == record.data_text() && {
                one.type_word() == record.type_word()
            }
        });
        if !is_there {
            self.records.push(record);
        }
    }

    /// The domains of a duty: those of every certificate that has it, components only where servers talk.
    fn domains(&self, duty: Duty) -> Vec<Domain> {
        let mut domains = Vec::new();
        for certificate in &self.deployment.certificates {
            if !duty.is_of(&certificate.uses) {
                continue;
            }
            let input = self
                .deployment
                .plan_input(certificate, BTreeSet::new(), None);
            let (first, second) = match duty {
                Duty::S2s => (input.xmpp_domains, input.components),
                Duty::C2s => (input.xmpp_domains, Vec::new()),
                Duty::Sip | Duty::SignIn => (input.sip_domains, Vec::new()),
            };
            for domain in first.into_iter().chain(second) {
                if !domains.contains(&domain) {
                    domains.push(domain);
                }
            }
        }
        domains
    }

    fn services(&mut self) {
        let s2s = self.xmpp_server();
        for domain in self.domains(Duty::S2s) {
            self.xmpp_records(&domain, &s2s);
        }
        let c2s = self.xmpp_client();
        for domain in self.domains(Duty::C2s) {
            self.xmpp_records(&domain, &c2s);
        }
        let sip = self.sip();
        for domain in self.domains(Duty::Sip) {
            let target = self.sip_target(&domain);
            for service in &sip {
                self.service_records(&domain, &target, service, service.need);
            }
        }
    }

    fn xmpp_records(&mut self, domain: &Domain, services: &[Service]) {
        let fqdn = self.deployment.edge.fqdn.clone();
        for service in services {
            // RFC 6120 §3.2.2: without SRV records, the domain's own address and the standard port.
            let falls_back = *domain == fqdn && matches!(service.ports.as_slice(), [5269 | 5222]);
            let need = match falls_back {
                true => service.need.min(Need::Wise),
                false => service.need,
            };
            self.service_records(domain, &fqdn, service, need);
        }
    }

    fn service_records(&mut self, domain: &Domain, target: &Domain, service: &Service, need: Need) {
        for port in &service.ports {
            self.want(PlannedRecord {
                owner: format!("{}.{domain}", service.label),
                data: RecordData::Srv {
                    port: *port,
                    target: target.clone(),
                },
                need,
                because: service.because.replace("{}", domain.as_str()),
                without: service.without.into(),
            });
            let endpoint = (target.clone(), *port, domain.clone(), service.duty);
            if !self.endpoints.contains(&endpoint) {
                self.endpoints.push(endpoint);
            }
        }
    }

    fn xmpp_server(&self) -> Vec<Service> {
        let mut services = vec![Service {
            label: "_xmpp-server._tcp",
            duty: Duty::S2s,
            ports: self.ports(Protocol::XmppServer, Some(5269)),
            need: Need::Required,
            because: "XMPP servers of partners look here for {}",
            without: "partners do not find the edge: no message, no presence",
        }];
        services.extend(Some(Service {
            label: "_xmpps-server._tcp",
            duty: Duty::S2s,
            ports: self.ports(Protocol::XmppsServer, None),
            need: Need::Optional,
            because: "servers that speak direct TLS look here for {} (XEP-0368)",
            without: "they use STARTTLS",
        }));
        services
    }

    fn xmpp_client(&self) -> Vec<Service> {
        vec![
            Service {
                label: "_xmpp-client._tcp",
                duty: Duty::C2s,
                ports: self.ports(Protocol::Xmpp, Some(5222)),
                need: Need::Required,
                because: "XMPP clients of {} look here",
                without: "clients do not find the server by its domain",
            },
            Service {
                label: "_xmpps-client._tcp",
                duty: Duty::C2s,
                ports: self.ports(Protocol::XmppsClient, None),
                need: Need::Optional,
                because: "clients of {} that speak direct TLS look here (XEP-0368)",
                without: "they use STARTTLS",
            },
        ]
    }

    fn sip(&self) -> Vec<Service> {
        let ports = self.ports(Protocol::Sips, Some(5061));
        let federation: Vec<u16> = match ports.iter().filter(|port| **port != 443).count() {
            0 => vec![5061],
            _ => ports.into_iter().filter(|port| *port != 443).collect(),
        };
        let signs_in = self.listeners().any(|(protocol, port)| {
            port == 443 && matches!(protocol, Protocol::Sips | Protocol::Tls)
        });
        vec![
            Service {
                label: "_sipfederationtls._tcp",
                duty: Duty::Sip,
                ports: federation.clone(),
                need: Need::Required,
                because: "Lync and Skype for Business partners look here for {}",
                without: "partners that find the edge by DNS cannot federate",
            },
            Service {
                label: "_sips._tcp",
                duty: Duty::Sip,
                ports: federation,
                need: Need::Wise,
                because: "other SIP servers look here for {} over TLS (RFC 3263)",
                without: "they try the domain's own address at 5061",
            },
            Service {
                label: "_sip._tls",
                duty: Duty::SignIn,
                ports: vec![443],
                need: match signs_in {
                    true => Need::Wise,
                    false => Need::Optional,
                },
                because: "Lync clients of {} sign in here from outside",
                without: "clients outside have to be told the server's name",
            },
        ]
    }

    /// The FQDN where it lies under the SIP domain, else `sip.<domain>`: strict clients refuse a target elsewhere.
    fn sip_target(&self, domain: &Domain) -> Domain {
        let fqdn = &self.deployment.edge.fqdn;
        match domain.child("sip") {
            Ok(host) if !fqdn.is_within(domain) => host,
            Ok(_) | Err(_) => fqdn.clone(),
        }
    }

    fn listeners(&self) -> impl Iterator<Item = (Protocol, u16)> {
        self.deployment
            .gateways
            .iter()
            .flat_map(|gateway| gateway.listeners())
            .map(|listener| (listener.protocol, listener.address.port()))
    }

    /// The ports of a protocol: the standard one where it is listened on, else those that are; `standard` where none is
    /// known.
    fn ports(&self, protocol: Protocol, standard: Option<u16>) -> Vec<u16> {
        let known: BTreeSet<u16> = self
            .listeners()
            .filter(|(one, _)| *one == protocol)
            .map(|(_, port)| port)
            .collect();
        let usual = known
            .iter()
            .find(|port| Protocol::from_port(**port) == protocol && protocol != Protocol::Tls);
        match (usual, known.is_empty()) {
            (Some(port), _) => vec![*port],
            (None, true) => standard.into_iter().collect(),
            (None, false) => known.into_iter().collect(),
        }
    }

    fn addresses(&mut self, given: &[IpAddr]) {
        let mut targets: Vec<Domain> = Vec::new();
        for (target, ..) in &self.endpoints {
            if !targets.contains(target) {
                targets.push(target.clone());
            }
        }
        let values: Vec<Option<IpAddr>> = match given {
            [] => vec![None],
            given => given.iter().copied().map(Some).collect(),
        };
        for target in targets {
            for value in &values {
                self.want(PlannedRecord {
                    owner: target.to_string(),
                    data: RecordData::Address(*value),
                    need: Need::Required,
                    because: "the SRV records lead to this host; an SRV target must be no alias (RFC 2782)".into(),
                    without: "nobody reaches the services behind those records".into(),
                });
            }
        }
    }

    fn pins(&mut self, pins: &[KeyPin]) {
        for (target, port, domain, duty) in self.endpoints.clone() {
            for pin in pins {
                let serves =
                    self.deployment
                        .certificate(&pin.certificate)
                        .is_some_and(|certificate| {
                            duty.is_of(&certificate.uses) && self.is_for(&pin.certificate, &domain)
                        });
                if !serves {
                    continue;
                }
                let (because, without) = match pin.key {
                    PinnedKey::Current => (
                        format!("DANE: the key that {} serves now", pin.certificate),
                        "peers trust the CA alone; where others are published, DANE peers refuse this key",
                    ),
                    PinnedKey::Next => (
                        format!(
                            "DANE: the key that {} serves next; publish it before",
                            pin.certificate
                        ),
                        "where DANE is used, peers refuse the next key until the record is seen",
                    ),
                };
                self.want(PlannedRecord {
                    owner: format!("_{port}._tcp.{target}"),
                    data: RecordData::Tlsa {
                        spki_sha256: pin.spki_sha256,
                        certificate: pin.certificate.clone(),
                        key: pin.key,
                    },
                    need: Need::Optional,
                    because,
                    without: without.into(),
                });
            }
        }
    }

    /// Whether a certificate is narrowed down to other domains.
    fn is_for(&self, name: &Slug, domain: &Domain) -> bool {
        self.deployment
            .certificate(name)
            .is_some_and(|certificate| {
                let input = self
                    .deployment
                    .plan_input(certificate, BTreeSet::new(), None);
                input.sip_domains.contains(domain)
                    || input.xmpp_domains.contains(domain)
                    || input.components.contains(domain)
            })
    }

    /// One set at each domain that lies under no other: it holds for all below (RFC 8659 §3).
    fn caa(&mut self, issuances: &[Issuance]) {
        let plain = |name: &str| Domain::parse(name.strip_prefix("*.").unwrap_or(name)).ok();
        let mut wanted: Vec<(Domain, &Issuance)> = issuances
            .iter()
            .filter(|one| !one.issuers.is_empty())
            .flat_map(|one| one.names.iter().map(move |name| (name, one)))
            .filter_map(|(name, one)| Some((plain(name)?, one)))
            .collect();
        let names: Vec<Domain> = wanted.iter().map(|(name, _)| name.clone()).collect();
        for (name, _) in &mut wanted {
            // The one that is highest above.
            if let Some(top) = names
                .iter()
                .filter(|above| name.is_within(above))
                .min_by_key(|above| above.as_str().len())
            {
                *name = top.clone();
            }
        }
        for (name, issuance) in wanted {
            for issuer in &issuance.issuers {
                self.want(PlannedRecord {
                    owner: name.to_string(),
                    data: RecordData::Caa {
                        issuer: issuer.clone(),
                    },
                    need: Need::Optional,
                    because: format!("{issuer} signs for {}", issuance.certificate),
                    without: "any public CA may issue for the domain; where others are named, this one refuses".into(),
                });
            }
        }
    }
}

fn issuances(deployment: &Deployment, given: &Given) -> Vec<Issuance> {
    deployment
        .certificates
        .iter()
        .map(|certificate| {
            let forms = BTreeSet::from([NameForm::Dns]);
            let input = deployment.plan_input(certificate, forms, None);
            // A plan that cannot be made is told by `plan` and `request`.
            let names = plan_names(&input).map_or_else(|_| Vec::new(), |plan| plan.names);
            Issuance {
                certificate: certificate.name.clone(),
                names: names
                    .iter()
                    .filter(|one| matches!(one.name, Identifier::Dns(_)))
                    .map(|one| one.name.to_string())
                    .collect(),
                issuers: given
                    .issuers
                    .get(&certificate.name)
                    .cloned()
                    .unwrap_or_default(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
