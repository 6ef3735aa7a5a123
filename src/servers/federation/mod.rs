//! The partners of a deployment as rules that a real server can keep, and what it cannot express.
//!
//! A server has one setting of encryption and one of dialback for everybody, and a list of those whose certificate has
//! to be good. From the wishes these are chosen: what a partner requires is kept before what another one permits, and
//! every difference between what was asked and what the server will do is a [`Limit`], in words. Measured with Prosody
//! 0.12.3 and ejabberd 23.01 (`docs/partners-on-servers.md`). Not here: the files themselves (`prosody`, `ejabberd`).

pub(in crate::servers) mod files;
mod fronts;

pub use files::{Planned, Rewritten};
pub use fronts::{Front, front_limits};

use crate::federation::{Method, Negotiation, Partner, Setting};
use crate::names::Domain;
use std::fmt;

/// What a deployment asks of a server that federates.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The partners.
    pub partners: &'a [Partner],
    /// How everybody else is treated; `None`: they are to be kept out.
    pub others: Option<Negotiation>,
}

/// Whether streams between servers are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// TLS is neither offered nor taken.
    Never,
    /// Where the peer can.
    Offered,
    /// Or the stream ends.
    Required,
}

/// Whether dialback is made and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialback {
    /// Its module is loaded.
    Loaded,
    /// It is not.
    NotLoaded,
}

/// Those whose certificate has to be good for their domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certified {
    /// These alone.
    Only(Vec<Domain>),
    /// All but these.
    AllBut(Vec<Domain>),
}

/// Who may federate at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// Everybody.
    All,
    /// These alone.
    Only(Vec<Domain>),
}

/// What a server is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// For everybody.
    pub encryption: Encryption,
    /// For everybody.
    pub dialback: Dialback,
    /// By domain.
    pub certified: Certified,
    /// By domain.
    pub admitted: Admitted,
}

/// A kind of server, as far as it keeps such rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// Prosody 0.12: nobody can be kept out; whoever has to be certified has to use TLS.
    Prosody,
    /// ejabberd 23.01: strangers can be kept out; the certificate counts where there is TLS.
    Ejabberd,
}

/// How far what a server does is from what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    /// Less is proved than was asked.
    Weaker,
    /// What was asked cannot happen.
    Missing,
    /// More is proved, or a setting has no counterpart.
    Other,
}

/// Something that a server cannot express.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit {
    /// How far off it is.
    pub distance: Distance,
    /// The partner's domain, or who else is meant.
    pub whom: String,
    /// What happens instead: a sentence without its stop.
    pub what: String,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.whom, self.what)
    }
}

impl Distance {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Distance::Weaker => "weaker",
            Distance::Missing => "missing",
            Distance::Other => "other",
        }
    }
}

/// Words for those who are no partners.
const STRANGERS: &str = "those who are no partners";

impl Keeper {
    /// Its name in sentences.
    pub fn title(self) -> &'static str {
        match self {
            Keeper::Prosody => "Prosody",
            Keeper::Ejabberd => "ejabberd",
        }
    }

    /// Whether a certificate that has to be good also means that TLS has to be used.
    fn certified_means_tls(self) -> bool {
        match self {
            Keeper::Prosody => true,
            Keeper::Ejabberd => false,
        }
    }

    /// Whether it can turn strangers away.
    fn shuts_out(self) -> bool {
        match self {
            Keeper::Prosody => false,
            Keeper::Ejabberd => true,
        }
    }

    /// The methods that can happen under rules, with somebody whose certificate has to be good or not.
    fn methods(self, encryption: Encryption, dialback: Dialback, certified: bool) -> Vec<Method> {
        let dialback = dialback == Dialback::Loaded;
        [
            (encryption != Encryption::Never, Method::SaslOverTls),
            (
                encryption != Encryption::Never && dialback && !certified,
                Method::DialbackOverTls,
            ),
            (
                encryption != Encryption::Required
                    && dialback
                    && !(certified && self.certified_means_tls()),
                Method::DialbackOverTcp,
            ),
        ]
        .into_iter()
        .filter_map(|(possible, method)| possible.then_some(method))
        .collect()
    }
}

