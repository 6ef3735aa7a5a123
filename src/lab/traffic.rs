//! Traffic for the demonstration and for tests: a backend that echoes, handshakes without a pause, and a connection
//! that stays open.

use crate::assign::plan::Proof;
use crate::assign::prove::{Seen, look};
use crate::x509::{Certificate, Fingerprint};
use rustls::pki_types::{CertificateDer, ServerName};
use std::collections::BTreeMap;
use std::io::{Error, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// For one message over a held connection.
const ECHO_WITHIN: Duration = Duration::from_secs(10);

/// Before the next connection is taken after one that could not be.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Failures kept with their reason.
const KEPT_FAILURES: usize = 10;

/// A TCP server on a free port of 127.0.0.1 that sends back what it gets; it ends with the process.
pub fn echo_backend() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        echo_all(listener.incoming());
    });
    Ok(address)
}

/// Echoes on each. One that cannot be had (no descriptor is left, or the peer is gone) is no reason to end.
fn echo_all(streams: impl Iterator<Item = std::io::Result<TcpStream>>) {
    for stream in streams {
        let Ok(mut stream) = stream else {
            std::thread::sleep(AFTER_FAILURE);
            continue;
        };
        std::thread::spawn(move || {
            if let Ok(mut writer) = stream.try_clone() {
                // A peer that goes away ends its echo; there is nobody to tell.
                let _ = std::io::copy(&mut stream, &mut writer);
            }
        });
    }
}

/// One leaf as a load saw it.
#[derive(Debug, Clone, Copy)]
pub struct LeafSeen {
    /// How often.
    pub count: u64,
    /// When first.
    pub first: Instant,
    /// When last.
    pub last: Instant,
}

/// What a load saw.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Handshakes tried.
    pub handshakes: u64,
    /// Those that failed.
    pub failed: u64,
    /// The first few failures: listener and reason.
    pub failures: Vec<(String, String)>,
    /// Leaves seen.
    pub leaves: BTreeMap<Fingerprint, LeafSeen>,
}

impl Tally {
    fn note(&mut self, proof: &Proof, seen: Seen, at: Instant) {
        self.handshakes += 1;
        match seen {
            Seen::Leaf(leaf, _) => {
                let entry = self.leaves.entry(leaf).or_insert(LeafSeen {
                    count: 0,
                    first: at,
                    last: at,
                });
                entry.count += 1;
                entry.last = at;
            }
            Seen::Dark(why) => {
                self.failed += 1;
                if self.failures.len() < KEPT_FAILURES {
                    self.failures.push((proof.to_string(), why));
                }
            }
        }
    }

    fn add(&mut self, other: Tally) {
        self.handshakes += other.handshakes;
        self.failed += other.failed;
        self.failures.extend(other.failures);
        self.failures.truncate(KEPT_FAILURES);
        for (leaf, seen) in other.leaves {
            self.leaves
                .entry(leaf)
                .and_modify(|sum| {
                    sum.count += seen.count;
                    sum.first = sum.first.min(seen.first);
                    sum.last = sum.last.max(seen.last);
                })
                .or_insert(seen);
        }
    }
}

/// Full handshakes on several listeners in turn, without a pause, until stopped.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Tally>>,
}

impl Load {
    /// Starts `threads` threads, each going round all listeners.
    pub fn start(proofs: &[Proof], threads: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..threads)
            .map(|number| {
                let stop = Arc::clone(&stop);
                let mut proofs = proofs.to_vec();
                let turn = if proofs.is_empty() {
                    0
                } else {
                    number % proofs.len()
                };
                proofs.rotate_left(turn);
                std::thread::spawn(move || {
                    let mut tally = Tally::default();
                    for proof in proofs.iter().cycle() {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let seen = look(proof);
                        tally.note(proof, seen, Instant::now());
                    }
                    tally
                })
            })
            .collect();
        Self { stop, threads }
    }

    /// Ends the load and adds up what its threads saw.
    pub fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let mut sum = Tally::default();
        for thread in self.threads {
            if let Ok(tally) = thread.join() {
                sum.add(tally);
            }
        }
        sum
    }
}

/// A TLS connection that trusts one root alone, verified as any client does, and stays open.
pub struct Held {
    stream: rustls::StreamOwned<rustls::ClientConnection, TcpStream>,
    echoes: u64,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({} echoes)", self.echoes)
    }
}

impl Held {
    /// Connects, and completes the handshake.
    pub fn open(address: SocketAddr, name: &str, root: &Certificate) -> std::io::Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from(root.der().to_vec()))
            .map_err(Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).map_err(Error::other)?;
        let session =
            rustls::ClientConnection::new(Arc::new(config), name).map_err(Error::other)?;
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(ECHO_WITHIN))?;
        socket.set_write_timeout(Some(ECHO_WITHIN))?;
        let mut held = Self {
            stream: rustls::StreamOwned::new(session, socket),
            echoes: 0,
        };
        held.stream.flush()?;
        Ok(held)
    }

    /// Sends a message and waits for its echo.
    pub fn echo(&mut self) -> std::io::Result<()> {
        let message = format!("still here {}\n", self.echoes);
        self.stream.write_all(message.as_bytes())?;
        self.stream.flush()?;
        let mut back = vec![0; message.len()];
        self.stream.read_exact(&mut back)?;
        if back != message.as_bytes() {
            return Err(Error::other("the echo differs"));
        }
        self.echoes += 1;
        Ok(())
    }

    /// How many messages came back.
    pub fn echoes(&self) -> u64 {
        self.echoes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_cannot_be_had_does_not_end_the_echo() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let failed = std::iter::once(Err(Error::other("no descriptor")));
        echo_all(failed.chain(listener.incoming().take(1)));
        peer.set_read_timeout(Some(ECHO_WITHIN)).unwrap();
        peer.write_all(b"here").unwrap();
        let mut back = [0; 4];
        peer.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"here");
    }
}
