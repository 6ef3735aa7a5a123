//! Name constraints: does every name on a path lie within what each issuer above it may certify.
//!
//! By RFC 5280 §4.2.1.10 and §6.1.3 (b, c) for DNS names, addresses, e-mail addresses, URIs and directory names, by
//! RFC 4985 §4 for SRVName. It fails closed: a constraint that is malformed, or on a form that is not weighed here,
//! breaks the path where a name of that form stands below it. Self-issued intermediates are exempt, as RFC 5280 has it.

use crate::explain::{hex, printable};
use crate::x509::Certificate;
use crate::x509::constraints::{ConstrainedName, NameConstraints};

/// Most comparisons of a name with a subtree on one path; webpki gives up at the same count.
pub(crate) const MAX_COMPARISONS: usize = 250_000;

/// A name that an issuer may not certify, or a constraint that cannot be weighed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breach<'a> {
    /// Whose constraints.
    pub issuer: &'a Certificate,
    /// What is wrong, in words fit to be shown.
    pub why: String,
}

/// The first breach on a path, leaf first, anchor last.
pub(crate) fn breach<'a>(path: &[&'a Certificate]) -> Option<Breach<'a>> {
    let mut above: Vec<(&'a Certificate, NameConstraints)> = Vec::new();
    let mut comparisons = 0usize;
    for (index, certificate) in path.iter().enumerate().rev() {
        let anchor = index + 1 == path.len();
        let facts = certificate.facts();
        let exempt = index != 0 && facts.subject.is_same(&facts.issuer);
        if !anchor && !exempt && !above.is_empty() {
            let names = certificate.constrained_names();
            for (issuer, constraints) in &above {
                comparisons =
                    comparisons.saturating_add(names.len().saturating_mul(constraints.len()));
                let why = if comparisons > MAX_COMPARISONS {
                    Some(format!(
                        "{} names and {} subtrees are too many to compare, so peers give up",
                        names.len(),
                        constraints.len()
                    ))
                } else {
                    names.iter().find_map(|name| outside(name, constraints))
                };
                if let Some(why) = why {
                    return Some(Breach { issuer, why });
                }
            }
        }
        if index == 0 {
            break;
        }
        match certificate.name_constraints() {
            None => {}
            Some(Err(why)) => {
                return Some(Breach {
                    issuer: certificate,
                    why: format!("its name constraints are malformed: {why}"),
                });
            }
            Some(Ok(constraints)) => {
                let all = constraints.permitted.iter().chain(&constraints.excluded);
                if let Some(why) = all.clone().find_map(malformed_constraint) {
                    return Some(Breach {
                        issuer: certificate,
                        why: format!("its name constraints are malformed: {why}"),
                    });
                }
                above.push((certificate, constraints));
            }
        }
    }
    None
}

/// Why a name does not lie within the constraints; `None` when it does.
fn outside(name: &ConstrainedName, constraints: &NameConstraints) -> Option<String> {
    let same_form = |base: &&ConstrainedName| form(base) == form(name);
    let mut permitted = constraints.permitted.iter().filter(same_form).peekable();
    let mut excluded = constraints.excluded.iter().filter(same_form).peekable();
    if let ConstrainedName::Malformed(what) = name {
        return Some(format!(
            "a name cannot be held against it: {}",
            printable(what)
        ));
    }
    if permitted.peek().is_none() && excluded.peek().is_none() {
        return None;
    }
    if let ConstrainedName::Unweighed(form) = name {
        return Some(format!(
            "it constrains names of the form {}, which are not weighed here, and there is one",
            printable(form)
        ));
    }
    if let Some(what) = malformed_name(name) {
        return Some(format!(
            "the name {} cannot be held against it: {what}",
            shown(name)
        ));
    }
    if let Some(base) = excluded.find(|base| touches(name, base)) {
        return Some(format!(
            "{} lies in {}, which it excludes",
            shown(name),
            shown(base)
        ));
    }
    if permitted.peek().is_some() && !permitted.any(|base| within(name, base)) {
        return Some(format!("{} lies outside all that it permits", shown(name)));
    }
    None
}

/// The form of a name; constraints bind names of their own form alone. Each type of otherName is a form.
fn form(name: &ConstrainedName) -> &str {
    match name {
        ConstrainedName::Dns(_) => "DNS",
        ConstrainedName::Email(_) => "e-mail",
        ConstrainedName::Uri(_) => "URI",
        ConstrainedName::Ip(_) => "address",
        ConstrainedName::Directory(_) => "directory",
        ConstrainedName::Srv(_) => "SRV",
        ConstrainedName::Unweighed(form) => form,
        ConstrainedName::Malformed(_) => "",
    }
}

