//! Why a certificate cannot be split, and how to mend it.

use crate::explain::{Explain, Explanation};
use crate::names::plan::PlanError;
use crate::names::{Domain, NameError, Slug};

/// Why a certificate cannot be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// One domain alone has more names than the issuer takes.
    #[error("{domain} alone has {count} names, and the issuer takes {limit}")]
    DomainTooLarge {
        /// The certificate.
        certificate: Slug,
        /// The domain.
        domain: Domain,
        /// Its names, with the FQDN.
        count: usize,
        /// The issuer's limit.
        limit: usize,
    },
    /// Names that lie under no domain leave no room for one.
    #[error("further names of {certificate} leave no room for a domain")]
    FurtherNames {
        /// The certificate.
        certificate: Slug,
        /// How many.
        count: usize,
        /// The issuer's limit.
        limit: usize,
    },
    /// The name of a further certificate cannot be used.
    #[error("no name for a further certificate")]
    Name(#[source] NameError),
    /// The names cannot be planned.
    #[error("the names cannot be planned")]
    Plan(#[source] PlanError),
}

impl Explain for SplitError {
    fn explain(&self) -> Explanation {
        let place = |certificate: &Slug| format!("certificate {certificate}");
        match self {
            SplitError::DomainTooLarge {
                certificate,
                domain,
                count,
                limit,
            } => Explanation {
                code: "split.domain-too-large",
                what: format!("{domain} alone has more names than one certificate of this issuer takes"),
                place: place(certificate),
                why: format!("it has {count} with the FQDN, and the issuer takes {limit}; a domain's names stay together, since a server picks one certificate for a domain"),
                mend: "take components out, or choose an issuer with a higher limit (`name-limit` of a profile of your own)".into(),
            },
            SplitError::FurtherNames {
                certificate,
                count,
                limit,
            } => Explanation {
                code: "split.further-names",
                what: "further names leave no room for a domain".into(),
                place: place(certificate),
                why: format!("{count} names lie under no domain of the certificate, and the issuer takes {limit} names with the FQDN"),
                mend: "take some out of `san`, or write them into a [certificate.NAME] of their own with uses = [\"internal-edge\"]".into(),
            },
            SplitError::Name(cause) => {
                let said = cause.explain();
                Explanation {
                    what: format!("a further certificate cannot be named: {}", said.what),
                    ..said
                }
            }
            SplitError::Plan(cause) => cause.explain(),
        }
    }
}
