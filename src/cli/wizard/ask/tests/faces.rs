//! Line by line over lines of our own, and scripts.

use super::*;
use crate::cli::wizard::ask::plain::{Lines, Plain, Said};
use crate::cli::wizard::ask::scripted::{Given, Script, Scripted};
use crate::cli::wizard::page::{Ask, AskError, Reply};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Lines that are typed in advance, and what was shown.
#[derive(Clone, Default)]
struct Typed {
    lines: Rc<RefCell<VecDeque<String>>>,
    shown: Rc<RefCell<String>>,
}

impl Lines for Typed {
    fn tell(&mut self, text: &str) -> std::io::Result<()> {
        self.shown.borrow_mut().push_str(text);
        Ok(())
    }

    fn read(&mut self) -> std::io::Result<Said> {
        let line = self.lines.borrow_mut().pop_front();
        self.shown.borrow_mut().push('\n');
        Ok(line.map_or(Said::Ended, Said::Line))
    }

    fn columns(&self) -> Option<usize> {
        Some(80)
    }

    fn during(&mut self, work: &mut dyn FnMut()) -> std::io::Result<()> {
        work();
        Ok(())
    }
}

fn said(page: &Page, lines: &[&str], check: &dyn Fn(&Answers) -> Vec<Mistake>) -> (Reply, String) {
    let typed = Typed::default();
    typed
        .lines
        .borrow_mut()
        .extend(lines.iter().map(|line| (*line).to_owned()));
    let reply = Plain::over(typed.clone(), samples::english())
        .page(page, check)
        .unwrap();
    assert!(
        typed.lines.borrow().is_empty(),
        "lines are left: {:?}",
        typed.lines.borrow()
    );
    let shown = typed.shown.borrow().clone();
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    (reply, shown)
}

fn fine(_: &Answers) -> Vec<Mistake> {
    Vec::new()
}

fn place() -> Page {
    page(
        "place",
        "Location",
        "Where the organization is.",
        vec![
            text("country", "Country", "two letters", "KR"),
            text("city", "City", "", "Seoul"),
            yes_no("public", "Public", false),
        ],
    )
}

fn country(answers: &Answers) -> Vec<Mistake> {
    match answers.get("country") {
        Some(Answer::Text(text)) if text.len() == 2 => Vec::new(),
        _ => vec![Mistake {
            field: "country",
            text: "a country is two letters".into(),
        }],
    }
}

fn of_place(country: &str, city: &str, public: bool) -> Answers {
    Answers::from([
        ("country", Answer::Text(country.into())),
        ("city", Answer::Text(city.into())),
        ("public", Answer::YesNo(public)),
    ])
}

#[test]
fn line_by_line_every_question_is_asked() {
    for (lines, reply) in [
        (
            vec!["", "", ""],
            Reply::Next(of_place("KR", "Seoul", false)),
        ),
        (vec!["DE", "-", "y"], Reply::Next(of_place("DE", "", true))),
        (
            vec!["", "", "perhaps", "YES"],
            Reply::Next(of_place("KR", "Seoul", true)),
        ),
        (vec!["<"], Reply::Back(of_place("KR", "Seoul", false))),
        (
            vec!["DE", "<", "<"],
            Reply::Back(of_place("DE", "Seoul", false)),
        ),
        (
            vec!["DE", "<", "FR", "?", "Paris", ""],
            Reply::Next(of_place("FR", "Paris", false)),
        ),
        (vec!["DE"], Reply::Leave(of_place("DE", "Seoul", false))),
    ] {
        // The list of lines ends where the page is left by the end of input.
        assert_eq!(said(&place(), &lines, &fine).0, reply, "{lines:?}");
    }
}

