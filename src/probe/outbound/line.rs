//! The stream to the server, in the partner's name: up to the key that makes the server call.

use super::{OutboundCall, OutboundError};
use crate::explain::printable;
use crate::names::Protocol;
use crate::probe::drive::{CHUNK, FAREWELL, connect, greet, shake_hands};
use crate::probe::tls::Recorder;
use crate::probe::{Depth, KeyKind, Limits, Observation, ProbeError, Target};
use crate::wire::xmpp::{
    self, ClientStream, DialbackAnswer, DialbackStep, DialbackStream, StreamKind,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// An open stream on which the key was sent.
pub(super) struct Line {
    tls: TlsStream<TcpStream>,
    recorder: Arc<Recorder>,
    stream: DialbackStream,
}

impl Line {
    /// Connects, starts TLS, opens the stream and sends a key.
    pub async fn open(call: &OutboundCall, limits: Limits) -> Result<Self, OutboundError> {
        let refused = |why| OutboundError::refused(call, why);
        // The server's own certificate does not matter here.
        let recorder = Arc::new(Recorder::new(KeyKind::Any));
        let key = recorder
            .token()
            .ok_or_else(|| OutboundError::Io("the system gives no random bytes".to_owned()))?;
        let mut tcp = connect(call.server, limits).await.map_err(refused)?;
        let (from, to) = (call.partner_domain(), call.host.as_str());
        if call.protocol == Protocol::XmppServer {
            let mut stream = ClientStream::starttls(StreamKind::Server, &from, to);
            greet(&mut stream, &mut tcp, &recorder)
                .await
                .map_err(refused)?;
        }
        let target = Target {
            address: call.server,
            protocol: call.protocol,
            server_name: Some(call.host.clone()),
            domain: Some(call.host.clone()),
            // Not spoken: the streams are opened here.
            from: call.host.clone(),
            key_kind: KeyKind::Any,
            depth: Depth::Handshake,
        };
        let tls = shake_hands(&target, &recorder, tcp, &mut Observation::default())
            .await
            .map_err(refused)?;
        let mut line = Self {
            tls,
            recorder,
            stream: DialbackStream::inside_tls(&from, to, &key),
        };
        match line.ask().await {
            Ok(true) => Ok(line),
            Ok(false) => {
                line.close(FAREWELL).await;
                Err(OutboundError::NoDialback {
                    server: call.server,
                })
            }
            Err(why) => Err(refused(why)),
        }
    }

    /// Up to the key; whether dialback was offered for it.
    async fn ask(&mut self) -> Result<bool, ProbeError> {
        let mut step = self.stream.feed(&[])?;
        loop {
            match step {
                DialbackStep::Send(bytes) => self.write(&bytes).await?,
                DialbackStep::Ask(bytes) => {
                    self.write(&bytes).await?;
                    return Ok(true);
                }
                DialbackStep::NotOffered => return Ok(false),
                DialbackStep::Read | DialbackStep::Answered(_) => {}
            }
            step = self.read().await?;
        }
    }

    /// What the server says of the key, in words. A dropped call loses nothing but what was read.
    pub async fn answer(&mut self) -> String {
        let told = loop {
            match self.read().await {
                Ok(DialbackStep::Answered(answer)) => break words_for_answer(&answer),
                Ok(
                    DialbackStep::Read
                    | DialbackStep::Send(_)
                    | DialbackStep::Ask(_)
                    | DialbackStep::NotOffered,
                ) => {}
                Err(ProbeError::Xmpp(error)) => break error.meaning(),
                Err(error) => break error.to_string(),
            }
        };
        printable(&told)
    }

    /// Ends the stream politely.
    pub async fn close(&mut self, within: Duration) {
        let _ = tokio::time::timeout(within, async {
            self.write(xmpp::CLOSE).await?;
            self.tls
                .shutdown()
                .await
                .map_err(|error| self.failed(&error))
        })
        .await;
    }

    async fn read(&mut self) -> Result<DialbackStep, ProbeError> {
        let mut chunk = [0u8; CHUNK];
        let count = match self.tls.read(&mut chunk).await {
            Ok(0) => return Err(ProbeError::Closed),
            Ok(count) => count,
            Err(error) => return Err(self.failed(&error)),
        };
        Ok(self.stream.feed(chunk.get(..count).unwrap_or_default())?)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ProbeError> {
        let written = async {
            self.tls.write_all(bytes).await?;
            self.tls.flush().await
        };
        written.await.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> ProbeError {
        ProbeError::from_io(error, &self.recorder.circumstances())
    }
}

fn words_for_answer(answer: &DialbackAnswer) -> String {
    match (&answer.condition, &answer.text) {
        (Some(condition), Some(text)) => format!("{condition} ({text})"),
        (Some(condition), None) => condition.clone(),
        (None, Some(text)) => text.clone(),
        (None, None) => "it has ruled on the key without calling here".to_owned(),
    }
}
