use super::*;
use crate::cli::Cli;
use crate::cli::wizard::ask::scripted::replay::Replay;
use crate::cli::wizard::messages::Language;
use crate::cli::wizard::page::{Answer, Answers};
use crate::cli::wizard::resume::step_at;
use crate::cli::wizard::walk::ReplyPage;
use crate::cli::wizard::walk::edge::EdgePage;
use clap::{CommandFactory, FromArgMatches};
use std::path::Path;

fn context(folder: &Path) -> Context {
    let config = folder.join("edgecert.toml");
    let matches = Cli::command()
        .try_get_matches_from(["edgecert", "wizard", "--config", config.to_str().unwrap()])
        .unwrap();
    Context::new(Cli::from_arg_matches(&matches).unwrap().global)
}

fn next(answers: &[(&'static str, Answer)]) -> Reply {
    Reply::Next(answers.iter().cloned().collect())
}

fn back(answers: &[(&'static str, Answer)]) -> Reply {
    Reply::Back(answers.iter().cloned().collect())
}

fn text(value: &str) -> Answer {
    Answer::Text(value.to_owned())
}

/// Plays replies from a step on; gives how it ended, the pages, and what was answered.
fn play(
    folder: &Path,
    answers: Document,
    from: Step,
    replies: Vec<Reply>,
) -> (Result<(), Failure>, Replay, Document) {
    let mut context = context(folder);
    let facts = Facts::gather(&context).unwrap();
    let texts = Texts::new(Language::En);
    let keep = Keep::new(&context, &facts);
    let mut run = Run {
        context: &mut context,
        facts: &facts,
        texts: &texts,
        answers,
        asked: Asked::Somebody,
        keep: Some(keep),
        shown: BTreeMap::new(),
        done: Done::default(),
    };
    let mut ask = Replay::new(replies);
    let ended = run.walk(&mut ask, from);
    let answers = std::mem::take(&mut run.answers);
    (ended, ask, answers)
}

fn ids(ask: &Replay) -> Vec<&'static str> {
    ask.pages.iter().map(|page| page.id).collect()
}

#[test]
fn back_keeps_what_was_filled_in() {
    let folder = tempfile::tempdir().unwrap();
    let (_, ask, answers) = play(
        folder.path(),
        Document::new(),
        Step::Edge(EdgePage::Organization),
        vec![
            next(&[("organization", text("Contoso"))]),
            next(&[("country", text("US"))]),
            back(&[("fqdn", text("not yet right"))]),
            back(&[("country", text("DE"))]),
            next(&[]),
            next(&[]),
        ],
    );
    assert_eq!(
        ids(&ask),
        [
            "organization",
            "location",
            "fqdn",
            "location",
            "organization",
            "location",
            "fqdn"
        ]
    );
    assert_eq!(answers["location"]["country"], text("DE"));
    assert_eq!(answers["organization"]["organization"], text("Contoso"));
    assert_eq!(answers["fqdn"]["fqdn"], text("not yet right"));
}

#[test]
fn a_run_that_was_left_goes_on_at_its_page() {
    let folder = tempfile::tempdir().unwrap();
    let (ended, _, _) = play(
        folder.path(),
        Document::new(),
        Step::FIRST,
        vec![
            next(&[("task", Answer::Choice("new-request".into()))]),
            next(&[]),
            next(&[]),
            Reply::Leave(Answers::new()),
        ],
    );
    let failure = ended.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Interrupted);
    let context = context(folder.path());
    let facts = Facts::gather(&context).unwrap();
    let (document, at) = Keep::new(&context, &facts).load().unwrap();
    assert_eq!(at, "issuer");
    let texts = Texts::new(Language::En);
    let shown = BTreeMap::new();
    let reached = |answers: &Document| {
        let view = View {
            facts: &facts,
            answers,
            texts: &texts,
            shown: &shown,
            csr_file: None,
            has_previous: false,
            proved: false,
        };
        step_at(&view, at)
    };
    assert_eq!(reached(&document), Step::Edge(EdgePage::Issuer));
    // An answer that does not hold any more is asked again.
    let mut wrong = document.clone();
    wrong.insert("uses", Answers::from([("uses", Answer::Ticks(Vec::new()))]));
    assert_eq!(reached(&wrong), Step::Edge(EdgePage::Uses));
}

/// The page at which the next start goes on, as far as something is kept.
fn reached(folder: &Path) -> Option<(Document, Step)> {
    let context = context(folder);
    let facts = Facts::gather(&context).unwrap();
    let (document, at) = Keep::new(&context, &facts).load()?;
    let view = View {
        facts: &facts,
        answers: &document,
        texts: &Texts::new(Language::En),
        shown: &BTreeMap::new(),
        csr_file: None,
        has_previous: false,
        proved: false,
    };
    let step = step_at(&view, at);
    Some((document, step))
}

#[test]
fn a_run_that_is_left_after_the_request_was_made_goes_on_there_while_it_waits() {
    let making = Step::Request(RequestPage::Making);
    for more in [vec![], vec![next(&[])], vec![next(&[]), next(&[])]] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut replies: Vec<Reply> = (0..16).map(|_| next(&[])).collect();
        replies[9] = next(&[("fqdn", text("edge.contoso.com"))]);
        replies.extend(more);
        let (ended, ask, _) = play(folder, Document::new(), Step::FIRST, replies);
        assert!(ids(&ask).contains(&"making"), "{:?}", ids(&ask));
        let told = ended.unwrap_err();
        assert!(told.changed);
        let told = told.explanation;
        assert!(told.why.contains("the answers are kept"), "{told:?}");
        for words in ["goes on where it was", "edgecert request external-edge"] {
            assert!(told.mend.contains(words), "{told:?}");
        }
        let (document, step) = reached(folder).unwrap();
        assert_eq!(step, making);
        // On to the end: the same request, and nothing to go on from any more.
        let on = vec![next(&[]), next(&[]), next(&[])];
        let (ended, ask, _) = play(folder, document.clone(), step, on);
        ended.unwrap();
        assert_eq!(ids(&ask), ["making", "csr", "next"]);
        assert!(reached(folder).is_none());
        let facts = Facts::gather(&context(folder)).unwrap();
        assert_eq!(facts.pending.len(), 1);
        // What does not wait any more is not made again unasked.
        std::fs::remove_dir_all(folder.join("edgecert.state/requests")).unwrap();
        let mut keep = Keep::new(&context(folder), &facts);
        keep.save(&context(folder), &document, making);
        let (_, step) = reached(folder).unwrap();
        assert_ne!(step, making);
    }
}

#[test]
fn a_run_that_is_left_with_nothing_to_go_on_from_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let check = Answers::from([("task", Answer::Choice("check".into()))]);
    let left = vec![Reply::Leave(check)];
    let (ended, _, _) = play(folder.path(), Document::new(), Step::FIRST, left);
    let told = ended.unwrap_err().explanation;
    assert!(reached(folder.path()).is_none());
    assert!(!told.mend.contains("goes on"), "{told:?}");
}

