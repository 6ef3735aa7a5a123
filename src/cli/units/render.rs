//! The texts: the templates line by line, with what is of this machine put in. systemd.exec(5), systemd.syntax(7).

use super::super::exit::FailureKind;
use super::super::output::Failure;
use crate::assign::reach::{Reach, Right, reach};
use crate::deployment::{Deployment, Embedded, PassphraseSource, RootsSource};
use crate::explain::{Explanation, printable};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Begins every file that is made here; one without it is somebody else's.
pub const MARK: &str = "# Made by `edgecert units`";

const ASSIGN: &str = include_str!("../../../templates/systemd/edgecert-assign-due.service");
const ASSIGN_TIMER: &str = include_str!("../../../templates/systemd/edgecert-assign-due.timer");
const RENEW: &str = include_str!("../../../templates/systemd/edgecert-renew.service");
const RENEW_TIMER: &str = include_str!("../../../templates/systemd/edgecert-renew.timer");
const GATEWAY: &str = include_str!("../../../templates/systemd/edgecert-gateway@.service");
const SYSUSERS: &str = include_str!("../../../templates/systemd/edgecert.sysusers");

/// The command of the templates, which becomes that of this machine.
const COMMAND: &str = "/usr/bin/edgecert --config /etc/edgecert/edgecert.toml";

/// The first port that needs no right of its own.
const FIRST_FREE_PORT: u16 = 1024;

/// Descriptors of a gateway besides two for each connection.
const OTHER_FILES: u32 = 64;

/// What the units are made for.
pub struct Setting<'a> {
    pub deployment: &'a Deployment,
    pub program: PathBuf,
    pub state: PathBuf,
    /// Whether the state was named on the command line, which the units must then do as well.
    pub names_state: bool,
    pub write_config: bool,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    pub name: String,
    pub text: String,
}

/// All files, and what is to be known of them.
#[derive(Debug)]
pub struct Made {
    pub units: Vec<Unit>,
    pub remarks: Vec<String>,
}

/// The units of a deployment.
///
/// Errors: a path that cannot stand in a unit.
pub fn units(setting: &Setting<'_>) -> Result<Made, Failure> {
    let reach = reach(&setting.deployment.gateways);
    let mut remarks = reach.remarks.clone();
    let passphrases = setting.deployment.passphrases();
    for source in &passphrases {
        if let PassphraseSource::Env(name) = source {
            remarks.push(format!(
                "the passphrase is in the environment variable {name}, which no unit has; use a credential or a file"
            ));
        }
    }
    for issuer in setting.deployment.issuers.values() {
        if let Some(words) = &issuer.submit {
            remarks.push(format!(
                "{}: `{}` may write or need more than edgecert-renew.service allows; add it by `systemctl edit`",
                issuer.table(),
                words.join(" ")
            ));
        }
    }
    let assign = Fence::of_assign(setting, &reach, &passphrases, setting.write_config);
    let renew = Fence::of_assign(setting, &reach, &passphrases, false);
    let mut units = vec![
        unit(setting, "edgecert-assign-due.service", ASSIGN, &assign)?,
        unit(setting, "edgecert-assign-due.timer", ASSIGN_TIMER, &assign)?,
        unit(setting, "edgecert-renew.service", RENEW, &renew)?,
        unit(setting, "edgecert-renew.timer", RENEW_TIMER, &renew)?,
    ];
    let embedded = setting.deployment.gateways.iter().filter_map(|gateway| {
        let settings = gateway.kind.embedded()?;
        Some((gateway, settings))
    });
    for (gateway, settings) in embedded {
        let fence = Fence::of_gateway(setting, settings);
        let name = format!("edgecert-gateway@{}.service", gateway.name);
        let text = GATEWAY.replace("%i", gateway.name.as_str());
        let limit = settings.connection_limit.saturating_mul(2) + OTHER_FILES;
        let text = text.replace("LimitNOFILE=65536", &format!("LimitNOFILE={limit}"));
        units.push(unit(setting, &name, &text, &fence)?);
    }
    if units.len() > 4 {
        units.push(Unit {
            name: "edgecert.sysusers".to_owned(),
            text: marked(setting, SYSUSERS)?,
        });
    }
    Ok(Made { units, remarks })
}

/// What one service may do.
#[derive(Debug, Default)]
struct Fence {
    /// Written; they have to be there.
    writes: BTreeSet<PathBuf>,
    /// Written; they may be missing.
    opens: BTreeSet<PathBuf>,
    /// Read, so that no setting may hide them.
    reads: BTreeSet<PathBuf>,
    /// Below `/run`, `/var/lib`: made by the service manager, for the service's user.
    runtime: Option<String>,
    state: Option<String>,
    capabilities: Vec<String>,
    /// A comment for each.
    reasons: Vec<String>,
    makes_code: bool,
    shares_tmp: bool,
    credentials: Vec<String>,
    /// Words after the template's command.
    more_words: &'static str,
}

