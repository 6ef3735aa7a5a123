//! Kamailio with a TLS profile for `example.test` and all else, one by SNI for `second.test`, and `kamcmd`.
//!
//! One TCP worker: with more, the 5.6.3 of Debian 12 dies under two clients at once, without any change
//! (kamailio/kamailio#3791). And `kamcmd` behind a gate that each handshake of a load goes through as well: its processes
//! share the state of OpenSSL 3, and of 481 times `tls.reload` beside one client, 14 were answered with `error: 500` for
//! good files (kamailio/kamailio#3737) and 3 were the end of the server. Between two handshakes it is safe: 200 of 200.

use super::process::{Account, Process, command, program, words};
use super::{DOMAIN, Files, Lab, Listener, Made, SECOND, SIP_HOST, Server, place, put};
use crate::world::ports::free_addresses;
use edgecert::names::Protocol;
use edgecert::x509::KeyType;
use std::path::{Path, PathBuf};
use std::process::Output;

const PACKAGES: &str = "kamailio kamailio-tls-modules";

pub fn start(lab: &Lab, key: KeyType) -> Server {
    let account = Account::of("kamailio");
    let folder = lab.folder_of("kamailio", "kamailio");
    let certs = folder.join("certs");
    let first = lab.generation(key);
    let (pem, secret) = (certs.join("example.pem"), certs.join("example.key"));
    let files = Files::Pair(pem.clone(), secret.clone());
    place(&files, &account, &first);
    let (second_pem, second_key) = (certs.join("second.pem"), certs.join("second.key"));
    place(
        &Files::Pair(second_pem.clone(), second_key.clone()),
        &account,
        &lab.second,
    );

    let profile = |head: &str, names: &str, pem: &Path, key: &Path| {
        format!(
            "[{head}]\nmethod = TLSv1.2+\n{names}private_key = {}\ncertificate = {}\n",
            key.display(),
            pem.display()
        )
    };
    let by_name = format!("server_name = {SECOND}\nserver_name_mode = 1\n");
    let profiles = [
        profile("server:default", "", &pem, &secret),
        profile("client:default", "", &pem, &secret),
        profile("server:any", &by_name, &second_pem, &second_key),
    ];
    put(&folder.join("tls.cfg"), &profiles.concat(), &account, 0o644);

    let address = free_addresses(1)[0];
    let config = folder.join("kamailio.cfg");
    let text = format!(
        r#"debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=1
tcp_connection_lifetime=600
disable_core_dump=yes
auto_aliases=no
enable_tls=yes
listen=tls:{address}
loadmodule "sl.so"
loadmodule "ctl.so"
loadmodule "tls.so"
modparam("ctl", "binrpc", "unix:{folder}/kamailio_ctl")
modparam("tls", "config", "{folder}/tls.cfg")
request_route {{
    sl_send_reply("200", "OK");
}}
"#,
        folder = folder.display(),
    );
    put(&config, &text, &account, 0o644);

    let (log, gate) = (folder.join("kamailio.log"), folder.join("gate"));
    put(&gate, "", &account, 0o644);
    let mut daemon = command(&program("kamailio", PACKAGES));
    daemon.args(["-DD", "-E", "-f"]).arg(&config);
    daemon
        .arg("-Y")
        .arg(&folder)
        .arg("-P")
        .arg(folder.join("kamailio.pid"));
    let process = Process::start(Some(&account), &daemon, &log);
    let listeners =
        [DOMAIN, SIP_HOST, SECOND].map(|name| Listener::new(Protocol::Sips, address, name));
    let made = Made {
        kind: "kamailio",
        keys: format!(
            "cert-file = {pem:?}\nkey-file = {secret:?}\nrpc = {:?}\n",
            folder.join("kamailio_ctl")
        ),
        control: words([
            program("flock", "util-linux").as_os_str(),
            gate.as_os_str(),
            program("kamcmd", PACKAGES).as_os_str(),
        ]),
        config,
        files,
        owner: account,
        listeners: listeners.into(),
        gate: Some(gate),
        log,
    };
    lab.serving(made, process, first)
}

/// Where its RPC socket is.
pub fn socket(server: &Server) -> PathBuf {
    server.config().with_file_name("kamailio_ctl")
}

/// Runs `kamcmd` for a server.
#[track_caller]
pub fn rpc(server: &Server, words: &[&str]) -> Output {
    let socket = format!("unix:{}", socket(server).display());
    let mut all = vec!["-s", &socket];
    all.extend(words);
    server.control(&all)
}

/// Has it read its files again; the answer stands in the text alone.
#[track_caller]
pub fn reload(server: &Server) {
    let said = rpc(server, &["tls.reload"]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let taken = text.contains("Ok. TLS configuration reloaded.");
    assert!(taken, "{said:?}\n{}", server.log());
}
