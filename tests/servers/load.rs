//! Full handshakes without a pause on all listeners of a server, each with what came of it.

use super::client::{Bye, Trust};
use super::{Listener, POLL, Server};
use edgecert::x509::Fingerprint;
use rustix::fs::FlockOperation;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two handshakes behind a gate, for whoever waits before it.
const OTHERS_TURN: Duration = Duration::from_millis(2);

/// How many clients there are, and what they wait for.
#[derive(Debug, Clone)]
pub struct Pace {
    pub threads: usize,
    /// A file that is locked for each handshake.
    pub gate: Option<PathBuf>,
}

impl Pace {
    /// Two clients that never rest; behind a gate where the server's control program stands behind it too.
    pub fn for_server(server: &Server) -> Self {
        Self {
            threads: if server.gate().is_some() { 1 } else { 2 },
            gate: server.gate().map(Path::to_path_buf),
        }
    }
}

/// One handshake.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Which listener, by its place in [`Outcome::listeners`].
    pub listener: usize,
    pub begun: Instant,
    pub ended: Instant,
    /// The leaf, verified, or why there is none.
    pub seen: Result<Fingerprint, String>,
}

/// Handshakes that go on until stopped.
pub struct Load {
    listeners: Vec<Listener>,
    attempts: Arc<Mutex<Vec<Attempt>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// All that a load saw, in the order in which handshakes ended.
#[derive(Debug)]
pub struct Outcome {
    pub listeners: Vec<Listener>,
    pub attempts: Vec<Attempt>,
}

impl Load {
    /// On all listeners of a server, at the pace that it bears.
    pub fn start(trust: &Trust, server: &Server) -> Self {
        Self::on(trust, server.listeners(), &Pace::for_server(server))
    }

    pub fn on(trust: &Trust, listeners: &[Listener], pace: &Pace) -> Self {
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..pace.threads)
            .map(|number| {
                let (trust, listeners) = (trust.clone(), listeners.to_vec());
                let (attempts, stop) = (Arc::clone(&attempts), Arc::clone(&stop));
                let gate = pace.gate.as_deref().map(|path| File::open(path).unwrap());
                // Each begins elsewhere, so that they do not go side by side.
                let first = number * listeners.len() / pace.threads;
                std::thread::spawn(move || {
                    for turn in first.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let listener = turn % listeners.len();
                        let attempt = attempt(&trust, &listeners, listener, gate.as_ref());
                        attempts.lock().unwrap().push(attempt);
                    }
                })
            })
            .collect();
        Self {
            listeners: listeners.to_vec(),
            attempts,
            stop,
            threads,
        }
    }

    /// Waits until every listener was tried so many times more.
    pub fn goes_on(&self, times: usize, within: Duration) -> Result<(), String> {
        let before = self.attempts.lock().unwrap().len();
        self.wait("handshakes", within, |attempts, listener| {
            let since = attempts[before..].iter();
            since.filter(|one| one.listener == listener).count() >= times
        })
    }

    /// Waits until the last handshakes on each listener show the wanted leaf, so many in a row.
    pub fn shows(
        &self,
        wanted: impl Fn(&Listener) -> Fingerprint,
        in_a_row: usize,
        within: Duration,
    ) -> Result<(), String> {
        self.wait("the wanted leaf", within, |attempts, listener| {
            let wanted = wanted(&self.listeners[listener]);
            let last = attempts.iter().rev();
            let mut last = last.filter(|one| one.listener == listener);
            (0..in_a_row).all(|_| last.next().is_some_and(|one| one.seen == Ok(wanted)))
        })
    }

    fn wait(
        &self,
        what: &str,
        within: Duration,
        done: impl Fn(&[Attempt], usize) -> bool,
    ) -> Result<(), String> {
        let deadline = Instant::now() + within;
        loop {
            {
                let attempts = self.attempts.lock().unwrap();
                let Some(missing) = (0..self.listeners.len()).find(|one| !done(&attempts, *one))
                else {
                    return Ok(());
                };
                if Instant::now() > deadline {
                    let last = attempts.iter().rev().find(|one| one.listener == missing);
                    return Err(format!(
                        "{what} not seen on {} within {within:?}; last: {last:?}",
                        self.listeners[missing]
                    ));
                }
            }
            std::thread::sleep(POLL);
        }
    }

    /// Ends the load.
    pub fn stop(mut self) -> Outcome {
        self.end();
        Outcome {
            listeners: std::mem::take(&mut self.listeners),
            attempts: std::mem::take(&mut *self.attempts.lock().unwrap()),
        }
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// One handshake; with a gate, from end to end of the connection behind it.
fn attempt(trust: &Trust, listeners: &[Listener], listener: usize, gate: Option<&File>) -> Attempt {
    let lock = |operation| gate.map(|file| rustix::fs::flock(file, operation).unwrap());
    lock(FlockOperation::LockExclusive);
    let begun = Instant::now();
    let (seen, ended) = match trust.connect(&listeners[listener]) {
        Ok(connection) => {
            let (leaf, ended) = (connection.leaf, Instant::now());
            connection.bye(if gate.is_some() {
                Bye::Awaited
            } else {
                Bye::Said
            });
            (Ok(leaf), ended)
        }
        Err(why) => (Err(why), Instant::now()),
    };
    lock(FlockOperation::Unlock);
    if gate.is_some() {
        std::thread::sleep(OTHERS_TURN);
    }
    Attempt {
        listener,
        begun,
        ended,
        seen,
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

impl Outcome {
    /// Each failure: which listener, and why.
    pub fn failures(&self) -> Vec<String> {
        self.attempts
            .iter()
            .filter_map(|one| {
                let why = one.seen.as_ref().err()?;
                Some(format!("{}: {why}", self.listeners[one.listener]))
            })
            .collect()
    }

    /// When the first handshake that showed a leaf was over.
    pub fn first(&self, leaf: Fingerprint) -> Option<Instant> {
        self.showing(leaf).map(|one| one.ended).min()
    }

    /// When the last handshake that showed a leaf began.
    pub fn last(&self, leaf: Fingerprint) -> Option<Instant> {
        self.showing(leaf).map(|one| one.begun).max()
    }

    fn showing(&self, leaf: Fingerprint) -> impl Iterator<Item = &Attempt> {
        let all = self.attempts.iter();
        all.filter(move |one| one.seen == Ok(leaf))
    }

    /// Leaves that no listener should have shown.
    pub fn strangers(&self, known: &[Fingerprint]) -> usize {
        let all = self.attempts.iter();
        all.filter(|one| one.seen.as_ref().is_ok_and(|leaf| !known.contains(leaf)))
            .count()
    }
}
