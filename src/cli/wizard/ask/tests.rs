//! The presenters over pages of their own: pictures of many sizes, tables of keys, both other faces.

use super::draw::{Size, draw, draw_work, row_columns};
use super::form::{Form, Step, View};
use super::keys::Key;
use super::words::{Words, samples};
use crate::cli::wizard::page::{
    Answer, Answers, Beside, Choice, Field, FieldKind, Mistake, Page, Tick,
};
use crate::explain::is_harmful;

mod faces;
mod terminal;

fn text(id: &'static str, label: &str, hint: &str, value: &str) -> Field {
    Field {
        id,
        label: label.into(),
        hint: hint.into(),
        kind: FieldKind::Text {
            value: value.into(),
        },
    }
}

fn choice(id: &'static str, options: &[(&str, &str, &str)], chosen: &str) -> Field {
    Field {
        id,
        label: String::new(),
        hint: String::new(),
        kind: FieldKind::Choice {
            options: options
                .iter()
                .map(|(id, label, note)| Choice {
                    id: (*id).into(),
                    label: (*label).into(),
                    note: (*note).into(),
                })
                .collect(),
            chosen: chosen.into(),
        },
    }
}

fn ticks(id: &'static str, items: &[(&str, &str, bool)], add: Option<&str>) -> Field {
    Field {
        id,
        label: String::new(),
        hint: String::new(),
        kind: FieldKind::Ticks {
            items: items
                .iter()
                .map(|(value, note, ticked)| Tick {
                    value: (*value).into(),
                    note: (*note).into(),
                    ticked: *ticked,
                })
                .collect(),
            add: add.map(str::to_owned),
            beside: Beside::SipDomain,
        },
    }
}

fn yes_no(id: &'static str, label: &str, value: bool) -> Field {
    Field {
        id,
        label: label.into(),
        hint: String::new(),
        kind: FieldKind::YesNo { value },
    }
}

fn page(id: &'static str, title: &str, intro: &str, fields: Vec<Field>) -> Page {
    Page {
        id,
        walk: "new request".into(),
        number: 8,
        of: 14,
        title: title.into(),
        intro: intro.into(),
        help: "An explanation of some length, so that it has to be broken on a narrow screen."
            .into(),
        body: Vec::new(),
        fields,
    }
}

/// The page of the sketch.
fn sip_domains() -> Page {
    page(
        "sip-domains",
        "SIP domains",
        "Users of these domains sign in and federate over SIP. Each ticked domain adds sip.<domain> and the domain itself to the certificate.",
        vec![ticks(
            "domains",
            &[
                ("contoso.com", "sip.contoso.com, contoso.com", true),
                ("fabrikam.com", "sip.fabrikam.com, fabrikam.com", true),
                (
                    "adatum.example",
                    "(from the last request, no longer served)",
                    false,
                ),
            ],
            Some("another domain …"),
        )],
    )
}

/// Every kind of field, in Korean.
fn korean() -> Page {
    let mut page = page(
        "everything",
        "이름과 키",
        "이 인증서를 알아볼 이름과 키의 종류입니다. 보통은 그대로 두어도 됩니다. 긴 설명은 여러 줄로 나뉩니다.",
        vec![
            text(
                "name",
                "표시 이름",
                "사람이 알아보는 이름",
                "외부 에지 인증서",
            ),
            choice(
                "key",
                &[
                    (
                        "ec256",
                        "ECDSA P-256",
                        "빠르고 짧으며 모든 공개 CA가 받습니다",
                    ),
                    ("rsa2048", "RSA 2048", "오래된 상대와도 통합니다"),
                ],
                "ec256",
            ),
            yes_no("exportable", "내보내기 허용", true),
            ticks(
                "domains",
                &[("한국.example", "xn--3e0b707e.example", true)],
                Some("다른 도메인 …"),
            ),
        ],
    );
    page.body = (1..=40)
        .map(|n| format!("이름 {n}: sip.도메인{n}.example"))
        .collect();
    page
}

