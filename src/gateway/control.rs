//! The control socket: prepare, commit, abort, status, one line each way (`wire::control`).
//!
//! Only the gateway's own user and root are heard. A prepared transaction has been validated whole and waits a
//! little while; a commit writes the pairs into the gateway's folder, swaps, then answers. Whatever fails, the files
//! are put back and what was served goes on.

use super::choose::{Served, ServedPair};
use super::event::Event;
use super::reload::{self, PairRefusal, ReadyPair};
use super::socket::ControlSocket;
use super::{Phase, Shared};
use crate::explain::{Explain, printable};
use crate::names::Slug;
use crate::store::StoreError;
use crate::wire::control::{
    Answer, MAX_LINE, Pair, Request, ServedCertificate, ServedListener, ServedPartner, Status,
    read_request, write_answer,
};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

/// Talks at once.
const MAX_TALKS: usize = 8;
/// Longest transaction name.
const MAX_TRANSACTION: usize = 256;

/// A transaction that was validated.
struct Prepared {
    transaction: String,
    at: Instant,
    changes: Vec<(Slug, Option<ReadyPair>)>,
}

/// Most partners told of in a status: with their counts they fit into a line of the socket.
const MAX_PARTNERS_TOLD: usize = 5_000;

/// What the talks share.
pub(super) struct Desk {
    shared: Arc<Shared>,
    prepared: Mutex<Option<Prepared>>,
}

/// Answers until told to stop.
pub(super) async fn attend(
    shared: Arc<Shared>,
    mut socket: ControlSocket,
    mut phase: watch::Receiver<Phase>,
) {
    let listener = match socket.listener.take().map(UnixListener::from_std) {
        Some(Ok(listener)) => listener,
        Some(Err(_)) | None => return,
    };
    let desk = Arc::new(Desk {
        shared,
        prepared: Mutex::new(None),
    });
    let talks = Arc::new(Semaphore::new(MAX_TALKS));
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(desk.shared.settings.tuning.back_off).await;
            continue;
        };
        let Ok(place) = Arc::clone(&talks).acquire_owned().await else {
            return;
        };
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            let limit = desk.shared.settings.tuning.control;
            let _ = talk(desk, stream, limit).await;
            drop(place);
        });
    }
}

/// One talk. Reading and writing are limited in time; what was asked is done to its end.
async fn talk(desk: Arc<Desk>, mut stream: UnixStream, limit: Duration) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    let uid = stream.peer_cred()?.uid();
    if uid != own && uid != 0 {
        desk.shared.observer.event(Event::ControlRefused { uid });
        let answer = refuse(
            "gateway.not-allowed",
            "this user may not speak to the gateway",
            format!("the peer is user {uid}, the gateway runs as {own}"),
            "run it as the gateway's user, or as root",
        );
        return reply(&mut stream, &answer, limit).await;
    }
    let request = timeout(limit, read_line(&mut stream))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let answer = match request {
        Err(why) => refuse(
            "gateway.bad-request",
            "the request cannot be read",
            why,
            "use the edgecert of the same version",
        ),
        Ok(request) => {
            let desk = Arc::clone(&desk);
            tokio::task::spawn_blocking(move || desk.answer(request))
                .await
                .map_err(io::Error::other)?
        }
    };
    if let Answer::Refused {
        code, what, why, ..
    } = &answer
    {
        desk.shared.observer.event(Event::PairRefused {
            code: code.clone(),
            why: format!("{what}: {why}"),
        });
    }
    reply(&mut stream, &answer, limit).await
}

async fn read_line(stream: &mut UnixStream) -> io::Result<Result<Request, String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let mut searched = 0;
    loop {
        if stream.read_buf(&mut *line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Parsed once, when the line is whole.
        let whole = line
            .get(searched..)
            .is_some_and(|fresh| fresh.contains(&b'\n'));
        if whole || line.len() > MAX_LINE {
            return match read_request(&line) {
                Ok(Some(request)) => Ok(Ok(request)),
                Ok(None) => Ok(Err("the line has no end".to_owned())),
                Err(error) => Ok(Err(printable(&error.to_string()))),
            };
        }
        searched = line.len();
    }
}

