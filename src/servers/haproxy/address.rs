//! The addresses of a `bind`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Every address of a family, which the prefix tells; without one it is IPv4.
const ANY_V4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const ANY_V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The addresses of a `bind`, and what cannot be told of the others.
pub(super) fn addresses(text: &str) -> (Vec<SocketAddr>, Vec<String>) {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for one in text.split(',') {
        let (any, rest) = match one.split_once('@') {
            Some(("ipv4" | "tcp" | "tcp4", rest)) => (ANY_V4, rest),
            Some(("ipv6" | "tcp6", rest)) => (ANY_V6, rest),
            Some(_) => {
                unknown.push(format!("`{one}` is not read"));
                continue;
            }
            None if one.starts_with('/') => {
                unknown.push(format!("`{one}` is a socket file: not read"));
                continue;
            }
            None => (ANY_V4, one),
        };
        let (host, port) = rest.rsplit_once(':').unwrap_or((rest, ""));
        let Ok(port) = port.parse::<u16>() else {
            unknown.push(if port.contains('-') {
                format!("`{one}` is a range of ports: not read")
            } else {
                format!("`{one}` has no port that can be told")
            });
            continue;
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let ip = match bare {
            "" | "*" => Some(any),
            bare => bare.parse().ok(),
        };
        match ip {
            Some(ip) => found.push(SocketAddr::new(ip, port)),
            None => unknown.push(format!(
                "`{host}` is no address, so where it listens is not known"
            )),
        }
    }
    (found, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_every_form() {
        for (text, wanted) in [
            (":443", vec!["0.0.0.0:443"]),
            ("*:443", vec!["0.0.0.0:443"]),
            ("ipv4@192.0.2.1:443", vec!["192.0.2.1:443"]),
            (
                "[::]:443,192.0.2.1:5061",
                vec!["[::]:443", "192.0.2.1:5061"],
            ),
            (":::443", vec!["[::]:443"]),
            (
                "ipv6@:1,ipv6@*:2,tcp6@:3",
                vec!["[::]:1", "[::]:2", "[::]:3"],
            ),
            (
                "ipv4@:1,tcp4@*:2,tcp@:3",
                vec!["0.0.0.0:1", "0.0.0.0:2", "0.0.0.0:3"],
            ),
            ("/run/x.sock", vec![]),
            ("abns@x", vec![]),
            ("quic4@:443", vec![]),
            ("192.0.2.1", vec![]),
            (":1-2", vec![]),
            ("host:443", vec![]),
        ] {
            let (found, unknown) = addresses(text);
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, wanted, "{text}");
            assert_eq!(unknown.is_empty(), !wanted.is_empty(), "{text}");
        }
    }
}
