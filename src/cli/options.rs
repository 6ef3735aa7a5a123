//! Flags shared by all commands.

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
    /// Print one JSON document (the same as --format json)
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
pub fn slug(text: &str) -> Result<crate::names::Slug, String> {
    crate::names::Slug::parse(text).map_err(|error| told(&error))
}

/// Reads an RFC 3339 moment.
pub fn moment(text: &str) -> Result<time::OffsetDateTime, String> {
    time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
        .map_err(|_| "write it as 2026-12-01T04:00:00Z (RFC 3339)".to_owned())
}

/// What a room's error says, in the one line that clap has room for.
pub fn told(error: &dyn crate::explain::Explain) -> String {
    let explanation = error.explain();
    let mut parts = vec![explanation.what, explanation.why, explanation.mend];
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
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
pub fn lineage(text: &str) -> Result<Lineage, String> {
    let (name, number) = match text.split_once('/') {
        None => (text, None),
        Some((name, number)) => {
            let number: u32 = number
                .parse()
                .ok()
                .filter(|number| *number > 0)
                .ok_or("write a generation as NAME/NUMBER, numbered from 1")?;
            (name, Some(number))
        }
    };
    Ok(Lineage {
        certificate: slug(name)?,
        generation: number,
    })
}

/// Reads a key type.
pub fn key_type(text: &str) -> Result<crate::x509::KeyType, String> {
    crate::x509::KeyType::from_word(text).ok_or_else(|| {
        let words: Vec<&str> = crate::x509::KeyType::ALL
            .into_iter()
            .map(crate::x509::KeyType::word)
            .collect();
        match crate::explain::nearest(text, words.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("one of {}", words.join(", ")),
        }
    })
}
