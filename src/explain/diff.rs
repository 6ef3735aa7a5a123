//! What differs between two texts, line by line, for people: before a file is changed, and after.
//!
//! Not a patch to be applied: each line is made fit to be shown, and long ones are cut. Myers' greedy algorithm
//! (An O(ND) Difference Algorithm, 1986), with a bound on its work.

use super::printable;

/// Lines shown around a change.
const AROUND: usize = 3;

/// Most lines that are taken out and put in before the rest is told as one block: a bound on time and memory.
const MAX_EDITS: usize = 1_500;

/// One line of a difference; its text is fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiffLine {
    /// The next lines begin at these line numbers, from 1, of the old and the new text.
    Place {
        /// In the old text.
        old: usize,
        /// In the new text.
        new: usize,
    },
    /// Stands in both.
    Same(String),
    /// Stands in the old text only.
    Gone(String),
    /// Stands in the new text only.
    Added(String),
}

impl DiffLine {
    /// The line as a unified diff shows it: `@@ -3 +3 @@`, `  kept`, `- gone`, `+ added`; without its end.
    pub fn words(&self) -> String {
        match self {
            DiffLine::Place { old, new } => format!("@@ -{old} +{new} @@"),
            DiffLine::Same(text) => format!("  {text}").trim_end().to_owned(),
            DiffLine::Gone(text) => format!("- {text}").trim_end().to_owned(),
            DiffLine::Added(text) => format!("+ {text}").trim_end().to_owned(),
        }
    }
}

/// What one line of the whole comparison is, by its number in the old or the new text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Same(usize, usize),
    Gone(usize),
    Added(usize),
}

/// The changed lines with three lines around each; empty when the texts are the same but for the ends of lines.
pub fn diff(old: &str, new: &str) -> Vec<DiffLine> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let steps = steps(&old, &new);
    let mut near = vec![false; steps.len()];
    for (at, step) in steps.iter().enumerate() {
        if !matches!(step, Step::Same(..)) {
            let last = (at + AROUND + 1).min(steps.len());
            for one in &mut near[at.saturating_sub(AROUND)..last] {
                *one = true;
            }
        }
    }
    let (mut shown, mut before) = (Vec::new(), false);
    let (mut old_line, mut new_line) = (1, 1);
    for (step, near) in steps.iter().zip(near) {
        if near && !before {
            shown.push(DiffLine::Place {
                old: old_line,
                new: new_line,
            });
        }
        before = near;
        let line = match *step {
            Step::Same(at, _) => {
                old_line += 1;
                new_line += 1;
                DiffLine::Same(clean(old[at]))
            }
            Step::Gone(at) => {
                old_line += 1;
                DiffLine::Gone(clean(old[at]))
            }
            Step::Added(at) => {
                new_line += 1;
                DiffLine::Added(clean(new[at]))
            }
        };
        if near {
            shown.push(line);
        }
    }
    shown
}

/// A tab is no harm in a line of its own.
fn clean(line: &str) -> String {
    printable(&line.replace('\t', "    "))
}

fn steps(old: &[&str], new: &[&str]) -> Vec<Step> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let old_mid = &old_rest[..old_rest.len() - tail];
    let new_mid = &new_rest[..new_rest.len() - tail];
    let mut all: Vec<Step> = (0..head).map(|at| Step::Same(at, at)).collect();
    all.extend(middle(old_mid, new_mid).into_iter().map(|step| match step {
        Step::Same(a, b) => Step::Same(a + head, b + head),
        Step::Gone(a) => Step::Gone(a + head),
        Step::Added(b) => Step::Added(b + head),
    }));
    let (old_tail, new_tail) = (old.len() - tail, new.len() - tail);
    all.extend((0..tail).map(|at| Step::Same(old_tail + at, new_tail + at)));
    all
}

/// The shortest way from one to the other, gone lines before added ones.
fn middle(old: &[&str], new: &[&str]) -> Vec<Step> {
    let (n, m) = (old.len() as isize, new.len() as isize);
    let most = (old.len() + new.len()).min(MAX_EDITS) as isize;
    // The furthest place in the old text on each diagonal, by number of edits.
    let mut rounds: Vec<Vec<isize>> = Vec::new();
    let at = |round: &[isize], edits: isize, k: isize| -> Option<isize> {
        usize::try_from(k + edits)
            .ok()
            .and_then(|index| round.get(index).copied())
    };
    for edits in 0..=most {
        let mut round = Vec::with_capacity(2 * edits as usize + 1);
        for k in -edits..=edits {
            let mut x = match rounds.last() {
                None => 0,
                Some(last) => {
                    let down = at(last, edits - 1, k + 1);
                    let right = at(last, edits - 1, k - 1).map(|x| x + 1);
                    down.max(right).unwrap_or(-1).min(n)
                }
            };
            while x >= 0
                && x < n
                && (0..m).contains(&(x - k))
                && old[x as usize] == new[(x - k) as usize]
            {
                x += 1;
            }
            round.push(x);
        }
        let arrived = at(&round, edits, n - m).is_some_and(|x| x >= n);
        rounds.push(round);
        if arrived {
            return walk_back(&rounds, n, m);
        }
    }
    let gone = (0..old.len()).map(Step::Gone);
    gone.chain((0..new.len()).map(Step::Added)).collect()
}

