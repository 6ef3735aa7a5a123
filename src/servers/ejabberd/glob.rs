//! Which files a pattern of `certfiles` names: Erlang's `filelib:wildcard/1`, as measured with Erlang 25.
//!
//! `*` and `?` stay between two `/` and match a leading dot too; `**` alone between two `/` is any number of folders;
//! `[!a]` is `!` or `a`: there is no negation; `{a,b}` is one of them.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Steps of one match; more are taken for "no".
const MAX_STEPS: usize = 100_000;

/// Longest pattern or path that is looked at, in bytes: PATH_MAX of Linux. A match goes as deep as they are long.
const MAX_BYTES: usize = 4096;

/// Most alternatives that braces may make.
const MAX_ALTERNATIVES: usize = 256;

/// Whether a pattern names a file, both absolute; a pattern that Erlang would refuse names none, nor does one of more
/// than 4096 bytes.
pub fn covers(pattern: &Path, path: &Path) -> bool {
    if [pattern, path]
        .iter()
        .any(|one| one.as_os_str().len() > MAX_BYTES)
    {
        return false;
    }
    let mut patterns = vec![pattern.as_os_str().as_bytes().to_vec()];
    // Braces first: an alternative may hold a `/`.
    while let Some(at) = patterns
        .iter()
        .position(|pattern| braces(pattern).is_some())
    {
        let pattern = patterns.swap_remove(at);
        let Some((from, to)) = braces(&pattern) else {
            break;
        };
        for alternative in split_alternatives(&pattern[from + 1..to]) {
            patterns.push([&pattern[..from], alternative, &pattern[to + 1..]].concat());
        }
        if patterns.len() > MAX_ALTERNATIVES {
            return false;
        }
    }
    let parts: Vec<&[u8]> = parts(path.as_os_str().as_bytes());
    patterns.iter().any(|pattern| {
        let mut steps = 0;
        folders(&self::parts(pattern), &parts, &mut steps)
    })
}

/// The first brace and the one that closes it.
fn braces(pattern: &[u8]) -> Option<(usize, usize)> {
    let mut from = None;
    let mut escaped = false;
    for (at, byte) in pattern.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => from = Some(at),
            b'}' => {
                if let Some(from) = from {
                    return Some((from, at));
                }
            }
            _ => {}
        }
    }
    None
}

fn split_alternatives(inner: &[u8]) -> impl Iterator<Item = &[u8]> {
    inner.split(|byte| *byte == b',')
}

/// The parts between `/`, doubled ones and `.` left out.
fn parts(path: &[u8]) -> Vec<&[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .collect()
}

fn folders(pattern: &[&[u8]], path: &[&[u8]], steps: &mut usize) -> bool {
    *steps += 1;
    if *steps > MAX_STEPS {
        return false;
    }
    match pattern.split_first() {
        None => path.is_empty(),
        Some((&b"**", rest)) => {
            // Several in a row are one.
            if rest.first() == Some(&&b"**"[..]) {
                return folders(rest, path, steps);
            }
            // At the end it is everything below; elsewhere it may also stand for no folder.
            if rest.is_empty() {
                return !path.is_empty();
            }
            (0..=path.len()).any(|skipped| folders(rest, &path[skipped..], steps))
        }
        Some((first, rest)) => path
            .split_first()
            .is_some_and(|(name, below)| part(first, name, steps) && folders(rest, below, steps)),
    }
}

fn part(pattern: &[u8], name: &[u8], steps: &mut usize) -> bool {
    *steps += 1;
    if *steps > MAX_STEPS {
        return false;
    }
    let Some((first, rest)) = pattern.split_first() else {
        return name.is_empty();
    };
    match first {
        // Stars in a row are one.
        b'*' if rest.first() == Some(&b'*') => {
            let stars = rest.iter().take_while(|byte| **byte == b'*').count();
            part(&pattern[stars..], name, steps)
        }
        b'*' => (0..=name.len()).any(|taken| part(rest, &name[taken..], steps)),
        b'?' => !name.is_empty() && part(rest, &name[1..], steps),
        b'[' => {
            // A `]` right after the bracket would close an empty set; without an end it is a bracket.
            let Some(end) = rest.iter().position(|byte| *byte == b']') else {
                return name.first() == Some(&b'[') && part(rest, &name[1..], steps);
            };
            name.first().is_some_and(|byte| in_set(&rest[..end], *byte))
                && part(&rest[end + 1..], &name[1..], steps)
        }
        b'\\' if !rest.is_empty() => {
            name.first() == rest.first() && part(&rest[1..], &name[1..], steps)
        }
        byte => name.first() == Some(byte) && part(rest, &name[1..], steps),
    }
}

