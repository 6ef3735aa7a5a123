//! nginx's stream module in front of an echo: one port with files by name, which the master reads at a reload, and one
//! whose file names hold a variable, which the workers read at each handshake.

use super::process::{Account, Process, command, is_root, program, words};
use super::{DOMAIN, Files, Lab, Listener, Made, SECOND, SIP_HOST, Server, place, put};
use crate::world::ports::free_addresses;
use edgecert::lab::traffic::echo_backend;
use edgecert::names::Protocol;
use edgecert::x509::KeyType;

const PACKAGES: &str = "nginx libnginx-mod-stream";
const MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

pub fn start(lab: &Lab, key: KeyType) -> Server {
    // The workers read the files of the second port.
    let account = Account::of("www-data");
    let folder = lab.folder_of("nginx", "www-data");
    let certs = folder.join("certs");
    let first = lab.generation(key);
    let (pem, secret) = (
        certs.join(format!("{DOMAIN}.pem")),
        certs.join(format!("{DOMAIN}.key")),
    );
    let files = Files::Pair(pem.clone(), secret.clone());
    place(&files, &account, &first);
    let second = Files::Pair(
        certs.join(format!("{SECOND}.pem")),
        certs.join(format!("{SECOND}.key")),
    );
    place(&second, &account, &lab.second);

    let ports = free_addresses(2);
    let config = folder.join("nginx.conf");
    let pid = folder.join("nginx.pid");
    let log = folder.join("nginx.log");
    let user = if is_root() { "user www-data;\n" } else { "" };
    assert!(
        std::path::Path::new(MODULE).is_file(),
        "nginx has no stream module: apt-get install -y {PACKAGES}"
    );
    let text = format!(
        r#"load_module {MODULE};
{user}worker_processes 2;
pid {pid};
error_log {log} info;
events {{
    worker_connections 1024;
}}
stream {{
    proxy_timeout 10m;
    map $ssl_server_name $domain {{
        hostnames;
        .{SECOND} {SECOND};
        default {DOMAIN};
    }}
    server {{
        listen {by_name} ssl;
        ssl_certificate {pem};
        ssl_certificate_key {secret};
        proxy_pass {echo};
    }}
    server {{
        listen {by_variable} ssl;
        ssl_certificate {certs}/$domain.pem;
        ssl_certificate_key {certs}/$domain.key;
        proxy_pass {echo};
    }}
}}
"#,
        pid = pid.display(),
        log = log.display(),
        pem = pem.display(),
        secret = secret.display(),
        certs = certs.display(),
        by_name = ports[0],
        by_variable = ports[1],
        echo = echo_backend().unwrap(),
    );
    put(&config, &text, &account, 0o644);

    let nginx = program("nginx", PACKAGES);
    let mut daemon = command(&nginx);
    daemon.arg("-c").arg(&config).args(["-g", "daemon off;"]);
    let process = Process::start(None, &daemon, &log);
    let made = Made {
        kind: "nginx",
        keys: format!("cert-file = {pem:?}\nkey-file = {secret:?}\npid-file = {pid:?}\n"),
        control: words([nginx.as_os_str(), "-c".as_ref(), config.as_os_str()]),
        config,
        files,
        owner: account,
        listeners: vec![
            Listener::new(Protocol::Tls, ports[0], DOMAIN),
            Listener::new(Protocol::Tls, ports[0], SIP_HOST),
            Listener::new(Protocol::Tls, ports[1], DOMAIN),
            Listener::new(Protocol::Tls, ports[1], SECOND),
        ],
        log,
    };
    lab.serving(made, process, first)
}
