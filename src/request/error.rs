//! Why no request was made, and how to mend it.

use super::IssuerProfile;
use super::issuer_rules::{sip_gaps_mend, sip_gaps_why};
use super::split::{Part, parts_in_words};
use crate::explain::{Explain, Explanation, and_words, listed, printable};
use crate::names::{Domain, NameForm, Slug};
use crate::x509::{KeyType, X509Error};

/// Most names told in one message.
const MAX_TOLD: usize = 8;

/// Why no request was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The plan is empty.
    #[error("there is no name to ask for")]
    NoNames {
        /// The lineage.
        certificate: Slug,
    },
    /// More names than the issuer puts in one certificate.
    #[error("{count} names, and the issuer takes {limit}")]
    TooManyNames {
        /// The lineage.
        certificate: Slug,
        /// The issuer's profile.
        profile: String,
        /// Its limit.
        limit: usize,
        /// How many names are planned.
        count: usize,
        /// The split: certificates that each keep the limit where a domain alone does not break it.
        parts: Vec<Part>,
    },
    /// A planned name is of a form that the issuer does not grant.
    #[error("the issuer does not grant {name}")]
    FormRefused {
        /// The name, typed.
        name: String,
        /// Its form.
        form: NameForm,
        /// The issuer's profile.
        profile: String,
    },
    /// The issuer does not take keys of this type.
    #[error("the issuer does not take {key} keys")]
    KeyRefused {
        /// The key's type in a word, else described.
        key: String,
        /// The issuer's profile.
        profile: String,
        /// The types it takes.
        allowed: Vec<KeyType>,
        /// The rule behind it, with its document; may be empty.
        rule: String,
    },
    /// The issuer grants no wildcards.
    #[error("the issuer grants no wildcard such as {name}")]
    WildcardRefused {
        /// The name, typed.
        name: String,
        /// The issuer's profile.
        profile: String,
        /// The document behind the profile.
        cite: String,
    },
    /// Names that no public CA can vouch for.
    #[error("no public CA can vouch for {}", names.join(", "))]
    NotPublic {
        /// The names, typed; at least one.
        names: Vec<String>,
        /// Which document keeps the first of them for private use.
        why: &'static str,
        /// The issuer's profile.
        profile: String,
    },
    /// `sip:` URIs that make other names void for strict verifiers, or stand where others read DNS names.
    #[error("the sip URIs are not complete")]
    SipUriIncomplete {
        /// The issuer's profile.
        profile: String,
        /// SIP names without a URI.
        no_uri: Vec<Domain>,
        /// SIP names without a DNS name.
        no_dns: Vec<Domain>,
    },
    /// The subject lacks fields that the issuer demands.
    #[error("the subject lacks what the issuer demands")]
    SubjectMissing {
        /// The fields: of each inner list one is enough.
        missing: Vec<Vec<String>>,
        /// The issuer's profile.
        profile: String,
        /// The document behind the profile.
        cite: String,
    },
    /// The common name is another than the Access Edge FQDN, and the issuer's profile wants that.
    #[error("the common name {common_name:?} is not the Access Edge FQDN")]
    CommonNameNotFqdn {
        /// As it would be asked for.
        common_name: String,
        /// The Access Edge FQDN.
        fqdn: String,
        /// The issuer's profile.
        profile: String,
    },
    /// A template for an issuer that takes none.
    #[error("the issuer takes no template")]
    TemplateNotTaken {
        /// The issuer's profile.
        profile: String,
    },
    /// The common name is no planned name.
    #[error("the common name {common_name:?} is not among the names")]
    CommonNameNotPlanned {
        /// As it was given.
        common_name: String,
        /// Names planned, values alone.
        planned: Vec<String>,
    },
    /// A field cannot be written, or the key did not sign.
    #[error("the request was not made")]
    NotMade(#[source] X509Error),
    /// The CSR was read back and is not what was asked. A fault of ours or of the crypto library.
    #[error("the request does not hold what was asked: {field}")]
    ReviewDiffers {
        /// Which part.
        field: &'static str,
        /// What was asked.
        asked: String,
        /// What the CSR holds.
        found: String,
    },
}

