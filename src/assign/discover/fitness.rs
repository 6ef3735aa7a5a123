//! What would keep an assignment to a server from working: its configuration, its files, its programs, its listeners.
//!
//! For `doctor`, before anything is to be assigned: nothing is touched, nothing is run.

use super::kinds::{Server, ServerKind};
use super::way::way;
use crate::assign::sockets::{Socket, is_listened};
use crate::assign::targets::on_server::OnServer;
use crate::deployment::{Content, FileTarget, Gateway};
use crate::explain::{Explain, Explanation, printable};
use crate::names::Domain;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What was found of one gateway's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitness {
    /// In words: `3 of 4 listeners are up`.
    pub said: String,
    /// What stands in the way, each with its place.
    pub faults: Vec<Explanation>,
}

/// Looks at the server of a gateway; `None` where it has no kind of server. `domains` are those of the deployment:
/// Prosody's files are called after its hosts.
pub fn fitness(gateway: &Gateway, domains: &[&Domain], sockets: &[Socket]) -> Option<Fitness> {
    let (kind, settings) = ServerKind::of(gateway)?;
    let own = OnServer::new(gateway.name.clone(), settings.clone(), kind.fixed());
    let mut faults = Vec::new();
    let server = match Server::read(kind, own.config(), &own.files) {
        Ok(server) => server,
        Err(error) => {
            let told = error.explain();
            let place = format!("gateway \"{}\", {}", gateway.name, told.place);
            return Some(Fitness {
                said: "its configuration cannot be read".to_owned(),
                faults: vec![Explanation { place, ..told }],
            });
        }
    };
    for (path, content) in destinations(&server, settings, domains) {
        let unfit = own
            .destination(&path, content)
            .and_then(|there| there.check_rights(&gateway.name));
        if let Err(error) = unfit {
            faults.push(error.explain());
        }
    }
    let fault = |what: &str, place: &str, why: String, mend: String| Explanation {
        code: "doctor.server",
        what: what.to_owned(),
        place: format!("gateway \"{}\", {}", gateway.name, printable(place)),
        why,
        mend,
    };
    let way = way(kind, settings, &server, &own.files);
    for missing in way.missing {
        faults.push(fault(
            "the server could not be made to read its files again",
            &missing.what,
            format!("{}: {}", printable(&way.words), missing.why),
            missing.mend,
        ));
    }
    let addresses = addresses(gateway, &server);
    // Where the table of sockets may not be read, nothing is known.
    let dark: Vec<&SocketAddr> = match sockets.is_empty() {
        true => Vec::new(),
        false => addresses
            .iter()
            .filter(|address| !is_listened(sockets, **address))
            .collect(),
    };
    let up = addresses.len() - dark.len();
    if !addresses.is_empty() && up == 0 {
        faults.push(fault(
            "the server does not run",
            &own.config().display().to_string(),
            "nothing listens at any of its addresses".to_owned(),
            "start it; an assignment to it would be refused until then".to_owned(),
        ));
    } else {
        for address in dark {
            faults.push(fault(
                "a listener of the server is not up",
                &format!("listener {address}"),
                "nothing listens there, while its other listeners are up".to_owned(),
                "see the server's log; a proof there would fail".to_owned(),
            ));
        }
    }
    let said = match addresses.len() {
        0 => "no listener is known".to_owned(),
        all => format!("{up} of {all} listeners are up"),
    };
    Some(Fitness { said, faults })
}

/// The files that an assignment would write, as the server names them.
fn destinations(
    server: &Server,
    settings: &FileTarget,
    domains: &[&Domain],
) -> Vec<(PathBuf, Content)> {
    let mut all = Vec::new();
    let of_table = [
        (&settings.file, Content::Combined),
        (&settings.key_file, Content::Privkey),
        (&settings.cert_file, Content::Fullchain),
    ];
    for (path, content) in of_table {
        all.extend(path.iter().map(|path| (path.clone(), content)));
    }
    if let (Server::Prosody(config), Some(folder)) = (server, &settings.directory) {
        let ours = |host: &&crate::servers::Host| domains.contains(&&host.name);
        for host in config.common.hosts.iter().filter(ours) {
            let by_setting = config.overrides.iter().any(|one| {
                one.host
                    .as_deref()
                    .is_none_or(|of| of == host.name.as_str())
            });
            if !by_setting {
                all.push((folder.join(format!("{}.key", host.name)), Content::Privkey));
                all.push((
                    folder.join(format!("{}.crt", host.name)),
                    Content::Fullchain,
                ));
            }
        }
    }
    all
}

/// Where it is proved: `prove`, else its own listeners; each address once.
fn addresses(gateway: &Gateway, server: &Server) -> Vec<SocketAddr> {
    let written = gateway.prove.iter().map(|one| one.address);
    let configured = server.common().listeners.iter().map(|one| one.address);
    let mut all: Vec<SocketAddr> = match gateway.prove.is_empty() {
        false => written.collect(),
        true => configured.collect(),
    };
    all.sort();
    all.dedup();
    all
}
