//! The partners of a deployment written into the configuration of the servers that federate: planned, checked by the
//! server's own checker, loaded without dropping a stream, and put back when anything of that fails.
//!
//! Which files say what is for `servers::federation`. Every file is written by a rename; a mark beside our own file
//! stays from the first write to the last word of the server, so that what a killed command left is loaded by the next
//! one. Not here: the embedded gateway, which reads the partners by itself.

use super::destination::FolderLocks;
use super::error::AssignError;
use super::targets::on_server::OnServer;
use super::targets::{Hands, Stop, ejabberd, prosody};
use crate::deployment::{FileTarget, Gateway, GatewayKind};
use crate::federation::Partner;
use crate::names::{Domain, Slug};
use crate::servers::federation::{Dialback, Front, Limit, Planned, Rewritten, Wish, front_limits};
use crate::servers::prosody::Shell;
use crate::servers::{ConfigError, MAX_CONFIG_BYTES};
use crate::store::StoreError;
use crate::store::atomic::{self, Placement, write_over};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Beside our own file while a change is under way.
const MARK: &str = ".edgecert-partners.pending";

/// Between two looks for Prosody's shell.
const SHELL_POLL: Duration = Duration::from_millis(100);

/// What a gateway does about the partners.
#[derive(Debug)]
pub enum Federating {
    /// Its server has a configuration for them.
    Server(Box<FederatingServer>),
    /// It ends TLS for a server behind it, and can express nothing of them.
    Front(Vec<Limit>),
    /// The embedded gateway keeps them by itself.
    Embedded,
    /// It does not federate over XMPP.
    Aside,
}

/// A server whose configuration is to hold the partners.
#[derive(Debug)]
pub struct FederatingServer {
    own: OnServer,
    kind: Kind,
    planned: Planned,
}

#[derive(Debug)]
enum Kind {
    Prosody { shell: Shell, hosts: Vec<Domain> },
    Ejabberd,
}

/// When the server keeps what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// From now on, for new streams.
    Now,
    /// When it is started next: it has nothing that loads it now.
    AtNextStart,
}

/// Why nothing was written, or what was written is gone again.
#[derive(Debug)]
pub struct NotKept {
    /// What failed first.
    pub error: AssignError,
    /// How the files stand.
    pub files: Files,
}

/// How the files of a server stand after a failure.
#[derive(Debug)]
pub enum Files {
    /// Nothing was written.
    Untouched,
    /// As they were, and loaded.
    PutBack,
    /// Not as they were, or not loaded.
    Astray(AssignError),
}

/// What one gateway of a deployment does about its partners.
///
/// Errors: a configuration that cannot be read, or has to be changed by a person first. Effects: reads files.
pub fn federating(gateway: &Gateway, partners: &[Partner]) -> Result<Federating, AssignError> {
    let name = || gateway.name.clone();
    let front = |front| {
        let wish = Wish {
            partners,
            others: None,
        };
        Federating::Front(front_limits(wish, front))
    };
    Ok(match &gateway.kind {
        GatewayKind::Embedded(_) => Federating::Embedded,
        GatewayKind::Prosody(settings) => {
            Federating::Server(Box::new(of_prosody(name(), settings, partners)?))
        }
        GatewayKind::Ejabberd(settings) => {
            Federating::Server(Box::new(of_ejabberd(name(), settings, partners)?))
        }
        GatewayKind::Haproxy(_) => front(Front::Haproxy),
        GatewayKind::Nginx(_) => front(Front::Nginx),
        GatewayKind::Kamailio(_) | GatewayKind::Coturn(_) | GatewayKind::Files(_) => {
            Federating::Aside
        }
    })
}

fn of_prosody(
    gateway: Slug,
    settings: &FileTarget,
    partners: &[Partner],
) -> Result<FederatingServer, AssignError> {
    use crate::servers::prosody::{read, with_partners};
    let own = OnServer::new(gateway, settings.clone(), prosody::KIND);
    let wrong = |error: ConfigError| own.config_error(error);
    let config = read(own.config(), &own.files).map_err(wrong)?;
    let wish = Wish {
        partners,
        others: settings.others,
    };
    let planned = with_partners(own.config(), &own.files, wish).map_err(wrong)?;
    let hosts = config.common.hosts.into_iter().map(|host| host.name);
    let kind = Kind::Prosody {
        shell: config.shell,
        hosts: hosts.collect(),
    };
    FederatingServer { own, kind, planned }.in_its_place()
}

