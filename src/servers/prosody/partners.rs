//! Federated partners in Prosody's configuration: a file of our own with the settings of `mod_s2s`, `mod_tls` and
//! `mod_dialback`, and one `Include` of it at the end of the main file.
//!
//! A file that is included counts as global wherever it stands, and what comes last counts (`core/configmanager.lua`;
//! seen in 0.12.3). `mod_s2s` is a global module: what a host says of its own counts for `mod_tls` and the list of
//! modules alone, and is told.

use super::load::{Loaded, Section, Setting, last, load};
use super::texts;
use crate::explain::{listed, printable};
use crate::federation::Partner;
use crate::names::Domain;
use crate::servers::federation::files::{HEAD, Without, own_file, remark_for, spellings};
use crate::servers::federation::{
    Certified, Dialback, Distance, Encryption, Keeper, Limit, Planned, Rewritten, Rules, Wish,
    rules,
};
use crate::servers::text::{folder_of, with_lines_at_end};
use crate::servers::{ConfigError, Source};
use std::path::Path;

/// Our file, beside the main one.
pub const OWN_FILE: &str = "edgecert-partners.cfg.lua";

const MODULES_DISABLED: &str = "modules_disabled";

/// What a host may say of its own, and then it stands.
const OF_HOSTS: [&str; 3] = [
    "s2s_require_encryption",
    "s2s_allow_encryption",
    "s2s_secure_auth",
];

/// What a configuration needs so that its server treats the partners as wished.
///
/// Errors: those of reading.
pub fn with_partners(
    main: &Path,
    source: &dyn Source,
    wish: Wish<'_>,
) -> Result<Planned, ConfigError> {
    let own = folder_of(main).join(OWN_FILE);
    let without = Without { source, file: &own };
    let before = load(main, &without)?;
    let (rules, mut limits) = rules(wish, Keeper::Prosody);
    let modules = Modules::of(&before, rules.dialback, &mut limits);
    limits.extend(
        before
            .sections
            .iter()
            .filter_map(|section| of_its_own(section, rules.dialback)),
    );
    let (ahead, behind) = around_the_include(&before, &own);
    limits.extend(replaced(ahead, &rules.certified));
    limits.extend(counts_instead(behind, &modules));
    let text = text(&rules, &modules, wish.partners);
    let mut files: Vec<Rewritten> = own_file(source, own.clone(), text)?.into_iter().collect();
    if !before.files.contains(&own) {
        let text = source.read(main)?;
        let lines = [
            String::new(),
            format!("-- {HEAD}"),
            format!("Include \"{OWN_FILE}\""),
        ];
        files.push(Rewritten {
            file: main.to_path_buf(),
            after: with_lines_at_end(&text, &lines),
            before: Some(text),
            why: format!("the include of {OWN_FILE}"),
        });
    }
    limits.sort();
    Ok(Planned {
        files,
        rules,
        limits,
    })
}

/// Whether the files as they are have dialback loaded for every host; a list that is computed counts as one that has.
///
/// Errors: those of reading.
pub fn dialback(main: &Path, source: &dyn Source) -> Result<Dialback, ConfigError> {
    let loaded = load(main, source)?;
    let has = |name: &str, unknown: bool| match last(&loaded.global, name) {
        Some(setting) => texts(&setting.value).map_or(unknown, |names| {
            names.iter().any(|one| one == Modules::DIALBACK)
        }),
        None => false,
    };
    Ok(
        if has("modules_enabled", true) && !has("modules_disabled", false) {
            Dialback::Loaded
        } else {
            Dialback::NotLoaded
        },
    )
}

/// The global settings before our include and those after it, in the same file or another; without an include it will
/// stand at the end.
fn around_the_include<'a>(before: &'a Loaded, own: &Path) -> (&'a [Setting], &'a [Setting]) {
    let at = before.files.iter().rposition(|file| file == own);
    let at = at.and_then(|at| before.before.get(at).copied());
    before
        .global
        .split_at_checked(at.unwrap_or(before.global.len()))
        .unwrap_or((&before.global, &[]))
}

/// Global settings of those that we write, below the line that includes our file: they count, and ours do not.
fn counts_instead(behind: &[Setting], modules: &Modules) -> Vec<Limit> {
    const OURS: [&str; 6] = [
        "s2s_require_encryption",
        "s2s_allow_encryption",
        "s2s_secure_auth",
        "s2s_secure_domains",
        "s2s_insecure_domains",
        MODULES_DISABLED,
    ];
    OURS.iter()
        .filter(|name| **name != MODULES_DISABLED || modules.0.is_some())
        .filter_map(|name| behind.iter().rev().find(|setting| setting.name == *name))
        .map(|later| Limit {
            distance: Distance::Weaker,
            whom: "everybody".to_owned(),
            what: format!(
                "{} stands after the include of {OWN_FILE}, at {}, and counts instead; take it out, or move the include to the end",
                later.name, later.place
            ),
        })
        .collect()
}

