//! How a server is made to read its files again, and whether that way is there: a socket, a program, a pid file.

use super::kinds::{Server, ServerKind};
use crate::assign::config_files::ConfigFiles;
use crate::deployment::FileTarget;
use crate::servers::haproxy::{Level, SocketAt};
use crate::servers::prosody::Shell;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where servers' programs lie besides `PATH`.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A way to reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// What is done, in words.
    pub words: String,
    /// What it needs and is not there; empty: nothing stands in the way.
    pub missing: Vec<Missing>,
}

/// Something that a reload needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What: a path, or a program's name.
    pub what: String,
    /// Why that is no use.
    pub why: String,
    /// What to do.
    pub mend: String,
}

/// The way that the driver of a kind takes with these settings.
pub fn way(kind: ServerKind, settings: &FileTarget, server: &Server, files: &ConfigFiles) -> Way {
    if let Some(reload) = &settings.reload {
        return by_program(reload.join(" "), reload.first());
    }
    let control = |words: &str| {
        let program = match &settings.control {
            Some(control) => control.first().cloned(),
            None => Some(kind.fixed().control.to_owned()),
        };
        let shown = match &settings.control {
            Some(control) => control.join(" "),
            None => kind.fixed().control.to_owned(),
        };
        by_program(format!("{shown} {words}"), program.as_ref())
    };
    match server {
        Server::Prosody(config) => match config.shell {
            Shell::Enabled => control("shell config reload"),
            Shell::Disabled => control("reload"),
        },
        Server::Ejabberd(_) => control("reload_config"),
        Server::Nginx(_) => control("-s reload"),
        Server::Kamailio(config) => {
            let written = config.rpc_sockets.first().map(|one| one.address.as_str());
            let socket = match &settings.socket {
                Some(path) => Some(path.clone()),
                None => written
                    .and_then(|address| address.strip_prefix("unix:"))
                    .map(|path| files.here(Path::new(path))),
            };
            let mut way = control("tls.reload");
            way.missing.extend(socket.and_then(|path| no_socket(&path)));
            way
        }
        Server::Haproxy(_) => match (&settings.socket, &settings.pid_file) {
            (Some(socket), _) => Way {
                words: format!("set and commit on {}", socket.display()),
                missing: no_socket(socket).into_iter().collect(),
            },
            (None, Some(file)) => by_signal("USR2", file),
            (None, None) => by_program(
                "systemctl reload haproxy".to_owned(),
                Some(&"systemctl".to_owned()),
            ),
        },
        Server::Coturn(config) => {
            let file = settings.pid_file.clone();
            match file.or_else(|| config.pidfile.as_deref().map(|path| files.here(path))) {
                Some(file) => by_signal("USR2", &file),
                None => by_program(
                    "systemctl kill -s USR2 coturn".to_owned(),
                    Some(&"systemctl".to_owned()),
                ),
            }
        }
    }
}

/// HAProxy's socket on which certificates may be changed, where we reach it.
pub(super) fn admin_socket(server: &Server, files: &ConfigFiles) -> Option<PathBuf> {
    let Server::Haproxy(config) = server else {
        return None;
    };
    config.sockets.iter().find_map(|socket| match &socket.at {
        SocketAt::File(path) if socket.level == Level::Admin => Some(files.here(path)),
        SocketAt::File(_) | SocketAt::Address(_) => None,
    })
}

fn by_program(words: String, program: Option<&String>) -> Way {
    let missing = program
        .filter(|program| !is_program(program))
        .map(|program| Missing {
            what: program.clone(),
            why: "there is no such program on PATH, nor in the system's folders".to_owned(),
            mend: "install it, or name the program as `control` or `reload` of the table"
                .to_owned(),
        });
    Way {
        words,
        missing: missing.into_iter().collect(),
    }
}

fn by_signal(signal: &str, file: &Path) -> Way {
    let missing = (!file.is_file()).then(|| Missing {
        what: file.display().to_string(),
        why: "there is no such pid file".to_owned(),
        mend: "start the server, or name its pid file as `pid-file`".to_owned(),
    });
    Way {
        words: format!("SIG{signal} to the process of {}", file.display()),
        missing: missing.into_iter().collect(),
    }
}

fn no_socket(path: &Path) -> Option<Missing> {
    let why = match path.metadata() {
        Ok(there) if there.file_type().is_socket() => return None,
        Ok(_) => "it is no socket".to_owned(),
        Err(error) => crate::explain::os_words(&error),
    };
    Some(Missing {
        what: path.display().to_string(),
        why,
        mend: "start the server, or name the right socket in the table".to_owned(),
    })
}

/// Whether a name leads to a program, as a command of ours would find it.
fn is_program(name: &str) -> bool {
    let executable = |path: &Path| {
        path.metadata()
            .is_ok_and(|there| there.is_file() && there.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return executable(Path::new(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
        .any(|folder| executable(&folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::haproxy::HaproxyConfig;
    use crate::servers::prosody::ProsodyConfig;
    use std::os::unix::net::UnixListener;

    #[test]
    fn programs_are_found_as_a_command_finds_them() {
        for (name, there) in [
            ("env", true),
            ("/usr/bin/env", true),
            ("/etc/passwd", false),
            ("no-such-program-at-all", false),
        ] {
            assert_eq!(is_program(name), there, "{name}");
        }
    }

    #[test]
    fn what_a_reload_needs_and_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let files = ConfigFiles::below(Path::new("/"));
        let server = Server::Haproxy(HaproxyConfig::default());
        let socket = folder.path().join("admin.sock");
        let settings = FileTarget {
            socket: Some(socket.clone()),
            ..FileTarget::default()
        };
        let look = || way(ServerKind::Haproxy, &settings, &server, &files);
        assert_eq!(look().missing.len(), 1);
        std::fs::write(&socket, "").unwrap();
        assert_eq!(look().missing[0].why, "it is no socket");
        std::fs::remove_file(&socket).unwrap();
        let _listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(look().missing, []);
        let settings = FileTarget {
            pid_file: Some(folder.path().join("haproxy.pid")),
            ..FileTarget::default()
        };
        let told = way(ServerKind::Haproxy, &settings, &server, &files);
        assert!(told.words.starts_with("SIGUSR2"), "{told:?}");
        assert!(told.missing[0].mend.contains("pid-file"), "{told:?}");
    }

    #[test]
    fn a_command_of_the_table_takes_the_place_of_the_kinds_own() {
        let server = Server::Prosody(ProsodyConfig {
            common: crate::servers::Configured::default(),
            certificates_folder: PathBuf::new(),
            shell: Shell::Enabled,
            overrides: Vec::new(),
        });
        let files = ConfigFiles::below(Path::new("/"));
        let settings = FileTarget {
            control: Some(vec!["/bin/true".into(), "--config".into(), "x".into()]),
            ..FileTarget::default()
        };
        let told = way(ServerKind::Prosody, &settings, &server, &files);
        assert_eq!(told.words, "/bin/true --config x shell config reload");
        assert_eq!(told.missing, []);
        let settings = FileTarget {
            reload: Some(vec!["no-such-program-at-all".into()]),
            ..settings
        };
        let told = way(ServerKind::Prosody, &settings, &server, &files);
        assert_eq!(told.missing[0].what, "no-such-program-at-all");
    }
}
