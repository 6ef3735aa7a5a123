//! Which certificate is the leaf, which issue it, and which have no business in the reply.

use super::order::{Ordered, order_chain};
use super::{FoundLeaf, ImportError, MAX_CERTIFICATES, Reply, ReplyFile};
use crate::explain::{count, printable};
use crate::x509::container::{self, BagName, Contents};
use crate::x509::{Certificate, Fingerprint, Passphrase, PrivateKey, X509Error};
use std::collections::HashSet;

/// Most keys, and most certificates, whose names in PKCS#12 are compared.
const MAX_PAIRS: usize = 50;

/// What could not be read: its file, its block, and why.
type Problem = (String, String, X509Error);

/// What all files hold together.
#[derive(Default)]
struct Pile {
    certificates: Vec<(String, Certificate)>,
    keys: Vec<(String, PrivateKey)>,
    /// What PKCS#12 calls the certificates and keys, by their places.
    bags: Vec<BagName>,
    requests: usize,
    /// Certificates that stood in the files before.
    doubles: Vec<(String, Certificate)>,
    problems: Vec<Problem>,
    inventory: Vec<(String, String)>,
    notes: Vec<(String, String)>,
}

/// Sorts the files: finds the one leaf, orders its chain, drops roots and strangers (each is told).
///
/// Where several end-entity certificates stand in the files, the one with a key of `wanted` is the leaf, else the one
/// whose key lies beside it; the newest of those with the same key. `roots` tell where the chain may end. Errors: a
/// file that holds nothing we know, no leaf, several leaves, and an unreadable block where something is missing.
pub fn sort_reply(
    files: &[ReplyFile],
    passphrase: Option<&Passphrase>,
    wanted: &[Fingerprint],
    roots: &[Certificate],
) -> Result<Reply, ImportError> {
    let mut pile = read_all(files, passphrase)?;
    if pile.certificates.is_empty() {
        return Err(no_certificate(files, pile));
    }
    let count = pile.certificates.len();
    if count > MAX_CERTIFICATES {
        return Err(ImportError::TooManyCertificates {
            count,
            limit: MAX_CERTIFICATES,
        });
    }
    let beside: Vec<Fingerprint> = pile.keys.iter().map(|(_, key)| key.spki_sha256()).collect();
    let (leaf_place, leaf) = match choose_leaf(&pile.certificates, wanted, &beside) {
        Ok(found) => found,
        // What cannot be read, and may be the leaf, is the nearer cause of a leaf that is not there.
        Err(error @ ImportError::OnlyCaCertificates { .. }) => {
            let suspect = take_suspect(&mut pile.problems).or_else(|| take_closed_key(&mut pile));
            return Err(suspect.map_or(error, unreadable));
        }
        Err(error) => return Err(error),
    };
    let friendly_name = friendly_name(&pile.bags, &leaf_place);
    pile.notes.extend(unlike_pairs(&pile));
    let others: Vec<Certificate> = pile
        .certificates
        .into_iter()
        .map(|(_, certificate)| certificate)
        .filter(|other| *other != leaf)
        .collect();
    let leaf_key = leaf.facts().spki_sha256;
    let (older, others): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|other| !other.is_ca() && other.facts().spki_sha256 == leaf_key);
    let Ordered {
        chain,
        roots: dropped_roots,
        mut spare,
        strangers,
        missing_issuer,
        missing_issuer_urls,
    } = order_chain(leaf, others, roots);
    spare.extend(older);
    let doubles = pile.doubles;
    // The unreadable block may be the very certificate that is missing.
    if missing_issuer.is_some()
        && let Some(suspect) = take_suspect(&mut pile.problems)
    {
        return Err(unreadable(suspect));
    }
    Ok(Reply {
        chain,
        leaf_place,
        roots: dropped_roots,
        strangers,
        spare,
        doubles,
        missing_issuer,
        missing_issuer_urls,
        keys: pile.keys,
        friendly_name,
        inventory: pile.inventory,
        notes: pile.notes,
        problems: pile
            .problems
            .into_iter()
            .map(|(file, block, error)| (join(&file, &block), error))
            .collect(),
    })
}

fn read_all(files: &[ReplyFile], passphrase: Option<&Passphrase>) -> Result<Pile, ImportError> {
    if files.is_empty() {
        return Err(ImportError::NoFiles);
    }
    let mut pile = Pile::default();
    let mut seen = HashSet::new();
    for file in files {
        let name = printable(&file.name);
        let contents = container::read(&file.bytes, passphrase).map_err(|source| {
            ImportError::NothingInFile {
                file: name.clone(),
                source,
            }
        })?;
        pile.inventory.push((name.clone(), describe(&contents)));
        let Contents {
            packing: _,
            certificates,
            keys,
            requests,
            // a chain is judged without them
            lists: _,
            bags,
            problems,
            notes,
        } = contents;
        for (block, certificate) in certificates {
            let place = join(&name, &block);
            // The same certificate twice, in one file or in several, counts once.
            if seen.insert(certificate.facts().sha256) {
                pile.certificates.push((place, certificate));
            } else {
                pile.doubles.push((place, certificate));
            }
        }
        pile.keys.extend(
            keys.into_iter()
                .map(|(block, key)| (join(&name, &block), key)),
        );
        pile.bags.extend(bags.into_iter().map(|bag| BagName {
            place: join(&name, &bag.place),
            ..bag
        }));
        pile.requests += requests.len();
        pile.problems.extend(
            problems
                .into_iter()
                .map(|(block, error)| (name.clone(), block, error)),
        );
        pile.notes.extend(
            notes
                .into_iter()
                .map(|(block, note)| (join(&name, &block), note.words())),
        );
    }
    Ok(pile)
}

