//! Federated partners in ejabberd's configuration: a file of our own with what each host does between servers, and the
//! main file's include of it.
//!
//! As measured with 23.01: an option that stands in two files is refused when both are for everybody, and
//! `host_config` of a host stands before it; `append_host_config` adds modules to those of everybody, each once. So
//! `mod_s2s_dialback` leaves the main file. Its `access` bars no dialback: it says whose certificate may be bad where
//! there is TLS.

use super::DIALBACK_MODULE;
use super::change::{Text, below};
use super::load::{At, Loaded};
use super::{EjabberdConfig, SPOOL, host_options, named, read_from};
use crate::explain::printable;
use crate::federation::Partner;
use crate::names::Domain;
use crate::servers::federation::files::{HEAD, Without, own_file, remark_for, spellings};
use crate::servers::federation::{
    Admitted, Certified, Dialback, Distance, Encryption, Keeper, Limit, Planned, Rewritten, Rules,
    Wish, rules,
};
use crate::servers::text::{folder_of, with_lines_at_end};
use crate::servers::{ConfigError, HostKind, Place, Source};
use std::path::{Path, PathBuf};

/// Our file, beside the main one.
pub const OWN_FILE: &str = "edgecert-partners.yml";

/// The names of our rules and lists.
const PARTNERS: &str = "edgecert_partners";
const CERTIFIED: &str = "edgecert_certified";
const UNCERTIFIED: &str = "edgecert_uncertified";
const DIALBACK: &str = "edgecert_dialback";

/// What a configuration needs so that its server treats the partners as wished.
///
/// Errors: those of reading; `Undecided` where the main file has to be changed by hand first.
pub fn with_partners(
    main: &Path,
    source: &dyn Source,
    wish: Wish<'_>,
) -> Result<Planned, ConfigError> {
    let folder = Path::new(SPOOL);
    let own = folder_of(main).join(OWN_FILE);
    let without = Without { source, file: &own };
    let config = read_from(main, folder, &without)?;
    let loaded = Loaded::read(main, folder, &without)?;
    let (rules, mut limits) = rules(wish, Keeper::Ejabberd);
    stand_in_the_way(&loaded)?;
    bars_somebody(&loaded)?;
    limits.extend(overridden(&loaded, rules.encryption));
    limits.sort();
    let text = text(&config, &rules, wish.partners);
    let mut files: Vec<Rewritten> = own_file(source, own.clone(), text)?.into_iter().collect();
    for (number, file) in loaded.files.iter().enumerate() {
        if *file == own {
            continue;
        }
        let before = source.read(file)?;
        let mut after = without_dialback(&loaded, number, &before)?;
        if number == 0 && !loaded.files.contains(&own) {
            after = with_include(&loaded, &after, &own)?;
        }
        if after != before {
            files.push(Rewritten {
                file: file.clone(),
                before: Some(before),
                after,
                why: format!("{OWN_FILE}, which also has mod_s2s_dialback"),
            });
        }
    }
    Ok(Planned {
        files,
        rules,
        limits,
    })
}

/// Options of hosts that would stand twice with ours.
fn stand_in_the_way(loaded: &Loaded) -> Result<(), ConfigError> {
    let mut candidates: Vec<Place> = Vec::new();
    for option in ["host_config", "append_host_config"] {
        for (_, options) in host_options(loaded, &loaded.tops, option) {
            let mut found: Vec<At> = ["s2s_use_starttls", "s2s_access"]
                .iter()
                .filter_map(|name| loaded.get(options, name))
                .collect();
            found.extend(
                loaded
                    .get(options, "modules")
                    .and_then(|modules| loaded.get(modules, DIALBACK_MODULE)),
            );
            candidates.extend(found.into_iter().map(|at| loaded.place(at)));
        }
    }
    for rule in ["acl", "access_rules"] {
        for top in named(&loaded.tops, rule) {
            let ours = loaded.map(top.value).into_iter();
            candidates.extend(
                ours.filter(|(name, _, _)| name.starts_with("edgecert_"))
                    .map(|(_, key, _)| loaded.place(key)),
            );
        }
    }
    if candidates.is_empty() {
        return Ok(());
    }
    Err(ConfigError::InTheWay {
        what: format!(
            "options of a host that {OWN_FILE} has to set stand in the configuration already, and ejabberd takes none twice"
        ),
        places: candidates,
        mend: "take them out there, and do this again",
    })
}

