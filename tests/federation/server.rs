//! The servers of Debian's packages as an administrator has them before anything is said of partners.

use super::Process;
use crate::servers::process::{Account, command, program, words};
use crate::servers::put;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What a server is made from.
pub struct At<'a> {
    pub domain: &'static str,
    pub folder: &'a Path,
    pub account: &'a Account,
    pub servers: SocketAddr,
    pub clients: SocketAddr,
    /// ejabberd's own.
    pub node: SocketAddr,
    /// The name server.
    pub resolver: SocketAddr,
}

pub struct Started {
    pub config: PathBuf,
    pub control: Vec<String>,
    pub log: PathBuf,
    pub process: Process,
}

/// Prosody asks the name server with libunbound, which has to be told that one of loopback will do.
pub fn prosody(at: &At<'_>) -> Started {
    let library = Path::new("/usr/share/doc/lua-unbound");
    assert!(library.exists(), "apt-get install -y lua-unbound");
    let (folder, log) = (at.folder.display(), at.folder.join("prosody.log"));
    let accounts = at
        .folder
        .join(at.domain.replace('.', "%2e"))
        .join("accounts");
    let user = accounts.join(format!("{}.dat", super::client::USER));
    put(
        &user,
        "return { [\"password\"] = \"p\" };\n",
        at.account,
        0o600,
    );
    at.account.own(accounts.parent().unwrap());
    let config = at.folder.join("prosody.cfg.lua");
    let text = format!(
        r#"pidfile = "{folder}/prosody.pid"
data_path = "{folder}"
admin_socket = "{folder}/prosody.sock"
log = {{ debug = "{}" }}
interfaces = {{ "127.0.0.1" }}
use_ipv6 = false
certificates = "certs"
c2s_ports = {{ {} }}
c2s_direct_tls_ports = {{}}
s2s_ports = {{ {} }}
s2s_direct_tls_ports = {{}}
s2s_timeout = 10
unbound = {{
	resolvconf = false;
	forward = "{}@{}";
	options = {{ ["do-not-query-localhost:"] = "no" }};
}}
modules_enabled = {{ "admin_shell"; "saslauth"; "tls"; "dialback"; "roster" }}
authentication = "internal_plain"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
ssl = {{ cafile = "{folder}/roots.pem" }}

VirtualHost "{}"
"#,
        log.display(),
        at.clients.port(),
        at.servers.port(),
        at.resolver.ip(),
        at.resolver.port(),
        at.domain,
    );
    put(&config, &text, at.account, 0o644);
    let mut daemon = command(&program("prosody", "prosody"));
    daemon.arg("-F").arg("--config").arg(&config);
    let process = Process::start(Some(at.account), &daemon, &at.folder.join("console.log"));
    Started {
        control: words([
            program("prosodyctl", "prosody").as_os_str(),
            "--config".as_ref(),
            config.as_os_str(),
        ]),
        config,
        log,
        process,
    }
}

pub fn ejabberd(at: &At<'_>) -> Started {
    let folder = at.folder.display();
    let config = at.folder.join("ejabberd.yml");
    let text = format!(
        r#"hosts:
  - {}
loglevel: info
certfiles:
  - "{folder}/certs/*.pem"
ca_file: "{folder}/roots.pem"
# Any password will do.
auth_method: anonymous
anonymous_protocol: login_anon
listen:
  - port: {}
    ip: "127.0.0.1"
    module: ejabberd_c2s
  - port: {}
    ip: "127.0.0.1"
    module: ejabberd_s2s_in
s2s_use_starttls: required
# A partner that could not be reached is tried again at once.
s2s_max_retry_delay: 1
modules:
  mod_disco: {{}}
  mod_s2s_dialback: {{}}
"#,
        at.domain,
        at.clients.port(),
        at.servers.port(),
    );
    put(&config, &text, at.account, 0o644);
    let settings = format!(
        "SPOOL_DIR={folder}/spool\nLOGS_DIR={folder}\nERL_DIST_PORT={}\n\
         ERL_OPTIONS=\"-setcookie lab -kernel inet_dist_use_interface {{127,0,0,1}} -env ERL_CRASH_DUMP_BYTES 0\"\n",
        at.node.port(),
    );
    put(
        &at.folder.join("ejabberdctl.cfg"),
        &settings,
        at.account,
        0o644,
    );
    // Without its own empty files it goes by the system's.
    let octets = at.resolver.ip().to_string().replace('.', ",");
    let lookup = format!(
        "{{lookup,[file,dns]}}.\n{{resolv_conf,\"\"}}.\n{{hosts_file,\"\"}}.\n{{host,{{127,0,0,1}},[\"localhost\"]}}.\n\
         {{nameserver,{{{octets}}},{}}}.\n",
        at.resolver.port(),
    );
    put(&at.folder.join("inetrc"), &lookup, at.account, 0o644);
    let spool = at.folder.join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    at.account.own(&spool);
    let node = format!("ejabberd{}@localhost", at.node.port());
    let control = crate::servers::ejabberd::control(at.folder);
    let mut daemon = command(&control);
    daemon.arg("--config-dir").arg(at.folder);
    daemon.args(["--node", &node, "foreground"]);
    daemon.env("HOME", &spool);
    let process = Process::start(Some(at.account), &daemon, &at.folder.join("console.log"));
    Started {
        control: words([
            control.as_os_str(),
            "--config-dir".as_ref(),
            at.folder.as_os_str(),
            "--node".as_ref(),
            node.as_ref(),
        ]),
        config,
        log: at.folder.join("ejabberd.log"),
        process,
    }
}
