//! A list for one line, with an end to it.

use std::fmt::Display;

/// Up to `most` of the words, then how many more there are: `a, b and 3 more`. Fit to be shown only if the words are.
pub fn listed<T: Display>(words: &[T], most: usize) -> String {
    let shown: Vec<String> = words.iter().take(most).map(ToString::to_string).collect();
    match words.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// All of the words, as a sentence has them: `a, b and c`.
pub fn and_words<T: Display>(words: &[T]) -> String {
    match words.split_last() {
        Some((last, before)) if !before.is_empty() => {
            format!("{} and {last}", listed(before, before.len()))
        }
        Some((last, _)) => last.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_ends_with_how_many_more_there_are() {
        assert_eq!(listed(&["a", "b"], 2), "a, b");
        assert_eq!(listed(&["a", "b", "c", "d"], 2), "a, b and 2 more");
        assert_eq!(listed::<String>(&[], 2), "");
    }

    #[test]
    fn the_last_word_of_a_sentence_s_list_stands_behind_an_and() {
        assert_eq!(and_words(&["a", "b", "c"]), "a, b and c");
        assert_eq!(and_words(&["a", "b"]), "a and b");
        assert_eq!(and_words(&["a"]), "a");
        assert_eq!(and_words::<String>(&[]), "");
    }
}
