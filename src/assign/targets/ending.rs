//! How connections are ended that began with the certificate of before: they keep it until they end, on every server.
//!
//! For a renewal that does no harm. For a compromised key it does, and each driver says what its server has for it. What
//! is said here was seen in the servers of Debian 12, or is told as work for a person.

/// One step, at one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndSessions {
    /// What ends with it: `streams between servers of contoso.com`.
    pub what: String,
    /// By what.
    pub how: Ending,
}

/// By what connections are ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// A program and its arguments, run without a shell.
    Program(Vec<String>),
    /// The driver does it, in these words.
    Own(String),
    /// A person has to, in these words: it would interrupt more than these connections, or needs a choice.
    ByHand(String),
}

impl EndSessions {
    /// A program that ends them.
    pub fn program(what: impl Into<String>, words: Vec<String>) -> Self {
        Self {
            what: what.into(),
            how: Ending::Program(words),
        }
    }

    /// Something that the driver does.
    pub fn own(what: impl Into<String>, words: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            how: Ending::Own(words.into()),
        }
    }

    /// Something that a person has to do.
    pub fn by_hand(what: impl Into<String>, words: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            how: Ending::ByHand(words.into()),
        }
    }

    /// What is run or to be done, in words.
    pub fn words(&self) -> String {
        match &self.how {
            Ending::Program(words) => words.join(" "),
            Ending::Own(words) | Ending::ByHand(words) => words.clone(),
        }
    }

    /// Whether a person has to do it.
    pub fn is_by_hand(&self) -> bool {
        matches!(self.how, Ending::ByHand(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_says_what_is_run_and_who_does_it() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        for (step, said, by_hand) in [
            (EndSessions::program("x", words("a b")), "a b", false),
            (EndSessions::own("x", "SIGTERM"), "SIGTERM", false),
            (EndSessions::by_hand("x", "restart it"), "restart it", true),
        ] {
            assert_eq!((step.words().as_str(), step.is_by_hand()), (said, by_hand));
        }
    }
}
