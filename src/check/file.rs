//! Files at rest: each end-entity certificate in a file, with the others of the file as its chain.
//!
//! The bytes are handed in by whoever may read files; judging them runs on all cores, and no more is in memory than the
//! workers hold and [`Kept`] keeps.

mod unread;

use self::unread::{
    closed, hides_certificates, is_damaged_certificate, is_something_else, malformed,
    malformed_finding, no_certificate,
};
use super::keep::Place;
use super::{Kept, TargetKind, TargetReport, Yardstick};
use crate::explain::{Explain, Explanation, count};
use crate::names::{Domain, Presented};
use crate::verify::{MAX_CERTIFICATES, too_many};
use crate::x509::container::{self, Contents};
use crate::x509::{About, Certificate, PrivateKey, X509Error};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use zeroize::Zeroizing;

/// Files that a worker takes at a time: the lock on the list is then taken too seldom to be felt.
const BATCH: usize = 16;

/// How a file came to be a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was named: it has to be a certificate.
    Named,
    /// It lies in a folder that was named: it may be anything.
    Walked,
}

/// A file to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTask {
    /// Its place among the targets, and within its folder.
    pub place: (usize, usize),
    /// Where it lies.
    pub path: PathBuf,
    /// How it came here.
    pub origin: Origin,
}

/// What reading a file came to.
#[derive(Debug)]
pub enum FileRead {
    /// Its bytes, and what lies beside it.
    Bytes(Zeroizing<Vec<u8>>, Box<BesideFiles>),
    /// It is not to be judged.
    Skip,
    /// It could not be read.
    Failed(Explanation),
}

/// The files that lie beside a certificate file by their usual names, as they were read.
#[derive(Debug, Default)]
pub struct BesideFiles {
    /// The key file, or why it cannot be read.
    pub key: Option<Result<Zeroizing<Vec<u8>>, String>>,
    /// `chain.pem`.
    pub chain: Option<Vec<u8>>,
    /// `fullchain.pem`.
    pub fullchain: Option<Vec<u8>>,
}

/// What lies beside a certificate.
#[derive(Debug, Default)]
pub struct Beside {
    /// Its key, or why it cannot be read; counts where the file itself holds none.
    pub key: Option<Result<PrivateKey, String>>,
    /// Certificates that can stand behind a leaf; those that issued nothing here are passed over.
    pub issuers: Vec<Certificate>,
}

/// A file, or what could not be looked at in its stead, with its place among the targets.
pub type Next = Result<FileTask, Box<((usize, usize), String, Explanation)>>;

/// Hears the rows of each batch with the batch's number from 0 upwards; batches come in any order, from all workers,
/// and none is left out.
pub type OnRows<'a> = &'a (dyn Fn(usize, &[(Place, TargetReport)]) + Sync);

