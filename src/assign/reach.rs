//! What an assignment reaches on this machine besides the state: for a unit that is to let it do that and nothing else.
//!
//! Read from the deployment and, where a server's own files decide, from those; nothing is run and nothing is touched.
//! What each server's program needs was seen with the packages of Debian 12.

use super::config_files::ConfigFiles;
use super::targets::{coturn, ejabberd, haproxy, kamailio, nginx, prosody};
use crate::deployment::{FileTarget, Files, Gateway, GatewayKind};
use crate::servers::{self, ConfigError, Configured, PathKind, Source};
use crate::store::atomic;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where Debian's nginx has its logs and its pid where nothing else is written.
const NGINX_LOGS: &str = "/var/log/nginx";
const NGINX_PID: &str = "/run/nginx.pid";

/// The first port that needs no right of its own.
const FIRST_FREE_PORT: u16 = 1024;

/// What is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Folders in which files are made and renamed; they have to be there.
    pub folders: BTreeSet<PathBuf>,
    /// Files that a server's own checker opens for writing; they may be missing.
    pub opened: BTreeSet<PathBuf>,
    /// Folders of the servers' configuration, written with `--write-config` alone.
    pub config_folders: BTreeSet<PathBuf>,
    /// Sockets that are spoken to, and pid, configuration and program files that are read.
    pub looked_at: BTreeSet<PathBuf>,
    /// The rights that root has to keep, each with why.
    pub rights: BTreeMap<Right, BTreeSet<String>>,
    /// What could not be found out, or is worth knowing, in whole sentences without a full stop.
    pub remarks: Vec<String>,
}

/// A right beyond those of a plain process of root without capabilities. capabilities(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Reach files and sockets of other users: CAP_DAC_OVERRIDE.
    AnyFile,
    /// Give files to other users, and set their mode then: CAP_CHOWN, CAP_FOWNER.
    GiveAway,
    /// Become the server's user: CAP_SETUID, CAP_SETGID.
    BecomeUser,
    /// Signal a process of another user: CAP_KILL.
    Signal,
    /// Bind ports under 1024: CAP_NET_BIND_SERVICE.
    LowPorts,
    /// Make code at run time, as a compiler of regular expressions does.
    MakeCode,
    /// See the same `/tmp` as the server.
    SharedTmp,
}

impl Right {
    /// Its capabilities, without `CAP_`; none for what is no capability.
    pub fn capabilities(self) -> &'static [&'static str] {
        match self {
            Right::AnyFile => &["DAC_OVERRIDE"],
            Right::GiveAway => &["CHOWN", "FOWNER"],
            Right::BecomeUser => &["SETUID", "SETGID"],
            Right::Signal => &["KILL"],
            Right::LowPorts => &["NET_BIND_SERVICE"],
            Right::MakeCode | Right::SharedTmp => &[],
        }
    }
}

/// What an assignment to these gateways reaches.
pub fn reach<'a>(gateways: impl IntoIterator<Item = &'a Gateway>) -> Reach {
    let mut all = Reach::default();
    for gateway in gateways {
        One {
            gateway,
            all: &mut all,
        }
        .add();
    }
    all
}

/// One gateway, and what is collected.
struct One<'a> {
    gateway: &'a Gateway,
    all: &'a mut Reach,
}

