//! What became of the certificates besides the leaf, in the words of an import: the chain, and what is not kept.
//!
//! Who issued whom is found by [`crate::x509::chain::order`]; here the rest gets its names. Roots that the caller knows
//! end a chain without being in the files. Trust is not judged.

use crate::explain::printable;
use crate::x509::{Certificate, Chain, chain};

/// Most URLs shown of a caIssuers extension.
const MAX_URLS: usize = 4;

/// A chain, and what is not kept.
#[derive(Debug)]
pub struct Ordered {
    /// Leaf and intermediates.
    pub chain: Chain,
    /// Roots of the chain.
    pub roots: Vec<Certificate>,
    /// Others for a name and key that the chain or its root has: cross-signs that expired or were not chosen.
    pub spare: Vec<Certificate>,
    /// Those that issue nothing here.
    pub strangers: Vec<Certificate>,
    /// Issuer name of the last certificate, when that issuer was not seen; fit to be shown.
    pub missing_issuer: Option<String>,
    /// Where it can be fetched (caIssuers); fit to be shown.
    pub missing_issuer_urls: Vec<String>,
}

/// Orders the others above the leaf.
pub fn order_chain(
    leaf: Certificate,
    others: Vec<Certificate>,
    known_roots: &[Certificate],
) -> Ordered {
    let chain::Ordered {
        chain,
        roots,
        strangers,
        missing_issuer,
    } = chain::order(leaf, others);
    let (spare, strangers): (Vec<_>, Vec<_>) = strangers.into_iter().partition(|one| {
        chain
            .certificates()
            .chain(&roots)
            .chain(known_roots)
            .any(|kept| stands_for_the_same(one, kept))
    });
    let top = chain.intermediates.last().unwrap_or(&chain.leaf);
    let missing = missing_issuer.filter(|_| !known_roots.iter().any(|root| top.is_signed_by(root)));
    let urls = match &missing {
        Some(_) => top.facts().ca_issuers.as_slice(),
        None => &[],
    };
    Ordered {
        missing_issuer_urls: urls
            .iter()
            .take(MAX_URLS)
            .map(|url| printable(url))
            .collect(),
        missing_issuer: missing.map(|name| printable(&name.text)),
        chain,
        roots,
        spare,
        strangers,
    }
}

/// Same name and same key: another certificate of the same CA.
fn stands_for_the_same(one: &Certificate, other: &Certificate) -> bool {
    let (one, other) = (one.facts(), other.facts());
    one.subject.der == other.subject.der && one.spki_sha256 == other.spki_sha256
}