impl Fence {
    fn of_assign(
        setting: &Setting<'_>,
        reach: &Reach,
        passphrases: &[&PassphraseSource],
        write_config: bool,
    ) -> Self {
        let mut fence = Fence {
            reads: reach.looked_at.clone(),
            opens: reach.opened.clone(),
            writes: reach.folders.clone(),
            state: child_of("/var/lib", &setting.state),
            makes_code: reach.rights.contains_key(&Right::MakeCode),
            shares_tmp: reach.rights.contains_key(&Right::SharedTmp),
            ..Fence::default()
        };
        fence.writes.insert(setting.state.clone());
        if write_config {
            fence.writes.extend(reach.config_folders.iter().cloned());
            fence.more_words = " --write-config";
        }
        fence.read_common(setting);
        for (right, why) in &reach.rights {
            let names = right.capabilities();
            let why: Vec<&str> = why.iter().map(String::as_str).collect();
            let what = match right {
                Right::MakeCode => "MemoryDenyWriteExecute=no".to_owned(),
                Right::SharedTmp => "PrivateTmp=no".to_owned(),
                Right::AnyFile
                | Right::GiveAway
                | Right::BecomeUser
                | Right::Signal
                | Right::LowPorts => names.join(", "),
            };
            fence.reasons.push(format!("# {what}: {}", why.join(", ")));
            let names = names.iter().map(|name| format!("CAP_{name}"));
            fence.capabilities.extend(names);
        }
        for source in passphrases {
            match source {
                PassphraseSource::File(path) => {
                    fence.reads.insert(setting.deployment.resolve(path));
                }
                PassphraseSource::Credential(name) => fence.credentials.push(name.clone()),
                PassphraseSource::Env(_) => {}
            }
        }
        for issuer in setting.deployment.issuers.values() {
            let words = issuer.submit.iter().flatten();
            let paths = words.map(PathBuf::from).filter(|path| path.is_absolute());
            fence.reads.extend(paths);
            fence.read_roots(setting, &issuer.roots);
        }
        fence
    }

    fn of_gateway(setting: &Setting<'_>, settings: &Embedded) -> Self {
        let mut fence = Fence::default();
        let folder = settings.socket.parent().unwrap_or(Path::new("/"));
        fence.runtime = child_of("/run", folder);
        if fence.runtime.is_none() {
            fence.writes.insert(folder.to_owned());
        }
        fence.state = child_of("/var/lib", &settings.directory);
        if fence.state.is_none() {
            fence.writes.insert(settings.directory.clone());
        }
        fence.reads.insert(settings.socket.clone());
        fence.read_common(setting);
        fence.read_roots(setting, &settings.roots);
        let low = |port: u16| port < FIRST_FREE_PORT;
        if settings.listeners.iter().any(|one| low(one.listen.port())) {
            fence.capabilities.push("CAP_NET_BIND_SERVICE".to_owned());
        }
        fence
    }

    fn read_common(&mut self, setting: &Setting<'_>) {
        self.reads.insert(setting.program.clone());
        self.reads.insert(setting.deployment.file.clone());
    }

    fn read_roots(&mut self, setting: &Setting<'_>, roots: &[RootsSource]) {
        for source in roots {
            match source {
                RootsSource::Path(path) => {
                    self.reads.insert(setting.deployment.resolve(path));
                }
                RootsSource::System | RootsSource::Mozilla => {}
            }
        }
    }

    fn touches(&self, folders: &[&str]) -> bool {
        let all = self.writes.iter().chain(&self.opens).chain(&self.reads);
        let mut all = all.map(|path| path.as_path());
        all.any(|path| folders.iter().any(|folder| path.starts_with(folder)))
    }

