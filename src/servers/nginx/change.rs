//! What has to be changed for a pair to be shown.

use super::super::text::{Edit, change, edited, folder_of, in_words, line_end, top_of};
use super::super::{Change, ConfigError, PathKind, Source};
use super::tree::{Directive, Tree, quoted};
use super::{Context, NginxConfig, Server, fit, read, servers};
use crate::names::Domain;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Most steps to the end: the pair, then the names.
const MOST_STEPS: usize = 2;

/// What is missing for a pair to be shown for `names`.
///
/// `None` where a `server` block with TLS has the pair, and in `http` every name ends up in such a block. Names that do
/// not are added to the `server_name` of the one block that has it. Where none has it and there is one block with TLS
/// in all, the pair is put there, in the place of the one it has.
///
/// What is changed is read again, and given only if nothing is missing then.
///
/// Errors: `Undecided` where that leaves more than one way, and those of reading the files.
pub fn with_pair(
    config: &NginxConfig,
    source: &dyn Source,
    certificate: &Path,
    key: &Path,
    names: &[Domain],
) -> Result<Option<Change>, ConfigError> {
    let Some(mut change) = step(config, source, certificate, key, names)? else {
        return Ok(None);
    };
    for _ in 0..MOST_STEPS {
        let (main, changed) = (config.common.files.first(), Changed(source, &change));
        let config = main.map(|main| read(main, &changed));
        let Some(Ok(config)) = config else { break };
        match step(&config, &changed, certificate, key, names) {
            Ok(None) => return Ok(Some(change)),
            Ok(Some(further)) if further.file == change.file => {
                change.after = further.after;
                change.why = format!("{}, {}", change.why, further.why);
            }
            Ok(Some(_)) | Err(_) => break,
        }
    }
    Err(ConfigError::Undecided {
        what: format!("`{}` would not be enough, or not be read", change.why),
        candidates: vec![top_of(&change.file)],
    })
}

/// The files with a change made.
struct Changed<'a>(&'a dyn Source, &'a Change);

impl Source for Changed<'_> {
    fn read(&self, path: &Path) -> Result<String, ConfigError> {
        match path == self.1.file {
            true => Ok(self.1.after.clone()),
            false => self.0.read(path),
        }
    }

    fn look(&self, path: &Path) -> Option<PathKind> {
        self.0.look(path)
    }

    fn expand(&self, pattern: &Path) -> Vec<PathBuf> {
        self.0.expand(pattern)
    }
}

/// The next thing that is missing.
fn step(
    config: &NginxConfig,
    source: &dyn Source,
    certificate: &Path,
    key: &Path,
    names: &[Domain],
) -> Result<Option<Change>, ConfigError> {
    let Some(main) = config.common.files.first() else {
        return Err(ConfigError::Undecided {
            what: "there is no configuration".to_owned(),
            candidates: Vec::new(),
        });
    };
    let tree = Tree::read(main, source)?;
    let all = servers(&tree, folder_of(main), &mut Vec::new());
    let (ours, others): (Vec<&Server<'_>>, Vec<&Server<'_>>) =
        all.iter().partition(|server| has(server, certificate, key));
    match (ours.as_slice(), others.as_slice()) {
        ([], [one]) => put(&tree, one, certificate, key).map(Some),
        ([], []) => Err(ConfigError::Undecided {
            what: "no `server` block listens for TLS".to_owned(),
            candidates: vec![top_of(main)],
        }),
        ([], _) => Err(ConfigError::Undecided {
            what: "no `server` block has this certificate, and more than one listens for TLS"
                .to_owned(),
            candidates: others
                .iter()
                .map(|server| server.block.place.clone())
                .collect(),
        }),
        _ => name(&tree, &all, &ours, names),
    }
}

fn has(server: &Server<'_>, certificate: &Path, key: &Path) -> bool {
    server
        .block
        .pairs
        .iter()
        .any(|(own, own_key)| own == certificate && own_key == key)
}