/// A list of who may not federate: what we say for each host would lift it without a word.
fn bars_somebody(loaded: &Loaded) -> Result<(), ConfigError> {
    let places: Vec<Place> = named(&loaded.tops, "s2s_access")
        .filter(|top| loaded.text(top.value) != Some("all"))
        .map(|top| loaded.place(top.key))
        .collect();
    if places.is_empty() {
        return Ok(());
    }
    Err(ConfigError::InTheWay {
        what: format!(
            "`s2s_access` says there who may federate; the `s2s_access` of each host in {OWN_FILE} would count instead, and let in whom it keeps out"
        ),
        places,
        mend: "take `s2s_access` out there if [[partner]] and `others` in edgecert.toml say who may federate, and do this again",
    })
}

/// An encryption for everybody that is another than the one that each host gets.
fn overridden(loaded: &Loaded, ours: Encryption) -> Vec<Limit> {
    named(&loaded.tops, "s2s_use_starttls")
        .filter_map(|top| {
            let word = loaded.text(top.value);
            let (distance, same) = match (word, ours) {
                (Some("required"), Encryption::Required)
                | (Some("optional" | "true"), Encryption::Offered)
                | (Some("false"), Encryption::Never) => (Distance::Other, true),
                (Some("required"), Encryption::Offered | Encryption::Never)
                | (Some("optional" | "true"), Encryption::Never) => (Distance::Weaker, false),
                (_, Encryption::Required | Encryption::Offered | Encryption::Never) => {
                    (Distance::Other, false)
                }
            };
            (!same).then(|| Limit {
                distance,
                whom: "everybody".to_owned(),
                what: format!(
                    "`s2s_use_starttls: {}`, at {}, no longer counts: each host has {} in {OWN_FILE}",
                    printable(word.unwrap_or("…")),
                    loaded.place(top.key),
                    starttls(ours)
                ),
            })
        })
        .collect()
}

/// The word of `s2s_use_starttls`.
fn starttls(encryption: Encryption) -> &'static str {
    match encryption {
        Encryption::Never => "false",
        Encryption::Offered => "optional",
        Encryption::Required => "required",
    }
}

/// A file without `mod_s2s_dialback` among the modules of everybody; a comment says where it went.
fn without_dialback(loaded: &Loaded, number: usize, before: &str) -> Result<String, ConfigError> {
    let mut after = before.to_owned();
    let mut entries: Vec<(At, At, usize)> = Vec::new();
    for top in named(&loaded.tops, "modules") {
        let all = loaded.map(top.value);
        let many = all.len();
        entries.extend(
            all.into_iter()
                .filter(|(name, _, _)| name == DIALBACK_MODULE)
                .filter(|(_, key, _)| loaded.file_of(*key) == number)
                .map(|(_, key, value)| (key, value, many)),
        );
    }
    for (key, value, many) in entries {
        let place = loaded.place(key);
        let undecided = |what: &str| ConfigError::Undecided {
            what: what.to_owned(),
            candidates: vec![place.clone()],
        };
        let text = Text::of(&after, "");
        let document = loaded.document(number);
        let from = text.line(place.line);
        let to = text.line(below(document, value.id()));
        let line = after.get(from..).unwrap_or_default();
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let whole = line
            .trim_start()
            .starts_with(&format!("{DIALBACK_MODULE}:"));
        if !whole || many < 2 || loaded.file_of(value) != number {
            return Err(undecided(
                "mod_s2s_dialback stands so that it cannot be taken out by a tool; take it out by hand",
            ));
        }
        let end = if line
            .split('\n')
            .next()
            .is_some_and(|line| line.ends_with('\r'))
        {
            "\r\n"
        } else {
            "\n"
        };
        let comment = format!("{indent}# {DIALBACK_MODULE}: in {OWN_FILE}{end}");
        after = [
            after.get(..from).unwrap_or_default(),
            &comment,
            after.get(to..).unwrap_or_default(),
        ]
        .concat();
    }
    Ok(after)
}

/// The main file with the include of ours.
fn with_include(loaded: &Loaded, text: &str, own: &Path) -> Result<String, ConfigError> {
    let document = loaded.document(0);
    let word = own
        .to_str()
        .filter(|path| !path.chars().any(char::is_control))
        .map(|path| format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\"")));
    let place = |line| Place {
        file: loaded.files.first().cloned().unwrap_or_default(),
        line,
    };
    let undecided = |line| ConfigError::Undecided {
        what: format!(
            "{} cannot be added to `include_config_file` by a tool",
            own.display()
        ),
        candidates: vec![place(line)],
    };
    let word = word.ok_or_else(|| undecided(1))?;
    let include = document
        .top()
        .iter()
        .find(|(key, _)| document.text(*key) == Some("include_config_file"));
    let candidates: Vec<String> = match include {
        Some((key, value)) => {
            // Lines may have moved since it was read: it is read anew.
            let line = document.line(*key);
            let now = super::yaml::Document::read(text, &place(line).file)?;
            let (key, list) = now
                .top()
                .iter()
                .find(|(key, _)| now.text(*key) == Some("include_config_file"))
                .copied()
                .unwrap_or((*key, *value));
            Text::of(text, "").added(&now, now.node(list), now.node(key), &word)
        }
        None => {
            let column = document
                .top()
                .first()
                .map_or(0, |(key, _)| document.node(*key).start.column);
            let indent = " ".repeat(column);
            vec![with_lines_at_end(
                text,
                &[
                    String::new(),
                    format!("{indent}# {HEAD}"),
                    format!("{indent}include_config_file:"),
                    format!("{indent}  - {word}"),
                ],
            )]
        }
    };
    let line = include.map_or(1, |(key, _)| document.line(*key));
    candidates
        .into_iter()
        .find(|after| includes(loaded, after, own))
        .ok_or_else(|| undecided(line))
}

