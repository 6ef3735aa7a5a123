//! The fuzz targets on the stable compiler: every seed and every crash ever found, and mutations of them.
//!
//! The mutations are the same in every run; the time for them is bounded, so that a slow machine runs fewer. More of
//! them: `EDGECERT_FUZZ_SECONDS=60 cargo test --release --test fuzz_corpus`. The real thing is `scripts/fuzz`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../fuzz/targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use targets::{TARGETS, Target};

/// Mutations of each target where nobody asks for more.
const MUTATIONS: usize = 3_000;

/// Time for the mutations of one target where nobody asks for more.
const TIME: Duration = Duration::from_millis(500);

/// Longest input that is made: beyond every limit on bytes before TLS.
const LONGEST: usize = 20 * 1024;

/// Marsaglia's xorshift64, seeded by the target's name.
struct Dice(u64);

impl Dice {
    fn of(name: &str) -> Self {
        // FNV-1a.
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    fn throw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `most`, which is not 0.
    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.throw() % u64::try_from(most).unwrap()).unwrap()
    }
}

/// The seeds of a target in the order of their names.
fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/fuzz")
        .join(target);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let bytes = std::fs::read(&path).unwrap();
            (path, bytes)
        })
        .collect()
}

/// A few changes at once: bits, bytes, runs taken out, doubled, moved in from another seed.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    const ODD: [u8; 16] = [
        0, 0xff, 0x7f, 0x80, 0x30, 0x82, b'<', b'>', b'"', b'\'', b'\n', b'\r', b'=', b'-', b'[',
        b'{',
    ];
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let run = 1 + dice.below(32);
        let end = (at + run).min(bytes.len());
        match dice.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 if at < bytes.len() => bytes[at] = ODD[dice.below(ODD.len())],
            2 => bytes.insert(at, ODD[dice.below(ODD.len())]),
            3 => {
                bytes.drain(at..end);
            }
            4 => {
                let doubled = bytes[at..end].to_vec();
                bytes.splice(at..at, doubled);
            }
            5 if !other.is_empty() => {
                let from = dice.below(other.len());
                let taken = other[from..(from + run).min(other.len())].to_vec();
                bytes.splice(at..end, taken);
            }
            6 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(1),
            7 if dice.below(4) == 0 => bytes.truncate(at),
            _ => {}
        }
    }
    bytes.truncate(LONGEST);
}

fn run(target: Target) {
    let (name, body) = target;
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    for (path, bytes) in &seeds {
        if catch_unwind(AssertUnwindSafe(|| body(bytes))).is_err() {
            panic!("{name} fails on {}", path.display());
        }
    }
    let asked = std::env::var("EDGECERT_FUZZ_SECONDS").ok().map(|text| {
        Duration::from_secs(
            text.parse()
                .expect("EDGECERT_FUZZ_SECONDS is a number of seconds"),
        )
    });
    let (time, most) = match asked {
        Some(time) => (time, usize::MAX),
        None => (TIME, MUTATIONS),
    };
    let mut dice = Dice::of(name);
    let begun = Instant::now();
    let mut count = 0;
    while count < most && begun.elapsed() < time {
        let mut bytes = seeds[dice.below(seeds.len())].1.clone();
        let other = &seeds[dice.below(seeds.len())].1;
        mutate(&mut bytes, other, &mut dice);
        if catch_unwind(AssertUnwindSafe(|| body(&bytes))).is_err() {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{count}"));
            std::fs::write(&kept, &bytes).unwrap();
            panic!(
                "{name} fails on mutation {count}, kept as {}",
                kept.display()
            );
        }
        count += 1;
    }
    println!("{name}: {} seeds, {count} mutations", seeds.len());
}

