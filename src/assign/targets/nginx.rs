//! nginx: a pair of files in `server` blocks; `nginx -t`, then `nginx -s reload`.
//!
//! Its checker lets a key of another type and a chain in the wrong order through, and then every handshake fails; what
//! is written here was proven a pair and ordered. Files with a variable in their name are read at each handshake: then
//! the renames are the assignment.

use super::kamailio::dns_names;
use super::on_files::{ConfigWritten, Needed, OnFiles};
use super::on_server::{Kind, OnServer};
use super::{Hands, Offer};
use crate::assign::destination::Destination;
use crate::assign::error::AssignError;
use crate::deployment::FileTarget;
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::servers::nginx::{NginxConfig, read, with_pair};
use crate::servers::{Configured, Listening};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Its configuration in Debian's package.
pub(in crate::assign) const CONFIG: &str = "/etc/nginx/nginx.conf";

const KIND: Kind = Kind {
    word: "nginx",
    config: CONFIG,
    control: "nginx",
    owner: None,
    mode: 0o600,
};

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

    fn files(&self) -> Option<(&Path, &Path)> {
        Some((
            self.own.settings.cert_file.as_deref()?,
            self.own.settings.key_file.as_deref()?,
        ))
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
    fn kind(&self) -> &'static str {
        KIND.word
    }

    fn timeout(&self) -> Duration {
        self.own.settings.timeout
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
        let Some((certificate, key)) = self.files() else {
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
        let names = dns_names(
            offer
                .chain
                .leaf
                .facts()
                .names
                .as_deref()
                .unwrap_or_default(),
        );
        self.own.needed(with_pair(
            &self.config,
            &self.own.files,
            certificate,
            key,
            &names,
        ))
    }

    fn inspect(
        &self,
        _offer: &Offer,
        _destinations: &[Destination],
        hands: &Hands<'_>,
    ) -> Result<Vec<Finding>, AssignError> {
        // A configuration that is refused now would be refused with the new files as well.
        if self.own.settings.reload.is_none() {
            hands.run_well(&self.command(&["-t"]))?;
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
}
