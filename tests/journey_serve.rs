//! A check that goes on: served over HTTP, watched as a table, ended by a signal.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use world::World;

/// The program while it runs; ended with the test.
struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn start(world: &World, arguments: &[&str]) -> Self {
        let mut child = world
            .command(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next line that has these words.
    fn line(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.lines.read_line(&mut line).unwrap() > 0,
                "it ended before {words:?}"
            );
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Ends it by a signal; its exit code.
    fn end(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn certificate(world: &World, days: &str) {
    world.self_signed("new", "edge.contoso.com", "edge.contoso.com", days);
    std::fs::rename(world.path("new.pem"), world.path("edge.pem")).unwrap();
}

fn ask(address: &str, head: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

/// Asks until the answer has these words.
fn until(address: &str, head: &str, words: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let reply = ask(address, head);
        if reply.contains(words) {
            return reply;
        }
        assert!(Instant::now() < deadline, "{words:?} never came: {reply}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_last_report_is_served_checked_anew_and_ended_by_sigterm() {
    let world = World::new();
    certificate(&world, "300");
    let arguments = [
        "check",
        "edge.pem",
        "-w",
        "30d",
        "-c",
        "10d",
        "--serve",
        "127.0.0.1:0",
        "--interval",
        "1s",
    ];
    let mut running = Running::start(&world, &arguments);
    let line = running.line("serving http://");
    let address = line
        .split("http://")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    until(
        &address,
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "200 OK",
    );
    let metrics = ask(&address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(
        metrics.contains("text/plain; version=0.0.4") && !metrics.contains("# EOF"),
        "{metrics}"
    );
    assert!(metrics.contains("edgecert_check_status 0\n"), "{metrics}");
    let open = "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n";
    assert!(ask(&address, open).ends_with("# EOF\n"));
    let page = ask(&address, "GET / HTTP/1.1\r\n\r\n");
    assert!(
        page.contains("Content-Security-Policy: default-src 'none'")
            && page.contains("<!DOCTYPE html>")
    );
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains(&format!("Content-Length: {}\r\n", body.len())),
        "{head}"
    );
    assert!(ask(&address, "HEAD / HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
    for (head, status) in [
        ("POST / HTTP/1.1\r\n\r\n", "HTTP/1.1 405 "),
        ("GET /etc/passwd HTTP/1.1\r\n\r\n", "HTTP/1.1 404 "),
        ("nonsense\r\n\r\n", "HTTP/1.1 400 "),
        (
            &format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(9000)),
            "HTTP/1.1 431 ",
        ),
    ] {
        assert!(ask(&address, head).starts_with(status), "{status}");
    }
    // Whoever says nothing holds nobody up.
    let silent: Vec<TcpStream> = (0..10)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    certificate(&world, "5");
    until(
        &address,
        "GET /metrics HTTP/1.1\r\n\r\n",
        "edgecert_check_status 2\n",
    );
    drop(silent);
    assert_eq!(running.end("-TERM"), Some(0));
}

#[test]
fn what_is_taken_or_wrong_is_told_at_once() {
    let world = World::new();
    certificate(&world, "300");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    world
        .run(&["check", "edge.pem", "--serve", &address])
        .ended(3)
        .said("cannot be served at");
    world
        .run(&["check", "edge.pem", "--serve", "somewhere"])
        .ended(3)
        .said("PORT or ADDRESS:PORT");
    world
        .run(&["check", "--watch", "0s"])
        .ended(3)
        .said("from 1s to 168h");
}

#[test]
fn watching_appends_what_changed_and_ctrl_c_ends_it() {
    let world = World::new();
    certificate(&world, "300");
    let mut running = Running::start(
        &world,
        &[
            "check", "edge.pem", "-w", "30d", "-c", "10d", "--watch", "1s",
        ],
    );
    running.line("every 1s");
    running.line("OK  1 of 1");
    certificate(&world, "5");
    running.line("changed since the last look:");
    let change = running.line("edge.pem: ");
    assert!(
        change.contains("worse") && change.contains("ok → CRITICAL"),
        "{change}"
    );
    assert_eq!(running.end("-INT"), Some(130));
}