/// A corpus of nothing but refusals would prove little.
#[test]
fn seeds_reach_the_good_ends() {
    use edgecert::deployment::partner_list::read_list;
    use edgecert::{deployment::Deployment, request::IssuerProfile, wire, x509};
    let seed = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/fuzz")
            .join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let text = |name: &str| String::from_utf8(seed(name)).unwrap();
    let leaf =
        x509::Certificate::from_der(&seed("certificate/leaf-with-every-name-form.der")).unwrap();
    assert_eq!(leaf.facts().names.as_ref().map(Vec::len), Some(9));
    assert!(
        x509::Csr::read(&seed("csr/every-name-form.der"))
            .unwrap()
            .signature_ok
    );
    let all = x509::container::read(&seed("container/all-of-it.pem"), None).unwrap();
    let counts = [
        all.certificates.len(),
        all.keys.len(),
        all.requests.len(),
        all.problems.len(),
    ];
    assert_eq!(counts, [2, 1, 1, 0]);
    let passphrase = x509::Passphrase::new("fuzz".to_owned());
    for name in ["pkcs7/certs.der", "pkcs7/ber.der", "pkcs7/certs.pem"] {
        let found = x509::container::read(&seed(name), None).unwrap();
        assert!(
            !found.certificates.is_empty() && found.problems.is_empty(),
            "{name}"
        );
    }
    for name in ["modern", "legacy", "no-mac", "plain"] {
        let bytes = seed(&format!("pkcs12/{name}.der"));
        let found = x509::container::read(&bytes, Some(&passphrase)).unwrap();
        assert_eq!(
            (found.certificates.len(), found.keys.len()),
            (1, 1),
            "{name}"
        );
    }
    let record = seed("records/generation.json");
    for found in [
        x509::sealed::open(&seed("sealed/bundle.sealed"), Some(&passphrase)),
        x509::sealed::unpack(&seed("sealed/unpacked")),
    ] {
        let found = found.unwrap();
        let leaf = x509::container::read(&found.fullchain, None).unwrap();
        assert_eq!(
            leaf.certificates[0].1.facts().spki_sha256,
            found.key.spki_sha256()
        );
        assert_eq!(found.facts, record);
    }
    for name in [
        "sec1",
        "sec1-p384",
        "pkcs8-ec",
        "ed25519",
        "pbes2",
        "scrypt",
    ] {
        let key = seed(&format!("key/{name}.pem"));
        assert!(
            x509::PrivateKey::read(&key, Some(&passphrase)).is_ok(),
            "{name}"
        );
    }
    assert!(
        wire::sip::read_status(&seed("sip_head/ok.txt"))
            .unwrap()
            .is_some()
    );
    assert!(
        wire::control::read_request(&seed("control/prepare.json"))
            .unwrap()
            .is_some()
    );
    let path = Path::new("/etc/edgecert/edgecert.toml");
    assert!(Deployment::parse(&text("deployment/example.toml"), path).is_ok());
    let deployment = Deployment::parse(&text("deployment/example.toml"), path).unwrap();
    for name in ["partner_list/lync.csv", "partner_list/tables.toml"] {
        let list = read_list(&text(name), name, &deployment).unwrap();
        assert_eq!(list.new.len(), 2, "{name}");
    }
    assert!(IssuerProfile::parse("x", &text("profile/private-xmpp.toml"), "x").is_ok());
    let mut server = wire::xmpp::ServerStream::new(wire::xmpp::StreamKind::Server);
    let stream = seed("xmpp_stream/server-starttls.xml");
    assert!(matches!(
        server.feed(&stream[2..]),
        Ok(wire::xmpp::ServerStep::Header(_))
    ));
    server.answer("1", wire::xmpp::TlsOffer::Required);
    assert!(matches!(
        server.feed(&[]),
        Ok(wire::xmpp::ServerStep::StartTls(_))
    ));
    let mut keys = edgecert::cli::keys::Decoder::new();
    assert!(
        keys.feed(&seed("keys/pasted.txt"))
            .contains(&edgecert::cli::keys::Key::Pasted(
                "one.example two.example".into()
            ))
    );
    serde_json::from_slice::<edgecert::store::JournalEntry>(&seed("records/journal-line.json"))
        .unwrap();
    serde_json::from_slice::<edgecert::store::GenerationRecord>(&seed("records/generation.json"))
        .unwrap();
}

macro_rules! claims {
    ($($claim:ident: $target:ident,)+) => {
        $(
            #[test]
            fn $claim() {
                run((stringify!($target), targets::$target));
            }
        )+

        #[test]
        fn every_target_is_run() {
            assert_eq!(TARGETS.map(|(name, _)| name), [$(stringify!($target)),+]);
            let manifest = include_str!("../fuzz/Cargo.toml");
            for (name, _) in TARGETS {
                assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
            }
        }
    };
}

claims! {
    pem_of_any_bytes_is_scanned: pem,
    certificate_of_any_bytes_is_read_or_refused: certificate,
    request_of_any_bytes_is_read_or_refused: csr,
    revocation_list_of_any_bytes_is_read_or_refused: crl,
    file_of_any_bytes_is_sorted_or_refused: container,
    pkcs7_of_any_bytes_is_walked_or_refused: pkcs7,
    pkcs12_of_any_bytes_is_opened_or_refused: pkcs12,
    sealed_bundle_of_any_bytes_is_opened_or_refused: sealed,
    key_of_any_bytes_is_read_or_refused: key,
    stream_of_any_bytes_ends_well_or_is_refused: xmpp_stream,
    stream_header_of_any_bytes_is_read_as_a_second_parser_reads_it: stream_header,
    sip_head_of_any_bytes_is_read_or_refused: sip_head,
    control_line_of_any_bytes_is_read_or_refused: control,
    deployment_of_any_bytes_has_mistakes_with_places: deployment,
    partners_of_any_bytes_are_taken_in_or_refused_whole: partner_list,
    profile_of_any_bytes_has_mistakes_with_places: profile,
    list_of_any_bytes_is_read_entry_by_entry: batch,
    name_of_any_bytes_is_printed_as_it_is_read: names,
    record_of_any_bytes_is_printed_as_it_is_read: records,
    key_of_any_bytes_steers_no_terminal: keys,
    answers_of_any_bytes_are_written_as_they_are_read: answers,
    deployment_of_any_bytes_is_edited_or_refused: edit,
    answer_of_any_bytes_is_whole_or_refused: http_answer,
    prosody_of_any_bytes_is_read_or_refused: prosody_config,
    ejabberd_of_any_bytes_is_read_and_changed_or_refused: ejabberd_config,
    kamailio_of_any_bytes_is_read_and_changed_or_refused: kamailio_config,
    haproxy_of_any_bytes_is_read_and_changed_or_refused: haproxy_config,
    nginx_of_any_bytes_is_read_and_changed_or_refused: nginx_config,
    http_head_of_any_bytes_is_read_or_refused: http_head,
}

#[test]
fn every_container_cut_at_every_byte_is_read_or_refused() {
    const CONTAINERS: [&str; 8] = [
        "pem",
        "certificate",
        "csr",
        "container",
        "pkcs7",
        "pkcs12",
        "sealed",
        "crl",
    ];
    for (name, target) in TARGETS {
        if !CONTAINERS.contains(&name) {
            continue;
        }
        for (path, bytes) in seeds(name) {
            for at in 0..bytes.len() {
                if catch_unwind(AssertUnwindSafe(|| target(&bytes[..at]))).is_err() {
                    panic!("{name}: {} cut after {at} bytes", path.display());
                }
            }
        }
    }
}
