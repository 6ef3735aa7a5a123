//! The process that a pid file leads to, if it is of the right program.

use crate::explain::printable;
use crate::store::atomic::read_limited;
use rustix::process::Pid;
use std::path::Path;

/// Most bytes of a pid file, and of a program's name.
const MAX_PID_BYTES: u64 = 64;

/// The process of a pid file. A number that was given to another program since is none: that must not get a signal.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
