//! The annotated file that `edgecert init` writes: only what is needed is in force, all else stands there as
//! comments.
//!
//! In `templates/edgecert.toml` a line with two hashes is prose and a line with one hash and a blank is a setting;
//! tests take every such hash away and read the outcome, so that no comment can go stale.

use crate::names::Domain;
use std::fmt::Write as _;

/// The file with its placeholders, each `@WORD@`.
const TEMPLATE: &str = include_str!("../../templates/edgecert.toml");

/// Where the root of a private CA is to be put, from the deployment file on.
pub(crate) const PRIVATE_ROOT: &str = "roots/private-root.pem";

/// What `init --issuer-profile` chooses from: who signs, and with which roots the outcome is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitTemplate {
    /// A public CA that checks domains only.
    PublicDv,
    /// A private CA that issues XMPP names as well.
    PrivateXmpp,
    /// Let's Encrypt, up to 100 names.
    LetsEncryptClassic,
    /// Let's Encrypt, up to 25 names and no common name.
    LetsEncryptTlsServer,
    /// Let's Encrypt, for 160 hours.
    LetsEncryptShortlived,
    /// A public CA that checks the organization.
    PublicOv,
    /// A private CA for SIP domain identities.
    PrivateSip,
    /// A public CA for a Lync or Skype for Business edge.
    Lync,
    /// Microsoft's CA inside the company.
    AdCs,
}

impl InitTemplate {
    /// All, the default first.
    pub const ALL: [InitTemplate; 9] = [
        InitTemplate::PublicDv,
        InitTemplate::PrivateXmpp,
        InitTemplate::LetsEncryptClassic,
        InitTemplate::LetsEncryptTlsServer,
        InitTemplate::LetsEncryptShortlived,
        InitTemplate::PublicOv,
        InitTemplate::PrivateSip,
        InitTemplate::Lync,
        InitTemplate::AdCs,
    ];

    /// The word on the command line, which is the profile's too.
    pub fn word(self) -> &'static str {
        match self {
            InitTemplate::PublicDv => "public-dv",
            InitTemplate::PrivateXmpp => "private-xmpp",
            InitTemplate::LetsEncryptClassic => "letsencrypt-classic",
            InitTemplate::LetsEncryptTlsServer => "letsencrypt-tlsserver",
            InitTemplate::LetsEncryptShortlived => "letsencrypt-shortlived",
            InitTemplate::PublicOv => "public-ov",
            InitTemplate::PrivateSip => "private-sip",
            InitTemplate::Lync => "lync",
            InitTemplate::AdCs => "ad-cs",
        }
    }

    /// The template that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }

    /// The issuer's name in the file.
    fn issuer(self) -> &'static str {
        match self {
            InitTemplate::PublicDv | InitTemplate::PublicOv | InitTemplate::Lync => "public",
            InitTemplate::LetsEncryptClassic
            | InitTemplate::LetsEncryptTlsServer
            | InitTemplate::LetsEncryptShortlived => "letsencrypt",
            InitTemplate::PrivateXmpp | InitTemplate::PrivateSip | InitTemplate::AdCs => "private",
        }
    }

    /// Who signs, in a sentence of the file.
    fn prose(self) -> &'static str {
        match self {
            InitTemplate::PublicDv => {
                "A public CA: it signs DNS names it has checked, and nothing else."
            }
            InitTemplate::PrivateXmpp => {
                "A private CA: it may sign SRVName and XmppAddr as well, and for both roles of TLS."
            }
            InitTemplate::LetsEncryptClassic => {
                "Let's Encrypt: up to 100 DNS names in one certificate, with a common name."
            }
            InitTemplate::LetsEncryptTlsServer => {
                "Let's Encrypt: up to 25 DNS names in one certificate, without a common name."
            }
            InitTemplate::LetsEncryptShortlived => {
                "Let's Encrypt for 160 hours: up to 25 DNS names, without a common name; renew it from a timer."
            }
            InitTemplate::PublicOv => {
                "A public CA that proves the organization as well: it demands the subject above."
            }
            InitTemplate::PrivateSip => {
                "A private CA for SIP: sip URIs beside the DNS names, and the key purpose sipDomain."
            }
            InitTemplate::Lync => {
                "A public CA for the edge of Lync or Skype for Business: RSA keys, and no wildcards."
            }
            InitTemplate::AdCs => {
                "Microsoft's CA inside the company (AD CS), which issues by certificate template."
            }
        }
    }

    /// The file in which the CA's root is expected, from the deployment file on; `None` where the system's roots judge.
    pub fn root_file(self) -> Option<&'static str> {
        (self.issuer() == "private").then_some(PRIVATE_ROOT)
    }

    fn issuer_table(self) -> String {
        let (name, word) = (self.issuer(), self.word());
        let mut table = format!(
            "## {}\n[issuer.{name}]\nprofile = \"{word}\"\n",
            self.prose()
        );
        if self == InitTemplate::AdCs {
            table.push_str(
                "## Its name, not its display name; of version 2 and later also { oid = \"1.3.…\", major = 100, minor = 3 }.\n\
                 template = \"WebServer\"\n",
            );
        }
        match self.root_file() {
            Some(file) => table.push_str(&format!(
                "\
## Put the CA's root here, and give it to the partners: it judges what the CA signs. \"system\" and \"mozilla\" are
## taken as well.
roots = [\"{file}\"]
"
            )),
            None => table.push_str(
                "\
## Which roots judge what it signs: \"system\", \"mozilla\", a file or a folder.
roots = [\"system\"]
",
            ),
        }
        table.push_str(
            "\
## Life left at which the next request is due; the profile's own by default.
# renew-at = \"33%\"",
        );
        table
    }

    /// `[key]`, in force where the issuer does not take the default key.
    fn key_lines(self) -> &'static str {
        if self == InitTemplate::Lync {
            "\
[key]
## rsa2048, rsa3072 or rsa4096: the edge services take no other
type = \"rsa2048\""
        } else {
            "\
# [key]
## rsa2048, rsa3072, rsa4096, ec256 (the default), ec384 or ed25519
# type = \"ec256\""
        }
    }

    /// `[subject]`: whose it is nobody can guess, so that no value is in force. Where the issuer demands it the table
    /// stands open.
    fn subject_lines(self) -> &'static str {
        if self == InitTemplate::PublicOv {
            "\
[subject]
## Demanded: the organization as it is registered, its country, and state or locality. Take the hashes away and write
## your own; `edgecert request` refuses until they are there.
# organization = \"Contoso\"
# country = \"US\"
# state = \"Washington\"
# locality = \"Redmond\"
# organizational-unit = \"Messaging\""
        } else {
            "\
# [subject]
# organization = \"Contoso\"
# organizational-unit = \"Messaging\"
# country = \"US\"
# state = \"Washington\"
# locality = \"Redmond\""
        }
    }
}

