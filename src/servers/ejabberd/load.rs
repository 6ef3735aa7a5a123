//! The files of an ejabberd configuration as one: includes spliced in, macros looked up.
//!
//! As measured with ejabberd 23.01: an option that stands in several files is joined, and relative paths start from
//! the folder that the server runs in, those of includes as well.

use super::yaml::{Content, Document, Id, Node};
use crate::explain::printable;
use crate::servers::{ConfigError, MAX_CONFIG_FILES, MAX_INCLUDES_DEEP, Place, Remark, Source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How often a macro may stand for another.
const MAX_MACROS_DEEP: usize = 8;

/// A node of one of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    file: usize,
    id: Id,
}

impl At {
    /// The node's number in its file.
    pub(super) fn id(self) -> Id {
        self.id
    }
}

/// An option of the outermost map.
#[derive(Debug, Clone)]
pub(super) struct Top {
    pub name: String,
    pub key: At,
    pub value: At,
}

/// All files.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub files: Vec<PathBuf>,
    documents: Vec<Document>,
    pub tops: Vec<Top>,
    macros: BTreeMap<String, At>,
    pub remarks: Vec<Remark>,
    /// Where relative paths start.
    folder: PathBuf,
}

/// What an include lets through.
#[derive(Debug, Clone, Default)]
struct Filter {
    allow_only: Option<Vec<String>>,
    disallow: Vec<String>,
}

impl Filter {
    fn lets(&self, option: &str) -> bool {
        self.allow_only
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == option))
            && !self.disallow.iter().any(|name| name == option)
    }
}

impl Loaded {
    /// Reads the main file and all that it includes.
    pub(super) fn read(
        main: &Path,
        folder: &Path,
        source: &dyn Source,
    ) -> Result<Self, ConfigError> {
        let mut loaded = Self {
            folder: folder.to_path_buf(),
            ..Self::default()
        };
        loaded.file(main, source, &[])?;
        for top in loaded.tops.clone() {
            if top.name == "define_macro" {
                for (key, value) in loaded.pairs(top.value) {
                    if let Some(name) = loaded.raw_text(key) {
                        loaded.macros.insert(name.to_owned(), value);
                    }
                }
            }
        }
        Ok(loaded)
    }

    fn file(
        &mut self,
        path: &Path,
        source: &dyn Source,
        filters: &[Filter],
    ) -> Result<(), ConfigError> {
        let text = source.read(path)?;
        let document = Document::read(&text, path)?;
        let file = self.files.len();
        self.files.push(path.to_path_buf());
        let entries = document.top().to_vec();
        self.documents.push(document);
        for (key, value) in entries {
            let (key, value) = (At { file, id: key }, At { file, id: value });
            let Some(name) = self.raw_text(key).map(str::to_owned) else {
                continue;
            };
            if !filters.iter().all(|filter| filter.lets(&name)) {
                let what = format!("`{}` is not let through by the include", printable(&name));
                self.remark(key, what);
            } else if name == "include_config_file" {
                for (at, path, filter) in self.includes(value) {
                    if filters.len() + 1 >= MAX_INCLUDES_DEEP
                        || self.files.len() >= MAX_CONFIG_FILES
                    {
                        return Err(ConfigError::TooMany {
                            place: self.place(at),
                        });
                    }
                    let path = self.resolved(&path, at);
                    self.file(&path, source, &[filters, &[filter]].concat())?;
                }
            } else {
                self.tops.push(Top { name, key, value });
            }
        }
        Ok(())
    }

