//! coturn's `turnserver.conf`: one option a line, `name=value` or `name value`.
//!
//! One certificate for all names. Read as coturn 4.6.1 does: of an option that stands twice the last one counts
//! (`listening-ip` adds up), quotes around a value go, and a relative file is looked for in a list of folders, the
//! one that the server was started in first.

use super::text::{Reading, folder_of, top_of};
use super::{
    CertificateUse, ConfigError, Configured, Listening, PathKind, Place, Remark, Side, Source,
};
use crate::names::Protocol;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The port for TLS where none is written.
const TLS_PORT: u16 = 5349;

/// Where a relative file is looked for after the working folder.
const FOLDERS: [&str; 4] = ["/etc", "/etc/turnserver", "/etc/coturn", "/usr/local/etc"];

/// What `turnserver.conf` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CoturnConfig {
    /// What all servers have.
    pub common: Configured,
    /// Whether TLS and DTLS are offered.
    pub offered: Offered,
    /// Whether the key has a passphrase; the passphrase itself is not kept.
    pub passphrase: KeyPassphrase,
    /// The file with the process id, for the signal that reloads; `None`: the server's default.
    pub pidfile: Option<PathBuf>,
    /// The user that the server becomes, and that has to read the key; `None`: the one who starts it.
    pub user: Option<String>,
}

/// Which of the two are offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Offered {
    /// TLS and DTLS.
    #[default]
    Both,
    /// TLS alone (`no-dtls`).
    Tls,
    /// DTLS alone (`no-tls`).
    Dtls,
    /// Neither.
    Neither,
}

/// Whether a key needs a passphrase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyPassphrase {
    /// None is given: the key has to be plain.
    #[default]
    None,
    /// `pkey-pwd` gives one: a plain key is taken as well.
    Given,
}

/// What is gathered of the options.
#[derive(Default)]
struct Options {
    certificate: Option<(String, Place)>,
    key: Option<(String, Place)>,
    port: Option<(u16, Place)>,
    other_port: Option<(u16, Place)>,
    addresses: Vec<(IpAddr, Place)>,
    no_tls: bool,
    no_dtls: bool,
    one_port: bool,
}

/// Reads `turnserver.conf`.
///
/// Errors: `Unreadable`, `TooLarge`. What coturn itself would pass over is passed over or told as a remark.
pub fn read(main: &Path, source: &dyn Source) -> Result<CoturnConfig, ConfigError> {
    let mut reading = Reading::new(source);
    let text = reading.take(main, 0, &top_of(main))?;
    let mut config = CoturnConfig::default();
    let mut options = Options::default();
    for (at, line) in text.lines().enumerate() {
        let place = Place {
            file: main.to_path_buf(),
            line: at + 1,
        };
        if let Some((name, value)) = option(line) {
            take(name, value, place, &mut options, &mut config);
        }
    }
    config.common.files = reading.files;
    config.offered = match (options.no_tls, options.no_dtls) {
        (false, false) => Offered::Both,
        (false, true) => Offered::Tls,
        (true, false) => Offered::Dtls,
        (true, true) => Offered::Neither,
    };
    certificate(&options, main, source, &mut config);
    // Without a certificate there is no TLS, whatever the ports say.
    if !options.no_tls && !config.common.certificates.is_empty() {
        listeners(&options, &mut config);
    }
    Ok(config)
}

/// An option of a line: what stands before the first `=` or space, and the rest without its quotes.
fn option(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (name, rest) = line
        .split_once(['=', ' ', '\t'])
        .map_or((line, ""), |(name, rest)| (name, rest));
    let value = rest.trim_start_matches([' ', '\t', '=']).trim_end();
    let unquoted = ['"', '\''].iter().find_map(|quote| {
        value
            .strip_prefix(*quote)
            .and_then(|value| value.strip_suffix(*quote))
    });
    Some((name, unquoted.unwrap_or(value)))
}

/// Whether a switch is on: `no-tls`, `no-tls=1`, `no-tls true`.
fn is_on(value: &str) -> bool {
    !matches!(
        value.chars().next().map(|c| c.to_ascii_lowercase()),
        Some('0' | 'n' | 'f')
    )
}

