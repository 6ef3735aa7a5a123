//! The command tree: every command, its family of exit codes, its schema, and where it is run.

use super::exit::Family;
use super::{Context, Failure, Outcome};
use super::{
    assign, check, dns, doctor, export, gateway, import, init, lab, list, log, manual, partner,
    plan, policy, prune, rekey, remove, renew, request, schema, units, verify, wizard,
};
use clap::Subcommand;

/// Printed below the list of commands.
pub const AFTER_HELP: &str = "\
The life of a certificate:
  edgecert wizard                  the guided way: everything below, page by page
  edgecert init                    write an annotated edgecert.toml
  edgecert plan                    the names, each with its reason
  edgecert request                 key and CSR; send the CSR to your CA
  edgecert import reply.pem        the CA's answer, compared with what was asked
  edgecert assign                  live on the gateways and proved, or all as before
  edgecert check                   what is served, and for how long

Try it all on this machine, with a throw-away CA: edgecert lab demo";

/// All commands, in the order of a certificate's life. One exists in a run, so their sizes do not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The guided way: everything below, page by page
    Wizard(wizard::WizardArgs),
    /// Write an annotated edgecert.toml
    Init(init::InitArgs),
    /// Show the SAN plan: every wanted name with its reason; nothing is written
    Plan(plan::PlanArgs),
    /// Make a key and a CSR, or look after those that wait for their reply
    Request(request::RequestArgs),
    /// Take in what the CA issued, and compare it with what was asked
    Import(import::ImportArgs),
    /// Judge a certificate: chain, names, usage, key, lifetime
    Verify(verify::VerifyArgs),
    /// Make a generation live on its gateways, proved, or put everything back
    #[command(after_help = "\
Examples:
  edgecert assign                        the newest generation of the only certificate
  edgecert assign external-edge/4 --dry-run
  edgecert assign --effective-date $(date -ud 'tomorrow 04:00' +%FT%TZ)
  edgecert assign --end-sessions         then end connections that began with the old key
  edgecert assign --due                  what was staged and whose time has come (for a timer)")]
    Assign(assign::AssignArgs),
    /// Make the previous generation live again, proved
    #[command(after_help = "\
Examples:
  edgecert rollback
  edgecert rollback external-edge --dry-run")]
    Rollback(assign::RollbackArgs),
    /// Check expiry and SAN correctness: files, folders, live endpoints, everything deployed
    Check(check::CheckArgs),
    /// Federated XMPP partners: settings, and what they come to with today's certificate
    #[command(
        subcommand,
        after_help = "\
Examples:
  edgecert partner add litware.com --type federated
  edgecert partner explain litware.com --live    what will happen, in each direction"
    )]
    Partner(partner::PartnerCommand),
    /// External access policies: who may talk to partners
    #[command(
        subcommand,
        after_help = "\
Examples:
  edgecert policy add global --scope global --xmpp-federated-users
  edgecert policy explain someone@contoso.com litware.com    who may do what"
    )]
    Policy(policy::PolicyCommand),
    /// The DNS records that the edge needs, and what is really there
    #[command(
        subcommand,
        after_help = "\
Examples:
  edgecert dns plan   as lines of a zone file
  edgecert dns check  compared with what a resolver answers"
    )]
    Dns(dns::DnsCommand),
    /// List certificates: generations, from when to when, where they are live
    List(list::ListArgs),
    /// Show a certificate or one of its generations in full
    Show(list::ShowArgs),
    /// Say by exit code whether a certificate is due for renewal (0 it is, 1 it is not)
    NeedsRenewal(renew::NeedsRenewalArgs),
    /// Make the next request from what the last one asked; with a `submit` program, the whole renewal
    Renew(renew::RenewArgs),
    /// Hand a generation out: for Windows and Lync, HAProxy, Kubernetes, lego, or sealed for another edge
    Export(export::ExportArgs),
    /// Another key at once; --compromised: bar the old one, replace it, and say what else has to be done
    Rekey(rekey::RekeyArgs),
    /// Remove old generations
    Prune(prune::PruneArgs),
    /// Remove a whole lineage: its generations, keys and requests
    Remove(remove::RemoveArgs),
    /// Run or look at the embedded gateway; find the servers of this machine
    #[command(
        subcommand,
        after_help = "\
Examples:
  edgecert gateway run front  until it is told to stop
  edgecert gateway status     what it serves
  edgecert gateway discover   the servers that run here, and their tables"
    )]
    Gateway(gateway::GatewayCommand),
    /// A throw-away CA, and the whole life of a certificate on this machine
    #[command(
        subcommand,
        after_help = "\
Examples:
  edgecert lab demo   everything, on this machine
  edgecert lab ca     a CA for the next line
  edgecert lab sign edgecert.state/requests/external-edge/ID/csr.pem --out reply.pem"
    )]
    Lab(lab::LabCommand),
    /// The journal of everything done, verified
    Log(log::LogArgs),
    /// Look for what will go wrong: rights, sockets, clock, limits, the state
    Doctor(doctor::DoctorArgs),
    /// Make systemd's units for this deployment, with no more rights than its gateways need
    Units(units::UnitsArgs),
    /// Print the JSON Schema of a command's document
    Schema(schema::SchemaArgs),
    /// Print completions for a shell
    Completions(manual::CompletionsArgs),
    /// Write the manual pages into a folder
    Man(manual::ManArgs),
}

