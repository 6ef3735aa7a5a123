//! What is known before a reply is looked at, and whose it is by that.

use super::sealed::SealedPair;
use super::sources::{asked_of, passphrase_of, read_record};
use super::take::{Intake, KeyGiven, Taken, refused};
use crate::cli::Context;
use crate::cli::expectation;
use crate::cli::output::Failure;
use crate::cli::request::{flags, store_failure, wanted};
use crate::deployment::Deployment;
use crate::import::{Asked, sort_reply};
use crate::names::Slug;
use crate::store::{CertificateSummary, GenerationRecord, RequestRecord, Source, Store};
use crate::x509::{Fingerprint, Passphrase};

/// What is known of the surroundings before the reply is looked at.
pub(super) struct Scene<'a> {
    deployment: Option<&'a Deployment>,
    /// Requests by key, those of a folder included.
    pub(super) asked: Vec<Asked>,
    pub(super) records: Vec<RequestRecord>,
    /// That of a folder of `--out`; once it is kept, as the ledger has it.
    pub(super) of_folder: Option<RequestRecord>,
}

impl<'a> Scene<'a> {
    /// Effects: reads the requests of the certificate named, or all.
    pub(super) fn of(
        deployment: Option<&'a Deployment>,
        store: Option<&Store>,
        intake: &Intake<'_>,
    ) -> Result<Self, Failure> {
        let records = match store {
            Some(store) => store
                .requests(intake.certificate)
                .map_err(|error| store_failure(&error))?,
            None => Vec::new(),
        };
        let mut asked = Vec::with_capacity(records.len());
        for record in &records {
            asked.extend(asked_of(deployment, record));
        }
        Ok(Self {
            deployment,
            asked,
            records,
            of_folder: None,
        })
    }

    /// The requests of the ledger, one that is newly kept there included.
    pub(super) fn known(&self) -> impl Iterator<Item = &RequestRecord> {
        self.of_folder.iter().chain(&self.records)
    }

    /// Under which certificate it goes, and whether it is a reply or an adoption.
    pub(super) fn settle(
        &mut self,
        context: &Context,
        intake: &Intake<'_>,
    ) -> Result<(Slug, Source), Failure> {
        let fallback = |deployment: Option<&Deployment>| match deployment {
            Some(deployment) => context
                .certificate(deployment, None)
                .map(|one| one.name.clone()),
            None => wanted::default_certificate(),
        };
        match &intake.key {
            KeyGiven::Folder(folder) => {
                let record = read_record(folder)?;
                let name = flags::certificate("request.json", &record.certificate)?;
                // Known by its folder, and not by an id of the ledger.
                let asked = asked_of(self.deployment, &record).map(|asked| Asked {
                    request: folder.display().to_string(),
                    csr: Some(folder.join("csr.pem").display().to_string()),
                    ..asked
                });
                self.asked.extend(asked);
                self.of_folder = Some(record);
                Ok((intake.certificate.cloned().unwrap_or(name), Source::Import))
            }
            KeyGiven::Beside => {
                let name = match intake.certificate {
                    Some(name) => name.clone(),
                    None => fallback(self.deployment)?,
                };
                Ok((name, Source::Adopt))
            }
            KeyGiven::Sealed(pair) => {
                let there = &pair.certificate;
                let name = intake.certificate.unwrap_or(there);
                Ok((name.clone(), Source::Sealed))
            }
            KeyGiven::Ledger | KeyGiven::File(_) => {
                let keys: Vec<Fingerprint> = self.asked.iter().map(|one| one.spki_sha256).collect();
                let secret = self.secret_before(context, intake)?;
                let opens = intake.passphrase.or(secret.as_ref());
                let reply =
                    sort_reply(intake.files, opens, &keys, &[]).map_err(|error| refused(&error))?;
                let leaf = reply.chain.leaf.facts().spki_sha256;
                let answered = self.asked.iter().rev().find(|one| one.spki_sha256 == leaf);
                let name = match (intake.certificate, answered) {
                    (Some(name), _) => name.clone(),
                    (None, Some(asked)) => asked.certificate.clone(),
                    // The passage will say that it answers nothing; the name does not matter then.
                    (None, None) if matches!(intake.key, KeyGiven::Ledger) => {
                        wanted::default_certificate()?
                    }
                    (None, None) => fallback(self.deployment)?,
                };
                Ok((name, Source::Import))
            }
        }
    }

    /// The passphrase of stored keys, before it is known whose reply it is: that of the certificate named, or of the
    /// only one.
    fn secret_before(
        &self,
        context: &Context,
        intake: &Intake<'_>,
    ) -> Result<Option<Passphrase>, Failure> {
        if intake.passphrase.is_some() {
            return Ok(None);
        }
        let Some(deployment) = self.deployment else {
            return Ok(None);
        };
        let own = match intake.certificate {
            Some(name) => deployment.certificate(name),
            None => context.certificate(deployment, None).ok(),
        };
        passphrase_of(Some(deployment), own)
    }

    /// What is kept of the generation beside its files.
    pub(super) fn record(
        &self,
        context: &Context,
        taken: &Taken,
        sealed: Option<&SealedPair>,
        leaf: CertificateSummary,
        chain_sha256: Vec<String>,
    ) -> GenerationRecord {
        let answered = taken.answers.as_ref().and_then(|asked| {
            self.records.iter().find(|record| {
                record.id == asked.request && record.certificate == taken.certificate.as_str()
            })
        });
        let request = self.of_folder.as_ref().or(answered);
        let own = self
            .deployment
            .and_then(|all| all.certificate(&taken.certificate));
        let settings = self.deployment.map(|all| all.key_of(&taken.certificate));
        let of_deployment = || {
            let deployment = self.deployment?;
            let issuer = deployment.issuer_of(own?)?;
            expectation::profile(deployment, issuer)
                .ok()
                .map(|profile| profile.name)
        };
        GenerationRecord {
            certificate: taken.certificate.to_string(),
            number: taken.number,
            created: context.now,
            source: taken.source,
            request: request.map(|record| record.id.clone()),
            sealed_as: taken.sealed_as.clone(),
            leaf,
            chain_sha256,
            issuer_profile: request
                .map(|record| record.issuer_profile.clone())
                .or_else(|| sealed.and_then(|pair| pair.record.issuer_profile.clone()))
                .or_else(of_deployment),
            accepted: taken.accepted.clone(),
            exportable: sealed.is_none_or(|pair| pair.record.exportable)
                && request.map_or_else(
                    || settings.is_none_or(|settings| settings.exportable),
                    |record| record.exportable,
                ),
            compromised: false,
        }
    }
}
