//! One connection from its first byte to its relay: what is said before TLS, the handshake, the stream header.
//!
//! Each stage has its own time limit, and what a peer may send before it is relayed is bounded by
//! [`crate::wire::xmpp::MAX_BYTES`]. Inside TLS the gateway says nothing itself: it reads the header, judges, and hands the bytes
//! to the backend, which answers with its own stream id. Only the answer before TLS, and refusals, are its own words.

use super::before_tls::BeforeTls;
use super::choose::Alpn;
use super::count::Way;
use super::event::{Event, Stage};
use super::listen::{leave_alone, tune};
use super::peer::{Admission, KeepAlive, Refusal, Rules};
use super::proxy::{TlsFacts, Told, encode_header};
use super::refused::shown;
use super::relay::relay;
use super::waiting::Waits;
use super::{Shared, Tuning};
use crate::deployment::EmbeddedListener;
use crate::explain::{os_words, printable};
use crate::names::{Domain, Protocol};
use crate::wire::xmpp::{ServerStream, StreamHeader, StreamKind};
use rustls::pki_types::CertificateDer;
use rustls::{HandshakeKind, ProtocolVersion};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// Bytes read at once before a relay.
pub(super) const CHUNK: usize = 2048;
/// How long a refused peer may take to read why.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection that did not come to its relay.
pub(super) enum Failure {
    /// It said nothing and went away (a port check).
    Silent,
    /// It did something else.
    Broken(Stage, String),
    /// Turned away by rule or for being too slow; it has been told.
    Refused(Option<String>, Refusal),
    /// The backend is not there.
    Backend(String),
}

/// Serves one accepted connection to its end.
pub(super) async fn serve(
    shared: Arc<Shared>,
    at: usize,
    tcp: TcpStream,
    peer: SocketAddr,
    waits: Waits,
) {
    let Some(listener) = shared.settings.embedded.listeners.get(at) else {
        return;
    };
    tune(&tcp);
    let connection = Connection {
        shared: &shared,
        at,
        listener,
        peer,
        local: tcp.local_addr().unwrap_or(listener.listen),
        waits: Mutex::new(Some(waits)),
    };
    let outcome = match listener.protocol {
        Protocol::Xmpp | Protocol::XmppServer => connection.starttls(tcp).await,
        Protocol::XmppsClient | Protocol::XmppsServer => connection.direct_xmpp(tcp).await,
        Protocol::Sips | Protocol::Tls => connection.plain(tcp).await,
    };
    let listen = listener.listen;
    let event = match outcome {
        Ok(()) | Err(Failure::Silent) => return,
        Err(Failure::Broken(stage, why)) => Event::HandshakeFailed {
            listen,
            peer,
            stage,
            why,
        },
        Err(Failure::Refused(domain, refusal)) => {
            let count = shared.rules.count(domain.as_deref());
            count.refuse(refusal.condition);
            let Some(left_out) = shared.refused.is_news(refusal.condition, Instant::now()) else {
                return;
            };
            Event::Refused {
                listen,
                peer,
                why: match &domain {
                    Some(_) => refusal.beside_domain,
                    None => refusal.text,
                },
                domain: domain.as_deref().map(shown),
                condition: refusal.condition,
                left_out,
            }
        }
        Err(Failure::Backend(why)) => {
            let gone = shared.counters.get(at).map(|one| &one.backend_gone);
            if gone.is_some_and(|gone| gone.swap(true, Ordering::Relaxed)) {
                return;
            }
            Event::BackendUnreachable {
                listen,
                backend: listener.backend,
                why,
            }
        }
    };
    shared.observer.event(event);
}

pub(super) struct Connection<'a> {
    pub shared: &'a Shared,
    at: usize,
    listener: &'a EmbeddedListener,
    peer: SocketAddr,
    local: SocketAddr,
    /// Until its relay begins; to the end of one without proof.
    waits: Mutex<Option<Waits>>,
}