fn of_ejabberd(
    gateway: Slug,
    settings: &FileTarget,
    partners: &[Partner],
) -> Result<FederatingServer, AssignError> {
    use crate::servers::ejabberd::with_partners;
    let own = OnServer::new(gateway, settings.clone(), ejabberd::KIND);
    let wish = Wish {
        partners,
        others: settings.others,
    };
    let planned =
        with_partners(own.config(), &own.files, wish).map_err(|error| own.config_error(error))?;
    FederatingServer {
        own,
        kind: Kind::Ejabberd,
        planned,
    }
    .in_its_place()
}

impl FederatingServer {
    /// Itself, where no link of a stranger leads to what would be changed: else that would be shown as what it was.
    fn in_its_place(self) -> Result<Self, AssignError> {
        for file in &self.planned.files {
            self.own.lies_at(&file.file)?;
        }
        Ok(self)
    }

    /// The files that change and what cannot be expressed.
    pub fn planned(&self) -> &Planned {
        &self.planned
    }

    /// Whether there is something to do: a file to change, or what a killed command did not finish.
    pub fn is_due(&self) -> bool {
        !self.planned.files.is_empty() || self.mark().exists()
    }

    /// Whether files change.
    pub fn is_planned(&self) -> bool {
        !self.planned.files.is_empty()
    }

    /// The gateway's name.
    pub fn gateway(&self) -> &Slug {
        &self.own.gateway
    }

    /// Puts back what [`Self::apply`] wrote, and has the server load that.
    ///
    /// Errors: `ConfigChanged` where somebody has changed a file since; that one stands as it is.
    pub fn undo(&self) -> Result<(), AssignError> {
        let hands = Hands::to_look(&self.own.gateway, self.own.settings.timeout, &|| false);
        let _locked = self.lock()?;
        self.put_back(self.planned.files.len())?;
        self.load(&hands).map(drop)
    }

    /// How the server is made to keep it, in words.
    pub fn reload_words(&self) -> String {
        match &self.kind {
            Kind::Prosody { shell, .. } => {
                let config = self
                    .own
                    .reload_words(|| "prosodyctl shell config reload".to_owned());
                match shell {
                    Shell::Enabled => format!(
                        "prosodyctl check config · {config} · prosodyctl shell module reload s2s, tls"
                    ),
                    Shell::Disabled => format!(
                        "prosodyctl check config{} · it counts when Prosody is started next: without `admin_shell` nothing loads a module anew",
                        self.own
                            .settings
                            .reload
                            .as_ref()
                            .map_or_else(String::new, |_| format!(" · {config}"))
                    ),
                }
            }
            Kind::Ejabberd => self
                .own
                .reload_words(|| "ejabberdctl reload_config".to_owned()),
        }
    }

    /// Writes the files, has the server check and load them, or puts everything back. Open streams live on.
    ///
    /// Errors: what failed first, with how the files stand then. Effects: writes files, runs programs, blocks.
    pub fn apply(&self, stop: Stop<'_>) -> Result<Kept, Box<NotKept>> {
        let hands = Hands::to_look(&self.own.gateway, self.own.settings.timeout, stop);
        let untouched = |error| {
            let files = Files::Untouched;
            Box::new(NotKept { error, files })
        };
        let _locked = self.lock().map_err(untouched)?;
        let before = self.prepare(&hands).map_err(untouched)?;
        let mut written = 0;
        let done = self
            .write(&mut written)
            .and_then(|()| self.check(&hands, before))
            .and_then(|()| self.load(&hands));
        let error = match done {
            Ok(kept) => {
                // Left behind, it costs one more reload, and nothing else.
                let _ = std::fs::remove_file(self.mark());
                return Ok(kept);
            }
            Err(error) => error,
        };
        // Undone even where a person does not want to wait any longer.
        let hands = Hands::to_look(&self.own.gateway, self.own.settings.timeout, &|| false);
        let files = match self.put_back(written).and_then(|()| self.load(&hands)) {
            Ok(_) => {
                let _ = std::fs::remove_file(self.mark());
                Files::PutBack
            }
            Err(astray) => Files::Astray(astray),
        };
        Err(Box::new(NotKept { error, files }))
    }

