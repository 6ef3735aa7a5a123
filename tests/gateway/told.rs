//! The PROXY protocol header as a backend reads it: by a reader of its own, after HAProxy's `proxy-protocol.txt` §2.2.

use super::world::{Ca, Client, World, read_until};
use super::{header, setting};
use edgecert::federation::Setting;
use edgecert::names::Protocol;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What stands in a header of IPv4.
#[derive(Debug)]
struct Told {
    source: SocketAddr,
    destination: SocketAddr,
    values: BTreeMap<u8, Vec<u8>>,
    /// Of PP2_TYPE_SSL: the flags, `verify`, and what is below it.
    ssl: Option<(u8, u32, BTreeMap<u8, Vec<u8>>)>,
    rest: Vec<u8>,
}

fn values(mut bytes: &[u8]) -> BTreeMap<u8, Vec<u8>> {
    let mut found = BTreeMap::new();
    while let [kind, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, behind) = rest.split_at(length);
        assert!(
            found.insert(*kind, value.to_vec()).is_none(),
            "{kind} twice"
        );
        bytes = behind;
    }
    assert!(bytes.is_empty());
    found
}

fn read(bytes: &[u8]) -> Told {
    let bytes = bytes.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n").unwrap();
    let [0x21, 0x11, high, low, bytes @ ..] = bytes else {
        panic!("not version 2, PROXY, TCP over IPv4: {bytes:x?}")
    };
    let (body, rest) = bytes.split_at(usize::from(u16::from_be_bytes([*high, *low])));
    let address = |at: usize, port: usize| {
        let octets: [u8; 4] = body[at..at + 4].try_into().unwrap();
        let port = u16::from_be_bytes(body[port..port + 2].try_into().unwrap());
        SocketAddr::new(IpAddr::V4(Ipv4Addr::from(octets)), port)
    };
    let mut values = values(&body[12..]);
    let ssl = values.remove(&0x20).map(|ssl| {
        let verify = u32::from_be_bytes(ssl[1..5].try_into().unwrap());
        (ssl[0], verify, self::values(&ssl[5..]))
    });
    Told {
        source: address(0, 8),
        destination: address(4, 10),
        values,
        ssl,
        rest: rest.to_vec(),
    }
}

/// PP2_CLIENT_SSL, PP2_CLIENT_CERT_CONN, PP2_CLIENT_CERT_SESS.
const SSL: u8 = 1;
const CONNECTION: u8 = 2;
const SESSION: u8 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn backend_reads_what_each_peer_proved() {
    let ca = Ca::new();
    let foreign = Ca::new();
    let mut world = World::new(&[Protocol::XmppServer, Protocol::XmppsServer]);
    let any = setting(Setting::Optional, Setting::Optional, true);
    world.settings.embedded.others = Some(any);
    world.settings.anchors = vec![ca.der.clone()];
    for listener in &mut world.settings.embedded.listeners {
        listener.proxy_protocol = true;
    }
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let opening = header("peer.test", "contoso.test");

    let resuming = Client::new().present(&ca.leaf(&["peer.test"])).remember();
    let (both, proved) = (SSL | CONNECTION | SESSION, Some("peer.test"));
    let sound = Client::new().present(&ca.leaf(&["peer.test"]));
    let other = Client::new().present(&ca.leaf(&["other.test"]));
    let strange = Client::new().present(&foreign.leaf(&["peer.test"]));
    let old = Client::new()
        .present(&ca.leaf(&["peer.test"]))
        .version(&rustls::version::TLS12);
    let none = Client::new();
    for (client, flags, verify, domain, version) in [
        (&sound, both, 0, proved, "TLSv1.3"),
        (&old, both, 0, proved, "TLSv1.2"),
        (&other, both, 1, None, "TLSv1.3"),
        (&strange, both, 1, None, "TLSv1.3"),
        (&none, SSL, 1, None, "TLSv1.3"),
        (&resuming, both, 0, proved, "TLSv1.3"),
        // It was presented in the session, and not on this connection.
        (&resuming, SSL | SESSION, 0, proved, "TLSv1.3"),
    ] {
        let mut tls = client.connect(world.at(1), "contoso.test").await.unwrap();
        let local = tls.get_ref().0.local_addr().unwrap();
        tls.write_all(opening.as_bytes()).await.unwrap();
        read_until(&mut tls, "</stream:features>").await;
        let told = read(&world.heard_bytes(1));
        assert_eq!((told.source, told.destination), (local, world.at(1)));
        assert_eq!(told.values[&0x02], b"contoso.test");
        let (found, wrong, below) = told.ssl.as_ref().unwrap();
        assert_eq!((*found, *wrong), (flags, verify), "{told:?}");
        assert_eq!(below[&0x21], version.as_bytes());
        let told_domain = told.values.get(&0xe0).map(Vec::as_slice);
        assert_eq!(told_domain, domain.map(str::as_bytes), "{told:?}");
        // Then the stream as the peer wrote it.
        assert_eq!(told.rest, opening.as_bytes());
    }

    // In clear text nothing is proved, and no TLS is told.
    let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
    tcp.write_all(opening.as_bytes()).await.unwrap();
    read_until(&mut tcp, "</stream:features>").await;
    let told = read(&world.heard_bytes(0));
    assert_eq!(told.source, tcp.local_addr().unwrap());
    assert!(
        told.ssl.is_none() && !told.values.contains_key(&0xe0),
        "{told:?}"
    );
    running.stop().await;
}
