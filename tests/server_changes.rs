//! What is changed in the configuration of a server is taken by the server itself, and does what it is for.
//!
//! The texts are those of `fixtures/servers`; a server that is missing is a failure, with the command that installs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use edgecert::names::Domain;
use edgecert::servers::{Change, ConfigError, PathKind, Source, coturn, haproxy, kamailio, nginx};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use world::{World, ports};

/// The file system, as the readers see it.
struct Disk;

impl Source for Disk {
    fn read(&self, path: &Path) -> Result<String, ConfigError> {
        std::fs::read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .map_err(|error| ConfigError::Unreadable {
                path: path.to_path_buf(),
                why: error.to_string(),
            })
    }

    fn look(&self, path: &Path) -> Option<PathKind> {
        let found = std::fs::metadata(path).ok()?;
        Some(if found.is_dir() {
            PathKind::Folder
        } else {
            PathKind::File
        })
    }

    /// `FOLDER/*` and nothing else, which is all that the fixtures have.
    fn expand(&self, pattern: &Path) -> Vec<PathBuf> {
        assert_eq!(pattern.file_name().unwrap(), "*");
        let Ok(entries) = std::fs::read_dir(pattern.parent().unwrap()) else {
            return Vec::new();
        };
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    }
}

/// A folder with two pairs in it: `edge`, and `other` that is there before.
struct Place {
    world: World,
    port: u16,
}

impl Place {
    fn new() -> Self {
        let world = World::new();
        for name in ["edge", "other"] {
            world.self_signed(name, name, name, "30");
            let both = world.read(&format!("{name}.pem")) + &world.read(&format!("{name}.key"));
            world.write(&format!("{name}.both"), both);
        }
        Self {
            world,
            port: ports::free_addresses(1)[0].port(),
        }
    }

    /// A fixture, put here under a name.
    fn put(&self, fixture: &str, name: &str) -> PathBuf {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/servers")
            .join(fixture);
        let text = std::fs::read_to_string(path)
            .unwrap()
            .replace(
                "@ROOT@",
                self.path("").to_str().unwrap().trim_end_matches('/'),
            )
            .replace("@PORT@", &self.port.to_string());
        let here = self.path(name);
        std::fs::create_dir_all(here.parent().unwrap()).unwrap();
        std::fs::write(&here, text).unwrap();
        here
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.path(name)
    }
}

fn make(change: &Change) {
    assert_eq!(
        std::fs::read_to_string(&change.file).unwrap(),
        change.before
    );
    std::fs::write(&change.file, &change.after).unwrap();
}

fn domains(names: &[&str]) -> Vec<Domain> {
    names
        .iter()
        .map(|name| Domain::parse(name).unwrap())
        .collect()
}

