//! Gateways that keep another generation than the current one, or have none, where no listener is known that would show
//! it.

use super::deployed::Lineage;
use crate::check::{TargetKind, TargetReport};
use crate::explain::{Explain, listed};
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::store::{Store, StoreError};
use std::collections::BTreeMap;

/// Most gateways that one finding names.
const MOST_NAMED: usize = 8;

impl Lineage<'_> {
    /// A row for each generation that gateways were left with, judged like the current one.
    pub(super) fn left_behind(
        &self,
        store: &Store,
        current: u32,
        silent: &[Slug],
    ) -> Result<Vec<TargetReport>, StoreError> {
        let assignment = store.assignment(self.name)?;
        let mut kept: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for gateway in silent {
            let proved = assignment.gateways.get(gateway.as_str());
            if let Some(proved) = proved.filter(|proved| proved.generation != current) {
                let gateways = kept.entry(proved.generation).or_default();
                gateways.push(gateway.to_string());
            }
        }
        let mut all = Vec::new();
        for (number, gateways) in kept {
            let mut rows = match self.at_rest(store, number) {
                Ok((rows, _)) => rows,
                Err(error) => {
                    let target = format!("{}/{number}", self.name);
                    let row =
                        TargetReport::unknown(target, TargetKind::Generation, error.explain());
                    vec![row]
                }
            };
            if let Some(first) = rows.first_mut() {
                let barred = self.barred_key(store, number).ok().flatten();
                first.findings.splice(0..0, barred);
                first
                    .findings
                    .push(self.differs(number, current, &gateways));
            }
            all.extend(rows);
        }
        Ok(all)
    }

    /// Gateways of which no assignment is on record: there was none, or it failed.
    pub(super) fn without_any(
        &self,
        store: &Store,
        current: u32,
        silent: &[Slug],
    ) -> Result<Vec<Finding>, StoreError> {
        let assignment = store.assignment(self.name)?;
        let name = self.name;
        let none = |gateway: &&Slug| !assignment.gateways.contains_key(gateway.as_str());
        let finding = |gateway: &Slug| {
            Finding::new(
                Code::LiveNothingAssigned,
                format!("certificate {name}"),
                format!("gateway {gateway} was not given {name}/{current}"),
                "none was assigned to it, or the last assignment failed and what it has is not known".to_owned(),
                format!("`edgecert assign {name}/{current} --gateway {gateway}`"),
            )
        };
        Ok(silent.iter().filter(none).map(finding).collect())
    }

    fn differs(&self, number: u32, current: u32, gateways: &[String]) -> Finding {
        let name = self.name;
        let (gateway, keep) = match gateways.len() {
            1 => ("gateway", "keeps"),
            _ => ("gateways", "keep"),
        };
        let flags: Vec<String> = gateways
            .iter()
            .map(|gateway| format!(" --gateway {gateway}"))
            .collect();
        let shown = listed(gateways, MOST_NAMED);
        Finding::new(
            Code::LiveLeafDiffers,
            format!("certificate {name}"),
            format!("{gateway} {shown} {keep} {name}/{number}, and {name}/{current} is current"),
            format!("{name}/{current} was assigned to other gateways alone"),
            format!("`edgecert assign {name}/{current}{}`", flags.concat()),
        )
    }
}