impl Connection<'_> {
    pub(super) fn tuning(&self) -> &Tuning {
        &self.shared.settings.tuning
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.shared.rules
    }

    /// STARTTLS (RFC 6120 §5), then the stream inside.
    async fn starttls(&self, mut tcp: TcpStream) -> Result<(), Failure> {
        let mut stream = ServerStream::new(StreamKind::Server);
        let id = self.shared.stream_id();
        let limit = self.tuning().header;
        let talked = timeout(limit, self.talk_before_tls(&mut tcp, &mut stream, &id)).await;
        let (to, from) = match talked {
            Err(_) => {
                return Err(tell_slow(&mut tcp, &mut stream, &id, limit).await);
            }
            Ok(Err(failure)) => return Err(failure),
            Ok(Ok(BeforeTls::Clear(backend))) => {
                if backend.admission.keep_alive == KeepAlive::Ended {
                    leave_alone(&tcp);
                }
                self.relay_stream(tcp, backend.tcp, backend.admission).await;
                return Ok(());
            }
            Ok(Ok(BeforeTls::Start { to, from })) => (to, from),
        };
        drop(stream);
        let tls = self.handshake(tcp, Alpn::Any, to.as_deref()).await?;
        self.stream_inside(tls, from.as_deref()).await
    }

    /// Direct TLS (XEP-0368), then the stream inside.
    async fn direct_xmpp(&self, tcp: TcpStream) -> Result<(), Failure> {
        let tls = self.handshake(tcp, Alpn::XmppServer, None).await?;
        self.stream_inside(tls, None).await
    }

    /// TLS and nothing else: every byte inside is the backend's.
    async fn plain(&self, tcp: TcpStream) -> Result<(), Failure> {
        let tls = self.handshake(tcp, Alpn::Any, None).await?;
        let believed = self.listener.proxy_protocol
            && self
                .rules()
                .anchors()
                .trust(chain_of(&tls), self.shared.now())
                .is_ok();
        let sni = tls.get_ref().1.server_name().map(str::to_owned);
        let facts = tls_facts(&tls, believed);
        let alpn = tls.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let backend = self
            .connect(sni.as_deref(), alpn.as_deref(), Some(facts), None)
            .await?;
        self.stays();
        self.relay(tls, backend, self.tuning().idle).await;
        Ok(())
    }

    /// Refuses a stream of another kind, and a `to` that none of the certificates is for. While nothing is served, the
    /// handshake refuses instead.
    pub(super) fn check_header(&self, header: &StreamHeader) -> Result<(), Refusal> {
        if header.namespace != StreamKind::Server.namespace() {
            return Err(Refusal::new(
                "invalid-namespace",
                "this port is for streams between servers",
            ));
        }
        let served = self.shared.served.load();
        let Some(to) = header.to.as_deref().filter(|_| !served.is_empty()) else {
            return Ok(());
        };
        if Domain::parse(to).is_ok_and(|domain| served.covers(domain.as_str())) {
            return Ok(());
        }
        Err(Refusal::new(
            "host-unknown",
            format!("no certificate here is for {}", printable(to)),
        ))
    }

    /// The TLS handshake, with the configuration of this moment.
    async fn handshake(
        &self,
        tcp: TcpStream,
        alpn: Alpn,
        to: Option<&str>,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let counters = self.shared.counters.get(self.at);
        let shaken = timeout(self.tuning().handshake, async {
            let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), tcp).await?;
            let config = {
                let to = to.and_then(|to| Domain::parse(to).ok());
                let hello = start.client_hello();
                let served = self.shared.served.load();
                served.config(alpn, hello.server_name(), to.as_ref().map(Domain::as_str))
            };
            start.into_stream(config).await
        })
        .await;
        let failure = match shaken {
            Ok(Ok(tls)) => {
                if let Some(counters) = counters {
                    counters.handshakes.fetch_add(1, Ordering::Relaxed);
                }
                return Ok(tls);
            }
            Ok(Err(error)) if self.shared.served.load().is_empty() => {
                let why = os_words(&error);
                Failure::Broken(
                    Stage::Handshake,
                    format!("nothing is assigned to this gateway yet ({why})"),
                )
            }
            Ok(Err(error)) => Failure::Broken(Stage::Handshake, os_words(&error)),
            Err(_) => too_slow(Stage::Handshake),
        };
        if let Some(counters) = counters {
            counters.failed.fetch_add(1, Ordering::Relaxed);
        }
        Err(failure)
    }

    /// Connects the backend and says who comes.
    pub(super) async fn connect(
        &self,
        authority: Option<&str>,
        alpn: Option<&[u8]>,
        tls: Option<TlsFacts>,
        verified_domain: Option<&str>,
    ) -> Result<TcpStream, Failure> {
        let mut tcp = timeout(
            self.tuning().backend,
            TcpStream::connect(self.listener.backend),
        )
        .await
        .map_err(|_| Failure::Backend("no connection in time".to_owned()))?
        .map_err(|error| Failure::Backend(crate::explain::os_words(&error)))?;
        tune(&tcp);
        if self.listener.proxy_protocol {
            let header = encode_header(&Told {
                source: self.peer,
                destination: self.local,
                authority,
                alpn,
                tls,
                verified_domain,
            });
            hand(&mut tcp, &header).await?;
        }
        Ok(tcp)
    }

    /// The backend has said something: that it takes connections is not yet an answer.
    pub(super) fn backend_answered(&self) {
        let gone = self
            .shared
            .counters
            .get(self.at)
            .map(|one| &one.backend_gone);
        // Read first: a write for every connection would be shared between all cores.
        if gone
            .is_some_and(|gone| gone.load(Ordering::Relaxed) && gone.swap(false, Ordering::Relaxed))
        {
            self.shared.observer.event(Event::BackendReachable {
                listen: self.listener.listen,
                backend: self.listener.backend,
            });
        }
    }

    fn no_longer_waits(&self) {
        drop(
            self.waits
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    /// It counts for its source to its end.
    fn stays(&self) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waits) = waits.as_mut() {
            waits.stay();
        }
    }

    /// A stream of a domain that was let in.
    pub(super) async fn relay_stream<S>(&self, peer: S, backend: TcpStream, admission: Admission)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let tuning = self.tuning();
        let idle = match admission.keep_alive {
            KeepAlive::Probed => tuning.idle,
            KeepAlive::Ended => Some(
                tuning
                    .idle
                    .map_or(tuning.unkept, |idle| idle.min(tuning.unkept)),
            ),
        };
        // Anybody is let in who says a name that needs no proof.
        let news = match admission.way {
            Way::Proved => {
                self.no_longer_waits();
                Some(0)
            }
            way @ (Way::InTls | Way::InClear) => {
                self.shared.refused.is_news(way.words(), Instant::now())
            }
        };
        if let Some(left_out) = news {
            self.shared.observer.event(Event::Admitted {
                listen: self.listener.listen,
                peer: self.peer,
                domain: admission.from.to_string(),
                way: admission.way,
                left_out,
            });
        }
        let _counted = admission.open();
        self.relay(peer, backend, idle).await;
    }

    async fn relay<S>(&self, peer: S, backend: TcpStream, idle: Option<Duration>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let half_closed = self.tuning().half_closed;
        // How a relay ends is between peer and backend.
        let _ = relay(peer, backend, idle, half_closed, || self.backend_answered()).await;
    }

    /// Tells the peer why, and makes the failure of it.
    pub(super) async fn refuse<S, T>(
        &self,
        peer: &mut S,
        stream: &mut ServerStream,
        id: &str,
        domain: Option<String>,
        refusal: Refusal,
    ) -> Result<T, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let words = stream.refuse(id, refusal.condition, &refusal.text);
        farewell(peer, &words).await;
        Err(Failure::Refused(domain, refusal))
    }

    pub(super) async fn tell_backend_gone<S>(
        &self,
        peer: &mut S,
        stream: &mut ServerStream,
        id: &str,
        from: Option<&str>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        const CONDITION: &str = "remote-connection-failed";
        self.rules().count(from).refuse(CONDITION);
        let words = stream.refuse(
            id,
            CONDITION,
            "the server behind this gateway does not answer; try again later",
        );
        farewell(peer, &words).await;
    }
}

