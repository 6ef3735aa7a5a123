//! `[assign]`, `[check]` and `[store]`: thresholds, deadlines and places.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The seconds of `30s`, `10m`, `12h` or `30d`; `None` for anything else.
pub fn seconds_of(text: &str) -> Option<u64> {
    let (at, unit) = text.char_indices().next_back()?;
    let scale: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = text.get(..at)?;
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then_some(())?;
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

/// What is left of a certificate's life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LifeLeft {
    /// Days of 86 400 s.
    Days(f64),
    /// A share of the whole life, 0.0 to 1.0.
    Share(f64),
}

impl LifeLeft {
    /// Parses `30d` or `25%` (decimals are allowed); `None` for anything else, for over 100 % and over 36 500 days.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str| {
            let plain =
                !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            digits.parse::<f64>().ok().filter(|_| plain)
        };
        if let Some(share) = text.strip_suffix('%') {
            let share = number(share)? / 100.0;
            (share <= 1.0).then_some(LifeLeft::Share(share))
        } else {
            let days = number(text.strip_suffix('d')?)?;
            (days <= 36_500.0).then_some(LifeLeft::Days(days))
        }
    }

    /// Whether both are days or both are shares, and this is the smaller; `None` when they cannot be compared.
    pub fn is_less_than(self, other: Self) -> Option<bool> {
        match (self, other) {
            (LifeLeft::Days(left), LifeLeft::Days(right))
            | (LifeLeft::Share(left), LifeLeft::Share(right)) => Some(left < right),
            (LifeLeft::Days(_), LifeLeft::Share(_)) | (LifeLeft::Share(_), LifeLeft::Days(_)) => {
                None
            }
        }
    }
}

impl std::fmt::Display for LifeLeft {
    /// `30d` or `25%`, as it is parsed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LifeLeft::Days(days) => write!(f, "{days}d"),
            // Shares are read from percents: two decimals undo the division without showing its error.
            LifeLeft::Share(share) => write!(f, "{}%", (share * 10_000.0).round() / 100.0),
        }
    }
}

/// Two thresholds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Less than this is a warning.
    pub warning: LifeLeft,
    /// Less than this is critical.
    pub critical: LifeLeft,
}

impl Thresholds {
    /// For leaves, where nothing is said.
    pub const LEAF: Thresholds = Thresholds {
        warning: LifeLeft::Share(0.25),
        critical: LifeLeft::Share(0.10),
    };
    /// For intermediates, where nothing is said.
    pub const CHAIN: Thresholds = Thresholds {
        warning: LifeLeft::Days(60.0),
        critical: LifeLeft::Days(14.0),
    };
}

/// `[assign]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignSettings {
    /// From the reload to only the new leaf on every listener; default 30 s.
    pub prove_within: Duration,
}

/// `[check]`.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckSettings {
    /// For leaves; default [`Thresholds::LEAF`].
    pub leaf: Thresholds,
    /// For intermediates; default [`Thresholds::CHAIN`].
    pub chain: Thresholds,
    /// For one endpoint; default 10 s.
    pub timeout: Duration,
    /// Endpoints in flight; default 256.
    pub jobs: u32,
    /// The resolver; `None`: the system's.
    pub resolver: Option<SocketAddr>,
    /// Targets besides all that is deployed, as written.
    pub targets: Vec<String>,
}

/// `[store]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// Absolute; the default applied: beside the file, or `/var/lib/edgecert` when that lies under `/etc`.
    pub directory: PathBuf,
    /// Besides current, staged and previous; default 5.
    pub keep_generations: u32,
    /// How long a second writer waits; default 30 s.
    pub lock_timeout: Duration,
}
