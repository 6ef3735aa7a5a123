//! The kinds of server that are looked for, and what their own rooms say of one configuration.

use crate::assign::targets::on_server::Kind;
use crate::assign::targets::{coturn, ejabberd, haproxy, kamailio, nginx, prosody};
use crate::deployment::{FileTarget, Gateway, GatewayKind};
use crate::servers::{self, ConfigError, Configured, Source};
use std::path::Path;

/// A kind of server that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerKind {
    /// Prosody.
    Prosody,
    /// ejabberd.
    Ejabberd,
    /// Kamailio.
    Kamailio,
    /// HAProxy.
    Haproxy,
    /// nginx.
    Nginx,
    /// coturn.
    Coturn,
}

impl ServerKind {
    /// All, in the order of the documentation.
    pub const ALL: [ServerKind; 6] = [
        ServerKind::Prosody,
        ServerKind::Ejabberd,
        ServerKind::Kamailio,
        ServerKind::Haproxy,
        ServerKind::Nginx,
        ServerKind::Coturn,
    ];

    /// The kind that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The kind of a gateway and its table; `None` for `embedded` and `files`.
    pub fn of(gateway: &Gateway) -> Option<(Self, &FileTarget)> {
        let kind = match &gateway.kind {
            GatewayKind::Prosody(_) => ServerKind::Prosody,
            GatewayKind::Ejabberd(_) => ServerKind::Ejabberd,
            GatewayKind::Kamailio(_) => ServerKind::Kamailio,
            GatewayKind::Haproxy(_) => ServerKind::Haproxy,
            GatewayKind::Nginx(_) => ServerKind::Nginx,
            GatewayKind::Coturn(_) => ServerKind::Coturn,
            GatewayKind::Embedded(_) | GatewayKind::Files(_) => return None,
        };
        Some((kind, gateway.kind.server()?))
    }

    /// The kind whose configuration is called like this file; a name that tells nothing has none.
    pub fn of_file(file: &Path) -> Option<Self> {
        let name = file.file_name()?.to_str()?;
        let called = |kind: &Self| {
            let usual = [kind.started_with(), kind.default_config()];
            usual.iter().any(|one| one.file_name() == file.file_name())
        };
        let named = |kind: &Self| name.contains(kind.word()) || name.ends_with(kind.ending());
        let mut all = Self::ALL.into_iter();
        all.clone().find(called).or_else(|| all.find(named))
    }

    /// How the names of its configurations end and no other's do.
    fn ending(self) -> &'static str {
        match self {
            ServerKind::Prosody => ".lua",
            ServerKind::Ejabberd => ".yml",
            ServerKind::Kamailio => "kamailio.cfg",
            ServerKind::Haproxy => "haproxy.cfg",
            ServerKind::Nginx => "nginx.conf",
            ServerKind::Coturn => "turnserver.conf",
        }
    }

    /// A gateway of this kind with these settings.
    pub fn gateway(self, settings: FileTarget) -> GatewayKind {
        match self {
            ServerKind::Prosody => GatewayKind::Prosody(settings),
            ServerKind::Ejabberd => GatewayKind::Ejabberd(settings),
            ServerKind::Kamailio => GatewayKind::Kamailio(settings),
            ServerKind::Haproxy => GatewayKind::Haproxy(settings),
            ServerKind::Nginx => GatewayKind::Nginx(settings),
            ServerKind::Coturn => GatewayKind::Coturn(settings),
        }
    }

    /// What is fixed about it.
    pub(in crate::assign) fn fixed(self) -> Kind {
        match self {
            ServerKind::Prosody => prosody::KIND,
            ServerKind::Ejabberd => ejabberd::KIND,
            ServerKind::Kamailio => kamailio::KIND,
            ServerKind::Haproxy => haproxy::KIND,
            ServerKind::Nginx => nginx::KIND,
            ServerKind::Coturn => coturn::KIND,
        }
    }

    /// The word of `[gateway.KIND.NAME]`.
    pub fn word(self) -> &'static str {
        self.fixed().word
    }

    /// Its configuration in Debian's package, as the drivers take it where the table names none.
    pub fn default_config(self) -> &'static Path {
        Path::new(self.fixed().config)
    }

    /// The file that its program is started with in Debian's package.
    pub fn started_with(self) -> &'static Path {
        match self {
            ServerKind::Kamailio => Path::new("/etc/kamailio/kamailio.cfg"),
            ServerKind::Prosody
            | ServerKind::Ejabberd
            | ServerKind::Haproxy
            | ServerKind::Nginx
            | ServerKind::Coturn => self.default_config(),
        }
    }
}

/// What a server's configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a handful on a machine")]
pub enum Server {
    /// Prosody's.
    Prosody(servers::prosody::ProsodyConfig),
    /// ejabberd's.
    Ejabberd(servers::ejabberd::EjabberdConfig),
    /// Kamailio's.
    Kamailio(servers::kamailio::KamailioConfig),
    /// HAProxy's.
    Haproxy(servers::haproxy::HaproxyConfig),
    /// nginx's.
    Nginx(servers::nginx::NginxConfig),
    /// coturn's.
    Coturn(servers::coturn::CoturnConfig),
}

impl Server {
    /// Reads it from its main file on.
    pub fn read(kind: ServerKind, config: &Path, source: &dyn Source) -> Result<Self, ConfigError> {
        Ok(match kind {
            ServerKind::Prosody => Server::Prosody(servers::prosody::read(config, source)?),
            ServerKind::Ejabberd => Server::Ejabberd(servers::ejabberd::read(config, source)?),
            ServerKind::Kamailio => Server::Kamailio(servers::kamailio::read(config, source)?),
            ServerKind::Haproxy => Server::Haproxy(servers::haproxy::read(config, source)?),
            ServerKind::Nginx => Server::Nginx(servers::nginx::read(config, source)?),
            ServerKind::Coturn => Server::Coturn(servers::coturn::read(config, source)?),
        })
    }

    /// What all servers have in common.
    pub fn common(&self) -> &Configured {
        match self {
            Server::Prosody(config) => &config.common,
            Server::Ejabberd(config) => &config.common,
            Server::Kamailio(config) => &config.common,
            Server::Haproxy(config) => &config.common,
            Server::Nginx(config) => &config.common,
            Server::Coturn(config) => &config.common,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_known_by_its_name() {
        for (file, kind) in [
            ("/etc/prosody/prosody.cfg.lua", Some(ServerKind::Prosody)),
            ("/srv/chat.lua", Some(ServerKind::Prosody)),
            ("/srv/ejabberd.yml", Some(ServerKind::Ejabberd)),
            ("/srv/tls.cfg", Some(ServerKind::Kamailio)),
            ("/srv/my-haproxy.cfg", Some(ServerKind::Haproxy)),
            ("/opt/nginx-2.conf", Some(ServerKind::Nginx)),
            ("/opt/turnserver.conf", Some(ServerKind::Coturn)),
            ("/opt/server.conf", None),
            ("/", None),
        ] {
            assert_eq!(ServerKind::of_file(Path::new(file)), kind, "{file}");
        }
    }
}
