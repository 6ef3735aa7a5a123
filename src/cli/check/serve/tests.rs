use super::*;

#[test]
fn without_an_address_it_is_loopback() {
    for (text, read) in [
        ("9765", Some("127.0.0.1:9765")),
        (":9765", Some("127.0.0.1:9765")),
        ("0.0.0.0:9765", Some("0.0.0.0:9765")),
        ("[::1]:0", Some("[::1]:0")),
        ("localhost", None),
        ("70000", None),
        ("", None),
    ] {
        let read = read.map(|read| read.parse::<SocketAddr>().unwrap());
        assert_eq!(address(text).ok(), read, "{text}");
    }
}

#[test]
fn a_board_answers_each_path() {
    let empty = Board::default();
    let full = |failed| Board {
        pages: Some(Arc::new(Pages {
            prometheus: b"p".to_vec(),
            openmetrics: b"o".to_vec(),
            html: b"<h>".to_vec(),
        })),
        failed,
        late: None,
    };
    for (head, board, status, end) in [
        ("GET / HTTP/1.1\r\n\r\n", &empty, "503", "under way\n"),
        (
            "GET /healthz HTTP/1.1\r\n\r\n",
            &empty,
            "503",
            "under way\n",
        ),
        ("GET / HTTP/1.1\r\n\r\n", &full(false), "200", "\r\n\r\n<h>"),
        ("HEAD / HTTP/1.1\r\n\r\n", &full(false), "200", "\r\n\r\n"),
        (
            "GET /metrics HTTP/1.1\r\n\r\n",
            &full(true),
            "200",
            "\r\n\r\np",
        ),
        (
            "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n",
            &full(false),
            "200",
            "\r\n\r\no",
        ),
        (
            "GET /healthz HTTP/1.1\r\n\r\n",
            &full(false),
            "200",
            "\r\n\r\nok\n",
        ),
        (
            "GET /healthz HTTP/1.1\r\n\r\n",
            &full(true),
            "503",
            "its work\n",
        ),
        (
            "GET /../etc HTTP/1.1\r\n\r\n",
            &full(false),
            "404",
            "/healthz\n",
        ),
        (
            "PUT / HTTP/1.1\r\n\r\n",
            &full(false),
            "405",
            "Not Allowed\n",
        ),
    ] {
        let request = read_head(head.as_bytes()).map(|read| read.unwrap());
        let text =
            String::from_utf8(reply(request, board, Reach::Loopback, Instant::now())).unwrap();
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status} ")),
            "{head} {text}"
        );
        assert!(text.ends_with(end), "{head} {text}");
    }
}

#[test]
fn a_check_that_hangs_is_told_by_its_old_report() {
    let now = Instant::now();
    for (late, status) in [(now + SLACK, "200"), (now, "503")] {
        let board = Board {
            pages: Some(Arc::default()),
            failed: false,
            late: Some(late),
        };
        let request = read_head(b"GET /healthz HTTP/1.1\r\n\r\n").map(|read| read.unwrap());
        let text = String::from_utf8(reply(request, &board, Reach::Network, now)).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
    }
}

#[test]
fn on_loopback_nobody_elses_name_is_answered() {
    let board = Board::default();
    for (host, ours) in [
        ("127.0.0.1:9765", true),
        ("[::1]:9765", true),
        ("localhost:9765", true),
        ("LOCALHOST", true),
        ("192.0.2.1", true),
        ("rebound.attacker.example:9765", false),
        ("localhost.attacker.example", false),
        ("127.0.0.1.attacker.example", false),
        ("a@127.0.0.1", false),
    ] {
        for (reach, answered) in [(Reach::Loopback, ours), (Reach::Network, true)] {
            let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let request = read_head(head.as_bytes()).map(|read| read.unwrap());
            let reply = reply(request, &board, reach, Instant::now());
            let text = String::from_utf8(reply).unwrap();
            assert_eq!(
                !text.starts_with("HTTP/1.1 421 "),
                answered,
                "{host} {text}"
            );
        }
    }
}

#[tokio::test]
async fn silent_connections_do_not_keep_others_out() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(accept(listener, Shared::default(), Reach::Loopback));
    let mut silent = Vec::new();
    for _ in 0..=MAX_CONNECTIONS {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let begun = Instant::now();
    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET /healthz HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 503 "), "{text}");
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    // Those that stay silent are left soon.
    let mut last = silent.pop().unwrap();
    let ended = tokio::time::timeout(PATIENCE_OF_ANSWER, last.read(&mut [0; 1])).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
}
