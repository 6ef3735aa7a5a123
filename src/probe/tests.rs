//! Probes against servers in this process: each behaviour of a peer, and what is kept of it.

use super::*;
use crate::explain::Explain;
use crate::wire::xmpp::{
    CLOSE, ServerStep, ServerStream, StreamKind, TlsOffer, XmppError, read_header,
};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SignatureAlgorithm};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SignatureScheme, SupportedProtocolVersion};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(10),
    total: Duration::from_secs(20),
};

/// For peers that never answer.
const SHORT: Limits = Limits {
    connect: Duration::from_secs(1),
    total: Duration::from_secs(1),
};

const STATUS: &[u8] = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";

pub(super) struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

pub(super) fn identity(algorithm: &'static SignatureAlgorithm) -> Identity {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let certificate = CertificateParams::new(vec!["a.example".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    Identity {
        certificate: certificate.der().clone(),
        key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    }
}

fn certified(identity: &Identity) -> Arc<CertifiedKey> {
    Arc::new(
        CertifiedKey::from_der(
            vec![identity.certificate.clone()],
            identity.key.clone_key(),
            &aws_lc_rs::default_provider(),
        )
        .unwrap(),
    )
}

fn server_config(
    identity: &Identity,
    versions: &[&'static SupportedProtocolVersion],
    asks: bool,
) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = if asks {
        let mut roots = RootCertStore::empty();
        roots.add(identity.certificate.clone()).unwrap();
        builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .unwrap(),
        )
    } else {
        builder.with_no_client_auth()
    };
    builder
        .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())
        .unwrap()
}

pub(super) fn acceptor(identity: &Identity, alpn: &[&str]) -> TlsAcceptor {
    let mut config = server_config(identity, rustls::ALL_VERSIONS, false);
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// Serves one connection; tells where, and whether the server's own claims held.
pub(super) async fn serve<F, R>(behaviour: F) -> (SocketAddr, JoinHandle<()>)
where
    F: FnOnce(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        behaviour(stream).await;
    });
    (address, server)
}

fn target(address: SocketAddr, protocol: Protocol) -> Target {
    Target {
        address,
        protocol,
        server_name: Some(Domain::parse("a.example").unwrap()),
        domain: None,
        from: Domain::parse("probe.example").unwrap(),
        key_kind: KeyKind::Any,
        depth: Depth::Inside,
    }
}

/// Plays the server up to `<proceed/>`; tells the `to` that was asked for.
pub(super) async fn play_starttls(
    stream: &mut TcpStream,
    kind: StreamKind,
    behind: &[u8],
) -> Option<String> {
    let mut server = ServerStream::new(kind);
    let mut to = None;
    let mut chunk = [0u8; 1024];
    loop {
        let count = stream.read(&mut chunk).await.unwrap();
        match server.feed(&chunk[..count]).unwrap() {
            ServerStep::Read => {}
            ServerStep::Header(header) => {
                to = header.to;
                let answer = server.answer("s1", TlsOffer::Required);
                stream.write_all(&answer).await.unwrap();
            }
            ServerStep::StartTls(mut bytes) => {
                bytes.extend_from_slice(behind);
                stream.write_all(&bytes).await.unwrap();
                return to;
            }
            other @ (ServerStep::Clear { .. } | ServerStep::Failure(_)) => panic!("{other:?}"),
        }
    }
}

