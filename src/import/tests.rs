use super::*;
use crate::explain::{Explain, Explanation};
use crate::findings::{Code, Severity, Verdict};
use crate::names::{Domain, Identifier};
use crate::x509::issue::{IssueSpec, Issuer, issue};
use crate::x509::{Csr, CsrSpec, KeyType, KeyUsage, Subject};
use proptest::prelude::*;
use time::OffsetDateTime;
use time::macros::datetime;

const FROM: OffsetDateTime = datetime!(2026-11-20 00:00 UTC);
const UNTIL: OffsetDateTime = datetime!(2027-02-18 00:00 UTC);

fn key() -> PrivateKey {
    PrivateKey::generate(KeyType::Ec256).unwrap()
}

struct Signer {
    certificate: Certificate,
    key: PrivateKey,
}

fn authority(name: &str, above: Option<&Signer>, key: PrivateKey, until: OffsetDateTime) -> Signer {
    let spec = IssueSpec {
        serial: vec![1 + name.len() as u8],
        ca: Some(None),
        ca_issuers: above.map(|_| "http://ca.example.net/root.cer".into()),
        ..IssueSpec::of(Subject::named(name), FROM, until)
    };
    let issuer = Issuer {
        certificate: above.map(|signer| &signer.certificate),
        key: above.map_or(&key, |signer| &signer.key),
    };
    let certificate = issue(&spec, key.spki_der(), &issuer).unwrap();
    Signer { certificate, key }
}

fn leaf(names: &[&str], purposes: &[KeyPurpose], key: &PrivateKey, above: &Signer) -> Certificate {
    issue_leaf(FROM, names, purposes, key, above)
}

fn leaf_from(
    from: OffsetDateTime,
    names: &[&str],
    key: &PrivateKey,
    above: &Signer,
) -> Certificate {
    issue_leaf(from, names, &[], key, above)
}

fn issue_leaf(
    not_before: OffsetDateTime,
    names: &[&str],
    purposes: &[KeyPurpose],
    key: &PrivateKey,
    above: &Signer,
) -> Certificate {
    let names: Vec<Identifier> = names
        .iter()
        .map(|name| Identifier::parse_typed(name).unwrap())
        .collect();
    let subject = Subject {
        common_name: names.first().map(ToString::to_string),
        ..Subject::default()
    };
    let spec = IssueSpec {
        serial: vec![77],
        names,
        key_purposes: purposes.to_vec(),
        ca_issuers: Some("http://ca.example.net/e5.cer".into()),
        ..IssueSpec::of(subject, not_before, UNTIL)
    };
    let issuer = Issuer {
        certificate: Some(&above.certificate),
        key: &above.key,
    };
    issue(&spec, key.spki_der(), &issuer).unwrap()
}

/// A root, two intermediates, a leaf and its key.
struct World {
    root: Signer,
    upper: Signer,
    lower: Signer,
    leaf: Certificate,
    key: PrivateKey,
}

fn world() -> World {
    let root = authority("Root X1", None, key(), datetime!(2036-01-01 00:00 UTC));
    let upper = authority("Upper", Some(&root), key(), datetime!(2031-01-01 00:00 UTC));
    let lower = authority(
        "Lower E5",
        Some(&upper),
        key(),
        datetime!(2030-01-01 00:00 UTC),
    );
    let own = key();
    World {
        leaf: leaf(
            &["dns:edge.contoso.com", "dns:contoso.com"],
            &[KeyPurpose::ServerAuth],
            &own,
            &lower,
        ),
        root,
        upper,
        lower,
        key: own,
    }
}

fn file(name: &str, content: impl AsRef<[u8]>) -> ReplyFile {
    ReplyFile {
        name: name.into(),
        bytes: content.as_ref().to_vec(),
    }
}

fn pem(certificates: &[&Certificate]) -> String {
    certificates.iter().map(|one| one.to_pem()).collect()
}

