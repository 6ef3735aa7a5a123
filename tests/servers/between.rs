//! A socket in front of HAProxy's admin socket, which can change what goes through.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to a command and its payload.
#[derive(Debug, Clone)]
pub enum Turn {
    /// It goes through as it is.
    Through,
    /// Where it begins so, this part of it becomes that one.
    Changed(&'static str, String, String),
    /// Where it begins so, it is not passed on, and this is the answer.
    Answered(&'static str, &'static str),
    /// Where it begins so, it is not passed on, and there is no answer.
    Swallowed(&'static str),
}

/// A socket that passes on what it gets until the process ends.
pub struct Between {
    pub path: PathBuf,
    turn: Arc<Mutex<Turn>>,
}

impl Between {
    pub fn start(path: PathBuf, real: &Path) -> Self {
        let listener = UnixListener::bind(&path).unwrap();
        let turn = Arc::new(Mutex::new(Turn::Through));
        let (real, own) = (real.to_owned(), Arc::clone(&turn));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A side that goes away ends the exchange; there is nobody to tell.
                let _ = pass(stream, &real, &own);
            }
        });
        Self { path, turn }
    }

    /// From now on, for the first command that it fits.
    pub fn set(&self, turn: Turn) {
        *self.turn.lock().unwrap() = turn;
    }

    /// Whether that has happened.
    pub fn is_spent(&self) -> bool {
        matches!(*self.turn.lock().unwrap(), Turn::Through)
    }
}

fn pass(mut client: UnixStream, real: &Path, turn: &Mutex<Turn>) -> std::io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut bytes = Vec::new();
    let mut part = [0; 8192];
    loop {
        let count = client.read(&mut part)?;
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let whole = if text.contains("<<") { "\n\n" } else { "\n" };
        if count == 0 || text.ends_with(whole) {
            break;
        }
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    let mut now = turn.lock().unwrap();
    let fits = match &*now {
        Turn::Through => false,
        Turn::Changed(start, ..) | Turn::Answered(start, _) | Turn::Swallowed(start) => {
            text.starts_with(start)
        }
    };
    let taken = if fits {
        std::mem::replace(&mut *now, Turn::Through)
    } else {
        Turn::Through
    };
    drop(now);
    match taken {
        Turn::Through => {}
        Turn::Changed(_, part, other) => {
            assert!(text.contains(&part), "the payload has no such part");
            text = text.replace(&part, &other);
        }
        Turn::Answered(_, answer) => return client.write_all(answer.as_bytes()),
        Turn::Swallowed(_) => {
            // Until the other side gives up.
            let _ = client.read(&mut part);
            return Ok(());
        }
    }
    let mut server = UnixStream::connect(real)?;
    server.write_all(text.as_bytes())?;
    std::io::copy(&mut server, &mut client).map(drop)
}