/// Where a name ends up on a socket.
enum Answer<'a, 't> {
    /// In a block that has a name for it.
    Named(&'a Server<'t>),
    /// In the default of the socket, if a pattern does not catch it before.
    Default(Option<&'a Server<'t>>),
}

fn answer<'a, 't>(all: &'a [Server<'t>], socket: SocketAddr, name: &Domain) -> Answer<'a, 't> {
    let here = || {
        all.iter().filter(move |server| {
            server.block.context == Context::Http && server.block.sockets.contains(&socket)
        })
    };
    let mut best: Option<((u8, usize), &Server<'_>)> = None;
    for server in here() {
        let fits = server
            .block
            .server_names
            .iter()
            .filter_map(|written| fit(written, name))
            .max();
        // Of two alike nginx takes the first, and warns.
        if let Some(fits) = fits
            && best.is_none_or(|(before, _)| fits > before)
        {
            best = Some((fits, server));
        }
    }
    match best {
        Some((_, server)) => Answer::Named(server),
        None if here().any(|server| server.has_patterns) => Answer::Default(None),
        None => Answer::Default(here().find(|server| server.block.default_on.contains(&socket))),
    }
}

/// Adds the names that end up elsewhere to the one block that has the pair.
fn name(
    tree: &Tree,
    all: &[Server<'_>],
    ours: &[&Server<'_>],
    names: &[Domain],
) -> Result<Option<Change>, ConfigError> {
    let is_ours = |server: &Server<'_>| {
        ours.iter()
            .any(|own| std::ptr::eq(own.directive, server.directive))
    };
    let blocks: Vec<&&Server<'_>> = ours
        .iter()
        .filter(|server| server.block.context == Context::Http)
        .collect();
    let mut missing: Vec<&Domain> = Vec::new();
    for wanted in names {
        for socket in blocks.iter().flat_map(|server| &server.block.sockets) {
            match answer(all, *socket, wanted) {
                Answer::Named(server) if is_ours(server) => {}
                Answer::Default(Some(server)) if is_ours(server) => {}
                Answer::Named(server) => {
                    // Its own name in another block would be there twice.
                    let exact = server
                        .block
                        .server_names
                        .iter()
                        .any(|written| fit(written, wanted).is_some_and(|(rank, _)| rank == 2));
                    if exact {
                        return Err(ConfigError::Undecided {
                            what: format!("another `server` block has the name {wanted}"),
                            candidates: vec![server.block.place.clone()],
                        });
                    }
                    missing.push(wanted);
                }
                Answer::Default(_) => missing.push(wanted),
            }
        }
    }
    missing.dedup();
    match (missing.as_slice(), blocks.as_slice()) {
        ([], _) => Ok(None),
        (missing, [one]) => add_names(tree, one, missing).map(Some),
        (missing, _) => Err(ConfigError::Undecided {
            what: format!(
                "more than one `server` block has this certificate, and none the name {}",
                in_words(missing)
            ),
            candidates: blocks
                .iter()
                .map(|server| server.block.place.clone())
                .collect(),
        }),
    }
}

fn add_names(tree: &Tree, server: &Server<'_>, names: &[&Domain]) -> Result<Change, ConfigError> {
    let why = format!("server_name {}", in_words(names));
    let words: String = names.iter().map(|name| format!(" {name}")).collect();
    let own = server
        .directive
        .named("server_name")
        .find(|directive| !directive.values().is_empty());
    match own {
        Some(directive) => {
            let end = directive
                .words
                .last()
                .map_or(directive.after, |word| word.to);
            finish(tree, directive, vec![Edit::insert(end, words)], why)
        }
        None => insert(tree, server, &[format!("server_name{words};")], why),
    }
}

/// Puts the pair into a block, in the place of the one it has.
fn put(
    tree: &Tree,
    server: &Server<'_>,
    certificate: &Path,
    key: &Path,
) -> Result<Change, ConfigError> {
    let word = |path: &Path| {
        path.to_str()
            .and_then(quoted)
            .ok_or_else(|| ConfigError::Malformed {
                place: server.block.place.clone(),
                what: format!("{} cannot be written here", path.display()),
            })
    };
    let (new_certificate, new_key) = (word(certificate)?, word(key)?);
    let why = format!("ssl_certificate {}", certificate.display());
    let own: Vec<&Directive> = server.directive.named("ssl_certificate").collect();
    let own_keys: Vec<&Directive> = server.directive.named("ssl_certificate_key").collect();
    match (own.as_slice(), own_keys.as_slice()) {
        ([], []) => insert(
            tree,
            server,
            &[
                format!("ssl_certificate {new_certificate};"),
                format!("ssl_certificate_key {new_key};"),
            ],
            why,
        ),
        ([one], [one_key])
            if one.text == one_key.text && !(one.value().contains('$') || one_key.value().contains('$')) =>
        {
            let replace = |directive: &Directive, with: String| {
                directive.values().first().map(|word| Edit {
                    from: word.from,
                    to: word.to,
                    with,
                })
            };
            let edits = [replace(one, new_certificate), replace(one_key, new_key)];
            finish(tree, one, edits.into_iter().flatten().collect(), why)
        }
        _ => Err(ConfigError::Undecided {
            what: "the one `server` block with TLS has more certificates than one, or one by a variable"
                .to_owned(),
            candidates: own.iter().map(|directive| tree.place(directive)).collect(),
        }),
    }
}

/// New lines after the last `listen` of a block, or after its `{`, indented as that is.
fn insert(
    tree: &Tree,
    server: &Server<'_>,
    lines: &[String],
    why: String,
) -> Result<Change, ConfigError> {
    let block = server.directive;
    let after = block
        .named("listen")
        .filter(|directive| directive.text == block.text)
        .last()
        .unwrap_or(block);
    let text = tree.texts.get(after.text).map_or("", |(_, text)| text);
    let begin = after.words.first().map_or(0, |word| word.from);
    let line = text.get(..begin).unwrap_or_default();
    let line = line.rsplit('\n').next().unwrap_or_default();
    let mut indent: String = line
        .chars()
        .take_while(|c| *c == ' ' || *c == '\t')
        .collect();
    if std::ptr::eq(after, block) || indent.len() < line.len() {
        indent.push_str("    ");
    }
    // Up to the end of the line, where nothing but a comment stands there.
    let rest = text.get(after.after..).unwrap_or_default();
    let rest = rest.split('\n').next().unwrap_or_default();
    let rest = rest.strip_suffix('\r').unwrap_or(rest);
    let rest_is_idle = rest.trim().is_empty() || rest.trim_start().starts_with('#');
    let at = after.after + if rest_is_idle { rest.len() } else { 0 };
    let end = line_end(text);
    let mut with: String = lines
        .iter()
        .map(|line| format!("{end}{indent}{line}"))
        .collect();
    if !rest_is_idle {
        with.push_str(end);
        with.push_str(&indent);
    }
    finish(tree, after, vec![Edit::insert(at, with)], why)
}

/// The change of the file that a directive stands in.
fn finish(
    tree: &Tree,
    directive: &Directive,
    edits: Vec<Edit>,
    why: String,
) -> Result<Change, ConfigError> {
    let place = tree.place(directive);
    let times = tree
        .texts
        .iter()
        .filter(|(path, _)| *path == place.file)
        .count();
    if times != 1 {
        return Err(ConfigError::Undecided {
            what: format!(
                "{} is included {times} times: a change would hold for every one",
                place.file.display()
            ),
            candidates: vec![place],
        });
    }
    let before = tree
        .texts
        .get(directive.text)
        .map(|(_, text)| text.clone())
        .unwrap_or_default();
    let after = edited(&before, edits);
    Ok(change(&place.file, before, after, why))
}
