//! `kamailio.cfg`, as far as it concerns TLS: what stands outside of routes, with includes and `#!` directives.

use super::super::text::{Reading, folder_of};
use super::super::{ConfigError, Listening, PathKind, Place, Remark, Side};
use super::lexer::{Kind, Lexer, Token};
use super::{NameMode, Profile, Reach, RpcSocket, profiles};
use crate::names::Protocol;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

/// The port for TLS where none is written.
const TLS_PORT: u16 = 5061;

/// Workers where nothing is written.
const CHILDREN: u32 = 8;

/// Where relative RPC sockets lie, and the module's own one, where nothing is written (Debian).
const RUNTIME_DIR: &str = "/run/kamailio";

/// What is defined before the first line: the version.
const DEFINED: [&str; 2] = ["KAMAILIO", "KAMAILIO_5"];

/// Most bytes that a value becomes by substitution.
const MAX_VALUE_BYTES: usize = 64 * 1024;

/// What the script says.
#[derive(Default)]
pub(super) struct Script {
    pub(super) remarks: Vec<Remark>,
    /// `modparam("tls", "config", …)`.
    pub(super) profile_file: Option<(String, Place)>,
    /// Where the module `tls` is loaded.
    pub(super) tls: Option<Place>,
    ctl: Option<Place>,
    enabled: bool,
    certificate: Option<(String, Place)>,
    key: Option<(String, Place)>,
    method: Option<String>,
    /// Each `listen`, its words as they are after substitution.
    listens: Vec<(String, Place)>,
    port: Option<u16>,
    children: Option<u32>,
    tcp_children: Option<u32>,
    runtime_dir: Option<String>,
    binrpc: Vec<(String, Place)>,
}

/// Reads the main file and what it includes.
pub(super) fn read(
    path: &Path,
    text: &str,
    reading: &mut Reading<'_>,
) -> Result<Script, ConfigError> {
    let mut reader = Reader {
        script: Script::default(),
        defines: DEFINED
            .iter()
            .map(|name| ((*name).to_owned(), String::new()))
            .collect(),
        substitutions: Vec::new(),
        branches: Vec::new(),
        depth: 0,
    };
    reader.file(path, text, 0, reading)?;
    let mut script = reader.script;
    if !script.listens.is_empty() && script.tls.is_some() && !script.enabled {
        script.remarks.push(Remark {
            place: super::super::text::top_of(path),
            what: "`enable_tls` is not on: nothing listens for TLS".to_owned(),
        });
    }
    Ok(script)
}

struct Reader {
    script: Script,
    defines: BTreeMap<String, String>,
    /// What `#!subst` and `#!substdef` replace in texts, as plain text.
    substitutions: Vec<(String, String)>,
    /// For each open `#!ifdef`, whether it is taken.
    branches: Vec<bool>,
    /// How many `{` are open: statements are those outside of all.
    depth: usize,
}

impl Reader {
    fn taken(&self) -> bool {
        self.branches.iter().all(|taken| *taken)
    }

    fn remark(&mut self, place: &Place, what: String) {
        self.script.remarks.push(Remark {
            place: place.clone(),
            what,
        });
    }

    fn file(
        &mut self,
        path: &Path,
        text: &str,
        deep: usize,
        reading: &mut Reading<'_>,
    ) -> Result<(), ConfigError> {
        let place = |line: usize| Place {
            file: path.to_path_buf(),
            line,
        };
        let mut lexer = Lexer::new(text);
        let mut statement: Vec<Token> = Vec::new();
        loop {
            let token = if self.taken() {
                lexer.next()
            } else {
                lexer.next_directive()
            };
            let Some(token) = token else { break };
            let new_line = statement.last().is_some_and(|last| last.line < token.line);
            if new_line && is_whole(&statement) {
                self.statement(&std::mem::take(&mut statement), path);
            }
            let include = match &token.kind {
                Kind::Directive(directive) => self.directive(directive, &place(token.line)),
                Kind::Text(named) => match statement.last().map(|last| &last.kind) {
                    Some(Kind::Word(word)) if is_include(word) => {
                        let found = Some((word.clone(), self.substituted(named)));
                        statement.clear();
                        found
                    }
                    Some(_) | None => {
                        statement.push(token.clone());
                        None
                    }
                },
                Kind::Mark('{') => {
                    self.depth += 1;
                    statement.clear();
                    None
                }
                Kind::Mark('}') => {
                    self.depth = self.depth.saturating_sub(1);
                    statement.clear();
                    None
                }
                Kind::Word(_) | Kind::Mark(_) => {
                    // Inside of a route only what could be an include is kept.
                    if self.depth > 0 {
                        statement.clear();
                    }
                    statement.push(token.clone());
                    None
                }
            };
            if let Some((word, named)) = include {
                self.include(&word, &named, &place(token.line), deep, reading)?;
            }
        }
        self.statement(&statement, path);
        Ok(())
    }

