//! The passphrase of what is imported, asked for where a person is there to answer.

use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::explain::{Explanation, printable};
use crate::import::ReplyFile;
use crate::x509::{Passphrase, container, sealed};

/// How often a wrong passphrase is asked for again.
const TRIES: usize = 3;

/// Asks for the passphrase of the first file that is closed; `None` where none is, nobody can be asked, or the answer
/// is empty.
pub(super) fn passphrase_for(
    context: &Context,
    files: &[ReplyFile],
) -> Result<Option<Passphrase>, Failure> {
    if !context.can_ask() {
        return Ok(None);
    }
    let Some(closed) = files.iter().find(|file| !opens(&file.bytes, None)) else {
        return Ok(None);
    };
    for _ in 0..TRIES {
        let answer = dialoguer::Password::new()
            .with_prompt(format!(
                "Passphrase of {} (none: enter)",
                printable(&closed.name)
            ))
            .allow_empty_password(true)
            .interact()
            .map_err(|error| not_asked(&error))?;
        if answer.is_empty() {
            return Ok(None);
        }
        let passphrase = Passphrase::new(answer);
        if opens(&closed.bytes, Some(&passphrase)) {
            return Ok(Some(passphrase));
        }
        context.note("it does not open the file\n");
    }
    Ok(None)
}

/// Whether nothing in a file waits for a (or another) passphrase.
pub fn opens(file: &[u8], passphrase: Option<&Passphrase>) -> bool {
    if sealed::is_sealed(file) {
        return !sealed::open(file, passphrase).is_err_and(|error| error.is_closed());
    }
    match container::read(file, passphrase) {
        Ok(contents) => !contents
            .problems
            .iter()
            .any(|(_, problem)| problem.is_closed()),
        Err(error) => !error.is_closed(),
    }
}

fn not_asked(error: &dialoguer::Error) -> Failure {
    let dialoguer::Error::IO(cause) = error;
    let kind = if cause.kind() == std::io::ErrorKind::Interrupted {
        FailureKind::Interrupted
    } else {
        FailureKind::Failed
    };
    Failure::new(
        kind,
        Explanation {
            code: "passphrase.unusable",
            what: "the passphrase was not given".into(),
            place: String::new(),
            why: cause.to_string(),
            mend: "give it in a file: --passphrase-file FILE".into(),
        },
    )
}
