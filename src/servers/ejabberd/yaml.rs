//! YAML as a flat list of nodes that know where they stand: aliases point, nothing is copied.
//!
//! A hostile text cannot make it large or deep: nodes, aliases and depth have limits, and an alias to something that
//! is not complete is refused. What ejabberd's own reader (libyaml) takes beyond YAML 1.2 is refused too.

use crate::explain::printable;
use crate::servers::{ConfigError, Place};
use saphyr_parser::{Event, Parser, Span};
use std::path::Path;

/// Most nodes of one file; Debian's has about 400.
const MAX_NODES: usize = 50_000;

/// Most aliases of one file.
const MAX_ALIASES: usize = 1_000;

/// How deep lists and maps may nest.
const MAX_DEEP: usize = 64;

/// A node's number in its [`Document`].
pub(super) type Id = usize;

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// A scalar.
    Scalar(String),
    /// A list.
    List(Vec<Id>),
    /// A map, in order, keys that are scalars alone.
    Map(Vec<(Id, Id)>),
}

/// A place in the text: lines from 1, columns from 0 in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub line: usize,
    pub column: usize,
}

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub content: Content,
    pub start: Mark,
    /// After its last character, blanks and a comment on the same line perhaps included: of a scalar, and of a list
    /// or map in brackets; of others, near the beginning.
    pub end: Mark,
}

/// One file's nodes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    nodes: Vec<Node>,
    root: Option<Id>,
}

impl Document {
    /// Reads the one document of a text; an empty text has no root.
    ///
    /// Errors: `Malformed`.
    pub(super) fn read(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let malformed = |line: usize, what: String| ConfigError::Malformed {
            place: Place {
                file: file.to_path_buf(),
                line: line.max(1),
            },
            what,
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut builder = Builder::default();
        for event in Parser::new_from_str(text) {
            let (event, span) =
                event.map_err(|error| malformed(error.marker().line(), printable(error.info())))?;
            builder
                .take(event, span)
                .map_err(|what| malformed(span.start.line(), what.to_owned()))?;
        }
        Ok(Self {
            nodes: builder.nodes,
            root: builder.root,
        })
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        // Ids are made by the builder of the same document alone.
        &self.nodes[id]
    }

    pub(super) fn line(&self, id: Id) -> usize {
        self.node(id).start.line
    }

    /// The entries of the outermost map.
    pub(super) fn top(&self) -> &[(Id, Id)] {
        self.root.map_or(&[], |root| self.map(root))
    }

    /// The entries of a map; of anything else, none.
    pub(super) fn map(&self, id: Id) -> &[(Id, Id)] {
        match &self.node(id).content {
            Content::Map(entries) => entries,
            Content::Scalar(_) | Content::List(_) => &[],
        }
    }

    /// The elements of a list; of anything else, none.
    pub(super) fn list(&self, id: Id) -> &[Id] {
        match &self.node(id).content {
            Content::List(elements) => elements,
            Content::Scalar(_) | Content::Map(_) => &[],
        }
    }

    /// The text of every scalar that is not empty, in the order they stand.
    pub(super) fn words(&self) -> Vec<&str> {
        let ids = 0..self.nodes.len();
        ids.filter_map(|id| self.text(id))
            .filter(|text| !text.is_empty())
            .collect()
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match &self.node(id).content {
            Content::Scalar(text) => Some(text),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// The value of a key, the last one where it stands twice.
    pub(super) fn get(&self, map: Id, key: &str) -> Option<Id> {
        let found = self
            .map(map)
            .iter()
            .rev()
            .find(|(name, _)| self.text(*name) == Some(key));
        found.map(|(_, value)| *value)
    }
}

/// A list or map that is not complete.
struct Open {
    id: Id,
    anchor: usize,
    /// The key that waits for its value.
    key: Option<Id>,
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    open: Vec<Open>,
    root: Option<Id>,
    /// Nodes by the number of their anchor.
    anchors: Vec<Option<Id>>,
    aliases: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), &'static str> {
        match event {
            Event::Scalar(text, _, anchor, _) => {
                let id = self.push(Content::Scalar(text.into_owned()), span)?;
                self.complete(id, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(Content::List(Vec::new()), anchor, span),
            Event::MappingStart(anchor, _) => self.begin(Content::Map(Vec::new()), anchor, span),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Err("an end without a beginning");
                };
                // The end of a block is no character, and may lie anywhere below it.
                if !span.is_empty() {
                    self.nodes[open.id].end = mark(span.end);
                }
                self.complete(open.id, open.anchor)
            }
            Event::Alias(anchor) => {
                self.aliases += 1;
                if self.aliases > MAX_ALIASES {
                    return Err("too many aliases");
                }
                match self.anchors.get(anchor).copied().flatten() {
                    Some(id) => self.attach(id),
                    None => Err("an alias to something that contains it"),
                }
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn push(&mut self, content: Content, span: Span) -> Result<Id, &'static str> {
        if self.nodes.len() >= MAX_NODES {
            return Err("too many values");
        }
        self.nodes.push(Node {
            content,
            start: mark(span.start),
            end: mark(span.end),
        });
        Ok(self.nodes.len() - 1)
    }

    fn begin(&mut self, content: Content, anchor: usize, span: Span) -> Result<(), &'static str> {
        if self.open.len() >= MAX_DEEP {
            return Err("lists and maps too deep in one another");
        }
        let id = self.push(content, span)?;
        self.open.push(Open {
            id,
            anchor,
            key: None,
        });
        Ok(())
    }

    fn complete(&mut self, id: Id, anchor: usize) -> Result<(), &'static str> {
        if anchor != 0 {
            if self.anchors.len() <= anchor {
                self.anchors.resize(anchor + 1, None);
            }
            self.anchors[anchor] = Some(id);
        }
        self.attach(id)
    }

    fn attach(&mut self, id: Id) -> Result<(), &'static str> {
        let Some(open) = self.open.last_mut() else {
            if self.root.is_some() {
                return Err("a second document");
            }
            self.root = Some(id);
            return Ok(());
        };
        match &mut self.nodes[open.id].content {
            Content::List(elements) => elements.push(id),
            Content::Map(entries) => match open.key.take() {
                Some(key) => entries.push((key, id)),
                None => open.key = Some(id),
            },
            Content::Scalar(_) => return Err("a value inside a word"),
        }
        Ok(())
    }
}

