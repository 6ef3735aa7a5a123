//! A terminal for tests: a program in a pseudo terminal of some size, keys typed, and what its screen shows.
//!
//! Whoever waits, waits for something that is shown, with a deadline; nothing sleeps for luck.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long something may take to be shown; the slowest machine needs less.
const DEADLINE: Duration = Duration::from_secs(60);

/// How often a child is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// Runs the program as a child of the session's leader, tells its end where no screen shows it, and waits. Without it the
/// program would lead the session, and at its end the kernel throws away what it wrote last and nobody has read yet.
const LEADER: &str = r#"trap : INT TERM HUP
"$@"
code=$?
printf '\033]ended;%s\007' "$code"
read -r _
exit "$code""#;

/// What the terminal has shown.
struct Shown {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    over: bool,
    /// The reader is to give its end up at the next byte.
    hang_up: bool,
}

/// A program in a terminal.
pub struct Terminal {
    shown: Arc<(Mutex<Shown>, Condvar)>,
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    /// The modes before the program began.
    modes: String,
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

/// The same program, folder, arguments and variables, for a terminal.
fn builder(command: &Command) -> CommandBuilder {
    let mut built = CommandBuilder::new("/bin/sh");
    built.args(["-c", LEADER, "sh"]);
    built.arg(command.get_program());
    built.args(command.get_args());
    built.cwd(command.get_current_dir().unwrap_or(Path::new("/")));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => built.env(name, value),
            None => built.env_remove(name),
        }
    }
    built
}