fn take(name: &str, value: &str, place: Place, options: &mut Options, config: &mut CoturnConfig) {
    let remarks = &mut config.common.remarks;
    let mut port = |slot: &mut Option<(u16, Place)>| match value.parse::<u16>() {
        Ok(port) => *slot = Some((port, place.clone())),
        Err(_) => remarks.push(Remark {
            place: place.clone(),
            what: format!("`{name}` is no port"),
        }),
    };
    match name {
        "cert" => options.certificate = Some((value.to_owned(), place)),
        "pkey" => options.key = Some((value.to_owned(), place)),
        "pkey-pwd" => config.passphrase = KeyPassphrase::Given,
        "tls-listening-port" => port(&mut options.port),
        "alt-tls-listening-port" => port(&mut options.other_port),
        "listening-ip" => match value.parse::<IpAddr>() {
            Ok(address) => options.addresses.push((address, place)),
            Err(_) => remarks.push(Remark {
                place,
                what: format!("`{value}` is no address: where the server listens is not known"),
            }),
        },
        "listening-device" => remarks.push(Remark {
            place,
            what: "a device: its addresses are not known here".to_owned(),
        }),
        "no-tls" => options.no_tls = is_on(value),
        "no-dtls" => options.no_dtls = is_on(value),
        "no-rfc5780" => options.one_port = is_on(value),
        "pidfile" if !value.is_empty() => config.pidfile = Some(PathBuf::from(value)),
        "proc-user" if !value.is_empty() => config.user = Some(value.to_owned()),
        _ => {}
    }
}

fn certificate(options: &Options, main: &Path, source: &dyn Source, config: &mut CoturnConfig) {
    let (certificate, key, place) = match (&options.certificate, &options.key) {
        (Some((certificate, place)), Some((key, _))) => {
            (certificate.clone(), key.clone(), place.clone())
        }
        (None, None) => {
            // The names that coturn has built in; only where they are there.
            let (certificate, key) = ("turn_server_cert.pem", "turn_server_pkey.pem");
            if find(certificate, source).is_none() || find(key, source).is_none() {
                return;
            }
            (certificate.to_owned(), key.to_owned(), top_of(main))
        }
        (Some((_, place)), None) | (None, Some((_, place))) => {
            config.common.remarks.push(Remark {
                place: place.clone(),
                what: "`cert` and `pkey` belong together: without both there is no TLS".to_owned(),
            });
            return;
        }
    };
    let mut open = |written: &str| {
        let path = PathBuf::from(written);
        if path.is_absolute() {
            return path;
        }
        config.common.remarks.push(Remark {
            place: place.clone(),
            what: format!(
                "`{written}` is relative: the server looks in the folder that it is started in, then in {}",
                FOLDERS.join(", ")
            ),
        });
        find(written, source).unwrap_or_else(|| folder_of(main).join(path))
    };
    let (certificate, key) = (open(&certificate), open(&key));
    config.common.certificates.push(CertificateUse {
        certificate,
        key,
        names: Vec::new(),
        side: Side::Server,
        place,
    });
}

/// A relative file in the folders that the server looks in.
fn find(written: &str, source: &dyn Source) -> Option<PathBuf> {
    FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(written))
        .find(|path| source.look(path) == Some(PathKind::File))
}

