//! One function for every reader of foreign bytes: it reads them, and asserts what must hold whatever they are.
//!
//! No panic, the limits, what is printed is read back, and nothing that could steer a terminal in any message. The
//! functions are driven by cargo-fuzz (`fuzz_targets/`, `scripts/fuzz`) and, on the stable compiler, by
//! `tests/fuzz_corpus.rs` over `fixtures/fuzz/` and mutations of it. A crash becomes a named file there.

mod stream_header;

pub use stream_header::stream_header;

use edgecert::check::endpoint;
use edgecert::cli::{keys as keyboard, rewrite_answers};
use edgecert::deployment::Deployment;
use edgecert::deployment::edit::{CertificateChange, Draft};
use edgecert::deployment::partner_list::read_list;
use edgecert::explain::{Explain, Explanation, is_harmful};
use edgecert::import::fetch;
use edgecert::names::{Domain, Identifier, Slug};
use edgecert::request::batch::{Batch, BatchError, Key, MAX_VALUES};
use edgecert::request::{IssuerProfile, ProfileError};
use edgecert::servers::{
    Change, ConfigError, Configured, PathKind, Source, ejabberd, haproxy, kamailio, nginx, prosody,
};
use edgecert::store::{
    AssignmentRecord, GenerationRecord, IntentRecord, JournalEntry, RequestRecord,
};
use edgecert::verify::{Expectation, judge};
use edgecert::wire::{control, http, sip, xmpp};
use edgecert::x509::{
    Certificate, Crl, Csr, Fingerprint, Passphrase, PrivateKey, container, order, pem as armour,
    sealed as bundle,
};
use std::path::{Path, PathBuf};
use time::macros::datetime;

/// A target: its name, which is that of its folder below `fixtures/fuzz`, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 29] = [
    ("pem", pem),
    ("certificate", certificate),
    ("csr", csr),
    ("crl", crl),
    ("container", container),
    ("pkcs7", pkcs7),
    ("pkcs12", pkcs12),
    ("sealed", sealed),
    ("key", key),
    ("xmpp_stream", xmpp_stream),
    ("stream_header", stream_header),
    ("sip_head", sip_head),
    ("control", control),
    ("deployment", deployment),
    ("partner_list", partner_list),
    ("profile", profile),
    ("batch", batch),
    ("names", names),
    ("records", records),
    ("keys", keys),
    ("answers", answers),
    ("edit", edit),
    ("http_answer", http_answer),
    ("prosody_config", prosody_config),
    ("ejabberd_config", ejabberd_config),
    ("kamailio_config", kamailio_config),
    ("haproxy_config", haproxy_config),
    ("nginx_config", nginx_config),
    ("http_head", http_head),
];

/// The passphrase of the encrypted keys among the seeds.
const PASSPHRASE: &str = "fuzz";

/// PEM: blocks are counted, placed and bounded; what is encoded is scanned again.
pub fn pem(bytes: &[u8]) {
    let blocks = armour::scan(bytes);
    let mut line = 0;
    let mut decoded = 0;
    for (at, block) in blocks.iter().enumerate() {
        assert_eq!(block.number, at + 1);
        assert!(block.line >= line, "lines go on");
        line = block.line;
        match &block.content {
            Ok(content) => {
                decoded += content.len();
                if is_plain(&block.label) {
                    assert_encodes(&block.label, content);
                }
            }
            Err(reason) => assert_harmless(reason),
        }
    }
    assert!(decoded <= bytes.len(), "base64 never grows");
    assert!(
        line <= 1 + bytes
            .iter()
            .filter(|byte| matches!(byte, b'\r' | b'\n'))
            .count()
    );
    assert_encodes("CERTIFICATE", bytes);
}

/// A certificate in DER: read, judged, ordered, printed and read again.
pub fn certificate(bytes: &[u8]) {
    match Certificate::from_der(bytes) {
        Ok(certificate) => assert_certificate(&certificate, bytes),
        Err(error) => assert_explained(&error),
    }
}

/// A request, PEM or DER: what was read is read again, the same.
pub fn csr(bytes: &[u8]) {
    match Csr::read(bytes) {
        Ok(csr) => assert_csr(&csr),
        Err(error) => assert_explained(&error),
    }
    match Csr::from_der(bytes) {
        Ok(csr) => {
            assert_eq!(csr.der, bytes);
            assert_csr(&csr);
        }
        Err(error) => assert_explained(&error),
    }
}

/// A revocation list, PEM or DER: its entries are counted within the limit, and looked up without harm.
pub fn crl(bytes: &[u8]) {
    match Crl::read(bytes) {
        Ok(lists) => {
            assert!(lists.len() <= Crl::MAX_LISTS);
            for list in &lists {
                let facts = list.facts();
                assert!(facts.count <= Crl::MAX_ENTRIES);
                assert_harmless(&facts.issuer.text);
                assert_eq!(Crl::from_der(list.der()).as_ref(), Ok(list));
                let found = list.entry(&[1]).is_some();
                assert!(!found || facts.count > 0);
                assert_eq!(found, list.entry(&[0, 1]).is_some());
            }
        }
        Err(error) => assert_explained(&error),
    }
}

