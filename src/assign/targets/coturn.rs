//! coturn: a pair of files; SIGUSR2 to the process of its pid file.
//!
//! It keeps the old pair on any fault and says so in its log alone; the proof tells.

use super::on_files::{ConfigWritten, Needed, OnFiles};
use super::on_server::{Kind, OnServer};
use super::pid_file::{process_of, send};
use super::{EndSessions, Hands, Offer};
use crate::assign::destination::Destination;
use crate::assign::error::AssignError;
use crate::deployment::FileTarget;
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::servers::coturn::{CoturnConfig, read};
use crate::servers::{Configured, PathKind, Source};
use rustix::process::{Pid, Signal};
use std::path::{Path, PathBuf};

pub(in crate::assign) const KIND: Kind = Kind {
    word: "coturn",
    config: "/etc/turnserver.conf",
    control: "systemctl",
    owner: Some("turnserver:turnserver"),
    mode: 0o640,
};

/// Its unit in Debian's package, which has no `ExecReload`.
const UNIT: &str = "coturn";

/// The program of the process that gets the signal, as the kernel names it.
const PROGRAM: &str = "turnserver";

/// A gateway of kind `coturn`.
#[derive(Debug)]
pub struct Coturn {
    own: OnServer,
    config: Option<CoturnConfig>,
}

impl Coturn {
    /// For a gateway of the deployment; reads the server's configuration, where there is one.
    pub fn new(gateway: Slug, settings: FileTarget) -> Result<Self, AssignError> {
        let own = OnServer::new(gateway, settings, KIND);
        let there = own.files.look(own.config()) == Some(PathKind::File);
        // It may be started with options alone; a file that is named has to be there.
        let config = match there || own.settings.config.is_some() {
            true => Some(read(own.config(), &own.files).map_err(|error| own.config_error(error))?),
            false => None,
        };
        Ok(Self { own, config })
    }

    fn pid_file(&self) -> Option<PathBuf> {
        let own = self.own.settings.pid_file.clone();
        own.or_else(|| {
            let config = self.config.as_ref()?;
            config
                .pidfile
                .as_ref()
                .map(|path| self.own.files.here(path))
        })
    }

    /// The process of the pid file, if it is a turnserver.
    fn process(&self, file: &Path) -> Result<Pid, AssignError> {
        process_of(file, PROGRAM).map_err(|why| {
            self.own.unfit(
                file,
                "the pid file leads to no turnserver",
                why,
                "start the server, or name its pid file as `pid-file`".to_owned(),
            )
        })
    }
}

impl OnFiles for Coturn {
    fn own(&self) -> &OnServer {
        &self.own
    }

    fn reload_words(&self) -> String {
        self.own.reload_words(|| match self.pid_file() {
            Some(file) => format!("SIGUSR2 to the process of {}", file.display()),
            None => format!("systemctl kill --signal=USR2 {UNIT}"),
        })
    }

    fn destinations(&self, _offer: &Offer) -> Result<Vec<Destination>, AssignError> {
        self.own.pair()
    }

    fn configured(&self) -> Option<&Configured> {
        self.config.as_ref().map(|config| &config.common)
    }

    fn needed(&self, _offer: &Offer) -> Result<Needed, AssignError> {
        let used = |config: &CoturnConfig| {
            config.common.certificates.iter().any(|one| {
                Some(&one.certificate) == self.own.settings.cert_file.as_ref()
                    && Some(&one.key) == self.own.settings.key_file.as_ref()
            })
        };
        let findings = match &self.config {
            Some(config) if !used(config) => vec![self.own.finding(
                Code::GatewayFileNotUsed,
                self.own.config().display(),
                "coturn reads other files",
                match config.common.certificates.first() {
                    Some(one) => format!(
                        "it has cert={} and pkey={}",
                        one.certificate.display(),
                        one.key.display()
                    ),
                    None => "it has no cert and pkey that are there".to_owned(),
                },
                "name the files alike here and there; coturn takes new paths at its next start only",
            )],
            Some(_) | None => Vec::new(),
        };
        Ok(Needed {
            changes: Vec::new(),
            findings,
        })
    }

    fn inspect(
        &self,
        _offer: &Offer,
        _destinations: &[Destination],
        _hands: &Hands<'_>,
    ) -> Result<Vec<Finding>, AssignError> {
        if self.own.settings.reload.is_none()
            && let Some(file) = self.pid_file()
        {
            self.process(&file)?;
        }
        Ok(Vec::new())
    }

    fn programs(&self) -> Vec<String> {
        let by_signal = self.own.settings.reload.is_none() && self.pid_file().is_some();
        match by_signal {
            true => Vec::new(),
            false => vec![self.own.program()],
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
        let Some(file) = self.pid_file() else {
            let words = self.own.control(&[], &["kill", "--signal=USR2", UNIT]);
            return hands.run_well(&words).map(drop);
        };
        let pid = self.process(&file)?;
        send(&self.own, &file, pid, Signal::USR2)
    }

    fn end_sessions(&self, _offer: &Offer) -> Vec<EndSessions> {
        // SIGUSR2 changes the certificate of new connections alone, and no other signal ends old ones.
        vec![EndSessions::by_hand(
            "every connection of the server, calls that are relayed with them",
            format!("systemctl restart {UNIT}"),
        )]
    }
}
