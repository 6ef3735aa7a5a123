//! A day of the edge administrator: the certificate of two SIP and three XMPP domains is renewed on a running Prosody and
//! a running Kamailio. Every mistake that is easy to make is made, told in words and changes nothing; then it is assigned,
//! proved on the live ports and rolled back, while connections that were there before stay.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "servers/mod.rs"]
mod servers;
mod world;

use edgecert::names::Protocol;
use edgecert::x509::{Fingerprint, KeyType};
use serde_json::Value;
use servers::deployed::CERTIFICATE;
use servers::harm::{Lies, lying};
use servers::held::Held;
use servers::pki::leaf_of;
use servers::process::{command, is_root, program as installed};
use servers::{
    COMPONENT, DOMAIN, Files, Lab, Listener, Prove, SECOND, Server, kamailio, prosody, put,
};
use std::path::{Path, PathBuf};
use world::{Ran, Window};

/// The files of the state, the deployment, the servers' files.
type All = (Vec<(String, Vec<u8>)>, String, Vec<Lies>);

/// The edge on the morning of the day: a first generation is live on both servers.
struct Day {
    lab: Lab,
    chat: Server,
    sip: Server,
    /// What is live.
    old: Fingerprint,
    /// The CSR that it answers.
    old_csr: PathBuf,
}

/// Kamailio with one certificate for all names, as an edge has it.
fn kamailio_of_one_certificate(lab: &Lab) -> Server {
    let sip = kamailio::start(lab, KeyType::Ec256);
    let profiles = sip.config().with_file_name("tls.cfg");
    let text = std::fs::read_to_string(&profiles).unwrap();
    let (default, _) = text.split_once("[server:any]").unwrap();
    put(&profiles, default, sip.owner(), 0o644);
    kamailio::reload(&sip);
    sip
}

impl Day {
    fn begin() -> Self {
        let lab = Lab::new();
        let chat = prosody::start(&lab, KeyType::Ec256, prosody::Shell::Loaded);
        let sip = kamailio_of_one_certificate(&lab);
        lab.deployment_of(
            &[DOMAIN, SECOND],
            &[DOMAIN, COMPONENT, SECOND],
            &[
                chat.gateway("chat", CERTIFICATE, Prove::Found),
                sip.gateway("sip", CERTIFICATE, Prove::Found),
            ],
        );
        let old = lab.imported(&[]);
        lab.world.run(&["assign"]).ended(0);
        let requests = lab.world.path("edgecert.state/requests/external-edge");
        let first = std::fs::read_dir(requests).unwrap().next().unwrap();
        let day = Self {
            old_csr: first.unwrap().path().join("csr.pem"),
            lab,
            chat,
            sip,
            old,
        };
        day.serves(old);
        day
    }

    /// Every listener, asked for every name that it has.
    fn listeners(&self) -> Vec<Listener> {
        let address = self.sip.listeners()[0].address;
        let mut all = self.chat.listeners().to_vec();
        all.extend(
            [DOMAIN, servers::SIP_HOST, SECOND]
                .map(|name| Listener::new(Protocol::Sips, address, name)),
        );
        all
    }

    /// What strangers are shown.
    #[track_caller]
    fn serves(&self, leaf: Fingerprint) {
        for listener in self.listeners() {
            assert_eq!(self.lab.trust.handshake(&listener), Ok(leaf), "{listener}");
        }
    }

