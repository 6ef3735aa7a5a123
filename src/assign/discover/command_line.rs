//! What a process is, by its name and command line (pure).
//!
//! Options are read as each program reads them: `getopt` for Kamailio and coturn, words of their own for the others.
//! nginx writes its command line anew as one text. proc_pid_cmdline(5).

use super::kinds::ServerKind;

/// A server's process, as its command line tells it; paths as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Started {
    /// Its main configuration; `None`: its default.
    pub config: Option<String>,
    /// Further ones that it reads along.
    pub further: Vec<String>,
    /// The file that it writes its process id to.
    pub pid_file: Option<String>,
    /// ejabberd's node.
    pub node: Option<String>,
    /// Whether it reads a configuration at all.
    pub reads: Reads,
}

/// Whether a server reads a configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reads {
    /// From a file.
    #[default]
    File,
    /// From its command line alone (`turnserver -n`).
    CommandLine,
}

/// What nginx's master calls itself.
const NGINX_MASTER: &str = "nginx: master process ";

/// Recognises a server by its name (as the kernel has it) and its words; `variable` looks into its environment.
pub fn recognise(
    name: &str,
    words: &[String],
    variable: &dyn Fn(&str) -> Option<String>,
) -> Option<(ServerKind, Started)> {
    match name {
        "kamailio" => Some((ServerKind::Kamailio, kamailio(words))),
        "haproxy" => Some((ServerKind::Haproxy, haproxy(words))),
        "nginx" => Some((ServerKind::Nginx, nginx(words)?)),
        "turnserver" => Some((ServerKind::Coturn, coturn(words))),
        "beam.smp" | "beam" => Some((ServerKind::Ejabberd, ejabberd(words, variable)?)),
        "prosody" => Some((ServerKind::Prosody, prosody(words, variable))),
        lua if lua.starts_with("lua") => {
            // The interpreter, then the script.
            let script = words.iter().skip(1).find(|word| !word.starts_with('-'))?;
            let is_prosody = script.rsplit('/').next() == Some("prosody");
            is_prosody.then(|| (ServerKind::Prosody, prosody(words, variable)))
        }
        _ => None,
    }
}

/// `--config FILE` or `--config=FILE`, else what `prosodyctl` passes on.
fn prosody(words: &[String], variable: &dyn Fn(&str) -> Option<String>) -> Started {
    Started {
        config: long_option(words, "--config").or_else(|| variable("PROSODY_CONFIG")),
        ..Started::default()
    }
}

/// `ejabberdctl` runs itself in the same machine to ask: only `-s ejabberd` is the server.
fn ejabberd(words: &[String], variable: &dyn Fn(&str) -> Option<String>) -> Option<Started> {
    let is_server = words
        .windows(2)
        .any(|two| two[0] == "-s" && two[1] == "ejabberd");
    is_server.then(|| Started {
        config: variable("EJABBERD_CONFIG_PATH"),
        node: value_behind(words, "-name").or_else(|| value_behind(words, "-sname")),
        ..Started::default()
    })
}

fn kamailio(words: &[String]) -> Started {
    Started {
        config: short_option(words, 'f', KAMAILIO_WITH_VALUE),
        pid_file: short_option(words, 'P', KAMAILIO_WITH_VALUE),
        ..Started::default()
    }
}

/// Options of Kamailio 5.6 that take a value, of one letter (`kamailio -h`).
const KAMAILIO_WITH_VALUE: &str = "aAbfgGlLmMnNOPQtuwWxXY";

/// `-f FILE`, again for further ones; all that follows `--` are files.
fn haproxy(words: &[String]) -> Started {
    let mut files = Vec::new();
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-f" => files.extend(rest.next().cloned()),
            "--" => files.extend(rest.by_ref().cloned()),
            _ => {}
        }
    }
    let mut files = files.into_iter();
    Started {
        config: files.next(),
        further: files.collect(),
        pid_file: value_behind(words, "-p"),
        ..Started::default()
    }
}

/// The master's own text, or its words where it runs alone; workers and helpers do not count.
fn nginx(words: &[String]) -> Option<Started> {
    let first = words.first()?;
    let words: Vec<String> = match first.strip_prefix(NGINX_MASTER) {
        Some(rest) => rest.split_ascii_whitespace().map(str::to_owned).collect(),
        None if first.starts_with("nginx: ") => return None,
        None => words.to_vec(),
    };
    // `-p` moves where a relative `-c` counts from.
    let prefix = value_behind(&words, "-p");
    let config = value_behind(&words, "-c").map(|config| match prefix {
        Some(prefix) if !config.starts_with('/') => {
            format!("{}/{config}", prefix.trim_end_matches('/'))
        }
        Some(_) | None => config,
    });
    Some(Started {
        config,
        ..Started::default()
    })
}

/// Options of coturn 4.6 that take a value, of one letter (`turnserver -h`).
const COTURN_WITH_VALUE: &str = "dpLiEXmurqQsBcbeMNOlCA";

fn coturn(words: &[String]) -> Started {
    let alone = words.iter().skip(1).any(|word| word == "-n");
    Started {
        config: value_behind(words, "-c").or_else(|| {
            // `-c` in one word with its value.
            short_option(words, 'c', COTURN_WITH_VALUE)
        }),
        pid_file: long_option(words, "--pidfile"),
        reads: match alone {
            true => Reads::CommandLine,
            false => Reads::File,
        },
        ..Started::default()
    }
}

/// The word after an option.
fn value_behind(words: &[String], option: &str) -> Option<String> {
    let at = words.iter().position(|word| word == option)?;
    words.get(at + 1).cloned()
}

