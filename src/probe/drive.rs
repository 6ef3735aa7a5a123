//! The talk on the socket: TCP, greeting, handshake, and what is asked inside (RFC 6120 §5, XEP-0368, RFC 3261 §11).

use super::error::words_for_io;
use super::tls::{Recorder, server_name};
use super::{Depth, Limits, Observation, ProbeError, Stage, Target, words_for_tls_error};
use crate::names::Protocol;
use crate::wire::sip;
use crate::wire::xmpp::{self, ClientStep, ClientStream, StreamKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How much is read at a time; the machines bound what is kept.
pub(super) const CHUNK: usize = 4096;

/// How long a polite close may take.
pub(super) const FAREWELL: Duration = Duration::from_millis(200);

/// What is said before and inside TLS.
enum Tongue {
    /// XMPP, with STARTTLS or with TLS at once.
    Xmpp(StreamKind, TlsStart),
    /// SIP inside TLS.
    Sip,
    /// Nothing.
    Silent,
}

#[derive(PartialEq, Eq)]
enum TlsStart {
    Asked,
    AtOnce,
}

fn tongue(protocol: Protocol) -> Tongue {
    match protocol {
        Protocol::Xmpp => Tongue::Xmpp(StreamKind::Client, TlsStart::Asked),
        Protocol::XmppServer => Tongue::Xmpp(StreamKind::Server, TlsStart::Asked),
        Protocol::XmppsClient => Tongue::Xmpp(StreamKind::Client, TlsStart::AtOnce),
        Protocol::XmppsServer => Tongue::Xmpp(StreamKind::Server, TlsStart::AtOnce),
        Protocol::Sips => Tongue::Sip,
        Protocol::Tls => Tongue::Silent,
    }
}

/// One probe; `finished` is set when only the close remains.
pub(super) async fn talk(
    target: &Target,
    limits: Limits,
    recorder: &Arc<Recorder>,
    seen: &mut Observation,
    finished: &mut bool,
) -> Result<(), ProbeError> {
    seen.reached = Some(Stage::Connect);
    let mut tcp = connect(target.address, limits).await?;

    let tongue = tongue(target.protocol);
    let domain = target.domain.as_ref().or(target.server_name.as_ref());
    let to = domain.map_or("", |domain| domain.as_str());
    if let Tongue::Xmpp(kind, TlsStart::Asked) = tongue {
        seen.reached = Some(Stage::Greeting);
        let mut stream = ClientStream::starttls(kind, target.from.as_str(), to);
        let greeted = greet(&mut stream, &mut tcp, recorder).await;
        seen.header = stream.header().cloned();
        seen.features_before = stream.features().cloned();
        greeted?;
    }

    seen.reached = Some(Stage::Handshake);
    let mut tls = shake_hands(target, recorder, tcp, seen).await?;

    if target.depth == Depth::Inside {
        let asked = match tongue {
            Tongue::Xmpp(kind, start) => {
                if domain.is_none() && start == TlsStart::AtOnce {
                    Ok(())
                } else {
                    seen.reached = Some(Stage::Inside);
                    let mut stream = ClientStream::inside_tls(kind, target.from.as_str(), to);
                    let greeted = greet(&mut stream, &mut tls, recorder).await;
                    if let Some(header) = stream.header() {
                        seen.header = Some(header.clone());
                    }
                    seen.features = stream.features().cloned();
                    if greeted.is_ok() {
                        *finished = true;
                        let _ = tokio::time::timeout(FAREWELL, tls.write_all(xmpp::CLOSE)).await;
                    }
                    greeted
                }
            }
            Tongue::Sip => {
                seen.reached = Some(Stage::Inside);
                ask_options(target, recorder, &mut tls)
                    .await
                    .map(|status| seen.sip_status = Some(status))
            }
            Tongue::Silent => Ok(()),
        };
        asked?;
    }
    *finished = true;
    let _ = tokio::time::timeout(FAREWELL, tls.shutdown()).await;
    Ok(())
}

pub(super) async fn connect(address: SocketAddr, limits: Limits) -> Result<TcpStream, ProbeError> {
    let tcp = match tokio::time::timeout(limits.connect, TcpStream::connect(address)).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) => return Err(ProbeError::Connect(words_for_io(&error))),
        Err(_) => return Err(ProbeError::Timeout(limits.connect)),
    };
    // Small writes that wait for answers; without it each may wait for the last one's acknowledgement.
    let _ = tcp.set_nodelay(true);
    Ok(tcp)
}

