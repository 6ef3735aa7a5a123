//! nginx: a pair of files in `server` blocks; `nginx -t`, then `nginx -s reload`.
//!
//! Its checker lets a key of another type and a chain in the wrong order through, and then every handshake fails; what
//! is written here was proven a pair and ordered. Files with a variable in their name are read at each handshake: then
//! the renames are the assignment.

use super::on_files::{ConfigWritten, Needed, OnFiles};
use super::on_server::{Kind, OnServer};
use super::pid_file::process_of;
use super::{EndSessions, Ending, Hands, Offer};
use crate::assign::destination::Destination;
use crate::assign::error::AssignError;
use crate::deployment::FileTarget;
use crate::explain::os_words;
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::servers::nginx::{NginxConfig, read, with_pair};
use crate::servers::{Configured, Listening};
use crate::store::atomic::read_limited;
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub(in crate::assign) const KIND: Kind = Kind {
    word: "nginx",
    config: "/etc/nginx/nginx.conf",
    control: "nginx",
    owner: None,
    mode: 0o600,
};

/// Where its master writes its number in Debian's package.
const PID_FILE: &str = "/run/nginx.pid";

/// Most bytes of a process's title, or of what the kernel says of it.
const MAX_TITLE_BYTES: u64 = 64 * 1024;

/// The title of a worker that a reload left behind.
const OLD_WORKER: &str = "nginx: worker process is shutting down";

/// A gateway of kind `nginx`.
#[derive(Debug)]
pub struct Nginx {
    own: OnServer,
    config: NginxConfig,
    /// The configuration with the listeners of our pair alone.
    ours: Configured,
}

impl Nginx {
    /// For a gateway of the deployment; reads the server's configuration.
    pub fn new(gateway: Slug, settings: FileTarget) -> Result<Self, AssignError> {
        let own = OnServer::new(gateway, settings, KIND);
        let config = read(own.config(), &own.files).map_err(|error| own.config_error(error))?;
        let ours = Configured {
            listeners: listeners_of(&config, &own),
            ..config.common.clone()
        };
        Ok(Self { own, config, ours })
    }

    /// Whether some files are named with a variable, and ours in no block: then they may be those.
    fn may_be_by_variable(&self) -> bool {
        !self.config.by_variable.is_empty()
            && !self
                .config
                .blocks
                .iter()
                .any(|block| block.pairs.iter().any(|pair| is_ours(&self.own, pair)))
    }

    fn pid_file(&self) -> PathBuf {
        let own = self.own.settings.pid_file.clone();
        own.unwrap_or_else(|| {
            let written = self.config.pid.as_deref();
            self.own.files.here(written.unwrap_or(Path::new(PID_FILE)))
        })
    }

    fn command(&self, words: &[&str]) -> Vec<String> {
        let config = self.own.config().display().to_string();
        match self.own.settings.config {
            Some(_) => self.own.control(&["-c", &config], words),
            None => self.own.control(&[], words),
        }
    }
}

fn is_ours(own: &OnServer, (certificate, key): &(std::path::PathBuf, std::path::PathBuf)) -> bool {
    own.settings.cert_file.as_ref() == Some(certificate)
        && own.settings.key_file.as_ref() == Some(key)
}

/// The sockets of the blocks that have our pair; all, where no block has it yet.
fn listeners_of(config: &NginxConfig, own: &OnServer) -> Vec<Listening> {
    let ours: Vec<SocketAddr> = config
        .blocks
        .iter()
        .filter(|block| block.pairs.iter().any(|pair| is_ours(own, pair)))
        .flat_map(|block| {
            // A handshake that does not begin with the PROXY protocol is turned away there.
            let proxied = block.proxied.clone();
            let sockets = block.sockets.iter().copied();
            sockets.filter(move |socket| !proxied.contains(socket))
        })
        .collect();
    config
        .common
        .listeners
        .iter()
        .filter(|one| ours.is_empty() || ours.contains(&one.address))
        .cloned()
        .collect()
}

impl OnFiles for Nginx {
    fn own(&self) -> &OnServer {
        &self.own
    }

