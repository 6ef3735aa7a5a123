//! The seed's 18 rows on real sockets, and what is counted of them.

use super::world::{Ca, Client, World, partner, read_until};
use super::{STARTTLS, header, setting};
use edgecert::federation::Setting;
use edgecert::gateway::{Event, Way};
use edgecert::names::Protocol;
use edgecert::wire::control::StreamCounts;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Microsoft's "Negotiation settings for XMPP federated partners" (JJ552456), as collected in 2026.
const MATRIX: &str = include_str!("../../fixtures/negotiation-matrix.csv");

struct Row {
    domain: String,
    tls: Setting,
    sasl: Setting,
    dialback: bool,
    /// The column of methods; everything that is expected follows from it.
    methods: &'static str,
}

fn rows() -> Vec<Row> {
    let setting = |word: &str| {
        let known = Setting::ALL.into_iter();
        let mut fitting = known.filter(|one| one.word().replace('-', "_") == word);
        fitting.next().unwrap()
    };
    MATRIX
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .enumerate()
        .map(|(at, line)| {
            let fields: Vec<&str> = line.splitn(7, ',').collect();
            Row {
                domain: format!("row{}.test", at + 1),
                tls: setting(fields[0]),
                sasl: setting(fields[1]),
                dialback: fields[2] == "true",
                methods: fields[4],
            }
        })
        .collect()
}

/// Refused with a condition and words for the partner's administrator, or let in.
type Outcome = Option<(&'static str, &'static str)>;

impl Row {
    /// SASL over TLS is the only method left.
    fn needs_certificate(&self) -> bool {
        self.methods == "sasl_over_tls"
    }

    fn in_clear(&self) -> Outcome {
        if self.methods.contains("tcp_dialback") {
            None
        } else if self.needs_certificate() {
            Some(("<not-authorized", "start TLS, and present your server"))
        } else if self.methods.is_empty() {
            Some(("<policy-violation", "leave no way to authenticate"))
        } else {
            Some(("<policy-violation", "TLS is required for"))
        }
    }

    fn in_tls(&self, presented: bool) -> Outcome {
        if self.methods.is_empty() {
            Some(("<policy-violation", "leave no way to authenticate"))
        } else if self.needs_certificate() && !presented {
            Some(("<not-authorized", "your server presented no certificate"))
        } else {
            None
        }
    }
}

fn assert_outcome(row: &Row, answer: &str, outcome: Outcome, let_in: &str) {
    let domain = &row.domain;
    match outcome {
        None => assert!(answer.contains(let_in), "{domain}: {answer}"),
        Some((condition, words)) => {
            assert!(answer.contains(condition), "{domain}: {answer}");
            assert!(answer.contains(words), "{domain}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_18_rows_are_enforced_on_the_wire_and_counted() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppServer, Protocol::XmppsServer]);
    world.settings.anchors = vec![ca.der.clone()];
    let rows = rows();
    assert_eq!(rows.len(), 18);
    world.settings.partners = rows
        .iter()
        .map(|row| partner(&row.domain, setting(row.tls, row.sasl, row.dialback)))
        .collect();
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let mut expected: BTreeMap<String, StreamCounts> = BTreeMap::new();

    for row in &rows {
        let counts = expected.entry(row.domain.clone()).or_default();
        let mut note = |outcome: Outcome, way: Way| match (outcome, way) {
            (Some((condition, _)), _) => {
                let condition = condition.trim_start_matches('<').to_owned();
                *counts.refused.entry(condition).or_default() += 1;
            }
            (None, Way::Proved) => counts.proved += 1,
            (None, Way::InTls) => counts.in_tls += 1,
            (None, Way::InClear) => counts.in_clear += 1,
        };
        let opening = header(&row.domain, "contoso.test");
        // In clear text: the offer, and whoever goes on without TLS.
        let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
        tcp.write_all(opening.as_bytes()).await.unwrap();
        let answer = read_until(&mut tcp, "</stream:").await;
        let outcome = row.in_clear();
        note(outcome, Way::InClear);
        let mute = row.tls == Setting::NotSupported && row.methods.is_empty();
        if mute {
            // Nothing could be offered: refused at the header.
            assert_outcome(row, &answer, outcome, "");
        } else {
            let offered = row.tls != Setting::NotSupported;
            assert_eq!(answer.contains("<starttls"), offered, "{answer}");
            let required = offered && outcome.is_some();
            assert_eq!(answer.contains("<required/>"), required, "{answer}");
            let result = format!("<db:result from='{}' to='contoso.test'>k", row.domain);
            tcp.write_all(result.as_bytes()).await.unwrap();
            let end = match outcome {
                None => ">k",
                Some(_) => "</stream:stream>",
            };
            let answer = read_until(&mut tcp, end).await;
            assert_outcome(row, &answer, outcome, "<db:result");
        }
        drop(tcp);

        // STARTTLS that is not offered fails.
        if row.tls == Setting::NotSupported && !mute {
            let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
            tcp.write_all(opening.as_bytes()).await.unwrap();
            read_until(&mut tcp, "</stream:features>").await;
            tcp.write_all(STARTTLS).await.unwrap();
            let answer = read_until(&mut tcp, "</stream:stream>").await;
            assert!(answer.contains("<failure"), "{answer}");
            note(Some(("policy-violation", "")), Way::InClear);
        }

        // Inside TLS, by STARTTLS where it is offered, without a certificate and with one.
        for presented in [false, true] {
            let client = match presented {
                true => Client::new().present(&ca.leaf(&[&row.domain])),
                false => Client::new(),
            };
            let tls = match row.tls {
                Setting::NotSupported => client.connect(world.at(1), "contoso.test").await,
                Setting::Required | Setting::Optional => {
                    let sni = Some("contoso.test");
                    let at = world.at(0);
                    client.starttls(at, &row.domain, "contoso.test", sni).await
                }
            };
            let mut tls = tls.unwrap();
            tls.write_all(opening.as_bytes()).await.unwrap();
            let answer = read_until(&mut tls, "</stream:").await;
            let outcome = row.in_tls(presented);
            assert_outcome(row, &answer, outcome, "backend-id");
            note(outcome, if presented { Way::Proved } else { Way::InTls });
        }
    }

    // A stranger is counted with all others.
    let mut tls = Client::new()
        .connect(world.at(1), "contoso.test")
        .await
        .unwrap();
    let opening = header("stranger.test", "contoso.test");
    tls.write_all(opening.as_bytes()).await.unwrap();
    read_until(&mut tls, "</stream:").await;
    drop(tls);

    let status = loop {
        let status = world.status().await;
        // Relays end a moment after their peers.
        if status.partners.iter().all(|one| one.counts.open == 0) {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let found: BTreeMap<String, StreamCounts> = status
        .partners
        .into_iter()
        .map(|one| (one.domain, one.counts))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(
        status.others.refused,
        BTreeMap::from([("policy-violation".to_owned(), 1)])
    );
    running
        .saw(|event| {
            matches!(event, Event::Admitted { domain, way: Way::Proved, .. } if domain == "row2.test")
        })
        .await;
    // Anybody is let in without a proof as often as they like: one line a minute.
    let all = |count: fn(&StreamCounts) -> u64| found.values().map(count).sum::<u64>();
    assert!(all(|one| one.in_tls) > 1 && all(|one| one.in_clear) > 1);
    for way in [Way::InTls, Way::InClear] {
        let told =
            running.told(|event| matches!(event, Event::Admitted { way: how, .. } if *how == way));
        assert_eq!(told, 1, "{way}");
    }
    running.stop().await;
}
