//! The addresses of a `bind`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The addresses of a `bind`, and what cannot be told of the others.
pub(super) fn addresses(text: &str) -> (Vec<SocketAddr>, Vec<String>) {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for one in text.split(',') {
        let rest = match one.split_once('@') {
            Some(("ipv4" | "ipv6" | "tcp" | "tcp4" | "tcp6", rest)) => rest,
            Some(_) => {
                unknown.push(format!("`{one}` is not read"));
                continue;
            }
            None if one.starts_with('/') => {
                unknown.push(format!("`{one}` is a socket file: not read"));
                continue;
            }
            None => one,
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
            "" | "*" => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            bare => bare.parse().ok(),
        };
        match ip {
            Some(ip) => found.push(SocketAddr::new(ip, port)),
            None => unknown.push(format!("`{host}` is no address: where it is is not known")),
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
