//! `kamailio.cfg`, as far as it concerns TLS: what stands outside of routes, with includes and `#!` directives.

use super::super::text::{Reading, folder_of};
use super::super::{ConfigError, PathKind, Place, Remark};
use super::lexer::{Kind, Lexer, Token};
use std::collections::BTreeMap;
use std::path::Path;

/// What is defined before the first line: the version.
const DEFINED: [&str; 2] = ["KAMAILIO", "KAMAILIO_5"];

/// Most bytes that a value becomes by substitution.
const MAX_VALUE_BYTES: usize = 64 * 1024;

/// Most tokens of one statement; one that is longer is a bracket that does not close.
const MAX_STATEMENT: usize = 4_096;

/// Most substitutions.
const MAX_SUBSTITUTIONS: usize = 256;

/// What the script says.
#[derive(Default)]
pub(super) struct Script {
    pub(super) remarks: Vec<Remark>,
    /// `modparam("tls", "config", …)`.
    pub(super) profile_file: Option<(String, Place)>,
    /// Where the module `tls` is loaded.
    pub(super) tls: Option<Place>,
    pub(super) ctl: Option<Place>,
    pub(super) enabled: bool,
    pub(super) certificate: Option<(String, Place)>,
    pub(super) key: Option<(String, Place)>,
    pub(super) method: Option<String>,
    /// Each `listen`, its words as they are after substitution.
    pub(super) listens: Vec<(String, Place)>,
    pub(super) port: Option<u16>,
    pub(super) children: Option<u32>,
    pub(super) tcp_children: Option<u32>,
    pub(super) runtime_dir: Option<String>,
    pub(super) binrpc: Vec<(String, Place)>,
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
            if statement.len() >= MAX_STATEMENT {
                statement.clear();
            }
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
        if self.substitutions.len() >= MAX_SUBSTITUTIONS {
            self.remark(
                place,
                "too many substitutions: this one is not read".to_owned(),
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
