//! What comes back: calls to the listener, answered like a server's up to the end of the handshake.

use super::tls::Identity;
use super::{CALL, MAX_CALLS, NAMELESS, OutboundCall, OutboundError, OutboundObservation};
use crate::explain::printable;
use crate::names::Domain;
use crate::probe::drive::CHUNK;
use crate::probe::error::words_for_io;
use crate::probe::tls::Recorder;
use crate::probe::words::Circumstances;
use crate::probe::{KeyKind, ProbeError};
use crate::wire::xmpp::{ServerStep, ServerStream, StreamKind, TlsOffer};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// Most calls of others that are told about.
const MAX_HEARD: usize = 3;

/// How long the caller has for its header inside TLS, which is read so that the end can be said to it.
const FAREWELL: Duration = Duration::from_secs(1);

/// The first byte of a TLS handshake (RFC 8446 §5.1): the caller begins with TLS (XEP-0368).
const TLS_HANDSHAKE: u8 = 0x16;

/// What the caller is told at the end, for its log.
const GOODBYE: &str = "edgecert has seen the certificate of this connection; this is no server";

/// What all calls share.
#[derive(Debug)]
pub(super) struct Desk {
    /// Who is awaited.
    host: Domain,
    key_kind: KeyKind,
    identity: Identity,
    id: String,
    heard: Mutex<Vec<String>>,
    /// What came in the awaited name without the proof of a key.
    unproved: Mutex<Option<OutboundObservation>>,
}

impl Desk {
    pub fn new(call: &OutboundCall) -> Result<Self, String> {
        let id = Recorder::new(KeyKind::Any)
            .token()
            .ok_or("the system gives no random bytes")?;
        Ok(Self {
            host: call.host.clone(),
            key_kind: call.key_kind,
            identity: Identity::make()?,
            id,
            heard: Mutex::default(),
            unproved: Mutex::default(),
        })
    }

    /// Calls that were not the awaited one, cleaned.
    pub fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.clone()
    }

    /// What there is without a call that proved its key: the one that came in the awaited name all the same, else this.
    pub fn without_proof(&self, failure: OutboundError) -> OutboundObservation {
        let mut kept = self.unproved.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take()
            .unwrap_or_else(|| OutboundObservation::failed(failure))
    }

    /// Keeps the newest; one that shook hands before those that did not.
    fn keep(&self, seen: OutboundObservation) {
        let mut kept = self.unproved.lock().unwrap_or_else(PoisonError::into_inner);
        let shook_hands = kept
            .as_ref()
            .is_some_and(|kept| matches!(kept.failure, None | Some(OutboundError::NoCertificate)));
        if !shook_hands || !matches!(seen.failure, Some(OutboundError::Call(_))) {
            *kept = Some(seen);
        }
    }

    fn note(&self, words: &str) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < MAX_HEARD {
            heard.push(printable(words));
        }
    }

    /// Whether it is the awaited server, by what it says: believed only enough to look at its certificate.
    fn is_awaited(&self, from: &str) -> bool {
        Domain::parse(from).is_ok_and(|from| from == self.host)
    }
}

/// A call that is being answered.
struct Open {
    task: AbortHandle,
    /// Whether it has said the awaited name.
    named: Arc<AtomicBool>,
}

/// Answers calls until one in the awaited server's name has proved its key: anybody can say the name and fail, so that
/// others are kept for the end only. Where there is no room, the oldest call makes it, of those without a name first.
pub(super) async fn await_call(listener: &TcpListener, desk: &Arc<Desk>) -> OutboundObservation {
    let mut calls: JoinSet<Option<OutboundObservation>> = JoinSet::new();
    let mut open: Vec<Open> = Vec::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => {
                    open.retain(|one| !one.task.is_finished());
                    if open.len() >= MAX_CALLS {
                        let nameless = open.iter().position(|one| !one.named.load(Ordering::Relaxed));
                        open.remove(nameless.unwrap_or(0)).task.abort();
                    }
                    let (desk, named) = (Arc::clone(desk), Arc::<AtomicBool>::default());
                    let says = Arc::clone(&named);
                    let task = calls.spawn(async move { answer(tcp, &desk, &says).await });
                    open.push(Open { task, named });
                }
                // It hung up before we came to it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    return desk.without_proof(OutboundError::Io(words_for_io(&error)));
                }
            },
            // Taken whatever it was: a pattern here would leave the other calls unheard once it does not match.
            ended = calls.join_next(), if !calls.is_empty() => {
                if let Some(Ok(Some(seen))) = ended {
                    if seen.failure.is_none() && seen.possession == Some(true) {
                        return seen;
                    }
                    desk.keep(seen);
                }
            }
        }
    }
}

/// One call; none when it was not the awaited one.
async fn answer(
    mut tcp: TcpStream,
    desk: &Desk,
    named: &AtomicBool,
) -> Option<OutboundObservation> {
    let _ = tcp.set_nodelay(true);
    let recorder = Arc::new(Recorder::new(desk.key_kind));
    let mut from = None;
    let talk = talk(&mut tcp, desk, &recorder, &mut from, named);
    let failure = match tokio::time::timeout(CALL, talk).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(_) => Some(ProbeError::Timeout(CALL)),
    };
    match (&from, &failure) {
        (Some(from), _) if desk.is_awaited(from) => {}
        (Some(from), _) => {
            desk.note(&format!("a stream from {from}"));
            return None;
        }
        (None, Some(error)) => {
            desk.note(&format!("a call that did not say from whom: {error}"));
            return None;
        }
        (None, None) => {
            desk.note("a call that did not say from whom");
            return None;
        }
    }
    let (chain, possession) = recorder.recorded();
    let failure = match failure {
        Some(error) => Some(OutboundError::Call(error)),
        None if chain.is_empty() => Some(OutboundError::NoCertificate),
        None => None,
    };
    Some(OutboundObservation {
        chain,
        possession,
        failure,
        took: Duration::ZERO,
    })
}