fn asked(id: &str, key: &PrivateKey, state: AskedState) -> Asked {
    Asked {
        csr: None,
        certificate: Slug::parse("external-edge").unwrap(),
        request: id.into(),
        state,
        spki_sha256: key.spki_sha256(),
        names: vec!["dns:edge.contoso.com".into(), "dns:contoso.com".into()],
        key_purposes: vec![KeyPurpose::ServerAuth],
        forms_granted: BTreeSet::from([NameForm::Dns]),
    }
}

fn again(key: &PrivateKey) -> PrivateKey {
    PrivateKey::read(key.to_pem(None).unwrap().as_bytes(), None).unwrap()
}

fn import(
    files: &[ReplyFile],
    asked: &[Asked],
    source: KeySource<'_>,
) -> Result<Imported, ImportError> {
    let passage = Passage {
        files,
        asked,
        roots: &[],
        passphrase: None,
    };
    import_reply(&passage, source)
}

fn refused(files: &[ReplyFile], asked: &[Asked]) -> Explanation {
    let mut never = |_: &Asked| -> Result<PrivateKey, KeyTrouble> { panic!("asked for a key") };
    import(files, asked, KeySource::Ledger(&mut never))
        .map(|imported| imported.key_from)
        .unwrap_err()
        .explain()
}

#[test]
fn a_reply_in_any_order_answers_its_request_and_sheds_the_root() {
    let w = world();
    let other = world();
    let files = [
        file(
            "chain.pem",
            pem(&[
                &w.root.certificate,
                &other.upper.certificate,
                &w.upper.certificate,
            ]),
        ),
        file("leaf.cer", w.leaf.der()),
        file("more.pem", pem(&[&w.lower.certificate, &w.leaf])),
    ];
    let requests = [
        asked("1", &other.key, AskedState::Pending),
        asked("2", &w.key, AskedState::Pending),
    ];
    let mut load = |asked: &Asked| {
        assert_eq!(asked.request, "2");
        Ok(again(&w.key))
    };
    let imported = import(&files, &requests, KeySource::Ledger(&mut load)).unwrap();
    let chain = imported.bundle.chain();
    assert_eq!(chain.leaf, w.leaf);
    assert_eq!(
        chain.intermediates,
        [w.lower.certificate.clone(), w.upper.certificate.clone()]
    );
    assert_eq!(imported.roots, [w.root.certificate]);
    assert_eq!(imported.strangers, [other.upper.certificate]);
    assert_eq!(imported.missing_issuer, None);
    assert_eq!(imported.key_from, "request 2");
    assert_eq!(imported.report, Report::default());
    assert_eq!(
        imported.inventory[0],
        ("chain.pem".to_owned(), "PEM, 3 certificates".to_owned())
    );
    assert_eq!(imported.inventory[1].1, "DER, 1 certificate");
}

#[test]
fn a_strangers_certificate_is_refused_with_both_keys_and_a_mend() {
    let w = world();
    let mine = key();
    let files = [file("reply.pem", pem(&[&w.lower.certificate, &w.leaf]))];
    let told = refused(&files, &[asked("2026-11-20-1", &mine, AskedState::Pending)]);
    let (leaf_key, own) = (w.key.spki_sha256().short(), mine.spki_sha256().short());
    assert_eq!(
        told,
        Explanation {
            code: "import.stranger",
            what: "this certificate does not answer the request 2026-11-20-1 of external-edge".into(),
            place: "reply.pem, block 2, leaf for edge.contoso.com".into(),
            why: format!("its public key is {leaf_key}, the request holds {own}"),
            mend: "import it under the request it answers (`edgecert request list`), or ask the CA to issue again from the CSR of `edgecert request show 2026-11-20-1`".into(),
        }
    );
    let told = refused(&files, &[]);
    assert_eq!(
        told.what,
        "this certificate answers no request: none is waiting"
    );
    assert_eq!(
        told.mend,
        "bring its key along (`edgecert import FILE --key KEYFILE`), or make a request first (`edgecert request`)"
    );
    let both = [
        asked("1", &mine, AskedState::Pending),
        asked("2", &key(), AskedState::Pending),
    ];
    let told = refused(&files, &both);
    assert_eq!(
        told.what,
        "this certificate answers none of the 2 requests that wait"
    );
    assert!(
        told.why.contains(&format!("{own} (external-edge, 1)")),
        "{}",
        told.why
    );
    let with_key = [
        files[0].clone(),
        file("key.pem", w.key.to_pem(None).unwrap().as_bytes()),
    ];
    assert!(
        refused(&with_key, &both)
            .mend
            .starts_with("its key stands in key.pem, block 1: take the pair as it is with --adopt")
    );
}

