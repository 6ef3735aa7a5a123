use super::*;
use crate::explain::Explain;

#[test]
fn every_profile_that_ships_is_sound() {
    for name in IssuerProfile::names() {
        let profile = IssuerProfile::named(name).unwrap();
        assert_eq!(profile.name, name);
        assert!(!profile.description.is_empty() && !profile.cite.is_empty());
        assert!(profile.key_purposes.contains(&KeyPurpose::ServerAuth));
    }
}

#[test]
fn public_dv_takes_dns_names_and_server_authentication_alone() {
    let profile = IssuerProfile::built_in("public-dv").unwrap();
    assert!(profile.public && profile.common_name);
    assert_eq!(profile.forms, BTreeSet::from([NameForm::Dns]));
    assert_eq!(profile.key_purposes, [KeyPurpose::ServerAuth]);
    assert_eq!(profile.name_limit, Some(25));
    assert_eq!(profile.subject_fields, ["CN"]);
    assert!(!profile.key_types.contains(&KeyType::Ed25519));
    assert!((profile.renew_at - 0.33).abs() < 1e-9);
}

#[test]
fn private_xmpp_takes_everything_but_sip_uris() {
    let profile = IssuerProfile::built_in("private-xmpp").unwrap();
    assert!(!profile.public);
    assert!(profile.forms.contains(&NameForm::Srv) && profile.forms.contains(&NameForm::Xmpp));
    assert!(!profile.forms.contains(&NameForm::Uri));
    assert_eq!(profile.key_types, KeyType::ALL);
    assert_eq!(profile.subject_fields, SUBJECT_FIELDS);
    assert_eq!(profile.name_limit, None);
}

#[test]
fn only_profiles_that_take_a_form_are_named_for_it() {
    for (form, words, verb) in [
        (
            NameForm::Srv,
            "the profiles private-xmpp and ad-cs",
            "grant",
        ),
        (NameForm::Uri, "the profile private-sip", "grants"),
        (
            NameForm::Ip,
            "the profiles private-xmpp, private-sip and ad-cs",
            "grant",
        ),
    ] {
        assert_eq!(IssuerProfile::who_grants(form), words);
        assert_eq!(IssuerProfile::granting(form), format!("{words} {verb}"));
    }
}

#[test]
fn every_mistake_of_a_profile_is_told_with_its_place() {
    let text = "description = \"ours\"\npublic = \"no\"\nnames = [\"dns\", \"svr\"]\nname-limits = 3\nkey-types = [\"ec256\"]\nrenew-at = \"133%\"\n";
    let Err(ProfileError::Invalid { mistakes, .. }) =
        IssuerProfile::parse("ours", text, "ours.toml")
    else {
        panic!("taken");
    };
    let error = ProfileError::Invalid {
        origin: "ours.toml".into(),
        mistakes: mistakes.clone(),
    };
    let said = error.explain();
    assert_eq!(said.place, "ours.toml:1:1");
    assert!(
        said.why.ends_with(
            "\nours.toml:6:12: renew-at: \"133%\" is no share of a life (write a share between 0% and 100%: \"33%\")"
        ),
        "{}",
        said.why
    );
    let told: Vec<_> = mistakes
        .iter()
        .map(|one| (one.line, one.column, one.key.as_str(), one.mend.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (1, 1, "", "write key-purposes = [\"serverAuth\"]"),
            (2, 10, "public", "write true or false, without quotes"),
            (3, 17, "names", "did you mean \"srv\"?"),
            (4, 1, "", "did you mean \"name-limit\"?"),
            (
                6,
                12,
                "renew-at",
                "write a share between 0% and 100%: \"33%\""
            ),
        ]
    );
}