/// A file of any form: every block is either taken or a problem with a place.
pub fn container(bytes: &[u8]) {
    assert_contents(bytes, None);
}

/// PKCS#7, DER, BER or PEM: the walk takes no more than it may, and each thing keeps its place.
pub fn pkcs7(bytes: &[u8]) {
    assert_contents(bytes, None);
}

/// PKCS#12 under the passphrase of the seeds. Numbers of three bytes and more are left to the tests of the bounds: a
/// derivation of a million rounds is within them, and would be all that is done.
pub fn pkcs12(bytes: &[u8]) {
    let long_number =
        |three: &[u8]| three[0] == 2 && three[1] > 2 && three[1] < 9 && three[2] < 0x80;
    if !bytes.windows(3).any(long_number) {
        assert_contents(bytes, Some(&Passphrase::new(PASSPHRASE.to_owned())));
    }
}

/// A sealed bundle under the passphrase of the seeds, and what stands in one. Iterations of 2^16 and more are left to the
/// tests of the bounds: millions of them are within, and would be all that is done.
pub fn sealed(bytes: &[u8]) {
    if !bundle::is_sealed(bytes) {
        match bundle::unpack(bytes) {
            Ok(found) => assert_unsealed(&found, bytes),
            Err(error) => assert_explained(&error),
        }
        return;
    }
    if matches!(bytes.get(18..20), Some([0, 0])) {
        for passphrase in [None, Some(Passphrase::new(PASSPHRASE.to_owned()))] {
            match bundle::open(bytes, passphrase.as_ref()) {
                Ok(found) => {
                    assert!(passphrase.is_some() && bytes.len() <= bundle::MAX_BYTES);
                    assert_unsealed(&found, bytes);
                }
                Err(error) => {
                    // without a passphrase nothing is said of the content
                    assert!(passphrase.is_some() || error != bundle::SealedError::NotOpened);
                    assert_explained(&error);
                }
            }
        }
    }
}

fn assert_unsealed(found: &bundle::Unsealed, bytes: &[u8]) {
    assert!(found.facts.len() + found.fullchain.len() < bytes.len());
    let shown = format!("{found:?}");
    let pem = found
        .key
        .to_pem(None)
        .expect("a key that was read can be written");
    assert!(!pem.lines().any(|row| row.len() > 40 && shown.contains(row)));
    records(&found.facts);
    assert_contents(&found.fullchain, None);
}

fn assert_contents(bytes: &[u8], passphrase: Option<&Passphrase>) {
    match container::read(bytes, passphrase) {
        Ok(contents) => {
            assert!(bytes.len() <= container::MAX_BYTES);
            let count = contents.certificates.len()
                + contents.keys.len()
                + contents.requests.len()
                + contents.lists.len();
            assert!(count <= container::MAX_ITEMS);
            // each block may be a container that one thing stands too many in
            assert!(contents.problems.len() <= container::MAX_BLOCKS + container::MAX_ITEMS);
            for (_, certificate) in &contents.certificates {
                assert_certificate(certificate, certificate.der());
            }
            for (_, request) in &contents.requests {
                assert_csr(request);
            }
            for (place, problem) in &contents.problems {
                assert_harmless(place);
                assert_explained(problem);
            }
            for (place, note) in &contents.notes {
                assert_harmless(place);
                assert_harmless(&note.words());
            }
            let mut certificates = contents.certificates.into_iter().map(|(_, one)| one);
            if let Some(leaf) = certificates.next() {
                let _ = order(leaf, certificates.take(8).collect());
            }
        }
        Err(error) => assert_explained(&error),
    }
}

/// A private key of any form, without and with a passphrase: what was read is written and read again.
pub fn key(bytes: &[u8]) {
    for passphrase in [None, Some(Passphrase::new(PASSPHRASE.to_owned()))] {
        match PrivateKey::read(bytes, passphrase.as_ref()) {
            Ok(key) => {
                let pem = key
                    .to_pem(None)
                    .expect("a key that was read can be written");
                let again = PrivateKey::read(pem.as_bytes(), None).expect("and read again");
                assert_eq!(again.spki_der(), key.spki_der());
                assert_eq!(key.spki_sha256(), Fingerprint::of(key.spki_der()));
                let shown = format!("{key:?}");
                assert!(!pem.lines().any(|row| row.len() > 40 && shown.contains(row)));
                // It needs no passphrase, so the second round would tell nothing new.
                return;
            }
            Err(error) => assert_explained(&error),
        }
    }
}

/// The machines of a stream. The first byte says which, the second how the rest is cut.
pub fn xmpp_stream(bytes: &[u8]) {
    let (choice, cuts, stream) = match bytes {
        [choice, cuts, stream @ ..] => (*choice, *cuts, stream),
        [] | [_] => return,
    };
    let kind = match choice & 1 {
        0 => xmpp::StreamKind::Server,
        _ => xmpp::StreamKind::Client,
    };
    let pieces = cut(stream, cuts);
    if choice & 2 == 0 {
        let offer = match choice & 12 {
            0 => xmpp::TlsOffer::None,
            4 => xmpp::TlsOffer::Optional,
            _ => xmpp::TlsOffer::Required,
        };
        serve(kind, offer, &pieces);
        return;
    }
    let starttls = choice & 4 == 0;
    if !starttls && choice & 8 != 0 {
        ask(&pieces);
        return;
    }
    let split = talk(kind, starttls, &pieces);
    // Inside TLS there is nothing to inject, so that the cuts must not matter. A header without a version is the
    // exception: the silence after it is the end (RFC 6120 §4.7.5).
    if !starttls && stream.len() <= xmpp::MAX_BYTES {
        let whole = talk(kind, starttls, &[stream]);
        if let (Some(split), Some(whole)) = (split, whole)
            && split.0.version.is_some()
        {
            assert_eq!(split, whole);
        }
    }
}