/// Whether a main file includes ours, and what it included before.
fn includes(loaded: &Loaded, after: &str, own: &Path) -> bool {
    struct Main<'a>(&'a [PathBuf], &'a str);
    impl Source for Main<'_> {
        fn read(&self, path: &Path) -> Result<String, ConfigError> {
            Ok(match self.0.first() {
                Some(main) if main == path => self.1.to_owned(),
                Some(_) | None => String::new(),
            })
        }
        fn look(&self, _path: &Path) -> Option<crate::servers::PathKind> {
            None
        }
        fn expand(&self, _pattern: &Path) -> Vec<PathBuf> {
            Vec::new()
        }
    }
    let Some(main) = loaded.files.first() else {
        return false;
    };
    let source = Main(&loaded.files, after);
    let Ok(new) = Loaded::read(main, Path::new(SPOOL), &source) else {
        return false;
    };
    let direct = new.files.iter().filter(|file| *file != own);
    new.files.contains(&own.to_path_buf()) && direct.clone().all(|file| loaded.files.contains(file))
}

fn text(config: &EjabberdConfig, rules: &Rules, partners: &[Partner]) -> String {
    let (list, named, rest): (&str, &[Domain], _) = match &rules.certified {
        Certified::Only(domains) => (CERTIFIED, domains, ("deny", "\n    - allow: all")),
        Certified::AllBut(domains) => (UNCERTIFIED, domains, ("allow", "")),
    };
    let admitted: Option<&[Domain]> = match &rules.admitted {
        Admitted::All => None,
        Admitted::Only(domains) => Some(domains),
    };
    let mut text = format!("# {HEAD}\n");
    let lists: Vec<(&str, &[Domain])> = [(PARTNERS, admitted.unwrap_or_default()), (list, named)]
        .into_iter()
        .filter(|(_, domains)| !domains.is_empty())
        .collect();
    if !lists.is_empty() {
        text.push_str("acl:\n");
    }
    for (name, domains) in &lists {
        text.push_str(&format!("  {name}:\n    server:\n"));
        for domain in *domains {
            let remark = remark_for(domain, partners);
            let remark = remark.map_or_else(String::new, |remark| format!(" # {remark}"));
            for spelling in spellings(domain) {
                text.push_str(&format!("      - \"{spelling}\"{remark}\n"));
            }
        }
    }
    // A rule that lets nobody in, or everybody, is a word of ejabberd's own.
    let access = match admitted {
        None => "all",
        Some([]) => "none",
        Some(_) => PARTNERS,
    };
    let dialback = match (&rules.certified, named.is_empty()) {
        (Certified::Only(_), true) => "all",
        (Certified::AllBut(_), true) => "none",
        (Certified::Only(_) | Certified::AllBut(_), false) => DIALBACK,
    };
    let uses_dialback = rules.dialback == Dialback::Loaded && dialback == DIALBACK;
    if access == PARTNERS || uses_dialback {
        text.push_str("access_rules:\n");
    }
    if access == PARTNERS {
        text.push_str(&format!("  {PARTNERS}:\n    - allow: {PARTNERS}\n"));
    }
    if uses_dialback {
        let (word, more) = rest;
        text.push_str(&format!("  {DIALBACK}:\n    - {word}: {list}{more}\n"));
    }
    let starttls = starttls(rules.encryption);
    let hosts: Vec<&Domain> = config
        .common
        .hosts
        .iter()
        .filter(|host| host.kind == HostKind::Domain)
        .map(|host| &host.name)
        .collect();
    if hosts.is_empty() {
        return text;
    }
    text.push_str("host_config:\n");
    for host in &hosts {
        text.push_str(&format!(
            "  \"{host}\":\n    s2s_use_starttls: {starttls}\n    s2s_access: {access}\n"
        ));
    }
    if rules.dialback == Dialback::Loaded {
        text.push_str("append_host_config:\n");
        for host in &hosts {
            text.push_str(&format!(
                "  \"{host}\":\n    modules:\n      {DIALBACK_MODULE}:\n        access: {dialback}\n"
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests;
