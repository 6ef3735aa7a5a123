//! What is said of a combination of TLS, SASL and dialback: our own judgement of the seed's 18 rows, and the seed's.
//!
//! Ours follows the closed form of [`super::negotiation`] and the commit rule of the seed's editor: SASL needs TLS.
//! The seed's table contradicts that rule in two rows and repeats a sentence where it does not fit; whoever compares
//! with Lync Server 2013 can have it as it was ([`lync_2013`]). Neither way can save what cannot work: whether a
//! combination may be saved does not depend on who judges.

use super::{Method, Negotiation, Setting};

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// Nothing.
    None,
    /// Worth knowing.
    Note,
    /// It may end otherwise than meant.
    Warning,
    /// It cannot be used.
    Error,
}

impl Weight {
    /// The word in documents and in the matrix: `none`, `note`, `warning`, `error`.
    pub fn word(self) -> &'static str {
        match self {
            Weight::None => "none",
            Weight::Note => "note",
            Weight::Warning => "warning",
            Weight::Error => "error",
        }
    }
}

/// Why a combination is not saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// SASL without TLS: the seed's commit rule.
    SaslWithoutTls,
    /// Neither SASL nor dialback.
    NoMethod,
}

impl Refused {
    /// In words.
    pub fn why(self) -> &'static str {
        match self {
            Refused::SaslWithoutTls => {
                "SASL EXTERNAL proves who the peer is by its certificate, and that needs TLS"
            }
            Refused::NoMethod => "with SASL and dialback both off no peer can prove who it is",
        }
    }

    /// What to set instead, as flags.
    pub fn remedy(self) -> &'static str {
        match self {
            Refused::SaslWithoutTls => {
                "set --tls required or --tls optional; or, where the partner has no TLS, --sasl not-supported"
            }
            Refused::NoMethod => "enable one of them: --sasl optional, or --dialback",
        }
    }
}

/// What is said of one combination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Its row in the seed's matrix, 1 to 18.
    pub row: usize,
    /// What can happen, best first.
    pub methods: Vec<Method>,
    /// How much is said.
    pub weight: Weight,
    /// A sentence; empty where nothing is said.
    pub words: &'static str,
}

impl Judgement {
    /// Whether any method is left.
    pub fn is_valid(&self) -> bool {
        !self.methods.is_empty()
    }
}

impl Negotiation {
    /// All 18, in the order of the seed's matrix.
    pub fn all() -> impl Iterator<Item = Negotiation> {
        Setting::ALL.into_iter().flat_map(|sasl| {
            Setting::ALL.into_iter().flat_map(move |tls| {
                [true, false].map(|dialback| Negotiation {
                    tls,
                    sasl,
                    dialback,
                })
            })
        })
    }

    /// Its row in the seed's matrix, 1 to 18: by SASL, then TLS, then dialback.
    pub fn row(self) -> usize {
        Self::all()
            .position(|one| one == self)
            .map_or(0, |at| at + 1)
    }

    /// Why it must not be saved, whoever judges.
    pub fn refused(self) -> Option<Refused> {
        if !self.may_be_committed() {
            Some(Refused::SaslWithoutTls)
        } else if self.methods().is_empty() {
            Some(Refused::NoMethod)
        } else {
            None
        }
    }

    /// Our own judgement.
    pub fn judge(self) -> Judgement {
        use Setting::{NotSupported, Optional, Required};
        let (weight, words) = match (self.tls, self.sasl, self.dialback) {
            (Required, Required, true) => (
                Weight::Warning,
                "Dialback is switched on but will never run: with both TLS and SASL required the stream is either authenticated by SASL over TLS or refused.",
            ),
            (Optional, Required, true) => (
                Weight::Warning,
                "SASL depends on TLS. While TLS is only optional a peer may stay in clear text and the negotiation can then fail or fall back to dialback even though SASL is marked required.",
            ),
            (Optional, Required, false) => (
                Weight::Warning,
                "SASL depends on TLS. While TLS is only optional a peer may stay in clear text; with dialback off there is then no method left and the session fails.",
            ),
            (NotSupported, Required, true) => (
                Weight::Error,
                "SASL is required but can never be negotiated because TLS is not supported; only dialback over an unencrypted connection remains. The partner editor refuses to save this combination.",
            ),
            (NotSupported, Optional, true) => (
                Weight::Error,
                "SASL is offered but can never be negotiated because TLS is not supported; only dialback over an unencrypted connection remains. The partner editor refuses to save this combination; set SASL to not supported instead.",
            ),
            (NotSupported, Required | Optional, false) => (
                Weight::Error,
                "No method can work: SASL needs TLS and TLS is not supported; dialback is off.",
            ),
            (Optional, Optional, true) => (
                Weight::Warning,
                "SASL depends on TLS. While TLS is only optional the outcome depends on the peer and may end in dialback over an unencrypted connection.",
            ),
            (Optional, Optional, false) => (
                Weight::Warning,
                "SASL depends on TLS and no fallback is enabled: a peer that does not start TLS cannot authenticate and the session fails.",
            ),
            (Required, NotSupported, true) => (
                Weight::Note,
                "Dialback over TLS is permitted and is the only method.",
            ),
            (Optional, NotSupported, true) => (
                Weight::Note,
                "Dialback runs over TLS or over plain TCP depending on what the other endpoint negotiates.",
            ),
            (NotSupported, NotSupported, true) => (
                Weight::Note,
                "Dialback over plain TCP is the only negotiation available.",
            ),
            (Required | Optional | NotSupported, NotSupported, false) => (
                Weight::Error,
                "Neither SASL nor dialback is enabled; enable at least one of them.",
            ),
            (Required, Required, false) | (Required, Optional, true | false) => (Weight::None, ""),
        };
        Judgement {
            row: self.row(),
            methods: self.methods(),
            weight,
            words,
        }
    }
}

