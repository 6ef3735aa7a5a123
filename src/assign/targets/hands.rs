//! How a server's programs are run: no shell, a bounded time, an environment of what they need and no more.

use super::{Job, Stop};
use crate::assign::destination::Destination;
use crate::assign::error::AssignError;
use crate::explain::{os_words, printable};
use crate::names::Slug;
use crate::program::{self, End, LeftBehind};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What they get of our environment.
const PASSED: [&str; 4] = ["HOME", "TZ", "TMPDIR", "ERL_EPMD_PORT"];

/// Where servers' programs lie besides `PATH`, which a user who is not root may have without them.
const SYSTEM_FOLDERS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// What is taken for `PATH` where there is none.
const USUAL_FOLDERS: &str = "/usr/local/bin:/usr/bin:/bin";

/// Most characters of what a program said that are shown.
const MAX_SHOWN: usize = 400;

/// Runs the programs of one gateway's server.
pub struct Hands<'a> {
    /// The gateway.
    pub gateway: &'a Slug,
    /// `RENEWED_LINEAGE`; `None` before there is one.
    pub live: Option<&'a Path>,
    /// `RENEWED_DOMAINS`.
    pub domains: &'a [String],
    /// How long one may take.
    pub timeout: Duration,
    /// Whether to stop waiting.
    pub stop: Stop<'a>,
}

/// What a program said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The words it was called with.
    pub command: String,
    /// Its status; `None`: ended by a signal.
    pub status: Option<i32>,
    /// Both its outputs, as they are.
    pub text: String,
}

impl<'a> Hands<'a> {
    /// For the programs of a job.
    pub fn of(gateway: &'a Slug, job: &Job<'a>, timeout: Duration) -> Self {
        Self {
            gateway,
            live: Some(job.live),
            domains: job.domains,
            timeout,
            stop: job.stop,
        }
    }

    /// For the programs that only look.
    pub fn to_look(gateway: &'a Slug, timeout: Duration, stop: Stop<'a>) -> Self {
        Self {
            gateway,
            live: None,
            domains: &[],
            timeout,
            stop,
        }
    }

    /// Whether a program is there to be run.
    ///
    /// Errors: it is not, by its path or on `PATH` and the folders of the system's own programs.
    pub fn insist_on(gateway: &Slug, name: &str) -> Result<(), AssignError> {
        let is_there = if name.contains('/') {
            Path::new(name).is_file()
        } else {
            let folders = std::env::var("PATH").unwrap_or_default() + ":" + SYSTEM_FOLDERS;
            folders
                .split(':')
                .any(|folder| !folder.is_empty() && Path::new(folder).join(name).is_file())
        };
        if is_there {
            return Ok(());
        }
        Err(AssignError::Program {
            gateway: gateway.clone(),
            command: name.to_owned(),
            why: "there is no such program".to_owned(),
            said: String::new(),
        })
    }

    /// Runs a program to its end; its status is for the caller to judge.
    ///
    /// Errors: it cannot be started, takes too long, or says more than is read. Effects: blocks.
    pub fn run(&self, words: &[impl AsRef<str>]) -> Result<Said, AssignError> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let failed = |why: String, said: &str| AssignError::Program {
            gateway: self.gateway.clone(),
            command: words.join(" "),
            why,
            said: shown(said),
        };
        let Some((name, arguments)) = words.split_first() else {
            return Err(failed("no program is named".to_owned(), ""));
        };
        let mut command = Command::new(name);
        command.args(arguments).env_clear().envs(environment());
        if let Some(live) = self.live {
            command
                .env("RENEWED_LINEAGE", live)
                .env("RENEWED_DOMAINS", self.domains.join(" "));
        }
        // A command that restarts a server leaves it running.
        let left = LeftBehind::Leave;
        let ran = program::run(command, b"", self.timeout, left, self.stop)
            .map_err(|error| failed(format!("it cannot be started: {}", os_words(&error)), ""))?;
        let text = String::from_utf8_lossy(&[ran.answer, ran.complaint].concat()).into_owned();
        let status = match ran.end {
            End::Status(status) => status.code(),
            End::TooLong => {
                let why = format!("it did not end within {} s", self.timeout.as_secs());
                return Err(failed(why, &text));
            }
            End::TooMuch => {
                let why = format!("it said more than {} bytes", program::MAX_ANSWER);
                return Err(failed(why, &text));
            }
            End::Interrupted => return Err(AssignError::Interrupted),
            End::Lost(error) => return Err(failed(os_words(&error), &text)),
        };
        Ok(Said {
            command: words.join(" "),
            status,
            text,
        })
    }

    /// Runs a program that tells failure by its status.
    pub fn run_well(&self, words: &[impl AsRef<str>]) -> Result<Said, AssignError> {
        let said = self.run(words)?;
        if said.status == Some(0) {
            return Ok(said);
        }
        Err(self.refused(&said))
    }

    /// The same, but a complaint about a file that is to be written anew does not count.
    pub fn run_well_but_for(
        &self,
        words: &[impl AsRef<str>],
        renewed: &[Destination],
    ) -> Result<(), AssignError> {
        let said = self.run(words)?;
        let of_ours = renewed.iter().any(|one| {
            let names = [&one.named, &one.path];
            names
                .iter()
                .any(|name| said.text.contains(&name.display().to_string()))
        });
        if said.status == Some(0) || of_ours {
            return Ok(());
        }
        Err(self.refused(&said))
    }

    /// The server's refusal, in its own words.
    pub fn refused(&self, said: &Said) -> AssignError {
        AssignError::Program {
            gateway: self.gateway.clone(),
            command: said.command.clone(),
            why: match said.status {
                Some(0) => "it did not take it".to_owned(),
                Some(status) => format!("it ended with status {status}"),
                None => "it was ended by a signal".to_owned(),
            },
            said: shown(&said.text),
        }
    }
}

