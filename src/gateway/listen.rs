//! Listeners: bound or taken from systemd, accepted from without end, within the limit of connections.

use super::error::GatewayError;
use super::event::Event;
use super::serve::serve;
use super::{Phase, Shared};
use crate::deployment::EmbeddedListener;
use crate::explain::os_words;
use rustix::net::sockopt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// Connections that wait to be accepted; the system's own limit may be lower.
const BACKLOG: u32 = 1024;

/// Descriptors besides those of connections: listeners, control talks, files, the runtime's own.
const OTHER_DESCRIPTORS: u64 = 64;

/// A silent peer is asked after this time whether it is still there, since nothing else ends a dead connection.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(300);
/// And again, this often.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(60);
/// Unanswered questions that end it.
const KEEPALIVE_TRIES: u32 = 5;

/// What one listener has seen since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Handshakes completed.
    pub handshakes: AtomicU64,
    /// Handshakes failed.
    pub failed: AtomicU64,
    /// Whether [`Event::BackendUnreachable`] was told.
    pub backend_gone: AtomicBool,
}

/// A bound listener.
pub(super) struct Bound {
    /// The socket.
    pub socket: TcpListener,
    /// Whether systemd had bound it.
    pub activated: bool,
}

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Connections at once: as wanted, or as many as there are descriptors for; at least one.
    pub connections: u32,
    /// Descriptors that the wanted ones need: two each, and some more.
    pub needed: u64,
    /// Descriptors that the process may open.
    pub allowed: u64,
}

impl Room {
    fn of(wanted: u32, allowed: u64) -> Self {
        let fitting = allowed.saturating_sub(OTHER_DESCRIPTORS) / 2;
        Self {
            connections: u32::try_from(fitting)
                .unwrap_or(u32::MAX)
                .min(wanted)
                .max(1),
            needed: descriptors_for(wanted),
            allowed,
        }
    }
}

fn descriptors_for(connections: u32) -> u64 {
    u64::from(connections) * 2 + OTHER_DESCRIPTORS
}

/// Lets the process have the descriptors that this many connections need, as far as the system allows.
pub(super) fn make_room(wanted: u32) -> Room {
    let needed = descriptors_for(wanted);
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= needed {
        return Room::of(wanted, current);
    }
    let raised = Rlimit {
        current: Some(needed.min(limit.maximum.unwrap_or(u64::MAX))),
        maximum: limit.maximum,
    };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current.unwrap_or(u64::MAX),
        Err(_) => current,
    };
    Room::of(wanted, allowed)
}

/// Nothing more is sent to a silent peer.
pub(super) fn leave_alone(tcp: &TcpStream) {
    let _ = sockopt::set_socket_keepalive(tcp, false);
}

/// Small packets at once, and dead peers found out. A socket that refuses this works all the same.
pub(super) fn tune(tcp: &TcpStream) {
    let _ = tcp.set_nodelay(true);
    let _ = sockopt::set_socket_keepalive(tcp, true)
        .and_then(|()| sockopt::set_tcp_keepidle(tcp, KEEPALIVE_AFTER))
        .and_then(|()| sockopt::set_tcp_keepintvl(tcp, KEEPALIVE_EVERY))
        .and_then(|()| sockopt::set_tcp_keepcnt(tcp, KEEPALIVE_TRIES));
}

/// Binds every listener, or takes the one that systemd bound at its address; also the addresses of those that no
/// listener asked for.
pub(super) fn bind_all(
    listeners: &[EmbeddedListener],
    mut handed_over: Vec<std::net::TcpListener>,
) -> Result<(Vec<Bound>, Vec<SocketAddr>), GatewayError> {
    let addresses: Vec<SocketAddr> = listeners.iter().map(|one| one.listen).collect();
    let mut bound = Vec::with_capacity(addresses.len());
    for &listen in &addresses {
        let at = handed_over
            .iter()
            .position(|socket| socket.local_addr().is_ok_and(|local| local == listen));
        let one = match at {
            Some(at) => adopt(handed_over.swap_remove(at)),
            None => bind(listen, &addresses),
        };
        bound.push(one.map_err(|source| GatewayError::Bind { listen, source })?);
    }
    let unused = handed_over
        .iter()
        .filter_map(|socket| socket.local_addr().ok())
        .collect();
    Ok((bound, unused))
}

fn adopt(socket: std::net::TcpListener) -> io::Result<Bound> {
    socket.set_nonblocking(true)?;
    Ok(Bound {
        socket: TcpListener::from_std(socket)?,
        activated: true,
    })
}

