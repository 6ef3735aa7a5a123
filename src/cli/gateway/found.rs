//! What was found, for people and for scripts.

use super::adopt::Adopted;
use super::discover::Tables;
use crate::assign::discover::tables::{NoTable, RUN_AS_ROOT};
use crate::assign::discover::{Found, InUse, Root, Server, Way, way};
use crate::assign::other_writers::{Watched, other_writers as writers_of};
use crate::cli::Context;
use crate::cli::render::{self, json::certificate_json};
use crate::deployment::FileTarget;
use crate::explain::{Explain, printable};
use crate::findings::Finding;
use crate::names::Domain;
use crate::servers::HostKind;
use console::style;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Most names and listeners of one server that are shown.
const SHOWN: usize = 8;

/// Other tools that care for the files of the servers.
pub fn other_writers(found: &[Found]) -> Vec<Finding> {
    found
        .iter()
        .flat_map(|one| {
            let files = one.files();
            let mut paths: Vec<PathBuf> = Vec::new();
            for pair in &one.in_use {
                for path in [&pair.certificate, &pair.key] {
                    let here = files.here(path);
                    if !paths.contains(&here) {
                        paths.push(here);
                    }
                }
            }
            let hosts: Vec<Domain> = one
                .server
                .iter()
                .flat_map(|server| &server.common().hosts)
                .map(|host| host.name.clone())
                .collect();
            let root = match &one.root {
                Root::Ours => PathBuf::from("/"),
                Root::Folder(folder) | Root::Elsewhere(folder) => folder.clone(),
            };
            writers_of(&Watched {
                whose: one.kind.word(),
                kind: one.kind.word(),
                root: &root,
                files: &paths,
                names: &hosts,
            })
        })
        .collect()
}

/// The servers, then the tables.
pub fn describe(
    context: &Context,
    found: &[Found],
    tables: &Tables,
    has_deployment: bool,
) -> String {
    if found.is_empty() {
        return "no server was found: none runs, and none has a configuration in its usual place\n"
            .to_owned();
    }
    let mut text = String::new();
    for one in found {
        text.push_str(&server_words(context, one));
    }
    for row in &tables.rows {
        let what = file_of(&row.proposal.settings);
        text.push_str(&line(
            "table",
            &format!("{} {what}: {}", row.proposal.kind.word(), row.words()),
        ));
    }
    for NoTable { kind, file, why } in &tables.left_out {
        text.push_str(&line(
            "table",
            &format!("{} {}: none, {why}", kind.word(), shown(file)),
        ));
    }
    let new = tables.new_ones();
    if !new.is_empty() {
        text.push('\n');
        if !has_deployment {
            text.push_str(
                "# for an edgecert.toml, which `edgecert init --from-gateways` writes:\n",
            );
        }
        for table in new {
            text.push_str(&printable_lines(&table.to_toml()));
            text.push('\n');
        }
    }
    text
}

fn server_words(context: &Context, found: &Found) -> String {
    let running = match found.processes.first() {
        Some(pid) => match &found.user {
            Some(user) => format!("runs as pid {pid} of {}", printable(user)),
            None => format!("runs as pid {pid}"),
        },
        None => "not running".to_owned(),
    };
    let root = match &found.root {
        Root::Ours => String::new(),
        Root::Folder(folder) => format!(" · its / is {}", shown(folder)),
        Root::Elsewhere(_) => " · in a container".to_owned(),
    };
    let mut text = format!(
        "{}  {} · {running}{root}\n",
        style(found.kind.word()).bold(),
        shown(&found.config)
    );
    let server = match &found.server {
        Ok(server) => server,
        Err(_) if !found.unread.is_empty() => {
            text.push_str(&unread_words(found));
            return text;
        }
        Err(error) => {
            let told = error.explain();
            text.push_str(&line(
                "unreadable",
                &format!("{}: {}", told.place, told.why),
            ));
            return text;
        }
    };
    for pair in &found.in_use {
        text.push_str(&line("certificate", &pair_words(context, pair)));
    }
    text.push_str(&unread_words(found));
    let common = server.common();
    let listeners: Vec<String> = common
        .listeners
        .iter()
        .map(|one| format!("{} {}", one.protocol.word(), one.address))
        .collect();
    text.push_str(&line("listens", &some_of(&listeners)));
    let hosts: Vec<String> = common
        .hosts
        .iter()
        .map(|host| host.name.to_string())
        .collect();
    if !hosts.is_empty() {
        text.push_str(&line("names", &some_of(&hosts)));
    }
    let way = way_of(found, server);
    let there = match way.missing.first() {
        None => "there".to_owned(),
        Some(missing) => format!("not there: {}: {}", missing.what, missing.why),
    };
    text.push_str(&line(
        "reload",
        &printable(&format!("{} · {there}", way.words)),
    ));
    if context.verbose() {
        for remark in &common.remarks {
            text.push_str(&line(
                "remark",
                &printable(&format!("{}: {}", remark.place, remark.what)),
            ));
        }
    }
    text
}

