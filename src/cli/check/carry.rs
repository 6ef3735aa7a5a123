//! The run over all targets: files on all cores, then endpoints, each row at its target's place.

use super::files;
use super::progress::Progress;
use super::rows::Lines;
use crate::check::discover::Scheme;
use crate::check::live::{LiveLimits, Means, check_endpoints};
use crate::check::{
    CheckReport, Endpoint, Place, TargetKind, TargetReport, Yardstick, file, tell_leaves_apart,
};
use crate::explain::{Explanation, printable};
use crate::names::Domain;
use std::path::{Path, PathBuf};

/// A target on its way to be judged.
pub(super) enum Item {
    /// A file or folder.
    Path(PathBuf),
    /// A listener.
    Endpoint(Box<Endpoint>),
    /// A domain, before it is looked up.
    Domain(Scheme, Domain),
    /// Judged already.
    Row(Box<TargetReport>),
}

/// Who hears of the work while it goes on.
pub(super) struct Telling<'a> {
    pub progress: &'a Progress,
    pub lines: Option<&'a Lines>,
}

/// Judges everything; rows come in the order of the items.
pub(super) fn carry_out(
    items: Vec<Item>,
    yardstick: &Yardstick,
    limits: LiveLimits,
    means: &Means,
    telling: &Telling<'_>,
) -> CheckReport {
    let mut rows: Vec<((usize, usize, usize), TargetReport)> = Vec::new();
    let mut paths = Vec::new();
    let mut endpoints = Vec::new();
    let mut report = CheckReport::default();
    for (place, item) in items.into_iter().enumerate() {
        match item {
            Item::Path(path) => paths.push((place, path)),
            Item::Endpoint(endpoint) => endpoints.push((place, *endpoint)),
            // Looked up before.
            Item::Domain(..) => {}
            Item::Row(row) => {
                report.counts.add(row.status());
                rows.push(((place, 0, 0), *row));
            }
        }
    }
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    if !paths.is_empty() {
        let files = files::Files::new(paths.clone());
        let read = |task: &file::FileTask| {
            telling.progress.step();
            files::read(task)
        };
        let on_rows = |number: usize, rows: &[(Place, TargetReport)]| {
            if let Some(lines) = telling.lines {
                lines.batch(number, rows);
            }
        };
        let kept = file::check_files(files, &read, yardstick, workers, &on_rows);
        report.counts = report.counts.merged(kept.counts);
        for (place, path) in &paths {
            if !kept.seen.contains(place) {
                let row = nothing_in(path);
                report.counts.add(row.status());
                rows.push(((*place, 0, 0), row));
            }
        }
        // What was told in lines is not told again.
        if telling.lines.is_none() {
            let all = kept.counts.total();
            let kept = kept.into_rows();
            report.without_row = all.saturating_sub(kept.len());
            rows.extend(kept);
        }
    }
    let (places, endpoints): (Vec<usize>, Vec<Endpoint>) = endpoints.into_iter().unzip();
    let asked = check_endpoints(&endpoints, yardstick, limits, means, &|| {
        telling.progress.step()
    });
    let (orders, mut answers): (Vec<_>, Vec<_>) = places
        .into_iter()
        .zip(asked)
        .flat_map(|(place, answers)| {
            let numbered = answers.into_iter().enumerate();
            numbered.map(move |(number, row)| ((place, number, 0), row))
        })
        .unzip();
    tell_leaves_apart(&mut answers);
    for (order, row) in orders.into_iter().zip(answers) {
        report.counts.add(row.status());
        rows.push((order, row));
    }
    rows.sort_by_key(|(place, _)| *place);
    report.targets = rows.into_iter().map(|(_, row)| row).collect();
    report
}

/// A folder in which nothing was judged: silence would look like health.
fn nothing_in(path: &Path) -> TargetReport {
    let path = printable(&path.to_string_lossy());
    let problem = Explanation {
        code: "check.nothing",
        what: format!("there is nothing to check in {path}"),
        place: path.clone(),
        why: "no file below it holds a certificate".to_owned(),
        mend: "name the folder in which the certificates lie".to_owned(),
    };
    TargetReport::unknown(path, TargetKind::File, problem)
}