impl Explain for RequestError {
    fn explain(&self) -> Explanation {
        match self {
            RequestError::NoNames { certificate } => Explanation {
                code: "request.no-names",
                what: "there is no name to ask for".into(),
                place: format!("certificate {certificate}"),
                why: "the plan is empty".into(),
                mend: "give --fqdn and --sip-domain or --xmpp-domain, or write them into [edge] of edgecert.toml; `edgecert plan` shows the names".into(),
            },
            RequestError::TooManyNames {
                certificate,
                profile,
                limit,
                count,
                parts,
            } => {
                let over = parts.iter().find(|part| part.names.len() > *limit);
                Explanation {
                    code: "request.too-many-names",
                    what: format!("{count} names do not fit into one certificate of this issuer"),
                    place: format!("certificate {certificate}, issuer profile {profile}"),
                    why: match parts.as_slice() {
                        [] | [_] => format!("it takes {limit}, and one domain alone has more"),
                        _ => format!(
                            "it takes {limit}; split by domain, {} certificates are needed ({})",
                            parts.len(),
                            parts_in_words(parts).join("; ")
                        ),
                    },
                    mend: match over {
                        Some(part) => format!(
                            "the names of {} alone are over the limit: take components out, or choose an issuer with a higher limit (`name-limit` of a profile of your own)",
                            part.domains_in_words()
                        ),
                        None => "`edgecert plan --split` writes them as further [certificate.NAME] tables, each with its `domains`; `--dry-run` shows the split".into(),
                    },
                }
            }
            RequestError::FormRefused {
                name,
                form,
                profile,
            } => Explanation {
                code: "request.form-refused",
                what: format!("the issuer does not grant {}", printable(name)),
                place: format!("issuer profile {profile}"),
                why: "names of this form are not in the profile's `names`".into(),
                mend: format!(
                    "take it out of `san`, or choose an issuer that grants it: {}",
                    IssuerProfile::who_grants(*form)
                ),
            },
            RequestError::KeyRefused {
                key,
                profile,
                allowed,
                rule,
            } => {
                let words: Vec<&str> = allowed.iter().map(|known| known.word()).collect();
                Explanation {
                    code: "request.key-refused",
                    what: format!("the issuer does not take {} keys", printable(key)),
                    place: format!("issuer profile {profile}"),
                    why: if rule.is_empty() {
                        format!("it takes {}", words.join(", "))
                    } else {
                        format!("it takes {}; {}", words.join(", "), printable(rule))
                    },
                    mend: match words.iter().find(|word| **word == "ec256").or(words.first()) {
                        Some(word) => format!("--key-type {word}, or `type = \"{word}\"` below [key]"),
                        None => "name the types it takes in the profile's `key-types`".into(),
                    },
                }
            }
            RequestError::WildcardRefused {
                name,
                profile,
                cite,
            } => Explanation {
                code: "request.wildcard-refused",
                what: format!("the issuer grants no wildcards: {}", printable(name)),
                place: format!("issuer profile {profile}"),
                why: format!("the profile has wildcards = false{}", behind(cite)),
                mend: "name each host by itself, or put the wildcard into a certificate of another issuer".into(),
            },
            RequestError::NotPublic {
                names,
                why,
                profile,
            } => Explanation {
                code: "request.not-public",
                what: match names.as_slice() {
                    [only] => format!("no public CA can vouch for {}", printable(only)),
                    more => format!("no public CA can vouch for {} of the names", more.len()),
                },
                place: format!("issuer profile {profile}"),
                why: format!(
                    "{} can belong to nobody in public ({why}), and such names are refused (BR 4.2.2)",
                    printable(&listed(names, MAX_TOLD))
                ),
                mend: "use names below a domain of your own, or a private CA (`--issuer-profile private-xmpp`, or [issuer] profile)".into(),
            },
            RequestError::SipUriIncomplete {
                profile,
                no_uri,
                no_dns,
            } => Explanation {
                code: "request.sip-uri-incomplete",
                what: "the sip URIs stand for some SIP names only".into(),
                place: format!("issuer profile {profile}"),
                why: sip_gaps_why(no_uri, no_dns),
                mend: sip_gaps_mend(no_uri, no_dns),
            },
            RequestError::SubjectMissing {
                missing,
                profile,
                cite,
            } => explain_missing(missing, profile, cite),
            RequestError::CommonNameNotFqdn {
                common_name,
                fqdn,
                profile,
            } => Explanation {
                code: "request.common-name-not-fqdn",
                what: format!("the common name \"{}\" is not the Access Edge FQDN", printable(common_name)),
                place: "subject, CN".into(),
                why: format!("the edge is {fqdn}, and the profile {profile} has common-name = \"fqdn\""),
                mend: "leave common-name out: the default is the fqdn".into(),
            },
            RequestError::TemplateNotTaken { profile } => Explanation {
                code: "request.template-not-taken",
                what: "the issuer takes no certificate template".into(),
                place: format!("issuer profile {profile}"),
                why: "templates are of AD CS, and the profile has no `template`".into(),
                mend: "leave --template and `template` out, or use `--issuer-profile ad-cs`".into(),
            },
            RequestError::CommonNameNotPlanned {
                common_name,
                planned,
            } => Explanation {
                code: "request.common-name-not-planned",
                what: format!("the common name \"{}\" is not among the names", printable(common_name)),
                place: "subject, CN".into(),
                why: format!(
                    "a CN must stand in the subjectAltName as well (BR 7.1.4.2.2), which holds {}",
                    printable(&listed(planned, MAX_TOLD))
                ),
                mend: format!(
                    "leave common-name out (the default is the fqdn), or add --san dns:{}",
                    printable(common_name)
                ),
            },
            RequestError::NotMade(cause) => {
                let said = cause.explain();
                Explanation {
                    what: format!("the request was not made: {}", said.what),
                    ..said
                }
            }
            RequestError::ReviewDiffers {
                field,
                asked,
                found,
            } => Explanation {
                code: "request.review-differs",
                what: "the request does not hold what was asked, and was thrown away".into(),
                place: format!("request, {field}"),
                why: format!("asked {}, found {}", printable(asked), printable(found)),
                mend: "this is a fault of edgecert: please report it with the command you ran and these lines".into(),
            },
        }
    }
}