fn environment() -> Vec<(&'static str, OsString)> {
    let mut all: Vec<(&str, OsString)> = PASSED
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .collect();
    all.push(("PATH", search_path(std::env::var_os("PATH"))));
    // Their answers are read by us.
    all.push(("LC_ALL", "C.UTF-8".into()));
    all
}

/// Our `PATH`, then the system's folders. An empty entry, or one that is not absolute, is the working folder or lies
/// below it, and is left out.
fn search_path(own: Option<OsString>) -> OsString {
    let mut path = OsString::new();
    let own = own.unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&own)
        .filter(|folder| folder.is_absolute())
        .collect();
    if folders.is_empty() {
        folders.extend(std::env::split_paths(USUAL_FOLDERS));
    }
    for folder in folders {
        path.push(folder);
        path.push(":");
    }
    path.push(SYSTEM_FOLDERS);
    path
}

/// The last lines are the ones that say why; from the first line of a private key on, nothing is shown.
fn shown(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .take_while(|line| !line.contains("PRIVATE KEY"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let text = lines[lines.len().saturating_sub(6)..].join("\n");
    let skipped = text.chars().count().saturating_sub(MAX_SHOWN);
    text.chars()
        .skip(skipped)
        .collect::<String>()
        .lines()
        .map(printable)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Explain;

    fn hands<'a>(gateway: &'a Slug, domains: &'a [String]) -> Hands<'a> {
        Hands {
            gateway,
            live: Some(Path::new("/state/live/edge")),
            domains,
            timeout: Duration::from_millis(300),
            stop: &|| false,
        }
    }

    #[test]
    fn programs_get_what_certbot_gives_them_and_no_shell() {
        let (gateway, domains) = (
            Slug::parse("mail").unwrap(),
            ["a.test".to_owned(), "b.test".into()],
        );
        let hands = hands(&gateway, &domains);
        let said = hands.run(&["/usr/bin/env"]).unwrap();
        assert!(
            said.text.contains("RENEWED_LINEAGE=/state/live/edge\n"),
            "{said:?}"
        );
        assert!(said.text.contains("RENEWED_DOMAINS=a.test b.test\n"));
        assert!(!said.text.contains("CARGO"), "{said:?}");
        let said = hands.run(&["/bin/echo", "$HOME; id"]).unwrap();
        assert_eq!(said.text, "$HOME; id\n");
    }

    #[test]
    fn the_working_folder_is_never_searched() {
        let system = "/usr/local/sbin:/usr/sbin:/sbin";
        let usual = format!("{USUAL_FOLDERS}:{system}");
        for (own, expected) in [
            (None, usual.as_str()),
            (Some(""), &usual),
            (Some(":"), &usual),
            (Some("."), &usual),
            (Some(":/a::b:/c:"), "/a:/c:/usr/local/sbin:/usr/sbin:/sbin"),
        ] {
            assert_eq!(search_path(own.map(Into::into)), expected, "{own:?}");
        }
    }

    #[test]
    fn a_key_that_a_program_prints_is_not_shown() {
        for (said, expected) in [
            (
                "cannot load\n-----BEGIN PRIVATE KEY-----\nMIIsecret\n",
                "cannot load",
            ),
            ("-----BEGIN EC PRIVATE KEY-----\nMIIsecret\n-----END", ""),
            ("a\nb", "a\nb"),
        ] {
            assert_eq!(shown(said), expected, "{said}");
        }
    }

    #[test]
    fn failures_are_told_with_the_programs_last_words() {
        let gateway = Slug::parse("mail").unwrap();
        let hands = hands(&gateway, &[]);
        let error = hands.run_well(&["/bin/ls", "/none\u{1b}[2J"]).unwrap_err();
        let told = error.explain();
        assert!(told.why.contains("it ended with status 2"), "{told:?}");
        assert!(told.why.contains("No such file"), "{told:?}");
        assert!(!told.why.contains('\u{1b}'), "{told:?}");
        let error = hands.run(&["/none/such"]).unwrap_err();
        assert!(
            error.explain().why.contains("cannot be started"),
            "{error:?}"
        );
        let error = hands.run(&["/bin/sleep", "5"]).unwrap_err();
        assert!(
            error.explain().why.contains("did not end within"),
            "{error:?}"
        );
    }
}
