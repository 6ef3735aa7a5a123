//! The terminal itself: its modes, what comes from it, signals. The only file of the wizard that does input and output.
//!
//! Modes and cursor are given back whatever happens: at the end, by a panic, by SIGINT, SIGTERM and SIGHUP. `console`'s
//! own `read_key` is not used: it reads four bytes of a sequence at most and leaves the rest to be typed as text
//! (`ESC [ 200 ~` types `0~`), knows no bracketed paste, and switches the modes for every key.

use super::draw::{Row, Size, Style};
use super::keys::{Decoder, Key, Waiting};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::termios::{self, LocalModes, OptionalActions, OutputModes, Termios};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};

/// How long the rest of an escape sequence may take before its Escape counts as the key.
const SEQUENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// How long a paste may stop before it counts as over, its end mark lost.
const PASTE: Timespec = Timespec {
    tv_sec: 2,
    tv_nsec: 0,
};

/// The alternate screen, and pastes marked as such.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?2004h";

/// The cursor shown, no marks around pastes, the screen as it was before.
const RESTORE: &str = "\u{1b}[?2004l\u{1b}[?25h\u{1b}[?1049l";

/// The modes to give back, while they are changed.
static SAVED: Mutex<Option<Termios>> = Mutex::new(None);

/// What came from the terminal, or why nothing more will come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Bytes were typed.
    Bytes(Vec<u8>),
    /// Nothing came in the time given.
    Idle,
    /// The size has changed.
    Resized,
    /// A signal asks us to end, or there is no terminal any more.
    Ended,
}

/// What comes: bytes from the terminal, and signals as bytes in a pipe.
#[derive(Debug)]
pub struct Signals {
    input: OwnedFd,
    ends: UnixStream,
    resizes: UnixStream,
    ids: Vec<signal_hook::SigId>,
    /// From then on a signal does what it does by default.
    over: Arc<AtomicBool>,
    /// Whether we were asked to end.
    ended: Arc<AtomicBool>,
}

impl Signals {
    /// Watches.
    pub fn watch() -> std::io::Result<Self> {
        let (ends, ending) = UnixStream::pair()?;
        let (resizes, resizing) = UnixStream::pair()?;
        ends.set_nonblocking(true)?;
        resizes.set_nonblocking(true)?;
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::new(AtomicBool::new(false));
        let input = input()?;
        let mut ids = Vec::new();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // This one stays: without it a signal would do nothing once the others are gone.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&over))?;
            ids.push(signal_hook::flag::register(signal, Arc::clone(&ended))?);
            ids.push(signal_hook::low_level::pipe::register(
                signal,
                ending.try_clone()?,
            )?);
        }
        ids.push(signal_hook::low_level::pipe::register(SIGWINCH, resizing)?);
        Ok(Self {
            input,
            ends,
            resizes,
            ids,
            over,
            ended,
        })
    }

    /// Whether we were asked to end.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Waits for bytes from standard input, for a signal, or for the time to pass.
    pub fn wait(&self, timeout: Option<Timespec>) -> std::io::Result<Event> {
        loop {
            if self.ended() {
                return Ok(Event::Ended);
            }
            let mut fds = [
                PollFd::new(&self.input, PollFlags::IN),
                PollFd::new(&self.ends, PollFlags::IN),
                PollFd::new(&self.resizes, PollFlags::IN),
            ];
            match poll(&mut fds, timeout.as_ref()) {
                Ok(0) => return Ok(Event::Idle),
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let [typed, ended, resized] = fds.map(|fd| !fd.revents().is_empty());
            if ended {
                return Ok(Event::Ended);
            }
            if resized {
                drain(&self.resizes);
                return Ok(Event::Resized);
            }
            if typed {
                let mut buffer = [0; 1024];
                return match rustix::io::read(&self.input, &mut buffer) {
                    Ok(0) | Err(rustix::io::Errno::IO) => Ok(Event::Ended),
                    Ok(count) => Ok(Event::Bytes(buffer.iter().take(count).copied().collect())),
                    Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
                    Err(error) => Err(error.into()),
                };
            }
        }
    }

    /// Runs work; the first signal meanwhile gives the terminal back, the second one ends the program at once.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> std::io::Result<T> {
        let (stop, stopped) = UnixStream::pair()?;
        let ends = self.ends.try_clone()?;
        std::thread::scope(|scope| {
            scope.spawn(move || watch_work(&ends, &stopped));
            let done = work();
            drop(stop);
            Ok(done)
        })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        for id in self.ids.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// The terminal behind standard input, opened again so that reading it never blocks: at Ctrl-C the kernel throws away
/// what was typed ahead, also between the moment it is announced and the moment it is read. Standard input itself stays
/// as it is, as others share it.
fn input() -> std::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let again = termios::ttyname(std::io::stdin(), Vec::new())
        .and_then(|path| rustix::fs::open(path, flags, Mode::empty()))
        // Somebody else's terminal (after `su`) can be opened by this name only.
        .or_else(|_| rustix::fs::open("/dev/tty", flags, Mode::empty()));
    match again {
        Ok(input) => Ok(input),
        Err(_) => std::io::stdin().as_fd().try_clone_to_owned(),
    }
}

fn drain(mut pipe: &UnixStream) {
    let mut buffer = [0; 64];
    while matches!(pipe.read(&mut buffer), Ok(count) if count > 0) {}
}

