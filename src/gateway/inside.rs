//! The stream inside TLS: its header is read, the peer judged, everything handed to the backend.

use super::event::Stage;
use super::listen::leave_alone;
use super::peer::{KeepAlive, Refusal, check_same_from};
use super::serve::{CHUNK, Connection, Failure, chain_of, hand, tell_slow, tls_facts};
use crate::explain::{os_words, printable};
use crate::names::Domain;
use crate::wire::xmpp::{self, ServerStream, StreamHeader, StreamKind, XmppError};
use std::io;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

impl Connection<'_> {
    /// Reads the stream header inside TLS, judges the peer, and hands the stream to the backend. `before` is the
    /// `from` that was said before TLS.
    pub(super) async fn stream_inside(
        &self,
        mut tls: TlsStream<TcpStream>,
        before: Option<&str>,
    ) -> Result<(), Failure> {
        let mut heard = Vec::new();
        let limit = self.tuning().header;
        let read = timeout(limit, read_inside(&mut tls, &mut heard)).await;
        let mut stream = ServerStream::new(StreamKind::Server);
        let id = self.shared.stream_id();
        let header = match read {
            Err(_) => {
                return Err(tell_slow(&mut tls, &mut stream, &id, limit).await);
            }
            Ok(Ok(header)) => header,
            Ok(Err(Unread::Hangup)) => {
                // A prober that wanted the certificate alone is no failure worth telling.
                return Err(match heard.is_empty() {
                    true => Failure::Silent,
                    false => Failure::Broken(Stage::Header, "the peer hung up".to_owned()),
                });
            }
            Ok(Err(Unread::Io(error))) => {
                return Err(Failure::Broken(Stage::Header, os_words(&error)));
            }
            Ok(Err(Unread::Xmpp(error))) => {
                let condition = error.answer_condition().unwrap_or("bad-format");
                let refusal = Refusal::new(condition, printable(&error.to_string()));
                return self.refuse(&mut tls, &mut stream, &id, None, refusal).await;
            }
        };
        // So that a refusal answers with a header to this one.
        let _ = stream.feed(&heard);
        let from = header.from.as_deref();
        let judged = self
            .check_header(&header)
            .and_then(|()| check_same_from(before, from))
            .and_then(|()| {
                let rules = self.rules();
                rules.admit_tls(from, chain_of(&tls), self.shared.now())
            });
        let admission = match judged {
            Ok(admission) => admission,
            Err(refusal) => {
                return self
                    .refuse(&mut tls, &mut stream, &id, header.from, refusal)
                    .await;
            }
        };
        let facts = tls_facts(&tls, admission.verified.is_some());
        let authority = tls
            .get_ref()
            .1
            .server_name()
            .map(str::to_owned)
            .or(header.to);
        let alpn = tls.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let verified = admission.verified.as_ref().map(Domain::as_str);
        let connected = self
            .connect(authority.as_deref(), alpn.as_deref(), Some(facts), verified)
            .await;
        let handed = match connected {
            Ok(mut backend) => hand(&mut backend, &heard).await.map(|()| backend),
            Err(failure) => Err(failure),
        };
        let backend = match handed {
            Ok(backend) => backend,
            Err(failure) => {
                let from = admission.from.as_str();
                self.tell_backend_gone(&mut tls, &mut stream, &id, Some(from))
                    .await;
                return Err(failure);
            }
        };
        drop(heard);
        if admission.keep_alive == KeepAlive::Ended {
            leave_alone(tls.get_ref().0);
        }
        self.relay_stream(tls, backend, admission).await;
        Ok(())
    }
}

enum Unread {
    Hangup,
    Io(io::Error),
    Xmpp(XmppError),
}

/// Reads until the header is whole; everything read stays in `heard`.
async fn read_inside(
    tls: &mut TlsStream<TcpStream>,
    heard: &mut Vec<u8>,
) -> Result<StreamHeader, Unread> {
    let mut chunk = [0; CHUNK];
    loop {
        let read = match tls.read(&mut chunk).await {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(Unread::Io(error)),
        };
        if read == 0 {
            return Err(Unread::Hangup);
        }
        heard.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if let Some((header, _)) = xmpp::read_header(heard).map_err(Unread::Xmpp)? {
            return Ok(header);
        }
        if heard.len() > xmpp::MAX_BYTES {
            return Err(Unread::Xmpp(XmppError::TooLarge));
        }
    }
}
