//! A throw-away CA at a fixed time, and what is judged of its certificates.

use edgecert::federation::{Negotiation, Server, Setting};
use edgecert::names::matching::Service;
use edgecert::names::{Domain, Identifier};
use edgecert::verify::{
    Expectation, Judgement, Peer, PeerRoots, Strictness, TrustSet, Wanted, judge,
};
use edgecert::x509::issue::{IssueSpec, Issuer, issue};
use edgecert::x509::{
    Certificate, Crl, KeyPurpose, KeyType, KeyUsage, PrivateKey, Subject, container,
};
use std::path::Path;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

pub const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

/// SubjectPublicKeyInfo of an RSA key with 1024 bits, made once with openssl; its private half is lost.
pub const RSA_1024: &str = "30819f300d06092a864886f70d010101050003818d0030818902818100a9e6eb7a58e4aa442b9dbc057faf4cd6ebe5dbfd8d98305ecdf9daa50d126b7505a9162e44216e35a02e238031004b28d7874c7aa3cafe86cd3ec4da21d844099bea83b6c03688528d1d3498621c7b07853f7afbb84eb1309fd402b041495960fbc02eb1655ee10c67f65e956e174b22ca4756916a989267c8dc618b1a2945d10203010001";

/// A CA with an intermediate, and the keys of all.
pub struct Lab {
    pub root_key: PrivateKey,
    pub ca_key: PrivateKey,
    pub leaf_key: PrivateKey,
    pub root: Certificate,
    pub ca: Certificate,
}

/// What is judged.
#[derive(Clone)]
pub struct Given {
    pub chain: Vec<Certificate>,
    pub roots: Option<Vec<Certificate>>,
    pub untrusted: Vec<Certificate>,
    pub wanted: Vec<Wanted>,
    pub at: OffsetDateTime,
    pub public: bool,
    pub partners: Vec<Peer>,
    pub crls: Vec<Crl>,
}

pub fn leaf_spec(names: &[&str]) -> IssueSpec {
    IssueSpec {
        serial: vec![4, 0xa1],
        subject: Subject::named("edge.contoso.com"),
        names: names
            .iter()
            .map(|name| Identifier::parse_typed(name).unwrap())
            .collect(),
        not_before: datetime!(2026-11-01 0:00 UTC),
        not_after: datetime!(2027-05-18 23:59:59 UTC), // 199 days
        ca: None,
        key_usage: Some(KeyUsage {
            digital_signature: true,
            ..KeyUsage::default()
        }),
        key_purposes: vec![KeyPurpose::ServerAuth, KeyPurpose::ClientAuth],
        ca_issuers: Some("http://ca.example/ca.cer".to_owned()),
    }
}

pub fn ca_spec(name: &str, path_length: Option<u32>) -> IssueSpec {
    IssueSpec {
        serial: vec![7],
        ca: Some(path_length),
        key_usage: Some(KeyUsage {
            key_cert_sign: true,
            crl_sign: true,
            ..KeyUsage::default()
        }),
        ..IssueSpec::of(
            Subject::named(name),
            datetime!(2025-01-01 0:00 UTC),
            datetime!(2035-01-01 0:00 UTC),
        )
    }
}

pub fn sign(
    spec: &IssueSpec,
    key: &PrivateKey,
    by: Option<&Certificate>,
    by_key: &PrivateKey,
) -> Certificate {
    let issuer = Issuer {
        certificate: by,
        key: by_key,
    };
    issue(spec, key.spki_der(), &issuer).unwrap()
}

pub fn plain() -> IssueSpec {
    leaf_spec(&["dns:edge.contoso.com", "dns:contoso.com"])
}

impl Lab {
    pub fn new() -> Self {
        let key = || PrivateKey::generate(KeyType::Ec256).unwrap();
        let (root_key, ca_key, leaf_key) = (key(), key(), key());
        let root = sign(&ca_spec("Lab Root", None), &root_key, None, &root_key);
        let ca = sign(&ca_spec("Lab CA", Some(0)), &ca_key, Some(&root), &root_key);
        Self {
            root_key,
            ca_key,
            leaf_key,
            root,
            ca,
        }
    }

    pub fn leaf(&self, spec: &IssueSpec) -> Certificate {
        sign(spec, &self.leaf_key, Some(&self.ca), &self.ca_key)
    }

    pub fn ca(&self, spec: &IssueSpec) -> Certificate {
        sign(spec, &self.ca_key, Some(&self.root), &self.root_key)
    }

