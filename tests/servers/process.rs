//! The process of a server: started as the user of its package, in a group of its own that ends with it.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// For one run of a control program.
const PROGRAM_WITHIN: Duration = Duration::from_secs(60);

/// A system user. Without the rights of root everything belongs to whoever runs the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    name: String,
    ids: Option<(u32, u32)>,
}

impl Account {
    /// The user of that name, with its first group.
    pub fn of(name: &str) -> Self {
        let ids = is_root().then(|| {
            let users = std::fs::read_to_string("/etc/passwd").unwrap();
            users
                .lines()
                .find_map(|line| {
                    let fields: Vec<&str> = line.split(':').collect();
                    (fields.first() == Some(&name))
                        .then(|| (fields[2].parse().unwrap(), fields[3].parse().unwrap()))
                })
                .unwrap_or_else(|| {
                    panic!("there is no user {name}; scripts/test installs its package")
                })
        });
        Self {
            name: name.to_owned(),
            ids,
        }
    }

    /// `user:group`, in numbers for the group; none where files belong to whoever runs the tests.
    pub fn words(&self) -> Option<String> {
        self.ids.map(|_| format!("{0}:{0}", self.name))
    }

    /// Gives a file or a folder to the user.
    pub fn own(&self, path: &Path) {
        if let Some((user, group)) = self.ids {
            std::os::unix::fs::chown(path, Some(user), Some(group)).unwrap();
        }
    }
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Where programs are looked for: daemons lie in `sbin`, which users often have not in their path.
fn search_path() -> String {
    let known = std::env::var("PATH").unwrap_or_default();
    format!("{known}:/usr/sbin:/sbin")
}

/// A program of a Debian package.
#[track_caller]
pub fn program(name: &str, package: &str) -> PathBuf {
    std::env::split_paths(&search_path())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed: apt-get install -y {package}"))
}

/// A command that knows nothing of whoever runs the tests.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.env("PATH", search_path());
    command.env("LANG", "C.UTF-8");
    command.current_dir("/");
    command.stdin(Stdio::null());
    command
}

/// The words of a command line.
pub fn words<const N: usize>(words: [&OsStr; N]) -> Vec<String> {
    words.map(|word| word.to_str().unwrap().to_owned()).into()
}

/// Runs a control program to its end.
#[track_caller]
pub fn run(control: &[String], arguments: &[&str]) -> Output {
    let mut child = command(Path::new(&control[0]))
        .args(&control[1..])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PROGRAM_WITHIN;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("{control:?} {arguments:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// A server that was started by its configuration.
pub struct Started {
    pub config: PathBuf,
    /// Its control program, and the first arguments.
    pub control: Vec<String>,
    pub process: Process,
}

/// A running server.
pub struct Process {
    child: RefCell<Child>,
    group: rustix::process::Pid,
}

impl Process {
    /// Starts a program as a user, with what it says in a log. It dies with the thread that started it.
    pub fn start(user: Option<&Account>, command: &Command, log: &Path) -> Self {
        use std::os::unix::process::CommandExt;
        let mut whole = self::command(&program("setpriv", "util-linux"));
        whole.args(["--pdeathsig", "TERM"]);
        if let Some((id, group)) = user.and_then(|user| user.ids) {
            whole.args(["--reuid", &id.to_string(), "--regid", &group.to_string()]);
            whole.arg("--init-groups");
        }
        whole.arg(command.get_program());
        whole.args(command.get_args());
        for (name, value) in command.get_envs() {
            whole.env(name, value.unwrap_or_default());
        }
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        whole.stdout(log.try_clone().unwrap());
        whole.stderr(log);
        whole.process_group(0);
        let child = whole.spawn().unwrap();
        let group = rustix::process::Pid::from_child(&child);
        Self {
            child: RefCell::new(child),
            group,
        }
    }

    /// The number of its first process.
    pub fn pid(&self) -> u32 {
        self.child.borrow().id()
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child.borrow_mut().try_wait().unwrap()
    }

    /// Sends its first process a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.group, signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process_group(self.group, rustix::process::Signal::KILL);
        let _ = self.child.borrow_mut().wait();
    }
}
