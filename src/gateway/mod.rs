//! The embedded TLS gateway: start, serve, stop.
//!
//! A TLS front for XMPP and SIP servers that listen in clear on a private address. It asks peers for certificates
//! and judges them by the partners' settings ([`peer`]), shows its own by SNI or the stream's `to` ([`choose`]), and
//! takes new ones over its control socket without dropping a connection ([`reload`]). It neither reads nor locks the
//! state of the deployment: what it serves lies in a folder of its own. Standards: RFC 6120, RFC 7590, XEP-0368,
//! RFC 8446; PROXY protocol version 2 ([`proxy`]).

mod before_tls;
pub mod choose;
pub mod config;
mod control;
mod count;
mod error;
mod event;
mod inside;
mod listen;
pub mod notify;
pub mod peer;
pub mod proof;
pub mod proxy;
mod refused;
pub mod relay;
pub mod reload;
mod serve;
mod socket;
mod waiting;

pub use config::{Settings, Tuning};
pub use count::Way;
pub use error::GatewayError;
pub use event::{Event, Level, Observer, Stage};

use arc_swap::ArcSwap;
use choose::{Served, ServedPair};
use listen::Counters;
use peer::Rules;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use socket::ControlSocket;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use waiting::Waiting;

use crate::x509::Certificate;

/// Most names of a certificate that an event or a status tells.
const MAX_NAMES_TOLD: usize = 100;
/// How long cut connections have to be taken down at the end.
const TAKE_DOWN: Duration = Duration::from_secs(1);

/// Where the gateway stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// No new connections.
    Draining,
    /// What is still open is cut.
    Ended,
}

/// What all tasks of a gateway share.
struct Shared {
    settings: Settings,
    served: ArcSwap<Served>,
    rules: Rules,
    observer: Arc<dyn Observer>,
    clock: fn() -> OffsetDateTime,
    provider: Arc<CryptoProvider>,
    /// One for each of `settings.embedded.listeners`.
    counters: Vec<Counters>,
    started: OffsetDateTime,
    /// Connections at once: the configured limit, or fewer where the system has no more descriptors.
    capacity: u32,
    /// One permit a connection.
    places: Arc<Semaphore>,
    waiting: Arc<Waiting>,
    refused: refused::Told,
    /// Whether [`Event::LimitReached`] was told.
    full: AtomicBool,
}

impl Shared {
    fn connections(&self) -> u32 {
        let free = u32::try_from(self.places.available_permits()).unwrap_or(u32::MAX);
        self.capacity.saturating_sub(free)
    }

    /// The handed-in clock as webpki takes it.
    fn now(&self) -> UnixTime {
        let seconds = (self.clock)().unix_timestamp();
        UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }

    /// A stream id that cannot be guessed: dialback keys depend on it (RFC 6120 §4.7.3).
    fn stream_id(&self) -> String {
        let mut bytes = [0; 16];
        if self.provider.secure_random.fill(&mut bytes).is_err() {
            // Without random numbers no handshake will come up either; an empty id is refused by the peer.
            return String::new();
        }
        crate::explain::hex(&bytes)
    }

    /// Into the order of the settings.
    fn sort(&self, pairs: &mut [Arc<ServedPair>]) {
        pairs.sort_by_key(|pair| {
            self.settings
                .certificates
                .iter()
                .position(|certificate| *certificate == pair.certificate)
        });
    }

    fn served_event(&self, pair: &ServedPair) -> Event {
        Event::Served {
            certificate: pair.certificate.clone(),
            generation: pair.generation,
            sha256: pair.leaf.facts().sha256,
            names: typed_names(&pair.leaf),
            not_after: pair.leaf.facts().not_after,
        }
    }
}

fn typed_names(leaf: &Certificate) -> Vec<String> {
    leaf.facts()
        .names
        .iter()
        .flatten()
        .take(MAX_NAMES_TOLD)
        .map(|name| name.to_typed())
        .collect()
}

