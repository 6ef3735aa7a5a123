//! The identity corpus (`fixtures/identity`) before our table of servers, and both before strangers: Prosody's own
//! matcher from its Debian package, and openssl.
//!
//! A tool that is missing is a failure, with the command that installs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../fixtures/identity/generate/mod.rs"]
mod generate;
#[path = "world/schema.rs"]
mod schema;
mod world;

use edgecert::federation::Server;
use edgecert::names::matching::{Coverage, Service, covers, dns_name_covers};
use edgecert::names::{Domain, Presented};
use edgecert::verify::servers::{
    Answer, Offer, Profile, Role, answer, asked_for, named, profile, rows,
};
use edgecert::x509::{Certificate, KeyPurpose, container};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// A vector, read back from the file.
struct Question {
    id: String,
    leaf: Certificate,
    service: Service,
    domain: Domain,
    reference: String,
    role: Role,
    cell: String,
    by_rfc: bool,
    expected: Vec<(Server, Value)>,
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/identity");
    std::fs::read_to_string(path.join(name)).unwrap()
}

fn corpus() -> Value {
    serde_json::from_str(&fixture("corpus.json")).unwrap()
}

/// A certificate of the corpus: bare base64, as `import` takes it too.
fn certificate(der: &Value) -> Certificate {
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        der.as_str().unwrap()
    );
    let mut contents = container::read(pem.as_bytes(), None).unwrap();
    assert!(contents.problems.is_empty(), "{:?}", contents.problems);
    contents.certificates.remove(0).1
}

fn questions() -> Vec<Question> {
    let corpus = corpus();
    let leaf = |id: &Value| {
        let all = corpus["certificates"].as_array().unwrap();
        certificate(&all.iter().find(|one| one["id"] == *id).unwrap()["der"])
    };
    corpus["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|vector| Question {
            id: vector["id"].as_str().unwrap().to_owned(),
            leaf: leaf(&vector["certificate"]),
            service: match vector["service"].as_str().unwrap() {
                "xmpp-server" => Service::XmppServer,
                "sip" => Service::Sip,
                "host" => Service::Host,
                other => panic!("{other}"),
            },
            domain: Domain::parse(vector["reference"].as_str().unwrap()).unwrap(),
            reference: vector["reference"].as_str().unwrap().to_owned(),
            role: match vector["role"].as_str().unwrap() {
                "server" => Role::Server,
                "client" => Role::Client,
                other => panic!("{other}"),
            },
            cell: vector["cell"].as_str().unwrap().to_owned(),
            by_rfc: vector["covered_by_rfc"].as_bool().unwrap(),
            expected: vector["expected"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(word, answer)| (Server::from_word(word).unwrap(), answer.clone()))
                .collect(),
        })
        .collect()
}

/// Whether a profile answers a question as the corpus expects it.
fn agrees(profile: &Profile, question: &Question, expected: &Value) -> bool {
    let said = answer(
        profile,
        question.leaf.facts(),
        question.service,
        &question.domain,
        question.role,
    );
    let accepted = matches!(said, Answer::Accepted(_));
    let external = match (accepted, profile.offer.value) {
        (true, _) => "accepted",
        (false, Offer::Regardless) => "offered-and-refused",
        (false, Offer::IfAccepted) => "not-offered",
    };
    expected["accepted"] == accepted
        && expected
            .get("external")
            .is_none_or(|wanted| wanted == external)
}

#[test]
fn the_corpus_is_what_its_generator_makes() {
    let made = serde_json::to_string_pretty(&generate::corpus()).unwrap() + "\n";
    assert!(
        made == fixture("corpus.json"),
        "make it anew: cargo run --example identity-corpus"
    );
}