/// ` (document)`, or nothing.
fn behind(cite: &str) -> String {
    if cite.is_empty() {
        String::new()
    } else {
        format!(" ({})", printable(cite))
    }
}

fn explain_missing(missing: &[Vec<String>], profile: &str, cite: &str) -> Explanation {
    let fields: Vec<String> = missing.iter().map(|one| one.join(" or ")).collect();
    let told = |said: fn(&str) -> String| -> Vec<String> {
        missing
            .iter()
            .map(|one_of| {
                let keys = one_of
                    .iter()
                    .filter_map(|field| IssuerProfile::subject_key(field));
                keys.map(said).collect::<Vec<_>>().join(" or ")
            })
            .collect()
    };
    let keys = told(str::to_owned);
    let flags = told(|key| match key {
        "state" => "--state-or-province".to_owned(),
        key => format!("--{key}"),
    });
    Explanation {
        code: "request.subject-missing",
        what: format!(
            "the issuer demands more of the subject: {}",
            fields.join(", ")
        ),
        place: format!("issuer profile {profile}"),
        why: format!(
            "it refuses requests without {}{}",
            fields.join(", "),
            behind(cite)
        ),
        mend: if missing.iter().all(|one| one == &["CN"]) {
            "give an --fqdn of at most 64 characters, as no longer one can be a common name (RFC 5280 appendix A.1)".into()
        } else {
            format!(
                "write {} below [subject] of edgecert.toml; `edgecert request` takes {} as well",
                and_words(&keys),
                and_words(&flags)
            )
        },
    }
}
