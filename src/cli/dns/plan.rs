//! `dns plan`: the records as lines of a zone file.

use super::{planned, record_json};
use crate::check::records;
use crate::cli::Context;
use crate::cli::output::{Failure, Outcome};
use crate::names::Domain;
use clap::Args;
use serde_json::json;
use std::net::IpAddr;

/// `dns plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Only the records of this domain and of what lies below it
    #[arg(long, value_name = "DOMAIN", value_parser = crate::cli::options::domain)]
    zone: Option<Domain>,
    /// An address of the edge, for the hosts that the SRV records lead to (repeatable)
    #[arg(long, value_name = "IP")]
    address: Vec<IpAddr>,
}

impl PlanArgs {
    /// Of every zone, without addresses.
    pub(super) fn everything() -> Self {
        Self {
            zone: None,
            address: Vec::new(),
        }
    }
}

/// Shows the plan. Effects: reads the deployment and the state.
pub fn run(args: PlanArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let plan = planned(context, args.zone.as_ref(), &args.address)?;
    let zone = records::zone(&plan);
    let result = json!({
        "fqdn": plan.fqdn.as_str(),
        "records": plan.records.iter().map(record_json).collect::<Vec<_>>(),
        "zone": zone,
    });
    Ok(Outcome::show(zone, result))
}