fn walk_back(rounds: &[Vec<isize>], n: isize, m: isize) -> Vec<Step> {
    let (mut x, mut y) = (n, m);
    let mut back = Vec::new();
    for edits in (1..rounds.len()).rev() {
        let last = &rounds[edits - 1];
        let below = edits as isize - 1;
        let at = |k: isize| {
            usize::try_from(k + below)
                .ok()
                .and_then(|index| last.get(index).copied())
        };
        let k = x - y;
        let (down, right) = (at(k + 1), at(k - 1).map(|x| x + 1));
        let comes_down = down >= right;
        let (from_k, start) = if comes_down {
            (k + 1, down.unwrap_or(0))
        } else {
            (k - 1, right.unwrap_or(0))
        };
        while x > start && y > start - k {
            x -= 1;
            y -= 1;
            back.push(Step::Same(x as usize, y as usize));
        }
        if comes_down {
            y -= 1;
            back.push(Step::Added(y as usize));
        } else {
            x -= 1;
            back.push(Step::Gone(x as usize));
        }
        debug_assert_eq!(x - y, from_k);
    }
    while x > 0 && y > 0 {
        x -= 1;
        y -= 1;
        back.push(Step::Same(x as usize, y as usize));
    }
    back.reverse();
    back
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(old: &str, new: &str) -> Vec<String> {
        diff(old, new).iter().map(DiffLine::words).collect()
    }

    #[test]
    fn changes_are_shown_with_what_stands_around_them() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\n";
        assert_eq!(
            told(old, &old.replace("e\n", "x\ny\n")),
            [
                "@@ -2 +2 @@",
                "  b",
                "  c",
                "  d",
                "- e",
                "+ x",
                "+ y",
                "  f",
                "  g",
                "  h"
            ]
        );
        assert_eq!(told(old, old), Vec::<String>::new());
        assert_eq!(told("", "a\n"), ["@@ -1 +1 @@", "+ a"]);
        assert_eq!(told("a\n", ""), ["@@ -1 +1 @@", "- a"]);
    }

    #[test]
    fn what_is_shown_is_fit_for_a_terminal() {
        assert_eq!(
            told("", "\tred \x1b[31m\n"),
            ["@@ -1 +1 @@", "+     red \u{fffd}[31m"]
        );
    }

    #[test]
    fn texts_that_share_nothing_are_told_as_one_block() {
        let many = |word: &str| {
            (0..3_000)
                .map(|n| format!("{word}{n}\n"))
                .collect::<String>()
        };
        let lines = diff(&many("a"), &many("b"));
        assert_eq!(lines.len(), 6_001);
        assert!(matches!(lines[3_000], DiffLine::Gone(_)));
        assert!(matches!(lines[3_001], DiffLine::Added(_)));
    }

    proptest! {
        #[test]
        fn the_steps_lead_from_the_one_to_the_other(
            old in proptest::collection::vec("[abc]", 0..24),
            new in proptest::collection::vec("[abc]", 0..24),
        ) {
            let old: Vec<&str> = old.iter().map(String::as_str).collect();
            let new: Vec<&str> = new.iter().map(String::as_str).collect();
            let (mut left, mut right, mut same) = (Vec::new(), Vec::new(), 0);
            for step in steps(&old, &new) {
                match step {
                    Step::Same(a, b) => {
                        prop_assert_eq!(old[a], new[b]);
                        left.push(a);
                        right.push(b);
                        same += 1;
                    }
                    Step::Gone(a) => left.push(a),
                    Step::Added(b) => right.push(b),
                }
            }
            prop_assert_eq!(left, (0..old.len()).collect::<Vec<_>>());
            prop_assert_eq!(right, (0..new.len()).collect::<Vec<_>>());
            // As many lines stay as in the longest common subsequence.
            let mut rows = vec![vec![0; new.len() + 1]; old.len() + 1];
            for i in 0..old.len() {
                for j in 0..new.len() {
                    rows[i + 1][j + 1] = if old[i] == new[j] {
                        rows[i][j] + 1
                    } else {
                        rows[i][j + 1].max(rows[i + 1][j])
                    };
                }
            }
            prop_assert_eq!(same, rows[old.len()][new.len()]);
        }
    }
}