    /// A `#!` line; the file that it includes, if it does.
    fn directive(&mut self, directive: &str, place: &Place) -> Option<(String, String)> {
        let (name, rest) = match directive.split_once(char::is_whitespace) {
            Some((name, rest)) => (name, rest.trim()),
            None => (directive.trim(), ""),
        };
        match name {
            "ifdef" => self
                .branches
                .push(self.defines.contains_key(first_word(rest))),
            "ifndef" => self
                .branches
                .push(!self.defines.contains_key(first_word(rest))),
            "ifexp" => {
                if self.taken() {
                    self.remark(
                        place,
                        "`ifexp` is not worked out: taken as false".to_owned(),
                    );
                }
                self.branches.push(false);
            }
            "else" => {
                if let Some(taken) = self.branches.last_mut() {
                    *taken = !*taken;
                }
            }
            "endif" => {
                self.branches.pop();
            }
            _ if !self.taken() => {}
            "include_file" | "import_file" => {
                let named = unquoted(rest);
                return Some((name.to_owned(), self.substituted(named)));
            }
            "define" | "def" | "redefine" | "redef" | "trydefine" | "trydef" => {
                let (key, value) = match rest.split_once(char::is_whitespace) {
                    Some((key, value)) => (key, value.trim()),
                    None => (rest, ""),
                };
                let keep = name.starts_with("try") && self.defines.contains_key(key);
                if !keep {
                    self.defines.insert(key.to_owned(), value.to_owned());
                }
            }
            "undefine" | "undef" => {
                self.defines.remove(first_word(rest));
            }
            "subst" | "substdef" | "substdefs" => self.substitute(name, unquoted(rest), place),
            _ => self.remark(place, format!("`{name}` is not worked out")),
        }
        None
    }

    /// `!FROM!TO!g`, the first character being what parts them.
    fn substitute(&mut self, name: &str, rule: &str, place: &Place) {
        let mut parts = rule.chars().next().map(|mark| rule.split(mark).skip(1));
        let from = parts.as_mut().and_then(Iterator::next).unwrap_or_default();
        let to = parts.as_mut().and_then(Iterator::next);
        let (Some(to), false) = (to, from.is_empty()) else {
            self.remark(place, "a substitution that is not `!FROM!TO!`".to_owned());
            return;
        };
        let plain = |c: char| c.is_alphanumeric() || "_-@:/%".contains(c);
        if !from.chars().all(plain) {
            self.remark(
                place,
                "a substitution by a pattern: not worked out".to_owned(),
            );
            return;
        }
        self.substitutions.push((from.to_owned(), to.to_owned()));
        if name != "subst" {
            self.defines.insert(from.to_owned(), to.to_owned());
        }
    }

    /// A text after all substitutions; left as it is where it would grow without end.
    fn substituted(&self, text: &str) -> String {
        let mut value = text.to_owned();
        for (from, to) in &self.substitutions {
            let times = value.matches(from.as_str()).count();
            if times > 0 && value.len() + times * to.len() <= MAX_VALUE_BYTES {
                value = value.replace(from.as_str(), to);
            }
        }
        value
    }

    /// A token as a value: words that are defined become what they are defined as, texts are substituted.
    fn value(&self, token: &Token) -> String {
        match &token.kind {
            Kind::Word(word) => word
                .split(':')
                .map(|part| match self.defines.get(part) {
                    Some(value) => unquoted(value),
                    None => part,
                })
                .collect::<Vec<_>>()
                .join(":"),
            Kind::Text(text) => self.substituted(text),
            Kind::Mark(mark) => mark.to_string(),
            Kind::Directive(_) => String::new(),
        }
    }

    fn include(
        &mut self,
        word: &str,
        named: &str,
        place: &Place,
        deep: usize,
        reading: &mut Reading<'_>,
    ) -> Result<(), ConfigError> {
        let path = folder_of(&place.file).join(named);
        if word == "import_file" && reading.source().look(&path) != Some(PathKind::File) {
            return Ok(());
        }
        let text = reading.take(&path, deep + 1, place)?;
        self.file(&path, &text, deep + 1, reading)
    }

