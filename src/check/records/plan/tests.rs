use super::*;
use std::path::Path;

const EDGE: &str = r#"
version = 1
[edge]
fqdn = "edge.contoso.com"
sip-domains = ["contoso.com", "fabrikam.com"]
xmpp-domains = ["contoso.com"]
components = ["conference.contoso.com"]
[issuer.public]
profile = "letsencrypt-classic"
[certificate.external-edge]
issuer = "public"
uses = [USES]
"#;

fn deployment(uses: &str, more: &str) -> Deployment {
    let text = EDGE.replace("USES", uses) + more;
    Deployment::parse(&text, Path::new("/x/edgecert.toml")).unwrap()
}

fn lines(uses: &str, more: &str, given: &Given) -> Vec<String> {
    let plan = plan(&deployment(uses, more), given);
    plan.records
        .iter()
        .map(|one| one.line().replace(" 3600 IN", ""))
        .collect()
}

fn pin(byte: u8, key: PinnedKey) -> KeyPin {
    KeyPin {
        certificate: Slug::parse("external-edge").unwrap(),
        spki_sha256: Fingerprint::of(&[byte]),
        key,
    }
}

#[test]
fn each_use_has_its_records_and_strict_sip_clients_find_their_own_domain() {
    assert_eq!(
        lines("\"sip-edge\", \"xmpp-s2s\"", "", &Given::default()),
        [
            "_xmpp-server._tcp.contoso.com. SRV 0 0 5269 edge.contoso.com.",
            "_xmpp-server._tcp.conference.contoso.com. SRV 0 0 5269 edge.contoso.com.",
            "_sipfederationtls._tcp.contoso.com. SRV 0 0 5061 edge.contoso.com.",
            "_sips._tcp.contoso.com. SRV 0 0 5061 edge.contoso.com.",
            "_sip._tls.contoso.com. SRV 0 0 443 edge.contoso.com.",
            "_sipfederationtls._tcp.fabrikam.com. SRV 0 0 5061 sip.fabrikam.com.",
            "_sips._tcp.fabrikam.com. SRV 0 0 5061 sip.fabrikam.com.",
            "_sip._tls.fabrikam.com. SRV 0 0 443 sip.fabrikam.com.",
            "edge.contoso.com. A <its address>",
            "sip.fabrikam.com. A <its address>",
        ]
    );
    assert_eq!(
        lines("\"xmpp-c2s\"", "", &Given::default()),
        [
            "_xmpp-client._tcp.contoso.com. SRV 0 0 5222 edge.contoso.com.",
            "edge.contoso.com. A <its address>",
        ]
    );
}

#[test]
fn ports_and_direct_tls_come_from_the_listeners() {
    let gateway = |listeners: &str| {
        format!(
            "[gateway.files.x]\ncertificate = \"external-edge\"\nprove = [{listeners}]\n[[gateway.files.x.destination]]\ncontent = \"fullchain\"\npath = \"x.pem\"\n"
        )
    };
    let one = |word: &str, port: u16| {
        format!("{{ protocol = \"{word}\", address = \"127.0.0.1:{port}\" }}")
    };
    for (listeners, expected) in [
        (vec![("xmpp-server", 15269)], vec!["_xmpp-server 15269"]),
        (
            vec![("xmpp-server", 15269), ("xmpp-server", 5269)],
            vec!["_xmpp-server 5269"],
        ),
        (
            vec![("xmpps-server", 5270)],
            vec!["_xmpp-server 5269", "_xmpps-server 5270"],
        ),
        (vec![("sips", 443)], vec!["_xmpp-server 5269"]),
    ] {
        let table: Vec<String> = listeners
            .iter()
            .map(|(word, port)| one(word, *port))
            .collect();
        let planned = lines(
            "\"xmpp-s2s\"",
            &gateway(&table.join(", ")),
            &Given::default(),
        );
        let found: Vec<String> = planned
            .iter()
            .filter(|line| line.contains("._tcp.contoso.com. SRV"))
            .map(|line| {
                let words: Vec<&str> = line.split([' ', '.']).collect();
                format!("{} {}", words[0], words[words.len() - 5])
            })
            .collect();
        assert_eq!(found, expected, "{listeners:?}");
    }
    let sip = plan(
        &deployment("\"sip-edge\"", &gateway(&one("sips", 443))),
        &Given::default(),
    );
    let need = |label: &str| {
        let owner = format!("{label}.contoso.com");
        sip.records
            .iter()
            .find(|one| one.owner == owner)
            .unwrap()
            .need
    };
    assert_eq!(need("_sip._tls"), Need::Wise);
    assert_eq!(need("_sipfederationtls._tcp"), Need::Required);
}

#[test]
fn tlsa_holds_both_keys_at_every_port_but_that_of_the_sign_in() {
    let given = Given {
        pins: vec![pin(1, PinnedKey::Current), pin(2, PinnedKey::Next)],
        ..Given::default()
    };
    let found = lines("\"sip-edge\", \"xmpp-s2s\"", "", &given);
    let owners: Vec<&str> = found
        .iter()
        .filter(|line| line.contains(" TLSA 3 1 1 "))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        owners,
        [
            "_5269._tcp.edge.contoso.com.",
            "_5269._tcp.edge.contoso.com.",
            "_5061._tcp.edge.contoso.com.",
            "_5061._tcp.edge.contoso.com.",
            "_5061._tcp.sip.fabrikam.com.",
            "_5061._tcp.sip.fabrikam.com.",
        ]
    );
}

#[test]
fn caa_stands_once_at_the_top_and_only_for_an_issuer_that_is_known() {
    let mut given = Given::default();
    let caa = |given: &Given| -> Vec<String> {
        let mut all = lines("\"sip-edge\", \"xmpp-s2s\"", "", given);
        all.retain(|line| line.contains(" CAA "));
        all
    };
    assert!(caa(&given).is_empty());
    given.issuers.insert(
        Slug::parse("external-edge").unwrap(),
        vec!["letsencrypt.org".into()],
    );
    assert_eq!(
        caa(&given),
        [
            "contoso.com. CAA 0 issue \"letsencrypt.org\"",
            "fabrikam.com. CAA 0 issue \"letsencrypt.org\"",
        ]
    );
}

#[test]
fn a_zone_has_only_its_own_records_and_addresses_where_they_are_given() {
    let given = Given {
        addresses: vec![
            "192.0.2.10".parse().unwrap(),
            "2001:db8::10".parse().unwrap(),
        ],
        ..Given::default()
    };
    let whole = plan(&deployment("\"sip-edge\", \"xmpp-s2s\"", ""), &given);
    let text = super::super::zone(
        &whole
            .clone()
            .within(&Domain::parse("fabrikam.com").unwrap()),
    );
    let records: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with(';') && !line.is_empty())
        .collect();
    assert_eq!(
        records,
        [
            "_sipfederationtls._tcp.fabrikam.com. 3600 IN SRV 0 0 5061 sip.fabrikam.com.",
            "_sips._tcp.fabrikam.com. 3600 IN SRV 0 0 5061 sip.fabrikam.com.",
            "_sip._tls.fabrikam.com. 3600 IN SRV 0 0 443 sip.fabrikam.com.",
            "sip.fabrikam.com. 3600 IN A 192.0.2.10",
            "sip.fabrikam.com. 3600 IN AAAA 2001:db8::10",
        ]
    );
    let unknown = plan(&deployment("\"xmpp-s2s\"", ""), &Given::default());
    assert!(
        super::super::zone(&unknown)
            .contains("\n; edge.contoso.com. 3600 IN A (or AAAA) <its address>\n")
    );
}
