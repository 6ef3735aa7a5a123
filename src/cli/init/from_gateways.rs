//! `init --from-gateways`: the edge, as the servers of this machine tell it, with their tables.

use crate::assign::discover::edge::{Edge, edge_of};
use crate::assign::discover::{Candidate, Found};
use crate::cli::deployment_file::DeploymentFile;
use crate::cli::exit::FailureKind;
use crate::cli::gateway::discover::{Tables, everything};
use crate::cli::gateway::scope::Scope;
use crate::cli::output::Failure;
use crate::cli::request::wanted;
use crate::deployment::edit::{Draft, NewGateway};
use crate::deployment::init::{InitTemplate, annotated};
use crate::explain::listed;
use crate::names::Domain;
use std::path::Path;

/// A deployment that begins with what is there.
#[derive(Debug)]
pub(super) struct Begun {
    /// The file.
    pub text: String,
    /// Access Edge FQDN.
    pub fqdn: Domain,
    /// SIP domains.
    pub sip: Vec<Domain>,
    /// XMPP domains.
    pub xmpp: Vec<Domain>,
    /// Components.
    pub components: Vec<Domain>,
    /// The tables.
    pub gateways: Vec<NewGateway>,
}

/// What was given by flags; it counts more than what is found.
#[derive(Debug)]
pub(super) struct Given {
    /// `--fqdn`.
    pub fqdn: Option<Domain>,
    /// `--sip-domain`.
    pub sip: Vec<Domain>,
    /// `--xmpp-domain`.
    pub xmpp: Vec<Domain>,
}

/// Looks, and writes the text.
///
/// Errors: nothing that tells a domain, an FQDN that cannot be told. Effects: reads `/proc` and the servers' files.
pub(super) fn begin(
    scope: &Scope,
    given: Given,
    template: InitTemplate,
    path: &Path,
) -> Result<Begun, Failure> {
    let found = scope.look()?;
    let edge = edge_of(&found);
    let sip = or(given.sip, edge.sip_domains);
    let xmpp = or(given.xmpp, edge.xmpp_domains);
    let Edge {
        fqdn, components, ..
    } = edge;
    if sip.is_empty() && xmpp.is_empty() {
        return Err(nothing_told(&found));
    }
    let Some(fqdn) = given.fqdn.or(fqdn) else {
        let domains: Vec<&Domain> = sip.iter().chain(&xmpp).collect();
        return Err(Failure::usage(
            "the FQDN of the edge cannot be told from its servers",
            format!(
                "no certificate that is served has a host name below {}",
                listed(&domains, 4)
            ),
            "name it: `edgecert init --from-gateways --fqdn NAME`",
        ));
    };
    let mut draft = Draft::open(&annotated(&fqdn, &sip, &xmpp, template), path)
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    draft.set_components(&components);
    let certificate = wanted::default_certificate()?;
    // Whatever is served with one of the edge's names is the edge's.
    let mut wanted = vec![fqdn.clone()];
    wanted.extend(sip.iter().filter_map(|domain| domain.child("sip").ok()));
    wanted.extend(sip.iter().chain(&xmpp).chain(&components).cloned());
    let served = everything(&found, certificate.clone()).wanted;
    wanted.extend(served.into_iter().filter(|name| {
        let domains = sip.iter().chain(&xmpp);
        domains.into_iter().any(|domain| name.is_within(domain))
    }));
    let candidate = Candidate {
        name: certificate,
        wanted,
    };
    let tables = Tables::of(&found, &[], &[candidate], None);
    let gateways: Vec<NewGateway> = tables.new_ones().into_iter().cloned().collect();
    for table in &gateways {
        draft.add_gateway(table);
    }
    Ok(Begun {
        text: DeploymentFile::finish(draft)?,
        fqdn,
        sip,
        xmpp,
        components,
        gateways,
    })
}

fn or(given: Vec<Domain>, found: Vec<Domain>) -> Vec<Domain> {
    match given.is_empty() {
        true => found,
        false => given,
    }
}

fn nothing_told(found: &[Found]) -> Failure {
    let why = match found.is_empty() {
        true => "no server runs, and none has a configuration in its usual place".to_owned(),
        false => {
            let kinds: Vec<&str> = found.iter().map(|one| one.kind.word()).collect();
            format!(
                "{} have no XMPP host, and serve no certificate with a name sip.DOMAIN",
                listed(&kinds, 8)
            )
        }
    };
    Failure::usage(
        "the servers of this machine tell no domain",
        why,
        "name one: --sip-domain DOMAIN or --xmpp-domain DOMAIN; `edgecert gateway discover` shows what was found",
    )
}
