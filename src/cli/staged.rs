//! A staged generation: whether its time comes before what is live has ended, and one whose time has come and that
//! nobody has assigned.

use super::render;
use crate::explain::printable;
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::store::{AssignmentRecord, GenerationRecord, Staged};
use time::{Duration, OffsetDateTime};

/// The timer of `assign --due` runs every five minutes: after this, twelve runs were missed, or failed.
const PATIENCE: Duration = Duration::hours(1);

/// How long clocks may differ: a leaf that begins is served to all from then on.
const CLOCKS: Duration = Duration::hours(1);

/// ` on front, chat`: the gateways that it is for; nothing where it is for all.
pub fn on_words(staged: &Staged) -> String {
    match staged.gateways.as_slice() {
        [] => String::new(),
        some => format!(" on {}", printable(&some.join(", "))),
    }
}

/// What is live until another generation takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The generation.
    pub number: u32,
    /// Its last second.
    pub ends: OffsetDateTime,
    /// A gateway that serves it; `None`: it is live without one.
    pub gateway: Option<String>,
}

/// What ends first of that which is live on these gateways; where nothing is known of them, the current generation.
pub fn ends_first(
    record: &AssignmentRecord,
    generations: &[GenerationRecord],
    gateways: &[&Slug],
) -> Option<Live> {
    let live = |number: u32, gateway: Option<&Slug>| {
        let one = generations.iter().find(|one| one.number == number)?;
        Some(Live {
            number,
            ends: one.leaf.not_after,
            gateway: gateway.map(Slug::to_string),
        })
    };
    let served = gateways.iter().filter_map(|gateway| {
        let there = record.gateways.get(gateway.as_str())?;
        live(there.generation, Some(gateway))
    });
    served
        .min_by_key(|one| one.ends)
        .or_else(|| live(record.current?, None))
}

/// The last moment at which a generation that is valid from `begins` on can take the place of what is live, without a
/// gap that could be helped. notAfter is included (RFC 5280 §4.1.2.5).
pub fn latest(live: &Live, begins: OffsetDateTime) -> OffsetDateTime {
    match begins <= live.ends {
        true => live.ends,
        false => begins + CLOCKS,
    }
}

/// Whether it should have been assigned long ago.
pub fn is_overdue(staged: &Staged, now: OffsetDateTime) -> bool {
    now - staged.effective > PATIENCE
}

/// One that should have been assigned long ago, as `check` and `doctor` tell it.
pub fn overdue(name: &Slug, staged: &Staged, now: OffsetDateTime) -> Option<Finding> {
    is_overdue(staged, now).then(|| {
        Finding::new(
            Code::LiveStagingOverdue,
            format!("{name}/{}", staged.generation),
            "was staged, and nobody assigned it when its time had come",
            format!(
                "its time was {}; `edgecert assign --due` assigns it, and did not run or failed",
                render::when(staged.effective, now)
            ),
            format!(
                "`edgecert assign --due`, then see why the timer did not (`systemctl list-timers edgecert-assign-due.timer`); or `edgecert assign {name} --unstage`"
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn what_takes_over_comes_before_the_end_or_as_soon_as_it_is_valid() {
        let live = Live {
            number: 2,
            ends: datetime!(2026-11-30 12:00 UTC),
            gateway: None,
        };
        for (begins, last) in [
            (datetime!(2026-11-01 00:00 UTC), live.ends),
            (live.ends, live.ends),
            (
                datetime!(2026-12-02 00:00 UTC),
                datetime!(2026-12-02 01:00 UTC),
            ),
        ] {
            assert_eq!(latest(&live, begins), last, "{begins}");
        }
    }

    #[test]
    fn a_staging_is_overdue_when_its_timer_has_missed_an_hour() {
        let staged = Staged {
            generation: 2,
            effective: datetime!(2026-11-15 04:00 UTC),
            gateways: Vec::new(),
            accepted: Vec::new(),
        };
        let name = Slug::parse("edge").unwrap();
        for (now, is_it) in [
            (datetime!(2026-11-15 03:00 UTC), false),
            (datetime!(2026-11-15 05:00 UTC), false),
            (datetime!(2026-11-15 05:01 UTC), true),
            (datetime!(2026-11-29 04:00 UTC), true),
        ] {
            let found = overdue(&name, &staged, now);
            assert_eq!(found.is_some(), is_it, "{now}");
            if let Some(found) = found {
                assert_eq!(found.code.as_str(), "live.staging-overdue");
                assert!(
                    found.mend.starts_with("`edgecert assign --due`"),
                    "{found:?}"
                );
            }
        }
    }
}
