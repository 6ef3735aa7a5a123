//! HAProxy as a backend that reads the PROXY protocol header of a plain TLS listener and says what stood in it.

use crate::servers::{Lab, haproxy};
use crate::world::ports::free_addresses;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What HAProxy heard of a client at 127.0.0.5 that asks for `edge.example`: source, destination port, authority. And the
/// port it connected to.
pub fn hears() -> (String, u16) {
    let lab = Lab::new();
    let ports = free_addresses(2);
    let [front, backend] = ports[..] else {
        panic!("two were asked for")
    };
    let folder = lab.folder_of("haproxy", "root");
    let text = format!(
        "global\n    log stderr format raw local0 info\n\
         defaults\n    mode http\n    timeout connect 10s\n    timeout client 1m\n    timeout server 1m\n\
         frontend told\n    bind {backend} accept-proxy\n\
         \x20   http-request return status 200 content-type text/plain lf-string \"%[src] %[dst_port] %[fc_pp_authority]\"\n"
    );
    let _haproxy = haproxy::run(&folder, &text, &["-db".as_ref()]);
    let root = lab.pki.ca.root();
    let listener = format!(
        "protocol = \"tls\"\nlisten = \"{front}\"\nbackend = \"{backend}\"\nproxy-protocol = true\n"
    );
    lab.world
        .write("edgecert.toml", super::deployment(&root, &listener, ""));
    let _gateway = super::gateway(&lab);
    super::assign_anew(&lab);
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(backend).is_err() {
        assert!(Instant::now() < deadline, "HAProxy does not come up");
        std::thread::sleep(super::POLL);
    }
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-servername", super::HERE])
        .args(["-bind", "127.0.0.5:0", "-connect", &front.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    input
        .write_all(b"GET / HTTP/1.1\r\nHost: edge.example\r\nConnection: close\r\n\r\n")
        .unwrap();
    let output = client.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let body = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{text}"))
        .1;
    (body.trim().to_owned(), front.port())
}
