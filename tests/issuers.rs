//! A request for every issuer: what the binary writes is read by strangers, name for name, and what an issuer would
//! refuse is refused before a key is made.
//!
//! A tool that is missing is a failure, with the command that installs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/foreign.rs"]
mod foreign;
mod world;

use edgecert::explain::Explain;
use edgecert::names::plan::{PlanInput, plan_names};
use edgecert::names::{Domain, Slug, Use};
use edgecert::request::{IssuerProfile, KeyPolicy, RequestSpec, foresee};
use edgecert::x509::{KeyType, PrivateKey, Subject};
use foreign::run;
use serde_json::Value;
use std::path::Path;
use world::World;

const NAMES: [&str; 10] = [
    "--fqdn",
    "edge.contoso.com",
    "--sip-domain",
    "contoso.com",
    "--sip-domain",
    "fabrikam.com",
    "--xmpp-domain",
    "contoso.com",
    "--xmpp-domain",
    "bücher.de",
];

const SUBJECT: [&str; 6] = [
    "--organization",
    "Contoso",
    "--country",
    "US",
    "--locality",
    "Redmond",
];

fn openssl_text(folder: &Path, csr: &str) -> String {
    let said = run(
        folder,
        "openssl",
        &[
            "openssl",
            "req",
            "-in",
            csr,
            "-verify",
            "-noout",
            "-text",
            "-nameopt",
            "utf8,sep_comma_plus",
        ],
    );
    assert!(said.contains("verify OK"), "{said}");
    said
}

/// The subjectAltName as openssl shows it, in our words and sorted.
fn names_by_openssl(text: &str) -> Vec<String> {
    let line = text
        .lines()
        .skip_while(|line| !line.contains("X509v3 Subject Alternative Name"))
        .nth(1)
        .unwrap_or_else(|| panic!("no names in\n{text}"));
    let mut names: Vec<String> = line
        .trim()
        .split(", ")
        .map(|name| {
            for (theirs, ours) in [
                ("DNS:", "dns:"),
                ("othername: SRVName::", "srv:"),
                ("othername: XmppAddr::", "xmpp:"),
                ("URI:", ""),
                ("IP Address:", "ip:"),
            ] {
                if let Some(value) = name.strip_prefix(theirs) {
                    return format!("{ours}{value}");
                }
            }
            panic!("{name}")
        })
        .collect();
    names.sort();
    names
}

/// The same by certtool.
fn names_by_certtool(text: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let line = line.trim();
            for (theirs, ours) in [
                ("DNSname: ", "dns:"),
                ("SRVName: ", "srv:"),
                ("XMPP Address: ", "xmpp:"),
                ("URI: ", ""),
                ("IPAddress: ", "ip:"),
            ] {
                if let Some(value) = line.strip_prefix(theirs) {
                    // certtool shows the U-labels of a DNS name after it
                    let value = value.split(" (").next().unwrap();
                    return Some(format!("{ours}{value}"));
                }
            }
            None
        })
        .collect();
    names.sort();
    names
}

