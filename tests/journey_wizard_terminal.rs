//! The wizard as a person types through it: on a full screen and line by line, in both languages, back and forth,
//! interrupted, without a terminal any more, with junk pasted into it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/terminal.rs"]
mod terminal;
mod world;

use std::process::Command;
use terminal::Terminal;
use world::{OpensslCa, World};

/// Keys as terminals send them.
const ENTER: &str = "\r";
const ESCAPE: &str = "\u{1b}";
const CLEAR: &str = "\u{15}";
const CTRL_C: &str = "\u{3}";

/// The texts of one language, as the program has them.
struct Words {
    texts: toml_edit::DocumentMut,
}

impl Words {
    fn of(language: &'static str) -> Self {
        let path = format!(
            "{}/templates/messages/{language}.toml",
            env!("CARGO_MANIFEST_DIR")
        );
        let texts = std::fs::read_to_string(path).unwrap().parse().unwrap();
        Self { texts }
    }

    fn say(&self, table: &str, key: &str) -> &str {
        self.texts[table][key].as_str().unwrap()
    }

    fn title(&self, page: &str) -> &str {
        self.say(page, "title")
    }
}

fn wizard(world: &World, arguments: &[&str]) -> Command {
    world.command(&[&["wizard"], arguments].concat())
}

/// A wizard on a full screen of the usual size.
struct Screen {
    terminal: Terminal,
    words: Words,
}

impl Screen {
    fn start(world: &World, language: &'static str) -> Self {
        Self::of(
            Terminal::start(&wizard(world, &["--lang", language]), 80, 24),
            language,
        )
    }

    fn of(terminal: Terminal, language: &'static str) -> Self {
        Self {
            terminal,
            words: Words::of(language),
        }
    }

    /// Waits for a page: its title stands in the corner of the frame.
    #[track_caller]
    fn at(&self, page: &str) -> String {
        let corner = format!(" {} ┐", self.words.title(page));
        self.terminal.until(page, |screen| {
            let mut rows = screen.rows(0, screen.size().1);
            let title = rows.next().is_some_and(|row| row.ends_with(&corner));
            // While work goes on nothing is asked, and no keys are told.
            title && rows.any(|row| row.starts_with("└ "))
        })
    }

    /// Waits for a page and types.
    #[track_caller]
    fn on(&mut self, page: &str, keys: &str) {
        self.at(page);
        self.terminal.keys(keys);
    }

    #[track_caller]
    fn mistake(&self, text: &str) {
        let told = self.words.say("ask", "mistake").to_owned();
        self.terminal.until(text, |screen| {
            let shown = screen.contents();
            shown.contains(&told) && shown.contains(text)
        });
    }

    /// From the tasks to the name of the edge, everything as it is offered.
    #[track_caller]
    fn reach_fqdn(&mut self) {
        for page in ["tasks", "certificate", "uses"] {
            self.on(page, ENTER);
        }
        self.on("issuer", "\r\r\r");
        self.on("request-file", ENTER);
        self.on("key", "\r\r\r");
        self.on("organization", "\r\r");
        self.on("location", "\r\r\r");
        self.at("fqdn");
    }

    /// From the key's making to the end.
    #[track_caller]
    fn finish(&mut self) {
        for page in ["making", "csr", "next"] {
            self.on(page, ENTER);
        }
        assert_eq!(self.terminal.ended(), 0, "{}", self.terminal.screen());
        self.terminal.is_given_back();
    }
}

