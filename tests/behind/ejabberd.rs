//! ejabberd behind the gateway: streams between servers in clear, each with a PROXY header.

use super::{HERE, Side};
use crate::servers::process::{Account, Process, command};
use crate::servers::{Lab, put};
use std::net::SocketAddr;

pub fn start(
    lab: &Lab,
    [servers, clients]: [SocketAddr; 2],
    node: SocketAddr,
    resolver: SocketAddr,
) -> Side {
    let account = Account::of("ejabberd");
    let folder = lab.world.path(HERE);
    let (certs, spool) = (folder.join("certs"), folder.join("spool"));
    for made in [&certs, &spool] {
        std::fs::create_dir_all(made).unwrap();
    }
    account.own(&folder);
    account.own(&spool);
    let pair = lab.pki.self_signed(HERE);
    put(&certs.join("own.pem"), &pair.combined(), &account, 0o640);
    let at = folder.display();
    let text = format!(
        r#"hosts:
  - {HERE}
loglevel: info
certfiles:
  - "{at}/certs/*.pem"
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
    use_proxy_protocol: true
s2s_use_starttls: optional
s2s_max_retry_delay: 1
modules:
  mod_disco: {{}}
  mod_s2s_dialback: {{}}
"#,
        clients.port(),
        servers.port(),
    );
    put(&folder.join("ejabberd.yml"), &text, &account, 0o644);
    let settings = format!(
        "SPOOL_DIR={at}/spool\nLOGS_DIR={at}\nERL_DIST_PORT={}\n\
         ERL_OPTIONS=\"-setcookie lab -kernel inet_dist_use_interface {{127,0,0,1}} -env ERL_CRASH_DUMP_BYTES 0\"\n",
        node.port(),
    );
    put(&folder.join("ejabberdctl.cfg"), &settings, &account, 0o644);
    let octets = resolver.ip().to_string().replace('.', ",");
    let lookup = format!(
        "{{lookup,[file,dns]}}.\n{{resolv_conf,\"\"}}.\n{{hosts_file,\"\"}}.\n{{host,{{127,0,0,1}},[\"localhost\"]}}.\n\
         {{nameserver,{{{octets}}},{}}}.\n",
        resolver.port(),
    );
    put(&folder.join("inetrc"), &lookup, &account, 0o644);
    let mut daemon = command(&crate::servers::ejabberd::control(&folder));
    daemon.arg("--config-dir").arg(&folder);
    let name = format!("ejabberd{}@localhost", node.port());
    daemon.args(["--node", &name, "foreground"]);
    daemon.env("HOME", &spool);
    daemon.env("ERL_INETRC", folder.join("inetrc"));
    let process = Process::start(Some(&account), &daemon, &folder.join("console.log"));
    Side {
        clients,
        log: folder.join("ejabberd.log"),
        _process: process,
    }
}
