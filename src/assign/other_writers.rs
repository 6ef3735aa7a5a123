//! Other tools that care for a server's certificate files: what they left on this machine says so.
//!
//! Told only where a file of theirs names the server's file or its folder, where the file lies in a folder of theirs,
//! or where they leave a trace beside it. certbot (`renewal/*.conf`, `renewal-hooks/`), acme.sh (`NAME.conf`), lego and
//! dehydrated, Prosody's `prosodyctl cert import`, ejabberd's own ACME. A tool that runs from elsewhere is not seen.

use super::config_files::ConfigFiles;
use super::destination::other_keeper_of;
use super::discover::in_use::{ejabberd_acme, leaf_of};
use super::targets::on_server::is_covered;
use crate::explain::printable;
use crate::findings::{Code, Finding};
use crate::names::Domain;
use crate::servers::{PathKind, Source};
use std::path::{Path, PathBuf};

/// Most files of one tool that are read.
const MAX_FILES: usize = 1_000;

/// What certbot keeps of each certificate.
const CERTBOT_RENEWALS: &str = "/etc/letsencrypt/renewal/*.conf";

/// What certbot runs after each renewal.
const CERTBOT_HOOKS: [&str; 2] = [
    "/etc/letsencrypt/renewal-hooks/deploy/*",
    "/etc/letsencrypt/renewal-hooks/post/*",
];

/// What acme.sh keeps of each certificate.
const ACME_SH: [&str; 2] = ["/root/.acme.sh/*/*.conf", "/home/*/.acme.sh/*/*.conf"];

/// Where dehydrated names its hook.
const DEHYDRATED: [&str; 2] = ["/etc/dehydrated/config", "/etc/dehydrated/conf.d/*.sh"];

/// The files that are to be looked after.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// Whose they are, for the place of a finding: `gateway "chat"`.
    pub whose: &'a str,
    /// The kind of its server.
    pub kind: &'a str,
    /// The folder that is `/` to the server.
    pub root: &'a Path,
    /// The files, where they lie for us, as they are named.
    pub files: &'a [PathBuf],
    /// The names that the certificate is for.
    pub names: &'a [Domain],
}

/// A tool, the file that it cares for, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Writer {
    tool: &'static str,
    file: PathBuf,
    because: String,
    mend: String,
}

/// One finding for each tool and file.
pub fn other_writers(watched: &Watched<'_>) -> Vec<Finding> {
    let mut found: Vec<Writer> = watched.files.iter().filter_map(|file| kept(file)).collect();
    // Tools run on the machine, and a container may hold one of its own.
    let mut roots = vec![Path::new("/")];
    if watched.root != Path::new("/") {
        roots.insert(0, watched.root);
    }
    for root in roots {
        let view = View {
            files: ConfigFiles::below(root),
            root,
            watched,
        };
        found.extend(view.certbot());
        found.extend(view.acme_sh());
        found.extend(view.dehydrated());
    }
    if watched.kind == "prosody" {
        found.extend(watched.files.iter().filter_map(|file| imported(file)));
    }
    if watched.kind == "ejabberd" {
        found.extend(own_acme(watched));
    }
    let mut told: Vec<Writer> = Vec::new();
    for one in found {
        let same = |other: &Writer| (other.tool, &other.file) == (one.tool, &one.file);
        if !told.iter().any(same) {
            told.push(one);
        }
    }
    told.into_iter()
        .map(|one| {
            Finding::new(
                Code::GatewayOtherWriter,
                format!(
                    "{}, {}",
                    watched.whose,
                    printable(&one.file.display().to_string())
                ),
                format!("{} cares for this file as well", one.tool),
                format!(
                    "{}; two writers would undo each other's work",
                    printable(&one.because)
                ),
                one.mend,
            )
        })
        .collect()
}

/// A file that lies in a tool's own folder, or leads there.
fn kept(file: &Path) -> Option<Writer> {
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let tool = other_keeper_of(&real)?;
    let because = match real == file {
        true => format!("it lies in a folder of {tool}"),
        false => format!("it leads to {}", real.display()),
    };
    Some(Writer {
        tool,
        file: file.to_owned(),
        because,
        mend: format!(
            "let the server read a file of its own, take the pair in (`edgecert gateway discover --adopt`), and end {tool}'s care of it"
        ),
    })
}