    /// The line that a template's line becomes; `None`: it goes.
    fn line(&self, setting: &Setting<'_>, line: &str) -> Result<Option<String>, Failure> {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        Ok(Some(match key {
            "ExecStart" | "ExecCondition" => {
                let rest = value.strip_prefix(COMMAND).unwrap_or(value);
                let program = quoted(&setting.program)?;
                let config = argument(&setting.deployment.file)?;
                let state = match setting.names_state {
                    true => format!(" --state {}", argument(&setting.state)?),
                    false => String::new(),
                };
                let more = if key == "ExecStart" {
                    self.more_words
                } else {
                    ""
                };
                format!("{key}={program} --config {config}{state}{rest}{more}")
            }
            "ConditionPathExists" if value.ends_with("layout.json") => {
                format!("{key}={}", plain(&setting.state.join("layout.json"))?)
            }
            "ConditionPathExists" => format!("{key}={}", plain(&setting.deployment.file)?),
            "#LoadCredentialEncrypted" => {
                let lines: Vec<String> = self
                    .credentials
                    .iter()
                    .map(|name| {
                        format!("LoadCredentialEncrypted={name}:/etc/credstore.encrypted/{name}")
                    })
                    .collect();
                return Ok((!lines.is_empty()).then(|| lines.join("\n")));
            }
            "StateDirectory" | "StateDirectoryMode" if self.state.is_none() => return Ok(None),
            "StateDirectory" => {
                let name = self.state.as_deref().unwrap_or_default();
                let above = Path::new(name).parent().and_then(Path::to_str);
                match above.filter(|above| !above.is_empty()) {
                    Some(above) => format!("{key}={above} {name}"),
                    None => format!("{key}={name}"),
                }
            }
            "RuntimeDirectory" | "RuntimeDirectoryMode" | "RuntimeDirectoryPreserve"
                if self.runtime.is_none() =>
            {
                return Ok(None);
            }
            "RuntimeDirectory" => format!("{key}={}", self.runtime.as_deref().unwrap_or_default()),
            "CapabilityBoundingSet" => {
                let mut lines = self.reasons.clone();
                lines.push(format!("{key}={}", self.capabilities.join(" ")));
                lines.join("\n")
            }
            "AmbientCapabilities" => format!("{key}={}", self.capabilities.join(" ")),
            "ProtectSystem" => self.with_paths(line)?,
            "ProtectHome" if self.touches(&["/home", "/root", "/run/user"]) => {
                format!("{key}=read-only")
            }
            "PrivateTmp" if self.shares_tmp || self.touches(&["/tmp", "/var/tmp"]) => {
                format!("{key}=no")
            }
            "MemoryDenyWriteExecute" if self.makes_code => format!("{key}=no"),
            _ if is_of_the_template(line) => return Ok(None),
            _ => line.to_owned(),
        }))
    }

    /// Under `ProtectSystem=strict`, what may be written all the same.
    fn with_paths(&self, line: &str) -> Result<String, Failure> {
        let mut lines = vec![line.to_owned()];
        for path in &self.writes {
            let above = path.ancestors().skip(1);
            if !above.into_iter().any(|above| self.writes.contains(above)) {
                lines.push(format!("ReadWritePaths={}", quoted(path)?));
            }
        }
        for path in &self.opens {
            let mut above = path.ancestors();
            if !above.any(|above| self.writes.contains(above)) {
                // The hyphen: it may be missing.
                lines.push(format!("ReadWritePaths={}", quoted_with("-", path)?));
            }
        }
        Ok(lines.join("\n"))
    }
}

/// Comments of the templates that speak of all deployments, and not of this one.
fn is_of_the_template(line: &str) -> bool {
    [
        "# DAC_OVERRIDE",
        "# With `passphrase",
        "# It runs as root",
        "# One embedded gateway",
        "# /etc/edgecert/edgecert.toml and",
        "# At least twice",
        "# Ports under 1024",
        "# The control socket",
        "# The gateway's own copy",
    ]
    .iter()
    .any(|known| line.starts_with(known))
}

fn unit(setting: &Setting<'_>, name: &str, template: &str, fence: &Fence) -> Result<Unit, Failure> {
    let mut text = String::new();
    for line in template.lines() {
        if let Some(line) = fence.line(setting, line)? {
            text.push_str(&line);
            text.push('\n');
        }
    }
    Ok(Unit {
        name: name.to_owned(),
        text: marked(setting, &text)?,
    })
}

fn marked(setting: &Setting<'_>, text: &str) -> Result<String, Failure> {
    let file = plain(&setting.deployment.file)?;
    Ok(format!(
        "{MARK} for {file}; a change of your own goes into a drop-in (`systemctl edit`).\n{text}"
    ))
}

/// What stands below a folder, where that is how the service manager makes it.
fn child_of(above: &str, path: &Path) -> Option<String> {
    let below = path.strip_prefix(above).ok()?.to_str()?;
    (!below.is_empty())
        .then(|| below.to_owned())
        .filter(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        })
}

/// A path as it stands to the end of a line: `%` begins a specifier.
fn plain(path: &Path) -> Result<String, Failure> {
    let refused = |why: &str| {
        Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "units.path",
                what: "a path cannot stand in a unit of systemd".to_owned(),
                place: printable(&path.display().to_string()),
                why: why.to_owned(),
                mend: "move or link it to a path of plain characters".to_owned(),
            },
        )
    };
    let text = path.to_str().ok_or_else(|| refused("it is no UTF-8"))?;
    if text.contains(|c: char| c.is_control() || c == '\\') {
        return Err(refused("it holds a control character or a backslash"));
    }
    if text.trim() != text {
        return Err(refused("it ends with a blank"));
    }
    Ok(text.replace('%', "%%"))
}

/// A path as one word, in quotes where it needs them.
fn quoted(path: &Path) -> Result<String, Failure> {
    quoted_with("", path)
}

fn quoted_with(prefix: &str, path: &Path) -> Result<String, Failure> {
    let text = format!("{prefix}{}", plain(path)?);
    let is_plain = |c: char| c.is_alphanumeric() || "-_./@:+=,%~".contains(c);
    if text.chars().all(is_plain) {
        return Ok(text);
    }
    Ok(format!("\"{}\"", text.replace('"', "\\\"")))
}

/// A path as an argument of a command, in which `$` begins a variable.
fn argument(path: &Path) -> Result<String, Failure> {
    Ok(quoted(path)?.replace('$', "$$"))
}

#[cfg(test)]
mod tests;