fn in_set(set: &[u8], byte: u8) -> bool {
    let mut at = 0;
    while let Some(first) = set.get(at) {
        match (set.get(at + 1), set.get(at + 2)) {
            (Some(b'-'), Some(last)) => {
                if (*first..=*last).contains(&byte) {
                    return true;
                }
                at += 3;
            }
            _ => {
                if *first == byte {
                    return true;
                }
                at += 1;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Erlang 25 found among these files, pattern by pattern.
    #[test]
    fn patterns_name_what_erlang_finds() {
        let files = [
            "a.pem",
            "b.crt",
            ".dot.pem",
            "a.b.pem",
            "A.pem",
            "x,y.pem",
            "s*r.pem",
            "sub/c.pem",
            ".h/d.pem",
        ];
        for (pattern, wanted) in [
            (
                "*.pem",
                vec![
                    "a.pem", ".dot.pem", "a.b.pem", "A.pem", "x,y.pem", "s*r.pem",
                ],
            ),
            ("a*", vec!["a.pem", "a.b.pem"]),
            ("?.pem", vec!["a.pem", "A.pem"]),
            ("[ab].*", vec!["a.pem", "b.crt", "a.b.pem"]),
            ("[!a].pem", vec!["a.pem"]),
            ("[^a].pem", vec!["a.pem"]),
            ("[a-b].???", vec!["a.pem", "b.crt"]),
            ("{a,b}.{pem,crt}", vec!["a.pem", "b.crt"]),
            (
                "**/*.pem",
                vec![
                    "a.pem",
                    ".dot.pem",
                    "a.b.pem",
                    "A.pem",
                    "x,y.pem",
                    "s*r.pem",
                    "sub/c.pem",
                    ".h/d.pem",
                ],
            ),
            ("**/c.pem", vec!["sub/c.pem"]),
            ("**", files.to_vec()),
            (".*.pem", vec![".dot.pem"]),
            (r"s\*r.pem", vec!["s*r.pem"]),
            ("{sub/c,a}.pem", vec!["a.pem", "sub/c.pem"]),
            ("./a.pem", vec!["a.pem"]),
            ("/a.pem", vec!["a.pem"]),
            ("a.pem", vec!["a.pem"]),
        ] {
            let found: Vec<&str> = files
                .iter()
                .filter(|file| {
                    covers(
                        &Path::new("/g/certs").join(format!("./{pattern}")),
                        &Path::new("/g/certs").join(file),
                    )
                })
                .copied()
                .collect();
            assert_eq!(found, wanted, "{pattern}");
        }
    }

    #[test]
    fn hostile_patterns_end() {
        let long = "a".repeat(200);
        let pattern = format!("/{}b", "*a".repeat(100));
        assert!(!covers(Path::new(&pattern), Path::new(&format!("/{long}"))));
        assert!(!covers(
            Path::new(&format!("/{}", "{a,b}".repeat(100))),
            Path::new("/a")
        ));
        // Deep enough to overrun a thread's stack, were it followed.
        for (pattern, path, expected) in [
            ("a".repeat(1 << 20), "a".repeat(1 << 20), false),
            ("*".repeat(1 << 20), "a".to_owned(), false),
            ("*".repeat(4000), "a".repeat(4000), true),
            ("**/".repeat(1000) + "a", "b/".repeat(2000) + "a", true),
            ("?".repeat(4000), "a".repeat(4000), true),
            ("{".repeat(4000), "a".to_owned(), false),
        ] {
            let (pattern, path) = (format!("/{pattern}"), format!("/{path}"));
            let told = covers(Path::new(&pattern), Path::new(&path));
            assert_eq!(told, expected, "{}", &pattern[..4]);
        }
    }
}