fn sorted(names: &Value) -> Vec<String> {
    let mut names: Vec<String> = names
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn profiles(world: &World) -> Vec<Value> {
    let listed = world
        .run(&["request", "profiles", "--json"])
        .ended(0)
        .json();
    listed["result"]["profiles"].as_array().unwrap().clone()
}

#[test]
fn requests_for_every_profile_and_key_type_are_read_by_openssl_and_certtool() {
    let world = World::new();
    let mut made = 0;
    for profile in profiles(&world) {
        let name = profile["name"].as_str().unwrap();
        for key_type in profile["key_types"].as_array().unwrap() {
            let key_type = key_type.as_str().unwrap();
            let out = format!("{name}-{key_type}");
            let arguments = [
                &["request", "--issuer-profile", name, "--key-type", key_type][..],
                &NAMES,
                &SUBJECT,
                &["--out", &out, "--json"],
            ]
            .concat();
            let asked = world.run(&arguments).ended(0).json();
            let csr = format!("{out}/csr.pem");
            let text = openssl_text(world.folder(), &csr);
            let wanted = sorted(&asked["result"]["names"]);
            assert_eq!(names_by_openssl(&text), wanted, "{out}");
            let info = run(
                world.folder(),
                "gnutls-bin",
                &["certtool", "--crq-info", "--infile", &csr],
            );
            assert!(info.contains("Self signature: verified"), "{out}: {info}");
            assert_eq!(names_by_certtool(&info), wanted, "{out}");

            // The subject CN only where it is wanted, and then a subjectAltName too.
            let subject = text.lines().find(|line| line.contains("Subject:")).unwrap();
            let common_name = subject.split("CN=").nth(1);
            assert_eq!(
                common_name,
                (profile["common_name"] == true).then_some("edge.contoso.com"),
                "{out}: {subject}"
            );
            assert!(wanted.contains(&"dns:edge.contoso.com".to_owned()));
            for (purpose, words) in [
                ("serverAuth", "TLS Web Server Authentication"),
                ("clientAuth", "TLS Web Client Authentication"),
                ("sipDomain", "1.3.6.1.5.5.7.3.20"),
            ] {
                let is_asked = profile["key_purposes"]
                    .as_array()
                    .unwrap()
                    .contains(&purpose.into());
                assert_eq!(text.contains(words), is_asked, "{out}: {purpose}");
            }
            let has_template = text.contains("1.3.6.1.4.1.311.20.2");
            assert_eq!(has_template, name == "ad-cs", "{out}");
            made += 1;
        }
    }
    assert!(made >= 9 * 3, "{made}");
}

#[test]
fn ad_cs_gets_its_template_byte_for_byte() {
    let world = World::new();
    for (template, extension, hex) in [
        (
            "WebServer",
            "1.3.6.1.4.1.311.20.2",
            "1e12005700650062005300650072007600650072",
        ),
        (
            "MySubCA",
            "1.3.6.1.4.1.311.20.2",
            "1e0e004d007900530075006200430041",
        ),
        (
            "1.3.6.1.4.1.311.21.8.1.2:100.3",
            "1.3.6.1.4.1.311.21.7",
            "3013060b2b06010401823715080102020164020103",
        ),
    ] {
        let arguments = [
            &[
                "request",
                "--issuer-profile",
                "ad-cs",
                "--template",
                template,
                "--out",
                template,
            ][..],
            &NAMES,
        ]
        .concat();
        world
            .run(&arguments)
            .ended(0)
            .said(&format!("template {template}"));
        let csr = format!("{template}/csr.pem");
        assert!(openssl_text(world.folder(), &csr).contains(extension));
        let info = run(
            world.folder(),
            "gnutls-bin",
            &["certtool", "--crq-info", "--infile", &csr],
        );
        let unknown = format!("Unknown extension {extension} (not critical):");
        let shown = info
            .split(&unknown)
            .nth(1)
            .unwrap_or_else(|| panic!("{info}"));
        let dump = shown.lines().find(|line| line.contains("Hexdump")).unwrap();
        assert_eq!(dump.trim(), format!("Hexdump: {hex}"));
    }
    world
        .run(
            &[
                &[
                    "request",
                    "--issuer-profile",
                    "private-xmpp",
                    "--template",
                    "WebServer",
                    "--out",
                    "no",
                ][..],
                &NAMES,
            ]
            .concat(),
        )
        .ended(64)
        .said("the issuer takes no certificate template");
    assert!(!world.path("no").exists());
    world
        .run(
            &[
                &[
                    "request",
                    "--issuer-profile",
                    "ad-cs",
                    "--template",
                    "",
                    "--out",
                    "no",
                ][..],
                &NAMES,
            ]
            .concat(),
        )
        .ended(64)
        .said("where  --template");
}

#[test]
fn a_template_of_the_deployment_is_asked_shown_and_asked_again() {
    let world = World::new();
    world
        .run(&[
            "init",
            "--template",
            "ad-cs",
            "--xmpp-domain",
            "contoso.com",
        ])
        .ended(0);
    let text = world.read("edgecert.toml").replace(
        "template = \"WebServer\"",
        "template = { oid = \"1.3.6.1.4.1.311.21.8.1.2\", major = 100, minor = 3 }",
    );
    world.write("edgecert.toml", &text);
    let id = "1.3.6.1.4.1.311.21.8.1.2:100.3";
    world
        .run(&["plan"])
        .ended(0)
        .said(&format!("template {id}"));
    let made = world.run(&["request", "--json"]).ended(0).json();
    assert_eq!(made["result"]["template"], id);
    world.run(&["request"]).ended(0).said("asks this already");
    let shown = made["result"]["id"].as_str().unwrap();
    let shown = world
        .run(&["request", "show", shown, "--json"])
        .ended(0)
        .json();
    assert_eq!(shown["result"]["asked"]["templates"][0], id);
    assert_eq!(shown["result"]["template"], id);
    // another template is another request, and another issuer has none
    world
        .run(&["request", "--template", "Edge"])
        .ended(0)
        .said("template Edge");
    let other = world
        .run(&["plan", "--issuer-profile", "private-xmpp", "--json"])
        .ended(0)
        .json();
    assert_eq!(other["result"]["template"], Value::Null);
}

/// What differs is known and wanted: prosodyctl leaves the FQDN of the edge out, which it does not know, and asks for
/// basicConstraints, which a CA sets by itself.
#[test]
fn prosodys_own_request_holds_the_same_xmpp_names() {
    let world = World::new();
    let folder = world.folder().to_str().unwrap();
    for name in ["data", "certs"] {
        std::fs::create_dir(world.path(name)).unwrap();
    }
    world.write(
        "prosody.cfg.lua",
        format!(
            "data_path = \"{folder}/data\"\npidfile = \"{folder}/prosody.pid\"\ncertificates = \"{folder}/certs\"\n\
             modules_enabled = {{ }}\nVirtualHost \"contoso.com\"\nComponent \"conference.contoso.com\" \"muc\"\n"
        ),
    );
    // With a subject, an empty answer for the key's size and no file in its way, it asks nothing. --root keeps it from
    // becoming another user, who could not write here.
    run(
        world.folder(),
        "--no-install-recommends prosody",
        &[
            "prosodyctl",
            "--root",
            "--config",
            &format!("{folder}/prosody.cfg.lua"),
            "cert",
            "request",
            "contoso.com",
            "/organizationName=Contoso/commonName=contoso.com",
        ],
    );
    // Root writes into `certificates`, anybody else into `data_path`.
    let theirs = ["certs", "data"]
        .map(|place| format!("{place}/contoso.com.req"))
        .into_iter()
        .find(|path| world.path(path).is_file())
        .expect("prosodyctl wrote no request");
    world
        .run(&[
            "request",
            "--issuer-profile",
            "private-xmpp",
            "--fqdn",
            "edge.contoso.com",
            "--xmpp-domain",
            "contoso.com",
            "--component",
            "conference.contoso.com",
            "--use",
            "xmpp-s2s",
            "--use",
            "xmpp-c2s",
            "--organization",
            "Contoso",
            "--key-type",
            "rsa2048",
            "--out",
            "out",
        ])
        .ended(0);
    let theirs = openssl_text(world.folder(), &theirs);
    let ours = openssl_text(world.folder(), "out/csr.pem");
    let mut expected = names_by_openssl(&theirs);
    assert_eq!(expected.len(), 7, "{theirs}");
    expected.push("dns:edge.contoso.com".into());
    expected.sort();
    assert_eq!(names_by_openssl(&ours), expected);
    for words in [
        "TLS Web Server Authentication, TLS Web Client Authentication",
        "Digital Signature, Key Encipherment",
    ] {
        assert!(theirs.contains(words) && ours.contains(words), "{words}");
    }
    assert!(theirs.contains("Basic Constraints") && !ours.contains("Basic Constraints"));
}

#[test]
fn what_an_issuer_refuses_is_refused_before_there_is_a_key() {
    let world = World::new();
    for (arguments, code, words) in [
        (
            &["--issuer-profile", "public-ov", "--organization", "Contoso"][..],
            64,
            "error: the issuer demands more of the subject: C, ST or L",
        ),
        (
            &["--issuer-profile", "lync", "-d", "*.adatum.com"],
            1,
            "error: the issuer grants no wildcards: dns:*.adatum.com",
        ),
        (
            &[
                "--issuer-profile",
                "lync",
                "--common-name",
                "sip.contoso.com",
            ],
            64,
            "is not the Access Edge FQDN",
        ),
        (
            &["-d", "edge.contoso.local"],
            1,
            "error: no public CA can vouch for dns:edge.contoso.local",
        ),
        (
            &["--issuer-profile", "private-sip", "--san", "sip:adatum.com"],
            1,
            "mend   add --san dns:adatum.com; or ask for no sip URI at all",
        ),
        (&["-d", "edge"], 64, "it has one label"),
        (&["-d", "my_edge.contoso.com"], 64, "underscore"),
        (
            &["-d", "*.fabrikam.com"],
            64,
            "a wildcard cannot stand for a SIP name: dns:*.fabrikam.com",
        ),
    ] {
        world
            .run(&[&["request", "--out", "out"][..], &NAMES, arguments].concat())
            .ended(code)
            .said(words);
        assert!(!world.path("out").exists(), "{arguments:?}");
    }
    // An elliptic key for Lync is a warning from flags alone, and refused in a deployment.
    let elliptic = ["--issuer-profile", "lync", "--key-type", "ec256"];
    world
        .run(&[&["request", "--out", "warned"][..], &NAMES, &elliptic].concat())
        .ended(0)
        .said("request.key-refused")
        .said("it takes rsa2048, rsa3072, rsa4096; RSA alone by Lync Server 2013");
    world
        .run(&["init", "--template", "lync", "--sip-domain", "contoso.com"])
        .ended(0);
    world
        .run(&["request", "--key-type", "ec256"])
        .ended(64)
        .said("the issuer does not take ec256 keys");
    world.run(&["request"]).ended(0).said("rsa2048, new");
}

#[test]
fn a_profile_of_ones_own_is_taken_by_its_path() {
    let world = World::new();
    world.write(
        "profiles/own.toml",
        "description = \"our CA\"\npublic = false\nnames = [\"dns\", \"srv\"]\nkey-purposes = [\"serverAuth\"]\nkey-types = [\"ec384\"]\nnotes = [\"ask Ada\"]\n",
    );
    let by_flag = [
        &["plan", "--issuer-profile", "./profiles/own.toml"][..],
        &NAMES,
    ]
    .concat();
    world
        .run(&by_flag)
        .ended(0)
        .said("issuer own (DNS-ID, SRV-ID)")
        .said("ask Ada (request.issuer-note)");
    world
        .run(&[
            "init",
            "--template",
            "private-xmpp",
            "--xmpp-domain",
            "contoso.com",
        ])
        .ended(0);
    let text = world
        .read("edgecert.toml")
        .replacen(
            "profile = \"private-xmpp\"",
            "profile = \"profiles/own.toml\"",
            1,
        )
        .replacen("# [key]", "[key]", 1)
        .replacen("# type = \"ec256\"", "type = \"ec384\"", 1);
    world.write("edgecert.toml", text);
    let made = world.run(&["request", "--json"]).ended(0).json();
    assert_eq!(made["result"]["issuer_profile"], "own");
    assert_eq!(made["findings"][1]["code"], "request.issuer-note");
    world
        .run(&["request", "profiles", "profiles/own.toml"])
        .ended(0)
        .said("own · our CA")
        .said("ask Ada");
    world.write(
        "profiles/own.toml",
        "description = \"our CA\"\nmust-staple = true\n",
    );
    world
        .run(&["request", "profiles", "profiles/own.toml"])
        .ended(64)
        .said("the issuer profile has 5 mistakes")
        .said(":2:1")
        .said("Let's Encrypt has refused it since 2025-05-07");
    world
        .run(&["request", "profiles", "lyncc"])
        .ended(64)
        .said("write \"lync\"");
}

#[test]
fn every_profile_has_a_deployment_that_init_writes() {
    let world = World::new();
    for profile in profiles(&world) {
        let name = profile["name"].as_str().unwrap();
        let config = format!("{name}.toml");
        let at = ["--config", &config];
        world
            .run(
                &[
                    &[
                        "init",
                        "--template",
                        name,
                        "--sip-domain",
                        "contoso.com",
                        "--xmpp-domain",
                        "contoso.com",
                    ][..],
                    &at,
                ]
                .concat(),
            )
            .ended(0);
        // Whose organization it is nobody can guess.
        if name == "public-ov" {
            let mut text = world.read(&config);
            for field in ["organization", "country", "state"] {
                text = text.replacen(&format!("# {field} ="), &format!("{field} ="), 1);
            }
            world.write(&config, text);
        }
        let asked = world
            .run(&[&["request", "--dry-run", "--json"][..], &at].concat())
            .ended(0)
            .json();
        assert_eq!(asked["result"]["issuer_profile"], name);
        let plan = world
            .run(&[&["plan", "--json"][..], &at].concat())
            .ended(0)
            .json();
        let offered = plan["result"]["offered"].as_array().unwrap();
        assert_eq!(!offered.is_empty(), name == "lync", "{name}");
    }
}

#[test]
fn a_private_root_that_is_missing_is_told_by_init_and_where_it_is_needed() {
    let world = World::new();
    world
        .run(&[
            "init",
            "--template",
            "private-xmpp",
            "--xmpp-domain",
            "contoso.com",
        ])
        .ended(0)
        .said("put the root of your CA into roots/private-root.pem");
    world.run(&["request"]).ended(0).said("next: send the CSR");
    world.run(&["lab", "ca"]).ended(0);
    let requests = std::fs::read_dir(world.path("edgecert.state/requests/external-edge")).unwrap();
    let csr = requests
        .map(|one| one.unwrap().path().join("csr.pem"))
        .next()
        .unwrap();
    world
        .run(&[
            "lab",
            "sign",
            csr.to_str().unwrap(),
            "--private",
            "--out",
            "reply.pem",
        ])
        .ended(0);
    world
        .run(&["import", "reply.pem"])
        .ended(1)
        .said("cannot read")
        .said("under `roots` of [issuer.private]");
    std::fs::create_dir(world.path("roots")).unwrap();
    std::fs::copy(
        world.path("lab-ca/root.pem"),
        world.path("roots/private-root.pem"),
    )
    .unwrap();
    world.run(&["import", "reply.pem"]).ended(0);
}

#[test]
fn names_that_are_no_dns_names_are_told_with_their_type() {
    let world = World::new();
    let arguments = ["request", "--dry-run", "--issuer-profile", "private-xmpp"];
    world
        .run(&[&arguments[..], &NAMES].concat())
        .ended(0)
        .said("contoso.com, SRV _xmpp-server.contoso.com, XmppAddr contoso.com");
}

#[test]
fn what_the_issuer_demands_of_the_subject_is_told_by_the_keys_of_the_file() {
    let world = World::new();
    let keys = "organization, country and state or locality";
    world
        .run(&[
            "init",
            "--issuer-profile",
            "public-ov",
            "--sip-domain",
            "contoso.com",
        ])
        .ended(0)
        .said(&format!(
            "the issuer demands {keys}: write yours below [subject] of edgecert.toml"
        ))
        .said("next: fill in [subject]; then edgecert plan");
    let told = world.run(&["plan"]).ended(0);
    told.said("write organization, country and state or locality below [subject] of edgecert.toml")
        .said("`edgecert request` takes --organization, --country and --state-or-province or --locality as well");
    let subject = "organization = \"Contoso\"\ncountry = \"US\"\nstate = \"Washington\"\n";
    let text = world.read("edgecert.toml");
    let filled = text.replacen("[subject]\n", &format!("[subject]\n{subject}"), 1);
    world.write("edgecert.toml", filled);
    let ran = world.run(&["plan"]).ended(0);
    assert!(!ran.stdout.contains("will refuse"), "{}", ran.stdout);
    // Where nothing is demanded nothing is asked for.
    let world = World::new();
    let ran = world.run(&["init", "--sip-domain", "contoso.com"]).ended(0);
    assert!(!ran.stdout.contains("[subject]"), "{}", ran.stdout);
}

#[test]
fn the_plan_foretells_what_the_request_will_refuse() {
    let world = World::new();
    let private = [
        "--fqdn",
        "edge.contoso.local",
        "--sip-domain",
        "contoso.local",
    ];
    let public = ["--fqdn", "edge.contoso.com", "--sip-domain", "contoso.com"];
    for (names, flags, code, next) in [
        (private, &[][..], "request.not-public", false),
        (
            public,
            &["--issuer-profile", "public-ov"],
            "request.subject-missing",
            false,
        ),
        (
            public,
            &[
                "--issuer-profile",
                "private-xmpp",
                "--template",
                "WebServer",
            ],
            "request.template-not-taken",
            false,
        ),
        (public, &[], "", true),
    ] {
        let arguments = [&["plan"][..], &names, flags].concat();
        let plan = world.run(&arguments).ended(0);
        assert_eq!(
            plan.stdout.contains("`request` will refuse: "),
            !next,
            "{}",
            plan.stdout
        );
        assert_eq!(
            plan.stdout.contains("next: edgecert request"),
            next,
            "{}",
            plan.stdout
        );
        let told = world
            .run(&[&arguments[..], &["--json"]].concat())
            .ended(0)
            .json();
        assert_eq!(
            told["result"]["refused"]["code"].as_str().unwrap_or(""),
            code
        );
        let asked = [&["request", "--dry-run", "--json"][..], &names, flags].concat();
        let asked = world.run(&asked).json();
        assert_eq!(asked["error"]["code"].as_str().unwrap_or(""), code);
    }
}

#[test]
fn a_field_that_is_not_asked_for_is_told_with_its_reason() {
    let world = World::new();
    let long = format!("{}.contoso.com", "a".repeat(63));
    world
        .run(&[
            "request",
            "--dry-run",
            "--fqdn",
            &long,
            "--sip-domain",
            "contoso.com",
        ])
        .ended(0)
        .said("not asked for: CN (a common name has at most 64 characters)");
    let owner = ["request", "--dry-run", "--organization", "Contoso"];
    world
        .run(&[&owner[..], &NAMES].concat())
        .ended(0)
        .said("not asked for: O (public-dv takes CN alone)");
}

#[test]
fn the_plan_says_what_is_special_of_an_issuer() {
    let world = World::new();
    let plan = |profile: &str| {
        world
            .run(&[&["plan", "--issuer-profile", profile][..], &NAMES].concat())
            .ended(0)
    };
    plan("lync")
        .said("issuer lync (DNS names only, no wildcards)")
        .said("offered: webcon.contoso.com for the web conferencing edge service, if it has a name of its own (--san dns:webcon.contoso.com)")
        .said("the A/V authentication certificate is one of its own");
    plan("private-sip")
        .said("sip:edge.contoso.com")
        .said("a strict SIP peer takes the sip URIs alone, a common one any name that matches");
    plan("ad-cs")
        .said("· template WebServer")
        .said("0x80094811");
    plan("letsencrypt-shortlived").said("160 hours");
}

/// Sizes that nobody makes by default are kept where the rules allow them (BR 6.1.5: 2048 bits or more, divisible by 8).
#[test]
fn a_kept_rsa_key_is_judged_by_its_size() {
    let world = World::new();
    let judged = |bits: u32, profile: &str| {
        let file = format!("{bits}.pem");
        if !world.path(&file).exists() {
            let words = format!("genrsa -out {file} {bits}");
            let command: Vec<&str> = std::iter::once("openssl").chain(words.split(' ')).collect();
            run(world.folder(), "openssl", &command);
        }
        let key = PrivateKey::read(world.read(&file).as_bytes(), None).unwrap();
        let profile = IssuerProfile::named(profile).unwrap();
        let domain = Domain::parse("contoso.com").unwrap();
        let plan = plan_names(&PlanInput {
            fqdn: domain.child("edge").unwrap(),
            sip_domains: vec![],
            xmpp_domains: vec![domain],
            components: vec![],
            uses: [Use::XmppS2s].into(),
            extra: vec![],
            forms: profile.forms.clone(),
            limit: None,
        })
        .unwrap();
        let spec = RequestSpec {
            certificate: Slug::parse("external-edge").unwrap(),
            plan,
            subject: Subject::default(),
            key_type: KeyType::Rsa2048,
            template: None,
            profile,
        };
        foresee(&spec, Some(&key), KeyPolicy::Refuse).map_err(|error| error.explain().why)
    };
    assert!(judged(2056, "public-dv").is_ok());
    assert!(judged(2056, "lync").is_ok());
    assert!(judged(2052, "private-xmpp").is_ok());
    let why = judged(2052, "public-dv").unwrap_err();
    assert!(
        why.ends_with("the bits of an RSA key are divisible by 8 (BR 6.1.5)"),
        "{why}"
    );
}