/// The names of the request that was made, as openssl reads them.
fn names(world: &World) -> String {
    let ran = Command::new("openssl")
        .args(["req", "-in", "external-edge.csr", "-noout", "-text"])
        .current_dir(world.folder())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

#[track_caller]
fn asks(world: &World, wanted: &[&str]) {
    let text = names(world);
    let count = text.matches("DNS:").count();
    for name in wanted {
        assert!(text.contains(&format!("DNS:{name}")), "{name}\n{text}");
    }
    assert_eq!(count, wanted.len(), "{text}");
}

#[test]
fn a_request_is_made_on_the_full_screen_in_both_languages() {
    for language in ["en", "ko"] {
        let world = World::new();
        let mut screen = Screen::start(&world, language);
        for page in ["tasks", "certificate", "uses"] {
            screen.on(page, ENTER);
        }
        screen.on("issuer", "\r\r\r");
        screen.on("request-file", ENTER);
        screen.on("key", "\r\r\r");
        screen.on("organization", "콘토소\r\r");
        // A country is two letters, and that is said where it was typed.
        screen.on("location", "Korea\r\r\r");
        screen.mistake("ISO 3166");
        screen.terminal.keys(&format!("{CLEAR}KR\r\r\r"));
        screen.on("fqdn", "edge.contoso.com\r");
        screen.on("names", ENTER);
        // The sign before the offer leads to it; what is wrong there is told at once, and mended where it stands.
        screen.on("sip-domains", "+*.contoso.com\r");
        screen.mistake("*.contoso.com");
        screen.terminal.keys(&format!("{CLEAR}fabrikam.com\r"));
        screen.terminal.shows("[x] fabrikam.com");
        screen.terminal.keys(ENTER);
        screen.on("xmpp-domains", ENTER);
        screen.on("components", "conference.contoso.com\r\r");
        // Back over four pages and on again: every answer stands.
        screen.on("further-names", ESCAPE);
        screen.on("components", "<");
        screen.on("xmpp-domains", ESCAPE);
        let shown = screen.at("sip-domains");
        assert!(shown.contains("[x] fabrikam.com"), "{shown}");
        screen.terminal.keys(ENTER);
        screen.on("xmpp-domains", ENTER);
        let shown = screen.at("components");
        assert!(shown.contains("[x] conference.contoso.com"), "{shown}");
        screen.terminal.keys(ENTER);
        screen.on("further-names", ENTER);
        assert!(
            !world.path("edgecert.toml").exists(),
            "nothing is written before the summary is agreed to"
        );
        screen.on("summary", ENTER);
        screen.finish();
        let last = screen.terminal.screen();
        assert!(last.contains("edgecert request external-edge"), "{last}");
        asks(
            &world,
            &[
                "edge.contoso.com",
                "sip.contoso.com",
                "contoso.com",
                "sip.fabrikam.com",
                "fabrikam.com",
                "conference.contoso.com",
            ],
        );
        assert!(world.read("edgecert.toml").contains("콘토소"));
        assert!(world.path("external-edge.answers.toml").exists());
    }
}

#[test]
fn a_request_is_made_line_by_line_in_both_languages() {
    for language in ["en", "ko"] {
        let world = World::new();
        let words = Words::of(language);
        let mut terminal =
            Terminal::start(&wizard(&world, &["--plain", "--lang", language]), 100, 50);
        let head = |page: &str| format!(": {}\n", words.title(page));
        let prompt = |page: &str, field: &str| {
            words.texts[page][field]["label"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let mut on = |page: &str, lines: &[(&str, &str)]| {
            terminal.shows(&head(page));
            for (shown, typed) in lines {
                terminal.until(shown, |screen| {
                    let text = screen.contents();
                    let line = text.lines().last().unwrap_or_default().to_owned();
                    line.contains(shown) && line.trim_end().ends_with(':')
                });
                terminal.keys(&format!("{typed}\r"));
            }
        };
        let number = words.say("ask", "plain-number");
        on("tasks", &[(number, "1")]);
        on("certificate", &[(number, "")]);
        on("uses", &[("[1 2]", "")]);
        on(
            "issuer",
            &[
                (number, ""),
                (number, ""),
                (&prompt("issuer", "profile-file"), ""),
            ],
        );
        on("request-file", &[("[external-edge.csr]", "")]);
        on(
            "key",
            &[
                (&prompt("key", "friendly-name"), ""),
                (number, "ec384"),
                (&prompt("key", "exportable"), words.say("ask", "no")),
            ],
        );
        on(
            "organization",
            &[
                (&prompt("organization", "organization"), "Contoso"),
                (&prompt("organization", "organizational-unit"), ""),
            ],
        );
        let country = prompt("location", "country");
        on(
            "location",
            &[
                (&country, "Korea"),
                (&prompt("location", "state"), ""),
                (&prompt("location", "locality"), ""),
                ("[Korea]", "KR"),
            ],
        );
        on("fqdn", &[(&prompt("fqdn", "fqdn"), "edge.contoso.com")]);
        on("names", &[("", "<")]);
        on(
            "fqdn",
            &[("[edge.contoso.com]", "?"), ("[edge.contoso.com]", "")],
        );
        on("names", &[("", "")]);
        on("sip-domains", &[("[1]", "fabrikam.com"), ("[1 2]", "")]);
        on("xmpp-domains", &[("[1]", "")]);
        on("components", &[("", "")]);
        on("further-names", &[("", "")]);
        on("summary", &[("", "")]);
        on("making", &[("", "")]);
        on("csr", &[("", "")]);
        on("next", &[("", "")]);
        assert_eq!(terminal.ended(), 0);
        terminal.is_given_back();
        assert!(
            !terminal.bytes().contains("\u{1b}[2K") && !terminal.bytes().contains("\u{1b}[?"),
            "line by line nothing is drawn over"
        );
        assert!(names(&world).contains("P-384"));
        asks(
            &world,
            &[
                "edge.contoso.com",
                "sip.contoso.com",
                "contoso.com",
                "sip.fabrikam.com",
                "fabrikam.com",
            ],
        );
    }
}

#[test]
fn what_was_answered_before_ctrl_c_is_there_at_the_next_start() {
    let world = World::new();
    let mut screen = Screen::start(&world, "en");
    screen.reach_fqdn();
    screen.on("fqdn", "edge.contoso.com\r");
    screen.on("names", ENTER);
    screen.on("sip-domains", "fabrikam.com");
    screen.terminal.shows("+ fabrikam.com");
    screen.terminal.keys(CTRL_C);
    assert_eq!(screen.terminal.ended(), 130);
    screen.terminal.is_given_back();
    screen
        .terminal
        .shows("`edgecert wizard` goes on where it was");
    assert!(!world.path("edgecert.toml").exists());
    // Line by line, and in the other language: the answers are the same.
    let mut plain = Terminal::start(&wizard(&world, &["--plain", "--lang", "ko"]), 80, 40);
    plain.shows(Words::of("ko").title("continue"));
    plain.keys(ENTER);
    plain.shows("2 [x] fabrikam.com");
    plain.keys("<\r");
    plain.shows(&format!(": {}\n", Words::of("ko").title("names")));
    plain.keys(CTRL_C);
    assert_eq!(plain.ended(), 130);
    plain.is_given_back();
    let mut screen = Screen::start(&world, "en");
    screen.on("continue", ENTER);
    let shown = screen.at("sip-domains");
    assert!(shown.contains("[x] fabrikam.com"), "{shown}");
    screen.terminal.keys(ENTER);
    for page in ["xmpp-domains", "components", "further-names", "summary"] {
        screen.on(page, ENTER);
    }
    screen.finish();
    // It is done: the next start begins anew.
    let screen = Screen::start(&world, "en");
    screen.at("tasks");
}

#[test]
fn a_wizard_whose_terminal_vanishes_ends_and_can_be_resumed() {
    for plain in [false, true] {
        let world = World::new();
        let arguments: &[&str] = if plain { &["--plain"] } else { &[] };
        let mut command = wizard(&world, arguments);
        command.env("LC_ALL", "C.UTF-8");
        let mut terminal = Terminal::start(&command, 80, 40);
        let begins = if plain { "number [1]: " } else { "(x) Create" };
        terminal.shows(begins);
        terminal.keys(ENTER);
        terminal.shows("Certificate request");
        terminal.keys(ENTER);
        terminal.shows("What it is for");
        terminal.hang_up(if plain { " " } else { "\u{1b}[B" });
        terminal.ended();
        let mut screen = Screen::start(&world, "en");
        screen.on("continue", ENTER);
        screen.terminal.shows(" ─ new request ─");
        screen.terminal.shows(" of 18 ─");
        screen.terminal.keys(CTRL_C);
        assert_eq!(screen.terminal.ended(), 130);
    }
}

#[test]
fn a_terminal_of_twenty_columns_is_asked_line_by_line() {
    let world = World::new();
    let mut terminal = Terminal::start(&wizard(&world, &["--lang", "en"]), 20, 40);
    terminal.shows("number [1]:");
    assert!(!terminal.bytes().contains('┌'));
    terminal.keys(CTRL_C);
    assert_eq!(terminal.ended(), 130);
    // One that shrinks while it is asked stays a frame.
    let world = World::new();
    let mut screen = Screen::start(&world, "en");
    screen.at("tasks");
    screen.terminal.resize(20, 10);
    screen
        .terminal
        .until("the focus in a small frame", |shown| {
            shown.contents().contains("> (x) Create a")
        });
    screen.terminal.keys(ENTER);
    screen.terminal.shows("(x) External");
    screen.terminal.resize(80, 24);
    screen.on("certificate", CTRL_C);
    assert_eq!(screen.terminal.ended(), 130);
    screen.terminal.is_given_back();
}

#[test]
fn pasted_sequences_never_reach_the_deployment_or_the_screen() {
    const JUNK: &str =
        "\u{1b}[200~Con\u{1b}[31mto\u{1b}]0;owned\u{7}so\u{202e}\0\u{3}\r\n\u{1b}[201~";
    let world = World::new();
    let mut screen = Screen::start(&world, "en");
    for page in ["tasks", "certificate", "uses"] {
        screen.on(page, ENTER);
    }
    screen.on("issuer", "\r\r\r");
    screen.on("request-file", ENTER);
    screen.on("key", "\r\r\r");
    screen.on("organization", JUNK);
    screen.terminal.shows("Contoso");
    screen.terminal.keys("\r\u{1b}[38;5;196mX\u{1b}[6n\r");
    // A unit goes to no public CA.
    screen.mistake("X");
    screen.terminal.keys("\u{7f}\r");
    screen.on("location", "\r\r\r");
    screen.on("fqdn", "\u{1b}[200~edge.contoso.com\r\nrm -rf\u{1b}[201~");
    screen.terminal.shows("edge.contoso.com rm -rf");
    screen.terminal.keys(ENTER);
    screen.mistake("edge.contoso.com rm -rf");
    screen.terminal.keys(&format!("{CLEAR}edge.contoso.com\r"));
    for page in [
        "names",
        "sip-domains",
        "xmpp-domains",
        "components",
        "further-names",
        "summary",
    ] {
        screen.on(page, ENTER);
    }
    screen.finish();
    assert!(!screen.terminal.bytes().contains("owned"));
    let written = world.read("edgecert.toml");
    assert!(written.contains("\"Contoso\""), "{written}");
    for (name, bytes) in world.files("") {
        let foreign = bytes
            .windows(2)
            .any(|two| two == b"\x1b[" || two == b"\x1b]");
        assert!(!foreign, "{name}");
    }
}

#[test]
fn without_colours_no_sgr_is_sent_from_the_first_page_to_the_last() {
    for (variable, flag) in [(Some("NO_COLOR"), &[][..]), (None, &["--color", "never"])] {
        let world = World::new();
        let mut command = wizard(&world, &[&["--lang", "en"], flag].concat());
        if let Some(variable) = variable {
            command.env(variable, "1");
        }
        let mut screen = Screen::of(Terminal::start(&command, 80, 24), "en");
        screen.reach_fqdn();
        screen.on("fqdn", ENTER);
        screen.mistake("");
        screen.terminal.keys("edge.contoso.com\r");
        for page in [
            "names",
            "sip-domains",
            "xmpp-domains",
            "components",
            "further-names",
            "summary",
        ] {
            screen.on(page, ENTER);
        }
        screen.finish();
        let bytes = screen.terminal.bytes();
        let coloured = bytes.split("\u{1b}[").skip(1).any(|rest| {
            rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
                .starts_with('m')
        });
        assert!(!coloured, "{flag:?}");
    }
}

#[test]
fn a_signal_leaves_like_ctrl_c() {
    for signal in ["-TERM", "-HUP", "-INT"] {
        let world = World::new();
        let mut screen = Screen::start(&world, "en");
        screen.at("tasks");
        let pid = screen.terminal.pid().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
        assert_eq!(screen.terminal.ended(), 130, "{signal}");
        screen.terminal.is_given_back();
    }
}

#[test]
fn without_a_terminal_the_flags_are_named() {
    let world = World::new();
    for arguments in [
        &["wizard"][..],
        &["wizard", "--plain"],
        &["wizard", "--json"],
    ] {
        world.run(arguments).ended(64).said("--answers");
    }
}

/// `scripts/wizard-pages` makes them; a page that was renamed or a title that was changed asks for it to be run again.
#[test]
fn the_captured_pages_are_those_of_the_program() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/wizard");
    let all = std::fs::read_to_string(folder.with_extension("md")).unwrap();
    let names = |language: &str| {
        let mut names: Vec<String> = std::fs::read_dir(folder.join(language))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("en"), names("ko"));
    for language in ["en", "ko"] {
        let words = Words::of(language);
        for name in names(language) {
            let text = std::fs::read_to_string(folder.join(language).join(&name)).unwrap();
            assert!(all.contains(&text), "{name} is not in docs/wizard.md");
            let id = name.trim_end_matches(".txt").split_once('-').unwrap().1;
            // `location-mistake` shows the page `location`.
            let page = (0..=id.len())
                .rev()
                .filter(|at| *at == id.len() || id[*at..].starts_with('-'))
                .map(|at| &id[..at])
                .find(|page| words.texts.contains_key(page))
                .unwrap_or_else(|| panic!("{name} is no page"));
            let corner = format!(" {} ┐", words.title(page));
            assert!(text.lines().next().unwrap().ends_with(&corner), "{name}");
            for line in text.lines() {
                assert_eq!(console::measure_text_width(line), 80, "{name}: {line}");
            }
        }
    }
}

/// Seconds since 1970, as certificates count.
fn seconds() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_reply_that_begins_while_the_wizard_is_open_is_taken() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&ca);
    let made = world.run(&["request", "--json"]).ended(0).json();
    let csr = made["result"]["csr"].as_str().unwrap().to_owned();
    let terminal = Terminal::start(&wizard(&world, &["--lang", "en"]), 80, 60);
    let mut screen = Screen::of(terminal, "en");
    screen.on("tasks", ENTER);
    screen.at("import");
    // The second in which it begins is one that the wizard, at its start, had still before it.
    let begun = seconds();
    while seconds() == begun {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    world.write("reply.pem", ca.reply(std::path::Path::new(&csr)));
    screen.terminal.keys("reply.pem\r");
    screen.on("comparison", ENTER);
    let shown = screen.at("verdict");
    assert!(!shown.contains("not-yet"), "{shown}");
    // Whole days: a second after it began, one less.
    let is_told = |days: u8| shown.contains(&format!("{days} days left"));
    assert!(is_told(90) || is_told(89), "{shown}");
    assert!(!world.files("edgecert.state/archive").is_empty());
}

#[test]
fn a_wizard_left_on_the_page_of_the_key_goes_on_there_and_says_so_in_its_language() {
    let world = World::new();
    let mut screen = Screen::start(&world, "ko");
    screen.reach_fqdn();
    screen.on("fqdn", "edge.contoso.com\r");
    for page in [
        "names",
        "sip-domains",
        "xmpp-domains",
        "components",
        "further-names",
        "summary",
    ] {
        screen.on(page, ENTER);
    }
    screen.on("making", CTRL_C);
    assert_eq!(screen.terminal.ended(), 130);
    screen.terminal.is_given_back();
    let told = screen.terminal.shows(screen.words.say("left", "what"));
    assert!(!told.contains("was left"), "{told}");
    assert!(told.contains("edgecert request external-edge"), "{told}");
    let csr = world.read("external-edge.csr");
    let mut screen = Screen::start(&world, "ko");
    screen.on("continue", ENTER);
    screen.finish();
    assert!(world.path("external-edge.answers.toml").exists());
    assert_eq!(world.read("external-edge.csr"), csr);
    let listed = world.run(&["request", "list", "--json"]).ended(0).json();
    let waiting = listed["result"]["requests"].as_array().unwrap();
    assert_eq!(waiting.len(), 1, "{listed:#}");
}