#[test]
fn a_profile_is_read_by_the_rules_of_every_file() {
    let sound = "description = \"ours\"\npublic = false\nnames = [\"dns\"]\nkey-purposes = [\"serverAuth\"]\nkey-types = [\"ec256\"]\n";
    let profile = IssuerProfile::parse("ours", &format!("{sound}name-limit = 1_000"), "ours.toml");
    assert_eq!(profile.unwrap().name_limit, Some(1000));
    for (added, what, mend) in [
        (
            "common-name = true\n",
            "common-name: a common name is asked for, but \"subject\" does not take CN",
            "add \"CN\" to subject, or set common-name = false",
        ),
        (
            "name-limit = -1\n",
            "name-limit: -1 is out of range",
            "write a number from 1 to 10000",
        ),
        (
            "subject = [\"O\", \"O\"]\n",
            "subject: \"O\" stands here twice",
            "write it once",
        ),
        (
            "public = true\n",
            "duplicate key \"public\"",
            "keep one of the two",
        ),
        (
            "max-days = \"90\"\n",
            "max-days: expected a whole number, found text \"90\"",
            "write a number from 1 to 36500, without quotes",
        ),
    ] {
        let text = format!("{sound}{added}");
        let Err(ProfileError::Invalid { mistakes, .. }) =
            IssuerProfile::parse("ours", &text, "ours.toml")
        else {
            panic!("taken: {added}");
        };
        let told: Vec<_> = mistakes
            .iter()
            .map(|one| (one.line(), one.mend.as_str()))
            .collect();
        assert_eq!(told, [(what.to_owned(), mend)], "{added}");
    }
}

#[test]
fn an_unknown_profile_names_the_nearest_one() {
    let told = IssuerProfile::named("public_dv").unwrap_err().explain();
    assert_eq!(told.what, "there is no issuer profile \"public_dv\"");
    assert_eq!(
        told.mend,
        "write \"public-dv\", or a path to a profile of your own that ends in .toml"
    );
}

#[test]
fn the_deployment_knows_every_profile_that_ships_by_its_word() {
    assert_eq!(IssuerProfile::names(), crate::deployment::PROFILE_WORDS);
    let mut words: Vec<&str> = crate::deployment::init::InitTemplate::ALL
        .iter()
        .map(|one| one.word())
        .collect();
    assert_eq!(words, IssuerProfile::names());
    words.dedup();
    assert_eq!(words.len(), BUILT_IN.len());
}

#[test]
fn lets_encrypt_has_its_limits() {
    for (name, limit, common_name, days, renew_at) in [
        ("letsencrypt-classic", 100, true, 90, 0.33),
        ("letsencrypt-tlsserver", 25, false, 45, 0.33),
        ("letsencrypt-shortlived", 25, false, 7, 0.5),
    ] {
        let profile = IssuerProfile::named(name).unwrap();
        assert_eq!(profile.name_limit, Some(limit), "{name}");
        assert_eq!(profile.common_name, common_name, "{name}");
        assert_eq!(profile.takes("CN"), common_name, "{name}");
        assert_eq!(profile.max_days, Some(days), "{name}");
        assert!((profile.renew_at - renew_at).abs() < 1e-9, "{name}");
    }
}

