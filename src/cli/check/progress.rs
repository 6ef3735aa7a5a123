//! How far a long check is: on a terminal alone, and not before a person would wonder.

use super::{Context, Item};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A check that is over sooner shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts what was looked at, and draws it once that is worth it.
pub(super) struct Progress {
    begun: Instant,
    done: AtomicU64,
    /// How many there are; `None` where a folder is walked, which is not known before its end.
    all: Option<u64>,
    bar: Option<Mutex<Option<ProgressBar>>>,
}

impl Progress {
    /// Of these targets.
    pub(super) fn of(context: &Context, items: &[Item]) -> Self {
        let is_folder = |item: &Item| match item {
            Item::Path(path) => path.is_dir(),
            Item::Endpoint(_) | Item::Domain(..) | Item::Row(_) => false,
        };
        let waits = |item: &&Item| match item {
            Item::Path(_) | Item::Endpoint(_) => true,
            Item::Domain(..) | Item::Row(_) => false,
        };
        let number = items.iter().filter(waits).count();
        Self {
            begun: Instant::now(),
            done: AtomicU64::new(0),
            all: (!items.iter().any(is_folder)).then_some(u64::try_from(number).unwrap_or(0)),
            bar: (context.draws() && console::user_attended_stderr()).then(|| Mutex::new(None)),
        }
    }

    /// One more was looked at. Called from all workers.
    pub(super) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(bar) = self
            .bar
            .as_ref()
            .filter(|_| self.begun.elapsed() > PATIENCE)
        else {
            return;
        };
        // Whoever draws at this moment draws for all.
        if let Ok(mut bar) = bar.try_lock() {
            bar.get_or_insert_with(|| drawn(self.all))
                .set_position(done);
        }
    }

    /// Takes it away again.
    pub(super) fn end(&self) {
        if let Some(Ok(bar)) = self.bar.as_ref().map(|bar| bar.lock())
            && let Some(bar) = bar.as_ref()
        {
            bar.finish_and_clear();
        }
    }
}

fn drawn(all: Option<u64>) -> ProgressBar {
    let (bar, template) = match all {
        Some(all) => (
            ProgressBar::new(all),
            "{bar:30} {human_pos} of {human_len} looked at · {per_sec} · {eta} to go",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {human_pos} looked at · {per_sec}",
        ),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        // A template that indicatif does not take leaves its own.
        Err(_) => bar,
    }
}
