//! What the drivers of the real servers share: the table of the deployment, the server's own files, its control program.

use super::hands::{Hands, Said};
use super::on_files::Needed;
use crate::assign::config_files::ConfigFiles;
use crate::assign::destination::{self, Destination, Wish};
use crate::assign::error::AssignError;
use crate::deployment::{Content, FileTarget};
use crate::explain::{listed, printable};
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::names::matching::{Service, covers};
use crate::names::{Domain, Presented};
use crate::servers::{Change, ConfigError};
use crate::store::MAX_PEM_BYTES;
use crate::store::atomic::read_limited;
use crate::x509::{Certificate, container};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What is fixed about a kind of server.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its word.
    pub word: &'static str,
    /// Its configuration in Debian's package.
    pub config: &'static str,
    /// Its control program.
    pub control: &'static str,
    /// Who must be able to read its files in Debian's package; `None`: root, before it gives its rights up.
    pub owner: Option<&'static str>,
    /// The mode of a file with a key.
    pub mode: u32,
}

/// One table of the deployment, with the files of its server.
#[derive(Debug)]
pub struct OnServer {
    /// The gateway.
    pub gateway: Slug,
    /// Its table.
    pub settings: FileTarget,
    /// The server's files.
    pub files: ConfigFiles,
    kind: Kind,
}

impl OnServer {
    /// For a gateway of the deployment.
    pub fn new(gateway: Slug, settings: FileTarget, kind: Kind) -> Self {
        let root = settings.root.clone().unwrap_or_else(|| "/".into());
        Self {
            gateway,
            settings,
            files: ConfigFiles::below(&root),
            kind,
        }
    }

    /// What is fixed about its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// `cert-file` and `key-file`, as the table names them.
    pub fn named_pair(&self) -> Option<(&Path, &Path)> {
        Some((
            self.settings.cert_file.as_deref()?,
            self.settings.key_file.as_deref()?,
        ))
    }

    /// The server's main configuration, as the server names it.
    pub fn config(&self) -> &Path {
        self.settings
            .config
            .as_deref()
            .unwrap_or(Path::new(self.kind.config))
    }

    /// Its control program with its first arguments, then these; `own` stand between where the table names no program.
    pub fn control(&self, own: &[&str], words: &[&str]) -> Vec<String> {
        let mut all = match &self.settings.control {
            Some(control) => control.clone(),
            None => std::iter::once(self.kind.control)
                .chain(own.iter().copied())
                .map(str::to_owned)
                .collect(),
        };
        all.extend(words.iter().map(|word| (*word).to_owned()));
        all
    }

    /// The configuration could not be read, or not be changed.
    pub fn config_error(&self, source: ConfigError) -> AssignError {
        AssignError::ServerConfig {
            gateway: self.gateway.clone(),
            source,
        }
    }

    /// A file that the server names, where it is to be written.
    pub fn destination(&self, path: &Path, content: Content) -> Result<Destination, AssignError> {
        let wish = Wish {
            gateway: &self.gateway,
            owner: self.settings.owner.as_deref(),
            mode: self.settings.mode,
            kind_owner: self.kind.owner,
            kind_mode: if content.holds_key() {
                self.kind.mode
            } else {
                0o644
            },
            root: self.root(),
        };
        Destination::find(&self.files.here(path), content, wish)
    }

    /// The pair of `cert-file` and `key-file`; the key first, as nothing reads it before the certificate is there.
    pub fn pair(&self) -> Result<Vec<Destination>, AssignError> {
        let files = [
            (&self.settings.key_file, Content::Privkey),
            (&self.settings.cert_file, Content::Fullchain),
        ];
        files
            .into_iter()
            .filter_map(|(path, content)| path.as_ref().map(|path| self.destination(path, content)))
            .collect()
    }

    /// The folder that is `/` to the server.
    fn root(&self) -> &Path {
        self.settings.root.as_deref().unwrap_or(Path::new("/"))
    }

    /// Where a file that the server names lies for us, links followed.
    ///
    /// Errors: `Destination` where somebody else may lead it elsewhere, and where a link leads out of the server's root.
    pub fn lies_at(&self, path: &Path) -> Result<PathBuf, AssignError> {
        destination::lies_at(&self.gateway, self.root(), &self.files.here(path))
    }

