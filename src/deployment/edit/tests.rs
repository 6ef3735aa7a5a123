use super::*;
use crate::explain::{DiffLine, diff};
use crate::federation::{Negotiation, Partner, PartnerType, Setting};
use crate::names::{Identifier, Use};
use crate::x509::KeyType;
use proptest::prelude::*;
use std::collections::BTreeSet;

mod partners;

const EXAMPLE: &str = include_str!("../../../fixtures/deployments/example.toml");

const LEAST: &str = "version = 1\n\n[edge]\nfqdn = \"edge.contoso.com\"\nsip-domains = [\"contoso.com\"]\n\n\
                     [certificate.external-edge]\nuses = [\"sip-edge\"]\n";

fn d(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn open(text: &str) -> Draft {
    Draft::open(text, Path::new("/srv/edge/edgecert.toml"))
        .unwrap_or_else(|error| panic!("{:#?}\n{text}", error.mistakes))
}

fn edited(text: &str, edit: impl FnOnce(&mut Draft)) -> String {
    let mut draft = open(text);
    edit(&mut draft);
    let now = draft.text();
    draft
        .finish()
        .unwrap_or_else(|error| panic!("{:#?}\n{now}", error.mistakes))
}

/// The lines that went and came, without those around.
fn changed(old: &str, new: &str) -> Vec<String> {
    diff(old, new)
        .iter()
        .filter(|line| matches!(line, DiffLine::Gone(_) | DiffLine::Added(_)))
        .map(DiffLine::words)
        .collect()
}

fn partner(domain: &str) -> Partner {
    Partner {
        domain: d(domain),
        description: Some("new \"friends\"".into()),
        additional_domains: Vec::new(),
        partner_type: PartnerType::PublicVerified,
        negotiation: Negotiation {
            tls: Setting::Required,
            sasl: Setting::Optional,
            dialback: true,
        },
        connection_limit: Some(5),
        keep_alive: true,
        server: None,
        roots: Vec::new(),
    }
}

/// What the file says already, said again by every setter.
fn say_again(draft: &mut Draft) {
    let all = draft.deployment().unwrap();
    draft
        .set_fqdn(&all.edge.fqdn)
        .set_sip_domains(&all.edge.sip_domains)
        .set_xmpp_domains(&all.edge.xmpp_domains)
        .set_components(&all.edge.components)
        .set_subject(&all.subject);
    for issuer in all.issuers.values() {
        draft.set_issuer(
            &issuer.name,
            &IssuerChange {
                profile: Some(issuer.profile.clone()),
                template: Some(issuer.template.clone()),
                submit: Some(issuer.submit.clone().unwrap_or_default()),
                roots: Some(issuer.roots.clone()),
            },
        );
    }
    for one in &all.certificates {
        draft.set_certificate(
            &one.name,
            &CertificateChange {
                issuer: Some(one.issuer.clone()),
                uses: Some(one.uses.clone()),
                domains: Some(one.domains.clone().unwrap_or_default()),
                friendly_name: Some(one.friendly_name.clone().unwrap_or_default()),
                san: Some(one.san.clone()),
                key_type: Some(one.key.key_type),
                on_renewal: Some(one.key.on_renewal),
                exportable: Some(one.key.exportable),
                passphrase: one.key.passphrase.clone(),
            },
        );
    }
    for gateway in &all.gateways {
        draft.set_gateway_certificates(gateway.kind.word(), &gateway.name, &gateway.certificates);
    }
}

#[test]
fn what_is_said_already_changes_no_byte() {
    let odd = "\u{feff}version = 1\r\nedge.fqdn = 'EDGE.contoso.com'\r\nedge.\"sip-domains\" = [ # all\r\n  'bücher.example' , # books\r\n\
               \"contoso.com\"]\r\nsubject = {country=\"us\"}\r\n[certificate.external-edge] # the one\r\nkey.type = \"rsa2048\"\r\nuses = [\"sip-edge\"]";
    for text in [EXAMPLE, LEAST, odd] {
        assert_eq!(edited(text, |_| {}), text);
        assert_eq!(edited(text, say_again), text);
    }
    let crlf = EXAMPLE.replace('\n', "\r\n");
    assert_eq!(edited(&crlf, say_again), crlf);
}

#[test]
fn a_change_touches_its_own_line_only() {
    let text = edited(EXAMPLE, |draft| {
        draft
            .set_fqdn(&d("access.contoso.com"))
            .set_sip_domains(&[d("contoso.com"), d("fabrikam.com"), d("adatum.org")])
            .set_certificate(
                &slug("external-edge"),
                &CertificateChange {
                    domains: Some(vec![d("contoso.com")]),
                    key_type: Some(KeyType::Ec384),
                    ..CertificateChange::default()
                },
            )
            .set_certificate(
                &slug("internal-edge"),
                &CertificateChange {
                    key_type: Some(KeyType::Rsa3072),
                    ..CertificateChange::default()
                },
            );
    });
    assert_eq!(
        changed(EXAMPLE, &text),
        [
            "- fqdn = \"edge.contoso.com\"                   # Access Edge FQDN: the target of the SRV records",
            "- sip-domains = [\"contoso.com\", \"fabrikam.com\"]   # each adds sip.<domain> and <domain>; the first is the primary one",
            "+ fqdn = \"access.contoso.com\"                   # Access Edge FQDN: the target of the SRV records",
            "+ sip-domains = [\"contoso.com\", \"fabrikam.com\", \"adatum.org\"]   # each adds sip.<domain> and <domain>; the first is the primary one",
            "+ domains = [\"contoso.com\"]",
            "+ key = { type = \"ec384\" }",
            "- key = { type = \"rsa2048\", on-renewal = \"new\", exportable = true }",
            "+ key = { type = \"rsa3072\", on-renewal = \"new\", exportable = true }",
        ]
    );
}

#[test]
fn new_tables_go_behind_the_last_of_their_kind() {
    let change = CertificateChange {
        issuer: Some(slug("private")),
        uses: Some(BTreeSet::from([Use::XmppS2s, Use::SipEdge])),
        domains: Some(vec![d("fabrikam.com")]),
        ..CertificateChange::default()
    };
    let issuer = IssuerChange {
        profile: Some(ProfileSource::BuiltIn("private-xmpp".into())),
        roots: Some(vec![RootsSource::Path("ca.pem".into())]),
        ..IssuerChange::default()
    };
    let text = edited(EXAMPLE, |draft| {
        draft
            .set_issuer(&slug("private"), &issuer)
            .set_certificate(&slug("external-edge-2"), &change)
            .add_partner(&partner("wingtip.com"));
    });
    let lines: Vec<&str> = text.lines().collect();
    let behind = |header: &str| {
        let at = lines.iter().position(|line| *line == header).unwrap();
        lines[at - 2..at + 5].to_vec()
    };
    assert_eq!(
        behind("[issuer.private]"),
        [
            "roots = [\"roots/contoso-root.pem\"]",
            "",
            "[issuer.private]",
            "profile = \"private-xmpp\"",
            "roots = [\"ca.pem\"]",
            "",
            lines
                .iter()
                .find(|line| line.starts_with("# ── certificates"))
                .unwrap(),
        ]
    );
    assert_eq!(
        behind("[certificate.external-edge-2]")[1..],
        [
            "",
            "[certificate.external-edge-2]",
            "issuer = \"private\"",
            "uses = [\"sip-edge\", \"xmpp-s2s\"]",
            "domains = [\"fabrikam.com\"]",
            "",
        ]
    );
    assert!(
        text.contains("roots = [\"roots/litware-root.pem\"]                   # only these count")
            || text.contains(
                "\n\n[[partner]]\ndomain = \"wingtip.com\"\ndescription = \"new \\\"friends\\\"\"\n"
            )
    );
    let removed = edited(&text, |draft| {
        draft
            .remove_certificate(&slug("external-edge-2"))
            .remove_issuer(&slug("private"))
            .remove_partner(&d("wingtip.com"));
    });
    assert_eq!(removed, EXAMPLE);
}

#[test]
fn the_first_table_of_a_kind_finds_its_place() {
    let subject = Subject {
        organization: Some("Contoso".into()),
        country: Some("US".into()),
        ..Subject::default()
    };
    let text = edited(LEAST, |draft| {
        draft.set_subject(&subject);
    });
    assert_eq!(
        text,
        LEAST.replace(
            "\n\n[certificate",
            "\n\n[subject]\norganization = \"Contoso\"\ncountry = \"US\"\n\n[certificate"
        )
    );
    // The keys go one by one, and the header stays.
    let text = edited(&text, |draft| {
        draft.set_subject(&Subject::default());
    });
    assert!(text.contains("\n[subject]\n\n[certificate"), "{text}");
    let dense = LEAST.replace("\n\n", "\n");
    let text = edited(&dense, |draft| {
        draft.set_subject(&subject);
    });
    assert!(text.contains(
        "\"contoso.com\"]\n[subject]\norganization = \"Contoso\"\ncountry = \"US\"\n[cert"
    ));
}

#[test]
fn comments_in_lists_stay_with_their_entries() {
    let list = "sip-domains = [ # all of them\n    # headquarters\n    \"contoso.com\",   # since 1985\n    \"fabrikam.com\", # bought\n\n    # books\n    \"bücher.example\" # last\n    # no more\n]\n";
    let text = LEAST.replace("sip-domains = [\"contoso.com\"]\n", list);
    for (domains, expected) in [
        (
            vec!["contoso.com", "xn--bcher-kva.example"],
            list.replace("    \"fabrikam.com\", # bought\n", ""),
        ),
        (
            vec!["contoso.com", "fabrikam.com"],
            list.replace("\n\n    # books\n    \"bücher.example\" # last\n", "\n")
                .replace("\"fabrikam.com\", # bought", "\"fabrikam.com\" # bought"),
        ),
        (
            vec!["contoso.com", "fabrikam.com", "xn--bcher-kva.example", "adatum.org"],
            list.replace(
                "\"bücher.example\" # last\n",
                "\"bücher.example\", # last\n    \"adatum.org\"\n",
            ),
        ),
        (
            vec!["fabrikam.com", "contoso.com", "xn--bcher-kva.example"],
            list.replace("    # headquarters\n    \"contoso.com\",   # since 1985\n    \"fabrikam.com\", # bought\n",
            "    \"fabrikam.com\", # bought\n    # headquarters\n    \"contoso.com\",   # since 1985\n"),
        ),
    ] {
        let domains: Vec<Domain> = domains.into_iter().map(d).collect();
        let new = edited(&text, |draft| {
            draft.set_sip_domains(&domains);
        });
        assert_eq!(new, LEAST.replace("sip-domains = [\"contoso.com\"]\n", &expected));
    }
}

#[test]
fn dotted_keys_and_inline_tables_are_kept_as_they_are() {
    let text = "version = 1\nedge.fqdn = \"edge.contoso.com\" # dotted\nedge.sip-domains = [\"contoso.com\"]\n\
                issuer = { public = { profile = \"public-dv\" } }\ncertificate.external-edge.uses = [\"sip-edge\"]\n[check]\njobs = 5\n";
    let new = edited(text, |draft| {
        draft
            .set_xmpp_domains(&[d("contoso.com")])
            .set_issuer(
                &slug("mine"),
                &IssuerChange {
                    profile: Some(ProfileSource::BuiltIn("private-xmpp".into())),
                    ..IssuerChange::default()
                },
            )
            .set_certificate(
                &slug("external-edge"),
                &CertificateChange {
                    issuer: Some(slug("public")),
                    ..CertificateChange::default()
                },
            )
            .set_certificate(
                &slug("second"),
                &CertificateChange {
                    issuer: Some(slug("mine")),
                    exportable: Some(false),
                    ..CertificateChange::default()
                },
            );
    });
    assert_eq!(
        changed(text, &new),
        [
            "- issuer = { public = { profile = \"public-dv\" } }",
            "+ edge.xmpp-domains = [\"contoso.com\"]",
            "+ issuer = { public = { profile = \"public-dv\" }, mine = { profile = \"private-xmpp\" } }",
            "+ certificate.external-edge.issuer = \"public\"",
            "+ certificate.second.issuer = \"mine\"",
            "+ certificate.second.key = { exportable = false }",
        ]
    );
    let back = edited(&new, |draft| {
        draft
            .remove_certificate(&slug("second"))
            .set_xmpp_domains(&[])
            .remove_issuer(&slug("mine"));
    });
    assert_eq!(
        changed(text, &back),
        ["+ certificate.external-edge.issuer = \"public\""]
    );
}

#[test]
fn a_change_that_breaks_the_file_names_the_mistake() {
    let mut draft = open(EXAMPLE);
    draft.remove_certificate(&slug("internal-edge"));
    let error = draft.finish().unwrap_err();
    assert!(
        error.mistakes[0].key.starts_with("gateway.files.mail"),
        "{error:?}"
    );
    let mut draft = open(LEAST);
    draft.set_certificate(
        &slug("external-edge"),
        &CertificateChange {
            domains: Some(vec![d("nobody.example")]),
            ..CertificateChange::default()
        },
    );
    let error = draft.finish().unwrap_err();
    assert_eq!(error.mistakes[0].key, "certificate.external-edge.domains");
    assert!(Draft::open("version = 2", Path::new("/x")).is_err());
}

#[test]
fn an_end_of_file_without_end_of_line_stays_so() {
    let text = LEAST.trim_end();
    let new = edited(text, |draft| {
        draft.add_partner(&partner("wingtip.com"));
    });
    assert!(new.ends_with("uses = [\"sip-edge\"]\n\n[[partner]]\ndomain = \"wingtip.com\"\ndescription = \"new \\\"friends\\\"\"\ntype = \"public-verified\"\ntls = \"required\"\nsasl = \"optional\"\ndialback = true\nconnection-limit = 5"), "{new}");
    let back = edited(&new, |draft| {
        draft.remove_partner(&d("wingtip.com"));
    });
    assert_eq!(back, text);
}

#[test]
fn tables_that_touch_go_together() {
    let gone = "[certificate.x]\nuses = [\"sip-edge\"]\nsan = []\n[certificate.x.key]\ntype = \"ec384\"\n\n";
    for (before, after) in [
        (LEAST, ""),
        (LEAST.trim_end(), ""),
        (LEAST, "\n[check]\njobs = 5"),
    ] {
        let dense = before.replace("\n\n", "\n");
        for before in [before, &dense] {
            let after = if after.is_empty() {
                String::new()
            } else {
                format!("{}{after}", if before.ends_with('\n') { "" } else { "\n" })
            };
            let end = if before.ends_with('\n') { "" } else { "\n" };
            let table = gone.trim_end();
            let tail = if before.ends_with('\n') && after.is_empty() {
                "\n"
            } else {
                ""
            };
            let tail = if after.is_empty() { tail } else { "\n" };
            let text = format!("{before}{end}{table}{tail}{after}");
            assert_eq!(edited(&text, say_again), text);
            let left = edited(&text, |draft| {
                draft.remove_certificate(&slug("x"));
            });
            assert_eq!(left, format!("{before}{after}"), "{text}");
        }
    }
}

/// The example, with the ends of lines, blank lines, mark and last line as they come.
fn spelled(crlf: bool, mark: bool, dense: bool, open_end: bool, whole: bool) -> String {
    let mut text = if whole { EXAMPLE } else { LEAST }.to_owned();
    if dense {
        text = text.replace("\n\n", "\n");
    }
    if open_end {
        text = text.trim_end().to_owned();
    }
    if crlf {
        text = text.replace('\n', "\r\n");
    }
    if mark {
        text.insert(0, '\u{feff}');
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_edit_and_its_inverse_give_the_same_bytes(
        spelling in proptest::array::uniform5(any::<bool>()),
        label in "[a-z][a-z0-9]{0,12}",
        kind in 0..6usize,
    ) {
        let [crlf, mark, dense, open_end, whole] = spelling;
        let text = spelled(crlf, mark, dense, open_end, whole);
        let all = open(&text).deployment().unwrap();
        let new = d(&format!("{label}.example"));
        let name = slug(&format!("x{label}"));
        let there = edited(&text, |draft| {
            match kind {
                0 => draft.set_fqdn(&new),
                1 => draft.set_sip_domains(&[&all.edge.sip_domains[..], std::slice::from_ref(&new)].concat()),
                2 => draft.set_sip_domains(&[std::slice::from_ref(&new), &all.edge.sip_domains[..]].concat()),
                3 => draft.set_certificate(&name, &CertificateChange {
                    issuer: all.issuers.keys().next().cloned().filter(|_| whole),
                    uses: Some(BTreeSet::from([Use::SipEdge])),
                    ..CertificateChange::default()
                }),
                4 => draft.add_partner(&partner(new.as_str())),
                _ => draft.set_issuer(&name, &IssuerChange {
                    profile: Some(ProfileSource::BuiltIn("public-dv".into())),
                    ..IssuerChange::default()
                }).set_certificate(&slug("external-edge"), &CertificateChange {
                    san: Some(vec![Identifier::parse_typed("dns:webcon.contoso.com").unwrap(),
                        Identifier::parse_typed(&format!("dns:{new}")).unwrap()]),
                    ..CertificateChange::default()
                }),
            };
        });
        prop_assert_ne!(&there, &text);
        // What is left when the new lines are gone are lines that stood there, in their order.
        let stood = text.lines().count();
        let gone = changed(&text, &there).iter().filter(|line| line.starts_with('-')).count();
        prop_assert!(gone <= 2 && stood > gone);
        prop_assert_eq!(there.contains("\r\n"), crlf);
        prop_assert!(!crlf || there.matches('\n').count() == there.matches("\r\n").count());
        let back = edited(&there, |draft| {
            match kind {
                0 => draft.set_fqdn(&all.edge.fqdn),
                1 | 2 => draft.set_sip_domains(&all.edge.sip_domains),
                3 => draft.remove_certificate(&name),
                4 => draft.remove_partner(&new),
                _ => draft.remove_issuer(&name).set_certificate(&slug("external-edge"), &CertificateChange {
                    san: Some(all.certificate(&slug("external-edge")).unwrap().san.clone()),
                    ..CertificateChange::default()
                }),
            };
        });
        prop_assert_eq!(back, text);
    }

    #[test]
    fn a_list_holds_what_was_asked_however_it_was_written(
        before in proptest::sample::subsequence(vec!["a.org", "b.org", "c.org", "d.org"], 1..4),
        after in proptest::sample::subsequence(vec!["a.org", "b.org", "c.org", "d.org", "e.org"], 1..5).prop_shuffle(),
        style in 0..5usize,
    ) {
        let list = match style {
            0 => format!("[{}]", before.iter().map(|one| format!("\"{one}\"")).collect::<Vec<_>>().join(",")),
            1 => format!("[\n{}]", before.iter().map(|one| format!("  '{one}', # {one}\n")).collect::<String>()),
            2 => format!("[ {} ,]", before.iter().map(|one| format!("\"{one}\"")).collect::<Vec<_>>().join(" , ")),
            3 => format!("[ # head\n{}\n # foot\n]", before.iter().map(|one| format!(" # above {one}\n \"{one}\"")).collect::<Vec<_>>().join("\n ,\n")),
            _ => format!("[{} # last\n]", before.iter().map(|one| format!("\"{one}\"")).collect::<Vec<_>>().join(", # c\n")),
        };
        let text = LEAST.replace("[\"contoso.com\"]", &list);
        let wanted: Vec<Domain> = after.iter().map(|one| d(one)).collect();
        let new = edited(&text, |draft| { draft.set_sip_domains(&wanted); });
        prop_assert_eq!(&open(&new).deployment().unwrap().edge.sip_domains, &wanted);
        for kept in before.iter().filter(|one| after.contains(one)) {
            for comment in [format!("# {kept}"), format!("# above {kept}")] {
                prop_assert_eq!(new.contains(&comment), text.contains(&comment), "{}", new);
            }
        }
    }
}
