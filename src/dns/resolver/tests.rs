use super::*;

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn silent() -> (std::net::UdpSocket, Resolver) {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let resolver = Resolver::new(Some(address), Duration::from_millis(300), None).unwrap();
    (socket, resolver)
}

#[test]
fn a_resolver_that_is_down_or_silent_ends_the_question_in_time() {
    let (socket, resolver) = silent();
    let begun = std::time::Instant::now();
    let error = block(resolver.srv("_xmpp-server._tcp.contoso.com")).unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert!(error.is_for_all(), "{error:?}");
    drop(socket);
    let error = block(resolver.addresses("contoso.com")).unwrap_err();
    assert!(error.is_for_all(), "{error:?}");
}

#[test]
fn names_that_cannot_be_asked_for_are_refused_and_addresses_are_their_own_answer() {
    let (_socket, resolver) = silent();
    let long = "x".repeat(64) + ".com";
    let error = block(resolver.srv(&long)).unwrap_err();
    assert!(matches!(error, DnsError::Malformed { .. }), "{error:?}");
    let answer = block(resolver.addresses("2001:db8::1")).unwrap();
    assert_eq!(answer.records, ["2001:db8::1".parse::<IpAddr>().unwrap()]);
    let answer = block(resolver.addresses("localhost")).unwrap();
    assert_eq!(answer.records.len(), 2, "{answer:?}");
}
