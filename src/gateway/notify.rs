//! What systemd is told and what it hands over: readiness, stopping, and sockets that it bound (sd_notify(3),
//! sd_listen_fds(3)).
//!
//! Sockets that come by number are duplicated out of our own process with pidfd_getfd(2), which needs no unsafe code
//! (Linux 5.6; a unit with `SystemCallFilter=` must allow it). Where that fails, the gateway binds for itself.

use rustix::process::{ForeignRawFd, PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::ffi::OsStr;
use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// First descriptor that is handed over.
const FIRST: ForeignRawFd = 3;
/// Most sockets taken; a deployment has a handful of listeners.
const MAX_SOCKETS: ForeignRawFd = 64;

/// Tells the service manager, if there is one. A lost message is no reason to stop.
pub fn notify(state: &str) {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET") {
        let _ = notify_at(&socket, state);
    }
}

/// Sends a state (`READY=1`) to a socket: a path, or an abstract name written with `@` in front.
fn notify_at(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    let sender = UnixDatagram::unbound()?;
    // A manager that does not read must not hold us up.
    sender.set_nonblocking(true)?;
    sender.send_to_addr(state.as_bytes(), &address).map(|_| ())
}

/// The listening TCP sockets that the service manager handed over, by `LISTEN_PID` and `LISTEN_FDS`.
pub fn activated() -> Vec<TcpListener> {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<ForeignRawFd>().ok())
    };
    match (number("LISTEN_PID"), number("LISTEN_FDS")) {
        (Some(pid), Some(count)) if pid == getpid().as_raw_nonzero().get() => take(FIRST, count),
        (Some(_) | None, Some(_) | None) => Vec::new(),
    }
}

/// Duplicates of those of our descriptors from `first` on that are listening TCP sockets.
fn take(first: ForeignRawFd, count: ForeignRawFd) -> Vec<TcpListener> {
    let Ok(own) = pidfd_open(getpid(), PidfdFlags::empty()) else {
        return Vec::new();
    };
    (first..first.saturating_add(count.clamp(0, MAX_SOCKETS)))
        .filter_map(|fd| pidfd_getfd(&own, fd, PidfdGetfdFlags::empty()).ok())
        .filter(|fd| rustix::net::sockopt::socket_acceptconn(fd).unwrap_or(false))
        .map(TcpListener::from)
        .filter(|listener| listener.local_addr().is_ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn states_reach_paths_and_abstract_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        notify_at(path.as_os_str(), "READY=1").unwrap();
        let name = format!("edgecert-test-{}", std::process::id());
        let by_name =
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        notify_at(OsStr::new(&format!("@{name}")), "STOPPING=1").unwrap();
        for (receiver, state) in [(by_path, "READY=1"), (by_name, "STOPPING=1")] {
            let mut buffer = [0; 64];
            let read = receiver.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..read], state.as_bytes());
        }
    }

    #[test]
    fn listening_sockets_are_taken_by_number_and_others_are_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = take(listener.as_raw_fd(), 1);
        assert_eq!(taken.len(), 1);
        assert_eq!(
            taken[0].local_addr().unwrap(),
            listener.local_addr().unwrap()
        );
        let datagram = UnixDatagram::unbound().unwrap();
        assert!(take(datagram.as_raw_fd(), 1).is_empty());
    }
}
