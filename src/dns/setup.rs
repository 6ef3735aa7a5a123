//! Who is asked and how: the client's settings, and the file of trust anchors.

use super::DnsError;
use crate::explain::{os_words, printable, reading_mend};
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::parse_resolv_conf;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// Answers kept, and no more: a run asks each name once or twice.
const CACHE: u64 = 256;

/// Questions in flight; the crate refuses more than it has been told of on one connection.
pub const IN_FLIGHT: usize = 64;

/// Largest file of trust anchors, in bytes.
const MAX_ANCHORS: u64 = 64 * 1024;

pub(super) fn at_address(address: SocketAddr) -> ResolverConfig {
    let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    udp.port = address.port();
    tcp.port = address.port();
    let server = NameServerConfig::new(address.ip(), true, vec![udp, tcp]);
    ResolverConfig::from_parts(None, Vec::new(), vec![server])
}

/// Where the system says whom to ask.
const SYSTEM: &str = "/etc/resolv.conf";

/// Largest of these files, in bytes.
const MAX_SYSTEM: u64 = 64 * 1024;

pub(super) fn system() -> Result<ResolverConfig, DnsError> {
    system_at(Path::new(SYSTEM))
}

fn system_at(path: &Path) -> Result<ResolverConfig, DnsError> {
    let none = |why: String| DnsError::NoResolver {
        resolver: String::new(),
        why: format!("{}: {why}", path.display()),
    };
    // Its comments may be in any encoding.
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_SYSTEM + 1).read_to_end(&mut text))
        .map_err(|error| none(os_words(&error)))?;
    if text.len() as u64 > MAX_SYSTEM {
        return Err(none(format!("it has more than {MAX_SYSTEM} bytes")));
    }
    let (config, _) = parse_resolv_conf(&text).map_err(|error| none(error.to_string()))?;
    match config.name_servers().is_empty() {
        true => Err(none("it names no server".to_owned())),
        // Neither its domain nor its search list: names are asked as they stand.
        false => Ok(ResolverConfig::from_parts(
            None,
            Vec::new(),
            config.name_servers().to_vec(),
        )),
    }
}

pub(super) fn options(timeout: Duration, validate: bool) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.ndots = 0;
    // A packet that was lost is sent again before the limit ends the question.
    options.timeout = timeout / 3;
    options.attempts = 1;
    options.edns0 = true;
    options.validate = validate;
    options.cache_size = CACHE;
    options.use_hosts_file = ResolveHosts::Never;
    options.preserve_intermediates = true;
    options.try_tcp_on_error = true;
    options.max_active_requests = 8 * IN_FLIGHT;
    options
}

/// The anchors, and the name of the first.
pub(super) fn read_anchors(path: &Path) -> Result<(Name, TrustAnchors), DnsError> {
    let wrong = |why: String| DnsError::Anchors {
        path: printable(&path.to_string_lossy()),
        why,
    };
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_ANCHORS + 1).read_to_string(&mut text))
        .map_err(|error| {
            // As it was read: what is no text is no trouble of the file system.
            if error.kind() == std::io::ErrorKind::InvalidData {
                return wrong("it is not UTF-8".to_owned());
            }
            let path = printable(&path.to_string_lossy());
            DnsError::AnchorsUnread {
                why: os_words(&error),
                mend: reading_mend(&path, &error),
                path,
            }
        })?;
    if text.len() as u64 > MAX_ANCHORS {
        return Err(wrong(format!("it has more than {MAX_ANCHORS} bytes")));
    }
    let text = plain(&text);
    let keys = TrustAnchors::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    // Its own count leaves out the keys of other names than the root.
    let first = text.split_whitespace().next();
    let name = first.and_then(|word| Name::from_ascii(word).ok());
    match name {
        Some(name) => Ok((name, keys)),
        None => Err(wrong("there is no DNSKEY record in it".to_owned())),
    }
}

/// Each key as the parser takes it: without comments and time to live, with the class that `keymgr` leaves out.
fn plain(text: &str) -> String {
    text.lines()
        .map(|line| line.split_once(';').map_or(line, |(record, _)| record))
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let kind = words.iter().position(|word| *word == "DNSKEY");
            match (words.split_first(), kind.and_then(|at| words.get(at..))) {
                (Some((name, _)), Some(key)) => format!("{name} IN {}\n", key.join(" ")),
                _ => format!("{line}\n"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Explain;

    #[test]
    fn the_systems_servers_are_read_in_their_order_and_nothing_else_of_the_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        for (text, servers) in [
            ("nameserver 192.0.2.53\n", Some(vec!["192.0.2.53"])),
            (
                "# ours\nsearch contoso.com\noptions timeout:1 edns0 trust-ad\nnameserver 2001:db8::53\n\
                 nameserver 192.0.2.53 # second\n; end\n",
                Some(vec!["2001:db8::53", "192.0.2.53"]),
            ),
            ("nameserver 127.0.0.53", Some(vec!["127.0.0.53"])),
            ("search contoso.com\n", None),
            ("", None),
            ("nameserver here\n", None),
        ] {
            std::fs::write(&path, text).unwrap();
            let read = system_at(&path);
            let found = read.as_ref().ok().map(|config| {
                let servers = config.name_servers().iter();
                servers.map(|one| one.ip.to_string()).collect::<Vec<_>>()
            });
            let servers = servers.map(|all| all.into_iter().map(str::to_owned).collect());
            assert_eq!(found, servers, "{text}");
            if let Ok(config) = read {
                assert!(config.search().is_empty() && config.domain().is_none());
                assert!(
                    config
                        .name_servers()
                        .iter()
                        .all(|one| { one.connections.iter().all(|way| way.port == 53) })
                );
            }
        }
        std::fs::write(&path, "#".repeat(MAX_SYSTEM as usize + 1)).unwrap();
        for wrong in [path.clone(), folder.path().join("none")] {
            let told = system_at(&wrong).unwrap_err().explain();
            assert_eq!(told.code, "dns.no-resolver");
            assert!(told.why.contains(&wrong.display().to_string()), "{told:?}");
        }
    }

    #[test]
    fn anchors_are_read_with_and_without_class_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let key = "257 3 13 a4AxaAJmb5DSl06C3icokIpmGJOiZ1zjY8AoOw4mGJfCUzZrphSUZuVQ4VXKwJ7qk7S0In0QhH8DjEl8+z4blQ==";
        for (line, name) in [
            (format!(". DNSKEY {key}"), "."),
            (format!(". IN DNSKEY {key}"), "."),
            (
                format!("; ours\ncorp.test. 3600 IN DNSKEY {key}\n"),
                "corp.test.",
            ),
        ] {
            let path = folder.path().join("anchor");
            std::fs::write(&path, &line).unwrap();
            let (found, keys) =
                read_anchors(&path).unwrap_or_else(|error| panic!("{line}: {error:?}"));
            let at_root = usize::from(name == ".");
            assert_eq!(
                (found.to_ascii().as_str(), keys.len()),
                (name, at_root),
                "{line}"
            );
        }
    }

    #[test]
    fn anchors_that_are_none_are_refused_by_file_and_reason() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("empty", String::new()),
            ("words", "contoso.com. IN A 192.0.2.1\n".to_owned()),
            ("large", ";".repeat(MAX_ANCHORS as usize + 1)),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let told = read_anchors(&path)
                .map(|(name, _)| name)
                .unwrap_err()
                .explain();
            assert_eq!(told.code, "dns.anchors");
            assert!(
                told.place.ends_with(name) && !told.why.is_empty(),
                "{told:?}"
            );
        }
    }
}