/// Drives a client stream to its end on whatever carries it.
pub(super) async fn greet(
    stream: &mut ClientStream,
    carrier: &mut (impl AsyncRead + AsyncWrite + Unpin),
    recorder: &Recorder,
) -> Result<(), ProbeError> {
    let failed = |error: std::io::Error| ProbeError::from_io(&error, &recorder.circumstances());
    let mut chunk = [0u8; CHUNK];
    let mut step = stream.feed(&[])?;
    loop {
        match step {
            ClientStep::Send(bytes) => {
                carrier.write_all(&bytes).await.map_err(failed)?;
                carrier.flush().await.map_err(failed)?;
            }
            ClientStep::Read => {}
            ClientStep::StartTls | ClientStep::Done => return Ok(()),
        }
        let count = carrier.read(&mut chunk).await.map_err(failed)?;
        if count == 0 {
            return Err(ProbeError::Closed);
        }
        step = stream.feed(chunk.get(..count).unwrap_or_default())?;
    }
}

pub(super) async fn shake_hands(
    target: &Target,
    recorder: &Arc<Recorder>,
    tcp: TcpStream,
    seen: &mut Observation,
) -> Result<TlsStream<TcpStream>, ProbeError> {
    let config = recorder
        .client_config(target)
        .map_err(|error| ProbeError::Tls(words_for_tls_error(&error)))?;
    let name = server_name(target)
        .ok_or_else(|| ProbeError::Tls("the name cannot be sent as SNI".to_owned()))?;
    let tls = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .map_err(|error| ProbeError::from_io(&error, &recorder.circumstances()))?;
    let (_, connection) = tls.get_ref();
    seen.tls_version = connection
        .protocol_version()
        .and_then(|version| version.as_str())
        .map(|version| version.replace('_', "."));
    seen.cipher = connection
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str())
        .map(|suite| suite.replace("TLS13_", "TLS_"));
    seen.alpn = connection
        .alpn_protocol()
        .map(|protocol| String::from_utf8_lossy(protocol).into_owned());
    Ok(tls)
}

/// OPTIONS, and the first status line that comes back.
async fn ask_options(
    target: &Target,
    recorder: &Recorder,
    tls: &mut TlsStream<TcpStream>,
) -> Result<sip::Status, ProbeError> {
    let failed = |error: std::io::Error| ProbeError::from_io(&error, &recorder.circumstances());
    let local = tls.get_ref().0.local_addr().map_err(failed)?;
    let host = match (&target.domain, &target.server_name) {
        (Some(domain), _) | (None, Some(domain)) => domain.as_str().to_owned(),
        (None, None) => bracketed(target.address),
    };
    let token = recorder
        .token()
        .ok_or_else(|| ProbeError::Io("the system gives no random bytes".to_owned()))?;
    let request = sip::options(&host, &local.to_string(), &token);
    tls.write_all(&request).await.map_err(failed)?;
    tls.flush().await.map_err(failed)?;
    let mut answer = Vec::new();
    let mut chunk = [0u8; CHUNK];
    loop {
        let count = tls.read(&mut chunk).await.map_err(failed)?;
        if count == 0 {
            return Err(ProbeError::Closed);
        }
        answer.extend_from_slice(chunk.get(..count).unwrap_or_default());
        if let Some(status) = sip::read_status(&answer)? {
            return Ok(status);
        }
    }
}

/// The host of an address as a URI writes it.
fn bracketed(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}