/// `--name VALUE` or `--name=VALUE`.
fn long_option(words: &[String], option: &str) -> Option<String> {
    words.iter().enumerate().find_map(|(at, word)| {
        let rest = word.strip_prefix(option)?;
        match rest.strip_prefix('=') {
            Some(value) => Some(value.to_owned()),
            None if rest.is_empty() => words.get(at + 1).cloned(),
            None => None,
        }
    })
}

/// `-f VALUE` or `-fVALUE`, as `getopt` has it: the value of another option does not count as one.
fn short_option(words: &[String], option: char, with_value: &str) -> Option<String> {
    let mut found = None;
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        let Some(letters) = word.strip_prefix('-').filter(|word| !word.starts_with('-')) else {
            continue;
        };
        let Some((at, letter)) = letters
            .char_indices()
            .find(|(_, letter)| with_value.contains(*letter))
        else {
            continue;
        };
        let beside = letters.get(at + letter.len_utf8()..).unwrap_or("");
        let value = match beside {
            "" => rest.next().cloned(),
            beside => Some(beside.to_owned()),
        };
        if letter == option {
            found = value;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str, line: &str) -> Option<(ServerKind, Started)> {
        // Bars, as nginx's line is one word with blanks.
        let words: Vec<String> = line.split('|').map(str::to_owned).collect();
        recognise(name, &words, &|variable| match variable {
            "EJABBERD_CONFIG_PATH" => Some("/etc/ejabberd/ejabberd.yml".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn servers_are_known_by_their_command_lines() {
        for (name, line, kind, config) in [
            (
                "lua5.4",
                "lua5.4|/usr/bin/prosody|-F|--config|/a/prosody.cfg.lua",
                ServerKind::Prosody,
                Some("/a/prosody.cfg.lua"),
            ),
            (
                "lua5.4",
                "lua5.4|/usr/bin/prosody|-F",
                ServerKind::Prosody,
                None,
            ),
            (
                "prosody",
                "prosody|--config=/a/b.lua",
                ServerKind::Prosody,
                Some("/a/b.lua"),
            ),
            (
                "beam.smp",
                "/usr/lib/erlang/erts/bin/beam.smp|-K|true|--|-root|/usr/lib/erlang|-sname|ejabberd@localhost|-s|ejabberd",
                ServerKind::Ejabberd,
                Some("/etc/ejabberd/ejabberd.yml"),
            ),
            (
                "kamailio",
                "/usr/sbin/kamailio|-P|/run/kamailio/kamailio.pid|-f|/etc/kamailio/kamailio.cfg|-m|64|-M|8",
                ServerKind::Kamailio,
                Some("/etc/kamailio/kamailio.cfg"),
            ),
            (
                "kamailio",
                "kamailio|-DD|-E|-f/k/a.cfg|-m64",
                ServerKind::Kamailio,
                Some("/k/a.cfg"),
            ),
            (
                "haproxy",
                "/usr/sbin/haproxy|-Ws|-f|/etc/haproxy/haproxy.cfg|-p|/run/haproxy.pid|-S|/run/haproxy-master.sock",
                ServerKind::Haproxy,
                Some("/etc/haproxy/haproxy.cfg"),
            ),
            (
                "nginx",
                "nginx: master process /usr/sbin/nginx -c /n/nginx.conf -g daemon off;",
                ServerKind::Nginx,
                Some("/n/nginx.conf"),
            ),
            (
                "nginx",
                "nginx: master process nginx -p /srv/n/ -c conf/nginx.conf",
                ServerKind::Nginx,
                Some("/srv/n/conf/nginx.conf"),
            ),
            (
                "nginx",
                "nginx|-c|/n/alone.conf",
                ServerKind::Nginx,
                Some("/n/alone.conf"),
            ),
            (
                "turnserver",
                "/usr/bin/turnserver|-c|/etc/turnserver.conf|--pidfile=/run/t.pid",
                ServerKind::Coturn,
                Some("/etc/turnserver.conf"),
            ),
            ("turnserver", "turnserver|-o", ServerKind::Coturn, None),
        ] {
            let (found, started) = known(name, line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((found, started.config.as_deref()), (kind, config), "{line}");
        }
    }

    #[test]
    fn other_programs_of_the_same_interpreter_are_none() {
        for (name, line) in [
            ("lua5.4", "lua5.4|/usr/bin/prosodyctl|shell"),
            ("lua5.4", "lua5.4"),
            ("beam.smp", "beam.smp|--|-s|ejabberd_ctl"),
            ("nginx", "nginx: worker process"),
            ("nginx", "nginx: cache manager process"),
            ("sshd", "/usr/sbin/sshd|-f|/etc/nginx/nginx.conf"),
        ] {
            assert_eq!(known(name, line), None, "{line}");
        }
    }

    #[test]
    fn what_else_the_command_line_tells_is_kept() {
        let (_, haproxy) = known("haproxy", "haproxy|-f|a.cfg|-f|b.cfg|-p|x.pid|--|c.cfg").unwrap();
        assert_eq!(haproxy.further, ["b.cfg", "c.cfg"]);
        assert_eq!(haproxy.pid_file.as_deref(), Some("x.pid"));
        let (_, coturn) = known("turnserver", "turnserver|-n|--pidfile|/run/t.pid").unwrap();
        assert_eq!(coturn.reads, Reads::CommandLine);
        assert_eq!(coturn.pid_file.as_deref(), Some("/run/t.pid"));
        let (_, ejabberd) = known("beam.smp", "beam.smp|-name|e@h.test|-s|ejabberd").unwrap();
        assert_eq!(ejabberd.node.as_deref(), Some("e@h.test"));
    }
}
