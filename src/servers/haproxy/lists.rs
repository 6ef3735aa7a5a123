//! `crt-list` files: a certificate a line, options in square brackets, and the names it is for.

use super::super::{ConfigError, Place, Side};
use super::Reader;
use std::path::Path;

impl Reader<'_> {
    /// Reads a list, and takes every certificate of it as used.
    pub(super) fn list(&mut self, list: &Path, place: &Place) -> Result<(), ConfigError> {
        let text = self.reading.take(list, 1, place)?;
        for (at, line) in text.lines().enumerate() {
            let place = Place {
                file: list.to_path_buf(),
                line: at + 1,
            };
            if let Some((file, filters)) = entry(line) {
                let name = self.based(file);
                let path = self.opened(&name, &place);
                let names = filters.into_iter().map(str::to_owned).collect();
                self.uses(&name, path, Side::Server, names, &place);
            }
        }
        Ok(())
    }
}

/// The file of a line and its filters, `!` kept; `None` for a line without one. A `#` is a comment at the very start
/// alone: `haproxy -c` takes it for a file elsewhere.
pub(super) fn entry(line: &str) -> Option<(&str, Vec<&str>)> {
    if line.starts_with('#') {
        return None;
    }
    let line = line.trim();
    let (file, rest) = line
        .split_once([' ', '\t', '['])
        .map_or((line, ""), |(file, _)| {
            (file, line.get(file.len()..).unwrap_or_default())
        });
    if file.is_empty() {
        return None;
    }
    let rest = rest.trim_start();
    let filters = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']').map_or("", |(_, filters)| filters),
        None => rest,
    };
    Some((file, filters.split_whitespace().collect()))
}

/// Whether a list can hold a path: it knows neither quotes nor escapes.
pub(super) fn can_hold(path: &str) -> bool {
    !path.is_empty()
        && !path.starts_with('#')
        && !path
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || "[]\"'\\".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_files_with_filters() {
        for (line, wanted) in [
            ("a.pem", Some(("a.pem", vec![]))),
            (
                "  a.pem x.test !y.x.test",
                Some(("a.pem", vec!["x.test", "!y.x.test"])),
            ),
            (
                "a.pem [alpn h2 ocsp-update on] *.test\r",
                Some(("a.pem", vec!["*.test"])),
            ),
            ("a.pem[alpn h2]", Some(("a.pem", vec![]))),
            ("# a.pem", None),
            ("   ", None),
            (" # a", Some(("#", vec!["a"]))),
        ] {
            assert_eq!(entry(line), wanted, "{line}");
        }
    }
}