/// Every command's word with its family, for errors found before the command line could be parsed. Two words mean a
/// command below another.
const FAMILIES: &[(&str, Family)] = &[
    ("wizard", Family::Acting),
    ("init", Family::Acting),
    ("plan", Family::Showing),
    ("request", Family::Acting),
    ("request batch", Family::Acting),
    ("request prepare", Family::Acting),
    ("request list", Family::Showing),
    ("request show", Family::Showing),
    ("request profiles", Family::Showing),
    ("request cancel", Family::Acting),
    ("import", Family::Acting),
    ("verify", Family::Judging),
    ("assign", Family::Acting),
    ("rollback", Family::Acting),
    ("check", Family::Judging),
    ("partner", Family::Acting),
    ("partner list", Family::Showing),
    ("partner show", Family::Showing),
    ("partner add", Family::Acting),
    ("partner edit", Family::Acting),
    ("partner remove", Family::Acting),
    ("partner import", Family::Acting),
    ("partner explain", Family::Showing),
    ("partner apply", Family::Acting),
    ("policy", Family::Acting),
    ("policy list", Family::Showing),
    ("policy show", Family::Showing),
    ("policy add", Family::Acting),
    ("policy edit", Family::Acting),
    ("policy remove", Family::Acting),
    ("policy explain", Family::Showing),
    ("dns", Family::Showing),
    ("dns plan", Family::Showing),
    ("dns check", Family::Judging),
    ("list", Family::Showing),
    ("show", Family::Showing),
    ("needs-renewal", Family::Condition),
    ("renew", Family::Acting),
    ("export", Family::Acting),
    ("rekey", Family::Acting),
    ("prune", Family::Acting),
    ("remove", Family::Acting),
    ("gateway", Family::Acting),
    ("gateway run", Family::Acting),
    ("gateway status", Family::Judging),
    ("gateway discover", Family::Showing),
    ("lab", Family::Acting),
    ("lab ca", Family::Acting),
    ("lab sign", Family::Acting),
    ("lab demo", Family::Acting),
    ("log", Family::Judging),
    ("doctor", Family::Judging),
    ("units", Family::Showing),
    ("schema", Family::Showing),
    ("completions", Family::Showing),
    ("man", Family::Showing),
];

impl Command {
    /// The words that lead here: `request list`.
    fn words(&self) -> &'static str {
        match self {
            Command::Wizard(_) => "wizard",
            Command::Init(_) => "init",
            Command::Plan(_) => "plan",
            Command::Request(args) => args.words(),
            Command::Import(_) => "import",
            Command::Verify(_) => "verify",
            Command::Assign(_) => "assign",
            Command::Rollback(_) => "rollback",
            Command::Check(_) => "check",
            Command::Partner(command) => command.words(),
            Command::Policy(command) => command.words(),
            Command::Dns(dns::DnsCommand::Plan(_)) => "dns plan",
            Command::Dns(dns::DnsCommand::Check(_)) => "dns check",
            Command::List(_) => "list",
            Command::Show(_) => "show",
            Command::NeedsRenewal(_) => "needs-renewal",
            Command::Renew(_) => "renew",
            Command::Export(_) => "export",
            Command::Rekey(_) => "rekey",
            Command::Prune(_) => "prune",
            Command::Remove(_) => "remove",
            Command::Gateway(gateway::GatewayCommand::Run(_)) => "gateway run",
            Command::Gateway(gateway::GatewayCommand::Status(_)) => "gateway status",
            Command::Gateway(gateway::GatewayCommand::Discover(_)) => "gateway discover",
            Command::Lab(lab::LabCommand::Ca(_)) => "lab ca",
            Command::Lab(lab::LabCommand::Sign(_)) => "lab sign",
            Command::Lab(lab::LabCommand::Demo(_)) => "lab demo",
            Command::Log(_) => "log",
            Command::Doctor(_) => "doctor",
            Command::Units(_) => "units",
            Command::Schema(_) => "schema",
            Command::Completions(_) => "completions",
            Command::Man(_) => "man",
        }
    }

    /// Which exit codes it has.
    pub fn family(&self) -> Family {
        // Those that show by themselves and change on demand.
        if let Command::Plan(args) = self
            && args.acts()
        {
            return Family::Acting;
        }
        if let Command::Units(args) = self
            && args.acts()
        {
            return Family::Acting;
        }
        if let Command::Gateway(gateway::GatewayCommand::Discover(args)) = self
            && args.acts()
        {
            return Family::Acting;
        }
        let words = self.words();
        family_of(words).unwrap_or(Family::Acting)
    }

    /// The `schema` of its JSON document: `edgecert.request-list/1`.
    pub fn schema(&self) -> String {
        schema_of(self.words())
    }
}