/// The annotated deployment for an issuer with a profile of one's own, whose path is written as it counts from the file:
/// `text` is that of [`annotated`] for the template.
pub fn with_profile_file(text: &str, template: InitTemplate, path: &str) -> String {
    let word = template.word();
    let prose = format!("## {}\n", template.prose());
    text.replacen(&prose, "## A CA with a profile of your own.\n", 1)
        .replacen(
            &format!("profile = \"{word}\""),
            &format!("profile = {}", toml_edit::Value::from(path)),
            1,
        )
}

/// The annotated deployment for an edge; it parses, whatever domains are given, as long as there is one.
///
/// With neither a SIP nor an XMPP domain, the FQDN's parent serves as both (the FQDN itself when that is no domain).
pub fn annotated(fqdn: &Domain, sip: &[Domain], xmpp: &[Domain], profile: InitTemplate) -> String {
    let fallback: Vec<Domain> = if sip.is_empty() && xmpp.is_empty() {
        let parent = fqdn.as_str().split_once('.').map_or("", |(_, rest)| rest);
        vec![Domain::parse(parent).unwrap_or_else(|_| fqdn.clone())]
    } else {
        Vec::new()
    };
    let (sip, xmpp) = if fallback.is_empty() {
        (sip, xmpp)
    } else {
        (fallback.as_slice(), fallback.as_slice())
    };
    let domain = sip.first().or(xmpp.first()).unwrap_or(fqdn);
    TEMPLATE
        .replace("@DOMAINS@", &domain_lines(sip, xmpp, domain))
        .replace("@ISSUER@", &profile.issuer_table())
        .replace("@KEY@", profile.key_lines())
        .replace("@SUBJECT@", profile.subject_lines())
        .replace(
            "@CERTIFICATE@",
            &certificate_table(sip, xmpp, domain, profile),
        )
        .replace("@FQDN@", fqdn.as_str())
        .replace("@DOMAIN@", domain.as_str())
}

fn domain_lines(sip: &[Domain], xmpp: &[Domain], example: &Domain) -> String {
    let mut lines = String::new();
    for (prose, key, domains) in [
        (
            "Users sign in and federate over SIP under these; the first is the primary one. Each adds sip.<domain> and itself.",
            "sip-domains",
            sip,
        ),
        (
            "Users federate over XMPP under these. Each adds itself.",
            "xmpp-domains",
            xmpp,
        ),
    ] {
        // Writing into a String cannot fail.
        let _ = writeln!(lines, "## {prose}");
        let _ = if domains.is_empty() {
            writeln!(lines, "# {key} = [\"{example}\"]")
        } else {
            writeln!(lines, "{key} = {}", list_of(domains))
        };
    }
    lines.trim_end().to_owned()
}

