//! What is said in clear text on a STARTTLS listener (RFC 6120 §5): the gateway's own answer to the peer's header, and
//! where a partner's settings allow dialback over TCP, the way to the backend without TLS.

use super::event::Stage;
use super::peer::{Admission, Refusal, parse_from};
use super::serve::{CHUNK, Connection, Failure, farewell, hand};
use crate::explain::{os_words, printable};
use crate::wire::xmpp::{
    self, ClientStep, ClientStream, ServerStep, ServerStream, StreamHeader, StreamKind, TlsOffer,
    XmppError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A stream in clear text that a backend has already answered.
pub(super) struct ClearBackend {
    pub tcp: TcpStream,
    pub admission: Admission,
}

/// What the talk before TLS came to.
pub(super) enum BeforeTls {
    /// Start TLS; the `to` and the `from` that were named.
    Start {
        to: Option<String>,
        from: Option<String>,
    },
    /// Relayed in clear text.
    Clear(ClearBackend),
}

impl Connection<'_> {
    /// Our side of the stream before TLS.
    pub(super) async fn talk_before_tls(
        &self,
        tcp: &mut TcpStream,
        stream: &mut ServerStream,
        id: &str,
    ) -> Result<BeforeTls, Failure> {
        // All that was read, since a backend may have to see the header as it came.
        let mut heard = Vec::new();
        let mut header: Option<StreamHeader> = None;
        let mut clear: Option<ClearBackend> = None;
        let mut fresh: Vec<u8> = Vec::new();
        let mut must_read = true;
        loop {
            if must_read {
                let mut chunk = [0; CHUNK];
                let read = tcp
                    .read(&mut chunk)
                    .await
                    .map_err(|error| Failure::Broken(Stage::BeforeTls, os_words(&error)))?;
                if read == 0 {
                    return Err(match heard.is_empty() {
                        true => Failure::Silent,
                        false => Failure::Broken(Stage::BeforeTls, "the peer hung up".to_owned()),
                    });
                }
                fresh = chunk.get(..read).unwrap_or_default().to_vec();
                if heard.len() + read > xmpp::MAX_BYTES {
                    let refusal = Refusal::new("policy-violation", "too many bytes before TLS");
                    return self.refuse(tcp, stream, id, None, refusal).await;
                }
                heard.extend_from_slice(&fresh);
            }
            let step = match stream.feed(&fresh) {
                Ok(step) => step,
                Err(error) => {
                    let domain = header.as_ref().and_then(|header| header.from.clone());
                    let Some(condition) = error.answer_condition() else {
                        farewell(tcp, xmpp::CLOSE).await;
                        let why = printable(&error.to_string());
                        return Err(Failure::Broken(Stage::BeforeTls, why));
                    };
                    let refusal = Refusal::new(condition, printable(&error.to_string()));
                    return self.refuse(tcp, stream, id, domain, refusal).await;
                }
            };
            fresh.clear();
            must_read = true;
            match step {
                ServerStep::Read => {}
                ServerStep::Header(found) => {
                    let answered = self.answer_header(&found, &heard).await;
                    let domain = found.from.clone();
                    header = Some(found);
                    match answered {
                        Err(Failure::Refused(_, refusal)) => {
                            return self.refuse(tcp, stream, id, domain, refusal).await;
                        }
                        Err(Failure::Backend(why)) => {
                            self.tell_backend_gone(tcp, stream, id, domain.as_deref())
                                .await;
                            return Err(Failure::Backend(why));
                        }
                        Err(failure @ (Failure::Silent | Failure::Broken(..))) => {
                            return Err(failure);
                        }
                        Ok((offer, backend, backend_id)) => {
                            clear = backend;
                            let id = backend_id.as_deref().unwrap_or(id);
                            send(tcp, &stream.answer(id, offer)).await?;
                        }
                    }
                    must_read = false;
                }
                ServerStep::StartTls(proceed) => {
                    send(tcp, &proceed).await?;
                    let header = header.unwrap_or_default();
                    return Ok(BeforeTls::Start {
                        to: header.to,
                        from: header.from,
                    });
                }
                ServerStep::Clear { replay } => {
                    let from = header.as_ref().and_then(|header| header.from.clone());
                    let Some(mut backend) = clear.take() else {
                        let domain = parse_from(from.as_deref()).ok().flatten();
                        let refusal = match self.rules().admit_clear(domain.as_ref()) {
                            Err(refusal) => refusal,
                            Ok(_) => Refusal::new("policy-violation", "TLS is required here"),
                        };
                        return self.refuse(tcp, stream, id, from, refusal).await;
                    };
                    if let Err(failure) = hand(&mut backend.tcp, &replay).await {
                        self.tell_backend_gone(tcp, stream, id, from.as_deref())
                            .await;
                        return Err(failure);
                    }
                    return Ok(BeforeTls::Clear(backend));
                }
                ServerStep::Failure(words) => {
                    farewell(tcp, &words).await;
                    let domain = header.and_then(|header| header.from);
                    let why = "it asked for TLS, which its settings as a partner rule out";
                    return Err(Failure::Refused(
                        domain,
                        Refusal::new("policy-violation", why),
                    ));
                }
            }
        }
    }

    /// Judges the header before TLS. Where the stream may go on in clear, the backend is asked at once: its stream
    /// id must be the one that the peer hears, since dialback keys are made from it (XEP-0185).
    async fn answer_header(
        &self,
        header: &StreamHeader,
        heard: &[u8],
    ) -> Result<(TlsOffer, Option<ClearBackend>, Option<String>), Failure> {
        let refused = |refusal| Failure::Refused(None, refusal);
        self.check_header(header).map_err(refused)?;
        let from = parse_from(header.from.as_deref()).map_err(refused)?;
        let offer = self.rules().offer(from.as_ref());
        if offer.tls == TlsOffer::None && !offer.clear {
            // Neither TLS nor clear text: say why.
            self.rules().admit_clear(from.as_ref()).map_err(refused)?;
        }
        if !offer.clear {
            return Ok((offer.tls, None, None));
        }
        let admission = self.rules().admit_clear(from.as_ref()).map_err(refused)?;
        let used = match xmpp::read_header(heard) {
            Ok(Some((_, used))) => used,
            Ok(None) | Err(_) => heard.len(),
        };
        let opening = heard.get(..used).unwrap_or(heard);
        let (tcp, id) = timeout(self.tuning().backend, self.open_clear(header, opening))
            .await
            .map_err(|_| Failure::Backend("no stream features in time".to_owned()))??;
        Ok((offer.tls, Some(ClearBackend { tcp, admission }), id))
    }

    /// Opens a stream in clear text with the peer's own header, and reads the backend's header and features away.
    async fn open_clear(
        &self,
        header: &StreamHeader,
        opening: &[u8],
    ) -> Result<(TcpStream, Option<String>), Failure> {
        let mut tcp = self.connect(header.to.as_deref(), None, None, None).await?;
        hand(&mut tcp, opening).await?;
        let mut stream = ClientStream::inside_tls(
            StreamKind::Server,
            header.from.as_deref().unwrap_or_default(),
            header.to.as_deref().unwrap_or_default(),
        );
        let unfit = |error: XmppError| {
            Failure::Backend(format!("no XMPP: {}", printable(&error.to_string())))
        };
        // The header that this would send is dropped: the peer's stands in its place.
        stream.feed(&[]).map_err(unfit)?;
        let mut total = 0;
        loop {
            let mut chunk = [0; CHUNK];
            let read = tcp
                .read(&mut chunk)
                .await
                .map_err(|error| Failure::Backend(os_words(&error)))?;
            total += read;
            if read == 0 || total > xmpp::MAX_BYTES {
                return Err(Failure::Backend("no stream features".to_owned()));
            }
            match stream
                .feed(chunk.get(..read).unwrap_or_default())
                .map_err(unfit)?
            {
                ClientStep::Read | ClientStep::Send(_) => {}
                ClientStep::StartTls | ClientStep::Done => {
                    self.backend_answered();
                    let id = stream.header().and_then(|header| header.id.clone());
                    return Ok((tcp, id));
                }
            }
        }
    }
}

/// Writes to the peer before TLS.
async fn send(to: &mut TcpStream, bytes: &[u8]) -> Result<(), Failure> {
    to.write_all(bytes)
        .await
        .map_err(|error| Failure::Broken(Stage::BeforeTls, os_words(&error)))
}