/// The talk of one call, to the end of its handshake; `from` is set once it is known.
async fn talk(
    tcp: &mut TcpStream,
    desk: &Desk,
    recorder: &Arc<Recorder>,
    from: &mut Option<String>,
    named: &AtomicBool,
) -> Result<(), ProbeError> {
    let soon = Instant::now() + NAMELESS;
    let mut first = [0u8; 1];
    let begun = async { tcp.peek(&mut first).await.map_err(|error| failed(&error)) };
    if until(soon, begun).await? == 0 {
        return Err(ProbeError::Closed);
    }
    if first != [TLS_HANDSHAKE] {
        starttls(tcp, desk, from, named, soon).await?;
    }
    let config = desk
        .identity
        .server_config(recorder)
        .map_err(|error| ProbeError::Tls(crate::probe::words_for_tls_error(&error)))?;
    let mut tls = TlsAcceptor::from(Arc::new(config))
        .accept(tcp)
        .await
        .map_err(|error| failed(&error))?;
    // A caller that began with TLS says only now who it is; the other is told why the call ends.
    let ended = tokio::time::timeout(FAREWELL, take_leave(&mut tls, desk)).await;
    if from.is_none() {
        *from = match ended {
            Ok(ended) => ended?,
            Err(_) => return Err(ProbeError::Timeout(FAREWELL)),
        };
    }
    Ok(())
}

/// A receiving server's part before TLS (RFC 6120 §5.4).
async fn starttls(
    tcp: &mut TcpStream,
    desk: &Desk,
    from: &mut Option<String>,
    named: &AtomicBool,
    soon: Instant,
) -> Result<(), ProbeError> {
    let mut stream = ServerStream::new(StreamKind::Server);
    let mut chunk = [0u8; CHUNK];
    let mut count = 0;
    loop {
        match stream.feed(chunk.get(..count).unwrap_or_default())? {
            ServerStep::Header(header) => {
                *from = header.from;
                let words = match from {
                    Some(from) if desk.is_awaited(from) => {
                        named.store(true, Ordering::Relaxed);
                        stream.answer(&desk.id, TlsOffer::Required)
                    }
                    Some(_) | None => stream.refuse(&desk.id, "not-authorized", "not awaited here"),
                };
                write(tcp, &words).await?;
                count = 0;
                continue;
            }
            ServerStep::StartTls(proceed) => return write(tcp, &proceed).await,
            ServerStep::Clear { .. } => {
                let words = stream.refuse(&desk.id, "policy-violation", "TLS is required for this");
                write(tcp, &words).await?;
                return Err(ProbeError::Tls(
                    "it went on in clear text although TLS is required".to_owned(),
                ));
            }
            ServerStep::Failure(words) => {
                write(tcp, &words).await?;
                return Err(ProbeError::Closed);
            }
            ServerStep::Read => {}
        }
        count = match from {
            Some(_) => read(tcp, &mut chunk).await?,
            None => until(soon, read(tcp, &mut chunk)).await?,
        };
    }
}

/// Reads the header inside TLS, says goodbye, and tells who called.
async fn take_leave(
    tls: &mut (impl AsyncRead + AsyncWrite + Unpin),
    desk: &Desk,
) -> Result<Option<String>, ProbeError> {
    let mut stream = ServerStream::new(StreamKind::Server);
    let mut chunk = [0u8; CHUNK];
    loop {
        let count = read(tls, &mut chunk).await?;
        if let ServerStep::Header(header) = stream.feed(chunk.get(..count).unwrap_or_default())? {
            let words = stream.refuse(&desk.id, "undefined-condition", GOODBYE);
            // It may already be gone: what was wanted is known.
            let _ = write(tls, &words).await;
            let _ = tls.shutdown().await;
            return Ok(header.from);
        }
    }
}

/// What must be done before it is known who calls.
async fn until<T>(
    soon: Instant,
    work: impl Future<Output = Result<T, ProbeError>>,
) -> Result<T, ProbeError> {
    let done = tokio::time::timeout_at(soon, work).await;
    done.unwrap_or(Err(ProbeError::Timeout(NAMELESS)))
}

async fn read(
    carrier: &mut (impl AsyncRead + Unpin),
    chunk: &mut [u8],
) -> Result<usize, ProbeError> {
    match carrier.read(chunk).await {
        Ok(0) => Err(ProbeError::Closed),
        Ok(count) => Ok(count),
        Err(error) => Err(failed(&error)),
    }
}

async fn write(carrier: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), ProbeError> {
    let written = async {
        carrier.write_all(bytes).await?;
        carrier.flush().await
    };
    written.await.map_err(|error| failed(&error))
}

/// Our own certificate is seen before any alert, so the hints for a client's handshake do not fit here.
fn failed(error: &io::Error) -> ProbeError {
    let around = Circumstances {
        chain_seen: true,
        ..Circumstances::default()
    };
    ProbeError::from_io(error, &around)
}
