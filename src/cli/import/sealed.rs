//! A sealed bundle among the files: opened, and laid out as chain and key for the passage that all replies take.

use super::accept;
use super::take::{Intake, KeyGiven};
use crate::assign::targets::SecretKey;
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::explain::{Explain, Explanation};
use crate::import::ReplyFile;
use crate::names::Slug;
use crate::store::{Accepted, GenerationRecord};
use crate::verify::Override;
use crate::x509::{Passphrase, container, sealed};

/// A key out of a sealed bundle, and what is said of its generation.
#[derive(Debug, Clone)]
pub struct SealedPair {
    /// The file.
    pub place: String,
    /// The generation as it is on the machine that sealed it.
    pub record: GenerationRecord,
    /// That certificate.
    pub certificate: Slug,
    /// PKCS#8, PEM.
    pub key: SecretKey,
}

impl SealedPair {
    /// Its name there: `external-edge/4`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.certificate, self.record.number)
    }
}

/// Opens the sealed bundle that the files are, and puts its chain in its place; otherwise, the key as it was
/// given.
///
/// Errors: wrong usage where something else was given with it; refused where it does not open or makes no sense, and
/// where its key is marked as compromised.
pub(super) fn unseal(
    files: &mut [ReplyFile],
    key: KeyGiven,
    passphrase: Option<&Passphrase>,
) -> Result<Result<SealedPair, KeyGiven>, Failure> {
    if !files.iter().any(|file| sealed::is_sealed(&file.bytes)) {
        return Ok(Err(key));
    }
    let [file] = files else {
        return Err(Failure::usage(
            "a sealed bundle stands among other files",
            "it holds the whole generation: leaf, chain and key",
            "give it alone",
        ));
    };
    if !matches!(key, KeyGiven::Ledger) {
        return Err(Failure::usage(
            "a sealed bundle brings its own key",
            "--key, --request and --adopt say where another one is",
            "give the bundle alone",
        ));
    }
    let refused = |error: &dyn Explain| {
        let mut failure = Failure::from_error(FailureKind::Refused, error);
        failure.explanation.place.clone_from(&file.name);
        failure
    };
    let opened = sealed::open(&file.bytes, passphrase).map_err(|error| refused(&error))?;
    let (record, certificate) = facts(&opened).map_err(|why| senseless(&file.name, why))?;
    if record.compromised {
        return Err(Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "import.compromised",
                what: format!("{certificate}/{} must never be served again", record.number),
                place: file.name.clone(),
                why: "its key was marked as compromised before it was sealed".into(),
                mend: format!("`edgecert request {certificate} --new-key`"),
            },
        ));
    }
    let key = opened.key.to_pem(None).map_err(|error| refused(&error))?;
    file.bytes = opened.fullchain;
    Ok(Ok(SealedPair {
        place: file.name.clone(),
        record,
        certificate,
        key: SecretKey(key),
    }))
}

/// What the bundle says of its generation, if it says it of the leaf that is in it.
fn facts(opened: &sealed::Unsealed) -> Result<(GenerationRecord, Slug), String> {
    let record: GenerationRecord = serde_json::from_slice(&opened.facts)
        .map_err(|error| format!("what it says of its generation: {error}"))?;
    let certificate = Slug::parse(&record.certificate)
        .map_err(|_| "the name of its certificate is not one".to_owned())?;
    let chain =
        container::read(&opened.fullchain, None).map_err(|error| format!("its chain: {error}"))?;
    let leaf = chain.certificates.first().map(|(_, leaf)| leaf);
    if leaf.is_none_or(|leaf| leaf.facts().sha256.to_string() != record.leaf.sha256) {
        return Err("its leaf is not the one that it speaks of".to_owned());
    }
    Ok((record, certificate))
}

/// The sealed pair that an intake brings, if it does.
pub(super) fn sealed_of<'a>(intake: &'a Intake<'_>) -> Option<&'a SealedPair> {
    match &intake.key {
        KeyGiven::Sealed(pair) => Some(pair),
        KeyGiven::Ledger | KeyGiven::Folder(_) | KeyGiven::File(_) | KeyGiven::Beside => None,
    }
}

fn senseless(place: &str, why: String) -> Failure {
    Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "sealed.damaged",
            what: "the sealed bundle opens, and makes no sense".into(),
            place: place.to_owned(),
            why: crate::explain::printable(&why),
            mend: "make it again with `edgecert export --format sealed`".into(),
        },
    )
}

/// What was accepted on the machine that sealed it is accepted here for the same reasons; what was given here goes
/// first. A code that nobody can accept, or that is not known here, is judged as if it were not there.
pub(super) fn accept_again(accept: &mut Vec<Override>, there: &[Accepted]) {
    for one in there {
        if let Ok(code) = accept::code(&one.code)
            && !accept.iter().any(|known| known.code == code)
        {
            accept.push(Override {
                code,
                reason: one.reason.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Code;

    #[test]
    fn what_was_accepted_there_is_accepted_here_if_anybody_may() {
        let here = Override {
            code: Code::NamesMissing,
            reason: "here".into(),
        };
        let mut accept = vec![here];
        let there = [
            "names.missing",
            "validity.expired",
            "key.mismatch",
            "no.such",
        ];
        let there = there.map(|code| Accepted {
            code: code.into(),
            reason: "there".into(),
        });
        accept_again(&mut accept, &there);
        let found: Vec<_> = accept
            .iter()
            .map(|one| (one.code, one.reason.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (Code::NamesMissing, "here"),
                (Code::ValidityExpired, "there")
            ]
        );
    }
}
