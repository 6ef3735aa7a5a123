//! What an assignment would change, as data: shown by `--dry-run`, carried out by [`super::apply`].

use super::destination::{FolderLocks, digest_of};
use super::error::AssignError;
use super::listeners::proofs;
use super::sockets::{Socket, holders, sockets};
use super::targets::{EndSessions, Offer, Run, Stop, Target, WriteConfig, target};
use crate::deployment::{Deployment, Outbound};
use crate::findings::Finding;
use crate::names::{Domain, Protocol, Slug};
use crate::probe::KeyKind;
use crate::servers::Change;
use crate::store::atomic::read_limited;
use crate::store::{AssignmentRecord, MAX_PEM_BYTES, Rights, credentials};
use crate::x509::{Chain, Fingerprint};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// One handshake that must show the new leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What the listener speaks.
    pub protocol: Protocol,
    /// Where to knock: on this machine.
    pub address: SocketAddr,
    /// SNI and stream `to`; `None`: neither is sent.
    pub name: Option<Domain>,
    /// The signature types to offer: those of the new key.
    pub key_kind: KeyKind,
    /// What the server shows where it calls others is wanted: it is made to call us, as this partner.
    pub outbound: Option<Outbound>,
}

impl Proof {
    /// Whether both knock at the same listener.
    pub fn same_listener(&self, other: &Proof) -> bool {
        (self.protocol, self.address, &self.outbound)
            == (other.protocol, other.address, &other.outbound)
    }
}

/// `xmpp-server 127.0.0.1:5269 contoso.com`, `xmpp-server 127.0.0.1:5269 calls prove.contoso.com as contoso.com`.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.protocol.word(), self.address)?;
        if let Some(outbound) = &self.outbound {
            write!(f, " calls {} as", outbound.domain)?;
        }
        self.name
            .as_ref()
            .map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

/// What happens on one gateway.
#[derive(Debug)]
pub struct GatewayPlan {
    /// The gateway.
    pub gateway: Slug,
    /// Its kind's word.
    pub kind: &'static str,
    /// What is done there, in words, in order.
    pub actions: Vec<String>,
    /// Where it is proved.
    pub proofs: Vec<Proof>,
    /// What was found when the listeners were looked for.
    pub(super) findings: Vec<Finding>,
    pub(super) target: Box<dyn Target>,
}

impl GatewayPlan {
    /// What its server's configuration needs for the names on offer.
    pub fn changes(&self) -> &[Change] {
        self.target.changes()
    }

    /// What ends the connections that keep the certificate of before, in order.
    pub fn end_sessions(&self) -> Vec<EndSessions> {
        self.target.end_sessions()
    }

    /// What a commit has done there, in words.
    pub fn committed(&self) -> &'static str {
        self.target.committed()
    }

    /// SHA-256 in hex of what lies in the files that it would write, by path; those that cannot be read are left out.
    pub fn lying(&self) -> BTreeMap<PathBuf, String> {
        let files = self.target.destinations().into_iter();
        files
            .filter_map(|path| {
                let bytes = Zeroizing::new(read_limited(path, MAX_PEM_BYTES).ok()?);
                Some((path.to_owned(), digest_of(&bytes)))
            })
            .collect()
    }

    /// The addresses at which it is proved, each once.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for proof in &self.proofs {
            if !addresses.contains(&proof.address) {
                addresses.push(proof.address);
            }
        }
        addresses
    }
}

/// What happens altogether.
#[derive(Debug)]
pub struct AssignPlan {
    /// The lineage.
    pub certificate: Slug,
    /// The generation that is live now.
    pub from: Option<u32>,
    /// The generation that will be.
    pub to: u32,
    /// The new leaf.
    pub leaf: Fingerprint,
    /// The names in it, as reload commands get them.
    pub domains: Vec<String>,
    /// `live/<cert>` of the state.
    pub live: PathBuf,
    /// Whether the servers' configuration may be changed along.
    pub write_config: bool,
    /// The gateways, in the deployment's order.
    pub gateways: Vec<GatewayPlan>,
    /// Those that serve the certificate as well and are left as they are.
    pub others: Vec<Slug>,
}

impl AssignPlan {
    /// Whether every gateway can be assigned to now, and what is to be known before; nothing is touched.
    ///
    /// A finding of level error bars the assignment unless it is accepted.
    pub fn pre_check(&self, stop: Stop<'_>) -> Result<Vec<Finding>, AssignError> {
        let all = sockets();
        let mut findings = Vec::new();
        for gateway in &self.gateways {
            // A server that cannot be proved afterwards is not touched; the embedded gateway tells more by itself.
            if gateway.kind != "embedded" {
                insist_on_running(gateway, &all)?;
                for address in gateway.addresses() {
                    for holder in holders(&all, address) {
                        if let Some((user, groups)) = credentials(holder.pid, Rights::Effective) {
                            gateway.target.is_readable_by(user, &groups)?;
                        }
                    }
                }
            }
            findings.extend(gateway.findings.iter().cloned());
            findings.extend(gateway.target.pre_check(stop)?);
        }
        Ok(findings)
    }

