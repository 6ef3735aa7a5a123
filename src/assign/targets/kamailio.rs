//! Kamailio: a pair of files that profiles of `tls.cfg` name; `kamcmd tls.reload`, whose answer is text.
//!
//! Its reload is all or nothing and keeps the old profiles on an error (`kamailio -c` does not read them). It is asked
//! three times at most: each reload keeps some shared memory. The proof asks one listener after the other, as 5.6.3 of
//! Debian 12 dies under many handshakes at once.

use super::on_files::{ConfigWritten, Needed, OnFiles};
use super::on_server::{Kind, OnServer};
use super::{EndSessions, Hands, Offer};
use crate::assign::destination::Destination;
use crate::assign::error::AssignError;
use crate::deployment::FileTarget;
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::servers::Configured;
use crate::servers::kamailio::{KamailioConfig, read, with_profiles};
use std::time::Duration;

pub(in crate::assign) const KIND: Kind = Kind {
    word: "kamailio",
    config: "/etc/kamailio/tls.cfg",
    control: "kamcmd",
    owner: Some("kamailio:kamailio"),
    mode: 0o640,
};

/// Its answer to a reload that was taken.
const TAKEN: &str = "Ok. TLS configuration reloaded.";

/// How often it is asked: a handshake at the same time has made it refuse good files (14 of 481 reloads of 5.6.3).
const MOST_TRIES: u32 = 3;

/// Between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(300);

/// Less free shared memory than this is told, in bytes: one reload keeps about 200 KB for each profile.
const LITTLE_MEMORY: u64 = 4 * 1024 * 1024;

/// A gateway of kind `kamailio`.
#[derive(Debug)]
pub struct Kamailio {
    own: OnServer,
    config: KamailioConfig,
}

impl Kamailio {
    /// For a gateway of the deployment; reads the server's configuration.
    pub fn new(gateway: Slug, settings: FileTarget) -> Result<Self, AssignError> {
        let own = OnServer::new(gateway, settings, KIND);
        let config = read(own.config(), &own.files).map_err(|error| own.config_error(error))?;
        Ok(Self { own, config })
    }

    /// `kamcmd -s unix:… WORDS`; the socket is the table's, else the configuration's.
    fn rpc(&self, words: &[&str]) -> Vec<String> {
        let socket = match &self.own.settings.socket {
            Some(path) => Some(format!("unix:{}", path.display())),
            None => self
                .config
                .rpc_sockets
                .first()
                .map(|socket| socket.address.clone()),
        };
        let mut own = self.own.control(&[], &[]);
        if let Some(socket) = socket {
            own.extend(["-s".to_owned(), socket]);
        }
        own.extend(words.iter().map(|word| (*word).to_owned()));
        own
    }
}

/// The number after `free:` of `core.shmmem`, in bytes.
fn free_memory(text: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let value = line.trim().strip_prefix("free:")?;
        value.trim().parse().ok()
    })
}

impl OnFiles for Kamailio {
    fn own(&self) -> &OnServer {
        &self.own
    }

    fn reload_words(&self) -> String {
        self.own.reload_words(|| "kamcmd tls.reload".to_owned())
    }

    fn destinations(&self, _offer: &Offer) -> Result<Vec<Destination>, AssignError> {
        self.own.pair()
    }

    fn configured(&self) -> Option<&Configured> {
        Some(&self.config.common)
    }

    fn needed(&self, offer: &Offer) -> Result<Needed, AssignError> {
        let Some((certificate, key)) = self.own.named_pair() else {
            return Ok(Needed::default());
        };
        let mut needed = self.own.needed(with_profiles(
            &self.config,
            &self.own.files,
            certificate,
            key,
            &offer.domains(),
        ))?;
        if self.config.client_uses(certificate, key).is_empty() {
            needed.findings.push(self.own.finding(
                Code::GatewayRemark,
                self.own.config().display(),
                "no client profile uses these files",
                "what Kamailio shows where it connects to others does not change with an assignment",
                "name the pair in [client:default] as well, if partners ask for a certificate",
            ));
        }
        Ok(needed)
    }

    fn inspect(
        &self,
        _offer: &Offer,
        _destinations: &[Destination],
        hands: &Hands<'_>,
    ) -> Result<Vec<Finding>, AssignError> {
        if self.own.settings.reload.is_some() {
            return Ok(Vec::new());
        }
        let command = self.rpc(&["core.shmmem"]);
        let said = hands.run_well(&command)?;
        let low = free_memory(&said.text).filter(|free| *free < LITTLE_MEMORY);
        Ok(low
            .map(|free| {
                self.own.finding(
                    Code::GatewayMemoryLow,
                    command.join(" "),
                    format!("Kamailio has {} KB of shared memory left", free / 1024),
                    "each reload of its profiles keeps some and never gives it back",
                    "plan a restart, or start it with more (`-m`)",
                )
            })
            .into_iter()
            .collect())
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
        let mut tries = 0;
        loop {
            let said = hands.run_well(&self.rpc(&["tls.reload"]))?;
            if said.text.contains(TAKEN) {
                return Ok(());
            }
            tries += 1;
            if tries == MOST_TRIES {
                return Err(hands.refused(&said));
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
    }

    fn end_sessions(&self, _offer: &Offer) -> Vec<EndSessions> {
        // The RPC of 5.6 lists TCP connections (`core.tcp_list`) and closes none.
        vec![EndSessions::by_hand(
            "every connection of the server",
            "systemctl restart kamailio: its RPC closes no connection; idle ones end after `tcp_connection_lifetime`",
        )]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_read_from_kamailios_answer() {
        let text = "{\n\ttotal: 67108864\n\tfree: 61913440\n\tused: 2911400\n}\n";
        assert_eq!(free_memory(text), Some(61_913_440));
        assert_eq!(free_memory("error: 500 - no"), None);
    }
}
