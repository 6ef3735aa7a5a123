//! A client as strangers are: it verifies chain and name against one root, resumes nothing, and keeps the connection.

use super::Listener;
use edgecert::names::Protocol;
use edgecert::wire::xmpp::{ClientStep, ClientStream, StreamKind};
use edgecert::x509::{Certificate, Fingerprint};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// For each read and write: a server that is busy answers late, one that is dead never does.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// For the peer's own end of a connection.
const CLOSES_WITHIN: Duration = Duration::from_secs(2);

/// The `from` of our streams; RFC 2606 keeps it from being anybody's.
pub const FROM: &str = "peer.invalid";

/// The one root that is trusted.
#[derive(Debug, Clone)]
pub struct Trust {
    plain: Arc<ClientConfig>,
    xmpp_client: Arc<ClientConfig>,
    xmpp_server: Arc<ClientConfig>,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bye {
    /// With a word to the peer.
    Said,
    /// The peer has ended it as well.
    Awaited,
}

/// A connection whose handshake is over and whose peer was verified.
pub struct Connection {
    pub tls: StreamOwned<ClientConnection, TcpStream>,
    pub leaf: Fingerprint,
}

impl Trust {
    pub fn new(root: &Certificate) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(root.der().to_vec()))
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut plain = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        plain.resumption = rustls::client::Resumption::disabled();
        // XEP-0368.
        let with_alpn = |word: &str| {
            let mut config = plain.clone();
            config.alpn_protocols = vec![word.as_bytes().to_vec()];
            Arc::new(config)
        };
        Self {
            xmpp_client: with_alpn("xmpp-client"),
            xmpp_server: with_alpn("xmpp-server"),
            plain: Arc::new(plain),
        }
    }

    /// One full handshake and a polite end; the leaf that was shown.
    pub fn handshake(&self, listener: &Listener) -> Result<Fingerprint, String> {
        let connection = self.connect(listener)?;
        let leaf = connection.leaf;
        connection.bye(Bye::Said);
        Ok(leaf)
    }

    /// Connects, asks for TLS where the protocol wants it, and completes the handshake.
    pub fn connect(&self, listener: &Listener) -> Result<Connection, String> {
        let mut tcp = TcpStream::connect(listener.address)
            .map_err(|error| format!("while connecting: {error}"))?;
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(ANSWERS_WITHIN)).unwrap();
        tcp.set_write_timeout(Some(ANSWERS_WITHIN)).unwrap();
        let kind = match listener.protocol {
            Protocol::Xmpp => Some(StreamKind::Client),
            Protocol::XmppServer => Some(StreamKind::Server),
            Protocol::XmppsClient | Protocol::XmppsServer | Protocol::Sips | Protocol::Tls => None,
        };
        if let Some(kind) = kind {
            let mut stream = ClientStream::starttls(kind, FROM, listener.name);
            greet(&mut stream, &mut tcp).map_err(|why| format!("while asking for TLS: {why}"))?;
        }
        let config = match listener.protocol {
            Protocol::XmppsClient => &self.xmpp_client,
            Protocol::XmppsServer => &self.xmpp_server,
            Protocol::Xmpp | Protocol::XmppServer | Protocol::Sips | Protocol::Tls => &self.plain,
        };
        let name = ServerName::try_from(listener.name).unwrap();
        let mut session = ClientConnection::new(Arc::clone(config), name).unwrap();
        while session.is_handshaking() {
            session
                .complete_io(&mut tcp)
                .map_err(|error| format!("while shaking hands: {error}"))?;
        }
        let chain = session.peer_certificates().unwrap_or_default();
        let leaf = chain.first().ok_or("no certificate was sent")?;
        Ok(Connection {
            leaf: Fingerprint::of(leaf),
            tls: StreamOwned::new(session, tcp),
        })
    }
}

impl Connection {
    /// Ends the connection. The peer may have done so already, which is no fault of the handshake.
    pub fn bye(mut self, bye: Bye) {
        self.tls.conn.send_close_notify();
        let _ = self.tls.flush();
        if bye == Bye::Awaited {
            let _ = self.tls.sock.set_read_timeout(Some(CLOSES_WITHIN));
            let _ = std::io::copy(&mut self.tls.sock, &mut std::io::sink());
        }
    }
}

/// Drives our side of a stream to its end.
pub fn greet(stream: &mut ClientStream, carrier: &mut (impl Read + Write)) -> Result<(), String> {
    let mut chunk = [0; 4096];
    let mut step = stream.feed(&[]).map_err(|error| error.to_string())?;
    loop {
        match step {
            ClientStep::Send(bytes) => {
                let sent = carrier.write_all(&bytes).and_then(|()| carrier.flush());
                sent.map_err(|error| error.to_string())?;
            }
            ClientStep::Read => {}
            ClientStep::StartTls | ClientStep::Done => return Ok(()),
        }
        let count = carrier
            .read(&mut chunk)
            .map_err(|error| error.to_string())?;
        if count == 0 {
            return Err("the server closed the connection".into());
        }
        step = stream
            .feed(&chunk[..count])
            .map_err(|error| error.to_string())?;
    }
}
