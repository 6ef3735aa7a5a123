use super::super::command_line::Started;
use super::super::in_use::InUse;
use super::*;
use crate::servers::Configured;
use crate::servers::haproxy::HaproxyConfig;
use crate::servers::nginx::NginxConfig;
use crate::servers::prosody::{ProsodyConfig, Shell};

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn pair(certificate: &str, key: &str, names: &[&str]) -> InUse {
    InUse {
        certificate: certificate.into(),
        key: key.into(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        side: Side::Server,
        leaf: Err("not read in a test".to_owned()),
    }
}

fn found(kind: ServerKind, server: Server, in_use: Vec<InUse>) -> Found {
    Found {
        kind,
        config: kind.default_config().to_owned(),
        root: Root::Ours,
        processes: vec![7],
        user: None,
        others: Default::default(),
        unread: Vec::new(),
        started: Started::default(),
        server: Ok(server),
        in_use,
    }
}

fn nginx(in_use: Vec<InUse>) -> Found {
    found(
        ServerKind::Nginx,
        Server::Nginx(NginxConfig::default()),
        in_use,
    )
}

fn prosody(in_use: Vec<InUse>) -> Found {
    let config = ProsodyConfig {
        common: Configured::default(),
        certificates_folder: "/etc/prosody/certs".into(),
        shell: Shell::Enabled,
        overrides: Vec::new(),
    };
    found(ServerKind::Prosody, Server::Prosody(config), in_use)
}

fn candidates(all: &[(&str, &[&str])]) -> Vec<Candidate> {
    all.iter()
        .map(|(name, wanted)| Candidate {
            name: slug(name),
            wanted: wanted
                .iter()
                .map(|name| Domain::parse(name).unwrap())
                .collect(),
        })
        .collect()
}

#[test]
fn a_table_names_what_the_default_does_not_say() {
    let mut server = nginx(vec![pair("/t/a.pem", "/t/a.key", &["a.test"])]);
    let (tables, left) = proposals(&server);
    assert_eq!((tables.len(), left.len()), (1, 0));
    assert_eq!(tables[0].settings.config, None);
    assert_eq!(
        tables[0].settings.cert_file.as_deref(),
        Some(Path::new("/t/a.pem"))
    );
    assert_eq!(
        tables[0].settings.key_file.as_deref(),
        Some(Path::new("/t/a.key"))
    );
    server.config = "/opt/nginx.conf".into();
    server.root = Root::Folder("/jail".into());
    let (tables, _) = proposals(&server);
    assert_eq!(
        tables[0].settings.config.as_deref(),
        Some(Path::new("/opt/nginx.conf"))
    );
    assert_eq!(tables[0].settings.root.as_deref(), Some(Path::new("/jail")));
}

#[test]
fn what_a_driver_could_not_write_gets_no_table_and_a_reason() {
    let mut in_container = nginx(vec![pair("/t/a.pem", "/t/a.key", &[])]);
    in_container.root = Root::Elsewhere("/proc/7/root".into());
    let mut with_options = found(
        ServerKind::Coturn,
        Server::Coturn(Default::default()),
        vec![],
    );
    with_options.started.reads = Reads::CommandLine;
    let mut of_several = found(
        ServerKind::Haproxy,
        Server::Haproxy(HaproxyConfig::default()),
        vec![pair("/t/a.pem", "/t/a.pem", &[])],
    );
    of_several.started.further = vec!["/etc/haproxy/more.cfg".to_owned()];
    let mut of_another = nginx(vec![pair("/t/a.pem", "/t/a.key", &[])]);
    of_another.others.config = Some("evil".to_owned());
    let mut in_his_root = nginx(vec![pair("/t/a.pem", "/t/a.key", &[])]);
    in_his_root.others.root = Some("evil".to_owned());
    let mut by_his_pid_file = found(
        ServerKind::Haproxy,
        Server::Haproxy(HaproxyConfig::default()),
        vec![pair("/t/a.pem", "/t/a.pem", &[])],
    );
    by_his_pid_file.started.pid_file = Some("/home/evil/pid".to_owned());
    by_his_pid_file.others.pid_file = Some("evil".to_owned());
    let mut unread = nginx(Vec::new());
    unread.server = Err(crate::servers::ConfigError::Unreadable {
        path: "/etc/nginx/nginx.conf".into(),
        why: "Permission denied".to_owned(),
    });
    unread.unread = vec!["/etc/nginx/nginx.conf".into()];
    let mut shut_folder = prosody(Vec::new());
    shut_folder.unread = vec!["/etc/prosody/certs".into()];
    for (server, why) in [
        (unread, "cannot be read: run as root"),
        (shut_folder, "cannot be read: run as root"),
        (of_another, "its configuration can be changed by evil"),
        (in_his_root, "the folder of its root can be changed by evil"),
        (by_his_pid_file, "its pid file can be changed by evil"),
        (in_container, "container"),
        (with_options, "options alone"),
        (of_several, "several configurations"),
        (
            nginx(vec![pair("/t/a.pem", "/t/a.pem", &[])]),
            "a file of its own",
        ),
        (nginx(Vec::new()), "reads no certificate"),
        (
            found(
                ServerKind::Haproxy,
                Server::Haproxy(HaproxyConfig::default()),
                vec![pair("/t/a.pem", "/t/a.pem.key", &[])],
            ),
            "one file",
        ),
    ] {
        let (tables, left) = proposals(&server);
        assert_eq!(tables, [], "{why}");
        assert!(left[0].why.contains(why), "{}: {why}", left[0].why);
    }
}

#[test]
fn a_certificate_is_chosen_by_the_names_that_are_served() {
    let (tables, _) = proposals(&nginx(vec![pair(
        "/t/a.pem",
        "/t/a.key",
        &["a.test", "*.b.test"],
    )]));
    let table = &tables[0];
    let edge: (&str, &[&str]) = ("edge", &["a.test", "chat.b.test"]);
    let other: (&str, &[&str]) = ("other", &["a.test"]);
    let equal: (&str, &[&str]) = ("equal", &["a.test", "x.b.test"]);
    let stranger: (&str, &[&str]) = ("web", &["www.test"]);
    let new = |name: &str| Standing::New(slug(name));
    for (all, named, expected) in [
        (vec![edge], None, new("edge")),
        (vec![edge, other], None, new("edge")),
        (vec![other, edge], Some("other"), new("other")),
        (vec![edge, stranger], Some("web"), Standing::NotOurs),
        (vec![stranger], None, Standing::NotOurs),
        (
            vec![edge, equal],
            None,
            Standing::Undecided(vec![slug("edge"), slug("equal")]),
        ),
        (vec![], None, Standing::NotOurs),
    ] {
        let named = named.map(slug);
        assert_eq!(
            standing(table, &[], &candidates(&all), named.as_ref()),
            expected
        );
    }
    // What we know nothing of is for nobody, unless somebody says so.
    let (tables, _) = proposals(&nginx(vec![pair("/t/a.pem", "/t/a.key", &[])]));
    let all = candidates(&[edge]);
    assert_eq!(standing(&tables[0], &[], &all, None), Standing::NotOurs);
    assert_eq!(
        standing(&tables[0], &[], &all, Some(&slug("edge"))),
        new("edge")
    );
}

#[test]
fn what_may_not_be_read_is_not_said_to_be_anothers() {
    let all = candidates(&[("edge", &["a.test"])]);
    let mut server = nginx(vec![pair("/t/a.pem", "/t/a.key", &["b.test"])]);
    let stand = |server: &Found| standing(&proposals(server).0[0], &[], &all, None);
    assert_eq!(stand(&server), Standing::NotOurs);
    server.unread = vec!["/t/a.pem".into()];
    assert_eq!(stand(&server), Standing::Unread);
    server.in_use[0].names = vec!["a.test".to_owned()];
    assert_eq!(stand(&server), Standing::New(slug("edge")));
}

#[test]
fn a_table_that_is_there_is_known_by_its_files() {
    let all = candidates(&[("edge", &["a.test"])]);
    let gateway = |name: &str, kind: GatewayKind| Gateway {
        name: slug(name),
        certificates: vec![slug("edge")],
        prove: Vec::new(),
        kind,
    };
    let (tables, _) = proposals(&nginx(vec![pair("/t/a.pem", "/t/a.key", &["a.test"])]));
    let settings = tables[0].settings.clone();
    let same = gateway("front", GatewayKind::Nginx(settings.clone()));
    assert_eq!(
        standing(&tables[0], &[same], &all, None),
        Standing::There(slug("front"))
    );
    let coturn = gateway("relay", GatewayKind::Coturn(settings.clone()));
    assert_eq!(
        standing(&tables[0], &[coturn], &all, None),
        Standing::Taken(slug("relay"), "/t/a.pem".into())
    );
    let elsewhere = FileTarget {
        cert_file: Some("/t/b.pem".into()),
        key_file: Some("/t/b.key".into()),
        ..settings
    };
    let other = gateway("front", GatewayKind::Nginx(elsewhere));
    assert_eq!(
        standing(&tables[0], &[other], &all, None),
        Standing::New(slug("edge"))
    );
}

#[test]
fn prosody_gets_a_table_for_each_certificate_and_not_for_each_host() {
    let host = |name: &str, names: &[&str]| {
        pair(&format!("/c/{name}.crt"), &format!("/c/{name}.key"), names)
    };
    let server = prosody(vec![
        host("a.test", &["a.test", "rooms.a.test"]),
        host("rooms.a.test", &["a.test", "rooms.a.test"]),
        host("b.test", &["b.test"]),
    ]);
    let (tables, _) = proposals(&server);
    let pairs: Vec<&[usize]> = tables.iter().map(|one| one.pairs.as_slice()).collect();
    assert_eq!(pairs, [&[0, 1][..], &[2]]);
    let all = candidates(&[("edge", &["a.test"]), ("second", &["b.test"])]);
    let there = Gateway {
        name: slug("chat"),
        certificates: vec![slug("edge")],
        prove: Vec::new(),
        kind: GatewayKind::Prosody(tables[0].settings.clone()),
    };
    let stand = |at: usize| standing(&tables[at], std::slice::from_ref(&there), &all, None);
    assert_eq!(stand(0), Standing::There(slug("chat")));
    assert_eq!(stand(1), Standing::New(slug("second")));
    assert_eq!(pairs_of(&there, &server), [0, 1, 2]);
    // A host that no certificate is for is not the table's, though it is the same server's.
    let edge = candidates(&[("edge", &["a.test"])]);
    let alone = standing(&tables[1], std::slice::from_ref(&there), &edge, None);
    assert_eq!(alone, Standing::NotOurs);
}

#[test]
fn names_of_gateways_are_free_ones() {
    let name = |taken: &[&str]| {
        let taken: Vec<Slug> = taken.iter().map(|name| slug(name)).collect();
        free_name(ServerKind::Nginx, &taken).unwrap().to_string()
    };
    assert_eq!(name(&[]), "nginx");
    assert_eq!(name(&["nginx"]), "nginx-2");
    assert_eq!(name(&["nginx", "nginx-2"]), "nginx-3");
}
