use super::edge::EdgePage;
use super::names::NamePage;
use super::*;
use crate::cli::deployment_file::DeploymentFile;
use crate::cli::wizard::answers::{PAGES, offered};
use crate::cli::wizard::facts::Look;
use crate::cli::wizard::messages::Language;
use crate::cli::wizard::page::Answer;
use crate::deployment::Deployment;
use crate::names::Slug;
use crate::request::IssuerProfile;
use console::measure_text_width;
use std::path::{Path, PathBuf};
use time::macros::datetime;

/// A disk with one file on it and no profile.
struct Disk(&'static str);

impl Look for Disk {
    fn content(&self, path: &Path) -> Option<Vec<u8>> {
        path.ends_with(self.0).then(|| b"not a csr".to_vec())
    }

    fn profile(&self, _: &Path) -> Result<IssuerProfile, String> {
        Err("it has 2 mistakes".to_owned())
    }

    fn is_closed(&self, path: &Path) -> bool {
        path.ends_with("closed.pfx")
    }

    fn passphrase(&self, path: &Path) -> Result<(), String> {
        match path.ends_with("pass.txt") {
            true => Ok(()),
            false => Err("its mode is 0644".to_owned()),
        }
    }
}

fn empty() -> Facts {
    Facts::empty(
        PathBuf::from("/srv/edge/edgecert.toml"),
        Slug::parse("external-edge").unwrap(),
        datetime!(2026-11-21 12:00 UTC),
        Box::new(Disk("there.csr")),
    )
}

fn deployed(text: &str) -> Facts {
    let path = PathBuf::from("/srv/edge/edgecert.toml");
    let deployment = Deployment::parse(text, &path).unwrap();
    Facts {
        file: Some(DeploymentFile {
            path,
            text: text.to_owned(),
            deployment,
        }),
        ..empty()
    }
}

const EXAMPLE: &str = include_str!("../../../../fixtures/deployments/example.toml");

fn text(value: &str) -> Answer {
    Answer::Text(value.to_owned())
}

fn choice(value: &str) -> Answer {
    Answer::Choice(value.to_owned())
}

fn list(values: &[&str]) -> Answer {
    Answer::Ticks(values.iter().map(|one| (*one).to_owned()).collect())
}

fn answers(all: &[(&'static str, FieldId, Answer)]) -> Document {
    let mut document = Document::new();
    for (page, field, answer) in all {
        document
            .entry(page)
            .or_default()
            .insert(field, answer.clone());
    }
    document
}

/// Calls with a view in each language.
fn views(facts: &Facts, document: &Document, mut look: impl FnMut(&View<'_>)) {
    for language in [Language::En, Language::Ko] {
        let texts = Texts::new(language);
        look(&View {
            facts,
            answers: document,
            texts: &texts,
            shown: &BTreeMap::new(),
            csr_file: None,
            has_previous: false,
            proved: false,
        });
    }
}

fn order(facts: &Facts, document: &Document) -> Vec<&'static str> {
    let mut ids = Vec::new();
    views(facts, document, |view| {
        ids = view.order().into_iter().map(Step::id).collect();
    });
    ids
}

#[test]
fn pages_that_have_nothing_to_ask_are_passed_over() {
    let facts = empty();
    let whole = order(&facts, &Document::new());
    assert_eq!(
        whole,
        [
            "tasks",
            "certificate",
            "uses",
            "issuer",
            "request-file",
            "key",
            "organization",
            "location",
            "fqdn",
            "names",
            "sip-domains",
            "xmpp-domains",
            "components",
            "further-names",
            "summary",
            "making",
            "csr",
            "next"
        ]
    );
    for (given, gone, come) in [
        (
            ("certificate", "certificate", choice("internal-edge")),
            &["uses", "sip-domains", "xmpp-domains", "components"][..],
            &[][..],
        ),
        (
            ("uses", "uses", list(&["sip-edge"])),
            &["xmpp-domains", "components"],
            &[],
        ),
        (
            ("uses", "uses", list(&["xmpp-c2s"])),
            &["sip-domains", "components"],
            &[],
        ),
        (
            ("issuer", "profile", choice("private-xmpp")),
            &["template"],
            &["roots"],
        ),
    ] {
        let now = order(&facts, &answers(std::slice::from_ref(&given)));
        for page in gone {
            assert!(!now.contains(page), "{given:?}: {page}");
        }
        for page in come {
            assert!(now.contains(page), "{given:?}: {page}");
        }
    }
    let declined = answers(&[
        ("tasks", "task", choice("import")),
        ("verdict", "assign", Answer::YesNo(false)),
    ]);
    assert_eq!(
        order(&deployed(EXAMPLE), &declined),
        ["tasks", "import", "comparison", "verdict", "next"]
    );
}

#[test]
fn every_wrong_answer_is_explained_where_it_was_given() {
    let long_label = format!("{}.com", "a".repeat(64));
    let long_name = format!("{}com", "abcdefg.".repeat(32));
    let many: Vec<String> = (0..14).map(|number| format!("d{number}.com")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let fqdn = ("fqdn", "fqdn", text("edge.contoso.com"));
    for (step, field, wrong, words) in [
        (Step::FIRST, "task", choice("assign"), "import"),
        (Step::FIRST, "task", choice("resume"), "request"),
        (Step::FIRST, "task", choice("new-reqest"), "new-request"),
        (Step::Edge(EdgePage::Uses), "uses", list(&[]), "use"),
        (
            Step::Edge(EdgePage::Uses),
            "uses",
            list(&["sip"]),
            "sip-edge",
        ),
        (
            Step::Edge(EdgePage::Issuer),
            "profile",
            choice("public"),
            "public-dv",
        ),
        (
            Step::Edge(EdgePage::RequestFile),
            "file",
            text("there.csr"),
            "there.csr",
        ),
        (Step::Edge(EdgePage::RequestFile), "file", text(""), ".csr"),
        (
            Step::Edge(EdgePage::Key),
            "key-type",
            choice("ed25519"),
            "ed25519",
        ),
        (
            Step::Edge(EdgePage::Organization),
            "organization",
            text(&"x".repeat(65)),
            "64",
        ),
        (
            Step::Edge(EdgePage::Organization),
            "organizational-unit",
            text("IT"),
            "7.1.2.7.4",
        ),
        (Step::Edge(EdgePage::Location), "country", text("KOR"), "KR"),
        (
            Step::Edge(EdgePage::Location),
            "state",
            text(&"x".repeat(129)),
            "128",
        ),
        (Step::Names(NamePage::Fqdn), "fqdn", text(""), "contoso.com"),
        (
            Step::Names(NamePage::Fqdn),
            "fqdn",
            text("edge"),
            "edge.contoso.com",
        ),
        (Step::Names(NamePage::Fqdn), "fqdn", text(&long_label), "63"),
        (Step::Names(NamePage::Fqdn), "fqdn", text(&long_name), "253"),
        (
            Step::Names(NamePage::Fqdn),
            "fqdn",
            text("192.0.2.1"),
            "ip:192.0.2.1",
        ),
        (
            Step::Names(NamePage::SipDomains),
            "sip-domains",
            list(&[]),
            "sip-edge",
        ),
        (
            Step::Names(NamePage::SipDomains),
            "sip-domains",
            list(&["*.contoso.com"]),
            "5922",
        ),
        (
            Step::Names(NamePage::SipDomains),
            "sip-domains",
            list(&["\u{301}a.com"]),
            "\u{301}a.com",
        ),
        (
            Step::Names(NamePage::SipDomains),
            "sip-domains",
            list(&many),
            "25",
        ),
        (
            Step::Names(NamePage::XmppDomains),
            "xmpp-domains",
            list(&["*.contoso.com"]),
            "*.",
        ),
        (
            Step::Names(NamePage::Components),
            "components",
            list(&["a_b.contoso.com"]),
            "srv:_xmpp-server",
        ),
        (
            Step::Names(NamePage::FurtherNames),
            "san",
            list(&["dns:*.contoso.com"]),
            "5922",
        ),
        (
            Step::Names(NamePage::FurtherNames),
            "san",
            list(&["xmpp:contoso.com"]),
            "dns:",
        ),
        (
            Step::Names(NamePage::FurtherNames),
            "san",
            list(&["dsn:contoso.com"]),
            "dns: srv:",
        ),
        (
            Step::Reply(ReplyPage::Import),
            "file",
            text("gone.pem"),
            "gone.pem",
        ),
        (
            Step::Reply(ReplyPage::Passphrase),
            "passphrase-file",
            text(""),
            "passphrase",
        ),
        (
            Step::Reply(ReplyPage::Passphrase),
            "passphrase-file",
            text("open.txt"),
            "0644",
        ),
    ] {
        let facts = empty();
        let document = answers(std::slice::from_ref(&fqdn));
        views(&facts, &document, |view| {
            let mut given = offered(&view.page(step));
            given.insert(field, wrong.clone());
            let mistakes = view.check(step, &given);
            let first = mistakes
                .first()
                .unwrap_or_else(|| panic!("{wrong:?} is taken"));
            assert_eq!(first.field, field, "{first:?}");
            // Words for people are in one language, names and numbers in both.
            if words.chars().any(|c| !c.is_ascii_lowercase()) || view.texts.word("ask.yes") == "yes"
            {
                assert!(first.text.contains(words), "{words}: {first:?}");
            }
        });
    }
}

#[test]
fn what_the_issuer_demands_of_the_subject_is_told_where_it_is_asked() {
    let facts = empty();
    let document = answers(&[
        ("issuer", "profile", choice("public-ov")),
        ("fqdn", "fqdn", text("edge.contoso.com")),
    ]);
    views(&facts, &document, |view| {
        let fields = |step| -> Vec<FieldId> {
            let mistakes = view.check(step, &offered(&view.page(step)));
            mistakes.iter().map(|mistake| mistake.field).collect()
        };
        assert_eq!(fields(Step::Edge(EdgePage::Organization)), ["organization"]);
        assert_eq!(fields(Step::Edge(EdgePage::Location)), ["country", "state"]);
        let mut given = offered(&view.page(Step::Edge(EdgePage::Location)));
        given.insert("country", text("KR"));
        let told = view.check(Step::Edge(EdgePage::Location), &given);
        let label = view.texts.word("location.locality.label");
        assert!(told[0].text.contains(&label), "{told:?}");
        assert!(told[0].text.contains("7.1.2.7.4"), "{told:?}");
        given.insert("locality", text("Seoul"));
        assert!(
            view.check(Step::Edge(EdgePage::Location), &given)
                .is_empty()
        );
    });
    views(&facts, &Document::new(), |view| {
        let given = offered(&view.page(Step::Edge(EdgePage::Organization)));
        assert!(
            view.check(Step::Edge(EdgePage::Organization), &given)
                .is_empty()
        );
    });
}

#[test]
fn names_stand_with_their_form() {
    let document = answers(&[
        ("issuer", "profile", choice("private-xmpp")),
        ("fqdn", "fqdn", text("edge.contoso.com")),
    ]);
    views(&empty(), &document, |view| {
        for step in [
            Step::Names(NamePage::Names),
            Step::Request(RequestPage::Summary),
        ] {
            let body = view.page(step).body;
            for line in [
                "  DNS       contoso.com ",
                "  SRV       _xmpp-server.contoso.com ",
                "  XmppAddr  contoso.com ",
            ] {
                let found = body.iter().filter(|one| one.starts_with(line)).count();
                assert_eq!(found, 1, "{line}: {body:#?}");
            }
        }
    });
}

#[test]
fn the_name_of_an_internal_edge_is_not_said_to_be_for_partners() {
    let document = answers(&[
        ("certificate", "certificate", choice("internal-edge")),
        ("fqdn", "fqdn", text("edge.corp.contoso.com")),
    ]);
    views(&empty(), &document, |view| {
        let body = view.page(Step::Names(NamePage::Names)).body.join("\n");
        assert!(body.contains("edge.corp.contoso.com"), "{body}");
        assert!(!body.contains("SRV"), "{body}");
    });
}

#[test]
fn the_fqdn_of_an_internal_edge_is_asked_in_words_of_its_own() {
    let texts = |name: &str| {
        let document = answers(&[("certificate", "certificate", choice(name))]);
        let mut pages = Vec::new();
        views(&empty(), &document, |view| {
            let page = view.page(Step::Names(NamePage::Fqdn));
            fits(&page);
            pages.push((page.title, page.intro));
        });
        pages
    };
    let (inside, outside) = (texts("internal-edge"), texts("external-edge"));
    assert!(!inside[0].1.contains("partners"), "{inside:?}");
    for (one, other) in inside.iter().zip(&outside) {
        assert!(one.0 != other.0 && one.1 != other.1, "{one:?}");
        assert!(!one.1.contains("SRV") && other.1.contains("SRV"), "{one:?}");
    }
}

#[test]
fn the_passphrase_file_is_asked_for_a_closed_reply_alone() {
    // It is a question: nothing is done before it.
    assert_eq!(Step::Reply(ReplyPage::Passphrase).work(), None);
    for (file, asks) in [("closed.pfx", true), ("there.csr", false), ("", false)] {
        let document = answers(&[
            ("tasks", "task", choice("import")),
            ("import", "file", text(file)),
        ]);
        views(&empty(), &document, |view| {
            assert_eq!(
                view.order().contains(&Step::Reply(ReplyPage::Passphrase)),
                asks,
                "{file}"
            );
            fits(&view.page(Step::Reply(ReplyPage::Passphrase)));
            let given = Answers::from([("passphrase-file", text("pass.txt"))]);
            assert!(
                view.check(Step::Reply(ReplyPage::Passphrase), &given)
                    .is_empty()
            );
        });
    }
    // Where the deployment has one for stored keys, that one may do.
    let own = "passphrase = { credential = \"edgecert-keys\" }";
    let without = EXAMPLE.replacen(own, "", 1);
    for (deployment, mistakes) in [(EXAMPLE, 0), (&without, 1)] {
        views(&deployed(deployment), &Document::new(), |view| {
            let given = Answers::from([("passphrase-file", text(""))]);
            assert_eq!(
                view.check(Step::Reply(ReplyPage::Passphrase), &given).len(),
                mistakes
            );
        });
    }
}

#[test]
fn what_to_do_now_offers_a_rollback_only_where_there_is_one() {
    let document = answers(&[("tasks", "task", choice("assign"))]);
    let shown = BTreeMap::from([(Step::Upkeep(UpkeepPage::Live), Vec::new())]);
    views(&deployed(EXAMPLE), &document, |view| {
        for has_previous in [false, true] {
            let after = View {
                shown: &shown,
                has_previous,
                ..*view
            };
            let body = after.page(Step::Last(LastPage::Next)).body.join("\n");
            assert!(body.contains("`edgecert check`"), "{body}");
            assert_eq!(body.contains("rollback"), has_previous, "{body}");
        }
    });
}

#[test]
fn a_proof_is_claimed_only_where_there_was_one() {
    let document = answers(&[("tasks", "task", choice("assign"))]);
    views(&deployed(EXAMPLE), &document, |view| {
        let page = |proved| {
            let after = View { proved, ..*view };
            after.page(Step::Upkeep(UpkeepPage::Live))
        };
        let (with, without) = (page(true), page(false));
        assert_ne!(with.title, without.title);
        assert_eq!(with.intro, view.texts.word("live.intro"));
        assert_eq!(without.intro, view.texts.word("live.intro-unproved"));
    });
}

#[test]
fn what_to_do_now_names_the_file_for_the_ca() {
    let document = answers(&[("tasks", "task", choice("new-request"))]);
    let file = Path::new("/srv/edge/send/edge.csr");
    views(&empty(), &document, |view| {
        let after = View {
            csr_file: Some(file),
            ..*view
        };
        let body = after.page(Step::Last(LastPage::Next)).body;
        let line = format!("   {}", file.display());
        assert!(body.contains(&line), "{body:#?}");
    });
}

#[test]
fn over_the_limit_only_commands_that_work_now_are_named() {
    let many: Vec<String> = (0..14).map(|number| format!("d{number}.com")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let document = answers(&[("fqdn", "fqdn", text("edge.contoso.com"))]);
    for (facts, first) in [(empty(), true), (deployed(EXAMPLE), false)] {
        views(&facts, &document, |view| {
            let mut given = offered(&view.page(Step::Names(NamePage::SipDomains)));
            given.insert("sip-domains", list(&many));
            let told = &view.check(Step::Names(NamePage::SipDomains), &given)[0].text;
            let init = told.find("`edgecert init`");
            let split = told.find("`edgecert plan --split`");
            assert!(split.is_some(), "{told}");
            assert_eq!(init.is_some(), first, "{told}");
            assert!(init < split, "{told}");
        });
    }
}

#[test]
fn own_profiles_and_programs_that_cannot_be_used_are_refused() {
    let facts = empty();
    views(&facts, &Document::new(), |view| {
        let mut given = offered(&view.page(Step::Edge(EdgePage::Issuer)));
        given.insert("profile", choice("own"));
        assert_eq!(
            view.check(Step::Edge(EdgePage::Issuer), &given)[0].field,
            "profile-file"
        );
        given.insert("profile-file", text("mine.toml"));
        let told = view.check(Step::Edge(EdgePage::Issuer), &given);
        assert!(told[0].text.contains("2 mistakes"), "{told:?}");
        let all = "`edgecert request profiles mine.toml`";
        assert!(told[0].text.contains(all), "{told:?}");
        given.insert("profile", choice("public-dv"));
        given.insert("send", choice("submit"));
        assert_eq!(
            view.check(Step::Edge(EdgePage::Issuer), &given)[0].field,
            "send"
        );
    });
}

#[test]
fn what_was_filled_in_stands_there_again_even_when_it_is_wrong() {
    let facts = deployed(EXAMPLE);
    let document = answers(&[
        ("fqdn", "fqdn", text("not a name")),
        (
            "sip-domains",
            "sip-domains",
            list(&["new.example", "*.wrong"]),
        ),
        ("location", "country", text("KOREA")),
    ]);
    views(&facts, &document, |view| {
        assert_eq!(
            offered(&view.page(Step::Names(NamePage::Fqdn)))["fqdn"],
            text("not a name")
        );
        let ticked = &offered(&view.page(Step::Names(NamePage::SipDomains)))["sip-domains"];
        assert_eq!(*ticked, list(&["new.example", "*.wrong"]));
        assert_eq!(
            offered(&view.page(Step::Edge(EdgePage::Location)))["country"],
            text("KOREA")
        );
    });
}

#[test]
fn defaults_come_from_the_deployment() {
    let facts = deployed(EXAMPLE);
    views(&facts, &Document::new(), |view| {
        let intent = view.intent();
        assert_eq!(intent.fqdn.unwrap().as_str(), "edge.contoso.com");
        assert_eq!(intent.sip_domains.len(), 2);
        assert_eq!(intent.friendly_name, "Contoso external edge");
        let (text, _) = view.intent().compose(view.facts).unwrap();
        assert_eq!(text, EXAMPLE, "nothing was answered, nothing changes");
    });
}

#[test]
fn only_what_was_answered_changes_in_the_deployment() {
    let facts = deployed(EXAMPLE);
    let document = answers(&[
        ("location", "locality", text("Seattle")),
        ("key", "friendly-name", text("Edge")),
    ]);
    views(&facts, &document, |view| {
        let (text, _) = view.intent().compose(view.facts).unwrap();
        let changed: Vec<_> = EXAMPLE
            .lines()
            .zip(text.lines())
            .filter(|(old, new)| old != new)
            .collect();
        assert_eq!(changed.len(), 2, "{changed:?}");
        assert_eq!(EXAMPLE.lines().count(), text.lines().count());
    });
}

#[test]
fn a_first_answer_makes_a_whole_deployment() {
    for (profile, certificate) in [
        ("public-dv", "external-edge"),
        ("private-xmpp", "external-edge"),
        ("private-xmpp", "internal-edge"),
    ] {
        let facts = empty();
        let document = answers(&[
            ("certificate", "certificate", choice(certificate)),
            ("issuer", "profile", choice(profile)),
            ("fqdn", "fqdn", text("edge.contoso.com")),
        ]);
        views(&facts, &document, |view| {
            let (_, deployment) = view.intent().compose(view.facts).unwrap();
            assert_eq!(deployment.certificates.len(), 1);
            assert_eq!(deployment.certificates[0].name.as_str(), certificate);
            let wanted = wanted_of(&deployment, &view.intent()).unwrap();
            assert_eq!(wanted.spec.profile.name, profile);
            assert_eq!(deployment.issuers.len(), 1, "{:?}", deployment.issuers);
        });
    }
}

#[test]
fn every_page_fits_a_terminal_of_80_columns_in_both_languages() {
    let fqdn = ("fqdn", "fqdn", text("edge.contoso.com"));
    for facts in [empty(), deployed(EXAMPLE)] {
        for task in Task::ALL {
            for profile in IssuerProfile::names() {
                let document = answers(&[
                    ("tasks", "task", choice(task.word())),
                    ("issuer", "profile", choice(profile)),
                    ("organization", "organizational-unit", text("Messaging")),
                    fqdn.clone(),
                ]);
                views(&facts, &document, |view| {
                    for step in view.order() {
                        fits(&view.page(step));
                    }
                });
            }
        }
    }
    views(&empty(), &Document::new(), |view| {
        for page in PAGES {
            fits(&view.bare(page.id));
        }
    });
}

fn fits(page: &Page) {
    let narrow = |line: &str, most: usize| {
        let width = measure_text_width(line);
        assert!(width <= most, "{}: {width} columns: {line}", page.id);
    };
    // Head, frame, number and walk stand in one line with the title.
    narrow(&page.title, 40);
    narrow(&page.walk, 20);
    for text in [&page.intro, &page.help] {
        for line in fit("", text) {
            narrow(&line, WIDTH);
        }
    }
    for line in &page.body {
        narrow(line, 80);
    }
    for field in &page.fields {
        narrow(&format!("{}  {}", field.label, field.hint), WIDTH);
        match &field.kind {
            // A profile's own description is cut by the screen.
            FieldKind::Choice { .. } if field.id == "profile" => {}
            FieldKind::Choice { options, .. } => {
                for one in options {
                    narrow(&format!("(x) {}  {}", one.label, one.note), WIDTH);
                }
            }
            FieldKind::Ticks { items, add, .. } => {
                for one in items {
                    narrow(&format!("[x] {}  {}", one.value, one.note), WIDTH);
                }
                narrow(add.as_deref().unwrap_or_default(), WIDTH);
            }
            FieldKind::Text { .. } | FieldKind::YesNo { .. } => {}
        }
    }
}

#[test]
fn every_page_has_its_names_in_the_catalogue() {
    views(&deployed(EXAMPLE), &Document::new(), |view| {
        for task in Task::ALL {
            let document = answers(&[("tasks", "task", choice(task.word()))]);
            let view = View {
                answers: &document,
                ..*view
            };
            for step in view.order() {
                let page = view.page(step);
                let names = PAGES.iter().find(|one| one.id == page.id).unwrap();
                for field in &page.fields {
                    assert!(names.fields.iter().any(|(id, _)| *id == field.id));
                }
            }
        }
    });
}

#[test]
fn a_partner_that_was_added_after_the_answer_stays() {
    let text = format!(
        "{EXAMPLE}\n[[partner]]\ndomain = \"old.example\"\n[[partner]]\ndomain = \"late.example\"\n"
    );
    let given = [
        ("tasks", "task", choice("federation")),
        ("partners", "partners", list(&[])),
        ("partners", "offered", list(&["old.example"])),
    ];
    let gone = |count: usize| {
        let mut gone = Vec::new();
        views(&deployed(&text), &answers(&given[..count]), |view| {
            gone = view.edits().iter().map(Edit::command).collect();
        });
        gone.join("\n")
    };
    assert!(gone(2).contains("late.example"));
    assert!(gone(3).contains("partner remove old.example"));
    assert!(!gone(3).contains("late.example"));
    views(&deployed(&text), &answers(&given), |view| {
        let page = view.page(Step::Federation(FederationPage::Partners));
        let FieldKind::Ticks { items, .. } = &page.fields[0].kind else {
            panic!("no list");
        };
        let ticked = items.iter().filter(|one| one.ticked);
        let ticked: Vec<&str> = ticked.map(|one| one.value.as_str()).collect();
        assert!(ticked.contains(&"late.example") && !ticked.contains(&"old.example"));
    });
}

#[test]
fn an_answer_for_sip_that_no_policy_takes_up_is_a_mistake() {
    for (policy, sip, wrong) in [
        ("keep", true, true),
        ("keep", false, false),
        ("nobody", true, true),
        ("everybody", true, false),
    ] {
        let document = answers(&[
            ("tasks", "task", choice("federation")),
            ("access-policy", "policy", choice(policy)),
            ("access-policy", "federated-users", Answer::YesNo(sip)),
        ]);
        let bare = EXAMPLE.split("[policy").next().unwrap();
        views(&deployed(bare), &document, |view| {
            let mistakes = view.check(
                Step::Federation(FederationPage::AccessPolicy),
                &document["access-policy"],
            );
            assert_eq!(!mistakes.is_empty(), wrong, "{policy} {sip}: {mistakes:?}");
        });
    }
}