#[test]
fn line_by_line_a_mistake_is_told_and_only_that_is_asked_again() {
    let (reply, shown) = said(&place(), &["Korea", "", "", "KR"], &country);
    assert_eq!(reply, Reply::Next(of_place("KR", "Seoul", false)));
    for part in [
        "new request, page 8 of 14: Location",
        "Country (two letters) [KR]: ",
        "mistake: a country is two letters",
        "Country (two letters) [Korea]: ",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert_eq!(shown.matches("City").count(), 1);
}

#[test]
fn line_by_line_lists_are_numbered() {
    let both = ["contoso.com", "fabrikam.com"];
    for (lines, after) in [
        (vec![""], both.to_vec()),
        (vec!["1 3", ""], vec!["fabrikam.com", "adatum.example"]),
        (vec!["1", "1", ""], both.to_vec()),
        (
            vec!["a.example, b.example", ""],
            [&both[..], &["a.example", "b.example"]].concat(),
        ),
        (vec!["1 9", "7", ""], both.to_vec()),
    ] {
        let (reply, shown) = said(&sip_domains(), &lines, &fine);
        let after: Vec<String> = after.into_iter().map(str::to_owned).collect();
        assert_eq!(
            reply,
            Reply::Next(Answers::from([("domains", Answer::Ticks(after))]))
        );
        assert!(
            shown.contains("  1 [x] contoso.com: sip.contoso.com, contoso.com"),
            "{shown}"
        );
        assert!(shown.contains("[1 2]: "), "{shown}");
        assert_eq!(
            shown.contains("is none of the numbers 1 to 3"),
            lines.contains(&"7")
        );
    }
    let page = page(
        "task",
        "Task",
        "",
        vec![choice(
            "task",
            &[("new", "New request", "a"), ("check", "Check", "")],
            "new",
        )],
    );
    for (lines, task) in [
        (vec![""], "new"),
        (vec!["2"], "check"),
        (vec!["check"], "check"),
        (vec!["3", "0", "x", "1"], "new"),
    ] {
        let (reply, _) = said(&page, &lines, &fine);
        assert_eq!(
            reply,
            Reply::Next(Answers::from([("task", Answer::Choice(task.into()))]))
        );
    }
}

fn script(page: &str, field: &str, given: Given) -> Scripted {
    let fields = std::collections::BTreeMap::from([(field.to_owned(), given)]);
    Scripted::new(
        Script::from([(page.to_owned(), fields)]),
        samples::english(),
    )
}

fn list(values: &[&str]) -> Given {
    Given::List(values.iter().map(|value| (*value).to_owned()).collect())
}

#[test]
fn a_script_answers_and_defaults_stand_for_the_rest() {
    let mut ask = script("place", "city", Given::Text(" Busan\u{1b}[31m ".into()));
    assert_eq!(
        ask.page(&place(), &country).unwrap(),
        Reply::Next(of_place("KR", "Busan[31m", false))
    );
    assert_eq!(ask.unused(), []);
    let mut ask = script("place", "town", Given::Flag(true));
    ask.page(&place(), &country).unwrap();
    assert_eq!(ask.unused(), [("place".to_owned(), "town".to_owned())]);
    let mut ask = script(
        "sip-domains",
        "domains",
        list(&["new.example", "adatum.example", "new.example"]),
    );
    assert_eq!(
        ask.page(&sip_domains(), &fine).unwrap(),
        Reply::Next(Answers::from([(
            "domains",
            Answer::Ticks(vec!["adatum.example".into(), "new.example".into()])
        )]))
    );
}

#[test]
fn what_a_script_lacks_or_has_wrong_is_named() {
    let mut empty = place();
    empty.fields[0] = text("country", "Country", "", "");
    let mut nothing = Scripted::new(Script::new(), samples::english());
    assert!(matches!(
        nothing.page(&empty, &country),
        Err(AskError::Missing {
            page: "place",
            field: "country"
        })
    ));
    for (given, page, words) in [
        (
            ("place", "country", Given::Text("Korea".into())),
            place(),
            "a country is two letters",
        ),
        (
            ("place", "country", Given::Flag(true)),
            place(),
            "a text is wanted here",
        ),
        (
            ("place", "public", Given::Text("yes".into())),
            place(),
            "true or false is wanted here",
        ),
        (
            ("sip-domains", "domains", Given::Text("x".into())),
            sip_domains(),
            "a list of texts is wanted here",
        ),
    ] {
        let (name, field, answer) = given;
        match script(name, field, answer).page(&page, &country) {
            Err(AskError::Wrong {
                text, field: at, ..
            }) => {
                assert_eq!((text.as_str(), at), (words, field));
            }
            other => panic!("{other:?}"),
        }
    }
    let page = page(
        "task",
        "Task",
        "",
        vec![choice(
            "task",
            &[("new", "New", ""), ("check", "Check", "")],
            "new",
        )],
    );
    match script("task", "task", Given::Text("chekc".into())).page(&page, &fine) {
        Err(AskError::Wrong { text, .. }) => assert_eq!(text, "\"chekc\" is none of new, check"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn replies_are_replayed_and_mistakes_kept() {
    use crate::cli::wizard::ask::scripted::replay::Replay;
    let mut ask = Replay::new([
        Reply::Next(Answers::from([("country", Answer::Text("Korea".into()))])),
        Reply::Next(Answers::from([("country", Answer::Text("DE".into()))])),
        Reply::Back(Answers::new()),
    ]);
    assert_eq!(
        ask.page(&place(), &country).unwrap(),
        Reply::Next(of_place("DE", "Seoul", false))
    );
    assert_eq!(ask.mistakes.len(), 1);
    assert_eq!(
        ask.page(&place(), &country).unwrap(),
        Reply::Back(of_place("KR", "Seoul", false))
    );
    assert_eq!(
        ask.page(&place(), &country).unwrap(),
        Reply::Leave(of_place("KR", "Seoul", false))
    );
    assert_eq!(ask.pages.len(), 4);
}