/// Runs a gateway until `shutdown` is over, then lets the open connections end. Needs a tokio runtime with network
/// and time.
///
/// Effects: binds sockets, writes into `directory`, reads `LISTEN_FDS` and `NOTIFY_SOCKET` of systemd. `clock` is read
/// at each commit and for each peer's certificate.
///
/// Errors: those of the start alone, and then nothing is left behind; a gateway that runs goes on.
pub async fn run(
    settings: Settings,
    observer: Arc<dyn Observer>,
    clock: fn() -> OffsetDateTime,
    shutdown: impl Future<Output = ()>,
) -> Result<(), GatewayError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let embedded = &settings.embedded;
    reload::make_folder(&embedded.directory).map_err(|source| GatewayError::Directory {
        path: embedded.directory.clone(),
        source,
    })?;
    // First of all: a second gateway of the same name must not touch anything.
    let socket = ControlSocket::open(&embedded.socket)?;
    // Only a killed commit leaves any, and they hold keys. What cannot be removed does no other harm.
    let _ = crate::store::atomic::remove_leftovers(&crate::store::Disk::new(), &embedded.directory);
    let (bound, unused) = listen::bind_all(&embedded.listeners, notify::activated())?;
    let room = listen::make_room(embedded.connection_limit);
    let capacity = room.connections;
    let shared = Arc::new(Shared {
        served: ArcSwap::from_pointee(
            Served::new(Vec::new(), &provider).map_err(GatewayError::Tls)?,
        ),
        rules: Rules::new(
            &settings.partners,
            embedded.others,
            &settings.anchors,
            &settings.partner_anchors,
        ),
        observer,
        clock,
        provider,
        counters: embedded
            .listeners
            .iter()
            .map(|_| Counters::default())
            .collect(),
        started: clock(),
        capacity,
        places: Arc::new(Semaphore::new(capacity as usize)),
        waiting: Waiting::new(capacity),
        refused: refused::Told::default(),
        full: AtomicBool::new(false),
        settings,
    });
    for address in unused {
        shared.observer.event(Event::UnusedSocket { address });
    }
    if room.allowed < room.needed {
        shared.observer.event(Event::FewDescriptors {
            needed: room.needed,
            allowed: room.allowed,
        });
    }
    shared.observer.event(Event::Capacity {
        connections: capacity,
        descriptors: room.allowed,
    });
    let pairs = find_pairs(&shared);
    let served = Served::new(pairs, &shared.provider).map_err(GatewayError::Tls)?;
    shared.served.store(Arc::new(served));

    let (phase, phases) = watch::channel(Phase::Serving);
    let mut tasks = JoinSet::new();
    for ((at, listener), bound) in shared
        .settings
        .embedded
        .listeners
        .iter()
        .enumerate()
        .zip(bound)
    {
        shared.observer.event(Event::Listening {
            protocol: listener.protocol,
            listen: listener.listen,
            activated: bound.activated,
        });
        tasks.spawn(listen::accept(
            Arc::clone(&shared),
            at,
            listener.listen,
            bound.socket,
            phases.clone(),
        ));
    }
    shared.observer.event(Event::ControlListening {
        socket: shared.settings.embedded.socket.clone(),
    });
    tasks.spawn(control::attend(Arc::clone(&shared), socket, phases.clone()));
    notify::notify("READY=1");
    shared.observer.event(Event::Ready);

    shutdown.await;

    notify::notify("STOPPING=1");
    shared.observer.event(Event::Draining {
        connections: shared.connections(),
        within: shared.settings.tuning.drain,
    });
    let _ = phase.send(Phase::Draining);
    // The listeners are closed when their tasks are over.
    while tasks.join_next().await.is_some() {}
    let all_gone = shared.places.acquire_many(capacity);
    let dropped = match timeout(shared.settings.tuning.drain, all_gone).await {
        Ok(_) => 0,
        Err(_) => shared.connections(),
    };
    let _ = phase.send(Phase::Ended);
    if dropped > 0 {
        let _ = timeout(TAKE_DOWN, shared.places.acquire_many(capacity)).await;
    }
    shared.observer.event(Event::Stopped { dropped });
    Ok(())
}

/// What lies in the folder and can be served, with everything said about it.
fn find_pairs(shared: &Shared) -> Vec<Arc<ServedPair>> {
    let mut pairs = Vec::new();
    for certificate in &shared.settings.certificates {
        let path = reload::path_of(&shared.settings.embedded.directory, certificate);
        match reload::load(certificate, &path, shared.started, &shared.provider) {
            Ok(None) => shared.observer.event(Event::NotServed {
                certificate: certificate.clone(),
                path,
            }),
            Err(why) => shared.observer.event(Event::PairBroken {
                certificate: certificate.clone(),
                path,
                why,
            }),
            Ok(Some((pair, findings))) => {
                shared.observer.event(shared.served_event(&pair));
                if !findings.is_empty() {
                    shared.observer.event(Event::Findings {
                        certificate: certificate.clone(),
                        findings,
                    });
                }
                pairs.push(Arc::new(pair));
            }
        }
    }
    pairs
}