fn shown(name: &ConstrainedName) -> String {
    match name {
        ConstrainedName::Dns(text)
        | ConstrainedName::Email(text)
        | ConstrainedName::Uri(text)
        | ConstrainedName::Srv(text)
        | ConstrainedName::Unweighed(text)
        | ConstrainedName::Malformed(text) => format!("\"{}\"", printable(text)),
        ConstrainedName::Directory(name) => format!("\"{}\"", name.text),
        ConstrainedName::Ip(bytes) => match bytes.len() {
            4 | 16 => address(bytes),
            8 | 32 => {
                let (base, mask) = bytes.split_at(bytes.len() / 2);
                let length: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
                format!("{}/{length}", address(base))
            }
            _ => format!("#{}", hex(bytes)),
        },
    }
}

fn address(bytes: &[u8]) -> String {
    match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(four), _) => std::net::Ipv4Addr::from(four).to_string(),
        (_, Ok(sixteen)) => std::net::Ipv6Addr::from(sixteen).to_string(),
        (Err(_), Err(_)) => String::new(),
    }
}

/// Whether a text is a DNS name: labels of 1 to 63 letters, digits, hyphens and underscores, at most 253 bytes.
fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

/// Local part and host of a mailbox (RFC 2821 §4.1.2; quoted local parts are not used in certificates).
fn mailbox(text: &str) -> Option<(&str, &str)> {
    let (local, host) = text.split_once('@')?;
    let sound = |c: char| {
        c.is_ascii_graphic()
            && !matches!(
                c,
                '@' | '"' | '(' | ')' | '<' | '>' | ',' | ';' | ':' | '\\' | '[' | ']'
            )
    };
    let local_sound = (1..=64).contains(&local.len()) && local.chars().all(sound);
    (local_sound && is_host(host)).then_some((local, host))
}

/// The host of a URI with an authority (RFC 3986 §3.2), if it is a name.
fn uri_host(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    (is_host(host) && host.parse::<std::net::IpAddr>().is_err()).then_some(host)
}

/// `_service` and domain of an SRVName.
fn srv_parts(text: &str) -> Option<(&str, &str)> {
    let (service, domain) = text.split_once('.')?;
    (service.starts_with('_') && service.len() > 1 && is_host(domain)).then_some((service, domain))
}

/// Why a name of a known form cannot be compared.
fn malformed_name(name: &ConstrainedName) -> Option<&'static str> {
    let (sound, what) = match name {
        ConstrainedName::Dns(text) => (
            is_host(text.strip_prefix("*.").unwrap_or(text)),
            "it is no DNS name",
        ),
        ConstrainedName::Email(text) => (mailbox(text).is_some(), "it is no mailbox"),
        ConstrainedName::Uri(text) => (
            uri_host(text).is_some(),
            "it has no authority with a host name (RFC 5280 §4.2.1.10)",
        ),
        ConstrainedName::Ip(bytes) => (matches!(bytes.len(), 4 | 16), "it is no address"),
        ConstrainedName::Srv(text) => (srv_parts(text).is_some(), "it is no SRVName"),
        ConstrainedName::Directory(_)
        | ConstrainedName::Unweighed(_)
        | ConstrainedName::Malformed(_) => (true, ""),
    };
    (!sound).then_some(what)
}

/// Why a constraint is malformed, whatever names stand below it.
fn malformed_constraint(base: &ConstrainedName) -> Option<String> {
    let host_or_domain =
        |text: &str| text.is_empty() || is_host(text.strip_prefix('.').unwrap_or(text));
    let (sound, what) = match base {
        // An empty DNS constraint is the whole tree; a leading period is for e-mail and URI alone.
        ConstrainedName::Dns(text) => (text.is_empty() || is_host(text), "no DNS name"),
        ConstrainedName::Email(text) => (
            host_or_domain(text) || mailbox(text).is_some(),
            "no mailbox, host or domain",
        ),
        ConstrainedName::Uri(text) => (host_or_domain(text), "no host or domain"),
        ConstrainedName::Ip(bytes) => (is_network(bytes), "no address with its mask"),
        ConstrainedName::Srv(text) => (
            is_host(text) || srv_parts(text).is_some(),
            "no service, domain, or both (RFC 4985 §4)",
        ),
        ConstrainedName::Malformed(what) => return Some(printable(what)),
        ConstrainedName::Directory(_) | ConstrainedName::Unweighed(_) => (true, ""),
    };
    (!sound).then(|| format!("{} is {what}", shown(base)))
}

