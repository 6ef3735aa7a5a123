//! What IDNA 2008 asks of U-labels beyond UTS #46: no symbols (RFC 5892 §2), and the contextual rules of its appendix A.
//!
//! UTS #46 still takes symbols such as hearts and arrows, which IDNA 2008 disallows and registries and CAs refuse. Only
//! names that are written with U-labels are asked: an A-label in somebody's certificate stays what it is.

/// The rule of IDNA 2008 that a domain in U-labels breaks, if any: the label that breaks it.
pub(super) fn offender(domain: &str) -> Option<&str> {
    domain
        .split('.')
        .find(|label| !label.is_ascii() && !is_sound(label))
}

fn is_sound(label: &str) -> bool {
    let letters: Vec<char> = label.chars().collect();
    let context = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| letters.get(at)).copied();
        (before, letters.get(at + 1).copied())
    };
    let arabic = |c: &char| ('\u{660}'..='\u{669}').contains(c);
    let extended_arabic = |c: &char| ('\u{6f0}'..='\u{6f9}').contains(c);
    // A.8 and A.9: the two sets of digits do not mix
    if letters.iter().any(arabic) && letters.iter().any(extended_arabic) {
        return false;
    }
    letters.iter().enumerate().all(|(at, c)| {
        let (before, after) = context(at);
        match *c {
            // A.3: between two l, as in Catalan
            '\u{b7}' => before == Some('l') && after == Some('l'),
            // A.4: before a Greek letter
            '\u{375}' => after.is_some_and(is_greek),
            // A.5, A.6: after a Hebrew letter
            '\u{5f3}' | '\u{5f4}' => before.is_some_and(|c| ('\u{5d0}'..='\u{5f2}').contains(&c)),
            // A.7: beside Hiragana, Katakana or Han
            '\u{30fb}' => letters.iter().any(|c| is_kana_or_han(*c)),
            other => !is_symbol(other),
        }
    })
}

fn is_greek(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{374}' | '\u{376}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}')
}

fn is_kana_or_han(c: char) -> bool {
    matches!(c,
        '\u{3005}'..='\u{3007}'
        | '\u{3041}'..='\u{309f}'
        | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{20000}'..='\u{323af}')
}

/// Symbols and punctuation that UTS #46 leaves in a label (RFC 5892 §2.6–2.10 makes them DISALLOWED).
fn is_symbol(c: char) -> bool {
    match c {
        // the joiners have rules of their own, which UTS #46 checks; these two are letters
        '\u{200c}' | '\u{200d}' | '\u{214e}' | '\u{2184}' => false,
        '\u{a1}'..='\u{bf}' | '\u{d7}' | '\u{f7}' => true,
        '\u{2000}'..='\u{2bff}' => true,
        '\u{3000}'..='\u{3004}'
        | '\u{3008}'..='\u{3029}'
        | '\u{3030}'
        | '\u{3036}'..='\u{303b}'
        | '\u{303d}'..='\u{303f}' => true,
        '\u{fffc}' | '\u{fffd}' => true,
        '\u{1d000}'..='\u{1d24f}' => true,
        '\u{1f000}'..='\u{1fbff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_letters_out_of_context_offend() {
        for (label, sound) in [
            ("bücher", true),
            ("☃", false),
            ("i❤", false),
            ("💩", false),
            ("a→b", false),
            ("½", false),
            ("l·l", true),
            ("col·lecció", true),
            ("a·b", false),
            ("·", false),
            ("͵α", true),
            ("α͵", false),
            ("א׳ב", true),
            ("׳ב", false),
            ("テ・スト", true),
            ("a・b", false),
            ("٣٤", true),
            ("٣۴", false),
            ("예시", true),
            ("ⅎ", true),
            ("々", true),
            ("नी", true),
        ] {
            assert_eq!(is_sound(label), sound, "{label}");
        }
        assert_eq!(offender("bücher.☃.example"), Some("☃"));
        assert_eq!(offender("xn--n3h.example"), None);
    }
}