#[test]
fn keys_of_special_issuers_are_read_and_their_mistakes_told() {
    let sound = "description = \"ours\"\npublic = false\nnames = [\"dns\", \"sip\"]\nkey-purposes = [\"serverAuth\"]\nkey-types = [\"ec256\"]\nsubject = [\"O\", \"L\", \"CN\"]\n";
    let profile = IssuerProfile::parse(
        "ours",
        &format!(
            "{sound}wildcards = false\noffers = [\"webcon\"]\nrequired-subject = [\"O\", \"L|CN\"]\ncommon-name = \"fqdn\"\ntemplate = {{ oid = \"1.3.6.1.4.1.311.21.8.1\", major = 100 }}\nnotes = [\"ask Ada\"]\n"
        ),
        "ours.toml",
    )
    .unwrap();
    assert!(!profile.wildcards && profile.common_name && profile.common_name_is_fqdn);
    assert_eq!(profile.offers, ["webcon"]);
    assert_eq!(profile.required_subject, [vec!["O"], vec!["L", "CN"]]);
    assert_eq!(
        profile.template.unwrap().to_string(),
        "1.3.6.1.4.1.311.21.8.1:100"
    );
    assert_eq!(profile.notes, ["ask Ada"]);
    assert_eq!(profile.sip_rule, SipRule::Common);
    for (added, what, mend) in [
        (
            "required-subject = [\"C\"]\n",
            "required-subject: C is required, but \"subject\" does not take it",
            "add \"C\" to subject",
        ),
        (
            "required-subject = [\"L|XX\"]\n",
            "required-subject: \"XX\" is not known here",
            "write one of C, ST, L, O, OU, CN",
        ),
        (
            "sip-rule = \"strict\"\n",
            "sip-rule: a strict verifier accepts none of these key-purposes",
            "add \"sipDomain\" to key-purposes, or write sip-rule = \"common\"",
        ),
        (
            "sip-rule = \"strickt\"\n",
            "sip-rule: \"strickt\" is not known here",
            "did you mean \"strict\"?",
        ),
        (
            "offers = [\"webcon.contoso.com\"]\n",
            "offers: \"webcon.contoso.com\" is no label",
            "write the part in front of the domain alone, in lower case: \"webcon\"",
        ),
        (
            "common-name = \"edge\"\n",
            "common-name: \"edge\" is not known here",
            "write true or false without quotes, or \"fqdn\"",
        ),
        (
            "max-days = \"7\"\n",
            "max-days: expected a whole number, found text \"7\"",
            "write a number from 1 to 36500, without quotes",
        ),
        (
            "must-staple = true\n",
            "must-staple: Must-Staple is not asked for (tlsFeature, RFC 7633)",
            "take it out",
        ),
        (
            "template = { major = 1 }\n",
            "template: the key \"oid\" is missing",
            "write oid = \"1.3.6.1.4.1.311.21.8.…\"",
        ),
        (
            "template = { oid = \"1.2.3\", minor = 1 }\n",
            "template: this is no certificate template",
            "write the template's name (not its display name), or { oid = \"1.3.…\", major = 100, minor = 3 }",
        ),
        (
            "wildcards = \"no\"\n",
            "wildcards: expected true or false, found text \"no\"",
            "write true or false, without quotes",
        ),
        (
            "wildcard = false\n",
            "unknown key \"wildcard\"",
            "did you mean \"wildcards\"?",
        ),
    ] {
        let Err(ProfileError::Invalid { mistakes, .. }) =
            IssuerProfile::parse("ours", &format!("{sound}{added}"), "ours.toml")
        else {
            panic!("taken: {added}");
        };
        let told: Vec<_> = mistakes
            .iter()
            .map(|one| (one.line(), one.mend.as_str()))
            .collect();
        assert_eq!(told, [(what.to_owned(), mend)], "{added}");
    }
}

#[test]
fn a_purpose_with_a_slip_and_mistakes_without_end_are_told() {
    let text = format!(
        "description = \"ours\"\npublic = false\nnames = [\"dns\"]\nkey-purposes = [\"1.2.x\", \"serverauth\"]\nkey-types = [\"ec256\"]\n{}",
        (0..30)
            .map(|at| format!("x{at:02} = 1\n"))
            .collect::<String>()
    );
    let Err(error @ ProfileError::Invalid { .. }) =
        IssuerProfile::parse("ours", &text, "ours.toml")
    else {
        panic!("taken");
    };
    let said = error.explain();
    assert!(
        said.why
            .starts_with("key-purposes: \"1.2.x\" is no object identifier\n"),
        "{}",
        said.why
    );
    assert!(said.why.contains("did you mean \"serverAuth\"?"));
    assert!(said.why.ends_with("\nand 11 more"), "{}", said.why);
}
