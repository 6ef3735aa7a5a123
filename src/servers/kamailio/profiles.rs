//! `tls.cfg`: sections of `key = value`, read as Kamailio's own parser does (quotes, `\` escapes, `#` comments, a
//! line that ends in `\` goes on).

use super::super::text::top_of;
use super::super::{ConfigError, Place, Remark, Side};
use super::{NameMode, Profile, Reach};
use crate::names::Domain;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// Settings that belong to one profile alone, and are not taken over into a new one.
const OWN: [&str; 7] = [
    "certificate",
    "cert_file",
    "private_key",
    "pkey_file",
    "server_name",
    "server_name_mode",
    "server_id",
];

/// Whether a text holds profiles: its first line with anything in it is the head of a section.
pub(super) fn is_profile_file(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .is_some_and(|line| line.starts_with('['))
}

/// Every profile, relative files from `base`.
pub(super) fn read(
    path: &Path,
    text: &str,
    base: &Path,
    remarks: &mut Vec<Remark>,
) -> Result<Vec<Profile>, ConfigError> {
    let mut profiles: Vec<Profile> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let place = Place {
            file: path.to_path_buf(),
            line: at + 1,
        };
        let mut whole = line.to_owned();
        while goes_on(&whole) {
            whole.pop();
            match lines.next() {
                Some((_, next)) => whole.push_str(next),
                None => break,
            }
        }
        let line = whole.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('[') {
            profiles.push(head(line, place)?);
            continue;
        }
        let malformed = |what: &str| ConfigError::Malformed {
            place: place.clone(),
            what: what.to_owned(),
        };
        let (name, rest) = line
            .split_once('=')
            .ok_or_else(|| malformed("neither `[…]` nor `name = value`"))?;
        let value = value(rest).map_err(malformed)?;
        let profile = profiles
            .last_mut()
            .ok_or_else(|| malformed("a setting before the first `[…]`"))?;
        set(profile, name.trim(), value, base, place, remarks);
    }
    if profiles.is_empty() {
        remarks.push(Remark {
            place: top_of(path),
            what: "no profile in it".to_owned(),
        });
    }
    Ok(profiles)
}

/// Whether a line ends in a `\` that escapes its end.
fn goes_on(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// `[server:default]`, `[client:any]`, `[server:192.0.2.1:5061]`, `[srv:[2001:db8::1]:5061]`.
fn head(line: &str, place: Place) -> Result<Profile, ConfigError> {
    let malformed = || ConfigError::Malformed {
        place: place.clone(),
        what: "no head of a profile: `[server:default]`, `[server:any]`, `[server:IP:PORT]`, \
               `[client:…]`"
            .to_owned(),
    };
    let inner = line
        .split('#')
        .next()
        .unwrap_or_default()
        .trim()
        .strip_prefix('[')
        .and_then(|line| line.strip_suffix(']'))
        .ok_or_else(malformed)?;
    let (kind, reach) = inner.split_once(':').ok_or_else(malformed)?;
    let side = match kind.trim().to_ascii_lowercase().as_str() {
        "server" | "srv" | "s" => Side::Server,
        "client" | "cli" | "c" => Side::Client,
        _ => return Err(malformed()),
    };
    let reach = reach.trim();
    let reach = match reach.to_ascii_lowercase().as_str() {
        "default" | "def" | "*" => Reach::Default,
        "any" | "all" => Reach::Any,
        _ => Reach::Socket(socket(reach).ok_or_else(malformed)?),
    };
    Ok(Profile {
        side,
        reach,
        server_name: None,
        mode: NameMode::Exact,
        certificate: None,
        key: None,
        settings: Vec::new(),
        place,
    })
}

fn socket(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.rsplit_once(':')?;
    let address = address.trim();
    let address = address
        .strip_prefix('[')
        .and_then(|address| address.strip_suffix(']'))
        .unwrap_or(address);
    Some(SocketAddr::new(
        address.parse::<IpAddr>().ok()?,
        port.trim().parse().ok()?,
    ))
}

/// The value after `=`: up to a space or a comment, or in quotes.
fn value(rest: &str) -> Result<String, &'static str> {
    let rest = rest.trim_start();
    let quoted = rest.strip_prefix('"');
    let mut characters = quoted.unwrap_or(rest).chars();
    let mut value = String::new();
    while let Some(c) = characters.next() {
        match c {
            '\\' => value.push(match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(c @ ('\\' | '"' | '#' | ' ')) => c,
                Some(_) | None => return Err("an escape that Kamailio does not know"),
            }),
            '"' if quoted.is_some() => return Ok(value),
            '#' | ' ' | '\t' | '\r' if quoted.is_none() => return Ok(value),
            c => value.push(c),
        }
    }
    match quoted {
        Some(_) => Err("a quote that does not end"),
        None => Ok(value),
    }
}

fn set(
    profile: &mut Profile,
    name: &str,
    value: String,
    base: &Path,
    place: Place,
    remarks: &mut Vec<Remark>,
) {
    match name.to_ascii_lowercase().as_str() {
        "certificate" | "cert_file" => {
            profile.certificate = Some(file(&value, base, place, remarks));
        }
        "private_key" | "pkey_file" => profile.key = Some(file(&value, base, place, remarks)),
        "server_name" => profile.server_name = Some(value.clone()),
        "server_name_mode" => {
            profile.mode = match value.as_str() {
                "0" => NameMode::Exact,
                "1" => NameMode::WithSubdomains,
                "2" => NameMode::SubdomainsOnly,
                _ => {
                    remarks.push(Remark {
                        place,
                        what: "no `server_name_mode`: 0, 1 and 2 are known".to_owned(),
                    });
                    NameMode::Exact
                }
            };
        }
        _ => {}
    }
    profile.settings.push((name.to_owned(), value));
}

/// A file as Kamailio opens it: relative ones from the folder of `kamailio.cfg`, unless they begin with a dot.
pub(super) fn file(value: &str, base: &Path, place: Place, remarks: &mut Vec<Remark>) -> PathBuf {
    if value.starts_with('.') {
        remarks.push(Remark {
            place,
            what: format!(
                "`{value}` begins with a dot: it counts from the folder that the server runs in"
            ),
        });
    }
    base.join(value)
}

/// The lines of a profile for a name.
///
/// Errors: `Malformed` for a path with a control character.
pub(super) fn lines(
    name: &Domain,
    certificate: &Path,
    key: &Path,
    default: Option<&Profile>,
) -> Result<Vec<String>, ConfigError> {
    let mut lines = vec![
        "[server:any]".to_owned(),
        format!("server_name = {name}"),
        "server_name_mode = 0".to_owned(),
    ];
    for (setting, value) in default.into_iter().flat_map(|profile| &profile.settings) {
        if !OWN.contains(&setting.to_ascii_lowercase().as_str()) {
            lines.push(format!("{setting} = {}", quoted(value)));
        }
    }
    for (setting, path) in [("certificate", certificate), ("private_key", key)] {
        let written = path
            .to_str()
            .filter(|text| !text.chars().any(char::is_control))
            .ok_or_else(|| ConfigError::Malformed {
                place: top_of(path),
                what: "a file name that cannot be written into tls.cfg".to_owned(),
            })?;
        lines.push(format!("{setting} = {}", quoted(written)));
    }
    Ok(lines)
}

/// A value as it can be read back: in quotes unless it is of letters that need none.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_/.:@%+,-*!=".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '"' | '\\' => quoted.extend(['\\', c]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
