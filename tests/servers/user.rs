//! A user of an XMPP server, in clear on loopback (RFC 6120, RFC 6121): signs in with PLAIN, sends, and reads what
//! comes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// For anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The user `u` with the password `p`.
pub const USER: &str = "u";
const PLAIN: &str = "AHUAcA==";

pub struct User {
    stream: TcpStream,
    domain: &'static str,
    /// What has come and was not looked at.
    read: String,
    sent: usize,
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Arrived,
    /// The error that came back.
    Refused(String),
}

impl User {
    #[track_caller]
    pub fn sign_in(address: SocketAddr, domain: &'static str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(10)))
            .unwrap();
        let mut user = Self {
            stream,
            domain,
            read: String::new(),
            sent: 0,
        };
        user.open();
        user.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{PLAIN}</auth>"
        ));
        user.until("<success");
        user.open();
        user.send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>");
        user.until("</jid>");
        user.send("<presence/>");
        user
    }

    pub fn domain(&self) -> &'static str {
        self.domain
    }

    pub fn address(&self) -> String {
        format!("{USER}@{}/r", self.domain)
    }

    fn open(&mut self) {
        self.send(&format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='{}' version='1.0'>",
            self.domain
        ));
        self.until("</stream:features>");
    }

    #[track_caller]
    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Takes what there is.
    fn look(&mut self) {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => panic!("{} closed the stream: {}", self.domain, self.read),
            Ok(length) => self.read += &String::from_utf8_lossy(&bytes[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("{}: {error}", self.domain),
        }
    }

    #[track_caller]
    fn until(&mut self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.read.contains(words) {
            assert!(Instant::now() < deadline, "no {words}: {}", self.read);
            self.look();
        }
        self.read.clear();
    }

    /// Sends a message and a presence to another; the word in both.
    fn write_to(&mut self, to: &str) -> String {
        self.sent += 1;
        let word = format!("{}-{}", self.domain, self.sent);
        self.read.clear();
        self.send(&format!(
            "<message to='{to}' id='m-{word}' type='chat'><body>{word}</body></message><presence to='{to}' id='p-{word}'/>"
        ));
        word
    }

    /// The same, until something else says that it is lost: then nothing of it has arrived.
    #[track_caller]
    pub fn loses(&mut self, other: &mut User, is_lost: impl Fn() -> bool) {
        let word = self.write_to(&other.address());
        let deadline = Instant::now() + PATIENCE;
        while !is_lost() {
            assert!(Instant::now() < deadline, "{word} is not told to be lost");
            self.look();
            other.look();
        }
        other.look();
        assert!(
            !other.read.contains(&word),
            "{word} arrived: {}",
            other.read
        );
    }

    /// Sends a message and a presence to another, and waits until both are there or an error is back.
    #[track_caller]
    pub fn tell(&mut self, other: &mut User) -> Ended {
        let word = self.write_to(&other.address());
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.look();
            other.look();
            let presence = other.read.contains(&format!("p-{word}"));
            if presence && other.read.contains(&format!("<body>{word}</body>")) {
                other.read.clear();
                return Ended::Arrived;
            }
            let failed = self.read.contains("<error") && self.read.contains(&format!("m-{word}"));
            if failed && self.read.contains("</error>") {
                return Ended::Refused(std::mem::take(&mut self.read));
            }
            assert!(
                Instant::now() < deadline,
                "{word} neither arrived nor came back: {} | {}",
                self.read,
                other.read
            );
        }
    }

    /// The same where it has to arrive.
    #[track_caller]
    pub fn reaches(&mut self, other: &mut User) {
        assert_eq!(self.tell(other), Ended::Arrived);
    }

    /// The same where it has to come back; the error.
    #[track_caller]
    pub fn is_refused(&mut self, other: &mut User) -> String {
        match self.tell(other) {
            Ended::Refused(error) => error,
            Ended::Arrived => panic!("it arrived at {}", other.domain),
        }
    }
}