    /// What a configuration needs, with its files where they lie for us.
    ///
    /// Errors: those of [`Self::lies_at`], as what is not ours to change would be shown; `ServerConfig`.
    pub fn needed(
        &self,
        change: Result<Option<Change>, ConfigError>,
    ) -> Result<Needed, AssignError> {
        match change {
            Ok(change) => {
                let changes = change.into_iter().map(|change| {
                    let file = self.lies_at(&change.file)?;
                    Ok(Change { file, ..change })
                });
                Ok(Needed {
                    changes: changes.collect::<Result<_, AssignError>>()?,
                    findings: Vec::new(),
                })
            }
            Err(ConfigError::Undecided { what, candidates }) => {
                let places: Vec<String> = candidates.iter().map(ToString::to_string).collect();
                let finding = self.finding(
                    Code::GatewayFileNotUsed,
                    self.config().display(),
                    "the server's configuration does not lead to the files for every name",
                    printable(&what),
                    match places.as_slice() {
                        [] => "name the files in the server's configuration".to_owned(),
                        places => format!(
                            "change the right one of {} by hand",
                            printable(&listed(places, 4))
                        ),
                    },
                );
                Ok(Needed {
                    changes: Vec::new(),
                    findings: vec![finding],
                })
            }
            Err(error) => Err(self.config_error(error)),
        }
    }

    /// A finding about this gateway's server, at a file or another place.
    pub fn finding(
        &self,
        code: Code,
        place: impl std::fmt::Display,
        what: impl Into<String>,
        why: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        let place = format!(
            "gateway \"{}\", {}",
            self.gateway,
            printable(&place.to_string())
        );
        Finding::new(code, place, what, why, mend)
    }

    /// The server is set up so that nothing can be assigned to it.
    pub fn unfit(&self, place: &Path, what: &str, why: String, mend: String) -> AssignError {
        AssignError::ServerUnfit {
            gateway: self.gateway.clone(),
            what: what.to_owned(),
            place: printable(&place.display().to_string()),
            why,
            mend,
        }
    }

    /// Runs the table's own reload command where it has one; else tells the driver to do what its kind does.
    pub fn reload_command(&self, hands: &Hands<'_>) -> Option<Result<Said, AssignError>> {
        self.settings
            .reload
            .as_ref()
            .map(|words| hands.run_well(words))
    }

    /// The program that reloads: the first word of the table's own command, or of the control program.
    pub fn program(&self) -> String {
        let own = self
            .settings
            .reload
            .as_ref()
            .and_then(|words| words.first());
        own.cloned()
            .or_else(|| self.control(&[], &[]).into_iter().next())
            .unwrap_or_default()
    }

    /// The words of the reload for the plan.
    pub fn reload_words(&self, of_the_kind: impl FnOnce() -> String) -> String {
        match &self.settings.reload {
            Some(words) => words.join(" "),
            None => of_the_kind(),
        }
    }
}

/// Another file that a server reads along with ours.
#[derive(Debug)]
pub struct Neighbour {
    /// Its certificates, in their order.
    pub certificates: Vec<Certificate>,
    /// What is broken in it: the first block that cannot be read.
    pub broken: Option<String>,
}

impl Neighbour {
    /// Reads a file; `None` where it cannot be read at all: the server will not have it either.
    pub fn read(path: &Path) -> Option<Self> {
        let bytes = Zeroizing::new(read_limited(path, MAX_PEM_BYTES).ok()?);
        let text = String::from_utf8_lossy(&bytes);
        let (begun, ended) = (
            text.matches("-----BEGIN ").count(),
            text.matches("-----END ").count(),
        );
        let read = container::read(&bytes, None);
        let broken = match &read {
            Err(error) => Some(printable(&error.to_string())),
            Ok(_) if begun != ended => Some("it is cut short: a PEM block has no end".to_owned()),
            Ok(_) => None,
        };
        let certificates = read
            .map(|contents| {
                contents
                    .certificates
                    .into_iter()
                    .map(|(_, certificate)| certificate)
                    .collect()
            })
            .unwrap_or_default();
        Some(Self {
            certificates,
            broken,
        })
    }

    /// The first of its leaves that is for one of these names as well, with that name.
    pub fn rival_of(&self, wanted: &[Domain]) -> Option<(&Certificate, Domain)> {
        self.certificates
            .iter()
            .filter(|certificate| !matches!(certificate.facts().basic_constraints, Some((true, _))))
            .find_map(|certificate| {
                let names = certificate.facts().names.as_deref().unwrap_or_default();
                let shared = wanted.iter().find(|domain| is_covered(domain, names))?;
                Some((certificate, shared.clone()))
            })
    }
}

/// Whether an XMPP host is covered by these names.
pub fn is_covered(domain: &Domain, presented: &[Presented]) -> bool {
    let coverage = covers(Service::XmppServer, domain, presented);
    !matches!(coverage, crate::names::matching::Coverage::Missing)
}