fn mark(marker: saphyr_parser::Marker) -> Mark {
    Mark {
        line: marker.line(),
        column: marker.col(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (usize, String) {
        match Document::read(text, Path::new("x.yml")) {
            Err(ConfigError::Malformed { place, what }) => (place.line, what),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nodes_know_where_they_stand() {
        let text = "a: 1\nb:\n  - 'x'\n  - \"ÿ y\"\nc: { d: [e, f] }\n";
        let document = Document::read(text, Path::new("x.yml")).unwrap();
        let root = document.root.unwrap();
        let list = document.get(root, "b").unwrap();
        let mark = |line, column| Mark { line, column };
        assert_eq!(document.node(list).start, mark(3, 2));
        let ends: Vec<Mark> = document
            .list(list)
            .iter()
            .map(|id| document.node(*id).end)
            .collect();
        assert_eq!(ends, [mark(3, 7), mark(4, 9)]);
        let inner = document.get(document.get(root, "c").unwrap(), "d").unwrap();
        assert_eq!(document.node(inner).start, mark(5, 8));
        assert_eq!(document.node(inner).end.line, 5);
    }

    #[test]
    fn aliases_point_and_the_last_of_two_keys_counts() {
        let text = "a: &x [1, 2]\nb: *x\nb: *x\n";
        let document = Document::read(text, Path::new("x.yml")).unwrap();
        let root = document.root.unwrap();
        assert_eq!(document.get(root, "a"), document.get(root, "b"));
        assert_eq!(document.top().len(), 3);
    }

    #[test]
    fn an_empty_text_has_nothing_in_it() {
        for text in ["", "# only a comment\n", "---\n", "word"] {
            assert_eq!(
                Document::read(text, Path::new("x.yml")).unwrap().top(),
                [],
                "{text:?}"
            );
        }
    }

    #[test]
    fn hostile_texts_are_refused() {
        let bomb: String = (1..30)
            .map(|n| format!("k{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(50)))
            .collect();
        assert_eq!(refused(&format!("k0: &a0 x\n{bomb}")).1, "too many aliases");
        // The scanner has a limit of its own for brackets.
        assert_eq!(refused(&"[".repeat(1_000)).0, 1);
        let deep: String = (0..100).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
        assert_eq!(refused(&deep).1, "lists and maps too deep in one another");
        assert_eq!(refused("a: 1\n---\nb: 2\n").1, "a second document");
        assert_eq!(refused(&"- x\n".repeat(60_000)).1, "too many values");
        assert_eq!(
            refused("a: &x [ *x ]").1,
            "an alias to something that contains it"
        );
        assert_eq!(refused("a: 1\nb: *none\n").0, 2);
        assert_eq!(refused("a: [\n1\n").0, 2);
        assert_eq!(refused("a:\n\t- b").0, 2);
    }
}
