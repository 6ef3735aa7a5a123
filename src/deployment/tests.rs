//! What the deployment promises: the example whole, defaults, and what a certificate's plan is made from.

mod mistakes;

use super::*;
use crate::federation::{Negotiation, PartnerType, Scope, Setting};
use crate::names::plan::plan_names;
use crate::names::{Protocol, Use};
use crate::x509::KeyType;
use std::time::Duration;

const EXAMPLE: &str = include_str!("../../fixtures/deployments/example.toml");

/// The least that is a deployment; wrong snippets are laid over it.
const LEAST: &str = "version = 1\n[edge]\nfqdn = \"edge.contoso.com\"\nsip-domains = [\"contoso.com\"]\n\
                     [certificate.external-edge]\n";

fn d(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn parse_at(text: &str, path: &str) -> Deployment {
    Deployment::parse(text, Path::new(path)).unwrap_or_else(|error| panic!("{:#?}", error.mistakes))
}

#[test]
fn the_example_is_read_whole() {
    let all = parse_at(EXAMPLE, "/srv/edge/edgecert.toml");
    assert_eq!(all.base, Path::new("/srv/edge"));
    assert_eq!(all.edge.fqdn, d("edge.contoso.com"));
    assert_eq!(all.edge.sip_domains, [d("contoso.com"), d("fabrikam.com")]);
    assert_eq!(all.edge.components, [d("conference.contoso.com")]);
    assert_eq!(all.subject.country.as_deref(), Some("US"));
    assert_eq!(
        all.subject.organizational_unit.as_deref(),
        Some("Messaging")
    );

    let public = &all.issuers[&slug("public")];
    assert_eq!(public.profile, ProfileSource::BuiltIn("public-dv".into()));
    assert_eq!(public.renew_at, Some(0.33));
    let internal = &all.issuers[&slug("internal")];
    assert_eq!(
        internal.template,
        Some(crate::x509::CertificateTemplate::Name("WebServer".into()))
    );
    assert_eq!(
        internal.submit.as_deref(),
        Some(&["/usr/local/bin/ask-ca".to_owned()][..])
    );
    assert_eq!(
        internal.roots,
        [RootsSource::Path("roots/contoso-root.pem".into())]
    );

    let external = all.certificate(&slug("external-edge")).unwrap();
    assert_eq!(
        external.uses,
        BTreeSet::from([Use::SipEdge, Use::XmppS2s, Use::XmppC2s])
    );
    assert_eq!(external.san[0].to_typed(), "dns:webcon.contoso.com");
    assert_eq!(
        external.key.passphrase,
        Some(PassphraseSource::Credential("edgecert-keys".into()))
    );
    let inner = all.certificate(&slug("internal-edge")).unwrap();
    assert_eq!(inner.key.key_type, KeyType::Rsa2048);
    assert_eq!(
        inner.key.passphrase, external.key.passphrase,
        "laid over, key by key"
    );
    assert_eq!(
        all.key_of(&slug("unlisted")).passphrase,
        external.key.passphrase,
        "one without a table"
    );
    assert_eq!(all.issuer_of(inner).unwrap().name, slug("internal"));

    let kinds: Vec<&str> = all.gateways.iter().map(|g| g.kind.word()).collect();
    assert_eq!(kinds, KindWord::ALL.map(KindWord::word), "in file order");
    let GatewayKind::Embedded(front) = &all.gateways[0].kind else {
        panic!()
    };
    assert_eq!(front.socket, Path::new("/run/edgecert/front.sock"));
    assert_eq!(front.connection_limit, 5000);
    assert_eq!(
        front.others,
        Some(Negotiation {
            tls: Setting::Required,
            sasl: Setting::Optional,
            dialback: true
        })
    );
    assert_eq!(front.listeners.len(), 2);
    assert!(front.listeners[0].proxy_protocol && !front.listeners[1].proxy_protocol);
    assert_eq!(front.listeners[1].protocol, Protocol::Sips);
    let GatewayKind::Prosody(chat) = &all.gateways[1].kind else {
        panic!()
    };
    assert_eq!(chat.mode, Some(0o640));
    assert_eq!(all.gateways[1].prove[1].names, Some(vec![d("contoso.com")]));
    let GatewayKind::Kamailio(sip) = &all.gateways[3].kind else {
        panic!()
    };
    assert_eq!(
        sip.socket.as_deref(),
        Some(Path::new("/run/kamailio/kamailio_ctl"))
    );
    let GatewayKind::Files(mail) = &all.gateways[7].kind else {
        panic!()
    };
    assert_eq!(mail.destinations[1].mode_or_default(), 0o600);
    assert_eq!(all.gateways_of(&slug("internal-edge")).len(), 1);

    let partner = &all.partners[0];
    assert_eq!(partner.partner_type, PartnerType::Federated);
    assert!(partner.has_domain(&d("it.litware.com")) && !partner.negotiation.dialback);
    assert_eq!(all.policies[0].scope, Scope::Global);
    assert_eq!(all.policies[1].members, ["someone@contoso.com"]);

    assert_eq!(all.assign.prove_within, Duration::from_secs(30));
    assert_eq!(all.check.leaf.warning, LifeLeft::Share(0.25));
    assert_eq!(all.check.chain.critical, LifeLeft::Days(14.0));
    assert_eq!(all.check.resolver, Some("127.0.0.1:53".parse().unwrap()));
    assert_eq!(all.store.directory, Path::new("/srv/edge/edgecert.state"));
    assert_eq!(all.store.keep_generations, 5);
}

#[test]
fn what_is_left_out_has_its_default() {
    let all = parse_at(LEAST, "/srv/edgecert.toml");
    let certificate = &all.certificates[0];
    assert_eq!(certificate.uses, BTreeSet::from([Use::SipEdge]));
    assert_eq!(certificate.key.key_type, KeyType::Ec256);
    assert!(certificate.key.exportable && certificate.key.passphrase.is_none());
    let issuer = all.issuer_of(certificate).unwrap();
    assert_eq!(issuer.profile, ProfileSource::BuiltIn("public-dv".into()));
    assert_eq!(all.check.timeout, Duration::from_secs(10));
    assert_eq!((all.check.jobs, all.check.resolver), (256, None));
    assert_eq!(all.store.directory, Path::new("/srv/edgecert.state"));
}

#[test]
fn defaults_lie_beside_the_file_or_where_etc_expects_them() {
    let text = format!(
        "{LEAST}[gateway.embedded.front]\ncertificate = \"external-edge\"\n\
         [[gateway.embedded.front.listener]]\nprotocol = \"tls\"\nlisten = \"[::]:443\"\nbackend = \"127.0.0.1:80\"\n"
    );
    for (path, socket, directory, state) in [
        (
            "/srv/edgecert.toml",
            "/srv/edgecert.gateway/front/front.sock",
            "/srv/edgecert.gateway/front",
            "/srv/edgecert.state",
        ),
        (
            "/etc/edgecert/edgecert.toml",
            "/run/edgecert/front.sock",
            "/var/lib/edgecert-gateway/front",
            "/var/lib/edgecert",
        ),
    ] {
        let all = parse_at(&text, path);
        let GatewayKind::Embedded(front) = &all.gateways[0].kind else {
            panic!()
        };
        assert_eq!(front.socket, Path::new(socket));
        assert_eq!(front.directory, Path::new(directory));
        assert_eq!(all.store.directory, Path::new(state));
        assert_eq!(front.connection_limit, 1000);
        assert_eq!(front.others, None);
    }
    let deep = format!("/srv/{}/edgecert.toml", "d".repeat(90));
    let error = Deployment::parse(&text, Path::new(&deep)).unwrap_err();
    assert_eq!(error.mistakes[0].key, "gateway.embedded.front.socket");
    assert!(error.mistakes[0].mend.contains("/run/edgecert/front.sock"));
}

#[test]
fn a_certificate_may_be_narrowed_down_to_some_domains() {
    let text = EXAMPLE.replace(
        "# domains = [\"contoso.com\"]",
        "domains = [\"fabrikam.com\"]",
    );
    let all = parse_at(&text, "/srv/edgecert.toml");
    let forms = BTreeSet::from([NameForm::Dns]);
    let names = |all: &Deployment| {
        let certificate = all.certificate(&slug("external-edge")).unwrap();
        let plan = plan_names(&all.plan_input(certificate, forms.clone(), Some(25))).unwrap();
        let names: Vec<String> = plan.names.iter().map(|n| n.name.to_string()).collect();
        names.join(" ")
    };
    assert_eq!(
        names(&all),
        "edge.contoso.com sip.fabrikam.com fabrikam.com webcon.contoso.com"
    );
    let whole = parse_at(EXAMPLE, "/srv/edgecert.toml");
    assert_eq!(
        names(&whole),
        "edge.contoso.com sip.contoso.com contoso.com conference.contoso.com sip.fabrikam.com \
         fabrikam.com webcon.contoso.com"
    );
    let certificate = whole.certificate(&slug("internal-edge")).unwrap();
    let plan = plan_names(&whole.plan_input(certificate, forms.clone(), None)).unwrap();
    assert_eq!(plan.names.len(), 2);
}

#[test]
fn life_left_prints_as_it_is_read() {
    for text in ["30d", "25%", "33%", "0.5d", "12.5%", "7%", "29%"] {
        assert_eq!(LifeLeft::parse(text).unwrap().to_string(), text);
    }
    for text in [
        "", "30", "d", "%", "-1d", "101%", "NaN%", "infd", "1e3d", "30 d", "30D",
    ] {
        assert_eq!(LifeLeft::parse(text), None, "{text}");
    }
}