/// Judges files on `workers` threads, in bounded memory. `read` and `on_rows` are called from all of them.
pub fn check_files<I>(
    files: I,
    read: &(dyn Fn(&FileTask) -> FileRead + Sync),
    yardstick: &Yardstick,
    workers: usize,
    on_rows: OnRows<'_>,
) -> Kept
where
    I: Iterator<Item = Next> + Send,
{
    let files = Mutex::new(batches(files));
    let work = || {
        let mut kept = Kept::default();
        loop {
            // Where the lock is poisoned, another worker panicked; its panic is told when it is joined.
            let batch = files.lock().ok().and_then(|mut files| files.next());
            let Some((number, batch)) = batch else {
                return kept;
            };
            let mut fresh = Kept::default();
            for next in batch {
                check_one(next, read, yardstick, &mut fresh);
            }
            on_rows(number, fresh.rows());
            kept.absorb(fresh);
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers.max(1)).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for other in others {
            match other.join() {
                Ok(kept) => all.absorb(kept),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

/// The files in batches, each with its number.
fn batches(mut files: impl Iterator<Item = Next>) -> impl Iterator<Item = (usize, Vec<Next>)> {
    (0..).map_while(move |number| {
        let batch: Vec<Next> = files.by_ref().take(BATCH).collect();
        (!batch.is_empty()).then_some((number, batch))
    })
}

fn check_one(
    next: Next,
    read: &(dyn Fn(&FileTask) -> FileRead + Sync),
    yardstick: &Yardstick,
    kept: &mut Kept,
) {
    let task = match next {
        Ok(task) => task,
        Err(unseen) => {
            let ((target, number), path, problem) = *unseen;
            let row = TargetReport::unknown(path, TargetKind::File, problem);
            kept.push((target, number, 0), row);
            return;
        }
    };
    let (target, number) = task.place;
    let name = crate::explain::printable(&task.path.to_string_lossy());
    let (bytes, files) = match read(&task) {
        FileRead::Bytes(bytes, files) => (bytes, files),
        FileRead::Skip => {
            kept.counts.skipped += 1;
            return;
        }
        FileRead::Failed(problem) => {
            let row = TargetReport::unknown(name, TargetKind::File, problem);
            kept.push((target, number, 0), row);
            return;
        }
    };
    let full = certificates_in(files.fullchain.as_deref());
    if task.origin == Origin::Walked && is_part_of(&bytes, &full) {
        return;
    }
    let beside = Beside {
        key: files
            .key
            .map(|key| PrivateKey::read(&key?, None).map_err(|error| error.explain().what)),
        issuers: certificates_in(files.chain.as_deref())
            .into_iter()
            .chain(full)
            .collect(),
    };
    match check_bytes(
        &name,
        TargetKind::File,
        &bytes,
        beside,
        task.origin,
        yardstick,
    ) {
        Some(rows) => {
            for (nth, row) in rows.into_iter().enumerate() {
                let place: Place = (target, number, nth);
                kept.push(place, row);
            }
        }
        None => kept.counts.skipped += 1,
    }
}

fn certificates_in(bytes: Option<&[u8]>) -> Vec<Certificate> {
    bytes
        .and_then(|bytes| container::read(bytes, None).ok())
        .map(|contents| contents.certificates)
        .unwrap_or_default()
        .into_iter()
        .map(|(_, one)| one)
        .collect()
}

/// Whether `fullchain.pem` beside a walked `cert.pem` or `chain.pem` holds all that is in it: then it is judged there,
/// once.
fn is_part_of(bytes: &[u8], full: &[Certificate]) -> bool {
    if full.is_empty() {
        return false;
    }
    container::read(bytes, None).is_ok_and(|contents| {
        !contents.certificates.is_empty()
            && contents.problems.is_empty()
            && contents
                .certificates
                .iter()
                .all(|(_, one)| full.contains(one))
    })
}

/// Judges what a file holds: a row for each leaf, one for CA certificates alone, one for what cannot be read.
///
/// `None` for a walked file that is no certificate at all.
pub fn check_bytes(
    name: &str,
    kind: TargetKind,
    bytes: &[u8],
    beside: Beside,
    origin: Origin,
    yardstick: &Yardstick,
) -> Option<Vec<TargetReport>> {
    let contents = match container::read(bytes, None) {
        Ok(contents) => contents,
        Err(error) if hides_certificates(&error) => {
            return Some(vec![closed(name, kind, "", &error, origin)]);
        }
        Err(error)
            if origin == Origin::Walked
                && !is_damaged_certificate(&error)
                && (kind != TargetKind::File
                    || !is_named_as_certificate(Path::new(name))
                    || is_something_else(&error)) =>
        {
            return None;
        }
        Err(error) => return Some(vec![malformed(name, kind, "", &error)]),
    };
    let Contents {
        certificates,
        mut keys,
        requests,
        problems,
        ..
    } = contents;
    let damaged: Vec<&(String, X509Error)> = problems
        .iter()
        .filter(|(_, problem)| is_damaged_certificate(problem))
        .collect();
    let sealed = problems
        .iter()
        .find(|(_, problem)| hides_certificates(problem));
    if certificates.is_empty()
        && damaged.is_empty()
        && let Some((block, problem)) = sealed
    {
        return Some(vec![closed(name, kind, block, problem, origin)]);
    }
    if certificates.is_empty() {
        return match (damaged.first(), origin) {
            (Some((block, problem)), _) => Some(vec![malformed(name, kind, block, problem)]),
            (None, Origin::Walked) => None,
            (None, Origin::Named) => Some(vec![no_certificate(
                name, kind, &keys, &requests, &problems,
            )]),
        };
    }
    let mut key_missing = "no key of it lies in the file or beside it".to_owned();
    let unread = problems
        .iter()
        .find(|(_, problem)| problem.about() == About::Key);
    match beside.key {
        Some(Ok(key)) if keys.is_empty() => keys.push(("the key beside it".to_owned(), key)),
        Some(Err(why)) => key_missing = format!("the key beside it cannot be read: {why}"),
        Some(Ok(_)) | None => {}
    }
    if let Some((block, problem)) = unread {
        key_missing = format!("{block} cannot be read: {}", problem.explain().what);
    }
    let files = Around {
        keys: &keys,
        key_missing: &key_missing,
        issuers: &beside.issuers,
    };
    let mut rows = judge_certificates(name, kind, certificates, &files, yardstick);
    if let Some(first) = rows.first_mut() {
        for (block, problem) in damaged {
            first.findings.insert(0, malformed_finding(block, problem));
        }
    }
    Some(rows)
}

/// What the certificates of a file are judged with.
struct Around<'a> {
    keys: &'a [(String, PrivateKey)],
    /// Why there is no key, where there is none.
    key_missing: &'a str,
    issuers: &'a [Certificate],
}

fn judge_certificates(
    name: &str,
    kind: TargetKind,
    certificates: Vec<(String, Certificate)>,
    around: &Around<'_>,
    yardstick: &Yardstick,
) -> Vec<TargetReport> {
    let keys = around.keys;
    let key_of = |one: &Certificate| {
        keys.iter()
            .map(|(_, key)| key)
            .find(|key| key.spki_sha256() == one.facts().spki_sha256)
    };
    let mut leaves: Vec<(String, Certificate)> = Vec::new();
    let mut others: Vec<Certificate> = Vec::new();
    for (block, one) in certificates {
        let twice = leaves.iter().any(|(_, known)| *known == one) || others.contains(&one);
        match (twice, is_meant_as_leaf(&one)) {
            (true, _) => {}
            (false, true) => leaves.push((block, one)),
            (false, false) => others.push(one),
        }
    }
    if others.len() > MAX_CERTIFICATES {
        // A bundle of roots: some have a common name that could be a host's.
        if leaves.iter().all(|(_, one)| one.is_ca()) {
            others.extend(leaves.drain(..).map(|(_, one)| one));
        } else {
            let finding = too_many(others.len() + 1);
            return vec![TargetReport::new(name, kind).with_finding(finding)];
        }
    }
    if leaves.is_empty() {
        let mut row = TargetReport::new(name, kind);
        yardstick.judge_authorities(&mut row, &others);
        return vec![row];
    }
    let alone = leaves.len() == 1;
    leaves
        .into_iter()
        .map(|(block, leaf)| {
            let target = match alone {
                true => name.to_owned(),
                false => format!("{name}, {block}"),
            };
            let mut row = TargetReport::new(target, kind);
            let key = match key_of(&leaf) {
                Some(key) => Some(key),
                None if alone => keys.first().map(|(_, key)| key),
                None => None,
            };
            let hold = yardstick.hold_for(&leaf);
            let (chain, borrowed) = in_order(leaf, &others, around.issuers, alone);
            if borrowed > 0 {
                row.seen.push(format!(
                    "{} from the file beside it",
                    count(borrowed, "intermediate")
                ));
            }
            yardstick.judge_chain(&mut row, &chain, key, hold.as_deref(), None);
            if key.is_none() {
                let missing = around.key_missing.to_owned();
                row.not_applicable.push(("key", missing));
            }
            row
        })
        .collect()
}

/// Server certificates made by hand are often CA certificates too (`openssl req -x509` sets cA): one that speaks of a
/// host is judged as a leaf, and told that it must not be a CA. A root whose name is a domain has the usage of one.
fn is_meant_as_leaf(one: &Certificate) -> bool {
    let facts = one.facts();
    let signs = facts.key_usage.is_some_and(|usage| usage.key_cert_sign);
    let names_a_host = facts
        .names
        .iter()
        .flatten()
        .any(|name| matches!(name, Presented::Dns(_) | Presented::Ip(_)))
        || !signs
            && facts
                .subject
                .common_names
                .iter()
                .any(|name| Domain::parse(name).is_ok());
    !one.is_ca() || names_a_host
}

/// The leaf, then each issuer of the one before it; what belongs to nothing stays behind them where it can only have
/// been meant for this leaf. Where the file lacks an issuer, one that lies beside it counts; how many did is told.
fn in_order(
    leaf: Certificate,
    others: &[Certificate],
    beside: &[Certificate],
    keep_strangers: bool,
) -> (Vec<Certificate>, usize) {
    let mut rest: Vec<&Certificate> = others.iter().collect();
    let mut chain = vec![leaf];
    let mut borrowed = 0;
    while let Some(last) = chain.last() {
        let next = match issuer_in(&rest, last) {
            Some(own) => rest.remove(own).clone(),
            None => {
                let found = beside.iter().find(|one| {
                    !chain.contains(one) && is_named_issuer(one, last) && last.is_signed_by(one)
                });
                let Some(found) = found else { break };
                borrowed += 1;
                found.clone()
            }
        };
        chain.push(next);
    }
    if keep_strangers {
        chain.extend(rest.into_iter().cloned());
    }
    (chain, borrowed)
}

/// Where the issuer of a certificate stands. Where one alone has its name and key identifier, that is enough for the
/// order: whether its signature is right is for the verdict to say, and costs more than all else here.
fn issuer_in(others: &[&Certificate], of: &Certificate) -> Option<usize> {
    let named: Vec<usize> = (0..others.len())
        .filter(|at| is_named_issuer(others[*at], of))
        .collect();
    match named.as_slice() {
        [only] if has_named_key(others[*only], of) => Some(*only),
        _ => named.into_iter().find(|at| of.is_signed_by(others[*at])),
    }
}

fn is_named_issuer(one: &Certificate, of: &Certificate) -> bool {
    one.facts().subject.der == of.facts().issuer.der
}

/// Whether key identifiers say that its key signed.
fn has_named_key(one: &Certificate, of: &Certificate) -> bool {
    let wanted = &of.facts().authority_key_id;
    wanted.is_some() && *wanted == one.facts().subject_key_id
}

/// Whether a file's name says that a certificate is in it: `.pem`, `.crt`, `.cer`, `.der`, `.p7b`, `.p7c`.
pub fn is_named_as_certificate(path: &Path) -> bool {
    path.extension().is_some_and(|end| {
        ["pem", "crt", "cer", "der", "p7b", "p7c"]
            .iter()
            .any(|word| end.eq_ignore_ascii_case(word))
    })
}

#[cfg(test)]
mod tests;
