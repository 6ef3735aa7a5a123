//! A staged generation whose time has come and that nobody has assigned.

use super::render;
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::store::Staged;
use time::{Duration, OffsetDateTime};

/// The timer of `assign --due` runs every five minutes: after this, twelve runs were missed, or failed.
const PATIENCE: Duration = Duration::hours(1);

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
                render::age(staged.effective, now)
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