/// A server's own check of its configuration.
#[track_caller]
fn accepted(program: &str, arguments: &[&str], configuration: &Path) {
    let output = Command::new(program)
        .args(arguments)
        .arg(configuration)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; apt-get install {program}"));
    assert!(
        output.status.success(),
        "{program}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A server that runs until this is dropped.
struct Running(Child);

impl Running {
    fn start(mut command: Command, address: SocketAddr) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let running = Self(child);
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{command:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its own children end with it on SIGTERM alone.
        let pid = self.0.id().to_string();
        let _ = Command::new("kill").arg(&pid).status();
        let begun = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The subject of the certificate that is shown for a name; openssl ends by itself as there is nothing to send.
fn shown(address: SocketAddr, name: &str) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string()])
        .args(["-servername", name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed by scripts/test");
    child.stdin.take().unwrap().write_all(b"Q\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .find_map(|line| line.strip_prefix("subject=CN = "))
        .unwrap_or_else(|| panic!("{name}: {text}"))
        .to_owned()
}

fn kamailio(place: &Place) -> Running {
    let mut command = Command::new("kamailio");
    command
        .arg("-f")
        .arg(place.path("kamailio.cfg"))
        .args(["-DD", "-E", "-m", "32", "-M", "4"])
        .arg("-Y")
        .arg(place.path(""));
    Running::start(command, SocketAddr::from(([127, 0, 0, 1], place.port)))
}

#[test]
fn kamailio_shows_the_pair_for_the_names_of_a_new_profile() {
    let place = Place::new();
    let script = place.put("kamailio.cfg", "kamailio.cfg");
    let profiles = place.put("tls.cfg", "tls.cfg");
    let (certificate, key) = (place.path("edge.pem"), place.path("edge.key"));
    let names = ["sip.contoso.test", "sip.fabrikam.test"];
    let wanted = |config: &kamailio::KamailioConfig| {
        kamailio::with_profiles(config, &Disk, &certificate, &key, &domains(&names))
    };

    let config = kamailio::read(&profiles, &Disk).unwrap();
    assert_eq!(config.common.remarks, []);
    let address = config.common.listeners[0].address;
    assert_eq!(address.port(), place.port);
    // What the reader says of the files is what the server opens: they lie beside kamailio.cfg.
    assert!(config.common.certificates[0].certificate.is_file());
    {
        let _running = kamailio(&place);
        for name in ["sip.contoso.test", "sip.fabrikam.test", "x.test"] {
            assert_eq!(shown(address, name), "other", "{name}");
        }
    }

    make(&wanted(&config).unwrap().unwrap());
    accepted("kamailio", &["-c", "-f"], &script);
    assert_eq!(wanted(&kamailio::read(&script, &Disk).unwrap()), Ok(None));
    let _running = kamailio(&place);
    for (name, subject) in [
        ("sip.contoso.test", "edge"),
        ("sip.fabrikam.test", "edge"),
        ("fabrikam.test", "other"),
        ("x.test", "other"),
    ] {
        assert_eq!(shown(address, name), subject, "{name}");
    }
}

#[test]
fn haproxy_takes_a_file_that_was_added() {
    for (main, list) in [("haproxy.cfg", None), ("haproxy-list.cfg", Some("list"))] {
        let place = Place::new();
        let main = place.put(main, "haproxy.cfg");
        if let Some(list) = list {
            place.put(list, list);
        }
        accepted("haproxy", &["-c", "-q", "-f"], &main);
        let file = place.path("edge.both");
        let wanted = || {
            let config = haproxy::read(&main, &Disk).unwrap();
            assert_eq!(config.common.remarks, []);
            haproxy::with_file(&config, &Disk, &file, &domains(&["contoso.test"]))
        };
        let change = wanted().unwrap().unwrap();
        assert_eq!(change.file == main, list.is_none());
        make(&change);
        accepted("haproxy", &["-c", "-q", "-f"], &main);
        assert_eq!(wanted(), Ok(None));
    }
}

#[test]
fn haproxy_calls_its_files_as_the_reader_does() {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    let place = Place::new();
    let main = place.put("haproxy.cfg", "haproxy.cfg");
    for name in [
        "certs/a.pem",
        "certs/.hidden.pem",
        "certs/a.pem.key",
        "certs/b.ocsp",
    ] {
        std::fs::create_dir_all(place.path("certs")).unwrap();
        std::fs::copy(place.path("edge.both"), place.path(name)).unwrap();
    }
    let text = std::fs::read_to_string(&main)
        .unwrap()
        .replace("crt \"other.both\"", "crt certs// crt \"other.both\"")
        .replace("5270", &place.port.to_string())
        .replace("    bind 127.0.0.1:5271\n", "");
    std::fs::write(&main, text).unwrap();
    let config = haproxy::read(&main, &Disk).unwrap();
    let mut names: Vec<&str> = config
        .names
        .iter()
        .map(|named| named.name.as_str())
        .collect();
    names.sort_unstable();

    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(&main);
    let _running = Running::start(command, config.common.listeners[0].address);
    let haproxy::SocketAt::File(socket) = &config.sockets[0].at else {
        panic!("{:?}", config.sockets);
    };
    assert_eq!(config.sockets[0].level, haproxy::Level::Admin);
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(b"show ssl cert\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let mut told: Vec<&str> = answer
        .lines()
        .filter(|line| line.starts_with('/'))
        .collect();
    told.sort_unstable();
    assert_eq!(names, told);
}

#[test]
fn nginx_takes_names_and_pairs_that_were_put_in() {
    let pair = |place: &Place| (place.path("edge.pem"), place.path("edge.key"));
    let names = domains(&["contoso.test", "chat.contoso.test"]);
    for (main, site) in [
        ("nginx.conf", Some("nginx-site")),
        ("nginx-stream.conf", None),
    ] {
        let place = Place::new();
        let main = place.put(main, "nginx.conf");
        if let Some(site) = site {
            place.put(site, "sites/edge");
        }
        accepted("nginx", &["-t", "-q", "-c"], &main);
        let (certificate, key) = pair(&place);
        let wanted = || {
            let config = nginx::read(&main, &Disk).unwrap();
            assert_eq!(config.common.remarks, []);
            nginx::with_pair(&config, &Disk, &certificate, &key, &names)
        };
        let change = wanted().unwrap().unwrap();
        assert_eq!(change.file == main, site.is_none());
        make(&change);
        accepted("nginx", &["-t", "-q", "-c"], &main);
        assert_eq!(wanted(), Ok(None));
    }
}

#[test]
fn coturn_listens_where_the_reader_says_and_shows_that_pair() {
    let place = Place::new();
    let main = place.put("turnserver.conf", "turnserver.conf");
    let config = coturn::read(&main, &Disk).unwrap();
    assert_eq!(config.common.remarks, []);
    assert_eq!(
        config.common.certificates[0].certificate,
        place.path("edge.pem")
    );
    let address = config.common.listeners[0].address;
    let mut command = Command::new("turnserver");
    command
        .arg("-c")
        .arg(&main)
        .args(["--no-cli", "--log-file", "/dev/null"]);
    command.args([
        "--listening-port",
        &ports::free_addresses(1)[0].port().to_string(),
    ]);
    command.current_dir(place.path(""));
    let _running = Running::start(command, address);
    assert_eq!(shown(address, "contoso.test"), "edge");
}