#[test]
fn the_corpus_has_the_form_that_its_schema_tells() {
    let schema: Value = serde_json::from_str(&fixture("corpus.schema.json")).unwrap();
    let mut faults = Vec::new();
    schema::check(&schema, &schema, &corpus(), "$", &mut faults);
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_vector_is_answered_as_expected() {
    let mut wrong = Vec::new();
    for question in questions() {
        for (server, expected) in &question.expected {
            if !agrees(&profile(*server), &question, expected) {
                wrong.push(format!("{} {server}: not {expected}", question.id));
            }
        }
        let names = question.leaf.facts().names.clone().unwrap_or_default();
        let covered = covers(question.service, &question.domain, &names) != Coverage::Missing;
        if covered != question.by_rfc {
            wrong.push(format!("{} by the RFCs: {covered}", question.id));
        }
        let asked = asked_for(question.service);
        assert!(question.expected.iter().all(|(one, _)| asked.contains(one)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_cell_of_the_table_has_a_vector_that_notices_its_change() {
    let questions = questions();
    let mut unnoticed = Vec::new();
    let mut changes = 0;
    for server in Server::ALL {
        for (cell, changed) in profile(server).variants() {
            changes += 1;
            let noticed = questions.iter().any(|question| {
                question
                    .expected
                    .iter()
                    .any(|(one, expected)| *one == server && !agrees(&changed, question, expected))
            });
            if !noticed {
                unnoticed.push(format!("{server} {cell}: {changed:?}"));
            }
        }
        for row in rows(server) {
            assert!(!row.source.is_empty(), "{server} {}", row.cell);
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
    assert!(changes > 150, "only {changes} changes were tried");
}

/// Runs a tool with text on its standard input; what it printed, whether it succeeded or not.
fn run(command: &[&str], package: &str, input: &str) -> String {
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .env_remove("OPENSSL_CONF")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "{} does not run ({error}); install it: apt-get install -y {package}",
                command[0]
            )
        });
    let mut stdin = child.stdin.take().unwrap();
    // A tool that ends before it has read all says so below.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Writes the leaf of each question as PEM and gives the paths.
fn leaves(folder: &Path, questions: &[Question]) -> Vec<String> {
    questions
        .iter()
        .map(|question| {
            let path = folder.join(format!("{}.pem", question.id));
            std::fs::write(&path, question.leaf.to_pem()).unwrap();
            path.display().to_string()
        })
        .collect()
}

#[test]
fn prosody_itself_answers_as_the_table_and_the_corpus_say() {
    assert!(
        Path::new("/usr/lib/prosody/util/x509.lua").is_file(),
        "Prosody is not there; install it: apt-get install -y --no-install-recommends prosody"
    );
    let folder = tempfile::tempdir().unwrap();
    let mut questions = questions();
    questions.retain(|question| question.service == Service::XmppServer);
    let paths = leaves(folder.path(), &questions);
    let input: String = questions
        .iter()
        .zip(&paths)
        .map(|(question, path)| format!("{path}\t{}\n", question.reference))
        .collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/identity/prosody.lua");
    let said = run(
        &["lua5.4", script.to_str().unwrap()],
        "lua5.4 prosody",
        &input,
    );
    let answers: Vec<&str> = said.lines().collect();
    assert_eq!(answers.len(), questions.len(), "{said}");
    let ours = profile(Server::Prosody012);
    for (question, said) in questions.iter().zip(answers) {
        let leaf = question.leaf.facts();
        let named = named(&ours, leaf, question.service, &question.domain);
        let accepted = matches!(named, Answer::Accepted(_));
        assert_eq!(
            said == "yes",
            accepted,
            "{}: Prosody says {said}",
            question.id
        );
        // Its matcher sees names alone; the corpus says what comes of purposes besides.
        if !question.cell.starts_with("eku") {
            let expected = question
                .expected
                .iter()
                .find(|(server, _)| *server == Server::Prosody012);
            assert_eq!(expected.unwrap().1["accepted"], accepted, "{}", question.id);
        }
    }
    assert!(questions.len() > 50);
}

/// Where openssl says otherwise than RFC 9525 on dNSName entries, with the reason.
const OPENSSL_DIFFERS: &[(&str, &str)] = &[(
    "wildcard-partial",
    "openssl takes a wildcard within a label unless it is told not to; RFC 9525 §6.3 wants the whole label",
)];

#[test]
fn openssl_agrees_on_dns_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut questions = questions();
    // Without a dNSName it reads the common name, which RFC 9525 does not know.
    questions.retain(|question| {
        let names = question.leaf.facts().names.as_deref().unwrap_or_default();
        names.iter().any(|name| matches!(name, Presented::Dns(_)))
    });
    let paths = leaves(folder.path(), &questions);
    let mut differing = Vec::new();
    for (question, path) in questions.iter().zip(&paths) {
        let host = question.domain.as_str();
        let said = run(
            &["openssl", "x509", "-noout", "-in", path, "-checkhost", host],
            "openssl",
            "",
        );
        assert!(said.contains(host), "{said}");
        let names = question.leaf.facts().names.as_deref().unwrap_or_default();
        let covered = names.iter().any(
            |name| matches!(name, Presented::Dns(text) if dns_name_covers(text, &question.domain)),
        );
        if said.contains("does match") != covered {
            differing.push(question.id.as_str());
        }
    }
    let known: Vec<&str> = OPENSSL_DIFFERS.iter().map(|(id, _)| *id).collect();
    assert_eq!(differing, known);
    assert!(questions.len() > 20);
}

#[test]
fn openssl_asks_for_the_purposes_that_the_table_ascribes_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let questions = questions();
    let root = folder.path().join("root.pem");
    std::fs::write(&root, certificate(&corpus()["root"]).to_pem()).unwrap();
    let root = root.display().to_string();
    let paths = leaves(folder.path(), &questions);
    for (question, path) in questions.iter().zip(&paths) {
        for (word, needed) in [
            ("sslserver", KeyPurpose::ServerAuth),
            ("sslclient", KeyPurpose::ClientAuth),
        ] {
            // 2026-11-21
            let command = [
                "openssl",
                "verify",
                "-CAfile",
                &root,
                "-purpose",
                word,
                "-attime",
                "1795219200",
                path,
            ];
            let said = run(&command, "openssl", "");
            let purposes = &question.leaf.facts().key_purposes;
            let fit = purposes.as_ref().is_none_or(|all| all.contains(&needed));
            assert_eq!(said.contains(": OK"), fit, "{} {word}: {said}", question.id);
        }
    }
}

#[test]
fn the_manual_shows_the_table_as_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/servers.md");
    let manual = std::fs::read_to_string(&path).unwrap();
    let wanted = manual_table();
    assert!(
        manual.ends_with(&wanted),
        "docs/servers.md should end with:\n\n{wanted}"
    );
}

/// The table as the manual shows it: a section a server.
fn manual_table() -> String {
    let mut text = String::new();
    for server in Server::ALL {
        text.push_str(&format!("### {} (`{server}`)\n\n", server.title()));
        text.push_str("| | | known by | where it stands |\n|---|---|---|---|\n");
        for row in rows(server) {
            text.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                row.question,
                row.answer,
                row.basis.word(),
                row.source.replace('|', "\\|"),
            ));
        }
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}
