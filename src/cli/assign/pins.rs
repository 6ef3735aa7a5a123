//! What partners may have pinned of a certificate, at the names and ports where it is served: for the plan of an
//! assignment, and for `rekey`. The DNS is not asked: whether there are such records is not known here.

use crate::assign::AssignPlan;
use crate::deployment::{Certificate, Deployment};
use crate::findings::{Code, Finding};
use crate::names::{Domain, Protocol, Use};
use crate::store::Store;
use crate::x509::{self, Fingerprint, pins};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Where pins of a certificate stand.
#[derive(Debug, Clone)]
pub struct Places {
    host: Domain,
    ports: BTreeSet<u16>,
    posh: Vec<String>,
}

impl Places {
    /// Those of a certificate: the ports of its gateways; the standard ones of its uses where none is known.
    pub fn of(
        deployment: &Deployment,
        certificate: &Certificate,
        plan: Option<&AssignPlan>,
    ) -> Self {
        let served: BTreeSet<(Protocol, u16)> = plan
            .into_iter()
            .flat_map(|plan| &plan.gateways)
            .flat_map(|gateway| &gateway.proofs)
            .map(|proof| (proof.protocol, proof.address.port()))
            .collect();
        let mut ports: BTreeSet<u16> = served.iter().map(|(_, port)| *port).collect();
        if ports.is_empty() {
            ports.extend(certificate.uses.iter().flat_map(|one| match one {
                Use::XmppS2s => &[5269_u16][..],
                Use::XmppC2s => &[5222],
                Use::SipEdge => &[5061],
                Use::InternalEdge => &[],
            }));
        }
        let clients = certificate.uses.contains(&Use::XmppC2s)
            || served
                .iter()
                .any(|(one, _)| matches!(one, Protocol::Xmpp | Protocol::XmppsClient));
        let servers = certificate.uses.contains(&Use::XmppS2s)
            || served
                .iter()
                .any(|(one, _)| matches!(one, Protocol::XmppServer | Protocol::XmppsServer));
        let services = [(servers, "xmpp-server"), (clients, "xmpp-client")];
        let input = deployment.plan_input(certificate, BTreeSet::new(), None);
        let posh = input
            .xmpp_domains
            .iter()
            .flat_map(|domain| {
                let wanted = services.iter().filter(|(wanted, _)| *wanted);
                wanted.map(|(_, service)| pins::posh_url(domain, service))
            })
            .collect();
        Self {
            host: input.fqdn,
            ports,
            posh,
        }
    }

    /// The TLSA records of a key, one for each port: owner and data.
    pub fn tlsa(&self, spki_sha256: &Fingerprint) -> Vec<(String, String)> {
        self.ports
            .iter()
            .map(|port| (pins::tlsa_owner(*port, &self.host), pins::tlsa(spki_sha256)))
            .collect()
    }

    /// Where the POSH files of its XMPP domains lie.
    pub fn posh(&self) -> &[String] {
        &self.posh
    }

    /// `_5269._tcp and _5061._tcp of edge.contoso.com`.
    fn tlsa_words(&self) -> String {
        let ports: Vec<String> = self
            .ports
            .iter()
            .map(|one| format!("_{one}._tcp"))
            .collect();
        format!("{} of {}", ports.join(", "), self.host)
    }
}

/// The records of a swap, a line each: for a plan that is only shown.
pub(super) fn describe(
    deployment: &Deployment,
    certificate: &Certificate,
    plan: &AssignPlan,
    leaf: &x509::Certificate,
) -> String {
    let places = Places::of(deployment, certificate, Some(plan));
    let facts = leaf.facts();
    let mut text = String::new();
    for (owner, data) in places.tlsa(&facts.spki_sha256) {
        text.push_str(&format!("  {:<10} {owner} IN TLSA {data}\n", "TLSA"));
    }
    for url in places.posh() {
        text.push_str(&format!(
            "  {:<10} {url} {}\n",
            "POSH",
            pins::posh_file(&[facts.sha256])
        ));
    }
    text
}

/// Records in JSON.
pub fn tlsa_json(records: &[(String, String)]) -> Value {
    records
        .iter()
        .map(|(owner, data)| json!({ "owner": owner, "data": data }))
        .collect()
}

/// What is to be published before a swap: a note where the key that goes live is another than that of `before`.
pub(super) fn changes(
    deployment: &Deployment,
    store: &Store,
    certificate: &Certificate,
    plan: &AssignPlan,
    (before, leaf): (Option<u32>, &x509::Certificate),
) -> Option<Finding> {
    let name = &certificate.name;
    // What cannot be read here is told where it is needed.
    let old = store.generation(name, before?).ok()?;
    let (spki, sha256) = (leaf.facts().spki_sha256, leaf.facts().sha256);
    if old.leaf.spki_sha256 == spki.to_string() {
        return None;
    }
    let places = Places::of(deployment, certificate, Some(plan));
    let mut mend = format!(
        "with DANE, publish before: TLSA {} at {}",
        pins::tlsa(&spki),
        places.tlsa_words()
    );
    if let Some(first) = places.posh().first() {
        mend.push_str(&format!(
            "; with POSH, sha-256 {} in {first}{}",
            pins::posh_digest(&sha256),
            match places.posh().len() {
                1 => String::new(),
                more => format!(" and {} more", more - 1),
            }
        ));
    }
    if let Some(next) = store
        .next_key(name)
        .ok()
        .flatten()
        .and_then(|next| Fingerprint::parse(&next.spki_sha256))
    {
        mend.push_str(&format!("; the key made ahead has {}", pins::tlsa(&next)));
    }
    if !old.compromised {
        mend.push_str(&format!(
            "; or keep the key: `edgecert request {name} --reuse-key`, or on-renewal = \"reuse\" in [key]"
        ));
    }
    let short = |text: &str| crate::cli::request::short(text);
    Some(Finding::new(
        Code::LiveKeyChanges,
        format!("{name}/{}", plan.to),
        format!(
            "the key changes; where DANE is used, TLSA {} is to be published before",
            pins::tlsa(&spki)
        ),
        format!(
            "generation {} has the key {}, generation {} has {}",
            old.number,
            short(&old.leaf.spki_sha256),
            plan.to,
            spki.short()
        ),
        mend,
    ))
}