/// What `prosodyctl cert import` puts aside: `FILE.bkp~2026-03-02T04:00:00`.
fn imported(file: &Path) -> Option<Writer> {
    let mut pattern = file.as_os_str().to_owned();
    pattern.push(".bkp~*");
    let aside = ConfigFiles::below(Path::new("/")).expand(Path::new(&pattern));
    let newest = aside.last()?;
    Some(Writer {
        tool: "prosodyctl cert import",
        file: file.to_owned(),
        because: format!("it put {} aside", newest.display()),
        mend: "see who runs it (certbot's deploy hook, a timer), and end that; then move the .bkp~ files away"
            .to_owned(),
    })
}

/// What ejabberd got for one of our names by itself; it serves what is valid longer.
fn own_acme(watched: &Watched<'_>) -> Option<Writer> {
    let files = ConfigFiles::below(watched.root);
    let found = files.expand(&ejabberd_acme().join("*"));
    let covered = |path: &PathBuf| {
        let leaf = leaf_of(path, &files).ok()?;
        let names = leaf.facts().names.clone().unwrap_or_default();
        let name = watched.names.iter().find(|name| is_covered(name, &names))?;
        Some((path.clone(), name.clone()))
    };
    let (path, name) = found.iter().take(MAX_FILES).find_map(covered)?;
    let here = files.here(&path);
    Some(Writer {
        tool: "ejabberd's own ACME",
        because: format!("{} is for {name}", here.display()),
        file: here,
        mend: "write `acme: auto: false` into ejabberd.yml, and move its certificates out of acme/live".to_owned(),
    })
}

/// The tools' own files below one root.
struct View<'a> {
    files: ConfigFiles,
    root: &'a Path,
    watched: &'a Watched<'a>,
}