#[test]
fn a_pending_request_comes_before_an_answered_one_of_the_same_key() {
    let w = world();
    let files = [file("reply.pem", pem(&[&w.leaf]))];
    let reply = sort_reply(&files, None, &[], &[]).unwrap();
    let (pending, answered) = (
        asked("1", &w.key, AskedState::Pending),
        asked("2", &w.key, AskedState::Answered),
    );
    let both = [pending, answered.clone()];
    assert_eq!(find_request(&reply, &both).unwrap().request, "1");
    assert_eq!(find_request(&reply, &[answered]).unwrap().request, "2");
}

#[test]
fn an_existing_pair_is_adopted_and_a_wrong_key_is_not() {
    let w = world();
    let certificates = file("pair.pem", pem(&[&w.leaf, &w.lower.certificate]));
    let own = file("key.pem", w.key.to_pem(None).unwrap().as_bytes());
    let other = file("other.pem", key().to_pem(None).unwrap().as_bytes());
    let imported = import(
        &[certificates.clone(), other.clone(), own],
        &[],
        KeySource::Files,
    )
    .unwrap();
    assert_eq!(imported.key_from, "key.pem, block 1");
    assert!(imported.answers.is_none());
    let told = import(&[certificates.clone(), other], &[], KeySource::Files)
        .unwrap_err()
        .explain();
    assert_eq!(told.code, "import.key-mismatch");
    assert_eq!(told.place, "pair.pem, block 1 and other.pem, block 1");
    let told = import(std::slice::from_ref(&certificates), &[], KeySource::Files)
        .unwrap_err()
        .explain();
    assert_eq!(told.code, "import.no-key");
    assert_eq!(
        told.mend,
        "name the key's file as well: `edgecert import FILE KEYFILE --adopt`"
    );
    let brought = KeySource::Brought("out/privkey.pem".into(), key());
    let told = import(&[certificates], &[], brought).unwrap_err().explain();
    assert_eq!(
        told.what,
        "the key is not that of the certificate edge.contoso.com"
    );
}

#[test]
fn a_self_signed_pair_that_calls_itself_a_ca_is_adopted() {
    let own = authority("edge.contoso.com", None, key(), UNTIL);
    let files = [
        file("cert.pem", own.certificate.to_pem()),
        file("key.pem", own.key.to_pem(None).unwrap().as_bytes()),
    ];
    let imported = import(&files, &[], KeySource::Files).unwrap();
    assert_eq!(imported.missing_issuer, None);
}

#[test]
fn of_several_leaves_the_one_waited_for_is_taken_and_else_all_are_named() {
    let w = world();
    let other_key = key();
    let other = leaf(&["dns:other.net"], &[], &other_key, &w.lower);
    let files = [file("both.pem", pem(&[&other, &w.leaf]))];
    let reply = sort_reply(&files, None, &[w.key.spki_sha256()], &[]).unwrap();
    assert_eq!(reply.chain.leaf, w.leaf);
    assert_eq!(reply.leaf_place, "both.pem, block 2");
    let told = sort_reply(&files, None, &[], &[]).unwrap_err().explain();
    assert_eq!(told.code, "import.several-leaves");
    assert!(
        told.why.contains("other.net with key sha256:"),
        "{}",
        told.why
    );
}

