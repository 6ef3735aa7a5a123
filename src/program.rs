//! The one place that runs other programs: each in a process group of its own, without a shell, fed, listened to, and
//! ended as a whole where it goes beyond its bounds.
//!
//! Used by `assign` for the servers' control programs and by `renew` for the submit program. Not for what an answer means. A process that has left the group (setsid) cannot be ended; it cannot hold us either.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most bytes of its answer.
pub const MAX_ANSWER: usize = 1024 * 1024;

/// Most bytes kept of its standard error.
const MAX_COMPLAINT: usize = 64 * 1024;

/// How soon it is looked at for the first time; each look doubles the wait.
const FIRST_LOOK: Duration = Duration::from_millis(1);

/// How often it is looked at in the end.
const LOOK: Duration = Duration::from_millis(20);

/// How long its pipes may stay open after it has ended.
const AFTER_END: Duration = Duration::from_secs(2);

/// From the signal that asks it to end to the one that ends it.
const GRACE: Duration = Duration::from_millis(500);

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// Standard output, at most [`MAX_ANSWER`].
    pub answer: Vec<u8>,
    /// Standard error, its first 64 KiB.
    pub complaint: Vec<u8>,
}

/// How it ended.
#[derive(Debug)]
pub enum End {
    /// By itself.
    Status(ExitStatus),
    /// Stopped at its timeout.
    TooLong,
    /// Stopped because it answered more than is read.
    TooMuch,
    /// Stopped because we were asked to end.
    Interrupted,
    /// The system would not say.
    Lost(std::io::Error),
}

/// What becomes of those who hold its pipes after it has ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftBehind {
    /// They are ended: nothing of it is to go on.
    End,
    /// They are left alone, and not listened to any more: a restart leaves its daemon.
    Leave,
}

/// Runs it with `input` on its standard input. Effects: blocks, at most for the timeout and some seconds.
pub fn run(
    mut command: Command,
    input: &[u8],
    timeout: Duration,
    left_behind: LeftBehind,
    interrupted: &dyn Fn() -> bool,
) -> std::io::Result<Ran> {
    let deadline = Instant::now() + timeout;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let answer = listen(child.stdout.take(), MAX_ANSWER);
    let complaint = listen(child.stderr.take(), MAX_COMPLAINT);
    if let Some(mut pipe) = child.stdin.take() {
        let input = input.to_vec();
        // In a thread of its own: a program that does not read must not hold us. One that closes its input early
        // is judged by its status and its answer.
        std::thread::spawn(move || {
            let _ = pipe.write_all(&input);
        });
    }
    let pid = Pid::from_child(&child);
    let watched = Watched {
        pid,
        answer: &answer,
        complaint: &complaint,
        left_behind,
        interrupted,
    };
    let end = match watched.wait(deadline) {
        Some(end) => {
            watched.stop(&mut child);
            end
        }
        None => match child.wait() {
            Ok(status) => End::Status(status),
            Err(error) => End::Lost(error),
        },
    };
    // Its pipes stay open for those it left behind; what they say is read and thrown away.
    let take = |pipe: &Arc<Mutex<Heard>>| {
        let mut heard = lock(pipe);
        heard.taken = true;
        std::mem::take(&mut heard.kept)
    };
    Ok(Ran {
        end,
        answer: take(&answer),
        complaint: take(&complaint),
    })
}

/// A program that runs.
struct Watched<'a> {
    pid: Pid,
    answer: &'a Mutex<Heard>,
    complaint: &'a Mutex<Heard>,
    left_behind: LeftBehind,
    interrupted: &'a dyn Fn() -> bool,
}