fn listeners(options: &Options, config: &mut CoturnConfig) {
    let (port, port_place) = match &options.port {
        // 0 is written for the default.
        Some((0, place)) => (TLS_PORT, Some(place)),
        Some((port, place)) => (*port, Some(place)),
        None => (TLS_PORT, None),
    };
    // The other port is there for RFC 5780 alone, which needs two addresses.
    let other = match &options.other_port {
        Some((other, place)) if *other != 0 && !options.one_port && options.addresses.len() > 1 => {
            Some((*other, place))
        }
        Some(_) | None => None,
    };
    let everywhere = [(IpAddr::V4(Ipv4Addr::UNSPECIFIED), None)];
    let addresses: Vec<(IpAddr, Option<&Place>)> = if options.addresses.is_empty() {
        everywhere.to_vec()
    } else {
        options
            .addresses
            .iter()
            .map(|(address, place)| (*address, Some(place)))
            .collect()
    };
    for (address, place) in addresses {
        let mut listen = |port: u16, port_place: Option<&Place>| {
            config.common.listeners.push(Listening {
                protocol: Protocol::Tls,
                address: SocketAddr::new(address, port),
                names: None,
                place: place.or(port_place).cloned(),
            });
        };
        listen(port, port_place);
        if let Some((other, place)) = other {
            listen(other, Some(place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::given::Given;
    use super::*;

    fn read_text(text: &str) -> CoturnConfig {
        let given = Given::new(&[("/etc/turnserver.conf", text), ("/etc/here.pem", "")]);
        read(Path::new("/etc/turnserver.conf"), &given).unwrap()
    }

    #[test]
    fn every_way_to_write_an_option_is_read() {
        for line in [
            "cert=/c.pem",
            "cert /c.pem",
            "  cert = /c.pem  ",
            "cert\t/c.pem",
            "cert=\"/c.pem\"",
            "#cert=/x.pem\ncert=/x.pem\ncert='/c.pem'",
            "cert=/c.pem\r",
        ] {
            let config = read_text(&format!("{line}\npkey=/k.pem\n"));
            let found = &config.common.certificates;
            assert_eq!(found.len(), 1, "{line}");
            assert_eq!(found[0].certificate, Path::new("/c.pem"), "{line}");
            assert_eq!(found[0].key, Path::new("/k.pem"), "{line}");
        }
    }

    #[test]
    fn listeners_are_addresses_by_ports() {
        let pair = "cert=/c\npkey=/k\n";
        for (text, wanted) in [
            ("", vec!["0.0.0.0:5349"]),
            ("tls-listening-port=0", vec!["0.0.0.0:5349"]),
            ("tls-listening-port=443", vec!["0.0.0.0:443"]),
            (
                "listening-ip=192.0.2.1\nlistening-ip=2001:db8::1\nalt-tls-listening-port=5350",
                vec![
                    "192.0.2.1:5349",
                    "192.0.2.1:5350",
                    "[2001:db8::1]:5349",
                    "[2001:db8::1]:5350",
                ],
            ),
            (
                "listening-ip=192.0.2.1\nalt-tls-listening-port=5350",
                vec!["192.0.2.1:5349"],
            ),
            (
                "listening-ip=192.0.2.1\nlistening-ip=192.0.2.2\nalt-tls-listening-port=5350\nno-rfc5780",
                vec!["192.0.2.1:5349", "192.0.2.2:5349"],
            ),
            ("no-tls", vec![]),
            ("no-tls=0\nno-dtls", vec!["0.0.0.0:5349"]),
        ] {
            let config = read_text(&format!("{pair}{text}\n"));
            let found: Vec<String> = config
                .common
                .listeners
                .iter()
                .map(|listener| listener.address.to_string())
                .collect();
            assert_eq!(found, wanted, "{text}");
        }
    }

    #[test]
    fn without_a_pair_there_is_no_tls() {
        assert_eq!(read_text("tls-listening-port=5349").common.listeners, []);
        let half = read_text("cert=/c.pem");
        assert_eq!(half.common.listeners, []);
        assert!(half.common.remarks[0].what.contains("belong together"));
    }

    #[test]
    fn own_settings_are_kept_and_the_passphrase_is_not() {
        let config = read_text(
            "pkey-pwd=hunter2\npidfile=/run/turn.pid\nproc-user=turnserver\nno-dtls\ncert=here.pem\npkey=k.pem\n",
        );
        assert_eq!(config.passphrase, KeyPassphrase::Given);
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(config.pidfile.as_deref(), Some(Path::new("/run/turn.pid")));
        assert_eq!(config.user.as_deref(), Some("turnserver"));
        assert_eq!(config.offered, Offered::Tls);
        assert_eq!(
            config.common.certificates[0].certificate,
            Path::new("/etc/here.pem")
        );
        assert_eq!(config.common.remarks.len(), 2);
    }

    #[test]
    fn what_is_no_port_and_no_address_is_told() {
        let config = read_text("tls-listening-port=many\nlistening-ip=eth0\nlistening-device=eth0");
        assert_eq!(config.common.remarks.len(), 3);
    }
}