    /// Leaf and intermediate, to the root.
    pub fn given(&self, spec: &IssueSpec) -> Given {
        self.chain(vec![self.leaf(spec), self.ca.clone()])
    }

    pub fn chain(&self, chain: Vec<Certificate>) -> Given {
        Given {
            chain,
            roots: Some(vec![self.root.clone()]),
            untrusted: vec![],
            wanted: vec![],
            at: NOW,
            public: false,
            partners: vec![],
            crls: vec![],
        }
    }

    /// The plain chain with a changed intermediate.
    pub fn with_ca(&self, spec: &IssueSpec) -> Given {
        self.chain(vec![self.leaf(&plain()), self.ca(spec)])
    }

    pub fn sound(&self) -> Given {
        self.given(&plain())
    }

    /// A leaf with these names, held against what is wanted.
    pub fn names(&self, names: &[&str], wanted: Vec<Wanted>) -> Given {
        Given {
            wanted,
            ..self.given(&leaf_spec(names))
        }
    }

    /// The plain leaf for another public key, DER SubjectPublicKeyInfo.
    pub fn for_key(&self, spki: &[u8]) -> Given {
        let issuer = Issuer {
            certificate: Some(&self.ca),
            key: &self.ca_key,
        };
        self.chain(vec![
            issue(&plain(), spki, &issuer).unwrap(),
            self.ca.clone(),
        ])
    }

    /// The plain leaf with bytes changed: its signature is wrong then, so no roots are given.
    pub fn patched(&self, spec: &IssueSpec, from: &[u8], to: &[u8]) -> Given {
        Given {
            roots: None,
            ..self.chain(vec![patch(&self.leaf(spec), from, to), self.ca.clone()])
        }
    }
}

impl Given {
    pub fn judge(&self, strictness: Strictness) -> Judgement {
        let trust = self
            .roots
            .as_ref()
            .map(|roots| TrustSet::new("the lab's roots", roots.clone()));
        let expectation = Expectation {
            trust: trust.as_ref(),
            untrusted: &self.untrusted,
            wanted: self.wanted.clone(),
            public: self.public,
            crls: &self.crls,
            strictness,
            partners: &self.partners,
            ..Expectation::new(self.at)
        };
        judge(&self.chain, None, &expectation)
    }

    pub fn at(self, at: OffsetDateTime) -> Self {
        Self { at, ..self }
    }

    pub fn roots(self, roots: Vec<Certificate>) -> Self {
        Self {
            roots: Some(roots),
            ..self
        }
    }

    pub fn public(self) -> Self {
        Self {
            public: true,
            ..self
        }
    }

    pub fn untrusted(self, untrusted: Vec<Certificate>) -> Self {
        Self { untrusted, ..self }
    }

    pub fn wanting(self, wanted: Vec<Wanted>) -> Self {
        Self { wanted, ..self }
    }

    /// A partner whose server is known and whose roots are not; TLS is required.
    pub fn partner(self, server: Server, sasl: Setting, dialback: bool) -> Self {
        let negotiation = Negotiation {
            tls: Setting::Required,
            sasl,
            dialback,
        };
        let partners = vec![Peer {
            domain: Domain::parse("litware.com").unwrap(),
            negotiation,
            server: Some(server),
            roots: PeerRoots::Unknown,
        }];
        Self { partners, ..self }
    }

    /// The file with the partner's roots is not there.
    pub fn whose_roots_are_unread(mut self) -> Self {
        let told = edgecert::explain::Explanation {
            code: "store.io",
            what: "nope.pem cannot be read".to_owned(),
            place: "nope.pem".to_owned(),
            why: "it is not there".to_owned(),
            mend: "put it there".to_owned(),
        };
        for partner in &mut self.partners {
            partner.roots = PeerRoots::Unread(Box::new(told.clone()));
        }
        self
    }
}

pub fn patch(certificate: &Certificate, from: &[u8], to: &[u8]) -> Certificate {
    assert_eq!(from.len(), to.len());
    let mut der = certificate.der().to_vec();
    let mut count = 0;
    for at in 0..=der.len() - from.len() {
        if der[at..].starts_with(from) {
            der[at..at + to.len()].copy_from_slice(to);
            count += 1;
        }
    }
    assert!(count > 0, "nothing to patch");
    Certificate::from_der(&der).unwrap()
}

pub fn covered(service: Service, domain: &str) -> Wanted {
    Wanted::Covered {
        service,
        domain: Domain::parse(domain).unwrap(),
        because: format!("domain {domain}"),
    }
}

pub fn entry(name: &str) -> Wanted {
    Wanted::Entry(Identifier::parse_typed(name).unwrap())
}