/// The head of a SIP answer: an answer for a part of it is the answer for the whole.
pub fn sip_head(bytes: &[u8]) {
    let whole = sip::read_status(bytes);
    match &whole {
        Ok(Some(status)) => {
            assert!((100..700).contains(&status.code));
            assert_harmless(&status.reason);
        }
        Ok(None) => assert!(bytes.len() <= sip::MAX_BYTES),
        Err(error) => assert_explained(error),
    }
    for end in [
        bytes.len() / 3,
        bytes.len() / 2,
        bytes.len().saturating_sub(1),
    ] {
        match sip::read_status(bytes.get(..end).unwrap_or_default()) {
            Ok(Some(early)) => assert_eq!(whole, Ok(Some(early))),
            Ok(None) => {}
            Err(_) => assert!(whole.is_err()),
        }
    }
}

/// The control talk from both ends: requests are printed and read again, answers are taken from a peer in pieces.
pub fn control(bytes: &[u8]) {
    match control::read_request(bytes) {
        Ok(Some(request)) => {
            assert!(bytes.len() <= control::MAX_LINE + 1);
            let line = control::write_request(&request).expect("what was read fits");
            let again = control::read_request(&line)
                .expect("our own line")
                .expect("a whole one");
            assert_eq!(
                serde_json::to_value(&again).expect("a request is JSON"),
                serde_json::to_value(&request).expect("a request is JSON")
            );
        }
        Ok(None) => assert!(bytes.len() <= control::MAX_LINE),
        Err(error) => assert_explained(&error),
    }
    let mut peer = Peer {
        says: bytes,
        heard: 0,
    };
    match control::ask(&mut peer, &control::Request::Status) {
        Ok(answer) => {
            let line = control::write_answer(&answer).expect("what was read fits");
            assert_eq!(line.last(), Some(&b'\n'));
        }
        Err(error) => assert_explained(&error),
    }
    assert!(peer.heard > 0);
}

/// A deployment file: sound, or mistakes with places that lie in the text.
pub fn deployment(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Deployment::parse(&text, Path::new("/etc/edgecert/edgecert.toml")) {
        Ok(deployment) => {
            assert!(text.len() <= Deployment::MAX_BYTES);
            for domain in deployment
                .edge
                .sip_domains
                .iter()
                .chain(&deployment.edge.xmpp_domains)
            {
                assert_eq!(Domain::parse(domain.as_str()).as_ref(), Ok(domain));
            }
            for certificate in &deployment.certificates {
                assert!(deployment.issuer_of(certificate).is_some());
                for gateway in deployment.gateways_of(&certificate.name) {
                    let listeners = gateway.listeners();
                    let _ = deployment.handshakes(certificate, &[], &listeners);
                }
            }
        }
        Err(error) => {
            assert_mistakes(&text, &error.mistakes);
            assert_explained(&error);
        }
    }
}

/// A list of partners: all that it holds can be written into a deployment, and is known there afterwards.
pub fn partner_list(bytes: &[u8]) {
    const DEPLOYMENT: &str = "version = 1\n[edge]\nfqdn = \"edge.contoso.com\"\nxmpp-domains = [\"contoso.com\"]\n\
        [certificate.external-edge]\nuses = [\"xmpp-s2s\"]\n[[partner]]\ndomain = \"litware.com\"\n";
    let text = String::from_utf8_lossy(bytes);
    let path = Path::new("/etc/edgecert/edgecert.toml");
    let before = Deployment::parse(DEPLOYMENT, path).expect("sound");
    let list = match read_list(&text, "list", &before) {
        Ok(list) => list,
        Err(error) => {
            assert_mistakes(&text, &error.mistakes);
            assert_explained(&error);
            return;
        }
    };
    list.passed_over.iter().for_each(|one| assert_harmless(one));
    let mut draft = Draft::open(DEPLOYMENT, path).expect("sound");
    for partner in &list.new {
        assert!(partner.negotiation.refused().is_none());
        draft.add_partner(partner);
    }
    let edited = draft.finish().expect("what was read can be written");
    let after = Deployment::parse(&edited, path).expect("sound");
    assert_eq!(after.partners.len(), 1 + list.new.len());
    let again = read_list(&text, "list", &after).expect("the same list");
    assert!(again.new.is_empty());
}

/// An issuer profile, as [`deployment`].
pub fn profile(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match IssuerProfile::parse("fuzz", &text, "fuzz.toml") {
        Ok(profile) => {
            assert!(text.len() <= IssuerProfile::MAX_BYTES);
            assert!(profile.renew_at > 0.0 && profile.renew_at < 1.0);
            assert!(!profile.common_name || profile.takes("CN"));
        }
        Err(error) => {
            if let ProfileError::Invalid { mistakes, .. } = &error {
                assert_mistakes(&text, mistakes);
            }
            assert_explained(&error);
        }
    }
}

