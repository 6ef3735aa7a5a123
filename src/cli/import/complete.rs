//! Missing intermediates of a reply, fetched one after the other where that was asked for.

use super::take::Fetch;
use crate::cli::Context;
use crate::explain::{Explain, printable};
use crate::import::fetch::{self, Fetcher, MAX_FETCHES};
use crate::import::{Reply, ReplyFile};
use crate::x509::{Certificate, Fingerprint};

/// Where the issuer of a chain was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The issuer's name, fit to be shown.
    pub issuer: String,
    /// From where, fit to be shown.
    pub url: String,
    /// The address that answered.
    pub address: String,
    /// The certificate.
    pub sha256: Fingerprint,
}

/// What fetching came to.
#[derive(Debug, Default)]
pub struct Completed {
    /// The files, and what was fetched after them.
    pub files: Vec<ReplyFile>,
    /// What was fetched.
    pub fetched: Vec<Origin>,
    /// Why it ended before the chain was whole.
    pub trouble: Option<String>,
}

/// Fetches issuer after issuer until the chain is whole, a root that is known signed its end, or nothing more comes.
/// Where each request goes is told before it goes. Trouble is told and is no error: the verdict says what is missing.
pub(super) fn complete(
    context: &Context,
    files: &[ReplyFile],
    fetch: Fetch,
    sort: &dyn Fn(&[ReplyFile]) -> Option<Reply>,
) -> Completed {
    let mut done = Completed {
        files: files.to_vec(),
        ..Completed::default()
    };
    if fetch == Fetch::Nothing {
        return done;
    }
    let tell = |url: &str| context.note(&format!("asking {url}\n"));
    let fetcher = Fetcher::new(&tell);
    for _ in 0..MAX_FETCHES {
        // what cannot be sorted is told by the passage itself
        let Some(reply) = sort(&done.files) else {
            return done;
        };
        let (Some(_), Some(top)) = (&reply.missing_issuer, reply.chain.certificates().last())
        else {
            return done;
        };
        match fetcher.issuer_of(top) {
            Ok(found) => {
                let origin = origin(&found);
                context.say(&format!(
                    "fetched {} from {} ({})",
                    origin.issuer, origin.url, origin.address
                ));
                done.files.push(ReplyFile {
                    name: origin.url.clone(),
                    bytes: found.issuer.der().to_vec(),
                });
                done.fetched.push(origin);
            }
            Err(error) => {
                let told = error.explain();
                let words = format!("{}: {}", told.what, told.why);
                context.note(&format!("note: {words}\n  mend  {}\n", told.mend));
                done.trouble = Some(words);
                return done;
            }
        }
    }
    done
}

fn origin(found: &fetch::Fetched) -> Origin {
    let issuer: &Certificate = &found.issuer;
    Origin {
        issuer: printable(&issuer.display_name()),
        url: found.url.clone(),
        address: found.address.to_string(),
        sha256: issuer.facts().sha256,
    }
}
