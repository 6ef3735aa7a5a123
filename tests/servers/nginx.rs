//! nginx's stream module in front of an echo. File names are fixed, and the master reads the files at a reload; or they
//! hold a variable, and the workers read them at each handshake, without any command.

use super::process::{Account, Process, command, is_root, program, words};
use super::{DOMAIN, Files, Lab, Listener, Made, SECOND, SIP_HOST, Server, place, put};
use crate::world::ports::free_addresses;
use edgecert::lab::traffic::echo_backend;
use edgecert::names::Protocol;
use edgecert::x509::KeyType;

const PACKAGES: &str = "nginx libnginx-mod-stream";
const MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// How the configuration names its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// A pair of files, `[gateway.nginx.NAME]`.
    Fixed,
    /// One combined file a domain, so that one rename changes certificate and key: with two, workers met the new one
    /// beside the old one and shook no hands. `[gateway.files.NAME]`, as no command is needed.
    Variable,
}

pub fn start(lab: &Lab, key: KeyType, names: Names) -> Server {
    // The workers read files whose names hold a variable.
    let account = Account::of("www-data");
    let name = match names {
        Names::Fixed => "nginx",
        Names::Variable => "nginx-variable",
    };
    let folder = lab.folder_of(name, "www-data");
    let certs = folder.join("certs");
    let first = lab.generation(key);
    let (pem, secret) = (
        certs.join(format!("{DOMAIN}.pem")),
        certs.join(format!("{DOMAIN}.key")),
    );
    let files = match names {
        Names::Fixed => Files::Pair(pem.clone(), secret.clone()),
        Names::Variable => Files::Combined(pem.clone()),
    };
    place(&files, &account, &first);
    let second = Files::Combined(certs.join(format!("{SECOND}.pem")));
    place(&second, &account, &lab.second);

    let address = free_addresses(1)[0];
    let config = folder.join("nginx.conf");
    let pid = folder.join("nginx.pid");
    let log = folder.join("nginx.log");
    assert!(
        std::path::Path::new(MODULE).is_file(),
        "nginx has no stream module: apt-get install -y {PACKAGES}"
    );
    let certificate = match names {
        Names::Fixed => format!(
            "        ssl_certificate {};\n        ssl_certificate_key {};\n",
            pem.display(),
            secret.display()
        ),
        Names::Variable => format!(
            "        ssl_certificate {0}/$domain.pem;\n        ssl_certificate_key {0}/$domain.pem;\n",
            certs.display()
        ),
    };
    let user = if is_root() { "user www-data;\n" } else { "" };
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
        listen {address} ssl;
{certificate}        proxy_pass {echo};
    }}
}}
"#,
        pid = pid.display(),
        log = log.display(),
        echo = echo_backend().unwrap(),
    );
    put(&config, &text, &account, 0o644);

    let nginx = program("nginx", PACKAGES);
    let mut daemon = command(&nginx);
    daemon.arg("-c").arg(&config).args(["-g", "daemon off;"]);
    let process = Process::start(None, &daemon, &log);
    let (kind, keys) = match names {
        Names::Fixed => (
            "nginx",
            format!("cert-file = {pem:?}\nkey-file = {secret:?}\npid-file = {pid:?}\n"),
        ),
        Names::Variable => ("files", String::new()),
    };
    let second = Listener::new(Protocol::Tls, address, SECOND);
    let made = Made {
        kind,
        keys,
        control: words([nginx.as_os_str(), "-c".as_ref(), config.as_os_str()]),
        config,
        files,
        owner: account,
        listeners: match names {
            // One certificate for every name: the client is not asked for the second one, which it would refuse.
            Names::Fixed => vec![
                Listener::new(Protocol::Tls, address, DOMAIN),
                Listener::new(Protocol::Tls, address, SIP_HOST),
            ],
            Names::Variable => vec![Listener::new(Protocol::Tls, address, DOMAIN), second],
        },
        gate: None,
        log,
    };
    lab.serving(made, process, first)
}
