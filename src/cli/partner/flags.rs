//! The flags of a partner's settings, each read into its type.

use crate::cli::not_taken::NotTaken;
use crate::cli::options::domain;
use crate::deployment::description_fault;
use crate::federation::{Partner, PartnerType, Server, Setting};
use crate::names::Domain;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Whose judgement is shown beside ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compat {
    /// The table of Lync Server 2013, with its inconsistencies
    #[value(name = "lync-2013")]
    Lync2013,
}

/// A partner's settings; what is not given stays as it is, or is as by default.
#[derive(Debug, Args)]
pub struct SettingArgs {
    /// How far its users are trusted: federated, public-verified, public-unverified
    #[arg(long = "type", value_name = "TYPE", value_parser = partner_type)]
    partner_type: Option<PartnerType>,
    /// TLS: required, optional, not-supported
    #[arg(long, value_name = "SETTING", value_parser = setting)]
    tls: Option<Setting>,
    /// SASL EXTERNAL, which needs TLS: required, optional, not-supported
    #[arg(long, value_name = "SETTING", value_parser = setting)]
    sasl: Option<Setting>,
    /// Make and answer dialback requests
    #[arg(long, overrides_with = "no_dialback")]
    dialback: bool,
    /// Ignore dialback requests
    #[arg(long)]
    no_dialback: bool,
    /// A further domain of the partner (repeatable)
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    additional_domain: Vec<Domain>,
    /// Free text
    #[arg(long, value_name = "TEXT", value_parser = description)]
    description: Option<String>,
    /// Most streams at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connection_limit: Option<u32>,
    /// Keep idle streams alive
    #[arg(long, overrides_with = "no_keep_alive")]
    keep_alive: bool,
    /// Let idle streams end
    #[arg(long)]
    no_keep_alive: bool,
    /// What runs there, if known: prosody, ejabberd-23, openfire, …; sharpens what is foretold
    #[arg(long, value_name = "SERVER", value_parser = server)]
    server: Option<Server>,
    /// A root that alone counts for this partner, as a path from the deployment file (repeatable)
    #[arg(long, value_name = "FILE")]
    roots: Vec<PathBuf>,
}

impl SettingArgs {
    /// The partner with what was given laid over it.
    pub fn over(&self, partner: Partner) -> Partner {
        let mut partner = partner;
        if let Some(partner_type) = self.partner_type {
            partner.partner_type = partner_type;
        }
        let negotiation = &mut partner.negotiation;
        negotiation.tls = self.tls.unwrap_or(negotiation.tls);
        negotiation.sasl = self.sasl.unwrap_or(negotiation.sasl);
        negotiation.dialback =
            switched(self.dialback, self.no_dialback).unwrap_or(negotiation.dialback);
        partner.keep_alive =
            switched(self.keep_alive, self.no_keep_alive).unwrap_or(partner.keep_alive);
        if !self.additional_domain.is_empty() {
            partner
                .additional_domains
                .clone_from(&self.additional_domain);
        }
        if !self.roots.is_empty() {
            partner.roots.clone_from(&self.roots);
        }
        partner.description = self.description.clone().or(partner.description);
        partner.connection_limit = self.connection_limit.or(partner.connection_limit);
        partner.server = self.server.or(partner.server);
        partner
    }
}

/// A pair of flags, of which the last one given counts.
fn switched(on: bool, off: bool) -> Option<bool> {
    match (on, off) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

/// One of a few words, else the nearest.
fn word<T: Copy, const N: usize>(text: &str, words: [(&str, T); N]) -> Result<T, NotTaken> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let all = words.map(|(word, _)| word);
    Err(NotTaken::not_among(text, &all))
}

fn partner_type(text: &str) -> Result<PartnerType, NotTaken> {
    word(text, PartnerType::ALL.map(|one| (one.word(), one)))
}

fn setting(text: &str) -> Result<Setting, NotTaken> {
    word(text, Setting::ALL.map(|one| (one.word(), one)))
}

fn server(text: &str) -> Result<Server, NotTaken> {
    let server = word(text, Server::WORDS)?;
    match server.speaks_xmpp() {
        true => Ok(server),
        false => Err(NotTaken::wrong(
            format!("{} does not speak XMPP", server.title()),
            "name one that does, or leave --server out",
        )),
    }
}

/// Reads a description.
pub fn description(text: &str) -> Result<String, NotTaken> {
    if text.trim().is_empty() {
        return Err(NotTaken::wrong(
            "it is empty",
            "leave it out, or take it away with --no-description",
        ));
    }
    match description_fault(text) {
        Some((what, mend)) => Err(NotTaken::wrong(what, mend)),
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_or_answered_with_the_nearest_word() {
        assert_eq!(setting("not-supported"), Ok(Setting::NotSupported));
        assert_eq!(
            setting("requird"),
            Err(NotTaken::wrong(
                "it takes required, optional, not-supported",
                "did you mean required?"
            ))
        );
        assert!(
            partner_type("x")
                .unwrap_err()
                .to_string()
                .contains("public-verified")
        );
        assert_eq!(server("ejabberd-24"), Ok(Server::Ejabberd23));
        assert_eq!(
            server("kamailio"),
            Err(NotTaken::wrong(
                "Kamailio does not speak XMPP",
                "name one that does, or leave --server out"
            ))
        );
        assert!(domain("a..b").is_err());
        assert!(description("a\nb").is_err());
        assert!(description("a\u{202e}b").is_err());
        assert!(description(" ").is_err());
    }
}
