//! The kinds of text that values are: names, lengths of time, addresses, paths, owners, modes.
//!
//! Each function notes what is wrong at the value and gives nothing then.

use super::read::Value;
use super::{LifeLeft, RootsSource, seconds_of};
use crate::explain::{Explain, nearest, printable};
use crate::names::{Domain, Identifier, NameError, Slug};
use crate::x509::CertificateTemplate;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest path of a socket in bytes: `sun_path` has 108, the last is a zero (unix(7)).
pub(super) const MAX_SOCKET_BYTES: usize = 107;

/// Most characters of a friendly name or a template's name.
pub(super) const MAX_LABEL: usize = 256;

/// Longest path in bytes (`PATH_MAX` of Linux without its zero).
const MAX_PATH_BYTES: usize = 4095;

/// Most arguments of a command, and most bytes of each.
const MAX_ARGUMENTS: usize = 256;
const MAX_ARGUMENT_BYTES: usize = 4096;

impl<'s> Value<'s, '_> {
    /// A template of AD CS: its name, its identifier with a version (`"1.3.…:100.3"`), or
    /// `{ oid = "…", major = 100, minor = 3 }`.
    pub(crate) fn template(&self) -> Option<CertificateTemplate> {
        let mend = "write the template's name (not its display name), or { oid = \"1.3.…\", major = 100, minor = 3 }";
        let read = if self.is_table() {
            let table = self.table()?;
            let oid = table.need("oid", "\"1.3.6.1.4.1.311.21.8.…\"");
            let major = table.get("major").map(|value| value.integer(0..=u32::MAX));
            let minor = table.get("minor").map(|value| value.integer(0..=u32::MAX));
            if !table.finish() {
                return None;
            }
            // Each one that is there and wrong was noted.
            let (major, minor) = (
                major.map_or(Some(None), |one| one.map(Some))?,
                minor.map_or(Some(None), |one| one.map(Some))?,
            );
            CertificateTemplate::identified(oid?.text()?, major, minor)
        } else {
            CertificateTemplate::parse(&self.line(MAX_LABEL)?)
        };
        match read {
            Ok(template) => Some(template),
            Err(error) => {
                let said = error.explain();
                self.place()
                    .fail_because("this is no certificate template", said.why, mend);
                None
            }
        }
    }

    /// Text of 1 to `most` characters without control characters.
    pub(crate) fn line(&self, most: usize) -> Option<String> {
        let text = self.text()?;
        let length = text.chars().count();
        if text.trim().is_empty() {
            self.fail("the text is empty", "give it a value, or leave the key out");
        } else if length > most {
            self.fail(
                format!("\"{}\" has {length} characters", printable(text)),
                format!("use at most {most} characters"),
            );
        } else if let Some(control) = text.chars().find(|c| c.is_control()) {
            self.fail(
                format!(
                    "the text holds the control character U+{:04X}",
                    u32::from(control)
                ),
                "write it in one line, without control characters",
            );
        } else {
            return Some(text.to_owned());
        }
        None
    }

    /// Text as a type of `names`, whose error tells the mistake.
    fn named<T>(&self, parse: impl Fn(&str) -> Result<T, NameError>) -> Option<T> {
        let text = self.text()?;
        parse(text).map_err(|error| self.name_error(&error)).ok()
    }

    /// Notes what is wrong with a name.
    pub(super) fn name_error(&self, error: &NameError) {
        let told = error.explain();
        self.place().fail_because(told.what, told.why, told.mend);
    }

    pub(crate) fn domain(&self) -> Option<Domain> {
        self.named(Domain::parse)
    }

    pub(super) fn identifier(&self) -> Option<Identifier> {
        self.named(Identifier::parse_typed)
    }

    pub(super) fn slug(&self) -> Option<Slug> {
        self.named(Slug::parse)
    }

    /// A list without duplicates, each element read by `read`.
    pub(crate) fn unique<T: PartialEq>(&self, read: impl Fn(&Self) -> Option<T>) -> Option<Vec<T>> {
        let mut all = Vec::new();
        let mut sound = true;
        for element in self.list()? {
            match read(&element) {
                Some(value) if all.contains(&value) => {
                    let text = element.text().map(printable).unwrap_or_default();
                    element.fail(format!("\"{text}\" stands here twice"), "write it once");
                    sound = false;
                }
                Some(value) => all.push(value),
                None => sound = false,
            }
        }
        sound.then_some(all)
    }

    /// A list as [`Value::unique`] with at least one element.
    pub(super) fn unique_some<T: PartialEq>(
        &self,
        read: impl Fn(&Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let all = self.unique(read)?;
        if all.is_empty() {
            self.fail(
                "the list is empty",
                "name at least one, or leave the key out",
            );
            return None;
        }
        Some(all)
    }

    /// `30s`, `10m`, `12h`, `30d`, in a range of seconds.
    pub(super) fn duration(&self, seconds: RangeInclusive<u64>) -> Option<Duration> {
        let text = self.text()?;
        match seconds_of(text) {
            Some(length) if seconds.contains(&length) => Some(Duration::from_secs(length)),
            Some(_) => {
                self.fail(
                    format!("\"{}\" is out of range", printable(text)),
                    format!(
                        "write a time from {} to {}",
                        spoken(*seconds.start()),
                        spoken(*seconds.end())
                    ),
                );
                None
            }
            None => {
                self.fail(
                    format!("\"{}\" is no length of time", printable(text)),
                    "write a whole number and s, m, h or d: \"30s\", \"10m\", \"12h\", \"30d\"",
                );
                None
            }
        }
    }

    /// `25%` or `30d`.
    pub(super) fn life_left(&self) -> Option<LifeLeft> {
        let text = self.text()?;
        let parsed = LifeLeft::parse(text);
        if parsed.is_none() {
            self.fail(
                format!("\"{}\" is no share and no number of days", printable(text)),
                "write days or a share of the whole life: \"30d\", \"25%\"",
            );
        }
        parsed
    }

    /// A share such as `33%`, above 0 and below 1.
    pub(crate) fn share(&self) -> Option<f64> {
        let text = self.text()?;
        if let Some(LifeLeft::Share(share)) = LifeLeft::parse(text)
            && share > 0.0
            && share < 1.0
        {
            return Some(share);
        }
        self.fail(
            format!("\"{}\" is no share of a life", printable(text)),
            "write a share between 0% and 100%: \"33%\"",
        );
        None
    }

    /// An address with a port other than 0.
    pub(super) fn socket_address(&self) -> Option<SocketAddr> {
        let text = self.text()?;
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() != 0 => return Some(address),
            Ok(_) => self.fail(
                format!("\"{}\" has port 0", printable(text)),
                "write the port that is meant: peers and the proof must find it",
            ),
            Err(_) if text.parse::<IpAddr>().is_ok() => self.fail(
                format!("\"{}\" has no port", printable(text)),
                if text.contains(':') {
                    format!("write an IPv6 address in brackets, with a port: \"[{text}]:5269\"")
                } else {
                    format!("write it with a port: \"{text}:5269\"")
                },
            ),
            Err(_) => self.fail(
                format!("\"{}\" is no address with a port", printable(text)),
                "write an IP address, not a name, and a port: \"127.0.0.1:5269\" or \"[::1]:5269\"",
            ),
        }
        None
    }

    /// A path as written: not empty, no control characters.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let text = self.text()?;
        if text.is_empty() {
            self.fail("the path is empty", "write a path, or leave the key out");
        } else if text.len() > MAX_PATH_BYTES {
            self.fail(
                format!("the path has {} bytes", text.len()),
                format!("use a path of at most {MAX_PATH_BYTES} bytes"),
            );
        } else if text.chars().any(char::is_control) {
            self.fail(
                format!("the path \"{}\" holds a control character", printable(text)),
                "write the path without control characters",
            );
        } else {
            return Some(PathBuf::from(text));
        }
        None
    }

    /// The path of a socket: short enough once it counts from `base`.
    pub(super) fn socket_path(&self, base: &Path) -> Option<PathBuf> {
        let path = self.path()?;
        if socket_fits(&base.join(&path)) {
            return Some(path);
        }
        let length = base.join(&path).as_os_str().len();
        self.place().fail_because(
            format!("the path of the socket has {length} bytes"),
            format!("the system takes at most {MAX_SOCKET_BYTES}, counted from the root"),
            "use a shorter path, such as one under /run/edgecert",
        );
        None
    }

    /// Program and arguments, as they are run: without a shell.
    pub(super) fn command(&self) -> Option<Vec<String>> {
        if let Some(text) = self.text_unless_list() {
            let words: Vec<String> = text
                .split_whitespace()
                .map(|word| format!("\"{}\"", printable(word)))
                .collect();
            self.wrong_type(
                "a list",
                format!("no shell is used; write [{}]", words.join(", ")),
            );
            return None;
        }
        let mut arguments = Vec::new();
        for element in self.list()? {
            let text = element.text()?;
            if text.len() > MAX_ARGUMENT_BYTES || text.contains('\0') {
                element.fail(
                    "the argument is too long or holds a zero byte",
                    format!("use at most {MAX_ARGUMENT_BYTES} bytes"),
                );
                return None;
            }
            arguments.push(text.to_owned());
        }
        if arguments.first().is_none_or(String::is_empty) {
            self.fail(
                "there is no program",
                "write the program first, then its arguments: [\"/usr/bin/systemctl\", \"reload\", \"postfix\"]",
            );
            return None;
        }
        if arguments.len() > MAX_ARGUMENTS {
            self.fail(
                format!("{} arguments", arguments.len()),
                format!("use at most {MAX_ARGUMENTS}"),
            );
            return None;
        }
        Some(arguments)
    }

    fn text_unless_list(&self) -> Option<&'s str> {
        if self.is_text() { self.text() } else { None }
    }

    /// `user:group`, names or numbers.
    pub(super) fn owner(&self) -> Option<String> {
        let text = self.text()?;
        let sound = |name: &str| {
            (1..=32).contains(&name.len())
                && !name.starts_with('-')
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.$".contains(&b))
        };
        match text.split_once(':') {
            Some((user, group)) if sound(user) && sound(group) => Some(text.to_owned()),
            Some(_) | None => {
                self.fail(
                    format!("\"{}\" is no owner", printable(text)),
                    if sound(text) {
                        format!("write user and group: \"{text}:{text}\"")
                    } else {
                        "write user and group: \"prosody:prosody\"".to_owned()
                    },
                );
                None
            }
        }
    }

    /// Octal text of three or four digits, up to 0777.
    pub(super) fn mode(&self) -> Option<u32> {
        if !self.is_text() {
            self.wrong_type("text", "write the mode as octal text: \"0640\"");
            return None;
        }
        let text = self.text()?;
        let octal = (3..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let mode = u32::from_str_radix(text, 8)
            .ok()
            .filter(|mode| octal && *mode <= 0o777 && *mode & 0o400 != 0);
        if mode.is_none() {
            self.fail(
                format!(
                    "\"{}\" is no mode of a file that its owner can read",
                    printable(text)
                ),
                "write three or four octal digits: \"0640\"",
            );
        }
        mode
    }

    /// A mode for files that hold a private key: nobody but owner and group.
    pub(super) fn key_mode(&self) -> Option<u32> {
        let mode = self.mode()?;
        if mode & 0o007 != 0 {
            self.place().fail_because(
                format!("the mode {mode:04o} opens a private key to everybody"),
                "a file with this mode holds the key",
                "use \"0600\", or \"0640\" with the server's group as owner",
            );
            return None;
        }
        Some(mode)
    }

    /// `system`, `mozilla`, or a path; a word that is nearly one of the two is a mistake.
    pub(super) fn roots_source(&self) -> Option<RootsSource> {
        let path = self.path()?;
        match self.text()? {
            "system" => Some(RootsSource::System),
            "mozilla" => Some(RootsSource::Mozilla),
            text => {
                match nearest(text, ["system", "mozilla"]) {
                    Some(word) if !text.contains(['/', '.']) => {
                        self.fail(
                        format!("\"{}\" is not known here", printable(text)),
                        format!("did you mean \"{word}\"? A file of this name is written \"./{text}\""),
                    );
                        None
                    }
                    Some(_) | None => Some(RootsSource::Path(path)),
                }
            }
        }
    }
}

/// Whether a socket of this absolute path can be bound.
pub(super) fn socket_fits(path: &Path) -> bool {
    path.as_os_str().len() <= MAX_SOCKET_BYTES
}

/// Seconds in the largest unit that divides them.
fn spoken(seconds: u64) -> String {
    for (unit, scale) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds > 0 && seconds.is_multiple_of(scale) {
            return format!("{}{unit}", seconds / scale);
        }
    }
    format!("{seconds}s")
}