/// A list of requests: every entry has its place, what is handed out is bounded, and reading ends.
pub fn batch(bytes: &[u8]) {
    let lines = 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
    let mut batch = match Batch::open(bytes) {
        Ok(batch) => batch,
        Err(BatchError::Unknown(mistake)) => {
            assert!(mistake.line <= lines);
            assert_harmless(&mistake.what);
            assert_harmless(&mistake.why);
            return;
        }
        Err(_) => return,
    };
    let (mut number, mut line) = (0, 0);
    while let Some(read) = batch.next_entry().expect("memory does not fail") {
        number += 1;
        assert_eq!(read.number, number);
        assert!(read.line > line && read.line <= lines, "lines go on");
        line = read.line;
        match read.entry {
            Ok(entry) => {
                for field in &entry.fields {
                    assert!((1..=MAX_VALUES).contains(&field.values.len()));
                    assert!(field.key.is_list() || field.values.len() == 1);
                    assert!(field.values.iter().all(|word| word.line <= lines));
                }
                let keys: Vec<Key> = entry.fields.iter().map(|field| field.key).collect();
                assert!(keys.windows(2).all(|two| two[0] < two[1]), "each key once");
            }
            Err(mistakes) => {
                assert!(!mistakes.is_empty());
                for mistake in mistakes {
                    assert!(mistake.line >= line && mistake.line <= lines);
                    assert_harmless(&mistake.what);
                    assert_harmless(&mistake.why);
                    assert_harmless(&mistake.mend);
                }
            }
        }
    }
    assert_eq!(batch.bytes_read(), bytes.len() as u64);
}

/// Names, certificates' names and lists of targets, as they are typed: print is the inverse of parse.
pub fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Identifier::parse_typed(&text) {
        Ok(name) => {
            assert_eq!(
                Identifier::parse_typed(&name.to_typed()).as_ref(),
                Ok(&name)
            );
            assert_eq!(
                Identifier::from_presented(&name.to_presented()).as_ref(),
                Some(&name)
            );
        }
        Err(error) => assert_explained(&error),
    }
    match Domain::parse(&text) {
        Ok(domain) => {
            assert!(domain.as_str().len() <= edgecert::names::domain::MAX_DOMAIN_BYTES);
            assert!(domain.as_str().is_ascii());
            assert_eq!(Domain::parse(domain.as_str()).as_ref(), Ok(&domain));
            assert_eq!(Domain::parse(&domain.to_unicode()).as_ref(), Ok(&domain));
        }
        Err(error) => assert_explained(&error),
    }
    match Slug::parse(&text) {
        Ok(slug) => {
            assert_eq!(slug.as_str(), text);
            assert!(!text.contains(['/', '.']), "a name never becomes a path");
        }
        Err(error) => assert_explained(&error),
    }
    match endpoint::read_list(&text) {
        Ok(list) => assert!(list.targets.len() <= endpoint::MAX_TARGETS),
        Err(error) => assert_explained(&error),
    }
}

/// Records of the state and lines of the journal: what is printed is read again, the same.
pub fn records(bytes: &[u8]) {
    macro_rules! read_again {
        ($($record:ty),+) => {$(
            if let Ok(record) = serde_json::from_slice::<$record>(bytes) {
                // Times are cut to milliseconds as they are printed, so that the law holds from then on.
                let printed = serde_json::to_string(&record).expect("a record is JSON");
                let again: $record = serde_json::from_str(&printed).expect("our own JSON");
                assert_eq!(serde_json::to_string(&again).expect("a record is JSON"), printed);
                assert!(!printed.contains('\n'), "a line stays one");
            }
        )+};
    }
    read_again!(
        JournalEntry,
        RequestRecord,
        GenerationRecord,
        AssignmentRecord,
        IntentRecord
    );
}

/// What a terminal sends: nothing that could steer one comes out, and pieces make no difference.
pub fn keys(bytes: &[u8]) {
    let mut decoder = keyboard::Decoder::new();
    let mut whole = decoder.feed(bytes);
    whole.extend(decoder.idle());
    assert_eq!(decoder.waiting(), keyboard::Waiting::Nothing);
    let mut text = 0;
    for key in &whole {
        if let Some(typed) = key.text() {
            text += typed.len();
            assert!(!typed.is_empty() && typed.len() <= keyboard::MAX_PASTE);
            assert_harmless(&typed);
        }
    }
    assert!(text <= bytes.len(), "no text that was not typed");
    let mut decoder = keyboard::Decoder::new();
    let seed = bytes.first().copied().unwrap_or_default();
    let mut again: Vec<keyboard::Key> = cut(bytes, seed)
        .into_iter()
        .flat_map(|piece| decoder.feed(piece))
        .collect();
    again.extend(decoder.idle());
    assert_eq!(again, whole);
}

/// An answers file of the wizard: what is taken from it is written, and then read and written the same.
pub fn answers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match rewrite_answers(&text) {
        Ok(written) => {
            assert!(!written.chars().any(|c| c.is_control() && c != '\n'));
            assert_eq!(rewrite_answers(&written).as_ref(), Ok(&written));
        }
        Err(told) => assert_explanation(&told),
    }
}