impl View<'_> {
    /// The file as it is named below this root, if it lies there.
    fn as_named(&self, file: &Path) -> Option<String> {
        let below = match self.root == Path::new("/") {
            true => file.to_owned(),
            false => Path::new("/").join(file.strip_prefix(self.root).ok()?),
        };
        Some(below.to_str()?.to_owned())
    }

    /// The watched files that a text names.
    fn named_in(&self, text: &str) -> Vec<PathBuf> {
        let named = |file: &&PathBuf| {
            self.as_named(file)
                .is_some_and(|path| lines_of(text).any(|line| names(line, &path)))
        };
        self.watched.files.iter().filter(named).cloned().collect()
    }

    fn writers(&self, tool: &'static str, evidence: &Path, text: &str, mend: &str) -> Vec<Writer> {
        let shown = self.files.here(evidence);
        self.named_in(text)
            .into_iter()
            .map(|file| Writer {
                tool,
                file,
                because: format!("{} names it", shown.display()),
                mend: mend.to_owned(),
            })
            .collect()
    }

    fn found(&self, pattern: &str) -> Vec<PathBuf> {
        let mut found = self.files.expand(Path::new(pattern));
        found.retain(|path| self.files.look(path) == Some(PathKind::File));
        found.truncate(MAX_FILES);
        found
    }

    fn text(&self, path: &Path) -> String {
        self.files.read(path).unwrap_or_default()
    }

    fn certbot(&self) -> Vec<Writer> {
        const MEND: &str = "take the hook away (`certbot reconfigure`), or `certbot delete` what edgecert is to care for";
        let mut found = Vec::new();
        let renewals = self.found(CERTBOT_RENEWALS);
        for renewal in &renewals {
            let text = self.text(renewal);
            for hook in lines_of(&text).filter_map(hook_of) {
                found.extend(self.hook(renewal, hook, MEND));
            }
        }
        // Its hooks run only where there is something to renew.
        if !renewals.is_empty() {
            for pattern in CERTBOT_HOOKS {
                for script in self.found(pattern) {
                    found.extend(self.script(&script, MEND));
                }
            }
        }
        found
    }

    /// A command that certbot runs, and the script that it names first.
    fn hook(&self, renewal: &Path, hook: &str, mend: &str) -> Vec<Writer> {
        let mut found = self.writers("certbot", renewal, hook, mend);
        found.extend(self.cert_import(renewal, hook, mend));
        let program = hook.split_ascii_whitespace().next().unwrap_or_default();
        if program.starts_with('/') && self.files.look(Path::new(program)) == Some(PathKind::File) {
            found.extend(self.script(Path::new(program), mend));
        }
        found
    }

    fn script(&self, script: &Path, mend: &str) -> Vec<Writer> {
        let text = self.text(script);
        let mut found = self.writers("certbot", script, &text, mend);
        found.extend(lines_of(&text).flat_map(|line| self.cert_import(script, line, mend)));
        found
    }

    /// `prosodyctl --root cert import /etc/letsencrypt/live` writes every host's files without naming them.
    fn cert_import(&self, evidence: &Path, command: &str, mend: &str) -> Option<Writer> {
        let is_import = self.watched.kind == "prosody"
            && command.contains("prosodyctl")
            && command.contains("cert import");
        let file = is_import.then(|| self.watched.files.first()).flatten()?;
        Some(Writer {
            tool: "certbot",
            file: file.clone(),
            because: format!(
                "{} has it run `prosodyctl cert import`",
                self.files.here(evidence).display()
            ),
            mend: mend.to_owned(),
        })
    }

    fn acme_sh(&self) -> Vec<Writer> {
        let mut found = Vec::new();
        for pattern in ACME_SH {
            for conf in self.found(pattern) {
                let text = self.text(&conf);
                found.extend(self.writers(
                    "acme.sh",
                    &conf,
                    &text,
                    "`acme.sh --remove -d DOMAIN`, once edgecert is to care for it",
                ));
            }
        }
        found
    }

    fn dehydrated(&self) -> Vec<Writer> {
        let mut found = Vec::new();
        for config in DEHYDRATED.iter().flat_map(|pattern| self.found(pattern)) {
            let text = self.text(&config);
            for line in lines_of(&text) {
                let Some(hook) = line.trim_start().strip_prefix("HOOK=") else {
                    continue;
                };
                let script = PathBuf::from(hook.trim().trim_matches(['"', '\'']));
                let text = self.text(&script);
                found.extend(self.writers(
                    "dehydrated",
                    &script,
                    &text,
                    "take the copying out of the hook, once edgecert is to care for it",
                ));
            }
        }
        found
    }
}

/// The command of a line of certbot's: `renew_hook = cp …`; `None`: another line.
fn hook_of(line: &str) -> Option<&str> {
    let (key, value) = line.split_once('=')?;
    ["renew_hook", "deploy_hook", "post_hook"]
        .contains(&key.trim())
        .then_some(value.trim())
}

/// The lines that are no comments.
fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
}

/// Whether a line names a file, or the folder that it lies in as the end of a word (`cp a.pem /etc/prosody/certs/`).
fn names(line: &str, path: &str) -> bool {
    let ends = |rest: &str| {
        rest.chars()
            .next()
            .is_none_or(|c| c.is_whitespace() || "'\"`;)&|,>".contains(c))
    };
    // A path that goes on to the left is another one.
    let begins = |before: &str| {
        before
            .chars()
            .next_back()
            .is_none_or(|c| !(c.is_alphanumeric() || "._-/".contains(c)))
    };
    let whole = |wanted: &str, after: fn(&str) -> &str| {
        line.match_indices(wanted).any(|(at, _)| {
            let rest = line.get(at + wanted.len()..).unwrap_or("");
            begins(line.get(..at).unwrap_or("")) && ends(after(rest))
        })
    };
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    whole(path, |rest| rest)
        // The folders at the top are no certificates' folders.
        || (folder.matches('/').count() > 1
            && whole(folder, |rest| rest.strip_prefix('/').unwrap_or(rest)))
}

#[cfg(test)]
mod tests;
