//! `--accept CODE --reason TEXT`: which findings may be let through, and which never.

use crate::cli::expectation;
use crate::cli::not_taken::NotTaken;
use crate::cli::output::Failure;
use crate::findings::Code;
use crate::verify::Override;

/// What nobody can let through, and why.
const NEVER: [(Code, &str); 2] = [
    (
        Code::KeyMismatch,
        "no server can serve a certificate with a key that is not its own",
    ),
    (
        Code::FormMalformed,
        "what cannot be read cannot be judged, and peers cannot read it either",
    ),
];

/// Reads the code of a finding that may be let through.
pub fn code(text: &str) -> Result<Code, NotTaken> {
    let code = expectation::code(text)?;
    match NEVER.iter().find(|(never, _)| *never == code) {
        Some((_, why)) => Err(NotTaken::wrong(
            format!("it can never be let through: {why}"),
            "do what the finding itself says",
        )),
        None => Ok(code),
    }
}

/// Pairs codes with reasons: one reason for all, or one for each in turn.
pub fn pairs(codes: &[Code], reasons: &[String]) -> Result<Vec<Override>, Failure> {
    if let Some(empty) = reasons.iter().position(|reason| reason.trim().is_empty()) {
        return Err(Failure::usage(
            "--reason says nothing",
            format!(
                "reason {} is empty, and it is what is read in a year",
                empty + 1
            ),
            "say why it is let through",
        ));
    }
    if reasons.len() > 1 && reasons.len() != codes.len() {
        return Err(Failure::usage(
            "it is not clear which --reason belongs to which --accept",
            format!(
                "{} codes and {} reasons are given",
                codes.len(),
                reasons.len()
            ),
            "give one --reason for all, or one after each --accept",
        ));
    }
    let mut pairs: Vec<Override> = Vec::new();
    for (at, code) in codes.iter().enumerate() {
        let reason = reasons.get(at).or(reasons.first()).cloned();
        if !pairs.iter().any(|known| known.code == *code) {
            pairs.push(Override {
                code: *code,
                reason: reason.unwrap_or_default(),
            });
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_go_to_their_codes() {
        let codes = [Code::NamesMissing, Code::ValidityExpired];
        let reasons = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        let of = |words: &[&str]| {
            pairs(&codes, &reasons(words))
                .map(|all| all.into_iter().map(|one| one.reason).collect::<Vec<_>>())
        };
        assert_eq!(of(&["a"]).unwrap(), ["a", "a"]);
        assert_eq!(of(&["a", "b"]).unwrap(), ["a", "b"]);
        assert!(of(&["a", "b", "c"]).is_err());
        assert!(of(&["a", " "]).is_err());
    }

    #[test]
    fn some_are_never_let_through() {
        assert_eq!(code("names.missing"), Ok(Code::NamesMissing));
        for (never, why) in NEVER {
            assert!(code(never.as_str()).unwrap_err().to_string().contains(why));
        }
        assert!(
            code("names.mising")
                .unwrap_err()
                .to_string()
                .contains("names.missing")
        );
    }
}