fn unread_words(found: &Found) -> String {
    let paths = found.unread.iter();
    paths
        .map(|path| line("unreadable", &format!("{} {RUN_AS_ROOT}", shown(path))))
        .collect()
}

fn pair_words(context: &Context, pair: &InUse) -> String {
    let file = shown(&pair.certificate);
    match &pair.leaf {
        Ok(leaf) => {
            let facts = leaf.facts();
            let names: Vec<String> = pair
                .dns_names()
                .iter()
                .map(|name| printable(name))
                .collect();
            let names = match names.is_empty() {
                true => leaf.display_name(),
                false => some_of(&names),
            };
            format!(
                "{file} · {names} · until {} · {}",
                render::age(facts.not_after, context.now),
                facts.sha256.short()
            )
        }
        Err(why) => format!("{file} · not read: {}", printable(why)),
    }
}

/// How it would be reloaded with the table that is proposed; of the kind where there is none.
fn way_of(found: &Found, server: &Server) -> Way {
    let (proposed, _) = crate::assign::discover::proposals(found);
    let settings = proposed.into_iter().next().map(|one| one.settings);
    let settings = settings.unwrap_or_else(FileTarget::default);
    way(found.kind, &settings, server, &found.files())
}

fn some_of(words: &[String]) -> String {
    match words.len() {
        0 => "nowhere that is known".to_owned(),
        many if many > SHOWN => {
            let first = words.get(..SHOWN).unwrap_or(words).join(", ");
            format!("{first} and {} more", many - SHOWN)
        }
        _ => words.join(", "),
    }
}

fn file_of(settings: &FileTarget) -> String {
    let path = [&settings.directory, &settings.file, &settings.cert_file]
        .into_iter()
        .flatten()
        .next();
    path.map_or_else(String::new, |path| shown(path))
}

fn shown(path: &std::path::Path) -> String {
    printable(&path.display().to_string())
}

fn printable_lines(text: &str) -> String {
    text.lines().map(|line| printable(line) + "\n").collect()
}

fn line(head: &str, words: &str) -> String {
    render::hanging(&format!("  {head:<12} "), words)
}

/// The `result`.
pub fn to_json(
    context: &Context,
    found: &[Found],
    tables: &Tables,
    diff: &[String],
    adopted: &[Adopted],
) -> Value {
    json!({
        "servers": found.iter().map(|one| server_json(context, one)).collect::<Vec<_>>(),
        "tables": tables.rows.iter().map(super::discover::Row::to_json).collect::<Vec<_>>(),
        "left_out": tables.left_out.iter().map(|one| json!({
            "kind": one.kind.word(),
            "file": one.file.display().to_string(),
            "why": one.why,
        })).collect::<Vec<_>>(),
        "diff": diff,
        "adopted": adopted.iter().map(Adopted::to_json).collect::<Vec<_>>(),
    })
}

fn server_json(context: &Context, found: &Found) -> Value {
    let common = found.server.as_ref().ok().map(Server::common);
    let root = match &found.root {
        Root::Ours => Some("/".to_owned()),
        Root::Folder(folder) => Some(folder.display().to_string()),
        Root::Elsewhere(_) => None,
    };
    let reload = found.server.as_ref().ok().map(|server| {
        let way = way_of(found, server);
        json!({
            "words": way.words,
            "there": way.missing.is_empty(),
            "missing": way.missing.iter().map(|one| json!({
                "what": one.what, "why": one.why, "mend": one.mend,
            })).collect::<Vec<_>>(),
        })
    });
    let listeners = common.iter().flat_map(|common| &common.listeners);
    let hosts = common.iter().flat_map(|common| &common.hosts);
    let remarks = common.iter().flat_map(|common| &common.remarks);
    json!({
        "kind": found.kind.word(),
        "config": found.config.display().to_string(),
        "root": root,
        "running": !found.processes.is_empty(),
        "pids": found.processes,
        "user": found.user,
        "cannot_read": found.unread.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "why_not_read": found.server.as_ref().err().map(|error| {
            let told = error.explain();
            format!("{}: {}", told.place, told.why)
        }),
        "certificates": found.in_use.iter().map(|pair| json!({
            "certificate_file": pair.certificate.display().to_string(),
            "key_file": pair.key.display().to_string(),
            "shown_for": pair.names,
            "leaf": pair.leaf.as_ref().ok().map(|leaf| certificate_json(leaf, context.now)),
            "why_not_read": pair.leaf.as_ref().err(),
        })).collect::<Vec<_>>(),
        "listeners": listeners.map(|one| json!({
            "protocol": one.protocol.word(),
            "address": one.address.to_string(),
        })).collect::<Vec<_>>(),
        "hosts": hosts.map(|host| json!({
            "name": host.name.as_str(),
            "kind": match host.kind {
                HostKind::Domain => "domain",
                HostKind::Component => "component",
            },
        })).collect::<Vec<_>>(),
        "reload": reload,
        "remarks": remarks.map(|one| format!("{}: {}", one.place, one.what)).collect::<Vec<_>>(),
    })
}
