//! Handing a CSR to the issuer's program: on its standard input, the chain from its standard output, no shell.
//!
//! The program runs with bounds: ten minutes, 1 MiB of answer, 64 KiB of complaints, which are shown cleaned. It gets
//! a process group of its own, which ends as a whole, and of our environment only what is listed here.

use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::explain::{Explanation, printable};
use crate::names::Slug;
use crate::program::{self, End};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long the program may take.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Most lines of its complaint shown.
const MAX_LINES: usize = 20;

/// What it gets of our environment; keys' passphrases may stand in the rest.
const PASSED: [&str; 12] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// Tells it which certificate the CSR is for.
const CERTIFICATE: &str = "EDGECERT_CERTIFICATE";

/// What is handed to whom.
#[derive(Debug, Clone, Copy)]
pub struct Submission<'a> {
    /// The program and its arguments.
    pub program: &'a [String],
    /// From where a relative path with a slash counts.
    pub base: &'a Path,
    /// The certificate.
    pub certificate: &'a Slug,
    /// The CSR, PEM.
    pub csr_pem: &'a str,
    /// Variables that hold passphrases: never passed on, whatever their names.
    pub secret_variables: &'a [String],
}

/// Why it gave no certificate.
#[derive(Debug)]
pub struct Trouble {
    program: String,
    /// In a few words.
    pub why: String,
    /// Its exit status, where it ended by itself.
    pub status: Option<i32>,
    complaint: String,
    interrupted: bool,
}

impl Trouble {
    /// For the person.
    pub fn failure(self) -> Failure {
        let why = if self.complaint.is_empty() {
            self.why
        } else {
            format!("{}\nit said: {}", self.why, self.complaint)
        };
        let kind = if self.interrupted {
            FailureKind::Interrupted
        } else {
            FailureKind::Failed
        };
        Failure::new(
            kind,
            Explanation {
                code: "renew.submit-failed",
                what: "the issuer's program gave no certificate".into(),
                place: format!("submit, {}", printable(&self.program)),
                why,
                mend: "mend the program, then run `edgecert renew` again: the request waits, and is sent again".into(),
            },
        )
    }
}

/// Runs the program with the CSR on its standard input; gives what it wrote.
///
/// Errors: it cannot be started, takes too long, ends with another status than 0, answers nothing or too much, or
/// `interrupted` was set. Effects: blocks.
pub fn submit(
    submission: &Submission<'_>,
    interrupted: &AtomicBool,
) -> Result<Vec<u8>, Box<Trouble>> {
    submit_within(submission, interrupted, TIMEOUT)
}

fn submit_within(
    submission: &Submission<'_>,
    interrupted: &AtomicBool,
    timeout: Duration,
) -> Result<Vec<u8>, Box<Trouble>> {
    let name = submission.program.first().cloned().unwrap_or_default();
    let trouble = |why: String| {
        Box::new(Trouble {
            program: name.clone(),
            why,
            status: None,
            complaint: String::new(),
            interrupted: false,
        })
    };
    let Some((name, arguments)) = submission.program.split_first() else {
        return Err(trouble("it names no program".into()));
    };
    let mut command = if name.contains('/') {
        Command::new(submission.base.join(name))
    } else {
        Command::new(name)
    };
    command
        .args(arguments)
        .env_clear()
        .envs(passed(submission.secret_variables))
        .env(CERTIFICATE, submission.certificate.as_str());
    let ran = program::run(
        command,
        submission.csr_pem.as_bytes(),
        timeout,
        program::LeftBehind::End,
        &|| interrupted.load(Ordering::Relaxed),
    )
    .map_err(|error| {
        trouble(format!(
            "it cannot be started: {}",
            crate::explain::os_words(&error)
        ))
    })?;
    let complained = |why: String| Trouble {
        complaint: cleaned(&ran.complaint),
        ..*trouble(why)
    };
    Err(Box::new(match ran.end {
        End::Status(status) if status.success() && ran.answer.is_empty() => Trouble {
            status: status.code(),
            ..complained("it ended well and answered nothing".into())
        },
        End::Status(status) if status.success() => return Ok(ran.answer),
        End::Status(status) => Trouble {
            status: status.code(),
            ..complained(format!("it ended with {status}"))
        },
        End::TooMuch => complained(format!(
            "it answered more than {} bytes, and was stopped",
            program::MAX_ANSWER
        )),
        End::TooLong => complained(format!(
            "it had not ended after {} s, and was stopped",
            timeout.as_secs()
        )),
        End::Interrupted => Trouble {
            interrupted: true,
            ..complained("it was stopped, because edgecert was interrupted".into())
        },
        End::Lost(error) => complained(format!(
            "it cannot be waited for: {}",
            crate::explain::os_words(&error)
        )),
    }))
}