/// The rules that come nearest to a wish, and where they differ from it.
pub fn rules(wish: Wish<'_>, keeper: Keeper) -> (Rules, Vec<Limit>) {
    let asked: Vec<Negotiation> = wish
        .partners
        .iter()
        .map(|partner| partner.negotiation)
        .chain(wish.others)
        .collect();
    let encryption = encryption(&asked, wish.others, keeper);
    let answers = |one: &Negotiation| {
        one.methods().iter().any(|method| match method {
            Method::SaslOverTls => false,
            Method::DialbackOverTls => true,
            Method::DialbackOverTcp => encryption != Encryption::Required,
        })
    };
    let dialback = if asked.iter().any(answers) {
        Dialback::Loaded
    } else {
        Dialback::NotLoaded
    };
    let certified = certified(wish, encryption);
    let admitted = match wish.others {
        None if keeper.shuts_out() => Admitted::Only(domains_of(wish.partners, |_| true)),
        Some(_) | None => Admitted::All,
    };
    let rules = Rules {
        encryption,
        dialback,
        certified,
        admitted,
    };
    let limits = limits(wish, &rules, keeper);
    (rules, limits)
}

fn encryption(asked: &[Negotiation], others: Option<Negotiation>, keeper: Keeper) -> Encryption {
    let clear = |one: &Negotiation| one.methods().contains(&Method::DialbackOverTcp);
    let only_clear = |one: &Negotiation| one.methods() == [Method::DialbackOverTcp];
    if !asked.is_empty() && asked.iter().all(only_clear) {
        return Encryption::Never;
    }
    // With clear text on offer, one who asked for none would have it as well, unless the certificate stands before it.
    let exposed = |one: &Negotiation| {
        let by_certificate = one.needs_peer_certificate() && keeper.certified_means_tls();
        !(clear(one) || by_certificate)
    };
    // Strangers who shall show a certificate can only be made to where TLS is required of all (Prosody); that goes
    // before what a partner may do besides, but not before all that it can do.
    let strict = others.is_none_or(Negotiation::needs_peer_certificate);
    let guarded = strict && !keeper.shuts_out() && !asked.iter().any(only_clear);
    if asked.iter().any(clear) && !asked.iter().any(exposed) && !guarded {
        Encryption::Offered
    } else {
        Encryption::Required
    }
}

/// Strangers that were to be kept out are asked for as much as can be, where that takes nothing from a partner:
/// Prosody asks everybody for TLS then.
fn certified(wish: Wish<'_>, encryption: Encryption) -> Certified {
    let strict = match wish.others {
        Some(others) => others.needs_peer_certificate(),
        None => true,
    };
    if strict && encryption == Encryption::Required {
        Certified::AllBut(domains_of(wish.partners, |one| {
            !one.needs_peer_certificate()
        }))
    } else {
        Certified::Only(domains_of(
            wish.partners,
            Negotiation::needs_peer_certificate,
        ))
    }
}

/// Every domain of the partners with such settings, in the deployment's order.
fn domains_of(partners: &[Partner], with: impl Fn(Negotiation) -> bool) -> Vec<Domain> {
    partners
        .iter()
        .filter(|partner| with(partner.negotiation))
        .flat_map(|partner| std::iter::once(&partner.domain).chain(&partner.additional_domains))
        .cloned()
        .collect()
}

fn limits(wish: Wish<'_>, rules: &Rules, keeper: Keeper) -> Vec<Limit> {
    let mut limits = Vec::new();
    for partner in wish.partners {
        let whom = partner.domain.to_string();
        let certified = partner.negotiation.needs_peer_certificate();
        compare(
            (partner.negotiation, certified),
            &whom,
            rules,
            keeper,
            &mut limits,
        );
        settings(partner, keeper, &mut limits);
    }
    let certified = matches!(rules.certified, Certified::AllBut(_));
    match wish.others {
        Some(others) => compare((others, certified), STRANGERS, rules, keeper, &mut limits),
        None if keeper.shuts_out() => {}
        None => {
            let ways = keeper.methods(rules.encryption, rules.dialback, certified);
            limits.push(Limit {
                distance: Distance::Weaker,
                whom: STRANGERS.to_owned(),
                what: format!(
                    "they cannot be kept out, as {} has no list of who may federate; they come in by {}",
                    keeper.title(),
                    in_words(&ways)
                ),
            });
        }
    }
    limits.sort();
    limits
}