/// One of the x509-limbo cases, for what our own issuer does not write.
pub fn limbo(id: &str) -> Given {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/limbo/limbo.json");
    let all: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let case = all["testcases"]
        .as_array()
        .unwrap()
        .iter()
        .find(|case| case["id"] == id)
        .unwrap();
    let read = |pem: &serde_json::Value| {
        let contents = container::read(pem.as_str().unwrap().as_bytes(), None).unwrap();
        contents.certificates[0].1.clone()
    };
    let list = |key: &str| -> Vec<Certificate> {
        case[key].as_array().unwrap().iter().map(read).collect()
    };
    let mut chain = vec![read(&case["peer_certificate"])];
    chain.extend(list("untrusted_intermediates"));
    Given {
        chain,
        roots: Some(list("trusted_certs")),
        untrusted: vec![],
        wanted: vec![],
        at: datetime!(2024-03-15 0:00 UTC),
        public: false,
        partners: vec![],
        crls: case["crls"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|pem| Crl::read(pem.as_str().unwrap().as_bytes()).unwrap())
            .collect(),
    }
}

/// Leaf, CA and root of a file, in that order.
pub fn chain_of_file(name: &str) -> Given {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    let contents = container::read(&std::fs::read(path).unwrap(), None).unwrap();
    let mut chain: Vec<Certificate> = contents
        .certificates
        .into_iter()
        .map(|(_, one)| one)
        .collect();
    let root = chain.pop().unwrap();
    Given {
        chain,
        roots: Some(vec![root]),
        untrusted: vec![],
        wanted: vec![],
        at: datetime!(2030-01-01 0:00 UTC),
        public: false,
        partners: vec![],
        crls: vec![],
    }
}

/// One of certificates A and B that certify each other, and a leaf of A.
pub fn circle(lab: &Lab) -> Given {
    let a_key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let first = sign(&ca_spec("B", None), &lab.ca_key, None, &lab.ca_key);
    let a = sign(&ca_spec("A", None), &a_key, Some(&first), &lab.ca_key);
    let b = sign(&ca_spec("B", None), &lab.ca_key, Some(&a), &a_key);
    let leaf = sign(&plain(), &lab.leaf_key, Some(&a), &a_key);
    lab.chain(vec![leaf, a, b])
}

/// Root, CA with a path length, a CA below it, leaf; from the leaf up.
pub fn deep(lab: &Lab, path_length: Option<u32>) -> Vec<Certificate> {
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let upper = lab.ca(&ca_spec("Lab CA", path_length));
    let lower = sign(
        &ca_spec("Lab Sub CA", None),
        &key,
        Some(&upper),
        &lab.ca_key,
    );
    let leaf = sign(&plain(), &lab.leaf_key, Some(&lower), &key);
    vec![leaf, lower, upper]
}

pub fn with(change: impl FnOnce(&mut IssueSpec)) -> IssueSpec {
    let mut spec = plain();
    change(&mut spec);
    spec
}

pub fn ca_with(change: impl FnOnce(&mut IssueSpec)) -> IssueSpec {
    let mut spec = ca_spec("Lab CA", Some(0));
    change(&mut spec);
    spec
}

pub fn days(count: i64) -> IssueSpec {
    with(|spec| spec.not_after = spec.not_before + Duration::days(count) - Duration::SECOND)
}

/// The plain leaf with key usage changed from digitalSignature alone.
pub fn with_usage(change: impl FnOnce(&mut KeyUsage)) -> IssueSpec {
    let mut usage = KeyUsage {
        digital_signature: true,
        ..KeyUsage::default()
    };
    change(&mut usage);
    with(|spec| spec.key_usage = Some(usage))
}

/// The plain leaf of an organizational unit.
pub fn with_unit() -> IssueSpec {
    with(|spec| spec.subject.organizational_unit = Some("Messaging".to_owned()))
}

/// The host and the domain behind it, as a deployment wants them.
pub fn edge_and_domain() -> Vec<Wanted> {
    vec![
        covered(Service::Host, "edge.contoso.com"),
        covered(Service::XmppServer, "contoso.com"),
        covered(Service::Sip, "contoso.com"),
    ]
}

/// A public key of `fixtures/keys/`, DER SubjectPublicKeyInfo.
pub fn public_key(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/keys")
        .join(format!("{name}.pub.pem"));
    let text = std::fs::read_to_string(path).unwrap();
    let (_, spki) = der::Document::from_pem(&text).unwrap();
    spki.as_bytes().to_vec()
}