fn watch_work(mut ends: &UnixStream, stopped: &UnixStream) {
    let mut caught = 0;
    loop {
        let mut fds = [
            PollFd::new(ends, PollFlags::IN),
            PollFd::new(stopped, PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        }
        let [signal, over] = fds.map(|fd| !fd.revents().is_empty());
        if over {
            return;
        }
        let mut buffer = [0; 1];
        if signal && matches!(ends.read(&mut buffer), Ok(1)) {
            restore();
            caught += 1;
            if caught == 2 {
                std::process::exit(130);
            }
        }
    }
}

/// The size of the terminal behind standard error; `None` where it cannot be told.
pub fn size() -> Option<Size> {
    let told = termios::tcgetwinsize(std::io::stderr()).ok()?;
    (told.ws_col > 0 && told.ws_row > 0).then(|| Size {
        columns: usize::from(told.ws_col),
        rows: usize::from(told.ws_row),
    })
}

/// Writes to the terminal.
pub fn write(text: &str) -> std::io::Result<()> {
    let mut err = std::io::stderr().lock();
    err.write_all(text.as_bytes())?;
    err.flush()
}

/// Gives modes, cursor and screen back, once.
pub fn restore() {
    let saved = match SAVED.lock() {
        Ok(mut saved) => saved.take(),
        Err(poisoned) => poisoned.into_inner().take(),
    };
    if let Some(modes) = saved {
        let _ = write(RESTORE);
        let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &modes);
    }
}

/// A terminal whose keys come one by one, on a screen of its own, until it is dropped.
#[derive(Debug)]
pub struct Terminal {
    signals: Signals,
    decoder: Decoder,
    /// Keys that were typed ahead.
    ahead: std::collections::VecDeque<Key>,
    /// The modes as they were.
    modes: Termios,
}

/// A key, or what else happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A key.
    Key(Key),
    /// The size has changed.
    Resized,
    /// Nothing more will come.
    Ended,
}

impl Terminal {
    /// Takes the terminal.
    pub fn take() -> std::io::Result<Self> {
        static HOOK: Once = Once::new();
        let modes = termios::tcgetattr(std::io::stdin())?;
        let signals = Signals::watch()?;
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |told| {
                restore();
                before(told);
            }));
        });
        let terminal = Self {
            signals,
            decoder: Decoder::new(),
            ahead: std::collections::VecDeque::new(),
            modes,
        };
        terminal.raw(OptionalActions::Now)?;
        write(ENTER)?;
        Ok(terminal)
    }

    /// Keys come one by one, and Ctrl-C is one of them.
    fn raw(&self, when: OptionalActions) -> std::io::Result<()> {
        if let Ok(mut saved) = SAVED.lock() {
            *saved = Some(self.modes.clone());
        }
        let mut raw = self.modes.clone();
        raw.make_raw();
        // Lines that others write meanwhile begin at the left.
        raw.output_modes = self.modes.output_modes | OutputModes::OPOST;
        termios::tcsetattr(std::io::stdin(), when, &raw)?;
        Ok(())
    }

    /// Waits for the next key.
    pub fn next(&mut self) -> std::io::Result<Typed> {
        loop {
            if let Some(key) = self.ahead.pop_front() {
                return Ok(Typed::Key(key));
            }
            let timeout = match self.decoder.waiting() {
                Waiting::Nothing => None,
                Waiting::Sequence => Some(SEQUENCE),
                Waiting::Paste => Some(PASTE),
            };
            match self.signals.wait(timeout)? {
                Event::Bytes(bytes) => self.ahead.extend(self.decoder.feed(&bytes)),
                Event::Idle => self.ahead.extend(self.decoder.idle()),
                Event::Resized => return Ok(Typed::Resized),
                Event::Ended => return Ok(Typed::Ended),
            }
        }
    }

    /// Shows rows from the top, and the cursor where something is typed.
    pub fn show(&self, rows: &[Row], cursor: Option<(usize, usize)>) -> std::io::Result<()> {
        let mut out = String::from("\u{1b}[?25l");
        for (at, row) in rows.iter().enumerate() {
            // Erased before it is written: past the last column the cursor still stands on it.
            out.push_str(&format!("\u{1b}[{};1H\u{1b}[2K", at + 1));
            for piece in row {
                out.push_str(&painted(piece.style, &piece.text));
            }
        }
        let beyond = size().map_or(0, |size| size.rows);
        if rows.len() < beyond {
            out.push_str(&format!("\u{1b}[{};1H\u{1b}[J", rows.len() + 1));
        }
        if let Some((row, column)) = cursor {
            out.push_str(&format!("\u{1b}[{};{}H\u{1b}[?25h", row + 1, column + 1));
        }
        write(&out)
    }

    /// Runs work below the rows, while nothing that is typed is shown and Ctrl-C is a signal.
    pub fn during(&mut self, rows: &[Row], work: impl FnOnce()) -> std::io::Result<()> {
        self.show(rows, None)?;
        write("\r\n")?;
        let mut modes = self.modes.clone();
        modes.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON);
        termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &modes)?;
        self.signals.during(work)?;
        if self.signals.ended() {
            restore();
        } else {
            // What was typed while nothing was asked is no answer.
            self.raw(OptionalActions::Flush)?;
        }
        Ok(())
    }

    /// Whether we were asked to end.
    pub fn ended(&self) -> bool {
        self.signals.ended()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

fn painted(style: Style, text: &str) -> String {
    let paint = console::Style::new().for_stderr();
    let paint = match style {
        Style::Plain => return text.to_owned(),
        Style::Faint => paint.dim(),
        Style::Strong => paint.bold().cyan(),
        Style::Typed => paint.underlined(),
        Style::Wrong => paint.red().bold(),
    };
    paint.apply_to(text).to_string()
}
