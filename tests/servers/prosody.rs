//! Prosody with a folder of certificates: `<host>.crt` and `<host>.key`, and `prosodyctl` to make it read them again.

use super::process::{Account, Process, command, program, words};
use super::{COMPONENT, DOMAIN, Files, Lab, Listener, Made, SECOND, Server, place, put};
use crate::world::ports::free_addresses;
use edgecert::names::Protocol;
use edgecert::x509::KeyType;

const PACKAGE: &str = "prosody";

/// Whether `mod_admin_shell` is loaded, which `prosodyctl shell` talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    Loaded,
    Missing,
}

pub fn start(lab: &Lab, key: KeyType, shell: Shell) -> Server {
    let account = Account::of("prosody");
    let folder = lab.folder_of("prosody", "prosody");
    let certs = folder.join("certs");
    let first = lab.generation(key);
    let files = Files::Pair(
        certs.join(format!("{DOMAIN}.crt")),
        certs.join(format!("{DOMAIN}.key")),
    );
    place(&files, &account, &first);
    let second = Files::Pair(
        certs.join(format!("{SECOND}.crt")),
        certs.join(format!("{SECOND}.key")),
    );
    place(&second, &account, &lab.second);

    let ports = free_addresses(4);
    let port = |number: usize| ports[number].port();
    let (module, log) = (
        match shell {
            Shell::Loaded => "\"admin_shell\"; ",
            Shell::Missing => "",
        },
        folder.join("prosody.log"),
    );
    let config = folder.join("prosody.cfg.lua");
    let text = format!(
        r#"pidfile = "{folder}/prosody.pid"
data_path = "{folder}"
admin_socket = "{folder}/prosody.sock"
log = {{ info = "{log}" }}
interfaces = {{ "127.0.0.1" }}
certificates = "certs"
c2s_ports = {{ {} }}
c2s_direct_tls_ports = {{ {} }}
s2s_ports = {{ {} }}
s2s_direct_tls_ports = {{ {} }}
modules_enabled = {{ {module}"saslauth"; "tls"; "dialback"; "disco" }}
authentication = "internal_hashed"
c2s_require_encryption = true
s2s_require_encryption = true
s2s_timeout = 600
c2s_timeout = 600

VirtualHost "{DOMAIN}"
VirtualHost "{SECOND}"
Component "{COMPONENT}" "muc"
"#,
        port(0),
        port(1),
        port(2),
        port(3),
        folder = folder.display(),
        log = log.display(),
    );
    put(&config, &text, &account, 0o644);

    let mut daemon = command(&program("prosody", PACKAGE));
    daemon.arg("-F").arg("--config").arg(&config);
    let process = Process::start(Some(&account), &daemon, &log);
    let listeners = [
        (Protocol::Xmpp, 0, DOMAIN),
        (Protocol::Xmpp, 0, SECOND),
        (Protocol::XmppsClient, 1, DOMAIN),
        (Protocol::XmppServer, 2, DOMAIN),
        (Protocol::XmppServer, 2, COMPONENT),
        (Protocol::XmppServer, 2, SECOND),
        (Protocol::XmppsServer, 3, DOMAIN),
        (Protocol::XmppsServer, 3, COMPONENT),
        (Protocol::XmppsServer, 3, SECOND),
    ]
    .map(|(protocol, number, name)| Listener::new(protocol, ports[number], name));
    let made = Made {
        kind: "prosody",
        keys: format!("directory = {certs:?}\n"),
        control: words([
            program("prosodyctl", PACKAGE).as_os_str(),
            "--config".as_ref(),
            config.as_os_str(),
        ]),
        config,
        files,
        owner: account,
        listeners: listeners.into(),
        gate: None,
        log,
    };
    lab.serving(made, process, first)
}
