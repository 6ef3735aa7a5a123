//! Files that the flags of `check` name: revocation lists, and the pair that is presented.

use super::{CheckArgs, Context, Failure};
use crate::cli::exit::FailureKind;
use crate::cli::verify::read::read_crls;
use crate::explain::{Explain, printable};
use crate::probe::{Manner, OwnPair};
use crate::store::atomic;
use crate::x509::chain::order;
use crate::x509::{Bundle, Crl, container};
use std::path::Path;
use std::sync::Arc;

/// The lists of `--crl`.
pub(super) fn crls(args: &CheckArgs) -> Result<Vec<Crl>, Failure> {
    read_crls(&args.crl)
}

/// How endpoints are asked: with the pair of `--present`, where there is one.
pub(super) fn manner(args: &CheckArgs, context: &Context) -> Result<Manner, Failure> {
    let Some(path) = &args.present else {
        return Ok(Manner::default());
    };
    let pair = OwnPair::new(&bundle(path)?)
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    context.note("our own certificate is presented to whoever asks for one\n");
    Ok(Manner {
        presents: Some(Arc::new(pair)),
        ..Manner::default()
    })
}

fn bundle(path: &Path) -> Result<Bundle, Failure> {
    let failed = |error: &dyn Explain| {
        let mut failure = Failure::usage("", "", "");
        *failure.explanation = error.explain();
        failure.explanation.place = printable(&path.display().to_string());
        failure
    };
    let bytes = atomic::read_secret(path, container::MAX_BYTES as u64)
        .map_err(|error| Failure::from_error(FailureKind::Usage, &error))?;
    let contents = container::read(&bytes, None).map_err(|error| failed(&error))?;
    let shown = printable(&path.display().to_string());
    let lacks = |what: &str| {
        Failure::usage(
            "what is to be presented is not complete",
            format!("{shown} holds no {what}"),
            "put leaf, chain and the open key into one PEM file of mode 0600",
        )
    };
    let Some((_, key)) = contents.keys.into_iter().next() else {
        return Err(lacks("key that can be read"));
    };
    let mut pool: Vec<_> = contents
        .certificates
        .into_iter()
        .map(|(_, one)| one)
        .collect();
    let leaf = pool
        .iter()
        .position(|one| one.facts().spki_sha256 == key.spki_sha256())
        .ok_or_else(|| lacks("certificate for its key"))?;
    let leaf = pool.remove(leaf);
    Bundle::new(order(leaf, pool).chain, key).map_err(|_| lacks("certificate for its key"))
}
