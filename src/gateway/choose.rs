//! Which certificate a handshake gets: by SNI, else by the stream's `to`, else the first.
//!
//! [`Served`] is an unchangeable snapshot with its own TLS configurations. A commit builds a new one and puts it in
//! place by one store: tickets and session keys of the old one end with it, so that a client that resumes can
//! never be shown the leaf before (a swap of the resolver alone would do that). RFC 6066 §3, RFC 7301, RFC 8446.

use super::proof::PeerRecorder;
use crate::names::{Identifier, Slug};
use crate::x509::Certificate;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SignatureAlgorithm, SignatureScheme};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use time::OffsetDateTime;

/// The ALPN protocol of direct TLS between XMPP servers (XEP-0368 §3).
const ALPN_XMPP_SERVER: &[u8] = b"xmpp-server";

/// A pair ready to be shown in handshakes: leaf, chain and key were proven to belong together.
#[derive(Debug)]
pub struct ServedPair {
    /// Which certificate of the deployment.
    pub certificate: Slug,
    /// Its generation, 0 when unknown.
    pub generation: u32,
    /// The leaf.
    pub leaf: Certificate,
    /// What rustls signs with.
    pub key: Arc<CertifiedKey>,
    /// Commit, or start of the process.
    pub since: OffsetDateTime,
}

/// Everything that is served at one time.
#[derive(Debug)]
pub struct Served {
    pairs: Vec<Arc<ServedPair>>,
    index: Arc<Index>,
    plain: Arc<ServerConfig>,
    direct_xmpp: Arc<ServerConfig>,
}

/// Whether ALPN is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    /// Whatever the client offers is let through unanswered.
    Any,
    /// `xmpp-server`, or nothing.
    XmppServer,
}

impl Served {
    /// A snapshot of these pairs, in the order of the settings; with none, every handshake ends in an alert.
    ///
    /// Errors: the provider has no cipher suites, or the system no random numbers for the ticket key.
    pub fn new(
        pairs: Vec<Arc<ServedPair>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, rustls::Error> {
        let index = Arc::new(Index::of(&pairs));
        let build = || -> Result<ServerConfig, rustls::Error> {
            let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
                .with_safe_default_protocol_versions()?
                .with_client_cert_verifier(Arc::new(PeerRecorder::new(provider)))
                .with_cert_resolver(Arc::new(Chooser {
                    index: Arc::clone(&index),
                    to: None,
                }));
            config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
            // Data before the handshake is over could be replayed.
            config.max_early_data_size = 0;
            Ok(config)
        };
        let plain = Arc::new(build()?);
        let mut direct_xmpp = build()?;
        direct_xmpp.alpn_protocols = vec![ALPN_XMPP_SERVER.to_vec()];
        Ok(Self {
            pairs,
            index,
            plain,
            direct_xmpp: Arc::new(direct_xmpp),
        })
    }

    /// What is served, in the order of the settings.
    pub fn pairs(&self) -> &[Arc<ServedPair>] {
        &self.pairs
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Whether one of the certificates is for this name (A-label).
    pub fn covers(&self, name: &str) -> bool {
        self.index.knows(name)
    }

    /// The configuration for one handshake. `to` is the stream's, where one was read before TLS; it decides only
    /// where SNI does not.
    pub fn config(&self, alpn: Alpn, sni: Option<&str>, to: Option<&str>) -> Arc<ServerConfig> {
        let shared = match alpn {
            Alpn::Any => &self.plain,
            Alpn::XmppServer => &self.direct_xmpp,
        };
        let by_sni = sni.is_some_and(|name| self.index.knows(name));
        match to {
            Some(to) if !by_sni && self.index.knows(to) => {
                let mut own = ServerConfig::clone(shared);
                own.cert_resolver = Arc::new(Chooser {
                    index: Arc::clone(&self.index),
                    to: Some(to.to_owned()),
                });
                // A session of this handshake must not be resumed by one for another `to`.
                own.session_storage = Arc::new(NoServerSessionStorage {});
                own.ticketer = Arc::new(NoTickets);
                own.send_tls13_tickets = 0;
                Arc::new(own)
            }
            Some(_) | None => Arc::clone(shared),
        }
    }
}

/// No session tickets at all.
#[derive(Debug)]
struct NoTickets;

impl rustls::server::ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }
    fn lifetime(&self) -> u32 {
        0
    }
    fn encrypt(&self, _plain: &[u8]) -> Option<Vec<u8>> {
        None
    }
    fn decrypt(&self, _cipher: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// Names to pairs.
struct Index {
    keys: Vec<Arc<CertifiedKey>>,
    exact: HashMap<String, Vec<usize>>,
    /// By what stands after `*.`.
    wildcard: HashMap<String, Vec<usize>>,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Index({} pairs, {} names)",
            self.keys.len(),
            self.exact.len()
        )
    }
}

impl Index {
    fn of(pairs: &[Arc<ServedPair>]) -> Self {
        let mut exact: HashMap<String, Vec<usize>> = HashMap::new();
        let mut wildcard: HashMap<String, Vec<usize>> = HashMap::new();
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        // Among certificates for one name, RSA comes last: whoever can take the smaller key gets it.
        order.sort_by_key(|&index| {
            pairs
                .get(index)
                .is_some_and(|pair| pair.key.key.algorithm() == SignatureAlgorithm::RSA)
        });
        for index in order {
            let Some(pair) = pairs.get(index) else {
                continue;
            };
            for presented in pair.leaf.facts().names.iter().flatten() {
                let (map, name) = match Identifier::from_presented(presented) {
                    Some(Identifier::Dns(name)) if name.is_wildcard() => {
                        (&mut wildcard, name.domain().as_str().to_owned())
                    }
                    Some(Identifier::Dns(name)) => (&mut exact, name.domain().as_str().to_owned()),
                    Some(Identifier::Srv(name)) => (&mut exact, name.domain().as_str().to_owned()),
                    Some(Identifier::Xmpp(name)) => (&mut exact, name.domain().as_str().to_owned()),
                    Some(Identifier::Sip(name)) => (&mut exact, name.domain().as_str().to_owned()),
                    Some(Identifier::Ip(_) | Identifier::Email(_)) | None => continue,
                };
                let known = map.entry(name).or_default();
                if !known.contains(&index) {
                    known.push(index);
                }
            }
        }
        Self {
            keys: pairs.iter().map(|pair| Arc::clone(&pair.key)).collect(),
            exact,
            wildcard,
        }
    }

    /// Pairs for a name, the exact ones first.
    fn find(&self, name: &str) -> impl Iterator<Item = &Arc<CertifiedKey>> {
        let name = canonical(name);
        let exact = self.exact.get(name.as_ref());
        let wildcard = name
            .split_once('.')
            .and_then(|(_, parent)| self.wildcard.get(parent));
        exact
            .into_iter()
            .chain(wildcard)
            .flatten()
            .filter_map(|&index| self.keys.get(index))
    }

    fn knows(&self, name: &str) -> bool {
        self.find(name).next().is_some()
    }

    fn pick(
        &self,
        sni: Option<&str>,
        to: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        sni.into_iter()
            .chain(to)
            .flat_map(|name| self.find(name))
            .find(fits)
            .or_else(|| self.keys.iter().find(fits))
            .or_else(|| self.keys.first())
            .cloned()
    }
}

/// Lower case, without a trailing dot.
fn canonical(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// The resolver of one configuration.
#[derive(Debug)]
struct Chooser {
    index: Arc<Index>,
    to: Option<String>,
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.index.pick(
            hello.server_name(),
            self.to.as_deref(),
            hello.signature_schemes(),
        )
    }
}