/// A deployment file that is edited: what comes out is sound, says what was set, and is the same when it is set again.
pub fn edit(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let path = Path::new("/etc/edgecert/edgecert.toml");
    let domain = |text| Domain::parse(text).expect("a domain");
    let change = |draft: &mut Draft, pick: u8| {
        let all = [domain("first.example"), domain("second.example")];
        let name = Slug::parse("added").expect("a name");
        if pick & 1 != 0 {
            draft.set_fqdn(&domain("edge.example"));
        }
        if pick & 2 != 0 {
            draft.set_sip_domains(&all);
        }
        if pick & 4 != 0 {
            draft.set_xmpp_domains(&all[..1]);
        }
        if pick & 8 != 0 {
            draft.set_components(&all[1..]);
        }
        if pick & 16 != 0 {
            draft.set_certificate(&name, &CertificateChange::default());
        }
        if pick & 32 != 0 {
            draft.remove_certificate(&name);
        }
    };
    let pick = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    match Draft::open(&text, path) {
        Ok(draft) => {
            assert_eq!(draft.clone().finish().as_deref(), Ok(&*text));
            let mut draft = draft;
            change(&mut draft, pick);
            match draft.finish() {
                Ok(edited) => {
                    let deployment = Deployment::parse(&edited, path).expect("sound");
                    if pick & 1 != 0 {
                        assert_eq!(deployment.edge.fqdn.as_str(), "edge.example");
                    }
                    let mut again = Draft::open(&edited, path).expect("what was finished opens");
                    change(&mut again, pick);
                    assert_eq!(again.finish().as_ref(), Ok(&edited));
                }
                Err(error) => assert_explained(&error),
            }
        }
        Err(error) => assert_explained(&error),
    }
}

/// The answer of a server that is asked for an intermediate: bounded, and once whole, whole whatever follows.
pub fn http_answer(bytes: &[u8]) {
    let seed = bytes.first().copied().unwrap_or_default();
    let mut heard = Vec::new();
    for piece in cut(bytes, seed) {
        heard.extend_from_slice(piece);
        match fetch::http::read_answer(&heard, false) {
            Ok(None) => assert!(heard.len() <= fetch::MAX_ANSWER),
            Ok(Some(head)) => {
                assert!(head.body.len() <= heard.len());
                assert!(head.status == 200 || head.body.is_empty());
                return;
            }
            Err(reason) => {
                assert_harmless(&reason);
                assert!(fetch::http::read_answer(&heard, true).is_err());
                return;
            }
        }
    }
    if let Ok(answer) = fetch::http::read_answer(&heard, true) {
        assert!(answer.is_some(), "at the end there is an answer or none");
    }
}

/// Two files of a server: what stands before a line `%%`, and what stands after it.
struct Pair {
    main: (PathBuf, String),
    other: (PathBuf, String),
}

impl Pair {
    fn new(bytes: &[u8], main: &str, other: &str) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (first, second) = text.split_once("%%").unwrap_or((&text, ""));
        let second = second.strip_prefix('\r').unwrap_or(second);
        let second = second.strip_prefix('\n').unwrap_or(second);
        Self {
            main: (main.into(), first.to_owned()),
            other: (other.into(), second.to_owned()),
        }
    }

    /// The files with a change made, which is of what was read.
    fn changed(&self, change: &Change) -> Self {
        let mut files = [self.main.clone(), self.other.clone()];
        let file = files
            .iter_mut()
            .find(|(path, _)| *path == change.file)
            .expect("a change is of a file that was read");
        assert_eq!(file.1, change.before);
        file.1.clone_from(&change.after);
        assert_ne!(change.before, change.after);
        let [main, other] = files;
        Self { main, other }
    }
}

impl Source for Pair {
    fn read(&self, path: &Path) -> Result<String, ConfigError> {
        [&self.main, &self.other]
            .into_iter()
            .find(|(own, _)| own == path)
            .map(|(_, text)| text.clone())
            .ok_or_else(|| ConfigError::Unreadable {
                path: path.to_path_buf(),
                why: "it is not there".to_owned(),
            })
    }

    fn look(&self, path: &Path) -> Option<PathKind> {
        self.read(path).ok().map(|_| PathKind::File)
    }

    fn expand(&self, _: &Path) -> Vec<PathBuf> {
        vec![self.other.0.clone()]
    }
}

/// What was read says where every part of it stands, in files that were read.
fn assert_placed(common: &Configured) {
    let places = common
        .listeners
        .iter()
        .filter_map(|listener| listener.place.as_ref())
        .chain(common.certificates.iter().map(|used| &used.place))
        .chain(common.remarks.iter().map(|remark| &remark.place));
    for place in places {
        assert!(common.files.contains(&place.file) && place.line > 0);
    }
}

