//! Flags shared by all commands.

use super::not_taken::NotTaken;
use clap::builder::{FalseyValueParser, OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The deployment file [default: ./edgecert.toml, then /etc/edgecert/edgecert.toml]
    #[arg(long, value_name = "FILE", env = "EDGECERT_CONFIG", global = true, value_parser = perhaps_empty())]
    config: Option<PathBuf>,
    /// The state folder [default: edgecert.state beside the deployment file]
    #[arg(long, value_name = "DIR", env = "EDGECERT_STATE", global = true, value_parser = perhaps_empty())]
    state: Option<PathBuf>,
    /// Print one JSON document, on failure too
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing but the result: no notes, no progress, no next command
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to colour
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        value_name = "WHEN",
        global = true
    )]
    pub color: Color,
    /// Never ask; a missing answer is an error that names the flag
    #[arg(
        short,
        long,
        env = "EDGECERT_NON_INTERACTIVE",
        global = true,
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new()
    )]
    pub non_interactive: bool,
}

impl Global {
    /// `--config` or its variable; a variable that is set and empty counts as not set, as units write it.
    pub fn config(&self) -> Option<&Path> {
        self.config
            .as_deref()
            .filter(|path| !path.as_os_str().is_empty())
    }

    /// `--state` or its variable, in the same way.
    pub fn state(&self) -> Option<&Path> {
        self.state
            .as_deref()
            .filter(|path| !path.as_os_str().is_empty())
    }

    /// What was given by flag, to be given to the next command as well; a variable holds for it by itself.
    pub fn said_again(&self) -> String {
        let flag = |name: &str, variable: &str, value: Option<&Path>| {
            let value = value?;
            (std::env::var_os(variable).as_deref() != Some(value.as_os_str()))
                .then(|| format!(" {name} {}", shell_word(&value.to_string_lossy())))
        };
        [
            flag("--config", "EDGECERT_CONFIG", self.config()),
            flag("--state", "EDGECERT_STATE", self.state()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A word that a shell reads as it stands: quoted where it must be, printable always.
pub(super) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    let text = crate::explain::printable(text);
    match text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// Puts flags after the program's name in every command of a text.
pub fn with_flags(text: &str, flags: &str) -> String {
    const PROGRAM: &str = "edgecert ";
    let mut told = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(PROGRAM) {
        let (before, after) = rest.split_at(at);
        told.push_str(before);
        let after = after.get(PROGRAM.len()..).unwrap_or_default();
        told.push_str(PROGRAM.trim_end());
        let is_command = before.chars().next_back().is_none_or(|c| " `(".contains(c));
        if is_command && !after.starts_with("--config") && !after.starts_with("--state") {
            told.push_str(flags);
        }
        told.push(' ');
        rest = after;
    }
    told.push_str(rest);
    told
}

/// A path that may be empty.
fn perhaps_empty() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Reads a name of a certificate, an issuer or a gateway.
pub fn slug(text: &str) -> Result<crate::names::Slug, NotTaken> {
    crate::names::Slug::parse(text).map_err(|error| NotTaken::of(&error))
}

/// Reads a domain.
pub fn domain(text: &str) -> Result<crate::names::Domain, NotTaken> {
    crate::names::Domain::parse(text).map_err(|error| NotTaken::of(&error))
}

/// Reads an RFC 3339 moment.
pub fn moment(text: &str) -> Result<time::OffsetDateTime, NotTaken> {
    time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
        .map_err(|_| NotTaken::unread("write it as 2026-12-01T04:00:00Z (RFC 3339)"))
}

/// A certificate, perhaps with the number of a generation: `external-edge`, `external-edge/4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The certificate.
    pub certificate: crate::names::Slug,
    /// The generation, from 1.
    pub generation: Option<u32>,
}

/// Reads `CERT` or `CERT/N`.
pub fn lineage(text: &str) -> Result<Lineage, NotTaken> {
    let (name, number) = match text.split_once('/') {
        None => (text, None),
        Some((name, number)) => {
            let number: u32 = number
                .parse()
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(|| {
                    NotTaken::unread("write a generation as NAME/NUMBER, numbered from 1")
                })?;
            (name, Some(number))
        }
    };
    Ok(Lineage {
        certificate: slug(name)?,
        generation: number,
    })
}

/// Reads a key type.
pub fn key_type(text: &str) -> Result<crate::x509::KeyType, NotTaken> {
    use crate::x509::KeyType;
    KeyType::from_word(text)
        .ok_or_else(|| NotTaken::not_among(text, &KeyType::ALL.map(KeyType::word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_said_again_in_every_command_of_a_text() {
        let flags = " --config sub.toml";
        for (text, told) in [
            ("edgecert plan", "edgecert --config sub.toml plan"),
            (
                "send the CSR to your CA; then edgecert import REPLY",
                "send the CSR to your CA; then edgecert --config sub.toml import REPLY",
            ),
            (
                "edgecert assign a · edgecert assign b",
                "edgecert --config sub.toml assign a · edgecert --config sub.toml assign b",
            ),
            (
                "edgecert --config a.toml plan",
                "edgecert --config a.toml plan",
            ),
            ("/opt/edgecert plan", "/opt/edgecert plan"),
            ("systemctl daemon-reload", "systemctl daemon-reload"),
        ] {
            assert_eq!(with_flags(text, flags), told);
        }
        assert_eq!(with_flags("edgecert plan", ""), "edgecert plan");
        assert_eq!(
            shell_word("/srv/it's/edge certs.toml"),
            "'/srv/it'\\''s/edge certs.toml'"
        );
    }
}