impl Watched<'_> {
    /// Waits for its end and its pipes'; gives why it must be stopped. It is not reaped here, so that its number, which
    /// is its group's, stays its own.
    fn wait(&self, deadline: Instant) -> Option<End> {
        let mut ended: Option<Instant> = None;
        let mut pause = FIRST_LOOK;
        loop {
            if lock(self.answer).over {
                return Some(End::TooMuch);
            }
            if (self.interrupted)() {
                return match (ended, self.left_behind) {
                    (Some(_), LeftBehind::Leave) => None,
                    (Some(_) | None, LeftBehind::End | LeftBehind::Leave) => Some(End::Interrupted),
                };
            }
            match (ended, self.has_ended()) {
                (Some(_), _) => {}
                (None, Err(error)) => return Some(End::Lost(error)),
                (None, Ok(true)) => ended = Some(Instant::now()),
                (None, Ok(false)) if Instant::now() >= deadline => return Some(End::TooLong),
                (None, Ok(false)) => {}
            }
            if let Some(since) = ended {
                if lock(self.answer).ended && lock(self.complaint).ended {
                    // Looked at again: the last of it may have been too much.
                    return lock(self.answer).over.then_some(End::TooMuch);
                }
                if since.elapsed() >= AFTER_END {
                    if self.left_behind == LeftBehind::End {
                        let _ = kill_process_group(self.pid, Signal::KILL);
                    }
                    return None;
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LOOK);
        }
    }

    fn has_ended(&self) -> std::io::Result<bool> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.pid), look) {
            Ok(status) => Ok(status.is_some()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks the group to end, and ends what has not.
    fn stop(&self, child: &mut Child) {
        let asked = Instant::now();
        let _ = kill_process_group(self.pid, Signal::TERM);
        while asked.elapsed() < GRACE && matches!(self.has_ended(), Ok(false)) {
            std::thread::sleep(LOOK);
        }
        let _ = kill_process_group(self.pid, Signal::KILL);
        // It may have gone into another group.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// What was heard of a pipe so far.
#[derive(Debug, Default)]
struct Heard {
    kept: Vec<u8>,
    /// More came than is kept.
    over: bool,
    ended: bool,
    /// Nobody listens any more.
    taken: bool,
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a pipe to its end in a thread of its own; what is more than `limit` is swallowed.
fn listen(pipe: Option<impl Read + Send + 'static>, limit: usize) -> Arc<Mutex<Heard>> {
    let heard = Arc::new(Mutex::new(Heard::default()));
    let Some(mut pipe) = pipe else {
        lock(&heard).ended = true;
        return heard;
    };
    let told = Arc::clone(&heard);
    std::thread::spawn(move || {
        let mut part = [0; 8192];
        loop {
            let count = match pipe.read(&mut part) {
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            let mut heard = lock(&told);
            if count == 0 {
                heard.ended = true;
                return;
            }
            if heard.taken {
                continue;
            }
            let room = limit.saturating_sub(heard.kept.len());
            heard.over |= count > room;
            heard
                .kept
                .extend_from_slice(part.get(..count.min(room)).unwrap_or_default());
        }
    });
    heard
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::test_kill_process;

    /// The process that a script leaves with its pipes, after the script has ended.
    fn left(left_behind: LeftBehind) -> (Ran, Pid) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 60 & echo $!"]);
        let ran = run(command, b"", Duration::from_secs(20), left_behind, &|| {
            false
        })
        .unwrap();
        let text = String::from_utf8_lossy(&ran.answer).into_owned();
        let pid = Pid::from_raw(text.trim().parse().unwrap()).unwrap();
        (ran, pid)
    }

    /// Whether it runs: a zombie that nobody reaps does not.
    fn runs(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        test_kill_process(pid).is_ok() && stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn a_daemon_that_is_left_behind_goes_on() {
        let (ran, pid) = left(LeftBehind::Leave);
        assert!(matches!(ran.end, End::Status(status) if status.success()));
        assert!(runs(pid));
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }

    #[test]
    fn a_program_that_changes_its_group_is_ended_at_its_timeout() {
        // A program that does so without leaving the session.
        let mut command = Command::new("perl");
        command.args(["-e", "setpgrp(0, getpgrp(getppid())) or exit 1; sleep 10"]);
        let timeout = Duration::from_secs(1);
        let begun = Instant::now();
        let ran =
            run(command, b"", timeout, LeftBehind::End, &|| false).expect("perl (Debian: perl)");
        assert!(matches!(ran.end, End::TooLong), "{:?}", ran.end);
        assert!(begun.elapsed() < Duration::from_secs(8));
    }

    #[test]
    fn what_is_not_to_go_on_is_ended() {
        let (ran, pid) = left(LeftBehind::End);
        assert!(matches!(ran.end, End::Status(status) if status.success()));
        let begun = Instant::now();
        while runs(pid) && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(LOOK);
        }
        assert!(!runs(pid));
    }
}
