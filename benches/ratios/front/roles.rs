//! Clients and the backend, as processes of their own: this program again, told its part in its environment.

use super::fronts::on_core;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

/// The variable that says which part, in JSON.
const PART: &str = "EDGECERT_BENCH_PART";

/// Bytes written at once.
const CHUNK: usize = 64 * 1024;

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' \
    xmlns:stream='http://etherx.jabber.org/streams' from='peer.example' to='contoso.com' version='1.0'>";
const ANSWER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' from='contoso.com' version='1.0'><stream:features/>";
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// A process of another part, ended with its owner.
pub struct Helper {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Where the backend listens.
    pub address: SocketAddr,
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Helper {
    fn start(part: &Value) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = on_core("1", program.to_str().unwrap())
            .env(PART, part.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            input,
            output,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// An echo that also swallows, pours and speaks XMPP, by the first byte of a connection.
    pub fn backend() -> Self {
        let mut helper = Self::start(&json!({ "task": "backend" }));
        helper.address = serde_json::from_value(helper.line()).unwrap();
        helper
    }

    /// So many open TLS streams, each answered once.
    pub fn hold(address: SocketAddr, count: usize) -> Self {
        let part = json!({ "task": "hold", "address": address, "count": count });
        let mut helper = Self::start(&part);
        assert_eq!(helper.line(), json!(count));
        helper
    }

    /// How many of them still answer.
    pub fn still_alive(&mut self) -> usize {
        self.input.write_all(b"\n").unwrap();
        serde_json::from_value(self.line()).unwrap()
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        std::fs::metadata(format!("/proc/{}", self.child.id())).is_ok()
    }
}

/// Has a client do its part, and hears what came of it.
pub fn run(part: &Value) -> Value {
    Helper::start(part).line()
}

/// Plays the part that this process was started for; false: none.
pub fn play() -> bool {
    let Ok(part) = std::env::var(PART) else {
        return false;
    };
    let part: Value = serde_json::from_str(&part).unwrap();
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        match part["task"].as_str().unwrap() {
            "backend" => backend().await,
            "handshakes" => tell(&repeat(&part, Kind::Handshake).await),
            "starttls" => tell(&repeat(&part, Kind::SetUp).await),
            "throughput" => tell(&throughput(&part).await),
            "latency" => tell(&latency(&part).await),
            "hold" => hold(&part).await,
            other => panic!("there is no part {other}"),
        }
    });
    true
}

fn tell(value: &Value) {
    println!("{value}");
}

async fn backend() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener: TcpListener = socket.listen(4096).unwrap();
    tell(&json!(listener.local_addr().unwrap()));
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            continue;
        };
        let _ = tcp.set_nodelay(true);
        tokio::spawn(async move {
            // A peer that goes away ends its connection; there is nobody to tell.
            let _ = attend(tcp).await;
        });
    }
}

