//! The table for readers: every cell in words, with its source. `docs/servers.md` holds what this says.

use super::{
    Basis, Case, Cell, CommonName, Compared, Eku, Idn, Keys, Offer, Profile, Srv, Uri, Wildcard,
    Xmpp, profile,
};
use crate::federation::Server;

/// One cell in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name of the cell, as [`Profile::variants`] has it.
    pub cell: &'static str,
    /// What is asked.
    pub question: &'static str,
    /// What this server does.
    pub answer: String,
    /// How surely that is known.
    pub basis: Basis,
    /// Where it stands.
    pub source: &'static str,
}

/// All cells of a server in words; those that say nothing for it are left out.
pub fn rows(server: Server) -> Vec<Row> {
    let Profile {
        server,
        compared,
        case,
        wildcard,
        idn,
        srv,
        xmpp,
        uri,
        common_name,
        most_names,
        eku_as_server,
        eku_as_client,
        keys,
        offer,
    } = profile(server);
    let mut rows = vec![row("compared", "name looked for", compared, compared_words)];
    if compared.value != Compared::Nothing {
        rows.extend([
            row("case", "case of a dNSName", case, case_words),
            row("wildcard", "wildcard", wildcard, wildcard_words),
            row("idn", "domain with U-labels", idn, idn_words),
            row("srv", "SRVName", srv, srv_words),
            row("xmpp", "XmppAddr", xmpp, xmpp_words),
            row("uri", "URI", uri, uri_words),
            row("common_name", "common name", common_name, common_name_words),
            row("most_names", "entries looked at", most_names, |most| {
                most.map_or_else(|| "all".to_owned(), |most| format!("the first {most}"))
            }),
        ]);
    }
    rows.extend([
        row(
            "eku_as_server",
            "EKU when it dials us",
            eku_as_server,
            eku_words,
        ),
        row(
            "eku_as_client",
            "EKU when we dial it",
            eku_as_client,
            eku_words,
        ),
        row("keys", "keys", keys, keys_words),
    ]);
    if server.speaks_xmpp() {
        rows.push(row("offer", "offers EXTERNAL", offer, offer_words));
    }
    rows
}

fn row<T>(
    name: &'static str,
    question: &'static str,
    cell: Cell<T>,
    words: impl Fn(T) -> String,
) -> Row {
    Row {
        cell: name,
        question,
        answer: words(cell.value),
        basis: cell.basis,
        source: cell.source,
    }
}

impl Basis {
    /// `run`, `read`, `documented`, `inferred`.
    pub fn word(self) -> &'static str {
        match self {
            Basis::Run => "run",
            Basis::Read => "read",
            Basis::Documented => "documented",
            Basis::Inferred => "inferred",
        }
    }
}

fn compared_words(value: Compared) -> String {
    match value {
        Compared::Nothing => "none",
        Compared::Domain => "the domain",
        Compared::SipHost => "the domain; for SIP `sip.<domain>`",
    }
    .to_owned()
}

fn case_words(value: Case) -> String {
    match value {
        Case::Ignored => "ignored",
        Case::Exact => "bytes, lower case",
    }
    .to_owned()
}

fn wildcard_words(value: Wildcard) -> String {
    match value {
        Wildcard::Nothing => "none",
        Wildcard::OneLabel => "one label",
        Wildcard::AnyDepth => "any depth, and the apex",
    }
    .to_owned()
}

fn idn_words(value: Idn) -> String {
    match value {
        Idn::ALabels => "compared in A-labels",
        Idn::AsOnStream => "compared as on the stream",
    }
    .to_owned()
}

fn srv_words(value: Srv) -> String {
    let Srv::Counted {
        service,
        clients_too,
        wildcards,
    } = value
    else {
        return "not read".to_owned();
    };
    let mut words = vec![match clients_too {
        false => "`_xmpp-server`",
        true => "`_xmpp-server` and `_xmpp-client`",
    }];
    if service == Case::Exact {
        words.push("in lower case");
    }
    if wildcards {
        words.push("wildcards too");
    }
    words.join(", ")
}

fn xmpp_words(value: Xmpp) -> String {
    match value {
        Xmpp::No => "not read",
        Xmpp::Nameprep => "after nameprep, U-labels",
        Xmpp::AsDnsName => "in A-labels, wildcards too",
        Xmpp::Raw => "as it is, wildcards too",
    }
    .to_owned()
}

fn uri_words(value: Uri) -> String {
    match value {
        Uri::No => "not read",
        Uri::Raw => "as it is, so never with a scheme",
    }
    .to_owned()
}

fn common_name_words(value: CommonName) -> String {
    match value {
        CommonName::No => "never",
        CommonName::WithoutSan => "without SAN, exactly one",
        CommonName::Always => "always, the first",
    }
    .to_owned()
}

fn eku_words(value: Eku) -> String {
    match value {
        Eku::Any => "not looked at",
        Eku::ServerAuth => "serverAuth, if there is one",
        Eku::ClientAuth => "clientAuth, if there is one",
    }
    .to_owned()
}

fn keys_words(value: Keys) -> String {
    match value {
        Keys::Any => "RSA, ECDSA",
        Keys::Rsa => "RSA",
    }
    .to_owned()
}

fn offer_words(value: Offer) -> String {
    match value {
        Offer::IfAccepted => "if it accepts the certificate",
        Offer::Regardless => "always, and refuses later",
    }
    .to_owned()
}