/// Reads two files and makes a change: what comes of it is read, and wants no other.
fn assert_changes<T>(
    files: &Pair,
    read: fn(&Path, &dyn Source) -> Result<T, ConfigError>,
    common: fn(&T) -> &Configured,
    change: impl Fn(&T, &Pair) -> Result<Option<Change>, ConfigError>,
) {
    match read(&files.main.0, files) {
        Ok(config) => {
            assert_placed(common(&config));
            match change(&config, files) {
                Ok(Some(wanted)) => {
                    let files = files.changed(&wanted);
                    let config = read(&files.main.0, &files).expect("what is changed is read");
                    assert_eq!(change(&config, &files), Ok(None));
                }
                Ok(None) => {}
                Err(error) => assert_explained(&error),
            }
        }
        Err(error) => assert_explained(&error),
    }
}

fn wanted_names() -> [Domain; 2] {
    ["sip.fabrikam.test", "contoso.test"].map(|name| Domain::parse(name).expect("a domain"))
}

/// Kamailio's two files, from either side.
pub fn kamailio_config(bytes: &[u8]) {
    let (script, profiles) = ("/etc/kamailio/kamailio.cfg", "/etc/kamailio/tls.cfg");
    let mut files = Pair::new(bytes, script, profiles);
    let (certificate, key) = (Path::new("/c \\\"#.pem"), Path::new("/k.pem"));
    for _ in 0..2 {
        assert_changes(
            &files,
            kamailio::read,
            |config| &config.common,
            |config, files| {
                kamailio::with_profiles(config, files, certificate, key, &wanted_names())
            },
        );
        std::mem::swap(&mut files.main, &mut files.other);
    }
}

/// HAProxy's configuration with a `crt-list`.
pub fn haproxy_config(bytes: &[u8]) {
    let files = Pair::new(bytes, "/etc/haproxy/haproxy.cfg", "/etc/haproxy/list");
    for file in ["/n.pem", "/it's # \\ \".pem"] {
        assert_changes(
            &files,
            haproxy::read,
            |config| &config.common,
            |config, files| haproxy::with_file(config, files, Path::new(file), &wanted_names()),
        );
    }
}

/// nginx's configuration with a file that it includes.
pub fn nginx_config(bytes: &[u8]) {
    let files = Pair::new(bytes, "/etc/nginx/nginx.conf", "/etc/nginx/sites/x");
    let own = [
        ("/c \\\"#.pem", "/k.pem"),
        ("/etc/nginx/edge.pem", "/etc/nginx/edge.key"),
    ];
    for (certificate, key) in own.map(|(certificate, key)| (Path::new(certificate), Path::new(key)))
    {
        assert_changes(
            &files,
            nginx::read,
            |config| &config.common,
            |config, files| nginx::with_pair(config, files, certificate, key, &wanted_names()),
        );
    }
}

