//! HAProxy in front of an echo: one port with a folder of combined files, one with a single file; a master and its
//! worker, so that SIGUSR2 reloads.

use super::pki::Generation;
use super::process::{Account, Process, Started, command, is_root, program, words};
use super::{DOMAIN, Files, Lab, Listener, Made, SECOND, SIP_HOST, Server, place, put};
use crate::world::ports::free_addresses;
use edgecert::lab::traffic::echo_backend;
use edgecert::names::Protocol;
use edgecert::x509::KeyType;
use rustix::process::Signal;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PACKAGE: &str = "haproxy";

/// For new workers to be ready.
const RELOADS_WITHIN: Duration = Duration::from_secs(30);

/// Whether there is a runtime API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admin {
    Socket,
    Missing,
}

pub fn start(lab: &Lab, key: KeyType, admin: Admin) -> Server {
    // It reads keys before it drops its rights.
    let account = Account::of("root");
    let folder = lab.folder_of("haproxy", "root");
    let certs = folder.join("certs");
    let first = lab.generation(key);
    let file = certs.join(format!("{DOMAIN}.pem"));
    let files = Files::Combined(file.clone());
    place(&files, &account, &first);
    let second = Files::Combined(certs.join(format!("{SECOND}.pem")));
    place(&second, &account, &lab.second);

    let ports = free_addresses(2);
    let (socket, pid) = (folder.join("admin.sock"), folder.join("haproxy.pid"));
    let stats = match admin {
        Admin::Socket => format!(
            "    stats socket {} mode 600 level admin expose-fd listeners\n",
            socket.display()
        ),
        Admin::Missing => String::new(),
    };
    let rights = if is_root() {
        "    user haproxy\n    group haproxy\n"
    } else {
        ""
    };
    let text = format!(
        "global\n    log stderr format raw local0 info\n{stats}{rights}\
         defaults\n    mode tcp\n    timeout connect 10s\n    timeout client 10m\n    timeout server 10m\n\
         frontend folder\n    bind {} ssl crt {}/\n    default_backend echo\n\
         frontend file\n    bind {} ssl crt {}\n    default_backend echo\n\
         backend echo\n    server echo {}\n",
        ports[0],
        certs.display(),
        ports[1],
        file.display(),
        echo_backend().unwrap(),
    );
    let started = run(
        &folder,
        &text,
        &["-W".as_ref(), "-p".as_ref(), pid.as_os_str()],
    );
    let socket_key = match admin {
        Admin::Socket => format!("socket = {socket:?}\n"),
        Admin::Missing => String::new(),
    };
    let made = Made {
        kind: "haproxy",
        keys: format!("file = {file:?}\npid-file = {pid:?}\n{socket_key}"),
        control: started.control,
        config: started.config,
        files,
        owner: account,
        listeners: vec![
            Listener::new(Protocol::Tls, ports[0], DOMAIN),
            Listener::new(Protocol::Tls, ports[0], SECOND),
            Listener::new(Protocol::Tls, ports[1], SIP_HOST),
        ],
        gate: None,
        log: folder.join("haproxy.log"),
    };
    let server = lab.serving(made, started.process, first);
    // A worker serves before its master listens to signals.
    server.wait_until(RELOADS_WITHIN, || loaded(&server, 1));
    server
}

/// Starts HAProxy in its folder by a configuration, with more arguments.
pub fn run(folder: &Path, text: &str, more: &[&OsStr]) -> Started {
    let config = folder.join("haproxy.cfg");
    put(&config, text, &Account::of("root"), 0o644);
    let haproxy = program("haproxy", PACKAGE);
    let mut daemon = command(&haproxy);
    daemon.args(more).arg("-f").arg(&config);
    Started {
        control: words([haproxy.as_os_str()]),
        config,
        process: Process::start(None, &daemon, &folder.join("haproxy.log")),
    }
}

/// Whether the master says that so many generations of workers are ready.
fn loaded(server: &Server, wanted: usize) -> Result<(), String> {
    let count = server.log().matches("Loading success.").count();
    (count >= wanted).then_some(()).ok_or(format!(
        "{count} of {wanted} generations of workers were loaded"
    ))
}

/// Has the master start workers anew, and waits until it says so: a signal within a reload may be lost.
#[track_caller]
pub fn reload(server: &Server) {
    let before = server.log().matches("Loading success.").count();
    server.process.signal(Signal::USR2);
    server.wait_until(RELOADS_WITHIN, || loaded(server, before + 1));
}

/// Where its admin socket is.
pub fn socket(server: &Server) -> PathBuf {
    server.config().with_file_name("admin.sock")
}

/// One command on the admin socket; what was answered.
#[track_caller]
pub fn admin(server: &Server, command: &str) -> String {
    let mut stream = UnixStream::connect(socket(server)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(command.as_bytes()).unwrap();
    stream.write_all(b"\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Gives it a generation for its file by the runtime API; what was answered to the commit.
#[track_caller]
pub fn set_and_commit(server: &Server, generation: &Generation) -> String {
    let Files::Combined(file) = server.files() else {
        panic!("HAProxy has one file")
    };
    let pem = generation.combined();
    let lines: Vec<&str> = pem.lines().filter(|line| !line.is_empty()).collect();
    let file = file.display();
    let opened = admin(
        server,
        &format!("set ssl cert {file} <<\n{}\n", lines.join("\n")),
    );
    assert!(opened.contains("Transaction created"), "{opened}");
    admin(server, &format!("commit ssl cert {file}"))
}
