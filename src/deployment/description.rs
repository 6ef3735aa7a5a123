//! What a description may be: one rule for the file, for lists of partners, and for flags.

use crate::explain::is_harmful;

/// Most characters of a description.
const MAX_DESCRIPTION: usize = 1024;

/// What is wrong with a description, and what to write instead; `None` where it is one line of 1 to 1024 characters,
/// none of which steers a terminal or deceives its reader.
pub fn description_fault(text: &str) -> Option<(String, String)> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        Some((
            "the text is empty".to_owned(),
            "give it a value, or leave it out".to_owned(),
        ))
    } else if length > MAX_DESCRIPTION {
        Some((
            format!("the description has {length} characters"),
            format!("use at most {MAX_DESCRIPTION} characters"),
        ))
    } else {
        let harmful = text.chars().find(|c| is_harmful(*c))?;
        let code = u32::from(harmful);
        Some((
            match harmful.is_control() {
                true => format!("the text holds the control character U+{code:04X}"),
                false => format!(
                    "the text holds U+{code:04X}, which is not seen or turns the text around"
                ),
            },
            "write it in one line, without control characters".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_one_line_that_says_what_is_seen() {
        let most = "x".repeat(MAX_DESCRIPTION);
        for sound in ["Litware, since 2012", "리트웨어", most.as_str()] {
            assert_eq!(description_fault(sound), None);
        }
        let long = format!("{most}x");
        for (text, what) in [
            ("  ", "empty"),
            (long.as_str(), "1025 characters"),
            ("a\nb", "U+000A"),
            ("a\u{202e}b", "U+202E"),
            ("a\u{200b}b", "U+200B"),
        ] {
            let (said, _) = description_fault(text).unwrap();
            assert!(said.contains(what), "{said}");
        }
    }
}
