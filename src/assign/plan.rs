//! What an assignment would change, as data: shown by `--dry-run`, carried out by [`super::apply`].

use super::error::AssignError;
use super::targets::{Stop, Target, is_driven, target};
use crate::deployment::Deployment;
use crate::names::{Domain, Protocol, Slug};
use crate::probe::KeyKind;
use crate::x509::{Chain, Fingerprint};
use std::fmt;
use std::net::SocketAddr;

/// One handshake that must show the new leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What the listener speaks.
    pub protocol: Protocol,
    /// Where to knock: on this machine.
    pub address: SocketAddr,
    /// SNI and stream `to`; none: neither is sent.
    pub name: Option<Domain>,
    /// The signature types to offer: those of the new key.
    pub key_kind: KeyKind,
}

impl Proof {
    /// Whether both knock at the same listener.
    pub fn same_listener(&self, other: &Proof) -> bool {
        (self.protocol, self.address) == (other.protocol, other.address)
    }
}

/// `xmpp-server 127.0.0.1:5269 contoso.com`.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.protocol.word(), self.address)?;
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
    pub(super) target: Box<dyn Target>,
}

/// A gateway of a kind that this version cannot drive: its server reads `live/` and is reloaded by its keeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The gateway.
    pub gateway: Slug,
    /// Its kind's word.
    pub kind: &'static str,
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
    /// The gateways, in the deployment's order.
    pub gateways: Vec<GatewayPlan>,
    /// Gateways that serve the certificate and are not driven.
    pub passed_over: Vec<PassedOver>,
}

impl AssignPlan {
    /// Whether every gateway can be assigned to now; nothing is touched.
    pub fn pre_check(&self, stop: Stop<'_>) -> Result<(), AssignError> {
        self.gateways
            .iter()
            .try_for_each(|gateway| gateway.target.pre_check(stop))
    }
}

/// Plans the assignment of a generation's chain to the gateways of its certificate, or to those named in `only`.
///
/// Gateways of kinds that cannot be assigned to are passed over, unless `only` names them.
///
/// Errors: a name in `only` is no gateway of this certificate, or of a kind that cannot be assigned to.
pub fn plan_assignment(
    deployment: &Deployment,
    certificate: &Slug,
    only: &[Slug],
    from: Option<u32>,
    to: u32,
    chain: &Chain,
) -> Result<AssignPlan, AssignError> {
    let all = deployment.gateways_of(certificate);
    if let Some(unknown) = only
        .iter()
        .find(|name| !all.iter().any(|gateway| gateway.name == **name))
    {
        return Err(AssignError::NoSuchGateway {
            certificate: certificate.clone(),
            gateway: unknown.clone(),
            known: all.iter().map(|gateway| gateway.name.clone()).collect(),
        });
    }
    let names = chain.leaf.facts().names.clone().unwrap_or_default();
    let key_kind = KeyKind::from(&chain.leaf.facts().public_key);
    let held = deployment.certificate(certificate);
    let (driven, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .filter(|gateway| only.is_empty() || only.contains(&gateway.name))
        .partition(|gateway| !only.is_empty() || is_driven(&gateway.kind));
    let gateways = driven
        .into_iter()
        .map(|gateway| {
            let target = target(gateway)?;
            Ok(GatewayPlan {
                gateway: gateway.name.clone(),
                kind: gateway.kind.word(),
                actions: target.actions(),
                proofs: held
                    .map(|held| deployment.handshakes(held, &names, &gateway.listeners()))
                    .unwrap_or_default()
                    .into_iter()
                    .map(|handshake| Proof {
                        protocol: handshake.protocol,
                        address: handshake.address,
                        name: handshake.name,
                        key_kind,
                    })
                    .collect(),
                target,
            })
        })
        .collect::<Result<Vec<_>, AssignError>>()?;
    Ok(AssignPlan {
        certificate: certificate.clone(),
        from,
        to,
        leaf: chain.leaf.facts().sha256,
        gateways,
        passed_over: others
            .into_iter()
            .map(|gateway| PassedOver {
                gateway: gateway.name.clone(),
                kind: gateway.kind.word(),
            })
            .collect(),
    })
}