/// Lists of the administrator's that ours replace, where somebody is treated otherwise by ours.
fn replaced(ahead: &[Setting], certified: &Certified) -> Vec<Limit> {
    let needs_certificate = |name: &str| {
        let is = |domain: &Domain| Domain::parse(name).is_ok_and(|name| name == *domain);
        match certified {
            Certified::Only(domains) => domains.iter().any(is),
            Certified::AllBut(domains) => !domains.iter().any(is),
        }
    };
    [
        ("s2s_secure_domains", true, Distance::Weaker, "they need no good certificate any more"),
        ("s2s_insecure_domains", false, Distance::Other, "they need a good certificate now"),
    ]
    .into_iter()
    .filter_map(|(name, needed, distance, now)| {
        let setting = last(ahead, name)?;
        let (distance, whom, now) = match texts(&setting.value) {
            Some(names) => {
                let other: Vec<&String> = names
                    .iter()
                    .filter(|name| needs_certificate(name) != needed)
                    .collect();
                if other.is_empty() {
                    return None;
                }
                (distance, listed(&other, 8), now)
            }
            None => (Distance::Weaker, "everybody".to_owned(), "it is computed, and whom it names is not known here"),
        };
        Some(Limit {
            distance,
            whom: printable(&whom),
            what: format!(
                "`{name}`, at {}, no longer counts, as {OWN_FILE} has a list of its own: {now}; make partners of them, or take them out",
                setting.place
            ),
        })
    })
    .collect()
}

/// What a host says of its own.
fn of_its_own(section: &Section, dialback: Dialback) -> Option<Limit> {
    let listed = |name: &str| {
        let setting = last(&section.settings, name)?;
        let names = texts(&setting.value)?;
        names
            .iter()
            .any(|module| module == "dialback")
            .then_some(setting)
    };
    let modules = match dialback {
        Dialback::Loaded => listed("modules_disabled"),
        Dialback::NotLoaded => listed("modules_enabled"),
    };
    let setting = OF_HOSTS
        .iter()
        .find_map(|name| last(&section.settings, name))
        .or(modules)?;
    Some(Limit {
        distance: Distance::Weaker,
        whom: printable(&section.name),
        what: format!(
            "the host has `{}` of its own, at {}, and that stands; take it out",
            setting.name, setting.place
        ),
    })
}

/// What becomes of the global `modules_disabled`; `None`: it is left alone.
struct Modules(Option<Vec<String>>);

impl Modules {
    const DIALBACK: &'static str = "dialback";

    fn of(before: &Loaded, wanted: Dialback, limits: &mut Vec<Limit>) -> Self {
        let list = |name: &str| match last(&before.global, name) {
            Some(setting) => texts(&setting.value),
            None => Some(Vec::new()),
        };
        let mut push = |what: &str| {
            limits.push(Limit {
                distance: Distance::Missing,
                whom: "everybody".to_owned(),
                what: what.to_owned(),
            });
        };
        let enabled = list("modules_enabled");
        let Some(disabled) = list("modules_disabled") else {
            push(
                "`modules_disabled` is computed: whether dialback is loaded is for its author to see to",
            );
            return Self(None);
        };
        let is_on = |names: &[String]| names.iter().any(|name| name == Self::DIALBACK);
        match wanted {
            Dialback::Loaded => {
                if enabled.is_some_and(|names| !is_on(&names)) {
                    push(
                        "dialback is not among the global `modules_enabled`, and a list is not added to from outside; write \"dialback\" there",
                    );
                }
                let others = disabled.iter().filter(|name| *name != Self::DIALBACK);
                Self(is_on(&disabled).then(|| others.cloned().collect()))
            }
            Dialback::NotLoaded if is_on(&disabled) => Self(None),
            Dialback::NotLoaded => {
                if enabled.is_some_and(|names| !is_on(&names)) {
                    return Self(None);
                }
                let mut all = disabled;
                all.push(Self::DIALBACK.to_owned());
                Self(Some(all))
            }
        }
    }
}

fn text(rules: &Rules, modules: &Modules, partners: &[Partner]) -> String {
    let truth = |is: bool| if is { "true" } else { "false" };
    let (strict, secure, insecure): (bool, &[Domain], &[Domain]) = match &rules.certified {
        Certified::Only(domains) => (false, domains, &[]),
        Certified::AllBut(domains) => (true, &[], domains),
    };
    let mut text = format!("-- {HEAD}\n");
    for (name, is) in [
        (
            "s2s_allow_encryption",
            rules.encryption != Encryption::Never,
        ),
        (
            "s2s_require_encryption",
            rules.encryption == Encryption::Required,
        ),
        ("s2s_secure_auth", strict),
    ] {
        text.push_str(&format!("{name} = {}\n", truth(is)));
    }
    for (name, domains) in [
        ("s2s_secure_domains", secure),
        ("s2s_insecure_domains", insecure),
    ] {
        text.push_str(&format!("{name} = {{\n"));
        for domain in domains {
            let remark = remark_for(domain, partners);
            let remark = remark.map_or_else(String::new, |remark| format!(" -- {remark}"));
            for spelling in spellings(domain) {
                text.push_str(&format!("\t{};{remark}\n", quoted(&spelling)));
            }
        }
        text.push_str("}\n");
    }
    if let Some(names) = &modules.0 {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        text.push_str(&format!("modules_disabled = {{ {} }}\n", names.join("; ")));
    }
    text
}

/// A string of Lua.
fn quoted(text: &str) -> String {
    let mut all = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                all.push('\\');
                all.push(c);
            }
            // Lua 5.1 knows no other escape than by decimal bytes; none of these is in a name that was read.
            c if c.is_control() => all.push('?'),
            c => all.push(c),
        }
    }
    all.push('"');
    all
}

#[cfg(test)]
mod tests;
