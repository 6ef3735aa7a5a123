use super::*;
use crate::x509::issue::{IssueSpec, Issuer, issue};
use crate::x509::{KeyType, PrivateKey, Subject};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream as Stream};
use time::macros::datetime;

/// A leaf whose issuer lies at that URL.
fn leaf(url: &str) -> Certificate {
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    issued("leaf", &key, &Issuer::own(&key), Some(url.to_owned()))
}

/// Serves one connection after the other, as the function will have it, until nobody listens any more.
fn serve(answer: impl Fn(&mut Stream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 1024];
            let _ = stream.read(&mut head);
            answer(&mut stream);
        }
    });
    port
}

/// Writes the same again and again, until the other end goes.
fn for_ever(stream: &mut Stream, bytes: &[u8]) {
    while stream.write_all(bytes).is_ok() {}
}

fn asked(url: &str, time: Duration) -> (Result<Fetched, FetchError>, Vec<String>) {
    let heard = RefCell::new(Vec::new());
    let tell = |url: &str| heard.borrow_mut().push(url.to_owned());
    let mut fetcher = Fetcher::new(&tell);
    fetcher.ends = Instant::now() + time;
    let found = fetcher.issuer_of(&leaf(url));
    (found, heard.into_inner())
}

/// A certificate under the name, issued by the key.
fn issued(subject: &str, key: &PrivateKey, by: &Issuer<'_>, url: Option<String>) -> Certificate {
    let spec = IssueSpec {
        serial: vec![7],
        ca: url.is_none().then_some(None),
        ca_issuers: url,
        ..IssueSpec::of(
            Subject::named(subject),
            datetime!(2026-01-01 00:00 UTC),
            datetime!(2027-01-01 00:00 UTC),
        )
    };
    issue(&spec, key.spki_der(), by).unwrap()
}

#[test]
fn the_issuer_is_found_wherever_it_stands_in_an_answer() {
    let key = || PrivateKey::generate(KeyType::Ec256).unwrap();
    let (authority, own) = (key(), key());
    let issuer = issued("issuer", &authority, &Issuer::own(&authority), None);
    // older keys under the issuer's name, as a CA's `.p7c` lists them
    let others: String = (0..MAX_FETCHES)
        .map(|_| key())
        .map(|key| issued("issuer", &key, &Issuer::own(&key), None).to_pem())
        .collect();
    for (many, is_found) in [(1, true), (MAX_IN_ANSWER / MAX_FETCHES + 1, false)] {
        let body = others.repeat(many) + &issuer.to_pem();
        let port = serve(move |stream| {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        });
        let by = Issuer {
            certificate: Some(&issuer),
            key: &authority,
        };
        let url = format!("http://127.0.0.1:{port}/chain.p7c");
        let leaf = issued("leaf", &own, &by, Some(url));
        let tell = |_: &str| ();
        let mut fetcher = Fetcher::new(&tell);
        fetcher.ends = Instant::now() + LONG;
        let found = fetcher.issuer_of(&leaf);
        assert_eq!(
            found.ok().map(|found| found.issuer),
            is_found.then(|| issuer.clone())
        );
    }
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn floods_are_cut_off() {
    let line = "X-Filler: ".to_owned() + &"x".repeat(1000) + "\r\n";
    let floods: [(&str, String, &str); 4] = [
        ("HTTP/1.1 200 OK\r\n", line, "head of more than"),
        (
            "HTTP/1.1 200 OK\r\n\r\n",
            "x".repeat(8192),
            "more than 262144 bytes",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "1\r\nx\r\n".repeat(1000),
            "more than 262144 bytes",
        ),
        ("", "x".repeat(8192), "head of more than"),
    ];
    for (head, rest, why) in floods {
        let port = serve(move |stream| {
            let _ = stream.write_all(head.as_bytes());
            for_ever(stream, rest.as_bytes());
        });
        let (found, _) = asked(&format!("http://127.0.0.1:{port}/"), LONG);
        let error = found.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn who_never_ends_is_left_alone() {
    let silent = serve(|stream| {
        let _ = stream.read(&mut [0; 1]);
    });
    // one byte is written for each that the other end would send, which is none: the head stays open
    let open = serve(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
        let _ = stream.read(&mut [0; 1]);
    });
    for port in [silent, open] {
        let url = format!("http://127.0.0.1:{port}/");
        let (found, _) = asked(&url, Duration::from_millis(300));
        assert!(matches!(found, Err(FetchError::Slow { .. })), "{found:?}");
        let (found, heard) = asked(&url, Duration::ZERO);
        assert!(
            matches!(found, Err(FetchError::OutOfTime { .. })),
            "{found:?}"
        );
        assert!(heard.is_empty(), "nothing was asked: {heard:?}");
    }
}

#[test]
fn every_place_is_told_before_it_is_asked() {
    let port = serve(|stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\x7f\r\nContent-Length: 0\r\n\r\n",
        );
    });
    let url = format!("http://127.0.0.1:{port}/a");
    let (found, heard) = asked(&url, LONG);
    assert!(matches!(found, Err(FetchError::BadUrl { .. })), "{found:?}");
    assert_eq!(heard, [url]);
    // nobody listens there, and it was told all the same
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let to = format!("HTTP/1.1 302 Found\r\nLocation: http://{address}/b\r\n\r\n");
    let port = serve(move |stream| {
        let _ = stream.write_all(to.as_bytes());
    });
    let (found, heard) = asked(&format!("http://127.0.0.1:{port}/"), LONG);
    assert!(
        matches!(found, Err(FetchError::Network { .. })),
        "{found:?}"
    );
    assert_eq!(heard.last(), Some(&format!("http://{address}/b")));
}

#[test]
fn other_schemes_are_never_followed() {
    for to in [
        "https://127.0.0.1/x",
        "file:///etc/passwd",
        "//127.0.0.1/x",
        "ftp://127.0.0.1/",
    ] {
        let answer = format!("HTTP/1.1 301 Moved\r\nLocation: {to}\r\n\r\n");
        let port = serve(move |stream| {
            let _ = stream.write_all(answer.as_bytes());
        });
        let (found, heard) = asked(&format!("http://127.0.0.1:{port}/"), LONG);
        assert!(
            matches!(found, Err(FetchError::OtherScheme { .. })),
            "{to}: {found:?}"
        );
        assert_eq!(heard.len(), 1, "{heard:?}");
    }
}
