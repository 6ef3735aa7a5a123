//! The columns of a CSV of partners, and what their values mean.

use super::super::csv::{Broken, Reader};
use super::super::description_fault;
use super::super::parse::federation::{Claims, MAX_CONNECTIONS};
use super::{Deployment, Mistake, faults};
use crate::explain::{Explain, listed, nearest, printable};
use crate::federation::{Negotiation, Partner, PartnerType, Server, Setting};
use crate::names::Domain;
use std::collections::BTreeSet;

/// Most values told in one note.
const MAX_NOTED: usize = 8;

/// A record that says something, with the line it begins in.
struct Record {
    line: usize,
    fields: Vec<String>,
}

/// A column that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Domain,
    Identity,
    Description,
    AdditionalDomains,
    Type,
    Tls,
    Sasl,
    Dialback,
    ConnectionLimit,
    KeepAlive,
    Server,
    Proxy,
}

/// Names of columns, bare: without case, blanks and hyphens. Lync's, and a deployment's own.
const NAMES: [(&str, Column); 19] = [
    ("domain", Column::Domain),
    ("primarydomain", Column::Domain),
    ("identity", Column::Identity),
    ("description", Column::Description),
    ("additionaldomains", Column::AdditionalDomains),
    ("partnertype", Column::Type),
    ("type", Column::Type),
    ("tlsnegotiation", Column::Tls),
    ("tls", Column::Tls),
    ("saslnegotiation", Column::Sasl),
    ("sasl", Column::Sasl),
    ("supportdialbacknegotiation", Column::Dialback),
    ("dialbacknegotiation", Column::Dialback),
    ("dialback", Column::Dialback),
    ("connectionlimit", Column::ConnectionLimit),
    ("enablekeepalive", Column::KeepAlive),
    ("keepalive", Column::KeepAlive),
    ("server", Column::Server),
    ("proxyfqdn", Column::Proxy),
];

/// `Tls-Negotiation` and `tls_negotiation` are the same column, `NotSupported` and `not-supported` the same word.
fn bare(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '-' | '_' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Reads all rows; what has no place in a deployment goes into `passed_over`.
pub(super) fn read(
    text: &str,
    deployment: &Deployment,
    passed_over: &mut Vec<String>,
) -> Result<Vec<Partner>, Vec<Mistake>> {
    let mistake = |line, what: String, why: &str, mend: &str| Mistake {
        line,
        column: 1,
        key: String::new(),
        what,
        why: why.to_owned(),
        mend: mend.to_owned(),
    };
    let records = records(text).map_err(|broken| {
        vec![mistake(
            broken.line,
            broken.fault.words().to_owned(),
            "the list is no CSV from here on",
            "write the list anew: Get-CsXmppAllowedPartner | Export-Csv partners.csv",
        )]
    })?;
    let Some((head, rows)) = records.split_first() else {
        return Ok(Vec::new());
    };
    let columns = columns(head, passed_over)?;
    let has = |wanted| columns.contains(&Some(wanted));
    if !has(Column::Domain) && !has(Column::Identity) {
        return Err(vec![mistake(
            head.line,
            "no column is named Domain".to_owned(),
            "the first line names the columns",
            "write [[partner]] tables, or a first line such as Domain,PartnerType,TlsNegotiation,SaslNegotiation,SupportDialbackNegotiation",
        )]);
    }
    let mut claims = Claims::of(Some(&deployment.edge));
    let (mut partners, mut mistakes) = (Vec::new(), Vec::new());
    let mut proxies = BTreeSet::new();
    for record in rows {
        let row = Row {
            record,
            columns: &columns,
            mistakes: Vec::new(),
        };
        let (partner, mut wrong) = row.read(&mut claims, deployment);
        mistakes.append(&mut wrong);
        if let Some(at) = columns.iter().position(|one| *one == Some(Column::Proxy))
            && let Some(proxy) = record.fields.get(at).map(|one| one.trim())
            && !proxy.is_empty()
        {
            proxies.insert(printable(proxy));
        }
        partners.extend(partner);
    }
    if !proxies.is_empty() {
        let all: Vec<String> = proxies.into_iter().collect();
        passed_over.push(format!(
            "ProxyFqdn {}: a deployment has one edge, [edge] fqdn",
            listed(&all, MAX_NOTED)
        ));
    }
    match mistakes.is_empty() {
        true => Ok(partners),
        false => Err(mistakes),
    }
}

/// What each column is; those that nobody reads are told. Two of one meaning are a mistake: only one could be read.
fn columns(
    head: &Record,
    passed_over: &mut Vec<String>,
) -> Result<Vec<Option<Column>>, Vec<Mistake>> {
    let mut unread = Vec::new();
    let columns: Vec<Option<Column>> = head
        .fields
        .iter()
        .map(|name| {
            let known = NAMES.iter().find(|(known, _)| *known == bare(name));
            if known.is_none() {
                unread.push(printable(name.trim()));
            }
            known.map(|(_, column)| *column)
        })
        .collect();
    if !unread.is_empty() {
        passed_over.push(format!(
            "columns that are not read: {}",
            listed(&unread, MAX_NOTED)
        ));
    }
    let mut mistakes = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let first = columns.iter().position(|one| one == column);
        if let (Some(_), Some(first)) = (column, first)
            && first < at
        {
            let name = |at: usize| {
                let name = head.fields.get(at).map(|one| one.trim());
                printable(name.unwrap_or_default())
            };
            mistakes.push(Mistake {
                line: head.line,
                column: 1,
                key: String::new(),
                what: format!("the columns {} and {} mean the same", name(first), name(at)),
                why: "only one of them could be read".to_owned(),
                mend: "leave one of them out".to_owned(),
            });
        }
    }
    match mistakes.is_empty() {
        true => Ok(columns),
        false => Err(mistakes),
    }
}

