//! What opening encrypted things of one file may cost, all together: counted before anything is derived.

use super::X509Error;

/// Most rounds of key derivation in one file: half a second of one core, and eight keys as we encrypt them.
pub(crate) const MAX_ROUNDS: u64 = 5_000_000;

/// The rounds that a file has asked for so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effort {
    spent: u64,
}

impl Effort {
    /// Counts rounds about to be done; an error, and nothing counted, where they would be too many together.
    pub(crate) fn spend(&mut self, rounds: u64) -> Result<(), X509Error> {
        let spent = self.spent.saturating_add(rounds);
        if spent > MAX_ROUNDS {
            return Err(X509Error::KdfTooCostly {
                cost: format!("{spent} rounds of key derivation in all"),
                limit: MAX_ROUNDS.to_string(),
            });
        }
        self.spent = spent;
        Ok(())
    }
}