fn certificate_table(
    sip: &[Domain],
    xmpp: &[Domain],
    example: &Domain,
    profile: InitTemplate,
) -> String {
    let mut uses = Vec::new();
    if !sip.is_empty() {
        uses.push("\"sip-edge\"");
    }
    if !xmpp.is_empty() {
        uses.push("\"xmpp-s2s\"");
    }
    format!(
        "\
## The certificate for the outside. Its uses decide which names it gets: sip-edge, xmpp-s2s (servers), xmpp-c2s
## (clients), internal-edge.
[certificate.external-edge]
issuer = \"{}\"
uses = [{}]
## Only these domains of the edge, with their components; left out: all of them.
# domains = [\"{example}\"]
## Shown by Windows; it goes into .pfx files only.
# friendly-name = \"External edge\"
## Further names: dns: srv: xmpp: sip: ip: email:
# san = [\"dns:webcon.{example}\"]",
        profile.issuer(),
        uses.join(", "),
    )
}

fn list_of(domains: &[Domain]) -> String {
    let quoted: Vec<String> = domains.iter().map(|d| format!("\"{d}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::{Deployment, KindWord, ProfileSource};
    use super::*;
    use std::path::Path;

    fn d(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn parse(text: &str) -> Deployment {
        Deployment::parse(text, Path::new("/srv/edge/edgecert.toml"))
            .unwrap_or_else(|error| panic!("{:#?}\n{text}", error.mistakes))
    }

    /// The comments that are settings, in force.
    fn uncommented(text: &str) -> String {
        let lines: Vec<&str> = text
            .lines()
            .map(|line| line.strip_prefix("# ").unwrap_or(line))
            .collect();
        lines.join("\n")
    }

    #[test]
    fn only_what_is_needed_is_in_force() {
        for template in InitTemplate::ALL {
            let text = annotated(
                &d("edge.contoso.com"),
                &[d("contoso.com"), d("fabrikam.com")],
                &[d("contoso.com")],
                template,
            );
            let deployment = parse(&text);
            assert_eq!(deployment.edge.fqdn, d("edge.contoso.com"));
            assert_eq!(deployment.edge.sip_domains.len(), 2);
            assert_eq!(deployment.edge.xmpp_domains, [d("contoso.com")]);
            assert_eq!(
                (deployment.issuers.len(), deployment.certificates.len()),
                (1, 1)
            );
            assert!(deployment.gateways.is_empty() && deployment.partners.is_empty());
            assert_eq!(deployment.certificates[0].key.passphrase, None);
            assert_eq!(deployment.subject.organization, None);
            assert!(
                !text.contains("@D")
                    && !text.contains("@F")
                    && !text.contains("@K")
                    && !text.contains("@S"),
                "a placeholder is left"
            );
        }
    }

    #[test]
    fn every_commented_setting_is_valid_when_taken_in_force() {
        for template in InitTemplate::ALL {
            for (sip, xmpp) in [
                (vec![d("contoso.com")], vec![d("contoso.com")]),
                (vec![], vec![d("contoso.com")]),
                (vec![d("contoso.com")], vec![]),
                (vec![], vec![]),
            ] {
                let text = annotated(&d("edge.contoso.com"), &sip, &xmpp, template);
                parse(&text);
                let deployment = parse(&uncommented(&text));
                assert_eq!(deployment.gateways.len(), KindWord::ALL.len());
                assert_eq!(deployment.policies.len(), 2);
            }
        }
    }

    #[test]
    fn a_profile_of_ones_own_stands_there_by_its_path() {
        for template in InitTemplate::ALL {
            let text = annotated(&d("edge.contoso.com"), &[d("contoso.com")], &[], template);
            for path in ["./internal.toml", "a \"b\".toml"] {
                let deployment = parse(&with_profile_file(&text, template, path));
                let issuer = deployment.issuers.values().next().unwrap();
                assert_eq!(issuer.profile, ProfileSource::File(path.into()));
            }
        }
    }

    #[test]
    fn every_key_of_the_format_stands_in_the_template() {
        let example = include_str!("../../fixtures/deployments/example.toml");
        let keys = |text: &str| -> std::collections::BTreeSet<String> {
            let words = text.lines().filter_map(|line| {
                let line = line.trim_start_matches("# ").trim();
                let (key, _) = line.split_once(" = ")?;
                let plain = key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                plain.then(|| key.to_owned())
            });
            words.collect()
        };
        let text = annotated(&d("edge.contoso.com"), &[], &[], InitTemplate::PublicDv);
        let written = keys(&text);
        for key in keys(example) {
            assert!(written.contains(&key), "{key} is missing in the template");
        }
    }
}