struct Row<'a> {
    record: &'a Record,
    columns: &'a [Option<Column>],
    mistakes: Vec<Mistake>,
}

impl Row<'_> {
    /// A column's value, if it says anything.
    fn value(&self, column: Column) -> Option<String> {
        let at = self.columns.iter().position(|one| *one == Some(column))?;
        let value = self.record.fields.get(at)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn wrong(&mut self, key: &str, what: String, why: impl Into<String>, mend: impl Into<String>) {
        self.mistakes.push(Mistake {
            line: self.record.line,
            column: 1,
            key: key.to_owned(),
            what,
            why: why.into(),
            mend: mend.into(),
        });
    }

    fn domain(&mut self, key: &str, text: &str) -> Option<Domain> {
        match Domain::parse(text) {
            Ok(domain) => Some(domain),
            Err(error) => {
                let told = error.explain();
                self.wrong(key, told.what, told.why, told.mend);
                None
            }
        }
    }

    /// One of a few words, in Lync's spelling or a deployment's.
    fn word<T: Copy>(&mut self, column: Column, key: &str, words: &[(&str, T)], or: T) -> T {
        let Some(text) = self.value(column) else {
            return or;
        };
        let plain = bare(&text);
        if let Some((_, value)) = words.iter().find(|(word, _)| bare(word) == plain) {
            return *value;
        }
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let mend = match nearest(&text.to_lowercase(), all.iter().copied()) {
            Some(right) => format!("did you mean {right}?"),
            None => format!("write one of {}", all.join(", ")),
        };
        let what = format!("\"{}\" is not known here", printable(&text));
        self.wrong(key, what, format!("known: {}", all.join(", ")), mend);
        or
    }

    fn boolean(&mut self, column: Column, key: &str) -> bool {
        let words = [("true", true), ("false", false)];
        self.word(column, key, &words, true)
    }

    fn read(
        mut self,
        claims: &mut Claims,
        deployment: &Deployment,
    ) -> (Option<Partner>, Vec<Mistake>) {
        if self.record.fields.len() > self.columns.len() {
            let what = format!(
                "the line has {} fields for {} columns",
                self.record.fields.len(),
                self.columns.len()
            );
            self.wrong("", what, "", "quote a field that holds the separator");
            return (None, self.mistakes);
        }
        let partner = self.partner();
        if let Some(partner) = &partner {
            let claimed = std::iter::once((&partner.domain, "domain")).chain(
                partner
                    .additional_domains
                    .iter()
                    .map(|one| (one, "additional-domains")),
            );
            for (domain, key) in claimed {
                if let Err((what, mend)) = claims.claim(domain, &partner.domain) {
                    self.wrong(key, what, "", mend);
                }
            }
            for (key, what, why, mend) in faults(partner, deployment) {
                // The commit rule is told with its own key.
                let sasl = !partner.negotiation.may_be_committed() && key == "dialback";
                let (key, mend) = match sasl {
                    true => ("sasl", "set SaslNegotiation to NotSupported, or TlsNegotiation to Required or Optional".to_owned()),
                    false => (key, mend),
                };
                let what = match sasl {
                    true => format!(
                        "sasl \"{}\" cannot be had with tls \"not-supported\"",
                        partner.negotiation.sasl.word()
                    ),
                    false => what,
                };
                self.wrong(key, what, why, mend);
            }
        }
        (partner, self.mistakes)
    }

    fn partner(&mut self) -> Option<Partner> {
        let named = self.value(Column::Domain).or_else(|| {
            // `XmppAllowedPartner:litware.com`, or the domain alone.
            let identity = self.value(Column::Identity)?;
            let (_, last) = identity.rsplit_once(':').unwrap_or(("", &identity));
            Some(last.to_owned())
        });
        let domain = match named {
            Some(text) => self.domain("domain", &text),
            None => {
                let mend = "write the partner's primary domain";
                self.wrong("domain", "the line names no domain".to_owned(), "", mend);
                None
            }
        };
        let additional_domains = self.additional();
        let types = PartnerType::ALL.map(|one| (one.word(), one));
        let settings = Setting::ALL.map(|one| (one.word(), one));
        let partner_type = self.word(Column::Type, "type", &types, PartnerType::PublicUnverified);
        let negotiation = Negotiation {
            tls: self.word(Column::Tls, "tls", &settings, Setting::Required),
            sasl: self.word(Column::Sasl, "sasl", &settings, Setting::Required),
            dialback: self.boolean(Column::Dialback, "dialback"),
        };
        let keep_alive = self.boolean(Column::KeepAlive, "keep-alive");
        let connection_limit = self.limit();
        let servers = Server::WORDS.map(|(word, server)| (word, Some(server)));
        let server = self
            .word(Column::Server, "server", &servers, None)
            .filter(|server| {
                if !server.speaks_xmpp() {
                    let what = format!("{} does not speak XMPP", server.title());
                    let mend = "name the partner's XMPP server, or nothing";
                    self.wrong("server", what, "", mend);
                }
                server.speaks_xmpp()
            });
        let description = self.description();
        Some(Partner {
            domain: domain?,
            description,
            additional_domains,
            partner_type,
            negotiation,
            connection_limit,
            keep_alive,
            server,
            roots: Vec::new(),
        })
    }

    fn additional(&mut self) -> Vec<Domain> {
        let text = self.value(Column::AdditionalDomains).unwrap_or_default();
        if text.starts_with("System.") || text.starts_with("Microsoft.") {
            self.wrong(
                "additional-domains",
                format!("\"{}\" is the name of a type", printable(&text)),
                "Export-Csv does not write lists",
                "export with -Property Domain,…,@{n='AdditionalDomains';e={$_.AdditionalDomains -join ' '}} (Select-Object)",
            );
            return Vec::new();
        }
        let mut all = Vec::new();
        for one in text
            .split([' ', ',', ';', '\n', '\r', '\t'])
            .filter(|one| !one.is_empty())
        {
            all.extend(self.domain("additional-domains", one));
        }
        all
    }

    /// Nothing and 0 are no limit, as in Lync.
    fn limit(&mut self) -> Option<u32> {
        let text = self.value(Column::ConnectionLimit)?;
        match text.parse::<u32>() {
            Ok(0) => None,
            Ok(limit) if limit <= MAX_CONNECTIONS => Some(limit),
            Ok(_) | Err(_) => {
                let what = format!("\"{}\" is no limit of connections", printable(&text));
                let mend = format!("write a number from 1 to {MAX_CONNECTIONS}, or nothing");
                self.wrong("connection-limit", what, "", mend);
                None
            }
        }
    }

    fn description(&mut self) -> Option<String> {
        let text = self.value(Column::Description)?;
        if let Some((what, mend)) = description_fault(&text) {
            self.wrong("description", what, "", mend);
            return None;
        }
        Some(text)
    }
}

/// The records of a text, empty lines and lines that begin with `#` left out.
fn records(text: &str) -> Result<Vec<Record>, Broken> {
    let mut reader = Reader::new(text, 1, None);
    let mut records = Vec::new();
    loop {
        if reader.pass_comment() {
            continue;
        }
        let Some(cells) = reader.record()? else {
            return Ok(records);
        };
        let line = cells.first().map_or(0, |cell| cell.line);
        let fields: Vec<String> = cells.into_iter().map(|cell| cell.text).collect();
        if fields.iter().any(|one| !one.trim().is_empty()) {
            records.push(Record { line, fields });
        }
    }
}
