//! What the wizard says, from `templates/messages/`, in the user's language.
//!
//! A text is found by its key and has its `{placeholders}` filled. What other rooms say (findings, errors) stays as
//! they say it.

use clap::ValueEnum;
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

const ENGLISH: &str = include_str!("../../../templates/messages/en.toml");
const KOREAN: &str = include_str!("../../../templates/messages/ko.toml");

/// A language that there are texts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// English
    En,
    /// 한국어
    Ko,
}

impl Language {
    /// What the environment asks for, by POSIX's order: the first of LC_ALL, LC_MESSAGES, LANG that is not empty.
    pub fn of_environment() -> Self {
        let said = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty())
            .unwrap_or_default();
        Self::of_locale(&said)
    }

    /// Of a locale: `ko_KR.UTF-8`.
    fn of_locale(locale: &str) -> Self {
        let word: String = locale
            .chars()
            .take_while(|c| c.is_ascii_alphabetic())
            .collect();
        if word.eq_ignore_ascii_case("ko") {
            Language::Ko
        } else {
            Language::En
        }
    }

    fn source(self) -> &'static str {
        match self {
            Language::En => ENGLISH,
            Language::Ko => KOREAN,
        }
    }
}

/// The texts of one language.
#[derive(Debug, Clone)]
pub struct Texts(BTreeMap<String, String>);

impl Texts {
    /// Reads them.
    pub fn new(language: Language) -> Self {
        let mut all = BTreeMap::new();
        // The files are part of the program, and a test below reads them.
        let (root, _) = DeTable::parse_recoverable(language.source());
        gather("", root.get_ref(), &mut all);
        Self(all)
    }

    /// The text of a key with its placeholders filled; the key itself where there is none, which a test forbids.
    pub fn say(&self, key: &str, with: &[(&str, &str)]) -> String {
        let Some(text) = self.0.get(key) else {
            return key.to_owned();
        };
        let mut said = String::with_capacity(text.len());
        let mut rest = text.as_str();
        // In one pass, so that a value with braces is not filled again.
        while let Some((before, behind)) = rest.split_once('{') {
            said.push_str(before);
            let Some((name, after)) = behind.split_once('}') else {
                said.push('{');
                rest = behind;
                continue;
            };
            let value = with.iter().find(|(known, _)| *known == name);
            said.push_str(value.map_or("", |(_, value)| value));
            rest = after;
        }
        said.push_str(rest);
        said
    }

    /// A text without placeholders.
    pub fn word(&self, key: &str) -> String {
        self.say(key, &[])
    }

    /// The text of a key as it stands in the file.
    pub fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }
}

fn gather(path: &str, table: &DeTable<'_>, all: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let key: &str = key.get_ref();
        let whole = if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        };
        match value.get_ref() {
            DeValue::String(text) => {
                all.insert(whole, text.to_string());
            }
            DeValue::Table(table) => gather(&whole, table, all),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::answers::PAGES;
    use super::super::ask::Words;
    use super::*;
    use crate::request::IssuerProfile;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    fn placeholders(text: &str) -> BTreeSet<String> {
        text.split('{')
            .skip(1)
            .filter_map(|part| Some(part.split_once('}')?.0.to_owned()))
            .collect()
    }

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                found.push(path);
            }
        }
    }

    /// The keys that the sources name: the first text behind `say(` and `word(`, and those of every page.
    fn used() -> BTreeSet<String> {
        let mut files = Vec::new();
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/wizard"),
            &mut files,
        );
        let mut used = BTreeSet::new();
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            for call in [".say(", ".word("] {
                for after in text.split(call).skip(1) {
                    let after = after.trim_start();
                    if let Some(key) = after
                        .strip_prefix('"')
                        .and_then(|rest| rest.split_once('"'))
                    {
                        used.insert(key.0.to_owned());
                    }
                }
            }
        }
        used.extend(Words::KEYS.iter().map(|key| format!("ask.{key}")));
        for name in IssuerProfile::names() {
            used.insert(format!("profile.{name}"));
        }
        for page in PAGES {
            for part in ["title", "intro", "help"] {
                used.insert(format!("{}.{part}", page.id));
            }
            for (field, _) in page.fields {
                used.insert(format!("{}.{field}.label", page.id));
                used.insert(format!("{}.{field}.hint", page.id));
            }
        }
        used
    }

    #[test]
    fn both_languages_say_the_same_things_with_the_same_placeholders() {
        let (english, korean) = (Texts::new(Language::En), Texts::new(Language::Ko));
        let keys = |texts: &Texts| texts.0.keys().cloned().collect::<BTreeSet<_>>();
        let (one, other) = (keys(&english), keys(&korean));
        let lonely: Vec<_> = one.symmetric_difference(&other).collect();
        assert!(lonely.is_empty(), "in one language only: {lonely:?}");
        for (key, text) in &english.0 {
            let translated = &korean.0[key];
            assert_eq!(placeholders(text), placeholders(translated), "{key}");
            assert_eq!(text.is_empty(), translated.is_empty(), "{key}");
        }
        for source in [ENGLISH, KOREAN] {
            let (_, errors) = DeTable::parse_recoverable(source);
            assert!(errors.is_empty(), "{errors:?}");
        }
    }

    #[test]
    fn every_text_is_used_and_every_key_has_a_text() {
        let english = Texts::new(Language::En);
        let used = used();
        let missing: Vec<_> = used
            .iter()
            .filter(|key| !english.0.contains_key(*key))
            .collect();
        assert!(missing.is_empty(), "no text for {missing:#?}");
        let unused: Vec<_> = english
            .0
            .keys()
            .filter(|key| !used.contains(*key))
            .collect();
        assert!(unused.is_empty(), "nobody says {unused:#?}");
    }

    #[test]
    fn profiles_are_described_as_they_describe_themselves() {
        let english = Texts::new(Language::En);
        for name in IssuerProfile::names() {
            let profile = IssuerProfile::built_in(name).unwrap();
            assert_eq!(
                english.word(&format!("profile.{name}")),
                profile.description
            );
        }
    }

    #[test]
    fn placeholders_are_filled_once() {
        let texts = Texts(BTreeMap::from([(
            "a".to_owned(),
            "{x} and {y}, {".to_owned(),
        )]));
        assert_eq!(texts.say("a", &[("x", "{y}"), ("y", "2")]), "{y} and 2, {");
        assert_eq!(texts.word("none"), "none");
    }

    #[test]
    fn the_locale_chooses_the_language() {
        for (locale, language) in [
            ("ko_KR.UTF-8", Language::Ko),
            ("ko", Language::Ko),
            ("en_US.UTF-8", Language::En),
            ("kok_IN", Language::En),
            ("C", Language::En),
            ("", Language::En),
        ] {
            assert_eq!(Language::of_locale(locale), language, "{locale}");
        }
    }
}