    /// A statement outside of routes.
    fn statement(&mut self, tokens: &[Token], path: &Path) {
        let Some(Token {
            kind: Kind::Word(name),
            line,
            ..
        }) = tokens.first()
        else {
            return;
        };
        if self.depth > 0 {
            return;
        }
        let place = Place {
            file: path.to_path_buf(),
            line: *line,
        };
        let values = tokens.get(2..).unwrap_or_default();
        match (name.as_str(), tokens.get(1).map(|token| &token.kind)) {
            ("loadmodule" | "loadmodulex", Some(Kind::Text(_) | Kind::Word(_))) => {
                let module = self.value(&tokens[1]);
                let module = module.rsplit('/').next().unwrap_or_default();
                let module = module.strip_suffix(".so").unwrap_or(module);
                self.defines.insert(format!("MOD_{module}"), String::new());
                match module {
                    "tls" => self.script.tls = Some(place),
                    "ctl" => self.script.ctl = Some(place),
                    _ => {}
                }
            }
            ("modparam" | "modparamx", Some(Kind::Mark('('))) => {
                let values: Vec<String> = values
                    .iter()
                    .filter(|token| !matches!(token.kind, Kind::Mark(_)))
                    .map(|token| self.value(token))
                    .collect();
                if let [module, setting, value] = values.as_slice() {
                    self.parameter(module, setting, value, place);
                }
            }
            ("socket", Some(Kind::Mark('='))) => self.remark(
                &place,
                "`socket = {…}` is not read: where it listens is not known".to_owned(),
            ),
            (setting, Some(Kind::Mark('='))) => self.setting(setting, values, place),
            _ => {}
        }
    }

    fn parameter(&mut self, module: &str, setting: &str, value: &str, place: Place) {
        let is_for = |wanted: &str| module.split('|').any(|module| module == wanted);
        let given = || Some((value.to_owned(), place.clone()));
        if is_for("tls") {
            match setting {
                "config" => self.script.profile_file = given(),
                "certificate" => self.script.certificate = given(),
                "private_key" => self.script.key = given(),
                "tls_method" => self.script.method = Some(value.to_owned()),
                _ => {}
            }
        }
        if is_for("ctl") && setting == "binrpc" {
            self.script.binrpc.extend(given());
        }
    }

    fn setting(&mut self, setting: &str, values: &[Token], place: Place) {
        let first = values.first().map(|token| self.value(token));
        let first = first.unwrap_or_default();
        match setting {
            "enable_tls" | "tls_enable" => self.script.enabled = is_yes(&first),
            "disable_tls" | "tls_disable" => self.script.enabled = !is_yes(&first),
            "children" => self.script.children = first.parse().ok(),
            "tcp_children" => self.script.tcp_children = first.parse().ok(),
            "tls_port_no" => self.script.port = first.parse().ok(),
            "runtime_dir" | "rundir" => self.script.runtime_dir = Some(first),
            "listen" => {
                let mut whole = String::new();
                let mut end = None;
                for token in values {
                    if end.is_some_and(|end| end < token.from) {
                        whole.push(' ');
                    }
                    whole.push_str(&self.value(token));
                    end = Some(token.to);
                }
                self.script.listens.push((whole, place));
            }
            _ => {}
        }
    }
}

/// Whether a statement could end here: brackets closed, and something after its `=`.
fn is_whole(tokens: &[Token]) -> bool {
    let count = |mark: char| {
        tokens
            .iter()
            .filter(|token| token.kind == Kind::Mark(mark))
            .count()
    };
    let open = count('(') > count(')');
    let waits = tokens.last().is_some_and(|token| match &token.kind {
        Kind::Mark('=' | ',') => true,
        Kind::Word(word) => is_include(word) || word == "loadmodule" || word == "listen",
        Kind::Mark(_) | Kind::Text(_) | Kind::Directive(_) => false,
    });
    !open && !waits
}

fn is_include(word: &str) -> bool {
    word == "include_file" || word == "import_file"
}

fn is_yes(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "yes" | "true" | "on" | "enable" | "1"
    )
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    ['"', '\'']
        .iter()
        .find_map(|quote| {
            text.strip_prefix(*quote)
                .and_then(|text| text.split_once(*quote))
                .map(|(text, _)| text)
        })
        .unwrap_or(text)
}

impl Script {
    /// The sockets for TLS; what is no address is told.
    pub(super) fn listeners(&self) -> Vec<Listening> {
        if !self.enabled || self.tls.is_none() {
            return Vec::new();
        }
        let port = self.port.unwrap_or(TLS_PORT);
        if self.listens.is_empty() {
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
            return vec![listening(address, None)];
        }
        self.listens
            .iter()
            .flat_map(|(words, place)| {
                sockets(words, port)
                    .0
                    .into_iter()
                    .map(|address| listening(address, Some(place.clone())))
            })
            .collect()
    }