#[test]
fn a_key_that_the_ledger_cannot_give_is_told_in_the_ledgers_words() {
    let w = world();
    let files = [file("reply.pem", w.leaf.to_pem())];
    let mut load = |_: &Asked| -> Result<PrivateKey, KeyTrouble> {
        Err(KeyTrouble::new(X509Error::WrongPassphrase))
    };
    let requests = [asked("7", &w.key, AskedState::Pending)];
    let error = import(&files, &requests, KeySource::Ledger(&mut load)).unwrap_err();
    let (told, said) = (error.explain(), X509Error::WrongPassphrase.explain());
    assert_eq!(
        told.what,
        format!("the key of request 7 cannot be read: {}", said.what)
    );
    assert_eq!((told.code, told.mend), ("import.key-not-loaded", said.mend));
}

#[test]
fn a_newer_certificate_for_the_same_key_comes_before_an_older_one() {
    let w = world();
    let newer = leaf_from(FROM + time::Duration::DAY, &["dns:a.net"], &w.key, &w.lower);
    for order in [[&newer, &w.leaf], [&w.leaf, &newer]] {
        let files = [file("all.pem", pem(&order))];
        let reply = sort_reply(&files, None, &[w.key.spki_sha256()], &[]).unwrap();
        assert_eq!(reply.chain.leaf, newer);
        assert_eq!(reply.spare, std::slice::from_ref(&w.leaf));
    }
}

#[test]
fn a_missing_intermediate_is_named_with_its_address() {
    let w = world();
    let files = [file("leaf.pem", w.leaf.to_pem())];
    let reply = sort_reply(&files, None, &[], &[]).unwrap();
    assert_eq!(reply.missing_issuer.as_deref(), Some("CN=Lower E5"));
    assert_eq!(reply.missing_issuer_urls, ["http://ca.example.net/e5.cer"]);
    let full = [file(
        "full.pem",
        pem(&[&w.leaf, &w.lower.certificate, &w.upper.certificate]),
    )];
    let reply = sort_reply(&full, None, &[], &[w.root.certificate]).unwrap();
    assert_eq!(reply.missing_issuer, None);
}

#[test]
fn what_cannot_be_a_certificate_stands_in_for_none_that_is_missing() {
    let w = world();
    let block = |label: &str, content: &str| {
        format!("-----BEGIN {label}-----\n{content}\n-----END {label}-----\n")
    };
    let passphrase = Passphrase::new("a long passphrase".into());
    let closed = w.key.to_pem(Some(&passphrase)).unwrap().to_string();
    for (unread, may_be) in [
        (block("PRIVATE KEY", "!!!!"), false),
        (block("PRIVATE KEY", "MAMCAQE="), false),
        (block("CERTIFICATE REQUEST", "!!!!"), false),
        (block("CERTIFICATE REQUEST", "MAMCAQE="), false),
        (closed.clone(), false),
        (block("CERTIFICATE", "!!!!"), true),
        (block("CERTIFICATE", "MAMCAQE="), true),
        (block("PKCS7", "MAMCAQE="), true),
        (block("SOMETHING", "MAMCAQE="), true),
    ] {
        // a leaf without its intermediate is taken, with what is missing told
        let files = [file("reply.pem", w.leaf.to_pem() + &unread)];
        let sorted = sort_reply(&files, None, &[], &[]);
        assert_eq!(sorted.is_err(), may_be, "{unread}: {sorted:?}");
        // and of CA certificates alone only that is said
        let files = [file("ca.pem", w.lower.certificate.to_pem() + &unread)];
        let told = sort_reply(&files, None, &[], &[]).unwrap_err().explain();
        let code = match may_be {
            true => "import.unreadable-block",
            false => "import.no-leaf",
        };
        assert_eq!(told.code, code, "{unread}: {told:?}");
    }
    // A damaged key is passed over for the certificate behind it.
    let files = [file(
        "two.pem",
        block("PRIVATE KEY", "!!!!") + &block("CERTIFICATE", "!!!!"),
    )];
    let told = sort_reply(&files, None, &[], &[]).unwrap_err().explain();
    assert!(told.what.starts_with("block 2 of two.pem"), "{told:?}");
    // One that issued itself may be the leaf of the key that is closed.
    let files = [file("pair.pem", w.root.certificate.to_pem() + &closed)];
    let told = sort_reply(&files, None, &[], &[]).unwrap_err().explain();
    assert!(told.why.contains("passphrase"), "{told:?}");
}

