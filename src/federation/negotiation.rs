//! TLS × SASL × dialback: which methods a pair of settings allows, by a closed form over the seed's 18 rows.

/// A negotiation setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// Must be negotiated.
    Required,
    /// Left to the peer.
    Optional,
    /// Never.
    NotSupported,
}

/// A way in which two servers can trust a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// SASL EXTERNAL with the certificate, inside TLS.
    SaslOverTls,
    /// Dialback inside TLS.
    DialbackOverTls,
    /// Dialback in clear text.
    DialbackOverTcp,
}

/// The three settings together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Negotiation {
    /// TLS.
    pub tls: Setting,
    /// SASL EXTERNAL.
    pub sasl: Setting,
    /// Whether dialback requests are made and answered.
    pub dialback: bool,
}

impl Negotiation {
    /// The methods that can happen; none means that the combination cannot work.
    ///
    /// SASL over TLS unless either is not supported; dialback over TLS unless TLS is not supported or both are
    /// required; dialback over TCP unless TLS is required.
    pub fn methods(self) -> Vec<Method> {
        let tls = self.tls != Setting::NotSupported;
        let sasl = tls && self.sasl != Setting::NotSupported;
        let both_required = self.tls == Setting::Required && self.sasl == Setting::Required;
        [
            (sasl, Method::SaslOverTls),
            (
                self.dialback && tls && !both_required,
                Method::DialbackOverTls,
            ),
            (
                self.dialback && self.tls != Setting::Required,
                Method::DialbackOverTcp,
            ),
        ]
        .into_iter()
        .filter_map(|(possible, method)| possible.then_some(method))
        .collect()
    }

    /// Whether the seed's editor would save it: SASL needs TLS.
    pub fn may_be_committed(self) -> bool {
        !(self.tls == Setting::NotSupported && self.sasl != Setting::NotSupported)
    }

    /// Whether TLS with a certificate valid for the peer's domain is the only way in (rows 1, 2, 4, 8 and 10).
    pub fn needs_peer_certificate(self) -> bool {
        self.methods() == [Method::SaslOverTls]
    }
}

impl Method {
    /// The word in documents, as outcomes have it: `sasl-over-tls`.
    pub fn word(self) -> &'static str {
        match self {
            Method::SaslOverTls => "sasl-over-tls",
            Method::DialbackOverTls => "dialback-over-tls",
            Method::DialbackOverTcp => "dialback-over-tcp",
        }
    }

    /// For sentences.
    pub fn title(self) -> &'static str {
        match self {
            Method::SaslOverTls => "SASL EXTERNAL over TLS",
            Method::DialbackOverTls => "dialback over TLS",
            Method::DialbackOverTcp => "dialback in clear text",
        }
    }
}

impl Setting {
    /// All three.
    pub const ALL: [Setting; 3] = [Setting::Required, Setting::Optional, Setting::NotSupported];

    /// The word in files and flags.
    pub fn word(self) -> &'static str {
        match self {
            Setting::Required => "required",
            Setting::Optional => "optional",
            Setting::NotSupported => "not-supported",
        }
    }
}
