//! What has to be added for a file to be used.

use super::super::text::{Edit, change, edited, in_words, read_limited, top_of, with_lines_at_end};
use super::super::{Change, ConfigError, Place, Side, Source};
use super::files::is_certificate_in_folder;
use super::words::{quoted, split};
use super::{Bind, HaproxyConfig, lists};
use crate::names::Domain;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is missing for a file to be used on a `bind` with TLS: its line at the end of the `crt-list`, or ` crt FILE`
/// at the end of the `bind`; `None` where it is used already, or lies in a folder that is. The line has no filters:
/// HAProxy then takes the names of the certificate, which are those of the next one as well.
///
/// Errors: `Undecided` where there is no `bind` with TLS or more than one list or `bind` that it could go to, and
/// those of reading the file.
pub fn with_file(
    config: &HaproxyConfig,
    source: &dyn Source,
    file: &Path,
    names: &[Domain],
) -> Result<Option<Change>, ConfigError> {
    if is_used(config, file) {
        return Ok(None);
    }
    let why = match names {
        [] => file.display().to_string(),
        names => format!("{} for {}", file.display(), in_words(names)),
    };
    let lists: BTreeSet<&PathBuf> = config.binds.iter().flat_map(|bind| &bind.lists).collect();
    let binds: Vec<&Bind> = config
        .binds
        .iter()
        .filter(|bind| bind.lists.is_empty())
        .collect();
    match (lists.iter().next(), binds.as_slice()) {
        (Some(list), []) if lists.len() == 1 => in_list(list, source, file, why).map(Some),
        (None, [bind]) => on_bind(bind, source, file, why).map(Some),
        (None, []) => Err(ConfigError::Undecided {
            what: "no `bind` has `ssl`".to_owned(),
            candidates: config
                .common
                .files
                .iter()
                .take(1)
                .map(|file| top_of(file))
                .collect(),
        }),
        _ => Err(ConfigError::Undecided {
            what: format!(
                "there is more than one `crt-list` or `bind` that {} could go to",
                file.display()
            ),
            candidates: lists
                .iter()
                .map(|list| top_of(list))
                .chain(binds.iter().map(|bind| bind.place.clone()))
                .collect(),
        }),
    }
}

/// Whether a file is shown to those who connect, or would be as soon as it is there.
fn is_used(config: &HaproxyConfig, file: &Path) -> bool {
    let named = config
        .common
        .certificates
        .iter()
        .any(|used| used.side == Side::Server && used.certificate == file);
    let in_folder = file
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(is_certificate_in_folder)
        && config
            .binds
            .iter()
            .flat_map(|bind| &bind.folders)
            .any(|folder| file.parent() == Some(folder));
    named || in_folder
}

fn written(file: &Path, place: &Place) -> Result<String, ConfigError> {
    file.to_str()
        .filter(|text| !text.chars().any(char::is_control))
        .map(str::to_owned)
        .ok_or_else(|| ConfigError::Malformed {
            place: place.clone(),
            what: format!("{} cannot be written here", file.display()),
        })
}

fn in_list(
    list: &Path,
    source: &dyn Source,
    file: &Path,
    why: String,
) -> Result<Change, ConfigError> {
    let written = written(file, &top_of(list))?;
    if !lists::can_hold(&written) {
        return Err(ConfigError::Malformed {
            place: top_of(list),
            what: format!("a crt-list cannot hold `{written}`: it knows no quotes"),
        });
    }
    let before = read_limited(source, list)?;
    let after = with_lines_at_end(&before, &[written]);
    Ok(change(list, before, after, why))
}

fn on_bind(
    bind: &Bind,
    source: &dyn Source,
    file: &Path,
    why: String,
) -> Result<Change, ConfigError> {
    let written = written(file, &bind.place)?;
    let before = read_limited(source, &bind.place.file)?;
    let mut start = 0;
    let line = before
        .split_inclusive('\n')
        .nth(bind.place.line - 1)
        .inspect(|_| {
            start = before
                .split_inclusive('\n')
                .take(bind.place.line - 1)
                .map(str::len)
                .sum();
        })
        .map(|line| line.trim_end_matches(['\n', '\r']))
        .unwrap_or_default();
    let words = split(line);
    let end = words
        .first()
        .filter(|word| word.text == "bind")
        .and_then(|_| words.last())
        .map(|word| word.to);
    let Some(end) = end else {
        return Err(ConfigError::Malformed {
            place: bind.place.clone(),
            what: "the `bind` that was here is gone: the file has changed".to_owned(),
        });
    };
    let added = format!(" crt {}", quoted(&written));
    let whole = edited(line, vec![Edit::insert(end, added.clone())]);
    let mut wanted: Vec<String> = words.into_iter().map(|word| word.text).collect();
    wanted.extend(["crt".to_owned(), written]);
    if !split(&whole).into_iter().map(|word| word.text).eq(wanted) {
        return Err(ConfigError::Malformed {
            place: bind.place.clone(),
            what: "a quote that does not end, or a `\\` at the end".to_owned(),
        });
    }
    let edit = Edit::insert(start + end, added);
    let after = edited(&before, vec![edit]);
    Ok(change(&bind.place.file, before, after, why))
}
