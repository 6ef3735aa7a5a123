//! The files of a Prosody configuration, joined as `core/configmanager.lua` does: global settings, those of each
//! host, includes in their place.

use super::lua::{self, Entry, Kind, Value};
use super::resolved;
use crate::explain::printable;
use crate::servers::{
    ConfigError, MAX_CONFIG_FILES, MAX_INCLUDES_DEEP, PathKind, Place, Remark, Source,
};
use std::path::{Path, PathBuf};

/// One setting.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub name: String,
    pub value: Value,
    pub place: Place,
}

/// One virtual host or component with its own settings.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub name: String,
    /// `None`: a virtual host.
    pub component: Option<String>,
    pub place: Place,
    pub settings: Vec<Setting>,
}

/// All that the files say.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub global: Vec<Setting>,
    pub sections: Vec<Section>,
    pub remarks: Vec<Remark>,
    pub files: Vec<PathBuf>,
    /// How many global settings stood before each of the files.
    pub before: Vec<usize>,
}

/// Where settings go.
#[derive(Debug, Clone, Copy)]
enum Current {
    Global,
    /// An index into the sections.
    Section(usize),
    /// A host whose name is computed.
    Unknown,
}

/// The value that counts: the last one.
pub(super) fn last<'a>(settings: &'a [Setting], name: &str) -> Option<&'a Setting> {
    settings
        .iter()
        .rev()
        .find(|setting| setting.name == name)
        .filter(|setting| setting.value != Value::Nil)
}

/// Reads the main file and all that it includes.
pub(super) fn load(main: &Path, source: &dyn Source) -> Result<Loaded, ConfigError> {
    let mut loaded = Loaded::default();
    loaded.file(main, source, 0)?;
    Ok(loaded)
}

impl Loaded {
    pub(super) fn remark(&mut self, place: Place, what: String) {
        self.remarks.push(Remark { place, what });
    }

    fn file(&mut self, path: &Path, source: &dyn Source, deep: usize) -> Result<(), ConfigError> {
        let text = source.read(path)?;
        self.files.push(path.to_path_buf());
        self.before.push(self.global.len());
        // Every file begins in the global section, and does not change that of the file that includes it.
        let mut current = Current::Global;
        for statement in lua::statements(&text, path)? {
            let place = Place {
                file: path.to_path_buf(),
                line: statement.line,
            };
            match statement.kind {
                Kind::Set(name, value) => self.set(current, Setting { name, value, place }),
                Kind::Host {
                    name,
                    component,
                    settings,
                } => {
                    current = self.section(name, component, &place);
                    if let Some(entries) = settings {
                        self.set_all(current, entries, path);
                        current = Current::Global;
                    }
                }
                Kind::Include(Some(pattern)) => {
                    self.include(path, &pattern, place, source, deep)?
                }
                Kind::Include(None) => self.remark(
                    place,
                    "the path of this include is computed; it is not followed".to_owned(),
                ),
                Kind::Other(what) => self.remark(place, format!("{what}: not followed")),
            }
        }
        Ok(())
    }

    fn set(&mut self, current: Current, setting: Setting) {
        if setting.value == Value::Computed {
            let what = format!(
                "the value of `{}` is computed; it is not known here",
                setting.name
            );
            self.remark(setting.place.clone(), what);
        }
        match current {
            Current::Global => self.global.push(setting),
            Current::Section(at) => self.sections[at].settings.push(setting),
            Current::Unknown => {}
        }
    }

    fn set_all(&mut self, current: Current, entries: Vec<Entry>, file: &Path) {
        for entry in entries {
            if let Some(name) = entry.key {
                let place = Place {
                    file: file.to_path_buf(),
                    line: entry.line,
                };
                let value = entry.value;
                self.set(current, Setting { name, value, place });
            }
        }
    }

    fn section(
        &mut self,
        name: Option<String>,
        component: Option<String>,
        place: &Place,
    ) -> Current {
        let Some(name) = name else {
            let what = "the name of this host is computed; its settings are left out".to_owned();
            self.remark(place.clone(), what);
            return Current::Unknown;
        };
        let name = name.to_lowercase();
        if let Some(at) = self
            .sections
            .iter()
            .position(|section| section.name == name)
        {
            if self.sections[at].component.is_some() != component.is_some() {
                let what = format!(
                    "{} is a host and a component: Prosody does not start",
                    printable(&name)
                );
                self.remark(place.clone(), what);
            }
            return Current::Section(at);
        }
        self.sections.push(Section {
            name,
            component,
            place: place.clone(),
            settings: Vec::new(),
        });
        Current::Section(self.sections.len() - 1)
    }

    /// A wildcard counts in the last part alone, and leaves out names with a leading dot; a file without one has to
    /// be there.
    fn include(
        &mut self,
        from: &Path,
        pattern: &str,
        place: Place,
        source: &dyn Source,
        deep: usize,
    ) -> Result<(), ConfigError> {
        let folder = from.parent().unwrap_or(Path::new(""));
        let path = resolved(folder, pattern);
        let files = if pattern.contains(['*', '?']) {
            let mut files = source.expand(&path);
            files.retain(|file| {
                let name = file.file_name().unwrap_or_default();
                !name.as_encoded_bytes().starts_with(b".")
                    && source.look(file) == Some(PathKind::File)
            });
            files
        } else {
            vec![path]
        };
        for file in files {
            if deep + 1 >= MAX_INCLUDES_DEEP || self.files.len() >= MAX_CONFIG_FILES {
                return Err(ConfigError::TooMany { place });
            }
            self.file(&file, source, deep + 1)?;
        }
        Ok(())
    }
}
