//! The tables of `edgecert.toml`, one function each.
//!
//! Every function reads all its keys before it gives up, so that one run tells all mistakes. What refers to
//! something else is compared with the names that were *written*, so that a mistake inside an issuer is not told
//! again at each of its certificates.

mod certificates;
pub(super) mod federation;
mod gateways;
mod settings;

use super::read::{self, Named, Table, Value};
use super::{Deployment, DeploymentError, Edge, Mistake, Subject};
use crate::explain::printable;
use crate::names::{Domain, Slug};
use std::path::{Path, PathBuf};

/// What several tables need to know of the file.
struct Context {
    /// The file itself.
    file: PathBuf,
    /// The folder relative paths count from.
    base: PathBuf,
    /// Whether the file lies under `/etc`, and with it the defaults elsewhere.
    under_etc: bool,
}

pub(super) fn deployment(text: &str, path: &Path) -> Result<Deployment, DeploymentError> {
    let invalid = |mistakes| DeploymentError {
        path: path.display().to_string(),
        mistakes,
    };
    if text.len() > Deployment::MAX_BYTES {
        return Err(invalid(vec![Mistake {
            line: 1,
            column: 1,
            key: String::new(),
            what: format!("the file has {} bytes", text.len()),
            why: String::new(),
            mend: format!(
                "a deployment has at most {} bytes; is this another file?",
                Deployment::MAX_BYTES
            ),
        }]));
    }
    let base = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_owned();
    let context = Context {
        file: path.to_owned(),
        under_etc: base.starts_with("/etc"),
        base,
    };
    read::read(text, |root| read_root(root, context)).map_err(invalid)
}

fn read_root(root: Table<'_, '_>, context: Context) -> Option<Deployment> {
    if let Some(version) = root.need("version", "1")
        && let Some(found) = version.integer(0..=u32::MAX).filter(|found| *found != 1)
    {
        version.place().fail_because(
            format!("version {found} of the format is not known"),
            "this edgecert reads version 1",
            "write version = 1; a newer file needs a newer edgecert",
        );
    }
    let edge = root
        .need(
            "edge",
            "[edge] with fqdn = \"edge.contoso.com\" and sip-domains = [\"contoso.com\"]",
        )
        .and_then(|value| read_edge(value.table()?));
    let subject =
        optional_table(&root, "subject").map_or_else(|| Some(Subject::default()), read_subject);
    let key = certificates::key_defaults(&root);
    let issuer_names = written_names(&root, "issuer");
    let certificate_names = written_names(&root, "certificate");
    let mut issuers = certificates::issuers(&root);
    let certificates =
        certificates::certificates(&root, edge.as_ref(), key.as_ref(), &issuer_names);
    if issuer_names.is_empty()
        && let Some((name, issuer)) = certificates::implied_issuer()
    {
        issuers.insert(name, issuer);
    }
    let gateways = gateways::gateways(&root, &context, &certificate_names);
    let partners = federation::partners(&root, edge.as_ref());
    let policies = federation::policies(&root);
    let assign = settings::assign(&root);
    let check = settings::check(&root);
    let store = settings::store(&root, &context);
    root.finish();
    Some(Deployment {
        base: context.base,
        file: context.file,
        edge: edge?,
        subject: subject?,
        key: key?,
        issuers,
        certificates,
        gateways,
        partners,
        policies,
        assign: assign?,
        check: check?,
        store: store?,
    })
}

fn read_edge(table: Table<'_, '_>) -> Option<Edge> {
    let fqdn = table
        .need("fqdn", "\"edge.contoso.com\"")
        .and_then(|value| value.domain());
    let domains = |key| {
        table
            .get(key)
            .map_or_else(|| Some(Vec::new()), |value| value.unique(Value::domain))
    };
    let sip_domains = domains("sip-domains");
    let xmpp_domains = domains("xmpp-domains");
    let components = domains("components");
    let place = table.place();
    let sound = table.finish();
    let edge = Edge {
        fqdn: fqdn?,
        sip_domains: sip_domains?,
        xmpp_domains: xmpp_domains?,
        components: components?,
    };
    // An unknown key may hold what is missed here.
    if sound && edge.sip_domains.is_empty() && edge.xmpp_domains.is_empty() {
        place.fail(
            "there is no domain",
            "name at least one: sip-domains = [\"contoso.com\"] or xmpp-domains = [\"contoso.com\"]",
        );
    }
    Some(edge)
}

/// Upper bounds in characters: RFC 5280 appendix A.1 (`ub-common-name` and its kin).
fn read_subject(table: Table<'_, '_>) -> Option<Subject> {
    let field = |key, most| table.get(key).and_then(|value| value.line(most));
    let subject = Subject {
        common_name: field("common-name", 64),
        organization: field("organization", 64),
        organizational_unit: field("organizational-unit", 64),
        country: table.get("country").and_then(|value| read_country(&value)),
        state: field("state", 128),
        locality: field("locality", 128),
    };
    table.finish();
    Some(subject)
}

fn read_country(value: &Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    if text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Some(text.to_ascii_uppercase());
    }
    value.fail(
        format!("\"{}\" is no country code", printable(text)),
        "write the two letters of ISO 3166: \"US\", \"DE\", \"KR\"",
    );
    None
}

/// A table that may be left out.
fn optional_table<'s, 't>(table: &Table<'s, 't>, key: &'static str) -> Option<Table<'s, 't>> {
    table.get(key)?.table()
}

/// The sound names among the keys of a table of names.
fn written_names(root: &Table<'_, '_>, key: &'static str) -> Vec<Slug> {
    let Some(value) = root.get(key).filter(Value::is_table) else {
        return Vec::new();
    };
    let Some(table) = value.table() else {
        return Vec::new();
    };
    let names = table.names();
    names
        .iter()
        .filter_map(|named| Slug::parse(&named.name).ok())
        .collect()
}

/// A name in a header.
fn header_name(named: &Named<'_, '_>) -> Option<Slug> {
    match Slug::parse(&named.name) {
        Ok(name) => Some(name),
        Err(error) => {
            let told = crate::explain::Explain::explain(&error);
            named.at.fail_because(told.what, told.why, told.mend);
            None
        }
    }
}

/// Whether a domain is among those of the edge that a certificate may be narrowed down to.
fn is_of_edge(edge: &Edge, domain: &Domain) -> bool {
    edge.sip_domains.contains(domain) || edge.xmpp_domains.contains(domain)
}
