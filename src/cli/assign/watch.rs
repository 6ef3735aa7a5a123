//! Signals while an assignment runs.

use crate::cli::render;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often we look for a signal.
const LOOK_FOR_SIGNALS: Duration = Duration::from_millis(50);

/// The first Ctrl-C asks to go back, and is answered at once; the second one ends the program.
pub(in crate::cli) struct Watch {
    interrupted: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    signals: Vec<signal_hook::SigId>,
    teller: Option<JoinHandle<()>>,
}

impl Watch {
    pub fn begin(tells: bool) -> Self {
        let interrupted = Arc::new(AtomicBool::new(false));
        let signals = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM]
            .into_iter()
            .flat_map(|signal| {
                [
                    signal_hook::flag::register_conditional_shutdown(
                        signal,
                        130,
                        Arc::clone(&interrupted),
                    ),
                    signal_hook::flag::register(signal, Arc::clone(&interrupted)),
                ]
            })
            .filter_map(Result::ok)
            .collect();
        let over = Arc::new(AtomicBool::new(false));
        let teller = tells.then(|| {
            let (interrupted, over) = (Arc::clone(&interrupted), Arc::clone(&over));
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    if interrupted.load(Ordering::Relaxed) {
                        render::write_err(
                            "stopping; putting things back (once more: stop at once)\n",
                        );
                        return;
                    }
                    std::thread::park_timeout(LOOK_FOR_SIGNALS);
                }
            })
        });
        Self {
            interrupted,
            over,
            signals,
            teller,
        }
    }

    pub fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for id in self.signals.drain(..) {
            signal_hook::low_level::unregister(id);
        }
        self.over.store(true, Ordering::Relaxed);
        if let Some(teller) = self.teller.take() {
            teller.thread().unpark();
            // It prints and nothing else.
            let _ = teller.join();
        }
    }
}