/// Cuts bytes into pieces of 1 to 64, by a small generator.
fn cut(mut bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut state = u32::from(seed);
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        // One seed in four cuts finely, the others leave larger pieces.
        let most = if seed & 3 == 0 { 4 } else { 64 };
        let length = ((state >> 16) as usize % most + 1).min(bytes.len());
        let (piece, rest) = bytes.split_at(length);
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// The server's machine as the gateway drives it.
fn serve(kind: xmpp::StreamKind, offer: xmpp::TlsOffer, pieces: &[&[u8]]) {
    let mut stream = xmpp::ServerStream::new(kind);
    let mut heard = Vec::new();
    let mut answered = false;
    for piece in pieces {
        heard.extend_from_slice(piece);
        let mut step = stream.feed(piece);
        if let Ok(xmpp::ServerStep::Header(header)) = &step {
            assert!(!answered, "the header is told once");
            answered = true;
            let answer = stream.answer("id'&<", offer);
            assert_our_header(&answer, header);
            step = stream.feed(&[]);
        }
        match step {
            Ok(xmpp::ServerStep::Read) => {}
            Ok(xmpp::ServerStep::Header(_)) => panic!("the header was told already"),
            Ok(xmpp::ServerStep::StartTls(_)) => {
                assert!(answered && offer != xmpp::TlsOffer::None);
                assert_eq!(stream.feed(b"x"), Err(xmpp::XmppError::Injection));
                return;
            }
            Ok(xmpp::ServerStep::Failure(bytes)) => {
                assert!(answered && offer == xmpp::TlsOffer::None);
                assert!(bytes.ends_with(xmpp::CLOSE));
                return;
            }
            Ok(xmpp::ServerStep::Clear { replay }) => {
                assert!(answered && heard.ends_with(&replay));
                let (_, end) = xmpp::read_header(&heard)
                    .expect("it was read")
                    .expect("and whole");
                assert_eq!(
                    heard.len() - end,
                    replay.len(),
                    "nothing is lost or doubled"
                );
                return;
            }
            Err(error) => {
                assert_explained(&error);
                assert_eq!(stream.feed(b"<x/>"), Err(error));
                let refusal = stream.refuse("id", "not-well-formed", "it's <bad> & \u{0}");
                assert!(refusal.ends_with(xmpp::CLOSE));
                return;
            }
        }
        assert!(heard.len() <= xmpp::MAX_BYTES, "the limit holds");
    }
}

/// The client's machine as the prober drives it; header and features when it came to a good end.
fn talk(
    kind: xmpp::StreamKind,
    starttls: bool,
    pieces: &[&[u8]],
) -> Option<(xmpp::StreamHeader, Option<xmpp::Features>)> {
    let mut stream = match starttls {
        true => xmpp::ClientStream::starttls(kind, "probe.example", "a.example"),
        false => xmpp::ClientStream::inside_tls(kind, "probe.example", "a.example"),
    };
    assert!(matches!(stream.feed(&[]), Ok(xmpp::ClientStep::Send(_))));
    let mut heard = 0;
    for piece in pieces {
        heard += piece.len();
        match stream.feed(piece) {
            Ok(xmpp::ClientStep::Read | xmpp::ClientStep::Send(_)) => {}
            Ok(xmpp::ClientStep::StartTls) => {
                assert!(starttls && stream.rest().is_empty());
                assert_eq!(stream.feed(b"x"), Err(xmpp::XmppError::Injection));
                return None;
            }
            Ok(xmpp::ClientStep::Done) => {
                assert!(!starttls);
                let header = stream.header().expect("there is no end without a header");
                return Some((header.clone(), stream.features().cloned()));
            }
            Err(error) => {
                assert_explained(&error);
                assert_eq!(stream.feed(b"<x/>"), Err(error));
                return None;
            }
        }
        assert!(heard <= xmpp::MAX_BYTES, "the limit holds");
    }
    None
}

/// Dialback inside TLS: what is said of the key is fit to be shown, and an end is an end.
fn ask(pieces: &[&[u8]]) {
    let mut stream = xmpp::DialbackStream::inside_tls("prove.example", "a.example", "key");
    assert!(matches!(stream.feed(&[]), Ok(xmpp::DialbackStep::Send(_))));
    let mut heard = 0;
    for piece in pieces {
        heard += piece.len();
        match stream.feed(piece) {
            Ok(
                xmpp::DialbackStep::Read
                | xmpp::DialbackStep::Ask(_)
                | xmpp::DialbackStep::NotOffered,
            ) => {}
            Ok(xmpp::DialbackStep::Send(_)) => panic!("the header is sent once"),
            Ok(xmpp::DialbackStep::Answered(answer)) => {
                for text in [answer.condition, answer.text].into_iter().flatten() {
                    assert_harmless(&text);
                }
            }
            Err(error) => {
                assert_explained(&error);
                assert_eq!(stream.feed(b"<x/>"), Err(error));
                return;
            }
        }
        assert!(heard <= xmpp::MAX_BYTES, "the limit holds");
    }
}

/// Our header is sound XML whatever the peer's held, and turns its addresses round.
fn assert_our_header(answer: &[u8], peer: &xmpp::StreamHeader) {
    let (ours, _) = xmpp::read_header(answer)
        .expect("our own header can be read")
        .expect("and is whole");
    assert_eq!(ours.id.as_deref(), Some("id'&<"));
    for (ours, theirs) in [(&ours.from, &peer.to), (&ours.to, &peer.from)] {
        if let Some(ours) = ours {
            let theirs = theirs.as_deref().unwrap_or_default();
            // A character that XML cannot hold was replaced, one by one.
            assert_eq!(ours.chars().count(), theirs.chars().count());
        }
    }
}

/// A control peer that says what it was given in small pieces and counts what it hears.
struct Peer<'a> {
    says: &'a [u8],
    heard: usize,
}

impl std::io::Read for Peer<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = into.len().min(97);
        self.says.read(into.get_mut(..length).unwrap_or_default())
    }
}

impl std::io::Write for Peer<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.heard += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn is_plain(label: &str) -> bool {
    !label.is_empty()
        && label
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b' ')
}

fn assert_encodes(label: &str, content: &[u8]) {
    let text = armour::encode(label, content);
    let again = armour::scan(text.as_bytes());
    match again.as_slice() {
        [block] => {
            assert_eq!(block.label, label);
            assert_eq!(
                block.content.as_ref().map(|bytes| bytes.as_slice()),
                Ok(content)
            );
        }
        blocks => panic!("{} blocks of one", blocks.len()),
    }
}

fn assert_certificate(certificate: &Certificate, der: &[u8]) {
    assert!(der.len() <= Certificate::MAX_BYTES);
    assert_eq!(certificate.der(), der);
    assert_eq!(certificate.facts().sha256, Fingerprint::of(der));
    let spki = certificate.spki_der();
    if !spki.is_empty() {
        assert_eq!(Fingerprint::of(spki), certificate.facts().spki_sha256);
    }
    assert_encodes("CERTIFICATE", der);
    assert_harmless(&certificate.display_name());
    assert_harmless(&certificate.serial_hex());
    for problem in &certificate.facts().problems {
        assert_harmless(problem);
    }
    for presented in certificate.facts().names.iter().flatten() {
        assert_harmless(&presented.to_typed());
        if let Some(name) = Identifier::from_presented(presented) {
            assert_eq!(Identifier::parse_typed(&name.to_typed()), Ok(name));
        }
    }
    let now = datetime!(2026-11-21 0:00 UTC);
    assert!(certificate.days_left(now).is_finite());
    assert!(!certificate.life_left(now).is_nan());
    let _ = (certificate.is_self_signed(), certificate.is_ca());
    let judgement = judge(
        std::slice::from_ref(certificate),
        None,
        &Expectation::new(now),
    );
    for finding in judgement.report.findings() {
        for text in [&finding.place, &finding.what, &finding.why, &finding.mend] {
            assert_harmless(text);
        }
    }
    for step in &judgement.path {
        assert_harmless(step);
    }
}

