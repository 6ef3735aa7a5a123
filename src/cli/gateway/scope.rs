//! Which servers `gateway discover` and `init --from-gateways` look for.

use crate::assign::discover::{self, Found, ServerKind};
use crate::cli::output::Failure;
use crate::explain::printable;
use clap::Args;
use std::path::{Path, PathBuf};

/// Which servers are looked for.
#[derive(Debug, Clone, Args)]
pub struct Scope {
    /// Only servers of this kind, or with this configuration (repeatable)
    #[arg(long, value_name = "KIND|FILE")]
    only: Vec<String>,
    /// Look below this folder: the root of a container or a chroot
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/",
        hide_default_value = true
    )]
    root: PathBuf,
}

impl Scope {
    /// Whether anything of it was given.
    pub fn is_given(&self) -> bool {
        !self.only.is_empty() || self.root != Path::new("/")
    }

    /// The servers.
    ///
    /// Errors: a root that is no folder, a word that is neither a kind nor a path. Effects: reads `/proc` and files.
    pub fn look(&self) -> Result<Vec<Found>, Failure> {
        if !self.root.is_dir() {
            return Err(Failure::usage(
                format!("--root {} is no folder", self.root.display()),
                "servers are looked for below it",
                "name the folder that is / to the server",
            ));
        }
        let wrong = |word: &&String| ServerKind::from_word(word).is_none() && !word.contains('/');
        if let Some(word) = self.only.iter().find(wrong) {
            let known = ServerKind::ALL.map(ServerKind::word);
            return Err(crate::cli::request::flags::unknown_word(
                "--only", word, &known,
            ));
        }
        let mut found = discover::look(&self.root);
        found.retain(|one| self.wants(one));
        for word in &self.only {
            let known = ServerKind::from_word(word).is_some()
                || found.iter().any(|one| is_of_file(one, word));
            if !known {
                found.push(self.look_at(Path::new(word))?);
            }
        }
        Ok(found)
    }

    /// The server of a configuration that nothing runs with.
    fn look_at(&self, file: &Path) -> Result<Found, Failure> {
        let nothing = |why: String, mend: &str| {
            let shown = printable(&file.display().to_string());
            Failure::usage(format!("--only {shown} matches no server"), why, mend)
        };
        // Named as it lies for us, or as it does for the server.
        let below = file
            .strip_prefix(&self.root)
            .map(|rest| Path::new("/").join(rest));
        let file_of_server = match below {
            Ok(below) if file.exists() => below,
            Ok(_) | Err(_) => file.to_owned(),
        };
        let here = self
            .root
            .join(file_of_server.strip_prefix("/").unwrap_or(&file_of_server));
        if let Err(error) = here.metadata()
            && error.kind() == std::io::ErrorKind::NotFound
        {
            return Err(nothing(
                format!(
                    "no server runs with it, and {} is not there",
                    printable(&here.display().to_string())
                ),
                "name the file that the server is started with, or a kind",
            ));
        }
        let Some(kind) = ServerKind::of_file(file) else {
            return Err(nothing(
                "no server runs with it, and its name tells no kind of server".to_owned(),
                "start its server, or give the file the name that it has in the package",
            ));
        };
        let absolute = std::path::absolute(&file_of_server).unwrap_or(file_of_server);
        Ok(discover::look_at(kind, &absolute, &self.root))
    }

    /// What was asked for by its kind and is not there, in words.
    pub fn missed(&self, found: &[Found]) -> String {
        let kinds = self
            .only
            .iter()
            .filter_map(|word| ServerKind::from_word(word));
        kinds
            .filter(|kind| !found.is_empty() && found.iter().all(|one| one.kind != *kind))
            .map(|kind| {
                let word = kind.word();
                format!("no {word} was found: none runs, and none has a configuration in its usual place\n")
            })
            .collect()
    }

    /// A command with the same scope.
    pub fn after(&self, command: &str) -> String {
        let mut words = vec![command.to_owned()];
        words.extend(self.only.iter().map(|one| format!("--only {one}")));
        if self.root != Path::new("/") {
            words.push(format!("--root {}", self.root.display()));
        }
        words.join(" ")
    }

    fn wants(&self, found: &Found) -> bool {
        self.only.is_empty()
            || self
                .only
                .iter()
                .any(|word| match ServerKind::from_word(word) {
                    Some(kind) => kind == found.kind,
                    None => is_of_file(found, word),
                })
    }
}

/// Whether a server has the configuration that a word names.
fn is_of_file(found: &Found, word: &str) -> bool {
    let named = Path::new(word);
    named == found.config
        || matches!(
            (named.canonicalize(), found.files().here(&found.config).canonicalize()),
            (Ok(one), Ok(other)) if one == other
        )
}
