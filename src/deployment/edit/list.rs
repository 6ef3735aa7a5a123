//! What stands between brackets or braces, taken apart at its commas and put together again: each element keeps the
//! blanks, line breaks and comments around it.
//!
//! A comment after an element in its line, and those in lines of their own above it, belong to the element; one
//! after the opening bracket and those below the last element belong to the list.

/// An element with what belongs to it.
#[derive(Debug, Clone, Copy)]
struct Chunk<'t> {
    lead: &'t str,
    body: &'t str,
    /// Between the element and its comma.
    tail: &'t str,
    /// A comment after it, in its line.
    after: &'t str,
}

/// The inside of a list.
#[derive(Debug)]
pub(super) struct List<'t> {
    /// A comment after the opening bracket, in its line.
    head: &'t str,
    chunks: Vec<Chunk<'t>>,
    /// What comes before the closing bracket.
    foot: &'t str,
    last_comma: bool,
    brackets: Brackets,
}

/// Arrays are written `["a"]`, tables `{ a = 1 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brackets {
    Square,
    Curly,
}

/// An element of the list to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Element {
    /// The one that stands at this place now.
    Kept(usize),
    /// A new one.
    New(String),
}

impl<'t> List<'t> {
    /// Takes the text between the brackets apart; `ends` are the ends of its values, in bytes from its start, in order.
    pub(super) fn read(inner: &'t str, ends: &[usize], brackets: Brackets) -> Self {
        let from = |at: usize| inner.get(at..).unwrap_or("");
        let piece = |a: usize, b: usize| inner.get(a..b).unwrap_or("");
        let head = comment_in_line(inner);
        let mut at = head.len();
        let (mut chunks, mut last_comma) = (Vec::new(), false);
        for end in ends.iter().copied() {
            let start = at + trivia(from(at));
            let behind = end + trivia(from(end));
            last_comma = from(behind).starts_with(',');
            let tail = if last_comma { piece(end, behind) } else { "" };
            let next = if last_comma { behind + 1 } else { end };
            let after = comment_in_line(from(next));
            chunks.push(Chunk {
                lead: piece(at, start),
                body: piece(start, end),
                tail,
                after,
            });
            at = next + after.len();
        }
        Self {
            head,
            chunks,
            foot: from(at),
            last_comma,
            brackets,
        }
    }

    /// The text between the brackets with these elements.
    pub(super) fn write(&self, elements: &[Element], eol: &str) -> String {
        let mut out = String::from(self.head);
        let mut after_comment = !self.head.is_empty();
        let put = |out: &mut String, piece: &str, after_comment: &mut bool| {
            if *after_comment && !piece.starts_with(['\n', '\r']) {
                out.push_str(eol);
            }
            *after_comment = false;
            out.push_str(piece);
        };
        for (place, element) in elements.iter().enumerate() {
            let known = match element {
                Element::Kept(at) => self.chunks.get(*at).map(|chunk| (*at, chunk)),
                Element::New(_) => None,
            };
            let lead = match known {
                Some((at, chunk)) => self.lead_of(at, chunk, place, eol),
                None => self.lead_of_new(place, eol),
            };
            put(&mut out, &lead, &mut after_comment);
            match (element, known) {
                (Element::New(text), _) => out.push_str(text),
                (Element::Kept(_), Some((_, chunk))) => out.push_str(chunk.body),
                (Element::Kept(_), None) => {}
            }
            out.push_str(known.map_or("", |(_, chunk)| chunk.tail));
            if place + 1 < elements.len() || (self.last_comma && !self.chunks.is_empty()) {
                out.push(',');
            }
            if let Some((_, chunk)) = known.filter(|(_, chunk)| !chunk.after.is_empty()) {
                out.push_str(chunk.after);
                after_comment = true;
            }
        }
        let blank_only = !self.foot.contains(['\n', '#']);
        let foot = match self.brackets {
            Brackets::Curly if elements.is_empty() && blank_only => "",
            Brackets::Curly if self.chunks.is_empty() && self.foot.is_empty() => " ",
            Brackets::Curly | Brackets::Square => self.foot,
        };
        put(&mut out, foot, &mut after_comment);
        out
    }

    /// The blanks before an element that may have moved to or from the first place.
    fn lead_of(&self, at: usize, chunk: &Chunk<'t>, place: usize, eol: &str) -> String {
        let plain = |lead: &str| !lead.contains(['\n', '#']);
        match (at, place) {
            (0, 0) => chunk.lead.to_owned(),
            (0, _) if plain(chunk.lead) => self.lead_of_new(place, eol),
            (_, 0) if plain(chunk.lead) => match self.chunks.first() {
                Some(first) if plain(first.lead) => first.lead.to_owned(),
                Some(_) | None => chunk.lead.to_owned(),
            },
            (_, _) => chunk.lead.to_owned(),
        }
    }

    fn lead_of_new(&self, place: usize, eol: &str) -> String {
        let indent = |text: &str| {
            let line = text.rsplit('\n').next().unwrap_or("");
            line.chars()
                .take_while(|c| c.is_whitespace())
                .collect::<String>()
        };
        if let Some(chunk) = self.chunks.iter().rev().find(|one| one.lead.contains('\n')) {
            return format!("{eol}{}", indent(chunk.lead));
        }
        if self.chunks.is_empty() && self.foot.contains('\n') {
            return format!("{eol}{}    ", indent(self.foot));
        }
        match (place, self.chunks.first(), self.brackets) {
            (0, Some(first), _) if !first.lead.contains('#') => first.lead.to_owned(),
            (0, _, Brackets::Square) => String::new(),
            (0, _, Brackets::Curly) => " ".to_owned(),
            (_, _, _) => " ".to_owned(),
        }
    }
}

/// How many bytes of blanks, line breaks and comments a text begins with.
pub(super) fn trivia(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or("");
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        at += blank;
        let rest = text.get(at..).unwrap_or("");
        if !rest.starts_with('#') {
            return at;
        }
        at += rest.find('\n').unwrap_or(rest.len());
    }
}

/// The rest of the line, if it is a comment, without its end.
fn comment_in_line(text: &str) -> &str {
    let line = text.split('\n').next().unwrap_or("");
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.trim_start_matches([' ', '\t']).starts_with('#') {
        line
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_elements_keep_the_line_ends_of_the_file() {
        for (eol, wanted) in [
            ("\r\n", "\r\n  \"b\",\r\n  \"a\""),
            ("\n", "\n  \"b\",\n  \"a\""),
        ] {
            let inner = format!("\"a\",{eol}  \"b\"");
            let list = List::read(&inner, &[3, inner.len()], Brackets::Square);
            let swapped = [Element::Kept(1), Element::Kept(0)];
            assert_eq!(list.write(&swapped, eol), wanted);
        }
    }
}