impl One<'_> {
    fn add(&mut self) {
        match &self.gateway.kind {
            GatewayKind::Embedded(embedded) => {
                self.needs(Right::AnyFile, "the control socket of");
                self.look(&embedded.socket);
            }
            GatewayKind::Prosody(settings) => self.prosody(settings),
            GatewayKind::Ejabberd(settings) => self.ejabberd(settings),
            GatewayKind::Kamailio(settings) => self.kamailio(settings),
            GatewayKind::Haproxy(settings) => self.haproxy(settings),
            GatewayKind::Nginx(settings) => self.nginx(settings),
            GatewayKind::Coturn(settings) => self.coturn(settings),
            GatewayKind::Files(settings) => self.files(settings),
        }
    }

    fn prosody(&mut self, settings: &FileTarget) {
        let server = self.server(settings, prosody::KIND.config, |main, files| {
            let config = servers::prosody::read(main, files)?;
            Ok((config.common.clone(), config))
        });
        let mut named = Vec::new();
        if let Some(config) = &server {
            for one in &config.overrides {
                named.extend(one.certificate.clone());
                named.extend(one.key.clone());
            }
        }
        self.destinations(settings, &named);
        let own = server.as_ref().map(|config| &config.certificates_folder);
        match settings.directory.as_ref().or(own) {
            Some(folder) => {
                let folder = files_of(settings).here(folder);
                self.folder(&folder);
                for host in server.iter().flat_map(|config| &config.common.hosts) {
                    for kind in ["crt", "key"] {
                        let path = folder.join(format!("{}.{kind}", host.name));
                        if path.is_symlink() {
                            self.destination(&path);
                        }
                    }
                }
            }
            None => self.remark("name its certificate folder as `directory`, since it could not be read from its configuration"),
        }
        if settings.reload.is_none() {
            self.needs(Right::BecomeUser, "prosodyctl, which becomes its user, for");
        }
    }

    fn ejabberd(&mut self, settings: &FileTarget) {
        self.server(settings, ejabberd::KIND.config, |main, files| {
            let config = servers::ejabberd::read(main, files)?;
            Ok((config.common, ()))
        });
        self.destinations(settings, &[]);
        if settings.reload.is_none() {
            self.needs(
                Right::BecomeUser,
                "ejabberdctl, which becomes its user, for",
            );
        }
    }

    fn kamailio(&mut self, settings: &FileTarget) {
        let sockets = self.server(settings, kamailio::KIND.config, |main, files| {
            let config = servers::kamailio::read(main, files)?;
            Ok((config.common, config.rpc_sockets))
        });
        self.destinations(settings, &[]);
        if let Some(socket) = &settings.socket {
            self.look(socket);
        }
        let first = sockets.unwrap_or_default().into_iter().next();
        if let (None, None, Some(socket)) = (&settings.socket, &settings.reload, first) {
            if let Some(path) = socket.address.strip_prefix("unixd:") {
                self.look(Path::new(path));
                self.needs(
                    Right::SharedTmp,
                    "kamcmd, which is answered on a socket in /tmp, for",
                );
            } else if let Some((_, path)) = socket.address.split_once(":/") {
                self.look(&Path::new("/").join(path));
            }
        }
    }

    fn haproxy(&mut self, settings: &FileTarget) {
        self.server(settings, haproxy::KIND.config, |main, files| {
            let config = servers::haproxy::read(main, files)?;
            Ok((config.common, ()))
        });
        self.destinations(settings, &[]);
        if settings.reload.is_some() {
            return;
        }
        // Seen with 2.6: without it `haproxy -c` refuses every configuration with a regular expression.
        self.needs(
            Right::MakeCode,
            "haproxy -c, which compiles regular expressions, for",
        );
        if let Some(socket) = &settings.socket {
            self.look(socket);
        }
        // With a socket as well: what its configuration changed is read by a reload.
        if let Some(file) = &settings.pid_file {
            self.look(file);
            self.needs(Right::Signal, "the signal to");
        }
    }

    fn nginx(&mut self, settings: &FileTarget) {
        let opens = self.server(settings, nginx::KIND.config, |main, files| {
            let config = servers::nginx::read(main, files)?;
            Ok((config.common, servers::nginx::opens(main, files)?))
        });
        self.destinations(settings, &[]);
        if settings.reload.is_some() {
            return;
        }
        let opens = opens.unwrap_or_default();
        let logs = if opens.logs.is_empty() {
            vec![PathBuf::from(NGINX_LOGS)]
        } else {
            let folders = opens
                .logs
                .iter()
                .map(|log| atomic::folder_of(log).to_owned());
            folders.collect()
        };
        // `nginx -t` opens both for writing and binds every port, seen with 1.22.
        self.all.opened.extend(logs);
        let pid = settings.pid_file.clone().or(opens.pid);
        self.all
            .opened
            .insert(pid.unwrap_or_else(|| PathBuf::from(NGINX_PID)));
        if opens.ports == servers::nginx::Ports::Low {
            self.needs(Right::LowPorts, "nginx -t, which binds its ports, for");
        }
    }

    fn coturn(&mut self, settings: &FileTarget) {
        let files = files_of(settings);
        let main = settings.config.as_deref();
        let main = main.unwrap_or(Path::new(coturn::KIND.config));
        // It may be started with options alone.
        let config = if settings.config.is_some() || files.look(main) == Some(PathKind::File) {
            self.server(settings, coturn::KIND.config, |main, files| {
                let config = servers::coturn::read(main, files)?;
                Ok((config.common, config.pidfile))
            })
        } else {
            None
        };
        self.destinations(settings, &[]);
        let pid_file = settings.pid_file.clone();
        let pid_file = pid_file.or(config.flatten().map(|path| files.here(&path)));
        if let (None, Some(file)) = (&settings.reload, pid_file) {
            self.look(&file);
            self.needs(Right::Signal, "the signal to");
        }
    }

    fn files(&mut self, settings: &Files) {
        for one in &settings.destinations {
            self.destination(&one.path);
        }
        self.needs(Right::AnyFile, "the files of");
        self.needs(Right::GiveAway, "the files of");
        if let Some(words) = &settings.reload {
            self.command(words);
        }
    }

    /// Reads a server's configuration; one that cannot be read is told, as its own files may decide what is reached.
    fn server<T>(
        &mut self,
        settings: &FileTarget,
        default: &str,
        read: impl FnOnce(&Path, &ConfigFiles) -> Result<(Configured, T), ConfigError>,
    ) -> Option<T> {
        let files = files_of(settings);
        let main = settings.config.as_deref().unwrap_or(Path::new(default));
        match read(main, &files) {
            Ok((configured, more)) => {
                for file in &configured.files {
                    let file = real(&files.here(file));
                    let folder = atomic::folder_of(&file).to_owned();
                    self.all.config_folders.insert(folder);
                    self.look(&file);
                }
                Some(more)
            }
            Err(error) => {
                self.remark(&format!(
                    "its configuration could not be read ({error}), so only what the deployment names is in the units; make them again when it can be"
                ));
                None
            }
        }
    }

    /// The files that the table names and these, and the programs that it names.
    fn destinations(&mut self, settings: &FileTarget, more: &[PathBuf]) {
        let files = files_of(settings);
        let named = [&settings.file, &settings.cert_file, &settings.key_file];
        for path in named.into_iter().flatten().chain(more) {
            self.destination(&files.here(path));
        }
        self.needs(Right::AnyFile, "the files of");
        self.needs(Right::GiveAway, "the files of");
        if let Some(outbound) = &settings.outbound
            && outbound.listen.port() < FIRST_FREE_PORT
        {
            self.needs(Right::LowPorts, "`outbound` of");
        }
        for words in [&settings.control, &settings.reload].into_iter().flatten() {
            self.command(words);
        }
    }

    fn destination(&mut self, path: &Path) {
        let path = real(path);
        self.folder(atomic::folder_of(&path));
    }

    fn folder(&mut self, folder: &Path) {
        if is_wide(folder) {
            self.remark(&format!(
                "its files lie in {}, all of which the units may write then; give them a folder of their own",
                folder.display()
            ));
        }
        self.all.folders.insert(folder.to_owned());
    }

    /// A program of the deployment's own: what it needs is known to whoever wrote it.
    fn command(&mut self, words: &[String]) {
        let Some(program) = words.first() else {
            return;
        };
        self.look(Path::new(program));
        let name = Path::new(program).file_name().unwrap_or_default();
        // Which asks the service manager to do it.
        if name == "systemctl" {
            return;
        }
        self.remark(&format!(
            "`{}` may write or need more than the units allow; add it by `systemctl edit`",
            words.join(" ")
        ));
    }

    fn look(&mut self, path: &Path) {
        if path.is_absolute() {
            self.all.looked_at.insert(path.to_owned());
        }
    }

    fn needs(&mut self, right: Right, why: &str) {
        let why = format!("{why} {}", self.gateway.name);
        self.all.rights.entry(right).or_default().insert(why);
    }

    fn remark(&mut self, what: &str) {
        let remark = format!("{}: {what}", self.gateway.table());
        if !self.all.remarks.contains(&remark) {
            self.all.remarks.push(remark);
        }
    }
}

fn files_of(settings: &FileTarget) -> ConfigFiles {
    ConfigFiles::below(settings.root.as_deref().unwrap_or(Path::new("/")))
}

/// Where a file really lies: it is written beside what its link leads to.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Whether a folder is one that much else lies in.
fn is_wide(folder: &Path) -> bool {
    let parts = folder.components().count();
    parts <= 2 || folder == Path::new("/usr/local") || folder == Path::new("/var/lib")
}

#[cfg(test)]
mod tests;
