//! What nginx opens when it only tests its configuration: its logs and its pid file for writing, and its sockets.
//!
//! As nginx 1.22 does: `nginx -t` creates logs and pid file where they are missing, and binds every `listen`.

use super::super::{ConfigError, Source};
use super::tree::{Directive, Tree};
use std::path::{Path, PathBuf};

/// The port of a `listen` that names none, for root.
const DEFAULT_PORT: u16 = 80;

/// The first port that needs no right of its own.
const FIRST_FREE_PORT: u16 = 1024;

/// What is opened for a test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opens {
    /// The absolute paths of `error_log` and `access_log`, each once, in the order they stand.
    pub logs: Vec<PathBuf>,
    /// The absolute path of `pid`; `None`: what nginx was built with.
    pub pid: Option<PathBuf>,
    /// Whether a port under 1024 is among those listened on.
    pub ports: Ports,
}

/// Which ports are listened on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ports {
    /// All of them are free for everyone.
    #[default]
    Free,
    /// One of them is under 1024.
    Low,
}

/// Reads the main file and all it includes.
///
/// Errors: as [`super::read`].
pub fn opens(main: &Path, source: &dyn Source) -> Result<Opens, ConfigError> {
    let tree = Tree::read(main, source)?;
    let mut found = Opens::default();
    collect(&tree.directives, &mut found);
    Ok(found)
}

fn collect(directives: &[Directive], found: &mut Opens) {
    for directive in directives {
        let value = directive.value();
        // `off`, `stderr`, `syslog:…` and `memory:…` are no files; a name with a variable is opened at each request.
        let path = Path::new(value);
        let is_file = path.is_absolute() && !value.contains('$');
        match directive.name() {
            "error_log" | "access_log"
                if is_file && !found.logs.iter().any(|known| known == path) =>
            {
                found.logs.push(path.to_owned());
            }
            "pid" if is_file => found.pid = Some(path.to_owned()),
            "listen" if !value.starts_with("unix:") && port(value) < FIRST_FREE_PORT => {
                found.ports = Ports::Low;
            }
            _ => {}
        }
        collect(directive.inner(), found);
    }
}

fn port(listen: &str) -> u16 {
    let last = listen.rsplit([':', ']']).next().unwrap_or(listen);
    // A range stands by its first port.
    let first = last.split('-').next().unwrap_or(last);
    first.parse().unwrap_or(DEFAULT_PORT)
}

#[cfg(test)]
mod tests {
    use super::super::super::text::given::Given;
    use super::*;

    #[test]
    fn logs_pid_and_ports_are_found_at_every_depth() {
        let main = "pid /run/n.pid; error_log /var/log/n/error.log warn; include extra.conf;\n\
            http { access_log off; server { listen 8443 ssl; access_log /srv/log/a.log main; } }";
        let extra = "stream { error_log syslog:server=unix:/dev/log; access_log /srv/$host.log; }";
        let files = Given::new(&[("/etc/n/n.conf", main), ("/etc/n/extra.conf", extra)]);
        let found = opens(Path::new("/etc/n/n.conf"), &files).unwrap();
        let logs = ["/var/log/n/error.log", "/srv/log/a.log"];
        assert_eq!(found.logs, logs.map(PathBuf::from));
        assert_eq!(found.pid.as_deref(), Some(Path::new("/run/n.pid")));
        assert_eq!(found.ports, Ports::Free);
    }

    #[test]
    fn low_ports_are_told_from_free_ones() {
        for (listen, expected) in [
            ("443 ssl", Ports::Low),
            ("*:443", Ports::Low),
            ("[::]:80", Ports::Low),
            ("[::1]", Ports::Low),
            ("192.0.2.1", Ports::Low),
            ("5269", Ports::Free),
            ("127.0.0.1:5061 ssl", Ports::Free),
            ("[::]:5270", Ports::Free),
            ("5000-5010", Ports::Free),
            ("unix:/run/n.sock", Ports::Free),
        ] {
            let text = format!("http {{ server {{ listen {listen}; }} }}");
            let files = Given::new(&[("/n.conf", &text)]);
            let found = opens(Path::new("/n.conf"), &files).unwrap();
            assert_eq!(found.ports, expected, "{listen}");
        }
    }
}
