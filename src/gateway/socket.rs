//! The control socket as a thing in the file system: made private, one owner at a time, a stale one replaced.

use super::error::GatewayError;
use super::reload;
use crate::wire::control::{Answer, Request, ask};
use rustix::fs::{FlockOperation, Mode};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a gateway that may be there has to say its process id.
const HAIL: Duration = Duration::from_secs(2);
/// Talks that wait to be accepted.
const BACKLOG: i32 = 16;

/// The bound socket; removed when dropped.
pub(super) struct ControlSocket {
    pub listener: Option<UnixListener>,
    path: PathBuf,
    /// Held as long as the socket is ours.
    _lock: File,
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl ControlSocket {
    /// Makes the socket (0600; its folder 0700 if missing). One that nobody answers is replaced.
    pub fn open(path: &Path) -> Result<Self, GatewayError> {
        let failed = |source: io::Error| GatewayError::Control {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            reload::make_folder(folder).map_err(failed)?;
        }
        // The lock decides between two that start at once; it never goes away, so it never lies.
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(lock_path(path))
            .map_err(failed)?;
        if let Err(error) = rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            if error == rustix::io::Errno::WOULDBLOCK {
                return Err(GatewayError::AlreadyRunning {
                    path: path.to_owned(),
                    pid: hail(path).flatten(),
                });
            }
            return Err(failed(error.into()));
        }
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(GatewayError::NotASocket {
                    path: path.to_owned(),
                });
            }
            Ok(_) => match hail(path) {
                Some(pid) => {
                    return Err(GatewayError::AlreadyRunning {
                        path: path.to_owned(),
                        pid,
                    });
                }
                None => fs::remove_file(path).map_err(failed)?,
            },
        }
        let listener = bind_private(path).map_err(|error| failed(error.into()))?;
        Ok(Self {
            listener: Some(listener),
            path: path.to_owned(),
            _lock: lock,
        })
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Binds with mode 0600 from the first moment: the mode of the unbound socket becomes that of its file.
fn bind_private(path: &Path) -> Result<UnixListener, rustix::io::Errno> {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Whether somebody answers at the socket, and its process id if it says one.
fn hail(path: &Path) -> Option<Option<u32>> {
    let mut stream = UnixStream::connect(path).ok()?;
    let limited = stream
        .set_read_timeout(Some(HAIL))
        .and_then(|()| stream.set_write_timeout(Some(HAIL)));
    if limited.is_err() {
        return Some(None);
    }
    match ask(&mut stream, &Request::Status) {
        Ok(Answer::Status(status)) => Some(Some(status.pid)),
        Ok(Answer::Done | Answer::Refused { .. }) | Err(_) => Some(None),
    }
}
