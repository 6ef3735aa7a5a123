//! A Prosody or ejabberd of one domain with one user, which finds other domains by the name server of the test.

use super::pki::Generation;
use super::process::{Account, Process};
use super::user::{self, User};
use super::{Files, Lab, POLL, STARTS_WITHIN, ejabberd, place, prosody, put};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A log may lag behind what it tells of.
const LOGGED_WITHIN: Duration = Duration::from_secs(30);

/// What runs a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Prosody,
    Ejabberd,
}

/// One to be.
pub struct Plan<'a> {
    pub domain: &'static str,
    pub kind: Kind,
    pub servers: SocketAddr,
    pub clients: SocketAddr,
    /// ejabberd's own.
    pub node: SocketAddr,
    pub resolver: SocketAddr,
    pub pair: &'a Generation,
    /// More lines of its configuration.
    pub settings: &'a str,
    /// More lines of ejabberd's listener for servers.
    pub listener: &'a str,
}

/// One that runs until it is dropped.
pub struct Side {
    pub domain: &'static str,
    pub kind: Kind,
    pub files: Files,
    pub config: PathBuf,
    pub control: Vec<String>,
    pub account: Account,
    pub process: Process,
    log: PathBuf,
    clients: SocketAddr,
}

impl Kind {
    /// Its system user.
    pub fn user(self) -> &'static str {
        match self {
            Kind::Prosody => "prosody",
            Kind::Ejabberd => "ejabberd",
        }
    }
}

impl Side {
    /// Starts one, and does not wait for it.
    pub fn start(lab: &Lab, plan: &Plan<'_>) -> Self {
        let Plan { domain, kind, .. } = *plan;
        let account = Account::of(kind.user());
        let folder = lab.folder_of(domain, kind.user());
        let certs = folder.join("certs");
        let files = match kind {
            Kind::Prosody => Files::Pair(
                certs.join(format!("{domain}.crt")),
                certs.join(format!("{domain}.key")),
            ),
            Kind::Ejabberd => Files::Combined(certs.join("edge.pem")),
        };
        place(&files, &account, plan.pair);
        let (log, started) = match kind {
            Kind::Prosody => {
                keep_user(&account, &folder, domain);
                let text = prosody_text(plan, &folder);
                let console = folder.join("console.log");
                (
                    folder.join("prosody.log"),
                    prosody::run(&account, &folder, &text, &console),
                )
            }
            Kind::Ejabberd => {
                let (text, lookup) = (ejabberd_text(plan, &folder), lookup(plan.resolver));
                (
                    folder.join("ejabberd.log"),
                    ejabberd::run(&account, &folder, plan.node, &text, &lookup),
                )
            }
        };
        Self {
            domain,
            kind,
            files,
            config: started.config,
            control: started.control,
            account,
            process: started.process,
            log,
            clients: plan.clients,
        }
    }

    /// Waits until its clients' port answers.
    pub fn wait(&self) {
        let deadline = Instant::now() + STARTS_WITHIN;
        while TcpStream::connect(self.clients).is_err() {
            if let Some(status) = self.process.ended() {
                panic!("{} ended with {status}: {}", self.domain, self.log());
            }
            assert!(Instant::now() < deadline, "{}: {}", self.domain, self.log());
            std::thread::sleep(POLL);
        }
    }

    #[track_caller]
    pub fn user(&self) -> User {
        User::sign_in(self.clients, self.domain)
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether its log comes to hold these words.
    pub fn logs(&self, words: &str) -> bool {
        let deadline = Instant::now() + LOGGED_WITHIN;
        while Instant::now() < deadline {
            if self.log().contains(words) {
                return true;
            }
            std::thread::sleep(POLL);
        }
        false
    }
}

/// The one user, in Prosody's plain store.
fn keep_user(account: &Account, folder: &Path, domain: &str) {
    let accounts = folder.join(domain.replace('.', "%2e")).join("accounts");
    put(
        &accounts.join(format!("{}.dat", user::USER)),
        "return { [\"password\"] = \"p\" };\n",
        account,
        0o600,
    );
    account.own(accounts.parent().unwrap());
}

/// Prosody asks the name server with libunbound, which has to be told that one of loopback will do.
fn prosody_text(plan: &Plan<'_>, folder: &Path) -> String {
    let library = Path::new("/usr/share/doc/lua-unbound");
    assert!(library.exists(), "apt-get install -y lua-unbound");
    format!(
        r#"pidfile = "{folder}/prosody.pid"
data_path = "{folder}"
admin_socket = "{folder}/prosody.sock"
log = {{ debug = "{folder}/prosody.log" }}
interfaces = {{ "127.0.0.1" }}
use_ipv6 = false
certificates = "certs"
c2s_ports = {{ {} }}
c2s_direct_tls_ports = {{}}
s2s_ports = {{ {} }}
s2s_direct_tls_ports = {{}}
unbound = {{
	resolvconf = false;
	forward = "{}@{}";
	options = {{ ["do-not-query-localhost:"] = "no" }};
}}
modules_enabled = {{ "admin_shell"; "saslauth"; "tls"; "dialback"; "roster" }}
authentication = "internal_plain"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
{}
VirtualHost "{}"
"#,
        plan.clients.port(),
        plan.servers.port(),
        plan.resolver.ip(),
        plan.resolver.port(),
        plan.settings,
        plan.domain,
        folder = folder.display(),
    )
}

fn ejabberd_text(plan: &Plan<'_>, folder: &Path) -> String {
    format!(
        r#"hosts:
  - {}
loglevel: info
certfiles:
  - "{}/certs/*.pem"
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
{}# A partner that could not be reached is tried again at once.
s2s_max_retry_delay: 1
modules:
  mod_disco: {{}}
  mod_s2s_dialback: {{}}
{}"#,
        plan.domain,
        folder.display(),
        plan.clients.port(),
        plan.servers.port(),
        plan.listener,
        plan.settings,
    )
}

/// For Erlang's resolver, which without its own empty files goes by the system's.
fn lookup(resolver: SocketAddr) -> String {
    let octets = resolver.ip().to_string().replace('.', ",");
    format!(
        "{{lookup,[file,dns]}}.\n{{resolv_conf,\"\"}}.\n{{hosts_file,\"\"}}.\n{{host,{{127,0,0,1}},[\"localhost\"]}}.\n\
         {{nameserver,{{{octets}}},{}}}.\n",
        resolver.port(),
    )
}