    /// Locks the folders of every file that will be written.
    pub fn lock(&self) -> Result<FolderLocks, AssignError> {
        FolderLocks::take(
            self.gateways
                .iter()
                .flat_map(|gateway| gateway.target.destinations()),
        )
    }

    /// Whether the files of every gateway are what this plan would write.
    pub fn is_in_place(&self, material: &super::targets::Material) -> bool {
        self.gateways
            .iter()
            .all(|gateway| gateway.target.is_in_place(material))
    }
}

/// Nothing that listens at any of its addresses is a server that does not run.
fn insist_on_running(gateway: &GatewayPlan, all: &[Socket]) -> Result<(), AssignError> {
    let addresses = gateway.addresses();
    let known = !all.is_empty() && !addresses.is_empty();
    if known
        && addresses
            .iter()
            .all(|address| !super::sockets::is_listened(all, *address))
    {
        return Err(AssignError::NotRunning {
            gateway: gateway.gateway.clone(),
            kind: gateway.kind,
            listeners: addresses.iter().map(ToString::to_string).collect(),
        });
    }
    Ok(())
}

/// What an assignment is asked to be.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The deployment.
    pub deployment: &'a Deployment,
    /// The lineage.
    pub certificate: &'a Slug,
    /// Only these gateways; empty: all that serve it.
    pub only: &'a [Slug],
    /// The generation that is live now.
    pub from: Option<u32>,
    /// The generation that will be.
    pub to: u32,
    /// Its leaf and intermediates.
    pub chain: &'a Chain,
    /// What was assigned before, and what each gateway was given then.
    pub record: &'a AssignmentRecord,
    /// `live/<cert>` of the state.
    pub live: PathBuf,
    /// Whether the servers' own configuration may be changed.
    pub config: WriteConfig,
    /// Whether a command that was killed began it.
    pub run: Run,
    /// The moment of the command.
    pub now: OffsetDateTime,
}

/// Plans an assignment: reads the configuration of every server, finds the files and the listeners. Nothing is touched.
///
/// Errors: a name in `only` is no gateway of this certificate; a server's configuration cannot be read; a file that
/// cannot be a destination.
pub fn plan_assignment(asked: Asked<'_>) -> Result<AssignPlan, AssignError> {
    let all = asked.deployment.gateways_of(asked.certificate);
    if let Some(unknown) = asked
        .only
        .iter()
        .find(|name| !all.iter().any(|gateway| gateway.name == **name))
    {
        return Err(AssignError::NoSuchGateway {
            certificate: asked.certificate.clone(),
            gateway: unknown.clone(),
            known: all.iter().map(|gateway| gateway.name.clone()).collect(),
        });
    }
    let listening = sockets();
    let (wanted, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|gateway| asked.only.is_empty() || asked.only.contains(&gateway.name));
    let gateways = wanted
        .into_iter()
        .map(|gateway| {
            let offer = Offer {
                certificate: asked.certificate.clone(),
                chain: asked.chain.clone(),
                written: written_before(asked.record, &gateway.name),
                config: asked.config,
                run: asked.run,
                now: asked.now,
            };
            let target = target(gateway, offer)?;
            let found = proofs(&asked, gateway, target.configured(), &listening);
            Ok(GatewayPlan {
                gateway: gateway.name.clone(),
                kind: gateway.kind.word(),
                actions: target.actions(),
                proofs: found.proofs,
                findings: found.findings,
                target,
            })
        })
        .collect::<Result<Vec<_>, AssignError>>()?;
    Ok(AssignPlan {
        certificate: asked.certificate.clone(),
        from: asked.from,
        to: asked.to,
        leaf: asked.chain.leaf.facts().sha256,
        domains: super::destination::domains_of(asked.chain),
        live: asked.live,
        write_config: asked.config == WriteConfig::Write,
        gateways,
        others: others.iter().map(|gateway| gateway.name.clone()).collect(),
    })
}

/// What was last written for a gateway.
fn written_before(record: &AssignmentRecord, gateway: &Slug) -> BTreeMap<PathBuf, String> {
    record
        .gateways
        .get(gateway.as_str())
        .map(|proved| proved.written.clone())
        .unwrap_or_default()
}
