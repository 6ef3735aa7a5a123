use super::*;
use crate::federation::{Negotiation, PartnerType, Setting};
use crate::names::Domain;
use std::path::Path;

const DEPLOYMENT: &str = "version = 1\n[edge]\nfqdn = \"edge.contoso.com\"\nxmpp-domains = [\"contoso.com\"]\n\
    [certificate.external-edge]\nuses = [\"xmpp-s2s\"]\n\
    [[partner]]\ndomain = \"litware.com\"\nadditional-domains = [\"it.litware.com\"]\ntls = \"required\"\nsasl = \"optional\"\n";

fn deployment() -> Deployment {
    Deployment::parse(DEPLOYMENT, Path::new("/srv/edgecert.toml")).unwrap()
}

fn list(text: &str) -> Result<PartnerList, Vec<(usize, String)>> {
    read_list(text, "partners", &deployment()).map_err(|error| {
        let told = |one: &Mistake| (one.line, format!("{}; {}", one.line(), one.mend));
        error.mistakes.iter().map(told).collect()
    })
}

#[test]
fn tables_and_rows_of_lync_give_the_same_partners() {
    let table = "[[partner]]\ndomain = \"fabrikam.com\"\ndescription = \"a; \\\"b\\\"\"\nadditional-domains = [\"corp.fabrikam.com\", \"it.fabrikam.com\"]\n\
        type = \"federated\"\ntls = \"optional\"\nsasl = \"not-supported\"\nconnection-limit = 10\nkeep-alive = false\n\
        [[partner]]\ndomain = \"wingtip.com\"\n";
    let csv = "#TYPE Microsoft.Rtc.Management.WritableConfig.Settings.XmppFederation.XmppAllowedPartner\r\n\
        \"Identity\",\"Domain\",\"Description\",\"AdditionalDomains\",\"PartnerType\",\"TlsNegotiation\",\"SaslNegotiation\",\"SupportDialbackNegotiation\",\"ConnectionLimit\",\"EnableKeepAlive\",\"ProxyFqdn\",\"Anchor\"\r\n\
        \"fabrikam.com\",\"fabrikam.com\",\"a; \"\"b\"\"\",\"corp.fabrikam.com it.fabrikam.com\",\"Federated\",\"Optional\",\"NotSupported\",\"True\",\"10\",\"False\",\"edge.contoso.com\",\"x\"\r\n\
        \"XmppAllowedPartner:wingtip.com\",\"\",,,,,,,,,,\r\n";
    let (tables, rows) = (list(table).unwrap(), list(csv).unwrap());
    assert_eq!(tables.new, rows.new);
    assert_eq!(tables.new[0].partner_type, PartnerType::Federated);
    // What is left out is as Lync has it.
    assert_eq!(
        tables.new[1].negotiation,
        Negotiation {
            tls: Setting::Required,
            sasl: Setting::Required,
            dialback: true,
        }
    );
    assert!(tables.passed_over.is_empty());
    assert_eq!(
        rows.passed_over,
        [
            "columns that are not read: Anchor",
            "ProxyFqdn edge.contoso.com: a deployment has one edge, [edge] fqdn"
        ]
    );
}

#[test]
fn what_is_there_already_with_the_same_settings_is_known() {
    let text = "domain;additional-domains;tls;sasl\nlitware.com;it.litware.com;required;optional\nwingtip.com;;;\n";
    let found = list(text).unwrap();
    assert_eq!(found.known.len(), 1);
    assert_eq!(found.new[0].domain, Domain::parse("wingtip.com").unwrap());
}

#[test]
fn every_mistake_of_a_list_is_told_with_its_line() {
    #[rustfmt::skip]
    let table: &[(&str, &[(usize, &str)])] = &[
        (
            "[[partner]]\ndomain = \"a.example\"\ntls = \"requird\"\n[[partner]]\ndomain = \"b.example\"\nsasl = \"not-supported\"\ndialback = false\n[[partner]]\ndomain = \"contoso.com\"\n",
            &[
                (3, "partner.tls: \"requird\" is not known here; did you mean \"required\"?"),
                (4, "partner.dialback: no method is left for b.example; set sasl to \"optional\", or dialback to true"),
                (9, "partner.domain: contoso.com is a domain of this edge itself; name domains of the partner; whoever shares our own domain is no partner"),
            ],
        ),
        (
            "Domain,TlsNegotiation,SaslNegotiation,AdditionalDomains,ConnectionLimit\n\na.example,Requird,,,\nb.example,NotSupported,Required,,\n,,,,\nc..example,,,,-1\nd.example,,,a.example it.litware.com,\nlitware.com,,,,\n",
            &[
                (3, "tls: \"Requird\" is not known here; did you mean required?"),
                (4, "sasl: sasl \"required\" cannot be had with tls \"not-supported\"; set SaslNegotiation to NotSupported, or TlsNegotiation to Required or Optional"),
                (6, "domain: "),
                (6, "connection-limit: \"-1\" is no limit of connections; write a number from 1 to 1000000, or nothing"),
                (7, "additional-domains: a.example belongs to the partner a.example already; let each domain stand with one partner, once"),
                (7, "additional-domains: it.litware.com belongs to the partner litware.com already; take it out of the list, or out of litware.com"),
                (8, "domain: litware.com is a partner already, with other settings; take it out of the list, or first `edgecert partner remove litware.com`"),
            ],
        ),
        ("Name,Type\na,b\n", &[(1, "no column is named Domain; ")]),
        ("Domain,Type\n\"a.example,x\n", &[(2, "a quote is not closed; ")]),
        ("Domain\na.example,x\n", &[(2, "the line has 2 fields for 1 columns; ")]),
        ("Domain,AdditionalDomains\na.example,System.Collections.Generic.List`1[System.String]\n", &[(2, "additional-domains: \"System.")]),
        ("Domain,tls,TlsNegotiation\na.example,required,\n", &[(1, "the columns tls and TlsNegotiation mean the same; leave one of them out")]),
        ("Domain,Server,Description\na.example,kamailio,a\u{202e}b\n", &[(2, "server: Kamailio does not speak XMPP; "), (2, "description: the text holds U+202E")]),
        ("[[partner]]\ndomain = \"a.example\"\nserver = \"kamailio\"\n", &[(3, "partner.server: Kamailio does not speak XMPP; ")]),
        ("", &[(1, "there is no partner in the list; ")]),
        ("[edge]\nfqdn = \"x.example\"\n", &[(1, "unknown key \"edge\"; ")]),
        ("[[partner]\n", &[(1, "")]),
    ];
    for (text, expected) in table {
        let found = list(text).map(|_| panic!("taken in:\n{text}")).unwrap_err();
        let same = found.len() == expected.len()
            && found
                .iter()
                .zip(expected.iter())
                .all(|(found, expected)| found.0 == expected.0 && found.1.starts_with(expected.1));
        assert!(same, "{text}\n{found:#?}");
    }
    let long = format!("# {}\n", "x".repeat(MAX_BYTES));
    assert_eq!(list(&long).unwrap_err().len(), 1);
}