#[test]
fn an_expired_cross_sign_is_dropped_and_listed() {
    let root = authority("Root X1", None, key(), datetime!(2036-01-01 00:00 UTC));
    let old = authority("Old Root X3", None, key(), datetime!(2036-01-01 00:00 UTC));
    let crossed = authority(
        "Root X1",
        Some(&old),
        again(&root.key),
        datetime!(2026-12-01 00:00 UTC),
    );
    let lower = authority("R3", Some(&root), key(), datetime!(2030-01-01 00:00 UTC));
    let own = key();
    let end = leaf(&["dns:a.net"], &[], &own, &lower);
    let files = [file(
        "reply.pem",
        pem(&[
            &end,
            &lower.certificate,
            &crossed.certificate,
            &root.certificate,
        ]),
    )];
    let reply = sort_reply(&files, None, &[], &[]).unwrap();
    assert_eq!(reply.chain.intermediates, [lower.certificate]);
    assert_eq!(reply.spare, [crossed.certificate]);
    assert_eq!(reply.roots, [root.certificate]);
}

#[test]
fn what_is_no_certificate_is_called_by_its_name() {
    let w = world();
    let own = key();
    let csr = Csr::build(
        &CsrSpec {
            subject: Subject::default(),
            names: vec![Identifier::parse_typed("dns:a.net").unwrap()],
            key_usage: KeyUsage {
                digital_signature: true,
                ..KeyUsage::default()
            },
            key_purposes: Vec::new(),
            template: None,
        },
        &own,
    )
    .unwrap();
    let whole = pem(&[&w.leaf, &w.lower.certificate]);
    let cut = &whole[..whole.len() - 200];
    let pkcs7 = [
        0x30, 0x0b, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2,
    ];
    let cases: [(&str, Vec<u8>, &str, &str); 7] = [
        (
            "note.txt",
            b"Dear customer,".to_vec(),
            "import.no-certificate",
            "the block from BEGIN to END",
        ),
        (
            "empty.pem",
            Vec::new(),
            "import.no-certificate",
            "fetch it again",
        ),
        (
            "mine.csr",
            csr.to_pem().into_bytes(),
            "import.no-certificate",
            "send it to the CA, and import what comes back",
        ),
        (
            "key.pem",
            own.to_pem(None).unwrap().as_bytes().to_vec(),
            "import.no-certificate",
            "add the certificate that the CA sent",
        ),
        (
            "ca.pem",
            pem(&[&w.lower.certificate]).into_bytes(),
            "import.no-leaf",
            "`edgecert import LEAF CHAIN`",
        ),
        (
            "cut.pem",
            cut.as_bytes().to_vec(),
            "import.unreadable-block",
            "copy the block again",
        ),
        (
            "reply.p7b",
            pkcs7.to_vec(),
            "import.no-certificate",
            "fetch it from the CA again",
        ),
    ];
    for (name, bytes, code, mend) in cases {
        let told = refused(
            &[file(name, bytes)],
            &[asked("1", &w.key, AskedState::Pending)],
        );
        assert_eq!(told.code, code, "{name}: {told:?}");
        assert!(told.mend.contains(mend), "{name}: {told:?}");
        assert!(told.place.starts_with(name), "{name}: {told:?}");
    }
    let told = refused(&[file("cut.pem", cut)], &[]);
    assert!(
        told.what.starts_with("block 2 of cut.pem cannot be read"),
        "{told:?}"
    );
}