impl Terminal {
    /// Starts a program on a screen of so many columns and rows, where colours are known unless the command says
    /// otherwise.
    pub fn start(command: &Command, columns: u16, rows: u16) -> Self {
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        let mut built = builder(command);
        let sets = |name: &str| command.get_envs().any(|(known, _)| known == name);
        if !sets("TERM") {
            built.env("TERM", "xterm-256color");
        }
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            if !sets(name) {
                built.env_remove(name);
            }
        }
        let modes = format!("{:?}", pair.master.get_termios());
        let child = pair.slave.spawn_command(built).unwrap();
        drop(pair.slave);
        let shown = Arc::new((
            Mutex::new(Shown {
                parser: vt100::Parser::new(rows, columns, 1000),
                bytes: Vec::new(),
                over: false,
                hang_up: false,
            }),
            Condvar::new(),
        ));
        let reader = pair.master.try_clone_reader().unwrap();
        let seen = Arc::clone(&shown);
        std::thread::spawn(move || read(reader, &seen));
        Self {
            shown,
            writer: Some(pair.master.take_writer().unwrap()),
            master: Some(pair.master),
            child,
            modes,
        }
    }

    /// Types bytes as they are.
    pub fn keys(&mut self, keys: &str) {
        let writer = self.writer.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Waits until what the screen shows is as wished, and returns it.
    #[track_caller]
    pub fn until(&self, what: &str, wished: impl Fn(&vt100::Screen) -> bool) -> String {
        let (shown, changed) = &*self.shown;
        let begun = Instant::now();
        let mut now = shown.lock().unwrap();
        loop {
            if wished(now.parser.screen()) {
                return now.parser.screen().contents();
            }
            let left = DEADLINE.saturating_sub(begun.elapsed());
            if left.is_zero() || now.over {
                let shows = now.parser.screen().contents();
                let when = if now.over { " before the end" } else { "" };
                drop(now);
                panic!("{what} was not shown{when}:\n{shows}");
            }
            now = changed.wait_timeout(now, left).unwrap().0;
        }
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        self.until(&format!("{text:?}"), |screen| {
            screen.contents().contains(text)
        })
    }

    /// Waits until the screen shows a text no more.
    #[track_caller]
    pub fn shows_no_more(&self, text: &str) -> String {
        self.until(&format!("the end of {text:?}"), |screen| {
            !screen.contents().contains(text)
        })
    }

    /// What the screen shows now.
    pub fn screen(&self) -> String {
        self.shown.0.lock().unwrap().parser.screen().contents()
    }

    /// Every byte that the program has shown.
    pub fn bytes(&self) -> String {
        let bytes = self.shown.0.lock().unwrap().bytes.clone();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match text.rsplit_once("\u{1b}]ended;") {
            Some((before, _)) => before.to_owned(),
            None => text,
        }
    }

    /// Changes the size.
    pub fn resize(&self, columns: u16, rows: u16) {
        let mut now = self.shown.0.lock().unwrap();
        now.parser.screen_mut().set_size(rows, columns);
        drop(now);
        let master = self.master.as_ref().unwrap();
        master.resize(size(columns, rows)).unwrap();
    }

    /// The number of the program.
    pub fn pid(&self) -> u32 {
        let leader = self.child.process_id().unwrap();
        let parent = |pid: u32| -> Option<u32> {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name in brackets may hold anything; state and parent stand after it.
            stat.rsplit_once(')')?.1.split(' ').nth(2)?.parse().ok()
        };
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .find(|pid| parent(*pid) == Some(leader))
            .unwrap()
    }

    /// The terminal vanishes, as when a window is closed. Something must be shown meanwhile, so that the end that reads
    /// wakes up: `key` is one that makes the program show something.
    pub fn hang_up(&mut self, key: &str) {
        self.shown.0.lock().unwrap().hang_up = true;
        self.keys(key);
        let (shown, changed) = &*self.shown;
        let mut now = shown.lock().unwrap();
        while !now.over {
            now = changed.wait_timeout(now, DEADLINE).unwrap().0;
        }
        drop(now);
        self.master = None;
        self.writer = None;
    }

    /// Waits for the end of the program; its exit code. All that it wrote has been shown then.
    #[track_caller]
    pub fn ended(&mut self) -> u32 {
        let begun = Instant::now();
        if self.master.is_none() {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status.exit_code();
                }
                assert!(begun.elapsed() < DEADLINE, "it does not end");
                std::thread::sleep(POLL);
            }
        }
        let (shown, changed) = &*self.shown;
        let mut now = shown.lock().unwrap();
        loop {
            if let Some(code) = end_told(&now.bytes) {
                return code;
            }
            let left = DEADLINE.saturating_sub(begun.elapsed());
            if left.is_zero() || now.over {
                let shows = now.parser.screen().contents();
                drop(now);
                panic!("it does not end:\n{shows}");
            }
            now = changed.wait_timeout(now, left).unwrap().0;
        }
    }

    /// Insists that the terminal was given back: cursor, screen, pastes and modes.
    #[track_caller]
    pub fn is_given_back(&self) {
        let now = self.shown.0.lock().unwrap();
        let screen = now.parser.screen();
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.alternate_screen(), "the alternate screen is left");
        assert!(!screen.bracketed_paste(), "pastes are marked");
        drop(now);
        if let Some(master) = &self.master {
            assert_eq!(format!("{:?}", master.get_termios()), self.modes);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the leader told of the end.
fn end_told(bytes: &[u8]) -> Option<u32> {
    let text = String::from_utf8_lossy(bytes);
    let (code, _) = text.rsplit_once("\u{1b}]ended;")?.1.split_once('\u{7}')?;
    code.parse().ok()
}

fn read(mut reader: Box<dyn Read + Send>, seen: &(Mutex<Shown>, Condvar)) {
    let mut buffer = [0; 4096];
    loop {
        let count = reader.read(&mut buffer).unwrap_or(0);
        let mut now = seen.0.lock().unwrap();
        now.parser.process(&buffer[..count]);
        now.bytes.extend_from_slice(&buffer[..count]);
        let over = count == 0 || now.hang_up;
        if over {
            break;
        }
        drop(now);
        seen.1.notify_all();
    }
    drop(reader);
    seen.0.lock().unwrap().over = true;
    seen.1.notify_all();
}
