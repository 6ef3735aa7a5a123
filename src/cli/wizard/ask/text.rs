//! Text in columns: its width as terminals count it, cut, filled and broken to fit. East Asian wide characters take two.

use crate::cli::render;

/// Columns of one character.
fn width(c: char) -> usize {
    console::measure_text_width(c.encode_utf8(&mut [0; 4]))
}

/// Columns of a text, each character for itself.
pub fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// The beginning of a text that fits, `…` at its end where something is left out.
pub fn cut(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        if used + width(c) + 1 > most {
            break;
        }
        used += width(c);
        out.push(c);
    }
    if most > 0 {
        out.push('…');
    }
    out
}

/// The end of a text that fits, `…` at its beginning where something is left out.
pub fn cut_front(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut used = 1;
    let mut begin = text.len();
    for (at, c) in text.char_indices().rev() {
        if used + width(c) > most {
            break;
        }
        used += width(c);
        begin = at;
    }
    let tail = text.get(begin..).unwrap_or_default();
    if most > 0 {
        format!("…{tail}")
    } else {
        String::new()
    }
}

/// The text with spaces after it, to so many columns.
pub fn fill(text: &str, to: usize) -> String {
    let mut out = text.to_owned();
    out.extend(std::iter::repeat_n(' ', to.saturating_sub(columns(text))));
    out
}

/// A text in lines that fit: between words where they allow it, else within them; what is indented stays so, and of two
/// columns apart by more than a space the second one keeps its place. Nothing is lost, unless a line has no room for one
/// wide character.
pub fn fold(text: &str, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        if columns(paragraph) <= most {
            lines.push(paragraph.to_owned());
            continue;
        }
        let (head, words) = head_of(paragraph, most);
        let room = most.saturating_sub(columns(head));
        for (number, line) in render::wrap(words, room)
            .iter()
            .flat_map(|line| pieces(line, room))
            .enumerate()
        {
            let begin = if number == 0 { head } else { "" };
            lines.push(format!("{}{line}", fill(begin, columns(head))));
        }
    }
    lines
}

/// What stands before the words that are broken: the indent, and a first column where there are two. It takes no more
/// than two thirds of the line.
fn head_of(paragraph: &str, most: usize) -> (&str, &str) {
    let words = paragraph.trim_start_matches(' ');
    let indent = paragraph.len() - words.len();
    let second = words.find("  ").map(|at| {
        let behind = words.get(at..).unwrap_or_default();
        indent + at + (behind.len() - behind.trim_start_matches(' ').len())
    });
    [second, Some(indent), Some(indent.min(most * 2 / 3))]
        .into_iter()
        .flatten()
        .filter_map(|at| paragraph.split_at_checked(at))
        .find(|(head, _)| columns(head) <= most * 2 / 3)
        .map_or(("", words), |(head, rest)| {
            (head, rest.trim_start_matches(' '))
        })
}

/// A line in pieces that fit.
fn pieces(line: &str, most: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for c in line.chars() {
        let wide = width(c);
        if wide > most {
            continue;
        }
        if used + wide > most {
            pieces.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        for (text, expected) in [
            ("", 0),
            ("abc", 3),
            ("인증서", 6),
            ("e\u{301}", 1),
            ("…", 1),
        ] {
            assert_eq!(columns(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_cut_says_so_and_fits() {
        for (text, most, front, back) in [
            ("contoso.com", 20, "contoso.com", "contoso.com"),
            ("contoso.com", 6, "conto…", "…o.com"),
            ("인증서 요청", 6, "인증…", "… 요청"),
            ("인증서", 1, "…", "…"),
            ("인증서", 0, "", ""),
        ] {
            assert_eq!(cut(text, most), front);
            assert_eq!(cut_front(text, most), back);
        }
        assert_eq!(fill("인", 4), "인  ");
    }

    #[test]
    fn folded_lines_fit_and_hold_every_character() {
        let text = "  인증서에 들어갈 이름입니다 and averylongwordthatfitsnowhere `edgecert request --fqdn edge.contoso.com`\nnext";
        for most in [4, 7, 20, 38, 200] {
            let lines = fold(text, most);
            assert!(lines.iter().all(|line| columns(line) <= most), "{lines:?}");
            let squeezed = |text: &str| text.replace([' ', '\n'], "");
            assert_eq!(squeezed(&lines.concat()), squeezed(text));
        }
        assert_eq!(fold("  one two", 6), ["  one", "  two"]);
        assert_eq!(fold("", 6), [""]);
        assert_eq!(
            fold("  a.example  one two three", 20),
            ["  a.example  one two", "             three"]
        );
        assert_eq!(
            fold("a.very.long.name  one two", 18),
            ["a.very.long.name", "one two"]
        );
    }
}