    /// What of the sockets was no address, once for each.
    pub(super) fn unknown_sockets(&self) -> Vec<Remark> {
        self.listens
            .iter()
            .flat_map(|(words, place)| {
                sockets(words, TLS_PORT).1.into_iter().map(|host| Remark {
                    place: place.clone(),
                    what: format!(
                        "`{host}` is no address: where the server listens there is not known"
                    ),
                })
            })
            .collect()
    }

    /// Processes for TCP and TLS.
    pub(super) fn workers(&self) -> u32 {
        self.tcp_children.or(self.children).unwrap_or(CHILDREN)
    }

    /// Sockets for `kamcmd`.
    pub(super) fn rpc_sockets(&self) -> Vec<RpcSocket> {
        let folder = Path::new(self.runtime_dir.as_deref().unwrap_or(RUNTIME_DIR));
        if self.binrpc.is_empty() {
            let own = self.ctl.as_ref().map(|_| RpcSocket {
                address: format!("unixs:{}", folder.join("kamailio_ctl").display()),
                place: None,
            });
            return own.into_iter().collect();
        }
        self.binrpc
            .iter()
            .map(|(written, place)| {
                let (kind, rest) = match written.split_once(':') {
                    Some((kind @ ("unix" | "unixs" | "unixd"), rest)) => (kind, rest),
                    Some(_) => ("", written.as_str()),
                    None => ("unix", written.as_str()),
                };
                let address = if kind.is_empty() {
                    rest.to_owned()
                } else {
                    format!("{kind}:{}", folder.join(rest).display())
                };
                RpcSocket {
                    address,
                    place: Some(place.clone()),
                }
            })
            .collect()
    }

    /// The one profile of a server without `tls.cfg`.
    pub(super) fn own_profile(&self, base: &Path) -> Profile {
        let place = [&self.certificate, &self.key]
            .into_iter()
            .flatten()
            .map(|(_, place)| place.clone())
            .next()
            .or_else(|| self.tls.clone())
            .unwrap_or_else(|| super::super::text::top_of(base));
        let file = |given: &Option<(String, Place)>| {
            let written = given
                .as_ref()
                .map_or(super::DEFAULT_PAIR, |(written, _)| written.as_str());
            profiles::file(written, base, place.clone(), &mut Vec::new())
        };
        Profile {
            side: Side::Server,
            reach: Reach::Default,
            server_name: None,
            mode: NameMode::Exact,
            certificate: Some(file(&self.certificate)),
            key: Some(file(&self.key)),
            settings: self
                .method
                .iter()
                .map(|method| ("method".to_owned(), method.clone()))
                .collect(),
            place,
        }
    }
}

fn listening(address: SocketAddr, place: Option<Place>) -> Listening {
    Listening {
        protocol: Protocol::Sips,
        address,
        names: None,
        place,
    }
}

/// The TLS sockets of one `listen`, and the hosts that are no addresses. Measured with 5.6.3: without a protocol TLS
/// is on the port after the one that is written.
fn sockets(words: &str, default: u16) -> (Vec<SocketAddr>, Vec<String>) {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    let mut items = outside_brackets(words).into_iter();
    while let Some(item) = items.next() {
        if item == "advertise" || item == "name" {
            items.next();
            continue;
        }
        let (after, rest) = match item.split_once(':') {
            Some(("tls", rest)) => (0, rest),
            Some(("udp" | "tcp" | "sctp" | "ws" | "wss", _)) => continue,
            Some(_) | None => (1, item.as_str()),
        };
        let (hosts, port) = match rest.rsplit_once(':') {
            Some((hosts, port)) if !port.ends_with([')', ']']) => (hosts, port.parse::<u16>().ok()),
            Some(_) | None => (rest, None),
        };
        let port = port.map_or(default, |port| port.saturating_add(after));
        for host in hosts.trim_matches(['(', ')']).split(',') {
            let host = host.trim();
            let bare = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
                .unwrap_or(host);
            match bare.parse::<IpAddr>() {
                Ok(address) => found.push(SocketAddr::new(address, port)),
                Err(_) if bare == "*" || bare == "any" => {
                    found.push(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
                }
                Err(_) => unknown.push(host.to_owned()),
            }
        }
    }
    (found, unknown)
}

/// Words, parted at spaces outside of round brackets.
fn outside_brackets(text: &str) -> Vec<String> {
    let (mut depth, mut words) = (0_usize, vec![String::new()]);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match words.last_mut() {
            Some(word) if !(c.is_whitespace() && depth == 0) => word.push(c),
            Some(_) | None => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
