//! Prosody with a folder of certificates: `<host>.crt` and `<host>.key`, and `prosodyctl` to make it read them again.

use super::process::{Account, Process, Started, command, program, words};
use super::{COMPONENT, DOMAIN, Files, Lab, Made, SECOND, Server, chat_listeners, place, put};
use crate::world::ports::free_addresses;
use edgecert::x509::KeyType;
use std::path::Path;

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
    let started = run(&account, &folder, &text, &log);
    let made = Made {
        kind: "prosody",
        keys: format!("directory = {certs:?}\n"),
        control: started.control,
        config: started.config,
        files,
        owner: account,
        listeners: chat_listeners(&ports),
        gate: None,
        log,
    };
    lab.serving(made, started.process, first)
}

/// Starts Prosody in its folder by a configuration, with what it says outside its own log in another one.
pub fn run(account: &Account, folder: &Path, text: &str, console: &Path) -> Started {
    let config = folder.join("prosody.cfg.lua");
    put(&config, text, account, 0o644);
    let mut daemon = command(&program("prosody", PACKAGE));
    daemon.arg("-F").arg("--config").arg(&config);
    let process = Process::start(Some(account), &daemon, console);
    Started {
        control: words([
            program("prosodyctl", PACKAGE).as_os_str(),
            "--config".as_ref(),
            config.as_os_str(),
        ]),
        config,
        process,
    }
}