#[test]
fn what_was_granted_is_compared_with_what_was_asked() {
    let w = world();
    let both = [KeyPurpose::ServerAuth, KeyPurpose::ClientAuth];
    let names = [
        "dns:edge.contoso.com",
        "dns:contoso.com",
        "srv:_xmpp-server.contoso.com",
    ];
    type Case<'a> = (
        &'a str,
        &'a [&'a str],
        &'a [KeyPurpose],
        &'a [(Code, Severity)],
    );
    let cases: [Case<'_>; 7] = [
        ("all of it", &names, &both, &[]),
        (
            "the SRV-ID dropped",
            &names[..2],
            &both,
            &[(Code::GrantedNameDropped, Severity::Warning)],
        ),
        (
            "a DNS name lost",
            &["dns:edge.contoso.com", names[2]],
            &both,
            &[(Code::GrantedNameLost, Severity::Error)],
        ),
        (
            "a wildcard instead",
            &["dns:*.contoso.com", names[1], names[2]],
            &both,
            &[
                (Code::GrantedNameLost, Severity::Warning),
                (Code::GrantedNameAdded, Severity::Note),
            ],
        ),
        (
            "other names altogether",
            &["dns:fabrikam.com"],
            &both,
            &[(Code::GrantedNameLost, Severity::Error)],
        ),
        (
            "clientAuth lost",
            &names,
            &both[..1],
            &[(Code::GrantedUsageLost, Severity::Warning)],
        ),
        (
            "a purpose added",
            &names,
            &[
                KeyPurpose::ServerAuth,
                KeyPurpose::ClientAuth,
                KeyPurpose::SipDomain,
            ],
            &[(Code::GrantedUsageAdded, Severity::Note)],
        ),
    ];
    for (case, granted, purposes, expected) in cases {
        let mut request = asked("1", &w.key, AskedState::Pending);
        request.names = names
            .map(|name| {
                name.to_uppercase()
                    .replacen("DNS:", "dns:", 1)
                    .replacen("SRV:", "srv:", 1)
            })
            .to_vec();
        request.key_purposes = both.to_vec();
        let certificate = leaf(granted, purposes, &w.key, &w.lower);
        let report = compare(&certificate, &request);
        let found: Vec<_> = report
            .findings()
            .iter()
            .map(|one| (one.code, one.severity))
            .collect();
        assert_eq!(found, expected, "{case}: {report:?}");
    }
    let bare = leaf(&names, &[], &w.key, &w.lower);
    let report = compare(&bare, &asked("1", &w.key, AskedState::Pending));
    assert_eq!(
        report.verdict(),
        Verdict::Ok,
        "no extension means every purpose"
    );
}

#[test]
fn a_reply_for_the_old_key_is_warned_of_while_another_request_waits() {
    let w = world();
    let newer = PrivateKey::generate(KeyType::Ec256).unwrap();
    let (answered, waits) = (
        asked("1", &w.key, AskedState::Answered),
        asked("2", &newer, AskedState::Pending),
    );
    let all = [answered.clone(), waits.clone()];
    let found = compare_with_waiting(&answered, &all).unwrap();
    assert_eq!(found.code, Code::GrantedOldKey);
    assert!(found.what.contains("request 2"), "{found:?}");
    assert!(found.mend.contains("request show 2"), "{found:?}");
    let same_key = asked("2", &w.key, AskedState::Pending);
    for (answers, all) in [
        (&waits, &all[..]),
        (&answered, &all[..1]),
        (&answered, &[answered.clone(), same_key]),
    ] {
        assert_eq!(compare_with_waiting(answers, all), None);
    }
}

