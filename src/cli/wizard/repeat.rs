//! The commands that do the same again, quoted so that a shell reads it as it is meant.

use crate::cli::Context;
use crate::names::Slug;
use std::path::Path;

/// `edgecert request CERT --config FILE`, or another command in its place.
pub fn command(context: &Context, verb: &str, config: &Path, certificate: &Slug) -> String {
    let mut words = vec![
        "edgecert".to_owned(),
        verb.to_owned(),
        certificate.to_string(),
        "--config".to_owned(),
        config.display().to_string(),
    ];
    if context.names_state() {
        words.push("--state".to_owned());
        words.push(context.state_directory(None).display().to_string());
    }
    let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
    quoted.join(" ")
}

/// `edgecert wizard --answers FILE`, which makes the copy of the CSR as well.
pub fn replay(answers: &Path) -> String {
    format!(
        "edgecert wizard --answers {}",
        quote(&answers.display().to_string())
    )
}

/// A word for a POSIX shell: as it is where nothing in it means anything, else in single quotes.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_them() {
        for (word, quoted) in [
            ("/etc/edgecert/edgecert.toml", "/etc/edgecert/edgecert.toml"),
            ("/home/my files/a.toml", "'/home/my files/a.toml'"),
            ("it's", "'it'\\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
            ("ü", "'ü'"),
        ] {
            assert_eq!(quote(word), quoted, "{word}");
        }
    }
}
