//! Any other server: the destinations that the deployment names, and its reload command.

use super::on_files::{ConfigWritten, Needed, OnFiles};
use super::{Hands, Offer};
use crate::assign::destination::{Destination, Wish};
use crate::assign::error::AssignError;
use crate::deployment::Files;
use crate::findings::Finding;
use crate::names::Slug;
use crate::servers::Configured;
use std::path::Path;
use std::time::Duration;

/// A gateway of kind `files`.
#[derive(Debug)]
pub struct OtherServer {
    gateway: Slug,
    settings: Files,
}

impl OtherServer {
    /// For a gateway of the deployment.
    pub fn new(gateway: Slug, settings: Files) -> Self {
        Self { gateway, settings }
    }
}

impl OnFiles for OtherServer {
    fn kind(&self) -> &'static str {
        "files"
    }

    fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    fn reload_words(&self) -> String {
        match &self.settings.reload {
            Some(words) => words.join(" "),
            None => "no reload command".to_owned(),
        }
    }

    fn destinations(&self, _offer: &Offer) -> Result<Vec<Destination>, AssignError> {
        self.settings
            .destinations
            .iter()
            .map(|one| {
                let wish = Wish {
                    gateway: &self.gateway,
                    owner: one.owner.as_deref(),
                    mode: one.mode,
                    kind_owner: None,
                    kind_mode: one.mode_or_default(),
                    root: Path::new("/"),
                };
                Destination::find(&one.path, one.content, wish)
            })
            .collect()
    }

    fn configured(&self) -> Option<&Configured> {
        None
    }

    fn needed(&self, _offer: &Offer) -> Result<Needed, AssignError> {
        Ok(Needed::default())
    }

    fn inspect(
        &self,
        _offer: &Offer,
        _destinations: &[Destination],
        _hands: &Hands<'_>,
    ) -> Result<Vec<Finding>, AssignError> {
        Ok(Vec::new())
    }

    fn check(&self, _hands: &Hands<'_>) -> Result<(), AssignError> {
        Ok(())
    }

    fn programs(&self) -> Vec<String> {
        let reload = self.settings.reload.iter();
        reload.filter_map(|words| words.first().cloned()).collect()
    }

    fn reload(
        &self,
        _destinations: &[Destination],
        _config: ConfigWritten,
        hands: &Hands<'_>,
    ) -> Result<(), AssignError> {
        match &self.settings.reload {
            Some(words) => hands.run_well(words).map(drop),
            None => Ok(()),
        }
    }
}
