//! ejabberd with a folder of combined PEM files and `ejabberdctl`, which starts an Erlang machine for each command.
//!
//! No `epmd` is asked where the node is: both ends know its port (`ERL_DIST_PORT`), so that nodes side by side do not
//! share anything.

use super::process::{Account, Process, Started, command, is_root, program, words};
use super::{COMPONENT, DOMAIN, Files, Lab, Made, SECOND, Server, chat_listeners, place, put};
use crate::world::ports::free_addresses;
use edgecert::x509::KeyType;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

const PACKAGE: &str = "ejabberd";

pub fn start(lab: &Lab, key: KeyType) -> Server {
    let account = Account::of("ejabberd");
    let folder = lab.folder_of("ejabberd", "ejabberd");
    let certs = folder.join("certs");
    let first = lab.generation(key);
    let files = Files::Combined(certs.join(format!("{DOMAIN}.pem")));
    place(&files, &account, &first);
    let second = Files::Combined(certs.join(format!("{SECOND}.pem")));
    place(&second, &account, &lab.second);

    let ports = free_addresses(5);
    let port = |number: usize| ports[number].port();
    let text = format!(
        r#"hosts:
  - {DOMAIN}
  - {SECOND}
loglevel: info
certfiles:
  - "{}/*.pem"
listen:
  - port: {}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls_required: true
  - port: {}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    tls: true
  - port: {}
    ip: "127.0.0.1"
    module: ejabberd_s2s_in
  - port: {}
    ip: "127.0.0.1"
    module: ejabberd_s2s_in
    tls: true
s2s_use_starttls: required
negotiation_timeout: 600
modules:
  mod_disco: {{}}
  mod_muc:
    hosts:
      - {COMPONENT}
  mod_s2s_dialback: {{}}
"#,
        certs.display(),
        port(0),
        port(1),
        port(2),
        port(3),
    );
    let lookup = "{lookup,[\"file\",\"native\"]}.\n{host,{127,0,0,1},[\"localhost\"]}.\n";
    let started = run(&account, &folder, ports[4], &text, lookup);
    let Files::Combined(file) = &files else {
        unreachable!("made above")
    };
    let made = Made {
        kind: "ejabberd",
        keys: format!("file = {file:?}\n"),
        control: started.control,
        config: started.config,
        files,
        owner: account,
        listeners: chat_listeners(&ports),
        gate: None,
        log: folder.join("ejabberd.log"),
    };
    lab.serving(made, started.process, first)
}

/// Starts ejabberd in its folder by a configuration, its node at a port; `lookup` is for Erlang's resolver.
pub fn run(
    account: &Account,
    folder: &Path,
    node: SocketAddr,
    text: &str,
    lookup: &str,
) -> Started {
    let config = folder.join("ejabberd.yml");
    put(&config, text, account, 0o644);
    let settings = format!(
        "SPOOL_DIR={0}/spool\nLOGS_DIR={0}\nERL_DIST_PORT={1}\n\
         ERL_OPTIONS=\"-setcookie lab -kernel inet_dist_use_interface {{127,0,0,1}} -env ERL_CRASH_DUMP_BYTES 0\"\n",
        folder.display(),
        node.port(),
    );
    put(&folder.join("ejabberdctl.cfg"), &settings, account, 0o644);
    put(&folder.join("inetrc"), lookup, account, 0o644);
    let spool = folder.join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    account.own(&spool);

    let name = format!("ejabberd{}@localhost", node.port());
    let control = control(folder);
    let mut daemon = command(&control);
    daemon.arg("--config-dir").arg(folder);
    daemon.args(["--node", &name, "foreground"]);
    daemon.env("HOME", &spool);
    let process = Process::start(Some(account), &daemon, &folder.join("console.log"));
    Started {
        control: words([
            control.as_os_str(),
            "--config-dir".as_ref(),
            folder.as_os_str(),
            "--node".as_ref(),
            name.as_ref(),
        ]),
        config,
        process,
    }
}

/// `ejabberdctl`; it works for root and its own user alone, so that others get a copy that does not ask.
fn control(folder: &Path) -> PathBuf {
    let installed = program("ejabberdctl", PACKAGE);
    if is_root() {
        return installed;
    }
    let text = std::fs::read_to_string(installed).unwrap();
    let copy = folder.join("ejabberdctl");
    let text = text.replacen("INSTALLUSER=ejabberd", "INSTALLUSER=", 1);
    std::fs::write(&copy, text).unwrap();
    std::fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    copy
}