/// What PKCS#12 calls the leaf, fit to be shown.
fn friendly_name(bags: &[BagName], leaf_place: &str) -> Option<String> {
    bags.iter()
        .find(|bag| bag.place == leaf_place)
        .and_then(|bag| bag.friendly_name.as_deref())
        .map(printable)
}

/// Keys and certificates that carry the same localKeyId and do not belong together: the keys themselves decide.
fn unlike_pairs(pile: &Pile) -> Vec<(String, String)> {
    let id_of = |place: &str| {
        pile.bags
            .iter()
            .find(|bag| bag.place == place)
            .and_then(|bag| bag.local_key_id.as_ref())
    };
    let mut found = Vec::new();
    for (key_place, key) in pile.keys.iter().take(MAX_PAIRS) {
        let Some(id) = id_of(key_place) else {
            continue;
        };
        for (place, one) in pile.certificates.iter().take(MAX_PAIRS) {
            if id_of(place) == Some(id) && one.facts().spki_sha256 != key.spki_sha256() {
                found.push((
                    place.clone(),
                    "its localKeyId is that of a key which is not its own; the public keys decide"
                        .to_owned(),
                ));
            }
        }
    }
    found
}

fn no_certificate(files: &[ReplyFile], mut pile: Pile) -> ImportError {
    // Where nothing may have been a certificate, a damaged key still says more than that none is there.
    let problem = take_suspect(&mut pile.problems).or_else(|| pile.problems.into_iter().next());
    match problem {
        Some(problem) => unreadable(problem),
        None => ImportError::NoCertificate {
            files: files.iter().map(|file| printable(&file.name)).collect(),
            requests: pile.requests,
            keys: pile.keys.len(),
        },
    }
}

/// The first thing that could not be read and may have been a certificate.
fn take_suspect(problems: &mut Vec<Problem>) -> Option<Problem> {
    let at = problems
        .iter()
        .position(|(_, _, error)| error.about().may_be_certificate())?;
    Some(problems.remove(at))
}

/// The key that could not be opened, where one of the certificates issued itself: `openssl req -x509` makes its leaf a
/// CA, and the key would show it.
fn take_closed_key(pile: &mut Pile) -> Option<Problem> {
    let own = |(_, one): &(String, Certificate)| one.is_self_signed();
    if !pile.certificates.iter().any(own) {
        return None;
    }
    let at = pile
        .problems
        .iter()
        .position(|(_, _, error)| error.is_closed())?;
    Some(pile.problems.remove(at))
}

fn unreadable((file, block, source): Problem) -> ImportError {
    ImportError::Unreadable {
        file,
        block,
        source,
    }
}

/// The leaf and where it stands.
fn choose_leaf(
    certificates: &[(String, Certificate)],
    wanted: &[Fingerprint],
    beside: &[Fingerprint],
) -> Result<(String, Certificate), ImportError> {
    let with_key_of = |keys: &[Fingerprint]| -> Vec<&(String, Certificate)> {
        certificates
            .iter()
            .filter(|(_, one)| keys.contains(&one.facts().spki_sha256))
            .collect()
    };
    // A certificate with a key that is waited for is the leaf, even where it calls itself a CA (`openssl req -x509`).
    let mut candidates = with_key_of(wanted);
    if candidates.is_empty() {
        candidates = with_key_of(beside);
    }
    if candidates.iter().any(|(_, one)| !one.is_ca()) {
        candidates.retain(|(_, one)| !one.is_ca());
    }
    if candidates.is_empty() {
        candidates = certificates
            .iter()
            .filter(|(_, one)| !one.is_ca())
            .collect();
    }
    // Of several for the same key the newest is the reply.
    let newest = candidates
        .iter()
        .max_by_key(|(_, one)| (one.facts().not_before, one.facts().not_after));
    let Some((place, leaf)) = newest else {
        return Err(ImportError::OnlyCaCertificates {
            names: certificates
                .iter()
                .map(|(place, one)| (place.clone(), one.display_name()))
                .collect(),
        });
    };
    let one_key = candidates
        .iter()
        .all(|(_, one)| one.facts().spki_sha256 == leaf.facts().spki_sha256);
    if one_key {
        return Ok((place.clone(), leaf.clone()));
    }
    Err(ImportError::SeveralLeaves {
        leaves: candidates
            .iter()
            .map(|(place, one)| FoundLeaf {
                place: place.clone(),
                name: one.display_name(),
                key: one.facts().spki_sha256,
            })
            .collect(),
    })
}

fn join(file: &str, block: &str) -> String {
    if block.is_empty() {
        file.to_owned()
    } else {
        format!("{file}, {block}")
    }
}

fn describe(contents: &Contents) -> String {
    let mut words = vec![contents.packing.words().to_owned()];
    for (number, word, more) in [
        (contents.certificates.len(), "certificate", ""),
        (contents.keys.len(), "private key", ""),
        (contents.requests.len(), "request", " (not needed)"),
        (contents.problems.len(), "unreadable block", ""),
    ] {
        if number > 0 {
            words.push(count(number, word) + more);
        }
    }
    words.join(", ")
}
