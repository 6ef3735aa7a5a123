//! A line of `haproxy.cfg` as words (configuration manual, 2.2: quoting and escaping).

/// A word, and where its text stands in the line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// Without quotes and escapes.
    pub(super) text: String,
    /// Where it ends, in bytes of the line.
    pub(super) to: usize,
    /// Whether a variable of the environment stands in it, which is left as it is written.
    pub(super) variable: bool,
}

/// The words of a line, up to a comment; a quote that does not end goes to the end of the line.
pub(super) fn split(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut characters = line.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match (c, quote) {
            ('#', None) => break,
            (c, None) if c.is_ascii_whitespace() => {
                words.extend(word.take());
                continue;
            }
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(own)) if c == own => quote = None,
            ('\\', None | Some('"')) => {
                let next = characters.peek().map(|(_, next)| *next);
                let escaped = match next {
                    Some(next @ (' ' | '#' | '\\' | '\'' | '"')) => Some(next),
                    Some('$') if quote.is_some() => Some('$'),
                    Some('n') => Some('\n'),
                    Some('r') => Some('\r'),
                    Some('t') => Some('\t'),
                    Some(_) | None => None,
                };
                let text = &mut word.get_or_insert_default().text;
                match escaped {
                    Some(escaped) => {
                        text.push(escaped);
                        characters.next();
                    }
                    None => text.push('\\'),
                }
            }
            (c, quote) => {
                let word = word.get_or_insert_default();
                let next = characters.peek().map(|(_, next)| *next);
                if c == '$'
                    && quote == Some('"')
                    && next.is_some_and(|next| next == '{' || next == '_' || next.is_alphabetic())
                {
                    word.variable = true;
                }
                word.text.push(c);
            }
        }
        let end = characters
            .peek()
            .map_or(line.len(), |(next, _)| *next)
            .max(at);
        if let Some(word) = &mut word {
            word.to = end;
        }
    }
    words.extend(word);
    words
}

/// A text as a word that reads back as it.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+@:%,=~".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    // Nothing is special within single quotes but the quote itself.
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_as_the_manual_says() {
        for (line, wanted) in [
            ("bind :443  ssl # x", vec!["bind", ":443", "ssl"]),
            (r"a\ b c\#d \\", vec!["a b", "c#d", "\\"]),
            (
                r#"crt "a b" 'c "d' e"f"g"#,
                vec!["crt", "a b", "c \"d", "efg"],
            ),
            (r"'\n' \x", vec![r"\n", r"\x"]),
            ("\"\" a\r", vec!["", "a"]),
            ("\"open # a", vec!["open # a"]),
            ("", vec![]),
        ] {
            let found: Vec<String> = split(line).into_iter().map(|word| word.text).collect();
            assert_eq!(found, wanted, "{line}");
        }
    }

    #[test]
    fn variables_are_seen_in_double_quotes_alone() {
        for (line, wanted) in [
            ("\"${X}\"", true),
            ("\"$X/y\"", true),
            ("'$X'", false),
            ("$X", false),
            (r#""\$X""#, false),
        ] {
            assert_eq!(split(line)[0].variable, wanted, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_quoted_reads_back(text in "[^\r\n\t]{1,20}") {
            let words = split(&quoted(&text));
            proptest::prop_assert_eq!(words.len(), 1);
            proptest::prop_assert_eq!(&words[0].text, &text);
        }

        #[test]
        fn a_word_ends_within_its_line(line in "\\PC*") {
            for word in split(&line) {
                proptest::prop_assert!(line.is_char_boundary(word.to));
            }
        }
    }
}