#[test]
fn a_shorter_life_than_before_is_noted() {
    let w = world();
    let chain = |from| Chain {
        leaf: leaf_from(from, &["dns:a.net"], &w.key, &w.lower),
        intermediates: vec![w.lower.certificate.clone()],
    };
    let (before, day) = (chain(FROM), time::Duration::DAY);
    let report = compare_with_previous(&chain(FROM + day * 30), &before, &[]);
    assert_eq!(report.findings()[0].code, Code::GrantedLifeShorter);
    assert_eq!(report.findings()[0].why, "90 days before, 60 days now");
    let little = compare_with_previous(&chain(FROM + day), &before, &[]);
    assert_eq!(little, Report::default());
}

#[test]
fn another_root_is_warned_of_and_another_intermediate_noted() {
    let w = world();
    let chain = |leaf: &Certificate, above: &[&Signer]| Chain {
        leaf: leaf.clone(),
        intermediates: above.iter().map(|one| one.certificate.clone()).collect(),
    };
    let before = chain(&w.leaf, &[&w.lower, &w.upper]);
    assert_eq!(
        compare_with_previous(&before, &before, &[]),
        Report::default()
    );
    let sibling = authority("Lower E6", Some(&w.upper), key(), UNTIL);
    let own = key();
    let new = leaf(&["dns:a.net"], &[], &own, &sibling);
    let report = compare_with_previous(&chain(&new, &[&sibling, &w.upper]), &before, &[]);
    assert_eq!(report.findings()[0].code, Code::ChainIntermediateChanged);
    let foreign = authority("Root Y", None, key(), UNTIL);
    let new = leaf(&["dns:a.net"], &[], &own, &foreign);
    let partner = |domain: &str, root: &Signer| PartnerRoots {
        domain: Domain::parse(domain).unwrap(),
        roots: vec![root.certificate.clone()],
    };
    let partners = [
        partner("old.example", &w.root),
        partner("new.example", &foreign),
    ];
    let told = compare_with_previous(&chain(&new, &[]), &before, &partners);
    let why = &told.findings()[0].why;
    assert!(
        why.contains("old.example") && !why.contains("new.example"),
        "{why}"
    );
    let report = compare_with_previous(&chain(&new, &[]), &before, &[]);
    assert_eq!(report.findings()[0].code, Code::ChainRootChanged);
    assert_eq!(report.findings()[0].why, "before CN=Root X1, now CN=Root Y");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn ordering_a_shuffled_reply_gives_the_same_chain(
        order in Just(vec![0usize, 1, 2, 3, 4]).prop_shuffle(),
        cut in 0usize..6,
    ) {
        let w = world();
        let other = world();
        let all = [&w.leaf, &w.lower.certificate, &w.upper.certificate, &w.root.certificate, &other.lower.certificate];
        let shuffled: Vec<&Certificate> = order.iter().map(|at| all[*at]).collect();
        let (one, two) = shuffled.split_at(cut.min(5));
        let files: Vec<ReplyFile> = [one, two]
            .iter()
            .filter(|part| !part.is_empty())
            .map(|part| file("part.pem", pem(part)))
            .collect();
        let reply = sort_reply(&files, None, &[], &[]).unwrap();
        prop_assert_eq!(&reply.chain.leaf, &w.leaf);
        prop_assert_eq!(reply.chain.intermediates, vec![w.lower.certificate.clone(), w.upper.certificate.clone()]);
        prop_assert_eq!(reply.strangers, vec![other.lower.certificate]);
    }
}

#[test]
fn a_name_lost_from_a_request_outside_the_ledger_names_its_csr() {
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let w = world();
    let mut one = asked("./e2", &key, AskedState::Pending);
    one.names.push("dns:lost.contoso.com".into());
    one.csr = Some("./e2/csr.pem".into());
    let report = compare(&w.leaf, &one);
    let lost = report
        .errors()
        .find(|finding| finding.what.starts_with("dns:lost.contoso.com"))
        .unwrap();
    assert!(lost.mend.ends_with("from ./e2/csr.pem"), "{}", lost.mend);
}
