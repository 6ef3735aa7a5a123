//! Bytes between peer and backend, both ways, until both have ended.
//!
//! A silent connection holds no buffer: bytes are read into one of the thread's, and only what the other side does
//! not take at once is kept. One side's end is passed on as such (close_notify inside TLS, FIN outside); a peer that
//! hangs up without close_notify counts as ended.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

/// Bytes read at once: the size of a TLS record.
const CHUNK: usize = 16 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8; CHUNK]>> = RefCell::new(Box::new([0; CHUNK]));
}

/// How a relay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Both sides ended.
    Both,
    /// Nothing moved for too long.
    Idle,
}

/// Moves bytes until both sides have ended, one failed, or nothing moved for `idle` (for `half_closed` once one
/// side has ended). `answered` is called when the backend's first bytes are there.
pub async fn relay<A, B>(
    peer: A,
    backend: B,
    idle: Option<Duration>,
    half_closed: Duration,
    answered: impl FnOnce(),
) -> io::Result<Ended>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (mut peer, mut backend) = (peer, backend);
    let (mut inward, mut outward) = (Pump::default(), Pump::default());
    let mut answered = Some(answered);
    let mut last = Instant::now();
    let mut alarm = pin!(sleep_until(far(last)));
    let mut set_for: Option<Duration> = None;
    let mut half = false;
    poll_fn(|cx| {
        let before = (inward.moved, outward.moved);
        let a = inward.poll(cx, Pin::new(&mut peer), Pin::new(&mut backend))?;
        let b = outward.poll(cx, Pin::new(&mut backend), Pin::new(&mut peer));
        if outward.moved > 0
            && let Some(answered) = answered.take()
        {
            answered();
        }
        let b = b?;
        if a.is_ready() && b.is_ready() {
            return Poll::Ready(Ok(Ended::Both));
        }
        if before != (inward.moved, outward.moved) {
            last = Instant::now();
        }
        let closing = a.is_ready() || b.is_ready();
        if closing && !half {
            // The clock of a half-closed stream starts now, however long it was silent.
            half = true;
            last = Instant::now();
        }
        let Some(limit) = (if half { Some(half_closed) } else { idle }) else {
            return Poll::Pending;
        };
        if set_for != Some(limit) {
            set_for = Some(limit);
            alarm.as_mut().reset(last + limit);
        }
        while alarm.as_mut().poll(cx).is_ready() {
            if last + limit <= Instant::now() {
                return Poll::Ready(Ok(Ended::Idle));
            }
            alarm.as_mut().reset(last + limit);
        }
        Poll::Pending
    })
    .await
}

/// An instant that is never reached, yet can be slept to.
fn far(now: Instant) -> Instant {
    now + Duration::from_secs(86_400 * 365 * 30)
}

/// One direction.
#[derive(Default)]
struct Pump {
    /// Read and not yet written, from `at`.
    kept: Vec<u8>,
    at: usize,
    moved: u64,
    unflushed: bool,
    ended: bool,
    shut: bool,
}

impl Pump {
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut from: Pin<&mut R>,
        mut to: Pin<&mut W>,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead,
        W: AsyncWrite,
    {
        loop {
            while let Some(rest) = self.kept.get(self.at..).filter(|rest| !rest.is_empty()) {
                let written = ready!(to.as_mut().poll_write(cx, rest))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.at += written;
                self.unflushed = true;
            }
            if !self.kept.is_empty() {
                self.kept = Vec::new();
                self.at = 0;
            }
            if self.ended {
                if !self.shut {
                    ready!(to.as_mut().poll_shutdown(cx))?;
                    self.shut = true;
                }
                return Poll::Ready(Ok(()));
            }
            match self.poll_read(cx, from.as_mut(), to.as_mut()) {
                Poll::Ready(Ok(0)) => self.ended = true,
                Poll::Ready(Ok(read)) => self.moved += read as u64,
                // A TLS peer that hangs up without close_notify.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.ended = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    if self.unflushed {
                        ready!(to.as_mut().poll_flush(cx))?;
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Reads a chunk and writes what the other side takes at once; the rest is kept.
    fn poll_read<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: Pin<&mut R>,
        to: Pin<&mut W>,
    ) -> Poll<io::Result<usize>>
    where
        R: AsyncRead,
        W: AsyncWrite,
    {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch.as_mut_slice());
            ready!(from.poll_read(cx, &mut buffer))?;
            let read = buffer.filled();
            if read.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let written = match to.poll_write(cx, read) {
                Poll::Ready(written) => written?,
                Poll::Pending => 0,
            };
            self.unflushed |= written > 0;
            self.kept
                .extend_from_slice(read.get(written..).unwrap_or_default());
            Poll::Ready(Ok(read.len()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn half_closed_stream_still_answers() {
        run(async {
            // A pipe of 7 bytes forces the kept rest through every path.
            let (mut client, peer) = duplex(7);
            let (mut server, backend) = duplex(7);
            let relayed = tokio::spawn(relay(peer, backend, None, Duration::from_secs(5), || {}));
            let sent: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
            let copy = sent.clone();
            let echo = tokio::spawn(async move {
                let mut got = Vec::new();
                server.read_to_end(&mut got).await.unwrap();
                server.write_all(&got).await.unwrap();
                server.shutdown().await.unwrap();
            });
            client.write_all(&copy).await.unwrap();
            client.shutdown().await.unwrap();
            let mut got = Vec::new();
            client.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, sent);
            echo.await.unwrap();
            assert_eq!(relayed.await.unwrap().unwrap(), Ended::Both);
        });
    }

    #[test]
    fn idle_and_half_closed_limits_end_it() {
        run(async {
            let limit = Duration::from_millis(30);
            let (_client, peer) = duplex(64);
            let (_server, backend) = duplex(64);
            let ended = relay(peer, backend, Some(limit), Duration::from_secs(60), || {
                panic!("nothing was said")
            })
            .await;
            assert_eq!(ended.unwrap(), Ended::Idle);
            let (mut client, peer) = duplex(64);
            let (_server, backend) = duplex(64);
            client.shutdown().await.unwrap();
            let ended = relay(peer, backend, None, limit, || {}).await;
            assert_eq!(ended.unwrap(), Ended::Idle);
        });
    }

    #[test]
    fn half_closed_clock_starts_at_the_half_close() {
        run(async {
            let half_closed = Duration::from_millis(300);
            let idle = Some(Duration::from_secs(60));
            let (mut client, peer) = duplex(64);
            let (mut server, backend) = duplex(64);
            let relayed = tokio::spawn(relay(peer, backend, idle, half_closed, || {}));
            tokio::spawn(async move {
                server.read_to_end(&mut Vec::new()).await.unwrap();
                server.write_all(b"last words").await.unwrap();
                server.shutdown().await.unwrap();
            });
            // Silent for longer than a half-closed stream may be.
            sleep_until(Instant::now() + half_closed + half_closed / 10).await;
            client.shutdown().await.unwrap();
            let mut got = Vec::new();
            client.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, b"last words");
            assert_eq!(relayed.await.unwrap().unwrap(), Ended::Both);
        });
    }
}
