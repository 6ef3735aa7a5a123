//! `partner`: the federated XMPP partners of the deployment.

mod apply;

use super::Context;
use super::output::{Failure, Outcome};
use clap::Subcommand;

/// The commands of partners.
#[derive(Debug, Subcommand)]
pub enum PartnerCommand {
    /// Write the partners into the configuration of Prosody and ejabberd; without --write-config it is shown
    #[command(after_help = apply::HELP)]
    Apply(apply::ApplyArgs),
}

impl PartnerCommand {
    /// The words that lead here.
    pub fn words(&self) -> &'static str {
        match self {
            PartnerCommand::Apply(_) => "partner apply",
        }
    }
}

/// Runs one of them.
pub fn run(command: PartnerCommand, context: &mut Context) -> Result<Outcome, Failure> {
    match command {
        PartnerCommand::Apply(args) => apply::run(args, context),
    }
}