/// Answers a stream header with header and features inside TLS, then waits for the end.
async fn play_inside(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let mut bytes = Vec::new();
    let mut chunk = [0u8; 1024];
    while read_header(&bytes).unwrap().is_none() {
        let count = stream.read(&mut chunk).await.unwrap();
        bytes.extend_from_slice(&chunk[..count]);
    }
    stream
        .write_all(b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' id='inside' version='1.0'><stream:features>")
        .await
        .unwrap();
    stream.flush().await.unwrap();
    stream
        .write_all(b"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>")
        .await
        .unwrap();
    stream.flush().await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(rest, CLOSE);
}

#[tokio::test]
async fn plain_tls_keeps_chain_and_possession() {
    let identity = identity(&PKCS_ECDSA_P256_SHA256);
    for (server_name, versions, expected) in [
        (true, rustls::ALL_VERSIONS, "TLSv1.3"),
        (false, rustls::ALL_VERSIONS, "TLSv1.3"),
        (true, &[&rustls::version::TLS12][..], "TLSv1.2"),
    ] {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(&identity, versions, false)));
        let (address, server) = serve(move |tcp| async move {
            let mut tls = acceptor.accept(tcp).await.unwrap();
            let sni = tls.get_ref().1.server_name().map(str::to_owned);
            assert_eq!(sni.as_deref(), server_name.then_some("a.example"));
            assert_eq!(tls.get_ref().1.alpn_protocol(), None);
            let _ = tls.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let mut target = target(address, Protocol::Tls);
        if !server_name {
            target.server_name = None;
        }
        let seen = probe(&target, LIMITS).await;
        server.await.unwrap();
        assert_eq!(seen.failure, None);
        assert_eq!(seen.reached, Some(Stage::Handshake));
        assert!(seen.handshake_completed());
        assert_eq!(seen.chain, vec![identity.certificate.to_vec()]);
        assert_eq!(seen.possession, Some(true));
        assert_eq!(seen.tls_version.as_deref(), Some(expected));
        assert!(
            seen.cipher.as_deref().unwrap().starts_with("TLS_"),
            "{seen:?}"
        );
        assert!(!seen.asked_for_certificate);
    }
}

#[tokio::test]
async fn direct_tls_agrees_on_alpn_and_reads_the_features_inside() {
    for (protocol, alpn) in [
        (Protocol::XmppsServer, "xmpp-server"),
        (Protocol::XmppsClient, "xmpp-client"),
    ] {
        let acceptor = acceptor(&identity(&PKCS_ECDSA_P256_SHA256), &[alpn]);
        let (address, server) = serve(move |tcp| async move {
            let mut tls = acceptor.accept(tcp).await.unwrap();
            play_inside(&mut tls).await;
        })
        .await;
        let seen = probe(&target(address, protocol), LIMITS).await;
        server.await.unwrap();
        assert_eq!(seen.failure, None);
        assert_eq!(seen.alpn.as_deref(), Some(alpn));
        assert_eq!(seen.reached, Some(Stage::Inside));
        assert_eq!(seen.features_before, None);
        assert_eq!(seen.header.unwrap().id.as_deref(), Some("inside"));
        let features = seen.features.unwrap();
        assert_eq!(features.mechanisms, ["EXTERNAL"]);
        assert!(features.dialback);
    }
}

#[tokio::test]
async fn direct_tls_without_a_domain_opens_no_stream() {
    let acceptor = acceptor(&identity(&PKCS_ECDSA_P256_SHA256), &[]);
    let (address, server) = serve(move |tcp| async move {
        let mut tls = acceptor.accept(tcp).await.unwrap();
        let mut said = Vec::new();
        let _ = tls.read_to_end(&mut said).await;
        assert!(said.is_empty());
    })
    .await;
    let mut target = target(address, Protocol::XmppsServer);
    target.server_name = None;
    let seen = probe(&target, LIMITS).await;
    server.await.unwrap();
    assert_eq!((seen.failure, seen.reached), (None, Some(Stage::Handshake)));
}

#[tokio::test]
async fn an_unknown_alpn_is_told_by_its_alert() {
    let acceptor = acceptor(&identity(&PKCS_ECDSA_P256_SHA256), &["h2"]);
    let (address, server) = serve(move |tcp| async move {
        assert!(acceptor.accept(tcp).await.is_err());
    })
    .await;
    let seen = probe(&target(address, Protocol::XmppsServer), LIMITS).await;
    server.await.unwrap();
    let Some(ProbeError::Tls(words)) = seen.failure else {
        panic!("{seen:?}");
    };
    assert!(words.contains("no-application-protocol"), "{words}");
}

#[tokio::test]
async fn starttls_leads_to_the_features_inside() {
    for (protocol, kind) in [
        (Protocol::XmppServer, StreamKind::Server),
        (Protocol::Xmpp, StreamKind::Client),
    ] {
        let acceptor = acceptor(&identity(&PKCS_ECDSA_P256_SHA256), &[]);
        let (address, server) = serve(move |mut tcp| async move {
            let to = play_starttls(&mut tcp, kind, b"").await;
            assert_eq!(to.as_deref(), Some("b.example"));
            let mut tls = acceptor.accept(tcp).await.unwrap();
            play_inside(&mut tls).await;
        })
        .await;
        let mut target = target(address, protocol);
        target.domain = Some(Domain::parse("b.example").unwrap());
        let seen = probe(&target, LIMITS).await;
        server.await.unwrap();
        assert_eq!(seen.failure, None);
        assert_eq!(seen.reached, Some(Stage::Inside));
        assert_eq!(seen.features_before.unwrap().starttls, Some(true));
        assert_eq!(seen.features.unwrap().mechanisms, ["EXTERNAL"]);
        assert_eq!(seen.alpn, None);
        assert_eq!(seen.possession, Some(true));
    }
}

#[tokio::test]
async fn clear_text_behind_proceed_is_an_injection() {
    let (address, server) = serve(|mut tcp| async move {
        play_starttls(&mut tcp, StreamKind::Server, b"<stream:features/>").await;
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let seen = probe(&target(address, Protocol::XmppServer), LIMITS).await;
    server.await.unwrap();
    assert_eq!(seen.failure, Some(ProbeError::Xmpp(XmppError::Injection)));
    assert_eq!(seen.reached, Some(Stage::Greeting));
    assert!(seen.chain.is_empty() && !seen.handshake_completed());
}

#[tokio::test]
async fn a_stream_error_is_told_with_its_condition() {
    let (address, server) = serve(|mut tcp| async move {
        let mut server = ServerStream::new(StreamKind::Server);
        let bytes = server.refuse("1", "host-unknown", "not here");
        tcp.write_all(&bytes).await.unwrap();
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let seen = probe(&target(address, Protocol::XmppServer), LIMITS).await;
    server.await.unwrap();
    let failure = seen.failure.unwrap();
    assert!(failure.explain().why.contains("wrong edge"), "{failure:?}");
    assert_eq!(failure.to_string(), "stream error host-unknown");
}

#[tokio::test]
async fn options_inside_tls_is_answered() {
    let acceptor = acceptor(&identity(&PKCS_ECDSA_P256_SHA256), &[]);
    let (address, server) = serve(move |tcp| async move {
        let mut tls = acceptor.accept(tcp).await.unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"\r\n\r\n") {
            said.push(tls.read_u8().await.unwrap());
        }
        assert!(said.starts_with(b"OPTIONS sip:a.example SIP/2.0\r\n"));
        let (left, right) = STATUS.split_at(20);
        for part in [left, right] {
            tls.write_all(part).await.unwrap();
            tls.flush().await.unwrap();
        }
        let _ = tls.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let seen = probe(&target(address, Protocol::Sips), LIMITS).await;
    server.await.unwrap();
    assert_eq!(seen.failure, None);
    assert_eq!(seen.sip_status.unwrap().code, 200);
    assert_eq!(seen.alpn, None);
}

#[tokio::test]
async fn a_sip_server_that_closes_without_answer_fails_inside_only() {
    let acceptor = acceptor(&identity(&PKCS_ECDSA_P256_SHA256), &[]);
    let (address, server) = serve(move |tcp| async move {
        let mut tls = acceptor.accept(tcp).await.unwrap();
        let _ = tls.read_u8().await;
        let _ = tls.shutdown().await;
    })
    .await;
    let seen = probe(&target(address, Protocol::Sips), LIMITS).await;
    server.await.unwrap();
    assert_eq!(seen.failure, Some(ProbeError::Closed));
    assert_eq!(seen.reached, Some(Stage::Inside));
    assert!(seen.handshake_completed());
    assert_eq!(seen.possession, Some(true));
}

#[tokio::test]
async fn the_inside_is_left_alone_when_only_the_handshake_is_wanted() {
    for protocol in [Protocol::Sips, Protocol::XmppsServer] {
        let acceptor = acceptor(&identity(&PKCS_ECDSA_P256_SHA256), &[]);
        let (address, server) = serve(move |tcp| async move {
            let mut tls = acceptor.accept(tcp).await.unwrap();
            let mut said = Vec::new();
            let _ = tls.read_to_end(&mut said).await;
            assert!(said.is_empty());
        })
        .await;
        let mut target = target(address, protocol);
        target.depth = Depth::Handshake;
        let seen = probe(&target, LIMITS).await;
        server.await.unwrap();
        assert_eq!((seen.failure, seen.reached), (None, Some(Stage::Handshake)));
        assert_eq!(seen.chain.len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_hangs_meets_the_time_limit_in_every_stage() {
    for (protocol, stage) in [
        (Protocol::Tls, Stage::Handshake),
        (Protocol::XmppServer, Stage::Greeting),
    ] {
        let (address, server) = serve(|mut tcp| async move {
            let _ = tcp.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let seen = probe(&target(address, protocol), SHORT).await;
        server.await.unwrap();
        assert_eq!(seen.failure, Some(ProbeError::Timeout(SHORT.total)));
        assert_eq!(seen.reached, Some(stage));
        assert!(seen.took >= SHORT.total && seen.took < LIMITS.total);
    }
    // Silent after the handshake: what was seen is kept.
    let acceptor = acceptor(&identity(&PKCS_ECDSA_P256_SHA256), &[]);
    let (address, server) = serve(move |tcp| async move {
        let mut tls = acceptor.accept(tcp).await.unwrap();
        let _ = tls.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let limits = Limits {
        total: Duration::from_secs(2),
        ..LIMITS
    };
    let seen = probe(&target(address, Protocol::Sips), limits).await;
    server.await.unwrap();
    assert_eq!(seen.failure, Some(ProbeError::Timeout(limits.total)));
    assert_eq!(seen.reached, Some(Stage::Inside));
    assert_eq!((seen.chain.len(), seen.possession), (1, Some(true)));
}

#[tokio::test]
async fn a_server_that_closes_at_once_is_told_as_such() {
    for (protocol, stage) in [
        (Protocol::Tls, Stage::Handshake),
        (Protocol::XmppServer, Stage::Greeting),
    ] {
        let (address, server) = serve(|mut tcp| async move {
            let _ = tcp.read(&mut [0u8; 4096]).await;
        })
        .await;
        let seen = probe(&target(address, protocol), LIMITS).await;
        server.await.unwrap();
        assert_eq!(seen.failure, Some(ProbeError::Closed));
        assert_eq!(seen.reached, Some(stage));
    }
}

#[tokio::test]
async fn a_closed_port_is_told_as_refused() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let seen = probe(&target(address, Protocol::Tls), LIMITS).await;

    let failure = seen.failure.unwrap();
    assert!(
        failure.to_string().contains("connection refused"),
        "{failure}"
    );
    assert_eq!(seen.reached, Some(Stage::Connect));
    assert!(failure.explain().mend.contains("listens"));
}

#[tokio::test]
async fn garbage_is_told_as_what_it_is_not() {
    for (protocol, words) in [
        (Protocol::Tls, "not TLS"),
        (Protocol::XmppServer, "not an XMPP stream: 220 mail"),
    ] {
        let (address, server) = serve(|mut tcp| async move {
            let _ = tcp.write_all(b"220 mail.example ESMTP \x1b[31m\r\n").await;
            let _ = tcp.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let failure = probe(&target(address, protocol), LIMITS)
            .await
            .failure
            .unwrap();
        server.await.unwrap();
        let told = format!("{failure} {:?}", failure.explain());
        assert!(told.contains(words), "{told}");
        assert!(!told.contains('\x1b'), "{told}");
    }
    // Endless white space.
    let (address, server) =
        serve(|mut tcp| async move { while tcp.write_all(&[b' '; 1024]).await.is_ok() {} }).await;
    let seen = probe(&target(address, Protocol::XmppServer), LIMITS).await;
    server.await.unwrap();
    assert_eq!(seen.failure, Some(ProbeError::Xmpp(XmppError::TooLarge)));
    // Something else inside TLS.
    let acceptor = acceptor(&identity(&PKCS_ECDSA_P256_SHA256), &[]);
    let (address, server) = serve(move |tcp| async move {
        let mut tls = acceptor.accept(tcp).await.unwrap();
        tls.write_all(b"HTTP/1.1 400 Bad Request\r\n")
            .await
            .unwrap();
        tls.flush().await.unwrap();
        let _ = tls.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let seen = probe(&target(address, Protocol::Sips), LIMITS).await;
    server.await.unwrap();
    assert!(matches!(seen.failure, Some(ProbeError::Sip(_))), "{seen:?}");
    assert!(seen.handshake_completed());
}

#[tokio::test]
async fn the_chain_is_kept_when_a_client_certificate_is_demanded() {
    let identity = identity(&PKCS_ECDSA_P256_SHA256);
    let config = server_config(&identity, &[&rustls::version::TLS12], true);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (address, server) = serve(move |tcp| async move {
        assert!(acceptor.accept(tcp).await.is_err());
    })
    .await;
    let seen = probe(&target(address, Protocol::Sips), LIMITS).await;
    server.await.unwrap();
    let Some(ProbeError::Tls(words)) = &seen.failure else {
        panic!("{seen:?}");
    };
    assert!(words.contains("demands a client certificate"), "{words}");
    assert_eq!(seen.chain, vec![identity.certificate.to_vec()]);
    assert_eq!(seen.possession, Some(true));
    assert!(seen.asked_for_certificate && !seen.handshake_completed());
    // TLS 1.3 tells only after the handshake.
    let config = server_config(&identity, &[&rustls::version::TLS13], true);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (address, server) = serve(move |tcp| async move {
        assert!(acceptor.accept(tcp).await.is_err());
    })
    .await;
    let seen = probe(&target(address, Protocol::Sips), LIMITS).await;
    server.await.unwrap();
    assert!(
        seen.asked_for_certificate && seen.handshake_completed(),
        "{seen:?}"
    );
    assert!(seen.failure.is_some(), "{seen:?}");
}

/// Serves by the client's signature types, as servers with two certificates do.
#[derive(Debug)]
struct TwoKeys {
    ecdsa: Arc<CertifiedKey>,
    ed25519: Arc<CertifiedKey>,
}

impl ResolvesServerCert for TwoKeys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        if schemes.contains(&SignatureScheme::ECDSA_NISTP256_SHA256) {
            Some(Arc::clone(&self.ecdsa))
        } else if schemes.contains(&SignatureScheme::ED25519) {
            Some(Arc::clone(&self.ed25519))
        } else {
            None
        }
    }
}

#[tokio::test]
async fn one_of_two_certificates_is_singled_out_by_its_key() {
    let ecdsa = identity(&PKCS_ECDSA_P256_SHA256);
    let ed25519 = identity(&PKCS_ED25519);
    for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
        for (kind, leaf) in [
            (KeyKind::Any, Some(&ecdsa)),
            (KeyKind::Ecdsa, Some(&ecdsa)),
            (KeyKind::Ed25519, Some(&ed25519)),
            (KeyKind::Rsa, None),
        ] {
            let keys = TwoKeys {
                ecdsa: certified(&ecdsa),
                ed25519: certified(&ed25519),
            };
            let config =
                ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                    .with_protocol_versions(versions)
                    .unwrap()
                    .with_no_client_auth()
                    .with_cert_resolver(Arc::new(keys));
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let (address, server) = serve(move |tcp| async move {
                if let Ok(mut tls) = acceptor.accept(tcp).await {
                    let _ = tls.read_to_end(&mut Vec::new()).await;
                }
            })
            .await;
            let mut target = target(address, Protocol::Tls);
            target.key_kind = kind;
            let seen = probe(&target, LIMITS).await;
            server.await.unwrap();
            match leaf {
                Some(leaf) => {
                    assert_eq!(seen.failure, None, "{kind:?}");
                    assert_eq!(seen.chain, vec![leaf.certificate.to_vec()], "{kind:?}");
                    assert_eq!(seen.possession, Some(true));
                }
                None => {
                    assert!(seen.chain.is_empty());
                    let words = seen.failure.unwrap().to_string();
                    assert!(
                        words.contains("RSA key") || words.contains("alert"),
                        "{words}"
                    );
                }
            }
        }
    }
}

/// Shows a chain whose key it does not hold.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn an_impostor_is_known_though_it_asks_for_a_certificate_and_hangs_up() {
    let (victim, own) = (
        identity(&PKCS_ECDSA_P256_SHA256),
        identity(&PKCS_ECDSA_P256_SHA256),
    );
    let shown = CertifiedKey::new(
        vec![victim.certificate.clone()],
        Arc::clone(&certified(&own).key),
    );
    let shown = Arc::new(Impostor(Arc::new(shown)));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut config = server_config(&own, &[version], true);
        config.cert_resolver = Arc::<Impostor>::clone(&shown);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (address, server) = serve(move |tcp| async move {
            assert!(acceptor.accept(tcp).await.is_err());
        })
        .await;
        let seen = probe(&target(address, Protocol::Sips), LIMITS).await;
        server.await.unwrap();
        assert!(seen.failure.is_some() && seen.asked_for_certificate);
        assert_eq!(seen.chain, vec![victim.certificate.to_vec()]);
        assert_eq!(seen.possession, Some(false));
    }
}

#[test]
fn callers_without_a_runtime_probe_too() {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || drop(listener.accept()));
    let seen = probe_blocking(&target(address, Protocol::XmppServer), LIMITS);
    server.join().unwrap();
    assert_eq!(seen.failure, Some(ProbeError::Closed));
}
