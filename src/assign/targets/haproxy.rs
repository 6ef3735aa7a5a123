//! HAProxy: one combined file; through the runtime API (`set ssl cert`, `commit ssl cert`), or its configuration checked
//! and reloaded.
//!
//! The runtime API changes memory alone, so the file is written first. It tells nothing but text, and an open
//! transaction of another writer is replaced in silence: the folder of the file is locked meanwhile.

use super::on_files::{ConfigWritten, Needed, OnFiles};
use super::on_server::{Kind, OnServer};
use super::pid_file::{process_of, send};
use super::runtime::Runtime;
use super::{EndSessions, Ending, Hands, Offer};
use crate::assign::destination::Destination;
use crate::assign::error::AssignError;
use crate::deployment::{Content, FileTarget};
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::servers::haproxy::{Bind, HaproxyConfig, Level, Opening, SocketAt, read, with_file};
use crate::servers::{Configured, Listening};
use crate::store::MAX_PEM_BYTES;
use crate::store::atomic::read_secret;
use rustix::process::Signal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub(in crate::assign) const KIND: Kind = Kind {
    word: "haproxy",
    config: "/etc/haproxy/haproxy.cfg",
    control: "haproxy",
    owner: None,
    mode: 0o600,
};

/// What reloads it where the table has neither socket, pid file nor command.
const SYSTEM_RELOAD: [&str; 3] = ["systemctl", "reload", "haproxy"];

/// A gateway of kind `haproxy`.
#[derive(Debug)]
pub struct Haproxy {
    own: OnServer,
    config: HaproxyConfig,
    /// The configuration with the listeners of our file alone.
    ours: Configured,
}

impl Haproxy {
    /// For a gateway of the deployment; reads the server's configuration.
    pub fn new(gateway: Slug, settings: FileTarget) -> Result<Self, AssignError> {
        let own = OnServer::new(gateway, settings, KIND);
        let config = read(own.config(), &own.files).map_err(|error| own.config_error(error))?;
        let ours = Configured {
            listeners: listeners_of(&config, own.settings.file.as_deref()),
            ..config.common.clone()
        };
        Ok(Self { own, config, ours })
    }

    /// The file as the runtime API knows it: by the very string of the configuration.
    fn known_as(&self) -> Option<&str> {
        let file = self.own.settings.file.as_deref()?;
        self.config
            .names
            .iter()
            .find(|one| one.file == file)
            .map(|one| one.name.as_str())
    }

    fn runtime<'a>(&'a self, hands: &'a Hands<'_>) -> Option<Runtime<'a>> {
        // A command of the table's own takes its place.
        let path = self.own.settings.socket.as_deref()?;
        self.own
            .settings
            .reload
            .is_none()
            .then(|| Runtime::new(&self.own, path, hands))
    }

    /// The names of the sections whose binds use our file: `frontend NAME`, `listen NAME`.
    fn frontends(&self) -> Vec<String> {
        let binds = binds_of(&self.config, self.own.settings.file.as_deref());
        let mut names: Vec<String> = binds
            .into_iter()
            .filter_map(|bind| bind.section.split_whitespace().nth(1))
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn check_words(&self) -> Vec<String> {
        let config = self.own.config().display().to_string();
        self.own.control(&[], &["-c", "-q", "-f", &config])
    }

    /// Reads the pid of the master process and has it load everything again.
    fn signal(&self, file: &Path) -> Result<(), AssignError> {
        let pid = process_of(file, KIND.word).map_err(|why| {
            self.own.unfit(
                file,
                "the pid file leads to no HAProxy",
                why,
                "start the server as a master (`-W`), or name its pid file as `pid-file`"
                    .to_owned(),
            )
        })?;
        send(&self.own, file, pid, Signal::USR2)
    }

    /// Checks the whole configuration and loads it again.
    fn reload_all(&self, hands: &Hands<'_>) -> Result<(), AssignError> {
        match (&self.own.settings.reload, &self.own.settings.pid_file) {
            (Some(words), _) => hands.run_well(words).map(drop),
            (None, Some(file)) => self.signal(file),
            (None, None) => hands.run_well(&SYSTEM_RELOAD).map(drop),
        }
    }
}

/// The binds that use a file.
fn binds_of<'a>(config: &'a HaproxyConfig, file: Option<&Path>) -> Vec<&'a Bind> {
    let uses = |bind: &&Bind| {
        config.common.certificates.iter().any(|one| {
            let here = one.place == bind.place || bind.lists.contains(&one.place.file);
            here && Some(one.certificate.as_path()) == file
        }) || file.is_some_and(|file| {
            let folder = file.parent().map(PathBuf::from);
            folder.is_some_and(|folder| bind.folders.contains(&folder))
        })
    };
    config.binds.iter().filter(uses).collect()
}

