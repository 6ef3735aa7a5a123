//! What a partner's `keep-alive` and the machine's descriptors do.

use super::world::{Ca, Client, World, partner, read_all, read_until};
use super::{OPEN, header, setting};
use edgecert::federation::Setting;
use edgecert::gateway::Event;
use edgecert::names::Protocol;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Whether the kernel asks this peer of a listener, once it is silent, if it is still there (proc(5), `/proc/net/tcp`:
/// timer 2).
async fn is_probed(listen: SocketAddr, peer: SocketAddr) -> bool {
    let local = format!(":{:04X}", listen.port());
    let remote = format!(":{:04X}", peer.port());
    loop {
        let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        let line = table
            .lines()
            .find(|line| {
                let mut fields = line.split_whitespace().skip(1);
                fields.next().is_some_and(|field| field.ends_with(&local))
                    && fields.next().is_some_and(|field| field.ends_with(&remote))
            })
            .unwrap_or_else(|| panic!("no connection {local} {remote}"));
        match line.split_whitespace().nth(5).unwrap().split(':').next() {
            // What was sent last is not acknowledged yet.
            Some("01" | "04") => tokio::time::sleep(Duration::from_millis(5)).await,
            timer => return timer == Some("02"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_streams_are_kept_or_ended_as_the_partner_says() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppServer, Protocol::XmppsServer]);
    world.settings.tuning.unkept = Duration::from_millis(600);
    let any = setting(Setting::Optional, Setting::Optional, true);
    let mut ended = partner("ended.test", any);
    ended.keep_alive = false;
    world.settings.partners = vec![ended, partner("kept.test", any)];
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    for (from, kept) in [("kept.test", true), ("ended.test", false)] {
        let opening = header(from, "contoso.test");
        // Inside TLS.
        let client = Client::new();
        let mut tls = client.connect(world.at(1), "contoso.test").await.unwrap();
        tls.write_all(opening.as_bytes()).await.unwrap();
        read_until(&mut tls, "</stream:features>").await;
        let local = tls.get_ref().0.local_addr().unwrap();
        assert_eq!(is_probed(world.at(1), local).await, kept, "{from}");
        // In clear text.
        let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
        tcp.write_all(opening.as_bytes()).await.unwrap();
        read_until(&mut tcp, "</stream:features>").await;
        tcp.write_all(b"<db:result>k</db:result>").await.unwrap();
        read_until(&mut tcp, "</db:result>").await;
        let local = tcp.local_addr().unwrap();
        assert_eq!(is_probed(world.at(0), local).await, kept, "{from}");
        if kept {
            let open = world.status().await.partners[1].counts.open;
            assert_eq!(open, 2);
            let silence = Duration::from_millis(1_500);
            let ended = tokio::time::timeout(silence, read_all(&mut tls)).await;
            assert!(ended.is_err(), "a stream that is kept was ended");
        } else {
            assert_eq!(read_all(&mut tls).await, b"");
            assert_eq!(read_all(&mut tcp).await, b"");
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn capacity_is_told_at_the_start_and_is_what_descriptors_are_there_for() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::Tls]);
    world.settings.embedded.others = Some(OPEN);
    world.settings.embedded.connection_limit = 50_000_000;
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let capacity = world.status().await.capacity.unwrap();
    let fits = |connections: u32, descriptors: u64| {
        u64::from(connections) == ((descriptors - 64) / 2).min(50_000_000)
    };
    running
        .saw(|event| {
            matches!(event, Event::Capacity { connections, descriptors }
                if *connections == capacity && fits(*connections, *descriptors))
        })
        .await;
    let few = |event: &Event| {
        matches!(
            event,
            Event::FewDescriptors {
                needed: 100_000_064,
                ..
            }
        )
    };
    assert_eq!(running.count(few), usize::from(capacity < 50_000_000));
    running.stop().await;
}