/// The words of every command that prints a JSON document.
#[cfg(test)]
pub fn all_words() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|(words, _)| *words)
}

/// The word of the document of a command line that means no command: `edgecert --json`, `edgecert gateway --json`.
pub const USAGE: &str = "usage";

/// Commands that show by themselves and change on demand.
pub const ACTING_TOO: [&str; 3] = ["plan", "units", "gateway discover"];

/// Which exit codes a command has by its words, as long as it is not asked to change anything.
pub fn family_of(words: &str) -> Option<Family> {
    FAMILIES
        .iter()
        .find(|(known, _)| *known == words)
        .map(|(_, family)| *family)
}

/// Whether a word is no command by itself: only those below it are.
pub fn is_group(word: &str) -> bool {
    ["dns", "gateway", "lab", "partner", "policy"].contains(&word)
}

/// The words of a manual page's name: `request-list` is `request list`, `needs-renewal` is itself.
pub fn by_page(name: &str) -> Option<&'static str> {
    FAMILIES
        .iter()
        .map(|(words, _)| *words)
        .find(|words| words.replace(' ', "-") == name)
}

/// The words of the commands below a command; of the program itself, where the words are none.
pub fn below(words: &str) -> Vec<&'static str> {
    FAMILIES
        .iter()
        .filter_map(|(known, _)| match words.is_empty() {
            true => (!known.contains(' ')).then_some(*known),
            false => known.strip_prefix(words)?.strip_prefix(' '),
        })
        .collect()
}

/// The `schema` of a command's JSON document.
pub fn schema_of(words: &str) -> String {
    let words = if is_group(words) { USAGE } else { words };
    format!("edgecert.{}/1", words.replace(' ', "-"))
}

/// The command that a command line means, as far as its words tell.
pub fn named(arguments: &[&str]) -> Option<(&'static str, Family)> {
    let first = arguments
        .iter()
        .position(|word| FAMILIES.iter().any(|(known, _)| known == word))?;
    let one = arguments.get(first)?;
    let two = arguments.get(first + 1).map(|next| format!("{one} {next}"));
    FAMILIES
        .iter()
        .find(|(known, _)| two.as_deref() == Some(*known))
        .or_else(|| FAMILIES.iter().find(|(known, _)| known == one))
        .copied()
}

/// Runs a command.
pub fn dispatch(command: Command, context: &mut Context) -> Result<Outcome, Failure> {
    match command {
        Command::Wizard(args) => wizard::run(args, context),
        Command::Init(args) => init::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::Request(args) => request::run(args, context),
        Command::Import(args) => import::run(args, context),
        Command::Verify(args) => verify::run(args, context),
        Command::Assign(args) => assign::run(args, context),
        Command::Rollback(args) => assign::rollback(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Partner(command) => partner::run(command, context),
        Command::Policy(command) => policy::run(command, context),
        Command::Dns(command) => dns::run(command, context),
        Command::List(args) => list::run(args, context),
        Command::Show(args) => list::show(args, context),
        Command::NeedsRenewal(args) => renew::needs_renewal(args, context),
        Command::Renew(args) => renew::run(args, context),
        Command::Export(args) => export::run(args, context),
        Command::Rekey(args) => rekey::run(args, context),
        Command::Prune(args) => prune::run(args, context),
        Command::Remove(args) => remove::run(args, context),
        Command::Gateway(command) => gateway::run(command, context),
        Command::Lab(command) => lab::run(command, context),
        Command::Log(args) => log::run(args, context),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Units(args) => units::run(args, context),
        Command::Schema(args) => schema::schema(args),
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::man(args),
    }
}