    fn reload_words(&self) -> String {
        self.own
            .reload_words(|| "nginx -t · nginx -s reload".to_owned())
    }

    fn destinations(&self, _offer: &Offer) -> Result<Vec<Destination>, AssignError> {
        self.own.pair()
    }

    fn configured(&self) -> Option<&Configured> {
        Some(&self.ours)
    }

    fn needed(&self, offer: &Offer) -> Result<Needed, AssignError> {
        let Some((certificate, key)) = self.own.named_pair() else {
            return Ok(Needed::default());
        };
        if self.may_be_by_variable() {
            let finding = self.own.finding(
                Code::GatewayPairNotAtOnce,
                self.own.config().display(),
                "nginx reads files that are named with a variable at each handshake",
                "a handshake between the two renames finds a key that does not fit, and fails",
                "nothing, if that does no harm; else name the files without a variable",
            );
            return Ok(Needed {
                changes: Vec::new(),
                findings: vec![finding],
            });
        }
        self.own.needed(with_pair(
            &self.config,
            &self.own.files,
            certificate,
            key,
            &offer.domains(),
        ))
    }

    fn inspect(
        &self,
        _offer: &Offer,
        destinations: &[Destination],
        hands: &Hands<'_>,
    ) -> Result<Vec<Finding>, AssignError> {
        // A configuration that is refused now would be refused with the new files as well.
        if self.own.settings.reload.is_none() {
            hands.run_well_but_for(&self.command(&["-t"]), destinations)?;
        }
        Ok(Vec::new())
    }

    fn check(&self, hands: &Hands<'_>) -> Result<(), AssignError> {
        match self.own.settings.reload {
            Some(_) => Ok(()),
            None => hands.run_well(&self.command(&["-t"])).map(drop),
        }
    }

    fn reload(
        &self,
        _destinations: &[Destination],
        _config: ConfigWritten,
        hands: &Hands<'_>,
    ) -> Result<(), AssignError> {
        if let Some(said) = self.own.reload_command(hands) {
            return said.map(drop);
        }
        hands.run_well(&self.command(&["-s", "reload"])).map(drop)
    }

    fn end_sessions(&self, _offer: &Offer) -> Vec<EndSessions> {
        if self.own.settings.reload.is_some() || !self.config.by_variable.is_empty() {
            // No reload of ours stands between the old connections and the new ones.
            return vec![EndSessions::by_hand(
                "every connection of the server",
                "systemctl restart nginx",
            )];
        }
        vec![EndSessions::own(
            "connections of workers that a reload left behind",
            "SIGTERM to the workers that are shutting down",
        )]
    }

    fn end(&self, one: &EndSessions, _hands: &Hands<'_>) -> Result<(), AssignError> {
        let Ending::Own(_) = &one.how else {
            return Ok(());
        };
        let file = self.pid_file();
        let master = process_of(&file, KIND.word).map_err(|why| {
            self.own.unfit(
                &file,
                "the pid file leads to no nginx",
                why,
                "start the server, or name its pid file as `pid-file`".to_owned(),
            )
        })?;
        for worker in old_workers(master) {
            match kill_process(worker, Signal::TERM) {
                // It has ended by itself.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => {
                    return Err(self.own.unfit(
                        &file,
                        "an old worker could not be ended",
                        os_words(&error.into()),
                        "run this command as root".to_owned(),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The children of a master that finish their connections and take no more: nginx says so in their title.
fn old_workers(master: Pid) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let title = read_limited(&entry.path().join("cmdline"), MAX_TITLE_BYTES).ok()?;
            let status = read_limited(&entry.path().join("status"), MAX_TITLE_BYTES).ok()?;
            let parent = String::from_utf8_lossy(&status)
                .lines()
                .find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
            let is_old = String::from_utf8_lossy(&title).starts_with(OLD_WORKER);
            (is_old && parent == Some(master.as_raw_nonzero().get()))
                .then(|| Pid::from_raw(pid))
                .flatten()
        })
        .collect()
}