/// Ends the stream of a peer that took too long to say what it must (RFC 6120 §4.9.3.4), and makes the failure of it.
pub(super) async fn tell_slow<S>(
    peer: &mut S,
    stream: &mut ServerStream,
    id: &str,
    limit: Duration,
) -> Failure
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let text = format!("no whole stream header and no STARTTLS within {limit:?}");
    let refusal = Refusal::new("connection-timeout", text);
    farewell(peer, &stream.refuse(id, refusal.condition, &refusal.text)).await;
    Failure::Refused(None, refusal)
}

/// Writes the last words and waits a little for the peer to close, so that a reset does not overtake them.
pub(super) async fn farewell<S>(peer: &mut S, words: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _ = timeout(FAREWELL, async {
        peer.write_all(words).await?;
        peer.flush().await?;
        peer.shutdown().await?;
        let mut chunk = [0; CHUNK];
        let mut left = 64 * CHUNK;
        while left > 0 {
            match peer.read(&mut chunk).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        io::Result::Ok(())
    })
    .await;
}

fn too_slow(stage: Stage) -> Failure {
    Failure::Broken(stage, "the peer was too slow".to_owned())
}

/// Writes to the backend.
pub(super) async fn hand(to: &mut TcpStream, bytes: &[u8]) -> Result<(), Failure> {
    to.write_all(bytes)
        .await
        .map_err(|error| Failure::Backend(crate::explain::os_words(&error)))
}

/// What the peer presented, leaf first; empty when nothing.
pub(super) fn chain_of(tls: &TlsStream<TcpStream>) -> &[CertificateDer<'static>] {
    tls.get_ref().1.peer_certificates().unwrap_or_default()
}

pub(super) fn tls_facts(tls: &TlsStream<TcpStream>, believed: bool) -> TlsFacts {
    let session = tls.get_ref().1;
    TlsFacts {
        version: if session.protocol_version() == Some(ProtocolVersion::TLSv1_2) {
            "TLSv1.2"
        } else {
            "TLSv1.3"
        },
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        presented: !chain_of(tls).is_empty(),
        believed,
    }
}
