//! Text from certificates, peers and files, made fit for a terminal or a log.

/// At most this many characters of one foreign text are shown.
const MAX_SHOWN: usize = 256;

/// The text without control characters, line and paragraph separators, and marks that change the direction of
/// writing (each becomes U+FFFD), cut after 256 characters.
pub fn printable(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MAX_SHOWN)
        .map(|c| if is_harmful(c) { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Whether a character could steer a terminal or deceive its reader: control characters, line and paragraph
/// separators, marks that change the direction of writing or are not seen.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_escapes_and_direction_marks_out() {
        assert_eq!(
            printable("a\x1b[31mb\r\nc"),
            "a\u{fffd}[31mb\u{fffd}\u{fffd}c"
        );
        assert_eq!(printable("moc.\u{202e}elpmaxe"), "moc.\u{fffd}elpmaxe");
        assert_eq!(printable("bücher.example"), "bücher.example");
        assert_eq!(printable(&"x".repeat(300)).chars().count(), 257);
    }
}