/// The variables that are passed on.
fn passed(secret: &[String]) -> Vec<(&'static str, OsString)> {
    PASSED
        .into_iter()
        .filter(|name| !secret.iter().any(|one| one == name))
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .collect()
}

fn cleaned(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<String> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(printable)
        .collect();
    let from = lines.len().saturating_sub(MAX_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn ask_of(
        program: &[String],
        timeout: Duration,
        interrupted: bool,
    ) -> Result<Vec<u8>, Box<Trouble>> {
        let submission = Submission {
            program,
            base: Path::new("/"),
            certificate: &Slug::parse("external-edge").unwrap(),
            csr_pem: "the csr",
            secret_variables: &["HOME".to_owned()],
        };
        submit_within(&submission, &AtomicBool::new(interrupted), timeout)
    }

    fn ask(script: &str, timeout: Duration) -> Result<Vec<u8>, Box<Trouble>> {
        ask_of(&["sh", "-c", script].map(String::from), timeout, false)
    }

    #[test]
    fn the_csr_goes_in_and_the_answer_comes_out() {
        let answer = ask("cat; printf ' of %s' $EDGECERT_CERTIFICATE", TIMEOUT).unwrap();
        assert_eq!(answer, b"the csr of external-edge");
    }

    #[test]
    fn what_the_program_does_wrong_is_told() {
        let short = Duration::from_millis(300);
        for (script, timeout, words) in [
            ("exit 3", TIMEOUT, "exit status: 3"),
            (
                "printf 'no \\033[31mquota\\n' >&2; exit 1",
                TIMEOUT,
                "no \u{fffd}[31mquota",
            ),
            ("true", TIMEOUT, "answered nothing"),
            ("exec sleep 60", short, "was stopped"),
            ("trap '' TERM; sleep 60; sleep 60", short, "was stopped"),
            (
                "head -c 1100000 /dev/zero; sleep 60",
                TIMEOUT,
                "more than 1048576 bytes",
            ),
        ] {
            let began = Instant::now();
            let told = ask(script, timeout).unwrap_err().failure().explanation;
            assert!(told.why.contains(words), "{script}: {}", told.why);
            assert!(began.elapsed() < Duration::from_secs(10), "{script}");
        }
        let missing = ask_of(&["./not-there".into()], TIMEOUT, false).unwrap_err();
        assert!(missing.why.contains("cannot be started"));
    }

    #[test]
    fn a_grandchild_that_holds_the_pipe_is_ended_and_the_answer_kept() {
        let began = Instant::now();
        let answer = ask("echo chain; sleep 60 & exit 0", TIMEOUT).unwrap();
        assert_eq!(answer, b"chain\n");
        let beyond = ask("echo chain; setsid sleep 15 & sleep 0.2; exit 0", TIMEOUT).unwrap();
        assert_eq!(beyond, b"chain\n");
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn an_interrupt_ends_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = format!("(sleep 1; touch {}) & wait", mark.display());
        let program = ["sh", "-c", &script].map(String::from);
        let trouble = ask_of(&program, TIMEOUT, true).unwrap_err();
        assert_eq!(trouble.failure().kind, FailureKind::Interrupted);
        std::thread::sleep(Duration::from_millis(1500));
        assert!(!mark.exists());
    }

    #[test]
    fn what_holds_a_passphrase_is_not_passed_on() {
        let answer = ask("env", TIMEOUT).unwrap();
        let told = String::from_utf8(answer).unwrap();
        let names: Vec<&str> = told
            .lines()
            .filter_map(|line| line.split('=').next())
            .collect();
        assert!(names.contains(&"PATH"), "{told}");
        assert!(!names.contains(&"HOME"), "{told}");
        // A shell sets a few of its own.
        for name in names {
            assert!(
                PASSED.contains(&name)
                    || [CERTIFICATE, "PWD", "OLDPWD", "SHLVL", "_"].contains(&name),
                "{name}"
            );
        }
    }
}