/// Address and mask of one family, the mask's ones before its zeros (RFC 4632 §3.1).
fn is_network(bytes: &[u8]) -> bool {
    if !matches!(bytes.len(), 8 | 32) {
        return false;
    }
    let (_, mask) = bytes.split_at(bytes.len() / 2);
    let ones: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let leading: u32 = mask
        .iter()
        .scan(true, |open, byte| {
            let count = if *open { byte.leading_ones() } else { 0 };
            *open = *open && count == 8;
            Some(count)
        })
        .sum();
    ones == leading
}

/// Whether `name` is `base` or stands below it.
fn below(name: &str, base: &str) -> bool {
    if base.is_empty() || name.eq_ignore_ascii_case(base) {
        return true;
    }
    let Some(cut) = name.len().checked_sub(base.len() + 1) else {
        return false;
    };
    name.as_bytes().get(cut) == Some(&b'.')
        && name
            .get(cut + 1..)
            .is_some_and(|tail| tail.eq_ignore_ascii_case(base))
}

/// Host against `host` (itself alone) or `.domain` (what stands below it alone); empty: every one.
fn host_matches(host: &str, base: &str) -> bool {
    match base.strip_prefix('.') {
        Some(domain) => below(host, domain) && !host.eq_ignore_ascii_case(domain),
        None => base.is_empty() || host.eq_ignore_ascii_case(base),
    }
}

/// Whether all that a name stands for lies within a subtree of its form.
fn within(name: &ConstrainedName, base: &ConstrainedName) -> bool {
    match (name, base) {
        // A wildcard stands for names below its parent, so the parent has to lie within.
        (ConstrainedName::Dns(name), ConstrainedName::Dns(base)) => {
            below(name.strip_prefix("*.").unwrap_or(name), base)
        }
        (ConstrainedName::Email(name), ConstrainedName::Email(base)) => {
            let Some((local, host)) = mailbox(name) else {
                return false;
            };
            match mailbox(base) {
                // RFC 5280 §7.5: the local part is compared exactly.
                Some((base_local, base_host)) => {
                    local == base_local && host.eq_ignore_ascii_case(base_host)
                }
                None => host_matches(host, base),
            }
        }
        (ConstrainedName::Uri(name), ConstrainedName::Uri(base)) => {
            uri_host(name).is_some_and(|host| host_matches(host, base))
        }
        (ConstrainedName::Ip(address), ConstrainedName::Ip(network)) => {
            let (base, mask) = network.split_at(network.len() / 2);
            address.len() == base.len()
                && address
                    .iter()
                    .zip(base)
                    .zip(mask)
                    .all(|((one, other), mask)| one & mask == other & mask)
        }
        (ConstrainedName::Directory(name), ConstrainedName::Directory(base)) => {
            name.is_within(base)
        }
        (ConstrainedName::Srv(name), ConstrainedName::Srv(base)) => srv_within(name, base),
        (
            ConstrainedName::Dns(_)
            | ConstrainedName::Email(_)
            | ConstrainedName::Uri(_)
            | ConstrainedName::Ip(_)
            | ConstrainedName::Directory(_)
            | ConstrainedName::Srv(_)
            | ConstrainedName::Unweighed(_)
            | ConstrainedName::Malformed(_),
            _,
        ) => false,
    }
}

/// RFC 4985 §4: service and domain are weighed apart; a constraint may leave one of them out.
fn srv_within(name: &str, base: &str) -> bool {
    let Some((service, domain)) = srv_parts(name) else {
        return false;
    };
    match (srv_parts(base), base.starts_with('_')) {
        (Some((base_service, base_domain)), _) => {
            service.eq_ignore_ascii_case(base_service) && below(domain, base_domain)
        }
        (None, true) => service.eq_ignore_ascii_case(base),
        (None, false) => below(domain, base),
    }
}

/// Whether something that a name stands for lies within a subtree of its form.
fn touches(name: &ConstrainedName, base: &ConstrainedName) -> bool {
    if within(name, base) {
        return true;
    }
    // `*.example.com` also stands for `bar.example.com`, which may be what is excluded.
    let (ConstrainedName::Dns(name), ConstrainedName::Dns(base)) = (name, base) else {
        return false;
    };
    match (name.strip_prefix("*."), base.split_once('.')) {
        (Some(parent), Some((_, base_parent))) => parent.eq_ignore_ascii_case(base_parent),
        (Some(_) | None, _) => false,
    }
}

#[cfg(test)]
mod tests;