fn bind(listen: SocketAddr, all: &[SocketAddr]) -> io::Result<Bound> {
    let socket = match listen {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // So that a restart need not wait for old connections to be forgotten; two listeners still exclude each other.
    socket.set_reuseaddr(true)?;
    // `[::]` takes IPv4 as well, unless somebody listens for that by name.
    let beside_v4 = |other: &SocketAddr| other.is_ipv4() && other.port() == listen.port();
    if listen.is_ipv6() && all.iter().any(beside_v4) {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    socket.bind(listen)?;
    Ok(Bound {
        socket: socket.listen(BACKLOG)?,
        activated: false,
    })
}

/// Accepts until told to stop. No error ends it: without descriptors it pauses and tries again.
pub(super) async fn accept(
    shared: Arc<Shared>,
    at: usize,
    listen: SocketAddr,
    socket: TcpListener,
    mut phase: watch::Receiver<Phase>,
) {
    let mut ailing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
            accepted = socket.accept() => accepted,
        };
        let (tcp, peer) = match accepted {
            Ok(accepted) => accepted,
            // The peer was gone before we came.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::Interrupted
                ) =>
            {
                continue;
            }
            Err(error) => {
                if !ailing {
                    ailing = true;
                    shared.observer.event(Event::AcceptFailed {
                        listen,
                        why: os_words(&error),
                    });
                }
                tokio::time::sleep(shared.settings.tuning.back_off).await;
                continue;
            }
        };
        ailing = false;
        if let Some(counters) = shared.counters.get(at) {
            counters.accepted.fetch_add(1, Ordering::Relaxed);
        }
        let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() else {
            if !shared.full.swap(true, Ordering::Relaxed) {
                shared.observer.event(Event::LimitReached {
                    limit: shared.capacity,
                });
            }
            // Closed at once, so that the peer tries another target of its SRV records.
            drop(tcp);
            continue;
        };
        let waits = match shared.waiting.enter(peer.ip()) {
            Ok(waits) => waits,
            Err(most) => {
                if shared.waiting.is_news() {
                    shared.observer.event(Event::SourceCrowds {
                        source: peer.ip(),
                        most,
                    });
                }
                drop(tcp);
                continue;
            }
        };
        shared.full.store(false, Ordering::Relaxed);
        let (shared, mut phase) = (Arc::clone(&shared), phase.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = serve(shared, at, tcp, peer, waits) => {}
                _ = phase.wait_for(|phase| *phase == Phase::Ended) => {}
            }
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Protocol;

    fn listener(listen: SocketAddr) -> EmbeddedListener {
        EmbeddedListener {
            protocol: Protocol::Tls,
            listen,
            backend: listen,
            proxy_protocol: false,
        }
    }

    fn run<T>(work: impl FnOnce() -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        work()
    }

    #[test]
    fn capacity_is_what_there_are_descriptors_for() {
        for (wanted, allowed, connections) in [
            (1_000, 2_064, 1_000),
            (1_000, 1_000_000, 1_000),
            (8_000, 1_024, 480),
            (8_000, 10, 1),
        ] {
            let room = Room::of(wanted, allowed);
            assert_eq!(room.connections, connections, "{wanted} {allowed}");
            assert_eq!(room.needed > allowed, connections < wanted);
        }
        // Few are always to be had, and a limit that is enough is left alone.
        let before = getrlimit(Resource::Nofile).current;
        assert_eq!(make_room(10).connections, 10);
        assert_eq!(getrlimit(Resource::Nofile).current, before);
    }

    #[test]
    fn sockets_of_the_service_manager_are_taken_by_address() {
        run(|| {
            let wanted = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let stray = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = wanted.local_addr().unwrap();
            let stray_address = stray.local_addr().unwrap();
            let (bound, unused) = bind_all(&[listener(address)], vec![stray, wanted]).unwrap();
            assert!(bound[0].activated);
            assert_eq!(bound[0].socket.local_addr().unwrap(), address);
            assert_eq!(unused, [stray_address]);
        });
    }

    #[test]
    fn wildcards_of_both_families_can_stand_beside_each_other() {
        run(|| {
            let port = std::net::TcpListener::bind("0.0.0.0:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let v4 = listener(SocketAddr::from(([0, 0, 0, 0], port)));
            let v6 = listener(SocketAddr::from(([0_u16; 8], port)));
            match bind_all(&[v6, v4], Vec::new()) {
                Ok((bound, _)) => assert_eq!(bound.len(), 2),
                // A machine without IPv6.
                Err(GatewayError::Bind { listen, .. }) => assert!(listen.is_ipv6()),
                Err(other) => panic!("{other}"),
            }
        });
    }
}