/// The listeners of the binds that use a file; all, where none does yet.
fn listeners_of(config: &HaproxyConfig, file: Option<&Path>) -> Vec<Listening> {
    let binds = binds_of(config, file);
    let known = !binds.is_empty();
    let ours: Vec<SocketAddr> = binds
        .iter()
        // A handshake that does not begin with the PROXY protocol is turned away there.
        .filter(|bind| bind.opening == Opening::Tls)
        .flat_map(|bind| bind.addresses.iter().copied())
        .collect();
    config
        .common
        .listeners
        .iter()
        .filter(|one| !known || ours.contains(&one.address))
        .cloned()
        .collect()
}

impl OnFiles for Haproxy {
    fn own(&self) -> &OnServer {
        &self.own
    }

    fn reload_words(&self) -> String {
        self.own.reload_words(
            || match (&self.own.settings.socket, &self.own.settings.pid_file) {
                (Some(socket), _) => {
                    format!("set and commit on {}", socket.display())
                }
                (None, Some(file)) => {
                    format!("haproxy -c · SIGUSR2 to the process of {}", file.display())
                }
                (None, None) => format!("haproxy -c · {}", SYSTEM_RELOAD.join(" ")),
            },
        )
    }

    fn destinations(&self, _offer: &Offer) -> Result<Vec<Destination>, AssignError> {
        let file = self.own.settings.file.iter();
        file.map(|file| self.own.destination(file, Content::Combined))
            .collect()
    }

    fn configured(&self) -> Option<&Configured> {
        Some(&self.ours)
    }

    fn needed(&self, offer: &Offer) -> Result<Needed, AssignError> {
        let Some(file) = &self.own.settings.file else {
            return Ok(Needed::default());
        };
        let names = offer.domains();
        self.own
            .needed(with_file(&self.config, &self.own.files, file, &names))
    }

    fn inspect(
        &self,
        _offer: &Offer,
        destinations: &[Destination],
        hands: &Hands<'_>,
    ) -> Result<Vec<Finding>, AssignError> {
        let Some(runtime) = self.runtime(hands) else {
            if self.own.settings.reload.is_none() {
                hands.run_well_but_for(&self.check_words(), destinations)?;
            }
            return Ok(Vec::new());
        };
        let socket = self.own.settings.socket.as_deref();
        let written = self.config.sockets.iter().find(|one| match &one.at {
            SocketAt::File(path) => socket == Some(self.own.files.here(path).as_path()),
            SocketAt::Address(_) => false,
        });
        if let Some(low) = written.filter(|one| one.level < Level::Admin) {
            return Err(self.own.unfit(
                &low.place.file,
                "the admin socket may not change certificates",
                format!("{} has no `level admin`", low.place),
                "add `level admin` to that `stats socket`, and reload HAProxy".to_owned(),
            ));
        }
        let Some(name) = self.known_as() else {
            // `needed` says what the configuration lacks.
            return Ok(Vec::new());
        };
        if runtime.knows(name)? {
            return Ok(Vec::new());
        }
        Ok(vec![self.own.finding(
            Code::GatewayFileNotUsed,
            name,
            "the running HAProxy does not know the file, though its configuration has it",
            "it was not there when HAProxy read its configuration last",
            "leave `socket` out for this assignment, so that HAProxy is reloaded; or reload it with any certificate there",
        )])
    }

    fn check(&self, hands: &Hands<'_>) -> Result<(), AssignError> {
        match self.own.settings.reload {
            Some(_) => Ok(()),
            None => hands.run_well(&self.check_words()).map(drop),
        }
    }

    fn programs(&self) -> Vec<String> {
        let settings = &self.own.settings;
        let by_system =
            settings.reload.is_none() && settings.socket.is_none() && settings.pid_file.is_none();
        let mut programs = vec![self.own.program()];
        programs.extend(by_system.then(|| SYSTEM_RELOAD[0].to_owned()));
        programs
    }

    fn reload(
        &self,
        destinations: &[Destination],
        config: ConfigWritten,
        hands: &Hands<'_>,
    ) -> Result<(), AssignError> {
        let by_memory = config == ConfigWritten::No;
        let (Some(runtime), Some(name), true) = (self.runtime(hands), self.known_as(), by_memory)
        else {
            return self.reload_all(hands);
        };
        for destination in destinations {
            let bytes = read_secret(&destination.path, MAX_PEM_BYTES)?;
            runtime.replace(name, &String::from_utf8_lossy(&bytes))?;
        }
        Ok(())
    }

    fn end_sessions(&self, _offer: &Offer) -> Vec<EndSessions> {
        match (&self.own.settings.socket, &self.own.settings.reload) {
            (Some(socket), None) => vec![EndSessions::own(
                format!("sessions of {}", self.frontends().join(", ")),
                format!(
                    "shutdown session, for each that `show sess` on {} has of them",
                    socket.display()
                ),
            )],
            (_, _) => vec![EndSessions::by_hand(
                "every session, those of old workers too",
                "systemctl restart haproxy; or give the table a `socket` and HAProxy a `hard-stop-after`",
            )],
        }
    }

    fn end(&self, one: &EndSessions, hands: &Hands<'_>) -> Result<(), AssignError> {
        match (&one.how, self.runtime(hands)) {
            (Ending::Own(_), Some(runtime)) => runtime.end_sessions(&self.frontends()),
            (_, _) => Ok(()),
        }
    }
}
