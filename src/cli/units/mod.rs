//! `units`: the units of systemd for this deployment, shown or written into a folder.
//!
//! They are those of `templates/systemd/`, with the paths of this machine and no more rights than the gateways need.

mod render;

use super::Context;
use super::exit::FailureKind;
use super::output::{Failure, Outcome};
use crate::explain::{Explanation, listed, printable};
use crate::store::atomic::{self, Overwrite, Placement};
use clap::Args;
use render::{Setting, Unit};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Mode of a unit: the service manager and everybody may read it.
const MODE: u32 = 0o644;

/// Most bytes of a unit that lies there already.
const MAX_UNIT_BYTES: u64 = 1024 * 1024;

/// `units`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert units                              show them; nothing is written
  edgecert units --out /etc/systemd/system && systemctl daemon-reload
  edgecert units --out /etc/systemd/system --check
                                              1 if the deployment has outgrown what lies there")]
pub struct UnitsArgs {
    /// Write them into this folder [default: show them]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing, and end with 1 where a unit in DIR is missing or different
    #[arg(long, requires = "out")]
    check: bool,
    /// Let `assign --due` change the servers' configuration, and their folders be written
    #[arg(long)]
    write_config: bool,
}

impl UnitsArgs {
    /// Whether files are written or judged, rather than shown.
    pub fn acts(&self) -> bool {
        self.out.is_some()
    }
}

/// How a unit stands to what lies in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    New,
    Changed,
    Same,
    /// A file of this name that was not made here.
    Foreign,
}

impl Standing {
    fn of(unit: &Unit, folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(&unit.name);
        match atomic::read_limited(&path, MAX_UNIT_BYTES) {
            Ok(there) if there == unit.text.as_bytes() => Ok(Standing::Same),
            Ok(there) if there.starts_with(render::MARK.as_bytes()) => Ok(Standing::Changed),
            Ok(_) => Ok(Standing::Foreign),
            Err(error) if error.is_not_found() => Ok(Standing::New),
            Err(error) => Err(Failure::from_error(FailureKind::Failed, &error)),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Standing::New => "new",
            Standing::Changed => "changed",
            Standing::Same => "same",
            Standing::Foreign => "foreign",
        }
    }
}

/// Runs `units`.
pub fn run(args: UnitsArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.deployment()?;
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(
            FailureKind::Failed,
            Explanation {
                code: "units.program",
                what: "where this program lies cannot be found out".into(),
                place: "/proc/self/exe".into(),
                why: crate::explain::os_words(&error),
                mend: "mount /proc, and run it again".into(),
            },
        )
    })?;
    let state = context.state_directory(Some(&deployment));
    let setting = Setting {
        deployment: &deployment,
        program,
        state: std::path::absolute(&state).unwrap_or(state),
        names_state: context.names_state(),
        write_config: args.write_config,
    };
    let made = render::units(&setting)?;
    for remark in &made.remarks {
        context.note(&format!("note: {}\n", printable(remark)));
    }
    let Some(folder) = &args.out else {
        let text: Vec<String> = made
            .units
            .iter()
            .map(|unit| format!("# ── {}\n{}", unit.name, unit.text))
            .collect();
        return Ok(Outcome::show(
            text.join("\n"),
            result(&args, &made.units, &[], &made.remarks),
        ));
    };
    let standing = made
        .units
        .iter()
        .map(|unit| Standing::of(unit, folder))
        .collect::<Result<Vec<_>, _>>()?;
    let told = |wanted: &[Standing]| -> Vec<&str> {
        let units = made.units.iter().zip(&standing);
        units
            .filter(|(_, standing)| wanted.contains(standing))
            .map(|(unit, _)| unit.name.as_str())
            .collect()
    };
    let result = result(&args, &made.units, &standing, &made.remarks);
    let refused = |what: String, why: String, mend: String| Failure {
        result: result.clone(),
        ..Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "units.differ",
                what,
                place: folder.display().to_string(),
                why,
                mend,
            },
        )
    };
    let foreign = told(&[Standing::Foreign]);
    if !foreign.is_empty() {
        return Err(refused(
            format!(
                "{} was not made by this command",
                listed(&foreign, super::context::MAX_TOLD)
            ),
            "nothing is written over what somebody else made".to_owned(),
            "move it away, or name another folder".to_owned(),
        ));
    }
    let due = told(&[Standing::New, Standing::Changed]);
    if args.check && !due.is_empty() {
        return Err(refused(
            "the units are not those of this deployment".to_owned(),
            format!(
                "missing or different: {}",
                listed(&due, super::context::MAX_TOLD)
            ),
            format!(
                "`edgecert units --out {}`, then `systemctl daemon-reload`",
                folder.display()
            ),
        ));
    }
    if due.is_empty() {
        let text = format!(
            "{} units in {} are as they should be: nothing to do\n",
            made.units.len(),
            folder.display()
        );
        return Ok(Outcome::show(text, result));
    }
    write(folder, &made.units, &due)?;
    let text = format!(
        "{} of {} units written into {}: {}\n",
        due.len(),
        made.units.len(),
        folder.display(),
        listed(&due, super::context::MAX_TOLD)
    );
    Ok(Outcome::show(text, result)
        .changed()
        .with_next("systemctl daemon-reload"))
}

fn write(folder: &Path, units: &[Unit], due: &[&str]) -> Result<(), Failure> {
    let failed = |error| Failure::from_error(FailureKind::Failed, &error);
    std::fs::create_dir_all(folder)
        .map_err(|source| failed(crate::store::StoreError::io("create", folder, source)))?;
    for unit in units
        .iter()
        .filter(|unit| due.contains(&unit.name.as_str()))
    {
        let path = folder.join(&unit.name);
        let bytes = unit.text.as_bytes();
        atomic::write_whole(&path, bytes, Placement::mode(MODE), Overwrite::Replace)
            .map_err(failed)?;
    }
    Ok(())
}

fn result(
    args: &UnitsArgs,
    units: &[Unit],
    standing: &[Standing],
    remarks: &[String],
) -> serde_json::Value {
    let all: Vec<_> = units
        .iter()
        .enumerate()
        .map(|(at, unit)| {
            json!({
                "name": unit.name,
                "text": unit.text,
                "standing": standing.get(at).map(|standing| standing.word()),
            })
        })
        .collect();
    json!({
        "out": args.out.as_ref().map(|folder| folder.display().to_string()),
        "check": args.check,
        "units": all,
        "remarks": remarks,
    })
}
