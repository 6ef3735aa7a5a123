//! Foreign text in HTML and XML.

use crate::explain::is_harmful;

/// As content of an element or an attribute: nothing in it ends either, and nothing steers its reader. Line ends stay.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            '\n' => out.push('\n'),
            // The last two are no characters of XML 1.0 (§2.2).
            c if is_harmful(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_markup_loses_it() {
        for (text, written) in [
            (
                "<a b=\"c\" d='e'>&`",
                "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;&#96;",
            ),
            ("one\ntwo", "one\ntwo"),
            (
                "\u{1b}[2J\u{202e}\u{2028}\u{0}\u{ffff}",
                "\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
            ),
            ("Bücher 도메인", "Bücher 도메인"),
        ] {
            assert_eq!(escaped(text), written);
        }
    }
}
