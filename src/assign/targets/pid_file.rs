//! The process that a pid file leads to, if it is of the right program.

use super::on_server::OnServer;
use crate::assign::error::AssignError;
use crate::explain::{os_words, printable};
use crate::store::atomic::read_limited;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;

/// Most bytes of a pid file, and of a program's name.
const MAX_PID_BYTES: u64 = 64;

/// The process of a pid file. A number since given to another program does not count: that must not get a signal.
///
/// Errors: why not, in words. `program`: as the kernel names it (its first 15 bytes).
pub(super) fn process_of(file: &Path, program: &str) -> Result<Pid, String> {
    let text = read_limited(file, MAX_PID_BYTES).map_err(|error| error.to_string())?;
    let pid = String::from_utf8_lossy(&text)
        .trim()
        .parse()
        .ok()
        .filter(|pid| *pid > 1)
        .and_then(Pid::from_raw)
        .ok_or_else(|| "it holds no process number".to_owned())?;
    let number = pid.as_raw_nonzero();
    let name = read_limited(Path::new(&format!("/proc/{number}/comm")), MAX_PID_BYTES)
        .map_err(|_| format!("there is no process {number}"))?;
    let name = String::from_utf8_lossy(&name);
    match name.trim() == program {
        true => Ok(pid),
        false => Err(format!("process {number} is {}", printable(name.trim()))),
    }
}

/// Sends a signal to the process of a pid file.
pub(super) fn send(
    own: &OnServer,
    file: &Path,
    pid: Pid,
    signal: Signal,
) -> Result<(), AssignError> {
    kill_process(pid, signal).map_err(|error| {
        own.unfit(
            file,
            "the signal could not be sent",
            os_words(&error.into()),
            "run this command as root, or as the user that the server runs as".to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Explain;

    #[test]
    fn a_number_alone_is_no_process_of_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let own = std::process::id();
        let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
        let told = |text: &str, program: &str| {
            std::fs::write(&file, text).unwrap();
            process_of(&file, program)
        };
        let there = told(&format!(" {own}\n"), comm.trim()).unwrap();
        assert_eq!(there.as_raw_nonzero().get().unsigned_abs(), own);
        for (text, why) in [
            (own.to_string(), "process "),
            // Beyond the kernel's PID_MAX_LIMIT.
            ("4194305".to_owned(), "there is no process 4194305"),
            (String::new(), "it holds no process number"),
            ("1".to_owned(), "it holds no process number"),
            ("-7".to_owned(), "it holds no process number"),
            ("7 8".to_owned(), "it holds no process number"),
        ] {
            let error = told(&text, "another").unwrap_err();
            assert!(error.starts_with(why), "{text:?}: {error}");
        }
        assert!(process_of(&folder.path().join("none"), "x").is_err());
    }

    #[test]
    fn a_signal_that_is_refused_is_told_as_such() {
        // Its number is free once it was waited for.
        let mut ended = std::process::Command::new("/bin/true").spawn().unwrap();
        ended.wait().unwrap();
        let pid = Pid::from_raw(ended.id().cast_signed()).unwrap();
        let gateway = crate::names::Slug::parse("front").unwrap();
        let settings = crate::deployment::FileTarget::default();
        let own = OnServer::new(gateway, settings, super::super::haproxy::KIND);
        let file = Path::new("/run/haproxy.pid");
        let told = send(&own, file, pid, Signal::USR2).unwrap_err().explain();
        assert!(
            told.what.contains("the signal could not be sent"),
            "{told:?}"
        );
        assert!(!told.why.contains("os error"), "{told:?}");
    }
}