/// What one asked for, with whether the certificate has to be good, against what the rules let happen.
fn compare(
    (asked, certified): (Negotiation, bool),
    whom: &str,
    rules: &Rules,
    keeper: Keeper,
    limits: &mut Vec<Limit>,
) {
    let title = keeper.title();
    let wanted = asked.methods();
    let happens = keeper.methods(rules.encryption, rules.dialback, certified);
    let mut push = |distance, what: String| {
        limits.push(Limit {
            distance,
            whom: whom.to_owned(),
            what,
        });
    };
    let lost: Vec<Method> = wanted
        .iter()
        .copied()
        .filter(|method| !happens.contains(method))
        .collect();
    if !lost.is_empty() {
        let left = match happens.iter().any(|method| wanted.contains(method)) {
            true => "the other methods are left",
            false => "none of the methods that were asked for is left",
        };
        push(
            Distance::Missing,
            format!(
                "{} cannot happen: {title} sets encryption for everybody, and others need TLS; {left}",
                in_words(&lost)
            ),
        );
    }
    for method in happens {
        if wanted.contains(&method) {
            continue;
        }
        match method {
            Method::SaslOverTls if asked.tls == Setting::NotSupported => push(
                Distance::Other,
                format!(
                    "TLS and SASL EXTERNAL are offered all the same: {title} sets encryption for everybody"
                ),
            ),
            Method::SaslOverTls => push(
                Distance::Other,
                format!(
                    "SASL EXTERNAL is offered where both certificates are good: {title} cannot switch it off for one domain"
                ),
            ),
            Method::DialbackOverTls if asked.needs_peer_certificate() => push(
                Distance::Weaker,
                format!(
                    "dialback over TLS is answered as well, with any certificate: {title} asks nobody for a good one who is not named"
                ),
            ),
            Method::DialbackOverTls => push(
                Distance::Other,
                format!(
                    "dialback over TLS is answered as well: {title} sets encryption for everybody"
                ),
            ),
            Method::DialbackOverTcp => push(
                Distance::Weaker,
                format!(
                    "dialback in clear text is answered as well: {title} sets encryption for everybody"
                ),
            ),
        }
    }
    if certified && rules.dialback == Dialback::Loaded {
        push(
            Distance::Other,
            format!(
                "dialback over TLS is still answered, and only with a good certificate: {title} loads dialback for everybody"
            ),
        );
    }
}

/// Settings without a counterpart.
fn settings(partner: &Partner, keeper: Keeper, limits: &mut Vec<Limit>) {
    let title = keeper.title();
    let mut push = |what: String| {
        limits.push(Limit {
            distance: Distance::Other,
            whom: partner.domain.to_string(),
            what,
        });
    };
    if let Some(limit) = partner.connection_limit {
        push(format!(
            "the limit of {limit} streams is not kept: {title} has none for one domain"
        ));
    }
    if !partner.keep_alive && keeper == Keeper::Prosody {
        push("idle streams are kept alive all the same: Prosody does so for everybody".to_owned());
    }
    if !partner.roots.is_empty() {
        push(format!(
            "roots of its own are not kept: {title} has one set of trust anchors for all streams of a host"
        ));
    }
}

fn in_words(methods: &[Method]) -> String {
    let words: Vec<&str> = methods
        .iter()
        .map(|method| match method {
            Method::SaslOverTls => "SASL EXTERNAL with a good certificate",
            Method::DialbackOverTls => "dialback over TLS",
            Method::DialbackOverTcp => "dialback in clear text",
        })
        .collect();
    match words.as_slice() {
        [] => "no method at all".to_owned(),
        [one] => (*one).to_owned(),
        [many @ .., last] => format!("{} and {last}", many.join(", ")),
    }
}

#[cfg(test)]
mod tests;
