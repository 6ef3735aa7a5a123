//! Exit codes, one enum; which a failure becomes depends on the command's family.

use crate::check::Status;
use crate::findings::Verdict;

/// How a run ended. The numbers are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or nothing to do; OK; it is due.
    Done,
    /// 1: refused before anything was touched.
    Refused,
    /// 1: WARNING.
    Warning,
    /// 1: not due.
    NotDue,
    /// 2: CRITICAL.
    Critical,
    /// 2: no such certificate (`needs-renewal`).
    NoSuchCertificate,
    /// 3: failed, and everything is as it was; UNKNOWN.
    Failed,
    /// 4: failed, and something is not as it was; or done, and the result could not be written.
    Dirty,
    /// 64: wrong usage, or an invalid deployment file.
    Usage,
    /// 130: interrupted.
    Interrupted,
    /// 255: anything else of `needs-renewal`; systemd's ExecCondition reads 1 to 254 as "skip".
    ConditionFailed,
}

/// Commands that share a row of the table of exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Commands that change something.
    Acting,
    /// Commands that judge: the Nagios contract.
    Judging,
    /// Commands that show.
    Showing,
    /// `needs-renewal`.
    Condition,
}

/// Why a command did not do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Wrong usage, or an invalid deployment file.
    Usage,
    /// Refused before anything was touched.
    Refused,
    /// Failed, and everything is as it was.
    Failed,
    /// Failed, and something is not as it was.
    Dirty,
    /// Interrupted, and everything is as it was.
    Interrupted,
    /// The certificate asked about does not exist.
    NoSuchCertificate,
}

impl FailureKind {
    /// Which of several failures ends a run: that something is not as it was is what a person has to know first.
    pub fn rank(self) -> u8 {
        match self {
            FailureKind::Dirty => 3,
            FailureKind::Interrupted => 2,
            FailureKind::Failed => 1,
            FailureKind::Usage | FailureKind::Refused | FailureKind::NoSuchCertificate => 0,
        }
    }
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Refused | Exit::Warning | Exit::NotDue => 1,
            Exit::Critical | Exit::NoSuchCertificate => 2,
            Exit::Failed => 3,
            Exit::Dirty => 4,
            Exit::Usage => 64,
            Exit::Interrupted => 130,
            Exit::ConditionFailed => 255,
        }
    }
}

impl From<Status> for Exit {
    fn from(status: Status) -> Self {
        match status {
            Status::Ok => Exit::Done,
            Status::Warning => Exit::Warning,
            Status::Critical => Exit::Critical,
            Status::Unknown => Exit::Failed,
        }
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ok => Exit::Done,
            Verdict::Warning => Exit::Warning,
            Verdict::Error => Exit::Critical,
        }
    }
}

impl Family {
    /// The exit code of a failure in this family.
    pub fn exit(self, kind: FailureKind) -> Exit {
        match (kind, self) {
            (FailureKind::Interrupted, _) => Exit::Interrupted,
            (FailureKind::NoSuchCertificate, Family::Condition) => Exit::NoSuchCertificate,
            (_, Family::Condition) => Exit::ConditionFailed,
            (_, Family::Judging) => Exit::Failed,
            (
                FailureKind::Usage | FailureKind::NoSuchCertificate,
                Family::Acting | Family::Showing,
            ) => Exit::Usage,
            (_, Family::Showing) => Exit::Failed,
            (FailureKind::Refused, Family::Acting) => Exit::Refused,
            (FailureKind::Failed, Family::Acting) => Exit::Failed,
            (FailureKind::Dirty, Family::Acting) => Exit::Dirty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_promised() {
        for (family, kind, code) in [
            (Family::Acting, FailureKind::Usage, 64),
            (Family::Acting, FailureKind::Refused, 1),
            (Family::Acting, FailureKind::Failed, 3),
            (Family::Acting, FailureKind::Dirty, 4),
            (Family::Acting, FailureKind::Interrupted, 130),
            (Family::Acting, FailureKind::NoSuchCertificate, 64),
            (Family::Judging, FailureKind::Usage, 3),
            (Family::Judging, FailureKind::Failed, 3),
            (Family::Judging, FailureKind::Interrupted, 130),
            (Family::Showing, FailureKind::Usage, 64),
            (Family::Showing, FailureKind::Refused, 3),
            (Family::Condition, FailureKind::NoSuchCertificate, 2),
            (Family::Condition, FailureKind::Usage, 255),
            (Family::Condition, FailureKind::Failed, 255),
        ] {
            assert_eq!(family.exit(kind).code(), code, "{family:?} {kind:?}");
        }
        assert_eq!(Exit::from(Verdict::Error).code(), 2);
        assert_eq!(Exit::NotDue.code(), 1);
    }

    #[test]
    fn what_is_not_as_it_was_outranks_every_other_failure() {
        let gravest_first = [
            FailureKind::Dirty,
            FailureKind::Interrupted,
            FailureKind::Failed,
            FailureKind::Refused,
        ];
        for pair in gravest_first.windows(2) {
            assert!(pair[0].rank() > pair[1].rank(), "{pair:?}");
        }
        let least = FailureKind::Refused.rank();
        assert_eq!(FailureKind::Usage.rank(), least);
        assert_eq!(FailureKind::NoSuchCertificate.rank(), least);
    }
}