/// The seed's judgement of one combination, with what is inconsistent in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedJudgement {
    /// As the full table has it; its sentence, told in English.
    pub judgement: Judgement,
    /// What the table of common configurations lists for the row, where it has the row.
    pub common: Option<Vec<Method>>,
    /// Where the seed contradicts itself or the protocol; empty where it does not.
    pub inconsistent: &'static str,
}

/// The sentence that the seed repeats for every row with TLS and SASL not both required.
const SEED_TLS_OPTIONAL: &str =
    "SASL requires TLS. If TLS is set to optional, session negotiation may fail.";

/// The judgement of "Negotiation settings for XMPP federated partners" (JJ552456), Lync Server 2013.
///
/// A row that its editor would not save stays unsaved here too: [`Negotiation::refused`] knows no seed.
pub fn lync_2013(negotiation: Negotiation) -> SeedJudgement {
    use Setting::{NotSupported, Optional, Required};
    let all = [
        Method::SaslOverTls,
        Method::DialbackOverTls,
        Method::DialbackOverTcp,
    ];
    let key = (negotiation.tls, negotiation.sasl, negotiation.dialback);
    let (weight, words) = match key {
        (Required, Required, true) => (
            Weight::Warning,
            "Dialback does not work when SASL and TLS are required.",
        ),
        (Optional, Required | Optional, _) | (NotSupported, Required, true) => {
            (Weight::Warning, SEED_TLS_OPTIONAL)
        }
        (NotSupported, Optional, true) => (Weight::Warning, SEED_TLS_OPTIONAL),
        (NotSupported, Optional, false) => (Weight::Error, SEED_TLS_OPTIONAL),
        (NotSupported, Required, false) => (
            Weight::Error,
            "SASL requires TLS; TLS is not available and dialback is off.",
        ),
        (Required, NotSupported, true) => (Weight::Note, "The configuration allows TLS dialback."),
        (Optional, NotSupported, true) => (
            Weight::Note,
            "TCP or TLS dialback is allowed, depending on the negotiation choice of the other endpoint.",
        ),
        (NotSupported, NotSupported, true) => (
            Weight::Note,
            "TCP dialback is the only negotiation available.",
        ),
        (Required | Optional | NotSupported, NotSupported, false) => {
            (Weight::Error, "SASL or dialback must be enabled.")
        }
        (Required, Required, false) | (Required, Optional, _) => (Weight::None, ""),
    };
    let common = match key {
        (Required, Required, false) => Some(vec![Method::SaslOverTls]),
        (Required | Optional, Optional, true) => Some(all.to_vec()),
        (NotSupported, NotSupported, true) => Some(vec![Method::DialbackOverTcp]),
        (_, _, _) => None,
    };
    let inconsistent = match key {
        (Required, Required, true) => {
            "it is what New-CsXmppAllowedPartner sets by default, and yet draws a warning"
        }
        (Optional, Required, true) => {
            "SASL is required, and yet dialback is listed: the requirement is not enforced"
        }
        (NotSupported, Required | Optional, true) => {
            "the table calls it valid, the editor refuses to save it; and the sentence speaks of TLS being optional, which it is not"
        }
        (NotSupported, Optional, false) => {
            "the sentence speaks of TLS being optional; the reason is that of row 6"
        }
        (Required, Optional, true) => {
            "the table of common configurations lists TCP dialback, which required TLS rules out"
        }
        (Optional, Optional, true) => {
            "the table of common configurations has no warning, and speaks of \"TLS over SASL\", which is the wrong way round"
        }
        (_, _, _) => "",
    };
    SeedJudgement {
        judgement: Judgement {
            row: negotiation.row(),
            methods: negotiation.methods(),
            weight,
            words,
        },
        common,
        inconsistent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seed's 18 rows, as collected beside the product's facts.
    const MATRIX: &str = include_str!("../../fixtures/negotiation-matrix.csv");

    /// Settings, methods, severity and sentence of each row.
    fn rows() -> Vec<(Negotiation, bool, String, String, String)> {
        MATRIX
            .lines()
            .skip(1)
            .map(|line| {
                let fields: Vec<&str> = line.splitn(7, ',').collect();
                let setting = |word: &str| {
                    let word = word.replace('_', "-");
                    let mut all = Setting::ALL.into_iter();
                    all.find(|one| one.word() == word).unwrap()
                };
                let negotiation = Negotiation {
                    tls: setting(fields[0]),
                    sasl: setting(fields[1]),
                    dialback: fields[2] == "true",
                };
                (
                    negotiation,
                    fields[3] == "true",
                    fields[4].to_owned(),
                    fields[5].to_owned(),
                    fields[6].trim_matches('"').to_owned(),
                )
            })
            .collect()
    }

    fn words(methods: &[Method]) -> String {
        let words: Vec<&str> = methods
            .iter()
            .map(|method| match method {
                Method::SaslOverTls => "sasl_over_tls",
                Method::DialbackOverTls => "tls_dialback",
                Method::DialbackOverTcp => "tcp_dialback",
            })
            .collect();
        words.join("|")
    }

    #[test]
    fn all_18_rows_are_judged_as_the_matrix_has_them() {
        let rows = rows();
        assert_eq!(rows.len(), 18);
        for (at, (negotiation, valid, methods, severity, message)) in rows.iter().enumerate() {
            let said = negotiation.judge();
            assert_eq!(said.row, at + 1);
            assert_eq!(said.is_valid(), *valid, "row {}", said.row);
            assert_eq!(words(&said.methods), *methods, "row {}", said.row);
            assert_eq!(said.words, message, "row {}", said.row);
            // The two rows that the matrix calls valid and the commit rule refuses: there is nothing between.
            let expected = match said.row {
                5 | 11 => "error",
                _ => severity.as_str(),
            };
            assert_eq!(said.weight.word(), expected, "row {}", said.row);
            assert_eq!(
                negotiation.refused().is_some(),
                said.weight == Weight::Error,
                "row {}",
                said.row
            );
        }
    }

    #[test]
    fn the_seed_judges_with_its_inconsistencies_and_saves_nothing_more() {
        for (negotiation, valid, methods, severity, _) in rows() {
            let seed = lync_2013(negotiation);
            let row = seed.judgement.row;
            assert_eq!(seed.judgement.is_valid(), valid, "row {row}");
            assert_eq!(words(&seed.judgement.methods), methods, "row {row}");
            assert_eq!(seed.judgement.weight.word(), severity, "row {row}");
            let odd = [1, 3, 5, 7, 9, 11, 12].contains(&row);
            assert_eq!(!seed.inconsistent.is_empty(), odd, "row {row}");
            let common = [2, 7, 9, 17].contains(&row);
            assert_eq!(seed.common.is_some(), common, "row {row}");
            if !valid {
                assert!(negotiation.refused().is_some(), "row {row}");
            }
        }
        let seven = lync_2013(rows()[6].0);
        assert_ne!(seven.common.unwrap(), seven.judgement.methods);
        for at in [3, 4, 5, 9, 10, 11, 12] {
            assert_eq!(
                lync_2013(rows()[at - 1].0).judgement.words,
                SEED_TLS_OPTIONAL
            );
        }
        assert_ne!(lync_2013(rows()[5].0).judgement.words, SEED_TLS_OPTIONAL);
    }

    #[test]
    fn sasl_without_tls_is_refused_with_the_way_out() {
        for negotiation in Negotiation::all() {
            let expected = match negotiation.row() {
                5 | 6 | 11 | 12 => Some(Refused::SaslWithoutTls),
                14 | 16 | 18 => Some(Refused::NoMethod),
                _ => None,
            };
            assert_eq!(negotiation.refused(), expected, "row {}", negotiation.row());
        }
        assert!(
            Refused::SaslWithoutTls
                .remedy()
                .contains("--sasl not-supported")
        );
        assert!(Refused::NoMethod.remedy().contains("--dialback"));
    }
}
