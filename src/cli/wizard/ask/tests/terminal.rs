//! The faces on a real terminal: this test program runs itself in one.

use super::*;
use crate::cli::wizard::ask::plain::Plain;
use crate::cli::wizard::ask::screen::Screen;
use crate::cli::wizard::page::{Ask, Reply};
use std::process::Command;

#[path = "../../../../../tests/world/terminal.rs"]
mod world;

use world::Terminal;

/// Says to a run of this program that it is the one in the terminal, and as what.
const FACE: &str = "EDGECERT_TEST_FACE";

/// The program in the terminal: three pages, work in between, and what came of it.
#[test]
fn in_the_terminal() {
    let Ok(face) = std::env::var(FACE) else {
        return;
    };
    let replies = {
        let words = samples::english();
        let mut ask: Box<dyn Ask> = match face.as_str() {
            "plain" => Box::new(Plain::open(words).unwrap()),
            _ => Box::new(Screen::open(words).unwrap()),
        };
        let mut replies = vec![ask.page(&sip_domains(), &|_| Vec::new()).unwrap()];
        if face == "panic" {
            panic!("on purpose");
        }
        if face == "work" {
            ask.work(&sip_domains(), &mut |progress| {
                progress.step("first step");
                progress.step("second step");
                // Until a signal ends it; the deadline is that of the test.
                std::thread::sleep(std::time::Duration::from_secs(60));
            })
            .unwrap();
        }
        if matches!(replies[0], Reply::Next(_)) {
            ask.work(&sip_domains(), &mut |progress| {
                progress.step("first step");
                progress.step("second step");
            })
            .unwrap();
            replies.push(
                ask.page(
                    &page("name", "Name", "", vec![text("name", "Name", "", "")]),
                    &named,
                )
                .unwrap(),
            );
        }
        replies
    };
    super::super::terminal::write(&format!("came of it: {replies:?}\n")).unwrap();
    std::process::exit(0);
}

/// Not empty.
fn named(answers: &Answers) -> Vec<Mistake> {
    match answers.get("name") {
        Some(Answer::Text(text)) if !text.is_empty() => Vec::new(),
        _ => vec![Mistake {
            field: "name",
            text: "a name is needed".into(),
        }],
    }
}

fn command(face: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "cli::wizard::ask::tests::terminal::in_the_terminal",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.env(FACE, face);
    command
}

fn start(face: &str) -> Terminal {
    let terminal = Terminal::start(&command(face), 80, 24);
    terminal.shows("[x] contoso.com");
    terminal
}

