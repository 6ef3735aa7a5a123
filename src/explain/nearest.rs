//! The known word nearest to a mistyped one.

/// The candidate that needs the fewest edits (insert, delete, replace, swap of neighbours) to become `word`, or
/// none when every candidate is further than a third of the longer word, at least one edit.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, candidate)| {
            *edits <= (word.chars().count().max(candidate.chars().count()) / 3).max(1)
                && *edits < candidate.chars().count()
        })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance; inputs over 64 characters are cut, as nothing known is that long.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().take(64).collect();
    let mut rows = vec![vec![0usize; right.len() + 1]; left.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=right.len()).collect();
    for i in 1..=left.len() {
        for j in 1..=right.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_typing_mistakes_and_nothing_else() {
        let known = ["sip-domains", "xmpp-domains", "fqdn", "components"];
        for (typed, expected) in [
            ("sip-domain", Some("sip-domains")),
            ("xmpp_domains", Some("xmpp-domains")),
            ("fdqn", Some("fqdn")),
            ("elephant", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, known), expected, "{typed}");
        }
        let short = ["log", "show", "front"];
        for (typed, expected) in [
            ("foo", None),
            ("lgo", Some("log")),
            ("shwo", Some("show")),
            ("fornt", Some("front")),
            ("fxxnt", None),
        ] {
            assert_eq!(nearest(typed, short), expected, "{typed}");
        }
    }
}