    /// A file, a list of them, or a map of files and what they may hold.
    fn includes(&self, value: At) -> Vec<(At, String, Filter)> {
        let mut found = Vec::new();
        let elements = self.raw_list(value);
        for element in if elements.is_empty() {
            vec![value]
        } else {
            elements
        } {
            if let Some(path) = self.raw_text(element).filter(|path| !path.is_empty()) {
                found.push((element, path.to_owned(), Filter::default()));
            }
            for (key, options) in self.pairs(element) {
                let Some(path) = self.raw_text(key) else {
                    continue;
                };
                let names = |option: &str| {
                    let list = self
                        .pairs(options)
                        .into_iter()
                        .find(|(key, _)| self.raw_text(*key) == Some(option));
                    list.map(|(_, list)| {
                        let texts = self
                            .raw_list(list)
                            .into_iter()
                            .filter_map(|at| self.raw_text(at));
                        texts.map(str::to_owned).collect::<Vec<_>>()
                    })
                };
                let filter = Filter {
                    allow_only: names("allow_only"),
                    disallow: names("disallow").unwrap_or_default(),
                };
                found.push((key, path.to_owned(), filter));
            }
        }
        found
    }

    /// A path as the server opens it, with a remark where it is relative.
    pub(super) fn resolved(&mut self, path: &str, at: At) -> PathBuf {
        let resolved = self.folder.join(path);
        if Path::new(path).is_relative() {
            let what = format!(
                "`{}` is relative: it starts from the folder that ejabberd runs in, taken to be {}",
                printable(path),
                self.folder.display()
            );
            self.remark(at, what);
        }
        resolved
    }

    pub(super) fn remark(&mut self, at: At, what: String) {
        let place = self.place(at);
        self.remarks.push(Remark { place, what });
    }

    pub(super) fn place(&self, at: At) -> Place {
        Place {
            file: self.files[at.file].clone(),
            line: self.documents[at.file].line(at.id),
        }
    }

    pub(super) fn node(&self, at: At) -> &Node {
        self.documents[at.file].node(at.id)
    }

    /// The number of the file a node is in.
    pub(super) fn file_of(&self, at: At) -> usize {
        at.file
    }

    /// The outermost options of one file as they stand there, whatever an include lets through.
    pub(super) fn document(&self, file: usize) -> &Document {
        &self.documents[file]
    }

    /// The node itself, or what its macro stands for.
    pub(super) fn meant(&self, at: At) -> At {
        let mut at = at;
        for _ in 0..MAX_MACROS_DEEP {
            match self.raw_text(at).and_then(|name| self.macros.get(name)) {
                Some(value) => at = *value,
                None => break,
            }
        }
        at
    }

    fn raw_text(&self, at: At) -> Option<&str> {
        self.documents[at.file].text(at.id)
    }

    fn raw_list(&self, at: At) -> Vec<At> {
        let ids = self.documents[at.file].list(at.id);
        ids.iter()
            .map(|id| At {
                file: at.file,
                id: *id,
            })
            .collect()
    }

    fn pairs(&self, at: At) -> Vec<(At, At)> {
        let file = at.file;
        let entries = self.documents[file].map(at.id);
        entries
            .iter()
            .map(|(key, value)| (At { file, id: *key }, At { file, id: *value }))
            .collect()
    }

    /// A scalar's text.
    pub(super) fn text(&self, at: At) -> Option<&str> {
        self.raw_text(self.meant(at))
    }

    /// A list's elements; a scalar that is not empty is a list of itself.
    pub(super) fn list(&self, at: At) -> Vec<At> {
        let meant = self.meant(at);
        match &self.node(meant).content {
            Content::List(_) => self.raw_list(meant),
            Content::Scalar(text) if !text.is_empty() => vec![meant],
            Content::Scalar(_) | Content::Map(_) => Vec::new(),
        }
    }

    /// A map's keys and values; a list of maps is one map.
    pub(super) fn map(&self, at: At) -> Vec<(String, At, At)> {
        let meant = self.meant(at);
        let mut maps = self.raw_list(meant);
        maps.push(meant);
        let pairs = maps.into_iter().flat_map(|map| self.pairs(map));
        pairs
            .filter_map(|(key, value)| Some((self.text(key)?.to_owned(), key, value)))
            .collect()
    }

    /// The value of a key of a map.
    pub(super) fn get(&self, map: At, key: &str) -> Option<At> {
        let meant = self.meant(map);
        let id = self.documents[meant.file].get(meant.id, key)?;
        Some(At {
            file: meant.file,
            id,
        })
    }
}
