//! How the servers that people run really read a certificate: one profile each, every cell with its source.
//!
//! The RFCs say what a peer should accept (`names::matching`); this says what a Prosody, an ejabberd or an Openfire
//! does accept, both when it dials (our leaf is the TLS server's) and when it is dialled (our leaf is the TLS
//! client's, XEP-0178). It looks at one certificate; paths and revocation are judged elsewhere. Versions read:
//! Prosody 0.12.3 and trunk of 2025-05, Metronome 4.0.5, ejabberd of 2026-08 with xmpp 1.13.3 and fast_tls 1.1.26,
//! Openfire main of 2026-07, Kamailio main of 2026-08. `docs/servers.md` shows the table to people.

mod coverage;
mod manual;
mod reading;
mod table;
mod variants;

pub use coverage::{Covered, Seen, matrix};
pub use manual::{Row, rows};
pub use reading::{Answer, By, Refusal, Role, WhyNot, answer, named};
pub use table::profile;

use crate::federation::Server;
use crate::names::matching::Service;

/// How surely a cell is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The server's own code is run beside ours in the tests.
    Run,
    /// Read in the server's source, or seen from a running one.
    Read,
    /// The vendor's documentation says so.
    Documented,
    /// Concluded from the defaults of a library; a verdict never refuses by it.
    Inferred,
}

/// One fact about one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<T> {
    /// What it does.
    pub value: T,
    /// How surely that is known.
    pub basis: Basis,
    /// Where it stands: file and function of the server's source, or a document.
    pub source: &'static str,
}

/// Which name is looked for in the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// None: a certificate for any name will do.
    Nothing,
    /// The domain of the service.
    Domain,
    /// The domain, and for SIP the host `sip.<domain>` instead of it.
    SipHost,
}

/// Whether letters of other case are the same letters in a dNSName.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They are (RFC 9525 §6.3).
    Ignored,
    /// Bytes are compared: the domain is in lower case, so an upper-case entry never matches.
    Exact,
}

/// What `*.` in front of a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wildcard {
    /// Nothing: such a name matches no domain.
    Nothing,
    /// Exactly one label (RFC 9525 §6.3), before any suffix, `com` included.
    OneLabel,
    /// Any number of labels, none included.
    AnyDepth,
}

/// In which form a domain with U-labels is compared with a dNSName.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idn {
    /// Turned into A-labels first.
    ALabels,
    /// As it stands on the stream: U-labels, so that an A-label entry does not match.
    AsOnStream,
}

/// Whether SRVName entries count (RFC 4985).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Srv {
    /// They are not read.
    No,
    /// They count.
    Counted {
        /// How `_xmpp-server` is compared.
        service: Case,
        /// Whether `_xmpp-client` counts between servers as well.
        clients_too: bool,
        /// Whether `*.` after the service is a wildcard, as in a dNSName.
        wildcards: bool,
    },
}

/// Whether XmppAddr entries count (RFC 6120 §13.7.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Xmpp {
    /// They are not read, or never reached between servers.
    No,
    /// A bare domain counts where both are the same text after nameprep: U-labels match U-labels.
    Nameprep,
    /// A bare domain is turned into A-labels and then compared like a dNSName, wildcards included.
    AsDnsName,
    /// Compared like a dNSName, as it is.
    Raw,
}

/// Whether URI entries count for XMPP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uri {
    /// They do not.
    No,
    /// Compared like a dNSName, as they are: no URI with a scheme ever matches.
    Raw,
}

/// Whether the subject's common name counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommonName {
    /// Never (RFC 9525 §1.2).
    No,
    /// Where no dNSName, SRVName, XmppAddr or URI is there and the subject has exactly one (RFC 6125 §6.4.4).
    WithoutSan,
    /// The first one always, whatever the subjectAltName holds.
    Always,
}

/// Which purpose an extended key usage has to hold where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eku {
    /// None: it is not looked at.
    Any,
    /// serverAuth.
    ServerAuth,
    /// clientAuth.
    ClientAuth,
}

/// Which keys it can work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// RSA and ECDSA.
    Any,
    /// RSA alone.
    Rsa,
}

/// When SASL EXTERNAL is offered to a peer that dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Only if the certificate was accepted.
    IfAccepted,
    /// In any case; what is wrong with the certificate is said when EXTERNAL is tried.
    Regardless,
}

/// How one server reads certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Which server.
    pub server: Server,
    /// Which name is looked for. With [`Compared::Nothing`] the cells up to [`Self::most_names`] say nothing.
    pub compared: Cell<Compared>,
    /// Case in a dNSName.
    pub case: Cell<Case>,
    /// `*.` in a dNSName.
    pub wildcard: Cell<Wildcard>,
    /// Domains with U-labels.
    pub idn: Cell<Idn>,
    /// SRVName.
    pub srv: Cell<Srv>,
    /// XmppAddr.
    pub xmpp: Cell<Xmpp>,
    /// URI.
    pub uri: Cell<Uri>,
    /// Common name.
    pub common_name: Cell<CommonName>,
    /// How many subjectAltName entries are looked at, if that is limited.
    pub most_names: Cell<Option<usize>>,
    /// The purpose that our leaf needs when this server dials.
    pub eku_as_server: Cell<Eku>,
    /// The purpose that our leaf needs when this server is dialled.
    pub eku_as_client: Cell<Eku>,
    /// The keys it can work with.
    pub keys: Cell<Keys>,
    /// When it offers EXTERNAL; of no meaning where no XMPP is spoken.
    pub offer: Cell<Offer>,
}

/// The servers that look for a service's name in a certificate: those that federate by its protocol.
pub fn asked_for(service: Service) -> Vec<Server> {
    Server::ALL
        .into_iter()
        .filter(|server| match service {
            Service::XmppServer => server.speaks_xmpp(),
            Service::Sip | Service::Host => server.speaks_sip(),
            // Clients judge there, no server does.
            Service::XmppClient => false,
        })
        .collect()
}