#[test]
fn a_whole_run_makes_the_request_and_has_no_way_back_over_it() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Document::from([("fqdn", Answers::from([("fqdn", text("edge.contoso.com"))]))]);
    let (ended, ask, _) = play(
        folder.path(),
        answers,
        Step::Request(RequestPage::Summary),
        vec![next(&[]), back(&[]), next(&[]), next(&[]), next(&[])],
    );
    ended.unwrap();
    assert_eq!(ids(&ask), ["summary", "making", "making", "csr", "next"]);
    assert!(ask.steps.iter().any(|step| step.contains("ec256")));
    let csr = &ask.pages[3].body;
    assert!(
        csr.iter()
            .any(|line| line.contains("BEGIN CERTIFICATE REQUEST"))
    );
    let last = &ask.pages[4].body;
    assert!(
        last.iter()
            .any(|line| line.contains("edgecert request external-edge"))
    );
    let copy = folder.path().join("external-edge.csr");
    let copy = copy.display().to_string();
    assert!(last.iter().any(|line| line.contains(&copy)), "{last:#?}");
    assert!(folder.path().join("external-edge.csr").exists());
    let context = context(folder.path());
    let facts = Facts::gather(&context).unwrap();
    assert!(Keep::new(&context, &facts).load().is_none());
    assert_eq!(facts.pending.len(), 1);
}

#[test]
fn what_fails_is_told_on_a_page_that_leads_back() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("reply.pem"), "nothing of use").unwrap();
    let file = folder.path().join("reply.pem").display().to_string();
    let answers = Document::from([
        (
            "tasks",
            Answers::from([("task", Answer::Choice("import".into()))]),
        ),
        ("import", Answers::from([("file", text(&file))])),
    ]);
    let (ended, ask, _) = play(
        folder.path(),
        answers,
        Step::Reply(ReplyPage::Import),
        vec![next(&[]), back(&[])],
    );
    assert_eq!(ended.unwrap_err().kind, FailureKind::Interrupted);
    assert_eq!(ids(&ask), ["import", "failed", "import"]);
    assert!(
        ask.pages[1].body[0].starts_with("error:"),
        "{:?}",
        ask.pages[1].body
    );
}