#[test]
fn the_screen_is_filled_in_and_given_back() {
    let mut terminal = start("screen");
    terminal.until("a hidden cursor", |screen| {
        screen.alternate_screen() && screen.hide_cursor()
    });
    terminal.keys("\u{1b}[B \u{1b}[B\u{1b}[B");
    terminal.keys("neu.example\r");
    terminal.shows("[x] neu.example");
    terminal.keys("\r");
    terminal.shows("> Name:");
    terminal.keys("\r");
    terminal.shows("mistake: a name is needed");
    terminal.keys("에지 \u{1b}[D\u{1b}[D\u{7f}엣\r");
    assert_eq!(terminal.ended(), 0);
    let shown = terminal.screen().replace('\n', "");
    for part in [
        r#"Ticks(["contoso.com", "neu.example"])"#,
        r#"Text("엣지")"#,
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    terminal.is_given_back();
}

#[test]
fn escape_goes_back_and_ctrl_c_leaves() {
    for (key, reply) in [
        ("\u{1b}", "Back"),
        ("<", "Back"),
        ("\u{3}", "Leave"),
        ("\u{4}", "Leave"),
    ] {
        let mut terminal = start("screen");
        terminal.keys(key);
        assert_eq!(terminal.ended(), 0);
        assert!(
            terminal
                .screen()
                .contains(&format!("came of it: [{reply}(")),
            "{}",
            terminal.screen()
        );
        terminal.is_given_back();
    }
}

#[test]
fn pasted_sequences_are_dropped() {
    let mut terminal = start("screen");
    assert!(terminal.bytes().contains("\u{1b}[?2004h"));
    terminal.keys("\u{1b}[200~a.example\u{1b}[2J\u{1b}]0;owned\u{7}\u{3}\r\nb.example\u{1b}[201~");
    terminal.shows("+ a.example b.example");
    terminal.keys("\u{1b}[38;5;1m\u{1b}]52;c;eA==\u{7}\r");
    terminal.shows("[x] b.example");
    // Without the marks of a paste too.
    terminal.keys("c\u{1b}[31m\u{202e}\0.example\r");
    terminal.shows("[x] c.example");
    terminal.keys("\u{3}");
    terminal.ended();
    assert!(!terminal.bytes().contains("owned"));
    terminal.is_given_back();
}

#[test]
fn the_screen_follows_its_size() {
    let mut terminal = start("screen");
    for (columns, rows) in [(40, 12), (20, 8), (120, 40)] {
        terminal.resize(columns, rows);
        let edge = if columns > 100 { 100 } else { columns };
        terminal.until("a frame of that size", |screen| {
            let lines: Vec<String> = screen.rows(0, columns).collect();
            lines.iter().any(|line| line.contains("> [x] contoso"))
                && lines.first().is_some_and(|line| {
                    line.ends_with('┐') && line.chars().count() == usize::from(edge)
                })
        });
    }
    terminal.keys("\u{3}");
    terminal.ended();
    terminal.is_given_back();
}

#[test]
fn without_colours_there_is_no_sgr() {
    for (face, name, value) in [
        ("screen", "NO_COLOR", "1"),
        ("plain", "TERM", "dumb"),
        ("plain", "TERM", "xterm"),
    ] {
        let mut terminal = Terminal::start(command(face).env(name, value), 80, 24);
        terminal.shows("[x] contoso.com");
        terminal.keys("?");
        terminal.keys("\r");
        terminal.keys("\u{3}");
        terminal.ended();
        let bytes = terminal.bytes();
        let sgr = bytes.split("\u{1b}[").skip(1).any(|rest| {
            rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
                .starts_with('m')
        });
        assert!(!sgr, "{face} {bytes:?}");
        assert_eq!(face == "plain", !bytes.contains('\u{1b}'), "{bytes:?}");
        terminal.is_given_back();
    }
    let mut terminal = start("screen");
    assert!(terminal.bytes().contains("\u{1b}[1m") || terminal.bytes().contains("\u{1b}[36m"));
    terminal.keys("\u{3}");
    terminal.ended();
}

#[test]
fn line_by_line_on_a_terminal() {
    let mut terminal = start("plain");
    terminal.keys("1\r");
    terminal.shows("1 [ ] contoso.com");
    terminal.keys("\r");
    terminal.shows("second step");
    terminal.shows("Name:");
    terminal.keys("\r");
    terminal.shows("mistake: a name is needed");
    terminal.keys("a\u{1b}[Ab\r");
    assert_eq!(terminal.ended(), 0);
    assert!(
        terminal.screen().contains(r#"Text("ab")"#),
        "{}",
        terminal.screen()
    );
    terminal.is_given_back();
    for key in ["\u{3}", "\u{4}"] {
        let mut terminal = start("plain");
        terminal.keys(key);
        assert_eq!(terminal.ended(), 0);
        assert!(terminal.screen().contains("came of it: [Leave("));
    }
}

#[test]
fn signals_leave_and_give_the_terminal_back() {
    for face in ["screen", "plain"] {
        for signal in ["-TERM", "-HUP", "-INT"] {
            let mut terminal = start(face);
            let pid = terminal.pid().to_string();
            assert!(
                Command::new("kill")
                    .args([signal, &pid])
                    .status()
                    .unwrap()
                    .success()
            );
            assert_eq!(terminal.ended(), 0);
            assert!(
                terminal.screen().contains("came of it: [Leave("),
                "{}",
                terminal.screen()
            );
            terminal.is_given_back();
        }
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_is_read() {
    let mut terminal = start("panic");
    terminal.keys("\r");
    assert_ne!(terminal.ended(), 0);
    assert!(
        terminal.bytes().contains("on purpose"),
        "{}",
        terminal.screen()
    );
    terminal.is_given_back();
}

#[test]
fn a_terminal_that_vanishes_ends_the_program() {
    for face in ["screen", "plain"] {
        let mut terminal = start(face);
        terminal.hang_up("\u{1b}[B");
        terminal.ended();
    }
}

#[test]
fn work_gives_the_terminal_back_at_the_first_signal_and_ends_at_the_second() {
    let mut terminal = start("work");
    terminal.keys("\r");
    terminal.shows("second step");
    assert!(
        terminal.screen().contains("· first step"),
        "{}",
        terminal.screen()
    );
    terminal.keys("\u{3}");
    terminal.until("the screen given back", |screen| {
        !screen.alternate_screen() && !screen.hide_cursor()
    });
    terminal.keys("\u{3}");
    assert_eq!(terminal.ended(), 130);
    terminal.is_given_back();
}