fn shown(form: &Form, words: &Words, columns: usize, rows: usize) -> Vec<String> {
    let picture = draw(form, words, Size { columns, rows });
    assert!(
        picture.rows.len() <= rows,
        "{} rows of {rows}",
        picture.rows.len()
    );
    if let Some((row, column)) = picture.cursor {
        assert!(
            row < picture.rows.len() && column < columns,
            "{row} {column}"
        );
    }
    picture
        .rows
        .iter()
        .map(|row| {
            let line: String = row.iter().map(|span| span.text.as_str()).collect();
            assert!(row_columns(row) <= columns, "{line:?} in {columns}");
            assert!(!line.chars().any(is_harmful), "{line:?}");
            line
        })
        .collect()
}

fn pressed(page: &Page, keys: &[Key]) -> (Form, Step) {
    let mut form = Form::new(page);
    let mut step = Step::Stay;
    for key in keys {
        assert_eq!(step, Step::Stay, "the page was left before {key:?}");
        let view = draw(
            &form,
            &samples::english(),
            Size {
                columns: 80,
                rows: 24,
            },
        )
        .view;
        step = form.press(key, view);
    }
    (form, step)
}

fn typed(text: &str) -> Vec<Key> {
    text.chars().map(Key::Char).collect()
}

fn ticked(form: &Form, id: &'static str) -> Vec<String> {
    match form.answers().get(id) {
        Some(Answer::Ticks(ticked)) => ticked.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_frame_is_that_of_the_sketch() {
    let lines = shown(&Form::new(&sip_domains()), &samples::english(), 73, 24);
    let expected = [
        "┌ edgecert wizard ─ new request ──────────────── 8 of 14 ─ SIP domains ┐",
        "│ Users of these domains sign in and federate over SIP. Each ticked     │",
    ];
    assert_eq!(lines[0].replace('─', ""), expected[0].replace('─', ""));
    assert_eq!(lines[1], expected[1]);
    let body = lines.join("\n");
    for part in [
        "> [x] contoso.com     sip.contoso.com, contoso.com",
        "  [ ] adatum.example  (from the last request, no longer served)",
        "  + another domain …",
        "└ space ticks · enter goes on · esc goes back · ? explains ─",
    ] {
        assert!(body.contains(part), "{part}\n{body}");
    }
    assert_eq!(lines.len(), 24);
}

#[test]
fn no_line_is_wider_than_the_screen_and_the_focus_is_always_seen() {
    let wrong = vec![
        Mistake {
            field: "domains",
            text: "this is no domain: 라벨이 너무 깁니다 ".repeat(3),
        },
        Mistake {
            field: "name",
            text: "너무 길다".into(),
        },
    ];
    for page in [sip_domains(), korean()] {
        for words in [samples::english(), samples::korean()] {
            for (columns, rows) in [
                (80, 24),
                (40, 12),
                (20, 8),
                (200, 60),
                (12, 5),
                (5, 3),
                (1, 1),
                (0, 0),
            ] {
                let mut form = Form::new(&page);
                for step in 0..12 {
                    let lines = shown(&form, &words, columns, rows);
                    if columns >= 20 {
                        let focus = lines.iter().any(|line| line.starts_with("│ > "));
                        assert!(focus, "{columns}x{rows} {step}\n{}", lines.join("\n"));
                    }
                    form.press(&Key::Down, View::default());
                }
                form.blame(wrong.clone());
                shown(&form, &words, columns, rows);
                form.press(&Key::Help, View::default());
                shown(&form, &words, columns, rows);
                for row in draw_work(&form, &words, Size { columns, rows }) {
                    assert!(row_columns(&row) <= columns.max(12));
                }
            }
        }
    }
}

#[test]
fn hints_of_a_form_stand_in_one_column() {
    let fields = vec![
        text("country", "Country", "two letters", ""),
        text("state", "State or province", "ST", ""),
        text("unit", "Unit", "", ""),
    ];
    let page = page("location", "Location", "Where.", fields);
    let words = samples::english();
    for columns in [64, 79, 80, 100] {
        let lines = shown(&Form::new(&page), &words, columns, 24);
        let column = |hint: &str| lines.iter().find_map(|line| line.find(hint));
        let (one, other) = (column("(two letters)"), column("(ST)"));
        assert!(
            one.is_some() && one == other,
            "{columns}: {one:?} {other:?}"
        );
    }
}

#[test]
fn a_domain_that_is_added_is_told_as_those_that_stand_there() {
    let mut keys = typed("litware.com");
    keys.push(Key::Enter);
    let (form, _) = pressed(&sip_domains(), &keys);
    let lines = shown(&form, &samples::english(), 80, 24).join("\n");
    let told = "[x] litware.com     sip.litware.com, litware.com";
    assert!(lines.contains(told), "{lines}");
}

#[test]
fn a_long_text_scrolls_and_says_where_it_is() {
    let mut page = sip_domains();
    page.fields.clear();
    page.body = (1..=60).map(|n| format!("line number {n}")).collect();
    let (mut form, _) = pressed(&page, &[]);
    let words = samples::english();
    let first = shown(&form, &words, 80, 24).join("\n");
    assert!(
        first.contains("line number 1 ") && first.contains("pgup/pgdn scroll ────── 1-22/63"),
        "{first}"
    );
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..10 {
        for line in shown(&form, &words, 80, 24) {
            seen.extend(
                line.split("number ")
                    .nth(1)
                    .map(|n| n.trim_matches([' ', '│']).to_owned()),
            );
        }
        let view = draw(
            &form,
            &words,
            Size {
                columns: 80,
                rows: 24,
            },
        )
        .view;
        assert_eq!(form.press(&Key::PageDown, view), Step::Stay);
    }
    assert_eq!(seen.len(), 60, "{seen:?}");
    let last = shown(&form, &words, 80, 24).join("\n");
    assert!(last.contains("42-63/63"), "{last}");
    let view = draw(
        &form,
        &words,
        Size {
            columns: 80,
            rows: 24,
        },
    )
    .view;
    form.press(&Key::Home, view);
    assert_eq!(form.scroll, 0);
    assert_eq!(form.press(&Key::Enter, view), Step::Next);
}

#[test]
fn a_long_list_is_counted_where_it_is_cut() {
    let items: Vec<(String, bool)> = (1..=100).map(|n| (format!("d{n}.example"), true)).collect();
    let items: Vec<(&str, &str, bool)> = items
        .iter()
        .map(|(name, on)| (name.as_str(), "", *on))
        .collect();
    let page = page(
        "x",
        "domains",
        "Many.",
        vec![ticks("domains", &items, Some("another …"))],
    );
    let (form, _) = pressed(&page, &[Key::End]);
    let lines = shown(&form, &samples::english(), 80, 24).join("\n");
    assert!(
        lines.contains("> + another …") && lines.contains("… 82 more"),
        "{lines}"
    );
    let (form, _) = pressed(&page, &[Key::PageDown, Key::PageDown]);
    let lines = shown(&form, &samples::english(), 80, 24).join("\n");
    assert!(lines.contains("> [x] d21.example"), "{lines}");
    assert_eq!(lines.matches(" more").count(), 2);
}

#[test]
fn ticks_are_switched_and_others_added() {
    use Key::{Down, End, Enter, Escape, Tab, Up};
    let space = Key::Char(' ');
    for (keys, after, step) in [
        (vec![Enter], vec!["contoso.com", "fabrikam.com"], Step::Next),
        (vec![space.clone()], vec!["fabrikam.com"], Step::Stay),
        (
            vec![Down, Down, space.clone(), Enter],
            vec!["contoso.com", "fabrikam.com", "adatum.example"],
            Step::Next,
        ),
        (
            [vec![End], typed("a.example"), vec![Enter]].concat(),
            vec!["contoso.com", "fabrikam.com", "a.example"],
            Step::Stay,
        ),
        (
            [vec![End], typed("a.example"), vec![Enter, Enter]].concat(),
            vec!["contoso.com", "fabrikam.com", "a.example"],
            Step::Next,
        ),
        // Typed over the list, pasted, twice, in capitals; left by Escape, Tab or an arrow: nothing is lost.
        (
            [typed("a.example"), vec![Escape]].concat(),
            vec!["contoso.com", "fabrikam.com", "a.example"],
            Step::Back,
        ),
        (
            [typed("a.example"), vec![Up, Tab]].concat(),
            vec!["contoso.com", "fabrikam.com", "a.example"],
            Step::Stay,
        ),
        (
            vec![Key::Pasted("a.example, b.example a.example".into()), Enter],
            vec!["contoso.com", "fabrikam.com", "a.example", "b.example"],
            Step::Stay,
        ),
        (
            [typed("ADATUM.example"), vec![Enter]].concat(),
            vec!["contoso.com", "fabrikam.com", "adatum.example"],
            Step::Stay,
        ),
        (
            vec![Key::Char('<')],
            vec!["contoso.com", "fabrikam.com"],
            Step::Back,
        ),
        (
            vec![End, Key::Char('<')],
            vec!["contoso.com", "fabrikam.com"],
            Step::Back,
        ),
        (
            vec![Key::Leave],
            vec!["contoso.com", "fabrikam.com"],
            Step::Leave,
        ),
    ] {
        let (form, ended) = pressed(&sip_domains(), &keys);
        assert_eq!(ticked(&form, "domains"), after, "{keys:?}");
        assert_eq!(ended, step, "{keys:?}");
    }
}

#[test]
fn what_is_added_is_checked_at_once_and_a_wrong_one_goes_back_into_the_line() {
    use Key::{Down, Enter, Tab, Up};
    let check = |answers: &Answers| match answers.get("domains") {
        Some(Answer::Ticks(all)) => all
            .iter()
            .filter(|one| one.contains('_'))
            .map(|one| Mistake {
                field: "domains",
                text: format!("{one} is none"),
            })
            .collect(),
        Some(_) | None => Vec::new(),
    };
    let plus = Key::Char('+');
    for leaves in [Enter, Up, Down, Tab] {
        let mut form = Form::new(&sip_domains());
        let before = ticked(&form, "domains");
        let rows = form.entries[0].rows();
        let press = |form: &mut Form, key: &Key| {
            assert_eq!(form.press(key, View::default()), Step::Stay);
            form.judge_added(&check);
        };
        // The sign leads to the line, and is no text.
        press(&mut form, &plus);
        assert_eq!(form.edited().unwrap().text(), "");
        for key in typed("a_b.example").iter().chain([&leaves]) {
            press(&mut form, key);
        }
        assert_eq!(form.mistakes.len(), 1, "{leaves:?}");
        assert_eq!(form.entries[0].rows(), rows, "{leaves:?}");
        assert_eq!(form.edited().unwrap().text(), "a_b.example", "{leaves:?}");
        press(&mut form, &Key::Clear);
        for key in typed("ab.example").iter().chain([&Enter]) {
            press(&mut form, key);
        }
        assert!(form.mistakes.is_empty(), "{leaves:?}");
        let added = [before, vec!["ab.example".to_owned()]].concat();
        assert_eq!(ticked(&form, "domains"), added, "{leaves:?}");
    }
}

#[test]
fn a_form_is_walked_through_and_left_from_its_last_field() {
    use Key::{BackTab, Down, Enter, Escape, Tab, Up};
    let page = page(
        "name",
        "Name and key",
        "",
        vec![
            text("name", "Friendly name", "", ""),
            choice(
                "key",
                &[
                    ("ec256", "P-256", ""),
                    ("ec384", "P-384", ""),
                    ("rsa2048", "RSA", ""),
                ],
                "ec384",
            ),
            yes_no("exportable", "Exportable", true),
        ],
    );
    let answers = |name: &str, key: &str, exportable| {
        Answers::from([
            ("name", Answer::Text(name.into())),
            ("key", Answer::Choice(key.into())),
            ("exportable", Answer::YesNo(exportable)),
        ])
    };
    let space = || Key::Char(' ');
    for (keys, after, step) in [
        (
            vec![Enter, Enter, Enter],
            answers("", "ec384", true),
            Step::Next,
        ),
        (
            [typed(" my edge "), vec![Enter]].concat(),
            answers("my edge", "ec384", true),
            Step::Stay,
        ),
        (
            vec![Tab, Up, space(), Down, Tab, space(), Enter],
            answers("", "ec384", false),
            Step::Next,
        ),
        (
            vec![Tab, Up, space()],
            answers("", "ec256", true),
            Step::Stay,
        ),
        (
            vec![Tab, Down, Enter, Enter],
            answers("", "rsa2048", true),
            Step::Next,
        ),
        (
            vec![Tab, Down, Tab],
            answers("", "rsa2048", true),
            Step::Stay,
        ),
        // Passing through with arrows changes nothing.
        (
            vec![Down, Down, Down, Enter],
            answers("", "ec384", true),
            Step::Next,
        ),
        (
            vec![BackTab, Key::Char('n'), Up, Up, Up, Key::Char('x')],
            answers("x", "ec384", false),
            Step::Stay,
        ),
        (
            vec![BackTab, Key::Left, Escape],
            answers("", "ec384", false),
            Step::Back,
        ),
        (vec![Key::Char('<')], answers("", "ec384", true), Step::Back),
        (typed("a<?"), answers("a<?", "ec384", true), Step::Stay),
        (
            vec![Key::Pasted("<".into())],
            answers("<", "ec384", true),
            Step::Stay,
        ),
    ] {
        let (form, ended) = pressed(&page, &keys);
        assert_eq!(form.answers(), after, "{keys:?}");
        assert_eq!(ended, step, "{keys:?}");
    }
}

#[test]
fn a_page_explains_itself_and_comes_back() {
    let words = samples::english();
    let (mut form, _) = pressed(&sip_domains(), &[Key::Char('?')]);
    let lines = shown(&form, &words, 80, 24).join("\n");
    for part in [
        "what this page is for",
        "An explanation",
        "any key leads back",
        "ctrl-c leaves",
    ] {
        assert!(lines.contains(part), "{part}\n{lines}");
    }
    assert!(!lines.contains("[x]"));
    assert_eq!(form.press(&Key::Escape, View::default()), Step::Stay);
    assert!(shown(&form, &words, 80, 24).join("\n").contains("[x]"));
    let (form, _) = pressed(
        &sip_domains(),
        &[Key::End, Key::Char('a'), Key::Char('?'), Key::Help],
    );
    assert!(form.explains);
}

#[test]
fn a_mistake_is_told_where_it_was_made_until_it_is_mended() {
    let page = page(
        "place",
        "Location",
        "",
        vec![
            text("state", "State", "", ""),
            text("country", "Country", "two letters", "Korea"),
        ],
    );
    let mut form = Form::new(&page);
    form.blame(vec![Mistake {
        field: "country",
        text: "a country is two letters, such as KR".into(),
    }]);
    assert_eq!(form.focus.field, 1);
    let words = samples::english();
    let lines = shown(&form, &words, 80, 24);
    let at = lines
        .iter()
        .position(|line| line.contains("> Country:"))
        .unwrap();
    assert!(lines[at].contains("Korea") && lines[at].contains("two letters"));
    assert!(lines[at + 1].contains("mistake: a country is two letters, such as KR"));
    form.press(&Key::Left, View::default());
    assert_eq!(form.mistakes.len(), 1);
    form.press(&Key::Clear, View::default());
    assert_eq!(form.mistakes.len(), 0);
}

#[test]
fn the_cursor_stands_behind_wide_characters() {
    let page = page("x", "x", "", vec![text("name", "이름", "", "한글")]);
    let form = Form::new(&page);
    let picture = draw(
        &form,
        &samples::korean(),
        Size {
            columns: 80,
            rows: 24,
        },
    );
    // Frame and space, mark, label with colon and space, two wide characters.
    assert_eq!(picture.cursor, Some((1, 2 + 2 + 6 + 4)));
}