    /// All that a mistake could harm: the state, the deployment, the servers' files.
    fn all(&self) -> All {
        let mut paths = Vec::new();
        for server in [&self.chat, &self.sip] {
            let folder = server.config().parent().unwrap();
            let below = [folder.join("certs"), folder.to_path_buf()];
            for entry in below.iter().flat_map(|one| std::fs::read_dir(one).unwrap()) {
                let path = entry.unwrap().path();
                let read = path.extension().and_then(|end| end.to_str());
                if matches!(read, Some("crt" | "key" | "pem" | "cfg" | "lua")) {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        let world = &self.lab.world;
        (
            world.files("edgecert.state"),
            world.read("edgecert.toml"),
            lying(&paths),
        )
    }

    /// A run that changes nothing: its code and its words.
    #[track_caller]
    fn harmless(&self, words: &[&str], code: i32, said: &[&str]) -> Ran {
        let before = self.all();
        let mut ran = self.lab.world.run(words).ended(code);
        for one in said {
            ran = ran.said(one);
        }
        assert_eq!(before, self.all(), "{words:?}");
        ran
    }

    /// A mistake: it is told what is wrong, where, why, and how to mend it.
    #[track_caller]
    fn mistake(&self, words: &[&str], code: i32, said: &[&str]) {
        let ran = self.harmless(words, code, said);
        for part in ["error: ", "  why    ", "  mend   "] {
            assert!(ran.stderr.contains(part), "{part:?}: {}", ran.stderr);
        }
        assert!(!ran.stderr.contains("PRIVATE KEY"), "{}", ran.stderr);
    }

    /// A slip in the deployment, and the assignment under it.
    #[track_caller]
    fn slip(&self, from: &str, to: &str, code: i32, said: &[&str]) {
        let world = &self.lab.world;
        let sound = world.read("edgecert.toml");
        // The tables stand at the end, after the comments that name their keys.
        let (before, behind) = sound.rsplit_once(from).unwrap();
        world.write("edgecert.toml", format!("{before}{to}{behind}"));
        self.mistake(&["assign"], code, said);
        world.write("edgecert.toml", sound);
    }

    /// The CSR of the request that waits.
    fn csr(&self) -> PathBuf {
        let made = self.lab.world.run(&["request", "list", "--json"]).ended(0);
        let made = made.json();
        let requests = made["result"]["requests"].as_array().unwrap();
        PathBuf::from(requests[0]["csr"].as_str().unwrap())
    }

    /// Writes a reply with the intermediate after it.
    fn reply(&self, name: &str, leaf: &str) {
        let above = std::fs::read_to_string(self.lab.pki.ca.intermediate()).unwrap();
        self.lab.world.write(name, format!("{leaf}{above}"));
    }
}

/// What is mistyped.
fn typos(day: &Day) {
    for (words, code, said) in [
        (
            &["assgin"][..],
            64,
            &["did you mean `edgecert assign`?"][..],
        ),
        (
            &["assign", "--gatway", "sip"],
            64,
            &["did you mean --gateway?"],
        ),
        (
            &["assign", "--gateway", "sipp"],
            64,
            &["--gateway sipp", "did you mean sip?"],
        ),
        (
            &["assign", "extrenal-edge"],
            64,
            &["did you mean external-edge?"],
        ),
        (
            &["renew", "external-egde"],
            64,
            &["did you mean external-edge?"],
        ),
        (
            &["verify", "external-egde"],
            3,
            &["did you mean external-edge?"],
        ),
        (
            &["check", "external-egde"],
            3,
            &["did you mean the certificate external-edge?"],
        ),
        (
            &["needs-renewal", "external-egde"],
            2,
            &["did you mean external-edge?"],
        ),
        (
            &["import", "repyl.pem"],
            1,
            &["repyl.pem", "relative paths count from the folder"],
        ),
        (
            &["--config", "edgecert.tml", "assign"],
            64,
            &["edgecert.tml"],
        ),
    ] {
        day.mistake(words, code, said);
    }
}

/// What is done before its turn.
fn out_of_turn(day: &Day) {
    day.mistake(
        &["assign", "external-edge/2"],
        64,
        &[
            "there is no generation external-edge/2",
            "edgecert show external-edge",
        ],
    );
    day.mistake(
        &["rollback"],
        1,
        &["generation 1 is the first that was assigned"],
    );
    day.mistake(
        &["rollback", "external-edge/1"],
        64,
        &["`edgecert assign external-edge/1` leads to this one"],
    );
    let made = day.lab.world.run(&["renew"]).ended(0);
    made.said("send ").said("then edgecert import REPLY");
    // A second time: the same request waits.
    day.harmless(&["renew"], 0, &["waits for its reply already"]);
    day.harmless(
        &["assign"],
        0,
        &[
            "external-edge/1 is live already",
            "next: edgecert import REPLY, as request ",
        ],
    );
    day.mistake(
        &["assign", "external-edge/2"],
        64,
        &["waits for its reply: `edgecert import REPLY`"],
    );
}

/// What is imported in place of the reply.
fn wrong_replies(day: &Day) {
    let (world, ca) = (&day.lab.world, &day.lab.pki.ca);
    let csr = day.csr();
    // From another place; another certificate of ours would be found by its key.
    let elsewhere = [
        "--fqdn",
        "sip.example.test",
        "--sip-domain",
        DOMAIN,
        "--out",
        "elsewhere",
    ];
    world.run(&[&["request"], &elsewhere[..]].concat()).ended(0);
    world.write("other.pem", ca.reply(&world.path("elsewhere/csr.pem")));
    world.write("alone.pem", ca.sign(&csr));
    let names = "subjectAltName = DNS:sip.example.test, DNS:example.test, DNS:sip.second.test, DNS:conference.example.test\n";
    world.write("pki/few.ext", names);
    day.reply(
        "lost.pem",
        &ca.sign_with(&csr, None, &["-extfile", "few.ext"]),
    );
    let past = Window("20240101000000Z", "20240401000000Z");
    day.reply("past.pem", &ca.sign_with(&csr, Some(past), &[]));
    world.write("old.pem", ca.reply(&day.old_csr));
    world.write(
        "mail.txt",
        "Dear customer,\n\nyour certificate is attached.\n",
    );
    let csr = csr.to_str().unwrap();
    let key = csr.replace("csr.pem", "privkey.pem");
    for (file, said) in [
        (
            "other.pem",
            &["does not answer the request", "its public key is sha256:"][..],
        ),
        (
            "alone.pem",
            &[
                "\"Example CA E5\", is missing",
                "chain.intermediate-missing",
                "append it to the chain",
            ],
        ),
        (
            "lost.pem",
            &[
                "second.test is not covered for SIP",
                "second.test is not covered for XMPP",
                "ask the CA to issue again with dns:second.test",
            ],
        ),
        (
            "past.pem",
            &[
                "ended on 2024-04-01",
                "ask the CA to issue again for a time that is not over",
            ],
        ),
        ("pki/inter.pem", &["CA certificates alone, and no leaf"]),
        ("mail.txt", &["no certificate in mail.txt: it is text"]),
        (
            csr,
            &[
                "this is a certificate request, and no certificate",
                "send it to the CA",
            ],
        ),
        (
            &key,
            &[
                "a private key, and no certificate",
                "keep the key where it is",
            ],
        ),
    ] {
        day.mistake(&["import", file], 1, said);
    }
    let told = world.run(&["import", "alone.pem"]).ended(1).stderr;
    assert!(!told.contains("chain.root-changed"), "one cause: {told}");
    let told = world.run(&["import", "lost.pem"]).ended(1).stderr;
    assert!(
        !told.contains("request it again"),
        "it was asked for: {told}"
    );
    let told = world.run(&["import", "past.pem"]).ended(1).stdout;
    assert!(
        told.contains("→ 2024-04-01 (") && !told.contains("(-"),
        "{told}"
    );
    // It could be served, so it is a warning; what waits is named.
    day.harmless(
        &["import", "old.pem", "--dry-run"],
        0,
        &[
            "the reply is for the old key",
            "granted.old-key",
            "ask the CA to issue again for the new key",
        ],
    );
}

/// What stands wrong in the deployment.
fn slips(day: &Day) {
    let at = |server: &Server, name: &str| {
        format!("{}/{name}", server.config().parent().unwrap().display())
    };
    let (certs, file) = (at(&day.chat, "certs"), at(&day.sip, "certs/example.pem"));
    let config = day.chat.config().display().to_string();
    let owner = day.sip.owner().words();
    for (from, to, code, said) in [
        (
            certs.clone(),
            at(&day.chat, "cert"),
            1,
            vec!["there is no folder", "install -d -m 750"],
        ),
        (
            format!("config = {config:?}"),
            format!("config = {:?}", at(&day.chat, "prosody.lua")),
            1,
            vec!["nothing lies there", "name the right file as `config`"],
        ),
        (
            file,
            at(&day.sip, "certs/exmaple.pem"),
            1,
            vec![
                "gateway \"sip\"",
                "the server reads ",
                "example.pem",
                "is a slip, put that right",
            ],
        ),
        (
            "cert-file".into(),
            "cert_file".into(),
            64,
            vec!["unknown key \"cert_file\"", "did you mean \"cert-file\"?"],
        ),
        (
            "gateway.kamailio.sip".into(),
            "gateway.kamalio.sip".into(),
            64,
            vec!["did you mean \"kamailio\"?"],
        ),
        (
            "kamailio_ctl".into(),
            "kamailio_clt".into(),
            1,
            vec!["kamailio_clt", "failed"],
        ),
    ] {
        day.slip(&from, &to, code, &said);
    }
    if let Some(owner) = owner {
        day.slip(
            &format!("owner = \"{owner}\"\nmode = \"0640\""),
            "owner = \"nobody:nogroup\"\nmode = \"0600\"",
            1,
            &[
                "who could not read it with owner nobody and mode 0600",
                "set `owner` and `mode`",
            ],
        );
    }
}

/// A user who may not: the state is the owner's alone.
fn no_permission(day: &Day) {
    let world = &day.lab.world;
    if is_root() {
        // Where another user may run it; the build's folder may be closed.
        let program = world.path("edgecert");
        std::fs::copy(env!("CARGO_BIN_EXE_edgecert"), &program).unwrap();
        let before = day.all();
        for words in [&["assign"][..], &["import", "reply.pem"], &["rollback"]] {
            let output = command(&installed("setpriv", "util-linux"))
                .args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"])
                .arg(&program)
                .args(words)
                .current_dir(world.folder())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(3), "{words:?}: {said}");
            for one in [
                "not allowed to read",
                "edgecert.state",
                "run as the user that owns it",
            ] {
                assert!(said.contains(one), "{words:?}: {said}");
            }
        }
        assert_eq!(before, day.all());
    } else {
        let certs = day.chat.config().with_file_name("certs");
        let closed = |mode| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(&certs, mode).unwrap();
        };
        closed(0o555);
        day.mistake(
            &["assign"],
            1,
            &[
                "a file cannot be written as it should be",
                "as a user who may write there",
            ],
        );
        closed(0o755);
    }
}

/// The server was not started, or has died.
fn server_down(day: Day) -> Day {
    let Day {
        lab,
        chat,
        sip,
        old,
        old_csr,
    } = day;
    let socket = kamailio::socket(&sip);
    let Files::Pair(certificate, key) = sip.files().clone() else {
        panic!("Kamailio has a pair");
    };
    let pair = [&certificate, &key].map(|path| std::fs::read_to_string(path).unwrap());
    drop(sip);
    let before = lab.world.files("edgecert.state");
    let ran = lab.world.run(&["assign"]).ended(1);
    ran.said("gateway \"sip\" does not run")
        .said("nothing was changed; external-edge/1 stays live")
        .said("start it first");
    assert_eq!(before, lab.world.files("edgecert.state"));
    // It was killed, so its socket is left.
    std::fs::remove_file(socket).unwrap();
    let sip = kamailio_of_one_certificate(&lab);
    for (path, text, mode) in [(&certificate, &pair[0], 0o640), (&key, &pair[1], 0o640)] {
        put(path, text, sip.owner(), mode);
    }
    kamailio::reload(&sip);
    Day {
        lab,
        chat,
        sip,
        old,
        old_csr,
    }
}

#[test]
fn renewal_survives_every_mistake_and_goes_there_and_back_without_a_dropped_connection() {
    let day = Day::begin();
    typos(&day);
    out_of_turn(&day);
    wrong_replies(&day);

    let reply = day.lab.pki.ca.reply(&day.csr());
    let new = Fingerprint::of(leaf_of(reply.as_bytes()).der());
    day.lab.world.write("reply.pem", reply);
    day.lab
        .world
        .run(&["import", "reply.pem"])
        .ended(0)
        .said("generation 2");
    day.harmless(
        &["import", "reply.pem"],
        0,
        &["generation 2, already: nothing to do"],
    );
    slips(&day);
    no_permission(&day);
    day.harmless(
        &["assign", "--dry-run"],
        0,
        &["would be assigned (nothing was touched)"],
    );
    day.serves(day.old);
    let day = server_down(day);
    let world = &day.lab.world;

    let mut held = Held::on_all(&day.lab.trust, &day.chat);
    held.extend(Held::on_all(&day.lab.trust, &day.sip));
    let done = world.run(&["assign", "--json"]).ended(0).json();
    proved(&done, new);
    day.serves(new);
    held.iter_mut().for_each(Held::still_alive);
    day.harmless(
        &["assign"],
        0,
        &["external-edge/2 is live already, proved on every listener: nothing to do"],
    );

    let done = world.run(&["rollback", "--json"]).ended(0).json();
    proved(&done, day.old);
    day.serves(day.old);
    held.into_iter().for_each(Held::ends_well);
    // Names below .test are nobody's, which is a warning.
    let told = day.harmless(&["check", "--json"], 1, &[]).json();
    for row in told["result"]["targets"].as_array().unwrap() {
        assert_eq!(row["certificate"]["sha256"], day.old.to_string(), "{row:#}");
    }
    day.harmless(
        &["log"],
        0,
        &["every one follows from the one before", "rollback"],
    );
}

/// Both gateways were changed, and every listener of theirs shows the leaf.
#[track_caller]
fn proved(done: &Value, leaf: Fingerprint) {
    assert_eq!(done["changed"], true, "{done:#}");
    let standings = done["result"]["standings"].as_array().unwrap();
    assert_eq!(standings.len(), 2, "{done:#}");
    for standing in standings {
        assert_eq!(standing["proved"], true, "{done:#}");
        for listener in standing["listeners"].as_array().unwrap() {
            assert_eq!(listener["sha256"], leaf.to_string(), "{done:#}");
        }
    }
}
