//! Numbers of things for people.

/// `1 line`, `2 lines`.
pub fn count(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        for (number, told) in [(0, "0 lines"), (1, "1 line"), (2, "2 lines")] {
            assert_eq!(count(number, "line"), told);
        }
    }
}