    fn mark(&self) -> PathBuf {
        let main = self.own.files.here(self.own.config());
        atomic::folder_of(&main).join(MARK)
    }

    fn here(&self, file: &Rewritten) -> PathBuf {
        self.own.files.here(&file.file)
    }

    /// Locks the folders of all that is written, and removes what a killed command left half written there.
    fn lock(&self) -> Result<FolderLocks, AssignError> {
        let paths: Vec<PathBuf> = self
            .planned
            .files
            .iter()
            .map(|file| self.own.lies_at(&file.file))
            .chain([Ok(self.mark())])
            .collect::<Result<_, _>>()?;
        let locked = FolderLocks::take(paths.iter().map(PathBuf::as_path))?;
        locked.sweep()?;
        Ok(locked)
    }

    /// Looks at what is needed before anything is touched; gives what the server's checker says of the files now.
    fn prepare(&self, hands: &Hands<'_>) -> Result<Option<i32>, AssignError> {
        Hands::insist_on(&self.own.gateway, &self.own.program())?;
        for file in &self.planned.files {
            self.is_as_read(file)?;
        }
        self.answers(hands)?;
        self.checked(hands)
    }

    /// A server that does not run could not be told, and the way back would fail as well.
    fn answers(&self, hands: &Hands<'_>) -> Result<(), AssignError> {
        let words = match &self.kind {
            _ if self.own.settings.reload.is_some() => return Ok(()),
            Kind::Prosody {
                shell: Shell::Disabled,
                ..
            } => return Ok(()),
            Kind::Prosody {
                shell: Shell::Enabled,
                ..
            } => prosody::command(&self.own, &["shell", "module", "list"]),
            Kind::Ejabberd => self.own.control(&[], &["status"]),
        };
        hands.run_well(&words).map(drop)
    }

    /// The status of the server's own checker; `None`: it has none.
    fn checked(&self, hands: &Hands<'_>) -> Result<Option<i32>, AssignError> {
        match &self.kind {
            Kind::Prosody { .. } => {
                let said = hands.run(&prosody::command(&self.own, &["check", "config"]))?;
                Ok(said.status)
            }
            // 23.01 checks when it loads: `reload_config` refuses, and keeps what it had.
            Kind::Ejabberd => Ok(None),
        }
    }

    /// The files are what the plan was made from.
    fn is_as_read(&self, file: &Rewritten) -> Result<(), AssignError> {
        let path = self.here(file);
        match Stands::of(file, &path)? {
            Stands::AsRead => Ok(()),
            Stands::AsWritten | Stands::Otherwise => Err(self.changed(path)),
        }
    }

    fn changed(&self, path: PathBuf) -> AssignError {
        AssignError::ConfigChanged {
            gateway: self.own.gateway.clone(),
            path,
        }
    }

    /// Our own file first: the include of one that is not there stops a server. Counts the files that it began with.
    fn write(&self, written: &mut usize) -> Result<(), AssignError> {
        let main = placement_of(&self.own.lies_at(self.own.config())?)?;
        write_over(&self.mark(), b"", main)?;
        for file in &self.planned.files {
            self.is_as_read(file)?;
            // A new file belongs to those who read the main one; a link is followed, as the server follows it.
            let path = self.own.lies_at(&file.file)?;
            let placement = match &file.before {
                Some(_) => placement_of(&path)?,
                None => main,
            };
            *written += 1;
            write_over(&path, file.after.as_bytes(), placement)?;
        }
        Ok(())
    }

    /// The include goes first. A file goes back where it holds what we wrote, and nothing else does: an edit made
    /// meanwhile is somebody's work, and what it may include stays beside it.
    fn put_back(&self, written: usize) -> Result<(), AssignError> {
        for file in self.planned.files.iter().take(written).rev() {
            let path = self.own.lies_at(&file.file)?;
            match Stands::of(file, &path)? {
                Stands::AsRead => continue,
                Stands::AsWritten => {}
                Stands::Otherwise => return Err(self.changed(path)),
            }
            match &file.before {
                Some(before) => write_over(&path, before.as_bytes(), placement_of(&path)?)?,
                None => std::fs::remove_file(&path)
                    .map_err(|source| StoreError::io("remove", &path, source))?,
            }
        }
        Ok(())
    }