async fn reply(stream: &mut UnixStream, answer: &Answer, limit: Duration) -> io::Result<()> {
    let line = write_answer(answer).map_err(io::Error::other)?;
    timeout(limit, async {
        stream.write_all(&line).await?;
        stream.shutdown().await
    })
    .await
    .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

fn refuse(
    code: &str,
    what: impl Into<String>,
    why: impl Into<String>,
    mend: impl Into<String>,
) -> Answer {
    Answer::Refused {
        code: code.to_owned(),
        what: what.into(),
        why: why.into(),
        mend: mend.into(),
    }
}

impl From<PairRefusal> for Answer {
    fn from(refusal: PairRefusal) -> Self {
        refuse(refusal.code, refusal.what, refusal.why, refusal.mend)
    }
}

impl Desk {
    fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Prepare { transaction, pairs } => self.prepare(transaction, &pairs),
            Request::Commit { transaction } => self.commit(&transaction),
            Request::Abort { transaction } => self.abort(&transaction),
            Request::Status => Answer::Status(self.status()),
        }
    }

    fn prepare(&self, transaction: String, pairs: &BTreeMap<String, Option<Pair>>) -> Answer {
        if transaction.is_empty() || transaction.len() > MAX_TRANSACTION {
            return refuse(
                "gateway.bad-request",
                "the transaction has no usable name",
                format!(
                    "{} bytes; 1 to {MAX_TRANSACTION} are taken",
                    transaction.len()
                ),
                "use the edgecert of the same version",
            );
        }
        let shared = &self.shared;
        let now = (shared.clock)();
        let mut changes = Vec::new();
        for (name, pair) in pairs {
            let known = shared
                .settings
                .certificates
                .iter()
                .find(|certificate| certificate.as_str() == name);
            let Some(certificate) = known else {
                let all: Vec<&str> = shared
                    .settings
                    .certificates
                    .iter()
                    .map(Slug::as_str)
                    .collect();
                return refuse(
                    "gateway.unknown-certificate",
                    format!("this gateway does not serve {}", printable(name)),
                    format!("it was started for {}", all.join(", ")),
                    "add it to `certificate` in [gateway.embedded.NAME] and restart the gateway once",
                );
            };
            let ready = match pair {
                None => None,
                Some(pair) => match reload::judge(certificate, pair, now, &shared.provider) {
                    Ok(ready) => Some(ready),
                    Err(refusal) => return refusal.into(),
                },
            };
            changes.push((certificate.clone(), ready));
        }
        *self.lock() = Some(Prepared {
            transaction,
            at: Instant::now(),
            changes,
        });
        Answer::Done
    }

    fn commit(&self, transaction: &str) -> Answer {
        // Held to the end: commits come one after the other.
        let mut waiting = self.lock();
        self.forget_old(&mut waiting);
        let prepared = match waiting.take() {
            Some(prepared) if prepared.transaction == transaction => prepared,
            other => {
                let why = match &other {
                    None => "nothing is prepared, or it waited too long".to_owned(),
                    Some(prepared) => format!(
                        "{} is prepared in its place",
                        printable(&prepared.transaction)
                    ),
                };
                *waiting = other;
                return refuse(
                    "gateway.not-prepared",
                    format!("transaction {} is not prepared", printable(transaction)),
                    why,
                    "run `edgecert assign` again",
                );
            }
        };
        match self.apply(prepared.changes) {
            Ok(()) => Answer::Done,
            Err(refusal) => refusal.into(),
        }
    }

    /// Files first, then the swap; the other way round, a crash between them would bring the old pair back.
    fn apply(&self, changes: Vec<(Slug, Option<ReadyPair>)>) -> Result<(), PairRefusal> {
        let shared = &self.shared;
        let now = (shared.clock)();
        let mut pairs: Vec<Arc<ServedPair>> = shared.served.load().pairs().to_vec();
        let mut files = Vec::new();
        let mut events = Vec::new();
        for (certificate, ready) in changes {
            pairs.retain(|pair| pair.certificate != certificate);
            let path = reload::path_of(&shared.settings.embedded.directory, &certificate);
            match ready {
                None => {
                    files.push((path, None));
                    events.push(Event::PairRemoved { certificate });
                }
                Some(ReadyPair { mut pair, file }) => {
                    pair.since = now;
                    files.push((path, Some(file)));
                    events.push(Event::PairCommitted {
                        certificate,
                        generation: pair.generation,
                        sha256: pair.leaf.facts().sha256,
                    });
                    events.push(shared.served_event(&pair));
                    pairs.push(Arc::new(pair));
                }
            }
        }
        shared.sort(&mut pairs);
        let served = Served::new(pairs, &shared.provider).map_err(|error| PairRefusal {
            code: "gateway.tls",
            what: "the new TLS configuration cannot be built".to_owned(),
            why: printable(&error.to_string()),
            mend: "what was served before is served still; try again".to_owned(),
        })?;
        write_all(&files)?;
        shared.served.store(Arc::new(served));
        for event in events {
            shared.observer.event(event);
        }
        Ok(())
    }

    fn abort(&self, transaction: &str) -> Answer {
        let mut waiting = self.lock();
        if waiting
            .as_ref()
            .is_some_and(|prepared| prepared.transaction == transaction)
        {
            *waiting = None;
        }
        Answer::Done
    }

    fn status(&self) -> Status {
        let shared = &self.shared;
        let mut waiting = self.lock();
        self.forget_old(&mut waiting);
        let served = shared.served.load();
        Status {
            gateway: shared.settings.name.to_string(),
            pid: std::process::id(),
            started: shared.started.truncate_to_second(),
            connections: shared.connections(),
            connection_limit: shared.settings.embedded.connection_limit,
            capacity: Some(shared.capacity),
            partners: shared
                .rules
                .counts()
                .map(|(partner, count)| ServedPartner {
                    domain: partner.domain.to_string(),
                    connection_limit: partner.connection_limit,
                    counts: count.told(),
                })
                .take(MAX_PARTNERS_TOLD)
                .collect(),
            others: shared.rules.count_of_others().told(),
            certificates: served
                .pairs()
                .iter()
                .map(|pair| ServedCertificate {
                    certificate: pair.certificate.to_string(),
                    generation: pair.generation,
                    sha256: pair.leaf.facts().sha256.to_string(),
                    names: super::typed_names(&pair.leaf),
                    not_after: pair.leaf.facts().not_after,
                    since: pair.since.truncate_to_second(),
                })
                .collect(),
            listeners: shared
                .settings
                .embedded
                .listeners
                .iter()
                .zip(&shared.counters)
                .map(|(listener, counters)| ServedListener {
                    protocol: listener.protocol.word().to_owned(),
                    listen: listener.listen.to_string(),
                    backend: listener.backend.to_string(),
                    accepted: counters.accepted.load(Ordering::Relaxed),
                    handshakes: counters.handshakes.load(Ordering::Relaxed),
                    failed: counters.failed.load(Ordering::Relaxed),
                })
                .collect(),
            prepared: waiting
                .as_ref()
                .map(|prepared| prepared.transaction.clone()),
        }
    }

    fn forget_old(&self, waiting: &mut Option<Prepared>) {
        let limit = self.shared.settings.tuning.prepared;
        if waiting
            .as_ref()
            .is_some_and(|prepared| prepared.at.elapsed() > limit)
        {
            *waiting = None;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Prepared>> {
        // A panic while it was held leaves a whole value behind: it is only ever replaced.
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes every file, or puts back those that were written.
fn write_all(files: &[(PathBuf, Option<Zeroizing<Vec<u8>>>)]) -> Result<(), PairRefusal> {
    let failed = |path: &Path, error: &StoreError, left: &str| PairRefusal {
        code: "gateway.directory",
        what: format!("the pair cannot be kept in the gateway's folder{left}"),
        why: printable(&format!("{}: {}", path.display(), error.explain().why)),
        mend: "see that the folder exists, is the gateway's own and has room; then assign again"
            .to_owned(),
    };
    let mut before = Vec::new();
    for (path, _) in files {
        // An unreadable file there is no pair to put back.
        before.push(reload::read_file(path).map_err(|error| failed(path, &error, ""))?);
    }
    for (at, (path, bytes)) in files.iter().enumerate() {
        let Err(error) = reload::put(path, bytes.as_ref().map(|bytes| bytes.as_slice())) else {
            continue;
        };
        let mut left = "";
        // The failed one too: its rename may have happened before its folder could be flushed.
        for ((path, _), old) in files.iter().zip(&before).take(at + 1) {
            if reload::put(path, old.as_ref().map(|old| old.as_slice())).is_err() {
                left = ", and not every file could be put back";
            }
        }
        return Err(failed(path, &error, left));
    }
    Ok(())
}
