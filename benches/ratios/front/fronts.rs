//! The three fronts, each on the first core with one thread, and what they use of the machine.

use super::super::gateway::{Server, free_address, must, wait_for};
use super::super::world::{PROGRAM, World};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// Clock ticks of a second in /proc (proc(5); `getconf CLK_TCK` is 100 on every Linux that counts).
const TICKS: f64 = 100.0;

/// A front that runs.
pub struct Front {
    pub name: &'static str,
    pub address: SocketAddr,
    server: Server,
}

/// All of them; ours is the first.
pub struct Fronts {
    pub all: [Front; 3],
    /// Where ours speaks STARTTLS.
    pub starttls: SocketAddr,
}

/// Starts all three with one certificate of this key type.
pub fn start(world: &World, key_type: &str, backend: SocketAddr, idle: usize) -> Fronts {
    let files = 2 * idle + 512;
    let (ours, starttls) = (free_address(), free_address());
    deploy(world, key_type, [ours, starttls], backend, idle);
    let mut command = pinned(PROGRAM);
    command
        .args(["gateway", "run", "front", "--quiet"])
        .current_dir(world.path());
    let server = spawn(command, ours);
    must(world, &["assign"]);
    let live = world.path().join("edgecert.state/live/external-edge");
    let all = [
        Front {
            name: "edgecert",
            address: ours,
            server,
        },
        nginx(world.path(), &live, backend, files),
        haproxy(world.path(), &live, backend, files),
    ];
    Fronts { all, starttls }
}

fn deploy(world: &World, key_type: &str, at: [SocketAddr; 2], backend: SocketAddr, idle: usize) {
    must(world, &["lab", "ca", "--out", "ca"]);
    let path = world.path().join("edgecert.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replacen("[\"system\"]", "[\"ca/root.pem\"]", 1);
    let [tls, starttls] = at;
    let tables = format!(
        "\n[gateway.embedded.front]\ncertificate = \"external-edge\"\nconnection-limit = {}\nroots = [\"ca/root.pem\"]\n\
         others = {{ tls = \"required\", sasl = \"optional\", dialback = true }}\n\
         [[gateway.embedded.front.listener]]\nprotocol = \"tls\"\nlisten = \"{tls}\"\nbackend = \"{backend}\"\n\
         [[gateway.embedded.front.listener]]\nprotocol = \"xmpp-server\"\nlisten = \"{starttls}\"\nbackend = \"{backend}\"\n",
        // All of them come from one source, and the gateway leaves others a quarter.
        2 * idle + 100
    );
    std::fs::write(&path, text + &tables).unwrap();
    must(world, &["request", "--key-type", key_type]);
    let requests = world.path().join("edgecert.state/requests/external-edge");
    let request = std::fs::read_dir(requests).unwrap().next().unwrap();
    let csr = request.unwrap().path().join("csr.pem");
    let csr = csr.to_str().unwrap();
    must(
        world,
        &["lab", "sign", csr, "--ca", "ca", "--out", "reply.pem"],
    );
    must(world, &["import", "reply.pem"]);
}

fn nginx(folder: &Path, live: &Path, backend: SocketAddr, files: usize) -> Front {
    let address = free_address();
    let folder = folder.join("nginx");
    std::fs::create_dir_all(&folder).unwrap();
    let config = folder.join("nginx.conf");
    let text = format!(
        "load_module {MODULE};\nworker_processes 1;\nworker_rlimit_nofile {files};\npid {0}/nginx.pid;\n\
         error_log {0}/error.log error;\nevents {{ worker_connections {files}; }}\n\
         stream {{\n  access_log off;\n  server {{\n    listen {address} ssl backlog=4096;\n\
         \x20   ssl_certificate {1}/fullchain.pem;\n    ssl_certificate_key {1}/privkey.pem;\n\
         \x20   ssl_verify_client optional_no_ca;\n    ssl_protocols TLSv1.3; ssl_session_cache off;\n    proxy_timeout 1h;\n\
         \x20   tcp_nodelay on;\n    proxy_pass {backend};\n  }}\n}}\n",
        folder.display(),
        live.display(),
    );
    std::fs::write(&config, text).unwrap();
    let mut command = pinned("nginx");
    command
        .arg("-c")
        .arg(&config)
        .args(["-g", "daemon off; user root;"]);
    Front {
        name: "nginx",
        address,
        server: spawn(command, address),
    }
}

fn haproxy(folder: &Path, live: &Path, backend: SocketAddr, files: usize) -> Front {
    let address = free_address();
    let folder = folder.join("haproxy");
    std::fs::create_dir_all(&folder).unwrap();
    let (config, pem) = (folder.join("haproxy.cfg"), folder.join("edge.pem"));
    let parts =
        ["fullchain.pem", "privkey.pem"].map(|name| std::fs::read(live.join(name)).unwrap());
    std::fs::write(&pem, parts.concat()).unwrap();
    let text = format!(
        "global\n    nbthread 1\n    maxconn {}\n    tune.ssl.cachesize 0\n    tune.ssl.default-dh-param 2048\n\
         defaults\n    mode tcp\n    timeout connect 10s\n    timeout client 1h\n    timeout server 1h\n\
         listen front\n    bind {address} ssl crt {} verify optional ca-file {} crt-ignore-err all ca-ignore-err all backlog 4096\n\
         \x20   server backend {backend}\n",
        files / 2,
        pem.display(),
        folder.parent().unwrap().join("ca/root.pem").display(),
    );
    std::fs::write(&config, text).unwrap();
    let mut command = pinned("haproxy");
    command.arg("-db").arg("-f").arg(&config);
    Front {
        name: "HAProxy",
        address,
        server: spawn(command, address),
    }
}

/// A program on the first core; without a second one, wherever it is.
fn pinned(program: &str) -> Command {
    on_core("0", program)
}

/// A program on one core, where there are two.
pub fn on_core(core: &str, program: &str) -> Command {
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
        let mut command = Command::new("taskset");
        command.args(["-c", core, program]);
        command
    } else {
        Command::new(program)
    }
}

fn spawn(mut command: Command, address: SocketAddr) -> Server {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error} (scripts/test installs the servers)"));
    let server = Server(child);
    wait_for(address);
    server
}

impl Front {
    /// The process (which taskset became) and its children.
    fn processes(&self) -> Vec<u32> {
        let own = self.server.0.id();
        let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().map(|pid| pid.parse().unwrap());
        std::iter::once(own).chain(children).collect()
    }

    /// User and system time so far.
    pub fn processor_seconds(&self) -> f64 {
        let ticks = self.processes().into_iter().map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            // The name may hold anything; the fields begin after its parenthesis.
            let fields = stat.rsplit_once(')').unwrap().1;
            let fields: Vec<&str> = fields.split_whitespace().collect();
            fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()
        });
        ticks.sum::<f64>() / TICKS
    }

    /// Resident memory of all its processes.
    pub fn resident_kilobytes(&self) -> f64 {
        let processes = self.processes().into_iter();
        processes.map(super::super::gateway::resident).sum()
    }
}