    /// Asks the server's checker; what it found fault with before counts only where the files cannot be read at all.
    fn check(&self, hands: &Hands<'_>, before: Option<i32>) -> Result<(), AssignError> {
        let Kind::Prosody { .. } = &self.kind else {
            return Ok(());
        };
        let said = hands.run(&prosody::command(&self.own, &["check", "config"]))?;
        match (said.status, before) {
            (Some(0), _) => Ok(()),
            (Some(2), Some(2)) => Ok(()),
            (_, _) => Err(hands.refused(&said)),
        }
    }

    /// Makes the server keep what lies there now.
    fn load(&self, hands: &Hands<'_>) -> Result<Kept, AssignError> {
        let own = self.own.reload_command(hands).transpose()?;
        match (&self.kind, own) {
            (
                Kind::Prosody {
                    shell: Shell::Disabled,
                    ..
                },
                _,
            ) => Ok(Kept::AtNextStart),
            (Kind::Prosody { hosts, .. }, own) => {
                if own.is_some() {
                    self.wait_for_shell(hands)?;
                }
                self.load_prosody(hosts, hands).map(|()| Kept::Now)
            }
            (Kind::Ejabberd, Some(_)) => Ok(Kept::Now),
            (Kind::Ejabberd, None) => hands
                .run_well(&self.own.control(&[], &["reload_config"]))
                .map(|_| Kept::Now),
        }
    }

    /// A command of the table's own may have started Prosody anew.
    fn wait_for_shell(&self, hands: &Hands<'_>) -> Result<(), AssignError> {
        let deadline = Instant::now() + self.own.settings.timeout;
        let words = prosody::command(&self.own, &["shell", "module", "list"]);
        while let Err(error) = hands.run_well(&words) {
            if error.is_interrupted() || Instant::now() > deadline {
                return Err(error);
            }
            std::thread::sleep(SHELL_POLL);
        }
        Ok(())
    }

    /// A module reads its settings when it is loaded, whatever is reloaded before; streams outlive that (seen in 0.12.3).
    fn load_prosody(&self, hosts: &[Domain], hands: &Hands<'_>) -> Result<(), AssignError> {
        let shell = |words: &[&str]| {
            let words = [&["shell"], words].concat();
            let said = hands.run_well(&prosody::command(&self.own, &words))?;
            // Its status is 0 whatever the shell answers.
            match said.text.contains("OK") {
                true => Ok(()),
                false => Err(hands.refused(&said)),
            }
        };
        shell(&["config", "reload"])?;
        // What the configuration has now says whether dialback is among the modules; a failed change goes back as well.
        match self.dialback_wanted()? {
            Dialback::Loaded => {
                // Without a host it is loaded for those with users alone.
                for host in hosts {
                    shell(&["module", "load", "dialback", host.as_str()])?;
                }
            }
            Dialback::NotLoaded => shell(&["module", "unload", "dialback"])?,
        }
        shell(&["module", "reload", "s2s"])?;
        shell(&["module", "reload", "tls"])
    }

    /// Whether the files as they lie there have dialback loaded for everybody.
    fn dialback_wanted(&self) -> Result<Dialback, AssignError> {
        crate::servers::prosody::dialback(self.own.config(), &self.own.files)
            .map_err(|error| self.own.config_error(error))
    }
}

/// What a file holds, against the plan.
enum Stands {
    AsRead,
    AsWritten,
    Otherwise,
}

impl Stands {
    fn of(file: &Rewritten, path: &Path) -> Result<Self, AssignError> {
        let there = match atomic::read_limited(path, MAX_CONFIG_BYTES) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        };
        let there = there.as_deref();
        Ok(if there == file.before.as_deref().map(str::as_bytes) {
            Stands::AsRead
        } else if there == Some(file.after.as_bytes()) {
            Stands::AsWritten
        } else {
            Stands::Otherwise
        })
    }
}

fn placement_of(path: &Path) -> Result<Placement, AssignError> {
    let there = path
        .symlink_metadata()
        .map_err(|source| StoreError::io("look at", path, source))?;
    Ok(Placement {
        mode: there.mode() & 0o777,
        uid: Some(there.uid()),
        gid: Some(there.gid()),
    })
}

#[cfg(test)]
mod tests;
