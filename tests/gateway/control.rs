//! What the administrator does: prepare, commit, start, stop, kill.

use super::world::{self, Ca, Client, World, read_all};
use edgecert::gateway::{Event, GatewayError};
use edgecert::names::Protocol;
use edgecert::wire::control::{Answer, Request};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn unsound_pairs_are_refused_at_prepare_and_the_old_one_serves_on() {
    let ca = Ca::new();
    let world = World::new(&[Protocol::Tls]);
    let old = ca.leaf(&["contoso.test"]);
    world.lay_pair("edge", 1, &old);
    let running = world.start().await;
    let good = ca.leaf(&["contoso.test"]);
    let stranger = ca.leaf(&["contoso.test"]);
    let mut mixed = good.clone();
    mixed.key_pem = stranger.key_pem.clone();
    let mut cut = good.clone();
    cut.fullchain_pem.truncate(200);
    let mut text = good.clone();
    text.fullchain_pem = "hello".to_owned();
    let mut misordered = good.clone();
    misordered.fullchain_pem = format!("{}{}", good.fullchain_pem, stranger.fullchain_pem);
    let cases = [
        (mixed, "key.mismatch"),
        (cut, "form.malformed"),
        (text, "form.malformed"),
        (misordered, "chain.misordered"),
        (
            ca.leaf_between(&["contoso.test"], -20, -10),
            "validity.expired",
        ),
        (
            ca.leaf_between(&["contoso.test"], 10, 20),
            "validity.not-yet",
        ),
        (ca.as_leaf(), "usage.leaf-is-ca"),
    ];
    for (leaf, expected) in cases {
        let answer = world.prepare("edge", 2, &leaf, &[]).await;
        let Answer::Refused {
            code, what, mend, ..
        } = answer
        else {
            panic!("{expected}: {answer:?}");
        };
        assert_eq!(code, expected, "{what}");
        assert!(!mend.is_empty());
        let commit = world
            .ask(Request::Commit {
                transaction: "t".into(),
            })
            .await;
        assert!(matches!(commit, Answer::Refused { code, .. } if code == "gateway.not-prepared"));
        let tls = Client::new()
            .connect(world.at(0), "contoso.test")
            .await
            .unwrap();
        assert_eq!(world::leaf_of(&tls), old.der);
    }
    let unknown = world.prepare("other", 2, &good, &[]).await;
    assert!(
        matches!(unknown, Answer::Refused { code, .. } if code == "gateway.unknown-certificate")
    );
    running
        .saw(|event| matches!(event, Event::PairRefused { .. }))
        .await;

    // What somebody let through knowingly is taken.
    let expired = ca.leaf_between(&["contoso.test"], -20, -10);
    let answer = world
        .prepare("edge", 2, &expired, &["validity.expired"])
        .await;
    assert!(matches!(answer, Answer::Done), "{answer:?}");
    let aborted = world
        .ask(Request::Abort {
            transaction: "t".into(),
        })
        .await;
    assert!(matches!(aborted, Answer::Done));
    let commit = world
        .ask(Request::Commit {
            transaction: "t".into(),
        })
        .await;
    assert!(matches!(commit, Answer::Refused { .. }));

    // A folder that cannot be written refuses the commit: nothing is swapped, the file is as before.
    let kept = std::fs::read(world.pair_path("edge")).unwrap();
    let folder = world.settings.embedded.directory.clone();
    let away = folder.with_extension("away");
    std::fs::rename(&folder, &away).unwrap();
    assert!(matches!(
        world.prepare("edge", 3, &good, &[]).await,
        Answer::Done
    ));
    assert_eq!(world.status().await.prepared.as_deref(), Some("t"));
    let commit = world
        .ask(Request::Commit {
            transaction: "t".into(),
        })
        .await;
    assert!(
        matches!(&commit, Answer::Refused { code, .. } if code == "gateway.directory"),
        "{commit:?}"
    );
    std::fs::rename(&away, &folder).unwrap();
    assert_eq!(std::fs::read(world.pair_path("edge")).unwrap(), kept);
    let tls = Client::new()
        .connect(world.at(0), "contoso.test")
        .await
        .unwrap();
    assert_eq!(world::leaf_of(&tls), old.der);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prepared_transaction_is_forgotten_in_time() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::Tls]);
    world.settings.tuning.prepared = Duration::from_millis(1);
    let running = world.start().await;
    let leaf = ca.leaf(&["contoso.test"]);
    assert!(matches!(
        world.prepare("edge", 1, &leaf, &[]).await,
        Answer::Done
    ));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let commit = world
        .ask(Request::Commit {
            transaction: "t".into(),
        })
        .await;
    assert!(matches!(commit, Answer::Refused { code, .. } if code == "gateway.not-prepared"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_takes_a_certificate_away() {
    let ca = Ca::new();
    let world = World::new(&[Protocol::Tls]);
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let pairs = BTreeMap::from([("edge".to_owned(), None)]);
    let transaction = "t".to_owned();
    world
        .ask(Request::Prepare {
            transaction: transaction.clone(),
            pairs,
        })
        .await;
    assert!(matches!(
        world.ask(Request::Commit { transaction }).await,
        Answer::Done
    ));
    assert!(!world.pair_path("edge").exists());
    assert!(
        Client::new()
            .connect(world.at(0), "contoso.test")
            .await
            .is_err()
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_socket_is_private_single_and_survives_a_stale_one() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::Tls]);
    let folder = world
        .settings
        .embedded
        .socket
        .parent()
        .unwrap()
        .join("made");
    world.settings.embedded.socket = folder.join("edge.sock");
    world.lay_pair("edge", 3, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.settings.embedded.socket), 0o600);
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&world.settings.embedded.directory), 0o700);

    let second = world.run_once().await.unwrap_err();
    let GatewayError::AlreadyRunning { pid, .. } = &second else {
        panic!("{second:?}");
    };
    assert_eq!(*pid, Some(std::process::id()));
    // The second one has not taken the first one's socket away.
    assert_eq!(world.status().await.certificates[0].generation, 3);

    // Nonsense on the socket is answered, and does no harm.
    let path = world.settings.embedded.socket.clone();
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
        stream.write_all(b"{\"op\":\"explode\"}\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap();
    assert!(answer.contains("gateway.bad-request"), "{answer}");
    running.stop().await;
    assert!(!world.settings.embedded.socket.exists());

    // A socket that nobody answers is replaced, a file is not.
    drop(std::os::unix::net::UnixListener::bind(&world.settings.embedded.socket).unwrap());
    assert!(world.settings.embedded.socket.exists());
    let running = world.start().await;
    world.status().await;
    running.stop().await;
    std::fs::write(&world.settings.embedded.socket, "mine").unwrap();
    let refused = world.run_once().await.unwrap_err();
    assert!(
        matches!(refused, GatewayError::NotASocket { .. }),
        "{refused:?}"
    );
    // A live one that is no gateway stops it too.
    std::fs::remove_file(&world.settings.embedded.socket).unwrap();
    let other = std::os::unix::net::UnixListener::bind(&world.settings.embedded.socket).unwrap();
    let deaf = std::thread::spawn(move || drop(other.accept()));
    let refused = world.run_once().await.unwrap_err();
    assert!(
        matches!(refused, GatewayError::AlreadyRunning { pid: None, .. }),
        "{refused:?}"
    );
    deaf.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_gateway_serves_the_same_pair_again() {
    let ca = Ca::new();
    let world = World::new(&[Protocol::Tls]);
    let running = world.start().await;
    let leaf = ca.leaf(&["contoso.test"]);
    world.assign("edge", 7, &leaf).await;
    let mode = std::fs::metadata(world.pair_path("edge"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    running.kill().await;
    let running = world.start().await;
    let tls = Client::new()
        .connect(world.at(0), "contoso.test")
        .await
        .unwrap();
    assert_eq!(world::leaf_of(&tls), leaf.der);
    assert_eq!(world.status().await.certificates[0].generation, 7);
    drop(tls);
    running.stop().await;

    // Expired it is served all the same, and that is said; broken it is not.
    let expired = ca.leaf_between(&["contoso.test"], -20, -10);
    world.lay_pair("edge", 8, &expired);
    let running = world.start().await;
    running
        .saw(|event| matches!(event, Event::Findings { .. }))
        .await;
    let tls = Client::new()
        .connect(world.at(0), "contoso.test")
        .await
        .unwrap();
    assert_eq!(world::leaf_of(&tls), expired.der);
    drop(tls);
    running.stop().await;
    std::fs::write(world.pair_path("edge"), "edgecert-generation: 9\nrubbish").unwrap();
    let running = world.start().await;
    running
        .saw(|event| matches!(event, Event::PairBroken { .. }))
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drained_stop_lets_connections_end_and_cuts_what_stays() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::Tls]);
    world.settings.tuning.drain = Duration::from_secs(20);
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let mut held = Client::new()
        .connect(world.at(0), "contoso.test")
        .await
        .unwrap();
    held.write_all(b"x").await.unwrap();
    held.read_u8().await.unwrap();
    running.order_stop();
    running
        .saw(|event| matches!(event, Event::Draining { connections: 1, .. }))
        .await;
    while TcpStream::connect(world.at(0)).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    held.write_all(b"y").await.unwrap();
    assert_eq!(held.read_u8().await.unwrap(), b'y');
    drop(held);
    running
        .saw(|event| matches!(event, Event::Stopped { dropped: 0 }))
        .await;
    running.stop().await;

    world.settings.tuning.drain = Duration::from_millis(50);
    let running = world.start().await;
    let mut held = Client::new()
        .connect(world.at(0), "contoso.test")
        .await
        .unwrap();
    held.write_all(b"x").await.unwrap();
    held.read_u8().await.unwrap();
    running.order_stop();
    running
        .saw(|event| matches!(event, Event::Stopped { dropped: 1 }))
        .await;
    running.stop().await;
    read_all(&mut held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn address_in_use_is_explained_and_leaves_nothing_behind() {
    use edgecert::explain::Explain;
    let world = World::new(&[Protocol::Tls]);
    let taken = std::net::TcpListener::bind(world.at(0)).unwrap();
    let refused = world.run_once().await.unwrap_err();
    let explained = refused.explain();
    assert_eq!(explained.code, "gateway.bind");
    assert!(
        explained
            .mend
            .contains(&format!("sport = :{}", world.at(0).port()))
    );
    assert!(!world.settings.embedded.socket.exists());
    drop(taken);
    world.start().await.stop().await;
}
