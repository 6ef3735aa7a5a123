//! Servers of this process that call back, or do not: what is kept, and the words for what is missing.

use super::*;
use crate::explain::Explain;
use crate::probe::ProbeError;
use crate::probe::tests::{Identity, acceptor, identity, play_starttls, serve};
use crate::probe::tls::Recorder;
use crate::wire::xmpp::{CLOSE, ClientStep, ClientStream, StreamKind};
use rcgen::PKCS_ECDSA_P256_SHA256;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(10),
    total: Duration::from_secs(20),
};

/// For calls that never come.
const SHORT: Limits = Limits {
    connect: Duration::from_secs(2),
    total: Duration::from_secs(2),
};

const DIALBACK: &str = "<dialback xmlns='urn:xmpp:features:dialback'/>";

/// What the server does once it has the key.
enum Then {
    /// Calls as this domain.
    Call(&'static str, Call),
    /// Says this on our stream, and nothing else.
    Say(&'static str),
}

/// How it calls.
#[derive(Clone, Copy)]
enum Call {
    StartTls(Shows),
    AtOnce(Shows),
    /// With these bytes in place of a TLS handshake.
    Garbage(&'static [u8]),
}

#[derive(Clone, Copy)]
enum Shows {
    Certificate,
    Nothing,
}

struct Script {
    call: OutboundCall,
    server: JoinHandle<()>,
    /// What the caller shows.
    leaf: Vec<u8>,
}

impl Script {
    /// Has the server call once; its own claims have held when this ends.
    async fn observe(self, limits: Limits) -> OutboundObservation {
        let seen = observe(&self.call, limits).await;
        finished(self.server, &seen).await;
        seen
    }
}

/// The end of a server, which is near once we have hung up. One that was never asked waits for ever: then what was seen
/// says why.
async fn finished(server: JoinHandle<()>, seen: &OutboundObservation) {
    let Ok(ended) = tokio::time::timeout(LIMITS.total, server).await else {
        panic!("the server still waits: {seen:?}");
    };
    ended.unwrap();
}

/// An address at which nothing listens, and nothing will: each has an address of the loopback network of its own, where
/// no other test is given a port in the meantime.
async fn free_port() -> SocketAddr {
    static GIVEN: AtomicU8 = AtomicU8::new(1);
    let host = Ipv4Addr::new(127, 52, 69, GIVEN.fetch_add(1, Ordering::Relaxed));
    let listener = TcpListener::bind((host, 0)).await.unwrap();
    listener.local_addr().unwrap()
}

/// A server that takes our stream, offers these features inside, and does this with the key.
async fn script(protocol: Protocol, features: &'static str, then: Then) -> Script {
    let listen = free_port().await;
    let own = identity(&PKCS_ECDSA_P256_SHA256);
    let leaf = own.certificate.to_vec();
    let acceptor = acceptor(&own, &["xmpp-server"]);
    let (server, task) = serve(move |mut tcp| async move {
        if protocol == Protocol::XmppServer {
            let to = play_starttls(&mut tcp, StreamKind::Server, b"").await;
            assert_eq!(to.as_deref(), Some("a.example"));
        }
        let mut tls = acceptor.accept(tcp).await.unwrap();
        let said = read_until(&mut tls, "version='1.0'>").await;
        assert!(said.contains(" from='127.0.0.9' to='a.example'"), "{said}");
        let words = format!(
            "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' \
             xmlns:db='jabber:server:dialback' id='1' version='1.0'><stream:features>{features}</stream:features>"
        );
        tls.write_all(words.as_bytes()).await.unwrap();
        tls.flush().await.unwrap();
        if features.is_empty() {
            let _ = tls.read_to_end(&mut Vec::new()).await;
            return;
        }
        let said = read_until(&mut tls, "</db:result>").await;
        assert!(
            said.starts_with("<db:result from='127.0.0.9' to='a.example'>"),
            "{said}"
        );
        match then {
            Then::Call(from, how) => call_back(listen, from, how, &own).await,
            Then::Say(words) => {
                tls.write_all(words.as_bytes()).await.unwrap();
                tls.flush().await.unwrap();
            }
        }
        let mut rest = Vec::new();
        let _ = tls.read_to_end(&mut rest).await;
        assert_eq!(rest, CLOSE);
    })
    .await;
    let call = OutboundCall {
        server,
        protocol,
        host: Domain::parse("a.example").unwrap(),
        partner: "127.0.0.9".to_owned(),
        listen,
        key_kind: KeyKind::Any,
    };
    Script {
        call,
        server: task,
        leaf,
    }
}

async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut said = Vec::new();
    while !said.ends_with(end.as_bytes()) {
        said.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(said).unwrap()
}

async fn call_back(listen: SocketAddr, from: &str, how: Call, own: &Identity) {
    let tcp = TcpStream::connect(listen).await.unwrap();
    talk(tcp, from, how, own).await;
}

async fn talk(mut tcp: TcpStream, from: &str, how: Call, own: &Identity) {
    let shows = match how {
        Call::AtOnce(shows) => shows,
        Call::StartTls(shows) => {
            if !ask_for_tls(&mut tcp, from).await {
                return;
            }
            shows
        }
        Call::Garbage(bytes) => {
            assert!(ask_for_tls(&mut tcp, from).await);
            tcp.write_all(bytes).await.unwrap();
            let _ = tcp.read_to_end(&mut Vec::new()).await;
            return;
        }
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .dangerous()
    .with_custom_certificate_verifier(Arc::new(Recorder::new(KeyKind::Any)));
    let config = match shows {
        Shows::Certificate => builder
            .with_client_auth_cert(vec![own.certificate.clone()], own.key.clone_key())
            .unwrap(),
        Shows::Nothing => builder.with_no_client_auth(),
    };
    let name = ServerName::try_from("a.example").unwrap();
    let mut tls = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .unwrap();
    say_header(&mut tls, from).await;
    let mut goodbye = String::new();
    let _ = tls.read_to_string(&mut goodbye).await;
    if from == "a.example" {
        assert!(goodbye.contains("edgecert has seen"), "{goodbye}");
        assert!(goodbye.ends_with("</stream:stream>"), "{goodbye}");
    }
}

async fn say_header(stream: &mut (impl AsyncWrite + Unpin), from: &str) {
    let mut client = ClientStream::inside_tls(StreamKind::Server, from, "127.0.0.9");
    let Ok(ClientStep::Send(bytes)) = client.feed(&[]) else {
        panic!("no header");
    };
    stream.write_all(&bytes).await.unwrap();
    stream.flush().await.unwrap();
}

/// Whether `<proceed/>` came.
async fn ask_for_tls(tcp: &mut TcpStream, from: &str) -> bool {
    let mut client = ClientStream::starttls(StreamKind::Server, from, "127.0.0.9");
    let mut step = client.feed(&[]).unwrap();
    let mut chunk = [0u8; 1024];
    loop {
        match step {
            ClientStep::Send(bytes) => tcp.write_all(&bytes).await.unwrap(),
            ClientStep::Read => {}
            ClientStep::StartTls | ClientStep::Done => return true,
        }
        let count = tcp.read(&mut chunk).await.unwrap();
        match client.feed(&chunk[..count]) {
            Ok(next) if count > 0 => step = next,
            Ok(_) | Err(_) => return false,
        }
    }
}

#[tokio::test]
async fn the_callers_certificate_is_kept_however_it_begins_tls() {
    for (protocol, how) in [
        (Protocol::XmppServer, Call::StartTls(Shows::Certificate)),
        (Protocol::XmppServer, Call::AtOnce(Shows::Certificate)),
        (Protocol::XmppsServer, Call::StartTls(Shows::Certificate)),
    ] {
        let script = script(protocol, DIALBACK, Then::Call("a.example", how)).await;
        let leaf = script.leaf.clone();
        let seen = script.observe(LIMITS).await;
        assert_eq!(seen.failure, None);
        assert_eq!(seen.chain, vec![leaf]);
        assert_eq!(seen.possession, Some(true));
    }
}

#[tokio::test]
async fn a_caller_without_a_certificate_of_the_wanted_kind_is_told() {
    for (shows, kind) in [
        (Shows::Nothing, KeyKind::Any),
        (Shows::Certificate, KeyKind::Rsa),
    ] {
        let then = Then::Call("a.example", Call::StartTls(shows));
        let mut script = script(Protocol::XmppServer, DIALBACK, then).await;
        script.call.key_kind = kind;
        let seen = script.observe(SHORT).await;
        assert_eq!(seen.failure, Some(OutboundError::NoCertificate));
        assert_eq!((seen.chain, seen.possession), (Vec::new(), None));
    }
}

#[tokio::test]
async fn a_call_that_speaks_no_tls_is_told() {
    for (bytes, word) in [
        (
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            "the peer's answer is not TLS",
        ),
        (&b"\x15\x03\x03\x00\x02\x02\x28"[..], "handshake-failure"),
    ] {
        let then = Then::Call("a.example", Call::Garbage(bytes));
        let script = script(Protocol::XmppServer, DIALBACK, then).await;
        let seen = script.observe(SHORT).await;
        let Some(failure @ OutboundError::Call(ProbeError::Tls(_))) = seen.failure else {
            panic!("{seen:?}");
        };
        assert!(failure.to_string().contains(word), "{failure}");
        assert!(failure.explain().mend.contains("server's log"));
    }
}

#[tokio::test]
async fn who_calls_under_another_name_is_not_the_server() {
    for how in [
        Call::StartTls(Shows::Certificate),
        Call::AtOnce(Shows::Certificate),
    ] {
        let then = Then::Call("b\u{e9}.example", how);
        let script = script(Protocol::XmppServer, DIALBACK, then).await;
        let seen = script.observe(SHORT).await;
        assert!(seen.chain.is_empty(), "{seen:?}");
        let Some(failure @ OutboundError::NotCalled { .. }) = seen.failure else {
            panic!("{seen:?}");
        };
        let why = failure.explain().why;
        assert!(why.contains("a stream from b\u{e9}.example"), "{why}");
        assert!(seen.took < SHORT.total + Duration::from_secs(1));
    }
}

#[tokio::test]
async fn silent_strangers_do_not_keep_the_call_away() {
    let then = Then::Call("a.example", Call::StartTls(Shows::Certificate));
    let script = script(Protocol::XmppServer, DIALBACK, then).await;
    let call = script.call.clone();
    let seen = tokio::spawn(async move { observe(&call, LIMITS).await });
    let mut strangers = Vec::new();
    while strangers.len() < 3 * MAX_CALLS && !seen.is_finished() {
        if let Ok(stranger) = TcpStream::connect(script.call.listen).await {
            strangers.push(stranger);
        }
        tokio::task::yield_now().await;
    }
    let seen = seen.await.unwrap();
    finished(script.server, &seen).await;
    assert_eq!((seen.failure, seen.possession), (None, Some(true)));
}

#[tokio::test]
async fn strangers_that_hang_up_together_leave_the_others_their_turn() {
    let call = script(Protocol::XmppServer, DIALBACK, Then::Say(" "))
        .await
        .call;
    let listener = TcpListener::bind(call.listen).await.unwrap();
    let desk = Arc::new(Desk::new(&call).unwrap());
    let waiting = tokio::spawn(async move { call::await_call(&listener, &desk).await });
    // The server's call has begun when the strangers end theirs, and there is no room for more.
    let server = TcpStream::connect(call.listen).await.unwrap();
    let mut strangers = Vec::new();
    for _ in 1..MAX_CALLS {
        strangers.push(TcpStream::connect(call.listen).await.unwrap());
    }
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    drop(strangers);
    let own = identity(&PKCS_ECDSA_P256_SHA256);
    let shown = Call::StartTls(Shows::Certificate);
    talk(server, "a.example", shown, &own).await;
    let seen = tokio::time::timeout(LIMITS.total, waiting).await;
    let seen = seen.expect("its call is not seen").unwrap();
    assert_eq!((seen.failure, seen.possession), (None, Some(true)));
}

#[tokio::test]
async fn who_says_the_servers_name_and_fails_leaves_the_server_its_turn() {
    let call = script(Protocol::XmppServer, DIALBACK, Then::Say(" "))
        .await
        .call;
    let own = identity(&PKCS_ECDSA_P256_SHA256);
    for failing in [
        Call::Garbage(b"GET / HTTP/1.1\r\n\r\n"),
        Call::StartTls(Shows::Nothing),
    ] {
        let listener = TcpListener::bind(call.listen).await.unwrap();
        let desk = Arc::new(Desk::new(&call).unwrap());
        let kept = Arc::clone(&desk);
        let waiting = tokio::spawn(async move { call::await_call(&listener, &desk).await });
        call_back(call.listen, "a.example", failing, &own).await;
        let shown = Call::StartTls(Shows::Certificate);
        call_back(call.listen, "a.example", shown, &own).await;
        let seen = tokio::time::timeout(LIMITS.total, waiting).await;
        let seen = seen.expect("its call is not seen").unwrap();
        assert_eq!((seen.failure, seen.possession), (None, Some(true)));
        // Where the server's never comes, the other is told.
        let told = kept.without_proof(OutboundError::Io("nothing".to_owned()));
        assert!(
            matches!(
                (failing, &told.failure),
                (Call::Garbage(_), Some(OutboundError::Call(_)))
                    | (Call::StartTls(_), Some(OutboundError::NoCertificate))
            ),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn what_the_server_says_in_place_of_a_call_is_told() {
    for (words, told, mend) in [
        (
            "<db:result type='error'><error type='cancel'><remote-server-not-found \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>nx\u{9b}domain</text></error></db:result>",
            "remote-server-not-found (nx\u{fffd}domain)",
            "let 127.52.69.",
        ),
        ("<db:result type='invalid'/>", "ruled on the key", "5269"),
        (
            "<stream:error><connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
            "waited too long",
            "5269",
        ),
        ("</stream:stream>", "without naming a reason", "5269"),
    ] {
        let script = script(Protocol::XmppServer, DIALBACK, Then::Say(words)).await;
        let seen = script.observe(LIMITS).await;
        let Some(failure @ OutboundError::Unreachable { .. }) = seen.failure else {
            panic!("{seen:?}");
        };
        assert!(failure.to_string().contains(told), "{failure}");
        assert!(failure.explain().mend.contains(mend), "{failure:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_call_is_told_with_what_must_lead_to_us() {
    let script = script(Protocol::XmppServer, DIALBACK, Then::Say(" ")).await;
    let call = script.call.clone();
    let seen = script.observe(SHORT).await;
    let Some(OutboundError::NotCalled {
        listen,
        within,
        heard,
        ..
    }) = seen.failure
    else {
        panic!("{seen:?}");
    };
    assert_eq!((listen, heard.len()), (call.listen, 0));
    let named = OutboundError::NotCalled {
        partner: "prove.contoso.com".to_owned(),
        listen,
        within,
        heard,
    };
    let mend = named.explain().mend;
    assert!(
        mend.contains("_xmpp-server._tcp.prove.contoso.com"),
        "{mend}"
    );
}

#[tokio::test]
async fn a_server_without_dialback_is_told() {
    let script = script(Protocol::XmppServer, "", Then::Say("")).await;
    let seen = script.observe(LIMITS).await;
    let Some(failure @ OutboundError::NoDialback { .. }) = seen.failure else {
        panic!("{seen:?}");
    };
    assert!(failure.explain().mend.contains("mod_s2s_dialback"));
}

#[tokio::test]
async fn a_server_that_refuses_us_is_told_with_its_setting() {
    let (server, task) = serve(|mut tcp| async move {
        let mut stream = crate::wire::xmpp::ServerStream::new(StreamKind::Server);
        let words = stream.refuse("1", "not-authorized", "no certificate");
        tcp.write_all(&words).await.unwrap();
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let mut call = OutboundCall {
        server,
        protocol: Protocol::XmppServer,
        host: Domain::parse("a.example").unwrap(),
        partner: "prove.example".to_owned(),
        listen: free_port().await,
        key_kind: KeyKind::Any,
    };
    let seen = observe(&call, LIMITS).await;
    finished(task, &seen).await;
    let failure = seen.failure.unwrap();
    let told = failure.explain();
    assert!(
        told.mend
            .contains("s2s_insecure_domains = { \"prove.example\" }"),
        "{told:?}"
    );
    assert!(told.why.contains("no certificate"), "{told:?}");
    // Nothing listens there any more.
    call.listen = free_port().await;
    let seen = observe(&call, LIMITS).await;
    assert!(
        matches!(
            &seen.failure,
            Some(OutboundError::Refused {
                why: ProbeError::Connect(_),
                ..
            })
        ),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_taken_port_is_told_before_the_server_is_asked() {
    let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut call = OutboundCall {
        server: free_port().await,
        protocol: Protocol::XmppServer,
        host: Domain::parse("a.example").unwrap(),
        partner: "prove.example".to_owned(),
        listen: holder.local_addr().unwrap(),
        key_kind: KeyKind::Any,
    };
    for (listen, why, mend) in [
        (call.listen, "something else listens there", "ss -ltnp"),
        (
            SocketAddr::from(([192, 0, 2, 1], 5269)),
            "",
            "an address of this machine",
        ),
    ] {
        call.listen = listen;
        let seen = observe(&call, LIMITS).await;
        let told = seen.failure.unwrap().explain();
        assert_eq!(told.code, "probe.outbound-not-bound");
        assert!(told.place.contains(&listen.to_string()), "{told:?}");
        assert!(
            told.why.contains(why) && told.mend.contains(mend),
            "{told:?}"
        );
    }
}

#[test]
fn an_ipv6_partner_stands_in_brackets() {
    for (partner, written) in [
        ("2001:db8::1", "[2001:db8::1]"),
        ("192.0.2.1", "192.0.2.1"),
        ("prove.example", "prove.example"),
    ] {
        let call = OutboundCall {
            server: SocketAddr::from(([127, 0, 0, 1], 1)),
            protocol: Protocol::XmppServer,
            host: Domain::parse("a.example").unwrap(),
            partner: partner.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 1)),
            key_kind: KeyKind::Any,
        };
        assert_eq!(call.partner_domain(), written);
    }
}

#[test]
fn our_own_suites_do_not_follow_the_kind_of_the_callers_key() {
    let identity = super::tls::Identity::make().unwrap();
    let recorder = Arc::new(Recorder::new(KeyKind::Rsa));
    let config = identity.server_config(&recorder).unwrap();
    // Suites for our key, whatever kind the caller's is to be.
    assert!(
        config
            .crypto_provider()
            .cipher_suites
            .iter()
            .any(|suite| format!("{suite:?}").contains("ECDSA"))
    );
}