async fn attend(mut tcp: TcpStream) -> std::io::Result<()> {
    let first = tcp.read_u8().await?;
    match first {
        b'S' => {
            // Counted, since not every front passes a half-closed stream on.
            let mut left = tcp.read_u64().await?;
            let mut chunk = vec![0; CHUNK];
            while left > 0 {
                match tcp.read(&mut chunk).await? {
                    0 => return Ok(()),
                    read => left = left.saturating_sub(read as u64),
                }
            }
            tcp.write_all(b"k").await?;
            tcp.shutdown().await
        }
        b'D' => {
            let mut left = tcp.read_u64().await?;
            let chunk = vec![0x5a; CHUNK];
            while left > 0 {
                let size = left.min(CHUNK as u64);
                tcp.write_all(&chunk[..size as usize]).await?;
                left -= size;
            }
            tcp.shutdown().await
        }
        _ => {
            if first == b'<' {
                until(&mut tcp, "version='1.0'>").await?;
                tcp.write_all(ANSWER.as_bytes()).await?;
            } else {
                tcp.write_all(&[first]).await?;
            }
            // As small as it can be: there are thousands of these.
            loop {
                tcp.readable().await?;
                let mut chunk = [0; 512];
                match tcp.try_read(&mut chunk) {
                    Ok(0) => return Ok(()),
                    Ok(read) => tcp.write_all(&chunk[..read]).await?,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// Reads until the text has come.
async fn until(from: &mut (impl AsyncRead + Unpin), text: &str) -> std::io::Result<()> {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(text) {
        if from.read_buf(&mut heard).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

enum Kind {
    Handshake,
    SetUp,
}

/// One after the other in each of many tasks, until the time is over.
async fn repeat(part: &Value, kind: Kind) -> Value {
    let address = address(part);
    let config = config(part);
    let seconds = part["seconds"].as_u64().unwrap();
    let clients = part["clients"].as_u64().unwrap();
    let kind = Arc::new(kind);
    let done = Arc::new(AtomicU64::new(0));
    let failures = Arc::new(Mutex::new(Vec::new()));
    let begun = Instant::now();
    let end = begun + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (config, kind) = (Arc::clone(&config), Arc::clone(&kind));
            let (done, failures) = (Arc::clone(&done), Arc::clone(&failures));
            tokio::spawn(async move {
                while Instant::now() < end {
                    let once = async {
                        match *kind {
                            Kind::Handshake => handshake(address, &config).await.map(|_| ()),
                            Kind::SetUp => set_up(address, &config).await,
                        }
                    };
                    match once.await {
                        Ok(()) => {
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => failures.lock().unwrap().push(error.to_string()),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let failures = failures.lock().unwrap();
    json!({
        "count": done.load(Ordering::Relaxed),
        "failed": failures.len(),
        "failure": failures.first(),
        "seconds": begun.elapsed().as_secs_f64(),
    })
}

type Tls = tokio_rustls::client::TlsStream<TcpStream>;

/// A full handshake, and a byte to the backend and back.
async fn handshake(address: SocketAddr, config: &Arc<ClientConfig>) -> std::io::Result<Tls> {
    let mut tls = shake(connect(address).await?, config).await?;
    tls.write_all(b"x").await?;
    tls.flush().await?;
    tls.read_u8().await?;
    Ok(tls)
}

async fn set_up(address: SocketAddr, config: &Arc<ClientConfig>) -> std::io::Result<()> {
    let mut tcp = connect(address).await?;
    tcp.write_all(HEADER.as_bytes()).await?;
    until(&mut tcp, "</stream:features>").await?;
    tcp.write_all(STARTTLS.as_bytes()).await?;
    until(&mut tcp, "<proceed").await?;
    let mut tls = shake(tcp, config).await?;
    tls.write_all(HEADER.as_bytes()).await?;
    tls.flush().await?;
    until(&mut tls, "<stream:features/>").await
}

/// From changing addresses of this machine: ports that were just used are not to be had for a while.
async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    static TURN: AtomicU32 = AtomicU32::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed) % 200;
    let socket = TcpSocket::new_v4()?;
    let from = Ipv4Addr::new(127, 0, 1, 1 + turn as u8);
    socket.bind((from, 0).into())?;
    let tcp = socket.connect(address).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

async fn shake(tcp: TcpStream, config: &Arc<ClientConfig>) -> std::io::Result<Tls> {
    let name = ServerName::try_from("edge.contoso.com").unwrap();
    TlsConnector::from(Arc::clone(config))
        .connect(name, tcp)
        .await
}

fn address(part: &Value) -> SocketAddr {
    serde_json::from_value(part["address"].clone()).unwrap()
}

fn config(part: &Value) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything));
    let mut config = match (part["certificate"].as_str(), part["key"].as_str()) {
        (Some(certificate), Some(key)) => {
            let chain = CertificateDer::pem_file_iter(certificate)
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let key = PrivateKeyDer::from_pem_file(key).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
        _ => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// Checks nothing at all: what a client does is not what is measured.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
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
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::RSA_PSS_SHA256,
        ]
    }
}

/// A connection through TLS, or without it.
enum Line {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

impl Line {
    async fn open(part: &Value) -> Self {
        let tcp = connect(address(part)).await.unwrap();
        match part["tls"].as_bool() {
            Some(true) => Self::Tls(Box::new(shake(tcp, &config(part)).await.unwrap())),
            _ => Self::Plain(tcp),
        }
    }
}

async fn throughput(part: &Value) -> Value {
    let bytes = part["megabytes"].as_u64().unwrap() * 1_000_000;
    let up = part["direction"] == "up";
    let took = match Line::open(part).await {
        Line::Plain(line) => pour(line, up, bytes).await,
        Line::Tls(line) => pour(*line, up, bytes).await,
    };
    json!({ "seconds": took.as_secs_f64() })
}

async fn pour(mut line: impl AsyncRead + AsyncWrite + Unpin, up: bool, bytes: u64) -> Duration {
    let begun = Instant::now();
    let mut chunk = vec![0x5a; CHUNK];
    let mut left = bytes;
    if up {
        line.write_all(b"S").await.unwrap();
        line.write_u64(bytes).await.unwrap();
        while left > 0 {
            let size = left.min(CHUNK as u64);
            line.write_all(&chunk[..size as usize]).await.unwrap();
            left -= size;
        }
        line.flush().await.unwrap();
        assert_eq!(line.read_u8().await.unwrap(), b'k');
    } else {
        line.write_all(b"D").await.unwrap();
        line.write_u64(bytes).await.unwrap();
        line.flush().await.unwrap();
        while left > 0 {
            let read = line.read(&mut chunk).await.unwrap();
            assert!(read > 0, "{left} bytes are missing");
            left -= read as u64;
        }
    }
    begun.elapsed()
}

async fn latency(part: &Value) -> Value {
    let count = part["count"].as_u64().unwrap();
    let mut took = match Line::open(part).await {
        Line::Plain(line) => ping(line, count).await,
        Line::Tls(line) => ping(*line, count).await,
    };
    took.sort();
    let at = |share: f64| {
        let place = (took.len() as f64 * share) as usize;
        took[place.min(took.len() - 1)].as_secs_f64() * 1e6
    };
    json!({ "p50": at(0.5), "p99": at(0.99) })
}

async fn ping(mut line: impl AsyncRead + AsyncWrite + Unpin, count: u64) -> Vec<Duration> {
    let mut took = Vec::new();
    let mut back = [0; 64];
    for _ in 0..count {
        let begun = Instant::now();
        line.write_all(&[b'p'; 64]).await.unwrap();
        line.flush().await.unwrap();
        line.read_exact(&mut back).await.unwrap();
        took.push(begun.elapsed());
    }
    took
}

async fn hold(part: &Value) {
    let (address, config) = (address(part), config(part));
    let count = part["count"].as_u64().unwrap();
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(handshake(address, &config).await.unwrap());
    }
    tell(&json!(held.len()));
    std::io::stdin().read_exact(&mut [0]).unwrap();
    let mut alive = 0;
    for tls in &mut held {
        let answered = async {
            tls.write_all(b"y").await?;
            tls.flush().await?;
            tls.read_u8().await
        };
        alive += usize::from(answered.await.is_ok_and(|byte| byte == b'y'));
    }
    tell(&json!(alive));
}
