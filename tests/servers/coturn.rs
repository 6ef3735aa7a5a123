//! coturn with `cert` and `pkey`, one certificate for all names, and SIGUSR2.

use super::process::{Account, Process, command, program, words};
use super::{DOMAIN, Files, Lab, Listener, Made, SIP_HOST, Server, place, put};
use crate::world::ports::free_addresses;
use edgecert::names::Protocol;
use edgecert::x509::KeyType;

const PACKAGE: &str = "coturn";

pub fn start(lab: &Lab, key: KeyType) -> Server {
    let account = Account::of("turnserver");
    let folder = lab.folder_of("coturn", "turnserver");
    let certs = folder.join("certs");
    let first = lab.generation(key);
    let (pem, secret) = (certs.join("turn.pem"), certs.join("turn.key"));
    let files = Files::Pair(pem.clone(), secret.clone());
    place(&files, &account, &first);

    let ports = free_addresses(2);
    let (config, pid, log) = (
        folder.join("turnserver.conf"),
        folder.join("turnserver.pid"),
        folder.join("turnserver.log"),
    );
    let text = format!(
        "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={}\ntls-listening-port={}\n\
         cert={}\npkey={}\npidfile={}\nuserdb={}/turndb\nlog-file=stdout\nverbose\n\
         realm={DOMAIN}\nlt-cred-mech\nno-cli\nno-udp\nno-dtls\nrelay-threads=1\n",
        ports[0].port(),
        ports[1].port(),
        pem.display(),
        secret.display(),
        pid.display(),
        folder.display(),
    );
    put(&config, &text, &account, 0o644);

    let turnserver = program("turnserver", PACKAGE);
    let mut daemon = command(&turnserver);
    daemon.arg("-c").arg(&config);
    let process = Process::start(Some(&account), &daemon, &log);
    let made = Made {
        kind: "coturn",
        keys: format!("cert-file = {pem:?}\nkey-file = {secret:?}\npid-file = {pid:?}\n"),
        control: words([turnserver.as_os_str()]),
        config,
        files,
        owner: account,
        listeners: [DOMAIN, SIP_HOST]
            .map(|name| Listener::new(Protocol::Tls, ports[1], name))
            .into(),
        gate: None,
        log,
    };
    lab.serving(made, process, first)
}
