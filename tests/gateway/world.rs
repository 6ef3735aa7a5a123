//! A gateway with a throw-away CA, fake backends, and clients that look at what they are shown.

use edgecert::deployment::{Embedded, EmbeddedListener};
use edgecert::federation::{Negotiation, Partner, PartnerType};
use edgecert::gateway::{self, Event, GatewayError, Observer, Settings, Tuning};
use edgecert::names::{Domain, Protocol, Slug};
use edgecert::wire::control::{Answer, Pair, Request, SecretPem, Status, ask};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration as StdDuration;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Nothing here takes longer than this unless it hangs.
const PATIENCE: StdDuration = StdDuration::from_secs(30);

/// A leaf with its key.
#[derive(Clone)]
pub struct Leaf {
    pub fullchain_pem: String,
    pub leaf_pem: String,
    pub key_pem: String,
    pub der: Vec<u8>,
}

/// A root with one intermediate.
pub struct Ca {
    /// The root, DER.
    pub der: Vec<u8>,
    intermediate: Issuer<'static, KeyPair>,
    intermediate_pem: String,
    intermediate_key_pem: String,
    intermediate_der: Vec<u8>,
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Ca {
    pub fn new() -> Self {
        // Names of their own, so that two of them are strangers.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let root_key = KeyPair::generate().unwrap();
        let root_params = ca_params(&format!("Test Root {number}"));
        let root = root_params.self_signed(&root_key).unwrap();
        let issuer = Issuer::new(root_params, root_key);
        let key = KeyPair::generate().unwrap();
        let params = ca_params(&format!("Test Intermediate {number}"));
        let intermediate = params.signed_by(&key, &issuer).unwrap();
        Self {
            der: root.der().to_vec(),
            intermediate_pem: intermediate.pem(),
            intermediate_key_pem: key.serialize_pem(),
            intermediate_der: intermediate.der().to_vec(),
            intermediate: Issuer::new(params, key),
        }
    }

    fn issue(
        &self,
        names: &[&str],
        purpose: ExtendedKeyUsagePurpose,
        days: (i64, i64),
        key: KeyPair,
    ) -> Leaf {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let now = OffsetDateTime::now_utc();
        params.not_before = now + Duration::days(days.0);
        params.not_after = now + Duration::days(days.1);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let leaf = params.signed_by(&key, &self.intermediate).unwrap();
        Leaf {
            fullchain_pem: format!("{}{}", leaf.pem(), self.intermediate_pem),
            leaf_pem: leaf.pem(),
            key_pem: key.serialize_pem(),
            der: leaf.der().to_vec(),
        }
    }

    /// For serverAuth alone, as public CAs issue them.
    pub fn leaf(&self, names: &[&str]) -> Leaf {
        self.leaf_between(names, -2, 90)
    }

    pub fn leaf_between(&self, names: &[&str], from: i64, to: i64) -> Leaf {
        let key = KeyPair::generate().unwrap();
        self.issue(names, ExtendedKeyUsagePurpose::ServerAuth, (from, to), key)
    }

    pub fn client_leaf(&self, names: &[&str]) -> Leaf {
        let key = KeyPair::generate().unwrap();
        self.issue(names, ExtendedKeyUsagePurpose::ClientAuth, (-2, 90), key)
    }

    pub fn rsa_leaf(&self, names: &[&str]) -> Leaf {
        let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        self.issue(names, ExtendedKeyUsagePurpose::ServerAuth, (-2, 90), key)
    }

    /// The intermediate, as if it were a leaf.
    pub fn as_leaf(&self) -> Leaf {
        Leaf {
            fullchain_pem: self.intermediate_pem.clone(),
            leaf_pem: self.intermediate_pem.clone(),
            key_pem: self.intermediate_key_pem.clone(),
            der: self.intermediate_der.clone(),
        }
    }
}

pub fn partner(domain: &str, negotiation: Negotiation) -> Partner {
    Partner {
        domain: Domain::parse(domain).unwrap(),
        description: None,
        additional_domains: Vec::new(),
        partner_type: PartnerType::Federated,
        negotiation,
        connection_limit: None,
        keep_alive: true,
        server: None,
        roots: Vec::new(),
    }
}

/// An address that was free a moment ago.
pub fn free_address() -> SocketAddr {
    crate::ports::free_addresses(1)[0]
}

/// What a backend heard on its last connection.
type Heard = Arc<Mutex<Vec<u8>>>;

/// An XMPP server that answers a header with its own, or (for other protocols) nothing; then it echoes.
async fn backend(listener: TcpListener, xmpp: bool, heard: Heard) {
    loop {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let heard = Arc::clone(&heard);
        tokio::spawn(async move {
            if xmpp {
                let mut bytes = Vec::new();
                while !(String::from_utf8_lossy(&bytes).contains("<stream:stream")
                    && bytes.ends_with(b">"))
                {
                    if tcp.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                *heard.lock().unwrap() = bytes;
                let answer = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' \
                     xmlns:stream='http://etherx.jabber.org/streams' id='backend-id' version='1.0'>\
                     <stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>";
                if tcp.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            let (mut read, mut write) = tcp.split();
            let _ = tokio::io::copy(&mut read, &mut write).await;
            let _ = write.shutdown().await;
        });
    }
}

#[derive(Default)]
struct Log {
    events: Mutex<Vec<Event>>,
    fresh: Notify,
}

impl Observer for Log {
    fn event(&self, event: Event) {
        // Every event can be told.
        assert!(!event.to_string().is_empty());
        self.events.lock().unwrap().push(event);
        self.fresh.notify_waiters();
    }
}

/// The settings of a gateway and what stands around it.
pub struct World {
    pub settings: Settings,
    heard: Vec<Heard>,
    _folder: TempDir,
}

impl World {
    /// One listener for each protocol, each with its own backend; certificate `edge`; only partners are let in.
    pub fn new(protocols: &[Protocol]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut heard = Vec::new();
        let listeners = protocols
            .iter()
            .map(|&protocol| {
                let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                listener.set_nonblocking(true).unwrap();
                let address = listener.local_addr().unwrap();
                let log = Heard::default();
                heard.push(Arc::clone(&log));
                let xmpp = matches!(protocol, Protocol::XmppServer | Protocol::XmppsServer);
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::spawn(backend(listener, xmpp, log));
                EmbeddedListener {
                    protocol,
                    listen: free_address(),
                    backend: address,
                    proxy_protocol: false,
                }
            })
            .collect();
        Self {
            settings: Settings {
                name: Slug::parse("front").unwrap(),
                embedded: Embedded {
                    socket: folder.path().join("control.sock"),
                    directory: folder.path().join("pairs"),
                    others: None,
                    connection_limit: 100,
                    roots: Vec::new(),
                    listeners,
                },
                partners: Vec::new(),
                certificates: vec![Slug::parse("edge").unwrap()],
                anchors: Vec::new(),
                partner_anchors: BTreeMap::new(),
                tuning: Tuning {
                    drain: StdDuration::from_millis(200),
                    ..Tuning::default()
                },
            },
            heard,
            _folder: folder,
        }
    }

    pub fn serve(&mut self, certificates: &[&str]) {
        self.settings.certificates = certificates
            .iter()
            .map(|name| Slug::parse(name).unwrap())
            .collect();
    }

    pub fn at(&self, listener: usize) -> SocketAddr {
        self.settings.embedded.listeners[listener].listen
    }

    pub fn heard_bytes(&self, listener: usize) -> Vec<u8> {
        self.heard[listener].lock().unwrap().clone()
    }

    pub fn heard(&self, listener: usize) -> String {
        String::from_utf8(self.heard_bytes(listener)).unwrap()
    }

    pub fn pair_path(&self, certificate: &str) -> PathBuf {
        let folder = &self.settings.embedded.directory;
        folder.join(format!("{certificate}.pem"))
    }

    /// As if it had been committed before the start.
    pub fn lay_pair(&self, certificate: &str, generation: u32, leaf: &Leaf) {
        gateway::reload::make_folder(&self.settings.embedded.directory).unwrap();
        std::fs::write(
            self.pair_path(certificate),
            format!(
                "edgecert-generation: {generation}\n{}{}",
                leaf.fullchain_pem, leaf.key_pem
            ),
        )
        .unwrap();
    }

    pub async fn start(&self) -> Running {
        let log = Arc::new(Log::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(gateway::run(
            self.settings.clone(),
            Arc::clone(&log) as Arc<dyn Observer>,
            OffsetDateTime::now_utc,
            async {
                let _ = stopped.await;
            },
        ));
        let running = Running {
            log,
            stop: Mutex::new(Some(stop)),
            task,
            settings: self.settings.clone(),
        };
        running.saw(|event| *event == Event::Ready).await;
        running
    }

    /// Runs until it ends by itself.
    pub async fn run_once(&self) -> Result<(), GatewayError> {
        let run = gateway::run(
            self.settings.clone(),
            Arc::new(Log::default()),
            OffsetDateTime::now_utc,
            std::future::pending(),
        );
        tokio::time::timeout(PATIENCE, run).await.unwrap()
    }

    pub async fn ask(&self, request: Request) -> Answer {
        let path = self.settings.embedded.socket.clone();
        tokio::task::spawn_blocking(move || {
            let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            ask(&mut stream, &request).unwrap()
        })
        .await
        .unwrap()
    }

    pub async fn status(&self) -> Status {
        match self.ask(Request::Status).await {
            Answer::Status(status) => status,
            other @ (Answer::Done | Answer::Refused { .. } | _) => panic!("{other:?}"),
        }
    }

    /// Prepares transaction `t`.
    pub async fn prepare(
        &self,
        certificate: &str,
        generation: u32,
        leaf: &Leaf,
        accepted: &[&str],
    ) -> Answer {
        let pair = Pair {
            fullchain_pem: leaf.fullchain_pem.clone(),
            key_pem: SecretPem(leaf.key_pem.clone().into()),
            generation,
            accepted: accepted.iter().map(|code| (*code).to_owned()).collect(),
        };
        self.ask(Request::Prepare {
            transaction: "t".to_owned(),
            pairs: BTreeMap::from([(certificate.to_owned(), Some(pair))]),
        })
        .await
    }

    /// Prepares and commits.
    pub async fn assign(&self, certificate: &str, generation: u32, leaf: &Leaf) {
        let answer = self.prepare(certificate, generation, leaf, &[]).await;
        assert!(matches!(answer, Answer::Done), "{answer:?}");
        let transaction = "t".to_owned();
        let answer = self.ask(Request::Commit { transaction }).await;
        assert!(matches!(answer, Answer::Done), "{answer:?}");
    }
}

/// A gateway that runs.
pub struct Running {
    log: Arc<Log>,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    task: JoinHandle<Result<(), GatewayError>>,
    settings: Settings,
}

impl Running {
    /// How many of these events there were so far.
    pub fn told(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        let events = self.log.events.lock().unwrap();
        events.iter().filter(|event| wanted(event)).count()
    }

    /// Waits for an event.
    pub async fn saw(&self, wanted: impl Fn(&Event) -> bool) {
        let wait = async {
            loop {
                let fresh = self.log.fresh.notified();
                tokio::pin!(fresh);
                fresh.as_mut().enable();
                if self.log.events.lock().unwrap().iter().any(&wanted) {
                    return;
                }
                if self.task.is_finished() {
                    break;
                }
                tokio::select! {
                    () = fresh => {}
                    () = tokio::time::sleep(StdDuration::from_millis(100)) => {}
                }
            }
            assert!(
                self.log.events.lock().unwrap().iter().any(&wanted),
                "the gateway ended: {:?}",
                self.log.events.lock().unwrap()
            );
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!("not seen among {:?}", self.log.events.lock().unwrap());
        }
    }

    /// How often an event was told so far.
    pub fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        let events = self.log.events.lock().unwrap();
        events.iter().filter(|event| wanted(event)).count()
    }

    pub fn order_stop(&self) {
        if let Some(stop) = self.stop.lock().unwrap().take() {
            let _ = stop.send(());
        }
    }

    pub async fn stop(self) {
        self.order_stop();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }

    /// Ends it in the middle of whatever it does.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
        // Its tasks end with it, a moment later.
        while self.settings.embedded.socket.exists()
            || TcpStream::connect(self.settings.embedded.listeners[0].listen)
                .await
                .is_ok()
        {
            tokio::time::sleep(StdDuration::from_millis(5)).await;
        }
    }
}

/// Takes every certificate (and checks possession).
#[derive(Debug)]
struct Recorder(Vec<SignatureScheme>);

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::aws_lc_rs::default_provider();
        rustls::crypto::verify_tls12_signature(
            message,
            leaf,
            signed,
            &algorithms.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::aws_lc_rs::default_provider();
        rustls::crypto::verify_tls13_signature(
            message,
            leaf,
            signed,
            &algorithms.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

/// A peer.
pub struct Client {
    alpn: Option<String>,
    sni: bool,
    schemes: Vec<SignatureScheme>,
    present: Option<Leaf>,
    resumption: Resumption,
    versions: Vec<&'static SupportedProtocolVersion>,
    /// Made once: a session is only resumed under the configuration that it was made under.
    config: OnceLock<Arc<ClientConfig>>,
}

impl Client {
    pub fn new() -> Self {
        Self {
            alpn: None,
            sni: true,
            schemes: rustls::crypto::aws_lc_rs::default_provider()
                .signature_verification_algorithms
                .supported_schemes(),
            present: None,
            resumption: Resumption::disabled(),
            versions: rustls::ALL_VERSIONS.to_vec(),
            config: OnceLock::new(),
        }
    }

    pub fn alpn(mut self, protocol: &str) -> Self {
        self.alpn = Some(protocol.to_owned());
        self
    }

    pub fn without_sni(mut self) -> Self {
        self.sni = false;
        self
    }

    pub fn rsa_only(mut self) -> Self {
        self.schemes = vec![SignatureScheme::RSA_PSS_SHA256];
        self
    }

    pub fn present(mut self, leaf: &Leaf) -> Self {
        self.present = Some(leaf.clone());
        self
    }

    pub fn remember(mut self) -> Self {
        self.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(8)));
        self
    }

    pub fn version(mut self, version: &'static SupportedProtocolVersion) -> Self {
        self.versions = vec![version];
        self
    }

    fn config(&self) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Recorder(self.schemes.clone())));
        let mut config = match &self.present {
            None => builder.with_no_client_auth(),
            Some(leaf) => builder
                .with_client_auth_cert(
                    CertificateDer::pem_slice_iter(leaf.fullchain_pem.as_bytes())
                        .map(Result::unwrap)
                        .collect(),
                    PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes()).unwrap(),
                )
                .unwrap(),
        };
        config.enable_sni = self.sni;
        config.resumption = self.resumption.clone();
        config.alpn_protocols = self
            .alpn
            .iter()
            .map(|protocol| protocol.as_bytes().to_vec())
            .collect();
        config
    }

    async fn shake(&self, tcp: TcpStream, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let config = Arc::clone(self.config.get_or_init(|| Arc::new(self.config())));
        let mut tls = TlsConnector::from(config).connect(name, tcp).await?;
        tls.flush().await?;
        Ok(tls)
    }

    pub async fn connect(
        &self,
        at: SocketAddr,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(at).await?;
        self.shake(tcp, name).await
    }

    pub async fn starttls(
        mut self,
        at: SocketAddr,
        from: &str,
        to: &str,
        sni: Option<&str>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut tcp = TcpStream::connect(at).await?;
        tcp.write_all(super::header(from, to).as_bytes()).await?;
        let answer = read_until(&mut tcp, "</stream:features>").await;
        assert!(answer.contains("<starttls"), "{answer}");
        tcp.write_all(super::STARTTLS).await?;
        let answer = read_until(&mut tcp, ">").await;
        assert!(answer.contains("<proceed"), "{answer}");
        self.sni = sni.is_some();
        self.shake(tcp, sni.unwrap_or("unsaid.test")).await
    }
}

pub fn leaf_of(tls: &TlsStream<TcpStream>) -> Vec<u8> {
    tls.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// Reads until the text has come; more than that may have been read. Ends with the stream.
pub async fn read_until(from: &mut (impl AsyncRead + Unpin), wanted: &str) -> String {
    let mut bytes = Vec::new();
    let read = async {
        // The opening of `<stream:stream` is no wanted end.
        while !String::from_utf8_lossy(&bytes)
            .replace("<stream:stream", "")
            .contains(wanted)
        {
            if from.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                break;
            }
        }
    };
    if tokio::time::timeout(PATIENCE, read).await.is_err() {
        panic!("waited for {wanted}");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads to the end, however it comes.
pub async fn read_all(from: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = async { while from.read_buf(&mut bytes).await.unwrap_or(0) > 0 {} };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    bytes
}
