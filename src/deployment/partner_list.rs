//! Partners that come from elsewhere: `[[partner]]` tables, or a CSV with the columns of Lync's
//! `Get-CsXmppAllowedPartner`.
//!
//! All of them or none: one mistake refuses the list, and every mistake is told with its line. What a key or column
//! that is left out means is what it means at its source: a table as in a deployment, a CSV as in Lync.

mod rows;

use super::parse::federation::{Claims, read_partner, tables};
use super::{Deployment, DeploymentError, Mistake, read};
use crate::federation::Partner;

/// Largest list, in bytes.
pub const MAX_BYTES: usize = 3 * 1024 * 1024;

/// Most partners of one list.
pub const MAX_PARTNERS: usize = 10_000;

/// A list that can be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerList {
    /// Those that the deployment does not have yet, in the order of the list.
    pub new: Vec<Partner>,
    /// Those that it has already, with the same settings.
    pub known: Vec<Partner>,
    /// What the list says and a deployment has no place for.
    pub passed_over: Vec<String>,
}

/// What a partner of the list cannot be taken in for: its key, what, why, mend.
type Fault = (&'static str, String, String, String);

/// Reads a list against a deployment. `origin` is named in errors.
///
/// Errors: every mistake, in the order of the list; nothing of it is to be taken in then.
pub fn read_list(
    text: &str,
    origin: &str,
    deployment: &Deployment,
) -> Result<PartnerList, DeploymentError> {
    let invalid = |mistakes| DeploymentError {
        path: origin.to_owned(),
        mistakes,
    };
    let whole = |what: String, mend: &str| {
        invalid(vec![Mistake {
            line: 1,
            column: 1,
            key: String::new(),
            what,
            why: String::new(),
            mend: mend.to_owned(),
        }])
    };
    if text.len() > MAX_BYTES {
        return Err(whole(
            format!("the list has {} bytes", text.len()),
            "a list has at most 3 MiB; is this another file?",
        ));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut passed_over = Vec::new();
    let read = match is_csv(text) {
        true => rows::read(text, deployment, &mut passed_over),
        false => read_tables(text, deployment),
    };
    let all = read.map_err(invalid)?;
    if all.is_empty() {
        return Err(whole(
            "there is no partner in the list".to_owned(),
            "write [[partner]] tables, or a CSV whose first line names the columns: Domain,PartnerType,…",
        ));
    }
    if all.len() > MAX_PARTNERS {
        return Err(whole(
            format!("the list has {} partners", all.len()),
            "take in at most 10000 at once",
        ));
    }
    let (known, new) = all
        .into_iter()
        .partition(|one| deployment.partners.contains(one));
    Ok(PartnerList {
        new,
        known,
        passed_over,
    })
}

/// A CSV begins with the names of columns, where TOML has a header or a key.
fn is_csv(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .is_some_and(|line| !line.starts_with('[') && !line.contains('='))
}

fn read_tables(text: &str, deployment: &Deployment) -> Result<Vec<Partner>, Vec<Mistake>> {
    read::read(text, |root| {
        let mut claims = Claims::of(Some(&deployment.edge));
        let tables = tables(&root);
        root.finish();
        let mut partners = Vec::new();
        for table in tables {
            let place = table.place();
            let Some(partner) = read_partner(table, &mut claims) else {
                continue;
            };
            for (key, what, why, mend) in faults(&partner, deployment) {
                place.with_key(key).fail_because(what, why, mend);
            }
            partners.push(partner);
        }
        Some(partners)
    })
}

/// What speaks against a partner that is sound in itself.
fn faults(partner: &Partner, deployment: &Deployment) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    if deployment.partners.contains(partner) {
        return faults;
    }
    if let Some(refused) = partner.negotiation.refused() {
        faults.push((
            "dialback",
            format!("no method is left for {}", partner.domain),
            refused.why().to_owned(),
            "set sasl to \"optional\", or dialback to true".to_owned(),
        ));
    }
    let domains = std::iter::once(&partner.domain).chain(&partner.additional_domains);
    for domain in domains {
        let Some(owner) = deployment
            .partners
            .iter()
            .find(|one| one.has_domain(domain))
        else {
            continue;
        };
        let key = match *domain == partner.domain {
            true => "domain",
            false => "additional-domains",
        };
        faults.push(match owner.domain == partner.domain && key == "domain" {
            true => (
                key,
                format!("{domain} is a partner already, with other settings"),
                "a list adds partners and changes none".to_owned(),
                format!("take it out of the list, or first `edgecert partner remove {domain}`"),
            ),
            // Its own, told at the primary domain.
            false if owner.domain == partner.domain => continue,
            false => (
                key,
                format!("{domain} belongs to the partner {} already", owner.domain),
                "each domain stands with one partner".to_owned(),
                format!("take it out of the list, or out of {}", owner.domain),
            ),
        });
    }
    faults
}

#[cfg(test)]
mod tests;