fn assert_csr(csr: &Csr) {
    assert!(csr.der.len() <= Csr::MAX_BYTES);
    assert_eq!(Csr::from_der(&csr.der).as_ref(), Ok(csr));
    let pem = csr.to_pem();
    if pem.len() <= Csr::MAX_BYTES {
        assert_eq!(Csr::read(pem.as_bytes()).as_ref(), Ok(csr));
    }
    let spki = csr.spki_der();
    if !spki.is_empty() {
        assert_eq!(Fingerprint::of(spki), csr.spki_sha256);
    }
    for presented in &csr.names {
        assert_harmless(&presented.to_typed());
    }
}

fn assert_mistakes(text: &str, mistakes: &[edgecert::deployment::Mistake]) {
    assert!(!mistakes.is_empty(), "what is refused has a reason");
    let lines = text.matches('\n').count() + 1;
    for mistake in mistakes {
        assert!((1..=lines).contains(&mistake.line));
        assert!((1..=text.chars().count() + 1).contains(&mistake.column));
        assert!(!mistake.what.is_empty());
        for told in [&mistake.key, &mistake.what, &mistake.why, &mistake.mend] {
            assert_harmless(told);
        }
    }
}

fn assert_explained(error: &impl Explain) {
    assert_explanation(&error.explain());
}

fn assert_explanation(told: &Explanation) {
    assert!(told.code.contains('.') && !told.what.is_empty());
    for text in [&told.what, &told.place, &told.why, &told.mend] {
        assert_harmless(text);
    }
}

/// Nothing in it steers a terminal; lines may end.
fn assert_harmless(text: &str) {
    let harmful = |c: char| is_harmful(c) && c != '\n';
    assert!(!text.chars().any(harmful), "{text:?}");
}

/// One file, whatever it is asked for under: an include leads back to it.
struct OneFile(String);

impl Source for OneFile {
    fn read(&self, _: &Path) -> Result<String, ConfigError> {
        Ok(self.0.clone())
    }

    fn look(&self, _: &Path) -> Option<PathKind> {
        Some(PathKind::File)
    }

    fn expand(&self, pattern: &Path) -> Vec<PathBuf> {
        vec![pattern.to_path_buf()]
    }
}

/// Prosody's configuration: places lie in the text, remarks steer no terminal.
pub fn prosody_config(bytes: &[u8]) {
    prosody::first_line_fits(bytes);
    let text = String::from_utf8_lossy(bytes).into_owned();
    let main = Path::new("/etc/prosody/prosody.cfg.lua");
    match prosody::read(main, &OneFile(text.clone())) {
        Ok(config) => assert_configured(&config.common, &text),
        Err(error) => assert_explained(&error),
    }
}

/// ejabberd's configuration: as Prosody's; and what is added to `certfiles` is read again, the rest as it was.
pub fn ejabberd_config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let main = Path::new("/etc/ejabberd/ejabberd.yml");
    let file = Path::new("/etc/ejabberd/certs/new.pem");
    let source = OneFile(text.clone());
    let config = match ejabberd::read(main, &source) {
        Ok(config) => config,
        Err(error) => return assert_explained(&error),
    };
    assert_configured(&config.common, &text);
    match ejabberd::with_certfile(&config, &source, file) {
        Ok(Some(change)) => {
            let again =
                ejabberd::read(main, &OneFile(change.after)).expect("our own change is read");
            assert_eq!(again.certfiles.len(), config.certfiles.len() + 1);
            assert_eq!(again.common.hosts.len(), config.common.hosts.len());
        }
        Ok(None) => assert!(
            config
                .certfiles
                .iter()
                .any(|certfile| ejabberd::covers(&certfile.pattern, file))
        ),
        Err(error) => assert_explained(&error),
    }
}

fn assert_configured(common: &Configured, text: &str) {
    let lines = 1 + text
        .bytes()
        .filter(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    for remark in &common.remarks {
        assert!((1..=lines).contains(&remark.place.line), "{remark:?}");
        assert_harmless(&remark.what);
    }
    for host in &common.hosts {
        assert!((1..=lines).contains(&host.place.line), "{host:?}");
    }
    assert!(
        common
            .listeners
            .iter()
            .all(|listening| listening.address.port() != 0)
    );
}

/// The head of an HTTP request: what is read has a harmless path, and nothing after it changes what was read.
pub fn http_head(bytes: &[u8]) {
    let read = http::read_head(bytes);
    match &read {
        Ok(Some(request)) => {
            assert!(request.path.starts_with('/') && request.path.len() < http::MAX_HEAD);
            assert!(request.path.bytes().all(|byte| byte.is_ascii_graphic()));
            let longer = [bytes, b"GET / HTTP/1.1\r\n\r\n"].concat();
            assert_eq!(http::read_head(&longer), read);
        }
        Ok(None) => assert!(bytes.len() < http::MAX_HEAD),
        Err(refusal) => assert!(
            refusal
                .status()
                .as_bytes()
                .first()
                .is_some_and(u8::is_ascii_digit)
        ),
    }
}
